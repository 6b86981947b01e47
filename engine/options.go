package engine

import (
	"time"

	"gumshoe/engine/expression"
)

// Options are what one run of a runbook is asked to do.
type Options struct {
	// Inputs are the runbook's inputs, from Inputs.Resolve.
	Inputs *InputValues
	// Alert is what started the run; nil when a person or a schedule did.
	Alert *Alert
	// Onset is when the trouble began; zero means that it is not known, and the
	// run's start is taken.
	Onset time.Time
	// Budget and Patience override the runbook's when they are not zero.
	Budget, Patience time.Duration
	// All runs every step.
	All bool
	// Parallel is how many steps run at a time; 0 means DefaultParallel.
	Parallel int
	// Secrets are blotted out in all that the run reports, beside the inputs'.
	Secrets []Secret
	// Progress is told what happens, from one goroutine at a time; it returns
	// quickly. Nil means that nobody wants to know.
	Progress func(Event)
}

// DefaultParallel is how many steps run at a time unless told otherwise.
const DefaultParallel = 4

// EventKind says what an Event tells.
type EventKind string

// The kinds of events, in the order in which a step goes through them.
const (
	EventRunStarted  EventKind = "run_started"
	EventStepStarted EventKind = "step_started"
	EventStepEnded   EventKind = "step_ended"
	EventRunEnded    EventKind = "run_ended"
)

// Event is something that happened during a run.
type Event struct {
	Kind EventKind
	// At is the time since the run's start.
	At time.Duration
	// Step is set for the events of a step; Report holds its result once it has
	// ended, and Why says why it was started.
	Step   string
	Check  string
	Cost   time.Duration
	Why    string
	Report *StepReport
	// Symptom is set, with the last step that the symptom reads, once it is known.
	Symptom []SymptomReport
	// Standings say where each hypothesis stands, in file order; with the end of a
	// step and of the run.
	Standings []Standing
}

// Standing is where a hypothesis stands while a run goes on.
type Standing struct {
	ID      string
	Verdict Verdict
	// Points is the evidence for it alone, damped.
	Points float64
}

// InputValues are the inputs of one run, validated.
type InputValues struct {
	// Struct is a value of Inputs.Type, which expressions see as `inputs`.
	Struct any
	// Shown are the inputs as text, secrets as REDACTED.
	Shown map[string]string
	// Secrets are the values of the secret inputs, for the Masker.
	Secrets []Secret
	// Unread are the inputs without a value, and why.
	Unread []expression.Unread
}

// PlannedStep is what a step would do, as far as that is known beforehand.
type PlannedStep struct {
	ID     string `json:"id"`
	Check  string `json:"check"`
	Target string `json:"target"`
	Risk   string `json:"risk"`
	// CostSeconds is the expected time, TimeoutSeconds when it is ended.
	CostSeconds    float64 `json:"cost_seconds"`
	TimeoutSeconds float64 `json:"timeout_seconds"`
	// When is its condition, "" when it always applies.
	When  string   `json:"when,omitempty"`
	Needs []string `json:"needs,omitempty"`
	// Touches are the commands, network targets and files outside /proc and
	// /sys that it would use.
	Touches []Touch `json:"touches"`
	// Open says which inputs are known only once other steps have run.
	Open string `json:"open,omitempty"`
	// Refused says why policy would not let it run.
	Refused string `json:"refused,omitempty"`
}

// RunPlan is what a run of a runbook would do. Making it touches nothing.
type RunPlan struct {
	Runbook string            `json:"runbook"`
	Title   string            `json:"title"`
	Inputs  map[string]string `json:"inputs"`
	// Steps are in file order: what is run, and when, is decided as the run
	// learns. First are the names of those that would be run first.
	Steps []PlannedStep `json:"steps"`
	First []string      `json:"first"`
	// Own is what Gumshoe itself reads and writes besides: its files, and those
	// that the Go runtime reads.
	Own []Touch `json:"own"`
	// CostSeconds is what all steps would take, one after another.
	CostSeconds float64 `json:"cost_seconds"`
}
