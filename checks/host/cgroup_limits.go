package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gumshoe/engine"
)

// The fields that depend on one controller; the limit first, then the use, then
// its share.

func cgroupCPUFields() []string {
	return []string{"cpu_limit_cores", "cpu_throttled_percent", "throttled_seconds_per_second"}
}

func cgroupMemoryFields() []string {
	return []string{"memory_limit_bytes", "memory_used_bytes", "memory_used_percent"}
}

func cgroupPIDsFields() []string { return []string{"pids_limit", "pids_used", "pids_used_percent"} }

// cgroupThrottle is what the CPU controller says of one level.
type cgroupThrottle struct {
	dir string
	// cores is the quota; 0 means none.
	cores float64
	// periods counts the quota's periods, throttled those in which it ran out.
	periods, throttled int64
	// seconds is the time for which tasks were held.
	seconds float64
}

// cgroupThrottles reads the levels of a cgroup. A level without quota, on which
// the controller is off, or the root, has no such files.
func cgroupThrottles(h *cgroupHierarchy) ([]cgroupThrottle, error) {
	levels := make([]cgroupThrottle, len(h.levels))
	for i, dir := range h.levels {
		level, err := cgroupThrottleOf(dir, h.v2)
		if err != nil {
			return nil, err
		}
		levels[i] = level
	}
	return levels, nil
}

func cgroupThrottleOf(dir string, v2 bool) (cgroupThrottle, error) {
	level := cgroupThrottle{dir: dir}
	var err error
	if level.cores, err = cgroupCores(dir, v2); err != nil {
		return level, err
	}
	stat, err := cgroupCounters(dir, "cpu.stat")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return level, err
	}
	level.periods, level.throttled = stat["nr_periods"], stat["nr_throttled"]
	level.seconds = float64(stat["throttled_usec"])/1e6 + float64(stat["throttled_time"])/1e9 // v2, v1
	return level, nil
}

// cgroupCores reads the quota of one level: "50000 100000" or "max 100000", and
// with v1 two files, of which the first says -1.
func cgroupCores(dir string, v2 bool) (float64, error) {
	var quota, period int64
	var err error
	if v2 {
		var text []byte
		text, err = os.ReadFile(filepath.Join(dir, "cpu.max"))
		if fields := strings.Fields(string(text)); err == nil && len(fields) == 2 && fields[0] != "max" {
			if quota, err = strconv.ParseInt(fields[0], 10, 64); err == nil {
				period, err = strconv.ParseInt(fields[1], 10, 64)
			}
		}
	} else if quota, err = cgroupNumber(dir, "cpu.cfs_quota_us"); err == nil {
		period, err = cgroupNumber(dir, "cpu.cfs_period_us")
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	case quota <= 0 || period <= 0:
		return 0, nil
	}
	return float64(quota) / float64(period), nil
}

func (o *Cgroup) cpu(call *engine.Call, h *cgroupHierarchy, before, after []cgroupThrottle, err error, seconds float64) {
	switch {
	case len(h.levels) == 0:
		return
	case err != nil:
		unread(call, "cannot read the CPU quota: "+err.Error(), "run gumshoe as a user that may read "+h.levels[0], cgroupCPUFields()...)
		return
	case !h.offers():
		unread(call, "the cpu controller is not on in cgroup v2", "enable it in cgroup.subtree_control", cgroupCPUFields()...)
		return
	}
	earlier := make(map[string]cgroupThrottle)
	for _, level := range before {
		earlier[level.dir] = level
	}
	for _, level := range after {
		if level.cores > 0 && (o.CPULimitCores == 0 || level.cores < o.CPULimitCores) {
			o.CPULimitCores = level.cores
		}
		was, known := earlier[level.dir]
		if !known {
			unread(call, "the cgroup began during the window", "look again", cgroupCPUFields()[1:]...)
			continue
		}
		if level.cores == 0 { // the counts are of a quota that has been lifted
			continue
		}
		periods, throttled := level.periods-was.periods, level.throttled-was.throttled
		if periods > 0 && throttled > 0 {
			o.CPUThrottledPercent = max(o.CPUThrottledPercent, min(percent(throttled, periods), 100))
		}
		o.ThrottledSecondsPerSecond = max(o.ThrottledSecondsPerSecond, (level.seconds-was.seconds)/seconds)
	}
}

// cgroupWorkingSet reads what one level holds of memory, without idle cache.
func cgroupWorkingSet(dir string, v2 bool) (int64, error) {
	file, idle := "memory.usage_in_bytes", "total_inactive_file"
	if v2 {
		file, idle = "memory.current", "inactive_file"
	}
	used, err := cgroupNumber(dir, file)
	if err != nil {
		return 0, err
	}
	stat, err := cgroupCounters(dir, "memory.stat")
	return max(used-stat[idle], 0), err
}

