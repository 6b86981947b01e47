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

// refuseStepCycles tells of steps that wait for each other.
func (b *builder) refuseStepCycles() {
	needs := make([][]int, len(b.book.Steps))
	for i, s := range b.book.Steps {
		needs[i] = s.Needs
	}
	for _, cycle := range cycles(needs) {
		first := b.book.Steps[cycle[0]]
		names := chainOf(cycle, func(i int) string { return b.book.Steps[i].Name })
		if len(cycle) == 1 {
			b.faults.Addf(first.At, "step %s reads its own observation, which is not there before it has run", first.Name)
			continue
		}
		b.faults.Addf(first.At, "steps wait for each other: %s; take one of them out of the other's when:, with:, on: or each:", names)
	}
}
