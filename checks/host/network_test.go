package host

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestNetworkConforms(t *testing.T) {
	checktest.Run(t, Source{}.Network(), map[string]any{"window": "100ms"})
	t.Run("lo, and one that is not there", func(t *testing.T) {
		checktest.Run(t, Source{}.Network(), map[string]any{"window": "100ms", "interfaces": []string{"lo", "gone0"}})
	})
}

// network is a check of a fed host, whose sysfs is in the same directory.
func network(s Source) engine.Check[NetworkInput, Network] {
	s.Sys = s.Proc
	return s.Network()
}

// netdev writes a /proc/net/dev. Lines are name, and received and sent bytes,
// packets, errors, drops.
func netdev(lines ...string) string {
	text := "Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
	for _, line := range lines {
		f := strings.Fields(line)
		text += fmt.Sprintf("%6s:%s 0 0 0 0 %s 0 0 0 0\n", f[0], strings.Join(f[1:5], " "), strings.Join(f[5:9], " "))
	}
	return text
}

// tcpStat writes a /proc/net/snmp.
func tcpStat(sent, again, resets, udpErrors, udpFull int) string {
	return fmt.Sprintf("Ip: Forwarding DefaultTTL\nIp: 1 64\n"+
		"Tcp: MaxConn AttemptFails OutSegs RetransSegs OutRsts\nTcp: -1 %d %d %d %d\n"+
		"Udp: InErrors RcvbufErrors SndbufErrors\nUdp: %d %d 0\n", resets, sent, again, resets, udpErrors, udpFull)
}

func tcpExt(overflows, drops, cookies, timeouts, queue int) string {
	return fmt.Sprintf("TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPTimeouts TCPBacklogDrop RcvPruned\n"+
		"TcpExt: %d %d %d %d %d 1\nIpExt: InNoRoutes\nIpExt: 0\n", cookies, overflows, drops, timeouts, queue)
}

// sysClass is what sysfs has on an interface.
func sysClass(files tree, name, flags, state, speed string) {
	files["class/net/"+name+"/flags"], files["class/net/"+name+"/operstate"] = flags+"\n", state+"\n"
	if speed != "" {
		files["class/net/"+name+"/speed"] = speed + "\n"
	}
}

func quietNetwork() tree {
	files := tree{
		"net/dev":     netdev("lo 5 5 0 0 5 5 0 0", "eth0 1000 10 3 4 2000 20 0 1", "eth1 0 0 0 0 0 0 0 0"),
		"net/snmp":    tcpStat(1000, 50, 7, 10, 5),
		"net/snmp6":   "Udp6InErrors                    \t4\nUdp6RcvbufErrors\t1\nUdp6SndbufErrors\t0\n",
		"net/netstat": tcpExt(100, 200, 5, 6, 2),
		"net/softnet_stat": "00000001 00000002 00000003 0 0 0 0 0 0 0 0 0 00000000\n" +
			"00000001 fffffffe 00000003 0 0 0 0 0 0 0 0 0 00000004\n",
		"sys/net/netfilter/nf_conntrack_count": "150\n", "sys/net/netfilter/nf_conntrack_max": "200\n",
	}
	sysClass(files, "eth0", "0x1003", "up", "100")
	sysClass(files, "eth1", "0x1003", "down", "-1")
	return files
}

