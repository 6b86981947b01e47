package belief

import (
	"math"
	"testing"

	"gumshoe/engine/kleene"
)

func begin(t *testing.T, spec Spec) *Belief {
	t.Helper()
	m, err := Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return m.Begin()
}

// chosen gives the steps of a decision.
func chosen(d Decision) []int {
	var steps []int
	for _, c := range d.Steps {
		steps = append(steps, c.Step)
	}
	return steps
}

// two is a runbook in which two hypotheses have a proof each, at these costs.
func two(costs ...float64) Spec {
	spec := Spec{Hypotheses: []Hypothesis{{}, {}}}
	for s, cost := range costs {
		spec.Steps = append(spec.Steps, Step{Cost: cost})
		spec.Findings = append(spec.Findings, Finding{Reads: []int{s}, Citations: []Citation{must(s%2, Proof)}})
	}
	return spec
}

var unlimited = Planning{Parallel: 1, Left: math.Inf(1)}

func TestChooseCheapestOfEquals(t *testing.T) {
	b := begin(t, two(3, 1))
	d := b.Choose(unlimited)
	if got := chosen(d); !equal(got, []int{1}) {
		t.Fatalf("chosen = %v, want the cheaper step 1", got)
	}
	c := d.Steps[0]
	if c.Why != BecauseGain || c.Of != 2 || c.Gain <= 0 || c.Separates != [2]int{0, 1} {
		t.Errorf("choice = %+v, want one of 2 by its gain, that separates 0 from 1", c)
	}
	if want := c.Gain / (1 + overhead); !near(c.Rate, want) {
		t.Errorf("rate = %v, want %v", c.Rate, want)
	}
}

func TestChooseCountsRisk(t *testing.T) {
	spec := two(3, 2)
	spec.Steps[1].Risk = Load // 2 s that can be felt count as 6
	if got := chosen(begin(t, spec).Choose(unlimited)); !equal(got, []int{0}) {
		t.Errorf("chosen = %v, want step 0: load counts three times", got)
	}
	spec.Steps[0].Risk = Change
	d := begin(t, spec).Choose(unlimited)
	if got := chosen(d); !equal(got, []int{1}) {
		t.Errorf("chosen = %v, want step 1: a change is never chosen", got)
	}
	spec.Steps[1].Risk = Change
	if d := begin(t, spec).Choose(unlimited); len(d.Steps) != 0 || !d.Done {
		t.Errorf("decision = %+v, want done", d)
	}
	if d := begin(t, spec).Choose(Planning{Parallel: 4, Left: 100, All: true}); len(d.Steps) != 0 || !d.Done {
		t.Errorf("everything = %+v, want done: changes are not part of everything", d)
	}
}

func TestChooseParallel(t *testing.T) {
	spec := two(0.5, 0.9, 5, 1, 0.6)
	spec.Steps[0].Resource, spec.Steps[4].Resource = "eth0", "eth0"
	b := begin(t, spec)
	p := Planning{Parallel: 4, Left: math.Inf(1)}
	// The first costs 0.5 s, so nothing above 1 s runs beside it, and step 4 waits
	// for the interface.
	d := b.Choose(p)
	if got := chosen(d); !equal(got, []int{0, 1, 3}) {
		t.Fatalf("chosen = %v, want 0, 1, 3", got)
	}
	for _, s := range chosen(d) {
		b.Start(s)
	}
	if d = b.Choose(p); len(d.Steps) != 0 || d.Done {
		t.Errorf("decision = %+v, want to wait", d)
	}
	b.Finish(0, 0.5, false)
	if got := chosen(b.Choose(p)); !equal(got, []int{4}) {
		t.Errorf("chosen = %v, want 4: the interface is free", got)
	}
}

func TestChooseBundle(t *testing.T) {
	// One proof reads steps 1 and 2, and 2 needs 0.
	spec := Spec{
		Hypotheses: []Hypothesis{{}, {}},
		Steps:      []Step{{Cost: 1}, {Cost: 1}, {Cost: 1, Needs: []int{0}}},
		Findings:   []Finding{{Reads: []int{2, 1}, Citations: []Citation{must(0, Proof)}}},
	}
	b := begin(t, spec)
	d := b.Choose(Planning{Parallel: 4, Left: math.Inf(1)})
	if got := chosen(d); !equal(got, []int{1, 0}) {
		t.Fatalf("chosen = %v, want 1 and 0, which 2 needs", got)
	}
	if got := d.Steps[1]; got.Why != BecauseNeeded || got.For != 2 {
		t.Errorf("step 0 is chosen %+v, want needed by 2", got)
	}
	if want := d.Steps[0].Gain / (3 + overhead); !near(d.Steps[0].Rate, want) {
		t.Errorf("rate = %v, want %v: three steps of a second", d.Steps[0].Rate, want)
	}
	for s := range 2 {
		b.Start(s)
		b.Finish(s, 1, true)
	}
	if got := chosen(b.Choose(unlimited)); !equal(got, []int{2}) {
		t.Errorf("chosen = %v, want 2", got)
	}
	if b.Choose(Planning{Parallel: 1, Left: 0.5}).Reason != DoneBudget {
		t.Error("a step of 1 s starts with half a second left")
	}
}

