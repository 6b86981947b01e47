package host

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/shirou/gopsutil/v3/mem"

	"gumshoe/engine"
)

// MemoryInput are the inputs of host.memory.
type MemoryInput struct {
	// Window is how long to watch swapping, faults and OOM kills.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
}

// Overcommit is how the kernel promises memory.
type Overcommit string

// The ways, by their number in vm.overcommit_memory.
const (
	OvercommitHeuristic Overcommit = "heuristic" // 0
	OvercommitAlways    Overcommit = "always"    // 1
	OvercommitNever     Overcommit = "never"     // 2
)

// Memory is what host.memory observes.
type Memory struct {
	// TotalBytes is the memory that the kernel manages.
	TotalBytes int64 `json:"total_bytes" expr:"total_bytes"`
	// AvailableBytes is the kernel's estimate of what programs can still get
	// without swapping: the column "available" of free.
	AvailableBytes int64 `json:"available_bytes" expr:"available_bytes"`
	// AvailablePercent is available_bytes in percent of total_bytes.
	AvailablePercent float64 `json:"available_percent" expr:"available_percent"`
	// UsedPercent is 100 − available_percent: what programs hold and cannot be
	// taken back. Cache does not count as used.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// FreeBytes is the memory that nothing uses at all. A healthy host keeps this
	// low: look at available_bytes.
	FreeBytes int64 `json:"free_bytes" expr:"free_bytes"`
	// CachedBytes is the page cache with the reclaimable part of the kernel's
	// slab; shmem_bytes, which cannot be dropped, is part of it.
	CachedBytes int64 `json:"cached_bytes" expr:"cached_bytes"`
	// SlabUnreclaimableBytes is kernel memory that pressure does not give back;
	// growing without end, it is a leak in the kernel.
	SlabUnreclaimableBytes int64 `json:"slab_unreclaimable_bytes" expr:"slab_unreclaimable_bytes"`
	// ShmemBytes is shared memory and the content of tmpfs mounts.
	ShmemBytes int64 `json:"shmem_bytes" expr:"shmem_bytes"`
	// DirtyBytes is file data waiting to be written, or being written, to disk.
	DirtyBytes int64 `json:"dirty_bytes" expr:"dirty_bytes"`
	// HugePagesFreeBytes is what of huge_pages_bytes nobody uses.
	HugePagesFreeBytes int64 `json:"huge_pages_free_bytes" expr:"huge_pages_free_bytes"`
	// HugePagesBytes is memory set aside for huge pages, used or not: programs
	// that do not ask for huge pages cannot have it.
	HugePagesBytes int64 `json:"huge_pages_bytes" expr:"huge_pages_bytes"`
	// Overcommit says how much programs are promised (vm.overcommit_memory):
	// heuristic, any but obviously too much; always; or never more than the commit
	// limit.
	Overcommit Overcommit `json:"overcommit" expr:"overcommit" enum:"heuristic,always,never"`
	// CommittedPercent is what programs were promised in percent of the commit
	// limit. Above 100 is normal, unless overcommit is never, when allocations fail
	// at 100.
	CommittedPercent float64 `json:"committed_percent" expr:"committed_percent"`

	// SwapTotalBytes is the size of all swap areas; 0 means no swap.
	SwapTotalBytes int64 `json:"swap_total_bytes" expr:"swap_total_bytes"`
	// SwapUsedBytes is the swap in use, without what is kept in memory too.
	SwapUsedBytes int64 `json:"swap_used_bytes" expr:"swap_used_bytes"`
	// SwapUsedPercent is swap_used_bytes in percent of swap_total_bytes; 0 without
	// swap.
	SwapUsedPercent float64 `json:"swap_used_percent" expr:"swap_used_percent"`
	// SwapInBytesPerSecond is the rate of reading back from swap: lasting, it
	// means that what programs need does not fit.
	SwapInBytesPerSecond float64 `json:"swap_in_bytes_per_second" expr:"swap_in_bytes_per_second"`
	// SwapOutBytesPerSecond is the rate of writing out to swap.
	SwapOutBytesPerSecond float64 `json:"swap_out_bytes_per_second" expr:"swap_out_bytes_per_second"`
	// MajorFaultsPerSecond is the rate of page faults that had to wait for a disk.
	MajorFaultsPerSecond float64 `json:"major_faults_per_second" expr:"major_faults_per_second"`

	// OOMKills is the number of processes that the kernel has killed for want of
	// memory since boot, in all cgroups. Unread before Linux 4.13.
	OOMKills int64 `json:"oom_kills" expr:"oom_kills"`
	// OOMKillsInWindow is how many of them fell in the window.
	OOMKillsInWindow int64 `json:"oom_kills_in_window" expr:"oom_kills_in_window"`
}

