package source

import (
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file that somebody wrote. Line and Column count from
// 1; both are 0 when only the file is known. Columns count characters.
type Position struct {
	File         string
	Line, Column int
}

// String is "file:line:column", or "file" when the line is not known.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Text is a scalar with its place: what was written, and where its first
// character stands. Exact is false when the place of later characters cannot be
// worked out from it (block scalars, escapes in quotes).
type Text struct {
	Value string
	Position
	Exact bool
}

// At is the place of the offset-th character (from 0) of the text's own line
// line (from 1). It is the text's start when the text is not Exact.
func (t Text) At(line, offset int) Position {
	p := t.Position
	if !t.Exact || line != 1 {
		return p
	}
	p.Column += offset
	return p
}

// Severity tells a fault from a warning.
type Severity uint8

// A Fault makes its file unusable; a Warning does not.
const (
	Wrong Severity = iota
	Warning
)

// Fault is one thing that is wrong with something a user wrote: where, what,
// and in the same sentence the likely fix.
type Fault struct {
	Position
	Severity Severity
	Message  string
}

// Error is "file:line:column: message", with "warning: " before the message of
// a Warning.
func (f Fault) Error() string {
	message := f.Message
	if f.Severity == Warning {
		message = "warning: " + message
	}
	if place := f.Position.String(); place != "" {
		return place + ": " + message
	}
	return message
}

// Faults collects everything that is wrong with a set of files, so that all of
// it is reported at once. The zero value is ready to use. It is an error only
// through Err.
type Faults []Fault

// Addf adds a fault at a place.
func (f *Faults) Addf(at Position, format string, args ...any) {
	*f = append(*f, Fault{Position: at, Message: fmt.Sprintf(format, args...)})
}

// Warnf adds a warning at a place.
func (f *Faults) Warnf(at Position, format string, args ...any) {
	*f = append(*f, Fault{Position: at, Severity: Warning, Message: fmt.Sprintf(format, args...)})
}

// Sorted gives the faults by file, line, column and message, each once.
func (f Faults) Sorted() Faults {
	sorted := slices.Clone(f)
	slices.SortStableFunc(sorted, func(a, b Fault) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if c := a.Line - b.Line; c != 0 {
			return c
		}
		if c := a.Column - b.Column; c != 0 {
			return c
		}
		return strings.Compare(a.Message, b.Message)
	})
	return slices.Compact(sorted)
}

// Warnings gives only the warnings, sorted.
func (f Faults) Warnings() Faults { return f.only(Warning) }

// Wrong gives only what makes the files unusable, sorted.
func (f Faults) Wrong() Faults { return f.only(Wrong) }

func (f Faults) only(s Severity) Faults {
	var kept Faults
	for _, fault := range f.Sorted() {
		if fault.Severity == s {
			kept = append(kept, fault)
		}
	}
	return kept
}

// Err is nil when there is nothing but warnings, and otherwise an error of type
// *Invalid that lists every fault.
func (f Faults) Err() error {
	if wrong := f.Wrong(); len(wrong) > 0 {
		return &Invalid{Faults: wrong}
	}
	return nil
}

// Invalid is the error of files that cannot be used; it lists every fault,
// sorted, one a line.
type Invalid struct{ Faults Faults }

func (e *Invalid) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}
