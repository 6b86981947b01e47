// Package tally counts what a log says: how often each value of a field occurs, how
// numbers are spread, how many lines there are over time, and whether there are more
// of them than before. What it holds is bounded, however much is counted.
//
// A tally is used by one goroutine at a time; tallies of several are merged.
package tally

// The parts of time that is counted by.
const (
	Before = iota // the window before the one that is looked at
	Window        // the one that is looked at
	parts
)

// Count is how many there were, by part of time.
type Count [parts]int64

// Total is that of both parts.
func (c Count) Total() int64 { return c[Before] + c[Window] }

// Add adds another count.
func (c *Count) Add(other Count) {
	for part, n := range other {
		c[part] += n
	}
}
