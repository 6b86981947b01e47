package livecapture

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/checktest"
)

// TestFilterFromTheStart: while packets pass all the time, none is given that does
// not match.
func TestFilterFromTheStart(t *testing.T) {
	a, b := cable(t)
	a.listen(here + ":7001")
	a.listen(here + ":7002")
	noise, signal := b.udp(here+":7001"), b.udp(here+":7002")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				send(t, noise, "noise")
			}
		}
	}()
	for range 30 {
		c := a.open(Options{Interface: "va", Filter: filter(t, "udp dst port 7002"), Ring: MinRing})
		send(t, signal, "signal")
		if got, want := names(c, rest(t, c)), []string{"va incoming signal"}; !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	close(stop)
	<-stopped
}

// TestDrops: what a sleeping reader loses is counted, once.
func TestDrops(t *testing.T) {
	a, b := cable(t)
	a.listen(here + ":7001")
	c := a.open(Options{Interface: "va", Filter: filter(t, "udp"), Ring: MinRing})
	conn, text := b.udp(here+":7001"), strings.Repeat("x", 900)
	const sent = 1000
	for range sent {
		send(t, conn, text)
	}
	before := statistics(t, c)
	packets := rest(t, c)
	s := statistics(t, c)
	if s.Seen != sent || s.Dropped == 0 || s.Freezes == 0 || s.Given != int64(len(packets)) || s.Given != s.Seen-s.Dropped || before.Dropped != s.Dropped {
		t.Errorf("got %+v and %d packets, before %+v", s, len(packets), before)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if again := statistics(t, c); again != s {
		t.Errorf("after Close: got %+v, want %+v", again, s)
	}
	if f := s.File(); f.Lost() != s.Dropped || f.Received != sent {
		t.Errorf("got %+v", f)
	}
}

// TestAfterDrops: once there is room again, packets are captured again.
func TestAfterDrops(t *testing.T) {
	a, b := cable(t)
	a.listen(here + ":7001")
	c := a.open(Options{Interface: "va", Filter: filter(t, "udp"), Ring: MinRing})
	conn, text := b.udp(here+":7001"), strings.Repeat("x", 900)
	for range 1000 {
		send(t, conn, text)
	}
	var p Packet
	for range 10 {
		if err := c.Next(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
	}
	for s := statistics(t, c); c.given < s.Seen-s.Dropped; {
		if err := c.Next(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
	}
	send(t, conn, "later")
	if packets := rest(t, c); len(packets) != 1 || payload(packets[0]) != "later" {
		t.Errorf("got %d packets, want the last", len(packets))
	}
}

// TestContext: Next ends with its context, and goes on with another.
func TestContext(t *testing.T) {
	a, b := cable(t)
	a.listen(here + ":7001")
	c := a.open(Options{Interface: "va", Filter: filter(t, "udp")})
	var p Packet
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := c.Next(ctx, &p); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := c.Next(ctx, &p); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("two waits of 20 ms took %v", took)
	}
	send(t, b.udp(here+":7001"), "later")
	if err := c.Next(ctx, &p); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v of a context that has ended", err)
	}
	if err := c.Next(t.Context(), &p); err != nil || payload(p) != "later" {
		t.Errorf("got %v", err)
	}
}

// TestStop: an empty capture ends too, and soon; what comes after is not captured.
func TestStop(t *testing.T) {
	a, b := cable(t)
	a.listen(here + ":7001")
	c := a.open(Options{Interface: "va", Filter: filter(t, "udp")})
	if packets := rest(t, c); len(packets) != 0 {
		t.Errorf("got %d packets", len(packets))
	}
	send(t, b.udp(here+":7001"), "too late")
	var p Packet
	for range 2 {
		if err := c.Next(t.Context(), &p); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want io.EOF", err)
		}
	}
	if err := c.Stop(); err != nil {
		t.Errorf("the second Stop: %v", err)
	}
}

