package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/facebook/time/ntp/chrony"

	"gumshoe/checks/systemd"
	"gumshoe/engine"
)

// chronyd gives the address at which chronyd answers questions.
func (s Source) chronyd() string {
	if s.Chronyd == "" {
		return "127.0.0.1:323"
	}
	return s.Chronyd
}

// timeDaemons are the programs that keep clocks right, by the 15 bytes of their
// names that the kernel keeps; the first that runs is the one that counts.
func timeDaemons() []struct {
	name   string
	daemon TimeDaemon
} {
	return []struct {
		name   string
		daemon TimeDaemon
	}{
		{"chronyd", DaemonChronyd}, {"ntpd", DaemonNTPD}, {"systemd-timesyn", DaemonTimesync},
		{"phc2sys", DaemonPHC2Sys}, {"ptp4l", DaemonPTP4L},
	}
}

// daemon finds the program that keeps the clock right, and asks it.
func (o *Time) daemon(ctx context.Context, call *engine.Call, s Source) error {
	processes, err := s.processes()
	if err != nil {
		return err
	}
	running := make(map[string]bool)
	for _, p := range processes.byPID {
		if p.ended() == 0 {
			running[p.name] = true
		}
	}
	o.Daemon = DaemonNone
	for _, known := range timeDaemons() {
		if running[known.name] {
			o.Daemon = known.daemon
			break
		}
	}
	if o.Daemon == DaemonNone && (processes.partial || processes.denied > 0 || !s.seesTheHost(processes)) {
		o.Daemon = ""
		call.Unread("daemon", "the programs of the host are hidden from us", "run gumshoe on the host, as root (in a container with --pid=host)")
	}
	ctx, cancel := context.WithTimeout(ctx, innerTimeout(ctx, time.Second))
	defer cancel()
	switch o.Daemon {
	case DaemonChronyd:
		err = o.askChronyd(ctx, s)
	case DaemonTimesync:
		err = o.askTimesync(ctx, s)
	case DaemonNTPD, DaemonPTP4L, DaemonPHC2Sys:
		err = engine.Blind(string(o.Daemon)+" is not asked", "compare with a time server (probe.ntp)", nil)
	case DaemonNone:
		err = engine.Blind("nothing on this host knows the true time", "run chronyd, or compare with a time server (probe.ntp)", nil)
	default:
		err = engine.Blind("no time daemon is to be seen", "compare with a time server (probe.ntp)", nil)
	}
	if blind, ok := errors.AsType[*engine.BlindError](err); ok {
		if errors.Is(err, errFollowsNone) { // then stratum 0 and no reference are what it said
			unread(call, blind.Reason, blind.Fix, "offset_seconds")
		} else {
			unread(call, blind.Error(), blind.Fix, "offset_seconds", "stratum", "reference")
		}
	}
	return nil
}

// errFollowsNone tells that a daemon answered, and follows no server.
var errFollowsNone = errors.New("it follows no server")

// seesTheHost tells whether we see the programs of the host, and not only those
// of a container: the kernel's own thread kthreadd is always process 2 there, and
// the first namespace of process ids has a number of its own (PROC_PID_INIT_INO).
func (s Source) seesTheHost(processes table) bool {
	if second := processes.byPID[2]; second.kernel && second.name == "kthreadd" {
		return true // also by a host's /proc that is mounted in a container
	}
	namespace, err := os.Readlink(s.proc("self/ns/pid"))
	return err == nil && namespace == "pid:[4026531836]"
}

// askChronyd asks for its tracking, which everybody may on this host.
func (o *Time) askChronyd(ctx context.Context, s Source) error {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", s.chronyd())
	if err == nil {
		defer conn.Close()
		deadline, _ := ctx.Deadline()
		err = conn.SetDeadline(deadline)
	}
	var tracking *chrony.ReplyTracking
	if err == nil {
		tracking, err = track(conn)
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return engine.Blind("chronyd takes no questions at "+s.chronyd(), "allow cmdport 323 on 127.0.0.1 in chrony.conf, or compare with a time server (probe.ntp)", nil)
	case err != nil:
		return engine.Blind("chronyd does not answer at "+s.chronyd(), "look at it with chronyc tracking, or compare with a time server (probe.ntp)", err)
	}
	o.Stratum = int(tracking.Stratum)
	const unsynchronised = 3 // its leap status
	if tracking.LeapStatus == unsynchronised {
		o.Stratum = 0
		return engine.Blind("chronyd has found no server that it trusts", "look at chronyc sources", errFollowsNone)
	}
	// What chronyd has still to add to the clock; when it is behind, that is positive.
	o.OffsetSeconds = -tracking.CurrentCorrection
	if len(tracking.IPAddr) > 0 && !tracking.IPAddr.IsUnspecified() {
		o.Reference = tracking.IPAddr.String()
	} else {
		o.Reference = printable(chrony.RefidToString(tracking.RefID)) // a clock of its own, such as GPS
	}
	return nil
}

// track has one exchange with chronyd. Whatever else answers is no more than an
// error.
func track(conn net.Conn) (tracking *chrony.ReplyTracking, err error) {
	defer func() {
		if r := recover(); r != nil { // the library trusts the length of an answer
			err = fmt.Errorf("it does not answer as chronyd does: %v", r)
		}
	}()
	client := chrony.Client{Connection: conn}
	answer, err := client.Communicate(chrony.NewTrackingPacket())
	if err != nil {
		return nil, err
	}
	tracking, ok := answer.(*chrony.ReplyTracking)
	if !ok {
		return nil, errors.New("it does not answer as chronyd does")
	}
	return tracking, nil
}

func (o *Time) askTimesync(ctx context.Context, s Source) error {
	t, err := systemd.AskTimeSync(ctx, s.run())
	switch {
	case err != nil:
		return engine.Blind("systemd-timesyncd could not be asked", "look with timedatectl timesync-status, or compare with a time server (probe.ntp)", err)
	case t.Exchanges == 0:
		return engine.Blind("systemd-timesyncd has had no answer yet", "look with timedatectl timesync-status: can its server be reached?", errFollowsNone)
	}
	o.OffsetSeconds, o.Stratum, o.Reference = t.OffsetSeconds, t.Stratum, printable(t.Server)
	return nil
}
