package config

import (
	"net/netip"
	"strconv"
	"strings"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// Target is one entry of the list of targets: a network or a host, with a port
// or with any.
type Target struct {
	At source.Position
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

// parseTarget reads an entry of the list of targets: an address, a network or a
// host, each with :port or without.
func parseTarget(text source.Text) (Target, string) {
	t := Target{At: text.Position, Text: text.Value}
	host := text.Value
	if rest, port, ok := cutPort(host); ok {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return t, "the port is a number from 1 to 65535"
		}
		host, t.Port = rest, n
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if address, err := netip.ParseAddr(host); err == nil {
		t.Network = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
		return t, ""
	}
	if strings.Contains(host, "/") {
		network, err := netip.ParsePrefix(host)
		switch {
		case err != nil:
			return t, "it is not a network such as 10.0.0.0/8; a URL is given by its host"
		case network.Masked() != network:
			return t, "the network's own address is " + network.Masked().String()
		}
		t.Network = network
		return t, ""
	}
	name := strings.TrimPrefix(host, "*.")
	if strings.Contains(name, "*") {
		return t, `a * stands only for the first part of a name, as in "*.internal"`
	}
	if err := engine.CheckHost(name); err != nil {
		return t, `want an address, a network, a host or "*.domain", with :port or without`
	}
	t.Host = strings.ToLower(host)
	return t, ""
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

// Matches tells whether the entry allows a target: a host name or an address,
// and a port. A name matches only names and an address only addresses: who
// looks a name up asks for both.
func (t Target) Matches(host string, port int) bool {
	if t.Port != 0 && t.Port != port {
		return false
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return t.Network.IsValid() && t.Network.Contains(address.Unmap().WithZone(""))
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if below, wild := strings.CutPrefix(t.Host, "*"); wild {
		return strings.HasSuffix(host, below) && len(host) > len(below)
	}
	return t.Host != "" && t.Host == host
}
