package textfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

const second = int64(time.Second)

func TestRange(t *testing.T) {
	plain := text(4 << 20)
	trace := bytes.Repeat([]byte("\tat a (b.go:3)\n"), 300_000)
	cut := bytes.IndexByte(plain[2<<20:], '\n') + 1 + 2<<20
	for _, c := range []struct {
		name      string
		data      []byte
		from, to  int64
		unordered bool
	}{
		{name: "middle", data: plain, from: 1700010000, to: 1700010060},
		{name: "all", data: plain, from: 0, to: 1800000000},
		{name: "before", data: plain, from: 0, to: 1600000000},
		{name: "future", data: plain, from: 1800000000, to: 1900000000},
		{name: "empty file", from: 1, to: 2, unordered: true},
		{name: "no times", data: trace, from: 1, to: 2, unordered: true},
		{name: "first line cut", data: plain[5:], from: 1700010000, to: 1700010060},
		{name: "last line cut", data: plain[:len(plain)-5], from: 1700020000, to: 1800000000},
		{name: "CRLF", data: bytes.ReplaceAll(plain, []byte("\n"), []byte("\r\n")), from: 1700010000, to: 1700010060},
		{name: "a long trace", data: bytes.Join([][]byte{plain[:cut], trace, plain[cut:]}, nil),
			from: 1700010000, to: 1700030000},
		{name: "a hole", data: bytes.Join([][]byte{plain[:cut], make([]byte, 5<<20), plain[cut:]}, nil),
			from: 1700010000, to: 1700030000},
		{name: "equal stamps", data: bytes.Repeat([]byte("1700000000 the same\n"), 200_000),
			from: 1700000000, to: 1700000001},
		{name: "clock set back", data: append(bytes.Clone(plain), plain...), from: 1700010000, to: 1700010060,
			unordered: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(t, write(t, t.TempDir(), "app.log", c.data))
			got, err := r.Range(t.Context(), c.from*second, c.to*second, time.Second, stamped)
			if err != nil {
				t.Fatal(err)
			}
			if got.Ordered == c.unordered {
				t.Errorf("ordered is %t", got.Ordered)
			}
			from, to := c.from*second, c.to*second
			if !bytes.Equal(within(c.data[got.Lo:got.Hi], from, to), within(c.data, from, to)) {
				t.Errorf("range %+v lacks lines of the window", got)
			}
			if got.Lo > 0 && c.data[got.Lo-1] != '\n' {
				t.Errorf("%d is not the start of a line", got.Lo)
			}
			if c.name == "middle" && got.Hi-got.Lo > 16<<10 {
				t.Errorf("range of %d bytes for a minute", got.Hi-got.Lo)
			}
		})
	}
}

func TestRangeSkipsASparseHole(t *testing.T) {
	path := write(t, t.TempDir(), "app.log", nil)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data := text(1 << 20)
	if _, err := f.WriteAt(data, 1<<30); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, path).Range(t.Context(), 1700005000*second, 1700005001*second, 0, stamped)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Ordered || got.Lo < 1<<30 || got.Hi-got.Lo > 1<<10 || got.Probes > 40 || got.ReadBytes > 1<<20 {
		t.Errorf("range %+v, want a second's lines behind the hole, 40 probes and 1 MiB at most", got)
	}
}

func FuzzRange(f *testing.F) {
	f.Add(uint64(1), uint16(500), uint16(100), uint16(150), uint8(3))
	f.Add(uint64(2), uint16(2000), uint16(0), uint16(1), uint8(0))
	f.Add(uint64(3), uint16(5000), uint16(4999), uint16(9000), uint8(60))
	f.Fuzz(func(t *testing.T, seed uint64, lines, from, width uint16, slack uint8) {
		random := rand.New(rand.NewPCG(seed, 0))
		var b bytes.Buffer
		now := int64(1700000000)
		for range lines {
			if random.IntN(3) == 0 {
				now += random.Int64N(4)
			}
			fmt.Fprintf(&b, "%d %s\n", now-random.Int64N(int64(slack)+1), bytes.Repeat([]byte("x"), random.IntN(200)))
			for range random.IntN(1 + random.IntN(5)) {
				b.WriteString("\tat a\n")
			}
			if random.IntN(1000) == 0 {
				b.Write(bytes.Repeat([]byte("y"), random.IntN(40<<10)))
				b.WriteByte('\n')
			}
		}
		low := (1700000000 + int64(from)) * second
		high := low + int64(width)*second
		got, err := open(t, write(t, t.TempDir(), "app.log", b.Bytes())).
			Range(t.Context(), low, high, time.Duration(slack)*time.Second, stamped)
		if err != nil {
			t.Fatal(err)
		}
		if lines > 0 && !got.Ordered {
			t.Fatalf("range %+v of an ordered log", got)
		}
		if !bytes.Equal(within(b.Bytes()[got.Lo:got.Hi], low, high), within(b.Bytes(), low, high)) {
			t.Errorf("range %+v lacks lines of the window", got)
		}
	})
}
