package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gumshoe/engine"
)

// Result is what came of running a case.
type Result struct {
	Case   *Case
	Report *engine.Report
	// Failures say what was concluded otherwise than expected; empty means that
	// the case passed.
	Failures []string
}

// Run runs a runbook on a case's observations, one step at a time so that the
// same case always goes the same way, and compares what it concludes.
func Run(ctx context.Context, book *engine.Runbook, c *Case) Result {
	inputs, faults := book.Inputs.Resolve(c.Inputs)
	if len(faults) > 0 {
		r := Result{Case: c}
		for _, f := range faults {
			r.Failures = append(r.Failures, "input "+f.Error())
		}
		return r
	}
	target := c.Target
	if target == "" {
		target = "recorded"
	}
	runner := &engine.Runner{
		Observe: c.observe, Recorded: true, Target: target, Version: "replay",
		NewID: func() string { return c.Name },
	}
	report := runner.Run(ctx, book, engine.Options{
		Inputs: inputs, Alert: c.Alert, Parallel: 1, Onset: time.Now().Add(-c.Age),
		// What is replayed takes no time, and the run goes on as it would have.
		Budget: time.Hour,
	})
	// What was recorded took its time, one step after another.
	report.ElapsedSeconds = 0
	for _, s := range report.Steps {
		report.ElapsedSeconds += s.ElapsedSeconds
	}
	return Result{Case: c, Report: report, Failures: c.Expect.compare(report)}
}

// observe is the engine.Observer of a case. What it does not hold is unknown.
func (c *Case) observe(_ context.Context, request engine.Request) engine.Observation {
	o, ok := c.Steps[request.Step][request.Item]
	if !ok {
		return engine.Observation{
			Status: engine.Failed, Target: c.Target,
			Reason: notRecorded, Fix: "record the case again, or add step " + describe(request.Step, request.Item),
		}
	}
	o.Target = c.Target
	if o.Output != nil {
		o.Summary = request.Check.Summarize(o.Output)
	}
	return o
}

// compare lists what a report concludes otherwise than expected.
func (e *Expect) compare(r *engine.Report) []string {
	var failures []string
	failf := func(format string, args ...any) { failures = append(failures, fmt.Sprintf(format, args...)) }
	if r.Status != e.Status {
		failf("want status %s, got %s: %s", e.Status, r.Status, r.Headline)
	}
	wanted := make(map[string]engine.Verdict)
	for verdict, ids := range map[engine.Verdict][]string{
		engine.VerdictConfirmed: e.Confirmed, engine.VerdictContributing: e.Contributing,
		engine.VerdictLikely: e.Likely, engine.VerdictRuledOut: e.RuledOut,
	} {
		for _, id := range ids {
			wanted[id] = verdict
		}
	}
	for _, h := range r.Hypotheses {
		want, named := wanted[h.ID]
		switch {
		case named && h.Verdict != want:
			failf("want %s %s, got %s at p %.2f with %.0f points", h.ID, want, h.Verdict, h.Probability, h.Points)
		case !named && h.Verdict == engine.VerdictConfirmed:
			failf("%s is confirmed and was not expected to be", h.ID)
		}
		if subjects, ok := e.Subjects[h.ID]; ok && !slices.Equal(subjects, h.Subjects) {
			failf("want %s to name %s, got %s", h.ID, strings.Join(subjects, ", "), strings.Join(h.Subjects, ", "))
		}
	}
	return failures
}

// Coverage says which hypotheses of a runbook its cases confirm and refute.
type Coverage struct {
	Runbook string `json:"runbook"`
	// Unconfirmed have no case that confirms them, Unrefuted none that rules
	// them out.
	Unconfirmed []string `json:"unconfirmed"`
	Unrefuted   []string `json:"unrefuted"`
	Hypotheses  int      `json:"hypotheses"`
}

// Cover works out the coverage of a runbook by its cases.
func Cover(book *engine.Runbook, cases []*Case) Coverage {
	c := Coverage{Runbook: book.Name, Hypotheses: len(book.Hypotheses), Unconfirmed: []string{}, Unrefuted: []string{}}
	has := func(id string, of func(*Expect) []string) bool {
		return slices.ContainsFunc(cases, func(c *Case) bool { return slices.Contains(of(&c.Expect), id) })
	}
	for _, h := range book.Hypotheses {
		if !has(h.ID, func(e *Expect) []string { return e.Confirmed }) {
			c.Unconfirmed = append(c.Unconfirmed, h.ID)
		}
		if !has(h.ID, func(e *Expect) []string { return e.RuledOut }) {
			c.Unrefuted = append(c.Unrefuted, h.ID)
		}
	}
	return c
}
