package topology

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// drawn reads a graph: "shop>orders,cache orders>db" with "!" before those that
// fail, "!!" before those that do not even answer, "?" before those not known,
// "-" before those that nobody looks at, and "*" before the critical.
func drawn(text string) []vertex {
	index := map[string]int{}
	var graph []vertex
	find := func(name string) int {
		i, ok := index[name]
		if !ok {
			i = len(graph)
			index[name] = i
			graph = append(graph, vertex{name: name, health: healthy})
		}
		return i
	}
	for word := range strings.FieldsSeq(text) {
		left, right, _ := strings.Cut(word, ">")
		name := strings.TrimLeft(left, "!?-*")
		i := find(name)
		marks := strings.TrimSuffix(left, name)
		switch {
		case strings.Contains(marks, "!"):
			graph[i].health, graph[i].alone = failing, strings.Contains(marks, "!!")
		case strings.Contains(marks, "?"):
			graph[i].health = unknown
		case strings.Contains(marks, "-"):
			graph[i].health = unprobed
		}
		graph[i].critical = strings.Contains(marks, "*")
		for needed := range strings.SplitSeq(right, ",") {
			if needed != "" {
				j := find(needed)
				graph[i].needs = append(graph[i].needs, j)
			}
		}
	}
	return graph
}

func TestAnalyse(t *testing.T) {
	for _, tt := range []struct {
		name, graph string
		suspects    string // in order; with ~ when not certain
	}{
		{"all well", "a>b b>c c", ""},
		{"the last of a chain", "!a>b !b>c !c", "c"},
		{"in the middle", "!a>b !b>c c", "b"},
		{"two branches, one cause", "!a>c !b>c !c>d d", "c"},
		{"two causes", "!a>b,c !b !c", "b c"},
		{"a dead one above a dead one", "!!a>b !b", "b a"},
		{"what is well shields", "!a>b b>c !c", "c a"},
		{"through one that nobody looks at", "!a>-b -b>c !c", "c"},
		{"through one not known", "!a>b ?b>c !c", "c"},
		{"one not known below", "!a>b ?b", "~a"},
		{"a circle by itself", "!a>b !b>a", "a b"},
		{"a circle explained from outside", "!a>b !b>a,c !c", "c"},
		{"a circle, half of which fails", "!a>b b>a", "a"},
		{"a circle below one that is well", "!x>a a>b !b>a", "b x"},
		{"critical first", "!z *!y>b !b !w>z !v>z", "b z"},
		{"the most affected first", "!a>z !b>z !z !c>y !y", "z y"},
		{"the most needed first", "a>z b>z !z c>y !y", "z y"},
	} {
		graph := drawn(strings.ReplaceAll(tt.graph, ">-b", ">b"))
		findings := analyse(graph)
		var got []string
		for _, i := range suspects(graph, findings) {
			name := graph[i].name
			if !findings[i].certain {
				name = "~" + name
			}
			got = append(got, name)
		}
		if want := strings.Fields(tt.suspects); !slices.Equal(got, want) {
			t.Errorf("%s: %s: got %v, want %v", tt.name, tt.graph, got, want)
		}
	}
}

func TestAnalyseRadius(t *testing.T) {
	graph := drawn("!a>b !b>c c>d d>c e")
	f := analyse(graph)
	if got := f[2]; len(got.dependent) != 3 || got.circle == 0 { // a, b and d
		t.Errorf("c: %+v, want three that need it, and a circle", got)
	}
	if f[4].circle != 0 || len(f[4].dependent) != 0 {
		t.Errorf("e: %+v, want nothing", f[4])
	}
	if got := f[0].causes; len(got) != 1 || graph[got[0]].name != "b" {
		t.Errorf("a fails because of %v, want b", got)
	}
	if got := f[1].affected; len(got) != 1 || got[0] != 0 {
		t.Errorf("b affects %v, want a", got)
	}
}

// TestEveryFailureHasASuspect: whatever the graph and whatever fails, each
// service that fails is a suspect or has one among what it needs, and without
// failures there is none.
func TestEveryFailureHasASuspect(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := 1 + random.IntN(12)
		graph := make([]vertex, n)
		for i := range graph {
			graph[i] = vertex{name: fmt.Sprint(i), health: []health{unprobed, unknown, healthy, failing, failing}[random.IntN(5)]}
			graph[i].alone = graph[i].health == failing && random.IntN(4) == 0
			for j := range graph {
				if i != j && random.IntN(5) == 0 {
					graph[i].needs = append(graph[i].needs, j)
				}
			}
		}
		findings := analyse(graph)
		for i, v := range graph {
			f := findings[i]
			switch {
			case v.health != failing && (f.root || len(f.causes) > 0):
				t.Fatalf("%d does not fail and is blamed: %+v in %+v", i, f, graph)
			case v.health == failing && !f.root && len(f.causes) == 0:
				t.Fatalf("%d fails and nothing explains it: %+v", i, graph)
			case v.alone && !f.root:
				t.Fatalf("%d does not answer and is no suspect: %+v", i, graph)
			}
		}
	}
}

func BenchmarkAnalyse(b *testing.B) {
	graph := make([]vertex, 1000)
	for i := range graph {
		graph[i].health = failing
		for j := 1; j <= 3 && i+j < len(graph); j++ {
			graph[i].needs = append(graph[i].needs, i+j)
		}
	}
	for b.Loop() {
		if f := analyse(graph); !f[len(f)-1].root {
			b.Fatal("the last is no suspect")
		}
	}
}
