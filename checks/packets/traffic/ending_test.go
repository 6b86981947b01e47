package traffic

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestEnds: how connections end, and who ended them.
func TestEnds(t *testing.T) {
	dial := func(m *made) *talk { return m.dial(clientAt, serverAt, ms, ms) }
	text := func(r *Report) any {
		var kinds []Kind
		for _, f := range r.Findings {
			kinds = append(kinds, f.Kind)
		}
		return fmt.Sprintf("server %d client %d refused %d unanswered %d late %d %s %v", r.TCP.AbortedByServer, r.TCP.AbortedByClient, r.TCP.Refused,
			r.TCP.Unanswered, r.TCP.UnansweredLate, r.Flows[0].State, kinds)
	}
	runRows(t, []row{
		{"reset by the server while the client waits", func(m *made) {
			k := dial(m)
			k.data(0, 10)
			k.reset(1)
		}, text, "server 1 client 0 refused 0 unanswered 0 late 0 reset [reset]"},
		{"reset by the client in the middle of a response", func(m *made) {
			k := dial(m)
			k.data(0, 10)
			k.data(1, 1000)
			k.reset(0)
		}, text, "server 0 client 1 refused 0 unanswered 0 late 0 reset [reset]"},
		{"a reset after both have ended", func(m *made) {
			k := dial(m)
			k.data(0, 10)
			k.data(1, 10)
			k.fin(1)
			k.fin(0)
			k.reset(0)
		}, text, "server 0 client 0 refused 0 unanswered 0 late 0 closed []"},
		{"a client that resets what the server has ended", func(m *made) {
			k := dial(m)
			k.data(0, 10)
			k.data(1, 10)
			k.fin(1)
			k.reset(0)
		}, text, "server 0 client 0 refused 0 unanswered 0 late 0 open []"},
		{"a server that resets a client that has sent all and waits", func(m *made) {
			k := dial(m)
			k.data(0, 10)
			k.fin(0)
			k.reset(1)
		}, text, "server 1 client 0 refused 0 unanswered 0 late 0 reset [reset]"},
		{"a client that leaves while the server still sends", func(m *made) {
			k := dial(m)
			k.data(0, 10)
			k.data(1, 1000)
			k.fin(0)
			k.data(1, 1000)
			k.reset(0)
		}, text, "server 0 client 1 refused 0 unanswered 0 late 0 reset [reset]"},
		{"refused", func(m *made) {
			m.tcp(clientAt, serverAt, flagSYN, 1, 0, 1000, nil)
			m.tcp(serverAt, clientAt, flagRST|flagACK, 0, 2, 0, nil)
		}, text, "server 0 client 0 refused 1 unanswered 0 late 0 refused [refused]"},
		{"a scanner that resets what was granted", func(m *made) {
			m.tcp(clientAt, serverAt, flagSYN, 1, 0, 1000, nil)
			m.tcp(serverAt, clientAt, flagSYN|flagACK, 7, 2, 1000, nil)
			m.tcp(clientAt, serverAt, flagRST, 2, 0, 0, nil)
		}, text, "server 0 client 0 refused 0 unanswered 0 late 0 open []"},
		{"a client that resets its own SYN", func(m *made) {
			m.tcp(clientAt, serverAt, flagSYN, 1, 0, 1000, nil)
			m.tcp(clientAt, serverAt, flagRST, 2, 0, 0, nil)
			m.after(2 * time.Second)
			m.udp(clientAt, serverAt, nil)
		}, func(r *Report) any { return fmt.Sprint(r.TCP.Refused, r.TCP.Unanswered) }, "0 1"},
		{"unanswered", func(m *made) {
			m.tcp(clientAt, serverAt, flagSYN, 1, 0, 1000, nil)
			m.after(time.Second)
			m.tcp(clientAt, serverAt, flagSYN, 1, 0, 1000, nil)
			m.after(2 * time.Second)
			m.udp(clientAt, serverAt, nil)
		}, text, "server 0 client 0 refused 0 unanswered 1 late 0 unanswered [unanswered retransmission]"},
		{"not answered yet", func(m *made) {
			m.tcp(clientAt, serverAt, flagSYN, 1, 0, 1000, nil)
			m.after(900 * ms)
			m.udp(clientAt, serverAt, nil)
		}, func(r *Report) any {
			return fmt.Sprint(r.TCP.Unanswered, r.TCP.UnansweredLate, r.Servers[0].Unanswered, len(r.Findings))
		}, "1 1 0 0"},
		{"a handshake whose SYN-ACK was lost is one", func(m *made) {
			m.tcp(clientAt, serverAt, flagSYN, 1000, 0, 1000, nil)
			m.tcp(serverAt, clientAt, flagSYN|flagACK, 5000, 1001, 1000, nil)
			m.after(time.Second)
			m.tcp(clientAt, serverAt, flagSYN, 1000, 0, 1000, nil)
			m.tcp(serverAt, clientAt, flagSYN|flagACK, 5000, 1001, 1000, nil)
			m.after(30 * ms)
			m.tcp(clientAt, serverAt, flagACK, 1001, 5001, 1000, nil)
		}, func(r *Report) any {
			return fmt.Sprint(r.TCP.Handshake.Count, r.TCP.HandshakeToServer.Count, r.TCP.Handshake.MaxSeconds)
		}, "1 0 0.03"},
	})
}

