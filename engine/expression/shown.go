package expression

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gumshoe/engine/kleene"
)

// maxShown bounds, in characters, what is shown of one condition.
const maxShown = 120

// show writes a condition with the values that decided it. The parts are
// evaluated again, which gives the same.
func (e *run) show(n node) string {
	switch n := n.(type) {
	case *notNode:
		return e.show(n.of)
	case *logicNode:
		return e.showLogic(n)
	case *chooseNode:
		switch t, _ := e.truth(n.condition); t {
		case kleene.True:
			return e.show(n.yes)
		case kleene.False:
			return e.show(n.no)
		case kleene.Unknown:
		}
		return e.side(n)
	case *compareNode:
		return e.sides(n.left, n.right)
	case *inNode:
		return e.side(n.left)
	case *textNode:
		return e.side(n.left)
	case *quantifierNode:
		return e.showElements(n)
	}
	return e.side(n)
}

// sides shows what is compared; a side that reads nothing is left out.
func (e *run) sides(left, right node) string {
	switch {
	case isConstant(right):
		return e.side(left)
	case isConstant(left):
		return e.side(right)
	}
	return e.side(left) + " against " + e.side(right)
}

func isConstant(n node) bool {
	switch n := n.(type) {
	case *constNode, *rangeNode:
		return true
	case *negateNode:
		return isConstant(n.of)
	case *mathNode:
		return isConstant(n.left) && isConstant(n.right)
	case *listNode:
		return true
	}
	return false
}

// showLogic shows the operands that decided: of a false "and" the false ones,
// of a true "or" the true ones, else all.
func (e *run) showLogic(n *logicNode) string {
	result, _ := e.truth(n)
	var parts []string
	for _, operand := range []node{n.left, n.right} {
		if t, _ := e.truth(operand); t == result {
			if part := e.show(operand); !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		}
	}
	// Beside a value, a bare true or false of a flag tells nobody anything.
	telling := slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return part == "true" || part == "false" })
	if len(telling) > 0 {
		parts = telling
	}
	return strings.Join(parts, " and ")
}

// side shows a value, and how arithmetic came to it: "98 / 100 = 0.98".
func (e *run) side(n node) string {
	v, why := e.eval(n)
	if why != nil {
		return "?"
	}
	result := brief(v)
	if m, ok := n.(*mathNode); ok && !isConstant(n) {
		if steps := e.inline(m); utf8.RuneCountInString(steps) <= 60 {
			return steps + " = " + result
		}
	}
	return result
}

func (e *run) inline(n *mathNode) string {
	operand := func(of node) string {
		if m, ok := of.(*mathNode); ok && !isConstant(of) {
			return "(" + e.inline(m) + ")"
		}
		v, why := e.eval(of)
		if why != nil {
			return "?"
		}
		return brief(v)
	}
	return operand(n.left) + " " + n.op + " " + operand(n.right)
}

// showElements shows the elements that decided: "/var: 97", a few of them.
func (e *run) showElements(n *quantifierNode) string {
	l, why := e.list(n.list)
	if why != nil {
		return "?"
	}
	if l.len() == 0 {
		return "an empty list"
	}
	const most = 3
	var shown []string
	count := 0
	_ = e.each(l, func(i int, v value, _ *cause) bool {
		if t, _ := e.truth(n.body); t != kleene.Of(n.name != "all") {
			return true
		}
		count++
		if count <= most {
			name, inner := subject(v, i), e.show(n.body)
			if name != "" && name != inner {
				inner = name + ": " + inner
			}
			shown = append(shown, inner)
		}
		return true
	})
	switch {
	case count == 0 && n.name == "all":
		return fmt.Sprintf("all %d", l.len())
	case count == 0:
		return fmt.Sprintf("none of %d", l.len())
	case count > most:
		shown = append(shown, fmt.Sprintf("%d more", count-most))
	}
	return strings.Join(shown, ", ")
}

// subject names an element: by its first string that is not empty, which in a
// check's output is its name, else by its number.
func subject(v value, i int) string {
	switch x := v.x.(type) {
	case reflect.Value:
		if x.Kind() == reflect.Struct {
			for j := range x.NumField() {
				f := x.Field(j)
				if f.Kind() == reflect.String && x.Type().Field(j).IsExported() && f.Len() > 0 {
					return clip(f.String(), 40)
				}
			}
		}
		return fmt.Sprintf("[%d]", i)
	case string:
		return clip(x, 40)
	}
	return ""
}

// brief writes a value for people.
func brief(v value) string {
	switch x := v.x.(type) {
	case float64:
		return briefFloat(x)
	case string:
		return clip(strconv.Quote(clip(x, 60)), 62)
	case *items:
		return plural(x.len(), "element", "elements")
	case reflect.Value:
		if x.Kind() == reflect.Map {
			return plural(x.Len(), "entry", "entries")
		}
		if v.at != nil {
			return v.at.String()
		}
		return "an object"
	case time.Duration:
		return x.Round(time.Millisecond).String()
	}
	return plain(v.x)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// briefFloat writes about four significant digits.
func briefFloat(f float64) string {
	size := math.Abs(f)
	switch {
	case size >= 1000 && size < 1e15:
		return strconv.FormatFloat(math.Round(f), 'f', -1, 64)
	case size != 0 && size < 1e-6 || size >= 1e15:
		return strconv.FormatFloat(f, 'g', 3, 64)
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 4, 64), 64)
	if err != nil {
		rounded = f
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// clip shortens a text to so many characters, on one line.
func clip(s string, most int) string {
	if strings.ContainsAny(s, "\r\n\t") {
		s = strings.Join(strings.Fields(s), " ")
	}
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// stringer writes a struct that knows how to, such as a host and port.
func stringer(x any) string {
	if v, ok := x.(reflect.Value); ok && v.IsValid() && v.CanInterface() {
		if s, ok := reflect.TypeAssert[fmt.Stringer](v); ok {
			return s.String()
		}
	}
	return ""
}
