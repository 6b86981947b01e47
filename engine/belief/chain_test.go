package belief

import (
	"slices"
	"testing"

	"gumshoe/engine/kleene"
)

// evidence is a finding of one step as the tests write it.
type evidence struct {
	step  int // -1: observed at the start
	cites []Citation
	truth kleene.Truth
}

// runbook makes a Spec of hypotheses and findings with as many steps as needed.
func runbook(hypotheses []Hypothesis, findings []evidence) Spec {
	spec := Spec{Hypotheses: hypotheses, Symptom: true}
	for _, e := range findings {
		var reads []int
		if e.step >= 0 {
			reads = []int{e.step}
		}
		for len(spec.Steps) <= e.step {
			spec.Steps = append(spec.Steps, Step{Cost: 1})
		}
		spec.Findings = append(spec.Findings, Finding{Reads: reads, Citations: e.cites})
	}
	return spec
}

// seen compiles a runbook and observes everything in it, with the symptom true.
func seen(t *testing.T, spec Spec, findings []evidence) *Belief {
	t.Helper()
	m, err := Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	b := m.Begin()
	b.ObserveSymptom(kleene.True)
	for f, e := range findings {
		b.Observe(f, e.truth)
	}
	for s := range spec.Steps {
		b.Start(s)
		b.Finish(s, 1, true)
	}
	return b
}

func cite(h int, w Word) Citation { return Citation{Hypothesis: h, Word: w} }
func must(h int, w Word) Citation { return Citation{Hypothesis: h, Word: w, Must: true} }

// TestChainCases tells the four cases of the research, each as one story,
// deepest cause first: in each, both members must be named.
func TestChainCases(t *testing.T) {
	const yes, no = kleene.True, kleene.False
	tests := []struct {
		name       string
		hypotheses []Hypothesis
		findings   []evidence
		story      []int
	}{
		{
			name: "deploy + slow query: the query is confirmed, the deploy told with it",
			// 0 deploy, 1 slow query (caused by a deploy), 2 CPU, 3 packet loss
			hypotheses: []Hypothesis{{Prior: Common}, {CausedBy: []int{0}}, {}, {}},
			findings: []evidence{
				{0, []Citation{must(0, Medium)}, yes}, // deployed within the window
				{1, []Citation{must(1, Strong)}, yes}, // longest query > 5 s
				{2, []Citation{cite(1, Medium)}, yes}, // slow log
				{3, []Citation{must(2, Strong)}, no},
				{4, []Citation{must(3, Proof)}, no},
			},
			story: []int{0, 1},
		},
		{
			name: "deploy + configuration: the setting is confirmed, the deploy told with it",
			// 0 deploy, 1 bad configuration (caused by a deploy), 2 DNS, 3 certificate
			hypotheses: []Hypothesis{{Prior: Common}, {CausedBy: []int{0}}, {}, {}},
			findings: []evidence{
				{0, []Citation{must(0, Medium)}, yes},
				{0, []Citation{cite(0, Weak)}, yes},
				{1, []Citation{must(1, Strong)}, yes},
				{2, []Citation{cite(1, Medium)}, yes},
				{3, []Citation{must(2, Proof)}, no},
				{4, []Citation{must(3, Proof)}, no},
			},
			story: []int{0, 1},
		},
		{
			name: "slow query → pool: both confirmed, the query first",
			// 0 pool exhausted (caused by a slow query), 1 slow query, 2 CPU, 3 packet loss
			hypotheses: []Hypothesis{{Prior: Common, CausedBy: []int{1}}, {}, {}, {}},
			findings: []evidence{
				{0, []Citation{must(0, Strong)}, yes}, // connections / max > 0.9
				{0, []Citation{cite(0, Medium)}, yes}, // idle in transaction
				{1, []Citation{cite(0, Medium)}, yes}, // clients refused
				{0, []Citation{must(1, Strong)}, yes}, // longest query > 5 s
				{2, []Citation{cite(1, Medium)}, yes}, // slow log
				{3, []Citation{must(2, Strong)}, no},
				{4, []Citation{must(3, Proof)}, no},
			},
			story: []int{1, 0},
		},
		{
			name: "disk full → database down: both confirmed, the disk first",
			// 0 disk full, 1 database down (caused by a full disk), 2 DNS, 3 network
			hypotheses: []Hypothesis{{}, {CausedBy: []int{0}}, {}, {}},
			findings: []evidence{
				{0, []Citation{must(0, Proof)}, yes},
				{1, []Citation{must(1, Proof)}, yes},
				{2, []Citation{cite(1, Medium)}, yes},
				{3, []Citation{must(2, Proof)}, no},
				{4, []Citation{must(3, Strong)}, no},
			},
			story: []int{0, 1},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := seen(t, runbook(test.hypotheses, test.findings), test.findings)
			a := b.Assess()
			for h, j := range a.Hypotheses {
				t.Logf("hypothesis %d: p %.3f, %+.1f points, %s: %s", h, j.Probability, j.Points, j.Verdict, j.Why)
			}
			if len(a.Stories) != 1 || !equal(a.Stories[0], test.story) {
				t.Errorf("stories = %v, want [%v]", a.Stories, test.story)
			}
			if a.Status != StatusConfirmed {
				t.Errorf("status = %s, want confirmed", a.Status)
			}
			for _, h := range test.story {
				if !equal(a.Hypotheses[h].Story, test.story) {
					t.Errorf("hypothesis %d is told in %v, want %v", h, a.Hypotheses[h].Story, test.story)
				}
			}
		})
	}
}

func equal(a, b []int) bool { return slices.Equal(a, b) }

// TestImprobableStory: a chain confirms its members only when it holds 0.90.
func TestImprobableStory(t *testing.T) {
	findings := []evidence{
		{0, []Citation{cite(0, Strong)}, kleene.True}, {1, []Citation{cite(0, Medium)}, kleene.True},
		{2, []Citation{cite(2, Strong)}, kleene.True}, {3, []Citation{cite(2, Medium)}, kleene.True},
	}
	spec := runbook([]Hypothesis{{CausedBy: []int{1}}, {}, {}}, findings)
	// Both of the rivals are wanted once: what would explain both is improbable.
	spec.Findings = append(spec.Findings, Finding{Citations: []Citation{cite(0, Excludes), cite(2, Excludes)}})
	findings = append(findings, evidence{step: -1, truth: kleene.True})
	a := seen(t, spec, findings).Assess()
	if a.Status == StatusConfirmed || len(a.Stories) != 0 {
		t.Errorf("status = %s with p %.3f and %.3f, stories %v; want nothing confirmed", a.Status,
			a.Hypotheses[0].Probability, a.Hypotheses[2].Probability, a.Stories)
	}
}
