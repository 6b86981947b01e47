package host

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gumshoe/engine"
)

// DiskIOInput are the inputs of host.disk_io.
type DiskIOInput struct {
	// Window is how long to watch the devices.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
	// Devices names the devices to look at, such as sda or /dev/nvme0n1. Empty
	// means every disk, without its partitions.
	Devices []string `json:"devices"`
	// FsyncPath is a directory in which to measure how long it takes until a small
	// write is safe: a nameless file of 4 KiB is written and synced, at most 20
	// times or for 2 seconds. Nothing of it stays. Empty means not to.
	FsyncPath string `json:"fsync_path" format:"path"`
}

// DiskIO is what host.disk_io observes: how the disks fared in the window.
type DiskIO struct {
	// Devices are the disks, the busiest first: at most 60. Partitions are counted
	// in their disk. Loop and RAM devices that did nothing are left out unless an
	// input names them; a device that an input names is there even if it is gone.
	Devices []DiskDevice `json:"devices" expr:"devices"`
	// TopIO are the programs that read from and wrote to disks the most in the
	// window, at most 5. What is written later by the kernel is counted when it was
	// written to the page cache. Unread without root, as it is then incomplete.
	TopIO []IOProcess `json:"top_io" expr:"top_io"`
	// FsyncOutcome is what came of the measurement in fsync_path: not_asked;
	// measured; timed_out, when not one sync ended in 2 seconds; read_only,
	// no_space and io_error as the file system says; not_found; and unsupported
	// where it cannot hold a nameless file.
	FsyncOutcome FsyncOutcome `json:"fsync_outcome" expr:"fsync_outcome" enum:"not_asked,measured,timed_out,read_only,no_space,io_error,not_found,unsupported"`
	// Fsyncs is the number of writes that were synced.
	Fsyncs int `json:"fsyncs" expr:"fsyncs"`
	// FsyncMedianSeconds is their median time. Unread unless fsync_outcome is
	// measured, as is the next.
	FsyncMedianSeconds float64 `json:"fsync_median_seconds" expr:"fsync_median_seconds"`
	// FsyncMaxSeconds is the longest of them.
	FsyncMaxSeconds float64 `json:"fsync_max_seconds" expr:"fsync_max_seconds"`
}

// DiskDevice is one disk.
type DiskDevice struct {
	// Name is the kernel's name for it, such as sda.
	Name string `json:"name" expr:"name"`
	// Present tells whether there was such a device all through the window. Of one
	// that was not, all that follows is unread.
	Present bool `json:"present" expr:"present"`
	// Mounts are the paths at which it and its partitions are mounted, the shortest
	// first, at most 10; those of volumes (LVM, RAID) that lie on it too.
	Mounts []string `json:"mounts" expr:"mounts"`
	// UtilisationPercent is the share of the window in which it had something to
	// do: %util of iostat. A disk that does one thing at a time is full at 100; an
	// SSD or an array that does many is not (iostat(1)): look at queue_length.
	UtilisationPercent float64 `json:"utilisation_percent" expr:"utilisation_percent"`
	// QueueLength is the mean number of requests under way or waiting: aqu-sz of
	// iostat.
	QueueLength float64 `json:"queue_length" expr:"queue_length"`
	// InFlight is the number of requests under way at the window's end.
	InFlight int64 `json:"in_flight" expr:"in_flight"`
	// AwaitSeconds is the mean time from the request to its end, waiting included,
	// of the reads and writes that ended in the window. It is unread when none did,
	// as are the next two.
	AwaitSeconds float64 `json:"await_seconds" expr:"await_seconds"`
	// ReadAwaitSeconds is the same of reads alone.
	ReadAwaitSeconds float64 `json:"read_await_seconds" expr:"read_await_seconds"`
	// WriteAwaitSeconds is the same of writes alone.
	WriteAwaitSeconds float64 `json:"write_await_seconds" expr:"write_await_seconds"`
	// FlushAwaitSeconds is the same of flushes, which make written data safe.
	// Unread when there was none, and before Linux 5.5.
	FlushAwaitSeconds float64 `json:"flush_await_seconds" expr:"flush_await_seconds"`
	// ReadsPerSecond is the rate of reads that ended.
	ReadsPerSecond float64 `json:"reads_per_second" expr:"reads_per_second"`
	// WritesPerSecond is the rate of writes that ended.
	WritesPerSecond float64 `json:"writes_per_second" expr:"writes_per_second"`
	// FlushesPerSecond is the rate of flushes that ended. Unread before Linux 5.5.
	FlushesPerSecond float64 `json:"flushes_per_second" expr:"flushes_per_second"`
	// ReadBytesPerSecond is the rate of reading.
	ReadBytesPerSecond float64 `json:"read_bytes_per_second" expr:"read_bytes_per_second"`
	// WrittenBytesPerSecond is the rate of writing.
	WrittenBytesPerSecond float64 `json:"written_bytes_per_second" expr:"written_bytes_per_second"`
	// Rotational tells whether it has, or says that it has, a spinning disk.
	// Unread without sysfs, as are the next two.
	Rotational bool `json:"rotational" expr:"rotational"`
	// ReadOnly tells whether the device itself refuses writes.
	ReadOnly bool `json:"read_only" expr:"read_only"`
	// SizeBytes is its size.
	SizeBytes int64 `json:"size_bytes" expr:"size_bytes"`
}

