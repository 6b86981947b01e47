package main

// Real faults of the network, each in namespaces of its own: a listener that
// does not accept, a path that loses packets, an interface that drops them, a
// program that does not read its datagrams, connects that are swallowed or
// refused or never finished, a link that is down, ports and places that run out.
// Not made are a bad cable, the input queue of a processor and TCP's memory, which
// are the whole host's: they are shown in recorded cases.

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func networkTasks() map[string]func(string) {
	return map[string]func(string){
		"overflow": overflow, "sink": sink, "send": send, "unreading": unreading, "strange-frames": strangeFrames,
		"knock": knock, "half-open": halfOpen, "flood": flood, "occupy": occupy, "flows": flows,
	}
}

// namespace makes a network namespace with its loopback up, and gives its name.
func namespace(t *testing.T, name string) string {
	t.Helper()
	_, err := exec.LookPath("ip")
	checktest.Need(t, "the program ip", err == nil)
	name = fmt.Sprintf("gumshoe-%d-%s", os.Getpid(), name)
	inShell(t, "ip", "netns", "add", name)
	t.Cleanup(func() { inShell(t, "ip", "netns", "delete", name) })
	inShell(t, "ip", "-n", name, "link", "set", "lo", "up")
	return name
}

func inShell(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// cable joins two namespaces: 10.9.0.1 is in the first, 10.9.0.2 in the second.
func cable(t *testing.T, first, second string) {
	t.Helper()
	inShell(t, "ip", "-n", first, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", second)
	for i, name := range []string{first, second} {
		inShell(t, "ip", "-n", name, "addr", "add", fmt.Sprintf("10.9.0.%d/24", i+1), "dev", "eth0")
		inShell(t, "ip", "-n", name, "link", "set", "eth0", "up")
	}
}

// helperIn starts a helper in a namespace.
func helperIn(t *testing.T, namespace, task, argument string) {
	t.Helper()
	startHelper(t, task, exec.Command("ip", "netns", "exec", namespace, os.Args[0], argument))
}

// diagnoseIn runs a runbook in a namespace.
func diagnoseIn(t *testing.T, namespace string, args ...string) (*engine.Report, int) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", append([]string{"netns", "exec", namespace, path, "run", "--format", "json"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())
	var out bytes.Buffer
	cmd.Stdout = &out
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	report := new(engine.Report)
	if err := json.Unmarshal(out.Bytes(), report); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	return report, cmd.ProcessState.ExitCode()
}

// overflow listens with room for one connection, never accepts, and connects to
// itself again and again.
func overflow(port string) {
	n, _ := strconv.Atoi(port)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(fd, 1)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	dial := func() {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, 5*time.Second)
		if err == nil {
			defer conn.Close()
			select {}
		}
	}
	for range 4 {
		go dial()
	}
	fmt.Println("ready")
	for range time.Tick(100 * time.Millisecond) {
		go dial()
	}
}

// sink takes what is sent to it.
func sink(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			buffer := make([]byte, 1<<16)
			for {
				if _, err := conn.Read(buffer); err != nil {
					return
				}
			}
		}()
	}
}

// send sends without end, over four connections.
func send(address string) {
	for i := range 4 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			fmt.Println(err)
			return
		}
		if i == 0 {
			fmt.Println("ready")
		}
		go func() {
			block := make([]byte, 1<<12)
			for {
				if _, err := conn.Write(block); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
	}
	select {}
}

// unreading has a small buffer for datagrams that it never reads, and sends to itself.
func unreading(port string) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:"+port)
	if err == nil {
		err = conn.(*net.UDPConn).SetReadBuffer(4096)
	}
	var out net.Conn
	if err == nil {
		out, err = net.Dial("udp", "127.0.0.1:"+port)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	for range time.Tick(2 * time.Millisecond) {
		_, _ = out.Write(make([]byte, 1000))
	}
}

