package capturefile

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWriter reads what was written: the same packets, and what was counted.
func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	interfaces := []Interface{
		{Name: "eth0", Description: "uplink", Filter: "port 53", LinkType: Ethernet, SnapLength: 96},
		{Name: "any", LinkType: LinuxSLL2},
		{LinkType: Raw},
	}
	for want, i := range interfaces {
		if n, err := w.Interface(i); err != nil || n != want {
			t.Fatal(n, err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, MaxData)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	var want []seen
	for i := range 5000 {
		n := random.IntN(300)
		if i == 4000 {
			n = MaxData
		}
		p := Packet{
			Data: noise[:n], WireLength: n + random.IntN(2)*1000, Time: 1700000000_000000000 + random.Int64N(1e15), Timed: true,
			Interface: i % 3,
		}
		if kept, err := w.Write(&p); err != nil || !kept {
			t.Fatal(kept, err)
		}
		link := interfaces[i%3].LinkType
		if i%3 == 0 {
			n = min(n, 96)
		}
		want = append(want, seen{string(noise[:n]), n, p.WireLength, p.Time, true, link, i % 3})
	}
	w.Count(0, Statistics{Received: 9000, Dropped: 3, SystemDropped: -1, Accepted: 7, Delivered: 7})
	w.Count(2, Statistics{Received: -1, Dropped: -1, SystemDropped: 0})
	written := w.Written()
	if err := w.Close(); err != nil || w.Full() {
		t.Fatal(err, w.Full())
	}
	if size := int64(out.Len()); size <= written || size > written+3*countsBlock {
		t.Errorf("%d bytes, of which %d were told before", size, written)
	}
	r, got := readWell(t, out.Bytes())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff[:1000])
	}
	for i := range interfaces {
		interfaces[i].Resolution = 1
	}
	interfaces[0].Packets, interfaces[0].Statistics = 1667, Statistics{9000, 3, -1, -1, 1667, -1}
	interfaces[1].Packets, interfaces[1].Statistics = 1667, Statistics{-1, -1, -1, -1, 1667, -1}
	interfaces[2].Packets, interfaces[2].Statistics = 1666, Statistics{-1, -1, -1, 0, 1666, -1}
	if diff := cmp.Diff(interfaces, r.Interfaces()); diff != "" {
		t.Error(diff)
	}
	path := write(t, "kept.pcapng", out.Bytes())
	compare(t, path)
}

