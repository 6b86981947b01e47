package traffic

import "unsafe"

// maxConnections bounds how many TCP connections are followed.
const maxConnections = 1 << 16

// slabLength is how many are allocated at a time: up to 32 KiB, as allocations beyond
// that are rounded up to pages.
const slabLength = 32 << 10 / unsafe.Sizeof(connection{})

// connection is one TCP connection, or what is left of one in a capture. The
// first endpoint is that of the key.
type connection struct {
	ends                       [2]endpoint
	sides                      [2]sequences // what was sent by each end
	client                     int8         // which end sent a SYN first, or asks as a client does; -1 is not known
	seen                       uint8        // of the handshake and after
	told                       uint8        // of what was seen, by the first segment in each frame
	stage, earlier             uint8        // tcp.completeness, with the last segment and before it
	synTime                    int64        // of the last SYN
	backTime                   int64        // of the first SYN-ACK
	rtt                        int64        // from the SYN to the ACK that ends the handshake; 0 is not known
	rttSeen                    bool         // a segment told it, by all of its header
	packets                    [2]uint32
	frames                     [2]uint64 // bytes of them, on the wire
	bytes                      [2]uint64 // of data
	data                       [2]uint32 // segments with data, SYN or FIN: those that can be sent again
	resets                     [2]uint32
	retransmitted, zeroWindows [2]uint32
	reused                     bool  // its first segment has not been marked yet
	ended                      uint8 // which sides sent a FIN
	aborted                    int8  // which side reset it while it was open; -1 for none
	stream                     *stream
	via                        [2]uint16 // the interface that each side's packets count on

	synNumber int64 // of the frame with the last SYN
	firstTime int64
	lastFrom  [2]int64 // when each end sent its last segment; 0 is never
	turns     turns
	waits     waits
	sizes     [2]sizes
	losses    [2]losses
	gaps      [2]*gaps // nil for none
}

// What was seen of a connection.
const (
	sawSYN = 1 << iota
	sawSYNACK
	sawACK
	sawRefusal // a RST in answer to a SYN
	sawOther   // neither SYN nor RST
	sawReset   // a RST, of either side, after a SYN and before a SYN-ACK
)

// counts are numbers of segments by what was marked.
type counts struct {
	retransmitted, fast, spurious, outOfOrder, duplicateACK, zeroWindow, windowFull, keepAlive, lost, lostACK, reused uint32
}

func (c *counts) add(m marks) {
	if m == 0 {
		return
	}
	for _, count := range [...]struct {
		is marks
		n  *uint32
	}{
		{retransmission, &c.retransmitted}, {fastRetransmission, &c.fast}, {spurious, &c.spurious}, {outOfOrder, &c.outOfOrder},
		{duplicateACK, &c.duplicateACK}, {zeroWindow, &c.zeroWindow}, {windowFull, &c.windowFull}, {keepAlive, &c.keepAlive},
		{lostSegment, &c.lost}, {lostACKSegment, &c.lostACK}, {reusedPorts, &c.reused},
	} {
		if m&count.is != 0 {
			*count.n++
		}
	}
}

// reset begins the connection anew: its ports are used again.
func (c *connection) reset(ends [2]endpoint) {
	*c = connection{ends: ends, sides: [2]sequences{newSequences(), newSequences()}, client: -1, aborted: -1, losses: [2]losses{{id: -1}, {id: -1}}}
}

// begins tells whether a segment is the first of another connection between the
// same ports, and lets a SYN that is sent again count as such.
func (c *connection) begins(side int, s *segment) bool {
	fwd := &c.sides[side]
	if !fwd.based || s.flags&(flagSYN|flagACK) != flagSYN {
		return false
	}
	if fwd.base == s.seq {
		fwd.nextSeq = fwd.maxToACK
		return false
	}
	return true
}

// take analyses a segment that one side sent.
func (c *connection) take(store *gapStore, number int64, side int, s *segment) marks {
	fwd, rev := &c.sides[side], &c.sides[1-side]
	var m marks
	if s.flags&(flagSYN|flagACK) == flagSYN|flagACK && fwd.based && fwd.base != s.seq {
		fwd.base = s.seq
		m |= reusedPorts
	}
	if s.has(flagSYN) {
		fwd.scale = max(s.scale, 0)
	}
	next, acknowledged := fwd.nextSeq, fwd.lastACK
	m |= mark(fwd, rev, s, c.rtt)
	c.takeLoss(store, number, side, s, m, next)
	c.cameTwice(side, s, next, acknowledged)
	c.note(side, s)
	c.packets[side]++
	c.bytes[side] += uint64(s.length)
	if s.length > 0 || s.has(flagSYN|flagFIN) {
		c.data[side]++
	}
	if m&retransmission != 0 {
		c.retransmitted[side]++
	}
	if m&zeroWindow != 0 {
		c.zeroWindows[side]++
	}
	return m
}

