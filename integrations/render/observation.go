package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"gumshoe/engine"
)

// ObservationJSON writes a check's output as one indented object. What could not
// be read stands in its key "unread"; when there is no output at all, that is the
// only key and names the path "".
func ObservationJSON(w io.Writer, o engine.Observation) error {
	unread := o.Unread
	data := []byte("{}")
	if o.Output == nil {
		unread = append([]engine.Unread{{Reason: o.Reason, Fix: o.Fix}}, unread...)
	} else {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(o.Output); err != nil {
			return err
		}
		data = bytes.TrimSpace(buf.Bytes())
	}
	if len(unread) > 0 {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(unread); err != nil {
			return err
		}
		head := bytes.TrimSuffix(data, []byte("}"))
		if len(head) > 1 {
			head = append(head, ',')
		}
		data = append(append(append(head, `"unread":`...), bytes.TrimSpace(buf.Bytes())...), '}')
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, data, "", "  "); err != nil {
		return err
	}
	indented.WriteByte('\n')
	_, err := w.Write(harmless(indented.Bytes()))
	return err
}

// Observation writes what a check observed, with units, and what it could not.
func Observation(w io.Writer, check string, out *engine.Struct, o engine.Observation, opt Options) error {
	p := newPage(opt)
	sign, st := mark(o.Status)
	p.hang(p.in(st, sign)+" ", 2, joinNonEmpty(" · ", Clean(check), onTarget(o.Target), elapsed(o.Elapsed.Seconds()), Clean(o.Summary)))
	if o.Output != nil {
		unread := make(unreadPaths, len(o.Unread))
		for _, u := range o.Unread {
			if u.NotAsked && unread[u.Path] == "" {
				unread[u.Path] = "–"
			} else if !u.NotAsked {
				unread[u.Path] = "? unread"
			}
		}
		p.fields("  ", "", out, reflect.ValueOf(o.Output), unread)
	} else {
		p.hang("  ", 2, "could not look: "+Clean(o.Reason))
		if o.Fix != "" {
			p.hang("  "+p.in(cyan, "→")+" ", 4, Clean(o.Fix))
		}
	}
	p.unread(o.Unread)
	for _, e := range o.Excerpts {
		p.blank()
		p.line("  ", p.in(dim, Clean(e.Title)))
		for _, line := range cleanLines(e.Text) {
			p.line("    ", line)
		}
	}
	if len(o.Reproduce) > 0 {
		p.blank()
		for i, argv := range o.Reproduce {
			label := "  the same by hand   "
			if i > 0 {
				label = strings.Repeat(" ", len(label))
			}
			p.line(p.in(dim, label), command(argv)) // whole, so that it can be copied
		}
	}
	return p.flush(w)
}

// unread writes what could not be read: fields with the same reason and fix
// together, and whole without their names when there are many.
func (p *page) unread(unread []engine.Unread) {
	const most, names = 12, 6
	if len(unread) == 0 {
		return
	}
	p.blank()
	type why struct {
		reason, fix string
		notAsked    bool
	}
	var order []why
	paths := make(map[why][]string)
	for _, u := range unread {
		w := why{u.Reason, u.Fix, u.NotAsked}
		if paths[w] == nil {
			order = append(order, w)
		}
		paths[w] = append(paths[w], Clean(u.Path))
	}
	for i, w := range order {
		if i == most {
			p.line("  … and ", plural(len(order)-most, "more reason"), " why fields are unread")
			return
		}
		n := len(paths[w])
		what := strings.Join(paths[w][:min(n, names)], ", ")
		if n > names {
			what = fmt.Sprintf("%s and %d more", strings.Join(paths[w][:names-1], ", "), n-names+1)
		}
		switch {
		case w.notAsked:
			p.hangIn("  "+p.in(dim, "–")+" ", 4, joinNonEmpty(": ", what, Clean(w.reason)), dim)
		case n == 1:
			p.hang("  "+p.in(magenta, "?")+" ", 4, joinNonEmpty(": ", what+" is unread", Clean(w.reason)))
		default:
			p.hang("  "+p.in(magenta, "?")+" ", 4, joinNonEmpty(": ", what+" are unread", Clean(w.reason)))
		}
		if w.fix != "" {
			p.hang("    "+p.in(cyan, "→")+" ", 6, Clean(w.fix))
		}
	}
}

