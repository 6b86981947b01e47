package load

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gumshoe/engine"
	"gumshoe/engine/expression"
)

// lint warns of what loads but cannot be meant. It looks at a runbook without
// faults.
func (b *builder) lint(main *document) {
	b.warnUnusedSteps(main)
	b.warnTwins()
	b.warnNeverHealthy()
	for _, c := range b.conditions() {
		b.warnConstant(c)
	}
}

// conditions gives all conditions that stand in the runbook.
func (b *builder) conditions() []*expression.Condition {
	all := slices.Clone(b.book.Symptom)
	for _, s := range b.book.Steps {
		if s.When != nil {
			all = append(all, s.When)
		}
	}
	for _, h := range b.book.Hypotheses {
		for _, e := range h.Evidence {
			all = append(all, e.Condition)
		}
		if h.Remedy != nil && h.Remedy.Verify != nil {
			all = append(all, h.Remedy.Verify)
		}
	}
	return all
}

// warnUnusedSteps warns of the runbook's own steps that nothing reads. Those of
// used files are there for whom they help.
func (b *builder) warnUnusedSteps(main *document) {
	if len(b.book.Hypotheses) == 0 {
		return // a part, whose steps are for others
	}
	var roots []string
	for _, c := range b.conditions() {
		roots = append(roots, c.Roots()...)
	}
	for _, s := range b.book.Steps {
		for _, need := range s.Needs {
			roots = append(roots, b.book.Steps[need].Name)
		}
	}
	for _, h := range b.book.Hypotheses {
		if h.Names != nil {
			roots = append(roots, h.Names.Roots()...)
		}
		texts := []*expression.Template{h.Title, h.Next}
		for _, e := range h.Evidence {
			texts = append(texts, e.Because)
		}
		for _, t := range texts {
			if t != nil {
				roots = append(roots, t.Roots()...)
			}
		}
		if h.Remedy != nil {
			for _, arg := range h.Remedy.With {
				roots = append(roots, rootsOf(arg.Value)...)
			}
		}
	}
	for _, d := range b.drafts {
		if d.doc == main && !slices.Contains(roots, d.step.Name) {
			b.faults.Warnf(d.step.At, "nothing reads step %s, so it is only run by --all; cite it as evidence or drop it", d.step.Name)
		}
	}
}

// warnTwins warns of hypotheses that no observation can tell apart.
func (b *builder) warnTwins() {
	first := make(map[string]*engine.Hypothesis)
	for _, h := range b.book.Hypotheses {
		var vector []string
		for _, e := range h.Evidence {
			vector = append(vector, fmt.Sprintf("%s %t %t %s", e.Word, e.Must, e.ElseNone, e.Condition.Key()))
		}
		slices.Sort(vector)
		key := strings.Join(vector, "\n")
		if twin := first[key]; twin != nil {
			b.faults.Warnf(h.At, "nothing can tell %s from %s: their evidence is the same; add what speaks for one only", h.ID, twin.ID)
			continue
		}
		first[key] = h
	}
}

// warnNeverHealthy warns of hypotheses that keep a runbook without a symptom
// from ever being called healthy.
func (b *builder) warnNeverHealthy() {
	if len(b.book.Symptom) > 0 {
		return
	}
	for _, h := range b.book.Hypotheses {
		if !slices.ContainsFunc(h.Evidence, func(e engine.Evidence) bool { return e.Must }) {
			b.faults.Warnf(h.At, "with no symptom declared and no must: true in %s, a run is never healthy; declare one or the other", h.ID)
		}
	}
}

// comparison matches a condition, or a part of one, that compares a percentage
// with a number.
var (
	comparison = regexp.MustCompile(`^([a-z_][\w.\[\]"']*_percent)\s*(==|>=|<=|>|<)\s*(-?[0-9][0-9_]*(?:\.[0-9]+)?)$`)
	conjunct   = regexp.MustCompile(`\s+and\s+|\s*&&\s*`)
)

// warnConstant warns of a condition that is the same whatever is observed.
func (b *builder) warnConstant(c *expression.Condition) {
	text := c.Text()
	if len(c.Roots()) == 0 {
		outcome := "the same"
		if truth, known := b.tried[c]; known {
			outcome = truth.String()
		}
		b.faults.Warnf(text.Position, "%s reads nothing, so it is %s in every run", clip(strings.TrimSpace(text.Value)), outcome)
		return
	}
	if strings.ContainsAny(text.Value, "(|?!") || strings.Contains(text.Value, " or ") || strings.Contains(text.Value, "not ") {
		return // the parts do not simply add up
	}
	parts := conjunct.Split(strings.TrimSpace(text.Value), -1)
	for _, part := range parts {
		m := comparison.FindStringSubmatch(part)
		if len(m) == 0 || strings.HasSuffix(m[1], ".cpu_percent") {
			continue // a process can use more than one core: more than 100 percent
		}
		n, err := strconv.ParseFloat(strings.ReplaceAll(m[3], "_", ""), 64)
		if err != nil {
			continue
		}
		never, always := percentConstant(m[2], n)
		switch {
		case never:
			b.faults.Warnf(text.Position, "nothing makes %s true: a percentage is from 0 to 100", part)
		case always && len(parts) == 1:
			b.faults.Warnf(text.Position, "%s is always true: a percentage is from 0 to 100", part)
		}
	}
}

// percentConstant tells whether comparing a number from 0 to 100 with n comes
// out the same whatever the number is.
func percentConstant(operator string, n float64) (never, always bool) {
	switch operator {
	case ">":
		return n >= 100, n < 0
	case ">=":
		return n > 100, n <= 0
	case "<":
		return n <= 0, n > 100
	case "<=":
		return n < 0, n >= 100
	case "==":
		return n < 0 || n > 100, false
	}
	return false, false
}
