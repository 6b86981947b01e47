package belief

import (
	"errors"
	"math"
	"slices"
	"strings"
)

// maxTable bounds the planning tables, in numbers.
const maxTable = 1 << 23

var errTooLarge = errors.New("too many hypotheses cite too many findings: split the runbook")

// maxPlanned is how many findings of a unit are looked at together when planning;
// of more, those with the most points are taken.
const maxPlanned = 4

// unit is what can be chosen: a step, or the several steps that a finding reads,
// each with all that it needs.
type unit struct {
	target int   // the step, or the last step of the bundle
	steps  []int // needs first
	// findings lists those that read one of the steps, strongest first.
	findings []int
	// table is for the findings that running the unit from scratch decides.
	table table
	// fixed says that the unit consists of one step all of whose findings read
	// nothing else, so that table is all that is ever needed.
	fixed bool
}

// table says how likely each outcome of some findings is in each class of states.
type table struct {
	findings []int
	classes
	likelihood []float64 // by class and outcome
	entropy    []float64 // of each class's row, in bits
}

// makeUnits lists every step, and every set of steps that a finding reads.
func (m *Model) makeUnits() error {
	reading := make([][]int, len(m.spec.Steps))
	for f, finding := range m.spec.Findings {
		for _, s := range finding.Reads {
			reading[s] = append(reading[s], f)
		}
	}
	known, size := map[string]int{}, 0
	add := func(reads []int) int {
		steps := m.closure(reads)
		var key strings.Builder
		for _, s := range steps {
			key.WriteRune(rune(s))
		}
		if i, ok := known[key.String()]; ok {
			return i
		}
		u := unit{target: reads[len(reads)-1], steps: steps, fixed: len(steps) == 1}
		for _, s := range steps {
			u.findings = append(u.findings, reading[s]...)
		}
		u.findings = sortedSet(u.findings)
		for _, f := range u.findings {
			u.fixed = u.fixed && len(m.spec.Findings[f].Reads) == 1
		}
		slices.SortStableFunc(u.findings, func(f, g int) int {
			switch {
			case m.strength[f] > m.strength[g]:
				return -1
			case m.strength[f] < m.strength[g]:
				return 1
			default:
				return 0
			}
		})
		var decided []int
		for _, f := range u.findings {
			if len(decided) < maxPlanned && subset(m.spec.Findings[f].Reads, steps) {
				decided = append(decided, f)
			}
		}
		m.fill(&u.table, decided)
		size += len(u.table.likelihood)
		known[key.String()] = len(m.units)
		m.units = append(m.units, u)
		return len(m.units) - 1
	}
	m.closures = make([][]int, len(m.spec.Steps))
	for s := range m.spec.Steps {
		m.closures[s] = m.closure([]int{s})
		if m.unitOfStep = append(m.unitOfStep, add([]int{s})); size > maxTable {
			return errTooLarge
		}
	}
	m.unitOf = make([]int, len(m.spec.Findings))
	for f, finding := range m.spec.Findings {
		m.unitOf[f] = -1
		if len(finding.Reads) > 0 {
			m.unitOf[f] = add(finding.Reads)
		}
		if size > maxTable {
			return errTooLarge
		}
	}
	return nil
}

// closure is the steps and all that they need, needs first and otherwise in file
// order.
func (m *Model) closure(steps []int) []int {
	var order []int
	var visit func(s int)
	visited := map[int]bool{}
	visit = func(s int) {
		if visited[s] {
			return
		}
		visited[s] = true
		for _, n := range m.spec.Steps[s].Needs {
			visit(n)
		}
		order = append(order, s)
	}
	for _, s := range steps {
		visit(s)
	}
	return order
}

func subset(list, set []int) bool {
	for _, i := range list {
		if !slices.Contains(set, i) {
			return false
		}
	}
	return true
}

// fill makes t the table of these findings.
func (m *Model) fill(t *table, findings []int) {
	t.findings = append(t.findings[:0], findings...)
	t.classes = m.classify(findings)
	outcomes := 1 << len(findings)
	n := (len(t.sample) + 1) * outcomes
	t.likelihood = slices.Grow(t.likelihood[:0], n)[:n]
	t.entropy = slices.Grow(t.entropy[:0], len(t.sample)+1)[:len(t.sample)+1]
	for c := range t.entropy {
		state := 0 // of class 0, about which the findings say nothing
		if c > 0 {
			state = int(t.sample[c-1])
		}
		row := t.likelihood[c*outcomes : (c+1)*outcomes]
		m.likelihoods(row, findings, state)
		t.entropy[c] = entropy(row)
	}
}

// likelihoods fills row with how likely each outcome is in a state: finding i is
// true in the outcomes that have bit i.
func (m *Model) likelihoods(row []float64, findings []int, state int) {
	sum := 0.0
	var together sides
	for o := range row {
		l, w := 1.0, 0.0
		for i, f := range findings {
			if o&(1<<i) != 0 {
				l *= m.leak[f]
			} else {
				l *= 1 - m.leak[f]
			}
			// The first finding of each group adds up the whole group.
			first := true
			for _, g := range findings[:i] {
				first = first && m.planGroupOf[g] != m.planGroupOf[f]
			}
			if !first {
				continue
			}
			together.reset()
			for j := i; j < len(findings); j++ {
				if g := findings[j]; m.planGroupOf[g] == m.planGroupOf[f] {
					together.add(m.enters(g, truthIn(o, j), state))
				}
			}
			w += together.sum()
		}
		row[o] = l * ratio(w)
		sum += row[o]
	}
	for o := range row {
		row[o] /= sum
	}
}

// entropy is that of a distribution, in bits.
func entropy(distribution []float64) float64 {
	h := 0.0
	for _, x := range distribution {
		if x > 0 {
			h -= x * math.Log2(x)
		}
	}
	return h
}
