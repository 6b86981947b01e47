package expression

import (
	"reflect"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"gumshoe/engine/statistic"
)

// ofList plans the functions of one list.
func (p *planner) ofList(n ast.Node, name string, nodes []ast.Node) term {
	if len(nodes) != 1 {
		return p.fault(n, "%s takes a list", name)
	}
	over := p.plan(nodes[0])
	element := over.typ.elem()
	switch {
	case over.typ.kind == broken:
		return term{tree: n}
	case over.typ.kind != list:
		return p.fault(nodes[0], "%s takes a list, and %s is %s", name, p.words(nodes[0]), over.typ.kind)
	case name == "sum" && element.kind != number, name == "count" && element.kind != boolean:
		return p.fault(nodes[0], "%s takes a list and a predicate, as in %s(disk.mounts, …)", name, name)
	case name == "sort" || name == "uniq":
		if !slices.Contains([]kind{number, text, moment, span}, element.kind) {
			return p.fault(nodes[0], "%s takes a list of numbers or strings%s", name,
				map[bool]string{true: "; sortBy(list, .field) sorts objects"}[name == "sort"])
		}
	}
	if name == "first" || name == "last" {
		index := &constNode{value{x: map[string]int{"first": 0, "last": -1}[name]}}
		t := over.below(n, "[]")
		t.node, t.typ = &itemNode{over.node, index, p.label(n)}, element
		return p.readable(n, t)
	}
	t := term{tree: n, typ: over.typ, root: over.root, path: over.path}
	listNode := p.use(over)
	switch name {
	case "sum", "count":
		t.typ, t.root, t.path = computed[int](number), "", ""
		if name == "sum" && !isInteger(element) {
			t.typ = computed[float64](number)
		}
		t.node = &loopNode{name: name, list: listNode, label: p.label(n)}
	default:
		t.node = &callNode{[]node{listNode}, rearranged(name), p.label(n)}
	}
	return t
}

// rearranged is reverse, sort and uniq; uniq keeps the first of equal values.
func rearranged(name string) func(*callArgs) (any, *cause) {
	return func(c *callArgs) (any, *cause) {
		values, why := c.list(0).all()
		if why != nil {
			return nil, why
		}
		switch name {
		case "reverse":
			slices.Reverse(values)
		case "sort":
			if why := c.run.chargeSort(values); why != nil {
				return nil, why
			}
			slices.SortStableFunc(values, func(a, b value) int { return order(a.x, b.x) })
		case "uniq":
			seen := make(map[any]bool, len(values))
			values = slices.DeleteFunc(values, func(v value) bool {
				key := v.x
				switch x := v.x.(type) {
				case int:
					key = float64(x)
				case time.Time:
					key = x.UnixNano()
				}
				known := seen[key]
				seen[key] = true
				return known
			})
		}
		return &items{made: values}, nil
	}
}

// ofMapping plans keys and values; keys are sorted, and values in their order.
func (p *planner) ofMapping(n ast.Node, name string, nodes []ast.Node) term {
	args, terms, ok := p.arguments(n, name, nodes, mapping)
	if !ok {
		return term{tree: n}
	}
	t := term{tree: n, typ: textList()}
	if name == "values" {
		t.typ = listOf(terms[0].typ.elem())
		t.root, t.path = terms[0].root, terms[0].path
	}
	t.node = &callNode{args: args, label: p.label(n), f: func(c *callArgs) (any, *cause) {
		m, _ := c.args[0].x.(reflect.Value)
		if why := c.args[0].gaps.here(); why != nil {
			return nil, why
		}
		if why := c.run.charge(m.Len()); why != nil {
			return nil, why
		}
		keys := make([]string, 0, m.Len())
		for _, key := range m.MapKeys() {
			keys = append(keys, key.String())
		}
		slices.Sort(keys)
		made := make([]value, len(keys))
		for i, key := range keys {
			made[i] = value{x: key}
			if name != "values" {
				continue
			}
			inner := c.args[0].gaps.of(key)
			if why := inner.here(); why != nil {
				return nil, why
			}
			entry := m.MapIndex(reflect.ValueOf(key).Convert(m.Type().Key()))
			v, why := load(entry, &place{up: c.args[0].at, name: key, sort: atKey}, inner)
			if why != nil {
				return nil, why
			}
			made[i] = v
		}
		return &items{made: made}, nil
	}}
	return t
}

// aggregate plans min, max, mean and median, of numbers and lists of numbers.
func (p *planner) aggregate(n ast.Node, name string, nodes []ast.Node) term {
	t := term{tree: n, typ: computed[int](number)}
	if len(nodes) == 0 {
		return p.fault(n, "%s takes numbers, or a list of numbers", name)
	}
	args, ok := make([]node, len(nodes)), true
	for i, argument := range nodes {
		a := p.plan(argument)
		args[i] = p.use(a)
		kind := a.typ
		if kind.kind == list {
			kind = kind.elem()
		}
		switch {
		case a.typ.kind == broken:
			ok = false
		case kind.kind != number:
			p.fault(argument, "%s takes numbers, or a list of numbers, as map(list, .field) gives; %s is %s%s",
				name, p.words(argument), a.typ.kind, ofWhat(a.typ))
			ok = false
		case !isInteger(kind):
			t.typ = computed[float64](number)
		}
	}
	if !ok {
		return term{tree: n}
	}
	if name == "mean" || name == "median" {
		t.typ = computed[float64](number)
	}
	t.node = &callNode{args: args, label: p.label(n), f: func(c *callArgs) (any, *cause) {
		return c.aggregate(name)
	}}
	return t
}

func (c *callArgs) aggregate(name string) (any, *cause) {
	var values []value
	for i, arg := range c.args {
		l := c.list(i)
		if l == nil {
			values = append(values, arg)
			continue
		}
		more, why := l.all()
		if why != nil {
			return nil, why
		}
		values = append(values, more...)
	}
	if len(values) == 0 {
		return nil, c.label.because("an empty list has none")
	}
	byOrder := func(a, b value) int { return order(a.x, b.x) }
	switch name {
	case "min":
		return slices.MinFunc(values, byOrder), nil
	case "max":
		return slices.MaxFunc(values, byOrder), nil
	}
	numbers, sum := make([]float64, len(values)), 0.0
	for i, v := range values {
		numbers[i] = float(v.x)
		sum += numbers[i]
	}
	result := sum / float64(len(numbers))
	if name == "median" {
		slices.Sort(numbers)
		result = statistic.Quantile(numbers, 0.5)
	}
	if !finite(result) {
		return nil, c.label.because("not a finite number")
	}
	return result, nil
}
