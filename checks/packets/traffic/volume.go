package traffic

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Bounds of what is kept of who sends how much.
const (
	maxConversations = 1 << 13 // of UDP
	maxTalkers       = 1 << 13
	keptFlows        = 4 * shown
	rateBuckets      = 60
	firstFree        = 1024 // ports below are those of servers (RFC 6335)
)

// conversation is what two endpoints of UDP sent each other.
type conversation struct {
	ends     [2]endpoint // the first is who began
	packets  [2]int64
	bytes    [2]int64 // on the wire
	first    int64
	lastFrom [2]int64  // when each end sent its last; 0 is never
	via      [2]uint16 // the interface that the packets of each end count on
}

// converse counts a datagram, unless it was seen on another interface.
func (a *Analysis) converse(from, to endpoint) bool {
	k, _ := keyOf(from, to)
	c := a.conversations[k]
	if c == nil {
		if len(a.conversations) >= maxConversations {
			a.conversationsDropped++
			return true
		}
		c = &conversation{ends: [2]endpoint{from, to}, first: a.frame.time}
		if from.port < firstFree && to.port >= firstFree { // it answers what came before
			c.ends = [2]endpoint{to, from}
		}
		a.conversations[k] = c
		a.inOrder = append(a.inOrder, c)
	}
	side := 0
	if c.ends[0] != from {
		side = 1
	}
	if c.via[side] == 0 {
		c.via[side] = a.frame.via
	}
	if c.via[side] != a.frame.via {
		return false
	}
	c.packets[side]++
	c.bytes[side] += int64(a.frame.wire)
	c.lastFrom[side] = a.frame.time
	return true
}

// Flow is what two endpoints sent each other.
type Flow struct {
	// Protocol is tcp or udp.
	Protocol string `json:"protocol" expr:"protocol" enum:"tcp,udp"`
	// Client is the address and port of who began, as far as it shows.
	Client string `json:"client" expr:"client"`
	// Server is the address and port of the other.
	Server string `json:"server" expr:"server"`
	// Packets are those in both directions.
	Packets int64 `json:"packets" expr:"packets"`
	// Bytes are those packets' on the wire.
	Bytes int64 `json:"bytes" expr:"bytes"`
	// BytesToServer are those that the client sent.
	BytesToServer int64 `json:"bytes_to_server" expr:"bytes_to_server"`
	// BytesToClient are those that the server sent.
	BytesToClient int64 `json:"bytes_to_client" expr:"bytes_to_client"`
	// Seconds is the time from the first to the last packet.
	Seconds float64 `json:"seconds" expr:"seconds"`
	// Retransmitted are the TCP segments that were sent again.
	Retransmitted int64 `json:"retransmitted" expr:"retransmitted"`
	// State is how far a TCP connection came: refused (a reset came in answer to the
	// SYN), unanswered (nothing did), reset (while it was open), closed, open (at the
	// end of the packets), partial (it began before them); "" for udp.
	State string `json:"state" expr:"state" enum:"refused,unanswered,reset,closed,open,partial,"`
}

// keptFlow is a flow before its addresses are written.
type keptFlow struct {
	ends [2]endpoint // client and server
	Flow
}

func flowOf(c *connection) keptFlow {
	serves := c.server()
	return keptFlow{[2]endpoint{c.ends[1-serves], c.ends[serves]}, Flow{
		Protocol: "tcp", Packets: int64(c.packets[0] + c.packets[1]), Bytes: int64(c.frames[0] + c.frames[1]),
		BytesToServer: int64(c.frames[1-serves]), BytesToClient: int64(c.frames[serves]),
		Seconds: seconds(max(0, c.lastTime()-c.firstTime)), Retransmitted: int64(c.retransmitted[0] + c.retransmitted[1]),
		State: c.state(),
	}}
}

func (c *conversation) flow() keptFlow {
	return keptFlow{c.ends, Flow{
		Protocol: "udp", Packets: c.packets[0] + c.packets[1], Bytes: c.bytes[0] + c.bytes[1],
		BytesToServer: c.bytes[0], BytesToClient: c.bytes[1], Seconds: seconds(max(0, max(c.lastFrom[0], c.lastFrom[1])-c.first)),
	}}
}

// state is how far the connection came.
func (c *connection) state() string {
	switch {
	case c.refused() && c.seen&sawOther == 0:
		return "refused"
	case c.unanswered():
		return "unanswered"
	case c.aborted >= 0:
		return "reset"
	case c.ended == 3:
		return "closed"
	case c.seen&(sawSYN|sawSYNACK) != 0:
		return "open"
	}
	return "partial"
}

