package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"time"

	"gumshoe/engine/belief"
)

// Check is one kind of look at the world: what a step of a runbook names. In is
// the struct of its inputs, Out the struct of what it observes; both are plain
// (see DescribeInput and DescribeOutput for what that means), and the fields'
// doc comments are the reference documentation.
//
// What the target does (refuses, hangs, rejects) is an observation, and Run
// returns it in Out. An error of Run means that we could not look.
type Check[In, Out any] struct {
	// Name is FAMILY.NOUN, such as "host.cpu", or one noun.
	Name string
	// Doc says in a sentence or two what the check observes, and how.
	Doc string
	// Cost is the author's estimate of how long a run takes.
	Cost time.Duration
	// Risk is what a run can do to the target.
	Risk Risk
	// RiskOf lowers or raises Risk for particular inputs, as policy says; nil
	// means that Risk always holds.
	RiskOf func(In) Risk
	// Allow says how policy would have to be changed for a run with these
	// inputs that is a Change to count as less; nil means that none would do.
	Allow func(In) string
	// Resource names something of which only one step may use at a time, such
	// as "capture"; "" means none.
	Resource string
	// Target says what a run with these inputs looks at, such as "db1:5432", so
	// that all runs together are polite to it; nil means this host.
	// Two checks that look at the same service give the same text.
	Target func(In) string
	// Verify says what is wrong with the text of an input, or with one of the texts of
	// a list or map, by the input's name: for texts in a language of their own. A
	// runbook with a wrong one is not loaded.
	Verify map[string]func(string) error
	// Plan lists what a run would touch outside /proc and /sys. It touches
	// nothing itself beyond reading /proc and /sys.
	Plan func(In) []Touch
	// Run looks. It honours ctx, and it calls call.Unread for each field it
	// could not fill; a field neither filled nor unread is an observed zero.
	Run func(ctx context.Context, call *Call, in In) (Out, error)
	// Summarize says in at most about 60 characters what an engineer would
	// read out from the observation.
	Summarize func(Out) string
}

// Risk is what a check can do to its target. It is the belief engine's, which
// weighs it when it chooses the next step.
type Risk = belief.Risk

// The risks, from the least. Change is never run without approval.
const (
	Read   = belief.Read
	Load   = belief.Load
	Change = belief.Change
)

// TouchKind says what sort of thing a Touch is.
type TouchKind string

// The kinds of things a check can touch.
const (
	TouchFile    TouchKind = "file"
	TouchCommand TouchKind = "command"
	TouchNetwork TouchKind = "network"
)

// Touch is one thing outside /proc and /sys that a run of a check uses.
type Touch struct {
	Kind TouchKind `json:"kind"`
	// What is a path, a host:port with its protocol, or a command's path.
	What string `json:"what"`
	// How is what is done to it: "read", "statfs", "connect", "run".
	How string `json:"how"`
	// Argv is the whole command, when Kind is TouchCommand.
	Argv []string `json:"argv,omitempty"`
}

// Instrument is a check of any input and output type.
type Instrument interface {
	// Definition gives the check with its types erased, or says what is wrong
	// with its declaration.
	Definition() (*Definition, error)
}

// Definition is a check with its types erased: what the loader, the run loop
// and the reference documentation work with. It is immutable.
type Definition struct {
	Name     string
	Doc      string
	Cost     time.Duration
	Risk     Risk
	Resource string
	// In describes the inputs, Out the observation.
	In, Out *Struct

	riskOf    func(in any) Risk
	allow     func(in any) string
	target    func(in any) string
	plan      func(in any) []Touch
	run       func(ctx context.Context, call *Call, in any) (any, error)
	summarize func(out any) string
}

