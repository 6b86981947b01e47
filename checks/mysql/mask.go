package mysql

import (
	"strings"

	"gumshoe/checks/reach"
)

// maxMasked bounds how much of a query is masked; the server is asked for no more.
const maxMasked = 2000

// mask makes a query fit to be shown: ? for literals, no comments, one space
// between words, at most 200 bytes. A text in double quotes counts as a literal,
// though it can be a name with ANSI_QUOTES. What follows a literal with a backslash
// is left out: where it ends depends on the mode of the session.
func mask(query string) string {
	query = query[:min(len(query), maxMasked)]
	var b strings.Builder
	space := false
	for i := 0; i < len(query); {
		c := query[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			space, i = true, i+1
			continue
		case strings.HasPrefix(query[i:], "/*"):
			i = after(query, i+2, "*/")
			space = true
			continue
		case c == '#', strings.HasPrefix(query[i:], "-- "):
			i = after(query, i, "\n")
			space = true
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		switch {
		case c == '\'' || c == '"':
			end := quoted(query, i)
			b.WriteByte('?')
			if strings.Contains(query[i:end], `\`) {
				b.WriteString(" …")
				end = len(query)
			}
			i = end
		case c == '`':
			end := after(query, i+1, "`")
			b.WriteString(query[i:end])
			i = end
		case digit(c):
			for i < len(query) && (word(query[i]) || query[i] == '.') { // 1, 1.5, 0xff, 1e9
				i++
			}
			b.WriteByte('?')
		case word(c):
			start := i
			for i < len(query) && word(query[i]) {
				i++
			}
			// x'ff', b'01', n'text' and _utf8'text' are literals, with their prefix.
			if i == len(query) || query[i] != '\'' {
				b.WriteString(query[start:i])
			}
		default:
			b.WriteByte(c)
			i++
		}
	}
	return reach.Printable(strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(b.String(), ", ?", ""), ",?", "")))
}

// after gives the place behind the next end, or that of the end of the text.
func after(text string, from int, end string) int {
	if from >= len(text) {
		return len(text)
	}
	if at := strings.Index(text[from:], end); at >= 0 {
		return from + at + len(end)
	}
	return len(text)
}

// quoted gives the place behind a literal in quotes, which may have been cut.
func quoted(text string, at int) int {
	quote := text[at]
	for i := at + 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == quote && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return len(text)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func word(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}
