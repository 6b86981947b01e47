package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/engine"
)

// DiskInput are the inputs of host.disk.
type DiskInput struct {
	// Paths names the directories whose mounts to look at, each by an absolute
	// path at or below the mount point. Empty means every mount that can fill.
	Paths []string `json:"paths"`
	// Deleted tells whether to look for files that are deleted but still open.
	// It takes a walk over the open files of all processes.
	Deleted bool `json:"deleted" default:"true"`
	// Timeout is how long the mounts may take to answer, all at once, before the
	// silent ones are reported as timed out.
	Timeout time.Duration `json:"timeout" default:"2s" min:"100ms" max:"30s"`
}

// Disk is what host.disk observes.
type Disk struct {
	// Mounts are the mounts looked at, sorted by path: one for each file system,
	// at most 70, of
	// more the tmpfs are left out first. Left out unless an input names them are what holds no files
	// (proc, cgroup, …, anything below /proc and /sys), images that are always
	// full (squashfs, iso9660, …), bind mounts, and the overlays of containers.
	Mounts []Mount `json:"mounts" expr:"mounts"`
}

// Mount is the state of one mounted file system.
type Mount struct {
	// Path is where it is mounted.
	Path string `json:"path" expr:"path"`
	// Device is what is mounted: a device's path, host:/export, or a name.
	Device string `json:"device" expr:"device"`
	// FSType is the file system's type, such as ext4, xfs, tmpfs or nfs4.
	FSType string `json:"fs_type" expr:"fs_type"`
	// Outcome says how it answered: observed; timed_out, as a network file system
	// does whose server is gone; failed, with the error beside it; or denied, when
	// our user may not look. Unless observed, sizes and inodes are unread.
	Outcome DiskOutcome `json:"outcome" expr:"outcome" enum:"observed,timed_out,failed,denied"`
	// Error is the kernel's error when outcome is failed or denied, else "".
	Error string `json:"error" expr:"error"`

	// TotalBytes is the size of the file system.
	TotalBytes int64 `json:"total_bytes" expr:"total_bytes"`
	// UsedBytes is what files and the file system's own tables take.
	UsedBytes int64 `json:"used_bytes" expr:"used_bytes"`
	// FreeBytes is what ordinary users can still write; root may have more.
	FreeBytes int64 `json:"free_bytes" expr:"free_bytes"`
	// UsedPercent is used_bytes in percent of used_bytes + free_bytes, as df
	// counts (df rounds up).
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// InodesTotal is how many files it can hold; 0 when it sets no limit, as btrfs
	// and vfat do not.
	InodesTotal int64 `json:"inodes_total" expr:"inodes_total"`
	// InodesUsed is how many files there are; 0 without a limit.
	InodesUsed int64 `json:"inodes_used" expr:"inodes_used"`
	// InodesUsedPercent is inodes_used in percent of inodes_total; 0 without a
	// limit.
	InodesUsedPercent float64 `json:"inodes_used_percent" expr:"inodes_used_percent"`

	// ReadOnly tells whether writes are refused now.
	ReadOnly bool `json:"read_only" expr:"read_only"`
	// RemountedReadOnly tells whether it is read-only though it was not mounted
	// so: the kernel's answer to an I/O error (errors=remount-ro), or a remount
	// that fstab does not ask for.
	RemountedReadOnly bool `json:"remounted_read_only" expr:"remounted_read_only"`

	// DeletedOpenBytes is the space of files that are deleted but held open by a
	// process: used, and in no directory. Unread when the open files of some
	// processes may not be seen.
	DeletedOpenBytes int64 `json:"deleted_open_bytes" expr:"deleted_open_bytes"`
	// DeletedOpenFiles is the number of these files.
	DeletedOpenFiles int `json:"deleted_open_files" expr:"deleted_open_files"`
	// LargestDeletedBytes is the space of the largest of them.
	LargestDeletedBytes int64 `json:"largest_deleted_bytes" expr:"largest_deleted_bytes"`
	// LargestDeletedPath is where the largest was; "" when there is none.
	LargestDeletedPath string `json:"largest_deleted_path" expr:"largest_deleted_path"`
	// LargestDeletedPID is a process that holds the largest open; 0 when there is
	// none. Restarting it frees the space.
	LargestDeletedPID int `json:"largest_deleted_pid" expr:"largest_deleted_pid"`
	// LargestDeletedProcess is that process's name, at most 15 bytes.
	LargestDeletedProcess string `json:"largest_deleted_process" expr:"largest_deleted_process"`
}

