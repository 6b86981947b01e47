package render

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/kleene"
)

// Text writes a report for a person at a terminal: one line says what it is, the
// rest says how to check that.
func Text(w io.Writer, r *engine.Report, o Options) error {
	p := newPage(o)
	for _, s := range r.Steps {
		if s.Status == engine.Failed || s.Status == engine.Skipped {
			p.blind[s.ID] = true
		}
	}
	p.reportHead(r)
	p.reportSymptom(r)
	if began := onset(r); began != "" {
		p.hang(p.in(dim, "  onset    "), 11, began)
	}
	p.reportSteps(r)
	p.blank()
	p.verdict(r)
	switch found := told(r); {
	case r.Status == engine.StatusError:
	case len(found) > 0:
		p.found(r, found)
	default:
		p.leaning(r)
	}
	p.unexplained(r)
	p.missing(r)
	p.ruledOut(r)
	p.changes(r)
	p.wake(r)
	p.attachments(r)
	p.footer(r)
	return p.flush(w)
}

func (p *page) reportHead(r *engine.Report) {
	head := joinNonEmpty(" · ", Clean(r.Title), onTarget(r.Target))
	label := Clean(r.Runbook)
	for i, line := range wrap(joinNonEmpty(" · ", label, head), p.Width) {
		if rest, ok := strings.CutPrefix(line, label); ok && i == 0 {
			line = p.in(bold, label) + rest
		}
		p.line(line)
	}
}

// counted is a number of things, or "" for none.
func counted(n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", n, what)
}

func onTarget(target string) string {
	if target == "" {
		return ""
	}
	return "on " + Clean(target)
}

// onset says when the trouble began, when that is not just now.
func onset(r *engine.Report) string {
	age := r.Started.Sub(r.Onset)
	if r.Onset.IsZero() || age < time.Minute {
		return ""
	}
	return fmt.Sprintf("%s, %s before this look", r.Onset.UTC().Format("2006-01-02 15:04 UTC"), Seconds(age.Round(time.Minute).Seconds()))
}

// reportSymptom writes what came of the symptom. Of several conditions, any of
// which suffices, those that are false are only counted.
func (p *page) reportSymptom(r *engine.Report) {
	const label, other = "  symptom  ", "       or  "
	head := p.in(dim, label)
	quiet, unseen := 0, 0
	seen := slices.ContainsFunc(r.Symptom, func(s engine.SymptomReport) bool { return s.Result == kleene.True })
	for _, s := range r.Symptom {
		if seen && s.Result == kleene.Unknown {
			unseen++ // one that is true suffices
			continue
		}
		state, text := "true", shown(s.Shown, s.Reason, s.Result, s.Values)
		switch s.Result {
		case kleene.True:
		case kleene.False:
			if state = "false"; len(r.Symptom) > 1 {
				quiet++
				continue
			}
		case kleene.Unknown:
			state, text = "unknown", strings.TrimPrefix(strings.TrimPrefix(text, "unknown"), ": ")
		}
		p.beside(head, len(label), Clean(s.Expression), state, text, bold, 26)
		head = other
	}
	switch {
	case quiet+unseen == 0:
	case quiet == len(r.Symptom):
		p.line(head, fmt.Sprintf("none of its %d conditions is true", quiet))
	default:
		p.line(p.in(dim, "           (and "+joinNonEmpty(", ", counted(quiet, "that are false"), counted(unseen, "unknown"))+")"))
	}
}

// beside writes an expression, and to its right a state and a text; on the next
// line when there is no room.
func (p *page) beside(label string, labelWidth int, left, state, text string, st style, column int) {
	right := joinNonEmpty(": ", state, text)
	column = max(column, width(left))
	room := p.Width - labelWidth - column - 3
	if room >= 12 && room >= min(width(right), 28) {
		lines := wrap(right, room)
		for i, line := range lines {
			if i == 0 {
				p.line(label, pad(left, column), "   ", p.stated(state, line, st))
			} else {
				p.line(strings.Repeat(" ", labelWidth+column+3), line)
			}
		}
		return
	}
	p.hang(label, labelWidth, left)
	indent := labelWidth + 3
	for i, line := range wrap(right, p.Width-indent) {
		if i == 0 {
			line = p.stated(state, line, st)
		}
		p.line(strings.Repeat(" ", indent), line)
	}
}

