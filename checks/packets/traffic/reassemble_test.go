package traffic

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	getLine = "GET / HTTP/1.1\r\n\r\n"
	okLine  = "HTTP/1.1 200 OK\r\nContent-Length: "
)

func response(length int) []byte {
	return fmt.Appendf(nil, "%s%d\r\n\r\n%s", okLine, length, strings.Repeat("\x01", length))
}

// pieces cuts data into segments.
func pieces(data []byte, size int) (segments [][]byte) {
	for len(data) > size {
		segments, data = append(segments, data[:size]), data[size:]
	}
	return append(segments, data)
}

// from sends a segment from an offset of what the server sends.
func (t *talk) from(offset int, data []byte) {
	t.raw(1, flagACK|flagPSH, 5001+uint32(offset), data)
	t.next[1] = max(t.next[1], 5001+uint32(offset+len(data)))
}

// TestReassembly: which messages Wireshark 4.0.17 sees in connections that lose
// segments. Each row was held against tshark's counts of the same packets.
func TestReassembly(t *testing.T) {
	dial := func(m *made) *talk { return m.dial(clientAt, serverAt, ms, ms) }
	text := func(r *Report) any {
		return fmt.Sprintf("%d requests, %d responses", r.HTTP.Requests, r.HTTP.Responses)
	}
	body := pieces(response(900), 300) // of four segments
	// order sends the segments of the response in an order, and another response.
	order := func(pause time.Duration, order ...int) func(m *made) {
		return func(m *made) {
			k := dial(m)
			k.text(0, []byte(getLine))
			for _, i := range order {
				k.after(pause)
				k.from(300*i, body[i])
			}
			k.after(time.Second)
			k.from(len(response(900)), response(0))
		}
	}
	runRows(t, []row{
		{"in order", order(ms, 0, 1, 2, 3), text, "1 requests, 2 responses"},
		{"what is late by less than a round trip fills the gap", order(ms, 0, 2, 1, 3), text, "1 requests, 2 responses"},
		{"what is late and ends the message: nobody reads it", order(ms, 0, 1, 3, 2), text, "1 requests, 1 responses"},
		{"what comes after a timeout is passed over", order(300*ms, 0, 2, 1, 3), text, "1 requests, 1 responses"},
		{"what is lost for good hides its message alone", order(ms, 0, 2, 3), text, "1 requests, 1 responses"},
		{"the beginning is late", order(ms, 1, 0, 2, 3), text, "1 requests, 1 responses"},
		{"sent again fast, it is read", func(m *made) {
			k := dial(m)
			k.text(0, []byte(getLine))
			for _, i := range []int{0, 2, 3} {
				k.after(5 * ms)
				k.from(300*i, body[i])
			}
			for range 3 {
				k.raw(0, flagACK, k.next[0], nil)
				k.tcp(clientAt, serverAt, flagACK, k.next[0], 5301, 60000, nil)
			}
			for range 3 {
				k.tcp(clientAt, serverAt, flagACK, k.next[0], 5301, 60000, nil)
			}
			k.after(5 * ms)
			k.from(300, body[1])
		}, text, "1 requests, 1 responses"},
		{"a request of single bytes", func(m *made) {
			k := dial(m)
			for _, piece := range pieces([]byte(getLine), 1) {
				k.after(ms)
				k.text(0, piece)
			}
		}, text, "0 requests, 0 responses"}, // port 8000 is not known for HTTP
		{"a request of single bytes, on port 80", func(m *made) {
			k := m.dial(clientAt, netipPort(serverAt, 80), ms, ms)
			for _, piece := range pieces([]byte(getLine), 1) {
				k.after(ms)
				k.text(0, piece)
			}
		}, text, "1 requests, 0 responses"},
		{"what lasts until the end", func(m *made) {
			k := dial(m)
			k.text(0, []byte(getLine))
			k.text(1, []byte("HTTP/1.1 200 OK\r\n\r\nabc"))
			k.after(ms)
			k.data(1, 100)
			k.fin(1)
		}, text, "1 requests, 1 responses"},
		{"what lasts until the end, and is reset", func(m *made) {
			k := dial(m)
			k.text(0, []byte(getLine))
			k.text(1, []byte("HTTP/1.1 200 OK\r\n\r\nabc"))
			k.reset(1)
		}, text, "1 requests, 0 responses"},
		{"what lasts until the end, with a gap", func(m *made) {
			k := dial(m)
			k.text(0, []byte(getLine))
			k.text(1, []byte("HTTP/1.1 200 OK\r\n\r\nabc"))
			k.next[1] += 100
			k.data(1, 100)
			k.fin(1)
		}, text, "1 requests, 0 responses"},
		{"with its FIN a message is whole, however long it says to be", func(m *made) {
			k := dial(m)
			k.text(0, []byte(getLine))
			k.raw(1, flagACK|flagFIN, k.next[1], []byte(okLine+"500\r\n\r\nabc"))
		}, text, "1 requests, 1 responses"},
		{"the response to the last request by HEAD has no body", func(m *made) {
			k := dial(m)
			k.text(0, []byte("HEAD / HTTP/1.1\r\n\r\n"))
			k.text(1, []byte(okLine+"500\r\n\r\n"))
			k.text(0, []byte(getLine))
			k.text(1, response(10))
		}, text, "2 requests, 2 responses"},
		{"a header that is longer than what is kept", func(m *made) {
			k := dial(m)
			long := "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nCookie: " + strings.Repeat("c", 20000) + "\r\nContent-Length: 3\r\n\r\n"
			k.text(0, []byte(getLine))
			for _, piece := range pieces([]byte(long), 1000) {
				k.text(0, piece)
			}
			k.text(0, []byte("abc"))
			k.text(0, []byte(getLine))
		}, text, "3 requests, 0 responses"},
		{"chunks", func(m *made) {
			k := dial(m)
			k.text(0, []byte(getLine))
			for _, piece := range []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "cde\r\n", "3", "\r\nabc\r\n0\r\n", "\r\n" + okLine + "0\r\n\r\n"} {
				k.after(ms)
				k.text(1, []byte(piece))
			}
			k.text(1, response(0))
		}, text, "1 requests, 2 responses"},
		{"a chunk that is lost", func(m *made) {
			k := dial(m)
			k.text(0, []byte(getLine))
			k.text(1, []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"))
			k.next[1] += 5
			k.text(1, []byte("3\r\nabc\r\n0\r\n\r\n"))
			k.text(1, response(0))
		}, text, "1 requests, 1 responses"},
		{"the rest of a header tells where the next message begins", func(m *made) {
			k := m.joined(clientAt, netipPort(serverAt, 80))
			k.text(1, []byte("pe: text/html\r\nContent-Length: 3\r\n\r\nabc"+okLine+"0\r\n\r\n"))
		}, text, "0 requests, 1 responses"},
		{"a body without a line hides what follows it, when its beginning is missing", func(m *made) {
			k := m.joined(clientAt, netipPort(serverAt, 80))
			k.text(1, []byte("the middle of something"))
			k.text(1, response(0))
			k.text(1, response(0))
		}, text, "0 requests, 1 responses"},
		{"TLS is not looked for on a port of HTTP", func(m *made) {
			k := m.dial(clientAt, netipPort(serverAt, 80), ms, ms)
			k.text(0, clientHello("a.test"))
		}, func(r *Report) any { return r.TLS.ClientHellos }, int64(0)},
		{"a method that Wireshark does not know", func(m *made) { dial(m).text(0, []byte("QUERY / HTTP/1.1\r\n\r\n")) }, text, "0 requests, 0 responses"},
	})
}

