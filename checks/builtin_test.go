package checks

import (
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
			if f.Doc == "" {
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
