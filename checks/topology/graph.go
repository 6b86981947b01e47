package topology

import (
	"cmp"
	"slices"
)

// health is what is known of a service.
type health int

const (
	unprobed health = iota // nobody has said how to look at it
	unknown                // we could not look
	healthy
	failing
)

// vertex is a service in the graph.
type vertex struct {
	name     string
	critical bool
	needs    []int // the services that it cannot do without, by index
	health   health
	// alone says that it fails by itself, whatever becomes of those it needs: it
	// does not even answer.
	alone bool
}

// finding is what the graph says of one service.
type finding struct {
	root      bool  // it fails, and nothing that it needs explains that
	certain   bool  // and all that it needs was seen to be well
	causes    []int // the roots that its failing may come from, itself left out
	dependent []int // all that need it, at any distance
	affected  []int // those of them that fail
	circle    int   // the circle that it is in, from 1; 0 for none
}

// analyse finds where failing begins. A service that fails is explained by one
// that it needs and that fails too, also through services that nobody looks at.
// Services that need each other are judged as one: when nothing outside of the
// circle explains them, each of them that fails may be where it began.
func analyse(graph []vertex) []finding {
	findings := make([]finding, len(graph))
	component := components(graph)
	explained := make([]bool, len(graph))
	certain := make([]bool, len(graph))
	for i := range graph {
		explained[i], certain[i] = explains(graph, component, i)
	}
	sizes := make(map[int]int)
	for _, c := range component {
		sizes[c]++
	}
	circles := make(map[int]int)
	for i, v := range graph {
		f := &findings[i]
		if c := component[i]; sizes[c] > 1 {
			if circles[c] == 0 {
				circles[c] = len(circles) + 1
			}
			f.circle = circles[c]
		}
		f.root = v.health == failing && (v.alone || !explained[i])
		f.certain = f.root && certain[i]
	}
	for i := range graph {
		for _, needed := range reach(graph, i) {
			findings[needed].dependent = append(findings[needed].dependent, i)
			if graph[i].health == failing {
				findings[needed].affected = append(findings[needed].affected, i)
				if findings[needed].root {
					findings[i].causes = append(findings[i].causes, needed)
				}
			}
		}
	}
	return findings
}

// explains tells whether something that a service needs, outside of the circle
// that it is in, fails; and whether all that it needs is known to be well.
func explains(graph []vertex, component []int, from int) (explained, certain bool) {
	certain = true
	seen := make([]bool, len(graph))
	var visit func(int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		inside := component[i] == component[from]
		if !inside {
			switch graph[i].health {
			case failing:
				explained = true
				return
			case healthy:
				return // what lies behind it does not harm it
			case unknown:
				certain = false
			case unprobed:
			}
		}
		for _, needed := range graph[i].needs {
			visit(needed)
		}
	}
	visit(from)
	return explained, certain
}

// reach lists all that a service needs at any distance, without itself.
func reach(graph []vertex, from int) []int {
	seen := make([]bool, len(graph))
	seen[from] = true
	var list []int
	stack := slices.Clone(graph[from].needs)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[i] {
			continue
		}
		seen[i] = true
		list = append(list, i)
		stack = append(stack, graph[i].needs...)
	}
	return list
}

// components gives the strongly connected component of each vertex, by Tarjan's
// algorithm (Depth-first search and linear graph algorithms, SIAM J. Comput. 1
// (2), 1972).
func components(graph []vertex) []int {
	const unseen = -1
	component := slices.Repeat([]int{unseen}, len(graph))
	index := slices.Repeat([]int{unseen}, len(graph))
	low := make([]int, len(graph))
	var stack []int
	next, count := 0, 0
	var visit func(int)
	visit = func(i int) {
		index[i], low[i] = next, next
		next++
		stack = append(stack, i)
		for _, needed := range graph[i].needs {
			if index[needed] == unseen {
				visit(needed)
				low[i] = min(low[i], low[needed])
			} else if component[needed] == unseen {
				low[i] = min(low[i], index[needed])
			}
		}
		if low[i] != index[i] {
			return
		}
		for {
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			component[top] = count
			if top == i {
				break
			}
		}
		count++
	}
	for i := range graph {
		if index[i] == unseen {
			visit(i)
		}
	}
	return component
}

// suspects lists the roots, the most urgent first: those of which most critical
// services fail, then those that most services need.
func suspects(graph []vertex, findings []finding) []int {
	var list []int
	urgency := func(i int) (critical, affected, dependent int) {
		for _, a := range append([]int{i}, findings[i].affected...) {
			if graph[a].critical {
				critical++
			}
		}
		return critical, len(findings[i].affected), len(findings[i].dependent)
	}
	for i := range findings {
		if findings[i].root {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int {
		ac, af, ad := urgency(a)
		bc, bf, bd := urgency(b)
		return cmp.Or(-cmp.Compare(ac, bc), -cmp.Compare(af, bf), -cmp.Compare(ad, bd), cmp.Compare(graph[a].name, graph[b].name))
	})
	return list
}
