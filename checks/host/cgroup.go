package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gumshoe/engine"
)

// CgroupInput are the inputs of host.cgroup.
type CgroupInput struct {
	// Path is the cgroup to look at, such as /system.slice/nginx.service: as in
	// /proc/PID/cgroup, or its directory below /sys/fs/cgroup. Empty means the one
	// that we run in.
	Path string `json:"path" format:"path"`
	// Window is how long to watch throttling and OOM kills.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
}

// CgroupVersion says which cgroup file systems are mounted.
type CgroupVersion string

// The versions of host.cgroup.
const (
	CgroupV1     CgroupVersion = "v1"
	CgroupV2     CgroupVersion = "v2"
	CgroupHybrid CgroupVersion = "hybrid"
	CgroupNone   CgroupVersion = "none"
)

// Cgroup is what host.cgroup observes: the bounds of one control group (a
// container, a service, a user's session) and how near it is to them. A bound
// of a group above holds for it too; of what is above a container's own root
// the container sees nothing.
type Cgroup struct {
	// Version says what is mounted below /sys: v1, v2, both (hybrid), or none, when
	// all else is unread.
	Version CgroupVersion `json:"version" expr:"version" enum:"v1,v2,hybrid,none"`
	// Exists tells whether there is such a cgroup: a service's goes with it. If
	// not, all that follows is unread.
	Exists bool `json:"exists" expr:"exists"`
	// Path is the cgroup's path from the root of its hierarchy; "/" is the root.
	// Where each controller of v1 has its own, it is that of memory.
	Path string `json:"path" expr:"path"`

	// CPULimitCores is how many cores' worth of processor time it may take, the
	// lowest of its own quota and those above; 0 means no limit.
	CPULimitCores float64 `json:"cpu_limit_cores" expr:"cpu_limit_cores"`
	// CPUThrottledPercent is the share of the quota's periods (of 100 ms, usually)
	// in the window in which the quota ran out and tasks had to wait for the next,
	// in this cgroup or in one above, whichever was worse. 0 without a limit.
	CPUThrottledPercent float64 `json:"cpu_throttled_percent" expr:"cpu_throttled_percent"`
	// ThrottledSecondsPerSecond is the time that this took from the tasks, summed
	// over the processors: above 1 several were held at once.
	ThrottledSecondsPerSecond float64 `json:"throttled_seconds_per_second" expr:"throttled_seconds_per_second"`

	// MemoryLimitBytes is how much memory it may hold, the lowest of its own limit
	// and those above; 0 means no limit.
	MemoryLimitBytes int64 `json:"memory_limit_bytes" expr:"memory_limit_bytes"`
	// MemoryUsedBytes is the memory it holds, without the page cache that has not
	// been used lately and is dropped first: the "working set" of Kubernetes.
	MemoryUsedBytes int64 `json:"memory_used_bytes" expr:"memory_used_bytes"`
	// MemoryUsedPercent is what it holds, counted likewise, in percent of its
	// limit; or, if that is more, the same of a cgroup above. 0 without a limit.
	MemoryUsedPercent float64 `json:"memory_used_percent" expr:"memory_used_percent"`
	// OOMKills is how many of its processes the kernel has killed for want of
	// memory since the cgroup was made; with v2 also those of cgroups below.
	OOMKills int64 `json:"oom_kills" expr:"oom_kills"`
	// OOMKillsInWindow is how many of them fell in the window.
	OOMKillsInWindow int64 `json:"oom_kills_in_window" expr:"oom_kills_in_window"`
	// OOMEvents is how often it was at its limit and nothing could be reclaimed,
	// whether or not a process was killed. Unread with v1.
	OOMEvents int64 `json:"oom_events" expr:"oom_events"`
	// MemoryHighEvents is how often it was slowed down for going beyond its soft
	// limit (memory.high). Unread with v1, which has none.
	MemoryHighEvents int64 `json:"memory_high_events" expr:"memory_high_events"`

	// PIDsUsed is the number of its threads and those of cgroups below. Unread for
	// the root: see host.limits.
	PIDsUsed int64 `json:"pids_used" expr:"pids_used"`
	// PIDsLimit is how many it may have, the lowest of its own limit and those
	// above; 0 means no limit.
	PIDsLimit int64 `json:"pids_limit" expr:"pids_limit"`
	// PIDsUsedPercent is pids_used in percent of its limit; or, if that is more,
	// the same of a cgroup above. At 100 fork fails with EAGAIN. 0 without a limit.
	PIDsUsedPercent float64 `json:"pids_used_percent" expr:"pids_used_percent"`

	// CPUPressure is the waiting of its tasks for a processor, throttling included.
	// It is that of the cgroup of v2, as are the next two; on a hybrid host, where
	// that is the root, it is the whole host's. Unread without v2.
	CPUPressure Stall `json:"cpu_pressure" expr:"cpu_pressure"`
	// MemoryPressure is their waiting for memory.
	MemoryPressure Stall `json:"memory_pressure" expr:"memory_pressure"`
	// IOPressure is their waiting for disks.
	IOPressure Stall `json:"io_pressure" expr:"io_pressure"`
}

