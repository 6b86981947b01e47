package expression

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"gumshoe/engine/source"
)

// Template is a value that may hold ${…}, in which $${ stands for ${. It is
// immutable and safe for concurrent use.
type Template struct {
	text  source.Text
	parts []part
}

// part is a literal, or an expression when that is set.
type part struct {
	literal    string
	expression *compiled
}

// HasTemplate tells whether a text holds a ${ that is not escaped.
func HasTemplate(s string) bool {
	for i := strings.IndexByte(s, '$'); i >= 0 && i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "$${"):
			i += 2
		case strings.HasPrefix(s[i:], "${"):
			return true
		}
	}
	return false
}

// Bounds of a text that holds ${…}.
const (
	maxTemplate      = 64 << 10
	maxTemplateParts = 200
)

// CompileTemplate compiles a text that may hold ${…}.
func CompileTemplate(t source.Text, scope *Scope) (*Template, source.Faults) {
	result, faults := &Template{text: t}, source.Faults{}
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			result.parts = append(result.parts, part{literal: literal.String()})
			literal.Reset()
		}
	}
	s := t.Value
	if HasTemplate(s) && (len(s) > maxTemplate || strings.Count(s, "${") > maxTemplateParts) {
		faults.Addf(t.Position, "a text with ${…} has at most %d bytes and %d of them", maxTemplate, maxTemplateParts)
		return nil, faults
	}
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "$${"):
			literal.WriteString("${")
			i += 3
		case strings.HasPrefix(s[i:], "${"):
			flush()
			start := i + 2
			end := closing(s, start)
			offset := utf8.RuneCountInString(s[:start])
			if end < 0 {
				place := syntax{text: t, runes: []rune(s), base: offset - 2}
				faults.Addf(place.at(0), `"${" is not closed by "}"; for the two characters themselves write $${`)
				return nil, faults.Sorted()
			}
			if c := compile(t, s[start:end], offset, scope, &faults); c != nil {
				result.parts = append(result.parts, part{expression: c})
			} else {
				result.parts = append(result.parts, part{})
			}
			i = end + 1
		default:
			literal.WriteByte(s[i])
			i++
		}
	}
	flush()
	result.checkParts(&faults)
	if len(faults) > 0 {
		return nil, faults.Sorted()
	}
	return result, nil
}

// closing finds the brace that closes the expression that begins at start, past
// the braces and quotes inside it.
func closing(s string, start int) int {
	depth := 0
	for i := start; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		case '"', '\'', '`':
			quote := s[i]
			for i++; i < len(s) && s[i] != quote; i++ {
				if s[i] == '\\' && quote != '`' {
					i++
				}
			}
		}
	}
	return -1
}

// checkParts refuses what cannot be written into a text.
func (t *Template) checkParts(faults *source.Faults) {
	for _, p := range t.parts {
		if p.expression == nil || t.whole() != nil {
			continue
		}
		c := p.expression
		switch c.typ.kind {
		case opaque:
			faults.Addf(t.text.Position, "%s is a secret, which cannot be a part of a text; hand it over whole, as \"${%s}\"", c.key, c.key)
		case object:
			if !c.typ.rt.Implements(reflect.TypeFor[fmt.Stringer]()) {
				faults.Addf(t.text.Position, "%s is an object; name one of its fields (%s)", c.key, someOf(fieldNames(c.typ.rt)))
			}
		case mapping:
			faults.Addf(t.text.Position, "%s is a mapping; name one of its keys", c.key)
		case list:
			if k := c.typ.elem().kind; k == object || k == mapping || k == list || k == opaque || k == foreign {
				faults.Addf(t.text.Position, "%s is a list of values that are not plain; map(…, .name) takes one field of each", c.key)
			}
		}
	}
}

// whole is the expression of a template that is nothing else.
func (t *Template) whole() *compiled {
	if len(t.parts) == 1 {
		return t.parts[0].expression
	}
	return nil
}

// Text is the template as it was written, and where.
func (t *Template) Text() source.Text { return t.text }

// Type is the static type of one whole ${…}, and string otherwise.
func (t *Template) Type() reflect.Type {
	if c := t.whole(); c != nil {
		return c.typ.rt
	}
	return reflect.TypeFor[string]()
}

// Literal gives the text of a template that holds no ${…}.
func (t *Template) Literal() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) > 1 || t.parts[0].expression != nil:
		return "", false
	}
	return t.parts[0].literal, true
}

// Reads lists what the template reads, each once, in the order of checking.
func (t *Template) Reads() []Read {
	var reads []Read
	for _, p := range t.parts {
		if p.expression == nil {
			continue
		}
		for _, r := range p.expression.reads {
			if !slices.Contains(reads, r) {
				reads = append(reads, r)
			}
		}
	}
	return reads
}

// Roots lists the names of the scope that the template reads, sorted.
func (t *Template) Roots() []string { return rootsOf(t.Reads()) }

// Eval gives the value: of one whole ${…} a value of Type, else a string. When
// something that it reads is unknown it gives nil and the reason. In a text,
// numbers are written without exponents, times as RFC 3339 in UTC, and lists
// with commas.
func (t *Template) Eval(env *Environment) (result any, unknown string) {
	if c := t.whole(); c != nil {
		v, why := c.run(&run{env: env, label: c.key})
		if why == nil {
			why = safely(func() *cause { result = goValue(v, c.typ.rt).Interface(); return nil })
		}
		if why != nil {
			return nil, cmp.Or(why.reason, "not known")
		}
		return result, ""
	}
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal)
		if p.expression == nil {
			continue
		}
		v, why := p.expression.run(&run{env: env, label: p.expression.key})
		if why != nil {
			return nil, cmp.Or(why.reason, "not known")
		}
		b.WriteString(inText(v))
		if b.Len() > maxText {
			return nil, p.expression.key + ": the text is too long"
		}
	}
	return b.String(), ""
}

// Sentence gives the text for a person: what is unknown is written "…", and the
// rest is told all the same. It is cut where it gets too long.
func (t *Template) Sentence(env *Environment) string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal)
		if p.expression == nil {
			continue
		}
		text := "…"
		if v, why := p.expression.run(&run{env: env, label: p.expression.key}); why == nil {
			text = inText(v)
		}
		if b.Len()+len(text) > maxText {
			return b.String() + "…"
		}
		b.WriteString(text)
	}
	return b.String()
}

func inText(v value) string {
	l, ok := v.x.(*items)
	if !ok {
		return plain(v.x)
	}
	parts := make([]string, l.len())
	for i := range parts {
		if element, why := l.item(i); why == nil {
			parts[i] = plain(element.x)
		}
	}
	return strings.Join(parts, ", ")
}
