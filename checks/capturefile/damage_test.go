package capturefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func wantDamageError(t testing.TB, r *Reader, err error, kind Kind, got, packets int, reason string) {
	t.Helper()
	var d *DamageError
	if !errors.As(err, &d) {
		t.Fatalf("got %v, want damage", err)
	}
	if d.Kind != kind || !strings.Contains(d.Reason, reason) {
		t.Errorf("got %s: %s\nwant %s: %s", d.Kind, d.Reason, kind, reason)
	}
	if got != packets || d.Packets != int64(packets) || r != nil && r.Packets() != int64(packets) {
		t.Errorf("got %d packets, and %d are told of, want %d", got, d.Packets, packets)
	}
}

// TestDamage has files with one thing in them that cannot be.
func TestDamage(t *testing.T) {
	le := binary.LittleEndian
	pcap := func() *pcapFile { return newPcap(le, 0xa1b2c3d4, 2, 4, 0, 1).packets("one", "two") }
	ng := func() *ngFile { return newNg(le).iface(1, 0).enhanced(0, 1, 3, "one") }
	last := func(f *ngFile, b ...byte) []byte { return append(f.b[:len(f.b)-len(b)], b...) }
	for _, test := range []struct {
		name    string
		file    []byte
		packets int
		reason  string
	}{
		{"a hole", append(pcap().b, make([]byte, 4096)...), 2, "there are zero bytes where a packet should begin"},
		{"a packet of 4 GB", pcap().u32(1700000000, 0, 0xffffffff, 0xffffffff).b, 2, "a packet of 4294967295 bytes"},
		{"more than there was, at an impossible time", pcap().record("data", 1700000000, 1e6, 4, 2).b, 2, "has captured 4 bytes of 2, at 1000000 fractions"},
		{"more than there was, in another time", pcap().record("data", 70, 0, 4, 2).b, 2, "has captured 4 bytes of 2, in the year 1970"},
		{"an impossible time in another year", pcap().record("data", 3900000000, 1e6, 4, 4).b, 2, "is of the year 2093, at 1000000 fractions"},

		{"a hole in pcapng", append(ng().b, make([]byte, 4096)...), 1, "there are zero bytes where a block should begin"},
		{"a block of 8 bytes", append(ng().b, 9, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0), 1, "a block has 8 bytes"},
		{"a block of 4 GB", append(ng().b, 9, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0), 1, "a block has 0 bytes"},
		{"another length at the end", last(ng().enhanced(0, 1, 3, "two"), 40, 0, 0, 0), 1, "a block says in its beginning that it has 36 bytes, and at its end that it has 40"},
		{"another length at the end of what is passed", last(ng().block(99, nil), 40, 0, 0, 0), 1, "a block says in its beginning that it has 12 bytes"},
		{"another length at the end of a section", last(ng().section(le, 1, 0), 40, 0, 0, 0), 1, "a block says in its beginning that it has 28 bytes"},
		{"another length at the end of what is long", last(ng().block(99, make([]byte, bufferSize)), 40, 0, 0, 0), 1, "a block says in its beginning that it has 524300 bytes"},
		{"an interface that there is not", ng().enhanced(1, 1, 3, "two").b, 1, "a packet is of interface 1, of which nothing was told"},
		{"interface 4294967295", ng().enhanced(1<<32-1, 1, 3, "two").b, 1, "a packet is of interface 4294967295"},
		{"an interface of the section before", ng().section(le, 1, 0).enhanced(0, 1, 3, "two").b, 1, "a packet is of interface 0, of which nothing was told"},
		{"no interface", newNg(le).simple(3, "one").b, 0, "a packet is of interface 0, of which nothing was told"},
		{"statistics of an interface that there is not", ng().statistics(1).b, 1, "there are statistics of interface 1"},
		{"short statistics", ng().block(blockStatistics, ng().u32s(0)).b, 1, "a block of statistics has 16 bytes"},
		{"a short packet", ng().block(blockEnhanced, make([]byte, 16)).b, 1, "a packet's block has 28 bytes"},
		{"a short obsolete packet", ng().block(blockPacket, make([]byte, 16)).b, 1, "a packet's block has 28 bytes"},
		{"a short simple packet", ng().block(blockSimple, nil).b, 1, "a packet's block has 12 bytes"},
		{"a short interface", ng().block(blockInterface, nil).b, 1, "an interface is described with 12 bytes"},
		{"a long interface", ng().iface(1, 0, make([]byte, bufferSize)).b, 1, "an interface is described with 524308 bytes"},
		{"a packet longer than its block", ng().block(blockEnhanced, append(ng().u32s(0, 0, 1, 5, 5), "data"...)).b, 1, "a packet of 5 bytes is said to be in a block of 36"},
		{"a simple packet longer than its block", ng().simple(5, "data").b, 1, "a packet of 5 bytes is said to be in a block of 20"},
		{"a packet longer than any", ng().enhanced(0, 1, 3, strings.Repeat("x", MaxData+1)).b, 1, "a packet of 262145 bytes, where the longest possible has 262144"},
		{"a packet longer than any, and than the buffer", ng().enhanced(0, 1, 3, strings.Repeat("x", bufferSize)).b, 1, "a packet of 524288 bytes, where the longest possible has 262144"},
		{"a section without byte order", ng().block(blockSection, make([]byte, 16)).b, 1, "a section begins without telling its byte order"},
		{"a short section", append(ng().b, 0x0a, 0x0d, 0x0d, 0x0a, 12, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1, "the block that begins a section has 12 bytes"},
		{"a section of the future", ng().section(le, 2, 0).b, 1, "a section is of version 2.0 of the format"},
		{"times finer than 64 bits", ng().iface(1, 0, ng().option(9, []byte{20})).b, 1, "finer than can be counted"},
		{"binary times finer than 64 bits", ng().iface(1, 0, ng().option(9, []byte{0x80 | 64})).b, 1, "finer than can be counted"},
		{"a resolution of two bytes", ng().iface(1, 0, ng().option(9, []byte{6, 0})).b, 1, "the resolution of an interface's times has 2 bytes"},
		{"an offset of four bytes", ng().iface(1, 0, ng().option(14, make([]byte, 4))).b, 1, "the offset of an interface's times has 4 bytes"},
		{"an option longer than its block", ng().iface(1, 0, ng().u32s(0xff0002)).b, 1, "an option of an interface is longer than its block"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantDamage(t, test.file, Damaged, test.packets, test.reason)
			r, err := NewReader(bytes.NewReader(test.file))
			if err != nil {
				t.Fatal(err)
			}
			_, first := drain(r)
			var p Packet
			if again := r.Next(&p); !errors.Is(again, first) {
				t.Errorf("called again, it says %v after %v", again, first)
			}
			// A file on disk tells how much was not read.
			disk, err := open(t, write(t, "damaged", test.file))
			if err != nil {
				t.Fatal(err)
			}
			_, err = drain(disk)
			var d *DamageError
			if errors.As(err, &d); d.Unread != int64(len(test.file))-d.Offset || d.Unread == 0 || d.Growing {
				t.Errorf("%d bytes of %d were not read, from byte %d", d.Unread, len(test.file), d.Offset)
			}
		})
	}
}

