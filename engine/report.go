package engine

import (
	"time"

	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

// ReportSchema names the form of a Report's JSON.
const ReportSchema = "gumshoe.run/v1"

// Status is the verdict of a whole run.
type Status string

// The verdicts. Interrupted and Failure are for runs that did not come to one.
const (
	StatusConfirmed     Status = "confirmed"
	StatusLikely        Status = "likely"
	StatusHealthy       Status = "healthy"
	StatusNotReproduced Status = "not_reproduced"
	StatusInconclusive  Status = "inconclusive"
	StatusInterrupted   Status = "interrupted"
	StatusError         Status = "error"
)

// Verdict is what a run says of one hypothesis.
type Verdict string

// The verdicts of a hypothesis.
const (
	VerdictConfirmed    Verdict = "confirmed"
	VerdictContributing Verdict = "contributing"
	VerdictLikely       Verdict = "likely"
	VerdictOpen         Verdict = "open"
	VerdictRuledOut     Verdict = "ruled_out"
)

// Report says what a run found, and how. It is everything that renderers need,
// and reads back from its JSON without loss but for the types of Outputs.
type Report struct {
	Schema  string `json:"schema"`
	Run     string `json:"run"`
	Runbook string `json:"runbook"`
	Title   string `json:"title"`
	File    string `json:"file"`
	Version string `json:"version"`
	Status  Status `json:"status"`
	// Headline is the verdict in one sentence, without its status.
	Headline       string    `json:"headline"`
	Target         string    `json:"target"`
	Started        time.Time `json:"started"`
	ElapsedSeconds float64   `json:"elapsed_seconds"`
	Onset          time.Time `json:"onset"`
	// Inputs are as text, secrets as REDACTED.
	Inputs              map[string]string  `json:"inputs"`
	Symptom             []SymptomReport    `json:"symptom"`
	Hypotheses          []HypothesisReport `json:"hypotheses"`
	UnlistedProbability float64            `json:"unlisted_probability"`
	HealthyProbability  float64            `json:"healthy_probability"`
	Steps               []StepReport       `json:"steps"`
	Decisions           []DecisionReport   `json:"decisions"`
	// Missing is what the run could not look at or did not, and what it could
	// have brought.
	Missing []MissingReport `json:"missing"`
	// Unexplained are findings that are true and that no leading hypothesis
	// explains.
	Unexplained []EvidenceReport `json:"unexplained"`
	// Changes are what changed before the onset.
	Changes []ChangeReport `json:"changes"`
	// Stopped says why the run went no further.
	Stopped string `json:"stopped"`
	// Error says what was wrong when Status is error.
	Error string `json:"error,omitempty"`
	// Owner and Escalation are whom to wake.
	Owner      string `json:"owner,omitempty"`
	Escalation string `json:"escalation,omitempty"`
	// Uncalibrated is set until enough verdicts of the runbook carry feedback.
	Uncalibrated bool `json:"uncalibrated"`
}

// SymptomReport is one condition of the symptom and what became of it.
type SymptomReport struct {
	Expression string             `json:"expression"`
	Result     kleene.Truth       `json:"result"`
	Values     []expression.Value `json:"values"`
	Shown      string             `json:"shown,omitempty"`
	Reason     string             `json:"reason,omitempty"`
}

// HypothesisReport is one hypothesis and the case for and against it.
type HypothesisReport struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Verdict Verdict `json:"verdict"`
	// Probability is 0 to 1; Points are own points, in decibans.
	Probability float64 `json:"probability"`
	Points      float64 `json:"points"`
	Excluded    bool    `json:"excluded"`
	// Subjects say which: the mounts, the services.
	Subjects []string `json:"subjects"`
	// Chain is the story it is told in, the deepest cause first; it holds the
	// hypothesis itself.
	Chain    []string         `json:"chain"`
	Evidence []EvidenceReport `json:"evidence"`
	Next     string           `json:"next,omitempty"`
	// Why says in words what decided the verdict.
	Why string `json:"why,omitempty"`
}

// EvidenceReport is one finding as it counts for one hypothesis.
type EvidenceReport struct {
	Word       string             `json:"word"`
	Must       bool               `json:"must"`
	Expression string             `json:"expression"`
	Result     kleene.Truth       `json:"result"`
	Values     []expression.Value `json:"values"`
	// Shown is the expression with its values put in.
	Shown string `json:"shown,omitempty"`
	// Points are as they entered, damped: the lines of a hypothesis add up.
	// Undamped is what the word alone would give.
	Points   float64 `json:"points"`
	Undamped float64 `json:"undamped"`
	// Step is the step that decided it; "" when it reads none.
	Step    string `json:"step"`
	Because string `json:"because,omitempty"`
	// Reason says why the result is unknown, Fix how to change that.
	Reason string `json:"reason,omitempty"`
	Fix    string `json:"fix,omitempty"`
	// Hypothesis is set where the evidence stands outside a hypothesis.
	Hypothesis string `json:"hypothesis,omitempty"`
}

// StepReport is one step and what came of it.
type StepReport struct {
	ID             string     `json:"id"`
	Check          string     `json:"check"`
	Target         string     `json:"target"`
	Status         StepStatus `json:"status"`
	Started        time.Time  `json:"started,omitzero"`
	ElapsedSeconds float64    `json:"elapsed_seconds"`
	CostSeconds    float64    `json:"cost_seconds"`
	Risk           string     `json:"risk"`
	// Attempts is how often it was run.
	Attempts int `json:"attempts"`
	// Shared says that another run had looked shortly before: Started tells when.
	Shared    bool       `json:"shared,omitempty"`
	Summary   string     `json:"summary,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Fix       string     `json:"fix,omitempty"`
	Output    any        `json:"output,omitempty"`
	Unread    []Unread   `json:"unread"`
	Excerpts  []Excerpt  `json:"excerpts,omitempty"`
	Reproduce [][]string `json:"reproduce"`
	// Attachments are files beside the record of the run.
	Attachments []Attachment `json:"attachments,omitempty"`
}

// DecisionReport is one choice that the run made.
type DecisionReport struct {
	// AtSeconds is the time since the run's start.
	AtSeconds float64 `json:"at_seconds"`
	Step      string  `json:"step,omitempty"`
	// GainBits is the expected information, RateBitsPerSecond that over the cost.
	GainBits          float64 `json:"gain_bits"`
	RateBitsPerSecond float64 `json:"rate_bits_per_second"`
	CostSeconds       float64 `json:"cost_seconds"`
	// Of is how many steps could have been chosen.
	Of int `json:"of"`
	// Text is the choice in words.
	Text string `json:"text"`
}

// MissingReport is a step that brought nothing, and what it could have brought.
type MissingReport struct {
	Step string `json:"step"`
	// Reason says why it brought nothing, Fix how to change that.
	Reason string `json:"reason"`
	Fix    string `json:"fix,omitempty"`
	// Could says what it could have brought; "" when it could change nothing.
	Could string `json:"could,omitempty"`
}

// ChangeReport is something that changed before the onset.
type ChangeReport struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	What string    `json:"what"`
	By   string    `json:"by,omitempty"`
}
