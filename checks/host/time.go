package host

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gumshoe/checks/systemd"
	"gumshoe/engine"
)

// TimeInput are the inputs of host.time.
type TimeInput struct {
	// Window is how long to watch whether the clock jumps.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
}

// Leap says whether a leap second is announced.
type Leap string

// The announcements of a leap second.
const (
	LeapNone   Leap = "none"
	LeapInsert Leap = "insert"
	LeapDelete Leap = "delete"
)

// TimeDaemon is a program that keeps the clock right.
type TimeDaemon string

// The daemons that host.time knows.
const (
	DaemonNone     TimeDaemon = "none"
	DaemonChronyd  TimeDaemon = "chronyd"
	DaemonNTPD     TimeDaemon = "ntpd"
	DaemonTimesync TimeDaemon = "systemd_timesyncd"
	DaemonPTP4L    TimeDaemon = "ptp4l"
	DaemonPHC2Sys  TimeDaemon = "phc2sys"
)

// Time is what host.time observes: whether the clock is right, who keeps it so,
// and whether it jumps.
type Time struct {
	// KernelSynchronised tells whether the kernel counts its clock as kept right
	// by somebody. It says so until 16 seconds of possible error have gathered
	// since the last correction (adjtimex(2)): about 9 hours.
	KernelSynchronised bool `json:"kernel_synchronised" expr:"kernel_synchronised"`
	// MaximumErrorSeconds is how wrong the clock can be, by the kernel's estimate;
	// it grows by half a millisecond each second until the next correction, up to
	// 16. It means nothing where nobody keeps the clock right.
	MaximumErrorSeconds float64 `json:"maximum_error_seconds" expr:"maximum_error_seconds"`
	// EstimatedErrorSeconds is how wrong the daemon thinks that the clock is.
	EstimatedErrorSeconds float64 `json:"estimated_error_seconds" expr:"estimated_error_seconds"`
	// FrequencyPPM is how much the clock is made to run faster than its oscillator,
	// in parts in a million. Beyond about 500 the kernel cannot follow.
	FrequencyPPM float64 `json:"frequency_ppm" expr:"frequency_ppm"`
	// Leap says whether the day ends with a leap second.
	Leap Leap `json:"leap" expr:"leap" enum:"none,insert,delete"`

	// Daemon is the program that keeps the clock right; none when no such program
	// runs. Unread in a container that does not see the host's programs. A
	// hypervisor may keep the clock of its guests right without any.
	Daemon TimeDaemon `json:"daemon" expr:"daemon" enum:"none,chronyd,ntpd,systemd_timesyncd,ptp4l,phc2sys"`
	// OffsetSeconds is how far our clock is ahead of true time, negative when it is
	// behind, as the daemon knows it: chronyd at this moment, systemd-timesyncd at
	// its last exchange, since when it has been correcting it. Unread with other
	// daemons and without one: compare with a server, by probe.ntp.
	OffsetSeconds float64 `json:"offset_seconds" expr:"offset_seconds"`
	// Stratum is how far the clock is from a reference clock; 0 when the daemon has
	// found no server that it trusts. Unread as offset_seconds is.
	Stratum int `json:"stratum" expr:"stratum"`
	// Reference is the server that the clock follows; "" when there is none. Unread
	// as offset_seconds is.
	Reference string `json:"reference" expr:"reference"`

	// Stepped tells whether the clock jumped by 5 ms or more in the window.
	Stepped bool `json:"stepped" expr:"stepped"`
	// StepSeconds is the sum of these jumps, positive when it jumped ahead.
	StepSeconds float64 `json:"step_seconds" expr:"step_seconds"`

	// Clocksource is the hardware counter that the kernel tells the time by: tsc,
	// kvm-clock, hpet, acpi_pm. The last two are slow: programs that ask for the
	// time often feel it.
	Clocksource string `json:"clocksource" expr:"clocksource"`
	// Clocksources are those that it could use, the best first. A tsc that is
	// missing here may have been found unstable: host.kernel tells.
	Clocksources []string `json:"clocksources" expr:"clocksources"`
	// RTCOffsetSeconds is how far the battery-backed clock is ahead of the system's,
	// to about a second. Hours mean that it keeps local time. Unread where there is
	// none, as in most virtual machines.
	RTCOffsetSeconds float64 `json:"rtc_offset_seconds" expr:"rtc_offset_seconds"`
}

// Time is the check host.time.
//
// It reads the kernel's clock discipline (adjtimex), which needs no rights, asks
// the daemon that runs, and compares the clock with one that cannot be set.
//
// Example:
//
//	clock: { check: host.time }
//
// By hand:
//
//	chronyc tracking
//	timedatectl timesync-status
//	adjtimex --print
func (s Source) Time() engine.Check[TimeInput, Time] {
	return engine.Check[TimeInput, Time]{
		Name:      "host.time",
		Doc:       "Whether this host's clock is right, which program keeps it so, and whether it jumps.",
		Cost:      1010 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      func(TimeInput) []engine.Touch { return s.planTime() },
		Run:       s.lookTime,
		Summarize: summarizeTime,
	}
}

func summarizeTime(o Time) string {
	var parts []string
	switch {
	case o.Stepped:
		parts = append(parts, fmt.Sprintf("jumped by %+.3g s", o.StepSeconds))
	case o.OffsetSeconds != 0:
		parts = append(parts, fmt.Sprintf("%.3g s %s", math.Abs(o.OffsetSeconds), map[bool]string{true: "ahead", false: "behind"}[o.OffsetSeconds > 0]))
	}
	parts = append(parts, map[bool]string{true: "synchronised", false: "not synchronised"}[o.KernelSynchronised])
	switch o.Daemon {
	case "":
	case DaemonNone:
		parts = append(parts, "no time daemon")
	default:
		parts = append(parts, string(o.Daemon))
	}
	if o.Reference != "" {
		parts = append(parts, "follows "+shorten(o.Reference))
	}
	return strings.Join(parts, ", ")
}

