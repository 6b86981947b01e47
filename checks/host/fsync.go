package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/engine"
)

// FsyncOutcome is what came of writing to a disk and waiting until it is safe.
type FsyncOutcome string

// The outcomes of host.disk_io's fsync_outcome.
const (
	FsyncNotAsked    FsyncOutcome = "not_asked"
	FsyncMeasured    FsyncOutcome = "measured"
	FsyncTimedOut    FsyncOutcome = "timed_out"
	FsyncReadOnly    FsyncOutcome = "read_only"
	FsyncNoSpace     FsyncOutcome = "no_space"
	FsyncIOError     FsyncOutcome = "io_error"
	FsyncNotFound    FsyncOutcome = "not_found"
	FsyncUnsupported FsyncOutcome = "unsupported"
)

// Bounds of one measurement.
const (
	maxFsyncs    = 20
	maxFsyncTime = 2 * time.Second
	fsyncBytes   = 4096
)

// fsyncTimes is how long each sync took, and what ended the measurement early.
type fsyncTimes struct {
	seconds []float64
	err     error
}

// fsync measures in a directory. A disk that does not answer holds the call in
// the kernel: it is not waited for, and not asked again until it answers.
func (d *diskIO) fsync(ctx context.Context, call *engine.Call, o *DiskIO, in DiskIOInput) {
	path := filepath.Clean(in.FsyncPath)
	ctx, cancel := context.WithTimeout(ctx, innerTimeout(ctx, maxFsyncTime))
	defer cancel()
	flight := d.syncs.join(path, func() fsyncTimes { return d.source.measureFsync(ctx, path) })
	times, ended := flight.wait(ctx)
	switch {
	case !ended:
		o.FsyncOutcome = FsyncTimedOut
	case len(times.seconds) == 0:
		o.notFsynced(call, times.err)
		return
	default:
		o.FsyncOutcome, o.Fsyncs = FsyncMeasured, len(times.seconds)
		sorted := slices.Sorted(slices.Values(times.seconds)) // others may have joined the flight
		o.FsyncMedianSeconds = sorted[len(sorted)/2]
		o.FsyncMaxSeconds = sorted[len(sorted)-1]
		return
	}
	unread(call, "not one sync ended", "", "fsync_median_seconds", "fsync_max_seconds")
}

// notFsynced says why nothing was measured: what the disk does is an outcome,
// what we may not do leaves the outcome unread.
func (o *DiskIO) notFsynced(call *engine.Call, err error) {
	reason, fix := "nothing was synced", ""
	switch {
	case errors.Is(err, unix.EROFS):
		o.FsyncOutcome = FsyncReadOnly
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		o.FsyncOutcome = FsyncNoSpace
	case errors.Is(err, unix.EIO):
		o.FsyncOutcome = FsyncIOError
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		o.FsyncOutcome = FsyncNotFound
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EISDIR), errors.Is(err, unix.EINVAL):
		o.FsyncOutcome = FsyncUnsupported
	case errors.Is(err, context.DeadlineExceeded):
		o.FsyncOutcome = FsyncTimedOut
	default:
		reason = err.Error()
		if errors.Is(err, fs.ErrPermission) {
			fix = "run gumshoe as a user that may write there"
		}
		o.FsyncOutcome = ""
		call.Unread("fsync_outcome", reason, fix)
	}
	unread(call, reason, fix, "fsync_median_seconds", "fsync_max_seconds")
}

// measureFsync measures in a process of its own where one is given: what waits in
// the kernel for a disk that does not answer cannot be ended, and would keep this
// whole program from ending.
func (s Source) measureFsync(ctx context.Context, dir string) fsyncTimes {
	if len(s.FsyncCommand) == 0 {
		return syncAgain(ctx, dir, func(float64) {})
	}
	argv := s.fsyncCommand(dir)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{}
	text, err := cmd.Output()
	var times fsyncTimes
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if digits, failed := strings.CutPrefix(line, "errno "); failed {
			if number, err := strconv.Atoi(digits); err == nil {
				times.err = &os.PathError{Op: "sync", Path: dir, Err: unix.Errno(number)}
			}
		} else if seconds, err := strconv.ParseFloat(line, 64); err == nil && seconds >= 0 && seconds < maxFsyncTime.Seconds()*10 {
			times.seconds = append(times.seconds, seconds)
		}
	}
	if len(times.seconds) == 0 && times.err == nil {
		times.err = cmp.Or(ctx.Err(), err, errors.New("nothing was measured"))
	}
	return times
}

func (s Source) fsyncCommand(dir string) []string {
	return append(slices.Clone(s.FsyncCommand), dir)
}

// MeasureFsync writes how long each sync in a directory takes, in seconds and a
// line each, and last "errno N" when one failed. It is what Source.FsyncCommand
// runs.
func MeasureFsync(ctx context.Context, dir string, w io.Writer) error {
	times := syncAgain(ctx, dir, func(seconds float64) { fmt.Fprintln(w, seconds) })
	if number, ok := errors.AsType[unix.Errno](times.err); ok {
		_, err := fmt.Fprintf(w, "errno %d\n", int(number))
		return err
	}
	return times.err
}

// syncAgain writes a file that has no name, so that nothing is left of it
// however we end, and syncs it until ctx ends.
func syncAgain(ctx context.Context, dir string, tell func(seconds float64)) fsyncTimes {
	var times fsyncTimes
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		times.err = &os.PathError{Op: "open", Path: dir, Err: err}
		return times
	}
	defer unix.Close(fd)
	block := make([]byte, fsyncBytes)
	for range maxFsyncs {
		if times.err = ctx.Err(); times.err != nil {
			return times
		}
		started := time.Now()
		if _, times.err = unix.Pwrite(fd, block, 0); times.err != nil {
			return times
		}
		if times.err = unix.Fsync(fd); times.err != nil {
			return times
		}
		seconds := time.Since(started).Seconds()
		tell(seconds)
		times.seconds = append(times.seconds, seconds)
	}
	return times
}
