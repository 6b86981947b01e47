package load

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/belief"
	"gumshoe/engine/source"
)

// Bounds of a step's time. A step without a timeout of its own is given three
// times its cost, and at least minTimeout.
const (
	minTimeout  = 10 * time.Second
	costMargin  = 3
	maxStepTime = time.Hour
)

// stepDraft is a step whose name and check are known, before its expressions
// are compiled: they may read steps further down.
type stepDraft struct {
	step     *engine.Step
	object   *source.Object
	doc      *document
	repeated bool // it has each:
}

// draftSteps reads the steps' names and checks.
func (b *builder) draftSteps() {
	b.steps = make(map[string]*stepDraft)
	for _, d := range b.docs {
		fields, ok := d.steps.Mapping(`"steps"`, b.faults)
		if !ok && !d.steps.IsZero() {
			b.poisoned.open = true
		}
		if !b.within(d.steps, len(b.drafts)+len(fields), "steps", maxSteps) {
			b.poisoned.open = true
			continue
		}
		for _, field := range fields {
			b.draftStep(d, field)
		}
	}
	if len(b.drafts) == 0 && len(b.poisoned.steps) == 0 && !b.poisoned.open {
		b.poisoned.open = true
		if slipped(b.docs[0].node, "steps") {
			return
		}
		b.faults.Addf(b.docs[0].object.Position(), `a runbook needs "steps": the checks that it can look with`)
	}
}

func (b *builder) draftStep(d *document, field source.Field) {
	name := field.Key
	if earlier := b.steps[name.Value]; earlier != nil {
		b.twice("step", name, earlier.step.At)
		return
	}
	good := b.goodName(name, "step", true)
	o, ok := field.Value.Object("step "+clip(name.Value), b.faults)
	if !ok {
		b.poisoned.steps[name.Value] = true
		return
	}
	draft := &stepDraft{
		step:     &engine.Step{Name: name.Value, At: name.Position},
		object:   o,
		doc:      d,
		repeated: !o.Field("each").IsZero(),
	}
	draft.step.Check = b.readCheck(o, field.Value)
	if !good || draft.step.Check == nil {
		b.poisoned.steps[name.Value] = true
	}
	b.steps[name.Value] = draft
	b.drafts = append(b.drafts, draft)
	b.book.Steps = append(b.book.Steps, draft.step)
}

// twice tells of a name that stands in two files: the fault stands in the file
// that uses the other.
func (b *builder) twice(what string, name source.Text, earlier source.Position) {
	b.faults.Addf(earlier, "%s %q is defined here and at %s; rename or drop one", what, name.Value, name.Position)
}

// readCheck reads the check that a step or a remedy names.
func (b *builder) readCheck(o *source.Object, in source.Node) *engine.Definition {
	node, ok := required(o, in, "check")
	if !ok {
		return nil
	}
	text, ok := node.String(`"check"`, b.faults)
	if !ok {
		return nil
	}
	check, ok := b.loader.Registry.Lookup(text.Value)
	if !ok {
		near := source.DidYouMean(text.Value, b.loader.Registry.Names())
		b.faults.Addf(text.Position, "unknown check %q%s", clip(text.Value), cmp.Or(near, "; `gumshoe checks` lists them"))
		return nil
	}
	return check
}

// readSteps reads the rest of every step, and how they depend on each other.
func (b *builder) readSteps() {
	for _, d := range b.drafts {
		b.readStep(d)
	}
	b.refuseStepCycles()
}

func (b *builder) readStep(d *stepDraft) {
	step, o := d.step, d.object
	scope := b.scopes.run
	if node := o.Field("when"); !node.IsZero() {
		if step.When = b.condition(node, `"when"`, scope); step.When != nil {
			b.addNeeds(step, step.When.Roots())
		}
	}
	if node := o.Field("each"); !node.IsZero() {
		step.Each = b.readEach(node)
		scope = b.scopes.item
		if step.Each != nil {
			b.addNeeds(step, rootsOf(*step.Each))
		}
	}
	if node := o.Field("on"); !node.IsZero() {
		if step.On = b.readOn(node, b.scopes.run); step.On != nil {
			b.addNeeds(step, step.On.Roots())
		}
	}
	if with := o.Field("with"); step.Check != nil {
		step.With = b.readWith(with, step.At, step.Check, scope)
		for _, arg := range step.With {
			b.addNeeds(step, rootsOf(arg.Value))
		}
	}
	if same, ok := o.Field("same").String(`"same"`, b.faults); ok && b.goodName(same, "group", false) {
		step.Same = same.Value
	}
	b.readRisk(step, o.Field("risk"))
	b.readTimes(step, o)
	o.Done()
}

