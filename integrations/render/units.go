package render

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Quantity writes a number with the unit that its field's name ends in:
// "free_bytes" as GiB, "connect_seconds" as ms or s, "used_percent" as %.
func Quantity(name string, n float64) string {
	name = lastName(name)
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return "not a number"
	case hasUnit(name, "bytes_per_second"):
		return Bytes(n) + "/s"
	case hasUnit(name, "per_second"):
		return Number(n) + " /s"
	case hasUnit(name, "bytes"):
		return Bytes(n)
	case hasUnit(name, "seconds"):
		return Seconds(n)
	case hasUnit(name, "percent"):
		return percent(n) + " %"
	}
	return Number(n)
}

// percent writes to a hundredth: the difference between 89.97 and 90 can be the
// one that decides.
func percent(n float64) string {
	if n != 0 && math.Abs(n) < 0.005 {
		return "< 0.01"
	}
	return Number(math.Round(n*100) / 100)
}

func hasUnit(name, unit string) bool { return name == unit || strings.HasSuffix(name, "_"+unit) }

// lastName is the last field of a path: used_percent of mounts[2].used_percent.
func lastName(path string) string {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		path = path[i+1:]
	}
	if i := strings.IndexByte(path, '['); i >= 0 {
		path = path[:i]
	}
	return path
}

// Number writes a number with four significant digits when it is a fraction,
// and never with an exponent: 98, 0.98, 1234567, 0.0004.
func Number(n float64) string {
	if n == math.Trunc(n) || math.Abs(n) >= 10_000 {
		return minus(strconv.FormatFloat(math.Round(n), 'f', -1, 64))
	}
	digits := 3 - int(math.Floor(math.Log10(math.Abs(n))))
	text := strconv.FormatFloat(n, 'f', min(max(digits, 0), 12), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return minus(text)
}

// minus writes the sign as people do; "-0" loses it.
func minus(text string) string {
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		if strings.Trim(rest, "0.") == "" {
			return "0"
		}
		return "−" + rest
	}
	return text
}

// Bytes writes a number of bytes with a binary unit.
func Bytes(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := 0
	for math.Abs(n) >= 1023.5 && i < len(units)-1 {
		n /= 1024
		i++
	}
	if i == 0 {
		return Number(math.Round(n)) + " B"
	}
	return short(n) + " " + units[i]
}

// short writes a number below a few thousand with about three digits.
func short(n float64) string {
	digits := 0
	switch a := math.Abs(n); {
	case a < 9.995:
		digits = 2
	case a < 99.95:
		digits = 1
	}
	text := strconv.FormatFloat(n, 'f', digits, 64)
	if digits > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return minus(text)
}

// Seconds writes a length of time in the unit that suits it.
func Seconds(s float64) string {
	a := math.Abs(s)
	switch {
	case a == 0:
		return "0 s"
	case a < 0.9995e-3:
		return short(s*1e6) + " µs"
	case a < 0.9995:
		return short(s*1e3) + " ms"
	case a < 119.95:
		return short(s) + " s"
	}
	sign := ""
	if s < 0 {
		sign = "−"
	}
	t := int64(math.Round(a))
	two := func(big int64, bigUnit string, small int64, smallUnit string) string {
		if rest := t % big / small; rest > 0 {
			return fmt.Sprintf("%s%d %s %d %s", sign, t/big, bigUnit, rest, smallUnit)
		}
		return fmt.Sprintf("%s%d %s", sign, t/big, bigUnit)
	}
	switch {
	case t < 2*3600:
		return two(60, "min", 1, "s")
	case t < 2*86400:
		return two(3600, "h", 60, "min")
	}
	return two(86400, "d", 3600, "h")
}

// elapsed writes how long a step or a run took: to a tenth of a second, or in
// milliseconds when that would say nothing.
func elapsed(s float64) string {
	switch {
	case s < 0.0005:
		return "< 1 ms"
	case s < 0.0995:
		return fmt.Sprintf("%.0f ms", s*1e3)
	case s < 119.95:
		return fmt.Sprintf("%.1f s", s)
	}
	return Seconds(s)
}

// cost writes an expected time, which is a round number.
func cost(s float64) string {
	if s >= 0.1 && s < 1 {
		return short(s) + " s"
	}
	return Seconds(s)
}

// points writes decibans with their sign: +15, +7.5, −3.
func points(n float64) string {
	n = math.Round(n*100) / 100
	switch {
	case n > 0:
		return "+" + Number(n)
	case n == 0:
		return "0"
	}
	return Number(n)
}

// Value writes the value of a field for people, on one line; path is the field's
// name or ends in it.
func Value(path string, value any) string {
	if value == nil {
		return "nothing"
	}
	switch v := value.(type) {
	case string:
		return Clean(v)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return Time(v)
	case time.Duration:
		return Seconds(v.Seconds())
	case json.Number:
		if n, err := v.Float64(); err == nil {
			return Quantity(path, n)
		}
		return Clean(v.String())
	case fmt.Stringer:
		return Clean(v.String())
	}
	v := reflect.ValueOf(value)
	switch {
	case v.Kind() == reflect.String:
		return Clean(v.String())
	case v.CanInt():
		return Quantity(path, float64(v.Int()))
	case v.CanUint():
		return Quantity(path, float64(v.Uint()))
	case v.CanFloat():
		return Quantity(path, v.Float())
	}
	switch v.Kind() {
	case reflect.Slice:
		items := make([]string, 0, min(v.Len(), 8))
		for i := range min(v.Len(), 8) {
			items = append(items, Value(path, v.Index(i).Interface()))
		}
		if v.Len() > len(items) {
			items = append(items, fmt.Sprintf("%d more", v.Len()-len(items)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Map:
		return mapValue(path, v)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return Clean(fmt.Sprint(value))
	}
	return Clean(string(data))
}

func mapValue(path string, v reflect.Value) string {
	items := make([]string, 0, v.Len())
	for _, key := range v.MapKeys() {
		name := fmt.Sprint(key.Interface())
		unit := path
		if hasKnownUnit(name) {
			unit = name
		}
		items = append(items, Clean(name)+" "+Value(unit, v.MapIndex(key).Interface()))
	}
	sort.Strings(items)
	if len(items) > 8 {
		items = append(items[:8], fmt.Sprintf("%d more", v.Len()-8))
	}
	return "{" + strings.Join(items, ", ") + "}"
}

func hasKnownUnit(name string) bool {
	for _, unit := range []string{"bytes", "seconds", "percent", "per_second"} {
		if hasUnit(lastName(name), unit) {
			return true
		}
	}
	return false
}

// Time writes a moment in UTC.
func Time(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}
