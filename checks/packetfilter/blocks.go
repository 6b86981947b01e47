package packetfilter

import "slices"

// block is a test with where to go from it, or a verdict.
type block struct {
	test    test
	yes, no *block // nil of a verdict
	verdict bool

	seen  bool
	known facts // what is known of the packet here; meaningless before reached
	in    []*block
}

// graph is a program: blocks in an order in which each stands before those that
// it goes to. The last two are the verdicts.
type graph []*block

// newGraph lays a condition out, and leaves out the tests whose outcome is known
// from those before. What such a test would load was loaded before, so leaving it
// out changes no verdict, not even of a packet that is cut off.
func newGraph(c condition) graph {
	accept, reject := &block{verdict: true, seen: true}, &block{seen: true}
	entry := settle(reorder(build(c, accept, reject)))
	if entry.yes == nil {
		return graph{entry}
	}
	order := slices.Concat(graph{reject, accept}, postorder(entry))
	slices.Reverse(order)
	for _, b := range order {
		b.test.load.written = false
	}
	entry.known = facts{}
	reached := map[*block]bool{entry: true}
	for _, b := range order {
		if !reached[b] || b.yes == nil {
			continue
		}
		b.yes = b.follow(b.yes, true, reached)
		b.no = b.follow(b.no, false, reached)
	}
	return merge(slices.DeleteFunc(order, func(b *block) bool { return b.yes != nil && !reached[b] }))
}

// merge makes one of blocks that do the same.
func merge(order graph) graph {
	type what struct {
		load            load
		operator        operator
		value           uint32
		register, fixed bool
		right           string
		yes, no         *block
	}
	firsts, instead := map[what]*block{}, map[*block]*block{}
	for _, b := range slices.Backward(order) {
		instead[b] = b
		if b.yes == nil {
			continue
		}
		b.yes, b.no = instead[b.yes], instead[b.no]
		t := b.test
		same := what{t.load, t.operator, t.value, t.register, t.fixed, t.right, b.yes, b.no}
		if firsts[same] == nil {
			firsts[same] = b
		}
		instead[b] = firsts[same]
	}
	order = slices.DeleteFunc(order, func(b *block) bool { return instead[b] != b })
	for _, b := range order {
		b.in = nil
	}
	for _, b := range order {
		if b.yes != nil {
			b.yes.in = append(b.yes.in, b)
			b.no.in = append(b.no.in, b)
		}
	}
	return order
}

// settle leaves out the tests whose outcome is settled.
func settle(entry *block) *block {
	seen := map[*block]bool{}
	var past func(*block) *block
	past = func(b *block) *block {
		for b.yes != nil && b.test.settled != never {
			if b.test.outcome {
				b = b.yes
			} else {
				b = b.no
			}
		}
		if b.yes != nil && !seen[b] {
			seen[b] = true
			b.yes, b.no = past(b.yes), past(b.no)
		}
		return b
	}
	return past(entry)
}

// build makes the blocks of a condition, from the last to the first.
func build(c condition, yes, no *block) *block {
	switch c := c.(type) {
	case always:
		if c {
			return yes
		}
		return no
	case inverse:
		return build(c.of, no, yes)
	case joined:
		if c.and {
			return build(c.left, build(c.right, yes, no), no)
		}
		return build(c.left, yes, build(c.right, yes, no))
	case choice:
		return build(c.when, build(c.then, yes, no), build(c.otherwise, yes, no))
	case test:
		return &block{test: c, yes: yes, no: no}
	}
	return no
}

// postorder lists the blocks that a block leads to and then itself.
func postorder(b *block) graph {
	if b.seen {
		return nil
	}
	b.seen = true
	var order graph
	stack := []*block{b}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		switch {
		case !top.no.seen:
			top.no.seen = true
			stack = append(stack, top.no)
		case !top.yes.seen:
			top.yes.seen = true
			stack = append(stack, top.yes)
		default:
			order = append(order, top)
			stack = stack[:len(stack)-1]
		}
	}
	return order
}

// follow finds where an edge of a block really leads: past the blocks whose
// outcome is known there.
func (b *block) follow(to *block, outcome bool, reached map[*block]bool) *block {
	known := b.known
	if !b.test.register {
		known = known.with(fact{b.test.load, b.test.operator, b.test.value, outcome})
	}
	for to.yes != nil && !to.test.register {
		result, ok := known.decide(to.test.load, to.test.operator, to.test.value)
		if !ok {
			break
		}
		if result {
			to = to.yes
		} else {
			to = to.no
		}
	}
	if reached[to] {
		known = to.known.shared(known)
	}
	reached[to], to.known = true, known
	to.in = append(to.in, b)
	return to
}

// fact is the outcome of a test.
type fact struct {
	load     load
	operator operator
	value    uint32
	outcome  bool
}

// facts are what is known of a packet at a place of the program.
type facts []fact

// maxFacts bounds the work for a filter with hundreds of addresses.
const maxFacts = 24

// with adds a fact, and forgets what it makes needless.
func (k facts) with(f fact) facts {
	more := make(facts, 0, min(len(k)+1, maxFacts))
	for _, old := range k {
		if old.load != f.load || !f.isValue() {
			more = append(more, old)
		}
	}
	if len(more) == maxFacts {
		more = more[1:]
	}
	return append(more, f)
}

// isValue says whether the fact is what the load's value is.
func (f fact) isValue() bool { return f.operator == equals && f.outcome }

// decide finds the outcome of a test, if the facts say it.
func (k facts) decide(l load, o operator, value uint32) (outcome, ok bool) {
	for _, f := range k {
		switch {
		case f.load != l:
		case f.isValue():
			return o.holds(f.value, value), true
		case f.operator == o && f.value == value:
			return f.outcome, true
		}
	}
	return false, false
}

// shared is what holds by both.
func (k facts) shared(other facts) facts {
	var all facts
	keep := func(from, by facts) {
		for _, f := range from {
			outcome, ok := by.decide(f.load, f.operator, f.value)
			if ok && outcome == f.outcome && !slices.Contains(all, f) && len(all) < maxFacts {
				all = append(all, f)
			}
		}
	}
	keep(k, other)
	keep(other, k)
	return all
}
