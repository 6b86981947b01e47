package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"gumshoe/checks"
	"gumshoe/checks/checktest"
	"gumshoe/checks/host"
	"gumshoe/engine"
	"gumshoe/integrations/render"
)

// files makes a folder with files of these texts; one whose name ends in / is a
// folder, and a text that begins with → is a link.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range texts {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		target, link := strings.CutPrefix(text, "→")
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o700)
		case link:
			err = os.Symlink(target, path)
		default:
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLookAround(t *testing.T) {
	t.Parallel()
	few := []string{"CAP_DAC_READ_SEARCH", "CAP_NET_RAW", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_SYSLOG"}
	inside := func(what, because string) render.DoctorInside {
		return render.DoctorInside{Found: true, What: what, Because: because}
	}
	tests := []struct {
		name  string
		files map[string]string
		want  render.DoctorHost
	}{
		{"nothing can be read", nil, render.DoctorHost{MissingCapabilities: few, Cgroup: "none"}},
		{
			"a virtual machine", map[string]string{
				"proc/sys/kernel/ostype": "Linux\n", "proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
				"etc/os-release":              "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
				"etc/passwd":                  "root:x:0:0::/:/bin/sh\nme:x:UID:7::/:/bin/sh\n",
				"proc/self/status":            "Name:\tx\nCapInh:\tffffffffffffffff\nCapEff:\t000001ffffffffff\n",
				"proc/self/ns/pid":            "→pid:[4026531836]",
				"proc/1/environ":              "HOME=/\x00TERM=linux\x00",
				"proc/cpuinfo":                "processor : 0\nflags\t\t: fpu vme hypervisor lahf_lm\n",
				"sys/class/dmi/id/sys_vendor": "QEMU\n", "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
			},
			render.DoctorHost{
				Kernel: "Linux 6.1.0-18-amd64", Distribution: "Debian GNU/Linux 12 (bookworm)", User: "me", Capabilities: few,
				VirtualMachine: inside("QEMU", "/proc/cpuinfo"), Cgroup: "v2",
			},
		},
		{
			"docker, with its usual capabilities", map[string]string{
				".dockerenv": "", "proc/self/status": "CapEff:\t00000000a80425fb\n", "proc/self/ns/pid": "→pid:[4026532201]",
				"usr/lib/os-release": "PRETTY_NAME='Alpine Linux v3.20'\n", "sys/fs/cgroup/memory/cgroup.clone_children": "0\n",
			},
			render.DoctorHost{
				Distribution: "Alpine Linux v3.20", Capabilities: []string{"CAP_DAC_READ_SEARCH", "CAP_NET_RAW"},
				MissingCapabilities: []string{"CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_SYSLOG"}, Container: inside("docker", "/.dockerenv"), Cgroup: "v1",
			},
		},
		{
			"systemd-nspawn, with both versions of cgroups", map[string]string{
				"proc/1/environ": "PATH=/bin\x00container=systemd-nspawn\x00", ".dockerenv": "",
				"sys/fs/cgroup/memory/cgroup.clone_children": "0\n", "sys/fs/cgroup/unified/cgroup.procs": "",
			},
			render.DoctorHost{MissingCapabilities: few, Container: inside("systemd-nspawn", "/proc/1/environ"), Cgroup: "v1 and v2"},
		},
		{
			"what systemd says", map[string]string{"run/systemd/container": "lxc\n"},
			render.DoctorHost{MissingCapabilities: few, Container: inside("lxc", "/run/systemd/container"), Cgroup: "none"},
		},
		{
			"podman", map[string]string{"run/.containerenv": ""},
			render.DoctorHost{MissingCapabilities: few, Container: inside("podman", "/run/.containerenv"), Cgroup: "none"},
		},
		{
			"a namespace of no name, on a virtual machine of arm64", map[string]string{
				"proc/self/ns/pid": "→pid:[4026532201]", "proc/cpuinfo": "Features : fp asimd\n", "proc/device-tree/hypervisor/": "",
			},
			render.DoctorHost{
				MissingCapabilities: few, Container: inside("", "own PID namespace"),
				VirtualMachine: inside("", "/proc/device-tree/hypervisor"), Cgroup: "none",
			},
		},
		{
			"firmware of a hypervisor", map[string]string{"sys/class/dmi/id/sys_vendor": "QEMU\n"},
			render.DoctorHost{MissingCapabilities: few, VirtualMachine: inside("QEMU", "/sys/class/dmi/id/sys_vendor"), Cgroup: "none"},
		},
		{
			"a real machine in a cloud", map[string]string{"sys/class/dmi/id/sys_vendor": "Amazon EC2\n", "proc/cpuinfo": "flags : fpu vme\n"},
			render.DoctorHost{MissingCapabilities: few, Cgroup: "none"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if passwd := test.files["etc/passwd"]; passwd != "" {
				id, _ := json.Marshal(os.Geteuid())
				test.files["etc/passwd"] = strings.Replace(strings.Replace(passwd, "root:x:0", "root:x:10", 1), "UID", string(id), 1)
			}
			want := test.want
			want.UserID = os.Geteuid()
			for _, list := range []*[]string{&want.Capabilities, &want.MissingCapabilities} {
				if *list == nil {
					*list = []string{} // JSON is to say []
				}
			}
			if diff := cmp.Diff(want, lookAround(files(t, test.files))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWritable(t *testing.T) {
	t.Parallel()
	root := files(t, map[string]string{"file": "", "folder/": ""})
	for path, want := range map[string]string{
		"folder": "", "folder/a/b": "", "new": "", "file": "file is not a folder", "file/runs": "file/runs: not a directory",
	} {
		got := ""
		if err := writable(filepath.Join(root, path)); err != nil {
			got = strings.TrimPrefix(err.Error(), root+"/")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 2 {
		t.Errorf("it left something behind: %v (%v)", entries, err)
	}
}

// instrument is a made-up check.
func instrument[In any](name string, risk engine.Risk, run func(context.Context, In)) engine.Check[In, struct{}] {
	return engine.Check[In, struct{}]{
		Name: name, Doc: "Made up.", Cost: time.Second, Risk: risk,
		Plan: func(In) []engine.Touch { return nil },
		Run: func(ctx context.Context, _ *engine.Call, in In) (struct{}, error) {
			run(ctx, in)
			return struct{}{}, nil
		},
		Summarize: func(struct{}) string { return "" },
	}
}

type windowed struct {
	Window time.Duration `json:"window" default:"10s" min:"250ms"`
	Top    int           `json:"top" default:"5" min:"1"`
}

type unlimited struct {
	Window time.Duration `json:"window" default:"7s"`
}

type needy struct {
	Address string `json:"address" required:"true"`
}

// Only what reads and needs no input is run, in the shortest window.
func TestDoctorRunsOnlyReads(t *testing.T) {
	t.Parallel()
	var ran atomic.Int32
	lowered := instrument("lowered", engine.Change, func(context.Context, struct{}) { ran.Add(1) })
	lowered.RiskOf = func(struct{}) engine.Risk { return engine.Read }
	registry, err := engine.NewRegistry(nil,
		instrument("window", engine.Read, func(_ context.Context, in windowed) {
			ran.Add(1)
			if want := (windowed{250 * time.Millisecond, 5}); in != want {
				t.Errorf("window: got %+v, want %+v", in, want)
			}
		}),
		instrument("unlimited", engine.Read, func(_ context.Context, in unlimited) {
			ran.Add(1)
			if in.Window != 7*time.Second {
				t.Errorf("a window without a minimum: got %s, want its default", in.Window)
			}
		}),
		instrument("needy", engine.Read, func(context.Context, needy) { t.Error("a check was run without its input") }),
		instrument("loading", engine.Load, func(context.Context, struct{}) { t.Error("a check that loads its target was run") }),
		instrument("changing", engine.Change, func(context.Context, struct{}) { t.Error("a check that changes something was run") }),
		instrument("command", engine.Change, func(context.Context, needy) { t.Error("a command was run") }),
		lowered,
	)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, c := range doctorChecks(t.Context(), registry, nil, 3) {
		got[c.Name] = strings.TrimSpace(string(c.Sees) + " " + strings.Join(c.Needs, ",") + " " + c.Reason)
	}
	want := map[string]string{
		"window": "all", "unlimited": "all", "lowered": "all", "needy": "needs_input address",
		"loading": "not_run  its risk is load", "changing": "not_run  its risk is change",
		"command": "needs_input address 3 allowed",
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := ran.Load(); n != 3 {
		t.Errorf("%d checks were run, want 3", n)
	}
}

// Four run at a time, and one that hangs is given up on without the others.
func TestDoctorParallel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		nap := func(d time.Duration) func(context.Context, struct{}) {
			return func(context.Context, struct{}) {
				most.Store(max(most.Load(), running.Add(1)))
				time.Sleep(d)
				running.Add(-1)
			}
		}
		all := []engine.Instrument{instrument("z", engine.Read, nap(time.Hour))}
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
			all = append(all, instrument(name, engine.Read, nap(time.Second)))
		}
		registry, err := engine.NewRegistry(nil, all...)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		found := doctorChecks(t.Context(), registry, nil, 0)
		if got, most := time.Since(began), doctorTimeout+4*time.Second; got > most {
			t.Errorf("it took %s, want at most %s", got, most)
		}
		if n := most.Load(); n != engine.DefaultParallel {
			t.Errorf("%d ran at a time, want %d", n, engine.DefaultParallel)
		}
		last := found[len(found)-1]
		if last.Sees != render.SeesNothing || !strings.Contains(last.Reason, "gave no answer in 5s") {
			t.Errorf("a check that hangs: %+v", last)
		}
		time.Sleep(time.Hour) // until what was left behind ends
	})
}

// On a host that shows nothing, no check of it sees all. One of a kernel without
// PSI says so.
func TestDoctorFedHosts(t *testing.T) {
	t.Parallel()
	nothing := filepath.Join(t.TempDir(), "nothing")
	a := app{configFile: filepath.Join(files(t, map[string]string{"gumshoe.yaml": "state: kept\n"}), "gumshoe.yaml")}
	var err error
	if a.cachedRegistry, err = checks.Builtin(checks.Dependencies{
		Host: host.Source{
			Proc: nothing, Etc: nothing, Sys: nothing, Run: nothing, Chronyd: "127.0.0.1:1",
			Messages: host.Messages{Kmsg: nothing, Journalctl: nothing},
		},
	}); err != nil {
		t.Fatal(err)
	}
	d, err := a.doctor(t.Context(), nothing)
	if err != nil {
		t.Fatal(err)
	}
	if d.Status != render.DoctorReady {
		t.Errorf("status %s: %v", d.Status, d.Faults)
	}
	for _, c := range d.Checks {
		if strings.HasPrefix(c.Name, "host.") && c.Sees == render.SeesAll {
			t.Errorf("%s sees all of a host that shows nothing", c.Name)
		}
	}
	pressure := d.Checks[slices.IndexFunc(d.Checks, func(c render.DoctorCheck) bool { return c.Name == "host.pressure" })]
	if pressure.Sees != render.SeesNothing {
		t.Errorf("without PSI: %+v", pressure)
	}
	if !slices.ContainsFunc(d.Fixes, func(f render.DoctorFix) bool {
		return strings.Contains(f.Fix, "psi=1") && f.Opens[0].Check == "host.pressure" && f.Opens[0].All
	}) {
		t.Errorf("no fix opens host.pressure: %+v", d.Fixes)
	}
	inForm(t, d)
}

// What a check says is masked, as everywhere.
func TestDoctorMasks(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse-battery"
	dir := files(t, map[string]string{"secret": secret + "\n"})
	text := "state: kept\nsecrets: { db: { secret: \"file:" + filepath.Join(dir, "secret") + "\" } }\n"
	if err := os.WriteFile(filepath.Join(dir, "gumshoe.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	talker := instrument("talker", engine.Read, func(context.Context, struct{}) {})
	talker.Run = func(context.Context, *engine.Call, struct{}) (struct{}, error) {
		return struct{}{}, engine.Blind("the password "+secret+" is refused", "take another than "+secret, nil)
	}
	a := app{configFile: filepath.Join(dir, "gumshoe.yaml")}
	var err error
	if a.cachedRegistry, err = engine.NewRegistry(nil, talker); err != nil {
		t.Fatal(err)
	}
	d, err := a.doctor(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := render.DoctorJSON(&out, d); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), secret) || d.Checks[0].Reason != "the password REDACTED is refused" {
		t.Errorf("got %s", out.String())
	}
}

// inForm holds what doctor found against its schema.
func inForm(t *testing.T, d *render.Doctor) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../docs/doctor.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := render.DoctorJSON(&out, d); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(&out)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
}

func TestDoctorInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, complaints bytes.Buffer
	if status := run(ctx, []string{"doctor"}, strings.NewReader(""), &out, &complaints); status != exitInterrupted || out.Len() > 0 {
		t.Errorf("exit status %d: %s%s", status, out.String(), complaints.String())
	}
}

// As an ordinary user the real host shows less than to root, and what root
// would open is told.
func TestDoctorAsNobody(t *testing.T) {
	t.Parallel()
	checktest.Need(t, "root, to become an ordinary user", os.Geteuid() == 0)
	self, err := os.ReadFile("/proc/self/exe") // its own folder is closed to others
	if err != nil {
		t.Fatal(err)
	}
	dir := openDir(t)
	checktest.WriteProgram(t, filepath.Join(dir, "gumshoe"), self)
	if err := os.Mkdir(filepath.Join(dir, "closed"), 0o700); err != nil {
		t.Fatal(err)
	}
	look := func(state string) (*render.Doctor, int) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "gumshoe"), "doctor", "--format", "json")
		cmd.Args[0] = "gumshoe"
		cmd.Dir = dir
		cmd.Env = []string{"XDG_STATE_HOME=" + state}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		var d render.Doctor
		if jsonErr := json.Unmarshal(out, &d); jsonErr != nil {
			t.Fatalf("%v: %s%s", err, out, complaints.String())
		}
		return &d, exitStatus(t, err)
	}
	d, status := look(filepath.Join(dir, "closed"))
	if want := "runs cannot be kept: " + filepath.Join(dir, "closed/gumshoe/runs") + ": permission denied"; status != exitUndecided || len(d.Faults) != 1 || d.Faults[0].Reason != want {
		t.Errorf("a state folder of root's: exit status %d, got %v, want %s", status, d.Faults, want)
	}
	if d.Host.UserID != 65534 || len(d.Host.Capabilities) > 0 {
		t.Errorf("it ran as %+v", d.Host)
	}
	i := slices.IndexFunc(d.Fixes, func(f render.DoctorFix) bool { return f.Fix == "run gumshoe as root" })
	if i < 0 {
		t.Fatalf("nothing is opened by root: %+v", d.Fixes)
	}
	for _, check := range []string{"host.disk", "host.limits"} {
		if !slices.ContainsFunc(d.Fixes[i].Opens, func(o render.DoctorOpened) bool { return o.Check == check }) {
			t.Errorf("root would open nothing of %s: %+v", check, d.Fixes[i])
		}
	}
	open := openDir(t)
	if err := os.Chown(open, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if d, status := look(open); status != exitHealthy || d.Status != render.DoctorReady {
		t.Errorf("a state folder of one's own: exit status %d: %v", status, d.Faults)
	}
	if entries, err := os.ReadDir(open); err != nil || len(entries) > 0 {
		t.Errorf("doctor wrote: %v (%v)", entries, err)
	}
}
