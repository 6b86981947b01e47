package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"gumshoe/engine"
)

// NetworkInput are the inputs of host.network.
type NetworkInput struct {
	// Window is how long to watch the counters.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
	// Interfaces names the interfaces to look at. Empty means all but lo.
	Interfaces []string `json:"interfaces"`
}

// Network is what host.network observes. Rates and counts are of the window,
// except what is called a total: that is since boot, or since the interface or
// the network namespace was made. What is not of an interface is of the network
// namespace we run in, over IPv4 and IPv6, unless a field says otherwise.
type Network struct {
	// Interfaces are the interfaces looked at, sorted by name: at most 60, of more
	// those with the most errors and drops in the window are kept, then those with
	// the most traffic. One that an input names is there even if it is not present.
	Interfaces []Interface `json:"interfaces" expr:"interfaces"`

	// TCPRetransmittedPercent is the share of the TCP segments sent in the window
	// that had been sent before: RetransSegs in percent of OutSegs + RetransSegs
	// (the kernel's OutSegs leaves retransmissions out; pure acknowledgements are
	// in it). Unread when fewer than 20 segments were sent.
	TCPRetransmittedPercent float64 `json:"tcp_retransmitted_percent" expr:"tcp_retransmitted_percent"`
	// TCPRetransmitsPerSecond is the rate of segments sent again.
	TCPRetransmitsPerSecond float64 `json:"tcp_retransmits_per_second" expr:"tcp_retransmits_per_second"`
	// TCPSegmentsSentPerSecond is the rate of segments sent, first time or again.
	TCPSegmentsSentPerSecond float64 `json:"tcp_segments_sent_per_second" expr:"tcp_segments_sent_per_second"`
	// TCPTimeoutsPerSecond is the rate of retransmission timers that ran out: the
	// other side was silent for 200 ms or more. A connect that nobody answers
	// counts too.
	TCPTimeoutsPerSecond float64 `json:"tcp_timeouts_per_second" expr:"tcp_timeouts_per_second"`
	// TCPResetsSentPerSecond is the rate of resets we sent: connects to ports on
	// which nothing listens, and connections cut off by programs here.
	TCPResetsSentPerSecond float64 `json:"tcp_resets_sent_per_second" expr:"tcp_resets_sent_per_second"`
	// TCPFailedConnectsPerSecond is the rate of connections that failed before
	// they were established, begun here or elsewhere (AttemptFails).
	TCPFailedConnectsPerSecond float64 `json:"tcp_failed_connects_per_second" expr:"tcp_failed_connects_per_second"`
	// TCPReceiveQueueDrops is the number of segments dropped in the window because
	// a socket's queue was full: its program reads too slowly, or its buffer is
	// too small.
	TCPReceiveQueueDrops int64 `json:"tcp_receive_queue_drops" expr:"tcp_receive_queue_drops"`

	// ListenOverflows is how many times in the window a new connection found the
	// accept queue of its listener full: the program accepts too slowly, or its
	// backlog is too short.
	ListenOverflows int64 `json:"listen_overflows" expr:"listen_overflows"`
	// ListenOverflowsTotal is the same since the network namespace was made.
	ListenOverflowsTotal int64 `json:"listen_overflows_total" expr:"listen_overflows_total"`
	// ListenDrops is how many new connections were dropped in the window for any
	// reason, overflows included.
	ListenDrops int64 `json:"listen_drops" expr:"listen_drops"`
	// ListenDropsTotal is the same since the network namespace was made.
	ListenDropsTotal int64 `json:"listen_drops_total" expr:"listen_drops_total"`
	// SYNCookiesSent is how many new connections were answered with a SYN cookie
	// in the window, because the queue of half-open ones was full.
	SYNCookiesSent int64 `json:"syn_cookies_sent" expr:"syn_cookies_sent"`

	// UDPReceiveErrorsPerSecond is the rate of datagrams that arrived and could not
	// be delivered: full buffers, bad checksums.
	UDPReceiveErrorsPerSecond float64 `json:"udp_receive_errors_per_second" expr:"udp_receive_errors_per_second"`
	// UDPBufferErrorsPerSecond is the rate of datagrams lost because the buffer of
	// their socket was full, received or sent.
	UDPBufferErrorsPerSecond float64 `json:"udp_buffer_errors_per_second" expr:"udp_buffer_errors_per_second"`

	// SoftnetDroppedInWindow is how many packets, of the whole host, were dropped
	// because a processor's input queue was full (net.core.netdev_max_backlog).
	SoftnetDroppedInWindow int64 `json:"softnet_dropped_in_window" expr:"softnet_dropped_in_window"`
	// SoftnetSqueezedInWindow is how many times, on the whole host, a processor had
	// packets left when its time for them was up (net.core.netdev_budget).
	SoftnetSqueezedInWindow int64 `json:"softnet_squeezed_in_window" expr:"softnet_squeezed_in_window"`

	// ConntrackUsed is the number of connections that the firewall tracks. 0, as the
	// next two, when connection tracking is not loaded and nothing can fill up.
	ConntrackUsed int64 `json:"conntrack_used" expr:"conntrack_used"`
	// ConntrackMax is how many it can track; 0 means no limit.
	ConntrackMax int64 `json:"conntrack_max" expr:"conntrack_max"`
	// ConntrackUsedPercent is conntrack_used in percent of conntrack_max; 0 without
	// a limit. At 100 packets of new connections are dropped.
	ConntrackUsedPercent float64 `json:"conntrack_used_percent" expr:"conntrack_used_percent"`
}

