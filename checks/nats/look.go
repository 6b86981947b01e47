package nats

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// pingEvery is the time between two pings of the window.
const pingEvery = 50 * time.Millisecond

func (p Probes) look(ctx context.Context, call *engine.Call, in Input) (Server, error) {
	o := Server{
		Address: in.Address, Routes: []Route{}, Streams: []Stream{}, Consumers: []Consumer{},
		Clients: Clients{Pending: []PendingClient{}}, JetStream: JetStream{Source: "none"},
	}
	reproduce(call, in)
	if err := ctx.Err(); err != nil {
		return o, err
	}
	l, err := p.prepare(ctx, &o, call, in)
	if err != nil {
		return o, err
	}
	// The two ports tell of each other's trouble: they are asked at the same time.
	var group sync.WaitGroup
	var clientErr, monitorErr error
	group.Go(func() { clientErr = l.client(ctx) })
	if in.Monitor != "" {
		group.Go(func() { monitorErr = l.monitor(ctx) })
	}
	group.Wait()
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	if err := errors.Join(clientErr, monitorErr); err != nil {
		return o, err
	}
	l.conclude()
	return o, nil
}

// look is one look at a server.
type look struct {
	*Server

	allow  *reach.AllowList
	call   *engine.Call
	in     Input
	end    time.Time     // of everything
	window time.Duration // shorter than asked for when the step has little time

	host  string
	port  int
	creds credentials
	tls   *tls.Config // nil when it is off
	at    monitorAt

	conn net.Conn
	s    *session

	// What the two readings brought: of the client's port, and of the monitoring port.
	api, seen readings
	noAPI     string // why the API of JetStream told nothing; "" when it did
}

// prepare reads what the inputs name, before anything is connected to.
func (p Probes) prepare(ctx context.Context, o *Server, call *engine.Call, in Input) (*look, error) {
	l := &look{Server: o, allow: p.allow, call: call, in: in}
	_, l.end, l.window = reach.Divide(ctx, in.Timeout, in.Window)
	var err error
	if l.host, l.port, err = engine.SplitHostPort(in.Address); err != nil {
		return l, err
	}
	if err := p.allow.PermitName(l.host, l.port); err != nil {
		return l, err
	}
	if in.Monitor != "" {
		if l.at, err = parseMonitor(in.Monitor); err != nil {
			return l, err
		}
		if err := p.allow.PermitName(l.at.host, l.at.port); err != nil {
			return l, err
		}
		if l.at.tls {
			if l.at.config, err = in.files(l.at.host).Config(); err != nil {
				return l, err
			}
		}
	}
	if in.TLS != "off" {
		if l.tls, err = in.files("").Config(); err != nil {
			return l, err
		}
	}
	l.creds, err = readCredentials(in.CredsFile)
	return l, err
}

// client looks at the port for clients. Its error is one of our own host.
func (l *look) client(ctx context.Context) error {
	deadline := l.end.Add(-l.window)
	conn, outcome, err := l.allow.Reach(ctx, l.host, l.port, deadline)
	l.ResolveSeconds = conn.ResolveSeconds
	if err != nil {
		return err
	}
	if outcome != reach.Connected {
		l.Outcome = outcome
		reach.Without(l.call, l.own(), "there was no connection: "+outcome.Words(), "connect_seconds", "remote_address", "handshake_seconds")
		l.notIn()
		return nil
	}
	l.Connected, l.RemoteAddress, l.ConnectSeconds = true, conn.RemoteAddr().String(), conn.ConnectSeconds
	defer reach.Bind(ctx, conn, deadline)()
	l.conn = conn.Conn
	if err := l.login(ctx); err != nil || l.Outcome != reach.OK {
		l.notIn()
		return err
	}
	_ = l.conn.SetDeadline(l.end) // it fails only on a closed connection, whose next read tells
	if err := l.watch(ctx); err != nil {
		return l.failed(err)
	}
	return nil
}

