package expression

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"

	"gumshoe/engine/source"
)

// Bounds of what is compiled. They also bound the parser's recursion, which has
// no limit of its own.
const (
	maxBytes = 4096
	maxNodes = 1000
	maxRange = 1000
)

// syntax is a parsed expression and where it stands.
type syntax struct {
	tree ast.Node
	text source.Text
	// runes are those of the whole text, in which the expression starts at base.
	runes []rune
	base  int
	// shares are the offsets of the calls of share, which are parsed as count.
	shares map[int]bool
}

// parse reads the part of a text that is an expression.
func parse(text source.Text, part string, base int, faults *source.Faults) *syntax {
	s := &syntax{text: text, runes: []rune(text.Value), base: base}
	switch {
	case strings.TrimSpace(part) == "":
		faults.Addf(s.at(0), "there is no expression here")
		return nil
	case len(part) > maxBytes:
		faults.Addf(s.at(0), "the expression is longer than %d bytes; split it into several", maxBytes)
		return nil
	case !utf8.ValidString(part):
		faults.Addf(s.at(0), "the expression is not valid UTF-8")
		return nil
	}
	part, s.shares = hideShares(part)
	tree, err := parseTree(part)
	if err != nil {
		offset, message := explainSyntax(err)
		faults.Addf(s.at(offset), "%s", message)
		return nil
	}
	s.tree = tree
	return s
}

// at is the place of the offset-th character of the expression.
func (s *syntax) at(offset int) source.Position {
	end := min(s.base+offset, len(s.runes))
	line, column := 1, 0
	for _, r := range s.runes[:max(end, 0)] {
		column++
		if r == '\n' {
			line, column = line+1, 0
		}
	}
	return s.text.At(line, column)
}

// parseTree has no scope: a name followed by a parenthesis is a function, even
// when a step has that name.
func parseTree(part string) (tree ast.Node, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case tooLarge:
			err = p
		default:
			err = fmt.Errorf("the expression cannot be parsed (%v)", p)
		}
	}()
	parsed, err := parser.ParseWithConfig(part, &conf.Config{MaxNodes: maxNodes})
	if err != nil {
		return nil, err
	}
	if parsed.Node == nil {
		return nil, errors.New("the expression cannot be parsed")
	}
	ast.Walk(&parsed.Node, new(counter))
	return parsed.Node, nil
}

// counter ends, by a panic, a walk through more nodes than are allowed. The
// parser counts too, but makes of a < b < c a tree in which b stands twice: with
// such comparisons nested, a walk takes exponential time.
type counter int

// Visit implements ast.Visitor.
//
//nolint:gocritic // the interface wants a pointer
func (c *counter) Visit(*ast.Node) {
	*c++
	if *c > 2*maxNodes {
		panic(tooLarge{})
	}
}

type tooLarge struct{}

func (tooLarge) Error() string { return "the expression has too many parts; split it into several" }

// hideShares renames calls of share to count, which has as many letters: the
// parser allows a predicate such as ".used_percent > 90" only in calls of the
// functions that it has built in.
func hideShares(part string) (string, map[int]bool) {
	if !strings.Contains(part, "share") {
		return part, nil
	}
	tokens, err := lexer.Lex(file.NewSource(part))
	if err != nil {
		return part, nil // the parser says what is wrong
	}
	shares, runes := map[int]bool{}, []rune(part)
	for i := 0; i+1 < len(tokens); i++ {
		field := i > 0 && (tokens[i-1].Is(lexer.Operator, ".") || tokens[i-1].Is(lexer.Operator, "?."))
		if tokens[i].Is(lexer.Identifier, "share") && tokens[i+1].Is(lexer.Bracket, "(") && !field {
			shares[tokens[i].From] = true
			copy(runes[tokens[i].From:], []rune("count"))
		}
	}
	return string(runes), shares
}

// explainSyntax says in plain words what the parser found.
func explainSyntax(err error) (offset int, message string) {
	message = err.Error()
	if fault, ok := errors.AsType[*file.Error](err); ok {
		offset, message = fault.From, fault.Message
	}
	token := regexp.MustCompile(`(?:Operator|Bracket|Identifier|Number|String|Bytes)\((".*")\)`)
	switch {
	case strings.Contains(message, "maximum allowed nodes"):
		return offset, fmt.Sprintf("the expression has more than %d parts; split it into several", maxNodes)
	case strings.Contains(message, `Operator("=")`):
		return offset, `unexpected "="; to compare write ==`
	case strings.Contains(message, "EOF"), strings.Contains(message, "unexpected end"):
		return offset, "the expression ends too early"
	case strings.Contains(message, `Operator(";")`), strings.Contains(message, "wrap predicate"):
		return offset, `";": an expression is one value; write each condition as an item of its own`
	}
	return offset, token.ReplaceAllString(message, "$1")
}
