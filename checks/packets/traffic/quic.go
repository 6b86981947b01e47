package traffic

import (
	"encoding/binary"
	"slices"
)

// Bounds of what is kept of QUIC connections that have not said hello.
const (
	maxQUIC     = 4096 // connections
	maxQUICOpen = 128  // of which something is kept
	maxCrypto   = 8 << 10
	maxPieces   = 64
)

// Versions of QUIC whose first packets can be read: their keys are known to all.
const (
	quic1       = 1          // RFC 9000
	quic2       = 0x6b3343cf // RFC 9369
	quicDraft29 = 0xff00001d
)

// quicConnection is what was put together of the hellos of a connection.
type quicConnection struct {
	client endpoint
	keys   [2]*quicKeys // of the client, and of the server
	said   [2]cryptoStream
}

// cryptoStream is a handshake that comes in pieces, in any order.
type cryptoStream struct {
	pieces [][2]int // from and to, of data
	data   []byte
	done   bool
}

// quic looks for handshakes in a datagram of QUIC.
func (a *Analysis) quic(n network, from, to endpoint, data []byte) {
	for len(data) >= 7 && data[0]&0xc0 == 0xc0 {
		version := binary.BigEndian.Uint32(data[1:])
		if version != quic1 && version != quic2 && version != quicDraft29 {
			return
		}
		p, ok := parseInitial(data, version)
		if p.retry && !n.quoted {
			a.retried(from, to)
		}
		if !ok {
			return
		}
		if p.initial && !n.quoted {
			a.initial(from, to, version, p)
		}
		data = data[p.end:]
	}
}

// quicPacket is a packet with a long header.
type quicPacket struct {
	initial     bool
	retry       bool
	destination []byte // its connection's name
	number      int    // where the packet's number is
	end         int
	data        []byte
}

// parseInitial reads a long header (RFC 9000, section 17.2).
func parseInitial(data []byte, version uint32) (p quicPacket, ok bool) {
	kind := data[0] >> 4 & 3
	if version == quic2 {
		kind = (kind + 3) & 3
	}
	const initial, retry = 0, 3
	at := 5
	var names [2][]byte
	for i := range names {
		if at >= len(data) || data[at] > 20 || at+1+int(data[at]) > len(data) {
			return p, false
		}
		names[i] = data[at+1 : at+1+int(data[at])]
		at += 1 + int(data[at])
	}
	if kind == retry {
		p.retry = true
		return p, false
	}
	if kind == initial {
		token, size := varint(data[at:])
		if size == 0 || token > uint64(len(data)) {
			return p, false
		}
		at += size + int(token)
	}
	if at > len(data) {
		return p, false
	}
	length, size := varint(data[at:])
	at += size
	if size == 0 || length > uint64(len(data)-at) {
		return p, false
	}
	end := at + int(length)
	return quicPacket{initial: kind == initial, destination: names[0], number: at, end: end, data: data[:end]}, true
}

// varint reads a number; the size is 0 when it is not there.
func varint(data []byte) (n uint64, size int) {
	if len(data) == 0 {
		return 0, 0
	}
	size = 1 << (data[0] >> 6)
	if len(data) < size {
		return 0, 0
	}
	n = uint64(data[0] & 0x3f)
	for _, b := range data[1:size] {
		n = n<<8 | uint64(b)
	}
	return n, size
}

