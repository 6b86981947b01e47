package runbooks_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"gumshoe/checks"
	"gumshoe/engine"
	"gumshoe/engine/load"
	"gumshoe/engine/replay"
	"gumshoe/engine/source"
	"gumshoe/runbooks"
)

// loader finds only the stock runbooks.
func loader(t *testing.T) load.Loader {
	t.Helper()
	registry, err := checks.Builtin(checks.Dependencies{})
	if err != nil {
		t.Fatal(err)
	}
	return load.Loader{Registry: registry, Stock: runbooks.FS}
}

func TestStockRunbooksAreSound(t *testing.T) {
	l := loader(t)
	faults, files := l.Lint()
	for _, f := range faults {
		t.Error(f.Error())
	}
	if files == 0 {
		t.Error("there are no stock runbooks")
	}
}

// Every recorded case comes to its conclusion, and every hypothesis of every
// stock runbook is confirmed by one case and ruled out by another.
func TestCases(t *testing.T) {
	l := loader(t)
	schema, err := jsonschema.NewCompiler().Compile("../docs/run.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range l.List() {
		book, faults := l.LoadPlace(place)
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		t.Run(book.Name, func(t *testing.T) {
			cases := casesOf(t, book)
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) {
					result := replay.Run(t.Context(), book, c)
					for _, failure := range result.Failures {
						t.Error(failure)
					}
					validate(t, schema, result.Report)
				})
			}
			coverage := replay.Cover(book, cases)
			for _, id := range coverage.Unconfirmed {
				t.Errorf("no case confirms %s", id)
			}
			for _, id := range coverage.Unrefuted {
				t.Errorf("no case rules out %s", id)
			}
		})
	}
}

// casesOf loads the cases of one runbook.
func casesOf(t *testing.T, book *engine.Runbook) []*replay.Case {
	t.Helper()
	files, err := fs.Glob(runbooks.FS, path.Join(replay.Folder(book.Name), "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var cases []*replay.Case
	var faults source.Faults
	for _, file := range files {
		if c, ok := replay.Load(runbooks.FS, file, path.Join("runbooks", file), book, &faults); ok {
			cases = append(cases, c)
		}
	}
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

// The schema that editors use accepts every stock runbook.
func TestStockRunbooksFitTheSchema(t *testing.T) {
	l := loader(t)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(load.Schema(l.Registry)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("runbook.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("runbook.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range l.List() {
		var faults source.Faults
		node, ok := source.ReadFS(runbooks.FS, place.Name+".yaml", place.File, &faults)
		if !ok {
			t.Fatal(faults.Err())
		}
		if err := schema.Validate(node.Value()); err != nil {
			t.Errorf("%s: %v", place.File, err)
		}
	}
}

// validate holds a report's JSON against the schema that docs/ promises.
func validate(t *testing.T, schema *jsonschema.Schema, r *engine.Report) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
}
