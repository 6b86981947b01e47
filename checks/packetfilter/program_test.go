package packetfilter

import (
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

func TestParseProgram(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"as printed", "4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n", ""},
		{"with commas", "4,40 0 0 12,21 0 1 2048,6 0 0 262144,6 0 0 0", ""},
		{"memory that both ways set", "6\n40 0 0 12\n2 0 0 3\n21 0 0 1\n96 0 0 3\n22 0 0 0\n6 0 0 0", ""},
		{"nothing", " \n", "there is no program: it begins with how many instructions it has"},
		{"no count", "40 0 0 12", `line 1: "40 0 0 12": it is how many instructions the program has`},
		{"a wrong count", "2\n6 0 0 0", "line 1: the program has 1 instructions, not 2"},
		{"a count of none", "0", "line 2: a program has at least one instruction"},
		{"three numbers", "1\n6 0 0", `line 2: "6 0 0": an instruction is four numbers: its code, two jumps and a value`},
		{"a word", "1\nret 0 0 0", `line 2: "ret 0 0 0": "ret" is no number of 16 bits`},
		{"a jump of 256", "1\n21 256 0 0", `line 2: "21 256 0 0": "256" is no number of 8 bits`},
		{"no such code", "1\n255 0 0 0", "line 2: 255 is the code of no instruction"},
		{"an end that is left open", "1\n40 0 0 12", "line 2: it goes beyond the program's end"},
		{"a jump that is too far", "3\n40 0 0 12\n21 0 1 2048\n6 0 0 0", "line 3: it goes beyond the program's end"},
		{"a plain jump that is too far", "2\n5 0 0 4294967295\n6 0 0 0", "line 2: it goes beyond the program's end"},
		{"division by zero", "2\n52 0 0 0\n6 0 0 0", "line 2: division by zero"},
		{"a remainder by zero", "2\n148 0 0 0\n6 0 0 0", "line 2: division by zero"},
		{"a shift by 32", "2\n100 0 0 32\n6 0 0 0", "line 2: a shift is by at most 31 bits"},
		{"memory 16", "2\n2 0 0 16\n6 0 0 0", "line 2: memory has the numbers 0 to 15"},
		{"memory that is not set", "2\n96 0 0 3\n22 0 0 0", "line 2: memory 3 is read before it is set"},
		{
			"memory that one way sets", "5\n40 0 0 12\n21 0 1 5\n2 0 0 3\n96 0 0 3\n22 0 0 0",
			"line 5: memory 3 is read before it is set",
		},
		{"an unknown ancillary", "2\n32 0 0 4294963201\n6 0 0 0", "line 2: nothing is known by the number 1"},
		{"too many", "4097\n" + strings.Repeat("6 0 0 0\n", 4097), "line 4098: a program has at most 4096 instructions"},
		{"too long", strings.Repeat("6 0 0 0\n", 10000), "a program has at most 65536 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseProgram(test.text)
			if got := errorText(err); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestIsProgram(t *testing.T) {
	for text, want := range map[string]bool{
		"4\n40 0 0 12\n21 0 1 2048": true, "1,6 0 0 0": true, "": false, "80": false, "tcp port 80": false, "port 80": false, "10.0.0.1": false,
	} {
		if got := IsProgram(text); got != want {
			t.Errorf("%q: got %v want %v", text, got, want)
		}
	}
}

func TestNewMatcherChecks(t *testing.T) {
	if _, err := NewMatcher([]bpf.RawInstruction{{Op: opJump, K: 1}, {Op: opReturn}}); errorText(err) != "instruction 0: it goes beyond the program's end" {
		t.Errorf("got %v", err)
	}
}

// TestEmpty: an empty filter matches every packet, even an empty one.
func TestEmpty(t *testing.T) {
	for _, filter := range []string{"", "  \n"} {
		if m := matcherOf(t, filter, Ethernet); !m.Match(nil, 0) {
			t.Errorf("%q does not match", filter)
		}
	}
}

// TestCutOff: a packet that is cut off before what a filter asks for is rejected,
// by its negation too, as the kernel does.
func TestCutOff(t *testing.T) {
	data := linked(Ethernet, networks()[0], 0)
	for _, filter := range []string{"tcp port 80", "not tcp port 80", "not tcp port 81", "tcp[13] = 2", "not tcp[13] = 2"} {
		m := matcherOf(t, filter, Ethernet)
		if m.Match(data[:30], len(data)) {
			t.Errorf("%s matches 30 bytes", filter)
		}
	}
	for filter, want := range map[string]bool{"tcp": true, "not tcp": false, "tcp or port 80": true, "greater 60": true, "less 60": false} {
		if got := matcherOf(t, filter, Ethernet).Match(data[:30], len(data)); got != want {
			t.Errorf("%s: got %v", filter, got)
		}
	}
}

// TestLong: a filter whose jumps reach over more than 255 instructions has the
// verdicts of its parts, and one that no program can hold is refused.
func TestLong(t *testing.T) {
	long := func(n int) string {
		var out strings.Builder
		out.WriteString("(arp and arp[7] = 9) or (not (ip proto 250")
		for i := range n {
			out.WriteString(" or host 10." + dotted(uint32(i))[2:] + " or tcp port " + dotted(uint32(i % 250))[6:])
		}
		out.WriteString(") and udp) or icmp")
		return out.String()
	}
	filter := long(300)
	m := matcherOf(t, filter, Ethernet)
	far := 0
	for _, i := range m.program {
		if i.Op == opJump {
			far++
		}
	}
	if far == 0 {
		t.Fatalf("no long jump in %d instructions", len(m.program))
	}
	if at, err := validateFlow(m.program); err != nil {
		t.Fatalf("instruction %d: %v", at, err)
	}
	vm := newMachine(t, m.program)
	udpOnly, icmpOnly := matcherOf(t, "udp", Ethernet), matcherOf(t, "icmp", Ethernet)
	listed := matcherOf(t, "net 10.0.0.0/23 or tcp port (22 or 53 or 80)", Ethernet)
	for _, f := range wholeFrames(Ethernet) {
		got := m.Match(f.data, f.wire)
		if vm.match(t, f.data) != got {
			t.Fatalf("%x: the machines differ", f.data)
		}
		want := icmpOnly.Match(f.data, f.wire) || udpOnly.Match(f.data, f.wire) && !listed.Match(f.data, f.wire)
		if want != got {
			t.Fatalf("%x: got %v want %v", f.data, got, want)
		}
	}
	f, err := Parse(long(400))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Program(Ethernet, false); err == nil || !strings.HasSuffix(err.Error(), "and a program has at most 4096: take some conditions out") {
		t.Errorf("got %v", err)
	}
	if _, err := f.Compile(Ethernet); err != nil {
		t.Errorf("a matcher has no such bound: %v", err)
	}
}
