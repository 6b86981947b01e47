package expression

import (
	"fmt"
	"reflect"
	"regexp"
	regex "regexp/syntax"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"gumshoe/engine/source"
)

// condition plans a part that has to be true or false.
func (p *planner) condition(n ast.Node, of string) term {
	t := p.plan(n)
	if t.typ.kind != boolean && t.typ.kind != broken {
		return p.fault(n, "%s must be true or false, and %s is %s", of, p.words(n), t.typ.kind)
	}
	return t
}

func (p *planner) unary(n *ast.UnaryNode) term {
	switch n.Operator {
	case "!", "not":
		of := p.condition(n.Node, `the operand of "not"`)
		return term{node: &notNode{p.use(of)}, typ: computed[bool](boolean), tree: n}
	}
	t := p.plan(n.Node)
	switch {
	case t.typ.kind == broken:
		return term{tree: n}
	case t.typ.kind != number && t.typ.kind != span:
		return p.fault(n, "%q is for numbers; %s is %s", n.Operator, p.words(n.Node), t.typ.kind)
	case n.Operator == "+":
		return t
	}
	return term{node: &negateNode{p.use(t)}, typ: t.typ, tree: n}
}

func (p *planner) binary(n *ast.BinaryNode) term {
	result := term{tree: n, typ: computed[bool](boolean)}
	switch n.Operator {
	case "and", "&&", "or", "||":
		name := fmt.Sprintf("an operand of %q", operatorWord(n.Operator))
		left, right := p.condition(n.Left, name), p.condition(n.Right, name)
		result.node = &logicNode{operatorWord(n.Operator) == "or", p.use(left), p.use(right)}
		return result
	case "..":
		return p.interval(n)
	case "??":
		return p.refuse(n)
	}
	left, right := p.plan(n.Left), p.plan(n.Right)
	l, r := left.typ, right.typ
	leftNode, rightNode := p.use(left), p.use(right)
	if l.kind == broken || r.kind == broken {
		if n.Operator == "+" || !isComparison(n.Operator) {
			result.typ = typ{}
		}
		return result
	}
	switch n.Operator {
	case "==", "!=":
		if l.kind != r.kind || !slices.Contains([]kind{boolean, number, text, moment, span}, l.kind) {
			return p.mismatch(n, l, r)
		}
		p.enum(l, n.Left, n.Right)
		p.enum(r, n.Right, n.Left)
		result.node = &compareNode{n.Operator, leftNode, rightNode}
	case "<", "<=", ">", ">=":
		if l.kind != r.kind || !slices.Contains([]kind{number, text, moment, span}, l.kind) {
			return p.mismatch(n, l, r)
		}
		result.node = &compareNode{n.Operator, leftNode, rightNode}
	case "matches", "contains", "startsWith", "endsWith":
		return p.search(n, left, right, leftNode, rightNode)
	case "in":
		if r.kind == mapping && l.kind != text || r.kind == list && l.kind != r.elem().kind ||
			r.kind != mapping && r.kind != list || l.kind == object || l.kind == list {
			return p.mismatch(n, l, r)
		}
		if array, ok := n.Right.(*ast.ArrayNode); ok {
			for _, element := range array.Nodes {
				p.enum(l, n.Left, element)
			}
		}
		p.enum(r.elem(), n.Right, n.Left)
		result.node = &inNode{leftNode, rightNode}
	default:
		var ok bool
		if result.typ, ok = arithmetic(n.Operator, l, r); !ok {
			return p.mismatch(n, l, r)
		}
		result.node = &mathNode{operatorWord(n.Operator), leftNode, rightNode, p.label(n)}
	}
	return result
}

func isComparison(op string) bool {
	return slices.Contains([]string{
		"==", "!=", "<", "<=", ">", ">=", "in", "matches", "contains", "startsWith", "endsWith",
	}, op)
}

// arithmetic is the type of l op r.
func arithmetic(op string, l, r typ) (typ, bool) {
	numbers, spans := l.kind == number && r.kind == number, l.kind == span && r.kind == span
	aNumber, aSpan, aMoment := computed[float64](number), computed[time.Duration](span), computed[time.Time](moment)
	if isInteger(l) && isInteger(r) {
		aNumber = computed[int](number)
	}
	switch op {
	case "+":
		switch {
		case l.kind == text && r.kind == text:
			return computed[string](text), true
		case spans:
			return aSpan, true
		case l.kind == moment && r.kind == span, l.kind == span && r.kind == moment:
			return aMoment, true
		}
	case "-":
		switch {
		case spans, l.kind == moment && r.kind == moment:
			return aSpan, true
		case l.kind == moment && r.kind == span:
			return aMoment, true
		}
	case "*":
		if l.kind == span && r.kind == number || l.kind == number && r.kind == span {
			return aSpan, true
		}
	case "/":
		if l.kind == span && r.kind == number {
			return aSpan, true
		}
		return computed[float64](number), numbers || spans
	case "%":
		return aNumber, isInteger(l) && isInteger(r)
	case "**", "^":
		return computed[float64](number), numbers
	default:
		return typ{}, false
	}
	return aNumber, numbers
}

