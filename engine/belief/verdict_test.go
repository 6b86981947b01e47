package belief

import (
	"math"
	"testing"

	"gumshoe/engine/kleene"
)

const (
	yes = kleene.True
	no  = kleene.False
	un  = kleene.Unknown
)

// near compares points and probabilities with the tolerance of the rules.
func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

// TestPriors checks the shares by hand.
func TestPriors(t *testing.T) {
	tests := []struct {
		name       string
		hypotheses []Hypothesis
		members    [][]int
		// prior is the share among the states in which something is wrong, times the
		// mass before renormalising.
		prior []float64
	}{
		{
			name: "one: nothing else to share with", hypotheses: []Hypothesis{{}},
			members: [][]int{nil, {0}}, prior: []float64{0.10, 0.75},
		},
		{
			name: "two unlinked: a pair", hypotheses: []Hypothesis{{Prior: Common}, {Prior: Rare}},
			members: [][]int{nil, {0}, {1}, {0, 1}}, prior: []float64{0.10, 0.75 * 0.9, 0.75 * 0.1, 0.15},
		},
		{
			name:       "a chain: half for itself, half for its cause, and no pair",
			hypotheses: []Hypothesis{{CausedBy: []int{1}}, {}},
			members:    [][]int{nil, {0}, {1}, {1, 0}}, prior: []float64{0.10, 0.75 / 4, 0.75 / 2, 0.75 / 4},
		},
		{
			name:       "two causes share by their words",
			hypotheses: []Hypothesis{{CausedBy: []int{1, 2}}, {Prior: Common}, {}},
			members:    [][]int{nil, {0}, {1}, {2}, {1, 0}, {2, 0}, {1, 2}},
			prior: []float64{0.10, 0.75 * 0.5 / 5, 0.75 * 3 / 5, 0.75 / 5,
				0.75 * 0.5 * 0.75 / 5, 0.75 * 0.5 * 0.25 / 5, 0.15},
		},
		{
			name:       "a chain of three: the third keeps its whole share; no fourth",
			hypotheses: []Hypothesis{{CausedBy: []int{1}}, {CausedBy: []int{2}}, {CausedBy: []int{3}}, {}},
			members:    [][]int{nil, {0}, {1}, {2}, {3}, {1, 0}, {2, 1}, {3, 2}, {2, 1, 0}, {3, 2, 1}},
			prior: []float64{0.10, 0.75 / 8, 0.75 / 8, 0.75 / 8, 0.75 / 4, 0.75 / 16, 0.75 / 16, 0.75 / 8,
				0.75 / 16, 0.75 / 16},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := newStates(test.hypotheses)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.members) != len(test.members)+1 {
				t.Fatalf("states = %v, want %v and healthy", s.members, test.members)
			}
			sum := 0.0
			for _, p := range test.prior {
				sum += p
			}
			for i, p := range test.prior {
				if !equal(s.members[i], test.members[i]) || !near(s.prior[i], p/sum/2) {
					t.Errorf("state %d = %v with prior %.4f, want %v with %.4f", i, s.members[i], s.prior[i], test.members[i], p/sum/2)
				}
			}
			if !near(s.prior[s.healthy], 0.5) {
				t.Errorf("prior of healthy = %v, want 0.5", s.prior[s.healthy])
			}
		})
	}
}

// TestPosterior checks one posterior by hand: prior, words, and the sum over the
// states.
func TestPosterior(t *testing.T) {
	findings := []evidence{
		{0, []Citation{cite(0, Strong), cite(1, Weak)}, yes},
		{1, []Citation{must(1, Medium)}, no},
	}
	b := seen(t, runbook([]Hypothesis{{}, {}}, findings), findings)
	// ∅ 0.10·1; {0} 0.375·10^1.5; {1} 0.375·10^(0.5−1.5); {0,1} 0.15·10^(1.5−1.5):
	// the pair gets the larger of what speaks for it, and pays what either lacks.
	none, a, c, pair := 0.10, 0.375*math.Pow(10, 1.5), 0.375*math.Pow(10, -1), 0.15
	sum := none + a + c + pair
	for h, want := range []float64{(a + pair) / sum, (c + pair) / sum} {
		if got := b.Probability(h); !near(got, want) {
			t.Errorf("p(%d) = %.6f, want %.6f", h, got, want)
		}
	}
	if got := b.Unlisted(); !near(got, none/sum) {
		t.Errorf("unlisted = %.6f, want %.6f", got, none/sum)
	}
	if got := b.NothingWrong(); got != 0 {
		t.Errorf("nothing wrong = %v after the symptom was seen, want 0", got)
	}
	b.ObserveSymptom(no)
	if got, want := b.NothingWrong(), 1/(1+sum); !near(got, want) {
		t.Errorf("nothing wrong = %.6f, want %.6f", got, want)
	}
}

