package traffic

import (
	"cmp"
	"slices"
)

// Bounds of what is kept by address.
const (
	maxServers = 512
	shown      = 20 // of each list
)

// server is what is known of a TCP endpoint that is connected to.
type server struct {
	at                                           endpoint
	connections, handshakes, refused, unanswered int64
	abortedByServer, abortedByClient             int64
	holes, packets, bytes                        int64
	toward, from                                 direction
	handshakeTime, responseTime                  durations
	waits                                        waits
	speaks                                       protocol
}

// direction sums up what was sent in one direction.
type direction struct {
	data, retransmitted, zeroWindows, resets int64
	resent, recovered, reordered             int64
	bytes, lostBytes                         int64
}

func (d *direction) add(c *connection, side int) {
	d.data += int64(c.data[side])
	d.retransmitted += int64(c.retransmitted[side])
	d.zeroWindows += int64(c.zeroWindows[side])
	d.resets += int64(c.resets[side])
	d.resent += int64(c.losses[side].resent)
	d.recovered += int64(c.losses[side].recovered)
	d.reordered += int64(c.losses[side].reordered)
	d.bytes += int64(c.bytes[side])
	d.lostBytes += int64(c.losses[side].bytes)
}

// serverOf gives what is known of the server of a connection; nil when there are
// too many.
func (a *Analysis) serverOf(c *connection) *server {
	at := c.ends[c.server()]
	known := a.servers[at]
	if known == nil && len(a.servers) < maxServers {
		known = &server{at: at}
		a.servers[at] = known
	}
	return known
}

// follow takes what an analysed segment says of its connection.
func (a *Analysis) follow(c *connection, side int, s *segment, m marks) {
	if c.firstTime == 0 {
		c.firstTime = s.time
	}
	c.frames[side] += uint64(a.frame.wire)
	if response, is := c.wait(side, s, m); is {
		a.responses.add(response)
		if known := a.serverOf(c); known != nil {
			known.responseTime.add(response)
		}
	}
	if s.flags&(flagSYN|flagACK) == flagSYN {
		c.synNumber = a.frame.number
		a.listens(c.ends[1-side])
	}
	c.lastFrom[side] = s.time
	to := c.ends[c.server()]
	a.takeSizes(c, side, s, m)
	if s.has(flagRST) {
		a.noteReset(c, side, to)
	}
	if m&(retransmission|outOfOrder|zeroWindow|windowFull|lostSegment) != 0 {
		a.noteMarks(m, side == c.server(), to)
	}
}

func (a *Analysis) noteReset(c *connection, side int, to endpoint) {
	switch {
	case c.seen&(sawRefusal|sawOther) == sawRefusal:
		a.note(subject{kind: KindRefused, to: to}, "connections are refused: a SYN is answered by a reset")
	case int(c.aborted) != side: // it ends a connection that is over
	case side == c.server():
		a.note(subject{kind: KindReset, byServer: true, to: to}, "the server, or a device in its name, resets connections that are open")
	default:
		a.note(subject{kind: KindReset, to: to}, "the client, or a device in its name, resets connections that are open")
	}
}

// noteMarks notes what sequence numbers show, by who sent the segment.
func (a *Analysis) noteMarks(m marks, byServer bool, to endpoint) {
	for _, known := range [...]struct {
		is                 marks
		kind               Kind
		byClient, byServer string
	}{
		{retransmission, KindRetransmission, "segments to the server are sent again", "segments from the server are sent again"},
		{outOfOrder, KindOutOfOrder, "segments to the server come out of order", "segments from the server come out of order"},
		{zeroWindow, KindZeroWindow, "the client does not read: its window is 0", "the server does not read: its window is 0"},
		{windowFull, KindWindowFull, "the client fills the server's window and has to wait", "the server fills the client's window and has to wait"},
		{lostSegment, KindLostSegment, "segments to the server are missing in the capture", "segments from the server are missing in the capture"},
	} {
		if m&known.is == 0 {
			continue
		}
		text := known.byClient
		if byServer {
			text = known.byServer
		}
		a.note(subject{kind: known.kind, byServer: byServer, to: to}, text)
	}
}

