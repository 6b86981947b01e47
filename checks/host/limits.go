package host

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"gumshoe/engine"
)

// LimitsInput are the inputs of host.limits: it has none.
type LimitsInput struct{}

// Limits is what host.limits observes: how much is left of what the kernel
// counts and bounds.
type Limits struct {
	// FileHandlesUsed is the number of files that all processes of the host hold
	// open; a descriptor that was duplicated or inherited counts once.
	FileHandlesUsed int64 `json:"file_handles_used" expr:"file_handles_used"`
	// FileHandlesMax is how many may be open at once (fs.file-max). Processes with
	// CAP_SYS_ADMIN may go beyond it.
	FileHandlesMax int64 `json:"file_handles_max" expr:"file_handles_max"`
	// FileHandlesUsedPercent is file_handles_used in percent of file_handles_max.
	// At 100 every open fails with ENFILE.
	FileHandlesUsedPercent float64 `json:"file_handles_used_percent" expr:"file_handles_used_percent"`

	// PIDsUsed is the number of threads of the whole host, also seen from a
	// container: each needs a process id, as do processes that have one thread
	// only, and zombies.
	PIDsUsed int64 `json:"pids_used" expr:"pids_used"`
	// PIDsMax is how many process ids there are (kernel.pid_max).
	PIDsMax int64 `json:"pids_max" expr:"pids_max"`
	// PIDsUsedPercent is pids_used in percent of pids_max. At 100 nothing can
	// start: fork fails with EAGAIN.
	PIDsUsedPercent float64 `json:"pids_used_percent" expr:"pids_used_percent"`
	// ThreadsMax is how many threads the kernel allows (kernel.threads-max), which
	// may be less than pids_max.
	ThreadsMax int64 `json:"threads_max" expr:"threads_max"`
	// ThreadsUsedPercent is pids_used in percent of threads_max. At 100 fork fails
	// with EAGAIN too.
	ThreadsUsedPercent float64 `json:"threads_used_percent" expr:"threads_used_percent"`

	// InotifyMaxUserWatches is how many files and directories one user may watch
	// (fs.inotify.max_user_watches).
	InotifyMaxUserWatches int64 `json:"inotify_max_user_watches" expr:"inotify_max_user_watches"`
	// InotifyWatchesUsed is the number of watches of the user that has the most. A
	// watcher that a forked process shares counts in both, so that this is at most
	// too high. Unread unless we may see the open files of all processes.
	InotifyWatchesUsed int64 `json:"inotify_watches_used" expr:"inotify_watches_used"`
	// InotifyWatchesUsedPercent is inotify_watches_used in percent of
	// inotify_max_user_watches. At 100 this user's inotify_add_watch fails with
	// ENOSPC, which reads "no space left on device".
	InotifyWatchesUsedPercent float64 `json:"inotify_watches_used_percent" expr:"inotify_watches_used_percent"`
	// InotifyMaxUserInstances is how many watchers one user may have
	// (fs.inotify.max_user_instances).
	InotifyMaxUserInstances int64 `json:"inotify_max_user_instances" expr:"inotify_max_user_instances"`
	// InotifyInstancesUsed is the number of watchers of the user that has the
	// most, counted as inotify_watches_used is; it may be another user.
	InotifyInstancesUsed int64 `json:"inotify_instances_used" expr:"inotify_instances_used"`
	// InotifyInstancesUsedPercent is inotify_instances_used in percent of
	// inotify_max_user_instances. At 100 this user's inotify_init fails with
	// EMFILE, which reads "too many open files".
	InotifyInstancesUsedPercent float64 `json:"inotify_instances_used_percent" expr:"inotify_instances_used_percent"`

	// Processes are the processes that are nearest to their own limit of open
	// files, the nearest first, at most 10. Unread unless we may see the open
	// files of all processes; then it has those that we may see.
	Processes []OpenFiles `json:"processes" expr:"processes"`
}

// OpenFiles is how many files a process holds open, of how many it may.
type OpenFiles struct {
	// PID is the process id.
	PID int `json:"pid" expr:"pid"`
	// Name is the kernel's name for it, at most 15 bytes.
	Name string `json:"name" expr:"name"`
	// OpenFiles is the number of its file descriptors: files, sockets, pipes.
	OpenFiles int64 `json:"open_files" expr:"open_files"`
	// Limit is how many it may have (RLIMIT_NOFILE, the soft limit); 0 means any
	// number.
	Limit int64 `json:"limit" expr:"limit"`
	// UsedPercent is open_files in percent of limit, 0 without one. At 100 its
	// open, accept and socket fail with EMFILE. It is above 100 when the limit was
	// lowered later.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
}

// maxNearest is how many processes a list of host.limits has at most.
const maxNearest = 10

// Limits is the check host.limits.
//
// It reads /proc/sys/fs, /proc/sys/kernel, /proc/loadavg and, of every process,
// the names of its open files and its limits. It opens none of these files.
//
// Example:
//
//	limits: { check: host.limits }
//
// By hand:
//
//	cat /proc/sys/fs/file-nr /proc/loadavg
//	sysctl kernel.pid_max kernel.threads-max fs.inotify
//	prlimit --nofile --pid PID
//	ls /proc/PID/fd
func (s Source) Limits() engine.Check[LimitsInput, Limits] {
	return engine.Check[LimitsInput, Limits]{
		Name:      "host.limits",
		Doc:       "How much is used of what the kernel bounds: open files, process ids, threads, inotify watches; and which processes are nearest to their own limit of open files.",
		Cost:      30 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[LimitsInput],
		Run:       s.lookLimits,
		Summarize: summarizeLimits,
	}
}

