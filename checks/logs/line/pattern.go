package line

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// pattern is lines that a regular expression describes. Its groups are the fields.
// Unlike the other formats it allocates memory for each line that it reads.
type pattern struct {
	expression *regexp.Regexp
}

func (g *pattern) name() string { return g.expression.String() }

func (g *pattern) fits(line []byte) bool { return g.expression.Match(line) }

func (g *pattern) level(line []byte) Level {
	text := g.group(line, g.expression.FindSubmatchIndex(line), "level")
	if l := ParseLevel(text); l != Unknown {
		return l
	}
	return numberedLevel(text)
}

func (g *pattern) message(line []byte, _ *[]byte) []byte {
	if text := g.group(line, g.expression.FindSubmatchIndex(line), "message"); text != nil {
		return text
	}
	return line
}

// group is the text of a group: nil when it took no part in a match.
func (g *pattern) group(line []byte, match []int, name string) []byte {
	i := g.expression.SubexpIndex(name)
	if i < 0 || match == nil || match[2*i] < 0 {
		return nil
	}
	return line[match[2*i]:match[2*i+1]:match[2*i+1]]
}

func (g *pattern) continues(line []byte) bool { return follows(line) && !g.expression.Match(line) }

func (g *pattern) learn([][]byte) grammar { return g }

func (g *pattern) reader(names []string) (reader, error) {
	known := []string{"level", "message"}
	for _, name := range g.expression.SubexpNames() {
		if name != "" && !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("the expression of the log's format has no group %q: want one of %s",
				name, strings.Join(known, ", "))
		}
	}
	return &patternReader{g, names}, nil
}

type patternReader struct {
	*pattern
	names []string
}

func (r *patternReader) clone() reader { return r }

func (r *patternReader) read(line []byte, values [][]byte, scratch *[]byte) {
	match := r.expression.FindSubmatchIndex(line)
	for i, name := range r.names {
		text := r.group(line, match, name)
		switch name {
		case "level":
			l := ParseLevel(text)
			if l == Unknown {
				l = numberedLevel(text)
			}
			if l != Unknown {
				text = put(scratch, l.String())
			}
		case "message":
			if text == nil {
				text = line
			}
		}
		values[i] = text
	}
}
