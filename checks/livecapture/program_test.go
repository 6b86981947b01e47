package livecapture

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/packetfilter"
)

func parse(t *testing.T, text string) *packetfilter.Filter {
	t.Helper()
	f, err := packetfilter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// known is a program as it runs when the kernel knows this of a packet.
func known(t *testing.T, program []bpf.RawInstruction, hardware, kind uint32) *packetfilter.Matcher {
	t.Helper()
	program = slices.Clone(program)
	for i, r := range program {
		if r.Op == opLoadWord && r.K == metadataHardware {
			program[i] = bpf.RawInstruction{Op: 0, K: hardware}
		} else if r.Op == opLoadWord && r.K == metadataType {
			program[i] = bpf.RawInstruction{Op: 0, K: kind}
		}
	}
	m, err := packetfilter.NewMatcher(program)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestProgramAll: of each kind of interface the program takes what the filter is
// for, with the headers that it has.
func TestProgramAll(t *testing.T) {
	ip := append([]byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17}, make([]byte, 18)...)
	frame := append(append(make([]byte, 12), 8, 0), ip...)
	for _, text := range []string{"", "udp"} {
		program, raw, err := programAll(parse(t, text), 0)
		if err != nil || !raw {
			t.Fatal(err, raw)
		}
		for hardware := range uint32(65536) {
			if hardware > 1000 && hardware < 65530 {
				continue
			}
			link, ok := linkTypeOf(uint16(hardware))
			for _, kind := range []uint32{0, typeOutgoing} {
				m := known(t, program, hardware, kind)
				loops := hardware == hardwareLoopback && kind == typeOutgoing
				wantFrame := ok && link == capturefile.Ethernet && !loops
				wantRaw := ok && link == capturefile.Raw
				if text == "" { // takes anything
					wantFrame = wantFrame || wantRaw
					wantRaw = wantFrame
				}
				if got := m.Match(frame, len(frame)); got != wantFrame {
					t.Errorf("%q: Ethernet of kind %d, direction %d: got %v", text, hardware, kind, got)
				}
				if got := m.Match(ip, len(ip)); got != wantRaw {
					t.Errorf("%q: raw IP of kind %d, direction %d: got %v", text, hardware, kind, got)
				}
			}
		}
	}
}

func TestProgramOne(t *testing.T) {
	for _, test := range []struct {
		filter   string
		link     capturefile.LinkType
		loopback bool
		want     string // of the error
	}{
		{"tcp", capturefile.Ethernet, false, ""},
		{"tcp", capturefile.Ethernet, true, ""},
		{"tcp", capturefile.Raw, false, ""},
		{"ether host 02:00:00:00:00:01", capturefile.Raw, false, "column 1"},
		{"tcp", capturefile.WiFi, false, "no live filter can be compiled"},
	} {
		program, err := programOne(parse(t, test.filter), test.link, test.loopback, 100)
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v: got %v", test, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", test, err)
		}
		for _, r := range program {
			if r.Op == opReturn && r.K != 0 && r.K != 100 {
				t.Errorf("%+v: it keeps %d bytes", test, r.K)
			}
		}
	}
	if program, err := programOne(nil, capturefile.WiFi, false, 0); err != nil || len(program) != 1 || program[0].K != capturefile.MaxData {
		t.Errorf("without a filter: got %v, %v", program, err)
	}
}

// TestProgramTooLong: a filter that fits one link type need not fit two.
func TestProgramTooLong(t *testing.T) {
	var hosts []string
	for i := range 400 {
		hosts = append(hosts, fmt.Sprintf("host 10.%d.%d.1", i/200, i%200))
	}
	f := parse(t, strings.Join(hosts, " or "))
	if _, err := programOne(f, capturefile.Ethernet, false, 0); err != nil {
		t.Errorf("for Ethernet: %v", err)
	}
	if _, _, err := programAll(f, 0); err == nil || !strings.Contains(err.Error(), "the kernel takes 4096") {
		t.Errorf("for all: got %v", err)
	}
}

func TestRingLayout(t *testing.T) {
	for _, test := range []struct{ ring, snap, size, blocks int }{
		{0, HeadersOnly, 128 << 10, 64},
		{0, 0, 256 << 10, 32},
		{0, capturefile.MaxData, 512 << 10, 16},
		{MinRing, HeadersOnly, 16 << 10, 4},
		{MinRing, 0, 256 << 10, 2},
		{MinRing + 1, HeadersOnly, 16 << 10, 5},
		{1 << 20, 1500, 64 << 10, 16},
		{MaxRing, 1500, 128 << 10, 8192},
	} {
		size, blocks, err := ringLayout(test.ring, test.snap)
		if err != nil || size != test.size || blocks != test.blocks {
			t.Errorf("%+v: got %d blocks of %d bytes, %v", test, blocks, size, err)
		}
	}
}

func TestErrors(t *testing.T) {
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprint("eth", i))
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{&InterfaceError{Interface: "eth\n7", Problem: Missing}, `interface "eth\n7" does not exist`},
		{&InterfaceError{Interface: "x", Problem: Missing, Have: []string{"lo", "eth0"}}, `interface "x" does not exist: there are lo, eth0`},
		{&InterfaceError{Interface: "x", Problem: Missing, Have: many}, `interface "x" does not exist: there are ` + strings.Join(many[:20], ", ") + " and 10 more"},
		{&InterfaceError{Interface: "x", Problem: NotCapturable}, `interface "x" has a kind of link that is not known here`},
		{&UnsupportedError{Reason: "no"}, "no"},
		{&UnsupportedError{Reason: "no", Err: errBlock}, "no: a block of the ring makes no sense"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
	if !errors.Is(&UnsupportedError{Err: errBlock}, errBlock) {
		t.Error("the system's error is not wrapped")
	}
	for _, problem := range []Problem{Missing, Down, Gone, NotCapturable} {
		if (&InterfaceError{Problem: problem}).Fix() == "" {
			t.Errorf("no fix for one that %s", problem)
		}
	}
}
