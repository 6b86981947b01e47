package kernellog

import (
	"errors"
	"strings"
	"syscall"
	"time"
)

// ErrNoTimes says that the messages carry no time, so nobody can tell which of
// them are of the window: printk.time is off.
var ErrNoTimes = errors.New("the kernel's messages carry no time")

// The actions of syslog(2) that read without taking anything away.
const (
	actionReadAll    = 3
	actionSizeBuffer = 10
)

// maxBuffer bounds what is read at once, in bytes.
const maxBuffer = 64 << 20

// ReadSyslog reads the records since a time with the system call that dmesg falls
// back to. It gives what was logged since someone cleared the log (dmesg -C).
func ReadSyslog(since time.Time, clock Clock) (Log, error) {
	size, err := syscall.Klogctl(actionSizeBuffer, nil)
	if err != nil {
		return Log{}, err
	}
	// Each line gets a prefix that the buffer has in a shorter form.
	buffer := make([]byte, min(2*size+1, maxBuffer))
	n, err := syscall.Klogctl(actionReadAll, buffer)
	if err != nil {
		return Log{}, err
	}
	return ParseRaw(string(buffer[:max(n, 0)]), since, clock)
}

// ParseRaw takes apart what `dmesg --raw` prints, which is the form of syslog(2):
//
//	<6>[    5.140900] NET: Registered PF_INET6 protocol family
//
// A record of several lines is as many records. When there are records and none
// has a time, the error is ErrNoTimes.
func ParseRaw(text string, since time.Time, clock Clock) (Log, error) {
	g := gather{since: since, clock: clock}
	first := true
	untimed := false
	for line := range strings.Lines(text) {
		priority, rest, ok := rawPriority(strings.TrimSuffix(line, "\n"))
		if !ok {
			continue // the rest of a line that was cut where the buffer begins
		}
		stamp, rest, ok := rawStamp(rest)
		if !ok {
			untimed = true
			continue
		}
		if first && stamp > 0 {
			g.gap(0, clock.at(stamp))
		}
		first = false
		if priority>>3 == 0 {
			g.add(stamp, int(priority&7), func() string { return strings.Clone(rest) })
		}
	}
	if untimed && first {
		return Log{}, ErrNoTimes
	}
	return g.done(), nil
}

func rawPriority(line string) (priority int64, rest string, ok bool) {
	if !strings.HasPrefix(line, "<") {
		return 0, "", false
	}
	priority, rest, ok = number(line[1:])
	if !ok || !strings.HasPrefix(rest, ">") {
		return 0, "", false
	}
	return priority, rest[1:], true
}

// rawStamp reads "[    5.140900] ", and with CONFIG_PRINTK_CALLER the "[    T1] "
// that follows.
func rawStamp(text string) (stamp time.Duration, rest string, ok bool) {
	if !strings.HasPrefix(text, "[") {
		return 0, "", false
	}
	seconds, rest, ok := number(strings.TrimLeft(text[1:], " "))
	if !ok || !strings.HasPrefix(rest, ".") || seconds > maxStamp/1e6 {
		return 0, "", false
	}
	micros, after, ok := number(rest[1:])
	if !ok || len(rest)-len(after) != len(".123456") {
		return 0, "", false
	}
	caller, text, closed := strings.Cut(after, "]")
	if !closed {
		return 0, "", false
	}
	caller = strings.TrimLeft(strings.TrimPrefix(caller, "@"), " ")
	if caller != "" { // "[    5.140900@    T1]" of some kernels
		return 0, "", false
	}
	text = strings.TrimPrefix(text, " ")
	if inner, plain, found := strings.Cut(text, "] "); found && strings.HasPrefix(inner, "[") {
		id := strings.TrimLeft(inner[1:], " ")
		if len(id) > 1 && (id[0] == 'T' || id[0] == 'C') {
			if _, left, digits := number(id[1:]); digits && left == "" {
				text = plain
			}
		}
	}
	return time.Duration(seconds)*time.Second + time.Duration(micros)*time.Microsecond, text, true
}
