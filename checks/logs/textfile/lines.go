package textfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"syscall"
)

const (
	// far is how much is read for one time.
	far = 16 << 20
	// seekData is SEEK_DATA of lseek(2): where a sparse file has data again.
	seekData = 3
)

// probe gives the first line with a time that starts in [at, bound), or io.EOF, or
// errFar. Probes that run backwards are errUnordered.
func (s *search) probe(at, bound int64) (stamp, error) {
	s.found.Probes++
	l := s.lines(max(at-1, 0), bound)
	if at > 0 {
		if _, _, err := l.line(); err != nil {
			return stamp{}, err
		}
	}
	p, err := l.stamped()
	if err != nil {
		return stamp{}, err
	}
	i, _ := slices.BinarySearchFunc(s.seen, p, func(a, b stamp) int {
		return int(min(max(a.offset-b.offset, -1), 1))
	})
	for k, q := range s.seen {
		if k < i && q.at > later(p.at, s.slack) || k >= i && p.at > later(q.at, s.slack) {
			return stamp{}, errUnordered
		}
	}
	s.seen = slices.Insert(s.seen, i, p)
	return p, nil
}

// lines gives lines that start in a part of the file.
type lines struct {
	s     *search
	bound int64
	size  int64 // of the file
	data  []byte
	base  int64 // where data is in the file
	at    int   // the next line in data
	step  int
	left  int64 // how much may still be read
}

func (s *search) lines(at, bound int64) *lines {
	return &lines{s: s, bound: bound, size: s.r.File.Size, base: at, step: precise, left: far}
}

// stamped gives the next line with a time.
func (l *lines) stamped() (stamp, error) {
	for {
		offset, line, err := l.line()
		if err != nil {
			return stamp{}, err
		}
		if at, ok := l.s.at(trimEnd(line[hole(line):])); ok {
			return stamp{offset, at}, nil
		}
	}
}

// line gives a line and where it starts. Of a long one it is the first MiB.
func (l *lines) line() (start int64, line []byte, err error) {
	start = l.base + int64(l.at)
	if start >= min(l.bound, l.size) {
		return 0, nil, io.EOF
	}
	var long []byte
	for scanned := 0; ; {
		if i := bytes.IndexByte(l.data[l.at+scanned:], '\n'); i >= 0 {
			line = l.data[l.at : l.at+scanned+i]
			l.at += scanned + i + 1
			break
		}
		scanned = len(l.data) - l.at
		if l.base+int64(len(l.data)) >= l.size {
			line = l.data[l.at:]
			l.at = len(l.data)
			break
		}
		if long == nil && scanned > maxRecord {
			long = bytes.Clone(l.data[l.at : l.at+maxRecord])
		}
		if long != nil {
			l.drop()
		}
		if err := l.more(); err != nil {
			return 0, nil, err
		}
		scanned = min(scanned, len(l.data)-l.at)
		if long != nil || len(l.data) == 0 {
			scanned = 0
		}
	}
	if long != nil {
		line = long
	}
	return start, line, nil
}

// drop forgets all data.
func (l *lines) drop() {
	l.base += int64(len(l.data))
	l.data, l.at = l.data[:0], 0
}

// more reads on behind the data.
func (l *lines) more() error {
	if l.s.ctx.Err() != nil {
		return context.Cause(l.s.ctx)
	}
	if l.left <= 0 {
		return errFar
	}
	l.data = append(l.data[:0], l.data[l.at:]...)
	l.base += int64(l.at)
	l.at = 0
	end := l.base + int64(len(l.data))
	n := int(min(int64(l.step), l.size-end))
	l.step = min(2*l.step, 256<<10)
	l.data = slices.Grow(l.data, n)
	got, err := l.s.r.file.ReadAt(l.data[len(l.data):len(l.data)+n], end)
	l.data = l.data[:len(l.data)+got]
	l.left -= int64(got)
	l.s.found.ReadBytes += int64(got)
	if errors.Is(err, io.EOF) { // truncated meanwhile: it ends here
		l.size, err = end+int64(got), nil
	}
	if err == nil && got > 0 && hole(l.data) == len(l.data) {
		l.drop()
		l.skipHole()
	}
	return err
}

// skipHole goes to where the file has data again, when its file system knows.
func (l *lines) skipHole() {
	data, err := l.s.r.file.Seek(l.base, seekData)
	switch {
	case errors.Is(err, syscall.ENXIO):
		l.base = l.size
	case err == nil && data > l.base:
		l.base = min(data, l.size)
	}
}
