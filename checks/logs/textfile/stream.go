package textfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
)

// stream cuts what a compressed file decompresses to into blocks. The worker that
// takes the next block decompresses it, while the others are busy with theirs.
type stream struct {
	r      *Reader
	from   *source
	text   io.Reader
	starts func(line []byte) bool

	lock  sync.Mutex
	at    int64  // of the next byte of text
	carry []byte // was read, and belongs to the next block
	done  bool
	read  Read // what no block knows
}

// source is the compressed file. It ends with the context, so that no member of it
// can keep the decompressor busy for long.
type source struct {
	ctx context.Context //nolint:containedctx // io.Reader has none; it lives for one call of Blocks
	io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	if s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
		return 0, s.err
	}
	n, err := s.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (r *Reader) stream(
	ctx context.Context, lo, hi int64, workers int, starts func(line []byte) bool,
	fn func(worker int, offset int64, block []byte) error,
) (Read, error) {
	from := &source{ctx: ctx, Reader: io.NewSectionReader(r.file, 0, r.File.Size)}
	s := &stream{r: r, from: from, starts: starts, at: lo}
	text, closeIt, err := decompress(r.File.Compression, from)
	defer closeIt()
	if err == nil {
		s.text = io.LimitReader(text, hi-lo)
		for left := lo; left > 0 && err == nil; {
			var n int64
			n, err = io.CopyN(io.Discard, text, min(left, blockSize))
			if left -= n; ctx.Err() != nil {
				err = context.Cause(ctx)
			}
		}
	}
	if err != nil {
		err = s.ended(ctx, err)
		return s.read, err
	}
	return share(ctx, workers, s.next, func() Read { return s.read }, fn)
}

// ended notes why there is no more text. An error is one of reading the file, or of
// the context; a damaged file is no error.
func (s *stream) ended(ctx context.Context, err error) error {
	s.done = true
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.EOF):
		return nil
	case s.from.err != nil:
		return s.from.err
	}
	cut, errStat := s.r.truncated()
	if cut {
		s.read.Truncated = true
	} else {
		s.read.Corrupt = err.Error()
	}
	return errStat
}

// next gives the next block, or io.EOF.
func (s *stream) next(ctx context.Context, b *block) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.done && len(s.carry) == 0 {
		return io.EOF
	}
	b.offset = s.at - int64(len(s.carry))
	b.data = append(b.data, s.carry...)
	s.keep(nil)
	size := len(b.data) + blockSize
	for !s.done {
		if err := s.fill(ctx, b, size); err != nil {
			b.data = b.data[:0]
			return err
		}
		if bytes.IndexByte(b.data, '\n') >= 0 {
			break
		}
		n := hole(b.data)
		b.data = append(b.data[:0], b.data[n:]...)
		b.offset += int64(n)
		b.read.HoleBytes += int64(n)
		if len(b.data) > MaxLine {
			return s.cut(ctx, b)
		}
		size = min(len(b.data)*2, MaxLine) + blockSize
	}
	if len(b.data) > MaxLine {
		s.shorten(b)
	}
	if !s.done {
		end := s.end(b.data)
		s.keep(b.data[end:])
		b.data = b.data[:end]
	}
	n := hole(b.data)
	b.offset += int64(n)
	kept, dropped := dropHoles(b.data)
	b.data = kept
	b.read.HoleBytes += dropped
	b.read.Unfinished = s.done && len(kept) > 0 && kept[len(kept)-1] != '\n'
	return nil
}

// keep sets what the next block starts with.
func (s *stream) keep(rest []byte) {
	if cap(s.carry) > 4*blockSize {
		s.carry = nil
	}
	s.carry = append(s.carry[:0], rest...)
}

// fill reads until the block has size bytes, or the text ends.
func (s *stream) fill(ctx context.Context, b *block, size int) error {
	if cap(b.data) < size {
		b.data = append(make([]byte, 0, size+blockSize/4), b.data...)
	}
	for len(b.data) < size && !s.done {
		n := len(b.data)
		got, err := s.text.Read(b.data[n:min(size, n+blockSize/4)])
		b.data = b.data[:n+got]
		s.at += int64(got)
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			continue
		}
		if err := s.ended(ctx, err); err != nil {
			return err
		}
	}
	return nil
}

// shorten cuts the first line of a block, the only one that can be too long.
func (s *stream) shorten(b *block) {
	line := bytes.IndexByte(b.data, '\n')
	if line < 0 {
		line = len(b.data)
	}
	if line > MaxLine {
		b.data = append(b.data[:MaxLine], b.data[line:]...)
		b.read.CutLines++
	}
}

// cut gives the start of a line that is too long, and looks for its end.
func (s *stream) cut(ctx context.Context, b *block) error {
	b.data = append(b.data[:MaxLine], '\n')
	b.read.CutLines++
	rest := block{data: make([]byte, 0, blockSize/2)}
	for !s.done {
		rest.data = rest.data[:0]
		if err := s.fill(ctx, &rest, blockSize/4); err != nil {
			b.data = b.data[:0]
			return err
		}
		if i := bytes.IndexByte(rest.data, '\n'); i >= 0 {
			s.keep(rest.data[i+1:])
			break
		}
	}
	return nil
}

// end gives where the last message of the block starts, which may go on behind it.
// When none starts in its last maxRecord bytes, the end of its last line has to do.
func (s *stream) end(data []byte) int {
	end := bytes.LastIndexByte(data, '\n') + 1
	if s.starts == nil || end == 0 {
		return end
	}
	for next := end; next > 0; {
		at := bytes.LastIndexByte(data[:next-1], '\n') + 1
		if at == 0 || end-at > maxRecord {
			break
		}
		if s.starts(trimEnd(data[at+hole(data[at:next]) : next])) {
			return at
		}
		next = at
	}
	return end
}
