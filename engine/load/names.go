package load

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gumshoe/engine/expression"
	"gumshoe/engine/source"
)

// isReserved tells whether a name means something in expressions already: what
// the engine binds, the words of the language, and its functions.
func isReserved(name string) bool {
	switch name {
	case "inputs", "alert", "incident", "item", "steps",
		"and", "or", "not", "in", "let", "if", "else", "true", "false", "nil", "matches", "contains":
		return true
	}
	return slices.Contains(expression.Functions(), name)
}

var notSymbol = regexp.MustCompile(`[^a-z0-9_]+`)

// hintName offers a good name for a bad one.
func hintName(name string) string {
	good := strings.Trim(notSymbol.ReplaceAllString(strings.ToLower(name), "_"), "_")
	if len(good) > maxSymbol || !symbol.MatchString(good) || good == name {
		return ""
	}
	return ", such as " + strconv.Quote(good)
}

func lastWord(what string) string { return what[strings.LastIndexByte(what, ' ')+1:] }

// quoted is how a key stands in a message.
func quoted(key string) string { return strconv.Quote(key) }

// clip shortens what somebody wrote for a message.
func clip(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// listing joins names for a message, sorted; a long list is cut.
func listing(names []string) string {
	const most = 20
	names = slices.Sorted(slices.Values(names))
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	return strings.Join(names, ", ")
}

// shortDuration is a duration without its zero parts: 15m, not 15m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// regexpFault says what is wrong with a regular expression, in its own words.
func regexpFault(pattern string) string {
	_, err := regexp.Compile(pattern)
	if err == nil {
		return "it does not stand by itself"
	}
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}

// oneOf reads one of a few words.
func (b *builder) oneOf(node source.Node, what string, words ...string) (string, bool) {
	if node.IsZero() || !node.IsScalar() {
		_, ok := node.String(quoted(what), b.faults)
		return "", ok
	}
	word := node.Text().Value
	if !slices.Contains(words, word) {
		b.faults.Addf(node.Position(), "unknown %s %q%s (allowed: %s)", what, clip(word),
			source.DidYouMean(word, words), strings.Join(words, ", "))
		return "", false
	}
	return word, true
}

// required gives the value of a key that has to be there. When another key
// stands in its place by a slip of the pen, that alone is told.
func required(o *source.Object, node source.Node, key string) (source.Node, bool) {
	if node.Field(key).IsZero() && slipped(node, key) {
		return o.Field(key), false
	}
	return o.Required(key)
}

// slipped tells whether a mapping has a key that is nearly this one.
func slipped(node source.Node, key string) bool {
	return slices.ContainsFunc(node.Fields(), func(f source.Field) bool {
		written, _, _ := strings.Cut(f.Key.Value, ":")
		return written == key || source.Nearest(written, []string{key}) == key
	})
}
