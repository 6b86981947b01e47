package host

import (
	"golang.org/x/sys/unix"

	"gumshoe/checks/systemd"
	"gumshoe/engine"
)

// Unit is one unit of systemd. The words are systemd's own, as systemctl show
// writes them.
type Unit struct {
	// Name is the unit's full name, such as nginx.service.
	Name string `json:"name" expr:"name"`
	// Found tells whether systemd has a unit of this name. When it does not, all
	// that follows but load_state and active_state is unread.
	Found bool `json:"found" expr:"found"`
	// LoadState is whether its file could be read: loaded, not-found, masked,
	// bad-setting or error (the file is faulty).
	LoadState string `json:"load_state" expr:"load_state" enum:"loaded,not-found,bad-setting,error,masked,merged,stub"`
	// ActiveState is whether it is on: active, inactive, failed, activating (which
	// also is one that waits to be restarted), deactivating and so on.
	ActiveState string `json:"active_state" expr:"active_state" enum:"active,inactive,failed,activating,deactivating,reloading,maintenance,refreshing"`
	// SubState is the same in more detail, in the words of the unit's type:
	// running, exited, dead, auto-restart, mounted, listening and so on.
	SubState string `json:"sub_state" expr:"sub_state"`
	// UnitFileState is whether its file is enabled: enabled, disabled, static (it
	// cannot be enabled), masked, generated, transient and so on.
	UnitFileState string `json:"unit_file_state" expr:"unit_file_state"`
	// Enabled tells whether it is started at boot: unit_file_state is enabled or
	// enabled-runtime. Another unit may start one that is not.
	Enabled bool `json:"enabled" expr:"enabled"`
	// NeedReload tells whether its file was changed since systemd read it: the
	// change counts only after systemctl daemon-reload.
	NeedReload bool `json:"need_reload" expr:"need_reload"`
	// ConditionFailed tells whether it was not started because a condition in its
	// file did not hold. systemctl start then succeeds, and the unit is inactive.
	// Unread when nobody tried to start it since systemd loaded it; systemd soon
	// forgets a unit that is off and that no other unit wants.
	ConditionFailed bool `json:"condition_failed" expr:"condition_failed"`

	// Result is how it last ended: success, exit-code, signal, core-dump, timeout,
	// watchdog, oom-kill, resources, protocol, start-limit-hit and so on; success
	// also while it runs. When it ended and was started again in the window, that
	// end. When systemd gives up after too many restarts, it is what ended the last
	// of them. Unread for types of units that have none.
	Result string `json:"result" expr:"result"`
	// ExitCode is the exit code of its main process when that last exited. Unread
	// while it runs, when it was killed, and for units that have no process. The
	// codes from 200 to 242 are systemd's: it could not start the program; 203 is
	// a program that is not there or may not be run.
	ExitCode int `json:"exit_code" expr:"exit_code"`
	// ExitSignal is the signal that killed its main process, such as SIGKILL; ""
	// when it exited. Unread while it runs, and for units that have no process.
	ExitSignal string `json:"exit_signal" expr:"exit_signal"`
	// Restarts is how many times systemd restarted the service by itself since
	// somebody last started it. Unread for other types of units.
	Restarts int64 `json:"restarts" expr:"restarts"`
	// RestartsInWindow is how many of these were in the window.
	RestartsInWindow int64 `json:"restarts_in_window" expr:"restarts_in_window"`
	// MainPID is the process id of the service's main process; 0 when none runs.
	// Unread for units that have no process.
	MainPID int `json:"main_pid" expr:"main_pid"`
	// ActiveSeconds is the time since it became active, without that which the host
	// slept. Unread when it is not active.
	ActiveSeconds float64 `json:"active_seconds" expr:"active_seconds"`
	// InactiveSeconds is the time since it last became inactive or failed. Unread
	// while it is on, and when it was never on since systemd loaded it.
	InactiveSeconds float64 `json:"inactive_seconds" expr:"inactive_seconds"`
	// MemoryBytes is the memory of its control group, with its share of the page
	// cache. Unread when nothing runs in it or its memory is not accounted for.
	MemoryBytes int64 `json:"memory_bytes" expr:"memory_bytes"`
	// Tasks is the number of threads in its control group. Unread as memory_bytes.
	Tasks int64 `json:"tasks" expr:"tasks"`
	// Cgroup is the path of its control group, for host.cgroup; "" when nothing
	// runs in it. Unread for types of units that have none.
	Cgroup string `json:"cgroup" expr:"cgroup"`
}

