package render_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"gumshoe/engine"
	"gumshoe/integrations/render"
)

// seen is the output of a made-up check.
type seen struct {
	Version string `json:"version" expr:"version"`
	Used    struct {
		Bytes   float64 `json:"bytes" expr:"bytes"`
		Percent float64 `json:"percent" expr:"percent"`
	} `json:"used" expr:"used"`
	Mounts []mount `json:"mounts" expr:"mounts"`
}

type mount struct {
	Mount        string  `json:"mount" expr:"mount"`
	AwaitSeconds float64 `json:"await_seconds" expr:"await_seconds"`
}

func definition(t *testing.T, name string) *engine.Definition {
	t.Helper()
	d, err := engine.Check[struct{}, seen]{
		Name: name, Doc: "Made up.", Cost: time.Second,
		Plan:      func(struct{}) []engine.Touch { return nil },
		Run:       func(context.Context, *engine.Call, struct{}) (seen, error) { return seen{}, nil },
		Summarize: func(seen) string { return "" },
	}.Definition()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func saw(unread ...engine.Unread) engine.Observation {
	return engine.Observation{Status: engine.Partial, Output: seen{}, Unread: unread}
}

const asRoot = "run gumshoe as root, or grant it CAP_SYS_PTRACE"

func TestDoctorCheck(t *testing.T) {
	tests := []struct {
		name   string
		look   engine.Observation
		sees   render.Sight
		reason string
		unread []render.DoctorUnread
	}{
		{"all", saw(), render.SeesAll, "", nil},
		{
			"nothing to measure is no blindness",
			saw(engine.Unread{Path: "mounts[0].await_seconds", Reason: "no read ended"}),
			render.SeesAll, "",
			[]render.DoctorUnread{{Fields: []string{"mounts[].await_seconds"}, Reason: "no read ended"}},
		},
		{
			"the short window is ours",
			saw(engine.Unread{Path: "used.percent", Reason: "too few", Fix: "give it a longer window"}),
			render.SeesAll, "",
			[]render.DoctorUnread{{Fields: []string{"used.percent"}, Reason: "too few"}},
		},
		{
			"all elements of a list are one field, and the reason of most fields is told",
			saw(
				engine.Unread{Path: "mounts", Reason: "hidden", Fix: "show it"},
				engine.Unread{Path: "mounts[0].await_seconds", Reason: "not root", Fix: asRoot},
				engine.Unread{Path: `mounts["a]\"b"].await_seconds`, Reason: "not root", Fix: asRoot},
				engine.Unread{Path: "mounts[17].mount", Reason: "not root", Fix: asRoot},
			),
			render.SeesPart, "not root",
			[]render.DoctorUnread{
				{Fields: []string{"mounts"}, Reason: "hidden", Fix: "show it"},
				{Fields: []string{"mounts[].await_seconds", "mounts[].mount"}, Reason: "not root", Fix: asRoot},
			},
		},
		{
			"one field that is left is nothing",
			saw(
				engine.Unread{Path: "used", Reason: "no /sys", Fix: "mount it"},
				engine.Unread{Path: "mounts", Reason: "no /sys", Fix: "mount it"},
			),
			render.SeesNothing, "no /sys",
			[]render.DoctorUnread{{Fields: []string{"used", "mounts"}, Reason: "no /sys", Fix: "mount it"}},
		},
		{"blind", engine.Observation{Status: engine.Failed, Reason: "no PSI", Fix: "boot with psi=1"}, render.SeesNothing, "no PSI", nil},
		{"refused", engine.Observation{Status: engine.Skipped, Refused: true, Reason: "not allowed"}, render.SeesNothing, "not allowed", nil},
		{
			"some input is needed", engine.Observation{Status: engine.Failed, Reason: "no process is named", Fix: "give one of the inputs name and pid"},
			render.NeedsInput, "no process is named", nil,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := render.NewDoctorCheck(definition(t, "host.disk"), test.look)
			want := render.DoctorCheck{Name: "host.disk", Sees: test.sees, Reason: test.reason, Unread: test.unread}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(render.DoctorCheck{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func doctorChecks(t *testing.T) []render.DoctorCheck {
	t.Helper()
	return []render.DoctorCheck{
		render.NewDoctorCheck(definition(t, "host.cpu"), saw()),
		render.NewDoctorCheck(definition(t, "host.disk"), saw(
			engine.Unread{Path: "used.percent", Reason: "cannot read /etc/a", Fix: "run gumshoe as root, or as a user that may read /etc/a"},
			engine.Unread{Path: "mounts[0].await_seconds", Reason: "may not see the open files of 77 processes", Fix: asRoot},
			engine.Unread{Path: "mounts[1].await_seconds", Reason: "may not see the open files of 77 processes", Fix: asRoot},
			engine.Unread{Path: "used.percent", Reason: "cannot read /etc/b", Fix: "run gumshoe as root, or as a user that may read /etc/b"},
			engine.Unread{Path: "mounts[0].mount", Reason: "may not see the open files of 77 processes", Fix: asRoot},
		)),
		render.NewDoctorCheck(definition(t, "host.limits"), saw(
			engine.Unread{Path: "used.bytes", Reason: "may not see the open files of 77 processes", Fix: asRoot},
			engine.Unread{Path: "mounts[1].await_seconds", Reason: "no read ended in the window"},
		)),
		render.NewDoctorCheck(definition(t, "host.kernel"), engine.Observation{
			Status: engine.Failed, Reason: "cannot read the kernel's messages: open /dev/kmsg: operation not permitted; journalctl: it shows us no messages of the kernel; and much more than two lines hold",
			Fix: "give gumshoe CAP_SYSLOG (setcap cap_syslog+ep, or a unit), or set kernel.dmesg_restrict to 0",
		}),
		render.NewDoctorCheck(definition(t, "host.pressure"), saw(
			engine.Unread{Path: "used", Reason: "this kernel has no PSI", Fix: "boot with psi=1"},
			engine.Unread{Path: "mounts", Reason: "this kernel has no PSI", Fix: "boot with psi=1"},
		)),
		{Name: "probe.tcp", Sees: render.NeedsInput, Needs: []string{"address"}, Unread: []render.DoctorUnread{}},
		{Name: "command", Sees: render.NeedsInput, Needs: []string{"argv"}, Reason: "3 allowed", Unread: []render.DoctorUnread{}},
		{Name: "probe.load", Sees: render.NotRun, Reason: "its risk is load", Unread: []render.DoctorUnread{}},
	}
}

func TestDoctorFixes(t *testing.T) {
	nobody := render.DoctorHost{UserID: 65534, MissingCapabilities: []string{"CAP_SYSLOG", "CAP_SYS_PTRACE"}}
	want := []render.DoctorFix{
		{
			Fix: "run gumshoe as root", Or: []string{"grant it CAP_SYS_PTRACE", "as a user that may read /etc/a", "as a user that may read /etc/b"},
			Opens: []render.DoctorOpened{{Check: "host.disk", Fields: 3}, {Check: "host.limits", Fields: 1}},
		},
		{
			Fix: "give gumshoe CAP_SYSLOG (setcap cap_syslog+ep, or a unit)", Or: []string{"set kernel.dmesg_restrict to 0"},
			Opens: []render.DoctorOpened{{Check: "host.kernel", All: true, Fields: 4}},
		},
		{Fix: "boot with psi=1", Or: []string{}, Opens: []render.DoctorOpened{{Check: "host.pressure", All: true, Fields: 2}}},
	}
	if diff := cmp.Diff(want, render.DoctorFixes(doctorChecks(t), nobody)); diff != "" {
		t.Error(diff)
	}
	if none := render.DoctorFixes(nil, nobody); none == nil || len(none) > 0 {
		t.Errorf("without checks: %v, want an empty list", none)
	}
}

// A fix that asks for what gumshoe has says so.
func TestDoctorNoHelp(t *testing.T) {
	checks := doctorChecks(t)[1:2]
	for name, test := range map[string]struct {
		host render.DoctorHost
		want string
	}{
		"nobody":            {render.DoctorHost{UserID: 1000, MissingCapabilities: []string{"CAP_SYS_PTRACE"}}, ""},
		"root, and capable": {render.DoctorHost{UserID: 0}, "it has that already: "},
		"root, and not":     {render.DoctorHost{UserID: 0, MissingCapabilities: []string{"CAP_SYSLOG", "CAP_SYS_PTRACE"}}, "it is root already, without CAP_SYS_PTRACE"},
		"capable":           {render.DoctorHost{UserID: 1000}, "it has that already: "},
	} {
		got := render.DoctorFixes(checks, test.host)[0].Note
		if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func healthyDoctor(t *testing.T) *render.Doctor {
	t.Helper()
	d := &render.Doctor{
		Schema: render.DoctorForm, Status: render.DoctorReady, Version: "v0.1.0", Target: "web-1", Started: start, ElapsedSeconds: 0.4,
		Host: render.DoctorHost{
			Kernel: "Linux 6.1.0-18-amd64", Distribution: "Debian GNU/Linux 12 (bookworm)", User: "nobody", UserID: 65534,
			Capabilities: []string{"CAP_NET_RAW"}, MissingCapabilities: []string{"CAP_SYSLOG", "CAP_SYS_PTRACE"}, Cgroup: "v2",
			VirtualMachine: render.DoctorInside{Found: true, What: "QEMU", Because: "/proc/cpuinfo"},
		},
		Configuration: render.DoctorConfiguration{
			File: "/etc/gumshoe/gumshoe.yaml", Usable: true, Commands: 3, Targets: 2,
			Secrets: []render.DoctorSecret{{Name: "db", Ref: "env:APP_DB"}},
		},
		State:    render.DoctorState{Folder: "/var/lib/gumshoe", Writable: true, Runs: 12, Keep: 1000},
		Runbooks: render.DoctorRunbooks{Stock: 4, Folders: []render.DoctorFolder{{Folder: "/etc/gumshoe/runbooks", Found: true, Loaded: 2}}, Broken: []string{}},
		Faults:   []render.DoctorFault{},
		Warnings: []render.DoctorFault{{What: "secret db", Reason: "the environment variable APP_DB is not set", Fix: "set it"}},
		Checks:   doctorChecks(t),
	}
	d.Fixes = render.DoctorFixes(d.Checks, d.Host)
	return d
}

func brokenDoctor(t *testing.T) *render.Doctor {
	t.Helper()
	d := healthyDoctor(t)
	d.Status = render.DoctorBroken
	d.Host = render.DoctorHost{
		Capabilities: []string{}, MissingCapabilities: []string{"CAP_SYSLOG"}, Cgroup: "none",
		Container: render.DoctorInside{Found: true, What: "docker", Because: "/.dockerenv"},
	}
	d.Configuration = render.DoctorConfiguration{File: "/srv/gumshoe.yaml", AnyTarget: true, Secrets: []render.DoctorSecret{}}
	d.State = render.DoctorState{Folder: "/var/lib/gumshoe", Keep: 1000}
	d.Runbooks.Broken = []string{"mine"}
	d.Warnings, d.Fixes = []render.DoctorFault{}, []render.DoctorFix{}
	d.Faults = []render.DoctorFault{
		{What: "configuration", Reason: "/srv/gumshoe.yaml:1:1: unknown key \"comands\"\x1b[31m"},
		{What: "state", Reason: "runs cannot be kept: /var/lib: permission denied", Fix: "name a folder that can be written"},
		{What: "runbook mine", Reason: "mine.yaml:3:1: no title (and 2 more)", Fix: "gumshoe lint mine shows all that is wrong"},
	}
	return d
}

func TestDoctorText(t *testing.T) {
	for name, d := range map[string]*render.Doctor{"ready": healthyDoctor(t), "broken": brokenDoctor(t)} {
		var out bytes.Buffer
		if err := render.DoctorText(&out, d, render.Options{Width: 80}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "doctor-"+name+".txt")
		if *update {
			if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		for _, width := range []int{40, 60, 110} {
			out.Reset()
			if err := render.DoctorText(&out, d, render.Options{Width: width}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
					t.Errorf("%s at %d columns: %d in %q", name, width, n, line)
				}
			}
		}
	}
}

// The schema in docs/ is the one that the program has, and it tells what is in
// the form from what is not.
func TestDoctorSchema(t *testing.T) {
	text, err := render.DoctorSchema()
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../docs/doctor.schema.json"
	if *update {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, text) {
		t.Errorf("%s is stale: go test ./integrations/render -update (%v)", path, err)
	}
	schema, err := jsonschema.NewCompiler().Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	splendid := healthyDoctor(t)
	splendid.Status = "splendid"
	for _, test := range []struct {
		doctor *render.Doctor
		valid  bool
	}{{healthyDoctor(t), true}, {brokenDoctor(t), true}, {splendid, false}} {
		var out bytes.Buffer
		if err := render.DoctorJSON(&out, test.doctor); err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != test.valid {
			t.Errorf("status %s: got %v, want valid: %t", test.doctor.Status, err, test.valid)
		}
	}
}
