package belief

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

// network is a Bayesian network as a BIF file describes it.
type network struct {
	nodes []node // parents before children
}

type node struct {
	name    string
	values  []string
	parents []int
	// table holds the distribution of the node for each combination of its
	// parents' values, the last parent's value changing fastest.
	table []float64
}

// Bounds, so that a hostile or huge file is refused and not worked on for hours.
const (
	maxNodes  = 5000
	maxValues = 1000
	maxCells  = 1 << 22
)

// bifParser reads BIF 0.15 as the repositories of networks write it.
type bifParser struct {
	text  string
	at    int
	nodes []node
	index map[string]int
}

func parseBIF(text string) (*network, error) {
	p := bifParser{text: text, index: map[string]int{}}
	for {
		word := p.next()
		switch strings.ToLower(word) {
		case "":
			return p.finish()
		case "network":
			p.skipTo("{")
			if err := p.skipBlock(); err != nil {
				return nil, err
			}
		case "variable":
			if err := p.variable(); err != nil {
				return nil, err
			}
		case "probability":
			if err := p.probability(); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("byte %d: %q: want network, variable or probability", p.at, word)
		}
	}
}

// next gives the next token: a punctuation mark, a quoted text or a run of
// anything else. Commas and bars only separate, and so do comments. The end is "".
func (p *bifParser) next() string {
	for p.at < len(p.text) {
		rest := p.text[p.at:]
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "//"):
			p.at += lineLength(rest)
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				p.at = len(p.text)
			} else {
				p.at += end + 4
			}
		case c == '"':
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				p.at = len(p.text)
				return rest[1:] + "\x00"
			}
			p.at += end + 2
			if end == 0 {
				return "\x00"
			}
			return rest[1 : end+1]
		case strings.IndexByte("{}()[];", c) >= 0:
			p.at++
			return rest[:1]
		case c <= ' ' || c == ',' || c == '|':
			p.at++
		default:
			end := strings.IndexAny(rest, " \t\r\n,|{}()[];\"")
			if end < 0 {
				end = len(rest)
			}
			p.at += end
			return rest[:end]
		}
	}
	return ""
}

func lineLength(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n + 1
	}
	return len(s)
}

func (p *bifParser) skipTo(token string) {
	for {
		if t := p.next(); t == token || t == "" {
			return
		}
	}
}

func (p *bifParser) skipBlock() error {
	for depth := 1; depth > 0; {
		switch p.next() {
		case "{":
			depth++
		case "}":
			depth--
		case "":
			return errors.New("the file ends within a block")
		}
	}
	return nil
}

func (p *bifParser) variable() error {
	name := p.next()
	if _, twice := p.index[name]; twice || name == "" || len(p.nodes) >= maxNodes {
		return fmt.Errorf("variable %q: declared twice, without a name, or one of more than %d", name, maxNodes)
	}
	n := node{name: name}
	p.skipTo("{")
	for {
		switch word := p.next(); strings.ToLower(word) {
		case "}":
			if len(n.values) < 1 || len(n.values) > maxValues {
				return fmt.Errorf("variable %q: %d values", name, len(n.values))
			}
			p.index[name] = len(p.nodes)
			p.nodes = append(p.nodes, n)
			return nil
		case "":
			return errors.New("the file ends within a variable")
		case "type":
			p.skipTo("{")
			for v := p.next(); v != "}"; v = p.next() {
				if v == "" || len(n.values) > maxValues {
					return fmt.Errorf("variable %q: its list of values does not end", name)
				}
				n.values = append(n.values, v)
			}
		case "property":
			p.skipTo(";")
		}
	}
}

func (p *bifParser) probability() error {
	if p.next() != "(" {
		return errors.New("probability: want (")
	}
	var family []int
	for name := p.next(); name != ")"; name = p.next() {
		i, ok := p.index[name]
		if !ok {
			return fmt.Errorf("probability of %q: no such variable", name)
		}
		family = append(family, i)
	}
	if len(family) == 0 {
		return errors.New("probability of nothing")
	}
	n := &p.nodes[family[0]]
	n.parents = family[1:]
	rows := 1
	for _, parent := range n.parents {
		if rows *= len(p.nodes[parent].values); rows*len(n.values) > maxCells {
			return fmt.Errorf("variable %q: its table has more than %d cells", n.name, maxCells)
		}
	}
	n.table = make([]float64, rows*len(n.values))
	set := make([]bool, rows)
	var otherwise []float64
	p.skipTo("{")
	for {
		switch word := p.next(); strings.ToLower(word) {
		case "}":
			return n.complete(set, otherwise)
		case "":
			return errors.New("the file ends within a probability")
		case "property":
			p.skipTo(";")
		case "table":
			numbers, err := p.numbers()
			if err != nil {
				return err
			}
			if err := n.fillTable(numbers, set); err != nil {
				return err
			}
		case "default":
			var err error
			if otherwise, err = p.numbers(); err != nil {
				return err
			}
		case "(":
			if err := p.row(n, set); err != nil {
				return err
			}
		}
	}
}

// row reads one parent-conditioned row; its ( has been read.
func (p *bifParser) row(n *node, set []bool) error {
	at := 0
	for _, parent := range n.parents {
		value := p.next()
		found := -1
		for i, v := range p.nodes[parent].values {
			if v == value {
				found = i
				break
			}
		}
		if found < 0 {
			return fmt.Errorf("variable %q: its parent %q has no value %q", n.name, p.nodes[parent].name, value)
		}
		at = at*len(p.nodes[parent].values) + found
	}
	if p.next() != ")" {
		return fmt.Errorf("variable %q: a row of other than %d parents", n.name, len(n.parents))
	}
	numbers, err := p.numbers()
	if err != nil {
		return err
	}
	if len(numbers) != len(n.values) || set[at] {
		return fmt.Errorf("variable %q: a row with %d of %d numbers, or given twice", n.name, len(numbers), len(n.values))
	}
	copy(n.table[at*len(n.values):], numbers)
	set[at] = true
	return nil
}

