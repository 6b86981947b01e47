package host

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/mem"

	"gumshoe/engine"
)

// ProcessesInput are the inputs of host.processes.
type ProcessesInput struct {
	// Window is how long to watch how much processor time each process takes.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
	// Top is how many entries each list of processes has at most.
	Top int `json:"top" default:"5" min:"1" max:"50"`
}

// Processes is what host.processes observes. States are those of the main
// threads, at the window's end.
type Processes struct {
	// Total is the number of processes, with the kernel's own.
	Total int `json:"total" expr:"total"`
	// Running is the number that ran or were ready to run, without ourselves.
	Running int `json:"running" expr:"running"`
	// Sleeping is the number that waited for an event, as most do; the kernel's
	// idle workers are among them.
	Sleeping int `json:"sleeping" expr:"sleeping"`
	// Blocked is the number in uninterruptible sleep (D), usually for a disk or a
	// network file system. Even SIGKILL waits for them.
	Blocked int `json:"blocked" expr:"blocked"`
	// BlockedThroughout is how many of these were blocked at the window's start
	// too and used no processor time since: stuck rather than busy.
	BlockedThroughout int `json:"blocked_throughout" expr:"blocked_throughout"`
	// Zombies is the number that have ended but whose parent has not asked how.
	Zombies int `json:"zombies" expr:"zombies"`
	// Stopped is the number held by a signal or a debugger.
	Stopped int `json:"stopped" expr:"stopped"`
	// Threads is the number of threads of all processes.
	Threads int `json:"threads" expr:"threads"`
	// PIDMax is the most threads that can be, each of which needs a process id:
	// the lower of kernel.pid_max and kernel.threads-max.
	PIDMax int `json:"pid_max" expr:"pid_max"`
	// PIDsUsedPercent is threads in percent of pid_max. At 100 nothing can start.
	PIDsUsedPercent float64 `json:"pids_used_percent" expr:"pids_used_percent"`

	// TopCPU are the programs that took the most processor time in the window,
	// the greediest first; those that took none, and kernel threads, are left out.
	TopCPU []Process `json:"top_cpu" expr:"top_cpu"`
	// TopMemory are the programs that hold the most memory, the largest first.
	TopMemory []Process `json:"top_memory" expr:"top_memory"`
	// TopGrowth are the programs whose memory grew the most in the window, the
	// fastest first. Those that started in it are left out: all of their memory is
	// new. One that fills a cache grows as a leak does: look twice.
	TopGrowth []GrowingProcess `json:"top_growth" expr:"top_growth"`
	// ZombieParents are the processes that do not ask after their ended children,
	// the worst first.
	ZombieParents []ZombieParent `json:"zombie_parents" expr:"zombie_parents"`
	// BlockedProcesses are processes in uninterruptible sleep, those blocked
	// throughout first.
	BlockedProcesses []BlockedProcess `json:"blocked_processes" expr:"blocked_processes"`
}

// Process is one program in a list.
type Process struct {
	// PID is the process id.
	PID int `json:"pid" expr:"pid"`
	// Name is the kernel's name for it, at most 15 bytes; not the command line,
	// which may hold secrets.
	Name string `json:"name" expr:"name"`
	// State is the letter that ps shows: R running, S sleeping, D blocked, Z
	// zombie, T stopped, t traced, I idle.
	State string `json:"state" expr:"state"`
	// CPUPercent is the processor time over the window: 100 is one whole core.
	CPUPercent float64 `json:"cpu_percent" expr:"cpu_percent"`
	// RSSBytes is the memory it holds, shared pages included.
	RSSBytes int64 `json:"rss_bytes" expr:"rss_bytes"`
	// MemoryPercent is rss_bytes in percent of the host's memory.
	MemoryPercent float64 `json:"memory_percent" expr:"memory_percent"`
}

// GrowingProcess is a program that holds more memory than at the window's start.
type GrowingProcess struct {
	// PID is the process id.
	PID int `json:"pid" expr:"pid"`
	// Name is the kernel's name for it, at most 15 bytes.
	Name string `json:"name" expr:"name"`
	// RSSBytes is the memory it holds, shared pages included.
	RSSBytes int64 `json:"rss_bytes" expr:"rss_bytes"`
	// GrowthBytesPerSecond is how fast that grew over the window.
	GrowthBytesPerSecond float64 `json:"growth_bytes_per_second" expr:"growth_bytes_per_second"`
	// AgeSeconds is the time since it started: young programs grow because they
	// are still being loaded.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
}

// ZombieParent is a process with ended children.
type ZombieParent struct {
	// PID is the parent's process id.
	PID int `json:"pid" expr:"pid"`
	// Name is the parent's name, at most 15 bytes.
	Name string `json:"name" expr:"name"`
	// Zombies is how many ended children it has.
	Zombies int `json:"zombies" expr:"zombies"`
}

