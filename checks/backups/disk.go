package backups

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// diskOf names the disk that a path is on: what is lost together with it. It sees
// through partitions, LVM, encryption, RAID and files that are mounted, to the disks
// below; a network file system is its server. For a path that is not there it is
// that of the nearest folder above.
func (b Backups) diskOf(path string) (string, error) {
	for {
		var info syscall.Stat_t
		err := syscall.Stat(path, &info)
		if errors.Is(err, syscall.ENOENT) && path != "/" && filepath.IsAbs(path) {
			path = filepath.Dir(path)
			continue
		}
		if err != nil {
			return "", &fs.PathError{Op: "stat", Path: path, Err: err}
		}
		return b.deviceOf(path, info.Dev), nil
	}
}

const maxStack = 8 // layers of LVM, encryption, loops

func (b Backups) deviceOf(path string, device uint64) string {
	if major := unix.Major(device); major != 0 {
		return b.block(major, unix.Minor(device), 0)
	}
	return b.mounted(resolved(path), 0)
}

// mounted names the disk below the mount that a path is in, as the list of mounts
// has it: the path is not touched.
func (b Backups) mounted(path string, depth int) string {
	kind, source, number := b.mountOf(path)
	major, minor, ok := parseDevice(number)
	if ok && major != 0 {
		return b.block(major, minor, depth)
	}
	// A file system without a block device of its own: btrfs, or of the network, or in
	// memory. What it was mounted from tells.
	if strings.HasPrefix(source, "/dev/") {
		var info syscall.Stat_t
		if syscall.Stat(source, &info) == nil && info.Rdev != 0 {
			return b.block(unix.Major(info.Rdev), unix.Minor(info.Rdev), depth)
		}
	}
	switch kind {
	case "nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "virtiofs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone":
		return source
	case "zfs":
		pool, _, _ := strings.Cut(source, "/")
		return "zfs " + pool
	case "":
		return "a file system that is not in the list of mounts"
	}
	return kind + " " + number
}

// parseDevice reads the numbers of a device as the kernel writes them, 8:1.
func parseDevice(text string) (major, minor uint32, ok bool) {
	first, second, found := strings.Cut(strings.TrimSpace(text), ":")
	x, err1 := strconv.ParseUint(first, 10, 32)
	y, err2 := strconv.ParseUint(second, 10, 32)
	return uint32(x), uint32(y), found && err1 == nil && err2 == nil
}

// resolved is a path without symbolic links, as the kernel knows it: that takes no
// look at the folders on the way.
func resolved(path string) string {
	file, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return path
	}
	defer unix.Close(file)
	if whole, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file)); err == nil {
		return whole
	}
	return path
}

// block names the disks below a block device.
func (b Backups) block(major, minor uint32, depth int) string {
	dir, err := filepath.EvalSymlinks(filepath.Join(b.root, fmt.Sprintf("/sys/dev/block/%d:%d", major, minor)))
	if err != nil {
		return fmt.Sprintf("device %d:%d", major, minor)
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil { //nolint:gosec // below /sys
		dir = filepath.Dir(dir)
	}
	if depth >= maxStack {
		return filepath.Base(dir)
	}
	if backing, err := os.ReadFile(filepath.Join(dir, "loop/backing_file")); err == nil { //nolint:gosec // as above
		return b.mounted(strings.TrimSuffix(string(backing), "\n"), depth+1)
	}
	below, _ := os.ReadDir(filepath.Join(dir, "slaves"))
	var names []string
	for _, slave := range below {
		number, err := os.ReadFile(filepath.Join(dir, "slaves", slave.Name(), "dev")) //nolint:gosec // as above
		x, y, ok := parseDevice(string(number))
		if err != nil || !ok {
			continue
		}
		names = append(names, strings.Split(b.block(x, y, depth+1), "+")...)
	}
	if len(names) == 0 {
		return filepath.Base(dir)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "+")
}

// mountOf gives the type and source of the mount that a path is below, and its
// number, which folders of one mount share even where their own devices differ.
func (b Backups) mountOf(path string) (kind, source, number string) {
	file, err := os.Open(filepath.Join(b.root, "/proc/self/mountinfo"))
	if err != nil {
		return "", "", ""
	}
	defer file.Close()
	best := -1
	for lines := bufio.NewScanner(file); lines.Scan(); {
		mount, below, found := strings.Cut(lines.Text(), " - ")
		fields, types := strings.Fields(mount), strings.Fields(below)
		if !found || len(fields) < 5 || len(types) < 2 {
			continue
		}
		point := unescape(fields[4])
		inside := point == "/" || path == point || strings.HasPrefix(path, point+"/")
		if inside && len(point) >= best { // of two at one place the later one is on top
			best, kind, source, number = len(point), types[0], unescape(types[1]), fields[2]
		}
	}
	return kind, source, number
}

// unescape reads a path as the kernel writes it, with \040 for a space.
func unescape(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}
