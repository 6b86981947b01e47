package capturefile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Writer writes a pcapng file. Of the two formats it is the one that says of which
// interface a packet is, and how many the kernel has lost: what is concluded from
// the packets while they are captured can be concluded from the file again. Every
// tool that reads nanoseconds from pcap reads it too.
//
// It is bounded by bytes: what has no room is left out, and the statistics of the
// interface, which come last and always have room, tell that from how many
// packets were delivered. It is not for concurrent use.
type Writer struct {
	out        io.Writer
	limit      int64
	written    int64
	reserved   int64 // for the statistics
	buf        []byte
	interfaces []written
	full       bool
	err        error // of out
}

// written is an interface that packets can be written of.
type written struct {
	snap      int64
	delivered int64
	last      int64
	lost      Statistics
}

const (
	writeBuffer = 64 << 10
	packetBlock = 32                   // with an empty packet
	countsBlock = 24 + 4*12 + 4        // with four counts and the end of options
	longestText = math.MaxUint16 &^ 3  // of an option
	sectionText = "gumshoe"            // the program that writes
	sectionSize = 28 + 4 + 8 + 4       // with that
	noStatistic = int64(-1)            // as in Statistics
	noTime      = int64(math.MinInt64) // no packet was written yet
)

// NewWriter writes to out, at most limit bytes.
func NewWriter(out io.Writer, limit int64) (*Writer, error) {
	w := &Writer{out: out, limit: limit, buf: make([]byte, 0, writeBuffer)}
	if limit < sectionSize {
		return nil, fmt.Errorf("a capture file does not fit into %d bytes", limit)
	}
	start := w.begin(blockSection)
	w.buf = append(w.buf, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, math.MaxUint64) // length of the section: not known
	w.option(4, sectionText)
	w.option(0, "")
	w.end(start)
	return w, nil
}

// Interface tells of an interface that packets will be of, and gives its index.
// Its Name, Description, Filter, LinkType and SnapLength are used.
func (w *Writer) Interface(i Interface) (int, error) {
	const fixed = 20 + 8 + 3*8 + 1 + 4 // without the texts
	room := int64(fixed + len(i.Name) + len(i.Description) + len(i.Filter) + countsBlock)
	switch {
	case len(w.interfaces) == maxInterfaces, w.written+w.reserved+room > w.limit:
		return 0, fmt.Errorf("interface %q does not fit into a file of %d bytes", i.Name, w.limit)
	case len(i.Name) > longestText, len(i.Description) > longestText, len(i.Filter) >= longestText:
		return 0, errors.New("the name, description or filter of an interface is too long")
	case i.SnapLength < 0, i.SnapLength > math.MaxUint32:
		return 0, fmt.Errorf("%d is no snap length", i.SnapLength)
	}
	start := w.begin(blockInterface)
	w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(i.LinkType))
	w.buf = append(w.buf, 0, 0)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(i.SnapLength))
	w.option(9, "\x09") // times are in nanoseconds
	if i.Name != "" {
		w.option(2, i.Name)
	}
	if i.Description != "" {
		w.option(3, i.Description)
	}
	if i.Filter != "" {
		w.option(11, "\x00"+i.Filter)
	}
	w.option(0, "")
	w.end(start)
	w.reserved += countsBlock
	w.interfaces = append(w.interfaces, written{snap: i.SnapLength, last: noTime, lost: unknownStatistics()})
	return len(w.interfaces) - 1, w.err
}

