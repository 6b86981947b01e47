package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gumshoe/engine"
)

// gumshoe gives a command that runs this test binary as gumshoe, as TestMain
// arranges for that name.
func gumshoe(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"gumshoe.yaml": "commands:\n  - { argv: [sleep, \"60\"], risk: read }\n",
		"slow.yaml": `runbook: slow
title: Takes long
steps:
  port: { check: probe.tcp, with: { address: "127.0.0.1:1" } }
  nap: { check: command, with: { argv: [sleep, "60"], timeout: 80s }, timeout: 90s }
hypotheses:
  sleepy:
    title: It sleeps
    proof: { if: nap.exit_code == 0, must: true }
    weak: port.outcome == "refused"
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "gumshoe"
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"))
	return cmd
}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if failed == nil {
		return 0
	}
	return failed.ExitCode()
}

// The first signal ends the steps; what is known by then is printed and kept.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := gumshoe(t, "run", "--format", "json", "--all", "./slow.yaml")
		var out bytes.Buffer
		cmd.Stdout = &out
		progress, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The quick step has ended: the slow one is all that keeps the run.
		if _, err := progress.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, progress); err != nil {
			t.Fatal(err)
		}
		if got := exitStatus(t, cmd.Wait()); got != exitInterrupted {
			t.Errorf("%v: exit status %d, want %d", sig, got, exitInterrupted)
		}
		var report engine.Report
		if err := json.Unmarshal(out.Bytes(), &report); err != nil {
			t.Fatalf("%v: %v: %s", sig, err, out.String())
		}
		if report.Status != engine.StatusInterrupted || len(report.Steps) != 2 || report.Steps[0].Status != engine.Observed {
			t.Errorf("%v: %s, steps %+v", sig, report.Status, report.Steps)
		}
		if kept, err := filepath.Glob(filepath.Join(cmd.Dir, "state", "gumshoe", "runs", "*.json")); len(kept) != 1 || err != nil {
			t.Errorf("%v: kept %v, %v", sig, kept, err)
		}
	}
}

// A reader that goes away does not keep a run from being recorded, nor changes
// its exit status.
func TestClosedStdout(t *testing.T) {
	t.Parallel()
	cmd := gumshoe(t, "plan", "./slow.yaml")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	var complaints strings.Builder
	cmd.Stdout, cmd.Stderr = write, &complaints
	if got := exitStatus(t, cmd.Run()); got != 0 || complaints.Len() > 0 {
		t.Errorf("exit status %d, %s", got, complaints.String())
	}
	write.Close()
}
