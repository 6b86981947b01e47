package host

import (
	"context"
	"fmt"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/load"

	"gumshoe/engine"
)

// CPUInput are the inputs of host.cpu.
type CPUInput struct {
	// Window is how long to watch the processors. The kernel counts in
	// hundredths of a second, so that a window of 1s resolves 1 % of a core.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
}

// CPU is what host.cpu observes. The percentages are shares of the time of all
// cores together, except where a field says otherwise.
type CPU struct {
	// UsedPercent is the time not spent idle or waiting for a disk:
	// 100 − idle − iowait. Time stolen by the hypervisor counts as used, because
	// it was not there for us.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// UserPercent is the time in programs, without those made nice; guests of a
	// hypervisor on this host are in it.
	UserPercent float64 `json:"user_percent" expr:"user_percent"`
	// SystemPercent is the time in the kernel on behalf of programs.
	SystemPercent float64 `json:"system_percent" expr:"system_percent"`
	// NicePercent is the time in programs of lowered priority.
	NicePercent float64 `json:"nice_percent" expr:"nice_percent"`
	// IOWaitPercent is the time in which a core had nothing to run while one of
	// its threads waited for a disk. The kernel's own figure; a busy host hides it.
	IOWaitPercent float64 `json:"iowait_percent" expr:"iowait_percent"`
	// IRQPercent is the time spent serving interrupts, hard and soft. Much of it
	// on one core is usually network traffic.
	IRQPercent float64 `json:"irq_percent" expr:"irq_percent"`
	// StealPercent is the time that the hypervisor gave to other guests while a
	// core of ours wanted to run. 0 on bare metal.
	StealPercent float64 `json:"steal_percent" expr:"steal_percent"`
	// IdlePercent is the time with nothing to do and no disk waited for.
	IdlePercent float64 `json:"idle_percent" expr:"idle_percent"`

	// Cores is the number of logical processors that are online on the host; a
	// container's CPU limit is not looked at.
	Cores int `json:"cores" expr:"cores"`
	// BusiestCorePercent is the used time of the busiest core, as a percentage of
	// that one core: 100 with a low used_percent is a single-threaded program.
	BusiestCorePercent float64 `json:"busiest_core_percent" expr:"busiest_core_percent"`
	// CorePercents is the used time of each core as a percentage of that core, in
	// the kernel's order.
	CorePercents []float64 `json:"core_percents" expr:"core_percents"`

	// RunQueue is the mean number of threads that ran or were ready to run,
	// without the one that counted: the mean of ten looks over the window. Above
	// cores, threads wait for a processor.
	RunQueue float64 `json:"run_queue" expr:"run_queue"`
	// Blocked is the mean number of threads that waited uninterruptibly for a
	// disk, over the same ten looks.
	Blocked float64 `json:"blocked" expr:"blocked"`
	// ContextSwitchesPerSecond is how often a core changed from one thread to
	// another.
	ContextSwitchesPerSecond float64 `json:"context_switches_per_second" expr:"context_switches_per_second"`
	// ForksPerSecond is the rate at which processes and threads were started. Many
	// short ones use a host up without any of them showing in a list.
	ForksPerSecond float64 `json:"forks_per_second" expr:"forks_per_second"`
	// Load1 is the kernel's load average over 1 minute: threads running, ready to
	// run or waiting uninterruptibly (for a disk or NFS, so not only for the CPU).
	Load1 float64 `json:"load1" expr:"load1"`
	// Load5 is the load average over 5 minutes.
	Load5 float64 `json:"load5" expr:"load5"`
	// Load15 is the load average over 15 minutes.
	Load15 float64 `json:"load15" expr:"load15"`
	// Load1PerCore is load1 divided by cores: 1 is as much as there is room for.
	Load1PerCore float64 `json:"load1_per_core" expr:"load1_per_core"`
}

// CPU is the check host.cpu.
//
// It reads /proc/stat at the window's start and end and compares, so it shows
// the present and not the mean since boot, and looks at the run queue ten times
// in between.
//
// Example:
//
//	cpu: { check: host.cpu, with: { window: 5s } }
//
// By hand:
//
//	vmstat 1 2
func (s Source) CPU() engine.Check[CPUInput, CPU] {
	return engine.Check[CPUInput, CPU]{
		Name:      "host.cpu",
		Doc:       "How busy the processors are over a short window, in total and by core, with the run queue and the load averages.",
		Cost:      1010 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[CPUInput],
		Run:       s.lookCPU,
		Summarize: summarizeCPU,
	}
}

func summarizeCPU(o CPU) string {
	return fmt.Sprintf("%.0f %% used, %d cores, run queue %.1f", o.UsedPercent, o.Cores, o.RunQueue)
}

// queueLooks is how often the run queue is looked at in a window. One look is
// a lottery: the queue changes a thousand times a second.
const queueLooks = 10