// TestDamageOffset has damage far into a file: where it is, is told.
func TestDamageOffset(t *testing.T) {
	for name, file := range map[string][]byte{
		"pcap":   newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1).packets(strings.Split(strings.Repeat("packet ", 100_000), " ")...).b,
		"pcapng": newNg(binary.BigEndian).iface(1, 0).block(99, make([]byte, 3*bufferSize)).block(99, make([]byte, 10)).b,
	} {
		_, _, err := readAll(t, append(file, make([]byte, 100)...))
		if d := (*DamageError)(nil); !errors.As(err, &d) || d.Offset != int64(len(file)) {
			t.Errorf("%s: %v, want byte %d", name, err, len(file))
		}
	}
}

// TestDamageHeader has files whose beginning is damaged.
func TestDamageHeader(t *testing.T) {
	le := binary.LittleEndian
	pcap, ng := newPcap(le, 0xa1b2c3d4, 2, 4, 0, 1).b, newNg(le).b
	packed := gzipped(t, pcap)
	for _, test := range []struct {
		name   string
		file   []byte
		kind   Kind
		reason string
	}{
		{"cut pcap", pcap[:23], Cut, "the file ends in its header"},
		{"cut pcapng", ng[:12], Cut, "the file ends in its header"},
		{"version 1", newPcap(le, 0xa1b2c3d4, 1, 4, 0, 1).b, Damaged, "it says that it is of version 1.4"},
		{"version 543.1", newPcap(le, 0xa1b2c3d4, 543, 1, 0, 1).b, Damaged, "it says that it is of version 543.1"},
		{"pcapng 2.0", (&ngFile{}).section(le, 2, 0).b, Damaged, "a section is of version 2.0"},
		{"pcapng without byte order", append([]byte("\x0a\x0d\x0d\x0a"), make([]byte, 30)...), Damaged, "a section begins without telling its byte order"},
		{"half of the magic of gzip", packed[:2], Cut, "in the middle of what is packed with gzip"},
		{"half of the header of gzip", packed[:9], Cut, "in the middle of what is packed with gzip"},
		{"nothing of what is packed", packed[:12], Cut, "in the middle of what is packed with gzip"},
		{"broken header of gzip", append([]byte("\x1f\x8b\x63"), packed[3:]...), Damaged, "it cannot be unpacked further: gzip: invalid header"},
		{"broken gzip", append(bytes.Clone(packed[:10]), 0xff, 0xff, 0xff, 0xff), Damaged, "it cannot be unpacked further: flate: corrupt input"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := NewReader(bytes.NewReader(test.file))
			if r != nil {
				t.Error("there is a reader")
			}
			wantDamageError(t, nil, err, test.kind, 0, 0, test.reason)
		})
	}
}

