package engine

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Destination is an entry of a list of what may be connected to: a network or a
// host, on one port or on any.
type Destination struct {
	// Text is the entry as written.
	Text string
	// Network is set for an address or a network (10.0.0.0/8).
	Network netip.Prefix
	// Host is a host name in lower case; one that starts with "*." stands for all
	// names below it. "" when Network is set.
	Host string
	// Port is 0 for any.
	Port int
}

// ParseDestination reads an entry: a host name (db.example.com), the end of
// host names (*.example.com), an address or a network, each with :port or
// without. IPv6 with a port goes in brackets: [fd00::/8]:5432.
func ParseDestination(text string) (Destination, error) {
	d := Destination{Text: text}
	host := text
	if rest, port, ok := cutPort(host); ok {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return d, errors.New("the port is a number from 1 to 65535")
		}
		host, d.Port = rest, n
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if address, err := netip.ParseAddr(host); err == nil {
		d.Network = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
		return d, nil
	}
	if strings.Contains(host, "/") {
		network, err := netip.ParsePrefix(host)
		switch {
		case err != nil:
			return d, errors.New("it is not a network such as 10.0.0.0/8; a URL is given by its host")
		case network.Masked() != network:
			return d, fmt.Errorf("the network's own address is %s", network.Masked())
		}
		d.Network = network
		return d, nil
	}
	name := strings.TrimPrefix(host, "*.")
	if strings.Contains(name, "*") {
		return d, errors.New(`a * stands only for the first part of a name, as in "*.internal"`)
	}
	if err := CheckHost(name); err != nil {
		return d, errors.New(`want an address, a network, a host or "*.domain", with :port or without`)
	}
	d.Host = canonicalHost(host)
	return d, nil
}

// cutPort cuts a port off a host, an address in brackets or a network.
func cutPort(text string) (rest, port string, ok bool) {
	if strings.HasPrefix(text, "[") {
		rest, port, ok = strings.Cut(text, "]:")
		return rest + "]", port, ok
	}
	if strings.Count(text, ":") != 1 {
		return text, "", false // an IPv6 address or network, or no port
	}
	return strings.Cut(text, ":")
}

func canonicalHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// HasPort tells whether the entry is for this port.
func (d Destination) HasPort(port int) bool { return d.Port == 0 || d.Port == port }

// HasAddress tells whether the entry is a network that holds the address, on
// this port.
func (d Destination) HasAddress(address netip.Addr, port int) bool {
	return d.HasPort(port) && d.Network.IsValid() && d.Network.Contains(address.Unmap().WithZone(""))
}

// HasName tells whether the entry names the host, on this port.
func (d Destination) HasName(host string, port int) bool {
	host = canonicalHost(host)
	if below, wild := strings.CutPrefix(d.Host, "*"); wild {
		return d.HasPort(port) && strings.HasSuffix(host, below) && len(host) > len(below)
	}
	return d.HasPort(port) && d.Host != "" && d.Host == host
}
