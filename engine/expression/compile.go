package expression

import (
	"slices"

	"gumshoe/engine/source"
)

// compiled is an expression that has been checked. It is immutable.
type compiled struct {
	text  source.Text
	node  node
	typ   typ
	key   string
	reads []Read
}

// compile checks the part of a text that is an expression; it gives nil when
// there are faults.
func compile(text source.Text, part string, base int, scope *Scope, faults *source.Faults) *compiled {
	syntax := parse(text, part, base, faults)
	if syntax == nil {
		return nil
	}
	before := len(*faults)
	p := &planner{syntax: syntax, scope: scope, faults: faults}
	t := p.plan(syntax.tree)
	c := &compiled{text: text, node: p.use(t), typ: t.typ, key: printer{syntax.shares}.print(syntax.tree), reads: p.reads}
	if len(*faults) > before || t.typ.kind == broken {
		if len(*faults) == before {
			faults.Addf(syntax.at(0), "the expression cannot be used")
		}
		return nil
	}
	return c
}

// Reads lists what it reads, each once, in the order of checking.
func (c *compiled) Reads() []Read { return slices.Clone(c.reads) }

// Roots lists the names of the scope that it reads, sorted, each once.
func (c *compiled) Roots() []string { return rootsOf(c.reads) }

func rootsOf(reads []Read) []string {
	roots := make([]string, len(reads))
	for i, r := range reads {
		roots[i] = r.Root
	}
	slices.Sort(roots)
	return slices.Compact(roots)
}

// run evaluates, and takes whatever a bug of ours does for a reason.
func (c *compiled) run(e *run) (v value, why *cause) {
	why = safely(func() (why *cause) {
		v, why = e.eval(c.node)
		if why == nil {
			why = unreadInside(v)
		}
		return why
	})
	return v, why
}

// unreadInside is why a value that is used as a whole is not known.
func unreadInside(v value) *cause {
	if l, ok := v.x.(*items); ok {
		if _, why := l.all(); why != nil {
			return why
		}
		for i := range l.len() {
			element, _ := l.item(i)
			if why := element.gaps.any(); why != nil {
				return why
			}
		}
	}
	return v.gaps.any()
}
