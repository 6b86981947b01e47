package changes

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"
)

// packageLog is a log of a package manager.
type packageLog struct {
	// family is whose packages it tells of; logs of one family tell of the same.
	family string
	path   string
	parse  func(*ledger, string)
}

// packageLogs lists the logs that are read. What begins runs stands before what
// tells their packages.
func packageLogs() []packageLog {
	return []packageLog{
		{"dpkg", "var/log/apt/history.log", parseAptHistory},
		{"dpkg", "var/log/dpkg.log", parseDpkg},
		{"rpm", "var/log/dnf.rpm.log", parseDNF},
		{"rpm", "var/log/dnf5.log", parseDNF5},
		{"rpm", "var/log/yum.log", parseYum},
		{"rpm", "var/log/zypp/history", parseZypp},
		{"pacman", "var/log/pacman.log", parsePacman},
	}
}

func readPackages(ctx context.Context, l *look) {
	ledgers := make(map[string]*ledger)
	var families []string
	for _, log := range packageLogs() {
		if ctx.Err() != nil {
			return
		}
		book := ledgers[log.family]
		if book == nil {
			book = &ledger{zone: l.zone, oldest: l.history}
			ledgers[log.family] = book
			families = append(families, log.family)
		}
		l.readPackageLog(log, book)
	}
	var known time.Time
	for _, family := range families {
		book := ledgers[family]
		l.addRuns(book)
		if !book.earliest.IsZero() && (known.IsZero() || book.earliest.Before(known)) {
			known = book.earliest
		}
	}
	if !known.IsZero() {
		l.knownSince("packages", known)
	}
	if !l.readTraces(ledgers) && !slices.ContainsFunc(families, func(family string) bool { return ledgers[family].logged }) {
		l.unread("packages", "neither a log nor a database of a package manager is there that we know", "")
	}
}

// readPackageLog reads a log with what was rotated away from it.
func (l *look) readPackageLog(log packageLog, book *ledger) {
	path := l.path(log.path)
	files, err := rotated(path, l.history)
	if err != nil {
		reason, fix := why(path, err)
		l.unread("packages", reason, fix)
		return
	}
	book.logged = book.logged || len(files) > 0
	slices.Reverse(files)
	for _, file := range files {
		read, err := readLog(file)
		if err != nil {
			l.unreadLog(file, read.modified, err)
		}
		earliest := book.earliest
		book.modified, book.source, book.open, book.earliest = read.modified, file, nil, time.Time{}
		for line := range lines(read.text) {
			log.parse(book, line)
		}
		if read.beheaded {
			since := book.earliest
			if since.IsZero() {
				since = l.now
			}
			l.knownSince("packages", since)
			if since.After(l.from) {
				l.unread("packages", file+" is too long to be read back to the window's start", "rotate it more often")
			}
		}
		if !earliest.IsZero() {
			book.at(earliest)
		}
		if read.cut && err == nil {
			l.unreadLog(file, read.modified, errTooLong)
		}
	}
}

// errTooLong says that a packed log was not unpacked to its end.
var errTooLong = errors.New("too long to be unpacked to its end")

// unreadLog notes a log that could not be read. It matters to the window only
// when it was written in it, and else to what is usual.
func (l *look) unreadLog(file string, modified time.Time, err error) {
	if info, statErr := os.Stat(file); modified.IsZero() && statErr == nil {
		modified = info.ModTime()
	}
	if !modified.IsZero() {
		l.knownSince("packages", modified)
	}
	if modified.IsZero() || !modified.Before(l.from) {
		reason, fix := why(file, err)
		l.unread("packages", reason, fix)
	}
}
