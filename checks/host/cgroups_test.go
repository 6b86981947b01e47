package host

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestCgroupsConforms(t *testing.T) {
	checktest.Run(t, Source{}.Cgroups(), map[string]any{"window": "100ms"})
}

// cgroupsFed is the check on a tree whose sysfs is at sysfs.
func cgroupsFed(s Source) engine.Check[CgroupsInput, Cgroups] {
	s.Sys = filepath.Join(s.Proc, "sysfs")
	return s.Cgroups()
}

func TestCgroups(t *testing.T) {
	const service, batch = "sysfs/fs/cgroup/web.slice/nginx.service/", "sysfs/fs/cgroup/batch.slice/"
	before := cgroupV2()
	before[batch+"cpu.max"], before[batch+"cpu.stat"] = "max 100000\n", "nr_periods 50\nnr_throttled 50\n"
	before[batch+"memory.max"], before[batch+"memory.events.local"] = "max\n", "oom_kill 2\n"
	after := tree{
		service + "cpu.stat":      "usage_usec 1\nnr_periods 110\nnr_throttled 14\nthrottled_usec 7500000\n",
		service + "memory.events": "low 0\nhigh 7\nmax 3\noom 2\noom_kill 5\noom_group_kill 0\n",
		batch + "cpu.stat":        "nr_periods 60\nnr_throttled 60\n", // its quota was lifted
	}
	got, o := fed[Cgroups, CgroupsInput](t, cgroupsFed, before, after, nil)
	same(t, got, Cgroups{
		Version: CgroupV2, Total: 3,
		Throttled: []ThrottledCgroup{{Path: "/web.slice/nginx.service", CPULimitCores: 1.5, CPUThrottledPercent: 40, ThrottledSecondsPerSecond: 2.5}},
		Fullest: []FullCgroup{
			{Path: "/web.slice", MemoryUsedBytes: 900, MemoryLimitBytes: 1000, MemoryUsedPercent: 90},
			{Path: "/web.slice/nginx.service", MemoryUsedBytes: 500, MemoryLimitBytes: 2000, MemoryUsedPercent: 25},
		},
		OOMKilled: []OOMKilledCgroup{
			{Path: "/web.slice/nginx.service", OOMKills: 5, OOMKillsInWindow: 1, MemoryLimitBytes: 2000},
			{Path: "/batch.slice", OOMKills: 2},
		},
		Crowded: []CrowdedCgroup{{Path: "/web.slice/nginx.service", PIDsUsed: 40, PIDsLimit: 80, PIDsUsedPercent: 50}},
	})
	if len(o.Unread) > 0 {
		t.Errorf("unread %v", o.Unread)
	}
	if want := "3 cgroups, /web.slice/nginx.service throttled 40 %, memory of /web.slice 90 %, OOM kills in /web.slice/nginx.service"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
	got, _ = fed[Cgroups, CgroupsInput](t, cgroupsFed, before, after, map[string]any{"top": "1"})
	if len(got.Fullest) != 1 || len(got.OOMKilled) != 1 {
		t.Errorf("got %d and %d entries, want the top one of each", len(got.Fullest), len(got.OOMKilled))
	}
}

func TestCgroupsV1Container(t *testing.T) {
	const cpu, memory = "sysfs/fs/cgroup/cpu,cpuacct/job/", "sysfs/fs/cgroup/memory/job/"
	before := tree{
		"self/mountinfo": cgroupMountsV1, "sysfs/fs/cgroup/pids/pids.max": "max\n",
		cpu + "cpu.cfs_quota_us": "50000\n", cpu + "cpu.cfs_period_us": "100000\n",
		cpu + "cpu.stat":                 "nr_periods 5\nnr_throttled 5\nthrottled_time 1000000000\n",
		memory + "memory.limit_in_bytes": "5000\n", memory + "memory.usage_in_bytes": "4096\n", memory + "memory.stat": "total_inactive_file 96\n",
		memory + "memory.oom_control": "oom_kill 1\n",
	}
	after := tree{cpu + "cpu.stat": "nr_periods 15\nnr_throttled 7\nthrottled_time 1500000000\n"}
	got, o := fed[Cgroups, CgroupsInput](t, cgroupsFed, before, after, nil)
	same(t, got, Cgroups{
		Version: CgroupV1, Total: 1,
		Throttled: []ThrottledCgroup{{Path: "/job", CPULimitCores: 0.5, CPUThrottledPercent: 20, ThrottledSecondsPerSecond: 0.5}},
		Fullest:   []FullCgroup{{Path: "/job", MemoryUsedBytes: 4000, MemoryLimitBytes: 5000, MemoryUsedPercent: 80}},
		OOMKilled: []OOMKilledCgroup{{Path: "/job", OOMKills: 1, MemoryLimitBytes: 5000}}, Crowded: []CrowdedCgroup{},
	})
	if len(o.Unread) > 0 {
		t.Errorf("unread %v", o.Unread)
	}
}