// TestReassembledRecords: records of TLS and messages of DNS that lose segments.
func TestReassembledRecords(t *testing.T) {
	hello := clientHello("a.test")
	send := func(data []byte, port uint16, order ...int) func(m *made) {
		return func(m *made) {
			k := m.dial(clientAt, netipPort(serverAt, port), ms, ms)
			size := (len(data) + 3) / 4
			for _, i := range order {
				k.after(ms)
				k.raw(0, flagACK, 1001+uint32(size*i), data[size*i:min(len(data), size*(i+1))])
			}
		}
	}
	hellos := func(r *Report) any { return fmt.Sprint(r.TLS.ClientHellos, r.TLS.ServerNames) }
	sized := func(messages ...[]byte) (data []byte) {
		for _, m := range messages {
			data = append(append(data, byte(len(m)>>8), byte(len(m))), m...)
		}
		return data
	}
	two := sized(query(1, false, 0, "a.test", 1), query(2, false, 0, "b.test", 1))
	answers := sized(query(1, true, 0, "a.test", 1), query(2, true, 3, "b.test", 1))
	lookups := func(r *Report) any {
		return fmt.Sprintf("%d queries, %d responses, %d errors, %d unanswered", r.DNS.Queries, r.DNS.Responses, r.DNS.Errors, r.DNS.Unanswered)
	}
	runRows(t, []row{
		{"a hello in order", send(hello, 8443, 0, 1, 2, 3), hellos, "1 1"},
		{"a hello whose middle is late", send(hello, 8443, 0, 2, 1, 3), hellos, "1 1"},
		{"a hello whose end comes before its middle", send(hello, 8443, 0, 1, 3, 2), hellos, "0 0"},
		{"a hello whose middle is lost", send(hello, 8443, 0, 2, 3), hellos, "0 0"},
		{"two queries in one segment count once, and wait for both answers", func(m *made) {
			k := m.dial(clientAt, netipPort(serverAt, 53), ms, ms)
			k.text(0, two)
			k.after(ms)
			k.text(1, answers[:len(answers)/2])
			k.after(ms)
			k.text(1, answers[len(answers)/2:])
			k.after(2 * time.Second)
			k.ack(0)
		}, func(r *Report) any { return fmt.Sprint(lookups(r), ", ", r.DNS.Latency.Count) }, "1 queries, 2 responses, 1 errors, -1 unanswered, 2"},
		{"queries in pieces", send(two, 53, 0, 1, 2, 3), lookups, "2 queries, 0 responses, 0 errors, 2 unanswered"},
		{"a query whose end is late", send(two[:len(two)/2], 53, 0, 1, 3, 2), lookups, "0 queries, 0 responses, 0 errors, 0 unanswered"},
		{"five bytes are a query to Wireshark", func(m *made) { m.udp(clientAt, netipPort(serverAt, 53), []byte("short")) }, lookups, "1 queries, 0 responses, 0 errors, 1 unanswered"},
	})
}

