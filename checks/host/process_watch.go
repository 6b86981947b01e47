package host

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How the processes are followed. A glance is only at the processes that started
// since the last one, by their ids, which the kernel gives in order: a program
// that crashes as it starts lives for some milliseconds, and to read the whole
// list takes as long. The list is read when a glance may have missed some.
const (
	glanceEvery = 2 * time.Millisecond
	lookEvery   = 100 * time.Millisecond
	// maxGlance bounds how many new ids are looked at in one glance.
	maxGlance = 20
	// maxTwin is for how many glances a new process may yet become what is meant.
	maxTwin = 10
)

// life is one process: an id can be used again, at another time.
type life struct {
	pid     int
	started int64
}

func (p process) life() life { return life{p.pid, p.started} }

// processWatch follows the processes that are meant through the window.
type processWatch struct {
	source Source
	in     ProcessInput
	before table
	// inUnit remembers whose control group is in the unit: two thousand small files
	// are read once.
	inUnit map[life]bool
	// present are the ids at the last look.
	present map[int]bool
	// twins are new processes that did not match, with the glances left to them: a
	// process is its parent's twin until it runs its program.
	twins map[int]int
	// last is the id that the kernel gave last; 0 when that is not known. It is in
	// loadavg, which is kept open: it is read five hundred times a second.
	last    int
	loadavg *os.File
	// missed is set when a glance may have missed some.
	missed bool
	// alive are those that matched and had not ended.
	alive          map[life]bool
	started, ended int
	buffer         []byte
}

// watch begins to follow: before is the table at the window's start.
func (s Source) watch(in ProcessInput, before table) *processWatch {
	w := &processWatch{
		source: s, in: in, before: before, inUnit: make(map[life]bool),
		present: make(map[int]bool, len(before.byPID)), alive: make(map[life]bool), twins: make(map[int]int), buffer: make([]byte, 4096),
	}
	// The kernel tells the last id of our own namespace, not of that of this procfs.
	if self, err := os.Readlink(s.proc("self")); err == nil && self == strconv.Itoa(os.Getpid()) {
		if w.loadavg, err = os.Open(s.proc("loadavg")); err == nil {
			w.last = w.lastPID()
		}
	}
	matches, _ := w.matching(before)
	for pid := range before.byPID {
		w.present[pid] = true
	}
	for _, p := range matches {
		if p.ended() == 0 {
			w.alive[p.life()] = true
		}
	}
	return w
}

// close ends the watch.
func (w *processWatch) close() {
	if w.loadavg != nil {
		w.loadavg.Close()
	}
}

// window lets the window pass, looking again and again.
func (w *processWatch) window(ctx context.Context, window time.Duration) error {
	every := lookEvery
	if w.last != 0 {
		every = glanceEvery
	}
	looked := time.Now()
	for end := looked.Add(window); ; {
		left := time.Until(end)
		if left <= every {
			return wait(ctx, left)
		}
		if err := wait(ctx, every); err != nil {
			return err
		}
		if w.last != 0 {
			w.glance()
		}
		if (w.missed || w.last == 0) && time.Since(looked) >= lookEvery {
			if err := w.look(); err != nil {
				return err
			}
			looked = time.Now()
		}
	}
}

// look reads the list of processes, and those that are new in it.
func (w *processWatch) look() error {
	pids, err := w.source.pids()
	if err != nil {
		return err
	}
	present := make(map[int]bool, len(pids))
	for _, pid := range pids {
		present[pid] = true
		_, twin := w.twins[pid]
		if w.present[pid] && !twin {
			continue
		}
		delete(w.twins, pid)
		if p, ok := w.read(pid); ok && !w.meet(p, true) && !twin {
			w.twins[pid] = maxTwin
		}
	}
	for l := range w.alive {
		if !present[l.pid] {
			w.ended++
			delete(w.alive, l)
		}
	}
	w.present, w.missed = present, false
	return nil
}

// glance looks at the processes whose ids were given since the last one.
func (w *processWatch) glance() {
	for pid, left := range w.twins {
		w.twins[pid]--
		if p, ok := w.read(pid); !ok || w.meet(p, false) || left <= 1 {
			delete(w.twins, pid)
		}
	}
	last := w.lastPID()
	first := w.last + 1
	if last < w.last || last-w.last > maxGlance { // it began anew, or there are too many
		first = last - maxGlance
		w.missed = true
	}
	for pid := max(first, 1); pid <= last && last != w.last; pid++ {
		if p, ok := w.read(pid); ok && !w.meet(p, false) {
			w.twins[pid] = maxTwin
		}
	}
	if last != 0 {
		w.last = last
	}
}

