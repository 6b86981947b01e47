package changes

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// afterRun is for how long after a package manager's run files still change
	// because of it: triggers, services that start.
	afterRun = time.Minute
	// afterBoot is for how long after a boot files are written because of it, such
	// as resolv.conf by DHCP.
	afterBoot = 2 * time.Minute
	// burstGap is the greatest time between two files of one burst, and leastBurst
	// the number of files that make one.
	burstGap   = 5 * time.Second
	leastBurst = 4
)

// isFile tells whether a kind is told by the times of files.
func isFile(kind string) bool {
	switch kind {
	case "packages", "boots", "containers", "git":
		return false
	}
	return true
}

// attribute puts files together that changed because of the same thing: a run of
// a package manager, a boot, or something that we do not know, which changed
// several within seconds.
func (l *look) attribute() {
	var causes, files, others []*event
	for _, e := range l.events {
		switch {
		case isFile(e.Kind) && e.Because == "":
			files = append(files, e)
			continue
		case e.Kind == "packages", e.Kind == "boots":
			causes = append(causes, e)
		}
		others = append(others, e)
	}
	slices.SortStableFunc(files, func(a, b *event) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), a.Time.Compare(b.Time), strings.Compare(a.What, b.What))
	})
	slices.SortStableFunc(causes, func(a, b *event) int { return a.Time.Compare(b.Time) })
	explained := make(map[string][]*event) // by kind and cause
	var order []string
	var rest []*event
	for _, f := range files {
		because := f.cause(causes)
		if because == "" {
			rest = append(rest, f)
			continue
		}
		f.Because = because
		key := f.Kind + "\n" + because
		if explained[key] == nil {
			order = append(order, key)
		}
		explained[key] = append(explained[key], f)
	}
	l.events = others
	for _, key := range order {
		l.events = append(l.events, together(explained[key]))
	}
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && rest[n].Kind == rest[0].Kind && rest[n].Time.Sub(rest[n-1].Time) <= burstGap {
			n++
		}
		if n >= leastBurst {
			l.events = append(l.events, together(rest[:n]))
		} else {
			l.events = append(l.events, rest[:n]...)
		}
		rest = rest[n:]
	}
}

// causesTried is how many of the causes that began before a file changed are
// considered, the last first: a run of a package manager can begin in another.
const causesTried = 4

// cause says what brought a file's change about, of causes in the order of time;
// "" when nothing did that we know.
func (e *event) cause(causes []*event) string {
	// The file system's clock is up to 10 ms late, and logs know whole seconds.
	n, _ := slices.BinarySearchFunc(causes, e.Time.Add(time.Second), func(c *event, t time.Time) int {
		if c.Time.After(t) {
			return 1
		}
		return -1
	})
	for _, c := range slices.Backward(causes[max(0, n-causesTried):n]) {
		end, slack := c.Time, afterBoot
		if c.Kind == "packages" {
			slack = afterRun
			if c.end.After(end) {
				end = c.end
			}
		}
		if e.Time.After(end.Add(slack)) {
			continue
		}
		if c.Kind == "boots" {
			return "the boot at " + c.Time.Format(time.DateTime) + " UTC"
		}
		return cmp.Or(c.Detail, c.What)
	}
	return ""
}

// together makes one change of several files of a kind.
func together(files []*event) *event {
	if len(files) == 1 {
		return files[0]
	}
	first := *files[0]
	folder := filepath.Dir(first.What)
	for _, f := range files {
		for !within(f.What, folder) {
			folder = filepath.Dir(folder)
		}
		if f.Action != first.Action {
			first.Action = "changed"
		}
		if f.Time.Before(first.Time) {
			first.Time = f.Time
		}
	}
	first.Source = folder
	slices.SortStableFunc(files, func(a, b *event) int {
		return cmp.Compare(interest(a.Action), interest(b.Action))
	})
	first.Items = []string{}
	for _, f := range files[:min(len(files), maxItems)] {
		first.Items = append(first.Items, f.What)
	}
	first.Count = len(files)
	first.What = fmt.Sprintf("%d files", len(files))
	if folder != "/" {
		first.What = text(first.What + " in " + folder)
	}
	return &first
}

// interest orders what happened to a file: what was written comes first.
func interest(action string) int {
	return slices.Index([]string{"written", "entries", "attributes"}, action)
}

func within(path, folder string) bool {
	return path == folder || folder == "/" || strings.HasPrefix(path, folder+"/")
}