// fields writes a struct as aligned names and values; lists of structs as tables
// where they fit.
func (p *page) fields(indent, path string, s *engine.Struct, v reflect.Value, unread unreadPaths) {
	names := 0
	for _, f := range s.Fields {
		if !nested(f) {
			names = max(names, len(f.Name))
		}
	}
	for _, f := range s.Fields {
		field := fieldByTag(v, f.Name)
		if !field.IsValid() {
			continue
		}
		at := joinNonEmpty(".", path, f.Name)
		switch {
		case unread.hold(at) != "" && (f.Of == nil || f.Kind == engine.KindObject || field.Len() == 0):
			p.line(indent, p.in(dim, pad(f.Name, names)), "  ", p.in(unreadStyle(unread.hold(at)), unread.hold(at)))
		case f.Kind == engine.KindObject:
			p.line(indent, f.Name)
			p.fields(indent+"  ", at, f.Of, field, unread)
		case f.Kind == engine.KindList && f.Of != nil:
			p.table(indent, at, f, field, unread)
		case f.Kind == engine.KindMap && f.Of != nil:
			for _, key := range sortedKeys(field) {
				p.line(indent, f.Name, "[", Clean(key.String()), "]")
				p.fields(indent+"  ", fmt.Sprintf("%s[%q]", at, key.String()), f.Of, field.MapIndex(key), unread)
			}
		case f.Kind == engine.KindString && strings.Contains(field.String(), "\n"):
			p.line(indent, f.Name)
			for _, line := range cleanLines(field.String()) {
				p.line(indent, "  ", line)
			}
		default:
			label := indent + p.in(dim, pad(f.Name, names)) + "  "
			p.hang(label, len(indent)+names+2, fieldValue(f, field))
		}
	}
}

// unreadPaths are the paths of the fields without a value, with what stands in its
// place: what is in the fields is no observation.
type unreadPaths map[string]string

// hold gives what stands in the place of a field that has no value, by itself or
// as a part of what has none; "" when it has one.
func (u unreadPaths) hold(path string) string {
	for path != "" {
		if u[path] != "" {
			return u[path]
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 || path[i] == '[' { // a list that is unread is only incomplete
			return ""
		}
		path = path[:i]
	}
	return ""
}

func unreadStyle(shown string) style {
	if shown == "–" {
		return dim
	}
	return magenta
}

func nested(f *engine.Field) bool { return f.Of != nil }

func fieldValue(f *engine.Field, v reflect.Value) string {
	switch {
	case f.Kind == engine.KindString && v.String() == "":
		return `""`
	case f.Kind == engine.KindTime:
		return Time(v.Interface().(time.Time))
	case f.Kind == engine.KindList && v.Len() == 0:
		return "none"
	case f.Kind == engine.KindMap && v.Len() == 0:
		return "none"
	}
	return Value(f.Name, v.Interface())
}

// table writes a list of structs: a row each when that fits, else a block each.
func (p *page) table(indent, path string, f *engine.Field, list reflect.Value, unread unreadPaths) {
	const most = 50
	n := min(list.Len(), most)
	if n == 0 {
		p.line(indent, f.Name, "  none")
		return
	}
	p.line(indent, f.Name, " (", fmt.Sprint(list.Len()), ")")
	columns := make([]int, len(f.Of.Fields))
	rows := make([][]string, n)
	total := len(indent) + 2
	simple := true
	for c, field := range f.Of.Fields {
		columns[c] = len(field.Name)
		simple = simple && field.Of == nil
		for r := range n {
			text := fieldValue(field, fieldByTag(list.Index(r), field.Name))
			if mark := unread.hold(fmt.Sprintf("%s[%d].%s", path, r, field.Name)); mark != "" {
				text, _, _ = strings.Cut(mark, " ")
			}
			rows[r] = append(rows[r], text)
			columns[c] = max(columns[c], width(text))
		}
		total += columns[c] + 2
	}
	if !simple || total-2 > p.Width {
		for r := range n {
			if r > 0 {
				p.line()
			}
			p.fields(indent+"  ", fmt.Sprintf("%s[%d]", path, r), f.Of, list.Index(r), unread)
		}
	} else {
		head := make([]string, len(columns))
		for c, field := range f.Of.Fields {
			head[c] = field.Name
		}
		p.row(indent+"  ", head, columns, f.Of, dim)
		for _, row := range rows {
			p.row(indent+"  ", row, columns, f.Of, plain)
		}
	}
	if list.Len() > n {
		p.line(indent, "  … and ", fmt.Sprint(list.Len()-n), " more")
	}
}

func (p *page) row(indent string, cells []string, columns []int, s *engine.Struct, st style) {
	var b strings.Builder
	for c, cell := range cells {
		if kind := s.Fields[c].Kind; kind == engine.KindNumber || kind == engine.KindInteger {
			cell = padLeft(cell, columns[c])
		} else if c < len(cells)-1 {
			cell = pad(cell, columns[c])
		}
		b.WriteString(cell)
		if c < len(cells)-1 {
			b.WriteString("  ")
		}
	}
	p.line(indent, p.in(st, strings.TrimRight(b.String(), " ")))
}

func fieldByTag(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("json") == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}
