package backups

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/reach"
)

const (
	maxFiles   = 1000 // of one copy
	maxHistory = 10   // files before the newest, for the median
	maxGaps    = 30
	maxInside  = 20000 // entries of a folder
)

// freshness is how long after its last write a file that is not whole may still be
// being written.
const freshness = time.Minute

// candidate is a file or folder of a copy.
type candidate struct {
	path    string
	written time.Time
	size    int64
	folder  bool
	partial bool // a folder of which not all was counted
}

// local looks at a copy that is files of this host.
func (s *survey) local(ctx context.Context, d Declared, c DeclaredCopy, o *seen, path string) error {
	o.Place = reach.Printable(c.Paths[0])
	s.call.Reproduce(append([]string{"ls", "-lt"}, c.Paths...)...)
	files, blind := s.candidates(ctx, c.Paths)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.place(d, c, files, o, path)
	o.Files = len(files)
	o.KeptTooFew = max(0, d.Keep-len(files))
	if blind != nil {
		o.unread = true
		s.unreadFields(path, reach.Printable(blind.Error()), "make the folder readable for gumshoe",
			"outcome", "error", "newest", "age_seconds", "overdue", "behind", "size_bytes", "files", "kept_too_few", "verified", "verified_bytes", "checksum", "format",
			"immutable", "immutable_by", "previous_median_bytes", "size_percent", "longest_gap_seconds", "retain_until_seconds")
		return nil
	}
	if len(files) == 0 {
		o.Outcome, o.Error = Missing, "no file matches"
		s.unreadFields(path, "there is no file", "", "newest", "age_seconds", "overdue", "behind", "size_bytes", "previous_median_bytes", "size_percent",
			"longest_gap_seconds", "format", "verified", "verified_bytes", "checksum", "immutable", "immutable_by", "retain_until_seconds")
		return nil
	}
	s.call.NotAsked(path+"retain_until_seconds", "it is no object lock that protects a file", "")
	v := s.judge(ctx, d, files[0])
	if v.outcome == Truncated && s.at.Sub(files[0].written) < freshness {
		// It may be being written; then the one before it is what there is.
		if len(files) > 1 {
			files = files[1:]
			v = s.judge(ctx, d, files[0])
		} else {
			v.outcome, v.text = BeingWritten, "it was written just now, and its end is missing"
		}
	}
	s.measure(d, files, o, path)
	o.Outcome, o.Error, o.Verified, o.VerifiedBytes, o.Checksum, o.Format = v.outcome, v.text, v.how, v.bytes, v.checksum, v.format
	if v.blind != nil {
		o.Outcome, o.unread = "", true
		s.unreadFields(path, reach.Printable(v.blind.Error()), "make "+files[0].path+" readable for gumshoe",
			"outcome", "error", "verified", "verified_bytes", "checksum", "format")
	}
	s.protection(files[0].path, o, path)
	return ctx.Err()
}

// candidates are the files that match, the newest first. Names of files that stand
// beside backups are left out.
func (s *survey) candidates(ctx context.Context, patterns []string) ([]candidate, error) {
	var files []candidate
	var blind error
	known := make(map[string]bool)
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err // the configuration is read so that this does not happen
		}
		if len(paths) == 0 { // Glob says nothing of folders that it may not read
			if _, err := os.ReadDir(fixedFolder(pattern)); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
				blind = err
			}
		}
		for _, path := range paths {
			if ctx.Err() != nil || known[path] || beside(path) {
				continue
			}
			known[path] = true
			info, err := os.Stat(path)
			switch {
			case errors.Is(err, fs.ErrNotExist): // it was removed, or is a link to what was
				continue
			case err != nil:
				blind = err
				continue
			case !info.IsDir() && !info.Mode().IsRegular():
				continue
			}
			files = append(files, candidate{path: path, written: info.ModTime(), size: info.Size(), folder: info.IsDir()})
		}
	}
	slices.SortFunc(files, func(a, b candidate) int {
		if c := b.written.Compare(a.written); c != 0 {
			return c
		}
		return strings.Compare(b.path, a.path) // names mostly hold the time
	})
	files = files[:min(len(files), maxFiles)]
	for i := range min(len(files), maxHistory+1) {
		if files[i].folder {
			s.weigh(ctx, &files[i])
		}
	}
	if len(files) > 0 {
		return files, nil // one that cannot be seen does not make those that are unseen
	}
	return nil, blind
}

// fixedFolder is the folder that Glob would read first.
func fixedFolder(pattern string) string {
	fixed := fixedPart(pattern)
	if fixed == pattern {
		return filepath.Dir(pattern)
	}
	return fixed
}

// beside tells a file that goes with a backup, or is not yet one.
func beside(path string) bool {
	return slices.Contains([]string{".sha256", ".sha512", ".sha1", ".md5", ".tmp", ".part", ".partial", ".log", ".lock"}, filepath.Ext(path))
}

