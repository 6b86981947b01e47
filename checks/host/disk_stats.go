package host

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gumshoe/engine"
)

// sectorBytes is the unit of /proc/diskstats and of sysfs, whatever the disk's own.
const sectorBytes = 512

// diskStat is one line of /proc/diskstats.
type diskStat struct {
	device                          string // major:minor
	reads, readSectors, readMS      int64
	writes, writtenSectors, writeMS int64
	inFlight, busyMS, weightedMS    int64
	flushes, flushMS                int64
	// flushless is set when the kernel is older than 5.5 and does not count them.
	flushless bool
}

// ended is how many requests have ended since the device was made.
func (d diskStat) ended() int64 { return d.reads + d.writes + d.flushes }

// since gives what happened since an earlier reading, with inFlight as it is now;
// not if a counter went backwards, as when another device took the name. The
// times are 32 bits wide, as all counters are on 32-bit kernels, and go round.
func (d diskStat) since(from diskStat) (diskStat, bool) {
	const round = int64(1) << 32
	whole := true
	grew := func(a, b int64) int64 {
		if b < a && a < round && a >= round/2 {
			b += round
		}
		whole = whole && b >= a
		return b - a
	}
	return diskStat{
		device: d.device, inFlight: d.inFlight, flushless: d.flushless,
		reads: grew(from.reads, d.reads), readSectors: grew(from.readSectors, d.readSectors), readMS: grew(from.readMS, d.readMS),
		writes: grew(from.writes, d.writes), writtenSectors: grew(from.writtenSectors, d.writtenSectors), writeMS: grew(from.writeMS, d.writeMS),
		busyMS: grew(from.busyMS, d.busyMS), weightedMS: grew(from.weightedMS, d.weightedMS),
		flushes: grew(from.flushes, d.flushes), flushMS: grew(from.flushMS, d.flushMS),
	}, whole && d.device == from.device
}

// diskStats reads the counters of all devices, by name.
func (s Source) diskStats() (map[string]diskStat, error) {
	text, err := os.ReadFile(s.proc("diskstats"))
	if err != nil {
		return nil, blind(s.proc("diskstats"), err)
	}
	stats := make(map[string]diskStat)
	for line := range strings.Lines(string(text)) {
		if name, stat, ok := parseDiskStat(line); ok {
			stats[name] = stat
		}
	}
	return stats, nil
}

// parseDiskStat reads "8 0 sda 1 2 3 …" (Documentation/admin-guide/iostats.rst):
// 11 counters, since Linux 4.18 four more on discards, since 5.5 two on flushes.
func parseDiskStat(line string) (string, diskStat, bool) {
	fields := strings.Fields(line)
	if len(fields) < 14 {
		return "", diskStat{}, false
	}
	numbers := make([]int64, 17)
	for i := range min(len(fields)-3, len(numbers)) {
		n, err := strconv.ParseInt(fields[3+i], 10, 64)
		if err != nil || n < 0 {
			return "", diskStat{}, false
		}
		numbers[i] = n
	}
	return fields[2], diskStat{
		device: fields[0] + ":" + fields[1],
		reads:  numbers[0], readSectors: numbers[2], readMS: numbers[3],
		writes: numbers[4], writtenSectors: numbers[6], writeMS: numbers[7],
		inFlight: numbers[8], busyMS: numbers[9], weightedMS: numbers[10],
		flushes: numbers[15], flushMS: numbers[16], flushless: len(fields) < 20,
	}, true
}

// partitionOf gives the disk of which a device is a partition, or "": sda1 is
// one of sda, and nvme0n1p2 of nvme0n1. The names tell even without sysfs.
func partitionOf[T any](name string, all map[string]T) string {
	disk := strings.TrimRight(name, "0123456789")
	if disk == name {
		return ""
	}
	if p, ok := strings.CutSuffix(disk, "p"); ok && p != "" && p[len(p)-1] >= '0' && p[len(p)-1] <= '9' {
		disk = p
	}
	if _, there := all[disk]; there {
		return disk
	}
	return ""
}

