package tally

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Growth compares how often something happened in the window with the time before it.
type Growth struct {
	// Factor is the rate in the window by that before it; what did not happen before
	// is taken for half an event, so that it is finite.
	Factor float64
	// Surprise is how unlikely as much or more is when nothing changed, as a negative
	// decimal logarithm: 3 means one in a thousand. It is at most 300.
	Surprise float64
}

// maxSurprise is near the smallest number there is.
const maxSurprise = 300

// Grow compares counts of events in spans of time, in seconds, both more than 0.
// If nothing changed, each of the n events falls into the window with probability
// window/(before+window): the conditional test of Przyborowski and Wilenski
// (Biometrika 1940), of one side. Log lines come in bursts, which it does not know:
// ask for more than a small surprise, and for a factor.
func Grow(count Count, before, window float64) Growth {
	k, n := float64(count[Window]), float64(count.Total())
	g := Growth{Factor: k / window / (max(float64(count[Before]), 0.5) / before)}
	if k == 0 {
		return g
	}
	// P(X ≥ k) = I_p(k, n−k+1), the regularized incomplete beta function (DLMF 8.17.5).
	chance := mathext.RegIncBeta(k, n-k+1, window/(before+window))
	g.Surprise = max(-math.Log10(max(chance, math.Pow(10, -maxSurprise))), 0)
	return g
}
