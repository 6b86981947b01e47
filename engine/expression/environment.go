package expression

import (
	"cmp"
	"maps"
	"reflect"
	"strconv"
	"strings"
)

// Environment is what has been observed when an expression is evaluated. A name
// that is bound to nothing "was not run". Binding a name again replaces what it
// was bound to. It is safe for concurrent evaluation while nothing is bound.
type Environment struct {
	roots   map[string]root
	history func(path string) []float64
}

// Unread is a part of an observation that could not be read. Path is relative
// to the root: "idle_in_transaction"; "mounts" (some mounts are missing from the
// list); "mounts[2].inodes_used_percent"; "mounts[].device" (of every element);
// `matches["refused"]`; "" (everything).
type Unread struct{ Path, Reason, Fix string }

type root struct {
	value   reflect.Value
	gaps    *gaps
	missing *cause
}

// cause says why something is unknown; nil means that it is known.
type cause struct{ reason, fix string }

// NewEnvironment gives an environment in which nothing has been observed.
func NewEnvironment() *Environment { return &Environment{roots: map[string]root{}} }

// Bind binds a name to what was observed, all of it.
func (e *Environment) Bind(name string, value any) { e.BindObserved(name, value, nil) }

// BindObserved binds a name to what was observed, some of which was not.
func (e *Environment) BindObserved(name string, value any, unread []Unread) {
	r := root{value: reflect.ValueOf(value)}
	for _, u := range unread {
		if r.gaps == nil {
			r.gaps = &gaps{}
		}
		why := name + ": "
		if u.Path != "" && u.Path[0] != '[' {
			why = name + "." + u.Path + ": "
		} else if u.Path != "" {
			why = name + u.Path + ": "
		}
		r.gaps.add(splitPath(u.Path), &cause{why + cmp.Or(u.Reason, "could not be read"), u.Fix})
	}
	e.roots[name] = r
}

// BindMissing says that nothing was observed under a name, in words that stand
// alone ("db was not run"), and what would change that; both may be empty.
func (e *Environment) BindMissing(name, reason, fix string) {
	e.roots[name] = root{missing: &cause{cmp.Or(reason, name+" was not run"), fix}}
}

// SetHistory sets where unusual gets the earlier values of a number from, by its
// path ("cpu.used_percent"), oldest first. Without it unusual is unknown.
func (e *Environment) SetHistory(history func(path string) []float64) { e.history = history }

// gaps is a tree of what could not be read below a value. The keys of inside are
// field names, map keys or indexes, as the value has it.
type gaps struct {
	whole  *cause // of a list or map: entries are missing; else nothing was read
	inside map[string]*gaps
	every  *gaps // of each entry
}

func (g *gaps) add(path []string, why *cause) {
	if len(path) == 0 {
		if g.whole == nil {
			g.whole = why
		}
		return
	}
	if path[0] == "" {
		if g.every == nil {
			g.every = &gaps{}
		}
		g.every.add(path[1:], why)
		return
	}
	if g.inside == nil {
		g.inside = map[string]*gaps{}
	}
	inner := g.inside[path[0]]
	if inner == nil {
		inner = &gaps{}
		g.inside[path[0]] = inner
	}
	inner.add(path[1:], why)
}

// of gives the gaps below one entry.
func (g *gaps) of(key string) *gaps {
	if g == nil {
		return nil
	}
	one := g.inside[key]
	switch {
	case g.every == nil:
		return one
	case one == nil:
		return g.every
	}
	both := *one
	if both.whole == nil {
		both.whole = g.every.whole
	}
	if both.every == nil {
		both.every = g.every.every
	}
	both.inside = make(map[string]*gaps, len(one.inside)+len(g.every.inside))
	maps.Copy(both.inside, g.every.inside)
	maps.Copy(both.inside, one.inside)
	return &both
}

func (g *gaps) here() *cause {
	if g == nil {
		return nil
	}
	return g.whole
}

// any gives a cause anywhere below; of several the one whose path is first.
func (g *gaps) any() *cause {
	if g == nil || g.whole != nil {
		return g.here()
	}
	if why := g.every.any(); why != nil {
		return why
	}
	first, found := "", (*cause)(nil)
	for key, inner := range g.inside {
		if why := inner.any(); why != nil && (found == nil || key < first) {
			first, found = key, why
		}
	}
	return found
}

// splitPath takes `a[2].b["k"][]` apart: a, 2, b, k, "".
func splitPath(path string) []string {
	var parts []string
	for path != "" {
		if path[0] == '.' {
			path = path[1:]
			continue
		}
		if path[0] != '[' {
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			parts = append(parts, path[:end])
			path = path[end:]
			continue
		}
		if quoted, err := strconv.QuotedPrefix(path[1:]); err == nil {
			key, _ := strconv.Unquote(quoted)
			parts = append(parts, key)
			path = strings.TrimPrefix(path[1+len(quoted):], "]")
			continue
		}
		inner, rest, _ := strings.Cut(path[1:], "]")
		parts = append(parts, inner)
		path = rest
	}
	return parts
}