func summarizeLimits(o Limits) string {
	text := fmt.Sprintf("used: files %.0f %%, process ids %.0f %%, threads %.0f %%",
		o.FileHandlesUsedPercent, o.PIDsUsedPercent, o.ThreadsUsedPercent)
	if len(o.Processes) > 0 {
		text += fmt.Sprintf(", files of %s %.0f %%", shorten(o.Processes[0].Name), o.Processes[0].UsedPercent)
	}
	return text
}

func (s Source) lookLimits(ctx context.Context, call *engine.Call, _ LimitsInput) (Limits, error) {
	call.Reproduce("cat", s.proc("sys/fs/file-nr"), s.proc("loadavg"))
	call.Reproduce("sysctl", "kernel.pid_max", "kernel.threads-max", "fs.inotify")
	o := Limits{Processes: []OpenFiles{}}
	if err := ctx.Err(); err != nil {
		return o, err
	}
	pids, err := s.pids()
	if err != nil {
		return o, err
	}
	files := o.fileHandles(call, s)
	threads := o.threads(call, s)
	if files != nil && threads != nil && len(pids) == 0 {
		return o, blind(s.proc("sys/fs/file-nr"), files)
	}
	walk := limitsWalk{source: s, watches: make(map[string]int64), instances: make(map[string]int64), buffer: make([]byte, 4096)}
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return o, err
		}
		walk.process(pid)
	}
	o.nearest(s, walk.near)
	if len(o.Processes) > 0 {
		call.Reproduce("prlimit", "--nofile", "--pid", strconv.Itoa(o.Processes[0].PID))
		call.Reproduce("ls", "-l", s.proc(strconv.Itoa(o.Processes[0].PID), "fd"))
	}
	o.inotify(call, s, &walk)
	reason, fix := walk.why(slices.Contains(pids, 1))
	if reason != "" {
		unread(call, reason, fix, "processes", "inotify_watches_used", "inotify_watches_used_percent",
			"inotify_instances_used", "inotify_instances_used_percent")
	}
	return o, nil
}

// fileHandles reads "allocated unused max".
func (o *Limits) fileHandles(call *engine.Call, s Source) error {
	path := s.proc("sys/fs/file-nr")
	text, err := os.ReadFile(path)
	var allocated, unused, most int64
	if err == nil {
		_, err = fmt.Sscan(string(text), &allocated, &unused, &most)
	}
	if err != nil {
		unread(call, "cannot read "+path, "", "file_handles_used", "file_handles_max", "file_handles_used_percent")
		return err
	}
	o.FileHandlesUsed, o.FileHandlesMax = allocated-unused, most
	o.FileHandlesUsedPercent = percent(o.FileHandlesUsed, most)
	return nil
}

// threads fills in what bounds the number of threads. How many there are is in
// /proc/loadavg, "0.01 0.02 0.03 1/234 567": no process can hide from it.
func (o *Limits) threads(call *engine.Call, s Source) error {
	text, err := os.ReadFile(s.proc("loadavg"))
	if err == nil {
		var running int64
		var load [3]float64
		_, err = fmt.Sscanf(string(text), "%g %g %g %d/%d", &load[0], &load[1], &load[2], &running, &o.PIDsUsed)
	}
	if err != nil {
		o.PIDsUsed = 0
		unread(call, "cannot read "+s.proc("loadavg"), "", "pids_used", "pids_used_percent", "threads_used_percent")
	}
	for _, bound := range []struct {
		file, field, percentField string
		most                      *int64
		percent                   *float64
	}{
		{"pid_max", "pids_max", "pids_used_percent", &o.PIDsMax, &o.PIDsUsedPercent},
		{"threads-max", "threads_max", "threads_used_percent", &o.ThreadsMax, &o.ThreadsUsedPercent},
	} {
		most, boundErr := s.number("sys/kernel", bound.file)
		if boundErr != nil {
			unread(call, "cannot read "+s.proc("sys/kernel", bound.file), "", bound.field, bound.percentField)
			err = cmp.Or(err, boundErr)
			continue
		}
		*bound.most, *bound.percent = most, percent(o.PIDsUsed, most)
	}
	return err
}

// inotify fills in the limits of each user, and the user who is nearest.
func (o *Limits) inotify(call *engine.Call, s Source, walk *limitsWalk) {
	for _, bound := range []struct {
		file, field, percentField string
		byUser                    map[string]int64
		most, used                *int64
		percent                   *float64
	}{
		{"max_user_watches", "inotify_max_user_watches", "inotify_watches_used_percent", walk.watches,
			&o.InotifyMaxUserWatches, &o.InotifyWatchesUsed, &o.InotifyWatchesUsedPercent},
		{"max_user_instances", "inotify_max_user_instances", "inotify_instances_used_percent", walk.instances,
			&o.InotifyMaxUserInstances, &o.InotifyInstancesUsed, &o.InotifyInstancesUsedPercent},
	} {
		for _, n := range bound.byUser {
			*bound.used = max(*bound.used, n)
		}
		most, err := s.number("sys/fs/inotify", bound.file)
		if err != nil {
			unread(call, "cannot read "+s.proc("sys/fs/inotify", bound.file), "", bound.field, bound.percentField)
			continue
		}
		*bound.most, *bound.percent = most, percent(*bound.used, most)
	}
}

func (o *Limits) nearest(s Source, near []OpenFiles) {
	slices.SortFunc(near, func(a, b OpenFiles) int {
		return cmp.Or(cmp.Compare(b.UsedPercent, a.UsedPercent), cmp.Compare(a.PID, b.PID))
	})
	o.Processes = append(o.Processes, near[:min(maxNearest, len(near))]...)
	for i := range o.Processes {
		o.Processes[i].Name = s.comm(o.Processes[i].PID)
	}
}
