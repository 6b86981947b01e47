package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/engine"
)

// openFiles is what a walk over the open files of all processes found.
type openFiles struct {
	// byDevice are the deleted files by the device number in the mount table.
	byDevice map[string]*deletedFiles
	// denied is the number of processes whose open files we may not see.
	denied int
	// err is why there was no walk, or not to its end.
	err error
}

// deletedFiles are the files of one device that are deleted but open.
type deletedFiles struct {
	bytes   int64
	files   int
	largest deletedFile
}

type deletedFile struct {
	bytes   int64
	path    string
	pid     int
	process string
}

// lookDeleted fills in the deleted files of each mount, or says why not.
func (d *disk) lookDeleted(ctx context.Context, call *engine.Call, in DiskInput, all, chosen []mount, silent map[string]bool, mounts []Mount) {
	reason, fix := "not asked for", "set the input deleted to true"
	var found openFiles
	if in.Deleted {
		call.Reproduce("lsof", "-nP", "+L1")
		limit := innerTimeout(ctx, in.Timeout)
		patience, stop := context.WithTimeout(ctx, limit)
		defer stop()
		walk := d.walks.join("", func() openFiles { return d.source.deletedFiles(patience, all, silent) })
		var answered bool
		switch found, answered = walk.wait(patience); {
		case !answered:
			found.err = patience.Err()
			fallthrough
		case errors.Is(found.err, context.DeadlineExceeded), errors.Is(found.err, context.Canceled):
			reason, fix = fmt.Sprintf("the walk over all open files took more than %s", limit.Round(time.Millisecond)), "set a longer timeout"
		case found.err != nil:
			reason, fix = found.err.Error(), ""
		case found.denied > 0:
			reason = fmt.Sprintf("may not see the open files of %d processes", found.denied)
			fix = "run gumshoe as root, or grant it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
		default:
			reason = ""
		}
	}
	for i := range mounts {
		if deleted := found.byDevice[chosen[i].device]; deleted != nil {
			m := &mounts[i]
			m.DeletedOpenBytes, m.DeletedOpenFiles = deleted.bytes, deleted.files
			m.LargestDeletedBytes, m.LargestDeletedPath = deleted.largest.bytes, deleted.largest.path
			m.LargestDeletedPID, m.LargestDeletedProcess = deleted.largest.pid, deleted.largest.process
		}
		why := reason
		if silent[chosen[i].device] {
			why = "the mount does not answer"
		}
		if why != "" {
			unread(call, why, fix, field(i, "deleted_open_bytes"), field(i, "deleted_open_files"),
				field(i, "largest_deleted_bytes"), field(i, "largest_deleted_path"),
				field(i, "largest_deleted_pid"), field(i, "largest_deleted_process"))
		}
	}
}

// deletedFiles walks /proc/PID/fd. A file that several processes or descriptors
// hold counts once. It asks no file on a silent device for its size.
func (s Source) deletedFiles(ctx context.Context, all []mount, silent map[string]bool) openFiles {
	w := walker{source: s, silent: silent, mounts: make(map[int]mount), seen: make(map[inode]bool)}
	w.found.byDevice = make(map[string]*deletedFiles)
	for _, m := range all {
		w.mounts[m.id] = m
	}
	pids, err := s.pids()
	if err != nil {
		return openFiles{err: err}
	}
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			w.found.err = err
			break
		}
		w.process(pid)
	}
	for _, deleted := range w.found.byDevice {
		deleted.largest.process = s.comm(deleted.largest.pid)
	}
	return w.found
}

// walker is the state of one walk.
type walker struct {
	source Source
	silent map[string]bool
	mounts map[int]mount
	seen   map[inode]bool
	target [4096]byte
	found  openFiles
}

type inode struct{ device, number uint64 }

const deletedSuffix = " (deleted)"

func (w *walker) process(pid int) {
	dir, err := os.Open(w.source.proc(strconv.Itoa(pid), "fd"))
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			w.found.denied++
		}
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // an error is a process that ended
	for _, name := range names {
		n, err := unix.Readlinkat(int(dir.Fd()), name, w.target[:])
		if err == nil && bytes.HasSuffix(w.target[:n], []byte(deletedSuffix)) {
			w.file(pid, int(dir.Fd()), name, strings.TrimSuffix(string(w.target[:n]), deletedSuffix))
		}
	}
}

// file counts one descriptor of a deleted file. Its mount is known from fdinfo
// without touching the file; that of a process in another mount namespace only
// from the file's device number.
func (w *walker) file(pid, dir int, name, path string) {
	m, known := w.mounts[w.mountID(pid, name)]
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/memfd:") ||
		known && (w.silent[m.device] || pseudo(m.fsType)) {
		return
	}
	var stat unix.Stat_t
	if err := unix.Fstatat(dir, name, &stat, 0); err != nil || stat.Nlink > 0 || stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	key := inode{stat.Dev, stat.Ino}
	if w.seen[key] {
		return
	}
	w.seen[key] = true
	device := m.device
	if !known {
		device = fmt.Sprintf("%d:%d", unix.Major(stat.Dev), unix.Minor(stat.Dev))
	}
	deleted := w.found.byDevice[device]
	if deleted == nil {
		deleted = &deletedFiles{}
		w.found.byDevice[device] = deleted
	}
	used := stat.Blocks * 512 // st_blocks counts in 512 bytes whatever the file system does
	deleted.bytes += used
	deleted.files++
	if deleted.files == 1 || used > deleted.largest.bytes {
		deleted.largest = deletedFile{bytes: used, path: printable(path), pid: pid}
	}
}

// mountID reads the id of the mount that a descriptor was opened through; -1
// when it cannot be told.
func (w *walker) mountID(pid int, descriptor string) int {
	text, err := os.ReadFile(w.source.proc(strconv.Itoa(pid), "fdinfo", descriptor))
	if err != nil {
		return -1
	}
	_, rest, found := strings.Cut(string(text), "mnt_id:")
	digits, _, _ := strings.Cut(rest, "\n")
	id, err := strconv.Atoi(strings.TrimSpace(digits))
	if !found || err != nil {
		return -1
	}
	return id
}
