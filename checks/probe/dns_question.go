package probe

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func planDNS(in DNSInput) []engine.Touch {
	touches := []engine.Touch{
		{Kind: engine.TouchFile, What: resolvConfPath, How: "read"},
		{Kind: engine.TouchFile, What: hostsPath, How: "read"},
	}
	how := fmt.Sprintf("ask for the %s records of %s", in.Type, reach.Clip(in.Name, 253))
	if len(in.Servers) == 0 {
		return append(touches, engine.Touch{Kind: engine.TouchNetwork, What: "the name servers in /etc/resolv.conf, port 53, udp and tcp", How: how})
	}
	for _, server := range in.Servers[:min(len(in.Servers), maxServers)] {
		host, port, err := splitServer(server)
		if err != nil {
			continue
		}
		at := reach.JoinPort(host, port) + " udp and tcp"
		if in.TCP {
			at = strings.Replace(at, "udp and tcp", "tcp", 1)
		}
		for _, touch := range reach.PlanName(host) {
			if touch.What != resolvConfPath && touch.What != hostsPath {
				touches = append(touches, touch)
			}
		}
		touches = append(touches, engine.Touch{Kind: engine.TouchNetwork, What: at, How: how})
	}
	return touches
}

// questionName is the name to ask for, with the dot at its end.
func questionName(in DNSInput) (string, error) {
	isAddress := net.ParseIP(in.Name) != nil
	switch {
	case isAddress && in.Type == "PTR":
		return dns.ReverseAddr(in.Name)
	case isAddress:
		return "", fmt.Errorf("name: %s is an address, which has a name only with type: PTR", in.Name)
	case strings.ContainsFunc(in.Name, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }):
		return "", fmt.Errorf("name: %q is not a host name; one with letters beyond ASCII is written with xn--", in.Name)
	}
	if _, ok := dns.IsDomainName(in.Name); !ok || in.Name == "" {
		return "", fmt.Errorf("name: %q is not a host name", reach.Clip(in.Name, 253))
	}
	return dns.Fqdn(in.Name), nil
}

func reproduceDNS(call *engine.Call, in DNSInput, server string) {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return
	}
	argv := []string{"dig", "@" + host}
	if port != "53" {
		argv = append(argv, "-p", port)
	}
	if in.TCP {
		argv = append(argv, "+tcp")
	}
	if in.CheckingDisabled {
		argv = append(argv, "+cd")
	}
	if net.ParseIP(in.Name) != nil {
		argv = append(argv, "-x", in.Name)
	} else {
		argv = append(argv, in.Name, in.Type)
	}
	call.Reproduce(argv...)
}

// dnsTarget is a server to ask.
type dnsTarget struct {
	host string
	port int
	// own tells that it may be asked because this host's own configuration names it.
	own bool
}

// dnsTargets reads the list of servers and refuses what no policy could allow;
// configured are those of this host.
func (p Probes) dnsTargets(servers, configured []string) ([]dnsTarget, error) {
	if len(servers) > maxServers {
		return nil, fmt.Errorf("servers: %d of them: at most %d are asked", len(servers), maxServers)
	}
	targets := make([]dnsTarget, len(servers))
	for i, server := range servers {
		host, port, err := splitServer(server)
		if err != nil {
			return nil, fmt.Errorf("servers: %w", err)
		}
		own := p.allow == nil && port == 53 && slices.Contains(configured, host)
		if targets[i] = (dnsTarget{host, port, own}); own {
			continue
		}
		err = p.allow.PermitName(host, port)
		if addr, bad := netip.ParseAddr(host); bad == nil {
			err = p.allow.Permit(host, port, addr)
		}
		if err != nil {
			return nil, err
		}
	}
	return targets, nil
}

// splitServer reads host or host:port; an IPv6 address with a port has brackets.
func splitServer(text string) (host string, port int, err error) {
	if _, err := netip.ParseAddr(text); err == nil {
		return text, 53, nil
	}
	if _, _, err := net.SplitHostPort(text); err == nil {
		return engine.SplitHostPort(text)
	}
	return text, 53, engine.CheckHost(text)
}

func (t dnsTarget) String() string { return reach.JoinPort(t.host, t.port) }
