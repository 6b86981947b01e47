package stamp

import (
	"bytes"
)

// forms are the ways to write a time, those that say more before those that are part
// of them: what is read with the year and the zone is not read without.
//
//nolint:gochecknoglobals // never changed
var forms = []form{
	{"rfc3339", parseISO},          // RFC 3339, ISO 8601, log4j, PostgreSQL, MySQL
	{"slashes", parseSlashes},      // 2023/01/02 15:04:05: nginx's error log, package log of Go
	{"access", parseAccess},        // 10/Oct/2000:13:55:36 -0700: Common Log Format of Apache and nginx
	{"rfc1123", parseDayMonthYear}, // Mon, 02 Jan 2006 15:04:05 -0700; 12 Jan 2024 10:00:00.123 as Redis has it
	{"ctime", parseCtime},          // Sun Jan  2 15:04:05 2006: ctime(3), Apache's error log
	{"rfc3164", parseSyslog},       // Jan  2 15:04:05: RFC 3164
	{"klog", parseKlog},            // I0102 15:04:05.000000: k8s.io/klog, glog
	{"spark", parseShortSlashes},   // 17/06/09 20:10:40
	{"hdfs", parseCompact},         // 081109 203615
	{"android", parseMonthDay},     // 03-17 16:13:38.811
	{"epoch", parseEpoch},          // seconds, milli-, micro- or nanoseconds since 1970
}

// number reads n digits.
func number(text []byte, at, n int) (x int, ok bool) {
	if len(text) < at+n {
		return 0, false
	}
	for _, b := range text[at : at+n] {
		if b < '0' || b > '9' {
			return 0, false
		}
		x = x*10 + int(b-'0')
	}
	return x, true
}

