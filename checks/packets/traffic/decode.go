package traffic

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// maxDepth bounds how many headers a packet may have inside each other.
const maxDepth = 16

// Link types of captures (https://www.tcpdump.org/linktypes.html).
const (
	linkNull     = 0
	linkEthernet = 1
	linkPPP      = 9
	linkFDDI     = 10
	linkRawBSD   = 12
	linkRawOpen  = 14
	linkRaw      = 101
	link80211    = 105
	linkLoop     = 108
	linkSLL      = 113
	linkRadiotap = 127
	linkIPv4     = 228
	linkIPv6     = 229
	linkNFLOG    = 239
	linkSLL2     = 276
)

// Ethernet types (IANA, IEEE 802 Numbers).
const (
	etherIPv4   = 0x0800
	etherARP    = 0x0806
	etherBridge = 0x6558 // a frame in a frame, as in GRE
	etherVLAN   = 0x8100
	etherIPv6   = 0x86dd
	etherMPLS   = 0x8847
	etherMPLSUp = 0x8848
	etherPPPoE  = 0x8864
	etherPBB    = 0x88e7
	etherFabric = 0x8903
	etherVNTag  = 0x8926
	etherQinQ   = 0x88a8
	etherQinQOl = 0x9100
)

// Protocols of IP (IANA, Protocol Numbers).
const (
	ipHopByHop = 0
	ipICMP     = 1
	ipIPv4     = 4
	ipTCP      = 6
	ipUDP      = 17
	ipIPv6     = 41
	ipRouting  = 43
	ipFragment = 44
	ipGRE      = 47
	ipAH       = 51
	ipICMPv6   = 58
	ipOptions  = 60
)

// network is what the headers below the transport say.
type network struct {
	from, to netip.Addr
	depth    int
	quoted   bool  // in the error of ICMP that tells of it
	id       int32 // the identification of IPv4; -1 for none
}

// decoder takes frames apart. Its layers are used again and again.
type decoder struct {
	ethernet  layers.Ethernet
	ip4       layers.IPv4
	tcp       layers.TCP
	fragments fragments
}

// link takes a frame apart from its first byte. The wire length is that of the
// whole frame, of which data may be the beginning.
func (a *Analysis) link(linkType int, data []byte, wire int) {
	switch linkType {
	case linkEthernet:
		a.etherFrame(data, wire, 0)
	case linkNull, linkLoop:
		a.loopback(data, wire)
	case linkRaw, linkRawBSD, linkRawOpen, linkIPv4, linkIPv6:
		a.ip(data, wire, 0, false)
	case linkSLL:
		if len(data) >= 16 {
			a.ether(binary.BigEndian.Uint16(data[14:]), data[16:], wire-16, 0)
		}
	case linkSLL2:
		if len(data) >= 20 {
			a.ether(binary.BigEndian.Uint16(data), data[20:], wire-20, 0)
		}
	case linkPPP:
		a.ppp(data, wire, 0)
	case linkFDDI:
		if len(data) >= 13 {
			a.logicalLink(data[13:], wire-13, 0)
		}
	case link80211:
		a.wireless(data, wire)
	case linkRadiotap:
		if len(data) >= 4 {
			size := min(int(binary.LittleEndian.Uint16(data[2:])), len(data))
			a.wireless(data[size:], wire-size)
		}
	case linkNFLOG:
		a.netfilterLog(data)
	default:
		a.unknownLinks++
	}
}

func (a *Analysis) etherFrame(data []byte, wire, depth int) {
	d := &a.decoder
	if depth > maxDepth || d.ethernet.DecodeFromBytes(data, gopacket.NilDecodeFeedback) != nil {
		return
	}
	kind, rest := binary.BigEndian.Uint16(data[12:]), data[14:]
	if kind >= 0x600 {
		a.ether(kind, rest, wire-14, depth+1)
		return
	}
	a.logicalLink(rest, min(wire-14, int(kind)), depth+1) // IEEE 802.3 has a length there
}