// Write keeps a packet, its data cut to the snap length of its Interface. It tells
// whether there was room for it: after the first for which there was none, there
// is for no other, so that what is in the file is without holes. The packet needs
// a time.
func (w *Writer) Write(p *Packet) (kept bool, err error) {
	if w.err != nil {
		return false, w.err
	}
	if p.Interface < 0 || p.Interface >= len(w.interfaces) {
		return false, fmt.Errorf("a packet of interface %d, which was not told of", p.Interface)
	}
	i := &w.interfaces[p.Interface]
	data := p.Data
	if i.snap > 0 && int64(len(data)) > i.snap {
		data = data[:i.snap]
	}
	switch {
	case !p.Timed || p.Time < 0:
		return false, errors.New("a packet without a time since 1970")
	case len(data) > MaxData:
		return false, fmt.Errorf("a packet of %d bytes, more than %d", len(data), MaxData)
	case p.WireLength < 0 || p.WireLength > math.MaxUint32:
		return false, fmt.Errorf("a packet of %d bytes on the wire", p.WireLength)
	}
	i.delivered++
	i.last = max(i.last, p.Time)
	room := packetBlock + int64(roundUp(uint32(len(data))))
	if w.full = w.full || w.written+w.reserved+room > w.limit; w.full {
		return false, nil
	}
	start := w.begin(blockEnhanced)
	var h [20]byte
	binary.LittleEndian.PutUint32(h[:], uint32(p.Interface))
	binary.LittleEndian.PutUint32(h[4:], uint32(p.Time>>32))
	binary.LittleEndian.PutUint32(h[8:], uint32(p.Time))
	binary.LittleEndian.PutUint32(h[12:], uint32(len(data)))
	binary.LittleEndian.PutUint32(h[16:], uint32(p.WireLength))
	w.buf = append(w.buf, h[:]...)
	w.buf = append(w.buf, data...)
	w.end(start)
	return true, w.err
}

// Count notes what is known of an interface: Received, Dropped and SystemDropped
// of s, the last that were noted. Delivered is how many packets were given to
// Write.
func (w *Writer) Count(index int, s Statistics) {
	if index >= 0 && index < len(w.interfaces) {
		w.interfaces[index].lost = s
	}
}

// Full tells whether packets had to be left out.
func (w *Writer) Full() bool { return w.full }

// Written is how many bytes the file has so far, without the statistics.
func (w *Writer) Written() int64 { return w.written }

// Close writes the statistics, and what was not written yet. It does not close
// what it writes to, and nothing is to be written after it.
func (w *Writer) Close() error {
	for index, i := range w.interfaces {
		start := w.begin(blockStatistics)
		at := uint64(max(i.last, 0))
		w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(index))
		w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(at>>32))
		w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(at))
		for _, c := range [...]struct {
			code  uint16
			count int64
		}{{4, i.lost.Received}, {5, i.lost.Dropped}, {7, i.lost.SystemDropped}, {8, i.delivered}} {
			if c.count > noStatistic {
				w.buf = binary.LittleEndian.AppendUint16(w.buf, c.code)
				w.buf = append(w.buf, 8, 0)
				w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(c.count))
			}
		}
		w.option(0, "")
		w.end(start)
	}
	w.flush()
	err := w.err
	if w.err == nil {
		w.err = errors.New("the capture file is closed")
	}
	return err
}

// begin begins a block, and tells where.
func (w *Writer) begin(kind uint32) int {
	start := len(w.buf)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, kind)
	w.buf = append(w.buf, 0, 0, 0, 0)
	return start
}

// end fills the block up to whole words, and writes its length on both ends.
func (w *Writer) end(start int) {
	w.buf = append(w.buf, "\x00\x00\x00"[:-len(w.buf)&3]...)
	total := len(w.buf) - start + 4
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(total))
	binary.LittleEndian.PutUint32(w.buf[start+4:], uint32(total))
	w.written += int64(total)
	if len(w.buf) >= writeBuffer/2 {
		w.flush()
	}
}

func (w *Writer) option(code uint16, value string) {
	w.buf = binary.LittleEndian.AppendUint16(w.buf, code)
	w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(len(value)))
	w.buf = append(w.buf, value...)
	w.buf = append(w.buf, "\x00\x00\x00"[:-len(value)&3]...)
}

func (w *Writer) flush() {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.out.Write(w.buf)
	}
	w.buf = w.buf[:0]
}
