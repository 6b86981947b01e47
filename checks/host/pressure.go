package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gumshoe/engine"
)

// PressureInput are the inputs of host.pressure: it has none.
type PressureInput struct{}

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
	// SomeAvg10Percent is the share of the last 10 seconds in which at least one
	// task waited.
	SomeAvg10Percent float64 `json:"some_avg10_percent" expr:"some_avg10_percent"`
	// SomeAvg60Percent is the same over the last minute.
	SomeAvg60Percent float64 `json:"some_avg60_percent" expr:"some_avg60_percent"`
	// SomeAvg300Percent is the same over the last 5 minutes.
	SomeAvg300Percent float64 `json:"some_avg300_percent" expr:"some_avg300_percent"`
	// FullAvg10Percent is the share of the last 10 seconds in which every task
	// that was not idle waited, so that nothing got done. For the whole host's
	// CPU it has no meaning: it is 0, or unread before Linux 5.13.
	FullAvg10Percent float64 `json:"full_avg10_percent" expr:"full_avg10_percent"`
	// FullAvg60Percent is the same over the last minute.
	FullAvg60Percent float64 `json:"full_avg60_percent" expr:"full_avg60_percent"`
	// FullAvg300Percent is the same over the last 5 minutes.
	FullAvg300Percent float64 `json:"full_avg300_percent" expr:"full_avg300_percent"`
}

// Pressure is the check host.pressure.
//
// It reads /proc/pressure. The averages are the kernel's, so the look itself
// takes no time. Linux 4.20 or later, built with CONFIG_PSI.
//
// Example:
//
//	pressure: { check: host.pressure }
//
// By hand:
//
//	cat /proc/pressure/cpu /proc/pressure/memory /proc/pressure/io
func (s Source) Pressure() engine.Check[PressureInput, Pressure] {
	return engine.Check[PressureInput, Pressure]{
		Name:      "host.pressure",
		Doc:       "For how much of the time tasks stood still for want of CPU, memory or disk (PSI).",
		Cost:      10 * time.Millisecond,
		Risk:      engine.Read,
		Plan:      touchesNothing[PressureInput],
		Run:       s.lookPressure,
		Summarize: summarizePressure,
	}
}

func summarizePressure(o Pressure) string {
	return fmt.Sprintf("waiting in the last 10 s: cpu %.0f %%, memory %.0f %%, io %.0f %%",
		o.CPU.SomeAvg10Percent, o.Memory.SomeAvg10Percent, o.IO.SomeAvg10Percent)
}

const noPSI = "boot the kernel with psi=1 (Linux 4.20 or later, built with CONFIG_PSI)"

func (s Source) lookPressure(ctx context.Context, call *engine.Call, _ PressureInput) (Pressure, error) {
	call.Reproduce("cat", s.proc("pressure/cpu"), s.proc("pressure/memory"), s.proc("pressure/io"))
	var o Pressure
	if err := ctx.Err(); err != nil {
		return o, err
	}
	var missing error
	seen := 0
	resources := []struct {
		name  string
		stall *Stall
	}{{"cpu", &o.CPU}, {"memory", &o.Memory}, {"io", &o.IO}}
	for _, r := range resources {
		text, err := os.ReadFile(s.proc("pressure", r.name))
		if err != nil {
			missing = err
			reason, fix := whyNoPressure(err)
			unread(call, reason, fix, stallPaths(r.name, "some")...)
			unread(call, reason, fix, stallPaths(r.name, "full")...)
			continue
		}
		seen++
		r.stall.fill(call, r.name, string(text))
	}
	if seen == 0 {
		reason, fix := whyNoPressure(missing)
		return o, engine.Blind(reason, fix, missing)
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

// fill reads lines such as "some avg10=0.00 avg60=0.02 avg300=0.30 total=1".
func (p *Stall) fill(call *engine.Call, resource, text string) {
	fields := map[string]*float64{
		"some avg10": &p.SomeAvg10Percent, "some avg60": &p.SomeAvg60Percent, "some avg300": &p.SomeAvg300Percent,
		"full avg10": &p.FullAvg10Percent, "full avg60": &p.FullAvg60Percent, "full avg300": &p.FullAvg300Percent,
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(line, " ")
		for pair := range strings.FieldsSeq(rest) {
			key, digits, _ := strings.Cut(pair, "=")
			field := fields[kind+" "+key]
			if value, err := strconv.ParseFloat(digits, 64); err == nil && field != nil {
				*field = value
				seen[kind] = true
			}
		}
	}
	for _, kind := range []string{"some", "full"} {
		if !seen[kind] {
			unread(call, "this kernel does not report it", "", stallPaths(resource, kind)...)
		}
	}
}

func stallPaths(resource, kind string) []string {
	prefix := resource + "." + kind
	return []string{prefix + "_avg10_percent", prefix + "_avg60_percent", prefix + "_avg300_percent"}
}
