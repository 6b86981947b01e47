package host

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gumshoe/checks/systemd"
	"gumshoe/engine"
)

// ProcessInput are the inputs of host.process: at least one of name, pid, exe
// and unit. A process has to match all that are given.
type ProcessInput struct {
	// Name is the program's name, as in ps -o comm. The kernel keeps 15 bytes of
	// it; of a longer one the rest is compared with the command line's first word.
	Name string `json:"name"`
	// PID is the process id; 0 means any.
	PID int `json:"pid" min:"0"`
	// Exe is the absolute path of the program's file. Of other users' processes it
	// is known to root alone.
	Exe string `json:"exe" format:"path"`
	// Unit is the unit of systemd in whose control group it runs: nginx or
	// nginx.service, a slice or a scope. Known without root and without asking
	// systemd.
	Unit string `json:"unit"`
	// Window is how long to watch how much processor time each process takes, and
	// which start and end. A program that crashes soon after each start shows in a
	// window longer than that.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
}

// ProcessDetail is what host.process observes. When several processes match,
// the oldest that has not ended is the main one: pid and what follows it are
// about that one.
type ProcessDetail struct {
	// Running tells whether a process matched at the window's end that had not
	// ended: a zombie does not run.
	Running bool `json:"running" expr:"running"`
	// Count is the number of processes that matched, with zombies.
	Count int `json:"count" expr:"count"`

	// Stopped tells whether all that matched and have not ended are held by a signal
	// (SIGSTOP, Ctrl-Z) or a debugger: they run, and do nothing. Unread when none
	// matched.
	Stopped bool `json:"stopped" expr:"stopped"`
	// YoungestAgeSeconds is the time since the youngest that matched started, and
	// has not ended. It stays small when a program is started again and again.
	// Unread when none matched.
	YoungestAgeSeconds float64 `json:"youngest_age_seconds" expr:"youngest_age_seconds"`
	// StartedInWindow is the number of processes that matched and started in the
	// window. Of those that live for less than about 5 ms some are missed, here and
	// in ended_in_window.
	StartedInWindow int `json:"started_in_window" expr:"started_in_window"`
	// EndedInWindow is the number of processes that matched and ended in the window,
	// whether they were there before or started in it. Both above 0, window after
	// window, is a crash loop, or a program that starts a process for each request.
	EndedInWindow int `json:"ended_in_window" expr:"ended_in_window"`
	// Restarts is how many times systemd restarted the unit by itself since somebody
	// last started it. Unread without the input unit, for units that are not
	// services, and without systemd.
	Restarts int64 `json:"restarts" expr:"restarts"`

	// PID is the process id. Unread, as all up to oom_score, when none matched.
	PID int `json:"pid" expr:"pid"`
	// Name is the kernel's name for it, at most 15 bytes.
	Name string `json:"name" expr:"name"`
	// State is the letter that ps shows: R running, S sleeping, D blocked, Z
	// zombie, T stopped, t traced, I idle.
	State string `json:"state" expr:"state"`
	// CPUPercent is its processor time over the window: 100 is one whole core.
	CPUPercent float64 `json:"cpu_percent" expr:"cpu_percent"`
	// RSSBytes is the memory it holds, shared pages included.
	RSSBytes int64 `json:"rss_bytes" expr:"rss_bytes"`
	// MemoryPercent is rss_bytes in percent of the host's memory.
	MemoryPercent float64 `json:"memory_percent" expr:"memory_percent"`
	// Threads is the number of its threads, of which it has one at least.
	Threads int `json:"threads" expr:"threads"`
	// OpenFiles is the number of its file descriptors: files, sockets, pipes. Of
	// other users' processes it is unread without root.
	OpenFiles int64 `json:"open_files" expr:"open_files"`
	// OpenFilesLimit is how many it may have (RLIMIT_NOFILE, the soft limit); 0
	// means any number.
	OpenFilesLimit int64 `json:"open_files_limit" expr:"open_files_limit"`
	// OpenFilesUsedPercent is open_files in percent of open_files_limit, 0 without
	// one. At 100 its open, accept and socket fail with EMFILE.
	OpenFilesUsedPercent float64 `json:"open_files_used_percent" expr:"open_files_used_percent"`
	// Started is when it started, to about a second.
	Started time.Time `json:"started" expr:"started"`
	// AgeSeconds is the time since it started.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
	// Children is the number of processes that it is the parent of, with zombies.
	Children int `json:"children" expr:"children"`
	// OOMScore is how soon the kernel would kill it for want of memory, from 0
	// (never) to 2000 (first).
	OOMScore int64 `json:"oom_score" expr:"oom_score"`

	// TotalCPUPercent is the processor time of all that matched: 100 is one whole
	// core. 0 when none matched, as are the next three.
	TotalCPUPercent float64 `json:"total_cpu_percent" expr:"total_cpu_percent"`
	// TotalRSSBytes is the memory of all that matched. What they share counts in
	// each, so that this can be more than there is.
	TotalRSSBytes int64 `json:"total_rss_bytes" expr:"total_rss_bytes"`
	// TotalMemoryPercent is total_rss_bytes in percent of the host's memory.
	TotalMemoryPercent float64 `json:"total_memory_percent" expr:"total_memory_percent"`
	// TotalThreads is the number of threads of all that matched.
	TotalThreads int `json:"total_threads" expr:"total_threads"`
	// Processes are those that matched, the oldest first and zombies last, at most
	// 20.
	Processes []Process `json:"processes" expr:"processes"`
}

