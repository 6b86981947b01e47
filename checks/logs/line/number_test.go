package line

import (
	"math"
	"strconv"
	"testing"
	"time"
)

func TestNumber(t *testing.T) {
	for _, test := range []struct {
		text string
		want float64
		unit Unit
	}{
		{"0", 0, NoUnit}, {"0.250", 0.25, NoUnit}, {"-3", -3, NoUnit}, {"+3", 3, NoUnit}, {".5", 0.5, NoUnit},
		{"1e-3", 0.001, NoUnit}, {"1.5E+2", 150, NoUnit}, {" 7 ", 7, NoUnit}, {"1,234", 1234, NoUnit}, {"12,345,678.5", 12345678.5, NoUnit},
		{"12ms", 0.012, Seconds}, {"1.5s", 1.5, Seconds}, {"3µs", 3e-6, Seconds}, {"3μs", 3e-6, Seconds}, {"3us", 3e-6, Seconds},
		{"250ns", 250e-9, Seconds}, {"1h2m3s", 3723, Seconds}, {"2m", 120, Seconds}, {"1m0.5s", 60.5, Seconds}, {"-1m30s", -90, Seconds},
		{"12 ms", 0.012, Seconds}, {"1d", 86400, Seconds}, {"3 minutes", 180, Seconds}, {"1h 30min", 5400, Seconds},
		{"12%", 12, Percent}, {"0.5 %", 0.5, Percent}, {"-1%", -1, Percent},
		{"10MB", 1e7, Bytes}, {"1.5KiB", 1536, Bytes}, {"10 kB", 1e4, Bytes}, {"512B", 512, Bytes}, {"4G", 4 << 30, Bytes}, {"2Mi", 2 << 20, Bytes},
		{"1,024KiB", 1 << 20, Bytes}, {"5 bytes", 5, Bytes},
		{"0.002, 0.004", 0.006, NoUnit}, {"0.002, 0.004 : 0.001", 0.007, NoUnit}, {"-, 0.5", 0.5, NoUnit}, {"1ms, 2ms", 0.003, Seconds},
		{"1, 2", 3, NoUnit},
	} {
		x, unit, ok := Number([]byte(test.text))
		if !ok || unit != test.unit || math.Abs(x-test.want) > 1e-12*math.Abs(test.want) {
			t.Errorf("%q: got %v %q %v, want %v %q", test.text, x, unit, ok, test.want, test.unit)
		}
	}
	for _, text := range []string{
		"", "-", "x", "ms", "1x", "1.2.3", "10.0.0.1", "1,23", "1,2345", ",123", "1 2", "1s2%", "1s2MB", "NaN", "Inf", "0x10", "1e400",
		"--1", "1-2", "1:2", "12:00:00", "1e", "1.5.s", "1 ms x", "1s-1s", "1ms, 2", ", ", "- : -", "1_000",
		"9999999999999999999999999999999999999999999999999999999999999999999999",
	} {
		if x, unit, ok := Number([]byte(text)); ok {
			t.Errorf("%q: got %v %q", text, x, unit)
		}
	}
}

// FuzzNumber compares with strconv and time, which read a part of what is read here.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"1.5", "1e5", "1h2m3.5s", "-12ms", "1,234", "12%", "0.002, 0.004", "3µs", ".5", "5."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, unit, ok := Number([]byte(text))
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Fatalf("%q: %v", text, x)
		}
		if !ok {
			if x != 0 || unit != NoUnit {
				t.Fatalf("%q: %v %v without ok", text, x, unit)
			}
			return
		}
		if want, err := strconv.ParseFloat(text, 64); err == nil && (x != want || unit != NoUnit) {
			t.Fatalf("%q: got %v %q, want %v", text, x, unit, want)
		}
		if want, err := time.ParseDuration(text); err == nil && unit == Seconds &&
			math.Abs(x-want.Seconds()) > 1e-9+1e-9*math.Abs(x) {
			t.Fatalf("%q: got %v, want %v", text, x, want)
		}
	})
}

// FuzzDuration has whatever Go writes as a duration read as such.
func FuzzDuration(f *testing.F) {
	f.Add(int64(1))
	f.Add(int64(-3723e9))
	f.Add(int64(1500))
	f.Fuzz(func(t *testing.T, n int64) {
		d := time.Duration(n)
		x, unit, ok := Number([]byte(d.String()))
		if !ok || unit != Seconds || math.Abs(x-d.Seconds()) > 1e-9+1e-12*math.Abs(x) {
			t.Fatalf("%v: got %v %q %v", d, x, unit, ok)
		}
	})
}
