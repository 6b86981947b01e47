package search

import (
	"bytes"
	"regexp"
	"regexp/syntax"
)

// Options say how a pattern is read. The zero value is a regular expression that
// minds case.
type Options struct {
	// Fixed takes the text literally, not as a regular expression.
	Fixed bool
	// IgnoreCase matches letters of either case, by Unicode's simple folding.
	IgnoreCase bool
	// Word wants matches with no letter, digit or underscore of ASCII on either
	// side, as grep -w.
	Word bool
}

// Pattern is a compiled pattern. It never changes: several goroutines may use it.
// Its methods do not allocate, but that package regexp may now and then, where
// [Pattern.Cost] says that it is needed.
type Pattern struct {
	text      string
	finder    *finder        // nil: each line is a candidate
	exact     bool           // a line with a literal of the finder matches
	automaton *automaton     // nil when it would be too large
	regexp    *regexp.Regexp // for lines that the automaton leaves open, or all
}

// Compile reads a pattern in the syntax of package regexp. The error is an *[Error].
func Compile(text string, o Options) (*Pattern, error) {
	tree, err := parse(text, o)
	if err != nil {
		return nil, err
	}
	whole := source(text, tree, o)
	p := &Pattern{text: text}
	if p.regexp, err = regexp.Compile(whole); err != nil {
		return nil, fault(text, err)
	}
	full, err := syntax.Parse(whole, syntax.Perl)
	if err != nil {
		return nil, fault(text, err)
	}
	full = trim(full.Simplify()).Simplify()
	var known literals
	if o.Word {
		known = extract(tree.Simplify()).asWords()
	} else {
		known = extract(full)
	}
	if f := newFinder(known.set); f != nil {
		p.finder, p.exact = f, known.exact && !f.endsInReturn()
	}
	if p.exact {
		return p, nil
	}
	program, err := syntax.Compile(full)
	if err != nil {
		return nil, fault(text, err)
	}
	p.automaton = newAutomaton(program)
	return p, nil
}

// String is the text that was compiled.
func (p *Pattern) String() string { return p.text }

// Match tells whether a line matches. A newline at its end may be there or not; of
// several lines it tells whether any matches.
func (p *Pattern) Match(line []byte) bool {
	if len(line) == 0 {
		return p.matchLine(line)
	}
	_, _, found := p.Next(line, 0)
	return found
}

// Count is the number of lines in the block that match.
func (p *Pattern) Count(block []byte) int {
	n, at := 0, 0
	for at < len(block) {
		var found bool
		if p.exact {
			i := p.finder.find(block, at)
			at, found = i, i >= 0
		} else {
			_, at, found = p.Next(block, at)
		}
		if !found {
			break
		}
		n++
		at = lineEnd(block, at) + 1
	}
	return n
}

// Each yields the lines of the block that match, in order, until told to stop. They
// are parts of the block.
func (p *Pattern) Each(block []byte, yield func(line []byte) bool) {
	for at := 0; at < len(block); {
		start, end, found := p.Next(block, at)
		if !found || !yield(block[start:end:end]) {
			return
		}
		at = lineEnd(block, end) + 1
	}
}

// Next finds the first line that matches and begins at index at or later; at has to
// be where a line begins. The line is block[start:end]; the carriage returns and the
// newline behind it are no part of it.
func (p *Pattern) Next(block []byte, at int) (start, end int, found bool) {
	for start = at; start < len(block); start = end + 1 {
		in := start
		if p.finder != nil {
			if in = p.finder.find(block, start); in < 0 {
				break
			}
			start += lastNewline(block[start:in]) + 1
		}
		end = lineEnd(block, in)
		line := trimReturns(block[start:end])
		if p.exact || p.matchLine(line) {
			return start, start + len(line), true
		}
	}
	return 0, 0, false
}

// matchLine looks at the whole of one line.
func (p *Pattern) matchLine(line []byte) bool {
	if p.exact {
		return p.finder.find(line, 0) >= 0
	}
	if p.automaton != nil {
		switch p.automaton.run(line) {
		case accepted:
			return true
		case dead:
			return false
		}
	}
	return p.regexp.Match(line)
}

// lineEnd is the index of the newline at or behind index at, or the block's length.
func lineEnd(block []byte, at int) int {
	if i := bytes.IndexByte(block[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(block)
}

// lastNewline is bytes.LastIndexByte, which looks at one byte at a time.
func lastNewline(text []byte) int { return bytes.LastIndexByte(text, '\n') }

func trimReturns(line []byte) []byte {
	for len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	return line
}
