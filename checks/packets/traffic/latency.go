package traffic

import (
	"math"
	"math/bits"
	"time"
)

// durations are counted by their length, in buckets of at most a 32nd of it: the
// histogram of HdrHistogram (Tene), which holds any number of them in the same room.
type durations struct {
	count, longest int64 // the latter in nanoseconds
	buckets        []uint32
}

// Buckets of durations: up to 32 µs in steps of 1 µs, then 32 for each doubling,
// up to 2^31 µs (36 minutes).
const (
	durationSteps   = 32
	durationBuckets = durationSteps * 27
)

// add counts a duration of nanoseconds.
func (d *durations) add(nanoseconds int64) {
	if nanoseconds < 0 {
		return // the clock went back
	}
	if d.buckets == nil {
		d.buckets = make([]uint32, durationBuckets)
	}
	d.count++
	d.longest = max(d.longest, nanoseconds)
	d.buckets[bucketOf(nanoseconds)]++
}

func bucketOf(nanoseconds int64) int {
	microseconds := uint64(nanoseconds) / uint64(time.Microsecond)
	if microseconds < durationSteps {
		return int(microseconds)
	}
	exponent := bits.Len64(microseconds) - 6 // so that what is left is 32 to 63
	return min(durationSteps*(exponent+1)+int(microseconds>>exponent)-durationSteps, durationBuckets-1)
}

// middleOf is the middle of a bucket, in nanoseconds.
func middleOf(bucket int) int64 {
	if bucket < durationSteps {
		return int64(bucket)*int64(time.Microsecond) + int64(time.Microsecond)/2
	}
	exponent := bucket/durationSteps - 1
	from := int64(bucket%durationSteps+durationSteps) << exponent
	return (from + 1<<exponent/2) * int64(time.Microsecond)
}

// quantile is the duration that this share of them, 0 to 1, does not exceed, in
// nanoseconds, within 2 % or 0.5 µs; 0 without any.
func (d *durations) quantile(share float64) int64 {
	rank := int64(math.Ceil(share * float64(d.count)))
	var seen int64
	for bucket, n := range d.buckets {
		if seen += int64(n); n > 0 && seen >= rank && bucket < durationBuckets-1 { // the last one has no end
			return min(middleOf(bucket), d.longest)
		}
	}
	return d.longest
}

// Latency is how long something took.
type Latency struct {
	// Count is how many there were. Without any, the others are unread.
	Count int64 `json:"count" expr:"count"`
	// P50Seconds is the median, within 2 % or 0.5 µs, as is P95Seconds. Beyond 35
	// minutes both are the longest.
	P50Seconds float64 `json:"p50_seconds" expr:"p50_seconds"`
	// P95Seconds is what 95 of 100 do not exceed.
	P95Seconds float64 `json:"p95_seconds" expr:"p95_seconds"`
	// MaxSeconds is the longest.
	MaxSeconds float64 `json:"max_seconds" expr:"max_seconds"`
}

func (d *durations) latency() Latency {
	return Latency{d.count, seconds(d.quantile(0.5)), seconds(d.quantile(0.95)), seconds(d.longest)}
}

func seconds(nanoseconds int64) float64 { return float64(nanoseconds) / 1e9 }

func percent(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}
