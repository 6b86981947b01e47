package probe

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// portOf is the port of an address.
func portOf(t testing.TB, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestPortsConforms(t *testing.T) {
	checktest.Run(t, New(nil).Ports(), map[string]any{
		"host": "127.0.0.1", "ports": []any{portOf(t, listen(t).Addr().String()), portOf(t, closed(t))},
	})
}

func TestPorts(t *testing.T) {
	open, shut, mute := portOf(t, listen(t).Addr().String()), portOf(t, closed(t)), portOf(t, silent(t))
	for _, tt := range []struct {
		name                    string
		ports, open, closed     []any
		outcome                 reach.Outcome
		wrongOpen, wrongClosed  []string
		opened, closed2, filter int
	}{
		{"nothing expected", []any{open, shut, mute}, nil, nil, reach.OK, nil, nil, 1, 1, 1},
		{"as expected", []any{open, shut, mute}, []any{open}, []any{shut, mute}, reach.OK, nil, nil, 1, 1, 1},
		{"all against it", []any{open, shut, mute}, []any{shut, mute}, []any{open}, Unexpected, []string{open}, []string{shut, mute}, 1, 1, 1},
		{"only silence", []any{mute}, []any{mute}, nil, reach.TimedOut, nil, []string{mute}, 0, 0, 1},
		{"silence as expected", []any{mute}, nil, []any{mute}, reach.OK, nil, nil, 0, 0, 1},
		{"twice the same", []any{open, open}, nil, nil, reach.OK, nil, nil, 1, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inputs := map[string]any{"host": "127.0.0.1", "ports": tt.ports, "timeout": "1s"}
			if tt.open != nil {
				inputs["expect_open"] = tt.open
			}
			if tt.closed != nil {
				inputs["expect_closed"] = tt.closed
			}
			got, o := checktest.Observe[Ports](t, New(nil).Ports(), inputs)
			if got.Outcome != tt.outcome || got.OpenCount != tt.opened || got.ClosedCount != tt.closed2 || got.FilteredCount != tt.filter {
				t.Errorf("got %+v; want %s", got, tt.outcome)
			}
			if !slices.Equal(texts(got.UnexpectedOpen), sorted(tt.wrongOpen)) || !slices.Equal(texts(got.UnexpectedClosed), sorted(tt.wrongClosed)) {
				t.Errorf("unexpected: open %v, closed %v", got.UnexpectedOpen, got.UnexpectedClosed)
			}
			if o.Status != engine.Observed || got.RemoteAddress != "127.0.0.1" {
				t.Errorf("%s, %+v", o.Status, got)
			}
		})
	}
}

func texts(numbers []int) []string {
	list := []string{}
	for _, n := range numbers {
		list = append(list, strconv.Itoa(n))
	}
	return sorted(list)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// TestPortsBounded: what is too much or makes no sense is not begun.
func TestPortsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		ports, open []any
		says        string
	}{
		"too wide a range": {ports: []any{"1-65535"}, says: "more than 64"},
		"too many":         {ports: []any{"1-40", "100-140"}, says: "at most 64"},
		"no port":          {ports: []any{"https"}, says: "no port or range"},
		"backwards":        {ports: []any{"90-80"}, says: "no port or range"},
		"zero":             {ports: []any{"0"}, says: "no port or range"},
		"not among them":   {ports: []any{"80"}, open: []any{"81"}, says: "not among ports"},
	} {
		t.Run(name, func(t *testing.T) {
			inputs := map[string]any{"host": "127.0.0.1", "ports": tt.ports}
			if tt.open != nil {
				inputs["expect_open"] = tt.open
			}
			o := checktest.Look(t, New(nil).Ports(), inputs)
			if o.Output != nil || !strings.Contains(o.Reason, tt.says) {
				t.Errorf("got %+v; want %q", o, tt.says)
			}
		})
	}
}

