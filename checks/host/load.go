package host

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"gumshoe/engine"
)

// LoadInput are the inputs of host.load: it has none.
type LoadInput struct{}

// Load is what host.load observes: the load averages, and what would count in
// them at this moment. Linux counts threads that want a processor and also those
// in uninterruptible sleep (state D), so that a high load is one of three things:
// want of processors (runnable is high), threads stuck behind a disk, a hung NFS
// server or a lock of the kernel (blocked is high, and the processors may be
// idle), or a burst that is over (neither is).
type Load struct {
	// Load1 is the kernel's load average over 1 minute: threads running, ready to
	// run or waiting uninterruptibly (for a disk or NFS, so not only for the CPU).
	Load1 float64 `json:"load1" expr:"load1"`
	// Load5 is the load average over 5 minutes.
	Load5 float64 `json:"load5" expr:"load5"`
	// Load15 is the load average over 15 minutes.
	Load15 float64 `json:"load15" expr:"load15"`
	// Load1PerCore is load1 divided by cores: 1 is as much as there is room for,
	// if all of it is want of processors.
	Load1PerCore float64 `json:"load1_per_core" expr:"load1_per_core"`
	// Cores is the number of logical processors that are online on the host; a
	// container's CPU limit is not looked at.
	Cores int `json:"cores" expr:"cores"`
	// Direction compares load1 with load15: rising when load1 is more than 1.5
	// times load15 and at least 0.5 above it, falling when it is less than load15
	// divided by 1.5 and at least 0.5 below it, else steady. A load that comes from
	// nothing and stays is rising for about 16 minutes.
	Direction LoadDirection `json:"direction" expr:"direction" enum:"rising,steady,falling"`

	// Runnable is the number of threads of the whole host that run or are ready to
	// run at this moment, without the one that counted. One look is a lottery:
	// run_queue of host.cpu is a mean.
	Runnable int `json:"runnable" expr:"runnable"`
	// Blocked is the number of threads in uninterruptible sleep (state D) at this
	// moment. Unread when some threads are hidden from us, as in a container, or
	// when there are more than 4000 in programs of several threads.
	Blocked int `json:"blocked" expr:"blocked"`
	// BlockedOnIO is the number of threads of the whole host that wait for I/O: a
	// disk, swap, a page of a file on NFS (procs_blocked, the b of vmstat). Much
	// less than blocked means that the rest waits for something else: an answer of
	// an NFS server, a lock of the kernel.
	BlockedOnIO int `json:"blocked_on_io" expr:"blocked_on_io"`
	// MadeOf says what the load is made of at this moment: runnable or blocked
	// when there are at least twice as many of these as of the others, both when
	// neither is so, past when runnable and blocked together are less than half of
	// load1, so that most of it was a burst, and little when load1 is below 1 and
	// so are they.
	MadeOf LoadMatter `json:"made_of" expr:"made_of" enum:"runnable,blocked,both,past,little"`
	// Tasks is the number of threads of the whole host, also seen from a container.
	Tasks int `json:"tasks" expr:"tasks"`

	// UptimeSeconds is the time since the host was booted. In the first 15 minutes
	// load15 has not yet seen 15 minutes.
	UptimeSeconds float64 `json:"uptime_seconds" expr:"uptime_seconds"`
	// Booted is when that was, by the host's clock.
	Booted time.Time `json:"booted" expr:"booted"`
}

// LoadDirection is where the load goes.
type LoadDirection string

// The directions.
const (
	LoadRising  LoadDirection = "rising"
	LoadSteady  LoadDirection = "steady"
	LoadFalling LoadDirection = "falling"
)

// LoadMatter is what a load is made of.
type LoadMatter string

// What a load can be made of.
const (
	LoadRunnable LoadMatter = "runnable"
	LoadBlocked  LoadMatter = "blocked"
	LoadBoth     LoadMatter = "both"
	LoadPast     LoadMatter = "past"
	LoadLittle   LoadMatter = "little"
)

// Load is the check host.load.
//
// It reads /proc/loadavg, /proc/stat, /proc/uptime and the state of each process;
// of programs with several threads, of each thread. It does not wait: for what
// happens over a window there are host.cpu and host.processes, which names the
// blocked ones.
//
// Example:
//
//	load: { check: host.load }
//
// By hand:
//
//	uptime
//	vmstat 1 2
//	ps -eLo state,pid,tid,wchan:30,comm | grep '^[RD]'
func (s Source) Load() engine.Check[LoadInput, Load] {
	return engine.Check[LoadInput, Load]{
		Name:      "host.load",
		Doc:       "The load averages, where they go, and what they are made of at this moment: threads that want a processor, or threads blocked behind a disk or a network file system.",
		Cost:      30 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[LoadInput],
		Run:       s.lookLoad,
		Summarize: summarizeLoad,
	}
}

func summarizeLoad(o Load) string {
	return fmt.Sprintf("load %.2f %.2f %.2f on %d cores, %s, now %d runnable, %d blocked",
		o.Load1, o.Load5, o.Load15, o.Cores, o.Direction, o.Runnable, o.Blocked)
}

func (s Source) lookLoad(ctx context.Context, call *engine.Call, _ LoadInput) (Load, error) {
	call.Reproduce("uptime")
	call.Reproduce("vmstat", "1", "2")
	call.Reproduce("ps", "-eLo", "state,pid,tid,wchan:30,comm")
	var o Load
	if err := ctx.Err(); err != nil {
		return o, err
	}
	if err := o.averages(s); err != nil {
		return o, blind(s.proc("loadavg"), err)
	}
	o.Direction = direction(o.Load1, o.Load15)
	o.stat(call, s)
	uptime, err := s.uptime()
	if err != nil {
		call.Unread("uptime_seconds", "cannot read "+s.proc("uptime"), "")
	}
	o.UptimeSeconds = uptime
	reason, fix, err := o.blocked(ctx, s)
	if err != nil {
		return o, err
	}
	o.MadeOf = madeOf(o.Load1, o.Runnable, o.Blocked)
	if reason != "" {
		unread(call, reason, fix, "blocked", "made_of")
	}
	return o, nil
}