func TestNetworkLoss(t *testing.T) {
	after := tree{
		"net/dev":     netdev("lo 5 5 0 0 5 5 0 0", "eth0 5001000 5010 13 24 1002000 1020 5 3", "eth1 0 0 0 0 0 0 0 0"),
		"net/snmp":    tcpStat(1090, 60, 27, 40, 15),
		"net/snmp6":   "Udp6InErrors\t6\nUdp6RcvbufErrors\t3\nUdp6SndbufErrors\t1\n",
		"net/netstat": tcpExt(112, 215, 8, 10, 9),
		"net/softnet_stat": "00000001 00000005 00000003 0 0 0 0 0 0 0 0 0 00000000\n" +
			"00000001 00000001 0000000d 0 0 0 0 0 0 0 0 0 00000004\n",
	}
	got, o := fed[Network, NetworkInput](t, network, quietNetwork(), after, nil)
	same(t, got, Network{
		Interfaces: []Interface{
			{
				Name: "eth0", Present: true, Enabled: true, Up: true, SpeedBitsPerSecond: 100_000_000, UsedPercent: 40,
				RxBytesPerSecond: 5e6, TxBytesPerSecond: 1e6, RxPacketsPerSecond: 5000, TxPacketsPerSecond: 1000,
				RxErrorsPerSecond: 10, TxErrorsPerSecond: 5, RxDropsPerSecond: 20, TxDropsPerSecond: 2,
				RxErrorsTotal: 13, TxErrorsTotal: 5, RxDropsTotal: 24, TxDropsTotal: 3,
			},
			{Name: "eth1", Present: true, Enabled: true},
		},
		TCPRetransmittedPercent: 10, TCPRetransmitsPerSecond: 10, TCPSegmentsSentPerSecond: 100, TCPTimeoutsPerSecond: 4,
		TCPResetsSentPerSecond: 20, TCPFailedConnectsPerSecond: 20, TCPReceiveQueueDrops: 7,
		ListenOverflows: 12, ListenOverflowsTotal: 112, ListenDrops: 15, ListenDropsTotal: 215, SYNCookiesSent: 3,
		UDPReceiveErrorsPerSecond: 32, UDPBufferErrorsPerSecond: 13,
		SoftnetDroppedInWindow: 6, SoftnetSqueezedInWindow: 10, // 3 of each overflowed 32 bits
		ConntrackUsed: 150, ConntrackMax: 200, ConntrackUsedPercent: 75,
	})
	if len(o.Unread) > 0 {
		t.Errorf("unread %v", o.Unread)
	}
	if want := "eth0 in 4.8 MiB/s, out 976.6 KiB/s, 37 errors and drops/s, 10.0 % of TCP segments retransmitted, 12 listen overflows"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
}

func unreadPaths(o engine.Observation) string {
	var paths []string
	for _, u := range o.Unread {
		paths = append(paths, u.Path)
	}
	return strings.Join(paths, " ")
}

// Connection tracking that is not loaded cannot fill up.
func TestNetworkWithoutConntrack(t *testing.T) {
	before := quietNetwork()
	delete(before, "sys/net/netfilter/nf_conntrack_count")
	delete(before, "sys/net/netfilter/nf_conntrack_max")
	before["sys/net/core/somaxconn"] = "4096\n"
	got, o := fed[Network, NetworkInput](t, network, before, nil, nil)
	if got.ConntrackUsed != 0 || got.ConntrackMax != 0 || checktest.HasUnread(o, "conntrack_used_percent") {
		t.Errorf("got %d of %d, unread %v; want none, observed", got.ConntrackUsed, got.ConntrackMax, o.Unread)
	}
}

// TestNetworkUnread: what is missing or strange is unread, and says why.
func TestNetworkUnread(t *testing.T) {
	const rates = "interfaces[0].rx_bytes_per_second"
	for _, tt := range []struct {
		name   string
		change func(before, after tree)
		inputs map[string]any
		unread string // one of them
		reason string
		fix    string
	}{
		{
			"few segments", func(_, after tree) { after["net/snmp"] = tcpStat(1009, 60, 0, 10, 5) }, nil,
			"tcp_retransmitted_percent", "only 19 TCP segments", "longer window",
		},
		{
			"counter went backwards", func(_, after tree) { after["net/snmp"] = tcpStat(3, 1, 0, 0, 0) }, nil,
			"tcp_retransmitted_percent", "TcpOutSegs went backwards", "look again",
		},
		{"no snmp", func(before, _ tree) { delete(before, "net/snmp") }, nil, "udp_buffer_errors_per_second", "net/snmp", "sandbox"},
		{"no netstat", func(before, _ tree) { delete(before, "net/netstat") }, nil, "listen_overflows_total", "net/netstat", "sandbox"},
		{
			"not counted", func(before, _ tree) { before["net/netstat"] = "TcpExt: ListenDrops\nTcpExt: 1\n" }, nil,
			"listen_overflows", "does not count TcpExtListenOverflows", "",
		},
		{"no softnet", func(before, _ tree) { delete(before, "net/softnet_stat") }, nil, "softnet_dropped_in_window", "softnet_stat", "sandbox"},
		{"strange softnet", func(before, _ tree) { before["net/softnet_stat"] = "x y z\n" }, nil, "softnet_dropped_in_window", "no processors", "sandbox"},
		{
			"processor came online", func(_, after tree) { after["net/softnet_stat"] = "1 1 1\n2 2 2\n3 3 3\n" }, nil,
			"softnet_squeezed_in_window", "on- or offline", "look again",
		},
		{
			"processor went offline", func(_, after tree) { after["net/softnet_stat"] = "1 1 1\n" }, nil,
			"softnet_dropped_in_window", "on- or offline", "look again",
		},
		{
			"no settings to be seen", func(before, _ tree) { delete(before, "sys/net/netfilter/nf_conntrack_count") }, nil,
			"conntrack_used_percent", "there is no", "sandbox",
		},
		{
			"interface appeared", func(before, _ tree) { before["net/dev"] = netdev("eth1 0 0 0 0 0 0 0 0") }, nil,
			rates, "appeared in the window", "look again",
		},
		{
			"interface made anew", func(before, _ tree) {
				before["net/dev"] = netdev("eth0 99999999999 9 0 0 0 0 0 0", "eth1 0 0 0 0 0 0 0 0")
			}, nil, rates, "went backwards", "look again",
		},
		{"no sysfs", func(before, _ tree) { delete(before, "class/net/eth0/flags") }, nil, "interfaces[0].up", "class/net/eth0", "mount sysfs"},
		{
			"faster than it says", func(before, _ tree) { before["class/net/eth0/speed"] = "10\n" }, nil,
			"interfaces[0].used_percent", "carries more", "",
		},
		{
			"speed not known", func(before, _ tree) { before["class/net/eth0/speed"] = "-1\n" }, nil,
			"interfaces[0].used_percent", "does not state a speed", "",
		},
		{
			"tunnel", func(before, _ tree) { before["class/net/eth0/tun_flags"] = "0x1001\n" }, nil,
			"interfaces[0].speed_bits_per_second", "tunnel", "",
		},
		{"no such interface", func(_, _ tree) {}, map[string]any{"interfaces": []string{"eth7"}}, rates, "no such interface", "ip link"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := quietNetwork()
			after := tree{"net/dev": netdev("eth0 5001000 5010 13 24 1002000 1020 5 3", "eth1 0 0 0 0 0 0 0 0")}
			tt.change(before, after)
			got, o := fed[Network, NetworkInput](t, network, before, after, tt.inputs)
			for _, u := range o.Unread {
				if u.Path == tt.unread {
					if !strings.Contains(u.Reason, tt.reason) || !strings.Contains(u.Fix, tt.fix) {
						t.Errorf("got %+v, want the reason %q and the fix %q", u, tt.reason, tt.fix)
					}
					return
				}
			}
			t.Errorf("%s is not among the unread: %s\n%+v", tt.unread, unreadPaths(o), got)
		})
	}
}

