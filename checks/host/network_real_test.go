package host

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/checktest"
)

// TestNetworkAgreesWithNstat: the totals lie between what nstat says before and
// after.
func TestNetworkAgreesWithNstat(t *testing.T) {
	nstat := func() (overflows, drops int64) {
		for line := range strings.Lines(tool(t, "nstat", "-asz", "TcpExtListenOverflows", "TcpExtListenDrops")) {
			fields := strings.Fields(line)
			if len(fields) < 2 {
				continue
			}
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			switch fields[0] {
			case "TcpExtListenOverflows":
				overflows = n
			case "TcpExtListenDrops":
				drops = n
			}
		}
		return overflows, drops
	}
	overflowsBefore, dropsBefore := nstat()
	got, _ := checktest.Observe[Network](t, Source{}.Network(), map[string]any{"window": "100ms"})
	overflowsAfter, dropsAfter := nstat()
	if n := got.ListenOverflowsTotal; n < overflowsBefore || n > overflowsAfter {
		t.Errorf("listen overflows: got %d, nstat says %d, then %d", n, overflowsBefore, overflowsAfter)
	}
	if n := got.ListenDropsTotal; n < dropsBefore || n > dropsAfter {
		t.Errorf("listen drops: got %d, nstat says %d, then %d", n, dropsBefore, dropsAfter)
	}
}

// TestNetworkAsNobody: everything is there without root.
func TestNetworkAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	_, o := checktest.Observe[Network](t, Source{}.Network(), map[string]any{"window": "100ms"})
	for _, u := range o.Unread {
		if strings.Contains(u.Reason, "may not") {
			t.Errorf("unread %v", u)
		}
	}
}

// fullListener listens at a port with a backlog of 1 and accepts nothing. It
// gives the port.
func fullListener(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return name.(*unix.SockaddrInet4).Port
}

// connect begins n connections to a port of localhost, and does not wait for
// those that nobody answers.
func connect(t *testing.T, port, n int) {
	t.Helper()
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port})
		if err != nil && err != unix.EINPROGRESS {
			t.Fatal(err)
		}
	}
}

// TestRealListenOverflow: a program that does not accept, seen by both checks.
// The overflow lasts: connects that got no answer are tried again each second.
func TestRealListenOverflow(t *testing.T) {
	port := fullListener(t)
	connect(t, port, 30)
	sockets, _ := checktest.Observe[Sockets](t, Source{}.Sockets(), nil)
	l := listenerAt(sockets, port)
	if l.Queue != 2 || l.Backlog != 1 || l.QueueUsedPercent != 100 {
		t.Errorf("got %+v; want a queue of 2 (backlog 1 and one more), full", l)
	}
	if sockets.SYNSent == 0 {
		t.Error("no connect waits for an answer")
	}
	network, _ := checktest.Observe[Network](t, Source{}.Network(), map[string]any{"window": "3s"})
	if network.ListenOverflows == 0 || network.ListenDrops == 0 {
		t.Errorf("got %d overflows and %d drops in 3 s", network.ListenOverflows, network.ListenDrops)
	}
	if network.TCPRetransmittedPercent == 0 || network.TCPTimeoutsPerSecond == 0 {
		t.Errorf("got %v %% retransmitted and %v timeouts/s; want some of both", network.TCPRetransmittedPercent, network.TCPTimeoutsPerSecond)
	}
}

// TestRealDropsInNamespace: packets that the kernel drops as they arrive at one
// end of a cable, in a network namespace of a thread of ours.
func TestRealDropsInNamespace(t *testing.T) {
	checktest.Need(t, "root, to make a network namespace", os.Geteuid() == 0)
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		checktest.Need(t, "a kernel that makes network namespaces", false)
	}
	tool(t, "ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
	tool(t, "ip", "link", "set", "va", "up")
	tool(t, "ip", "link", "set", "vb", "up")
	device, err := net.InterfaceByName("va")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	frame := make([]byte, 60) // to everyone, of a protocol that nobody speaks
	copy(frame, "\xff\xff\xff\xff\xff\xff")
	copy(frame[12:], "\x88\xb5")
	stop := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				_ = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: device.Index})
			}
		}
	})
	here := Source{Proc: fmt.Sprintf("/proc/self/task/%d", unix.Gettid()), Sys: t.TempDir()}
	got, o := checktest.Observe[Network](t, here.Network(), nil)
	close(stop)
	sender.Wait()
	if len(got.Interfaces) != 2 {
		t.Fatalf("got %+v, want va and vb", got.Interfaces)
	}
	va, vb := got.Interfaces[0], got.Interfaces[1]
	if vb.RxDropsPerSecond == 0 || vb.RxDropsTotal == 0 || va.RxDropsPerSecond != 0 || va.TxPacketsPerSecond == 0 {
		t.Errorf("got %+v, want drops at vb alone", got.Interfaces)
	}
	if !checktest.HasUnread(o, "interfaces[1].up") {
		t.Errorf("unread %s; want what this namespace's sysfs and sysctls would tell", unreadPaths(o))
	}
}

func listenerAt(o Sockets, port int) Listener {
	for _, l := range o.Listeners {
		if l.Port == port {
			return l
		}
	}
	return Listener{}
}
