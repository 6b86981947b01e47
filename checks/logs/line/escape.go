package line

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescape puts the text of a string, of which the quotes are gone, into the scratch.
// The escapes are those of JSON and of Go's strconv.Quote, which logfmt uses, with
// \x of one byte; what is no escape is left as it stands.
func unescape(text []byte, scratch *[]byte) []byte {
	out := *scratch
	start := len(out)
	for i := 0; i < len(text); {
		c := text[i]
		if c != '\\' || i+1 == len(text) {
			out = append(out, c)
			i++
			continue
		}
		i += 2
		switch c = text[i-1]; c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case '"', '\\', '/', '\'':
			out = append(out, c)
		case 'u':
			r, n := unicodeAt(text[i:])
			if n == 0 {
				out = append(out, '\\', c)
			} else {
				out = utf8.AppendRune(out, r)
			}
			i += n
		case 'x':
			b, ok := hexadecimal(text[i:], 2)
			if ok {
				out = append(out, byte(b))
				i += 2
			} else {
				out = append(out, '\\', c)
			}
		default:
			out = append(out, '\\', c)
		}
	}
	*scratch = out
	return out[start:len(out):len(out)]
}

// unicodeAt reads what follows \u, with the other half of a surrogate pair, and how
// many bytes that is. Half a pair is U+FFFD, as for encoding/json.
func unicodeAt(text []byte) (r rune, n int) {
	first, ok := hexadecimal(text, 4)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 4
	}
	if len(text) >= 10 && text[4] == '\\' && text[5] == 'u' {
		if second, ok := hexadecimal(text[6:], 4); ok {
			if both := utf16.DecodeRune(first, second); both != utf8.RuneError {
				return both, 10
			}
		}
	}
	return utf8.RuneError, 4
}

// hexadecimal reads a number of so many digits.
func hexadecimal(text []byte, digits int) (value rune, ok bool) {
	if len(text) < digits {
		return 0, false
	}
	for _, c := range text[:digits] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		value = value<<4 | rune(c)
	}
	return value, true
}