// initial opens a first packet and takes what it says of the handshake.
func (a *Analysis) initial(from, to endpoint, version uint32, p quicPacket) {
	k, _ := keyOf(from, to)
	c := a.quics[k]
	if c == nil {
		if len(a.quics) >= maxQUIC {
			a.quicsDropped++
			return
		}
		if a.quics == nil {
			a.quics = map[key]*quicConnection{}
		}
		c = &quicConnection{client: from}
		a.quics[k] = c
		a.quicOpens(c)
	}
	side := 0
	if from != c.client {
		side = 1
	}
	if side == 0 && c.keys[0] == nil && !c.said[1].done { // after a Retry, too
		c.keys = initialKeys(version, p.destination)
	}
	if c.said[side].done {
		return
	}
	for again := range 2 {
		if c.keys[0] == nil || again == 1 { // a Retry has given the connection another name
			if side == 1 {
				return
			}
			c.keys = initialKeys(version, p.destination)
		}
		if plain, ok := c.keys[side].open(p); ok {
			c.said[side].frames(plain)
			break
		}
	}
	if hello := c.said[side].hello(); hello != nil {
		a.frame.stream, a.frame.byServer, a.frame.server = nil, side == 1, to
		if side == 1 {
			a.frame.server = from
		}
		a.handshake(hello[0], hello[4:])
		c.said[side] = cryptoStream{done: true}
		if c.said[0].done && c.said[1].done {
			c.keys = [2]*quicKeys{}
		}
	}
}

// retried notes that the server has the client begin again, with other keys: the
// connection gets another name (RFC 9001, section 5.2).
func (a *Analysis) retried(from, to endpoint) {
	k, _ := keyOf(from, to)
	if c := a.quics[k]; c != nil && from != c.client {
		c.keys = [2]*quicKeys{}
	}
}

// quicOpens makes room for a connection: of the oldest that is still open nothing is
// kept any more.
func (a *Analysis) quicOpens(c *quicConnection) {
	oldest := &a.quicRing[a.quicNext]
	a.quicNext = (a.quicNext + 1) % maxQUICOpen
	if o := *oldest; o != nil && !o.said[0].done { // all but the server's hello is there, mostly
		a.quicsDropped++
	}
	if o := *oldest; o != nil {
		o.keys, o.said = [2]*quicKeys{}, [2]cryptoStream{{done: true}, {done: true}}
	}
	*oldest = c
}

// frames takes the pieces of the handshake from an opened packet (RFC 9000, section
// 19). What else a first packet may hold is passed over.
func (s *cryptoStream) frames(data []byte) {
	for len(data) > 0 {
		kind := data[0]
		data = data[1:]
		switch kind {
		case 0, 1: // padding, ping
		case 2, 3: // acknowledgements
			if data = acknowledgement(data, kind == 3); data == nil {
				return
			}
		case 6:
			offset, n := varint(data)
			length, m := varint(data[min(n, len(data)):])
			if n == 0 || m == 0 || length > uint64(len(data)-n-m) {
				return
			}
			s.add(offset, data[n+m:n+m+int(length)])
			data = data[n+m+int(length):]
		default:
			return
		}
	}
}

func acknowledgement(data []byte, congestion bool) (rest []byte) {
	next := func() (v uint64, ok bool) {
		v, n := varint(data)
		data = data[n:]
		return v, n > 0
	}
	if _, ok := next(); !ok { // the largest
		return nil
	}
	next() // the delay
	ranges, _ := next()
	numbers := 1 + 2*min(ranges, 1000)
	if congestion {
		numbers += 3
	}
	for range numbers {
		if _, ok := next(); !ok {
			return nil
		}
	}
	return data
}

func (s *cryptoStream) add(offset uint64, piece []byte) {
	if s.done || offset+uint64(len(piece)) > maxCrypto || len(s.pieces) >= maxPieces {
		return
	}
	end := int(offset) + len(piece)
	if end > len(s.data) {
		s.data = append(s.data, make([]byte, end-len(s.data))...)
	}
	copy(s.data[offset:], piece)
	s.pieces = append(s.pieces, [2]int{int(offset), end})
}

// hello is the first handshake message, when it is whole.
func (s *cryptoStream) hello() []byte {
	slices.SortFunc(s.pieces, func(a, b [2]int) int { return a[0] - b[0] })
	reach := 0
	for _, piece := range s.pieces {
		if piece[0] > reach {
			break
		}
		reach = max(reach, piece[1])
	}
	if reach < 4 {
		return nil
	}
	length := 4 + (int(s.data[1])<<16 | int(s.data[2])<<8 | int(s.data[3]))
	if length > reach {
		return nil
	}
	return s.data[:length]
}
