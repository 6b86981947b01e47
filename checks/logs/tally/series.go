package tally

import (
	"time"

	"gumshoe/engine/statistic"
)

// Series counts events over time, in buckets of equal length.
type Series struct {
	from, bucket int64 // nanoseconds
	counts       []int64
	outside      int64
}

// NewSeries gives one from a time on, in nanoseconds since 1970, of so many buckets
// of a length of at least a nanosecond.
func NewSeries(from int64, bucket time.Duration, buckets int) *Series {
	return &Series{from: from, bucket: max(int64(bucket), 1), counts: make([]int64, buckets)}
}

// Add counts an event at a time; one outside is only counted as such.
func (s *Series) Add(at, events int64) {
	i := (at - s.from) / s.bucket
	if at < s.from || i >= int64(len(s.counts)) {
		s.outside += events
		return
	}
	s.counts[i] += events
}

// Merge adds what another counted that was made alike.
func (s *Series) Merge(other *Series) {
	for i, n := range other.counts {
		s.counts[i] += n
	}
	s.outside += other.outside
}

// Bucket is how long a bucket is.
func (s *Series) Bucket() time.Duration { return time.Duration(s.bucket) }

// Counts gives the events of each bucket, the first first. They are not to be changed.
func (s *Series) Counts() []int64 { return s.counts }

// A Step is where a rate goes over to another for good.
type Step struct {
	// At is the time, in nanoseconds since 1970, as well as buckets tell it.
	At int64
	// Before and After are the events a second on either side.
	Before, After float64
}

// Step finds where the rate changed most, if it did.
func (s *Series) Step() (Step, bool) {
	rates := make([]float64, len(s.counts))
	seconds := time.Duration(s.bucket).Seconds()
	for i, n := range s.counts {
		rates[i] = float64(n) / seconds
	}
	step, found, known := statistic.FindStep(rates)
	if !found || !known {
		return Step{}, false
	}
	return Step{At: s.from + int64(step.Index)*s.bucket, Before: step.From, After: step.To}, true
}
