package search

import (
	"math"
	"regexp/syntax"
)

// extract finds the literals of a simplified tree.
func extract(re *syntax.Regexp) literals {
	empty := func(c context) literals {
		return literals{set: []literal{{before: c, after: c}}, exact: true}
	}
	switch re.Op {
	case syntax.OpNoMatch:
		return literals{set: []literal{}, exact: true}
	case syntax.OpEmptyMatch:
		return empty(0)
	case syntax.OpBeginLine, syntax.OpBeginText:
		return empty(lineStart)
	case syntax.OpEndLine, syntax.OpEndText:
		return empty(lineFinish)
	case syntax.OpWordBoundary:
		return empty(boundary)
	case syntax.OpNoWordBoundary:
		return empty(noBoundary)
	case syntax.OpCapture:
		return extract(re.Sub[0])
	case syntax.OpLiteral:
		return ofLiteral(re)
	case syntax.OpCharClass:
		return ofClass(re)
	case syntax.OpConcat:
		s := newSequence()
		s.addAll(re.Sub)
		return s.literals()
	case syntax.OpPlus:
		s := newSequence()
		s.addAll([]*syntax.Regexp{re})
		return s.literals()
	case syntax.OpAlternate:
		return ofAlternate(re)
	case syntax.OpQuest:
		if sub := extract(re.Sub[0]); sub.exact {
			return literals{set: append(sub.set, literal{}), exact: true}
		}
	case syntax.OpStar, syntax.OpRepeat, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
	}
	return literals{}
}

func ofLiteral(re *syntax.Regexp) literals {
	s := newSequence()
	for _, r := range re.Rune {
		runes := []rune{r}
		if re.Flags&syntax.FoldCase != 0 {
			runes = orbit(r)
		}
		set, ok := ofRunes(runes)
		s.add(literals{set: set, exact: ok})
	}
	return s.literals()
}

func ofClass(re *syntax.Regexp) literals {
	var runes []rune
	for i := 0; i < len(re.Rune); i += 2 {
		if int(re.Rune[i+1]-re.Rune[i]) >= maxClass-len(runes) {
			return literals{}
		}
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			runes = append(runes, r)
		}
	}
	set, ok := ofRunes(runes)
	return literals{set: set, exact: ok}
}

// ofAlternate joins the sets of the alternatives; one without any spoils all.
func ofAlternate(re *syntax.Regexp) literals {
	all := literals{set: []literal{}, exact: true}
	for _, sub := range re.Sub {
		one := extract(sub)
		if one.set == nil || len(all.set)+len(one.set) > maxSet {
			return literals{}
		}
		all.set = append(all.set, one.set...)
		all.exact = all.exact && one.exact
	}
	return all
}

// sequence gathers the literals of parts that follow each other. As long as the sets
// of the parts are exact and the product of them small, they grow into longer
// literals; then these stand for the whole if they are the best, and others begin.
type sequence struct {
	current []literal
	best    []literal
	exact   bool
}

func newSequence() *sequence { return &sequence{current: []literal{{}}, exact: true} }

func (s *sequence) addAll(parts []*syntax.Regexp) {
	for _, part := range parts {
		for part.Op == syntax.OpCapture {
			part = part.Sub[0]
		}
		switch part.Op {
		case syntax.OpConcat:
			s.addAll(part.Sub)
		case syntax.OpPlus:
			// It begins with a match of the part and ends with one, maybe the same.
			one := extract(part.Sub[0])
			s.add(one)
			s.cut()
			if one.exact {
				s.current = one.set
			}
		default:
			s.add(extract(part))
		}
	}
}

func (s *sequence) add(next literals) {
	if !next.exact {
		s.cut()
		s.consider(next.set)
		return
	}
	if set, ok := product(s.current, next.set); ok {
		s.current = set
		return
	}
	s.cut()
	s.current = next.set
}

// cut ends the current literals: what follows is not right behind them.
func (s *sequence) cut() {
	s.consider(s.current)
	s.current, s.exact = []literal{{}}, false
}

func (s *sequence) consider(set []literal) {
	if set == nil || math.IsInf(cost(set), 1) {
		return
	}
	if s.best == nil || cost(set) < cost(s.best) {
		s.best = set
	}
}

func (s *sequence) literals() literals {
	if s.exact {
		return literals{set: s.current, exact: true}
	}
	s.consider(s.current)
	return literals{set: s.best}
}
