package probe

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func TestRouteConforms(t *testing.T) {
	checktest.Run(t, New(nil).Route(), map[string]any{"host": "127.0.0.1"})
}

func TestRouteToOurselves(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost"} {
		got, o := checktest.Observe[Route](t, New(nil).Route(), map[string]any{"host": host, "ip": "4"})
		if got.Outcome != Routed || !got.Local || got.Interface != "lo" || !got.InterfaceEnabled || !got.LinkUp || got.Gateway != "" ||
			got.NextHop != "127.0.0.1" || got.SourceAddress != "127.0.0.1" || got.NeighborState != "none" || got.MTUBytes <= 0 || len(o.Unread) > 0 {
			t.Errorf("%s: got %+v, unread %v", host, got, o.Unread)
		}
		if want := host + " is this host"; o.Summary != want {
			t.Errorf("summary %q, want %q", o.Summary, want)
		}
	}
}

func TestRouteNames(t *testing.T) {
	got, o := checktest.Observe[Route](t, New(nil).Route(), map[string]any{"host": "db.invalid", "timeout": "300ms"})
	if got.Outcome != reach.NameNotFound && got.Outcome != reach.NameFailed || !checktest.HasUnread(o, "address") || !checktest.HasUnread(o, "local") || !checktest.HasUnread(o, "neighbor_state") {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
}

func TestRouteRefusedByPolicy(t *testing.T) {
	o := checktest.Look(t, New(allow(t, "db.example.com")).Route(), map[string]any{"host": "host.example.org"})
	if o.Status != engine.Skipped || !o.Refused || !strings.Contains(o.Fix, `"host.example.org"`) {
		t.Errorf("got %s %q, fix %q", o.Status, o.Reason, o.Fix)
	}
}

// TestRouteAgreesWithIP: the same way as the program ip tells.
func TestRouteAgreesWithIP(t *testing.T) {
	path, err := exec.LookPath("ip")
	checktest.Need(t, "the program ip", err == nil)
	for _, host := range []string{"127.0.0.1", "192.0.2.1", "2001:db8::1"} {
		got, o := checktest.Observe[Route](t, New(nil).Route(), map[string]any{"host": host})
		text, err := exec.Command(path, o.Reproduce[0][1:]...).CombinedOutput()
		if err != nil != (got.Outcome != Routed) {
			t.Errorf("%s: got %+v, ip says %s", host, got, text)
		}
		for _, pair := range [][2]string{{` dev (\S+)`, got.Interface}, {` via (\S+)`, got.Gateway}, {` src (\S+)`, got.SourceAddress}} {
			if m := regexp.MustCompile(pair[0]).FindSubmatch(text); m != nil && err == nil && string(m[1]) != pair[1] {
				t.Errorf("%s: got %q, ip says\n%s", host, pair[1], text)
			}
		}
	}
}

// TestRealRoute: every way in which there is none, and what is known of a
// neighbour that is there or not.
func TestRealRoute(t *testing.T) {
	inNamespace(t, func(run func(argv ...string)) {
		run("ip", "link", "set", "lo", "up")
		run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
		run("ip", "address", "add", "198.51.100.1/24", "dev", "veth0")
		run("ip", "address", "add", "2001:db8::1/64", "dev", "veth0", "nodad")
		run("ip", "link", "set", "veth0", "up", "mtu", "1400")
		run("ip", "link", "set", "veth1", "up")
		run("ip", "route", "add", "203.0.113.0/24", "via", "198.51.100.254", "mtu", "1300")
		run("ip", "-6", "route", "add", "2001:db8:1::/48", "via", "2001:db8::254")
		run("ip", "neighbor", "add", "198.51.100.254", "lladdr", "02:00:00:00:00:01", "dev", "veth0")
		run("ip", "route", "add", "blackhole", "192.0.2.1/32")
		run("ip", "route", "add", "prohibit", "192.0.2.2/32")
		run("ip", "route", "add", "unreachable", "192.0.2.3/32")
		run("ip", "-6", "route", "add", "prohibit", "2001:db8:2::/48")
		look := func(host string) (Route, *engine.Call) {
			t.Helper()
			call := &engine.Call{}
			got, err := New(nil).lookRoute(t.Context(), call, RouteInput{Host: host, IP: "any", Timeout: time.Second})
			if err != nil {
				t.Errorf("%s: %v", host, err)
			}
			return got, call
		}
		for host, want := range map[string]reach.Outcome{
			"192.0.2.1": Discarded, "192.0.2.2": Forbidden, "192.0.2.3": NoRoute, "192.0.2.4": NoRoute, "2001:db8:2::1": Forbidden, "2001:db8:3::1": NoRoute,
			"198.51.100.1": Routed, "2001:db8:1::1": Routed,
		} {
			if got, _ := look(host); got.Outcome != want {
				t.Errorf("%s: got %+v, want %s", host, got, want)
			}
		}
		got, _ := look("203.0.113.9")
		want := Route{
			Outcome: Routed, Host: "203.0.113.9", Address: "203.0.113.9", Gateway: "198.51.100.254", NextHop: "198.51.100.254", SourceAddress: "198.51.100.1",
			Interface: "veth0", InterfaceEnabled: true, LinkUp: true, MTUBytes: 1300, InterfaceMTUBytes: 1400, NeighborState: "permanent", NeighborMAC: "02:00:00:00:00:01",
		}
		if got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		// Nobody answers for an address of our own network: asking makes it known.
		for _, host := range []string{"198.51.100.9", "2001:db8::9"} {
			if got, _ = look(host); got.Outcome != Routed || got.NextHop != host || got.Gateway != "" || got.NeighborState != "none" {
				t.Errorf("before: got %+v", got)
			}
			tcp := tcpHere(t, TCPInput{Address: net.JoinHostPort(host, "9"), Timeout: 10 * time.Second})
			if got, _ = look(host); tcp.Outcome != reach.Unreachable || got.NeighborState != "failed" {
				t.Errorf("after: got %+v", got)
			}
		}
		run("ip", "link", "set", "veth1", "down")
		if got, _ = look("198.51.100.9"); got.Outcome != Routed || got.LinkUp || !got.InterfaceEnabled {
			t.Errorf("a link that is down: got %+v", got)
		}
		run("ip", "link", "set", "veth0", "down")
		if got, _ = look("198.51.100.9"); got.Outcome != NoRoute {
			t.Errorf("an interface that is off: got %+v", got)
		}
	})
}

func FuzzNetlink(f *testing.F) {
	for _, name := range []string{"route", "link", "neighbor"} {
		f.Add([]byte(name), []byte{8, 0, 1, 0, 192, 0, 2, 1, 5, 0, 3, 0, 'l', 0, 0, 0})
	}
	f.Fuzz(func(_ *testing.T, header, fields []byte) {
		message := append(append(make([]byte, 0, len(header)+len(fields)), header...), fields...)
		_, _ = netlinkBody(message)
		_, _ = readRoute(message)
		_, _ = readLink(message)
		_, _, _ = readNeighbor(message)
	})
}

func BenchmarkRoute(b *testing.B) {
	if _, err := os.Stat("/proc/net/route"); err != nil {
		b.Skip("no routes")
	}
	for b.Loop() {
		if _, err := New(nil).lookRoute(b.Context(), &engine.Call{}, RouteInput{Host: "127.0.0.1"}); err != nil {
			b.Fatal(err)
		}
	}
}
