// Package systemdtest runs a systemd for a test: a real one, the manager of a
// user's services, with units that the test writes. It is for tests alone.
package systemdtest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Manager is a systemd that runs until its test ends.
type Manager struct {
	// Run is its runtime folder, as /run is of the host's: systemd/system says that
	// systemd is the init, and systemd/private is where it is asked.
	Run string
	// PID is its process id.
	PID int
	// Cgroup is the path of the control group that all its units are in.
	Cgroup string

	units, log string
	env        []string
}

const startTimeout = 30 * time.Second

// program starts systemd, and ends it when its own standard input ends: also
// when the test is killed, nothing stays behind. systemd --user starts only where
// /run/systemd/system tells that the host runs systemd; it is given a /run of its
// own that says so. $1 is systemd, and what follows are its control groups.
const program = `
systemd=$1; shift
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system || exit 1
(
	for group; do echo 0 > "$group/cgroup.procs" || exit 1; done
	exec "$systemd" --user --unit=default.target --log-target=console --log-level=warning < /dev/null
) >&2 &
echo $!
read -r line
tries=0
while [ $tries -lt 200 ]; do
	for group; do
		for pid in $(find "$group" -name cgroup.procs -exec cat {} + 2> /dev/null); do kill -KILL $pid 2> /dev/null; done
	done
	for group; do find "$group" -depth -type d -exec rmdir {} \; 2> /dev/null; done
	for group; do [ ! -e "$group" ] || continue 2; done
	exit 0
	tries=$((tries + 1))
done
exit 1
`

// Start starts a systemd. It needs root, systemd, unshare and a cgroup that can
// be written to; need is told of each, as checktest.Need is.
func Start(t testing.TB, need func(t testing.TB, reason string, have bool)) *Manager {
	t.Helper()
	need(t, "root, to start a systemd", os.Geteuid() == 0)
	systemd := "/usr/lib/systemd/systemd"
	if _, err := os.Stat(systemd); err != nil {
		systemd = "/lib/systemd/systemd"
	}
	_, err := os.Stat(systemd)
	need(t, "systemd", err == nil)
	for _, name := range []string{"systemctl", "unshare", "find", "mount"} {
		_, err := exec.LookPath(name)
		need(t, "the program "+name, err == nil)
	}
	dir, err := os.MkdirTemp("", "sd") //nolint:usetesting // the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &Manager{
		Run: filepath.Join(dir, "run"), units: filepath.Join(dir, ".config/systemd/user"), log: filepath.Join(dir, "log"),
		Cgroup: fmt.Sprintf("/gumshoe-test-systemd-%d-%d", os.Getpid(), time.Now().UnixNano()),
	}
	for _, folder := range []string{m.Run, filepath.Join(m.Run, "systemd/system"), filepath.Join(m.Run, "dbus"), m.units} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + m.Run, "SYSTEMD_UNIT_PATH=" + m.units,
		"SYSTEMD_GENERATOR_PATH=" + dir, "SYSTEMD_ENVIRONMENT_GENERATOR_PATH=" + dir, "LC_ALL=C", "SYSTEMD_PAGER=",
	}
	for _, target := range []string{"default", "basic", "shutdown"} {
		m.write(t, target+".target", "[Unit]\nDescription=For a test\n")
	}
	m.start(t, need, systemd)
	return m
}

// Bus gives systemd a message bus, as the host's has one: at dbus/system_bus_socket
// below Run. It needs dbus-daemon and busctl.
func (m *Manager) Bus(t testing.TB, need func(t testing.TB, reason string, have bool)) {
	t.Helper()
	for _, name := range []string{"dbus-daemon", "busctl"} {
		_, err := exec.LookPath(name)
		need(t, "the program "+name, err == nil)
	}
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Fatal(err)
	}
	m.Write(t, map[string]string{
		"dbus.socket":  "[Socket]\nListenStream=%t/bus\n",
		"dbus.service": "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nNotifyAccess=main\nExecStart=" + daemon + " --session --address=systemd: --nofork --nopidfile --nosyslog\n",
	})
	m.Systemctl(t, "start", "dbus.service")
	if err := os.Symlink("../bus", filepath.Join(m.Run, "dbus/system_bus_socket")); err != nil {
		t.Fatal(err)
	}
	m.until(t, "systemd is not on the bus", func(ctx context.Context) bool {
		cmd := exec.CommandContext(ctx, "busctl", "--user", "--auto-start=no", "status", "org.freedesktop.systemd1")
		cmd.Env = m.env
		return cmd.Run() == nil
	})
}

