package packets

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/checktest"
	"gumshoe/checks/packets/traffic"
	"gumshoe/engine"
)

func TestCaptureConforms(t *testing.T) {
	checktest.Need(t, "root, to capture packets", os.Geteuid() == 0)
	checktest.Run(t, New(nil).Capture(), map[string]any{"interface": "lo", "window": "100ms", "filter": "udp port 1"})
}

func TestCaptureRefuses(t *testing.T) {
	checktest.Need(t, "root, to capture packets", os.Geteuid() == 0)
	for name, tt := range map[string]struct {
		inputs map[string]any
		want   string // in the reason
	}{
		"no such interface":    {map[string]any{"interface": "nope0"}, `interface "nope0" does not exist`},
		"promiscuous on any":   {map[string]any{"promiscuous": true}, "name it"},
		"a program and a port": {map[string]any{"interface": "lo", "filter": "1\n6 0 0 262144\n", "port": 80}, "cannot be joined"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.inputs["window"] = "100ms"
			if o := checktest.Look(t, New(nil).Capture(), tt.inputs); o.Output != nil || !strings.Contains(o.Reason, tt.want) {
				t.Errorf("got %s: %q; want %q", o.Status, o.Reason, tt.want)
			}
		})
	}
}

func TestFilterIsVerified(t *testing.T) {
	for _, check := range []engine.Instrument{New(nil).File(), New(nil).Capture()} {
		d, err := check.Definition()
		if err != nil {
			t.Fatal(err)
		}
		f, _ := d.In.Field("filter")
		for filter, want := range map[string]string{
			"tcp port 80": "", "": "", "1\n6 0 0 262144\n": "",
			"tcp prot 80": "column 5", "host example.com": "column", "2\n6 0 0 262144\n": "instruction",
		} {
			if err := f.Check(filter); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %q: got %v, want %q", d.Name, filter, err, want)
			}
		}
	}
}

// namespace is a network namespace: that of a thread of its own.
type namespace struct {
	jobs      chan func()
	path      string
	processor int // one that the thread may run on
}

func newNamespace(t *testing.T) *namespace {
	t.Helper()
	checktest.Need(t, "root, to make a network namespace", os.Geteuid() == 0)
	n := &namespace{jobs: make(chan func())}
	begun, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		var mine unix.CPUSet
		if unix.SchedGetaffinity(0, &mine) == nil {
			for !mine.IsSet(n.processor) && n.processor < 1024 {
				n.processor++
			}
		}
		n.path = "/proc/self/task/" + strconv.Itoa(unix.Gettid()) + "/ns/net"
		begun <- err
		for job := range n.jobs {
			job()
		}
	}()
	err := <-begun
	t.Cleanup(func() {
		close(n.jobs)
		<-ended
	})
	checktest.Need(t, "a kernel that makes network namespaces", err == nil)
	n.run(t, "ip", "link", "set", "lo", "up")
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

// run runs a tool in the namespace.
func (n *namespace) run(t *testing.T, argv ...string) {
	t.Helper()
	_, err := exec.LookPath(argv[0])
	checktest.Need(t, "the tool "+argv[0], err == nil)
	n.in(func() {
		if text, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", argv, err, text)
		}
	})
}

// capture looks at the packets of the namespace, beside the test, until it is
// waited for.
func (n *namespace) capture(t *testing.T, in CaptureInput) (wait func() Traffic) {
	t.Helper()
	type result struct {
		o   Traffic
		err error
	}
	done := make(chan result, 1)
	window, stop := context.WithCancel(t.Context())
	in.MaxPackets, in.MaxBytes, in.SnapBytes = 1e9, 1e12, 256
	go func() {
		runtime.LockOSThread()
		fd, err := os.Open(n.path)
		if err == nil {
			err = unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET)
			fd.Close()
		}
		if err != nil {
			done <- result{err: err}
			return
		}
		o, err := New(nil).capture(t.Context(), window, new(engine.Call), in)
		done <- result{o, err}
	}()
	return func() Traffic {
		t.Helper()
		stop()
		r := <-done
		if r.err != nil {
			t.Fatal(r.err)
		}
		return r.o
	}
}

