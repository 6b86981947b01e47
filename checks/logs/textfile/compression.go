package textfile

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Compression is how a file is compressed, as its first bytes tell.
type Compression string

// The compressions that are read.
const (
	None  Compression = ""
	Gzip  Compression = "gzip"  // RFC 1952
	Zstd  Compression = "zstd"  // RFC 8878
	Bzip2 Compression = "bzip2" // magic of bzip2(1)
	XZ    Compression = "xz"    // The .xz File Format, 1.2.1
)

// magic looks at the first bytes of a file.
func magic(start []byte) Compression {
	switch {
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return Gzip
	case bytes.HasPrefix(start, []byte("\x28\xb5\x2f\xfd")):
		return Zstd
	case len(start) >= 4 && bytes.HasPrefix(start, []byte("BZh")) && start[3] >= '1' && start[3] <= '9':
		return Bzip2
	case bytes.HasPrefix(start, []byte("\xfd7zXZ\x00")):
		return XZ
	default:
		return None
	}
}

func compressionOf(file io.ReaderAt) (Compression, error) {
	start, err := readHead(file, 16)
	return magic(start), err
}

// maxWindow is how far back a compressed file may refer, in bytes, which is what
// reading it costs in memory. It is what zstd(1) and xz(1) write without --long=28
// and more, or a dictionary of one's own.
const maxWindow = 128 << 20

// decompress gives what is in a file. Its memory is bounded; close is never nil.
func decompress(c Compression, from io.Reader) (r io.Reader, closeIt func(), err error) {
	buffered := bufio.NewReaderSize(from, 256<<10)
	closeIt = func() {}
	switch c {
	case Gzip:
		r, err = gzip.NewReader(buffered)
	case Zstd:
		var d *zstd.Decoder
		d, err = zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			r, closeIt = d, d.Close
		}
	case Bzip2:
		r = bzip2.NewReader(buffered)
	case XZ:
		if err = checkDictionary(buffered); err == nil {
			r, err = xz.NewReader(buffered)
		}
	default:
		r = buffered
	}
	return r, closeIt, err
}

// checkDictionary refuses the dictionary of a first block that is too big. Offsets
// are those of the format, sections 2.1.1, 3.1 and 5.3.1: the filter LZMA2 has the
// number 0x21 and one byte of properties.
func checkDictionary(b *bufio.Reader) error {
	const header = 12
	start, err := b.Peek(header + 1)
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	size := (int(start[header]) + 1) * 4
	if start[header] == 0 {
		return nil // an index: there are no blocks
	}
	start, err = b.Peek(header + size)
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	block := start[header:]
	i := bytes.Index(block[2:size-4], []byte{0x21, 1})
	if i < 0 || i+4 >= size-4 {
		return errors.New("xz with a filter other than LZMA2 is not read")
	}
	bits := block[2+i+2] & 0x3f
	if dictionary := int64(2|bits&1) << (bits/2 + 11); bits >= 40 || dictionary > maxWindow {
		return fmt.Errorf("its dictionary is larger than %d MiB", maxWindow>>20)
	}
	return nil
}
