package logs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gumshoe/checks/logs/search"
)

// asked is a question that was compiled. It does not change.
type asked struct {
	match, not *search.Pattern
	where      []condition
	names      []string // of patterns, sorted
	patterns   []*search.Pattern
	by         []string
	numbers    []string
	templates  bool
}

// A Question is what a user asks of a log; see the inputs of logs.file.
type Question struct {
	Match, Not      string
	Fixed           bool // match is no regular expression
	Where, Patterns map[string]string
	By, Numbers     []string
	Templates       bool
}

// compile reads the patterns and conditions. Its errors are about what the user wrote.
func (q Question) compile() (*asked, error) {
	a := &asked{by: q.By, numbers: q.Numbers, templates: q.Templates, names: slices.Sorted(maps.Keys(q.Patterns))}
	var err error
	if q.Match != "" {
		if a.match, err = search.Compile(q.Match, search.Options{Fixed: q.Fixed}); err != nil {
			return nil, fmt.Errorf("match: %w", err)
		}
	}
	if q.Not != "" {
		if a.not, err = search.Compile(q.Not, search.Options{}); err != nil {
			return nil, fmt.Errorf("not: %w", err)
		}
	}
	for _, name := range a.names {
		p, err := search.Compile(q.Patterns[name], search.Options{})
		if err != nil {
			return nil, fmt.Errorf("patterns: %s: %w", name, err)
		}
		a.patterns = append(a.patterns, p)
	}
	for _, field := range slices.Sorted(maps.Keys(q.Where)) {
		c, err := parseCondition(field, q.Where[field])
		if err != nil {
			return nil, fmt.Errorf("where: %s: %w", field, err)
		}
		a.where = append(a.where, c)
	}
	return a, nil
}

// fields are the names of the fields that are read, each once.
func (a *asked) fields() []string {
	var names []string
	for _, c := range a.where {
		names = append(names, c.field)
	}
	names = append(append(names, a.by...), a.numbers...)
	slices.Sort(names)
	return slices.Compact(names)
}

// all says whether every line is asked for.
func (a *asked) all() bool { return a.match == nil && a.not == nil && len(a.where) == 0 }

// operators of conditions, the longer ones first.
//
//nolint:gochecknoglobals // never changed
var operators = []string{">=", "<=", "!=", "!~", "==", ">", "<", "~", "="}

// splitOperator takes the operator from a condition: "" when there is none.
func splitOperator(text string) (operator, operand string) {
	text = strings.TrimSpace(text)
	for _, op := range operators {
		if rest, found := strings.CutPrefix(text, op); found {
			return op, strings.TrimSpace(rest)
		}
	}
	return "", text
}