func TestNetworkManyInterfaces(t *testing.T) {
	var before, after []string
	for i := range 300 {
		before = append(before, fmt.Sprintf("veth%03d 0 0 0 0 0 0 0 0", i))
		drops := 0
		if i == 250 {
			drops = 1
		}
		after = append(after, fmt.Sprintf("veth%03d %d 0 0 %d 0 0 0 0", i, 1000-i, drops))
	}
	got, o := fed[Network, NetworkInput](t, network, tree{"net/dev": netdev(before...)}, tree{"net/dev": netdev(after...)}, nil)
	if len(got.Interfaces) != maxInterfaces || got.Interfaces[58].Name != "veth058" || got.Interfaces[59].Name != "veth250" {
		t.Errorf("got %d interfaces %+v; want the 59 with the most traffic, and the one that drops", len(got.Interfaces), got.Interfaces)
	}
	for _, u := range o.Unread {
		if strings.HasPrefix(u.Reason, "more than") {
			t.Error(u.Reason)
		}
	}
}

func TestNetworkMissing(t *testing.T) {
	for name, files := range map[string]tree{"no file": {}, "no table": {"net/dev": "404\n"}} {
		root := t.TempDir()
		files.write(t, root)
		if o := checktest.Look(t, Source{Proc: root}.Network(), nil); o.Status != engine.Failed || o.Reason == "" || o.Fix == "" {
			t.Errorf("%s: got %s %q, fix %q; want a failure with a reason and a fix", name, o.Status, o.Reason, o.Fix)
		}
	}
}

func TestGrown(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to int64
		want     int64
		ok       bool
	}{
		{"still", 7, 7, 0, true},
		{"up", 7, 9, 2, true},
		{"32 bits overflowed", math.MaxUint32 - 1, 3, 5, true},
		{"reset", 5000, 3, 0, false},
		{"reset of a long one", 1 << 40, 3, 0, false},
	} {
		if got, ok := grown(tt.from, tt.to); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %d, %t; want %d, %t", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzParseNetDevice(f *testing.F) {
	f.Add("  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16")
	f.Add("eth0:18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16")
	f.Add(":")
	f.Fuzz(func(t *testing.T, line string) {
		if d, ok := parseNetDevice(line); ok && (d.name == "" || d.counts[0] < 0) {
			t.Errorf("%q: got %+v", line, d)
		}
	})
}

func BenchmarkNetwork(b *testing.B) {
	for b.Loop() {
		if _, err := (Source{}).readNetwork(); err != nil {
			b.Fatal(err)
		}
	}
}
