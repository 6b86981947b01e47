package source

import (
	"slices"
	"strings"
)

// Object is a mapping that is read strictly: each known key is asked for with
// Field or Required, and Done reports the keys that nobody asked for.
type Object struct {
	node   Node
	what   string
	faults *Faults
	asked  []string
}

// Object reads the node as a mapping with known keys; what names it in
// messages: "runbook", "step cpu".
func (n Node) Object(what string, f *Faults) (*Object, bool) {
	if _, ok := n.Mapping(what, f); !ok {
		return nil, false
	}
	return &Object{node: n, what: what, faults: f}, true
}

// Position is where the mapping starts.
func (o *Object) Position() Position { return o.node.Position() }

// Field gives the value of a key, or the zero Node when the key is not there.
// The key is known from then on.
func (o *Object) Field(key string) Node {
	if !slices.Contains(o.asked, key) {
		o.asked = append(o.asked, key)
	}
	return o.node.Field(key)
}

// Key gives the key as it is written, for faults about the key itself; its
// Position is the mapping's when the key is not there.
func (o *Object) Key(key string) Text {
	for _, field := range o.node.Fields() {
		if field.Key.Value == key {
			return field.Key
		}
	}
	return Text{Value: key, Position: o.Position()}
}

// Required is Field for a key that has to be there; when it is not, that is a
// fault at the mapping's place.
func (o *Object) Required(key string) (Node, bool) {
	n := o.Field(key)
	if n.IsZero() {
		o.faults.Addf(o.Position(), "%s needs %q", o.what, key)
		return Node{}, false
	}
	return n, true
}

// Done adds a fault for each key that was not asked for, with the nearest of
// the known keys and all of them. Ask for every key, also conditional ones,
// before.
func (o *Object) Done() {
	known := slices.Sorted(slices.Values(o.asked))
	for _, field := range o.node.Fields() {
		key := field.Key.Value
		if slices.Contains(o.asked, key) {
			continue
		}
		hint := DidYouMean(key, known)
		if before, after, found := strings.Cut(key, ":"); found && slices.Contains(known, before) {
			hint = "; put a space after the colon: " + before + ": " + after
		}
		o.faults.Addf(field.Key.Position, "unknown key %q%s (allowed: %s)",
			key, hint, strings.Join(known, ", "))
	}
}
