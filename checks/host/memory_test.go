package host

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
)

func TestMemoryConforms(t *testing.T) {
	checktest.Run(t, Source{}.Memory(), map[string]any{"window": "100ms"})
}

const meminfo = `MemTotal:        1000000 kB
MemFree:          100000 kB
MemAvailable:     250000 kB
Buffers:           10000 kB
Cached:           200000 kB
SwapCached:        10000 kB
Dirty:              3000 kB
Writeback:          1000 kB
Shmem:             50000 kB
Slab:              60000 kB
SReclaimable:      40000 kB
SUnreclaim:        20000 kB
SwapTotal:        400000 kB
SwapFree:         290000 kB
CommitLimit:     1000000 kB
Committed_AS:    1500000 kB
HugePages_Total:       4
HugePages_Free:        3
Hugepagesize:       2048 kB
`

func TestMemorySwapStorm(t *testing.T) {
	before := tree{"meminfo": meminfo, "vmstat": "pswpin 1000\npswpout 50\npgmajfault 70\noom_kill 3\n", "sys/vm/overcommit_memory": "2\n"}
	after := tree{"vmstat": "pswpin 3000\npswpout 150\npgmajfault 570\noom_kill 5\n"}
	got, o := fed[Memory, MemoryInput](t, Source.Memory, before, after, nil)
	page := float64(os.Getpagesize())
	same(t, got, Memory{
		TotalBytes: 1024000000, AvailableBytes: 256000000, AvailablePercent: 25, UsedPercent: 75, FreeBytes: 102400000,
		CachedBytes: 240000 << 10, SlabUnreclaimableBytes: 20000 << 10, ShmemBytes: 50000 << 10, DirtyBytes: 4000 << 10,
		HugePagesBytes: 8 << 20, HugePagesFreeBytes: 6 << 20, Overcommit: OvercommitNever, CommittedPercent: 150,
		SwapTotalBytes: 400000 << 10, SwapUsedBytes: 100000 << 10, SwapUsedPercent: 25,
		SwapInBytesPerSecond: 2000 * page, SwapOutBytesPerSecond: 100 * page, MajorFaultsPerSecond: 500,
		OOMKills: 5, OOMKillsInWindow: 2,
	})
	if len(o.Unread) > 0 {
		t.Errorf("unread %v", o.Unread)
	}
	if want := "244.1 MiB of 976.6 MiB available (25 %), swap 25 % used, 5 OOM kills"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
}

func TestMemoryOldKernelWithoutSwap(t *testing.T) {
	info := strings.Replace(strings.Replace(meminfo, "400000", "0", 1), "290000", "0", 1)
	old := tree{"meminfo": info, "vmstat": "pswpin 0\npswpout 0\npgmajfault 0\n"}
	got, o := fed[Memory, MemoryInput](t, Source.Memory, old, old, nil)
	if got.SwapUsedPercent != 0 || got.SwapUsedBytes != 0 {
		t.Errorf("swap: got %v %% (%d bytes) used of nothing", got.SwapUsedPercent, got.SwapUsedBytes)
	}
	for _, field := range []string{"oom_kills", "oom_kills_in_window", "overcommit"} {
		if !checktest.HasUnread(o, field) {
			t.Errorf("%s is not there and is not unread", field)
		}
	}
}

func TestMemoryAgreesWithFree(t *testing.T) {
	var total, used, free, shared, cache, available float64
	text := tool(t, "free", "-b")
	if _, err := fmt.Sscanf(strings.Split(text, "\n")[1], "Mem: %g %g %g %g %g %g", &total, &used, &free, &shared, &cache, &available); err != nil {
		t.Fatal(err)
	}
	got, _ := checktest.Observe[Memory](t, Source{}.Memory(), map[string]any{"window": "100ms"})
	if float64(got.TotalBytes) != total {
		t.Errorf("total: got %d, free says %g", got.TotalBytes, total)
	}
	// Others use memory meanwhile: a quarter of all is more than they can.
	if math.Abs(float64(got.AvailableBytes)-available) > total/4 {
		t.Errorf("available: got %d, free says %g", got.AvailableBytes, available)
	}
}

func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		if _, err := (Source{}).counters("vmstat"); err != nil {
			b.Fatal(err)
		}
	}
}
