package kernellog

import (
	"strings"
)

// Kind is what a message complains about.
type Kind string

// The kinds of complaints. The texts are those of Linux 3.10 to 6.18; each place
// that reads one says where it differs.
const (
	OOMKill    Kind = "oom_kill"    // a process was killed for want of memory
	oomContext Kind = "oom_context" // why; it belongs to the OOMKill that follows

	IOError         Kind = "io_error"         // a request to a device failed
	StorageReset    Kind = "storage_reset"    // a device did not answer, and is given up on or reset
	FilesystemError Kind = "filesystem_error" // a file system found itself or its device broken
	NFSTimeout      Kind = "nfs_timeout"      // a server does not answer

	HungTask Kind = "hung_task" // a task waits uninterruptibly for minutes
	Lockup   Kind = "lockup"    // a processor does nothing else for seconds

	Segfault Kind = "segfault" // a process touched memory that is not its own
	Trap     Kind = "trap"     // a process did another thing that it cannot do

	HardwareError Kind = "hardware_error"
	Throttled     Kind = "throttled" // a processor is too hot

	Oops          Kind = "oops" // the kernel itself crashed, in part or whole
	KernelBug     Kind = "kernel_bug"
	KernelWarning Kind = "kernel_warning"

	LinkDown          Kind = "link_down"
	TransmitTimeout   Kind = "transmit_timeout"
	ConntrackFull     Kind = "conntrack_full"
	SynFlood          Kind = "syn_flood"
	NeighbourOverflow Kind = "neighbour_overflow"
	TCPMemory         Kind = "tcp_memory"

	FileMax        Kind = "file_max"
	ForkRejected   Kind = "fork_rejected"
	PageAllocation Kind = "page_allocation"
	ClockUnstable  Kind = "clock_unstable"
	Suppressed     Kind = "suppressed" // how many messages the kernel did not write
)

// Event is what a message says. The fields that its kind does not have are zero.
type Event struct {
	Kind Kind
	// Name and PID are of a process: of what was killed, hangs or crashed.
	Name string
	PID  int64
	// Device is a disk, a partition, a controller, a network interface or a server,
	// in the words of the message; "" when it names none.
	Device string
	// Seconds is how long a task has been hanging.
	Seconds int64
	// Count is how many messages were suppressed.
	Count int64
	// Port is that of a SynFlood.
	Port int64
	// ReadOnly is set when a FilesystemError ended in a file system that cannot be
	// written to.
	ReadOnly bool
	// Victim is for an OOMKill.
	Victim Victim
}

// Classify tells what a message complains about, if it is one of the complaints
// that we know. An OOMKill's victim is complete only through OOM.
func Classify(text string) (Event, bool) {
	for _, recognise := range [...]func(string) *Event{
		oom, storage, filesystem, task, crash, hardware, network, resources, fault,
	} {
		if e := recognise(text); e != nil {
			return *e, true
		}
	}
	return Event{}, false
}

// begins tells whether a text begins with one of some letters: most messages are no
// complaint, and to see that at once halves the time.
func begins(text, letters string) bool {
	return text != "" && strings.IndexByte(letters, text[0]) >= 0
}

// is gives an event of which there is no more to say than its kind.
func is(kind Kind) *Event { return &Event{Kind: kind} }

// prefixed tells whether a text begins with one of several others.
func prefixed(text string, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// mentions tells whether a text has one of several others in it.
func mentions(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// word gives a text up to the first of some characters.
func word(text, ends string) string {
	if end := strings.IndexAny(text, ends); end >= 0 {
		return text[:end]
	}
	return text
}
