package engine

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gumshoe/engine/expression"
	"gumshoe/engine/source"
)

// NewInputs makes the inputs of a runbook from its declarations, and the type
// that expressions see: field i of Inputs.Type belongs to List[i].
func NewInputs(list []*Input) *Inputs {
	fields := make([]reflect.StructField, len(list))
	for i, in := range list {
		fields[i] = reflect.StructField{
			// The Go name only has to be exported and unique; the tag is what is seen.
			Name: fmt.Sprintf("Input%d", i),
			Type: in.Type.GoType(),
			Tag:  reflect.StructTag(fmt.Sprintf(`json:%q expr:%q`, in.Name, in.Name)),
		}
		if in.Type == InputEnum {
			fields[i].Tag += reflect.StructTag(fmt.Sprintf(` enum:%q`, strings.Join(in.Values, ",")))
		}
	}
	return &Inputs{List: list, Type: reflect.StructOf(fields)}
}

// GoType is the type of an input's value: time.Duration for a duration,
// HostPort for a hostport, Secret for a secret, int for an int, float64 for a
// number, bool for a bool, and string for the others.
func (t InputType) GoType() reflect.Type {
	switch t {
	case InputInt:
		return reflect.TypeFor[int]()
	case InputNumber:
		return reflect.TypeFor[float64]()
	case InputBool:
		return reflect.TypeFor[bool]()
	case InputDuration:
		return durationType
	case InputHostPort:
		return reflect.TypeFor[HostPort]()
	case InputSecret:
		return secretType
	case InputString, InputURL, InputHost, InputPath, InputEnum:
	}
	return reflect.TypeFor[string]()
}

// Parse makes a value of the input's type from a literal of a runbook or from
// an operator's text, and checks it against the input's pattern and bounds. A
// secret parses to a SecretRef.
func (in *Input) Parse(literal any) (any, error) {
	text, isText := scalarText(literal)
	if !isText {
		return nil, fmt.Errorf("want %s, not %s", in.Type.want(), describeValue(literal))
	}
	value, size, err := in.parse(text)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Pattern != nil && !in.Pattern.MatchString(text):
		return nil, fmt.Errorf("%q does not match the pattern %s", text, in.pattern())
	case size < in.Min:
		return nil, fmt.Errorf("%s is below the least, %s", text, in.showBound(in.Min))
	case size > in.Max:
		return nil, fmt.Errorf("%s is above the most, %s", text, in.showBound(in.Max))
	}
	return value, nil
}

// parse gives the value, and its size for the bounds: NaN when it has none.
func (in *Input) parse(text string) (value any, size float64, err error) {
	none := math.NaN()
	refuse := func() (any, float64, error) {
		return nil, none, fmt.Errorf("want %s, not %q", in.Type.want(), text)
	}
	switch in.Type {
	case InputInt:
		n, err := strconv.Atoi(text)
		if err != nil {
			return refuse()
		}
		return n, float64(n), nil
	case InputNumber:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !finite(n) {
			return refuse()
		}
		return n, n, nil
	case InputBool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return refuse()
		}
		return b, none, nil
	case InputDuration:
		d, err := source.ParseDuration(text)
		if err != nil {
			return refuse()
		}
		return d, d.Seconds(), nil
	case InputHostPort:
		host, port, err := SplitHostPort(text)
		return HostPort{Host: host, Port: port}, none, err
	case InputHost:
		return text, none, CheckHost(text)
	case InputURL:
		return text, none, CheckURL(text)
	case InputPath:
		return text, none, CheckPath(text)
	case InputEnum:
		if !slices.Contains(in.Values, text) {
			return nil, none, fmt.Errorf("%q is not one of %s%s", text, strings.Join(in.Values, ", "), source.DidYouMean(text, in.Values))
		}
		return text, none, nil
	case InputSecret:
		ref, err := ParseSecretRef(text)
		return ref, none, err
	case InputString:
	}
	return text, none, nil
}

// pattern is the pattern as it was written: the loader makes it match the whole.
func (in *Input) pattern() string {
	return strings.TrimSuffix(strings.TrimPrefix(in.Pattern.String(), "^(?:"), ")$")
}

