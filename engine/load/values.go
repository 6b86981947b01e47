package load

import (
	"regexp"
	"slices"
	"strings"

	"gumshoe/engine"
	"gumshoe/engine/expression"
	"gumshoe/engine/source"
)

// readWith reads what a step or a remedy gives to its check. Literals are
// checked as the check will check them, ${…} by its type.
func (b *builder) readWith(node source.Node, at source.Position, check *engine.Definition, scope *expression.Scope) []engine.Argument {
	fields, ok := node.Mapping(`"with"`, b.faults)
	if !ok && !node.IsZero() {
		return nil
	}
	names := check.In.Names()
	var args []engine.Argument
	for _, field := range fields {
		key := field.Key
		f, known := check.In.Field(key.Value)
		switch {
		case !known && len(names) == 0:
			b.faults.Addf(key.Position, "%s takes no inputs; leave %q out", check.Name, clip(key.Value))
			continue
		case !known:
			b.faults.Addf(key.Position, "%s has no input %q%s (it takes: %s)",
				check.Name, clip(key.Value), source.DidYouMean(key.Value, names), listing(names))
			continue
		}
		if value, ok := b.readInputOf(f, field.Value, scope); ok {
			args = append(args, engine.Argument{Key: key.Value, At: field.Value.Position(), Value: value})
		}
	}
	for _, f := range check.In.Fields {
		if f.Required && node.Field(f.Name).IsZero() && !slipped(node, f.Name) {
			b.faults.Addf(at, `%s needs the input %q under "with" (%s)`, check.Name, f.Name, describeField(f))
		}
	}
	return args
}

// describeField says what an input of a check takes.
func describeField(f *engine.Field) string {
	doc, _, _ := strings.Cut(strings.TrimSpace(f.Doc()), "\n")
	switch {
	case doc != "":
		return strings.TrimSuffix(doc, ".")
	case len(f.Enum) > 0:
		return "one of " + strings.Join(f.Enum, ", ")
	case f.Format != "":
		return "a " + f.Format
	}
	return "a " + string(f.Kind)
}

// readInputOf reads a value for one input of a check.
func (b *builder) readInputOf(f *engine.Field, node source.Node, scope *expression.Scope) (engine.Value, bool) {
	at := node.Position()
	switch {
	case isSecretRef(node):
		b.faults.Addf(at, "%s: a secret is not named in a step: declare an input of type secret with this default, and give %s: \"${inputs.NAME}\"", f.Name, f.Name)
		return engine.Value{}, false
	case node.IsNull():
		b.faults.Addf(at, "%s is empty; give it a value or leave it out", f.Name)
		return engine.Value{}, false
	case node.IsString() && isTemplate(node.Text().Value):
		return b.readTemplateOf(f, node, scope)
	case f.Kind == engine.KindDuration && node.IsScalar():
		return b.readDurationOf(f, node)
	}
	value, ok := b.readValue(node, f.Name, scope)
	if !ok {
		return value, false
	}
	if value.Constant() {
		if err := f.Check(node.Value()); err != nil {
			hint := ""
			if f.Kind == engine.KindString && node.IsScalar() && !node.IsString() {
				hint = "; put it in quotes"
			} else if text, ok := node.Value().(string); ok && len(f.Enum) > 0 {
				hint = source.DidYouMean(text, f.Enum)
			}
			b.faults.Addf(at, "%s: %s%s", f.Name, err, hint)
			return value, false
		}
		if f.Kind == engine.KindSecret && holdsPassword(node.Text().Value) {
			b.faults.Warnf(at, "%s: a password written here is read by all who can read the file; declare an input of type secret and give it as \"${inputs.NAME}\"", f.Name)
		}
		return value, true
	}
	if (f.Kind == engine.KindList) != value.IsList || (f.Kind == engine.KindMap) != value.IsMap {
		b.faults.Addf(at, "%s: want a %s, not %s", f.Name, f.Kind, node.Kind())
		return value, false
	}
	return value, true
}

func (b *builder) readDurationOf(f *engine.Field, node source.Node) (engine.Value, bool) {
	d, ok := node.Duration(f.Name, b.faults)
	if !ok {
		return engine.Value{}, false
	}
	if err := f.Check(d); err != nil {
		b.faults.Addf(node.Position(), "%s: %s", f.Name, err)
		return engine.Value{}, false
	}
	return engine.Value{Literal: d.String()}, true
}

