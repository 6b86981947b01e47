package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"gumshoe/engine"
)

// TCPInput are the inputs of probe.tcp.
type TCPInput struct {
	// Address is the host and port to connect to; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// Timeout is how long looking up the name and connecting may take together.
	Timeout time.Duration `json:"timeout" default:"3s" min:"10ms" max:"30s"`
}

// TCP is what probe.tcp observes.
type TCP struct {
	// Outcome is what came of it: connected; refused (nothing listens there, or a
	// firewall says so); timed_out (no answer); reset; unreachable (no route, or a
	// router says so); name_not_found (the name does not exist); name_failed (the
	// name service gives no answer). With several addresses it is that of the
	// attempt that tells most: connected, refused, reset, timed_out, unreachable.
	Outcome Outcome `json:"outcome" expr:"outcome" enum:"connected,refused,timed_out,reset,unreachable,name_not_found,name_failed"`
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
}

// Attempt is one try to connect to one address.
type Attempt struct {
	// Address is the IP address and port.
	Address string `json:"address" expr:"address"`
	// Outcome is what came of it.
	Outcome Outcome `json:"outcome" expr:"outcome" enum:"connected,refused,timed_out,reset,unreachable"`
	// ElapsedSeconds is how long it took to connect or to fail.
	ElapsedSeconds float64 `json:"elapsed_seconds" expr:"elapsed_seconds"`
}

// maxAttempts bounds how many addresses of a name are tried.
const maxAttempts = 8

// TCP is the check probe.tcp.
//
// It looks up the name and tries its addresses one after the other, each with an
// equal share of the time that is left, until one connects. It sends no data.
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
		Plan:      planTCP,
		Run:       p.lookTCP,
		Summarize: summarizeTCP,
	}
}

func summarizeTCP(o TCP) string {
	address := clip(o.Address, 80)
	switch o.Outcome {
	case Connected:
		return fmt.Sprintf("%s connected in %s", address, milliseconds(o.ConnectSeconds))
	case NameNotFound:
		return address + ": no such name"
	case NameFailed:
		return address + ": the name service gives no answer"
	case TimedOut:
		return address + " timed out"
	case RefusedByIt, Reset, Unreachable:
	}
	return address + " " + string(o.Outcome)
}

func planTCP(in TCPInput) []engine.Touch {
	host, _, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return nil
	}
	return append(planName(host), engine.Touch{Kind: engine.TouchNetwork, What: in.Address + " tcp", How: "connect"})
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

	inner, stop := context.WithTimeout(ctx, innerTimeout(ctx, in.Timeout))
	defer stop()
	addrs, err := o.resolve(inner, call, host)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	if err != nil || len(addrs) == 0 {
		o.notConnected(call)
		return o, nil
	}
	for _, addr := range addrs { // before the first packet, so that nothing is half done
		if err := p.allow.Permit(host, port, addr); err != nil {
			return o, err
		}
	}
	for i, addr := range addrs {
		if err := o.attempt(inner, p.allow, host, netip.AddrPortFrom(addr, uint16(port)), len(addrs)-i); err != nil {
			return o, err
		}
		if ctx.Err() != nil && o.Outcome != Connected {
			return o, ctx.Err()
		}
		if o.Outcome == Connected {
			return o, nil
		}
	}
	o.notConnected(call)
	return o, nil
}

func (o *TCP) notConnected(call *engine.Call) {
	reason := "there was no connection: " + string(o.Outcome)
	call.Unread("connect_seconds", reason, "")
	call.Unread("remote_address", reason, "")
}

// resolve finds the addresses of a host and sets the outcome when there is none.
func (o *TCP) resolve(ctx context.Context, call *engine.Call, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		o.ResolvedAddresses = []string{addr.String()}
		return []netip.Addr{addr}, nil
	}
	started := time.Now()
	addrs, err := resolver().LookupNetIP(ctx, "ip", host)
	o.ResolveSeconds = time.Since(started).Seconds()
	var failure *net.DNSError
	switch {
	case errors.As(err, &failure) && failure.IsNotFound:
		o.Outcome = NameNotFound
	case err != nil:
		o.Outcome = NameFailed
		call.Unread("resolved_addresses", "the name service gives no answer: "+err.Error(), "")
		call.Excerpt("name service", err.Error())
	case len(addrs) > maxAttempts:
		addrs = addrs[:maxAttempts]
	}
	for i, addr := range addrs {
		addrs[i] = addr.Unmap()
		o.ResolvedAddresses = append(o.ResolvedAddresses, addrs[i].String())
	}
	return addrs, err
}

// attempt tries one address with its share of the time that is left for it and
// those after it.
func (o *TCP) attempt(ctx context.Context, allow *AllowList, host string, to netip.AddrPort, left int) error {
	deadline, _ := ctx.Deadline()
	share, stop := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
	defer stop()
	dialer := net.Dialer{Control: allow.Control(host), KeepAlive: -1}
	started := time.Now()
	conn, err := dialer.DialContext(share, "tcp", to.String())
	elapsed := time.Since(started).Seconds()
	outcome, err := outcomeOf(err)
	if err != nil {
		return err
	}
	if conn != nil {
		o.RemoteAddress, o.ConnectSeconds = conn.RemoteAddr().String(), elapsed
		conn.Close()
	}
	o.Attempts = append(o.Attempts, Attempt{Address: to.String(), Outcome: outcome, ElapsedSeconds: elapsed})
	if rank(outcome) > rank(o.Outcome) {
		o.Outcome = outcome
	}
	return nil
}

// rank orders outcomes by how much they tell: an answer from the target more
// than silence, silence more than a missing route, as of IPv6.
func rank(o Outcome) int {
	switch o {
	case Connected:
		return 5
	case RefusedByIt:
		return 4
	case Reset:
		return 3
	case TimedOut:
		return 2
	case Unreachable:
		return 1
	case NameNotFound, NameFailed:
	}
	return 0
}

func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