// sumUp adds a connection that is over, or will not be followed further, to what
// is known of its server and flows.
func (a *Analysis) sumUp(c *connection) {
	if c.packets[0]+c.packets[1] == 0 {
		return // ICMP quotes it, and no more
	}
	serves := c.server()
	to := c.ends[serves]
	waited, hole := c.waited(), a.holed(c)
	a.waits.add(waited)
	a.ways[0].add(c, 1-serves)
	a.ways[1].add(c, serves)
	a.segments += int64(c.packets[0] + c.packets[1])
	a.sequenced += int64(c.data[0] + c.data[1])
	var handshake, toServer, toClient int64
	if c.complete() && c.rtt > 0 && c.synTime > 0 {
		handshake = c.rtt
		a.handshakeTime.add(handshake)
		if c.backTime >= c.synTime { // else the SYN-ACK answers a SYN before the last
			toServer = c.backTime - c.synTime
			toClient = max(0, handshake-toServer)
			a.toServer.add(toServer)
			a.toClient.add(toClient)
		}
	}
	switch {
	case c.aborted < 0:
	case int(c.aborted) == serves:
		a.abortedByServer++
	default:
		a.abortedByClient++
	}
	if hole >= 0 {
		a.holes++
		a.noteHole(c, hole)
	} else if hole = a.missing(c); hole >= 0 {
		a.holes++
		a.noteMissing(c, hole)
	}
	late := a.last-c.synTime < pendingWithin // an answer may still be on its way
	switch {
	case !c.unanswered():
	case late:
		a.unansweredLate++
	default:
		a.noteAt(subject{kind: KindUnanswered, to: to}, "nothing comes back to a SYN", c.synNumber, c.synTime)
	}
	a.flow(flowOf(c))
	known := a.serverOf(c)
	if known == nil {
		a.serversDropped++
		return
	}
	known.connections++
	known.waits.add(waited)
	known.packets += int64(c.packets[0] + c.packets[1])
	known.bytes += int64(c.frames[0] + c.frames[1])
	known.toward.add(c, 1-serves)
	known.from.add(c, serves)
	if c.stream != nil && c.stream.protocol > noneOfOurs {
		known.speaks = c.stream.protocol
	}
	if handshake > 0 {
		known.handshakes++
		known.handshakeTime.add(handshake)
	}
	for _, count := range [...]struct {
		is bool
		n  *int64
	}{
		{c.refused(), &known.refused},
		{c.unanswered() && !late, &known.unanswered},
		{hole >= 0, &known.holes},
		{c.aborted >= 0 && int(c.aborted) == serves, &known.abortedByServer},
		{c.aborted >= 0 && int(c.aborted) != serves, &known.abortedByClient},
	} {
		if count.is {
			*count.n++
		}
	}
}

