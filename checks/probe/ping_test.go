package probe

import (
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func needPing(t testing.TB) {
	t.Helper()
	s, err := openPing(netip.MustParseAddr("127.0.0.1"), false)
	if err == nil {
		s.Close()
	}
	checktest.Need(t, "the right to send ping", err == nil)
}

func ping(t *testing.T, inputs map[string]any) (Ping, engine.Observation) {
	t.Helper()
	return checktest.Observe[Ping](t, New(nil).Ping(), inputs)
}

func TestPingConforms(t *testing.T) {
	needPing(t)
	checktest.Run(t, New(nil).Ping(), map[string]any{"host": "127.0.0.1", "count": 2})
}

func TestPing(t *testing.T) {
	needPing(t)
	for _, tt := range []struct {
		host, ip, address string
		size              int
	}{
		{"127.0.0.1", "any", "127.0.0.1", 56},
		{"::1", "any", "::1", 56},
		{"localhost", "4", "127.0.0.1", 16},
		{"127.0.0.7", "4", "127.0.0.7", 8999},
	} {
		t.Run(tt.host, func(t *testing.T) {
			if tt.host == "::1" {
				_, err := os.Stat("/proc/net/if_inet6")
				checktest.Need(t, "IPv6", err == nil)
			}
			got, o := ping(t, map[string]any{"host": tt.host, "ip": tt.ip, "count": 3, "size": tt.size, "timeout": "10s"})
			if got.Outcome != Answered || got.Address != tt.address || got.Sent != 3 || got.Received != 3 || got.LostPercent != 0 || got.TTL != 64 ||
				got.RTTMinSeconds <= 0 || got.RTTMedianSeconds < got.RTTMinSeconds || got.RTTMaxSeconds < got.RTTMedianSeconds ||
				got.Duplicates != 0 || got.Unreachable != 0 || len(o.Unread) > 0 {
				t.Errorf("got %+v, unread %v", got, o.Unread)
			}
		})
	}
}

func TestPingOnce(t *testing.T) {
	needPing(t)
	if got, o := ping(t, map[string]any{"host": "127.0.0.1", "count": 1, "timeout": "10s"}); got.Received != 1 || !checktest.HasUnread(o, "jitter_seconds") || len(o.Unread) != 1 {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
}

func TestPingNames(t *testing.T) {
	got, o := ping(t, map[string]any{"host": "db.invalid", "timeout": "300ms"})
	if got.Outcome != reach.NameNotFound && got.Outcome != reach.NameFailed || !checktest.HasUnread(o, "address") || !checktest.HasUnread(o, "lost_percent") {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
	if got, _ := ping(t, map[string]any{"host": "127.0.0.1", "ip": "6"}); got.Outcome != reach.NameNotFound {
		t.Errorf("got %+v, want no address of version 6", got)
	}
}

func TestPingRefusedByPolicy(t *testing.T) {
	for host, want := range map[string]string{"127.0.0.1": `"127.0.0.1"`, "::1": `"[::1]"`, "169.254.169.254": `"169.254.169.254"`, "host.example.org": `"host.example.org"`} {
		// An entry with a port is for that port alone.
		o := checktest.Look(t, New(allow(t, "127.0.0.1:80", "db.example.com")).Ping(), map[string]any{"host": host})
		if o.Status != engine.Skipped || !o.Refused || !strings.Contains(o.Fix, want) || strings.Contains(o.Reason, ":0 ") {
			t.Errorf("%s: got %s %q, fix %q", host, o.Status, o.Reason, o.Fix)
		}
	}
	needPing(t)
	if got, _ := checktest.Observe[Ping](t, New(allow(t, "127.0.0.0/8")).Ping(), map[string]any{"host": "127.0.0.1", "count": 1, "timeout": "10s"}); got.Outcome != Answered {
		t.Errorf("got %+v", got)
	}
}

// inNamespace runs a function in a network namespace of its own, whose loopback
// is up, as the rest of the thread's life.
func inNamespace(t *testing.T, function func(run func(argv ...string))) {
	t.Helper()
	if !checktest.Real() {
		t.Skip("needs GUMSHOE_TEST_REAL=1")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			t.Errorf("a network namespace: %v", err)
			return
		}
		function(func(argv ...string) {
			if text, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s", argv, err, text)
			}
		})
	}()
	<-done
}

// pingGroups says which groups may send ping, in the namespace of the thread.
func pingGroups(t *testing.T, groups string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte(groups), 0); err != nil {
		t.Error(err)
	}
}

