package changes

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// TestAtLeast compares with sums that were done another way: with a share of one
// half, the binomial distribution is Pascal's triangle.
func TestAtLeast(t *testing.T) {
	for _, tt := range []struct {
		k, n  int
		share float64
		want  float64
	}{
		{0, 0, 0.5, 1}, {0, 7, 0.1, 1}, {1, 1, 1. / 31, 1. / 31}, {3, 3, 1. / 31, 1. / 29791},
		{2, 4, 0.5, 11. / 16}, {4, 4, 0.5, 1. / 16}, {1, 10, 0.1, 1 - math.Pow(0.9, 10)},
		{500, 1000, 0.5, 0.5126125090891802}, // R: pbinom(499, 1000, 0.5, lower.tail = FALSE)
	} {
		if got := atLeast(tt.k, tt.n, tt.share); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("at least %d of %d at %g: got %.12g, want %.12g", tt.k, tt.n, tt.share, got, tt.want)
		}
	}
}

func TestRate(t *testing.T) {
	from := onset.Add(-24 * time.Hour)
	day := func(n int) time.Time { return from.Add(-time.Duration(n) * 24 * time.Hour).Add(time.Hour) }
	daily := func(n, each int) (times []time.Time) {
		for i := range n {
			for j := range each {
				times = append(times, day(i+1).Add(time.Duration(j)*time.Minute))
			}
		}
		return times
	}
	within := func(n int) (times []time.Time) {
		for i := range n {
			times = append(times, onset.Add(-time.Duration(i)*time.Minute))
		}
		return times
	}
	for _, tt := range []struct {
		name    string
		times   []time.Time
		known   time.Time
		judged  bool
		unusual bool
	}{
		{"three of what never happened", within(3), day(60), true, true},
		{"two of what never happened", within(2), day(60), true, false},
		{"three of what happens daily", append(daily(30, 1), within(3)...), day(60), true, false},
		{"eight of what happens daily", append(daily(30, 1), within(8)...), day(60), true, true},
		{"eight, as often before", append(daily(30, 1), append(within(8), daily(1, 7)...)...), day(60), true, false},
		{"less than usual", append(daily(30, 9), within(1)...), day(60), true, false},
		{"a history of two days", within(3), day(2), true, false},
		{"a history of hours", within(30), from.Add(-3 * time.Hour), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, ok := rate("git", tt.times, tt.known, from, onset)
			if ok != tt.judged || r.unusual() != tt.unusual {
				t.Errorf("got %v, unusual %v: %+v", ok, r.unusual(), r)
			}
		})
	}
	r, _ := rate("git", append(daily(30, 2), within(5)...), day(60), from, onset)
	same(t, r, Rate{Kind: "git", Count: 5, Expected: 2, UsualPerDay: 2, MostBefore: 2, HistorySeconds: 30 * 24 * 3600, Probability: atLeast(5, 65, 1./31)})
}

// TestRateOfRuns: many packages of one run are one change, and several runs are
// several.
func TestRateOfRuns(t *testing.T) {
	log := func(runs int) string {
		var out strings.Builder
		for n := range 28 {
			fmt.Fprintf(&out, "%s install w%d:amd64 <none> 1\n", onset.Add(time.Duration(n-30)*24*time.Hour).Format(time.DateTime), n)
		}
		for n := range 300 {
			at := onset.Add(-time.Hour).Add(time.Duration(n%runs) * 5 * time.Minute)
			fmt.Fprintf(&out, "%s upgrade p%d:amd64 1 2\n", at.Format(time.DateTime), n)
		}
		return out.String()
	}
	for _, tt := range []struct {
		runs, unusual int
	}{{1, 0}, {8, 1}} {
		root := t.TempDir()
		tree{"var/log/dpkg.log": log(tt.runs)}.write(t, root)
		got, o := at(t, Source{Root: root}, onset, nil)
		if len(got.Rates) != 1 || got.Rates[0].Count != tt.runs || got.PackagesChanged != 300 || len(got.Unusual) != tt.unusual {
			t.Errorf("%d runs: rates %+v, unusual %+v, %d packages", tt.runs, got.Rates, got.Unusual, got.PackagesChanged)
		}
		if len(got.Packages) != maxPackages || len(got.Changes[0].Items) != min(maxItems, 300/tt.runs) {
			t.Errorf("%d runs: %d packages listed, %d items", tt.runs, len(got.Packages), len(got.Changes[0].Items))
		}
		if len(o.Unread) == 0 {
			t.Error("300 packages, 200 of them listed, and nothing unread")
		}
	}
}
