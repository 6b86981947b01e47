package render

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gumshoe/engine"
	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

// verdictStyle is the colour of a run's verdict.
func verdictStyle(s engine.Status) style {
	switch s {
	case engine.StatusConfirmed, engine.StatusError:
		return badly
	case engine.StatusHealthy:
		return well
	case engine.StatusLikely, engine.StatusNotReproduced, engine.StatusInconclusive, engine.StatusInterrupted:
	}
	return maybe
}

// verdictWord is a run's verdict as a heading.
func verdictWord(s engine.Status) string {
	return strings.ToUpper(strings.ReplaceAll(Clean(string(s)), "_", " "))
}

// mark is the sign and the colour of what became of a step.
func mark(s engine.StepStatus) (string, style) {
	switch s {
	case engine.Observed, engine.Partial:
		return "✓", green
	case engine.Failed:
		return "✗", red
	case engine.Skipped, engine.NotApplicable, engine.NotNeeded:
	}
	return "–", dim
}

// ran tells whether a step was run, whatever came of it.
func ran(s engine.StepReport) bool {
	return s.Status == engine.Observed || s.Status == engine.Partial || s.Status == engine.Failed
}

// took says how long a run took and how much of the runbook it used.
func took(r *engine.Report) string {
	n := 0
	for _, s := range r.Steps {
		if ran(s) {
			n++
		}
	}
	return fmt.Sprintf("in %s, %d of %s", elapsed(r.ElapsedSeconds), n, plural(len(r.Steps), "step"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "sis"); ok { // hypothesis
		return strconv.Itoa(n) + " " + stem + "ses"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// stepNote is what to say beside a step, on one line.
func stepNote(s engine.StepReport) string {
	switch s.Status {
	case engine.NotNeeded:
		note := "not needed"
		if s.Reason != "" {
			note = s.Reason
		}
		return fmt.Sprintf("%s (%s)", Clean(note), cost(s.CostSeconds))
	case engine.NotApplicable:
		if s.Reason == "" {
			return "does not apply"
		}
		return "does not apply: " + Clean(s.Reason)
	case engine.Failed, engine.Skipped:
		return Clean(s.Reason)
	case engine.Observed, engine.Partial:
	}
	return Clean(s.Summary)
}

// shown is what came of a condition, with its values in human units.
func shown(text, reason string, result kleene.Truth, values []expression.Value) string {
	if result != kleene.Unknown {
		return Clean(withUnits(text, values))
	}
	if reason == "" {
		return "unknown"
	}
	return "unknown: " + Clean(reason)
}

// finding is what came of a piece of evidence, and what that means.
func finding(e engine.EvidenceReport) string {
	text := shown(e.Shown, e.Reason, e.Result, e.Values)
	if e.Result == kleene.False {
		text = joinNonEmpty(": ", "false", text)
	}
	if e.Result == kleene.True && e.Because != "" {
		text = joinNonEmpty(": ", text, Clean(e.Because))
	}
	if note := damped(e); note != "" {
		text = joinNonEmpty(" ", text, note)
	}
	return text
}

// damped says why a finding counts for less than its word.
func damped(e engine.EvidenceReport) string {
	if e.Undamped == 0 || math.Abs(e.Points-e.Undamped) < 0.005 {
		return ""
	}
	if e.Points == 0 {
		return fmt.Sprintf("(%s, but it is no news)", points(e.Undamped))
	}
	share := e.Points / e.Undamped
	for n, word := range []string{"", "half", "a quarter", "an eighth", "a 16th", "a 32nd", "a 64th"} {
		if n > 0 && math.Abs(share-math.Pow(0.5, float64(n))) < 1e-3 {
			return fmt.Sprintf("(%s of %s: same news)", word, points(e.Undamped))
		}
	}
	return fmt.Sprintf("(of %s: same news)", points(e.Undamped))
}

func joinNonEmpty(separator string, parts ...string) string {
	kept := parts[:0:0]
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, separator)
}

// name is a hypothesis's id as people say it.
func name(id string) string { return strings.ReplaceAll(Clean(id), "_", " ") }

// title is a hypothesis's title with its subjects.
func title(h engine.HypothesisReport) string {
	t := Clean(h.Title)
	if t == "" {
		t = name(h.ID)
	}
	if s := subjects(h); s != "" && !strings.Contains(t, s) {
		t += ": " + s
	}
	return t
}

func subjects(h engine.HypothesisReport) string {
	const most = 4
	var shown []string
	for i, s := range h.Subjects {
		if i == most {
			shown = append(shown, fmt.Sprintf("%d more", len(h.Subjects)-most))
			break
		}
		shown = append(shown, Clean(s))
	}
	return strings.Join(shown, ", ")
}

// whyNot says in a few words why a hypothesis is ruled out: the finding that
// weighs most against it. It is cut to columns, unless they are 0.
func whyNot(h engine.HypothesisReport, columns int) string {
	worst := -1
	weight := func(e engine.EvidenceReport) float64 {
		w := e.Points
		if e.Must && e.Result == kleene.False {
			w -= 100
		}
		return w
	}
	for i, e := range h.Evidence {
		if e.Result == kleene.Unknown || weight(e) >= 0 {
			continue
		}
		if worst < 0 || weight(e) < weight(h.Evidence[worst]) {
			worst = i
		}
	}
	if worst < 0 {
		if columns > 0 {
			return fit(Clean(h.Why), columns)
		}
		return Clean(h.Why)
	}
	e := h.Evidence[worst]
	came := joinNonEmpty(": ", " is "+e.Result.String(), shown(e.Shown, e.Reason, e.Result, e.Values))
	if columns > 0 { // what came of it matters more than the end of a long expression
		return fit(fit(Clean(e.Expression), max(columns-width(came), 16))+came, columns)
	}
	return Clean(e.Expression) + came
}

// told are the hypotheses that a run found, the best first: those that carry
// the verdict, each story together and from its deepest cause.
func told(r *engine.Report) []engine.HypothesisReport {
	byID := make(map[string]engine.HypothesisReport)
	var found []engine.HypothesisReport
	for _, verdict := range []engine.Verdict{engine.VerdictConfirmed, engine.VerdictContributing, engine.VerdictLikely} {
		for _, h := range with(r, verdict) {
			byID[h.ID] = h
			found = append(found, h)
		}
	}
	var stories []engine.HypothesisReport
	for _, h := range found {
		for _, id := range append(slices.Clone(h.Chain), h.ID) {
			if member, left := byID[id]; left {
				stories = append(stories, member)
				delete(byID, id)
			}
		}
	}
	return stories
}

// with gives the hypotheses of a verdict in the report's order.
func with(r *engine.Report, verdict engine.Verdict) []engine.HypothesisReport {
	var found []engine.HypothesisReport
	for _, h := range r.Hypotheses {
		if h.Verdict == verdict {
			found = append(found, h)
		}
	}
	return found
}

// headline is the verdict in a sentence.
func headline(r *engine.Report) string {
	if r.Status == engine.StatusError && r.Error != "" {
		return Clean(r.Error)
	}
	text := Clean(r.Headline)
	if rest, ok := strings.CutPrefix(text, "Interrupted: "); ok && r.Status == engine.StatusInterrupted {
		return rest // the word stands before it already
	}
	return text
}

// command is an argv as a person would type it.
func command(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = quoted(arg)
	}
	return strings.Join(words, " ")
}

// quoted quotes an argument for a POSIX shell where it needs that.
func quoted(arg string) string {
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-_./:=,+@%", r))
	}) < 0 {
		return arg
	}
	if !isClean(arg) { // $'…' reads the escapes that Clean writes
		escaped := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(arg)
		return "$'" + Clean(escaped) + "'"
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
