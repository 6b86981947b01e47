package search

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// maker makes an automaton by the construction of subsets.
type maker struct {
	automaton

	program  *syntax.Prog
	ascii    bool // other bytes lead to open
	bounds   bool // the program asks for bounds of words
	anchored bool // the program asks for the start of the line first
	bytes    []int
	runes    []rune // each but the first begins a class of characters

	states  map[state]uint32
	todo    []state // by number
	subsets []subset
	numbers map[string]uint32 // of subsets
	stepped map[step]uint32

	looked  int    // instructions so far
	visited []bool // per instruction, while following is under way
	found   []uint32
}

// state is what the bytes so far have led to.
type state struct {
	subset  uint32
	partial string // bytes of a character that is not yet whole
}

// subset is instructions that go on from here. They wait for what comes next to tell
// whether bounds hold.
type subset struct {
	instructions []uint32
	before       rune // -1 at the start, else a letter of ASCII, or a space for all others
}

// The first two subsets are these.
const (
	none    = iota // no instruction
	matched        // there is a match
)

// step is from a subset by a class of characters; -1 is the end of the line.
type step struct {
	subset uint32
	class  int
}

func newMaker(program *syntax.Prog, ascii bool) *maker {
	start := program.StartCond()
	m := &maker{
		program: program, ascii: ascii,
		anchored: start&(syntax.EmptyBeginLine|syntax.EmptyBeginText) != 0,
		states:   map[state]uint32{}, numbers: map[string]uint32{}, stepped: map[step]uint32{},
		subsets: make([]subset, matched+1),
		visited: make([]bool, len(program.Inst)),
	}
	m.classify()
	return m
}

// build tells whether the automaton is small enough.
func (m *maker) build() bool {
	for s := range open + 1 {
		m.todo = append(m.todo, state{})
		for range m.width {
			m.next = append(m.next, uint32(s*m.width))
		}
	}
	first := subset{instructions: []uint32{uint32(m.program.Start)}, before: -1}
	m.start = m.row(state{subset: m.number(first)})
	for i := open + 1; i < len(m.todo); i++ {
		for c, b := range m.bytes {
			to := uint32(open * m.width)
			if b < utf8.RuneSelf || !m.ascii {
				to = m.after(m.todo[i], byte(b))
			}
			m.next[i*m.width+c] = to
		}
		m.next[i*m.width+m.width-1] = m.atEnd(m.todo[i])
		if len(m.next) > maxEntries || m.looked > maxSteps {
			return false
		}
	}
	return true
}

// row gives the row of a state, a new one when the state was not met.
func (m *maker) row(s state) uint32 {
	switch s.subset {
	case none:
		return uint32(dead * m.width)
	case matched:
		return uint32(accepted * m.width)
	}
	if row, ok := m.states[s]; ok {
		return row
	}
	row := uint32(len(m.next))
	m.states[s] = row
	m.todo = append(m.todo, s)
	m.next = append(m.next, make([]uint32, m.width)...)
	return row
}

// number gives the number of a subset.
func (m *maker) number(s subset) uint32 {
	if len(s.instructions) == 0 {
		return none
	}
	key := make([]byte, 0, 4*len(s.instructions)+1)
	for _, i := range s.instructions {
		key = binary.LittleEndian.AppendUint32(key, i)
	}
	key = append(key, byte(s.before))
	if n, ok := m.numbers[string(key)]; ok {
		return n
	}
	n := uint32(len(m.subsets))
	m.numbers[string(key)] = n
	m.subsets = append(m.subsets, s)
	return n
}

// after is the row behind one more byte.
func (m *maker) after(s state, b byte) uint32 {
	text := s.partial + string([]byte{b})
	for text != "" && utf8.FullRuneInString(text) {
		r, size := utf8.DecodeRuneInString(text)
		s.subset = m.step(s.subset, r)
		text = text[size:]
	}
	s.partial = text
	return m.row(s)
}

// atEnd is the row of accepted or dead, as there is a match when the line ends.
func (m *maker) atEnd(s state) uint32 {
	for range len(s.partial) {
		s.subset = m.step(s.subset, utf8.RuneError)
	}
	return m.row(state{subset: m.step(s.subset, -1)})
}

// step goes on by a character, -1 for the line's end; a match may end in front of it.
func (m *maker) step(from uint32, r rune) uint32 {
	if from == none || from == matched {
		return from
	}
	key := step{from, m.classOf(r)}
	to, ok := m.stepped[key]
	if !ok {
		to = m.stepFrom(m.subsets[from], r)
		m.stepped[key] = to
	}
	return to
}

// classOf is the class of a character: those of one are alike to all instructions.
func (m *maker) classOf(r rune) int {
	if r < 0 {
		return -1
	}
	i, begins := slices.BinarySearch(m.runes, r)
	if !begins {
		i--
	}
	return i
}

func (m *maker) stepFrom(s subset, r rune) uint32 {
	if m.follow(s, r) {
		return matched
	}
	if r < 0 {
		return none
	}
	next := subset{before: ' '}
	if m.bounds && syntax.IsWordChar(r) {
		next.before = 'a'
	}
	for _, i := range m.found {
		in := &m.program.Inst[i]
		if in.Op == syntax.InstRuneAny || in.Op == syntax.InstRuneAnyNotNL || in.MatchRune(r) {
			next.instructions = append(next.instructions, in.Out)
		}
	}
	if !m.anchored {
		next.instructions = append(next.instructions, uint32(m.program.Start))
	}
	slices.Sort(next.instructions)
	next.instructions = slices.Compact(next.instructions)
	return m.number(next)
}

// follow finds the instructions for characters that are reached when r comes next,
// and whether the match is.
func (m *maker) follow(s subset, r rune) (match bool) {
	context := syntax.EmptyOpContext(s.before, r)
	clear(m.visited)
	m.looked += len(m.visited) / 8
	m.found = m.found[:0]
	stack := slices.Clone(s.instructions)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if m.visited[i] {
			continue
		}
		m.visited[i] = true
		m.looked++
		in := &m.program.Inst[i]
		switch in.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^context == 0 {
				stack = append(stack, in.Out)
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			m.found = append(m.found, i)
		case syntax.InstFail:
		}
	}
	return false
}
