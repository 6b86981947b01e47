package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gumshoe/engine/belief"
	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

// Runner runs runbooks. It is safe for concurrent use.
type Runner struct {
	// Observe takes the observations.
	Observe Observer
	// Recorded says that the observations come from a recording: nothing is
	// touched, so nothing needs to be allowed.
	Recorded bool
	// Target is the name of the host that Observe looks from.
	Target string
	// Version is Gumshoe's, for the report.
	Version string
	// NewID names a run.
	NewID func() string
	// Keep begins a file of a name beside the record of a run; nil keeps none. The name
	// has the step's in it, and may come again.
	Keep func(run, name string) (File, error)
}

// Causes of the end of a run's context.
var (
	errBudget    = errors.New("the run's time was used up")
	errNotNeeded = errors.New("the verdict was reached without it")
)

// Run runs a runbook and says what it found. It always gives a report: a failed
// step is unknown evidence, and when ctx ends the report says what was known by
// then. It returns within the budget and a little, whatever the checks do.
func (r *Runner) Run(ctx context.Context, book *Runbook, options Options) *Report {
	run := newRun(r, book, options)
	if run.err == nil {
		run.loop(ctx)
	}
	report := run.report(ctx)
	run.tell(Event{Kind: EventRunEnded})
	return report
}

// run is the state of one run. One goroutine, that of Run, owns it; the
// goroutines of the steps only send their observations.
type run struct {
	runner  *Runner
	id      string
	book    *Runbook
	options Options

	started  time.Time
	incident Incident
	masker   *Masker
	env      *expression.Environment
	evidence *evidenceModel
	belief   *belief.Belief
	err      error

	steps    []stepState
	risks    []Risk // by step
	running  int
	ended    chan stepEnd
	seen     []bool // findings whose truth has been given to the belief engine
	results  []expression.Result
	symptom  []SymptomReport
	symptomK bool // the symptom has been given to the belief engine

	decisions []DecisionReport
	stopped   string
	ending    bool // no step is started or tried again
}

// stepState is what has become of a step.
type stepState struct {
	status   StepStatus // "" until it has ended
	running  bool
	cancel   context.CancelCauseFunc
	attempts int
	why      string
	report   StepReport
}

// stepEnd is a step's result on its way to the run's goroutine.
type stepEnd struct {
	step         int
	observations []Observation
}

func newRun(r *Runner, book *Runbook, options Options) *run {
	if options.Parallel <= 0 {
		options.Parallel = DefaultParallel
	}
	if options.Budget <= 0 {
		options.Budget = book.Budget
	}
	if options.Patience <= 0 {
		options.Patience = book.Patience
	}
	run := &run{
		runner: r, id: r.NewID(), book: book, options: options,
		started: time.Now(),
		masker:  NewMasker(append(append([]Secret(nil), options.Secrets...), options.Inputs.Secrets...)...),
		steps:   make([]stepState, len(book.Steps)),
		ended:   make(chan stepEnd, len(book.Steps)),
	}
	onset := options.Onset
	if onset.IsZero() {
		onset = run.started
	}
	run.incident = Incident{Onset: onset.UTC(), AgeSeconds: max(0, run.started.Sub(onset).Seconds())}
	run.env = expression.NewEnvironment()
	book.bind(run.env, options.Inputs, run.incident, options.Alert)
	run.risks = book.risks(run.env)
	if r.Recorded {
		run.risks = make([]Risk, len(book.Steps))
	}
	firing := options.Alert != nil && options.Alert.Status != "resolved"
	if run.evidence, run.err = newEvidenceModel(book, run.risks, firing); run.err != nil {
		return run
	}
	run.belief = run.evidence.model.Begin()
	run.seen = make([]bool, len(run.evidence.findings))
	run.results = make([]expression.Result, len(run.evidence.findings))
	return run
}

// bind gives an environment all that is known before a step has run.
func (book *Runbook) bind(env *expression.Environment, inputs *InputValues, incident Incident, alert *Alert) {
	env.BindObserved("inputs", inputs.Struct, inputs.Unread)
	env.Bind("incident", incident)
	if alert != nil {
		env.Bind("alert", *alert)
	} else {
		env.BindMissing("alert", "no alert started this run", "")
	}
	for _, s := range book.Steps {
		env.BindMissing(s.Name, s.Name+" was not run", "")
	}
}

