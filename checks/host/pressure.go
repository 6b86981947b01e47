package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gumshoe/engine"
)

// PressureInput are the inputs of host.pressure.
type PressureInput struct {
	// Window is how long to watch.
	Window time.Duration `json:"window" default:"1s" min:"100ms" max:"30s"`
}

// Pressure is what host.pressure observes: for how much of the time work stood
// still for want of a resource (PSI, "pressure stall information").
type Pressure struct {
	// CPU is the waiting for a processor.
	CPU Stall `json:"cpu" expr:"cpu"`
	// Memory is the waiting for memory: reclaiming, swapping in, reading back
	// pages of programs.
	Memory Stall `json:"memory" expr:"memory"`
	// IO is the waiting for disks.
	IO Stall `json:"io" expr:"io"`
}

// Stall is the share of time lost to waiting for one resource.
type Stall struct {
	// SomePercent is the share of the window in which at least one task waited.
	SomePercent float64 `json:"some_percent" expr:"some_percent"`
	// FullPercent is the share of the window in which every task that was not idle
	// waited, so that nothing got done. For the whole host's CPU it has no
	// meaning: it is 0, or unread before Linux 5.13.
	FullPercent float64 `json:"full_percent" expr:"full_percent"`
	// SomeAvg10Percent is the share of the last 10 seconds in which at least one
	// task waited.
	SomeAvg10Percent float64 `json:"some_avg10_percent" expr:"some_avg10_percent"`
	// SomeAvg60Percent is the same over the last minute.
	SomeAvg60Percent float64 `json:"some_avg60_percent" expr:"some_avg60_percent"`
	// SomeAvg300Percent is the same over the last 5 minutes.
	SomeAvg300Percent float64 `json:"some_avg300_percent" expr:"some_avg300_percent"`
	// FullAvg10Percent is full_percent over the last 10 seconds.
	FullAvg10Percent float64 `json:"full_avg10_percent" expr:"full_avg10_percent"`
	// FullAvg60Percent is the same over the last minute.
	FullAvg60Percent float64 `json:"full_avg60_percent" expr:"full_avg60_percent"`
	// FullAvg300Percent is the same over the last 5 minutes.
	FullAvg300Percent float64 `json:"full_avg300_percent" expr:"full_avg300_percent"`
}

// Pressure is the check host.pressure.
//
// It reads /proc/pressure at the window's start and end. The averages are the
// kernel's: they still tell of what ended some seconds ago. Linux 4.20 or later,
// built with CONFIG_PSI.
//
// Example:
//
//	pressure: { check: host.pressure, with: { window: 2s } }
//
// By hand:
//
//	cat /proc/pressure/cpu /proc/pressure/memory /proc/pressure/io
func (s Source) Pressure() engine.Check[PressureInput, Pressure] {
	return engine.Check[PressureInput, Pressure]{
		Name:      "host.pressure",
		Doc:       "For how much of the time tasks stood still for want of CPU, memory or disk (PSI).",
		Cost:      1010 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[PressureInput],
		Run:       s.lookPressure,
		Summarize: summarizePressure,
	}
}

func summarizePressure(o Pressure) string {
	return fmt.Sprintf("time spent waiting: cpu %.0f %%, memory %.0f %%, io %.0f %%",
		o.CPU.SomePercent, o.Memory.SomePercent, o.IO.SomePercent)
}

const noPSI = "boot the kernel with psi=1 (Linux 4.20 or later, built with CONFIG_PSI)"

func (s Source) lookPressure(ctx context.Context, call *engine.Call, in PressureInput) (Pressure, error) {
	call.Reproduce("cat", s.proc("pressure/cpu"), s.proc("pressure/memory"), s.proc("pressure/io"))
	var o Pressure
	resources := []struct {
		name  string
		stall *Stall
	}{{"cpu", &o.CPU}, {"memory", &o.Memory}, {"io", &o.IO}}
	var missing error
	before := make([]stallReading, len(resources))
	for i, r := range resources {
		var err error
		if before[i], err = readStall(s.proc("pressure", r.name)); err != nil {
			missing = err
		}
	}
	if !slices.ContainsFunc(before, stallReading.seen) {
		reason, fix := whyNoPressure(missing)
		return o, engine.Blind(reason, fix, missing)
	}
	if err := wait(ctx, in.Window); err != nil {
		return o, err
	}
	for i, r := range resources {
		after, err := readStall(s.proc("pressure", r.name))
		if err != nil {
			reason, fix := whyNoPressure(err)
			unread(call, reason, fix, stallPaths(r.name, "some")...)
			unread(call, reason, fix, stallPaths(r.name, "full")...)
			continue
		}
		r.stall.fill(call, r.name, before[i], after)
	}
	return o, nil
}

func whyNoPressure(err error) (reason, fix string) {
	if errors.Is(err, fs.ErrPermission) {
		return "may not read /proc/pressure", "run gumshoe as a user that may"
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EOPNOTSUPP) {
		return "this kernel does not report pressure (PSI)", noPSI
	}
	return "cannot read /proc/pressure", noPSI
}

// stallReading is a pressure file at one moment. Its values are by kind and key,
// such as "some avg10", in percent, and "some total", in microseconds.
type stallReading struct {
	at     time.Time
	values map[string]float64
}

func (r stallReading) seen() bool { return r.values != nil }

// readStall reads lines such as "some avg10=0.00 avg60=0.02 avg300=0.30 total=1".
// The kernel brings total up to date when it is read (psi_show, kernel/sched/psi.c).
func readStall(path string) (stallReading, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return stallReading{}, err
	}
	r := stallReading{at: time.Now(), values: make(map[string]float64)}
	for line := range strings.Lines(string(text)) {
		kind, rest, _ := strings.Cut(line, " ")
		for pair := range strings.FieldsSeq(rest) {
			key, digits, _ := strings.Cut(pair, "=")
			if value, err := strconv.ParseFloat(digits, 64); err == nil && !math.IsInf(value, 0) && !math.IsNaN(value) {
				r.values[kind+" "+key] = value
			}
		}
	}
	return r, nil
}

// fill takes the averages of the second reading, and what happened between the two.
func (p *Stall) fill(call *engine.Call, resource string, before, after stallReading) {
	elapsed := float64(after.at.Sub(before.at).Microseconds())
	for _, kind := range []struct {
		name                        string
		share, avg10, avg60, avg300 *float64
	}{
		{"some", &p.SomePercent, &p.SomeAvg10Percent, &p.SomeAvg60Percent, &p.SomeAvg300Percent},
		{"full", &p.FullPercent, &p.FullAvg10Percent, &p.FullAvg60Percent, &p.FullAvg300Percent},
	} {
		paths := stallPaths(resource, kind.name)
		first, had := before.values[kind.name+" total"]
		last, has := after.values[kind.name+" total"]
		if had && has && elapsed > 0 {
			*kind.share = min(percent(max(last-first, 0), elapsed), 100)
		} else {
			unread(call, "this kernel does not report it", "", paths[0])
		}
		for i, field := range []*float64{kind.avg10, kind.avg60, kind.avg300} {
			value, ok := after.values[kind.name+" "+[]string{"avg10", "avg60", "avg300"}[i]]
			if !ok {
				unread(call, "this kernel does not report it", "", paths[i+1])
			}
			*field = value
		}
	}
}

func stallPaths(resource, kind string) []string {
	prefix := resource + "." + kind
	return []string{prefix + "_percent", prefix + "_avg10_percent", prefix + "_avg60_percent", prefix + "_avg300_percent"}
}
