package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestDiskConforms(t *testing.T) {
	checktest.Run(t, Source{}.Disk(), nil)
	t.Run("one path", func(t *testing.T) {
		checktest.Run(t, Source{}.Disk(), map[string]any{"paths": []string{"/"}, "deleted": false})
	})
}

const twoMounts = "27 1 254:0 / / rw - ext4 /dev/vda rw\n41 27 0:99 / /nfs rw - nfs4 server:/export rw\n"

// answers is a statfs of a fed table.
func answers(stat unix.Statfs_t, errs map[string]error) func(string) (unix.Statfs_t, error) {
	return func(path string) (unix.Statfs_t, error) { return stat, errs[path] }
}

func TestDiskNumbers(t *testing.T) {
	root := t.TempDir()
	tree{"self/mountinfo": twoMounts}.write(t, root)
	stat := unix.Statfs_t{Bsize: 1 << 20, Frsize: 4096, Blocks: 1000, Bfree: 250, Bavail: 200, Files: 100, Ffree: 10}
	check := Source{Proc: root, Etc: root, statfs: answers(stat, map[string]error{"/nfs": unix.ESTALE})}.Disk()
	got, o := checktest.Observe[Disk](t, check, nil)
	same(t, got.Mounts[0], Mount{
		Path: "/", Device: "/dev/vda", FSType: "ext4", Outcome: MountObserved,
		TotalBytes: 4096000, UsedBytes: 750 * 4096, FreeBytes: 200 * 4096, UsedPercent: 100 * 750. / 950,
		InodesTotal: 100, InodesUsed: 90, InodesUsedPercent: 90,
	})
	if m := got.Mounts[1]; m.Outcome != MountFailed || m.Error != "stale file handle" || !checktest.HasUnread(o, "mounts[1].used_percent") {
		t.Errorf("got %+v, unread %v; want failed, with its numbers unread", m, o.Unread)
	}
	if checktest.HasUnread(o, "mounts[0].used_percent") {
		t.Errorf("unread %v, though only /nfs failed", o.Unread)
	}
}

func TestDiskDenied(t *testing.T) {
	root := t.TempDir()
	tree{"self/mountinfo": twoMounts}.write(t, root)
	check := Source{Proc: root, Etc: root, statfs: answers(unix.Statfs_t{}, map[string]error{"/nfs": unix.EACCES})}.Disk()
	got, o := checktest.Observe[Disk](t, check, map[string]any{"paths": []string{"/nfs/deep"}, "deleted": false})
	if len(got.Mounts) != 1 || got.Mounts[0].Outcome != MountDenied || !strings.Contains(o.Unread[0].Fix, "may enter /nfs") {
		t.Errorf("got %+v, unread %v; want denied, and what to do", got.Mounts, o.Unread)
	}
	if !checktest.HasUnread(o, "mounts[0].deleted_open_bytes") {
		t.Error("what was not asked for is not unread")
	}
}

// TestDiskManyMounts: a node of Kubernetes, where the list is cut and all that is
// unread is said.
func TestDiskManyMounts(t *testing.T) {
	var table strings.Builder
	for i := range 100 {
		fmt.Fprintf(&table, "%d 1 0:%d / /pods/%03d rw - tmpfs tmpfs rw\n", 100+i, i, i)
		if i < 20 {
			fmt.Fprintf(&table, "%d 1 8:%d / /volumes/%03d rw - ext4 /dev/sd%d rw\n", 300+i, i, i, i)
		}
	}
	root := t.TempDir()
	tree{"self/mountinfo": table.String()}.write(t, root)
	statfs := func(string) (unix.Statfs_t, error) { return unix.Statfs_t{}, unix.EIO }
	got, o := checktest.Observe[Disk](t, Source{Proc: root, Etc: root, statfs: statfs}.Disk(), map[string]any{"deleted": "false"})
	volumes := 0
	for i, m := range got.Mounts {
		if m.FSType == "ext4" {
			volumes++
		}
		if !checktest.HasUnread(o, field(i, "used_percent")) || !checktest.HasUnread(o, field(i, "largest_deleted_process")) {
			t.Errorf("mount %d is not unread", i)
		}
	}
	if len(got.Mounts) != maxMounts || volumes != 20 || !checktest.HasUnread(o, "mounts") {
		t.Errorf("%d mounts, %d volumes; want %d with all 20, and the list unread", len(got.Mounts), volumes, maxMounts)
	}
}

func TestDiskWithoutInodeLimit(t *testing.T) {
	root := t.TempDir()
	tree{"self/mountinfo": "27 1 254:0 / / rw - btrfs /dev/vda rw\n"}.write(t, root)
	check := Source{Proc: root, Etc: root, statfs: answers(unix.Statfs_t{Bsize: 4096, Blocks: 10, Bfree: 10, Bavail: 10}, nil)}.Disk()
	got, o := checktest.Observe[Disk](t, check, nil)
	if m := got.Mounts[0]; m.InodesUsedPercent != 0 || m.InodesTotal != 0 || m.UsedPercent != 0 || len(o.Unread) > 0 {
		t.Errorf("got %+v, unread %v; want zeros", m, o.Unread)
	}
}

