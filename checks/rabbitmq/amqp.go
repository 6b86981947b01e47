package rabbitmq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func (p Probes) look(ctx context.Context, call *engine.Call, in Input) (Server, error) {
	o := Server{Address: in.Address, NodesDown: []string{}, Nodes: []Node{}, Queues: []Queue{}, Connections: Connections{BlockedNames: []string{}}}
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
	m, err := p.newManagement(in)
	if err != nil {
		return o, err
	}
	var config *tls.Config
	if in.TLS == "on" {
		if config, err = in.files().Config(); err != nil {
			return o, err
		}
	}
	end := time.Now().Add(reach.InnerTimeout(ctx, in.Timeout))

	// Both at once: a broker that hangs must not take the time of the one that answers.
	answered := make(chan error, 1)
	go func() { answered <- m.ask(ctx, end) }()
	l := look{Server: &o, call: call, in: in}
	err = l.amqp(ctx, p.allow, host, port, config, end)
	if asked := <-answered; err == nil {
		err = asked
	}
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	if err != nil {
		return o, err
	}
	m.fill(&o, call)
	return o, nil
}

// look is one look over AMQP.
type look struct {
	*Server

	call *engine.Call
	in   Input
}

// amqp logs in. Its error is one of our own host.
func (l *look) amqp(ctx context.Context, allow *reach.AllowList, host string, port int, config *tls.Config, end time.Time) error {
	conn, outcome, err := allow.Reach(ctx, host, port, end)
	l.ResolveSeconds = conn.ResolveSeconds
	if err != nil {
		return err
	}
	if outcome != reach.Connected {
		l.Outcome = outcome
		l.without("there was no connection: "+outcome.Words(), "remote_address", "connect_seconds",
			"handshake_seconds", "login_seconds", "channel_seconds", "product", "version")
		return nil
	}
	l.RemoteAddress, l.ConnectSeconds = conn.RemoteAddr().String(), conn.ConnectSeconds
	defer reach.Bind(ctx, conn, end)()
	started := time.Now()
	stream := conn.Conn
	if config != nil {
		secured := tls.Client(conn.Conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			var blind error
			l.Outcome, l.Error, blind = reach.HandshakeFailure(err)
			l.without("there was no TLS connection: "+l.Outcome.Words(), "handshake_seconds", "login_seconds", "channel_seconds", "product", "version")
			return blind
		}
		stream = secured
	}
	return l.login(&wire{conn: stream}, started)
}

// login opens the virtual host and a channel, and closes them.
func (l *look) login(w *wire, started time.Time) error {
	properties := amqp091.Table{"product": "gumshoe", "connection_name": "gumshoe"}
	plain := &plainAuth{properties: properties, user: l.in.User, password: l.in.Password}
	conn, err := amqp091.Open(w, amqp091.Config{
		SASL: []amqp091.Authentication{plain}, Vhost: l.in.Vhost, ChannelMax: 1, FrameSize: 128 << 10,
		Heartbeat: 30 * time.Second, Properties: properties, Locale: "en_US",
	})
	defer func() {
		if l.Outcome != reach.OK {
			w.Close() // else what follows would wait for an answer
		}
		_ = conn.Close() // it releases the library's goroutines, also when there was no login
	}()
	if !plain.asked.IsZero() {
		l.HandshakeSeconds = plain.asked.Sub(started).Seconds()
		l.Product, l.Version = property(conn, "product"), property(conn, "version")
	}
	if err != nil {
		blind := l.failed(w, err)
		if plain.asked.IsZero() {
			l.without("the broker sent no first frame", "handshake_seconds", "product", "version")
		}
		l.without("the broker did not let us in: "+l.Outcome.Words(), "login_seconds", "channel_seconds")
		return blind
	}
	l.LoginSeconds = time.Since(plain.asked).Seconds()
	opened := time.Now()
	if _, err = conn.Channel(); err != nil {
		blind := l.failed(w, err)
		l.call.Unread("channel_seconds", "the broker opened no channel: "+l.Outcome.Words(), "")
		return blind
	}
	l.ChannelSeconds = time.Since(opened).Seconds()
	l.Outcome = reach.OK
	return nil
}

// without marks what a broker that did not let us in does not tell.
func (l *look) without(reason string, fields ...string) {
	reach.Without(l.call, own(l.Outcome), reason, fields...)
}

