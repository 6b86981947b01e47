package mysql

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	client "github.com/go-sql-driver/mysql"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// look is one look at a server.
type look struct {
	*Server

	call     *engine.Call
	in       Input
	deadline time.Time     // of logging in
	end      time.Time     // of everything
	window   time.Duration // shorter than asked for when the step has little time

	wire *wire
	conn driver.Conn

	account string // who we are to the server, for a GRANT
	gone    string // why the server answers nothing any more
	blind   error  // the same, when it is our own host's doing
}

func (p Probes) look(ctx context.Context, call *engine.Call, in Input) (Server, error) {
	o := Server{
		Address: in.Address, Connections: Connections{ByUser: []UserConnections{}}, Activity: Activity{Shapes: []Shape{}},
		Locks: Locks{RowBlockers: []Blocker{}, MetadataBlockers: []Blocker{}}, Databases: []Database{},
		Replication: Replication{Channels: []Channel{}}, Statements: Statements{Digests: []Digest{}},
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
	l := look{Server: &o, call: call, in: in}
	l.deadline, l.end, l.window = reach.Divide(ctx, in.Timeout, in.Window)
	config, err := l.config()
	if err != nil {
		return o, err
	}
	dialer := reach.Dialer{Allow: p.allow, Deadline: l.deadline}
	if err := l.connect(ctx, config, &dialer); err != nil {
		return o, err
	}
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	if l.conn == nil {
		return o, nil
	}
	defer l.wire.Close() // the farewell could wait, and nobody would
	defer l.farewell()
	l.watch(ctx)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	return o, l.blind
}

// config says how to log in.
func (l *look) config() (*client.Config, error) {
	config := client.NewConfig()
	config.User, config.Passwd, config.DBName = l.in.User, l.in.Password.Reveal(), l.in.Database
	config.Net, config.Addr = "tcp", l.in.Address
	config.ConnectionAttributes = "program_name:gumshoe"
	config.Logger = &client.NopLogger{}
	switch l.in.TLS {
	case tlsOff:
	case tlsVerify:
		files, err := l.in.files().Config()
		if err != nil {
			return nil, err
		}
		config.TLS = files
	default: // whoever wants to know that it is the right server asks for verify
		config.TLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // as above
		config.AllowFallbackToPlaintext = l.in.TLS == tlsPrefer
	}
	return config, nil
}

// connect logs in. Without a connection the outcome says why; the error is one of
// our own host.
func (l *look) connect(ctx context.Context, config *client.Config, dialer *reach.Dialer) error {
	started := time.Now()
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		started = time.Now()
		if err != nil {
			return nil, err
		}
		l.wire = &wire{Conn: conn}
		return l.wire, nil
	}
	connector, err := client.NewConnector(config)
	if err != nil {
		return engine.Blind("the inputs make no connection", "", err)
	}
	err = guard(func() (err error) {
		l.conn, err = connector.Connect(ctx)
		return err
	})
	trip := dialer.Last()
	l.ResolveSeconds = trip.ResolveSeconds
	if l.wire == nil {
		reach.Without(l.call, trip.Outcome.OfTarget(), "there was no connection: "+trip.Outcome.Words(), "remote_address", "local", "connect_seconds", "login_seconds")
	} else {
		l.Connected, l.RemoteAddress, l.ConnectSeconds = true, trip.RemoteAddress, trip.ConnectSeconds
		l.Local = sameHost(l.wire.LocalAddr(), l.wire.RemoteAddr())
		l.LoginSeconds, l.Greeted = time.Since(started).Seconds(), l.wire.greeted()
	}
	if err != nil {
		l.conn = nil
		if l.wire != nil {
			l.wire.Close()
		}
		blind := l.failed(err)
		own := l.Outcome.OfTarget() || l.Outcome == ShuttingDown
		reach.Without(l.call, own, "the server did not let us in: "+l.Outcome.Words(), ofSession()...)
		return blind
	}
	l.Outcome, l.LoggedIn, l.Encrypted = reach.OK, true, l.wire.encrypted()
	_ = l.wire.SetDeadline(l.end) // it fails only on a closed connection, whose next read tells
	return nil
}

func sameHost(here, there net.Addr) bool {
	a, ok := here.(*net.TCPAddr)
	b, ok2 := there.(*net.TCPAddr)
	return ok && ok2 && (a.IP.Equal(b.IP) || b.IP.IsLoopback())
}

// farewell ends the session as clients do, so that the server does not count it as
// aborted.
func (l *look) farewell() { _ = guard(l.conn.Close) }

// guard runs what the client library does with what comes from the server: it
// panics on some packets that are too short.
func guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errStrange, r)
		}
	}()
	return do()
}

// errStrange is what is no answer in the protocol.
var errStrange = errors.New("it does not speak the protocol of MySQL")

// most bounds what is read from a server.
const most = 64 << 20

// wire is the connection. It remembers what the client library does not tell: how
// it ended, and whether the server began as a MySQL server does.
type wire struct {
	net.Conn

	mu      sync.Mutex
	failure error
	head    []byte // the first bytes that the server said
	sent    []byte // the first bytes that we sent
	read    int64
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read += int64(n)
	w.head = append(w.head, p[:min(n, headBytes-len(w.head))]...)
	if err == nil {
		switch {
		case !plausible(w.head):
			err = errStrange
		case w.read > most:
			err = fmt.Errorf("%w: it sends more than %d MiB", errStrange, most>>20)
		}
	}
	if err != nil && w.failure == nil {
		w.failure = err
	}
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, p[:min(n, sentBytes-len(w.sent))]...)
	if err != nil && w.failure == nil {
		w.failure = err
	}
	return n, err
}

// headBytes is how much of the greeting is looked at: the length in 3 bytes, the
// number 0, and version 10 of the protocol or the mark of an error.
const headBytes = 5

// sentBytes has the first packet's header and what the client can do.
const sentBytes = 8

// plausible tells whether a greeting can begin like this: one that is longer than
// 64 KiB is of another protocol.
func plausible(head []byte) bool {
	return (len(head) < 3 || head[2] == 0) && (len(head) < 4 || head[3] <= 1) &&
		(len(head) < 5 || head[4] == 10 || head[4] == 0xff)
}

func (w *wire) greeted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.head) == headBytes && plausible(w.head)
}

// encrypted tells whether the client began TLS: it says so in its first packet.
func (w *wire) encrypted() bool {
	const wantsTLS = 0x0800
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sent) == sentBytes && (int(w.sent[4])|int(w.sent[5])<<8)&wantsTLS != 0
}

// end tells how the connection ended, as far as it did.
func (w *wire) end() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}
