package livecapture

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/capturefile"
)

func TestOneInterface(t *testing.T) {
	a, b := cable(t)
	a.listen(here + ":7001")
	b.listen(there + ":7002")
	c := a.open(Options{Interface: "va", Filter: filter(t, "udp port 7001 or udp port 7002")})
	out, in := a.udp(there+":7002"), b.udp(here+":7001")
	send(t, out, "first")
	send(t, in, "second", "third")
	send(t, a.udp(there+":7003"), "of another port")
	packets := rest(t, c)
	want := []struct {
		text      string
		direction Direction
	}{{"first", Outgoing}, {"second", Incoming}, {"third", Incoming}}
	if len(packets) != len(want) {
		t.Fatalf("got %d packets, want %d", len(packets), len(want))
	}
	for i, p := range packets {
		if payload(p) != want[i].text || p.Direction != want[i].direction {
			t.Errorf("got %q %s, want %v", payload(p), p.Direction, want[i])
		}
		length := 14 + 20 + 8 + len(want[i].text)
		if p.Captured != length || p.WireLength != length || p.LinkType != capturefile.Ethernet || p.Interface != 0 || p.Number != int64(i+1) || !p.Timed || p.Tagged {
			t.Errorf("got %+v", p)
		}
		if age(p) < 0 || age(p) > time.Minute || i > 0 && p.Time < packets[i-1].Time {
			t.Errorf("packet %d is of %v ago", i, age(p))
		}
	}
	if got := c.Interfaces(); len(got) != 1 || got[0].Name != "va" || got[0].LinkType != capturefile.Ethernet || !strings.Contains(got[0].Filter, "port 7001") {
		t.Errorf("got %+v", got)
	}
	if got, want := statistics(t, c), (Statistics{Given: 3, Seen: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !packets[0].ChecksumPending {
		t.Error("the checksum of what was sent is not pending; a cable in a namespace never makes it")
	}
}

func TestSnapLength(t *testing.T) {
	a, b := cable(t)
	a.listen(here + ":7001")
	text := strings.Repeat("x", 1000)
	for _, snap := range []int{0, 1, 60, 1042, 2000, capturefile.MaxData} {
		t.Run(fmt.Sprint(snap), func(t *testing.T) {
			for _, f := range []string{"", "udp"} {
				c := a.open(Options{Interface: "va", Filter: filter(t, f), SnapLength: snap, Ring: MinRing})
				send(t, b.udp(here+":7001"), text)
				packets := rest(t, c)
				want := min(snap, 1042)
				if snap == 0 {
					want = 1042
				}
				if len(packets) != 1 || packets[0].Captured != want || len(packets[0].Data) != want || packets[0].WireLength != 1042 {
					t.Errorf("filter %q: got %d packets, %+v", f, len(packets), packets)
				}
			}
		})
	}
}