// IOProcess is a program that reads from or writes to disks.
type IOProcess struct {
	// PID is the process id.
	PID int `json:"pid" expr:"pid"`
	// Name is the kernel's name for it, at most 15 bytes.
	Name string `json:"name" expr:"name"`
	// ReadBytesPerSecond is what it made disks read.
	ReadBytesPerSecond float64 `json:"read_bytes_per_second" expr:"read_bytes_per_second"`
	// WrittenBytesPerSecond is what it caused to be written to disks.
	WrittenBytesPerSecond float64 `json:"written_bytes_per_second" expr:"written_bytes_per_second"`
}

// Bounds of host.disk_io.
const (
	maxDevices      = 60
	maxDeviceMounts = 10
	maxIOProcesses  = 5
)

// DiskIO is the check host.disk_io.
//
// It reads /proc/diskstats at the window's start and end, as iostat does, and
// for the programs /proc/PID/io. gopsutil leaves out flushes and counts with the
// width of its own types. With fsync_path it writes 4 KiB a few times, and is a
// load.
//
// Example:
//
//	disk_io: { check: host.disk_io, with: { window: 5s } }
//
// By hand:
//
//	iostat -xyd 1 1
//	pidstat -d 1 1
func (s Source) DiskIO() engine.Check[DiskIOInput, DiskIO] {
	d := &diskIO{source: s}
	return engine.Check[DiskIOInput, DiskIO]{
		Name: "host.disk_io",
		Doc:  "How busy the disks are, how long requests take and queue, and which programs read and write; on request, how long it takes until a small write is safe.",
		Cost: 1050 * time.Millisecond,
		Risk: engine.Load,
		RiskOf: func(in DiskIOInput) engine.Risk {
			if in.FsyncPath == "" {
				return engine.Read
			}
			return engine.Load
		},
		Plan: func(in DiskIOInput) []engine.Touch {
			if in.FsyncPath == "" {
				return nil
			}
			touches := []engine.Touch{{Kind: engine.TouchFile, What: filepath.Clean(in.FsyncPath), How: "write 4 KiB to a nameless file, and sync"}}
			if len(s.FsyncCommand) > 0 {
				argv := s.fsyncCommand(filepath.Clean(in.FsyncPath))
				touches = append(touches, engine.Touch{Kind: engine.TouchCommand, What: argv[0], How: "run", Argv: argv})
			}
			return touches
		},
		Run:       d.look,
		Summarize: summarizeDiskIO,
	}
}

