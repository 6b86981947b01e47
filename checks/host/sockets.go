package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"gumshoe/engine"
)

// SocketsInput are the inputs of host.sockets: it has none.
type SocketsInput struct{}

// Sockets is what host.sockets observes: the sockets of TCP and UDP, over IPv4
// and IPv6, of the network namespace we run in, at one moment.
type Sockets struct {
	// TCPTotal is the number of TCP sockets in any of the states below.
	TCPTotal int `json:"tcp_total" expr:"tcp_total"`
	// Established is the number of open connections.
	Established int `json:"established" expr:"established"`
	// SYNSent is the number of connects that wait for an answer. Many of them:
	// something out there is silent.
	SYNSent int `json:"syn_sent" expr:"syn_sent"`
	// SYNReceived is the number of connections from outside that are half-open.
	SYNReceived int `json:"syn_received" expr:"syn_received"`
	// FinWait is the number that our side has closed and the other side has not.
	FinWait int `json:"fin_wait" expr:"fin_wait"`
	// CloseWait is the number that the other side has closed and a program of ours
	// has not. Growing, they are a leak in that program.
	CloseWait int `json:"close_wait" expr:"close_wait"`
	// Closing is the number that both sides have closed, with the last
	// acknowledgement under way.
	Closing int `json:"closing" expr:"closing"`
	// TimeWait is the number of ended connections whose addresses are kept back
	// for a minute. They cost little but the port.
	TimeWait int `json:"time_wait" expr:"time_wait"`
	// Listening is the number of sockets that accept connections.
	Listening int `json:"listening" expr:"listening"`
	// Orphaned is the number of TCP sockets, of the whole host, that no program
	// holds any more and that still have something to send or to wait for.
	Orphaned int `json:"orphaned" expr:"orphaned"`
	// UDPTotal is the number of UDP sockets.
	UDPTotal int `json:"udp_total" expr:"udp_total"`

	// TCPMemoryBytes is the memory that the buffers of all TCP sockets of the whole
	// host take.
	TCPMemoryBytes int64 `json:"tcp_memory_bytes" expr:"tcp_memory_bytes"`
	// TCPMemoryUsedPercent is tcp_memory_bytes in percent of what they may take
	// (the last number of net.ipv4.tcp_mem). At 100 packets are dropped.
	TCPMemoryUsedPercent float64 `json:"tcp_memory_used_percent" expr:"tcp_memory_used_percent"`
	// SendQueueBytes is what TCP has sent or has to send and the other sides have
	// not acknowledged, over all connections.
	SendQueueBytes int64 `json:"send_queue_bytes" expr:"send_queue_bytes"`
	// ReceiveQueueBytes is what has arrived over TCP and no program has read yet,
	// over all connections.
	ReceiveQueueBytes int64 `json:"receive_queue_bytes" expr:"receive_queue_bytes"`
	// UDPReceiveQueueBytes is the memory of datagrams that no program has read yet.
	UDPReceiveQueueBytes int64 `json:"udp_receive_queue_bytes" expr:"udp_receive_queue_bytes"`
	// UDPDropsTotal is the number of datagrams that the UDP sockets of now have
	// lost since they were opened.
	UDPDropsTotal int64 `json:"udp_drops_total" expr:"udp_drops_total"`

	// Listeners are the addresses that accept TCP connections, the fullest queue
	// first: at most 200, and unread when there are more.
	Listeners []Listener `json:"listeners" expr:"listeners"`

	// EphemeralPorts is the number of local ports that a connect can be given:
	// net.ipv4.ip_local_port_range without ip_local_reserved_ports.
	EphemeralPorts int `json:"ephemeral_ports" expr:"ephemeral_ports"`
	// EphemeralUsed is how many of them TCP sockets that do not listen use, each
	// port once, in any state: time_wait too.
	EphemeralUsed int `json:"ephemeral_used" expr:"ephemeral_used"`
	// EphemeralUsedPercent is ephemeral_used in percent of ephemeral_ports. A port
	// can serve connections to several destinations: what runs out first is
	// busiest_destination_used_percent.
	EphemeralUsedPercent float64 `json:"ephemeral_used_percent" expr:"ephemeral_used_percent"`
	// BusiestDestination is the remote address and port to which the most of these
	// ports are used, from one local address; "" when none is.
	BusiestDestination string `json:"busiest_destination" expr:"busiest_destination"`
	// BusiestDestinationPorts is how many are used to it.
	BusiestDestinationPorts int `json:"busiest_destination_ports" expr:"busiest_destination_ports"`
	// BusiestDestinationUsedPercent is that in percent of ephemeral_ports. At 100 a
	// connect there fails: "cannot assign requested address".
	BusiestDestinationUsedPercent float64 `json:"busiest_destination_used_percent" expr:"busiest_destination_used_percent"`

	// BusiestPeers are the remote addresses with the most TCP connections, at most
	// 10, the busiest first.
	BusiestPeers []Peer `json:"busiest_peers" expr:"busiest_peers"`
	// CloseWaitByPort tells which ports the sockets in close_wait belong to, at
	// most 10, the worst first.
	CloseWaitByPort []CloseWaitPort `json:"close_wait_by_port" expr:"close_wait_by_port"`
}

