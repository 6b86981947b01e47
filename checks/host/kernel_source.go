package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/kernellog"
	"gumshoe/engine"
)

// Messages is where the messages of the kernel are. The zero value is the kernel
// that we run on.
type Messages struct {
	// Kmsg is the kernel's log, or a file of its form, whose times count from the
	// boot that Source.Proc tells of; "" means /dev/kmsg. With any other, the system
	// call is not used, which knows only our own kernel.
	Kmsg string
	// Journalctl is the program that reads the journal, by its path; "" means the
	// one of the system.
	Journalctl string
}

func (m Messages) kmsg() string {
	if m.Kmsg == "" {
		return kernellog.Kmsg
	}
	return m.Kmsg
}

// journalctls are the paths at which the program may be. It is not looked for
// along PATH, so that nobody can put another in its place.
func (m Messages) journalctls() []string {
	if m.Journalctl == "" {
		return []string{"/usr/bin/journalctl", "/bin/journalctl"}
	}
	return []string{m.Journalctl}
}

func (s Source) planKernel(KernelInput) []engine.Touch {
	touches := []engine.Touch{{Kind: engine.TouchFile, What: s.Messages.kmsg(), How: "read"}}
	for _, program := range s.Messages.journalctls() {
		touches = append(touches, engine.Touch{
			Kind: engine.TouchCommand, What: program, How: "run, if the file is not enough", Argv: kernellog.JournalCommand(program),
		})
	}
	return append(touches, engine.Touch{Kind: engine.TouchFile, What: os.DevNull, How: "read as the program's input"})
}

// foundMessages are the messages of the kernel with where they are from.
type foundMessages struct {
	source string
	log    kernellog.Log
}

// further tells whether these go back further than others, of which there may be
// none.
func (f foundMessages) further(others foundMessages) bool {
	return others.source == "" || !others.log.From.IsZero() && f.log.From.Before(others.log.From)
}

// messages reads the messages since a time from the first source that has all of
// them, or else from that which goes back furthest.
func (s Source) messages(ctx context.Context, now, since time.Time) (foundMessages, error) {
	var best foundMessages
	var failures []error
	for _, source := range []struct {
		name string
		read func() (kernellog.Log, error)
	}{
		{"kmsg", func() (kernellog.Log, error) {
			clock, err := s.kernelClock(now)
			if err != nil {
				return kernellog.Log{}, err
			}
			return kernellog.ReadKmsg(ctx, s.Messages.kmsg(), since, clock)
		}},
		{"journal", func() (kernellog.Log, error) { return s.journal(ctx, since) }},
		{"syslog", func() (kernellog.Log, error) {
			if best.source != "" || s.Messages.Kmsg != "" {
				return kernellog.Log{}, nil // it has what kmsg has
			}
			clock, err := s.kernelClock(now)
			if err != nil {
				return kernellog.Log{}, err
			}
			log, err := kernellog.ReadSyslog(since, clock)
			if err != nil {
				err = &os.SyscallError{Syscall: "syslog", Err: err}
			}
			return log, err
		}},
	} {
		log, err := source.read()
		found := foundMessages{source: source.name, log: log}
		switch {
		case ctx.Err() != nil:
			return best, ctx.Err()
		case err != nil:
			failures = append(failures, err)
		case log.Seen > 0 && found.further(best):
			best = found
		}
		if best.source != "" && !best.log.From.After(since) {
			return best, nil
		}
	}
	if best.source == "" {
		return best, noMessages(failures)
	}
	return best, nil
}

// kernelClock relates the time stamps of the kernel to the calendar.
func (s Source) kernelClock(now time.Time) (kernellog.Clock, error) {
	if s.Messages.Kmsg != "" {
		uptime, err := s.uptime()
		if err != nil || !(uptime >= 0 && uptime < 1e9) {
			return kernellog.Clock{}, fmt.Errorf("cannot read %s: %w", s.proc("uptime"), err)
		}
		return kernellog.Clock{Now: now, Uptime: time.Duration(uptime * float64(time.Second))}, nil
	}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return kernellog.Clock{}, err
	}
	return kernellog.Clock{Now: now, Uptime: time.Duration(t.Nano())}, nil
}

// journal asks the journal. It is given half of the time there is.
func (s Source) journal(ctx context.Context, since time.Time) (log kernellog.Log, err error) {
	limit := 10 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, program := range s.Messages.journalctls() {
		log, err = kernellog.ReadJournal(inner, program, since)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	switch {
	case err != nil:
		return log, fmt.Errorf("journalctl: %w", err)
	case log.Seen == 0:
		return log, errors.New("journalctl: it shows us no messages of the kernel")
	}
	return log, nil
}

// noMessages says why no source gave anything, and what to do.
func noMessages(failures []error) error {
	err := errors.Join(failures...)
	var reasons []string
	for _, failure := range failures {
		reasons = append(reasons, failure.Error())
	}
	fix := "run gumshoe on the host itself; in a container, give it the device /dev/kmsg and CAP_SYSLOG"
	switch {
	case errors.Is(err, kernellog.ErrNoTimes):
		fix = "let the kernel write times: echo Y > /sys/module/printk/parameters/time"
	case errors.Is(err, fs.ErrPermission):
		fix = "give gumshoe CAP_SYSLOG (setcap cap_syslog+ep, or AmbientCapabilities=CAP_SYSLOG in its unit), " +
			"or add its user to the group systemd-journal, or set kernel.dmesg_restrict to 0"
	}
	return engine.Blind("cannot read the kernel's messages: "+strings.Join(reasons, "; "), fix, nil)
}