func TestDiskHangs(t *testing.T) {
	root := t.TempDir()
	tree{"self/mountinfo": twoMounts}.write(t, root)
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		release := make(chan struct{})
		statfs := func(path string) (unix.Statfs_t, error) {
			if path == "/nfs" {
				asked.Add(1)
				<-release
			}
			return unix.Statfs_t{Bsize: 4096, Blocks: 10}, nil
		}
		check := Source{Proc: root, Etc: root, statfs: statfs}.Disk()
		for range 3 {
			got, o := checktest.Observe[Disk](t, check, nil)
			if got.Mounts[0].Outcome != MountObserved || got.Mounts[1].Outcome != MountTimedOut {
				t.Errorf("got %+v; want / observed and /nfs timed out", got.Mounts)
			}
			if !checktest.HasUnread(o, "mounts[1].used_percent") || !checktest.HasUnread(o, "mounts[1].deleted_open_bytes") ||
				checktest.HasUnread(o, "mounts[0].used_percent") {
				t.Errorf("unread %v; want what is about /nfs", o.Unread)
			}
			if want := "/ 100 % used, 0 B free, 2 mounts, /nfs timed_out"; o.Summary != want {
				t.Errorf("summary %q, want %q", o.Summary, want)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("asked the silent mount %d times while it hung, want once", n)
		}
		close(release)
		synctest.Wait()
		if got, _ := checktest.Observe[Disk](t, check, nil); got.Mounts[1].Outcome != MountObserved {
			t.Errorf("after it answered: %+v; want observed", got.Mounts[1])
		}
	})
}

func TestDiskRelativePath(t *testing.T) {
	o := checktest.Look(t, Source{}.Disk(), map[string]any{"paths": `["var"]`})
	if o.Status != engine.Failed || !strings.Contains(o.Reason, `"var" is not an absolute path`) {
		t.Errorf("got %s: %s", o.Status, o.Reason)
	}
}

func TestDiskFindsDeletedOpenFiles(t *testing.T) {
	dir := t.TempDir()
	before := deletedOf(t, dir)
	for _, name := range []string{"small", "large file"} {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		again, err := os.Open(file.Name()) // counts once
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if _, err := file.Write(make([]byte, 1<<20*len(name))); err != nil {
			t.Fatal(err)
		}
		if err := file.Sync(); err != nil { // for st_blocks
			t.Fatal(err)
		}
		if err := os.Remove(file.Name()); err != nil {
			t.Fatal(err)
		}
	}
	got := deletedOf(t, dir)
	if grown, want := got.DeletedOpenBytes-before.DeletedOpenBytes, int64(15<<20); grown < want || grown > want+1<<20 {
		t.Errorf("%d bytes more, want about %d", grown, want)
	}
	if n := got.DeletedOpenFiles - before.DeletedOpenFiles; n < 2 {
		t.Errorf("%d files more, want 2", n)
	}
	if before.LargestDeletedBytes < 10<<20 && (got.LargestDeletedPID != os.Getpid() || got.LargestDeletedPath != filepath.Join(dir, "large file")) {
		t.Errorf("largest %s of %d (%s), want ours", got.LargestDeletedPath, got.LargestDeletedPID, got.LargestDeletedProcess)
	}
}

func deletedOf(t *testing.T, dir string) Mount {
	t.Helper()
	got, _ := checktest.Observe[Disk](t, Source{}.Disk(), map[string]any{"paths": []string{dir}})
	if len(got.Mounts) != 1 {
		t.Fatalf("%s is on %d mounts", dir, len(got.Mounts))
	}
	return got.Mounts[0]
}

func TestDiskAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	_, o := checktest.Observe[Disk](t, Source{}.Disk(), nil)
	for _, u := range o.Unread {
		if strings.HasSuffix(u.Path, ".deleted_open_bytes") && strings.Contains(u.Reason, "may not see") && strings.Contains(u.Fix, "root") {
			return
		}
	}
	t.Errorf("unread %v; want deleted_open_bytes, with what to do", o.Unread)
}

func TestDiskTmpfs(t *testing.T) {
	dir := t.TempDir()
	err := unix.Mount("gumshoe-test", dir, "tmpfs", 0, "size=1m,nr_inodes=10")
	checktest.Need(t, "root, to mount", err == nil)
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if err := os.WriteFile(filepath.Join(dir, "half"), make([]byte, 512<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	look := func() Mount {
		got, _ := checktest.Observe[Disk](t, Source{}.Disk(), map[string]any{"paths": []string{dir}})
		return got.Mounts[0]
	}
	if m := look(); m.Path != dir || m.Device != "gumshoe-test" || m.UsedPercent != 50 || m.InodesUsedPercent != 20 || m.ReadOnly {
		t.Errorf("got %+v; want half full, 2 of 10 inodes", m)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if m := look(); !m.ReadOnly || m.RemountedReadOnly {
		t.Errorf("got read_only %v, remounted_read_only %v; want read-only as asked for", m.ReadOnly, m.RemountedReadOnly)
	}
}

func TestDiskAgreesWithDF(t *testing.T) {
	var total, used, free int64
	lines := strings.Split(tool(t, "df", "-B1", "--output=size,used,avail", "/"), "\n")
	if _, err := fmt.Sscan(lines[1], &total, &used, &free); err != nil {
		t.Fatal(err)
	}
	got, _ := checktest.Observe[Disk](t, Source{}.Disk(), map[string]any{"paths": []string{"/"}})
	m := got.Mounts[0]
	// Others write meanwhile: a gigabyte is more than they do in a millisecond.
	if m.TotalBytes != total || abs(m.UsedBytes-used) > 1<<30 || abs(m.FreeBytes-free) > 1<<30 {
		t.Errorf("got %d total, %d used, %d free; df says %d, %d, %d", m.TotalBytes, m.UsedBytes, m.FreeBytes, total, used, free)
	}
}

func abs(n int64) int64 { return max(n, -n) }

func BenchmarkDisk(b *testing.B) {
	for b.Loop() {
		d := &disk{}
		if _, err := d.look(b.Context(), &engine.Call{}, DiskInput{Deleted: true, Timeout: 1e10}); err != nil {
			b.Fatal(err)
		}
	}
}
