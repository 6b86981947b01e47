package source

import "time"

// The expecting methods give the node as the type that is wanted there. When it
// is of another kind they add a fault with its place and the likely fix, and
// give false. They also give false, without a fault, for an absent node and for
// one that was reported when the file was read. What names the value in the
// message, as in `title must be a string, not a list`.

// String gives a string. A number, true or false is refused unless in quotes,
// as YAML would not keep it as it is written.
func (n Node) String(what string, f *Faults) (Text, bool) { panic("not yet") }

// Bool gives true or false.
func (n Node) Bool(what string, f *Faults) (bool, bool) { panic("not yet") }

// Int gives a whole number.
func (n Node) Int(what string, f *Faults) (int64, bool) { panic("not yet") }

// Float gives a finite number.
func (n Node) Float(what string, f *Faults) (float64, bool) { panic("not yet") }

// Duration gives a duration; see ParseDuration for how it is written.
func (n Node) Duration(what string, f *Faults) (time.Duration, bool) { panic("not yet") }

// Strings gives a list of strings, or one string as a list of one.
func (n Node) Strings(what string, f *Faults) ([]Text, bool) { panic("not yet") }

// Mapping gives the fields of a mapping, in the order of the file.
func (n Node) Mapping(what string, f *Faults) ([]Field, bool) { panic("not yet") }

// List gives the values of a list.
func (n Node) List(what string, f *Faults) ([]Node, bool) { panic("not yet") }

// ParseDuration reads a duration as people write it in a runbook, a case or on
// the command line: one or more numbers with their units, as in 15m, 1.5s, 2d
// or 1h30m. The units are ns, us, ms, s, m, h, d (24 hours) and w (7 days). A
// duration is never negative and has always a unit.
func ParseDuration(s string) (time.Duration, error) { panic("not yet") }
