package textfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/checks/logs/textfile"
)

// names are those of the files that Find lists, a log a row.
func names(logs []textfile.Log) [][]string {
	var all [][]string
	for _, log := range logs {
		row := []string{}
		for _, f := range log.Generations {
			row = append(row, strings.TrimSpace(filepath.Base(f.Path)+" "+f.Skipped))
		}
		all = append(all, row)
	}
	return all
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   []string
		pattern string
		flat    bool
		want    [][]string
	}{
		{name: "none", pattern: "*.log"},
		{name: "no generations asked for", files: []string{"app.log", "app.log.1"}, pattern: "app.log", flat: true,
			want: [][]string{{"app.log"}}},
		{name: "numbers", files: []string{"app.log", "app.log.1", "app.log.2.gz", "app.log.10.gz"}, pattern: "*.log",
			want: [][]string{{"app.log.10.gz", "app.log.2.gz", "app.log.1", "app.log"}}},
		{name: "dates", pattern: "app.log",
			files: []string{"app.log", "app.log-20240103", "app.log-20240102.zst", "app-2024-01-02.log.gz"},
			want:  [][]string{{"app.log-20240102.zst", "app.log-20240103", "app.log"}}},
		{name: "dates of Logback", pattern: "app.log",
			files: []string{"app.log", "app.log.2024-01-02.1", "app.log.2024-01-02.0.gz", "app.log.2023-12-31"},
			want: [][]string{{"app.log.2023-12-31", "app.log.2024-01-02.0.gz", "app.log.2024-01-02.1",
				"app.log"}}},
		{name: "old", files: []string{"app.log", "app.log.old", "app.log.older"}, pattern: "app.log",
			want: [][]string{{"app.log.old", "app.log"}}},
		{name: "being compressed", files: []string{"app.log", "app.log.1", "app.log.1.gz"}, pattern: "app.log",
			want: [][]string{{"app.log.1", "app.log"}}},
		{name: "the pattern has the generations", files: []string{"app.log", "app.log.1", "apple"}, pattern: "app*",
			want: [][]string{{"app.log.1", "app.log"}, {"apple"}}},
		{name: "between rename and create", files: []string{"app.log.1"}, pattern: "app.log",
			want: [][]string{{"app.log.1"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			for _, name := range c.files {
				write(t, folder, name, []byte(name+"\n"))
			}
			logs, err := textfile.Find([]string{filepath.Join(folder, c.pattern)}, !c.flat)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(names(logs), c.want); diff != "" {
				t.Errorf("files (-got +want):\n%s", diff)
			}
		})
	}
}

func TestFindSkipsWhatCouldHang(t *testing.T) {
	folder := t.TempDir()
	path := write(t, folder, "a.log", []byte("a\n"))
	err := errors.Join(os.Mkdir(filepath.Join(folder, "b.log"), 0o700),
		syscall.Mkfifo(filepath.Join(folder, "c.log"), 0o600),
		os.Symlink(path, filepath.Join(folder, "d.log")),
		os.Symlink("/dev/null", filepath.Join(folder, "e.log")))
	if err != nil {
		t.Fatal(err)
	}
	logs, err := textfile.Find([]string{folder + "/*.log"}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"a.log"}, {"b.log a directory"}, {"c.log a named pipe"}, {"e.log a device"}}
	if diff := cmp.Diff(names(logs), want); diff != "" {
		t.Errorf("files (-got +want):\n%s", diff)
	}
	if _, err := logs[2].Generations[0].Open(); err == nil {
		t.Error("a named pipe is opened")
	}
}