func (s Source) lookCPU(ctx context.Context, call *engine.Call, in CPUInput) (CPU, error) {
	call.Reproduce("vmstat", "1", "2")
	ctx = s.context(ctx)
	var o CPU
	before, err := s.coreTimes(ctx)
	if err != nil {
		return o, err
	}
	earlier, err := s.counters("stat")
	if err != nil {
		return o, err
	}
	started := time.Now()
	for look := range queueLooks {
		if err := wait(ctx, in.Window/queueLooks); err != nil {
			return o, err
		}
		stat, err := s.counters("stat")
		if err != nil {
			return o, err
		}
		o.RunQueue += float64(max(stat["procs_running"]-1, 0)) / queueLooks
		o.Blocked += float64(stat["procs_blocked"]) / queueLooks
		if look == queueLooks-1 {
			o.rates(call, earlier, stat, time.Since(started).Seconds())
		}
	}
	after, err := s.coreTimes(ctx)
	if err != nil {
		return o, err
	}
	o.compare(call, before, after)

	if average, err := load.AvgWithContext(ctx); err == nil {
		o.Load1, o.Load5, o.Load15 = average.Load1, average.Load5, average.Load15
		o.Load1PerCore = average.Load1 / float64(o.Cores)
	} else {
		unread(call, "cannot read "+s.proc("loadavg"), "", "load1", "load5", "load15", "load1_per_core")
	}
	return o, nil
}

// rates fills in what the kernel counts beside time.
func (o *CPU) rates(call *engine.Call, before, after map[string]int64, seconds float64) {
	for _, rate := range []struct {
		counter, field string
		value          *float64
	}{
		{"ctxt", "context_switches_per_second", &o.ContextSwitchesPerSecond},
		{"processes", "forks_per_second", &o.ForksPerSecond},
	} {
		first, had := before[rate.counter]
		last, has := after[rate.counter]
		if !had || !has {
			call.Unread(rate.field, "the kernel does not count it here", "")
			continue
		}
		*rate.value = float64(max(last-first, 0)) / seconds
	}
}

// coreTimes reads the time counters of each core that is online; there is at
// least one.
func (s Source) coreTimes(ctx context.Context) ([]cpu.TimesStat, error) {
	times, err := cpu.TimesWithContext(ctx, true)
	if err == nil && len(times) == 0 { // gopsutil swallows the error of reading
		err = fmt.Errorf("no processors in it")
	}
	if err != nil {
		return nil, blind(s.proc("stat"), err)
	}
	return times, nil
}

// compare fills in what happened between two readings. A core that went on- or
// offline between them is left out of the percentages.
func (o *CPU) compare(call *engine.Call, before, after []cpu.TimesStat) {
	earlier := make(map[string]cpu.TimesStat, len(before))
	for _, core := range before {
		earlier[core.CPU] = core
	}
	o.Cores = len(after)
	var all cpu.TimesStat
	for i, core := range after {
		start, known := earlier[core.CPU]
		spent := elapsed(start, core)
		whole := total(spent)
		if !known || whole == 0 {
			call.Unread(fmt.Sprintf("core_percents[%d]", i), "the core went on- or offline in the window", "")
			o.CorePercents = append(o.CorePercents, 0)
			continue
		}
		used := percent(whole-spent.Idle-spent.Iowait, whole)
		o.CorePercents = append(o.CorePercents, used)
		o.BusiestCorePercent = max(o.BusiestCorePercent, used)
		all = sum(all, spent)
	}
	whole := total(all)
	if whole == 0 {
		unread(call, "the kernel's time counters did not move in the window", "give it a longer window",
			"used_percent", "user_percent", "system_percent", "nice_percent", "iowait_percent",
			"irq_percent", "steal_percent", "idle_percent", "busiest_core_percent")
		return
	}
	o.UserPercent = percent(all.User, whole)
	o.SystemPercent = percent(all.System, whole)
	o.NicePercent = percent(all.Nice, whole)
	o.IOWaitPercent = percent(all.Iowait, whole)
	o.IRQPercent = percent(all.Irq+all.Softirq, whole)
	o.StealPercent = percent(all.Steal, whole)
	o.IdlePercent = percent(all.Idle, whole)
	o.UsedPercent = percent(whole-all.Idle-all.Iowait, whole)
}

// elapsed gives the time spent between two readings. The kernel lets iowait and
// idle run backwards at times (proc_stat(5)); such a step counts as none.
func elapsed(from, to cpu.TimesStat) cpu.TimesStat {
	return cpu.TimesStat{
		User: max(to.User-from.User, 0), System: max(to.System-from.System, 0),
		Nice: max(to.Nice-from.Nice, 0), Idle: max(to.Idle-from.Idle, 0),
		Iowait: max(to.Iowait-from.Iowait, 0), Irq: max(to.Irq-from.Irq, 0),
		Softirq: max(to.Softirq-from.Softirq, 0), Steal: max(to.Steal-from.Steal, 0),
	}
}

func sum(a, b cpu.TimesStat) cpu.TimesStat {
	return cpu.TimesStat{
		User: a.User + b.User, System: a.System + b.System, Nice: a.Nice + b.Nice, Idle: a.Idle + b.Idle,
		Iowait: a.Iowait + b.Iowait, Irq: a.Irq + b.Irq, Softirq: a.Softirq + b.Softirq, Steal: a.Steal + b.Steal,
	}
}

// total leaves out guest time, which the kernel counts in user and nice too.
func total(t cpu.TimesStat) float64 {
	return t.User + t.System + t.Nice + t.Idle + t.Iowait + t.Irq + t.Softirq + t.Steal
}
