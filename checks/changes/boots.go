package changes

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sameBoot is how far apart the kernel's time of a boot and wtmp's can be: the
// clock may be set in between.
const sameBoot = 10 * time.Minute

// readBoots reads /proc/stat and wtmp: boots, how each came about, and logins.
func readBoots(ctx context.Context, l *look) {
	booted, bootErr := l.bootTime()
	l.o.LastBoot = booted
	path := l.path("var/log/wtmp")
	records, whole, err := l.wtmp(ctx)
	boots := bootsOf(records)
	unread := func(reason, fix string, fields ...string) {
		for _, field := range fields {
			// When the last boot was before the window, there was none in it.
			if field != "boots" || bootErr != nil || !booted.Before(l.from) {
				l.unread(field, reason, fix)
			}
		}
	}
	const journal = "look with journalctl --list-boots"
	missing := bootErr == nil && (len(boots) == 0 || boots[len(boots)-1].time.Sub(booted).Abs() > sameBoot)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		unread("this system keeps no "+path, journal+", and wtmpdb last", "boots", "last_boot_clean", "logins")
	case err != nil:
		reason, fix := why(path, err)
		unread(reason, fix, "boots", "last_boot_clean", "logins")
	case missing: // a container has the wtmp of its image, and not that of its host
		unread(path+" does not tell of the last boot", journal, "boots", "last_boot_clean")
	case len(boots) == 0:
		unread(path+" tells of no boot", journal, "boots", "last_boot_clean")
	case boots[len(boots)-1].unknown:
		unread(path+" does not go back to before the last boot", "", "last_boot_clean")
	default:
		l.o.LastBootClean = !boots[len(boots)-1].crashed
	}
	switch {
	case missing:
		boots = append(boots, boot{time: booted})
	case bootErr != nil && len(boots) > 0:
		l.o.LastBoot = boots[len(boots)-1].time.UTC()
	case bootErr != nil:
		reason, _ := why(l.path("proc/stat"), bootErr)
		l.unread("last_boot", reason, "mount procfs there")
	}
	for _, b := range boots {
		source := path
		if b.time.Equal(booted) {
			source = l.path("proc/stat")
		}
		l.add(b.event(source))
	}
	if len(records) > 0 {
		l.knownSince("boots", records[0].time)
		if !whole && records[0].time.After(l.from) {
			unread(path+" does not go back to the window's start", "", "boots", "logins")
		}
	}
	for _, r := range records {
		if r.kind == userProcess && r.user != "" && !r.time.Before(l.from) && !r.time.After(l.now) {
			l.logins = append(l.logins, Login{User: text(r.user), From: text(r.host), Terminal: text(r.line), Time: r.time.UTC()})
		}
	}
}

// bootTime reads when the kernel started.
func (l *look) bootTime() (time.Time, error) {
	all, err := os.ReadFile(l.path("proc/stat"))
	if err != nil {
		return time.Time{}, err
	}
	for line := range lines(all) {
		if digits, ok := strings.CutPrefix(line, "btime "); ok {
			seconds, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
			return time.Unix(seconds, 0).UTC(), err
		}
	}
	return time.Time{}, errors.New("it has no btime")
}

// boot is one start of the host.
type boot struct {
	time time.Time
	// kernel is the release that started, previous the one before.
	kernel, previous string
	// crashed tells that no shutdown came before; unknown that it cannot be told.
	crashed, unknown bool
}

// bootsOf finds the boots in wtmp, the oldest first. A boot that no shutdown
// came before was a crash, as last(1) has it.
func bootsOf(records []record) []boot {
	var boots []boot
	shut, first, kernel := false, true, ""
	for _, r := range records {
		switch {
		case r.kind == bootTime:
			boots = append(boots, boot{time: r.time, kernel: r.host, previous: kernel, crashed: !shut && !first, unknown: first})
			shut, kernel = false, r.host
		case r.kind == runLevel && r.user == "shutdown":
			shut = true
		}
		first = false
	}
	return boots
}

func (b boot) event(source string) event {
	e := event{Change: Change{Kind: "boots", Action: "booted", What: "boot", Time: b.time, Source: source}}
	if b.crashed {
		e.Action = "crashed"
	}
	if b.kernel != "" && b.kernel != b.previous {
		e.From, e.To = text(b.previous), text(b.kernel)
	}
	return e
}

// wtmp reads wtmp and what was rotated away from it, in the order of time.
func (l *look) wtmp(ctx context.Context) (records []record, whole bool, err error) {
	path := l.path("var/log/wtmp")
	files, err := rotated(path, l.history)
	if err != nil {
		return nil, false, err
	}
	if !slices.Contains(files, path) {
		if _, err := os.Stat(path); err != nil {
			return nil, false, err
		}
		return nil, false, fs.ErrNotExist
	}
	whole = true
	for _, file := range files {
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		read := readLog
		if !packed(file) {
			read = func(path string) (logFile, error) { return readTail(path, maxLogBytes) } // it has no lines
		}
		log, readErr := read(file)
		if readErr != nil {
			if file == path {
				return nil, false, readErr
			}
			whole = false
			continue
		}
		whole = whole && !log.beheaded
		records = append(records, parseWtmp(log.text, log.beheaded)...)
	}
	slices.SortStableFunc(records, func(a, b record) int { return cmp.Compare(a.time.Unix(), b.time.Unix()) })
	return records, whole, nil
}
