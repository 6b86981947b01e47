package host

import (
	"fmt"
	"math"
	"testing"

	"gumshoe/checks/checktest"
)

func TestCPUConforms(t *testing.T) {
	checktest.Run(t, Source{}.CPU(), map[string]any{"window": "100ms"})
}

// stat writes a /proc/stat of two cores: user nice system idle iowait irq
// softirq steal, in hundredths of a second.
func stat(core0, core1 string, running, blocked int) string {
	return fmt.Sprintf("cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 %s 0 0\ncpu1 %s 0 0\nintr 1 2 3\nctxt %d\nprocesses %d\nprocs_running %d\nprocs_blocked %d\n",
		core0, core1, 1000+300*running, 40+10*running, running, blocked)
}

func TestCPUShares(t *testing.T) {
	before := tree{"stat": stat("100 0 0 0 0 0 0 0", "0 0 0 900 0 0 0 0", 1, 0), "loadavg": "3.00 2.00 1.00 1/100 42\n"}
	for _, tt := range []struct {
		name         string
		core0, core1 string
		want         CPU
	}{
		{
			name: "one core busy", core0: "200 0 0 0 0 0 0 0", core1: "0 0 0 1000 0 0 0 0",
			want: CPU{UsedPercent: 50, UserPercent: 50, IdlePercent: 50, BusiestCorePercent: 100, CorePercents: []float64{100, 0}},
		},
		{
			name: "each kind a tenth or more", core0: "110 10 10 10 10 5 5 40", core1: "10 10 10 910 10 5 5 40",
			want: CPU{UsedPercent: 80, UserPercent: 10, NicePercent: 10, SystemPercent: 10, IdlePercent: 10, IOWaitPercent: 10,
				IRQPercent: 10, StealPercent: 40, BusiestCorePercent: 80, CorePercents: []float64{80, 80}},
		},
		{
			name: "idle ran backwards", core0: "200 0 0 0 0 0 0 0", core1: "100 0 0 800 0 0 0 0",
			want: CPU{UsedPercent: 100, UserPercent: 100, BusiestCorePercent: 100, CorePercents: []float64{100, 100}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			after := tree{"stat": stat(tt.core0, tt.core1, 5, 2), "loadavg": before["loadavg"]}
			got, o := fed[CPU, CPUInput](t, Source.CPU, before, after, nil)
			tt.want.Cores, tt.want.Load1, tt.want.Load5, tt.want.Load15, tt.want.Load1PerCore = 2, 3, 2, 1, 1.5
			// The tree changes in the middle: five looks see the queue of each.
			tt.want.RunQueue, tt.want.Blocked = 2, 1
			tt.want.ContextSwitchesPerSecond, tt.want.ForksPerSecond = 1200, 40
			same(t, got, tt.want)
			if len(o.Unread) > 0 {
				t.Errorf("unread %v", o.Unread)
			}
		})
	}
}

func TestCPUCoreComesOnline(t *testing.T) {
	one := "cpu  0 0 0 0\ncpu0 100 0 0 0 0 0 0 0 0 0\nprocs_running 1\n"
	got, o := fed[CPU, CPUInput](t, Source.CPU, tree{"stat": one, "loadavg": "0 0 0 1/1 1"},
		tree{"stat": stat("150 0 0 50 0 0 0 0", "7 0 0 3 0 0 0 0", 1, 0), "loadavg": "0 0 0 1/1 1"}, nil)
	if got.UsedPercent != 50 || got.Cores != 2 || !checktest.HasUnread(o, "core_percents[1]") {
		t.Errorf("used %v of %d cores, unread %v; want 50 of 2, core 1 unread", got.UsedPercent, got.Cores, o.Unread)
	}
}

func TestCPUStandsStill(t *testing.T) {
	still := tree{"stat": stat("100 0 0 0 0 0 0 0", "0 0 0 900 0 0 0 0", 1, 0), "loadavg": "0 0 0 1/1 1"}
	got, o := fed[CPU, CPUInput](t, Source.CPU, still, still, nil)
	if !checktest.HasUnread(o, "used_percent") || math.IsNaN(got.UsedPercent) {
		t.Errorf("unread %v; want used_percent", o.Unread)
	}
}

func BenchmarkCPU(b *testing.B) {
	for b.Loop() {
		if _, err := (Source{}).coreTimes(b.Context()); err != nil {
			b.Fatal(err)
		}
		if _, err := (Source{}).counters("stat"); err != nil {
			b.Fatal(err)
		}
	}
}