// samples are whole files, with two packets at least.
func samples(t testing.TB) map[string][]byte {
	le, be := binary.LittleEndian, binary.BigEndian
	pcap := newPcap(le, 0xa1b2c3d4, 2, 4, 0, 1).packets("one", "", "three")
	ng := newNg(be)
	ng.iface(1, 64, ng.text(2, "eth0"), ng.option(9, []byte{9}), ng.number(14, 7), ng.option(0, nil))
	ng.enhanced(0, 1, 3, "one", ng.text(1, "a comment"), ng.number(4, 2))
	ng.block(0xbad, []byte("something"))
	ng.simple(5, "two22").statistics(0, ng.number(5, 3), ng.number(7, 1))
	ng.section(le, 1, 0, ng.text(4, "somebody")).iface(101, 0).obsolete(0, 3, 9, 900, "three").enhanced(0, 1, 3, "four")
	packed := gzipped(t, pcap.b)
	return map[string][]byte{
		"pcap":                pcap.b,
		"modified":            newPcap(be, 0xa1b2cd34, 2, 4, 0, 1).record("one", 1, 2, 3, 3, 0, 0).record("two!", 1, 2, 4, 4, 0, 0).b,
		"pcapng":              ng.b,
		"gzip":                packed,
		"gzip of two members": append(gzipped(t, pcap.b[:50]), gzipped(t, pcap.b[50:])...),
		"zstd":                zstandard(t, ng.b),
	}
}

