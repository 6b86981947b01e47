package host

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/systemd"
	"gumshoe/checks/systemd/systemdtest"
	"gumshoe/engine"
)

func TestServicesConforms(t *testing.T) {
	checktest.Run(t, Source{Run: t.TempDir()}.Services(), map[string]any{"window": "100ms"})
	t.Run("systemd", func(t *testing.T) {
		m := systemdtest.Start(t, checktest.Need)
		m.Write(t, sickUnits())
		m.Start(t, "runs.service", "fails.service", "loops.service")
		inputs := map[string]any{"window": "100ms", "units": []any{"runs", "no-such", "masked"}}
		checktest.Run(t, Source{Run: m.Run}.Services(), inputs)
	})
}

// sickUnits are units that fare in every way.
func sickUnits() map[string]string {
	return map[string]string{
		"runs.service":   "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n",
		"fails.service":  "[Service]\nExecStart=/bin/sh -c 'exit 3'\n",
		"killed.service": "[Service]\nExecStart=/bin/sh -c 'kill -SEGV $$$$'\n",
		"loops.service":  "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sh -c 'exit 4'\nRestart=always\nRestartSec=100ms\n",
		"gaveup.service": "[Service]\nExecStart=/bin/sh -c 'exit 5'\nRestart=always\nRestartSec=1ms\n",
		"absent.service": "[Service]\nExecStart=/no/such/program\n",
		"masked.service": "",
		"unless.service": "[Unit]\nConditionPathExists=/no/such\n[Service]\nExecStart=/bin/sleep 9\n",
		"bad.service":    "[Service]\nExecStart=not/absolute\n",
		"stuck.service":  "[Service]\nType=notify\nExecStart=/bin/sleep 1000\n",
		"after.service":  "[Unit]\nAfter=stuck.service\n[Service]\nExecStart=/bin/sleep 1000\n",
		"tick.timer":     "[Timer]\nOnActiveSec=1h\nUnit=fails.service\n",
		// Something refers to the masked unit, as a target does to one that was enabled.
		"wants.service": "[Unit]\nWants=masked.service unless.service\n[Service]\nExecStart=/bin/sleep 1000\n",
	}
}