func (in *Input) showBound(bound float64) string {
	if in.Type == InputDuration {
		return source.FormatDuration(time.Duration(bound * float64(time.Second)))
	}
	return strconv.FormatFloat(bound, 'g', -1, 64)
}

// want says what a value of the type looks like.
func (t InputType) want() string {
	switch t {
	case InputInt:
		return "a whole number"
	case InputNumber:
		return "a number"
	case InputBool:
		return "true or false"
	case InputDuration:
		return `a duration such as "15m"`
	case InputHostPort:
		return "host:port"
	case InputURL, InputHost, InputPath, InputSecret:
		return "a " + string(t)
	case InputString, InputEnum:
	}
	return "a string"
}

// String is host:port, with an IPv6 address in brackets.
func (h HostPort) String() string {
	if strings.Contains(h.Host, ":") {
		return fmt.Sprintf("[%s]:%d", h.Host, h.Port)
	}
	return fmt.Sprintf("%s:%d", h.Host, h.Port)
}

// Resolve makes the inputs of one run from an operator's texts by name, and
// from the defaults. Every fault is reported, as an *InputError, sorted by name.
// A default secret that cannot be read is no fault: what reads it is unknown.
func (in *Inputs) Resolve(given map[string]string) (*InputValues, []*InputError) {
	var faults []*InputError
	names := make([]string, len(in.List))
	for i, input := range in.List {
		names[i] = input.Name
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, name) {
			faults = append(faults, &InputError{name, "the runbook has no such input" + allowed(name, names)})
		}
	}
	values := &InputValues{Shown: make(map[string]string, len(names))}
	all := reflect.New(in.Type).Elem()
	for i, input := range in.List {
		value := input.Default
		text, isGiven := given[input.Name]
		if isGiven {
			var err error
			if value, err = input.Parse(text); err != nil {
				faults = append(faults, &InputError{input.Name, err.Error()})
				continue
			}
		}
		if value == nil {
			faults = append(faults, &InputError{input.Name, "is needed: " + input.Name + "=" + input.Type.example()})
			continue
		}
		if ref, ok := value.(SecretRef); ok {
			secret, err := ref.Resolve()
			switch {
			case err != nil && isGiven:
				faults = append(faults, &InputError{input.Name, err.Error()})
			case err != nil:
				values.Unread = append(values.Unread, expression.Unread{
					Path: input.Name, Reason: err.Error(),
					Fix: fmt.Sprintf("give %s=env:NAME or %s=file:PATH, or set what its default names", input.Name, input.Name),
				})
			}
			value = secret
			values.Secrets = append(values.Secrets, secret)
			values.Shown[input.Name] = string(ref) + " (secret)"
		} else {
			values.Shown[input.Name] = shown(value)
		}
		all.Field(i).Set(reflect.ValueOf(value))
	}
	values.Struct = all.Interface()
	slices.SortStableFunc(faults, func(a, b *InputError) int { return strings.Compare(a.Key, b.Key) })
	return values, faults
}

// shown is a value of an input as a person would write it.
func shown(value any) string {
	if d, ok := value.(time.Duration); ok {
		return source.FormatDuration(d)
	}
	return fmt.Sprint(value)
}

func (t InputType) example() string {
	switch t {
	case InputInt, InputNumber:
		return "1"
	case InputBool:
		return "true"
	case InputDuration:
		return "15m"
	case InputURL:
		return "http://127.0.0.1:8080/"
	case InputHostPort:
		return "127.0.0.1:5432"
	case InputHost:
		return "127.0.0.1"
	case InputPath:
		return "/path"
	case InputSecret:
		return "env:NAME"
	case InputString, InputEnum:
	}
	return "…"
}

// allowed names the nearest of the names, and all of them.
func allowed(name string, names []string) string {
	if len(names) == 0 {
		return " (it has none)"
	}
	return source.DidYouMean(name, names) + " (it has: " + strings.Join(slices.Sorted(slices.Values(names)), ", ") + ")"
}
