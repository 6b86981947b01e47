package search

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Error is what is wrong with a pattern.
type Error struct {
	Column int    // where the fault begins, 1-based, in characters
	Found  string // the part of the pattern that is at fault
	Reason string // what is wrong, and what to write instead
}

func (e *Error) Error() string {
	return fmt.Sprintf("column %d: %q: %s", e.Column, e.Found, e.Reason)
}

// parse gives the tree of a pattern. Newlines are refused: a pattern with one, such
// as a stack trace that was pasted, would match nothing and look like good news.
func parse(text string, o Options) (*syntax.Regexp, error) {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return nil, faultAt(text, i, "\n", "a match never spans lines: search for one line, or for either as a|b")
	}
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
			return nil, faultAt(text, i, text[i:i+1], "not UTF-8: write . for that character")
		}
	}
	flags := syntax.Perl
	if o.Fixed {
		flags |= syntax.Literal
	}
	if o.IgnoreCase {
		flags |= syntax.FoldCase
	}
	tree, err := syntax.Parse(text, flags)
	if err != nil {
		return nil, fault(text, err)
	}
	return tree, nil
}

// source writes the pattern so that package regexp reads it with the options in it.
// One more character on either side of a word is matched, as there are no
// lookarounds: of a line it matters only whether there is a match.
func source(text string, tree *syntax.Regexp, o Options) string {
	before, after := "", ""
	if o.Word {
		before, after = `(?:^|\W)(?:`, `)(?:\W|$)`
	}
	if o.Word && strings.Contains(text, `\Q`) && !o.Fixed {
		return before + tree.String() + after // \Q may be open, and would quote what is behind
	}
	if o.IgnoreCase {
		before += "(?i)"
	}
	if o.Fixed {
		text = regexp.QuoteMeta(text)
	}
	return before + text + after
}

// fault makes an *Error of one of package syntax.
func fault(text string, err error) *Error {
	var of *syntax.Error
	if !errors.As(err, &of) {
		return faultAt(text, 0, text, err.Error())
	}
	at, found := locate(text, of)
	return faultAt(text, at, found, of.Code.String()+hint(of.Code, found))
}

func faultAt(text string, at int, found, reason string) *Error {
	return &Error{Column: utf8.RuneCountInString(text[:at]) + 1, Found: found, Reason: reason}
}

// locate finds where the expression at fault stands: that place of several which ends
// the shortest part of the pattern with that fault.
func locate(text string, of *syntax.Error) (at int, found string) {
	const most = 100 // patterns are short; a longer one gets its first place
	switch of.Code { //nolint:exhaustive // the others have the place in their text
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen:
		if i, ok := unmatched(text); ok {
			return i, text[i:]
		}
	case syntax.ErrTrailingBackslash:
		return len(text) - 1, `\`
	}
	first := strings.Index(text, of.Expr)
	if of.Expr == "" || first < 0 {
		return 0, text
	}
	for i, n := first, 0; n < most; n++ {
		end := i + len(of.Expr)
		_, err := syntax.Parse(text[:end], syntax.Perl)
		var here *syntax.Error
		if errors.As(err, &here) && here.Code == of.Code && here.Expr == of.Expr {
			return i, of.Expr
		}
		next := strings.Index(text[i+1:], of.Expr)
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return first, of.Expr
}

// unmatched is the first ) that closes nothing, or else the last ( that nothing
// closes.
func unmatched(text string) (at int, ok bool) {
	var opened []int
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '[':
			i = classEnd(text, i)
		case '(':
			opened = append(opened, i)
		case ')':
			if len(opened) == 0 {
				return i, true
			}
			opened = opened[:len(opened)-1]
		}
	}
	if len(opened) == 0 {
		return 0, false
	}
	return opened[len(opened)-1], true
}

// classEnd is the index of the ] that closes the class which opens at i.
func classEnd(text string, i int) int {
	first := i + 1
	if strings.HasPrefix(text[first:], "^") {
		first++
	}
	for j := first; j < len(text); j++ {
		switch {
		case text[j] == '\\':
			j++
		case strings.HasPrefix(text[j:], "[:"):
			if n := strings.Index(text[j:], ":]"); n >= 0 {
				j += n + 1
			}
		case text[j] == ']' && j > first:
			return j
		}
	}
	return len(text)
}

// hint says what to write instead.
func hint(code syntax.ErrorCode, found string) string {
	switch code { //nolint:exhaustive // there is no more to say of the others
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen:
		return `: close it, or write \( and \) for parentheses of the text`
	case syntax.ErrMissingBracket:
		return `: close it, or write \[ for a bracket of the text`
	case syntax.ErrMissingRepeatArgument, syntax.ErrInvalidRepeatOp:
		return `: write \` + found[:1] + ` for that character of the text`
	case syntax.ErrInvalidRepeatSize:
		return `: the most is 1000, in all that is nested`
	case syntax.ErrTrailingBackslash:
		return `: write \\ for a backslash of the text`
	case syntax.ErrInvalidEscape:
		return `: RE2 has no such escape, and no \1 or \<; \b is a word's start and end`
	case syntax.ErrInvalidPerlOp:
		return `: RE2 has no lookaround; match with one pattern and leave out with another`
	case syntax.ErrInvalidNamedCapture:
		return `: a name has letters, digits and _, as in (?P<name>…)`
	case syntax.ErrInvalidCharRange:
		return `: write the lower character first, as in [0-9], or a - at the end`
	case syntax.ErrInvalidCharClass:
		return `: one of [:alpha:], [:digit:], [:space:] and so on, or \pL`
	case syntax.ErrLarge, syntax.ErrNestingDepth:
		return `: use fewer or smaller repetitions`
	}
	return ""
}
