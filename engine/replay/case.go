// Package replay runs runbooks on recorded observations: the tests of runbooks.
//
// A case is a YAML file that says what each step of a runbook observed, and
// what a run on these observations has to conclude. It is recorded from a real
// run and may be edited by hand: a field that a case leaves out is unread, never
// zero, so a case needs to say only what matters. With like: it needs to say
// only in what it differs from another.
package replay

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// Case is one recorded run of a runbook and what it has to conclude.
type Case struct {
	Name  string
	File  string
	About string
	// Inputs are the runbook's inputs, as an operator would give them.
	Inputs map[string]string
	Target string
	// Age is the time from the onset to the start of the run.
	Age   time.Duration
	Alert *engine.Alert
	// Steps are the recorded observations, by step and by item of each:.
	Steps  map[string]map[string]engine.Observation
	Expect Expect
}

// Expect is what a run of a case has to conclude. Hypotheses that it does not
// name may have any verdict, except that none may be confirmed unnamed.
type Expect struct {
	Status       engine.Status
	Confirmed    []string
	Contributing []string
	Likely       []string
	RuledOut     []string
	// Subjects are what hypotheses name, by hypothesis.
	Subjects map[string][]string
}

// Folder is where the cases of a runbook are, relative to the runbook's folder.
func Folder(runbook string) string { return path.Join("cases", runbook) }

// Load reads a case of a runbook. The display name is the file's for messages. A
// case that is like another takes that one's inputs, target, age and observations
// where it has none of its own, field by field; a step that failed takes nothing.
func Load(fsys fs.FS, name, display string, book *engine.Runbook, faults *source.Faults) (*Case, bool) {
	root, ok := source.ReadFS(fsys, name, display, faults)
	if !ok {
		return nil, false
	}
	before := len(faults.Wrong())
	d := decoder{book: book, faults: faults}
	c := d.decode(root, readBase(fsys, name, display, root, faults, nil))
	if c != nil {
		c.File = display
		if want := caseName(name); c.Name != "" && c.Name != want {
			faults.Addf(root.Field("case").Position(), "case %q is in a file named %q: they have to be equal", c.Name, path.Base(name))
		}
	}
	return c, c != nil && len(faults.Wrong()) == before
}

func caseName(file string) string { return strings.TrimSuffix(path.Base(file), path.Ext(file)) }

