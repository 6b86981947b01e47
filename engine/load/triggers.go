package load

import (
	"errors"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"gumshoe/engine"
	"gumshoe/engine/expression"
	"gumshoe/engine/source"
)

// triggerNodes gives the triggers as written: one, or a list.
func triggerNodes(node source.Node) []source.Node {
	if node.IsList() {
		return node.Items()
	}
	if node.IsZero() {
		return nil
	}
	return []source.Node{node}
}

// declaresAlert tells whether an alert can start the runbook.
func declaresAlert(node source.Node) bool {
	for _, t := range triggerNodes(node) {
		if !t.Field("alert").IsZero() {
			return true
		}
	}
	return false
}

// readTriggers reads what starts the runbook by itself.
func (b *builder) readTriggers(node source.Node) {
	nodes := triggerNodes(node)
	if node.IsList() && len(nodes) == 0 {
		b.faults.Addf(node.Position(), `"triggers" is empty; leave the key out when nothing starts the runbook by itself`)
	}
	if !b.within(node, len(nodes), "triggers", maxItems) {
		return
	}
	for _, t := range nodes {
		if o, ok := t.Object("a trigger", b.faults); ok {
			b.readTrigger(o, t)
		}
	}
}

func (b *builder) readTrigger(o *source.Object, node source.Node) {
	var t engine.Trigger
	alert, schedule := o.Field("alert"), o.Field("schedule")
	inputs, on := o.Field("inputs"), o.Field("on")
	o.Done()
	if alert.IsZero() && schedule.IsZero() && !slipped(node, "alert") && !slipped(node, "schedule") {
		b.faults.Addf(o.Position(), `a trigger needs "alert", a condition over an alert, or "schedule"`)
	}
	if !alert.IsZero() {
		t.Alert = b.condition(alert, `"alert"`, b.scopes.trigger)
	}
	scope := b.scopes.trigger
	if alert.IsZero() {
		scope = b.scopes.scheduled
	}
	filled, fixed := b.readTriggerInputs(&t, inputs, scope)
	if !on.IsZero() {
		t.On = b.readOn(on, scope)
	}
	if !schedule.IsZero() {
		t.Schedule = b.readSchedule(schedule)
		b.needDefaults(schedule.Position(), "the schedule", fixed)
	}
	if !alert.IsZero() {
		b.needDefaults(alert.Position(), "the trigger", filled)
	}
	b.book.Triggers = append(b.book.Triggers, t)
}

// needDefaults tells of the inputs that nobody would give when the runbook
// starts by itself.
func (b *builder) needDefaults(at source.Position, who string, filled map[string]bool) {
	for _, in := range b.book.Inputs.List {
		// What is wrong with a default has been told already, and the same for secrets.
		if in.Default == nil && !filled[in.Name] && !b.defaulted[in.Name] {
			b.faults.Addf(at, "%s gives no value to the input %s, which has no default", who, in.Name)
		}
	}
}

// readTriggerInputs reads what an alert gives to the inputs: which it fills, and
// which of these are the same without an alert, so that a schedule fills them too.
func (b *builder) readTriggerInputs(t *engine.Trigger, node source.Node, scope *expression.Scope) (filled, fixed map[string]bool) {
	filled, fixed = make(map[string]bool), make(map[string]bool)
	fields, _ := node.Mapping(`"inputs" of a trigger`, b.faults)
	for _, field := range fields {
		key := field.Key
		filled[key.Value] = true
		fixed[key.Value] = !isTemplate(field.Value.Text().Value)
		in := b.inputs[key.Value]
		switch {
		case in == nil && (b.poisoned.inputs[key.Value] || b.poisoned.open):
		case in == nil && len(b.inputNames) == 0:
			b.faults.Addf(key.Position, "the runbook declares no inputs, so it has no input %q to fill", clip(key.Value))
		case in == nil:
			b.faults.Addf(key.Position, "there is no input %q%s (declared: %s)",
				clip(key.Value), source.DidYouMean(key.Value, b.inputNames), listing(b.inputNames))
		case in.Type == engine.InputSecret:
			b.faults.Addf(key.Position, "input %s is a secret: an alert cannot give it", in.Name)
		default:
			if value, ok := b.readTriggerInput(in, field.Value, scope); ok {
				t.Inputs = append(t.Inputs, engine.Argument{Key: key.Value, At: field.Value.Position(), Value: value})
			}
		}
	}
	return filled, fixed
}