// maxMatches is how many processes a list of host.process has at most.
const maxMatches = 20

// processMainFields depend on there being a process.
func processMainFields() []string {
	return []string{"pid", "name", "state", "cpu_percent", "rss_bytes", "memory_percent", "threads", "open_files",
		"open_files_limit", "open_files_used_percent", "started", "age_seconds", "children", "oom_score", "stopped", "youngest_age_seconds"}
}

// processAllFields depend on our seeing every process.
func processAllFields() []string {
	return []string{"count", "total_cpu_percent", "total_rss_bytes", "total_memory_percent", "total_threads", "processes",
		"stopped", "youngest_age_seconds", "started_in_window", "ended_in_window"}
}

// Process is the check host.process.
//
// It reads /proc/PID/stat of every process at the window's start and end, in
// between that of those that start, and more of those that match. In a container
// it sees the container's processes only. The command line is compared, and never
// reported: it may hold secrets. Given a unit, systemd is asked how often it
// restarted it, as host.services asks.
//
// Example:
//
//	nginx: { check: host.process, with: { name: nginx } }
//	crashes: { check: host.process, with: { unit: nginx, window: 10s } }
//
// By hand:
//
//	ps -o pid,stat,pcpu,rss,nlwp,lstart,etimes,comm -C nginx
//	ls /proc/PID/fd | wc -l
//	grep "open files" /proc/PID/limits
//	systemctl show --property=NRestarts nginx
func (s Source) Process() engine.Check[ProcessInput, ProcessDetail] {
	return engine.Check[ProcessInput, ProcessDetail]{
		Name:      "host.process",
		Doc:       "Whether a program runs, given its name, process id, file or unit, whether it is stopped or keeps restarting, and what it takes of processor, memory and open files.",
		Cost:      1050 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      s.planProcess,
		Run:       s.lookProcess,
		Summarize: summarizeProcess,
	}
}

func summarizeProcess(o ProcessDetail) string {
	if o.Count == 0 {
		return "no such process seen" + o.comings()
	}
	text := fmt.Sprintf("%s (%d): ", shorten(o.Name), o.PID)
	switch {
	case !o.Running:
		text += "ended, but not asked after by its parent, "
	case o.State == "D":
		text += "blocked, "
	case o.Stopped, o.State == "T":
		text += "stopped, "
	}
	text += fmt.Sprintf("%.0f %% CPU, %s", o.TotalCPUPercent, size(o.TotalRSSBytes))
	if o.Count > 1 {
		text += fmt.Sprintf(" in %d processes", o.Count)
	}
	return text + o.comings()
}

