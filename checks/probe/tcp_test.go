package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
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
	if got.Outcome != reach.Connected || got.RemoteAddress != address || got.ConnectSeconds <= 0 || got.ResolveSeconds != 0 || o.Status != engine.Observed {
		t.Errorf("got %+v (%s); want connected to %s", got, o.Status, address)
	}
}

func TestTCPByName(t *testing.T) {
	_, port, err := net.SplitHostPort(listen(t).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	got, _ := checktest.Observe[TCP](t, New(nil).TCP(), map[string]any{"address": "localhost:" + port})
	if got.Outcome != reach.Connected || got.RemoteAddress != "127.0.0.1:"+port || len(got.ResolvedAddresses) == 0 {
		t.Errorf("got %+v; want connected to 127.0.0.1", got)
	}
}

func TestTCPRefused(t *testing.T) {
	address := closed(t)
	got, o := checktest.Observe[TCP](t, New(nil).TCP(), map[string]any{"address": address})
	if got.Outcome != reach.RefusedByIt || len(got.Attempts) != 1 || got.Attempts[0].Outcome != reach.RefusedByIt {
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

// closed gives an address at which nothing listens, over TCP or UDP. The port is
// none of those that the kernel gives to others meanwhile.
func closed(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(checktest.FreePort(t)))
}

func TestTCPTimedOut(t *testing.T) {
	got, o := checktest.Observe[TCP](t, New(nil).TCP(), map[string]any{"address": silent(t), "timeout": "50ms"})
	if got.Outcome != reach.TimedOut || !checktest.HasUnread(o, "connect_seconds") {
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
		want      reach.Outcome
	}{
		{"refused, then silence", []string{shut, mute}, reach.RefusedByIt},
		{"silence, then refused", []string{mute, shut}, reach.RefusedByIt},
		{"silence, then an answer", []string{mute, open}, reach.Connected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var o TCP
			look := &tcpLook{host: "localhost"}
			defer look.close()
			for i, address := range tt.addresses {
				if err := look.attempt(ctx, &engine.Call{}, &o, netip.MustParseAddrPort(address), len(tt.addresses)-i); err != nil {
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
	look := &tcpLook{allow: allow(t, "127.0.0.2"), host: "localhost"}
	checkRefusal(t, look.attempt(ctx, &engine.Call{}, &TCP{}, netip.MustParseAddrPort(listen(t).Addr().String()), 1), "127.0.0.1")
}

func TestTCPNameNotFound(t *testing.T) {
	// RFC 6761: .invalid never exists, and resolvers know. Without any network the
	// resolver does not answer, which is the other outcome.
	got, o := checktest.Observe[TCP](t, New(nil).TCP(), map[string]any{"address": "db.invalid:5432", "timeout": "300ms"})
	switch got.Outcome {
	case reach.NameNotFound:
		if checktest.HasUnread(o, "resolved_addresses") {
			t.Error("resolved_addresses is unread, though there are none")
		}
	case reach.NameFailed:
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

// TestTCPHold: what a target does with a connection that it took.
func TestTCPHold(t *testing.T) {
	for _, tt := range []struct {
		name, hold string
		do         func(conn net.Conn)
		want       string
		banner     string
	}{
		{"silence", "50ms", nil, "open", ""},
		{"it speaks first", "20s", func(conn net.Conn) { _, _ = conn.Write([]byte("220 mail\r\n")) }, "data", "220 mail\uFFFD\uFFFD"},
		{"it closes", "20s", func(conn net.Conn) { conn.Close() }, "closed", ""},
		{"it resets", "20s", func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0); conn.Close() }, "reset", ""},
		{"without end", "20s", func(conn net.Conn) {
			for {
				if _, err := conn.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, "data", strings.Repeat("\uFFFD", 66) + "…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t)
			if tt.do != nil {
				go func() {
					if conn, err := l.Accept(); err == nil {
						tt.do(conn)
					}
				}()
			}
			hold := strings.Replace(tt.hold, "20s", "10s", 1)
			got, o := checktest.Observe[TCP](t, New(nil).TCP(), map[string]any{"address": l.Addr().String(), "hold": hold})
			if tt.want == "reset" && got.Outcome == reach.Reset {
				return // it came before the connection was told to be one
			}
			if got.Outcome != reach.Connected || got.AfterConnect != tt.want || got.Banner != tt.banner || checktest.HasUnread(o, "after_connect") {
				t.Errorf("got %+v, unread %v; want %s", got, o.Unread, tt.want)
			}
		})
	}
	if _, o := checktest.Observe[TCP](t, New(nil).TCP(), map[string]any{"address": closed(t), "hold": "1s"}); !checktest.HasUnread(o, "after_connect") || !checktest.HasUnread(o, "banner") {
		t.Errorf("unread %v", o.Unread)
	}
}

// tcpHere runs the check on this very thread, which is in a namespace.
func tcpHere(t *testing.T, in TCPInput) TCP {
	t.Helper()
	got, err := New(nil).lookTCP(t.Context(), &engine.Call{}, in)
	if err != nil {
		t.Error(err)
	}
	return got
}

// TestRealTCPSaidBy: who says no, and why, and what of this host stops it.
func TestRealTCPSaidBy(t *testing.T) {
	inNamespace(t, func(run func(argv ...string)) {
		run("ip", "link", "set", "lo", "up")
		run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
		run("ip", "address", "add", "198.51.100.1/24", "dev", "veth0")
		run("ip", "address", "add", "2001:db8::1/64", "dev", "veth0", "nodad")
		run("ip", "link", "set", "veth0", "up")
		run("ip", "link", "set", "veth1", "up")
		rules := func(chain, rule string) {
			run("nft", "flush ruleset; add table inet wall; add chain inet wall x { type filter hook "+chain+" priority 0; }; add rule inet wall x "+rule)
		}
		for _, tt := range []struct {
			name, chain, rule, address string
			outcome                    reach.Outcome
			reason, from, fault        string
			drops                      bool
		}{
			{"nothing listens", "input", "udp dport 1 drop", "127.0.0.1:9", reach.RefusedByIt, "", "", "", false},
			{"a firewall resets", "input", "tcp dport 9 reject with tcp reset", "127.0.0.1:9", reach.RefusedByIt, "", "", "", false},
			{"a firewall says no port", "input", "tcp dport 9 reject", "127.0.0.1:9", reach.RefusedByIt, "port", "127.0.0.1", "", false},
			{"a firewall prohibits", "input", "tcp dport 9 reject with icmpx type admin-prohibited", "127.0.0.1:9", reach.Unreachable, "prohibited", "127.0.0.1", "", false},
			{"a firewall prohibits, IPv6", "input", "tcp dport 9 reject with icmpx type admin-prohibited", "[::1]:9", reach.Unreachable, "prohibited", "::1", "", false},
			{"a firewall drops", "input", "tcp dport 9 drop", "127.0.0.1:9", reach.TimedOut, "", "", "", false},
			{"our firewall drops", "output", "tcp dport 9 drop", "127.0.0.1:9", reach.TimedOut, "", "", "", true},
			{"no route", "input", "udp dport 1 drop", "192.0.2.1:9", reach.Unreachable, "", "", "", false},
			{"nobody has the address", "input", "udp dport 1 drop", "198.51.100.9:9", reach.Unreachable, "host", "198.51.100.1", "", false},
			{"nobody has the address, IPv6", "input", "udp dport 1 drop", "[2001:db8::9]:9", reach.Unreachable, "host", "2001:db8::1", "", false},
		} {
			rules(tt.chain, tt.rule)
			timeout := 10 * time.Second
			if tt.outcome == reach.TimedOut {
				timeout = 2500 * time.Millisecond
			}
			got := tcpHere(t, TCPInput{Address: tt.address, Timeout: timeout})
			if got.Outcome != tt.outcome || got.ICMPReason != tt.reason || got.ICMPFrom != tt.from || got.LocalFault != tt.fault || got.LocalSendFailures > 0 != tt.drops {
				t.Errorf("%s: got %+v", tt.name, got)
			}
		}
		run("nft", "flush ruleset")
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Error(err)
			return
		}
		defer l.Close()
		run("sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40000")
		held, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer held.Close()
		got := tcpHere(t, TCPInput{Address: l.Addr().String(), Timeout: time.Second})
		if got.Outcome != "" || got.LocalFault != "no_local_port" {
			t.Errorf("no ports: got %+v", got)
		}
	})
}

// TestTCPErrorQueueCloses: no descriptor is left behind.
func TestTCPErrorQueueCloses(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	open, shut := listen(t).Addr().String(), closed(t)
	before := 0
	for i := range 20 {
		for _, address := range []string{open, shut} {
			if _, err := New(nil).lookTCP(t.Context(), &engine.Call{}, TCPInput{Address: address, Timeout: time.Second}); err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 {
			before = count()
		}
	}
	if after := count(); after > before+5 {
		t.Errorf("%d descriptors, and %d before", after, before)
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

// allow makes a list of these entries.
func allow(t testing.TB, entries ...string) *reach.AllowList {
	t.Helper()
	return reach.NewAllowList(checktest.Destinations(t, entries...))
}

// checkRefusal checks that an error is a refusal by policy that names the target.
func checkRefusal(t *testing.T, err error, want string) {
	t.Helper()
	var refused *engine.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, want) || refused.Fix == "" {
		t.Errorf("got %v, want a refusal with %q and a fix", err, want)
	}
}

// TestTargets: what each probe looks at, so that all runs together are polite
// to it.
func TestTargets(t *testing.T) {
	for _, tt := range []struct {
		check  engine.Instrument
		inputs map[string]any
		want   string
	}{
		{New(nil).TCP(), map[string]any{"address": "db:5432"}, "db:5432"},
		{New(nil).Ping(), map[string]any{"host": "db"}, "db"},
		{New(nil).NTP(), map[string]any{"server": "ntp"}, "ntp:123"},
		{New(nil).DNS(), map[string]any{"name": "db.example.com", "servers": []string{"10.0.0.2"}}, "db.example.com A 10.0.0.2"},
		{New(nil).Route(), map[string]any{"host": "db"}, ""},
	} {
		d, err := tt.check.Definition()
		if err != nil {
			t.Fatal(err)
		}
		in, faults := d.In.Decode(tt.inputs)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if got := d.Target(in); got != tt.want {
			t.Errorf("%s: got %q, want %q", d.Name, got, tt.want)
		}
	}
}