// readBase reads the case that root is like, with what that one is like; the
// zero Node when it is like none.
func readBase(fsys fs.FS, name, display string, root source.Node, faults *source.Faults, above []string) source.Node {
	like := root.Field("like")
	if like.IsZero() {
		return source.Node{}
	}
	other, ok := like.String("like", faults)
	if !ok {
		return source.Node{}
	}
	above = append(above, caseName(name))
	if strings.ContainsAny(other.Value, `/\`) {
		faults.Addf(like.Position(), "like: want the name of a case of the same runbook, not a path")
		return source.Node{}
	}
	if slices.Contains(above, other.Value) {
		faults.Addf(like.Position(), "cases are like each other in a circle: %s", strings.Join(append(above, other.Value), ", "))
		return source.Node{}
	}
	file := path.Join(path.Dir(name), other.Value+".yaml")
	if _, err := fs.Stat(fsys, file); err != nil {
		faults.Addf(like.Position(), "there is no case %q%s", other.Value, source.DidYouMean(other.Value, siblings(fsys, name)))
		return source.Node{}
	}
	display = path.Join(path.Dir(display), other.Value+".yaml")
	node, ok := source.ReadFS(fsys, file, display, faults)
	if !ok {
		return source.Node{}
	}
	return over(node, readBase(fsys, file, display, node, faults, above))
}

func siblings(fsys fs.FS, name string) []string {
	files, _ := fs.Glob(fsys, path.Join(path.Dir(name), "*.yaml"))
	for i := range files {
		files[i] = caseName(files[i])
	}
	return files
}

// over lays what a case says over the case that it is like.
func over(root, base source.Node) source.Node {
	for _, key := range []string{"case", "about", "expect", "alert"} {
		base = base.Without(key)
	}
	for _, step := range root.Field("steps").Fields() {
		switch {
		case !step.Value.Field("failed").IsZero():
			base = base.Without("steps", step.Key.Value)
		case !step.Value.Field("output").IsZero():
			base = base.Without("steps", step.Key.Value, "failed").Without("steps", step.Key.Value, "fix")
		}
	}
	return root.Over(base)
}

// decoder reads one case.
type decoder struct {
	book   *engine.Runbook
	faults *source.Faults
}

func (d decoder) decode(root, base source.Node) *Case {
	top, ok := over(root, base).Object("a case", d.faults)
	if !ok {
		return nil
	}
	c := &Case{Steps: make(map[string]map[string]engine.Observation), Inputs: make(map[string]string)}
	if n, ok := top.Required("case"); ok {
		c.Name = d.text(n, "case")
	}
	if n, ok := top.Required("runbook"); ok {
		if name := d.text(n, "runbook"); name != "" && name != d.book.Name {
			d.faults.Addf(n.Position(), "this is a case of runbook %q, not of %q", name, d.book.Name)
		}
	}
	c.About = d.optional(top.Field("about"), "about")
	c.Target = d.optional(top.Field("target"), "target")
	if n := top.Field("age"); !n.IsZero() {
		c.Age, _ = n.Duration("age", d.faults)
	}
	if n := top.Field("inputs"); !n.IsZero() {
		c.Inputs = d.texts(n, "inputs")
	}
	if n := top.Field("alert"); !n.IsZero() {
		c.Alert = d.alert(n)
	}
	if n, ok := top.Required("expect"); ok {
		d.expect(n, &c.Expect)
	}
	steps := top.Field("steps")
	if top.Field("like").IsZero() {
		steps, _ = top.Required("steps")
	}
	if !steps.IsZero() {
		d.steps(steps, c)
	}
	top.Done()
	return c
}

func (d decoder) text(n source.Node, what string) string {
	t, _ := n.String(what, d.faults)
	return t.Value
}

func (d decoder) optional(n source.Node, what string) string {
	if n.IsZero() {
		return ""
	}
	return d.text(n, what)
}

// texts reads a mapping from names to scalars of any type, as text.
func (d decoder) texts(n source.Node, what string) map[string]string {
	m := make(map[string]string)
	fields, _ := n.Mapping(what, d.faults)
	for _, f := range fields {
		if !f.Value.IsScalar() {
			d.faults.Addf(f.Value.Position(), "%s: want a text, not %s", f.Key.Value, f.Value.Kind())
			continue
		}
		m[f.Key.Value] = f.Value.Text().Value
	}
	return m
}

func (d decoder) alert(n source.Node) *engine.Alert {
	o, ok := n.Object("alert", d.faults)
	if !ok {
		return nil
	}
	a := &engine.Alert{Status: "firing", Labels: map[string]string{}, Annotations: map[string]string{}}
	a.Name = d.optional(o.Field("name"), "name")
	if s := o.Field("status"); !s.IsZero() {
		a.Status = d.text(s, "status")
	}
	if l := o.Field("labels"); !l.IsZero() {
		a.Labels = d.texts(l, "labels")
	}
	if l := o.Field("annotations"); !l.IsZero() {
		a.Annotations = d.texts(l, "annotations")
	}
	o.Done()
	return a
}

// statuses are those that a case can expect.
func statuses() []string {
	return []string{
		string(engine.StatusConfirmed), string(engine.StatusLikely), string(engine.StatusHealthy),
		string(engine.StatusNotReproduced), string(engine.StatusInconclusive),
	}
}

func (d decoder) expect(n source.Node, e *Expect) {
	o, ok := n.Object("expect", d.faults)
	if !ok {
		return
	}
	if s, ok := o.Required("status"); ok {
		status := d.text(s, "status")
		if status != "" && !slices.Contains(statuses(), status) {
			d.faults.Addf(s.Position(), "%q is not one of %s%s", status, strings.Join(statuses(), ", "), source.DidYouMean(status, statuses()))
		}
		e.Status = engine.Status(status)
	}
	for _, list := range []struct {
		key  string
		into *[]string
	}{
		{"confirmed", &e.Confirmed}, {"contributing", &e.Contributing}, {"likely", &e.Likely}, {"ruled_out", &e.RuledOut},
	} {
		if f := o.Field(list.key); !f.IsZero() {
			*list.into = d.hypotheses(f, list.key)
		}
	}
	if f := o.Field("subjects"); !f.IsZero() {
		e.Subjects = make(map[string][]string)
		fields, _ := f.Mapping("subjects", d.faults)
		for _, s := range fields {
			d.hypothesis(s.Key)
			names, _ := s.Value.Strings("subjects", d.faults)
			for _, name := range names {
				e.Subjects[s.Key.Value] = append(e.Subjects[s.Key.Value], name.Value)
			}
		}
	}
	o.Done()
}

func (d decoder) hypotheses(n source.Node, what string) []string {
	texts, _ := n.Strings(what, d.faults)
	ids := make([]string, 0, len(texts))
	for _, t := range texts {
		d.hypothesis(t)
		ids = append(ids, t.Value)
	}
	return ids
}

func (d decoder) hypothesis(id source.Text) {
	ids := make([]string, len(d.book.Hypotheses))
	for i, h := range d.book.Hypotheses {
		ids[i] = h.ID
	}
	if !slices.Contains(ids, id.Value) {
		d.faults.Addf(id.Position, "runbook %s has no hypothesis %q%s", d.book.Name, id.Value, source.DidYouMean(id.Value, ids))
	}
}

// describe names a step for messages.
func describe(step, item string) string {
	if item == "" {
		return step
	}
	return fmt.Sprintf("%s[%s]", step, item)
}
