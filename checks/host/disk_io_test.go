package host

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestDiskIOConforms(t *testing.T) {
	checktest.Run(t, Source{}.DiskIO(), map[string]any{"window": "100ms"})
	t.Run("fsync", func(t *testing.T) {
		checktest.Run(t, Source{}.DiskIO(), map[string]any{"window": "100ms", "fsync_path": t.TempDir(), "devices": []string{"/dev/gone"}})
	})
}

// diskIOFed is the check on a tree whose sysfs is at sysfs.
func diskIOFed(s Source) engine.Check[DiskIOInput, DiskIO] {
	s.Sys = filepath.Join(s.Proc, "sysfs")
	return s.DiskIO()
}

const (
	diskStatsBefore = "   8       0 sda 100 5 2000 500 200 9 4000 1000 0 300 1500 0 0 0 0 10 100\n" +
		"   8       1 sda1 100 5 2000 500 200 9 4000 1000 0 300 1500 0 0 0 0 0 0\n" +
		" 259       0 nvme0n1 1 1 1 1 1 1 1 1 0 1 1\n" +
		" 259       2 nvme0n1p2 1 1 1 1 1 1 1 1 0 1 1\n" +
		"   7       0 loop0 9 0 0 0 0 0 0 0 0 0 0\n" +
		"   7       1 loop1 9 0 0 0 0 0 0 0 0 0 0\n" +
		" 253       0 dm-0 0 0 0 0 0 0 0 0 0 0 0\n" +
		"   8      16 sdb 5 0 0 0 0 0 0 0 0 0 0\n"
	diskStatsAfter = "   8       0 sda 150 5 3024 1500 200 9 4000 1000 3 1100 9500 0 0 0 0 14 140\n" +
		"   8       1 sda1 150 5 3024 1500 200 9 4000 1000 3 1100 9500 0 0 0 0 0 0\n" +
		" 259       0 nvme0n1 1 1 1 1 101 1 20001 51 0 21 51\n" +
		" 259       2 nvme0n1p2 1 1 1 1 101 1 20001 51 0 21 51\n" +
		"   7       0 loop0 9 0 0 0 0 0 0 0 0 0 0\n" +
		"   7       1 loop1 10 0 8 1 0 0 0 0 0 1 1\n" +
		" 253       0 dm-0 0 0 0 0 0 0 0 0 0 0 0\n" +
		"   8      32 sdc 5 0 0 0 0 0 0 0 0 0 0\n"
)

func diskIOTree() tree {
	return tree{
		"diskstats": diskStatsBefore,
		"self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 253:0 / /srv/data rw - xfs /dev/mapper/vg-data rw\n" +
			"3 1 0:5 / /proc rw - proc proc rw\n4 1 8:1 /etc /mnt/etc rw - ext4 /dev/sda1 rw\n",
		"sysfs/class/block/sda/queue/rotational": "1\n", "sysfs/class/block/sda/ro": "0\n", "sysfs/class/block/sda/size": "2048\n",
		"sysfs/class/block/dm-0/slaves/nvme0n1p2/dev": "259:2\n",
		"10/io": "rchar: 1\nread_bytes: 1000\nwrite_bytes: 500\ncancelled_write_bytes: 0\n", "10/comm": "postgres\n",
		"11/io": "read_bytes: 0\nwrite_bytes: 0\n", "11/comm": "quiet\n",
		"12/io": "read_bytes: 0\nwrite_bytes: 4096\ncancelled_write_bytes: 4096\n", "12/comm": "tmp\n",
	}
}

