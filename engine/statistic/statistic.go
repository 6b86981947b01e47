// Package statistic has the statistics that expressions and checks share. It is
// pure, and imports nothing of ours.
package statistic

import (
	"math"
	"slices"
)

// Quantile interpolates linearly between the closest ranks of sorted numbers, of
// which there is at least one (type 7 of Hyndman and Fan, "Sample Quantiles in
// Statistical Packages", 1996, which most tools use). The share is 0 to 1.
func Quantile(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	i := int(math.Floor(at))
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	part := at - float64(i)
	return sorted[i]*(1-part) + sorted[i+1]*part
}

// Needed is how many samples a percentile needs, so that one of them is expected
// beyond it: 20 for the 95th, 100 for the 99th, 1 for the 0th and the 100th.
func Needed(rank float64) int {
	beyond := min(rank, 100-rank)
	if beyond <= 0 {
		return 1
	}
	return int(math.Ceil(100/beyond - 1e-9))
}

// Spread gives the median, and the median absolute deviation from it (MAD), of
// at least one number.
func Spread(numbers []float64) (median, mad float64) {
	sorted := slices.Clone(numbers)
	slices.Sort(sorted)
	median = Quantile(sorted, 0.5)
	for i, x := range sorted {
		sorted[i] = math.Abs(x - median)
	}
	slices.Sort(sorted)
	return median, Quantile(sorted, 0.5)
}

// consistent makes the MAD of normally distributed numbers their standard
// deviation: 1/Φ⁻¹(¾).
const consistent = 1.4826

// RobustZ is the robust z-score of a number: how many standard deviations, as the
// MAD tells them, it is above the median. It is not finite when the MAD is 0.
func RobustZ(x, median, mad float64) float64 { return (x - median) / (consistent * mad) }

// Mean of at least one number; it is finite when they are.
func Mean(numbers []float64) float64 {
	mean := 0.0
	for i, x := range numbers {
		mean += x/float64(i+1) - mean/float64(i+1) // a sum could overflow
	}
	return mean
}

// Slope is that of the line of least squares through the points, as PromQL's
// deriv has it. It is not finite for fewer than two different x.
func Slope(x, y []float64) float64 {
	slope, _ := line(x, y)
	return slope
}

// line gives the slope of the line of least squares, and the sum of the squared
// distances from it.
func line(x, y []float64) (slope, residual float64) {
	mx, my := Mean(x), Mean(y)
	var xx, xy, yy float64
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
	}
	return xy / xx, yy - xy*xy/xx
}
