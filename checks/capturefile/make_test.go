package capturefile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// byteOrder is how a file made here writes its numbers.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// pcapFile makes a pcap file, number by number.
type pcapFile struct {
	order byteOrder
	b     []byte
}

func newPcap(order byteOrder, magic uint32, major, minor uint16, snap, link uint32) *pcapFile {
	f := &pcapFile{order: order}
	f.u32(magic)
	f.b = order.AppendUint16(f.b, major)
	f.b = order.AppendUint16(f.b, minor)
	f.u32(0xffff8f80, 0, snap, link) // a time zone of -8 h, which nobody looks at
	return f
}

func (f *pcapFile) u32(values ...uint32) *pcapFile {
	for _, v := range values {
		f.b = f.order.AppendUint32(f.b, v)
	}
	return f
}

// record adds a record: numbers of its header, and the data.
func (f *pcapFile) record(data string, header ...uint32) *pcapFile {
	f.u32(header...)
	f.b = append(f.b, data...)
	return f
}

// packets adds ordinary records with this data, a millisecond apart.
func (f *pcapFile) packets(data ...string) *pcapFile {
	for i, d := range data {
		f.record(d, 1700000000, uint32(1000*i), uint32(len(d)), uint32(len(d)))
	}
	return f
}

// ngFile makes a pcapng file, block by block.
type ngFile struct {
	order byteOrder
	b     []byte
}

func newNg(order byteOrder) *ngFile { return (&ngFile{order: order}).section(order, 1, 0) }

// section begins another one, which may be of another byte order.
func (f *ngFile) section(order byteOrder, major, minor uint16, options ...[]byte) *ngFile {
	f.order = order
	body := order.AppendUint32(nil, 0x1a2b3c4d)
	body = order.AppendUint16(body, major)
	body = order.AppendUint16(body, minor)
	body = order.AppendUint64(body, 1<<64-1)
	return f.block(blockSection, body, options...)
}

func (f *ngFile) block(kind uint32, body []byte, options ...[]byte) *ngFile {
	body = bytes.Clone(body)
	body = append(body, make([]byte, -len(body)&3)...)
	body = append(body, bytes.Join(options, nil)...)
	f.b = f.order.AppendUint32(f.b, kind)
	f.b = f.order.AppendUint32(f.b, uint32(len(body)+12))
	f.b = append(f.b, body...)
	f.b = f.order.AppendUint32(f.b, uint32(len(body)+12))
	return f
}

func (f *ngFile) option(code uint16, value []byte) []byte {
	b := f.order.AppendUint16(nil, code)
	b = f.order.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	return append(b, make([]byte, -len(value)&3)...)
}

func (f *ngFile) text(code uint16, value string) []byte { return f.option(code, []byte(value)) }

func (f *ngFile) number(code uint16, value uint64) []byte {
	return f.option(code, f.order.AppendUint64(nil, value))
}

func (f *ngFile) iface(link uint16, snap uint32, options ...[]byte) *ngFile {
	body := f.order.AppendUint16(nil, link)
	body = append(body, 0, 0)
	return f.block(blockInterface, f.order.AppendUint32(body, snap), options...)
}

func (f *ngFile) u32s(values ...uint32) []byte {
	var b []byte
	for _, v := range values {
		b = f.order.AppendUint32(b, v)
	}
	return b
}

func (f *ngFile) enhanced(iface uint32, time uint64, wire uint32, data string, options ...[]byte) *ngFile {
	head := f.u32s(iface, uint32(time>>32), uint32(time), uint32(len(data)), wire)
	return f.block(blockEnhanced, append(head, data...), options...)
}

func (f *ngFile) simple(wire uint32, data string) *ngFile {
	return f.block(blockSimple, append(f.u32s(wire), data...))
}

func (f *ngFile) obsolete(iface, drops uint16, time uint64, wire uint32, data string, options ...[]byte) *ngFile {
	head := f.order.AppendUint16(nil, iface)
	head = f.order.AppendUint16(head, drops)
	head = append(head, f.u32s(uint32(time>>32), uint32(time), uint32(len(data)), wire)...)
	return f.block(blockPacket, append(head, data...), options...)
}

func (f *ngFile) statistics(iface uint32, options ...[]byte) *ngFile {
	return f.block(blockStatistics, f.u32s(iface, 0, 0), options...)
}

// seen is a packet that was read, with a copy of its data.
type seen struct {
	Data       string
	Captured   int
	WireLength int
	Time       int64
	Timed      bool
	LinkType   LinkType
	Interface  int
}

// drain reads all packets, and the error at the end.
func drain(r *Reader) (packets []seen, err error) {
	var p Packet
	for n := int64(1); ; n++ {
		if err := r.Next(&p); err != nil {
			return packets, err
		}
		if p.Number != n {
			return packets, errors.New("packets are not counted")
		}
		packets = append(packets, seen{string(p.Data), p.Captured, p.WireLength, p.Time, p.Timed, p.LinkType, p.Interface})
	}
}

// readAll reads a file that has to begin well.
func readAll(t testing.TB, file []byte) (*Reader, []seen, error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	packets, err := drain(r)
	return r, packets, err
}

// readWell reads a file that has to be whole.
func readWell(t testing.TB, file []byte) (*Reader, []seen) {
	t.Helper()
	r, packets, err := readAll(t, file)
	if !errors.Is(err, io.EOF) {
		t.Fatalf("after %d packets: %v", len(packets), err)
	}
	return r, packets
}

func open(t testing.TB, path string) (*Reader, error) {
	t.Helper()
	r, err := Open(t.Context(), path)
	if err == nil {
		t.Cleanup(func() { r.Close() })
	}
	return r, err
}

func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(content)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t testing.TB, content []byte, options ...zstd.EOption) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, append(options, zstd.WithEncoderCRC(true))...)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(content, nil)
}
