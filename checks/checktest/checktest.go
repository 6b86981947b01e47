// Package checktest is the suite that every check passes, and helpers for the
// tests of checks. A check's test is
//
//	func TestCPUConforms(t *testing.T) {
//		checktest.Run(t, host.Source{}.CPU(), map[string]any{"window": "100ms"})
//	}
//
// beside what is particular to it.
package checktest

import (
	"context"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gumshoe/checks/reference"
	"gumshoe/engine"
)

// Real tells whether missing parts of the machine (root, a tool, a kernel
// feature) fail tests rather than skip them: GUMSHOE_TEST_REAL=1.
func Real() bool { return os.Getenv("GUMSHOE_TEST_REAL") == "1" }

// Need skips the test when it lacks something of the machine it runs on, and
// fails it when Real.
func Need(t testing.TB, reason string, have bool) {
	t.Helper()
	switch {
	case have:
	case Real():
		t.Fatalf("needs %s", reason)
	default:
		t.Skipf("needs %s; GUMSHOE_TEST_REAL=1 makes this a failure", reason)
	}
}

// Timeout is what Run and Observe give a check: enough for a busy machine. No
// test waits for it unless a check hangs.
const Timeout = 30 * time.Second

// Observe runs a check as the engine does and fails the test when there is no
// observation. Out is the check's output type.
func Observe[Out any](t testing.TB, check engine.Instrument, inputs map[string]any) (Out, engine.Observation) {
	t.Helper()
	o := Look(t, check, inputs)
	out, ok := o.Output.(Out)
	if !ok {
		t.Fatalf("%s: %s (fix: %s)", o.Status, o.Reason, o.Fix)
	}
	return out, o
}

// Look runs a check as the engine does, whatever comes of it.
func Look(t testing.TB, check engine.Instrument, inputs map[string]any) engine.Observation {
	t.Helper()
	d, in := decode(t, check, inputs)
	return engine.Local("test")(t.Context(), engine.Request{Step: "step", Check: d, Input: in, Timeout: Timeout})
}

// HasUnread tells whether an observation marks a field as unread.
func HasUnread(o engine.Observation, path string) bool {
	return slices.ContainsFunc(o.Unread, func(u engine.Unread) bool { return u.Path == path })
}

func decode(t testing.TB, check engine.Instrument, inputs map[string]any) (*engine.Definition, any) {
	t.Helper()
	d, err := check.Definition()
	if err != nil {
		t.Fatal(err)
	}
	in, faults := d.In.Decode(inputs)
	for _, fault := range faults {
		t.Errorf("input %v", fault)
	}
	if len(faults) > 0 {
		t.FailNow()
	}
	return d, in
}

// Run puts a check through the suite: its definition and documentation, its
// plan, a run with valid inputs that gives an observation, cancellation before
// and during a run, the deadline, and runs at the same time. The inputs are as
// in a runbook. The test's directory is that of the check's package.
func Run(t *testing.T, check engine.Instrument, inputs map[string]any) {
	t.Helper()
	d, in := decode(t, check, inputs)
	s := suite{definition: d, in: in}
	t.Run("documented", s.documented)
	t.Run("plan", s.plan)
	t.Run("zero summary", func(t *testing.T) { s.summary(t, s.zero()) })
	t.Run("observation", s.observation)
	t.Run("cancelled before", s.cancelledBefore)
	t.Run("cancelled during", s.cancelledDuring)
	t.Run("deadline", s.deadline)
	t.Run("concurrent", s.concurrent)
}

type suite struct {
	definition *engine.Definition
	in         any
}

func (s suite) look(ctx context.Context, timeout time.Duration) engine.Observation {
	return engine.Local("test")(ctx, engine.Request{Step: "step", Check: s.definition, Input: s.in, Timeout: timeout})
}

// documented: every field has a doc comment, and the constructor an example.
func (s suite) documented(t *testing.T) {
	d := s.definition
	source, err := reference.ParseWithTests(".", d.Out.Type.PkgPath())
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range source.Undocumented(d) {
		t.Errorf("%s has no doc comment", field)
	}
	doc := source.Checks[d.Name]
	for _, want := range []string{"Example:", "check: " + d.Name, "By hand:"} {
		if !strings.Contains(doc, want) {
			t.Errorf("the doc comment of the function that makes %s has no %q", d.Name, want)
		}
	}
	if !strings.HasSuffix(d.Doc, ".") || strings.Contains(d.Doc, "\n") {
		t.Errorf("doc %q is not a sentence or two on one line", d.Doc)
	}
	units(t, "", d.Out)
}

