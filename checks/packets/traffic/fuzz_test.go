package traffic

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/gopacket/pcapgo"
)

// fuzzLinks are those of the packets: an input says which by its first byte.
var fuzzLinks = [...]int{
	linkEthernet, linkNull, linkPPP, linkFDDI, linkRaw, link80211, linkLoop, linkSLL, linkRadiotap, linkIPv4, linkIPv6, linkNFLOG, linkSLL2, 9999,
}

// FuzzAnalysis takes packets that stand one behind the other, each behind its length
// and a byte for the time since the one before. Whatever they are, nothing panics,
// no packet counts twice, and the report is fit for JSON.
func FuzzAnalysis(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join(os.Getenv("GUMSHOE_FIXTURES"), "captures", "*.pcap"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		f.Add(fuzzSeed(f, path))
	}
	for i := range fuzzLinks { // an empty header of IPv4, and of IPv6
		f.Add([]byte{byte(i), 0, 24, 1, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, ipGRE, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x20, 0, 8, 0})
		f.Add([]byte{byte(i), 0, 8, 1, 0x60, 0, 0, 0, 0, 0, ipRouting, 64})
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		link := fuzzLinks[int(data[0])%len(fuzzLinks)]
		a := NewAnalysis()
		now, taken := int64(0), int64(0)
		for data = data[1:]; len(data) > 3; {
			length := min(int(binary.BigEndian.Uint16(data)), len(data)-3)
			now += int64(int8(data[2])) * 1e6 // it may go back
			packet := data[3 : 3+length]
			wire := length
			if data[2]&1 == 1 { // it was cut
				wire += 100
			}
			a.Take(&Packet{Link: link, Number: taken + 1, Time: now, Data: packet, Wire: wire})
			if h := a.Headers(); h < 0 || h > length {
				t.Fatalf("got %d bytes of headers of %d", h, length)
			}
			taken++
			data = data[3+length:]
		}
		r := a.Finish()
		if r.Packets != taken {
			t.Errorf("got %d packets of %d", r.Packets, taken)
		}
		for name, n := range map[string]int64{
			"syns": r.TCP.SYNs + r.TCP.SYNACKs, "resets": r.TCP.Resets, "retransmitted": r.TCP.Retransmitted, "out of order": r.TCP.OutOfOrder,
			"duplicate ACKs": r.TCP.DuplicateACKs, "zero windows": r.TCP.ZeroWindows, "keep-alives": r.TCP.KeepAlives, "lost": r.TCP.LostSegments,
			"udp": r.UDP, "http requests": r.HTTP.Requests, "http responses": r.HTTP.Responses, "alerts": r.TLS.Alerts, "hellos": r.TLS.ClientHellos,
			"lookups": r.DNS.Queries + r.DNS.Responses,
		} {
			if n < 0 || n > taken {
				t.Errorf("got %d %s in %d packets", n, name, taken)
			}
		}
		if a.kept < 0 || a.streamsOpen != 0 {
			t.Errorf("got %d bytes and %d streams kept after the end", a.kept, a.streamsOpen)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	})
}

// fuzzSeed makes an input of the first packets of a capture of Ethernet.
func fuzzSeed(f *testing.F, path string) []byte {
	f.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	r, err := pcapgo.NewReader(bytes.NewReader(raw))
	if err != nil {
		f.Skip(err)
	}
	seed := []byte{0}
	for range 24 {
		packet, _, err := r.ReadPacketData()
		if err != nil {
			break
		}
		seed = binary.BigEndian.AppendUint16(seed, uint16(len(packet)))
		seed = append(append(seed, 2), packet...)
	}
	return seed
}
