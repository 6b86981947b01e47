package host

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestLoadConforms(t *testing.T) {
	checktest.Run(t, Source{}.Load(), nil)
}

// loadStat is a /proc/PID/stat of a process or thread.
func loadStat(pid int, state string, threads int) string {
	return fmt.Sprintf("%d (a) b) %s 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 %d 0 5 0 9\n", pid, state, threads)
}

func loadTree() tree {
	files := tree{
		"loadavg": "8.00 5.00 2.00 3/9 4711\n", "uptime": "1000.50 1900.00\n",
		"stat":   "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\nctxt 5\nbtime 1700000000\nprocs_running 3\nprocs_blocked 2\n",
		"1/stat": loadStat(1, "S", 1), "7/stat": loadStat(7, "D", 1), "8/stat": loadStat(8, "Z", 1),
		// A database: its main thread sleeps while its workers are stuck.
		"20/stat": loadStat(20, "S", 6),
	}
	for i, state := range []string{"S", "D", "D", "D", "R", "D"} {
		files[fmt.Sprintf("20/task/%d/stat", 20+i)] = loadStat(20+i, state, 6)
	}
	return files
}

func TestLoad(t *testing.T) {
	root := t.TempDir()
	loadTree().write(t, root)
	got, o := checktest.Observe[Load](t, Source{Proc: root}.Load(), nil)
	same(t, got, Load{
		Load1: 8, Load5: 5, Load15: 2, Load1PerCore: 4, Cores: 2, Direction: LoadRising,
		Runnable: 2, Blocked: 5, BlockedOnIO: 2, MadeOf: LoadBlocked, Tasks: 9,
		UptimeSeconds: 1000.5, Booted: time.Unix(1700000000, 0).UTC(),
	})
	if len(o.Unread) > 0 {
		t.Errorf("unread %v", o.Unread)
	}
	if want := "load 8.00 5.00 2.00 on 2 cores, rising, now 2 runnable, 5 blocked"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
}

func TestLoadDirection(t *testing.T) {
	for _, tt := range []struct {
		load1, load15 float64
		want          LoadDirection
	}{
		{0, 0, LoadSteady}, {0.02, 0.01, LoadSteady}, {0.49, 0, LoadSteady}, {0.5, 0, LoadRising},
		{3, 2, LoadSteady}, {3.01, 2, LoadRising}, {2, 3, LoadSteady}, {1.99, 3, LoadFalling}, {0, 0.5, LoadFalling},
		// As the kernel averages it, a load that began 16 or 17 minutes ago.
		{1, 1 - math.Exp(-16./15), LoadSteady}, {10, 10 * (1 - math.Exp(-16./15)), LoadRising}, {10, 10 * (1 - math.Exp(-17./15)), LoadSteady},
	} {
		if got := direction(tt.load1, tt.load15); got != tt.want {
			t.Errorf("load1 %g, load15 %g: got %s, want %s", tt.load1, tt.load15, got, tt.want)
		}
	}
}

func TestLoadMadeOf(t *testing.T) {
	for _, tt := range []struct {
		load1             float64
		runnable, blocked int
		want              LoadMatter
	}{
		{0, 0, 0, LoadLittle}, {0.9, 0, 0, LoadLittle}, {0.9, 0, 1, LoadBlocked}, {0.2, 3, 0, LoadRunnable},
		{8, 1, 2, LoadPast}, {8, 0, 0, LoadPast}, {8, 4, 0, LoadRunnable}, {8, 4, 2, LoadRunnable}, {8, 4, 3, LoadBoth},
		{8, 3, 6, LoadBlocked}, {8, 0, 200, LoadBlocked},
	} {
		if got := madeOf(tt.load1, tt.runnable, tt.blocked); got != tt.want {
			t.Errorf("load1 %g, %d runnable, %d blocked: got %s, want %s", tt.load1, tt.runnable, tt.blocked, got, tt.want)
		}
	}
}