// TestWriterLimit gives it less room than it needs: the first packets are kept, and
// how many there were is told.
func TestWriterLimit(t *testing.T) {
	for limit := range int64(1200) {
		var out bytes.Buffer
		w, err := NewWriter(&out, limit)
		if err != nil {
			if limit >= sectionSize {
				t.Fatal(limit, err)
			}
			continue
		}
		_, err = w.Interface(Interface{Name: "eth0", LinkType: Ethernet, SnapLength: 9})
		kept := 0
		if err == nil {
			for range 20 {
				ok, err := w.Write(&Packet{Data: []byte("0123456789"), WireLength: 10, Timed: true})
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					kept++
				}
			}
			if w.Full() != (kept < 20) {
				t.Errorf("limit %d: full %v with %d packets", limit, w.Full(), kept)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if int64(out.Len()) > limit {
			t.Errorf("%d bytes, with a limit of %d", out.Len(), limit)
		}
		r, got := readWell(t, out.Bytes())
		if len(got) != kept {
			t.Errorf("limit %d: %d packets were kept, and %d are there", limit, kept, len(got))
		}
		if i := r.Interfaces(); err == nil && i[0].Statistics.Delivered != 20 {
			t.Errorf("limit %d: %+v", limit, i)
		}
		if limit == 1199 && kept != 20 {
			t.Errorf("%d packets were kept in %d bytes", kept, limit)
		}
	}
}

// TestWriterHole has a packet without room, and a small one that would have some:
// it is left out as well.
func TestWriterHole(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, 1000)
	if err == nil {
		_, err = w.Interface(Interface{})
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range []int{100, 1000, 1} {
		if kept, err := w.Write(&Packet{Data: make([]byte, n), WireLength: n, Timed: true}); err != nil || kept != (i == 0) {
			t.Errorf("packet %d: %v, %v", i, kept, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if r, got := readWell(t, out.Bytes()); len(got) != 1 || r.Interfaces()[0].Statistics.Delivered != 3 {
		t.Error(got, r.Interfaces())
	}
}

// TestWriterRefused has what cannot be written: nothing of it is.
func TestWriterRefused(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []Interface{
		{SnapLength: -1}, {SnapLength: 1 << 32}, {Name: strings.Repeat("x", 1<<16)}, {Filter: strings.Repeat("x", math.MaxUint16)},
	} {
		if _, err := w.Interface(i); err == nil {
			t.Errorf("an interface with a name of %d bytes and a snap length of %d was taken", len(i.Name), i.SnapLength)
		}
	}
	if _, err := w.Interface(Interface{}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []Packet{
		{Timed: true, Interface: 1}, {Timed: true, Interface: -1}, {}, {Timed: true, Time: -1},
		{Timed: true, WireLength: -1}, {Timed: true, WireLength: 1 << 32}, {Timed: true, Data: make([]byte, MaxData+1)},
	} {
		if _, err := w.Write(&p); err == nil {
			t.Errorf("%+v was taken", p)
		}
	}
	w.Count(7, Statistics{}) // of no interface: nothing happens
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, got := readWell(t, out.Bytes()); len(got) != 0 {
		t.Error(got)
	}
	if _, err := w.Write(&Packet{Timed: true}); err == nil {
		t.Error("a packet was taken after Close")
	}
}

// TestWriterFails is about a disk that is full.
func TestWriterFails(t *testing.T) {
	full := errors.New("no space left on device")
	w, err := NewWriter(failing{full}, 1<<30)
	if err == nil {
		_, err = w.Interface(Interface{})
	}
	for range 100_000 {
		if err != nil {
			break
		}
		_, err = w.Write(&Packet{Data: make([]byte, 100), WireLength: 100, Timed: true})
	}
	if !errors.Is(err, full) || !errors.Is(w.Close(), full) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestWriterAllocations(t *testing.T) {
	w, err := NewWriter(bytes.NewBuffer(make([]byte, 0, 4<<20)), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Interface(Interface{}); err != nil {
		t.Fatal(err)
	}
	p := Packet{Data: make([]byte, 1000), WireLength: 1000, Timed: true}
	if n := testing.AllocsPerRun(2000, func() {
		if kept, err := w.Write(&p); err != nil || !kept {
			t.Fatal(kept, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

// TestWriterTools has other programs read what was written.
func TestWriterTools(t *testing.T) {
	capinfos := tool(t, "capinfos")
	var out bytes.Buffer
	w, err := NewWriter(&out, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []Interface{{Name: "eth0", LinkType: Ethernet, SnapLength: 96}, {Name: "wg0", Filter: "tcp", LinkType: Raw}} {
		if _, err := w.Interface(i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(&Packet{Data: make([]byte, 200), WireLength: 1500, Time: 1, Timed: true}); err != nil {
		t.Fatal(err)
	}
	w.Count(0, Statistics{Received: 12, Dropped: 11, SystemDropped: -1})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := exec.CommandContext(t.Context(), capinfos, write(t, "kept.pcapng", out.Bytes())).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, want := range []string{
		"Wireshark/... - pcapng", "Capture application: gumshoe", "Name = eth0", "Name = wg0", "Capture length = 96", "Time precision = nanoseconds (9)",
		"Encapsulation = Ethernet", "Encapsulation = Raw IP", "Number of stat entries = 1", "Filter string = tcp", "Number of packets = 1",
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("capinfos does not say %q:\n%s", want, text)
		}
	}
}
