package host

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gumshoe/engine"
)

// ProcessInput are the inputs of host.process: at least one of name, pid and
// exe. A process has to match all that are given.
type ProcessInput struct {
	// Name is the program's name, as in ps -o comm. The kernel keeps 15 bytes of
	// it; of a longer one the rest is compared with the command line's first word.
	Name string `json:"name"`
	// PID is the process id; 0 means any.
	PID int `json:"pid" min:"0"`
	// Exe is the absolute path of the program's file. Of other users' processes it
	// is known to root alone.
	Exe string `json:"exe" format:"path"`
	// Window is how long to watch how much processor time each process takes.
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
		"open_files_limit", "open_files_used_percent", "started", "age_seconds", "children", "oom_score"}
}

// processAllFields depend on our seeing every process.
func processAllFields() []string {
	return []string{"count", "total_cpu_percent", "total_rss_bytes", "total_memory_percent", "total_threads", "processes"}
}

// Process is the check host.process.
//
// It reads /proc/PID/stat of every process at the window's start and end, and
// more of those that match. In a container it sees the container's processes
// only. The command line is compared, and never reported: it may hold secrets.
//
// Example:
//
//	nginx: { check: host.process, with: { name: nginx } }
//
// By hand:
//
//	ps -o pid,stat,pcpu,rss,nlwp,lstart,etimes,comm -C nginx
//	ls /proc/PID/fd | wc -l
//	grep "open files" /proc/PID/limits
func (s Source) Process() engine.Check[ProcessInput, ProcessDetail] {
	return engine.Check[ProcessInput, ProcessDetail]{
		Name:      "host.process",
		Doc:       "Whether a program runs, given its name, process id or file, and what it takes of processor, memory and open files.",
		Cost:      1050 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[ProcessInput],
		Run:       s.lookProcess,
		Summarize: summarizeProcess,
	}
}

func summarizeProcess(o ProcessDetail) string {
	if o.Count == 0 {
		return "no such process seen"
	}
	text := fmt.Sprintf("%s (%d): ", shorten(o.Name), o.PID)
	switch {
	case !o.Running:
		text += "ended, but not asked after by its parent, "
	case o.State == "D":
		text += "blocked, "
	case o.State == "T":
		text += "stopped, "
	}
	text += fmt.Sprintf("%.0f %% CPU, %s", o.TotalCPUPercent, size(o.TotalRSSBytes))
	if o.Count > 1 {
		text += fmt.Sprintf(" in %d processes", o.Count)
	}
	return text
}

func (s Source) lookProcess(ctx context.Context, call *engine.Call, in ProcessInput) (ProcessDetail, error) {
	o := ProcessDetail{Processes: []Process{}}
	if in.Name == "" && in.PID == 0 && in.Exe == "" {
		return o, engine.Blind("no process is named", "give one of the inputs name, pid and exe", nil)
	}
	in.reproduce(call)
	before, err := s.processes()
	if err != nil {
		return o, err
	}
	started := time.Now()
	if err := wait(ctx, in.Window); err != nil {
		return o, err
	}
	after, err := s.processes()
	if err != nil {
		return o, err
	}
	if len(after.byPID) == 0 && after.denied == 0 {
		return o, blind(s.proc(), errors.New("no process in it"))
	}
	seconds := time.Since(started).Seconds()
	matches, denied := s.matching(in, after)
	o.Count = len(matches)
	reason, fix := "", ""
	switch {
	case in.PID != 0 && len(matches) > 0: // there is no other of this id
	case after.partial || after.denied > 0:
		reason = "some processes are hidden from us (procfs is mounted with hidepid)"
		fix = "run gumshoe as root, with CAP_SYS_PTRACE, or in the group of procfs's mount option gid"
	case denied > 0:
		reason = fmt.Sprintf("may not see which program %d processes run", denied)
		fix = "run gumshoe as root, or grant it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; or look by name"
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
	return o, ctx.Err()
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
	call.Reproduce(append([]string{"ps", "-o", "pid,stat,pcpu,rss,nlwp,lstart,etimes,comm"}, which...)...)
}
