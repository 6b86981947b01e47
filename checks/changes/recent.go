package changes

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gumshoe/engine"
)

// Bounds of what is listed.
const (
	maxChanges       = 100
	maxChangesAfter  = 20
	maxPackages      = 200
	maxPackagesAfter = 40
	maxLogins        = 50
	maxLoginsAfter   = 10
	maxItems         = 20
	maxNamed         = 50 // paths and repositories in the input
)

// event is a change as a reader found it.
type event struct {
	Change
	// end is when it was over; zero when it took no time.
	end time.Time
}

// look is the state of one run of the check. Its readers fill it.
type look struct {
	Source
	in RecentInput
	// from and onset bound what counts, and onset to now is listed too. history is
	// how far back the usual rate is looked for.
	history, from, onset, now time.Time
	// zone is that of logs that name none.
	zone *time.Location

	events   []*event
	packages []Package
	logins   []Login
	// known tells since when all changes of a kind are in events.
	known map[string]time.Time
	gaps  []gap
	o     *Recent
}

// gap is something that could not be looked at.
type gap struct {
	// field is what is unread: a kind in counts, or a field of the output.
	field, reason, fix string
	// listOnly says that only the list is cut: its length is known.
	listOnly bool
}

// reader looks at one kind of source, and adds what it finds.
type reader struct {
	name string
	read func(context.Context, *look)
}

// readers lists what is read, in the order in which gaps are told.
func readers() []reader {
	return []reader{
		{"packages", readPackages},
		{"boots", readBoots},
		{"kernel", readKernel},
		{"files", readFiles},
		{"containers", readContainers},
		{"git", readRepositories},
	}
}

// count gives the place of a kind's count in the output.
func (c *Counts) count(kind string) *int {
	switch kind {
	case "packages":
		return &c.Packages
	case "configuration_files":
		return &c.ConfigurationFiles
	case "units":
		return &c.Units
	case "boots":
		return &c.Boots
	case "users":
		return &c.Users
	case "cron":
		return &c.Cron
	case "containers":
		return &c.Containers
	case "git":
		return &c.Git
	case "kernel":
		return &c.Kernel
	case "watched":
		return &c.Watched
	}
	return nil
}

func summarize(o Recent) string {
	if o.ChangesBeforeOnset == 0 {
		return "no change seen before the onset"
	}
	out := fmt.Sprintf("%d changes, %d in the last hour", o.ChangesBeforeOnset, o.SeenInLastHour)
	if o.LastChange != "" {
		before := time.Duration(o.LastChangeBeforeOnsetSeconds * float64(time.Second)).Round(time.Second)
		out += fmt.Sprintf("; last, %s before: %s", before, shorten(o.LastChange, 80))
	}
	return out
}

func (s Source) lookRecent(ctx context.Context, call *engine.Call, in RecentInput) (Recent, error) {
	call.Reproduce("find", s.path("etc"), s.path("usr/lib/systemd/system"), "-xdev", "-ctime", fmt.Sprintf("-%d", 1+int(in.Since.Hours()/24)), "-ls")
	l := &look{Source: s, in: in, now: time.Now().UTC(), known: make(map[string]time.Time), o: &Recent{
		Rates: []Rate{}, Unusual: []Rate{}, Changes: []Change{}, Packages: []Package{}, Logins: []Login{},
		Repositories: []Repository{}, PathsMissing: []string{},
	}}
	l.onset = call.Incident().Onset.UTC()
	if l.onset.IsZero() || l.onset.After(l.now) {
		l.onset = l.now
	}
	l.from = l.onset.Add(-in.Since)
	l.history = l.from.Add(-historyLength)
	l.zone = s.zone()
	for _, r := range readers() {
		if err := ctx.Err(); err != nil {
			return *l.o, err
		}
		r.read(ctx, l)
	}
	if err := ctx.Err(); err != nil {
		return *l.o, err
	}
	l.reproduce(call)
	l.attribute()
	l.rates()
	l.list()
	l.report(call)
	return *l.o, nil
}

func (l *look) reproduce(call *engine.Call) {
	seen := make(map[string]bool)
	for _, e := range l.events {
		if e.Kind != "packages" || e.Time.Before(l.from) || seen[e.Source] {
			continue
		}
		seen[e.Source] = true
		call.Reproduce("cat", e.Source)
	}
	call.Reproduce("last", "-x", "-f", l.path("var/log/wtmp"))
	for _, repository := range l.o.Repositories {
		call.Reproduce("git", "-C", repository.Path, "reflog", "--date=iso")
	}
}

// add takes a change of which a log tells, unless it is too old to matter.
func (l *look) add(e event) {
	if e.Time.Before(l.history) || e.Time.After(l.now) {
		return
	}
	if e.Items == nil {
		e.Items = []string{}
	}
	e.Time = e.Time.UTC()
	e.Count = max(1, e.Count)
	l.events = append(l.events, &e)
}

// unread notes that something could not be looked at.
func (l *look) unread(field, reason, fix string) {
	l.gaps = append(l.gaps, gap{field: field, reason: reason, fix: fix})
}

// knownSince notes from when on all changes of a kind are known; of several
// sources, the last to begin.
func (l *look) knownSince(kind string, since time.Time) {
	if at, ok := l.known[kind]; !ok || since.After(at) {
		l.known[kind] = since
	}
}

// rates fills in the comparison with what is usual.
func (l *look) rates() {
	for _, kind := range []string{"packages", "boots", "git"} {
		known, ok := l.known[kind]
		if !ok || l.blind(kind) {
			continue
		}
		var times []time.Time
		for _, e := range l.events {
			if e.Kind == kind && e.Because == "" {
				times = append(times, e.Time)
			}
		}
		r, ok := rate(kind, times, known, l.from, l.onset)
		if !ok {
			continue
		}
		l.o.Rates = append(l.o.Rates, r)
		if r.unusual() {
			l.o.Unusual = append(l.o.Unusual, r)
		}
	}
}

// blind tells whether a kind could not be looked at in full.
func (l *look) blind(kind string) bool {
	return slices.ContainsFunc(l.gaps, func(g gap) bool { return g.field == kind })
}