// TestPortsRefusedByPolicy: one port that is not allowed, and none is touched.
func TestPortsRefusedByPolicy(t *testing.T) {
	open := portOf(t, listen(t).Addr().String())
	o := checktest.Look(t, New(allow(t, "127.0.0.1:"+open)).Ports(), map[string]any{"host": "127.0.0.1", "ports": []any{open, portOf(t, closed(t))}})
	if o.Status != engine.Skipped || !o.Refused || o.Fix == "" {
		t.Errorf("got %s (%s), fix %q; want skipped by policy", o.Status, o.Reason, o.Fix)
	}
}

func TestPortsNoSuchName(t *testing.T) {
	got, o := checktest.Observe[Ports](t, New(nil).Ports(), map[string]any{"host": "db.invalid", "ports": []any{"80"}})
	if got.Outcome != reach.NameNotFound && got.Outcome != reach.NameFailed || !checktest.HasUnread(o, "open_count") {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
}

// TestRealPorts: what a firewall and the routes make of ports, in a namespace of its
// own, in which the test runs itself once more: the check connects on several threads.
func TestRealPorts(t *testing.T) {
	if !checktest.Real() {
		t.Skip("needs GUMSHOE_TEST_REAL=1")
	}
	const inside = "GUMSHOE_TEST_PORTS_INSIDE"
	if os.Getenv(inside) == "" {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "unshare", "--net", "--kill-child", os.Args[0], "-test.run=^TestRealPorts$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		if text, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(text), "--- PASS: TestRealPorts") {
			t.Errorf("%v\n%s", err, text)
		}
		return
	}
	run := func(argv ...string) {
		t.Helper()
		if text, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, text)
		}
	}
	run("ip", "link", "set", "lo", "up")
	run("nft", "add table inet wall; add chain inet wall in { type filter hook input priority 0; }; add rule inet wall in tcp dport { 9003, 9013 } drop; "+
		"add rule inet wall in tcp dport 9004 reject with tcp reset; add rule inet wall in tcp dport 9005 reject with icmpx type admin-prohibited")
	for _, port := range []string{"9001", "9003", "9004", "9005"} { // behind a firewall or not, somebody listens
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	for _, tt := range []struct {
		name, host string
		ports      []any
		want       reach.Outcome
		states     string // PORT STATE OUTCOME of each
	}{
		{"one of each", "127.0.0.1", []any{"9001-9005"}, Unexpected,
			"9001 open connected, 9002 closed refused, 9003 filtered timed_out, 9004 closed refused, 9005 filtered unreachable"},
		{"all are dropped", "127.0.0.1", []any{"9003", "9013"}, reach.TimedOut, "9003 filtered timed_out, 9013 filtered timed_out"},
		{"a firewall says no", "127.0.0.1", []any{"9005"}, reach.Unreachable, "9005 filtered unreachable"},
		{"no route", "192.0.2.1", []any{"9003", "9004"}, reach.Unreachable, "9003 filtered unreachable, 9004 filtered unreachable"},
	} {
		inputs := map[string]any{"host": tt.host, "ports": tt.ports, "timeout": "1s", "expect_open": tt.ports}
		got, o := checktest.Observe[Ports](t, New(nil).Ports(), inputs)
		var states []string
		for _, port := range got.Ports {
			states = append(states, fmt.Sprintf("%d %s %s", port.Port, port.State, port.Outcome))
		}
		if got.Outcome != tt.want || strings.Join(states, ", ") != tt.states || len(got.UnexpectedClosed) != len(got.Ports)-got.OpenCount || len(o.Unread) > 0 {
			t.Errorf("%s: got %+v, unread %v; want %s: %s", tt.name, got, o.Unread, tt.want, tt.states)
		}
	}
}

func FuzzPorts(f *testing.F) {
	f.Add("80")
	f.Add("8000-8003")
	f.Fuzz(func(t *testing.T, text string) {
		ports, err := parsePorts([]string{text})
		if err == nil && (len(ports) == 0 || len(ports) > maxPorts || ports[0] < 1 || ports[len(ports)-1] > 65535) {
			t.Errorf("%q: %v", text, ports)
		}
	})
}
