package line

import (
	"bytes"
	"strings"
)

// plain is text of any kind. Its level is a word of a line's head: what stands before
// the message proper.
type plain struct {
	habits *habits // nil when no sample was seen
}

// habits are what a sample of lines says about a log of plain text.
type habits struct {
	at      int  // the word that is the level in most lines, from 1; 0 when there is none
	letter  bool // it is one capital letter
	anyCase bool // it may be in lower case and bare
	timed   bool // lines begin with a time
	pairs   []string
}

func (g plain) name() string { return "plain" }

func (g plain) fits([]byte) bool { return true }

func (g plain) continues(line []byte) bool {
	return follows(line) || g.habits != nil && g.habits.timed && !beginsTimed(line)
}

func (g plain) level(line []byte) Level {
	l, _ := g.find(line)
	return l
}

// find gives the level, and the place behind it; 0 when there is none.
func (g plain) find(line []byte) (l Level, end int) {
	if g.habits != nil && g.habits.at > 0 && !follows(line) {
		if l, end = g.habits.level(line); l != Unknown {
			return l, end
		}
	}
	return headLevel(line)
}

// level reads the word at which the level stands in most lines.
func (h *habits) level(line []byte) (l Level, end int) {
	var w word
	for range h.at {
		if w = wordAt(line, w.end); w.end > maxHead || len(w.text) == 0 {
			return Unknown, 0
		}
	}
	if w.isGroup() {
		return w.groupLevel(), w.end
	}
	text := w.bare()
	switch {
	case h.letter && len(text) == 1 && isUpper(text[0]), h.anyCase && len(text) > 2:
		return ParseLevel(text), w.end
	case h.letter && len(text) > 2 && text[1] == '/' && isUpper(text[0]): // logcat's E/Tag(12):
		return ParseLevel(text[:1]), w.end
	}
	return upperLevel(text, bytes.HasSuffix(w.text, []byte(":"))), w.end
}

// headLevel finds the level of a line about which nothing is known: where only times,
// names and things in brackets stand before it, in capitals, in brackets, or with a
// colon behind it, so that words of the message are not taken for it.
func headLevel(line []byte) (l Level, end int) {
	if len(line) < 2 {
		return Unknown, 0
	}
	if end := klogHead(line); end > 0 {
		return ParseLevel(line[:1]), end
	}
	words, isHead := 0, false // words of a sentence, so far
	var previous word
	for n := 0; n < maxHeadWords && previous.end < min(len(line), maxHead); n++ {
		w := wordAt(line, previous.end)
		if len(w.text) == 0 {
			return Unknown, 0
		}
		if n == 0 {
			if l, end := firstLevel(line, w); end > 0 {
				return l, end
			}
			isHead = isDigit(w.text[0]) || w.isGroup() || w.isTime()
		}
		switch {
		case w.isGroup():
			if l := w.groupLevel(); l != Unknown {
				return l, w.end
			}
		case w.isTime(), w.isSeparator():
			if l := redisLevel(line, w, previous); l != Unknown {
				return l, w.end
			}
		default:
			if l := wordLevel(line, w, n, words, isHead); l != Unknown {
				return l, w.end
			}
			if n == 0 && w.text[len(w.text)-1] == ':' { // a program, which comes first
				isHead = true
			} else if !w.isNamed() {
				words++
			}
			if words > 1 || words == 1 && !isHead && !bytes.ContainsRune(w.text, '=') {
				return Unknown, 0
			}
		}
		previous = w
	}
	return Unknown, 0
}

// wordLevel reads a word that is neither in brackets nor a time: the one of an index
// from 0, behind so many words of a sentence and, in a head, behind what opens one.
func wordLevel(line []byte, w word, index, words int, isHead bool) Level {
	if l := pairLevel(w); l != Unknown {
		return l
	}
	text, colon := w.bare(), w.text[len(w.text)-1] == ':'
	if l := upperLevel(text, colon); l != Unknown && (index == 0 || isHead) {
		return l
	}
	if words > 0 || len(text) <= 2 {
		return Unknown
	}
	// In lower case: with a colon, or between tabs as zap writes it.
	before := w.end - len(w.text)
	tabs := before > 0 && line[before-1] == '\t' && w.end < len(line) && line[w.end] == '\t'
	if l := ParseLevel(text); l != Unknown && (colon && !isWeak(text, index) || tabs) {
		return l
	}
	return Unknown
}

// isWeak says whether a word with a colon may still be one of the message.
func isWeak(text []byte, n int) bool {
	for _, weak := range [...]string{"note", "log", "system", "config", "fine", "finer", "finest", "verbose"} {
		if strings.EqualFold(string(text), weak) {
			return true
		}
	}
	return n > 0 && strings.EqualFold(string(text), "fail")
}

// firstLevel reads levels that only the first word of a line has: <3> of the kernel
// and systemd, "E, [" of Ruby, ERROR:root: of Python.
func firstLevel(line []byte, w word) (l Level, end int) {
	text := w.text
	if priority, n := priorityAt(text); n > 0 {
		return syslogLevel(priority & 7), n
	}
	if len(text) == 2 && text[1] == ',' && isUpper(text[0]) && bytes.HasPrefix(line[w.end:], []byte(" [")) {
		l := ParseLevel(text[:1])
		if text[0] == 'A' {
			l = Unknown // Ruby's ANY
		}
		end = w.end
		if n := groupEnd(line[end+1:]); n > 0 { // what follows is the word itself, and " -- name:"
			end += 1 + n
			if w := wordAt(line, end); ParseLevel(w.bare()) != Unknown {
				end = w.end
			}
		}
		return l, end
	}
	if colon := bytes.IndexByte(text, ':'); colon > 2 && colon < len(text)-1 {
		if l := upperLevel(text[:colon], false); l != Unknown {
			return l, colon + 1
		}
	}
	return Unknown, 0
}

// redisLevel reads the one sign that Redis writes behind the time. A dash there may
// also be what other programs put between things.
func redisLevel(line []byte, w, previous word) Level {
	if len(w.text) != 1 || len(previous.text) < 8 || !previous.isTime() || bytes.IndexByte(previous.text, ':') < 0 {
		return Unknown
	}
	switch w.text[0] {
	case '.':
		return Debug
	case '-':
		colon := bytes.IndexByte(line[:min(len(line), 12)], ':')
		if colon > 0 && isDigits(line[:colon]) && colon+2 < len(line) && isUpper(line[colon+1]) && line[colon+2] == ' ' {
			return Debug
		}
	case '*':
		return Notice
	case '#':
		return Warning
	}
	return Unknown
}

// pairLevel reads level=error.
func pairLevel(w word) Level {
	key, value, found := bytes.Cut(w.text, []byte("="))
	if !found {
		return Unknown
	}
	switch string(key) {
	case "level", "lvl", "severity", "loglevel":
		return ParseLevel(bytes.Trim(value, `"',;`))
	}
	return Unknown
}
