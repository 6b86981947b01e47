package host

import (
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestCgroupConforms(t *testing.T) {
	checktest.Run(t, Source{}.Cgroup(), map[string]any{"window": "100ms"})
}

// cgroupFed is the check on a tree whose sysfs is at sysfs.
func cgroupFed(s Source) engine.Check[CgroupInput, Cgroup] {
	s.Sys = filepath.Join(s.Proc, "sysfs")
	return s.Cgroup()
}

const (
	cgroupMountsV2 = "22 1 0:20 / /sys rw - sysfs sysfs rw\n31 22 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
	cgroupMountsV1 = "22 1 0:20 / /sys rw - sysfs sysfs rw\n30 22 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n" +
		"32 30 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n" +
		"33 30 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n" +
		"34 30 0:31 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n"
	cgroupPSI = "some avg10=12.50 avg60=6.00 avg300=1.25 total=99\nfull avg10=3.00 avg60=2.00 avg300=1.00 total=9\n"
)

// cgroupV2 is a service with limits in a slice whose limit on memory is lower.
func cgroupV2() tree {
	const slice, service = "sysfs/fs/cgroup/web.slice/", "sysfs/fs/cgroup/web.slice/nginx.service/"
	return tree{
		"self/mountinfo": cgroupMountsV2, "self/cgroup": "0::/web.slice/nginx.service\n",
		"sysfs/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
		"sysfs/fs/cgroup/cpu.stat":           "usage_usec 1\n",
		slice + "cpu.max":                    "max 100000\n", slice + "cpu.stat": "usage_usec 1\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
		slice + "memory.max": "1000\n", slice + "memory.current": "1000\n", slice + "memory.stat": "anon 1\ninactive_file 100\n",
		slice + "pids.max": "max\n", slice + "pids.current": "60\n",
		service + "cpu.max": "150000 100000\n", service + "cpu.stat": "usage_usec 1\nnr_periods 100\nnr_throttled 10\nthrottled_usec 5000000\n",
		service + "memory.max": "2000\n", service + "memory.current": "800\n", service + "memory.stat": "anon 1\ninactive_file 300\n",
		service + "memory.events": "low 0\nhigh 7\nmax 3\noom 2\noom_kill 4\noom_group_kill 0\n",
		service + "pids.max":      "80\n", service + "pids.current": "40\n",
		service + "cpu.pressure": cgroupPSI, service + "memory.pressure": cgroupPSI, service + "io.pressure": cgroupPSI,
	}
}

func TestCgroupV2(t *testing.T) {
	const service = "sysfs/fs/cgroup/web.slice/nginx.service/"
	after := tree{
		service + "cpu.stat":      "usage_usec 1\nnr_periods 110\nnr_throttled 14\nthrottled_usec 7500000\n",
		service + "memory.events": "low 0\nhigh 7\nmax 3\noom 2\noom_kill 5\noom_group_kill 0\n",
	}
	all := Stall{0, 0, 12.5, 6, 1.25, 3, 2, 1}
	want := Cgroup{
		Version: CgroupV2, Exists: true, Path: "/web.slice/nginx.service",
		CPULimitCores: 1.5, CPUThrottledPercent: 40, ThrottledSecondsPerSecond: 2.5,
		MemoryLimitBytes: 1000, MemoryUsedBytes: 500, MemoryUsedPercent: 90,
		OOMKills: 5, OOMKillsInWindow: 1, OOMEvents: 2, MemoryHighEvents: 7,
		PIDsUsed: 40, PIDsLimit: 80, PIDsUsedPercent: 50,
		CPUPressure: all, MemoryPressure: all, IOPressure: all,
	}
	for name, inputs := range map[string]map[string]any{
		"own": nil, "by path": {"path": "/web.slice/nginx.service"}, "relative": {"path": "web.slice/nginx.service/"},
		"by directory": {"path": "/sys/fs/cgroup/web.slice/nginx.service"},
	} {
		t.Run(name, func(t *testing.T) {
			got, o := fed[Cgroup, CgroupInput](t, cgroupFed, cgroupV2(), after, inputs)
			same(t, got, want)
			if len(o.Unread) > 0 {
				t.Errorf("unread %v", o.Unread)
			}
			if want := "/web.slice/nginx.service: throttled 40 % at 1.5 cores, memory 500 B (90 % of the limit), 5 OOM kills"; o.Summary != want {
				t.Errorf("summary %q, want %q", o.Summary, want)
			}
		})
	}
}

// cgroupUnread lists the fields that are unread, sorted, but for the pressure's.
func cgroupUnread(o engine.Observation) string {
	var unread []string
	for _, u := range o.Unread {
		if !strings.Contains(u.Path, "_pressure.") {
			unread = append(unread, u.Path)
		}
	}
	return cgroupSorted(strings.Join(unread, " "))
}

func cgroupSorted(fields string) string {
	list := strings.Fields(fields)
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestCgroupV1Container(t *testing.T) {
	const cpu, memory, pids = "sysfs/fs/cgroup/cpu,cpuacct/", "sysfs/fs/cgroup/memory/", "sysfs/fs/cgroup/pids/"
	before := tree{
		"self/mountinfo":         cgroupMountsV1,
		"self/cgroup":            "4:memory:/docker/abc\n3:pids:/docker/abc\n2:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n",
		cpu + "cpu.cfs_quota_us": "50000\n", cpu + "cpu.cfs_period_us": "100000\n",
		cpu + "cpu.stat":                 "nr_periods 5\nnr_throttled 5\nthrottled_time 1000000000\n",
		memory + "memory.limit_in_bytes": "9223372036854771712\n", memory + "memory.usage_in_bytes": "4096\n",
		memory + "memory.stat": "inactive_file 9\ntotal_inactive_file 96\n", memory + "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
		pids + "pids.max": "max\n", pids + "pids.current": "3\n",
	}
	after := tree{cpu + "cpu.stat": "nr_periods 15\nnr_throttled 7\nthrottled_time 1500000000\n"}
	got, o := fed[Cgroup, CgroupInput](t, cgroupFed, before, after, nil)
	same(t, got, Cgroup{
		Version: CgroupV1, Exists: true, Path: "/docker/abc",
		CPULimitCores: 0.5, CPUThrottledPercent: 20, ThrottledSecondsPerSecond: 0.5,
		MemoryUsedBytes: 4000, OOMKills: 1, PIDsUsed: 3,
	})
	if got, want := cgroupUnread(o), "memory_high_events oom_events"; got != want || len(o.Unread) != 2+24 {
		t.Errorf("unread: got %q and %d in all, want %q and the pressure", got, len(o.Unread), want)
	}
}

func TestCgroupUnread(t *testing.T) {
	const everything = "cpu_limit_cores cpu_throttled_percent throttled_seconds_per_second " +
		"memory_limit_bytes memory_used_bytes memory_used_percent oom_kills oom_kills_in_window oom_events memory_high_events " +
		"pids_used pids_limit pids_used_percent"
	const service = "sysfs/fs/cgroup/web.slice/nginx.service/"
	for _, tt := range []struct {
		name   string
		change tree
		drop   string
		path   string
		want   string
		check  func(Cgroup) bool
	}{
		{
			name: "none", change: tree{"self/mountinfo": "22 1 0:20 / /sys rw - sysfs sysfs rw\n"},
			want: "exists path " + everything, check: func(o Cgroup) bool { return o.Version == CgroupNone },
		},
		{
			name: "no such cgroup", path: "/web.slice/gone.service", want: everything,
			check: func(o Cgroup) bool { return !o.Exists && o.Path == "/web.slice/gone.service" },
		},
		{
			name: "the root", change: tree{"self/cgroup": "0::/\n"},
			want:  "memory_used_bytes oom_kills oom_kills_in_window oom_events memory_high_events pids_used",
			check: func(o Cgroup) bool { return o.Path == "/" && o.CPULimitCores == 0 && o.MemoryLimitBytes == 0 },
		},
		{
			name: "outside of our namespace", change: tree{"self/cgroup": "0::/../other\n"}, want: everything,
			check: func(o Cgroup) bool { return o.Exists },
		},
		{
			name: "memory off for the service", drop: service + "memory.",
			want:  "memory_used_bytes oom_kills oom_kills_in_window oom_events memory_high_events",
			check: func(o Cgroup) bool { return o.MemoryLimitBytes == 1000 && o.MemoryUsedPercent == 90 },
		},
		{
			name: "controllers with v1 elsewhere", change: tree{"sysfs/fs/cgroup/cgroup.controllers": "pids\n"},
			want: "cpu_limit_cores cpu_throttled_percent throttled_seconds_per_second " +
				"memory_limit_bytes memory_used_bytes memory_used_percent",
			check: func(o Cgroup) bool { return o.PIDsLimit == 80 },
		},
		{
			name: "nothing allowed", change: tree{service + "pids.max": "0\n"}, want: "pids_limit",
			check: func(o Cgroup) bool { return o.PIDsUsedPercent == 100 },
		},
		{
			name: "strange text", change: tree{service + "memory.max": "much\n", service + "cpu.max": "a b\n", service + "pids.current": "\n"},
			want: "cpu_limit_cores cpu_throttled_percent throttled_seconds_per_second " +
				"memory_limit_bytes memory_used_bytes memory_used_percent pids_used pids_used_percent",
			check: func(o Cgroup) bool { return o.OOMKills == 4 },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := cgroupV2()
			for name := range files {
				if tt.drop != "" && strings.HasPrefix(name, tt.drop) {
					delete(files, name)
				}
			}
			maps.Copy(files, tt.change)
			var inputs map[string]any
			if tt.path != "" {
				inputs = map[string]any{"path": tt.path}
			}
			got, o := fed[Cgroup, CgroupInput](t, cgroupFed, files, nil, inputs)
			if unread := cgroupUnread(o); unread != cgroupSorted(tt.want) {
				t.Errorf("unread:\n got %q\nwant %q", unread, cgroupSorted(tt.want))
			}
			if !tt.check(got) {
				t.Errorf("got %+v", got)
			}
			for _, u := range o.Unread {
				if u.Reason == "" {
					t.Errorf("%s is unread without a reason", u.Path)
				}
			}
		})
	}
}

func TestCgroupMissing(t *testing.T) {
	noMembership := cgroupV2()
	delete(noMembership, "self/cgroup")
	for name, files := range map[string]tree{"no procfs": {}, "no membership": noMembership} {
		root := t.TempDir()
		files.write(t, root)
		o := checktest.Look(t, Source{Proc: root, Sys: filepath.Join(root, "sysfs")}.Cgroup(), map[string]any{"window": "100ms"})
		if o.Status != engine.Failed || o.Reason == "" || o.Fix == "" {
			t.Errorf("%s: got %s %q, fix %q; want a failure with a reason and a fix", name, o.Status, o.Reason, o.Fix)
		}
	}
}

// TestRealCgroup makes a cgroup with limits.
func TestRealCgroup(t *testing.T) {
	if !checktest.Real() {
		t.Skip("it makes a cgroup on this machine: set GUMSHOE_TEST_REAL=1")
	}
	g := checktest.NewCgroup(t, checktest.Limits{CPUCores: 0.25, MemoryBytes: 64 << 20, PIDs: 50})
	got, o := checktest.Observe[Cgroup](t, Source{}.Cgroup(), map[string]any{"path": g.Path, "window": "100ms"})
	if !got.Exists || got.CPULimitCores != 0.25 || got.MemoryLimitBytes != 64<<20 || got.MemoryUsedBytes > 1<<20 || got.OOMKills != 0 || got.PIDsLimit != 50 {
		t.Errorf("got %+v, want 0.25 cores, 64 MiB and 50 threads", got)
	}
	for _, field := range append(cgroupCPUFields(), cgroupMemoryFields()...) {
		if checktest.HasUnread(o, field) {
			t.Errorf("%s is unread", field)
		}
	}
}

// TestRealCgroupThrottled lets a program run into a quota of a quarter core.
func TestRealCgroupThrottled(t *testing.T) {
	if !checktest.Real() {
		t.Skip("it makes a cgroup on this machine: set GUMSHOE_TEST_REAL=1")
	}
	g := checktest.NewCgroup(t, checktest.Limits{CPUCores: 0.25})
	hog := exec.Command("sh", "-c", "while :; do :; done")
	if err := hog.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hog.Process.Kill(); _ = hog.Wait() })
	g.Join(t, hog.Process.Pid)
	got, _ := checktest.Observe[Cgroup](t, Source{}.Cgroup(), map[string]any{"path": g.Path, "window": "2s"})
	if got.CPUThrottledPercent < 50 || got.ThrottledSecondsPerSecond < 0.2 || got.CPULimitCores != 0.25 {
		t.Errorf("got %+v, want it to be throttled in most periods", got)
	}
}

// TestCgroupAsNobody: root sees no more than others.
func TestCgroupAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	l, err := (Source{}).cgroups("")
	if err != nil || len(l.cpu.levels) == 0 || len(l.memory.levels) == 0 {
		t.Log("no cgroups to be seen here")
		return
	}
	got, o := checktest.Observe[Cgroup](t, Source{}.Cgroup(), map[string]any{"window": "100ms"})
	if !got.Exists || checktest.HasUnread(o, "cpu_limit_cores") || checktest.HasUnread(o, "memory_limit_bytes") {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
}
