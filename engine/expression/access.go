package expression

import (
	"fmt"
	"reflect"
)

// rootNode reads a name of the scope.
type rootNode struct{ name string }

func (n *rootNode) eval(e *run) (value, *cause) {
	r, ok := e.env.roots[n.name]
	switch {
	case !ok:
		return value{}, &cause{reason: n.name + " was not run"}
	case r.missing != nil:
		return value{}, r.missing
	case !r.value.IsValid():
		return value{}, &cause{reason: n.name + ": there is nothing to read"}
	}
	return load(r.value, &place{name: n.name}, r.gaps)
}

// fieldNode reads a field of a struct.
type fieldNode struct {
	of    node
	name  string
	index []int
	typ   reflect.Type
}

func (n *fieldNode) eval(e *run) (value, *cause) {
	v, why := e.eval(n.of)
	if why != nil {
		return value{}, why
	}
	s, ok := v.x.(reflect.Value)
	if !ok || s.Kind() != reflect.Struct {
		return value{}, n.otherType(v)
	}
	var field reflect.Value
	if s.Type() == n.typ {
		field = s.FieldByIndex(n.index)
	} else { // bound to another type than was declared
		f, found := fieldOf(s.Type(), n.name)
		if !found || f.Type.Kind() != n.typ.FieldByIndex(n.index).Type.Kind() {
			return value{}, n.otherType(v)
		}
		field = s.FieldByIndex(f.Index)
	}
	return load(field, &place{up: v.at, name: n.name}, v.gaps.of(n.name))
}

func (n *fieldNode) otherType(v value) *cause {
	return &cause{reason: fmt.Sprintf("%s: internal: no field %s in a %T", v.at, n.name, v.x)}
}

// keyNode reads an entry of a map; one that is not there is unknown.
type keyNode struct{ of, key node }

func (n *keyNode) eval(e *run) (value, *cause) {
	v, why := e.eval(n.of)
	if why != nil {
		return value{}, why
	}
	key, why := e.text(n.key)
	if why != nil {
		return value{}, why
	}
	m, _ := v.x.(reflect.Value)
	entry := m.MapIndex(reflect.ValueOf(key).Convert(m.Type().Key()))
	inner := v.gaps.of(key)
	if !entry.IsValid() {
		for _, g := range []*gaps{inner, v.gaps} {
			if why := g.here(); why != nil {
				return value{}, why
			}
		}
		return value{}, &cause{reason: fmt.Sprintf("%s: no key %q", v.at, clip(key, 80))}
	}
	if why := inner.here(); why != nil {
		return value{}, why
	}
	return load(entry, &place{up: v.at, name: key, sort: atKey}, inner)
}

// itemNode reads an element of a list; a negative index counts from the end.
type itemNode struct {
	of, index node
	label     label
}

func (n *itemNode) eval(e *run) (value, *cause) {
	l, why := e.list(n.of)
	if why != nil {
		return value{}, why
	}
	v, why := e.eval(n.index)
	if why != nil {
		return value{}, why
	}
	if why := l.gaps.here(); why != nil {
		return value{}, why // where an element is depends on those that are missing
	}
	i, _ := v.x.(int)
	if i < 0 {
		i += l.len()
	}
	if i < 0 || i >= l.len() {
		return value{}, n.label.because("there are %d elements", l.len())
	}
	return l.item(i)
}

// sliceNode is a part of a list or string; the bounds are clamped.
type sliceNode struct{ of, from, to node }

func (n *sliceNode) eval(e *run) (value, *cause) {
	v, why := e.eval(n.of)
	if why != nil {
		return value{}, why
	}
	var length int
	var runes []rune
	l, isList := v.x.(*items)
	if isList {
		if why := l.gaps.here(); why != nil {
			return value{}, why
		}
		length = l.len()
	} else {
		s, _ := v.x.(string)
		if why := e.charge(len(s) / 8); why != nil {
			return value{}, why
		}
		runes = []rune(s)
		length = len(runes)
	}
	from, why := bound(e, n.from, 0, length)
	if why != nil {
		return value{}, why
	}
	to, why := bound(e, n.to, length, length)
	if why != nil {
		return value{}, why
	}
	to = max(from, to)
	if why := e.charge(to - from); why != nil {
		return value{}, why
	}
	if !isList {
		return value{x: string(runes[from:to])}, nil
	}
	part := &items{made: make([]value, 0, to-from)}
	for i := from; i < to; i++ {
		element, why := l.item(i)
		if why != nil {
			return value{}, why
		}
		part.made = append(part.made, element)
	}
	return value{x: part}, nil
}

func bound(e *run, n node, otherwise, length int) (int, *cause) {
	if n == nil {
		return otherwise, nil
	}
	v, why := e.eval(n)
	if why != nil {
		return 0, why
	}
	i, _ := v.x.(int)
	if i < 0 {
		i += length
	}
	return min(max(i, 0), length), nil
}

// elementNode is # in a predicate, and indexNode #index.
type (
	elementNode struct{}
	indexNode   struct{}
)

func (*elementNode) eval(e *run) (value, *cause) {
	f := e.stack[len(e.stack)-1]
	return f.element, f.unknown
}

func (*indexNode) eval(e *run) (value, *cause) {
	return value{x: e.stack[len(e.stack)-1].index}, nil
}
