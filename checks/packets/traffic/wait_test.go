package traffic

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func waitText(r *Report) any {
	w := r.TCP.Wait
	return fmt.Sprintf("%s server %.3f wire %.3f client %.3f idle %.3f", w.Where, w.ServerSeconds, w.WireSeconds, w.ClientSeconds, w.IdleSeconds)
}

// TestWait: who is to blame for the time. The round trip to the server takes 20 ms
// and that to the client 1 ms, unless a row says otherwise.
func TestWait(t *testing.T) {
	dial := func(m *made) *talk { return m.dial(clientAt, serverAt, 20*ms, ms) }
	request := func(k *talk, think time.Duration) {
		k.data(0, 200)
		k.after(20 * ms)
		k.ack(1)
		k.after(think)
		k.data(1, 500)
	}
	runRows(t, []row{
		{"a server that thinks", func(m *made) { request(dial(m), 300*ms) }, waitText, "server server 0.300 wire 0.020 client 0.000 idle 0.000"},
		{"a round trip alone", func(m *made) { request(dial(m), 0) }, waitText, "wire server 0.000 wire 0.020 client 0.000 idle 0.000"},
		{"captured at the server, a round trip to the client", func(m *made) {
			k := m.dial(clientAt, serverAt, 0, 50*ms)
			k.data(0, 200)
			k.ack(1)
			k.after(30 * ms)
			k.data(1, 500)
			k.after(50 * ms)
			k.ack(0)
			k.data(1, 500)
		}, waitText, "wire server 0.030 wire 0.050 client 0.000 idle 0.000"},
		{"a delayed acknowledgement after the response is nobody's", func(m *made) {
			k := dial(m)
			for range 10 {
				request(k, 5*ms)
				k.after(40 * ms)
				k.ack(0)
				k.after(10 * ms)
			}
		}, waitText, "wire server 0.050 wire 0.200 client 0.000 idle 0.450"},
		{"a server that closes a kept connection after a minute", func(m *made) {
			k := dial(m)
			request(k, 5*ms)
			k.after(ms)
			k.ack(0)
			k.after(time.Minute)
			k.fin(1)
		}, waitText, "wire server 0.005 wire 0.020 client 0.000 idle 0.000"},
		{"a client that gives up", func(m *made) {
			k := dial(m)
			k.data(0, 200)
			k.after(20 * ms)
			k.ack(1)
			k.after(5 * time.Second)
			k.fin(0)
			k.after(time.Minute)
			k.fin(1)
		}, waitText, "server server 5.000 wire 0.020 client 0.000 idle 0.000"},
		{"a server that hangs until the packets end", func(m *made) {
			k := dial(m)
			k.data(0, 200)
			k.after(20 * ms)
			k.ack(1)
			m.after(4 * time.Second)
			m.udp(clientAt, netip.MustParseAddrPort("10.0.0.9:9999"), nil)
		}, waitText, "server server 4.000 wire 0.020 client 0.000 idle 0.000"},
		{"a request that does not come through", func(m *made) {
			k := dial(m)
			k.data(0, 200)
			for range 4 {
				k.after(300 * ms)
				k.raw(0, flagACK|flagPSH, k.next[0]-200, make([]byte, 200))
			}
			k.after(300 * ms)
			k.reset(0)
		}, waitText, "wire server 0.000 wire 1.500 client 0.000 idle 0.000"},
		{"keep-alives while the server thinks", func(m *made) {
			k := dial(m)
			k.data(0, 200)
			k.after(20 * ms)
			k.ack(1)
			for range 3 {
				k.after(time.Second)
				k.raw(0, flagACK, k.next[0]-1, nil)
				k.ack(1)
			}
			k.data(1, 100)
		}, waitText, "server server 3.000 wire 0.020 client 0.000 idle 0.000"},
		{"a client that sends its request slowly", func(m *made) {
			k := dial(m)
			k.data(0, 100)
			k.after(500 * ms)
			k.data(0, 100)
			k.after(20 * ms)
			k.data(1, 100)
		}, waitText, "client server 0.000 wire 0.041 client 0.479 idle 0.000"},
		{"a client that does not read", func(m *made) {
			k := dial(m)
			request(k, 0)
			k.window[0] = 0
			k.ack(0)
			for range 3 { // the server asks whether it may go on
				k.after(400 * ms)
				k.raw(1, flagACK, k.next[1]-1, nil)
				k.ack(0)
			}
			k.after(100 * ms)
			k.window[0] = 60000
			k.ack(0)
			k.after(ms)
			k.data(1, 500)
		}, waitText, "client server 0.000 wire 0.021 client 1.300 idle 0.000"},
		{"a server that does not read the request", func(m *made) {
			k := dial(m)
			k.data(0, 1000)
			k.window[1] = 0
			k.after(20 * ms)
			k.ack(1)
			k.after(700 * ms)
			k.window[1] = 60000
			k.ack(1)
			k.data(0, 1000)
			k.after(20 * ms)
			k.data(1, 10)
		}, waitText, "server server 0.700 wire 0.040 client 0.000 idle 0.000"},
		{"a response that is lost and sent again", func(m *made) {
			k := dial(m)
			request(k, 0)
			seq := k.next[1] - 500
			k.after(250 * ms)
			k.raw(1, flagACK|flagPSH, seq, make([]byte, 500))
		}, waitText, "wire server 0.000 wire 0.270 client 0.000 idle 0.000"},
		{"a server that speaks first, late", func(m *made) {
			k := dial(m)
			k.after(420 * ms)
			k.data(1, 30)
		}, waitText, "server server 0.400 wire 0.020 client 0.000 idle 0.000"},
		{"a connection of a pool that waits for work", func(m *made) {
			k := dial(m)
			k.after(10 * time.Second)
			request(k, 10*ms)
			k.after(10 * time.Second)
			request(k, 10*ms)
		}, waitText, "wire server 0.020 wire 0.040 client 0.000 idle 20.000"},
		{"a collector of logs that never says anything", func(m *made) {
			k := dial(m)
			for range 5 {
				k.data(0, 300)
				k.after(20 * ms)
				k.ack(1)
				k.after(2 * time.Second)
			}
			k.fin(0)
		}, func(r *Report) any { return r.TCP.Wait.ServerSeconds + r.TCP.Wait.ClientSeconds }, 0.0},
		{"HTTP: what comes after the whole response is no wait", func(m *made) {
			k := dial(m)
			k.text(0, []byte("GET / HTTP/1.1\r\n\r\n"))
			k.after(50 * ms)
			k.text(1, []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
			k.after(time.Minute)
			k.text(1, []byte("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"))
		}, waitText, "server server 0.030 wire 0.020 client 0.000 idle 0.000"},
		{"nobody asks anything", func(m *made) { dial(m).after(time.Minute) }, waitText, "none server 0.000 wire 0.000 client 0.000 idle 0.000"},
		{"a response in the same instant is a response", func(m *made) {
			k := m.dial(clientAt, serverAt, 0, 0)
			k.data(0, 1)
			k.data(0, 10)
			k.data(1, 10)
		}, func(r *Report) any { return r.TCP.Response.Count }, int64(1)},
	})
}

// TestServerWithoutHandshake: who is the server of a connection that began before
// the packets.
func TestServerWithoutHandshake(t *testing.T) {
	high, low := netip.MustParseAddrPort("10.0.0.5:50051"), netip.MustParseAddrPort("10.0.0.6:40000")
	address := func(r *Report) any { return r.Servers[0].Address }
	state := func(r *Report) any { return r.Flows[0].State }
	runRows(t, []row{
		{"the lower port", func(m *made) { m.joined(high, low).data(0, 10) }, address, low.String()},
		{"that of HTTP's response", func(m *made) { m.joined(low, high).text(1, []byte("HTTP/1.1 200 OK\r\n\r\n")) }, address, high.String()},
		{"that of a ClientHello", func(m *made) { m.joined(low, high).text(0, []byte{22, 3, 1, 0, 9, 1, 0, 0, 5, 3, 3, 0, 0, 0}) }, address, high.String()},
		{"that to which another connects", func(m *made) {
			m.dial(netip.MustParseAddrPort("10.0.0.7:39999"), high, 0, 0)
			m.joined(low, high).data(0, 10)
		}, func(r *Report) any { return fmt.Sprint(len(r.Servers), " ", r.Servers[0].Address) }, "1 " + high.String()},
		{"partial all the same", func(m *made) { m.joined(low, high).text(0, []byte("GET / HTTP/1.1\r\n\r\n")) }, state, "partial"},
		{"open with its SYN", func(m *made) { m.dial(low, high, 0, 0) }, state, "open"},
	})
}