func TestChooseSymptomFirst(t *testing.T) {
	spec := two(0.1, 0.1, 20, 5)
	spec.Symptom, spec.SymptomReads = true, []int{2}
	spec.Steps[2].Needs = []int{3}
	b := begin(t, spec)
	p := Planning{Parallel: 4, Left: math.Inf(1)}
	d := b.Choose(p)
	if got := chosen(d); !equal(got, []int{3}) || d.Steps[0].Why != BecauseNeeded || d.Steps[0].For != 2 {
		t.Fatalf("chosen = %+v, want 3, needed by 2", d.Steps)
	}
	b.Start(3)
	if d = b.Choose(p); len(d.Steps) != 0 || d.Done {
		t.Errorf("decision = %+v, want to wait for the symptom", d)
	}
	b.Finish(3, 5, true)
	if d = b.Choose(p); !equal(chosen(d), []int{2}) || d.Steps[0].Why != BecauseSymptom {
		t.Errorf("decision = %+v, want 2 for the symptom", d)
	}
	b.Start(2)
	b.Finish(2, 20, false) // unknown: the run goes on all the same
	if d = b.Choose(p); len(d.Steps) == 0 || d.Steps[0].Step > 1 {
		t.Errorf("decision = %+v, want to go on", d)
	}
}

// TestChooseStops: a confirmed cause with everything else settled ends the run,
// after a sweep of short steps; one that is only just confirmed does not.
func TestChooseStops(t *testing.T) {
	spec := Spec{Hypotheses: []Hypothesis{{}, {}, {}}, Steps: []Step{{Cost: 1}, {Cost: 1}, {Cost: 1}, {Cost: 5}}}
	for s := range 3 {
		spec.Findings = append(spec.Findings, Finding{Reads: []int{s}, Citations: []Citation{must(s, Proof)}})
	}
	spec.Findings = append(spec.Findings, Finding{Reads: []int{3}, Citations: []Citation{cite(0, Medium)}})
	b := begin(t, spec)
	b.ObserveSymptom(yes)
	for s, truth := range []kleene.Truth{yes, no, no} {
		b.Start(s)
		b.Observe(s, truth)
		b.Finish(s, 1, true)
	}
	d := b.Choose(unlimited)
	if len(d.Steps) != 0 || !d.Done || d.Reason != DoneConfirmed {
		t.Fatalf("decision = %+v, p = %.3f, want done: confirmed", d, b.Probability(0))
	}
	if got := chosen(b.Choose(Planning{Parallel: 1, Left: 100, All: true})); !equal(got, []int{3}) {
		t.Errorf("everything = %v, want 3", got)
	}
	b.Start(3)
	if d = b.Choose(unlimited); !d.Done {
		t.Errorf("decision = %+v, want done although a long step is running", d)
	}
}

// TestChooseHealthy: as long as the run can end as healthy, it goes on.
func TestChooseHealthy(t *testing.T) {
	spec := two(1, 2)
	spec.Symptom = true
	b := begin(t, spec)
	b.ObserveSymptom(no)
	// So little patience that no step is worth its gain.
	p := Planning{Parallel: 1, Patience: 0.001, Left: math.Inf(1)}
	for _, want := range []int{0, 1} {
		d := b.Choose(p)
		if got := chosen(d); !equal(got, []int{want}) || d.Steps[0].Why != BecauseHealthy {
			t.Fatalf("decision = %+v, want %d towards healthy", d, want)
		}
		b.Start(want)
		b.Observe(want, no)
		b.Finish(want, 1, true)
	}
	if d := b.Choose(p); !d.Done || b.Assess().Status != StatusHealthy {
		t.Errorf("decision = %+v, status %s, want done and healthy", d, b.Assess().Status)
	}
	spec.Steps[1].Risk = Load // healthy cannot be reached by reading alone
	if d := beginSymptomFalse(t, spec).Choose(p); len(d.Steps) != 0 || !d.Done {
		t.Errorf("decision = %+v, want done", d)
	}
	spec.Steps[1].Risk, spec.AlertFiring = Read, true // nor while the alert fires
	if d := beginSymptomFalse(t, spec).Choose(p); len(d.Steps) != 0 || !d.Done {
		t.Errorf("decision = %+v, want done", d)
	}
}