func TestDiskIO(t *testing.T) {
	after := tree{
		"diskstats": diskStatsAfter,
		"10/io":     "rchar: 1\nread_bytes: 1001000\nwrite_bytes: 2500\ncancelled_write_bytes: 0\n",
		"12/io":     "read_bytes: 0\nwrite_bytes: 8192\ncancelled_write_bytes: 8192\n",
	}
	got, o := fed[DiskIO, DiskIOInput](t, diskIOFed, diskIOTree(), after, nil)
	same(t, got, DiskIO{
		FsyncOutcome: FsyncNotAsked,
		Devices: []DiskDevice{
			{
				Name: "sda", Present: true, Mounts: []string{"/", "/mnt/etc"}, UtilisationPercent: 80, QueueLength: 8, InFlight: 3,
				AwaitSeconds: 0.02, ReadAwaitSeconds: 0.02, FlushAwaitSeconds: 0.01, ReadsPerSecond: 50, FlushesPerSecond: 4,
				ReadBytesPerSecond: 512 * 1024, Rotational: true, SizeBytes: 1 << 20,
			},
			{
				Name: "nvme0n1", Present: true, Mounts: []string{"/srv/data"}, UtilisationPercent: 2, QueueLength: 0.05,
				AwaitSeconds: 0.0005, WriteAwaitSeconds: 0.0005, WritesPerSecond: 100, WrittenBytesPerSecond: 20000 * 512,
			},
			{Name: "loop1", Present: true, Mounts: []string{}, UtilisationPercent: 0.1, QueueLength: 0.001, AwaitSeconds: 0.001, ReadAwaitSeconds: 0.001, ReadsPerSecond: 1, ReadBytesPerSecond: 4096},
			{Name: "dm-0", Present: true, Mounts: []string{"/srv/data"}},
			{Name: "sdc", Mounts: []string{}},
		},
		TopIO: []IOProcess{{PID: 10, Name: "postgres", ReadBytesPerSecond: 1e6, WrittenBytesPerSecond: 2000}},
	})
	for path, want := range map[string]bool{
		"devices[0].write_await_seconds": true, "devices[0].await_seconds": false, "devices[0].rotational": false,
		"devices[1].rotational": true, "devices[1].read_await_seconds": true, "devices[1].write_await_seconds": false,
		"devices[3].await_seconds": true, "devices[4].utilisation_percent": true, "devices[4].mounts": true,
		"fsync_median_seconds": true, "devices": false, "top_io": false,
	} {
		if checktest.HasUnread(o, path) != want {
			t.Errorf("%s unread: got %v, want %v", path, !want, want)
		}
	}
	if want := "sda 80 % busy, queue 8.0, 20 ms a request"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
	named, o := fed[DiskIO, DiskIOInput](t, diskIOFed, diskIOTree(), after, map[string]any{"devices": []string{"/dev/sda1", "gone", "sda1"}})
	if len(named.Devices) != 2 || named.Devices[0].Name != "sda1" || named.Devices[0].UtilisationPercent != 80 || named.Devices[1].Present {
		t.Errorf("got %+v, want sda1 and one that is not there", named.Devices)
	}
	if !checktest.HasUnread(o, "devices[1].in_flight") {
		t.Error("of a device that is not there something is observed")
	}
}

