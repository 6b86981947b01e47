package host

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gumshoe/engine"
)

// KernelInput are the inputs of host.kernel.
type KernelInput struct {
	// Since is how far back to look from now. When the incident began earlier, the
	// look goes back to 5 minutes before its onset, but never further than 7 days:
	// what is older explains no incident, and its times are not to be trusted.
	Since time.Duration `json:"since" default:"1h" min:"1m" max:"168h"`
}

// Kernel is what host.kernel observes: what the kernel complained about in the
// window. The counts are of messages; where complete is false they are at least
// that, and those that would be 0 are unread. The lists have at most 20 elements
// each, those of which the kernel spoke last, the newest first.
type Kernel struct {
	// Source is where the messages come from: the kernel's own buffer (kmsg, or
	// syslog for the system call that dmesg falls back to) or the journal.
	Source string `json:"source" expr:"source" enum:"kmsg,journal,syslog"`
	// WindowSeconds is how far back was asked for: since, or more because of the
	// incident's onset.
	WindowSeconds float64 `json:"window_seconds" expr:"window_seconds"`
	// CoversSeconds is for how far back from now there are messages without a gap,
	// at most window_seconds and boot_seconds_ago.
	CoversSeconds float64 `json:"covers_seconds" expr:"covers_seconds"`
	// Complete tells whether nothing is missing in the window since the boot. The
	// kernel's buffer is small: on a busy host it holds some minutes.
	Complete bool `json:"complete" expr:"complete"`
	// BootSecondsAgo is the time since the boot, suspends included. Messages of
	// earlier boots are not looked at: below incident.age_seconds, the host was
	// restarted in the incident, and what led to it is in the journal at best.
	BootSecondsAgo float64 `json:"boot_seconds_ago" expr:"boot_seconds_ago"`

	// Errors is the number of messages of severity error or worse (0 to 3), whatever
	// they say. Much of what is counted below has a lower severity.
	Errors int64 `json:"errors" expr:"errors"`
	// Suppressed is how many messages the kernel says that it did not write because
	// there were too many alike. Above 0, other counts are at least what they say.
	Suppressed int64 `json:"suppressed" expr:"suppressed"`

	// OOMKills is the number of processes that the kernel killed for want of memory.
	// Kills of systemd-oomd and earlyoom are not the kernel's.
	OOMKills int64 `json:"oom_kills" expr:"oom_kills"`
	// OOMVictims are these processes.
	OOMVictims []OOMVictim `json:"oom_victims" expr:"oom_victims"`
	// PageAllocationFailures is the number of times when the kernel found no memory
	// for itself, mostly for want of pages side by side.
	PageAllocationFailures int64 `json:"page_allocation_failures" expr:"page_allocation_failures"`

	// IOErrors is the number of messages that a read or write of a disk failed. The
	// kernel writes at most 10 in 5 seconds of each sort.
	IOErrors int64 `json:"io_errors" expr:"io_errors"`
	// StorageResets is the number of messages that a disk or its controller did not
	// answer in time, was reset or was given up on. Reads and writes hang meanwhile.
	StorageResets int64 `json:"storage_resets" expr:"storage_resets"`
	// IOErrorDevices are the devices of io_errors and storage_resets.
	IOErrorDevices []IOErrorDevice `json:"io_error_devices" expr:"io_error_devices"`
	// FilesystemErrors is the number of messages that a file system found itself
	// damaged or could not write: ext2 to ext4, XFS, Btrfs, F2FS, FAT.
	FilesystemErrors int64 `json:"filesystem_errors" expr:"filesystem_errors"`
	// FilesystemErrorDevices are the devices that these file systems are on.
	FilesystemErrorDevices []FilesystemErrorDevice `json:"filesystem_error_devices" expr:"filesystem_error_devices"`
	// NFSTimeouts is the number of messages that an NFS server does not answer.
	NFSTimeouts int64 `json:"nfs_timeouts" expr:"nfs_timeouts"`

	// HungTasks are tasks that waited uninterruptibly for a disk, NFS or a lock for
	// longer than kernel.hung_task_timeout_secs (120 seconds). The kernel reports 10
	// in all since boot (kernel.hung_task_warnings), then none.
	HungTasks []HungTask `json:"hung_tasks" expr:"hung_tasks"`
	// Lockups is the number of reports that a processor was stuck in the kernel:
	// soft and hard lockups, RCU stalls, stuck work queues. In a virtual machine
	// often the hypervisor gave it no time.
	Lockups int64 `json:"lockups" expr:"lockups"`

	// Segfaults is the number of processes that died by a segmentation or general
	// protection fault. The kernel tells of them where debug.exception-trace is 1,
	// the default on x86 but not on arm64; a process that handles the signal itself,
	// as a JVM or Go does, is not told of.
	Segfaults int64 `json:"segfaults" expr:"segfaults"`
	// Crashed are the programs that died so, or by an invalid instruction or a
	// division by zero.
	Crashed []CrashedProcess `json:"crashed" expr:"crashed"`

	// HardwareErrors is the number of messages of processors, memory and PCI Express
	// about their own errors (MCE, EDAC, APEI, AER without corrected ones). One error
	// has several.
	HardwareErrors int64 `json:"hardware_errors" expr:"hardware_errors"`
	// ThermalThrottles is the number of messages that a processor was slowed because
	// it was too hot.
	ThermalThrottles int64 `json:"thermal_throttles" expr:"thermal_throttles"`
	// KernelOopses is the number of crashes in the kernel itself (oops, panic). The
	// host goes on, but is not to be trusted until it is restarted.
	KernelOopses int64 `json:"kernel_oopses" expr:"kernel_oopses"`
	// KernelBugs is the number of other reports of bugs ("BUG: Bad page state",
	// KASAN, UBSAN).
	KernelBugs int64 `json:"kernel_bugs" expr:"kernel_bugs"`
	// KernelWarnings is the number of warnings of the kernel about itself
	// ("WARNING: CPU: 0 PID: 12 at net/core/dev.c:1"). Many are harmless.
	KernelWarnings int64 `json:"kernel_warnings" expr:"kernel_warnings"`

	// LinkDowns are the network interfaces that lost their link.
	LinkDowns []LinkDown `json:"link_downs" expr:"link_downs"`
	// TransmitTimeouts is the number of messages that a network card stopped sending
	// (NETDEV WATCHDOG).
	TransmitTimeouts int64 `json:"transmit_timeouts" expr:"transmit_timeouts"`
	// ConntrackTableFull is the number of messages that new connections were dropped
	// because nf_conntrack_max was reached, at most 10 in 5 seconds.
	ConntrackTableFull int64 `json:"conntrack_table_full" expr:"conntrack_table_full"`
	// SYNFloods is the number of messages that a listening socket's queue overflowed:
	// "Possible SYN flooding", which a slow program causes as well as an attack. The
	// kernel writes one for each socket, and not again.
	SYNFloods int64 `json:"syn_floods" expr:"syn_floods"`
	// SYNFloodPorts are the ports of these sockets.
	SYNFloodPorts []int64 `json:"syn_flood_ports" expr:"syn_flood_ports"`
	// NeighbourTableOverflows is the number of messages that the ARP or neighbour
	// table was full (gc_thresh3): hosts nearby cannot be reached.
	NeighbourTableOverflows int64 `json:"neighbour_table_overflows" expr:"neighbour_table_overflows"`
	// TCPMemoryExhausted is the number of messages that TCP reached its own limit of
	// memory (tcp_mem) or of orphaned sockets (tcp_max_orphans).
	TCPMemoryExhausted int64 `json:"tcp_memory_exhausted" expr:"tcp_memory_exhausted"`

	// FileMaxReached is the number of messages that no more files could be opened on
	// the host (fs.file-max).
	FileMaxReached int64 `json:"file_max_reached" expr:"file_max_reached"`
	// ForksRejected is the number of cgroups that ran into their limit of processes
	// (pids.max). The kernel writes one message for each, and not again.
	ForksRejected int64 `json:"forks_rejected" expr:"forks_rejected"`
	// ClocksourceUnstable is the number of messages that the kernel no longer trusts
	// its clock and takes a slower one.
	ClocksourceUnstable int64 `json:"clocksource_unstable" expr:"clocksource_unstable"`
}