func (b *builder) readTriggerInput(in *engine.Input, node source.Node, scope *expression.Scope) (engine.Value, bool) {
	if node.IsString() && isTemplate(node.Text().Value) {
		template := b.template(node.Text(), scope, false)
		if template == nil {
			return engine.Value{}, false
		}
		if _, literal := template.Literal(); !literal && !isScalarType(template.Type()) && template.Type() != hostPortType {
			b.faults.Addf(node.Position(), "%s: ${…} gives %s here, where a string, a number, true or false is wanted",
				in.Name, describeType(template.Type()))
			return engine.Value{}, false
		}
		return engine.Value{Template: template}, true
	}
	if !node.IsScalar() && !node.IsList() && !node.IsMapping() && !node.IsNull() {
		return engine.Value{}, false // reported when the file was read
	}
	if !node.IsScalar() {
		b.faults.Addf(node.Position(), "%s: want a value of type %s, not %s", in.Name, in.Type, node.Kind())
		return engine.Value{}, false
	}
	if _, err := in.Parse(node.Value()); err != nil {
		b.faults.Addf(node.Position(), "%s: %s", in.Name, err)
		return engine.Value{}, false
	}
	return engine.Value{Literal: node.Value()}, true
}

// readOn reads where steps run: a host, host:port or a target's name.
func (b *builder) readOn(node source.Node, scope *expression.Scope) *expression.Template {
	text, ok := node.String(`"on"`, b.faults)
	if !ok {
		return nil
	}
	t := b.template(text, scope, false)
	if t == nil {
		return nil
	}
	if literal, ok := t.Literal(); ok {
		if err := checkTarget(literal); err != nil {
			b.faults.Addf(text.Position, "on: %s; it takes a host, host:port or the name of a target", err)
			return nil
		}
		return t
	}
	if t.Type() != hostPortType && t.Type() != stringType {
		b.faults.Addf(text.Position, "on: want a string, but this ${…} gives %s", describeType(t.Type()))
		return nil
	}
	return t
}

// readSchedule reads a cron line and its zone.
func (b *builder) readSchedule(node source.Node) *engine.Schedule {
	o, ok := node.Object("a schedule", b.faults)
	if !ok {
		return nil
	}
	cronNode, hasCron := required(o, node, "cron")
	zoneNode := o.Field("zone")
	o.Done()
	s := &engine.Schedule{Zone: time.UTC}
	if zone, ok := zoneNode.String(`"zone"`, b.faults); ok {
		location, err := time.LoadLocation(zone.Value)
		if err != nil || zone.Value == "" || zone.Value == "Local" {
			b.faults.Addf(zone.Position, "unknown time zone %q; it is written as UTC or Europe/Berlin", clip(zone.Value))
			return nil
		}
		s.Zone = location
	}
	line, ok := cronNode.String(`"cron"`, b.faults)
	if !ok || !hasCron {
		return nil
	}
	if strings.Contains(line.Value, "TZ=") {
		b.faults.Addf(line.Position, `"cron" names no time zone; write it under "zone"`)
		return nil
	}
	spec, err := parseCron(line.Value)
	if err != nil {
		b.faults.Addf(line.Position, `"cron": %s; it is written as minute hour day month weekday, such as "*/30 * * * *"`, err)
		return nil
	}
	s.Cron = line.Value
	zone := s.Zone
	s.Next = func(t time.Time) time.Time { return spec.Next(t.In(zone)) }
	if s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, zone)).IsZero() {
		b.faults.Addf(line.Position, `"cron": %q never comes; no month has that day`, line.Value)
		return nil
	}
	return s
}

var errCron = errors.New("it cannot be read")

// parseCron parses a cron line. The library panics on some malformed lines.
func parseCron(line string) (spec cron.Schedule, err error) {
	defer func() {
		if recover() != nil {
			err = errCron
		}
	}()
	return cron.ParseStandard(line)
}