// deviceMounts gives the paths at which each disk is mounted, itself, by its
// partitions, or by volumes that lie on it.
func (s Source) deviceMounts(stats map[string]diskStat) (map[string][]string, error) {
	all, err := s.mounts()
	if err != nil {
		return nil, err
	}
	byNumber := make(map[string]string, len(stats))
	for name, stat := range stats {
		byNumber[stat.device] = name
	}
	mounts := make(map[string][]string)
	for _, m := range all {
		name, known := byNumber[m.device]
		if !known {
			continue
		}
		for _, disk := range s.disksUnder(name, stats, 0) {
			if !slices.Contains(mounts[disk], m.point) {
				mounts[disk] = append(mounts[disk], m.point)
			}
		}
	}
	for disk, points := range mounts {
		slices.SortFunc(points, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		points = points[:min(maxDeviceMounts, len(points))]
		for i := range points {
			points[i] = printable(points[i])
		}
		mounts[disk] = points
	}
	return mounts, nil
}

// disksUnder gives a device and those that it lies on, partitions as their disk.
func (s Source) disksUnder(name string, stats map[string]diskStat, depth int) []string {
	const deepest = 8
	if disk := partitionOf(name, stats); disk != "" {
		name = disk
	}
	disks := []string{name}
	slaves, err := os.ReadDir(s.sys("class/block", name, "slaves"))
	if err != nil || depth == deepest {
		return disks
	}
	for _, slave := range slaves {
		disks = append(disks, s.disksUnder(slave.Name(), stats, depth+1)...)
	}
	return disks
}

// numberIn reads a file that holds one whole number.
func numberIn(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// ioCount is what a process made disks do since it started.
type ioCount struct {
	read, written int64
}

// ioTable is what all processes made disks do.
type ioTable struct {
	byPID map[int]ioCount
	// denied is the number of processes of which we may not know.
	denied int
}

// ioCounts reads /proc/PID/io of every process.
func (s Source) ioCounts() (ioTable, error) {
	t := ioTable{byPID: make(map[int]ioCount)}
	pids, err := s.pids()
	if err != nil {
		return t, err
	}
	root, err := unix.Open(s.proc(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return t, blind(s.proc(), err)
	}
	defer unix.Close(root)
	buffer := make([]byte, 1024)
	for _, pid := range pids {
		text, err := readAt(root, strconv.Itoa(pid)+"/io", buffer)
		switch {
		case errors.Is(err, fs.ErrPermission):
			t.denied++
		case err == nil:
			t.byPID[pid] = parseIO(text)
		}
	}
	return t, nil
}

// parseIO reads the lines read_bytes and write_bytes; what was written to files
// that were removed in time (cancelled_write_bytes) did not reach a disk.
func parseIO(text []byte) ioCount {
	var c ioCount
	var cancelled int64
	for line := range bytes.Lines(text) {
		name, digits, _ := bytes.Cut(line, []byte(": "))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 10, 64)
		if err != nil {
			continue
		}
		switch string(name) {
		case "read_bytes":
			c.read = n
		case "write_bytes":
			c.written = n
		case "cancelled_write_bytes":
			cancelled = n
		}
	}
	c.written = max(c.written-cancelled, 0)
	return c
}

// topIO fills in the programs that did the most since the earlier reading.
func (o *DiskIO) topIO(call *engine.Call, s Source, before ioTable, seconds float64) error {
	after, err := s.ioCounts()
	if err != nil {
		return err
	}
	if after.denied > 0 {
		call.Unread("top_io", "may not see what other users' processes read and write",
			"run gumshoe as root, or with CAP_SYS_PTRACE")
	}
	if len(after.byPID) == 0 && after.denied == 0 {
		call.Unread("top_io", "this kernel does not count what processes read and write",
			"boot one that is built with CONFIG_TASK_IO_ACCOUNTING")
	}
	for pid, now := range after.byPID {
		was, known := before.byPID[pid]
		if !known {
			continue
		}
		p := IOProcess{
			PID:                   pid,
			ReadBytesPerSecond:    float64(max(now.read-was.read, 0)) / seconds,
			WrittenBytesPerSecond: float64(max(now.written-was.written, 0)) / seconds,
		}
		if p.ReadBytesPerSecond+p.WrittenBytesPerSecond > 0 {
			o.TopIO = append(o.TopIO, p)
		}
	}
	slices.SortFunc(o.TopIO, func(a, b IOProcess) int {
		return cmp.Or(cmp.Compare(b.ReadBytesPerSecond+b.WrittenBytesPerSecond, a.ReadBytesPerSecond+a.WrittenBytesPerSecond), cmp.Compare(a.PID, b.PID))
	})
	o.TopIO = o.TopIO[:min(maxIOProcesses, len(o.TopIO))]
	for i := range o.TopIO {
		comm, err := os.ReadFile(s.proc(strconv.Itoa(o.TopIO[i].PID), "comm"))
		if err != nil {
			call.Unread("top_io["+strconv.Itoa(i)+"].name", "it ended while we looked", "")
		}
		o.TopIO[i].Name = printable(strings.TrimSuffix(string(comm), "\n"))
	}
	return nil
}
