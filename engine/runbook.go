package engine

import (
	"reflect"
	"regexp"
	"time"

	"gumshoe/engine/belief"
	"gumshoe/engine/expression"
	"gumshoe/engine/source"
)

// Runbook is a runbook that has been loaded: every reference resolved, every
// expression compiled and type-checked. It is immutable; runs share it.
type Runbook struct {
	// Name is the file's name without its extension.
	Name  string
	File  string
	Title string
	// Heading is the title when it has ${…} in it, and otherwise nil.
	Heading *expression.Template
	About   string
	// Owner and Escalation say whom to wake when the run cannot tell.
	Owner, Escalation string
	// Patience is how much checking one wrong or empty verdict is worth.
	Patience time.Duration
	// Budget bounds a whole run.
	Budget   time.Duration
	Inputs   *Inputs
	Triggers []Trigger
	// Symptom holds when any of its conditions does; empty means that none is
	// declared.
	Symptom    []*expression.Condition
	Steps      []*Step
	Hypotheses []*Hypothesis
	// Uses lists the files that were brought in.
	Uses []string
	// Warnings are what the loader found odd but usable.
	Warnings source.Faults
}

// Defaults of a runbook's optional keys.
const (
	DefaultPatience = 15 * time.Minute
	DefaultBudget   = 5 * time.Minute
)

// Step is one instrument of a runbook.
type Step struct {
	Name  string
	At    source.Position
	Check *Definition
	// With are the check's inputs as written.
	With []Argument
	// When must be true for the step to apply; nil means always.
	When *expression.Condition
	// Cost is the time a run is expected to take, Timeout when it is ended.
	Cost, Timeout time.Duration
	Risk          Risk
	// On names where the step runs; nil means here.
	On *expression.Template
	// Each repeats the step over a list of texts; nil means once.
	Each *Value
	// Same names a group of steps whose evidence is one piece of news.
	Same string
	// Needs are the steps whose observations its When, With, On and Each read,
	// as indexes into Runbook.Steps, ascending.
	Needs []int
}

// MaxEach is the most repetitions that each: may ask for.
const MaxEach = 100

// Argument is one input that a step gives to its check.
type Argument struct {
	Key   string
	At    source.Position
	Value Value
}

// Hypothesis is a possible root cause.
type Hypothesis struct {
	ID       string
	At       source.Position
	Title    *expression.Template
	About    string
	Prior    belief.Prior
	Evidence []Evidence
	// CausedBy are the deeper causes that act through this one, as indexes into
	// Runbook.Hypotheses.
	CausedBy []int
	// Names says which: the mount, the service. Nil when not declared.
	Names *expression.Names
	// Next says what to do about it; nil when not declared.
	Next   *expression.Template
	Remedy *Remedy
}

// Evidence is one item of evidence of a hypothesis.
type Evidence struct {
	Word belief.Word
	// Must means that the cause can hardly exist without it.
	Must bool
	// ElseNone means that its being false says nothing.
	ElseNone  bool
	Condition *expression.Condition
	// Because says what its being true means; nil when not declared.
	Because *expression.Template
}

// Remedy is a change that would help. It is never made without approval.
type Remedy struct {
	At     source.Position
	Check  *Definition
	With   []Argument
	Verify *expression.Condition
}

// Trigger says when a runbook starts by itself.
type Trigger struct {
	// Alert is a condition over an alert; nil when only scheduled.
	Alert *expression.Condition
	// Inputs are filled from the alert.
	Inputs []Argument
	// On names where host steps run; nil means here.
	On       *expression.Template
	Schedule *Schedule
}

// Schedule is a cron schedule.
type Schedule struct {
	Cron string
	Zone *time.Location
	// Next gives the next time after t at which the schedule fires.
	Next func(t time.Time) time.Time
}

// Alert is what expressions may read of the alert that started a run.
type Alert struct {
	Name         string            `json:"name" expr:"name"`
	Status       string            `json:"status" expr:"status" enum:"firing,resolved"`
	Labels       map[string]string `json:"labels" expr:"labels"`
	Annotations  map[string]string `json:"annotations" expr:"annotations"`
	StartsAt     time.Time         `json:"starts_at" expr:"starts_at"`
	GeneratorURL string            `json:"generator_url" expr:"generator_url"`
}

// Value is a value in a runbook: a literal, an expression, or a list or mapping
// of values.
type Value struct {
	// Literal is a string, int64, float64, bool or nil; it holds when the other
	// fields are empty.
	Literal  any
	Template *expression.Template
	List     []Value
	Map      []Argument
	IsList   bool
	IsMap    bool
}

// Resolve gives the value in an environment: a literal, a []any, or a
// map[string]any. The reason is not empty when something it reads is unknown.
func (v Value) Resolve(env *expression.Environment) (value any, reason string) {
	switch {
	case v.Template != nil:
		return v.Template.Eval(env)
	case v.IsList:
		list := make([]any, len(v.List))
		for i, item := range v.List {
			if list[i], reason = item.Resolve(env); reason != "" {
				return nil, reason
			}
		}
		return list, ""
	case v.IsMap:
		m := make(map[string]any, len(v.Map))
		for _, entry := range v.Map {
			if m[entry.Key], reason = entry.Value.Resolve(env); reason != "" {
				return nil, reason
			}
		}
		return m, ""
	default:
		return v.Literal, ""
	}
}

// Constant tells whether the value is the same in every environment.
func (v Value) Constant() bool {
	switch {
	case v.Template != nil:
		_, literal := v.Template.Literal()
		return literal
	case v.IsList:
		for _, item := range v.List {
			if !item.Constant() {
				return false
			}
		}
	case v.IsMap:
		for _, entry := range v.Map {
			if !entry.Value.Constant() {
				return false
			}
		}
	}
	return true
}

// Inputs are the inputs that a runbook declares.
type Inputs struct {
	List []*Input
	// Type is the struct that expressions see as `inputs`, a field for each.
	Type reflect.Type
}

// Input is one declared input.
type Input struct {
	Name    string
	At      source.Position
	About   string
	Type    InputType
	Pattern *regexp.Regexp
	// Min and Max are inclusive, in seconds for a duration; NaN means no bound.
	Min, Max float64
	// Values are those of an enum.
	Values []string
	// Default is a value of the type, or a SecretRef; nil means the input is
	// needed.
	Default any
}

// InputType is the declared type of an input.
type InputType string

// The types of inputs.
const (
	InputString   InputType = "string"
	InputInt      InputType = "int"
	InputNumber   InputType = "number"
	InputBool     InputType = "bool"
	InputDuration InputType = "duration"
	InputURL      InputType = "url"
	InputHostPort InputType = "hostport"
	InputHost     InputType = "host"
	InputPath     InputType = "path"
	InputEnum     InputType = "enum"
	InputSecret   InputType = "secret"
)

// InputTypes lists all of them.
func InputTypes() []string {
	return []string{
		string(InputString), string(InputInt), string(InputNumber), string(InputBool), string(InputDuration),
		string(InputURL), string(InputHostPort), string(InputHost), string(InputPath), string(InputEnum), string(InputSecret),
	}
}

// HostPort is an input of type hostport; expressions read .host and .port, and
// it reads as host:port where a text is wanted.
type HostPort struct {
	Host string `json:"host" expr:"host"`
	Port int    `json:"port" expr:"port"`
}
