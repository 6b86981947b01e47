package main

// These tests make real faults on this machine and let the real program name
// them. They need a quiet machine, and most need root: they run by themselves
// (make test), and only when GUMSHOE_TEST_REAL=1 says so.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gumshoe/engine"
)

// needReal skips a test that changes the machine unless the machine is given to it.
func needReal(t *testing.T) {
	t.Helper()
	if os.Getenv("GUMSHOE_TEST_REAL") != "1" {
		t.Skip("it makes real faults on this machine: set GUMSHOE_TEST_REAL=1, and run it by itself, as root")
	}
	if os.Geteuid() != 0 {
		t.Fatal("GUMSHOE_TEST_REAL=1, but this is not root")
	}
}

// program builds gumshoe once and gives its path.
var program = sync.OnceValues(func() (string, error) {
	// Beside the test binary, in the folder that go test removes.
	path := filepath.Join(filepath.Dir(os.Args[0]), "gumshoe")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// realGumshoe runs the program with its own state folder.
func realGumshoe(t *testing.T, args ...string) (stdout []byte, exit int) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err = cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if testing.Verbose() {
		t.Logf("gumshoe %s\n%s", strings.Join(args, " "), complaints.String())
	}
	return out.Bytes(), cmd.ProcessState.ExitCode()
}

// diagnose runs a runbook and gives its report.
func diagnose(t *testing.T, args ...string) (*engine.Report, int) {
	t.Helper()
	out, exit := realGumshoe(t, append([]string{"run", "--format", "json"}, args...)...)
	report := new(engine.Report)
	if err := json.Unmarshal(out, report); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return report, exit
}

// wantConfirmed checks that exactly these causes are confirmed or contribute.
func wantConfirmed(t *testing.T, r *engine.Report, exit int, want ...string) {
	t.Helper()
	var got []string
	for _, h := range r.Hypotheses {
		told := h.Verdict == engine.VerdictConfirmed || h.Verdict == engine.VerdictContributing
		if told && (slices.Contains(want, h.ID) || !trueAnyway(r, h.ID)) {
			got = append(got, h.ID)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || exit != 1 {
		t.Errorf("confirmed %v with exit status %d, want %v with 1\n%s", got, exit, want, verdicts(r))
	}
}

// trueAnyway tells whether something is the matter with this machine that no
// test here made: the hypervisor takes processor time, or the kernel's messages
// still tell of the faults of earlier tests.
func trueAnyway(r *engine.Report, hypothesis string) bool {
	switch hypothesis {
	case "cpu_stolen":
		return observed(r, "cpu", "steal_percent") > 10
	case "host_busy":
		return observed(r, "cpu", "used_percent") > 90
	case "limit_out_of_memory", "host_out_of_memory", "cgroup_oom", "oom_killed":
		return observed(r, "kernel", "oom_kills") > 0
	case "storage_errors":
		return observed(r, "kernel", "io_errors")+observed(r, "kernel", "filesystem_errors") > 0
	case "program_crashes":
		return observed(r, "kernel", "segfaults") > 0
	case "tasks_hang":
		return true
	}
	return false
}

func wantSubject(t *testing.T, r *engine.Report, hypothesis, subject string) {
	t.Helper()
	for _, h := range r.Hypotheses {
		if h.ID == hypothesis && !slices.Contains(h.Subjects, subject) {
			t.Errorf("%s names %v, want %s", hypothesis, h.Subjects, subject)
		}
	}
}

func verdicts(r *engine.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Status, r.Headline)
	for _, h := range r.Hypotheses {
		fmt.Fprintf(&b, "%-20s %-12s p %.3f, %.0f points\n", h.ID, h.Verdict, h.Probability, h.Points)
		for _, e := range h.Evidence {
			if e.Points != 0 || e.Result.String() == "unknown" {
				fmt.Fprintf(&b, "    %+.1f %s: %s %s%s\n", e.Points, e.Expression, e.Result, e.Shown, e.Reason)
			}
		}
	}
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "step %-12s %-14s %s %s\n", s.ID, s.Status, s.Summary, s.Reason)
	}
	return b.String()
}

// observed gives a number that a step observed, or 0.
func observed(r *engine.Report, step, field string) float64 {
	for _, s := range r.Steps {
		if output, ok := s.Output.(map[string]any); ok && s.ID == step {
			x, _ := output[field].(float64)
			return x
		}
	}
	return 0
}

// Without a fault, the machine is called healthy. The build before may still be
// felt, and the hypervisor may be busy: then it is not without a fault, and is
// looked at again.
func TestRealHealthy(t *testing.T) {
	needReal(t)
	const tries = 30 // of about two seconds each
	for try := 1; ; try++ {
		r, exit := diagnose(t, "host-sick")
		if r.Status == engine.StatusHealthy && exit == 0 {
			return
		}
		others := slices.ContainsFunc(r.Hypotheses, func(h engine.HypothesisReport) bool {
			return h.Verdict != engine.VerdictRuledOut && !trueAnyway(r, h.ID)
		})
		if !others {
			t.Logf("what is wrong with this machine is true: %s", r.Headline)
			return
		}
		if steal := observed(r, "cpu", "steal_percent"); try == tries && steal > 5 && onlyOpen(r, "cpu_stolen", "cpu_saturated") {
			t.Logf("this machine's one fault is real: %.0f %% of its processor time is stolen", steal)
			return
		}
		busy := observed(r, "cpu", "steal_percent") > 5 || observed(r, "cpu", "used_percent") > 50 || pressed(r)
		if !busy || try == tries {
			t.Fatalf("got %s with exit status %d, want healthy with 0\n%s", r.Status, exit, verdicts(r))
		}
	}
}