// pingHere runs the check on this very thread, which is in a namespace.
func pingHere(t *testing.T, in PingInput) (Ping, error) {
	t.Helper()
	in.IP, in.Size, in.Interval = "any", 56, 200*time.Millisecond
	return New(nil).lookPing(t.Context(), &engine.Call{}, in)
}

// TestRealPingLoss: every other packet is lost, and those come back that the
// firewall lets through.
func TestRealPingLoss(t *testing.T) {
	inNamespace(t, func(run func(argv ...string)) {
		run("ip", "link", "set", "lo", "up")
		run("nft", "add table inet lossy; add chain inet lossy in { type filter hook input priority 0; }; "+
			"add rule inet lossy in icmp type echo-request numgen inc mod 2 0 drop")
		got, err := pingHere(t, PingInput{Host: "127.0.0.1", Count: 10, Timeout: 300 * time.Millisecond})
		if err != nil || got.Outcome != Answered || got.Sent != 10 || got.Received != 5 || got.LostPercent != 50 {
			t.Errorf("got %+v, %v; want half of them lost", got, err)
		}
		run("nft", "flush chain inet lossy in; add rule inet lossy in icmp type echo-request drop")
		if got, err = pingHere(t, PingInput{Host: "127.0.0.1", Count: 2, Timeout: 100 * time.Millisecond}); err != nil || got.Outcome != NoAnswer || got.LostPercent != 100 {
			t.Errorf("got %+v, %v; want silence", got, err)
		}
		run("nft", "flush chain inet lossy in; add rule inet lossy in icmp type echo-request reject with icmp type admin-prohibited")
		if got, err = pingHere(t, PingInput{Host: "127.0.0.1", Count: 2, Timeout: time.Second}); err != nil || got.Outcome != reach.Unreachable ||
			got.UnreachableReason != "prohibited" || got.UnreachableFrom != "127.0.0.1" || got.Unreachable != 2 || got.Sent != 2 {
			t.Errorf("got %+v, %v; want prohibited", got, err)
		}
		run("nft", "add chain inet lossy out { type filter hook output priority 0; }; add rule inet lossy out icmp type echo-request drop")
		if got, err = pingHere(t, PingInput{Host: "127.0.0.1", Count: 2, Timeout: time.Second}); err != nil || got.Outcome != "" || got.LocalFault != "forbidden" || got.Sent != 0 {
			t.Errorf("got %+v, %v; want that our own firewall forbids it", got, err)
		}
	})
}

// TestRealPingUnreachable: no route at all, one that refuses, and a neighbour
// that is not there.
func TestRealPingUnreachable(t *testing.T) {
	inNamespace(t, func(run func(argv ...string)) {
		run("ip", "link", "set", "lo", "up")
		got, err := pingHere(t, PingInput{Host: "192.0.2.1", Count: 2, Timeout: time.Second})
		if err != nil || got.Outcome != reach.Unreachable || got.UnreachableReason != "no_route" || got.Sent != 0 || got.Unreachable != 2 {
			t.Errorf("got %+v, %v; want no route", got, err)
		}
		run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
		run("ip", "address", "add", "198.51.100.1/24", "dev", "veth0")
		run("ip", "address", "add", "2001:db8::1/64", "dev", "veth0", "nodad")
		run("ip", "link", "set", "veth0", "up")
		run("ip", "link", "set", "veth1", "up")
		for _, groups := range []string{"1 0", "0 0"} { // by a raw socket, and by one for anybody
			pingGroups(t, groups)
			for host, own := range map[string]string{"198.51.100.9": "198.51.100.1", "2001:db8::9": "2001:db8::1"} {
				got, err = pingHere(t, PingInput{Host: host, Count: 1, Timeout: 10 * time.Second})
				if err != nil || got.Outcome != reach.Unreachable || got.UnreachableReason != "host" || got.UnreachableFrom != own || got.Sent != 1 || got.LostPercent != 100 {
					t.Errorf("groups %s: got %+v, %v; want that nobody answers for the address", groups, got, err)
				}
			}
		}
	})
}

