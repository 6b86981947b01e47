package expression

import (
	"maps"
	"reflect"
	"slices"
)

// Scope is the names that an expression may read and the Go types of what they
// are bound to. It is not safe for concurrent use while names are declared;
// compiling only reads it.
type Scope struct {
	names map[string]reflect.Type
}

// NewScope gives a scope without names.
func NewScope() *Scope { return &Scope{names: map[string]reflect.Type{}} }

// Declare binds a name to a type; a later declaration of a name replaces the
// earlier one. A pointer stands for what it points to.
func (s *Scope) Declare(name string, t reflect.Type) {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s.names[name] = t
}

// Clone gives a copy that can be added to without changing the original.
func (s *Scope) Clone() *Scope { return &Scope{names: maps.Clone(s.names)} }

// Names lists the declared names, sorted.
func (s *Scope) Names() []string { return slices.Sorted(maps.Keys(s.names)) }