func (o *Cgroup) memory(call *engine.Call, h *cgroupHierarchy) {
	if len(h.levels) == 0 {
		return
	}
	file := "memory.limit_in_bytes"
	if h.v2 {
		file = "memory.max"
	}
	limit, err := o.bound(call, h, file, cgroupMemoryFields(), &o.MemoryUsedBytes, &o.MemoryUsedPercent, cgroupWorkingSet)
	if err == nil {
		o.MemoryLimitBytes = limit
	}
}

func (o *Cgroup) pids(call *engine.Call, h *cgroupHierarchy) {
	if len(h.levels) == 0 {
		return
	}
	current := func(dir string, _ bool) (int64, error) { return cgroupNumber(dir, "pids.current") }
	limit, err := o.bound(call, h, "pids.max", cgroupPIDsFields(),
		&o.PIDsUsed, &o.PIDsUsedPercent, current)
	if err == nil {
		o.PIDsLimit = limit
	}
}

// bound finds the lowest limit of all levels, 0 for none, the level that is
// nearest to its own, and what the cgroup itself uses. The fields are those of
// the limit, the use and the percentage.
func (o *Cgroup) bound(call *engine.Call, h *cgroupHierarchy, file string, fields []string, used *int64, share *float64,
	use func(dir string, v2 bool) (int64, error),
) (int64, error) {
	if !h.offers() {
		unread(call, "the "+h.controller+" controller is not on in cgroup v2", "enable it in cgroup.subtree_control", fields...)
		return 0, fs.ErrNotExist
	}
	var lowest int64
	for i, dir := range h.levels {
		limit, err := cgroupNumber(dir, file)
		if errors.Is(err, fs.ErrNotExist) {
			limit, err = cgroupUnlimited, nil // the root, or off at this level
		}
		var now int64
		var useErr error
		if i == 0 || limit >= 0 {
			now, useErr = use(dir, h.v2)
		}
		switch {
		case err != nil, useErr != nil && i > 0:
			fault := errors.Join(err, useErr)
			unread(call, "cannot read a limit: "+fault.Error(), "run gumshoe as a user that may read "+dir, fields...)
			return 0, fault
		case useErr != nil:
			reason, fix := h.uncounted()
			call.Unread(fields[1], reason, fix)
			if limit >= 0 {
				call.Unread(fields[2], reason, fix)
			}
		case i == 0:
			*used = now
		}
		if limit < 0 {
			continue
		}
		if limit == 0 { // nothing at all is allowed
			call.Unread(fields[0], "the limit is 0, which stands here for no limit", "")
			*share = 100
			continue
		}
		if lowest == 0 || limit < lowest {
			lowest = limit
		}
		if useErr == nil {
			*share = max(*share, percent(now, limit))
		}
	}
	return lowest, nil
}

// uncounted says why a cgroup does not count what it uses.
func (h *cgroupHierarchy) uncounted() (reason, fix string) {
	if h.top {
		return "the root cgroup does not count it", "look at the whole host: host.memory and host.limits"
	}
	return "the " + h.controller + " controller is off for this cgroup",
		"enable it in cgroup.subtree_control of the cgroup above; for a service with systemd's accounting options"
}

// cgroupKills reads the counts of OOM kills and what goes before.
func cgroupKills(h *cgroupHierarchy) (map[string]int64, error) {
	switch {
	case len(h.levels) == 0:
		return nil, fs.ErrNotExist
	case h.v2:
		return cgroupCounters(h.levels[0], "memory.events")
	}
	return cgroupCounters(h.levels[0], "memory.oom_control")
}

func (o *Cgroup) kills(call *engine.Call, h *cgroupHierarchy, before map[string]int64, beforeErr error) {
	if len(h.levels) == 0 {
		return
	}
	now, err := cgroupKills(h)
	for _, counter := range []struct {
		name, field string
		value       *int64
	}{
		{"oom_kill", "oom_kills", &o.OOMKills},
		{"oom", "oom_events", &o.OOMEvents},
		{"high", "memory_high_events", &o.MemoryHighEvents},
	} {
		n, counted := now[counter.name]
		switch {
		case counted:
			*counter.value = n
			continue
		case err != nil:
			reason, fix := h.uncounted()
			call.Unread(counter.field, reason, fix)
		case h.v2 || counter.name == "oom_kill":
			call.Unread(counter.field, "this kernel does not count it", "")
		default:
			call.Unread(counter.field, "cgroup v1 does not count it", "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1)")
		}
		if counter.name == "oom_kill" {
			call.Unread("oom_kills_in_window", "cannot count OOM kills", "")
		}
	}
	switch {
	case err == nil && beforeErr == nil:
		o.OOMKillsInWindow = max(now["oom_kill"]-before["oom_kill"], 0)
	case err == nil:
		call.Unread("oom_kills_in_window", "the cgroup began during the window", "look again")
	}
}
