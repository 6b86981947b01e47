package livecapture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"gumshoe/checks/capturefile"
)

// made is a packet as the kernel puts it into a block.
type made struct {
	data     []byte
	wire     int
	status   uint32
	tag      uint32
	protocol uint16
	hardware uint16
	kind     uint8
	index    int32
}

// makeBlock makes a block of packets, for the reader, that is this long.
func makeBlock(size int, packets ...made) []byte {
	b := make([]byte, size)
	put := binary.NativeEndian.PutUint32
	put(b, 1)
	put(b[blockStatus:], statusUser)
	put(b[12:], uint32(len(packets)))
	put(b[16:], blockHeader)
	at := blockHeader
	for i, p := range packets {
		const start = 82 // as for Ethernet
		h := b[at:]
		length := (start + len(p.data) + 15) &^ 15
		if i < len(packets)-1 {
			put(h, uint32(length))
		}
		put(h[4:], 1_700_000_000)
		put(h[8:], uint32(i))
		put(h[12:], uint32(len(p.data)))
		put(h[16:], uint32(p.wire))
		put(h[20:], p.status)
		binary.NativeEndian.PutUint16(h[24:], start)
		put(h[32:], p.tag)
		binary.NativeEndian.PutUint16(h[36:], p.protocol)
		put(h[packetHeader+4:], uint32(p.index))
		binary.NativeEndian.PutUint16(h[packetHeader+8:], p.hardware)
		h[packetHeader+10] = p.kind
		copy(h[start:], p.data)
		at += length
	}
	put(b[20:], uint32(at))
	return b
}

func TestBlock(t *testing.T) {
	frame := []byte("aaaaaabbbbbbccddddd")
	data := makeBlock(4096,
		made{data: frame, wire: 100, hardware: hardwareEthernet, index: 7, kind: 4, status: statusChecksumPending},
		made{data: frame, wire: 19, hardware: hardwareEthernet, kind: 1, status: statusTagValid | statusTagProtocolValid, tag: 0x6005, protocol: 0x88a8},
		made{data: frame, wire: 19, hardware: hardwareLoopback, kind: 2, status: statusTagValid, tag: 5},
		made{data: frame[:5], wire: 19, hardware: hardwareEthernet, kind: 3, status: statusTagValid, tag: 5},
		made{data: frame, wire: 19, hardware: hardwareNone, kind: 9, status: statusTagValid, tag: 5},
		made{data: nil, wire: 19, hardware: hardwareNone},
	)
	b, err := openBlock(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Packet{
		{Packet: capturefile.Packet{Data: frame, WireLength: 100}, Direction: Outgoing, ChecksumPending: true},
		{Packet: capturefile.Packet{Data: []byte("aaaaaabbbbbb\x88\xa8\x60\x05ccddddd"), WireLength: 23}, Direction: Broadcast, Tagged: true},
		{Packet: capturefile.Packet{Data: []byte("aaaaaabbbbbb\x81\x00\x00\x05ccddddd"), WireLength: 23}, Direction: Multicast, Tagged: true},
		{Packet: capturefile.Packet{Data: frame[:5], WireLength: 19}, Direction: ToOthers},
		{Packet: capturefile.Packet{Data: frame, WireLength: 19}, Direction: Unknown},
		{Packet: capturefile.Packet{Data: nil, WireLength: 19}, Direction: Incoming},
	} {
		var got Packet
		if _, err := b.next(&got, 0); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if !bytes.Equal(got.Data, want.Data) || got.Captured != len(want.Data) || got.WireLength != want.WireLength || got.Direction != want.Direction ||
			got.ChecksumPending != want.ChecksumPending || got.Tagged != want.Tagged || got.Time != 1_700_000_000_000_000_000+int64(i) || !got.Timed {
			t.Errorf("packet %d: got %+v, want %+v", i, got, want)
		}
	}
	if b.left != 0 {
		t.Errorf("%d packets are left", b.left)
	}
}

// TestBlockDamaged: each number of a block that can be wrong is found to be.
func TestBlockDamaged(t *testing.T) {
	good := func() []byte {
		p := made{data: make([]byte, 60), wire: 60, hardware: hardwareEthernet}
		return makeBlock(512, p, p)
	}
	const first = blockHeader
	for _, test := range []struct {
		name  string
		spoil func(b []byte)
		after int // packets before it is seen
	}{
		{"the first is in the header", func(b []byte) { b[16] = 4 }, -1},
		{"the first is behind the end", func(b []byte) { b[17] = 0xff }, 0},
		{"the first has no room", func(b []byte) { binary.NativeEndian.PutUint32(b[16:], 512-headerLength+1) }, 0},
		{"more packets than there are", func(b []byte) { b[15] = 0xff }, 1},
		{"captured too long", func(b []byte) { binary.NativeEndian.PutUint32(b[first+12:], 0xffffffff) }, 0},
		{"captured longer than the block by one", func(b []byte) { binary.NativeEndian.PutUint32(b[first+12:], 512-first-82+1) }, 0},
		{"data in the header", func(b []byte) { b[first+24] = headerLength - 1 }, 0},
		{"data behind the end", func(b []byte) { b[first+25] = 0xff }, 0},
		{"the next is the same", func(b []byte) { b[first], b[first+1] = 0, 0 }, 0},
		{"the next is behind the end", func(b []byte) { b[first+3] = 0xff }, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := good()
			test.spoil(data)
			b, err := openBlock(data)
			given := -1
			for ; err == nil && b.left > 0; given++ {
				var p Packet
				_, err = b.next(&p, 0)
			}
			if err == nil || given != test.after || b.left != 0 {
				t.Errorf("got %v after %d packets, %d left; want an error after %d", err, given, b.left, test.after)
			}
		})
	}
	if _, err := openBlock(make([]byte, blockHeader-1)); !errors.Is(err, errBlock) {
		t.Errorf("got %v of a block that is too short", err)
	}
}