func (p *page) stated(state, line string, st style) string {
	if rest, ok := strings.CutPrefix(line, state); ok {
		return p.in(st, state) + rest
	}
	return line
}

// reportSteps writes a line for each step: those that ran in the order in which
// they ended would jump about, so they stand in file order.
func (p *page) reportSteps(r *engine.Report) {
	names, times := 0, 0
	for _, s := range r.Steps {
		names = max(names, min(width(Clean(s.ID)), 20))
		if ran(s) {
			times = max(times, width(elapsed(s.ElapsedSeconds)))
		}
	}
	var idle []string
	for _, s := range r.Steps {
		if s.Status == engine.NotNeeded {
			idle = append(idle, fmt.Sprintf("%s (%s)", Clean(s.ID), cost(s.CostSeconds)))
			continue
		}
		p.step(s, names, times)
	}
	if len(idle) > 0 {
		const most = 12
		if len(idle) > most {
			idle = append(idle[:most], fmt.Sprintf("%d more", len(idle)-most))
		}
		p.items("  "+p.in(dim, "–")+" "+p.in(dim, "not needed")+"  ", 16, idle)
	}
}

func (p *page) step(s engine.StepReport, names, times int) {
	sign, st := mark(s.Status)
	took := ""
	if ran(s) {
		took = elapsed(s.ElapsedSeconds)
	}
	id := fit(Clean(s.ID), names)
	label := fmt.Sprintf("  %s %s  %s  ", p.in(st, sign), pad(id, names), padLeft(took, times))
	labelWidth := 4 + names + 2 + times + 2
	note := stepNote(s)
	if n := mendable(s.Unread); n > 0 {
		note = joinNonEmpty(" · ", note, plural(n, "field")+" unread")
	}
	p.hang(label, labelWidth, note)
	if s.Fix != "" && (s.Status == engine.Failed || s.Status == engine.Skipped) {
		p.hang(strings.Repeat(" ", labelWidth)+p.in(cyan, "→")+" ", labelWidth+2, Clean(s.Fix))
	}
}

// mendable counts the fields that could be read if somebody allowed it. The rest
// is in the nature of what was seen: a refused connection has no duration.
func mendable(unread []engine.Unread) int {
	n := 0
	for _, u := range unread {
		if u.Fix != "" && !u.NotAsked {
			n++
		}
	}
	return n
}

// verdict writes the line that a reader looks for.
func (p *page) verdict(r *engine.Report) {
	word, text, aside := verdictWord(r.Status), headline(r), took(r)
	st := verdictStyle(r.Status)
	head := width(word) + 2
	gap := p.Width - head - width(text) - width(aside)
	if gap >= 3 {
		p.line(p.in(st, word), "  ", p.in(bold, text), strings.Repeat(" ", gap), p.in(dim, aside))
		return
	}
	p.hangIn(p.in(st, word)+"  ", head, text, bold)
	p.line(strings.Repeat(" ", head), p.in(dim, aside))
}

// found writes the case for each cause that was found, a story at a time.
func (p *page) found(r *engine.Report, found []engine.HypothesisReport) {
	const most = 6
	single := len(found) == 1
	for i, h := range found {
		if i == most {
			p.line("  … and ", plural(len(found)-most, "more cause"), ": gumshoe explain ", shortID(r.Run))
			break
		}
		if !single {
			p.hypothesisHead(h)
		}
		p.evidence(h, h.Verdict != engine.VerdictConfirmed)
		if h.Next != "" {
			p.hang(p.in(dim, "  next        "), 14, Clean(h.Next))
		}
	}
}