// TestDamping checks the points of each line, which an author reads.
func TestDamping(t *testing.T) {
	tests := []struct {
		name     string
		findings []evidence
		same     string
		lines    []float64 // of hypothesis 0
		points   float64
	}{
		{
			name: "the second of a step counts half, the third a quarter; misses apart",
			findings: []evidence{
				{0, []Citation{cite(0, Medium)}, yes}, {0, []Citation{cite(0, Strong)}, yes},
				{0, []Citation{cite(0, Weak)}, yes}, {0, []Citation{cite(0, Weak)}, no}, {0, []Citation{must(0, Weak)}, no},
			},
			lines: []float64{5, 15, 1.25, -1.5, -15}, points: 21.25,
		},
		{
			name: "two steps count in full",
			findings: []evidence{
				{0, []Citation{cite(0, Medium)}, yes}, {1, []Citation{cite(0, Medium)}, yes},
			},
			lines: []float64{10, 10}, points: 20,
		},
		{
			name: "two steps that the author joins do not", same: "web",
			findings: []evidence{
				{0, []Citation{cite(0, Medium)}, yes}, {1, []Citation{cite(0, Medium)}, yes},
			},
			lines: []float64{10, 5}, points: 15,
		},
		{
			name: "nor do two that support the same two hypotheses",
			findings: []evidence{
				{0, []Citation{cite(0, Medium), cite(1, Weak)}, yes}, {1, []Citation{cite(0, Medium), cite(1, Weak)}, yes},
			},
			lines: []float64{10, 5}, points: 15,
		},
		{
			name: "else none, unknown and refuters that are false say nothing",
			findings: []evidence{
				{0, []Citation{{Hypothesis: 0, Word: Proof, ElseNone: true}}, no}, {1, []Citation{cite(0, Proof)}, un},
				{2, []Citation{cite(0, Against)}, no}, {3, []Citation{cite(0, Excludes)}, yes},
			},
			lines: []float64{0, 0, 0, -20}, points: 0,
		},
		{
			name: "findings known at the start are one group",
			findings: []evidence{
				{-1, []Citation{cite(0, Weak)}, yes}, {-1, []Citation{cite(0, Weak)}, yes},
			},
			lines: []float64{5, 2.5}, points: 7.5,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := runbook([]Hypothesis{{}, {}}, test.findings)
			for s := range spec.Steps {
				spec.Steps[s].Same = test.same
			}
			b := seen(t, spec, test.findings)
			sum := 0.0
			for f, want := range test.lines {
				got := b.Contribution(f, 0)
				if !near(got, want) {
					t.Errorf("finding %d enters with %v, want %v", f, got, want)
				}
				sum += got
			}
			b.judge()
			if got := b.score[1] - b.m.logPrior[1] - (b.score[0] - b.m.logPrior[0]); !near(got, sum) {
				t.Errorf("the lines add up to %v, the score is %v", sum, got)
			}
			if got := b.Points(0); !near(got, test.points) {
				t.Errorf("own points = %v, want %v", got, test.points)
			}
		})
	}
}

