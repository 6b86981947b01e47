package render

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gumshoe/engine"
)

// Progress shows a run while it goes on: live on a terminal, where the running
// steps are redrawn in place, and elsewhere as a line for each step that ends.
type Progress struct {
	out     io.Writer
	live    bool
	options Options
	size    func() (columns, rows int)

	mu      sync.Mutex
	started time.Time
	running []runningStep
	ended   []string // settled lines, kept on the screen above the running ones
	drawn   int      // lines that the last frame takes
	frame   int
	// standings are where the hypotheses stood when the last step ended.
	standings []engine.Standing

	stop chan struct{}
	done chan struct{}
}

type runningStep struct {
	name    string
	cost    time.Duration
	started time.Time
}

// redraw is the time between two frames: quick enough for a spinner, slow enough
// to cost nothing.
const redraw = 100 * time.Millisecond

// spinner are the pictures of a step that runs, one after another.
const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

// NewProgress makes a progress on out. Live means that out is a terminal that
// can be redrawn; size then tells its size, 0 where that is not known. End has to be called.
func NewProgress(out io.Writer, live bool, size func() (columns, rows int), o Options) *Progress {
	p := &Progress{out: out, live: live, options: o, size: size, started: time.Now(),
		stop: make(chan struct{}), done: make(chan struct{})}
	if !live {
		close(p.done)
		return p
	}
	go p.animate()
	return p
}

// Event takes in what happens; it is an engine.Options.Progress.
func (p *Progress) Event(e engine.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Standings != nil {
		p.standings = e.Standings
	}
	switch e.Kind {
	case engine.EventStepStarted:
		p.running = append(p.running, runningStep{e.Step, e.Cost, time.Now()})
	case engine.EventStepEnded:
		p.stepEnded(e)
	case engine.EventRunStarted, engine.EventRunEnded:
	}
	if p.live {
		p.draw()
	}
}

func (p *Progress) stepEnded(e engine.Event) {
	for i, s := range p.running {
		if s.name == e.Step {
			p.running = append(p.running[:i], p.running[i+1:]...)
			break
		}
	}
	if e.Report == nil {
		return
	}
	sign, st := mark(e.Report.Status)
	time := ""
	if ran(*e.Report) {
		time = elapsed(e.Report.ElapsedSeconds)
	}
	text := joinNonEmpty("  ", pad(Clean(e.Step), 10), padLeft(time, 6), stepNote(*e.Report))
	if p.live {
		p.ended = append(p.ended, p.options.in(st, sign)+" "+text)
		return
	}
	fmt.Fprintln(p.out, fit(joinNonEmpty(" ", sign, Clean(e.Step), time, stepNote(*e.Report)), 200))
}

// End stops the progress and wipes what it drew, so that the report stands alone;
// with keep it leaves the lines of the steps that ended.
func (p *Progress) End(keep bool) {
	if !p.live {
		return
	}
	close(p.stop)
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	columns, _ := p.bounds()
	var b strings.Builder
	b.WriteString(p.wipe())
	if keep {
		for _, line := range p.ended {
			b.WriteString(p.fitted(line, columns) + "\n")
		}
	}
	p.drawn = 0
	p.show(b.String())
}

func (p *Progress) animate() {
	defer close(p.done)
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.mu.Lock()
			p.frame++
			p.draw()
			p.mu.Unlock()
		}
	}
}

func (p *Progress) bounds() (columns, rows int) {
	columns, rows = p.size()
	if columns <= 0 {
		columns = 80
	}
	if rows <= 0 {
		rows = 24
	}
	return columns, rows
}

// wipe goes back to where the last frame began and clears from there.
func (p *Progress) wipe() string {
	if p.drawn == 0 {
		return "\r\x1b[J"
	}
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", p.drawn)
}