var checkName = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$`)

// Definition implements Instrument.
func (c Check[In, Out]) Definition() (*Definition, error) {
	switch {
	case !checkName.MatchString(c.Name):
		return nil, fmt.Errorf("check %q: a name is family.noun in lower case", c.Name)
	case c.Doc == "" || c.Run == nil || c.Plan == nil || c.Summarize == nil || c.Cost <= 0:
		return nil, fmt.Errorf("check %s: doc, cost, plan, run and summarize are all needed", c.Name)
	}
	in, err := DescribeInput(reflect.TypeFor[In]())
	if err != nil {
		return nil, fmt.Errorf("check %s: input: %w", c.Name, err)
	}
	for name, verify := range c.Verify {
		field, ok := in.Field(name)
		if !ok || field.Kind != KindString && field.Kind != KindList && field.Kind != KindMap {
			return nil, fmt.Errorf("check %s: verify: there is no text %s among the inputs", c.Name, name)
		}
		field.verify = verify
	}
	out, err := DescribeOutput(reflect.TypeFor[Out]())
	if err != nil {
		return nil, fmt.Errorf("check %s: output: %w", c.Name, err)
	}
	for _, f := range out.Fields {
		if f.Keys == "" {
			continue
		}
		if keys, ok := in.Field(f.Keys); !ok || keys.Kind != KindMap && keys.Kind != KindList || f.Kind != KindMap {
			return nil, fmt.Errorf("check %s: output: %s is no map, or %s no map or list to have the keys of", c.Name, f.Name, f.Keys)
		}
	}
	d := &Definition{
		Name: c.Name, Doc: c.Doc, Cost: c.Cost, Risk: c.Risk, Resource: c.Resource, In: in, Out: out,
		riskOf: func(any) Risk { return c.Risk },
		allow:  func(any) string { return "" },
		target: func(any) string { return "" },
		plan:   func(in any) []Touch { return c.Plan(in.(In)) },
		run: func(ctx context.Context, call *Call, in any) (any, error) {
			return c.Run(ctx, call, in.(In))
		},
		summarize: func(out any) string { return c.Summarize(out.(Out)) },
	}
	if c.RiskOf != nil {
		d.riskOf = func(in any) Risk { return c.RiskOf(in.(In)) }
	}
	if c.Target != nil {
		d.target = func(in any) string { return c.Target(in.(In)) }
	}
	if c.Allow != nil {
		d.allow = func(in any) string { return c.Allow(in.(In)) }
	}
	return d, nil
}

// RiskOf is the risk of a run with these inputs, a value that Decode made.
func (d *Definition) RiskOf(in any) Risk { return d.riskOf(in) }

// Allow says how policy would have to be changed for a run with these inputs to
// be less than a Change; "" means that it cannot be.
func (d *Definition) Allow(in any) string { return d.allow(in) }

// Target says what a run with these inputs looks at; "" means this host.
func (d *Definition) Target(in any) string { return d.target(in) }

// Plan lists what a run with these inputs would touch outside /proc and /sys.
func (d *Definition) Plan(in any) []Touch { return d.plan(in) }

// Summarize says in one line what an engineer would read out from an output.
func (d *Definition) Summarize(out any) string { return d.summarize(out) }

// Registry is the set of checks that runbooks can name. It is immutable.
type Registry struct {
	byName map[string]*Definition
	names  []string
}

// NewRegistry makes a registry. A check that is badly declared or declared
// twice is an error, and all such errors are reported together. The docs give
// the fields' doc comments, and are asked for each time that a field's Doc is, not
// before: they are safe for concurrent use, and cheap to ask for again. Without
// them every Doc is empty.
func NewRegistry(docs func() FieldDocs, checks ...Instrument) (*Registry, error) {
	r := &Registry{byName: make(map[string]*Definition, len(checks))}
	var errs []error
	for _, c := range checks {
		d, err := c.Definition()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if r.byName[d.Name] != nil {
			errs = append(errs, fmt.Errorf("check %s: registered twice", d.Name))
			continue
		}
		d.In.document(docs)
		d.Out.document(docs)
		r.byName[d.Name] = d
		r.names = append(r.names, d.Name)
	}
	slices.Sort(r.names)
	return r, errors.Join(errs...)
}

// Lookup finds a check by its name.
func (r *Registry) Lookup(name string) (*Definition, bool) {
	d, ok := r.byName[name]
	return d, ok
}

// Names lists the checks, sorted.
func (r *Registry) Names() []string { return slices.Clone(r.names) }