// TestVerdicts has a row for every rule.
func TestVerdicts(t *testing.T) {
	three := []Hypothesis{{}, {}, {}}
	tests := []struct {
		name       string
		hypotheses []Hypothesis
		findings   []evidence
		symptom    kleene.Truth
		firing     bool
		status     Status
		verdicts   []Verdict
		rule       Rule // of hypothesis 0
	}{
		{
			name: "confirmed by two steps", hypotheses: three, symptom: yes, findings: []evidence{
				{0, []Citation{cite(0, Strong)}, yes}, {1, []Citation{cite(0, Weak)}, yes},
				{2, []Citation{must(1, Strong)}, no}, {3, []Citation{must(2, Strong)}, no}},
			status: StatusConfirmed, verdicts: []Verdict{VerdictConfirmed, VerdictRuledOut, VerdictRuledOut}, rule: RuleProbability,
		},
		{
			name: "strong from one step is no more than likely", hypotheses: three, symptom: yes, findings: []evidence{
				{0, []Citation{cite(0, Strong)}, yes},
				{2, []Citation{must(1, Strong)}, no}, {3, []Citation{must(2, Strong)}, no}},
			status: StatusLikely, verdicts: []Verdict{VerdictLikely, VerdictRuledOut, VerdictRuledOut}, rule: RuleElimination,
		},
		{
			name: "proof from one step is enough", hypotheses: three, symptom: yes, findings: []evidence{
				{0, []Citation{cite(0, Proof)}, yes},
				{2, []Citation{must(1, Strong)}, no}, {3, []Citation{must(2, Strong)}, no}},
			status: StatusConfirmed, verdicts: []Verdict{VerdictConfirmed, VerdictRuledOut, VerdictRuledOut}, rule: RuleProbability,
		},
		{
			name: "by elimination is not confirmed", hypotheses: three, symptom: yes, findings: []evidence{
				{0, []Citation{cite(0, Weak)}, yes}, {1, []Citation{cite(0, Weak)}, yes},
				{2, []Citation{must(1, Strong)}, no}, {3, []Citation{must(2, Strong)}, no}},
			status: StatusLikely, verdicts: []Verdict{VerdictLikely, VerdictRuledOut, VerdictRuledOut}, rule: RuleElimination,
		},
		{
			name: "twice the next", hypotheses: three, symptom: yes, findings: []evidence{
				{0, []Citation{cite(0, Medium)}, yes}},
			status: StatusLikely, verdicts: []Verdict{VerdictLikely, VerdictOpen, VerdictOpen}, rule: RuleLead,
		},
		{
			name: "the prior alone is no verdict", hypotheses: three[:1], symptom: yes, findings: []evidence{
				{0, []Citation{cite(0, Proof)}, un}},
			status: StatusInconclusive, verdicts: []Verdict{VerdictOpen}, rule: RuleUndecided,
		},
		{
			name: "a second cause beside a confirmed one", hypotheses: three, symptom: yes, findings: []evidence{
				{0, []Citation{cite(0, Medium)}, yes}, {1, []Citation{cite(0, Weak)}, yes},
				{2, []Citation{cite(1, Proof)}, yes}, {3, []Citation{cite(1, Proof)}, yes},
				{4, []Citation{must(2, Strong)}, no}},
			status: StatusConfirmed, verdicts: []Verdict{VerdictContributing, VerdictConfirmed, VerdictRuledOut}, rule: RuleSecond,
		},
		{
			name: "three causes at once, each with proof of its own", hypotheses: three, symptom: yes, findings: []evidence{
				{0, []Citation{must(0, Proof)}, yes}, {0, []Citation{cite(0, Weak)}, yes},
				{1, []Citation{must(1, Proof)}, yes}, {1, []Citation{cite(1, Weak)}, yes},
				{2, []Citation{must(2, Proof)}, yes}, {2, []Citation{cite(2, Weak)}, yes}},
			status: StatusConfirmed, verdicts: []Verdict{VerdictConfirmed, VerdictConfirmed, VerdictConfirmed}, rule: RuleTogether,
		},
		{
			name: "three causes at once, the proof of two is the same", hypotheses: three, symptom: yes, findings: []evidence{
				{0, []Citation{must(0, Proof), must(1, Proof)}, yes}, {0, []Citation{cite(0, Weak)}, yes}, {1, []Citation{cite(1, Weak)}, yes},
				{2, []Citation{must(2, Proof)}, yes}, {2, []Citation{cite(2, Weak)}, yes}},
			status: StatusConfirmed, verdicts: []Verdict{VerdictOpen, VerdictContributing, VerdictConfirmed}, rule: RuleUndecided,
		},
		{
			name: "three causes at once, of which none has a must", hypotheses: three, symptom: yes, findings: []evidence{
				{0, []Citation{cite(0, Proof)}, yes}, {0, []Citation{cite(0, Weak)}, yes},
				{1, []Citation{cite(1, Proof)}, yes}, {1, []Citation{cite(1, Weak)}, yes},
				{2, []Citation{cite(2, Proof)}, yes}, {2, []Citation{cite(2, Weak)}, yes}},
			status: StatusInconclusive, verdicts: []Verdict{VerdictOpen, VerdictOpen, VerdictOpen}, rule: RuleUndecided,
		},
		{
			name: "a must seen false excludes, whatever else is true", hypotheses: three, symptom: yes, findings: []evidence{
				{0, []Citation{cite(0, Proof)}, yes}, {1, []Citation{cite(0, Proof)}, yes}, {2, []Citation{cite(0, Proof)}, yes},
				{3, []Citation{must(0, Weak)}, no}, {4, []Citation{must(1, Strong)}, no}, {5, []Citation{must(2, Strong)}, no}},
			status: StatusInconclusive, verdicts: []Verdict{VerdictRuledOut, VerdictRuledOut, VerdictRuledOut}, rule: RuleMust,
		},
		{
			name: "one medium false is not enough to exclude", hypotheses: three, symptom: no, findings: []evidence{
				{0, []Citation{cite(0, Medium)}, no}, {1, []Citation{must(1, Strong)}, no}, {2, []Citation{must(2, Strong)}, no}},
			status: StatusInconclusive, verdicts: []Verdict{VerdictOpen, VerdictRuledOut, VerdictRuledOut}, rule: RuleUndecided,
		},
		{
			name: "two mediums of one step are: −3 − 1.5", hypotheses: three, symptom: no, findings: []evidence{
				{0, []Citation{cite(0, Medium)}, no}, {0, []Citation{cite(0, Strong)}, no},
				{1, []Citation{must(1, Strong)}, no}, {2, []Citation{must(2, Strong)}, no}},
			status: StatusHealthy, verdicts: []Verdict{VerdictRuledOut, VerdictRuledOut, VerdictRuledOut}, rule: RuleAllFalse,
		},
		{
			name: "one of two unknown: not excluded, not healthy", hypotheses: three, symptom: no, findings: []evidence{
				{0, []Citation{cite(0, Medium)}, no}, {1, []Citation{cite(0, Strong)}, un},
				{2, []Citation{must(1, Strong)}, no}, {3, []Citation{must(2, Strong)}, no}},
			status: StatusInconclusive, verdicts: []Verdict{VerdictOpen, VerdictRuledOut, VerdictRuledOut}, rule: RuleUndecided,
		},
		{
			name: "weak ones count only where there is nothing else", hypotheses: three, symptom: no, findings: []evidence{
				{0, []Citation{cite(0, Weak)}, no}, {1, []Citation{cite(0, Weak)}, no},
				{2, []Citation{must(1, Strong)}, no}, {3, []Citation{must(2, Strong)}, no}},
			status: StatusHealthy, verdicts: []Verdict{VerdictRuledOut, VerdictRuledOut, VerdictRuledOut}, rule: RuleAllFalse,
		},
		{
			name: "never vacuously", hypotheses: three, symptom: no, findings: []evidence{
				{0, []Citation{cite(0, Against)}, no},
				{2, []Citation{must(1, Strong)}, no}, {3, []Citation{must(2, Strong)}, no}},
			status: StatusInconclusive, verdicts: []Verdict{VerdictOpen, VerdictRuledOut, VerdictRuledOut}, rule: RuleUndecided,
		},
		{
			name: "all excluded, but the symptom is unknown", hypotheses: three[:1], symptom: un, findings: []evidence{
				{0, []Citation{must(0, Strong)}, no}},
			status: StatusInconclusive, verdicts: []Verdict{VerdictRuledOut}, rule: RuleMust,
		},
		{
			name: "all excluded, but something of medium is true", hypotheses: three[:1], symptom: no, findings: []evidence{
				{0, []Citation{must(0, Strong)}, no}, {1, []Citation{cite(0, Medium)}, yes}},
			status: StatusInconclusive, verdicts: []Verdict{VerdictRuledOut}, rule: RuleMust,
		},
		{
			name: "an alert that still fires is never healthy", hypotheses: three[:1], symptom: no, firing: true, findings: []evidence{
				{0, []Citation{must(0, Strong)}, no}},
			status: StatusNotReproduced, verdicts: []Verdict{VerdictRuledOut}, rule: RuleMust,
		},
		{
			name: "a trigger of whose effect nothing is seen", symptom: yes,
			hypotheses: []Hypothesis{{}, {CausedBy: []int{0}}}, findings: []evidence{
				{0, []Citation{cite(0, Medium)}, yes}, {1, []Citation{cite(0, Medium)}, yes}, {2, []Citation{must(1, Strong)}, no}},
			status: StatusLikely, verdicts: []Verdict{VerdictLikely, VerdictRuledOut}, rule: RuleTrigger,
		},
		{
			name: "a trigger with strong evidence of its own", symptom: yes,
			hypotheses: []Hypothesis{{}, {CausedBy: []int{0}}}, findings: []evidence{
				{0, []Citation{cite(0, Strong)}, yes}, {1, []Citation{cite(0, Medium)}, yes}, {2, []Citation{must(1, Strong)}, no}},
			status: StatusConfirmed, verdicts: []Verdict{VerdictConfirmed, VerdictRuledOut}, rule: RuleProbability,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := runbook(test.hypotheses, test.findings)
			spec.AlertFiring = test.firing
			b := seen(t, spec, test.findings)
			b.ObserveSymptom(test.symptom)
			a := b.Assess()
			if a.Status != test.status {
				t.Errorf("status = %s, want %s", a.Status, test.status)
			}
			for h, j := range a.Hypotheses {
				if j.Verdict != test.verdicts[h] {
					t.Errorf("hypothesis %d (p %.3f, %+.1f) = %s: %s, want %s", h, j.Probability, j.Points, j.Verdict, j.Why, test.verdicts[h])
				}
			}
			if got := a.Hypotheses[0].Why; got != string(test.rule) {
				t.Errorf("hypothesis 0: %q, want %q", got, test.rule)
			}
		})
	}
}