const pingAsUser = "GUMSHOE_TEST_PING_AS_USER"

// TestRealPingAsUser: an ordinary user may where the kernel's setting allows it,
// and is told how to allow it where not.
func TestRealPingAsUser(t *testing.T) {
	switch os.Getenv(pingAsUser) {
	case "allowed":
		for _, host := range []string{"127.0.0.1", "::1"} {
			if got, o := ping(t, map[string]any{"host": host, "count": 2}); got.Outcome != Answered || got.TTL != 64 || got.Received != 2 {
				t.Errorf("got %+v, unread %v", got, o.Unread)
			}
		}
		return
	case "forbidden":
		o := checktest.Look(t, New(nil).Ping(), map[string]any{"host": "127.0.0.1"})
		if o.Output != nil || !strings.Contains(o.Fix, "ping_group_range") || !strings.Contains(o.Fix, "setcap cap_net_raw") {
			t.Errorf("got %s %q, fix %q", o.Status, o.Reason, o.Fix)
		}
		return
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "gumshoe") //nolint:usetesting // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, "test")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	checktest.WriteProgram(t, copied, self)
	inNamespace(t, func(run func(argv ...string)) {
		run("ip", "link", "set", "lo", "up")
		for mode, groups := range map[string]string{"allowed": "0 2147483647", "forbidden": "1 0"} {
			pingGroups(t, groups)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			cmd := exec.CommandContext(ctx, copied, "-test.run=^"+t.Name()+"$", "-test.v")
			cmd.Dir = "/"
			cmd.Env = []string{pingAsUser + "=" + mode}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			text, err := cmd.CombinedOutput()
			cancel()
			if err != nil || !strings.Contains(string(text), "--- PASS") {
				t.Errorf("%s: %v\n%s", mode, err, text)
			}
		}
	})
}

