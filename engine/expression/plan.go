package expression

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"

	"gumshoe/engine/source"
)

// Read is something that an expression reads: a name of the scope, and the
// chain of fields below it, with [] for an element of a list or a key that is
// not a literal: "mounts[].used_percent", `matches["refused"]`. Path is "" when
// the whole is read.
type Read struct{ Root, Path string }

// term is a part of an expression that has been checked.
type term struct {
	node node
	typ  typ
	tree ast.Node
	// root and path are where its value comes from, when that is known; chain is
	// set while it is nothing but a chain of fields.
	root, path string
	chain      bool
}

// planner checks a syntax tree and makes nodes of it. It goes on after a fault,
// so that all of them are found; what is wrong becomes a term of kind broken.
type planner struct {
	*syntax
	scope    *Scope
	faults   *source.Faults
	reads    []Read
	elements []term // of the lists around, the innermost last
}

func (p *planner) fault(n ast.Node, format string, args ...any) term {
	p.faults.Addf(p.at(start(n)), format, args...)
	return term{tree: n}
}

// start is where a part begins; the parser places a chain at its last field.
func start(n ast.Node) int {
	switch n := n.(type) {
	case *ast.MemberNode:
		return start(n.Node)
	case *ast.SliceNode:
		return start(n.Node)
	}
	return n.Location().From
}

func (p *planner) label(n ast.Node) label { return label{printer{p.shares}, n} }

func (p *planner) words(n ast.Node) string { return p.label(n).String() }

// use is the node of a term whose value is consumed: a chain ends here.
func (p *planner) use(t term) node {
	if !t.chain || t.typ.kind == broken {
		return t.node
	}
	p.note(Read{t.root, t.path})
	return &readNode{t.node}
}

func (p *planner) note(r Read) {
	if !slices.Contains(p.reads, r) {
		p.reads = append(p.reads, r)
	}
}

// plan checks a part of the tree.
func (p *planner) plan(n ast.Node) term {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return p.name(n)
	case *ast.IntegerNode:
		return constant(n, n.Value, computed[int](number))
	case *ast.FloatNode:
		return constant(n, n.Value, computed[float64](number))
	case *ast.BoolNode:
		return constant(n, n.Value, computed[bool](boolean))
	case *ast.StringNode:
		return constant(n, n.Value, computed[string](text))
	case *ast.UnaryNode:
		return p.unary(n)
	case *ast.BinaryNode:
		return p.binary(n)
	case *ast.MemberNode:
		return p.member(n)
	case *ast.SliceNode:
		return p.slice(n)
	case *ast.ConditionalNode:
		return p.choose(n)
	case *ast.ArrayNode:
		return p.array(n)
	case *ast.PointerNode:
		return p.pointer(n)
	case *ast.BuiltinNode:
		return p.builtin(n)
	case *ast.CallNode:
		return p.call(n)
	default:
		return p.refuse(n)
	}
}

func constant(n ast.Node, x any, t typ) term {
	return term{node: &constNode{value{x: x}}, typ: t, tree: n}
}

func (p *planner) name(n *ast.IdentifierNode) term {
	if t, ok := p.scope.names[n.Value]; ok {
		return p.readable(n, term{
			node: &rootNode{n.Value}, typ: typeOf(t, ""), tree: n, root: n.Value, chain: true,
		})
	}
	switch n.Value {
	case "KiB":
		return constant(n, 1<<10, computed[int](number))
	case "MiB":
		return constant(n, 1<<20, computed[int](number))
	case "GiB":
		return constant(n, 1<<30, computed[int](number))
	case "$env":
		return p.refuse(n)
	}
	if len(p.elements) > 0 {
		of := p.elements[len(p.elements)-1].typ
		if of.kind == object {
			if near := source.Nearest(n.Value, fieldNames(of.rt)); near != "" {
				return p.fault(n, "unknown step or input %q; did you mean %q, the element's field?", n.Value, "."+near)
			}
		}
	}
	known := p.scope.Names()
	message := fmt.Sprintf("unknown step or input %q", n.Value)
	if near := source.DidYouMean(n.Value, known); near != "" {
		message += near
	} else if in, ok := p.scope.names["inputs"]; ok && typeOf(in, "").kind == object &&
		slices.Contains(fieldNames(in), n.Value) {
		message += fmt.Sprintf("; did you mean %q?", "inputs."+n.Value)
	} else if len(known) > 0 {
		message += "; known here: " + someOf(known)
	}
	return p.fault(n, "%s", message)
}

// readable refuses what is of a Go type that expressions cannot read.
func (p *planner) readable(n ast.Node, t term) term {
	if t.typ.kind == foreign {
		return p.fault(n, "%s cannot be read in an expression", p.words(n))
	}
	return t
}