// oneInput is a text that is one input of the runbook and nothing else.
var oneInput = regexp.MustCompile(`^\$\{\s*inputs\.[a-z0-9_]+\s*\}$`)

// readTemplateOf reads a text with ${…} for one input of a check.
func (b *builder) readTemplateOf(f *engine.Field, node source.Node, scope *expression.Scope) (engine.Value, bool) {
	text := node.Text()
	t := b.template(text, scope, f.Kind == engine.KindSecret)
	if t == nil {
		return engine.Value{}, false
	}
	if literal, ok := t.Literal(); ok {
		if err := f.Check(literal); err != nil {
			b.faults.Addf(text.Position, "%s: %s", f.Name, err)
			return engine.Value{}, false
		}
		return engine.Value{Literal: literal}, true
	}
	if f.Program != "" && !oneInput.MatchString(text.Value) {
		b.faults.Addf(text.Position, "%s: values are not written into it, as they could make it say something else; give them in %s, or the whole as one input, \"${inputs.NAME}\"",
			f.Name, f.Program)
		return engine.Value{}, false
	}
	if fault := fits(f, t.Type()); fault != "" {
		b.faults.Addf(text.Position, "%s: %s", f.Name, fault)
		return engine.Value{}, false
	}
	return engine.Value{Template: t}, true
}

// readValue reads a value of any form; ${…} in a list or mapping gives a text, a
// number or a bool.
func (b *builder) readValue(node source.Node, what string, scope *expression.Scope) (engine.Value, bool) {
	switch {
	case node.IsList():
		v := engine.Value{IsList: true}
		good := true
		for _, item := range node.Items() {
			one, ok := b.readElement(item, what, scope)
			v.List = append(v.List, one)
			good = good && ok
		}
		return v, good
	case node.IsMapping():
		v := engine.Value{IsMap: true}
		good := true
		for _, field := range node.Fields() {
			one, ok := b.readElement(field.Value, what+"."+field.Key.Value, scope)
			v.Map = append(v.Map, engine.Argument{Key: field.Key.Value, At: field.Value.Position(), Value: one})
			good = good && ok
		}
		return v, good
	case node.IsScalar():
		return engine.Value{Literal: node.Value()}, true
	}
	return engine.Value{}, false // reported when the file was read
}

// readElement reads a value in a list or mapping.
func (b *builder) readElement(node source.Node, what string, scope *expression.Scope) (engine.Value, bool) {
	switch {
	case node.IsNull():
		b.faults.Addf(node.Position(), "%s holds an empty value; give it a value or leave it out", what)
		return engine.Value{}, false
	case node.IsList() || node.IsMapping():
		b.faults.Addf(node.Position(), "%s holds %s, where only strings, numbers, true and false can stand", what, node.Kind())
		return engine.Value{}, false
	case !node.IsString() || !isTemplate(node.Text().Value):
		return b.readValue(node, what, scope)
	}
	t := b.template(node.Text(), scope, false)
	if t == nil {
		return engine.Value{}, false
	}
	if literal, ok := t.Literal(); ok {
		return engine.Value{Literal: literal}, true
	}
	if !isScalarType(t.Type()) && t.Type() != hostPortType {
		b.faults.Addf(node.Position(), "%s: ${…} gives %s here, where a string, a number, true or false is wanted", what, describeType(t.Type()))
		return engine.Value{}, false
	}
	return engine.Value{Template: t}, true
}

// isSecretRef tells whether a value is {secret: …} and nothing else.
func isSecretRef(node source.Node) bool {
	return len(node.Fields()) == 1 && !node.Field("secret").IsZero()
}

// holdsPassword tells whether a text looks as if a password stands in it.
func holdsPassword(text string) bool {
	before, _, isURL := strings.Cut(afterScheme(text), "@")
	lower := strings.ToLower(text)
	return isURL && strings.Contains(before, ":") || strings.Contains(lower, "password=") || strings.Contains(lower, "pwd=") ||
		!slices.ContainsFunc([]string{"://", "=", ":", "/"}, func(s string) bool { return strings.Contains(text, s) }) && text != ""
}

func afterScheme(text string) string {
	if _, after, ok := strings.Cut(text, "://"); ok {
		return after
	}
	return text
}
