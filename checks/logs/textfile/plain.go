package textfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
)

// plain cuts a plain file into blocks. One worker at a time looks for where the next
// block ends, which costs little; the workers read the blocks side by side.
type plain struct {
	r      *Reader
	starts func(line []byte) bool
	end    int64

	lock   sync.Mutex
	at     int64 // where the next block starts
	done   bool
	window []byte
	read   Read // what no block knows
}

// errTruncated ends the reading of a file that is shorter than it was.
var errTruncated = errors.New("truncated")

// next reads the next block, or gives io.EOF.
func (p *plain) next(ctx context.Context, b *block) error {
	from, to, cut, err := p.take(ctx)
	if err == nil {
		err = p.fill(b, from, to)
	}
	if err == nil {
		var cut bool
		if cut, err = p.r.truncated(); cut {
			err = errTruncated
		}
	}
	if errors.Is(err, errTruncated) {
		p.lock.Lock()
		defer p.lock.Unlock()
		p.done, p.read.Truncated = true, true
		b.data, b.read = b.data[:0], Read{}
		return io.EOF
	}
	if err != nil {
		b.data = b.data[:0]
		return err
	}
	if len(b.data) > MaxLine {
		last := bytes.LastIndexByte(b.data[:len(b.data)-1], '\n') + 1
		last += hole(b.data[last:])
		if n := len(bytes.TrimSuffix(b.data[last:], []byte("\n"))); n > MaxLine || cut {
			b.data = append(b.data[:last+min(n, MaxLine)], '\n')
			b.read.CutLines++
		}
	}
	skipped := hole(b.data)
	b.offset = from + int64(skipped)
	b.data, b.read.HoleBytes = dropHoles(b.data)
	b.read.Unfinished = to == p.r.File.Size && !cut && len(b.data) > 0 && b.data[len(b.data)-1] != '\n'
	return nil
}

func (p *plain) fill(b *block, from, to int64) error {
	n := int(to - from)
	if cap(b.data) < n {
		b.data = make([]byte, n, max(n, blockSize+blockSize/4))
	}
	b.data = b.data[:n]
	_, err := p.r.file.ReadAt(b.data, from)
	if errors.Is(err, io.EOF) {
		return errTruncated
	}
	return err
}

// take gives the part of the file that is the next block. cut is true when its last
// line is longer than MaxLine, and to is not where that line ends.
func (p *plain) take(ctx context.Context) (from, to int64, cut bool, err error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.done || p.at >= p.end {
		return 0, 0, false, io.EOF
	}
	from = p.at
	to = from + blockSize
	if to >= p.end {
		p.at = p.end
		return from, p.end, false, nil
	}
	if inHole, err := p.inHole(from, to); err != nil || inHole {
		p.at = to
		return from, to, false, err
	}
	line, err := p.newline(ctx, to-1)
	if err != nil {
		return 0, 0, false, err
	}
	if line > to+MaxLine+1 {
		p.at = line
		return from, to + MaxLine + 1, true, nil
	}
	to, err = p.record(line)
	p.at = to
	return from, to, false, err
}

// inHole is true when to stands among NULs that began at the start of a line, or of
// the block: between them, the file may be cut. A hole may be longer than MaxLine.
func (p *plain) inHole(from, to int64) (bool, error) {
	const step = 64 << 10
	for at := to; at > from; {
		n := min(step, at-from)
		if at == to {
			n = 2 // nearly always, this tells
		}
		w, err := p.look(at-n, int(n))
		if err != nil {
			return false, err
		}
		text := bytes.TrimRight(w, "\x00")
		if len(text) > 0 {
			return len(text) < len(w) && text[len(text)-1] == '\n' ||
				at != to && len(text) == len(w) && text[len(text)-1] == '\n', nil
		}
		at -= n
	}
	return true, nil
}

// newline gives the offset behind the first newline at or after the offset.
func (p *plain) newline(ctx context.Context, at int64) (int64, error) {
	for step := 4 << 10; at < p.end; step = min(2*step, blockSize) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		w, err := p.look(at, int(min(int64(step), p.end-at)))
		if err != nil {
			return 0, err
		}
		if i := bytes.IndexByte(w, '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
		at += int64(len(w))
	}
	return p.end, nil
}

// record gives where the first message at or after the line starts. When there is
// none in the next maxRecord bytes, the line has to do.
func (p *plain) record(line int64) (int64, error) {
	if p.starts == nil || line >= p.end {
		return line, nil
	}
	for size := int64(16 << 10); ; size *= 4 {
		size = min(size, maxRecord, p.end-line)
		w, err := p.look(line, int(size))
		if err != nil {
			return 0, err
		}
		for at := 0; ; {
			n := bytes.IndexByte(w[at:], '\n') + 1
			if n == 0 {
				break
			}
			if p.starts(trimEnd(w[at+hole(w[at:at+n]) : at+n])) {
				return line + int64(at), nil
			}
			at += n
		}
		switch size {
		case p.end - line:
			return p.end, nil
		case maxRecord:
			return line, nil
		}
	}
}

// look reads into the window, which the next look writes over.
func (p *plain) look(at int64, n int) ([]byte, error) {
	if cap(p.window) < n {
		p.window = make([]byte, max(n, 64<<10))
	}
	w := p.window[:n]
	_, err := p.r.file.ReadAt(w, at)
	if errors.Is(err, io.EOF) {
		return nil, errTruncated
	}
	return w, err
}
