package host

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/systemd/systemdtest"
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
		YoungestAgeSeconds: 100.5, StartedInWindow: 1, EndedInWindow: 1,
		OpenFiles: 3, OpenFilesLimit: 4, OpenFilesUsedPercent: 75,
		Started: time.Unix(1700000200, 5e8).UTC(), AgeSeconds: 800, Children: 2, OOMScore: 667,
		TotalCPUPercent: 75, TotalRSSBytes: 3500 * page, TotalMemoryPercent: 100 * float64(3500*page) / 1024000000, TotalThreads: 7,
		Processes: []Process{
			first, rss(Process{PID: 11, Name: "server", State: "R", CPUPercent: 50}, 1000),
			{PID: 12, Name: "server", State: "Z"},
		},
	})
	if len(o.Unread) != 1 || !checktest.HasUnread(o, "restarts") {
		t.Errorf("unread %v, want the restarts of no unit alone", o.Unread)
	}
	if want := "server (10): 75 % CPU, " + size(3500*page) + " in 3 processes, 1 started and 1 ended"; o.Summary != want {
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
	const v1, v2 = "3:cpu:/no/web.service\n1:name=systemd:", "0::"
	files["1/cgroup"], files["10/cgroup"], files["11/cgroup"] = v2+"/init.scope\n", v1+"/system.slice/web.service\n", v2+"/system.slice/web.service/worker\n"
	files["20/cgroup"], files["30/cgroup"] = v1+"/system.slice/web.service.d\n", v2+"/other.slice/_memory.service\n"
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
		{"unit", map[string]any{"unit": "web"}, "10 11", true, 2},
		{"slice", map[string]any{"unit": "system.slice"}, "20 10 11", true, 3},
		{"unit and name", map[string]any{"unit": "system.slice", "name": "server"}, "10 11", true, 2},
		{"unit of a name that the kernel uses", map[string]any{"unit": "memory.service"}, "30", true, 1},
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
				if checktest.HasUnread(o, field) && !slices.Contains(processMainFields(), field) {
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
			if o.Unread[0].Path != "restarts" && !strings.Contains(o.Unread[0].Reason, "hidepid") {
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
	if !checktest.AsNobody(t) {
		return
	}
	_, o := checktest.Observe[ProcessDetail](t, Source{}.Process(), map[string]any{"pid": 1, "window": "100ms"})
	if len(o.Unread) != 3 || !checktest.HasUnread(o, "open_files") || !strings.Contains(o.Unread[0].Fix, "root") {
		t.Errorf("of process 1 unread %v; want its open files, and how to see them", o.Unread)
	}
	_, o = checktest.Observe[ProcessDetail](t, Source{}.Process(), map[string]any{"pid": os.Getpid(), "window": "100ms"})
	if len(o.Unread) != 1 {
		t.Errorf("of ourselves unread %v, want the restarts of no unit alone", o.Unread)
	}
	_, o = checktest.Observe[ProcessDetail](t, Source{}.Process(), map[string]any{"exe": "/no/such/program", "window": "100ms"})
	if !checktest.HasUnread(o, "running") {
		t.Error("we cannot see what others run, and say that nobody runs it")
	}
}

// TestProcessComings: what starts and ends in the window is counted, also when
// neither the first look nor the last one sees it.
func TestProcessComings(t *testing.T) {
	for _, tt := range []struct {
		name           string
		self           string // of which process namespace the procfs is
		started, ended int
	}{
		// 101, 103, 50 again and 60; and 101, 103, 50, 52 and 60.
		{"glances", strconv.Itoa(os.Getpid()), 4, 5},
		// 101 and 103 live between two looks.
		{"procfs of another namespace", "4711", 2, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			comingsTree().write(t, root)
			if err := os.Symlink(tt.self, filepath.Join(root, "self")); err != nil {
				t.Fatal(err)
			}
			var got ProcessDetail
			synctest.Test(t, func(t *testing.T) {
				go comeAndGo(t, root)
				got, _ = checktest.Observe[ProcessDetail](t, Source{Proc: root}.Process(), map[string]any{"name": "app"})
				synctest.Wait()
			})
			if got.StartedInWindow != tt.started || got.EndedInWindow != tt.ended {
				t.Errorf("got %d started and %d ended, want %d and %d", got.StartedInWindow, got.EndedInWindow, tt.started, tt.ended)
			}
			if !got.Stopped || got.Count != 4 || got.PID != 51 || got.YoungestAgeSeconds != 905.5 {
				t.Errorf("got %+v; want 51 and 50 stopped, and two zombies", got)
			}
		})
	}
}

func comingsTree() tree {
	return tree{
		"meminfo": meminfo, "uptime": "1000.50 1900.00\n", "stat": "btime 1700000000\n", "loadavg": "0 0 0 1/9 100\n",
		"1/stat":  line(1, "init", "S", 0, 0, 50, 50, 1, 1, 100),
		"50/stat": line(50, "app", "S", 1, 0, 0, 0, 1, 500, 1),
		"51/stat": line(51, "app", "T", 1, 0, 0, 0, 1, 510, 1),
		"52/stat": line(52, "app", "S", 1, 0, 0, 0, 1, 520, 1),
	}
}

// comeAndGo is what happens in a window of one second.
func comeAndGo(t *testing.T, root string) {
	at := func(when time.Duration, gone []int, come tree) {
		time.Sleep(when)
		for _, pid := range gone {
			if err := os.RemoveAll(filepath.Join(root, strconv.Itoa(pid))); err != nil {
				t.Error(err)
			}
		}
		come.write(t, root)
	}
	status := func(leader int) string { return fmt.Sprintf("Name:\tapp\nTgid:\t%d\nNgid:\t0\n", leader) }
	// Two live and die; one is a thread, one another program.
	at(115*time.Millisecond, nil, tree{
		"loadavg":  "0 0 0 1/9 104\n",
		"101/stat": line(101, "app", "S", 1, 0, 0, 0, 1, 9000, 1), "101/status": status(101),
		"102/stat": line(102, "app", "S", 1, 0, 0, 0, 2, 9000, 1), "102/status": status(50),
		"103/stat": line(103, "sh", "S", 1, 0, 0, 0, 1, 9000, 1), "103/status": status(103),
		"104/stat": line(104, "other", "S", 1, 0, 0, 0, 1, 9000, 1), "104/status": status(104),
	})
	at(6*time.Millisecond, nil, tree{"103/stat": line(103, "app", "R", 1, 0, 0, 0, 1, 9000, 1)}) // it runs its program
	at(8*time.Millisecond, []int{101, 102, 103, 104}, nil)
	// One that was there ends; its id is used again by the next.
	at(200*time.Millisecond, []int{50}, nil)
	at(200*time.Millisecond, nil, tree{"50/stat": line(50, "app", "T", 1, 0, 0, 0, 1, 9500, 1)})
	// One ends, and its parent does not ask after it.
	at(100*time.Millisecond, nil, tree{"52/stat": line(52, "app", "Z", 1, 0, 0, 0, 1, 520, 0)})
	// One starts after the last look, and is gone but for its zombie.
	at(369*time.Millisecond, nil, tree{"60/stat": line(60, "app", "Z", 1, 0, 0, 0, 1, 9900, 0)})
}

// TestProcessStorm: when too many start for a glance, the list is read.
func TestProcessStorm(t *testing.T) {
	root := t.TempDir()
	comingsTree().write(t, root)
	if err := os.Symlink(strconv.Itoa(os.Getpid()), filepath.Join(root, "self")); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		go func() {
			time.Sleep(51 * time.Millisecond)
			tree{"loadavg": "0 0 0 1/9 900\n", "200/stat": line(200, "app", "S", 1, 0, 0, 0, 1, 9000, 1)}.write(t, root)
			time.Sleep(200 * time.Millisecond)
			if err := os.RemoveAll(filepath.Join(root, "200")); err != nil {
				t.Error(err)
			}
		}()
		got, _ := checktest.Observe[ProcessDetail](t, Source{Proc: root}.Process(), map[string]any{"name": "app"})
		synctest.Wait()
		if got.StartedInWindow != 1 || got.EndedInWindow != 1 {
			t.Errorf("got %d started and %d ended, want one of each", got.StartedInWindow, got.EndedInWindow)
		}
	})
}

