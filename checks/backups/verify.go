package backups

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"gumshoe/checks/reach"
)

// verdict is what looking into one file came to.
type verdict struct {
	outcome  reach.Outcome
	text     string
	how      string // as Copy.Verified
	bytes    int64
	checksum string
	format   string
	blind    error // we may not read it
}

const (
	unpackFactor = 8 // as much more may be made of what was read
	tailBytes    = 4096
	maxWindow    = 256 << 20 // of zstd
)

// errBound ends reading at the bounds: what was read so far is well.
var errBound = errors.New("the bound was reached")

// reader reads a file within the bounds, and says no more than that it did.
type reader struct {
	ctx      context.Context //nolint:containedctx // io.Reader has no other way
	file     *os.File
	deadline time.Time
	most     int64
	read     int64
}

func (r *reader) Read(p []byte) (int, error) {
	switch {
	case r.ctx.Err() != nil:
		return 0, r.ctx.Err()
	case r.read >= r.most, time.Now().After(r.deadline):
		return 0, errBound
	}
	n, err := r.file.Read(p[:min(int64(len(p)), r.most-r.read)])
	r.read += int64(n)
	return n, err
}

// judge verifies the newest file of a copy as far as the inputs and its format let us.
func (s *survey) judge(ctx context.Context, d Declared, file candidate) verdict {
	v := verdict{outcome: reach.OK, how: "unverified", checksum: "none", format: Auto}
	if file.folder {
		v.format, v.how = "directory", "structure"
		switch {
		case d.Format != Auto && d.Format != "directory":
			v.outcome, v.text = Corrupt, "it is a folder, and not a file of format "+d.Format
		case file.size == 0 && !file.partial:
			v.outcome, v.text = Empty, "no file in it has any content"
		}
		return v.atLeast(d, file)
	}
	if file.size == 0 {
		v.outcome, v.text = Empty, "it has no content"
		return v
	}
	f, err := os.Open(file.path)
	if err != nil {
		v.blind = err
		return v
	}
	defer f.Close()
	if s.in.Verify == "none" {
		return v.atLeast(d, file)
	}
	r := &reader{ctx: ctx, file: f, deadline: s.deadline, most: s.in.MaxBytes}
	if s.in.Verify == "read" {
		v.checksum, err = r.checksum(file)
		if err != nil {
			v.fail(err)
			return v
		}
		if v.checksum == "differs" {
			v.outcome, v.text = ChecksumMismatch, "it is not what the checksum beside it is of"
		}
	}
	v.bytes, r.read = r.read, 0
	read := v // a file with a wrong checksum is looked into, to tell what is wrong with it
	read.verify(r, d.Format, file.size, s.in.Verify == "header")
	read.bytes = max(read.bytes, r.read)
	if read.outcome == reach.OK {
		read.outcome, read.text = v.outcome, v.text
	}
	return read.atLeast(d, file)
}

// atLeast judges the size of what is otherwise well.
func (v verdict) atLeast(d Declared, file candidate) verdict {
	if v.outcome == reach.OK && file.size < d.MinSizeBytes && !file.partial {
		v.outcome, v.text = TooSmall, "it is smaller than it is declared to be at least"
	}
	return v
}

// fail tells from an error what is wrong with a file.
func (v *verdict) fail(err error) {
	switch {
	case errors.Is(err, errBound), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		v.how = "partly"
	case errors.Is(err, os.ErrPermission):
		v.blind = err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		v.outcome, v.text, v.how = Truncated, "it ends in the middle", "partly"
	case errors.Is(err, syscall.EIO):
		v.outcome, v.text, v.how = Corrupt, "the disk gives an error: "+reach.Printable(err.Error()), "partly"
	default:
		v.outcome, v.text, v.how = Corrupt, reach.Printable(err.Error()), "partly"
	}
}