// Server is a TCP endpoint that others connect to. Without the SYN of a connection
// in the packets, it is that to which other connections were made, or which answers
// by TLS or HTTP, else that with the lower port.
type Server struct {
	// Address is its address and port.
	Address string `json:"address" expr:"address"`
	// Protocol is what is spoken, as far as it shows: tls, http, dns or "".
	Protocol string `json:"protocol" expr:"protocol" enum:"tls,http,dns,"`
	// Packets are those of its connections, in both directions.
	Packets int64 `json:"packets" expr:"packets"`
	// Bytes are those packets' on the wire.
	Bytes int64 `json:"bytes" expr:"bytes"`
	// Connections are how many were seen, whole or in part.
	Connections int64 `json:"connections" expr:"connections"`
	// Refused are connections whose SYN was answered by a reset.
	Refused int64 `json:"refused" expr:"refused"`
	// Unanswered are connections to whose SYN nothing came back, but for those of the
	// last second.
	Unanswered int64 `json:"unanswered" expr:"unanswered"`
	// AbortedByServer are connections that the server reset while they were open.
	AbortedByServer int64 `json:"aborted_by_server" expr:"aborted_by_server"`
	// AbortedByClient are connections that the client reset while they were open.
	AbortedByClient int64 `json:"aborted_by_client" expr:"aborted_by_client"`
	// BlackHoled are connections in which large segments were sent again and again
	// and never acknowledged, though the receiver was there.
	BlackHoled int64 `json:"black_holed" expr:"black_holed"`
	// DataSegments are the segments that can be sent again: with data, SYN or FIN.
	DataSegments int64 `json:"data_segments" expr:"data_segments"`
	// RetransmittedToServer are segments that clients sent again.
	RetransmittedToServer int64 `json:"retransmitted_to_server" expr:"retransmitted_to_server"`
	// RetransmittedToClient are segments that the server sent again.
	RetransmittedToClient int64 `json:"retransmitted_to_client" expr:"retransmitted_to_client"`
	// RetransmittedPercent is the share of data_segments that were sent again.
	RetransmittedPercent float64 `json:"retransmitted_percent" expr:"retransmitted_percent"`
	// ToServer is what happened to the segments to it.
	ToServer Way `json:"to_server" expr:"to_server"`
	// FromServer is what happened to the segments from it.
	FromServer Way `json:"from_server" expr:"from_server"`
	// ZeroWindowsByServer are segments in which the server says that it takes no more.
	ZeroWindowsByServer int64 `json:"zero_windows_by_server" expr:"zero_windows_by_server"`
	// ZeroWindowsByClient are segments in which a client says that it takes no more.
	ZeroWindowsByClient int64 `json:"zero_windows_by_client" expr:"zero_windows_by_client"`
	// Handshake is the time from the SYN, the last one, to the ACK that ends the
	// handshake.
	Handshake Latency `json:"handshake" expr:"handshake"`
	// Response is the time from the last segment of a request to the first of its
	// response.
	Response Latency `json:"response" expr:"response"`
	// Wait is what the time of its requests was spent on.
	Wait Wait `json:"wait" expr:"wait"`
}

func (s *server) report() Server {
	return Server{
		Address: s.at.String(), Protocol: s.speaks.String(), Packets: s.packets, Bytes: s.bytes, Connections: s.connections,
		Refused: s.refused, Unanswered: s.unanswered, AbortedByServer: s.abortedByServer, AbortedByClient: s.abortedByClient,
		BlackHoled: s.holes, DataSegments: s.toward.data + s.from.data,
		RetransmittedToServer: s.toward.retransmitted, RetransmittedToClient: s.from.retransmitted,
		ToServer: s.toward.report(), FromServer: s.from.report(),
		RetransmittedPercent: percent(s.toward.retransmitted+s.from.retransmitted, s.toward.data+s.from.data),
		ZeroWindowsByServer:  s.from.zeroWindows, ZeroWindowsByClient: s.toward.zeroWindows,
		Handshake: s.handshakeTime.latency(), Response: s.responseTime.latency(), Wait: s.waits.report(),
	}
}

// trouble orders servers: those with which something is wrong first.
func (s *server) trouble() int64 {
	return s.refused + s.unanswered + s.abortedByServer + s.abortedByClient + s.holes + s.toward.retransmitted + s.from.retransmitted
}

func (a *Analysis) reportServers() []Server {
	all := make([]*server, 0, len(a.servers))
	for _, s := range a.servers {
		if s.connections > 0 {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(x, y *server) int {
		return cmp.Or(cmp.Compare(y.trouble(), x.trouble()), cmp.Compare(y.bytes, x.bytes), cmp.Compare(x.at.String(), y.at.String()))
	})
	out := make([]Server, 0, shown)
	for _, s := range all[:min(len(all), shown)] {
		out = append(out, s.report())
	}
	return out
}
