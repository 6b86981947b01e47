package render_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gumshoe/engine"
	"gumshoe/integrations/render"
)

// screen is a small terminal: it knows what Progress writes, and fails on
// anything else.
type screen struct {
	mu   sync.Mutex
	t    *testing.T
	rows []string
	at   int
	cols int
	// most is the highest number of rows that were ever used.
	most   int
	writes int
}

func (s *screen) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	text := string(data)
	for text != "" {
		switch {
		case strings.HasPrefix(text, "\x1b["):
			end := strings.IndexAny(text, "AJKlhm")
			code, final := text[2:end], text[end]
			switch final {
			case 'A':
				var n int
				fmt.Sscanf(code, "%d", &n)
				if s.at -= n; s.at < 0 {
					s.t.Errorf("it goes %d rows above where it began", -s.at)
					s.at = 0
				}
			case 'J':
				s.rows = s.rows[:min(len(s.rows), s.at)]
			}
			text = text[end+1:]
		case text[0] == '\r':
			text = text[1:]
		case text[0] == '\n':
			s.at++
			text = text[1:]
		default:
			end := strings.IndexAny(text, "\x1b\r\n")
			if end < 0 {
				end = len(text)
			}
			for len(s.rows) <= s.at {
				s.rows = append(s.rows, "")
			}
			s.rows[s.at] = text[:end]
			if n := len([]rune(text[:end])); n >= s.cols {
				s.t.Errorf("a line of %d columns would wrap on %d: %q", n, s.cols, text[:end])
			}
			text = text[end:]
		}
	}
	s.most = max(s.most, len(s.rows))
	return len(data), nil
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.rows, "\n")
}

func started(name string) engine.Event {
	return engine.Event{Kind: engine.EventStepStarted, Step: name, Check: "host.cpu", Cost: time.Second}
}

func ended(name, summary string) engine.Event {
	s := step(name, "host.cpu", 1.04, summary)
	return engine.Event{Kind: engine.EventStepEnded, Step: name, Report: &s, Standings: []engine.Standing{
		{ID: "disk_stalled", Verdict: engine.VerdictOpen, Points: 5}, {ID: "cpu_saturated", Verdict: engine.VerdictLikely, Points: 17.5},
		{ID: "zombies", Verdict: engine.VerdictRuledOut}, {ID: "swapping", Verdict: engine.VerdictOpen},
	}}
}

func TestLiveProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t, cols: 40}
		p := render.NewProgress(s, true, func() (int, int) { return 40, 6 }, render.Options{})
		p.Event(engine.Event{Kind: engine.EventRunStarted})
		p.Event(started("cpu"))
		p.Event(started("memory"))
		time.Sleep(1050 * time.Millisecond)
		synctest.Wait()
		for _, want := range []string{"cpu          1.0 s  of about 1 s", "memory       1.0 s", "1.0 s · 0 done, 2 running"} {
			if !strings.Contains(s.text(), want) {
				t.Errorf("%q is not on the screen:\n%s", want, s.text())
			}
		}
		p.Event(ended("cpu", evil+" "+strings.Repeat("long ", 30)))
		for i := range 20 {
			p.Event(started(fmt.Sprint("step", i)))
		}
		if !strings.Contains(s.text(), "more") {
			t.Errorf("the screen:\n%s", s.text())
		}
		if s.most > 5 {
			t.Errorf("%d rows are used of a terminal with 6", s.most)
		}
		p.End(false)
		if s.text() != "" {
			t.Errorf("something is left on the screen:\n%s", s.text())
		}
		writes := s.writes
		time.Sleep(time.Second)
		if s.writes != writes {
			t.Error("it goes on drawing after the end")
		}
	})
}

// The screen shows what has evidence so far, the most first.
func TestLiveSuspects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t, cols: 80}
		p := render.NewProgress(s, true, func() (int, int) { return 80, 24 }, render.Options{})
		p.Event(started("cpu"))
		p.Event(ended("cpu", "23 % used"))
		want := "✓ cpu          1.0 s  23 % used\n" +
			"  cpu saturated            ━━━━━━━━━━━━━━━━━━──  +18  likely\n" +
			"  disk stalled             ━━━━━───────────────   +5\n" +
			"< 1 ms · 1 done, 0 running · 1 of 4 causes ruled out"
		if s.text() != want {
			t.Errorf("got\n%s\nwant\n%s", s.text(), want)
		}
		p.End(false)
	})
}

func TestLiveProgressKeepsLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t, cols: 80}
		p := render.NewProgress(s, true, func() (int, int) { return 80, 24 }, render.Options{})
		p.Event(started("cpu"))
		p.Event(ended("cpu", "23 % used"))
		p.End(true)
		if got, want := s.text(), "✓ cpu          1.0 s  23 % used"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestPlainProgress(t *testing.T) {
	var out bytes.Buffer
	p := render.NewProgress(&out, false, nil, render.Options{})
	p.Event(started("cpu"))
	p.Event(ended("cpu", "23 % used, 4 cores"))
	bad := blind("db", "probe.postgres", 0.01, "no password\x1b[2J", "set it")
	p.Event(engine.Event{Kind: engine.EventStepEnded, Step: "db", Report: &bad})
	p.End(true)
	if got, want := out.String(), "✓ cpu 1.0 s 23 % used, 4 cores\n✗ db 10 ms no password\\x1b[2J\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