// onlyOpen tells whether all hypotheses but these are ruled out.
func onlyOpen(r *engine.Report, but ...string) bool {
	return !slices.ContainsFunc(r.Hypotheses, func(h engine.HypothesisReport) bool {
		return h.Verdict != engine.VerdictRuledOut && !slices.Contains(but, h.ID)
	})
}

// pressed tells whether work has been waiting for a processor or a disk.
func pressed(r *engine.Report) bool {
	for _, s := range r.Steps {
		output, _ := s.Output.(map[string]any)
		for _, resource := range []string{"cpu", "io"} {
			if stall, ok := output[resource].(map[string]any); ok && s.ID == "pressure" {
				if some, _ := stall["some_percent"].(float64); some > 10 {
					return true
				}
			}
		}
	}
	return false
}

// helper starts this test binary as another program, told by its environment
// what to do (TestMain), and waits until it says that it has done it.
func helper(t *testing.T, task string, arguments ...string) *exec.Cmd {
	t.Helper()
	return startHelper(t, task, exec.Command(os.Args[0], arguments...))
}

// startHelper is helper, by a command of the caller's that runs this test binary.
func startHelper(t *testing.T, task string, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	cmd.Env = append(os.Environ(), "GUMSHOE_TEST_TASK="+task)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
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
	return cmd
}

// tasks are what the processes that helper starts can do, by name. A task prints
// "ready" once it has done it, and does not return.
func tasks() map[string]func(argument string) {
	all := map[string]func(string){"burn": burn, "hold": hold, "hog": hog}
	for _, more := range []map[string]func(string){ // one line for each file of real tests
		loadTasks(),
		diskTasks(),
		serviceTasks(),
		networkTasks(),
		reachTasks(),
		packetTasks(),
		stormTasks(),
		filesTasks(),
		webTasks(),
		queueTasks(),
		protocolTasks(),
	} {
		maps.Copy(all, more)
	}
	return all
}

// burn keeps a processor busy.
func burn(string) {
	fmt.Println("ready")
	for n := uint64(1); n != 0; n += 2 {
	}
}

// hold keeps a file open, and with it its space after it is removed.
func hold(path string) {
	file, err := os.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	fmt.Println("ready")
	select {}
}

// hog takes memory until this percentage of it is left, and holds it.
func hog(percent string) {
	leave, err := strconv.ParseFloat(percent, 64)
	if err != nil {
		fmt.Println(err)
		return
	}
	const step = 64 << 20
	var held [][]byte
	for {
		total, available := memory()
		if float64(available) <= float64(total)*leave/100 {
			break
		}
		block, err := syscall.Mmap(-1, 0, step, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = syscall.Madvise(block, 14) // MADV_HUGEPAGE: faults 2 MiB at a time, where the kernel can
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		held = append(held, block)
	}
	fmt.Println("ready")
	for {
		runtime.KeepAlive(held)
		syscall.Pause()
	}
}

// memory reads MemTotal and MemAvailable, in KiB.
func memory() (total, available int64) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		n, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "MemTotal:":
			total = n
		case "MemAvailable:":
			available = n
		}
	}
	return total, available
}

func TestRealCPUBurners(t *testing.T) {
	needReal(t)
	for range 3 * runtime.NumCPU() {
		helper(t, "burn")
	}
	r, exit := diagnose(t, "host-sick")
	wantConfirmed(t, r, exit, "cpu_saturated")
	wantSubject(t, r, "cpu_saturated", filepath.Base(os.Args[0])[:min(15, len(filepath.Base(os.Args[0])))])
}

func TestRealMemoryHog(t *testing.T) {
	needReal(t)
	helper(t, "hog", "4")
	r, exit := diagnose(t, "host-sick")
	wantConfirmed(t, r, exit, "memory_exhausted")
}

// mountTmpfs mounts a small file system and gives its path.
func mountTmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes a file until the file system has no room.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 1<<20); err == nil; {
		_, err = file.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// The three ways in which a disk is "full" look the same to whoever writes to
// it: each has to be told from the others, by both runbooks.
func TestRealDiskFull(t *testing.T) {
	needReal(t)
	for _, row := range []struct {
		name     string
		options  string
		fault    func(t *testing.T, dir string)
		host     []string // what host-sick confirms
		diskFull []string // what disk-full confirms
	}{
		{
			name: "bytes", options: "size=32m",
			fault: func(t *testing.T, dir string) { fill(t, filepath.Join(dir, "big")) },
			host:  []string{"disk_full"}, diskFull: []string{"data"},
		},
		{
			name: "inodes", options: "size=32m,nr_inodes=500",
			fault: func(t *testing.T, dir string) {
				for i := range 500 {
					file, err := os.Create(filepath.Join(dir, strconv.Itoa(i)))
					if err != nil {
						return
					}
					_ = file.Close()
				}
			},
			host: []string{"inodes_exhausted"}, diskFull: []string{"inodes"},
		},
		{
			name: "deleted but open", options: "size=32m",
			fault: func(t *testing.T, dir string) {
				path := filepath.Join(dir, "big")
				fill(t, path)
				helper(t, "hold", path)
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			},
			host: []string{"disk_full", "deleted_but_open"}, diskFull: []string{"data", "deleted_but_open"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := mountTmpfs(t, row.options)
			row.fault(t, dir)
			r, exit := diagnose(t, "host-sick")
			wantConfirmed(t, r, exit, row.host...)
			for _, h := range row.host {
				wantSubject(t, r, h, dir)
			}
			r, exit = diagnose(t, "disk-full")
			wantConfirmed(t, r, exit, row.diskFull...)
			for _, h := range row.diskFull {
				wantSubject(t, r, h, dir)
			}
		})
	}
}
