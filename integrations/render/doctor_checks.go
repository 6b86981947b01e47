package render

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"gumshoe/engine"
)

// element is an index of a list, or a key of a map, in the path of a field.
var element = regexp.MustCompile(`\[(\d+|"([^"\\]|\\.)*")\]`)

// aboutInputs finds a fix that speaks of what a check was asked, which no
// change to the host can mend. Doctor itself makes the window short.
var aboutInputs = regexp.MustCompile(`\b(inputs?|window)\b`)

// NewDoctorCheck says how much a check could see.
//
// A field that is unread without a fix is no blind spot: there was nothing to
// measure (no read ended, so that there is no time that a read took), or
// nothing that anybody could change. Nor is one that another input opens.
func NewDoctorCheck(d *engine.Definition, o engine.Observation) DoctorCheck {
	leaves := leafPaths("", d.Out)
	c := DoctorCheck{
		Name: d.Name, Sees: SeesAll, Unread: []DoctorUnread{},
		ElapsedSeconds: o.Elapsed.Seconds(), all: len(leaves),
	}
	if o.Output == nil {
		c.Sees, c.Reason, c.fix = SeesNothing, o.Reason, o.Fix
		if aboutInputs.MatchString(o.Fix) {
			c.Sees, c.fix = NeedsInput, ""
		}
		return c
	}
	hidden, most := make(unreadPaths), 0
	for _, u := range o.Unread {
		if aboutInputs.MatchString(u.Fix) {
			u.Fix = ""
		}
		path := element.ReplaceAllString(u.Path, "[]")
		same := func(g DoctorUnread) bool { return g.Reason == u.Reason && g.Fix == u.Fix }
		i := slices.IndexFunc(c.Unread, same)
		if i < 0 {
			i = len(c.Unread)
			c.Unread = append(c.Unread, DoctorUnread{Reason: u.Reason, Fix: u.Fix})
		}
		g := &c.Unread[i]
		if !slices.Contains(g.Fields, path) {
			g.Fields = append(g.Fields, path)
		}
		if u.Fix == "" {
			continue
		}
		hidden[path] = "?"
		if c.Sees = SeesPart; len(g.Fields) > most {
			c.Reason, most = g.Reason, len(g.Fields)
		}
	}
	seen := slices.DeleteFunc(leaves, func(path string) bool { return hidden.hold(path) != "" })
	// The one field that is left says only that there is nothing to be seen.
	if c.all > 2 && len(seen) <= 1 {
		c.Sees = SeesNothing
	}
	return c
}

// leafPaths lists the fields of an output that hold values. A list is one.
func leafPaths(prefix string, s *engine.Struct) []string {
	var paths []string
	for _, f := range s.Fields {
		path := joinNonEmpty(".", prefix, f.Name)
		if f.Kind == engine.KindObject {
			paths = append(paths, leafPaths(path, f.Of)...)
		} else {
			paths = append(paths, path)
		}
	}
	return paths
}

// hiddenFields lists what a person could open, by path; several reasons can
// stand before one field.
func (c DoctorCheck) hiddenFields() []string {
	var fields []string
	for _, u := range c.Unread {
		if u.Fix != "" {
			fields = append(fields, u.Fields...)
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// DoctorFixes gives what to do to see more, each thing once, that which opens
// most first. "A, or B" and "A, or C" are one fix, A, with two other ways.
func DoctorFixes(checks []DoctorCheck, host DoctorHost) []DoctorFix {
	fixes := []DoctorFix{}
	opened := make(map[[2]string]map[string]bool) // by fix and check: its fields
	ways := make(map[[2]string]int)               // by fix and other way: how many fields
	add := func(c DoctorCheck, text string, fields []string) {
		if text == "" {
			return
		}
		head, other := cutWays(text)
		i := slices.IndexFunc(fixes, func(f DoctorFix) bool { return f.Fix == head })
		if i < 0 {
			i = len(fixes)
			fixes = append(fixes, DoctorFix{Fix: head, Or: []string{}})
		}
		f := &fixes[i]
		if other != "" && !slices.Contains(f.Or, other) {
			f.Or = append(f.Or, other)
		}
		ways[[2]string{head, other}] += len(fields)
		j := slices.IndexFunc(f.Opens, func(o DoctorOpened) bool { return o.Check == c.Name })
		if j < 0 {
			j = len(f.Opens)
			f.Opens = append(f.Opens, DoctorOpened{Check: c.Name})
			opened[[2]string{head, c.Name}] = make(map[string]bool)
		}
		known := opened[[2]string{head, c.Name}]
		for _, field := range fields {
			known[field] = true
		}
		o := &f.Opens[j]
		o.Fields = len(known)
		if fields == nil {
			o.Fields = c.all
		}
		o.All = c.Sees == SeesNothing && o.Fields >= len(c.hiddenFields())
	}
	for _, c := range checks {
		add(c, c.fix, nil)
		for _, u := range c.Unread {
			add(c, u.Fix, u.Fields)
		}
	}
	for i, f := range fixes {
		slices.SortStableFunc(f.Or, func(a, b string) int {
			return ways[[2]string{f.Fix, b}] - ways[[2]string{f.Fix, a}]
		})
		fixes[i].Note = noHelp(f, host)
	}
	slices.SortStableFunc(fixes, func(a, b DoctorFix) int {
		return cmp.Or(b.worth()-a.worth(), len(b.Opens)-len(a.Opens), strings.Compare(a.Fix, b.Fix))
	})
	return fixes
}

// cutWays cuts "A (x, or y), or B, or C" into "A (x, or y)" and "B, or C".
func cutWays(fix string) (head, other string) {
	const or = ", or "
	depth := 0
	for i, r := range fix {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case depth == 0 && strings.HasPrefix(fix[i:], or):
			return fix[:i], fix[i+len(or):]
		}
	}
	return fix, ""
}

// worth is how many fields a fix opens.
func (f DoctorFix) worth() int {
	n := 0
	for _, o := range f.Opens {
		n += o.Fields
	}
	return n
}

// capability is the name of one in a text.
var capability = regexp.MustCompile(`\bCAP_[A-Z_]+\b`)

// noHelp says why a fix that wants root, or a capability, does not help where
// gumshoe has them.
func noHelp(f DoctorFix, host DoctorHost) string {
	named := capability.FindAllString(strings.Join(append([]string{f.Fix}, f.Or...), " "), -1)
	slices.Sort(named)
	named = slices.Compact(named)
	lacks := slices.DeleteFunc(slices.Clone(named), func(c string) bool { return !slices.Contains(host.MissingCapabilities, c) })
	asks := strings.Contains(f.Fix, "as root") && host.UserID == 0
	switch {
	case asks && len(lacks) > 0:
		return "it is root already, without " + strings.Join(lacks, " and ")
	case asks, len(named) > 0 && len(lacks) == 0:
		return "it has that already: a container, a security module or the other process's namespace is in the way"
	}
	return ""
}
