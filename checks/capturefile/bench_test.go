package capturefile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/pcapgo"
)

// benchPackets is how many a benchmark's file has.
const benchPackets = 600_000

// bulk is a file of many packets, of lengths as they are in a network: two thirds
// are acknowledgements, a third is full.
func bulk(ng bool, most int) []byte {
	pool := make([]byte, 1<<20) // packs to about half
	random := rand.New(rand.NewPCG(1, 2))
	for i := range pool {
		pool[i] = "GET /index.html "[random.IntN(16)]
	}
	f := newPcap(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 262144, 1)
	n := newNg(binary.LittleEndian).iface(1, 262144)
	for i := range benchPackets {
		wire := 66
		if i%3 == 0 {
			wire = 1514
		}
		from := i * 997 % (len(pool) - wire)
		data := pool[from : from+min(wire, most)]
		if ng {
			head := n.order.AppendUint32(n.b, blockEnhanced)
			total := uint32(32 + (len(data)+3)&^3)
			at := uint64(1700000000000000 + i*10)
			head = n.order.AppendUint32(head, total)
			for _, v := range [5]uint32{0, uint32(at >> 32), uint32(at), uint32(len(data)), uint32(wire)} {
				head = n.order.AppendUint32(head, v)
			}
			head = append(head, data...)
			head = append(head, make([]byte, -len(data)&3)...)
			n.b = n.order.AppendUint32(head, total)
			continue
		}
		f.u32(1700000000+uint32(i/100000), uint32(i%100000)*10, uint32(len(data)), uint32(wire))
		f.b = append(f.b, data...)
	}
	if ng {
		return n.b
	}
	return f.b
}

func BenchmarkRead(b *testing.B) {
	for _, file := range []struct {
		name string
		ng   bool
		most int
	}{
		{"pcap", false, 1 << 16}, {"pcapng", true, 1 << 16}, {"pcap of headers", false, 96}, {"pcapng of headers", true, 96},
	} {
		content := bulk(file.ng, file.most)
		path := write(b, "bulk", content)
		b.Run(file.name, func(b *testing.B) { benchmark(b, path, int64(len(content)), ours) })
		if file.ng {
			b.Run(file.name+" by pcapgo", func(b *testing.B) { benchmark(b, path, int64(len(content)), theirNg) })
		} else {
			b.Run(file.name+" by pcapgo", func(b *testing.B) { benchmark(b, path, int64(len(content)), theirs) })
		}
		if file.name == "pcap" {
			small := content[:len(content)/4]
			b.Run("gzip", func(b *testing.B) {
				path := write(b, "bulk.gz", gzipped(b, small))
				benchmark(b, path, int64(len(small)), ours)
			})
			b.Run("zstd", func(b *testing.B) {
				path := write(b, "bulk.zst", zstandard(b, small))
				benchmark(b, path, int64(len(small)), ours)
			})
		}
	}
}

func benchmark(b *testing.B, path string, size int64, read func(testing.TB, string) int) {
	b.ReportAllocs()
	b.SetBytes(size)
	packets := 0
	for b.Loop() {
		packets += read(b, path)
	}
	b.ReportMetric(float64(packets)/b.Elapsed().Seconds()/1e6, "Mpackets/s")
}

func ours(t testing.TB, path string) int {
	r, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var p Packet
	for {
		if err := r.Next(&p); err != nil {
			return int(r.Packets())
		}
	}
}

func theirs(t testing.TB, path string) int {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return count(t, r)
}

func theirNg(t testing.TB, path string) int {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewNgReader(bufio.NewReaderSize(f, 1<<20), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	return count(t, r)
}

func count(t testing.TB, r gopacket.ZeroCopyPacketDataSource) int {
	for n := 0; ; n++ {
		if _, _, err := r.ZeroCopyReadPacketData(); errors.Is(err, io.EOF) {
			return n
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
