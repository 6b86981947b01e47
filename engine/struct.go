package engine

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Struct describes the inputs or the output of a check.
type Struct struct {
	Type   reflect.Type
	Fields []*Field
}

// Field is one field of a Struct, as users see it.
type Field struct {
	// Name is the json and expr tag: snake_case, with its unit at the end.
	Name string
	Kind Kind
	Type reflect.Type
	// Enum lists the values that a string can take; empty means any.
	Enum []string
	// Required, Default, Min, Max and Format are for inputs. Min and Max are
	// inclusive and NaN when there is no bound; a duration's are in seconds.
	Required bool
	Default  string
	Min, Max float64
	Format   string
	// Program is set for an input that is text in a language of its own, such as a
	// query: it names the input that takes the values for it. A runbook can give such
	// a text as written or as one of its inputs, and cannot write values into it.
	Program string
	// Keys is set for a map in an observation that has an entry for each key of an
	// input that is a map, or for each text of one that is a list; it names the input.
	// A runbook that reads another key is not loaded.
	Keys string
	// verify says what is wrong with a text beyond the above; nil when nothing can be.
	verify func(string) error
	// Of describes the fields of an object, or of the objects in a list or map.
	Of *Struct

	// Index is the field's place in Struct.Type.
	Index int

	tagged func(string) string
	parent reflect.Type
	docs   func() FieldDocs // nil when there are none
}

// Doc is the field's doc comment; "" when there is none. It may take a while the
// first time.
func (f *Field) Doc() string {
	if f.docs == nil {
		return ""
	}
	return f.docs()[f.parent.PkgPath()+"."+f.parent.Name()][f.Name]
}

// Kind is the sort of value that a field holds, in the words users know.
type Kind string

// The kinds of fields.
const (
	KindString   Kind = "string"
	KindNumber   Kind = "number"
	KindInteger  Kind = "integer"
	KindBool     Kind = "bool"
	KindDuration Kind = "duration"
	KindTime     Kind = "time"
	KindSecret   Kind = "secret"
	KindList     Kind = "list"
	KindMap      Kind = "map"
	KindObject   Kind = "object"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	secretType   = reflect.TypeFor[Secret]()
	fieldName    = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
)

// Formats that the "format" tag of an input may name; Decode checks them.
const (
	FormatHostPort = "hostport"
	FormatHost     = "host"
	FormatURL      = "url"
	FormatPath     = "path"
	FormatMoment   = "moment" // a time or how long ago, see ParseMoment
)

// Field finds a field by its name.
func (s *Struct) Field(name string) (*Field, bool) {
	for _, f := range s.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return nil, false
}

// Names lists the fields' names, sorted.
func (s *Struct) Names() []string {
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	slices.Sort(names)
	return names
}

// DescribeInput reads the description of a check's inputs from its struct. The
// fields are strings, bools, integers, floats, durations, Secrets, lists of
// strings, and maps from string to string. Tags: json (the name), required,
// default, enum (comma-separated), min, max, format (hostport, host, url, path or
// moment), program (see Field.Program).
func DescribeInput(t reflect.Type) (*Struct, error) {
	return describe(t, func(path string, f *Field) error {
		switch f.Kind {
		case KindObject, KindTime:
			return fmt.Errorf("%s: a check's input is not a %s", path, f.Kind)
		case KindList, KindMap:
			if f.Type.Elem().Kind() != reflect.String {
				return fmt.Errorf("%s: a %s in a check's input holds strings", path, f.Kind)
			}
		case KindString, KindNumber, KindInteger, KindBool, KindDuration, KindSecret:
		}
		if f.Default != "" {
			if _, err := f.convert(f.Default); err != nil {
				return fmt.Errorf("%s: default: %w", path, err)
			}
		}
		return nil
	})
}

// DescribeOutput reads the description of a check's observation from its
// struct. The fields have equal json and expr tags and are strings, bools,
// numbers, times, structs of these, and lists and string maps of any of them:
// no pointers, no interfaces, no durations (write a number whose name ends in
// _seconds). A string that is one of a few values declares them in an enum tag.
func DescribeOutput(t reflect.Type) (*Struct, error) {
	return describe(t, func(path string, f *Field) error {
		switch {
		case f.Kind == KindDuration || f.Kind == KindSecret:
			return fmt.Errorf("%s: an observation does not hold a %s", path, f.Kind)
		case !strings.Contains(path, ".") && (f.Name == "unread" || f.Name == "item"):
			return fmt.Errorf("%s: this name is the engine's", path)
		}
		if j, e := f.tagged("json"), f.tagged("expr"); j != e {
			return fmt.Errorf("%s: the json tag %q and the expr tag %q differ", path, j, e)
		}
		return nil
	})
}

