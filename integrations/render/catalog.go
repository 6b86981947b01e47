package render

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// Listed is one runbook in a list.
type Listed struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// From says where it comes from: "stock", or its file.
	From string `json:"from"`
	// Fault says why it cannot be used; "" when it can.
	Fault string `json:"fault,omitempty"`
}

// List writes the runbooks that can be run by name.
func List(w io.Writer, list []Listed, o Options) error {
	p := newPage(o)
	names := 0
	for _, l := range list {
		names = max(names, min(width(Clean(l.Name)), 28))
	}
	for _, l := range list {
		text := Clean(blanks(l.Title))
		if l.From != "stock" {
			text = joinNonEmpty(" · ", text, Clean(l.From))
		}
		label := p.in(bold, pad(Clean(l.Name), names)) + "  "
		if l.Fault != "" {
			p.hang(label, names+2, "unusable: "+Clean(l.Fault))
			continue
		}
		p.hang(label, names+2, text)
	}
	if len(list) == 0 {
		p.line("no runbooks; gumshoe new NAME starts one")
	}
	return p.flush(w)
}

// blanks writes a title that is filled in when a runbook is run as one with
// blanks: "Why is ${inputs.service} down?" as "Why is SERVICE down?".
func blanks(title string) string {
	for {
		before, rest, found := strings.Cut(title, "${")
		expression, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return title
		}
		blank := "…"
		if name, ok := strings.CutPrefix(strings.TrimSpace(expression), "inputs."); ok && !strings.ContainsAny(name, " ()[]+\"'") {
			blank = strings.ToUpper(name)
		}
		title = before + blank + after
	}
}

// ListJSON writes the runbooks as one object.
func ListJSON(w io.Writer, list []Listed) error {
	if list == nil {
		list = []Listed{}
	}
	return writeJSON(w, map[string]any{"runbooks": list})
}

// Runbook writes a runbook for a person: what it asks, what it looks at, and
// what speaks for each cause.
func Runbook(w io.Writer, rb *engine.Runbook, o Options) error {
	p := newPage(o)
	p.hangIn("", 0, joinNonEmpty(" · ", Clean(rb.Name), Clean(rb.Title)), bold)
	p.paragraphs("  ", rb.About)
	p.hang(p.in(dim, "  file      "), 12, Clean(rb.File))
	if who := joinNonEmpty(", then ", Clean(rb.Owner), Clean(rb.Escalation)); who != "" {
		p.hang(p.in(dim, "  ask       "), 12, who)
	}
	for i, c := range rb.Symptom {
		label := p.in(dim, "  symptom   ")
		if i > 0 {
			label = p.in(dim, "  or        ")
		}
		p.hang(label, 12, Clean(c.Text().Value))
	}
	for _, t := range rb.Triggers {
		if t.Alert != nil {
			p.hang(p.in(dim, "  alert     "), 12, Clean(t.Alert.Text().Value))
		}
		if t.Schedule != nil {
			p.hang(p.in(dim, "  schedule  "), 12, Clean(t.Schedule.Cron))
		}
	}
	p.inputs(rb.Inputs)
	p.steps(rb)
	p.hypotheses(rb)
	return p.flush(w)
}

func (p *page) paragraphs(indent, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		p.hang(indent, len(indent), Clean(strings.Join(strings.Fields(paragraph), " ")))
	}
}

func (p *page) inputs(inputs *engine.Inputs) {
	if inputs == nil || len(inputs.List) == 0 {
		return
	}
	p.blank()
	p.line(p.in(bold, "Inputs"))
	names := 0
	for _, in := range inputs.List {
		names = max(names, len(in.Name))
	}
	for _, in := range inputs.List {
		text := string(in.Type)
		if len(in.Values) > 0 {
			text = strings.Join(in.Values, " | ")
		}
		switch d := in.Default.(type) {
		case nil:
			text += ", needed"
		case time.Duration:
			text += ", else " + source.FormatDuration(d)
		case string:
			text += ", else " + cmp.Or(d, "empty")
		default:
			text += ", else " + fmt.Sprint(d)
		}
		p.hang("  "+pad(Clean(in.Name), names)+"  ", names+4, joinNonEmpty(" · ", Clean(text), Clean(in.About)))
	}
}

func (p *page) steps(rb *engine.Runbook) {
	p.blank()
	p.line(p.in(bold, "Steps"), p.in(dim, "  (the run chooses which, and when)"))
	names := 0
	for _, s := range rb.Steps {
		names = max(names, min(width(Clean(s.Name)), 24))
	}
	for _, s := range rb.Steps {
		text := fmt.Sprintf("%s · about %s", s.Check.Name, cost(s.Cost.Seconds()))
		if s.Risk != engine.Read {
			text += " · " + s.Risk.String()
		}
		if s.When != nil {
			text += " · when " + s.When.Text().Value
		}
		p.hang("  "+pad(Clean(s.Name), names)+"  ", names+4, Clean(text))
	}
}

func (p *page) hypotheses(rb *engine.Runbook) {
	p.blank()
	p.line(p.in(bold, "Hypotheses"))
	for i, h := range rb.Hypotheses {
		if i > 0 {
			p.line()
		}
		head := "  " + p.in(bold, Clean(h.ID)) + "  "
		p.hang(head, width(Clean(h.ID))+4, Clean(h.Title.Text().Value))
		for _, e := range byStrength(h.Evidence) {
			word := e.Word.String()
			if e.Must {
				word += ", must"
			}
			p.hang("    "+pad(word, 12)+"  ", 18, Clean(e.Condition.Text().Value))
		}
		var causes []string
		for _, c := range h.CausedBy {
			causes = append(causes, rb.Hypotheses[c].ID)
		}
		if len(causes) > 0 {
			p.hang(p.in(dim, "    caused by     "), 18, Clean(strings.Join(causes, ", ")))
		}
		if h.Next != nil {
			p.hang(p.in(dim, "    next          "), 18, Clean(h.Next.Text().Value))
		}
	}
}

