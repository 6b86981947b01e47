package textfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
)

const (
	// MaxLine is the longest line that is given whole, in bytes without its newline.
	MaxLine = 64 << 20
	// maxRecord is the longest message of several lines that is kept in one block.
	maxRecord = 1 << 20
	// blockSize is about what a block has. It fits into the cache of a core.
	blockSize = 1 << 20
)

// End as the end of a range means the end of the file.
const End = math.MaxInt64

// Read is what was read of a file. Its zero value is that of an empty file.
type Read struct {
	Bytes      int64  // given to fn
	CutLines   int64  // lines longer than MaxLine: their rest is dropped, and each counts once
	HoleBytes  int64  // NULs at the start of a line, as copytruncate leaves them: dropped
	Truncated  bool   // the file was truncated or written anew meanwhile: what follows was not read
	Unfinished bool   // the last line has no newline: it is given all the same
	Corrupt    string // what is wrong with a compressed file; what came before it counts
}

func (a *Read) add(b Read) {
	a.Bytes += b.Bytes
	a.CutLines += b.CutLines
	a.HoleBytes += b.HoleBytes
	a.Truncated = a.Truncated || b.Truncated
	a.Unfinished = a.Unfinished || b.Unfinished
	if a.Corrupt == "" {
		a.Corrupt = b.Corrupt
	}
}

// Blocks calls fn with the lines of [lo, hi), in blocks of about 1 MiB, from up to
// workers goroutines. A worker is 0 to workers-1; its calls do not overlap, and its
// blocks are in order of their offset, which is where a block stands in the file.
// lo is the start of a line. Of a compressed file, offsets are those in what it
// decompresses to, and one worker decompresses while the others are in fn.
//
// A block starts where a line starts and, when starts is not nil, where starts is
// true of the line, which it gets without its end: a message of several lines stays
// in one block unless it is longer than 1 MiB. starts is called from any goroutine,
// one at a time. fn may change the block, and must not keep it.
//
// An error of fn, or the end of ctx, ends all within a block. Blocks returns when all
// goroutines are done, also with an error: then with what was read until then.
func (r *Reader) Blocks(
	ctx context.Context, lo, hi int64, workers int, starts func(line []byte) bool,
	fn func(worker int, offset int64, block []byte) error,
) (Read, error) {
	if lo < 0 || hi < lo || workers < 1 {
		return Read{}, fmt.Errorf("no such blocks: range %d to %d, %d workers", lo, hi, workers)
	}
	if r.File.Compression != None {
		return r.stream(ctx, lo, hi, workers, starts, fn)
	}
	p := &plain{r: r, starts: starts, at: lo, end: min(hi, r.File.Size)}
	return share(ctx, workers, p.next, func() Read { return p.read }, fn)
}

// block is a buffer with lines.
type block struct {
	data   []byte
	offset int64
	read   Read
}

// shrink lets go of a buffer that a long line has made large.
func (b *block) shrink() {
	if cap(b.data) > 4*blockSize {
		b.data = nil
	}
	b.data, b.read = b.data[:0], Read{}
}

// share has the workers take blocks until next gives io.EOF.
func share(
	ctx context.Context, workers int, next func(context.Context, *block) error, rest func() Read,
	fn func(worker int, offset int64, block []byte) error,
) (Read, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var total Read
	var lock sync.Mutex
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			var b block
			var sum Read
			for ctx.Err() == nil {
				b.shrink()
				err := next(ctx, &b)
				if errors.Is(err, io.EOF) {
					break
				}
				if err == nil && len(b.data) > 0 {
					b.read.Bytes = int64(len(b.data))
					err = fn(worker, b.offset, b.data)
				}
				sum.add(b.read)
				if err != nil {
					cancel(err)
				}
			}
			lock.Lock()
			defer lock.Unlock()
			total.add(sum)
		})
	}
	group.Wait()
	total.add(rest())
	if ctx.Err() != nil {
		return total, context.Cause(ctx)
	}
	return total, nil
}

// dropHoles drops the NULs at the starts of lines, in place.
func dropHoles(b []byte) (kept []byte, dropped int64) {
	if bytes.IndexByte(b, 0) < 0 {
		return b, 0
	}
	kept = b[:0]
	for len(b) > 0 {
		n := hole(b)
		dropped += int64(n)
		b = b[n:]
		i := bytes.Index(b, []byte("\n\x00"))
		if i < 0 {
			i = len(b) - 1
		}
		kept = append(kept, b[:i+1]...)
		b = b[i+1:]
	}
	return kept, dropped
}

// hole is how many NULs b starts with.
func hole(b []byte) int {
	var zeros [4096]byte
	n := 0
	for len(b)-n >= len(zeros) && bytes.Equal(b[n:n+len(zeros)], zeros[:]) {
		n += len(zeros)
	}
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n
}

// trimEnd takes a line's end off.
func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
