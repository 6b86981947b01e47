//go:build linux

package packetfilter

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/net/bpf"
)

// withMetadata is a program as it runs for a packet of which the kernel knows
// this: what it asks of the kernel becomes a constant.
func withMetadata(program []bpf.RawInstruction, present bool, tag uint32) []bpf.RawInstruction {
	program = slices.Clone(program)
	for i, r := range program {
		if r.Op&^(sizeByte|sizeHalf) != opLoad || r.K < ancillary {
			continue
		}
		value := tag
		if r.K == ancillary+vlanTagPresent {
			value = 0
			if present {
				value = 1
			}
		}
		program[i] = bpf.RawInstruction{Op: opLoadConstant, K: value}
	}
	return program
}

// TestLive: a live program says of a packet whose tag was taken off what the one
// for files says of it with its tag, and of any other the same.
func TestLive(t *testing.T) {
	for _, filter := range []string{
		"vlan", "vlan 5", "vlan 7", "vlan and ip", "vlan 5 and tcp port 80", "vlan and vlan 5 and ip", "vlan and vlan and vlan 7 and udp",
		"vlan and not tcp", "not vlan 5", "vlan and pppoes 7 and tcp", "vlan 5 and mpls 16 and udp port 53", "(vlan and tcp) or arp",
	} {
		f, err := Parse(filter)
		if err != nil {
			t.Fatal(err)
		}
		live, err := f.Program(Ethernet, true)
		if err != nil {
			t.Fatal(err)
		}
		file := matcherOf(t, filter, Ethernet)
		stripped, matched := 0, 0
		for _, one := range wholeFrames(Ethernet) {
			data, present, tag := one.data, false, uint32(0)
			if kind := uint32(data[12])<<8 | uint32(data[13]); kind == 0x8100 || kind == 0x88a8 {
				present, tag = true, uint32(data[14])<<8|uint32(data[15])
				data = join(data[:12], data[16:])
				stripped++
			}
			m, err := NewMatcher(withMetadata(live, present, tag))
			if err != nil {
				t.Fatal(err)
			}
			want := file.Match(one.data, one.wire)
			if got := m.Match(data, len(data)); got != want {
				t.Fatalf("%s: %x: got %v want %v\n%s", filter, one.data, got, want, listing(live))
			}
			if want {
				matched++
			}
		}
		if stripped == 0 || matched == 0 {
			t.Errorf("%s: %d tags were taken off, %d packets matched", filter, stripped, matched)
		}
	}
}

// TestLiveAgainstTcpdump compares live programs with those that tcpdump makes
// for an interface, for the filters in which both mean the same: what libpcap
// shifts by a tag is only shifted there when the packet passed the test of it.
func TestLiveAgainstTcpdump(t *testing.T) {
	needTcpdump(t)
	for _, filter := range []string{
		"tcp port 80", "vlan", "vlan 5", "vlan and ip", "vlan 5 and tcp port 80", "vlan and vlan 5 and ip", "not vlan", "ip or vlan",
		"host 10.0.0.1 and vlan 5", "vlan and arp", "ether multicast and vlan",
	} {
		text, err := tcpdump("-i", "lo", "-ddd", "--", filter)
		if err != nil {
			t.Skipf("tcpdump cannot open an interface: %v", err)
		}
		theirs, err := ParseProgram(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		f, err := Parse(filter)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := f.Program(Ethernet, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range []uint32{0, 5, 0x6005, 7} {
			for _, present := range []bool{false, true} {
				one, err := NewMatcher(withMetadata(ours, present, tag))
				two, err2 := NewMatcher(withMetadata(theirs, present, tag))
				if err != nil || err2 != nil {
					t.Fatal(err, err2)
				}
				for _, p := range wholeFrames(Ethernet) {
					if got, want := one.Match(p.data, p.wire), two.Match(p.data, p.wire); got != want {
						t.Fatalf("%s, tag %#x present %v: %x: got %v want %v\n%s\n%s", filter, tag, present, p.data, got, want, listing(ours), listing(theirs))
					}
				}
			}
		}
	}
}

// TestKernel gives each program to the kernel, sends it packets, and compares
// what it lets through with what our interpreter says. A pair of local sockets
// passes a message through the filter of the one that receives it.
func TestKernel(t *testing.T) {
	var frames []frame
	for i, f := range append(wholeFrames(Ethernet), brokenFrames(Ethernet)...) {
		if len(f.data) > 0 && (i < 100 || i%23 == 0) {
			frames = append(frames, frame{f.data, len(f.data)})
		}
	}
	for _, g := range readGolden(t) {
		if g.link != Ethernet.String() {
			continue
		}
		f, err := Parse(g.filter)
		if err != nil {
			t.Fatal(err)
		}
		program, err := f.Program(Ethernet, true)
		if err != nil {
			t.Errorf("%s: %v", g.filter, err)
			continue
		}
		m, err := NewMatcher(withMetadata(program, false, 0))
		if err != nil {
			t.Fatal(err)
		}
		send := filtered(t, program)
		for _, f := range frames {
			if got, want := send(f.data), m.Match(f.data, f.wire); got != want {
				t.Fatalf("%s: %x: the kernel says %v, we %v\n%s", g.filter, f.data, got, want, listing(program))
			}
		}
	}
}

// filtered makes a pair of sockets with a filter, and returns what sends a
// message and says whether it came through.
func filtered(t *testing.T, program []bpf.RawInstruction) func([]byte) bool {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Close(pair[0])
		_ = syscall.Close(pair[1])
	})
	filter := make([]syscall.SockFilter, len(program))
	for i, r := range program {
		filter[i] = syscall.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	if err := syscall.AttachLsf(pair[1], filter); err != nil { //nolint:staticcheck // what replaces it needs a socket of the network
		t.Fatalf("the kernel refuses the program: %v\n%s", err, listing(program))
	}
	buffer := make([]byte, 1<<16)
	return func(data []byte) bool {
		_, err := syscall.Write(pair[0], data)
		if errors.Is(err, syscall.EPERM) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := syscall.Read(pair[1], buffer)
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		if err != nil || n != len(data) {
			t.Fatalf("%d of %d bytes: %v", n, len(data), err)
		}
		return true
	}
}
