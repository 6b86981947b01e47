package traffic

import (
	"encoding/binary"
	"slices"
	"unsafe"
)

// Bounds of what is kept of the data of connections.
const (
	maxStreams = 1 << 14 // connections whose data is looked into
	maxKept    = 8 << 10 // of a message that is not complete, in bytes
	maxAllKept = 3 << 20 // of all of them
	maxAsked   = 8       // requests of HTTP that were sent before a response, on one connection
)

// protocol is what is spoken on a connection.
type protocol uint8

const (
	undecided protocol = iota
	noneOfOurs
	overTLS
	overHTTP
	overDNS
)

func (p protocol) String() string {
	switch p {
	case overTLS:
		return "tls"
	case overHTTP:
		return "http"
	case overDNS:
		return "dns"
	case undecided, noneOfOurs:
	}
	return ""
}

// stream is the data of a connection.
type stream struct {
	protocol protocol
	inside   bool   // of what is spoken with another, through a proxy
	silent   bool   // what is spoken is none of ours, whatever it looks like
	spoke    bool   // somebody said what is none of ours
	method   method // of the last request
	asked    uint8  // how many requests were not answered yet
	hello    uint8  // who said hello, of TLS
	tls13    bool   // the server says so
	tlsKnown bool   // it is less

	helloFrom uint8           // the side that said it last, from 1
	ciphers   [2]int64        // the frames behind which the client's and the server's handshake is encrypted
	begun     [maxAsked]int64 // when requests were sent that were not answered yet, the oldest first
	sides     [2]reader
}

// reader puts the data of one direction together.
type reader struct {
	progress // of what is read just now

	next    uint32 // sequence number
	started bool
	ended   bool  // with the FIN, if something lasted until then
	pdus    []pdu // that go on in several segments, or did
	tls     tlsReader
}

// data takes the payload of a segment. Less of it than its length says may have been
// captured.
func (a *Analysis) data(c *connection, side int, s *segment, payload []byte, m marks) {
	if s.length == 0 && !s.has(flagFIN) || s.has(flagRST) {
		return
	}
	payload = payload[:min(len(payload), int(s.length))]
	again := m&retransmission != 0 && m&fastRetransmission == 0
	if again = again && (len(payload) == int(s.length) || m&spurious == 0); again && !s.has(flagFIN) {
		return
	}
	if c.stream == nil && (again || s.length == 0 || !a.openStream(c)) {
		return
	}
	in := incoming{side: side, seq: s.seq, data: payload, fin: s.has(flagFIN), partial: len(payload) < int(s.length), missing: int(s.length) - len(payload)}
	if s.has(flagSYN) {
		in.seq++
	}
	in.quiet = m&(outOfOrder|keepAlive) != 0 || again && m&spurious == 0
	a.take(c, &in, s, again)
}

// take takes a segment, or what was captured of it.
func (a *Analysis) take(c *connection, in *incoming, s *segment, again bool) {
	side := in.side
	x, r := c.stream, &c.stream.sides[side]
	if r.passes(in, a.frame.number) {
		return
	}
	if c.client < 0 && x.protocol == undecided {
		c.client = clientOf(side, in.data)
	}
	serves := c.server()
	a.frame.stream, a.frame.side, a.frame.byServer, a.frame.server = x, side, side == serves, c.ends[serves]
	if c.ends[serves].port == portFTP && !in.quiet && !again {
		a.ftp(c.ends[side], in.data)
	}
	r.reach(x, in.seq, s.length, c.sides[side].base+1)
	had := r.keeps()
	switch {
	case in.fin && !in.partial && a.ended(x, *in):
	case again:
	case in.partial:
		a.fresh(c, x, *in)
	default:
		a.reassemble(c, x, *in)
	}
	if x.protocol == overHTTP && side == serves && x.asked == 0 && r.idle(r.next) {
		c.turns.answered(s.time)
	}
	if in.fin {
		r.pdus = slices.DeleteFunc(r.pdus, func(p pdu) bool { return p.whole })
	}
	a.kept += r.keeps() - had
	if a.kept > maxAllKept {
		a.keptDropped++
		a.release(x)
	}
}

// openStream has the data of a connection looked into, unless that of too many is.
func (a *Analysis) openStream(c *connection) bool {
	if a.streamsOpen >= maxStreams {
		a.streamsClosed++
		return false
	}
	a.streamsOpen++
	c.stream = &stream{}
	return true
}

// reach notes how far the data of a direction came, of which the first is known. When
// some is missing, which response belongs to which request is not known any more.
func (r *reader) reach(x *stream, seq, length, first uint32) {
	if !r.started && seq != first || r.started && before(r.next, seq) {
		x.asked = 0
	}
	if end := seq + length; !r.started || before(r.next, end) {
		r.started, r.next = true, end
	}
}

