package traffic

import (
	"net/netip"
	"time"
)

// Bounds of what counts as a black hole.
const (
	stuckTimes  = 3                             // that the same segment was sent again
	stuckLength = 1000                          // bytes of data: every link carries less (RFC 8200 has 1280 with the headers)
	stuckFor    = int64(500 * time.Millisecond) // so that a segment that was captured in many places is not one
	maxStuck    = 4096                          // segments that are watched
	missingFor  = int64(2 * time.Second)        // in which what is missing is sent again three times (RFC 6298 doubles the wait)
)

// sizes are what is known of which lengths of segments come through in one
// direction. Where routers drop what is too large and say nothing, small segments
// are acknowledged and large ones are sent again for ever (RFC 2923, section 2.1).
type sizes struct {
	acknowledged   uint32 // the length of the largest that came through
	longest        uint32 // that of a larger one that was sent; 0 for none
	longestFrom    uint32 // its sequence number
	stuck          *stuck // a segment that is sent again
	shrunk, hidden bool   // it came through in smaller parts; there was no room to watch it
}

// stuck is a segment that is sent again and again.
type stuck struct {
	seq, length, smaller uint32 // smaller is the length in which it is sent now; 0 for the same
	times                uint8
	proven               bool  // the receiver said that what came behind it has come through
	since, last          int64 // when it was sent again first and last
	numbers, at          [stuckTimes + 1]int64
}

func (z *stuck) long() bool {
	return z != nil && z.times >= stuckTimes && z.last-z.since >= stuckFor
}

// takeSizes notes the length of a segment, and what it acknowledges.
func (a *Analysis) takeSizes(c *connection, side int, s *segment, m marks) {
	if s.has(flagACK) && !s.has(flagRST) {
		a.comesThrough(&c.sizes[1-side], s.ack)
	}
	if s.length <= 1 || m&(spurious|keepAlive|zeroWindowProbe|outOfOrder) != 0 {
		return
	}
	own := &c.sizes[side]
	if m&retransmission == 0 {
		if s.length > own.acknowledged && own.longest == 0 {
			own.longest, own.longestFrom = s.length, s.seq
		}
		return
	}
	if s.seq == own.longestFrom && own.longest > 0 {
		own.longest = min(own.longest, s.length) // what came before may have been many for one
	}
	if c.room(1-side) < s.length {
		return // the receiver has no room for it
	}
	a.sentAgain(c, side, s)
}

// room is how much the window of a side takes.
func (c *connection) room(side int) uint32 {
	q := &c.sides[side]
	switch {
	case q.window == noWindow || q.window == 0:
		return 0
	case q.scale < 0: // it is not known by how much more
		return maxDatagram
	}
	return q.window << q.scale
}

func (a *Analysis) sentAgain(c *connection, side int, s *segment) {
	own, f := &c.sizes[side], &a.frame
	z := own.stuck
	switch {
	case own.shrunk:
		return
	case z == nil && (s.length < stuckLength || s.length <= own.acknowledged):
		return
	case z == nil:
		if a.stuck >= maxStuck {
			if !own.hidden {
				own.hidden = true
				a.stuckDropped++
			}
			return
		}
		a.stuck++
		z = &stuck{}
		own.stuck = z
		fallthrough
	case before(z.seq, s.seq) && z.times > 0:
		return // the first of them is watched
	case s.seq != z.seq || z.times == 0:
		proven := c.sides[1-side].duplicates > 0 && c.sides[1-side].lastACK == s.seq
		*z = stuck{seq: s.seq, length: s.length, since: s.time, proven: proven}
	case s.length < z.length:
		z.smaller = s.length
		return
	}
	i := min(z.times, stuckTimes)
	z.numbers[i], z.at[i] = f.number, f.time
	z.times, z.last = i+1, s.time
}

// comesThrough notes that all before a sequence number was received.
func (a *Analysis) comesThrough(z *sizes, ack uint32) {
	if z.longest > 0 && !before(ack, z.longestFrom+z.longest) {
		z.acknowledged, z.longest = max(z.acknowledged, z.longest), 0
	}
	if z.stuck == nil || z.shrunk || !before(z.stuck.seq, ack) {
		return
	}
	if z.stuck.smaller > 0 && z.stuck.long() && z.stuck.length > z.acknowledged {
		z.shrunk = true // the sender has found out by itself (RFC 4821)
		return
	}
	if z.stuck.smaller == 0 {
		z.acknowledged = max(z.acknowledged, z.stuck.length)
	}
	z.stuck = nil
	a.stuck--
}

