package line

// syslogTimeAt is how long the time is that a text begins with; 0 when it is none of
// those that syslog daemons and journalctl write.
func syslogTimeAt(text []byte) int {
	if len(text) < 16 {
		return 0
	}
	if isCalendar(text[:3]) && text[3] == ' ' {
		return namedTimeAt(text)
	}
	if n := dateAt(text); n > 0 && text[n] == 'T' {
		if c := clockAt(text[n+1:], 1); c > 0 {
			return n + 1 + c
		}
	}
	return 0
}

// namedTimeAt is the same of a text that begins with a month or a day, and has at
// least 16 bytes.
func namedTimeAt(text []byte) int {
	if n := clockAt(text[7:], 0); n > 0 && text[6] == ' ' && isDay(text[4:6]) {
		return 7 + n // Oct 11 22:14:15, with or without .123456
	}
	// Mon 2024-01-01 00:00:00 UTC, and Mon Oct 11 22:14:15 2024 is another's.
	if n := dateAt(text[4:]); n > 0 && text[4+n] == ' ' {
		at := 4 + n + 1
		if n = clockAt(text[at:], 0); n == 0 {
			return 0
		}
		at += n
		if zone := fieldAt(text, at); len(zone.text) >= 3 && isCalendar(zone.text) {
			at = zone.end
		}
		return at
	}
	return 0
}

func isDay(text []byte) bool {
	return isDigit(text[1]) && (text[0] == ' ' || isDigit(text[0]))
}

// dateAt is the length of 2024-01-02 with something behind it; 0 when there is none.
func dateAt(text []byte) int {
	if len(text) < 11 || text[4] != '-' || text[7] != '-' ||
		!isDigits(text[:4]) || !isDigits(text[5:7]) || !isDigits(text[8:10]) {
		return 0
	}
	return 10
}

// clockAt is the length of 22:14:15 with its fraction and, where one is wanted, its
// zone, up to a space; 0 when there is none.
func clockAt(text []byte, zone int) int {
	if len(text) < 8 || text[2] != ':' || text[5] != ':' ||
		!isDigits(text[:2]) || !isDigits(text[3:5]) || !isDigits(text[6:8]) {
		return 0
	}
	n, zones := 8, 0
	for ; n < len(text) && text[n] != ' '; n++ {
		switch c := text[n]; {
		case isDigit(c), c == '.', c == ',':
		case c == ':' && zones == 1:
		case c == 'Z', c == '+', c == '-':
			zones++
		default:
			return 0
		}
	}
	if zones != zone || n == len(text) {
		return 0
	}
	return n
}