// TestDiskStatSince: a counter that goes round is no other device, and one that
// goes backwards is.
func TestDiskStatSince(t *testing.T) {
	const round = 1 << 32
	base := diskStat{device: "8:0", reads: 100, busyMS: round - 100, readSectors: round + 5}
	for _, tt := range []struct {
		name string
		to   diskStat
		want diskStat
		ok   bool
	}{
		{"same", base, diskStat{device: "8:0"}, true},
		{"goes round", diskStat{device: "8:0", reads: 101, busyMS: 50, readSectors: round + 9, inFlight: 2},
			diskStat{device: "8:0", reads: 1, busyMS: 150, readSectors: 4, inFlight: 2}, true},
		{"made anew", diskStat{device: "8:0", reads: 1, busyMS: round - 1, readSectors: round + 9}, diskStat{}, false},
		{"wider than 32 bits", diskStat{device: "8:0", reads: 100, busyMS: round - 100, readSectors: 3}, diskStat{}, false},
		{"a little less", diskStat{device: "8:0", reads: 100, busyMS: round - 100, readSectors: round + 4}, diskStat{}, false},
		{"another number", diskStat{device: "8:16", reads: 101, busyMS: round - 1, readSectors: round + 9}, diskStat{}, false},
	} {
		got, ok := tt.to.since(base)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s: got %+v %v, want %+v %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

// TestDiskIOReplaced: of a disk whose counters began anew nothing is observed,
// and an old kernel's flushes are not 0.
func TestDiskIOReplaced(t *testing.T) {
	before := tree{"diskstats": " 8 0 sda 100 0 900 5 0 0 0 0 0 5 5\n 8 16 sdb 1 0 8 1 0 0 0 0 0 1 1\n", "self/mountinfo": ""}
	after := tree{"diskstats": " 8 0 sda 3 0 24 1 0 0 0 0 0 1 1\n 8 16 sdb 3 0 24 3 0 0 0 0 0 3 3\n"}
	got, o := fed[DiskIO, DiskIOInput](t, diskIOFed, before, after, nil)
	if len(got.Devices) != 2 || !got.Devices[0].Present || got.Devices[1].Present || !checktest.HasUnread(o, "devices[1].reads_per_second") {
		t.Errorf("got %+v, unread %v; want sdb, and sda unread", got.Devices, o.Unread)
	}
	if !checktest.HasUnread(o, "top_io") {
		t.Error("without /proc/PID/io no program is said to read or write")
	}
	if !checktest.HasUnread(o, "devices[0].flushes_per_second") || checktest.HasUnread(o, "devices[0].reads_per_second") {
		t.Errorf("unread %v; want the flushes and not the reads", o.Unread)
	}
}

func TestDiskIOBlind(t *testing.T) {
	for name, inputs := range map[string]map[string]any{"no diskstats": nil, "relative": {"fsync_path": "var"}} {
		root := t.TempDir()
		if name == "relative" {
			diskIOTree().write(t, root)
		}
		if o := checktest.Look(t, Source{Proc: root}.DiskIO(), inputs); o.Status != engine.Failed || o.Reason == "" || o.Fix == "" {
			t.Errorf("%s: got %s %q, fix %q; want a failure with a reason and a fix", name, o.Status, o.Reason, o.Fix)
		}
	}
}

func TestFsync(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		want FsyncOutcome
	}{{t.TempDir(), FsyncMeasured}, {"/proc", FsyncUnsupported}, {filepath.Join(file, "below"), FsyncNotFound}, {"/nowhere/at/all", FsyncNotFound}} {
		got, o := checktest.Observe[DiskIO](t, Source{}.DiskIO(), map[string]any{"window": "100ms", "fsync_path": tt.path})
		measured := got.FsyncOutcome == FsyncMeasured
		if got.FsyncOutcome != tt.want || measured != (got.FsyncMedianSeconds > 0) || measured == checktest.HasUnread(o, "fsync_max_seconds") {
			t.Errorf("%s: got %s, median %v s; want %s", tt.path, got.FsyncOutcome, got.FsyncMedianSeconds, tt.want)
		}
		if measured && (got.FsyncMaxSeconds < got.FsyncMedianSeconds || got.Fsyncs < 1) {
			t.Errorf("got %+v", got)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("something stays behind: %v, %v", entries, err)
	}
}

// A process of its own measures, and is not waited for when the disk hangs.
func TestFsyncCommand(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		want         FsyncOutcome
		median       float64
	}{
		{"measured", "echo 0.001; echo 0.003; echo 0.002", FsyncMeasured, 0.002},
		{"read-only", "echo errno 30", FsyncReadOnly, 0},
		{"an error after some", "echo 0.004; echo errno 5", FsyncMeasured, 0.004},
		{"garbage", "echo NaN; echo -1; echo 1e300", "", 0},
		{"ended from within", "exit 3", "", 0},
		{"hangs", "exec sleep 60", FsyncTimedOut, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Source{FsyncCommand: []string{"/bin/sh", "-c", tt.script, "sh"}}
			got, o := checktest.Observe[DiskIO](t, s.DiskIO(), map[string]any{"window": "100ms", "fsync_path": t.TempDir()})
			if got.FsyncOutcome != tt.want || got.FsyncMedianSeconds != tt.median {
				t.Errorf("got %q, median %v; want %q, %v", got.FsyncOutcome, got.FsyncMedianSeconds, tt.want, tt.median)
			}
			if tt.want == "" && !checktest.HasUnread(o, "fsync_outcome") {
				t.Errorf("unread %v; want the outcome", o.Unread)
			}
		})
	}
}

