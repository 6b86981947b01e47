package packetfilter

import "slices"

// level reckons how far each block is from the verdicts, by the longest way.
func (r *reordering) level(entry *node, pass int) {
	r.levels = nil
	var visit func(*node)
	visit = func(n *node) {
		if n.marked == pass {
			return
		}
		n.marked, n.level = pass, 0
		if n.yes != nil {
			yes, no := r.of[n.yes], r.of[n.no]
			visit(yes)
			visit(no)
			n.level = max(yes.level, no.level) + 1
		}
		for len(r.levels) <= n.level {
			r.levels = append(r.levels, nil)
		}
		r.levels[n.level] = append(r.levels[n.level], n)
	}
	visit(entry)
	for _, level := range r.levels {
		slices.Reverse(level)
	}
}

// dominate reckons which blocks, and which edges, every way to a block or edge
// goes through.
func (r *reordering) dominate(entry *node) {
	for _, n := range r.blocks {
		n.dominators.fill(^uint64(0))
		n.edgeSets[0].fill(^uint64(0))
		n.edgeSets[1].fill(^uint64(0))
	}
	entry.dominators.fill(0)
	entry.edgeSets[0].fill(0)
	entry.edgeSets[1].fill(0)
	for _, level := range slices.Backward(r.levels) {
		for _, n := range level {
			n.dominators.add(n.number)
			if n.yes == nil {
				continue
			}
			n.edgeSets[0].add(n.number)
			n.edgeSets[1].add(len(r.blocks) + n.number)
			for i, to := range []*node{r.of[n.yes], r.of[n.no]} {
				to.dominators.keep(n.dominators)
				to.edgeSets[0].keep(n.edgeSets[i])
				to.edgeSets[1].keep(n.edgeSets[i])
			}
		}
	}
}

// bits is a set of numbers.
type bits []uint64

func (b bits) has(n int) bool { return b[n/64]&(1<<(n%64)) != 0 }

func (b bits) add(n int) { b[n/64] |= 1 << (n % 64) }

func (b bits) keep(other bits) {
	for i := range b {
		b[i] &= other[i]
	}
}

func (b bits) fill(word uint64) {
	for i := range b {
		b[i] = word
	}
}
