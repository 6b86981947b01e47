package line

import (
	"fmt"
	"slices"
	"strings"
)

// maxParts is how many fields of its own a format of text may have.
const maxParts = 24

// The parts that all formats have.
const (
	levelPart = iota
	messagePart
	firstPart
)

// parts are the fields of a line of text by their numbers.
type parts [maxParts][]byte

// splitter is a format of text that has fields of its own.
type splitter interface {
	grammar
	// fields are the names of the parts, from firstPart on.
	fields() []string
	// split sets the parts of which the bit is set in want and which the line has,
	// but for level and message, and gives the place behind what it knows.
	split(line []byte, want uint32, p *parts, scratch *[]byte) (tail int)
}

// textReader reads parts, and what is written as name=value.
type textReader struct {
	splitter splitter
	want     uint32
	numbers  []int         // the part of each name; -1 for a pair
	pairs    *logfmtReader // nil when none is wanted
	slots    [][]byte
	parts    parts
}

// newTextReader gives a reader of names. Those that are no parts must be among pairs,
// unless any are taken.
func newTextReader(s splitter, names, pairs []string, open bool) (reader, error) {
	known := append([]string{"level", "message"}, s.fields()...)
	r := &textReader{splitter: s}
	selected := &selection{}
	for _, name := range names {
		part := slices.Index(known, name)
		switch {
		case part >= 0:
			r.want |= 1 << part
		case open || slices.Contains(pairs, name):
			selected.add(ordinary, []alias{{key: name}})
		default:
			return nil, fmt.Errorf("a log of the format %s has no field %q: want one of %s",
				s.name(), name, strings.Join(append(known, pairs...), ", "))
		}
		r.numbers = append(r.numbers, part)
	}
	if len(selected.slots) > 0 {
		r.pairs = &logfmtReader{selected}
		r.slots = make([][]byte, len(selected.slots))
	}
	return r, nil
}

func (r *textReader) clone() reader {
	c := *r
	c.parts = parts{}
	if r.pairs != nil {
		c.pairs = &logfmtReader{r.pairs.selection.clone()}
		c.slots = make([][]byte, len(r.slots))
	}
	return &c
}

func (r *textReader) read(line []byte, values [][]byte, scratch *[]byte) {
	for _, part := range r.numbers {
		if part >= 0 {
			r.parts[part] = nil
		}
	}
	tail := r.splitter.split(line, r.want, &r.parts, scratch)
	if r.want>>levelPart&1 != 0 {
		if l := r.splitter.level(line); l != Unknown {
			r.parts[levelPart] = put(scratch, l.String())
		}
	}
	if r.want>>messagePart&1 != 0 {
		r.parts[messagePart] = r.splitter.message(line, scratch)
	}
	if r.pairs != nil {
		clear(r.slots)
		r.pairs.scan(line, min(tail, len(line)))
		r.pairs.fill(line, r.slots, scratch)
	}
	pair := 0
	for i, part := range r.numbers {
		if part >= 0 {
			values[i] = r.parts[part]
			continue
		}
		values[i] = r.slots[pair]
		pair++
	}
}

// pairNames are the names that a sample of lines has as name=value behind what the
// format knows, in alphabetical order.
func pairNames(s splitter, sample [][]byte) []string {
	var names []string
	var p parts
	var scratch []byte
	for _, line := range sample {
		at := min(s.split(line, 0, &p, &scratch), len(line))
		for {
			pair := pairAt(line, at)
			if pair.next < 0 || len(names) >= maxPairNames {
				break
			}
			at = pair.next
			if pair.value != nil && len(pair.key) <= maxKey && isName(pair.key) {
				if i, found := slices.BinarySearch(names, string(pair.key)); !found {
					names = slices.Insert(names, i, string(pair.key))
				}
			}
		}
	}
	return names
}

// maxPairNames bounds how many names a format learns of a sample.
const maxPairNames = 200
