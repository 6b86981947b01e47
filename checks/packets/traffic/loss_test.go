package traffic

import (
	"encoding/binary"
	"testing"
	"time"
)

// TestLoss: what was lost, where, and what only came late.
func TestLoss(t *testing.T) {
	const rtt = 10 * ms
	// given has a server send ten segments, of which the one of a number is played in
	// another way.
	given := func(m *made, number int, play func(k *talk, seq uint32)) {
		k := m.dial(clientAt, serverAt, rtt/2, rtt/2)
		k.text(0, []byte("ask"))
		m.after(rtt)
		for i := range 10 {
			if i == number {
				play(k, k.next[1])
				k.next[1] += 1000
				continue
			}
			k.data(1, 1000)
			m.after(time.Millisecond / 10)
		}
	}
	toClients := func(r *Report) any { return r.TCP.ToClients }
	ways := func(r *Report) any { return [2]Way{r.TCP.ToServers, r.TCP.ToClients} }
	runRows(t, []row{
		{"nothing lost", func(m *made) { given(m, -1, nil) }, toClients, Way{DataSegments: 11}},
		{"lost before us, and sent again", func(m *made) {
			var hole uint32
			var k *talk
			given(m, 4, func(of *talk, seq uint32) { k, hole = of, seq })
			m.after(2 * rtt)
			k.raw(1, flagACK, hole, make([]byte, 1000))
		}, toClients, Way{DataSegments: 11, LostBefore: 1, LostPercent: 10}},
		{"lost behind us, and sent again", func(m *made) {
			var hole uint32
			var k *talk
			given(m, 4, func(of *talk, seq uint32) {
				k, hole = of, seq
				k.raw(1, flagACK, seq, make([]byte, 1000))
			})
			m.after(2 * rtt)
			k.raw(1, flagACK, hole, make([]byte, 1000))
		}, toClients, Way{DataSegments: 12, LostAfter: 1, LostPercent: 100.0 / 11}},
		{"sent again at once, on a fast network", func(m *made) {
			k := m.dial(clientAt, serverAt, 20*time.Microsecond, 20*time.Microsecond)
			seq := k.next[1]
			for range 3 {
				k.data(1, 1000)
			}
			m.after(time.Microsecond)
			k.raw(1, flagACK, seq, make([]byte, 1000))
		}, toClients, Way{DataSegments: 5, LostAfter: 1, LostPercent: 25}},
		{"overtaken", func(m *made) {
			given(m, 4, func(k *talk, seq uint32) {
				k.raw(1, flagACK, seq+1000, make([]byte, 1000)) // what comes after it
				m.after(time.Millisecond / 20)
				k.raw(1, flagACK, seq, make([]byte, 1000))
				k.next[1] += 1000
			})
		}, toClients, Way{DataSegments: 12, Reordered: 1}},
		{"acknowledged already", func(m *made) {
			var k *talk
			given(m, 4, func(of *talk, seq uint32) { k = of; k.raw(1, flagACK, seq, make([]byte, 1000)) })
			k.ack(0)
			m.after(rtt)
			k.raw(1, flagACK, k.next[1]-1000, make([]byte, 1000))
		}, toClients, Way{DataSegments: 12}},
		{"the acknowledgement was lost", func(m *made) {
			k := m.dial(clientAt, serverAt, rtt/2, rtt/2)
			seq := k.lost(0, 100)
			m.after(20 * rtt)
			k.lost(0, 100)
			k.next[0] += 100
			m.after(rtt)
			k.cameTwice(1, seq, seq+100)
		}, ways, [2]Way{{DataSegments: 3}, {DataSegments: 1, LostBefore: 1}}},
		{"the acknowledgement was late", func(m *made) {
			k := m.dial(clientAt, serverAt, rtt/2, rtt/2)
			seq := k.lost(0, 100)
			m.after(20 * rtt)
			k.lost(0, 100)
			k.next[0] += 100
			k.ack(1)
			m.after(rtt)
			k.cameTwice(1, seq, seq+100)
		}, ways, [2]Way{{DataSegments: 3}, {DataSegments: 1}}},
		{"the acknowledgement was lost behind us", func(m *made) {
			k := m.dial(clientAt, serverAt, rtt/2, rtt/2)
			k.data(1, 100)
			k.ack(0)
			m.after(20 * rtt)
			k.raw(1, flagACK, k.next[1]-100, make([]byte, 100))
		}, ways, [2]Way{{DataSegments: 1, LostAfter: 1}, {DataSegments: 3}}},
		{"sent again while the acknowledgement is on its way", func(m *made) {
			k := m.dial(clientAt, serverAt, rtt/2, rtt/2)
			k.data(1, 100)
			m.after(20 * rtt)
			k.ack(0)
			k.raw(1, flagACK, k.next[1]-100, make([]byte, 100))
		}, ways, [2]Way{{DataSegments: 1}, {DataSegments: 3}}},
		{"lost together with the request that carries it", func(m *made) {
			k := m.dial(clientAt, serverAt, rtt/2, rtt/2)
			k.data(1, 100)
			ask := k.next[0]
			k.data(0, 50)
			m.after(20 * rtt)
			m.tcp(serverAt, clientAt, flagACK, k.next[1]-100, ask, 60000, make([]byte, 100))
			k.raw(0, flagACK, ask, make([]byte, 50))
		}, ways, [2]Way{{DataSegments: 3, LostAfter: 1, LostPercent: 50}, {DataSegments: 3}}},
		{"by their numbers, overtaken", func(m *made) { withNumbers(m, 40*ms, 12, 10) }, toClients, Way{DataSegments: 4, Reordered: 1}},
		{"by their numbers, sent again", func(m *made) { withNumbers(m, 20*time.Microsecond, 12, 13) }, toClients,
			Way{DataSegments: 4, LostBefore: 1, LostPercent: 100.0 / 3}},
		{"their numbers say nothing", func(m *made) { withNumbers(m, 20*time.Microsecond, 4711, 4712) }, toClients, Way{DataSegments: 4, Reordered: 1}},
		{"what came behind a gap is acknowledged, and nothing came twice", func(m *made) {
			k := m.dial(clientAt, serverAt, rtt/2, rtt/2)
			seq := k.lost(0, 100)
			k.raw(0, flagACK, seq+100, make([]byte, 100))
			m.after(rtt)
			k.raw(0, flagACK, seq, make([]byte, 100))
			k.cameTwice(1, seq+100, seq+200)
		}, ways, [2]Way{{DataSegments: 4, LostAfter: 1, LostPercent: 100.0 / 3}, {DataSegments: 1}}},
		{"the other direction", func(m *made) {
			given(m, 4, func(k *talk, seq uint32) {
				k.raw(1, flagACK, seq, make([]byte, 1000))
				k.raw(1, flagACK, seq, make([]byte, 1000))
			})
		}, func(r *Report) any { return r.TCP.ToServers }, Way{DataSegments: 2}},
		{"a window that is closed is asked about", func(m *made) {
			var k *talk
			given(m, 9, func(of *talk, seq uint32) {
				k = of
				k.raw(1, flagACK, seq, make([]byte, 1000))
			})
			k.window[0] = 0
			k.ack(0)
			m.after(rtt)
			k.raw(1, flagACK, k.next[1]-500, make([]byte, 500))
		}, toClients, Way{DataSegments: 12}},
	})
}