// strangeFrames sends frames of a protocol that nobody speaks: whoever gets them
// drops them on arrival.
func strangeFrames(name string) {
	device, err := net.InterfaceByName(name)
	var fd int
	if err == nil {
		fd, err = syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	frame := make([]byte, 60)
	copy(frame, "\xff\xff\xff\xff\xff\xff")
	copy(frame[12:], "\x88\xb5")
	fmt.Println("ready")
	for range time.Tick(time.Millisecond) {
		_ = syscall.Sendto(fd, frame, 0, &syscall.SockaddrLinklayer{Ifindex: device.Index})
	}
}

// knock connects to an address again and again, by many at a time, and gives up
// after three seconds. It is ready when the first has failed.
func knock(address string) {
	failed := make(chan struct{}, 1)
	for range 20 {
		go func() {
			for pause := time.NewTicker(100 * time.Millisecond); ; <-pause.C {
				conn, err := net.DialTimeout("tcp", address, 3*time.Second)
				if err == nil {
					_ = conn.Close()
					continue
				}
				select {
				case failed <- struct{}{}:
				default:
				}
			}
		}()
	}
	<-failed
	fmt.Println("ready")
	select {}
}

// halfOpen listens with room for 16 connections and accepts them all.
func halfOpen(port string) {
	n, _ := strconv.Atoi(port)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	err = errors.Join(err, syscall.Bind(fd, &syscall.SockaddrInet4{Port: n}), syscall.Listen(fd, 16))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	for {
		if accepted, _, err := syscall.Accept(fd); err == nil {
			_ = syscall.Close(accepted)
		}
	}
}

// flood begins connections from addresses that do not exist, and does not finish
// them.
func flood(address string) {
	to, err := netip.ParseAddrPort(address)
	fd, err2 := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_RAW)
	if err := errors.Join(err, err2); err != nil {
		fmt.Println(err)
		return
	}
	n := 0
	for range time.Tick(2 * time.Millisecond) {
		if n++; n == 100 {
			fmt.Println("ready")
		}
		from := netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)})
		_ = syscall.Sendto(fd, beginning(from, to), 0, &syscall.SockaddrInet4{Addr: to.Addr().As4()})
	}
}

// beginning is an IPv4 packet with which a TCP connection begins.
func beginning(from netip.Addr, to netip.AddrPort) []byte {
	packet := make([]byte, 40)
	packet[0], packet[8], packet[9] = 0x45, 64, syscall.IPPROTO_TCP // its length and checksum the kernel fills in
	copy(packet[12:], from.AsSlice())
	copy(packet[16:], to.Addr().AsSlice())
	segment := packet[20:]
	binary.BigEndian.PutUint16(segment, 40000)
	binary.BigEndian.PutUint16(segment[2:], to.Port())
	segment[12], segment[13] = 5<<4, 2 // five words of header, SYN
	binary.BigEndian.PutUint16(segment[14:], 65535)
	sum := uint32(syscall.IPPROTO_TCP + len(segment)) // of the pseudo-header and the segment
	for i := 12; i < len(packet); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(segment[16:], ^uint16(sum))
	return packet
}

// occupy connects to itself until there is no local port left.
func occupy(port string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	var held []net.Conn
	for {
		conn, err := net.Dial("tcp", l.Addr().String())
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		held = append(held, conn)
	}
	fmt.Println("ready")
	for {
		runtime.KeepAlive(held)
		syscall.Pause()
	}
}

// flows sends one datagram each to many addresses of this host.
func flows(count string) {
	n, _ := strconv.Atoi(count)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range n {
		_ = syscall.Sendto(fd, nil, 0, &syscall.SockaddrInet4{Port: 9, Addr: [4]byte{127, byte(i >> 16), byte(i >> 8), byte(i)}})
	}
	fmt.Println("ready")
	select {}
}

// trackable is the most connections that a namespace may track.
func trackable(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_max")
	checktest.Need(t, "connection tracking", err == nil)
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if n > 600_000 {
		t.Skipf("to fill a table of %d connections takes too long", n)
	}
	return n
}

