package reach

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Conn is a TCP connection to a host, with the times it took.
type Conn struct {
	net.Conn

	// ResolveSeconds is how long finding the addresses took; 0 for an address.
	ResolveSeconds float64
	// ConnectSeconds is how long connecting took, with the addresses that did not
	// answer.
	ConnectSeconds float64
	// Tried are the addresses that were tried, in order; the last is the one that
	// connected, if one did.
	Tried []netip.Addr
}

// Reach looks up a host and tries its addresses in turn, each with an equal
// share of the time that is left, until one connects. Without a connection
// (Conn.Conn is nil) the outcome is that of the attempt that tells most. The end
// of ctx, which comes after the deadline, is an error.
func (a *AllowList) Reach(ctx context.Context, host string, port int, deadline time.Time) (Conn, Outcome, error) {
	var c Conn
	if err := a.PermitName(host, port); err != nil {
		return c, "", err
	}
	started := time.Now()
	addrs, outcome, err := a.Addresses(ctx, host, port, time.Until(deadline))
	if err != nil {
		return c, "", err
	}
	if net.ParseIP(host) == nil {
		c.ResolveSeconds = time.Since(started).Seconds()
	}
	started = time.Now()
	for i, addr := range addrs {
		share := time.Until(deadline) / time.Duration(len(addrs)-i)
		c.Tried = append(c.Tried, addr.Unmap())
		conn, came, err := a.dial(ctx, host, netip.AddrPortFrom(addr.Unmap(), uint16(port)), share)
		if err != nil {
			return c, "", err
		}
		if came.Rank() > outcome.Rank() {
			outcome = came
		}
		if conn != nil {
			c.Conn = conn
			break
		}
	}
	c.ConnectSeconds = time.Since(started).Seconds()
	return c, outcome, nil
}

// dial tries one address of a host for a time. The list is asked about the very
// address, whatever was asked before.
func (a *AllowList) dial(ctx context.Context, host string, to netip.AddrPort, share time.Duration) (net.Conn, Outcome, error) {
	inner, stop := context.WithTimeout(ctx, share)
	defer stop()
	dialer := net.Dialer{Control: a.Control(host), KeepAlive: -1}
	conn, err := dialer.DialContext(inner, "tcp", to.String())
	if err == nil {
		return conn, Connected, nil
	}
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	outcome, err := OutcomeOf(err)
	return nil, outcome, err
}

// Dialer makes the connections of a client library during one look, and
// remembers how the last attempt went. It is safe for concurrent use.
type Dialer struct {
	// Allow is asked about every connection.
	Allow *AllowList
	// Deadline is when an attempt is given up: before the context's, so that
	// silence is the target's.
	Deadline time.Time

	mu   sync.Mutex
	last Trip
}

// Trip is how an attempt of a Dialer went.
type Trip struct {
	// Outcome is Connected or why there is no connection; "" when none was tried.
	Outcome Outcome
	// RemoteAddress is the address and port that answered; "" unless Connected.
	RemoteAddress string
	// ResolveSeconds and ConnectSeconds are as in Conn.
	ResolveSeconds, ConnectSeconds float64
}

// DialContext connects as Reach does. Its error is a FailureError with the
// outcome when the target or the network did it; OutcomeOf finds it in whatever
// the library makes of it. Connections end at the deadline.
func (d *Dialer) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, err
	}
	conn, outcome, err := d.Allow.Reach(ctx, host, int(port), d.Deadline)
	if err != nil {
		return nil, err
	}
	trip := Trip{Outcome: outcome, ResolveSeconds: conn.ResolveSeconds, ConnectSeconds: conn.ConnectSeconds}
	if conn.Conn != nil {
		trip.RemoteAddress = conn.RemoteAddr().String()
	}
	d.mu.Lock()
	d.last = trip
	d.mu.Unlock()
	if conn.Conn == nil {
		return nil, &FailureError{Outcome: outcome}
	}
	_ = conn.SetDeadline(d.Deadline) // it fails only on a closed connection, whose next read tells
	return conn.Conn, nil
}

// Last tells how the last attempt went.
func (d *Dialer) Last() Trip {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// Bind makes the reads and writes of a connection end at the deadline, and at
// once when ctx ends. What it gives back releases the connection and closes it.
func Bind(ctx context.Context, conn net.Conn, deadline time.Time) (release func()) {
	_ = conn.SetDeadline(deadline) // it fails only on a closed connection, whose next read tells
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	return func() {
		stop()
		conn.Close()
	}
}

// Divide divides the time of a look that watches for a window: everything ends at
// end, and what comes before the window at deadline. The window is shorter than
// asked for when ctx leaves less time, in proportion.
func Divide(ctx context.Context, timeout, window time.Duration) (deadline, end time.Time, shorter time.Duration) {
	whole := InnerTimeout(ctx, timeout+window)
	share := window.Seconds() / (timeout + window).Seconds()
	shorter = max(time.Millisecond, time.Duration(share*float64(whole)))
	end = time.Now().Add(whole)
	return end.Add(-shorter), end, shorter
}

// InnerTimeout shortens a timeout so that it ends well before ctx does: then
// the target's silence is an observation.
func InnerTimeout(ctx context.Context, timeout time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(timeout, time.Until(deadline)*9/10)
	}
	return timeout
}
