package packetfilter

import "fmt"

// LinkType is what a packet begins with, by the number that capture files use.
type LinkType int

// Link types that filters are compiled for.
const (
	Null      LinkType = 0 // BSD loopback; the family is in the byte order of the capturing machine, taken as little-endian
	Ethernet  LinkType = 1
	PPP       LinkType = 9 // with its address and control bytes
	Raw       LinkType = 101
	Loop      LinkType = 108 // OpenBSD loopback
	LinuxSLL  LinkType = 113 // Linux "any", first form
	IPv4      LinkType = 228
	IPv6      LinkType = 229
	LinuxSLL2 LinkType = 276 // Linux "any", second form

	// NullBigEndian is Null of a capture file that a big-endian machine wrote. No
	// file has this number.
	NullBigEndian LinkType = 1 << 16
)

// String is the name tcpdump has for a link type.
func (l LinkType) String() string {
	switch l {
	case Null, NullBigEndian:
		return "NULL"
	case Ethernet:
		return "EN10MB"
	case PPP:
		return "PPP"
	case Raw:
		return "RAW"
	case Loop:
		return "LOOP"
	case LinuxSLL:
		return "LINUX_SLL"
	case IPv4:
		return "IPV4"
	case IPv6:
		return "IPV6"
	case LinuxSLL2:
		return "LINUX_SLL2"
	}
	return fmt.Sprintf("link type %d", int(l))
}

// newGenerator says where the headers of a link type are.
func newGenerator(text string, link LinkType) (*generator, error) {
	g := &generator{text: text, link: link}
	switch link {
	case Null, NullBigEndian, Loop:
		g.payload = 4
	case Ethernet:
		g.typeOffset, g.payload = 12, 14
	case PPP:
		g.typeOffset, g.payload = 2, 4
	case LinuxSLL:
		g.typeOffset, g.payload = 14, 16
	case LinuxSLL2:
		g.payload = 20
	case Raw, IPv4, IPv6:
	default:
		return nil, fmt.Errorf("no filter can be compiled for %s: only for NULL, EN10MB, PPP, RAW, LOOP, LINUX_SLL, LINUX_SLL2, IPV4 and IPV6", link)
	}
	return g, nil
}

// etherType is that the packet is of a protocol, by its number in Ethernet.
func (g *generator) etherType(number uint32, at int) (condition, error) {
	if g.labels > 0 {
		return g.labelled(number, at)
	}
	isType := func(value uint32) condition { return equal(load{size: 2, offset: g.typeOffset}, value) }
	switch g.link {
	case Ethernet:
		if number <= maxLength {
			return both(inverse{test{load: load{size: 2, offset: g.typeOffset}, operator: greater, value: maxLength}},
				equal(load{size: 1, offset: g.payload}, number)), nil
		}
	case LinuxSLL:
		if number <= maxLength { // 4 is a frame with 802.2
			return both(isType(4), equal(load{size: 1, offset: g.payload}, number)), nil
		}
	case PPP:
		switch number {
		case etherIPv4:
			return isType(0x21), nil
		case etherIPv6:
			return isType(0x57), nil
		case llcSTP:
			return isType(0x31), nil
		}
	case Null, NullBigEndian, Loop:
		return g.family(number), nil
	case Raw:
		switch number {
		case etherIPv4:
			return equal(load{size: 1, mask: 0xf0}, 0x40), nil
		case etherIPv6:
			return equal(load{size: 1, mask: 0xf0}, 0x60), nil
		}
		return decided(false), nil
	case IPv4:
		return decided(number == etherIPv4), nil
	case IPv6:
		return decided(number == etherIPv6), nil
	case LinuxSLL2:
	}
	return isType(number), nil
}

// family is the test of loopback packets: they have Linux's number of the
// family, as libpcap on Linux reads them.
func (g *generator) family(number uint32) condition {
	var family uint32
	switch number {
	case etherIPv4:
		family = 2
	case etherIPv6:
		family = 10
	default:
		return decided(false)
	}
	if g.link == Null {
		family <<= 24
	}
	return equal(load{size: 4}, family)
}

// labelled is that a protocol is below the last label of MPLS.
func (g *generator) labelled(number uint32, at int) (condition, error) {
	last := equal(load{size: 1, offset: g.network() - 2, mask: 0x01}, 0x01)
	version := load{size: 1, offset: g.network(), mask: 0xf0}
	switch number {
	case etherIPv4:
		return both(last, equal(version, 0x40)), nil
	case etherIPv6:
		return both(last, equal(version, 0x60)), nil
	}
	return nil, g.fault(at, "below mpls only IPv4 and IPv6 are told apart")
}