func TestRealNetworkErrors(t *testing.T) {
	needReal(t)
	for _, row := range []struct {
		name    string
		fault   func(t *testing.T) (namespace string) // in which to look
		want    string
		subject string
	}{
		{"accept queue full", func(t *testing.T) string {
			at := namespace(t, "full")
			helperIn(t, at, "overflow", "8080")
			return at
		}, "accept_queue_full", "127.0.0.1:8080"},
		{"path loses packets", func(t *testing.T) string {
			here, there := namespace(t, "near"), namespace(t, "far")
			cable(t, here, there)
			wall(t, there, "input", "tcp dport 9000 numgen random mod 10 < 1 drop")
			helperIn(t, there, "sink", "10.9.0.2:9000")
			helperIn(t, here, "send", "10.9.0.2:9000")
			return here
		}, "packets_lost", ""},
		{"interface drops", func(t *testing.T) string {
			here, there := namespace(t, "near"), namespace(t, "far")
			cable(t, here, there)
			helperIn(t, there, "strange-frames", "eth0")
			return here
		}, "interface_drops", "eth0"},
		{"datagrams are not read", func(t *testing.T) string {
			at := namespace(t, "deaf")
			helperIn(t, at, "unreading", "5514")
			return at
		}, "udp_buffer_full", ""},
		{"connects are swallowed", func(t *testing.T) string {
			here, there := namespace(t, "near"), namespace(t, "far")
			cable(t, here, there)
			wall(t, there, "input", "tcp dport 9001 drop")
			helperIn(t, here, "knock", "10.9.0.2:9001")
			return here
		}, "no_answer", "10.9.0.2"},
		{"connects are refused there", func(t *testing.T) string {
			here, there := namespace(t, "near"), namespace(t, "far")
			cable(t, here, there)
			helperIn(t, here, "knock", "10.9.0.2:9001")
			return here
		}, "refused", ""},
		{"connects are refused here", func(t *testing.T) string {
			here, there := namespace(t, "near"), namespace(t, "far")
			cable(t, here, there)
			helperIn(t, here, "knock", "127.0.0.1:9001")
			return here
		}, "refused", ""},
		{"half-open connections", func(t *testing.T) string {
			here, there := namespace(t, "near"), namespace(t, "far")
			cable(t, here, there)
			inShell(t, "ip", "-n", here, "route", "add", "default", "via", "10.9.0.2")
			helperIn(t, here, "half-open", "8080")
			helperIn(t, there, "flood", "10.9.0.1:8080")
			return here
		}, "syn_flood", ""},
		{"no ports left", func(t *testing.T) string {
			at := namespace(t, "busy")
			inShell(t, "ip", "netns", "exec", at, "sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40063")
			helperIn(t, at, "occupy", "9000")
			return at
		}, "ports_exhausted", "127.0.0.1:9000"},
		{"table of connections full", func(t *testing.T) string {
			most := trackable(t)
			at := namespace(t, "wall")
			wall(t, at, "output", "ct state new accept")
			helperIn(t, at, "flows", strconv.Itoa(most*97/100))
			return at
		}, "connection_table_full", ""},
		{"no link", func(t *testing.T) string {
			here, there := namespace(t, "near"), namespace(t, "far")
			cable(t, here, there)
			inShell(t, "ip", "-n", there, "link", "set", "eth0", "down")
			return here
		}, "link_lost", "eth0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, exit := diagnoseIn(t, row.fault(t), "network-errors")
			wantConfirmed(t, r, exit, row.want)
			if row.subject != "" {
				wantSubject(t, r, row.want, row.subject)
			}
		})
	}
}

// A namespace in which a connection works is called healthy.
func TestRealNetworkHealthy(t *testing.T) {
	needReal(t)
	here, there := namespace(t, "near"), namespace(t, "far")
	cable(t, here, there)
	helperIn(t, there, "sink", "10.9.0.2:9000")
	helperIn(t, here, "send", "10.9.0.2:9000")
	r, exit := diagnoseIn(t, here, "network-errors", "since=1m")
	for _, s := range r.Steps {
		// The OOM kills of other tests fill the kernel's buffer of messages.
		if s.ID == "kernel" && s.Status == engine.Partial && onlyOpen(r) {
			return
		}
	}
	if r.Status != engine.StatusHealthy || exit != exitHealthy {
		t.Errorf("got %s with exit status %d, want healthy\n%s", r.Status, exit, verdicts(r))
	}
}
