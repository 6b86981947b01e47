package render

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func shop() *Topology {
	needs := func(names ...string) []TopologyDependency {
		list := []TopologyDependency{}
		for _, name := range names {
			bare, optional := strings.CutSuffix(name, "?")
			list = append(list, TopologyDependency{bare, optional})
		}
		return list
	}
	return &Topology{
		Probed: true, Summary: "2 of 4 services fail, beginning at db", Suspects: []string{"db"},
		Services: []TopologyService{
			{Name: "shop", Owner: "@web", Critical: true, DependsOn: needs("orders", "search?"), Status: "failing", Detail: "503 in 1.0 ms"},
			{Name: "orders", DependsOn: needs("db", "search"), Status: "healthy", Detail: "ok"},
			{Name: "db", Owner: "@dba", DependsOn: needs(), Status: "failing", Suspect: true, Detail: "refused", Affected: []string{"shop"}},
			{Name: "search", DependsOn: needs(), Status: "unknown", Detail: "no permission"},
			{Name: "a<b>&\"\x1b[31m", DependsOn: needs("loop"), Status: "not_probed"},
			{Name: "loop", DependsOn: needs("a<b>&\"\x1b[31m")},
		},
	}
}

func TestTopologyText(t *testing.T) {
	var b bytes.Buffer
	if err := DrawTopology(&b, FormatText, shop(), Options{Width: 80}); err != nil {
		t.Fatal(err)
	}
	want := `2 of 4 services fail, beginning at db
  1 db (@dba): refused; it affects shop

✗ shop (critical, @web)           503 in 1.0 ms
├─ ✓ orders                       ok
│  ├─ ✗ db (@dba)                 refused
│  └─ ? search                    no permission
└─ ? search (optional)
· a<b>&"\x1b[31m
└─ · loop
   └─ · a<b>&"\x1b[31m (see above)
`
	if got := b.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestTopologyDOT(t *testing.T) {
	var b bytes.Buffer
	if err := DrawTopology(&b, FormatDOT, shop(), Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"db" [label="db\nrefused\n@dba", fillcolor="#fbe3e1", penwidth=3, color="#b3261e"];`,
		`"shop" -> "search" [style=dashed];`, `"orders" -> "db";`, `"a<b>&\"`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}

// TestTopologySVG: the picture is XML whatever the names are, and has each
// service and each edge.
func TestTopologySVG(t *testing.T) {
	var b bytes.Buffer
	if err := DrawTopology(&b, FormatSVG, shop(), Options{}); err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]int)
	d := xml.NewDecoder(&b)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			counts[start.Name.Local]++
			for _, a := range start.Attr {
				if a.Name.Local == "class" && strings.Contains(a.Value, "suspect") {
					counts["suspect"]++
				}
			}
		}
	}
	if counts["rect"] != 6 || counts["path"] != 2*6 || counts["suspect"] != 1 {
		t.Errorf("got %v, want 6 boxes, 6 edges with tips, and one suspect", counts)
	}
}

// TestLayers: in any graph each edge goes from column to column, to the right
// unless it closes a circle, and no boxes lie on each other.
func TestLayers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		topology := &Topology{}
		n := 1 + random.IntN(15)
		for i := range n {
			s := TopologyService{Name: fmt.Sprint("service", i)}
			for j := range n {
				if i != j && random.IntN(6) == 0 {
					s.DependsOn = append(s.DependsOn, TopologyDependency{Service: fmt.Sprint("service", j)})
				}
			}
			topology.Services = append(topology.Services, s)
		}
		needs := topology.needs()
		l := inLayers(needs)
		column := make(map[int]int)
		for c, list := range l.columns {
			for _, v := range list {
				column[v] = c
			}
		}
		i := 0
		for from, list := range needs {
			for _, to := range list {
				c := l.chains[i]
				i++
				ends := []int{from, to}
				if c.reversed {
					slices.Reverse(ends)
				}
				if first, last := c.vertices[0], c.vertices[len(c.vertices)-1]; first != ends[0] || last != ends[1] {
					t.Fatalf("the edge %d to %d is drawn from %d to %d", from, to, first, last)
				}
				for k := 1; k < len(c.vertices); k++ {
					if column[c.vertices[k]] != column[c.vertices[k-1]]+1 {
						t.Fatalf("the edge %d to %d jumps: %v in %v", from, to, c.vertices, l.columns)
					}
				}
			}
		}
		boxes, wide, high := topology.place(l)
		for a := range boxes {
			if boxes[a].x < 0 || boxes[a].y < 0 || boxes[a].x+boxes[a].width > wide || boxes[a].y+boxes[a].height > high {
				t.Fatalf("%+v lies outside of %.0f × %.0f", boxes[a], wide, high)
			}
			for b := range a {
				if boxes[a].x < boxes[b].x+boxes[b].width && boxes[b].x < boxes[a].x+boxes[a].width &&
					boxes[a].y < boxes[b].y+boxes[b].height && boxes[b].y < boxes[a].y+boxes[a].height {
					t.Fatalf("%+v and %+v lie on each other", boxes[a], boxes[b])
				}
			}
		}
	}
}

func BenchmarkTopologySVG(b *testing.B) {
	topology := &Topology{}
	for i := range 1000 {
		s := TopologyService{Name: fmt.Sprint("service", i)}
		for j := i + 1; j < min(i+4, 1000); j++ {
			s.DependsOn = append(s.DependsOn, TopologyDependency{Service: fmt.Sprint("service", j)})
		}
		topology.Services = append(topology.Services, s)
	}
	for b.Loop() {
		if err := DrawTopology(io.Discard, FormatSVG, topology, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
