package livecapture

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/checktest"
	"gumshoe/checks/packetfilter"
)

// namespace is a network namespace: that of a thread of its own.
type namespace struct {
	t    testing.TB
	jobs chan func()
	path string // of the namespace, for ip
}

// newNamespace makes a network namespace, with its loopback up and without IPv6,
// which speaks unasked. It lasts as long as the test.
func newNamespace(t testing.TB) *namespace {
	t.Helper()
	checktest.Need(t, "root, to make a network namespace", os.Geteuid() == 0)
	_, err := exec.LookPath("ip")
	checktest.Need(t, "the tool ip", err == nil)
	n := &namespace{t: t, jobs: make(chan func())}
	begun, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		begun <- unix.Unshare(unix.CLONE_NEWNET)
		n.path = "/proc/" + strconv.Itoa(os.Getpid()) + "/task/" + strconv.Itoa(unix.Gettid()) + "/ns/net"
		for job := range n.jobs {
			job()
		}
	}()
	err = <-begun
	t.Cleanup(func() {
		close(n.jobs)
		<-ended
	})
	checktest.Need(t, "a kernel that makes network namespaces", err == nil)
	n.in(func() {
		for _, which := range []string{"all", "default"} {
			err = errors.Join(err, os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0))
		}
	})
	if !errors.Is(err, os.ErrNotExist) { // a kernel without IPv6
		checktest.Need(t, "settings of the network that can be written to", err == nil)
	}
	n.ip("link", "set", "lo", "up")
	return n
}

// in runs something on the namespace's thread.
func (n *namespace) in(job func()) {
	done := make(chan struct{})
	n.jobs <- func() {
		defer close(done)
		job()
	}
	<-done
}

// ip runs the tool ip in the namespace.
func (n *namespace) ip(argv ...string) {
	n.t.Helper()
	n.in(func() {
		if text, err := exec.Command("ip", argv...).CombinedOutput(); err != nil {
			n.t.Errorf("ip %v: %v\n%s", argv, err, text)
		}
	})
}

const (
	here  = "10.77.0.1" // of va
	there = "10.77.0.2" // of vb
)

// cable makes two namespaces and a cable between them, from va to vb, whose ends
// know each other's hardware addresses: nothing passes but what a test sends.
func cable(t testing.TB) (a, b *namespace) {
	t.Helper()
	a, b = newNamespace(t), newNamespace(t)
	const hardwareA, hardwareB = "02:00:00:00:00:01", "02:00:00:00:00:02"
	a.ip("link", "add", "va", "address", hardwareA, "type", "veth", "peer", "name", "vb", "address", hardwareB)
	a.ip("link", "set", "vb", "netns", b.path)
	for _, end := range []struct {
		n                           *namespace
		name, address, peer, atPeer string
	}{{a, "va", here, there, hardwareB}, {b, "vb", there, here, hardwareA}} {
		end.n.ip("address", "add", end.address+"/24", "dev", end.name)
		end.n.ip("link", "set", end.name, "up")
		end.n.ip("neighbour", "add", end.peer, "lladdr", end.atPeer, "dev", end.name)
	}
	return a, b
}

// open captures in the namespace until the test ends.
func (n *namespace) open(o Options) *Capture {
	n.t.Helper()
	var c *Capture
	var err error
	n.in(func() { c, err = Open(o) })
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			n.t.Error(err)
		}
	})
	return c
}

// udp is a socket in the namespace that sends to an address.
func (n *namespace) udp(address string) net.Conn {
	n.t.Helper()
	var conn net.Conn
	var err error
	n.in(func() { conn, err = net.Dial("udp4", address) })
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { conn.Close() })
	return conn
}

// listen is a socket in the namespace that takes whatever comes to a port.
func (n *namespace) listen(address string) {
	n.t.Helper()
	var conn net.PacketConn
	var err error
	n.in(func() { conn, err = net.ListenPacket("udp4", address) })
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { conn.Close() })
}

func send(t testing.TB, conn net.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func filter(t testing.TB, text string) *packetfilter.Filter {
	t.Helper()
	f, err := packetfilter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// rest stops a capture and gives the packets that are in it.
func rest(t testing.TB, c *Capture) []Packet {
	t.Helper()
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	packets, err := collect(t, c)
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return packets
}

// collect gives the packets up to an error.
func collect(t testing.TB, c *Capture) ([]Packet, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), checktest.Timeout)
	defer cancel()
	var all []Packet
	for {
		var p Packet
		if err := c.Next(ctx, &p); err != nil {
			return all, err
		}
		p.Data = slices.Clone(p.Data)
		all = append(all, p)
	}
}

// payload is what a packet of UDP over IPv4 carries.
func payload(p Packet) string {
	at := 14 + 20 + 8
	if p.LinkType == capturefile.Raw {
		at = 20 + 8
	}
	if p.Data[12] == 0x81 && p.LinkType == capturefile.Ethernet {
		at += tagLength
	}
	return string(p.Data[at:])
}

func statistics(t testing.TB, c *Capture) Statistics {
	t.Helper()
	s, err := c.Statistics()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// age is how long ago a packet was captured.
func age(p Packet) time.Duration { return time.Since(time.Unix(0, p.Time)) }
