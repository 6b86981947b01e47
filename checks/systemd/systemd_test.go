package systemd_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/systemd"
	"gumshoe/checks/systemd/systemdtest"
)

// TestManager asks a real systemd, at its own socket and over a message bus, and
// compares with what systemctl says.
func TestManager(t *testing.T) {
	m := systemdtest.Start(t, checktest.Need)
	m.Bus(t, checktest.Need)
	m.Write(t, map[string]string{
		"runs.service":  "[Service]\nExecStart=/bin/sleep 1000\n",
		"stuck.service": "[Service]\nType=notify\nExecStart=/bin/sleep 1000\n",
	})
	m.Start(t, "runs.service", "stuck.service")
	m.Await(t, "runs.service", "ActiveState", "active")
	pid := m.Show(t, "runs.service", "MainPID")
	t.Run("its own socket", func(t *testing.T) { asks(t, m, pid) })
	if err := os.Remove(filepath.Join(m.Run, "systemd/private")); err != nil {
		t.Fatal(err)
	}
	t.Run("message bus", func(t *testing.T) { asks(t, m, pid) })
}

func asks(t *testing.T, m *systemdtest.Manager, pid string) {
	t.Helper()
	ctx := t.Context()
	c, err := systemd.Connect(ctx, m.Run)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if state, err := c.State(ctx); state != "running" && state != "starting" || err != nil {
		t.Errorf("state: got %q, %v", state, err)
	}
	units, err := c.Units(ctx)
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]systemd.Unit)
	for _, u := range units {
		listed[u.Name] = u
	}
	want := systemd.Unit{Name: "runs.service", LoadState: "loaded", ActiveState: "active", SubState: "running"}
	if got := listed["runs.service"]; got != want || got.Type() != "service" {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if some, err := c.Units(ctx, "running"); err != nil || len(some) == 0 || len(some) >= len(units) {
		t.Errorf("%d of %d units run, %v", len(some), len(units), err)
	}
	if jobs, err := c.Jobs(ctx); err != nil || len(jobs) != 1 || jobs[0].Unit != "stuck.service" || jobs[0].Type != "start" || jobs[0].State != "running" {
		t.Errorf("jobs: got %+v, %v", jobs, err)
	}
	p, err := c.Properties(ctx, "runs.service")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := p.Number("MainPID"); strconv.FormatInt(got, 10) != pid {
		t.Errorf("main process: got %d, systemctl says %s", got, pid)
	}
	if n, ok := p.Number("LimitCPU"); ok {
		t.Errorf("what is not set: got %d", n)
	}
	if reload, ok := p.Flag("NeedDaemonReload"); reload || !ok {
		t.Errorf("need reload: got %t, %t", reload, ok)
	}
	if p, err := c.Property(ctx, "runs.service", "Service", "NRestarts"); err != nil || len(p) != 1 {
		t.Errorf("restarts: got %v, %v", p, err)
	}
	for _, of := range []string{"runs.service", "default.target"} {
		if _, err := c.Property(ctx, of, "Service", "NSuch"); !errors.Is(err, systemd.ErrNoProperty) {
			t.Errorf("%s: got %v, want no such property", of, err)
		}
	}
	if p, err := c.Properties(ctx, "no-such.service"); err != nil || p["LoadState"] != "not-found" {
		t.Errorf("a unit that is not there: got %v, %v", p["LoadState"], err)
	}
}

// TestStopped: a systemd that is there and does nothing is silent, and no more
// is waited for than we said.
func TestStopped(t *testing.T) {
	m := systemdtest.Start(t, checktest.Need)
	if err := syscall.Kill(m.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := systemd.Connect(ctx, m.Run)
	wantFault(t, err, systemd.Silent)
}

func wantFault(t *testing.T, err error, want systemd.Fault) {
	t.Helper()
	var e *systemd.Error
	if !errors.As(err, &e) || e.Fault != want || e.Socket == "" || e.Error() == "" {
		t.Errorf("got %v, want %q", err, want)
	}
}

// side is who is at a socket; the zero value is nobody, and no socket.
type side struct {
	// dead: there is a socket at which nobody listens.
	dead bool
	talk func(net.Conn)
}

// says answers each line with one of these texts, and then waits.
func says(answers ...string) side {
	return side{talk: func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for _, answer := range answers {
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
			_, _ = io.WriteString(conn, answer)
		}
		_, _ = io.Copy(io.Discard, in)
	}}
}