// captures waits until so many capture in the namespace.
func (n *namespace) captures(t *testing.T, want int) {
	t.Helper()
	for end := time.Now().Add(checktest.Timeout); ; time.Sleep(10 * time.Millisecond) {
		var list []byte
		n.in(func() { list, _ = os.ReadFile("/proc/thread-self/net/packet") })
		if bytes.Count(list, []byte(" 0003 ")) >= want { // of all protocols: not before all is set up
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nobody captures:\n%s", list)
		}
	}
}

// sends names the port of a process of the test that plays client and server.
const sends = "GUMSHOE_TEST_SENDS"

func TestMain(m *testing.M) {
	if port := os.Getenv(sends); port != "" {
		if err := send(net.JoinHostPort("127.0.0.1", port), 10, 200_000); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// send has a client send to a server, several times one after another.
func send(at string, times, size int) error {
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	defer listener.Close()
	for range times {
		client, err := net.DialTimeout("tcp", at, checktest.Timeout)
		if err != nil {
			return err
		}
		server, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			_, _ = client.Write(make([]byte, size))
			client.Close()
		}()
		if got, err := io.Copy(io.Discard, server); err != nil || got != int64(size) {
			return fmt.Errorf("got %d bytes, %w; want %d", got, err, size)
		}
		server.Close()
	}
	return nil
}

// send plays client and server in the namespace, on one processor: with more, two
// who capture have the packets in different orders.
func (n *namespace) send(t *testing.T, port int) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(program)
	child.Env = append(os.Environ(), sends+"="+strconv.Itoa(port))
	var text bytes.Buffer
	child.Stdout, child.Stderr = &text, &text
	n.in(func() {
		var first unix.CPUSet
		first.Set(n.processor)
		if err = unix.SchedSetaffinity(0, &first); err == nil {
			err = child.Start() // with the processor and the namespace of this thread
		}
	})
	if err == nil {
		err = child.Wait()
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
}

// mark waits until all connections are over, sends a last datagram, and waits until
// it is in a file, and all that came before.
func (n *namespace) mark(t *testing.T, file string) {
	t.Helper()
	over := func() bool {
		var list []byte
		n.in(func() { list, _ = os.ReadFile("/proc/thread-self/net/tcp") })
		for _, line := range strings.Split(string(list), "\n")[1:] {
			if f := strings.Fields(line); len(f) > 3 && f[3] != "06" && f[3] != "0A" { // TIME_WAIT, LISTEN
				return false
			}
		}
		return true
	}
	const last = "this was the last"
	written := func() bool {
		text, err := os.ReadFile(file)
		return err == nil && bytes.Contains(text, []byte(last))
	}
	for i, done := range []func() bool{over, written} {
		if i == 1 {
			var err error
			n.in(func() {
				var c net.Conn
				if c, err = net.Dial("udp", "127.0.0.1:9"); err == nil {
					_, err = c.Write([]byte(last))
					c.Close()
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for end := time.Now().Add(checktest.Timeout); !done(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the connections do not end, or their packets are not written")
			}
		}
	}
}

// TestCaptureCountsAsTcpdump captures what tcpdump captures at the same time, and
// reads tcpdump's file: the counts are equal, also where packets are lost.
func TestCaptureCountsAsTcpdump(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	_, err := exec.LookPath("tcpdump")
	checktest.Need(t, "tcpdump", err == nil)
	const port = 7777
	n.run(t, "ip", "link", "set", "lo", "mtu", "1500", "gso_max_segs", "1") // a packet for each segment
	n.run(t, "nft", "add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c tcp dport "+strconv.Itoa(port)+" numgen inc mod 25 == 7 drop")
	file := filepath.Join(t.TempDir(), "theirs.pcap")
	theirs := exec.Command("tcpdump", "-i", "lo", "-w", file, "-U", "-n", "-s", "256", "-B", "16384", "-Z", "root", "--time-stamp-precision=nano", "tcp or udp port 9")
	stderr, err := theirs.StderrPipe()
	if err == nil {
		n.in(func() { err = theirs.Start() })
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Process.Kill() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "listening on") {
	}
	wait := n.capture(t, CaptureInput{Interface: "lo", Filter: "tcp"})
	n.captures(t, 2)
	n.send(t, port)
	n.mark(t, file)
	ours := wait()
	if err := theirs.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := theirs.Wait(); err != nil {
		t.Fatal(err)
	}
	from, _ := checktest.Observe[Traffic](t, New(nil).File(), map[string]any{"path": file, "filter": "tcp"})
	if ours.Lost > 0 || ours.Packets < 1000 || ours.TCP.Retransmitted+ours.TCP.OutOfOrder == 0 {
		t.Errorf("got %d packets, %d lost, %d retransmitted, %d out of order; want many, and that some were sent again", ours.Packets, ours.Lost, ours.TCP.Retransmitted, ours.TCP.OutOfOrder)
	}
	if ours.Packets != from.Packets || ours.Bytes != from.Bytes {
		t.Errorf("got %d packets and %d bytes, tcpdump has %d and %d", ours.Packets, ours.Bytes, from.Packets, from.Bytes)
	}
	ours.TCP.Wait, from.TCP.Wait = traffic.Wait{}, traffic.Wait{} // of times, which differ by nanoseconds
	for _, o := range []*Traffic{&ours, &from} {
		o.TCP.Handshake.P50Seconds, o.TCP.Handshake.P95Seconds, o.TCP.Handshake.MaxSeconds = 0, 0, 0
		o.TCP.HandshakeToClient, o.TCP.HandshakeToServer, o.TCP.Response = o.TCP.Handshake, o.TCP.Handshake, o.TCP.Handshake
	}
	// Which of the two a segment is depends on microseconds.
	for _, o := range []*Traffic{&ours, &from} {
		o.TCP.Retransmitted += o.TCP.OutOfOrder
		o.TCP.OutOfOrder, o.TCP.RetransmittedPercent = 0, 0
	}
	if ours.TCP != from.TCP {
		t.Errorf("got  %+v\nwant %+v", ours.TCP, from.TCP)
	}
}

// TestCaptureOfAllInterfaces: what passes a bridge and its ports counts once.
func TestCaptureOfAllInterfaces(t *testing.T) {
	t.Parallel()
	n, other := newNamespace(t), newNamespace(t)
	n.run(t, "ip", "link", "add", "br0", "type", "bridge")
	n.run(t, "ip", "link", "add", "port0", "type", "veth", "peer", "name", "far0", "netns", other.absolute())
	n.run(t, "ip", "link", "set", "port0", "master", "br0", "up")
	n.run(t, "ip", "addr", "add", "10.9.0.1/24", "dev", "br0")
	n.run(t, "ip", "link", "set", "br0", "up")
	other.run(t, "ip", "addr", "add", "10.9.0.2/24", "dev", "far0")
	other.run(t, "ip", "link", "set", "far0", "up")
	wait := n.capture(t, CaptureInput{Interface: "any", Filter: "tcp"})
	n.captures(t, 1)
	var listener net.Listener
	var err error
	n.in(func() { listener, err = net.Listen("tcp", "10.9.0.1:7777") })
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var client net.Conn
	other.in(func() { client, err = net.DialTimeout("tcp", "10.9.0.1:7777", checktest.Timeout) })
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(server, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	client.Close()
	server.Close()
	o := wait()
	if o.TCP.Connections != 1 || o.TCP.Handshakes != 1 || o.TCP.Retransmitted != 0 || o.TCP.DuplicateACKs != 0 || o.Elsewhere == 0 {
		t.Errorf("got %+v, %d elsewhere; want one connection, and nothing sent again", o.TCP, o.Elsewhere)
	}
}

// absolute is the path for other processes.
func (n *namespace) absolute() string {
	return strings.Replace(n.path, "/proc/self", "/proc/"+strconv.Itoa(os.Getpid()), 1)
}
