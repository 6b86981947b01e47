package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// limitsWalk is the state of one walk over the open files of all processes.
type limitsWalk struct {
	source Source
	// near are the processes with open files and a limit, without their names.
	near []OpenFiles
	// watches and instances are those of inotify by the user's id.
	watches, instances map[string]int64
	// denied is the number of processes whose open files we may not see.
	denied int

	buffer []byte
}

// why says what the walk did not see; "" when it saw everything.
func (w *limitsWalk) why(initSeen bool) (reason, fix string) {
	switch {
	case w.denied > 0:
		return fmt.Sprintf("may not see the open files of %d processes", w.denied),
			"run gumshoe as root, or grant it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
	case !initSeen: // there is always a process 1
		return "some processes are hidden from us (procfs is mounted with hidepid)",
			"run gumshoe as root, with CAP_SYS_PTRACE, or in the group of procfs's mount option gid"
	}
	return "", ""
}

// process counts the open files of one process. One that ends meanwhile counts
// for nothing.
func (w *limitsWalk) process(pid int) {
	dir, err := os.Open(w.source.proc(strconv.Itoa(pid), "fd"))
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			w.denied++
		}
		return
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil || len(names) == 0 { // a kernel thread, or a zombie
		return
	}
	for _, name := range names {
		n, err := unix.Readlinkat(int(dir.Fd()), name, w.buffer)
		if target := w.buffer[:max(n, 0)]; err == nil && (string(target) == "anon_inode:inotify" || string(target) == "inotify") {
			w.watcher(pid, name)
		}
	}
	if limit, ok := w.source.openFilesLimit(pid); ok {
		open := int64(len(names))
		w.near = append(w.near, OpenFiles{PID: pid, OpenFiles: open, Limit: limit, UsedPercent: percent(open, limit)})
	}
}

// watcher counts one descriptor of inotify: its watches are the lines of fdinfo
// that begin with "inotify" (proc_pid_fdinfo(5)).
func (w *limitsWalk) watcher(pid int, descriptor string) {
	info, err := os.ReadFile(w.source.proc(strconv.Itoa(pid), "fdinfo", descriptor))
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			w.denied++
		}
		return
	}
	status, err := os.ReadFile(w.source.proc(strconv.Itoa(pid), "status"))
	if err != nil {
		return
	}
	user := "" // the effective one, which inotify charges
	for line := range bytes.Lines(status) {
		if ids, ok := bytes.CutPrefix(line, []byte("Uid:")); ok {
			if fields := bytes.Fields(ids); len(fields) > 1 {
				user = string(fields[1])
			}
			break
		}
	}
	w.instances[user]++
	for line := range bytes.Lines(info) {
		if bytes.HasPrefix(line, []byte("inotify ")) {
			w.watches[user]++
		}
	}
}

// openFilesLimit reads the soft limit of open files of a process, from
// "Max open files   1024   524288   files"; 0 when there is none.
func (s Source) openFilesLimit(pid int) (int64, bool) {
	text, err := os.ReadFile(s.proc(strconv.Itoa(pid), "limits"))
	if err != nil {
		return 0, false
	}
	_, rest, found := bytes.Cut(text, []byte("Max open files"))
	fields := bytes.Fields(rest)
	if !found || len(fields) == 0 {
		return 0, false
	}
	if string(fields[0]) == "unlimited" {
		return 0, true
	}
	limit, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return limit, err == nil
}
