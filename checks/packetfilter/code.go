package packetfilter

import (
	"slices"

	"golang.org/x/net/bpf"
)

// simple is the one load that an expression is, if it is.
func (g *generator) simple(a arithmetic) (load, bool) {
	switch a := a.(type) {
	case length:
		return load{mode: wireLength}, true
	case packetBytes:
		index, ok := a.index.(number)
		if !ok {
			return load{}, false
		}
		offset, behind := g.base(a.protocol)
		l := load{size: a.size, offset: offset + uint32(index)}
		if behind {
			l.mode, l.base = behindIPv4, offset
		}
		return l, true
	case calculation:
		mask, ok := a.right.(number)
		if !ok || mask == 0 || a.operator != "&" {
			return load{}, false
		}
		l, ok := g.simple(a.left)
		if l.mask != 0 {
			mask &= number(l.mask)
		}
		l.mask = uint32(mask)
		return l, ok && mask != 0
	}
	return load{}, false
}

// slots is how many slots of memory an expression needs.
func slots(a arithmetic) int {
	switch a := a.(type) {
	case negated:
		return slots(a.of)
	case packetBytes:
		return slots(a.index)
	case calculation:
		if _, constant := a.right.(number); constant {
			return slots(a.left)
		}
		left, right := slots(a.left), slots(a.right)
		return max(left, right, min(left, right)+1)
	}
	return 0
}

// code leaves the value of an expression in A. It uses memory from a slot on.
func (g *generator) code(a arithmetic, slot uint32) []bpf.RawInstruction {
	if l, ok := g.simple(a); ok {
		return l.instructions()
	}
	switch a := a.(type) {
	case number:
		return []bpf.RawInstruction{{Op: opLoadConstant, K: uint32(a)}}
	case negated:
		return append(g.code(a.of, slot), bpf.RawInstruction{Op: opNegate})
	case packetBytes:
		offset, behind := g.base(a.protocol)
		code := g.code(a.index, slot)
		if behind {
			code = append(code, bpf.RawInstruction{Op: opLoadXHeader, K: offset}, bpf.RawInstruction{Op: opAdd | withX})
		}
		return append(code, bpf.RawInstruction{Op: opToX}, bpf.RawInstruction{Op: opLoadIndirect | sizeBits(a.size), K: offset})
	case calculation:
		op := map[string]uint16{
			"+": opAdd, "-": opSubtract, "*": opMultiply, "/": opDivide, "%": opModulo,
			"&": opAnd, "|": opOr, "^": opXor, "<<": opShiftLeft, ">>": opShiftRight,
		}[a.operator]
		if n, ok := a.right.(number); ok {
			return append(g.code(a.left, slot), bpf.RawInstruction{Op: op, K: uint32(n)})
		}
		return append(g.pair(a.left, a.right, slot), bpf.RawInstruction{Op: op | withX})
	}
	return nil
}

// pair leaves the left value in A and the right one in X. What needs more memory
// comes first, so that a long sum needs no more than one slot.
func (g *generator) pair(left, right arithmetic, slot uint32) []bpf.RawInstruction {
	if slots(left) > slots(right) {
		code := append(g.code(left, slot), bpf.RawInstruction{Op: opStore, K: slot})
		return append(slices.Concat(code, g.code(right, slot+1)),
			bpf.RawInstruction{Op: opToX}, bpf.RawInstruction{Op: opLoadMemory, K: slot})
	}
	code := append(g.code(right, slot), bpf.RawInstruction{Op: opStore, K: slot})
	return append(slices.Concat(code, g.code(left, slot+1)), bpf.RawInstruction{Op: opLoadXMemory, K: slot})
}

// instructions leave the value of a load in A.
func (l load) instructions() []bpf.RawInstruction {
	var code []bpf.RawInstruction
	switch l.mode {
	case wireLength:
		code = []bpf.RawInstruction{{Op: opLoadLength}}
	case metadata:
		code = []bpf.RawInstruction{{Op: opLoad | sizeWord, K: ancillary + l.offset}}
	case behindIPv4:
		code = []bpf.RawInstruction{{Op: opLoadXHeader, K: l.base}, {Op: opLoadIndirect | sizeBits(l.size), K: l.offset}}
	case absolute:
		code = []bpf.RawInstruction{{Op: opLoad | sizeBits(l.size), K: l.offset}}
	}
	if l.mask != 0 {
		code = append(code, bpf.RawInstruction{Op: opAnd, K: l.mask})
	}
	return code
}

func sizeBits(size uint32) uint16 {
	switch size {
	case 1:
		return sizeByte
	case 2:
		return sizeHalf
	}
	return sizeWord
}

// zeroDivisor is where a value is that turned out to be zero and is divided by; -1
// for nowhere.
func zeroDivisor(a arithmetic) int {
	switch a := a.(type) {
	case negated:
		return zeroDivisor(a.of)
	case packetBytes:
		return zeroDivisor(a.index)
	case calculation:
		if a.right == number(0) && (a.operator == "/" || a.operator == "%") {
			return a.at
		}
		return max(zeroDivisor(a.left), zeroDivisor(a.right))
	}
	return -1
}

// reduced leaves out what cannot change the value of an expression: libpcap does
// so last, and a packet may then lack the bytes that were asked for there.
func reduced(a arithmetic) arithmetic {
	switch a := a.(type) {
	case negated:
		of := reduced(a.of)
		if n, ok := of.(number); ok {
			return -n
		}
		return negated{of}
	case packetBytes:
		a.index = reduced(a.index)
		return a
	case calculation:
		a.left, a.right = reduced(a.left), reduced(a.right)
		left, isLeft := a.left.(number)
		right, isRight := a.right.(number)
		switch {
		case isLeft && isRight && (right != 0 || a.operator != "/" && a.operator != "%"):
			return reckonNumbers(a.operator, left, right)
		case isRight && right == 0 && (a.operator == "*" || a.operator == "&"):
			return number(0)
		case isLeft && left == 0 && !slices.Contains([]string{"+", "-", "|", "^"}, a.operator):
			return number(0)
		}
		return a
	}
	return a
}
