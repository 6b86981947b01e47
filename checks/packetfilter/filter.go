package packetfilter

import (
	"fmt"
	"net/netip"
	"strings"
)

// Filter is a parsed filter. It is immutable: several goroutines may compile it.
type Filter struct {
	text string
	root expression // nil matches every packet
}

// String writes the filter out in full: with every inherited qualifier repeated
// and every name replaced by its number. It parses to the same filter.
func (f *Filter) String() string {
	if f.root == nil {
		return ""
	}
	return f.root.String()
}

// expression is a node of a filter: something that is true of a packet or not.
type expression interface {
	fmt.Stringer
	generate(g *generator) (condition, error)
}

// direction is which address or port of a packet is meant.
type direction string

const (
	eitherWay direction = ""
	source    direction = "src"
	target    direction = "dst"
	bothWays  direction = "src and dst"
)

type (
	// logical joins two expressions. What the left one says about the headers that
	// are in front, such as vlan, holds for the right one.
	logical struct {
		operator    string // and, or
		left, right expression
	}
	negation struct{ of expression }

	// protocolTest is a protocol that stands alone, such as tcp.
	protocolTest struct {
		protocol string
		at       int
	}
	// numberTest is ether, ip or ip6 proto NUMBER; with no protocol, of both IPs.
	numberTest struct {
		protocol string
		number   uint32
		at       int
	}
	// ipv4Test is host and net for IPv4, ARP and RARP; with no protocol all three.
	ipv4Test struct {
		protocol      string
		direction     direction
		address, mask uint32
		at            int
	}
	ipv6Test struct {
		direction direction
		prefix    netip.Prefix
		at        int
	}
	hardwareTest struct {
		direction direction
		address   [6]byte
		at        int
	}
	// portTest is port and portrange; with protocol 0 that of TCP, UDP or SCTP.
	portTest struct {
		protocol  uint32
		direction direction
		low, high uint32
		ranged    bool // portrange, even of one port
		at        int
	}
	// castTest is broadcast and multicast.
	castTest struct {
		protocol  string
		broadcast bool
		at        int
	}
	lengthTest struct {
		greater bool
		length  uint32
	}
	// encapsulation is vlan, mpls, pppoed and pppoes.
	encapsulation struct {
		kind   string
		number uint32
		given  bool
		at     int
	}
	relation struct {
		operator    string
		left, right arithmetic
		reckoned    bool // numbers in it were reckoned at once
	}
)

// arithmetic is a node of an arithmetic expression.
type arithmetic interface {
	fmt.Stringer
}

type (
	number      uint32
	length      struct{}
	negated     struct{ of arithmetic }
	calculation struct {
		operator    string
		left, right arithmetic
		at          int // of the right operand
	}
	// packetBytes are bytes of the packet: protocol[index:size].
	packetBytes struct {
		protocol string
		index    arithmetic
		size     uint32
		at       int
	}
)

func (e logical) String() string {
	return "(" + e.left.String() + ") " + e.operator + " (" + e.right.String() + ")"
}

func (e negation) String() string { return "not (" + e.of.String() + ")" }

func (e protocolTest) String() string { return e.protocol }

func (e numberTest) String() string {
	return words(e.protocol, "proto", fmt.Sprint(e.number))
}

func (e ipv4Test) String() string {
	return words(e.protocol, string(e.direction), "net", dotted(e.address), "mask", dotted(e.mask))
}

func (e ipv6Test) String() string {
	return words("ip6", string(e.direction), "net", ipv6Text(e.prefix.Addr())+fmt.Sprintf("/%d", e.prefix.Bits()))
}

func (e hardwareTest) String() string {
	return words("ether", string(e.direction), "host", fmt.Sprintf("%x:%x:%x:%x:%x:%x",
		e.address[0], e.address[1], e.address[2], e.address[3], e.address[4], e.address[5]))
}

func (e portTest) String() string {
	protocol := map[uint32]string{protocolTCP: "tcp", protocolUDP: "udp", protocolSCTP: "sctp"}[e.protocol]
	if !e.ranged {
		return words(protocol, string(e.direction), "port", fmt.Sprint(e.low))
	}
	return words(protocol, string(e.direction), "portrange", fmt.Sprintf("%d-%d", e.low, e.high))
}

func (e castTest) String() string {
	if e.broadcast {
		return words(e.protocol, "broadcast")
	}
	return words(e.protocol, "multicast")
}

func (e lengthTest) String() string {
	if e.greater {
		return fmt.Sprintf("greater %d", e.length)
	}
	return fmt.Sprintf("less %d", e.length)
}

func (e encapsulation) String() string {
	if e.given {
		return fmt.Sprintf("%s %d", e.kind, e.number)
	}
	return e.kind
}

func (e relation) String() string {
	left := e.left.String()
	if _, ok := e.left.(number); ok && e.reckoned {
		left += " + 0" // which is reckoned too
	}
	return left + " " + e.operator + " " + e.right.String()
}

func (n number) String() string  { return fmt.Sprint(uint32(n)) }
func (length) String() string    { return "len" }
func (n negated) String() string { return "- (" + n.of.String() + ")" }

func (b calculation) String() string {
	return "(" + b.left.String() + ") " + b.operator + " (" + b.right.String() + ")"
}

func (p packetBytes) String() string {
	return fmt.Sprintf("%s[%s : %d]", p.protocol, p.index, p.size)
}

// words joins what is not empty.
func words(parts ...string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

func dotted(address uint32) string {
	return netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}).String()
}

// ipv6Text writes all eight groups, as not every short form is one to tcpdump.
func ipv6Text(a netip.Addr) string {
	b := a.As16()
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = fmt.Sprintf("%x", uint(b[2*i])<<8|uint(b[2*i+1]))
	}
	return strings.Join(groups, ":")
}
