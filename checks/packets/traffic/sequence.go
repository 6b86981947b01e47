package traffic

import (
	"time"

	"github.com/google/gopacket/layers"
)

// Marks are what the sequence numbers of a segment say of it, as Wireshark 4.0's
// TCP analysis has it (the display filters tcp.analysis.*).
type marks uint32

const (
	retransmission     marks = 1 << iota // with fastRetransmission and spurious
	fastRetransmission                   // after two duplicate ACKs, within 20 ms
	spurious                             // of what was acknowledged already
	outOfOrder                           // late, and not sent twice
	duplicateACK
	zeroWindow
	windowFull
	windowUpdate
	zeroWindowProbe
	zeroWindowProbeACK
	keepAlive
	keepAliveACK
	lostSegment    // the segment before was not captured
	lostACKSegment // it acknowledges what was not captured
	reusedPorts
)

// Bounds of the rules, from packet-tcp.c of Wireshark 4.0 as they were measured.
const (
	fastWithin       = int64(20 * time.Millisecond)
	outOfOrderWithin = int64(3 * time.Millisecond) // while the round-trip time is not known
	noWindow         = ^uint32(0)                  // nothing was received yet
	lostACK          = ^uint32(0)                  // of duplicates: an ACK of what was not captured came
)

// sequences is what is remembered of the segments of one direction.
type sequences struct {
	nextSeq     uint32 // the highest that was sent, and one; 0 before the first
	nextSeqTime int64
	lastACK     uint32
	lastACKTime int64
	window      uint32 // as it stands in the header
	duplicates  uint32 // of the last ACK
	maxToACK    uint32 // the end of what was captured without a gap
	base        uint32
	last        marks
	scale       int8 // of the window; -1 is not known
	based       bool
}

func newSequences() sequences { return sequences{window: noWindow, scale: -1} }

// segment is a TCP segment as it is analysed.
type segment struct {
	time     int64 // in nanoseconds
	seq, ack uint32
	length   uint32 // of its data, on the wire
	window   uint16
	flags    uint8
	scale    int8 // of a SYN: that it offers, -1 for none
	id       int32
	options  []layers.TCPOption
}

// Flags of a TCP header.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

func (s *segment) has(flags uint8) bool { return s.flags&flags != 0 }

// end is the sequence number after the segment.
func (s *segment) end() uint32 {
	end := s.seq + s.length
	if s.has(flagSYN | flagFIN) {
		end++
	}
	return end
}

// before compares sequence numbers, which wrap around (RFC 9293, section 3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }

// mark tells what the sequence numbers of a segment say, and remembers them. The
// round-trip time is that of the handshake, 0 when it is not known. The order of
// the rules matters.
func mark(fwd, rev *sequences, s *segment, rtt int64) marks {
	if !fwd.based {
		fwd.base, fwd.based = s.seq, true
		if !s.has(flagSYN) {
			fwd.base--
		}
	}
	if !rev.based && s.has(flagACK) {
		rev.base, rev.based = s.ack-1, true
	}
	m := markWindow(fwd, rev, s)
	if s.ack != fwd.lastACK {
		fwd.duplicates = 0
	}
	m |= markACK(rev, s)
	if (s.length > 0 || s.has(flagSYN|flagFIN)) && m&keepAlive == 0 {
		m |= markRepeated(fwd, rev, s, rtt)
	}
	fwd.remember(s, m)
	return m
}

// markWindow tells what is said of the windows, and without data.
func markWindow(fwd, rev *sequences, s *segment) marks {
	if s.length == 1 && s.seq == fwd.nextSeq && rev.window == 0 {
		return zeroWindowProbe
	}
	var m marks
	plain := !s.has(flagSYN | flagFIN | flagRST)
	if s.window == 0 && plain {
		m |= zeroWindow
	}
	if fwd.nextSeq != 0 && before(fwd.nextSeq, s.seq) && !s.has(flagRST) {
		m |= lostSegment
	}
	if !plain {
		return m
	}
	if s.length <= 1 && s.seq == fwd.nextSeq-1 {
		m |= keepAlive
	}
	if s.length > 0 && rev.scale >= 0 && rev.window != noWindow && s.seq+s.length == rev.lastACK+rev.window<<rev.scale {
		m |= windowFull
	}
	if s.length > 0 || s.seq != fwd.nextSeq || s.ack != fwd.lastACK {
		return m
	}
	return m | markRepeatedACK(fwd, rev, s)
}

// markRepeatedACK is about an ACK without data that acknowledges no more than the
// one before.
func markRepeatedACK(fwd, rev *sequences, s *segment) marks {
	same := uint32(s.window) == fwd.window
	switch {
	case s.window != 0 && !same:
		return windowUpdate
	case s.window != 0 && rev.last&keepAlive != 0:
		return keepAliveACK
	case s.window == 0 && same && rev.last&zeroWindowProbe != 0:
		return zeroWindowProbeACK
	case s.window != 0:
		if fwd.duplicates == lostACK {
			fwd.duplicates = 0
		}
		fwd.duplicates++
		return duplicateACK
	}
	return 0
}

// markACK tells whether what is acknowledged was captured.
func markACK(rev *sequences, s *segment) marks {
	if rev.maxToACK == 0 || !before(rev.maxToACK, s.ack) || !s.has(flagACK) {
		return 0
	}
	if before(rev.maxToACK, rev.nextSeq) {
		rev.maxToACK = rev.nextSeq
		return lostACKSegment
	}
	first := rev.duplicates == 0
	rev.duplicates = lostACK
	if first {
		return lostACKSegment
	}
	return 0
}

// markRepeated tells whether data was sent before.
func markRepeated(fwd, rev *sequences, s *segment, rtt int64) marks {
	if s.length > 0 && rev.lastACK != 0 && !before(rev.lastACK, s.seq+s.length) {
		return retransmission | spurious
	}
	advances := fwd.nextSeq == 0 || !before(s.seq, fwd.nextSeq) || s.length > 1 && s.seq == fwd.nextSeq-1
	if advances {
		return 0
	}
	if rev.duplicates >= 2 && rev.lastACK == s.seq && within(s.time-rev.lastACKTime, fastWithin) {
		return retransmission | fastRetransmission
	}
	late := outOfOrderWithin
	if rtt > 0 {
		late = rtt
	}
	if within(s.time-fwd.nextSeqTime, late) && fwd.nextSeq != s.end() {
		return outOfOrder
	}
	return retransmission
}

// within tells whether a time is less than another. A time that went back, as it
// does by microseconds where several processors captured, is not: Wireshark reckons
// without a sign.
func within(elapsed, bound int64) bool { return uint64(elapsed) < uint64(bound) }

func (q *sequences) remember(s *segment, m marks) {
	if m&zeroWindowProbe == 0 {
		if end := s.end(); q.nextSeq == 0 || before(q.nextSeq, end) {
			q.nextSeq, q.nextSeqTime = end, s.time
		}
		if q.maxToACK == 0 || s.seq == q.maxToACK {
			q.maxToACK = q.nextSeq
		}
	}
	q.window, q.lastACK, q.lastACKTime, q.last = uint32(s.window), s.ack, s.time, m
}
