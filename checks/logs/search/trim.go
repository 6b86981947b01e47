package search

import (
	"regexp/syntax"
	"slices"
)

// trim drops what does not matter to whether a line has a match: repetitions at the
// start and the end of the pattern. Of [0-9]+ms$ remains [0-9]ms$, and of ^.*error.*
// remains error. The parts of a tree may be shared, so it is not changed.
func trim(re *syntax.Regexp) *syntax.Regexp {
	return trimEnd(trimEnd(re, true), false)
}

// trimEnd trims one end. Wherever a repetition at the start has a match, its last
// round alone has one too, and none if none is asked for.
func trimEnd(re *syntax.Regexp, start bool) *syntax.Regexp {
	switch re.Op { //nolint:exhaustive // the others have no end to trim
	case syntax.OpCapture, syntax.OpPlus:
		return trimEnd(re.Sub[0], start)
	case syntax.OpStar, syntax.OpQuest:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	case syntax.OpAlternate:
		alternate := &syntax.Regexp{Op: syntax.OpAlternate}
		for _, sub := range re.Sub {
			alternate.Sub = append(alternate.Sub, trimEnd(sub, start))
		}
		return alternate
	case syntax.OpConcat:
		return trimConcat(slices.Clone(re.Sub), start)
	}
	return re
}

func trimConcat(parts []*syntax.Regexp, start bool) *syntax.Regexp {
	for len(parts) > 0 {
		end, next := 0, 1
		if !start {
			end = len(parts) - 1
			next = end - 1
		}
		if len(parts) > 1 && isLineBound(parts[end], start) && isAnything(parts[next]) {
			parts[end] = parts[next] // the bound of the line is always reached
		}
		parts[end] = trimEnd(parts[end], start)
		if parts[end].Op != syntax.OpEmptyMatch {
			break
		}
		parts = slices.Delete(parts, end, end+1)
	}
	switch len(parts) {
	case 0:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	case 1:
		return parts[0]
	}
	return &syntax.Regexp{Op: syntax.OpConcat, Sub: parts}
}

func isLineBound(re *syntax.Regexp, start bool) bool {
	if start {
		return re.Op == syntax.OpBeginLine || re.Op == syntax.OpBeginText
	}
	return re.Op == syntax.OpEndLine || re.Op == syntax.OpEndText
}

// isAnything tells whether a part is .* in some form.
func isAnything(re *syntax.Regexp) bool {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	return re.Op == syntax.OpStar && (re.Sub[0].Op == syntax.OpAnyChar || re.Sub[0].Op == syntax.OpAnyCharNotNL)
}