func TestLoadUnread(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(tree)
		unread string
	}{
		{"no stat", func(f tree) { delete(f, "stat") }, "cores load1_per_core blocked_on_io booted"},
		{"empty stat", func(f tree) { f["stat"] = "" }, "cores load1_per_core blocked_on_io booted"},
		{"no uptime", func(f tree) { delete(f, "uptime") }, "uptime_seconds"},
		{"hidepid", func(f tree) { delete(f, "1/stat") }, "blocked made_of"},
		{"container", func(f tree) { f["loadavg"] = "8 5 2 3/500 4711\n" }, "blocked made_of"},
		{"threads that ended", func(f tree) { f["loadavg"] = "8 5 2 3/25 4711\n" }, ""},
		{"too many threads", func(f tree) { f["20/stat"] = loadStat(20, "S", 4001) }, "blocked made_of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			files := loadTree()
			tt.change(files)
			files.write(t, root)
			_, o := checktest.Observe[Load](t, Source{Proc: root}.Load(), nil)
			var unread []string
			for _, u := range o.Unread {
				unread = append(unread, u.Path)
			}
			if got := strings.Join(unread, " "); got != tt.unread {
				t.Errorf("unread: got %q, want %q", got, tt.unread)
			}
		})
	}
	for name, text := range map[string]string{"strange": "high\n", "empty": "", "not a number": "1 1 NaN 1/1 1\n", "infinite": "1 1 Inf 1/1 1\n", "negative": "-1 1 1 1/1 1\n", "no pair": "1 1 1 1 1\n"} {
		root := t.TempDir()
		tree{"loadavg": text}.write(t, root)
		if o := checktest.Look(t, Source{Proc: root}.Load(), nil); o.Status != engine.Failed || o.Fix == "" {
			t.Errorf("%s loadavg: got %s %q, fix %q; want a failure with a fix", name, o.Status, o.Reason, o.Fix)
		}
	}
	if o := checktest.Look(t, Source{Proc: t.TempDir()}.Load(), nil); o.Status != engine.Failed || o.Fix == "" {
		t.Errorf("no procfs: got %s %q, fix %q; want a failure with a fix", o.Status, o.Reason, o.Fix)
	}
}

// TestLoadOfThisHost compares with uptime, nproc and the kernel's clock.
func TestLoadOfThisHost(t *testing.T) {
	averages := func() []string {
		fields := strings.Fields(strings.ReplaceAll(tool(t, "uptime"), ",", " "))
		return fields[len(fields)-3:]
	}
	// The kernel counts every five seconds, which may come between the two: then once more.
	said := averages()
	got, _ := checktest.Observe[Load](t, Source{}.Load(), nil)
	for deadline := time.Now().Add(checktest.Timeout); ; {
		again := averages()
		if slices.Equal(said, again) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("uptime never says the same twice: %v, %v", said, again)
		}
		said = again
		got, _ = checktest.Observe[Load](t, Source{}.Load(), nil)
	}
	for i, average := range []float64{got.Load1, got.Load5, got.Load15} {
		want, err := strconv.ParseFloat(said[i], 64)
		if err != nil || math.Abs(average-want) > 0.011 {
			t.Errorf("average %d is %g, uptime says %v", i, average, said)
		}
	}
	if want := strings.TrimSpace(tool(t, "getconf", "_NPROCESSORS_ONLN")); strconv.Itoa(got.Cores) != want {
		t.Errorf("%d cores, getconf says %s", got.Cores, want)
	}
	var clock unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &clock); err != nil {
		t.Fatal(err)
	}
	if since := float64(clock.Sec); math.Abs(got.UptimeSeconds-since) > 2 {
		t.Errorf("up for %g s, the kernel's clock says %g", got.UptimeSeconds, since)
	}
	if age := time.Since(got.Booted).Seconds(); math.Abs(age-got.UptimeSeconds) > 2 {
		t.Errorf("booted %v ago, up for %g s", age, got.UptimeSeconds)
	}
	if got.Tasks < 2 || got.Runnable < 0 || got.Runnable > got.Tasks {
		t.Errorf("got %+v", got)
	}
}

// TestLoadSeesBlocked makes a process that sleeps uninterruptibly: after vfork the
// parent waits for what its child does with their common memory.
func TestLoadSeesBlocked(t *testing.T) {
	_, o := checktest.Observe[Load](t, Source{}.Load(), nil)
	checktest.Need(t, "a look at all threads of the host", !checktest.HasUnread(o, "blocked"))
	_, err := exec.LookPath("perl")
	checktest.Need(t, "perl on amd64", err == nil && runtime.GOARCH == "amd64")
	cmd := exec.CommandContext(t.Context(), "perl", "-e", "$| = 1; syscall(58); print qq(child\n); sleep 60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	for state := ""; state != "D"; { // the child may speak before its parent sleeps
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		p, _ := parseProcess(text)
		if state = string(rune(p.state)); state == "Z" {
			t.Fatal("perl ended")
		}
	}
	if got, _ := checktest.Observe[Load](t, Source{}.Load(), nil); got.Blocked < 1 {
		t.Errorf("%d blocked, while a process is", got.Blocked)
	}
}

func TestLoadAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	got, o := checktest.Observe[Load](t, Source{}.Load(), nil)
	if got.Cores == 0 || got.Tasks == 0 || got.UptimeSeconds == 0 || checktest.HasUnread(o, "load1") {
		t.Errorf("got %+v, unread %v; want what everybody may read", got, o.Unread)
	}
}

// BenchmarkLoad walks over 2,000 processes; it must stay below 100 ms of
// processor time.
func BenchmarkLoad(b *testing.B) {
	pids, err := (Source{}).pids()
	if err != nil {
		b.Fatal(err)
	}
	read := 0
	for b.Loop() {
		for read = 0; read < 2000; read += len(pids) {
			if _, err := (Source{}).lookLoad(b.Context(), &engine.Call{}, LoadInput{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(read), "processes/op")
}
