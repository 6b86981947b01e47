package main

// Services that are down, and services that are restarted again and again, each
// made in the ways that look alike: units of a real systemd, and plain programs.

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/systemd/systemdtest"
	"gumshoe/engine"
)

// serviceTasks are the helper processes of this file.
func serviceTasks() map[string]func(argument string) {
	return map[string]func(string){"deaf": deaf, "serve": serve, "descriptors": descriptors}
}

// deaf listens on a port that it prints, with a queue for one connection, and
// never accepts one.
func deaf(file string) { listenOn(file, func(int) { select {} }) }

// serve listens on a port and accepts whatever comes.
func serve(file string) {
	listenOn(file, func(socket int) {
		for {
			if connection, _, err := syscall.Accept(socket); err == nil {
				_ = syscall.Close(connection)
			}
		}
	})
}

// descriptors opens as many files as it may.
func descriptors(string) {
	limit := syscall.Rlimit{Cur: 256, Max: 256}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		fmt.Println(err)
		return
	}
	for {
		if _, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0); err != nil {
			break
		}
	}
	fmt.Println("ready")
	select {}
}

// listenOn writes its port to a file.
func listenOn(file string, then func(socket int)) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(socket, 1)
	}
	var name syscall.Sockaddr
	if err == nil {
		name, err = syscall.Getsockname(socket)
	}
	if at, ok := name.(*syscall.SockaddrInet4); ok {
		err = os.WriteFile(file, []byte("127.0.0.1:"+strconv.Itoa(at.Port)), 0o600)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	then(socket)
}

// listener starts a helper that listens, and gives its address.
func listener(t *testing.T, name, task string) (*exec.Cmd, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "address")
	cmd := service(t, name, task, file)
	address, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, string(address)
}

// freeAddress is one that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(checktest.FreePort(t)))
}

// diagnoseUnder is diagnose on a host whose systemd is the test's: gumshoe sees its
// runtime folder as /run, in a mount namespace of its own.
func diagnoseUnder(t *testing.T, m *systemdtest.Manager, args ...string) (*engine.Report, int) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "gumshoe.yaml")
	if err := os.WriteFile(config, []byte(`commands: [{ argv: [systemctl, show, "--property=Requires", "--property=BindsTo", "--property=Requisite", --value, down.service], risk: read }]`), 0o600); err != nil {
		t.Fatal(err)
	}
	argv := []string{"--mount", "sh", "-c", `mount --bind "$1" /run && shift && exec "$@"`, "sh", m.Run, path, "--config", config, "run", "--format", "json"}
	cmd := exec.Command("unshare", append(argv, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	report := new(engine.Report)
	if err := json.Unmarshal(out, report); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, complaints.String())
	}
	if testing.Verbose() {
		t.Logf("%s: %s", report.Runbook, report.Headline)
	}
	return report, cmd.ProcessState.ExitCode()
}

func wantHealthy(t *testing.T, r *engine.Report, exit int) {
	t.Helper()
	if r.Status != engine.StatusHealthy || exit != 0 {
		t.Errorf("got %s with exit status %d, want healthy with 0\n%s", r.Status, exit, verdicts(r))
	}
}

// Parts of units.
const (
	sound   = "[Service]\nExecStart=/bin/sleep 1000\n"
	enabled = "[Install]\nWantedBy=default.target\n"
)

