package belief

import (
	"cmp"
	"math"
	"slices"

	"gumshoe/engine/kleene"
)

// policy is a way to go through a runbook.
type policy struct {
	name     string
	parallel int
	all      bool // everything, in file order
	cheapest bool // the cheapest first, as long as the stop rule goes on
}

var policies = []policy{
	{name: "all, file order", parallel: 1, all: true},
	{name: "cheapest + stop", parallel: 1, cheapest: true},
	{name: "ours", parallel: 1},
	{name: "ours ×4", parallel: 4},
}

// outcome is how a simulated run ended.
type outcome struct {
	assessment Assessment
	step, wall float64 // seconds
	order      []int   // the steps, as they were started
}

// simulate runs one incident. Parallel steps end in simulated time; a choice is
// made whenever one ends, and what is running when all is settled is cancelled.
func simulate(m *Model, i *incident, p policy) outcome {
	b := m.Begin()
	b.ObserveSymptom(i.symptom)
	for f := range m.spec.Findings {
		if len(m.spec.Findings[f].Reads) == 0 {
			b.Observe(f, i.values[f])
		}
	}
	type ending struct {
		at   float64
		step int
	}
	var (
		out     outcome
		active  []ending
		now     float64
		attempt = make([]uint8, len(m.spec.Steps))
		over    = make([]bool, len(m.spec.Steps))
		good    = make([]bool, len(m.spec.Steps))
	)
	for {
		d := b.Choose(Planning{Parallel: p.parallel, Left: math.Inf(1), All: p.all})
		if p.cheapest && len(d.Steps) > 0 {
			d.Steps = d.Steps[:1]
			d.Steps[0].Step = cheapest(m, over)
		}
		for _, c := range d.Steps {
			b.Start(c.Step)
			out.order = append(out.order, c.Step)
			active = append(active, ending{now + m.spec.Steps[c.Step].Cost, c.Step})
		}
		if d.Done {
			for _, e := range active { // cancelled: only the time so far is spent
				out.step -= e.at - now
				out.step += m.spec.Steps[e.step].Cost
			}
			break
		}
		if len(active) == 0 {
			panic("nothing runs and nothing is done")
		}
		first := slices.MinFunc(active, func(a, b ending) int {
			return cmp.Or(cmp.Compare(a.at, b.at), a.step-b.step)
		})
		active = slices.DeleteFunc(active, func(e ending) bool { return e == first })
		now = first.at
		out.step += m.spec.Steps[first.step].Cost
		attempt[first.step]++
		if i.faults[first.step] >= attempt[first.step] && attempt[first.step] < 2 {
			b.Retry(first.step)
			continue
		}
		over[first.step] = true
		good[first.step] = i.faults[first.step] < attempt[first.step]
		for f, finding := range m.spec.Findings {
			if contains(finding.Reads, first.step) && allOf(finding.Reads, over) {
				t := i.values[f]
				if !allOf(finding.Reads, good) {
					t = kleene.Unknown
				}
				b.Observe(f, t)
			}
		}
		b.Finish(first.step, m.spec.Steps[first.step].Cost, good[first.step])
	}
	out.wall = now
	out.assessment = b.Assess()
	return out
}

func allOf(list []int, is []bool) bool {
	for _, i := range list {
		if !is[i] {
			return false
		}
	}
	return true
}

func cheapest(m *Model, over []bool) int {
	best := -1
	for s, step := range m.spec.Steps {
		if !over[s] && allOf(step.Needs, over) && (best < 0 || step.Cost < m.spec.Steps[best].Cost) {
			best = s
		}
	}
	return best
}

// tally adds up outcomes.
type tally struct {
	incidents, listed, unlisted, doubles, stories, healthy int

	top1, top3, exact, both, falseConfirm, falseNamed, honest int
	told, chainNamed                                          int
	healthyAs, falseLikely, falseAlarm, incidentAs            int
	step, wall, brier                                         float64
}

func (t *tally) add(i *incident, o outcome) {
	a := o.assessment
	t.step += o.step
	t.wall += o.wall
	if i.healthy {
		t.healthy++
		t.healthyAs += count(a.Status == StatusHealthy)
		t.falseAlarm += count(a.Status == StatusConfirmed)
		t.falseLikely += count(a.Status == StatusLikely)
		return
	}
	t.incidents++
	t.incidentAs += count(a.Status == StatusHealthy)
	wrong, wrongNamed, exact, named := false, false, true, 0
	for h, j := range a.Hypotheses {
		name := j.Verdict == VerdictConfirmed || j.Verdict == VerdictContributing || j.Why == string(RuleTold)
		wrong = wrong || j.Verdict == VerdictConfirmed && !i.holds[h]
		wrongNamed = wrongNamed || name && !i.holds[h]
		exact = exact && name == i.holds[h]
		named += count(name && i.holds[h])
		y := 0.0
		if i.holds[h] {
			y = 1
		}
		t.brier += (j.Probability - y) * (j.Probability - y)
	}
	t.falseConfirm += count(wrong)
	t.falseNamed += count(wrongNamed)
	if !i.listed {
		t.unlisted++
		t.honest += count(!wrong)
		return
	}
	t.listed++
	t.exact += count(exact)
	order := make([]int, len(a.Hypotheses))
	for h := range order {
		order[h] = h
	}
	slices.SortStableFunc(order, func(x, y int) int {
		return cmp.Compare(a.Hypotheses[y].Probability, a.Hypotheses[x].Probability)
	})
	for k, h := range order[:min(3, len(order))] {
		if i.holds[h] {
			t.top3++
			t.top1 += count(k == 0)
			break
		}
	}
	if i.double {
		t.doubles++
		t.both += count(named == 2)
	}
	if i.story != nil {
		t.stories++
		t.chainNamed += count(named == 2)
		for _, story := range a.Stories {
			if slices.Equal(story, i.story) {
				t.told++
				break
			}
		}
	}
}

func (t *tally) merge(o *tally) {
	t.incidents += o.incidents
	t.listed += o.listed
	t.unlisted += o.unlisted
	t.doubles += o.doubles
	t.stories += o.stories
	t.healthy += o.healthy
	t.top1 += o.top1
	t.top3 += o.top3
	t.exact += o.exact
	t.both += o.both
	t.falseConfirm += o.falseConfirm
	t.falseNamed += o.falseNamed
	t.honest += o.honest
	t.told += o.told
	t.chainNamed += o.chainNamed
	t.healthyAs += o.healthyAs
	t.falseLikely += o.falseLikely
	t.falseAlarm += o.falseAlarm
	t.incidentAs += o.incidentAs
	t.step += o.step
	t.wall += o.wall
	t.brier += o.brier
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}