// Network is the check host.network.
//
// It reads /proc/net/dev, snmp, snmp6, netstat and softnet_stat at the window's
// start and end, the state of conntrack, and /sys/class/net for speed and state.
// In a container it sees the container's network; softnet is the whole host's.
//
// Example:
//
//	network: { check: host.network, with: { window: 5s, interfaces: [eth0] } }
//
// By hand:
//
//	ip -s link
//	nstat -az
//	cat /proc/net/softnet_stat
func (s Source) Network() engine.Check[NetworkInput, Network] {
	return engine.Check[NetworkInput, Network]{
		Name:      "host.network",
		Doc:       "Traffic, errors and drops of the interfaces, and what TCP, UDP, the kernel's input queues and connection tracking lose, over a short window.",
		Cost:      1010 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[NetworkInput],
		Run:       s.lookNetwork,
		Summarize: summarizeNetwork,
	}
}

func summarizeNetwork(o Network) string {
	var busiest Interface
	var lost float64
	for _, i := range o.Interfaces {
		if busiest.Name == "" || i.bytesPerSecond() > busiest.bytesPerSecond() {
			busiest = i
		}
		lost += i.lossPerSecond()
	}
	text := "no interfaces"
	if busiest.Name != "" {
		text = fmt.Sprintf("%s in %s/s, out %s/s", busiest.Name,
			size(int64(busiest.RxBytesPerSecond)), size(int64(busiest.TxBytesPerSecond)))
	}
	if lost > 0 {
		text += fmt.Sprintf(", %.0f errors and drops/s", lost)
	}
	if o.TCPRetransmittedPercent > 0 {
		text += fmt.Sprintf(", %.1f %% of TCP segments retransmitted", o.TCPRetransmittedPercent)
	}
	if o.ListenOverflows > 0 {
		text += fmt.Sprintf(", %d listen overflows", o.ListenOverflows)
	}
	return text
}

// networkReading is one look at all counters.
type networkReading struct {
	at      time.Time
	devices []netDevice
	snmp    mib
	netstat mib
	softnet softnet
}

func (s Source) readNetwork() (networkReading, error) {
	devices, err := s.netDevices()
	if err != nil {
		return networkReading{}, err
	}
	return networkReading{
		at: time.Now(), devices: devices,
		snmp: s.mib("snmp", "snmp6"), netstat: s.mib("netstat"), softnet: s.softnet(),
	}, nil
}

func (s Source) lookNetwork(ctx context.Context, call *engine.Call, in NetworkInput) (Network, error) {
	call.Reproduce("ip", "-s", "link")
	call.Reproduce("nstat", "-az")
	call.Reproduce("cat", s.proc("net/softnet_stat"))
	o := Network{Interfaces: []Interface{}}
	before, err := s.readNetwork()
	if err != nil {
		return o, err
	}
	if err := wait(ctx, in.Window); err != nil {
		return o, err
	}
	after, err := s.readNetwork()
	if err != nil {
		return o, err
	}
	seconds := after.at.Sub(before.at).Seconds()
	o.interfaces(call, s, in.Interfaces, before.devices, after.devices, seconds)
	o.protocols(change{call, before.snmp, after.snmp}, seconds)
	o.listens(change{call, before.netstat, after.netstat}, seconds)
	o.softnet(call, before.softnet, after.softnet)
	o.conntrack(call, s)
	return o, ctx.Err()
}

// fewSegments is below how many segments sent a share of them says nothing.
const fewSegments = 20

