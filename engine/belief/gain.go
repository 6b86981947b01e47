package belief

import (
	"slices"

	"gumshoe/engine/kleene"
)

// plan is what a unit would bring now.
type plan struct {
	table *table
	own   *table // for findings over several steps; made when first needed

	cost, risked float64 // seconds of the steps still to run; the same times risk
	missing      int     // how many these are
	open         bool    // it can be run, as far as risk goes
	gain         float64 // bits
	taken        bool
}

func truthIn(outcome, i int) kleene.Truth { return kleene.Of(outcome&(1<<i) != 0) }

// appraise works out what unit i would cost and bring as things are.
func (b *Belief) appraise(i int) {
	u, p := &b.m.units[i], &b.plans[i]
	p.cost, p.risked, p.missing, p.gain = 0, 0, 0, 0
	p.open = true
	for _, s := range u.steps {
		if b.steps[s].stage != idle {
			continue
		}
		step := &b.m.spec.Steps[s]
		p.missing++
		p.cost += step.Cost
		p.risked += step.Cost * step.Risk.factor()
		p.open = p.open && step.Risk != Change
	}
	if p.missing == 0 || !p.open {
		p.open = false
		return
	}
	b.tabulate(u, p)
	if len(p.table.findings) > 0 {
		p.gain = b.gain(p.table)
	}
}

// tabulate points p.table to the table of the findings that the unit would
// decide: those whose other steps have ended, or are running, but that are not
// decided by these alone.
func (b *Belief) tabulate(u *unit, p *plan) {
	p.table = &u.table
	if u.fixed && b.allOpen(u.table.findings) {
		return
	}
	var list [maxPlanned]int
	decided := list[:0]
	for _, f := range u.findings {
		if len(decided) == maxPlanned {
			break
		}
		if !b.undecided(f) {
			continue
		}
		waits, can := false, true
		for _, s := range b.m.spec.Findings[f].Reads {
			if b.steps[s].stage == idle {
				waits = true
				can = can && slices.Contains(u.steps, s)
			}
		}
		if waits && can {
			decided = append(decided, f)
		}
	}
	switch {
	case slices.Equal(decided, u.table.findings):
	case p.own != nil && slices.Equal(decided, p.own.findings):
		p.table = p.own
	default:
		if p.own == nil {
			p.own = new(table)
		}
		b.m.fill(p.own, decided)
		p.table = p.own
	}
}

func (b *Belief) undecided(f int) bool {
	return b.truth[f] == kleene.Unknown && !b.dismissed[f]
}

func (b *Belief) allOpen(findings []int) bool {
	for _, f := range findings {
		if !b.undecided(f) {
			return false
		}
	}
	return true
}

// gain is the mutual information between the state and the outcome of the
// findings, in bits: the entropy of the outcome less what remains of it when the
// state is known.
func (b *Belief) gain(t *table) float64 {
	n := len(t.entropy)
	if cap(b.mass) < n {
		b.mass = make([]float64, 2*n)
	}
	mass := b.mass[:n]
	clear(mass)
	for i, s := range t.states {
		mass[t.class[i]] += b.posterior[s]
	}
	rest := 1.0
	for _, x := range mass[1:] {
		rest -= x
	}
	mass[0] = max(rest, 0)
	outcomes := 1 << len(t.findings)
	mixture := b.mixture[:outcomes]
	clear(mixture)
	known := 0.0
	for c, x := range mass {
		if x == 0 {
			continue
		}
		known += x * t.entropy[c]
		for o, l := range t.likelihood[c*outcomes : (c+1)*outcomes] {
			mixture[o] += x * l
		}
	}
	return max(entropy(mixture)-known, 0)
}

// separates names the two hypotheses, among the most probable, whose odds the
// findings of the table are expected to move most: the product of their
// probabilities times how differently they predict the outcome.
func (b *Belief) separates(t *table) [2]int {
	const rivals = 8
	var list [rivals]int
	leading := b.mostProbable(list[:0])
	outcomes := 1 << len(t.findings)
	row := func(h int) []float64 {
		c := 0
		if i, ok := slices.BinarySearch(t.states, int32(1+h)); ok { // the state {h} is 1+h
			c = int(t.class[i])
		}
		return t.likelihood[c*outcomes : (c+1)*outcomes]
	}
	best, pair := 1e-6, [2]int{-1, -1}
	for i, x := range leading {
		for _, y := range leading[i+1:] {
			apart := 0.0
			a, b2 := row(x), row(y)
			for o := range a {
				apart += max(a[o]-b2[o], b2[o]-a[o])
			}
			if apart *= b.p[x] * b.p[y]; apart > best {
				best, pair = apart, [2]int{x, y}
			}
		}
	}
	return pair
}

// mostProbable fills list, up to its capacity, with hypotheses by falling
// probability.
func (b *Belief) mostProbable(list []int) []int {
	for h := range b.p {
		at := len(list)
		for at > 0 && b.p[list[at-1]] < b.p[h]-tolerance {
			at--
		}
		switch {
		case len(list) < cap(list):
			list = slices.Insert(list, at, h)
		case at < len(list):
			copy(list[at+1:], list[at:])
			list[at] = h
		}
	}
	return list
}
