package load

import (
	"regexp"
	"strings"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
	"gumshoe/engine/source"
)

// builder makes one runbook of a file and those that it uses. It goes on after
// a fault, so that all of them are told at once; what a fault leaves unknown is
// poisoned, so that one mistake is told once.
type builder struct {
	loader      *Loader
	faults      *source.Faults
	partAllowed bool

	docs []*document // the runbook's own first, then those it uses
	book *engine.Runbook
	// inputs and steps are by name; those in poisoned have been named but are
	// not known well enough to check what reads them.
	inputs     map[string]*engine.Input
	inputNames []string
	// defaulted are the inputs for which a default is written, good or bad.
	defaulted  map[string]bool
	steps      map[string]*stepDraft
	drafts     []*stepDraft // in the order of book.Steps
	hypotheses map[string]int
	poisoned   poison
	scopes     scopes
	tried      map[*expression.Condition]kleene.Truth // those that read nothing

	conditionsAt map[compiledAt]*expression.Condition
	namesAt      map[compiledAt]*expression.Names
	templatesAt  map[compiledAt]*expression.Template
	hasAlert     bool
}

// document is one file of a runbook.
type document struct {
	at     Place
	node   source.Node
	object *source.Object
	used   bool
	// The sections that builder reads from every document.
	inputs, steps, hypotheses source.Node
}

// maxBudget and maxPatience are far beyond any use; they keep arithmetic sane.
const (
	maxBudget   = 24 * time.Hour
	maxPatience = 30 * 24 * time.Hour
)

// newBuilder makes a builder that knows nothing yet.
func newBuilder(loader *Loader, faults *source.Faults) *builder {
	b := &builder{
		loader: loader, faults: faults,
		tried:        make(map[*expression.Condition]kleene.Truth),
		conditionsAt: make(map[compiledAt]*expression.Condition),
		namesAt:      make(map[compiledAt]*expression.Names),
		templatesAt:  make(map[compiledAt]*expression.Template),
	}
	b.poisoned = newPoison(b.isKnown)
	return b
}

// build reads everything. The runbook it gives is only good when there is no
// fault.
func (b *builder) build(at Place) *engine.Runbook {
	b.book = &engine.Runbook{
		Name: at.Name, File: at.File,
		Patience: engine.DefaultPatience, Budget: engine.DefaultBudget,
		Inputs: engine.NewInputs(nil),
	}
	main := b.readDocument(at, nil)
	if main == nil {
		return b.book
	}
	o := main.object
	b.readHead(o)
	symptom, triggers := o.Field("symptom"), o.Field("triggers")
	b.bringIn(main)
	o.Done()

	for _, d := range b.docs[1:] {
		b.book.Uses = append(b.book.Uses, d.at.File)
	}
	b.hasAlert = declaresAlert(triggers)
	b.readInputs()
	b.draftSteps()
	b.makeScopes()
	b.readSteps()
	b.readSymptom(symptom)
	b.readTriggers(triggers)
	b.readHypotheses()
	if isTemplate(b.book.Title) {
		b.book.Heading = b.sentence(o.Field("title"), `"title"`)
	}
	if part := b.isPart(main); !part || !b.partAllowed {
		b.needWhole(main)
	}
	if b.faults.Err() == nil {
		b.lint(main)
	}
	return b.book
}

// readDocument reads a file as far as its name and sections; chain holds the
// files that lead to it by use:, the first first.
func (b *builder) readDocument(at Place, chain []*document) *document {
	node, ok := at.read(b.faults)
	if !ok {
		return nil
	}
	object, ok := node.Object("a runbook", b.faults)
	if !ok {
		return nil
	}
	d := &document{at: at, node: node, object: object, used: len(chain) > 0}
	d.inputs, d.steps, d.hypotheses = object.Field("inputs"), object.Field("steps"), object.Field("hypotheses")
	b.docs = append(b.docs, d)
	b.readName(d)
	return d
}

// readName checks that a file says the name it has.
func (b *builder) readName(d *document) {
	node := d.object.Field("runbook")
	if node.IsZero() && !slipped(d.node, "runbook") {
		b.faults.Addf(d.object.Position(), `a runbook needs "runbook": its name, the same as the file's`)
	}
	name, ok := node.String(`"runbook"`, b.faults)
	switch {
	case !ok:
	case !kebab.MatchString(name.Value):
		b.faults.Addf(name.Position, "the name %q must be lower-case words joined by hyphens, such as web-slow", name.Value)
	case name.Value != d.at.Name:
		b.faults.Addf(name.Position, "the runbook is called %q but its file %q; make them equal", name.Value, d.at.Name)
	}
}

// readHead reads what is said of the runbook as a whole.
func (b *builder) readHead(o *source.Object) {
	for key, into := range map[string]*string{
		"title": &b.book.Title, "about": &b.book.About, "owner": &b.book.Owner, "escalation": &b.book.Escalation,
	} {
		if text, ok := o.Field(key).String(quoted(key), b.faults); ok {
			*into = text.Value
			switch {
			case strings.TrimSpace(text.Value) == "":
				b.faults.Addf(text.Position, "%s is empty; say it in a few words or leave the key out", quoted(key))
			case key != "title" && isTemplate(text.Value):
				b.faults.Addf(text.Position, "%s of a runbook is fixed: ${…} is filled in only in what belongs to a hypothesis or a step", quoted(key))
			}
		}
	}
	for _, d := range []struct {
		key  string
		into *time.Duration
		most time.Duration
	}{{"patience", &b.book.Patience, maxPatience}, {"budget", &b.book.Budget, maxBudget}} {
		node := o.Field(d.key)
		value, ok := node.Duration(quoted(d.key), b.faults)
		switch {
		case !ok:
		case value <= 0 || value > d.most:
			b.faults.Addf(node.Position(), "%s must be more than 0 and at most %s, not %s",
				quoted(d.key), shortDuration(d.most), node.Text().Value)
		default:
			*d.into = value
		}
	}
}

// isPart tells whether a file only makes sense as used by others.
func (b *builder) isPart(main *document) bool {
	return main.object.Field("title").IsZero() && main.hypotheses.IsZero()
}

// needWhole tells what a file lacks to be run by itself.
func (b *builder) needWhole(main *document) {
	if main.object.Field("title").IsZero() && !slipped(main.node, "title") {
		b.faults.Addf(main.object.Position(), `a runbook needs "title": the trouble it looks into, in a few words`)
	}
	if main.hypotheses.IsZero() && len(b.hypotheses) == 0 && !b.poisoned.open && !slipped(main.node, "hypotheses") {
		b.faults.Addf(main.object.Position(), `a runbook needs "hypotheses": what may be the cause, and what speaks for it`)
	}
}

// symbol is the form of the names of steps, inputs and hypotheses.
var symbol = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// maxSymbol bounds a name's length.
const maxSymbol = 64

// goodName checks the name of a step, an input or a hypothesis.
func (b *builder) goodName(name source.Text, what string, inExpressions bool) bool {
	switch {
	case !symbol.MatchString(name.Value) || len(name.Value) > maxSymbol:
		b.faults.Addf(name.Position, "%s %q: a name is lower-case letters, digits and _, and starts with a letter%s",
			what, clip(name.Value), hintName(name.Value))
		return false
	case inExpressions && isReserved(name.Value):
		b.faults.Addf(name.Position, "%s %q: the name has a meaning in expressions already; choose another, such as %q",
			what, name.Value, name.Value+"_"+lastWord(what))
		return false
	}
	return true
}
