package expression

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"gumshoe/engine/kleene"
)

// label is the source of a part, written out only when a message needs it.
type label struct {
	printer printer
	tree    ast.Node
}

func (l label) String() string { return clip(l.printer.print(l.tree), 100) }

func (l label) because(format string, args ...any) *cause {
	return &cause{reason: l.String() + ": " + fmt.Sprintf(format, args...)}
}

// logicNode is and, or (when or is set).
type logicNode struct {
	or          bool
	left, right node
}

func (n *logicNode) eval(e *run) (value, *cause) {
	left, why := e.truth(n.left)
	if left == kleene.Of(n.or) {
		return value{x: n.or}, nil
	}
	right, whyRight := e.truth(n.right)
	result := kleene.And(left, right)
	if n.or {
		result = kleene.Or(left, right)
	}
	if result == kleene.Unknown {
		return value{}, cmp.Or(why, whyRight)
	}
	return value{x: result == kleene.True}, nil
}

type notNode struct{ of node }

func (n *notNode) eval(e *run) (value, *cause) {
	t, why := e.truth(n.of)
	return value{x: t.Not() == kleene.True}, why
}

// chooseNode is the ternary. When the condition is unknown but both choices are
// the same, so is the result.
type chooseNode struct{ condition, yes, no node }

func (n *chooseNode) eval(e *run) (value, *cause) {
	t, why := e.truth(n.condition)
	switch t {
	case kleene.True:
		return e.eval(n.yes)
	case kleene.False:
		return e.eval(n.no)
	case kleene.Unknown:
	}
	yes, whyNot := e.eval(n.yes)
	if whyNot != nil {
		return value{}, why
	}
	no, whyNot := e.eval(n.no)
	if whyNot != nil || !isScalar(yes.x) || !equal(yes.x, no.x) {
		return value{}, why
	}
	return value{x: yes.x}, nil
}

// compareNode is ==, !=, <, <=, > and >=.
type compareNode struct {
	op          string
	left, right node
}

func (n *compareNode) eval(e *run) (value, *cause) {
	left, why := e.eval(n.left)
	if why != nil {
		return value{}, why
	}
	right, why := e.eval(n.right)
	if why != nil {
		return value{}, why
	}
	if s, ok := left.x.(string); ok {
		if why := e.charge(len(s) / 64); why != nil {
			return value{}, why
		}
	}
	switch n.op {
	case "==":
		return value{x: equal(left.x, right.x)}, nil
	case "!=":
		return value{x: !equal(left.x, right.x)}, nil
	}
	order := order(left.x, right.x)
	var result bool
	switch n.op {
	case "<":
		result = order < 0
	case "<=":
		result = order <= 0
	case ">":
		result = order > 0
	case ">=":
		result = order >= 0
	}
	return value{x: result}, nil
}

func isScalar(x any) bool {
	switch x.(type) {
	case bool, int, float64, string, time.Time, time.Duration:
		return true
	}
	return false
}

func equal(a, b any) bool {
	if x, ok := a.(bool); ok {
		return x == b
	}
	return order(a, b) == 0
}

// order compares numbers, strings, times or durations.
func order(a, b any) int {
	switch x := a.(type) {
	case int:
		if y, ok := b.(int); ok {
			return cmp.Compare(x, y)
		}
	case string:
		y, _ := b.(string)
		return strings.Compare(x, y)
	case time.Time:
		y, _ := b.(time.Time)
		return x.Compare(y)
	case time.Duration:
		y, _ := b.(time.Duration)
		return cmp.Compare(x, y)
	}
	return cmp.Compare(float(a), float(b))
}

// mathNode is + - * / % ** on numbers, + on strings, and what there is of these
// on times and durations. A result that is not finite is unknown.
type mathNode struct {
	op          string
	left, right node
	label       label
}

func (n *mathNode) eval(e *run) (value, *cause) {
	left, why := e.eval(n.left)
	if why != nil {
		return value{}, why
	}
	right, why := e.eval(n.right)
	if why != nil {
		return value{}, why
	}
	switch x := left.x.(type) {
	case string:
		y, _ := right.x.(string)
		if len(x)+len(y) > maxText {
			return value{}, n.label.because("the text is too long")
		}
		return value{x: x + y}, e.charge((len(x) + len(y)) / 64)
	case time.Time:
		if y, ok := right.x.(time.Time); ok {
			return value{x: x.Sub(y)}, nil
		}
		y, _ := right.x.(time.Duration)
		if n.op == "-" {
			y = -y
		}
		return value{x: x.Add(y)}, nil
	case time.Duration:
		return n.spans(x, right.x)
	}
	if y, ok := right.x.(time.Duration); ok { // number * duration
		return n.spans(y, left.x)
	}
	return n.numbers(left.x, right.x)
}

func (n *mathNode) spans(x time.Duration, right any) (value, *cause) {
	if t, ok := right.(time.Time); ok {
		return value{x: t.Add(x)}, nil
	}
	y, isSpan := right.(time.Duration)
	if n.op == "/" && isSpan {
		return n.numbers(float64(x), float64(y))
	}
	var result float64
	switch n.op {
	case "+":
		result = float64(x) + float64(y)
	case "-":
		result = float64(x) - float64(y)
	case "*":
		result = float64(x) * float(right)
	case "/":
		result = float64(x) / float(right)
	}
	if !(math.Abs(result) < math.MaxInt64) {
		return value{}, n.label.because("not a finite duration")
	}
	return value{x: time.Duration(result)}, nil
}

func (n *mathNode) numbers(left, right any) (value, *cause) {
	x, y := float(left), float(right)
	i, leftInt := left.(int)
	j, rightInt := right.(int)
	var result float64
	switch n.op {
	case "+":
		result = x + y
		i += j
	case "-":
		result = x - y
		i -= j
	case "*":
		result = x * y
		i *= j
	case "/":
		leftInt = false
		if y == 0 {
			return value{}, n.label.because("division by zero, so not a finite number")
		}
		result = x / y
	case "%":
		if j == 0 {
			return value{}, n.label.because("division by zero, so not a finite number")
		}
		return value{x: i % j}, nil
	case "**":
		leftInt = false
		result = math.Pow(x, y)
	}
	switch {
	case !finite(result):
		return value{}, n.label.because("not a finite number")
	case leftInt && rightInt && math.Abs(result) < 1<<62: // beyond, i has overflowed
		return value{x: i}, nil
	}
	return value{x: result}, nil
}

type negateNode struct{ of node }

func (n *negateNode) eval(e *run) (value, *cause) {
	v, why := e.eval(n.of)
	if why != nil {
		return value{}, why
	}
	switch x := v.x.(type) {
	case int:
		return value{x: -x}, nil
	case time.Duration:
		return value{x: -x}, nil
	}
	return value{x: -float(v.x)}, nil
}
