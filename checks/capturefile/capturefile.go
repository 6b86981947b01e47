// Package capturefile reads files of captured packets, pcap and pcapng, plain or
// packed with gzip or zstd, and writes pcapng.
//
// It reads what tcpdump, dumpcap, Wireshark and their like have written in the
// last 25 years: both byte orders, micro- and nanoseconds, several interfaces of
// several kinds, several sections. A file that is damaged, cut off or still being
// written is read up to there, and a DamageError says so. How much memory is
// taken does not depend on the file, whoever made it: less than 1 MiB, more for
// thousands of interfaces, and up to 24 MiB for one that is packed with zstd.
//
// What is in a packet is not its business, nor are other formats of captures: a
// NotCaptureError names what a file is instead, and how it becomes readable.
package capturefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// MaxData is how much of a packet is given, in bytes. Only captures of USB and
// D-Bus have longer ones; in those of a network they are damage.
const MaxData = 256 << 10

// Packet is one of the packets of a file.
type Packet struct {
	// Data is what was captured of it, at most MaxData bytes. It is valid until the
	// next call of Next.
	Data []byte
	// Captured is how many bytes of it are in the file, and WireLength how many it
	// had. A capture with a snap length has fewer; some programs write a WireLength
	// that is less than what they captured, or 0.
	Captured   int
	WireLength int
	// Time is when it was captured, in nanoseconds since 1970 in UTC. Timed is unset
	// when the file does not say, or says one outside the years 1678 to 2261; Time is 0
	// then.
	Time  int64
	Timed bool
	// LinkType is how its Data begins.
	LinkType LinkType
	// Interface is the index among Interfaces of where it was captured.
	Interface int
	// Number counts the packets of the file, from 1.
	Number int64
}

// Interface is where packets were captured. A pcap file has one, without a name.
type Interface struct {
	// Name, Description and Filter are printable and cut to 64, 64 and 256 bytes; ""
	// when the file does not say. With a Filter, packets that did not match it are not
	// in the file.
	Name        string
	Description string
	Filter      string
	LinkType    LinkType
	// SnapLength is how many bytes of a packet were to be captured; 0 is all. Files
	// have been seen whose packets are longer.
	SnapLength int64
	// Resolution is that of the times, in nanoseconds; 1 when it is finer.
	Resolution int64
	// Packets is how many were read so far.
	Packets int64
	// Statistics is what the capturing program has counted.
	Statistics Statistics
}

// Statistics are counts that the capturing program has written beside its packets;
// -1 is one that it did not write, or that was not yet read: most stand at the end
// of a file.
type Statistics struct {
	Received      int64 // by the interface
	Dropped       int64 // by the interface or, as dumpcap uses it, by the kernel, for want of room
	Accepted      int64 // by the filter
	SystemDropped int64 // by the operating system
	Delivered     int64 // to the capturing program; more than Packets when it did not write all
	Between       int64 // sum of the losses that are noted beside single packets
}

func unknownStatistics() Statistics { return Statistics{-1, -1, -1, -1, -1, -1} }

// Lost is how many packets were lost while they were captured, as far as the
// counts tell; -1 when they do not. A capture that has lost packets makes any
// count of what is missing wrong.
func (s Statistics) Lost() int64 {
	total := max(s.Dropped, s.SystemDropped)
	if s.Dropped >= 0 && s.SystemDropped >= 0 {
		total = s.Dropped + s.SystemDropped
	}
	return max(total, s.Between) // both count the same losses
}

// Reader reads the packets of a file. It is not for concurrent use.
type Reader struct {
	s       *source
	file    *os.File     // nil from NewReader
	opened  int64        // size of file when it was opened
	unpack  func()       // frees what unpacks
	packing string       // as Packing
	ng      bool         // it is pcapng
	version string       // as Format
	pcap    recordLayout // of a pcap file
	last    int64        // time of the last packet of a pcap file
	packets int64

	bigEndian bool // the numbers of the file, in pcapng of the section

	interfaces []Interface
	clocks     []clock // of the interfaces
	section    int     // index of the first interface of the section

	skip    int64  // bytes that Next has to leave out first
	trailer uint32 // length that has to follow them; 0 when none has to
	mark    int64  // where the record of skip begins
	err     error  // Next has nothing more to give
}

