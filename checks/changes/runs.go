package changes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// runGap is the greatest time between two packages of one run, where the log
	// does not tell when runs began. Unpacking a large one takes a while.
	runGap = time.Minute
	// runSlack is how exactly two logs agree on a time.
	runSlack = 2 * time.Second
)

// ledger is what the logs of one family tell.
type ledger struct {
	zone *time.Location
	// oldest is how far back entries are kept.
	oldest time.Time
	// modified is when the file that is being parsed was last written: some logs
	// leave out the year.
	modified time.Time
	source   string
	runs     []packageRun
	entries  []packageEntry
	// open is the run that what follows belongs to; nil for none.
	open *packageRun
	// logged tells that there is a log.
	logged bool
	// earliest is the first time in the logs.
	earliest time.Time
}

// packageRun is a run of a package manager, as far as the log tells of runs.
type packageRun struct {
	start, end  time.Time
	command, by string
	failed      bool
	source      string
	// requested are the packages that were asked for and not pulled in by others.
	requested map[string]bool
	// entries are told by apt's history, in case dpkg's own log is missing.
	entries []packageEntry
}

// packageEntry is a line about a package.
type packageEntry struct {
	Package
	source string
	run    *packageRun
}

func (b *ledger) at(t time.Time) {
	if b.earliest.IsZero() || t.Before(b.earliest) {
		b.earliest = t
	}
}

// begin opens a run.
func (b *ledger) begin(start time.Time, command, by string) {
	b.at(start)
	b.open = &packageRun{start: start, end: start, command: text(command), by: text(by), source: b.source}
}

// entry takes a line about a package. What has no name is none.
func (b *ledger) entry(t time.Time, action, name, from, to string) {
	if name == "" {
		return
	}
	b.at(t)
	if t.Before(b.oldest) {
		return
	}
	b.entries = append(b.entries, packageEntry{
		Package: Package{Name: text(name), Action: action, From: text(from), To: text(to), Time: t},
		source:  b.source, run: b.open,
	})
}

// addRuns makes one change of all packages of a run.
func (l *look) addRuns(book *ledger) {
	book.assign()
	slices.SortStableFunc(book.entries, func(a, b packageEntry) int { return a.Time.Compare(b.Time) })
	for entries := book.entries; len(entries) > 0; {
		n := 1
		for n < len(entries) && entries[n].run == entries[0].run &&
			(entries[0].run != nil || entries[n].Time.Sub(entries[n-1].Time) <= runGap) {
			n++
		}
		l.addRun(entries[:n])
		entries = entries[n:]
	}
	for i := range book.runs {
		if run := &book.runs[i]; run.failed && run.entries == nil {
			l.add(event{Change: Change{
				Kind: "packages", Action: "changed", What: "nothing that the log tells", By: run.by, Detail: run.command,
				Failed: true, Time: run.start, Source: run.source,
			}, end: run.end})
		}
	}
}

// assign finds the run of apt to which lines of dpkg's log belong, and takes the
// packages from apt's history where dpkg's log tells nothing.
func (b *ledger) assign() {
	slices.SortStableFunc(b.runs, func(x, y packageRun) int { return x.start.Compare(y.start) })
	told := make(map[*packageRun]bool)
	for i := range b.entries {
		e := &b.entries[i]
		if e.run != nil {
			continue
		}
		after, _ := slices.BinarySearchFunc(b.runs, e.Time.Add(runSlack), func(r packageRun, t time.Time) int {
			if r.start.After(t) {
				return 1
			}
			return -1
		})
		if after > 0 && !e.Time.After(b.runs[after-1].end.Add(runSlack)) {
			e.run = &b.runs[after-1]
			told[e.run] = true
		}
	}
	for i := range b.runs {
		if run := &b.runs[i]; !told[run] {
			for _, e := range run.entries {
				e.run = run
				b.entries = append(b.entries, e)
			}
		}
	}
}

// addRun adds the packages of one run, in the order of time.
func (l *look) addRun(entries []packageEntry) {
	run := entries[0].run
	e := event{Change: Change{Kind: "packages", Time: entries[0].Time, Source: entries[0].source}, end: entries[len(entries)-1].Time}
	if run != nil {
		e.By, e.Detail, e.Failed = run.by, run.command, run.failed
		if run.start.Before(e.Time) {
			e.Time = run.start
		}
		if run.end.After(e.end) {
			e.end = run.end
		}
	}
	packages := merge(entries)
	if run != nil && run.requested != nil {
		slices.SortStableFunc(packages, func(a, b Package) int { return order(run.requested[b.Name]) - order(run.requested[a.Name]) })
	}
	e.Action, e.Count = packages[0].Action, len(packages)
	for _, p := range packages {
		if p.Action != e.Action {
			e.Action = "changed"
		}
	}
	if len(packages) == 1 {
		e.What, e.From, e.To = packages[0].Name, packages[0].From, packages[0].To
	} else {
		for _, p := range packages[:min(len(packages), maxItems)] {
			e.Items = append(e.Items, p.Name)
		}
		e.What = several(len(packages), e.Items)
	}
	l.add(e)
	for _, p := range packages {
		if p.Time = p.Time.UTC(); !p.Time.Before(l.from) && !p.Time.After(l.now) {
			l.packages = append(l.packages, p)
		}
	}
}

func several(n int, names []string) string {
	const shown = 3
	what := fmt.Sprintf("%d packages: %s", n, strings.Join(names[:min(shown, len(names))], ", "))
	if n > shown {
		what += ", …"
	}
	return text(what)
}

func order(first bool) int {
	if first {
		return 1
	}
	return 0
}

// merge makes one line of all that a run tells of a package: the version before
// and the one since stand in two lines of some logs, and removing comes before
// purging.
func merge(entries []packageEntry) []Package {
	var merged []Package
	place := make(map[string]int)
	for _, e := range entries {
		i, known := place[e.Name]
		if !known {
			place[e.Name] = len(merged)
			merged = append(merged, e.Package)
			continue
		}
		p := &merged[i]
		removed, removing := p.Action == "removed", e.Action == "removed"
		switch {
		case removed && removing:
			p.From = cmp.Or(p.From, e.From)
		case removed != removing && (p.Action == "installed" || e.Action == "installed"):
			p.From, p.To = cmp.Or(p.From, e.From), cmp.Or(p.To, e.To)
			p.Action = direction(p.From, p.To)
		default:
			p.From, p.To = cmp.Or(p.From, e.From), cmp.Or(e.To, p.To)
			if !removing {
				p.Action = e.Action
			}
		}
	}
	return merged
}

// direction names the way from one version to another.
func direction(from, to string) string {
	switch c := compareVersions(from, to); {
	case from == "":
		return "installed"
	case c > 0:
		return "downgraded"
	case c == 0:
		return "reinstalled"
	}
	return "upgraded"
}
