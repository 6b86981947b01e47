package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// tcpLook is one look of probe.tcp while it is under way.
type tcpLook struct {
	allow *reach.AllowList
	host  string
	in    TCPInput

	conn     net.Conn           // the first that connected, while it is held
	blind    *engine.BlindError // what of this host stopped an attempt last
	retried  bool               // an attempt lasted until TCP had sent again
	failures int64              // TCPRetransFail before the first attempt
}

func (l *tcpLook) close() {
	if l.conn != nil {
		l.conn.Close()
	}
}

// attempt tries one address with its share of the time that is left for it and
// those after it.
func (l *tcpLook) attempt(ctx context.Context, call *engine.Call, o *TCP, to netip.AddrPort, left int) error {
	deadline, _ := ctx.Deadline()
	share, stop := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
	defer stop()
	var errorQueue icmpErrors
	defer errorQueue.close()
	permit := l.allow.Control(l.host)
	dialer := net.Dialer{KeepAlive: -1, Control: func(network, address string, raw syscall.RawConn) error {
		if err := permit(network, address, raw); err != nil {
			return err
		}
		return raw.Control(func(fd uintptr) { errorQueue.watch(int(fd), to.Addr()) })
	}}
	started := time.Now()
	conn, err := dialer.DialContext(share, "tcp", to.String())
	elapsed := time.Since(started).Seconds()
	outcome, err := reach.OutcomeOf(err)
	reason, from, told := errorQueue.read()
	if errors.Is(err, syscall.EACCES) && told { // a router's "prohibited" of IPv6 comes as this
		outcome, err = reach.Unreachable, nil
	}
	a := Attempt{Address: to.String(), Outcome: outcome, ElapsedSeconds: elapsed}
	var blind *engine.BlindError
	switch {
	case errors.As(err, &blind):
		l.blind, o.LocalFault = blind, localFault(blind)
		call.Unread("attempts["+strconv.Itoa(len(o.Attempts))+"].outcome", blind.Reason, blind.Fix)
	case err != nil:
		return err
	case conn == nil && told:
		a.ICMPReason, o.ICMPReason, o.ICMPFrom = reason, reason, from
	}
	l.retried = l.retried || outcome == reach.TimedOut && elapsed > 1.2
	o.Attempts = append(o.Attempts, a)
	if outcome.Rank() > o.Outcome.Rank() {
		o.Outcome = outcome
	}
	switch {
	case conn != nil && l.conn == nil:
		o.RemoteAddress, o.ConnectSeconds = conn.RemoteAddr().String(), elapsed
		l.conn = conn
		errorQueue.close()
	case conn != nil:
		conn.Close()
	}
	return nil
}

// hold keeps the connection for a while, and tells what the target does with it.
func (l *tcpLook) hold(ctx context.Context, o *TCP) error {
	if l.conn == nil || l.in.Hold == 0 {
		return nil
	}
	release := reach.Bind(ctx, l.conn, time.Now().Add(reach.InnerTimeout(ctx, l.in.Hold)))
	defer release()
	text := make([]byte, 200)
	n, err := l.conn.Read(text)
	switch outcome, _ := reach.OutcomeOf(err); {
	case ctx.Err() != nil:
		return ctx.Err()
	case n > 0:
		o.AfterConnect, o.Banner = "data", reach.Printable(string(text[:n]))
	case outcome == reach.Reset:
		o.AfterConnect = "reset"
	case reach.IsClosed(err):
		o.AfterConnect = "closed"
	default:
		o.AfterConnect = "open"
	}
	return nil
}

// localFault names what of this host stopped a connection.
func localFault(err error) string {
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "forbidden"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no_local_port"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "no_file_descriptors"
	}
	return "other"
}

// icmpErrors keeps the error queue of a socket that is being connected, in which
// the kernel tells who said what about it. The socket is gone once Dial has
// failed, and so it holds a second descriptor.
type icmpErrors struct {
	fd   int
	held bool
}

// watch asks for the errors; without them the outcome is the same, and tells less.
func (e *icmpErrors) watch(fd int, to netip.Addr) {
	level, option := syscall.IPPROTO_IP, syscall.IP_RECVERR
	if to.Is6() {
		level, option = syscall.IPPROTO_IPV6, syscall.IPV6_RECVERR
	}
	if syscall.SetsockoptInt(fd, level, option, 1) != nil {
		return
	}
	again, _, failed := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if failed == 0 {
		e.close()
		e.fd, e.held = int(again), true
	}
}

func (e *icmpErrors) close() {
	if e.held {
		_ = syscall.Close(e.fd) // a descriptor of ours, of which nothing is to be written
	}
	e.held = false
}

// read takes the last error out of the queue.
func (e *icmpErrors) read() (reason, from string, ok bool) {
	control := make([]byte, 512)
	for range 16 { // a queue that is being filled does not keep us
		if !e.held {
			break
		}
		_, n, _, _, err := syscall.Recvmsg(e.fd, nil, control, syscall.MSG_ERRQUEUE|syscall.MSG_DONTWAIT)
		if err != nil {
			break
		}
		if r, f, found := queuedFailure(control[:n]); found {
			reason, from, ok = r, f, true
		}
	}
	return reason, from, ok
}

// queuedFailure reads an ICMP error from what comes with an entry of the queue.
func queuedFailure(control []byte) (reason, from string, ok bool) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return "", "", false
	}
	for _, m := range messages {
		h := m.Header
		if h.Level == syscall.IPPROTO_IP && h.Type == syscall.IP_RECVERR || h.Level == syscall.IPPROTO_IPV6 && h.Type == syscall.IPV6_RECVERR {
			const local = 1
			if reason, from, ok = extendedFailure(m.Data); ok && m.Data[4] != local {
				return reason, from, true
			}
		}
	}
	return "", "", false
}

// retransFailures is how many segments this host could not send again since it
// started, or -1 when the kernel does not tell.
func retransFailures() int64 {
	text, err := os.ReadFile("/proc/thread-self/net/netstat")
	if err != nil {
		return -1
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "TcpExt:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i := range min(len(names), len(fields)) {
			if names[i] == "TCPRetransFail" {
				if n, err := strconv.ParseInt(fields[i], 10, 64); err == nil {
					return n
				}
			}
		}
	}
	return -1
}