// TestProcessCrashLoop: a program that is started again and again, by a shell, and
// ends at once.
func TestProcessCrashLoop(t *testing.T) {
	const script = `while :; do "$1" -c 'exit 1'; sleep 0.05; done`
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "crashes")
	text, err := os.ReadFile(shell)
	if err != nil {
		t.Fatal(err)
	}
	checktest.WriteProgram(t, program, text)
	loop := exec.Command(shell, "-c", script, "sh", program)
	loop.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := loop.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-loop.Process.Pid, syscall.SIGKILL); _ = loop.Wait() }()
	got, o := checktest.Observe[ProcessDetail](t, Source{}.Process(), map[string]any{"name": "crashes", "window": "3s"})
	if got.StartedInWindow < 3 || got.EndedInWindow < 3 {
		t.Errorf("of some 50 starts got %d, and %d ends; unread %v", got.StartedInWindow, got.EndedInWindow, o.Unread)
	}
}

// TestProcessStopped: a program that is held looks alive, and does nothing.
func TestProcessStopped(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		checktest.Need(t, "the program sleep", false)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	inputs := map[string]any{"pid": child.Process.Pid, "window": "100ms"}
	if got, _ := checktest.Observe[ProcessDetail](t, Source{}.Process(), inputs); got.Stopped || math.Abs(got.YoungestAgeSeconds-got.AgeSeconds) > 5 { // they are read one after the other
		t.Errorf("before: got %+v", got)
	}
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Wait4(child.Process.Pid, nil, syscall.WUNTRACED, nil); err != nil {
		t.Fatal(err)
	}
	got, o := checktest.Observe[ProcessDetail](t, Source{}.Process(), inputs)
	if !got.Stopped || !got.Running || got.State != "T" || !strings.Contains(o.Summary, "stopped") {
		t.Errorf("stopped: got %+v, %q", got, o.Summary)
	}
}