// ether takes apart what an Ethernet type names.
func (a *Analysis) ether(kind uint16, data []byte, wire, depth int) {
	if depth > maxDepth {
		return
	}
	switch kind {
	case etherIPv4, etherIPv6:
		a.ip(data, wire, depth+1, false)
	case etherARP:
		a.arp(data)
	case etherVLAN, etherQinQ, etherQinQOl:
		if len(data) >= 4 {
			a.ether(binary.BigEndian.Uint16(data[2:]), data[4:], wire-4, depth+1)
		}
	case etherMPLS, etherMPLSUp:
		a.mpls(data, wire, depth+1)
	case etherPPPoE:
		if len(data) >= 6 {
			a.ppp(data[6:], min(wire-6, int(binary.BigEndian.Uint16(data[4:]))), depth+1)
		}
	case etherBridge:
		a.etherFrame(data, wire, depth+1)
	case etherPBB: // IEEE 802.1ah: a frame behind the tag of its service
		a.etherFrame(data[min(4, len(data)):], wire-4, depth+1)
	case etherFabric: // of Cisco: a frame behind its tag
		a.etherFrame(data[min(2, len(data)):], wire-2, depth+1)
	case etherVNTag:
		if len(data) >= 6 {
			a.ether(binary.BigEndian.Uint16(data[4:]), data[6:], wire-6, depth+1)
		}
	}
}

// loopback has the address family of its system, in its byte order.
func (a *Analysis) loopback(data []byte, wire int) {
	if len(data) >= 4 {
		a.ip(data[4:], wire-4, 0, false)
	}
}

// ppp takes apart what follows PPP's flag, or PPPoE's header (RFC 1661, 1662).
func (a *Analysis) ppp(data []byte, wire, depth int) {
	if len(data) >= 2 && data[0] == 0xff && data[1] == 3 { // address and control
		data, wire = data[2:], wire-2
	}
	if len(data) < 2 {
		return
	}
	protocol, skip := binary.BigEndian.Uint16(data), 2
	if data[0]&1 == 1 { // the protocol is compressed to one byte
		protocol, skip = uint16(data[0]), 1
	}
	switch protocol {
	case 0x0021, 0x0057:
		a.ip(data[skip:], wire-skip, depth+1, false)
	case 0x0281, 0x0283:
		a.mpls(data[skip:], wire-skip, depth+1)
	}
}

// mpls takes off labels. What is below is not told: IP shows itself by its version.
func (a *Analysis) mpls(data []byte, wire, depth int) {
	for len(data) >= 4 {
		bottom := data[2]&1 == 1
		data, wire = data[4:], wire-4
		if !bottom {
			continue
		}
		switch {
		case len(data) > 0 && (data[0]>>4 == 4 || data[0]>>4 == 6):
			a.ip(data, wire, depth+1, false)
		case len(data) > 4 && data[0]>>4 == 0: // a pseudowire with its control word (RFC 4385)
			a.etherFrame(data[4:], wire-4, depth+1)
		}
		return
	}
}

// ip takes apart IPv4 or IPv6, as its version says.
func (a *Analysis) ip(data []byte, wire, depth int, quoted bool) {
	if depth > maxDepth || len(data) == 0 {
		return
	}
	switch data[0] >> 4 {
	case 4:
		a.ipv4(data, wire, depth, quoted)
	case 6:
		a.ipv6(data, wire, depth, quoted)
	}
}

func (a *Analysis) ipv4(data []byte, wire, depth int, quoted bool) {
	ip := &a.decoder.ip4
	ip.Payload = nil
	// An option that is wrong is an error, and the payload there all the same.
	if err := ip.DecodeFromBytes(data, gopacket.NilDecodeFeedback); err != nil && ip.Payload == nil {
		return
	}
	header, whole := int(ip.IHL)*4, int(binary.BigEndian.Uint16(data[2:]))
	if whole == 0 || whole > wire && !quoted { // the network card is to fill it in, or the frame is cut
		whole = wire
	}
	from, to := netip.AddrFrom4([4]byte(data[12:])), netip.AddrFrom4([4]byte(data[16:]))
	n := network{from, to, depth, quoted, int32(ip.Id)}
	payload, length, protocol := ip.Payload, whole-header, uint8(ip.Protocol)
	if fragment := binary.BigEndian.Uint16(data[6:]); fragment&0x3fff != 0 && !quoted {
		id := fragmentID{from: from, to: to, protocol: protocol, id: uint32(ip.Id)}
		a.piecesEnd(payload)
		var parts int
		payload, parts = a.decoder.fragments.add(id, a.frame.time, int(fragment&0x1fff)*8, fragment&0x2000 != 0, payload, length)
		if payload == nil {
			a.fragments++
			a.firstPiece(n, protocol, int(fragment&0x1fff), ip.Payload, length)
			return
		}
		a.fragments -= int64(parts)
		length = len(payload)
	}
	a.transport(n, protocol, payload, length)
}

