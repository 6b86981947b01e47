package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"gumshoe/checks/systemd"
	"gumshoe/engine"
)

// run gives the runtime folder.
func (s Source) run() string {
	if s.Run == "" {
		return "/run"
	}
	return filepath.Clean(s.Run)
}

// planSystemd lists what asking systemd touches.
func (s Source) planSystemd() []engine.Touch {
	private, shared := systemd.Sockets(s.run())
	return []engine.Touch{
		{Kind: engine.TouchFile, What: systemd.BootedPath(s.run()), How: "stat"},
		{Kind: engine.TouchFile, What: private, How: "connect"},
		{Kind: engine.TouchFile, What: shared, How: "connect"},
	}
}

// noSystemd says that this host has no systemd, and what it has.
func (s Source) noSystemd() string {
	name := s.comm(1)
	if name == "" {
		return "this host does not run systemd"
	}
	return fmt.Sprintf("this host does not run systemd (process 1 is %s)", shorten(name))
}

const withoutSystemd = "look at programs with host.process, by name; in a container, ask what runs the container (docker inspect, kubectl describe pod)"

// ask has a short conversation with systemd. We are not connected throughout the
// window: systemd tells everybody at its own socket of every change.
func (s Source) ask(ctx context.Context, timeout time.Duration,
	talk func(context.Context, *systemd.Manager) (systemdLook, error),
) (systemdLook, error) {
	ctx, cancel := context.WithTimeout(ctx, innerTimeout(ctx, timeout))
	defer cancel()
	m, err := systemd.Connect(ctx, s.run())
	if err != nil {
		return systemdLook{}, err
	}
	defer m.Close()
	return talk(ctx, m)
}

// whyUnasked says why systemd could not be asked, and whether that is because it
// does not answer.
func whyUnasked(err error) (reason, fix string, silent bool) {
	var e *systemd.Error
	if !errors.As(err, &e) {
		return "cannot ask systemd: " + shorten(printable(err.Error())), "", false
	}
	const asRoot = "run gumshoe as root, which needs no message bus"
	switch e.Fault {
	case systemd.NoSocket:
		return "systemd runs, but there is no " + e.Socket,
			"run gumshoe as root, install and start dbus, or in a container mount the host's /run/systemd and /run/dbus", false
	case systemd.Refused:
		return "nobody listens at " + e.Socket, asRoot + "; or start dbus", false
	case systemd.Denied:
		return "may not ask systemd at " + e.Socket, asRoot, false
	case systemd.BusSilent:
		return "the message bus does not answer at " + e.Socket, asRoot + "; or restart dbus", false
	case systemd.Silent:
		return "systemd does not answer at " + e.Socket, "", true
	case systemd.Absent:
		return "systemd is not on the message bus at " + e.Socket, asRoot, false
	case systemd.Strange:
	}
	return fmt.Sprintf("who answers at %s does not speak as systemd does: %s", e.Socket, shorten(printable(fmt.Sprint(e.Err)))), "", false
}
