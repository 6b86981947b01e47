package probe

import (
	"math"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/probe/chronytest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func TestNTPConforms(t *testing.T) {
	checktest.Run(t, New(nil).NTP(), map[string]any{"server": "127.0.0.1", "port": checktest.TimeServer(t, 0, nil), "samples": 1})
}

func TestNTPOffset(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, ahead := range []time.Duration{5 * time.Second, -90 * time.Minute, 0, 40 * year, -40 * year} {
		got, o := checktest.Observe[NTP](t, New(allow(t, "127.0.0.0/8")).NTP(),
			map[string]any{"server": "127.0.0.1", "port": checktest.TimeServer(t, ahead, nil), "samples": 2})
		if got.Outcome != Answered || math.Abs(got.OffsetSeconds+ahead.Seconds()) > got.UncertaintySeconds+1e-6 || got.Stratum != 1 || got.Reference != ".GPS." || got.Answers != 2 ||
			got.Leap != "none" || got.RoundTripSeconds <= 0 || got.UncertaintySeconds != got.RoundTripSeconds/2 || len(o.Unread) > 0 {
			t.Errorf("a server %s ahead: got %+v, unread %v", ahead, got, o.Unread)
		}
	}
}

func TestNTPFailures(t *testing.T) {
	for _, tt := range []struct {
		name  string
		port  int
		want  reach.Outcome
		error string // in it
	}{
		{"silent", checktest.TimeServer(t, 0, func([]byte) []byte { return nil }), reach.TimedOut, ""},
		{"nothing listens", checktest.FreePort(t), reach.RefusedByIt, ""},
		{"kiss of death", checktest.TimeServer(t, 0, func(a []byte) []byte { a[1] = 0; copy(a[12:], "RATE"); return a }), KissOfDeath, ""},
		{"not synchronised", checktest.TimeServer(t, 0, func(a []byte) []byte { a[0] |= 0xC0; return a }), Invalid, "leap"},
		{"stratum 16", checktest.TimeServer(t, 0, func(a []byte) []byte { a[1] = 16; return a }), Invalid, "stratum"},
		{"too short", checktest.TimeServer(t, 0, func(a []byte) []byte { return a[:20] }), Invalid, ""},
		{"not for our question", checktest.TimeServer(t, 0, func(a []byte) []byte { a[27]++; return a }), Invalid, "match"},
		{"an echo", checktest.TimeServer(t, 0, func(a []byte) []byte { a[0] = 0x23; return a }), Invalid, "mode"},
		{"garbage", checktest.TimeServer(t, 0, func([]byte) []byte { return []byte(strings.Repeat("\x1b[2J", 300)) }), Invalid, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "300ms"
			}
			got, o := checktest.Observe[NTP](t, New(nil).NTP(), map[string]any{"server": "127.0.0.1", "port": tt.port, "timeout": timeout})
			if got.Outcome != tt.want || !strings.Contains(got.Error, tt.error) || strings.Contains(got.Error, "\x1b") {
				t.Errorf("got %s (%s), want %s (%s)", got.Outcome, got.Error, tt.want, tt.error)
			}
			if got.OffsetSeconds != 0 || !checktest.HasUnread(o, "offset_seconds") || !checktest.HasUnread(o, "leap") {
				t.Errorf("got an offset of %v s, unread %v", got.OffsetSeconds, o.Unread)
			}
			if tt.want == KissOfDeath && got.KissCode != "RATE" {
				t.Errorf("kiss code %q, want RATE", got.KissCode)
			}
		})
	}
}

func TestNTPRefusedByPolicy(t *testing.T) {
	asked := false
	port := checktest.TimeServer(t, 0, func(a []byte) []byte { asked = true; return a })
	o := checktest.Look(t, New(allow(t, "192.0.2.1")).NTP(), map[string]any{"server": "127.0.0.1", "port": port})
	if o.Status != engine.Skipped || !o.Refused || !strings.Contains(o.Fix, "allow:") || asked {
		t.Errorf("got %s %q, fix %q, asked %v; want a refusal", o.Status, o.Reason, o.Fix, asked)
	}
	if o := checktest.Look(t, New(nil).NTP(), map[string]any{"server": "169.254.169.123"}); !o.Refused {
		t.Errorf("a link-local server: got %s %q, want a refusal", o.Status, o.Reason)
	}
}

func TestNTPNames(t *testing.T) {
	if got, _ := checktest.Observe[NTP](t, New(nil).NTP(), map[string]any{"server": "no-such-name.invalid"}); got.Outcome != reach.NameNotFound && got.Outcome != reach.NameFailed {
		t.Errorf("got %s, want no such name", got.Outcome)
	}
}

