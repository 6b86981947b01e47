package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestProcessConforms(t *testing.T) {
	checktest.Run(t, Source{}.Process(), map[string]any{"window": "100ms", "pid": os.Getpid()})
	t.Run("none", func(t *testing.T) {
		checktest.Run(t, Source{}.Process(), map[string]any{"window": "100ms", "name": "no-such-program"})
	})
}

// processTree is a host up for 1,000 seconds that runs two servers and the rest.
func processTree() tree {
	return tree{
		"meminfo": meminfo, "uptime": "1000.50 1900.00\n", "stat": "cpu 1 2 3\nbtime 1700000000\n",
		"1/stat":  line(1, "init", "S", 0, 0, 50, 50, 1, 1, 100),
		"10/stat": line(10, "server", "S", 1, 0, 1000, 0, 4, 20050, 2500),
		"10/fd/0": "", "10/fd/1": "", "10/fd/2": "", "10/limits": limitsOf("4"), "10/oom_score": "667\n",
		"11/stat": line(11, "server", "R", 10, 0, 0, 0, 2, 30000, 1000),
		"12/stat": line(12, "server", "Z", 10, 0, 7, 0, 1, 10000, 0),
		"20/stat": line(20, "server2", "S", 1, 0, 0, 0, 1, 1, 1),
		"30/stat": line(30, "a-very-long-nam", "S", 1, 0, 0, 0, 1, 1, 1), "30/cmdline": "/opt/a-very-long-name: idle\x00--password=x\x00",
		"31/stat": line(31, "a-very-long-nam", "S", 1, 0, 0, 0, 1, 2, 1), "31/cmdline": "a-very-long-named\x00",
		"32/stat": line(32, "a-very-long-nam", "S", 1, 0, 0, 0, 1, 3, 1), "32/cmdline": "",
	}
}

func TestProcess(t *testing.T) {
	after := tree{
		"10/stat": line(10, "server", "S", 1, 0, 1020, 5, 4, 20050, 2500),
		"11/stat": line(11, "server", "R", 10, 0, 50, 0, 2, 90000, 1000), // the id was used again
	}
	got, o := fed[ProcessDetail, ProcessInput](t, Source.Process, processTree(), after, map[string]any{"name": "server"})
	page := int64(os.Getpagesize())
	rss := func(p Process, pages int64) Process {
		p.RSSBytes, p.MemoryPercent = pages*page, 100*float64(pages*page)/1024000000
		return p
	}
	first := rss(Process{PID: 10, Name: "server", State: "S", CPUPercent: 25}, 2500)
	same(t, got, ProcessDetail{
		Running: true, Count: 3, PID: 10, Name: "server", State: "S", CPUPercent: 25,
		RSSBytes: first.RSSBytes, MemoryPercent: first.MemoryPercent, Threads: 4,
		OpenFiles: 3, OpenFilesLimit: 4, OpenFilesUsedPercent: 75,
		Started: time.Unix(1700000200, 5e8).UTC(), AgeSeconds: 800, Children: 2, OOMScore: 667,
		TotalCPUPercent: 75, TotalRSSBytes: 3500 * page, TotalMemoryPercent: 100 * float64(3500*page) / 1024000000, TotalThreads: 7,
		Processes: []Process{
			first, rss(Process{PID: 11, Name: "server", State: "R", CPUPercent: 50}, 1000),
			{PID: 12, Name: "server", State: "Z"},
		},
	})
	if len(o.Unread) > 0 {
		t.Errorf("unread %v", o.Unread)
	}
	if want := "server (10): 75 % CPU, " + size(3500*page) + " in 3 processes"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
}

func TestProcessMatches(t *testing.T) {
	root := t.TempDir()
	files := processTree()
	for pid := 100; pid < 130; pid++ {
		files[strconv.Itoa(pid)+"/stat"] = line(pid, "worker", "S", 1, 0, 0, 0, 1, pid, 1)
	}
	files["40/stat"] = line(40, "defunct", "Z", 1, 0, 0, 0, 1, 5, 0)
	files.write(t, root)
	for pid, exe := range map[string]string{"10": "/usr/bin/server", "11": "/usr/bin/server (deleted)", "20": "/usr/bin/server2"} {
		if err := os.Symlink(exe, filepath.Join(root, pid, "exe")); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name    string
		inputs  map[string]any
		want    string
		running bool
		count   int
	}{
		{"name", map[string]any{"name": "server"}, "10 11 12", true, 3},
		{"long name", map[string]any{"name": "a-very-long-name"}, "30 32", true, 2},
		{"pid", map[string]any{"pid": 20}, "20", true, 1},
		{"exe", map[string]any{"exe": "/usr/bin/server"}, "10 11", true, 2},
		{"exe and pid", map[string]any{"exe": "/usr/bin/server", "pid": 11}, "11", true, 1},
		{"name and pid of another", map[string]any{"name": "server", "pid": 20}, "", false, 0},
		{"zombie alone", map[string]any{"name": "defunct"}, "40", false, 1},
		{"many", map[string]any{"name": "worker"}, "100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119", true, 30},
		{"none", map[string]any{"name": "erver"}, "", false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.inputs["window"] = "100ms"
			got, o := checktest.Observe[ProcessDetail](t, Source{Proc: root}.Process(), tt.inputs)
			var pids []string
			for _, p := range got.Processes {
				pids = append(pids, strconv.Itoa(p.PID))
			}
			if list := strings.Join(pids, " "); list != tt.want || got.Running != tt.running || got.Count != tt.count {
				t.Errorf("got %q, running %t, count %d; want %q, %t, %d", list, got.Running, got.Count, tt.want, tt.running, tt.count)
			}
			for _, field := range processMainFields() {
				if got.Count == 0 && !checktest.HasUnread(o, field) {
					t.Errorf("%s is not unread though nothing matched", field)
				}
			}
			for _, field := range append(processAllFields(), "running") {
				if checktest.HasUnread(o, field) {
					t.Errorf("%s is unread though we see all", field)
				}
			}
		})
	}
}

