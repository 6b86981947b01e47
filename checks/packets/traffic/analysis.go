// Package traffic takes captured packets apart and tells what they say: what
// TCP's sequence numbers show, as Wireshark 4.0 has it, who answers whom and how
// fast, what DNS, TLS and HTTP say as far as they are not encrypted, and what ICMP
// and ARP complain of. It knows packets, and no files, sockets or checks.
package traffic

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Packet is a captured packet.
type Packet struct {
	// Link is the type of what Data begins with (https://www.tcpdump.org/linktypes.html).
	Link int
	// Number is what Wireshark calls it in its file.
	Number int64
	// Time is in nanoseconds since 1970.
	Time int64
	// Interface tells apart where packets were captured.
	Interface int
	// Data is what was captured of it, and Wire its length on the wire, in bytes.
	Data []byte
	Wire int
}

// frame is the frame that is being taken apart. What it holds counts once,
// however often it is in it.
type frame struct {
	number  int64
	time    int64
	wire    int
	headers int    // bytes
	via     uint16 // the interface, from 1; 0 when they are not told apart
	rest    int    // of the room of its data, behind the headers
	marks   marks
	flags   uint8 // of TCP
	pieced  bool  // what is taken apart was put together from fragments
	tcp     bool
	udp     bool
	icmp    bool
	lookup  bool // of a name
	answer  bool // to a lookup, of which no query was found yet

	conflict bool

	handshake, serverName, alert bool // of TLS
	request, response            bool // of HTTP

	// Of the data that is being read.
	stream   *stream // nil for QUIC
	side     int
	server   endpoint
	byServer bool
}

// Analysis takes packets one after the other and tells what they say. Its memory
// is bounded, whatever they are: less than 64 MiB.
type Analysis struct {
	distinct  bool
	elsewhere int64 // packets of what was seen on another interface first

	decoder decoder
	frame   frame

	frames       int64
	bytes        int64
	shortened    int64 // frames that were not captured whole
	first, last  int64 // the earliest and latest time
	rate         rate
	unknownLinks int64
	fragments    int64 // of packets that are not whole
	udp          int64
	syn, synACK  int64
	resets       int64
	counts       counts
	icmps        icmpCounts
	lookups      lookups
	tls          tlsCounts
	http         httpCounts
	quics        map[key]*quicConnection
	findings     findings

	quicRing                   [maxQUICOpen]*quicConnection // those that may still say hello
	quicNext                   int
	quicsDropped               int64
	keptDropped                int64 // messages that were too much to keep
	kept                       int   // bytes that all streams keep
	blank                      []byte
	streamsOpen, streamsClosed int // connections whose data is looked into, or not as there are too many

	arps      int64
	addresses addresses
	conflicts int // frames of ARP that claim another's address
	disputed  []netip.Addr

	connections     map[key]*connection
	slabs           [][]connection // where they are, in the order in which they came
	streams         int64
	unfollowed      int64 // segments of connections beyond maxConnections
	handshakes      int64
	reference       Reference
	refused         int64
	unanswered      int64
	unansweredLate  int64 // of them, in the last second
	holes           int64
	stuck           int // segments that are sent again and again
	stuckDropped    int64
	heard           map[netip.Addr]int64
	rtts            []int64 // of the handshakes, in nanoseconds
	handshakeTime   durations
	toServer        durations
	toClient        durations
	responses       durations
	waits           waits
	ways            [2]direction // to servers, and to clients
	gaps            gapStore
	segments        int64
	sequenced       int64
	abortedByServer int64
	abortedByClient int64

	listeners            map[endpoint]bool // to which a SYN was sent
	expected             map[endpoint]bool // to which a connection of FTP was agreed on
	servers              map[endpoint]*server
	serversDropped       int64
	conversations        map[key]*conversation
	inOrder              []*conversation
	conversationsDropped int64
	flows                []keptFlow
	least                int64 // bytes of the smallest of flows, once there are many
	talkers              map[netip.Addr]*Talker
	talkersDropped       int64
}

