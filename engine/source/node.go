package source

// Node is a value of a file, with its place. The zero Node is absent: it has no
// place and no content, and the expecting methods (String, Int, Object, …) give
// false for it without a fault, so that an optional key needs no test.
//
// An alias is the value that it repeats, at that value's place.
type Node struct{ value *value }

// Field is a key of a mapping with its value.
type Field struct {
	Key   Text
	Value Node
}

type kind uint8

const (
	unreadable kind = iota // reported when the file was read: no second fault
	null
	boolean
	number
	text
	mapping
	list
)

// value is what a Node refers to. It is not changed once the file is read.
type value struct {
	kind   kind
	start  Position
	text   Text // of a scalar, as it is written; for the rest only its Position
	quoted bool // in quotes or as a block
	scalar any  // nil, bool, int64, float64 or string
	fields []Field
	items  []Node

	size, height int // values below and with it, aliases expanded
}

// Position is where the value starts: a string in quotes at the quote, a block
// of text at its | or >, a mapping at its first key or its {.
func (n Node) Position() Position {
	if n.value == nil {
		return Position{}
	}
	return n.value.start
}

// IsZero reports whether the node is absent, as for a key that is not there. A
// key without a value is not absent but null.
func (n Node) IsZero() bool { return n.value == nil }

// IsNull reports whether the node is null, ~ or empty.
func (n Node) IsNull() bool { return n.is(null) }

// IsMapping reports whether the node is a mapping, also an empty one.
func (n Node) IsMapping() bool { return n.is(mapping) }

// IsList reports whether the node is a list, also an empty one.
func (n Node) IsList() bool { return n.is(list) }

// IsScalar reports whether the node is a string, a number, or true or false.
func (n Node) IsScalar() bool { return n.is(boolean) || n.is(number) || n.is(text) }

// IsString reports whether the node is a string.
func (n Node) IsString() bool { return n.is(text) }

func (n Node) is(k kind) bool { return n.value != nil && n.value.kind == k }

// Kind names the kind of the node for messages: "a mapping", "a list", "a
// string", "a number", "true or false", "nothing".
func (n Node) Kind() string {
	switch {
	case n.IsMapping():
		return "a mapping"
	case n.IsList():
		return "a list"
	case n.is(text):
		return "a string"
	case n.is(number):
		return "a number"
	case n.is(boolean):
		return "true or false"
	case n.is(unreadable):
		return "something unreadable"
	}
	return "nothing"
}

// Text is the text of a scalar, for true and 1.50 as it is written, with the
// place of its first character: behind the opening quote, or on the first line
// of a block. It is Exact for a plain scalar and for one in quotes, on one line
// and without escapes. For mappings and lists the text is "".
func (n Node) Text() Text {
	if n.value == nil {
		return Text{}
	}
	return n.value.text
}

// Fields gives the fields of a mapping in the order of the file, each key once.
// It is empty for any other node.
func (n Node) Fields() []Field {
	if n.value == nil {
		return nil
	}
	return n.value.fields
}

// Field gives the value of a key of a mapping, or the zero Node.
func (n Node) Field(key string) Node {
	for _, field := range n.Fields() {
		if field.Key.Value == key {
			return field.Value
		}
	}
	return Node{}
}

// Over gives the node laid over another: of two mappings the fields of both,
// those of both laid over each other; else the node itself, unless it is absent.
// Every value keeps its place. Neither node changes.
func (n Node) Over(base Node) Node {
	if n.IsZero() {
		return base
	}
	if !n.IsMapping() || !base.IsMapping() {
		return n
	}
	merged := *n.value
	merged.fields = nil
	for _, field := range base.Fields() {
		field.Value = n.Field(field.Key.Value).Over(field.Value)
		merged.fields = append(merged.fields, field)
	}
	for _, field := range n.Fields() {
		if base.Field(field.Key.Value).IsZero() {
			merged.fields = append(merged.fields, field)
		}
	}
	return Node{&merged}
}

// Without gives the node without the value at a path of keys. The node itself
// does not change.
func (n Node) Without(keys ...string) Node {
	if !n.IsMapping() || len(keys) == 0 {
		return n
	}
	rest := *n.value
	rest.fields = nil
	for _, field := range n.Fields() {
		if field.Key.Value == keys[0] {
			if len(keys) == 1 {
				continue
			}
			field.Value = field.Value.Without(keys[1:]...)
		}
		rest.fields = append(rest.fields, field)
	}
	return Node{&rest}
}

// Items gives the values of a list. It is empty for any other node.
func (n Node) Items() []Node {
	if n.value == nil {
		return nil
	}
	return n.value.items
}

// Value gives the node and all below as map[string]any, []any, string, int64,
// float64, bool and nil, by the core schema of YAML 1.2: yes, no, on, off and
// dates are strings. An integer beyond int64 is a float64. The maps and slices
// are the caller's.
func (n Node) Value() any {
	switch {
	case n.IsMapping():
		fields := make(map[string]any, len(n.Fields()))
		for _, field := range n.Fields() {
			fields[field.Key.Value] = field.Value.Value()
		}
		return fields
	case n.IsList():
		items := make([]any, len(n.Items()))
		for i, item := range n.Items() {
			items[i] = item.Value()
		}
		return items
	case n.value == nil:
		return nil
	}
	return n.value.scalar
}
