package stamp

import (
	"math"
	"time"
)

// A moment is a time as it is written.
type moment struct {
	year, month, day     int // a year of 0 is not said
	hour, minute, second int
	nanos                int64
	offset               int // of its zone, in seconds east of Greenwich
	zoned                bool
	epoch                bool // nanos is all there is: since 1970
}

func (m moment) valid() bool {
	return m.year >= 1970 && m.year < 2262 && m.month >= 1 && m.month <= 12 && m.day >= 1 && m.day <= daysIn(m.year, m.month) &&
		m.hour <= 23 && m.minute <= 59 && m.second <= 60
}

// daysIn gives the days of a month.
func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// seconds gives those since 1970 as if it were in UTC. A leap second is the one
// before it.
func (m moment) seconds() int64 {
	return days(m.year, m.month, m.day)*86400 + int64(m.hour)*3600 + int64(m.minute)*60 + int64(min(m.second, 59))
}

// days gives those since 1970, by Howard Hinnant's days_from_civil
// (howardhinnant.github.io/date_algorithms.html), for years from 0 on.
func days(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	ofEra := year - era*400
	ofYear := (153*(month-3)+2)/5 + day - 1
	return int64(era*146097+ofEra*365+ofEra/4-ofEra/100+ofYear) - 719468
}

// A zone tells how far local time is ahead. It remembers the last years of a log, of
// which most of its lines are.
type zone struct {
	location *time.Location
	// spans of local time, the latest first, by when each begins.
	spans []span
}

// A span of local time, all in seconds. The last so many before it are there twice,
// repeated: clocks were set back by as much.
type span struct{ from, offset, repeated int64 }

// newZone remembers the changes of two years before a time, and of the next days.
func newZone(location *time.Location, modified time.Time) *zone {
	z := &zone{location: location}
	oldest := modified.AddDate(-2, 0, 0)
	for t := modified.AddDate(0, 0, 2).In(location); ; {
		s, start := spanOf(t)
		if start.IsZero() || start.Before(oldest) {
			// What is older is worked out each time.
			z.spans = append(z.spans, span{oldest.Unix() + s.offset, s.offset, 0})
			return z
		}
		z.spans = append(z.spans, s)
		t = start.Add(-1)
	}
}

// spanOf gives the span of local time that a time is in, and when it began. In the
// hour that is there twice the time before the change holds; one that is left out is
// read as if the clock had not been changed yet.
func spanOf(t time.Time) (s span, start time.Time) {
	_, offset := t.Zone()
	if start, _ = t.ZoneBounds(); start.IsZero() {
		return span{math.MinInt64, int64(offset), 0}, start
	}
	_, before := start.Add(-1).Zone()
	return span{start.Unix() + int64(max(offset, before)), int64(offset), max(int64(before-offset), 0)}, start
}

// offset gives by how much local time is ahead, at a local time; and by how much the
// time can be later than that says, in the hour that is there twice. All is in seconds.
func (z *zone) offset(local int64) (offset, repeated int64) {
	for i, s := range z.spans {
		if local >= s.from {
			return s.offset, z.before(i, local)
		}
	}
	// No zone is a day ahead, and none changes twice in two days.
	s, start := spanOf(time.Unix(local+86400, 0).In(z.location))
	if local >= s.from {
		return s.offset, 0
	}
	earlier, _ := spanOf(start.Add(-1))
	if local >= s.from-s.repeated {
		repeated = s.repeated
	}
	return earlier.offset, repeated
}

// before gives by how much a local time of a span is repeated by the next one.
func (z *zone) before(i int, local int64) int64 {
	if i > 0 && local >= z.spans[i-1].from-z.spans[i-1].repeated {
		return z.spans[i-1].repeated
	}
	return 0
}
