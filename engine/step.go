package engine

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

// maxAttempts is how often a step is run that fails for no reason that somebody
// would first have to mend.
const maxAttempts = 2

// eachParallel is how many repetitions of one step run at a time.
const eachParallel = 10

// start starts a step, and tells whether it is running now; a step that does
// not apply, or cannot be run, has ended at once.
func (run *run) start(ctx context.Context, i int) bool {
	step, state := run.book.Steps[i], &run.steps[i]
	run.belief.Start(i)
	requests, status, reason, fix := run.requests(step)
	if status != "" {
		run.endWithout(i, status, reason, fix)
		return false
	}
	state.attempts++
	if state.attempts == 1 {
		run.tell(Event{Kind: EventStepStarted, Step: step.Name, Check: step.Check.Name, Cost: step.Cost, Why: state.why})
	}
	stepCtx, cancel := context.WithCancelCause(ctx)
	state.running, state.cancel = true, cancel
	run.running++
	go func() {
		run.ended <- stepEnd{i, observeAll(stepCtx, run.runner.Observe, requests)}
	}()
	return true
}

// unapproved is why a change is not made.
const unapproved = "it could change the system, and nobody has approved it"

// riskOf is the risk of a run of the step with these inputs: the check's, which
// policy may have lowered, unless the runbook raises it.
func (s *Step) riskOf(in any) Risk {
	risk := s.Check.RiskOf(in)
	if s.Risk > s.Check.Risk {
		risk = max(risk, s.Risk)
	}
	return risk
}

// risks gives the risk of every step as far as it is known before the run. A
// step whose inputs are not known yet is looked at again when it is started.
func (book *Runbook) risks(env *expression.Environment) []Risk {
	risks := make([]Risk, len(book.Steps))
	for i, step := range book.Steps {
		risks[i] = min(step.Risk, Load)
		items, _ := step.items(env)
		for _, item := range items {
			if in, unknown := step.input(env, item); unknown == "" {
				risks[i] = step.riskOf(in)
			}
		}
	}
	return risks
}

// refuseChanges ends the steps that nobody has approved before the run begins,
// so that nothing waits for them.
func (run *run) refuseChanges() {
	for i, risk := range run.risks {
		if risk < Change {
			continue
		}
		run.belief.Start(i)
		if _, status, reason, fix := run.requests(run.book.Steps[i]); status != "" {
			run.endWithout(i, status, reason, fix)
		} else {
			run.endWithout(i, Skipped, unapproved, "")
		}
	}
}

// requests gives what a step asks of the observer, or how it ends without.
func (run *run) requests(step *Step) (requests []Request, status StepStatus, reason, fix string) {
	if step.When != nil {
		switch result := step.When.Eval(run.env); result.Truth {
		case kleene.False:
			return nil, NotApplicable, fmt.Sprintf("%s is false: %s", step.When.Text().Value, result.Shown), ""
		case kleene.Unknown:
			return nil, Skipped, fmt.Sprintf("whether it applies is unknown: %s", result.Reason), result.Fix
		case kleene.True:
		}
	}
	if target, unknown := step.where(run.env, run.runner.Target); unknown != "" {
		return nil, Skipped, unknown, "run it on that host"
	} else if target != run.runner.Target && !run.runner.Recorded {
		return nil, Skipped, fmt.Sprintf("no transport reaches %s", target), "run gumshoe on " + target
	}
	items, unknown := step.items(run.env)
	if unknown != "" {
		return nil, Skipped, unknown, ""
	}
	for _, item := range items {
		in, reason := step.input(run.env, item)
		if reason != "" {
			return nil, Skipped, reason, ""
		}
		if !run.runner.Recorded && step.riskOf(in) >= Change {
			return nil, Skipped, unapproved, step.Check.Allow(in)
		}
		requests = append(requests, Request{
			Step: step.Name, Check: step.Check, Input: in, Item: item,
			Timeout: step.Timeout, Risk: step.riskOf(in), Incident: run.incident, Masker: run.masker,
			Keep: run.keeper(step.Name),
		})
	}
	return requests, "", "", ""
}

// keeper gives what begins a file of a step beside the record of the run.
func (run *run) keeper(step string) func(name string) (File, error) {
	if run.runner.Keep == nil {
		return nil
	}
	return func(name string) (File, error) { return run.runner.Keep(run.id, step+"-"+name) }
}

