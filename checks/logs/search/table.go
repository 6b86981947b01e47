package search

import "encoding/binary"

// pairsTable has for each two bytes, the first one lower, the number of the pair that
// they are, plus one; 0 for none. Looking up every place of a text by it is faster
// than to skip places as Wu and Manber do ("A Fast Algorithm for Multi-Pattern
// Searching", 1994): no step waits for the one before.
type pairsTable [1 << 16]uint8

// maxPairs is how many pairs such numbers can tell apart; a literal has one at most.
const maxPairs = 255

// findPairs finds the first of the literals by the table.
func (f *finder) findPairs(block []byte, at int) int {
	t := f.table
	i := at
	for ; i+9 <= len(block); i += 8 {
		v := binary.LittleEndian.Uint64(block[i:])
		w := uint16(v>>56) | uint16(block[i+8])<<8
		if t[uint16(v)]|t[uint16(v>>8)]|t[uint16(v>>16)]|t[uint16(v>>24)]|
			t[uint16(v>>32)]|t[uint16(v>>40)]|t[uint16(v>>48)]|t[w] == 0 {
			continue
		}
		if start := f.findNear(block, at, i, i+8); start >= 0 {
			return start
		}
	}
	return f.findNear(block, at, i, len(block)-1)
}

// findNear looks at one place at a time.
func (f *finder) findNear(block []byte, at, from, to int) int {
	for i := from; i < to; i++ {
		number := f.table[binary.LittleEndian.Uint16(block[i:])]
		if number == 0 {
			continue
		}
		if start := f.verify(block, at, i, int(number)-1); start >= 0 {
			return start
		}
	}
	return -1
}

// newTable writes down the pairs, in all the cases that their literals have.
func (f *finder) newTable() *pairsTable {
	t := &pairsTable{}
	for number, p := range f.pairs {
		for _, in := range p.in {
			l := &f.literals[in.literal]
			for _, first := range cases(l, in.offset) {
				for _, second := range cases(l, in.offset+1) {
					t[uint16(first)|uint16(second)<<8] = uint8(number) + 1
				}
			}
		}
	}
	return t
}

// cases are what a byte of a literal may be.
func cases(l *literal, i int) []byte {
	if l.fold[i] == 0 {
		return l.bytes[i : i+1]
	}
	return []byte{l.bytes[i], l.bytes[i] &^ l.fold[i]}
}

// choosePairs chooses pairs so that each literal has one: again and again the pair
// that is rarest for the number of literals that have it and none yet.
func (f *finder) choosePairs() {
	with := make([]bool, len(f.literals))
	for {
		var best pair
		value := 0.0
		seen := map[[2]byte]bool{}
		for i, l := range f.literals {
			for j := range len(l.bytes) - 1 {
				p := pair{first: l.bytes[j] | f.fold, second: l.bytes[j+1] | f.fold}
				key := [2]byte{p.first, p.second}
				if with[i] || seen[key] {
					continue
				}
				seen[key] = true
				for _, in := range f.places(p) {
					if !with[in.literal] {
						p.in = append(p.in, in)
					}
				}
				if v := float64(len(p.in)) / f.share(p); v > value {
					value, best = v, p
				}
			}
		}
		if best.in == nil {
			return
		}
		for _, in := range best.in {
			with[in.literal] = true
		}
		f.pairs = append(f.pairs, best)
	}
}
