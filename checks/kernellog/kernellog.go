// Package kernellog reads the messages of the Linux kernel, from where the kernel
// keeps them (/dev/kmsg, syslog(2)) or from the journal, and tells what they
// complain about. It reads, parses and classifies; it judges nothing, and it
// changes nothing: records stay where they are.
//
// Only what the kernel itself says counts (syslog facility 0). Programs can write
// to /dev/kmsg too; the kernel then marks these records with another facility.
package kernellog

import (
	"slices"
	"time"
)

// Record is one message of the kernel.
type Record struct {
	// Time is when it was logged; see Clock for how well that is known.
	Time time.Time
	// Level is its syslog severity, from 0 (emergency) to 7 (debug); 3 is an error.
	Level int
	// Facility is its syslog facility; 0 is the kernel. Readers keep no others.
	Facility int
	// Text is the message without its prefix, which may hold any character: names
	// of processes are in it. Line breaks inside it stay.
	Text string
}

// Log is what was read, oldest first.
type Log struct {
	Records []Record
	// From is the time from which on no record is missing; the zero time means that
	// there is nothing missing since the boot.
	From time.Time
	// Lost is how many records are known to be missing between those that were read.
	Lost int64
	// Seen is how many records of the kernel were read, those before the window
	// included. A kernel says something at every boot, so 0 means that this is no
	// log of a kernel.
	Seen int64
}

// Clock tells what the time stamps of the kernel mean. They count from the boot,
// by a clock that stands still while the machine is suspended and that no time
// server corrects. So times are counted back from now: right for what was logged
// since the last suspend, and off by the drift of that clock, some seconds in a
// month. What was logged before a suspend seems younger than it is.
type Clock struct {
	Now time.Time
	// Uptime is CLOCK_MONOTONIC at that time.
	Uptime time.Duration
}

// at gives the time of a time stamp.
func (c Clock) at(sinceBoot time.Duration) time.Time { return c.Now.Add(sinceBoot - c.Uptime) }

// maxRecords bounds how many records are kept; of more, the newest are. It is
// above what a buffer of 16 MiB holds.
const maxRecords = 200_000

// gather keeps the records of a window as they come, oldest first.
type gather struct {
	log   Log
	since time.Time
	clock Clock
	// newest is the latest time stamp seen.
	newest time.Duration
}

// add takes a record of the kernel, and tells whether it is of the window.
func (g *gather) add(stamp time.Duration, level int, text func() string) bool {
	g.log.Seen++
	g.newest = max(g.newest, stamp)
	at := g.clock.at(stamp)
	if at.Before(g.since) {
		return false
	}
	if len(g.log.Records) >= 2*maxRecords {
		g.log.Records = g.log.Records[:copy(g.log.Records, g.log.Records[maxRecords:])]
		g.gap(0, g.log.Records[0].Time)
	}
	if len(g.log.Records) == cap(g.log.Records) { // append grows by a quarter only
		g.log.Records = slices.Grow(g.log.Records, max(1024, len(g.log.Records)))
	}
	g.log.Records = append(g.log.Records, Record{Time: at, Level: level, Text: text()})
	return true
}

// gap says that records are missing before this time.
func (g *gather) gap(lost int64, until time.Time) {
	g.log.Lost += lost
	if until.After(g.log.From) {
		g.log.From = until
	}
}

// done gives what was gathered. The kernel's clock is ahead of the monotonic one
// when a record seems to come from the future: by as much at least.
func (g *gather) done() Log {
	if cut := len(g.log.Records) - maxRecords; cut > 0 {
		g.log.Records = g.log.Records[cut:]
		g.gap(0, g.log.Records[0].Time)
	}
	ahead := g.newest - g.clock.Uptime
	if ahead <= 0 {
		return g.log
	}
	keep := 0
	for _, r := range g.log.Records {
		if r.Time = r.Time.Add(-ahead); !r.Time.Before(g.since) {
			g.log.Records[keep] = r
			keep++
		}
	}
	g.log.Records = g.log.Records[:keep]
	if !g.log.From.IsZero() {
		g.log.From = g.log.From.Add(-ahead)
	}
	return g.log
}

// number reads the digits that a text begins with: at least one, at most 18.
func number[T ~string | ~[]byte](text T) (n int64, rest T, ok bool) {
	i := 0
	for i < len(text) && i < 18 && text[i] >= '0' && text[i] <= '9' {
		n = 10*n + int64(text[i]-'0')
		i++
	}
	if i == 0 || (i < len(text) && text[i] >= '0' && text[i] <= '9') {
		return 0, text, false
	}
	return n, text[i:], true
}