// Every way in which a unit of systemd is down.
func TestRealServiceDownUnits(t *testing.T) {
	needReal(t)
	m := systemdtest.Start(t, checktest.Need)
	memory := checktest.NewCgroup(t, checktest.Limits{MemoryBytes: 32 << 20})
	const start = "--no-block"
	for _, row := range []struct {
		name    string
		service string // "" is down
		units   map[string]string
		do      [][]string // of systemctl
		state   string     // ActiveState to wait for
		want    []string
	}{
		{name: "runs", units: map[string]string{"down.service": sound + enabled}, do: [][]string{{"enable", "down"}, {"start", "down"}}, state: "active"},
		{name: "runs, not enabled", units: map[string]string{"down.service": sound}, do: [][]string{{"start", "down"}}, state: "active"},
		{name: "not there", want: []string{"not_installed"}, state: "inactive"},
		{
			name: "stopped", units: map[string]string{"down.service": sound + enabled}, do: [][]string{{"enable", "down"}, {"start", "down"}, {"stop", "down"}},
			state: "inactive", want: []string{"stopped"},
		},
		{name: "never started", units: map[string]string{"down.service": sound}, state: "inactive", want: []string{"stopped"}},
		{
			name: "stopped, another has failed", units: map[string]string{
				"down.service": sound + enabled, "other.service": "[Service]\nExecStart=/bin/false\n",
			}, do: [][]string{{"start", start, "other"}, {"enable", "down"}, {"start", "down"}, {"stop", "down"}},
			state: "inactive", want: []string{"stopped"},
		},
		{name: "disabled", units: map[string]string{"down.service": sound + enabled}, state: "inactive", want: []string{"disabled"}},
		{name: "masked", units: map[string]string{"down.service": ""}, state: "inactive", want: []string{"disabled"}},
		{
			name: "condition", units: map[string]string{
				"down.service": "[Unit]\nConditionPathExists=/no/such\n" + sound, "wants.service": "[Unit]\nWants=down.service\n" + sound,
			}, do: [][]string{{"start", "wants"}}, state: "inactive", want: []string{"condition_not_met"},
		},
		{
			name: "dependency", units: map[string]string{
				"down.service":   "[Unit]\nRequires=needed.service\nAfter=needed.service\n" + sound,
				"needed.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
			}, do: [][]string{{"start", start, "down"}}, state: "inactive", want: []string{"dependency_failed"},
		},
		{
			name: "starting", units: map[string]string{"down.service": "[Service]\nType=notify\nExecStart=/bin/sleep 1000\n"},
			do: [][]string{{"start", start, "down"}}, state: "activating", want: []string{"starting"},
		},
		{
			name: "no such program", units: map[string]string{"down.service": "[Service]\nExecStart=/no/such/program\n"},
			do: [][]string{{"start", start, "down"}}, state: "failed", want: []string{"cannot_start"},
		},
		{name: "faulty file", units: map[string]string{"down.service": "[Service]\nExecStart=not/absolute\n"}, state: "inactive", want: []string{"cannot_start"}},
		{
			name: "exits with 3", units: map[string]string{"down.service": "[Service]\nExecStart=/bin/sh -c 'exit 3'\n"},
			do: [][]string{{"start", start, "down"}}, state: "failed", want: []string{"exited"},
		},
		{
			name: "SIGSEGV", units: map[string]string{"down.service": "[Service]\nExecStart=/bin/sh -c 'kill -SEGV $$$$'\n"},
			do: [][]string{{"start", start, "down"}}, state: "failed", want: []string{"killed"},
		},
		{
			name: "SIGKILL", units: map[string]string{"down.service": sound},
			do: [][]string{{"start", "down"}, {"kill", "--signal=KILL", "down"}}, state: "failed", want: []string{"killed"},
		},
		{
			name: "start timeout", units: map[string]string{"down.service": "[Service]\nType=notify\nTimeoutStartSec=200ms\nExecStart=/bin/sleep 1000\n"},
			do: [][]string{{"start", start, "down"}}, state: "failed", want: []string{"timed_out"},
		},
		{
			name: "gave up", units: map[string]string{"down.service": "[Service]\nExecStart=/bin/sh -c 'exit 5'\nRestart=always\nRestartSec=1ms\n"},
			do: [][]string{{"start", start, "down"}}, state: "failed", want: []string{"exited", "gave_up"},
		},
		{
			name: "restarts", units: map[string]string{"down.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 4'\nRestart=always\nRestartSec=100ms\n"},
			do: [][]string{{"start", start, "down"}}, want: []string{"restarting"},
		},
		{
			name: "held", units: map[string]string{"down.service": sound},
			do: [][]string{{"start", "down"}, {"kill", "--signal=STOP", "down"}}, state: "active", want: []string{"held"},
		},
		{
			name: "killed for want of memory", service: "hungry", // the kernel remembers the name
			units: map[string]string{"hungry.service": "[Service]\nExecStart=/bin/sh -c '" + joining(memory) + "exec " + called(t, "tail", "hungry") + " /dev/zero'\n"},
			do:    [][]string{{"start", start, "hungry"}}, state: "failed", want: []string{"killed", "oom_killed"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			defer forget(t, m, row.units)
			m.Write(t, row.units)
			for _, args := range row.do {
				m.Systemctl(t, args...)
			}
			service := cmp.Or(row.service, "down")
			if row.state != "" {
				m.Await(t, service+".service", "ActiveState", row.state)
			}
			r, exit := diagnoseUnder(t, m, "service-down", "service="+service, "since=1m")
			if row.want == nil {
				wantHealthy(t, r, exit)
				return
			}
			wantConfirmed(t, r, exit, row.want...)
		})
	}
}

// joining is a line of sh that puts it in a control group.
func joining(group *checktest.Cgroup) string {
	var line strings.Builder
	for _, file := range group.Files() {
		fmt.Fprintf(&line, "echo 0 > %s; ", file)
	}
	return line.String()
}

