package tally

import (
	"math"
	"slices"

	"gumshoe/engine/statistic"
)

const (
	// maxExact is how many numbers are kept as they are.
	maxExact = 1 << 16
	// relativeError is how wrong a percentile of more numbers can be: 0.1 %.
	relativeError = 0.001
	// smallest and largest bound what the buckets tell apart.
	smallest, largest = 1e-9, 1e15
)

// gamma is how much wider each bucket is than the one before.
const gamma = (1 + relativeError) / (1 - relativeError)

// Numbers takes in numbers, and gives their percentiles: exact ones of up to 65536
// numbers, and ones that are wrong by at most 0.1 % of more (DDSketch: Masson, Rim
// and Lee, VLDB 2019). The zero value is ready for use.
type Numbers struct {
	exact    []float64
	buckets  map[int]int64 // by the logarithm; nil while all are exact
	negative map[int]int64
	zero     int64
	n        int64
	min, max float64
	mean     float64
}

// Add takes in a number; one that is not finite is left out.
func (n *Numbers) Add(x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return
	}
	if n.n == 0 || x < n.min {
		n.min = x
	}
	if n.n == 0 || x > n.max {
		n.max = x
	}
	n.n++
	n.mean += (x - n.mean) / float64(n.n)
	if n.buckets != nil {
		n.bucket(x, 1)
		return
	}
	n.exact = append(n.exact, x)
	if len(n.exact) > maxExact {
		n.spill()
	}
}

// spill puts the exact numbers into buckets.
func (n *Numbers) spill() {
	n.buckets, n.negative = map[int]int64{}, map[int]int64{}
	for _, x := range n.exact {
		n.bucket(x, 1)
	}
	n.exact = nil
}

func (n *Numbers) bucket(x float64, times int64) {
	switch size := math.Abs(x); {
	case size < smallest:
		n.zero += times
	case x < 0:
		n.negative[index(size)] += times
	default:
		n.buckets[index(size)] += times
	}
}

// index is the bucket of a size: the numbers in (gamma^(i-1), gamma^i].
func index(size float64) int {
	return int(math.Ceil(math.Log(min(size, largest)) / logGamma))
}

var logGamma = math.Log(gamma) //nolint:gochecknoglobals // a constant that Go cannot write

// Merge takes in what another took in.
func (n *Numbers) Merge(other *Numbers) {
	if other.n == 0 {
		return
	}
	if n.n == 0 || other.min < n.min {
		n.min = other.min
	}
	if n.n == 0 || other.max > n.max {
		n.max = other.max
	}
	n.n += other.n
	n.mean += (other.mean - n.mean) * float64(other.n) / float64(n.n)
	if n.buckets == nil && other.buckets == nil && len(n.exact)+len(other.exact) <= maxExact {
		n.exact = append(n.exact, other.exact...)
		return
	}
	if n.buckets == nil {
		n.spill()
	}
	for _, x := range other.exact {
		n.bucket(x, 1)
	}
	for i, times := range other.buckets {
		n.buckets[i] += times
	}
	for i, times := range other.negative {
		n.negative[i] += times
	}
	n.zero += other.zero
}

// Samples is how many numbers there were.
func (n *Numbers) Samples() int64 { return n.n }

// Exact says whether the percentiles are.
func (n *Numbers) Exact() bool { return n.buckets == nil }

// Min is the smallest of at least one number.
func (n *Numbers) Min() float64 { return n.min }

// Max is the largest of at least one number.
func (n *Numbers) Max() float64 { return n.max }

// Mean is the arithmetic mean of at least one number.
func (n *Numbers) Mean() float64 { return n.mean }

// Quantiles gives those of at least one number, for shares from 0 to 1 that rise.
func (n *Numbers) Quantiles(shares ...float64) []float64 {
	quantiles := make([]float64, len(shares))
	if n.buckets == nil {
		sorted := slices.Sorted(slices.Values(n.exact))
		for i, share := range shares {
			quantiles[i] = statistic.Quantile(sorted, share)
		}
		return quantiles
	}
	type step struct {
		value float64
		times int64
	}
	var steps []step
	for i, times := range n.negative {
		steps = append(steps, step{-middle(i), times})
	}
	for i, times := range n.buckets {
		steps = append(steps, step{middle(i), times})
	}
	steps = append(steps, step{0, n.zero})
	slices.SortFunc(steps, func(a, b step) int {
		if a.value < b.value {
			return -1
		}
		return 1
	})
	at, seen := 0, int64(0)
	for i, share := range shares {
		rank := int64(share * float64(n.n-1))
		for at < len(steps)-1 && seen+steps[at].times <= rank {
			seen += steps[at].times
			at++
		}
		quantiles[i] = min(max(steps[at].value, n.min), n.max)
	}
	return quantiles
}

// middle is the number that is no more than the relative error from all in a bucket.
func middle(i int) float64 { return 2 * math.Pow(gamma, float64(i)) / (gamma + 1) }
