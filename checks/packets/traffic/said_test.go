package traffic

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func query(id uint16, response bool, code byte, name string, kind uint16) []byte {
	flags := byte(1)
	if response {
		flags |= 0x80
	}
	q := []byte{byte(id >> 8), byte(id), flags, code, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		q = append(append(q, byte(len(label))), label...)
	}
	return append(q, 0, byte(kind>>8), byte(kind), 0, 1)
}

// TestLookups: which queries were answered, and when.
func TestLookups(t *testing.T) {
	stub, resolver := netip.MustParseAddrPort("10.0.0.1:33333"), netip.MustParseAddrPort("10.0.0.53:53")
	ask := func(m *made, id uint16, name string) { m.udp(stub, resolver, query(id, false, 0, name, 1)) }
	answer := func(m *made, id uint16, code byte, name string) {
		m.udp(resolver, stub, query(id, true, code, name, 1))
	}
	late := func(m *made) {
		m.after(2 * time.Second)
		m.udp(clientAt, serverAt, nil)
	}
	text := func(r *Report) any {
		d := r.DNS
		return fmt.Sprintf("%d queries, %d again, %d unanswered, %.0f %% of %d, %d errors, latency %d max %.3f",
			d.Queries, d.Repeated, d.Unanswered, d.UnansweredPercent, r.LookupsDue, d.Errors, d.Latency.Count, d.Latency.MaxSeconds)
	}
	runRows(t, []row{
		{"answered", func(m *made) {
			ask(m, 1, "a.test")
			m.after(7 * ms)
			answer(m, 1, 0, "a.test")
		}, text, "1 queries, 0 again, 0 unanswered, 0 % of 1, 0 errors, latency 1 max 0.007"},
		{"sent again, answered from the first", func(m *made) {
			ask(m, 1, "a.test")
			m.after(5 * time.Second)
			ask(m, 1, "a.test")
			m.after(7 * ms)
			answer(m, 1, 0, "a.test")
			late(m)
		}, text, "2 queries, 1 again, 1 unanswered, 0 % of 1, 0 errors, latency 1 max 5.007"},
		{"unanswered, and one that may still be", func(m *made) {
			ask(m, 1, "a.test")
			late(m)
			ask(m, 2, "b.test")
		}, text, "2 queries, 0 again, 2 unanswered, 100 % of 1, 0 errors, latency 0 max 0.000"},
		{"the same number for another name is no repetition", func(m *made) {
			ask(m, 1, "a.test")
			m.after(5 * time.Second)
			ask(m, 1, "b.test")
			m.after(ms)
			answer(m, 1, 0, "b.test")
			late(m)
		}, text, "2 queries, 0 again, 1 unanswered, 50 % of 2, 0 errors, latency 1 max 0.001"},
		{"an answer that nobody waits for", func(m *made) { answer(m, 1, 2, "a.test") }, text, "0 queries, 0 again, 0 unanswered, 0 % of 0, 1 errors, latency 0 max 0.000"},
		{"multicast is not due", func(m *made) {
			m.udp(netip.MustParseAddrPort("10.0.0.1:5353"), netip.MustParseAddrPort("224.0.0.251:5353"), query(0, false, 0, "x.local", 1))
			late(m)
		}, text, "1 queries, 0 again, 1 unanswered, 0 % of 0, 0 errors, latency 0 max 0.000"},
		{"quoted by ICMP it is neither asked nor sent again", func(m *made) {
			ask(m, 1, "a.test")
			quoted := slices.Clone(m.packet)
			m.ip(resolver.Addr(), stub.Addr(), ipICMP, 0, 0, []byte{3, 3, 0, 0, 0, 0, 0, 0}, quoted)
			late(m)
		}, text, "2 queries, 0 again, 2 unanswered, 100 % of 1, 0 errors, latency 0 max 0.000"},
		{"a name that is not there comes after what fails", func(m *made) {
			for id := range uint16(3) {
				ask(m, id, "a.test")
				answer(m, id, 3, "a.test")
			}
			ask(m, 9, "b.test")
			answer(m, 9, 2, "b.test")
		}, func(r *Report) any { return r.Findings[0].About + " " + r.DNS.Names[0].LastCode }, "b.test (A) NXDOMAIN"},
		{"the server answers, whoever is seen first", func(m *made) { answer(m, 1, 0, "a.test") }, func(r *Report) any { return r.Flows[0].Server }, resolver.String()},
	})
}

