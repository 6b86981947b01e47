package expression

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// kind is the sort of a value, in the words that people know.
type kind uint8

const (
	broken  kind = iota // of something already reported: suppresses more faults
	foreign             // of a Go type that expressions cannot read
	boolean
	number
	text
	moment
	span
	list
	mapping
	object
	opaque // a struct whose inside is not to be seen: a secret
)

func (k kind) String() string {
	switch k {
	case boolean:
		return "true or false"
	case number:
		return "a number"
	case text:
		return "a string"
	case moment:
		return "a time"
	case span:
		return "a duration"
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	case object:
		return "an object with fields"
	case opaque:
		return "a secret"
	case broken, foreign:
	}
	return "a value that expressions cannot read"
}

// typ is the static type of a part of an expression.
type typ struct {
	kind kind
	rt   reflect.Type
	enum string // the declared values, comma-separated; of a list, its elements'
}

func typeOf(t reflect.Type, enum string) typ {
	result := typ{kind: foreign, rt: t}
	if t == nil {
		return result
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		result.kind = moment
	case t == reflect.TypeFor[time.Duration]():
		result.kind = span
	default:
		switch t.Kind() {
		case reflect.Bool:
			result.kind = boolean
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
			reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
			reflect.Float32, reflect.Float64:
			result.kind = number
		case reflect.String:
			result.kind, result.enum = text, enum
		case reflect.Slice, reflect.Array:
			result.kind, result.enum = list, enum
		case reflect.Map:
			if t.Key().Kind() == reflect.String {
				result.kind, result.enum = mapping, enum
			}
		case reflect.Struct:
			result.kind = opaque
			if len(fieldNames(t)) > 0 {
				result.kind = object
			}
		}
	}
	return result
}

func (t typ) elem() typ {
	if t.kind != list && t.kind != mapping {
		return typ{}
	}
	return typeOf(t.rt.Elem(), t.enum)
}

// values lists what an enum declares; nil means anything.
func (t typ) values() []string {
	if t.enum == "" {
		return nil
	}
	values := strings.Split(t.enum, ",")
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	return values
}

func computed[T any](k kind) typ { return typ{kind: k, rt: reflect.TypeFor[T]()} }

func listOf(t typ) typ { return typ{kind: list, rt: reflect.SliceOf(t.rt), enum: t.enum} }

func isInteger(t typ) bool {
	return t.kind == number && t.rt.Kind() != reflect.Float64 && t.rt.Kind() != reflect.Float32
}

// fieldOf finds a field by the name that expressions use: its expr tag, else
// its Go name. The fields of embedded structs are found too.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		switch {
		case !f.IsExported():
			continue
		case embedded(f):
			if inner, ok := fieldOf(f.Type, name); ok {
				inner.Index = append(slices.Clone(f.Index), inner.Index...)
				return inner, true
			}
		case exprName(f) == name:
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		switch {
		case !f.IsExported():
		case embedded(f):
			names = append(names, fieldNames(f.Type)...)
		case exprName(f) != "":
			names = append(names, exprName(f))
		}
	}
	return names
}

func embedded(f reflect.StructField) bool {
	return f.Anonymous && f.Type.Kind() == reflect.Struct && f.Tag.Get("expr") == ""
}

func exprName(f reflect.StructField) string {
	switch tag := f.Tag.Get("expr"); tag {
	case "":
		return f.Name
	case "-":
		return ""
	default:
		return tag
	}
}

// someOf lists names for a message, not too many of them.
func someOf(names []string) string {
	const most = 12
	if len(names) > most {
		return fmt.Sprintf("%s, … %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
