package traffic

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

// hostile sends what grows with each packet.
var hostile = map[string]func(m *made, i int){
	"addresses and ports": func(m *made, i int) {
		from, to := anyPort(i), anyPort(i*7+1)
		m.tcp(from, to, flagSYN, uint32(i), 0, 1000, nil)
	},
	"streams of half messages": func(m *made, i int) {
		side := netip.AddrPortFrom(clientAt.Addr(), uint16(i))
		half := [][]byte{[]byte("GET /" + fmt.Sprint(i)), record(recordHandshake, make([]byte, 8000))[:600], make([]byte, 700)}[i%3]
		m.tcp(side, serverAt, flagACK, uint32(i>>16*600), 1, 1000, half)
	},
	"segments that are sent again": func(m *made, i int) {
		side := netip.AddrPortFrom(clientAt.Addr(), uint16(i))
		m.tcp(side, serverAt, flagACK, 1, 1, 1000, padding[:1200])
		if i < 65536 {
			m.tcp(serverAt, side, flagACK, 1, 1, 60000, nil)
		}
	},
	"datagrams":   func(m *made, i int) { m.udp(anyPort(i), anyPort(i+1), padding[:8]) },
	"names":       func(m *made, i int) { m.udp(anyPort(i), netip.AddrPortFrom(anyPort(i).Addr(), 53), longName(i, false)) },
	"answers":     func(m *made, i int) { m.udp(netip.AddrPortFrom(anyPort(i).Addr(), 53), anyPort(i), longName(i, true)) },
	"one querier": func(m *made, i int) { m.udp(clientAt, netip.AddrPortFrom(serverAt.Addr(), 53), longName(i, false)) },
	"server names": func(m *made, i int) {
		m.joined(netip.AddrPortFrom(clientAt.Addr(), uint16(i)), netip.AddrPortFrom(anyPort(i>>14).Addr(), 443)).text(0, clientHello(fmt.Sprintf("%0200d.test", i)))
	},
	"alerts": func(m *made, i int) {
		m.tcp(netip.AddrPortFrom(anyPort(i&0xffff).Addr(), 443), clientAt, flagACK, uint32(i>>16*7+1), 1, 1000, record(recordAlert, []byte{2, byte(i)}))
	},
	"certificates": func(m *made, i int) {
		body := slices.Clone(padding[:300])
		binary.BigEndian.PutUint32(body[10:], uint32(i))
		copy(body, []byte{0, 1, 40, 0, 1, 30})
		m.tcp(netip.AddrPortFrom(anyPort(i&0xffff).Addr(), 443), clientAt, flagACK, uint32(i>>16*309+1), 1, 1000, record(recordHandshake, handshakeMessage(handshakeCertificate, body)))
	},
	"fragments": func(m *made, i int) {
		m.ip(clientAt.Addr(), serverAt.Addr(), ipUDP, uint16(i), 0x2000|uint16(i%8000), padding[:24])
	},
	"fragments of one packet": func(m *made, i int) {
		m.ip(clientAt.Addr(), serverAt.Addr(), ipUDP, uint16(i>>13), 0x2000|uint16(i%8000), padding[:8])
	},
	"QUIC": func(m *made, i int) {
		p := append([]byte{0xc3, 0, 0, 0, 1, 8}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 64)
		binary.BigEndian.PutUint32(p[6:], uint32(i))
		m.udp(anyPort(i%9000), netip.AddrPortFrom(serverAt.Addr(), 443), append(p, padding[:64]...))
	},
	"methods and statuses": func(m *made, i int) {
		text := fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", 100+i%900)
		if i%2 == 0 {
			text = fmt.Sprintf("M%c%c%c /%d HTTP/1.1\r\n\r\n", 'A'+i/2%26, 'A'+i/52%26, 'A'+i/1352%26, i)
		}
		m.tcp(netip.AddrPortFrom(clientAt.Addr(), uint16(i)), serverAt, flagACK, uint32(i>>16*100+1), 1, 1000, []byte(text))
	},
	"errors of ICMP": func(m *made, i int) {
		m.ip(anyPort(i).Addr(), clientAt.Addr(), ipICMP, 0, 0, []byte{3, 1, 0, 0, 0, 0, 0, 0}, padding[:28])
	},
	"ARP": func(m *made, i int) {
		var p [42]byte
		binary.BigEndian.PutUint16(p[12:], etherARP)
		copy(p[14:], []byte{0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, byte(i & 1), 10})
		binary.BigEndian.PutUint32(p[28:], uint32(i/2+1))
		m.take(linkEthernet, p[:])
	},
}

