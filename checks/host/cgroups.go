package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gumshoe/engine"
)

// CgroupsInput are the inputs of host.cgroups.
type CgroupsInput struct {
	// Window is how long to watch throttling and OOM kills.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
	// Top is how many entries each list has at most.
	Top int `json:"top" default:"10" min:"1" max:"50"`
}

// Cgroups is what host.cgroups observes: which control groups of the host
// (containers, services, sessions) are held back by their own limits. From
// within a container only those below its own are seen.
type Cgroups struct {
	// Version says what is mounted below /sys: v1, v2, both (hybrid), or none, when
	// all else is unread.
	Version CgroupVersion `json:"version" expr:"version" enum:"v1,v2,hybrid,none"`
	// Total is the number of control groups: of those that can bound memory, where
	// each controller of v1 has its own.
	Total int `json:"total" expr:"total"`
	// Throttled are the groups that had used up their processor time and were held
	// back in the window, the worst first.
	Throttled []ThrottledCgroup `json:"throttled" expr:"throttled"`
	// Fullest are the groups with a limit on memory, the nearest to it first.
	Fullest []FullCgroup `json:"fullest" expr:"fullest"`
	// OOMKilled are the groups in which the kernel has killed processes for want of
	// memory since the group was made, those with kills in the window first.
	OOMKilled []OOMKilledCgroup `json:"oom_killed" expr:"oom_killed"`
	// Crowded are the groups with a limit on threads, the nearest to it first.
	Crowded []CrowdedCgroup `json:"crowded" expr:"crowded"`
}

// ThrottledCgroup is a control group that ran out of processor time.
type ThrottledCgroup struct {
	// Path is its path from the root of what is mounted.
	Path string `json:"path" expr:"path"`
	// CPULimitCores is its own quota: how many cores' worth of time it may take.
	CPULimitCores float64 `json:"cpu_limit_cores" expr:"cpu_limit_cores"`
	// CPUThrottledPercent is the share of the quota's periods (of 100 ms, usually)
	// in the window in which it ran out.
	CPUThrottledPercent float64 `json:"cpu_throttled_percent" expr:"cpu_throttled_percent"`
	// ThrottledSecondsPerSecond is the time that this took from its tasks, summed
	// over the processors.
	ThrottledSecondsPerSecond float64 `json:"throttled_seconds_per_second" expr:"throttled_seconds_per_second"`
}

// FullCgroup is how near a control group is to its limit on memory.
type FullCgroup struct {
	// Path is its path from the root of what is mounted.
	Path string `json:"path" expr:"path"`
	// MemoryUsedBytes is the memory it holds without idle page cache.
	MemoryUsedBytes int64 `json:"memory_used_bytes" expr:"memory_used_bytes"`
	// MemoryLimitBytes is its own limit.
	MemoryLimitBytes int64 `json:"memory_limit_bytes" expr:"memory_limit_bytes"`
	// MemoryUsedPercent is memory_used_bytes in percent of memory_limit_bytes.
	MemoryUsedPercent float64 `json:"memory_used_percent" expr:"memory_used_percent"`
}

// OOMKilledCgroup is a control group in which processes were killed.
type OOMKilledCgroup struct {
	// Path is its path from the root of what is mounted.
	Path string `json:"path" expr:"path"`
	// OOMKills is how many of its processes were killed since it was made.
	OOMKills int64 `json:"oom_kills" expr:"oom_kills"`
	// OOMKillsInWindow is how many of them fell in the window.
	OOMKillsInWindow int64 `json:"oom_kills_in_window" expr:"oom_kills_in_window"`
	// MemoryLimitBytes is its own limit; 0 means none: the memory of a group above,
	// or of the host, ran out.
	MemoryLimitBytes int64 `json:"memory_limit_bytes" expr:"memory_limit_bytes"`
}

// CrowdedCgroup is how near a control group is to its limit on threads.
type CrowdedCgroup struct {
	// Path is its path from the root of what is mounted.
	Path string `json:"path" expr:"path"`
	// PIDsUsed is the number of its threads and those of groups below.
	PIDsUsed int64 `json:"pids_used" expr:"pids_used"`
	// PIDsLimit is how many it may have.
	PIDsLimit int64 `json:"pids_limit" expr:"pids_limit"`
	// PIDsUsedPercent is pids_used in percent of pids_limit. At 100 fork fails with
	// EAGAIN.
	PIDsUsedPercent float64 `json:"pids_used_percent" expr:"pids_used_percent"`
}

// Cgroups is the check host.cgroups.
//
// It walks the mounted cgroup file systems at the window's start and end, at
// most 5,000 groups of each. The processes in them are not looked at. One group
// is seen closer with host.cgroup.
//
// Example:
//
//	cgroups: { check: host.cgroups }
//
// By hand:
//
//	systemd-cgtop
//	grep -r . /sys/fs/cgroup --include=cpu.stat --include=memory.events
func (s Source) Cgroups() engine.Check[CgroupsInput, Cgroups] {
	return engine.Check[CgroupsInput, Cgroups]{
		Name:      "host.cgroups",
		Doc:       "Which containers and services of the host are held back by their own limits: throttled, near their memory limit, OOM killed, or out of threads.",
		Cost:      1050 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[CgroupsInput],
		Run:       s.lookCgroups,
		Summarize: summarizeCgroups,
	}
}