// where gives the host that a step is to run on, or why that is not known.
func (s *Step) where(env *expression.Environment, here string) (target, unknown string) {
	if s.On == nil {
		return here, ""
	}
	value, unknown := s.On.Eval(env)
	if unknown != "" {
		return "", unknown
	}
	if target = fmt.Sprint(value); target == "" || target == "local" || target == "localhost" {
		target = here
	}
	return target, ""
}

// items gives the values that a step is repeated over: one empty text when it
// is not.
func (s *Step) items(env *expression.Environment) (items []string, unknown string) {
	if s.Each == nil {
		return []string{""}, ""
	}
	value, unknown := s.Each.Resolve(env)
	if unknown != "" {
		return nil, unknown
	}
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Slice {
		return nil, fmt.Sprintf("each: want a list, not %s", describeValue(value))
	}
	if v.Len() > MaxEach {
		return nil, fmt.Sprintf("each: %d values are more than the most, %d", v.Len(), MaxEach)
	}
	for i := range v.Len() {
		text, ok := scalarText(v.Index(i).Interface())
		if !ok {
			return nil, fmt.Sprintf("each: want strings, not %s", describeValue(v.Index(i).Interface()))
		}
		items = append(items, text)
	}
	return items, ""
}

// input makes the check's input for one repetition, or says what is not known
// of it or wrong with it.
func (s *Step) input(env *expression.Environment, item string) (in any, reason string) {
	if s.Each != nil {
		env.Bind("item", item)
	}
	values := make(map[string]any, len(s.With))
	for _, arg := range s.With {
		value, unknown := arg.Value.Resolve(env)
		if unknown != "" {
			return nil, fmt.Sprintf("%s is not known: %s", arg.Key, unknown)
		}
		values[arg.Key] = value
	}
	in, faults := s.Check.In.Decode(values)
	if len(faults) > 0 {
		return nil, faults[0].Error()
	}
	return in, ""
}

// observeAll takes the observations of one step.
func observeAll(ctx context.Context, observe Observer, requests []Request) []Observation {
	observations := make([]Observation, len(requests))
	if len(requests) == 1 {
		observations[0] = observe(ctx, requests[0])
		return observations
	}
	var wait sync.WaitGroup
	slots := make(chan struct{}, eachParallel)
	for i := range requests {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			observations[i] = observe(ctx, requests[i])
		})
	}
	wait.Wait()
	return observations
}

// endWithout ends a step that was not run.
func (run *run) endWithout(i int, status StepStatus, reason, fix string) {
	step, state := run.book.Steps[i], &run.steps[i]
	state.status = status
	reason, fix = run.masker.Text(reason), run.masker.Text(fix)
	state.report = run.blankReport(i)
	state.report.Status, state.report.Reason, state.report.Fix = status, reason, fix
	run.env.BindMissing(step.Name, missingReason(step.Name, status, reason), fix)
	if status == NotApplicable {
		run.dismiss(i)
	}
	run.belief.Finish(i, 0, false)
	run.evaluate()
	run.tell(Event{Kind: EventStepEnded, Step: step.Name, Check: step.Check.Name, Report: &state.report})
}

// dismiss tells the belief engine that the findings of a step do not apply.
func (run *run) dismiss(step int) {
	for f := range run.evidence.findings {
		if slices.Contains(run.evidence.findings[f].reads, step) {
			run.belief.Dismiss(f)
		}
	}
}

func missingReason(name string, status StepStatus, reason string) string {
	switch status {
	case NotApplicable:
		return fmt.Sprintf("%s does not apply (%s)", name, reason)
	case Skipped:
		return fmt.Sprintf("%s was skipped: %s", name, reason)
	case Failed:
		return fmt.Sprintf("%s: %s", name, reason)
	case NotNeeded, Observed, Partial:
	}
	return name + " was not run"
}

