package belief

import (
	"slices"

	"gumshoe/engine/kleene"
)

// automaticJaccard is how much the hypotheses that two steps support must
// overlap (intersection by union) for the steps to damp each other.
const automaticJaccard = 0.5

// group is a set of findings that damp each other: what several of them say
// counts less than what they would say independently.
type group struct {
	findings []int
	classes
}

// formGroups puts each finding into the group of the step it belongs to. A step
// is a group of its own; an author joins steps with Same; and steps that support
// nearly the same hypotheses are joined here, because they are likely to be
// different views of one thing. Findings that read no step are one group.
func (m *Model) formGroups() {
	steps := len(m.spec.Steps)
	start := steps
	author := newUnion(steps + 1)
	named := map[string]int{}
	for s, step := range m.spec.Steps {
		if step.Same == "" {
			continue
		}
		if first, ok := named[step.Same]; ok {
			author.join(first, s)
		} else {
			named[step.Same] = s
		}
	}
	all := author.clone()
	supported := make([][]bool, steps)
	for _, f := range m.spec.Findings {
		s := owner(f, start)
		if s == start {
			continue
		}
		for _, c := range f.Citations {
			if !c.Word.Supports() {
				continue
			}
			if supported[s] == nil {
				supported[s] = make([]bool, len(m.spec.Hypotheses))
			}
			supported[s][c.Hypothesis] = true
		}
	}
	for a := range supported {
		for b := a + 1; b < len(supported); b++ {
			if similar(supported[a], supported[b]) {
				all.join(a, b)
			}
		}
	}

	m.groupOf = make([]int, len(m.spec.Findings))
	m.planGroupOf = make([]int, len(m.spec.Findings))
	number := map[int]int{}
	for f, finding := range m.spec.Findings {
		s := owner(finding, start)
		m.planGroupOf[f] = author.find(s)
		root := all.find(s)
		g, ok := number[root]
		if !ok {
			g = len(m.groups)
			number[root] = g
			m.groups = append(m.groups, group{})
		}
		m.groupOf[f] = g
		m.groups[g].findings = append(m.groups[g].findings, f)
	}
	for g := range m.groups {
		m.groups[g].classes = m.classify(m.groups[g].findings)
	}
}

// owner is the step that a finding belongs to: the last it reads in file order.
func owner(f Finding, start int) int {
	if len(f.Reads) == 0 {
		return start
	}
	return f.Reads[len(f.Reads)-1]
}

func similar(a, b []bool) bool {
	var inA, inB, both int
	for h := range a {
		if a[h] {
			inA++
		}
	}
	for h := range b {
		if b[h] {
			inB++
			if h < len(a) && a[h] {
				both++
			}
		}
	}
	return inA >= 2 && inB >= 2 && float64(both) >= automaticJaccard*float64(inA+inB-both)
}

// classes sorts the states by what a set of findings can say about them: states
// of the same class always get the same points from these findings. Most states
// are in class 0, about which they say nothing, and are not listed.
type classes struct {
	states []int32
	class  []uint16
	// sample is one state of each class but 0: class c is sample[c-1].
	sample []int32
}

func (m *Model) classify(findings []int) classes {
	profiles := map[string]int{"": 0}
	profile := make([]int, len(m.spec.Hypotheses))
	text := make([][]byte, len(m.spec.Hypotheses))
	for i, f := range findings {
		for _, c := range m.spec.Findings[f].Citations {
			flags := byte(c.Word)
			if c.Must {
				flags |= 0x40
			}
			if c.ElseNone {
				flags |= 0x80
			}
			text[c.Hypothesis] = append(text[c.Hypothesis], byte(i), byte(i>>8), flags)
		}
	}
	for h, t := range text {
		p, ok := profiles[string(t)]
		if !ok {
			p = len(profiles)
			profiles[string(t)] = p
		}
		profile[h] = p
	}
	var c classes
	// Of members in a chain and of those in a pair not the same is said: the last
	// place of the key tells them apart.
	number := map[[maxChain + 1]int]uint16{{}: 0}
	for s, members := range m.members {
		var key [maxChain + 1]int
		for i, h := range members {
			key[i] = profile[h]
		}
		slices.Sort(key[:maxChain])
		if m.paired(s) && key[maxChain-2] != 0 {
			key[maxChain] = 1
		}
		n, ok := number[key]
		if !ok {
			n = uint16(len(number))
			number[key] = n
			c.sample = append(c.sample, int32(s))
		}
		if n != 0 {
			c.states = append(c.states, int32(s))
			c.class = append(c.class, n)
		}
	}
	return c
}

// paired tells whether a state is two hypotheses that no link joins.
func (m *Model) paired(state int) bool { return state >= m.pairs && state < m.healthy }

// enters is the points with which a finding enters for a state: one member is
// enough to explain it, and each member pays for what it lacks. Side is the
// place among the members of a pair of the one that explains it; what a single
// or a chain explains is all on one side.
func (m *Model) enters(f int, t kleene.Truth, state int) (points float64, side int) {
	if t == kleene.Unknown {
		return 0, 0
	}
	most, sum := 0.0, 0.0
	row := m.points[t][f*len(m.spec.Hypotheses):]
	for i, h := range m.members[state] {
		switch w := row[h]; {
		case w > most:
			most = w
			if m.paired(state) {
				side = i
			}
		case w < 0:
			sum += w
		}
	}
	return most + sum, side
}

// sides adds up what the findings of one group say about a state. In a pair,
// what one member explains does not damp what the other explains: that one disk
// is full and that another has no inodes is two pieces of news, though one step
// brings both.
type sides [3][]float64 // against, and for each member of a pair

func (t *sides) reset() {
	for i := range t {
		t[i] = t[i][:0]
	}
}

func (t *sides) add(points float64, side int) {
	switch {
	case points > 0:
		t[1+side] = append(t[1+side], points)
	case points < 0:
		t[0] = append(t[0], points)
	}
}

func (t *sides) sum() float64 {
	sum := 0.0
	for _, points := range t {
		sum += damp(points)
	}
	return sum
}

// damp adds points of one group: the largest in full, the next by half, then a
// quarter, and so on; what speaks for and what speaks against separately. It
// reorders its argument.
func damp(points []float64) float64 {
	slices.Sort(points)
	sum, factor := 0.0, 1.0
	for _, p := range points {
		if p >= 0 {
			break
		}
		sum += p * factor
		factor /= 2
	}
	factor = 1
	for i := len(points) - 1; i >= 0 && points[i] > 0; i-- {
		sum += points[i] * factor
		factor /= 2
	}
	return sum
}

// union is a disjoint-set forest.
type union []int

func newUnion(n int) union {
	u := make(union, n)
	for i := range u {
		u[i] = i
	}
	return u
}

func (u union) clone() union { return slices.Clone(u) }

func (u union) find(i int) int {
	for u[i] != i {
		u[i] = u[u[i]]
		i = u[i]
	}
	return i
}

func (u union) join(a, b int) {
	a, b = u.find(a), u.find(b)
	u[max(a, b)] = min(a, b)
}