// TestServicesOfSystemd looks at a real systemd, and compares with systemctl show.
func TestServicesOfSystemd(t *testing.T) {
	m := systemdtest.Start(t, checktest.Need)
	m.Write(t, sickUnits())
	m.Systemctl(t, "enable", "runs.service")
	m.Start(t, "runs.service", "fails.service", "killed.service", "loops.service", "gaveup.service", "absent.service",
		"stuck.service", "after.service", "tick.timer", "wants.service")
	for _, name := range []string{"gaveup", "fails", "killed", "absent"} {
		m.Await(t, name+".service", "ActiveState", "failed")
	}
	m.Await(t, "runs.service", "ActiveState", "active")
	m.Systemctl(t, "start", "unless.service")
	names := []string{"runs", "masked", "unless.service", "no-such", "bad", "stuck", "fails", "killed", "absent", "gaveup", "tick.timer", "default.target", "-.mount"}
	var asked []any
	for _, name := range names {
		asked = append(asked, name)
	}
	got, o := checktest.Observe[Services](t, Source{Run: m.Run}.Services(), map[string]any{"window": "2s", "units": asked})

	if got.Manager != "systemd" || !got.Responding || got.State != "degraded" || got.Total < 15 || got.Failed != 4 {
		t.Errorf("got %+v", got)
	}
	var failed []string
	for _, u := range got.FailedUnits {
		failed = append(failed, fmt.Sprintf("%s %s %d%s", u.Name, u.Result, u.ExitCode, u.ExitSignal))
	}
	slices.Sort(failed)
	if list, want := strings.Join(failed, ", "), "absent.service exit-code 203, fails.service exit-code 3, gaveup.service exit-code 5, killed.service signal 0SIGSEGV"; list != want {
		t.Errorf("failed: got %s\nwant %s", list, want)
	}
	if len(got.FlappingUnits) != 1 || got.Flapping != 1 {
		t.Fatalf("flapping: got %+v", got.FlappingUnits)
	}
	loops := got.FlappingUnits[0]
	if loops.Name != "loops.service" || loops.ExitCode != 4 || loops.Result != "exit-code" || loops.RestartsInWindow < 1 || loops.Restarts < loops.RestartsInWindow {
		t.Errorf("flapping: got %+v", loops)
	}
	if !slices.Equal(got.MaskedUnits, []string{"masked.service"}) {
		t.Errorf("masked: got %v", got.MaskedUnits)
	}
	jobs := []UnitJob{{Unit: "stuck.service", Type: "start", Running: true, Throughout: true}, {Unit: "after.service", Type: "start", Throughout: true}}
	listed := slices.DeleteFunc(slices.Clone(got.WaitingJobs), func(j UnitJob) bool { return j.Unit == "loops.service" }) // it comes and goes
	if !slices.Equal(listed, jobs) || got.Jobs != len(got.WaitingJobs) || got.JobsThroughout != 2 {
		t.Errorf("jobs: got %d, %+v, want %+v", got.Jobs, got.WaitingJobs, jobs)
	}
	if len(got.Units) != len(names) {
		t.Fatalf("got %d units, want %d", len(got.Units), len(names))
	}
	for i := range got.Units {
		sameAsSystemctl(t, m, o, fmt.Sprintf("units[%d]", i), got.Units[i])
	}
	for i := range got.FailedUnits {
		sameAsSystemctl(t, m, o, fmt.Sprintf("failed_units[%d]", i), got.FailedUnits[i])
	}
	if u := got.Units[0]; !u.Enabled || u.ActiveSeconds <= 0 || u.ActiveSeconds > 60 {
		t.Errorf("runs.service: got %+v", u)
	}
	if !got.Units[2].ConditionFailed || got.Units[3].Found || got.Units[4].LoadState != "bad-setting" {
		t.Errorf("got %+v", got.Units[2:5])
	}
	if want := "systemd is degraded, 4 failed ("; !strings.HasPrefix(o.Summary, want) || !strings.Contains(o.Summary, "1 flapping (loops.service), masked.service is masked") {
		t.Errorf("summary %q", o.Summary)
	}

	// Again, when loops.service has restarted more often, and a file has changed.
	m.Systemctl(t, "stop", "stuck.service", "after.service")
	if err := os.WriteFile(m.UnitFile("runs.service"), []byte("[Service]\nExecStart=/bin/sleep 2000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, o := checktest.Observe[Services](t, Source{Run: m.Run}.Services(), map[string]any{"window": "2s", "units": []any{"runs", "gaveup", "loops"}})
	if !again.Units[0].NeedReload || again.Units[1].RestartsInWindow != 0 || again.Units[1].Restarts != 5 || again.JobsThroughout != 0 {
		t.Errorf("got %+v, unread %v", again, o.Unread)
	}
	if !slices.Equal(again.MaskedUnits, []string{"masked.service"}) { // this time not asked for
		t.Errorf("masked: got %v", again.MaskedUnits)
	}
	if again.Units[2].Restarts <= loops.Restarts || again.Flapping != 1 {
		t.Errorf("loops.service: got %+v, before %d restarts", again.Units[2], loops.Restarts)
	}
}

// TestServicesRestarted: a service that dies now and then, and is up again at
// once, waits for no restart when we look.
func TestServicesRestarted(t *testing.T) {
	m := systemdtest.Start(t, checktest.Need)
	m.Write(t, map[string]string{
		"blinks.service": "[Service]\nExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=1us\n",
		"steady.service": "[Service]\nExecStart=/bin/sleep 1000\nRestart=always\n",
	})
	m.Systemctl(t, "start", "blinks.service", "steady.service")
	done := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		tick := time.NewTicker(700 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				m.Systemctl(t, "kill", "--signal=KILL", "blinks.service")
			}
		}
	})
	got, o := checktest.Observe[Services](t, Source{Run: m.Run}.Services(), map[string]any{"window": "2500ms"})
	close(done)
	killer.Wait()
	if got.Flapping != 1 || len(got.FlappingUnits) != 1 || got.FlappingUnits[0].Name != "blinks.service" || got.FlappingUnits[0].RestartsInWindow < 1 {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
}

