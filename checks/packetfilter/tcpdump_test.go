package packetfilter

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"
)

var update = flag.Bool("update", false, "compile testdata/filters.txt with this machine's tcpdump, libpcap 1.10.3, into testdata/golden.txt")

// errRejectsAll is that tcpdump refuses a filter that no packet can match.
var errRejectsAll = errors.New("expression rejects all packets")

// golden is a program that tcpdump compiled.
type golden struct {
	link, filter string
	program      []bpf.RawInstruction // nil when it rejects all packets
}

func (g golden) linkType(t testing.TB) LinkType {
	t.Helper()
	for _, l := range append(links(), Ethernet) {
		if l.String() == g.link {
			return l
		}
	}
	t.Fatalf("%s: no such link type", g.link)
	return 0
}

// readGolden reads testdata/golden.txt, or makes it anew.
func readGolden(t testing.TB) []golden {
	t.Helper()
	if *update {
		writeGolden(t)
	}
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	for part := range strings.SplitSeq(strings.TrimPrefix(string(text), "# "), "\n# ") {
		head, program, _ := strings.Cut(part, "\n")
		link, filter, _ := strings.Cut(head, " ")
		g := golden{link: link, filter: filter}
		if strings.TrimSpace(program) != errRejectsAll.Error() {
			if g.program, err = ParseProgram(program); err != nil {
				t.Fatalf("%s: %v", head, err)
			}
		}
		all = append(all, g)
	}
	return all
}

// writeGolden compiles each line of testdata/filters.txt: link types, then the
// filter.
func writeGolden(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile("testdata/filters.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		types, filter, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || types == "#" {
			continue
		}
		for link := range strings.SplitSeq(types, ",") {
			program, err := tcpdump("-y", link, "-ddd", "--", filter)
			if errors.Is(err, errRejectsAll) {
				program = errRejectsAll.Error() + "\n"
			} else if err != nil {
				t.Fatalf("%s %s: %v", link, filter, err)
			}
			fmt.Fprintf(&out, "# %s %s\n%s", link, filter, program)
		}
	}
	if err := os.WriteFile("testdata/golden.txt", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tcpdump compiles a filter. Its error holds what tcpdump says.
func tcpdump(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // its optimizer can take minutes
	defer cancel()
	out, err := exec.CommandContext(ctx, "tcpdump", args...).CombinedOutput()
	if ctx.Err() != nil {
		return "", fmt.Errorf("tcpdump: it takes too long: %w", ctx.Err())
	}
	if err == nil {
		text := string(out)
		if i := strings.Index(text, "Warning"); i >= 0 { // of an optimizer that does nothing
			text = text[strings.Index(text, "\n")+1:]
		}
		return text, nil
	}
	if strings.Contains(string(out), errRejectsAll.Error()) {
		return "", errRejectsAll
	}
	return "", fmt.Errorf("%s: %w", strings.TrimSpace(string(out)), err)
}

func needTcpdump(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
}

// machine is the BPF virtual machine of x/net; it takes a packet's captured
// length for its length on the wire.
type machine struct {
	vm *bpf.VM
}

func newMachine(t testing.TB, program []bpf.RawInstruction) machine {
	t.Helper()
	program = slices.Clone(program)
	for i, r := range program {
		if r.Op == opNegate { // which x/net's machine does not know
			program[i] = bpf.RawInstruction{Op: opMultiply, K: 0xffffffff}
		}
	}
	instructions, ok := bpf.Disassemble(program)
	if !ok {
		t.Fatalf("the program has instructions that x/net/bpf does not know:\n%s", listing(program))
	}
	vm, err := bpf.NewVM(instructions)
	if err != nil {
		t.Fatalf("%v:\n%s", err, listing(program))
	}
	return machine{vm}
}

func (m machine) match(t testing.TB, data []byte) bool {
	n, err := m.vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return n != 0
}

// listing prints a program as tcpdump -d does, nearly.
func listing(program []bpf.RawInstruction) string {
	var out strings.Builder
	for i, r := range program {
		fmt.Fprintf(&out, "(%03d) %v\n", i, r.Disassemble())
	}
	return out.String()
}

// matcherOf compiles a filter, or fails the test.
func matcherOf(t testing.TB, filter string, link LinkType) *Matcher {
	t.Helper()
	f, err := Parse(filter)
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	m, err := f.Compile(link)
	if err != nil {
		t.Fatalf("%s: %s: %v", link, filter, err)
	}
	return m
}