var padding = make([]byte, 9000)

func anyPort(i int) netip.AddrPort {
	x := uint32(i) * 2654435761 // spread (Knuth)
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(x >> 24), byte(x >> 16), byte(x >> 8), byte(x)}), uint16(i%60000+1100))
}

func longName(i int, response bool) []byte {
	return query(uint16(i), response, 3*byte(b2i(response)), fmt.Sprintf("%060d.%060d.%060d.test", i, i, i), 1)
}

func b2i(is bool) int {
	if is {
		return 1
	}
	return 0
}

// limit is what an analysis may keep.
const limit = 64 << 20

func heap() uint64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// TestHostileMemory: whatever comes, memory and lists are bounded, and what was left
// out is told.
func TestHostileMemory(t *testing.T) {
	packets := 2_000_000
	if os.Getenv("GUMSHOE_TEST_REAL") != "1" || raceDetector { // it takes a minute
		packets = 150_000
	}
	for name, send := range hostile {
		t.Run(name, func(t *testing.T) {
			before := heap()
			m := newMade()
			n := packets
			if name == "QUIC" && n > 300_000 {
				n = 300_000 // each is deciphered, and no more than so many are kept anyway
			}
			for i := range n {
				m.now += 1000
				send(m, i)
			}
			used := int64(heap()) - int64(before)
			r := m.analysis.Finish()
			t.Logf("%.1f MiB, dropped %v", float64(used)/(1<<20), r.Dropped)
			if used > limit {
				t.Errorf("it keeps %d bytes", used)
			}
			bounded(t, r)
			if len(r.Dropped) == 0 {
				t.Error("it does not tell what was dropped")
			}
		})
	}
}

// TestHostileTogether: all of it at once fits too.
func TestHostileTogether(t *testing.T) {
	before := heap()
	m := newMade()
	for _, name := range []string{
		"server names", "alerts", "certificates", "streams of half messages", "segments that are sent again", "methods and statuses", "addresses and ports",
		"datagrams", "names", "answers", "fragments", "fragments of one packet", "QUIC", "errors of ICMP", "ARP",
	} {
		for i := range 150_000 {
			m.now += 1000
			hostile[name](m, i)
		}
	}
	used := int64(heap()) - int64(before)
	t.Logf("%.1f MiB", float64(used)/(1<<20))
	if used > limit {
		t.Errorf("it keeps %d bytes", used)
	}
	bounded(t, m.analysis.Finish())
}

func bounded(t *testing.T, r *Report) {
	t.Helper()
	for what, n := range map[string][2]int{
		"servers": {len(r.Servers), 20}, "flows": {len(r.Flows), 20}, "talkers": {len(r.Talkers), 20}, "rate": {len(r.Rate), 60}, "findings": {len(r.Findings), 50},
		"dns servers": {len(r.DNS.Servers), 20}, "dns names": {len(r.DNS.Names), 20}, "tls names": {len(r.TLS.Names), 20}, "versions": {len(r.TLS.Versions), 20},
		"reasons": {len(r.TLS.Reasons), 20}, "certificates": {len(r.TLS.Certificates), 20}, "methods": {len(r.HTTP.Methods), 20}, "statuses": {len(r.HTTP.Statuses), 50},
		"errors": {len(r.ICMP.Errors), 20}, "disputed": {len(r.ARP.Disputed), 20},
	} {
		if n[0] > n[1] {
			t.Errorf("%d %s", n[0], what)
		}
	}
	for _, f := range r.Findings {
		if len(f.Packets) > 10 || len(f.About) > 300 || len(f.Text) > 300 {
			t.Errorf("finding too long: %+v", f)
		}
	}
}

// TestSameReport: the same packets give the same report, each time.
func TestSameReport(t *testing.T) {
	play := func() string {
		m := newMade()
		for _, name := range []string{
			"names", "answers", "server names", "alerts", "certificates", "streams of half messages", "methods and statuses", "addresses and ports", "datagrams", "fragments", "errors of ICMP", "ARP", "segments that are sent again",
		} {
			for i := range 1500 {
				if i%10 == 0 {
					m.now += int64(2 * time.Millisecond)
				}
				hostile[name](m, i)
			}
		}
		m.after(2 * time.Second)
		m.udp(clientAt, serverAt, nil)
		text, err := json.Marshal(m.analysis.Finish())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := play()
	for range 8 {
		if again := play(); again != first {
			t.Fatalf("it differs:\n%s\n%s", first, again)
		}
	}
}