// loop starts what the belief engine chooses until nothing is worth its time.
func (run *run) loop(parent context.Context) {
	ctx, cancel := context.WithTimeoutCause(parent, run.options.Budget, errBudget)
	defer cancel()
	run.tell(Event{Kind: EventRunStarted})
	run.evaluate()
	run.refuseChanges()
	for ctx.Err() == nil {
		decision := run.belief.Choose(belief.Planning{
			Parallel: run.options.Parallel,
			Patience: run.options.Patience.Seconds(),
			Left:     run.options.Budget.Seconds() - time.Since(run.started).Seconds(),
			All:      run.options.All,
		})
		atOnce := false
		for _, choice := range decision.Steps {
			run.decide(choice)
			atOnce = !run.start(ctx, choice.Step) || atOnce
		}
		if atOnce {
			continue // steps that ended without running have changed what is worth running
		}
		naming := decision.Done && run.naming(ctx)
		if decision.Done && !naming && decision.Reason == belief.DoneConfirmed {
			run.stopped = decision.Reason.String()
			run.giveUp(ctx, errNotNeeded)
		}
		if run.running == 0 {
			run.stopped = decision.Reason.String()
			break
		}
		select {
		case end := <-run.ended:
			run.finish(ctx, end)
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		run.stopped = context.Cause(ctx).Error()
		run.giveUp(ctx, context.Cause(ctx))
	}
}

// maxNaming is the most that a step may cost that is run only to say which.
const maxNaming = 2 * time.Second

// naming sees to it that the confirmed hypotheses can say which: it starts a
// step that their names read and that has not been needed so far, and tells
// whether such a step is running.
func (run *run) naming(ctx context.Context) bool {
	index := run.book.stepIndex()
	running := false
	for h, judgement := range run.belief.Assess().Hypotheses {
		names := run.book.Hypotheses[h].Names
		if names == nil || (judgement.Verdict != belief.VerdictConfirmed && judgement.Verdict != belief.VerdictContributing) {
			continue
		}
		for _, i := range index.of(names.Roots()) {
			step := run.book.Steps[i]
			switch {
			case run.steps[i].running && step.Cost <= maxNaming:
				running = true
			case run.steps[i].status != "" || run.steps[i].running || run.risks[i] != Read || step.Cost > maxNaming || !run.allEnded(step.Needs):
			default:
				text := fmt.Sprintf("next: %s (%.1f s): it says which %s", step.Name, step.Cost.Seconds(), run.book.Hypotheses[h].ID)
				run.steps[i].why = text
				run.decisions = append(run.decisions, DecisionReport{
					AtSeconds: run.elapsed(), Step: step.Name, CostSeconds: step.Cost.Seconds(), Of: 1, Text: text,
				})
				running = run.start(ctx, i) || running
			}
		}
	}
	return running
}

// giveUp ends every running step and takes in what it has to say.
func (run *run) giveUp(ctx context.Context, cause error) {
	run.ending = true
	for i := range run.steps {
		if s := &run.steps[i]; s.running {
			s.cancel(cause)
		}
	}
	for run.running > 0 {
		run.finish(ctx, <-run.ended)
	}
}

// evaluate gives the belief engine every finding, and the symptom, that the
// observations so far decide: those whose steps have all ended, and those that
// are known already.
func (run *run) evaluate() {
	for f := range run.evidence.findings {
		if run.seen[f] {
			continue
		}
		finding := &run.evidence.findings[f]
		complete := run.allEnded(finding.reads)
		if !complete && len(finding.reads) < 2 {
			continue
		}
		result := finding.condition.Eval(run.env)
		if complete || result.Truth != kleene.Unknown {
			run.seen[f], run.results[f] = true, result
			run.belief.Observe(f, result.Truth)
		}
	}
	run.evaluateSymptom()
}

func (run *run) evaluateSymptom() {
	if run.symptomK || len(run.book.Symptom) == 0 {
		return
	}
	truth := kleene.False
	reports := make([]SymptomReport, len(run.book.Symptom))
	complete := true
	index := run.book.stepIndex()
	for i, c := range run.book.Symptom {
		result := c.Eval(run.env)
		truth = kleene.Or(truth, result.Truth)
		complete = complete && run.allEnded(index.of(c.Roots()))
		reports[i] = SymptomReport{
			Expression: c.Text().Value, Result: result.Truth, Values: result.Values,
			Shown: result.Shown, Reason: result.Reason,
		}
	}
	run.symptom = reports
	if complete || truth != kleene.Unknown {
		run.symptomK = true
		run.belief.ObserveSymptom(truth)
	}
}

func (run *run) allEnded(steps []int) bool {
	for _, s := range steps {
		if run.steps[s].status == "" {
			return false
		}
	}
	return true
}

// decide logs a choice in words.
func (run *run) decide(c belief.Choice) {
	step := run.book.Steps[c.Step]
	text := fmt.Sprintf("next: %s (%.1f s): ", step.Name, step.Cost.Seconds())
	switch c.Why {
	case belief.BecauseSymptom:
		text += "the symptom needs it"
	case belief.BecauseNeeded:
		text += "a chosen step needs it"
	case belief.BecauseHealthy:
		text += "nothing may be called healthy without it"
	case belief.BecauseAll:
		text += "all steps were asked for"
	case belief.BecauseSweep, belief.BecauseGain:
		text += fmt.Sprintf("%.2f bit, best of %d", c.Gain, c.Of)
		if c.Why == belief.BecauseSweep {
			text += ", looking for a second cause"
		}
	}
	if a, b := c.Separates[0], c.Separates[1]; a >= 0 && b >= 0 {
		text += fmt.Sprintf("; separates %s from %s", run.book.Hypotheses[a].ID, run.book.Hypotheses[b].ID)
	}
	run.steps[c.Step].why = text
	run.decisions = append(run.decisions, DecisionReport{
		AtSeconds: run.elapsed(), Step: step.Name, GainBits: c.Gain, RateBitsPerSecond: c.Rate,
		CostSeconds: step.Cost.Seconds(), Of: c.Of, Text: text,
	})
}

func (run *run) elapsed() float64 { return time.Since(run.started).Seconds() }

// tell passes an event on, with the state of belief.
func (run *run) tell(e Event) {
	if run.options.Progress == nil {
		return
	}
	e.At = time.Since(run.started)
	if run.symptomK {
		e.Symptom = run.symptom
	}
	if run.belief != nil && (e.Kind == EventStepEnded || e.Kind == EventRunEnded) {
		for h, judgement := range run.belief.Assess().Hypotheses {
			e.Standings = append(e.Standings, Standing{run.book.Hypotheses[h].ID, Verdict(judgement.Verdict), judgement.Points})
		}
	}
	run.options.Progress(e)
}
