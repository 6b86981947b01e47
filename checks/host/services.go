package host

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gumshoe/checks/systemd"
	"gumshoe/engine"
)

// ServicesInput are the inputs of host.services.
type ServicesInput struct {
	// Units are the units to look at whatever their state, at most 20. "nginx" is
	// nginx.service; those of other types are written in full: data.mount.
	Units []string `json:"units"`
	// Window is how long to count restarts, and to watch whether jobs get done.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
	// Timeout is how long systemd may take to answer, before the window and after
	// it. systemctl itself waits for 25 seconds.
	Timeout time.Duration `json:"timeout" default:"5s" min:"100ms" max:"30s"`
}

// Services is what host.services observes: the units of systemd at the window's
// end. Where there is no systemd there are no units of it: the counts are 0 and the
// lists empty; responding, state, and the units that were asked for are unread.
type Services struct {
	// Manager is what starts and supervises the services of this host: systemd, or
	// none that we can ask. Another init counts as none, and so does a container
	// that has no systemd of its own.
	Manager string `json:"manager" expr:"manager" enum:"systemd,none"`
	// Init is the name of process 1: systemd, init, runit, or in a container the
	// program that the container runs.
	Init string `json:"init" expr:"init"`
	// Responding tells whether systemd answered within the timeout. When it is
	// false, all that follows is unread: a systemd that has crashed or hangs still
	// keeps the services that run, but starts, stops and restarts none. Unread when
	// it could not be asked.
	Responding bool `json:"responding" expr:"responding"`

	// State is how systemd as a whole fares, as systemctl is-system-running says:
	// degraded means that at least one unit has failed.
	State string `json:"state" expr:"state" enum:"initializing,starting,running,degraded,maintenance,stopping,offline,unknown"`
	// Total is the number of units that systemd has loaded, of all types.
	Total int `json:"total" expr:"total"`
	// Failed is the number of units that have failed: services, and also mounts,
	// timers and sockets. One stays failed until it is started or reset.
	Failed int `json:"failed" expr:"failed"`
	// FailedUnits are those units, the last to fail first, at most 20.
	FailedUnits []Unit `json:"failed_units" expr:"failed_units"`
	// Flapping is the number of services that systemd keeps restarting: it waited
	// to restart them at the window's start or end, or restarted them in the window,
	// or has restarted them at least 3 times, the last time within 10 minutes. One
	// that systemd gave up on has failed, and does not flap.
	Flapping int `json:"flapping" expr:"flapping"`
	// FlappingUnits are those services, the most restarts in the window and then
	// overall first, at most 10.
	FlappingUnits []Unit `json:"flapping_units" expr:"flapping_units"`
	// MaskedUnits are the names of units that somebody has masked, so that nothing
	// can start them, by name, at most 50: those that another unit refers to, and
	// those that were asked for. What the distribution itself ships masked (in
	// /usr/lib/systemd) is not in it unless asked for.
	MaskedUnits []string `json:"masked_units" expr:"masked_units"`

	// Jobs is the number of starts, stops and the like that systemd has yet to
	// finish.
	Jobs int `json:"jobs" expr:"jobs"`
	// JobsThroughout is how many of these were there at the window's start too. A
	// unit that takes long to start is one; with a long window it is stuck.
	JobsThroughout int `json:"jobs_throughout" expr:"jobs_throughout"`
	// WaitingJobs are these jobs, those there throughout the window first, then
	// those that run before those that wait, at most 20.
	WaitingJobs []UnitJob `json:"waiting_jobs" expr:"waiting_jobs"`

	// Units are the units that were asked for, in that order.
	Units []Unit `json:"units" expr:"units"`
}

// UnitJob is something that systemd was asked to do with a unit.
type UnitJob struct {
	// Unit is the unit's name.
	Unit string `json:"unit" expr:"unit"`
	// Type is what is to be done: start, stop, restart, reload and so on.
	Type string `json:"type" expr:"type"`
	// Running tells whether it is under way. One that does not run waits for
	// another job to end.
	Running bool `json:"running" expr:"running"`
	// Throughout tells whether it was there at the window's start too.
	Throughout bool `json:"throughout" expr:"throughout"`
}

// Bounds of what host.services reads and lists.
const (
	maxUnitsAsked    = 20
	maxFailedUnits   = 20
	maxFlappingUnits = 10
	maxMaskedUnits   = 50
	maxWaitingJobs   = 20
	// maxRead bounds how many units are read whole: those that were asked for, and
	// of the others the first that systemd names.
	maxRead = 50
	// maxCounted bounds of how many services the restarts are read.
	maxCounted = 500
)

