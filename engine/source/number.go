package source

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The numbers of the core schema of YAML 1.2 (section 10.3.2). Compiled patterns
// are as good as constants.
var (
	octal   = regexp.MustCompile(`^0o[0-7]+$`)
	hex     = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)
	integer = regexp.MustCompile(`^[-+]?[0-9]+$`)
	decimal = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	special = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// parseNumber reads a number: as int64 when it fits, else as float64, and as
// nil when it is not finite. It is false for anything but a number.
func parseNumber(s string) (any, bool) {
	if s == "" || s[0] > '9' { // most strings
		return nil, false
	}
	digits, base := s, 10
	switch {
	case special.MatchString(s):
		return nil, true
	case octal.MatchString(s):
		digits, base = s[2:], 8
	case hex.MatchString(s):
		digits, base = s[2:], 16
	case integer.MatchString(s):
	case decimal.MatchString(s):
		base = 0
	default:
		return nil, false
	}
	if base != 0 {
		if i, err := strconv.ParseInt(digits, base, 64); err == nil {
			return i, true
		}
	}
	if base == 8 {
		return nil, true // beyond int64, nobody means a number
	}
	f, err := strconv.ParseFloat(floatSyntax(s, base), 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, true
	}
	return f, true
}

func floatSyntax(s string, base int) string {
	if base == 16 {
		return s + "p0"
	}
	return s
}

var (
	durationPart = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d|w)`)
	plainNumber  = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
)

// ParseDuration reads a duration as people write it in a runbook, a case or on
// the command line: one or more numbers with their units, as in 15m, 1.5s, 2d
// or 1h30m. The units are ns, us, ms, s, m, h, d (24 hours) and w (7 days). A
// duration is never negative and has always a unit.
func ParseDuration(s string) (time.Duration, error) {
	if plainNumber.MatchString(s) {
		return 0, fmt.Errorf("%q has no unit; write %ss or %sm", s, s, s)
	}
	total := 0.0
	for rest := s; rest != "" || s == ""; {
		part := durationPart.FindStringSubmatch(rest)
		if part == nil {
			return 0, fmt.Errorf("%q is not a duration; write it as 1.5s, 15m, 1h30m or 2d", s)
		}
		number, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return 0, fmt.Errorf("%q is too long", s)
		}
		total += number * float64(unit(part[2]))
		rest = rest[len(part[0]):]
	}
	if total >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is too long; the longest is %d years", s, math.MaxInt64/unit("d")/365)
	}
	return time.Duration(math.Round(total)), nil
}

// FormatDuration writes a duration as people do: 15m, not 15m0s.
func FormatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func unit(name string) time.Duration {
	switch name {
	case "w":
		return 7 * 24 * time.Hour
	case "d":
		return 24 * time.Hour
	}
	d, err := time.ParseDuration("1" + name)
	if err != nil {
		panic(err) // durationPart and this function disagree
	}
	return d
}
