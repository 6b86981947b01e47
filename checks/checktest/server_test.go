package checktest

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestServer(t *testing.T) {
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready")
	s := Start(t, Program{
		Argv: []string{"sh", "-c", "echo started in $PWD for $WHO; touch ready; sleep 1000 & wait"},
		Env:  []string{"WHO=me"}, Dir: dir,
		Ready: func() error {
			_, err := os.Stat(ready)
			return err
		},
	})
	want := "started in " + dir + " for me"
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Timeout); !strings.Contains(s.Log(), want); <-tick.C { // it comes through a pipe
		if time.Now().After(deadline) {
			t.Fatalf("it said %q, want %q", s.Log(), want)
		}
	}
	state := func() string { // the third field, after the name in parentheses
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.PID()), "stat"))
		if err != nil {
			return "gone"
		}
		return string(stat[strings.LastIndex(string(stat), ")")+2])
	}
	s.Pause()
	for state() != "T" {
	}
	s.Resume()
	for state() == "T" {
	}
	s.Stop()
	if got := state(); got != "gone" {
		t.Errorf("stopped, its state is %s", got)
	}
	if err := os.Remove(ready); err != nil {
		t.Fatal(err)
	}
	s.Restart(t)
	s.Kill()
	s.Kill() // twice is as good as once
	s.program.Ready = func() error { return errors.New("never") }
	if err := s.wait(); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("waiting for one that has ended gives %v", err)
	}
}
