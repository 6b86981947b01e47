package checks

import (
	"slices"
	"testing"

	"gumshoe/checks/reference"
	"gumshoe/engine"
)

func TestReferenceIsCurrent(t *testing.T) {
	files, err := reference.Generate("..", Instruments(Dependencies{}))
	if err != nil {
		t.Fatal(err)
	}
	stale, err := reference.Stale("..", files)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stale {
		t.Errorf("%s is stale: run go generate ./checks", name)
	}
}

func TestBuiltinIsDocumented(t *testing.T) {
	registry, err := Builtin(Dependencies{})
	if err != nil {
		t.Fatal(err)
	}
	var undocumented func(prefix string, s *engine.Struct)
	undocumented = func(prefix string, s *engine.Struct) {
		for _, f := range s.Fields {
			if f.Doc() == "" {
				t.Errorf("%s%s has no documentation", prefix, f.Name)
			}
			if f.Of != nil {
				undocumented(prefix+f.Name+".", f.Of)
			}
		}
	}
	for _, name := range registry.Names() {
		d, _ := registry.Lookup(name)
		undocumented(name+" ", d.In)
		undocumented(name+": ", d.Out)
	}
}

// TestOutcomes: the first outcome of each check is the good one, since a service
// whose probe says no more is judged by it.
func TestOutcomes(t *testing.T) {
	good := []string{"connected", "ok", "valid", "answered", "open", "routed"}
	registry, err := Builtin(Dependencies{})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range registry.Names() {
		d, _ := registry.Lookup(name)
		f, ok := d.Out.Field("outcome")
		if _, runs := d.Out.Field("exit_code"); !ok || runs { // a command is judged by its exit status
			continue
		}
		seen++
		if len(f.Enum) == 0 || !slices.Contains(good, f.Enum[0]) {
			t.Errorf("%s: the first of the outcomes %v is none of %v", name, f.Enum, good)
		}
	}
	if seen < 5 {
		t.Errorf("only %d checks have an outcome", seen)
	}
}

// BenchmarkBuiltin makes the registry, as each run of the program does once.
func BenchmarkBuiltin(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Builtin(Dependencies{}); err != nil {
			b.Fatal(err)
		}
	}
}