// Memory is the check host.memory.
//
// It reads /proc/meminfo, and /proc/vmstat at the window's start and end. It
// looks at the whole host; a container's limit is not looked at.
//
// Example:
//
//	memory: { check: host.memory, with: { window: 2s } }
//
// By hand:
//
//	free -m
//	vmstat 1 2
func (s Source) Memory() engine.Check[MemoryInput, Memory] {
	return engine.Check[MemoryInput, Memory]{
		Name:      "host.memory",
		Doc:       "How much memory and swap is left, and whether the host swaps, faults or kills for want of memory during a short window.",
		Cost:      1010 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[MemoryInput],
		Run:       s.lookMemory,
		Summarize: summarizeMemory,
	}
}

func summarizeMemory(o Memory) string {
	text := fmt.Sprintf("%s of %s available (%.0f %%), ", size(o.AvailableBytes), size(o.TotalBytes), o.AvailablePercent)
	if o.SwapTotalBytes == 0 {
		text += "no swap"
	} else {
		text += fmt.Sprintf("swap %.0f %% used", o.SwapUsedPercent)
	}
	if o.OOMKills > 0 {
		text += fmt.Sprintf(", %d OOM kills", o.OOMKills)
	}
	return text
}

func (s Source) lookMemory(ctx context.Context, call *engine.Call, in MemoryInput) (Memory, error) {
	call.Reproduce("free", "-m")
	call.Reproduce("vmstat", "1", "2")
	var o Memory
	before, err := s.counters("vmstat")
	if err != nil {
		return o, err
	}
	started := time.Now()
	if err := wait(ctx, in.Window); err != nil {
		return o, err
	}
	after, err := s.counters("vmstat")
	if err != nil {
		return o, err
	}
	o.rates(call, before, after, time.Since(started).Seconds())

	now, err := mem.VirtualMemoryWithContext(s.context(ctx))
	if err == nil && now.Total == 0 { // gopsutil swallows the error of reading
		err = fmt.Errorf("no MemTotal in it")
	}
	if err != nil {
		return o, blind(s.proc("meminfo"), err)
	}
	o.levels(now)
	o.promises(call, s)
	return o, nil
}

// promises fills in how the kernel promises memory.
func (o *Memory) promises(call *engine.Call, s Source) {
	mode, err := s.number("sys", "vm", "overcommit_memory")
	ways := []Overcommit{OvercommitHeuristic, OvercommitAlways, OvercommitNever}
	if err != nil || mode < 0 || int(mode) >= len(ways) {
		call.Unread("overcommit", "cannot read "+s.proc("sys/vm/overcommit_memory"), "mount procfs there")
		return
	}
	o.Overcommit = ways[mode]
}

// levels fills in what a single look at /proc/meminfo tells.
func (o *Memory) levels(now *mem.VirtualMemoryStat) {
	o.TotalBytes = int64(now.Total)
	o.AvailableBytes = int64(now.Available)
	o.AvailablePercent = percent(o.AvailableBytes, o.TotalBytes)
	o.UsedPercent = 100 - o.AvailablePercent
	o.FreeBytes = int64(now.Free)
	o.CachedBytes = int64(now.Cached) // gopsutil adds SReclaimable, as free does
	o.SlabUnreclaimableBytes = int64(now.Sunreclaim)
	o.ShmemBytes = int64(now.Shared)
	o.DirtyBytes = int64(now.Dirty + now.WriteBack)
	o.HugePagesBytes = int64(now.HugePagesTotal * now.HugePageSize)
	o.HugePagesFreeBytes = int64(now.HugePagesFree * now.HugePageSize)
	o.CommittedPercent = percent(int64(now.CommittedAS), int64(now.CommitLimit))
	o.SwapTotalBytes = int64(now.SwapTotal)
	o.SwapUsedBytes = max(int64(now.SwapTotal)-int64(now.SwapFree)-int64(now.SwapCached), 0)
	o.SwapUsedPercent = percent(o.SwapUsedBytes, o.SwapTotalBytes)
}

// rates fills in what changed between two looks at /proc/vmstat. A counter that
// the kernel does not have leaves its field unread.
func (o *Memory) rates(call *engine.Call, before, after map[string]int64, seconds float64) {
	counted := func(name string, paths ...string) float64 {
		end, ok := after[name]
		if !ok {
			unread(call, "this kernel does not count "+name, "", paths...)
		}
		return float64(max(end-before[name], 0))
	}
	page := float64(os.Getpagesize())
	o.SwapInBytesPerSecond = counted("pswpin", "swap_in_bytes_per_second") * page / seconds
	o.SwapOutBytesPerSecond = counted("pswpout", "swap_out_bytes_per_second") * page / seconds
	o.MajorFaultsPerSecond = counted("pgmajfault", "major_faults_per_second") / seconds
	o.OOMKills = after["oom_kill"]
	o.OOMKillsInWindow = int64(counted("oom_kill", "oom_kills", "oom_kills_in_window"))
}