func summarizeDiskIO(o DiskIO) string {
	if len(o.Devices) == 0 {
		return "no disks to be seen"
	}
	busiest := o.Devices[0]
	text := fmt.Sprintf("%s %.0f %% busy, queue %.1f", shorten(busiest.Name), busiest.UtilisationPercent, busiest.QueueLength)
	if busiest.AwaitSeconds > 0 {
		text += fmt.Sprintf(", %.2g ms a request", busiest.AwaitSeconds*1000)
	}
	switch o.FsyncOutcome {
	case FsyncNotAsked, "":
	case FsyncMeasured:
		text += fmt.Sprintf(", fsync %.2g ms", o.FsyncMedianSeconds*1000)
	default:
		text += fmt.Sprintf(", fsync %s", o.FsyncOutcome)
	}
	return text
}

// diskIO is the state behind one host.disk_io: the syncs that hang.
type diskIO struct {
	source Source
	syncs  flights[fsyncTimes]
}

func (d *diskIO) look(ctx context.Context, call *engine.Call, in DiskIOInput) (DiskIO, error) {
	call.Reproduce("iostat", "-xyd", "1", "1")
	s := d.source
	o := DiskIO{Devices: []DiskDevice{}, TopIO: []IOProcess{}, FsyncOutcome: FsyncNotAsked}
	if in.FsyncPath != "" && !filepath.IsAbs(in.FsyncPath) {
		return o, engine.Blind(fmt.Sprintf("fsync_path: %q is not an absolute path", in.FsyncPath), "write it from the root", nil)
	}
	before, err := s.diskStats()
	if err != nil {
		return o, err
	}
	processes, err := s.ioCounts()
	if err != nil {
		return o, err
	}
	started := time.Now()
	if in.FsyncPath != "" {
		d.fsync(ctx, call, &o, in)
	} else {
		unread(call, "no fsync_path was given", "", "fsync_median_seconds", "fsync_max_seconds")
	}
	if err := wait(ctx, max(in.Window-time.Since(started), 0)); err != nil {
		return o, err
	}
	after, err := s.diskStats()
	if err != nil {
		return o, err
	}
	seconds := time.Since(started).Seconds()
	if err := o.topIO(call, s, processes, seconds); err != nil {
		return o, err
	}
	o.devices(call, s, in.Devices, before, after, seconds)
	return o, ctx.Err()
}

