package capturefile

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"time"
)

// recordLayout is how the records of a pcap file look.
type recordLayout struct {
	magic   uint32
	variant string
	// perFraction is how many nanoseconds the fraction of a second counts in.
	perFraction int64
	fileHeader  int
	header      int // of a record
	// lengths tells which of the two lengths of a record comes first.
	lengths order
	longest uint32 // captured length that a packet of the link type can have
}

// order is that of the lengths of a record.
type order int

const (
	capturedFirst order = iota
	wireFirst
	smallerFirst // as files of version 2.3 have either
)

// pcapMagics are the numbers that pcap files begin with, and what follows from
// them.
func pcapMagics() [5]recordLayout {
	return [5]recordLayout{
		{magic: 0xa1b2c3d4, perFraction: 1000, fileHeader: 24, header: 16},
		{magic: 0xa1b23c4d, variant: "nanoseconds", perFraction: 1, fileHeader: 24, header: 16},
		// Alexey Kuznetzov's patch of 1999, with interface and packet type in each record.
		{magic: 0xa1b2cd34, variant: "modified", perFraction: 1000, fileHeader: 24, header: 24},
		// What Ixia's hardware and software write has its size at the end of the header.
		{magic: 0x1c0001ac, variant: "Ixia hardware", perFraction: 1, fileHeader: 28, header: 16},
		{magic: 0x1c0001ab, variant: "Ixia software", perFraction: 1000, fileHeader: 28, header: 16},
	}
}

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// uint32 is a number of the file.
func (r *Reader) uint32(b []byte) uint32 {
	v := le32(b)
	if r.bigEndian {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (r *Reader) uint16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if r.bigEndian {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (r *Reader) uint64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if r.bigEndian {
		v = bits.ReverseBytes64(v)
	}
	return v
}

// beginPcap reads the header of a pcap file. The time zone in it is not looked
// at, as nobody does: times are in UTC.
func (r *Reader) beginPcap() error {
	if !r.s.have(r.pcap.fileHeader) {
		return r.ended(0, true)
	}
	h := r.s.buf[r.s.r:]
	major, minor := r.uint16(h[4:]), r.uint16(h[6:])
	link := r.uint32(h[20:])
	i := Interface{
		LinkType:   LinkType(link), // the upper half of the field is about frame checks
		SnapLength: int64(r.uint32(h[16:])),
		Resolution: r.pcap.perFraction, Statistics: unknownStatistics(),
	}
	switch {
	case major == 2 && minor < 3, major == 543 && minor == 0: // 543.0 is that of DG/UX
		r.pcap.lengths = wireFirst
	case major == 2 && minor == 3:
		r.pcap.lengths = smallerFirst
	case major != 2:
		return r.damage(0, fmt.Sprintf("it says that it is of version %d.%d of the format, which does not exist", major, minor))
	}
	if aix, is := aixLinkType(link); is && major == 2 && minor == 2 && r.pcap.magic == 0xa1b2c3d4 {
		r.pcap.variant, r.pcap.perFraction = "AIX", 1
		i.LinkType, i.Resolution = aix, 1
	}
	r.version = "pcap " + strconv.Itoa(int(major)) + "." + strconv.Itoa(int(minor))
	r.s.r += r.pcap.fileHeader
	r.pcap.longest = i.LinkType.longest()
	if major == 2 && minor == 4 {
		r.guessHeader()
	}
	if r.pcap.variant != "" {
		r.version += ", " + r.pcap.variant
	}
	r.interfaces = []Interface{i}
	return nil
}

// aixLinkType is the link type of what AIX writes in its place, the type of the
// interface in SNMP; and whether it is one.
func aixLinkType(link uint32) (LinkType, bool) {
	switch link {
	case 6:
		return Ethernet, true
	case 9:
		return TokenRing, true
	case 24:
		return Null, true
	default:
		return 0, false
	}
}

// guessHeader finds out how long the headers of records are, where the number
// that a file begins with does not tell. Patches of 1999 made them 24 bytes, some
// 28, with a number of their own or, in Red Hat 6.1, without; Nokia's have 20. Only
// the first records tell: their headers have to make sense.
func (r *Reader) guessHeader() {
	h := &r.pcap
	switch h.magic {
	case 0xa1b2cd34:
		r.s.have(readSize)
		if clean, _ := r.tryHeader(24, 0); clean {
			return
		}
		if clean, _ := r.tryHeader(28, 2); clean {
			h.header = 28
		}
	case 0xa1b2c3d4: // what is not read yet is not waited for
		if _, sane := r.tryHeader(16, 0); sane {
			return
		}
		if clean, _ := r.tryHeader(24, 2); clean {
			h.header, h.variant = 24, "modified"
		} else if clean, _ := r.tryHeader(20, 2); clean {
			h.header, h.variant = 20, "Nokia"
		}
	}
}

// tryHeader reads records whose headers have a length. It tells whether three make
// sense, or all that there are, if they are at least so many: then it is clean; and
// whether none makes no sense, so that it is sane. One record is not enough to call
// a file unusual: it may have been cut.
func (r *Reader) tryHeader(length, least int) (clean, sane bool) {
	const day = 24 * 3600
	first := int64(0)
	at := r.s.r
	for n := range 3 {
		if at == r.s.w {
			return n >= least, true
		}
		if at+length > r.s.w {
			return false, true
		}
		h := r.s.buf[at:]
		seconds, fraction, captured, wire := int64(r.uint32(h)), r.uint32(h[4:]), r.uint32(h[8:]), r.uint32(h[12:])
		if n == 0 {
			first = seconds
		}
		if fraction >= 1e6 || captured > wire || captured > r.pcap.longest || seconds < first-day || seconds > first+day {
			return false, false
		}
		if at += length + int(captured); at > r.s.w {
			return false, true
		}
	}
	return true, true
}

// nextRecord reads the next packet of a pcap file.
func (r *Reader) nextRecord(p *Packet) error {
	s, header := r.s, r.pcap.header
	if s.w-s.r < header && !s.fill(header) {
		return r.ended(s.offset(), s.w > s.r)
	}
	h := s.buf[s.r : s.r+16]
	seconds, fraction := r.uint32(h), r.uint32(h[4:])
	captured, wire := r.uint32(h[8:]), r.uint32(h[12:])
	if order := r.pcap.lengths; order == wireFirst || order == smallerFirst && captured > wire {
		captured, wire = wire, captured
	}
	at := int64(seconds)*1e9 + int64(fraction)*r.pcap.perFraction
	if captured > r.pcap.longest || captured > wire || int64(fraction)*r.pcap.perFraction >= 1e9 || captured|wire|seconds == 0 {
		if reason := r.nonsense(at, fraction, captured, wire); reason != "" {
			return r.damage(s.offset(), reason)
		}
	}
	given := int(min(captured, MaxData))
	if s.w-s.r < header+given && !s.fill(header+given) {
		return r.ended(s.offset(), true)
	}
	start := s.r + header
	s.r = start + given
	if left := int64(captured) - int64(given); left > 0 {
		r.skip, r.mark = left, s.offset()-int64(header+given)
	}
	r.packets++
	i := &r.interfaces[0]
	i.Packets++
	r.last = at
	p.Data = s.buf[start:s.r:s.r]
	p.Captured, p.WireLength = int(captured), int(wire)
	p.Time, p.Timed = at, true
	p.LinkType, p.Interface = i.LinkType, 0
	p.Number = r.packets
	return nil
}

// nonsense says what is wrong with a record that is unusual; "" when it may be
// meant. One oddity is that of the program that wrote it; two are not a record.
func (r *Reader) nonsense(at int64, fraction, captured, wire uint32) string {
	switch {
	case captured > r.pcap.longest:
		return fmt.Sprintf("a packet of %d bytes, where the longest possible has %d", captured, r.pcap.longest)
	case at == 0 && captured == 0 && wire == 0:
		return "there are zero bytes where a packet should begin: a hole, as a crash or a full disk leaves"
	}
	const year = int64(365 * 24 * time.Hour)
	overflown := int64(fraction)*r.pcap.perFraction >= 1e9
	away := r.packets > 0 && (at < r.last-year || at > r.last+year)
	longer := captured > wire
	when := time.Unix(0, at).UTC().Year()
	switch {
	case longer && overflown:
		return fmt.Sprintf("what should be a packet has captured %d bytes of %d, at %d fractions of a second", captured, wire, fraction)
	case longer && away:
		return fmt.Sprintf("what should be a packet has captured %d bytes of %d, in the year %d", captured, wire, when)
	case overflown && away:
		return fmt.Sprintf("what should be a packet is of the year %d, at %d fractions of a second", when, fraction)
	}
	return ""
}
