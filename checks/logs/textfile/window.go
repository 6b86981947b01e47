package textfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// TimeOf gives when a line was written, in nanoseconds since 1970. It is false of a
// line without a time, such as one of a stack trace, which belongs to the line before.
// The line is without its end; of one longer than 1 MiB it is the first MiB.
type TimeOf func(line []byte) (at int64, ok bool)

// Range is the part of a file that has the lines of a window of time.
type Range struct {
	Lo, Hi    int64 // offsets of starts of lines, or the end of the file
	Ordered   bool  // false when the file had to be taken whole: filter its lines one by one
	Probes    int
	ReadBytes int64
}

// precise is how near, in bytes, bisecting goes; the rest is read.
const precise = 8 << 10

// samples is into how many parts of a file it is looked first.
const samples = 7

// Range finds the lines of [from, to), in nanoseconds since 1970, of a plain file. Lines may
// stand before others that are older by up to slack. All lines of the window are in
// the range, and some around it: the caller filters them.
//
// A file whose lines run backwards by more than that where it is looked at, one
// without times where it is looked at, and a compressed one are taken whole. A clock
// that was set back by less than a seventh of the file covers may not be noticed. A stretch of 16 MiB
// without a time is not looked through: the range is wider then.
func (r *Reader) Range(
	ctx context.Context, from, to int64, slack time.Duration, at TimeOf,
) (Range, error) {
	if to < from || slack < 0 {
		return Range{}, fmt.Errorf("no such window: %d to %d, slack %s", from, to, slack)
	}
	if r.File.Compression != None {
		return Range{Hi: End}, nil
	}
	s := &search{ctx: ctx, r: r, at: at, slack: int64(slack), found: Range{Hi: r.File.Size}}
	err := s.window(earlier(from, s.slack), later(to, s.slack))
	if errors.Is(err, errUnordered) {
		return Range{Hi: r.File.Size, Probes: s.found.Probes, ReadBytes: s.found.ReadBytes}, nil
	}
	return s.found, err
}

func earlier(t, d int64) int64 {
	if t < math.MinInt64+d {
		return math.MinInt64
	}
	return t - d
}

func later(t, d int64) int64 {
	if t > math.MaxInt64-d {
		return math.MaxInt64
	}
	return t + d
}

var (
	errUnordered = errors.New("lines are out of order")
	errFar       = errors.New("no time far and wide")
)

// stamp is a line with a time.
type stamp struct{ offset, at int64 }

type search struct {
	ctx   context.Context //nolint:containedctx // a search is one call of Range
	r     *Reader
	at    TimeOf
	slack int64
	seen  []stamp // by offset
	found Range
}

// window sets the range. Lines before one that is older than low are older than the
// window; lines behind one that is high or more are younger.
func (s *search) window(low, high int64) error {
	first, err := s.probe(0, s.r.File.Size)
	if errors.Is(err, io.EOF) || errors.Is(err, errFar) {
		return errUnordered
	}
	if err != nil {
		return err
	}
	// Looks all over the file show a clock that was set back, and shorten the bisecting.
	for i := int64(1); i <= samples && s.r.File.Size > 16*precise; i++ {
		at := min(s.r.File.Size/samples*i, s.r.File.Size-precise)
		if _, err := s.probe(at, s.r.File.Size); err != nil &&
			!errors.Is(err, io.EOF) && !errors.Is(err, errFar) {
			return err
		}
	}
	s.found.Ordered = true
	left := first
	if first.at < low {
		left, s.found.Lo, err = s.edge(first, low, true)
		if err != nil {
			return err
		}
	}
	if first.at >= high {
		s.found.Hi = first.offset
		return nil
	}
	_, edge, err := s.edge(left, high, false)
	s.found.Hi = max(s.found.Lo, edge)
	return err
}

// edge gives the first line, behind the left one which is older than t, that is not
// older, or the end of the file; and the last that it knows to be older. When times
// are far apart, the edge is too low or too high, as asked.
func (s *search) edge(left stamp, t int64, low bool) (older stamp, edge int64, err error) {
	edge = s.r.File.Size
	defer func() {
		if errors.Is(err, errFar) {
			err = nil
			if low {
				edge = older.offset
			}
		}
	}()
	for _, p := range s.seen {
		if p.at < t {
			left = p
		}
	}
	for _, p := range s.seen {
		if p.offset > left.offset && p.at >= t {
			edge = p.offset
			break
		}
	}
	for bound := edge; bound-left.offset > precise; {
		middle := left.offset + (bound-left.offset)/2
		p, err := s.probe(middle, bound)
		switch {
		case errors.Is(err, io.EOF): // between middle and bound, no line with a time starts
			bound = middle
		case err != nil:
			return left, edge, err
		case p.at < t:
			left = p
		default:
			bound, edge = middle, p.offset
		}
	}
	l := s.lines(left.offset, edge)
	for {
		p, err := l.stamped()
		switch {
		case errors.Is(err, io.EOF):
			return left, edge, nil
		case err != nil:
			return left, edge, err
		case p.at >= t:
			return left, p.offset, nil
		}
		left = p
	}
}
