package packetfilter

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
)

// maxProgram is how many instructions the kernel takes.
const maxProgram = 4096

// Program is the filter as a program for packets of a link type. With live it is
// one for the kernel's socket filter, where the outermost VLAN tag is not in the
// frame but beside it; live filters are for Ethernet and for interfaces without a
// link header (Raw). An *Error says what of the filter cannot be asked of this
// link type.
func (f *Filter) Program(link LinkType, live bool) ([]bpf.RawInstruction, error) {
	program, err := f.program(link, live)
	if err == nil && len(program) > maxProgram {
		return nil, fmt.Errorf("the filter takes %d instructions, and a program has at most %d: take some conditions out", len(program), maxProgram)
	}
	return program, err
}

func (f *Filter) program(link LinkType, live bool) ([]bpf.RawInstruction, error) {
	if live && link != Ethernet && link != Raw {
		return nil, fmt.Errorf("no live filter can be compiled for %s: only for EN10MB and RAW", link)
	}
	if f.root == nil {
		return emit(newGraph(always(true))), nil
	}
	c, usesTag, err := f.condition(link, live, false)
	if err != nil {
		return nil, err
	}
	if live && usesTag {
		tagged, _, err := f.condition(link, live, true)
		if err != nil {
			return nil, err
		}
		c = choice{equal(load{mode: metadata, offset: vlanTagPresent}, 1), tagged, c}
	}
	return emit(newGraph(c)), nil
}

// condition generates the filter, and says whether it asks for a VLAN tag.
func (f *Filter) condition(link LinkType, live, inMetadata bool) (condition, bool, error) {
	g, err := newGenerator(f.text, link)
	if err != nil {
		return nil, false, err
	}
	g.live, g.inMetadata = live, inMetadata
	c, err := f.root.generate(g)
	return c, g.usesTag, err
}

// Compile makes a matcher for packets of a link type out of a capture file.
func (f *Filter) Compile(link LinkType) (*Matcher, error) {
	program, err := f.program(link, false)
	if err != nil {
		return nil, err
	}
	return &Matcher{program}, nil
}

// Matcher runs a program over packets. It is immutable and allocates nothing:
// several goroutines may use it.
type Matcher struct {
	program []bpf.RawInstruction
}

// NewMatcher makes a matcher of a program, which is checked as by ParseProgram.
func NewMatcher(program []bpf.RawInstruction) (*Matcher, error) {
	if at, err := validate(program); err != nil {
		return nil, fmt.Errorf("instruction %d: %w", at, err)
	}
	return &Matcher{append([]bpf.RawInstruction(nil), program...)}, nil
}

// Match says whether the program takes a packet, of which data was captured and
// which was wireLength bytes long. As in the kernel, a program that reads behind
// the end of data or divides by zero does not take it. What only a live packet
// has, such as a VLAN tag beside it, is behind the end too.
//
//nolint:cyclop,funlen // one case for each instruction
func (m *Matcher) Match(data []byte, wireLength int) bool {
	var a, x uint32
	var memory [16]uint32
	size := uint64(len(data))
	program := m.program
	for pc := 0; pc < len(program); pc++ {
		i := &program[pc]
		k := i.K
		switch i.Op {
		case opLoad | sizeByte:
			if uint64(k) >= size {
				return false
			}
			a = uint32(data[k])
		case opLoad | sizeHalf:
			if uint64(k)+2 > size {
				return false
			}
			a = uint32(binary.BigEndian.Uint16(data[k:]))
		case opLoad | sizeWord:
			if uint64(k)+4 > size {
				return false
			}
			a = binary.BigEndian.Uint32(data[k:])
		case opLoadIndirect | sizeByte:
			at := uint64(k) + uint64(x)
			if at >= size {
				return false
			}
			a = uint32(data[at])
		case opLoadIndirect | sizeHalf:
			at := uint64(k) + uint64(x)
			if at+2 > size {
				return false
			}
			a = uint32(binary.BigEndian.Uint16(data[at:]))
		case opLoadIndirect | sizeWord:
			at := uint64(k) + uint64(x)
			if at+4 > size {
				return false
			}
			a = binary.BigEndian.Uint32(data[at:])
		case opLoadXHeader:
			if uint64(k) >= size {
				return false
			}
			x = uint32(data[k]&0x0f) << 2
		case opLoadConstant:
			a = k
		case opLoadXConstant:
			x = k
		case opLoadMemory:
			a = memory[k&15]
		case opLoadXMemory:
			x = memory[k&15]
		case opLoadLength:
			a = uint32(wireLength)
		case opLoadXLength:
			x = uint32(wireLength)
		case opStore:
			memory[k&15] = a
		case opStoreX:
			memory[k&15] = x
		case opToX:
			x = a
		case opFromX:
			a = x
		case opNegate:
			a = -a
		case opJump:
			pc += int(k)
		case opJumpEqual:
			pc += branch(i, a == k)
		case opJumpGreater:
			pc += branch(i, a > k)
		case opJumpAtLeast:
			pc += branch(i, a >= k)
		case opJumpSet:
			pc += branch(i, a&k != 0)
		case opJumpEqual | withX:
			pc += branch(i, a == x)
		case opJumpGreater | withX:
			pc += branch(i, a > x)
		case opJumpAtLeast | withX:
			pc += branch(i, a >= x)
		case opJumpSet | withX:
			pc += branch(i, a&x != 0)
		case opReturn:
			return k != 0
		case opReturnA:
			return a != 0
		default:
			operand := k
			if i.Op&withX != 0 {
				operand = x
			}
			var ok bool
			if a, ok = reckon(i.Op&^withX, a, operand); !ok {
				return false
			}
		}
	}
	return false
}

func branch(i *bpf.RawInstruction, taken bool) int {
	if taken {
		return int(i.Jt)
	}
	return int(i.Jf)
}

// reckon applies an instruction of arithmetic; not ok is a division by zero.
func reckon(op uint16, a, operand uint32) (uint32, bool) {
	switch op {
	case opAnd:
		return a & operand, true
	case opAdd:
		return a + operand, true
	case opSubtract:
		return a - operand, true
	case opMultiply:
		return a * operand, true
	case opOr:
		return a | operand, true
	case opXor:
		return a ^ operand, true
	case opShiftLeft:
		return a << operand, true
	case opShiftRight:
		return a >> operand, true
	case opDivide:
		if operand != 0 {
			return a / operand, true
		}
	case opModulo:
		if operand != 0 {
			return a % operand, true
		}
	}
	return 0, false
}