// called gives the path of a program under another name, by which the kernel then
// knows it.
func called(t *testing.T, program, name string) string {
	t.Helper()
	file, err := exec.LookPath(program)
	checktest.Need(t, "the program "+program, err == nil)
	link := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	return link
}

// A plain program, without systemd: it is known by its name.
func TestRealServiceDownProcesses(t *testing.T) {
	needReal(t)
	name := func() string { return fmt.Sprintf("svc%d", time.Now().UnixNano()%1e9) }
	ended := func(t *testing.T, argv ...string) {
		t.Helper()
		err := exec.Command(argv[0], argv[1:]...).Run()
		if _, failed := errors.AsType[*exec.ExitError](err); !failed {
			t.Fatalf("%v did not fail: %v", argv, err)
		}
	}
	for _, row := range []struct {
		name  string
		fault func(t *testing.T, name string) (address string)
		want  []string
	}{
		{name: "runs and answers", fault: func(t *testing.T, name string) string {
			_, address := listener(t, name, "serve")
			return address
		}},
		{name: "runs", fault: func(t *testing.T, name string) string {
			service(t, name, "serve", filepath.Join(t.TempDir(), "address"))
			return ""
		}},
		{name: "held", fault: func(t *testing.T, name string) string {
			cmd, address := listener(t, name, "serve")
			stop(t, cmd)
			return address
		}, want: []string{"held"}},
		{name: "held, and its queue is full", fault: func(t *testing.T, name string) string {
			cmd, address := listener(t, name, "serve")
			stop(t, cmd)
			fillQueue(t, address)
			return address
		}, want: []string{"held", "not_accepting"}},
		{name: "never accepts", fault: func(t *testing.T, name string) string {
			_, address := listener(t, name, "deaf")
			fillQueue(t, address)
			return address
		}, want: []string{"not_accepting"}},
		{name: "listens elsewhere", fault: func(t *testing.T, name string) string {
			listener(t, name, "serve")
			return freeAddress(t)
		}, want: []string{"not_listening"}},
		{name: "listens on another address", fault: func(t *testing.T, name string) string {
			_, address := listener(t, name, "serve")
			return strings.Replace(address, "127.0.0.1:", "127.0.0.2:", 1)
		}, want: []string{"not_listening"}},
		{name: "its name does not exist", fault: func(t *testing.T, name string) string {
			listener(t, name, "serve")
			return "no-such-host.invalid:80"
		}, want: []string{"not_reachable"}},
		{name: "a firewall drops what comes", fault: func(t *testing.T, name string) string {
			_, address := listener(t, name, "serve")
			dropTo(t, address)
			return address
		}, want: []string{"not_reachable"}},
		{name: "no file descriptors", fault: func(t *testing.T, name string) string {
			service(t, name, "descriptors", "")
			return ""
		}, want: []string{"files_exhausted"}},
		{name: "exited with 3", fault: func(t *testing.T, name string) string {
			ended(t, called(t, "sh", name), "-c", "exit 3")
			return ""
		}, want: []string{"not_running"}},
		{name: "SIGSEGV", fault: func(t *testing.T, name string) string {
			ended(t, called(t, "perl", name), "-e", `unpack "p", pack "Q", 1`)
			return ""
		}, want: []string{"killed", "not_running"}},
		{name: "killed for want of memory", fault: func(t *testing.T, name string) string {
			group := checktest.NewCgroup(t, checktest.Limits{MemoryBytes: 32 << 20})
			ended(t, "sh", "-c", joining(group)+"exec "+called(t, "tail", name)+" /dev/zero")
			return ""
		}, want: []string{"not_running", "oom_killed"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			name := name()
			r, exit := diagnose(t, "service-down", "service="+name, "address="+row.fault(t, name), "since=1m")
			t.Logf("%s", r.Headline)
			if row.want == nil {
				wantHealthy(t, r, exit)
				return
			}
			wantConfirmed(t, r, exit, row.want...)
		})
	}
}

