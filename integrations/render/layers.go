package render

import (
	"cmp"
	"slices"
)

// layered is a graph drawn in columns: whatever is needed stands to the right of
// what needs it, and an edge over several columns has a place of its own in each.
// It is the method of Sugiyama, Tagawa and Toda (Methods for visual understanding
// of hierarchical system structures, IEEE Trans. SMC 11 (2), 1981), with the
// longest path for the columns and barycentres for the order in them. Graphviz
// does it better, and would double the size of the program.
type layered struct {
	columns [][]int // vertices from top to bottom
	// chains are the edges, each as the vertices it passes, from left to right.
	chains []chain
	// real is how many vertices there are; those from real on are where an edge
	// passes a column.
	real int
}

type chain struct {
	vertices []int
	// reversed says that the edge goes from right to left: it closes a circle.
	reversed bool
}

// inLayers arranges a graph; needs are the edges from each vertex.
func inLayers(needs [][]int) layered {
	l := layered{real: len(needs)}
	forward := make([][]int, len(needs))
	type edge struct{ from, to int }
	reversed := backEdges(needs)
	var edges []edge
	for from, list := range needs {
		for _, to := range list {
			e := edge{from, to}
			if reversed[[2]int{from, to}] {
				e = edge{to, from}
			}
			forward[e.from] = append(forward[e.from], e.to)
			edges = append(edges, e)
		}
	}
	column := longestPaths(forward)
	for v, c := range column {
		l.put(v, c)
	}
	next := l.real
	i := 0
	for from, list := range needs {
		for _, to := range list {
			e := edges[i]
			i++
			c := chain{vertices: []int{e.from}, reversed: e.from != from || e.to != to}
			for at := column[e.from] + 1; at < column[e.to]; at++ {
				l.put(next, at)
				c.vertices = append(c.vertices, next)
				next++
			}
			c.vertices = append(c.vertices, e.to)
			l.chains = append(l.chains, c)
		}
	}
	l.order(next)
	return l
}

func (l *layered) put(v, column int) {
	for len(l.columns) <= column {
		l.columns = append(l.columns, nil)
	}
	l.columns[column] = append(l.columns[column], v)
}

// backEdges finds edges without which there is no circle: those that lead back
// to where a depth-first search is coming from.
func backEdges(needs [][]int) map[[2]int]bool {
	const (
		fresh = iota
		open
		done
	)
	state := make([]int, len(needs))
	back := make(map[[2]int]bool)
	var visit func(int)
	visit = func(v int) {
		state[v] = open
		for _, to := range needs[v] {
			switch state[to] {
			case open:
				back[[2]int{v, to}] = true
			case fresh:
				visit(to)
			}
		}
		state[v] = done
	}
	for v := range needs {
		if state[v] == fresh {
			visit(v)
		}
	}
	return back
}

// longestPaths gives each vertex of an acyclic graph its column: the number of
// edges on the longest way to it.
func longestPaths(forward [][]int) []int {
	column := make([]int, len(forward))
	incoming := make([]int, len(forward))
	for _, list := range forward {
		for _, to := range list {
			incoming[to]++
		}
	}
	var ready []int
	for v, n := range incoming {
		if n == 0 {
			ready = append(ready, v)
		}
	}
	for len(ready) > 0 {
		v := ready[0]
		ready = ready[1:]
		for _, to := range forward[v] {
			column[to] = max(column[to], column[v]+1)
			incoming[to]--
			if incoming[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	return column
}

// sweeps is how often the columns are put in order from left to right and back;
// more changes little.
const sweeps = 8

// order puts the vertices of each column near those they are joined with.
func (l *layered) order(vertices int) {
	left, right := make([][]int, vertices), make([][]int, vertices)
	for _, c := range l.chains {
		for i := 1; i < len(c.vertices); i++ {
			from, to := c.vertices[i-1], c.vertices[i]
			right[from] = append(right[from], to)
			left[to] = append(left[to], from)
		}
	}
	place := make([]float64, vertices)
	settle := func(column []int) {
		for i, v := range column {
			place[v] = float64(i) - float64(len(column)-1)/2
		}
	}
	for _, column := range l.columns {
		settle(column)
	}
	arrange := func(column []int, joined [][]int) {
		centre := func(v int) float64 {
			if len(joined[v]) == 0 {
				return place[v]
			}
			sum := 0.0
			for _, other := range joined[v] {
				sum += place[other]
			}
			return sum / float64(len(joined[v]))
		}
		slices.SortStableFunc(column, func(a, b int) int { return cmp.Compare(centre(a), centre(b)) })
		settle(column)
	}
	for range sweeps {
		for i := 1; i < len(l.columns); i++ {
			arrange(l.columns[i], left)
		}
		for i := len(l.columns) - 2; i >= 0; i-- {
			arrange(l.columns[i], right)
		}
	}
}
