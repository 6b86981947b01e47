package reference

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gumshoe/engine"
)

// write makes a repository with one check in it.
func write(t *testing.T, source string) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"checks/sky", "docs/checks"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "checks/sky/sky.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

type none struct{}

type out struct {
	Kelvin float64 `json:"kelvin" expr:"kelvin"`
}

func check() engine.Instrument {
	return engine.Check[none, out]{
		Name: "sky.warmth", Doc: "How warm the sky is.", Cost: time.Second,
		Plan:      func(none) []engine.Touch { return nil },
		Run:       func(context.Context, *engine.Call, none) (out, error) { return out{2.7}, nil },
		Summarize: func(out) string { return "cold" },
	}
}

const made = `package sky

// Warmth is the check sky.warmth.
//
// Look up.
func Warmth() engine.Check[None, Out] {
	return engine.Check[None, Out]{Name: "sky.warmth"}
}
`

func TestParse(t *testing.T) {
	root := write(t, made+`
type Out struct {
	// Kelvin is the temperature
	// in kelvin.
	Kelvin float64 `+"`json:\"kelvin\"`"+`
	Bare   float64 `+"`json:\"bare\"`"+`
	// Other has no tag.
	Other  float64
}
`)
	source, err := Parse(filepath.Join(root, "checks"), "gumshoe/checks")
	if err != nil {
		t.Fatal(err)
	}
	fields := source.Fields["gumshoe/checks/sky.Out"]
	if got, want := fields["kelvin"], "kelvin is the temperature in kelvin."; got != want || len(fields) != 1 {
		t.Errorf("fields %q, want only kelvin: %q", fields, want)
	}
	if got := source.Checks["sky.warmth"]; !strings.Contains(got, "Look up.") {
		t.Errorf("checks %q, want one for sky.warmth", source.Checks)
	}
}

func TestGenerateRefusesUndocumentedFields(t *testing.T) {
	_, err := Generate(write(t, made), []engine.Instrument{check()})
	if err == nil || !strings.Contains(err.Error(), "check sky.warmth: no doc comment on kelvin") {
		t.Errorf("got %v, want the undocumented field", err)
	}
}

func TestStale(t *testing.T) {
	root := write(t, made)
	if err := os.WriteFile(filepath.Join(root, "docs/checks/gone.md"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	stale, err := Stale(root, map[string][]byte{"docs/checks/sky.warmth.md": []byte("new")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(stale, ", "), "docs/checks/gone.md (of no check), docs/checks/sky.warmth.md"; got != want {
		t.Errorf("stale: got %s, want %s", got, want)
	}
}
