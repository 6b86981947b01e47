package textfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"gumshoe/checks/logs/textfile"
)

func pack(t testing.TB, c textfile.Compression, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch c {
	case textfile.Gzip:
		w = gzip.NewWriter(&b)
	case textfile.Zstd:
		w, err = zstd.NewWriter(&b)
	case textfile.XZ:
		w, err = xz.NewWriter(&b)
	default:
		return data
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var compressions = []textfile.Compression{textfile.None, textfile.Gzip, textfile.Zstd, textfile.XZ}

func TestBlocksGiveEveryLineOnce(t *testing.T) {
	long := append(bytes.Repeat([]byte("x"), 3<<20), '\n')
	for _, c := range []struct {
		name string
		data []byte
		want []byte // nil: data
		read textfile.Read
	}{
		{name: "empty"},
		{name: "one line", data: []byte("a\n")},
		{name: "no newline", data: []byte("a\nb"), read: textfile.Read{Unfinished: true}},
		{name: "many", data: text(5 << 20)},
		{name: "CRLF", data: bytes.ReplaceAll(text(3<<20), []byte("\n"), []byte("\r\n"))},
		{name: "only newlines", data: bytes.Repeat([]byte("\n"), 3<<20)},
		{name: "a long line", data: bytes.Join([][]byte{text(1 << 20), long, text(1 << 20)}, nil)},
		{name: "a hole", data: bytes.Join([][]byte{[]byte("a\n"), make([]byte, 5<<20), []byte("b\n")}, nil),
			want: []byte("a\nb\n"), read: textfile.Read{HoleBytes: 5 << 20}},
		{name: "a hole at the start", data: append(make([]byte, 3<<20), "b\n"...),
			want: []byte("b\n"), read: textfile.Read{HoleBytes: 3 << 20}},
		{name: "a hole at the end", data: append([]byte("b\n"), make([]byte, 3<<20)...),
			want: []byte("b\n"), read: textfile.Read{HoleBytes: 3 << 20}},
		{name: "NULs within a line", data: append(append([]byte("b"), make([]byte, 3<<20)...), "c\n"...)},
	} {
		if c.want == nil {
			c.want = c.data
		}
		c.read.Bytes = int64(len(c.want))
		for _, compression := range compressions {
			for workers := 1; workers <= 3; workers++ {
				t.Run(fmt.Sprintf("%s/%s/%d", c.name, compression, workers), func(t *testing.T) {
					r := open(t, write(t, t.TempDir(), "app.log", pack(t, compression, c.data)))
					all, parts, read := content(t, r, workers, starts)
					if !bytes.Equal(all, c.want) {
						t.Errorf("%d bytes that are others than the %d wanted", len(all), len(c.want))
					}
					if diff := cmp.Diff(read, c.read); diff != "" {
						t.Errorf("read (-got +want):\n%s", diff)
					}
					for i, part := range parts {
						if i > 0 && c.name == "many" && !starts(bytes.SplitN(part, []byte("\n"), 2)[0]) {
							t.Errorf("block %d starts within a message: %.40q", i, part)
						}
					}
				})
			}
		}
	}
}

func TestLongestLines(t *testing.T) {
	for _, c := range []struct {
		name   string
		length int
		ending string
		cut    int64
		kept   int
	}{
		{name: "whole", length: textfile.MaxLine, ending: "\n", kept: textfile.MaxLine},
		{name: "one too long", length: textfile.MaxLine + 1, ending: "\n", cut: 1, kept: textfile.MaxLine},
		{name: "far too long", length: 3 * textfile.MaxLine, ending: "\n", cut: 1, kept: textfile.MaxLine},
	} {
		for _, compression := range []textfile.Compression{textfile.None, textfile.Gzip} {
			t.Run(c.name+"/"+string(compression), func(t *testing.T) {
				data := append([]byte("first\n"), bytes.Repeat([]byte("x"), c.length)...)
				data = append(data, c.ending+"last\n"...)
				want := append([]byte("first\n"), bytes.Repeat([]byte("x"), c.kept)...)
				want = append(want, "\nlast\n"...)
				r := open(t, write(t, t.TempDir(), "app.log", pack(t, compression, data)))
				all, _, read := content(t, r, 2, nil)
				if !bytes.Equal(all, want) {
					t.Errorf("%d bytes that are others than the %d wanted", len(all), len(want))
				}
				if read.CutLines != c.cut {
					t.Errorf("cut %d lines, want %d", read.CutLines, c.cut)
				}
			})
		}
	}
}

func TestTruncatedWhileReading(t *testing.T) {
	for _, regrown := range []bool{false, true} {
		t.Run(fmt.Sprintf("regrown %t", regrown), func(t *testing.T) {
			data := text(8 << 20)
			path := write(t, t.TempDir(), "app.log", data)
			r := open(t, path)
			var got []byte
			read, err := r.Blocks(t.Context(), 0, textfile.End, 1, nil, func(_ int, _ int64, b []byte) error {
				if got = append(got, b...); len(got) > 2<<20 {
					return nil
				}
				if err := os.Truncate(path, 0); err != nil || !regrown {
					return err
				}
				return os.WriteFile(path, bytes.Repeat([]byte("other\n"), 2<<20), 0o600)
			})
			if err != nil {
				t.Fatal(err)
			}
			if !read.Truncated {
				t.Error("truncated is not set")
			}
			if len(got) == 0 || !bytes.HasPrefix(data, got) {
				t.Errorf("%d bytes that were not in the file", len(got))
			}
		})
	}
}

func TestDamagedFilesGiveWhatCameBefore(t *testing.T) {
	data := text(4 << 20)
	for _, c := range compressions[1:] {
		packed := pack(t, c, data)
		r := open(t, write(t, t.TempDir(), "app.log", packed[:len(packed)/2]))
		all, _, read := content(t, r, 2, nil)
		if len(all) == 0 || !bytes.HasPrefix(data, all) {
			t.Errorf("%s: %d bytes that were not in the file", c, len(all))
		}
		if read.Corrupt == "" {
			t.Errorf("%s: nothing says that it is damaged", c)
		}
	}
}

func TestErrorAndContextEndBlocks(t *testing.T) {
	data, stop := text(16<<20), errors.New("stop")
	for _, c := range compressions {
		path := write(t, t.TempDir(), "app.log", pack(t, c, data))
		_, err := open(t, path).Blocks(t.Context(), 0, textfile.End, 2, nil,
			func(int, int64, []byte) error { return stop })
		if !errors.Is(err, stop) {
			t.Errorf("%s: error %v, want that of fn", c, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		blocks := 0
		_, err = open(t, path).Blocks(ctx, 0, textfile.End, 1, nil, func(int, int64, []byte) error {
			blocks++
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) || blocks != 1 {
			t.Errorf("%s: %d blocks and error %v, want one and the context's", c, blocks, err)
		}
	}
}
