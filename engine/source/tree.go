package source

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// tree turns the nodes of the library into ours.
type tree struct {
	file    string
	lines   []string
	starts  map[int][]int // of long lines, where each character starts
	faults  *Faults
	built   map[*yaml.Node]*value // what aliases can repeat
	open    map[*yaml.Node]bool   // what is being built: an alias to it is endless
	tooMuch bool                  // a limit is passed: no more is built
}

func (t *tree) build(n *yaml.Node, depth int) *value {
	v := &value{kind: unreadable, start: t.at(n), size: 1, height: 1}
	v.text.Position = v.start
	if t.tooMuch {
		return v
	}
	if n.Kind == yaml.AliasNode {
		return t.alias(n, v, depth)
	}
	if depth > MaxDepth {
		t.tooDeep(v.start)
		return v
	}
	t.open[n] = true
	switch n.Kind {
	case yaml.MappingNode:
		v.kind = mapping
		t.fields(v, n, depth)
	case yaml.SequenceNode:
		v.kind = list
		for _, item := range n.Content {
			v.items = append(v.items, Node{t.child(v, item, depth)})
		}
	default:
		t.scalar(v, n)
	}
	delete(t.open, n)
	t.refuseTag(v, n)
	t.built[n] = v
	return v
}

// at is the place of a node. An empty value at the end of the file stands, for
// the library, on the line after the last.
func (t *tree) at(n *yaml.Node) Position {
	if last := len(t.lines); n.Line > last {
		return Position{t.file, last, max(utf8.RuneCountInString(t.line(last)), 1)}
	}
	return Position{t.file, n.Line, n.Column}
}

func (t *tree) child(parent *value, n *yaml.Node, depth int) *value {
	v := t.build(n, depth+1)
	parent.size += v.size
	parent.height = max(parent.height, v.height+1)
	if parent.size > MaxNodes && !t.tooMuch {
		t.faults.Addf(t.at(n), "more than %d values, with all that is repeated by aliases", MaxNodes)
		t.tooMuch = true
	}
	return v
}

// alias gives the value that an alias repeats, which stands before it.
func (t *tree) alias(n *yaml.Node, unreadable *value, depth int) *value {
	if t.open[n.Alias] {
		t.faults.Addf(unreadable.start, "the alias *%s stands inside the value that it repeats", n.Value)
		return unreadable
	}
	v := t.built[n.Alias]
	if v == nil {
		return unreadable
	}
	if depth+v.height-1 > MaxDepth {
		t.tooDeep(unreadable.start)
		return unreadable
	}
	return v
}

func (t *tree) tooDeep(at Position) {
	t.faults.Addf(at, "values in values, more than %d deep", MaxDepth)
	t.tooMuch = true
}

func (t *tree) fields(parent *value, n *yaml.Node, depth int) {
	places := make(map[string]Position, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := t.child(parent, n.Content[i], depth), t.child(parent, n.Content[i+1], depth)
		if !t.goodKey(key) {
			continue
		}
		name := key.text.Value
		if first, found := places[name]; found {
			t.faults.Addf(key.start, "duplicate key %q; the first is at line %d, column %d",
				name, first.Line, first.Column)
			continue
		}
		places[name] = key.start
		parent.fields = append(parent.fields, Field{Key: key.text, Value: Node{v}})
	}
}

// goodKey reports whether a key can be kept. One that only lacks its quotes is
// kept, so that its value is checked too.
func (t *tree) goodKey(key *value) bool {
	text := key.text.Value
	switch key.kind {
	case mapping, list:
		hint := "if the value is text, put it in quotes"
		if strings.HasPrefix(t.rest(key.start.Line, key.start.Column-1), "{{") {
			hint = `put a value that starts with "{{" in quotes`
		}
		t.faults.Addf(key.start, "a key must be a string, not %s; %s", Node{key}.Kind(), hint)
		return false
	case null:
		t.faults.Addf(key.start, "a key must be a string, but it is empty; "+
			"put a name before the colon, or quotes around the value")
		return false
	case number, boolean:
		t.faults.Addf(key.start, "a key must be a string, not %s; put it in quotes: %q",
			Node{key}.Kind(), text)
	case unreadable:
		return false
	}
	if text == "<<" && !key.quoted {
		t.faults.Addf(key.start, `merge keys ("<<") are not supported; write the keys out`)
		return false
	}
	return true
}

// refuseTag adds a fault for a tag. The value stands as if it had none.
func (t *tree) refuseTag(v *value, n *yaml.Node) {
	tag := n.Tag
	switch {
	case n.Style&yaml.TaggedStyle == 0 && tag != "!":
		return
	case tag == "!!str" && v.kind != mapping && v.kind != list:
		v.kind, v.scalar = text, v.text.Value
		return
	case tag == "!!map" && v.kind == mapping, tag == "!!seq" && v.kind == list:
		return
	}
	if strings.HasPrefix(t.rest(n.Line, n.Column), "!") {
		written, _, _ := strings.Cut(t.rest(n.Line, n.Column), " ")
		tag = strings.TrimRight(written, ",]}")
	}
	t.faults.Addf(v.start, "the tag %s is not supported; remove it, or put the value in quotes if it is text", tag)
}

func (t *tree) scalar(v *value, n *yaml.Node) {
	v.text.Value = n.Value
	v.quoted = n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	t.place(v, n)
	if v.quoted {
		v.kind, v.scalar = text, n.Value
		return
	}
	var err error
	if v.kind, v.scalar, err = resolve(n.Value); err != nil && n.Style&yaml.TaggedStyle == 0 {
		t.faults.Addf(v.start, "%s; put it in quotes if it is text", err)
	}
}

// place works out where the text of a scalar starts, which for quotes and
// blocks is not where the scalar starts.
func (t *tree) place(v *value, n *yaml.Node) {
	written := t.rest(n.Line, n.Column)
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		t.placeQuoted(v, written, `"`)
	case n.Style&yaml.SingleQuotedStyle != 0:
		t.placeQuoted(v, written, `'`)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		for i := n.Line + 1; i <= len(t.lines); i++ {
			if strings.TrimSpace(t.line(i)) == "" {
				continue
			}
			first := strings.TrimLeft(n.Value, "\n")
			if column := indentation(t.line(i)) - indentation(first); first != "" && column >= 0 {
				v.text.Line, v.text.Column = i, column+1
			}
			return
		}
	default:
		v.text.Exact = strings.HasPrefix(written, n.Value)
	}
}

func (t *tree) placeQuoted(v *value, written, quote string) {
	if !strings.HasPrefix(written, quote) {
		return // a tag or an anchor stands before it
	}
	v.text.Column++
	v.text.Exact = strings.HasPrefix(written, quote+v.text.Value+quote) &&
		!strings.ContainsAny(v.text.Value, quote+`\`)
}

// resolve gives the kind and the value of a plain scalar by the core schema of
// YAML 1.2.
func resolve(s string) (kind, any, error) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return null, nil, nil
	case "true", "True", "TRUE":
		return boolean, true, nil
	case "false", "False", "FALSE":
		return boolean, false, nil
	}
	n, ok := parseNumber(s)
	if !ok {
		return text, s, nil
	}
	if n == nil {
		return unreadable, nil, fmt.Errorf("%s is not a finite number", s)
	}
	return number, n, nil
}
