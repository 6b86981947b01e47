package changes

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// packageTrace is a file that a package manager writes at each change: where there
// is no log, it tells when the last one was, and no more.
type packageTrace struct{ family, path string }

func packageTraces() []packageTrace {
	return []packageTrace{
		{"dpkg", "var/lib/dpkg/status"},
		{"rpm", "var/lib/rpm/rpmdb.sqlite"},
		{"rpm", "usr/lib/sysimage/rpm/rpmdb.sqlite"},
		{"rpm", "var/lib/rpm/Packages.db"},
		{"rpm", "var/lib/rpm/Packages"},
		{"pacman", "var/lib/pacman/local"},
		{"apk", "lib/apk/db/installed"},
		{"apk", "usr/lib/apk/db/installed"},
	}
}

const (
	snapFolder = "var/lib/snapd/snaps"
	// maxSnaps is how many snaps are looked at.
	maxSnaps = 1000
	// tracedRun is how long after the last package of a run the database of rpm is
	// still written because of it.
	tracedRun = 10 * time.Minute
)

// readTraces looks at package managers that keep no log, and at what rpm did
// without one: who calls it directly leaves nothing else. It tells whether there
// was anything to look at.
func (l *look) readTraces(ledgers map[string]*ledger) bool {
	seen := make(map[inode]bool)
	for _, trace := range packageTraces() {
		info := l.traced(trace.path)
		if info == nil {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			at := inode{stat.Dev, stat.Ino}
			if seen[at] {
				continue // by another name
			}
			seen[at] = true
		}
		book := ledgers[trace.family]
		if book == nil || !book.logged || (trace.family == "rpm" && !book.near(info.ModTime())) {
			l.addTrace(info, trace.path, "packages of "+trace.family)
		}
	}
	entries, err := os.ReadDir(l.path(snapFolder))
	if err != nil && !os.IsNotExist(err) {
		reason, fix := why(l.path(snapFolder), err)
		l.unread("packages", reason, fix)
	}
	for _, entry := range entries[:min(len(entries), maxSnaps)] {
		name, ok := strings.CutSuffix(entry.Name(), ".snap")
		if !ok {
			continue
		}
		if info := l.traced(snapFolder + "/" + entry.Name()); info != nil && l.addTrace(info, snapFolder+"/"+entry.Name(), "snap "+name) {
			l.packages = append(l.packages, Package{Name: text("snap " + name), Action: "changed", Time: info.ModTime().UTC()})
		}
	}
	return len(seen) > 0 || len(entries) > 0
}

// near tells whether the log has a package shortly before that time.
func (b *ledger) near(t time.Time) bool {
	return slices.ContainsFunc(b.entries, func(e packageEntry) bool { return t.Sub(e.Time).Abs() <= tracedRun })
}

// traced looks at a file; nil when it is not there, or may not be looked at.
func (l *look) traced(file string) fs.FileInfo {
	info, err := os.Lstat(l.path(file))
	if err == nil {
		return info
	}
	if !os.IsNotExist(err) {
		reason, fix := why(l.path(file), err)
		l.unread("packages", reason, fix)
	}
	return nil
}

// addTrace adds the time of a file as a change of what it stands for, and tells
// whether it was in the window.
func (l *look) addTrace(info fs.FileInfo, file, what string) bool {
	t := info.ModTime().UTC()
	if t.Before(l.from) || t.After(l.now) {
		return false
	}
	l.add(event{Change: Change{
		Kind: "packages", Action: "changed", What: text(what), Time: t, Source: l.path(file),
		Detail: "only the time of the last change is kept",
	}})
	return true
}