func TestCgroupsUnread(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change tree
		want   string
	}{
		{"none", tree{"self/mountinfo": "22 1 0:20 / /sys rw - sysfs sysfs rw\n"}, "throttled total fullest oom_killed crowded"},
		{"no controllers", tree{"sysfs/fs/cgroup/cgroup.controllers": "cpu\n"}, "total fullest oom_killed crowded"},
		{"strange text", tree{"sysfs/fs/cgroup/web.slice/cpu.max": "a b\n"}, "throttled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := cgroupV2()
			maps.Copy(files, tt.change)
			_, o := fed[Cgroups, CgroupsInput](t, cgroupsFed, files, nil, nil)
			var unread []string
			for _, u := range o.Unread {
				unread = append(unread, u.Path)
				if u.Reason == "" || u.Fix == "" {
					t.Errorf("%s is unread without reason or fix", u.Path)
				}
			}
			if got := strings.Join(unread, " "); got != tt.want {
				t.Errorf("unread: got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCgroupsBounded(t *testing.T) {
	root := t.TempDir()
	files := cgroupV2()
	for i := range maxCgroups {
		files[fmt.Sprintf("sysfs/fs/cgroup/s%d/cgroup.procs", i)] = ""
	}
	files.write(t, root)
	got, o := checktest.Observe[Cgroups](t, cgroupsFed(Source{Proc: root}), map[string]any{"window": "100ms"})
	if got.Total != maxCgroups || !checktest.HasUnread(o, "throttled") || !checktest.HasUnread(o, "oom_killed") {
		t.Errorf("got %d cgroups, unread %v; want the first %d, and said so", got.Total, o.Unread, maxCgroups)
	}
}

// TestRealCgroups: one group is throttled, and another kills its process.
func TestRealCgroups(t *testing.T) {
	if !checktest.Real() {
		t.Skip("it makes cgroups on this machine: set GUMSHOE_TEST_REAL=1")
	}
	slow := checktest.NewCgroup(t, checktest.Limits{CPUCores: 0.25, PIDs: 1000})
	small := checktest.NewCgroup(t, checktest.Limits{MemoryBytes: 8 << 20})
	spin := exec.Command("sh", "-c", "read go; while :; do :; done")
	grow := exec.Command("sh", "-c", "read go; x=0123456789; while :; do x=$x$x; done")
	for group, cmd := range map[*checktest.Cgroup]*exec.Cmd{slow: spin, small: grow} {
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		group.Join(t, cmd.Process.Pid)
		if _, err := in.Write([]byte("go\n")); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(checktest.Timeout); ; {
		got, o := checktest.Observe[Cgroups](t, Source{}.Cgroups(), map[string]any{"window": "1s", "top": "50"})
		throttled, killed := false, false
		for _, g := range got.Throttled {
			throttled = throttled || g.Path == slow.Path && g.CPUThrottledPercent > 50 && g.CPULimitCores == 0.25
		}
		for _, g := range got.OOMKilled {
			killed = killed || g.Path == small.Path && g.OOMKills == 1 && g.MemoryLimitBytes == 8<<20
		}
		if throttled && killed {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v, unread %v; want %s throttled and a kill in %s", got, o.Unread, slow.Path, small.Path)
		}
	}
}

// TestCgroupsAsNobody: root sees no more than others.
func TestCgroupsAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	_, o := checktest.Observe[Cgroups](t, Source{}.Cgroups(), map[string]any{"window": "100ms"})
	for _, u := range o.Unread {
		if strings.Contains(u.Reason, "cannot read") {
			t.Errorf("unread %v", u)
		}
	}
}

// BenchmarkCgroups walks over 200 groups, as on a host with 100 containers.
func BenchmarkCgroups(b *testing.B) {
	root := b.TempDir()
	files := cgroupV2()
	for i := range 200 {
		for _, name := range []string{"cpu.max", "cpu.stat", "memory.max", "memory.current", "memory.stat", "memory.events", "pids.max", "pids.current"} {
			files[fmt.Sprintf("sysfs/fs/cgroup/s%d/%s", i, name)] = cgroupV2()["sysfs/fs/cgroup/web.slice/nginx.service/"+name]
		}
	}
	files.write(b, root)
	s := Source{Proc: root, Sys: filepath.Join(root, "sysfs")}
	for b.Loop() {
		if _, err := s.lookCgroups(b.Context(), &engine.Call{}, CgroupsInput{Window: time.Microsecond, Top: 10}); err != nil {
			b.Fatal(err)
		}
	}
}
