package packetfilter

import (
	"math"

	"golang.org/x/net/bpf"
)

// accepted is how many bytes of a packet a program that matches asks for: all.
const accepted = 262144

// piece is a block as instructions.
type piece struct {
	code    []bpf.RawInstruction
	jump    uint16 // 0 of a verdict
	value   uint32
	yes, no int // pieces
	// A conditional jump reaches 255 instructions: what is farther is reached by a
	// plain jump behind it.
	farYes, farNo bool
	at            int
}

func (p piece) length() int {
	n := len(p.code)
	for _, one := range []bool{p.jump != 0, p.farYes, p.farNo} {
		if one {
			n++
		}
	}
	return n
}

// emit makes the program of a graph.
func emit(g graph) []bpf.RawInstruction {
	pieces := cut(g)
	for place(pieces) {
	}
	var program []bpf.RawInstruction
	for _, p := range pieces {
		program = append(program, p.code...)
		if p.jump == 0 {
			continue
		}
		here := len(program)
		jump := bpf.RawInstruction{Op: p.jump, K: p.value}
		var far []bpf.RawInstruction
		reach := func(to int, isFar bool) uint8 {
			skip := pieces[to].at - here - 1
			if !isFar {
				return uint8(skip) // place saw to it that it fits
			}
			far = append(far, bpf.RawInstruction{Op: opJump, K: uint32(skip - len(far) - 1)})
			return uint8(len(far) - 1)
		}
		jump.Jt = reach(p.yes, p.farYes)
		jump.Jf = reach(p.no, p.farNo)
		program = append(append(program, jump), far...)
	}
	return program
}

// place reckons where each piece begins, and says whether a jump turned out to
// be too far, so that it has to be called again.
func place(pieces []piece) bool {
	at := 0
	for i := range pieces {
		pieces[i].at = at
		at += pieces[i].length()
	}
	again := false
	for i := range pieces {
		p := &pieces[i]
		if p.jump == 0 {
			continue
		}
		from := p.at + len(p.code) + 1
		if !p.farYes && pieces[p.yes].at-from > math.MaxUint8 {
			p.farYes, again = true, true
		}
		if !p.farNo && pieces[p.no].at-from > math.MaxUint8 {
			p.farNo, again = true, true
		}
	}
	return again
}

// cut makes the pieces. A load is left out where every way to it has loaded the
// same just before.
func cut(g graph) []piece {
	index := make(map[*block]int, len(g))
	for i, b := range g {
		index[b] = i
	}
	pieces := make([]piece, len(g))
	for i, b := range g {
		switch {
		case b.yes == nil && b.verdict:
			pieces[i].code = []bpf.RawInstruction{{Op: opReturn, K: accepted}}
		case b.yes == nil:
			pieces[i].code = []bpf.RawInstruction{{Op: opReturn}}
		default:
			pieces[i] = piece{code: b.code(), jump: uint16(b.test.operator), value: b.test.value, yes: index[b.yes], no: index[b.no]}
			if b.test.register && !b.test.fixed {
				pieces[i].jump |= withX
			}
		}
	}
	return pieces
}

// code loads what the block tests.
func (b *block) code() []bpf.RawInstruction {
	if b.test.code != nil {
		return b.test.code
	}
	same, unmasked, header := len(b.in) > 0, b.test.load, len(b.in) > 0
	unmasked.mask = 0
	masks := same // A holds the value before its mask is laid over it
	for _, from := range b.in {
		left := from.test.load
		if from.test.code != nil {
			return b.test.load.instructions()
		}
		same = same && left == b.test.load
		masks = masks && left == unmasked
		header = header && left.mode == behindIPv4 && left.base == b.test.load.base
	}
	code := b.test.load.instructions()
	switch {
	case same:
		return nil
	case masks:
		return code[len(code)-1:]
	case header && b.test.load.mode == behindIPv4:
		return code[1:]
	}
	return code
}
