package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// TCPInput are the inputs of probe.tcp.
type TCPInput struct {
	// Address is the host and port to connect to; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// Timeout is how long looking up the name and connecting may take together.
	Timeout time.Duration `json:"timeout" default:"3s" min:"10ms" max:"30s"`
	// AllAddresses tries every address of the name, also when one has connected.
	AllAddresses bool `json:"all_addresses" default:"false"`
	// Hold is for how long the connection is kept, to see whether the target says
	// something, closes it or resets it, as a load balancer without a backend does.
	// It is closed at once when that happens; 0 does not wait.
	Hold time.Duration `json:"hold" default:"0s" min:"0s" max:"10s"`
}

// TCP is what probe.tcp observes.
type TCP struct {
	// Outcome is what came of it: connected; refused (nothing listens there, or a
	// firewall says so); timed_out (no answer); reset; unreachable (no route, or a
	// router says so); name_not_found (the name does not exist); name_failed (the
	// name service gives no answer). With several addresses it is that of the
	// attempt that tells most: connected, refused, reset, timed_out, unreachable.
	// Unread when this host itself stopped every attempt: see local_fault.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"connected,refused,timed_out,reset,unreachable,name_not_found,name_failed"`
	// Address is the host and port as asked for.
	Address string `json:"address" expr:"address"`
	// RemoteAddress is the address and port that answered; unread unless connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// ResolveSeconds is the time to look up the name; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is the time of the TCP handshake with remote_address, about
	// one round trip; unread unless connected.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// ResolvedAddresses are the addresses of the name, in the order in which they
	// are tried; unread when the name service gives no answer.
	ResolvedAddresses []string `json:"resolved_addresses" expr:"resolved_addresses"`
	// Attempts are the connections tried, in order: one that fails followed by one
	// that connects is what makes clients slow. At most 8.
	Attempts []Attempt `json:"attempts" expr:"attempts"`
	// ICMPReason is what an ICMP message said of the last attempt that got one:
	// no_route, host (nobody answers for the address), protocol, port, too_big,
	// prohibited (by a firewall or a router), ttl_exceeded, other. "" when none came:
	// a port that is refused without one was refused by TCP, as a host does where
	// nothing listens.
	ICMPReason string `json:"icmp_reason" expr:"icmp_reason" enum:",no_route,host,protocol,port,too_big,prohibited,ttl_exceeded,other"`
	// ICMPFrom is the address of who sent it: the target, a router on the way, or one
	// of our own when nobody on our network answers for the address.
	ICMPFrom string `json:"icmp_from" expr:"icmp_from"`
	// LocalFault is what of this host itself stopped an attempt: forbidden (its
	// firewall or a sandbox), no_local_port (no free port or address for it),
	// no_file_descriptors, other; else "".
	LocalFault string `json:"local_fault" expr:"local_fault" enum:",forbidden,no_local_port,no_file_descriptors,other"`
	// LocalSendFailures is how many segments this host could not even send again
	// during attempts that timed out, of all its programs (TCPRetransFail): its own
	// firewall drops what leaves it, when there are any. Unread when no attempt timed
	// out after 1.2 seconds, as TCP waits one before it sends again (RFC 6298).
	LocalSendFailures int64 `json:"local_send_failures" expr:"local_send_failures"`
	// AfterConnect is what the target did with the connection within the input hold:
	// open (nothing), data (it speaks first: see banner), closed or reset. Unread
	// without a connection, or with hold 0.
	AfterConnect string `json:"after_connect" expr:"after_connect" enum:"open,data,closed,reset"`
	// Banner is the beginning of what the target said by itself, at most 200 bytes;
	// unread as after_connect is.
	Banner string `json:"banner" expr:"banner"`
}

// Attempt is one try to connect to one address.
type Attempt struct {
	// Address is the IP address and port.
	Address string `json:"address" expr:"address"`
	// Outcome is what came of it; unread when this host itself stopped it.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"connected,refused,timed_out,reset,unreachable"`
	// ICMPReason is what an ICMP message said about it, else "".
	ICMPReason string `json:"icmp_reason" expr:"icmp_reason" enum:",no_route,host,protocol,port,too_big,prohibited,ttl_exceeded,other"`
	// ElapsedSeconds is how long it took to connect or to fail.
	ElapsedSeconds float64 `json:"elapsed_seconds" expr:"elapsed_seconds"`
}

// TCP is the check probe.tcp.
//
// It looks up the name and tries its addresses one after the other, each with an
// equal share of the time that is left, until one connects. It sends no data.
//
// A name that /etc/resolv.conf extends by its search list is extended here too.
//
// Example:
//
//	port: { check: probe.tcp, with: { address: "db.example.com:5432" } }
//
// By hand:
//
//	nc -vz -w 3 db.example.com 5432
func (p Probes) TCP() engine.Check[TCPInput, TCP] {
	return engine.Check[TCPInput, TCP]{
		Name:      "probe.tcp",
		Doc:       "Whether a TCP port accepts connections, how fast, and if not, how it fails.",
		Cost:      50 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in TCPInput) string { return in.Address },
		Plan:      func(in TCPInput) []engine.Touch { return reach.Plan(in.Address, "connect") },
		Run:       p.lookTCP,
		Summarize: summarizeTCP,
	}
}

