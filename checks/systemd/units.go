package systemd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	bus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// Unit is a unit that systemd has loaded. The states are in systemd's words.
type Unit struct {
	Name                             string
	LoadState, ActiveState, SubState string
}

// Type is the kind of unit: service, socket, timer and so on.
func (u Unit) Type() string { return TypeOf(u.Name) }

// TypeOf gives the kind of a unit from its name, "service" of nginx.service.
func TypeOf(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// Job is something that systemd has been asked to do and has not done yet.
type Job struct {
	ID uint32
	// Unit is the unit's name, Type what to do with it: start, stop, restart, …
	Unit, Type string
	// State is "running", or "waiting" when another job has to end first.
	State string
}

// State tells how systemd as a whole fares, as systemctl is-system-running does.
func (m *Manager) State(ctx context.Context) (string, error) {
	property, err := m.conn.SystemStateContext(ctx)
	if err != nil {
		return "", m.fault(ctx, err, false)
	}
	state, _ := property.Value.Value().(string)
	return state, nil
}

// Units lists the units that are loaded: with states, only those of which one
// of the three states is among them.
func (m *Manager) Units(ctx context.Context, states ...string) ([]Unit, error) {
	var list []bus.UnitStatus
	var err error
	if len(states) == 0 {
		list, err = m.conn.ListUnitsContext(ctx)
	} else {
		list, err = m.conn.ListUnitsFilteredContext(ctx, states)
	}
	if err != nil {
		return nil, m.fault(ctx, err, false)
	}
	units := make([]Unit, len(list))
	for i, u := range list {
		units[i] = Unit{Name: u.Name, LoadState: u.LoadState, ActiveState: u.ActiveState, SubState: u.SubState}
	}
	return units, nil
}

// Jobs lists the jobs that are not done.
func (m *Manager) Jobs(ctx context.Context) ([]Job, error) {
	list, err := m.conn.ListJobsContext(ctx)
	if err != nil {
		return nil, m.fault(ctx, err, false)
	}
	jobs := make([]Job, len(list))
	for i, j := range list {
		jobs[i] = Job{ID: j.Id, Unit: j.Unit, Type: j.JobType, State: j.Status}
	}
	return jobs, nil
}

// ErrNoProperty is the error of Property when this systemd, or this type of
// unit, does not have it.
var ErrNoProperty = errors.New("no such property")

// Properties gives everything that systemd tells of a unit.
func (m *Manager) Properties(ctx context.Context, unit string) (Properties, error) {
	values, err := m.conn.GetAllPropertiesContext(ctx, unit)
	if err != nil {
		return nil, m.fault(ctx, err, false)
	}
	return values, nil
}

// Property gives one property of a unit, for a tenth of what all would cost. It
// is one of the interface of all units, "Unit", or of that of one type, "Service".
func (m *Manager) Property(ctx context.Context, unit, of, name string) (Properties, error) {
	property, err := m.conn.GetUnitTypePropertyContext(ctx, unit, of, name)
	if named, ok := errors.AsType[dbus.Error](err); ok {
		switch named.Name {
		case "org.freedesktop.DBus.Error.UnknownProperty", "org.freedesktop.DBus.Error.UnknownInterface":
			return nil, fmt.Errorf("%s of %s: %w", name, unit, ErrNoProperty)
		}
	}
	if err != nil {
		return nil, m.fault(ctx, err, false)
	}
	return Properties{name: property.Value.Value()}, nil
}

// Properties are values by name, as systemctl show names them.
type Properties map[string]any

// Text gives a property that is a text.
func (p Properties) Text(name string) (string, bool) {
	text, ok := p[name].(string)
	return text, ok
}

// Flag gives a property that is true or false.
func (p Properties) Flag(name string) (value, ok bool) {
	value, ok = p[name].(bool)
	return value, ok
}

// Number gives a property that is a whole number. The greatest is how systemd
// writes "not set", and is not given.
func (p Properties) Number(name string) (int64, bool) {
	switch n := p[name].(type) {
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case uint32:
		return int64(n), true
	case uint64:
		return int64(n), n <= math.MaxInt64
	}
	return 0, false
}

// unitTypes are the kinds of units (systemd.unit(5)).
const unitTypes = "service|socket|target|device|mount|automount|swap|timer|path|slice|scope"

// UnitName completes a unit's name as systemctl does, "nginx" to
// "nginx.service". It tells what is wrong with one that no unit can have.
func UnitName(text string) (string, error) {
	name := text
	if typed, _ := regexp.MatchString(`\.(`+unitTypes+`)$`, name); !typed {
		name += ".service"
	}
	ok, _ := regexp.MatchString(`^[A-Za-z0-9:_.\\@-]+$`, name)
	switch {
	case !ok || len(name) > 255 || strings.HasPrefix(name, "."):
		return "", fmt.Errorf("%q is not the name of a unit", text)
	case strings.Contains(name, "@."):
		return "", fmt.Errorf("%s is a template, and not a unit: name an instance of it, such as %s", name, strings.Replace(name, "@.", "@1.", 1))
	}
	return name, nil
}
