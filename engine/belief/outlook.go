package belief

import (
	"slices"

	"gumshoe/engine/kleene"
)

// CouldBring says, for a step that was not run or brought nothing, what it could
// still do to each hypothesis: every outcome of its findings that are not known
// yet is tried, together with the findings that it shares with other steps. It
// lists only the hypotheses whose probability it can move by a thousandth or
// more, by index.
func (b *Belief) CouldBring(step int) []Outlook {
	const noticeable = 0.001
	var open []int
	for _, f := range b.m.units[b.m.unitOfStep[step]].findings {
		if len(open) < maxPlanned && b.truth[f] == kleene.Unknown && !b.dismissed[f] && b.m.reads(f, step) {
			open = append(open, f)
		}
	}
	if len(open) == 0 {
		return nil
	}
	b.update()
	outlooks := make([]Outlook, len(b.p))
	for h, p := range b.p {
		outlooks[h] = Outlook{Hypothesis: h, Now: p, Best: p, Worst: p}
	}
	after := b.copy()
	for o := range 1 << len(open) {
		for i, f := range open {
			after.Observe(f, truthIn(o, i))
		}
		after.judge()
		for h, p := range after.p {
			outlook := &outlooks[h]
			outlook.Best, outlook.Worst = max(outlook.Best, p), min(outlook.Worst, p)
			switch after.judgements.list[h].verdict {
			case VerdictConfirmed:
				outlook.Confirms = true
			case VerdictRuledOut:
				outlook.RulesOut = true
			case VerdictContributing, VerdictLikely, VerdictOpen:
			}
		}
	}
	moved := outlooks[:0]
	for _, o := range outlooks {
		if o.Best-o.Worst >= noticeable {
			moved = append(moved, o)
		}
	}
	return moved
}

func (m *Model) reads(f, step int) bool {
	return slices.Contains(m.spec.Findings[f].Reads, step)
}

// copy is a belief that has seen the same.
func (b *Belief) copy() *Belief {
	c := b.m.Begin()
	copy(c.dismissed, b.dismissed)
	copy(c.steps, b.steps)
	c.symptom = b.symptom
	for f, t := range b.truth {
		c.Observe(f, t)
	}
	return c
}
