package line

// Level is how grave a message is. Greater is graver.
type Level uint8

// The levels. Critical is also what others call fatal, alert, emergency and panic.
const (
	Unknown Level = iota
	Trace
	Debug
	Info
	Notice
	Warning
	Error
	Critical
)

// String is the level's name in lower case.
func (l Level) String() string {
	switch l {
	case Trace:
		return "trace"
	case Debug:
		return "debug"
	case Info:
		return "info"
	case Notice:
		return "notice"
	case Warning:
		return "warning"
	case Error:
		return "error"
	case Critical:
		return "critical"
	default:
		return "unknown"
	}
}

// longestLevel is the longest word that is a level: informational.
const longestLevel = 13

// ParseLevel reads a word that stands for a level, in any case: names, what common
// programs make of them, and their first letters. An offset as log/slog writes it
// (WARN+2) and PostgreSQL's degrees of DEBUG are left out. It is Unknown for any other
// text, and for numbers: what these mean depends on the format.
func ParseLevel(text []byte) Level {
	if len(text) == 0 || len(text) > longestLevel+4 {
		return Unknown
	}
	var lower [longestLevel]byte
	n := 0
	for _, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c < 'a' || c > 'z' {
			break
		}
		if n == longestLevel {
			return Unknown
		}
		lower[n] = c
		n++
	}
	if rest := text[n:]; len(rest) > 0 && !isOffset(rest) {
		return Unknown
	}
	return levelOf(lower[:n])
}

// isOffset says whether a text behind a level's name refines it: +2, -4, 3.
func isOffset(rest []byte) bool {
	if rest[0] == '+' || rest[0] == '-' {
		rest = rest[1:]
	} else if len(rest) > 1 {
		return false
	}
	return len(rest) > 0 && isDigits(rest)
}

// levelOf reads a word in lower case.
func levelOf(word []byte) Level {
	switch string(word) {
	case "t", "v", "trace", "trc", "trce", "verbose", "vrb", "finest", "finer":
		return Trace
	case "d", "debug", "dbg", "dbug", "debu", "fine":
		return Debug
	case "i", "info", "inf", "information", "informational", "log", "note", "system", "config":
		return Info
	case "n", "notice", "ntc":
		return Notice
	case "w", "warn", "warning", "wrn":
		return Warning
	case "e", "err", "error", "eror", "fail", "severe":
		return Error
	case "c", "f", "crit", "crt", "critical", "fatal", "ftl", "fata", "alert", "emerg", "emergency", "panic", "pnc", "dpanic":
		return Critical
	}
	return Unknown
}

// syslogLevel is the level of a severity of RFC 5424, 0 to 7.
func syslogLevel(severity int) Level {
	switch severity {
	case 0, 1, 2:
		return Critical
	case 3:
		return Error
	case 4:
		return Warning
	case 5:
		return Notice
	case 6:
		return Info
	case 7:
		return Debug
	}
	return Unknown
}

// numberedLevel is the level of pino and bunyan: 10 (trace) to 60 (fatal).
func numberedLevel(text []byte) Level {
	if len(text) == 2 && text[1] == '0' {
		switch text[0] {
		case '1':
			return Trace
		case '2':
			return Debug
		case '3':
			return Info
		case '4':
			return Warning
		case '5':
			return Error
		case '6':
			return Critical
		}
	}
	return Unknown
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func isLetter(c byte) bool { return isUpper(c) || 'a' <= c && c <= 'z' }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isDigits(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) {
			return false
		}
	}
	return len(text) > 0
}