// until waits for something to be so.
func (m *Manager) until(t testing.TB, otherwise string, so func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	for !so(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s\n%s", otherwise, m.said())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (m *Manager) start(t testing.TB, need func(t testing.TB, reason string, have bool), systemd string) {
	t.Helper()
	argv := []string{"--mount", "sh", "-c", program, "sh", systemd}
	for _, root := range hierarchies() {
		group := root + m.Cgroup
		need(t, "cgroups that can be written to", os.Mkdir(group, 0o700) == nil)
		t.Cleanup(func() { _ = os.Remove(group) }) // unless it ran, and is gone
		argv = append(argv, group)
	}
	need(t, "cgroups that systemd knows", len(argv) > 6)
	cmd := exec.Command("unshare", argv...) //nolint:noctx // it ends when its input does, and then cleans up
	log, err := os.Create(m.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Env, cmd.Stderr = m.env, log
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the test's systemd stays behind: %v\n%s", err, m.said())
		}
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	need(t, "a mount namespace of its own", err == nil)
	if m.PID, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	m.until(t, "systemd did not start", func(ctx context.Context) bool {
		state, _ := m.try(ctx, "show", "--property=SystemState", "--value")
		return slices.Contains([]string{"running", "degraded"}, strings.TrimSpace(state))
	})
}

// said is what systemd wrote.
func (m *Manager) said() string {
	text, _ := os.ReadFile(m.log)
	return string(text)
}

// hierarchies are the cgroup trees that systemd uses: that of version 2, and
// where the host has version 1, the one named systemd.
func hierarchies() []string {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/cgroup.controllers"); err == nil {
		return []string{root}
	}
	var found []string
	for _, name := range []string{"unified", "systemd"} {
		if _, err := os.Stat(filepath.Join(root, name, "cgroup.procs")); err == nil {
			found = append(found, filepath.Join(root, name))
		}
	}
	return found
}

// Write writes units' files, by name, and has systemd read them. One without
// text is masked.
func (m *Manager) Write(t testing.TB, units map[string]string) {
	t.Helper()
	for name, text := range units {
		m.write(t, name, text)
	}
	m.Systemctl(t, "daemon-reload")
}

func (m *Manager) write(t testing.TB, name, text string) {
	t.Helper()
	file := m.UnitFile(name)
	_ = os.Remove(file)
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil && text == "" {
		err = os.Symlink("/dev/null", file)
	} else if err == nil {
		err = os.WriteFile(file, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// UnitFile gives the path of a unit's file.
func (m *Manager) UnitFile(name string) string { return filepath.Join(m.units, name) }

// Systemctl asks systemd something, and fails the test when it says no.
func (m *Manager) Systemctl(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	return m.systemctl(ctx, t, args...)
}

func (m *Manager) systemctl(ctx context.Context, t testing.TB, args ...string) string {
	t.Helper()
	text, err := m.try(ctx, args...)
	if err != nil {
		t.Fatalf("systemctl %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return text
}

// Start starts units and does not wait for them; those that fail may.
func (m *Manager) Start(t testing.TB, units ...string) {
	t.Helper()
	m.Systemctl(t, append([]string{"start", "--no-block"}, units...)...)
}

// Show gives a property of a unit, as systemctl show writes it.
func (m *Manager) Show(t testing.TB, unit, property string) string {
	t.Helper()
	return strings.TrimSpace(m.Systemctl(t, show(unit, property)...))
}

func show(unit, property string) []string {
	return []string{"show", "--property=" + property, "--value", "--", unit}
}

// Await waits until a unit's property has a value.
func (m *Manager) Await(t testing.TB, unit, property, want string) {
	t.Helper()
	m.until(t, fmt.Sprintf("%s of %s is not %q", property, unit, want), func(ctx context.Context) bool {
		return strings.TrimSpace(m.systemctl(ctx, t, show(unit, property)...)) == want
	})
}

func (m *Manager) try(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "systemctl", append([]string{"--user", "--no-pager"}, args...)...)
	cmd.Env = m.env
	text, err := cmd.CombinedOutput()
	return string(text), err
}