// TestHTTPFacts: which response belongs to which request.
func TestHTTPFacts(t *testing.T) {
	dial := func(m *made) *talk { return m.dial(clientAt, serverAt, ms, ms) }
	const get, ok = "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	say := func(k *talk, side int, text string) { k.text(side, []byte(text)) }
	text := func(r *Report) any {
		h := r.HTTP
		return fmt.Sprintf("%d requests, %d responses, %d unanswered, latency %d max %.3f, %v", h.Requests, h.Responses, h.Unanswered, h.Latency.Count, h.Latency.MaxSeconds, h.Statuses)
	}
	runRows(t, []row{
		{"one", func(m *made) {
			k := dial(m)
			say(k, 0, get)
			k.after(70 * ms)
			say(k, 1, ok)
		}, text, "1 requests, 1 responses, 0 unanswered, latency 1 max 0.070, map[200:1]"},
		{"pipelined: each from its own request", func(m *made) {
			k := dial(m)
			say(k, 0, get)
			k.after(10 * ms)
			say(k, 0, get)
			k.after(40 * ms)
			say(k, 1, ok)
			k.after(60 * ms)
			say(k, 1, ok)
		}, text, "2 requests, 2 responses, 0 unanswered, latency 2 max 0.100, map[200:2]"},
		{"HEAD: the length is not of a body", func(m *made) {
			k := dial(m)
			say(k, 0, "HEAD / HTTP/1.1\r\n\r\n")
			say(k, 1, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
			say(k, 0, get)
			k.after(5 * ms)
			say(k, 1, ok)
		}, text, "2 requests, 2 responses, 0 unanswered, latency 2 max 0.005, map[200:2]"},
		{"100 Continue is no answer", func(m *made) {
			k := dial(m)
			say(k, 0, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
			k.after(20 * ms)
			say(k, 1, "HTTP/1.1 100 Continue\r\n\r\n")
			say(k, 0, "data")
			k.after(20 * ms)
			say(k, 1, ok)
		}, text, "1 requests, 2 responses, 0 unanswered, latency 1 max 0.040, map[200:1]"},
		{"a response that the capture has lost does not shift the others", func(m *made) {
			k := dial(m)
			say(k, 0, get)
			k.next[1] += 500
			k.after(time.Second)
			say(k, 0, get)
			k.after(10 * ms)
			say(k, 1, ok)
			say(k, 0, get)
			k.after(30 * ms)
			say(k, 1, ok)
		}, text, "3 requests, 2 responses, 0 unanswered, latency 1 max 0.030, map[200:2]"},
		{"unanswered", func(m *made) {
			k := dial(m)
			say(k, 0, get)
			k.after(2 * time.Second)
			k.ack(1)
		}, text, "1 requests, 0 responses, 1 unanswered, latency 0 max 0.000, map[]"},
		{"not answered yet", func(m *made) {
			k := dial(m)
			say(k, 0, get)
			k.after(900 * ms)
			k.ack(1)
		}, text, "1 requests, 0 responses, 0 unanswered, latency 0 max 0.000, map[]"},
	})
}

func record(kind byte, body []byte) []byte {
	return append([]byte{kind, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

func handshakeMessage(kind byte, body []byte) []byte {
	return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

func clientHello(name string) []byte {
	body := append(make([]byte, 34), 0, 0, 2, 0, 0, 1, 0)
	n := len(name)
	extension := append([]byte{0, 0, 0, byte(n + 5), 0, byte(n + 3), 0, 0, byte(n)}, name...)
	body = append(append(body, byte(len(extension)>>8), byte(len(extension))), extension...)
	return record(recordHandshake, handshakeMessage(handshakeClientHello, body))
}

func certificates(t testing.TB, from, until time.Time, chain int) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a.test"}, DNSNames: []string{"a.test"}, NotBefore: from, NotAfter: until}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	one := append([]byte{byte(len(raw) >> 16), byte(len(raw) >> 8), byte(len(raw))}, raw...)
	all := slices.Repeat(one, chain)
	return handshakeMessage(handshakeCertificate, append([]byte{byte(len(all) >> 16), byte(len(all) >> 8), byte(len(all))}, all...))
}

// TestTLSFacts: hellos, alerts and certificates.
func TestTLSFacts(t *testing.T) {
	day := 24 * time.Hour
	now := time.Unix(0, newMade().now)
	expired, good := certificates(t, now.Add(-9*day), now.Add(-day), 3), certificates(t, now.Add(-day), now.Add(time.Hour), 3)
	dial := func(m *made) *talk {
		k := m.dial(clientAt, serverAt, ms, ms)
		k.text(0, clientHello("A.test"))
		return k
	}
	text := func(r *Report) any {
		s := r.TLS
		var reasons []string
		for _, a := range s.Reasons {
			reasons = append(reasons, fmt.Sprintf("%s by %s %d", a.Reason, a.By, a.Count))
		}
		return fmt.Sprintf("unanswered %d alerts %d failures %d %v expired %d of %d", s.Unanswered, s.Alerts, s.Failures, reasons, s.ExpiredCertificates, len(s.Certificates))
	}
	show := func(m *made, side int, certificate []byte, size int) {
		k := dial(m)
		k.text(1, record(recordHandshake, handshakeMessage(handshakeServerHello, make([]byte, 40))))
		for part := range slices.Chunk(certificate, size) {
			k.text(side, record(recordHandshake, part))
		}
	}
	runRows(t, []row{
		{"an alert that can be read", func(m *made) { dial(m).text(1, record(recordAlert, []byte{2, 40})) }, text, "unanswered 0 alerts 1 failures 1 [handshake_failure by server 1] expired 0 of 0"},
		{"the client's", func(m *made) { dial(m).text(0, record(recordAlert, []byte{2, 48})) }, text, "unanswered 0 alerts 1 failures 1 [unknown_ca by client 1] expired 0 of 0"},
		{"an encrypted one", func(m *made) { dial(m).text(1, record(recordAlert, make([]byte, 26))) }, text, "unanswered 0 alerts 1 failures 0 [] expired 0 of 0"},
		{"an end", func(m *made) { dial(m).text(1, record(recordAlert, []byte{1, 0})) }, text, "unanswered 0 alerts 1 failures 0 [] expired 0 of 0"},
		{"a warning that ends nothing", func(m *made) { dial(m).text(1, record(recordAlert, []byte{1, 112})) }, text, "unanswered 0 alerts 1 failures 0 [unrecognized_name by server 1] expired 0 of 0"},
		{"no answer", func(m *made) { dial(m).after(2 * time.Second); m.udp(clientAt, serverAt, nil) }, text, "unanswered 1 alerts 0 failures 0 [] expired 0 of 0"},
		{"no answer yet", func(m *made) { dial(m) }, text, "unanswered 0 alerts 0 failures 0 [] expired 0 of 0"},
		{"an answer that was cut off by the capture", func(m *made) {
			k := dial(m)
			k.data(1, 1)
			k.after(2 * time.Second)
			k.ack(0)
		}, text, "unanswered 0 alerts 0 failures 0 [] expired 0 of 0"},
		{"an expired certificate", func(m *made) { show(m, 1, expired, 4000) }, text, "unanswered 0 alerts 0 failures 0 [] expired 1 of 1"},
		{"in many records", func(m *made) { show(m, 1, expired, 100) }, text, "unanswered 0 alerts 0 failures 0 [] expired 1 of 1"},
		{"one that holds", func(m *made) { show(m, 1, good, 4000) }, text, "unanswered 0 alerts 0 failures 0 [] expired 0 of 1"},
		{"the client's is not the server's", func(m *made) { show(m, 0, expired, 4000) }, text, "unanswered 0 alerts 0 failures 0 [] expired 0 of 0"},
		{"it expires while packets are captured", func(m *made) {
			show(m, 1, good, 4000)
			m.after(2 * time.Hour)
			k := m.dial(netipPort(clientAt, 40001), serverAt, ms, ms)
			k.text(0, clientHello("a.test"))
			k.text(1, record(recordHandshake, good))
		}, text, "unanswered 0 alerts 0 failures 0 [] expired 1 of 1"},
	})
}

// TestICMPFacts: what an error is about, also when what it quotes was cut off.
func TestICMPFacts(t *testing.T) {
	router := netip.MustParseAddr("10.0.0.254")
	quoted := func(m *made, kind, code byte, rest []byte, cut int) {
		m.tcp(clientAt, serverAt, flagSYN, 1, 0, 1000, nil)
		packet := slices.Clone(m.packet)
		m.ip(router, clientAt.Addr(), ipICMP, 0, 0, append([]byte{kind, code, 0, 0}, rest...), packet[:cut])
	}
	text := func(r *Report) any {
		e := r.ICMP.Errors[0]
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Kind != KindUnanswered })
		return fmt.Sprint(e.Reason, " ", e.Target, " ", e.MTUBytes, " ", r.ICMP.SmallestMTUBytes, " ", r.Findings[i].About, " ", len(r.Servers), " ", r.TCP.Connections)
	}
	runRows(t, []row{
		{"too big", func(m *made) { quoted(m, 3, 4, []byte{0, 0, 5, 120}, 28) }, text, "too_big 10.0.0.2 1400 1400 10.0.0.2 too_big 1 1"},
		{"prohibited", func(m *made) { quoted(m, 3, 13, make([]byte, 4), 28) }, text, "prohibited 10.0.0.2 0 0 10.0.0.2 prohibited 1 1"},
		{"quoted without its address", func(m *made) { quoted(m, 11, 0, make([]byte, 4), 12) }, text, "ttl_exceeded  0 0 10.0.0.1 ttl_exceeded 1 1"},
		{"what is only quoted is no server's", func(m *made) {
			m.ip(router, clientAt.Addr(), ipICMP, 0, 0, []byte{3, 1, 0, 0, 0, 0, 0, 0},
				[]byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, ipTCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x9c, 0x40, 0x1f, 0x40, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0})
		}, func(r *Report) any { return fmt.Sprint(len(r.Servers), len(r.Flows), r.TCP.Connections) }, "0 0 1"},
	})
}

// TestARPFacts: a dispute is not that an address moves.
func TestARPFacts(t *testing.T) {
	claim := func(m *made, who byte) {
		p := make([]byte, 42)
		binary.BigEndian.PutUint16(p[12:], etherARP)
		copy(p[14:], []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, who, 10, 0, 0, 9})
		m.take(linkEthernet, p)
	}
	text := func(r *Report) any {
		return fmt.Sprint(r.ARP.Packets, r.ARP.Conflicts, r.ARP.Disputed, len(r.Findings))
	}
	runRows(t, []row{
		{"one", func(m *made) { claim(m, 1); claim(m, 1) }, text, "2 0 [] 0"},
		{"two at once", func(m *made) { claim(m, 1); m.after(ms); claim(m, 2) }, text, "2 1 [10.0.0.9] 1"},
		{"two in turns", func(m *made) {
			claim(m, 1)
			m.after(time.Minute)
			claim(m, 2)
			m.after(time.Minute)
			claim(m, 1)
		}, text, "3 1 [10.0.0.9] 1"},
		{"another takes over", func(m *made) {
			claim(m, 1)
			m.after(5 * time.Second)
			claim(m, 2)
			claim(m, 2)
		}, text, "3 2 [] 0"},
	})
}

// TestLatencyAccuracy: quantiles are within 2 %, whatever their size.
func TestLatencyAccuracy(t *testing.T) {
	for _, size := range []time.Duration{40 * time.Microsecond, ms, 137 * ms, 3 * time.Second, 15 * time.Minute} {
		var d durations
		for i := range 1000 {
			d.add(int64(size) + int64(size)*int64(i)/1000)
		}
		for _, share := range []float64{0.5, 0.95} {
			want := float64(size) * (1 + share)
			if got := float64(d.quantile(share)); got < want*0.98 || got > want*1.02 {
				t.Errorf("quantile %v of %v and more: got %v, want %v", share, size, time.Duration(got), time.Duration(want))
			}
		}
	}
	var long durations
	long.add(int64(5 * time.Hour))
	long.add(-1)
	if l := long.latency(); l.Count != 1 || l.P50Seconds != 5*3600 || l.MaxSeconds != 5*3600 {
		t.Errorf("five hours, and a clock that goes back: %+v", l)
	}
	var none durations
	if l := none.latency(); l != (Latency{}) {
		t.Errorf("none: %+v", l)
	}
}

// TestProofs: findings name packets as the file has them, also when others are left
// out by a filter.
func TestProofs(t *testing.T) {
	m := newMade()
	for i := range 15 {
		m.number = int64(100 * i) // a filter has taken the rest
		at := netipPort(clientAt, uint16(40000+i))
		m.tcp(at, serverAt, flagSYN, 1, 0, 1000, nil)
		m.after(100 * ms)
		m.tcp(serverAt, at, flagRST|flagACK, 0, 2, 0, nil)
	}
	f := m.analysis.Finish().Findings[0]
	if want := []int64{2, 102, 202, 302, 402, 502, 602, 702, 802, 902}; !slices.Equal(f.Packets, want) || f.Count != 15 ||
		f.DisplayFilter != "frame.number in {2,102,202,302,402,502,602,702,802,902}" || f.FirstSeconds != 0.1 || f.LastSeconds != 1.5 {
		t.Errorf("got %+v", f)
	}
}