// unknownHeaders is how much of a packet counts as headers when it is neither TCP
// nor UDP.
const unknownHeaders = 96

// NewAnalysis gives an analysis that has seen nothing.
func NewAnalysis() *Analysis {
	return &Analysis{
		connections: map[key]*connection{}, servers: map[endpoint]*server{}, conversations: map[key]*conversation{}, talkers: map[netip.Addr]*Talker{},
	}
}

// Distinct says that the same packet may come from several interfaces, as in a
// capture of all of them: what goes in one direction between two endpoints counts
// where it was seen first.
func (a *Analysis) Distinct() { a.distinct = true }

// Packets is how many were taken.
func (a *Analysis) Packets() int64 { return a.frames }

// Headers is how many bytes of the data of the packet that was taken last are
// headers, as far as they are known: what stands behind them is what users send.
func (a *Analysis) Headers() int { return a.frame.headers }

// headersEnd notes where the headers of a packet end: before the rest of its data.
func (a *Analysis) headersEnd(rest []byte) {
	if !a.frame.pieced {
		a.frame.rest = cap(rest)
	}
}

// piecesEnd notes that what follows is not in the packet alone.
func (a *Analysis) piecesEnd(piece []byte) {
	a.headersEnd(piece)
	a.frame.pieced = true
}

// Take takes a packet. It keeps nothing of its data.
func (a *Analysis) Take(p *Packet) {
	a.frames++
	a.bytes += int64(p.Wire)
	if p.Wire > len(p.Data) {
		a.shortened++
	}
	if a.frames == 1 {
		a.first, a.last = p.Time, p.Time
	}
	a.first, a.last = min(a.first, p.Time), max(a.last, p.Time)
	a.rate.add(p.Time, p.Wire)
	a.frame = frame{number: p.Number, time: p.Time, wire: p.Wire, rest: -1}
	if a.distinct {
		a.frame.via = uint16(p.Interface) + 1
	}
	a.link(p.Link, p.Data, p.Wire)
	a.frame.headers = min(len(p.Data), unknownHeaders)
	if rest := a.frame.rest; rest >= 0 && rest <= cap(p.Data) {
		a.frame.headers = min(len(p.Data), cap(p.Data)-rest)
	}
	f := &a.frame
	if f.udp {
		a.udp++
	}
	if !f.tcp {
		return
	}
	a.counts.add(f.marks)
	switch f.flags & (flagSYN | flagACK) {
	case flagSYN:
		a.syn++
	case flagSYN | flagACK:
		a.synACK++
	}
	if f.flags&flagRST != 0 {
		a.resets++
	}
}

// tcpSegment analyses a segment. Its length is that of header and data, on the wire.
func (a *Analysis) tcpSegment(n network, data []byte, length int) {
	if len(data) < 16 { // as in the error of ICMP: who and what, at most
		return
	}
	header := int(data[12]>>4) * 4
	if header < 20 || length < header && !n.quoted {
		return
	}
	tcp := &a.decoder.tcp
	tcp.Options = tcp.Options[:0]
	_ = tcp.DecodeFromBytes(data, gopacket.NilDecodeFeedback) // its options, as far as they are there and right
	first := !a.frame.tcp
	flags := data[13]
	if first {
		a.frame.tcp, a.frame.flags = true, flags
	}
	from := endpoint{n.from, binary.BigEndian.Uint16(data)}
	to := endpoint{n.to, binary.BigEndian.Uint16(data[2:])}
	s := segment{
		time: a.frame.time, seq: binary.BigEndian.Uint32(data[4:]), ack: binary.BigEndian.Uint32(data[8:]),
		length: uint32(max(0, length-header)), window: binary.BigEndian.Uint16(data[14:]), flags: flags, scale: -1,
		id: n.id, options: tcp.Options,
	}
	if flags&flagSYN != 0 {
		s.scale = windowScale(tcp.Options)
	}
	a.headersEnd(data[min(header, len(data)):])
	streams := a.streams
	c, side := a.connection(from, to, &s, n.quoted)
	if c != nil && first {
		c.tell(flags)
	}
	if c != nil && header >= 20 {
		isNew := a.streams > streams
		if isNew && a.expected[to] {
			isNew = false
			delete(a.expected, to)
		}
		c.advance(&s, isNew)
	}
	if c == nil || n.quoted {
		return
	}
	acknowledges := s.has(flagACK) && s.ack != c.sides[side].lastACK
	m := c.take(&a.gaps, a.frame.number, side, &s)
	if c.reused {
		m, c.reused = m|reusedPorts, false
	}
	if len(data) >= header { // else Wireshark gives up before it tells
		a.frame.marks |= m
		c.rttSeen = c.rttSeen || c.rtt > 0 && (acknowledges || m != 0)
	}
	a.follow(c, side, &s, m)
	if len(data) >= header {
		a.data(c, side, &s, data[header:], m)
	}
}