// weigh sums the files of a folder, and takes the time of the newest: that of the
// folder itself says only when an entry was added or removed.
func (s *survey) weigh(ctx context.Context, c *candidate) {
	c.size = 0
	entries := 0
	_ = filepath.WalkDir(c.path, func(_ string, entry fs.DirEntry, err error) error {
		entries++
		if err != nil || entries > maxInside || ctx.Err() != nil || time.Now().After(s.deadline) {
			c.partial = true
			if err != nil && entries <= maxInside {
				return nil
			}
			return fs.SkipAll
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			c.size += info.Size()
			if info.ModTime().After(c.written) {
				c.written = info.ModTime()
			}
		}
		return nil
	})
}

// place tells on which disk a copy is, and how full that is.
func (s *survey) place(d Declared, c DeclaredCopy, files []candidate, o *seen, path string) {
	at := fixedFolder(c.Paths[0])
	if len(files) > 0 {
		at = files[0].path
	}
	disk, err := s.diskOf(at)
	if err != nil {
		s.unreadFields(path, reach.Printable(err.Error()), "", "disk", "same_disk", "disk_total_bytes", "disk_free_bytes", "disk_used_percent")
		return
	}
	o.disk, o.Disk = disk, reach.Printable(disk)
	data, err := s.diskOf(d.Data)
	switch {
	case d.Data == "":
		s.call.Unread(path+"same_disk", "nobody has said where the data is", "name its folder under data: in gumshoe.yaml")
	case err != nil:
		s.call.Unread(path+"same_disk", "where the data is cannot be seen: "+reach.Printable(err.Error()), "")
	default:
		o.SameDisk = disk == data
	}
	var mount unix.Statfs_t
	at = nearest(at)
	if err := unix.Statfs(at, &mount); err != nil {
		s.call.Unread(path+"disk_read_only", reach.Printable(err.Error()), "")
	}
	o.DiskReadOnly = mount.Flags&unix.ST_RDONLY != 0
	if mount.Blocks == 0 {
		s.unreadFields(path, "the file system does not tell how full it is", "", "disk_total_bytes", "disk_free_bytes", "disk_used_percent")
		return
	}
	used := mount.Blocks - mount.Bfree
	o.DiskTotalBytes, o.DiskFreeBytes = int64(used+mount.Bavail)*mount.Bsize, int64(mount.Bavail)*mount.Bsize
	if used+mount.Bavail > 0 {
		o.DiskUsedPercent = 100 * float64(used) / float64(used+mount.Bavail)
	}
}

// nearest is a path, or the nearest folder above it that is there.
func nearest(path string) string {
	for path != "/" {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		path = filepath.Dir(path)
	}
	return path
}

// measure tells how old and how large the newest is, and how that compares.
func (s *survey) measure(d Declared, files []candidate, o *seen, path string) {
	newest := files[0]
	age := s.at.Sub(newest.written)
	o.Newest, o.AgeSeconds, o.Overdue = reach.Clip(newest.path, 300), age.Seconds(), overdue(age, d.Every)
	o.SizeBytes, o.dated = newest.size, true
	var sizes []int64
	complete := !newest.partial
	for _, file := range files[1:min(len(files), maxHistory+1)] {
		sizes = append(sizes, file.size)
		complete = complete && !file.partial
	}
	if newest.partial {
		s.call.Unread(path+"size_bytes", fmt.Sprintf("the folder has more than %d entries, or some that cannot be read", maxInside), "")
	}
	slices.Sort(sizes)
	if len(sizes) >= 3 && complete && sizes[len(sizes)/2] > 0 {
		o.PreviousMedianBytes = (sizes[(len(sizes)-1)/2] + sizes[len(sizes)/2]) / 2
		o.SizePercent = 100 * float64(o.SizeBytes) / float64(max(1, o.PreviousMedianBytes))
	} else {
		s.unreadFields(path, "there are fewer than 3 files before it to compare with", "", "previous_median_bytes", "size_percent")
	}
	for i, file := range files[:min(len(files), maxGaps)] {
		if i > 0 {
			o.LongestGapSeconds = max(o.LongestGapSeconds, files[i-1].written.Sub(file.written).Seconds())
		}
	}
	if len(files) < 2 {
		s.call.Unread(path+"longest_gap_seconds", "there is one file", "")
	}
}

// protection tells whether a file can be changed. What a program may do that is
// root, short of taking the protection away, is not asked.
func (s *survey) protection(file string, o *seen, path string) {
	var mount unix.Statfs_t
	if err := unix.Statfs(file, &mount); err == nil && mount.Flags&unix.ST_RDONLY != 0 {
		o.Immutable, o.ImmutableBy = true, "read_only_mount"
		return
	}
	var info unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, file, unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, &info)
	switch {
	case err != nil || info.Attributes_mask&unix.STATX_ATTR_IMMUTABLE == 0:
		o.hidden = true
		reason := "this file system does not tell whether a file is protected"
		if !o.DeclaredImmutable {
			o.hidden = false // then nobody says that it is, and such file systems have no chattr +i
			return
		}
		s.unreadFields(path, reason, "", "immutable", "immutable_by")
	case info.Attributes&unix.STATX_ATTR_IMMUTABLE != 0:
		o.Immutable, o.ImmutableBy = true, "attribute"
	}
}
