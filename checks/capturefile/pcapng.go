package capturefile

import (
	"fmt"
)

// The types of the blocks that are looked into. All others are passed: names,
// keys, comments, events of the system, and what others have invented.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockPacket     = 2 // obsolete since 2009
	blockSimple     = 3
	blockStatistics = 5
	blockEnhanced   = 6
)

const (
	// maxInterfaces bounds what a file can make us remember, with their names: 16384
	// take less than 16 MiB.
	maxInterfaces = 1 << 14
	sectionHeader = 24 // of a section, without options
)

// roundUp is the length of a block in the file. Some programs leave out of it
// the bytes that fill the last 4; as Wireshark does, we do not mind.
func roundUp(length uint32) uint32 { return (length + 3) &^ 3 }

// beginPcapng reads the first block, which every file begins with.
func (r *Reader) beginPcapng() error {
	if !r.s.have(sectionHeader) {
		return r.ended(0, true)
	}
	return r.beginSection()
}

// beginSection reads a block that begins a section: what follows has its own byte
// order and its own interfaces. How long a section says to be is not looked at:
// it is often wrong, and the blocks tell.
func (r *Reader) beginSection() error {
	at := r.s.offset()
	b := r.s.buf[r.s.r:]
	switch le32(b[8:]) {
	case 0x1a2b3c4d:
		r.bigEndian = false
	case 0x4d3c2b1a:
		r.bigEndian = true
	default:
		return r.damage(at, "a section begins without telling its byte order")
	}
	total := roundUp(r.uint32(b[4:]))
	major, minor := r.uint16(b[12:]), r.uint16(b[14:])
	switch {
	case total < sectionHeader+4:
		return r.damage(at, fmt.Sprintf("the block that begins a section has %d bytes", total))
	case major != 1 || minor != 0 && minor != 2: // 1.2 was written by some, and is the same
		return r.damage(at, fmt.Sprintf("a section is of version %d.%d of the format, which does not exist", major, minor))
	}
	r.section = len(r.interfaces)
	r.s.r += sectionHeader
	r.skip, r.trailer, r.mark = int64(total)-sectionHeader-4, total, at
	if r.version != "" {
		return r.leaveOut()
	}
	r.version = fmt.Sprintf("pcapng %d.%d", major, minor)
	return nil
}

// nextBlocks reads on to the next packet of a pcapng file.
func (r *Reader) nextBlocks(p *Packet) error {
	for {
		s := r.s
		if s.w-s.r < 12 && !s.fill(12) {
			return r.ended(s.offset(), s.w > s.r)
		}
		b := s.buf[s.r:s.w]
		kind, total := r.uint32(b), roundUp(r.uint32(b[4:]))
		if kind == blockSection {
			if !s.have(sectionHeader) {
				return r.ended(s.offset(), true)
			}
			if err := r.beginSection(); err != nil {
				return err
			}
			continue
		}
		switch {
		case kind|total == 0:
			return r.damage(s.offset(), "there are zero bytes where a block should begin: a hole, as a crash or a full disk leaves")
		case total < 12:
			return r.damage(s.offset(), fmt.Sprintf("a block has %d bytes", total))
		case total > bufferSize:
			if given, err := r.longBlock(p, kind, total); given || err != nil {
				return err
			}
			continue
		}
		n := int(total)
		if s.w-s.r < n && !s.fill(n) {
			return r.ended(s.offset(), true)
		}
		b = s.buf[s.r : s.r+n : s.r+n]
		if again := roundUp(r.uint32(b[n-4:])); again != total {
			return r.damage(s.offset(), lengthsDiffer(total, again))
		}
		given, reason := r.block(p, kind, b[:n-4], total)
		if reason != "" {
			return r.damage(s.offset(), reason)
		}
		s.r += n
		if given {
			return nil
		}
	}
}

// longBlock reads a block that does not fit into the buffer: the beginning of a
// long packet, or else nothing of it.
func (r *Reader) longBlock(p *Packet, kind, total uint32) (given bool, err error) {
	s, at := r.s, r.s.offset()
	here := 8
	switch kind {
	case blockInterface:
		return false, r.damage(at, fmt.Sprintf("an interface is described with %d bytes", total))
	case blockEnhanced, blockPacket, blockSimple:
		here = 28 + MaxData
		if !s.have(here) {
			return false, r.ended(at, true)
		}
		var reason string
		if given, reason = r.block(p, kind, s.buf[s.r:s.r+here:s.r+here], total); reason != "" {
			return false, r.damage(at, reason)
		}
	}
	s.r += here
	r.skip, r.trailer, r.mark = int64(total)-int64(here)-4, total, at
	if !given {
		err = r.leaveOut()
	}
	return given, err
}

// block reads a block, of which b is the beginning, or all without its last 4
// bytes. It tells whether it gave a packet, and if not so, what was wrong.
func (r *Reader) block(p *Packet, kind uint32, b []byte, total uint32) (given bool, reason string) {
	switch kind {
	case blockEnhanced:
		if len(b) < 28 {
			return false, fmt.Sprintf("a packet's block has %d bytes", total)
		}
		return r.packet(p, b, r.uint32(b[8:]), 28, total)
	case blockPacket:
		if len(b) < 28 {
			return false, fmt.Sprintf("a packet's block has %d bytes", total)
		}
		given, reason = r.packet(p, b, uint32(r.uint16(b[8:])), 28, total)
		if drops := r.uint16(b[10:]); given && drops != 0xffff {
			r.interfaces[p.Interface].lostBetween(uint64(drops))
		}
		return given, reason
	case blockSimple:
		if len(b) < 12 {
			return false, fmt.Sprintf("a packet's block has %d bytes", total)
		}
		return r.packet(p, b, 0, 12, total)
	case blockInterface:
		return false, r.describe(b)
	case blockStatistics:
		return false, r.count(b)
	default:
		return false, ""
	}
}

// packet gives what a block holds. Its data begins at an offset of it, which is 12
// for one without captured length and time.
func (r *Reader) packet(p *Packet, b []byte, index uint32, data int, total uint32) (given bool, reason string) {
	if int64(index) >= int64(len(r.interfaces)-r.section) {
		return false, fmt.Sprintf("a packet is of interface %d, of which nothing was told before", index)
	}
	n := r.section + int(index)
	i := &r.interfaces[n]
	var captured, wire uint32
	if data == 12 {
		wire = r.uint32(b[8:])
		captured = wire
		if i.SnapLength > 0 {
			captured = uint32(min(int64(wire), i.SnapLength))
		}
		p.Time, p.Timed = 0, false
	} else {
		captured, wire = r.uint32(b[20:]), r.uint32(b[24:])
		p.Time, p.Timed = r.clocks[n].time(uint64(r.uint32(b[12:]))<<32 | uint64(r.uint32(b[16:])))
	}
	switch {
	case int64(captured) > int64(total)-int64(data)-4:
		return false, fmt.Sprintf("a packet of %d bytes is said to be in a block of %d", captured, total)
	case captured > i.LinkType.longest():
		return false, fmt.Sprintf("a packet of %d bytes, where the longest possible has %d", captured, i.LinkType.longest())
	}
	end := data + int(min(captured, MaxData))
	if options := data + int(roundUp(captured)); data == 28 && options < len(b) {
		if lost, told := r.dropCount(b[options:]); told {
			i.lostBetween(lost)
		}
	}
	r.packets++
	i.Packets++
	p.Data = b[data:end:end]
	p.Captured, p.WireLength = int(captured), int(wire)
	p.LinkType, p.Interface = i.LinkType, n
	p.Number = r.packets
	return true, ""
}
