package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/checks/checktest"
	"gumshoe/checks/logs/line"
	"gumshoe/checks/logs/stamp"
	"gumshoe/checks/logs/tally"
	"gumshoe/engine"
)

// noon is when the windows of the tests begin: they have a quarter of an hour.
var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

func quarter() window {
	const length = 15 * time.Minute
	return window{before: noon.Add(-length).UnixNano(), from: noon.UnixNano(), to: noon.Add(length).UnixNano()}
}

// read asks a question of a text, in blocks of about so many bytes by two goroutines'
// worth of readings, and concludes.
func read(t testing.TB, text []byte, q Question, w window, blockSize int) (Log, engine.Observation) {
	t.Helper()
	a, err := q.compile()
	if err != nil {
		t.Fatal(err)
	}
	sample := bytes.Split(text[:min(len(text), 1<<16)], []byte("\n"))
	layout, dated := stamp.Detect(sample, stamp.Context{Zone: time.UTC, Modified: noon})
	l := lines{format: line.Detect(sample)}
	if dated {
		l.timeOf = layout.Time
	}
	var readings []*reading
	for range 2 {
		var series *tally.Series
		if !w.open {
			series = tally.NewSeries(w.before, time.Duration(w.to-w.before)/120, 120)
		}
		r, err := newReading(a, w, l, series)
		if err != nil {
			t.Fatal(err)
		}
		readings = append(readings, r)
	}
	for i, start := 0, 0; start < len(text); i++ {
		end := min(start+blockSize, len(text))
		for end < len(text) { // up to where a message begins
			next := bytes.IndexByte(text[end:], '\n')
			if next < 0 {
				end = len(text)
				break
			}
			end += next + 1
			if end == len(text) || l.timeOf == nil {
				break
			}
			if _, ok := l.timeOf(text[end:]); ok {
				break
			}
		}
		readings[i%2].block(int64(start), text[start:end])
		start = end
	}
	readings[0].merge(readings[1])
	look := engine.Check[struct{}, Log]{
		Name: "logs.text", Doc: "A text.", Cost: time.Second, Plan: func(struct{}) []engine.Touch { return nil },
		Run: func(_ context.Context, call *engine.Call, _ struct{}) (Log, error) {
			return conclusion{call: call, reading: readings[0], window: w, compared: !w.open}.log(), nil
		},
		Summarize: func(Log) string { return "" },
	}
	// The maps have the keys of inputs, which this check does not have.
	return observe(t, look)
}

// observe concludes without the declaration of a check.
func observe(t testing.TB, look engine.Check[struct{}, Log]) (Log, engine.Observation) {
	t.Helper()
	type inputs struct {
		Patterns map[string]string `json:"patterns"`
		By       []string          `json:"by"`
		Numbers  []string          `json:"numbers"`
	}
	return checktest.Observe[Log](t, engine.Check[inputs, Log]{
		Name: look.Name, Doc: look.Doc, Cost: look.Cost, Plan: func(inputs) []engine.Touch { return nil },
		Run: func(ctx context.Context, call *engine.Call, _ inputs) (Log, error) {
			return look.Run(ctx, call, struct{}{})
		},
		Summarize: look.Summarize,
	}, nil)
}

// event is a line of the log that the tests make.
type event struct {
	Time   time.Time `json:"time"`
	Level  string    `json:"level"`
	Msg    string    `json:"msg"`
	Status int       `json:"status"`
	Client string    `json:"client"`
	Took   float64   `json:"took"`
}

// events makes a log of half an hour and more, in which things get worse at noon.
func events() (all []event, text []byte) {
	random := rand.New(rand.NewPCG(42, 42))
	for at := noon.Add(-20 * time.Minute); at.Before(noon.Add(17 * time.Minute)); at = at.Add(time.Duration(random.IntN(400)) * time.Millisecond) {
		e := event{
			Time: at.Add(-time.Duration(random.IntN(3)) * time.Second), Level: "info", Status: 200,
			Client: fmt.Sprintf("10.0.0.%d", random.IntN(20)), Took: math.Round(random.ExpFloat64()*1e4) / 1e5,
		}
		e.Msg = fmt.Sprintf("order %d accepted", random.IntN(1e6))
		worse := at.After(noon.Add(3 * time.Minute))
		switch n := random.IntN(100); {
		case n < 2 || worse && n < 30:
			e.Level, e.Status, e.Msg = "error", 503, fmt.Sprintf("order %d failed: connection refused", random.IntN(1e6))
		case worse && n < 35:
			e.Level, e.Msg = "warn", fmt.Sprintf("pool exhausted after %d ms", random.IntN(5000))
		}
		if worse && random.IntN(3) == 0 {
			e.Client = "192.0.2.66"
		}
		all = append(all, e)
		written, _ := json.Marshal(e) // a struct of plain fields
		text = append(append(text, written...), '\n')
	}
	return all, text
}

