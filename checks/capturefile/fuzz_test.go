package capturefile

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzRead reads anything, within a bound of memory; what it reads of it, it can
// write, and reads the same again.
func FuzzRead(f *testing.F) {
	for _, file := range samples(f) {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		bounded(t, file)
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		defer r.Close()
		var out bytes.Buffer
		w, err := NewWriter(&out, 1<<40)
		if err != nil {
			t.Fatal(err)
		}
		var want []seen
		var p Packet
		known := 0
		for {
			if err := r.Next(&p); err != nil {
				break
			}
			for _, i := range r.interfaces[known:] {
				i.SnapLength = 0 // some have longer packets
				if _, err := w.Interface(i); err != nil {
					t.Fatal(err)
				}
				known++
			}
			if !p.Timed || p.Time < 0 || len(p.Data) < p.Captured {
				continue
			}
			if kept, err := w.Write(&p); err != nil || !kept {
				t.Fatal(kept, err)
			}
			if len(want) < 1000 {
				want = append(want, seen{string(p.Data), p.Captured, p.WireLength, p.Time, p.Timed, p.LinkType, p.Interface})
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := NewReader(&out)
		if err != nil {
			t.Fatal(err)
		}
		got, err := drain(again)
		if !errors.Is(err, io.EOF) || len(got) < len(want) {
			t.Fatalf("%d packets of %d: %v", len(got), len(want), err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%v, want %v", got[i], want[i])
			}
		}
	})
}
