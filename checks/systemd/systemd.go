// Package systemd asks systemd about its units, over D-Bus. It reads, and asks
// systemd to change nothing; the one trace it leaves is that of systemctl show:
// systemd loads the file of a unit that is asked for by name.
package systemd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	bus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// Fault says what kept us from asking.
type Fault string

// The faults.
const (
	// NoSocket: there is no socket that we could use.
	NoSocket Fault = "no socket"
	// Refused: nobody listens at the socket.
	Refused Fault = "refused"
	// Denied: we may not ask.
	Denied Fault = "denied"
	// BusSilent: the message bus, which stands between us and systemd, does not answer.
	BusSilent Fault = "bus silent"
	// Silent: systemd does not answer.
	Silent Fault = "silent"
	// Absent: the message bus answers, and says that systemd is not on it.
	Absent Fault = "absent"
	// Strange: whoever answers does not do so as systemd does.
	Strange Fault = "strange"
)

// Error is what every function of this package returns when it could not ask.
type Error struct {
	Fault Fault
	// Socket is the path of the socket that was asked.
	Socket string
	// Err is the cause.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Socket, e.Fault, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// Booted tells whether systemd is the init of this host, as sd_booted(3) does;
// run is the runtime folder, such as /run.
func Booted(run string) bool {
	info, err := os.Stat(BootedPath(run))
	return err == nil && info.IsDir()
}

// BootedPath is the folder that is there exactly when systemd is the init.
func BootedPath(run string) string { return filepath.Join(run, "systemd/system") }

// Sockets are where systemd is asked: its own socket, for root and for the user
// who runs it, and that of the message bus, for everybody.
func Sockets(run string) (private, shared string) {
	return filepath.Join(run, "systemd/private"), filepath.Join(run, "dbus/system_bus_socket")
}

// Manager is a connection to systemd. It is for one goroutine.
type Manager struct {
	conn   *bus.Conn
	socket string
	// direct is set when no message bus stands between us.
	direct bool
}

// Connect connects to the systemd whose runtime folder this is: to its own
// socket if that is ours to use, as the message bus may be what is broken, else
// over the message bus. The connection ends with ctx, as does every call on it.
func Connect(ctx context.Context, run string) (*Manager, error) {
	private, shared := Sockets(run)
	var direct error
	if owned(private) {
		m, err := connect(ctx, private, true)
		if err == nil || isSilent(err) { // the bus would only pass on our question
			return m, err
		}
		direct = err
	}
	m, err := connect(ctx, shared, false)
	if err != nil && direct != nil && !isSilent(err) {
		return nil, direct
	}
	return m, err
}

// owned tells whether a socket is there and is for us.
func owned(socket string) bool {
	info, err := os.Stat(socket)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return os.Geteuid() == 0 || ok && int(stat.Uid) == os.Geteuid()
}

func isSilent(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Fault == Silent || e.Fault == BusSilent)
}

func connect(ctx context.Context, socket string, direct bool) (*Manager, error) {
	m := &Manager{socket: socket, direct: direct}
	conn, err := bus.NewConnection(func() (*dbus.Conn, error) { return dial(ctx, socket, direct) })
	if err != nil {
		return nil, m.fault(ctx, err, !direct)
	}
	m.conn = conn
	return m, nil
}

// dial connects, says who we are and, to a bus, hello.
func dial(ctx context.Context, socket string, direct bool) (*dbus.Conn, error) {
	var dialer net.Dialer
	stream, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	conn, err := dbus.NewConn(&bounded{Conn: stream, in: bufio.NewReader(io.LimitReader(stream, maxAnswers))}, dbus.WithContext(ctx))
	if err != nil {
		stream.Close()
		return nil, err
	}
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
	if err == nil && !direct {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// maxAnswers bounds what is read from one connection: ten thousand units take 4 MiB.
const maxAnswers = 64 << 20

// bounded is a connection from which only so much is read. It is buffered: the
// D-Bus library reads the heads of messages in pieces of a few bytes.
type bounded struct {
	net.Conn
	in *bufio.Reader
}

func (b *bounded) Read(p []byte) (int, error) { return b.in.Read(p) }

// Close ends the connection.
func (m *Manager) Close() { m.conn.Close() }

// fault makes an Error of what a library returned. It tells apart what happened
// on the way to the message bus from what happened between us and systemd.
func (m *Manager) fault(ctx context.Context, err error, onTheWay bool) error {
	var named dbus.Error
	fault := Strange
	switch {
	case errors.Is(err, os.ErrNotExist):
		fault = NoSocket
	case errors.Is(err, syscall.ECONNREFUSED):
		fault = Refused
	case errors.Is(err, os.ErrPermission):
		fault = Denied
	case ctx.Err() != nil, errors.Is(err, syscall.EAGAIN): // EAGAIN: it accepts no more connections
		fault = Silent
		if onTheWay {
			fault = BusSilent
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	case err.Error() == "dbus: authentication failed": // the library has no value for it
		fault = Denied
	case errors.As(err, &named):
		switch named.Name {
		case "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.AuthFailed",
			"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
			fault = Denied
		case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner":
			fault = Absent
		case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Timeout":
			fault = Silent
		}
	}
	return &Error{Fault: fault, Socket: m.socket, Err: err}
}
