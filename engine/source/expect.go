package source

import (
	"fmt"
	"strings"
	"time"
)

// The expecting methods give the node as the type that is wanted there. When it
// is of another kind they add a fault with its place and the likely fix, and
// give false. They also give false, without a fault, for an absent node and for
// one that was reported when the file was read. What names the value in the
// message, as in `title must be a string, not a list`.

// String gives a string. A number, true or false is refused unless in quotes,
// as YAML would not keep it as it is written.
func (n Node) String(what string, f *Faults) (Text, bool) {
	if n.is(text) {
		return n.Text(), true
	}
	hint := ""
	switch {
	case n.is(number), n.is(boolean):
		hint = fmt.Sprintf("; put it in quotes: %q", n.Text().Value)
	case n.IsMapping():
		hint = "; put it in quotes if it is text"
	}
	n.refuse(f, what, "a string", hint)
	return Text{}, false
}

// Bool gives true or false.
func (n Node) Bool(what string, f *Faults) (bool, bool) {
	if n.is(boolean) {
		return n.value.scalar.(bool), true
	}
	hint := ""
	if n.is(text) {
		switch strings.ToLower(n.Text().Value) {
		case "yes", "on", "y":
			hint = "; write true"
		case "no", "off", "n":
			hint = "; write false"
		case "true", "false":
			hint = "; remove the quotes"
		}
	}
	n.refuse(f, what, "true or false", hint)
	return false, false
}

// Int gives a whole number.
func (n Node) Int(what string, f *Faults) (int64, bool) {
	if i, ok := n.Value().(int64); ok {
		return i, true
	}
	switch {
	case n.is(number) && strings.ContainsAny(n.Text().Value, ".eE"):
		f.Addf(n.Position(), "%s must be a whole number, not %s", what, n.Text().Value)
	case n.is(number):
		f.Addf(n.Position(), "%s is too large: %s", what, n.Text().Value)
	default:
		n.refuse(f, what, "a whole number", n.unquote())
	}
	return 0, false
}

// Float gives a finite number.
func (n Node) Float(what string, f *Faults) (float64, bool) {
	switch number := n.Value().(type) {
	case int64:
		return float64(number), true
	case float64:
		return number, true
	}
	n.refuse(f, what, "a number", n.unquote())
	return 0, false
}

// unquote is the hint for a number in quotes.
func (n Node) unquote() string {
	if n.is(text) && n.value.quoted {
		if value, ok := parseNumber(n.Text().Value); ok && value != nil {
			return "; remove the quotes"
		}
	}
	return ""
}

// Duration gives a duration; see ParseDuration for how it is written.
func (n Node) Duration(what string, f *Faults) (time.Duration, bool) {
	switch {
	case n.is(text):
		d, err := ParseDuration(n.Text().Value)
		if err != nil {
			f.Addf(n.Position(), "%s: %s", what, err)
		}
		return d, err == nil
	case n.is(number):
		f.Addf(n.Position(), "%s must be a duration with its unit; write %ss or %sm",
			what, n.Text().Value, n.Text().Value)
		return 0, false
	}
	n.refuse(f, what, "a duration, as 15m", "")
	return 0, false
}

// Strings gives a list of strings, or one string as a list of one.
func (n Node) Strings(what string, f *Faults) ([]Text, bool) {
	if n.is(text) {
		return []Text{n.Text()}, true
	}
	if !n.IsList() {
		hint := ""
		if n.is(number) || n.is(boolean) {
			hint = fmt.Sprintf("; put it in quotes: %q", n.Text().Value)
		}
		n.refuse(f, what, "a string or a list of strings", hint)
		return nil, false
	}
	all := true
	texts := make([]Text, 0, len(n.Items()))
	for _, item := range n.Items() {
		text, ok := item.String("each of "+what, f)
		all = all && ok
		texts = append(texts, text)
	}
	if !all {
		return nil, false
	}
	return texts, true
}

// Mapping gives the fields of a mapping, in the order of the file.
func (n Node) Mapping(what string, f *Faults) ([]Field, bool) {
	if n.IsMapping() {
		return n.Fields(), true
	}
	hint := ""
	if n.is(text) && !n.value.quoted {
		if key, value, found := strings.Cut(n.Text().Value, ":"); found && isName(key) {
			hint = fmt.Sprintf("; put a space after the colon: %s: %s", key, value)
		}
	}
	n.refuse(f, what, "a mapping (key: value)", hint)
	return nil, false
}

// List gives the values of a list.
func (n Node) List(what string, f *Faults) ([]Node, bool) {
	if n.IsList() {
		return n.Items(), true
	}
	hint := ""
	if n.IsScalar() {
		hint = "; put it in brackets: [" + n.Text().Value + "]"
		if n.value.quoted || len(n.Text().Value) > 30 || strings.ContainsAny(n.Text().Value, ",[]{}\n") {
			hint = `; put "- " before it`
		}
	}
	n.refuse(f, what, "a list", hint)
	return nil, false
}

// refuse adds the fault that the node is not what is wanted, unless it is
// absent or reported already.
func (n Node) refuse(f *Faults, what, want, hint string) {
	switch {
	case n.IsZero(), n.is(unreadable):
	case n.IsNull():
		f.Addf(n.Position(), "%s must be %s, but it is empty", what, want)
	default:
		f.Addf(n.Position(), "%s must be %s, not %s%s", what, want, n.Kind(), hint)
	}
}

// isName reports whether s could be a key that somebody forgot a space behind.
func isName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return s != ""
}
