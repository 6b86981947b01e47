package traffic

import (
	"net/netip"
	"slices"
	"time"
)

// Bounds of what is kept of packets that came in fragments.
const (
	maxFragmented    = 256     // packets
	maxParts         = 256     // of each
	maxAllFragments  = 2 << 20 // of all, in bytes
	maxDatagram      = 1 << 16
	fragmentLifetime = int64(30 * time.Second) // ipfrag_time of Linux
)

// fragmentID names a packet that came in fragments (RFC 791, RFC 8200).
type fragmentID struct {
	from, to netip.Addr
	id       uint32
	protocol uint8
}

// fragmented is what came of a packet.
type fragmented struct {
	since int64
	order int64 // in which they came
	whole int   // -1 while the last fragment is missing
	parts [][2]int
	data  []byte
}

type orderedFragment struct {
	fragmentID

	order int64
}

// size is what it keeps, in bytes.
func (p *fragmented) size() int { return cap(p.data) + 16*cap(p.parts) }

// fragments puts packets together again.
type fragments struct {
	open    map[fragmentID]*fragmented
	kept    int // bytes
	packets int64
	order   []orderedFragment // in which they came, with those that are whole
	dropped int64             // packets that there was no room for
}

// add takes a fragment and gives the whole payload when none is missing, and of how
// many parts before, else nil. The payload holds until the next call. A fragment that
// was cut by the capture is left out, so that its packet is never whole.
func (f *fragments) add(id fragmentID, now int64, offset int, more bool, data []byte, length int) (payload []byte, before int) {
	if len(data) < length || length <= 0 || offset+length > maxDatagram {
		return nil, 0
	}
	if f.open == nil {
		f.open = map[fragmentID]*fragmented{}
	}
	packet := f.open[id]
	if packet != nil && (now-packet.since > fragmentLifetime || len(packet.parts) >= maxParts) {
		if len(packet.parts) >= maxParts {
			f.dropped++
		}
		f.remove(id)
		packet = nil
	}
	for packet == nil && len(f.open) >= maxFragmented || f.kept > maxAllFragments {
		f.removeOldest()
		packet = f.open[id]
	}
	if packet == nil {
		f.packets++
		packet = &fragmented{since: now, order: f.packets, whole: -1}
		f.open[id] = packet
		if len(f.order) >= 2*maxFragmented { // most of them are whole
			f.order = slices.DeleteFunc(f.order, func(o orderedFragment) bool {
				open := f.open[o.fragmentID]
				return open == nil || open.order != o.order
			})
		}
		f.order = append(f.order, orderedFragment{id, packet.order})
	}
	f.kept -= packet.size()
	data = data[:length]
	if end := offset + length; end > len(packet.data) {
		packet.data = slices.Grow(packet.data, end-len(packet.data))[:end]
	}
	copy(packet.data[offset:], data)
	if !more {
		packet.whole = offset + length
	}
	packet.parts = append(packet.parts, [2]int{offset, offset + length})
	f.kept += packet.size()
	if !packet.complete() {
		return nil, 0
	}
	f.remove(id)
	return packet.data[:packet.whole], len(packet.parts) - 1
}

func (f *fragments) remove(id fragmentID) {
	f.kept -= f.open[id].size()
	delete(f.open, id)
}

// complete tells whether the parts cover the whole.
func (p *fragmented) complete() bool {
	if p.whole < 0 {
		return false
	}
	slices.SortFunc(p.parts, func(a, b [2]int) int { return a[0] - b[0] })
	reach := 0
	for _, part := range p.parts {
		if part[0] > reach {
			return false
		}
		reach = max(reach, part[1])
	}
	return reach >= p.whole
}

// removeOldest forgets the packet that came first.
func (f *fragments) removeOldest() {
	for len(f.order) > 0 {
		oldest := f.order[0]
		f.order = f.order[1:]
		if packet := f.open[oldest.fragmentID]; packet != nil && packet.order == oldest.order {
			f.remove(oldest.fragmentID)
			f.dropped++
			return
		}
	}
}
