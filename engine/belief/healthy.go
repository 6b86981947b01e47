package belief

import "gumshoe/engine/kleene"

// glance is what a step may cost, in seconds, that is looked at although every
// hypothesis is excluded already.
const glance = 20.0

// canBeHealthy reports whether looking further can still end the run as healthy:
// nothing seen stands against it, and every hypothesis that is not excluded can
// be, by steps that only read. When all are excluded the search goes on: what is
// left may show a cause that nobody listed, and is glanced at.
func (b *Belief) canBeHealthy() bool {
	if b.m.spec.AlertFiring {
		return false
	}
	b.judge()
	if !b.mayBeHealthy() {
		return false
	}
	for h := range b.judgements.list {
		if !b.judgements.list[h].clear && !b.excludable(h) {
			return false
		}
	}
	return true
}

// excludable reports whether what is still to be seen can exclude h.
func (b *Belief) excludable(h int) bool {
	for _, c := range b.m.cites[h] {
		if c.Must && b.undecided(c.finding) && b.reachable(c.finding) {
			return true
		}
	}
	anyNotable := b.m.anyNotable(h)
	counted, dismissed, sum := 0, 0, 0.0
	cites := b.m.cites[h]
	for i := 0; i < len(cites); {
		group, points := cites[i].group, b.buffer[:0]
		for ; i < len(cites) && cites[i].group == group; i++ {
			c := cites[i]
			if !c.Word.Supports() || anyNotable && !c.notable() {
				continue
			}
			switch t := b.truth[c.finding]; {
			case t == kleene.Unknown && b.dismissed[c.finding]:
				dismissed++
			case t == kleene.True, t == kleene.Unknown && !b.reachable(c.finding):
				return false
			default:
				counted++
				points = append(points, c.ifFalse())
			}
		}
		b.buffer = points
		sum += damp(points)
	}
	return dismissed > 0 || counted > 0 && sum <= excludePoints+tolerance
}

// reachable reports whether steps that only read, or are running, will decide a
// finding.
func (b *Belief) reachable(f int) bool {
	unit := b.m.unitOf[f]
	if unit < 0 {
		return false
	}
	open := false
	for _, s := range b.m.units[unit].steps {
		switch b.steps[s].stage {
		case idle:
			if b.m.spec.Steps[s].Risk != Read {
				return false
			}
			open = true
		case picked, running:
			open = true
		case ended:
		}
	}
	return open
}

// toGo is the cost of the steps that still have to start before f is decided.
func (b *Belief) toGo(f int) float64 {
	sum := 0.0
	for _, s := range b.m.units[b.m.unitOf[f]].steps {
		if b.steps[s].stage == idle {
			sum += b.m.spec.Steps[s].Cost
		}
	}
	return sum
}

// towardsHealthy starts, cheapest first, what would show a hypothesis that is not
// excluded: its musts, and everything of medium or more (everything weak when it
// has nothing else). Going for the nearest must alone was quicker, and called
// twice as many incidents healthy.
func (c *chooser) towardsHealthy() {
	b := c.b
	tried := make([]bool, len(b.m.spec.Findings))
	glancing := b.allClear()
	for c.free > 0 {
		best, least, candidates := -1, 0.0, 0
		consider := func(f int) {
			if tried[f] || !b.undecided(f) || !b.reachable(f) {
				return
			}
			cost := b.toGo(f)
			switch {
			case glancing && cost > glance+tolerance:
			case cost > c.left:
				c.reason = DoneBudget
			case c.limit >= 0 && cost > c.limit+tolerance:
			default:
				candidates++
				if best < 0 || cost < least {
					best, least = f, cost
				}
			}
		}
		for h := range b.judgements.list {
			if b.judgements.list[h].clear && !glancing {
				continue
			}
			anyNotable := b.m.anyNotable(h)
			for _, cite := range b.m.cites[h] {
				if cite.Must || cite.Word.Supports() && (cite.notable() || !anyNotable) {
					consider(cite.finding)
				}
			}
		}
		if best < 0 {
			return
		}
		tried[best] = true
		unit := b.m.unitOf[best]
		b.appraise(unit)
		p := &b.plans[unit]
		if !p.open {
			continue
		}
		started := c.run(unit, Choice{
			Why: BecauseHealthy, Gain: p.gain, Rate: p.rate(), Of: candidates, Separates: b.separates(p.table),
		})
		if started && c.limit < 0 {
			c.limit = max(quick, least)
		}
	}
}
