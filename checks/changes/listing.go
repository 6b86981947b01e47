package changes

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gumshoe/engine"
)

// list counts the changes and puts them into the output, from the onset outwards.
func (l *look) list() {
	events := slices.DeleteFunc(l.events, func(e *event) bool { return e.Time.Before(l.from) })
	slices.SortStableFunc(events, func(a, b *event) int {
		return l.outwards(a.Time, b.Time)
	})
	var changes []Change
	for _, e := range events {
		e.BeforeOnsetSeconds, e.AfterOnsetSeconds = l.distance(e.Time)
		changes = append(changes, e.Change)
		l.tally(e.Change)
	}
	slices.SortStableFunc(l.packages, func(a, b Package) int { return l.outwards(a.Time, b.Time) })
	names := make(map[string]bool)
	for i := range l.packages {
		p := &l.packages[i]
		p.BeforeOnsetSeconds, p.AfterOnsetSeconds = l.distance(p.Time)
		if !p.Time.After(l.onset) {
			names[p.Name] = true
		}
	}
	l.o.PackagesChanged = len(names)
	slices.SortStableFunc(l.logins, func(a, b Login) int { return l.outwards(a.Time, b.Time) })
	for i := range l.logins {
		l.logins[i].BeforeOnsetSeconds, l.logins[i].AfterOnsetSeconds = l.distance(l.logins[i].Time)
	}
	var more bool
	if l.o.Changes, more = nearest(changes, maxChanges, maxChangesAfter, func(c Change) bool { return c.Time.After(l.onset) }); more {
		l.unread("changes", fmt.Sprintf("%d changes are too many to list: the nearest %d are", len(changes), len(l.o.Changes)), "give a shorter time as since")
	}
	if l.o.Packages, more = nearest(l.packages, maxPackages, maxPackagesAfter, func(p Package) bool { return p.Time.After(l.onset) }); more {
		// They are counted all the same.
		l.gaps = append(l.gaps, gap{
			field: "packages", reason: fmt.Sprintf("%d packages are too many to list: the nearest %d are", len(l.packages), len(l.o.Packages)),
			fix: "give a shorter time as since", listOnly: true,
		})
	}
	if l.o.Logins, more = nearest(l.logins, maxLogins, maxLoginsAfter, func(g Login) bool { return g.Time.After(l.onset) }); more {
		l.unread("logins", fmt.Sprintf("%d logins are too many to list: the nearest %d are", len(l.logins), len(l.o.Logins)), "give a shorter time as since")
	}
}

// outwards compares two times: those up to the onset first, from there on back,
// then those after it, from there on forth.
func (l *look) outwards(a, b time.Time) int {
	switch after, bAfter := a.After(l.onset), b.After(l.onset); {
	case !after && !bAfter:
		return b.Compare(a)
	case after && bAfter:
		return a.Compare(b)
	case after:
		return 1
	}
	return -1
}

// nearest cuts a list in outward order to so many elements, of which only some
// may be after the onset, and says whether it did.
func nearest[T any](list []T, most, mostAfter int, after func(T) bool) (kept []T, cut bool) {
	first := slices.IndexFunc(list, after)
	if first < 0 {
		first = len(list)
	}
	late := list[first:]
	late = late[:min(len(late), max(mostAfter, most-first))]
	early := list[:min(first, most-len(late))]
	return append(append([]T{}, early...), late...), len(early)+len(late) < len(list)
}

func (l *look) distance(t time.Time) (before, after float64) {
	return max(0, l.onset.Sub(t).Seconds()), max(0, t.Sub(l.onset).Seconds())
}

// tally counts a change, in outward order.
func (l *look) tally(c Change) {
	switch {
	case c.Because != "":
	case c.Time.After(l.onset):
		l.o.ChangesAfterOnset++
	default:
		*l.o.Counts.count(c.Kind)++
		l.o.ChangesBeforeOnset++
		if l.o.ChangesBeforeOnset == 1 {
			l.o.LastChange, l.o.LastChangeBeforeOnsetSeconds = c.line(), c.BeforeOnsetSeconds
		}
		if c.BeforeOnsetSeconds <= time.Hour.Seconds() {
			l.o.SeenInLastHour++
			l.o.InLastHour++
		}
	}
}

// line says what a change was.
func (c Change) line() string {
	var out string
	switch c.Kind {
	case "boots":
		if out = "boot"; c.Action == "crashed" {
			out = "boot after a crash"
		}
	case "git":
		out = c.Action + " in " + c.What
	case "containers":
		out = "container " + c.What + " " + c.Action
	default:
		out = c.What + " " + c.Action
	}
	if c.From != "" && c.To != "" {
		out += " from " + c.From + " to " + c.To
	}
	if c.Failed {
		out += " with errors"
	}
	return shorten(out, 200)
}

// maxGaps is how many reasons are told of why one field is unread.
const maxGaps = 5

// report tells the call what is unread. What is put together of all kinds is,
// when one of them is.
func (l *look) report(call *engine.Call) {
	if l.o.LastChange == "" {
		for _, field := range []string{"last_change", "last_change_before_onset_seconds"} {
			l.unread(field, "no change was seen in the window", "give a longer time as since")
		}
	}
	told, hidden := make(map[string]int), 0
	var first gap
	for _, g := range l.gaps {
		kind := l.o.Counts.count(g.field) != nil && !g.listOnly
		if kind {
			hidden++
			if hidden == 1 {
				first = g
			}
		}
		told[g.field]++
		if told[g.field] > maxGaps {
			continue
		}
		if !kind {
			call.Unread(g.field, g.reason, g.fix)
			continue
		}
		call.Unread("counts."+g.field, g.reason, g.fix)
		if g.field == "packages" {
			call.Unread("packages", g.reason, g.fix)
			call.Unread("packages_changed", g.reason, g.fix)
		}
	}
	if hidden == 0 {
		return
	}
	reason := strings.ReplaceAll(first.field, "_", " ") + ": " + first.reason
	if hidden > 1 {
		reason += fmt.Sprintf(" (and %d more reasons, see counts)", hidden-1)
	}
	for _, field := range []string{
		"changes_before_onset", "in_last_hour", "changes_after_onset", "last_change", "last_change_before_onset_seconds", "changes",
	} {
		call.Unread(field, reason, first.fix)
	}
}
