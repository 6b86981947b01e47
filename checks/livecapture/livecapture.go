// Package livecapture captures packets on Linux as they pass: without cgo, without
// libpcap, through a ring of memory that is shared with the kernel (TPACKET_V3).
// It changes nothing on the system, and starts no goroutines.
//
// # What is captured
//
// One interface, or all those of the network namespace that have a link type
// which filters know. Packets of all interfaces keep their own link types
// (Ethernet, or raw IP where there is no link header): unlike tcpdump -i any,
// which makes a header of its own (LINUX_SLL), hardware addresses and VLAN tags
// are kept, and one filter means the same on one interface and on all. With all
// interfaces, a packet that passes several of them (a bridge and its port, a VLAN
// and what is below it) is given by each.
//
// A filter is in the kernel before the first packet can arrive, as the socket is
// of no protocol until then: nothing has to be drained, and every packet that is
// given matches. A VLAN tag that the kernel has taken off is put back into
// the data, as libpcap does; the filter ran before that (see package packetfilter),
// so that len and greater are without it. On a loopback interface, where the kernel shows each
// packet as it goes out and as it comes in, only the latter is given.
//
// All packets of ten seconds, and no later ones:
//
//	c, err := livecapture.Open(livecapture.Options{Interface: "eth0", SnapLength: livecapture.HeadersOnly})
//	…
//	defer c.Close()
//	timer := time.AfterFunc(10*time.Second, func() { _ = c.Stop() })
//	defer timer.Stop()
//	var p livecapture.Packet
//	for err = c.Next(ctx, &p); err == nil; err = c.Next(ctx, &p) {
//		use(&p)
//	}
//	// io.EOF: all were given, but for those that Statistics says were Dropped.
//
// # What the data may look like
//
// Packets are as the kernel sees them. Those that are sent often have no checksum
// yet (Packet.ChecksumPending), as the network card makes it; those larger than
// the MTU have yet to be cut by the card, or were joined after they came
// (segmentation and receive offload: TSO, GSO, GRO). Neither is a fault of the
// network. Packets that the card itself drops are not seen.
//
// # Times
//
// Times are the kernel's, in nanoseconds, of when it first saw the packet.
// Packets come in the order in which the kernel noted them; with several
// processors, times may be out of order by microseconds.
package livecapture

import (
	"time"

	"gumshoe/checks/capturefile"
	"gumshoe/checks/packetfilter"
)

const (
	// HeadersOnly is a SnapLength in bytes that keeps the headers, and of many
	// protocols (DNS, the beginning of TLS and HTTP) what tells most.
	HeadersOnly = 256
	// DefaultRing is the Ring that is used when none is given: 8 MiB. It holds about
	// 23,000 packets of 256 bytes, or a quarter of a second at 90,000 in a second. Of
	// its blocks, 64 with a short SnapLength and 32 without, one is used up in each
	// BlockTimeout at least when anything passes: a reader that sleeps for more than
	// 1.5 s may lose packets of any traffic.
	DefaultRing = 8 << 20
	// MinRing is the least Ring that may be given: 64 KiB.
	MinRing = 64 << 10
	// MaxRing is the largest Ring that may be given: 1 GiB.
	MaxRing = 1 << 30
	// BlockTimeout is how long the kernel waits before it gives a block of packets
	// that is not full. Packets are given so much later than they were captured.
	BlockTimeout = 50 * time.Millisecond
)

// Options say what to capture. The zero value is everything: all packets of all
// interfaces, in whole.
type Options struct {
	// Interface is a name such as eth0; "" and any are all interfaces.
	Interface string
	// Filter is which packets; nil is all.
	Filter *packetfilter.Filter
	// SnapLength is how many bytes of each packet are kept, at most
	// capturefile.MaxData; 0 is all of them, up to 128 bytes less than that.
	SnapLength int
	// Promiscuous asks the interface for packets to others too. Only one interface
	// can be asked; Linux notes it in its log, and ends it with the capture.
	Promiscuous bool
	// Ring is how much memory is shared with the kernel, in bytes, from MinRing to
	// MaxRing; 0 is DefaultRing. It is rounded up to whole blocks, of which there are two
	// at least, and each has room for the longest packet. It is all the
	// memory that grows with traffic, and it is not swapped out.
	Ring int
}

// Direction is where a packet went.
type Direction string

// The directions that Linux tells apart. That of a packet to others is seen in
// promiscuous mode, on a bridge or where a switch sends more than it has to.
const (
	Incoming  Direction = "incoming"  // to this host
	Broadcast Direction = "broadcast" // to all, incoming
	Multicast Direction = "multicast" // to a group, incoming
	ToOthers  Direction = "to others" // incoming, and not to the address of the interface
	Outgoing  Direction = "outgoing"
	Unknown   Direction = "" // none of these
)

// Packet is one that was captured. Its Data is in the ring: it is valid until the
// next call of Next or Close, and reading it later crashes the program.
//
// Captured is the length of Data; WireLength counts a VLAN tag that was put back;
// Timed is always set. Interface is an index among Capture.Interfaces.
type Packet struct {
	capturefile.Packet
	Direction Direction
	// ChecksumPending is that the packet was captured before its checksum was made:
	// that of TCP or UDP is wrong, and this is no fault.
	ChecksumPending bool
	// Tagged is that the kernel had taken off a VLAN tag, which was put back.
	Tagged bool
}

// Statistics are counts since Open.
type Statistics struct {
	// Given is how many packets Next gave.
	Given int64
	// Seen is how many packets the kernel captured: they matched the filter. Those
	// that it then had no room for are among them.
	Seen int64
	// Dropped is how many of Seen were lost as the ring was full: the reader is too
	// slow or the ring too small. What is concluded from missing packets is wrong then.
	Dropped int64
	// Freezes is how often the ring was full.
	Freezes int64
	// Malformed is how many packets or blocks of the kernel made no sense, and were
	// left out. It is 0 on every kernel that we know.
	Malformed int64
	// Downs is how often the one interface was taken down during the capture.
	Downs int64
}

// File gives the counts as capture files have them. They are of all interfaces
// together: the kernel does not tell them apart.
func (s Statistics) File() capturefile.Statistics {
	return capturefile.Statistics{Received: s.Seen, Dropped: -1, Accepted: -1, SystemDropped: s.Dropped, Delivered: -1, Between: -1}
}

// Device is a network interface.
type Device struct {
	Name  string
	Index int
	// Up is that it was switched on; Carrier that there also is a link.
	Up, Carrier bool
	Loopback    bool
	// LinkType is how packets of it begin. It means nothing unless Capturable.
	LinkType capturefile.LinkType
	// Capturable is that packets of it can be captured. Those of link types that no
	// filter can be compiled for are captured only when it is named, without a filter.
	Capturable bool
}

// any tells whether packets of it are given when all interfaces are captured.
func (d Device) any() bool {
	return d.Capturable && (d.LinkType == capturefile.Ethernet || d.LinkType == capturefile.Raw)
}

// unknown are counts of which nothing was told.
func unknown() capturefile.Statistics {
	return capturefile.Statistics{Received: -1, Dropped: -1, Accepted: -1, SystemDropped: -1, Delivered: -1, Between: -1}
}
