package host

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

func TestTimeConforms(t *testing.T) {
	checktest.Run(t, Source{}.Time(), map[string]any{"window": "100ms"})
}

// timeSource is a host without daemons, whose clock is disciplined as given.
func timeSource(t *testing.T, discipline unix.Timex, state int, more tree) Source {
	t.Helper()
	root := t.TempDir()
	files := tree{
		"1/stat": line(1, "init", "S", 0, 0, 50, 50, 1, 1, 100),
		"sysfs/devices/system/clocksource/clocksource0/current_clocksource":   "tsc\n",
		"sysfs/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm \n",
		"sysfs/class/rtc/rtc0/since_epoch":                                    "946688400\n", // an hour ahead of synctest's clock
	}
	maps.Copy(files, more)
	files.write(t, root)
	if err := os.MkdirAll(filepath.Join(root, "self/ns"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pid:[4026531836]", filepath.Join(root, "self/ns/pid")); err != nil {
		t.Fatal(err)
	}
	return Source{
		Proc: root, Sys: filepath.Join(root, "sysfs"), Run: root,
		adjtimex: func() (unix.Timex, int, error) { return discipline, state, nil },
	}
}

// bubbleClocks are clocks that run with synctest's, of which the first jumps.
func bubbleClocks(after, by time.Duration) func() (wall, steady time.Duration) {
	began := time.Now()
	return func() (time.Duration, time.Duration) {
		now := time.Now()
		wall, steady := time.Duration(now.UnixNano()), now.Sub(began)+time.Hour
		if steady > time.Hour+after {
			wall += by
		}
		return wall, steady
	}
}

func TestTime(t *testing.T) {
	synced := unix.Timex{Maxerror: 250000, Esterror: 1500, Freq: -10 * 65536}
	for _, tt := range []struct {
		name    string
		timex   unix.Timex
		state   int
		jump    time.Duration
		files   tree
		want    Time
		unread  string
		summary string
	}{
		{
			name: "kept right", timex: synced,
			want: Time{
				KernelSynchronised: true, MaximumErrorSeconds: 0.25, EstimatedErrorSeconds: 0.0015, FrequencyPPM: -10,
				Leap: LeapNone, Daemon: DaemonNone,
			},
			summary: "synchronised, no time daemon",
		},
		{
			name: "nobody keeps it", timex: unix.Timex{Status: statusUnsynchronised, Maxerror: 16000000}, state: stateError,
			want:    Time{MaximumErrorSeconds: 16, Leap: LeapNone, Daemon: DaemonNone},
			summary: "not synchronised, no time daemon",
		},
		{
			name: "jumps back", timex: unix.Timex{Status: statusInsert}, jump: -2 * time.Second,
			want:    Time{KernelSynchronised: true, Leap: LeapInsert, Daemon: DaemonNone, Stepped: true, StepSeconds: -2},
			summary: "jumped by -2 s, synchronised, no time daemon",
		},
		{
			name: "corrected by running faster", timex: unix.Timex{Status: statusDelete}, jump: 4 * time.Millisecond,
			want:    Time{KernelSynchronised: true, Leap: LeapDelete, Daemon: DaemonNone},
			summary: "synchronised, no time daemon",
		},
		{
			name: "a daemon that is not asked", timex: synced, files: tree{"70/stat": line(70, "ntpd", "S", 1, 0, 0, 0, 1, 1, 1)},
			want: Time{
				KernelSynchronised: true, MaximumErrorSeconds: 0.25, EstimatedErrorSeconds: 0.0015, FrequencyPPM: -10,
				Leap: LeapNone, Daemon: DaemonNTPD,
			},
			summary: "synchronised, ntpd",
		},
		{
			name: "a daemon that has ended", timex: synced, files: tree{"70/stat": line(70, "chronyd", "Z", 1, 0, 0, 0, 1, 1, 1)},
			want: Time{
				KernelSynchronised: true, MaximumErrorSeconds: 0.25, EstimatedErrorSeconds: 0.0015, FrequencyPPM: -10,
				Leap: LeapNone, Daemon: DaemonNone,
			},
			summary: "synchronised, no time daemon",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := timeSource(t, tt.timex, tt.state, tt.files)
			tt.want.Clocksource, tt.want.Clocksources = "tsc", []string{"tsc", "hpet", "acpi_pm"}
			var got Time
			var o engine.Observation
			synctest.Test(t, func(t *testing.T) {
				s.readClocks = bubbleClocks(500*time.Millisecond, tt.jump)
				got, o = checktest.Observe[Time](t, s.Time(), nil)
			})
			tt.want.RTCOffsetSeconds = got.RTCOffsetSeconds // below
			same(t, got, tt.want)
			if math.Abs(got.RTCOffsetSeconds-3600) > 1 {
				t.Errorf("the battery-backed clock: got %v s ahead, want an hour", got.RTCOffsetSeconds)
			}
			if want := "offset_seconds stratum reference"; unreadPaths(o) != want {
				t.Errorf("unread: got %q, want %q", unreadPaths(o), want)
			}
			if o.Summary != tt.summary {
				t.Errorf("summary %q, want %q", o.Summary, tt.summary)
			}
		})
	}
}

