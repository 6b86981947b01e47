package belief

import (
	"slices"

	"gumshoe/engine/kleene"
)

// Assess says what can be said now.
func (b *Belief) Assess() Assessment {
	b.judge()
	list := b.judgements.list
	a := Assessment{Status: b.status(), Hypotheses: make([]Judgement, len(list))}
	for h := range list {
		j := &list[h]
		a.Hypotheses[h] = Judgement{
			Verdict: j.verdict, Why: string(j.rule), Probability: b.p[h], Points: j.own,
			Excluded: j.excluded, Story: []int{h},
		}
		if j.verdict == VerdictConfirmed || j.verdict == VerdictLikely {
			a.Hypotheses[h].Story = b.story(h)
		}
	}
	order := b.mostProbable(make([]int, 0, len(list)))
	for _, h := range order {
		if list[h].verdict == VerdictConfirmed {
			a.tell(b.story(h))
		}
	}
	for h := range list {
		if list[h].rule == RuleTold {
			for _, story := range a.Stories {
				if slices.Contains(story, h) {
					a.Hypotheses[h].Story = slices.Clone(story)
					break
				}
			}
		}
	}
	b.leading(&a, order)
	return a
}

// story is the most probable single or chain that holds h, deepest cause first,
// without the members that nothing supports.
func (b *Belief) story(h int) []int {
	var story []int
	for _, member := range b.m.members[b.judgements.list[h].story] {
		if b.inStoryOf(h, member) {
			story = append(story, member)
		}
	}
	return story
}

// tell adds a story unless another already tells it.
func (a *Assessment) tell(story []int) {
	for i, other := range a.Stories {
		if subset(story, other) {
			return
		}
		if subset(other, story) {
			a.Stories[i] = story
			return
		}
	}
	a.Stories = append(a.Stories, story)
}

// leading names the leading hypotheses and the findings that they leave
// unexplained.
func (b *Belief) leading(a *Assessment, order []int) {
	for _, h := range order {
		switch a.Hypotheses[h].Verdict {
		case VerdictConfirmed, VerdictContributing, VerdictLikely:
			a.Leading = append(a.Leading, h)
		case VerdictOpen, VerdictRuledOut:
		}
	}
	nothing := len(a.Leading) == 0
	if nothing {
		for _, h := range order {
			if a.Hypotheses[h].Verdict != VerdictRuledOut && len(a.Leading) < leadingHypotheses {
				a.Leading = append(a.Leading, h)
			}
		}
	}
	for f, t := range b.truth {
		if t != kleene.True || !b.m.telling[f] {
			continue
		}
		if nothing {
			a.Odd = append(a.Odd, f)
		}
		explained := false
		for _, c := range b.m.spec.Findings[f].Citations {
			explained = explained || c.Word.Supports() && slices.Contains(a.Leading, c.Hypothesis)
		}
		if !explained {
			a.Unexplained = append(a.Unexplained, f)
		}
	}
}

// status is the verdict on the run. An alert that still fires over a symptom that
// cannot be seen from here is not reproduced, even when something is likely, and
// what would be healthy without the alert is not reproduced either.
func (b *Belief) status() Status {
	likely := false
	for h := range b.judgements.list {
		switch b.judgements.list[h].verdict {
		case VerdictConfirmed:
			return StatusConfirmed
		case VerdictLikely:
			likely = true
		case VerdictContributing, VerdictOpen, VerdictRuledOut:
		}
	}
	firing := b.m.spec.AlertFiring
	switch {
	case firing && b.m.spec.Symptom && b.symptom == kleene.False:
		return StatusNotReproduced
	case likely:
		return StatusLikely
	case b.mayBeHealthy() && b.allClear():
		if firing {
			return StatusNotReproduced
		}
		return StatusHealthy
	default:
		return StatusInconclusive
	}
}

// mayBeHealthy reports whether what has been seen allows the run to end as
// healthy: the symptom is seen false, or there is none and every hypothesis has a
// must; and nothing of medium or more is true, whoever cites it.
func (b *Belief) mayBeHealthy() bool {
	if b.m.spec.Symptom {
		if b.symptom != kleene.False {
			return false
		}
	} else if !all(b.m.hasMust) || len(b.m.hasMust) == 0 {
		return false
	}
	for f, t := range b.truth {
		if t == kleene.True && b.m.notable[f] {
			return false
		}
	}
	return true
}

// allClear reports whether every hypothesis is excluded, or does not apply. Where
// no symptom was seen, something at least must have been looked at.
func (b *Belief) allClear() bool {
	looked := b.m.spec.Symptom
	for h := range b.judgements.list {
		if !b.judgements.list[h].clear {
			return false
		}
		looked = looked || b.judgements.list[h].excluded
	}
	return looked
}

func all(list []bool) bool { return !slices.Contains(list, false) }

// Points is a hypothesis's own points: the damped evidence for it alone.
func (b *Belief) Points(h int) float64 {
	b.judge()
	return b.judgements.list[h].own
}
