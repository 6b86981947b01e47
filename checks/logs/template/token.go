package template

import (
	"bytes"
	"hash/maphash"
	"strings"
)

const (
	// maxWords is how many words of a message are looked at; what follows is part
	// of no template.
	maxWords = 64
	// maxBytes is how much of a message is looked at, in bytes.
	maxBytes = 4096
	// maxQuoted is the longest text in quotes that is one value, in bytes.
	maxQuoted = 256
	// minHex is how many letters from a to f alone are an identifier.
	minHex = 8
)

// hole stands for a value in a template, as in the data sets of LogHub.
const hole = "<*>"

// What a byte can be; a word's bytes are joined by or.
const (
	isDigit  = 1 << iota
	isHex    // a letter from a to f
	isLetter // another letter, or a byte of a longer character
	isBreak  // ends a value within a word: "uid=0," has one value
	isSpace
	isSlash
	isOther
)

// classes says what each byte is.
//
//nolint:gochecknoglobals // a table that is never changed
var classes = classify()

func classify() (c [256]uint8) {
	for b := range c {
		switch {
		case '0' <= b && b <= '9':
			c[b] = isDigit
		case 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F':
			c[b] = isHex
		case 'g' <= b && b <= 'z' || 'G' <= b && b <= 'Z' || b >= 0x80:
			c[b] = isLetter
		case b <= ' ' || b == 0x7f:
			c[b] = isSpace
		case b == '/' || b == '\\':
			c[b] = isSlash
		case strings.IndexByte("=,()[]{}<>\"'`;|", byte(b)) >= 0:
			c[b] = isBreak
		default:
			c[b] = isOther
		}
	}
	return c
}

// A word is a piece of a message between spaces, its values left out.
type word struct {
	hash uint64
	// text is the word as it stands, for one without values.
	text []byte
	// masked is set for a word with values: the text with holes is made only when
	// the message is of a new form.
	masked bool
}

// A scanner cuts messages into words. It is used by one goroutine at a time.
type scanner struct {
	seed    maphash.Seed
	words   [maxWords]word
	scratch []byte
}

// scan gives the words of a message and the hash of its form, which two messages
// share that differ in their values alone. The words point into the message, and
// are good until the next call.
func (s *scanner) scan(message []byte) (words []word, form uint64) {
	message = message[:min(len(message), maxBytes)]
	n, valueAt := 0, 0
	for i := 0; n < maxWords; {
		for i < len(message) && classes[message[i]] == isSpace {
			i++
		}
		if i == len(message) {
			break
		}
		start, seen := i, uint8(0)
		for ; i < len(message); i++ {
			class := classes[message[i]]
			if class == isSpace {
				break
			}
			seen |= class
		}
		if seen&isBreak != 0 {
			i = quoted(message, start, i)
		}
		restated := false
		if seen&isDigit != 0 && classes[message[i-1]] == isDigit {
			if end := unit(message, i); end > 0 {
				restated = message[start] == '(' && message[end-1] == ')'
				if end < i+maxUnit && classes[message[end-1]] != isHex && classes[message[end-1]] != isLetter {
					seen |= isBreak
				}
				i = end
			}
		}
		hash, masked := s.hash(message[start:i], seen)
		if seen&^(isHex|isLetter) == 0 && i-start == 3 && isDate(message[start:]) {
			hash, masked = wholeHole, true
		}
		if hash == wholeHole || restated && n > 0 && s.words[n-1].hash == wholeHole {
			if n > 0 && s.words[n-1].hash == wholeHole {
				s.words[n-1].text = message[valueAt:i] // a list of values, however long
				continue
			}
			valueAt = start
		}
		s.words[n] = word{hash, message[start:i], masked}
		form = combine(form, hash)
		n++
	}
	return s.words[:n], form
}

// quoted gives where a word ends, which begins at start and has a space at end:
// behind the quotes when it is within some.
func quoted(message []byte, start, end int) int {
	for {
		open := openQuote(message[start:end])
		if open < 0 {
			return end
		}
		rest := message[end:min(len(message), end+maxQuoted)]
		closing := bytes.IndexByte(rest, '"')
		if closing < 0 || closing+1 < len(rest) && classes[rest[closing+1]]&(isDigit|isHex|isLetter) != 0 {
			return end
		}
		for end += closing + 1; end < len(message) && classes[message[end]] != isSpace; end++ {
		}
	}
}

// maxUnit is the longest unit with what stands around it, in bytes.
const maxUnit = 16

// unit gives where a message goes on behind the unit of a number that ends at end,
// and what ends a sentence or a bracket there: "18.4 KB)," has one. It gives 0 when
// there is none.
func unit(message []byte, end int) int {
	start := end
	for start < len(message) && message[start] == ' ' {
		start++
	}
	stop := start
	for stop < min(len(message), start+maxUnit) && classes[message[stop]]&(isHex|isLetter) != 0 {
		stop++
	}
	if start == end || stop == start || !isUnit(message[start:stop]) {
		return 0
	}
	for stop < len(message) && stop < start+maxUnit && strings.IndexByte(".,;:)]}", message[stop]) >= 0 {
		stop++
	}
	if stop < len(message) && classes[message[stop]] != isSpace {
		return 0
	}
	return stop
}

// isUnit knows the units of time and of amounts of data.
func isUnit(text []byte) bool {
	switch string(text) {
	case "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "msec", "msecs", "millis", "nanoseconds", "microseconds", "milliseconds",
		"m", "min", "mins", "minute", "minutes", "h", "hr", "hrs", "hour", "hours", "d", "day", "days", "week", "weeks",
		"B", "byte", "bytes", "Bytes", "kB", "KB", "MB", "GB", "TB", "PB", "kb", "mb", "gb", "KiB", "MiB", "GiB", "TiB", "percent":
		return true
	}
	return false
}