// TestStopWhileWaiting: Stop wakes the reader, from other goroutines.
func TestStopWhileWaiting(t *testing.T) {
	n := newNamespace(t)
	c := n.open(Options{Interface: "lo"})
	var stops sync.WaitGroup
	for range 4 {
		stops.Go(func() {
			<-time.After(20 * time.Millisecond)
			if err := c.Stop(); err != nil && !errors.Is(err, fs.ErrClosed) {
				t.Error(err)
			}
		})
	}
	if packets, err := collect(t, c); len(packets) > 0 || !errors.Is(err, io.EOF) {
		t.Errorf("got %d packets, %v", len(packets), err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	stops.Wait()
}

// TestGone: when the interface disappears, what was captured is given, then that.
func TestGone(t *testing.T) {
	a, b := cable(t)
	a.listen(here + ":7001")
	c := a.open(Options{Interface: "va", Filter: filter(t, "udp")})
	all := a.open(Options{Filter: filter(t, "udp")})
	send(t, b.udp(here+":7001"), "the last")
	a.ip("link", "delete", "va")
	packets, err := collect(t, c)
	var wrong *InterfaceError
	if !errors.As(err, &wrong) || wrong.Problem != Gone || wrong.Interface != "va" || wrong.Fix() == "" {
		t.Errorf("got %v, want that it is gone", err)
	}
	if len(packets) != 1 || payload(packets[0]) != "the last" {
		t.Errorf("got %d packets, want 1", len(packets))
	}
	if packets := rest(t, all); len(packets) != 1 {
		t.Errorf("all interfaces: got %d packets, want 1", len(packets))
	}
}

// TestDownAndUp: a capture outlives that its interface is down.
func TestDownAndUp(t *testing.T) {
	a, b := cable(t)
	a.listen(here + ":7001")
	c := a.open(Options{Interface: "va", Filter: filter(t, "udp")})
	conn := b.udp(here + ":7001")
	send(t, conn, "before")
	a.ip("link", "set", "va", "down")
	var p Packet
	if err := c.Next(t.Context(), &p); err != nil || payload(p) != "before" {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Next(ctx, &p); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	a.ip("link", "set", "va", "up")
	for begun := time.Now(); ; { // the kernel takes a moment until it sends through the cable again
		send(t, conn, "after")
		ctx, cancel := context.WithTimeout(t.Context(), 2*BlockTimeout)
		err := c.Next(ctx, &p)
		cancel()
		if err == nil {
			break
		}
		if time.Since(begun) > checktest.Timeout {
			t.Fatalf("got %v", err)
		}
	}
	if payload(p) != "after" || c.down {
		t.Errorf("got %q, down %v", payload(p), c.down)
	}
	if s := statistics(t, c); s.Downs != 1 {
		t.Errorf("got %+v, want that it was down once", s)
	}
}

func TestCannotOpen(t *testing.T) {
	a, _ := cable(t)
	a.ip("link", "add", "off", "type", "veth", "peer", "name", "offpeer")
	for _, test := range []struct {
		options Options
		want    string
	}{
		{Options{Interface: "eth7"}, `interface "eth7" does not exist: there are `},
		{Options{Interface: "a name that is too long for one"}, `interface "a name that is too long for one" does not exist: there are `},
		{Options{Interface: "off"}, `interface "off" is down`},
		{Options{SnapLength: -1}, "a snap length of -1 bytes: it is from 1 to 262144, or 0 for all"},
		{Options{SnapLength: 1 << 20}, "a snap length of 1048576 bytes"},
		{Options{Ring: 1}, "a ring of 1 bytes: it is from 65536 to 1073741824"},
		{Options{Promiscuous: true}, "promiscuous mode is for one interface: name it"},
	} {
		var c *Capture
		var err error
		a.in(func() { c, err = Open(test.options) })
		if err == nil {
			c.Close()
			t.Fatalf("%+v: no error", test.options)
		}
		if !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
		var wrong *InterfaceError
		if errors.As(err, &wrong) && wrong.Problem == Missing && (!slices.Contains(wrong.Have, "va") || !strings.Contains(err.Error(), "va")) {
			t.Errorf("%v does not name va", err)
		}
	}
}

// TestNotPermitted: without CAP_NET_RAW, on a thread that has put it down.
func TestNotPermitted(t *testing.T) {
	n := newNamespace(t)
	var err, permitted, list error
	n.in(func() {
		if permitted := Permitted(); permitted != nil {
			t.Errorf("as root: %v", permitted)
		}
		none := [2]unix.CapUserData{}
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			t.Error(err)
			return
		}
		_, err = Open(Options{Interface: "lo"})
		permitted = Permitted()
		_, list = Devices()
	})
	for _, err := range []error{err, permitted} {
		var not *NotPermittedError
		if !errors.As(err, &not) || !errors.Is(err, os.ErrPermission) || !strings.Contains(not.Fix(), "setcap cap_net_raw+ep") || !strings.Contains(not.Error(), "CAP_NET_RAW") {
			t.Errorf("got %v", err)
		}
	}
	if list != nil {
		t.Errorf("the list of interfaces: %v", list)
	}
}

// TestNothingStays: no descriptor, no memory and no goroutine outlives Close, and
// the interface is as it was.
func TestNothingStays(t *testing.T) {
	a, _ := cable(t)
	promiscuous := func() bool {
		var text []byte
		var err error
		a.in(func() { text, err = exec.Command("ip", "-details", "link", "show", "va").Output() })
		if err != nil || !strings.Contains(string(text), "promiscuity ") {
			t.Fatalf("%v: %s", err, text)
		}
		return !strings.Contains(string(text), "promiscuity 0")
	}
	count := func() [3]int {
		descriptors, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return [3]int{len(descriptors), strings.Count(string(maps), "socket:"), runtime.NumGoroutine()}
	}
	before := count()
	for range 10 {
		var c *Capture
		var err error
		a.in(func() { c, err = Open(Options{Interface: "va", Ring: MinRing, Promiscuous: true}) })
		if err != nil {
			t.Fatal(err)
		}
		if during := count(); during[1] != before[1]+1 || during[2] != before[2] {
			t.Errorf("got %v during the capture, %v before", during, before)
		}
		if !promiscuous() {
			t.Error("the interface is not promiscuous")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var p Packet
		if err := c.Next(ctx, &p); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := c.Next(t.Context(), &p); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("got %v, want %v", err, fs.ErrClosed)
		}
		if err := c.Stop(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("got %v, want %v", err, fs.ErrClosed)
		}
		var failed error
		a.in(func() { _, failed = Open(Options{Interface: "missing"}) })
		if failed == nil {
			t.Error("no error")
		}
	}
	if after := count(); after != before {
		t.Errorf("descriptors, rings, goroutines: %v, before %v", after, before)
	}
	if promiscuous() {
		t.Error("the interface is still promiscuous")
	}
}
