package traffic

import "slices"

// The data of a direction is put together as Wireshark 4.0 does by default
// (desegment_tcp of packet-tcp.c): it is read in the order in which it was captured.
// What is sent again after a timeout is passed over, even when it was lost before the
// capture. What comes late fills a gap in a message that is longer than a segment, and
// nothing else.

// Bounds of what is put together.
const (
	maxPDUs  = 8       // messages of a direction that are remembered
	maxAhead = 32      // parts of one, behind what is missing
	forever  = 1 << 30 // more than a connection sends, and less than half of all sequence numbers
)

// pdu is what goes on in other segments than it begins in: a message, or a record.
type pdu struct {
	progress

	from, to uint32 // sequence numbers
	next     uint32 // up to where nothing is missing
	frame    int64  // in which it went on last
	ahead    []part // behind what is missing
	whole    bool   // nothing is to come any more
	wants    wants
}

// progress is how far a message is understood.
type progress struct {
	kept []byte // of what is not complete
	skip int    // bytes that are still to come and not looked at
	size uint32 // of what came of it
	http httpReader
}

// part came before what is in front of it.
type part struct {
	from, to uint32
	data     []byte // nil when it is not looked at
}

// wants is what is missing of a message.
type wants struct {
	bytes    uint32
	segment  bool // the next one, and all that is in it
	untilFIN bool
}

// incoming is a segment as it is put together.
type incoming struct {
	side    int
	seq     uint32
	data    []byte
	quiet   bool // it fills gaps, and what is whole with it is not read
	fin     bool // no more follows
	partial bool // the rest was not captured
	missing int  // bytes of the rest
}

func (in *incoming) end() uint32 { return in.seq + uint32(len(in.data)) }

// forward passes over what has been taken.
func (in *incoming) forward(n int) {
	n = min(n, len(in.data))
	in.seq, in.data = in.seq+uint32(n), in.data[n:]
}

// reassemble takes a segment of which all was captured.
func (a *Analysis) reassemble(c *connection, x *stream, in incoming) {
	r := &x.sides[in.side]
	for len(in.data) > 0 {
		p := r.belongs(in.seq)
		switch {
		case p == nil || !before(in.seq, p.to):
			a.fresh(c, x, in)
			return
		case p.whole, p.from == in.seq && !before(p.to, in.end()) && p.frame != a.frame.number:
			return
		}
		a.goOn(c, x, p, &in)
	}
}

// passes takes a segment in the middle of what is not looked at, as most are.
func (r *reader) passes(in *incoming, frame int64) bool {
	last := len(r.pdus) - 1
	if last < 0 || in.fin || in.partial {
		return false
	}
	p := &r.pdus[last]
	if p.next != in.seq || p.skip <= len(in.data) || p.wants.bytes == 0 || p.whole || len(p.ahead) > 0 {
		return false
	}
	p.next, p.skip, p.size, p.frame = in.end(), p.skip-len(in.data), p.size+uint32(len(in.data)), frame
	if before(r.next, p.next) {
		r.next = p.next
	}
	return true
}

// belongs gives the last message that begins at a sequence number or before it.
func (r *reader) belongs(seq uint32) *pdu {
	for i := len(r.pdus) - 1; i >= 0; i-- {
		if !before(seq, r.pdus[i].from) {
			return &r.pdus[i]
		}
	}
	return nil
}

// fresh reads what belongs to nothing that came before.
func (a *Analysis) fresh(c *connection, x *stream, in incoming) {
	if in.quiet || !x.decide(c, &x.sides[in.side], in.data) {
		return
	}
	r := &x.sides[in.side]
	a.read(c, x, &in)
	if w := r.missing(x.protocol); w != (wants{}) && !in.partial {
		r.open(in.end(), w, a.frame.number)
	}
	r.clear()
}

// goOn takes what a segment has of something that began before it.
func (a *Analysis) goOn(c *connection, x *stream, p *pdu, in *incoming) {
	p.frame = a.frame.number
	piece := *in
	if !p.wants.segment {
		piece.data = in.data[:min(len(in.data), int(p.to-in.seq))]
	}
	in.forward(len(piece.data))
	switch {
	case before(p.next, piece.seq):
		p.later(&piece, x.protocol)
		return
	case !before(p.next, piece.end()):
		return
	}
	piece.forward(int(p.next - piece.seq))
	if !a.feed(c, x, p, &piece) {
		return
	}
	for len(p.ahead) > 0 && !before(p.next, p.ahead[0].from) {
		next := p.ahead[0]
		p.ahead = slices.Delete(p.ahead, 0, 1)
		for before(p.next, next.to) {
			filled := incoming{side: in.side, seq: p.next, quiet: in.quiet, fin: in.fin}
			if next.data != nil {
				filled.data = next.data[p.next-next.from:]
			} else {
				filled.data = a.blanks(int(next.to - p.next))
			}
			if !a.feed(c, x, p, &filled) {
				return
			}
		}
	}
}