// Cgroup is the check host.cgroup.
//
// It finds the cgroup through /proc/self/cgroup and the mount table, and reads
// its files and those of the cgroups above it at the window's start and end.
// A cgroup file system mounted outside /sys is not looked at.
//
// Example:
//
//	service: { check: host.cgroup, with: { path: /system.slice/nginx.service } }
//
// By hand:
//
//	cat /proc/self/cgroup
//	cd /sys/fs/cgroup/system.slice/nginx.service
//	cat cpu.max cpu.stat memory.max memory.current memory.events pids.max pids.current
func (s Source) Cgroup() engine.Check[CgroupInput, Cgroup] {
	return engine.Check[CgroupInput, Cgroup]{
		Name:      "host.cgroup",
		Doc:       "The limits of a control group (a container or a service) on processors, memory and processes, how near it is to them, and whether it is throttled or its processes are killed.",
		Cost:      1010 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[CgroupInput],
		Run:       s.lookCgroup,
		Summarize: summarizeCgroup,
	}
}

func summarizeCgroup(o Cgroup) string {
	switch {
	case o.Version == CgroupNone || o.Version == "":
		return "no cgroups to be seen"
	case !o.Exists:
		return "no cgroup " + shorten(o.Path)
	}
	text := shorten(o.Path) + ": "
	if o.CPULimitCores > 0 {
		text += fmt.Sprintf("throttled %.0f %% at %.3g cores, ", o.CPUThrottledPercent, o.CPULimitCores)
	}
	text += "memory " + size(o.MemoryUsedBytes)
	if o.MemoryLimitBytes > 0 {
		text += fmt.Sprintf(" (%.0f %% of the limit)", o.MemoryUsedPercent)
	}
	if o.OOMKills > 0 {
		text += fmt.Sprintf(", %d OOM kills", o.OOMKills)
	}
	return text
}

func (s Source) lookCgroup(ctx context.Context, call *engine.Call, in CgroupInput) (Cgroup, error) {
	call.Reproduce("cat", s.proc("self/cgroup"))
	var o Cgroup
	before, err := s.cgroups(in.Path)
	if err != nil {
		return o, err
	}
	throttledBefore, _ := cgroupThrottles(&before.cpu)
	killsBefore, killsErr := cgroupKills(&before.memory)
	pressureBefore := cgroupPressure(&before.unified)
	started := time.Now()
	if err := wait(ctx, in.Window); err != nil {
		return o, err
	}
	l, err := s.cgroups(in.Path)
	if err != nil {
		return o, err
	}
	throttled, throttledErr := cgroupThrottles(&l.cpu)
	seconds := time.Since(started).Seconds()
	o.place(call, &l, in.Path)
	o.cpu(call, &l.cpu, throttledBefore, throttled, throttledErr, seconds)
	o.memory(call, &l.memory)
	o.kills(call, &l.memory, killsBefore, killsErr)
	o.pids(call, &l.pids)
	o.pressure(call, &l.unified, pressureBefore)
	for _, h := range l.each() {
		if len(h.levels) == 0 {
			continue
		}
		if _, err := os.Stat(h.levels[0]); err != nil { // what could not be read was no absence of limits
			return o, engine.Blind(fmt.Sprintf("the cgroup %q ended while we looked", o.Path), "look again", err)
		}
	}
	return o, nil
}