// sameAsSystemctl compares what does not change while we look.
func sameAsSystemctl(t *testing.T, m *systemdtest.Manager, o engine.Observation, path string, u Unit) {
	t.Helper()
	yes := map[bool]string{true: "yes", false: "no"}
	signals := map[string]string{"SIGSEGV": "11"}
	for _, field := range []struct{ name, property, got string }{
		{"load_state", "LoadState", u.LoadState}, {"active_state", "ActiveState", u.ActiveState}, {"sub_state", "SubState", u.SubState},
		{"unit_file_state", "UnitFileState", u.UnitFileState}, {"result", "Result", u.Result}, {"need_reload", "NeedDaemonReload", yes[u.NeedReload]},
		{"restarts", "NRestarts", strconv.FormatInt(u.Restarts, 10)}, {"main_pid", "MainPID", strconv.Itoa(u.MainPID)},
		{"exit_code", "ExecMainStatus", strconv.Itoa(u.ExitCode)}, {"exit_signal", "ExecMainStatus", signals[u.ExitSignal]},
		{"cgroup", "ControlGroup", u.Cgroup}, {"memory_bytes", "MemoryCurrent", strconv.FormatInt(u.MemoryBytes, 10)},
		{"tasks", "TasksCurrent", strconv.FormatInt(u.Tasks, 10)},
	} {
		want := m.Show(t, u.Name, field.property)
		if checktest.HasUnread(o, path+"."+field.name) {
			if known := want != "" && want != "[not set]" && want != "0" && want != "dead" && want != "no" && want != "success" && field.property != "ExecMainStatus"; known {
				t.Errorf("%s %s is unread, systemctl says %s", u.Name, field.name, want)
			}
			continue
		}
		if field.got != want && field.name != "exit_signal" || field.name == "exit_signal" && field.got != "" && field.got != want {
			t.Errorf("%s %s: got %s, systemctl says %s", u.Name, field.name, field.got, want)
		}
	}
}

