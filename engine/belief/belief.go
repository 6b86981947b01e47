// Package belief weighs evidence: which hypothesis explains what was found, how
// sure that is, which step tells most per second, and when to stop.
//
// It is pure. It knows hypotheses, findings and steps by their index, reads no
// clock, does no I/O, draws no random numbers and is told every truth value by
// its caller. The same observations give the same bits, in whatever order they
// come in. What the numbers mean, and why they are what they are, is written in
// docs/belief.md; the evaluation there is printed by
//
//	go test -run Evaluation -v ./engine/belief
//
// A caller compiles a Spec once, begins a Belief for each run, and then goes
// round: Choose, Start, Observe, Finish, until Decision.Done; then Assess.
package belief

// Spec is a runbook as far as belief is concerned. Everything in it is referred
// to by index.
type Spec struct {
	Hypotheses []Hypothesis
	Findings   []Finding
	Steps      []Step

	// Symptom says that a symptom is declared, SymptomReads which steps it reads.
	Symptom      bool
	SymptomReads []int
	// AlertFiring says that an alert which still fires started the run. Such a
	// run is never called healthy.
	AlertFiring bool
}

// Hypothesis is one thing that may be wrong.
type Hypothesis struct {
	Prior Prior
	// CausedBy lists the deeper causes that act through this hypothesis.
	CausedBy []int
}

// Finding is one expression, however many hypotheses cite it. A hypothesis may
// cite it once.
type Finding struct {
	// Reads lists the steps that the expression reads. The finding belongs to
	// the last of them in file order; without any, it is observed at the start.
	Reads     []int
	Citations []Citation
}

// Step is something that can be looked at.
type Step struct {
	Cost float64 // seconds, >= 0
	Risk Risk
	// Same names the damping group that the author puts the step in; "" is none.
	Same string
	// Needs lists the steps that must have ended before this one can start.
	Needs []int
	// Resource is held by one running step at a time; "" is none.
	Resource string
}

// Verdict is what is said of one hypothesis. Its values are the words of the
// JSON report.
type Verdict string

// The verdicts on a hypothesis, strongest first.
const (
	VerdictConfirmed    Verdict = "confirmed"
	VerdictContributing Verdict = "contributing" // beside a confirmed one
	VerdictLikely       Verdict = "likely"
	VerdictOpen         Verdict = "open"
	VerdictRuledOut     Verdict = "ruled_out"
)

// Status is what is said of the whole run. Its values are the words of the JSON
// report.
type Status string

// The verdicts on a run.
const (
	StatusConfirmed     Status = "confirmed"
	StatusLikely        Status = "likely"
	StatusHealthy       Status = "healthy"
	StatusNotReproduced Status = "not_reproduced"
	StatusInconclusive  Status = "inconclusive"
)

// Rule is what gave a hypothesis its verdict.
type Rule string

// The rules.
const (
	RuleProbability Rule = "probable, with enough evidence of its own"          // p >= 0.90
	RuleStory       Rule = "part of a probable story, with evidence of its own" // its chain holds 0.90
	RuleTogether    Rule = "one of several, each with evidence that the others do not explain"
	RuleTold        Rule = "supported, and part of a confirmed story"
	RuleElimination Rule = "probable, without enough evidence of its own" // p >= 0.90
	RuleLead        Rule = "more than twice as probable as the next"      // and p >= 0.60
	RuleTrigger     Rule = "nothing that it would cause has been seen"
	RuleSecond      Rule = "a second cause beside the confirmed one"
	RuleMust        Rule = "what it must show is false"
	RuleAllFalse    Rule = "everything that would show it is false"
	RuleImprobable  Rule = "improbable" // p <= 0.05
	RuleUndecided   Rule = "undecided"
)

// Assessment is what can be said now.
type Assessment struct {
	Status     Status
	Hypotheses []Judgement // by index
	// Stories lists each confirmed story, deepest supported cause first.
	Stories [][]int
	// Leading lists the confirmed, contributing and likely hypotheses, most
	// probable first; when there are none, the three most probable that are not
	// ruled out.
	Leading []int
	// Unexplained lists the findings that are true, support some hypothesis, and
	// support none of the leading ones.
	Unexplained []int
	// Odd lists the findings that are true and support some hypothesis, when
	// nothing is confirmed or likely.
	Odd []int
}

// Judgement is what can be said of one hypothesis.
type Judgement struct {
	Verdict     Verdict
	Why         string // the Rule, in words
	Probability float64
	Points      float64 // own points: the damped evidence for it alone
	Excluded    bool
	// Story is the chain in which it is told, deepest cause first; just itself
	// when it stands alone.
	Story []int
}

// Planning is what the caller allows.
type Planning struct {
	// Parallel is how many steps may run at once; less than 1 means 1.
	Parallel int
	// Patience is how many seconds of checking one wrong or empty verdict is
	// worth; 0 means 900.
	Patience float64
	// Left is how many seconds the run may still take. A step that costs more is
	// not started, so 0 starts only what costs nothing: a caller without a budget
	// passes math.Inf(1).
	Left float64
	// All runs every step that is not a change.
	All bool
}

// Decision is what to start now.
type Decision struct {
	// Steps is what to start, in order; every step's needs have ended.
	Steps []Choice
	// Done says that nothing more is worth starting, and Reason why. It is set
	// whenever Steps is empty and nothing is running. While steps are running it
	// is set only when what they may find no longer matters: a cause is confirmed
	// and the rest is settled.
	Done   bool
	Reason Reason
}

// Reason is why a run ends.
type Reason string

// String is the reason in words.
func (r Reason) String() string { return string(r) }

// The reasons.
const (
	DoneConfirmed    Reason = "confirmed"
	DoneNothingTells Reason = "nothing left tells enough"
	DoneBudget       Reason = "budget"
	DoneAllRun       Reason = "all run"
)

// Choice is one step to start, and why.
type Choice struct {
	Step int
	Why  Why
	// For is the step that this one is needed by; itself otherwise.
	For int
	// Gain is what the step, with what it is bundled with, is expected to tell,
	// in bits, and Rate that per second of its cost times its risk.
	Gain float64
	Rate float64
	// Of is how many could have been chosen.
	Of int
	// Separates holds the two hypotheses whose odds the step is expected to move
	// most, or -1, -1.
	Separates [2]int
}

// Why is why a step is chosen.
type Why string

// The reasons for a choice.
const (
	BecauseSymptom Why = "symptom"   // the symptom is observed first
	BecauseGain    Why = "gain"      // it tells most per second
	BecauseNeeded  Why = "needed-by" // another step needs it
	BecauseSweep   Why = "sweep"     // a quick look for a second cause
	BecauseHealthy Why = "healthy"   // needed before healthy can be said
	BecauseAll     Why = "all"       // everything was asked for
)

// Outlook is what a step could still do to one hypothesis.
type Outlook struct {
	Hypothesis  int
	Now         float64 // its probability as things are
	Best, Worst float64 // the highest and the lowest probability it could reach
	Confirms    bool    // some outcome would confirm it
	RulesOut    bool    // some outcome would rule it out
}
