package packetfilter

import "slices"

// Where libpcap's optimizer finds that a value is tested, then another one, and
// then the first again, it may move the last test up; and it leaves out a test
// from which both ways lead to the same place. Neither changes a verdict, but for
// packets that end before the other value: tcp port 22 or tcp[20:4] = 1 or tcp
// port 23 takes a packet without payload to port 23 only because the ports are
// compared first. Filters mean what they mean to tcpdump, so we do as it does:
// the same moves, in the same order, until there is none.
//
// It takes longer the more tests there are; with more than maxReordered nothing
// is moved.
const maxReordered = 5000

// maxMoves bounds passes that do nothing but move tests, as libpcap does.
const maxMoves = 100

type reordering struct {
	blocks []*node // by number
	of     map[*block]*node
	levels [][]*node
	edges  map[edgeValue][]int // the numbers of edges, by what they test
	first  bool                // the first pass is on
	moved  bool
	freed  bool // something other than a move was done
}

// node is what is reckoned for a block in each pass.
type node struct {
	*block
	number     int
	level      int
	marked     int // the pass that last came here
	dominators bits
	edgeSets   [2]bits // those edges that lead to each way from here, of yes and of no
	in         []*node // the last one found is first
	value      load
}

type edgeValue struct {
	value    load
	operator operator
	register bool
}

// reorder moves the tests below an entry, and returns the new entry.
func reorder(entry *block) *block {
	r := &reordering{of: map[*block]*node{}}
	r.number(entry)
	if len(r.blocks) > maxReordered {
		return entry
	}
	words := (2*len(r.blocks) + 63) / 64
	for _, n := range r.blocks {
		n.dominators = make(bits, words)
		n.edgeSets = [2]bits{make(bits, words), make(bits, words)}
	}
	for pass, moves := 1, 0; moves < maxMoves; pass++ {
		r.first, r.moved, r.freed = pass == 1, false, false
		r.pass(r.of[entry], pass)
		switch {
		case !r.moved && !r.freed && pass > 1:
			return skipEntry(entry)
		case r.freed || pass == 1:
			moves = 0
		default:
			moves++
		}
	}
	return skipEntry(entry)
}

// skipEntry leaves out the tests at the beginning if they all lead to a verdict.
func skipEntry(entry *block) *block {
	b := entry
	for b.yes != nil && b.yes == b.no {
		b = b.yes
	}
	if b.yes == nil {
		return b
	}
	return entry
}

// number gives each block its number, in the order of its first visit.
func (r *reordering) number(entry *block) {
	stack := []*block{entry}
	for len(stack) > 0 {
		b := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if r.of[b] != nil {
			continue
		}
		n := &node{block: b, number: len(r.blocks)}
		r.of[b] = n
		r.blocks = append(r.blocks, n)
		if b.yes != nil {
			stack = append(stack, b.no, b.yes)
		}
	}
}

func (r *reordering) pass(entry *node, pass int) {
	r.level(entry, pass)
	r.dominate(entry)
	r.edges = map[edgeValue][]int{}
	for _, b := range r.blocks {
		b.value = b.test.load
		if r.first && b.test.first != (load{}) {
			b.value = b.test.first
		}
		if b.settledAt(pass) {
			if b.test.outcome {
				b.no = b.yes
			} else {
				b.yes = b.no
			}
			r.freed = true
		}
		if b.marked == pass && b.yes != nil {
			r.edges[b.edgeValue()] = append(r.edges[b.edgeValue()], b.number)
		}
	}
	r.everyTest(func(b *node) {
		r.shorten(&b.yes, b.edgeSets[0])
		r.shorten(&b.no, b.edgeSets[1])
	})
	r.enter()
	r.everyTest(func(b *node) {
		r.pullUp(b, func(b *block) **block { return &b.yes }, func(b *block) **block { return &b.no })
		r.pullUp(b, func(b *block) **block { return &b.no }, func(b *block) **block { return &b.yes })
	})
}

// everyTest visits the tests, those that are nearest to the verdicts first.
func (r *reordering) everyTest(visit func(*node)) {
	for _, level := range r.levels[1:] {
		for _, b := range level {
			visit(b)
		}
	}
}

// settledAt says whether the outcome of a test is found out in this pass.
func (n *node) settledAt(pass int) bool {
	return n.yes != nil && n.yes != n.no && n.test.settled != never && n.test.settled != atLast && int(n.test.settled) <= pass
}

func (n *node) edgeValue() edgeValue {
	return edgeValue{n.value, n.test.operator, n.test.register}
}

// shorten lets an edge lead past tests whose outcome does not matter, or is
// known from an edge that every way to it goes through.
func (r *reordering) shorten(edge **block, through bits) {
	to := *edge
	if to.yes == nil {
		return
	}
	if to.yes == to.no {
		r.freed = true
		to = to.yes
	}
	for to.yes != nil {
		next := r.known(r.of[to], through)
		if next == nil {
			break
		}
		r.moved = true
		to = next
	}
	*edge = to
}

// known finds where a test leads, given the edges that were gone through; nil
// when it is open.
func (r *reordering) known(b *node, through bits) *block {
	numbers := r.edges[b.edgeValue()]
	for _, taken := range []bool{true, false} {
		for _, n := range numbers {
			edge := n
			if !taken {
				edge += len(r.blocks)
			}
			if !through.has(edge) {
				continue
			}
			before := r.blocks[n].test
			switch {
			case before.value == b.test.value && before.right == b.test.right:
				if taken {
					return b.yes
				}
				return b.no
			case taken && b.test.operator == equals && !b.test.register:
				return b.no
			}
		}
	}
	return nil
}

// enter lists from where each block is entered.
func (r *reordering) enter() {
	for _, n := range r.blocks {
		n.in = nil
	}
	for _, level := range slices.Backward(r.levels[1:]) {
		for _, n := range level {
			for _, to := range []*block{n.yes, n.no} {
				into := r.of[to]
				into.in = append(into.in, n)
			}
		}
	}
	for _, n := range r.blocks {
		slices.Reverse(n.in)
	}
}

// pullUp moves a test up in a chain of alternatives: in those that have one way
// in common, the further tests of the value that was tested before the chain
// come to its beginning. Exit is the common way, and next the other.
func (r *reordering) pullUp(b *node, exit, next func(*block) **block) {
	if len(b.in) == 0 {
		return
	}
	value := b.in[0].value
	for _, from := range b.in {
		if from.value != value {
			return
		}
	}
	inChain := func(one *block) bool {
		return one.yes != nil && *exit(one) == *exit(b.block) && r.of[one].dominators.has(b.number)
	}
	// The first test of another value.
	other := &b.in[0].no
	if b.in[0].yes == b.block {
		other = &b.in[0].yes
	}
	top := true
	for ; ; other, top = next(*other), false {
		if !inChain(*other) {
			return
		}
		if r.of[*other].value != value {
			break
		}
	}
	// The first test of the same value after it.
	same := next(*other)
	for ; ; same = next(*same) {
		if !inChain(*same) {
			return
		}
		if r.of[*same].value == value {
			break
		}
	}
	pulled := *same
	*same = *next(pulled)
	*next(pulled) = *other
	if top {
		for _, from := range b.in {
			if from.yes == b.block {
				from.yes = pulled
			} else {
				from.no = pulled
			}
		}
	} else {
		*other = pulled
	}
	r.moved = true
}
