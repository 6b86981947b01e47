package logs

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"gumshoe/checks/logs/line"
	"gumshoe/checks/logs/tally"
	"gumshoe/checks/logs/template"
	"gumshoe/engine"
)

const (
	// maxTemplates, maxFieldValues and maxRates bound what is told.
	maxTemplates   = 20
	maxFieldValues = 50
	maxRates       = 60
	// leastFactor and leastSurprise are by how much more there has to be for growth:
	// three times as many, and one chance in a million that nothing changed. Log
	// lines come in bursts, for which a chance of one in twenty says nothing.
	leastFactor   = 3
	leastSurprise = 6
)

// A conclusion makes of what was read what is observed.
type conclusion struct {
	call    *engine.Call
	reading *reading
	window  window
	// compared says whether the window before was read; why says why it was not.
	compared bool
	why      string
}

func (c conclusion) log() Log {
	r := c.reading
	o := Log{
		Matches: map[string]int64{}, Rates: []Rate{}, Templates: []Template{}, NewTemplates: []Template{}, GrownTemplates: []Template{},
		Sources: []Source{}, By: map[string]Breakdown{}, Numbers: map[string]Spread{}, Examples: []string{},
		Before: Before{Matches: map[string]int64{}},
	}
	o.Lines, o.Matched, o.UndatedLines = r.total[tally.Window], r.matched[tally.Window], r.undated
	o.Before.Lines, o.Before.Matched = r.total[tally.Before], r.matched[tally.Before]
	for i, name := range r.asked.names {
		o.Matches[name], o.Before.Matches[name] = r.matches[i][tally.Window], r.matches[i][tally.Before]
	}
	o.Levels, o.Errors = levels(r.levels[tally.Window])
	o.Before.Levels, o.Before.Errors = levels(r.levels[tally.Before])
	for _, e := range r.examples {
		o.Examples = append(o.Examples, printable(e.text))
	}
	c.times(&o)
	c.templates(&o)
	for i, name := range r.asked.by {
		o.By[name] = c.breakdown(name, &r.by[i])
	}
	for i, name := range r.asked.numbers {
		o.Numbers[name] = c.spread(name, &r.numbers[i], r.units[i])
	}
	return o
}

func levels(counts map[line.Level]int64) (l Levels, errors int64) {
	l = Levels{
		Critical: counts[line.Critical], Error: counts[line.Error], Warning: counts[line.Warning], Notice: counts[line.Notice],
		Info: counts[line.Info], Debug: counts[line.Debug], Trace: counts[line.Trace], Unknown: counts[line.Unknown],
	}
	return l, l.Critical + l.Error
}

// printable gives a text of a log in characters that can be shown.
func printable(text []byte) string {
	return string(bytes.ToValidUTF8(bytes.ReplaceAll(text, []byte{0}, nil), []byte("\ufffd")))
}

// times fills in what depends on when lines were written.
func (c conclusion) times(o *Log) {
	r, w := c.reading, c.window
	if r.first != 0 {
		o.FirstAt, o.LastAt = at(r.first), at(r.last)
	} else {
		reason := "none of the lines asked for has a time"
		if o.Matched == 0 {
			reason = "no line is asked for"
		}
		c.call.NotAsked("first_at", reason, "")
		c.call.NotAsked("last_at", reason, "")
	}
	if w.open {
		const reason, fix = "no window is given", "give since, such as since=15m"
		for _, path := range []string{"from", "to", "rate_per_second", "before", "factor", "grown", "stepped", "step", "rates"} {
			c.call.NotAsked(path, reason, fix)
		}
		return
	}
	o.From, o.To, o.Before.From = at(w.from), at(w.to), at(w.before)
	length := w.length()
	o.RatePerSecond = float64(o.Matched) / length
	c.rates(o)
	if !c.compared {
		for _, path := range []string{"before", "factor", "grown"} {
			c.call.NotAsked(path, c.why, "")
		}
		return
	}
	o.Before.RatePerSecond = float64(o.Before.Matched) / length
	o.Factor, o.Grown = c.growth(r.matched)
}

// rates fills in how the lines are spread over time.
func (c conclusion) rates(o *Log) {
	series := c.reading.series
	counts := series.Counts()
	merged := (len(counts) + maxRates - 1) / maxRates
	for i := 0; i < len(counts); i += merged {
		rate := Rate{At: at(c.window.before + int64(i)*int64(series.Bucket()))}
		for _, n := range counts[i:min(i+merged, len(counts))] {
			rate.Lines += n
		}
		o.Rates = append(o.Rates, rate)
	}
	step, found := series.Step()
	if o.Stepped = found && c.compared; o.Stepped {
		o.Step = Step{At: at(step.At), FromPerSecond: step.Before, ToPerSecond: step.After}
		return
	}
	c.call.NotAsked("step", "the rate did not go over to another", "")
}