// TestCut cuts each file at every byte: what is left of it is read, and that it
// was cut is told.
func TestCut(t *testing.T) {
	for name, file := range samples(t) {
		t.Run(name, func(t *testing.T) {
			_, all := readWell(t, file)
			whole := 0
			for n := range file {
				r, err := NewReader(bytes.NewReader(file[:n]))
				var got []seen
				if err == nil {
					got, err = drain(r)
				}
				if len(got) > len(all) || !slices.Equal(got, all[:len(got)]) {
					t.Fatalf("cut at %d: %v", n, got)
				}
				var d *DamageError
				var not *NotCaptureError
				switch {
				case errors.As(err, &not) && n < 4:
				case errors.As(err, &d) && d.Kind == Cut && d.Packets == int64(len(got)):
				case errors.Is(err, io.EOF): // between two records
					whole++
				default:
					t.Fatalf("cut at %d: %v", n, err)
				}
			}
			// Between two records, only a file that is packed tells.
			bounds := map[string]int{"pcap": 3, "modified": 2, "pcapng": 9}[name]
			if name == "gzip of two members" {
				bounds = 0 // the first one ends in the middle of a record
			}
			if whole != bounds {
				t.Errorf("%d cuts were not told, want %d", whole, bounds)
			}
		})
	}
}

// TestFlip changes each byte of each file to some others: it is read without a
// panic, to an end, and without more memory than a whole file takes.
func TestFlip(t *testing.T) {
	for name, file := range samples(t) {
		t.Run(name, func(t *testing.T) {
			for at := range file {
				for _, to := range []byte{0, 0x7f, 0xff, file[at] ^ 1, file[at] ^ 0x80} {
					changed := bytes.Clone(file)
					changed[at] = to
					bounded(t, changed)
				}
			}
		})
	}
}

// bounded reads a file to its end, and sees how much memory that took.
func bounded(t testing.TB, file []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	packets, captured := 0, 0
	r, err := NewReader(bytes.NewReader(file))
	packing := ""
	if err == nil {
		packing = r.Packing()
		var p Packet
		for {
			if err = r.Next(&p); err != nil {
				break
			}
			if len(p.Data) > MaxData || len(p.Data) > p.Captured || p.Interface >= len(r.interfaces) {
				t.Fatalf("%d bytes of %d, interface %d", len(p.Data), p.Captured, p.Interface)
			}
			captured += len(p.Data)
			packets++
		}
		if r.Packets() != int64(packets) {
			t.Fatalf("%d packets of %d", packets, r.Packets())
		}
		r.Close()
	}
	runtime.ReadMemStats(&after)
	var d *DamageError
	var not *NotCaptureError
	if !errors.Is(err, io.EOF) && !errors.As(err, &d) && !errors.As(err, &not) {
		t.Fatal(err)
	}
	if err.Error() == "" || len(err.Error()) > 400 {
		t.Fatalf("an error of %d bytes", len(err.Error()))
	}
	if packing == "none" && captured > len(file) {
		t.Fatalf("%d bytes of packets in a file of %d", captured, len(file))
	}
	// Interfaces are what takes memory by the length of the file.
	most := uint64(2<<20 + 32*len(file))
	if head := file[:min(4, len(file))]; string(head) == "\x28\xb5\x2f\xfd" {
		most += 3 * maxWindow
	}
	if packing != "none" {
		most += 16 << 20
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > most {
		t.Fatalf("%d bytes of memory for a file of %d", took, len(file))
	}
}

// TestHostile has files that are made to take memory or time.
func TestHostile(t *testing.T) {
	le := binary.LittleEndian
	ng := newNg(le)
	for range maxInterfaces + 1 {
		ng.iface(1, 0, ng.text(2, strings.Repeat("n", 100)), ng.text(3, strings.Repeat("d", 100)), ng.text(11, "\x00"+strings.Repeat("f", 300)))
	}
	wantDamage(t, ng.b, Damaged, 0, "it has more than 16384 interfaces")
	bounded(t, ng.b)

	sections := newNg(le).iface(1, 0)
	for range 100_000 {
		sections.section(le, 1, 0)
	}
	readWell(t, sections.b)
	bounded(t, sections.b)

	zeros := append(newPcap(le, 0xa1b2c3d4, 2, 4, 0, 1).b, make([]byte, 60<<20)...)
	for _, packed := range [][]byte{gzipped(t, zeros), zstandard(t, zeros)} {
		wantDamage(t, packed, Damaged, 0, "zero bytes")
		bounded(t, packed)
	}
	bomb := newNg(le).block(99, make([]byte, 60<<20)).iface(1, 0).enhanced(0, 1, 3, "one")
	bounded(t, gzipped(t, bomb.b))
	for _, single := range []bool{false, true} { // a frame of one segment has a window of all its content
		wide := zstandard(t, bomb.b, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(single))
		_, err := NewReader(bytes.NewReader(wide))
		wantDamageError(t, nil, err, Damaged, 0, 0, "more memory than 8 MiB")
		bounded(t, wide)
	}
}

// TestPackedDamage has what is packed well, and is damaged as packed.
func TestPackedDamage(t *testing.T) {
	pcap := newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1).packets("one", "two", "three").b
	packed := gzipped(t, pcap)
	wrong := bytes.Clone(packed)
	wrong[len(wrong)-5] ^= 1 // in its checksum or length
	wantDamage(t, wrong, Damaged, 3, "it cannot be unpacked further: gzip: invalid checksum")
	disk, err := open(t, write(t, "damaged", wrong))
	if err != nil {
		t.Fatal(err)
	}
	_, err = drain(disk)
	if d := (*DamageError)(nil); !errors.As(err, &d) || d.Unread != -1 {
		t.Errorf("%v: bytes of a packed file are told not to be read", err)
	}
	wantDamage(t, append(bytes.Clone(packed), "something else"...), Damaged, 3, "it cannot be unpacked further: gzip: invalid header")

	packed = zstandard(t, pcap)
	packed[len(packed)-1] ^= 1
	_, err = NewReader(bytes.NewReader(packed)) // its only block is not given out
	wantDamageError(t, nil, err, Damaged, 0, 0, "it cannot be unpacked further: CRC check failed")
}

