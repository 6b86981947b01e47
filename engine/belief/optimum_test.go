package belief

import (
	"math"
	"math/rand/v2"

	"gumshoe/engine/kleene"
)

// small is a runbook of a few hypotheses and of steps with one finding each, in
// a world that is exactly as its author's words say. Everything that can happen
// can be gone through, so the best possible plan is known. A state of knowledge
// is a number to base 3: of each step, whether it is unseen, false or true.
type small struct {
	m       *Model
	penalty float64        // seconds that naming a wrong set costs
	like    [][2][]float64 // by step and outcome: how likely it is in each state
	power   []int
	best    []float64 // by knowledge: the least expected loss from there on
}

func newSmall(seed uint64, penalty float64) *small {
	r := rand.New(rand.NewPCG(seed, 21))
	var m *Model
	steps := 0
	// Steps that damp each other would contradict the world, in which they are
	// independent.
	for m == nil || len(m.groups) < steps {
		steps = 7 + r.IntN(2)
		spec := Spec{Hypotheses: make([]Hypothesis, 3+r.IntN(3)), Symptom: true}
		for s := range steps {
			spec.Steps = append(spec.Steps, Step{Cost: logUniform(r, 0.05, 30)})
			spec.Findings = append(spec.Findings, Finding{Reads: []int{s}})
		}
		for h := range spec.Hypotheses {
			for i, s := range r.Perm(steps)[:2+r.IntN(3)] {
				f := &spec.Findings[s]
				f.Citations = append(f.Citations, Citation{Hypothesis: h, Word: Word(r.IntN(4)), Must: i == 0 && r.IntN(2) == 0})
			}
		}
		var err error
		if m, err = Compile(spec); err != nil {
			panic(err)
		}
		for _, f := range spec.Findings { // an uncited step forms no group
			if len(f.Citations) == 0 {
				m = nil
				break
			}
		}
	}
	s := &small{m: m, penalty: penalty, like: make([][2][]float64, steps), power: make([]int, steps+1)}
	for k := range s.power {
		s.power[k] = int(math.Pow(3, float64(k)) + 0.5)
	}
	for step := range s.like {
		for o := range 2 {
			s.like[step][o] = make([]float64, len(m.members))
			for state := range m.members {
				var row [2]float64
				m.likelihoods(row[:], []int{step}, state)
				s.like[step][o][state] = row[o]
			}
		}
	}
	s.solve()
	return s
}

// weights are the states' prior probabilities times the likelihood of what is
// known, with the symptom seen true.
func (s *small) weights(known int) (weights []float64, sum float64) {
	weights = make([]float64, len(s.m.members)-1)
	for state := range weights {
		x := s.m.prior[state]
		for step := range s.like {
			if d := known / s.power[step] % 3; d > 0 {
				x *= s.like[step][d-1][state]
			}
		}
		weights[state] = x
		sum += x
	}
	return weights, sum
}

// solve works backwards from everything being known.
func (s *small) solve() {
	steps := len(s.like)
	s.best = make([]float64, s.power[steps])
	mass := make([]float64, len(s.best))
	for known := len(s.best) - 1; known >= 0; known-- {
		weights, sum := s.weights(known)
		mass[known] = sum
		most := 0.0
		for _, x := range weights {
			most = max(most, x)
		}
		loss := s.penalty * (1 - most/sum)
		for step := range s.like {
			if known/s.power[step]%3 != 0 {
				continue
			}
			no, yes := known+s.power[step], known+2*s.power[step]
			p := mass[yes] / (mass[yes] + mass[no])
			loss = min(loss, s.m.spec.Steps[step].Cost+p*s.best[yes]+(1-p)*s.best[no])
		}
		s.best[known] = loss
	}
}

// loss is what a policy is expected to lose: the seconds of its steps, and the
// penalty when the set that is named in the end is not the true one. Named is the
// most probable set: as the optimum sees it, so that plans are compared and
// nothing else, or, with points, as the engine's points have it, which leave out
// the normalisation of each state's likelihoods.
func (s *small) loss(p policy, points bool) float64 {
	memo := map[int]float64{}
	var from func(known int) float64
	from = func(known int) float64 {
		if loss, ok := memo[known]; ok {
			return loss
		}
		b := s.m.Begin()
		b.ObserveSymptom(kleene.True)
		over := make([]bool, len(s.like))
		for step := range s.like {
			if d := known / s.power[step] % 3; d > 0 {
				b.Start(step)
				b.Observe(step, kleene.Of(d == 2))
				b.Finish(step, 0, true)
				over[step] = true
			}
		}
		weights, sum := s.weights(known)
		d := b.Choose(Planning{Parallel: 1, Patience: s.penalty, Left: math.Inf(1), All: p.all})
		var loss float64
		if len(d.Steps) == 0 {
			most := 0
			for state := range weights {
				if points && b.posterior[state] > b.posterior[most] || !points && weights[state] > weights[most] {
					most = state
				}
			}
			loss = s.penalty * (1 - weights[most]/sum)
		} else {
			step := d.Steps[0].Step
			if p.cheapest {
				step = cheapest(s.m, over)
			}
			no, yes := known+s.power[step], known+2*s.power[step]
			_, x := s.weights(yes)
			_, y := s.weights(no)
			q := x / (x + y)
			loss = s.m.spec.Steps[step].Cost + q*from(yes) + (1-q)*from(no)
		}
		memo[known] = loss
		return loss
	}
	return from(0)
}

// compareOptimum gives the mean loss of the best plan, and for each policy that
// of its plan and that of its plan and naming.
func compareOptimum(runbooks int, penalty float64, list []policy) (best float64, plans, names []float64) {
	results := make([][]float64, runbooks)
	parallel(runbooks, func(n int) {
		s := newSmall(uint64(n), penalty)
		results[n] = append(results[n], s.best[0])
		for _, p := range list {
			results[n] = append(results[n], s.loss(p, false), s.loss(p, true))
		}
	})
	plans, names = make([]float64, len(list)), make([]float64, len(list))
	for _, r := range results {
		best += r[0] / float64(runbooks)
		for p := range list {
			plans[p] += r[1+2*p] / float64(runbooks)
			names[p] += r[2+2*p] / float64(runbooks)
		}
	}
	return best, plans, names
}