// openQuote is where a word has a quotation mark that is not closed in it, or -1.
func openQuote(text []byte) int {
	open := -1
	for i, b := range text {
		if b == '"' {
			if open < 0 {
				open = i
			} else {
				open = -1
			}
		}
	}
	return open
}

// hash gives the hash of a word without its values, and whether it has any.
func (s *scanner) hash(text []byte, seen uint8) (sum uint64, masked bool) {
	if seen&(isDigit|isSlash|isBreak|isOther) == 0 && (seen != isHex || len(text) < minHex) && !isConstant(text) {
		return maphash.Bytes(s.seed, text), false
	}
	if seen&(isBreak|isDigit) == isDigit && classes[text[0]] != isOther && classes[text[len(text)-1]] != isOther {
		return wholeHole, true
	}
	s.scratch = appendMasked(s.scratch[:0], text)
	if string(s.scratch) == hole {
		return wholeHole, true
	}
	return maphash.Bytes(s.seed, s.scratch), !bytes.Equal(s.scratch, text)
}

// isConstant knows what programming languages print for truth and for nothing.
func isConstant(text []byte) bool {
	switch string(text) {
	case "true", "false", "True", "False", "TRUE", "FALSE", "null", "NULL", "nil", "None", "NaN", "undefined":
		return true
	}
	return false
}

// wholeHole is the hash of a word that is nothing but a value.
const wholeHole = 0x5bd1e995

// isDate says whether a text begins with the short name of a day of the week or of
// a month, and goes on as a date does.
func isDate(text []byte) bool {
	if !isName(text, "SunMonTueWedThuFriSatJanFebMarAprMayJunJulAugSepOctNovDec") {
		return false
	}
	next := bytes.TrimLeft(text[3:], " ")
	return len(next) > 0 && classes[next[0]] == isDigit ||
		len(next) > 3 && next[3] == ' ' && isName(next, "JanFebMarAprMayJunJulAugSepOctNovDec")
}

// isName says whether the first three letters of a text are one of the names.
func isName(text []byte, names string) bool {
	at := strings.Index(names, string(text[:3]))
	return at >= 0 && at%3 == 0
}

// appendMasked appends a word with holes for its values.
func appendMasked(to, text []byte) []byte {
	if len(text) > 1 && (text[0] == '<' || text[0] == '>') && classes[text[1]] == isDigit {
		text = text[1:] // "<1 s" is a duration as "1 s" is
	}
	for i := 0; i < len(text); {
		if text[i] == '"' {
			if closing := bytes.IndexByte(text[i+1:], '"'); closing > 0 {
				to = appendQuoted(to, text[i+1:i+1+closing])
				i += closing + 2
				continue
			}
		}
		switch classes[text[i]] {
		case isSpace: // a number's unit
			for i++; i < len(text) && classes[text[i]]&(isBreak|isOther) == 0; i++ {
			}
			continue
		case isBreak:
			to = append(to, text[i])
			i++
			continue
		}
		end, seen := i, uint8(0)
		for end < len(text) && classes[text[end]]&(isBreak|isSpace) == 0 {
			seen |= classes[text[end]]
			end++
		}
		to = appendPart(to, text[i:end], seen)
		i = end
	}
	return to
}

// appendQuoted appends a text in quotes, which is one value but for the method of a
// request of HTTP.
func appendQuoted(to, text []byte) []byte {
	to = append(to, '"')
	method, _, found := bytes.Cut(text, []byte(" "))
	if found {
		switch string(method) {
		case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE":
			to = append(to, method...)
			to = append(to, ' ')
		}
	}
	to = append(to, hole...)
	return append(to, '"')
}

// appendPart appends a piece of a word between what breaks values. What stands
// at its ends and is neither letter nor digit belongs to the message, but for a
// number's sign.
func appendPart(to, part []byte, seen uint8) []byte {
	start, end := 0, len(part)
	for start < end && classes[part[start]] == isOther && !(isSign(part[start]) && start+1 < end && classes[part[start+1]] == isDigit) {
		start++
	}
	for end > start && classes[part[end-1]] == isOther {
		end--
	}
	if !isValue(part[start:end], seen) {
		return append(to, part...)
	}
	to = append(to, part[:start]...)
	to = append(to, hole...)
	return append(to, part[end:]...)
}

func isSign(b byte) bool { return b == '-' || b == '+' }

// isValue says whether a piece of a word is surely a value: it has a digit, or is
// a path, a name with dots, an address of the web or of mail, an identifier in
// letters from a to f, or what stands for truth or for nothing.
func isValue(part []byte, seen uint8) bool {
	switch {
	case len(part) == 0:
		return false
	case seen&isDigit != 0:
		return true
	case seen&isSlash != 0:
		return part[0] == '/' && len(part) > 1 || len(part) > 2 && part[1] == ':' && part[2] == '\\' || bytes.IndexByte(part, '.') >= 0 ||
			bytes.Contains(part, []byte("://"))
	case seen&isOther != 0:
		if at := bytes.IndexByte(part, '@'); at > 0 && bytes.IndexByte(part[at:], '.') > 1 {
			return true
		}
		// java.io.IOException is what happened, db.corp.example whom it happened to.
		return bytes.Count(part, []byte(".")) >= 2 && !bytes.Contains(part, []byte("..")) &&
			!bytes.HasSuffix(part, []byte("Exception")) && !bytes.HasSuffix(part, []byte("Error"))
	case seen == isHex && len(part) >= minHex:
		return true
	}
	return isConstant(part)
}
