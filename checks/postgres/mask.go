package postgres

import (
	"strings"

	"gumshoe/checks/reach"
)

// maxMasked bounds how much of a query is masked; the server is asked for no more.
const maxMasked = 2000

// mask makes a query fit to be shown: ? for literals, no comments, one space between
// words, at most 200 bytes. What follows a literal with a backslash is left out:
// where it ends depends on the settings of the session.
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
			space, i = true, comment(query, i)
			continue
		case strings.HasPrefix(query[i:], "--"):
			space, i = true, after(query, i, "\n")
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		i = token(&b, query, i)
	}
	text := strings.TrimRight(b.String(), "; ")
	return reach.Printable(strings.ReplaceAll(strings.ReplaceAll(text, ", ?", ""), ",?", ""))
}

// token writes what begins at a place, and gives the place behind it.
func token(b *strings.Builder, query string, i int) int {
	c := query[i]
	switch {
	case c == '\'':
		end := quoted(query, i)
		b.WriteByte('?')
		if strings.Contains(query[i:end], `\`) {
			b.WriteString(" …")
			return len(query)
		}
		return end
	case c == '"':
		end := after(query, i+1, `"`)
		b.WriteString(query[i:end])
		return end
	case c == '$':
		if end, is := dollar(query, i); is {
			b.WriteByte('?')
			return end
		}
		start := i
		for i++; i < len(query) && digit(query[i]); i++ { // $1 stays
		}
		b.WriteString(query[start:i])
		return i
	case digit(c):
		for i < len(query) && (word(query[i]) || query[i] == '.') { // 1, 1.5, 0xff, 1e9
			i++
		}
		b.WriteByte('?')
		return i
	case word(c):
		start := i
		for i < len(query) && word(query[i]) {
			i++
		}
		if i < len(query) && query[i] == '\'' && i-start <= 2 { // E'..', B'..', U&'..'
			return i
		}
		b.WriteString(query[start:i])
		return i
	}
	b.WriteByte(c)
	return i + 1
}

// comment gives the place behind a comment, which can hold others.
func comment(query string, i int) int {
	depth := 0
	for i < len(query) {
		switch {
		case strings.HasPrefix(query[i:], "/*"):
			depth, i = depth+1, i+2
		case strings.HasPrefix(query[i:], "*/"):
			depth, i = depth-1, i+2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(query)
}

// dollar gives the place behind a text such as $tag$…$tag$.
func dollar(query string, i int) (end int, is bool) {
	stop := i + 1
	for stop < len(query) && query[stop] != '$' {
		if !word(query[stop]) || stop == i+1 && digit(query[stop]) {
			return 0, false
		}
		stop++
	}
	if stop == len(query) {
		return 0, false
	}
	return after(query, stop+1, query[i:stop+1]), true
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
	for i := at + 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '\'' && i+1 < len(text) && text[i+1] == '\'':
			i++
		case text[i] == '\'':
			return i + 1
		}
	}
	return len(text)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func word(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
