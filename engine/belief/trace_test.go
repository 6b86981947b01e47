package belief

import (
	"slices"
	"testing"

	"gumshoe/engine/kleene"
)

// A slow web application, step by step as it would run.
const (
	pool = iota
	slowQuery
	cpu
	gc
	disk
	loss
)

const (
	host = iota
	app
	db
	gclog
	slowlog
	capture
)

func slowWebApp() Spec {
	return Spec{
		Symptom:    true,
		Hypotheses: make([]Hypothesis, 6),
		Steps: []Step{
			host: {Cost: 0.1}, app: {Cost: 0.1}, db: {Cost: 0.8}, gclog: {Cost: 2}, slowlog: {Cost: 4}, capture: {Cost: 20},
		},
		Findings: []Finding{
			{Reads: []int{app}, Citations: []Citation{must(pool, Strong), cite(slowQuery, Weak)}}, // 0 clients wait
			{Reads: []int{app}, Citations: []Citation{cite(pool, Medium)}},                        // 1 p95 of connecting
			{Reads: []int{db}, Citations: []Citation{cite(pool, Medium)}},                         // 2 idle in transaction
			{Reads: []int{db}, Citations: []Citation{must(slowQuery, Strong), cite(disk, Weak)}},  // 3 longest query
			{Reads: []int{slowlog}, Citations: []Citation{cite(slowQuery, Strong)}},               // 4 slow log
			{Reads: []int{host}, Citations: []Citation{must(cpu, Strong)}},                        // 5 CPU
			{Reads: []int{gclog}, Citations: []Citation{must(gc, Proof)}},                         // 6 GC pauses
			{Reads: []int{app}, Citations: []Citation{cite(gc, Medium)}},                          // 7 heap
			{Reads: []int{host}, Citations: []Citation{must(disk, Strong)}},                       // 8 I/O wait
			{Reads: []int{host}, Citations: []Citation{cite(loss, Medium)}},                       // 9 retransmissions
			{Reads: []int{capture}, Citations: []Citation{must(loss, Proof)}},                     // 10 capture
		},
	}
}

// TestTraces runs the research's traces: what is true in each, what must come of
// it, and which steps must not have been needed.
func TestTraces(t *testing.T) {
	tests := []struct {
		name     string
		holds    []int
		causedBy bool
		status   Status
		verdict  map[int]Verdict
		stories  [][]int
		unneeded []int
	}{
		{
			name: "a leak of connections, in a second", holds: []int{0, 1, 2}, status: StatusConfirmed,
			verdict: map[int]Verdict{pool: VerdictConfirmed}, stories: [][]int{{pool}}, unneeded: []int{slowlog, capture},
		},
		{
			name: "a slow query exhausts the pool", holds: []int{0, 1, 3, 4}, causedBy: true, status: StatusConfirmed,
			verdict: map[int]Verdict{slowQuery: VerdictConfirmed}, stories: [][]int{{slowQuery, pool}},
		},
		{
			name: "packet loss, which only the capture confirms", holds: []int{9, 10}, status: StatusConfirmed,
			verdict: map[int]Verdict{loss: VerdictConfirmed}, stories: [][]int{{loss}},
		},
		{
			name: "nothing that is listed", status: StatusInconclusive,
			verdict: map[int]Verdict{pool: VerdictRuledOut, cpu: VerdictRuledOut},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := slowWebApp()
			if test.causedBy {
				spec.Hypotheses[pool].CausedBy = []int{slowQuery}
			}
			m, err := Compile(spec)
			if err != nil {
				t.Fatal(err)
			}
			i := &incident{values: make([]kleene.Truth, len(spec.Findings)), faults: make([]uint8, len(spec.Steps)), symptom: yes}
			for f := range i.values {
				i.values[f] = kleene.Of(slices.Contains(test.holds, f))
			}
			o := simulate(m, i, policy{parallel: 1})
			a := o.assessment
			for h, j := range a.Hypotheses {
				t.Logf("hypothesis %d: p %.3f, %+.2f points, %s: %s", h, j.Probability, j.Points, j.Verdict, j.Why)
			}
			t.Logf("%.1f of 27.0 s, steps %v", o.step, o.order)
			if a.Status != test.status {
				t.Errorf("status = %s, want %s", a.Status, test.status)
			}
			for h, want := range test.verdict {
				if got := a.Hypotheses[h].Verdict; got != want {
					t.Errorf("hypothesis %d = %s, want %s", h, got, want)
				}
			}
			if !slices.EqualFunc(a.Stories, test.stories, slices.Equal[[]int]) {
				t.Errorf("stories = %v, want %v", a.Stories, test.stories)
			}
			for _, s := range test.unneeded {
				if slices.Contains(o.order, s) {
					t.Errorf("step %d was run", s)
				}
			}
		})
	}
}

// TestByElimination: before its capture, packet loss is likely at most, however
// probable it is, and the capture is what would settle it.
func TestByElimination(t *testing.T) {
	b := begin(t, slowWebApp())
	b.ObserveSymptom(yes)
	for f := range b.m.spec.Findings {
		if f != 10 {
			b.Observe(f, kleene.Of(f == 9))
		}
	}
	for s := range capture {
		b.Start(s)
		b.Finish(s, 0, true)
	}
	j := b.Assess().Hypotheses[loss]
	if j.Verdict != VerdictLikely {
		t.Errorf("packet loss (p %.3f) = %s: %s, want likely", j.Probability, j.Verdict, j.Why)
	}
	if got := chosen(b.Choose(unlimited)); !equal(got, []int{capture}) {
		t.Errorf("chosen = %v, want the capture", got)
	}
}

// TestUnexplained: what is true and nobody leading explains is named.
func TestUnexplained(t *testing.T) {
	findings := []evidence{
		{0, []Citation{must(0, Proof)}, yes}, {1, []Citation{must(1, Medium)}, no}, {2, []Citation{cite(1, Weak)}, yes},
	}
	a := seen(t, runbook([]Hypothesis{{}, {}}, findings), findings).Assess()
	if !equal(a.Leading, []int{0}) || !equal(a.Unexplained, []int{2}) || a.Odd != nil {
		t.Errorf("leading %v, unexplained %v, odd %v; want 0, 2 and none", a.Leading, a.Unexplained, a.Odd)
	}
	findings[0].truth = no
	a = seen(t, runbook([]Hypothesis{{}, {}}, findings), findings).Assess()
	if a.Status != StatusInconclusive || !equal(a.Odd, []int{2}) {
		t.Errorf("%s, odd %v; want inconclusive with one odd finding, 2", a.Status, a.Odd)
	}
}
