package belief

import (
	"math/rand/v2"
	"testing"

	"gumshoe/engine/kleene"
)

// large is a runbook of 30 hypotheses and 40 steps with two findings each, half
// of them observed.
func large(b *testing.B) *Belief {
	r := rand.New(rand.NewPCG(1, 1))
	spec := Spec{Hypotheses: make([]Hypothesis, 30), Symptom: true}
	for s := range 40 {
		spec.Steps = append(spec.Steps, Step{Cost: logUniform(r, 0.05, 30)})
		for range 2 {
			f := Finding{Reads: []int{s}}
			for _, h := range r.Perm(30)[:2] {
				f.Citations = append(f.Citations, Citation{Hypothesis: h, Word: Word(r.IntN(4)), Must: r.IntN(4) == 0})
			}
			spec.Findings = append(spec.Findings, f)
		}
	}
	m, err := Compile(spec)
	if err != nil {
		b.Fatal(err)
	}
	belief := m.Begin()
	belief.ObserveSymptom(kleene.True)
	for f := 0; f < len(spec.Findings); f += 4 {
		belief.Observe(f, kleene.Of(f%8 == 0))
		belief.Observe(f+1, kleene.False)
		belief.Finish(f/2, 1, true)
	}
	return belief
}

// BenchmarkChoose is one decision after a new observation, with nothing kept from
// the one before.
func BenchmarkChoose(b *testing.B) {
	belief := large(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		belief.Observe(0, kleene.Truth(1+i%2))
		belief.Choose(Planning{Parallel: 4, Left: 1000})
	}
}

// BenchmarkObserve is one observation and the probability that follows.
func BenchmarkObserve(b *testing.B) {
	belief := large(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		belief.Observe(0, kleene.Truth(1+i%2))
		belief.Probability(0)
	}
}

// BenchmarkAssess is the verdict after a new observation.
func BenchmarkAssess(b *testing.B) {
	belief := large(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		belief.Observe(0, kleene.Truth(1+i%2))
		belief.Assess()
	}
}

func BenchmarkCompile(b *testing.B) {
	spec := large(b).m.spec
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(spec); err != nil {
			b.Fatal(err)
		}
	}
}