func TestBadPatternsTellTheColumn(t *testing.T) {
	for pattern, want := range map[string]string{
		"app.log":  `pattern "app.log", column 1: not an absolute path: begin it with /`,
		"/a/[b":    `pattern "/a/[b", column 4: [ is not closed: write \[ for a bracket`,
		"/a/[]":    `pattern "/a/[]", column 4: a class without characters: write \[ for a bracket`,
		"/a[b/c]":  `pattern "/a[b/c]", column 3: [ is not closed before the next /: write \[ for a bracket`,
		`/a/b\`:    `pattern "/a/b\\", column 5: \ at the end escapes nothing: write \\ for a backslash`,
		"/a/[a-]x": `pattern "/a/[a-]x", column 4: not a pattern`,
	} {
		_, err := textfile.Find([]string{pattern}, false)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestRotationBetweenListingAndOpening(t *testing.T) {
	for _, c := range []struct {
		name   string
		rotate func(path string) error
		want   string
	}{
		{name: "renamed", want: "older\nlive\n", rotate: func(p string) error {
			return errors.Join(os.Rename(p+".1", p+".2"), os.Rename(p, p+".1"))
		}},
		{name: "renamed and created", want: "older\nlive\n", rotate: func(p string) error {
			return errors.Join(os.Rename(p, p+".0"), os.WriteFile(p, []byte("new\n"), 0o600))
		}},
		{name: "deleted", want: "live\n", rotate: func(p string) error { return os.Remove(p + ".1") }},
		{name: "replaced", want: "older\nnew\n", rotate: func(p string) error {
			return errors.Join(os.WriteFile(p+"~", []byte("new\n"), 0o600), os.Rename(p+"~", p))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			path := write(t, folder, "app.log", []byte("live\n"))
			write(t, folder, "app.log.1", []byte("older\n"))
			logs, err := textfile.Find([]string{path}, true)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.rotate(path); err != nil {
				t.Fatal(err)
			}
			readers, err := logs[0].Open()
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for _, r := range readers {
				all, _, _ := content(t, r, 1, nil)
				got += string(all)
				r.Close()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCopyBeforeTruncationCountsOnce(t *testing.T) {
	folder := t.TempDir()
	path := write(t, folder, "app.log", []byte("one\ntwo\n"))
	write(t, folder, "app.log.1", []byte("one\n"))
	logs, err := textfile.Find([]string{path}, true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(names(logs), [][]string{{"app.log"}}); diff != "" {
		t.Errorf("files (-got +want):\n%s", diff)
	}
}

func BenchmarkBlocks(b *testing.B) {
	data := text(200 << 20)
	for _, c := range []struct {
		name        string
		compression textfile.Compression
		workers     int
	}{
		{"plain/1", textfile.None, 1},
		{"plain/2", textfile.None, 2},
		{"gzip/2", textfile.Gzip, 2},
		{"zstd/2", textfile.Zstd, 2},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := open(b, write(b, b.TempDir(), "app.log", pack(b, c.compression, data)))
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				read, err := r.Blocks(b.Context(), 0, textfile.End, c.workers, nil,
					func(int, int64, []byte) error { return nil })
				if err != nil || read.Bytes != int64(len(data)) {
					b.Fatal(read, err)
				}
			}
		})
	}
}

func BenchmarkRange(b *testing.B) {
	data := text(1 << 30)
	r := open(b, write(b, b.TempDir(), "app.log", data))
	var last int64
	for line := range bytes.Lines(data[len(data)-1000:]) {
		if at, ok := stamped(line); ok {
			last = at
		}
	}
	from := last - int64(15*time.Minute)
	want := within(data, from, last)
	b.ReportAllocs()
	var got textfile.Range
	for b.Loop() {
		var err error
		if got, err = r.Range(b.Context(), from, last, time.Second, stamped); err != nil {
			b.Fatal(err)
		}
	}
	if !bytes.Equal(within(data[got.Lo:got.Hi], from, last), want) || len(want) == 0 {
		b.Fatalf("range %+v lacks lines of the window", got)
	}
	b.ReportMetric(float64(got.Probes), "probes")
	b.ReportMetric(float64(got.ReadBytes), "read-bytes")
	b.ReportMetric(float64(got.Hi-got.Lo), "range-bytes")
}
