package belief

import (
	"fmt"
	"math"
	"slices"
)

// How the prior is shared out, before renormalising.
const (
	priorUnlisted = 0.10
	priorAlone    = 0.75 // singles and chains together
	priorPairs    = 0.15
	priorHealthy  = 0.5 // against everything else, until the symptom is seen true
	maxChain      = 3
)

// states are the things that may be the matter: nothing listed, one hypothesis,
// two that have nothing to do with each other, a chain of causes, or nothing at
// all. A state's index is its place in members.
type states struct {
	// members lists each state's hypotheses, deepest cause first in a chain.
	members [][]int
	// prior is the share of each state while the system may still be healthy.
	prior []float64
	// logPrior is the same in points.
	logPrior []float64
	healthy  int // the index of "nothing is wrong", the last
	pairs    int // the index of the first pair of unlinked hypotheses
	// stories lists the singles and chains, by index of state, and parts for each
	// of them the singles and chains that lie within it, itself included.
	stories []int
	parts   map[int][]int
	// holding lists, for each hypothesis, the singles and chains that hold it,
	// the short ones first.
	holding [][]int
	// base is each hypothesis's probability before any evidence, with and without
	// the state "nothing is wrong".
	base, baseIll []float64
}

func newStates(hypotheses []Hypothesis) (states, error) {
	b := stateBuilder{hypotheses: hypotheses}
	b.add(nil, 0)
	for h := range hypotheses {
		b.add([]int{h}, 0)
	}
	if err := b.chains(); err != nil {
		return states{}, err
	}
	alone := len(b.members)
	if err := b.pairs(); err != nil {
		return states{}, err
	}
	b.add(nil, 0)

	s := states{members: b.members, prior: b.mass, healthy: len(b.members) - 1, pairs: alone, parts: map[int][]int{}}
	total := priorUnlisted
	scale := func(list []float64, share float64) {
		sum := 0.0
		for _, x := range list {
			sum += x
		}
		if sum == 0 {
			return
		}
		total += share
		for i := range list {
			list[i] *= share / sum
		}
	}
	scale(s.prior[1:alone], priorAlone)
	scale(s.prior[alone:s.healthy], priorPairs)
	s.prior[0] = priorUnlisted
	for i := range s.prior {
		s.prior[i] *= (1 - priorHealthy) / total
	}
	s.prior[s.healthy] = priorHealthy
	s.derive(len(hypotheses), alone)
	return s, nil
}

// derive fills what follows from members and prior.
func (s *states) derive(n, alone int) {
	s.logPrior = make([]float64, len(s.prior))
	s.base, s.baseIll = make([]float64, n), make([]float64, n)
	s.holding = make([][]int, n)
	for i, p := range s.prior {
		s.logPrior[i] = 10 * math.Log10(p)
		for _, h := range s.members[i] {
			s.base[h] += p
			s.baseIll[h] += p / (1 - priorHealthy)
		}
	}
	bySet := map[[maxChain]int]int{}
	for i := 1; i < alone; i++ {
		s.stories = append(s.stories, i)
		bySet[setKey(s.members[i])] = i
		for _, h := range s.members[i] {
			s.holding[h] = append(s.holding[h], i)
		}
	}
	for _, i := range s.stories {
		members := s.members[i]
		for subset := 1; subset < 1<<len(members); subset++ {
			var part []int
			for k, h := range members {
				if subset&(1<<k) != 0 {
					part = append(part, h)
				}
			}
			if j, ok := bySet[setKey(part)]; ok {
				s.parts[i] = append(s.parts[i], j)
			}
		}
	}
}

func setKey(members []int) (key [maxChain]int) {
	for i := range key {
		key[i] = -1
	}
	copy(key[:], members)
	slices.Sort(key[:])
	return key
}

type stateBuilder struct {
	hypotheses []Hypothesis
	members    [][]int
	mass       []float64
}

func (b *stateBuilder) add(members []int, mass float64) {
	b.members = append(b.members, members)
	b.mass = append(b.mass, mass)
}

// chains gives the singles their mass and adds the chains. A hypothesis with
// causes keeps half of its weight for itself and shares the other half among
// them, in proportion to their prior words; so does each of those, and a third
// member keeps its whole share. A link therefore adds no mass, and a hypothesis
// that causes many others does not grow.
func (b *stateBuilder) chains() error {
	var extend func(chain []int, mass float64) error
	extend = func(chain []int, mass float64) error {
		last := chain[0]
		causes := b.hypotheses[last].CausedBy
		own := mass
		if len(causes) > 0 && len(chain) < maxChain {
			own = mass / 2
			sum := 0.0
			for _, c := range causes {
				sum += b.hypotheses[c].Prior.weight()
			}
			for _, c := range causes {
				share := mass / 2 * b.hypotheses[c].Prior.weight() / sum
				if err := extend(append([]int{c}, chain...), share); err != nil {
					return err
				}
			}
		}
		if len(chain) == 1 {
			b.mass[1+last] = own
			return nil
		}
		b.add(chain, own)
		return b.bounded()
	}
	for h, hypothesis := range b.hypotheses {
		if err := extend([]int{h}, hypothesis.Prior.weight()); err != nil {
			return err
		}
	}
	// Short chains first: of equally probable stories the shorter is told.
	order := make([]int, len(b.members))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return len(b.members[i]) - len(b.members[j]) })
	members, mass := make([][]int, len(order)), make([]float64, len(order))
	for to, from := range order {
		members[to], mass[to] = b.members[from], b.mass[from]
	}
	b.members, b.mass = members, mass
	return nil
}

// pairs adds every two hypotheses that no path of causes joins.
func (b *stateBuilder) pairs() error {
	n := len(b.hypotheses)
	reach := make([][]bool, n)
	for h := range b.hypotheses {
		reach[h] = make([]bool, n)
		for stack := []int{h}; len(stack) > 0; {
			at := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for _, c := range b.hypotheses[at].CausedBy {
				if !reach[h][c] {
					reach[h][c] = true
					stack = append(stack, c)
				}
			}
		}
	}
	for i := range n {
		for j := i + 1; j < n; j++ {
			if reach[i][j] || reach[j][i] {
				continue
			}
			b.add([]int{i, j}, b.hypotheses[i].Prior.weight()*b.hypotheses[j].Prior.weight())
		}
		if err := b.bounded(); err != nil {
			return err
		}
	}
	return nil
}

func (b *stateBuilder) bounded() error {
	if len(b.members) >= maxStates {
		return fmt.Errorf("%d hypotheses make more than %d combinations: use fewer links or fewer hypotheses",
			len(b.hypotheses), maxStates)
	}
	return nil
}
