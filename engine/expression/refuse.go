package expression

import (
	"strings"

	"github.com/expr-lang/expr/ast"

	"gumshoe/engine/source"
)

// refuse says why a part of expr-lang is not a part of this language, and what
// to write instead.
func (p *planner) refuse(n ast.Node) term {
	message := "this is not available in expressions"
	switch n.(type) {
	case *ast.VariableDeclaratorNode:
		message = "let is not available; write the value where it is used"
	case *ast.SequenceNode:
		message = `";": an expression is one value; write each condition as an item of its own`
	case *ast.NilNode:
		message = "nil is not available: what could not be read makes a condition unknown by itself"
	case *ast.ChainNode, *ast.MemberNode:
		message = "?. is not available: what could not be read makes a condition unknown by itself; write ."
	case *ast.BinaryNode:
		message = "?? is not available: a default for what could not be read would hide that it is unknown"
	case *ast.IdentifierNode:
		message = "$env is not available; write the name of a step or input"
	case *ast.MapNode:
		message = "a mapping cannot be written in an expression"
	case *ast.BytesNode:
		message = "bytes cannot be written in an expression; write a string"
	}
	return p.fault(n, "%s", message)
}

// refuseCall says why a function cannot be called.
func (p *planner) refuseCall(n ast.Node, name string) term {
	switch name {
	case "now", "timezone":
		return p.fault(n, "%s is not available: an expression reads no clock, so that a recorded run gives "+
			"the same verdict; compare with incident.onset", name)
	case "get":
		return p.fault(n, `get is not available; write x["key"], which is unknown when there is no such key`)
	case "reduce":
		return p.fault(n, "reduce is not available; use sum, count, min, max, any or all")
	case "fromJSON", "toJSON":
		return p.fault(n, "%s is not available; let the check read the JSON, and refer to its fields", name)
	}
	functions := Functions()
	return p.fault(n, "unknown function %q%s (functions: %s)", name,
		source.DidYouMean(name, functions), strings.Join(functions, ", "))
}
