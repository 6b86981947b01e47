package packetfilter

import "testing"

// BenchmarkMatch runs a filter over packets of every kind, by our interpreter and
// by x/net's; one operation is one packet.
func BenchmarkMatch(b *testing.B) {
	frames := wholeFrames(Ethernet)
	for _, filter := range []string{
		"tcp port 80",
		"tcp[tcpflags] & (tcp-syn|tcp-rst) != 0",
		"host 10.0.0.1 and not (tcp port 22 or udp port 53)",
	} {
		m := matcherOf(b, filter, Ethernet)
		b.Run("ours/"+filter, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f := frames[i%len(frames)]
				m.Match(f.data, f.wire)
			}
		})
		vm := newMachine(b, m.program)
		b.Run("x-net/"+filter, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				vm.match(b, frames[i%len(frames)].data)
			}
		})
	}
}

func BenchmarkParseAndCompile(b *testing.B) {
	for b.Loop() {
		matcherOf(b, "host 10.0.0.1 and not (tcp port 22 or udp port 53)", Ethernet)
	}
}

// TestMatchAllocates nothing, whatever the filter.
func TestMatchAllocates(t *testing.T) {
	m := matcherOf(t, "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420 or vlan 5", Ethernet)
	f := wholeFrames(Ethernet)[0]
	if n := testing.AllocsPerRun(100, func() { m.Match(f.data, f.wire) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