// clock reads 15:04:05 and a fraction behind it, which begins with a point or a
// comma; the end is 0 when there is no time of day.
func (m *moment) clock(text []byte, at int) (end int) {
	if len(text) < at+8 || text[at+2] != ':' || text[at+5] != ':' {
		return 0
	}
	hour, ok1 := number(text, at, 2)
	minute, ok2 := number(text, at+3, 2)
	second, ok3 := number(text, at+6, 2)
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 60 {
		return 0
	}
	m.hour, m.minute, m.second = hour, minute, second
	end = at + 8
	if end < len(text) && isDigit(text[end]) {
		return 0
	}
	if end+1 >= len(text) || text[end] != '.' && text[end] != ',' || !isDigit(text[end+1]) {
		return end
	}
	end++
	scale := int64(100_000_000)
	for ; end < len(text) && isDigit(text[end]); end++ {
		m.nanos += int64(text[end]-'0') * scale
		scale /= 10
	}
	return end
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// zoneAt reads a zone: Z, +02:00, +0200, +02, UTC, GMT and UTC+02:00, with or without a
// space before it; the end is at when there is none. Other abbreviations say too
// little: CST is three zones.
func (m *moment) zoneAt(text []byte, at int) (end int) {
	start := at
	if start < len(text) && text[start] == ' ' {
		start++
	}
	rest := text[start:]
	if bytes.HasPrefix(rest, []byte("UTC")) || bytes.HasPrefix(rest, []byte("GMT")) {
		rest = rest[3:]
		switch {
		case len(rest) > 1 && (rest[0] == '+' || rest[0] == '-') && isDigit(rest[1]):
			if n := m.offsetAt(rest); n > 0 {
				return start + 3 + n
			}
			return at
		case len(rest) > 0 && isLetter(rest[0]):
			return at
		}
		m.zoned = true
		return start + 3
	}
	if len(rest) > 0 && rest[0] == 'Z' && (len(rest) == 1 || !isLetter(rest[1])) {
		m.zoned = true
		return start + 1
	}
	n := m.offsetAt(rest)
	if n == 0 || n == 3 && start > at { // " -12 items" has no zone
		m.zoned, m.offset = false, 0
		return at
	}
	end = start + n
	if bytes.HasPrefix(text[end:], []byte(" UTC")) { // as Go prints times
		end += 4
	}
	return end
}

// offsetAt reads +02:00, +0200 or +02, and gives how long it is; 0 when it is none.
func (m *moment) offsetAt(text []byte) (n int) {
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return 0
	}
	hours, ok := number(text, 1, 2)
	if !ok || hours > 14 {
		return 0
	}
	n, minutes := 3, 0
	if x, ok := number(text, 3, 2); ok && x < 60 {
		minutes, n = x, 5
	} else if len(text) > 3 && text[3] == ':' {
		if x, ok := number(text, 4, 2); ok && x < 60 {
			minutes, n = x, 6
		}
	}
	if n < len(text) && isDigit(text[n]) {
		return 0
	}
	m.zoned = true
	m.offset = hours*3600 + minutes*60
	if text[0] == '-' {
		m.offset = -m.offset
	}
	return n
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// numeric reads a date of numbers, of which the year has so many digits.
func numeric(text []byte, digits int, separator byte) (m moment, end int) {
	if len(text) < digits+15 || text[digits] != separator || text[digits+3] != separator {
		return m, 0
	}
	var ok1, ok2, ok3 bool
	m.year, ok1 = number(text, 0, digits)
	m.month, ok2 = number(text, digits+1, 2)
	m.day, ok3 = number(text, digits+4, 2)
	if gap := text[digits+6]; !ok1 || !ok2 || !ok3 || gap != ' ' && gap != 'T' && gap != 't' && gap != '_' && gap != ':' {
		return m, 0
	}
	end = m.clock(text, digits+7)
	return m, end
}

func parseISO(text []byte) (moment, int) {
	m, end := numeric(text, 4, '-')
	if end == 0 || !m.valid() {
		return m, 0
	}
	end = m.zoneAt(text, end)
	return m, end
}

func parseSlashes(text []byte) (moment, int) {
	m, end := numeric(text, 4, '/')
	if end == 0 || !m.valid() {
		return m, 0
	}
	end = m.zoneAt(text, end)
	return m, end
}

func parseShortSlashes(text []byte) (moment, int) {
	m, end := numeric(text, 2, '/')
	m.year += 2000
	if end == 0 || !m.valid() {
		return m, 0
	}
	return m, end
}

// monthAt reads the short name of a month; 0 when there is none.
func monthAt(text []byte, at int) int {
	if len(text) < at+3 {
		return 0
	}
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for month := range 12 {
		if string(text[at:at+3]) == names[3*month:3*month+3] {
			return month + 1
		}
	}
	return 0
}

func parseAccess(text []byte) (m moment, end int) {
	if len(text) < 20 || text[2] != '/' || text[6] != '/' || text[11] != ':' {
		return m, 0
	}
	var ok1, ok2 bool
	m.day, ok1 = number(text, 0, 2)
	m.month = monthAt(text, 3)
	m.year, ok2 = number(text, 7, 4)
	if end = m.clock(text, 12); !ok1 || !ok2 || end == 0 || !m.valid() {
		return m, 0
	}
	end = m.zoneAt(text, end)
	return m, end
}

// weekday gives where a text goes on behind the short name of a day.
func weekday(text []byte) int {
	if len(text) < 5 {
		return 0
	}
	switch string(text[:3]) {
	case "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat":
		at := 3
		if text[at] == ',' {
			at++
		}
		if text[at] == ' ' {
			return at + 1
		}
	}
	return 0
}

// dayAt reads a day of one or two digits, the first of which can be a space.
func dayAt(text []byte, at int) (day, end int) {
	if at < len(text) && text[at] == ' ' {
		at++
	}
	if day, ok := number(text, at, 2); ok {
		return day, at + 2
	}
	if day, ok := number(text, at, 1); ok {
		return day, at + 1
	}
	return 0, 0
}

func parseDayMonthYear(text []byte) (m moment, end int) {
	at := weekday(text)
	if m.day, at = dayAt(text, at); at == 0 || len(text) < at+18 || text[at] != ' ' && text[at] != '-' {
		return m, 0
	}
	m.month = monthAt(text, at+1)
	var ok bool
	if m.year, ok = number(text, at+5, 4); !ok || text[at+9] != ' ' {
		return m, 0
	}
	if end = m.clock(text, at+10); end == 0 || !m.valid() {
		return m, 0
	}
	end = m.zoneAt(text, end)
	return m, end
}

// monthDayClock reads "Jan  2 15:04:05".
func monthDayClock(text []byte, at int) (m moment, end int) {
	m.month = monthAt(text, at)
	if m.month == 0 || len(text) < at+4 || text[at+3] != ' ' {
		return m, 0
	}
	if m.day, end = dayAt(text, at+4); end == 0 || end >= len(text) || text[end] != ' ' || m.day < 1 || m.day > daysIn(2000, m.month) {
		return m, 0
	}
	end = m.clock(text, end+1)
	return m, end
}

func parseCtime(text []byte) (moment, int) {
	m, end := monthDayClock(text, weekday(text))
	if end == 0 || end >= len(text) || text[end] != ' ' {
		return m, 0
	}
	end = m.zoneAt(text, end)
	if end >= len(text) || text[end] != ' ' {
		return m, 0
	}
	year, ok := number(text, end+1, 4)
	if m.year = year; !ok || end+5 < len(text) && isDigit(text[end+5]) || !m.valid() {
		return m, 0
	}
	if end += 5; !m.zoned {
		end = m.zoneAt(text, end)
	}
	return m, end
}

func parseSyslog(text []byte) (moment, int) {
	m, end := monthDayClock(text, weekday(text))
	return m, end
}

func parseKlog(text []byte) (m moment, end int) {
	if len(text) < 14 || text[5] != ' ' {
		return m, 0
	}
	switch text[0] {
	case 'I', 'W', 'E', 'F', 'D':
	default:
		return m, 0
	}
	var ok1, ok2 bool
	m.month, ok1 = number(text, 1, 2)
	m.day, ok2 = number(text, 3, 2)
	if !ok1 || !ok2 || m.month < 1 || m.month > 12 || m.day < 1 || m.day > daysIn(2000, m.month) {
		return m, 0
	}
	end = m.clock(text, 6)
	return m, end
}

func parseCompact(text []byte) (m moment, end int) {
	if len(text) < 13 || text[6] != ' ' || len(text) > 13 && isDigit(text[13]) {
		return m, 0
	}
	date, ok1 := number(text, 0, 6)
	clock, ok2 := number(text, 7, 6)
	if !ok1 || !ok2 {
		return m, 0
	}
	m.year, m.month, m.day = 2000+date/10000, date/100%100, date%100
	m.hour, m.minute, m.second = clock/10000, clock/100%100, clock%100
	if !m.valid() {
		return m, 0
	}
	return m, 13
}

func parseMonthDay(text []byte) (m moment, end int) {
	if len(text) < 14 || text[2] != '-' || text[5] != ' ' {
		return m, 0
	}
	var ok1, ok2 bool
	m.month, ok1 = number(text, 0, 2)
	m.day, ok2 = number(text, 3, 2)
	if !ok1 || !ok2 || m.month < 1 || m.month > 12 || m.day < 1 || m.day > daysIn(2000, m.month) {
		return m, 0
	}
	end = m.clock(text, 6)
	return m, end
}

// The seconds since 1970 of the years 2000 and 2100, between which a number is taken
// for a time.
const (
	earliestEpoch = 946684800
	latestEpoch   = 4102444800
)

func parseEpoch(text []byte) (m moment, end int) {
	var whole int64
	for end < len(text) && isDigit(text[end]) {
		if end == 19 {
			return m, 0
		}
		whole = whole*10 + int64(text[end]-'0')
		end++
	}
	scale := int64(1e9)
	switch end {
	case 9, 10:
	case 12, 13:
		scale = 1e6
	case 15, 16:
		scale = 1e3
	case 18, 19:
		scale = 1
	default:
		return m, 0
	}
	m.epoch = true
	if seconds := whole / (1e9 / scale); seconds < earliestEpoch || seconds >= latestEpoch {
		return m, 0
	}
	m.nanos = whole * scale
	if end+1 < len(text) && text[end] == '.' && isDigit(text[end+1]) {
		for end++; end < len(text) && isDigit(text[end]); end++ {
			scale /= 10
			m.nanos += int64(text[end]-'0') * scale
		}
	}
	if end < len(text) && (isLetter(text[end]) || text[end] == '-' || text[end] == '_' || text[end] == '/') {
		return m, 0 // a part of an identifier
	}
	return m, end
}
