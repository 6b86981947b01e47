package packetfilter

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// frame is a packet to be matched.
type frame struct {
	data []byte
	wire int
}

func u16(v int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func address(text string) []byte { return netip.MustParseAddr(text).AsSlice() }

func mac(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// ip4 is an IPv4 packet; fragment is its flags and offset.
func ip4(protocol, fragment int, from, to string, options int, payload []byte) []byte {
	return join([]byte{byte(0x45 + options), 0}, u16(20+4*options+len(payload)), u16(7), u16(fragment),
		[]byte{64, byte(protocol), 0, 0}, address(from), address(to), make([]byte, 4*options), payload)
}

func ip6(next int, from, to string, payload []byte) []byte {
	return join([]byte{0x60, 0, 0, 0}, u16(len(payload)), []byte{byte(next), 64}, address(from), address(to), payload)
}

func tcp(from, to, flags int) []byte {
	return join(u16(from), u16(to), u32(1000), u32(2000), []byte{0x50, byte(flags)}, u16(512), u16(0), u16(0), []byte("payload"))
}

func udp(from, to int) []byte { return join(u16(from), u16(to), u16(12), u16(0), []byte("data")) }

func icmp(kind, code int) []byte {
	return join([]byte{byte(kind), byte(code), 0, 0}, u32(0), []byte("ping"))
}

func arp(operation int, from, to string) []byte {
	return join(u16(1), u16(0x800), []byte{6, 4}, u16(operation), mac("00:11:22:33:44:55"), address(from), mac("00:00:00:00:00:00"), address(to))
}

// network is a packet without its link header, and the EtherType it has.
type network struct {
	etherType int
	data      []byte
}

const (
	hostA, hostB, hostC = "10.0.0.1", "192.168.1.20", "224.0.0.251"
	hostD, hostE        = "fe80::1", "2001:db8::53"
)

// networks are packets of every kind that filters tell apart.
func networks() []network {
	part6 := func(next, offset int, payload []byte) []byte {
		return join([]byte{byte(next), 0}, u16(offset), u32(9), payload)
	}
	return []network{
		{0x800, ip4(6, 0x4000, hostA, hostB, 0, tcp(40000, 80, 0x02))},
		{0x800, ip4(6, 0x4000, hostB, hostA, 0, tcp(80, 40000, 0x12))},
		{0x800, ip4(6, 0, hostA, hostB, 3, tcp(40000, 443, 0x18))},
		{0x800, ip4(6, 0, hostB, hostA, 10, tcp(443, 40000, 0x04))},
		{0x800, ip4(6, 0, "10.1.2.3", "172.16.0.9", 0, tcp(22, 51000, 0x11))},
		{0x800, ip4(17, 0, hostA, "8.8.8.8", 0, udp(53000, 53))},
		{0x800, ip4(17, 0, "8.8.8.8", hostA, 0, udp(53, 53000))},
		{0x800, ip4(17, 0, hostA, hostC, 0, udp(5353, 5353))},
		{0x800, ip4(17, 0x2000, hostA, hostB, 0, udp(53, 53))},
		{0x800, ip4(17, 0x00b9, hostA, hostB, 0, udp(53, 53))}, // looks like port 53, and is a later fragment
		{0x800, ip4(6, 0x20b9, hostA, hostB, 0, tcp(80, 80, 2))},
		{0x800, ip4(132, 0, hostA, hostB, 0, udp(80, 443))},
		{0x800, ip4(1, 0, hostA, hostB, 0, icmp(8, 0))},
		{0x800, ip4(1, 0, hostB, hostA, 2, icmp(3, 4))},
		{0x800, ip4(2, 0, hostA, hostC, 1, icmp(0x16, 0))},
		{0x800, ip4(47, 0, hostA, hostB, 0, u32(0x800))},
		{0x800, ip4(50, 0, hostA, hostB, 0, u32(1))},
		{0x800, ip4(51, 0, hostA, hostB, 0, u32(1))},
		{0x800, ip4(103, 0, hostA, hostC, 0, u32(1))},
		{0x800, ip4(112, 0, hostA, hostC, 0, u32(1))},
		{0x800, ip4(6, 0, hostA, "255.255.255.255", 0, nil)},
		{0x86dd, ip6(6, hostD, hostE, tcp(40000, 80, 0x02))},
		{0x86dd, ip6(17, hostE, hostD, udp(53, 40000))},
		{0x86dd, ip6(58, hostD, "ff02::1", icmp(135, 0))},
		{0x86dd, ip6(58, hostD, hostE, icmp(128, 0))},
		{0x86dd, ip6(58, hostD, hostE, icmp(2, 0))},
		{0x86dd, ip6(44, hostD, hostE, part6(6, 1, tcp(80, 80, 2)))},
		{0x86dd, ip6(44, hostD, hostE, part6(17, 0xb9, udp(53, 53)))},
		{0x86dd, ip6(44, hostD, hostE, part6(58, 0, icmp(128, 0)))},
		{0x86dd, ip6(0, hostD, "ff02::fb", join([]byte{17, 0, 1, 4, 0, 0, 0, 0}, udp(5353, 5353)))},
		{0x86dd, ip6(132, hostD, hostE, udp(80, 443))},
		{0x86dd, ip6(103, hostD, hostE, nil)},
		{0x806, arp(1, hostA, hostB)},
		{0x806, arp(2, hostB, hostA)},
		{0x8035, arp(3, hostA, hostA)},
		{0x8863, join([]byte{0x11, 0x09}, u16(0), u16(4), u32(0x01010000))},
		{0x88cc, []byte("a neighbour tells of itself")},
		{0x9000, []byte("loop")},
		{0x26, join([]byte{0x42, 0x42, 3}, make([]byte, 35))}, // a spanning tree
		{0x10, []byte{5, 5, 3, 0, 0}},
	}
}

// wrapped are the networks' packets behind everything that shifts them.
func wrapped() []network {
	plain := networks()
	all := slices.Clone(plain)
	ppp := map[int]int{0x800: 0x21, 0x86dd: 0x57}
	for i, n := range plain {
		for _, tags := range [][]int{{0x8100, 5}, {0x88a8, 0xa007, 0x8100, 5}, {0x9100, 100, 0x8100, 6, 0x8100, 7}} {
			data := join(u16(n.etherType), n.data)
			for j := len(tags) - 2; j >= 0; j -= 2 {
				data = join(u16(tags[j+1]), data)
				if j > 0 {
					data = join(u16(tags[j]), data)
				}
			}
			all = append(all, network{tags[0], data})
		}
		if ppp[n.etherType] == 0 {
			continue
		}
		label := func(l uint32, last uint32) []byte { return u32(l<<12 | last<<8 | 64) }
		all = append(all,
			network{0x8847, join(label(16, 1), n.data)},
			network{0x8847, join(label(17, 0), label(16, 1), n.data)},
			network{0x8100, join(u16(5), u16(0x8847), label(16, 1), n.data)},
			network{0x8864, join([]byte{0x11, 0}, u16(7+i%2), u16(len(n.data)+2), u16(ppp[n.etherType]), n.data)},
			network{0x8100, join(u16(5), u16(0x8864), []byte{0x11, 0}, u16(7), u16(len(n.data)+2), u16(ppp[n.etherType]), n.data)},
		)
	}
	return all
}

// linked puts a link header before a packet; nil when that type has none for it.
func linked(link LinkType, n network, i int) []byte {
	family := map[int]uint32{0x800: 2, 0x86dd: 10}
	ppp := map[int]int{0x800: 0x21, 0x86dd: 0x57, 0x26: 0x31, 0x8847: 0x281}
	switch link {
	case Ethernet:
		to := []string{"00:11:22:33:44:55", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:fb", "66:77:88:99:aa:bb"}
		return join(mac(to[i%4]), mac([]string{"66:77:88:99:aa:bb", "00:11:22:33:44:55"}[i/4%2]), u16(n.etherType), n.data)
	case Null:
		return join(binary.LittleEndian.AppendUint32(nil, family[n.etherType]), n.data)
	case Loop, NullBigEndian:
		return join(u32(family[n.etherType]), n.data)
	case Raw, IPv4, IPv6:
		return n.data
	case PPP:
		kind := ppp[n.etherType]
		if kind == 0 {
			kind = n.etherType
		}
		return join([]byte{0xff, 3}, u16(kind), n.data)
	case LinuxSLL:
		kind := n.etherType
		if kind <= 1500 {
			kind = 4
		}
		return join(u16(i%5), u16(1), u16(6), mac("00:11:22:33:44:55"), u16(0), u16(kind), n.data)
	case LinuxSLL2:
		return join(u16(n.etherType), u16(0), u32(3), u16(1), []byte{byte(i % 5), 6}, mac("00:11:22:33:44:55"), u16(0), n.data)
	}
	return nil
}

// wholeFrames are packets of a link type as they are on the wire.
func wholeFrames(link LinkType) []frame {
	var all []frame
	for i, n := range wrapped() {
		data := linked(link, n, i)
		all = append(all, frame{data, len(data)})
	}
	return all
}

// brokenFrames are packets that were cut off at every length, and ones with
// random bytes in them. They are the same each time.
func brokenFrames(link LinkType) []frame {
	var all []frame
	random := rand.New(rand.NewPCG(1, uint64(link)))
	for i, f := range wholeFrames(link) {
		if i%3 == 0 {
			for n := range f.data {
				all = append(all, frame{f.data[:n], len(f.data)})
			}
		}
		for range 3 {
			mutated := slices.Clone(f.data)
			for range 1 + random.IntN(4) {
				mutated[random.IntN(len(mutated))] = byte(random.Uint32())
			}
			all = append(all, frame{mutated, len(mutated)})
		}
	}
	for range 200 {
		data := make([]byte, random.IntN(100))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		all = append(all, frame{data, len(data)})
	}
	return all
}

// links are the types that packets are made for.
func links() []LinkType {
	return []LinkType{Ethernet, LinuxSLL, LinuxSLL2, Raw, IPv4, IPv6, Null, NullBigEndian, Loop, PPP}
}

// capture is a file of $GUMSHOE_FIXTURES/captures.
type capture struct {
	path   string
	link   LinkType
	frames []frame
}

// captures reads the fixtures, if there are any.
func captures(t testing.TB) []capture {
	t.Helper()
	folder := os.Getenv("GUMSHOE_FIXTURES")
	if folder == "" {
		t.Skip("GUMSHOE_FIXTURES is not set")
	}
	paths, err := filepath.Glob(filepath.Join(folder, "captures", "*.pcap*"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d captures, %v", len(paths), err)
	}
	var all []capture
	for _, path := range paths {
		all = append(all, readCapture(t, path))
	}
	return all
}

func readCapture(t testing.TB, path string) capture {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if filepath.Ext(path) == ".gz" {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	data, err := io.ReadAll(r)
	if err != nil || len(data) < 24 {
		t.Fatalf("%s: %d bytes, %v", path, len(data), err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if data[0] == 0xa1 {
		order = binary.BigEndian
	}
	if magic := order.Uint32(data); magic != 0xa1b2c3d4 && magic != 0xa1b23c4d {
		t.Fatalf("%s: it is no pcap file", path)
	}
	c := capture{path: path, link: LinkType(order.Uint32(data[20:]))}
	for at := 24; at+16 <= len(data); {
		n := int(order.Uint32(data[at+8:]))
		c.frames = append(c.frames, frame{data[at+16 : at+16+n], int(order.Uint32(data[at+12:]))})
		at += 16 + n
	}
	return c
}
