package render_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"gumshoe/engine"
	"gumshoe/integrations/render"
)

// The schema in docs/ is the one that the program has, and it refuses. That real
// reports are valid under it is tested where there are some: in runbooks.
func TestRunSchema(t *testing.T) {
	text, err := render.RunSchema()
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../docs/run.schema.json"
	if *update {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, text) {
		t.Errorf("%s is stale: go test ./integrations/render -update (%v)", path, err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("run.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("run.json")
	if err != nil {
		t.Fatal(err)
	}
	var empty bytes.Buffer
	if err := render.JSON(&empty, &engine.Report{Status: "splendid"}); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(&empty)
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(value) == nil {
		t.Error("a report with an unknown status is valid")
	}
}
