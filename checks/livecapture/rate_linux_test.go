package livecapture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"gumshoe/checks/checktest"
)

// flood sends datagrams, many with each call of the system: perSecond of them for
// as long as total takes, or as fast as can be when it is 0.
func flood(t testing.TB, conn net.Conn, text string, total, perSecond int) time.Duration {
	t.Helper()
	const most = 64
	packets := ipv4.NewPacketConn(conn.(net.PacketConn))
	batch := make([]ipv4.Message, most)
	for i := range batch {
		batch[i].Buffers = [][]byte{[]byte(text)}
	}
	begun := time.Now()
	for sent := 0; sent < total; {
		due := total
		if perSecond > 0 {
			due = min(total, int(time.Since(begun).Seconds()*float64(perSecond)))
		}
		if due == sent {
			<-time.After(time.Millisecond)
			continue
		}
		n, err := packets.WriteBatch(batch[:min(most, due-sent)], 0)
		if err != nil {
			t.Error(err)
			return time.Since(begun)
		}
		sent += n
	}
	return time.Since(begun)
}

// schedule is for how long a thread ran, and for how long it had work and no
// processor.
func schedule(t testing.TB, thread int) (ran, waited time.Duration) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/schedstat", thread))
	var r, w int64
	if err == nil {
		_, err = fmt.Sscan(string(text), &r, &w)
	}
	if err != nil {
		t.Error(err)
	}
	return time.Duration(r), time.Duration(w)
}

// reading is what a reader saw of a capture.
type reading struct {
	packets, bytes int64
	ran, waited    time.Duration // on a processor, and for one
	err            error
}

// readAll reads until the capture has ended, on a thread of its own.
func readAll(ctx context.Context, t testing.TB, c *Capture) (r reading) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ran, waited := schedule(t, unix.Gettid())
	var p Packet
	for r.err = c.Next(ctx, &p); r.err == nil; r.err = c.Next(ctx, &p) {
		r.packets++
		r.bytes += int64(p.Captured)
	}
	r.ran, r.waited = schedule(t, unix.Gettid())
	r.ran -= ran
	r.waited -= waited
	return r
}

// TestRealFiftyThousandASecond: at 50,000 packets in a second for five seconds, the
// default ring loses none, of one interface or of all, with a filter. A machine
// that does not let the reader run is tried again.
func TestRealFiftyThousandASecond(t *testing.T) {
	_, err := os.Stat("/proc/self/schedstat")
	checktest.Need(t, "a kernel that tells how long threads wait (/proc/self/schedstat)", err == nil)
	for name, o := range map[string]Options{
		"one": {Interface: "va", SnapLength: HeadersOnly},
		"all": {SnapLength: HeadersOnly},
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				if fiftyThousandASecond(t, o) {
					return
				}
			}
			t.Error("five times, the machine was too busy for this test")
		})
	}
}

// fiftyThousandASecond tells whether the machine had time for it.
func fiftyThousandASecond(t *testing.T, o Options) bool {
	a, b := cable(t)
	a.listen(here + ":7001")
	o.Filter = filter(t, "udp dst port 7001")
	c := a.open(o)
	conn := b.udp(here + ":7001")
	const perSecond, total = 50_000, 250_000
	ctx, cancel := context.WithTimeout(t.Context(), checktest.Timeout)
	defer cancel()
	read := make(chan reading, 1)
	go func() { read <- readAll(ctx, t, c) }()
	took := flood(t, conn, strings.Repeat("x", 400), total, perSecond)
	<-time.After(200 * time.Millisecond) // the kernel may be behind the sender
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	r := <-read
	s := statistics(t, c)
	rate := float64(total) / took.Seconds()
	t.Logf("%.0f packets/s for %v; the reader ran for %v and waited %v for a processor; %+v", rate, took.Round(time.Millisecond), r.ran.Round(time.Millisecond), r.waited.Round(time.Millisecond), s)
	if !errors.Is(r.err, io.EOF) {
		t.Fatal(r.err)
	}
	if r.packets != s.Given || s.Given != s.Seen-s.Dropped || s.Seen > total || s.Malformed != 0 || r.bytes != r.packets*HeadersOnly {
		t.Errorf("got %d packets and %d bytes, %+v", r.packets, r.bytes, s)
	}
	if rate < 0.9*perSecond || s.Seen < total || s.Dropped > 0 && r.waited > 300*time.Millisecond {
		return false
	}
	if s.Dropped != 0 || s.Freezes != 0 {
		t.Errorf("packets were lost: %+v", s)
	}
	return true
}

// BenchmarkNext reads packets of 256 bytes out of a full ring of blocks that the
// kernel is not needed for.
func BenchmarkNext(b *testing.B) {
	const size, blocks = usualBlock, 64
	packet := made{data: make([]byte, HeadersOnly), wire: 1500, hardware: hardwareEthernet, index: 1}
	many := make([]made, (size-blockHeader)/352)
	for i := range many {
		many[i] = packet
	}
	full := makeBlock(size, many...)
	c := &Capture{blockSize: size, snap: HeadersOnly, known: map[place]int{}, fd: -1}
	for range blocks {
		c.ring = append(c.ring, full...)
	}
	c.last = place{1, 1}
	var p Packet
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.SetBytes(HeadersOnly)
	b.ReportAllocs()
	for b.Loop() {
		if c.block.left == 0 && c.reading { // as the kernel does, once the reader is around
			before := c.current - 1
			if before < 0 {
				before = blocks - 1
			}
			c.ring[before*size+blockStatus] = statusUser
		}
		if err := c.Next(ctx, &p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}

// BenchmarkCapture captures what is sent as fast as one sender can, on the same
// machine.
func BenchmarkCapture(b *testing.B) {
	one, other := cable(b)
	one.listen(here + ":7001")
	c := one.open(Options{Interface: "va", SnapLength: HeadersOnly, Filter: filter(b, "udp dst port 7001")})
	conn := other.udp(here + ":7001")
	read := make(chan reading, 1)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	go func() { read <- readAll(ctx, b, c) }()
	b.ResetTimer()
	took := flood(b, conn, strings.Repeat("x", 400), b.N, 0)
	if err := c.Stop(); err != nil {
		b.Fatal(err)
	}
	r := <-read
	b.StopTimer()
	if !errors.Is(r.err, io.EOF) {
		b.Fatal(r.err)
	}
	s := statistics(b, c)
	b.ReportMetric(float64(b.N)/took.Seconds(), "packets/s")
	b.ReportMetric(float64(s.Dropped)/float64(s.Seen)*100, "%dropped")
	b.ReportMetric(r.ran.Seconds()*1e9/float64(s.Seen), "ns-reader/packet")
}

// TestNextAllocatesNothing: neither for packets, nor where it waits.
func TestNextAllocatesNothing(t *testing.T) {
	a, b := cable(t)
	a.listen(here + ":7001")
	c := a.open(Options{Filter: filter(t, "udp"), SnapLength: HeadersOnly})
	conn := b.udp(here + ":7001")
	var p Packet
	const packets = 2000
	flood(t, conn, "x", 1, 0)
	if err := c.Next(t.Context(), &p); err != nil {
		t.Fatal(err)
	}
	flood(t, conn, "x", packets, 0)
	var before, after runtime.MemStats
	ctx := t.Context()
	runtime.ReadMemStats(&before)
	for range packets {
		if err := c.Next(ctx, &p); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if allocations := after.Mallocs - before.Mallocs; allocations > 100 { // of the runtime and other tests' goroutines
		t.Errorf("%d allocations for %d packets", allocations, packets)
	}
}