// devices fills in the wanted devices, or all disks, the busiest first.
func (o *DiskIO) devices(call *engine.Call, s Source, wanted []string, before, after map[string]diskStat, seconds float64) {
	names := make([]string, 0, len(after))
	for _, name := range wanted {
		if name = strings.TrimPrefix(name, "/dev/"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(wanted) == 0 {
		for name, now := range after {
			idle := now.ended() == before[name].ended() && now.inFlight == 0
			if partitionOf(name, after) != "" || idle && (strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "ram")) {
				continue
			}
			names = append(names, name)
		}
	}
	list := make([]DiskDevice, 0, len(names))
	for _, name := range names {
		start, was := before[name]
		end, is := after[name]
		change, whole := end.since(start)
		device := DiskDevice{Name: printable(name), Present: was && is && whole, Mounts: []string{}}
		if device.Present {
			device.compare(change, seconds)
		}
		list = append(list, device)
	}
	slices.SortFunc(list, func(a, b DiskDevice) int {
		return cmp.Or(cmp.Compare(b.UtilisationPercent, a.UtilisationPercent), cmp.Compare(b.QueueLength, a.QueueLength), cmp.Compare(a.Name, b.Name))
	})
	if len(list) > maxDevices {
		call.Unread("devices", fmt.Sprintf("there are %d disks, of which the %d busiest are shown", len(list), maxDevices), "name the others in devices")
		list = list[:maxDevices]
	}
	o.Devices = list
	mounts, mountsErr := s.deviceMounts(after)
	for i := range list {
		list[i].describe(call, s, i, before, after, mounts, mountsErr)
	}
}

// compare fills in what happened in the window.
func (d *DiskDevice) compare(change diskStat, seconds float64) {
	d.InFlight = change.inFlight
	d.UtilisationPercent = min(100*float64(change.busyMS)/1000/seconds, 100)
	d.QueueLength = float64(change.weightedMS) / 1000 / seconds
	reads, writes, flushes := float64(change.reads), float64(change.writes), float64(change.flushes)
	readSeconds, writeSeconds := float64(change.readMS)/1000, float64(change.writeMS)/1000
	d.ReadsPerSecond, d.WritesPerSecond, d.FlushesPerSecond = reads/seconds, writes/seconds, flushes/seconds
	d.ReadBytesPerSecond = float64(change.readSectors) * sectorBytes / seconds
	d.WrittenBytesPerSecond = float64(change.writtenSectors) * sectorBytes / seconds
	d.ReadAwaitSeconds, d.WriteAwaitSeconds = ratio(readSeconds, reads), ratio(writeSeconds, writes)
	d.AwaitSeconds, d.FlushAwaitSeconds = ratio(readSeconds+writeSeconds, reads+writes), ratio(float64(change.flushMS)/1000, flushes)
}

// ratio gives part for each of whole; of nothing it is 0.
func ratio(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// describe fills in what a device is, and marks what could not be read of it.
func (d *DiskDevice) describe(call *engine.Call, s Source, i int, before, after map[string]diskStat, mounts map[string][]string, mountsErr error) {
	field := func(name string) string { return fmt.Sprintf("devices[%d].%s", i, name) }
	if !d.Present {
		reason := "there is no such device"
		if _, is := after[d.Name]; is || before[d.Name] != (diskStat{}) {
			reason = "the device came or went in the window"
		}
		for _, name := range deviceFields() {
			call.Unread(field(name), reason, "")
		}
		return
	}
	for _, await := range []struct {
		name  string
		value float64
		rate  float64
		what  string
	}{
		{"await_seconds", d.AwaitSeconds, d.ReadsPerSecond + d.WritesPerSecond, "request"},
		{"read_await_seconds", d.ReadAwaitSeconds, d.ReadsPerSecond, "read"},
		{"write_await_seconds", d.WriteAwaitSeconds, d.WritesPerSecond, "write"},
		{"flush_await_seconds", d.FlushAwaitSeconds, d.FlushesPerSecond, "flush"},
	} {
		if await.rate == 0 {
			call.Unread(field(await.name), "no "+await.what+" ended in the window", "")
		}
	}
	if after[d.Name].flushless {
		call.Unread(field("flushes_per_second"), "this kernel does not count flushes", "it takes Linux 5.5")
	}
	if mountsErr != nil {
		call.Unread(field("mounts"), mountsErr.Error(), "")
	}
	d.Mounts = append(d.Mounts, mounts[d.Name]...)
	for _, attribute := range []struct {
		file, name string
		set        func(int64)
	}{
		{"queue/rotational", "rotational", func(n int64) { d.Rotational = n != 0 }},
		{"ro", "read_only", func(n int64) { d.ReadOnly = n != 0 }},
		{"size", "size_bytes", func(n int64) { d.SizeBytes = n * sectorBytes }},
	} {
		path := s.sys("class/block", d.Name, attribute.file)
		n, err := numberIn(path)
		if err != nil {
			call.Unread(field(attribute.name), "cannot read "+path, "mount sysfs at "+s.sys())
			continue
		}
		attribute.set(n)
	}
}

// deviceFields are the fields of a device that need it to be there.
func deviceFields() []string {
	return []string{
		"mounts", "utilisation_percent", "queue_length", "in_flight", "await_seconds", "read_await_seconds",
		"write_await_seconds", "flush_await_seconds", "reads_per_second", "writes_per_second", "flushes_per_second",
		"read_bytes_per_second", "written_bytes_per_second", "rotational", "read_only", "size_bytes",
	}
}
