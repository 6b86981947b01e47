package traffic

import (
	"cmp"
	"net/netip"
)

// endpoint is an address and a port.
type endpoint struct {
	address netip.Addr
	port    uint16
}

// key names a conversation: the lower endpoint comes first. As in Wireshark,
// VLANs and tunnels do not tell conversations apart.
type key struct{ a, b [18]byte }

// keyOf gives the key of a conversation, and whether the packet goes from its
// second endpoint to its first.
func keyOf(from, to endpoint) (k key, back bool) {
	k.a, k.b = from.bytes(), to.bytes()
	for i := range k.a {
		if k.a[i] != k.b[i] {
			if k.a[i] > k.b[i] {
				k.a, k.b = k.b, k.a
				return k, true
			}
			break
		}
	}
	return k, false
}

func (e endpoint) bytes() (b [18]byte) {
	address := e.address.As16()
	copy(b[:], address[:])
	b[16], b[17] = byte(e.port>>8), byte(e.port)
	return b
}

func (e endpoint) compare(other endpoint) int {
	return cmp.Or(e.address.Compare(other.address), cmp.Compare(e.port, other.port))
}

// String writes the endpoint as host:port.
func (e endpoint) String() string { return netip.AddrPortFrom(e.address, e.port).String() }
