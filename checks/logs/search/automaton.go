package search

import "regexp/syntax"

// automaton is a deterministic automaton over the bytes of a line. It decodes UTF-8
// on its way, so that it means the same as package regexp does. A state is the index
// of its row in next.
type automaton struct {
	class [256]uint8 // bytes that no state tells apart are of one class
	next  []uint32   // a state's row has its successor for each class, and one for the line's end
	width int        // of a row
	start uint32
}

// The states that are left for no other are the first three.
const (
	dead     = iota // no match can follow
	accepted        // there is a match
	open            // package regexp has to say
)

// Bounds of an automaton. Larger ones have no place in a processor's cache, and take
// Compile milliseconds.
const (
	maxEntries = 1 << 17 // of next
	maxSteps   = 1 << 21 // of instructions that are looked at to make it
)

// run gives dead, accepted or open for a line without its end.
func (a *automaton) run(line []byte) uint32 {
	s := a.start
	last := uint32(open * a.width)
	next, class := a.next, &a.class
	for len(line) >= 4 {
		s = next[s+uint32(class[line[0]])]
		s = next[s+uint32(class[line[1]])]
		s = next[s+uint32(class[line[2]])]
		s = next[s+uint32(class[line[3]])]
		if s <= last {
			return s / uint32(a.width)
		}
		line = line[4:]
	}
	for _, b := range line {
		s = next[s+uint32(class[b])]
	}
	return next[s+uint32(a.width)-1] / uint32(a.width)
}

// newAutomaton makes the automaton of a program, nil when it would be too large. If
// only characters beyond ASCII make it so, it leaves lines with them open.
func newAutomaton(program *syntax.Prog) *automaton {
	for _, ascii := range []bool{false, true} {
		m := newMaker(program, ascii)
		if m.build() {
			made := m.automaton // without what it was made of
			return &made
		}
	}
	return nil
}