// TestHealthyWithoutSymptom: with none declared, every hypothesis needs a must.
func TestHealthyWithoutSymptom(t *testing.T) {
	findings := []evidence{{0, []Citation{must(0, Strong)}, no}, {1, []Citation{cite(1, Medium)}, no}, {2, []Citation{cite(1, Medium)}, no}}
	spec := runbook([]Hypothesis{{}, {}}, findings)
	spec.Symptom = false
	b := seen(t, spec, findings)
	b.ObserveSymptom(un)
	if got := b.Assess().Status; got != StatusInconclusive {
		t.Errorf("status = %s, want inconclusive: hypothesis 1 has no must", got)
	}
	spec.Findings[1].Citations[0].Must = true
	b = seen(t, spec, findings)
	b.ObserveSymptom(un)
	if got := b.Assess().Status; got != StatusHealthy {
		t.Errorf("status = %s, want healthy", got)
	}
	spec.AlertFiring = true
	b = seen(t, spec, findings)
	b.ObserveSymptom(un)
	if got := b.Assess().Status; got != StatusNotReproduced {
		t.Errorf("status = %s although the alert fires, want not_reproduced", got)
	}
}

// TestDismissed: a step that does not apply does not stand in the way of healthy,
// but excludes nothing.
func TestDismissed(t *testing.T) {
	findings := []evidence{{0, []Citation{must(0, Strong)}, no}, {1, []Citation{must(1, Proof)}, un}}
	b := seen(t, runbook([]Hypothesis{{}, {}}, findings), findings)
	b.ObserveSymptom(no)
	if got := b.Assess().Status; got != StatusInconclusive {
		t.Errorf("status = %s, want inconclusive: a proof is unknown", got)
	}
	b.Dismiss(1)
	a := b.Assess()
	if a.Status != StatusHealthy || a.Hypotheses[1].Excluded {
		t.Errorf("status = %s, hypothesis 1 excluded: %v; want healthy, not excluded", a.Status, a.Hypotheses[1].Excluded)
	}
}
