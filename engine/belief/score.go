package belief

import (
	"math"
	"slices"

	"gumshoe/engine/kleene"
)

// Belief is what one run has seen so far and what follows from it. It is not
// safe for concurrent use.
type Belief struct {
	m *Model

	truth     []kleene.Truth
	dismissed []bool
	steps     []progress
	symptom   kleene.Truth

	// weights holds, by group and class, the points that the group gives to the
	// states of the class; stale names the groups to work out again.
	weights    [][]float64
	stale      []bool
	known      []int // by group: how many findings are true or false
	dirty      bool  // posterior and p are out of date
	score      []float64
	posterior  []float64
	p          []float64
	buffer     []float64
	sides      sides
	judgements judgements

	plans   []plan
	swept   float64 // seconds of steps spent looking for a second cause
	mass    []float64
	mixture []float64
}

// progress is how far a step is.
type progress struct {
	stage stage
	why   Why
}

type stage uint8

const (
	idle stage = iota
	picked
	running
	ended
)

// Begin gives the belief that knows nothing yet.
func (m *Model) Begin() *Belief {
	b := &Belief{
		m:         m,
		truth:     make([]kleene.Truth, len(m.spec.Findings)),
		dismissed: make([]bool, len(m.spec.Findings)),
		steps:     make([]progress, len(m.spec.Steps)),
		weights:   make([][]float64, len(m.groups)),
		stale:     make([]bool, len(m.groups)),
		known:     make([]int, len(m.groups)),
		dirty:     true,
		score:     make([]float64, len(m.members)),
		posterior: make([]float64, len(m.members)),
		p:         make([]float64, len(m.spec.Hypotheses)),
		plans:     make([]plan, len(m.units)),
		mixture:   make([]float64, 1<<maxPlanned),
	}
	for g, group := range m.groups {
		b.weights[g] = make([]float64, len(group.sample)+1)
	}
	b.judgements.init(m)
	return b
}

// Observe says what is known of a finding. Unknown tells nothing, and is what
// every finding is before it is observed; a later call replaces an earlier one.
func (b *Belief) Observe(finding int, t kleene.Truth) {
	if b.truth[finding] == t {
		return
	}
	g := b.m.groupOf[finding]
	if b.truth[finding] == kleene.Unknown {
		b.known[g]++
	} else if t == kleene.Unknown {
		b.known[g]--
	}
	b.truth[finding] = t
	b.stale[g], b.dirty = true, true
}

// Dismiss says that a finding does not apply, because a step that it reads does
// not: it tells nothing, and its absence does not keep a run from being healthy.
func (b *Belief) Dismiss(finding int) {
	b.dismissed[finding] = true
	b.judgements.stale = true
}

// ObserveSymptom says whether the symptom was seen. Until it is seen true,
// nothing being wrong is one of the possibilities.
func (b *Belief) ObserveSymptom(t kleene.Truth) {
	b.symptom = t
	b.dirty = true
}

// Start says that a step is running.
func (b *Belief) Start(step int) {
	s := &b.steps[step]
	if s.stage != idle {
		return
	}
	if s.why == BecauseSweep {
		b.swept += b.m.spec.Steps[step].Cost
	}
	s.stage = running
}

// Finish says that a step has ended: it was observed, it failed, was skipped or
// does not apply. Its findings are then used, known or not. The caller observes
// them before or after. How long it took and whether it went well change nothing
// here: a failed look is an unknown finding.
func (b *Belief) Finish(step int, elapsed float64, ok bool) {
	b.steps[step].stage = ended
	b.judgements.stale = true
}

// Retry makes a step that was started idle again, to be chosen once more when it
// still tells enough.
func (b *Belief) Retry(step int) {
	b.steps[step].stage = idle
	b.judgements.stale = true
}

// Probability is the share of all states in which the hypothesis holds.
func (b *Belief) Probability(h int) float64 {
	b.update()
	return b.p[h]
}

// Unlisted is the probability that something is wrong which is not listed.
func (b *Belief) Unlisted() float64 {
	b.update()
	return b.posterior[0]
}

// NothingWrong is the probability that nothing is wrong; 0 once the symptom has
// been seen true.
func (b *Belief) NothingWrong() float64 {
	b.update()
	return b.posterior[b.m.healthy]
}

// Contribution is the damped points with which a finding enters for the
// hypothesis alone. Over all findings they add up to the evidence for it.
func (b *Belief) Contribution(finding, h int) float64 {
	t := b.truth[finding]
	if t == kleene.Unknown {
		return 0
	}
	n := len(b.m.spec.Hypotheses)
	row := b.m.points[t]
	points := row[finding*n+h]
	if points == 0 {
		return 0
	}
	// Of equal points in a group the earlier finding counts more.
	rank := 0
	for _, f := range b.m.groups[b.m.groupOf[finding]].findings {
		if f == finding || b.truth[f] == kleene.Unknown {
			continue
		}
		other := b.m.points[b.truth[f]][f*n+h]
		if other*points <= 0 {
			continue
		}
		if size := math.Abs(other); size > math.Abs(points) || size == math.Abs(points) && f < finding {
			rank++
		}
	}
	return math.Ldexp(points, -rank)
}

// update works out the posterior. It starts from the prior each time, and adds
// the groups in order, so that the result does not depend on the order in which
// the findings came in.
func (b *Belief) update() {
	if !b.dirty {
		return
	}
	b.dirty = false
	b.judgements.stale = true
	m := b.m
	copy(b.score, m.logPrior)
	for g := range m.groups {
		if b.stale[g] {
			b.weigh(g)
		}
		if b.known[g] == 0 {
			continue
		}
		weights, class := b.weights[g], m.groups[g].class
		for i, s := range m.groups[g].states {
			b.score[s] += weights[class[i]]
		}
	}
	if b.symptom == kleene.True {
		b.score[m.healthy] = math.Inf(-1)
	}
	top := slices.Max(b.score)
	sum := 0.0
	for s, score := range b.score {
		x := ratio(score - top)
		b.posterior[s] = x
		sum += x
	}
	clear(b.p)
	for s := range b.posterior {
		b.posterior[s] /= sum
		for _, h := range m.members[s] {
			b.p[h] += b.posterior[s]
		}
	}
}

// weigh works out what a group gives to each class of states.
func (b *Belief) weigh(g int) {
	b.stale[g] = false
	group := &b.m.groups[g]
	for c, s := range group.sample {
		b.sides.reset()
		for _, f := range group.findings {
			b.sides.add(b.m.enters(f, b.truth[f], int(s)))
		}
		b.weights[g][c+1] = b.sides.sum()
	}
}
