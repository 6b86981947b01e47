package tally

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/engine/statistic"
)

func TestValues(t *testing.T) {
	var one, other Values
	for i := range 10 {
		one.Add([]byte("a"), Window)
		other.Add([]byte([]string{"a", "b"}[i%2]), Before)
	}
	one.Add([]byte("c"), Window)
	one.Merge(&other)
	want := []Value{{"a", Count{5, 10}}, {"c", Count{0, 1}}, {"b", Count{5, 0}}}
	if diff := cmp.Diff(want, one.Top(10)); diff != "" {
		t.Errorf("top (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:1], one.Top(1)); diff != "" {
		t.Errorf("top of one (-want +got):\n%s", diff)
	}
	if n, exact := one.Distinct(); n != 3 || !exact || one.Lines() != (Count{10, 11}) {
		t.Errorf("got %d different (exact: %t) of %v lines, want 3 exact ones of 10 and 11", n, exact, one.Lines())
	}
}

// TestValuesBounded: what is frequent is found among many values that are not, and
// is counted too little by no more than is said.
func TestValuesBounded(t *testing.T) {
	var v Values
	random := rand.New(rand.NewPCG(1, 2))
	frequent := map[string]int64{}
	const lines = 400_000
	for range lines {
		text := fmt.Sprintf("client-%d", random.IntN(1<<30))
		if random.IntN(10) == 0 {
			text = fmt.Sprintf("heavy-%d", random.IntN(5))
			frequent[text]++
		}
		v.Add([]byte(text), Window)
		if len(v.counts) > maxValues {
			t.Fatalf("%d values are held, want at most %d", len(v.counts), maxValues)
		}
	}
	if _, exact := v.Distinct(); exact || v.Missed() == 0 {
		t.Error("nothing says that values were forgotten")
	}
	for _, top := range v.Top(5) {
		want := frequent[top.Text]
		if got := top.Count[Window]; got > want || got < want-v.Missed() {
			t.Errorf("%s was counted %d times, want %d less at most %d", top.Text, got, want, v.Missed())
		}
	}
	if v.Missed() > lines/1000 {
		t.Errorf("counts may be %d too small, which is more than a thousandth of all", v.Missed())
	}
}

func TestNumbers(t *testing.T) {
	for _, n := range []int{1, 2, 1000, maxExact, maxExact + 1, 300_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			random := rand.New(rand.NewPCG(3, 4))
			var whole, one, other Numbers
			all := make([]float64, n)
			for i := range all {
				all[i] = math.Exp(random.NormFloat64() * 3)
				switch random.IntN(50) {
				case 0:
					all[i] = 0
				case 1:
					all[i] = -all[i]
				}
				whole.Add(all[i])
				half := &one
				if i%2 == 0 {
					half = &other
				}
				half.Add(all[i])
			}
			one.Merge(&other)
			slices.Sort(all)
			shares := []float64{0, 0.01, 0.5, 0.95, 0.99, 1}
			for name, got := range map[string]*Numbers{"whole": &whole, "merged": &one} {
				for i, q := range got.Quantiles(shares...) {
					want := statistic.Quantile(all, shares[i])
					if got.Exact() && q != want {
						t.Errorf("%s: the quantile of %g is %g, want %g", name, shares[i], q, want)
					}
					// between two numbers a sketch takes the lower
					low := all[int(shares[i]*float64(n-1))]
					if math.Abs(q-low) > relativeError*math.Abs(low)*1.01+smallest && !got.Exact() {
						t.Errorf("%s: the quantile of %g is %g, want %g within 0.1 %%", name, shares[i], q, low)
					}
				}
				if got.Samples() != int64(n) || got.Min() != all[0] || got.Max() != all[n-1] {
					t.Errorf("%s: %d numbers from %g to %g, want %d from %g to %g", name, got.Samples(), got.Min(), got.Max(), n, all[0], all[n-1])
				}
				if want := statistic.Mean(all); math.Abs(got.Mean()-want) > 1e-9*math.Abs(want)+1e-12 {
					t.Errorf("%s: mean %g, want %g", name, got.Mean(), want)
				}
			}
			if whole.Exact() != (n <= maxExact) {
				t.Errorf("exact: %t for %d numbers", whole.Exact(), n)
			}
		})
	}
}

func TestNumbersNotFinite(t *testing.T) {
	var n Numbers
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 7} {
		n.Add(x)
	}
	if n.Samples() != 1 || n.Max() != 7 {
		t.Errorf("%d numbers up to %g, want 1 up to 7", n.Samples(), n.Max())
	}
}

func TestGrow(t *testing.T) {
	tests := []struct {
		name            string
		before, window  int64
		factor          float64
		least, greatest float64 // of the surprise
	}{
		{"one becomes three", 1, 3, 3, 0.4, 0.6}, // P(X ≥ 3 of 4) = 5/16
		{"nothing becomes one", 0, 1, 2, 0.3, 0.31},
		{"nothing becomes ten", 0, 10, 20, 3.01, 3.02}, // 2^-10
		{"as before", 1000, 1000, 1, 0.2, 0.4},
		{"a hundred becomes a thousand", 100, 1000, 10, 150, 250},
		{"less than before", 1000, 10, 0.01, 0, 0.001},
		{"none at all", 0, 0, 0, 0, 0},
		{"so many that the chance is zero", 10, 10_000_000, 1_000_000, 300, 300},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Grow(Count{tt.before, tt.window}, 900, 900)
			if math.Abs(got.Factor-tt.factor) > 1e-9*tt.factor || got.Surprise < tt.least || got.Surprise > tt.greatest {
				t.Errorf("got %+v, want a factor of %g and a surprise from %g to %g", got, tt.factor, tt.least, tt.greatest)
			}
		})
	}
}

func TestSeries(t *testing.T) {
	s, other := NewSeries(1000, time.Second, 20), NewSeries(1000, time.Second, 20)
	for i := range 20 {
		at := 1000 + int64(i)*int64(time.Second)
		s.Add(at, int64(2+i%2))
		if i >= 12 {
			other.Add(at+int64(time.Second)-1, 50)
		}
	}
	s.Add(999, 7)
	s.Merge(other)
	step, found := s.Step()
	if want := (Step{At: 1000 + 12*int64(time.Second), Before: 2.5, After: 52.5}); !found || step != want {
		t.Errorf("got %+v (found: %t), want %+v", step, found, want)
	}
	if s.outside != 7 || s.Counts()[0] != 2 || s.Counts()[19] != 53 {
		t.Errorf("got %v and %d outside, want 2 first, 53 last and 7 outside", s.Counts(), s.outside)
	}
	if _, found := NewSeries(0, time.Second, 20).Step(); found {
		t.Error("a step is seen where nothing happens")
	}
}

func BenchmarkValues(b *testing.B) {
	values := make([][]byte, 1000)
	for i := range values {
		values[i] = fmt.Appendf(nil, "10.0.%d.%d", i/256, i%256)
	}
	b.ReportAllocs()
	var v Values
	for i := 0; b.Loop(); i++ {
		v.Add(values[i%len(values)], Window)
	}
}

func BenchmarkNumbers(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	numbers := make([]float64, 4096)
	for i := range numbers {
		numbers[i] = random.ExpFloat64()
	}
	b.ReportAllocs()
	var n Numbers
	for i := 0; b.Loop(); i++ {
		n.Add(numbers[i%len(numbers)])
	}
}
