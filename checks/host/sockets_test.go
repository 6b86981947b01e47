package host

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestSocketsConforms(t *testing.T) {
	checktest.Run(t, Source{}.Sockets(), nil)
}

const (
	socketHeading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	anyone        = "0.0.0.0:0"
)

// endpoint writes an address as /proc/net/tcp does.
func endpoint(address string) string {
	host, port, _ := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	if v4 := ip.To4(); v4 != nil && !strings.HasPrefix(host, "::ffff:") {
		ip = v4
	}
	var text strings.Builder
	for i := 0; i < len(ip); i += 4 {
		fmt.Fprintf(&text, "%08X", binary.NativeEndian.Uint32(ip[i:]))
	}
	number, _ := strconv.Atoi(port)
	return fmt.Sprintf("%s:%04X", text.String(), number)
}

// row writes a line of /proc/net/tcp; the kernel fills lines with spaces.
func row(local, remote string, state, sending, receiving int) string {
	return fmt.Sprintf("%4d: %s %s %02X %08X:%08X 00:00000000 00000000     0        0 181 1 0000000072971db3 100 0 0 10 0   \n",
		0, endpoint(local), endpoint(remote), state, sending, receiving)
}

func sockets(t *testing.T, files tree) (Sockets, engine.Observation) {
	t.Helper()
	root := t.TempDir()
	files.write(t, root)
	return checktest.Observe[Sockets](t, Source{Proc: root}.Sockets(), nil)
}

func somewhat() tree {
	return tree{
		"net/tcp": socketHeading +
			row("0.0.0.0:22", anyone, tcpListen, 0, 0) +
			row("127.0.0.1:8080", anyone, tcpListen, 0, 5) + // two sockets share it
			row("127.0.0.1:8080", anyone, tcpListen, 0, 7) +
			row("10.0.0.1:40000", "10.0.0.9:5432", tcpEstablished, 100, 20) +
			row("10.0.0.1:40001", "10.0.0.9:5432", tcpCloseWait, 0, 1) +
			row("10.0.0.1:40002", "10.0.0.9:5432", tcpTimeWait, 0, 0) +
			row("10.0.0.1:40002", "10.0.0.8:80", tcpSynSent, 1, 0) + // the port serves two destinations
			row("10.0.0.1:40005", "10.0.0.8:81", tcpFinWait1, 1, 0) + // a reserved port
			row("10.0.0.1:22", "10.0.0.7:50000", tcpCloseWait, 0, 0) +
			row("10.0.0.1:22", "10.0.0.7:50001", tcpCloseWait, 0, 0) +
			row("10.0.0.1:22", "10.0.0.7:50002", tcpSynReceived, 0, 0) +
			row("10.0.0.1:22", "10.0.0.7:50003", tcpFinWait2, 0, 0) +
			row("10.0.0.1:22", "10.0.0.7:50004", tcpLastAck, 0, 0) +
			row("10.0.0.1:22", "10.0.0.7:50005", tcpClosing, 0, 0),
		"net/tcp6": socketHeading +
			row("[::]:443", "[::]:0", tcpListen, 0, 0) +
			row("[::ffff:10.0.0.1]:443", "[::ffff:10.0.0.9]:50000", tcpEstablished, 0, 0) +
			row("[2001:db8::1]:443", "[2001:db8::2]:50000", tcpEstablished, 0, 3),
		"net/udp": "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
			"  12: 0100007F:0035 00000000:0000 07 00000000:00000300 00:00000000 00000000   101        0 1 2 00000000aa 17\n",
		"net/udp6":                             "   sl  local_address remote_address st\n",
		"net/sockstat":                         "sockets: used 14\nTCP: inuse 1 orphan 3 tw 0 alloc 1 mem 25\nUDP: inuse 0 mem 0\n",
		"sys/net/ipv4/tcp_mem":                 "50\t75\t100\n",
		"sys/net/ipv4/ip_local_port_range":     "40000\t40009\n",
		"sys/net/ipv4/ip_local_reserved_ports": "22,40005-40006\n",
	}
}