// place fills in which cgroup it is, and marks what follows when there is none.
func (o *Cgroup) place(call *engine.Call, l *cgroupLayout, wanted string) {
	o.Version = l.version
	mounted, absent := 0, 0
	for _, h := range l.each() {
		if o.Path == "" {
			o.Path = printable(h.path)
		}
		if len(h.levels) > 0 {
			if !o.Exists {
				o.Exists, o.Path = true, printable(h.path)
			}
			call.Reproduce(append([]string{"cat"}, h.files()...)...)
		}
		if h.path != "" {
			mounted++
		}
		if h.absent {
			absent++
		}
	}
	switch {
	case o.Version == CgroupNone:
		unread(call, l.memory.reason, l.memory.fix, "exists", "path")
	case wanted == "":
		o.Exists = true // we run in it, seen or not
		if o.Path == "" {
			call.Unread("path", "our cgroup is not in /proc/self/cgroup", "")
		}
	case !o.Exists && absent < mounted:
		call.Unread("exists", l.memory.reason, l.memory.fix)
	}
	for _, part := range []struct {
		h      *cgroupHierarchy
		fields []string
	}{
		{&l.cpu, cgroupCPUFields()},
		{&l.memory, append(cgroupMemoryFields(), "oom_kills", "oom_kills_in_window", "oom_events", "memory_high_events")},
		{&l.pids, cgroupPIDsFields()},
		{&l.unified, cgroupPressureFields()},
	} {
		if part.h.reason != "" {
			unread(call, part.h.reason, part.h.fix, part.fields...)
		}
	}
}

func cgroupPressureFields() []string {
	var fields []string
	for _, resource := range []string{"cpu_pressure", "memory_pressure", "io_pressure"} {
		fields = append(fields, stallPaths(resource, "some")...)
		fields = append(fields, stallPaths(resource, "full")...)
	}
	return fields
}

// cgroupPressure reads what cgroup v2 counts beside the controllers, by resource.
func cgroupPressure(h *cgroupHierarchy) map[string]stallReading {
	readings := make(map[string]stallReading)
	if len(h.levels) == 0 {
		return readings
	}
	for _, resource := range []string{"cpu", "memory", "io"} {
		if r, err := readStall(filepath.Join(h.levels[0], resource+".pressure")); err == nil {
			readings[resource] = r
		}
	}
	return readings
}

func (o *Cgroup) pressure(call *engine.Call, h *cgroupHierarchy, before map[string]stallReading) {
	if len(h.levels) == 0 {
		return
	}
	after := cgroupPressure(h)
	for _, r := range []struct {
		name  string
		stall *Stall
	}{{"cpu", &o.CPUPressure}, {"memory", &o.MemoryPressure}, {"io", &o.IOPressure}} {
		if !after[r.name].seen() {
			reason, fix := "this cgroup does not report pressure (PSI)", noPSI
			unread(call, reason, fix, stallPaths(r.name+"_pressure", "some")...)
			unread(call, reason, fix, stallPaths(r.name+"_pressure", "full")...)
			continue
		}
		r.stall.fill(call, r.name+"_pressure", before[r.name], after[r.name])
	}
}
