package capturefile

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func orders() map[string]byteOrder {
	return map[string]byteOrder{"little endian": binary.LittleEndian, "big endian": binary.BigEndian}
}

// TestPcapVariants makes a file of each variant, and reads the same packets from all.
func TestPcapVariants(t *testing.T) {
	const seconds = 1700000000
	for _, test := range []struct {
		name  string
		magic uint32
		minor uint16
		link  uint32
		size  []uint32 // after the header of the file
		// record makes the header of a record.
		record func(nanoseconds, captured, wire uint32) []uint32
		coarse bool // its times are in microseconds

		format   string
		linkType LinkType
	}{
		{
			name: "microseconds", magic: 0xa1b2c3d4, minor: 4, link: 1, coarse: true, format: "pcap 2.4", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, c, w} },
		},
		{
			name: "nanoseconds", magic: 0xa1b23c4d, minor: 4, link: 101, format: "pcap 2.4, nanoseconds", linkType: Raw,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n, c, w} },
		},
		{
			name: "version 2.0, whose lengths are swapped", magic: 0xa1b2c3d4, minor: 0, link: 1, coarse: true, format: "pcap 2.0", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, w, c} },
		},
		{
			name: "version 2.1", magic: 0xa1b2c3d4, minor: 1, link: 1, coarse: true, format: "pcap 2.1", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, w, c} },
		},
		{
			name: "version 2.2", magic: 0xa1b2c3d4, minor: 2, link: 1, coarse: true, format: "pcap 2.2", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, w, c} },
		},
		{
			name: "version 2.3 as it should be", magic: 0xa1b2c3d4, minor: 3, link: 1, coarse: true, format: "pcap 2.3", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, c, w} },
		},
		{
			name: "version 2.3 with swapped lengths", magic: 0xa1b2c3d4, minor: 3, link: 1, coarse: true, format: "pcap 2.3", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, w, c} },
		},
		{
			name: "Kuznetzov's patch", magic: 0xa1b2cd34, minor: 4, link: 1, coarse: true, format: "pcap 2.4, modified", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, c, w, 3, 0x0800} },
		},
		{
			name: "Kuznetzov's patch of SuSE", magic: 0xa1b2cd34, minor: 4, link: 1, coarse: true, format: "pcap 2.4, modified", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, c, w, 3, 0x0800, 0xffffffff} },
		},
		{
			name: "Kuznetzov's patch of Red Hat 6.1", magic: 0xa1b2c3d4, minor: 4, link: 1, coarse: true, format: "pcap 2.4, modified", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, c, w, 3, 0x0800} },
		},
		{
			name: "Nokia", magic: 0xa1b2c3d4, minor: 4, link: 1, coarse: true, format: "pcap 2.4, Nokia", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, c, w, 0x9fbfb601} },
		},
		{
			name: "Ixia hardware", magic: 0x1c0001ac, minor: 4, link: 1, size: []uint32{400}, format: "pcap 2.4, Ixia hardware", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n, c, w} },
		},
		{
			name: "Ixia software", magic: 0x1c0001ab, minor: 4, link: 1, size: []uint32{400}, coarse: true, format: "pcap 2.4, Ixia software", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, c, w} },
		},
		{
			name: "AIX", magic: 0xa1b2c3d4, minor: 2, link: 6, format: "pcap 2.2, AIX", linkType: Ethernet,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n, w, c} },
		},
		{
			name: "AIX, loopback", magic: 0xa1b2c3d4, minor: 2, link: 24, format: "pcap 2.2, AIX", linkType: Null,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n, w, c} },
		},
		{
			name: "AIX, Token Ring", magic: 0xa1b2c3d4, minor: 2, link: 9, format: "pcap 2.2, AIX", linkType: TokenRing,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n, w, c} },
		},
		{
			name: "with a frame check sequence", magic: 0xa1b2c3d4, minor: 4, link: 2<<28 | 1<<26 | 113, coarse: true, format: "pcap 2.4", linkType: LinuxSLL,
			record: func(n, c, w uint32) []uint32 { return []uint32{seconds, n / 1000, c, w} },
		},
	} {
		for name, order := range orders() {
			t.Run(test.name+", "+name, func(t *testing.T) {
				f := newPcap(order, test.magic, 2, test.minor, 96, test.link).u32(test.size...)
				var want []seen
				for i, p := range []struct {
					data string
					wire uint32
				}{
					{strings.Repeat("a", 60), 60},
					{strings.Repeat("b", 96), 1514},
					{"", 0},
					{strings.Repeat("c", 200), 9000}, // more than the snap length
					{strings.Repeat("d", 61), 61},
				} {
					nanoseconds := uint32(123456789 + i*1000001)
					f.record(p.data, test.record(nanoseconds, uint32(len(p.data)), p.wire)...)
					if test.coarse {
						nanoseconds -= nanoseconds % 1000
					}
					want = append(want, seen{
						p.data, len(p.data), int(p.wire), seconds*1e9 + int64(nanoseconds), true, test.linkType, 0,
					})
				}
				r, got := readWell(t, f.b)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				if r.Format() != test.format || r.Packing() != "none" || r.Packets() != 5 {
					t.Errorf("format %q, packing %q, %d packets", r.Format(), r.Packing(), r.Packets())
				}
				i := Interface{LinkType: test.linkType, SnapLength: 96, Resolution: 1, Packets: 5, Statistics: unknownStatistics()}
				if test.coarse {
					i.Resolution = 1000
				}
				if diff := cmp.Diff([]Interface{i}, r.Interfaces()); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestPcapDGUX(t *testing.T) {
	f := newPcap(binary.BigEndian, 0xa1b2c3d4, 543, 0, 96, 1).record("abc", 1, 2, 1500, 3)
	r, got := readWell(t, f.b)
	if len(got) != 1 || got[0].Data != "abc" || got[0].WireLength != 1500 || r.Format() != "pcap 543.0" {
		t.Error(r.Format(), got)
	}
}

// TestPcapDamagedEarly is no variant: the damage is in its second packet.
func TestPcapDamagedEarly(t *testing.T) {
	f := newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1).packets(strings.Repeat("one", 20))
	f.u32(0, 0, 0xffffffff, 1, 2, 3).packets("three", "four")
	wantDamage(t, f.b, Damaged, 1, "a packet of 4294967295 bytes")
}

// TestPcapOdd has records with one thing in them that cannot be right, as programs
// have written them: they are packets all the same.
func TestPcapOdd(t *testing.T) {
	for _, test := range []struct {
		name          string
		header        [4]uint32
		time          int64
		captured, len int
	}{
		{"more was captured than there was", [4]uint32{1700000000, 5, 4, 2}, 1700000000e9 + 5e3, 4, 2},
		{"it had no bytes on the wire", [4]uint32{1700000000, 5, 4, 0}, 1700000000e9 + 5e3, 4, 0},
		{"a fraction of more than a second", [4]uint32{1700000000, 2500000, 4, 4}, 1700000002_500000000, 4, 4},
		{"all of a fraction", [4]uint32{1700000000, 0xffffffff, 4, 4}, 1700000000e9 + 0xffffffff*1000, 4, 4},
		{"in 1970", [4]uint32{0, 0, 4, 4}, 0, 4, 4},
		{"in 2106", [4]uint32{0xffffffff, 999999, 4, 4}, 0xffffffff*1e9 + 999999000, 4, 4},
		{"nothing, at a time", [4]uint32{0, 1, 0, 0}, 1000, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1).packets("first")
			f.record("data"[:test.captured], test.header[:]...)
			_, got := readWell(t, f.packets("last").b)
			want := seen{"data"[:test.captured], test.captured, test.len, test.time, true, Ethernet, 0}
			if len(got) != 3 {
				t.Fatal(got)
			}
			if diff := cmp.Diff(want, got[1]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPcapLongest has packets as long as they can be: in a network 256 KiB, over
// USB 128 MiB, of which the beginning is given.
func TestPcapLongest(t *testing.T) {
	long := strings.Repeat("x", MaxData)
	f := newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1).packets("first", long, "last")
	if _, got := readWell(t, f.b); len(got) != 3 || got[1].Data != long || got[2].Data != "last" {
		t.Error(len(got))
	}
	f = newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1).packets("first", long+"y", "last")
	wantDamage(t, f.b, Damaged, 1, "a packet of 262145 bytes, where the longest possible has 262144")

	f = newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 189).packets("first", strings.Repeat(long, 9)+"z", "last")
	_, got := readWell(t, f.b)
	if len(got) != 3 || got[1].Data != long || got[1].Captured != 9*MaxData+1 || got[1].WireLength != 9*MaxData+1 || got[2].Data != "last" {
		t.Error(len(got))
	}
	wantDamage(t, f.b[:len(f.b)-30], Cut, 2, "the file ends in the middle of what follows packet 2")
}

// wantDamage reads a file up to where it is damaged.
func wantDamage(t testing.TB, file []byte, kind Kind, packets int, reason string) {
	t.Helper()
	r, got, err := readAll(t, file)
	wantDamageError(t, r, err, kind, len(got), packets, reason)
}
