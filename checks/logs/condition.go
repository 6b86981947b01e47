package logs

import (
	"cmp"
	"errors"
	"fmt"

	"gumshoe/checks/logs/line"
	"gumshoe/checks/logs/search"
)

// A condition is what a field has to say: "503", "!= 200", ">= 500", "> 250ms",
// "~ ^/api/", "!~ bot", and for the level ">= warning".
type condition struct {
	field    string
	operator string // ==, !=, <, <=, >, >=, ~ or !~
	text     string
	number   float64
	isNumber bool
	level    line.Level
	pattern  *search.Pattern
}

// parseCondition reads a condition. A text without an operator has to be equal; "= "
// before it makes a text of one that begins with an operator.
func parseCondition(field, text string) (condition, error) {
	operator, operand := splitOperator(text)
	c := condition{field: field, operator: operator, text: operand, level: line.ParseLevel([]byte(operand))}
	if c.number, _, c.isNumber = line.Number([]byte(operand)); field == "level" && c.level == line.Unknown {
		return c, fmt.Errorf("%q is no level; want one of trace, debug, info, notice, warning, error, critical", operand)
	}
	switch operator {
	case "", "=":
		c.operator = "=="
	case "~", "!~":
		var err error
		if c.pattern, err = search.Compile(operand, search.Options{}); err != nil {
			return c, err
		}
	case "<", "<=", ">", ">=":
		if !c.isNumber && c.level == line.Unknown {
			return c, fmt.Errorf("%q is compared with a number or a level, and %q is neither", operator, operand)
		}
	}
	if operand == "" && operator != "" && operator != "=" && operator != "==" && operator != "!=" {
		return c, errors.New("what is it compared with?")
	}
	return c, nil
}

// holds says whether a value meets the condition; a field that is not there meets
// only != and !~.
func (c condition) holds(value []byte) bool {
	if value == nil {
		return c.operator == "!=" || c.operator == "!~"
	}
	switch c.operator {
	case "~":
		return c.pattern.Match(value)
	case "!~":
		return !c.pattern.Match(value)
	case "==":
		return c.equals(value)
	case "!=":
		return !c.equals(value)
	}
	if c.field == "level" {
		level := line.ParseLevel(value)
		return level != line.Unknown && c.ordered(cmp.Compare(level, c.level))
	}
	if c.isNumber {
		x, _, ok := line.Number(value)
		return ok && c.ordered(cmp.Compare(x, c.number))
	}
	level := line.ParseLevel(value)
	return level != line.Unknown && c.ordered(cmp.Compare(level, c.level))
}

func (c condition) equals(value []byte) bool {
	if string(value) == c.text {
		return true
	}
	if c.field == "level" {
		return line.ParseLevel(value) == c.level
	}
	if !c.isNumber {
		return false
	}
	x, _, ok := line.Number(value)
	return ok && x == c.number
}

func (c condition) ordered(order int) bool {
	switch c.operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}