func TestSockets(t *testing.T) {
	got, o := sockets(t, somewhat())
	same(t, got, Sockets{
		TCPTotal: 17, Established: 3, SYNSent: 1, SYNReceived: 1, FinWait: 2, CloseWait: 3, Closing: 2, TimeWait: 1,
		Listening: 4, Orphaned: 3, UDPTotal: 1,
		TCPMemoryBytes: 25 * int64(os.Getpagesize()), TCPMemoryUsedPercent: 25,
		SendQueueBytes: 102, ReceiveQueueBytes: 24, UDPReceiveQueueBytes: 0x300, UDPDropsTotal: 17,
		Listeners: []Listener{
			{Address: "127.0.0.1", Port: 8080, Sockets: 2, Queue: 7},
			{Address: "0.0.0.0", Port: 22, Sockets: 1}, {Address: "::", Port: 443, Sockets: 1},
		},
		EphemeralPorts: 8, EphemeralUsed: 3, EphemeralUsedPercent: 37.5,
		BusiestDestination: "10.0.0.9:5432", BusiestDestinationPorts: 3, BusiestDestinationUsedPercent: 37.5,
		BusiestPeers: []Peer{
			{"10.0.0.7", 6, 0}, {"10.0.0.9", 4, 2}, {"10.0.0.8", 2, 0}, {"2001:db8::2", 1, 1},
		},
		CloseWaitByPort: []CloseWaitPort{{22, true, 2}, {5432, false, 1}},
	})
	const backlogs = "listeners[0].backlog listeners[0].queue_used_percent listeners[1].backlog " +
		"listeners[1].queue_used_percent listeners[2].backlog listeners[2].queue_used_percent"
	if got := unreadPaths(o); got != backlogs {
		t.Errorf("unread %s, want what a fed host cannot tell: %s", got, backlogs)
	}
	if want := "17 TCP sockets, 3 established, 4 listening, 1 time_wait, 3 close_wait, port 8080 has 7 to accept"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
}

func TestSocketsWithoutIPv6(t *testing.T) {
	files := somewhat()
	delete(files, "net/tcp6")
	delete(files, "net/udp6")
	got, o := sockets(t, files)
	if got.TCPTotal != 14 || checktest.HasUnread(o, "udp_total") {
		t.Errorf("got %d TCP sockets, unread %s", got.TCPTotal, unreadPaths(o))
	}
}

// TestSocketsUnread: what is missing or strange is unread, and says why.
func TestSocketsUnread(t *testing.T) {
	for _, tt := range []struct{ name, file, text, unread, reason string }{
		{"no sockstat", "net/sockstat", "", "orphaned", "there is no"},
		{"strange sockstat", "net/sockstat", "TCP: x\n", "tcp_memory_bytes", "cannot read"},
		{"no tcp_mem", "sys/net/ipv4/tcp_mem", "", "tcp_memory_used_percent", "there is no"},
		{"no range", "sys/net/ipv4/ip_local_port_range", "", "busiest_destination", "there is no"},
		{"strange range", "sys/net/ipv4/ip_local_port_range", "many", "ephemeral_used_percent", "cannot read"},
		{"no udp", "net/udp", "", "udp_drops_total", "there is no"},
		{"strange udp6", "net/udp6", socketHeading + "garbage\n", "udp_total", "line 2 is not a socket"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := somewhat()
			if files[tt.file] = tt.text; tt.text == "" {
				delete(files, tt.file)
			}
			_, o := sockets(t, files)
			for _, u := range o.Unread {
				if u.Path == tt.unread && strings.Contains(u.Reason, tt.reason) && u.Fix != "" {
					return
				}
			}
			t.Errorf("unread %+v, want %s because %q", o.Unread, tt.unread, tt.reason)
		})
	}
}

func TestSocketsBlind(t *testing.T) {
	for name, text := range map[string]string{
		"no table": "404\n", "no socket": socketHeading + "what is this\n", "empty": "",
		"impossible state": socketHeading + strings.Replace(row(anyone, anyone, 1, 0, 0), " 01 ", " 99 ", 1),
	} {
		root := t.TempDir()
		tree{"net/tcp": text}.write(t, root)
		if o := checktest.Look(t, Source{Proc: root}.Sockets(), nil); o.Status != engine.Failed || o.Fix == "" {
			t.Errorf("%s: got %s, fix %q; want a failure and how to fix it", name, o.Status, o.Fix)
		}
	}
}