func TestProcessHidden(t *testing.T) {
	hidden := processTree()
	delete(hidden, "1/stat")
	for _, tt := range []struct {
		inputs map[string]any
		unread string
	}{
		{map[string]any{"name": "server"}, "count children"},
		{map[string]any{"name": "other"}, "running count pid"},
		{map[string]any{"pid": 10}, "children"},
	} {
		t.Run(fmt.Sprint(tt.inputs), func(t *testing.T) {
			_, o := fed[ProcessDetail, ProcessInput](t, Source.Process, hidden, nil, tt.inputs)
			for _, field := range []string{"running", "count", "pid", "children"} {
				want := strings.Contains(tt.unread, field) || field == "children" && strings.Contains(tt.unread, "pid")
				if got := checktest.HasUnread(o, field); got != want {
					t.Errorf("%s: unread %t, want %t", field, got, want)
				}
			}
			if !strings.Contains(o.Unread[0].Reason, "hidepid") {
				t.Errorf("reason %q", o.Unread[0].Reason)
			}
		})
	}
}

func TestProcessMissing(t *testing.T) {
	root := t.TempDir()
	processTree().write(t, root)
	for name, look := range map[string]struct {
		proc   string
		inputs map[string]any
	}{
		"nothing named": {root, map[string]any{}}, "empty procfs": {t.TempDir(), map[string]any{"pid": 1}},
	} {
		look.inputs["window"] = "100ms"
		if o := checktest.Look(t, Source{Proc: look.proc}.Process(), look.inputs); o.Status != engine.Failed || o.Reason == "" || o.Fix == "" {
			t.Errorf("%s: got %s %q, fix %q; want a failure with a reason and a fix", name, o.Status, o.Reason, o.Fix)
		}
	}
	for _, gone := range []struct{ file, unread string }{
		{"meminfo", "memory_percent"}, {"meminfo", "processes[0].memory_percent"}, {"uptime", "age_seconds"}, {"stat", "started"},
		{"10/limits", "open_files_used_percent"}, {"10/fd", "open_files"}, {"10/oom_score", "oom_score"},
	} {
		if err := os.RemoveAll(filepath.Join(root, gone.file)); err != nil {
			t.Fatal(err)
		}
		_, o := checktest.Observe[ProcessDetail](t, Source{Proc: root}.Process(), map[string]any{"pid": 10, "window": "100ms"})
		if !checktest.HasUnread(o, gone.unread) {
			t.Errorf("%s is not unread without %s", gone.unread, gone.file)
		}
	}
}

// TestProcessOfThisHost watches a child of ours, stopped.
func TestProcessOfThisHost(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	checktest.Need(t, "the program sleep", err == nil)
	if sleep, err = filepath.EvalSymlinks(sleep); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(sleep, "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill(); child.Wait() })
	inputs := map[string]any{"pid": child.Process.Pid, "exe": sleep, "window": "100ms"}
	got, o := checktest.Observe[ProcessDetail](t, Source{}.Process(), inputs)
	if !got.Running || got.Count != 1 || got.Threads != 1 || got.OpenFiles < 3 || got.OpenFilesLimit == 0 || got.RSSBytes == 0 {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
	if off := time.Since(got.Started).Seconds() - got.AgeSeconds; got.AgeSeconds > 30 || off < -5 || off > 5 {
		t.Errorf("started %s, age %g s; %g s apart", got.Started, got.AgeSeconds, off)
	}
	child.Process.Kill()
	child.Wait()
	if got, _ = checktest.Observe[ProcessDetail](t, Source{}.Process(), inputs); got.Running || got.Count != 0 {
		t.Errorf("it ended, and we got %+v", got)
	}
}

// TestProcessAsNobody: without root only the open files of others are unread,
// and which file they run.
func TestProcessAsNobody(t *testing.T) {
	if !asNobody(t) {
		return
	}
	_, o := checktest.Observe[ProcessDetail](t, Source{}.Process(), map[string]any{"pid": 1, "window": "100ms"})
	if len(o.Unread) != 2 || !checktest.HasUnread(o, "open_files") || !strings.Contains(o.Unread[0].Fix, "root") {
		t.Errorf("of process 1 unread %v; want its open files, and how to see them", o.Unread)
	}
	_, o = checktest.Observe[ProcessDetail](t, Source{}.Process(), map[string]any{"pid": os.Getpid(), "window": "100ms"})
	if len(o.Unread) != 0 {
		t.Errorf("of ourselves unread %v", o.Unread)
	}
	_, o = checktest.Observe[ProcessDetail](t, Source{}.Process(), map[string]any{"exe": "/no/such/program", "window": "100ms"})
	if !checktest.HasUnread(o, "running") {
		t.Error("we cannot see what others run, and say that nobody runs it")
	}
}
