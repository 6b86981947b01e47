package livecapture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"gumshoe/checks/capturefile"
)

// Capture is a capture that goes on. It has to be closed. Only Stop may be called
// while another goroutine uses it.
type Capture struct {
	gate     sync.Mutex // between Stop and Close
	open     bool       // the descriptor is ours; behind gate
	stopping atomic.Bool

	fd        int
	ring      []byte // shared with the kernel; nil when closed
	blockSize int
	current   int   // number of the block that is read, or is read next
	reading   bool  // it is ours
	block     block // what is left of it
	snap      int
	poll      [1]unix.PollFd

	device     Device // the one; its Index is 0 for all
	left       []string
	filter     string // written out
	interfaces []capturefile.Interface
	known      map[place]int // index among interfaces
	last       place
	lastIndex  int

	given, taken int64 // taken counts the packets of the blocks that were read
	stats        Statistics
	down         bool      // the one interface is down
	ended        time.Time // when end was set
	end          error     // what Next gives when the ring is empty; nil while it goes on
}

// place is where packets come from. An interface that becomes another kind is
// another.
type place struct {
	index int32
	link  capturefile.LinkType
}

// Next gives the next packet, and waits for it. The error is that of ctx when it
// ends; io.EOF after Stop, when all was given; an *InterfaceError when the one
// interface has disappeared, and all that was captured of it was given; and
// fs.ErrClosed. A context that ends takes effect within BlockTimeout. Next may be
// called again with another.
//
// What is captured within the last BlockTimeout is not yet given: to have all
// packets of a window, call Stop at its end, and Next until io.EOF.
func (c *Capture) Next(ctx context.Context, p *Packet) error {
	if c.ring == nil {
		return fs.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		for c.block.left > 0 {
			o, err := c.block.next(p, c.snap)
			if err != nil || !c.locate(p, o) {
				c.stats.Malformed++
				continue
			}
			c.given++
			p.Number = c.given
			return nil
		}
		if c.advance() {
			continue
		}
		if err := c.wait(ctx); err != nil {
			return err
		}
	}
}

// locate fills in the interface of a packet. Not ok is one of a kind that was not
// to be captured.
func (c *Capture) locate(p *Packet, o origin) bool {
	link, ok := linkTypeOf(o.hardware)
	here := place{o.index, link}
	if ok && here != c.last {
		index, known := c.known[here]
		if !known {
			index = c.add(here, nameOf(c.fd, int(o.index)))
		}
		c.last, c.lastIndex = here, index
	}
	p.LinkType, p.Interface = link, c.lastIndex
	return ok
}

// add notes an interface that packets come from.
func (c *Capture) add(here place, name string) int {
	c.interfaces = append(c.interfaces, capturefile.Interface{
		Name: name, LinkType: here.link, SnapLength: int64(c.snap), Resolution: 1, Filter: c.filter, Statistics: unknown(),
	})
	c.known[here] = len(c.interfaces) - 1
	return c.known[here]
}

// status is that of a block, which the kernel and we write in turn.
func (c *Capture) status() *uint32 {
	at := c.current*c.blockSize + blockStatus
	return (*uint32)(unsafe.Pointer(&c.ring[at])) //nolint:gosec // the kernel writes it too: it has to be read and written atomically
}

// advance gives back the block that was read, and takes the next if there is one.
func (c *Capture) advance() bool {
	if c.reading {
		atomic.StoreUint32(c.status(), 0)
		c.reading = false
		c.current++
		if c.current*c.blockSize >= len(c.ring) {
			c.current = 0
		}
	}
	if atomic.LoadUint32(c.status())&statusUser == 0 {
		return false
	}
	c.reading = true
	from := c.current * c.blockSize
	var err error
	if c.block, err = openBlock(c.ring[from : from+c.blockSize : from+c.blockSize]); err != nil {
		c.stats.Malformed++
	}
	c.taken += int64(c.block.left)
	return true
}