// numbers reads up to the next semicolon.
func (p *bifParser) numbers() ([]float64, error) {
	var list []float64
	for word := p.next(); word != ";"; word = p.next() {
		x, err := strconv.ParseFloat(word, 64)
		if err != nil || !(x >= 0) || math.IsInf(x, 1) || len(list) > maxCells {
			return nil, fmt.Errorf("byte %d: %q: want a probability", p.at, word)
		}
		list = append(list, x)
	}
	return list, nil
}

// fillTable takes a whole table, in which the first variable, the node itself,
// changes slowest, as the format defines it.
func (n *node) fillTable(numbers []float64, set []bool) error {
	if len(numbers) != len(n.table) {
		return fmt.Errorf("variable %q: a table of %d numbers, want %d", n.name, len(numbers), len(n.table))
	}
	for v := range n.values {
		for row := range set {
			n.table[row*len(n.values)+v] = numbers[v*len(set)+row]
			set[row] = true
		}
	}
	return nil
}

// complete fills rows that were not given and makes every row add up to one.
func (n *node) complete(set []bool, otherwise []float64) error {
	for row, given := range set {
		cells := n.table[row*len(n.values) : (row+1)*len(n.values)]
		if !given {
			if len(otherwise) != len(cells) {
				return fmt.Errorf("variable %q: a row is missing and there is no default", n.name)
			}
			copy(cells, otherwise)
		}
		sum := 0.0
		for _, x := range cells {
			sum += x
		}
		if !(sum > 0) || math.IsInf(sum, 1) {
			return fmt.Errorf("variable %q: a row that adds up to %v", n.name, sum)
		}
		for i := range cells {
			cells[i] /= sum
		}
	}
	return nil
}

// finish orders the nodes so that parents come before children.
func (p *bifParser) finish() (*network, error) {
	place := make([]int, len(p.nodes))
	for i := range place {
		place[i] = -1
	}
	net := &network{}
	for len(net.nodes) < len(p.nodes) {
		before := len(net.nodes)
		for i := range p.nodes {
			n := p.nodes[i]
			ready := place[i] < 0 && n.table != nil
			for _, parent := range n.parents {
				ready = ready && place[parent] >= 0
			}
			if !ready {
				continue
			}
			place[i] = len(net.nodes)
			parents := make([]int, len(n.parents))
			for k, parent := range n.parents {
				parents[k] = place[parent]
			}
			n.parents = parents
			net.nodes = append(net.nodes, n)
		}
		if len(net.nodes) == before {
			return nil, errors.New("a variable has no probabilities, or depends on itself")
		}
	}
	if len(net.nodes) == 0 {
		return nil, errors.New("no variables")
	}
	return net, nil
}

func TestBIF(t *testing.T) {
	const good = `// a comment
network "odd name" { property author me; property { nested }; }
variable Rain-1.5 { type discrete [ 3 ] { <none, some(?), "a lot" }; }
variable "wet grass" { type discrete[2] {yes,no}; property position = (7, 3); }
probability ( Rain-1.5 ) { table 0.5, 0.3, 0.2 ; }
/* another */ probability ( "wet grass" | Rain-1.5 ) {
  ( <none ) 0.1, 0.9;
  default 0.8 0.2;
}`
	net, err := parseBIF(strings.Replace(good, "some(?)", "some", 1))
	if err != nil {
		t.Fatal(err)
	}
	wet := net.nodes[1]
	for i, want := range []float64{0.1, 0.9, 0.8, 0.2, 0.8, 0.2} {
		if math.Abs(wet.table[i]-want) > 1e-12 {
			t.Errorf("cell %d of %s = %v, want %v", i, wet.name, wet.table[i], want)
		}
	}
	table, err := parseBIF(`variable a { type discrete [2] { t, f }; } variable b { type discrete [2] { t, f }; }
		probability ( b ) { table 0.25 0.75; } probability ( a | b ) { table 0.9 0.2 0.1 0.8; }`)
	if err != nil {
		t.Fatal(err)
	}
	if a := table.nodes[1]; a.table[0] != 0.9 || a.table[2] != 0.2 {
		t.Errorf("table of a given b = %v, want rows 0.9 0.1 and 0.2 0.8", a.table)
	}
	for _, bad := range []string{
		"", "nonsense", "variable x {", "variable x { type discrete [2] { a, b }; }",
		"variable x { type discrete [2] { a, b }; } probability ( x ) { table 1; }",
		"variable x { type discrete [2] { a, b }; } probability ( x ) { table 0 0; }",
		"variable x { type discrete [2] { a, b }; } probability ( x | x ) { default 1 1; }",
		"variable x { type discrete [2] { a, b }; } probability ( y ) { table 1 1; }",
		"probability ( ) { }", `network "`, "variable x { type discrete [2] { a",
	} {
		if _, err := parseBIF(bad); err == nil {
			t.Errorf("parseBIF(%q) gave no error", bad)
		}
	}
}

// FuzzBIF: whatever stands in the file, the parser ends and does not panic.
func FuzzBIF(f *testing.F) {
	f.Add("network n {} variable x { type discrete [2] { a, b }; } probability ( x ) { table 0.5 0.5; }")
	f.Add(`variable "x" { type discrete [1] { a }; property p; } probability ( x | x ) { (a) 1; default 1; }`)
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseBIF(text) })
}
