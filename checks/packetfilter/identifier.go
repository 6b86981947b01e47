package packetfilter

import (
	"net/netip"
	"strconv"
	"strings"
)

// Numbers of protocols.
const (
	protocolICMP   = 1
	protocolIGMP   = 2
	protocolTCP    = 6
	protocolIGRP   = 9
	protocolUDP    = 17
	protocolPart   = 44 // IPv6: a fragment
	protocolESP    = 50
	protocolAH     = 51
	protocolICMPv6 = 58
	protocolPIM    = 103
	protocolVRRP   = 112
	protocolSCTP   = 132

	etherIPv4   = 0x0800
	etherARP    = 0x0806
	etherRARP   = 0x8035
	etherIPv6   = 0x86dd
	etherMPLS   = 0x8847
	etherPPPoED = 0x8863
	etherPPPoES = 0x8864
	llcSTP      = 0x42
	maxLength   = 1500 // an EtherType is above it, a length is not
)

// identifier reads an address, port or protocol, perhaps negated, or several in
// parentheses.
func (p *parser) identifier(q qualifiers) (expression, error) {
	t := p.peek()
	if !t.is("!", "(") {
		return p.resolve(q)
	}
	p.take()
	if err := p.deeper(t); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	left, err := p.identifier(q)
	if err != nil {
		return nil, err
	}
	if t.is("!") {
		return negation{left}, nil
	}
	for p.peek().is("and", "or") {
		operator := p.take().text
		right, err := p.identifier(q)
		if err != nil {
			return nil, err
		}
		left = logical{operator, left, right}
	}
	return left, p.close(t)
}

// resolve reads one address, port or protocol.
func (p *parser) resolve(q qualifiers) (expression, error) {
	t := p.take()
	switch q.kind {
	case "port", "portrange":
		return p.port(q, t)
	case "proto":
		return p.protocol(q, t)
	}
	return p.address(q, t)
}

func (p *parser) port(q qualifiers, t token) (expression, error) {
	e := portTest{direction: q.direction, ranged: q.kind == "portrange", at: t.offset}
	switch q.protocol {
	case "":
	case "tcp":
		e.protocol = protocolTCP
	case "udp":
		e.protocol = protocolUDP
	case "sctp":
		e.protocol = protocolSCTP
	default:
		return nil, p.fault(t, "only tcp, udp and sctp have ports, not %s", q.protocol)
	}
	only := uint32(0) // the protocol that a name stands for
	switch {
	case t.kind == tokenNumber:
		e.low, e.high = t.number, t.number
	case t.kind == tokenName && q.kind == "port":
		port, protocol, ok := service(t.text)
		if !ok {
			return nil, p.fault(t, "it is no known service: give the port's number%s", rangeHint(t.text))
		}
		e.low, e.high, only = port, port, protocol
	case t.kind == tokenName:
		low, high, isRange := strings.Cut(t.text, "-")
		first, firstProtocol, okFirst := portOf(low)
		last, lastProtocol, okLast := portOf(high)
		if !isRange || !okFirst || !okLast {
			return nil, p.fault(t, "a range of ports is written 8000-8100")
		}
		e.low, e.high = min(first, last), max(first, last)
		if firstProtocol == lastProtocol {
			only = firstProtocol
		}
	default:
		return nil, p.fault(t, "the number or name of a port stands here")
	}
	if e.high > 0xffff {
		return nil, p.fault(t, "a port is at most 65535")
	}
	if only != 0 && e.protocol != 0 && only != e.protocol {
		return nil, p.fault(t, "%s does not have this service", q.protocol)
	}
	if only != 0 {
		e.protocol = only
	}
	return e, nil
}

func rangeHint(text string) string {
	if strings.Trim(text, "0123456789-") == "" {
		return ", and a range of ports with portrange"
	}
	return ""
}

// portOf finds one end of a range of ports.
func portOf(text string) (port, protocol uint32, ok bool) {
	if digits(text) {
		value, err := strconv.ParseUint(text, 10, 31)
		return uint32(value), 0, err == nil
	}
	return service(text)
}

