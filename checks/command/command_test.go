package command

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// TestMain lets the test's own binary be the program that is run.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "act" {
		act(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

func act(how string) {
	switch how {
	case "speak":
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
		os.Exit(3)
	case "environment":
		fmt.Println(strings.Join(os.Environ(), "\n"))
		dir, _ := os.Getwd()
		fmt.Println("dir=" + dir)
		n, _ := os.Stdin.Read(make([]byte, 1))
		fmt.Printf("input=%d\n", n)
	case "flood":
		for range 3000 {
			fmt.Println(strings.Repeat("x", 99))
		}
	case "hang":
		fmt.Println("before")
		_ = syscall.Pause()
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		_ = syscall.Pause()
	case "child": // a child that outlives us and holds our output open
		attr := &syscall.ProcAttr{Files: []uintptr{0, 1, 2}}
		pid, err := syscall.ForkExec("/proc/self/exe", []string{"x", "act", "hang"}, attr)
		fmt.Printf("child=%d\nerr=%v\n", pid, err)
	case "binary":
		os.Stdout.Write([]byte("\xff\x00\x1b[31m\n"))
	case "secret":
		fmt.Println("password=hunter22")
	}
}

// self is the command that acts.
func self(how string) []string { return []string{"/proc/self/exe", "act", how} }

func allowed(argv ...string) engine.Check[Input, Output] {
	return New([]Allowed{{Argv: argv, Risk: engine.Read}})
}

func observe(t *testing.T, argv []string, inputs map[string]any) (Output, engine.Observation) {
	t.Helper()
	all := map[string]any{"argv": argv}
	maps.Copy(all, inputs)
	return checktest.Observe[Output](t, allowed(argv...), all)
}

func TestCommandConforms(t *testing.T) {
	checktest.Run(t, allowed("echo", "hello"), map[string]any{"argv": []string{"echo", "hello"}})
}

func TestCommandSpeaks(t *testing.T) {
	got, o := observe(t, self("speak"), nil)
	got.ElapsedSeconds = 0
	want := Output{Outcome: Exited, ExitCode: 3, Stdout: "to stdout\n", Stderr: "to stderr\n", Lines: 1,
		Fields: map[string]string{}, Numbers: map[string]float64{}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}
	if want := "exit status 3, 1 lines: to stderr"; o.Summary != want || o.Status != engine.Observed {
		t.Errorf("%s, summary %q; want %q", o.Status, o.Summary, want)
	}
}

func TestCommandHasNoEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_OURS", "x")
	got, _ := observe(t, self("environment"), map[string]any{"format": "keyvalue"})
	want := map[string]string{"PATH": os.Getenv("PATH"), "LANG": "C.UTF-8", "dir": "/", "input": "0"}
	if diff := cmp.Diff(got.Fields, want); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}
}

func TestCommandFloods(t *testing.T) {
	got, o := observe(t, self("flood"), nil)
	if len(got.Stdout) != maxOutput || !got.StdoutTruncated || got.Lines != 3000 || !checktest.HasUnread(o, "stdout") || checktest.HasUnread(o, "stderr") {
		t.Errorf("kept %d bytes, truncated %v, %d lines, unread %v", len(got.Stdout), got.StdoutTruncated, got.Lines, o.Unread)
	}
}

func TestCommandTimesOut(t *testing.T) {
	got, o := observe(t, self("hang"), map[string]any{"timeout": "500ms"})
	if got.Outcome != TimedOut || got.Signal != "" || !checktest.HasUnread(o, "exit_code") {
		t.Errorf("got %+v, unread %v; want timed_out", got, o.Unread)
	}
}

func TestCommandDies(t *testing.T) {
	got, o := observe(t, self("die"), nil)
	if got.Outcome != Signaled || got.Signal != "terminated" || !checktest.HasUnread(o, "exit_code") {
		t.Errorf("got %+v, unread %v; want signaled", got, o.Unread)
	}
}

func TestCommandLeavesNoChild(t *testing.T) {
	got, o := observe(t, self("child"), map[string]any{"format": "keyvalue"})
	if got.Outcome != Exited || got.Fields["err"] != "<nil>" || o.Elapsed > checktest.Timeout/2 {
		t.Fatalf("got %+v in %s; want exited", got, o.Elapsed)
	}
	pid := int(got.Numbers["child"])
	ctx, cancel := context.WithTimeout(t.Context(), checktest.Timeout)
	defer cancel()
	for gone := false; !gone; {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		gone = err != nil || strings.Contains(string(state), ") Z ")
		if ctx.Err() != nil {
			t.Fatalf("process %d still runs: %s", pid, state)
		}
	}
}