// unitless is what a quantity's name must not end in: it takes its unit.
var unitless = regexp.MustCompile(`_(pct|percentage|ratio|secs?|ms|millis|milliseconds|kb|mb|gb|kib|mib)$`)

// units: no field's name carries a unit that we do not use.
func units(t *testing.T, prefix string, described *engine.Struct) {
	for _, f := range described.Fields {
		if unitless.MatchString(f.Name) {
			t.Errorf("%s%s: units are _percent, _seconds, _bytes, _per_second", prefix, f.Name)
		}
		if f.Of != nil {
			units(t, prefix+f.Name+".", f.Of)
		}
	}
}

// plan: it neither panics nor changes from call to call, and is complete.
func (s suite) plan(t *testing.T) {
	touches := s.definition.Plan(s.in)
	if again := s.definition.Plan(s.in); !reflect.DeepEqual(touches, again) {
		t.Errorf("two plans differ: %v and %v", touches, again)
	}
	for _, touch := range touches {
		switch touch.Kind {
		case engine.TouchFile:
			if !path.IsAbs(touch.What) {
				t.Errorf("%+v: a file by its absolute path", touch)
			}
		case engine.TouchCommand:
			if len(touch.Argv) == 0 {
				t.Errorf("%+v: a command with its arguments", touch)
			}
		case engine.TouchNetwork:
		default:
			t.Errorf("%+v: unknown kind", touch)
		}
		if touch.What == "" || touch.How == "" {
			t.Errorf("%+v: what is touched, and how?", touch)
		}
	}
	s.definition.Plan(reflect.Zero(s.definition.In.Type).Interface()) // must not panic
}

func (s suite) zero() engine.Observation {
	return engine.Observation{Output: reflect.Zero(s.definition.Out.Type).Interface()}
}

// summary: one short line, also of nothing.
func (s suite) summary(t *testing.T, o engine.Observation) {
	text := o.Summary
	if text == "" {
		text = s.definition.Summarize(o.Output)
	}
	if text == "" || len(text) > 200 || strings.ContainsAny(text, "\n\r\x1b") {
		t.Errorf("summary %q is not one line of at most 200 bytes", text)
	}
}

func (s suite) observation(t *testing.T) {
	o := s.look(t.Context(), Timeout)
	if o.Output == nil {
		t.Fatalf("no observation: %s (fix: %s)", o.Reason, o.Fix)
	}
	s.summary(t, o)
	s.sound(t, o)
	if len(o.Reproduce) == 0 {
		t.Error("no command to reproduce it by hand")
	}
}

func (s suite) cancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.ended(t, s.look(ctx, Timeout))
}

// cancelledDuring cancels a run at once, some time into it, and late.
func (s suite) cancelledDuring(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond} {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(after, cancel)
		s.ended(t, s.look(ctx, Timeout))
		timer.Stop()
		cancel()
	}
}

// deadline gives a run very little time.
func (s suite) deadline(t *testing.T) {
	for _, timeout := range []time.Duration{time.Nanosecond, time.Millisecond, 20 * time.Millisecond} {
		s.ended(t, s.look(t.Context(), timeout))
	}
}

// ended: a check that was stopped came back by itself, with an honest
// observation or none. The engine says so when it gave up on one.
func (s suite) ended(t *testing.T, o engine.Observation) {
	t.Helper()
	switch {
	case strings.Contains(o.Reason, "did not stop when told to"), strings.Contains(o.Reason, "internal error"):
		t.Error(o.Reason)
	case o.Output != nil:
		s.sound(t, o)
	case o.Reason == "":
		t.Error("neither an observation nor a reason")
	}
}

// concurrent: with -race, this finds shared state.
func (s suite) concurrent(t *testing.T) {
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if o := s.look(t.Context(), Timeout); o.Output == nil {
				t.Errorf("no observation: %s", o.Reason)
			} else {
				s.sound(t, o)
			}
		})
	}
	group.Wait()
}

// Destinations reads the entries of a list of allowed targets.
func Destinations(t testing.TB, entries ...string) []engine.Destination {
	t.Helper()
	list := make([]engine.Destination, 0, len(entries))
	for _, text := range entries {
		d, err := engine.ParseDestination(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
	return list
}
