package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// listen gives the address of a listener that accepts nothing by itself; the
// kernel completes the handshakes.
func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestTCPConforms(t *testing.T) {
	checktest.Run(t, New(nil).TCP(), map[string]any{"address": listen(t).Addr().String()})
}

func TestTCPConnected(t *testing.T) {
	address := listen(t).Addr().String()
	got, o := checktest.Observe[TCP](t, New(allow(t, "127.0.0.0/8")).TCP(), map[string]any{"address": address})
	if got.Outcome != Connected || got.RemoteAddress != address || got.ConnectSeconds <= 0 || got.ResolveSeconds != 0 || o.Status != engine.Observed {
		t.Errorf("got %+v (%s); want connected to %s", got, o.Status, address)
	}
}

func TestTCPByName(t *testing.T) {
	_, port, err := net.SplitHostPort(listen(t).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	got, _ := checktest.Observe[TCP](t, New(nil).TCP(), map[string]any{"address": "localhost:" + port})
	if got.Outcome != Connected || got.RemoteAddress != "127.0.0.1:"+port || len(got.ResolvedAddresses) == 0 {
		t.Errorf("got %+v; want connected to 127.0.0.1", got)
	}
}

func TestTCPRefused(t *testing.T) {
	address := closed(t)
	got, o := checktest.Observe[TCP](t, New(nil).TCP(), map[string]any{"address": address})
	if got.Outcome != RefusedByIt || len(got.Attempts) != 1 || got.Attempts[0].Outcome != RefusedByIt {
		t.Errorf("got %+v; want refused", got)
	}
	for path, want := range map[string]bool{"connect_seconds": true, "remote_address": true, "outcome": false, "resolve_seconds": false} {
		if checktest.HasUnread(o, path) != want {
			t.Errorf("unread %v; %s: want %v", o.Unread, path, want)
		}
	}
	if want := address + " refused"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
}

// silent gives the address of a listener whose queue is full, so that the kernel
// answers no more.
func silent(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	unanswered := 0
	for range 20 { // each connection that is left open takes a place in the queue
		conn, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
		} else if unanswered++; unanswered == 2 { // one may be a busy machine
			return address
		}
	}
	t.Fatal("the queue of the listener did not fill")
	return ""
}

// closed gives an address at which nothing listens.
func closed(t *testing.T) string {
	t.Helper()
	l := listen(t)
	l.Close()
	return l.Addr().String()
}

func TestTCPTimedOut(t *testing.T) {
	got, o := checktest.Observe[TCP](t, New(nil).TCP(), map[string]any{"address": silent(t), "timeout": "50ms"})
	if got.Outcome != TimedOut || !checktest.HasUnread(o, "connect_seconds") {
		t.Errorf("got %+v; want timed_out", got)
	}
}

// TestTCPSeveralAddresses: the outcome is that of the attempt that tells most,
// whatever their order, and each has its share of the time.
func TestTCPSeveralAddresses(t *testing.T) {
	open, shut, mute := listen(t).Addr().String(), closed(t), silent(t)
	for _, tt := range []struct {
		name      string
		addresses []string
		want      Outcome
	}{
		{"refused, then silence", []string{shut, mute}, RefusedByIt},
		{"silence, then refused", []string{mute, shut}, RefusedByIt},
		{"silence, then an answer", []string{mute, open}, Connected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			var o TCP
			for i, address := range tt.addresses {
				if err := o.attempt(ctx, nil, "localhost", netip.MustParseAddrPort(address), len(tt.addresses)-i); err != nil {
					t.Fatal(err)
				}
			}
			if o.Outcome != tt.want || len(o.Attempts) != len(tt.addresses) {
				t.Errorf("got %+v, want %s", o, tt.want)
			}
		})
	}
}

// TestTCPAsksAboutTheVeryAddress: an attempt goes through the list by itself,
// whatever was asked before.
func TestTCPAsksAboutTheVeryAddress(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var o TCP
	checkRefusal(t, o.attempt(ctx, allow(t, "127.0.0.2"), "localhost", netip.MustParseAddrPort(listen(t).Addr().String()), 1), "127.0.0.1")
}

func TestTCPNameNotFound(t *testing.T) {
	// RFC 6761: .invalid never exists, and resolvers know. Without any network the
	// resolver does not answer, which is the other outcome.
	got, o := checktest.Observe[TCP](t, New(nil).TCP(), map[string]any{"address": "db.invalid:5432", "timeout": "300ms"})
	switch got.Outcome {
	case NameNotFound:
		if checktest.HasUnread(o, "resolved_addresses") {
			t.Error("resolved_addresses is unread, though there are none")
		}
	case NameFailed:
		if !checktest.HasUnread(o, "resolved_addresses") || len(o.Excerpts) == 0 {
			t.Errorf("unread %v, excerpts %v; want resolved_addresses unread, and why", o.Unread, o.Excerpts)
		}
	default:
		t.Errorf("outcome %s, want name_not_found or name_failed", got.Outcome)
	}
	if !checktest.HasUnread(o, "connect_seconds") {
		t.Error("connect_seconds is not unread")
	}
}

func TestTCPRefusedByPolicy(t *testing.T) {
	for name, address := range map[string]string{"metadata": "169.254.169.254:80", "not listed": "127.0.0.1:1", "name": "localhost:1"} {
		t.Run(name, func(t *testing.T) {
			o := checktest.Look(t, New(allow(t, "db.example.com")).TCP(), map[string]any{"address": address})
			if o.Status != engine.Skipped || !o.Refused || o.Fix == "" {
				t.Errorf("got %s (%s), fix %q; want skipped by policy", o.Status, o.Reason, o.Fix)
			}
		})
	}
}

// TestControl: even a dialer that was let through is asked about the address.
func TestControl(t *testing.T) {
	dialer := net.Dialer{Control: allow(t, "127.0.0.2").Control("localhost")}
	conn, err := dialer.Dial("tcp", listen(t).Addr().String())
	if err == nil {
		conn.Close()
	}
	checkRefusal(t, err, "127.0.0.1")
	if _, err := outcomeOf(err); err == nil {
		t.Error("a refusal by policy is told as the target's")
	}
}

func TestOutcomeOf(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)}
	}
	for _, tt := range []struct {
		err   error
		want  Outcome
		blind bool
	}{
		{err: dial(syscall.ECONNREFUSED), want: RefusedByIt},
		{err: dial(syscall.ECONNRESET), want: Reset},
		{err: dial(syscall.EHOSTUNREACH), want: Unreachable},
		{err: dial(syscall.ENETUNREACH), want: Unreachable},
		{err: dial(syscall.ETIMEDOUT), want: TimedOut},
		{err: &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, want: TimedOut},
		{err: dial(syscall.EPERM), blind: true},
		{err: dial(syscall.EACCES), blind: true},
		{err: dial(syscall.EADDRNOTAVAIL), blind: true},
		{err: dial(syscall.EMFILE), blind: true},
		{err: dial(syscall.EINVAL), blind: true},
	} {
		got, err := outcomeOf(tt.err)
		var blind *engine.BlindError
		if got != tt.want || errors.As(err, &blind) != tt.blind {
			t.Errorf("%v: got %q, %v; want %q, blind %v", tt.err, got, err, tt.want, tt.blind)
		}
	}
}

func BenchmarkTCP(b *testing.B) {
	l := listen(b)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	p := New(nil)
	for b.Loop() {
		if _, err := p.lookTCP(b.Context(), &engine.Call{}, TCPInput{Address: l.Addr().String(), Timeout: 3e9}); err != nil {
			b.Fatal(err)
		}
	}
}
