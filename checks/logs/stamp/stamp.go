// Package stamp reads when a log line says it was written. It finds out once how the
// lines of a log say it and where, and then reads each in some tens of nanoseconds:
// fast enough to bisect a file by time, and to put every line of a window into its
// place. What is no time is never taken for one: a month of 13 or a 31st of February
// is a line without a time.
package stamp

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Context is what lines do not say by themselves.
type Context struct {
	// Zone is that of times that name none; nil is this host's.
	Zone *time.Location
	// Modified is when the log was last written: it tells the year of times that name
	// none. Zero is now.
	Modified time.Time
}

// A Layout reads the times of the lines of one log. It does not change: several
// goroutines may use it. The zero value reads nothing.
type Layout struct {
	form  *form
	place place
	zone  *zone
	year  yearless
}

// A form is a way to write a time.
type form struct {
	name string
	// parse reads a time that the text begins with, and gives how long it is; 0 when
	// there is none.
	parse func(text []byte) (moment, int)
}

// Detect finds how the lines of a sample say their time. At least a quarter of those
// that are not empty must do so in the same way: the others may go on with a message
// of several lines. ok is false when there is no such way.
func Detect(sample [][]byte, c Context) (l Layout, ok bool) {
	type way struct {
		form  *form
		place place
	}
	votes := map[way]int{}
	order := map[way]int{}
	filled := 0
	for _, text := range sample {
		if len(text) == 0 {
			continue
		}
		filled++
		seen := map[way]bool{}
		for _, p := range places(text) {
			rest, found := p.find(text)
			if !found {
				continue
			}
			for i := range forms {
				f := &forms[i]
				if _, n := f.parse(rest); n > 0 && !seen[way{f, p}] && p.takes(f) {
					seen[way{f, p}] = true
					votes[way{f, p}]++
					if _, known := order[way{f, p}]; !known {
						order[way{f, p}] = len(order)
					}
				}
			}
		}
	}
	var best way
	for w, n := range votes {
		if n > votes[best] || n == votes[best] && order[w] < order[best] {
			best = w
		}
	}
	if votes[best] == 0 || votes[best]*4 < filled {
		return Layout{}, false
	}
	return newLayout(best.form, best.place, c), true
}

func newLayout(f *form, p place, c Context) Layout {
	if c.Modified.IsZero() {
		c.Modified = time.Now()
	}
	if c.Zone == nil {
		c.Zone = time.Local
	}
	return Layout{form: f, place: p, zone: newZone(c.Zone, c.Modified), year: yearless{c.Modified.In(c.Zone)}}
}

// Parse gives a layout by the name of its form, such as rfc3339; by a pattern of
// strptime, such as "%d/%b/%Y:%H:%M:%S %z"; or as a layout of Go, such as
// "2006-01-02 15:04:05.000". It finds the place of the time by the sample; without
// one it is where a line begins. The error says what is wrong.
func Parse(text string, sample [][]byte, c Context) (Layout, error) {
	f, err := formOf(text)
	if err != nil {
		return Layout{}, err
	}
	votes := map[place]int{{kind: atColumn}: 0}
	for _, line := range sample {
		for _, p := range places(line) {
			if rest, found := p.find(line); found {
				if _, n := f.parse(rest); n > 0 {
					votes[p]++
				}
			}
		}
	}
	best := place{kind: atColumn}
	for p, n := range votes {
		if n > votes[best] || n == votes[best] && p.before(best) {
			best = p
		}
	}
	return newLayout(f, best, c), nil
}

func formOf(text string) (*form, error) {
	for i := range forms {
		if forms[i].name == text {
			return &forms[i], nil
		}
	}
	if !strings.Contains(text, "%") && !strings.ContainsAny(text, "0123456789") {
		return nil, fmt.Errorf("%q is no time format; want one of %s, a pattern such as %%d/%%b/%%Y:%%H:%%M:%%S %%z, or a layout of Go", text, strings.Join(Names(), ", "))
	}
	return custom(text)
}

// Names lists the forms that Parse knows by name.
func Names() []string {
	names := make([]string, len(forms))
	for i, f := range forms {
		names[i] = f.name
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Time gives when a line was written, in nanoseconds since 1970. ok is false for a
// line that does not say. A local time that was there twice, because clocks were set
// back, is taken for the first: a Reader knows better.
func (l Layout) Time(text []byte) (at int64, ok bool) {
	m, end := l.find(text)
	if end == 0 {
		return 0, false
	}
	at, _ = l.nanoseconds(m)
	return at, true
}

// End gives the index behind the time in a line; 0 when there is none.
func (l Layout) End(text []byte) int {
	_, end := l.find(text)
	return end
}

func (l Layout) find(text []byte) (m moment, end int) {
	if l.form == nil {
		return m, 0
	}
	rest, found := l.place.find(text)
	if !found {
		return m, 0
	}
	m, n := l.form.parse(rest)
	if n == 0 {
		return m, 0
	}
	if m.year == 0 && !m.epoch {
		m.year = l.year.of(m)
	}
	if !m.epoch && !m.valid() {
		return m, 0
	}
	return m, len(text) - len(rest) + n
}

// Zoned says whether the time of a line names its zone. Abbreviations other than UTC
// and GMT do not: CST is three zones.
func (l Layout) Zoned(text []byte) bool {
	m, end := l.find(text)
	return end > 0 && (m.zoned || m.epoch)
}

// nanoseconds places a moment on the line of time, and says by how many nanoseconds
// later it can be.
func (l Layout) nanoseconds(m moment) (at, repeated int64) {
	if m.epoch {
		return m.nanos, 0
	}
	seconds := m.seconds()
	if m.zoned {
		return (seconds-int64(m.offset))*1e9 + m.nanos, 0
	}
	offset, again := l.zone.offset(seconds)
	return (seconds-offset)*1e9 + m.nanos, again * 1e9
}

// disorder is what part of the repeated hour lines can be out of order: a minute.
const disorder = 60

// A Reader reads the times of lines one after the other, and tells the two hours
// apart that have the same local time when clocks are set back: time does not run
// backwards by as much. It is used by one goroutine at a time.
type Reader struct {
	layout Layout
	last   int64
}

// Reader gives one that has not read a line.
func (l Layout) Reader() *Reader { return &Reader{layout: l} }

// Time is as Layout's.
func (r *Reader) Time(text []byte) (at int64, ok bool) {
	m, end := r.layout.find(text)
	if end == 0 {
		return 0, false
	}
	at, repeated := r.layout.nanoseconds(m)
	if repeated > 0 && at < r.last-repeated/disorder {
		at += repeated
	}
	r.last = at
	return at, true
}

// Name says how and where lines say their time: "rfc3339", "epoch in ts".
func (l Layout) Name() string {
	if l.form == nil {
		return "none"
	}
	if l.place.key != "" {
		return l.form.name + " in " + l.place.key
	}
	return l.form.name
}

// yearless gives times without a year the last one in which they are not later than
// a day after the log was written.
type yearless struct{ modified time.Time }

func (y yearless) of(m moment) int {
	latest := y.modified.AddDate(0, 0, 1)
	year := latest.Year()
	later := moment{
		year: year, month: int(latest.Month()), day: latest.Day(), hour: latest.Hour(), minute: latest.Minute(), second: latest.Second(),
	}
	m.year = year
	if m.seconds() > later.seconds() {
		year--
	}
	for range 8 { // the 29th of February is not in every year
		if m.day <= daysIn(year, m.month) {
			return year
		}
		year--
	}
	return year
}