// DiskOutcome is how a mount answered.
type DiskOutcome string

// The ways a mount can answer.
const (
	MountObserved DiskOutcome = "observed"
	MountTimedOut DiskOutcome = "timed_out"
	MountFailed   DiskOutcome = "failed"
	MountDenied   DiskOutcome = "denied"
)

// maxMounts bounds the list of mounts, so that all their fields can be unread
// within the 1000 that the engine keeps.
const maxMounts = 70

// Disk is the check host.disk.
//
// It reads the mount table, asks each file system for its numbers (statfs), and
// finds deleted files that are still open in /proc/PID/fd. A network file system
// whose server is gone never answers: it is reported as timed out, and until it
// answers after all it is not asked again.
//
// To see the open files of other users' processes it takes root, or the
// capability CAP_SYS_PTRACE; without, deleted_open_bytes and what goes with it
// is unread.
//
// Example:
//
//	disk: { check: host.disk, with: { paths: [/var/lib/postgresql] } }
//
// By hand:
//
//	df -h
//	df -i
//	lsof -nP +L1
func (s Source) Disk() engine.Check[DiskInput, Disk] {
	d := &disk{source: s}
	return engine.Check[DiskInput, Disk]{
		Name:      "host.disk",
		Doc:       "Space, inodes and state of the mounted file systems, with the space of deleted files that processes hold open.",
		Cost:      100 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      d.plan,
		Run:       d.look,
		Summarize: summarizeDisk,
	}
}

func summarizeDisk(o Disk) string {
	var fullest, odd Mount
	for _, m := range o.Mounts {
		if m.Outcome == MountObserved && m.UsedPercent >= fullest.UsedPercent {
			fullest = m
		}
		if m.Outcome != MountObserved || m.RemountedReadOnly {
			odd = m
		}
	}
	text := fmt.Sprintf("%d mounts", len(o.Mounts))
	if fullest.Path != "" {
		text = fmt.Sprintf("%s %.0f %% used, %s free, %s", shorten(fullest.Path), fullest.UsedPercent, size(fullest.FreeBytes), text)
	}
	switch {
	case odd.RemountedReadOnly:
		text += fmt.Sprintf(", %s turned read-only", shorten(odd.Path))
	case odd.Path != "":
		text += fmt.Sprintf(", %s %s", shorten(odd.Path), odd.Outcome)
	}
	return text
}

// disk is the state behind one host.disk: the calls that hang.
type disk struct {
	source Source
	// sizes are the statfs calls under way by mount point, walks the walk over
	// the open files.
	sizes flights[sizing]
	walks flights[openFiles]
}

type sizing struct {
	stat unix.Statfs_t
	err  error
}

func (d *disk) plan(in DiskInput) []engine.Touch {
	touches := []engine.Touch{{Kind: engine.TouchFile, What: d.source.fstab(), How: "read"}}
	all, err := d.source.mounts()
	if err != nil {
		return touches
	}
	for _, m := range bounded(choose(all, in.Paths)) {
		touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: m.point, How: "statfs"})
	}
	return touches
}