// login reads the greeting and logs in. Its error is one of our own host.
func (l *look) login(ctx context.Context) error {
	started := time.Now()
	if l.in.TLS == "first" {
		if err := l.secure(ctx); err != nil || l.Outcome != "" {
			return err
		}
	}
	l.s = newSession(l.conn)
	if err := l.s.greet(); err != nil {
		return l.failed(err)
	}
	switch {
	case l.in.TLS == "off" && l.s.info.TLSRequired:
		l.Outcome, l.Error = TLSRequired, "its greeting says that TLS is required"
		l.greeted()
		return nil
	case l.in.TLS == "on" && !l.s.info.TLSRequired && !l.s.info.TLSOffered:
		l.Outcome, l.Error = reach.TLSFailed, "its greeting does not offer TLS"
		l.greeted()
		return nil
	case l.in.TLS == "on":
		if err := l.secure(ctx); err != nil || l.Outcome != "" {
			return err
		}
		greeting := l.s.info
		l.s = newSession(l.conn)
		l.s.info = greeting
	}
	err := l.s.send(l.in.hello(l.s.info, l.creds, l.in.TLS != "off"))
	if answer := l.s.pong(); answer != nil || err != nil {
		if answer == nil {
			answer = err
		}
		l.greeted()
		return l.failed(answer)
	}
	l.Outcome, l.LoginSeconds = reach.OK, time.Since(started).Seconds()
	l.greeted()
	return nil
}

// greeted fills what the greeting says, which comes before the login.
func (l *look) greeted() {
	i := l.s.info
	l.Name, l.Version, l.ClusterName = reach.Printable(i.Name), reach.Printable(i.Version), reach.Printable(i.Cluster)
	l.MaxPayloadBytes, l.LameDuck = max(0, i.MaxPayload), i.LameDuck
}

// secure does the TLS handshake. Its error is one of our own host.
func (l *look) secure(ctx context.Context) error {
	secured := tls.Client(l.conn, l.tls)
	started := time.Now()
	if err := secured.HandshakeContext(ctx); err != nil {
		var blind error
		l.Outcome, l.Error, blind = reach.HandshakeFailure(err)
		reach.Without(l.call, l.own(), "there was no TLS connection: "+l.Outcome.Words(), "handshake_seconds")
		return blind
	}
	l.HandshakeSeconds, l.conn = time.Since(started).Seconds(), secured
	return nil
}

// watch reads, pings over the window, and reads again. Its error is that of the
// connection.
func (l *look) watch(ctx context.Context) error {
	asks := l.in.Monitor == "" && l.s.info.JetStream
	inbox := "_INBOX." + strings.ToLower(rand.Text())
	if asks {
		if err := l.s.send("SUB " + inbox + ".* 1\r\n"); err != nil {
			return err
		}
		if err := l.ask(&l.api.before, inbox); err != nil {
			return err
		}
	}
	if err := l.ping(ctx); err != nil {
		return err
	}
	if asks && l.noAPI == "" {
		return l.ask(&l.api.after, inbox)
	}
	return nil
}

// ping asks again and again until the window is over.
func (l *look) ping(ctx context.Context) error {
	over := time.NewTimer(l.window)
	defer over.Stop()
	tick := time.NewTicker(max(time.Millisecond, min(pingEvery, l.window/4)))
	defer tick.Stop()
	var sum float64
	for {
		select {
		case <-ctx.Done():
			return nil // look tells
		case <-over.C:
			if l.Ping.Samples == 0 {
				l.unread("there was no time for it", "ping")
				return nil
			}
			l.Ping.MeanSeconds = sum / float64(l.Ping.Samples)
			l.LameDuck = l.s.info.LameDuck // it may have told meanwhile
			return nil
		case <-tick.C:
		}
		started := time.Now()
		err := l.s.send("PING\r\n")
		if answer := l.s.pong(); answer != nil {
			err = answer
		}
		if err != nil {
			l.unread("the server stopped answering", "ping")
			return err
		}
		took := time.Since(started).Seconds()
		l.Ping.Samples++
		if l.Ping.Samples == 1 {
			l.Ping.MinSeconds = took
		}
		l.Ping.MinSeconds, l.Ping.MaxSeconds = min(l.Ping.MinSeconds, took), max(l.Ping.MaxSeconds, took)
		sum += took
	}
}