// growth compares with the window before.
func (c conclusion) growth(count tally.Count) (factor float64, grown bool) {
	g := tally.Grow(count, c.window.length(), c.window.length())
	return g.Factor, g.Factor >= leastFactor && g.Surprise >= leastSurprise
}

// length is that of the window, in seconds.
func (w window) length() float64 { return time.Duration(w.to - w.from).Seconds() }

func at(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }

// templates fills in the templates, and which are new or have grown.
func (c conclusion) templates(o *Log) {
	if c.reading.miner == nil {
		for _, path := range []string{"template_count", "templates", "new_templates", "grown_templates"} {
			c.call.NotAsked(path, "templates were not asked for", "give templates=true")
		}
		return
	}
	type grown struct {
		Template
		surprise float64
	}
	var more []grown
	for _, t := range c.reading.miner.Templates() {
		if t.Lines[tally.Window] == 0 {
			continue
		}
		told := c.template(t)
		o.TemplateCount++
		if len(o.Templates) < maxTemplates {
			o.Templates = append(o.Templates, told)
		}
		if !c.compared {
			continue
		}
		growth := tally.Grow(t.Lines, c.window.length(), c.window.length())
		switch {
		case t.Lines[tally.Before] == 0:
			if len(o.NewTemplates) < maxTemplates {
				o.NewTemplates = append(o.NewTemplates, told)
			}
		case growth.Factor >= leastFactor && growth.Surprise >= leastSurprise:
			more = append(more, grown{told, growth.Surprise})
		}
	}
	slices.SortStableFunc(more, func(a, b grown) int { return cmp.Compare(b.surprise, a.surprise) })
	for _, g := range more[:min(len(more), maxTemplates)] {
		o.GrownTemplates = append(o.GrownTemplates, g.Template)
	}
	if !c.compared {
		c.call.NotAsked("new_templates", c.because(), "")
		c.call.NotAsked("grown_templates", c.because(), "")
		c.call.NotAsked("templates[].lines_before", c.because(), "")
		c.call.NotAsked("templates[].factor", c.because(), "")
	}
}

// because is why nothing is compared.
func (c conclusion) because() string {
	if c.window.open {
		return "no window is given"
	}
	return c.why
}

func (c conclusion) template(t template.Template) Template {
	told := Template{
		ID: t.ID, Text: printable([]byte(t.Text)), Lines: t.Lines[tally.Window], LinesBefore: t.Lines[tally.Before],
		Level: line.Level(t.Mark).String(), FirstAt: at(t.First), LastAt: at(t.Last), Example: printable([]byte(t.Example)),
	}
	if c.compared {
		told.Factor, _ = c.growth(t.Lines)
	}
	return told
}

func (c conclusion) breakdown(name string, v *tally.Values) Breakdown {
	b := Breakdown{Lines: v.Lines()[tally.Window], Values: []FieldValue{}}
	b.Distinct, b.Exact = v.Distinct()
	for _, value := range v.Top(maxFieldValues) {
		told := FieldValue{Value: printable([]byte(value.Text)), Lines: value.Count[tally.Window], LinesBefore: value.Count[tally.Before]}
		if b.Lines > 0 {
			told.Percent = 100 * float64(told.Lines) / float64(b.Lines)
		}
		if c.compared {
			told.Factor, told.Grown = c.growth(value.Count)
		}
		b.Values = append(b.Values, told)
	}
	if !c.compared {
		for _, field := range []string{"lines_before", "factor", "grown"} {
			c.call.NotAsked(fmt.Sprintf("by[%q].values[].%s", name, field), c.because(), "")
		}
	}
	return b
}

func (c conclusion) spread(name string, numbers *[2]tally.Numbers, unit line.Unit) Spread {
	path := fmt.Sprintf("numbers[%q].", name)
	now, before := &numbers[tally.Window], &numbers[tally.Before]
	s := Spread{Samples: now.Samples(), Unit: cmp.Or(unit.String(), "none")}
	if s.Samples == 0 {
		for _, field := range []string{"min", "mean", "p50", "p90", "p95", "p99", "max"} {
			c.call.NotAsked(path+field, "no line asked for has a number there", "")
		}
	} else {
		q := now.Quantiles(0.5, 0.9, 0.95, 0.99)
		s.Min, s.Mean, s.Max, s.P50, s.P90, s.P95, s.P99 = now.Min(), now.Mean(), now.Max(), q[0], q[1], q[2], q[3]
	}
	if !c.compared || before.Samples() == 0 {
		reason := c.because()
		if c.compared {
			reason = "no line of the window before has a number there"
		}
		c.call.NotAsked(path+"median_before", reason, "")
		c.call.NotAsked(path+"p95_before", reason, "")
		return s
	}
	q := before.Quantiles(0.5, 0.95)
	s.MedianBefore, s.P95Before = q[0], q[1]
	return s
}