// FuzzBlock: whatever is in a block, nothing outside it is read or written, what
// is given is bounded, and it ends.
func FuzzBlock(f *testing.F) {
	p := made{data: make([]byte, 60), wire: 60, hardware: hardwareEthernet, status: statusTagValid | statusTagProtocolValid, protocol: 0x8100}
	f.Add(makeBlock(512, p, p, p), 0)
	f.Add(makeBlock(512, p), 20)
	f.Add([]byte{}, 0)
	f.Add(bytes.Repeat([]byte{0xff}, 200), 1)
	f.Fuzz(func(t *testing.T, content []byte, snap int) {
		if snap < 0 || snap > capturefile.MaxData {
			return
		}
		const margin = 64
		memory := bytes.Repeat([]byte{0xa5}, margin+len(content)+margin)
		copy(memory[margin:], content)
		data := memory[margin : margin+len(content) : margin+len(content)]
		b, err := openBlock(data)
		for steps := 0; err == nil && b.left > 0; steps++ {
			var p Packet
			if steps > len(data)/headerLength {
				t.Fatal("it does not end")
			}
			if _, err = b.next(&p, snap); err != nil {
				break
			}
			limit := capturefile.MaxData
			if snap > 0 {
				limit = snap
			}
			if len(p.Data) > limit || p.Captured != len(p.Data) || cap(p.Data) != len(p.Data) || p.WireLength < 0 || p.Time < 0 || len(p.Data) > len(data) {
				t.Fatalf("got %+v", p)
			}
			if len(p.Data) > 0 && !inside(data, p.Data) {
				t.Fatal("data of outside the block")
			}
		}
		if err != nil && b.left != 0 {
			t.Fatalf("%d packets are left after %v", b.left, err)
		}
		for _, m := range [][]byte{memory[:margin], memory[margin+len(content):]} {
			if len(bytes.ReplaceAll(m, []byte{0xa5}, nil)) > 0 {
				t.Fatal("written outside the block")
			}
		}
	})
}

// inside tells whether part is in the memory of whole: a change of one is seen in
// the other.
func inside(whole, part []byte) bool {
	before := bytes.Clone(whole)
	part[0] ^= 0xff
	changed := !bytes.Equal(before, whole)
	part[0] ^= 0xff
	return changed
}