// lastPID reads the fifth field of /proc/loadavg, "0.01 0.02 0.03 1/234 567".
func (w *processWatch) lastPID() int {
	n, err := w.loadavg.ReadAt(w.buffer[:64], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	fields := strings.Fields(string(w.buffer[:n]))
	if len(fields) != 5 {
		return 0
	}
	last, err := strconv.Atoi(fields[4])
	if err != nil {
		return 0
	}
	return last
}

// read reads the line of one process.
func (w *processWatch) read(pid int) (process, bool) {
	line, err := readAt(unix.AT_FDCWD, w.source.proc(strconv.Itoa(pid), "stat"), w.buffer)
	if err != nil {
		return process{}, false
	}
	return parseProcess(line)
}

// meet tells whether a process that was not there before is meant, and counts
// it. What was not listed may be a thread.
func (w *processWatch) meet(p process, listed bool) bool {
	if earlier, ok := w.before.byPID[p.pid]; ok && earlier.started == p.started {
		return false
	}
	if match, _ := w.matches(p); !match || !listed && !w.leads(p.pid) {
		return false
	}
	w.begin(p)
	return true
}

// leads tells whether an id is that of a process, and not of a further thread.
func (w *processWatch) leads(pid int) bool {
	text, err := readAt(unix.AT_FDCWD, w.source.proc(strconv.Itoa(pid), "status"), w.buffer)
	return err == nil && bytes.Contains(text, []byte("\nTgid:\t"+strconv.Itoa(pid)+"\n"))
}

// begin counts a process that matched and was not there before.
func (w *processWatch) begin(p process) {
	if w.alive[p.life()] {
		return
	}
	for l := range w.alive {
		if l.pid == p.pid { // its id was used again
			w.ended++
			delete(w.alive, l)
		}
	}
	w.started++
	w.alive[p.life()] = true
}

// manyProcesses is from how many on the table is not read twice as a whole: that
// alone takes 30 ms of a processor for 2,000.
const manyProcesses = 1000

// after gives the table at the window's end. Where there are many processes, of
// those that were there before and did not match only that they are still there
// is read: one that has become what is meant by running another program, or whose
// id was used again unseen, is then found by the next look.
func (w *processWatch) after() (table, error) {
	if len(w.before.byPID) < manyProcesses {
		return w.source.processes()
	}
	pids, err := w.source.pids()
	if err != nil {
		return table{}, err
	}
	matched := make(map[int]bool)
	matches, _ := w.matching(w.before)
	for _, p := range matches {
		matched[p.pid] = true
	}
	t := table{byPID: make(map[int]process, len(pids)), denied: w.before.denied, partial: w.before.partial}
	for _, pid := range pids {
		p, was := w.before.byPID[pid]
		if !was || matched[pid] {
			if p, was = w.read(pid); !was {
				continue // it ended since the list was read
			}
		}
		t.byPID[pid] = p
	}
	return t, nil
}

// finish counts what started and ended in the window, given the table at its end.
func (w *processWatch) finish(after table, matches []process) (started, ended int) {
	for _, p := range matches {
		if earlier, ok := w.before.byPID[p.pid]; !ok || earlier.started != p.started {
			w.begin(p)
		}
	}
	for l := range w.alive {
		if p, ok := after.byPID[l.pid]; !ok || p.started != l.started || p.ended() == 1 {
			w.ended++
		}
	}
	return w.started, w.ended
}

// matching gives the processes that are meant, the main one first; and the
// number of those of which we cannot tell.
func (w *processWatch) matching(t table) (matches []process, denied int) {
	for _, p := range t.byPID {
		match, unknown := w.matches(p)
		if match {
			matches = append(matches, p)
		}
		if unknown {
			denied++
		}
	}
	slices.SortFunc(matches, func(a, b process) int {
		return cmp.Or(cmp.Compare(a.ended(), b.ended()), cmp.Compare(a.started, b.started), cmp.Compare(a.pid, b.pid))
	})
	return matches, denied
}

// matches tells whether a process is meant, and whether that could not be told.
func (w *processWatch) matches(p process) (match, unknown bool) {
	in, s := w.in, w.source
	if in.PID != 0 && p.pid != in.PID || in.Name != "" && !s.named(p, in.Name) {
		return false, false
	}
	if in.Unit != "" {
		if inUnit, err := w.belongs(p); err != nil || !inUnit {
			return false, errors.Is(err, fs.ErrPermission) && !p.kernel
		}
	}
	if in.Exe == "" {
		return true, false
	}
	file, err := os.Readlink(s.proc(strconv.Itoa(p.pid), "exe"))
	// An upgrade deletes the file of a program that runs on.
	return err == nil && strings.TrimSuffix(file, deletedSuffix) == in.Exe, errors.Is(err, fs.ErrPermission) && !p.kernel
}
