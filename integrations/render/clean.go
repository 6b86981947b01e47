package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes a text harmless and one line: whatever a terminal would obey
// (escape sequences, carriage returns, right-to-left overrides) is written out,
// as \x1b or \u202e, and so is what is not UTF-8.
func Clean(text string) string {
	if isClean(text) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && invalidAt(text, i):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteByte(' ')
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x80 && isControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case isControl(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cleanLines is Clean for each line of a longer text.
func cleanLines(text string) []string {
	lines := strings.Split(strings.TrimRight(text, "\r\n"), "\n")
	for i, line := range lines {
		lines[i] = Clean(strings.TrimRight(strings.ReplaceAll(line, "\t", "    "), "\r"))
	}
	return lines
}

func isClean(text string) bool {
	for i, r := range text {
		if isControl(r) || r == utf8.RuneError && invalidAt(text, i) {
			return false
		}
	}
	return true
}

func invalidAt(text string, i int) bool {
	_, size := utf8.DecodeRuneInString(text[i:])
	return size == 1
}

// isControl tells the characters that change how others are shown: the control
// characters, the line separators, and the invisible format characters but for
// the joiners that scripts and emoji need.
func isControl(r rune) bool {
	switch {
	case r < 0x20 || r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029':
		return true
	case r == '\u200c', r == '\u200d', r == '\u00ad':
		return false
	}
	return unicode.Is(unicode.Cf, r)
}

// width is the number of terminal columns that a clean text takes.
func width(text string) int {
	n := 0
	for _, r := range text {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is 0 for combining characters, 2 for the wide ones of East Asian
// scripts and for emoji, and otherwise 1: Unicode's annex 11 in its main blocks.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0x303e, r >= 0x3041 && r <= 0xa4cf,
		r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f,
		r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff,
		r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// fit cuts a clean text to at most columns, with "…" where something is missing.
func fit(text string, columns int) string {
	if width(text) <= columns {
		return text
	}
	n := 0
	for i, r := range text {
		if n += runeWidth(r); n > columns-1 {
			return strings.TrimRight(text[:i], " ") + "…"
		}
	}
	return text
}

// pad fills a clean text up to columns.
func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-width(text)))
}

// padLeft is pad with the text on the right.
func padLeft(text string, columns int) string {
	return strings.Repeat(" ", max(0, columns-width(text))) + text
}

// wrap breaks a clean text into lines of at most columns, between words where it
// can. It gives at least one line.
func wrap(text string, columns int) []string {
	columns = max(columns, 8)
	var lines []string
	line, n := "", 0
	for word := range strings.SplitSeq(text, " ") {
		w := width(word)
		if line != "" && n+1+w <= columns {
			line, n = line+" "+word, n+1+w
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for w > columns {
			head := cut(word, columns)
			lines = append(lines, head)
			word = word[len(head):]
			w = width(word)
		}
		line, n = word, w
	}
	return append(lines, line)
}

// cut gives the longest beginning of a text that fits in columns, at least one
// character.
func cut(text string, columns int) string {
	n := 0
	for i, r := range text {
		if n += runeWidth(r); n > columns && i > 0 {
			return text[:i]
		}
	}
	return text
}