// wait waits for a block, at most for BlockTimeout.
func (c *Capture) wait(ctx context.Context) error {
	if c.stopping.Load() {
		c.finish(io.EOF)
	}
	if c.end != nil {
		over, err := c.drained()
		if err != nil {
			return err
		}
		if over {
			return c.end
		}
	}
	patience := BlockTimeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, max(0, time.Until(deadline))+time.Millisecond)
	}
	if c.end != nil || c.down {
		patience = min(patience, 5*time.Millisecond) // no packet wakes us
	}
	n, err := unix.Poll(c.poll[:], int(patience.Milliseconds()))
	switch {
	case err != nil && !errors.Is(err, unix.EINTR):
		return fmt.Errorf("waiting for packets: %w", err)
	case err == nil && n > 0 && c.poll[0].Revents&^unix.POLLIN != 0:
		if err := c.trouble(); err != nil {
			return err
		}
	}
	if c.down {
		c.look()
	}
	return ctx.Err()
}

// trouble reads what is wrong with the socket.
func (c *Capture) trouble() error {
	number, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return fmt.Errorf("asking what is wrong with the capture: %w", err)
	}
	if number == int(unix.ENETDOWN) {
		c.down = true
		c.stats.Downs++
		return nil
	}
	return fmt.Errorf("the capture has ended: %w", unix.Errno(number))
}

// look sees what became of the interface that went down: it may be up again, or
// gone.
func (c *Capture) look() {
	switch up, exists := isUp(c.fd, c.device.Index); {
	case !exists && c.end == nil:
		c.down = false
		c.finish(&InterfaceError{Interface: c.device.Name, Problem: Gone})
	case up:
		c.down = false
	}
}

// finish makes the capture end with this error, once the ring is empty.
func (c *Capture) finish(end error) {
	if c.end == nil {
		c.end = end
		c.ended = time.Now()
	}
}

// drained tells whether all that was captured has been read. The counts tell; if
// they did not, time would.
func (c *Capture) drained() (bool, error) {
	s, err := c.Statistics()
	if err != nil {
		return false, err
	}
	return c.taken >= s.Seen-s.Dropped || time.Since(c.ended) > 4*BlockTimeout, nil
}

// Stop ends the capture, but for what is in the ring: Next gives it, and then
// io.EOF. It may be called from any goroutine, and again.
func (c *Capture) Stop() error {
	c.gate.Lock()
	defer c.gate.Unlock()
	if !c.open {
		return fs.ErrClosed
	}
	if err := attach(c.fd, nothing()); err != nil {
		return fmt.Errorf("ending the capture: %w", err)
	}
	c.stopping.Store(true)
	return nil
}

// Interfaces are those that packets can be of, by Packet.Interface. Those that
// appear while all are captured follow behind. Packets is not counted here.
func (c *Capture) Interfaces() []capturefile.Interface { return slices.Clone(c.interfaces) }

// LeftOut are the interfaces whose packets are not captured though all were asked
// for, as they were at Open, with the reason: what is concluded of all packets is not of theirs.
func (c *Capture) LeftOut() []string { return slices.Clone(c.left) }

// Statistics are the counts so far; of a closed capture, the last. Those of the
// kernel have 32 bits: ask before four thousand million packets have passed.
func (c *Capture) Statistics() (Statistics, error) {
	if c.ring != nil {
		s, err := unix.GetsockoptTpacketStatsV3(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err != nil {
			return c.stats, fmt.Errorf("asking how many packets were dropped: %w", err)
		}
		c.stats.Seen += int64(s.Packets) // the dropped are among them, and both begin anew
		c.stats.Dropped += int64(s.Drops)
		c.stats.Freezes += int64(s.Freeze_q_cnt)
	}
	c.stats.Given = c.given
	return c.stats, nil
}

// Close ends the capture, and frees the ring: the data of the last packet is gone
// with it. It may be called again.
func (c *Capture) Close() error {
	c.gate.Lock()
	defer c.gate.Unlock()
	if !c.open {
		return nil
	}
	c.open = false
	_, err := c.Statistics()
	ring := c.ring
	c.ring, c.block, c.reading = nil, block{}, false
	return errors.Join(err, unix.Munmap(ring), unix.Close(c.fd))
}
