package statistic

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestQuantile(t *testing.T) {
	twenty := make([]float64, 20)
	for i := range twenty {
		twenty[i] = float64(i + 1)
	}
	for _, tt := range []struct { // worked out by hand
		of          []float64
		share, want float64
	}{
		{[]float64{7}, 0.5, 7}, {[]float64{1, 2}, 0.5, 1.5}, {[]float64{1, 2, 10}, 0.5, 2}, {[]float64{1, 2, 3, 4}, 0, 1},
		{twenty, 0.95, 19.05}, {twenty, 0.5, 10.5}, {twenty, 1, 20},
	} {
		if got := Quantile(tt.of, tt.share); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%v of %v: got %v, want %v", tt.share, tt.of, got, tt.want)
		}
	}
}

func TestNeeded(t *testing.T) {
	for rank, want := range map[float64]int{0: 1, 50: 2, 90: 10, 95: 20, 99: 100, 99.9: 1000, 5: 20, 100: 1} {
		if got := Needed(rank); got != want {
			t.Errorf("p%v: got %d, want %d", rank, got, want)
		}
	}
}

func TestSpread(t *testing.T) {
	median, mad := Spread([]float64{1, 1, 2, 2, 4, 6, 9})
	if median != 2 || mad != 1 {
		t.Errorf("got %v, %v", median, mad)
	}
	if got := RobustZ(2+3*1.4826, 2, 1); math.Abs(got-3) > 1e-12 {
		t.Errorf("got %v", got)
	}
}

func TestMeanAndSlope(t *testing.T) {
	if got := Mean([]float64{math.MaxFloat64, math.MaxFloat64, math.MaxFloat64}); math.Abs(got/math.MaxFloat64-1) > 1e-9 {
		t.Errorf("got %v", got)
	}
	if got := Slope([]float64{0, 15, 30, 45}, []float64{1, 4, 7, 10}); math.Abs(got-0.2) > 1e-12 {
		t.Errorf("got %v", got)
	}
	if got := Slope([]float64{3}, []float64{1}); !math.IsNaN(got) {
		t.Errorf("of one: got %v", got)
	}
}

// levels gives numbers of a level and then of another, with noise.
func levels(random *rand.Rand, before, after int, step, noise float64) []float64 {
	numbers := make([]float64, before+after)
	for i := range numbers {
		numbers[i] = 100 + noise*random.NormFloat64()
		if i >= before {
			numbers[i] += step
		}
	}
	return numbers
}

func TestFindStep(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name          string
		before, after int
		step, noise   float64
		off           int // by how much the place may be off
	}{
		{"in the middle", 60, 60, 5, 1, 2},
		{"at the end", 116, 4, 8, 1, 1},
		{"at the start", 4, 116, -8, 1, 1},
		{"without noise", 10, 5, 0.001, 0, 0},
		{"few", 5, 4, 10, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := 0
			for range 200 {
				step, found, known := FindStep(levels(random, tt.before, tt.after, tt.step, tt.noise))
				if !known {
					t.Fatal("not known")
				}
				off := step.Index - tt.before
				if found && off >= -tt.off && off <= tt.off && (step.To > step.From) == (tt.step > 0) {
					seen++
				}
			}
			if seen < 190 {
				t.Errorf("found in %d of 200", seen)
			}
		})
	}
}

// TestFindStepInNoise: what has no step shows one seldom.
func TestFindStepInNoise(t *testing.T) {
	const times = 1000
	random := rand.New(rand.NewPCG(3, 4))
	for _, tt := range []struct {
		name   string
		most   int // of times
		number func(i int, before float64) float64
	}{
		{"white", 5, func(int, float64) float64 { return random.NormFloat64() }},
		{"resembling", 20, func(_ int, before float64) float64 { return 0.9*before + random.NormFloat64() }},
		{"growing", 5, func(i int, _ float64) float64 { return float64(i) + 3*random.NormFloat64() }},
		{"spikes", 10, func(int, float64) float64 {
			if random.IntN(20) == 0 {
				return 100
			}
			return random.NormFloat64()
		}},
		{"waves", 10, func(i int, _ float64) float64 { return 5*math.Sin(float64(i)/6) + random.NormFloat64() }},
		{"level", 0, func(int, float64) float64 { return 7 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := 0
			for range times {
				numbers := make([]float64, 120)
				for i := range numbers {
					before := 0.0
					if i > 0 {
						before = numbers[i-1]
					}
					numbers[i] = tt.number(i, before)
				}
				if _, found, _ := FindStep(numbers); found {
					seen++
				}
			}
			t.Logf("%d of %d", seen, times)
			if seen > tt.most {
				t.Errorf("a step in %d of %d", seen, times)
			}
		})
	}
	if _, _, known := FindStep(make([]float64, 7)); known {
		t.Error("seven numbers are enough")
	}
}

// FuzzFindStep: numbers of any size give a step within them.
func FuzzFindStep(f *testing.F) {
	f.Add(1.0, 1e308, -1e308, 0.0)
	f.Fuzz(func(t *testing.T, a, b, c, d float64) {
		for _, x := range []float64{a, b, c, d} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return
			}
		}
		step, found, _ := FindStep([]float64{a, b, c, d, d, a, b, c, c, c, a, a})
		if found && (step.Index < 3 || step.Index > 9 || math.IsNaN(step.Score)) {
			t.Errorf("got %+v", step)
		}
	})
}

func BenchmarkFindStep(b *testing.B) {
	numbers := levels(rand.New(rand.NewPCG(5, 6)), 240, 240, 3, 1)
	for b.Loop() {
		FindStep(numbers)
	}
}
