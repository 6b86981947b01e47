package livecapture

import (
	"encoding/binary"
	"errors"
	"slices"

	"gumshoe/checks/capturefile"
)

// This file takes apart what the kernel writes into a block of the ring, after
// linux/if_packet.h: tpacket_block_desc, and packets that each begin with a
// tpacket3_hdr and a sockaddr_ll. Whatever is in a block, nothing outside it is
// read or written.

const (
	blockHeader   = 48 // tpacket_block_desc with tpacket_hdr_v1
	blockStatus   = 8  // where the status of a block is
	packetHeader  = 48 // tpacket3_hdr
	addressLength = 20 // sockaddr_ll
	headerLength  = packetHeader + addressLength
	tagLength     = 4
	tagOffset     = 12 // where a VLAN tag is in Ethernet

	statusUser             = 1 << 0 // a block is the reader's
	statusChecksumPending  = 1 << 3
	statusTagValid         = 1 << 4
	statusTagProtocolValid = 1 << 6

	etherVLAN = 0x8100
)

var (
	errBlock  = errors.New("a block of the ring makes no sense")
	errPacket = errors.New("a packet in the ring makes no sense")
)

// block is what is left of a block of the ring.
type block struct {
	data []byte
	left uint32 // packets
	at   uint64 // of the next of them
}

// openBlock begins to read a block.
func openBlock(data []byte) (block, error) {
	if len(data) < blockHeader {
		return block{}, errBlock
	}
	b := block{data: data, left: binary.NativeEndian.Uint32(data[12:]), at: uint64(binary.NativeEndian.Uint32(data[16:]))}
	if b.left > 0 && b.at < blockHeader {
		return block{}, errBlock
	}
	return b, nil
}

// origin is what the kernel says of where a packet was captured.
type origin struct {
	index    int32 // of the interface
	hardware uint16
	kind     uint8 // where the packet went
}

// next takes the next packet of a block with packets left. After an error the
// rest of the block is of no use. All but LinkType, Interface and Number are set;
// at most snap bytes are given, or all of them when it is 0.
func (b *block) next(p *Packet, snap int) (origin, error) {
	size := uint64(len(b.data))
	if b.at+headerLength > size {
		b.left = 0
		return origin{}, errPacket
	}
	h := b.data[b.at : b.at+headerLength]
	skip := uint64(binary.NativeEndian.Uint32(h))
	captured := uint64(binary.NativeEndian.Uint32(h[12:]))
	wire := uint64(binary.NativeEndian.Uint32(h[16:]))
	status := binary.NativeEndian.Uint32(h[20:])
	start := uint64(binary.NativeEndian.Uint16(h[24:]))
	from := b.at + start
	b.left--
	if start < headerLength || from+captured > size || b.left > 0 && skip < headerLength {
		b.left = 0
		return origin{}, errPacket
	}
	o := origin{
		index:    int32(binary.NativeEndian.Uint32(h[packetHeader+4:])),
		hardware: binary.NativeEndian.Uint16(h[packetHeader+8:]),
		kind:     h[packetHeader+10],
	}
	data := b.data[from : from+captured]
	p.Tagged = status&statusTagValid != 0 && captured >= tagOffset && start >= headerLength+tagLength && isEthernet(o.hardware)
	if p.Tagged {
		data = b.data[from-tagLength : from+captured]
		copy(data, data[tagLength:tagLength+tagOffset])
		protocol := uint16(etherVLAN)
		if status&statusTagProtocolValid != 0 {
			protocol = binary.NativeEndian.Uint16(h[36:])
		}
		binary.BigEndian.PutUint16(data[tagOffset:], protocol)
		binary.BigEndian.PutUint16(data[tagOffset+2:], uint16(binary.NativeEndian.Uint32(h[32:])))
		wire += tagLength
	}
	limit := capturefile.MaxData
	if snap > 0 {
		limit = min(snap, limit)
	}
	if len(data) > limit {
		data = data[:limit]
	}
	p.Data = slices.Clip(data)
	p.Captured, p.WireLength = len(data), int(wire)
	p.Time = int64(binary.NativeEndian.Uint32(h[4:]))*1e9 + int64(binary.NativeEndian.Uint32(h[8:]))
	p.Timed = true
	p.ChecksumPending = status&statusChecksumPending != 0
	p.Direction = directionOf(o.kind)
	b.at += skip
	return o, nil
}

func isEthernet(hardware uint16) bool {
	return hardware == hardwareEthernet || hardware == hardwareLoopback
}

func directionOf(kind uint8) Direction {
	switch kind {
	case 0:
		return Incoming
	case 1:
		return Broadcast
	case 2:
		return Multicast
	case 3:
		return ToOthers
	case typeOutgoing:
		return Outgoing
	}
	return Unknown
}
