package source

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// syntaxFault tells in one sentence what the library could not read, where, and
// what is likely meant. The library stops at the first such place.
func (t *tree) syntaxFault(err error) {
	var wrong *yaml.LoadError
	if !errors.As(err, &wrong) {
		t.faults.Addf(Position{File: t.file}, "not YAML: %s", err)
		return
	}
	at, ended := t.clamp(wrong.Mark)
	if tab := tabIndent(t.line(at.Line)); tab > 0 {
		at.Column = tab
		t.faults.Addf(at, "a tab indents this line; use spaces")
		return
	}
	context, _ := t.clamp(wrong.ContextMark)
	s := stumble{tree: t, at: at, ended: ended, context: context, message: wrong.Message,
		within: strings.TrimPrefix(wrong.ContextMsg, "while ")}
	at, message := s.explain()
	t.faults.Addf(at, "%s", message)
}

// clamp makes a mark a position in the file: the end of its last line, and
// true, when the mark is behind all text.
func (t *tree) clamp(mark yaml.Mark) (Position, bool) {
	last := len(t.lines)
	for last > 1 && strings.TrimSpace(t.line(last)) == "" {
		last--
	}
	if width := utf8.RuneCountInString(t.line(last)); mark.Line > last ||
		mark.Line == last && mark.Column > width {
		return Position{t.file, last, max(width, 1)}, true
	}
	return Position{t.file, max(mark.Line, 1), max(mark.Column, 1)}, false
}

// tabIndent is the column of the first tab in the indentation of a line, or 0.
func tabIndent(line string) int {
	if spaces := indentation(line); strings.HasPrefix(line[spaces:], "\t") {
		return spaces + 1
	}
	return 0
}

// stumble is the place where the library gave up.
type stumble struct {
	*tree
	at, context     Position
	ended           bool // at is the end of the file
	message, within string
}

const quoteIt = "put the value in quotes"

func (s stumble) explain() (Position, string) {
	next := s.next()
	switch s.message {
	case "mapping values are not allowed in this context":
		return s.strayColon()
	case "found character that cannot start any token", "did not find expected node content":
		if s.ended {
			return s.at, "the file ends inside { } or [ ]; close it"
		}
		return s.at, fmt.Sprintf("a value cannot start with %q; %s", next, quoteIt)
	case "did not find expected alphabetic or numeric character":
		return s.context, fmt.Sprintf("a value cannot start with %q; %s",
			firstRune(s.rest(s.context.Line, s.context.Column)), quoteIt)
	case "did not find expected ',' or '}'", "did not find expected ',' or ']'":
		return s.openFlow()
	case "did not find expected key", "did not find expected '-' indicator":
		return s.unexpected()
	case "could not find expected ':'":
		return s.noColon(s.context)
	case "found unexpected end of stream", "found unexpected document indicator":
		if s.within == "scanning a quoted scalar" {
			return s.context, fmt.Sprintf("the quote %c is never closed",
				firstRune(s.rest(s.context.Line, s.context.Column)))
		}
	case "block sequence entries are not allowed in this context":
		return s.at, `a list item ("- ") cannot stand here; start it on a line of its own, ` +
			"or put the value in quotes if it is text"
	case "found unknown escape character":
		return s.at, fmt.Sprintf(`\%c has no meaning in double quotes; use single quotes, or write \\`,
			firstRune(s.rest(s.at.Line, s.at.Column+1)))
	case "did not find expected hexadecimal number", "found invalid Unicode character escape code":
		return s.at, `an escape without its hexadecimal digits; use single quotes, or write \\`
	case "did not find expected comment or line break":
		if s.within == "scanning a block scalar" {
			return s.context, fmt.Sprintf("the text of %q starts on the next line; "+
				"put a value on this line in quotes", firstRune(s.rest(s.context.Line, s.context.Column)))
		}
	case "found a comment without preceding whitespace":
		return s.at, `put a space before "#", or the value in quotes`
	case "did not find expected <document start>":
		return s.at, "nothing can follow here; the value of the file ended before"
	case fmt.Sprintf("exceeded max depth of %d", MaxDepth):
		return s.at, fmt.Sprintf("values in values, more than %d deep", MaxDepth)
	}
	switch {
	case strings.HasPrefix(s.message, "unknown anchor"):
		return s.at, "nothing before is named &" + strings.Split(s.message, "'")[1] +
			"; a value that starts with * repeats what has that name: put it in quotes if it is text"
	case s.within == "scanning a directive", strings.HasSuffix(s.message, "before directive"),
		strings.Contains(s.message, "directive"), s.message == "found incompatible YAML document":
		return Position{s.file, s.at.Line, 1}, `a line that starts with "%" is a directive; remove it`
	case strings.Contains(s.within, "a tag"), strings.Contains(s.message, "tag"):
		return s.context, `a value that starts with "!" has a tag; ` + quoteIt
	}
	return s.at, "not YAML: " + s.message
}

