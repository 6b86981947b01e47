package expression

import (
	"cmp"
	"reflect"
	"regexp"
	"strings"
)

// textNode is matches, contains, startsWith and endsWith.
type textNode struct {
	op          string
	left, right node
	pattern     *regexp.Regexp // of matches, whose right side is a literal
	cost        int            // of the pattern, per 256 bytes
}

func (n *textNode) eval(e *run) (value, *cause) {
	left, why := e.text(n.left)
	if why != nil {
		return value{}, why
	}
	if n.op == "matches" {
		if why := e.charge(len(left) / 256 * n.cost); why != nil {
			return value{}, why
		}
		return value{x: n.pattern.MatchString(left)}, nil
	}
	right, why := e.text(n.right)
	if why != nil {
		return value{}, why
	}
	switch n.op {
	case "contains":
		return value{x: strings.Contains(left, right)}, nil
	case "startsWith":
		return value{x: strings.HasPrefix(left, right)}, nil
	}
	return value{x: strings.HasSuffix(left, right)}, nil
}

// inNode is in, over a list, an array literal or the keys of a map. What is
// found is found however much is missing.
type inNode struct{ left, right node }

func (n *inNode) eval(e *run) (value, *cause) {
	left, why := e.eval(n.left)
	if why != nil {
		return value{}, why
	}
	right, why := e.eval(n.right)
	if why != nil {
		return value{}, why
	}
	if m, ok := right.x.(reflect.Value); ok {
		key, _ := left.x.(string)
		entry := m.MapIndex(reflect.ValueOf(key).Convert(m.Type().Key()))
		if entry.IsValid() {
			return value{x: true}, nil
		}
		return value{x: false}, cmp.Or(right.gaps.of(key).here(), right.gaps.here())
	}
	l, _ := right.x.(*items)
	unknown := l.gaps.here()
	s, _ := left.x.(string)
	for i := range l.len() {
		if why := e.charge(1 + len(s)/64); why != nil {
			return value{}, why
		}
		element, why := l.item(i)
		if why == nil && equal(left.x, element.x) {
			return value{x: true}, nil
		}
		unknown = cmp.Or(unknown, why)
	}
	return value{x: false}, unknown
}

// listNode is an array literal.
type listNode struct{ elements []node }

func (n *listNode) eval(e *run) (value, *cause) {
	made := make([]value, len(n.elements))
	for i, element := range n.elements {
		v, why := e.eval(element)
		if why != nil {
			return value{}, why
		}
		made[i] = v
	}
	return value{x: &items{made: made}}, nil
}

type rangeNode struct{ from, to int }

func (n *rangeNode) eval(e *run) (value, *cause) {
	made := make([]value, 0, n.to-n.from+1)
	for i := n.from; i <= n.to; i++ {
		made = append(made, value{x: i})
	}
	return value{x: &items{made: made}}, e.charge(len(made))
}
