package packetfilter

import (
	"encoding/binary"
	"strings"
)

// generator turns a filter into conditions over the bytes of one link type. It
// goes through the filter from left to right: vlan, mpls and pppoes shift where
// it looks from there on, whatever they are combined by.
type generator struct {
	text       string
	link       LinkType
	start      uint32 // of the link header
	typeOffset uint32 // of the protocol's number
	payload    uint32 // of what follows the link header
	labels     uint32 // of MPLS that were passed
	tags       int    // of VLANs that were passed
	inMetadata bool   // the outermost VLAN tag is not in the frame: the kernel took it off
	live       bool   // for the kernel
	usesTag    bool   // the filter asks for the outermost tag
}

// network is the offset of the header of IP.
func (g *generator) network() uint32 { return g.payload + 4*g.labels }

func (g *generator) fault(at int, reason string) *Error {
	end := at
	for end < len(g.text) && strings.IndexByte(" \r\n\t()[]!=<>&|", g.text[end]) < 0 {
		end++
	}
	if end == at && at < len(g.text) { // it is one of these itself
		end++
	}
	return faultAt(g.text, at, g.text[at:end], reason)
}

// at is bytes behind the link header, or behind the labels of MPLS.
func (g *generator) at(offset, size uint32) load {
	return load{size: size, offset: g.network() + offset}
}

func (e logical) generate(g *generator) (condition, error) {
	left, err := e.left.generate(g)
	if err != nil {
		return nil, err
	}
	right, err := e.right.generate(g)
	if err != nil {
		return nil, err
	}
	if e.operator == "and" {
		return both(left, right), nil
	}
	return either(left, right), nil
}

func (e negation) generate(g *generator) (condition, error) {
	c, err := e.of.generate(g)
	return inverse{c}, err
}

func (e protocolTest) generate(g *generator) (condition, error) {
	switch e.protocol {
	case "ip":
		return g.etherType(etherIPv4, e.at)
	case "ip6":
		return g.etherType(etherIPv6, e.at)
	case "arp":
		return g.etherType(etherARP, e.at)
	case "rarp":
		return g.etherType(etherRARP, e.at)
	case "stp":
		return g.etherType(llcSTP, e.at)
	case "icmp":
		return g.ipv4Protocol(protocolICMP, e.at)
	case "igmp":
		return g.ipv4Protocol(protocolIGMP, e.at)
	case "igrp":
		return g.ipv4Protocol(protocolIGRP, e.at)
	case "vrrp", "carp":
		return g.ipv4Protocol(protocolVRRP, e.at)
	case "icmp6":
		return g.ipv6Protocol(protocolICMPv6, e.at)
	case "tcp":
		return g.ipProtocol(protocolTCP, e.at)
	case "udp":
		return g.ipProtocol(protocolUDP, e.at)
	case "sctp":
		return g.ipProtocol(protocolSCTP, e.at)
	case "pim":
		return g.ipProtocol(protocolPIM, e.at)
	case "ah":
		return g.ipProtocol(protocolAH, e.at)
	case "esp":
		return g.ipProtocol(protocolESP, e.at)
	}
	return nil, g.fault(e.at, "it is no condition by itself")
}

func (e numberTest) generate(g *generator) (condition, error) {
	switch e.protocol {
	case "ip":
		return g.ipv4Protocol(e.number, e.at)
	case "ip6":
		return g.ipv6Protocol(e.number, e.at)
	case "ether":
		return g.etherType(e.number, e.at)
	}
	return g.ipProtocol(e.number, e.at)
}

func (g *generator) ipv4Protocol(number uint32, at int) (condition, error) {
	isIP, err := g.etherType(etherIPv4, at)
	return both(isIP, equal(g.at(9, 1), number)), err
}

// ipv6Protocol looks at the header of IPv6, and of its extensions only at that
// of a fragment, and there only when it comes first.
func (g *generator) ipv6Protocol(number uint32, at int) (condition, error) {
	isIP, err := g.etherType(etherIPv6, at)
	return both(isIP, either(equal(g.at(6, 1), number),
		both(equal(g.at(6, 1), protocolPart), equal(g.at(40, 1), number)))), err
}

func (g *generator) ipProtocol(number uint32, at int) (condition, error) {
	v4, err := g.ipv4Protocol(number, at)
	if err != nil {
		return nil, err
	}
	v6, err := g.ipv6Protocol(number, at)
	return either(v4, v6), err
}

// directed makes the condition for a direction of one for the source and one for
// the destination.
func directed(d direction, ofSource, ofTarget condition) condition {
	switch d {
	case eitherWay:
	case source:
		return ofSource
	case target:
		return ofTarget
	case bothWays:
		return both(ofSource, ofTarget)
	}
	return either(ofSource, ofTarget)
}

