package probe

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"gumshoe/engine"
)

// AllowList says which targets probes may connect to. An empty or nil list
// allows every target but the guarded ones: link-local addresses and the
// metadata services of clouds, which hand out credentials to whoever asks. A
// guarded address is allowed only by an entry that is an address or a CIDR:
// a name does not suffice, since whoever owns the name chooses the address.
//
// An AllowList is immutable.
type AllowList struct {
	entries []allowEntry
}

// allowEntry is one line of the list: a network, a name, or the end of a name.
type allowEntry struct {
	network netip.Prefix
	name    string // lower case; "" when the entry is a network
	suffix  bool
	port    int // 0 is every port
}

// NewAllowList makes a list of entries, each a host name (db.example.com), the
// end of host names (*.example.com), an address or a CIDR, with a port behind a
// colon or without. IPv6 with a port goes in brackets: [fd00::/8]:5432.
func NewAllowList(entries ...string) (*AllowList, error) {
	list := &AllowList{}
	for _, text := range entries {
		entry, err := parseAllow(text)
		if err != nil {
			return nil, fmt.Errorf("allow %q: %w", text, err)
		}
		list.entries = append(list.entries, entry)
	}
	return list, nil
}

func parseAllow(text string) (allowEntry, error) {
	host, entry := text, allowEntry{}
	if h, digits, err := net.SplitHostPort(text); err == nil {
		port, err := strconv.Atoi(digits)
		if err != nil || port < 1 || port > 65535 {
			return entry, fmt.Errorf("the port is a number from 1 to 65535")
		}
		host, entry.port = h, port
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if network, err := netip.ParsePrefix(host); err == nil {
		entry.network = network.Masked()
		return entry, nil
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		entry.network = netip.PrefixFrom(addr, addr.BitLen())
		return entry, nil
	}
	name, suffix := strings.CutPrefix(host, "*.")
	entry.name, entry.suffix = canonical(name), suffix
	if name == "" || strings.ContainsAny(name, "*/ ") || engine.CheckHost(name) != nil {
		return entry, fmt.Errorf("want a host name, *.suffix, an address or a CIDR, each with or without :port")
	}
	return entry, nil
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// PermitName refuses a host that no entry could allow whatever its address is,
// so that its name is not even looked up. The error is an engine.RefusedError.
func (a *AllowList) PermitName(host string, port int) error {
	if a.empty() || a.named(host, port) || net.ParseIP(host) != nil ||
		slices.ContainsFunc(a.entries, func(e allowEntry) bool { return e.name == "" && e.fits(port) }) {
		return nil
	}
	return a.refuse(net.JoinHostPort(host, strconv.Itoa(port)), "is not in the list of allowed targets")
}

// Permit refuses a connection to an address that stands for the host as asked
// for. The error is an engine.RefusedError.
func (a *AllowList) Permit(host string, port int, addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	target := net.JoinHostPort(host, strconv.Itoa(port))
	if addr.String() != host {
		target += " (" + addr.String() + ")"
	}
	listed := !a.empty() && slices.ContainsFunc(a.entries, func(e allowEntry) bool {
		return e.name == "" && e.fits(port) && e.network.Contains(addr)
	})
	switch {
	case listed:
		return nil
	case guarded(addr):
		return a.refuse(target, "is a link-local address or a cloud's metadata service")
	case a.empty() || a.named(host, port):
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

func (a *AllowList) empty() bool { return a == nil || len(a.entries) == 0 }

func (a *AllowList) named(host string, port int) bool {
	host = canonical(host)
	return a != nil && slices.ContainsFunc(a.entries, func(e allowEntry) bool {
		return e.name != "" && e.fits(port) && (host == e.name && !e.suffix || e.suffix && strings.HasSuffix(host, "."+e.name))
	})
}

func (e allowEntry) fits(port int) bool { return e.port == 0 || e.port == port }

func (a *AllowList) refuse(target, why string) error {
	entry, _, _ := strings.Cut(target, " ")
	if _, address, found := strings.Cut(target, "("); found && strings.Contains(why, "metadata") {
		entry = strings.TrimSuffix(address, ")")
	}
	return engine.Refused(target+" "+why, fmt.Sprintf("add %q to allow: in gumshoe.yaml", entry))
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
