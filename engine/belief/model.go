package belief

import (
	"fmt"
	"math"
	"slices"

	"gumshoe/engine/kleene"
)

// Bounds on a Spec. They keep the tables of a hostile or generated runbook
// within some tens of megabytes; 30 hypotheses make 466 states.
const (
	maxHypotheses = 200
	maxFindings   = 4000
	maxSteps      = 2000
	maxStates     = 1 << 16
)

// Model is a compiled Spec. It is immutable and safe for concurrent use.
type Model struct {
	spec Spec
	states
	groups []group
	// groupOf gives each finding's damping group, planGroupOf the same without
	// the groups that form by themselves.
	groupOf, planGroupOf []int
	// points holds what finding f is worth for hypothesis h, by the finding's
	// truth: points[t][f*len(Hypotheses)+h].
	points [3][]float64
	leak   []float64 // by finding
	// strength is the most that a finding can move any hypothesis, in points.
	strength []float64
	// cites lists each hypothesis's citations, grouped by damping group.
	cites   [][]cited
	hasMust []bool
	// mechanisms lists, for each hypothesis, those that name it in CausedBy.
	mechanisms [][]int
	// telling says which findings support some hypothesis, and notable which do so
	// by a word of medium or more.
	telling, notable []bool

	units      []unit
	unitOf     []int   // by finding: the unit that decides it, -1 for none
	unitOfStep []int   // by step
	closures   [][]int // by step: it and all that it needs, needs first
}

// cited is a citation seen from its hypothesis.
type cited struct {
	finding, group int
	Citation
}

// Compile checks a Spec and prepares all that does not depend on what is found.
// The errors speak of indexes: what an author can get wrong is reported with its
// place by the loader.
func Compile(spec Spec) (*Model, error) {
	m := &Model{spec: clone(spec)}
	if err := m.validate(); err != nil {
		return nil, err
	}
	var err error
	if m.states, err = newStates(m.spec.Hypotheses); err != nil {
		return nil, err
	}
	m.index()
	m.formGroups()
	m.indexCitations()
	if err := m.makeUnits(); err != nil {
		return nil, err
	}
	return m, nil
}

func clone(s Spec) Spec {
	s.Hypotheses = slices.Clone(s.Hypotheses)
	for i := range s.Hypotheses {
		s.Hypotheses[i].CausedBy = slices.Clone(s.Hypotheses[i].CausedBy)
	}
	s.Findings = slices.Clone(s.Findings)
	for i := range s.Findings {
		f := &s.Findings[i]
		f.Reads, f.Citations = sortedSet(f.Reads), slices.Clone(f.Citations)
	}
	s.Steps = slices.Clone(s.Steps)
	for i := range s.Steps {
		s.Steps[i].Needs = sortedSet(s.Steps[i].Needs)
	}
	s.SymptomReads = sortedSet(s.SymptomReads)
	return s
}

