package traffic

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// made makes packets and has them analysed.
type made struct {
	analysis *Analysis
	now      int64
	number   int64
	packet   []byte
}

func newMade() *made {
	return &made{analysis: NewAnalysis(), now: time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC).UnixNano()}
}

func (m *made) after(d time.Duration) { m.now += int64(d) }

func (m *made) take(link int, data []byte) {
	m.number++
	m.analysis.Take(&Packet{Link: link, Number: m.number, Time: m.now, Data: data, Wire: len(data)})
}

// ip sends a packet of IPv4 without options.
func (m *made) ip(from, to netip.Addr, protocol byte, id, fragment uint16, parts ...[]byte) {
	p := append(m.packet[:0], 0x45, 0, 0, 0, byte(id>>8), byte(id), byte(fragment>>8), byte(fragment), 64, protocol, 0, 0)
	a, b := from.As4(), to.As4()
	p = append(append(p, a[:]...), b[:]...)
	for _, part := range parts {
		p = append(p, part...)
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	m.packet = p
	m.take(linkRaw, p)
}

func (m *made) udp(from, to netip.AddrPort, data []byte) {
	m.ip(from.Addr(), to.Addr(), ipUDP, 0, 0, udpHeader(from, to, len(data)), data)
}

func udpHeader(from, to netip.AddrPort, length int) []byte {
	var h [8]byte
	binary.BigEndian.PutUint16(h[:], from.Port())
	binary.BigEndian.PutUint16(h[2:], to.Port())
	binary.BigEndian.PutUint16(h[4:], uint16(8+length))
	return h[:]
}

func (m *made) tcp(from, to netip.AddrPort, flags uint8, seq, ack uint32, window uint16, data []byte) {
	var h [24]byte
	binary.BigEndian.PutUint16(h[:], from.Port())
	binary.BigEndian.PutUint16(h[2:], to.Port())
	binary.BigEndian.PutUint32(h[4:], seq)
	binary.BigEndian.PutUint32(h[8:], ack)
	h[12], h[13] = 5<<4, flags
	binary.BigEndian.PutUint16(h[14:], window)
	header := h[:20]
	if flags&flagSYN != 0 { // window scale 0
		h[12] = 6 << 4
		h[20], h[21], h[22], h[23] = 3, 3, 0, 1
		header = h[:]
	}
	m.ip(from.Addr(), to.Addr(), ipTCP, 0, 0, header, data)
}

// talk is a connection of TCP: 0 is the client, and 1 the server.
type talk struct {
	*made

	at      [2]netip.AddrPort
	next    [2]uint32
	window  [2]uint16
	far, to time.Duration // round trips to the server and to the client
}

var (
	clientAt = netip.MustParseAddrPort("10.0.0.1:40000")
	serverAt = netip.MustParseAddrPort("10.0.0.2:8000")
)

// joined is a connection of which the handshake was not captured.
func (m *made) joined(client, server netip.AddrPort) *talk {
	return &talk{made: m, at: [2]netip.AddrPort{client, server}, next: [2]uint32{1001, 5001}, window: [2]uint16{60000, 60000}}
}

// dial makes a connection.
func (m *made) dial(client, server netip.AddrPort, toServer, toClient time.Duration) *talk {
	t := m.joined(client, server)
	t.far, t.to = toServer, toClient
	m.tcp(client, server, flagSYN, 1000, 0, 60000, nil)
	m.after(toServer)
	m.tcp(server, client, flagSYN|flagACK, 5000, 1001, 60000, nil)
	m.after(toClient)
	t.ack(0)
	return t
}

// raw sends a segment from any sequence number.
func (t *talk) raw(side int, flags uint8, seq uint32, data []byte) {
	t.tcp(t.at[side], t.at[1-side], flags, seq, t.next[1-side], t.window[side], data)
}

func (t *talk) ack(side int) { t.raw(side, flagACK, t.next[side], nil) }

func (t *talk) text(side int, data []byte) {
	t.raw(side, flagACK|flagPSH, t.next[side], data)
	t.next[side] += uint32(len(data))
}

func (t *talk) data(side, length int) { t.text(side, make([]byte, length)) }

func (t *talk) fin(side int) {
	t.raw(side, flagACK|flagFIN, t.next[side], nil)
	t.next[side]++
}

func (t *talk) reset(side int) { t.raw(side, flagRST|flagACK, t.next[side], nil) }

// lost sends data that the other side never gets, and does not acknowledge.
func (t *talk) lost(side, length int) (seq uint32) {
	seq = t.next[side]
	t.raw(side, flagACK|flagPSH, seq, make([]byte, length))
	return seq
}

const ms = time.Millisecond

// row is a test of one fact: what is played, and what is to be seen.
type row struct {
	name string
	play func(m *made)
	got  func(r *Report) any
	want any
}

func runRows(t *testing.T, rows []row) {
	t.Helper()
	for _, test := range rows {
		t.Run(test.name, func(t *testing.T) {
			m := newMade()
			test.play(m)
			if got := test.got(m.analysis.Finish()); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func netipPort(at netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(at.Addr(), port)
}
