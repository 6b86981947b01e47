package capturefile

import (
	"fmt"
	"math"
	"strings"
	"unicode"
)

// options are those of a block of pcapng.
type options struct {
	r    *Reader
	rest []byte
	bad  bool // the last is longer than what is left
}

// next gives the next option that is there.
func (o *options) next() (code uint16, value []byte, ok bool) {
	if len(o.rest) < 4 { // it has whole words
		return 0, nil, false
	}
	code = o.r.uint16(o.rest)
	length := int(o.r.uint16(o.rest[2:]))
	o.bad = code != 0 && length > len(o.rest)-4
	if o.bad || code == 0 {
		return 0, nil, false
	}
	value = o.rest[4 : 4+length]
	o.rest = o.rest[min(len(o.rest), 4+(length+3)&^3):]
	return code, value, true
}

// describe reads what a block tells about an interface, and says what is wrong with
// it. An option that is broken could be that of the times, so it is not passed
// over.
func (r *Reader) describe(b []byte) (reason string) {
	if len(b) < 16 {
		return fmt.Sprintf("an interface is described with %d bytes", len(b)+4)
	}
	if len(r.interfaces) == maxInterfaces {
		return fmt.Sprintf("it has more than %d interfaces", maxInterfaces)
	}
	i := Interface{
		LinkType: LinkType(r.uint16(b[8:])), SnapLength: int64(r.uint32(b[12:])),
		Statistics: unknownStatistics(),
	}
	resolution, offset := byte(6), int64(0) // microseconds, if nothing is said
	o := options{r: r, rest: b[16:]}
	for code, value, ok := o.next(); ok; code, value, ok = o.next() {
		switch code {
		case 2:
			i.Name = printable(value, 64)
		case 3:
			i.Description = printable(value, 64)
		case 9:
			if len(value) != 1 {
				return fmt.Sprintf("the resolution of an interface's times has %d bytes", len(value))
			}
			resolution = value[0]
		case 11:
			if len(value) > 1 && value[0] == 0 { // 1 is a program for the kernel
				i.Filter = printable(value[1:], 256)
			}
		case 14:
			if len(value) != 8 {
				return fmt.Sprintf("the offset of an interface's times has %d bytes", len(value))
			}
			offset = int64(r.uint64(value))
		}
	}
	if o.bad {
		return "an option of an interface is longer than its block"
	}
	c, ok := newClock(resolution, offset)
	if !ok {
		return "the times of an interface are said to be finer than can be counted"
	}
	i.Resolution = c.resolution()
	r.interfaces = append(r.interfaces, i)
	r.clocks = append(r.clocks, c)
	return ""
}

// count reads the statistics of an interface. A later block replaces an earlier
// one, since they count from the beginning.
func (r *Reader) count(b []byte) (reason string) {
	if len(b) < 20 {
		return fmt.Sprintf("a block of statistics has %d bytes", len(b)+4)
	}
	index := r.uint32(b[8:])
	if int64(index) >= int64(len(r.interfaces)-r.section) {
		return fmt.Sprintf("there are statistics of interface %d, of which nothing was told before", index)
	}
	s := &r.interfaces[r.section+int(index)].Statistics
	o := options{r: r, rest: b[20:]}
	for code, value, ok := o.next(); ok; code, value, ok = o.next() {
		if len(value) != 8 {
			continue
		}
		n := int64(min(r.uint64(value), math.MaxInt64))
		switch code {
		case 4:
			s.Received = n
		case 5:
			s.Dropped = n
		case 6:
			s.Accepted = n
		case 7:
			s.SystemDropped = n
		case 8:
			s.Delivered = n
		}
	}
	return "" // a broken option loses a count, and no packet
}

// dropCount finds among the options of a packet how many were lost before it.
func (r *Reader) dropCount(b []byte) (lost uint64, told bool) {
	o := options{r: r, rest: b}
	for code, value, ok := o.next(); ok; code, value, ok = o.next() {
		if code == 4 && len(value) == 8 {
			return r.uint64(value), true
		}
	}
	return 0, false
}

// lostBetween adds a loss that is noted beside a packet.
func (i *Interface) lostBetween(n uint64) {
	sum := uint64(max(0, i.Statistics.Between)) + min(n, math.MaxInt64)
	i.Statistics.Between = int64(min(sum, math.MaxInt64))
}

// printable is a text of the file, cut to some bytes, without what would disturb a
// terminal.
func printable(b []byte, most int) string {
	if len(b) > most {
		b = b[:most]
	}
	text := strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, strings.ToValidUTF8(string(b), ""))
	return strings.TrimSpace(text)
}
