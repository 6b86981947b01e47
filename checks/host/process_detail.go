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

// matching gives the processes that are meant, the main one first; and the
// number of those of which we cannot tell.
func (s Source) matching(in ProcessInput, t table) (matches []process, denied int) {
	for pid, p := range t.byPID {
		if in.PID != 0 && pid != in.PID || in.Name != "" && !s.named(p, in.Name) {
			continue
		}
		if in.Exe != "" {
			file, err := os.Readlink(s.proc(strconv.Itoa(pid), "exe"))
			if errors.Is(err, fs.ErrPermission) && !p.kernel {
				denied++
			}
			// An upgrade deletes the file of a program that runs on.
			if err != nil || strings.TrimSuffix(file, deletedSuffix) != in.Exe {
				continue
			}
		}
		matches = append(matches, p)
	}
	slices.SortFunc(matches, func(a, b process) int {
		return cmp.Or(cmp.Compare(a.ended(), b.ended()), cmp.Compare(a.started, b.started), cmp.Compare(a.pid, b.pid))
	})
	return matches, denied
}

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

// age fills in when the process started. The kernel counts from boot: the age
// is the difference of two such times, which no change of the clock can spoil.
func (o *ProcessDetail) age(call *engine.Call, s Source, p process) {
	sinceBoot := time.Duration(p.started) * (time.Second / ticksPerSecond)
	var uptime float64
	text, err := os.ReadFile(s.proc("uptime"))
	if err == nil {
		_, err = fmt.Sscan(string(text), &uptime)
	}
	if err != nil {
		call.Unread("age_seconds", "cannot read "+s.proc("uptime"), "")
	} else {
		o.AgeSeconds = max(uptime-sinceBoot.Seconds(), 0)
	}
	boot, err := s.bootSeconds()
	if err != nil {
		call.Unread("started", "cannot read "+s.proc("stat"), "")
		return
	}
	o.Started = time.Unix(boot, 0).Add(sinceBoot).UTC()
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