func TestTimeUnread(t *testing.T) {
	s := timeSource(t, unix.Timex{}, 0, nil)
	s.adjtimex = func() (unix.Timex, int, error) { return unix.Timex{}, -1, unix.EPERM }
	s.Sys = filepath.Join(s.Proc, "nowhere")
	if err := os.Remove(filepath.Join(s.Proc, "self/ns/pid")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pid:[4026532000]", filepath.Join(s.Proc, "self/ns/pid")); err != nil {
		t.Fatal(err)
	}
	_, o := checktest.Observe[Time](t, s.Time(), map[string]any{"window": "100ms"})
	want := "kernel_synchronised maximum_error_seconds estimated_error_seconds frequency_ppm leap daemon offset_seconds stratum reference " +
		"clocksource clocksources rtc_offset_seconds"
	if got := unreadPaths(o); got != want {
		t.Errorf("unread:\n got %q\nwant %q", got, want)
	}
	for _, u := range o.Unread {
		if u.Reason == "" || u.Fix == "" && u.Path != "rtc_offset_seconds" {
			t.Errorf("%s: reason %q, fix %q", u.Path, u.Reason, u.Fix)
		}
	}
}

// TestTimeChronyd asks a real chronyd, which does not touch the clock of this
// machine (-x), about a server whose clock is wrong.
func TestTimeChronyd(t *testing.T) {
	chronyd, err := exec.LookPath("chronyd")
	checktest.Need(t, "the program chronyd, and root", err == nil && os.Geteuid() == 0)
	for _, ahead := range []time.Duration{3 * time.Second, -3 * time.Second} {
		t.Run(ahead.String(), func(t *testing.T) {
			dir := t.TempDir()
			port := checktest.FreePort(t)
			configuration := fmt.Sprintf("server 127.0.0.1 port %d iburst minpoll 0 maxpoll 0\nport 0\ncmdport %d\nbindcmdaddress 127.0.0.1\n"+
				"bindcmdaddress /\npidfile %s/pid\ndriftfile %s/drift\nuser root\n", checktest.TimeServer(t, ahead, nil), port, dir, dir)
			file := filepath.Join(dir, "chrony.conf")
			if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
				t.Fatal(err)
			}
			var complaints strings.Builder
			cmd := exec.Command(chronyd, "-x", "-d", "-f", file)
			cmd.Stderr = &complaints
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			s := Source{Chronyd: fmt.Sprintf("127.0.0.1:%d", port)}
			ctx, cancel := context.WithTimeout(t.Context(), checktest.Timeout)
			defer cancel()
			for {
				got, _ := checktest.Observe[Time](t, s.Time(), map[string]any{"window": "100ms"})
				// The server is ahead, so that we are behind.
				if got.Reference == "127.0.0.1" && math.Abs(got.OffsetSeconds+ahead.Seconds()) < 0.1 && got.Stratum == 2 && got.Daemon == DaemonChronyd {
					return
				}
				if ctx.Err() != nil {
					t.Fatalf("got %+v, want %v s\n%s", got, -ahead.Seconds(), complaints.String())
				}
			}
		})
	}
}