// BlockedProcess is a process in uninterruptible sleep.
type BlockedProcess struct {
	// PID is the process id.
	PID int `json:"pid" expr:"pid"`
	// Name is the kernel's name for it, at most 15 bytes.
	Name string `json:"name" expr:"name"`
	// Throughout tells whether it was blocked at the window's start too and used
	// no processor time since.
	Throughout bool `json:"throughout" expr:"throughout"`
	// WaitChannel is the kernel function in which it sleeps, such as
	// rpc_wait_bit_killable for NFS. Unread without root.
	WaitChannel string `json:"wait_channel" expr:"wait_channel"`
}

// Processes is the check host.processes.
//
// It reads /proc/PID/stat of every process at the window's start and end. In a
// container it sees the container's processes only.
//
// Example:
//
//	processes: { check: host.processes, with: { top: 10 } }
//
// By hand:
//
//	top -b -n 2 -d 1
//	ps -eo pid,ppid,stat,wchan:30,comm
func (s Source) Processes() engine.Check[ProcessesInput, Processes] {
	return engine.Check[ProcessesInput, Processes]{
		Name:      "host.processes",
		Doc:       "How many processes there are in which state, and which take the most processor time and memory, are blocked, or leave zombies.",
		Cost:      1050 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[ProcessesInput],
		Run:       s.lookProcesses,
		Summarize: summarizeProcesses,
	}
}

func summarizeProcesses(o Processes) string {
	text := fmt.Sprintf("%d processes, %d blocked, %d zombies", o.Total, o.Blocked, o.Zombies)
	if len(o.TopCPU) > 0 {
		text += fmt.Sprintf(", %s %.0f %% CPU", o.TopCPU[0].Name, o.TopCPU[0].CPUPercent)
	}
	return text
}

func (s Source) lookProcesses(ctx context.Context, call *engine.Call, in ProcessesInput) (Processes, error) {
	call.Reproduce("top", "-b", "-n", "2", "-d", "1")
	call.Reproduce("ps", "-eo", "pid,ppid,stat,wchan:30,comm")
	o := Processes{TopGrowth: []GrowingProcess{}, ZombieParents: []ZombieParent{}, BlockedProcesses: []BlockedProcess{}}
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
	seconds := time.Since(started).Seconds()
	if after.partial || after.denied > 0 {
		unread(call, "some processes are hidden from us (procfs is mounted with hidepid)",
			"run gumshoe as root, with CAP_SYS_PTRACE, or in the group of procfs's mount option gid",
			"total", "running", "sleeping", "blocked", "blocked_throughout", "zombies", "stopped", "threads",
			"pids_used_percent", "top_cpu", "top_memory", "top_growth", "zombie_parents", "blocked_processes")
	}
	o.count(after)
	o.limits(call, s)
	o.tops(call, s.memoryTotal(ctx), before, after, seconds, in.Top)
	o.growth(call, s, before, after, seconds, in.Top)
	o.zombies(after, in.Top)
	o.blocked(call, s, before, after, in.Top)
	return o, ctx.Err()
}

// count fills in how many processes there are in each state.
func (o *Processes) count(t table) {
	for _, p := range t.byPID {
		o.Total++
		o.Threads += int(p.threads)
		switch p.state {
		case 'R':
			if p.pid != os.Getpid() {
				o.Running++
			}
		case 'D':
			o.Blocked++
		case 'Z', 'X', 'x':
			o.Zombies++
		case 'T', 't':
			o.Stopped++
		default:
			o.Sleeping++
		}
	}
}

func (o *Processes) limits(call *engine.Call, s Source) {
	most, err := s.number("sys", "kernel", "pid_max")
	if threads, threadsErr := s.number("sys", "kernel", "threads-max"); threadsErr == nil {
		most = min(most, threads)
	}
	if err != nil || most <= 0 {
		unread(call, "cannot read "+s.proc("sys/kernel/pid_max"), "", "pid_max", "pids_used_percent")
		return
	}
	o.PIDMax = int(most)
	o.PIDsUsedPercent = percent(int64(o.Threads), most)
}

// memoryTotal gives the host's memory in bytes; 0 when it cannot be read.
func (s Source) memoryTotal(ctx context.Context) int64 {
	now, err := mem.VirtualMemoryWithContext(s.context(ctx))
	if err != nil {
		return 0
	}
	return int64(now.Total)
}