func summarizeTCP(o TCP) string {
	address := reach.Clip(o.Address, 80)
	switch o.Outcome {
	case "":
		return address + ": this host stops the connection, " + strings.ReplaceAll(o.LocalFault, "_", " ")
	case reach.Connected:
		if o.AfterConnect == "closed" || o.AfterConnect == "reset" {
			return address + " connected, and " + o.AfterConnect + " by it at once"
		}
		return fmt.Sprintf("%s connected in %s", address, reach.Milliseconds(o.ConnectSeconds))
	case reach.NameNotFound:
		return address + ": no such name"
	case reach.NameFailed:
		return address + ": the name service gives no answer"
	case reach.TimedOut:
		return address + " timed out"
	default:
	}
	return address + " " + string(o.Outcome)
}

func (p Probes) lookTCP(ctx context.Context, call *engine.Call, in TCPInput) (TCP, error) {
	o := TCP{Address: in.Address, ResolvedAddresses: []string{}, Attempts: []Attempt{}}
	host, port, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return o, err
	}
	if err := p.allow.PermitName(host, port); err != nil {
		return o, err
	}
	seconds := max(1, int(in.Timeout.Seconds()))
	call.Reproduce("nc", "-vz", "-w", strconv.Itoa(seconds), host, strconv.Itoa(port))

	inner, stop := context.WithTimeout(ctx, reach.InnerTimeout(ctx, in.Timeout))
	defer stop()
	addrs, err := o.resolve(inner, call, host)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	if err != nil || len(addrs) == 0 {
		o.unread(call, nil, in)
		return o, nil
	}
	for _, addr := range addrs { // before the first packet, so that nothing is half done
		if err := p.allow.Permit(host, port, addr); err != nil {
			return o, err
		}
	}
	look := &tcpLook{allow: p.allow, host: host, in: in, failures: retransFailures()}
	defer look.close()
	for i, addr := range addrs {
		if err := look.attempt(inner, call, &o, netip.AddrPortFrom(addr, uint16(port)), len(addrs)-i); err != nil {
			return o, err
		}
		if ctx.Err() != nil && o.Outcome != reach.Connected {
			return o, ctx.Err()
		}
		if o.Outcome == reach.Connected && !in.AllAddresses {
			break
		}
	}
	if err := look.hold(ctx, &o); err != nil {
		return o, err
	}
	o.unread(call, look, in)
	return o, nil
}

// unread marks what depends on a connection, or on one that timed out; look is
// nil when no attempt was made.
func (o *TCP) unread(call *engine.Call, look *tcpLook, in TCPInput) {
	reason := "there was no connection: " + string(o.Outcome)
	if o.Outcome == "" {
		reason = look.blind.Reason
		call.Unread("outcome", reason, look.blind.Fix)
	}
	switch o.Outcome {
	case reach.Connected:
	case "":
		call.Unread("connect_seconds", reason, "")
		call.Unread("remote_address", reason, "")
	default: // all there is was seen
		call.NotAsked("connect_seconds", reason, "")
		call.NotAsked("remote_address", reason, "")
	}
	for _, field := range []string{"after_connect", "banner"} {
		switch {
		case in.Hold == 0:
			call.NotAsked(field, "the connection was not held", "set hold: 1s")
		case o.Outcome != reach.Connected && o.Outcome != "":
			call.NotAsked(field, reason, "")
		case o.Outcome != reach.Connected:
			call.Unread(field, reason, "")
		}
	}
	switch {
	case look == nil || !look.retried:
		call.NotAsked("local_send_failures", "no attempt timed out after 1.2 s", "")
	case look.failures < 0:
		call.Unread("local_send_failures", "the kernel does not count them", "")
	default:
		o.LocalSendFailures = max(0, retransFailures()-look.failures)
	}
}

// resolve finds the addresses of a host and sets the outcome when there is none.
func (o *TCP) resolve(ctx context.Context, call *engine.Call, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		o.ResolvedAddresses = []string{addr.String()}
		return []netip.Addr{addr}, nil
	}
	started := time.Now()
	addrs, err := reach.Resolver().LookupNetIP(ctx, "ip", host)
	o.ResolveSeconds = time.Since(started).Seconds()
	var failure *net.DNSError
	switch {
	case errors.As(err, &failure) && failure.IsNotFound:
		o.Outcome = reach.NameNotFound
	case err != nil:
		o.Outcome = reach.NameFailed
		call.Unread("resolved_addresses", "the name service gives no answer: "+err.Error(), "")
		call.Excerpt("name service", err.Error())
	case len(addrs) > reach.MaxAddresses:
		addrs = addrs[:reach.MaxAddresses]
	}
	for i, addr := range addrs {
		addrs[i] = addr.Unmap()
		o.ResolvedAddresses = append(o.ResolvedAddresses, addrs[i].String())
	}
	return addrs, err
}