// TestReadingEqualsReference: whatever the size of blocks, what is read is what a
// plain loop over the events gives.
func TestReadingEqualsReference(t *testing.T) {
	all, text := events()
	q := Question{
		Match: "order [0-9]+", Not: "order 7", Where: map[string]string{"status": ">= 200", "client": "!= 10.0.0.3", "level": ">= info"},
		Patterns: map[string]string{"refused": "connection refused|too many", "client": `"client":"10\.0\.0\.1"`},
		By:       []string{"status", "client"}, Numbers: []string{"took"}, Templates: true,
	}
	match, not := regexp.MustCompile(q.Match), regexp.MustCompile(q.Not)
	w := quarter()
	for _, size := range []int{1 << 30, 1 << 14, 700, 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			var lines, matched, refused, first tally.Count
			var byStatus, byClient = map[string]tally.Count{}, map[string]tally.Count{}
			var took [2][]float64
			for i, e := range all {
				part, in := w.part(e.Time.UnixNano())
				if !in {
					continue
				}
				lines[part]++
				written, _ := json.Marshal(all[i])
				if !match.Match(written) || not.Match(written) || e.Client == "10.0.0.3" {
					continue
				}
				matched[part]++
				count := func(in map[string]tally.Count, key string) {
					c := in[key]
					c[part]++
					in[key] = c
				}
				count(byStatus, fmt.Sprint(e.Status))
				count(byClient, e.Client)
				took[part] = append(took[part], e.Took)
				if strings.Contains(e.Msg, "refused") {
					refused[part]++
				}
				if e.Client == "10.0.0.1" {
					first[part]++
				}
			}
			got, _ := read(t, text, q, w, size)
			if got.Lines != lines[1] || got.Before.Lines != lines[0] || got.Matched != matched[1] || got.Before.Matched != matched[0] {
				t.Errorf("%d lines and %d matched, %d and %d before; want %v and %v", got.Lines, got.Matched, got.Before.Lines, got.Before.Matched, lines, matched)
			}
			if diff := cmp.Diff(map[string]int64{"refused": refused[1], "client": first[1]}, got.Matches); diff != "" {
				t.Errorf("matches (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]int64{"refused": refused[0], "client": first[0]}, got.Before.Matches); diff != "" {
				t.Errorf("matches before (-want +got):\n%s", diff)
			}
			for field, want := range map[string]map[string]tally.Count{"status": byStatus, "client": byClient} {
				counts := map[string]tally.Count{}
				for _, v := range got.By[field].Values {
					counts[v.Value] = tally.Count{v.LinesBefore, v.Lines}
				}
				if diff := cmp.Diff(want, counts); diff != "" {
					t.Errorf("by %s (-want +got):\n%s", field, diff)
				}
			}
			slices.Sort(took[1])
			if s := got.Numbers["took"]; s.Samples != int64(len(took[1])) || s.Max != took[1][len(took[1])-1] || math.Abs(s.P50-took[1][len(took[1])/2]) > 0.001 {
				t.Errorf("took: %+v", s)
			}
		})
	}
}

// TestReadingTellsWhatChanged: what is new and what has grown, who has, and when.
func TestReadingTellsWhatChanged(t *testing.T) {
	_, text := events()
	got, o := read(t, text, Question{By: []string{"client"}, Templates: true}, quarter(), 1<<14)
	if len(got.NewTemplates) != 1 || got.NewTemplates[0].Text != "pool exhausted after <*>" || got.NewTemplates[0].Level != "warning" {
		t.Errorf("new templates: %+v", got.NewTemplates)
	}
	if len(got.GrownTemplates) != 1 || got.GrownTemplates[0].Text != "order <*> failed: connection refused" || got.GrownTemplates[0].Factor < 5 {
		t.Errorf("grown templates: %+v", got.GrownTemplates)
	}
	if v := got.By["client"].Values[0]; v.Value != "192.0.2.66" || !v.Grown || v.LinesBefore != 0 {
		t.Errorf("the first client is %+v", v)
	}
	for _, v := range got.By["client"].Values[1:] {
		if v.Grown {
			t.Errorf("%+v has grown", v)
		}
	}
	if got.Grown || got.Factor > 1.2 || got.Stepped {
		t.Errorf("there are %g times as many lines (grown: %t, stepped: %t)", got.Factor, got.Grown, got.Stepped)
	}
	if got.Errors != got.Levels.Error || got.Levels.Error < 10*got.Before.Levels.Error || got.Levels.Warning == 0 || got.Before.Levels.Warning != 0 {
		t.Errorf("levels %+v, before %+v", got.Levels, got.Before.Levels)
	}
	if !checktest.HasUnread(o, "step") {
		t.Error("a step is told")
	}

	errors, _ := read(t, text, Question{Where: map[string]string{"level": "error"}}, quarter(), 1<<14)
	if !errors.Grown || errors.Factor < 5 || !errors.Stepped || errors.Step.At.Sub(noon.Add(3*time.Minute)).Abs() > time.Minute {
		t.Errorf("errors: factor %g (grown: %t), stepped: %t at %s", errors.Factor, errors.Grown, errors.Stepped, errors.Step.At)
	}
	total := int64(0)
	for _, r := range errors.Rates {
		total += r.Lines
	}
	if total != errors.Matched+errors.Before.Matched || len(errors.Rates) != 60 {
		t.Errorf("%d rates have %d lines, want %d", len(errors.Rates), total, errors.Matched+errors.Before.Matched)
	}
}

