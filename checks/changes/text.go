package changes

import (
	"strings"
	"unicode"
)

// text makes what others wrote fit for a report: one line of at most 200 bytes,
// and no password in a URL.
func text(from string) string { return shorten(printable(withoutUserinfo(shorten(from, 4096))), 200) }

// printable replaces what would not print.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(line, "\uFFFD"))
}

// shorten cuts a text to at most so many bytes, between characters.
func shorten(line string, most int) string {
	if len(line) <= most {
		return line
	}
	return strings.ToValidUTF8(line[:most-len("…")], "") + "…"
}

// withoutUserinfo takes user and password out of each URL.
func withoutUserinfo(line string) string {
	const mark = "://"
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(line, mark)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		out.WriteString(mark)
		authority := rest
		if end := strings.IndexAny(rest, " \t/?#'\""); end >= 0 {
			authority = rest[:end]
		}
		line = rest[strings.LastIndexByte(authority, '@')+1:]
	}
}
