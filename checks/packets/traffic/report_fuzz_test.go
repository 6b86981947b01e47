package traffic

import (
	"encoding/json"
	"math"
	"testing"
)

// FuzzReport takes any bytes as packets, each behind its length and the time since
// the one before, and wants a report whose numbers make sense.
func FuzzReport(f *testing.F) {
	for _, name := range []string{"names", "server names", "certificates", "fragments", "methods and statuses", "errors of ICMP", "streams of half messages"} {
		m := newMade()
		var seed []byte
		for i := range 5 {
			hostile[name](m, i)
			seed = append(append(seed, byte(len(m.packet)>>8), byte(len(m.packet)), 1, 9), m.packet...)
		}
		f.Add(seed, uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		links := [...]int{linkRaw, linkEthernet, linkNull, linkSLL, linkSLL2, linkPPP, link80211, linkRadiotap, linkNFLOG, linkFDDI}
		a := NewAnalysis()
		p := Packet{Link: links[int(which)%len(links)]}
		for len(data) >= 4 {
			n := min(int(data[0])<<8|int(data[1]), len(data)-4)
			p.Number++
			p.Time += (int64(int8(data[2]))<<8 | int64(data[3])) * 100_000
			p.Data, p.Wire = data[4:4+n], n+int(data[3]&1)*40
			a.Take(&p)
			data = data[4+n:]
		}
		r := a.Finish()
		bounded(t, r)
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		for what, x := range map[string]float64{"retransmitted": r.TCP.RetransmittedPercent, "unanswered": r.DNS.UnansweredPercent} {
			if x < 0 || x > 100 || math.IsNaN(x) {
				t.Errorf("%s: %v %%", what, x)
			}
		}
		w := r.TCP.Wait
		if min(w.ServerSeconds, w.WireSeconds, w.ClientSeconds, w.IdleSeconds) < 0 {
			t.Errorf("time below 0: %+v", w)
		}
		for _, l := range []Latency{r.TCP.Handshake, r.TCP.Response, r.DNS.Latency, r.HTTP.Latency} {
			if l.P50Seconds > l.P95Seconds || l.P95Seconds > l.MaxSeconds || l.Count < 0 {
				t.Errorf("latency %+v", l)
			}
		}
		for _, s := range r.Servers {
			if s.RetransmittedPercent > 100 || s.Refused+s.Unanswered > s.Connections {
				t.Errorf("server %+v", s)
			}
		}
		if r.Fragments < 0 {
			t.Errorf("%d fragments", r.Fragments)
		}
	})
}
