package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// target is what to connect to, and as whom.
type target struct {
	address, user, database, tls, ca, serverName string
	password                                     engine.Secret
}

// visit is one connection to a server, and how it went.
type visit struct {
	target

	allow *reach.AllowList
	end   time.Time // of everything

	conn *pgconn.PgConn
	wire *wire
	trip reach.Trip

	outcome      reach.Outcome
	said, code   string // the server's words, and its SQLSTATE
	encrypted    bool
	loginSeconds float64
}

// connect logs in. Without a connection the outcome says why; the error is one of
// our own host.
func (v *visit) connect(ctx context.Context) error {
	host, port, err := engine.SplitHostPort(v.address)
	if err != nil {
		return err
	}
	if err := v.allow.PermitName(host, port); err != nil {
		return err
	}
	encryption, err := v.encryption()
	if err != nil {
		return err
	}
	config, err := configuration(v.target)
	if err != nil {
		return err
	}
	dialer := reach.Dialer{Allow: v.allow, Deadline: v.end}
	var started time.Time
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		if v.wire != nil {
			return nil, errOnce // to cancel a statement the library would connect again
		}
		conn, err := dialer.DialContext(ctx, "tcp", v.address)
		v.trip = dialer.Last()
		started = time.Now()
		if err != nil {
			return nil, err
		}
		v.wire = &wire{Conn: conn}
		return v.encrypt(ctx, encryption)
	}
	v.conn, err = pgconn.ConnectConfig(ctx, config)
	if v.wire != nil {
		v.loginSeconds = time.Since(started).Seconds()
	}
	if err == nil {
		v.outcome = reach.OK
		return nil
	}
	if v.wire != nil {
		v.wire.Close()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return v.failed(err)
}

// leave ends the session as clients do.
func (v *visit) leave(ctx context.Context) {
	_ = v.conn.Close(ctx) // there is nobody to tell
	v.wire.Close()
}

// configuration is made of what is asked for alone, and of nothing of the
// environment or the home directory.
func configuration(to target) (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig("host=127.0.0.1 port=5432 user=nobody password=none dbname=none sslmode=disable")
	if err != nil {
		return nil, engine.Blind("the environment of gumshoe has settings for PostgreSQL that make no connection", "unset PGSERVICE and the like", err)
	}
	config.User, config.Password, config.Database = to.user, to.password.Reveal(), to.database
	config.RuntimeParams = map[string]string{"application_name": "gumshoe"}
	config.Fallbacks, config.TLSConfig, config.ConnectTimeout = nil, nil, 0
	config.ValidateConnect, config.ChannelBinding, config.RequireAuth = nil, "", ""
	config.MaxProtocolMessageBodyLen = maxMessage
	return config, nil
}

// encryption says how to verify the server; nil without TLS.
func (v *visit) encryption() (*tls.Config, error) {
	switch v.tls {
	case tlsOff:
		return nil, nil //nolint:nilnil // no encryption is no fault
	case tlsVerify:
		return files(v.address, v.serverName, v.ca).Config()
	}
	// Whoever wants to know that it is the right server asks for verify_full.
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, nil //nolint:gosec // as above
}

// encrypt asks the server for TLS and makes it so. It is done here, so that one that
// has none is told from one that speaks another protocol, on one connection.
func (v *visit) encrypt(ctx context.Context, config *tls.Config) (net.Conn, error) {
	if config == nil {
		v.wire.plain()
		return v.wire, nil
	}
	request := []byte{0, 0, 0, 8, 4, 210, 22, 47} // the number 80877103
	if _, err := v.wire.Write(request); err != nil {
		return nil, err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(v.wire, answer); err != nil {
		return nil, err
	}
	switch answer[0] {
	case 'S':
	case 'N':
		if v.tls != tlsPrefer {
			return nil, errNoTLS
		}
		v.wire.plain()
		return v.wire, nil
	case 'E': // it could not even start a process for us
		v.wire.plain()
		text := make([]byte, maxRefusal)
		n, _ := v.wire.Read(text) // whatever it still says
		return nil, &refusalError{reach.Printable(string(text[:n]))}
	default:
		return nil, errStrange
	}
	conn := tls.Client(v.wire, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		if _, garbage := errors.AsType[tls.RecordHeaderError](err); garbage {
			return nil, errStrange // the S was the first letter of something else
		}
		return nil, &handshakeError{err}
	}
	v.encrypted = true
	return conn, nil
}

// maxRefusal bounds the words of a server that cannot start a process.
const maxRefusal = 500

// maxMessage bounds one message of a server, and mostRead all of them.
const (
	maxMessage = 4 << 20
	mostRead   = 64 << 20
)

var (
	errOnce    = errors.New("there is one connection a look")
	errNoTLS   = errors.New("it does not offer TLS")
	errStrange = errors.New("it does not speak the protocol of PostgreSQL")
)

// refusalError is the text of a server that answers in the oldest of its protocols.
type refusalError struct{ text string }

func (e *refusalError) Error() string { return e.text }

// handshakeError is a handshake of TLS that did not come about.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// wire is the connection. It remembers what the client library does not tell: how it
// ended, and whether the server ever said something in its protocol.
type wire struct {
	net.Conn

	mu       sync.Mutex
	failure  error
	answered bool
	first    bool // the next byte is the first of a message without TLS
	read     int64
}

// plain says that messages follow, and no TLS.
func (w *wire) plain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.first = true
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read += int64(n)
	if n > 0 {
		if w.first && p[0] != 'R' && p[0] != 'E' && p[0] != 'N' && p[0] != 'v' {
			err = errStrange // authentication, an error, a notice or a version come first
		} else {
			w.answered = true
		}
		w.first = false
	}
	if w.read > mostRead && err == nil {
		err = fmt.Errorf("%w: it sends more than %d MiB", errStrange, mostRead>>20)
	}
	w.failed(err)
	return n, err
}

// failed remembers the first error that is not of our own farewell, which the
// library says in the background.
func (w *wire) failed(err error) {
	if err != nil && w.failure == nil && !errors.Is(err, net.ErrClosed) {
		w.failure = err
	}
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed(err)
	return n, err
}

// ended tells how the connection ended, as far as it did.
func (w *wire) ended() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}

func (w *wire) spoke() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answered
}
