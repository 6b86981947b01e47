package traffic

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/gopacket/pcapgo"
)

// BenchmarkAnalysis takes the packets of a real capture again and again.
func BenchmarkAnalysis(b *testing.B) {
	raw, err := os.ReadFile(filepath.Join(os.Getenv("GUMSHOE_FIXTURES"), "captures/http_206_example_c.pcap"))
	if err != nil {
		b.Skip(err)
	}
	r, err := pcapgo.NewReader(bytes.NewReader(raw))
	if err != nil {
		b.Fatal(err)
	}
	var packets [][]byte
	for {
		data, _, err := r.ReadPacketData()
		if err != nil {
			break
		}
		packets = append(packets, data)
	}
	a := NewAnalysis()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p := packets[i%len(packets)]
		a.Take(&Packet{Link: linkEthernet, Number: int64(i), Time: int64(i) * 1000, Data: p, Wire: len(p)})
		i++
	}
	b.ReportMetric(float64(i)/b.Elapsed().Seconds()/1e6, "Mpackets/s")
}
