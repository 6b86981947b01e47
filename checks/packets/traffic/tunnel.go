package traffic

import "encoding/binary"

// Ports of what is carried over UDP (IANA).
const (
	portDTLS   = 853  // where Wireshark sees no QUIC (RFC 9250)
	portSSDP   = 1900 // HTTP in datagrams
	portGTP    = 2152 // 3GPP TS 29.281
	portTeredo = 3544 // RFC 4380
	portGRE    = 4754 // RFC 8086
	portVXLAN  = 4789 // RFC 7348
	portAYIYA  = 5072
	portGeneve = 6081 // RFC 8926
)

// tunnel takes apart what a datagram carries, if that is a network in its turn.
func (a *Analysis) tunnel(n network, from, to uint16, data []byte, length int) (is bool) {
	switch {
	case to == portVXLAN && len(data) >= 8 && data[0]&8 != 0:
		a.etherFrame(data[8:], length-8, n.depth+1)
	case to == portGeneve && len(data) >= 8 && data[0]>>6 == 0:
		size := 8 + 4*int(data[0]&0x3f)
		if len(data) < size {
			return true
		}
		a.ether(binary.BigEndian.Uint16(data[2:]), data[size:], length-size, n.depth+1)
	case to == portGRE:
		a.gre(n, data, length)
	case (from == portGTP || to == portGTP) && len(data) >= 8 && data[0]>>5 == 1 && data[0]&0x10 != 0 && data[1] == 0xff:
		a.gtp(n, data, length)
	case (from == portTeredo || to == portTeredo) && len(data) >= 8:
		a.teredo(n, data, length)
	case (from == portAYIYA || to == portAYIYA) && len(data) >= 8 && data[3] == ipIPv6:
		size := 8 + 1<<(data[0]>>4) + 4*int(data[1]>>4) // the identity, and the signature
		if len(data) >= size {
			a.ip(data[size:], length-size, n.depth+1, false)
		}
	default:
		return false
	}
	return true
}

// gtp takes off the header of GTP-U with what is optional in it.
func (a *Analysis) gtp(n network, data []byte, length int) {
	size := 8
	if data[0]&7 != 0 {
		size = 12
		for next := byteAt(data, 11); next != 0; {
			words := int(byteAt(data, size))
			if words == 0 || size+4*words > len(data) {
				return
			}
			size += 4 * words
			next = data[size-1]
		}
	}
	if len(data) > size {
		a.ip(data[size:], length-size, n.depth+1, false)
	}
}

// teredo takes off what can stand before the packet: who it is from, and where they
// were seen.
func (a *Analysis) teredo(n network, data []byte, length int) {
	size := 0
	if data[0] == 0 && data[1] == 1 {
		size = 4 + int(data[2]) + int(data[3]) + 9
	}
	if len(data) >= size+8 && data[size] == 0 && data[size+1] == 0 {
		size += 8
	}
	if len(data) > size {
		a.ip(data[size:], length-size, n.depth+1, false)
	}
}

func byteAt(data []byte, at int) byte {
	if at >= len(data) {
		return 0
	}
	return data[at]
}

// logicalLink takes apart IEEE 802.2: SNAP names the type (RFC 1042), and IP has an
// access point of its own.
func (a *Analysis) logicalLink(data []byte, wire, depth int) {
	const snap, ip, unnumbered = 0xaa, 0x06, 3
	switch {
	case len(data) >= 8 && data[0] == snap && data[1] == snap && data[2] == unnumbered:
		a.ether(binary.BigEndian.Uint16(data[6:]), data[8:], wire-8, depth+1)
	case len(data) >= 3 && data[0] == ip && data[1] == ip && data[2] == unnumbered:
		a.ip(data[3:], wire-3, depth+1, false)
	}
}

// wireless takes apart a data frame of IEEE 802.11 that is not encrypted.
func (a *Analysis) wireless(data []byte, wire int) {
	if len(data) < 24 {
		return
	}
	kind, subtype, flags := data[0]>>2&3, data[0]>>4, data[1]
	const isData, noData, encrypted = 2, 4, 0x40
	if kind != isData || subtype&noData != 0 || flags&encrypted != 0 {
		return
	}
	size := 24
	if flags&3 == 3 { // from one access point to another
		size += 6
	}
	if subtype&8 != 0 { // with quality of service
		size += 2
		if flags&0x80 != 0 {
			size += 4
		}
	}
	if len(data) > size {
		a.logicalLink(data[size:], wire-size, 0)
	}
}

// netfilterLog finds the packet among the attributes of NFLOG.
func (a *Analysis) netfilterLog(data []byte) {
	const header, payload = 4, 9
	for data = data[min(header, len(data)):]; len(data) >= 4; {
		length, kind := int(binary.NativeEndian.Uint16(data)), binary.NativeEndian.Uint16(data[2:])
		if length < 4 || length > len(data) {
			return
		}
		if kind == payload {
			a.ip(data[4:length], length-4, 0, false)
			return
		}
		data = data[min((length+3)&^3, len(data)):]
	}
}
