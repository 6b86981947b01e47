package expression

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"gumshoe/engine/source"
)

// Functions lists the functions that expressions can call, sorted.
func Functions() []string {
	return []string{
		"abs", "all", "any", "ceil", "count", "date", "duration", "filter", "find", "findIndex", "findLast",
		"findLastIndex", "first", "float", "floor", "hasPrefix", "hasSuffix", "indexOf", "int", "join", "keys",
		"last", "lastIndexOf", "len", "lower", "map", "max", "mean", "median", "min", "none", "one", "outlier",
		"percentile", "replace", "reverse", "round", "seconds", "share", "sort", "sortBy", "split", "string",
		"sum", "trim", "trimPrefix", "trimSuffix", "uniq", "unusual", "upper", "values",
	}
}

func (p *planner) builtin(n *ast.BuiltinNode) term {
	if len(n.Arguments) > 1 {
		if _, ok := n.Arguments[1].(*ast.PredicateNode); ok {
			return p.loop(n)
		}
	}
	return p.function(n, printer{p.shares}.name(n), n.Arguments)
}

func (p *planner) call(n *ast.CallNode) term {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return p.fault(n, "%s: methods are not available; refer to fields", p.words(n.Callee))
	}
	return p.function(n, callee.Value, n.Arguments)
}

// loop plans a function of a list and a predicate.
func (p *planner) loop(n *ast.BuiltinNode) term {
	name := printer{p.shares}.name(n)
	if !slices.Contains(Functions(), name) {
		return p.refuseCall(n, name)
	}
	over := p.plan(n.Arguments[0])
	if over.typ.kind != list && over.typ.kind != broken {
		p.fault(n.Arguments[0], "%s goes through a list, and %s is %s", name, p.words(n.Arguments[0]), over.typ.kind)
		over = term{}
	}
	element := over.below(n, "[]")
	element.node, element.typ = &elementNode{}, over.typ.elem()
	read := len(p.reads)
	p.elements = append(p.elements, element)
	body := p.plan(n.Arguments[1].(*ast.PredicateNode).Node)
	bodyNode := p.use(body)
	p.elements = p.elements[:len(p.elements)-1]
	if over.chain && len(p.reads) == read {
		p.note(Read{over.root, over.path}) // else its elements' fields are noted, or were before
	}
	result := term{tree: n, root: over.root, path: over.path}
	loop := &loopNode{name: name, list: over.node, body: bodyNode, label: p.label(n)}
	result.node = loop
	wants := boolean
	switch name {
	case "any", "all", "none", "one":
		result.node = &quantifierNode{name: name, list: over.node, body: bodyNode}
		result.typ = computed[bool](boolean)
	case "filter":
		result.typ = over.typ
	case "find", "findLast":
		element.node, element.chain = loop, element.root != ""
		result = element
	case "count", "findIndex", "findLastIndex":
		result.typ = computed[int](number)
	case "share":
		result.typ = computed[float64](number)
	case "map":
		wants, result.typ = body.typ.kind, listOrBroken(body.typ)
		result.root, result.path = "", ""
	case "sum":
		wants, result.typ = number, computed[float64](number)
		if isInteger(body.typ) {
			result.typ = computed[int](number)
		}
	case "sortBy":
		wants, result.typ = body.typ.kind, over.typ
		if !slices.Contains([]kind{broken, number, text, moment, span}, wants) {
			return p.fault(n.Arguments[1], "sortBy sorts by numbers or strings, not by %s", wants)
		}
		if len(n.Arguments) == 3 {
			direction, ok := n.Arguments[2].(*ast.StringNode)
			if !ok || direction.Value != "asc" && direction.Value != "desc" {
				return p.fault(n.Arguments[2], `the direction of sortBy is "asc" or "desc"`)
			}
			loop.desc = direction.Value == "desc"
		}
	}
	if result.typ.kind != list && name != "find" && name != "findLast" {
		result.root, result.path = "", ""
	}
	switch {
	case over.typ.kind == broken || body.typ.kind == broken:
		return term{tree: n}
	case body.typ.kind != wants:
		return p.fault(n.Arguments[1], "the predicate of %s must be %s, and %s is %s",
			name, wants, p.words(n.Arguments[1]), body.typ.kind)
	}
	return result
}

func listOrBroken(of typ) typ {
	if of.kind == broken {
		return typ{}
	}
	return listOf(of)
}