// read reads data, up to the end of a segment or of a message.
func (a *Analysis) read(c *connection, x *stream, in *incoming) {
	r := &x.sides[in.side]
	switch x.protocol {
	case overTLS:
		a.readTLS(c, x, in)
	case overHTTP:
		a.readHTTP(x, in)
	case overDNS:
		a.readDNS(c, r, in)
	case undecided, noneOfOurs:
	}
}

// missing tells what is missing of the message that is read.
func (r *reader) missing(spoken protocol) wants {
	switch {
	case spoken == overHTTP:
		return r.missingHTTP()
	case spoken != overTLS && spoken != overDNS:
	case r.skip > 0:
		return wants{bytes: uint32(r.skip)}
	case len(r.kept) == 0:
	case spoken == overTLS:
		return r.missingOf(recordHeader, 3)
	default:
		return r.missingOf(0, 0)
	}
	return wants{}
}

// missingOf tells what is missing of a message behind its length, which stands at an
// offset of a header.
func (r *reader) missingOf(header, at int) wants {
	if len(r.kept) < max(header, at+2) {
		return wants{segment: true}
	}
	return wants{bytes: uint32(max(header, at+2) + int(binary.BigEndian.Uint16(r.kept[at:])) - len(r.kept))}
}

// release forgets what is kept of the data of a connection.
func (a *Analysis) release(x *stream) {
	for i := range x.sides {
		r := &x.sides[i]
		a.kept -= r.keeps()
		r.progress, r.pdus = progress{}, nil
		r.tls.inside, r.tls.message = 0, nil
	}
}

// keeps is how many bytes are kept.
func (r *reader) keeps() int {
	n := cap(r.kept) + cap(r.tls.message) + cap(r.pdus)*int(unsafe.Sizeof(pdu{}))
	for i := range r.pdus {
		p := &r.pdus[i]
		n += cap(p.kept) + cap(p.ahead)*int(unsafe.Sizeof(part{}))
		for _, ahead := range p.ahead {
			n += cap(ahead.data)
		}
	}
	return n
}

// clear begins with another message.
func (r *reader) clear() { r.progress = progress{kept: r.kept[:0]} }

// took counts what was read of a message, until it is whole.
func (r *reader) took(n int, spoken protocol) {
	if r.size += uint32(n); r.missing(spoken) == (wants{}) {
		r.size = 0
	}
}

// clientOf tells who is the client by what a side sends first: a ClientHello, or
// HTTP. It is -1 when that does not show.
func clientOf(side int, data []byte) int8 {
	const helloAt = recordHeader
	switch {
	case beginsTLS(data) && data[0] == recordHandshake && len(data) > helloAt && data[helloAt] == handshakeClientHello, beginsRequest(data):
		return int8(side)
	case beginsTLS(data) && data[0] == recordHandshake && len(data) > helloAt && data[helloAt] == handshakeServerHello, beginsResponse(data):
		return int8(1 - side)
	}
	return -1
}

// take moves data behind what is kept, until there are so many bytes. It gives the
// rest of the data, and whether there are.
func (r *reader) take(data []byte, want int) (rest []byte, whole bool) {
	n := min(max(0, want-len(r.kept)), len(data))
	r.kept = append(r.kept, data[:n]...)
	return data[n:], len(r.kept) >= want
}

// readDNS reads messages that stand behind their lengths (RFC 1035, 4.2.2).
func (a *Analysis) readDNS(c *connection, r *reader, in *incoming) {
	for data := in.data; len(data) > 0; {
		before := len(data)
		data = a.dnsPiece(c, r, in.side, data)
		r.took(before-len(data), overDNS)
	}
	if in.partial && len(r.kept) > 2 {
		a.dnsMessage(c, r, in.side, true)
	}
}

func (a *Analysis) dnsPiece(c *connection, r *reader, side int, data []byte) (rest []byte) {
	if r.skip > 0 {
		n := min(r.skip, len(data))
		r.skip -= n
		return data[n:]
	}
	var whole bool
	if data, whole = r.take(data, 2); !whole {
		return data
	}
	length := int(binary.BigEndian.Uint16(r.kept))
	if data, whole = r.take(data, 2+min(length, maxKept)); !whole {
		return data
	}
	a.dnsMessage(c, r, side, false)
	r.skip, r.kept = max(0, length-maxKept), r.kept[:0]
	return data
}

func (a *Analysis) dnsMessage(c *connection, r *reader, side int, cut bool) {
	if m, ok := parseMessage(r.kept[2:]); ok {
		m.cut = cut
		a.takeMessage(c.ends[side], c.ends[1-side], m, false)
	}
}
