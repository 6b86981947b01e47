package expression

import (
	"slices"

	"gumshoe/engine/source"
)

// maxNames is the most names that an expression gives.
const maxNames = 100

// Names is an expression that gives a string or a list of strings: which mount,
// which service. It is immutable and safe for concurrent use.
type Names struct{ compiled }

// CompileNames compiles an expression that gives a string or a list of strings.
func CompileNames(t source.Text, scope *Scope) (*Names, source.Faults) {
	var faults source.Faults
	c := compile(t, t.Value, 0, scope, &faults)
	if c == nil {
		return nil, faults.Sorted()
	}
	if c.typ.kind != text && (c.typ.kind != list || c.typ.elem().kind != text) {
		hint := ""
		if c.typ.kind == list && c.typ.elem().kind == object {
			hint = " of objects; map(…, .name) takes one field of each"
		}
		faults.Addf(t.Position, "names are a string or a list of strings, and this is %s%s", c.typ.kind, hint)
		return nil, faults
	}
	return &Names{*c}, nil
}

// Text is the expression as it was written, and where.
func (n *Names) Text() source.Text { return n.text }

// Eval gives the names, each once, without empty ones, at most 100; or the
// reason why they are not known. Of an incomplete list it gives those that are
// seen.
func (n *Names) Eval(env *Environment) (names []string, unknown string) {
	v, why := n.run(&run{env: env, label: n.key, partial: true})
	if why != nil {
		return nil, why.reason
	}
	add := func(x any) {
		if s, _ := x.(string); s != "" && !slices.Contains(names, s) && len(names) < maxNames {
			names = append(names, clip(s, 200))
		}
	}
	if l, ok := v.x.(*items); ok {
		for i := range l.len() {
			if element, why := l.item(i); why == nil && len(names) < maxNames {
				add(element.x)
			}
		}
		return names, ""
	}
	add(v.x)
	return names, ""
}
