package host

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"gumshoe/engine"
)

// Bounds of the lists. Each listener may have two fields unread, and the engine
// keeps 1000.
const (
	maxListeners = 200
	maxPeers     = 10
	maxCloseWait = 10
)

// portSet is a set of ports.
type portSet [1 << 16 / 64]uint64

func (p *portSet) add(port uint16)      { p[port/64] |= 1 << (port % 64) }
func (p *portSet) remove(port uint16)   { p[port/64] &^= 1 << (port % 64) }
func (p *portSet) has(port uint16) bool { return p[port/64]&(1<<(port%64)) != 0 }

func (p *portSet) size() int {
	n := 0
	for _, word := range p {
		n += bits.OnesCount64(word)
	}
	return n
}

// tally sums up the TCP sockets as they are read.
type tally struct {
	ephemeral portSet // may be given to a connect

	byState            [tcpStates]int
	sending, receiving int64
	listening          []socket
	used               portSet // of ephemeral
	usedPorts          int
	toward             map[destination]int
	peersByAddress     map[netip.Addr]Peer
	closeWait          map[[2]uint16]int // by local and remote port
}

// destination is what a local port serves once: to connect again from the same
// address, another port is needed.
type destination struct {
	from netip.Addr
	to   netip.AddrPort
}

func (t *tally) add(s socket) {
	if t.toward == nil {
		t.toward = make(map[destination]int)
		t.peersByAddress = make(map[netip.Addr]Peer)
		t.closeWait = make(map[[2]uint16]int)
	}
	t.byState[s.state]++
	if s.state == tcpListen {
		t.listening = append(t.listening, s)
		return
	}
	t.sending += s.sending
	t.receiving += s.receiving
	peer := t.peersByAddress[s.remote.Addr()]
	peer.Connections++
	switch s.state {
	case tcpEstablished:
		peer.Established++
	case tcpCloseWait:
		t.closeWait[[2]uint16{s.local.Port(), s.remote.Port()}]++
	}
	t.peersByAddress[s.remote.Addr()] = peer
	if port := s.local.Port(); t.ephemeral.has(port) {
		if !t.used.has(port) {
			t.used.add(port)
			t.usedPorts++
		}
		t.toward[destination{s.local.Addr(), s.remote}]++
	}
}

func (t *tally) states(o *Sockets) {
	for _, n := range t.byState {
		o.TCPTotal += n
	}
	o.Established = t.byState[tcpEstablished]
	o.SYNSent = t.byState[tcpSynSent]
	o.SYNReceived = t.byState[tcpSynReceived]
	o.FinWait = t.byState[tcpFinWait1] + t.byState[tcpFinWait2]
	o.CloseWait = t.byState[tcpCloseWait]
	o.Closing = t.byState[tcpLastAck] + t.byState[tcpClosing]
	o.TimeWait = t.byState[tcpTimeWait]
	o.Listening = t.byState[tcpListen]
	o.SendQueueBytes, o.ReceiveQueueBytes = t.sending, t.receiving
}

// listeners fills in the list of them.
func (t *tally) listeners(call *engine.Call, s Source, o *Sockets) {
	var limits map[uint32]int64
	reason, fix := "the kernel tells the backlog only of the network that gumshoe runs in", "run gumshoe there"
	if s.proc() == "/proc" {
		var err error
		if limits, err = backlogs(); err != nil {
			reason, fix = fmt.Sprintf("the kernel does not tell the backlog: %v", err), "allow gumshoe netlink (sock_diag)"
		} else {
			reason, fix = "the socket was closed while we looked", "look again"
		}
	}
	type entry struct {
		Listener

		known bool
	}
	found := make(map[netip.AddrPort]entry)
	for _, l := range t.listening {
		backlog, known := limits[l.inode]
		here := Listener{Address: l.local.Addr().String(), Port: int(l.local.Port()), Queue: l.receiving}
		if known {
			here.Backlog = backlog
			here.QueueUsedPercent = min(percent(here.Queue, backlog+1), 100)
		}
		other, shared := found[l.local]
		here.Sockets = other.Sockets + 1
		if shared && fuller(other.Listener, here) <= 0 {
			other.Sockets = here.Sockets
			found[l.local] = other
			continue
		}
		found[l.local] = entry{here, known}
	}
	list := make([]entry, 0, len(found))
	for _, e := range found {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b entry) int {
		return cmp.Or(fuller(a.Listener, b.Listener), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Address, b.Address))
	})
	if len(list) > maxListeners {
		list = list[:maxListeners]
		call.Unread("listeners", fmt.Sprintf("more than %d addresses accept connections: only the fullest are listed", maxListeners), "")
	}
	o.Listeners = make([]Listener, len(list))
	for i, e := range list {
		o.Listeners[i] = e.Listener
		if !e.known {
			unread(call, reason, fix, fmt.Sprintf("listeners[%d].backlog", i), fmt.Sprintf("listeners[%d].queue_used_percent", i))
		}
	}
}

