package backups

import (
	"os"
	"path/filepath"
	"testing"
)

// machine is a /sys and a /proc with disks below each other: sda1 and dm-0 (LVM over
// sdb1 and sdc) and md0 over sda1 and sdb1, loop0 in a file of the mount of sda1, a
// btrfs on sda1, an NFS share, a ZFS pool.
func machine(t testing.TB) Backups {
	t.Helper()
	root := t.TempDir()
	put := func(path, text string) {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(number, to string) {
		if err := os.MkdirAll(filepath.Join(root, "sys/dev/block"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(root, "sys/block", to), filepath.Join(root, "sys/dev/block", number)); err != nil {
			t.Fatal(err)
		}
	}
	put("sys/block/sda/sda1/partition", "1\n")
	put("sys/block/sdb/sdb1/partition", "1\n")
	put("sys/block/sdc/size", "1\n")
	put("sys/block/dm-0/slaves/sdb1/dev", "8:17\n")
	put("sys/block/dm-0/slaves/sdc/dev", "8:32\n")
	put("sys/block/md0/slaves/sda1/dev", "8:1\n")
	put("sys/block/md0/slaves/sdb1/dev", "8:17\n")
	put("sys/block/loop0/loop/backing_file", "/srv/image\n")
	put("sys/block/loop1/loop/backing_file", "/mnt/b/image\n")
	put("sys/block/loop9/loop/backing_file", "/loop9/image\n") // in itself, which cannot be
	for number, to := range map[string]string{
		"8:1": "sda/sda1", "8:17": "sdb/sdb1", "8:32": "sdc", "253:0": "dm-0", "9:0": "md0", "7:0": "loop0", "7:1": "loop1", "7:9": "loop9",
	} {
		link(number, to)
	}
	put("proc/self/mountinfo", `22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:50 /v /nas rw - nfs4 filer:/export rw
24 22 0:51 / /tank rw - zfs tank/data rw
25 22 0:52 / /ram\040disk rw - tmpfs tmpfs rw
26 22 253:0 / /mnt/b rw - xfs /dev/mapper/b rw
27 22 7:9 / /loop9 rw - ext4 /dev/loop9 rw
28 22 0:53 / /twice rw - tmpfs tmpfs rw
29 22 0:54 / /twice rw - nfs filer2:/x rw
`)
	return Backups{root: root}
}

func TestDisks(t *testing.T) {
	b := machine(t)
	for _, tt := range []struct {
		major, minor uint32
		want         string
	}{
		{8, 1, "sda"},
		{8, 32, "sdc"},
		{253, 0, "sdb+sdc"},
		{9, 0, "sda+sdb"},
		{7, 0, "sda"},
		{7, 1, "sdb+sdc"},
		{7, 9, "loop9"},
		{99, 9, "device 99:9"},
	} {
		if got := b.block(tt.major, tt.minor, 0); got != tt.want {
			t.Errorf("%d:%d: got %q, want %q", tt.major, tt.minor, got, tt.want)
		}
	}
	for path, want := range map[string]string{
		"/srv/x": "sda", "/nas/orders": "filer:/export", "/nashville": "sda", "/tank/x": "zfs tank", "/ram disk/x": "tmpfs 0:52", "/mnt/b": "sdb+sdc",
		"/twice/x": "filer2:/x",
	} {
		if got := b.mounted(path, 0); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// TestDiskOfNothing: a path that is not there is on the disk of the folder above, and
// nobody's path has none.
func TestDiskOfNothing(t *testing.T) {
	dir := t.TempDir()
	here, err := Backups{}.diskOf(dir)
	if err != nil || here == "" {
		t.Fatalf("got %q, %v", here, err)
	}
	if got, err := (Backups{}).diskOf(filepath.Join(dir, "no/such/folder")); got != here || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, here)
	}
	if _, err := (Backups{}).diskOf(""); err == nil {
		t.Error("no path has a disk")
	}
}
