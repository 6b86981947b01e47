package expression

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// callNode is a call of a function of values. An unknown argument makes the
// result unknown.
type callNode struct {
	args  []node
	f     func(*callArgs) (any, *cause)
	label label
}

// callArgs are the arguments of a call that is under way.
type callArgs struct {
	run   *run
	args  []value
	label label
}

func (n *callNode) eval(e *run) (value, *cause) {
	c := &callArgs{run: e, args: make([]value, len(n.args)), label: n.label}
	for i, arg := range n.args {
		v, why := e.eval(arg)
		if why != nil {
			return value{}, why
		}
		switch x := v.x.(type) {
		case *items:
			why = e.charge(x.len())
		case string:
			why = e.charge(len(x) / 64)
		}
		if why != nil {
			return value{}, why
		}
		c.args[i] = v
	}
	x, why := n.f(c)
	if why != nil {
		return value{}, why
	}
	if v, ok := x.(value); ok {
		return v, nil
	}
	return value{x: x}, nil
}

func (c *callArgs) text(i int) string { s, _ := c.args[i].x.(string); return s }
func (c *callArgs) list(i int) *items { l, _ := c.args[i].x.(*items); return l }

// function plans a call of a function of values.
//
//nolint:cyclop,funlen // a flat list of the functions, a case each: to split it is to hide it
func (p *planner) function(n ast.Node, name string, nodes []ast.Node) term {
	var kinds []kind
	var f func(*callArgs) (any, *cause)
	result := computed[string](text)
	switch name {
	case "percentile", "outlier":
		return p.statistic(n, name, nodes)
	case "unusual":
		return p.unusual(n, nodes)
	case "duration", "date":
		return p.literalTime(n, name, nodes)
	case "len":
		kinds, f, result = []kind{broken}, length, computed[int](number)
	case "min", "max", "mean", "median":
		return p.aggregate(n, name, nodes)
	case "first", "last", "reverse", "sort", "uniq", "sum", "count":
		return p.ofList(n, name, nodes)
	case "keys", "values":
		return p.ofMapping(n, name, nodes)
	case "abs", "ceil", "floor", "round":
		kinds, f, result = []kind{number}, rounding(name), computed[float64](number)
	case "int", "float", "string":
		kinds, f = []kind{broken}, conversion(name)
		switch name {
		case "int":
			result = computed[int](number)
		case "float":
			result = computed[float64](number)
		}
	case "seconds":
		kinds, result = []kind{span}, computed[float64](number)
		f = func(c *callArgs) (any, *cause) {
			d, _ := c.args[0].x.(time.Duration)
			return d.Seconds(), nil
		}
	case "trim", "upper", "lower":
		kinds, f = []kind{text}, simpleText(name)
	case "trimPrefix", "trimSuffix":
		kinds, f = []kind{text, text}, simpleText(name)
	case "hasPrefix", "hasSuffix":
		kinds, f, result = []kind{text, text}, simpleText(name), computed[bool](boolean)
	case "indexOf", "lastIndexOf":
		kinds, f, result = []kind{text, text}, simpleText(name), computed[int](number)
	case "split":
		kinds, f, result = []kind{text, text}, split, textList()
	case "replace":
		kinds, f = []kind{text, text, text}, replace
	case "join":
		kinds, f = []kind{list, text}, join
	default:
		if !slices.Contains(Functions(), name) {
			return p.refuseCall(n, name)
		}
		return p.fault(n, "%s takes a list and a predicate, as in %s(disk.mounts, .used_percent > 90)", name, name)
	}
	args, terms, ok := p.arguments(n, name, nodes, kinds...)
	if !ok {
		return term{tree: n}
	}
	takes, wanted := terms[0].typ, ""
	switch {
	case name == "len" && takes.kind != list && takes.kind != mapping && takes.kind != text:
		wanted = "a list, a mapping or a string"
	case name == "join" && takes.elem().kind != text:
		wanted = "a list of strings"
	case name == "string" && !slices.Contains([]kind{boolean, number, text, moment, span}, takes.kind):
		wanted = "one plain value"
	case (name == "int" || name == "float") && takes.kind != number && takes.kind != text:
		wanted = "a number or a string"
	case isInteger(takes) && kinds[0] == number:
		result = computed[int](number)
	}
	if wanted != "" {
		return p.fault(nodes[0], "%s takes %s, and %s is %s%s", name, wanted, p.words(nodes[0]), takes.kind, ofWhat(takes))
	}
	return term{node: &callNode{args, f, p.label(n)}, typ: result, tree: n}
}

