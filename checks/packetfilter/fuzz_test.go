package packetfilter

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

// FuzzParse gives any text for a filter: one that is accepted compiles, its
// programs are ones that the kernel takes, and it means the same after it was
// written out and parsed again.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/filters.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, filter, _ := strings.Cut(strings.TrimSpace(line), " ")
		f.Add(filter)
	}
	frames := map[LinkType][]frame{}
	for _, link := range []LinkType{Ethernet, LinuxSLL, Raw} {
		for i, one := range brokenFrames(link) {
			if i%40 == 0 {
				frames[link] = append(frames[link], one)
			}
		}
		frames[link] = append(frames[link], wholeFrames(link)...)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := Parse(text)
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || fault.Column < 1 || fault.Reason == "" {
				t.Fatalf("%q: %v: it has no place", text, err)
			}
			return
		}
		second, err := Parse(first.String())
		if err != nil && strings.Contains(err.Error(), "nested at most") {
			return // it is written out with all its parentheses
		}
		if err != nil {
			t.Fatalf("%q was written out as %q: %v", text, first, err)
		}
		for link, some := range frames {
			one, err := first.Compile(link)
			two, err2 := second.Compile(link)
			if (err == nil) != (err2 == nil) {
				t.Fatalf("%q: %v, but written out as %q: %v", text, err, second, err2)
			}
			if err != nil {
				continue
			}
			if len(one.program) <= maxProgram {
				if at, err := validate(one.program); err != nil {
					t.Fatalf("%q: instruction %d: %v", text, at, err)
				}
			}
			for _, f := range some {
				if one.Match(f.data, f.wire) != two.Match(f.data, f.wire) {
					t.Fatalf("%q and %q differ on %x", text, second, f.data)
				}
			}
		}
	})
}

// FuzzParseProgram gives any text for a program: one that is accepted runs, is
// taken by x/net's machine, and has the same verdicts there.
func FuzzParseProgram(f *testing.F) {
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		f.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "\n# ") {
		_, program, _ := strings.Cut(part, "\n")
		f.Add(program)
	}
	f.Add("1\n6 0 0 0")
	f.Add("2,40 0 0 12,22 0 0 0")
	frames := wholeFrames(Ethernet)[:60]
	f.Fuzz(func(t *testing.T, text string) {
		program, err := ParseProgram(text)
		if err != nil {
			return
		}
		m, err := NewMatcher(program)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		instructions, ok := bpf.Disassemble(program)
		var vm *bpf.VM
		if ok && comparableProgram(program) {
			vm, _ = bpf.NewVM(instructions) // it refuses some that the kernel takes
		}
		for _, f := range frames {
			got := m.Match(f.data, len(f.data))
			if vm == nil {
				continue
			}
			if n, err := vm.Run(f.data); err == nil && (n != 0) != got {
				t.Fatalf("%q: %x: got %v, x/net's machine says %d\n%s", text, f.data, got, n, listing(program))
			}
		}
	})
}

// comparableProgram leaves out what x/net's machine does otherwise than the kernel:
// lengths and offsets it takes for signed or bounds by others, what the
// kernel alone knows of a packet, and the packet's length, which it loads into A for X.
func comparableProgram(program []bpf.RawInstruction) bool {
	const loadXLength = 0x81
	for _, i := range program {
		switch i.Op {
		case opLoad | sizeByte, opLoad | sizeHalf, opLoad | sizeWord:
			if i.K >= ancillary {
				return false
			}
		case loadXLength:
			return false
		}
	}
	return true
}
