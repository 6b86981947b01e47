package belief

import (
	"fmt"
	"math"

	"gumshoe/engine/kleene"
)

// Word is how strongly a finding speaks for or against a hypothesis.
type Word uint8

// The words an author may use. The first four support a hypothesis when the
// finding is true, the last two refute it.
const (
	Weak     Word = iota // in an unrelated incident true in about 1 of 3
	Medium               // 1 of 10
	Strong               // 1 of 30
	Proof                // 1 of 100 or rarer
	Against              // ten times rarer when the hypothesis holds
	Excludes             // a hundred times rarer when the hypothesis holds
)

var wordNames = [...]string{"weak", "medium", "strong", "proof", "against", "excludes"} //nolint:gochecknoglobals // a constant, which Go has no arrays of

// String is the word as it stands in a runbook.
func (w Word) String() string { return name(wordNames[:], uint8(w), "Word") }

// ParseWord is the inverse of String.
func ParseWord(s string) (Word, bool) {
	i, ok := index(wordNames[:], s)
	return Word(i), ok
}

// Supports reports whether the word speaks for its hypothesis.
func (w Word) Supports() bool { return w <= Proof }

// Points is what the word adds, in decibans (10·log10 of the likelihood ratio),
// when its finding is true.
func (w Word) Points() float64 {
	return [...]float64{5, 10, 15, 20, -10, -20}[w]
}

// Prior is how often a hypothesis is the cause, before any evidence.
type Prior uint8

// The prior words; the zero value is Usual.
const (
	Usual  Prior = iota // as often as any other
	Rare                // a third of that
	Common              // three times that
)

var priorNames = [...]string{"usual", "rare", "common"} //nolint:gochecknoglobals // a constant, which Go has no arrays of

// String is the word as it stands in a runbook.
func (p Prior) String() string { return name(priorNames[:], uint8(p), "Prior") }

// ParsePrior is the inverse of String.
func ParsePrior(s string) (Prior, bool) {
	i, ok := index(priorNames[:], s)
	return Prior(i), ok
}

func (p Prior) weight() float64 {
	return [...]float64{1, 1.0 / 3, 3}[p]
}

// Risk is what running a step may do to the system under diagnosis.
type Risk uint8

// The risks, from harmless to never chosen by the engine.
const (
	Read   Risk = iota // looks only
	Load               // looks, and can be felt: its cost counts three times
	Change             // changes something: Choose never proposes it
)

var riskNames = [...]string{"read", "load", "change"} //nolint:gochecknoglobals // a constant, which Go has no arrays of

// String is the word as it stands in a runbook.
func (r Risk) String() string { return name(riskNames[:], uint8(r), "Risk") }

// ParseRisk is the inverse of String.
func ParseRisk(s string) (Risk, bool) {
	i, ok := index(riskNames[:], s)
	return Risk(i), ok
}

func (r Risk) factor() float64 {
	if r == Load {
		return 3
	}
	return 1
}

// Citation says that a hypothesis names a finding as evidence.
type Citation struct {
	Hypothesis int
	Word       Word
	// Must says that the hypothesis can hardly hold while the finding is false.
	// Only a supporting word can have it.
	Must bool
	// ElseNone says that the finding being false tells nothing.
	ElseNone bool
}

// The points of a supporting finding that is seen false.
const (
	absentPoints      = -3.0
	absentPointsMust  = -15.0
	refuterLeak       = 0.5
	leakMin, leakMax  = 0.002, 0.9
	leakSilent        = 0.6 // v = 1: true in at most 60 % of the hypothesis's incidents
	leakSilentCeiling = 0.3
)

// Points is what the citation is worth when its finding is known to be t, before
// any damping.
func (c Citation) Points(t kleene.Truth) float64 {
	switch t {
	case kleene.True:
		return c.ifTrue()
	case kleene.False:
		return c.ifFalse()
	default:
		return 0
	}
}

// ifTrue and ifFalse are the points with which the finding enters for the
// citing hypothesis.
func (c Citation) ifTrue() float64 { return c.Word.Points() }

func (c Citation) ifFalse() float64 {
	switch {
	case !c.Word.Supports(), c.ElseNone:
		return 0
	case c.Must:
		return absentPointsMust
	default:
		return absentPoints
	}
}

// notable reports whether the word supports by medium or more.
func (c Citation) notable() bool { return c.Word.Supports() && c.Word >= Medium }

// leak is how often the finding is true when the hypothesis does not hold, as
// the word implies it: the b for which w·b + v·(1−b) = 1, where w and v are the
// likelihood ratios of true and of false.
func (c Citation) leak() float64 {
	if !c.Word.Supports() {
		return refuterLeak
	}
	w, v := ratio(c.ifTrue()), ratio(c.ifFalse())
	if c.ElseNone {
		return min(leakSilent/w, leakSilentCeiling)
	}
	return (1 - v) / (w - v)
}

// leakOf is the geometric mean over all hypotheses that cite a finding.
func leakOf(citations []Citation) float64 {
	if len(citations) == 0 {
		return refuterLeak
	}
	sum := 0.0
	for _, c := range citations {
		sum += math.Log(c.leak())
	}
	return min(max(math.Exp(sum/float64(len(citations))), leakMin), leakMax)
}

// ratio turns points into a likelihood ratio.
func ratio(points float64) float64 { return math.Exp(points * math.Ln10 / 10) }

func name(names []string, i uint8, kind string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("belief.%s(%d)", kind, i)
}

func index(names []string, s string) (int, bool) {
	for i, n := range names {
		if n == s {
			return i, true
		}
	}
	return 0, false
}