// protocols fills in what /proc/net/snmp tells.
func (o *Network) protocols(c change, seconds float64) {
	sent, sentSeen := c.of([]string{"TcpOutSegs"}, "tcp_retransmitted_percent", "tcp_segments_sent_per_second")
	again, againSeen := c.of([]string{"TcpRetransSegs"},
		"tcp_retransmitted_percent", "tcp_segments_sent_per_second", "tcp_retransmits_per_second")
	o.TCPRetransmitsPerSecond = float64(again) / seconds
	if sentSeen && againSeen {
		o.TCPSegmentsSentPerSecond = float64(sent+again) / seconds
		o.TCPRetransmittedPercent = percent(again, sent+again)
	}
	if sentSeen && againSeen && sent+again < fewSegments {
		o.TCPRetransmittedPercent = 0
		c.call.Unread("tcp_retransmitted_percent",
			fmt.Sprintf("only %d TCP segments were sent in the window: too few for a share of them", sent+again),
			"give it a longer window, or look while there is traffic")
	}
	rate := func(path string, names ...string) float64 {
		n, _ := c.of(names, path)
		return float64(n) / seconds
	}
	o.TCPResetsSentPerSecond = rate("tcp_resets_sent_per_second", "TcpOutRsts")
	o.TCPFailedConnectsPerSecond = rate("tcp_failed_connects_per_second", "TcpAttemptFails")
	o.UDPReceiveErrorsPerSecond = rate("udp_receive_errors_per_second", "UdpInErrors", "Udp6InErrors")
	o.UDPBufferErrorsPerSecond = rate("udp_buffer_errors_per_second",
		"UdpRcvbufErrors", "UdpSndbufErrors", "Udp6RcvbufErrors", "Udp6SndbufErrors")
}

// listens fills in what /proc/net/netstat tells.
func (o *Network) listens(c change, seconds float64) {
	o.ListenOverflows, _ = c.of([]string{"TcpExtListenOverflows"}, "listen_overflows")
	o.ListenOverflowsTotal = c.total("TcpExtListenOverflows", "listen_overflows_total")
	o.ListenDrops, _ = c.of([]string{"TcpExtListenDrops"}, "listen_drops")
	o.ListenDropsTotal = c.total("TcpExtListenDrops", "listen_drops_total")
	o.SYNCookiesSent, _ = c.of([]string{"TcpExtSyncookiesSent"}, "syn_cookies_sent")
	// TCPRcvQDrop came with Linux 4.20; before, such drops are not counted.
	o.TCPReceiveQueueDrops, _ = c.of([]string{"TcpExtTCPBacklogDrop", "TcpExtRcvPruned", "TcpExtTCPRcvQDrop"},
		"tcp_receive_queue_drops")
	timeouts, _ := c.of([]string{"TcpExtTCPTimeouts"}, "tcp_timeouts_per_second")
	o.TCPTimeoutsPerSecond = float64(timeouts) / seconds
}

func (o *Network) softnet(call *engine.Call, before, after softnet) {
	paths := []string{"softnet_dropped_in_window", "softnet_squeezed_in_window"}
	if reason, fix := before.why(after); reason != "" {
		unread(call, reason, fix, paths...)
		return
	}
	for processor, end := range after.byProcessor {
		start := before.byProcessor[processor]
		// The kernel counts these in 32 bits, which overflow and never go back.
		o.SoftnetDroppedInWindow += int64(end.dropped - start.dropped)
		o.SoftnetSqueezedInWindow += int64(end.squeezed - start.squeezed)
	}
}

func (o *Network) conntrack(call *engine.Call, s Source) {
	used, err := s.number("sys", "net", "netfilter", "nf_conntrack_count")
	most, maxErr := s.number("sys", "net", "netfilter", "nf_conntrack_max")
	if err == nil {
		err = maxErr
	}
	if errors.Is(err, fs.ErrNotExist) && s.hasNetworkSettings() {
		return // not loaded
	}
	if err != nil {
		reason, fix := whyNoFile(s.proc("sys/net/netfilter"), err)
		unread(call, reason, fix, "conntrack_used", "conntrack_max", "conntrack_used_percent")
		return
	}
	o.ConntrackUsed, o.ConntrackMax = used, most
	o.ConntrackUsedPercent = percent(used, most)
}

// hasNetworkSettings tells whether the kernel's settings of the network can be
// seen, so that one that is missing does not exist.
func (s Source) hasNetworkSettings() bool {
	_, err := os.Stat(s.proc("sys/net/core"))
	return err == nil
}
