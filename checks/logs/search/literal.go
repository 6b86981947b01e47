package search

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// context is what has to hold at an end of a literal.
type context uint8

const (
	lineStart context = 1 << iota
	lineFinish
	boundary   // \b
	noBoundary // \B
)

// literal is bytes to be found. Where fold is 0x20 the byte is a small letter, and
// the capital does as well.
type literal struct {
	bytes, fold   []byte // of one length
	plain         bool   // nothing is folded; set by newFinder
	before, after context
}

// literals are what a part of a pattern says of each of its matches.
type literals struct {
	// set has a literal that is in the match; nil when nothing is known.
	set []literal
	// exact: the matches are just those of the set. Nothing matches an empty one.
	exact bool
}

// Bounds of a set. Beyond them, less of the pattern is made literal.
const (
	maxSet     = 128 // of alternatives
	maxProduct = 32  // of what follows each other
	maxLength  = 256
	maxFolded  = 64 // of a literal that is compared byte by byte
	maxClass   = 24 // characters of a class
)

// matchesAt tells whether the literal is at that index of a block of lines.
func (l *literal) matchesAt(block []byte, at int) bool {
	end := at + len(l.bytes)
	if at < 0 || end > len(block) {
		return false
	}
	text := block[at:end]
	if l.plain {
		return bytes.Equal(text, l.bytes) && l.fits(block, at, end)
	}
	fold := l.fold[:len(text)]
	for i, b := range l.bytes[:len(text)] {
		if text[i]|fold[i] != b {
			return false
		}
	}
	return l.fits(block, at, end)
}

// fits tells whether the contexts hold of the literal's place.
func (l *literal) fits(block []byte, at, end int) bool {
	return l.before|l.after == 0 || l.before.holds(block, at) && l.after.holds(block, end)
}

func (l *literal) isPlain() bool { return bytes.IndexByte(l.fold, 0x20) < 0 }

func (l *literal) endsInReturn() bool { return l.bytes[len(l.bytes)-1] == '\r' }

// holds tells whether a context is true before the byte at that index.
func (c context) holds(block []byte, at int) bool {
	switch {
	case c == 0:
		return true
	case c&lineStart != 0 && at > 0 && block[at-1] != '\n':
		return false
	case c&lineFinish != 0 && !endsLine(block, at):
		return false
	case c&(boundary|noBoundary) == 0:
		return true
	}
	is := (at > 0 && isWord(block[at-1])) != (at < len(block) && isWord(block[at]))
	return (c&boundary == 0 || is) && (c&noBoundary == 0 || !is)
}

func endsLine(block []byte, at int) bool {
	for at < len(block) && block[at] == '\r' {
		at++
	}
	return at == len(block) || block[at] == '\n'
}

func isWord(b byte) bool {
	return b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9' || b == '_'
}

// join puts one literal behind another; there is none when what has to hold between
// them does not.
func (l literal) join(next literal) (joined literal, possible bool) {
	between := l.after | next.before
	switch {
	case len(l.bytes) == 0:
		next.before |= l.before
		if len(next.bytes) == 0 {
			next.before |= next.after
			next.after = next.before
		}
		return next, true
	case len(next.bytes) == 0:
		l.after = between | next.after
		return l, true
	}
	if between&(lineStart|lineFinish) != 0 || !between.holds([]byte{l.bytes[len(l.bytes)-1], next.bytes[0]}, 1) {
		return literal{}, false
	}
	return literal{
		bytes: slices.Concat(l.bytes, next.bytes), fold: slices.Concat(l.fold, next.fold),
		before: l.before, after: next.after,
	}, true
}

// asWords makes literals that are exact match only between characters that are not
// of a word. Others are looked at again anyway.
func (l literals) asWords() literals {
	if !l.exact {
		return l
	}
	for i := range l.set {
		if len(l.set[i].bytes) == 0 {
			return literals{}
		}
		l.set[i] = l.set[i].asWord()
	}
	return l
}

func (l literal) asWord() literal {
	of := func(b byte) context {
		if isWord(b) {
			return boundary
		}
		return noBoundary
	}
	l.before |= of(l.bytes[0])
	l.after |= of(l.bytes[len(l.bytes)-1])
	return l
}

// covers tells whether each text with the other literal has this one: without it
// the set is the same.
func (l *literal) covers(other *literal) bool {
	if l.before|l.after != 0 {
		return false
	}
	for at := 0; at+len(l.bytes) <= len(other.bytes); at++ {
		if l.matchesAt(other.bytes, at) && foldsAs(l.fold, other.fold[at:]) {
			return true
		}
	}
	return false
}

// foldsAs tells whether a literal ignores case wherever the other does. A byte that
// is the same and folded is a small letter in both.
func foldsAs(fold, other []byte) bool {
	for i, f := range fold {
		if f == 0 && other[i] != 0 {
			return false
		}
	}
	return true
}

// product is each of some literals with each of others behind it.
func product(first, second []literal) (set []literal, ok bool) {
	if len(first) > 1 && len(second) > 1 && len(first)*len(second) > maxProduct {
		return nil, false
	}
	set = []literal{}
	for _, a := range first {
		for _, b := range second {
			joined, possible := a.join(b)
			if !possible {
				continue
			}
			n := len(joined.bytes)
			if n > maxLength || n > maxFolded && !joined.isPlain() {
				return nil, false
			}
			set = append(set, joined)
		}
	}
	return set, true
}

// withoutCovered drops the literals that are of no use beside others.
func withoutCovered(set []literal) []literal {
	kept := []literal{}
	for i := range set {
		covered := func(j int) bool {
			return j != i && set[j].covers(&set[i]) && (j < i || !set[i].covers(&set[j]))
		}
		of := false
		for j := range set {
			of = of || covered(j)
		}
		if !of {
			kept = append(kept, set[i])
		}
	}
	return kept
}

// ofRunes gives the literals of single characters, two letters that differ by case
// alone as one. It gives none when one of them is not known by its bytes: U+FFFD is
// also each byte that is not UTF-8.
func ofRunes(runes []rune) ([]literal, bool) {
	set := []literal{}
	for _, r := range runes {
		switch {
		case r == utf8.RuneError:
			return nil, false
		case r == '\n' || !utf8.ValidRune(r):
			// No line has it.
		case 'A' <= r && r <= 'Z' && slices.Contains(runes, r|0x20):
			// The small letter stands for both.
		case 'a' <= r && r <= 'z' && slices.Contains(runes, r&^0x20):
			set = append(set, literal{bytes: []byte{byte(r)}, fold: []byte{0x20}})
		default:
			b := utf8.AppendRune(nil, r)
			set = append(set, literal{bytes: b, fold: make([]byte, len(b))})
		}
	}
	return set, true
}

// orbit is a character and those that it is the same as when case is ignored.
func orbit(r rune) []rune {
	runes := []rune{r}
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		runes = append(runes, f)
	}
	return runes
}