// fuller orders listeners by their queues, the fullest first.
func fuller(a, b Listener) int {
	return cmp.Or(cmp.Compare(b.QueueUsedPercent, a.QueueUsedPercent), cmp.Compare(b.Queue, a.Queue))
}

// peers fills in the busiest remote addresses.
func (t *tally) peers(o *Sockets) {
	type peer struct {
		netip.Addr
		Peer
	}
	list := make([]peer, 0, len(t.peersByAddress))
	for address, p := range t.peersByAddress {
		list = append(list, peer{address, p})
	}
	slices.SortFunc(list, func(a, b peer) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), a.Addr.Compare(b.Addr))
	})
	o.BusiestPeers = []Peer{}
	for _, p := range list[:min(maxPeers, len(list))] {
		p.Address = p.Addr.String()
		o.BusiestPeers = append(o.BusiestPeers, p.Peer)
	}
}

// leaks fills in whose the sockets in close_wait are.
func (t *tally) leaks(o *Sockets) {
	var listens portSet
	for _, l := range t.listening {
		listens.add(l.local.Port())
	}
	byPort := make(map[CloseWaitPort]int)
	for ports, n := range t.closeWait {
		key := CloseWaitPort{Port: int(ports[1])}
		if listens.has(ports[0]) {
			key = CloseWaitPort{Port: int(ports[0]), Listening: true}
		}
		byPort[key] += n
	}
	list := make([]CloseWaitPort, 0, len(byPort))
	for p, n := range byPort {
		p.Connections = n
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b CloseWaitPort) int {
		if order := cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Port, b.Port)); order != 0 {
			return order
		}
		return map[bool]int{true: -1, false: 1}[a.Listening]
	})
	o.CloseWaitByPort = append([]CloseWaitPort{}, list[:min(maxCloseWait, len(list))]...)
}

// ports fills in how the ephemeral ports are used.
func (t *tally) ports(o *Sockets) {
	o.EphemeralPorts = t.ephemeral.size()
	o.EphemeralUsed = t.usedPorts
	o.EphemeralUsedPercent = percent(int64(o.EphemeralUsed), int64(o.EphemeralPorts))
	var busiest destination
	for d, n := range t.toward {
		if n > o.BusiestDestinationPorts || n == o.BusiestDestinationPorts && d.to.Compare(busiest.to) < 0 {
			busiest, o.BusiestDestinationPorts = d, n
		}
	}
	if o.BusiestDestinationPorts > 0 {
		o.BusiestDestination = busiest.to.String()
	}
	o.BusiestDestinationUsedPercent = percent(int64(o.BusiestDestinationPorts), int64(o.EphemeralPorts))
}

// ephemeralPorts reads which ports a connect can be given.
func (s Source) ephemeralPorts() (portSet, error) {
	var ports portSet
	text, err := os.ReadFile(s.proc("sys/net/ipv4/ip_local_port_range"))
	if err != nil {
		return ports, err
	}
	var low, high uint16
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil {
		return ports, err
	}
	for port := int(low); port <= int(high); port++ {
		ports.add(uint16(port))
	}
	// Such as "8080,30000-30010"; mostly empty, and missing before Linux 2.6.35.
	text, _ = os.ReadFile(s.proc("sys/net/ipv4/ip_local_reserved_ports"))
	for span := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		from, to, isRange := strings.Cut(span, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 16)
		last, err2 := strconv.ParseUint(to, 10, 16)
		for port := first; err == nil && err2 == nil && port <= last; port++ {
			ports.remove(uint16(port))
		}
	}
	return ports, nil
}