// Kernel is the check host.kernel.
//
// It reads /dev/kmsg. Where that may not be read, or does not reach back far
// enough, it asks the journal, with journalctl; and without either it uses the
// system call of dmesg. Root may read all, CAP_SYSLOG allows the first and the
// last, and the groups systemd-journal and adm the journal. A container sees the
// messages of its host, if any. Messages that programs wrote do not count, nor
// do those of earlier boots. Times are counted back from now by a clock that
// stops in a suspend and drifts by seconds in a month. The texts are those of
// Linux 3.10 to 6.18.
//
// Example:
//
//	kernel: { check: host.kernel, with: { since: 2h } }
//
// By hand:
//
//	dmesg -T
//	journalctl -k --since -1h
func (s Source) Kernel() engine.Check[KernelInput, Kernel] {
	return engine.Check[KernelInput, Kernel]{
		Name:      "host.kernel",
		Doc:       "What the kernel complained about: processes killed for want of memory, disk and file system errors, hung tasks, crashes, hardware errors, lost network links.",
		Cost:      50 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      s.planKernel,
		Run:       s.lookKernel,
		Summarize: summarizeKernel,
	}
}

func summarizeKernel(o Kernel) string {
	var parts []string
	add := func(n int64, what string) {
		if n > 0 && len(parts) < 4 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	killed, failing := "OOM kills", "I/O errors"
	if len(o.OOMVictims) > 0 {
		killed += " (last " + shorten(o.OOMVictims[0].Name) + ")"
	}
	if len(o.IOErrorDevices) > 0 {
		failing += " (last on " + shorten(o.IOErrorDevices[0].Device) + ")"
	}
	add(o.OOMKills, killed)
	add(o.IOErrors, failing)
	add(o.FilesystemErrors, "file system errors")
	add(int64(len(o.HungTasks)), "hung tasks")
	add(o.Lockups, "lockups")
	add(o.KernelOopses, "oopses")
	add(o.HardwareErrors, "hardware errors")
	add(o.StorageResets, "storage resets")
	add(o.Segfaults, "segfaults")
	add(int64(len(o.LinkDowns)), "links down")
	add(o.ConntrackTableFull, "conntrack table full")
	add(o.Errors, "errors in all")
	over := time.Duration(o.CoversSeconds * float64(time.Second)).Round(time.Second)
	if len(parts) == 0 {
		return fmt.Sprintf("no complaints in %s", over)
	}
	return fmt.Sprintf("%s in %s", strings.Join(parts, ", "), over)
}

// maxLookBack bounds how far an incident's onset moves the window.
const maxLookBack = 7 * 24 * time.Hour

// beforeOnset is how much earlier than the first symptom its cause may be.
const beforeOnset = 5 * time.Minute

// since gives the window's start.
func (in KernelInput) since(now, onset time.Time) time.Time {
	start := now.Add(-in.Since)
	if !onset.IsZero() && onset.Add(-beforeOnset).Before(start) {
		start = onset.Add(-beforeOnset)
	}
	if limit := now.Add(-maxLookBack); start.Before(limit) {
		return limit
	}
	return start
}

func (s Source) lookKernel(ctx context.Context, call *engine.Call, in KernelInput) (Kernel, error) {
	now := time.Now()
	since := in.since(now, call.Incident().Onset)
	call.Reproduce("dmesg", "-T")
	call.Reproduce("journalctl", "-k", "--since", fmt.Sprintf("-%.0fs", now.Sub(since).Seconds()))
	found, err := s.messages(ctx, now, since)
	if err != nil {
		return Kernel{}, err
	}
	o := Kernel{Source: found.source, WindowSeconds: now.Sub(since).Seconds()}
	boot := o.booted(call, s)
	covers := now.Sub(found.log.From).Seconds()
	if found.log.From.IsZero() {
		covers = o.WindowSeconds
		o.Complete = true
	}
	o.CoversSeconds = min(max(covers, 0), o.WindowSeconds)
	o.Complete = o.Complete || covers >= o.WindowSeconds
	if boot > 0 {
		o.CoversSeconds = min(o.CoversSeconds, boot)
	}
	t := kernelTally{out: &o, now: now}
	t.read(found.log.Records)
	t.fill(call)
	if !o.Complete {
		o.atLeast(call, found)
	}
	return o, nil
}

// booted fills in when the host was booted, and gives it in seconds ago; 0 when it
// is not known.
func (o *Kernel) booted(call *engine.Call, s Source) float64 {
	uptime, err := s.uptime()
	if err != nil || !(uptime >= 0 && uptime < 1e10) {
		call.Unread("boot_seconds_ago", "cannot read "+s.proc("uptime"), "")
		return 0
	}
	o.BootSecondsAgo = uptime
	return o.BootSecondsAgo
}