func summarizeCgroups(o Cgroups) string {
	if o.Version == CgroupNone || o.Version == "" {
		return "no cgroups to be seen"
	}
	text := fmt.Sprintf("%d cgroups", o.Total)
	if len(o.Throttled) > 0 {
		text += fmt.Sprintf(", %s throttled %.0f %%", shorten(o.Throttled[0].Path), o.Throttled[0].CPUThrottledPercent)
	} else {
		text += ", none throttled"
	}
	if len(o.Fullest) > 0 && o.Fullest[0].MemoryUsedPercent >= 80 {
		text += fmt.Sprintf(", memory of %s %.0f %%", shorten(o.Fullest[0].Path), o.Fullest[0].MemoryUsedPercent)
	}
	if len(o.OOMKilled) > 0 {
		text += fmt.Sprintf(", OOM kills in %s", shorten(o.OOMKilled[0].Path))
	}
	return text
}

// maxCgroups bounds the walk.
const maxCgroups = 5000

func (s Source) lookCgroups(ctx context.Context, call *engine.Call, in CgroupsInput) (Cgroups, error) {
	call.Reproduce("systemd-cgtop", "-n", "2")
	o := Cgroups{Throttled: []ThrottledCgroup{}, Fullest: []FullCgroup{}, OOMKilled: []OOMKilledCgroup{}, Crowded: []CrowdedCgroup{}}
	l, err := s.cgroups(cgroupTop)
	if err != nil {
		return o, err
	}
	o.Version = l.version
	before, err := l.counts(ctx)
	if err != nil {
		return o, err
	}
	started := time.Now()
	if err := wait(ctx, in.Window); err != nil {
		return o, err
	}
	seconds := time.Since(started).Seconds()
	for _, part := range []struct {
		h      *cgroupHierarchy
		fields []string
		look   func(h *cgroupHierarchy, dirs []string) error
	}{
		{&l.cpu, []string{"throttled"}, func(h *cgroupHierarchy, dirs []string) error { return o.throttled(h, dirs, before, seconds) }},
		{&l.memory, []string{"total", "fullest", "oom_killed"}, func(h *cgroupHierarchy, dirs []string) error { return o.fullest(h, dirs, before) }},
		{&l.pids, []string{"crowded"}, o.crowded},
	} {
		if part.h.reason != "" {
			unread(call, part.h.reason, part.h.fix, part.fields...)
			continue
		}
		if !part.h.offers() {
			unread(call, "the "+part.h.controller+" controller is not on in cgroup v2", "enable it in cgroup.subtree_control", part.fields...)
			continue
		}
		dirs, all, err := part.h.walk(ctx)
		if err == nil {
			err = part.look(part.h, dirs)
		}
		switch {
		case ctx.Err() != nil:
			return o, ctx.Err()
		case err != nil:
			unread(call, "cannot read a cgroup: "+err.Error(), "run gumshoe as a user that may read "+part.h.levels[0], part.fields...)
		case !all:
			unread(call, fmt.Sprintf("there are more than %d cgroups", maxCgroups), "look at one with host.cgroup", part.fields...)
		}
	}
	o.sort(in.Top)
	return o, nil
}

// cgroupCount is what one cgroup had counted when the window began.
type cgroupCount struct {
	throttle cgroupThrottle
	kills    int64
}

// counts reads the counters of all groups, by directory. What cannot be read is
// left out: it is reported when the window ends.
func (l *cgroupLayout) counts(ctx context.Context) (map[string]cgroupCount, error) {
	counts := make(map[string]cgroupCount)
	for _, h := range []*cgroupHierarchy{&l.cpu, &l.memory} {
		dirs, _, err := h.walk(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			continue
		}
		for _, dir := range dirs {
			count := counts[dir] // v2 has both in one directory
			if h == &l.cpu {
				count.throttle, err = cgroupThrottleOf(dir, h.v2)
			} else {
				count.kills, err = cgroupOwnKills(dir, h.v2)
			}
			if err == nil {
				counts[dir] = count
			}
		}
	}
	return counts, nil
}

// walk lists the directories of the hierarchy below its top, at most maxCgroups,
// and tells whether that is all of them.
func (h *cgroupHierarchy) walk(ctx context.Context) (dirs []string, all bool, err error) {
	if len(h.levels) == 0 {
		return nil, true, nil
	}
	top := h.levels[0]
	err = filepath.WalkDir(top, func(dir string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil // it ended since its name was read
		case err != nil:
			return err
		case !entry.IsDir() || dir == top:
			return nil
		case len(dirs) == maxCgroups:
			return errTooMany
		}
		dirs = append(dirs, dir)
		return nil
	})
	if errors.Is(err, errTooMany) {
		return dirs, false, nil
	}
	return dirs, true, err
}

