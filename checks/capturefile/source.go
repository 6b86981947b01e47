package capturefile

import (
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// readSize is how much is read at once. What is read and looked at right after
	// stays in the processor's cache, if it is less than that.
	readSize = 128 << 10
	// bufferSize is for the longest packet with its options. Most files need no more
	// than smallBuffer.
	bufferSize  = 512 << 10
	smallBuffer = readSize + 16<<10
	// maxWindow is how far back zstd may look: what RFC 8878 wants of everyone who
	// unpacks, and what zstd -19 uses at most.
	maxWindow = 8 << 20
)

// source is a reader with a window of what was read: buf[r:w].
type source struct {
	in   io.Reader
	stop func() error // tells whether to read on
	buf  []byte
	r, w int
	base int64 // how far from the beginning buf[0] is
	err  error // why the last fill gave less than was wanted
}

func newSource(in io.Reader, stop func() error) *source {
	return &source{in: in, stop: stop, buf: make([]byte, smallBuffer)}
}

// offset is how far from the beginning the window begins.
func (s *source) offset() int64 { return s.base + int64(s.r) }

// have tells whether the window has n bytes, and reads on for them.
func (s *source) have(n int) bool { return s.w-s.r >= n || s.fill(n) }

// fill makes the window at least n bytes long, at most bufferSize, and moves it in
// the buffer. When there are no more, err says why, and the next fill tries again.
func (s *source) fill(n int) bool {
	to := s.buf
	if n > len(to) {
		to = make([]byte, bufferSize)
	}
	s.w = copy(to, s.buf[s.r:s.w])
	s.base += int64(s.r)
	s.r, s.buf = 0, to
	s.err = nil
	for idle := 0; s.w < n; {
		got, err := 0, s.stop()
		if err == nil {
			got, err = s.in.Read(s.buf[s.w:min(s.w+readSize, len(s.buf))])
		}
		s.w += got
		switch {
		case got > 0:
			idle = 0
		case idle == 100 && err == nil:
			err = io.ErrNoProgress
		default:
			idle++
		}
		if err != nil && s.w < n {
			s.err = err
			return false
		}
	}
	return true
}

// discard passes n bytes, and gives how many of them are not there yet.
func (s *source) discard(n int64) int64 {
	for {
		step := min(n, int64(s.w-s.r))
		s.r += int(step)
		n -= step
		if n == 0 || !s.have(1) {
			return n
		}
	}
}

// Read is for what unpacks.
func (s *source) Read(p []byte) (int, error) {
	if !s.have(1) {
		return 0, s.err
	}
	n := copy(p, s.buf[s.r:s.w])
	s.r += n
	return n, nil
}

// ReadByte is for gzip, which would otherwise read more than it needs.
func (s *source) ReadByte() (byte, error) {
	if !s.have(1) {
		return 0, s.err
	}
	b := s.buf[s.r]
	s.r++
	return b, nil
}

// packedError says what is wrong with what a file is packed by.
type packedError struct{ err error }

func (p *packedError) Error() string { return p.err.Error() }
func (p *packedError) Unwrap() error { return p.err }

// unpacker tells whether it is what was packed that ends, or reading it.
type unpacker struct {
	in   io.Reader
	from *source
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.in.Read(p)
	return n, u.explain(err)
}

func (u *unpacker) explain(err error) error {
	switch {
	case err == nil, err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF): //nolint:errorlint // io.Reader gives io.EOF itself
		return err
	case u.from.err != nil && !errors.Is(u.from.err, io.EOF):
		return u.from.err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &packedError{errors.New("zstd was told to use more memory than 8 MiB for it: unpack it with zstd -d --long=31")}
	default:
		return &packedError{err}
	}
}

// beginUnpacked finds out by the first bytes what a file is.
func (r *Reader) beginUnpacked(in io.Reader, stop func() error) error {
	r.packing = "none"
	r.s = newSource(in, stop)
	known, err := r.recognise()
	if known || err != nil {
		return err
	}
	u := &unpacker{from: r.s}
	switch head := r.s.buf[:r.s.w]; {
	case len(head) >= 2 && string(head[:2]) == "\x1f\x8b":
		r.packing = "gzip"
		u.in, err = gzip.NewReader(r.s)
	case len(head) >= 4 && string(head[:4]) == "\x28\xb5\x2f\xfd":
		r.packing = "zstd"
		var z *zstd.Decoder
		z, err = zstd.NewReader(r.s, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			u.in, r.unpack = z, z.Close
		}
	default:
		return r.notCapture()
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err = u.explain(err); err != nil {
		r.s.err = err
		return r.ended(0, true)
	}
	r.s = newSource(u, stop)
	known, err = r.recognise()
	if known || err != nil {
		return err
	}
	return r.notCapture()
}

// recognise tells whether the source begins as a capture does, and in which
// format and byte order. The error is that of reading.
func (r *Reader) recognise() (bool, error) {
	if !r.s.have(4) {
		// Fewer bytes than that are told from nothing, and from each other, by notCapture.
		if errors.Is(r.s.err, io.EOF) {
			return false, nil
		}
		return false, r.ended(0, true)
	}
	if string(r.s.buf[:4]) == "\x0a\x0d\x0d\x0a" {
		r.ng = true
		return true, nil
	}
	for _, m := range pcapMagics() {
		little, big := r.s.buf[:4], [4]byte{r.s.buf[3], r.s.buf[2], r.s.buf[1], r.s.buf[0]}
		if le32(little) == m.magic || le32(big[:]) == m.magic {
			r.bigEndian = le32(little) != m.magic
			r.pcap = m
			return true, nil
		}
	}
	return false, nil
}
