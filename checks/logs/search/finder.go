package search

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// finder looks for the first of some literals. It never changes.
type finder struct {
	literals []literal
	fold     byte // 0x20 when some literal ignores case
	pairs    []pair
	anchor   anchor      // where one pair is in all literals
	table    *pairsTable // where there are several
}

// pair is two bytes that stand beside each other in some literals.
type pair struct {
	first, second byte
	in            []place
}

// place is where a literal has a pair.
type place struct{ literal, offset int }

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// newFinder gives none when there is a literal that is too short to be looked for.
func newFinder(set []literal) *finder {
	if set == nil || math.IsInf(cost(set), 1) {
		return nil
	}
	f := &finder{literals: withoutCovered(set)}
	if len(f.literals) > maxPairs {
		return nil
	}
	for i := range f.literals {
		l := &f.literals[i]
		if l.plain = l.isPlain(); !l.plain {
			f.fold = 0x20
		}
		if l.endsInReturn() {
			l.after = 0 // lines are looked at again; many returns would be looked at by each
		}
	}
	switch {
	case len(f.literals) == 1 && len(f.literals[0].bytes) == 1:
		if f.fold != 0 {
			return nil
		}
	case len(f.literals) > 0 && !f.chooseAnchor():
		f.choosePairs()
		f.table = f.newTable()
	}
	return f
}

// endsInReturn tells whether a literal may be found in the end of a line, which is
// not part of it.
func (f *finder) endsInReturn() bool {
	return slices.ContainsFunc(f.literals, func(l literal) bool { return l.endsInReturn() })
}

// find gives the index at which the first literal of the block begins that is at
// index at or later, -1 when there is none.
func (f *finder) find(block []byte, at int) int {
	switch {
	case f.table != nil:
		return f.findPairs(block, at)
	case len(f.pairs) == 1:
		return f.findAnchor(block, at)
	case len(f.literals) == 1:
		return f.findByte(block, at)
	}
	return -1
}

// findByte finds a literal of one byte.
func (f *finder) findByte(block []byte, at int) int {
	l := &f.literals[0]
	for at < len(block) {
		i := bytes.IndexByte(block[at:], l.bytes[0])
		if i < 0 {
			break
		}
		if l.matchesAt(block, at+i) {
			return at + i
		}
		at += i + 1
	}
	return -1
}

// findAnchor looks for the anchor in eight places at once: after the exclusive or
// with it, a byte that fits is zero, and subtracting one from each byte borrows from
// the highest bit (Mycroft's test; what it finds above a true one may be false).
func (f *finder) findAnchor(block []byte, at int) int {
	fold := uint64(f.fold) * ones
	first, second, third := f.anchor.first, f.anchor.second, f.anchor.third
	reach := f.anchor.reach
	i := at
	for last := len(block) - 16 - reach; i <= last; i += 16 {
		b := block[i : i+17]
		c := block[i+reach : i+reach+16]
		x := ((binary.LittleEndian.Uint64(b) | fold) ^ first) | ((binary.LittleEndian.Uint64(b[1:]) | fold) ^ second) |
			((binary.LittleEndian.Uint64(c) | fold) ^ third)
		y := ((binary.LittleEndian.Uint64(b[8:]) | fold) ^ first) | ((binary.LittleEndian.Uint64(b[9:]) | fold) ^ second) |
			((binary.LittleEndian.Uint64(c[8:]) | fold) ^ third)
		x, y = (x-ones)&^x&highs, (y-ones)&^y&highs
		if x|y == 0 {
			continue
		}
		for ; x != 0; x &= x - 1 {
			if start := f.verify(block, at, i+bits.TrailingZeros64(x)/8, 0); start >= 0 {
				return start
			}
		}
		for ; y != 0; y &= y - 1 {
			if start := f.verify(block, at, i+8+bits.TrailingZeros64(y)/8, 0); start >= 0 {
				return start
			}
		}
	}
	for ; i+1 < len(block); i++ {
		if start := f.verify(block, at, i, 0); start >= 0 {
			return start
		}
	}
	return -1
}

// verify gives where a literal begins that has the pair of that number at index i,
// -1 for none. It begins at index at or later.
func (f *finder) verify(block []byte, at, i, number int) int {
	for _, in := range f.pairs[number].in {
		if start := i - in.offset; start >= at && f.literals[in.literal].matchesAt(block, start) {
			return start
		}
	}
	return -1
}

// anchor is a pair that is in all literals, and one more byte behind it that is. Each
// stands there eight times.
type anchor struct {
	first, second, third uint64
	reach                int // from the first to the third; 1 when that is the second
}

// chooseAnchor chooses the rarest pair of those that all literals have, if there is
// one that is rare.
func (f *finder) chooseAnchor() bool {
	const rare = 0.008 // beyond, a table of several pairs finds less that is false
	best := rare
	l := f.literals[0].bytes
	for i := range len(l) - 1 {
		p := pair{first: l[i] | f.fold, second: l[i+1] | f.fold}
		if p.in = f.places(p); len(p.in) < len(f.literals) {
			continue
		}
		third, reach := f.choosePivot(p)
		share := f.share(p)
		if reach > 1 {
			share *= frequency(third, f.fold)
		}
		if share >= best {
			continue
		}
		best = share
		f.pairs = []pair{p}
		f.anchor = anchor{uint64(p.first) * ones, uint64(p.second) * ones, uint64(third) * ones, reach}
	}
	return len(f.pairs) > 0
}

// choosePivot chooses the rarest byte that all literals have equally far behind a
// pair; the pair's second if there is none.
func (f *finder) choosePivot(p pair) (third byte, reach int) {
	third, reach = p.second, 1
	best := 1.0
	l := f.literals[0].bytes
	for far := 2; p.in[0].offset+far < len(l); far++ {
		b := l[p.in[0].offset+far] | f.fold
		common := true
		for _, in := range p.in {
			other := f.literals[in.literal].bytes
			common = common && in.offset+far < len(other) && other[in.offset+far]|f.fold == b
		}
		if share := frequency(b, f.fold); common && share < best {
			third, reach, best = b, far, share
		}
	}
	return third, reach
}

// places gives the first place of a pair in each literal that has it.
func (f *finder) places(p pair) (in []place) {
	for i, l := range f.literals {
		for j := range len(l.bytes) - 1 {
			if l.bytes[j]|f.fold == p.first && l.bytes[j+1]|f.fold == p.second {
				in = append(in, place{i, j})
				break
			}
		}
	}
	return in
}