// planTime lists what asking the daemons touches.
func (s Source) planTime() []engine.Touch {
	return []engine.Touch{
		{Kind: engine.TouchNetwork, What: "udp " + s.chronyd(), How: "ask chronyd"},
		{Kind: engine.TouchFile, What: systemd.BusPath(s.run()), How: "ask systemd-timesyncd"},
	}
}

func (s Source) lookTime(ctx context.Context, call *engine.Call, in TimeInput) (Time, error) {
	call.Reproduce("chronyc", "tracking")
	call.Reproduce("timedatectl", "timesync-status")
	o := Time{Clocksources: []string{}}
	if err := ctx.Err(); err != nil {
		return o, err
	}
	o.discipline(call, s)
	if err := o.daemon(ctx, call, s); err != nil {
		return o, err
	}
	o.hardware(call, s)
	err := o.watch(ctx, call, s, in.Window)
	return o, err
}

// The bits of adjtimex(2) that say how the kernel keeps its clock.
const (
	statusInsert         = 0x0010 // STA_INS
	statusDelete         = 0x0020 // STA_DEL
	statusUnsynchronised = 0x0040 // STA_UNSYNC
	stateError           = 5      // TIME_ERROR
	frequencyUnit        = 65536  // of a part in a million
)

func (o *Time) discipline(call *engine.Call, s Source) {
	adjust := s.adjtimex
	if adjust == nil {
		adjust = func() (unix.Timex, int, error) {
			var t unix.Timex // with Modes 0 nothing is set
			state, err := unix.Adjtimex(&t)
			return t, state, err
		}
	}
	t, state, err := adjust()
	if err != nil {
		unread(call, "adjtimex: "+err.Error(), "allow the system call adjtimex (a container's seccomp profile can forbid it)",
			"kernel_synchronised", "maximum_error_seconds", "estimated_error_seconds", "frequency_ppm", "leap")
		return
	}
	o.KernelSynchronised = state != stateError && t.Status&statusUnsynchronised == 0
	o.MaximumErrorSeconds, o.EstimatedErrorSeconds = float64(t.Maxerror)/1e6, float64(t.Esterror)/1e6
	o.FrequencyPPM = float64(t.Freq) / frequencyUnit
	o.Leap = LeapNone
	switch {
	case t.Status&statusInsert != 0:
		o.Leap = LeapInsert
	case t.Status&statusDelete != 0:
		o.Leap = LeapDelete
	}
}

// hardware fills in what the clock is made of.
func (o *Time) hardware(call *engine.Call, s Source) {
	const dir = "devices/system/clocksource/clocksource0"
	current, err := os.ReadFile(s.sys(dir, "current_clocksource"))
	if err != nil {
		call.Unread("clocksource", "cannot read "+s.sys(dir, "current_clocksource"), "mount sysfs there")
	}
	o.Clocksource = printable(strings.TrimSpace(string(current)))
	available, err := os.ReadFile(s.sys(dir, "available_clocksource"))
	if err != nil {
		call.Unread("clocksources", "cannot read "+s.sys(dir, "available_clocksource"), "mount sysfs there")
	}
	for name := range strings.FieldsSeq(string(available)) {
		o.Clocksources = append(o.Clocksources, printable(name))
	}
	epoch, err := numberIn(s.sys("class/rtc/rtc0/since_epoch"))
	if err != nil {
		call.Unread("rtc_offset_seconds", "there is no battery-backed clock to be seen", "")
		return
	}
	wall, _ := s.clocks()
	o.RTCOffsetSeconds = float64(epoch) - wall.Seconds()
}

// Bounds of watching the clock.
const (
	// jump is more than being held up between reading the two clocks makes of them. A
	// correction by running faster or slower moves both alike, however fast it is
	// (clock_gettime(2)): only setting the clock parts them.
	jump       = 5 * time.Millisecond
	clockLooks = 50 * time.Millisecond
)

// watch compares the clock with one that nobody can set, and that goes on in a
// suspend as it does.
func (o *Time) watch(ctx context.Context, call *engine.Call, s Source, window time.Duration) error {
	wall, steady := s.clocks()
	if steady == 0 {
		unread(call, "the clock CLOCK_BOOTTIME cannot be read", "", "stepped", "step_seconds")
		return nil
	}
	for spent := time.Duration(0); spent < window; spent += clockLooks {
		if err := wait(ctx, min(clockLooks, window-spent)); err != nil {
			return err
		}
		nextWall, nextSteady := s.clocks()
		if ahead := (nextWall - wall) - (nextSteady - steady); ahead.Abs() >= jump {
			o.Stepped = true
			o.StepSeconds += ahead.Seconds()
		}
		wall, steady = nextWall, nextSteady
	}
	return nil
}

// clocks reads the clock, since 1970, and the one since boot, at one moment.
func (s Source) clocks() (wall, steady time.Duration) {
	if s.readClocks != nil {
		return s.readClocks()
	}
	const closeEnough = 200 * time.Microsecond
	narrowest := time.Duration(math.MaxInt64)
	for range 10 { // unless we are held up in between
		before, middle, after := clock(unix.CLOCK_BOOTTIME), clock(unix.CLOCK_REALTIME), clock(unix.CLOCK_BOOTTIME)
		if after-before < narrowest {
			narrowest, wall, steady = after-before, middle, before+(after-before)/2
		}
		if narrowest < closeEnough {
			break
		}
	}
	return wall, steady
}

func clock(id int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