func length(c *callArgs) (any, *cause) {
	switch x := c.args[0].x.(type) {
	case *items:
		return x.len(), x.gaps.here()
	case reflect.Value:
		return x.Len(), c.args[0].gaps.here()
	}
	return len([]rune(c.text(0))), nil
}

func rounding(name string) func(*callArgs) (any, *cause) {
	return func(c *callArgs) (any, *cause) {
		if i, ok := c.args[0].x.(int); ok {
			if name == "abs" {
				i = max(i, -i)
			}
			return i, nil
		}
		f := float(c.args[0].x)
		switch name {
		case "abs":
			f = math.Abs(f)
		case "ceil":
			f = math.Ceil(f)
		case "floor":
			f = math.Floor(f)
		case "round":
			f = math.Round(f)
		}
		return f, nil
	}
}

func conversion(name string) func(*callArgs) (any, *cause) {
	return func(c *callArgs) (any, *cause) {
		x := c.args[0].x
		if name == "string" {
			return plain(x), nil
		}
		if s, ok := x.(string); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
			if err != nil || !finite(f) {
				return nil, c.label.because("%q is not a number", clip(s, 40))
			}
			x = f
		}
		if name == "float" {
			return float(x), nil
		}
		f := math.Trunc(float(x))
		if math.Abs(f) >= 1<<62 {
			return nil, c.label.because("too large for a whole number")
		}
		return int(f), nil
	}
}

func simpleText(name string) func(*callArgs) (any, *cause) {
	return func(c *callArgs) (any, *cause) {
		s := c.text(0)
		switch name {
		case "trim":
			return strings.TrimSpace(s), nil
		case "upper":
			return strings.ToUpper(s), nil
		case "lower":
			return strings.ToLower(s), nil
		}
		other := c.text(1)
		switch name {
		case "trimPrefix":
			return strings.TrimPrefix(s, other), nil
		case "trimSuffix":
			return strings.TrimSuffix(s, other), nil
		case "hasPrefix":
			return strings.HasPrefix(s, other), nil
		case "hasSuffix":
			return strings.HasSuffix(s, other), nil
		case "indexOf":
			return strings.Index(s, other), nil
		}
		return strings.LastIndex(s, other), nil
	}
}

func split(c *callArgs) (any, *cause) {
	if why := c.run.charge(strings.Count(c.text(0), c.text(1)) + 1); why != nil {
		return nil, why
	}
	parts := strings.Split(c.text(0), c.text(1))
	made := make([]value, len(parts))
	for i, part := range parts {
		made[i] = value{x: part}
	}
	return &items{made: made}, nil
}

func replace(c *callArgs) (any, *cause) {
	s, from, to := c.text(0), c.text(1), c.text(2)
	size := (strings.Count(s, from)+1)*len(to) + len(s)
	if size > maxText {
		return nil, c.label.because("the text is too long")
	}
	return strings.ReplaceAll(s, from, to), c.run.charge(size / 64)
}

func join(c *callArgs) (any, *cause) {
	values, why := c.list(0).all()
	if why != nil {
		return nil, why
	}
	parts, size := make([]string, len(values)), 0
	for i, v := range values {
		parts[i], _ = v.x.(string)
		size += len(parts[i]) + len(c.text(1))
	}
	if size > maxText {
		return nil, c.label.because("the text is too long")
	}
	return strings.Join(parts, c.text(1)), c.run.charge(size / 64)
}

// plain writes a single value as text.
func plain(x any) string {
	switch x := x.(type) {
	case string:
		return x
	case int:
		return strconv.Itoa(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(x)
	case time.Time:
		return x.UTC().Format(time.RFC3339)
	case time.Duration:
		return x.String()
	}
	return cmp.Or(stringer(x), "?")
}