// TestPingAgreesWithPing: the same packets and hops as ping counts. Times are not
// compared: they differ from packet to packet.
func TestPingAgreesWithPing(t *testing.T) {
	path, err := exec.LookPath("ping")
	checktest.Need(t, "ping", err == nil)
	needPing(t)
	got, o := ping(t, map[string]any{"host": "127.0.0.1", "count": 3, "timeout": "10s"})
	text, err := exec.Command(path, o.Reproduce[0][1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	counts := regexp.MustCompile(`(\d+) packets transmitted, (\d+) received`).FindStringSubmatch(string(text))
	ttl := regexp.MustCompile(`ttl=(\d+)`).FindStringSubmatch(string(text))
	if counts == nil || ttl == nil || counts[1] != strconv.Itoa(got.Sent) || counts[2] != strconv.Itoa(got.Received) || ttl[1] != strconv.Itoa(got.TTL) {
		t.Errorf("got %+v, ping says\n%s", got, text)
	}
}

// TestPingReplies: what counts as a reply, and what is somebody else's.
func TestPingReplies(t *testing.T) {
	s := &pingSocket{to: netip.MustParseAddr("192.0.2.1"), mark: [8]byte{1, 2, 3}}
	from := &syscall.SockaddrInet4{Addr: [4]byte{192, 0, 2, 1}}
	message := func(sequence uint16, change func(b []byte)) []byte {
		b := make([]byte, icmpHeader+16)
		binary.BigEndian.PutUint16(b[6:], sequence)
		copy(b[icmpHeader:], s.mark[:])
		change(b)
		return b
	}
	as := func([]byte) {}
	run := &pingRun{packets: []pingPacket{{sent: time.Now()}, {sent: time.Now()}, {sent: time.Now().Add(-time.Hour)}}}
	run.reply(s, message(1, as), nil, from, time.Minute)
	run.reply(s, message(1, as), nil, from, time.Minute)
	run.reply(s, message(3, as), nil, from, time.Minute) // too late
	run.reply(s, message(0, as), nil, from, time.Minute)
	run.reply(s, message(9, as), nil, from, time.Minute)
	run.reply(s, message(2, as)[:12], nil, from, time.Minute)
	run.reply(s, nil, nil, from, time.Minute)
	run.reply(s, message(2, func(b []byte) { b[0] = echo4 }), nil, from, time.Minute)
	run.reply(s, message(2, func(b []byte) { b[9]++ }), nil, from, time.Minute)
	run.reply(s, message(2, as), nil, &syscall.SockaddrInet4{Addr: [4]byte{192, 0, 2, 2}}, time.Minute)
	run.reply(s, message(2, as), nil, nil, time.Minute)
	if !run.packets[0].replied || run.packets[1].replied || run.packets[2].replied || run.duplicates != 1 {
		t.Errorf("got %+v", run)
	}
	var o Ping
	o.fill(run)
	if o.Received != 1 || o.Sent != 3 || o.Duplicates != 1 {
		t.Errorf("got %+v", o)
	}
}

func TestPingFill(t *testing.T) {
	run := &pingRun{ttl: 60}
	for _, ms := range []int{10, 30, 0, 20, 60} {
		run.packets = append(run.packets, pingPacket{rtt: time.Duration(ms) * time.Millisecond, replied: ms > 0})
	}
	var got Ping
	got.fill(run)
	want := Ping{
		Outcome: Answered, Sent: 5, Received: 4, LostPercent: 20, TTL: 60,
		RTTMinSeconds: 0.01, RTTMedianSeconds: 0.025, RTTMaxSeconds: 0.06, JitterSeconds: (0.02 + 0.01 + 0.04) / 3,
	}
	if diff := got.JitterSeconds - want.JitterSeconds; diff > 1e-9 || diff < -1e-9 {
		t.Errorf("jitter: got %v, want %v", got.JitterSeconds, want.JitterSeconds)
	}
	if got.JitterSeconds = want.JitterSeconds; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestExtendedFailure(t *testing.T) {
	entry := func(origin, kind, code byte, rest ...byte) []byte {
		return append([]byte{113, 0, 0, 0, origin, kind, code, 0, 0, 0, 0, 0, 0, 0, 0, 0}, rest...)
	}
	v4 := append(binary.NativeEndian.AppendUint16(nil, syscall.AF_INET), 0, 0, 192, 0, 2, 7)
	v6 := append(append(binary.NativeEndian.AppendUint16(nil, syscall.AF_INET6), make([]byte, 6)...), netip.MustParseAddr("2001:db8::7").AsSlice()...)
	for _, tt := range []struct {
		data         []byte
		reason, from string
		ok           bool
	}{
		{entry(2, 3, 0, v4...), "no_route", "192.0.2.7", true},
		{entry(2, 3, 1, v4...), "host", "192.0.2.7", true},
		{entry(2, 3, 13, v4...), "prohibited", "192.0.2.7", true},
		{entry(2, 11, 0, v4...), "ttl_exceeded", "192.0.2.7", true},
		{entry(3, 1, 0, v6...), "no_route", "2001:db8::7", true},
		{entry(3, 1, 3, v6...), "host", "2001:db8::7", true},
		{entry(3, 2, 0, v6...), "too_big", "2001:db8::7", true},
		{entry(3, 4, 0, v6[:9]...), "other", "", true},
		{entry(1, 0, 0), "other", "", true},
		{entry(9, 0, 0), "", "", false},
		{nil, "", "", false},
	} {
		if reason, from, ok := extendedFailure(tt.data); reason != tt.reason || from != tt.from || ok != tt.ok {
			t.Errorf("%v: got %q from %q, %v; want %q from %q, %v", tt.data, reason, from, ok, tt.reason, tt.from, tt.ok)
		}
	}
}

func FuzzPingMessages(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte("control"), true)
	f.Fuzz(func(_ *testing.T, data, control []byte, raw bool) {
		for _, to := range []string{"192.0.2.1", "2001:db8::1"} {
			s := &pingSocket{to: netip.MustParseAddr(to), raw: raw}
			run := &pingRun{packets: make([]pingPacket, 3)}
			run.reply(s, data, control, &syscall.SockaddrInet4{Addr: [4]byte{192, 0, 2, 1}}, time.Hour)
			run.failure(s, data, control)
			extendedFailure(control)
			received(control)
		}
	})
}

func BenchmarkPing(b *testing.B) {
	needPing(b)
	for b.Loop() {
		if _, err := New(nil).lookPing(b.Context(), &engine.Call{}, PingInput{Host: "127.0.0.1", Count: 1, Size: 56, Timeout: time.Second, IP: "any"}); err != nil {
			b.Fatal(err)
		}
	}
}