// finish takes in a step's observations: it may be tried again, and otherwise
// its evidence is given to the belief engine.
func (run *run) finish(ctx context.Context, end stepEnd) {
	step, state := run.book.Steps[end.step], &run.steps[end.step]
	state.cancel(nil)
	state.running = false
	run.running--
	r := run.stepReport(end)
	if r.Status == Failed && r.Reason == errNotNeeded.Error() {
		r.Status = NotNeeded
	}
	if r.Status == Failed && r.Fix == "" && state.attempts < maxAttempts && !run.ending && ctx.Err() == nil {
		run.belief.Retry(end.step)
		run.start(ctx, end.step)
		return
	}
	state.status, state.report = r.Status, r
	switch r.Status {
	case Observed, Partial:
		run.env.BindObserved(step.Name, r.Output, asUnread(r.Unread))
	case Failed, Skipped, NotApplicable, NotNeeded:
		run.env.BindMissing(step.Name, missingReason(step.Name, r.Status, r.Reason), r.Fix)
	}
	run.belief.Finish(end.step, r.ElapsedSeconds, r.Status == Observed || r.Status == Partial)
	run.evaluate()
	run.tell(Event{Kind: EventStepEnded, Step: step.Name, Check: step.Check.Name, Report: &state.report})
}

func asUnread(unread []Unread) []expression.Unread {
	list := make([]expression.Unread, len(unread))
	for i, u := range unread {
		list[i] = expression.Unread{Path: u.Path, Reason: u.Reason, Fix: u.Fix}
	}
	return list
}

// blankReport is the report of a step that nothing is known of.
func (run *run) blankReport(i int) StepReport {
	step := run.book.Steps[i]
	return StepReport{
		ID: step.Name, Check: step.Check.Name, Target: run.runner.Target, Status: NotNeeded,
		CostSeconds: step.Cost.Seconds(), Risk: run.risks[i].String(), Attempts: run.steps[i].attempts,
		Unread: []Unread{}, Reproduce: [][]string{},
	}
}

// stepReport puts the observations of a step together.
func (run *run) stepReport(end stepEnd) StepReport {
	step, r := run.book.Steps[end.step], run.blankReport(end.step)
	if step.Each == nil {
		r.take(end.observations[0])
		return r
	}
	elem := EachType(step.Check.Out.Type)
	list := reflect.MakeSlice(reflect.SliceOf(elem), 0, len(end.observations))
	items, _ := step.items(run.env)
	var seen, failed int
	var elapsed time.Duration
	for i, o := range end.observations {
		var one StepReport
		one.take(o)
		list = reflect.Append(list, eachValue(elem, items[i], o.Output))
		prefix := fmt.Sprintf("[%d]", i)
		if o.Output == nil {
			failed++
			r.Unread = append(r.Unread, Unread{Path: prefix, Reason: items[i] + ": " + o.Reason, Fix: o.Fix})
			r.Reason, r.Fix = items[i]+": "+o.Reason, o.Fix
		} else {
			seen++
		}
		for _, u := range o.Unread {
			r.Unread = append(r.Unread, Unread{Path: prefix + "." + u.Path, Reason: u.Reason, Fix: u.Fix, NotAsked: u.NotAsked})
		}
		r.Excerpts = append(r.Excerpts, o.Excerpts...)
		r.Reproduce = append(r.Reproduce, o.Reproduce...)
		r.Attachments = append(r.Attachments, o.Attachments...)
		elapsed = max(elapsed, o.Elapsed)
		if r.Started.IsZero() || o.Started.Before(r.Started) {
			r.Started = o.Started
		}
	}
	r.ElapsedSeconds = elapsed.Seconds()
	r.Summary = fmt.Sprintf("%d of %d looked at", seen, len(end.observations))
	switch {
	case failed == 0 && !Incomplete(r.Unread):
		r.Status = Observed
	case seen > 0 || len(end.observations) == 0:
		r.Status, r.Reason, r.Fix = Partial, "", ""
	default:
		r.Status = Failed
		return r
	}
	r.Output = list.Interface()
	r.Excerpts = r.Excerpts[:min(len(r.Excerpts), maxExcerpts)]
	r.Reproduce = r.Reproduce[:min(len(r.Reproduce), maxReproduce)]
	return r
}

// take fills a step's report from an observation.
func (r *StepReport) take(o Observation) {
	r.Status, r.Started, r.ElapsedSeconds = o.Status, o.Started, o.Elapsed.Seconds()
	r.Summary, r.Output, r.Shared = o.Summary, o.Output, o.Shared
	r.Reason, r.Fix = o.Reason, o.Fix
	if o.Target != "" {
		r.Target = o.Target
	}
	r.Unread = slices.Clip(append([]Unread{}, o.Unread...))
	r.Excerpts = o.Excerpts
	r.Reproduce = append([][]string{}, o.Reproduce...)
	r.Attachments = o.Attachments
}
