package engine

import (
	"gumshoe/engine/belief"
	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

// Plan says what a run of the runbook on target would do. It touches nothing.
func (book *Runbook) Plan(inputs *InputValues, incident Incident, target string) (*RunPlan, error) {
	env := expression.NewEnvironment()
	book.bind(env, inputs, incident, nil)
	evidence, err := newEvidenceModel(book, book.risks(env), false)
	if err != nil {
		return nil, err
	}
	plan := &RunPlan{Runbook: book.Name, Title: book.Title, Inputs: inputs.Shown, First: []string{}}
	if book.Heading != nil {
		plan.Title = book.Heading.Sentence(env)
	}
	for _, s := range book.Steps {
		p := book.planStep(s, env, target)
		plan.Steps = append(plan.Steps, p)
		plan.CostSeconds += p.CostSeconds
	}
	first := evidence.model.Begin().Choose(belief.Planning{Parallel: DefaultParallel, Patience: book.Patience.Seconds(), Left: book.Budget.Seconds()})
	for _, c := range first.Steps {
		plan.First = append(plan.First, book.Steps[c.Step].Name)
	}
	return plan, nil
}

func (book *Runbook) planStep(s *Step, env *expression.Environment, here string) PlannedStep {
	p := PlannedStep{
		ID: s.Name, Check: s.Check.Name, Target: here, Risk: s.Risk.String(),
		CostSeconds: s.Cost.Seconds(), TimeoutSeconds: s.Timeout.Seconds(), Touches: []Touch{},
	}
	for _, n := range s.Needs {
		p.Needs = append(p.Needs, book.Steps[n].Name)
	}
	if s.When != nil {
		p.When = s.When.Text().Value
		if result := s.When.Eval(env); result.Truth == kleene.False {
			p.Open = "does not apply: " + result.Shown
			return p
		}
	}
	target, unknown := s.where(env, here)
	if unknown != "" {
		p.Target, p.Open = "?", unknown
		return p
	}
	p.Target = target
	items, unknown := s.items(env)
	if unknown != "" {
		p.Open = unknown
		return p
	}
	for _, item := range items {
		in, reason := s.input(env, item)
		if reason != "" {
			p.Open = reason
			continue
		}
		risk := s.riskOf(in)
		p.Risk = risk.String()
		if risk >= Change {
			p.Refused = s.Check.Allow(in)
		}
		p.Touches = append(p.Touches, s.Check.Plan(in)...)
	}
	return p
}
