package host

import (
	"bufio"
	"cmp"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// mount is one line of /proc/PID/mountinfo.
type mount struct {
	id, parent int
	// device is the kernel's major:minor number of the file system. Bind mounts
	// and btrfs subvolumes share it.
	device string
	// root is the directory of the file system that is mounted, point where.
	root, point string
	// options belong to this mount, superOptions to the file system.
	options, superOptions []string
	fsType, source        string
}

// mounts reads our mount table. gopsutil's reader prefers the table of process
// 1, whose mounts we may not see, and drops the device numbers.
func (s Source) mounts() ([]mount, error) {
	file, err := os.Open(s.proc("self", "mountinfo"))
	if err != nil {
		return nil, blind(s.proc("self", "mountinfo"), err)
	}
	defer file.Close()
	var all []mount
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m, ok := parseMount(lines.Text()); ok {
			all = append(all, m)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, blind(s.proc("self", "mountinfo"), err)
	}
	return all, nil
}

// parseMount reads "36 35 98:0 /root /mnt rw,noatime shared:1 - ext4 /dev/sda1
// rw,errors=continue" (proc_pid_mountinfo(5)).
func parseMount(line string) (mount, bool) {
	before, after, ok := strings.Cut(line, " - ")
	own, fsys := strings.Fields(before), strings.Split(after, " ")
	if !ok || len(own) < 6 || len(fsys) < 3 {
		return mount{}, false
	}
	id, err := strconv.Atoi(own[0])
	parent, err2 := strconv.Atoi(own[1])
	return mount{
		id: id, parent: parent, device: own[2],
		root: unescape(own[3]), point: unescape(own[4]),
		options: strings.Split(own[5], ","), superOptions: strings.Split(fsys[2], ","),
		fsType: fsys[0], source: unescape(fsys[1]),
	}, err == nil && err2 == nil
}

// unescape undoes the kernel's \040 for a blank, and the like.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if code, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// pseudo tells whether a file system holds no files of a user, so that looking
// at its space says nothing. devtmpfs is not one: a mistyped /dev/sdx fills it.
func pseudo(fsType string) bool {
	switch fsType {
	case "autofs", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts",
		"efivarfs", "fusectl", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal", "hugetlbfs", "mqueue", "nfsd",
		"none", "nsfs", "nullfs", "proc", "pstore", "ramfs", "resctrl", "rootfs", "rpc_pipefs", "securityfs",
		"selinuxfs", "smackfs", "sysfs", "tracefs":
		return true
	}
	return false
}

// image tells whether a file system is read-only by nature, and always full.
func image(fsType string) bool {
	switch fsType {
	case "cramfs", "erofs", "iso9660", "romfs", "squashfs", "udf":
		return true
	}
	return false
}

// choose picks the mounts to look at, sorted by path: those that hold the given
// paths, or every one that can fill. A device that is mounted several times is
// taken once, by the shortest path at which its root is.
func choose(all []mount, paths []string) []mount {
	var chosen []mount
	if len(paths) > 0 {
		for _, p := range paths {
			if m, ok := holding(all, path.Clean(p)); ok {
				chosen = append(chosen, m)
			}
		}
	} else {
		chosen = worthwhile(all)
	}
	slices.SortFunc(chosen, func(a, b mount) int { return cmp.Compare(a.point, b.point) })
	return slices.CompactFunc(chosen, func(a, b mount) bool { return a.point == b.point })
}

// bounded drops what is more than maxMounts, the tmpfs first: a node of
// Kubernetes has one for each secret. The rest stays sorted by path.
func bounded(chosen []mount) []mount {
	for _, droppable := range []func(mount) bool{
		func(m mount) bool { return m.fsType == "tmpfs" },
		func(mount) bool { return true },
	} {
		for i := len(chosen) - 1; i >= 0 && len(chosen) > maxMounts; i-- {
			if droppable(chosen[i]) {
				chosen = slices.Delete(chosen, i, i+1)
			}
		}
	}
	return chosen
}

// holding finds the mount in which a path is.
func holding(all []mount, p string) (mount, bool) {
	var best mount
	found := false
	for _, m := range all {
		// Of mounts on the same point, the last covers the others.
		if within(p, m.point) && len(m.point) >= len(best.point) && !covered(m, all) {
			best, found = m, true
		}
	}
	return best, found
}

// worthwhile gives one visible mount of each file system that can fill. An
// overlay reports the file system below it, so only the root's is taken: a host
// of containers has hundreds.
func worthwhile(all []mount) []mount {
	best := make(map[string]mount)
	for _, m := range all {
		switch {
		case pseudo(m.fsType), image(m.fsType):
			continue
		case m.fsType == "overlay" && m.point != "/":
			continue
		case within(m.point, "/proc"), within(m.point, "/sys"): // tmpfs that masks or carries them
			continue
		case covered(m, all):
			continue
		}
		if other, ok := best[m.device]; !ok || better(m, other) {
			best[m.device] = m
		}
	}
	chosen := make([]mount, 0, len(best))
	for _, m := range best {
		chosen = append(chosen, m)
	}
	return chosen
}

func better(a, b mount) bool {
	if (a.root == "/") != (b.root == "/") {
		return a.root == "/"
	}
	if len(a.point) != len(b.point) {
		return len(a.point) < len(b.point)
	}
	return a.point < b.point
}

// covered tells whether a later mount hides this one, so that its path leads
// elsewhere: one on the same point that stands on it, or one on a directory
// above that it does not stand on.
func covered(m mount, all []mount) bool {
	for _, other := range all {
		switch {
		case other.id == m.id:
		case other.point == m.point:
			if standsOn(other, m, all) {
				return true
			}
		case within(m.point, other.point):
			if !standsOn(m, other, all) && standsOnSibling(m, other, all) {
				return true
			}
		}
	}
	return false
}

// standsOn follows m's parents to base.
func standsOn(m, base mount, all []mount) bool {
	for range all { // at most as many steps as there are mounts
		if m.parent == base.id {
			return true
		}
		i := slices.IndexFunc(all, func(other mount) bool { return other.id == m.parent })
		if i < 0 || all[i].id == m.id {
			return false
		}
		m = all[i]
	}
	return false
}

// standsOnSibling tells whether a mount and the one above its path have a
// parent in common; without one the table is partial, and proves nothing.
func standsOnSibling(m, other mount, all []mount) bool {
	i := slices.IndexFunc(all, func(parent mount) bool { return parent.id == other.parent })
	return i >= 0 && (m.parent == other.parent || standsOn(m, all[i], all))
}

// within tells whether a path is a directory or below it.
func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

// readOnly tells whether writes are refused, and whether that came about
// without being asked for. Only the kernel sets the file system's "ro" alone:
// a mount command sets the mount's too. Since Linux 6.15 ext4 says
// "emergency_ro" instead. A table entry without "ro" shows that a remount by
// hand was not meant to last.
func (m mount) readOnly(table map[string][]string) (now, unasked bool) {
	byMount := slices.Contains(m.options, "ro")
	bySystem := slices.Contains(m.superOptions, "ro")
	emergency := slices.Contains(m.superOptions, "emergency_ro")
	now = byMount || bySystem || emergency
	switch wanted, listed := table[m.point]; {
	case !now || image(m.fsType):
		return now, false
	case emergency:
		return now, true
	case listed:
		return now, !slices.Contains(wanted, "ro")
	}
	return now, bySystem && !byMount
}

// parseTable reads an fstab: the options by mount point.
func parseTable(text string) map[string][]string {
	table := make(map[string][]string)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) >= 4 && !strings.HasPrefix(fields[0], "#") {
			table[path.Clean(unescape(fields[1]))] = strings.Split(fields[3], ",")
		}
	}
	return table
}