// A service that systemd starts again and again, for each reason.
func TestRealServiceCrashLoopUnits(t *testing.T) {
	needReal(t)
	m := systemdtest.Start(t, checktest.Need)
	const again = "Restart=always\nRestartSec=2s\n"
	loop := func(lines string) string {
		return "[Unit]\nStartLimitIntervalSec=0\n[Service]\n" + again + lines + "\n"
	}
	for _, row := range []struct {
		service, unit string
		want          []string
	}{
		{service: "steady", unit: "[Service]\n" + again + "ExecStart=/bin/sleep 1000\n"},
		{service: "off", unit: "[Service]\n" + again + "ExecStart=/bin/true\n"}, // not started
		{service: "exits", unit: loop("ExecStart=/bin/sh -c 'sleep 0.05; exit 4'"), want: []string{"exited"}},
		{service: "gaveup", unit: "[Service]\nRestart=always\nRestartSec=1ms\nExecStart=/bin/sh -c 'exit 4'\n", want: []string{"exited"}},
		{service: "inorder", unit: loop("ExecStart=/bin/true"), want: []string{"ends_in_order"}},
		{service: "absent", unit: loop("ExecStart=/no/such/program"), want: []string{"cannot_start"}},
		{service: "crashes", unit: loop("ExecStart=/bin/sh -c 'kill -SEGV $$$$'"), want: []string{"crashes"}},
		{service: "killed", unit: loop("ExecStart=/bin/sh -c 'kill -KILL $$$$'"), want: []string{"killed"}},
		{service: "late", unit: loop("Type=notify\nTimeoutStartSec=200ms\nExecStart=/bin/sleep 1000"), want: []string{"timed_out"}},
	} {
		t.Run(row.service, func(t *testing.T) {
			unit := row.service + ".service"
			units := map[string]string{unit: row.unit}
			defer forget(t, m, units)
			m.Write(t, units)
			switch row.service {
			case "off":
			case "steady":
				m.Systemctl(t, "start", unit)
			case "gaveup":
				m.Start(t, unit)
				m.Await(t, unit, "ActiveState", "failed")
			default:
				m.Start(t, unit)
				m.Await(t, unit, "NRestarts", "1")
				m.Await(t, unit, "SubState", "auto-restart") // how it ended is known while it is off
			}
			if row.service == "killed" { // by whom?
				awaitMemory(t)
			}
			r, exit := diagnoseUnder(t, m, "service-crash-loop", "service="+row.service, "since=1m")
			if row.want == nil {
				wantHealthy(t, r, exit)
				return
			}
			wantConfirmed(t, r, exit, row.want...)
		})
	}
}