// TestReadingMessages: lines without a time belong to the message before them.
func TestReadingMessages(t *testing.T) {
	text := strings.Join([]string{
		"\tat lost.Line(X.java:1)",
		"2026-03-05 11:44:00 INFO too early",
		"2026-03-05 11:50:00 ERROR failed: before",
		"java.io.IOException: refused",
		"\tat a.B(C.java:7)",
		"2026-03-05 12:05:00 ERROR failed: now",
		"java.io.IOException: refused",
		"\tat a.B(C.java:7)",
		"\tat a.D(E.java:9)",
		"2026-03-05 12:05:01 INFO fine",
		"2026-03-05 12:15:00 INFO too late",
		"\tat never.Seen(X.java:1)",
	}, "\n")
	for _, tt := range []struct {
		name            string
		q               Question
		lines, matched  int64
		before, example string
	}{
		{"all", Question{}, 5, 5, "3 of 3", "2026-03-05 12:05:00 ERROR failed: now\njava.io.IOException: refused\n\tat a.B(C.java:7)\n\tat a.D(E.java:9)"},
		{"by what follows", Question{Match: "IOException"}, 5, 1, "1 of 3", "2026-03-05 12:05:00 ERROR failed: now\njava.io.IOException: refused\n\tat a.B(C.java:7)\n\tat a.D(E.java:9)"},
		{"by what begins it", Question{Match: "fine"}, 5, 1, "0 of 3", "2026-03-05 12:05:01 INFO fine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := read(t, []byte(text), tt.q, quarter(), 1<<20)
			if before := fmt.Sprintf("%d of %d", got.Before.Matched, got.Before.Lines); got.Lines != tt.lines || got.Matched != tt.matched || before != tt.before {
				t.Errorf("%d of %d lines, before %s; want %d of %d, before %s", got.Matched, got.Lines, before, tt.matched, tt.lines, tt.before)
			}
			if len(got.Examples) == 0 || got.Examples[0] != tt.example {
				t.Errorf("examples: %q, want %q first", got.Examples, tt.example)
			}
			if got.UndatedLines != 1 {
				t.Errorf("%d lines are undated, want 1", got.UndatedLines)
			}
		})
	}
}

// TestReadingWithoutWindow: everything is looked at, and nothing compared.
func TestReadingWithoutWindow(t *testing.T) {
	got, o := read(t, []byte("one\ntwo 2\n\nthree 3"), Question{Match: "[0-9]", Templates: true}, window{open: true}, 1<<20)
	if got.Lines != 4 || got.Matched != 2 || got.TemplateCount != 2 {
		t.Errorf("%d of %d lines in %d templates, want 2 of 4 in 2", got.Matched, got.Lines, got.TemplateCount)
	}
	for _, path := range []string{"from", "before", "factor", "grown", "rates", "step", "new_templates", "first_at"} {
		if !checktest.HasUnread(o, path) {
			t.Errorf("%s is told", path)
		}
	}
}

func TestConditions(t *testing.T) {
	for _, tt := range []struct {
		field, condition, value string
		want                    bool
	}{
		{"status", "503", "503", true}, {"status", "503", "5030", false}, {"status", "= 503", "503", true}, {"status", "!= 200", "503", true},
		{"status", ">= 500", "503", true}, {"status", ">= 500", "499", false}, {"status", "< 500", "x", false},
		{"took", "> 250ms", "0.3s", true}, {"took", "> 250ms", "240ms", false}, {"took", "<= 1.5", "1.50", true},
		{"path", "~ ^/api/", "/api/x", true}, {"path", "!~ ^/api/", "/api/x", false}, {"path", "", "", true},
		{"level", ">= warning", "ERROR", true}, {"level", ">= warning", "info", false}, {"level", "warn", "WARNING", true},
	} {
		t.Run(tt.field+" "+tt.condition+" for "+tt.value, func(t *testing.T) {
			c, err := parseCondition(tt.field, tt.condition)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.holds([]byte(tt.value)); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
	for _, tt := range []struct{ field, condition, want string }{
		{"level", ">= loud", `"loud" is no level`}, {"status", "> many", "is compared with a number or a level"}, {"path", "~ (", "missing"}, {"status", ">", "and \"\" is neither"},
		{"path", "~", "what is it compared with?"},
	} {
		if _, err := parseCondition(tt.field, tt.condition); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: got %v, want %s", tt.field, tt.condition, err, tt.want)
		}
	}
	for _, operator := range []string{"!= x", "!~ x"} {
		if c, err := parseCondition("a", operator); err != nil || !c.holds(nil) {
			t.Errorf("%s does not hold where there is no such field (%v)", operator, err)
		}
	}
}
