package load

import (
	"math"
	"regexp"
	"slices"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// readInputs reads what the runbook and the files it uses declare. A used file's
// input comes in unless the runbook declares it too, with the same type.
func (b *builder) readInputs() {
	b.inputs = make(map[string]*engine.Input)
	b.defaulted = make(map[string]bool)
	var list []*engine.Input
	for _, d := range b.docs {
		fields, _ := d.inputs.Mapping(`"inputs"`, b.faults)
		if !b.within(d.inputs, len(fields), "inputs", maxInputs) {
			b.poisoned.open = true
			continue
		}
		for _, field := range fields {
			in, ok := b.readInput(d, field)
			if !ok {
				b.poisoned.inputs[field.Key.Value] = true
				continue
			}
			if earlier := b.inputs[in.Name]; earlier != nil {
				if earlier.Type != in.Type {
					b.faults.Addf(earlier.At, "input %q is of type %s here but %s at %s; make them equal",
						in.Name, earlier.Type, in.Type, in.At)
				}
				continue
			}
			b.inputs[in.Name] = in
			b.inputNames = append(b.inputNames, in.Name)
			list = append(list, in)
		}
	}
	b.book.Inputs = engine.NewInputs(list)
}

// readInput reads one declaration: the name of a type, or a mapping.
func (b *builder) readInput(d *document, field source.Field) (*engine.Input, bool) {
	name := field.Key
	in := &engine.Input{Name: name.Value, At: name.Position, Min: math.NaN(), Max: math.NaN()}
	if !b.goodName(name, "input", false) {
		return nil, false
	}
	if field.Value.IsString() {
		return in, b.readInputType(in, field.Value)
	}
	o, ok := field.Value.Object("input "+name.Value, b.faults)
	if !ok {
		return nil, false
	}
	if about, ok := o.Field("about").String(`"about"`, b.faults); ok {
		in.About = about.Value
	}
	typeNode, hasType := required(o, field.Value, "type")
	if hasType = hasType && b.readInputType(in, typeNode); !hasType {
		for _, key := range []string{"default", "pattern", "min", "max", "values"} {
			o.Field(key)
		}
		o.Done()
		return nil, false
	}
	good := b.readPattern(in, o)
	good = b.readBounds(in, o) && good
	good = b.readValues(in, o) && good
	node := o.Field("default")
	o.Done()
	b.defaulted[in.Name] = b.defaulted[in.Name] || !node.IsZero() || !good
	if in.Type == engine.InputEnum && len(in.Values) == 0 {
		return nil, false
	}
	if good && !node.IsZero() {
		b.readDefault(d, in, node)
	}
	return in, true
}

func (b *builder) readInputType(in *engine.Input, node source.Node) bool {
	word, ok := b.oneOf(node, "type", engine.InputTypes()...)
	in.Type = engine.InputType(word)
	return ok
}

// isText tells whether the values of a type are written as text.
func isText(t engine.InputType) bool {
	switch t {
	case engine.InputString, engine.InputURL, engine.InputHostPort, engine.InputHost, engine.InputPath, engine.InputEnum:
		return true
	case engine.InputInt, engine.InputNumber, engine.InputBool, engine.InputDuration, engine.InputSecret:
	}
	return false
}

func (b *builder) readPattern(in *engine.Input, o *source.Object) bool {
	pattern, ok := o.Field("pattern").String(`"pattern"`, b.faults)
	if !ok {
		return o.Field("pattern").IsZero()
	}
	if !isText(in.Type) {
		b.faults.Addf(o.Key("pattern").Position, "an input of type %s takes no pattern", in.Type)
		return false
	}
	// The whole of a value has to match, as an input may come from an alert.
	re, err := regexp.Compile(`^(?:` + pattern.Value + `)$`)
	if _, alone := regexp.Compile(pattern.Value); err != nil || alone != nil {
		b.faults.Addf(pattern.Position, "the pattern is not a regular expression: %s", regexpFault(pattern.Value))
		return false
	}
	in.Pattern = re
	return true
}

func (b *builder) readBounds(in *engine.Input, o *source.Object) bool {
	good := true
	for _, bound := range []struct {
		key  string
		into *float64
	}{{"min", &in.Min}, {"max", &in.Max}} {
		node := o.Field(bound.key)
		switch {
		case node.IsZero():
		case in.Type == engine.InputDuration:
			d, ok := node.Duration(quoted(bound.key), b.faults)
			if good = good && ok; ok {
				*bound.into = d.Seconds()
			}
		case in.Type == engine.InputInt || in.Type == engine.InputNumber:
			n, ok := node.Float(quoted(bound.key), b.faults)
			if good = good && ok; ok {
				*bound.into = n
			}
		default:
			b.faults.Addf(o.Key(bound.key).Position, "an input of type %s takes no %s; int, number and duration do", in.Type, bound.key)
			good = false
		}
	}
	if in.Min > in.Max {
		b.faults.Addf(o.Field("min").Position(), "min %s is above max %s", o.Field("min").Text().Value, o.Field("max").Text().Value)
		good = false
	}
	return good
}

func (b *builder) readValues(in *engine.Input, o *source.Object) bool {
	node := o.Field("values")
	switch {
	case in.Type != engine.InputEnum && node.IsZero():
		return true
	case in.Type != engine.InputEnum:
		b.faults.Addf(o.Key("values").Position, "an input of type %s takes no values; type enum does", in.Type)
		return false
	case node.IsZero():
		b.faults.Addf(o.Position(), `input %s is an enum and needs "values": the texts that it can be`, in.Name)
		return false
	}
	values, ok := node.Strings(`"values"`, b.faults)
	if !ok || !b.within(node, len(values), "values of an enum", maxValues) {
		return false
	}
	for _, v := range values {
		if slices.Contains(in.Values, v.Value) {
			b.faults.Addf(v.Position, "the value %q is listed twice", v.Value)
			ok = false
		}
		in.Values = append(in.Values, v.Value)
	}
	if len(values) == 0 {
		b.faults.Addf(node.Position(), `"values" is empty: an enum is one of some texts`)
		ok = false
	}
	return ok
}

// readDefault reads a default, which has to be a value that an operator could
// give too.
func (b *builder) readDefault(d *document, in *engine.Input, node source.Node) {
	what := "the default of input " + in.Name
	refers := !node.Field("secret").IsZero()
	var literal any
	switch {
	case in.Type == engine.InputSecret && d.used:
		b.faults.Addf(node.Position(), "a used file names no secret; declare input %s with its default in the runbook that uses it", in.Name)
		return
	case in.Type == engine.InputSecret && !refers:
		b.faults.Addf(node.Position(), "%s must say where the secret is kept, as in {secret: env:NAME} or {secret: file:PATH}", what)
		return
	case in.Type == engine.InputSecret:
		ref, ok := b.readSecretRef(node)
		if ok {
			in.Default = ref
		}
		return
	case refers:
		b.faults.Addf(node.Position(), "%s is a secret, but the input is of type %s; declare it with type: secret", what, in.Type)
		return
	case node.IsNull():
		b.faults.Addf(node.Position(), "%s is empty; leave the key out, and the input is needed", what)
		return
	case in.Type == engine.InputDuration:
		value, ok := node.Duration(what, b.faults)
		if !ok {
			return
		}
		literal = shortDuration(value)
	case isText(in.Type):
		text, ok := node.String(what, b.faults)
		if !ok {
			return
		}
		if isTemplate(text.Value) {
			b.faults.Addf(text.Position, "%s is fixed: ${…} is not filled in there", what)
			return
		}
		literal = text.Value
	case !node.IsScalar() && !node.IsList() && !node.IsMapping():
		return // reported when the file was read
	default:
		literal = node.Value()
	}
	value, err := in.Parse(literal)
	if err != nil {
		b.faults.Addf(node.Position(), "%s: %s", what, err)
		return
	}
	in.Default = value
}

// readSecretRef reads a {secret: …}.
func (b *builder) readSecretRef(node source.Node) (engine.SecretRef, bool) {
	o, ok := node.Object("a secret", b.faults)
	if !ok {
		return "", false
	}
	text, ok := o.Field("secret").String(`"secret"`, b.faults)
	o.Done()
	if !ok {
		return "", false
	}
	ref, err := engine.ParseSecretRef(text.Value)
	if err != nil {
		b.faults.Addf(text.Position, "%s", err)
	}
	return ref, err == nil
}
