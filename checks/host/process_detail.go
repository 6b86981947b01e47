package host

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"gumshoe/engine"
)

// commBytes is how much of a program's name the kernel keeps.
const commBytes = 15

// ended is 1 for a process that has ended, else 0.
func (p process) ended() int {
	if p.state == 'Z' || p.state == 'X' || p.state == 'x' {
		return 1
	}
	return 0
}

// named tells whether a process has a name. If it is longer than what the
// kernel keeps, the command line's first word has the rest, unless the process
// wrote over it or has ended.
func (s Source) named(p process, name string) bool {
	if len(name) <= commBytes {
		return p.name == printable(name)
	}
	if p.name != printable(name[:commBytes]) {
		return false
	}
	line, err := os.ReadFile(s.proc(strconv.Itoa(p.pid), "cmdline"))
	word, _, _ := strings.Cut(string(line), "\x00")
	word, _, _ = strings.Cut(word, ": ") // "gunicorn-worker-pool: idle"
	base := word[strings.LastIndexByte(word, '/')+1:]
	return err != nil || base == name || !strings.HasPrefix(base, name[:commBytes])
}

// all fills in the list and the totals. A process that started in the window is
// charged all its time, as in host.processes.
func (o *ProcessDetail) all(call *engine.Call, memory int64, before table, matches []process, seconds float64) {
	for _, p := range matches {
		ticks := p.ticks
		if earlier, ok := before.byPID[p.pid]; ok && earlier.started == p.started {
			ticks -= earlier.ticks
		}
		rss := p.rssPages * int64(os.Getpagesize())
		cpu := 100 * float64(max(ticks, 0)) / ticksPerSecond / seconds
		o.TotalCPUPercent += cpu
		o.TotalRSSBytes += rss
		o.TotalThreads += int(p.threads)
		if len(o.Processes) < maxMatches {
			o.Processes = append(o.Processes, Process{
				PID: p.pid, Name: p.name, State: string(rune(p.state)),
				CPUPercent: cpu, RSSBytes: rss, MemoryPercent: percent(rss, memory),
			})
		}
	}
	o.TotalMemoryPercent = percent(o.TotalRSSBytes, memory)
	if memory == 0 {
		const reason = "cannot read the host's memory"
		unread(call, reason, "", "memory_percent", "total_memory_percent")
		for i := range o.Processes {
			call.Unread(fmt.Sprintf("processes[%d].memory_percent", i), reason, "")
		}
	}
}

// main fills in what there is of the main process alone.
func (o *ProcessDetail) main(call *engine.Call, s Source, t table, p process) {
	first := o.Processes[0]
	o.Running = p.ended() == 0
	o.PID, o.Name, o.State, o.Threads = first.PID, first.Name, first.State, int(p.threads)
	o.CPUPercent, o.RSSBytes, o.MemoryPercent = first.CPUPercent, first.RSSBytes, first.MemoryPercent
	for _, other := range t.byPID {
		if other.parent == p.pid {
			o.Children++
		}
	}
	if t.partial || t.denied > 0 {
		call.Unread("children", "some processes are hidden from us (procfs is mounted with hidepid)", "run gumshoe as root")
	}
	o.openFiles(call, s, p)
	o.age(call, s, p)
	score, err := s.number(strconv.Itoa(p.pid), "oom_score")
	if err != nil {
		call.Unread("oom_score", "cannot read "+s.proc(strconv.Itoa(p.pid), "oom_score"), "")
	}
	o.OOMScore = score
}

func (o *ProcessDetail) openFiles(call *engine.Call, s Source, p process) {
	if p.ended() == 1 { // it has none, and no limit that means anything
		unread(call, "the process has ended", "", "open_files", "open_files_limit", "open_files_used_percent")
		return
	}
	limit, limited := s.openFilesLimit(p.pid)
	if !limited {
		unread(call, "cannot read "+s.proc(strconv.Itoa(p.pid), "limits"), "", "open_files_limit", "open_files_used_percent")
	}
	o.OpenFilesLimit = limit
	path := s.proc(strconv.Itoa(p.pid), "fd")
	var names []string
	dir, err := os.Open(path)
	if err == nil {
		defer dir.Close()
		names, err = dir.Readdirnames(-1)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		unread(call, "may not see the open files of another user's process",
			"run gumshoe as root or as that user, or grant it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
			"open_files", "open_files_used_percent")
	case err != nil:
		unread(call, "cannot read "+path, "", "open_files", "open_files_used_percent")
	default:
		o.OpenFiles = int64(len(names))
		o.OpenFilesUsedPercent = percent(o.OpenFiles, limit)
	}
}

// living fills in what there is of all that matched and have not ended.
func (o *ProcessDetail) living(call *engine.Call, s Source, matches []process) {
	alive := slices.DeleteFunc(slices.Clone(matches), func(p process) bool { return p.ended() == 1 })
	if len(alive) == 0 {
		unread(call, "what matched has ended", "", "stopped", "youngest_age_seconds")
		return
	}
	o.Stopped = !slices.ContainsFunc(alive, func(p process) bool { return p.state != 'T' && p.state != 't' })
	youngest := slices.MaxFunc(alive, func(a, b process) int { return cmp.Compare(a.started, b.started) })
	var err error
	if o.YoungestAgeSeconds, err = s.ageSeconds(youngest); err != nil {
		call.Unread("youngest_age_seconds", "cannot read "+s.proc("uptime"), "")
	}
}

// ageSeconds gives the time since a process started. The kernel counts from
// boot: the age is the difference of two such times, which no change of the clock
// can spoil.
func (s Source) ageSeconds(p process) (float64, error) {
	uptime, err := s.uptime()
	if err != nil {
		return 0, err
	}
	return max(uptime-p.sinceBoot().Seconds(), 0), nil
}

// sinceBoot is when it started.
func (p process) sinceBoot() time.Duration {
	return time.Duration(p.started) * (time.Second / ticksPerSecond)
}

// age fills in when the main process started.
func (o *ProcessDetail) age(call *engine.Call, s Source, p process) {
	var err error
	if o.AgeSeconds, err = s.ageSeconds(p); err != nil {
		call.Unread("age_seconds", "cannot read "+s.proc("uptime"), "")
	}
	boot, err := s.bootSeconds()
	if err != nil {
		call.Unread("started", "cannot read "+s.proc("stat"), "")
		return
	}
	o.Started = time.Unix(boot, 0).Add(p.sinceBoot()).UTC()
}

// bootSeconds reads when the host was started, in seconds since 1970.
func (s Source) bootSeconds() (int64, error) {
	text, err := os.ReadFile(s.proc("stat"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if digits, ok := strings.CutPrefix(line, "btime "); ok {
			return strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		}
	}
	return 0, errors.New("no btime")
}