func TestCommandCancelled(t *testing.T) {
	d, err := allowed(self("hang")...).Definition()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(50*time.Millisecond, cancel)
	defer timer.Stop()
	o := engine.Local("test")(ctx, engine.Request{Check: d, Timeout: checktest.Timeout,
		Input: Input{Argv: self("hang"), Timeout: time.Minute}})
	if o.Output != nil || !strings.Contains(o.Reason, "canceled") {
		t.Errorf("got %+v (%s); want it canceled", o.Output, o.Reason)
	}
}

func TestCommandOutputIsText(t *testing.T) {
	got, o := observe(t, self("binary"), nil)
	if want := "\uFFFD\x00\x1b[31m\n"; got.Stdout != want {
		t.Errorf("got %q, want %q", got.Stdout, want)
	}
	if strings.ContainsAny(o.Summary, "\x00\x1b") {
		t.Errorf("summary %q moves the cursor", o.Summary)
	}
}

func TestCommandOutputIsMasked(t *testing.T) {
	got, o := observe(t, self("secret"), map[string]any{"format": "keyvalue"})
	if all := fmt.Sprint(got.Stdout, o.Summary, o.Excerpts); strings.Contains(all, "hunter22") {
		t.Errorf("got %s", all)
	}
}

func TestCommandPolicy(t *testing.T) {
	check := New([]Allowed{{Argv: []string{"df", "-P"}, Risk: engine.Read}, {Argv: []string{"stress"}, Risk: engine.Load}})
	for _, tt := range []struct {
		argv []string
		risk engine.Risk
		fix  string // of the refusal; "" when it is allowed
	}{
		{[]string{"df", "-P"}, engine.Read, ""},
		{[]string{"stress"}, engine.Load, ""},
		{[]string{"df"}, engine.Change, "add {argv: [df], risk: read} to commands:"},
		{[]string{"df", "-P", "/"}, engine.Change, "add {argv: [df, -P, /], risk: read} to commands:"},
		{[]string{"df", "-p"}, engine.Change, "add {argv: [df, -p], risk: read} to commands:"},
		{[]string{"/bin/df", "-P"}, engine.Change, "add {argv: [/bin/df, -P], risk: read} to commands:"},
		{[]string{"sh", "-c", "df -P; rm x"}, engine.Change, `add {argv: [sh, -c, "df -P; rm x"], risk: read} to commands:`},
		{[]string{"sleep", "5", "no", ""}, engine.Change, `add {argv: [sleep, "5", "no", ""], risk: read} to commands:`},
	} {
		if got := check.RiskOf(Input{Argv: tt.argv}); got != tt.risk {
			t.Errorf("%v: risk %s, want %s", tt.argv, got, tt.risk)
		}
		if tt.fix == "" {
			continue
		}
		o := checktest.Look(t, check, map[string]any{"argv": tt.argv})
		if !o.Refused || o.Status != engine.Skipped || !strings.HasPrefix(o.Fix, tt.fix) {
			t.Errorf("%v: %s, fix %q; want refused, with %q", tt.argv, o.Status, o.Fix, tt.fix)
		}
	}
}

func TestCommandCannotStart(t *testing.T) {
	plain, noProgram := filepath.Join(t.TempDir(), "plain"), filepath.Join(t.TempDir(), "no-program")
	for file, mode := range map[string]os.FileMode{plain: 0o644, noProgram: 0o755} {
		if err := os.WriteFile(file, []byte("text"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		argv    string
		refused bool
		reason  string
	}{
		{"no-such-program-here", false, "there is no program no-such-program-here"},
		{plain, false, "may not run " + plain},
		{noProgram, false, "cannot start " + noProgram},
		{"./df", true, "relative path"},
	} {
		o := checktest.Look(t, allowed(tt.argv), map[string]any{"argv": []string{tt.argv}})
		if o.Output != nil || o.Refused != tt.refused || !strings.Contains(o.Reason, tt.reason) || o.Fix == "" {
			t.Errorf("%s: %s, refused %v: %s (fix %q)", tt.argv, o.Status, o.Refused, o.Reason, o.Fix)
		}
	}
}

func BenchmarkCommand(b *testing.B) {
	in := Input{Argv: []string{"true"}, Timeout: time.Minute}
	for b.Loop() {
		if _, err := (policy{{Argv: in.Argv}}).run(b.Context(), &engine.Call{}, in); err != nil {
			b.Fatal(err)
		}
	}
}
