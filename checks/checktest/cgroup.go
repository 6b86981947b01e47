package checktest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Limits are what a Cgroup bounds; 0 means no limit.
type Limits struct {
	// CPUCores is how many cores' worth of processor time it may take.
	CPUCores float64
	// MemoryBytes is how much memory it may hold, and as much with swap.
	MemoryBytes int64
	// PIDs is how many threads it may have.
	PIDs int
}

// A Cgroup is a control group made for a test: below the root of each hierarchy
// where the host has cgroup v1, else of the one of v2.
type Cgroup struct {
	// Path is the group's path from the root of its hierarchies.
	Path string
	dirs []string
}

// NewCgroup makes a control group. It needs root and cgroups that can be written
// to. When the test ends, what runs in the group is killed and the group is gone.
func NewCgroup(t testing.TB, limits Limits) *Cgroup {
	t.Helper()
	g := &Cgroup{Path: fmt.Sprintf("/gumshoe-test-%d-%d", os.Getpid(), time.Now().UnixNano())}
	const root = "/sys/fs/cgroup"
	files := map[string][][2]string{} // controller: file, text
	v2 := exists(filepath.Join(root, "cgroup.controllers"))
	swapFile, quota := "memory.memsw.limit_in_bytes", strconv.Itoa(int(limits.CPUCores*100_000))
	if limits.CPUCores > 0 {
		files["cpu"] = [][2]string{{"cpu.cfs_quota_us", quota}}
		if v2 {
			files["cpu"] = [][2]string{{"cpu.max", quota + " 100000"}}
		}
	}
	if limits.MemoryBytes > 0 {
		bytes := strconv.FormatInt(limits.MemoryBytes, 10)
		files["memory"] = [][2]string{{"memory.limit_in_bytes", bytes}, {swapFile, bytes}}
		if v2 {
			swapFile = "memory.swap.max"
			files["memory"] = [][2]string{{"memory.max", bytes}, {swapFile, "0"}}
		}
	}
	if limits.PIDs > 0 {
		files["pids"] = [][2]string{{"pids.max", strconv.Itoa(limits.PIDs)}}
	}
	for controller, settings := range files {
		dir := filepath.Join(root, controller, g.Path)
		if v2 {
			dir = filepath.Join(root, g.Path)
		}
		err := os.Mkdir(dir, 0o750)
		Need(t, "root, and cgroups with "+controller+" that can be written to", err == nil || errors.Is(err, os.ErrExist))
		if err == nil {
			g.dirs = append(g.dirs, dir)
		}
		for _, s := range settings {
			err := os.WriteFile(filepath.Join(dir, s[0]), []byte(s[1]), 0o600)
			if err != nil && s[0] != swapFile { // without swap accounting there is none
				t.Errorf("cgroup: %v", err)
			}
		}
	}
	t.Cleanup(func() { g.remove(t) })
	return g
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Join moves a process into the group.
func (g *Cgroup) Join(t testing.TB, pid int) {
	t.Helper()
	for _, file := range g.Files() {
		if err := os.WriteFile(file, []byte(strconv.Itoa(pid)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Files are those to which a process writes its id, or 0, to join.
func (g *Cgroup) Files() []string {
	var files []string
	for _, dir := range g.dirs {
		files = append(files, filepath.Join(dir, "cgroup.procs"))
	}
	return files
}

// remove kills what is in the group and removes it.
func (g *Cgroup) remove(t testing.TB) {
	for _, dir := range g.dirs {
		var err error
		for range 200 { // a killed process leaves its group a moment later
			members, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			for member := range strings.FieldsSeq(string(members)) {
				if pid, err := strconv.Atoi(member); err == nil {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			if err = os.Remove(dir); err == nil {
				break
			}
			<-time.After(10 * time.Millisecond)
		}
		if err != nil {
			t.Errorf("the test's cgroup stays behind: %v", err)
		}
	}
}