func (d *disk) look(ctx context.Context, call *engine.Call, in DiskInput) (Disk, error) {
	call.Reproduce(append([]string{"df", "-h"}, in.Paths...)...)
	call.Reproduce(append([]string{"df", "-i"}, in.Paths...)...)
	o := Disk{Mounts: []Mount{}}
	for _, p := range in.Paths {
		if !path.IsAbs(p) {
			return o, engine.Blind(fmt.Sprintf("paths: %q is not an absolute path", p), "write it from the root", nil)
		}
	}
	all, err := d.source.mounts()
	if err != nil {
		return o, err
	}
	if err := ctx.Err(); err != nil {
		return o, err
	}
	chosen := choose(all, in.Paths)
	if n := len(chosen); n > maxMounts {
		call.Unread("mounts", fmt.Sprintf("%d mounts, of which %d were looked at", n, maxMounts), "name the paths that matter")
		chosen = bounded(chosen)
	}

	asked := make([]*flight[sizing], len(chosen))
	for i, m := range chosen {
		asked[i] = d.sizes.join(m.point, func() sizing {
			stat, err := d.source.askSize(m.point)
			return sizing{stat, err}
		})
	}
	limit := innerTimeout(ctx, in.Timeout)
	patience, stop := context.WithTimeout(ctx, limit)
	defer stop()
	table, tableErr := d.table()
	silent := make(map[string]bool)
	for i, m := range chosen {
		answer, answered := asked[i].wait(patience)
		if ctx.Err() != nil && !answered {
			return o, ctx.Err()
		}
		state := Mount{Path: m.point, Device: m.source, FSType: m.fsType}
		state.ReadOnly, state.RemountedReadOnly = m.readOnly(table)
		if tableErr != nil && state.ReadOnly {
			call.Unread(field(i, "remounted_read_only"), tableErr.Error(), "run gumshoe as a user that may read it")
		}
		if !answered {
			state.Outcome = MountTimedOut
			silent[m.device] = true
			unread(call, fmt.Sprintf("no answer in %s", limit.Round(time.Millisecond)), "", sizeFields(i)...)
		} else {
			state.fill(call, i, answer)
		}
		o.Mounts = append(o.Mounts, state)
	}
	d.lookDeleted(ctx, call, in, all, chosen, silent, o.Mounts)
	return o, ctx.Err()
}

// fill takes over what statfs said.
func (m *Mount) fill(call *engine.Call, i int, answer sizing) {
	if answer.err != nil {
		m.Outcome, m.Error = MountFailed, answer.err.Error()
		fix := ""
		if errors.Is(answer.err, fs.ErrPermission) {
			m.Outcome, fix = MountDenied, "run gumshoe as a user that may enter "+m.Path
		}
		unread(call, m.Error, fix, sizeFields(i)...)
		return
	}
	m.Outcome = MountObserved
	stat := answer.stat
	block := stat.Frsize
	if block == 0 {
		block = stat.Bsize
	}
	m.TotalBytes = int64(stat.Blocks) * block
	m.UsedBytes = int64(stat.Blocks-stat.Bfree) * block
	m.FreeBytes = int64(stat.Bavail) * block
	m.UsedPercent = percent(m.UsedBytes, m.UsedBytes+m.FreeBytes)
	m.InodesTotal = int64(stat.Files)
	m.InodesUsed = int64(stat.Files - stat.Ffree)
	m.InodesUsedPercent = percent(m.InodesUsed, m.InodesTotal)
}

// table reads fstab; a host without one expects nothing.
func (d *disk) table() (map[string][]string, error) {
	text, err := os.ReadFile(d.source.fstab())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return parseTable(string(text)), err
}

func field(i int, name string) string { return fmt.Sprintf("mounts[%d].%s", i, name) }

func sizeFields(i int) []string {
	return []string{
		field(i, "total_bytes"), field(i, "used_bytes"), field(i, "free_bytes"), field(i, "used_percent"),
		field(i, "inodes_total"), field(i, "inodes_used"), field(i, "inodes_used_percent"),
	}
}

func (s Source) askSize(path string) (unix.Statfs_t, error) {
	if s.statfs != nil {
		return s.statfs(path)
	}
	for {
		var stat unix.Statfs_t
		if err := unix.Statfs(path, &stat); err != unix.EINTR {
			return stat, err
		}
	}
}
