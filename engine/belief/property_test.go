package belief

import (
	"math"
	"math/rand/v2"
	"testing"

	"gumshoe/engine/kleene"
)

// randomSpec draws a runbook with everything in it: links, bundles, needs,
// resources, groups, every word.
func randomSpec(r *rand.Rand) Spec {
	hypotheses, steps := r.IntN(9), r.IntN(9)
	spec := Spec{Symptom: r.IntN(2) == 0, AlertFiring: r.IntN(4) == 0}
	for h := range hypotheses {
		hypothesis := Hypothesis{Prior: Prior(r.IntN(3))}
		for c := range h {
			if r.IntN(4) == 0 {
				hypothesis.CausedBy = append(hypothesis.CausedBy, c)
			}
		}
		spec.Hypotheses = append(spec.Hypotheses, hypothesis)
	}
	for s := range steps {
		step := Step{
			Cost: r.Float64() * 5, Risk: Risk(r.IntN(8) / 6), Same: []string{"", "", "a", "b"}[r.IntN(4)],
			Resource: []string{"", "", "", "eth0"}[r.IntN(4)],
		}
		if r.IntN(10) == 0 {
			step.Risk = Change
		}
		for n := range s {
			if r.IntN(6) == 0 {
				step.Needs = append(step.Needs, n)
			}
		}
		spec.Steps = append(spec.Steps, step)
		if r.IntN(4) == 0 {
			spec.SymptomReads = append(spec.SymptomReads, s)
		}
	}
	for range r.IntN(20) {
		var f Finding
		for s := range steps {
			if r.IntN(5) == 0 {
				f.Reads = append(f.Reads, s)
			}
		}
		for h := range hypotheses {
			if r.IntN(3) == 0 {
				c := Citation{Hypothesis: h, Word: Word(r.IntN(6))}
				c.Must = c.Word.Supports() && r.IntN(4) == 0
				c.ElseNone = !c.Must && r.IntN(5) == 0
				f.Citations = append(f.Citations, c)
			}
		}
		spec.Findings = append(spec.Findings, f)
	}
	return spec
}

// check fails unless the belief is one: probabilities add up, none is out of
// range, and the lines of a hypothesis add up to its score.
func check(t *testing.T, b *Belief) {
	t.Helper()
	sum := b.Unlisted() + b.NothingWrong()
	for s, p := range b.posterior {
		if s != 0 && s != b.m.healthy {
			sum += p
		}
		if !(p >= 0 && p <= 1+1e-12) {
			t.Fatalf("P(state %d) = %v", s, p)
		}
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Fatalf("probabilities add up to %v", sum)
	}
	a := b.Assess()
	for h, j := range a.Hypotheses {
		lines := 0.0
		for f := range b.m.spec.Findings {
			lines += b.Contribution(f, h)
		}
		if got := b.score[1+h] - b.m.logPrior[1+h] - (b.score[0] - b.m.logPrior[0]); math.Abs(got-lines) > 1e-9 {
			t.Fatalf("the lines of %d add up to %v, its score is %v", h, lines, got)
		}
		if j.Excluded && j.Verdict != VerdictRuledOut {
			t.Fatalf("%d is excluded and %s", h, j.Verdict)
		}
		if !contains(j.Story, h) {
			t.Fatalf("%d is told in %v", h, j.Story)
		}
		if j.Verdict == VerdictConfirmed && !told(a.Stories, h) {
			t.Fatalf("%d is confirmed and in no story of %v", h, a.Stories)
		}
	}
}

func told(stories [][]int, h int) bool {
	for _, story := range stories {
		if contains(story, h) {
			return true
		}
	}
	return false
}

// play runs a random incident to its end, under random planning, and checks
// every decision.
func play(t *testing.T, r *rand.Rand, m *Model) *Belief {
	b := m.Begin()
	p := Planning{Parallel: 1 + r.IntN(4), Left: 1 + 30*r.Float64(), Patience: 900 * r.Float64(), All: r.IntN(4) == 0}
	active := map[int]bool{}
	over := make([]bool, len(m.spec.Steps))
	for range 10 * (len(over) + 2) {
		if r.IntN(3) == 0 {
			b.ObserveSymptom(kleene.Truth(r.IntN(3)))
		}
		d := b.Choose(p)
		held := map[string]bool{}
		for s := range active {
			held[m.spec.Steps[s].Resource] = true
		}
		for _, c := range d.Steps {
			step := m.spec.Steps[c.Step]
			if over[c.Step] || active[c.Step] || !allOf(step.Needs, over) || step.Risk == Change || step.Cost > p.Left ||
				step.Resource != "" && held[step.Resource] || len(active) >= p.Parallel || c.Gain < 0 || math.IsNaN(c.Rate) {
				t.Fatalf("bad choice %+v of step %+v", c, step)
			}
			held[step.Resource] = true
			active[c.Step] = true
			b.Start(c.Step)
		}
		if len(active) == 0 {
			if !d.Done || d.Reason == "" {
				t.Fatalf("nothing runs, and the decision is %+v", d)
			}
			return b
		}
		for s := range over {
			if !active[s] {
				continue
			}
			delete(active, s)
			over[s] = true
			b.Finish(s, 0, true)
			for f, finding := range m.spec.Findings {
				if contains(finding.Reads, s) && allOf(finding.Reads, over) {
					if r.IntN(10) == 0 {
						b.Dismiss(f)
					} else {
						b.Observe(f, kleene.Truth(r.IntN(3)))
					}
				}
			}
			break
		}
	}
	t.Fatal("the run does not end")
	return nil
}

