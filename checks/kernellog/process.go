package kernellog

import "strings"

// task reads what the watchdogs say about tasks and processors.
func task(text string) *Event {
	if !begins(text, "BCINWrw") {
		return nil
	}
	// "INFO: task kworker/0:1:12 blocked for more than 122 seconds." (kernel/hung_task.c);
	// later kernels say "blocked in I/O wait for more than".
	if rest, ok := strings.CutPrefix(text, "INFO: task "); ok {
		who, long, ok := cutLast(rest, " for more than ")
		seconds, _, digits := number(long)
		if !ok || !digits {
			return nil
		}
		who, how, ok := cutLast(who, " blocked")
		if !ok || strings.TrimSpace(how) != "" && how != " in I/O wait" {
			return nil
		}
		name, id, ok := cutLast(who, ":")
		pid, left, digits := number(id)
		if !ok || !digits || left != "" {
			return nil
		}
		return &Event{Kind: HungTask, Name: name, PID: pid, Seconds: seconds}
	}
	// kernel/watchdog.c prefixes "NMI watchdog: " from 3.5 on, and "watchdog: " from
	// 4.12 on, to what it says; kernel/rcu prefixes "rcu: " from 4.20 on.
	rest := strings.TrimPrefix(strings.TrimPrefix(text, "NMI "), "watchdog: ")
	switch {
	case prefixed(rest, "BUG: soft lockup - CPU#", "BUG: workqueue lockup - pool", "Watchdog detected hard LOCKUP on cpu"):
		return is(Lockup)
	case prefixed(rest, "CPU") && mentions(rest, ": Watchdog detected hard LOCKUP on cpu"): // since 6.6
		return is(Lockup)
	}
	if rest, ok := strings.CutPrefix(strings.TrimPrefix(text, "rcu: "), "INFO: rcu"); ok &&
		mentions(rest, "self-detected stall on CPU", "detected stalls on CPUs/tasks", "detected stall on CPU", "detected expedited stalls on CPUs/tasks") {
		return is(Lockup)
	}
	return nil
}

// crash reads what the kernel says about a process that dies by its own fault, if
// debug.exception-trace lets it (on by default on x86, off on arm64):
//
//	app[12]: segfault at 0 ip 00005581 sp 00007ffd error 4 in app[5581+1000]
//	traps: app[12] general protection fault ip:5581 sp:7ffd error:0 in app[5581+1000]
//	traps: app[12] trap invalid opcode ip:5581 sp:7ffd error:0 in app[5581+1000]
//	app[12]: unhandled level 2 translation fault (11) at 0x00000000, esr 0x92000006    (arm64, to 4.16)
//	app[12]: unhandled exception: DABT (lower EL), ESR 0x92000006, level 2 translation fault in app[5581+1000]    (arm64)
//	app[12]: segfault (11) at 0 nip 1000 lr 1000 code 1 in app[1000+1000]    (powerpc)
//	app[12]: unhandled signal 11 code 0x1 at 0x0 in app[1000+1000]    (riscv)
//
// The name has at most 15 bytes, so what looks like the rest of the line cannot be
// inside it; but the name of the file at the end may look like a whole line.
func crash(text string) *Event {
	after, traps := strings.CutPrefix(text, "traps: ")
	for at := 0; at < len(after) && at <= maxName; at++ {
		if after[at] != '[' {
			continue
		}
		pid, rest, ok := number(after[at+1:])
		if ok && traps && prefixed(rest, "] general protection") {
			return &Event{Kind: Segfault, Name: after[:at], PID: pid}
		}
		if ok && traps && prefixed(rest, "] trap ") {
			return &Event{Kind: Trap, Name: after[:at], PID: pid}
		}
		if ok && !traps && prefixed(rest, "]: segfault at ", "]: segfault (", "]: unhandled signal 11 ", "]: unhandled level ", "]: unhandled exception: ") {
			return &Event{Kind: Segfault, Name: after[:at], PID: pid}
		}
	}
	return nil
}

// maxName is how many bytes a process's name has at most; those of threads of the
// kernel can be longer, but they do not crash so.
const maxName = 15
