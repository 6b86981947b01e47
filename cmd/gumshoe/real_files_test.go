package main

// Real limits that are reached: of one program, of a control group, of a user.
// That of the whole host (fs.file-max) is not made: everything else here would
// fail with it. It is shown in a recorded case.

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func filesTasks() map[string]func(string) {
	return map[string]func(string){
		"open-files": openFiles, "watchers": watchers, "close-wait": closeWait,
		"leaky": leaky, "removed": removed, "childless": childless,
	}
}

// openFiles lowers its limit of open files and opens as many as it may.
func openFiles(limit string) {
	n, err := strconv.ParseUint(limit, 10, 64)
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		if _, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0); err != nil {
			break
		}
	}
	fmt.Println("ready")
	select {}
}

// watchers makes as many watchers of files as this user may have, but some.
func watchers(leave string) {
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_user_instances")
	most, err2 := strconv.Atoi(string(text[:max(len(text)-1, 0)]))
	fewer, err3 := strconv.Atoi(leave)
	if err != nil || err2 != nil || err3 != nil {
		fmt.Println(err, err2, err3)
		return
	}
	for range most - fewer {
		if _, err := syscall.InotifyInit1(syscall.IN_CLOEXEC); err != nil {
			break
		}
	}
	fmt.Println("ready")
	select {}
}

// closeWait accepts connections and forgets them, after the other side has closed
// them.
func closeWait(count string) {
	n, _ := strconv.Atoi(count)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	forgotten := make([]net.Conn, 0, n)
	for range n {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			fmt.Println(err)
			return
		}
		server, err := l.Accept()
		if err != nil {
			fmt.Println(err)
			return
		}
		forgotten = append(forgotten, server)
		client.Close()
	}
	fmt.Println("ready")
	for {
		runtime.KeepAlive(forgotten)
		syscall.Pause()
	}
}

// leaky lowers its limit of open files and forgets connections until it has
// reached it.
func leaky(limit string) {
	n, err := strconv.ParseUint(limit, 10, 64)
	var l net.Listener
	if err == nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	var forgotten []net.Conn
	for {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		server, err := l.Accept()
		_ = client.Close()
		if err != nil {
			break
		}
		forgotten = append(forgotten, server)
	}
	fmt.Println("ready")
	for {
		runtime.KeepAlive(forgotten)
		syscall.Pause()
	}
}

// removed opens 930 files in a folder, of at most 1000 that it may, and removes
// each.
func removed(dir string) {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1000, Max: 1000}); err != nil {
		fmt.Println(err)
		return
	}
	for i := range 930 {
		path := filepath.Join(dir, strconv.Itoa(i))
		fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_RDWR, 0o600)
		if err == nil {
			err = syscall.Unlink(path)
		}
		if err == nil {
			_, err = syscall.Write(fd, []byte("x"))
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("ready")
	select {}
}

// childless starts children until it can start no more, and does not ask after
// them when they have ended.
func childless(string) {
	for {
		pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{})
		if err != nil {
			break
		}
		for stateOf(pid) != 'Z' {
			runtime.Gosched()
		}
	}
	fmt.Println("ready")
	for {
		syscall.Pause()
	}
}

// helperInGroup starts a helper in a control group.
func helperInGroup(t *testing.T, group *checktest.Cgroup, task string) {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `for f in "$@"; do echo 0 > "$f"; done; exec "$0"`, os.Args[0]}, group.Files()...)...)
	cmd.Env = append(os.Environ(), "GUMSHOE_TEST_TASK="+task)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ready := make([]byte, 200)
	if n, err := out.Read(ready); err != nil || string(ready[:n]) != "ready\n" {
		t.Fatalf("the helper %s did not get ready: %q, %v", task, ready[:n], err)
	}
}

// testName is the kernel's name for this program.
func testName() string {
	name := filepath.Base(os.Args[0])
	return name[:min(15, len(name))]
}

func TestRealFileLimits(t *testing.T) {
	needReal(t)
	for _, row := range []struct {
		name  string
		fault func(t *testing.T) (subject string)
		want  string
	}{
		{"a program at its limit", func(t *testing.T) string {
			helper(t, "open-files", "64")
			return testName()
		}, "program_limit"},
		{"connections that nobody closes", func(t *testing.T) string {
			helper(t, "close-wait", "250")
			return ""
		}, "connections_leak"},
		{"a control group at its limit of threads", func(t *testing.T) string {
			group := checktest.NewCgroup(t, checktest.Limits{PIDs: 20})
			crowd := exec.Command("sh", "-c", "read go; for i in $(seq 19); do sleep 300 & done; echo ready; wait")
			in, err := crowd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := crowd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := crowd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = crowd.Process.Kill(); _ = crowd.Wait() })
			group.Join(t, crowd.Process.Pid)
			if _, err := in.Write([]byte("go\n")); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			return group.Path
		}, "group_threads"},
		{"a user without watchers left", func(t *testing.T) string {
			helper(t, "watchers", "2")
			return ""
		}, "inotify_instances"},
	} {
		t.Run(row.name, func(t *testing.T) {
			subject := row.fault(t)
			r, exit := diagnose(t, "fd-exhaustion")
			wantConfirmed(t, r, exit, row.want)
			if subject != "" {
				wantSubject(t, r, row.want, subject)
			}
			if row.want == "program_limit" { // the whole host is told likewise
				r, exit = diagnose(t, "host-sick")
				wantConfirmed(t, r, exit, "process_files_exhausted")
			}
		})
	}
}

// Deeper causes: what the program leaks that has reached its limit.
func TestRealFileLeaks(t *testing.T) {
	needReal(t)
	for _, row := range []struct {
		name  string
		fault func(t *testing.T) (subject string) // of the first that is wanted
		want  []string
	}{
		{"connections", func(t *testing.T) string {
			helper(t, "leaky", "64")
			return testName()
		}, []string{"program_limit", "connections_leak"}},
		{"deleted files", func(t *testing.T) string {
			helper(t, "removed", mountTmpfs(t, "size=32m"))
			return testName()
		}, []string{"program_limit", "deleted_files"}},
		{"ended children in a control group", func(t *testing.T) string {
			group := checktest.NewCgroup(t, checktest.Limits{PIDs: 60})
			helperInGroup(t, group, "childless")
			return group.Path
		}, []string{"group_threads", "zombies"}},
		{"a disk that is really full", func(t *testing.T) string {
			dir := mountTmpfs(t, "size=8m")
			fill(t, filepath.Join(dir, "big"))
			return dir
		}, []string{"disk_full"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			subject, first := row.fault(t), row.want[0]
			r, exit := diagnose(t, "fd-exhaustion")
			wantConfirmed(t, r, exit, row.want...)
			wantSubject(t, r, first, subject)
		})
	}
}

func TestRealFileLimitsHealthy(t *testing.T) {
	needReal(t)
	r, exit := diagnose(t, "fd-exhaustion", "since=1m")
	for _, s := range r.Steps {
		// The OOM kills of other tests fill the kernel's buffer of messages, and it
		// has just turned away a fork of the test before.
		past := s.Status == engine.Partial || observed(r, "kernel", "forks_rejected") > 0
		if s.ID == "kernel" && past && onlyOpen(r) {
			return
		}
	}
	if r.Status != engine.StatusHealthy || exit != exitHealthy {
		t.Errorf("got %s with exit status %d, want healthy\n%s", r.Status, exit, verdicts(r))
	}
}