// TestCutSegments: what counts of segments that were not captured whole.
func TestCutSegments(t *testing.T) {
	// cut sends a segment of which so many bytes were captured.
	cut := func(m *made, k *talk, side int, data []byte, captured int) {
		analysis := m.analysis
		m.analysis = NewAnalysis() // which builds the packet, and forgets it
		k.text(side, data)
		m.analysis = analysis
		m.analysis.Take(&Packet{Link: linkRaw, Number: m.number, Time: m.now, Data: m.packet[:captured], Wire: len(m.packet)})
	}
	const headers = 20 + 20
	runRows(t, []row{
		{"a response counts by its beginning", func(m *made) {
			k := m.dial(clientAt, serverAt, ms, ms)
			k.text(0, []byte(getLine))
			cut(m, k, 1, response(1000), headers+30)
			cut(m, k, 1, response(1000), headers+30)
		}, func(r *Report) any { return r.HTTP.Responses }, int64(2)},
		{"but not without its status", func(m *made) {
			k := m.dial(clientAt, serverAt, ms, ms)
			k.text(0, []byte(getLine))
			k.text(1, response(10))
			cut(m, k, 1, response(1000), headers+10)
		}, func(r *Report) any { return r.HTTP.Responses }, int64(1)},
		{"an answer of DNS counts, and as one to nothing", func(m *made) {
			k := m.dial(clientAt, netipPort(serverAt, 53), ms, ms)
			q, r := query(1, false, 0, "a.test", 1), query(1, true, 3, "a.test", 1)
			k.text(0, append([]byte{0, byte(len(q))}, q...))
			cut(m, k, 1, append([]byte{0, byte(len(r))}, r...), headers+14)
		}, func(r *Report) any { return fmt.Sprint(r.DNS.Queries, r.DNS.Responses, r.DNS.Errors, r.DNS.Unanswered) }, "1 1 1 1"},
		{"a header that was cut is not judged", func(m *made) {
			k := m.dial(clientAt, serverAt, ms, ms)
			k.data(0, 100)
			k.next[0] -= 100
			k.after(time.Second)
			cut(m, k, 0, make([]byte, 100), headers-2)
		}, func(r *Report) any { return r.TCP.Retransmitted }, int64(0)},
	})
}

// TestCompleteness: how complete tshark takes a connection for.
func TestCompleteness(t *testing.T) {
	handshakes := func(r *Report) any { return fmt.Sprint(r.TCP.Handshakes, r.Reference.Handshakes) }
	runRows(t, []row{
		{"as of the segment before the last", func(m *made) { m.dial(clientAt, serverAt, ms, ms) }, handshakes, "1 0"},
		{"and one more", func(m *made) { m.dial(clientAt, serverAt, ms, ms).data(0, 1) }, handshakes, "1 1"},
		{"an ACK with data is none", func(m *made) {
			m.tcp(clientAt, serverAt, flagSYN, 1000, 0, 60000, nil)
			m.tcp(serverAt, clientAt, flagSYN|flagACK, 5000, 1001, 60000, nil)
			k := m.joined(clientAt, serverAt)
			k.data(0, 1)
			k.data(0, 1)
		}, handshakes, "1 0"},
		{"a connection for data that FTP agreed on does not begin with its SYN", func(m *made) {
			k := m.dial(clientAt, netipPort(serverAt, portFTP), ms, ms)
			k.text(1, []byte("227 Entering Passive Mode (10,0,0,2,31,64).\r\n"))
			m.dial(clientAt, netipPort(serverAt, 8000), ms, ms).data(0, 1)
		}, handshakes, "2 1"},
		{"nor one on a port alone", func(m *made) {
			k := m.dial(clientAt, netipPort(serverAt, portFTP), ms, ms)
			k.text(1, []byte("229 Entering Extended Passive Mode (|||8000|)\r\n"))
			m.dial(clientAt, netipPort(serverAt, 8000), ms, ms).data(0, 1)
		}, handshakes, "2 1"},
		{"a SYN after the answer to it is none", func(m *made) {
			m.tcp(serverAt, clientAt, flagSYN|flagACK, 5000, 1001, 60000, nil)
			m.tcp(clientAt, serverAt, flagSYN, 1000, 0, 60000, nil)
			k := m.joined(clientAt, serverAt)
			k.ack(0)
			k.data(0, 1)
		}, handshakes, "1 0"},
	})
}
