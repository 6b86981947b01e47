package profile

import (
	"bytes"
	"errors"
	"runtime"
	"runtime/pprof"
	"testing"
)

// TestUnpackBombs: what is small as it is sent, and would be large once parsed, is
// refused before it is parsed.
func TestUnpackBombs(t *testing.T) {
	line := append([]byte{0x22, 0x80, 0x80, 0x80, 0x08}, bytes.Repeat([]byte{0x22, 0}, 8<<20)...)
	packedIDs := append([]byte{0x12, 0x85, 0x80, 0x80, 0x0c, 0x0a, 0x80, 0x80, 0x80, 0x0c}, make([]byte, 24<<20)...)
	for name, body := range map[string][]byte{
		"samples": bytes.Repeat([]byte{0x12, 0}, 8<<20), "mappings": bytes.Repeat([]byte{0x1a, 0}, 8<<20),
		"locations": bytes.Repeat([]byte{0x22, 0}, 8<<20), "functions": bytes.Repeat([]byte{0x2a, 0}, 8<<20),
		"texts": bytes.Repeat([]byte{0x32, 0}, 8<<20), "lines of a location": line, "places of a sample": packedIDs,
		"labels of a sample": append([]byte{0x12, 0x80, 0x80, 0x80, 0x08}, bytes.Repeat([]byte{0x1a, 0}, 8<<20)...),
	} {
		t.Run(name, func(t *testing.T) {
			body := packed(t, body)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := unpack(body)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, errHeavy) {
				t.Errorf("got %v, want %v", err, errHeavy)
			}
			if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 256 {
				t.Errorf("allocated %d MiB", mib)
			}
		})
	}
}

// TestWeigh: what a program of some size serves is far from the bound, and not
// weighed below what it takes.
func TestWeigh(t *testing.T) {
	var b bytes.Buffer
	if err := pprof.Lookup("allocs").WriteTo(&b, 0); err != nil {
		t.Fatal(err)
	}
	p, err := unpack(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := p.WriteUncompressed(&b); err != nil {
		t.Fatal(err)
	}
	bytes, err := weigh(b.Bytes())
	if err != nil || bytes < int64(b.Len()) || bytes > 64*int64(b.Len()) {
		t.Errorf("got %d of %d, %v", bytes, b.Len(), err)
	}
	for _, cut := range [][]byte{{0x80}, {0x12}, {0x12, 5, 0}, {0x11, 1}, {0x15, 1}, {0x08}, {0x07}} {
		if _, err := weigh(cut); !errors.Is(err, errCut) {
			t.Errorf("% x: got %v", cut, err)
		}
	}
}

// FuzzWeigh: whatever is sent, weighing it ends, and nothing weighs less than it is long.
func FuzzWeigh(f *testing.F) {
	f.Add(sampleProfile(f, "cpu"))
	f.Add([]byte{0x12, 0, 0x22, 2, 0x22, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		if bytes, err := weigh(body); err == nil && bytes < int64(len(body)) {
			t.Errorf("got %d for %d bytes", bytes, len(body))
		}
	})
}
