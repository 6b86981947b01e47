package expression

import (
	"reflect"

	"gumshoe/engine/kleene"
	"gumshoe/engine/source"
)

// Condition is an expression that is true or false. It is immutable and safe
// for concurrent use.
type Condition struct{ compiled }

// Result is what a condition came to.
type Result struct {
	Truth kleene.Truth
	// Reason says why it is Unknown, Fix what would change that; both are empty
	// when it is known, and Fix may be.
	Reason, Fix string
	// Values are what was read to come to it, each once, in order of reading; of
	// the elements of a list those that decided. At most 20.
	Values []Value
	// Shown is the condition for people, with values put in: "98 / 100 = 0.98"
	// for db.connections / db.max_connections > 0.9; "/var: 97" for
	// any(disk.mounts, .used_percent > 90). At most 120 characters; empty when
	// Unknown.
	Shown string
}

// Value is something that was read: its whole path with the root, and a string,
// a number, a bool, or a list of these. A longer or deeper one is described.
type Value struct {
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// CompileCondition compiles a condition. Every fault has its exact place when
// the text's is exact, and else the text's.
func CompileCondition(text source.Text, scope *Scope) (*Condition, source.Faults) {
	var faults source.Faults
	c := compile(text, text.Value, 0, scope, &faults)
	if c == nil {
		return nil, faults.Sorted()
	}
	if c.typ.kind != boolean {
		faults.Addf(text.Position, "a condition is true or false, and this is %s%s", c.typ.kind, example(c))
		return nil, faults
	}
	return &Condition{*c}, nil
}

// example says what a condition could be instead.
func example(c *compiled) string {
	switch c.typ.kind {
	case number:
		return "; compare it, as in " + clip(c.key, 60) + " > 0"
	case list:
		return "; ask about its elements, as in any(" + clip(c.key, 60) + ", …) or len(" + clip(c.key, 60) + ") > 0"
	case text:
		return "; compare it, as in " + clip(c.key, 60) + ` == "…"`
	case object:
		return "; ask about one of its fields: " + someOf(fieldNames(c.typ.rt))
	}
	return ""
}

// Text is the condition as it was written, and where.
func (c *Condition) Text() source.Text { return c.text }

// Key is the same for conditions that differ only in white space, quotes,
// comments, superfluous parentheses or the way a number is written, or in
// writing && for and.
func (c *Condition) Key() string { return c.key }

// Eval evaluates the condition. It always returns: what would take
// longer than a second at worst is Unknown, for a reason that names it.
func (c *Condition) Eval(env *Environment) Result {
	e := &run{env: env, label: c.key}
	v, why := c.run(e)
	result := Result{Values: values(e.notes)}
	if why != nil {
		result.Reason, result.Fix = why.reason, why.fix
		if result.Reason == "" {
			result.Reason = "not known"
		}
		return result
	}
	b, _ := v.x.(bool)
	result.Truth = kleene.Of(b)
	if why := safely(func() *cause {
		result.Shown = clip((&run{env: env, label: c.key}).show(c.node), maxShown)
		return nil
	}); why != nil {
		result.Shown = ""
	}
	return result
}

// values turns notes into what a report can hold, each path once.
func values(notes []value) []Value {
	list := make([]Value, 0, len(notes))
	seen := map[string]bool{}
	for _, v := range notes {
		path := v.at.String()
		if !seen[path] {
			seen[path] = true
			list = append(list, Value{path, exported(v)})
		}
	}
	return list
}

func exported(v value) any {
	const most = 10
	switch x := v.x.(type) {
	case bool, int, float64:
		return x
	case string:
		return clip(x, 200)
	case *items:
		if x.len() > most {
			break
		}
		list := make([]any, 0, x.len())
		for i := range x.len() {
			element, why := x.item(i)
			if why != nil || !isScalar(element.x) {
				return brief(v)
			}
			list = append(list, exported(element))
		}
		return list
	case reflect.Value:
		if s := stringer(x); s != "" {
			return clip(s, 200)
		}
		if x.Kind() == reflect.Struct {
			return "an object"
		}
	default:
		return plain(v.x)
	}
	return brief(v)
}
