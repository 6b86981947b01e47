package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// TestControl: even a dialer that was let through is asked about the address.
func TestControl(t *testing.T) {
	dialer := net.Dialer{Control: allow(t, "127.0.0.2").Control("localhost")}
	conn, err := dialer.Dial("tcp", listen(t))
	if err == nil {
		conn.Close()
	}
	checkRefusal(t, err, "127.0.0.1")
	if _, err := OutcomeOf(err); err == nil {
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
		{err: fmt.Errorf("a library: %w", &FailureError{Outcome: NameNotFound}), want: NameNotFound},
		{err: &net.DNSError{IsNotFound: true}, want: NameNotFound},
		{err: &net.DNSError{IsTimeout: true}, want: NameFailed},
		{err: dial(syscall.EPERM), blind: true},
		{err: dial(syscall.EACCES), blind: true},
		{err: dial(syscall.EADDRNOTAVAIL), blind: true},
		{err: dial(syscall.EMFILE), blind: true},
		{err: dial(syscall.EINVAL), blind: true},
	} {
		got, err := OutcomeOf(tt.err)
		var blind *engine.BlindError
		if got != tt.want || errors.As(err, &blind) != tt.blind {
			t.Errorf("%v: got %q, %v; want %q, blind %v", tt.err, got, err, tt.want, tt.blind)
		}
	}
}

func TestDialAsksAboutTheVeryAddress(t *testing.T) {
	_, _, err := allow(t, "127.0.0.2").dial(t.Context(), "localhost", netip.MustParseAddrPort(listen(t)), time.Second)
	checkRefusal(t, err, "127.0.0.1")
}

func TestDialer(t *testing.T) {
	address := listen(t)
	closed := listen(t)
	_, port, _ := net.SplitHostPort(closed)
	for _, tt := range []struct {
		address string
		allow   *AllowList
		want    Outcome
		refused bool
	}{
		{address: address, want: Connected},
		{address: "127.0.0.1:1", want: RefusedByIt},
		{address: "gumshoe.invalid:80", want: NameFailed}, // or name_not_found, as the machine has name servers or not
		{address: address, allow: allow(t, "127.0.0.2"), refused: true},
		{address: "localhost:" + port, allow: allow(t, "127.0.0.2"), refused: true},
	} {
		d := Dialer{Allow: tt.allow, Deadline: time.Now().Add(20 * time.Second)}
		conn, err := d.DialContext(t.Context(), "tcp", tt.address)
		if conn != nil {
			conn.Close()
		}
		got, blind := OutcomeOf(err)
		if got == NameNotFound {
			got = NameFailed
		}
		var refused *engine.RefusedError
		if errors.As(blind, &refused) != tt.refused || got != tt.want {
			t.Errorf("%s: got %q, %v; want %q, refused %t", tt.address, got, blind, tt.want, tt.refused)
		}
		if trip := d.Last(); tt.want == Connected && (trip.Outcome != Connected || trip.RemoteAddress != tt.address || trip.ConnectSeconds <= 0) {
			t.Errorf("%s: the trip was %+v", tt.address, trip)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	d := Dialer{Deadline: time.Now().Add(time.Second)}
	if _, err := d.DialContext(ctx, "tcp", address); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestSessionFailure(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want Outcome
		text string
	}{
		{err: fmt.Errorf("a library: %w", io.EOF), want: Closed},
		{err: io.ErrUnexpectedEOF, want: Closed},
		{err: tls.RecordHeaderError{}, want: TLSFailed, text: "it does not speak TLS"},
		{err: os.ErrDeadlineExceeded, want: TimedOut},
		{err: os.NewSyscallError("read", syscall.ECONNRESET), want: Reset},
	} {
		if got, text, err := SessionFailure(tt.err); got != tt.want || text != tt.text || err != nil {
			t.Errorf("%v: got %q, %q, %v; want %q, %q", tt.err, got, text, err, tt.want, tt.text)
		}
	}
	if got := TimedOut.Words(); got != "timed out" {
		t.Errorf("got %q", got)
	}
}

func TestDivide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		deadline, end, window := Divide(t.Context(), 4*time.Second, time.Second)
		if window != time.Second || end.Sub(now) != 5*time.Second || end.Sub(deadline) != window {
			t.Errorf("with time: deadline %s, end %s, window %s", deadline.Sub(now), end.Sub(now), window)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		deadline, end, window = Divide(ctx, 4*time.Second, time.Second)
		if window != 180*time.Millisecond || end.Sub(now) != 900*time.Millisecond || end.Sub(deadline) != window {
			t.Errorf("with less: deadline %s, end %s, window %s", deadline.Sub(now), end.Sub(now), window)
		}
	})
}

func TestPrintable(t *testing.T) {
	long := Printable("\x1b[31mé" + string(make([]byte, 3)) + "\xff")
	if want := "\ufffd[31mé\ufffd\ufffd\ufffd\ufffd"; long != want {
		t.Errorf("got %q, want %q", long, want)
	}
	if got := Clip("aé", 2); got != "a…" {
		t.Errorf("got %q: it is cut inside a character", got)
	}
}

// listen accepts connections until the test ends, and gives its address.
func listen(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// TestWithout: what a target's own failure leaves unseen was not asked for; what
// another look might see is unread.
func TestWithout(t *testing.T) {
	for outcome, own := range map[Outcome]bool{
		RefusedByIt: true, TimedOut: true, Unreachable: true, NameNotFound: true, TooManyConnections: true,
		Connected: false, OK: false, Reset: false, Closed: false, NameFailed: false, TLSFailed: false, ProtocolError: false,
		AuthFailed: false, NoPermission: false, "": false, "rejected": false,
	} {
		if got := outcome.OfTarget(); got != own {
			t.Errorf("%q: got %t, want %t", outcome, got, own)
		}
		check := engine.Check[struct{}, seen]{
			Name: "fake.look", Doc: "Looks.", Cost: time.Second, Plan: func(struct{}) []engine.Touch { return nil },
			Run: func(_ context.Context, call *engine.Call, _ struct{}) (seen, error) {
				Without(call, outcome.OfTarget(), "because", "a", "b")
				return seen{}, nil
			},
			Summarize: func(seen) string { return "" },
		}
		o := checktest.Look(t, check, nil)
		want := []engine.Unread{{Path: "a", Reason: "because", NotAsked: own}, {Path: "b", Reason: "because", NotAsked: own}}
		if !slices.Equal(o.Unread, want) || (o.Status == engine.Observed) != own {
			t.Errorf("%q: got %s, %+v, want %+v", outcome, o.Status, o.Unread, want)
		}
	}
}

type seen struct {
	A float64 `json:"a" expr:"a"`
	B float64 `json:"b" expr:"b"`
}