// comings tells what started and ended, if anything did.
func (o ProcessDetail) comings() string {
	if o.StartedInWindow == 0 && o.EndedInWindow == 0 {
		return ""
	}
	return fmt.Sprintf(", %d started and %d ended", o.StartedInWindow, o.EndedInWindow)
}

// planProcess lists what is touched outside /proc: systemd, if a unit is named.
func (s Source) planProcess(in ProcessInput) []engine.Touch {
	if in.Unit == "" {
		return nil
	}
	return s.planSystemd()
}

func (s Source) lookProcess(ctx context.Context, call *engine.Call, in ProcessInput) (ProcessDetail, error) {
	o := ProcessDetail{Processes: []Process{}}
	if in.Name == "" && in.PID == 0 && in.Exe == "" && in.Unit == "" {
		return o, engine.Blind("no process is named", "give one of the inputs name, pid, exe and unit", nil)
	}
	names, err := unitNames(in.units())
	if err != nil {
		return o, err
	}
	if len(names) > 0 {
		in.Unit = names[0]
	}
	in.reproduce(call)
	if o, err = s.followProcess(ctx, call, in, o); err == nil {
		s.restarts(ctx, call, &o, in.Unit)
	}
	return o, err
}

func (s Source) followProcess(ctx context.Context, call *engine.Call, in ProcessInput, o ProcessDetail) (ProcessDetail, error) {
	before, err := s.processes()
	if err != nil {
		return o, err
	}
	started := time.Now()
	watch := s.watch(in, before)
	defer watch.close()
	if err := watch.window(ctx, in.Window); err != nil {
		return o, err
	}
	after, err := watch.after()
	if err != nil {
		return o, err
	}
	if len(after.byPID) == 0 && after.denied == 0 {
		return o, blind(s.proc(), errors.New("no process in it"))
	}
	seconds := time.Since(started).Seconds()
	matches, denied := watch.matching(after)
	o.Count = len(matches)
	o.StartedInWindow, o.EndedInWindow = watch.finish(after, matches)
	reason, fix := "", ""
	switch {
	case in.PID != 0 && len(matches) > 0: // there is no other of this id
	case after.partial || after.denied > 0:
		reason = "some processes are hidden from us (procfs is mounted with hidepid)"
		fix = "run gumshoe as root, with CAP_SYS_PTRACE, or in the group of procfs's mount option gid"
	case denied > 0:
		reason = fmt.Sprintf("may not see which program %d processes run", denied)
		fix = "run gumshoe as root, or grant it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; or look by name"
	case in.Unit != "" && len(matches) == 0 && !systemd.Booted(s.run()):
		reason, fix = s.noSystemd(), withoutSystemd
	}
	if reason != "" {
		unread(call, reason, fix, processAllFields()...)
	}
	if len(matches) == 0 {
		why := "no process matches"
		if reason != "" {
			why = reason
			call.Unread("running", reason, fix)
		}
		unread(call, why, fix, processMainFields()...)
		return o, nil
	}
	o.all(call, s.memoryTotal(ctx), before, matches, seconds)
	o.main(call, s, after, matches[0])
	o.living(call, s, matches)
	return o, ctx.Err()
}

func (in ProcessInput) units() []string {
	if in.Unit == "" {
		return nil
	}
	return []string{in.Unit}
}

func (in ProcessInput) reproduce(call *engine.Call) {
	which := []string{"-e"}
	switch {
	case in.PID != 0:
		which = []string{"-p", strconv.Itoa(in.PID)}
	case in.Name != "":
		which = []string{"-C", in.Name[:min(len(in.Name), commBytes)]}
	case in.Exe != "":
		call.Reproduce("pidof", in.Exe)
	}
	if in.Unit != "" {
		call.Reproduce("systemctl", "status", in.Unit)
		call.Reproduce("systemctl", "show", "--property=NRestarts", in.Unit)
	}
	call.Reproduce(append([]string{"ps", "-o", "pid,stat,pcpu,rss,nlwp,lstart,etimes,comm"}, which...)...)
}