// TestServicesOverTheBus: with systemd's own socket gone, the bus will do.
func TestServicesOverTheBus(t *testing.T) {
	m := systemdtest.Start(t, checktest.Need)
	m.Bus(t, checktest.Need)
	if err := os.Remove(filepath.Join(m.Run, "systemd/private")); err != nil {
		t.Fatal(err)
	}
	got, o := checktest.Observe[Services](t, Source{Run: m.Run}.Services(), map[string]any{"window": "100ms", "units": []any{"dbus"}})
	if !got.Responding || got.State != "running" || len(got.Units) != 1 || got.Units[0].ActiveState != "active" {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
}

// TestServicesOfStoppedSystemd: a systemd that hangs is an observation.
func TestServicesOfStoppedSystemd(t *testing.T) {
	m := systemdtest.Start(t, checktest.Need)
	if err := syscall.Kill(m.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got, o := checktest.Observe[Services](t, Source{Run: m.Run}.Services(), map[string]any{"timeout": "200ms"})
	if got.Manager != "systemd" || got.Responding || checktest.HasUnread(o, "responding") || !checktest.HasUnread(o, "failed") || o.Summary != "systemd did not answer" {
		t.Errorf("got %+v, %q, unread %v", got, o.Summary, o.Unread)
	}
}

func TestServicesWithoutSystemd(t *testing.T) {
	root := t.TempDir()
	tree{"1/comm": "run\x1bit\n"}.write(t, root)
	got, o := checktest.Observe[Services](t, Source{Proc: root, Run: root}.Services(), map[string]any{"units": []any{"nginx"}})
	if got.Manager != "none" || got.Init != "run\uFFFDit" || got.Responding || got.Failed != 0 || unreadPaths(o) != "responding state units" {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
	for _, u := range o.Unread {
		if u.Reason != "this host does not run systemd (process 1 is run\uFFFDit)" || !strings.Contains(u.Fix, "host.process") {
			t.Errorf("unread %v", u)
		}
	}
	if want := "no systemd here, process 1 is run\uFFFDit"; o.Summary != want {
		t.Errorf("summary %q, want %q", o.Summary, want)
	}
	if _, o = checktest.Observe[Services](t, Source{Proc: root, Run: root}.Services(), nil); unreadPaths(o) != "responding state" {
		t.Errorf("nothing was asked for, unread %v", o.Unread)
	}
	// A systemd that we cannot reach is not one that is not there.
	tree{"1/comm": "systemd\n"}.write(t, root)
	for _, proc := range []string{root, t.TempDir()} {
		got, o = checktest.Observe[Services](t, Source{Proc: proc, Run: root}.Services(), nil)
		if got.Manager != "" || !checktest.HasUnread(o, "manager") || !checktest.HasUnread(o, "failed") || !checktest.HasUnread(o, "flapping_units") {
			t.Errorf("got %+v, unread %v; want nothing to be known", got, o.Unread)
		}
	}
	for _, units := range []any{[]any{"two words"}, []any{"getty@"}, slices.Repeat([]any{"x"}, maxUnitsAsked+1)} {
		if o := checktest.Look(t, Source{Run: root}.Services(), map[string]any{"units": units}); o.Status != engine.Failed || o.Fix == "" {
			t.Errorf("%v: got %s %q, fix %q", units, o.Status, o.Reason, o.Fix)
		}
	}
}

// TestServicesUnasked: systemd is the init, and we cannot ask it.
func TestServicesUnasked(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		answer       func(net.Conn)
		responding   bool // unread
	}{
		{"no socket", "there is no", nil, true},
		{"hangs up", "does not speak as systemd does", func(net.Conn) {}, true},
		{"silent", "systemd does not answer at", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run := bootedRun(t)
			if tt.answer != nil {
				listener, err := net.Listen("unix", filepath.Join(run, "systemd/private"))
				if err != nil {
					t.Fatal(err)
				}
				defer listener.Close()
				go func() {
					for {
						conn, err := listener.Accept()
						if err != nil {
							return
						}
						go func() { tt.answer(conn); conn.Close() }()
					}
				}()
			}
			timeout := "10s"
			if tt.name == "silent" {
				timeout = "1s"
			}
			got, o := checktest.Observe[Services](t, Source{Run: run}.Services(), map[string]any{"timeout": timeout})
			if got.Manager != "systemd" || checktest.HasUnread(o, "responding") != tt.responding || !checktest.HasUnread(o, "failed_units") {
				t.Errorf("got %+v, unread %v", got, o.Unread)
			}
			if !strings.Contains(o.Unread[0].Reason, tt.reason) {
				t.Errorf("reason %q, want %q", o.Unread[0].Reason, tt.reason)
			}
		})
	}
}

// bootedRun makes a runtime folder that says that systemd is the init.
func bootedRun(t *testing.T) string {
	t.Helper()
	run, err := os.MkdirTemp("", "sd") //nolint:usetesting // the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	for _, folder := range []string{"systemd/system", "dbus"} {
		if err := os.MkdirAll(filepath.Join(run, folder), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	return run
}

// TestServicesAsNobody: without root there is the bus, or it is said what to do.
func TestServicesAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	run := bootedRun(t)
	_, o := checktest.Observe[Services](t, Source{Run: run}.Services(), map[string]any{"window": "100ms"})
	if !checktest.HasUnread(o, "responding") || !strings.Contains(o.Unread[0].Fix, "root") {
		t.Errorf("unread %v", o.Unread)
	}
	listener, err := net.Listen("unix", filepath.Join(run, "dbus/system_bus_socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := os.Chmod(filepath.Join(run, "dbus/system_bus_socket"), 0); err != nil {
		t.Fatal(err)
	}
	_, o = checktest.Observe[Services](t, Source{Run: run}.Services(), map[string]any{"window": "100ms"})
	if !checktest.HasUnread(o, "responding") || !strings.Contains(o.Unread[0].Reason, "may not ask") || !strings.Contains(o.Unread[0].Fix, "root") {
		t.Errorf("unread %v", o.Unread)
	}
}

// TestUnit: what systemd tells, in ways that the systemd of a test does not.
func TestUnit(t *testing.T) {
	const second = 1_000_000
	look := func(now int64, restarts any, p systemd.Properties) systemdLook {
		l := newLook()
		l.now = now
		if p != nil {
			l.read["x.service"] = p
		}
		if n, ok := restarts.(int); ok {
			l.restarts["x.service"] = int64(n)
		}
		return l
	}
	active := systemd.Properties{
		"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "Result": "success", "MainPID": uint32(7),
		"ControlGroup": "/system.slice/x.service", "MemoryCurrent": uint64(4096), "TasksCurrent": uint64(3),
		"ActiveEnterTimestampMonotonic": uint64(900 * second), "InactiveEnterTimestampMonotonic": uint64(899 * second),
		"ExecMainStartTimestampMonotonic": uint64(900 * second),
		"ConditionResult":                 true, "ConditionTimestampMonotonic": uint64(1),
	}
	with := func(base systemd.Properties, more systemd.Properties) systemd.Properties {
		all := systemd.Properties{}
		for _, p := range []systemd.Properties{base, more} {
			maps.Copy(all, p)
		}
		return all
	}
	failed := with(active, systemd.Properties{
		"ActiveState": "failed", "SubState": "failed", "Result": "oom-kill", "MainPID": uint32(0), "ExecMainCode": int32(2), "ExecMainStatus": int32(9),
		"ControlGroup": "", "MemoryCurrent": uint64(math.MaxUint64), "InactiveEnterTimestampMonotonic": uint64(940 * second),
	})
	runs := Unit{
		Name: "x.service", Found: true, LoadState: "loaded", ActiveState: "active", SubState: "running", Result: "success", MainPID: 7,
		ActiveSeconds: 100, MemoryBytes: 4096, Tasks: 3, Cgroup: "/system.slice/x.service",
	}
	change := func(u Unit, how func(*Unit)) Unit { how(&u); return u }
	for _, tt := range []struct {
		name          string
		before, after systemdLook
		want          Unit
		flaps         bool
		unread        string
	}{
		{"runs", look(999*second, 0, nil), look(1000*second, 0, active), runs, false, "inactive_seconds exit_code exit_signal"},
		{
			"restarted in the window, after a kill", look(999*second, 2, with(failed, systemd.Properties{"ActiveState": "activating"})), look(1000*second, 3, active),
			change(runs, func(u *Unit) {
				u.Result, u.ExitSignal, u.Restarts, u.RestartsInWindow = "oom-kill", "SIGKILL", 3, 1
			}),
			true, "inactive_seconds exit_code",
		},
		{
			"restarted often, lately", look(999*second, 3, nil), look(1000*second, 3, active),
			change(runs, func(u *Unit) { u.Restarts = 3 }), true, "inactive_seconds exit_code exit_signal",
		},
		{
			"restarted often, long ago", look(1600*second, 3, nil), look(1601*second, 3, active),
			change(runs, func(u *Unit) { u.Restarts, u.ActiveSeconds = 3, 701 }), false, "inactive_seconds exit_code exit_signal",
		},
		{
			"started by hand in the window", look(999*second, 9, nil), look(1000*second, 1, active),
			change(runs, func(u *Unit) { u.Restarts, u.RestartsInWindow = 1, 1 }), true, "inactive_seconds exit_code exit_signal",
		},
		{
			"gave up before the window", look(999*second, nil, nil), look(1000*second, 5, failed),
			Unit{
				Name: "x.service", Found: true, LoadState: "loaded", ActiveState: "failed", SubState: "failed", Result: "oom-kill",
				ExitSignal: "SIGKILL", Restarts: 5, InactiveSeconds: 60,
			},
			false, "active_seconds exit_code memory_bytes tasks",
		},
		{
			"words of a later systemd", look(999*second, 0, nil), look(1000*second, 0, with(active, systemd.Properties{"LoadState": "new", "ActiveState": "newer"})),
			change(runs, func(u *Unit) { u.LoadState, u.ActiveState, u.ActiveSeconds = "", "", 0 }), false,
			"load_state active_state active_seconds inactive_seconds exit_code exit_signal",
		},
		{
			"an earlier systemd", look(999*second, nil, nil), look(1000*second, nil, active), runs, false,
			"inactive_seconds exit_code exit_signal restarts restarts_in_window",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := unit("x.service", tt.before, tt.after)
			same(t, u.Unit, tt.want)
			var unread []string
			for _, missed := range u.unread {
				unread = append(unread, missed.Path)
			}
			if got := strings.Join(unread, " "); got != tt.unread {
				t.Errorf("unread: got %q, want %q", got, tt.unread)
			}
			if got := u.flaps("x.service", tt.after, false); got != tt.flaps {
				t.Errorf("flaps: got %t", got)
			}
		})
	}
	broken := look(1000*second, nil, nil)
	broken.failed["x.service"] = &systemd.Error{Fault: systemd.Denied, Socket: "/run/x", Err: errors.New("no")}
	if u := unit("x.service", broken, broken); len(u.unread) != len(unitFields())+3 || u.unread[0].Reason != "may not ask systemd at /run/x" {
		t.Errorf("a unit that cannot be read: got %+v", u)
	}
}

// TestServicesBounded: lists have an end, and what is not looked at is said.
func TestServicesBounded(t *testing.T) {
	before, after := newLook(), newLook()
	for i := range 60 {
		name := fmt.Sprintf("f%02d.service", i)
		after.units = append(after.units, systemd.Unit{Name: name, ActiveState: "failed"})
		if i < maxRead {
			after.read[name] = systemd.Properties{"LoadState": "loaded", "ActiveState": "failed", "InactiveEnterTimestampMonotonic": uint64(1000 * (i + 1))}
		}
		after.masked[fmt.Sprintf("m%02d.service", i)] = "/etc/systemd/system/m.service"
		after.masked[fmt.Sprintf("a-shipped%02d.service", i)] = "/usr/lib/systemd/system/m.service"
		after.jobs = append(after.jobs, systemd.Job{ID: uint32(i), Unit: name, State: "waiting"})
	}
	after.jobs[30].State, before.jobs = "running", after.jobs[40:41]
	after.state, after.all = "on strike", false
	var o Services
	call := &engine.Call{}
	o.fill(call, nil, before, after)
	if o.Failed != 60 || len(o.FailedUnits) != maxFailedUnits || o.FailedUnits[0].Name != "f49.service" || o.State != "unknown" {
		t.Errorf("failed: got %d, %d listed, the first %+v", o.Failed, len(o.FailedUnits), o.FailedUnits[0])
	}
	if len(o.MaskedUnits) != maxMaskedUnits || o.MaskedUnits[0] != "m00.service" {
		t.Errorf("masked: got %v", o.MaskedUnits)
	}
	if o.Jobs != 60 || len(o.WaitingJobs) != maxWaitingJobs || !o.WaitingJobs[0].Throughout || !o.WaitingJobs[1].Running {
		t.Errorf("jobs: got %d, %+v", o.Jobs, o.WaitingJobs[:2])
	}
}

func BenchmarkServices(b *testing.B) {
	m := systemdtest.Start(b, checktest.Need)
	units := sickUnits()
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("runs%d.service", i))
		units[names[i]] = "[Service]\nExecStart=/bin/sleep 1000\n"
	}
	m.Write(b, units)
	m.Start(b, append(names, "fails.service", "loops.service")...)
	m.Await(b, names[99], "ActiveState", "active")
	for b.Loop() {
		in := ServicesInput{Units: []string{"runs", "loops"}, Window: 1, Timeout: 5e9}
		if _, err := (Source{Run: m.Run}).lookServices(b.Context(), &engine.Call{}, in); err != nil {
			b.Fatal(err)
		}
	}
}