// TestGrowing reads a file while it is written: up to its end, which is told to be
// in the middle of a packet, and on when it has grown.
func TestGrowing(t *testing.T) {
	for name, file := range map[string][]byte{"pcap": samples(t)["pcap"], "pcapng": samples(t)["pcapng"]} {
		t.Run(name, func(t *testing.T) {
			_, all := readWell(t, file)
			path := write(t, "growing", file[:28])
			out, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			r, err := open(t, path)
			if err != nil {
				t.Fatal(err)
			}
			if r.Grew() {
				t.Error("it has grown already")
			}
			var got []seen
			cuts := 0
			for n := 28; n < len(file); n++ {
				more, err := drain1(r)
				got = append(got, more...)
				var d *DamageError
				switch {
				case errors.Is(err, io.EOF):
				case errors.As(err, &d) && d.Kind == Cut && d.Growing == (n > 28):
					if cuts++; n > 28 && !strings.Contains(d.Error(), "it is still being written") {
						t.Error(d)
					}
				default:
					t.Fatalf("at %d: %v", n, err)
				}
				if _, err := out.Write(file[n : n+1]); err != nil {
					t.Fatal(err)
				}
			}
			more, err := drain1(r)
			if got = append(got, more...); !errors.Is(err, io.EOF) || !cmp.Equal(all, got) || cuts == 0 || !r.Grew() {
				t.Errorf("%v, %d cuts, %s", err, cuts, cmp.Diff(all, got))
			}
		})
	}
}

// drain1 is drain for a reader that has read before.
func drain1(r *Reader) (packets []seen, err error) {
	var p Packet
	for {
		if err := r.Next(&p); err != nil {
			return packets, err
		}
		packets = append(packets, seen{string(p.Data), p.Captured, p.WireLength, p.Time, p.Timed, p.LinkType, p.Interface})
	}
}