// verify looks into a file. The format is told by its first bytes, and has to be
// the declared one; what is packed may be of the declared format inside.
func (v *verdict) verify(r *reader, declared string, size int64, headerOnly bool) {
	head := make([]byte, headBytes)
	n, err := r.file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		v.fail(err)
		return
	}
	head = head[:n]
	v.format = formatOf(head)
	packed := v.format == "gzip" || v.format == "zstd" || v.format == "bzip2" || v.format == "xz"
	inner := declared == "tar" || declared == "sql" || declared == "sqlite" || declared == "pg_dump"
	switch {
	case len(bytes.Trim(head, "\x00")) == 0:
		v.outcome, v.text = Corrupt, "it begins with nothing but zero bytes"
		return
	case declared == Auto, declared == "other", declared == v.format, packed && inner, declared == "sql" && v.format == "other":
	default:
		v.outcome, v.text = Corrupt, "it is declared to be "+declared+", and does not begin so"
		return
	}
	if declared == "sql" && v.format == "other" {
		v.format = "sql"
	}
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		v.fail(err)
		return
	}
	if headerOnly {
		v.how = "structure"
		if v.format == "other" {
			v.how = "unverified"
		}
		return
	}
	switch v.format {
	case "gzip", "zstd", "bzip2":
		v.unpack(r, declared)
	case "xz":
		v.structure(xzStructure(r.file, size))
	case "sqlite":
		v.structure(sqliteStructure(head, size))
	case "tar":
		v.structure(tarStructure(r, size))
	default:
		v.content(r, bufio.NewReaderSize(r, 1<<16), v.format)
		if v.outcome == reach.OK && v.how == "partly" && v.format == "sql" {
			v.structure(sqlTail(r.file, head, size))
		}
	}
}

func (v *verdict) structure(err error) {
	if v.how = "structure"; err != nil {
		v.fail(err)
	}
}

// unpack reads a packed file to its end, whose checksum is verified on the way.
func (v *verdict) unpack(r *reader, declared string) {
	var unpacked io.Reader
	in := bufio.NewReaderSize(r, 1<<16)
	switch v.format {
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			v.fail(err)
			return
		}
		unpacked = z
	case "zstd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			v.fail(err)
			return
		}
		defer z.Close()
		unpacked = z
	default:
		unpacked = bzip2.NewReader(in)
	}
	bounded := bufio.NewReaderSize(&unpackBound{in: unpacked, left: r.most * unpackFactor}, 1<<16)
	head, err := bounded.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		v.fail(err)
		return
	}
	inside := formatOf(head)
	switch {
	case declared == "sql" && inside == "other":
		inside = "sql"
	case (declared == "tar" || declared == "sql" || declared == "sqlite" || declared == "pg_dump") && inside != declared:
		v.outcome, v.text = Corrupt, "it is declared to be "+declared+", and what is packed in it does not begin so"
		return
	}
	v.content(r, bounded, inside)
}

// unpackBound ends a file that unpacks to more than can be meant.
type unpackBound struct {
	in   io.Reader
	left int64
}

func (u *unpackBound) Read(p []byte) (int, error) {
	if u.left <= 0 {
		return 0, errBound
	}
	n, err := u.in.Read(p[:min(int64(len(p)), u.left)])
	u.left -= int64(n)
	return n, err
}

// content reads what is not, or no longer, packed to its end.
func (v *verdict) content(_ *reader, in *bufio.Reader, format string) {
	v.how = "whole"
	head, _ := in.Peek(headBytes)
	head = bytes.Clone(head)
	end := &tail{}
	stream := io.TeeReader(in, end)
	var err error
	switch format {
	case "tar":
		err = readTar(stream)
	case "pg_dump":
		err = readDump(bufio.NewReaderSize(stream, 1<<16))
	}
	if err == nil {
		_, err = io.Copy(io.Discard, stream)
	}
	if err == nil {
		switch format {
		case "tar":
			err = tarEnd(end.last)
		case "sql":
			err = sqlEnd(head, end.last)
		case "other":
			if v.format == "other" {
				v.how = "unverified" // it could be read, and that is all
			}
		}
	}
	if err != nil {
		v.fail(err)
	}
}

// tail keeps the last bytes that were written to it.
type tail struct{ last []byte }

func (t *tail) Write(p []byte) (int, error) {
	if len(p) >= tailBytes {
		t.last = append(t.last[:0], p[len(p)-tailBytes:]...)
		return len(p), nil
	}
	t.last = append(t.last, p...)
	if len(t.last) > tailBytes {
		t.last = append(t.last[:0], t.last[len(t.last)-tailBytes:]...)
	}
	return len(p), nil
}