// protocol reads the number or name of a protocol of IP or Ethernet.
func (p *parser) protocol(q qualifiers, t token) (expression, error) {
	e := numberTest{q.protocol, t.number, t.offset}
	switch q.protocol {
	case "", "ip", "ip6", "ether":
	default:
		return nil, p.fault(t, "%s carries no protocol by number", q.protocol)
	}
	switch {
	case t.kind == tokenNumber:
	case t.kind == tokenName:
		known := protocolNumber
		if q.protocol == "ether" {
			known = etherType
		}
		number, ok := known(t.text)
		if !ok {
			if why := unsupported(t.text); why != "" {
				return nil, p.fault(t, "%s", why)
			}
			return nil, p.fault(t, "it is no known protocol: give its number")
		}
		e.number = number
	case t.kind == tokenKeyword && protocolWord(t.text):
		return nil, p.fault(t, `here it is written \%s`, t.text)
	default:
		return nil, p.fault(t, "the number or name of a protocol stands here")
	}
	switch {
	case q.protocol != "ether":
		if e.number > 0xff {
			return nil, p.fault(t, "the number of a protocol of IP is at most 255")
		}
	case e.number > 0xffff:
		return nil, p.fault(t, "the number of a protocol of Ethernet is at most 65535")
	default:
		switch e.number {
		case 0x06, 0xe0, 0xf0, 0xfe, 0x600, 0x6003, 0x809b, 0x80f3: // they have several forms each
			return nil, p.fault(t, "this protocol is not supported; compare bytes instead, as in ether[12:2] = 0x809b")
		}
	}
	return e, nil
}

// address reads an address or a network.
func (p *parser) address(q qualifiers, t token) (expression, error) {
	switch t.kind {
	case tokenMAC:
		if q.protocol != "ether" || q.kind == "net" {
			return nil, p.fault(t, "a hardware address follows ether host, ether src or ether dst")
		}
		return hardwareTest{q.direction, t.mac, t.offset}, nil
	case tokenIPv6:
		return p.ipv6(q, t)
	case tokenNumber, tokenDotted:
		return p.ipv4(q, t)
	case tokenName:
		return nil, p.fault(t, "a filter looks no names up: give the address")
	case tokenEnd, tokenKeyword:
	}
	return nil, p.fault(t, "an address stands here")
}

func (p *parser) ipv4(q qualifiers, t token) (expression, error) {
	e := ipv4Test{protocol: q.protocol, direction: q.direction, mask: 0xffffffff, at: t.offset}
	switch q.protocol {
	case "", "ip", "arp", "rarp":
	case "ether":
		return nil, p.fault(t, "ether is followed by a hardware address, as in 00:11:22:33:44:55")
	default:
		return nil, p.fault(t, "%s has no IPv4 addresses: they belong to ip, arp and rarp", q.protocol)
	}
	if t.kind == tokenNumber {
		if after := p.peek(); after.is("/", "mask") {
			return nil, p.fault(after, "a network with a mask has two to four numbers, as in 10.0/8")
		}
		e.address = t.number
		for q.kind == "net" && e.address != 0 && e.address>>24 == 0 {
			e.address <<= 8
			e.mask <<= 8
		}
		return e, nil
	}
	var ok bool
	if e.address, e.mask, ok = quad(t.text); !ok {
		return nil, p.fault(t, "each number of an IPv4 address is at most 255")
	}
	bits := p.peek()
	switch {
	case p.accept("/"):
		n := p.take()
		if n.kind != tokenNumber || n.number > 32 {
			return nil, p.fault(n, "the length of a network is 0 to 32")
		}
		e.mask = ^uint32(0) << (32 - n.number) // 0 for a length of 0
	case p.accept("mask"):
		m := p.take()
		mask, _, ok := quad(m.text)
		if m.kind != tokenDotted || !ok {
			return nil, p.fault(m, "a mask is written 255.255.0.0")
		}
		e.mask = mask
	default:
		return e, nil
	}
	if q.kind != "net" {
		return nil, p.fault(bits, "only net has a mask")
	}
	if e.address&^e.mask != 0 {
		return nil, p.fault(t, "the address has bits outside of its mask")
	}
	return e, nil
}

// quad reads one to four numbers; those left out are zero in the mask too.
func quad(text string) (address, mask uint32, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return 0, 0, false
	}
	for _, part := range parts {
		value, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return 0, 0, false
		}
		address = address<<8 | uint32(value)
	}
	missing := 32 - 8*len(parts)
	return address << missing, ^uint32(0) << missing, true
}

func (p *parser) ipv6(q qualifiers, t token) (expression, error) {
	if q.protocol != "" && q.protocol != "ip6" {
		return nil, p.fault(t, "%s has no IPv6 addresses", q.protocol)
	}
	address, err := netip.ParseAddr(t.text)
	if err != nil {
		return nil, p.fault(t, "it is no IPv6 address")
	}
	length := 128
	if slash := p.peek(); p.accept("/") {
		n := p.take()
		if n.kind != tokenNumber || n.number > 128 {
			return nil, p.fault(n, "the length of an IPv6 network is 0 to 128")
		}
		length = int(n.number)
		if q.kind != "net" && length != 128 {
			return nil, p.fault(slash, "only net has a mask")
		}
	}
	prefix := netip.PrefixFrom(address, length)
	if prefix.Masked() != prefix {
		return nil, p.fault(t, "the address has bits outside of its mask")
	}
	return ipv6Test{q.direction, prefix, t.offset}, nil
}