// A program that a loop of the shell starts again and again, without systemd.
func TestRealServiceCrashLoopProcesses(t *testing.T) {
	needReal(t)
	for _, row := range []struct {
		name string
		line func(t *testing.T, name string) (line string, arguments []string) // what is run again and again; the name is "$0" of it
		want []string
	}{
		{name: "steady", line: func(t *testing.T, name string) (string, []string) {
			return called(t, "sleep", name) + " 1000", nil
		}},
		{name: "exits", line: func(t *testing.T, name string) (string, []string) {
			return called(t, "sh", name) + " -c 'sleep 0.2; exit 3'", nil
		}, want: []string{"exited"}},
		{name: "crashes", line: func(t *testing.T, name string) (string, []string) {
			return called(t, "perl", name) + ` -e 'select undef, undef, undef, 0.2; unpack "p", pack "Q", 1'`, nil
		}, want: []string{"crashes"}},
		{name: "its disk is full", line: func(t *testing.T, name string) (string, []string) {
			dir := mountOwn(t, name)
			fill(t, filepath.Join(dir, "big"))
			return called(t, "sh", name) + " -c 'sleep 0.2; echo data > " + dir + "/file'", nil
		}, want: []string{"disk_full", "exited"}},
		{name: "its port is taken", line: func(t *testing.T, name string) (string, []string) {
			_, address := listener(t, "other"+name, "serve")
			return called(t, "sh", name) + " -c 'sleep 0.05; exit 1'; sleep 3", []string{"address=" + address}
		}, want: []string{"exited", "port_taken"}},
		{name: "its configuration was changed", line: func(t *testing.T, name string) (string, []string) {
			file := "/etc/" + name + ".conf"
			t.Cleanup(func() { _ = os.Remove(file) })
			if err := os.WriteFile(file, []byte("listen = oops\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return called(t, "sh", name) + " -c 'sleep 0.2; exit 1'", nil
		}, want: []string{"changed", "exited"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			awaitMemory(t)
			name := fmt.Sprintf("svc%d", time.Now().UnixNano()%1e9)
			line, arguments := row.line(t, name)
			keepStarting(t, line)
			if row.name == "crashes" {
				awaitMessages(t, name)
			}
			r, exit := diagnose(t, append([]string{"service-crash-loop", "service=" + name, "since=1m"}, arguments...)...)
			t.Logf("%s", r.Headline)
			if row.want == nil {
				wantHealthy(t, r, exit)
				return
			}
			wantConfirmed(t, r, exit, row.want...)
		})
	}
}

// awaitMemory waits until the kernel's messages reach back for as long as a runbook
// looks: where they do not, nothing tells an exit from a crash. Tests of lack of
// memory fill the kernel's buffer.
func awaitMemory(t *testing.T) {
	t.Helper()
	waitFor(t, "the kernel's messages reach back for five minutes", 6*time.Minute, func() bool {
		out, _ := realGumshoe(t, "check", "host.kernel", "since=5m", "--format", "json")
		var kernel struct{ Complete bool }
		return json.Unmarshal(out, &kernel) == nil && kernel.Complete
	})
}

// awaitMessages waits until the kernel has told of a program.
func awaitMessages(t *testing.T, name string) {
	t.Helper()
	waitFor(t, "the kernel tells of "+name, 30*time.Second, func() bool {
		out, _ := realGumshoe(t, "check", "host.kernel", "since=1m", "--format", "json")
		return strings.Count(string(out), name) > 0
	})
}

// With systemd and without it. They are the last of these tests, since their
// messages crowd out the others in the kernel's buffer.
func TestRealServiceCrashLoopZMemory(t *testing.T) {
	needReal(t)
	memory := checktest.NewCgroup(t, checktest.Limits{MemoryBytes: 32 << 20})
	t.Run("unit", func(t *testing.T) {
		m := systemdtest.Start(t, checktest.Need)
		m.Write(t, map[string]string{"greedy.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=500ms\n" +
			"ExecStart=/bin/sh -c '" + joining(memory) + "exec " + called(t, "tail", "greedy") + " /dev/zero'\n"})
		m.Start(t, "greedy.service")
		m.Await(t, "greedy.service", "NRestarts", "2")
		m.Await(t, "greedy.service", "SubState", "auto-restart")
		r, exit := diagnoseUnder(t, m, "service-crash-loop", "service=greedy", "since=1m")
		wantConfirmed(t, r, exit, "oom_killed")
	})
	t.Run("process", func(t *testing.T) {
		name := fmt.Sprintf("svc%d", time.Now().UnixNano()%1e9)
		keepStarting(t, "sh -c '"+joining(memory)+"exec "+called(t, "tail", name)+" /dev/zero'; sleep 0.5")
		awaitMessages(t, name)
		r, exit := diagnose(t, "service-crash-loop", "service="+name, "since=1m")
		wantConfirmed(t, r, exit, "oom_killed")
	})
}

// mountOwn mounts a small file system where a service of this name would keep its data.
func mountOwn(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join("/var/lib", name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// keepStarting has a shell run a line again and again.
func keepStarting(t *testing.T, line string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "while :; do "+line+"; sleep 0.05; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
}

// dropTo has the firewall drop what is sent to a port of this host.
func dropTo(t *testing.T, address string) {
	t.Helper()
	nft, err := exec.LookPath("nft")
	checktest.Need(t, "the program nft", err == nil)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	table := fmt.Sprintf("inet gumshoe_test_%d", os.Getpid())
	do := func(line string) {
		t.Helper()
		if out, err := exec.Command(nft, line).CombinedOutput(); err != nil {
			t.Errorf("nft %s: %v\n%s", line, err, out)
		}
	}
	do("add table " + table)
	t.Cleanup(func() { do("delete table " + table) })
	do("add chain " + table + " in { type filter hook input priority 0; }")
	do("add rule " + table + " in tcp dport " + port + " drop")
}

// fillQueue connects until the kernel takes no more connections for a listener
// that does not accept them.
func fillQueue(t *testing.T, address string) {
	t.Helper()
	unanswered := 0
	for range 600 {
		connection, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err == nil {
			t.Cleanup(func() { _ = connection.Close() })
		} else if unanswered++; unanswered == 2 { // one may be a busy machine
			return
		}
	}
	t.Fatalf("%s takes all connections", address)
}

// service is helper, of a program of this name.
func service(t *testing.T, name, task, argument string) *exec.Cmd {
	t.Helper()
	return startHelper(t, task, exec.Command(called(t, os.Args[0], name), argument))
}

// forget takes the units from systemd again.
func forget(t *testing.T, m *systemdtest.Manager, units map[string]string) {
	t.Helper()
	for name := range units {
		m.Write(t, map[string]string{name: sound + enabled}) // a faulty one can be neither stopped nor disabled
		m.Systemctl(t, "disable", "--quiet", name)
		m.Systemctl(t, "stop", name)
		_ = os.Remove(m.UnitFile(name))
	}
	m.Systemctl(t, "daemon-reload")
	m.Systemctl(t, "reset-failed")
}

// stop waits until a process is stopped.
func stop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the process is stopped", time.Minute, func() bool { return stateOf(cmd.Process.Pid) == 'T' })
}