func describe(t reflect.Type, allow func(path string, f *Field) error) (*Struct, error) {
	return describeAt("", t, allow, 0)
}

func describeAt(prefix string, t reflect.Type, allow func(string, *Field) error, depth int) (*Struct, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is not a struct", t)
	}
	if depth > 8 {
		return nil, fmt.Errorf("%s: nested too deeply", prefix)
	}
	s := &Struct{Type: t}
	for i := range t.NumField() {
		sf := t.Field(i)
		name := sf.Tag.Get("json")
		path := prefix + name
		switch {
		case !sf.IsExported() || sf.Anonymous:
			return nil, fmt.Errorf("%s%s: only exported, named fields", prefix, sf.Name)
		case !fieldName.MatchString(name):
			return nil, fmt.Errorf("%s%s: the json tag %q is not a snake_case name", prefix, sf.Name, name)
		}
		kind, elem, err := kindOf(sf.Type)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		f := &Field{
			Name: name, Kind: kind, Type: sf.Type, Index: i,
			Required: sf.Tag.Get("required") == "true",
			Default:  sf.Tag.Get("default"),
			Format:   sf.Tag.Get("format"),
			Program:  sf.Tag.Get("program"),
			Keys:     sf.Tag.Get("keys"),
			Min:      math.NaN(), Max: math.NaN(),
			tagged: sf.Tag.Get, parent: t,
		}
		if enum := sf.Tag.Get("enum"); enum != "" {
			f.Enum = strings.Split(enum, ",")
		}
		for tag, bound := range map[string]*float64{"min": &f.Min, "max": &f.Max} {
			if text := sf.Tag.Get(tag); text != "" {
				if *bound, err = parseBound(kind, text); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", path, tag, err)
				}
			}
		}
		if elem != nil {
			if f.Of, err = describeAt(path+".", elem, allow, depth+1); err != nil {
				return nil, err
			}
		}
		if err := allow(path, f); err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, f)
	}
	return s, nil
}

func parseBound(kind Kind, text string) (float64, error) {
	if kind == KindDuration {
		d, err := time.ParseDuration(text)
		return d.Seconds(), err
	}
	return strconv.ParseFloat(text, 64)
}

// kindOf gives the kind of a type, and the struct type that it is or holds.
func kindOf(t reflect.Type) (kind Kind, elem reflect.Type, err error) {
	switch t {
	case durationType:
		return KindDuration, nil, nil
	case timeType:
		return KindTime, nil, nil
	case secretType:
		return KindSecret, nil, nil
	}
	switch t.Kind() {
	case reflect.String:
		return KindString, nil, nil
	case reflect.Bool:
		return KindBool, nil, nil
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
		return KindInteger, nil, nil
	case reflect.Float64:
		return KindNumber, nil, nil
	case reflect.Struct:
		return KindObject, t, nil
	case reflect.Slice:
		return holding(KindList, t.Elem())
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return holding(KindMap, t.Elem())
		}
	}
	return "", nil, fmt.Errorf("a field of type %s is not allowed", t)
}

func holding(kind Kind, elem reflect.Type) (Kind, reflect.Type, error) {
	of, inner, err := kindOf(elem)
	if err == nil && (of == KindList || of == KindMap) && inner != nil {
		err = fmt.Errorf("a %s of %ss of objects is nested too deeply", kind, of)
	}
	return kind, inner, err
}

// FieldDocs are the doc comments of struct fields, by the type's name with its
// package path ("gumshoe/checks/host.CPU") and the field's json tag.
type FieldDocs map[string]map[string]string

// document says where the doc comments of the fields are.
func (s *Struct) document(docs func() FieldDocs) {
	for _, f := range s.Fields {
		f.docs = docs
		if f.Of != nil {
			f.Of.document(docs)
		}
	}
}

// secret gives the value of this field, of kind KindSecret, in an input.
func (f *Field) secret(in any) Secret {
	s, _ := reflect.TypeAssert[Secret](reflect.ValueOf(in).Field(f.Index))
	return s
}
