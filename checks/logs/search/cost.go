package search

import "fmt"

// Cost is what a search has to do.
type Cost struct {
	// Literals is how many texts are looked for; 0 with NoFilter.
	Literals int
	// Filter is whether lines without a literal are passed over.
	Filter bool
	// Lines is how lines that are not passed over are looked at.
	Lines Method
}

// Method is how a line is looked at as a whole.
type Method string

// The methods, from fast to slow: gigabytes, hundreds of megabytes and tens of
// megabytes per second.
const (
	Nothing   Method = ""          // a literal is a match
	Automaton Method = "automaton" // by a deterministic automaton
	Regexp    Method = "regexp"    // by package regexp
)

// Cost tells what the pattern makes a search do.
func (p *Pattern) Cost() Cost {
	c := Cost{Filter: p.finder != nil, Lines: Regexp}
	if p.finder != nil {
		c.Literals = len(p.finder.literals)
	}
	switch {
	case p.exact:
		c.Lines = Nothing
	case p.automaton != nil:
		c.Lines = Automaton
	}
	return c
}

// String says it in a few words, such as "3 literals, then automaton".
func (c Cost) String() string {
	literals := fmt.Sprintf("%d literals", c.Literals)
	switch {
	case c.Filter && c.Literals == 0:
		return "matches nothing"
	case !c.Filter && c.Lines == Regexp:
		return "regexp alone: slow"
	case !c.Filter:
		return string(c.Lines) + " alone"
	case c.Lines == Nothing && c.Literals == 1:
		return "fixed string"
	case c.Lines == Nothing:
		return literals
	case c.Literals == 1:
		literals = "literal"
	}
	return literals + ", then " + string(c.Lines)
}
