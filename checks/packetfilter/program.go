package packetfilter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/bpf"
)

// IsProgram says whether a text is meant as a program for ParseProgram: it is
// made of numbers only, and there are several.
func IsProgram(text string) bool {
	return strings.Trim(text, "0123456789 ,\t\r\n") == "" && len(strings.FieldsFunc(text, separates)) > 1
}

func separates(r rune) bool { return strings.ContainsRune(" ,\t\r\n", r) }

// ParseProgram reads a program as `tcpdump -ddd` prints it: how many instructions
// there are, and then each with its code, its two jumps and its value. A comma may
// stand in place of the end of a line. A program is for one link type, which it
// does not name. It is checked as the kernel checks it, so that it ends and
// cannot divide by zero.
func ParseProgram(text string) ([]bpf.RawInstruction, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("a program has at most %d bytes", maxText)
	}
	var lines [][]string
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == ',' }) {
		if fields := strings.Fields(line); len(fields) > 0 {
			lines = append(lines, fields)
		}
	}
	if len(lines) == 0 {
		return nil, errors.New("there is no program: it begins with how many instructions it has")
	}
	count, err := strconv.Atoi(lines[0][0])
	if err != nil || len(lines[0]) != 1 {
		return nil, fmt.Errorf("line 1: %q: it is how many instructions the program has", strings.Join(lines[0], " "))
	}
	lines = lines[1:]
	if count != len(lines) {
		return nil, fmt.Errorf("line 1: the program has %d instructions, not %d", len(lines), count)
	}
	program := make([]bpf.RawInstruction, 0, len(lines))
	for i, fields := range lines {
		instruction, err := parseInstruction(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", i+2, strings.Join(fields, " "), err)
		}
		program = append(program, instruction)
	}
	if at, err := validate(program); err != nil {
		return nil, fmt.Errorf("line %d: %w", at+2, err)
	}
	return program, nil
}

func parseInstruction(fields []string) (bpf.RawInstruction, error) {
	if len(fields) != 4 {
		return bpf.RawInstruction{}, errors.New("an instruction is four numbers: its code, two jumps and a value")
	}
	var numbers [4]uint64
	for i, bits := range [4]int{16, 8, 8, 32} {
		var err error
		if numbers[i], err = strconv.ParseUint(fields[i], 10, bits); err != nil {
			return bpf.RawInstruction{}, fmt.Errorf("%q is no number of %d bits", fields[i], bits)
		}
	}
	return bpf.RawInstruction{Op: uint16(numbers[0]), Jt: uint8(numbers[1]), Jf: uint8(numbers[2]), K: uint32(numbers[3])}, nil
}

// validate refuses what the kernel refuses, and says which instruction it is.
func validate(program []bpf.RawInstruction) (int, error) {
	switch {
	case len(program) == 0:
		return 0, errors.New("a program has at least one instruction")
	case len(program) > maxProgram:
		return maxProgram, fmt.Errorf("a program has at most %d instructions", maxProgram)
	}
	return validateFlow(program)
}

// validateFlow refuses instructions that are wrong, jumps beyond the end and
// memory that is not set.
func validateFlow(program []bpf.RawInstruction) (int, error) {
	// Which slots of memory are set on each way to an instruction.
	set := slices.Repeat([]uint16{0xffff}, len(program))
	set[0] = 0
	for at, i := range program {
		if err := check(i); err != nil {
			return at, err
		}
		known := set[at]
		switch i.Op {
		case opStore, opStoreX:
			known |= 1 << i.K
		case opLoadMemory, opLoadXMemory:
			if known&(1<<i.K) == 0 {
				return at, fmt.Errorf("memory %d is read before it is set", i.K)
			}
		}
		for _, skip := range skips(i) {
			if skip >= uint64(len(program)-at-1) {
				return at, errors.New("it goes beyond the program's end")
			}
			set[at+1+int(skip)] &= known
		}
	}
	return 0, nil
}

// skips is how many instructions may be passed over from this one on.
func skips(i bpf.RawInstruction) []uint64 {
	switch {
	case i.Op == opReturn || i.Op == opReturnA:
		return nil
	case i.Op == opJump:
		return []uint64{uint64(i.K)}
	case i.Op&0x07 == opJump:
		return []uint64{uint64(i.Jt), uint64(i.Jf)}
	}
	return []uint64{0}
}

// check refuses an instruction that is wrong by itself.
func check(i bpf.RawInstruction) error {
	switch i.Op {
	case opLoad | sizeByte, opLoad | sizeHalf, opLoad | sizeWord:
		if i.K >= ancillary && !slices.Contains(knownAncillary(), i.K-ancillary) {
			return fmt.Errorf("nothing is known by the number %d", i.K-ancillary)
		}
		return nil
	case opLoadIndirect | sizeByte, opLoadIndirect | sizeHalf, opLoadIndirect | sizeWord,
		opLoadConstant, opLoadLength, opLoadXConstant, opLoadXLength, opLoadXHeader,
		opToX, opFromX, opNegate, opReturn, opReturnA, opJump,
		opJumpEqual, opJumpGreater, opJumpAtLeast, opJumpSet,
		opJumpEqual | withX, opJumpGreater | withX, opJumpAtLeast | withX, opJumpSet | withX,
		opAdd, opSubtract, opMultiply, opOr, opAnd, opXor,
		opAdd | withX, opSubtract | withX, opMultiply | withX, opOr | withX, opAnd | withX, opXor | withX,
		opDivide | withX, opModulo | withX, opShiftLeft | withX, opShiftRight | withX:
		return nil
	case opLoadMemory, opLoadXMemory, opStore, opStoreX:
		if i.K > 15 {
			return errors.New("memory has the numbers 0 to 15")
		}
		return nil
	case opDivide, opModulo:
		if i.K == 0 {
			return errors.New("division by zero")
		}
		return nil
	case opShiftLeft, opShiftRight:
		if i.K > 31 {
			return errors.New("a shift is by at most 31 bits")
		}
		return nil
	}
	return fmt.Errorf("%d is the code of no instruction", i.Op)
}

// knownAncillary lists what the kernel tells of a packet beside its bytes.
func knownAncillary() []uint32 {
	return []uint32{0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, vlanTag, vlanTagPresent, 52, 56, 60}
}