func TestSocketsManyListeners(t *testing.T) {
	files := somewhat()
	var text strings.Builder
	text.WriteString(socketHeading)
	for port := range 300 {
		text.WriteString(row(fmt.Sprintf("0.0.0.0:%d", 1000+port), anyone, tcpListen, 0, port))
	}
	files["net/tcp"] = text.String()
	got, o := sockets(t, files)
	if len(got.Listeners) != maxListeners || got.Listeners[0].Port != 1299 || !checktest.HasUnread(o, "listeners") {
		t.Errorf("got %d listeners, the first %+v, unread %t", len(got.Listeners), got.Listeners[0], checktest.HasUnread(o, "listeners"))
	}
}

// TestSocketsAgreesWithSS: a listener with connections that wait, as ss sees it
// and the connections.
func TestSocketsAgreesWithSS(t *testing.T) {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().(*net.TCPAddr)
	for range 3 {
		conn, err := net.Dial("tcp", address.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	fields := strings.Fields(tool(t, "ss", "-Htln", fmt.Sprintf("sport = :%d", address.Port)))
	got, _ := checktest.Observe[Sockets](t, Source{}.Sockets(), nil)
	l := listenerAt(got, address.Port)
	if queue, backlog := strconv.FormatInt(l.Queue, 10), strconv.FormatInt(l.Backlog, 10); len(fields) < 3 || queue != fields[1] || backlog != fields[2] {
		t.Errorf("got queue %s and backlog %s, ss says %q", queue, backlog, fields)
	}
	seen := 0
	err = (Source{}).eachSocket(t.Context(), "tcp", func(s socket) {
		if s.remote == address.AddrPort() && s.state == tcpEstablished {
			seen++
		}
	})
	lines := strings.Count(tool(t, "ss", "-Htn", "state", "established", fmt.Sprintf("dport = :%d", address.Port)), "\n")
	if err != nil || seen != lines || seen != 3 {
		t.Errorf("got %d connections (%v), ss says %d, there are 3", seen, err, lines)
	}
}

// TestSocketsAsNobody: everything is there without root.
func TestSocketsAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	if _, o := checktest.Observe[Sockets](t, Source{}.Sockets(), nil); len(o.Unread) > 0 {
		t.Errorf("unread %v", o.Unread)
	}
}

func FuzzParseSocket(f *testing.F) {
	f.Add([]byte(row("127.0.0.1:80", anyone, tcpListen, 0, 1)))
	f.Add([]byte(row("[::1]:80", "[::1]:9", tcpEstablished, 0, 1)))
	f.Add([]byte("0: : : 01 : 0 0 0 0 0 0"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if s, ok := parseSocket(line); ok && (!s.local.IsValid() || s.state >= tcpStates || s.sending < 0 || s.receiving < 0) {
			t.Errorf("%q: got %+v", line, s)
		}
	})
}

func FuzzBacklogs(f *testing.F) {
	f.Add(listenersRequest(2))
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, messages []byte) { _, _ = addBacklogs(map[uint32]int64{}, messages) })
}

// BenchmarkSockets tallies 10,000 sockets from a file; each must stay below
// 100 ms of processor time.
func BenchmarkSockets(b *testing.B) {
	files := somewhat()
	var text strings.Builder
	text.WriteString(files["net/tcp"])
	for i := range 10_000 {
		text.WriteString(row(fmt.Sprintf("10.0.0.1:%d", 40000+i), fmt.Sprintf("10.1.%d.%d:443", i%20, i%200), 1+i%6, 0, 0))
	}
	files["net/tcp"] = text.String()
	root := b.TempDir()
	files.write(b, root)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Source{Proc: root}).lookSockets(b.Context(), &engine.Call{}, SocketsInput{}); err != nil {
			b.Fatal(err)
		}
	}
}
