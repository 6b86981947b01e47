package capturefile

import (
	"math"
	"math/bits"
)

// clock makes times of what an interface of pcapng counts in.
type clock struct {
	// multiply is how many nanoseconds a unit has, and most how many units have room
	// in an int64 then; 0 when it takes more than a multiplication.
	multiply int64
	most     uint64
	// units are what a second has, and offset is added, in seconds.
	units  uint64
	offset int64
}

// newClock is of an option if_tsresol: units of 10^-n, or 2^-n with the highest
// bit set. ok is false when they are too small to be counted in 64 bits.
func newClock(resolution byte, offset int64) (c clock, ok bool) {
	c = clock{units: 1, offset: offset}
	n := resolution &^ 0x80
	switch {
	case resolution&0x80 != 0 && n < 64:
		c.units <<= n
	case resolution&0x80 == 0 && n < 20:
		for range n {
			c.units *= 10
		}
	default:
		return c, false
	}
	if 1e9%c.units == 0 && offset == 0 {
		c.multiply = int64(1e9 / c.units)
		c.most = math.MaxInt64 / uint64(c.multiply)
	}
	return c, true
}

// resolution is in nanoseconds, at least 1.
func (c *clock) resolution() int64 { return max(1, int64(1e9/c.units)) }

// time is in nanoseconds since 1970; false when it has no room in an int64.
func (c *clock) time(count uint64) (int64, bool) {
	if count <= c.most && c.multiply > 0 {
		return int64(count) * c.multiply, true
	}
	const most = math.MaxInt64/1_000_000_000 - 1
	seconds, fraction := count/c.units, count%c.units
	if seconds > most || c.offset < -2*most || c.offset > most {
		return 0, false
	}
	all := int64(seconds) + c.offset
	if all < -most || all > most {
		return 0, false
	}
	high, low := bits.Mul64(fraction, 1e9)
	nanoseconds, _ := bits.Div64(high, low, c.units)
	return all*1e9 + int64(nanoseconds), true
}
