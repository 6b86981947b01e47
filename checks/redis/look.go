package redis

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// pingEvery is the time between two pings of the window.
const pingEvery = 50 * time.Millisecond

// slowPing is from when on an answer counts as slow: what redis-cli --latency
// calls high on a local network is a few ms.
const slowPing = 0.010

func (p Probes) look(ctx context.Context, call *engine.Call, in Input) (Server, error) {
	o := Server{
		Address: in.Address, Commands: []Command{}, LatencyEvents: []LatencyEvent{}, Keyspace: []Database{},
		SlowLog: SlowLog{Commands: []SlowCommand{}}, Replication: Replication{Replicas: []Replica{}},
	}
	host, port, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return o, err
	}
	reproduce(call, in)
	if err := ctx.Err(); err != nil {
		return o, err
	}
	if err := p.allow.PermitName(host, port); err != nil {
		return o, err
	}
	var config *tls.Config
	if in.TLS == "on" {
		if config, err = in.files().Config(); err != nil {
			return o, err
		}
	}
	l := look{Server: &o, call: call, in: in}
	var deadline time.Time
	deadline, l.end, l.window = reach.Divide(ctx, in.Timeout, in.Window)
	conn, outcome, err := p.allow.Reach(ctx, host, port, deadline)
	o.ResolveSeconds = conn.ResolveSeconds
	if err != nil {
		return o, err
	}
	if outcome != reach.Connected {
		o.Outcome = outcome
		l.unread("connect_seconds", "remote_address", "handshake_seconds")
		l.nothing("there was no connection: " + outcome.Words())
		return o, nil
	}
	o.Connected, o.RemoteAddress, o.ConnectSeconds = true, conn.RemoteAddr().String(), conn.ConnectSeconds
	defer reach.Bind(ctx, conn, deadline)()
	err = l.talk(ctx, conn.Conn, config)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	return o, err
}

// look is one look at a server.
type look struct {
	*Server

	call   *engine.Call
	in     Input
	end    time.Time     // of everything
	window time.Duration // shorter than asked for when the step has little time

	conn  net.Conn
	s     *session
	clock float64 // the server's, in seconds, when INFO does not tell it
}

// talk does everything on a connection. Its error is one of our own host.
func (l *look) talk(ctx context.Context, conn net.Conn, config *tls.Config) error {
	l.conn = conn
	if config != nil {
		secured := tls.Client(conn, config)
		started := time.Now()
		if err := secured.HandshakeContext(ctx); err != nil {
			l.unread("handshake_seconds")
			var blind error
			l.Outcome, l.Error, blind = reach.HandshakeFailure(err)
			l.nothing("there was no TLS connection: " + l.Outcome.Words())
			return blind
		}
		l.HandshakeSeconds, l.conn = time.Since(started).Seconds(), secured
	}
	l.s = newSession(l.conn)
	defer l.s.close()
	if fatal, err := l.login(ctx); fatal || err != nil {
		l.nothing("the server did not let us in: " + l.Outcome.Words())
		return err
	}
	return l.watch(ctx)
}

// login makes the session one that a client would have. It is fatal when the
// server answers nothing else either; then Outcome says why.
func (l *look) login(ctx context.Context) (fatal bool, _ error) {
	var commands [][]string
	if l.in.Password.IsSet() {
		argv := []string{"AUTH", l.in.Password.Reveal()}
		if l.in.Username != "" {
			argv = []string{"AUTH", l.in.Username, l.in.Password.Reveal()}
		}
		commands = append(commands, argv)
	}
	// That the user may not name its connection is no matter.
	commands = append(commands, []string{"PING"}, []string{"CLIENT", "SETNAME", "gumshoe"})
	if l.in.DB != 0 {
		commands = append(commands, []string{"SELECT", strconv.Itoa(l.in.DB)})
	}
	started := time.Now()
	replies, err := l.s.do(ctx, commands...)
	if len(replies) > 0 {
		l.LoginSeconds = time.Since(started).Seconds()
	}
	if len(replies) > 0 && l.in.Password.IsSet() {
		if auth := replies[0]; auth.kind == errorReply {
			// That it is loading, or has too many clients, is not the fault of the password.
			l.rejected(auth)
			if l.Outcome == Rejected {
				l.Outcome = reach.AuthFailed
			}
			return true, nil
		}
		replies = replies[1:]
	}
	switch {
	case len(replies) == 0:
		return true, l.failed(err)
	case replies[0].kind == errorReply: // to PING
		l.rejected(replies[0])
	case replies[0].kind != textReply:
		return true, l.failed(&protocolError{"it answers PING with something else"})
	default:
		l.Outcome = reach.OK
	}
	switch l.Outcome {
	case reach.OK, Loading, MasterDown, Misconf, reach.NoPermission:
	default:
		return true, nil
	}
	if err != nil {
		return true, l.failed(err)
	}
	if l.in.DB != 0 && l.Outcome == reach.OK && replies[2].kind == errorReply {
		l.rejected(replies[2])
		if l.Outcome == Rejected {
			l.Outcome = NoSuchDatabase
		}
	}
	return false, nil
}