// strayColon explains a ": " that cannot start a value.
func (s stumble) strayColon() (Position, string) {
	line := s.line(s.at.Line)
	before := line[:len(line)-len(s.rest(s.at.Line, s.at.Column))]
	if strings.Contains(before, ": ") {
		return s.at, `": " inside a value; ` + quoteIt
	}
	above := s.at.Line - 1
	for above > 0 && strings.TrimSpace(s.line(above)) == "" {
		above--
	}
	if above == 0 {
		return s.at, `a ":" stands where no key can be; put the text before it in quotes`
	}
	start := Position{s.file, above, indentation(s.line(above)) + 1}
	if !strings.Contains(s.line(above)+" ", ": ") {
		return s.noColon(start)
	}
	return Position{s.file, s.at.Line, indentation(line) + 1}, fmt.Sprintf(
		"this key is indented deeper than line %d, which has a value already; align it with its neighbours", above)
}

// A compiled pattern is as good as a constant; here and below.
var forgottenSpace = regexp.MustCompile(`^[\w.-]+:[^\s:/]`)

// noColon explains a line that should have been a key and a value.
func (s stumble) noColon(at Position) (Position, string) {
	line := s.rest(at.Line, at.Column)
	if len(line) > 1 && line[0] == '-' && line[1] != ' ' {
		return at, `want "key: value", or a space after the "-" of a list item`
	}
	line = strings.TrimLeft(line, "- ")
	if forgottenSpace.MatchString(line) {
		key, value, _ := strings.Cut(line, ":")
		return at, fmt.Sprintf("put a space after the colon: %s: %s", key, strings.TrimSpace(value))
	}
	return at, `want "key: value", but this line has no ": "`
}

// openFlow explains what follows a value inside { } or [ ].
func (s stumble) openFlow() (Position, string) {
	next, previous := s.next(), s.previous()
	opener := firstRune(s.rest(s.context.Line, s.context.Column))
	switch {
	case s.ended || s.at.Line > s.context.Line && next == ':':
		return s.context, fmt.Sprintf("%q is never closed", opener)
	case next == '{' && previous == '$':
		s.at.Column--
		return s.at, `inside { } and [ ] put a value with "${…}" in quotes`
	case next == ':':
		return s.at, `": " inside a value; ` + quoteIt
	case previous == '"' || previous == '\'':
		return s.at, afterQuote
	case s.at.Line > s.context.Line && strings.TrimSpace(s.before()) == "":
		return s.at, fmt.Sprintf("%q of line %d is not closed, or a comma is missing before this line",
			opener, s.context.Line)
	}
	return s.at, fmt.Sprintf("inside %q a comma is missing here, or the quotes around a value", opener)
}

const afterQuote = `text after a closing quote; write \" for a quote inside "…" and '' inside '…', ` +
	"or close the quote before"

// unexpected explains what is neither the next key of a mapping nor the next
// item of a list.
func (s stumble) unexpected() (Position, string) {
	next, before := s.next(), strings.TrimRight(s.before(), " ")
	item := strings.HasPrefix(s.rest(s.at.Line, s.at.Column)+" ", "- ")
	switch {
	case next == '}' || next == ']' || next == ',':
		return s.at, fmt.Sprintf("%q without its opener; remove it, or put the value in quotes", next)
	case before == "" && item:
		return s.at, "a list item where a key is expected; indent it below the key that it belongs to"
	case before == "" && s.message == "did not find expected '-' indicator":
		return s.at, `a key where a list item ("- …") is expected; align it with its neighbours`
	case before == "":
		return s.at, fmt.Sprintf("indented by %d, as nothing above is; align it with its neighbours",
			indentation(s.line(s.at.Line)))
	case strings.HasSuffix(before, `"`), strings.HasSuffix(before, `'`):
		return s.at, afterQuote
	case strings.HasSuffix(before, "}"), strings.HasSuffix(before, "]"):
		return s.at, fmt.Sprintf("text after %q; put the whole value in quotes", before[len(before)-1])
	}
	return s.at, `want "key: value" here`
}

func (s stumble) next() rune { return firstRune(s.rest(s.at.Line, s.at.Column)) }

// before is what stands on the line before the place.
func (s stumble) before() string {
	line := s.line(s.at.Line)
	return line[:len(line)-len(s.rest(s.at.Line, s.at.Column))]
}

// previous is the last character before the place, spaces aside.
func (s stumble) previous() rune {
	r, _ := utf8.DecodeLastRuneInString(strings.TrimRight(s.before(), " "))
	return r
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
