package belief

import "slices"

// The rules for going on and for stopping.
const (
	defaultPatience = 900.0 // seconds
	minGain         = 0.02  // bits
	rateTimesTrust  = 2.5   // gain per second times patience below which a step is not worth it
	overhead        = 0.05  // seconds that starting any step costs
	quick           = 1.0   // seconds: what may run beside something cheaper, and in a sweep
	sweepSeconds    = 2.0
	rateTie         = 1e-9
)

// Choose says what to start now. With Parallel above one it fills the places
// that are free; it is asked again whenever a step ends.
func (b *Belief) Choose(p Planning) Decision {
	b.update()
	c := chooser{b: b, limit: -1, left: p.Left, patience: p.Patience}
	if c.patience <= 0 {
		c.patience = defaultPatience
	}
	active := 0
	for s := range b.steps {
		if b.steps[s].stage == running {
			active++
			c.limit = max(c.limit, quick, b.m.spec.Steps[s].Cost)
		}
	}
	c.active = active
	c.free = max(p.Parallel, 1) - active
	c.choose(p.All)
	for _, choice := range c.steps {
		b.steps[choice.Step].stage = idle // picked only while choosing
	}
	d := Decision{Steps: c.steps, Done: c.done, Reason: c.reason}
	if len(d.Steps) == 0 && active == 0 {
		d.Done = true
	}
	if !d.Done {
		d.Reason = ""
	}
	return d
}

// chooser is one round of choosing.
type chooser struct {
	b        *Belief
	active   int     // steps running
	free     int     // places left
	limit    float64 // the most that a further step may cost; below 0 none
	left     float64
	patience float64
	steps    []Choice
	done     bool
	reason   Reason
}

func (c *chooser) choose(all bool) {
	b := c.b
	c.reason = DoneNothingTells
	if b.m.spec.Symptom && b.symptom == 0 && c.symptom() {
		return
	}
	if all {
		c.all()
		return
	}
	if b.settled() {
		c.byGain(BecauseSweep)
		c.done, c.reason = len(c.steps) == 0 && !b.quickRunning(), DoneConfirmed
		return
	}
	c.byGain(BecauseGain)
	if c.free > 0 && b.canBeHealthy() {
		c.towardsHealthy()
	}
	if c.reason == DoneNothingTells && !b.anyIdle() {
		c.reason = DoneAllRun
	}
}

// symptom starts the steps that the symptom reads, before anything else. It
// reports whether it is still waiting for one.
func (c *chooser) symptom() bool {
	waiting := false
	for _, s := range c.b.m.closure(c.b.m.spec.SymptomReads) {
		switch c.b.steps[s].stage {
		case running:
			waiting = true
		case picked, ended:
		case idle:
			if c.blocked(s) {
				continue
			}
			if c.b.m.spec.Steps[s].Cost > c.left {
				c.reason = DoneBudget
				continue
			}
			waiting = true
			why := BecauseSymptom
			if !slices.Contains(c.b.m.spec.SymptomReads, s) {
				why = BecauseNeeded
			}
			c.start(Choice{Step: s, Why: why, For: c.dependent(s), Of: 1, Separates: [2]int{-1, -1}})
		}
	}
	return waiting && len(c.steps)+c.active > 0
}

// dependent is the step of the symptom that needs s.
func (c *chooser) dependent(s int) int {
	for _, t := range c.b.m.spec.SymptomReads {
		if slices.Contains(c.b.m.closures[t], s) {
			return t
		}
	}
	return s
}

// blocked reports whether a step that changes something, and has not ended,
// stands before s.
func (c *chooser) blocked(s int) bool {
	for _, n := range c.b.m.closures[s] {
		if c.b.m.spec.Steps[n].Risk == Change && c.b.steps[n].stage == idle {
			return true
		}
	}
	return false
}

// all starts everything, in file order.
func (c *chooser) all() {
	c.reason = DoneAllRun
	for s := range c.b.steps {
		if c.b.steps[s].stage != idle || c.blocked(s) {
			continue
		}
		if c.b.m.spec.Steps[s].Cost > c.left {
			c.reason = DoneBudget
			continue
		}
		c.start(Choice{Step: s, Why: BecauseAll, For: s, Of: 1, Separates: [2]int{-1, -1}})
	}
}