// Services is the check host.services.
//
// It asks systemd over D-Bus: as root at systemd's own socket, which works also
// without the message bus; otherwise over the bus, which every user may ask. It
// lists the units once, reads the count of restarts of each service that runs,
// and more of those that failed, flap or were asked for. The journal is not read.
//
// Example:
//
//	services: { check: host.services, with: { units: [nginx, postgresql] } }
//
// By hand:
//
//	systemctl --failed
//	systemctl list-jobs
//	systemctl show nginx
func (s Source) Services() engine.Check[ServicesInput, Services] {
	return engine.Check[ServicesInput, Services]{
		Name:      "host.services",
		Doc:       "Which units of systemd have failed, flap, are masked or wait to be started, and how given units fare; with a clear answer where there is no systemd.",
		Cost:      1100 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      func(ServicesInput) []engine.Touch { return s.planSystemd() },
		Run:       s.lookServices,
		Summarize: summarizeServices,
	}
}

func summarizeServices(o Services) string {
	switch {
	case o.Manager == "none":
		return "no systemd here, process 1 is " + shorten(o.Init)
	case o.Manager == "":
		return "whether systemd runs is not to be seen from here"
	case !o.Responding:
		return "systemd did not answer"
	}
	text := fmt.Sprintf("systemd is %s, %d failed", o.State, o.Failed)
	if len(o.FailedUnits) > 0 {
		text += " (" + shorten(o.FailedUnits[0].Name) + ")"
	}
	if len(o.FlappingUnits) > 0 {
		text += fmt.Sprintf(", %d flapping (%s)", o.Flapping, shorten(o.FlappingUnits[0].Name))
	}
	for _, u := range o.Units {
		if !u.Found || u.ActiveState != "active" {
			return text + fmt.Sprintf(", %s is %s", shorten(u.Name), u.inWords())
		}
	}
	return text
}

func (u Unit) inWords() string {
	switch {
	case !u.Found:
		return "not there"
	case u.LoadState == "masked":
		return "masked"
	case u.ActiveState == "":
		return "not seen"
	}
	return u.ActiveState
}

func (s Source) lookServices(ctx context.Context, call *engine.Call, in ServicesInput) (Services, error) {
	o := Services{FailedUnits: []Unit{}, FlappingUnits: []Unit{}, MaskedUnits: []string{}, WaitingJobs: []UnitJob{}, Units: []Unit{}}
	names, err := unitNames(in.Units)
	if err != nil {
		return o, err
	}
	if err := ctx.Err(); err != nil {
		return o, err
	}
	if o.Init = s.comm(1); o.Init == "" {
		call.Unread("init", "cannot read "+s.proc("1/comm"), "")
	}
	if !systemd.Booted(s.run()) {
		return o.without(call, s, names), nil
	}
	o.Manager = "systemd"
	call.Reproduce("systemctl", "--failed")
	call.Reproduce("systemctl", "list-jobs")
	if len(names) > 0 {
		call.Reproduce(append([]string{"systemctl", "show"}, names...)...)
	}
	before, err := s.ask(ctx, in.Timeout, func(ctx context.Context, m *systemd.Manager) (systemdLook, error) {
		return lookBefore(ctx, m, names)
	})
	if err != nil {
		return o, unasked(ctx, call, err)
	}
	if err := wait(ctx, in.Window); err != nil {
		return o, err
	}
	after, err := s.ask(ctx, in.Timeout, func(ctx context.Context, m *systemd.Manager) (systemdLook, error) {
		return lookAfter(ctx, m, names, before)
	})
	if err != nil {
		return o, unasked(ctx, call, err)
	}
	o.Responding = true
	o.fill(call, names, before, after)
	return o, nil
}

// without is the answer where no systemd is to be seen. That process 1 is one all
// the same shows that we look from a place of our own, such as a chroot.
func (o Services) without(call *engine.Call, s Source, names []string) Services {
	call.Reproduce("cat", s.proc("1/comm"))
	if o.Init == "systemd" || o.Init == "" {
		unread(call, "there is no "+systemd.BootedPath(s.run())+", by which systemd is found", "run gumshoe where the host's "+s.run()+" is to be seen",
			append(servicesFields(), "manager", "responding")...)
		return o
	}
	o.Manager = "none"
	fields := []string{"responding", "state"}
	if len(names) > 0 {
		fields = append(fields, "units")
	}
	unread(call, s.noSystemd(), withoutSystemd, fields...)
	return o
}

// unasked marks what we do not know when systemd could not be asked. Its silence
// is an observation.
func unasked(ctx context.Context, call *engine.Call, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	reason, fix, silent := whyUnasked(err)
	if !silent {
		call.Unread("responding", reason, fix)
	}
	unread(call, reason, fix, servicesFields()...)
	return nil
}

// servicesFields are what only systemd can tell.
func servicesFields() []string {
	return []string{"state", "total", "failed", "failed_units", "flapping", "flapping_units", "masked_units",
		"jobs", "jobs_throughout", "waiting_jobs", "units"}
}