// One lost packet is not silence, one more sample is not worth a deadline, and who
// asks us not to ask is not asked again.
func TestNTPSamples(t *testing.T) {
	t.Parallel()
	sound := func(a []byte) []byte { return a }
	lost := func([]byte) []byte { return nil }
	rate := func(a []byte) []byte { a[1] = 0; copy(a[12:], "RATE"); return a }
	late := func(a []byte) []byte { time.Sleep(time.Second); return a } // on the way back: the server's clock does not show it
	for _, tt := range []struct {
		name    string
		replies []func([]byte) []byte
		timeout time.Duration // of the step
		want    reach.Outcome
		answers int
		asked   int32
	}{
		{"the first packet is lost", []func([]byte) []byte{lost, sound, sound}, checktest.Timeout, Answered, 2, 3},
		{"two are lost", []func([]byte) []byte{lost, lost, sound}, checktest.Timeout, reach.TimedOut, 0, 2},
		{"asked not to ask after an answer", []func([]byte) []byte{sound, rate, sound}, checktest.Timeout, Answered, 1, 2},
		{"little time", []func([]byte) []byte{sound, sound, sound}, 900 * time.Millisecond, Answered, 1, 1},
		{"one is held up", []func([]byte) []byte{late, sound, late}, checktest.Timeout, Answered, 3, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			port := checktest.TimeServer(t, 0, func(a []byte) []byte { return tt.replies[asked.Add(1)-1](a) })
			d, in := definition(t, New(nil).NTP(), map[string]any{"server": "127.0.0.1", "port": port, "samples": 3, "timeout": "2s"})
			o := engine.Local("test")(t.Context(), engine.Request{Step: "step", Check: d, Input: in, Timeout: tt.timeout})
			got, ok := o.Output.(NTP)
			if !ok || got.Outcome != tt.want || got.Answers != tt.answers || asked.Load() != tt.asked {
				t.Fatalf("asked %d times, got %+v (%s); want %s with %d answers to %d questions", asked.Load(), got, o.Reason, tt.want, tt.answers, tt.asked)
			}
			if tt.want == Answered && got.RoundTripSeconds >= 1 {
				t.Errorf("a round trip of %v s: the shortest counts", got.RoundTripSeconds)
			}
		})
	}
}

func definition(t *testing.T, check engine.Instrument, inputs map[string]any) (*engine.Definition, any) {
	t.Helper()
	d, err := check.Definition()
	if err != nil {
		t.Fatal(err)
	}
	in, faults := d.In.Decode(inputs)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return d, in
}

// An address without a route, such as a name's IPv6 address, does not hide the next.
func TestNTPNextAddress(t *testing.T) {
	ip, err := exec.LookPath("ip")
	checktest.Need(t, "the program ip, and root", err == nil && os.Geteuid() == 0)
	runtime.LockOSThread() // for good: the thread ends with the test, and its network namespace too
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		checktest.Need(t, "a network namespace of its own: "+err.Error(), false)
	}
	if text, err := exec.Command(ip, "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	nowhere := netip.MustParseAddr("2001:db8::1")
	in := NTPInput{Server: "time.example", Port: checktest.TimeServer(t, 0, nil), Samples: 1, Timeout: time.Second}
	var o NTP
	answers, err := New(nil).sample(t.Context(), &o, in, []netip.Addr{nowhere, netip.MustParseAddr("127.0.0.1")})
	if err != nil || len(answers) != 1 {
		t.Errorf("got %d answers, %s, %v; want one", len(answers), o.Outcome, err)
	}
	answers, err = New(nil).sample(t.Context(), &o, in, []netip.Addr{nowhere})
	if err != nil || len(answers) != 0 || o.Outcome != reach.Unreachable {
		t.Errorf("got %d answers, %s, %v; want unreachable", len(answers), o.Outcome, err)
	}
}

// TestNTPChronyd asks a real server, and real ones that fail.
func TestNTPChronyd(t *testing.T) {
	look := func(port int, timeout string) NTP {
		t.Helper()
		got, _ := checktest.Observe[NTP](t, New(nil).NTP(), map[string]any{"server": "127.0.0.1", "port": port, "samples": 1, "timeout": timeout})
		return got
	}
	server := chronytest.Start(t, chronytest.Serves()...)
	for end := time.Now().Add(checktest.Timeout); ; {
		got := look(server.Port, "10s")
		if got.Outcome == Answered && got.Stratum == 8 && math.Abs(got.OffsetSeconds) < 0.1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("got %+v, want stratum 8 and no offset", got)
		}
	}
	server.Pause()
	if got := look(server.Port, "500ms"); got.Outcome != reach.TimedOut {
		t.Errorf("paused: got %+v", got)
	}
	server.Kill()
	if got := look(server.Port, "10s"); got.Outcome != reach.RefusedByIt {
		t.Errorf("ended: got %+v", got)
	}
	if got := look(chronytest.Start(t, "allow").Port, "10s"); got.Outcome != Invalid || !strings.Contains(got.Error, "leap") {
		t.Errorf("never synchronised: got %+v", got)
	}
	if got := look(chronytest.Start(t, "local stratum 8", "allow 192.0.2.1").Port, "500ms"); got.Outcome != reach.TimedOut {
		t.Errorf("not for us: got %+v", got)
	}
}
