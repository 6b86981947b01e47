package backups

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of what a custom dump of PostgreSQL can have.
const (
	maxDumpEntries = 10_000_000
	maxDumpText    = 1 << 30
)

// dump reads the custom format of pg_dump, as pg_backup_archiver.c and
// pg_backup_custom.c of PostgreSQL write it: a header, a table of contents, and
// blocks of data, each packed by itself.
type dump struct {
	in        *bufio.Reader
	version   [3]byte
	intBytes  int
	offBytes  int
	algorithm byte // of packing: 0 none, 1 zlib, 2 lz4, 3 zstd
	err       error
}

// readDump goes through a dump to its end. Blocks that are packed with zlib are
// unpacked, and so hold against their checksum.
func readDump(in *bufio.Reader) error {
	d := &dump{in: in}
	if err := d.header(); err != nil {
		return err
	}
	written, err := d.contents()
	if err != nil {
		return err
	}
	blocks := 0
	for ; ; blocks++ {
		kind, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := d.block(kind); err != nil {
			return err
		}
	}
	if blocks < written {
		return fmt.Errorf("it has %d of the %d blocks that its table of contents names: %w", blocks, written, io.ErrUnexpectedEOF)
	}
	return nil
}

func (d *dump) since(minor byte) bool { return d.version[0] > 1 || d.version[1] >= minor }

func (d *dump) header() error {
	magic := make([]byte, 5)
	if _, err := io.ReadFull(d.in, magic); err != nil || string(magic) != "PGDMP" {
		return errors.Join(err, errors.New("it does not begin as a custom dump"))
	}
	for i := range d.version {
		d.version[i] = d.byte()
	}
	d.intBytes = int(d.byte())
	d.offBytes = int(d.byte())
	format := d.byte()
	switch {
	case d.err != nil:
		return d.ended()
	case d.version[0] != 1 || d.version[1] < 12 || d.version[1] > 16:
		return errBound // of a release that we do not know: nothing is said of it
	case d.intBytes < 1 || d.intBytes > 8 || d.offBytes < 1 || d.offBytes > 8 || format != 1:
		return errors.New("its header cannot be that of a custom dump")
	}
	if d.since(15) {
		d.algorithm = d.byte()
	} else if d.int() != 0 {
		d.algorithm = 1
	}
	for range 7 { // the time: seconds to years, and summer time
		d.int()
	}
	for range 3 { // database, version of the server, version of pg_dump
		d.text()
	}
	return d.ended()
}

// contents reads the table of contents, and counts the entries for which a block of
// data was written.
func (d *dump) contents() (written int, _ error) {
	entries := d.int()
	if d.err == nil && (entries < 0 || entries > maxDumpEntries) {
		return 0, errors.New("its table of contents cannot be so long")
	}
	for range entries {
		d.int() // number
		d.int() // whether it has data
		for range 4 {
			d.text() // ids, name, kind
		}
		d.int() // section
		for range 5 {
			d.text() // SQL to make, drop, copy; schema, tablespace
		}
		if d.since(14) {
			d.text() // access method
		}
		if d.since(16) {
			d.int() // kind of relation
		}
		d.text() // owner
		d.text() // with oids
		for d.err == nil && d.text() {
			continue // what it depends on
		}
		if flag := d.byte(); flag == 2 { // K_OFFSET_POS_SET: it was written, and where
			written++
		}
		d.skip(int64(d.offBytes))
		if d.err != nil {
			return 0, d.ended()
		}
	}
	return written, d.ended()
}

// block reads one block of data, or one of large objects.
func (d *dump) block(kind byte) error {
	d.int() // number
	switch kind {
	case 1:
		return d.chunks()
	case 3:
		for {
			object := d.int()
			if d.err != nil || object == 0 {
				return d.ended()
			}
			if err := d.chunks(); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("it has a block of the unknown kind %d", kind)
}

// chunks reads what is packed as one, in pieces that each begin with their length.
func (d *dump) chunks() error {
	pieces := &pieces{d: d}
	some, err := pieces.peek()
	if err != nil {
		return err
	}
	if some && d.algorithm == 1 {
		unpacked, err := zlib.NewReader(pieces)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, unpacked); err != nil { //nolint:gosec // it is kept nowhere
			return err
		}
	}
	_, err = io.Copy(io.Discard, pieces)
	return err
}

// pieces is the content of the pieces, one after the other.
type pieces struct {
	d    *dump
	left int64
	done bool
}

// peek tells whether there is any piece.
func (p *pieces) peek() (bool, error) {
	for p.left == 0 && !p.done {
		length := p.d.int()
		switch {
		case p.d.err != nil:
			return false, p.d.ended()
		case length < 0:
			return false, errors.New("it has a piece of a length below 0")
		case length == 0:
			p.done = true
		}
		p.left = length
	}
	return !p.done, nil
}

func (p *pieces) Read(to []byte) (int, error) {
	if more, err := p.peek(); err != nil {
		return 0, err
	} else if !more {
		return 0, io.EOF
	}
	n, err := p.d.in.Read(to[:min(int64(len(to)), p.left)])
	p.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// ended is the error of reading so far: inside of a dump any end is too early.
func (d *dump) ended() error {
	if errors.Is(d.err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return d.err
}

func (d *dump) byte() byte {
	if d.err != nil {
		return 0
	}
	b, err := d.in.ReadByte()
	d.err = err
	return b
}

// int reads a sign and a number, the low byte first.
func (d *dump) int() int64 {
	negative := d.byte() != 0
	var bytes [8]byte
	for i := range d.intBytes {
		bytes[i] = d.byte()
	}
	if d.err != nil {
		return 0
	}
	n := int64(binary.LittleEndian.Uint64(bytes[:])) // what is too large is below 0, and refused
	if negative {
		return -n
	}
	return n
}

// text passes over a text, and tells whether there was one: a length below 0 is none.
func (d *dump) text() bool {
	length := d.int()
	if d.err != nil || length < 0 {
		return false
	}
	if length > maxDumpText {
		d.err = errors.New("it has a text that cannot be so long")
		return false
	}
	d.skip(length)
	return d.err == nil
}

func (d *dump) skip(n int64) {
	if d.err == nil {
		_, d.err = io.CopyN(io.Discard, d.in, n)
	}
}
