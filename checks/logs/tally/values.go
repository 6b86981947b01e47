package tally

import (
	"cmp"
	"slices"
)

const (
	// maxValues is how many different values are counted one by one.
	maxValues = 1 << 15
	// maxValueBytes is how much of a value tells it from others.
	maxValueBytes = 256
)

// Values counts how often each value occurs. With more than 32768 different ones it
// forgets the rare ones as lossy counting does (Manku and Motwani, VLDB 2002). The
// zero value is ready for use.
type Values struct {
	counts map[string]*Count
	// missed is the most that a value can have been counted too little.
	missed int64
	lines  Count
}

// A Value is one value, and how often it occurs.
type Value struct {
	Text string
	Count
}

// Add counts a value, which may be changed afterwards.
func (v *Values) Add(value []byte, part int) {
	v.lines[part]++
	value = value[:min(len(value), maxValueBytes)]
	if c := v.counts[string(value)]; c != nil {
		c[part]++
		return
	}
	c := v.enter(string(value))
	c[part]++
}

// enter makes room for a value that is not counted yet.
func (v *Values) enter(text string) *Count {
	if v.counts == nil {
		v.counts = map[string]*Count{}
	}
	if len(v.counts) >= maxValues {
		v.prune()
	}
	c := new(Count)
	v.counts[text] = c
	return c
}

// prune forgets the rarer half.
func (v *Values) prune() {
	totals := make([]int64, 0, len(v.counts))
	for _, c := range v.counts {
		totals = append(totals, c.Total())
	}
	slices.Sort(totals)
	limit := totals[len(totals)/2]
	for text, c := range v.counts {
		if c.Total() <= limit {
			delete(v.counts, text)
		}
	}
	v.missed += limit
}

// Merge adds what another counted.
func (v *Values) Merge(other *Values) {
	for text, c := range other.counts {
		mine := v.counts[text]
		if mine == nil {
			mine = v.enter(text)
		}
		mine.Add(*c)
	}
	v.missed += other.missed
	v.lines.Add(other.lines)
}

// Lines is how many values were counted, each as often as it occurred.
func (v *Values) Lines() Count { return v.lines }

// Distinct is how many different values there were, and exact whether none was
// forgotten: the number is then a lower bound.
func (v *Values) Distinct() (n int, exact bool) { return len(v.counts), v.missed == 0 }

// Missed is the most that a count can be too small; 0 when all are exact.
func (v *Values) Missed() int64 { return v.missed }

// Top gives the most frequent values, at most n: those of the window first, then by
// what was before it, then by their text.
func (v *Values) Top(n int) []Value {
	top := make([]Value, 0, len(v.counts))
	for text, c := range v.counts {
		top = append(top, Value{text, *c})
	}
	slices.SortFunc(top, func(a, b Value) int {
		return cmp.Or(cmp.Compare(b.Count[Window], a.Count[Window]), cmp.Compare(b.Count[Before], a.Count[Before]), cmp.Compare(a.Text, b.Text))
	})
	return slices.Clip(top[:min(n, len(top))])
}

// Of gives how often one value occurs.
func (v *Values) Of(text string) Count {
	if c := v.counts[text]; c != nil {
		return *c
	}
	return Count{}
}
