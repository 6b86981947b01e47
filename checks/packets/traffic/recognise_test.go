package traffic

import (
	"fmt"
	"net/netip"
	"testing"
)

// TestRecognised: what is taken for what, by its port or by how it begins. Each row was
// held against tshark's counts of the same packets.
func TestRecognised(t *testing.T) {
	const magic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	http := func(r *Report) any { return fmt.Sprint(r.HTTP.Requests, r.HTTP.Responses) }
	lookups := func(r *Report) any { return fmt.Sprint(r.DNS.Queries, r.DNS.Responses) }
	tls := func(r *Report) any { return fmt.Sprint(r.TLS.ClientHellos, r.TLS.ServerHellos, r.TLS.Alerts) }
	first := func(port uint16, texts ...string) func(m *made) {
		return func(m *made) {
			k := m.dial(clientAt, netipPort(serverAt, port), ms, ms)
			for _, text := range texts {
				k.text(0, []byte(text))
			}
			k.text(1, response(0))
		}
	}
	hello, alert := clientHello("a.test"), record(recordAlert, []byte{2, 40})
	serverHello := func(extensions ...byte) []byte {
		body := append(make([]byte, 34), 0, 0x13, 1, 0, 0, byte(len(extensions)))
		body[0], body[1] = 3, 3
		return record(recordHandshake, handshakeMessage(handshakeServerHello, append(body, extensions...)))
	}
	ciphers := record(recordCipherSpec, []byte{1})
	// retried is a second ClientHello behind a change of ciphers, in another segment.
	retried := func(answer []byte) func(m *made) {
		return func(m *made) {
			k := m.dial(clientAt, serverAt, ms, ms)
			k.text(0, hello)
			k.text(1, answer)
			k.text(0, ciphers)
			k.text(0, hello)
		}
	}
	runRows(t, []row{
		{"HTTP on any port by its first line", first(8000, "GET / HTTP/1.1\r\n\r\n"), http, "1 1"},
		{"HTTP on any port by its first line, later", first(8000, "hello\r\n", "GET / HTTP/1.1\r\n\r\n"), http, "1 1"},
		{"HTTP/0.9 is none", first(8000, "GET /\r\n"), http, "0 1"},
		{"on port 80 it is one", first(80, "GET /\r\n\r\n"), http, "1 1"},
		{"a database is none", first(5432, "GET / HTTP/1.1\r\n\r\n"), http, "0 0"},
		{"nor is SSH", first(22, "GET / HTTP/1.1\r\n\r\n"), http, "0 0"},
		{"through SOCKS", func(m *made) {
			k := m.dial(clientAt, netipPort(serverAt, 1080), ms, ms)
			k.text(0, []byte{5, 1, 0})
			k.text(1, []byte{5, 0})
			k.text(0, []byte{5, 1, 0, 1, 10, 0, 0, 9, 0, 80})
			k.text(1, []byte{5, 0, 0, 1, 10, 0, 0, 9, 0, 80})
			k.text(0, []byte(getLine))
			k.text(1, response(0))
		}, http, "1 1"},
		{"HTTP/2 by prior knowledge hides what is answered in HTTP/1", first(8080, magic), http, "0 0"},
		{"TLS on a port of mail, from the beginning", func(m *made) { m.dial(clientAt, netipPort(serverAt, 25), ms, ms).text(0, hello) }, tls, "0 0 0"},
		{"TLS on a port of mail, after STARTTLS", func(m *made) {
			k := m.dial(clientAt, netipPort(serverAt, 25), ms, ms)
			k.text(1, []byte("220 a.test ESMTP\r\n"))
			k.text(0, []byte("STARTTLS\r\n"))
			k.text(1, []byte("220 go on\r\n"))
			k.text(0, hello)
		}, tls, "1 0 0"},
		{"an alert does not begin TLS", func(m *made) { m.joined(clientAt, serverAt).text(1, alert) }, tls, "0 0 0"},
		{"but on port 443", func(m *made) { m.joined(clientAt, netipPort(serverAt, 443)).text(1, alert) }, tls, "0 0 1"},
		{"a second hello of TLS 1.3", retried(serverHello(0, 43, 0, 2, 3, 4)), tls, "2 1 0"},
		{"a second hello of TLS 1.2 is encrypted", retried(serverHello()), tls, "1 1 0"},
		{"a hello in the form of SSL 2", func(m *made) { m.dial(clientAt, serverAt, ms, ms).text(0, hello2()) }, tls, "1 0 0"},
		{"when the version is known, any length hides what follows", func(m *made) {
			k := m.dial(clientAt, serverAt, ms, ms)
			k.text(0, hello)
			k.text(1, serverHello())
			k.text(1, ciphers)
			k.text(1, []byte{recordHandshake, 9, 9, 1, 0, 9})
			k.text(1, alert)
		}, tls, "1 1 0"},
		{"a query on a port of nobody", func(m *made) { m.udp(clientAt, netipPort(serverAt, 5300), query(1, false, 0, "a.test", 1)) }, lookups, "1 0"},
		{"a name of NetBIOS", func(m *made) { m.udp(clientAt, netipPort(serverAt, 137), query(1, false, 0, "a.test", 1)) }, lookups, "0 0"},
		{"a reply of RPC", func(m *made) {
			m.udp(netipPort(serverAt, 700), netipPort(clientAt, 701), []byte{1, 2, 0x80, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		}, lookups, "0 0"},
	})
}

// hello2 is a ClientHello in the form of SSL 2.
func hello2() []byte {
	return append([]byte{0x80, 44, 1, 3, 1, 0, 3, 0, 0, 0, 32, 0, 0, 5}, make([]byte, 32)...)
}

// TestCutHeaders: what counts of packets of which some bytes of a header were captured.
func TestCutHeaders(t *testing.T) {
	from, to := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	packet := func(protocol byte, fragment uint16, captured int) func(m *made) {
		return func(m *made) {
			payload := make([]byte, 1000)
			copy(payload, []byte{3, 4, 0, 53})
			if protocol == ipTCP {
				payload[12], payload[13] = 8<<4, flagSYN
			}
			analysis := m.analysis
			m.analysis = NewAnalysis() // which builds the packet, and forgets it
			m.ip(from, to, protocol, 1, fragment, payload)
			m.analysis = analysis
			m.analysis.Take(&Packet{Link: linkRaw, Number: m.number, Time: m.now, Data: m.packet[:20+captured], Wire: len(m.packet)})
		}
	}
	udp := func(r *Report) any { return r.UDP }
	syn := func(r *Report) any { return r.TCP.SYNs }
	unreachable := func(r *Report) any { return fmt.Sprint(r.ICMP.Unreachable, r.ICMP.FragmentationNeeded) }
	runRows(t, []row{
		{"UDP by its ports", packet(ipUDP, 0, 4), udp, int64(1)},
		{"UDP without them", packet(ipUDP, 0, 3), udp, int64(0)},
		{"TCP up to its window", packet(ipTCP, 0, 16), syn, int64(1)},
		{"TCP without it", packet(ipTCP, 0, 15), syn, int64(0)},
		{"ICMP up to the sixth byte", packet(ipICMP, 0, 6), unreachable, "1 1"},
		{"ICMP without it", packet(ipICMP, 0, 5), unreachable, "0 0"},
		{"the first fragment", packet(ipUDP, 0x2000, 100), udp, int64(1)},
		{"another fragment", packet(ipUDP, 0x2010, 100), udp, int64(0)},
		{"the first fragment, captured whole", packet(ipUDP, 0x2000, 1000), udp, int64(0)},
	})
}
