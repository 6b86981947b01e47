package reach

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"gumshoe/engine"
)

// MaxAddresses bounds how many addresses of a name are tried.
const MaxAddresses = 8

// Addresses finds the addresses of a host, at most MaxAddresses, all of which
// the list allows; or the outcome of looking for them.
func (a *AllowList) Addresses(ctx context.Context, host string, port int, timeout time.Duration) ([]netip.Addr, Outcome, error) {
	addrs := []netip.Addr{}
	if addr, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, addr)
	} else {
		inner, stop := context.WithTimeout(ctx, timeout)
		defer stop()
		addrs, err = Resolver().LookupNetIP(inner, "ip", host)
		var failure *net.DNSError
		switch {
		case ctx.Err() != nil:
			return nil, "", ctx.Err()
		case errors.As(err, &failure) && failure.IsNotFound:
			return nil, NameNotFound, nil
		case err != nil:
			return nil, NameFailed, nil
		}
	}
	for _, addr := range addrs {
		if err := a.Permit(host, port, addr); err != nil {
			return nil, "", err
		}
	}
	return addrs[:min(len(addrs), MaxAddresses)], "", nil
}

// Resolver is Go's own on every build, so that what it reads is what PlanName says.
func Resolver() *net.Resolver { return &net.Resolver{PreferGo: true} }

// PlanName lists what the resolver touches to find the addresses of a name;
// nothing for an address.
func PlanName(host string) []engine.Touch {
	if net.ParseIP(host) != nil {
		return nil
	}
	return []engine.Touch{
		{Kind: engine.TouchFile, What: "/etc/hosts", How: "read"},
		{Kind: engine.TouchFile, What: "/etc/resolv.conf", How: "read"},
		{Kind: engine.TouchFile, What: "/etc/nsswitch.conf", How: "read"},
		{Kind: engine.TouchFile, What: "/etc/mdns.allow", How: "stat"},
		{Kind: engine.TouchNetwork, What: "the name servers in /etc/resolv.conf, port 53, udp and tcp", How: "ask for " + host},
		{Kind: engine.TouchNetwork, What: net.JoinHostPort(host, "9") + " udp", How: "ask the kernel for the route; nothing is sent"},
	}
}

// Plan lists what connecting to a host:port touches; how says what is done there.
func Plan(address, how string) []engine.Touch {
	host, _, err := engine.SplitHostPort(address)
	if err != nil {
		return nil
	}
	return append(PlanName(host), engine.Touch{Kind: engine.TouchNetwork, What: address + " tcp", How: how})
}