// averages reads "0.50 0.25 0.10 3/400 4711" (proc_loadavg(5)): the third pair is
// threads runnable and all threads.
func (o *Load) averages(s Source) error {
	text, err := os.ReadFile(s.proc("loadavg"))
	if err != nil {
		return err
	}
	_, err = fmt.Sscanf(string(text), "%g %g %g %d/%d", &o.Load1, &o.Load5, &o.Load15, &o.Runnable, &o.Tasks)
	for _, average := range []float64{o.Load1, o.Load5, o.Load15} {
		if err == nil && !(average >= 0 && average < 1e9) { // also not a number
			err = fmt.Errorf("%v is no load average", average)
		}
	}
	o.Runnable = max(o.Runnable-1, 0)
	return err
}

func direction(load1, load15 float64) LoadDirection {
	const factor, least = 1.5, 0.5
	switch {
	case load1 > load15*factor && load1-load15 >= least:
		return LoadRising
	case load1 < load15/factor && load15-load1 >= least:
		return LoadFalling
	}
	return LoadSteady
}

func madeOf(load1 float64, runnable, blocked int) LoadMatter {
	now := runnable + blocked
	switch {
	case load1 < 1 && now < 1:
		return LoadLittle
	case float64(now) < load1/2:
		return LoadPast
	case runnable >= 2*blocked:
		return LoadRunnable
	case blocked >= 2*runnable:
		return LoadBlocked
	}
	return LoadBoth
}

// stat fills in what /proc/stat tells.
func (o *Load) stat(call *engine.Call, s Source) {
	path := s.proc("stat")
	text, err := os.ReadFile(path)
	if err != nil {
		unread(call, "cannot read "+path, "", "cores", "load1_per_core", "blocked_on_io", "booted")
		return
	}
	waiting, boot := -1, int64(0)
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		number, err := strconv.ParseInt(rest, 10, 64)
		switch {
		case strings.HasPrefix(name, "cpu") && name != "cpu":
			o.Cores++
		case name == "procs_blocked" && err == nil:
			waiting = int(number)
		case name == "btime" && err == nil:
			boot = number
		}
	}
	if o.Cores > 0 {
		o.Load1PerCore = o.Load1 / float64(o.Cores)
	} else {
		unread(call, "no processors in "+path, "", "cores", "load1_per_core")
	}
	if waiting < 0 {
		call.Unread("blocked_on_io", "no procs_blocked in "+path, "")
	}
	o.BlockedOnIO = max(waiting, 0)
	if boot == 0 {
		call.Unread("booted", "no btime in "+path, "")
		return
	}
	o.Booted = time.Unix(boot, 0).UTC()
}

// maxLoadThreads bounds how many threads are looked at one by one.
const maxLoadThreads = 4000

// blocked counts the threads in state D. The workers of a database are blocked
// while its main thread sleeps: what is in /proc alone does not show them.
func (o *Load) blocked(ctx context.Context, s Source) (reason, fix string, err error) {
	all, err := s.processes()
	if err != nil {
		return "cannot list the processes in " + s.proc(), "run gumshoe as a user that may read it", nil //nolint:nilerr // only these fields need them
	}
	left, visible, skipped, buffer := maxLoadThreads, 0, false, make([]byte, 4096)
	for pid, p := range all.byPID {
		visible += int(p.threads)
		switch {
		case p.threads < 2 || left < int(p.threads):
			if p.state == 'D' {
				o.Blocked++
			}
			skipped = skipped || p.threads >= 2
			continue
		case ctx.Err() != nil:
			return "", "", ctx.Err()
		}
		left -= int(p.threads)
		o.Blocked += s.blockedThreads(pid, buffer)
	}
	if skipped {
		reason = fmt.Sprintf("more than %d threads are in programs of several threads; of those looked at, %d are blocked", maxLoadThreads, o.Blocked)
		return reason, "", nil
	}
	reason, fix = all.hidden(visible, o.Tasks)
	return reason, fix, nil
}

// hidden says why the table lacks processes of the host; "" when it has all. The
// kernel counts the threads of the whole host (in /proc/loadavg), so that a
// tenth missing is not those that ended since.
func (t table) hidden(visible, tasks int) (reason, fix string) {
	const slack = 20
	switch {
	case t.partial || t.denied > 0:
		return "some processes are hidden from us (procfs is mounted with hidepid)",
			"run gumshoe as root, with CAP_SYS_PTRACE, or in the group of procfs's mount option gid"
	case visible < tasks*9/10-slack:
		return fmt.Sprintf("we see %d of the host's %d threads: this is a container", visible, tasks),
			"run gumshoe on the host, or share the host's process ids with it"
	}
	return "", ""
}

// blockedThreads counts the threads of one process that are in state D.
func (s Source) blockedThreads(pid int, buffer []byte) (blocked int) {
	path := s.proc(strconv.Itoa(pid), "task")
	dir, err := os.Open(path)
	if err != nil {
		return 0 // it ended
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		line, err := readAt(int(dir.Fd()), name+"/stat", buffer)
		if err != nil {
			continue
		}
		if thread, ok := parseProcess(line); ok && thread.state == 'D' {
			blocked++
		}
	}
	return blocked
}
