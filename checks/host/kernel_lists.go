package host

import "time"

// OOMVictim is a process that was killed for want of memory.
type OOMVictim struct {
	// Time is when.
	Time time.Time `json:"time" expr:"time"`
	// AgeSeconds is how long ago that was.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
	// PID was its process id, as the host counts.
	PID int64 `json:"pid" expr:"pid"`
	// Name is the kernel's name for it, at most 15 bytes.
	Name string `json:"name" expr:"name"`
	// Cgroup is the one it was in, which names its service or container. Unread when
	// the kernel did not tell.
	Cgroup string `json:"cgroup" expr:"cgroup"`
	// LimitCgroup is the cgroup whose memory limit was reached: that of the process
	// or one above it. "" when it was not a cgroup that ran out; unread when the
	// kernel did not tell.
	LimitCgroup string `json:"limit_cgroup" expr:"limit_cgroup"`
	// Scope is what ran out of memory: the host (global), a cgroup with a limit, or
	// the memory nodes that a cpuset or the process's own policy allowed. Unread
	// when the kernel did not tell.
	Scope string `json:"scope" expr:"scope" enum:"global,cgroup,cpuset,memory_policy"`
	// AnonRSSBytes is the memory of its own that it had in RAM, without files and
	// shared memory. Unread when the kernel did not tell.
	AnonRSSBytes int64 `json:"anon_rss_bytes" expr:"anon_rss_bytes"`
	// UID is the number of its user. Unread when the kernel did not tell.
	UID int64 `json:"uid" expr:"uid"`
}

// IOErrorDevice is a disk or controller that failed.
type IOErrorDevice struct {
	// Device is its name, such as sda, nvme0 or ata1.00; "" when the kernel named none.
	Device string `json:"device" expr:"device"`
	// Count is the number of failed reads and writes.
	Count int64 `json:"count" expr:"count"`
	// Resets is the number of times when it did not answer or was reset.
	Resets int64 `json:"resets" expr:"resets"`
	// Last is the time of the last message.
	Last time.Time `json:"last" expr:"last"`
	// AgeSeconds is how long ago that was.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
}

// FilesystemErrorDevice is a device with a damaged file system.
type FilesystemErrorDevice struct {
	// Device is its name, such as sda1 or dm-0.
	Device string `json:"device" expr:"device"`
	// Count is the number of messages.
	Count int64 `json:"count" expr:"count"`
	// ReadOnly tells whether the kernel stopped writing to it.
	ReadOnly bool `json:"read_only" expr:"read_only"`
	// Last is the time of the last message.
	Last time.Time `json:"last" expr:"last"`
	// AgeSeconds is how long ago that was.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
}

// HungTask is a task that waited for very long.
type HungTask struct {
	// Name is the kernel's name for the task.
	Name string `json:"name" expr:"name"`
	// PID is its id, which may be that of a thread.
	PID int64 `json:"pid" expr:"pid"`
	// Seconds is how long it had been waiting at least, by the last report.
	Seconds int64 `json:"seconds" expr:"seconds"`
	// Count is the number of reports.
	Count int64 `json:"count" expr:"count"`
	// Last is the time of the last one.
	Last time.Time `json:"last" expr:"last"`
	// AgeSeconds is how long ago that was.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
}

// CrashedProcess is a program of which processes crashed.
type CrashedProcess struct {
	// Name is the kernel's name for it, at most 15 bytes; of a thread its own.
	Name string `json:"name" expr:"name"`
	// PID is the id of the last one.
	PID int64 `json:"pid" expr:"pid"`
	// Count is how many there were.
	Count int64 `json:"count" expr:"count"`
	// Last is the time of the last one.
	Last time.Time `json:"last" expr:"last"`
	// AgeSeconds is how long ago that was.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
}

// LinkDown is a network interface that lost its link.
type LinkDown struct {
	// Interface is its name.
	Interface string `json:"interface" expr:"interface"`
	// Count is how often.
	Count int64 `json:"count" expr:"count"`
	// Last is the time of the last.
	Last time.Time `json:"last" expr:"last"`
	// AgeSeconds is how long ago that was.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
}