// own tells whether an outcome is the broker's own failure, whoever asks.
func own(o reach.Outcome) bool { return o.OfTarget() || o == VhostDown }

func property(conn *amqp091.Connection, name string) string {
	text, _ := conn.Properties[name].(string) // a broker without one has none
	return reach.Printable(text)
}

// failed sets the outcome from an error of the library, which tells an error of
// the connection only as a text: the wire remembers it.
func (l *look) failed(w *wire, err error) error {
	var said *amqp091.Error
	network, first := w.end()
	if errors.As(err, &said) && said.Code != amqp091.FrameError && said.Code != amqp091.ChannelError {
		l.Outcome, l.Error = rejection(said), reach.Printable(said.Reason)
		return nil
	}
	switch {
	case strings.HasPrefix(first, "AMQP") && len(first) == 8:
		l.Outcome = reach.ProtocolError
		l.Error = fmt.Sprintf("it wants AMQP %d-%d-%d", first[5], first[6], first[7])
	case len(first) > 0 && first[0] != 1 && !reach.IsTimeout(network): // a frame with a method
		l.Outcome, l.Error = reach.ProtocolError, reach.Printable("it begins with "+fmt.Sprintf("%q", first))
	case network == nil:
		l.Outcome, l.Error = reach.ProtocolError, reach.Printable(err.Error())
	case reach.IsClosed(network):
		l.Outcome = reach.Closed
	default:
		if text, is := reach.TLSFailure(network); is {
			l.Outcome, l.Error = reach.TLSFailed, text
			return nil
		}
		var blind error
		l.Outcome, blind = reach.OutcomeOf(network)
		return blind
	}
	return nil
}

// rejection tells the outcome from what the broker said (AMQP 0-9-1, 1.2).
func rejection(said *amqp091.Error) reach.Outcome {
	reason := strings.ToLower(said.Reason)
	switch {
	case strings.Contains(reason, "limit") && strings.Contains(reason, "reached"):
		return reach.TooManyConnections
	case said.Code == amqp091.NotAllowed && strings.Contains(reason, "not found"):
		return VhostNotFound
	case said.Code == amqp091.NotAllowed && strings.Contains(reason, "is down"),
		said.Code == amqp091.InternalError && strings.Contains(reason, "is down"):
		return VhostDown
	case said.Code == amqp091.NotAllowed && strings.Contains(reason, "vhost"):
		return VhostDenied
	case said.Code == amqp091.AccessRefused:
		return reach.AuthFailed
	case said.Code == amqp091.SyntaxError, said.Code == amqp091.CommandInvalid, said.Code == amqp091.UnexpectedFrame:
		return reach.ProtocolError
	}
	return Rejected
}

// plainAuth logs in with a user and a password (RFC 4616), and remembers when
// the broker asked.
type plainAuth struct {
	properties amqp091.Table
	user       string
	password   engine.Secret
	asked      time.Time
}

// Mechanism is that of SASL.
func (p *plainAuth) Mechanism() string { return "PLAIN" }

// Response is asked for right before it is sent. The library has set its
// capabilities by then, and lacks the one without which RabbitMQ closes the
// connection without saying that the password is wrong.
func (p *plainAuth) Response() string {
	p.asked = time.Now()
	if capabilities, is := p.properties["capabilities"].(amqp091.Table); is {
		capabilities["authentication_failure_close"] = true
	}
	return "\x00" + p.user + "\x00" + p.password.Reveal()
}

// wire is a connection whose deadlines the library cannot move, and which
// remembers how it began and ended.
type wire struct {
	conn net.Conn

	mu    sync.Mutex
	first []byte // the first 8
	err   error  // of the first read or write that failed
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if missing := 8 - len(w.first); missing > 0 {
		w.first = append(w.first, p[:min(n, missing)]...)
	}
	w.remember(err)
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.conn.Write(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remember(err)
	return n, err
}

// remember keeps the first error. That of a connection which we closed is none.
func (w *wire) remember(err error) {
	if w.err == nil && err != nil && !errors.Is(err, net.ErrClosed) {
		w.err = err
	}
}

// Close ends the connection.
func (w *wire) Close() error { return w.conn.Close() }

func (w *wire) end() (err error, first string) { //nolint:revive,staticcheck // the error is a value here
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err, string(w.first)
}

var _ io.ReadWriteCloser = (*wire)(nil)
