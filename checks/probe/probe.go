// Package probe looks at a service from outside, as its clients do: it connects,
// and tells what the target did. What the target does, and what the network or
// the name service on the way does, is an observation with an outcome; an error
// is only what our own host or policy does not let us try.
//
// Every connection goes through an AllowList, which is asked again about the
// very address that is being connected to.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"gumshoe/engine"
)

// Probes makes the checks that connect to a target.
type Probes struct{ allow *AllowList }

// New gives the probes that connect to what the list allows; nil allows every
// target that is not guarded.
func New(allow *AllowList) Probes { return Probes{allow} }

// Outcome is how an attempt to reach a target ended.
type Outcome string

// The ways in which an attempt to connect can end. Probes that speak a protocol
// add their own.
const (
	Connected    Outcome = "connected"
	RefusedByIt  Outcome = "refused"
	TimedOut     Outcome = "timed_out"
	Reset        Outcome = "reset"
	Unreachable  Outcome = "unreachable"
	NameNotFound Outcome = "name_not_found"
	NameFailed   Outcome = "name_failed"
)

// outcomeOf tells what the target or the network did from the error of a
// connection or of a read or write on it. A fault of our own host is an error.
func outcomeOf(err error) (Outcome, error) {
	var timeout net.Error
	var refused *engine.RefusedError
	switch {
	case err == nil:
		return Connected, nil
	case errors.As(err, &refused):
		return "", refused
	case errors.Is(err, syscall.ECONNREFUSED):
		return RefusedByIt, nil
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNABORTED), errors.Is(err, syscall.EPIPE):
		return Reset, nil
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH),
		errors.Is(err, syscall.EHOSTDOWN), errors.Is(err, syscall.ENETDOWN):
		return Unreachable, nil
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, context.DeadlineExceeded):
		return TimedOut, nil
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "", engine.Blind("this host forbids the connection", "allow it in the host's own firewall, or leave the sandbox", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "", engine.Blind("this host has no free local port or address for the connection",
			"see net.ipv4.ip_local_port_range and the sockets in TIME_WAIT", err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "", engine.Blind("no file descriptors left", "raise gumshoe's limit of open files", err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return TimedOut, nil
	}
	return "", engine.Blind("cannot connect from this host", "", err)
}

// resolver is Go's own on every build, so that what it reads is what Plan says.
func resolver() *net.Resolver { return &net.Resolver{PreferGo: true} }

// planName lists what the resolver touches to find the addresses of a name;
// nothing for an address.
func planName(host string) []engine.Touch {
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

// innerTimeout shortens a timeout so that it ends well before ctx does: then
// the target's silence is an observation.
func innerTimeout(ctx context.Context, timeout time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(timeout, time.Until(deadline)*9/10)
	}
	return timeout
}

// milliseconds writes a short duration for a person.
func milliseconds(seconds float64) string {
	if seconds < 1 {
		return fmt.Sprintf("%.1f ms", seconds*1000)
	}
	return fmt.Sprintf("%.1f s", seconds)
}
