package load

import (
	"slices"
	"strings"
)

// cycles finds circles in a graph that is given by what each node leads to: one
// for each way back that a walk in order of the nodes meets, beginning with its
// lowest node.
func cycles(to [][]int) [][]int {
	const (
		unseen = iota
		open
		done
	)
	state := make([]uint8, len(to))
	var path []int
	var found [][]int
	var walk func(int)
	walk = func(i int) {
		state[i] = open
		path = append(path, i)
		for _, next := range to[i] {
			switch state[next] {
			case unseen:
				walk(next)
			case open:
				found = append(found, lowestFirst(path[slices.Index(path, next):]))
			}
		}
		path = path[:len(path)-1]
		state[i] = done
	}
	for i := range to {
		if state[i] == unseen {
			walk(i)
		}
	}
	return found
}

func lowestFirst(cycle []int) []int {
	at := slices.Index(cycle, slices.Min(cycle))
	return slices.Concat(cycle[at:], cycle[:at])
}

// chainOf writes a cycle as a → b → a.
func chainOf(cycle []int, name func(int) string) string {
	names := make([]string, 0, len(cycle)+1)
	for _, i := range cycle {
		names = append(names, name(i))
	}
	return strings.Join(append(names, names[0]), " → ")
}
