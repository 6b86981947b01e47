package line

import (
	"bytes"
	"math"
	"strconv"
)

// Unit is what a number counts.
type Unit uint8

// The units. Whatever a text's own unit is, its number is given in one of these.
const (
	NoUnit Unit = iota
	Seconds
	Bytes
	Percent
)

// String is the unit's name; "" for NoUnit.
func (u Unit) String() string {
	switch u {
	case Seconds:
		return "seconds"
	case Bytes:
		return "bytes"
	case Percent:
		return "percent"
	default:
		return ""
	}
}

// maxNumber is the longest text that may be a number, in bytes.
const maxNumber = 64

// Number reads a value as a number: 0.250, 1e-3, 1,234, 12%, a time with a unit in
// seconds (12ms is 0.012; ns, us, µs, ms, s, m, min, h, d, and sums as Go writes them:
// 1h2m3s), a size in bytes (10MB is 10,000,000 and 1.5KiB 1,536; a lone K, M, G or T is
// a power of 1,024). Spaces may stand before a unit. The times of several servers, as
// nginx writes them (0.002, 0.004 : 0.001), are added up; "-" among them is nothing.
// The number is finite when ok.
func Number(value []byte) (x float64, unit Unit, ok bool) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || len(value) > maxNumber {
		return 0, NoUnit, false
	}
	if x, rest, ok := numberAt(value); ok && len(rest) == 0 {
		return x, NoUnit, true
	}
	if bytes.IndexByte(value, ' ') >= 0 && bytes.ContainsAny(value, ",:") {
		return addUp(value)
	}
	return quantity(value)
}

// addUp adds the numbers of a list.
func addUp(value []byte) (sum float64, unit Unit, ok bool) {
	for len(value) > 0 {
		end := bytes.IndexAny(value, ",: ")
		if end < 0 {
			end = len(value)
		}
		item := value[:end]
		value = bytes.TrimLeft(value[end:], ",: ")
		if string(item) == "-" {
			continue
		}
		x, u, valid := quantity(item)
		if !valid || ok && u != unit {
			return 0, NoUnit, false
		}
		sum, unit, ok = sum+x, u, true
	}
	return sum, unit, ok && !math.IsInf(sum, 0)
}

// quantity reads a number with a unit, or a sum of times.
func quantity(value []byte) (sum float64, unit Unit, ok bool) {
	negative := len(value) > 0 && value[0] == '-'
	if negative || len(value) > 0 && value[0] == '+' {
		value = value[1:]
	}
	for n := 0; len(value) > 0; n++ {
		if !isDigit(value[0]) && value[0] != '.' { // only the whole has a sign
			return 0, NoUnit, false
		}
		x, rest, valid := numberAt(value)
		if !valid {
			return 0, NoUnit, false
		}
		rest = bytes.TrimLeft(rest, " ")
		end := 0
		for end < len(rest) && !isDigit(rest[end]) && rest[end] != '.' && rest[end] != ' ' {
			end++
		}
		factor, u := unitOf(rest[:end])
		if factor == 0 || n > 0 && (u != Seconds || unit != Seconds) {
			return 0, NoUnit, false
		}
		sum, unit, ok = sum+x*factor, u, true
		value = bytes.TrimLeft(rest[end:], " ")
	}
	if negative {
		sum = -sum
	}
	return sum, unit, ok && !math.IsInf(sum, 0)
}

// numberAt reads the number that a text begins with.
func numberAt(text []byte) (x float64, rest []byte, ok bool) {
	var digits [maxNumber]byte
	n, end := 0, 0
	integer, fraction := 0, false
	if end < len(text) && (text[end] == '-' || text[end] == '+') {
		digits[n] = text[end]
		n++
		end++
	}
scan:
	for ; end < len(text) && n < maxNumber; end++ {
		c := text[end]
		if c == ',' && !fraction && isThousands(text, end, integer) {
			continue
		}
		switch {
		case c == '.' && !fraction:
			fraction = true
		case isDigit(c):
			integer++
		default:
			break scan
		}
		digits[n] = c
		n++
	}
	if integer == 0 {
		return 0, nil, false
	}
	if end+1 < len(text) && (text[end] == 'e' || text[end] == 'E') { // 1e-3
		exponent := end + 1
		if text[exponent] == '-' || text[exponent] == '+' {
			exponent++
		}
		if last := exponent; last < len(text) && isDigit(text[last]) {
			for last < len(text) && isDigit(text[last]) {
				last++
			}
			n += copy(digits[n:], text[end:last])
			end = last
		}
	}
	x, err := strconv.ParseFloat(string(digits[:n]), 64)
	return x, text[end:], err == nil && !math.IsInf(x, 0)
}

// isThousands says whether a comma stands between thousands: before three digits and
// no fourth.
func isThousands(text []byte, comma, before int) bool {
	return before > 0 && comma+3 < len(text) && isDigits(text[comma+1:comma+4]) &&
		(comma+4 == len(text) || !isDigit(text[comma+4]))
}

// unitOf reads a unit: its size in seconds or bytes; 0 for what is none.
func unitOf(text []byte) (factor float64, unit Unit) {
	switch string(text) {
	case "":
		return 1, NoUnit
	case "%", "percent":
		return 1, Percent
	case "ns", "nanoseconds":
		return 1e-9, Seconds
	case "us", "µs", "μs", "usec", "microseconds":
		return 1e-6, Seconds
	case "ms", "msec", "msecs", "millis", "milliseconds":
		return 1e-3, Seconds
	case "s", "sec", "secs", "second", "seconds":
		return 1, Seconds
	case "m", "min", "mins", "minute", "minutes":
		return 60, Seconds
	case "h", "hr", "hour", "hours":
		return 3600, Seconds
	case "d", "day", "days":
		return 86400, Seconds
	case "B", "byte", "bytes", "Bytes":
		return 1, Bytes
	case "kB", "KB":
		return 1e3, Bytes
	case "MB":
		return 1e6, Bytes
	case "GB":
		return 1e9, Bytes
	case "TB":
		return 1e12, Bytes
	case "K", "k", "KiB", "Ki":
		return 1 << 10, Bytes
	case "M", "MiB", "Mi":
		return 1 << 20, Bytes
	case "G", "GiB", "Gi":
		return 1 << 30, Bytes
	case "T", "TiB", "Ti":
		return 1 << 40, Bytes
	}
	return 0, NoUnit
}