// oftenRestarted and lately are when a service flaps of which we saw no restart.
const (
	oftenRestarted = 3
	lately         = 600e6 // microseconds
)

// seenUnit is a unit with what could not be read of it.
type seenUnit struct {
	Unit
	unread []engine.Unread
}

func (u *seenUnit) miss(reason, fix string, fields ...string) {
	for _, field := range fields {
		u.unread = append(u.unread, engine.Unread{Path: field, Reason: reason, Fix: fix})
	}
}

// unit makes a Unit of what systemd told before and after the window.
func unit(name string, before, after systemdLook) seenUnit {
	u := seenUnit{Unit: Unit{Name: printable(name)}}
	p := after.read[name]
	if p == nil {
		reason := "too many units were to be read"
		if err := after.failed[name]; err != nil {
			reason, _, _ = whyUnasked(err)
		}
		u.miss(reason, "", append([]string{"found", "load_state", "active_state"}, unitFields()...)...)
		return u
	}
	u.states(p)
	if !u.Found {
		u.SubState = ""
		u.miss("there is no such unit", "", unitFields()...)
		return u
	}
	u.UnitFileState, _ = p.Text("UnitFileState")
	u.UnitFileState = printable(u.UnitFileState)
	u.Enabled = u.UnitFileState == "enabled" || u.UnitFileState == "enabled-runtime"
	u.NeedReload, _ = p.Flag("NeedDaemonReload")
	held, known := p.Flag("ConditionResult")
	checked, _ := p.Number("ConditionTimestampMonotonic")
	if u.ConditionFailed = known && !held && checked > 0; checked == 0 {
		u.miss("nobody tried to start it since systemd loaded it", "", "condition_failed")
	}
	u.times(p, after.now)
	u.end(name, before.read[name], p)
	u.count(name, before, after)
	u.group(p)
	return u
}

// unitFields are what only a unit that is there has.
func unitFields() []string {
	return []string{"sub_state", "unit_file_state", "enabled", "need_reload", "condition_failed", "result", "exit_code", "exit_signal",
		"restarts", "restarts_in_window", "main_pid", "active_seconds", "inactive_seconds", "memory_bytes", "tasks", "cgroup"}
}

func (u *seenUnit) states(p systemd.Properties) {
	load, _ := p.Text("LoadState")
	active, _ := p.Text("ActiveState")
	u.Found = load != "" && load != "not-found"
	u.LoadState, u.ActiveState = load, active
	if !oneOf(load, "loaded,not-found,bad-setting,error,masked,merged,stub") {
		u.LoadState = ""
		u.miss("systemd calls it "+shorten(printable(load))+", which we do not know", "", "load_state")
	}
	if !oneOf(active, "active,inactive,failed,activating,deactivating,reloading,maintenance,refreshing") {
		u.ActiveState = ""
		u.miss("systemd calls it "+shorten(printable(active))+", which we do not know", "", "active_state")
	}
	sub, _ := p.Text("SubState")
	u.SubState = printable(sub)
}

// times fills in for how long it has been on or off. A unit is off when it is
// inactive or has failed; what is in between is neither.
func (u *seenUnit) times(p systemd.Properties, now int64) {
	since := func(name string) (float64, bool) {
		at, ok := p.Number(name)
		return float64(max(now-at, 0)) / 1e6, ok && at > 0 && now > 0
	}
	var ok bool
	if u.ActiveSeconds, ok = since("ActiveEnterTimestampMonotonic"); !ok || !oneOf(u.ActiveState, "active,reloading,refreshing") {
		u.ActiveSeconds = 0
		u.miss("it is not active", "", "active_seconds")
	}
	off := oneOf(u.ActiveState, "inactive,failed,maintenance")
	switch u.InactiveSeconds, ok = since("InactiveEnterTimestampMonotonic"); {
	case !off:
		u.InactiveSeconds = 0
		u.miss("it is not inactive", "", "inactive_seconds")
	case !ok:
		u.InactiveSeconds = 0
		u.miss("it was never on since systemd loaded it", "", "inactive_seconds")
	}
}