// arguments plans the arguments of a call and checks their number and kinds;
// broken as a kind stands for any.
func (p *planner) arguments(n ast.Node, name string, nodes []ast.Node, kinds ...kind) ([]node, []term, bool) {
	if len(nodes) != len(kinds) {
		words := make([]string, len(kinds))
		for i, k := range kinds {
			words[i] = k.String()
			if k == broken {
				words[i] = "a value"
			}
		}
		p.fault(n, "%s takes %s", name, strings.Join(words, ", "))
		return nil, nil, false
	}
	plans, terms, ok := make([]node, len(nodes)), make([]term, len(nodes)), true
	for i, argument := range nodes {
		t := p.plan(argument)
		plans[i], terms[i] = p.use(t), t
		switch {
		case t.typ.kind == broken:
			ok = false
		case kinds[i] != broken && t.typ.kind != kinds[i]:
			p.fault(argument, "%s takes %s, and %s is %s", name, kinds[i], p.words(argument), t.typ.kind)
			ok = false
		}
	}
	return plans, terms, ok
}

// numbersOf plans an argument that is a list of numbers.
func (p *planner) numbersOf(name string, argument ast.Node) (term, bool) {
	t := p.plan(argument)
	switch {
	case t.typ.kind == broken:
		return t, false
	case t.typ.kind != list || t.typ.elem().kind != number:
		p.fault(argument, "%s takes a list of numbers, as map(list, .field) gives; %s is %s%s",
			name, p.words(argument), t.typ.kind, ofWhat(t.typ))
		return t, false
	}
	return t, true
}

func ofWhat(t typ) string {
	if t.kind != list {
		return ""
	}
	switch t.elem().kind {
	case text:
		return " of strings"
	case object:
		return " of objects"
	}
	return ""
}

// statistic plans percentile and outlier.
func (p *planner) statistic(n ast.Node, name string, nodes []ast.Node) term {
	count := 1
	if name == "percentile" {
		count = 2
	}
	if len(nodes) != count {
		return p.fault(n, "%s takes a list of numbers%s", name, strings.Repeat(" and a number from 0 to 100", count-1))
	}
	over, ok := p.numbersOf(name, nodes[0])
	if !ok {
		return term{tree: n}
	}
	call := &callNode{args: []node{p.use(over)}, label: p.label(n), f: outlier}
	if name == "outlier" {
		return term{node: call, typ: computed[bool](boolean), tree: n}
	}
	var rank float64
	switch literal := nodes[1].(type) {
	case *ast.IntegerNode:
		rank = float64(literal.Value)
	case *ast.FloatNode:
		rank = literal.Value
	default:
		rank = math.NaN()
	}
	if !(rank >= 0 && rank <= 100) {
		return p.fault(nodes[1], "the rank of a percentile is a number from 0 to 100 that is written out, as in percentile(list, 95)")
	}
	call.f = func(c *callArgs) (any, *cause) { return percentile(c, rank) }
	return term{node: call, typ: computed[float64](number), tree: n}
}

// unusual plans unusual(step.field).
func (p *planner) unusual(n ast.Node, nodes []ast.Node) term {
	const takes = "unusual takes one field of a step that is a number, as in unusual(cpu.used_percent)"
	if len(nodes) != 1 {
		return p.fault(n, takes)
	}
	t := p.plan(nodes[0])
	if t.typ.kind == broken {
		return term{tree: n}
	}
	for part := nodes[0]; ; {
		member, ok := part.(*ast.MemberNode)
		if !ok {
			_, ok = part.(*ast.IdentifierNode)
			if !ok || part == nodes[0] || t.typ.kind != number {
				return p.fault(nodes[0], takes)
			}
			break
		}
		if _, ok := member.Property.(*ast.StringNode); !ok || strings.Contains(t.path, "[") {
			return p.fault(nodes[0], takes)
		}
		part = member.Node
	}
	path := t.root + "." + t.path
	return term{node: &unusualNode{p.use(t), path}, typ: computed[float64](number), tree: n}
}

// literalTime plans duration("15m") and date("2026-01-02T15:04:05Z").
func (p *planner) literalTime(n ast.Node, name string, nodes []ast.Node) term {
	example := map[string]string{"duration": `"15m"`, "date": `"2026-01-31T15:04:05Z" or "2026-01-31"`}[name]
	written := ""
	if len(nodes) == 1 {
		if literal, ok := nodes[0].(*ast.StringNode); ok {
			written = literal.Value
		}
	}
	if d, err := source.ParseDuration(written); name == "duration" && err == nil {
		return constant(n, d, computed[time.Duration](span))
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, written); name == "date" && err == nil {
			return constant(n, t.UTC(), computed[time.Time](moment))
		}
	}
	return p.fault(n, "%s takes one literal, %s; an expression reads no clock", name, example)
}

func textList() typ { return typ{kind: list, rt: reflect.TypeFor[[]string]()} }