// blanks stand for what is not looked at.
func (a *Analysis) blanks(n int) []byte {
	if a.blank == nil {
		a.blank = make([]byte, 1<<14)
	}
	return a.blank[:min(n, len(a.blank))]
}

// feed reads what is next of a message, and tells whether more of it is missing.
func (a *Analysis) feed(c *connection, x *stream, p *pdu, piece *incoming) (more bool) {
	r := &x.sides[piece.side]
	p.next = piece.end()
	if p.wants.untilFIN {
		return true
	}
	if piece.quiet && (p.wants.segment || !before(p.next, p.to)) {
		p.done(r)
		return false
	}
	r.progress, p.progress = p.progress, r.progress
	a.read(c, x, piece)
	w := r.missing(x.protocol)
	switch {
	case w == (wants{}):
		p.done(r)
	case p.wants.segment && r.size < uint32(len(piece.data)): // another began in this segment
		p.done(r)
		r.open(piece.end(), w, a.frame.number)
	default:
		r.progress, p.progress = p.progress, r.progress
		p.want(p.next, w)
		return true
	}
	r.clear()
	return false
}

// later keeps what comes behind something that is missing.
func (p *pdu) later(piece *incoming, spoken protocol) {
	next := part{from: piece.seq, to: piece.end()}
	if !p.wants.untilFIN && p.skip == 0 && spoken != overHTTP {
		next.data = slices.Clone(piece.data)
	}
	if last := len(p.ahead) - 1; last >= 0 && next.data == nil && p.ahead[last].data == nil && p.ahead[last].to == next.from {
		p.ahead[last].to = next.to
		return
	}
	if len(p.ahead) >= maxAhead {
		return
	}
	at, _ := slices.BinarySearchFunc(p.ahead, next, func(a, b part) int { return int(int32(a.from - b.from)) })
	p.ahead = slices.Insert(p.ahead, at, next)
}

// want notes what is missing behind an end.
func (p *pdu) want(end uint32, w wants) {
	p.wants = w
	switch {
	case w.segment:
		p.to = end + 1
	case w.untilFIN:
		p.to = end + forever
	default:
		p.to = end + w.bytes
	}
}

// done forgets of a message all but where it was.
func (p *pdu) done(r *reader) {
	p.whole, p.ahead = true, nil
	if cap(r.kept) == 0 {
		r.kept = p.kept[:0]
	}
	p.progress = progress{}
}

// open remembers a message that ends in another segment.
func (r *reader) open(end uint32, w wants, frame int64) {
	p := pdu{progress: r.progress, from: end - r.size, next: end, frame: frame}
	r.progress = progress{}
	if len(p.kept) == 0 {
		r.kept, p.kept = p.kept, nil
	}
	p.want(end, w)
	if len(r.pdus) >= maxPDUs {
		r.pdus = slices.Delete(r.pdus, 0, 1)
	}
	at := len(r.pdus)
	for at > 0 && before(p.from, r.pdus[at-1].from) {
		at--
	}
	r.pdus = slices.Insert(r.pdus, at, p)
}

// ended takes the FIN of a direction: what lasts until then is whole if nothing of it
// is missing.
func (a *Analysis) ended(x *stream, in incoming) (whole bool) {
	r := &x.sides[in.side]
	p := r.belongs(in.seq - 1)
	if r.ended || p == nil || !p.wants.untilFIN || p.whole {
		return false
	}
	r.ended = true
	if before(p.next, in.seq) {
		return false
	}
	if !in.quiet {
		r.progress, p.progress = p.progress, r.progress
		a.message(r)
		r.progress, p.progress = p.progress, r.progress
	}
	p.done(r)
	return true
}

// idle tells whether nothing is missing of what came before a sequence number, or
// never comes.
func (r *reader) idle(seq uint32) bool {
	if len(r.pdus) == 0 {
		return true
	}
	p := &r.pdus[len(r.pdus)-1]
	return p.whole || p.wants.bytes > 0 && !before(seq, p.to)
}
