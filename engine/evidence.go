package engine

import (
	"fmt"
	"slices"

	"gumshoe/engine/belief"
	"gumshoe/engine/expression"
)

// finding is one expression with everybody who cites it: the same expression is
// one finding however many hypotheses cite it.
type finding struct {
	condition *expression.Condition
	reads     []int // the steps it reads, as indexes, ascending
	citations []citation
}

// citation is one item of evidence, by hypothesis.
type citation struct {
	hypothesis, item int
}

// evidenceModel is a runbook's evidence as the belief engine sees it. It is
// immutable.
type evidenceModel struct {
	findings []finding
	// byItem gives the finding of each hypothesis's each item.
	byItem [][]int
	model  *belief.Model
}

// newEvidenceModel compiles a runbook's evidence. The risks are those of the
// steps, by index.
func newEvidenceModel(book *Runbook, risks []Risk, alertFiring bool) (*evidenceModel, error) {
	m := &evidenceModel{byItem: make([][]int, len(book.Hypotheses))}
	index := book.stepIndex()
	byKey := make(map[string]int)
	spec := belief.Spec{Symptom: len(book.Symptom) > 0, AlertFiring: alertFiring}
	for h, hypothesis := range book.Hypotheses {
		spec.Hypotheses = append(spec.Hypotheses, belief.Hypothesis{Prior: hypothesis.Prior, CausedBy: hypothesis.CausedBy})
		for item, e := range hypothesis.Evidence {
			key := e.Condition.Key()
			f, known := byKey[key]
			if !known {
				f = len(m.findings)
				byKey[key] = f
				m.findings = append(m.findings, finding{condition: e.Condition, reads: index.of(e.Condition.Roots())})
				spec.Findings = append(spec.Findings, belief.Finding{Reads: m.findings[f].reads})
			}
			m.findings[f].citations = append(m.findings[f].citations, citation{h, item})
			m.byItem[h] = append(m.byItem[h], f)
			spec.Findings[f].Citations = append(spec.Findings[f].Citations, belief.Citation{
				Hypothesis: h, Word: e.Word, Must: e.Must, ElseNone: e.ElseNone,
			})
		}
	}
	for i, s := range book.Steps {
		spec.Steps = append(spec.Steps, belief.Step{
			Cost: s.Cost.Seconds(), Risk: risks[i], Same: s.Same, Needs: s.Needs, Resource: s.Check.Resource,
		})
	}
	for _, c := range book.Symptom {
		spec.SymptomReads = append(spec.SymptomReads, index.of(c.Roots())...)
	}
	slices.Sort(spec.SymptomReads)
	spec.SymptomReads = slices.Compact(spec.SymptomReads)
	var err error
	if m.model, err = belief.Compile(spec); err != nil {
		return nil, fmt.Errorf("runbook %s: %w", book.Name, err)
	}
	return m, nil
}

// stepIndex finds steps by name.
type stepIndex map[string]int

func (book *Runbook) stepIndex() stepIndex {
	index := make(stepIndex, len(book.Steps))
	for i, s := range book.Steps {
		index[s.Name] = i
	}
	return index
}

// of gives the indexes of those names that are steps, ascending.
func (index stepIndex) of(names []string) []int {
	var steps []int
	for _, name := range names {
		if i, ok := index[name]; ok {
			steps = append(steps, i)
		}
	}
	slices.Sort(steps)
	return slices.Compact(steps)
}