func (e ipv4Test) generate(g *generator) (condition, error) {
	var all condition
	for _, place := range [...]struct {
		protocol       string
		number         uint32
		source, target uint32
	}{
		{"ip", etherIPv4, 12, 16},
		{"arp", etherARP, 14, 24},
		{"rarp", etherRARP, 14, 24},
	} {
		if e.protocol != place.protocol && (e.protocol != "" || g.labels > 0 && place.protocol != "ip") {
			continue
		}
		isType, err := g.etherType(place.number, e.at)
		if err != nil {
			return nil, err
		}
		ofSource, ofTarget := g.at(place.source, 4), g.at(place.target, 4)
		one := directed(e.direction,
			both(isType, masked(ofSource, e.address, e.mask)), both(isType, masked(ofTarget, e.address, e.mask)))
		if all == nil {
			all = one
		} else {
			all = either(all, one)
		}
	}
	return all, nil
}

// masked is that the bits of a mask are those of a value. Without any bit there
// is nothing to be looked at, and nothing that a short packet could lack.
func masked(l load, value, mask uint32) condition {
	switch mask {
	case 0:
		return decided(true)
	case 0xffffffff:
		return equal(l, value)
	}
	bits := l
	bits.mask = mask
	if value == 0 {
		return inverse{test{load: l, operator: anyBit, value: mask, first: bits}}
	}
	return equal(bits, value)
}

func (e ipv6Test) generate(g *generator) (condition, error) {
	isIP, err := g.etherType(etherIPv6, e.at)
	if err != nil {
		return nil, err
	}
	address := e.prefix.Addr().As16()
	matches := func(offset uint32) condition {
		c := isIP
		for i := range 4 {
			bits := min(max(e.prefix.Bits()-32*i, 0), 32)
			c = both(c, masked(g.at(offset+uint32(4*i), 4), binary.BigEndian.Uint32(address[4*i:]), ^uint32(0)<<(32-bits)))
		}
		return c
	}
	return directed(e.direction, matches(8), matches(24)), nil
}

func (e hardwareTest) generate(g *generator) (condition, error) {
	if g.link != Ethernet {
		return nil, g.fault(e.at, "packets of "+g.link.String()+" have no hardware addresses to be compared")
	}
	return directed(e.direction, g.hardware(6, e.address), g.hardware(0, e.address)), nil
}

func (g *generator) hardware(offset uint32, address [6]byte) condition {
	return both(equal(load{size: 4, offset: g.start + offset + 2}, binary.BigEndian.Uint32(address[2:])),
		equal(load{size: 2, offset: g.start + offset}, uint32(binary.BigEndian.Uint16(address[:]))))
}

func (e portTest) generate(g *generator) (condition, error) {
	v6, err := g.etherType(etherIPv6, e.at)
	if err != nil {
		return nil, err
	}
	v4, err := g.etherType(etherIPv4, e.at)
	if err != nil {
		return nil, err
	}
	behind := func(offset uint32) load {
		return load{mode: behindIPv4, size: 2, base: g.network(), offset: g.network() + offset}
	}
	whole := inverse{test{load: g.at(6, 2), operator: anyBit, value: 0x1fff}} // or the first fragment
	of6 := func(protocol uint32) condition {
		return both(equal(g.at(6, 1), protocol), directed(e.direction, e.within(g.at(40, 2)), e.within(g.at(42, 2))))
	}
	of4 := func(protocol uint32) condition {
		return both(equal(g.at(9, 1), protocol), both(whole, directed(e.direction, e.within(behind(0)), e.within(behind(2)))))
	}
	each := func(of func(uint32) condition) condition {
		if e.protocol != 0 {
			return of(e.protocol)
		}
		return either(of(protocolSCTP), either(of(protocolTCP), of(protocolUDP)))
	}
	return either(both(v6, each(of6)), both(v4, each(of4))), nil
}

// within is that a port is the one, or in the range.
func (e portTest) within(l load) condition {
	if !e.ranged {
		return equal(l, e.low)
	}
	return both(test{load: l, operator: atLeast, value: e.low}, inverse{test{load: l, operator: greater, value: e.high}})
}

func (e castTest) generate(g *generator) (condition, error) {
	switch {
	case e.protocol == "ip":
		isIP, err := g.etherType(etherIPv4, e.at)
		return both(isIP, test{load: g.at(16, 1), operator: atLeast, value: 224}), err
	case e.protocol == "ip6":
		isIP, err := g.etherType(etherIPv6, e.at)
		return both(isIP, equal(g.at(24, 1), 255)), err
	case g.link != Ethernet:
		return nil, g.fault(e.at, "packets of "+g.link.String()+" have no hardware addresses to be compared")
	case e.broadcast:
		return g.hardware(0, [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), nil
	}
	return test{load: load{size: 1, offset: g.start}, operator: anyBit, value: 1}, nil
}

func (e lengthTest) generate(*generator) (condition, error) {
	l := load{mode: wireLength}
	if e.greater {
		return test{load: l, operator: atLeast, value: e.length}, nil
	}
	return inverse{test{load: l, operator: greater, value: e.length}}, nil
}