// windowScale is that which a SYN offers; -1 is none (RFC 7323).
func windowScale(options []layers.TCPOption) int8 {
	for _, o := range options {
		if o.OptionType == layers.TCPOptionKindWindowScale && len(o.OptionData) == 1 {
			return int8(min(o.OptionData[0], 14))
		}
	}
	return -1
}

// connection finds the connection of a segment, and which side sent it. It is nil
// when too many are followed already.
func (a *Analysis) connection(from, to endpoint, s *segment, quoted bool) (c *connection, side int) {
	k, back := keyOf(from, to)
	ends := [2]endpoint{from, to}
	if back {
		ends, side = [2]endpoint{to, from}, 1
	}
	c = a.connections[k]
	if c != nil && !quoted && c.via[side] != a.frame.via {
		if c.via[side] != 0 {
			a.elsewhere++
			a.frame.tcp = false
			return nil, side
		}
		c.via[side] = a.frame.via
	}
	switch {
	case c == nil && len(a.connections) >= maxConnections:
		a.unfollowed++
		return nil, side
	case c == nil:
		last := len(a.slabs) - 1
		if last < 0 || len(a.slabs[last]) == cap(a.slabs[last]) {
			a.slabs = append(a.slabs, make([]connection, 0, slabLength))
			last++
		}
		a.slabs[last] = append(a.slabs[last], connection{})
		c = &a.slabs[last][len(a.slabs[last])-1]
		c.reset(ends)
		a.connections[k] = c
		if !quoted {
			c.via[side] = a.frame.via
		}
		a.streams++
		a.guess(c, s)
	case !quoted && c.begins(side, s):
		via := c.via
		a.close(c)
		a.gaps.release(c.gaps[0])
		a.gaps.release(c.gaps[1])
		c.reset(ends)
		c.reused, c.via = true, via
		a.streams++
	}
	return c, side
}

// datagram takes apart a datagram of UDP.
func (a *Analysis) datagram(n network, data []byte, length int) {
	const header = 8
	if len(data) < 4 { // the ports
		return
	}
	first := !a.frame.udp
	a.frame.udp = true
	if len(data) < header {
		return
	}
	from, to := binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
	a.headersEnd(data[header:])
	if first && !n.quoted && !a.converse(endpoint{n.from, from}, endpoint{n.to, to}) {
		a.elsewhere++
		a.frame.udp = false
		return
	}
	said := int(binary.BigEndian.Uint16(data[4:]))
	if said == 0 && n.from.Is6() {
		said = length
	}
	if said < header { // as Wireshark, which reads no more of it
		return
	}
	if a.tunnel(n, from, to, data[8:], length-8) {
		return
	}
	if (from == portSSDP || to == portSSDP) && beginsHTTP(data[8:]) {
		a.frame.stream, a.frame.server = nil, endpoint{n.to, to}
		a.discovery(data[8:])
	}
	if from != portDTLS && to != portDTLS {
		a.quic(n, endpoint{n.from, from}, endpoint{n.to, to}, data[8:])
	}
	a.lookup(n, from, to, data[8:], min(length, said)-header)
}