// holed tells in which direction a black hole shows; -1 for none. A segment that is
// stuck until the end is no proof: its receiver may have died. So it has to have
// sent something since then, on this connection or another.
func (a *Analysis) holed(c *connection) int {
	for side := range c.sizes {
		z := &c.sizes[side]
		switch {
		case z.shrunk:
			return side
		case !z.stuck.long() || z.stuck.length <= z.acknowledged || c.room(1-side) < z.stuck.length:
		case z.stuck.proven, c.lastFrom[1-side] > z.stuck.since, a.heardFrom(c.ends[1-side].address) > z.stuck.since:
			return side
		}
	}
	return -1
}

// heardFrom is when an address has sent something last, of what was kept; 0 is
// never. It is known at the end alone.
func (a *Analysis) heardFrom(address netip.Addr) int64 { return a.heard[address] }

// hear notes who has sent something when, when it is needed.
func (a *Analysis) hear() {
	if a.stuck == 0 && a.gaps.made == len(a.gaps.unused) {
		return
	}
	a.heard = map[netip.Addr]int64{}
	for _, slab := range a.slabs { // whose word is asked for
		for i := range slab {
			for side := range slab[i].sizes {
				if slab[i].sizes[side].stuck.long() {
					a.heard[slab[i].ends[1-side].address] = 0
				}
				if slab[i].gaps[side] != nil {
					a.heard[slab[i].ends[side].address] = 0
				}
			}
		}
	}
	note := func(who netip.Addr, when int64) {
		if last, is := a.heard[who]; is && when > last {
			a.heard[who] = when
		}
	}
	for _, slab := range a.slabs {
		for i := range slab {
			for side := range slab[i].ends {
				note(slab[i].ends[side].address, slab[i].lastFrom[side])
			}
		}
	}
	for _, c := range a.inOrder {
		for side := range c.ends {
			note(c.ends[side].address, c.lastFrom[side])
		}
	}
}

// missing tells in which direction a black hole shows that lies before where the packets
// are captured; -1 for none. A small segment came through and the large one before
// it never did, though its receiver asks for it and its sender lives.
func (a *Analysis) missing(c *connection) int {
	for side, g := range c.gaps {
		if g == nil || g.n == 0 || c.sizes[side].acknowledged >= stuckLength {
			continue
		}
		one, receiver := &g.open[0], &c.sides[1-side]
		asked := receiver.lastACK == one.from && receiver.lastACKTime >= one.since
		if one.to-one.from >= stuckLength && asked && a.heardFrom(c.ends[side].address)-one.since >= missingFor {
			return side
		}
	}
	return -1
}

// noteMissing notes the packets before which one is missing for good.
func (a *Analysis) noteMissing(c *connection, side int) {
	to := c.ends[c.server()]
	text := "large segments to the server never come this far, and small ones do: a link before this point drops what is too large and nobody says so"
	byServer := side == c.server()
	if byServer {
		text = "large segments from the server never come this far, and small ones do: a link before this point drops what is too large and nobody says so"
	}
	one := &c.gaps[side].open[0]
	a.noteAt(subject{kind: KindBlackHole, byServer: byServer, to: to}, text, one.number, one.since)
}

// noteHole notes the packets that show a black hole.
func (a *Analysis) noteHole(c *connection, side int) {
	z := c.sizes[side].stuck
	to := c.ends[c.server()]
	text := "large segments to the server are sent again and again and never acknowledged, though it is there: a link on the way drops what is too large and nobody says so"
	byServer := side == c.server()
	if byServer {
		text = "large segments from the server are sent again and again and never acknowledged, though the client is there: a link on the way drops what is too large and nobody says so"
	}
	for i := range z.times {
		a.noteAt(subject{kind: KindBlackHole, byServer: byServer, to: to}, text, z.numbers[i], z.at[i])
	}
}
