package host

import (
	"context"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/systemd"
	"gumshoe/engine"
)

// belongs tells whether a process is in the unit. One that was there before the
// window has its place; a new one may yet be moved to it.
func (w *processWatch) belongs(p process) (bool, error) {
	if p.kernel {
		return false, nil
	}
	if inUnit, known := w.inUnit[p.life()]; known {
		return inUnit, nil
	}
	text, err := readAt(unix.AT_FDCWD, w.source.proc(strconv.Itoa(p.pid), "cgroup"), w.buffer)
	if err != nil {
		return false, err
	}
	inUnit := cgroupInUnit(string(text), w.in.Unit)
	if earlier, ok := w.before.byPID[p.pid]; ok && earlier.started == p.started {
		w.inUnit[p.life()] = inUnit
	}
	return inUnit, nil
}

// cgroupInUnit tells from a /proc/PID/cgroup whether a process is in a unit, or
// in one below it. systemd names control groups after units, with an underscore
// before names that could be mistaken for a file of the kernel's (memory.service).
func cgroupInUnit(text, unit string) bool {
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		if controllers != "" && controllers != "name=systemd" {
			continue
		}
		for part := range strings.SplitSeq(path, "/") {
			if part == unit || part == "_"+unit {
				return true
			}
		}
	}
	return false
}

// restarts fills in how often systemd restarted the unit.
func (s Source) restarts(ctx context.Context, call *engine.Call, o *ProcessDetail, name string) {
	switch {
	case name == "":
		call.Unread("restarts", "no unit is named", "give the input unit")
		return
	case systemd.TypeOf(name) != "service":
		call.Unread("restarts", "systemd restarts services only", "")
		return
	case !systemd.Booted(s.run()):
		call.Unread("restarts", s.noSystemd(), withoutSystemd)
		return
	}
	look, err := s.ask(ctx, restartsTimeout, func(ctx context.Context, m *systemd.Manager) (systemdLook, error) {
		look := newLook()
		err := look.readAll(ctx, m, []string{name})
		return look, err
	})
	if err == nil {
		err = look.failed[name]
	}
	if err != nil {
		reason, fix, _ := whyUnasked(err)
		call.Unread("restarts", reason, fix)
		return
	}
	load, _ := look.read[name].Text("LoadState")
	n, counted := look.restarts[name]
	switch {
	case load == "not-found":
		call.Unread("restarts", "systemd has no unit "+shorten(name), "")
	case !counted:
		call.Unread("restarts", noCount, "")
	default:
		o.Restarts = n
	}
}

// restartsTimeout is how long systemd may take to tell a count.
const restartsTimeout = 2 * time.Second
