package changes

import (
	"math"
	"slices"
	"time"
)

const (
	// historyLength is how far before the window the usual rate is looked for.
	historyLength = 30 * 24 * time.Hour
	// leastHistory is how much of it there has to be.
	leastHistory = 24 * time.Hour
	// unusualBelow is the probability from which on a count is unusual, and
	// unusualFrom the least such count: three of what never happened may matter,
	// one or two happen.
	unusualBelow = 0.01
	unusualFrom  = 3
)

// rate compares the times of a kind of change in the window with those in the
// history before it, of which everything is known since the time known. It
// gives false when that is too little to tell.
func rate(kind string, times []time.Time, known, from, onset time.Time) (Rate, bool) {
	if oldest := from.Add(-historyLength); known.Before(oldest) {
		known = oldest
	}
	history, window := from.Sub(known), onset.Sub(from)
	if history < leastHistory || window <= 0 {
		return Rate{}, false
	}
	r := Rate{Kind: kind, HistorySeconds: history.Seconds()}
	var before []time.Time
	for _, t := range times {
		switch {
		case t.Before(known) || t.After(onset):
		case t.Before(from):
			before = append(before, t)
		default:
			r.Count++
		}
	}
	share := window.Seconds() / (window + history).Seconds()
	r.UsualPerDay = float64(len(before)) / history.Hours() * 24
	r.Expected = float64(len(before)) * window.Seconds() / history.Seconds()
	r.MostBefore = most(before, window)
	r.Probability = atLeast(r.Count, r.Count+len(before), share)
	return r, true
}

func (r Rate) unusual() bool {
	return r.Count >= unusualFrom && r.Count > r.MostBefore && r.Probability < unusualBelow
}

// most is the greatest number of times within any span of that length.
func most(times []time.Time, span time.Duration) int {
	slices.SortFunc(times, time.Time.Compare)
	first, greatest := 0, 0
	for i, t := range times {
		for t.Sub(times[first]) >= span {
			first++
		}
		greatest = max(greatest, i-first+1)
	}
	return greatest
}

// atLeast is the probability that of n events at least k fall into a part of
// the time, which each does with probability share: the upper tail of the
// binomial distribution, and the p value of the conditional test of two Poisson
// rates (Przyborowski and Wilenski, Biometrika 31, 1940).
func atLeast(k, n int, share float64) float64 {
	if k <= 0 {
		return 1
	}
	var sum float64
	for i := k; i <= n; i++ {
		sum += math.Exp(logChoose(n, i) + float64(i)*math.Log(share) + float64(n-i)*math.Log1p(-share))
	}
	return min(1, sum)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
