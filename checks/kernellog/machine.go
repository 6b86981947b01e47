package kernellog

import "strings"

// hardware reads what processors, memory and buses report.
func hardware(text string) *Event {
	if !begins(text, "BCEM[mpt{") {
		return nil
	}
	rest := text
	if prefixed(rest, "{") { // APEI numbers its reports: "{1}[Hardware Error]: …"
		if n, after, ok := number(rest[1:]); ok && n >= 0 {
			rest = strings.TrimPrefix(after, "}")
		}
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "mce: "), "BERT: ")
	switch {
	case prefixed(rest, "[Hardware Error]"), prefixed(text, "mce: Uncorrected hardware memory error"):
		return is(HardwareError)
	case prefixed(text, "EDAC "):
		return edac(text)
	case prefixed(text, "Memory failure: 0x") && mentions(text, "recovery action for"):
		return is(HardwareError)
	case prefixed(text, "pcieport ") && mentions(text, "AER: Uncorrected", "AER: Multiple Uncorrected"):
		return is(HardwareError)
	case prefixed(rest, "CPU") && mentions(rest, "temperature above threshold, cpu clock throttled"):
		return is(Throttled) // "CPU0: Core temperature above threshold, cpu clock throttled (total events = 1)"
	case prefixed(text, "thermal thermal_zone") && mentions(text, "critical temperature reached"):
		return is(Throttled)
	}
	return nil
}

// edac reads "EDAC MC0: 1 CE memory read error on …" and, of older drivers,
// "EDAC MC0: UE page 0x0, …". It says other things when it starts.
func edac(text string) *Event {
	controller, said, ok := strings.Cut(text[len("EDAC "):], ": ")
	if !ok || !prefixed(controller, "MC", "PCI", "DEVICE") {
		return nil
	}
	if _, after, counted := number(said); counted {
		said = strings.TrimPrefix(after, " ")
	}
	if prefixed(said, "CE ", "UE ") {
		return is(HardwareError)
	}
	return nil
}

// fault reads what the kernel says about itself. One oops prints "BUG: …" and then
// "Oops: 0002 [#1] SMP"; the second counts, as the first has many texts.
func fault(text string) *Event {
	if !begins(text, "BDIKOUWbdgis") {
		return nil
	}
	switch {
	case prefixed(text, "Kernel panic - not syncing"):
		return is(Oops)
	case prefixed(text, "Oops: ", "Oops [", "Oops[", "general protection fault", "invalid opcode: ", "stack segment: ", "divide error: ",
		"double fault: ", "int3: ", "bounds: ", "Internal error: ", "Kernel access of bad area", "kernel BUG at "):
		// "kernel BUG at" is followed by an oops, which alone has its number.
		if mentions(text, "[#") {
			return is(Oops)
		}
	case prefixed(text, "BUG: "):
		if prefixed(text, "BUG: unable to handle ", "BUG: kernel NULL pointer dereference") {
			return nil // the oops follows
		}
		return is(KernelBug)
	case prefixed(text, "UBSAN: "):
		return is(KernelBug)
	case prefixed(text, "WARNING: "):
		// "WARNING: CPU: 0 PID: 1 at fs/x.c:12 f+0x1/0x2", "WARNING: at fs/x.c:12 …" to
		// 3.11, "WARNING: fs/x.c:12 at f+0x1/0x2, CPU#0: app/12" since 6.18.
		if prefixed(text, "WARNING: CPU: ", "WARNING: at ") || mentions(text, ", CPU#") {
			return is(KernelWarning)
		}
	}
	return nil
}

// resources reads what the kernel says when one of its own limits is reached, and
// about its clock and its log.
func resources(text string) *Event {
	switch {
	case prefixed(text, "VFS: file-max limit "):
		return is(FileMax)
	case prefixed(text, "cgroup: fork rejected by pids controller in "):
		return &Event{Kind: ForkRejected, Device: text[len("cgroup: fork rejected by pids controller in "):]}
	case prefixed(text, "clocksource: timekeeping watchdog", "timekeeping watchdog"):
		if mentions(text, "Marking clocksource '") {
			return is(ClockUnstable)
		}
	case prefixed(text, "Clocksource ") && mentions(text, " unstable (delta"): // to 4.0
		return is(ClockUnstable)
	}
	if name, _, ok := strings.Cut(text, ": page allocation failure: order:"); ok && len(name) <= maxThread {
		return &Event{Kind: PageAllocation, Name: name}
	}
	// "net_ratelimit: 12 callbacks suppressed", "print_req_error: 3 callbacks suppressed"
	if before, ok := strings.CutSuffix(strings.TrimSuffix(text, "\n"), " callbacks suppressed"); ok {
		if _, count, ok := cutLast(before, ": "); ok {
			if n, left, ok := number(count); ok && left == "" {
				return &Event{Kind: Suppressed, Count: n}
			}
		}
	}
	return nil
}

// maxThread is how many bytes the name of a thread of the kernel has at most, in
// messages.
const maxThread = 64
