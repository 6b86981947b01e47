package statistic

import (
	"math"
	"slices"
)

// Step is a lasting change of level in numbers that were taken one after the
// other.
type Step struct {
	// Index is the first number of the new level.
	Index int
	// From and To are the medians before and after.
	From, To float64
	// Score is by how many standard deviations of what the levels leave over the
	// new one is away from the old, without its sign; +Inf when they leave nothing.
	Score float64
}

// Bounds of FindStep. The first three keep it from seeing a step in noise, as the
// package's test measures.
const (
	fewestNumbers = 8   // below, nothing is told
	fewestInLevel = 3   // one odd number is no level
	leastScore    = 3.0 // standard deviations from level to level
	leastT        = 4.5 // of the two-sample t statistic, the largest of all splits
	clipped       = 8.0 // standard deviations from the median beyond which a number is an outlier
)

// FindStep finds where the numbers change from one level to another for good. It
// tells nothing (not known) of fewer than eight numbers.
//
// The split is that of least squares (Sen and Srivastava, "On Tests for Detecting
// Change in Mean", 1975) over numbers of which outliers are cut (Fearnhead and
// Rigaill, "Changepoint Detection in the Presence of Outliers", 2019). It counts
// when the levels differ by three standard deviations of what they leave over,
// when that is not by chance for as many numbers as there are, those that follow
// each other counting for less as they resemble each other (Bayley and Hammersley,
// "The 'Effective' Number of Independent Observations", 1946), and when it
// explains more than a line does, and three quarters of each level are nearer to
// it than to the other.
func FindStep(numbers []float64) (step Step, found, known bool) {
	n := len(numbers)
	if n < fewestNumbers {
		return Step{}, false, false
	}
	cut := withoutOutliers(numbers)
	step.Index = bestSplit(cut)
	before, after := cut[:step.Index], cut[step.Index:]
	step.From, _ = Spread(numbers[:step.Index])
	step.To, _ = Spread(numbers[step.Index:])

	left := make([]float64, n)
	for i, x := range numbers {
		left[i] = x - step.From
		if i >= step.Index {
			left[i] = x - step.To
		}
	}
	_, mad := Spread(left)
	change := math.Abs(step.To - step.From)
	if change == 0 || math.IsInf(change, 0) {
		return step, false, true
	}
	step.Score = change / (consistent * mad)
	share := float64(len(before)) * float64(len(after)) / float64(n)
	t := step.Score * math.Sqrt(share*independent(left))
	if step.Score < leastScore || t < leastT || !step.holds(numbers) {
		return step, false, true
	}
	return step, squares(before)+squares(after) < aroundLine(cut), true
}

// holds tells whether three quarters of each level are nearer to it than to the
// other: two odd numbers of three are no level.
func (s Step) holds(numbers []float64) bool {
	middle := s.From/2 + s.To/2
	level := func(numbers []float64, high bool) bool {
		near := 0
		for _, x := range numbers {
			if (x > middle) == high {
				near++
			}
		}
		return 4*near >= 3*len(numbers)
	}
	return level(numbers[:s.Index], s.From > s.To) && level(numbers[s.Index:], s.To > s.From)
}

// withoutOutliers moves numbers that are far from the median nearer.
func withoutOutliers(numbers []float64) []float64 {
	cut := slices.Clone(numbers)
	median, mad := Spread(numbers)
	if mad == 0 {
		return cut // there is no scale to tell an outlier by
	}
	reach := clipped * consistent * mad
	for i, x := range cut {
		cut[i] = min(max(x, median-reach), median+reach)
	}
	return cut
}

// bestSplit gives the index at which two means explain most.
func bestSplit(numbers []float64) int {
	n := len(numbers)
	mean := Mean(numbers)
	best, at, sum := -1.0, n/2, 0.0
	for i, x := range numbers {
		if explained := sum * sum / float64(i) * float64(n) / float64(n-i); i >= fewestInLevel && n-i >= fewestInLevel && explained > best {
			best, at = explained, i
		}
		sum += x - mean
	}
	return at
}

// independent is which share of the numbers counts as independent, from how much
// each resembles the one before.
func independent(left []float64) float64 {
	var product, square float64
	for i, x := range left {
		square += x * x
		if i > 0 {
			product += x * left[i-1]
		}
	}
	if square == 0 {
		return 1
	}
	like := min(max(product/square, 0), 0.99)
	return (1 - like) / (1 + like)
}

// squares is the sum of the squared distances from the mean.
func squares(numbers []float64) float64 {
	mean, sum := Mean(numbers), 0.0
	for _, x := range numbers {
		sum += (x - mean) * (x - mean)
	}
	return sum
}

// aroundLine is the sum of the squared distances from the line of least squares.
func aroundLine(numbers []float64) float64 {
	x := make([]float64, len(numbers))
	for i := range x {
		x[i] = float64(i)
	}
	_, residual := line(x, numbers)
	return residual
}
