package line

import (
	"bytes"
	"strings"
)

const (
	// maxHead is how far from a line's start its level may stand, in bytes, and
	// maxHeadWords in words; maxGroup how long something in brackets before it may be.
	maxHead      = 160
	maxHeadWords = 16
	maxGroup     = 120
)

// word is a part of a line's head: text between spaces, or what brackets enclose,
// with these.
type word struct {
	text []byte
	end  int // in the line
}

// wordAt reads the word that begins behind spaces from a place on; its text is empty
// at the end of the line.
func wordAt(line []byte, at int) word {
	for at < len(line) && isSpace(line[at]) {
		at++
	}
	start := at
	if at < len(line) && line[at] == '[' {
		if n := groupEnd(line[at:]); n > 0 {
			at += n
			// A colon behind it belongs to it.
			if at < len(line) && line[at] == ':' {
				at++
			}
			return word{line[start:at], at}
		}
	}
	for at < len(line) && !isSpace(line[at]) && line[at] != '|' {
		at++
	}
	if at == start && at < len(line) {
		at++ // a bar
	}
	return word{line[start:at], at}
}

// groupEnd is the place behind the bracket that closes the first one; 0 when there is
// none nearby.
func groupEnd(text []byte) int {
	depth := 0
	for i, c := range text[:min(len(text), maxGroup)] {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// bare is a word without what may stand around it.
func (w word) bare() []byte {
	return bytes.Trim(w.text, `[]()<>:,;|"'-`)
}

// isGroup says whether a word is in brackets.
func (w word) isGroup() bool { return len(w.text) > 2 && w.text[0] == '[' }

// groupLevel reads what brackets enclose: [error], [core:error] of Apache, [E 240102
// 15:04:05 main:12] of Tornado, and log4j's [ERROR   ].
func (w word) groupLevel() Level {
	inner := bytes.TrimSuffix(w.text, []byte(":"))
	inner = bytes.TrimSpace(inner[1 : len(inner)-1])
	if len(inner) > 2 && inner[1] == ' ' && isUpper(inner[0]) && isDigit(inner[2]) {
		return ParseLevel(inner[:1])
	}
	if colon := bytes.LastIndexByte(inner, ':'); colon >= 0 && len(inner)-colon > 3 {
		inner = inner[colon+1:]
	}
	if len(inner) == 1 && !isUpper(inner[0]) {
		return Unknown
	}
	return ParseLevel(inner)
}

// isTime says whether a word is a part of a time or a date, or a number.
func (w word) isTime() bool {
	digits := 0
	for i, c := range w.text {
		switch {
		case isDigit(c):
			digits++
		case strings.IndexByte(`:-/.,+TZ[]()`, c) >= 0:
		case c == 'A' || c == 'P': // 3:04PM
			if i+1 == len(w.text) || w.text[i+1] != 'M' {
				return false
			}
		case c == 'M' && i > 0 && (w.text[i-1] == 'A' || w.text[i-1] == 'P'):
		case digits > 0 && isLetter(c) && isDate(w.text): // [02/Jan/2024:15:04:05
			digits++
		default:
			return isCalendar(w.text)
		}
	}
	return digits > 0
}

// isDate knows dates with the name of a month: 02/Jan/2024, 02-Jan-2024.
func isDate(text []byte) bool {
	text = bytes.TrimLeft(text, "[(")
	return len(text) >= 9 && isDigit(text[0]) && isDigit(text[1]) && (text[2] == '/' || text[2] == '-') &&
		isCalendar(text[3:6])
}

// isCalendar knows the names of months, days and common time zones.
func isCalendar(text []byte) bool {
	switch string(bytes.Trim(text, ",")) {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
		"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
		"UTC", "GMT", "CET", "CEST", "EST", "EDT", "PST", "PDT", "MST", "MDT", "CST", "CDT", "AM", "PM":
		return true
	}
	return false
}

// isSeparator says whether a word has neither letters nor digits.
func (w word) isSeparator() bool {
	for _, c := range w.text {
		if isLetter(c) || isDigit(c) || c >= 0x80 || c == '[' || c == '{' || c == '"' {
			return false
		}
	}
	return true
}

// isNamed says whether a word looks like a name of a program, logger, thread or
// place in the code rather than like one of a sentence.
func (w word) isNamed() bool {
	for i, c := range w.text {
		if isDigit(c) || i+1 < len(w.text) && strings.IndexByte("._/:$#@[(=-", c) >= 0 {
			return true
		}
	}
	return w.isGroup()
}

// upperLevel reads a word in capitals that stands for itself: ERROR, WARN, INF.
// colon says that a colon follows, which more words need.
func upperLevel(text []byte, colon bool) Level {
	if len(text) < 3 {
		return Unknown
	}
	for _, c := range text {
		if isUpper(c) || isDigit(c) || c == '+' || c == '-' {
			continue
		}
		return Unknown
	}
	switch string(text) {
	case "NOTE", "SYSTEM", "FAIL":
		return Unknown
	case "LOG", "FINE", "FINER", "FINEST", "CONFIG":
		if !colon {
			return Unknown
		}
	case "DETAIL", "HINT", "STATEMENT", "CONTEXT", "QUERY", "LOCATION":
		if colon {
			return Info // PostgreSQL: it goes with the message before
		}
	}
	return ParseLevel(text)
}