func (a *Analysis) ipv6(data []byte, wire, depth int, quoted bool) {
	if len(data) < 40 {
		return
	}
	length := int(binary.BigEndian.Uint16(data[4:]))
	if length == 0 || length > wire-40 && !quoted {
		length = wire - 40
	}
	from, to := netip.AddrFrom16([16]byte(data[8:])), netip.AddrFrom16([16]byte(data[24:]))
	n := network{from, to, depth, quoted, -1}
	payload, protocol := data[40:], data[6]
	payload = payload[:min(len(payload), max(length, 0))]
	for range maxDepth {
		size := 0
		switch protocol {
		case ipHopByHop, ipRouting, ipOptions:
			if len(payload) >= 8 {
				size = 8 + 8*int(payload[1])
			}
		case ipAH:
			if len(payload) >= 8 {
				size = 8 + 4*int(payload[1])
			}
		case ipFragment:
			if len(payload) < 8 {
				return
			}
			size = 8
			if bits := binary.BigEndian.Uint16(payload[2:]); bits&0xfff9 != 0 && !quoted {
				id := fragmentID{from: from, to: to, protocol: payload[0], id: binary.BigEndian.Uint32(payload[4:])}
				protocol = payload[0]
				a.piecesEnd(payload[8:])
				var parts int
				payload, parts = a.decoder.fragments.add(id, a.frame.time, int(bits&0xfff8), bits&1 != 0, payload[8:], length-8)
				if payload == nil {
					a.fragments++
					return
				}
				a.fragments -= int64(parts)
				length, size = len(payload), -1
			}
		default:
			a.transport(n, protocol, payload, length)
			return
		}
		switch {
		case size == 0 || size > len(payload):
			return
		case size > 0:
			protocol, payload, length = payload[0], payload[size:], length-size
		}
	}
}

// firstPiece takes apart a first fragment of IPv4 that was not captured whole: it will
// never be put together.
func (a *Analysis) firstPiece(n network, protocol uint8, offset int, piece []byte, length int) {
	if offset == 0 && len(piece) < length {
		n.quoted = protocol == ipTCP // how long the segment is does not show
		a.transport(n, protocol, piece, length)
	}
}

// transport takes apart what IP carries. The length is that on the wire.
func (a *Analysis) transport(n network, protocol uint8, payload []byte, length int) {
	switch protocol {
	case ipTCP:
		a.tcpSegment(n, payload, length)
	case ipUDP:
		a.datagram(n, payload, length)
	case ipICMP:
		a.icmp(n, payload, length, false)
	case ipICMPv6:
		a.icmp(n, payload, length, true)
	case ipIPv4, ipIPv6:
		a.ip(payload, length, n.depth+1, n.quoted)
	case ipGRE:
		a.gre(n, payload, length)
	}
}

// gre takes off the header of GRE (RFC 2784, 2890; version 1 is that of PPTP, RFC
// 2637).
func (a *Analysis) gre(n network, data []byte, length int) {
	if len(data) < 4 {
		return
	}
	flags, kind, size := binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:]), 4
	for _, optional := range []uint16{0x8000, 0x2000, 0x1000} { // checksum, key, sequence number
		if flags&optional != 0 {
			size += 4
		}
	}
	version := flags & 7
	if version == 1 && flags&0x0080 != 0 {
		size += 4 // an acknowledgement
	}
	if flags&0x4000 != 0 || len(data) < size { // source routes: nobody has them
		return
	}
	if version == 1 && kind == 0x880b {
		a.ppp(data[size:], length-size, n.depth+1)
		return
	}
	a.ether(kind, data[size:], length-size, n.depth+1)
}