func TestMeasureFsync(t *testing.T) {
	var out strings.Builder
	if err := MeasureFsync(t.Context(), t.TempDir(), &out); err != nil || strings.Count(out.String(), "\n") != maxFsyncs {
		t.Errorf("got %q, %v; want %d lines", out.String(), err, maxFsyncs)
	}
	out.Reset()
	if err := MeasureFsync(t.Context(), "/nowhere/at/all", &out); err != nil || out.String() != "errno 2\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

// TestRealFsyncReadOnly: what a read-only file system does is an outcome.
func TestRealFsyncReadOnly(t *testing.T) {
	if !checktest.Real() {
		t.Skip("it mounts a file system: set GUMSHOE_TEST_REAL=1")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	got, _ := checktest.Observe[DiskIO](t, Source{}.DiskIO(), map[string]any{"window": "100ms", "fsync_path": dir})
	if got.FsyncOutcome != FsyncReadOnly {
		t.Errorf("got %s, want %s", got.FsyncOutcome, FsyncReadOnly)
	}
}

// TestDiskIOAgreesWithIostat compares under load, over the same seconds.
func TestRealDiskIOAgreesWithIostat(t *testing.T) {
	if !checktest.Real() {
		t.Skip("what others write at the same time disturbs it: set GUMSHOE_TEST_REAL=1, and run it by itself")
	}
	stats, err := (Source{}).diskStats()
	if err != nil {
		t.Fatal(err)
	}
	var device string
	for name := range stats {
		if partitionOf(name, stats) == "" && !strings.HasPrefix(name, "loop") && !strings.HasPrefix(name, "ram") && stats[name].reads > 0 {
			device = name
		}
	}
	checktest.Need(t, "a disk", device != "")
	stop := make(chan struct{})
	var load sync.WaitGroup
	defer load.Wait()
	defer close(stop)
	path := filepath.Join(t.TempDir(), "load")
	load.Go(func() {
		file, err := os.Create(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer file.Close()
		for block := make([]byte, 1<<16); ; {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := file.WriteAt(block, 0); err != nil {
				t.Error(err)
				return
			}
			if err := file.Sync(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	text := make(chan string, 1)
	go func() { text <- tool(t, "iostat", "-x", "-y", "-d", device, "2", "1") }()
	got, _ := checktest.Observe[DiskIO](t, Source{}.DiskIO(), map[string]any{"window": "2s", "devices": []string{device}})
	theirs := iostat(t, <-text, device)
	ours := got.Devices[0]
	for _, pair := range []struct {
		name            string
		ours, theirs    float64
		atLeast, factor float64
	}{
		{"w/s", ours.WritesPerSecond, theirs["w/s"], 50, 1.5},
		{"wkB/s", ours.WrittenBytesPerSecond / 1024, theirs["wkB/s"], 1000, 1.5},
		{"w_await", ours.WriteAwaitSeconds * 1000, theirs["w_await"], 0.5, 2},
		{"aqu-sz", ours.QueueLength, theirs["aqu-sz"], 0.3, 2},
		{"%util", ours.UtilisationPercent, theirs["%util"], 20, 1.5},
	} {
		if larger := max(pair.ours, pair.theirs); larger >= pair.atLeast && larger > pair.factor*min(pair.ours, pair.theirs) {
			t.Errorf("%s: got %.2f, iostat says %.2f", pair.name, pair.ours, pair.theirs)
		}
	}
	if testing.Verbose() {
		t.Logf("ours %+v, iostat %v", ours, theirs)
	}
}

// iostat reads the columns of one device.
func iostat(t *testing.T, text, device string) map[string]float64 {
	t.Helper()
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) > 0 && fields[0] == "Device" {
			names = fields
		}
		if len(fields) == 0 || fields[0] != device {
			continue
		}
		values := make(map[string]float64)
		for i, name := range names[1:] {
			value, err := strconv.ParseFloat(fields[i+1], 64)
			if err != nil {
				t.Fatal(err)
			}
			values[name] = value
		}
		return values
	}
	t.Fatalf("iostat does not show %s:\n%s", device, text)
	return nil
}

// TestDiskIOAsNobody: without root only the programs are unread.
func TestDiskIOAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	_, o := checktest.Observe[DiskIO](t, Source{}.DiskIO(), map[string]any{"window": "100ms"})
	if !checktest.HasUnread(o, "top_io") || checktest.HasUnread(o, "devices") {
		t.Errorf("unread %v, want top_io and not the devices", o.Unread)
	}
}

func FuzzParseDiskStat(f *testing.F) {
	for line := range strings.Lines(diskStatsBefore) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if name, stat, ok := parseDiskStat(line); ok && (name == "" || stat.reads < 0 || stat.flushMS < 0) {
			t.Errorf("got %q %+v", name, stat)
		}
	})
}

// BenchmarkDiskIO looks at 200 devices, and at 2,000 processes twice; it must
// stay below 100 ms of processor time.
func BenchmarkDiskIO(b *testing.B) {
	pids, err := (Source{}).pids()
	if err != nil {
		b.Fatal(err)
	}
	root := b.TempDir()
	var text strings.Builder
	for i := range 200 {
		text.WriteString(" 8 " + strconv.Itoa(i) + " sd" + strings.Repeat("x", i%20) + strconv.Itoa(i) + "q 100 5 2000 500 200 9 4000 1000 0 300 1500 0 0 0 0 10 100\n")
	}
	tree{"diskstats": text.String()}.write(b, root)
	for b.Loop() {
		if _, err := (Source{Proc: root}).diskStats(); err != nil {
			b.Fatal(err)
		}
		for read := 0; read < 4000; read += len(pids) {
			if _, err := (Source{}).ioCounts(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// A disk that does not answer is waited for only so long.
func TestFsyncHangs(t *testing.T) {
	d := &diskIO{}
	release := make(chan struct{})
	d.syncs.join("/slow", func() fsyncTimes { <-release; return fsyncTimes{} })
	o := DiskIO{}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	d.fsync(ctx, &engine.Call{}, &o, DiskIOInput{FsyncPath: "/slow"})
	close(release)
	if o.FsyncOutcome != FsyncTimedOut {
		t.Errorf("got %s, want %s", o.FsyncOutcome, FsyncTimedOut)
	}
}