// readRisk reads a step's risk, which is the check's unless it is raised.
func (b *builder) readRisk(step *engine.Step, node source.Node) {
	if step.Check != nil {
		step.Risk = step.Check.Risk
	}
	word, ok := b.oneOf(node, "risk", "read", "load", "change")
	risk, _ := belief.ParseRisk(word)
	switch {
	case !ok || step.Check == nil:
	case risk < step.Check.Risk:
		b.faults.Addf(node.Position(), "%s is of risk %s, which a runbook can raise but not lower to %s; only policy in gumshoe.yaml lowers it",
			step.Check.Name, step.Check.Risk, risk)
	default:
		step.Risk = risk
	}
}

// readTimes reads how long a step is expected to take, and when it is ended.
func (b *builder) readTimes(step *engine.Step, o *source.Object) {
	if step.Check != nil {
		step.Cost = step.Check.Cost
	}
	cost := b.stepTime(o.Field("cost"), "cost")
	timeout := b.stepTime(o.Field("timeout"), "timeout")
	window, usual := givenTime(step, "window")
	if window > usual {
		step.Cost += window - usual
	}
	if cost > 0 {
		step.Cost = cost
	}
	own, _ := givenTime(step, "timeout")
	step.Timeout = min(max(minTimeout, costMargin*step.Cost, own+own/4+time.Second), max(b.book.Budget, minTimeout))
	if timeout == 0 {
		return
	}
	step.Timeout = timeout
	for what, longer := range map[string]time.Duration{"cost": cost, "window": window} {
		if longer >= timeout {
			b.faults.Addf(o.Field("timeout").Position(), "the step would be ended after %s, before its %s of %s is over; raise the timeout",
				shortDuration(timeout), what, shortDuration(longer))
		}
	}
}

// givenTime gives a duration that a step gives to its check as a literal, and
// the check's default for it. A check's window is how long it looks, and its
// timeout how long it waits for its target: they bound the step's time.
func givenTime(step *engine.Step, key string) (given, usual time.Duration) {
	if step.Check == nil {
		return 0, 0
	}
	f, ok := step.Check.In.Field(key)
	if !ok || f.Kind != engine.KindDuration {
		return 0, 0
	}
	usual, _ = time.ParseDuration(f.Default) // DescribeInput has checked it; "" is 0
	for _, arg := range step.With {
		if text, ok := arg.Value.Literal.(string); ok && arg.Key == key {
			given, _ = time.ParseDuration(text) // readDurationOf wrote it
		}
	}
	return given, usual
}

func (b *builder) stepTime(node source.Node, key string) time.Duration {
	d, ok := node.Duration(quoted(key), b.faults)
	if ok && (d <= 0 || d > maxStepTime) {
		b.faults.Addf(node.Position(), "%q must be more than 0 and at most %s, not %s", key, shortDuration(maxStepTime), node.Text().Value)
		return 0
	}
	return d
}

// readEach reads the values that a step is repeated over: a list, or a ${…}
// that gives one.
func (b *builder) readEach(node source.Node) *engine.Value {
	if node.IsString() && isTemplate(node.Text().Value) {
		t := b.template(node.Text(), b.scopes.run, false)
		if t == nil {
			return nil
		}
		list := engine.Field{Kind: engine.KindList}
		if fault := fits(&list, t.Type()); fault != "" {
			b.faults.Addf(node.Position(), "each: %s", fault)
			return nil
		}
		return &engine.Value{Template: t}
	}
	items, ok := node.List(`"each"`, b.faults)
	if !ok {
		return nil
	}
	if len(items) == 0 || len(items) > engine.MaxEach {
		b.faults.Addf(node.Position(), "each: takes from 1 to %d values, not %d", engine.MaxEach, len(items))
		return nil
	}
	value, ok := b.readValue(node, "each", b.scopes.run)
	if !ok {
		return nil
	}
	return &value
}

// checkTarget says whether a text can name where a step runs.
func checkTarget(text string) error {
	if _, err := netip.ParseAddr(text); err == nil || !strings.Contains(text, ":") {
		return engine.CheckHost(text)
	}
	_, _, err := engine.SplitHostPort(text)
	return err
}

// rootsOf gives the names that a value reads.
func rootsOf(v engine.Value) []string {
	var roots []string
	if v.Template != nil {
		roots = append(roots, v.Template.Roots()...)
	}
	for _, item := range v.List {
		roots = append(roots, rootsOf(item)...)
	}
	for _, entry := range v.Map {
		roots = append(roots, rootsOf(entry.Value)...)
	}
	return roots
}

// addNeeds adds the steps among the names that a step reads.
func (b *builder) addNeeds(step *engine.Step, roots []string) {
	for i, d := range b.drafts {
		if slices.Contains(roots, d.step.Name) && !slices.Contains(step.Needs, i) {
			step.Needs = append(step.Needs, i)
		}
	}
	slices.Sort(step.Needs)
}