// TestBlackHole: what is one, and what only looks like one.
func TestBlackHole(t *testing.T) {
	again := func(k *talk, side, length int, seq uint32) {
		for wait := 200 * ms; wait <= 1600*ms; wait *= 2 {
			k.after(wait)
			k.raw(side, flagACK|flagPSH, seq, make([]byte, length))
		}
	}
	dial := func(m *made) *talk { return m.dial(clientAt, serverAt, 10*ms, ms) }
	holes := func(r *Report) any {
		found := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Kind == KindBlackHole && len(f.Packets) >= stuckTimes })
		return fmt.Sprint(r.TCP.BlackHoled, " ", found)
	}
	missing := func(r *Report) any {
		found := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Kind == KindBlackHole && len(f.Packets) == 1 })
		return fmt.Sprint(r.TCP.BlackHoled, " ", found)
	}
	asked := func(m *made) *talk {
		k := dial(m)
		k.data(0, 200)
		k.after(10 * ms)
		k.ack(1)
		return k
	}
	runRows(t, []row{
		{"from the server, and the client gives up", func(m *made) {
			k := asked(m)
			again(k, 1, 1448, k.lost(1, 1448))
			k.fin(0)
		}, holes, "1 true"},
		{"to the server, whose keep-alives come", func(m *made) {
			k := dial(m)
			seq := k.lost(0, 1448)
			again(k, 0, 1448, seq)
			k.raw(1, flagACK, k.next[1]-1, nil)
		}, holes, "1 true"},
		{"what is behind the large one comes through", func(m *made) {
			k := asked(m)
			seq := k.lost(1, 1448)
			k.raw(1, flagACK|flagPSH, seq+1448, make([]byte, 300))
			k.after(10 * ms)
			k.ack(0) // again, with SACK
			k.ack(0)
			again(k, 1, 1448, seq)
		}, holes, "1 true"},
		{"the sender finds out by itself", func(m *made) {
			k := asked(m)
			seq := k.lost(1, 1448)
			again(k, 1, 1448, seq)
			k.after(ms)
			k.raw(1, flagACK|flagPSH, seq, make([]byte, 1024))
			k.next[1] = seq + 1024
			k.ack(0)
			k.data(1, 1024)
			k.ack(0)
		}, holes, "1 true"},
		{"one large segment for many, of which the first is sent again", func(m *made) {
			k := asked(m)
			again(k, 1, 1448, k.lost(1, 14480))
			k.fin(0)
		}, holes, "1 true"},
		{"the receiver is heard on another connection", func(m *made) {
			k := asked(m)
			again(k, 1, 1448, k.lost(1, 1448))
			other := clientAt
			m.tcp(netipPort(other, 40001), serverAt, flagSYN, 1, 0, 1000, nil)
		}, holes, "1 true"},
		{"before us: what is behind the large one comes, and the server is heard on another connection", func(m *made) {
			k := asked(m)
			k.raw(1, flagACK|flagPSH, k.next[1]+1448, make([]byte, 300))
			k.after(ms)
			k.ack(0)
			k.after(3 * time.Second)
			m.dial(netipPort(clientAt, 40001), serverAt, ms, ms)
		}, missing, "1 true"},
		{"loss before us: it comes at last", func(m *made) {
			k := asked(m)
			k.raw(1, flagACK|flagPSH, k.next[1]+1448, make([]byte, 300))
			k.after(ms)
			k.ack(0)
			k.after(3 * time.Second)
			k.data(1, 1448)
			k.next[1] += 300
			k.ack(0)
			m.dial(netipPort(clientAt, 40001), serverAt, ms, ms)
		}, missing, "0 false"},
		{"the capture has missed it", func(m *made) {
			k := asked(m)
			k.next[1] += 1448
			k.data(1, 300)
			k.after(ms)
			k.ack(0)
			k.after(3 * time.Second)
			m.dial(netipPort(clientAt, 40001), serverAt, ms, ms)
		}, missing, "0 false"},
		{"before us: the server died", func(m *made) {
			k := asked(m)
			k.raw(1, flagACK|flagPSH, k.next[1]+1448, make([]byte, 300))
			k.after(ms)
			k.ack(0)
			k.after(3 * time.Second)
			k.ack(0)
		}, missing, "0 false"},
		{"the receiver died", func(m *made) {
			k := asked(m)
			again(k, 1, 1448, k.lost(1, 1448))
		}, holes, "0 false"},
		{"loss: as large ones came through", func(m *made) {
			k := asked(m)
			k.data(1, 1448)
			k.ack(0)
			again(k, 1, 1448, k.lost(1, 1448))
			k.fin(0)
		}, holes, "0 false"},
		{"loss: it comes through at last", func(m *made) {
			k := asked(m)
			seq := k.lost(1, 1448)
			again(k, 1, 1448, seq)
			k.next[1] = seq + 1448
			k.ack(0)
		}, holes, "0 false"},
		{"loss while much is on its way", func(m *made) {
			k := asked(m)
			for range 20 { // what is acknowledged is never all
				k.data(1, 1448)
				k.data(1, 1448)
				k.next[1] -= 1448
				k.ack(0)
				k.next[1] += 1448
			}
			again(k, 1, 1448, k.next[1]-1448)
			k.next[1] -= 1448
			k.fin(0)
		}, holes, "0 false"},
		{"small segments are lost as well", func(m *made) {
			k := asked(m)
			again(k, 1, 500, k.lost(1, 500))
			k.fin(0)
		}, holes, "0 false"},
		{"the receiver has no room", func(m *made) {
			k := asked(m)
			k.window[0] = 500
			k.ack(0)
			again(k, 1, 1448, k.lost(1, 1448))
			k.fin(0)
		}, holes, "0 false"},
		{"the window closes", func(m *made) {
			k := asked(m)
			seq := k.lost(1, 1448)
			k.window[0] = 0
			k.ack(0)
			again(k, 1, 1448, seq)
			k.ack(0)
		}, holes, "0 false"},
		{"each packet is captured four times", func(m *made) {
			k := asked(m)
			seq := k.lost(1, 1448)
			for range 3 {
				k.raw(1, flagACK|flagPSH, seq, make([]byte, 1448))
			}
			k.after(100 * ms)
			k.fin(0)
		}, holes, "0 false"},
		{"ICMP says so, and the sender sends less", func(m *made) {
			k := asked(m)
			seq := k.lost(1, 1448)
			k.after(ms)
			k.raw(1, flagACK|flagPSH, seq, make([]byte, 1348))
			k.next[1] = seq + 1348
			k.ack(0)
		}, holes, "0 false"},
		{"keep-alives that nobody answers", func(m *made) {
			k := asked(m)
			k.data(1, 2000)
			for range 6 {
				k.after(time.Second)
				k.raw(1, flagACK, k.next[1]-1, []byte{0})
			}
			k.fin(0)
		}, holes, "0 false"},
	})
}