// How a process ended: the kernel's si_code, as in ExecMainCode.
const (
	cldExited = 1
	cldKilled = 2
	cldDumped = 3
)

// end fills in how it ended: as it is now, or if it runs now, as it was before
// the window.
func (u *seenUnit) end(name string, before, p systemd.Properties) {
	result, has := p.Text("Result")
	earlier, had := before.Text("Result")
	if result == "success" && had && earlier != "success" {
		result = earlier
	}
	if !has {
		u.miss("a "+systemd.TypeOf(name)+" has none", "", "result")
	}
	u.Result = printable(result)
	pid, has := p.Number("MainPID")
	if !has {
		u.miss("a "+systemd.TypeOf(name)+" has no main process", "", "main_pid", "exit_code", "exit_signal")
		return
	}
	u.MainPID = int(pid)
	code, _ := p.Number("ExecMainCode")
	status, _ := p.Number("ExecMainStatus")
	if code == 0 {
		code, _ = before.Number("ExecMainCode")
		status, _ = before.Number("ExecMainStatus")
	}
	switch code {
	case cldExited:
		u.ExitCode = int(status)
	case cldKilled, cldDumped:
		u.ExitSignal = unix.SignalName(unix.Signal(status))
		u.miss("it was killed by a signal", "", "exit_code")
		if u.ExitSignal == "" {
			u.miss("it has no name", "", "exit_signal")
		}
	default:
		reason := "it has not run since systemd loaded it"
		if u.MainPID != 0 {
			reason = "it runs"
		}
		u.miss(reason, "", "exit_code", "exit_signal")
	}
}

// count fills in the restarts. The count starts anew when somebody starts the
// service.
func (u *seenUnit) count(name string, before, after systemdLook) {
	switch n, counted := after.restarts[name]; {
	case systemd.TypeOf(name) != "service":
		u.miss("systemd restarts services only", "", "restarts", "restarts_in_window")
	case !counted:
		u.miss(noCount, "", "restarts", "restarts_in_window")
	default:
		u.Restarts, u.RestartsInWindow = n, n
		earlier, had := before.restarts[name]
		ended, _ := after.read[name].Number("InactiveEnterTimestampMonotonic")
		switch {
		case had && earlier <= n:
			u.RestartsInWindow -= earlier
		case had: // somebody started it in the window
		case !before.all:
			u.RestartsInWindow = 0
			u.miss("there are too many services to count all restarts", "name it in the input units", "restarts_in_window")
		case oneOf(u.ActiveState, "failed,inactive") && ended <= before.now: // it was off all the time
			u.RestartsInWindow = 0
		}
	}
}

const noCount = "this systemd does not count restarts (version 235 is the first that does)"

func (u *seenUnit) group(p systemd.Properties) {
	path, has := p.Text("ControlGroup")
	if !has {
		u.miss("units of this type have no control group", "", "cgroup", "memory_bytes", "tasks")
		return
	}
	u.Cgroup = printable(path)
	reason := "nothing runs in it"
	if path != "" {
		reason = "systemd does not account for it"
	}
	for _, gauge := range []struct {
		property, field string
		value           *int64
	}{{"MemoryCurrent", "memory_bytes", &u.MemoryBytes}, {"TasksCurrent", "tasks", &u.Tasks}} {
		n, ok := p.Number(gauge.property)
		if !ok || path == "" {
			u.miss(reason, "", gauge.field)
			continue
		}
		*gauge.value = n
	}
}

// flaps tells whether systemd keeps restarting the service.
func (u *seenUnit) flaps(name string, after systemdLook, waited bool) bool {
	if u.ActiveState == "failed" || u.ActiveState == "inactive" {
		return false
	}
	started, ok := after.read[name].Number("ExecMainStartTimestampMonotonic")
	return waited || u.RestartsInWindow > 0 || u.Restarts >= oftenRestarted && ok && after.now-started <= lately
}
