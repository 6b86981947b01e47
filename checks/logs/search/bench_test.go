package search

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// searched are the patterns that are measured, beside grep by grepBench in the
// documentation of this file's benchmark.
var searched = []struct {
	name, pattern string
	options       Options
}{
	{"fixed", "upstream timed out", Options{Fixed: true}},
	{"fixed, frequent", " 200 ", Options{Fixed: true}},
	{"fixed, ignoring case", "connection reset", Options{Fixed: true, IgnoreCase: true}},
	{"three words", "panic|refused|timeout", Options{}},
	{"three words, ignoring case", "(?i)panic|refused|timeout", Options{}},
	{"number as a word", `\b50[0-9]\b`, Options{}},
	{"milliseconds at the end", `[0-9]+ms$`, Options{}},
	{"levels", "level=(error|fatal)", Options{}},
	{"two words in order", "order [0-9]+.*warehouse", Options{}},
	{"status", `" 50[0-9] `, Options{}},
	{"six words", "panic|refused|timeout|denied|corrupt|overflow", Options{}},
	{"twenty words", "alpha|bravo|charlie|delta|echo|foxtrot|golf|hotel|india|juliett|kilo|lima|mike|november|oscar|papa|quebec|romeo|sierra|tango", Options{}},
	{"word", "shard", Options{Word: true}},
	{"address", `10\.[0-9]+\.[0-9]+\.77 `, Options{}},
	{"no literal", `[0-9]{4}ms`, Options{}},
	{"no literal, letters", `\pL{30}`, Options{}},
}

// BenchmarkCount counts matching lines of a log of 16 MB, or of the file that
// GUMSHOE_SEARCH_LOG names.
func BenchmarkCount(b *testing.B) {
	log := logOf(16 << 20)
	if name := os.Getenv("GUMSHOE_SEARCH_LOG"); name != "" {
		var err error
		if log, err = os.ReadFile(name); err != nil {
			b.Fatal(err)
		}
	}
	for _, s := range searched {
		b.Run(s.name, func(b *testing.B) {
			p, err := Compile(s.pattern, s.options)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = p.Count(log)
			}
			b.ReportMetric(float64(n), "lines")
		})
	}
}

func BenchmarkEach(b *testing.B) {
	log := logOf(16 << 20)
	p, err := Compile(" 200 ", Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		p.Each(log, func([]byte) bool { return true })
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, s := range searched {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(s.pattern, s.options); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestWriteLog writes a log for a comparison with grep: GUMSHOE_WRITE_LOG is its
// name, and GUMSHOE_LOG_BYTES its size.
func TestWriteLog(t *testing.T) {
	name := os.Getenv("GUMSHOE_WRITE_LOG")
	if name == "" {
		t.Skip("GUMSHOE_WRITE_LOG names no file")
	}
	size, err := strconv.Atoi(os.Getenv("GUMSHOE_LOG_BYTES"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, logOf(size), 0o600); err != nil {
		t.Fatal(err)
	}
}

// logOf makes lines of a web server's access log and of services with key=value,
// always the same ones.
func logOf(size int) []byte {
	r := rand.New(rand.NewPCG(42, 42))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	log := make([]byte, 0, size+1024)
	for second := 0; len(log) < size; second++ {
		clock := fmt.Sprintf("%02d:%02d:%02d", second/36000%24, second/600%60, second/10%60)
		if r.IntN(2) == 0 {
			log = fmt.Appendf(log, "10.%d.%d.%d - %s [24/Nov/2026:%s +0000] \"%s /api/v%d/%s/%d?page=%d HTTP/1.1\" %s %d \"https://shop.example.com/%s\" \"%s\" %d.%03d\n",
				r.IntN(4), r.IntN(256), r.IntN(256), pick("-", "-", "-", "alice", "bob"), clock, pick("GET", "GET", "GET", "POST", "PUT"), 1+r.IntN(2),
				pick("orders", "items", "users", "carts", "search"), r.IntN(1000000), r.IntN(50), status(r), r.IntN(60000), pick("", "cart", "checkout", "account/orders"),
				pick("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36", "curl/7.88.1", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X)", "Go-http-client/1.1"),
				r.IntN(3), r.IntN(1000))
			continue
		}
		log = fmt.Appendf(log, "time=2026-11-24T%s.%03dZ level=%s service=%s trace=%016x msg=\"%s\" %s\n",
			clock, r.IntN(1000), level(r), pick("orders", "billing", "stock", "gateway", "mail"), r.Uint64(), message(r), ending(r))
	}
	return log
}

func status(r *rand.Rand) string {
	switch n := r.IntN(1000); {
	case n < 5:
		return []string{"500", "502", "503", "504"}[n%4]
	case n < 60:
		return []string{"404", "403", "401", "429"}[n%4]
	case n < 130:
		return []string{"301", "304", "204", "201"}[n%4]
	}
	return "200"
}

func level(r *rand.Rand) string {
	switch n := r.IntN(1000); {
	case n < 8:
		return "error"
	case n < 9:
		return "fatal"
	case n < 60:
		return "warn"
	case n < 300:
		return "debug"
	}
	return "info"
}

func message(r *rand.Rand) string {
	switch n := r.IntN(1000); {
	case n < 2:
		return "upstream timed out (110: Connection timed out) while reading response header"
	case n < 4:
		return "dial tcp 10.0.3.7:5432: connect: connection refused"
	case n < 6:
		return "context deadline exceeded: Timeout awaiting response headers"
	case n < 8:
		return "read: connection reset by peer"
	case n < 100:
		return fmt.Sprintf("order %d reserved in warehouse %d", r.IntN(1000000), r.IntN(20))
	case n < 300:
		return fmt.Sprintf("order %d paid by card", r.IntN(1000000))
	case n < 500:
		return fmt.Sprintf("cache miss for key item:%d on shard %d", r.IntN(1000000), r.IntN(64))
	}
	return []string{"request served", "session renewed", "job finished", "rows fetched", "message sent to the queue"}[r.IntN(5)]
}

func ending(r *rand.Rand) string {
	if r.IntN(3) == 0 {
		return fmt.Sprintf("user=%d", r.IntN(100000))
	}
	return fmt.Sprintf("duration=%dms", r.IntN(2000))
}

// TestSearchAllocates nothing.
func TestSearchAllocates(t *testing.T) {
	log := logOf(1 << 18)
	for _, s := range searched {
		p, err := Compile(s.pattern, s.options)
		if err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(5, func() {
			p.Count(log)
			p.Each(log, func([]byte) bool { return true })
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", s.name, n)
		}
	}
}