func beginSymptomFalse(t *testing.T, spec Spec) *Belief {
	b := begin(t, spec)
	b.ObserveSymptom(no)
	return b
}

func TestRetry(t *testing.T) {
	b := begin(t, two(1))
	b.Start(0)
	b.Retry(0)
	if got := chosen(b.Choose(unlimited)); !equal(got, []int{0}) {
		t.Errorf("chosen = %v, want 0 once more", got)
	}
}

// TestCouldBring is "capture, 20 s, would settle packet loss either way".
func TestCouldBring(t *testing.T) {
	spec := Spec{
		Hypotheses: []Hypothesis{{}, {}},
		Steps:      []Step{{Cost: 1}, {Cost: 1}, {Cost: 20}},
		Findings: []Finding{
			{Reads: []int{0}, Citations: []Citation{must(1, Strong)}},
			{Reads: []int{1}, Citations: []Citation{cite(0, Weak)}},
			{Reads: []int{2}, Citations: []Citation{must(0, Proof)}},
		},
	}
	b := begin(t, spec)
	b.ObserveSymptom(yes)
	b.Observe(0, no)
	b.Observe(1, yes)
	b.Finish(0, 1, true)
	b.Finish(1, 1, true)
	before := b.Probability(0)
	list := b.CouldBring(2)
	if len(list) == 0 || list[0].Hypothesis != 0 {
		t.Fatalf("outlooks = %+v, want one of hypothesis 0", list)
	}
	o := list[0]
	if !o.Confirms || !o.RulesOut || o.Best < 0.99 || o.Worst > 0.5 || !near(o.Now, before) {
		t.Errorf("outlook = %+v, want to settle it either way", o)
	}
	if b.Probability(0) != before {
		t.Error("looking ahead changed the belief")
	}
	if list := b.CouldBring(0); list != nil {
		t.Errorf("outlooks of a step all of whose findings are known = %+v, want none", list)
	}
}

// TestSweep: when all is settled, two seconds of short steps look for a second
// cause, and no more.
func TestSweep(t *testing.T) {
	spec := Spec{Hypotheses: make([]Hypothesis, 12)}
	for s := range 13 {
		spec.Steps = append(spec.Steps, Step{Cost: 0.9})
		spec.Findings = append(spec.Findings, Finding{Reads: []int{s}, Citations: []Citation{must(max(s-1, 0), Proof)}})
	}
	b := begin(t, spec)
	b.ObserveSymptom(yes)
	for s := range 2 {
		b.Start(s)
		b.Observe(s, yes)
		b.Finish(s, 1, true)
	}
	for sweep := range 2 {
		d := b.Choose(unlimited)
		if len(d.Steps) != 1 || d.Steps[0].Why != BecauseSweep {
			t.Fatalf("decision %d = %+v, want a sweep", sweep, d)
		}
		b.Start(d.Steps[0].Step)
		if d := b.Choose(unlimited); d.Done {
			t.Fatalf("decision = %+v while a short step is running, want to wait for it", d)
		}
		b.Observe(d.Steps[0].Step, no)
		b.Finish(d.Steps[0].Step, 1, true)
	}
	if d := b.Choose(unlimited); !d.Done || d.Reason != DoneConfirmed {
		t.Errorf("decision = %+v after 1.8 s, want done", d)
	}
}

// TestLeak checks how often a finding is thought to be true anyway.
func TestLeak(t *testing.T) {
	for _, test := range []struct {
		name      string
		citations []Citation
		want      float64
	}{
		{"strong: (1 − 0.501) / (31.62 − 0.501)", []Citation{cite(0, Strong)}, 0.016028},
		{"strong and a must: (1 − 0.0316) / (31.62 − 0.0316)", []Citation{must(0, Strong)}, 0.030653},
		{"strong, else none: 0.6 / 31.62", []Citation{{Word: Strong, ElseNone: true}}, 0.018974},
		{"weak, else none: 0.6 / 3.16", []Citation{{Word: Weak, ElseNone: true}}, 0.189737},
		{"a refuter", []Citation{cite(0, Against)}, 0.5},
		{"two: the geometric mean", []Citation{cite(0, Strong), cite(1, Against)}, 0.089521},
	} {
		if got := leakOf(test.citations); math.Abs(got-test.want) > 1e-6 {
			t.Errorf("%s: %.6f, want %.6f", test.name, got, test.want)
		}
	}
}
