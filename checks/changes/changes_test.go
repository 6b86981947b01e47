package changes

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// tree is a fed root: contents by path.
type tree map[string]string

func (files tree) write(t testing.TB, root string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// old gives files another date, which leaves the time of their last change now.
func old(t testing.TB, at time.Time, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// at looks as the engine does in an incident that began then.
func at(t testing.TB, s Source, onset time.Time, inputs map[string]any) (Recent, engine.Observation) {
	t.Helper()
	d, err := s.Recent().Definition()
	if err != nil {
		t.Fatal(err)
	}
	in, faults := d.In.Decode(inputs)
	for _, fault := range faults {
		t.Fatal(fault)
	}
	o := engine.Local("test")(t.Context(), engine.Request{
		Step: "step", Check: d, Input: in, Timeout: checktest.Timeout, Incident: engine.Incident{Onset: onset},
	})
	out, ok := o.Output.(Recent)
	if !ok {
		t.Fatalf("%s: %s (fix: %s)", o.Status, o.Reason, o.Fix)
	}
	return out, o
}

// same compares structs, numbers to nine places.
func same(t *testing.T, got, want any) {
	t.Helper()
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9 })
	if diff := cmp.Diff(got, want, near); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}
}

// ofKind gives the changes of a kind.
func ofKind(o Recent, kind string) []Change {
	return slices.DeleteFunc(slices.Clone(o.Changes), func(c Change) bool { return c.Kind != kind })
}

// unread lists the unread fields that are not for want of procfs, wtmp and
// kernels, which fed roots have only where they matter.
func unread(o engine.Observation) []string {
	var fields []string
	for _, u := range o.Unread {
		fields = append(fields, u.Path+": "+u.Reason)
	}
	return fields
}

func TestRecentConforms(t *testing.T) {
	checktest.Run(t, Source{}.Recent(), map[string]any{"since": "24h"})
}