// watch reads the counters, pings over the window, and reads them again.
func (l *look) watch(ctx context.Context) error {
	_ = l.conn.SetDeadline(l.end) // it fails only on a closed connection, whose next read tells
	first, err := l.s.do(ctx, []string{"SLOWLOG", "GET", "1"}, []string{"INFO", "all"})
	at := time.Now()
	if err != nil {
		blind := l.failed(err)
		l.nothing("the server stopped answering: " + l.Outcome.Words())
		return blind
	}
	before := l.readable(first[1])
	if l.Outcome == reach.ProtocolError {
		l.nothing("the server does not say how it is")
		return nil
	}
	pings, err := l.ping(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if before == nil {
		l.noInfo()
		if err != nil {
			return l.failed(err)
		}
		return nil
	}
	wanted := last(before)
	var second []reply
	if err == nil {
		second, err = l.s.do(ctx, wanted...)
	}
	l.WindowSeconds = time.Since(at).Seconds()
	if err != nil {
		blind := l.failed(err)
		l.Error = strings.TrimSuffix("it stopped answering after the first reading: "+l.Error, ": ")
		l.fill(before)
		l.noDeltas("the server stopped answering: " + l.Outcome.Words())
		l.noLists("the server stopped answering: " + l.Outcome.Words())
		return blind
	}
	after := l.readable(second[0])
	if after == nil { // the user's rights were taken away meanwhile
		after = before
	}
	if l.Outcome == reach.NoPermission { // to PING, which nobody needs
		l.Outcome = reach.OK
	}
	l.lists(wanted, second, newestSlow(first[0]), after)
	l.deltas(before, after, int64(pings))
	return nil
}

// readable gives INFO; none when the user may not read it, or it is none.
func (l *look) readable(r reply) info {
	switch {
	case r.kind == textReply:
		return parseInfo(r.text)
	case r.kind != errorReply:
		l.Outcome, l.Error = reach.ProtocolError, "it answers INFO with something else"
		return nil
	}
	if l.Outcome == reach.OK || l.Outcome == reach.NoPermission {
		l.rejected(r)
	}
	if l.Outcome == Rejected {
		l.Outcome = reach.NoPermission // the command was renamed, or a proxy does not know it
	}
	return nil
}

// ping asks again and again until the window is over, and counts how often. The
// error is that of the connection; an answer that is an error is an answer.
func (l *look) ping(ctx context.Context) (sent int, _ error) {
	over := time.NewTimer(l.window)
	defer over.Stop()
	tick := time.NewTicker(min(pingEvery, l.window/4))
	defer tick.Stop()
	var sum float64
	slow := 0
	for {
		select {
		case <-ctx.Done():
			return sent, ctx.Err()
		case <-over.C:
			if l.Ping.Samples == 0 {
				l.unread("ping")
				return sent, nil
			}
			l.Ping.MeanSeconds = sum / float64(l.Ping.Samples)
			l.Ping.SlowPercent = 100 * float64(slow) / float64(l.Ping.Samples)
			return sent, nil
		case <-tick.C:
		}
		started := time.Now()
		if _, err := l.s.do(ctx, []string{"PING"}); err != nil {
			l.call.Unread("ping", "the server stopped answering", "")
			return sent, err
		}
		took := time.Since(started).Seconds()
		sent++
		l.Ping.Samples++
		if l.Ping.Samples == 1 {
			l.Ping.MinSeconds = took
		}
		l.Ping.MinSeconds, l.Ping.MaxSeconds = min(l.Ping.MinSeconds, took), max(l.Ping.MaxSeconds, took)
		if sum += took; took > slowPing {
			slow++
		}
	}
}