// Listener is an address that accepts TCP connections. Several sockets may share
// it (SO_REUSEPORT), each with a queue of its own: the numbers are of the one with
// the fullest.
type Listener struct {
	// Address is the local IP address; 0.0.0.0 is all of IPv4, :: is all, mostly of
	// both kinds.
	Address string `json:"address" expr:"address"`
	// Port is the TCP port.
	Port int `json:"port" expr:"port"`
	// Sockets is the number of sockets that share the address and port.
	Sockets int `json:"sockets" expr:"sockets"`
	// Queue is the number of connections that wait for the program to accept them:
	// Recv-Q of ss.
	Queue int64 `json:"queue" expr:"queue"`
	// Backlog is how many may wait, by listen(2) and net.core.somaxconn: Send-Q of
	// ss. The kernel lets in one more.
	Backlog int64 `json:"backlog" expr:"backlog"`
	// QueueUsedPercent is queue in percent of backlog + 1. At 100 new connections
	// are dropped.
	QueueUsedPercent float64 `json:"queue_used_percent" expr:"queue_used_percent"`
}

// Peer is a remote address.
type Peer struct {
	// Address is its IP address.
	Address string `json:"address" expr:"address"`
	// Connections is the number of TCP sockets connected with it, in any state.
	Connections int `json:"connections" expr:"connections"`
	// Established is how many of them are established.
	Established int `json:"established" expr:"established"`
}

// CloseWaitPort is a port with sockets in close_wait.
type CloseWaitPort struct {
	// Port is the local port if something listens on it here, else the remote one.
	Port int `json:"port" expr:"port"`
	// Listening tells which: whether the program at fault is the one that serves
	// this port here, or one here that connects to this port elsewhere.
	Listening bool `json:"listening" expr:"listening"`
	// Connections is the number of its sockets in close_wait.
	Connections int `json:"connections" expr:"connections"`
}

// Sockets is the check host.sockets.
//
// It reads /proc/net/tcp, tcp6, udp, udp6 and sockstat, and asks the kernel for
// the backlogs over netlink; it does not walk over open files. The kernel lists
// sockets while they come and go, so that the counts are off by a few.
//
// Example:
//
//	sockets: { check: host.sockets }
//
// By hand:
//
//	ss -s
//	ss -tan
//	ss -ltn
func (s Source) Sockets() engine.Check[SocketsInput, Sockets] {
	return engine.Check[SocketsInput, Sockets]{
		Name:      "host.sockets",
		Doc:       "How many TCP and UDP sockets there are in which state, what waits in their queues, and how full the accept queues and the ephemeral ports are.",
		Cost:      50 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[SocketsInput],
		Run:       s.lookSockets,
		Summarize: summarizeSockets,
	}
}