// flow keeps a flow when it is one of the largest, and counts who sent how much.
func (a *Analysis) flow(f keptFlow) {
	a.talk(f.ends[0].address, f.BytesToServer, f.BytesToClient, f.Packets)
	a.talk(f.ends[1].address, f.BytesToClient, f.BytesToServer, f.Packets)
	if len(a.flows) == keptFlows && f.Bytes <= a.least {
		return
	}
	a.flows = append(a.flows, f)
	if len(a.flows) > keptFlows {
		a.flows = largest(a.flows, keptFlows/2)
		a.least = a.flows[len(a.flows)-1].Bytes
	}
}

// largest sorts flows and keeps so many.
func largest(flows []keptFlow, most int) []keptFlow {
	slices.SortFunc(flows, func(a, b keptFlow) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), a.ends[0].compare(b.ends[0]), a.ends[1].compare(b.ends[1]))
	})
	return flows[:min(len(flows), most)]
}

func (a *Analysis) reportFlows() []Flow {
	kept := largest(a.flows, shown)
	out := make([]Flow, len(kept))
	for i, f := range kept {
		out[i] = f.Flow
		out[i].Client, out[i].Server = f.ends[0].String(), f.ends[1].String()
	}
	return out
}

// Talker is an address, and how much it sent and was sent over TCP and UDP.
type Talker struct {
	// Address is that of IP.
	Address string `json:"address" expr:"address"`
	// BytesSent are those of the packets from it, on the wire.
	BytesSent int64 `json:"bytes_sent" expr:"bytes_sent"`
	// BytesReceived are those of the packets to it.
	BytesReceived int64 `json:"bytes_received" expr:"bytes_received"`
	// Packets are those in both directions.
	Packets int64 `json:"packets" expr:"packets"`
}

func (a *Analysis) talk(who netip.Addr, sent, received, packets int64) {
	t := a.talkers[who]
	if t == nil {
		if len(a.talkers) >= maxTalkers {
			a.talkersDropped++
			return
		}
		t = &Talker{}
		a.talkers[who] = t
	}
	t.BytesSent += sent
	t.BytesReceived += received
	t.Packets += packets
}

func (a *Analysis) reportTalkers() []Talker {
	of := func(who netip.Addr) int64 { return a.talkers[who].BytesSent + a.talkers[who].BytesReceived }
	all := slices.SortedFunc(maps.Keys(a.talkers), func(x, y netip.Addr) int { return cmp.Or(cmp.Compare(of(y), of(x)), x.Compare(y)) })
	out := make([]Talker, 0, shown)
	for _, who := range all[:min(len(all), shown)] {
		t := *a.talkers[who]
		t.Address = who.String()
		out = append(out, t)
	}
	return out
}

// rate is how many bytes came when, in buckets that become wider as time goes on.
type rate struct {
	start, width int64 // in nanoseconds
	packets      [rateBuckets]int64
	bytes        [rateBuckets]int64
}

const firstWidth = int64(time.Millisecond)

func (r *rate) add(now int64, bytes int) {
	if r.width == 0 {
		r.start, r.width = now, firstWidth
	}
	at := max(0, now-r.start)
	for at/r.width >= rateBuckets {
		for i := range rateBuckets / 2 {
			r.packets[i] = r.packets[2*i] + r.packets[2*i+1]
			r.bytes[i] = r.bytes[2*i] + r.bytes[2*i+1]
		}
		clear(r.packets[rateBuckets/2:])
		clear(r.bytes[rateBuckets/2:])
		r.width *= 2
	}
	r.packets[at/r.width]++
	r.bytes[at/r.width] += int64(bytes)
}

// Interval is what came in one of equal parts of the time.
type Interval struct {
	// FromSeconds is its beginning, after the first packet.
	FromSeconds float64 `json:"from_seconds" expr:"from_seconds"`
	// Seconds is how long it is.
	Seconds float64 `json:"seconds" expr:"seconds"`
	// Packets are how many came in it.
	Packets int64 `json:"packets" expr:"packets"`
	// Bytes are how many these had on the wire.
	Bytes int64 `json:"bytes" expr:"bytes"`
}

func (r *rate) report(last int64) []Interval {
	if r.width == 0 {
		return []Interval{}
	}
	n := int(min(max(0, last-r.start)/r.width, rateBuckets-1)) + 1
	out := make([]Interval, n)
	for i := range out {
		out[i] = Interval{seconds(int64(i) * r.width), seconds(r.width), r.packets[i], r.bytes[i]}
	}
	return out
}
