package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"gumshoe/engine"
)

// nameValues reads the name=value arguments of a command.
func nameValues(args []string) (map[string]string, error) {
	values := make(map[string]string, len(args))
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not name=value: inputs are given as name=value, flags begin with --", arg)
		}
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("the input %s is given twice; leave one out", name)
		}
		values[name] = value
	}
	return values, nil
}

// inputErrors makes one error of what is wrong with inputs, a line each.
func inputErrors(what string, faults []*engine.InputError) error {
	if len(faults) == 0 {
		return nil
	}
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = fmt.Sprintf("input %s of %s", f.Error(), what)
		if key, message, ok := strings.Cut(f.Error(), ": "); ok {
			lines[i] = fmt.Sprintf("%s: input %s: %s", what, key, message)
		}
	}
	return fmt.Errorf("%s", strings.Join(lines, "\n"))
}

// moment reads --at; "" is no time at all.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := engine.ParseMoment(text, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("--at: %w", err)
	}
	if t.After(now) {
		return time.Time{}, fmt.Errorf("--at: %s is yet to come; say when the trouble began", text)
	}
	return t, nil
}

// hostName is the name under which this host appears in reports.
func hostName() string {
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}

// here checks that --on names this host, the only one that can be reached.
func here(on, host string) error {
	if on == "" || on == "local" || on == "localhost" || on == host {
		return nil
	}
	return fmt.Errorf("no transport reaches %s yet; only this host can be diagnosed: run gumshoe there, or leave --on out", on)
}

// positive checks a duration that a flag gave; 0 is only allowed when the flag
// was not given.
func positive(flag string, d time.Duration, given bool) error {
	if given && d <= 0 {
		return fmt.Errorf("--%s: want more than nothing, not %s", flag, d)
	}
	return nil
}