func (p *planner) member(n *ast.MemberNode) term {
	if n.Optional {
		return p.refuse(n)
	}
	base := p.plan(n.Node)
	literal, isLiteral := n.Property.(*ast.StringNode)
	switch base.typ.kind {
	case object:
		if isLiteral {
			return p.field(n, base, literal.Value)
		}
	case mapping:
		return p.key(n, base)
	case list:
		if !isLiteral {
			return p.item(n, base)
		}
		return p.fault(n.Property, "%s is a list; ask about its elements, as in any(%s, .%s …)",
			p.words(n.Node), p.words(n.Node), literal.Value)
	case broken:
		p.visit(n.Property)
		return term{tree: n}
	}
	p.visit(n.Property)
	if isLiteral {
		return p.fault(n.Property, "%s is %s, which has no field %q", p.words(n.Node), base.typ.kind, literal.Value)
	}
	return p.fault(n, "%s is %s, which has no elements", p.words(n.Node), base.typ.kind)
}

// visit checks a part only for its faults.
func (p *planner) visit(n ast.Node) {
	if n != nil {
		p.use(p.plan(n))
	}
}

func (p *planner) field(n *ast.MemberNode, base term, name string) term {
	f, ok := fieldOf(base.typ.rt, name)
	if !ok {
		names := fieldNames(base.typ.rt)
		return p.fault(n.Property, "%s has no field %q%s (fields: %s)",
			p.words(n.Node), name, source.DidYouMean(name, names), someOf(names))
	}
	t := base.below(n, name)
	t.node = &fieldNode{of: base.node, name: name, index: f.Index, typ: base.typ.rt}
	t.typ = typeOf(f.Type, f.Tag.Get("enum"))
	return p.readable(n, t)
}

// below is the term of what is read from another: its node and type are to be
// filled in.
func (t term) below(n ast.Node, path string) term {
	under := term{tree: n, root: t.root, path: t.path, chain: t.root != ""}
	if under.path != "" && path != "" && path[0] != '[' {
		under.path += "."
	}
	under.path += path
	return under
}

func (p *planner) key(n *ast.MemberNode, base term) term {
	key := p.plan(n.Property)
	if key.typ.kind == broken {
		return term{tree: n}
	}
	if key.typ.kind != text {
		return p.fault(n.Property, "%s is a mapping; its keys are strings, not %s", p.words(n.Node), key.typ.kind)
	}
	path := "[]"
	if literal, ok := n.Property.(*ast.StringNode); ok {
		path = fmt.Sprintf("[%q]", literal.Value)
	}
	t := base.below(n, path)
	t.node, t.typ = &keyNode{base.node, p.use(key)}, base.typ.elem()
	return p.readable(n, t)
}

func (p *planner) item(n *ast.MemberNode, base term) term {
	index := p.plan(n.Property)
	if index.typ.kind == broken {
		return term{tree: n}
	}
	if !isInteger(index.typ) {
		return p.fault(n.Property, "%s is a list; the number of an element is a whole number, not %s",
			p.words(n.Node), index.typ.kind)
	}
	t := base.below(n, "[]")
	t.node, t.typ = &itemNode{base.node, p.use(index), p.label(n)}, base.typ.elem()
	return p.readable(n, t)
}

func (p *planner) slice(n *ast.SliceNode) term {
	base := p.plan(n.Node)
	var bounds [2]node
	for i, side := range []ast.Node{n.From, n.To} {
		if side == nil {
			continue
		}
		t := p.plan(side)
		if t.typ.kind != broken && !isInteger(t.typ) {
			return p.fault(side, "a part of a list goes from one whole number to another, not to %s", t.typ.kind)
		}
		bounds[i] = p.use(t)
	}
	t := term{tree: n, typ: base.typ, root: base.root, path: base.path}
	switch base.typ.kind {
	case list:
		if base.chain {
			p.note(Read{base.root, base.path})
		}
		t.node = &sliceNode{base.node, bounds[0], bounds[1]}
	case text:
		t.root, t.path = "", ""
		t.node = &sliceNode{p.use(base), bounds[0], bounds[1]}
	case broken:
	default:
		return p.fault(n, "%s is %s; only lists and strings have parts", p.words(n.Node), base.typ.kind)
	}
	return t
}

func (p *planner) pointer(n *ast.PointerNode) term {
	switch {
	case len(p.elements) == 0:
		return p.fault(n, "# and a leading dot stand for an element, and only in any(list, …) and the like")
	case n.Name == "":
		t := p.elements[len(p.elements)-1]
		t.tree = n
		return t
	case n.Name == "index":
		return term{node: &indexNode{}, typ: computed[int](number), tree: n}
	}
	return p.fault(n, "unknown #%s; there is # (the element) and #index (its number)", n.Name)
}
