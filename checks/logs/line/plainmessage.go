package line

import "bytes"

// maxNamesSkipped bounds what is taken for names between a level and a message.
const maxNamesSkipped = 10

// message is what follows the level, or the time where there is no level, and the
// names of threads, loggers and places in the code that stand between.
func (g plain) message(line []byte, _ *[]byte) []byte {
	_, at := g.find(line)
	if at == 0 {
		at = timeEnd(line)
	}
	if at == 0 {
		return line
	}
	if at < len(line) && line[at-1] == ':' && !isSpace(line[at]) { // ERROR:root:text
		if n := bytes.IndexByte(wordAt(line, at).text, ':'); n >= 0 {
			at += n + 1
		}
	}
	if text := bytes.TrimSpace(line[skipNames(line, at):]); len(text) > 0 {
		return text
	}
	return line
}

// timeEnd is the place behind the time at the start of a line; 0 when there is none.
func timeEnd(line []byte) int {
	end := 0
	var previous word
	for n := range maxHeadWords {
		w := wordAt(line, previous.end)
		isTime := w.isTime() && (w.isDated() || n > 0 && isCalendar(previous.text))
		if n == 0 && w.isGroup() {
			isTime = bytes.ContainsAny(w.text, "0123456789")
		}
		if len(w.text) == 0 || !isTime && !isCalendar(w.text) {
			break
		}
		if !isCalendar(w.text) {
			end = w.end
		}
		previous = w
	}
	return end
}

// isDated tells a time from other numbers: it has two marks between them, as addresses
// do not, or ten digits of a count of seconds.
func (w word) isDated() bool {
	marks, digits, dots := 0, 0, 0
	for _, c := range w.text {
		switch {
		case c == ':' || c == '-' || c == '/':
			marks++
		case isDigit(c):
			digits++
		case c == '.':
			dots++
		}
	}
	return marks >= 2 || digits >= 10 && dots <= 1
}

// skipNames gives the place behind names and separators.
func skipNames(line []byte, at int) int {
	named := false
	for range maxNamesSkipped {
		w := wordAt(line, at)
		if len(w.text) == 0 {
			return at
		}
		next := wordAt(line, w.end)
		if len(next.text) == 0 {
			return at // the last word is the message
		}
		spaced := isSpace(line[w.end])
		colon := w.text[len(w.text)-1] == ':'
		switch {
		case w.isGroup():
			if !spaced && line[w.end-1] != ':' {
				return at
			}
		case len(bytes.Trim(w.text, "-|:")) == 0:
		case w.text[0] == '*' && isDigits(w.text[1:]), colon && isConnection(w.text): // nginx: 12#34: *56
		case isDigits(w.text) && string(next.text) == "---": // Spring Boot: the process
		case named:
			return at
		case colon && spaced && w.isNamed() && isLetter(w.text[0]) && !bytes.ContainsAny(w.text, `="`),
			w.isNamed() && w.end < len(line) && line[w.end] == '\t':
			named = true
		case w.isNamed() && isLetter(w.text[0]) && (string(next.text) == "-" || string(next.text) == ":"):
			named = true
		default:
			return at
		}
		at = w.end
	}
	return at
}

// isConnection knows nginx' 12#34: of a process and a thread.
func isConnection(text []byte) bool {
	process, thread, found := bytes.Cut(text[:len(text)-1], []byte("#"))
	return found && isDigits(process) && isDigits(thread)
}