// Open opens the file of a path. The error is of the file system, a
// NotCaptureError, or a DamageError when not even the beginning is well. Reading
// ends with ctx.
func Open(ctx context.Context, path string) (*Reader, error) {
	// A named pipe would block here until someone writes to it.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is %s, not a file", path, kindOf(info.Mode()))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	r := &Reader{file: f, opened: info.Size()}
	if err := r.begin(f, ctx.Err); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func kindOf(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "a directory"
	case fs.ModeNamedPipe:
		return "a named pipe"
	default:
		return "a device"
	}
}

// NewReader reads a file from wherever it is. It gives errors as Open does.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{}
	if err := r.begin(in, func() error { return nil }); err != nil {
		return nil, err
	}
	return r, nil
}

// begin reads up to where the packets begin.
func (r *Reader) begin(in io.Reader, stop func() error) error {
	err := r.beginUnpacked(in, stop)
	if err == nil && r.ng {
		err = r.beginPcapng()
	} else if err == nil {
		err = r.beginPcap()
	}
	if err != nil {
		r.free()
	}
	return err
}

// Next reads the next packet. The error is io.EOF at the end of the file, a
// DamageError where the file is damaged or cut off, or else that of reading. What
// is in the packet then means nothing.
//
// After io.EOF, and where the file ends in the middle of a packet, Next may be
// called again: it goes on if the file has grown. Any other damage is the end.
func (r *Reader) Next(p *Packet) error {
	if r.err != nil {
		return r.err
	}
	if r.skip > 0 || r.trailer > 0 {
		if err := r.leaveOut(); err != nil {
			return err
		}
	}
	if r.ng {
		return r.nextBlocks(p)
	}
	return r.nextRecord(p)
}

// leaveOut passes what is left of a record that is longer than can be given, or
// is not looked into.
func (r *Reader) leaveOut() error {
	left := r.s.discard(r.skip)
	if r.skip = left; left > 0 {
		return r.ended(r.mark, true)
	}
	if r.trailer > 0 {
		if !r.s.have(4) {
			return r.ended(r.mark, true)
		}
		again := roundUp(r.uint32(r.s.buf[r.s.r:]))
		if again != r.trailer {
			return r.damage(r.mark, lengthsDiffer(r.trailer, again))
		}
		r.s.r += 4
		r.trailer = 0
	}
	return nil
}

// Format is pcap or pcapng, with the version and the variant if it has one.
func (r *Reader) Format() string { return r.version }

// Packing is none, gzip or zstd.
func (r *Reader) Packing() string { return r.packing }

// BigEndian tells whether the numbers of the file, in pcapng of the section that is
// being read, begin with their highest byte: Null packets have one of them.
func (r *Reader) BigEndian() bool { return r.bigEndian }

// Interfaces are those of which the file has told so far, in their order. It is
// known of all only at the end of the file.
func (r *Reader) Interfaces() []Interface { return slices.Clone(r.interfaces) }

// Packets is how many were read.
func (r *Reader) Packets() int64 { return r.packets }

// Grew tells whether the file has become larger since it was opened: somebody
// still writes to it.
func (r *Reader) Grew() bool {
	size := r.size()
	return size > r.opened
}

// size is that of the file, -1 when it cannot be told.
func (r *Reader) size() int64 {
	if r.file == nil {
		return -1
	}
	info, err := r.file.Stat()
	if err != nil {
		return -1
	}
	return info.Size()
}

// Close closes the file that Open has opened.
func (r *Reader) Close() error {
	r.free()
	r.err = fs.ErrClosed
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

func (r *Reader) free() {
	if r.unpack != nil {
		r.unpack()
		r.unpack = nil
	}
}

// ended says why there is no more, from what begins at start: inside tells that
// it was begun.
func (r *Reader) ended(start int64, inside bool) error {
	err := r.s.err
	var bad *packedError
	switch {
	case errors.Is(err, io.EOF) && !inside:
		return io.EOF
	case errors.Is(err, io.EOF) && r.version == "":
		return r.cut(start, "the file ends in its header")
	case errors.Is(err, io.EOF):
		return r.cut(start, fmt.Sprintf("the file ends in the middle of what follows packet %d", r.packets))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return r.cut(start, "the file ends in the middle of what is packed with "+r.packing)
	case errors.As(err, &bad):
		return r.damage(start, "it cannot be unpacked further: "+bad.Error())
	default:
		return fmt.Errorf("after %d packets, at byte %d: %w", r.packets, start, err)
	}
}
