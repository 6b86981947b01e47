package host

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// ticksPerSecond is the unit in which /proc/PID/stat counts time: the kernel
// shows programs 100 on every architecture we build for.
const ticksPerSecond = 100

// process is one line of /proc/PID/stat.
type process struct {
	pid, parent int
	name        string
	// state is the letter that ps shows; that of the main thread.
	state byte
	// kernel tells whether it is a thread of the kernel.
	kernel bool
	// ticks is the time on a processor since started, both in ticks.
	ticks, started int64
	threads        int64
	rssPages       int64
}

// table is the processes at one moment.
type table struct {
	byPID map[int]process
	// denied is the number of processes whose stat we may not read.
	denied int
	// partial is set when processes are hidden from us altogether.
	partial bool
}

// processes reads the table. gopsutil reads four files for what stands in one;
// with two thousand processes that is the difference between 30 and 300 ms.
func (s Source) processes() (table, error) {
	pids, err := s.pids()
	if err != nil {
		return table{}, err
	}
	t := table{byPID: make(map[int]process, len(pids))}
	root, err := unix.Open(s.proc(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return t, blind(s.proc(), err)
	}
	defer unix.Close(root)
	buffer := make([]byte, 4096)
	for _, pid := range pids {
		line, err := readAt(root, strconv.Itoa(pid)+"/stat", buffer)
		if errors.Is(err, fs.ErrPermission) {
			t.denied++
		}
		if err != nil {
			continue // it ended since the directory was read
		}
		if p, ok := parseProcess(line); ok {
			t.byPID[pid] = p
		}
	}
	_, first := t.byPID[1]
	t.partial = !first // there is always a process 1; hidepid hides it
	return t, nil
}

// pids lists the processes that we may see.
func (s Source) pids() ([]int, error) {
	dir, err := os.Open(s.proc())
	if err != nil {
		return nil, blind(s.proc(), err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, blind(s.proc(), err)
	}
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// readAt reads a small file by system calls alone: os.ReadFile costs twice as
// much, for what a file in /proc never does.
func readAt(dir int, name string, buffer []byte) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Read(fd, buffer)
		if err != unix.EINTR {
			return buffer[:max(n, 0)], err
		}
	}
}

// kernelThread is the flag PF_KTHREAD.
const kernelThread = 0x00200000

// parseProcess reads "7 (name) S 1 …" (proc_pid_stat(5)). The name can hold
// blanks and brackets, so that its end is the last bracket.
func parseProcess(line []byte) (process, bool) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 1 || end < open || end+4 > len(line) {
		return process{}, false
	}
	pid, err := strconv.Atoi(string(line[:open-1]))
	if err != nil {
		return process{}, false
	}
	// fields[0] is the third of the manual page, the state.
	var fields [22]int64
	rest := line[end+2:]
	state := rest[0]
	for i := range fields {
		word, after, _ := bytes.Cut(rest, []byte{' '})
		if i > 0 {
			if fields[i], err = strconv.ParseInt(string(bytes.TrimSpace(word)), 10, 64); err != nil && i != 20 {
				return process{}, false // 20, the size of the address space, may exceed an int64
			}
		}
		rest = after
	}
	return process{
		pid: pid, parent: int(fields[1]), name: printable(string(line[open+1 : end])), state: state,
		kernel: fields[6]&kernelThread != 0, ticks: fields[11] + fields[12], threads: fields[17],
		started: fields[19], rssPages: fields[21],
	}, true
}

// comm reads the name of a process; "" when it has ended.
func (s Source) comm(pid int) string {
	text, _ := os.ReadFile(s.proc(strconv.Itoa(pid), "comm"))
	return printable(strings.TrimSuffix(string(text), "\n"))
}

// printable replaces what a name from the kernel may hold but a report may not:
// a process can call itself anything.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
}

// shorten cuts a name to what fits a summary.
func shorten(name string) string {
	const most = 40
	runes := []rune(name)
	if len(runes) <= most {
		return name
	}
	return "…" + string(runes[len(runes)-most+1:])
}
