package main

import (
	"os"
	"path/filepath"
	"testing"

	"gumshoe/checks/topology"
)

// declaring gives a program whose gumshoe.yaml declares services.
func declaring(t testing.TB, services string) *app {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gumshoe.yaml")
	if err := os.WriteFile(path, []byte("services:\n"+services), 0o600); err != nil {
		t.Fatal(err)
	}
	return &app{configFile: path}
}

// TestRegistryIsMadeOnce: the checks that look at services are those of the one
// registry, in which one walks the services.
func TestRegistryIsMadeOnce(t *testing.T) {
	a := declaring(t, "  db: { probe: { check: probe.tcp, with: { address: \"db.example.com:5432\" } } }\n")
	registry, err := a.registry()
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := a.registry(); again != registry {
		t.Error("another registry is made when it is asked for again")
	}
	if known, _ := registry.Lookup("probe.tcp"); len(a.services) != 1 || a.services[0].Probes[0].Check != known {
		t.Error("the service is looked at by a check of another registry")
	}
	walk, _ := registry.Lookup("topology.walk")
	touches := walk.Plan(topology.WalkInput{})
	if n := len(touches); n == 0 || touches[n-1].What != "db.example.com:5432 tcp" {
		t.Errorf("the walk would touch %+v, want the service", touches)
	}
}

func BenchmarkRegistry(b *testing.B) {
	a := declaring(b, "  db: { probe: { check: probe.tcp, with: { address: \"db.example.com:5432\" } } }\n")
	b.ReportAllocs()
	for b.Loop() {
		again := app{configFile: a.configFile}
		if _, err := again.registry(); err != nil {
			b.Fatal(err)
		}
	}
}