var errTooMany = errors.New("too many")

// name is a group's path from the top of the hierarchy.
func (h *cgroupHierarchy) name(dir string) string {
	return printable(path.Join("/", strings.TrimPrefix(dir, h.levels[0])))
}

func (o *Cgroups) throttled(h *cgroupHierarchy, dirs []string, before map[string]cgroupCount, seconds float64) error {
	for _, dir := range dirs {
		now, err := cgroupThrottleOf(dir, h.v2)
		if err != nil {
			return err
		}
		was, known := before[dir]
		periods, throttled := now.periods-was.throttle.periods, now.throttled-was.throttle.throttled
		if !known || now.cores == 0 || periods <= 0 || throttled <= 0 {
			continue
		}
		o.Throttled = append(o.Throttled, ThrottledCgroup{
			Path: h.name(dir), CPULimitCores: now.cores,
			CPUThrottledPercent:       min(percent(throttled, periods), 100),
			ThrottledSecondsPerSecond: max(now.seconds-was.throttle.seconds, 0) / seconds,
		})
	}
	return nil
}

func (o *Cgroups) fullest(h *cgroupHierarchy, dirs []string, before map[string]cgroupCount) error {
	o.Total = len(dirs)
	file := "memory.limit_in_bytes"
	if h.v2 {
		file = "memory.max"
	}
	for _, dir := range dirs {
		limit, err := cgroupNumber(dir, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // off for this group, or it ended
		}
		if err != nil {
			return err
		}
		if limit > 0 {
			used, err := cgroupWorkingSet(dir, h.v2)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			o.Fullest = append(o.Fullest, FullCgroup{
				Path: h.name(dir), MemoryUsedBytes: used, MemoryLimitBytes: limit, MemoryUsedPercent: percent(used, limit),
			})
		}
		kills, err := cgroupOwnKills(dir, h.v2)
		if err != nil {
			return err
		}
		if kills > 0 {
			killed := OOMKilledCgroup{Path: h.name(dir), OOMKills: kills, MemoryLimitBytes: max(limit, 0)}
			if was, known := before[dir]; known {
				killed.OOMKillsInWindow = max(kills-was.kills, 0)
			} else {
				killed.OOMKillsInWindow = kills // the group began in the window
			}
			o.OOMKilled = append(o.OOMKilled, killed)
		}
	}
	return nil
}

// cgroupOwnKills counts the OOM kills in a group itself; 0 where the kernel does
// not count them, or the group is gone. Before Linux 5.2 those in groups below
// are counted with it in cgroup v2.
func cgroupOwnKills(dir string, v2 bool) (int64, error) {
	file := "memory.oom_control"
	if v2 {
		file = "memory.events.local"
	}
	counters, err := cgroupCounters(dir, file)
	if v2 && errors.Is(err, fs.ErrNotExist) {
		counters, err = cgroupCounters(dir, "memory.events")
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return counters["oom_kill"], err
}

func (o *Cgroups) crowded(h *cgroupHierarchy, dirs []string) error {
	for _, dir := range dirs {
		limit, err := cgroupNumber(dir, "pids.max")
		if errors.Is(err, fs.ErrNotExist) || err == nil && limit <= 0 {
			continue
		}
		if err != nil {
			return err
		}
		used, err := cgroupNumber(dir, "pids.current")
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		o.Crowded = append(o.Crowded, CrowdedCgroup{
			Path: h.name(dir), PIDsUsed: used, PIDsLimit: limit, PIDsUsedPercent: percent(used, limit),
		})
	}
	return nil
}

// sort puts the worst first and keeps the top of each list.
func (o *Cgroups) sort(top int) {
	slices.SortFunc(o.Throttled, func(a, b ThrottledCgroup) int {
		return cmp.Or(cmp.Compare(b.CPUThrottledPercent, a.CPUThrottledPercent), cmp.Compare(a.Path, b.Path))
	})
	slices.SortFunc(o.Fullest, func(a, b FullCgroup) int {
		return cmp.Or(cmp.Compare(b.MemoryUsedPercent, a.MemoryUsedPercent), cmp.Compare(a.Path, b.Path))
	})
	slices.SortFunc(o.OOMKilled, func(a, b OOMKilledCgroup) int {
		return cmp.Or(cmp.Compare(b.OOMKillsInWindow, a.OOMKillsInWindow), cmp.Compare(b.OOMKills, a.OOMKills), cmp.Compare(a.Path, b.Path))
	})
	slices.SortFunc(o.Crowded, func(a, b CrowdedCgroup) int {
		return cmp.Or(cmp.Compare(b.PIDsUsedPercent, a.PIDsUsedPercent), cmp.Compare(a.Path, b.Path))
	})
	o.Throttled = o.Throttled[:min(top, len(o.Throttled))]
	o.Fullest = o.Fullest[:min(top, len(o.Fullest))]
	o.OOMKilled = o.OOMKilled[:min(top, len(o.OOMKilled))]
	o.Crowded = o.Crowded[:min(top, len(o.Crowded))]
}
