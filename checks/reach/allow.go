package reach

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"gumshoe/engine"
)

// AllowList says which targets probes may connect to. A nil list allows every
// target but the guarded ones: link-local addresses and the metadata services
// of clouds, which hand out credentials to whoever asks. A guarded address is
// allowed only by an entry that is an address or a network: a name does not
// suffice, since whoever owns the name chooses the address.
//
// An AllowList is immutable.
type AllowList struct {
	entries []engine.Destination
}

// NewAllowList makes a list of what may be connected to. One without entries
// allows nothing.
func NewAllowList(entries []engine.Destination) *AllowList {
	return &AllowList{entries: slices.Clone(entries)}
}

// PermitName refuses a host that no entry could allow whatever its address is,
// so that its name is not even looked up. The error is an engine.RefusedError.
func (a *AllowList) PermitName(host string, port int) error {
	if a == nil || a.named(host, port) || net.ParseIP(host) != nil ||
		slices.ContainsFunc(a.entries, func(d engine.Destination) bool { return d.Network.IsValid() && d.HasPort(port) }) {
		return nil
	}
	return a.refuse(JoinPort(host, port), "is not in the list of allowed targets")
}

// Permit refuses a connection to an address that stands for the host as asked
// for. The error is an engine.RefusedError.
func (a *AllowList) Permit(host string, port int, addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	target := JoinPort(host, port)
	if addr.String() != host {
		target += " (" + addr.String() + ")"
	}
	listed := a != nil && slices.ContainsFunc(a.entries, func(d engine.Destination) bool { return d.HasAddress(addr, port) })
	switch {
	case listed:
		return nil
	case guarded(addr):
		return a.refuse(target, "is a link-local address or a cloud's metadata service")
	case a == nil || a.named(host, port):
		return nil
	}
	return a.refuse(target, "is not in the list of allowed targets")
}

// Control gives the function for net.Dialer.Control that asks Permit about the
// very address that is connected to: a name may change its address between a
// check and a connection.
func (a *AllowList) Control(host string) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return engine.Refused(fmt.Sprintf("connecting to %q, which is no address", address), "")
		}
		return a.Permit(host, int(to.Port()), to.Addr())
	}
}

func (a *AllowList) named(host string, port int) bool {
	return a != nil && slices.ContainsFunc(a.entries, func(d engine.Destination) bool { return d.HasName(host, port) })
}

func (a *AllowList) refuse(target, why string) error {
	entry, _, _ := strings.Cut(target, " ")
	if _, address, found := strings.Cut(target, "("); found && strings.Contains(why, "metadata") {
		entry = strings.TrimSuffix(address, ")")
	}
	return engine.Refused(target+" "+why, fmt.Sprintf("add %q to allow: targets: in gumshoe.yaml", entry))
}

// guarded tells whether an address is link-local or a metadata service outside
// of link-local, also when it is wrapped for NAT64.
func guarded(addr netip.Addr) bool {
	if addr.IsLinkLocalUnicast() || addr.IsLinkLocalMulticast() {
		return true
	}
	switch addr.String() {
	case "fd00:ec2::254", "fd20:ce::254", // AWS and Google over IPv6
		"100.100.100.200", "168.63.129.16", "192.0.0.192": // Alibaba, Azure, Oracle
		return true
	}
	if b := addr.As16(); addr.Is6() && strings.HasPrefix(addr.StringExpanded(), "0064:ff9b:0000:0000:0000:0000:") {
		return guarded(netip.AddrFrom4([4]byte(b[12:])))
	}
	return false
}
