package reach

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes a text from outside fit for one line of a terminal: at most
// 200 bytes, and nothing in it that a terminal would act on.
func Printable(text string) string {
	const most = 200
	return Clip(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar))), most)
}

// Clip cuts a text to at most so many bytes, between characters, and shows that
// it did.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// Milliseconds writes a short duration for a person.
func Milliseconds(seconds float64) string {
	if seconds < 1 {
		return fmt.Sprintf("%.1f ms", seconds*1000)
	}
	return fmt.Sprintf("%.1f s", seconds)
}
