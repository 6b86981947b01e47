package traffic

import (
	"encoding/binary"

	"github.com/google/gopacket/layers"
)

// Bounds: how many gaps of one direction are remembered, and of how many directions.
const (
	maxGaps   = 16
	maxGapped = 4096
)

// losses count the segments of one direction that came late or twice. Wireshark
// tells a retransmission from one out of order by the time alone, and takes most for the
// latter where a round trip takes less than sending does; what was captured before
// tells them apart.
type losses struct {
	resent    uint32 // its data was captured before, and not yet acknowledged
	recovered uint32 // it fills a gap, later than reordering takes
	reordered uint32 // it fills a gap at once
	bytes     uint32 // of data in resent and recovered
	id        int32  // the identification of the last segment
	forgot    bool   // there were more gaps than are remembered
}

// gap is data that was passed over.
type gap struct {
	from, to uint32
	since    int64
	number   int64  // of the frame that follows it
	stamp    uint32 // when what follows it was sent (RFC 7323); 0 is not known
	id       int32  // the identification of what follows it, if its sender counts them; -1 for none
}

// gaps are those of one direction, the oldest first.
type gaps struct {
	open [maxGaps]gap
	n    uint8
}

// gapStore holds the gaps of the directions that have any.
type gapStore struct {
	unused    []*gaps
	made      int
	forgotten int64 // gaps that were too many to remember
}

func (g *gapStore) get() *gaps {
	if n := len(g.unused); n > 0 {
		out := g.unused[n-1]
		g.unused = g.unused[:n-1]
		return out
	}
	if g.made == maxGapped {
		return nil
	}
	g.made++
	return &gaps{}
}

func (g *gapStore) release(one *gaps) {
	if one != nil {
		one.n = 0
		g.unused = append(g.unused, one)
	}
}

// twice is where data begins of which a segment says that it came twice: what was
// sent again had not been lost (RFC 2883, section 4).
func twice(options []layers.TCPOption, ack uint32) (from uint32, is bool) {
	for _, o := range options {
		if o.OptionType != layers.TCPOptionKindSACK || len(o.OptionData) < 8 {
			continue
		}
		from, to := binary.BigEndian.Uint32(o.OptionData), binary.BigEndian.Uint32(o.OptionData[4:])
		is := !before(ack, to)
		if !is && len(o.OptionData) >= 16 {
			is = !before(from, binary.BigEndian.Uint32(o.OptionData[8:])) && !before(binary.BigEndian.Uint32(o.OptionData[12:]), to)
		}
		return from, is
	}
	return 0, false
}

// cameTwice takes back a loss, as one side says that it has got data twice. When it
// had not acknowledged them up to now, that acknowledgement was lost on its way, with
// the data behind which it comes if there were any.
func (c *connection) cameTwice(side int, s *segment, next, acknowledged uint32) {
	other := &c.losses[1-side]
	if other.resent == 0 {
		return
	}
	from, is := twice(s.options, s.ack)
	if !is {
		return
	}
	other.resent--
	other.bytes -= min(other.bytes, s.ack-from)
	if acknowledged != 0 && !before(from, acknowledged) && s.seq == next {
		c.losses[side].recovered++
	}
}

// takeLoss tells what a segment with data says of loss. Next is the sequence number
// that was expected.
func (c *connection) takeLoss(store *gapStore, number int64, side int, s *segment, m marks, next uint32) {
	l, other := &c.losses[side], &c.sides[1-side]
	last := l.id
	l.id = s.id
	if s.seq == next || next == 0 || m&(keepAlive|zeroWindowProbe) != 0 || s.has(flagSYN|flagRST) {
		return
	}
	if before(next, s.seq) {
		c.openGap(store, side, gap{next, s.seq, s.time, number, stamp(s.options), counted(last, s.id)})
		return
	}
	if s.length == 0 {
		return
	}
	var missing gap
	var fills bool
	if g := c.gaps[side]; g != nil {
		if missing, fills = g.fill(s.seq, s.seq+s.length); g.n == 0 {
			store.release(g)
			c.gaps[side] = nil
		}
	}
	switch {
	case other.window == 0: // it asks whether there is room again
	case fills && !c.sentAgain(s, &missing, other):
		l.reordered++
	case fills:
		l.recovered++
		l.bytes += s.length
	case m&spurious != 0:
		c.notHeard(side, s, other)
	case !l.forgot: // or it may fill a gap that was forgotten
		l.resent++
		l.bytes += s.length
	}
}