// draw redraws the frame with one write. Each line is overwritten and only its
// rest cleared: clearing first is what flickers.
func (p *Progress) draw() {
	columns, rows := p.bounds()
	lines := p.lines(max(rows-2, 3))
	var b strings.Builder
	b.WriteByte('\r') // the cursor is not hidden: a killed program could not show it again
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	for _, line := range lines {
		b.WriteString(p.fitted(line, columns))
		b.WriteString("\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	p.drawn = len(lines)
	p.show(b.String())
}

// show writes to the terminal. That nobody watches is no reason to end a run.
func (p *Progress) show(frame string) { _, _ = io.WriteString(p.out, frame) }

// lines are at most `most` lines: the running steps, what has evidence so far,
// and above them as many of the ended steps as there is room for.
func (p *Progress) lines(most int) []string {
	var running []string
	for _, s := range p.running {
		spent := time.Since(s.started).Seconds()
		pictures := []rune(spinner)
		sign := p.options.in(cyan, string(pictures[p.frame%len(pictures)]))
		running = append(running, fmt.Sprintf("%s %s  %s  of about %s", sign, pad(Clean(s.name), 10), padLeft(elapsed(spent), 6), cost(s.cost.Seconds())))
	}
	if len(running) > most-1 {
		more := len(running) - most + 2
		running = append(running[:most-2], fmt.Sprintf("  and %d more", more))
	}
	suspects, ruledOut := p.suspects()
	running = append(running, suspects[:min(len(suspects), max(most-1-len(running), 0))]...)
	status := fmt.Sprintf("%s · %d done, %d running", elapsed(time.Since(p.started).Seconds()), len(p.ended), len(p.running))
	if len(p.standings) > 0 {
		status += fmt.Sprintf(" · %d of %d causes ruled out", ruledOut, len(p.standings))
	}
	running = append(running, p.options.in(dim, status))
	room := most - len(running)
	return append(append([]string(nil), p.ended[max(0, len(p.ended)-room):]...), running...)
}

// The lines of what has evidence so far.
const (
	maxSuspects = 3
	gauge       = 20 // its width: as many points as confirm a cause by themselves
)

// suspects are the hypotheses with the most evidence, each with its points as a
// gauge; and how many are ruled out. Points and not probabilities: these add up
// before one's eyes.
func (p *Progress) suspects() (lines []string, ruledOut int) {
	var list []engine.Standing
	for _, s := range p.standings {
		switch {
		case s.Verdict == engine.VerdictRuledOut:
			ruledOut++
		case s.Points > 0:
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b engine.Standing) int { return cmp.Compare(b.Points, a.Points) })
	for _, s := range list[:min(maxSuspects, len(list))] {
		full := min(int(math.Round(s.Points)), gauge)
		st, verdict := cyan, ""
		switch s.Verdict {
		case engine.VerdictConfirmed:
			st, verdict = badly, string(s.Verdict)
		case engine.VerdictLikely, engine.VerdictContributing:
			st, verdict = maybe, string(s.Verdict)
		case engine.VerdictOpen, engine.VerdictRuledOut:
		}
		bar := p.options.in(st, strings.Repeat("━", full)) + p.options.in(dim, strings.Repeat("─", gauge-full))
		lines = append(lines, strings.TrimRight(fmt.Sprintf("  %s %s %s  %s", pad(name(s.ID), 24), bar, padLeft(fmt.Sprintf("%+.0f", s.Points), 4), verdict), " "))
	}
	return lines, ruledOut
}

// fitted cuts a line that may hold colours to the terminal's width, so that it
// never wraps: a wrapped line would break the way back up.
func (p *Progress) fitted(line string, columns int) string {
	n := 0
	for i := 0; i < len(line); {
		if line[i] == '\x1b' {
			if end := strings.IndexByte(line[i:], 'm'); end >= 0 {
				i += end + 1
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(line[i:])
		if n += runeWidth(r); n > columns-1 {
			cut := line[:i]
			if p.options.Color {
				cut += "\x1b[0m"
			}
			return cut
		}
		i += size
	}
	return line
}
