package host

import (
	"strings"
	"testing"
)

// chosen gives the mount points that choose picks from a table.
func chosen(t *testing.T, table string, paths ...string) string {
	t.Helper()
	var all []mount
	for line := range strings.Lines(table) {
		m, ok := parseMount(strings.TrimSpace(line))
		if !ok {
			t.Fatalf("not a mount: %q", line)
		}
		all = append(all, m)
	}
	var points []string
	for _, m := range choose(all, paths) {
		points = append(points, m.point)
	}
	return strings.Join(points, " ")
}

func TestChoose(t *testing.T) {
	const root = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	for _, tt := range []struct {
		name, table string
		paths       []string
		want        string
	}{
		{name: "pseudo file systems", table: root + `22 27 0:21 / /proc rw - proc proc rw
			31 27 0:22 / /sys rw - sysfs sysfs rw
			32 31 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
			25 27 0:23 / /dev/shm rw - tmpfs tmpfs rw`, want: "/ /dev/shm"},
		{name: "images", table: root + "40 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro", want: "/"},
		{name: "images when asked for", table: root + "40 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro",
			paths: []string{"/snap/core/1/bin"}, want: "/snap/core/1"},
		{name: "bind mounts", table: root + "41 27 254:0 /srv /a rw - ext4 /dev/vda rw\n42 27 8:1 /sub /b rw - xfs /dev/sda1 rw\n43 27 8:1 / /data/xfs rw - xfs /dev/sda1 rw",
			want: "/ /data/xfs"},
		{name: "a container's files", table: "1 0 0:50 / / rw - overlay overlay rw\n2 1 254:0 /c/hosts /etc/hosts rw - ext4 /dev/vda rw\n3 1 254:0 /c/hostname /etc/hostname rw - ext4 /dev/vda rw",
			want: "/ /etc/hosts"},
		{name: "a host of containers", table: root + "50 27 0:60 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw", want: "/"},
		{name: "stacked on one point", table: root + "25 27 0:23 / /dev/shm rw - tmpfs old rw\n30 25 0:27 / /dev/shm rw - tmpfs new rw", want: "/ /dev/shm"},
		{name: "hidden below a later mount", table: root + "40 27 8:1 / /mnt/a rw - ext4 /dev/sda1 rw\n41 27 8:2 / /mnt rw - ext4 /dev/sda2 rw", want: "/ /mnt"},
		{name: "on a mount", table: root + "41 27 8:2 / /mnt rw - ext4 /dev/sda2 rw\n40 41 8:1 / /mnt/a rw - ext4 /dev/sda1 rw", want: "/ /mnt /mnt/a"},
		{name: "the initial root", table: "1 1 0:2 / / rw - rootfs rootfs rw\n27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 8:1 / /x rw - ext4 /dev/sda1 rw", want: "/ /x"},
		{name: "paths below mounts", table: root + "41 27 8:2 / /mnt rw - ext4 /dev/sda2 rw",
			paths: []string{"/mnt/deep/er/", "/mntx", "/etc", "/mnt"}, want: "/ /mnt"},
		{name: "a name with a blank", table: root + `41 27 8:2 / /mnt/my\040disk rw - ext4 /dev/sda2 rw`, want: "/ /mnt/my disk"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := chosen(t, tt.table, tt.paths...); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestReadOnly(t *testing.T) {
	table := parseTable("# comment\n/dev/sda1 /data ext4 defaults,errors=remount-ro 0 2\nUUID=1 /archive/ xfs ro,noatime 0 0\n")
	for _, tt := range []struct {
		name, line   string
		now, unasked bool
	}{
		{"writable", "1 0 8:1 / /data rw - ext4 /dev/sda1 rw", false, false},
		{"the kernel gave up", "1 0 8:1 / /data rw - ext4 /dev/sda1 ro,errors=remount-ro", true, true},
		{"the kernel gave up on what no table lists", "1 0 8:1 / /other rw - ext4 /dev/sda1 ro", true, true},
		{"ext4 since Linux 6.15", "1 0 8:1 / /other rw - ext4 /dev/sda1 rw,emergency_ro", true, true},
		{"remounted by hand", "1 0 8:1 / /data ro - ext4 /dev/sda1 ro", true, true},
		{"mounted by hand", "1 0 8:1 / /other ro - ext4 /dev/sda1 ro", true, false},
		{"meant to be", "1 0 8:1 / /archive ro - xfs /dev/sda1 ro", true, false},
		{"a read-only bind mount", "1 0 8:1 / /other ro - ext4 /dev/sda1 rw", true, false},
		{"an image", "1 0 8:1 / /snap rw - squashfs /dev/loop0 ro", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, ok := parseMount(tt.line)
			if now, unasked := m.readOnly(table); !ok || now != tt.now || unasked != tt.unasked {
				t.Errorf("got %v, %v; want %v, %v", now, unasked, tt.now, tt.unasked)
			}
		})
	}
}

func FuzzParseMount(f *testing.F) {
	f.Add(`36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`)
	f.Add(`1 1 0:0 / / - - -`)
	f.Fuzz(func(t *testing.T, line string) {
		if m, ok := parseMount(line); ok {
			choose([]mount{m, m}, nil)
			m.readOnly(nil)
		}
	})
}