// TestFaults: what is not systemd, at one socket or the other.
func TestFaults(t *testing.T) {
	dead, silent, hangsUp := side{dead: true}, says(), side{talk: func(net.Conn) {}}
	garbage := says(strings.Repeat("\x00\xff\r\n", 1000))
	welcome := []string{"REJECTED EXTERNAL\r\n", "OK 0123\r\n"}
	for _, tt := range []struct {
		name            string
		private, shared side
		want            systemd.Fault
	}{
		{"no socket", side{}, side{}, systemd.NoSocket},
		{"systemd is silent", silent, side{}, systemd.Silent},
		{"systemd is silent, and there is a bus", silent, hangsUp, systemd.Silent},
		{"systemd lets us in and is silent", says(welcome...), side{}, systemd.Silent},
		{"half a message", says(append(welcome, "l\x02\x01\x01\xff\xff\xff\x07")...), side{}, systemd.Silent},
		{"the bus is silent", side{}, silent, systemd.BusSilent},
		{"nobody listens", dead, side{}, systemd.Refused},
		{"nobody listens at the bus", side{}, dead, systemd.Refused},
		{"nobody listens, and the bus is silent", dead, silent, systemd.BusSilent},
		{"hangs up", hangsUp, side{}, systemd.Strange},
		{"garbage", garbage, side{}, systemd.Strange},
		{"garbage after the welcome", says(append(welcome, strings.Repeat("l\x04\xff\x01", 4000))...), side{}, systemd.Strange},
		{"garbage on the bus", side{}, garbage, systemd.Strange},
		{"lets nobody in", says("REJECTED\r\n"), side{}, systemd.Strange},
		{"does not let us in", says("REJECTED EXTERNAL\r\n", "REJECTED EXTERNAL\r\n"), side{}, systemd.Denied},
		{"the bus does not let us in", side{}, says("REJECTED EXTERNAL\r\n", "REJECTED EXTERNAL\r\n"), systemd.Denied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run, err := os.MkdirTemp("", "sd") //nolint:usetesting // the path of a socket has at most 107 bytes
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(run)
			private, shared := systemd.Sockets(run)
			serve(t, private, tt.private)
			serve(t, shared, tt.shared)
			timeout := 10 * time.Second
			if tt.want == systemd.Silent || tt.want == systemd.BusSilent {
				timeout = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			c, err := systemd.Connect(ctx, run)
			if err == nil {
				defer c.Close()
				_, err = c.Units(ctx)
			}
			wantFault(t, err, tt.want)
		})
	}
}

// FuzzAnswers: whatever is said after the welcome is an answer or an error.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("l\x02\x01\x01\x08\x00\x00\x00\x01\x00\x00\x00\x0f\x00\x00\x00\x05\x01u\x00\x01\x00\x00\x00\x08\x01g\x00\x01s\x00\x00\x03\x00\x00\x00abc\x00"))
	f.Add([]byte("l\x04\x01\x01garbage"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, answer []byte) {
		run, err := os.MkdirTemp("", "sd") //nolint:usetesting // the path of a socket has at most 107 bytes
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(run)
		private, _ := systemd.Sockets(run)
		serve(t, private, side{talk: func(conn net.Conn) {
			in := bufio.NewReader(conn)
			for _, text := range []string{"REJECTED EXTERNAL\r\n", "OK 0123\r\n", string(answer)} {
				if _, err := in.ReadString('\n'); err != nil {
					return
				}
				_, _ = io.WriteString(conn, text)
			}
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c, err := systemd.Connect(ctx, run)
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := c.Units(ctx); err == nil {
			return
		}
		var e *systemd.Error
		if _, err := c.Properties(ctx, "x.service"); err != nil && !errors.As(err, &e) {
			t.Errorf("got %v, want an error of ours", err)
		}
	})
}

func serve(t *testing.T, socket string, who side) {
	t.Helper()
	if who.talk == nil && !who.dead {
		return
	}
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	if who.dead {
		listener.SetUnlinkOnClose(false)
		listener.Close()
		return
	}
	var talks sync.WaitGroup
	t.Cleanup(func() { listener.Close(); talks.Wait() })
	talks.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			talks.Go(func() { who.talk(conn); conn.Close() })
		}
	})
}

func TestUnitName(t *testing.T) {
	for text, want := range map[string]string{
		"nginx": "nginx.service", "nginx.service": "nginx.service", "data.mount": "data.mount", "a.b": "a.b.service",
		"getty@tty1": "getty@tty1.service", `dev-disk-by\x2dlabel.swap`: `dev-disk-by\x2dlabel.swap`,
		"": "", "two words": "", "getty@.service": "", "a/b": "", "x\n": "", strings.Repeat("x", 256): "",
	} {
		if got, err := systemd.UnitName(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestProperties(t *testing.T) {
	p := systemd.Properties{"text": "x", "yes": true, "small": int32(-1), "big": uint64(math.MaxUint64), "long": int64(7), "short": uint32(8)}
	for name, want := range map[string]int64{"small": -1, "long": 7, "short": 8} {
		if got, ok := p.Number(name); got != want || !ok {
			t.Errorf("%s: got %d, %t", name, got, ok)
		}
	}
	if n, ok := p.Number("big"); ok {
		t.Errorf("what is not set: got %d", n)
	}
	_, text := p.Text("yes")
	_, flag := p.Flag("text")
	if text || flag {
		t.Error("a property of another type is given")
	}
}
