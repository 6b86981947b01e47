package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestLimitsConforms(t *testing.T) {
	checktest.Run(t, Source{}.Limits(), nil)
}

// limitsOf writes a /proc/PID/limits.
func limitsOf(soft string) string {
	return "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max processes             96365                96365                processes \n" +
		fmt.Sprintf("Max open files            %-20s 524288               files     \n", soft)
}

// limitsTree is a host whose kernel allows 1,000 files, 500 threads and 800
// process ids.
func limitsTree() tree {
	return tree{
		"sys/fs/file-nr": "910\t10\t1000\n", "loadavg": "0.50 0.25 0.10 3/400 4711\n",
		"sys/kernel/pid_max": "800\n", "sys/kernel/threads-max": "500\n",
		"sys/fs/inotify/max_user_watches": "8\n", "sys/fs/inotify/max_user_instances": "4\n",
		"1/limits": limitsOf("1000"), "1/comm": "init\n", "1/status": "Name:\tinit\nUid:\t0\t0\t0\t0\n",
		"1/fdinfo/1": "pos:\t0\ninotify wd:1 ino:1 sdev:2 mask:3\n",
	}
}

// limitsFiles gives a process of a fed tree its open files.
func limitsFiles(t *testing.T, root string, pid int, targets ...string) {
	t.Helper()
	dir := filepath.Join(root, strconv.Itoa(pid), "fd")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, target := range targets {
		if err := os.Symlink(target, filepath.Join(dir, strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLimits(t *testing.T) {
	root := t.TempDir()
	files := limitsTree()
	files["20/limits"], files["20/comm"] = limitsOf("4"), "leaky\nname\n"
	files["20/status"] = "Uid:\t0\t33\t0\t0\n"
	files["20/fdinfo/1"] = "inotify wd:1 ino:1\ninotify wd:2 ino:2\n"
	files["20/fdinfo/2"] = "inotify wd:1 ino:1\n"
	files["30/comm"], files["30/limits"] = "kworker", limitsOf("1024") // no open files
	files["40/comm"], files["40/limits"] = "boundless", limitsOf("unlimited")
	files.write(t, root)
	limitsFiles(t, root, 1, "/dev/null", "anon_inode:inotify")
	limitsFiles(t, root, 20, "socket:[7]", "anon_inode:inotify", "inotify")
	limitsFiles(t, root, 30)
	limitsFiles(t, root, 40, "/dev/null")
	got, o := checktest.Observe[Limits](t, Source{Proc: root}.Limits(), nil)
	same(t, got, Limits{
		FileHandlesUsed: 900, FileHandlesMax: 1000, FileHandlesUsedPercent: 90,
		PIDsUsed: 400, PIDsMax: 800, PIDsUsedPercent: 50, ThreadsMax: 500, ThreadsUsedPercent: 80,
		InotifyMaxUserWatches: 8, InotifyWatchesUsed: 3, InotifyWatchesUsedPercent: 37.5,
		InotifyMaxUserInstances: 4, InotifyInstancesUsed: 2, InotifyInstancesUsedPercent: 50,
		Processes: []OpenFiles{
			{PID: 20, Name: "leaky\uFFFDname", OpenFiles: 3, Limit: 4, UsedPercent: 75},
			{PID: 1, Name: "init", OpenFiles: 2, Limit: 1000, UsedPercent: 0.2},
			{PID: 40, Name: "boundless", OpenFiles: 1},
		},
	})
	if len(o.Unread) > 0 {
		t.Errorf("unread %v", o.Unread)
	}
	if want := "used: files 90 %, process ids 50 %, threads 80 %, files of leaky\uFFFDname 75 %"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
}

func TestLimitsBounded(t *testing.T) {
	root := t.TempDir()
	files := limitsTree()
	for pid := 100; pid < 130; pid++ {
		files[strconv.Itoa(pid)+"/limits"] = limitsOf(strconv.Itoa(pid))
	}
	files.write(t, root)
	for pid := 100; pid < 130; pid++ {
		limitsFiles(t, root, pid, "/dev/null")
	}
	got, _ := checktest.Observe[Limits](t, Source{Proc: root}.Limits(), nil)
	if len(got.Processes) != maxNearest || got.Processes[0].PID != 100 || got.Processes[9].PID != 109 {
		t.Errorf("got %+v, want the %d with the lowest limits", got.Processes, maxNearest)
	}
}

func TestLimitsMissing(t *testing.T) {
	const walked = "processes inotify_watches_used inotify_watches_used_percent inotify_instances_used inotify_instances_used_percent"
	for _, tt := range []struct {
		name, without, unread string
	}{
		{"file-nr", "sys/fs/file-nr", "file_handles_used file_handles_max file_handles_used_percent"},
		{"loadavg", "loadavg", "pids_used pids_used_percent threads_used_percent"},
		{"pid_max", "sys/kernel/pid_max", "pids_max pids_used_percent"},
		{"threads-max", "sys/kernel/threads-max", "threads_max threads_used_percent"},
		{"inotify", "sys/fs/inotify/max_user_watches", "inotify_max_user_watches inotify_watches_used_percent"},
		{"process 1", "1/", walked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			files := limitsTree()
			for name := range files {
				if strings.HasPrefix(name, tt.without) {
					delete(files, name)
				}
			}
			files.write(t, root)
			_, o := checktest.Observe[Limits](t, Source{Proc: root}.Limits(), nil)
			var unread []string
			for _, u := range o.Unread {
				unread = append(unread, u.Path)
			}
			if got := strings.Join(unread, " "); got != tt.unread {
				t.Errorf("unread: got %q, want %q", got, tt.unread)
			}
		})
	}
	for name, proc := range map[string]string{"empty": t.TempDir(), "none": filepath.Join(t.TempDir(), "none")} {
		if o := checktest.Look(t, Source{Proc: proc}.Limits(), nil); o.Status != engine.Failed || o.Reason == "" || o.Fix == "" {
			t.Errorf("%s: got %s %q, fix %q; want a failure with a reason and a fix", name, o.Status, o.Reason, o.Fix)
		}
	}
}

// TestLimitsOfThisHost compares with what the kernel tells this very process.
func TestLimitsOfThisHost(t *testing.T) {
	checktest.Need(t, "root, to see the open files of all processes", os.Geteuid() == 0)
	watcher, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watcher)
	for _, dir := range []string{t.TempDir(), t.TempDir(), t.TempDir()} {
		if _, err := unix.InotifyAddWatch(watcher, dir, unix.IN_CREATE); err != nil {
			t.Fatal(err)
		}
	}
	got, o := checktest.Observe[Limits](t, Source{}.Limits(), nil)
	if len(o.Unread) > 0 {
		t.Errorf("unread %v", o.Unread)
	}
	if got.InotifyWatchesUsed < 3 || got.InotifyInstancesUsed < 1 {
		t.Errorf("inotify: got %d watches of %d watchers, want at least our 3 of 1", got.InotifyWatchesUsed, got.InotifyInstancesUsed)
	}
	table, err := (Source{}).processes()
	if err != nil {
		t.Fatal(err)
	}
	var threads int64
	for _, p := range table.byPID {
		threads += p.threads
	}
	if got.PIDsUsed < threads/2 || got.FileHandlesUsed <= 0 || len(got.Processes) == 0 {
		t.Errorf("got %+v, while processes have %d threads", got, threads)
	}
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil {
		t.Fatal(err)
	}
	if limit, ok := (Source{}).openFilesLimit(os.Getpid()); !ok || uint64(limit) != own.Cur {
		t.Errorf("own limit: got %d, the kernel says %d", limit, own.Cur)
	}
}

// TestLimitsAsNobody: without root the processes of others are unread, no more.
func TestLimitsAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	got, o := checktest.Observe[Limits](t, Source{}.Limits(), nil)
	if len(o.Unread) != 5 || !checktest.HasUnread(o, "processes") || !strings.Contains(o.Unread[0].Fix, "root") {
		t.Errorf("unread %v; want the processes and inotify's use, and how to see them", o.Unread)
	}
	if got.PIDsMax == 0 || got.FileHandlesMax == 0 || len(got.Processes) == 0 {
		t.Errorf("got %+v, want the limits and ourselves", got)
	}
}

// BenchmarkLimits walks over 2,000 processes; it must stay below 100 ms of
// processor time.
func BenchmarkLimits(b *testing.B) {
	pids, err := (Source{}).pids()
	if err != nil {
		b.Fatal(err)
	}
	read := 0
	for b.Loop() {
		for read = 0; read < 2000; read += len(pids) {
			if _, err := (Source{}).lookLimits(b.Context(), &engine.Call{}, LimitsInput{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(read), "processes/op")
}
