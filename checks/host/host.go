// Package host looks at one machine through its kernel: processors, memory,
// pressure, mounts and processes. It reads /proc, and only what Plan lists
// besides; it starts no program and needs no root, and where the kernel keeps
// something from us the field is unread. gopsutil does the reading except where
// it walks or touches more than a check needs; each such place says so.
//
// Percentages are 0 to 100, sizes are bytes (1 KiB = 1024), rates are per second
// over the window. A window is measured by the monotonic clock.
package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/common"
	"golang.org/x/sys/unix"

	"gumshoe/engine"
)

// Source is where the files that describe a host are. Its methods make the
// checks of that host. The zero value is the machine we run on; a test, or a
// container that sees its host's /proc elsewhere, names other directories.
type Source struct {
	// Proc is where procfs is mounted; "" means /proc.
	Proc string
	// Etc is where fstab is; "" means /etc.
	Etc string
	// Sys is where sysfs is mounted; "" means /sys.
	Sys string
	// Messages is where the kernel's messages are.
	Messages Messages
	// Run is the runtime folder, where systemd is asked; "" means /run.
	Run string

	// Chronyd is the address at which chronyd is asked; "" means 127.0.0.1:323.
	Chronyd string

	// FsyncCommand is the program, with its first arguments, that measures how long
	// syncs take in the directory that is added to it (MeasureFsync); empty means
	// to measure in this process, which then cannot end while a disk hangs.
	FsyncCommand []string

	// statfs is the system call, which a test lets hang; nil means the kernel's.
	statfs func(path string) (unix.Statfs_t, error)
	// adjtimex is the system call, with its state; nil means the kernel's.
	adjtimex func() (unix.Timex, int, error)
	// readClocks reads CLOCK_REALTIME and CLOCK_BOOTTIME; nil means the kernel's.
	readClocks func() (wall, steady time.Duration)
}

// proc gives the path of a file in procfs.
func (s Source) proc(elem ...string) string {
	root := s.Proc
	if root == "" {
		root = "/proc"
	}
	return filepath.Join(append([]string{root}, elem...)...)
}

// sys gives the path of a file in sysfs.
func (s Source) sys(elem ...string) string {
	root := s.Sys
	if root == "" {
		root = "/sys"
	}
	return filepath.Join(append([]string{root}, elem...)...)
}

// fstab gives the path of the table of mounts that are meant to be.
func (s Source) fstab() string {
	root := s.Etc
	if root == "" {
		root = "/etc"
	}
	return filepath.Join(root, "fstab")
}

// context tells gopsutil where procfs is.
func (s Source) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, common.EnvKey, common.EnvMap{common.HostProcEnvKey: s.proc()})
}

// counters reads a file of lines "name value" with whole numbers, such as
// /proc/vmstat; other lines are passed over.
func (s Source) counters(elem ...string) (map[string]int64, error) {
	text, err := os.ReadFile(s.proc(elem...))
	if err != nil {
		return nil, blind(s.proc(elem...), err)
	}
	values := make(map[string]int64)
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
			values[name] = n
		}
	}
	return values, nil
}

// number reads a file that holds one whole number.
func (s Source) number(elem ...string) (int64, error) {
	text, err := os.ReadFile(s.proc(elem...))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// uptime gives the seconds since the host was booted, in whose terms the start of
// processes is counted.
func (s Source) uptime() (float64, error) {
	text, err := os.ReadFile(s.proc("uptime"))
	if err != nil {
		return 0, err
	}
	var seconds float64
	_, err = fmt.Sscan(string(text), &seconds)
	return seconds, err
}

// blind says that a file of the kernel could not be read, and what to do.
func blind(path string, err error) error {
	fix := "mount procfs there"
	if errors.Is(err, fs.ErrPermission) {
		fix = "run gumshoe as a user that may read " + path
	}
	return engine.Blind("cannot read "+path, fix, err)
}

// touchesNothing is the Plan of a check that reads only /proc and /sys.
func touchesNothing[In any](In) []engine.Touch { return nil }

// unread marks several fields for the same reason.
func unread(call *engine.Call, reason, fix string, paths ...string) {
	for _, path := range paths {
		call.Unread(path, reason, fix)
	}
}

// wait lets the window pass, or ends with ctx.
func wait(ctx context.Context, window time.Duration) error {
	timer := time.NewTimer(window)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// percent gives part as a percentage of whole; of nothing it is 0.
func percent[N int64 | float64](part, whole N) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// size writes a number of bytes for a person: "1.5 GiB".
func size(bytes int64) string {
	const units = "KMGTPE"
	if bytes < 1024 {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}
