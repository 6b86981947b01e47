package capturefile

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPcapng reads a file with all that there can be in one.
func TestPcapng(t *testing.T) {
	for name, order := range orders() {
		t.Run(name, func(t *testing.T) {
			other := orders()["little endian"]
			if order == other {
				other = orders()["big endian"]
			}
			f := (&ngFile{}).section(order, 1, 0, (&ngFile{order: order}).text(4, "Dumpcap (Wireshark) 4.0.17"))
			f.iface(1, 128,
				f.text(1, "a comment"), f.text(2, "eth0"), f.text(3, "uplink"), f.option(9, []byte{9}),
				f.text(11, "\x00port 53"), f.text(12, "Linux"), f.option(0, nil), f.text(2, "after the end"))
			f.iface(276, 0, f.text(2, "any\x1b[31m\u202e"), f.text(11, "\x01program"))
			f.block(0x80000001, []byte("of somebody's own"))
			f.block(10, f.u32s(0x544c534b, 9)).block(0xbad, []byte("custom")).block(4, make([]byte, 8)).block(9, []byte("journal"))
			f.enhanced(0, 1700000000_123456789, 60, strings.Repeat("a", 60), f.option(2, []byte{1, 0, 0, 0}), f.number(4, 3))
			f.enhanced(1, 1700000000_123456, 9000, strings.Repeat("b", 300)) // as the addenda have it: more than the snap length is well
			f.simple(1514, strings.Repeat("c", 128))                         // cut to the snap length
			f.simple(61, strings.Repeat("d", 61))
			f.obsolete(1, 5, 1700000000_000001, 2, "ee", f.text(1, "another"))
			f.obsolete(0, 0xffff, 2, 1, "f")
			f.enhanced(0, 3, 0, "")
			f.statistics(0, f.number(4, 1000), f.number(5, 10))
			f.statistics(0, f.number(4, 2000), f.number(5, 20), f.number(6, 1900), f.number(7, 4), f.number(8, 1890), f.u32s(4)) // the last holds
			f.section(other, 1, 2).iface(101, 0, f.text(2, "eth0"))
			f.enhanced(0, 1700000001_000000, 3, "ggg", f.number(4, 7), f.number(4, 8))
			f.section(order, 1, 0).iface(228, 0).iface(229, 0)
			f.enhanced(1, 1700000002_000000, 2, "hh")
			f.statistics(1, f.number(7, math.MaxUint64))

			r, got := readWell(t, f.b)
			want := []seen{
				{strings.Repeat("a", 60), 60, 60, 1700000000_123456789, true, Ethernet, 0},
				{strings.Repeat("b", 300), 300, 9000, 1700000000_123456000, true, LinuxSLL2, 1},
				{strings.Repeat("c", 128), 128, 1514, 0, false, Ethernet, 0},
				{strings.Repeat("d", 61), 61, 61, 0, false, Ethernet, 0},
				{"ee", 2, 2, 1700000000_000001000, true, LinuxSLL2, 1},
				{"f", 1, 1, 2, true, Ethernet, 0},
				{"", 0, 0, 3, true, Ethernet, 0},
				{"ggg", 3, 3, 1700000001_000000000, true, Raw, 2},
				{"hh", 2, 2, 1700000002_000000000, true, IPv6, 4},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			none := unknownStatistics()
			interfaces := []Interface{
				{
					Name: "eth0", Description: "uplink", Filter: "port 53", LinkType: Ethernet, SnapLength: 128, Resolution: 1, Packets: 5,
					Statistics: Statistics{2000, 20, 1900, 4, 1890, 3},
				},
				{Name: "any [31m", LinkType: LinuxSLL2, Resolution: 1000, Packets: 2, Statistics: Statistics{-1, -1, -1, -1, -1, 5}},
				{Name: "eth0", LinkType: Raw, Resolution: 1000, Packets: 1, Statistics: Statistics{-1, -1, -1, -1, -1, 7}},
				{LinkType: IPv4, Resolution: 1000, Statistics: none},
				{LinkType: IPv6, Resolution: 1000, Packets: 1, Statistics: Statistics{-1, -1, -1, math.MaxInt64, -1, -1}},
			}
			if diff := cmp.Diff(interfaces, r.Interfaces()); diff != "" {
				t.Error(diff)
			}
			if r.Format() != "pcapng 1.0" {
				t.Error(r.Format())
			}
		})
	}
}

// TestPcapngUnpadded has the lengths of blocks without the bytes that fill the last
// four, as some program has written them.
func TestPcapngUnpadded(t *testing.T) {
	f := newNg(binary.LittleEndian).iface(1, 0)
	start := len(f.b)
	f.enhanced(0, 1, 5, "hello")
	f.b[start+4], f.b[len(f.b)-4] = 37, 37 // 40 with them
	if _, got := readWell(t, f.enhanced(0, 2, 5, "again").b); len(got) != 2 || got[0].Data != "hello" || got[1].Data != "again" {
		t.Error(got)
	}
}

// TestPcapngLong has blocks that are longer than what is kept of a file.
func TestPcapngLong(t *testing.T) {
	long := strings.Repeat("x", MaxData)
	const usb = 189
	f := newNg(binary.BigEndian).iface(usb, 0).iface(1, 0).block(99, make([]byte, 5*bufferSize))
	f.enhanced(0, 1, 5*MaxData, strings.Repeat(long, 5)).simple(3*MaxData, strings.Repeat(long, 3)).obsolete(0, 7, 2, 4*MaxData, strings.Repeat(long, 4))
	f.enhanced(1, 3, 3, "end").statistics(0, make([]byte, bufferSize))
	f.enhanced(1, 4, MaxData, long, f.text(1, strings.Repeat("c", 60000)), f.number(4, 9))
	f.section(binary.LittleEndian, 1, 0, f.text(1, strings.Repeat("c", 60000))).iface(1, 0).enhanced(0, 5, 1, "!")
	r, got := readWell(t, f.b)
	want := []seen{
		{long, 5 * MaxData, 5 * MaxData, 1000, true, usb, 0},
		{long, 3 * MaxData, 3 * MaxData, 0, false, usb, 0},
		{long, 4 * MaxData, 4 * MaxData, 2000, true, usb, 0},
		{"end", 3, 3, 3000, true, Ethernet, 1},
		{long, MaxData, MaxData, 4000, true, Ethernet, 1},
		{"!", 1, 1, 5000, true, Ethernet, 2},
	}
	if !cmp.Equal(want, got) {
		t.Error("other packets")
	}
	if i := r.Interfaces(); i[0].Statistics.Between != 7 || i[1].Statistics.Between != 9 {
		t.Error(i)
	}
}

// TestClock compares with arithmetic that has no bounds.
func TestClock(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	count := func() uint64 { return random.Uint64() >> random.IntN(64) }
	nearly := big.NewInt(math.MaxInt64 - 3e9) // the last seconds are left out
	for resolution := range 256 {
		n := resolution & 0x7f
		units := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
		if resolution >= 0x80 {
			units.Lsh(big.NewInt(1), uint(n))
		}
		_, ok := newClock(byte(resolution), 0)
		if want := units.IsUint64(); ok != want {
			t.Errorf("resolution %#x: %v, want %v", resolution, ok, want)
		}
		if !ok {
			continue
		}
		for range 2000 {
			offset := int64(0)
			if random.IntN(2) == 0 {
				offset = int64(random.Uint64()) >> random.IntN(64)
			}
			c, _ := newClock(byte(resolution), offset)
			n := count()
			// floor(n · 10⁹ / units) + offset · 10⁹
			want := new(big.Int).Mul(new(big.Int).SetUint64(n), big.NewInt(1e9))
			want.Div(want, units).Add(want, new(big.Int).Mul(big.NewInt(offset), big.NewInt(1e9)))
			got, ok := c.time(n)
			switch {
			case ok && (!want.IsInt64() || want.Int64() != got):
				t.Fatalf("resolution %#x, offset %d, count %d: %d, want %v", resolution, offset, n, got, want)
			case !ok && got != 0:
				t.Fatalf("no time, and %d", got)
			case !ok && want.CmpAbs(nearly) < 0 && n/units.Uint64() < math.MaxInt64/1_000_000_000-1:
				t.Fatalf("resolution %#x, offset %d, count %d: no time, want %v", resolution, offset, n, want)
			}
		}
	}
}

// TestNames has names that are long, or in letters that are cut through.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		strings.Repeat("x", 64):        strings.Repeat("x", 64),
		strings.Repeat("x", 65):        strings.Repeat("x", 64),
		"a" + strings.Repeat("ü", 100): "a" + strings.Repeat("ü", 31),
		"\\Device\\NPF_{1}\x00":        "\\Device\\NPF_{1}",
		"\xff\xfe":                     "",
	} {
		f := newNg(binary.LittleEndian)
		r, _ := readWell(t, f.iface(1, 0, f.text(2, name)).b)
		if got := r.Interfaces()[0].Name; got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestUntimed has a time that nobody can mean: it is none, and not another one.
func TestUntimed(t *testing.T) {
	f := newNg(binary.LittleEndian).iface(1, 0).iface(1, 0, (&ngFile{order: binary.LittleEndian}).number(14, 1<<63))
	f.enhanced(0, math.MaxUint64, 1, "a").enhanced(1, 5, 1, "b").enhanced(0, 5, 1, "c")
	_, got := readWell(t, f.b)
	want := []seen{{"a", 1, 1, 0, false, 1, 0}, {"b", 1, 1, 0, false, 1, 1}, {"c", 1, 1, 5000, true, 1, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLost(t *testing.T) {
	for _, test := range []struct {
		name string
		s    Statistics
		want int64
	}{
		{"nothing is known", unknownStatistics(), -1},
		{"nothing was lost", Statistics{100, 0, -1, -1, -1, -1}, 0},
		{"by the interface", Statistics{100, 4, -1, -1, -1, -1}, 4},
		{"by the system", Statistics{100, -1, -1, 5, -1, -1}, 5},
		{"by both", Statistics{100, 4, -1, 5, -1, -1}, 9},
		{"noted beside packets, too", Statistics{100, 4, -1, 5, -1, 8}, 9},
		{"only noted beside packets", Statistics{-1, -1, -1, -1, -1, 8}, 8},
	} {
		if got := test.s.Lost(); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}