// fill takes what systemd told before and after the window.
func (o *Services) fill(call *engine.Call, names []string, before, after systemdLook) {
	o.Total = len(after.units)
	if o.State = after.state; !oneOf(o.State, "initializing,starting,running,degraded,maintenance,stopping,offline,unknown") {
		o.State = "unknown"
	}
	waited := make(map[string]bool)
	for _, u := range slices.Concat(before.units, after.units) {
		waited[u.Name] = waited[u.Name] || waitsToRestart(u)
	}
	var failed, flapping []seenUnit
	unseen := false
	for _, u := range after.units {
		seen := unit(u.Name, before, after)
		switch {
		case u.ActiveState == "failed":
			o.Failed++
			failed = append(failed, seen)
		case after.read[u.Name] == nil:
			unseen = unseen || waited[u.Name] || after.restarts[u.Name] >= oftenRestarted
		case seen.flaps(u.Name, after, waited[u.Name]):
			o.Flapping++
			flapping = append(flapping, seen)
		}
	}
	slices.SortStableFunc(failed, func(a, b seenUnit) int {
		return cmp.Or(order(a.Found)-order(b.Found), cmp.Compare(a.InactiveSeconds, b.InactiveSeconds), cmp.Compare(a.Name, b.Name))
	})
	slices.SortStableFunc(flapping, func(a, b seenUnit) int {
		return cmp.Or(cmp.Compare(b.RestartsInWindow, a.RestartsInWindow), cmp.Compare(b.Restarts, a.Restarts), cmp.Compare(a.Name, b.Name))
	})
	o.FailedUnits = list(call, "failed_units", failed, maxFailedUnits)
	o.FlappingUnits = list(call, "flapping_units", flapping, maxFlappingUnits)
	asked := make([]seenUnit, len(names))
	for i, name := range names {
		asked[i] = unit(name, before, after)
	}
	o.Units = list(call, "units", asked, maxUnitsAsked)
	switch {
	case !after.counted:
		unread(call, noCount, "", "flapping", "flapping_units")
	case !after.all || !before.all || unseen:
		unread(call, "there are too many services to look at them all", "name those of interest in the input units", "flapping", "flapping_units")
	}
	o.masked(after, asked)
	o.jobs(before.jobs, after.jobs)
}

// list gives the first units of a list, and marks what could not be read of them.
func list(call *engine.Call, field string, seen []seenUnit, most int) []Unit {
	units := []Unit{}
	for i, u := range seen[:min(most, len(seen))] {
		units = append(units, u.Unit)
		for _, missed := range u.unread {
			call.Unread(fmt.Sprintf("%s[%d].%s", field, i, missed.Path), missed.Reason, missed.Fix)
		}
	}
	return units
}

func (o *Services) masked(after systemdLook, asked []seenUnit) {
	for name, file := range after.masked {
		if !strings.HasPrefix(file, "/usr/") && !strings.HasPrefix(file, "/lib/") {
			o.MaskedUnits = append(o.MaskedUnits, printable(name))
		}
	}
	for _, u := range asked {
		if u.LoadState == "masked" && !slices.Contains(o.MaskedUnits, u.Name) {
			o.MaskedUnits = append(o.MaskedUnits, u.Name)
		}
	}
	slices.Sort(o.MaskedUnits)
	o.MaskedUnits = o.MaskedUnits[:min(maxMaskedUnits, len(o.MaskedUnits))]
}

func (o *Services) jobs(before, after []systemd.Job) {
	o.Jobs = len(after)
	for _, job := range after {
		throughout := slices.ContainsFunc(before, func(b systemd.Job) bool { return b.ID == job.ID && b.Unit == job.Unit })
		if throughout {
			o.JobsThroughout++
		}
		o.WaitingJobs = append(o.WaitingJobs, UnitJob{
			Unit: printable(job.Unit), Type: printable(job.Type), Running: job.State == "running", Throughout: throughout,
		})
	}
	slices.SortFunc(o.WaitingJobs, func(a, b UnitJob) int {
		return cmp.Or(order(a.Throughout)-order(b.Throughout), order(a.Running)-order(b.Running), cmp.Compare(a.Unit, b.Unit))
	})
	o.WaitingJobs = o.WaitingJobs[:min(maxWaitingJobs, len(o.WaitingJobs))]
}

// order puts what is so before what is not.
func order(is bool) int {
	if is {
		return 0
	}
	return 1
}

// unitNames completes the names of the units that were asked for.
func unitNames(asked []string) ([]string, error) {
	if len(asked) > maxUnitsAsked {
		return nil, engine.Blind(fmt.Sprintf("%d units are too many", len(asked)), fmt.Sprintf("name at most %d", maxUnitsAsked), nil)
	}
	names := make([]string, 0, len(asked))
	for _, text := range asked {
		name, err := systemd.UnitName(text)
		if err != nil {
			return nil, engine.Blind(err.Error(), "write nginx for nginx.service, or data.mount", nil)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func oneOf(value, enum string) bool { return slices.Contains(strings.Split(enum, ","), value) }