// notHeard tells whether the other side's acknowledgement was captured, and then lost:
// what it acknowledges is sent again, later than its sender can have missed it by.
func (c *connection) notHeard(side int, s *segment, other *sequences) {
	if s.ack == other.nextSeq && s.time-other.lastACKTime >= max(c.rtt, outOfOrderWithin) { // or its data was lost, with the acknowledgement
		c.losses[1-side].resent++
	}
}

func (c *connection) openGap(store *gapStore, side int, one gap) {
	if c.gaps[side] == nil {
		c.gaps[side] = store.get()
	}
	if g := c.gaps[side]; g == nil || !g.add(one) {
		c.losses[side].forgot = true
		store.forgotten++
	}
}

// sentAgain tells whether a segment that fills a gap was sent after what follows the
// gap, or else was overtaken by it. Most systems count their packets, and say when each
// was sent; where neither tells, the time decides. When the receiver has complained,
// it may have been sent again within a round trip, of which a quarter is left to
// reordering (RFC 8985, section 6.2); without that, whoever sends waits for far longer.
func (c *connection) sentAgain(s *segment, missing *gap, receiver *sequences) bool {
	if missing.id >= 0 && s.id >= 0 && s.id != missing.id {
		return int16(s.id-missing.id) > 0
	}
	if at := stamp(s.options); at != 0 && missing.stamp != 0 && at != missing.stamp {
		return before(missing.stamp, at)
	}
	elapsed := s.time - missing.since
	if complained := receiver.lastACKTime > missing.since && !before(missing.from, receiver.lastACK); complained && c.rtt > 0 {
		return elapsed >= min(c.rtt/4, outOfOrderWithin)
	}
	return elapsed >= max(c.rtt, outOfOrderWithin)
}

// counted gives the identification of a segment when it follows on that of the one
// before, as of senders that count; -1 when it does not.
func counted(last, id int32) int32 {
	if ahead := uint16(id - last); last < 0 || id < 0 || ahead == 0 || ahead > 1024 {
		return -1
	}
	return id
}

// stamp is when a segment was sent by its sender's clock (RFC 7323); 0 is not known.
func stamp(options []layers.TCPOption) uint32 {
	for _, o := range options {
		if o.OptionType == layers.TCPOptionKindTimestamps && len(o.OptionData) == 8 {
			return binary.BigEndian.Uint32(o.OptionData)
		}
	}
	return 0
}

// add remembers a gap, unless there are too many: the oldest are filled first.
func (g *gaps) add(one gap) bool {
	if g.n == maxGaps {
		return false
	}
	g.open[g.n] = one
	g.n++
	return true
}

// fill takes a range out of the gaps, and tells in which it was.
func (g *gaps) fill(from, to uint32) (missing gap, fills bool) {
	for i := range int(g.n) {
		one := &g.open[i]
		if !before(one.from, to) || !before(from, one.to) {
			continue
		}
		missing = *one
		switch {
		case !before(one.from, from) && !before(to, one.to): // all of it
			copy(g.open[i:], g.open[i+1:g.n])
			g.n--
		case !before(one.from, from):
			one.from = to
		case !before(to, one.to):
			one.to = from
		default: // the middle: what is before it stays, and what follows is a gap of its own
			rest := *one
			rest.from, one.to = to, from
			g.add(rest)
		}
		return missing, true
	}
	return gap{}, false
}

// Way is what happened to the segments that were sent in one direction.
type Way struct {
	// DataSegments are those that can be lost and sent again: with data, SYN or FIN.
	DataSegments int64 `json:"data_segments" expr:"data_segments"`
	// LostBefore are segments that were missing where the packets were captured, and
	// came later than a detour takes: lost between the sender and there. So are
	// acknowledgements whose data were sent again, and had come (RFC 2883).
	LostBefore int64 `json:"lost_before" expr:"lost_before"`
	// LostAfter are segments that were captured, and then sent again, and of which
	// the receiver does not say that they came twice: lost between there and it. So
	// are acknowledgements after which the data are sent again all the same.
	LostAfter int64 `json:"lost_after" expr:"lost_after"`
	// LostPercent is the share of the bytes of data that were in both: a segment that
	// this host's card divides is captured as one. Unread without data.
	LostPercent float64 `json:"lost_percent" expr:"lost_percent"`
	// Reordered are segments that others had overtaken: nothing was lost.
	Reordered int64 `json:"reordered" expr:"reordered"`
}

func (d *direction) report() Way {
	return Way{
		DataSegments: d.data, LostBefore: d.recovered, LostAfter: d.resent, Reordered: d.reordered,
		LostPercent: min(100, percent(d.lostBytes, d.bytes)),
	}
}
