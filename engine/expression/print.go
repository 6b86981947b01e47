package expression

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// printer writes syntax trees in a canonical form, in which the same tree has
// one text and different trees have different ones. expr's own String keeps
// "&&" apart from "and", and drops parentheses that matter, as in
// (a ? b : c).d.
type printer struct{ shares map[int]bool }

func (p printer) print(n ast.Node) string {
	var b strings.Builder
	p.write(&b, n)
	return b.String()
}

func (p printer) write(b *strings.Builder, n ast.Node) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		b.WriteString(n.Value)
	case *ast.IntegerNode:
		b.WriteString(strconv.Itoa(n.Value))
	case *ast.FloatNode:
		s := strconv.FormatFloat(n.Value, 'g', -1, 64)
		b.WriteString(s)
		if !strings.ContainsAny(s, ".eIN") {
			b.WriteString(".0")
		}
	case *ast.BoolNode:
		b.WriteString(strconv.FormatBool(n.Value))
	case *ast.StringNode:
		b.WriteString(strconv.Quote(n.Value))
	case *ast.UnaryNode:
		op := n.Operator
		if op == "!" || op == "not" {
			op = "not "
		}
		b.WriteString(op)
		p.operand(b, n.Node)
	case *ast.BinaryNode:
		p.operand(b, n.Left)
		fmt.Fprintf(b, " %s ", operatorWord(n.Operator))
		p.operand(b, n.Right)
	case *ast.MemberNode:
		p.member(b, n)
	case *ast.SliceNode:
		p.operand(b, n.Node)
		b.WriteByte('[')
		if n.From != nil {
			p.write(b, n.From)
		}
		b.WriteByte(':')
		if n.To != nil {
			p.write(b, n.To)
		}
		b.WriteByte(']')
	case *ast.CallNode:
		p.operand(b, n.Callee)
		p.list(b, "(", n.Arguments, ")")
	case *ast.BuiltinNode:
		b.WriteString(p.name(n))
		p.list(b, "(", n.Arguments, ")")
	case *ast.PredicateNode:
		p.write(b, n.Node)
	case *ast.PointerNode:
		b.WriteString("#" + n.Name)
	case *ast.ConditionalNode:
		p.operand(b, n.Cond)
		b.WriteString(" ? ")
		p.operand(b, n.Exp1)
		b.WriteString(" : ")
		p.operand(b, n.Exp2)
	case *ast.ArrayNode:
		p.list(b, "[", n.Nodes, "]")
	default:
		fmt.Fprintf(b, "%v", n) // only in messages: the rest is refused
	}
}

// operand puts what has an operator of its own in parentheses.
func (p printer) operand(b *strings.Builder, n ast.Node) {
	switch n.(type) {
	case *ast.BinaryNode, *ast.UnaryNode, *ast.ConditionalNode:
		b.WriteByte('(')
		p.write(b, n)
		b.WriteByte(')')
	default:
		p.write(b, n)
	}
}

func (p printer) member(b *strings.Builder, n *ast.MemberNode) {
	if pointer, ok := n.Node.(*ast.PointerNode); !ok || pointer.Name != "" {
		p.operand(b, n.Node)
	} else if _, field := n.Property.(*ast.StringNode); !field {
		b.WriteByte('#')
	}
	if name, ok := n.Property.(*ast.StringNode); ok && isName(name.Value) {
		b.WriteString("." + name.Value)
		return
	} else if pointer, is := n.Node.(*ast.PointerNode); ok && is && pointer.Name == "" {
		b.WriteByte('#')
	}
	b.WriteByte('[')
	p.write(b, n.Property)
	b.WriteByte(']')
}

func (p printer) list(b *strings.Builder, open string, nodes []ast.Node, end string) {
	b.WriteString(open)
	for i, n := range nodes {
		if i > 0 {
			b.WriteString(", ")
		}
		p.write(b, n)
	}
	b.WriteString(end)
}

func (p printer) name(n *ast.BuiltinNode) string {
	if n.Name == "count" && p.shares[n.Location().From] {
		return "share"
	}
	return n.Name
}

func operatorWord(op string) string {
	switch op {
	case "&&":
		return "and"
	case "||":
		return "or"
	case "^":
		return "**"
	}
	return op
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
