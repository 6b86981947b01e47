package textfile_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"testing"
	"time"

	"gumshoe/checks/logs/textfile"
)

// write makes a file and gives its path.
func write(t testing.TB, folder, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open lists and opens one file.
func open(t testing.TB, path string) *textfile.Reader {
	t.Helper()
	logs, err := textfile.Find([]string{path}, false)
	if err != nil || len(logs) != 1 || len(logs[0].Generations) != 1 {
		t.Fatalf("Find(%s) = %+v, %v, want one file", path, logs, err)
	}
	r, err := logs[0].Generations[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// content is what Blocks gives, put in order.
func content(
	t testing.TB, r *textfile.Reader, workers int, starts func([]byte) bool,
) ([]byte, [][]byte, textfile.Read) {
	t.Helper()
	type block struct {
		offset int64
		data   []byte
	}
	var lock sync.Mutex
	var blocks []block
	last := make([]int64, workers)
	read, err := r.Blocks(context.Background(), 0, textfile.End, workers, starts,
		func(worker int, offset int64, data []byte) error {
			lock.Lock()
			defer lock.Unlock()
			if offset < last[worker] {
				t.Errorf("worker %d got offset %d behind %d", worker, offset, last[worker])
			}
			last[worker] = offset
			blocks = append(blocks, block{offset, bytes.Clone(data)})
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	sort.Slice(blocks, func(i, j int) bool { return blocks[i].offset < blocks[j].offset })
	var all []byte
	var parts [][]byte
	for _, b := range blocks {
		all = append(all, b.data...)
		parts = append(parts, b.data)
	}
	return all, parts, read
}

// stamped reads lines that begin with a number of 10 digits, in seconds.
func stamped(line []byte) (int64, bool) {
	if len(line) < 11 || line[10] != ' ' {
		return 0, false
	}
	seconds, err := strconv.ParseInt(string(line[:10]), 10, 64)
	return seconds * int64(time.Second), err == nil
}

func starts(line []byte) bool {
	_, ok := stamped(line)
	return ok
}

// text makes lines of about 100 bytes, one a second from 1700000000 on, with a stack
// trace of three lines behind every tenth.
func text(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%d INFO request %d of customer %d took %d ms and was answered from the cache of host web-%d\n",
			1700000000+i, i, i%977, i%313, i%7)
		if i%10 == 0 {
			b.WriteString("panic: no\n\tat first (a.go:1)\n\tat second (b.go:2)\n")
		}
	}
	return b.Bytes()
}

// within is the slow reference: the lines of [from, to), and those without a time
// behind them.
func within(data []byte, from, to int64) []byte {
	var kept []byte
	in := false
	for line := range bytes.Lines(data) {
		trimmed := bytes.TrimRight(bytes.TrimLeft(line, "\x00"), "\r\n")
		if at, ok := stamped(trimmed); ok {
			in = at >= from && at < to
		}
		if in {
			kept = append(kept, line...)
		}
	}
	return kept
}