func TestRandomRunbooks(t *testing.T) {
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 3))
		m, err := Compile(randomSpec(r))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		b := play(t, r, m)
		check(t, b)
		for s := range m.spec.Steps {
			b.CouldBring(s)
		}
	}
}

// TestOrderDoesNotMatter: the same observations in another order, some of them
// corrected on the way, and with Unknown among them, give the same bits.
func TestOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		m, err := Compile(randomSpec(r))
		if err != nil {
			t.Fatal(err)
		}
		a, b := m.Begin(), m.Begin()
		truths := make([]kleene.Truth, len(m.spec.Findings))
		for f := range truths {
			truths[f] = kleene.Truth(r.IntN(3))
			if truths[f] != kleene.Unknown {
				a.Observe(f, truths[f])
			}
		}
		for _, f := range r.Perm(len(truths)) {
			if r.IntN(3) == 0 {
				b.Observe(f, kleene.Truth(r.IntN(3)))
				b.Choose(unlimited)
			}
			b.Observe(f, kleene.Unknown)
			b.Observe(f, truths[f])
		}
		for h := range m.spec.Hypotheses {
			if a.Probability(h) != b.Probability(h) || a.Points(h) != b.Points(h) {
				t.Fatalf("seed %d: p(%d) = %v and %v", seed, h, a.Probability(h), b.Probability(h))
			}
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	one := []Hypothesis{{}}
	many := make([]Hypothesis, maxHypotheses+1)
	dense := make([]Hypothesis, 120)
	for h := range dense {
		for c := range h {
			dense[h].CausedBy = append(dense[h].CausedBy, c)
		}
	}
	for name, spec := range map[string]Spec{
		"a hypothesis that is not there": {Hypotheses: one, Findings: []Finding{{Citations: []Citation{cite(1, Weak)}}}},
		"cited twice":                    {Hypotheses: one, Findings: []Finding{{Citations: []Citation{cite(0, Weak), cite(0, Strong)}}}},
		"a refuter as a must":            {Hypotheses: one, Findings: []Finding{{Citations: []Citation{must(0, Against)}}}},
		"a must that says nothing":       {Hypotheses: one, Findings: []Finding{{Citations: []Citation{{Must: true, ElseNone: true}}}}},
		"an unknown word":                {Hypotheses: one, Findings: []Finding{{Citations: []Citation{cite(0, 9)}}}},
		"an unknown prior":               {Hypotheses: []Hypothesis{{Prior: 7}}},
		"an unknown risk":                {Steps: []Step{{Risk: 9}}},
		"a step that is not there":       {Findings: []Finding{{Reads: []int{0}}}},
		"a negative cost":                {Steps: []Step{{Cost: -1}}},
		"a cost that is no number":       {Steps: []Step{{Cost: math.NaN()}}},
		"an endless cost":                {Steps: []Step{{Cost: math.Inf(1)}}},
		"needs that go round":            {Steps: []Step{{Needs: []int{1}}, {Needs: []int{0}}}},
		"needs that are not there":       {Steps: []Step{{Needs: []int{-1}}}},
		"causes that go round":           {Hypotheses: []Hypothesis{{CausedBy: []int{1}}, {CausedBy: []int{2}}, {CausedBy: []int{0}}}},
		"its own cause":                  {Hypotheses: []Hypothesis{{CausedBy: []int{0}}}},
		"the same cause twice":           {Hypotheses: []Hypothesis{{CausedBy: []int{1, 1}}, {}}},
		"a symptom that reads nothing":   {Symptom: true, SymptomReads: []int{3}},
		"too many hypotheses":            {Hypotheses: many},
		"too many chains":                {Hypotheses: dense},
	} {
		if _, err := Compile(spec); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzCompile: whatever a Spec says, Compile and a run of it end without a panic.
func FuzzCompile(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, int8(0), int8(0), 1.0)
	}
	f.Add(uint64(3), int8(-1), int8(9), math.NaN())
	f.Fuzz(func(t *testing.T, seed uint64, index, word int8, cost float64) {
		r := rand.New(rand.NewPCG(seed, 5))
		spec := randomSpec(r)
		// Then something is broken, perhaps.
		if len(spec.Findings) > 0 {
			finding := &spec.Findings[r.IntN(len(spec.Findings))]
			finding.Reads = append(finding.Reads, int(index)*r.IntN(2))
			finding.Citations = append(finding.Citations, Citation{Hypothesis: int(index), Word: Word(word), Must: seed%2 == 0})
		}
		if len(spec.Hypotheses) > 0 {
			h := &spec.Hypotheses[r.IntN(len(spec.Hypotheses))]
			h.CausedBy = append(h.CausedBy, int(index)*r.IntN(2))
		}
		if len(spec.Steps) > 0 {
			spec.Steps[r.IntN(len(spec.Steps))].Cost = cost
		}
		m, err := Compile(spec)
		if err != nil {
			return
		}
		check(t, play(t, r, m))
	})
}