// withNumbers has a server send three segments, the one in the middle last; their packets
// have the numbers 9, second and third.
func withNumbers(m *made, late time.Duration, second, third uint16) {
	k := m.dial(clientAt, serverAt, 20*ms, 20*ms)
	send := func(id uint16, seq uint32) {
		var h [20]byte
		binary.BigEndian.PutUint16(h[:], serverAt.Port())
		binary.BigEndian.PutUint16(h[2:], clientAt.Port())
		binary.BigEndian.PutUint32(h[4:], seq)
		binary.BigEndian.PutUint32(h[8:], k.next[0])
		h[12], h[13], h[14] = 5<<4, flagACK, 200
		m.ip(serverAt.Addr(), clientAt.Addr(), ipTCP, id, 0, h[:], make([]byte, 100))
	}
	send(9, 5001)
	send(second, 5201)
	m.after(late)
	send(third, 5101)
}

// cameTwice acknowledges all, and says with a SACK what came.
func (t *talk) cameTwice(side int, from, to uint32) {
	h := make([]byte, 32)
	binary.BigEndian.PutUint16(h, t.at[side].Port())
	binary.BigEndian.PutUint16(h[2:], t.at[1-side].Port())
	binary.BigEndian.PutUint32(h[4:], t.next[side])
	binary.BigEndian.PutUint32(h[8:], t.next[1-side])
	h[12], h[13] = 8<<4, flagACK
	binary.BigEndian.PutUint16(h[14:], t.window[side])
	copy(h[20:], []byte{1, 1, 5, 10})
	binary.BigEndian.PutUint32(h[24:], from)
	binary.BigEndian.PutUint32(h[28:], to)
	t.ip(t.at[side].Addr(), t.at[1-side].Addr(), ipTCP, 0, 0, h)
}

// TestGaps: a gap is filled from either end, from the middle, and by more than it is.
func TestGaps(t *testing.T) {
	for name, tt := range map[string]struct {
		fill [][2]uint32
		left [][2]uint32
	}{
		"whole":          {[][2]uint32{{100, 200}}, nil},
		"from below":     {[][2]uint32{{100, 150}}, [][2]uint32{{150, 200}}},
		"from above":     {[][2]uint32{{150, 200}}, [][2]uint32{{100, 150}}},
		"in the middle":  {[][2]uint32{{120, 130}}, [][2]uint32{{100, 120}, {130, 200}}},
		"more than it":   {[][2]uint32{{50, 300}}, nil},
		"piece by piece": {[][2]uint32{{100, 150}, {150, 200}}, nil},
		"beside it":      {[][2]uint32{{200, 300}, {50, 100}}, [][2]uint32{{100, 200}}},
	} {
		t.Run(name, func(t *testing.T) {
			var g gaps
			g.add(gap{from: 100, to: 200})
			for _, f := range tt.fill {
				g.fill(f[0], f[1])
			}
			var left [][2]uint32
			for _, one := range g.open[:g.n] {
				left = append(left, [2]uint32{one.from, one.to})
			}
			if len(left) != len(tt.left) {
				t.Fatalf("got %v, want %v", left, tt.left)
			}
			for i := range left {
				if left[i] != tt.left[i] {
					t.Errorf("got %v, want %v", left, tt.left)
				}
			}
		})
	}
	var g gaps
	for i := range uint32(maxGaps) {
		g.add(gap{from: i * 100, to: i*100 + 50})
	}
	if g.add(gap{from: 90_000, to: 90_050}) {
		t.Error("a gap too many is remembered")
	}
	if _, fills := g.fill(0, 10); !fills {
		t.Error("the oldest gap is gone")
	}
}