// A daemon that follows no server says so: stratum 0 is seen, and the offset is not.
func TestTimeChronydWithoutServer(t *testing.T) {
	chronyd, err := exec.LookPath("chronyd")
	checktest.Need(t, "the program chronyd, and root", err == nil && os.Geteuid() == 0)
	dir, port := t.TempDir(), checktest.FreePort(t)
	configuration := fmt.Sprintf("port 0\ncmdport %d\nbindcmdaddress 127.0.0.1\nbindcmdaddress /\npidfile %s/pid\nuser root\n", port, dir)
	file := filepath.Join(dir, "chrony.conf")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(chronyd, "-x", "-d", "-f", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := Source{Chronyd: fmt.Sprintf("127.0.0.1:%d", port)}
	ctx, cancel := context.WithTimeout(t.Context(), checktest.Timeout)
	defer cancel()
	for {
		got, o := checktest.Observe[Time](t, s.Time(), map[string]any{"window": "100ms"})
		if checktest.HasUnread(o, "offset_seconds") && !checktest.HasUnread(o, "stratum") && got.Stratum == 0 && !checktest.HasUnread(o, "reference") {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("got %+v, unread %v; want stratum 0", got, o.Unread)
		}
	}
}

// What does not answer as chronyd does leaves the offset unread.
func TestTimeStrangeChronyd(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		request := make([]byte, 1024)
		for answer := 0; ; answer++ {
			_, from, err := conn.ReadFrom(request)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(request[:answer%2*30], from)
		}
	}()
	s := timeSource(t, unix.Timex{}, 0, tree{"70/stat": line(70, "chronyd", "S", 1, 0, 0, 0, 1, 1, 1)})
	for _, address := range []string{conn.LocalAddr().String(), conn.LocalAddr().String(), fmt.Sprintf("127.0.0.1:%d", checktest.FreePort(t))} {
		s.Chronyd = address
		got, o := checktest.Observe[Time](t, s.Time(), map[string]any{"window": "100ms"})
		if !checktest.HasUnread(o, "offset_seconds") || got.Daemon != DaemonChronyd || got.OffsetSeconds != 0 {
			t.Errorf("got %+v, unread %v; want no offset", got, o.Unread)
		}
	}
}

// TestTimeOfThisHost: the clocks of a host that nobody sets do not jump.
func TestTimeOfThisHost(t *testing.T) {
	got, o := checktest.Observe[Time](t, Source{}.Time(), map[string]any{"window": "300ms"})
	if got.Stepped || checktest.HasUnread(o, "stepped") || got.Clocksource == "" {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
}

func TestTimeAsNobody(t *testing.T) {
	if !checktest.AsNobody(t) {
		return
	}
	_, o := checktest.Observe[Time](t, Source{}.Time(), map[string]any{"window": "100ms"})
	if checktest.HasUnread(o, "kernel_synchronised") || checktest.HasUnread(o, "stepped") {
		t.Errorf("unread %v", o.Unread)
	}
}

// A daemon is missing only where the host's programs are seen.
func TestTimeDaemonHidden(t *testing.T) {
	kthreadd := tree{"2/stat": line(2, "kthreadd", "S", 0, kernelThread, 0, 0, 1, 1, 0)}
	for _, tt := range []struct {
		name      string
		files     tree
		namespace string
		hidden    bool
	}{
		{"on the host", kthreadd, "pid:[4026531836]", false},
		{"a host's /proc in a container", kthreadd, "pid:[4026532000]", false},
		{"in a container", nil, "pid:[4026532000]", true},
		{"the namespace may not be read", nil, "", true},
		{"a program that is called so", tree{"2/stat": line(2, "kthreadd", "S", 1, 0, 0, 0, 1, 1, 0)}, "pid:[4026532000]", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := timeSource(t, unix.Timex{}, 0, tt.files)
			link := filepath.Join(s.Proc, "self/ns/pid")
			if err := os.Remove(link); err != nil {
				t.Fatal(err)
			}
			if tt.namespace != "" {
				if err := os.Symlink(tt.namespace, link); err != nil {
					t.Fatal(err)
				}
			}
			got, o := checktest.Observe[Time](t, s.Time(), map[string]any{"window": "100ms"})
			if checktest.HasUnread(o, "daemon") != tt.hidden || !tt.hidden && got.Daemon != DaemonNone {
				t.Errorf("daemon %q, unread %v; want it hidden: %v", got.Daemon, o.Unread, tt.hidden)
			}
		})
	}
}