// start takes a step up if it can start now.
func (c *chooser) start(choice Choice) bool {
	b, s := c.b, choice.Step
	if c.free <= 0 || b.steps[s].stage != idle {
		return false
	}
	step := &b.m.spec.Steps[s]
	for _, n := range step.Needs {
		if b.steps[n].stage != ended {
			return false
		}
	}
	if step.Resource != "" {
		for t := range b.steps {
			if st := b.steps[t].stage; (st == running || st == picked) && b.m.spec.Steps[t].Resource == step.Resource {
				return false
			}
		}
	}
	b.steps[s].stage, b.steps[s].why = picked, choice.Why
	c.free--
	c.steps = append(c.steps, choice)
	return true
}

// run starts what can start now of a unit.
func (c *chooser) run(i int, choice Choice) bool {
	u, started := &c.b.m.units[i], false
	for _, s := range u.steps {
		choice.Step, choice.For = s, s
		one := choice
		if s != u.target && !c.reads(i, s) {
			one.Why, one.For = BecauseNeeded, u.target
		}
		started = c.start(one) || started
	}
	return started
}

// reads reports whether a finding that unit i would decide reads s itself.
func (c *chooser) reads(i, s int) bool {
	t := c.b.plans[i].table
	if t == nil {
		return false
	}
	for _, f := range t.findings {
		if slices.Contains(c.b.m.spec.Findings[f].Reads, s) {
			return true
		}
	}
	return false
}

// byGain starts what tells most per second, as long as it is worth its time.
func (c *chooser) byGain(why Why) {
	b, candidates := c.b, 0
	for i := range b.plans {
		b.plans[i].taken = false
		b.appraise(i)
		if b.plans[i].open && b.plans[i].gain > 0 {
			candidates++
		}
	}
	for c.free > 0 {
		best := -1
		for i := range b.plans {
			if c.worth(i, why) && (best < 0 || c.better(i, best)) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		p := &b.plans[best]
		p.taken = true
		cost, before := p.cost, len(c.steps)
		if !c.run(best, Choice{
			Why: why, Gain: p.gain, Rate: p.rate(), Of: candidates, Separates: b.separates(p.table),
		}) {
			continue
		}
		if c.limit < 0 {
			c.limit = max(quick, cost)
		}
		c.overlap(c.steps[before:])
	}
}

// worth reports whether unit i may be started now, and is worth it.
func (c *chooser) worth(i int, why Why) bool {
	p := &c.b.plans[i]
	if p.taken || !p.open || p.gain < minGain-tolerance {
		return false
	}
	if why == BecauseSweep {
		if p.cost > quick+tolerance || c.b.swept+c.sweeping()+p.cost > sweepSeconds+tolerance {
			return false
		}
	} else if p.gain < p.cost*rateTimesTrust/c.patience {
		return false
	}
	if p.cost > c.left {
		c.reason = DoneBudget
		return false
	}
	return c.limit < 0 || p.cost <= c.limit+tolerance
}

// sweeping is the cost of what this round has already taken up.
func (c *chooser) sweeping() float64 {
	sum := 0.0
	for _, choice := range c.steps {
		sum += c.b.m.spec.Steps[choice.Step].Cost
	}
	return sum
}

func (p *plan) rate() float64 { return p.gain / (p.risked + overhead) }

// better orders by rate; of equal rates the cheaper is better, then the first in
// file order.
func (c *chooser) better(i, j int) bool {
	p, q := &c.b.plans[i], &c.b.plans[j]
	switch r, s := p.rate(), q.rate(); {
	case r > s+rateTie:
		return true
	case r < s-rateTie:
		return false
	}
	if p.cost != q.cost {
		return p.cost < q.cost
	}
	return c.b.m.units[i].target < c.b.m.units[j].target
}

// overlap looks again at the units that share a step with those just taken up.
func (c *chooser) overlap(taken []Choice) {
	for i := range c.b.plans {
		p := &c.b.plans[i]
		if p.taken || !p.open {
			continue
		}
		for _, choice := range taken {
			if slices.Contains(c.b.m.units[i].steps, choice.Step) {
				c.b.appraise(i)
				break
			}
		}
	}
}

// quickRunning reports whether a step is running that is so short that it is
// worth waiting for even when all is settled.
func (b *Belief) quickRunning() bool {
	for s := range b.steps {
		if b.steps[s].stage == running && b.m.spec.Steps[s].Cost <= quick+tolerance {
			return true
		}
	}
	return false
}

func (b *Belief) anyIdle() bool {
	for s := range b.steps {
		if b.steps[s].stage == idle && b.m.spec.Steps[s].Risk != Change {
			return true
		}
	}
	return false
}
