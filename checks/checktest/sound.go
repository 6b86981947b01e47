package checktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gumshoe/engine"
)

// sound: an observation's output is JSON without nulls, its numbers are finite,
// its enums have declared values, and what is unread are fields.
func (s suite) sound(t *testing.T, o engine.Observation) {
	t.Helper()
	text, err := json.Marshal(o.Output)
	if err != nil {
		t.Fatal(err)
	}
	back := reflect.New(s.definition.Out.Type)
	if err := json.Unmarshal(text, back.Interface()); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Elem().Interface(), o.Output) {
		t.Errorf("comes back from JSON changed:\n%s\n%+v", text, back.Elem())
	}
	for _, u := range o.Unread {
		if u.Reason == "not a finite number" {
			t.Errorf("%s is not finite", u.Path)
		}
		if err := named(reflect.ValueOf(o.Output), s.definition.Out, u.Path); err != nil {
			t.Errorf("unread %q: %v", u.Path, err)
		}
		if u.Reason == "" {
			t.Errorf("unread %q without a reason", u.Path)
		}
	}
	values(t, "", reflect.ValueOf(o.Output), s.definition.Out, o)
}

// values walks over all fields of an output.
func values(t *testing.T, prefix string, v reflect.Value, described *engine.Struct, o engine.Observation) {
	t.Helper()
	for _, f := range described.Fields {
		name, value := prefix+f.Name, byTag(v, f.Name)
		switch value.Kind() {
		case reflect.Float64:
			if n := value.Float(); math.IsNaN(n) || math.IsInf(n, 0) {
				t.Errorf("%s is %v", name, n)
			} else if n < 0 && (strings.HasSuffix(f.Name, "_bytes") || strings.HasSuffix(f.Name, "_seconds") && !signed(f.Name)) {
				t.Errorf("%s is %v, below 0", name, n)
			}
		case reflect.String:
			if len(f.Enum) > 0 && !HasUnread(o, name) && !slices.Contains(f.Enum, value.String()) {
				t.Errorf("%s is %q, not one of %v", name, value.String(), f.Enum)
			}
		case reflect.Slice:
			if value.IsNil() {
				t.Errorf("%s is null in JSON: make an empty list", name)
			}
			for i := range value.Len() {
				if f.Of != nil {
					values(t, fmt.Sprintf("%s[%d].", name, i), value.Index(i), f.Of, o)
				}
			}
		case reflect.Map:
			if value.IsNil() {
				t.Errorf("%s is null in JSON: make an empty map", name)
			}
		case reflect.Struct:
			if f.Of != nil {
				values(t, name+".", value, f.Of, o)
			}
		}
	}
}

// signed tells whether a time can be below 0: an offset and a step have a
// direction.
func signed(name string) bool {
	return strings.HasSuffix(name, "offset_seconds") || strings.HasSuffix(name, "step_seconds") || strings.HasSuffix(name, "before_onset_seconds")
}

func byTag(v reflect.Value, tag string) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("json") == tag {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

var step = regexp.MustCompile(`^([a-z0-9_]+)(?:\[(\d+|"[^"]*")\])?(\.|$)`)

// named says whether a path of Unread names a field that the output has.
func named(v reflect.Value, described *engine.Struct, at string) error {
	for rest := at; ; {
		m := step.FindStringSubmatch(rest)
		if m == nil || described == nil {
			return errors.New("not the path of a field")
		}
		f, ok := described.Field(m[1])
		if !ok {
			return fmt.Errorf("no field %s", m[1])
		}
		v = byTag(v, f.Name)
		if index := m[2]; index != "" && v.Kind() == reflect.Slice {
			var i int
			if _, err := fmt.Sscan(index, &i); err != nil || i >= v.Len() {
				return fmt.Errorf("%s has no element %s", m[1], index)
			}
			v = v.Index(i)
		}
		if rest = rest[len(m[0]):]; rest == "" {
			return nil
		}
		if v.Kind() != reflect.Struct {
			return fmt.Errorf("%s has no fields", m[1])
		}
		described = f.Of
	}
}