// hypothesisHead names a cause that is one of several.
func (p *page) hypothesisHead(h engine.HypothesisReport) {
	said := strings.ReplaceAll(string(h.Verdict), "_", " ")
	if h.Verdict == engine.VerdictConfirmed {
		said = "" // the line above says so
	}
	place := ""
	if i := slices.Index(h.Chain, h.ID); i > 0 && len(h.Chain) > 1 {
		place = "through which " + name(h.Chain[i-1]) + " acts"
	} else if i == 0 && len(h.Chain) > 1 {
		place = "the deepest cause"
	}
	if note := joinNonEmpty(", ", said, place); note != "" {
		p.hangIn("  ", 2, title(h)+" ("+note+")", bold)
		return
	}
	p.hangIn("  ", 2, title(h), bold)
}

// evidence writes the lines of a case; they add up to its points. Those that
// count for nothing are left out but for what is unknown, when asked.
func (p *page) evidence(h engine.HypothesisReport, withUnknown bool) {
	column := 0
	shownLines := make([]engine.EvidenceReport, 0, len(h.Evidence))
	for _, e := range h.Evidence {
		if e.Points == 0 && e.Result != kleene.True && (e.Result != kleene.Unknown || !withUnknown) {
			continue
		}
		shownLines = append(shownLines, e)
		column = max(column, min(width(Clean(e.Expression)), 42))
	}
	slices.SortStableFunc(shownLines, func(a, b engine.EvidenceReport) int {
		switch x, y := math.Abs(a.Points), math.Abs(b.Points); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	for _, e := range shownLines {
		p.evidenceLine(e, column)
	}
}

func (p *page) evidenceLine(e engine.EvidenceReport, column int) {
	number, st := points(e.Points), green
	switch {
	case e.Result == kleene.Unknown:
		number, st = "?", magenta
	case e.Points < 0:
		st = red
	case e.Points == 0:
		st = dim
	}
	label := "  " + strings.Repeat(" ", max(0, 4-width(number))) + p.in(st, number) + "  "
	text := finding(e)
	if id, _, ok := strings.Cut(e.Reason, ":"); ok && e.Result == kleene.Unknown && p.blind[strings.TrimSuffix(id, " was skipped")] {
		id = strings.TrimSuffix(id, " was skipped")
		text = "unknown: " + Clean(id) + " could not look" // why is said where the steps are
	}
	p.beside(label, max(6, 2+width(number))+2, Clean(e.Expression), "", text, plain, column)
}

// leaning writes, for a run that found nothing, what it leans to.
func (p *page) leaning(r *engine.Report) {
	if r.Status == engine.StatusHealthy || r.Status == engine.StatusError {
		return
	}
	open := with(r, engine.VerdictOpen)
	slices.SortStableFunc(open, func(a, b engine.HypothesisReport) int {
		switch {
		case a.Probability > b.Probability:
			return -1
		case a.Probability < b.Probability:
			return 1
		}
		return 0
	})
	const top = 3
	if len(open) == 0 {
		return
	}
	p.line(p.in(dim, "  still possible, the likeliest first"))
	for i, h := range open {
		if i == top {
			p.line("  … and ", plural(len(open)-top, "other"))
			break
		}
		p.hangIn("  ", 2, fmt.Sprintf("%d. %s", i+1, title(h)), bold)
		p.evidence(h, true)
	}
}

func (p *page) unexplained(r *engine.Report) {
	if len(r.Unexplained) == 0 {
		return
	}
	const most = 5
	p.line(p.in(dim, "  odd: true, and nothing above explains it"))
	column := 0
	for _, e := range r.Unexplained {
		column = max(column, min(width(Clean(e.Expression)), 42))
	}
	for i, e := range r.Unexplained {
		if i == most {
			p.line("        … and ", fmt.Sprint(len(r.Unexplained)-most), " more")
			break
		}
		label := "     " + p.in(magenta, "!") + "  "
		p.beside(label, 8, Clean(e.Expression), "", shown(e.Shown, e.Reason, e.Result, e.Values), plain, column)
	}
}

// missing writes what could not be looked at, how to allow it, and what it could
// bring. A confirmed run only mentions it.
func (p *page) missing(r *engine.Report) {
	list := r.Missing
	if r.Status == engine.StatusConfirmed || r.Status == engine.StatusHealthy {
		list = slices.DeleteFunc(slices.Clone(list), func(m engine.MissingReport) bool {
			return stepStatus(r, m.Step) != engine.Partial
		})
	}
	list = slices.DeleteFunc(slices.Clone(list), func(m engine.MissingReport) bool {
		return stepStatus(r, m.Step) == engine.Partial && m.Could == "" // no finding depends on it
	})
	if len(list) == 0 {
		return
	}
	const most = 8
	p.line(p.in(dim, "  not looked at"))
	for i, m := range list {
		if i == most {
			p.line("     … and ", fmt.Sprint(len(list)-most), " more")
			break
		}
		p.missed(r, m)
	}
}

func (p *page) missed(r *engine.Report, m engine.MissingReport) {
	could := Clean(m.Could)
	if could == "" {
		could = "could change nothing above"
		if m.Reason != "" {
			could = ""
		}
	}
	label := "     " + p.in(magenta, "?") + "  "
	said := slices.Contains([]engine.StepStatus{engine.Failed, engine.Skipped}, stepStatus(r, m.Step))
	switch {
	case could != "" && (said || m.Reason == "not run"):
		p.hang(label, 8, could)
	case said:
		return // its line among the steps says it all
	default:
		p.hang(label, 8, joinNonEmpty(": ", Clean(m.Step), Clean(m.Reason)))
		if could != "" {
			p.hang("        ", 8, could)
		}
	}
	if m.Fix != "" && !said {
		p.hang("        "+p.in(cyan, "→")+" ", 10, Clean(m.Fix))
	}
}

func stepStatus(r *engine.Report, id string) engine.StepStatus {
	for _, s := range r.Steps {
		if s.ID == id {
			return s.Status
		}
	}
	return ""
}

// ruledOut names what it is not: the first few with the reason, a line each.
func (p *page) ruledOut(r *engine.Report) {
	const explained, named = 4, 16
	ruled := with(r, engine.VerdictRuledOut)
	label := p.in(dim, "  ruled out   ")
	var rest []string
	for i, h := range ruled {
		switch why := whyNot(h, p.Width-16-width(name(h.ID))); {
		case i >= named:
		case i < explained && why != "":
			p.line(label, name(h.ID), ": ", why)
			label = strings.Repeat(" ", 14)
		default:
			rest = append(rest, name(h.ID))
		}
	}
	if more := len(ruled) - named; more > 0 {
		rest = append(rest, fmt.Sprintf("and %d more", more))
	}
	p.items(label, 14, rest)
}

func (p *page) changes(r *engine.Report) {
	const most = 5
	for i, c := range r.Changes {
		label := "              "
		if i == 0 {
			label = p.in(dim, "  changed     ")
		}
		if i == most {
			p.line(label, fmt.Sprintf("… and %d more before the onset", len(r.Changes)-most))
			break
		}
		text := joinNonEmpty(" ", Clean(c.Kind), Clean(c.What))
		if c.By != "" {
			text += " by " + Clean(c.By)
		}
		p.hang(label, 14, c.At.UTC().Format("15:04")+" "+text)
	}
}

// wake says whom to ask when the run could not tell.
func (p *page) wake(r *engine.Report) {
	switch r.Status {
	case engine.StatusInconclusive, engine.StatusNotReproduced, engine.StatusLikely, engine.StatusInterrupted:
	case engine.StatusConfirmed, engine.StatusHealthy, engine.StatusError:
		return
	}
	who := joinNonEmpty(", then ", Clean(r.Owner), Clean(r.Escalation))
	if who != "" {
		p.hang(p.in(dim, "  ask         "), 14, who)
	}
}

func (p *page) footer(r *engine.Report) {
	if !p.Footer {
		return
	}
	parts := []string{"report " + Clean(r.Run)}
	if p.Kept {
		parts = append(parts, "gumshoe explain "+shortID(r.Run))
	}
	parts = append(parts, fmt.Sprintf("exit status %d", p.Exit))
	p.line(p.in(dim, strings.Join(parts, " · ")))
}

// shortID is enough of a run's id to find it again: the 10 characters of a ULID
// that are its time, to the millisecond.
func shortID(id string) string { return Clean(id[:min(len(id), 10)]) }