func summarizeSockets(o Sockets) string {
	text := fmt.Sprintf("%d TCP sockets, %d established, %d listening, %d time_wait, %d close_wait",
		o.TCPTotal, o.Established, o.Listening, o.TimeWait, o.CloseWait)
	if len(o.Listeners) > 0 && o.Listeners[0].Queue > 0 {
		text += fmt.Sprintf(", port %d has %d to accept", o.Listeners[0].Port, o.Listeners[0].Queue)
	}
	return text
}

func (s Source) lookSockets(ctx context.Context, call *engine.Call, _ SocketsInput) (Sockets, error) {
	call.Reproduce("ss", "-s")
	call.Reproduce("ss", "-tan")
	call.Reproduce("ss", "-ltn")
	var o Sockets
	ports, portsErr := s.ephemeralPorts()
	t := tally{ephemeral: ports}
	// A kernel without IPv6 has no tcp6 and no udp6: none are there.
	for _, file := range []string{"tcp", "tcp6"} {
		if err := s.eachSocket(ctx, file, t.add); err != nil && !(file == "tcp6" && errors.Is(err, fs.ErrNotExist)) {
			if ctx.Err() != nil {
				return o, ctx.Err()
			}
			return o, blind(s.proc("net", file), err)
		}
	}
	t.states(&o)
	t.listeners(call, s, &o)
	t.peers(&o)
	t.leaks(&o)
	t.ports(&o)
	if portsErr != nil {
		reason, fix := whyNoFile(s.proc("sys/net/ipv4/ip_local_port_range"), portsErr)
		unread(call, reason, fix, "ephemeral_ports", "ephemeral_used", "ephemeral_used_percent",
			"busiest_destination", "busiest_destination_ports", "busiest_destination_used_percent")
	}
	o.udp(ctx, call, s)
	o.sockstat(call, s)
	return o, ctx.Err()
}

// udp fills in what is of UDP.
func (o *Sockets) udp(ctx context.Context, call *engine.Call, s Source) {
	for _, file := range []string{"udp", "udp6"} {
		err := s.eachSocket(ctx, file, func(u socket) {
			o.UDPTotal++
			o.UDPReceiveQueueBytes += u.receiving
			o.UDPDropsTotal += u.drops
		})
		if err != nil && !(file == "udp6" && errors.Is(err, fs.ErrNotExist)) {
			reason, fix := whyNoFile(s.proc("net", file), err)
			unread(call, reason, fix, "udp_total", "udp_receive_queue_bytes", "udp_drops_total")
			return
		}
	}
}

// sockstat fills in what /proc/net/sockstat tells of TCP, such as
// "TCP: inuse 5 orphan 0 tw 2 alloc 6 mem 1", with memory in pages.
func (o *Sockets) sockstat(call *engine.Call, s Source) {
	path := s.proc("net/sockstat")
	text, err := os.ReadFile(path)
	inuse, timeWait, allocated, pages, orphans := 0, 0, 0, int64(0), 0
	if err == nil {
		_, rest, _ := strings.Cut("\n"+string(text), "\nTCP:")
		_, err = fmt.Sscanf(rest, " inuse %d orphan %d tw %d alloc %d mem %d", &inuse, &orphans, &timeWait, &allocated, &pages)
	}
	if err != nil {
		reason, fix := whyNoFile(path, err)
		unread(call, reason, fix, "orphaned", "tcp_memory_bytes", "tcp_memory_used_percent")
		return
	}
	o.Orphaned = max(orphans, 0) // counted by processor and summed unlocked: it may dip below 0
	pages = max(pages, 0)
	o.TCPMemoryBytes = pages * int64(os.Getpagesize())
	var low, pressure, most int64
	path = s.proc("sys/net/ipv4/tcp_mem")
	text, err = os.ReadFile(path)
	if err == nil {
		_, err = fmt.Sscan(string(text), &low, &pressure, &most)
	}
	if err != nil {
		reason, _ := whyNoFile(path, err)
		unread(call, reason, "run gumshoe in the host's own network namespace", "tcp_memory_used_percent")
		return
	}
	o.TCPMemoryUsedPercent = min(percent(pages, most), 100)
}