// note remembers how far the connection came.
func (c *connection) note(side int, s *segment) {
	switch s.flags & (flagSYN | flagACK) {
	case flagSYN:
		c.seen |= sawSYN
		c.synTime = s.time
		if c.client < 0 {
			c.client = int8(side)
		}
	case flagSYN | flagACK:
		if c.seen&sawSYNACK == 0 {
			c.backTime = s.time
		}
		c.seen |= sawSYNACK
		if c.client < 0 {
			c.client = int8(1 - side)
		}
	case flagACK:
		if c.synTime != 0 && c.rtt == 0 {
			c.rtt = s.time - c.synTime
		}
		c.seen |= sawACK
	}
	switch {
	case s.has(flagRST):
		c.resets[side]++
		if c.aborted < 0 && c.seen&sawOther != 0 && !c.over(side) {
			c.aborted = int8(side)
		}
		if c.seen&(sawSYN|sawSYNACK|sawOther) == sawSYN && side != int(c.client) {
			c.seen |= sawRefusal
		}
	case !s.has(flagSYN):
		c.seen |= sawOther
	}
	if s.has(flagFIN) {
		c.ended |= 1 << side
	}
}

// over tells whether a reset cuts nothing off: the other side has ended, and no
// response is due from the one that resets.
func (c *connection) over(side int) bool {
	return c.ended>>(1-side)&1 == 1 && (c.ended>>side&1 == 1 || side != c.server() || c.turns.phase != requested)
}

// lastTime is when the last segment came; 0 is never.
func (c *connection) lastTime() int64 { return max(c.lastFrom[0], c.lastFrom[1]) }

// server is which end serves: that which did not send the SYN or, when none was
// seen and nothing else tells, that with the lower port, as clients have theirs from
// a high range.
func (c *connection) server() int {
	switch {
	case c.client >= 0:
		return 1 - int(c.client)
	case c.ends[0].port < c.ends[1].port:
		return 0
	}
	return 1
}

// refused: a SYN was answered by a reset.
func (c *connection) refused() bool { return c.seen&sawRefusal != 0 }

// unanswered: nothing came back to a SYN.
func (c *connection) unanswered() bool {
	return c.seen&(sawSYN|sawSYNACK|sawRefusal|sawOther) == sawSYN
}

// asReference tells refused and unanswered as the reference counts have it: by
// any reset after a SYN, whoever sent it, and by what is only quoted.
func (c *connection) asReference() (refused, unanswered bool) {
	return c.told&sawReset != 0, c.told&(sawSYN|sawSYNACK|sawReset|sawOther) == sawSYN
}

// tell notes what the reference counts by.
func (c *connection) tell(flags uint8) {
	if flags&(flagSYN|flagRST) == 0 {
		c.told |= sawOther
		return
	}
	c.tellEnds(flags)
}

func (c *connection) tellEnds(flags uint8) {
	switch flags & (flagSYN | flagACK) {
	case flagSYN:
		c.told |= sawSYN
	case flagSYN | flagACK:
		c.told |= sawSYNACK
	}
	if flags&flagRST != 0 && c.told&(sawSYN|sawSYNACK) == sawSYN {
		c.told |= sawReset
	}
}

// Bits of tcp.completeness.
const (
	stageSYN = 1 << iota
	stageSYNACK
	stageACK
	stageData
)

// advance notes how complete Wireshark takes the connection for. A SYN counts only as
// the first of its segments, and an ACK without data.
func (c *connection) advance(s *segment, first bool) {
	c.earlier = c.stage
	switch {
	case first || s.flags&flagSYN != 0:
		c.advanceSYN(s, first)
	case s.flags&flagACK == 0:
	case s.length > 0:
		c.stage |= stageData
	default:
		c.stage |= stageACK
	}
}

func (c *connection) advanceSYN(s *segment, first bool) {
	switch flags := s.flags & (flagSYN | flagACK); {
	case first && flags == flagSYN:
		c.stage |= stageSYN
	case !first && flags == flagSYN|flagACK:
		c.stage |= stageSYNACK
	}
	if c.reused {
		c.earlier = stageSYN
	}
}

// complete: the whole handshake was seen.
func (c *connection) complete() bool {
	const handshake = sawSYN | sawSYNACK | sawACK
	return c.seen&handshake == handshake
}
