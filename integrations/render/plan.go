package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gumshoe/engine"
)

// PlanJSON writes a plan as one indented object.
func PlanJSON(w io.Writer, plan *engine.RunPlan) error { return writeJSON(w, plan) }

// Plan writes what a run would do.
func Plan(w io.Writer, plan *engine.RunPlan, o Options) error {
	p := newPage(o)
	p.hang("", 0, joinNonEmpty(" · ", Clean(plan.Runbook), Clean(plan.Title), "plan: nothing is run"))
	for _, key := range slices.Sorted(maps.Keys(plan.Inputs)) {
		p.hang(p.in(dim, "  input  "), 9, Clean(key)+"="+quoted(plan.Inputs[key]))
	}
	p.blank()
	for _, s := range plan.Steps {
		p.planned(s, slices.Contains(plan.First, s.ID))
	}
	if len(plan.First) > 0 {
		text := fmt.Sprintf("It takes about %s.", cost(plan.CostSeconds))
		if n := len(plan.Steps); n > 1 {
			text = fmt.Sprintf("First: %s. What follows depends on what is found; all %s in turn would take about %s.",
				Clean(strings.Join(plan.First, ", ")), plural(n, "step"), cost(plan.CostSeconds))
		}
		p.hang("", 0, text)
	}
	p.blank()
	p.line("gumshoe itself")
	p.touches("  ", plan.Own)
	return p.flush(w)
}

func (p *page) planned(s engine.PlannedStep, first bool) {
	sign := "·"
	if first {
		sign = "▸"
	}
	p.hang("  "+p.in(cyan, sign)+" ", 4, fmt.Sprintf("%s  %s · %s · about %s, at most %s · %s",
		Clean(s.ID), Clean(s.Check), onTarget(s.Target), cost(s.CostSeconds), Seconds(s.TimeoutSeconds), Clean(s.Risk)))
	if s.When != "" {
		p.hang("      only when ", 16, Clean(s.When))
	}
	if len(s.Needs) > 0 {
		p.hang("      after ", 12, Clean(strings.Join(s.Needs, ", ")))
	}
	if s.Open != "" {
		p.hang("      not known yet: ", 21, Clean(s.Open))
	}
	if s.Refused != "" {
		p.hang("      "+p.in(red, "✗")+" refused by policy: ", 27, Clean(s.Refused))
	}
	p.touches("      ", s.Touches)
	if len(s.Touches) == 0 && s.Open == "" {
		p.line("      reads /proc and /sys only")
	}
}

func (p *page) touches(indent string, touches []engine.Touch) {
	verbs := 0
	for _, t := range touches {
		verbs = max(verbs, min(width(Clean(t.How)), 16))
	}
	for _, t := range touches {
		what := Clean(t.What)
		if t.Kind == engine.TouchCommand && len(t.Argv) > 0 {
			what = command(t.Argv)
			if len(t.Argv) > 0 && t.What != "" && t.What != t.Argv[0] {
				what += "  (" + Clean(t.What) + ")"
			}
		}
		p.line(indent, pad(Clean(t.How), verbs), "  ", what) // whole, so that it can be copied
	}
}