// tops fills in the greediest programs. A process that started in the window is
// charged all its time; one whose id was another's before is such a process.
func (o *Processes) tops(call *engine.Call, memory int64, before, after table, seconds float64, top int) {
	programs := []Process{}
	for pid, p := range after.byPID {
		if p.kernel {
			continue
		}
		ticks := p.ticks
		if earlier, ok := before.byPID[pid]; ok && earlier.started == p.started {
			ticks -= earlier.ticks
		}
		rss := p.rssPages * int64(os.Getpagesize())
		programs = append(programs, Process{
			PID: pid, Name: p.name, State: string(rune(p.state)), RSSBytes: rss,
			CPUPercent:    100 * float64(max(ticks, 0)) / ticksPerSecond / seconds,
			MemoryPercent: percent(rss, memory),
		})
	}
	o.TopCPU = first(programs, top, func(p Process) float64 { return p.CPUPercent })
	o.TopMemory = first(programs, top, func(p Process) float64 { return float64(p.RSSBytes) })
	if memory == 0 {
		for i := range o.TopCPU {
			call.Unread(fmt.Sprintf("top_cpu[%d].memory_percent", i), "cannot read the host's memory", "")
		}
		for i := range o.TopMemory {
			call.Unread(fmt.Sprintf("top_memory[%d].memory_percent", i), "cannot read the host's memory", "")
		}
	}
}

// growth fills in the programs that hold more than at the window's start.
func (o *Processes) growth(call *engine.Call, s Source, before, after table, seconds float64, top int) {
	uptime, uptimeErr := s.uptime()
	for pid, p := range after.byPID {
		earlier, ok := before.byPID[pid]
		if p.kernel || !ok || earlier.started != p.started || p.rssPages <= earlier.rssPages {
			continue
		}
		page := int64(os.Getpagesize())
		o.TopGrowth = append(o.TopGrowth, GrowingProcess{
			PID: pid, Name: p.name, RSSBytes: p.rssPages * page,
			GrowthBytesPerSecond: float64((p.rssPages-earlier.rssPages)*page) / seconds,
			AgeSeconds:           max(uptime-float64(p.started)/ticksPerSecond, 0),
		})
	}
	slices.SortFunc(o.TopGrowth, func(a, b GrowingProcess) int {
		return cmp.Or(cmp.Compare(b.GrowthBytesPerSecond, a.GrowthBytesPerSecond), cmp.Compare(a.PID, b.PID))
	})
	o.TopGrowth = o.TopGrowth[:min(top, len(o.TopGrowth))]
	for i := range o.TopGrowth {
		if uptimeErr != nil {
			call.Unread(fmt.Sprintf("top_growth[%d].age_seconds", i), "cannot read "+s.proc("uptime"), "")
		}
	}
}

// first gives the entries that have the most of something, and not nothing.
func first(programs []Process, top int, of func(Process) float64) []Process {
	list := slices.DeleteFunc(slices.Clone(programs), func(p Process) bool { return of(p) == 0 })
	slices.SortFunc(list, func(a, b Process) int {
		return cmp.Or(cmp.Compare(of(b), of(a)), cmp.Compare(a.PID, b.PID))
	})
	return list[:min(top, len(list))]
}

func (o *Processes) zombies(t table, top int) {
	children := make(map[int]int)
	for _, p := range t.byPID {
		if p.state == 'Z' {
			children[p.parent]++
		}
	}
	for parent, n := range children {
		o.ZombieParents = append(o.ZombieParents, ZombieParent{PID: parent, Name: t.byPID[parent].name, Zombies: n})
	}
	slices.SortFunc(o.ZombieParents, func(a, b ZombieParent) int {
		return cmp.Or(cmp.Compare(b.Zombies, a.Zombies), cmp.Compare(a.PID, b.PID))
	})
	o.ZombieParents = o.ZombieParents[:min(top, len(o.ZombieParents))]
}

func (o *Processes) blocked(call *engine.Call, s Source, before, after table, top int) {
	for pid, p := range after.byPID {
		if p.state != 'D' {
			continue
		}
		earlier := before.byPID[pid]
		throughout := earlier.state == 'D' && earlier.started == p.started && earlier.ticks == p.ticks
		if throughout {
			o.BlockedThroughout++
		}
		o.BlockedProcesses = append(o.BlockedProcesses, BlockedProcess{PID: pid, Name: p.name, Throughout: throughout})
	}
	slices.SortFunc(o.BlockedProcesses, func(a, b BlockedProcess) int {
		if a.Throughout != b.Throughout {
			return map[bool]int{true: -1, false: 1}[a.Throughout]
		}
		return cmp.Compare(a.PID, b.PID)
	})
	o.BlockedProcesses = o.BlockedProcesses[:min(top, len(o.BlockedProcesses))]
	for i := range o.BlockedProcesses {
		p := &o.BlockedProcesses[i]
		text, err := os.ReadFile(s.proc(strconv.Itoa(p.PID), "wchan"))
		p.WaitChannel = strings.TrimSpace(string(text))
		if err != nil || p.WaitChannel == "0" { // "0" also stands for "not for you"
			p.WaitChannel = ""
			call.Unread(fmt.Sprintf("blocked_processes[%d].wait_channel", i),
				"the kernel does not tell us where it waits", "run gumshoe as root")
		}
	}
}
