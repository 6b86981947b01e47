package main

// Gumshoe is started where little can be seen: as an ordinary user, on a host
// without /sys or systemd, in namespaces as containers have them, beside nothing
// but its own file. It has to say what it could not see, and nothing else.

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// openDir makes a folder that every user may look into, as t.TempDir is not.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gumshoe-bare") //nolint:usetesting // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// install puts the program into a root file system, with a folder for its state.
func install(t *testing.T, root string) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for dir, mode := range map[string]os.FileMode{"bin": 0o755, "proc": 0o755, "tmp": 0o777 | os.ModeSticky} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(root, dir), mode); err != nil {
			t.Fatal(err)
		}
	}
	checktest.WriteProgram(t, filepath.Join(root, "bin/gumshoe"), file)
}

// debianRoot is a root file system with the least of Debian.
func debianRoot(t *testing.T) string {
	t.Helper()
	_, err := exec.LookPath("debootstrap")
	checktest.Need(t, "the program debootstrap", err == nil)
	root := filepath.Join(openDir(t), "root")
	if out, err := exec.Command("debootstrap", "--variant=minbase", "bookworm", root, "http://deb.debian.org/debian").CombinedOutput(); err != nil {
		t.Fatalf("debootstrap: %v\n%s", err, out[max(0, len(out)-2000):])
	}
	return root
}

func TestRealBare(t *testing.T) { //nolint:tparallel // the places are tried at once, and nothing else beside them
	needReal(t)
	debian, empty, here := debianRoot(t), openDir(t), openDir(t)
	for _, root := range []string{debian, empty, here} {
		install(t, root)
	}
	inside := func(root, user string, proc bool) []string {
		argv := []string{"unshare", "--mount", "--pid", "--ipc", "--uts", "--net", "--fork"}
		if proc {
			argv = append(argv, "--mount-proc="+filepath.Join(root, "proc"))
		}
		return append(argv, "chroot", "--userspec="+user, root, "/bin/gumshoe")
	}
	outside := filepath.Join(here, "bin/gumshoe")
	runbooks := runbooksWithoutInputs(t)
	for _, place := range []struct {
		name string
		argv []string
	}{
		{"this host, an ordinary user", []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", outside}},
		{"this host without sysfs", []string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs none /sys && exec "$@"`, "sh", outside}},
		{"this host without cgroups", []string{"unshare", "--mount", "sh", "-c", `umount -l /sys/fs/cgroup && exec "$@"`, "sh", outside}},
		{"a bare Debian, an ordinary user in a container", inside(debian, "65534:65534", true)},
		{"a bare Debian, root in a container", inside(debian, "0:0", true)},
		{"nothing but the program and procfs", inside(empty, "65534:65534", true)},
		{"nothing but the program", inside(empty, "65534:65534", false)},
	} {
		t.Run(place.name, func(t *testing.T) {
			t.Parallel() // they mostly wait
			state := "/tmp"
			if !slices.Contains(place.argv, "chroot") {
				state = filepath.Join(here, "tmp")
			}
			for _, runbook := range runbooks {
				r, exit := runAt(t, place.argv, state, runbook)
				if r != nil {
					wantHonest(t, r, exit)
				}
			}
		})
	}
}

// runbooksWithoutInputs are the stock runbooks that need no input, and look at
// this host.
func runbooksWithoutInputs(t *testing.T) []string {
	t.Helper()
	out, _ := realGumshoe(t, "list", "--format", "json")
	var list struct{ Runbooks []struct{ Name string } }
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, runbook := range list.Runbooks {
		out, exit := realGumshoe(t, "plan", "--format", "json", runbook.Name)
		if exit != exitHealthy {
			continue
		}
		var plan engine.RunPlan
		if err := json.Unmarshal(out, &plan); err != nil {
			t.Fatal(err)
		}
		// What looks at a service is right to say that none is there.
		if _, remote := plan.Inputs["address"]; !remote {
			names = append(names, runbook.Name)
		}
	}
	if len(names) < 2 {
		t.Fatalf("only %v need no input", names)
	}
	return names
}

// runAt runs a runbook whole, in some place.
func runAt(t *testing.T, place []string, state, runbook string) (*engine.Report, int) {
	t.Helper()
	argv := append(append([]string(nil), place...), "run", "--all", "--format", "json", runbook)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/tmp", "XDG_STATE_HOME=" + filepath.Join(state, strings.ReplaceAll(t.Name(), "/", "-"))}
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	r := new(engine.Report)
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		t.Errorf("%s: no report (%v), exit status %d\n%s", runbook, err, cmd.ProcessState.ExitCode(), complaints.String())
		return nil, 0
	}
	if strings.Contains(complaints.String(), "goroutine") {
		t.Errorf("%s panicked:\n%s", runbook, complaints.String())
	}
	return r, cmd.ProcessState.ExitCode()
}

// wantHonest checks that a run says why it could not see what it could not see,
// and that it calls nothing healthy that it did not see.
func wantHonest(t *testing.T, r *engine.Report, exit int) {
	t.Helper()
	if exit != exitHealthy && exit != exitFound && exit != exitUndecided {
		t.Errorf("%s: exit status %d", r.Runbook, exit)
	}
	for _, s := range r.Steps {
		switch s.Status {
		case engine.Observed, engine.NotApplicable:
		case engine.Partial:
		case engine.Failed, engine.Skipped:
			if s.Reason == "" || s.Fix == "" && s.Status == engine.Failed {
				t.Errorf("%s: %s %s: reason %q, fix %q", r.Runbook, s.ID, s.Status, s.Reason, s.Fix)
			}
			if strings.Contains(s.Reason, "panic") || strings.Contains(s.Reason, "internal") {
				t.Errorf("%s: %s: %s", r.Runbook, s.ID, s.Reason)
			}
		default:
			t.Errorf("%s: %s is %s", r.Runbook, s.ID, s.Status)
		}
		for _, u := range s.Unread {
			if u.Reason == "" {
				t.Errorf("%s: %s.%s is unread without a reason", r.Runbook, s.ID, u.Path)
			}
		}
	}
	for _, h := range r.Hypotheses {
		// Others may use this machine, the kernel's messages tell of earlier tests, and
		// what the tests need was installed.
		if h.Verdict == engine.VerdictConfirmed && !strings.HasPrefix(h.ID, "cpu_") && !trueAnyway(r, h.ID) && r.Runbook != "what-changed" {
			t.Errorf("%s: %s is confirmed on a machine without a fault\n%s", r.Runbook, h.ID, verdicts(r))
		}
		for _, e := range h.Evidence {
			if r.Status == engine.StatusHealthy && e.Must && e.Result.String() == "unknown" {
				t.Errorf("%s is called healthy, and %s could not be seen", r.Runbook, e.Expression)
			}
		}
	}
	if testing.Verbose() {
		t.Logf("%s: %s %s", r.Runbook, r.Status, r.Headline)
	}
}
