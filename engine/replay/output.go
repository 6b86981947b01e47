package replay

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// notRecorded is why a field is unread that a case leaves out.
const notRecorded = "not recorded in this case"

func (d decoder) steps(n source.Node, c *Case) {
	names := make([]string, len(d.book.Steps))
	for i, s := range d.book.Steps {
		names[i] = s.Name
	}
	fields, _ := n.Mapping("steps", d.faults)
	for _, f := range fields {
		i := slices.Index(names, f.Key.Value)
		if i < 0 {
			d.faults.Addf(f.Key.Position, "runbook %s has no step %q%s", d.book.Name, f.Key.Value, source.DidYouMean(f.Key.Value, names))
			continue
		}
		c.Steps[f.Key.Value] = d.step(f.Value, d.book.Steps[i])
	}
}

// step reads what one step observed: once, or a list with an item each.
func (d decoder) step(n source.Node, step *engine.Step) map[string]engine.Observation {
	observations := make(map[string]engine.Observation)
	if step.Each == nil {
		if o, ok := d.observation(n, step, ""); ok {
			observations[""] = o
		}
		return observations
	}
	items, _ := n.List("the observations of a step with each:", d.faults)
	for _, node := range items {
		item := node.Field("item")
		if item.IsZero() {
			d.faults.Addf(node.Position(), "an observation of step %s needs its item", step.Name)
			continue
		}
		if o, ok := d.observation(node, step, item.Text().Value); ok {
			observations[item.Text().Value] = o
		}
	}
	return observations
}

func (d decoder) observation(n source.Node, step *engine.Step, item string) (engine.Observation, bool) {
	o := engine.Observation{Status: engine.Observed, Elapsed: step.Cost}
	top, ok := n.Object("step "+describe(step.Name, item), d.faults)
	if !ok {
		return o, false
	}
	top.Field("item")
	if s := top.Field("seconds"); !s.IsZero() {
		seconds, _ := s.Float("seconds", d.faults)
		o.Elapsed = time.Duration(seconds * float64(time.Second))
	}
	o.Reason = d.optional(top.Field("failed"), "failed")
	o.Fix = d.optional(top.Field("fix"), "fix")
	if u := top.Field("unread"); !u.IsZero() {
		o.Unread = d.unread(u)
	}
	switch out := top.Field("output"); {
	case o.Reason != "":
		o.Status = engine.Failed
		if !out.IsZero() {
			d.faults.Addf(out.Position(), "a step that failed has no output: leave out one of the two")
		}
		if o.Fix == "" {
			o.Fix = "none recorded" // a recording would fail the same way again
		}
	case out.IsZero():
		d.faults.Addf(n.Position(), "step %s needs output: or failed:", describe(step.Name, item))
	default:
		v := reflect.New(step.Check.Out.Type).Elem()
		d.object(out, v, step.Check.Out, "", &o.Unread)
		o.Output = v.Interface()
		if engine.Incomplete(o.Unread) {
			o.Status = engine.Partial
		}
	}
	top.Done()
	return o, true
}

func (d decoder) unread(n source.Node) []engine.Unread {
	var list []engine.Unread
	items, _ := n.List("unread", d.faults)
	for _, item := range items {
		o, ok := item.Object("unread", d.faults)
		if !ok {
			continue
		}
		var u engine.Unread
		if p, ok := o.Required("path"); ok {
			u.Path = d.text(p, "path")
		}
		u.Reason = d.optional(o.Field("reason"), "reason")
		u.Fix = d.optional(o.Field("fix"), "fix")
		if asked := o.Field("not_asked"); !asked.IsZero() {
			u.NotAsked, _ = asked.Bool("not_asked", d.faults)
		}
		o.Done()
		list = append(list, u)
	}
	return list
}

// object reads a mapping into a struct. A field that is left out is unread,
// unless it is said to be so already.
func (d decoder) object(n source.Node, into reflect.Value, s *engine.Struct, path string, unread *[]engine.Unread) {
	fields, ok := n.Mapping(strings.TrimPrefix(path+" output", " "), d.faults)
	if !ok {
		return
	}
	given := make(map[string]bool, len(fields))
	for _, f := range fields {
		field, known := s.Field(f.Key.Value)
		if !known {
			d.faults.Addf(f.Key.Position, "unknown field %q%s (fields: %s)", f.Key.Value,
				source.DidYouMean(f.Key.Value, s.Names()), strings.Join(s.Names(), ", "))
			continue
		}
		given[field.Name] = true
		d.value(f.Value, into.Field(field.Index), field, below(path, field.Name), unread)
	}
	for _, field := range s.Fields {
		at := below(path, field.Name)
		if !given[field.Name] && !slices.ContainsFunc(*unread, func(u engine.Unread) bool { return u.Path == at }) {
			*unread = append(*unread, engine.Unread{Path: at, Reason: notRecorded})
		}
	}
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// value reads one value into a field or an element of one.
func (d decoder) value(n source.Node, into reflect.Value, f *engine.Field, path string, unread *[]engine.Unread) {
	switch into.Kind() {
	case reflect.String:
		t, ok := n.String(path, d.faults)
		if ok && len(f.Enum) > 0 && t.Value != "" && !slices.Contains(f.Enum, t.Value) {
			d.faults.Addf(n.Position(), "%s: %q is not one of %s%s", path, t.Value, strings.Join(f.Enum, ", "), source.DidYouMean(t.Value, f.Enum))
		}
		into.SetString(t.Value)
	case reflect.Bool:
		b, _ := n.Bool(path, d.faults)
		into.SetBool(b)
	case reflect.Float64:
		x, _ := n.Float(path, d.faults)
		into.SetFloat(x)
	case reflect.Slice:
		items, _ := n.List(path, d.faults)
		list := reflect.MakeSlice(into.Type(), len(items), len(items))
		for i, item := range items {
			d.value(item, list.Index(i), f, fmt.Sprintf("%s[%d]", path, i), unread)
		}
		into.Set(list)
	case reflect.Map:
		fields, _ := n.Mapping(path, d.faults)
		m := reflect.MakeMapWithSize(into.Type(), len(fields))
		for _, entry := range fields {
			e := reflect.New(into.Type().Elem()).Elem()
			d.value(entry.Value, e, f, fmt.Sprintf("%s[%q]", path, entry.Key.Value), unread)
			m.SetMapIndex(reflect.ValueOf(entry.Key.Value), e)
		}
		into.Set(m)
	case reflect.Struct:
		if into.Type() == reflect.TypeFor[time.Time]() {
			t, err := time.Parse(time.RFC3339Nano, n.Text().Value)
			if err != nil {
				d.faults.Addf(n.Position(), "%s: want a time such as 2006-01-02T15:04:05Z", path)
			}
			into.Set(reflect.ValueOf(t))
			return
		}
		d.object(n, into, f.Of, path, unread)
	default:
		d.integer(n, into, path)
	}
}

func (d decoder) integer(n source.Node, into reflect.Value, path string) {
	x, ok := n.Int(path, d.faults)
	switch {
	case !ok:
	case into.CanInt():
		into.SetInt(x)
	case x < 0:
		d.faults.Addf(n.Position(), "%s: %d is negative", path, x)
	default:
		into.SetUint(uint64(x))
	}
}
