package expression

import (
	"slices"

	"gumshoe/engine/kleene"
)

// each calls f for the elements of a list in turn with the element bound to #,
// until f returns false. An element that could not be read makes what reads it
// unknown; f is told.
func (e *run) each(l *items, f func(i int, v value, why *cause) bool) *cause {
	depth := len(e.stack)
	defer func() { e.stack = e.stack[:depth] }()
	for i := range l.len() {
		if why := e.charge(1); why != nil {
			return why
		}
		v, why := l.item(i)
		e.stack = append(e.stack[:depth], frame{v, why, i})
		if !f(i, v, why) {
			break
		}
	}
	return nil
}

// quantifierNode is any, all, none and one: the predicate is three-valued for
// each element, and elements missing from the list could be either.
type quantifierNode struct {
	name string
	list node
	body node
}

func (n *quantifierNode) eval(e *run) (value, *cause) {
	l, why := e.list(n.list)
	if why != nil {
		return value{}, why
	}
	trues, unknown := 0, l.gaps.here()
	decided := false
	start := len(e.notes)
	stopped := e.each(l, func(_ int, _ value, _ *cause) bool {
		mark := len(e.notes)
		t, why := e.truth(n.body)
		deciding := t == kleene.Of(n.name != "all")
		if !deciding {
			e.notes = e.notes[:mark]
		}
		switch {
		case t == kleene.Unknown && unknown == nil:
			unknown = why
		case t == kleene.True:
			trues++
		}
		if n.name == "one" {
			decided = trues > 1
		} else {
			decided = decided || deciding
		}
		// The elements that decide are told to people, so that a few more than
		// the first are looked for.
		return !decided || len(e.notes)-start < maxNotes/4
	})
	result := decided == (n.name == "any")
	switch {
	case stopped != nil && !decided:
		return value{}, stopped
	case decided:
	case unknown != nil:
		e.notes = e.notes[:start]
		return value{}, unknown
	case n.name == "one":
		result = trues == 1
	}
	return value{x: result}, nil
}

// loopNode is the other functions of a list and a predicate. An incomplete list
// or a predicate that is unknown for some element makes all of it unknown.
type loopNode struct {
	name  string
	list  node
	body  node // nil in count(list) and sum(list)
	desc  bool // of sortBy
	label label
}

func (n *loopNode) eval(e *run) (value, *cause) {
	l, why := e.list(n.list)
	if why == nil && !n.partly(e, l) {
		why = l.gaps.here()
	}
	if why != nil {
		return value{}, why
	}
	elements, results, why := n.apply(e, l)
	if why != nil {
		return value{}, why
	}
	holds := func(v value) bool { b, _ := v.x.(bool); return b }
	switch n.name {
	case "map":
		return value{x: &items{made: results}}, nil
	case "sum":
		return n.sum(results)
	case "sortBy":
		return n.sort(e, elements, results)
	case "filter":
		var kept []value
		for i, r := range results {
			if holds(r) {
				kept = append(kept, elements[i])
			}
		}
		return value{x: &items{made: kept}}, nil
	case "count", "share":
		count := 0
		for _, r := range results {
			if holds(r) {
				count++
			}
		}
		if n.name == "count" {
			return value{x: count}, nil
		}
		if len(results) == 0 {
			return value{}, n.label.because("a share of an empty list")
		}
		return value{x: float64(count) / float64(len(results))}, nil
	}
	found := slices.IndexFunc(results, holds)
	if n.name == "findLast" || n.name == "findLastIndex" {
		for i, r := range results {
			if holds(r) {
				found = i
			}
		}
	}
	switch {
	case found < 0:
		return value{}, n.label.because("no element matches")
	case n.name == "findIndex" || n.name == "findLastIndex":
		return value{x: found}, nil
	}
	return elements[found], nil
}

// partly reports whether an incomplete list will do.
func (n *loopNode) partly(e *run, l *items) bool {
	return e.partial && len(e.stack) == 0 && l.len() > 0 && (n.name == "map" || n.name == "filter")
}

// apply evaluates the body for every element.
func (n *loopNode) apply(e *run, l *items) (elements, results []value, unknown *cause) {
	elements = make([]value, 0, l.len())
	results = make([]value, 0, l.len())
	stopped := e.each(l, func(_ int, v value, why *cause) bool {
		mark := len(e.notes)
		result := v
		if n.body != nil && (why == nil || n.ofResults()) {
			result, why = e.eval(n.body)
		}
		if why != nil {
			unknown = why
			return false
		}
		if result.x == false {
			e.notes = e.notes[:mark] // only those that match are told
		}
		elements, results = append(elements, v), append(results, result)
		return true
	})
	if stopped != nil {
		unknown = stopped
	}
	return elements, results, unknown
}

// ofResults tells whether the elements themselves do not matter.
func (n *loopNode) ofResults() bool {
	switch n.name {
	case "count", "share", "map", "sum", "findIndex", "findLastIndex":
		return true
	}
	return false
}

func (n *loopNode) sum(results []value) (value, *cause) {
	total := value{x: 0}
	add := mathNode{op: "+", label: n.label}
	for _, r := range results {
		var why *cause
		if total, why = add.numbers(total.x, r.x); why != nil {
			return value{}, why
		}
	}
	return total, nil
}

func (n *loopNode) sort(e *run, elements, keys []value) (value, *cause) {
	if why := e.chargeSort(keys); why != nil {
		return value{}, why
	}
	by := make([]int, len(keys))
	for i := range by {
		by[i] = i
	}
	slices.SortStableFunc(by, func(a, b int) int {
		if n.desc {
			a, b = b, a
		}
		return order(keys[a].x, keys[b].x)
	})
	sorted := make([]value, len(by))
	for i, j := range by {
		sorted[i] = elements[j]
	}
	return value{x: &items{made: sorted}}, nil
}