// mismatch says in plain words why an operator does not fit its operands.
func (p *planner) mismatch(n *ast.BinaryNode, l, r typ) term {
	hint := ""
	either := func(k kind) bool { return l.kind == k || r.kind == k }
	switch {
	case either(opaque):
		hint = "; a secret cannot be looked into"
	case n.Operator == "in" && r.kind == text:
		hint = "; write contains to look for a part of a string"
	case n.Operator == "%" && l.kind == number && r.kind == number:
		hint = "; % is for whole numbers"
	case either(span) && either(number):
		hint = "; seconds(…) makes a number of a duration"
	case either(list):
		of := p.words(n.Left)
		if l.kind != list {
			of = p.words(n.Right)
		}
		hint = fmt.Sprintf("; ask about its elements, as in any(%s, …) or len(%s)", of, of)
	case either(text) && either(number):
		hint = "; quotes make a string, and float(…) makes a number of one"
	}
	return p.fault(n, "%s is %s and %s is %s: %q does not work on these%s",
		p.words(n.Left), l.kind, p.words(n.Right), r.kind, n.Operator, hint)
}

// enum refuses to compare a field that has declared values with any other.
func (p *planner) enum(of typ, field, with ast.Node) {
	values := of.values()
	literal, ok := with.(*ast.StringNode)
	if !ok || values == nil || slices.Contains(values, literal.Value) {
		return
	}
	p.fault(with, "%s is never %q%s (values: %s)", p.words(field), literal.Value,
		source.DidYouMean(literal.Value, values), someOf(values))
}

func (p *planner) search(n *ast.BinaryNode, left, right term, leftNode, rightNode node) term {
	if left.typ.kind != text || right.typ.kind != text {
		return p.mismatch(n, left.typ, right.typ)
	}
	result := &textNode{op: n.Operator, left: leftNode, right: rightNode}
	if n.Operator == "matches" {
		literal, ok := n.Right.(*ast.StringNode)
		if !ok {
			return p.fault(n.Right, "the pattern of matches must be written out in quotes")
		}
		pattern, err := regexp.Compile(literal.Value)
		if err != nil {
			return p.fault(n.Right, "%s", err)
		}
		result.pattern, result.cost = pattern, patternCost(literal.Value)
	}
	return term{node: result, typ: computed[bool](boolean), tree: n}
}

// patternCost is how slowly a pattern goes through a text: by the number of
// instructions that may be tried at each byte.
func patternCost(pattern string) int {
	const base = 16
	tree, err := regex.Parse(pattern, regex.Perl)
	if err != nil {
		return base
	}
	program, err := regex.Compile(tree.Simplify())
	if err != nil {
		return base
	}
	return base + 2*len(program.Inst)
}

// interval plans from..to. Its bounds are written out, so that its length is
// known at load.
func (p *planner) interval(n *ast.BinaryNode) term {
	from, ok := literalInt(n.Left)
	to, alsoOK := literalInt(n.Right)
	if !ok || !alsoOK {
		return p.fault(n, "the bounds of a range must be whole numbers that are written out, as in 1..10")
	}
	if to-from >= maxRange {
		return p.fault(n, "the range %s is longer than %d numbers", p.words(n), maxRange)
	}
	return term{node: &rangeNode{from, max(to, from-1)}, typ: computed[[]int](list), tree: n}
}

func literalInt(n ast.Node) (int, bool) {
	const most = 1 << 40 // so that differences do not overflow
	switch n := n.(type) {
	case *ast.IntegerNode:
		return n.Value, -most < n.Value && n.Value < most
	case *ast.UnaryNode:
		i, ok := literalInt(n.Node)
		return -i, ok && n.Operator == "-"
	}
	return 0, false
}

func (p *planner) choose(n *ast.ConditionalNode) term {
	condition := p.condition(n.Cond, "what stands before ?")
	yes, no := p.plan(n.Exp1), p.plan(n.Exp2)
	node := &chooseNode{p.use(condition), p.use(yes), p.use(no)}
	if yes.typ.kind == broken || no.typ.kind == broken {
		return term{tree: n}
	}
	t := term{node: node, typ: yes.typ, tree: n}
	t.typ.enum = ""
	switch {
	case yes.typ.kind != no.typ.kind:
		return p.fault(n.Exp2, "the choices must be of one type; %s is %s and %s is %s",
			p.words(n.Exp1), yes.typ.kind, p.words(n.Exp2), no.typ.kind)
	case yes.typ.kind == number && !(isInteger(yes.typ) && isInteger(no.typ)):
		t.typ = computed[float64](number)
	case (yes.typ.kind == list || yes.typ.kind == object || yes.typ.kind == mapping) && yes.typ.rt != no.typ.rt:
		return p.fault(n.Exp2, "the choices must be of one type; those of %s and %s differ",
			p.words(n.Exp1), p.words(n.Exp2))
	}
	return t
}

func (p *planner) array(n *ast.ArrayNode) term {
	if len(n.Nodes) == 0 {
		return p.fault(n, "an empty list is of no use here")
	}
	elements, first := make([]node, len(n.Nodes)), term{}
	for i, element := range n.Nodes {
		t := p.plan(element)
		elements[i] = p.use(t)
		switch {
		case t.typ.kind == broken:
			return term{tree: n}
		case i == 0:
			first = t
		case t.typ.kind != first.typ.kind:
			return p.fault(element, "the elements of a list must be of one type; %s is %s and %s is %s",
				p.words(first.tree), first.typ.kind, p.words(element), t.typ.kind)
		case t.typ.kind == number && !isInteger(t.typ):
			first.typ = t.typ
		}
	}
	if !slices.Contains([]kind{boolean, number, text, moment, span}, first.typ.kind) {
		return p.fault(n, "a list is written with numbers or strings")
	}
	t := typ{kind: list, rt: reflect.SliceOf(first.typ.rt)}
	if first.typ.kind == number && !isInteger(first.typ) {
		t.rt = reflect.TypeFor[[]float64]()
	}
	return term{node: &listNode{elements}, typ: t, tree: n}
}