func sortedSet(list []int) []int {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func (m *Model) validate() error {
	s := &m.spec
	for _, b := range []struct {
		what      string
		have, max int
	}{
		{"hypotheses", len(s.Hypotheses), maxHypotheses},
		{"findings", len(s.Findings), maxFindings},
		{"steps", len(s.Steps), maxSteps},
	} {
		if b.have > b.max {
			return fmt.Errorf("%d %s: at most %d can be weighed together", b.have, b.what, b.max)
		}
	}
	for i, h := range s.Hypotheses {
		if h.Prior > Common {
			return fmt.Errorf("hypothesis %d: unknown prior %d", i, h.Prior)
		}
		if err := within(h.CausedBy, len(s.Hypotheses)); err != nil {
			return fmt.Errorf("hypothesis %d: caused by: %w", i, err)
		}
		if len(sortedSet(h.CausedBy)) != len(h.CausedBy) {
			return fmt.Errorf("hypothesis %d: the same cause twice", i)
		}
	}
	for i, f := range s.Findings {
		if err := m.validateFinding(f); err != nil {
			return fmt.Errorf("finding %d: %w", i, err)
		}
	}
	for i, step := range s.Steps {
		if !(step.Cost >= 0) || math.IsInf(step.Cost, 1) {
			return fmt.Errorf("step %d: cost %v: want seconds, 0 or more", i, step.Cost)
		}
		if step.Risk > Change {
			return fmt.Errorf("step %d: unknown risk %d", i, step.Risk)
		}
		if err := within(step.Needs, len(s.Steps)); err != nil {
			return fmt.Errorf("step %d: needs: %w", i, err)
		}
	}
	if err := within(s.SymptomReads, len(s.Steps)); err != nil {
		return fmt.Errorf("symptom: %w", err)
	}
	if i := cycle(len(s.Steps), func(i int) []int { return s.Steps[i].Needs }); i >= 0 {
		return fmt.Errorf("step %d needs itself", i)
	}
	if i := cycle(len(s.Hypotheses), func(i int) []int { return s.Hypotheses[i].CausedBy }); i >= 0 {
		return fmt.Errorf("hypothesis %d is its own cause", i)
	}
	return nil
}

func (m *Model) validateFinding(f Finding) error {
	if err := within(f.Reads, len(m.spec.Steps)); err != nil {
		return fmt.Errorf("reads: %w", err)
	}
	citing := make(map[int]bool, len(f.Citations))
	for _, c := range f.Citations {
		switch {
		case c.Hypothesis < 0 || c.Hypothesis >= len(m.spec.Hypotheses):
			return fmt.Errorf("cited by: no index %d among %d", c.Hypothesis, len(m.spec.Hypotheses))
		case citing[c.Hypothesis]:
			return fmt.Errorf("hypothesis %d cites it twice", c.Hypothesis)
		case c.Word > Excludes:
			return fmt.Errorf("hypothesis %d: unknown word %d", c.Hypothesis, c.Word)
		case c.Must && !c.Word.Supports():
			return fmt.Errorf("hypothesis %d: %s cannot be a must", c.Hypothesis, c.Word)
		case c.Must && c.ElseNone:
			return fmt.Errorf("hypothesis %d: a must cannot say nothing when it is false", c.Hypothesis)
		}
		citing[c.Hypothesis] = true
	}
	return nil
}

func within(list []int, n int) error {
	for _, i := range list {
		if i < 0 || i >= n {
			return fmt.Errorf("no index %d among %d", i, n)
		}
	}
	return nil
}

// cycle returns a node on a cycle, or -1.
func cycle(n int, next func(int) []int) int {
	const white, grey, black = 0, 1, 2
	colour := make([]uint8, n)
	type frame struct{ node, at int }
	for root := range n {
		if colour[root] != white {
			continue
		}
		colour[root] = grey
		for stack := []frame{{root, 0}}; len(stack) > 0; {
			top := &stack[len(stack)-1]
			list := next(top.node)
			if top.at == len(list) {
				colour[top.node] = black
				stack = stack[:len(stack)-1]
				continue
			}
			child := list[top.at]
			top.at++
			switch colour[child] {
			case grey:
				return child
			case white:
				colour[child] = grey
				stack = append(stack, frame{child, 0})
			}
		}
	}
	return -1
}

// index fills the tables that are looked up by finding or by hypothesis.
func (m *Model) index() {
	n := len(m.spec.Hypotheses)
	m.points[kleene.True] = make([]float64, len(m.spec.Findings)*n)
	m.points[kleene.False] = make([]float64, len(m.spec.Findings)*n)
	m.leak = make([]float64, len(m.spec.Findings))
	m.strength = make([]float64, len(m.spec.Findings))
	m.telling = make([]bool, len(m.spec.Findings))
	m.notable = make([]bool, len(m.spec.Findings))
	m.hasMust = make([]bool, n)
	m.mechanisms = make([][]int, n)
	for h, hypothesis := range m.spec.Hypotheses {
		for _, cause := range hypothesis.CausedBy {
			m.mechanisms[cause] = append(m.mechanisms[cause], h)
		}
	}
	for f, finding := range m.spec.Findings {
		m.leak[f] = leakOf(finding.Citations)
		for _, c := range finding.Citations {
			m.points[kleene.True][f*n+c.Hypothesis] = c.ifTrue()
			m.points[kleene.False][f*n+c.Hypothesis] = c.ifFalse()
			m.strength[f] = max(m.strength[f], math.Abs(c.ifTrue()), math.Abs(c.ifFalse()))
			m.telling[f] = m.telling[f] || c.Word.Supports()
			m.notable[f] = m.notable[f] || c.notable()
			m.hasMust[c.Hypothesis] = m.hasMust[c.Hypothesis] || c.Must
		}
	}
}

// indexCitations lists citations by hypothesis, those of one group together.
func (m *Model) indexCitations() {
	m.cites = make([][]cited, len(m.spec.Hypotheses))
	for f, finding := range m.spec.Findings {
		for _, c := range finding.Citations {
			m.cites[c.Hypothesis] = append(m.cites[c.Hypothesis], cited{f, m.groupOf[f], c})
		}
	}
	for _, list := range m.cites {
		slices.SortStableFunc(list, func(a, b cited) int { return a.group - b.group })
	}
}
