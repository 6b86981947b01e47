package host

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"gumshoe/checks/systemd"
)

// systemdLook is what systemd told at one moment.
type systemdLook struct {
	state string
	// units are those loaded; before the window only the services that run.
	units []systemd.Unit
	jobs  []systemd.Job
	// restarts counts the automatic restarts of each service that runs, and of those
	// asked for. counted is false when this systemd does not count, all when none
	// was left out.
	restarts     map[string]int64
	counted, all bool
	// read are units' properties; a unit that could not be read has an error.
	read   map[string]systemd.Properties
	failed map[string]error
	// masked are the files that mask units.
	masked map[string]string
	// now is the time since boot in microseconds, without that asleep, as in
	// systemd's timestamps.
	now int64
}

func newLook() systemdLook {
	look := systemdLook{
		restarts: make(map[string]int64), counted: true, all: true,
		read: make(map[string]systemd.Properties), failed: make(map[string]error), masked: make(map[string]string),
	}
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) == nil {
		look.now = now.Nano() / 1000
	}
	return look
}

// alive are the states of units whose restarts are counted: those that run, and
// those about to.
func alive() []string { return []string{"running", "activating", "reloading", "deactivating"} }

// lookBefore looks at the window's start: at jobs, counts of restarts, and the
// units that were asked for.
func lookBefore(ctx context.Context, m *systemd.Manager, names []string) (systemdLook, error) {
	look := newLook()
	var err error
	if look.units, err = m.Units(ctx, alive()...); err != nil {
		return look, err
	}
	if look.jobs, err = m.Jobs(ctx); err != nil {
		return look, err
	}
	if err := look.count(ctx, m); err != nil {
		return look, err
	}
	for _, u := range look.units {
		if waitsToRestart(u) {
			names = append(slices.Clip(names), u.Name)
		}
	}
	err = look.readAll(ctx, m, names)
	return look, err
}

// lookAfter looks at the window's end: at all units.
func lookAfter(ctx context.Context, m *systemd.Manager, names []string, before systemdLook) (systemdLook, error) {
	look := newLook()
	var err error
	if look.state, err = m.State(ctx); err != nil {
		return look, err
	}
	if look.units, err = m.Units(ctx); err != nil {
		return look, err
	}
	if look.jobs, err = m.Jobs(ctx); err != nil {
		return look, err
	}
	if err := look.count(ctx, m); err != nil {
		return look, err
	}
	var restarted, failed []string
	for _, u := range look.units {
		if u.LoadState == "masked" && len(look.masked) < maxMaskedUnits {
			file, err := m.Property(ctx, u.Name, "Unit", "FragmentPath")
			if err != nil && !errors.Is(err, systemd.ErrNoProperty) {
				return look, err
			}
			look.masked[u.Name], _ = file.Text("FragmentPath")
		}
		_, waited := before.read[u.Name]
		switch n := look.restarts[u.Name]; {
		case u.ActiveState == "failed":
			failed = append(failed, u.Name)
		case waited, waitsToRestart(u), n >= oftenRestarted, n > before.restarts[u.Name]:
			restarted = append(restarted, u.Name)
		}
	}
	err = look.readAll(ctx, m, slices.Concat(names, restarted, failed))
	return look, err
}

// waitsToRestart tells whether systemd waits to restart a service: "auto-restart"
// or, from version 256 on, "auto-restart-queued".
func waitsToRestart(u systemd.Unit) bool { return strings.HasPrefix(u.SubState, "auto-restart") }

// count reads the counts of restarts. systemd keeps them from version 235 on.
func (l *systemdLook) count(ctx context.Context, m *systemd.Manager) error {
	for _, u := range l.units {
		if u.Type() != "service" || !oneOf(u.ActiveState, "active,activating,reloading,deactivating") || u.SubState == "exited" {
			continue
		}
		if len(l.restarts) == maxCounted {
			l.all = false
			return nil
		}
		p, err := m.Property(ctx, u.Name, "Service", "NRestarts")
		if errors.Is(err, systemd.ErrNoProperty) {
			l.counted = false
			return nil
		}
		if err != nil {
			return err
		}
		l.restarts[u.Name], _ = p.Number("NRestarts")
	}
	return nil
}

// readAll reads what there is of each unit. What is wrong with one unit says
// nothing of the others, but a systemd that falls silent does.
func (l *systemdLook) readAll(ctx context.Context, m *systemd.Manager, names []string) error {
	for _, name := range names {
		if len(l.read) == maxRead {
			return nil
		}
		if l.read[name] != nil || l.failed[name] != nil {
			continue
		}
		p, err := m.Properties(ctx, name)
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			l.failed[name] = err
			continue
		}
		l.read[name] = p
		if n, ok := p.Number("NRestarts"); ok {
			l.restarts[name] = n
		}
	}
	return nil
}
