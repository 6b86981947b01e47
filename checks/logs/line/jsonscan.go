package line

import (
	"bytes"
	"math/bits"
)

const (
	// maxLayout is how many members of the line before are remembered, and maxKey how
	// long a key with its quotes may be for that.
	maxLayout = 64
	maxKey    = 64
)

// jsonReader reads members of objects. Lines of one program mostly have the same keys
// in the same order: those of the line before are compared first, which is faster
// than looking for the end of a key and comparing it with all that are wanted.
type jsonReader struct {
	*selection
	layout  []member
	scratch []byte // of those who have none
}

// member is one of the line before.
type member struct {
	text   []byte // from the key's first quote to the value
	length int    // of the key
	mask   uint64 // the wants it is for
}

func (r *jsonReader) clone() reader { return &jsonReader{selection: r.selection.clone()} }

func (r *jsonReader) read(line []byte, values [][]byte, scratch *[]byte) {
	r.scan(line)
	r.fill(line, values, scratch)
}

// scan reads the members of a line until all that are needed are found.
func (r *jsonReader) scan(line []byte) {
	r.found, r.escaped = 0, 0
	at := objectStart(line)
	if at < 0 || r.need == 0 {
		return
	}
	at++
	expect := 0 // the member of the layout that should come next
	for {
		for at < len(line) && isSpace(line[at]) {
			at++
		}
		var mask uint64
		var length int
		known := false
		for skip := expect; skip < len(r.layout) && skip < expect+2; skip++ { // one may be missing
			m := &r.layout[skip]
			if end := at + len(m.text); end <= len(line) && string(line[at:end]) == string(m.text) {
				at, mask, length, known = end, m.mask, m.length, true
				expect = skip + 1
				break
			}
		}
		start := at
		if !known {
			key, next := stringAt(line, at)
			if next < 0 {
				return
			}
			at = next
			for at < len(line) && isSpace(line[at]) {
				at++
			}
			if at == len(line) || line[at] != ':' {
				return
			}
			at++
			if bytes.IndexByte(key, '\\') >= 0 {
				r.scratch = r.scratch[:0]
				key = unescape(key, &r.scratch)
			}
			mask, length = r.mask(key), len(key)
			r.remember(expect, line[start:at], length, mask)
			expect++
		}
		for at < len(line) && isSpace(line[at]) {
			at++
		}
		end := valueEnd(line, at)
		if end < 0 {
			return
		}
		if mask &^= r.found; mask != 0 {
			r.take(mask, length, line[at:end])
			if r.need&^r.found == 0 {
				return
			}
		}
		for at = end; at < len(line) && isSpace(line[at]); {
			at++
		}
		if at == len(line) || line[at] != ',' {
			return
		}
		at++
	}
}

// remember keeps a member for the next line.
func (r *jsonReader) remember(i int, text []byte, length int, mask uint64) {
	if i >= maxLayout || len(text) > maxKey {
		return
	}
	for i >= len(r.layout) {
		r.layout = append(r.layout, member{text: make([]byte, 0, maxKey)})
	}
	m := &r.layout[i]
	m.text = append(m.text[:0], text...)
	m.length, m.mask = length, mask
}

// take keeps a value for the wants of a mask.
func (r *jsonReader) take(mask uint64, length int, value []byte) {
	for ; mask != 0; mask &= mask - 1 {
		i := bits.TrailingZeros64(mask)
		inner := value
		if path := r.wants[i].key; len(path) != length {
			var ok bool
			if inner, ok = descend(value, path[length:]); !ok {
				continue
			}
		}
		if inner[0] != '"' {
			r.set(i, inner, false)
			continue
		}
		inner = inner[1 : len(inner)-1]
		r.set(i, inner, bytes.IndexByte(inner, '\\') >= 0)
	}
}

// descend finds what a path, which begins with a dot or a bracket, names within an
// object or array: the first such value.
func descend(text []byte, path string) (value []byte, ok bool) {
	if path == "" {
		return text, true
	}
	if len(text) == 0 {
		return nil, false
	}
	index := -1
	switch {
	case path[0] == '[' && text[0] == '[':
		index = 0
		i := 1
		for ; i < len(path) && isDigit(path[i]); i++ {
			index = min(index*10+int(path[i]-'0'), 1<<30)
		}
		if i == 1 || i == len(path) || path[i] != ']' {
			return nil, false
		}
		path = path[i+1:]
	case path[0] == '.' && text[0] == '{':
		path = path[1:]
	default:
		return nil, false
	}
	var scratch []byte
	for at := 1; ; {
		at = skipSpace(text, at)
		match, rest := index == 0, path
		if text[0] == '{' {
			key, next := stringAt(text, at)
			if next < 0 {
				return nil, false
			}
			if bytes.IndexByte(key, '\\') >= 0 {
				scratch = scratch[:0]
				key = unescape(key, &scratch)
			}
			if at = skipSpace(text, next); at == len(text) || text[at] != ':' {
				return nil, false
			}
			at = skipSpace(text, at+1)
			match = path == string(key) || begins(path, key)
			rest = path[min(len(key), len(path)):]
		}
		end := valueEnd(text, at)
		if end < 0 {
			return nil, false
		}
		if match {
			if value, ok := descend(text[at:end], rest); ok {
				return value, true
			}
		}
		index--
		if at = skipSpace(text, end); at == len(text) || text[at] != ',' {
			return nil, false
		}
		at++
	}
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && isSpace(text[at]) {
		at++
	}
	return at
}

// stringAt reads a string in quotes: what is between these, and where the text goes
// on; -1 when there is no string.
func stringAt(text []byte, at int) (inner []byte, next int) {
	if at >= len(text) || text[at] != '"' {
		return nil, -1
	}
	end := stringEnd(text, at)
	if end < 0 {
		return nil, -1
	}
	return text[at+1 : end-1], end
}

// stringEnd is the place behind the string whose first quote is at a place; -1 when it
// does not end.
func stringEnd(text []byte, at int) int {
	at++
	for from := at; ; {
		n := bytes.IndexByte(text[from:], '"')
		if n < 0 {
			return -1
		}
		quote := from + n
		before := quote
		for before > at && text[before-1] == '\\' {
			before--
		}
		if (quote-before)&1 == 0 { // each backslash that counts escapes the next one
			return quote + 1
		}
		from = quote + 1
	}
}

// valueEnd is the place behind the value that begins at a place; -1 when there is no
// whole one.
func valueEnd(text []byte, at int) int {
	if at >= len(text) {
		return -1
	}
	switch text[at] {
	case '"':
		return stringEnd(text, at)
	case '{', '[':
		return nestedEnd(text, at)
	case ',', '}', ']', ':':
		return -1
	}
	for end := at + 1; end < len(text); end++ {
		switch text[end] {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return end
		}
	}
	return -1 // a line that was cut off
}

// nestedEnd is the place behind an object or array.
func nestedEnd(text []byte, at int) int {
	depth := 0
	for i := at; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		case '"':
			end := stringEnd(text, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		}
	}
	return -1
}