// TestProcessOfUnit: units of a real systemd.
func TestProcessOfUnit(t *testing.T) {
	m := systemdtest.Start(t, checktest.Need)
	// By names of their own: units of the same name that other tests run now count too.
	runs, loops := fmt.Sprintf("runs-%d", os.Getpid()), fmt.Sprintf("loops-%d", os.Getpid())
	sick := sickUnits()
	m.Write(t, map[string]string{runs + ".service": sick["runs.service"], loops + ".service": sick["loops.service"]})
	m.Start(t, runs+".service", loops+".service")
	m.Await(t, runs+".service", "ActiveState", "active")
	host := Source{Run: m.Run}
	got, o := checktest.Observe[ProcessDetail](t, host.Process(), map[string]any{"unit": runs, "window": "100ms"})
	if strconv.Itoa(got.PID) != m.Show(t, runs+".service", "MainPID") || got.Count != 1 || got.Name != "sleep" || checktest.HasUnread(o, "restarts") || got.Restarts != 0 {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
	m.Systemctl(t, "kill", "--signal=STOP", runs+".service")
	awaitStopped(t, got.PID)
	if got, _ = checktest.Observe[ProcessDetail](t, host.Process(), map[string]any{"unit": runs, "window": "100ms"}); !got.Stopped {
		t.Errorf("stopped: got %+v", got)
	}
	before, err := strconv.ParseInt(m.Show(t, loops+".service", "NRestarts"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	got, o = checktest.Observe[ProcessDetail](t, host.Process(), map[string]any{"unit": loops, "window": "3s"})
	if got.Restarts <= before || checktest.HasUnread(o, "restarts") {
		t.Errorf("loops.service: got %d restarts, before %d; unread %v", got.Restarts, before, o.Unread)
	}
	if got, o = checktest.Observe[ProcessDetail](t, host.Process(), map[string]any{"unit": "app.slice", "window": "100ms"}); got.Count < 1 || !checktest.HasUnread(o, "restarts") {
		t.Errorf("app.slice: got %d processes, unread %v", got.Count, o.Unread)
	}
	_, o = checktest.Observe[ProcessDetail](t, host.Process(), map[string]any{"unit": "no-such", "window": "100ms"})
	if checktest.HasUnread(o, "running") || !checktest.HasUnread(o, "restarts") {
		t.Errorf("no-such.service: unread %v", o.Unread)
	}
	if err := syscall.Kill(m.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got, o = checktest.Observe[ProcessDetail](t, host.Process(), map[string]any{"unit": runs, "window": "100ms"})
	if got.Count != 1 || !checktest.HasUnread(o, "restarts") {
		t.Errorf("systemd hangs: got %+v, unread %v", got, o.Unread)
	}
}

// awaitStopped waits until a process that was sent SIGSTOP is held by it.
func awaitStopped(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(checktest.Timeout); ; <-tick.C {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if p, _ := parseProcess(text); p.state == 'T' {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d is not stopped", pid)
		}
	}
}

// TestProcessOfUnitWithoutSystemd: that there is no unit says nothing of the program.
func TestProcessOfUnitWithoutSystemd(t *testing.T) {
	inputs := map[string]any{"unit": "nginx", "window": "100ms"}
	_, o := checktest.Observe[ProcessDetail](t, Source{Run: t.TempDir()}.Process(), inputs)
	for _, field := range []string{"running", "count", "pid", "stopped", "restarts", "ended_in_window"} {
		if !checktest.HasUnread(o, field) {
			t.Errorf("%s is not unread", field)
		}
	}
	if !strings.Contains(o.Unread[0].Reason, "does not run systemd (process 1 is ") {
		t.Errorf("reason %q", o.Unread[0].Reason)
	}
	inputs["unit"] = "getty@"
	if o := checktest.Look(t, Source{Run: t.TempDir()}.Process(), inputs); o.Status != engine.Failed || o.Fix == "" {
		t.Errorf("a template: got %s %q, fix %q", o.Status, o.Reason, o.Fix)
	}
}

func FuzzCgroupInUnit(f *testing.F) {
	f.Add("9:name=systemd:/system.slice/nginx.service\n0::/\n", "nginx.service")
	f.Add("0::/user.slice/_cpu.slice", "cpu.slice")
	f.Add(":\n::::", "")
	f.Fuzz(func(t *testing.T, text, unit string) {
		if cgroupInUnit(text, unit) && !strings.Contains(text, unit) {
			t.Errorf("%q is not in %q", unit, text)
		}
	})
}

// BenchmarkProcess is a whole run with a window of 1 second among 2,000 processes,
// all of which have children come and go; it must stay below 100 ms of processor
// time, which it reports.
func BenchmarkProcess(b *testing.B) {
	pids, err := (Source{}).pids()
	if err != nil {
		b.Fatal(err)
	}
	for i := len(pids); i < 2000; i++ {
		child := exec.Command("sleep", "300")
		if err := child.Start(); err != nil {
			b.Skip(err)
		}
		defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	}
	runtime.GC()
	for name, in := range map[string]ProcessInput{
		"name": {Name: "init", Window: time.Second}, "unit": {Unit: "nginx.service", Window: time.Second},
	} {
		b.Run(name, func(b *testing.B) {
			var before, after syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for b.Loop() {
				if _, err := (Source{}).lookProcess(b.Context(), &engine.Call{}, in); err != nil {
					b.Fatal(err)
				}
			}
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
			b.ReportMetric(float64(used.Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}