// byStrength puts what counts most first: what must be true, then by the word.
func byStrength(evidence []engine.Evidence) []engine.Evidence {
	rank := func(e engine.Evidence) int {
		n := slices.Index([]string{"proof", "strong", "medium", "weak", "excludes", "against"}, e.Word.String())
		if e.Must {
			n -= 10
		}
		return n
	}
	sorted := slices.Clone(evidence)
	slices.SortStableFunc(sorted, func(a, b engine.Evidence) int { return cmp.Compare(rank(a), rank(b)) })
	return sorted
}

// ChecksIndex writes the checks, one a line.
func ChecksIndex(w io.Writer, checks []*engine.Definition, o Options) error {
	p := newPage(o)
	names := 0
	for _, d := range checks {
		names = max(names, len(d.Name))
	}
	for _, d := range checks {
		doc := firstSentence(d.Doc)
		if d.Risk != engine.Read {
			doc = "(" + d.Risk.String() + ") " + doc
		}
		p.hang(p.in(bold, pad(d.Name, names))+"  ", names+2, doc)
	}
	return p.flush(w)
}

func firstSentence(doc string) string {
	doc = strings.Join(strings.Fields(doc), " ")
	if head, _, found := strings.Cut(doc, ". "); found {
		return head + "."
	}
	return doc
}

// CheckReference writes what a check observes, what it wants to be told, and its
// fields.
func CheckReference(w io.Writer, d *engine.Definition, o Options) error {
	p := newPage(o)
	p.line(p.in(bold, d.Name), p.in(dim, fmt.Sprintf("  about %s · %s", cost(d.Cost.Seconds()), d.Risk)))
	p.paragraphs("  ", d.Doc)
	p.blank()
	if len(d.In.Fields) == 0 {
		p.line("It takes no inputs.")
	} else {
		p.line(p.in(bold, "Inputs"))
		p.reference("  ", d.In, true)
	}
	p.blank()
	p.line(p.in(bold, "Observes"))
	p.reference("  ", d.Out, false)
	p.blank()
	p.line(p.in(dim, "  gumshoe check "), d.Name, exampleInputs(d.In))
	return p.flush(w)
}

func exampleInputs(s *engine.Struct) string {
	var b strings.Builder
	for _, f := range s.Fields {
		if !f.Required {
			continue
		}
		example := "…"
		switch f.Kind {
		case engine.KindList:
			example = `'["…"]'`
		case engine.KindDuration:
			example = "5s"
		case engine.KindString, engine.KindNumber, engine.KindInteger, engine.KindBool, engine.KindTime,
			engine.KindSecret, engine.KindMap, engine.KindObject:
			switch f.Format {
			case engine.FormatHostPort:
				example = "127.0.0.1:5432"
			case engine.FormatURL:
				example = "http://127.0.0.1:8080/"
			case engine.FormatPath:
				example = "/path"
			case engine.FormatMoment:
				example = "15m"
			}
		}
		fmt.Fprintf(&b, " %s=%s", f.Name, example)
	}
	return b.String()
}

func (p *page) reference(indent string, s *engine.Struct, input bool) {
	for _, f := range s.Fields {
		kind := string(f.Kind)
		switch {
		case len(f.Enum) > 0:
			kind = strings.Join(f.Enum, " | ")
		case f.Kind == engine.KindList && f.Of != nil:
			kind = "list of objects"
		case f.Kind == engine.KindMap && f.Of != nil:
			kind = "objects by name"
		case f.Kind == engine.KindList:
			kind = "list of " + elementKind(f.Type) + "s"
		case f.Kind == engine.KindMap:
			kind = elementKind(f.Type) + "s by name"
		}
		if input {
			kind += inputNote(f)
		}
		p.hang(indent+p.in(bold, f.Name)+"  ", len(indent)+len(f.Name)+2, kind)
		p.paragraphs(indent+"    ", fieldDoc(f))
		if f.Of != nil {
			p.reference(indent+"    ", f.Of, input)
		}
	}
}

// fieldDoc is a field's doc without its own name at the beginning, as the name
// stands above it.
func fieldDoc(f *engine.Field) string {
	for _, lead := range []string{" is ", " are "} {
		if rest, ok := strings.CutPrefix(f.Doc(), f.Name+lead); ok && rest != "" {
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return f.Doc()
}

func elementKind(t reflect.Type) string {
	switch t.Elem().Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	}
	return "number"
}

func inputNote(f *engine.Field) string {
	var parts []string
	switch {
	case f.Required:
		parts = append(parts, "needed")
	case f.Default != "":
		parts = append(parts, "else "+f.Default)
	}
	unit := ""
	if f.Kind == engine.KindDuration {
		unit = " s"
	}
	if !math.IsNaN(f.Min) {
		parts = append(parts, "at least "+Number(f.Min)+unit)
	}
	if !math.IsNaN(f.Max) {
		parts = append(parts, "at most "+Number(f.Max)+unit)
	}
	if f.Format != "" {
		parts = append(parts, "a "+f.Format)
	}
	if len(parts) == 0 {
		return ""
	}
	return ", " + strings.Join(parts, ", ")
}

// sortedKeys gives the keys of a map by text.
func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	return keys
}
