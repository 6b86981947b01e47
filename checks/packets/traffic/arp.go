package traffic

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Bounds of what is kept of ARP.
const (
	maxAddresses = 1 << 13                // that are remembered
	bothWithin   = int64(2 * time.Second) // two that claim an address so soon after each other both have it
)

// claimed is what is known of an address of IPv4.
type claimed struct {
	hardware [6]byte // of who claimed it first
	rival    bool    // another claimed it since the first did
	at       int64   // when the first claimed it last
}

// addresses are the hardware addresses that have claimed an address of IPv4.
type addresses struct {
	by      map[netip.Addr]*claimed
	dropped int64
}

// claim tells whether another has claimed the address before, and whether both have
// it: then the first claims it again, or the other came at once. Else it went from
// one to the other, as when one of a pair takes over.
func (known *addresses) claim(ip netip.Addr, mac [6]byte, now int64) (another, both bool) {
	if ip.IsUnspecified() || mac == [6]byte{} || mac[0]&1 == 1 { // a probe (RFC 5227), or nobody's
		return false, false
	}
	c := known.by[ip]
	switch {
	case c == nil && len(known.by) >= maxAddresses:
		known.dropped++
	case c == nil:
		if known.by == nil {
			known.by = map[netip.Addr]*claimed{}
		}
		known.by[ip] = &claimed{hardware: mac, at: now}
	case c.hardware == mac:
		both = c.rival
		c.at, c.rival = now, false
	default:
		another, both = true, now-c.at < bothWithin
		c.rival = true
	}
	return another, both
}

// arp looks for two that claim the same address. It takes the packet apart itself:
// gopacket's layer panics on sizes that add up to more than 255.
func (a *Analysis) arp(data []byte) {
	const request, size = 1, 28 // of addresses of Ethernet and IPv4 (RFC 826)
	if len(data) < size || data[4] != 6 || data[5] != 4 {
		return
	}
	a.arps++
	a.claims(data[14:18], data[8:14])
	if binary.BigEndian.Uint16(data[6:]) != request {
		a.claims(data[24:28], data[18:24])
	}
}

// claims takes a claim to an address.
func (a *Analysis) claims(address, hardware []byte) {
	at := netip.AddrFrom4([4]byte(address))
	another, both := a.addresses.claim(at, [6]byte(hardware), a.frame.time)
	if another && !a.frame.conflict {
		a.frame.conflict = true
		a.conflicts++
	}
	if !both {
		return
	}
	a.note(subject{kind: KindAddressConflict, about: at.String()}, "two hardware addresses claim the address, one of them "+net.HardwareAddr(hardware).String())
	switch {
	case slices.Contains(a.disputed, at):
	case len(a.disputed) < shown:
		a.disputed = append(a.disputed, at)
	default:
		a.addresses.dropped++
	}
}

// ARP is what was said by ARP: who has which address of IPv4.
type ARP struct {
	// Packets are all of it.
	Packets int64 `json:"packets" expr:"packets"`
	// Conflicts are packets that claim an address that another machine has claimed. An
	// address that goes from one machine to another for good is in it too.
	Conflicts int64 `json:"conflicts" expr:"conflicts"`
	// Disputed are the addresses that two machines claim in turns, or within 2 seconds
	// of each other; at most 20.
	Disputed []string `json:"disputed" expr:"disputed"`
}

func (a *Analysis) reportARP() ARP {
	o := ARP{Packets: a.arps, Conflicts: int64(a.conflicts), Disputed: []string{}}
	for _, at := range a.disputed {
		o.Disputed = append(o.Disputed, at.String())
	}
	return o
}
