package load_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"gumshoe/engine/load"
	"gumshoe/engine/source"
)

// compileSchema gives the schema of runbooks over the fake checks.
func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(load.Schema(registry(t))))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("runbook.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("runbook.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validate holds a runbook against the schema.
func validate(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	var faults source.Faults
	node, _ := source.Parse("x.yaml", []byte(text), &faults)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(node.Value())
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance)
}

func TestSchemaAccepts(t *testing.T) {
	schema := compileSchema(t)
	design, err := os.ReadFile("testdata/web-slow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	good := append([]string{string(design), big()}, documented(t)...)
	for _, text := range good {
		if err := validate(t, schema, text); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
}

// TestSchemaRefuses holds the bad runbooks whose fault a schema can see against
// it.
func TestSchemaRefuses(t *testing.T) {
	schema := compileSchema(t)
	for _, name := range []string{
		"key-top", "key-step", "key-hypothesis", "key-evidence", "key-input", "key-trigger", "key-remedy",
		"check-unknown", "check-not-string", "with-unknown", "with-missing", "with-types", "prior-wrong", "risk-wrong",
		"must-wrong", "input-type", "hypothesis-empty", "hypotheses-list", "steps-list", "value-types",
		"name-missing", "name-case", "hypothesis-name", "duration-wrong", "title-wrong", "symptom-wrong", "trigger-type",
	} {
		data, err := os.ReadFile(filepath.Join(corpus, name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, schema, string(data)); err == nil {
			t.Errorf("%s: the schema accepts it", name)
		}
	}
}

// documented gives the runbooks in the language reference.
func documented(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("../../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	var books []string
	for _, block := range strings.Split(string(data), "```yaml\n")[1:] {
		if text, _, _ := strings.Cut(block, "```"); strings.HasPrefix(text, "runbook:") {
			books = append(books, text)
		}
	}
	if len(books) < 5 {
		t.Fatalf("got %d runbooks in docs/language.md, want at least 5", len(books))
	}
	return books
}

// TestDocumented loads every runbook in the language reference, beside each
// other so that they can use each other.
func TestDocumented(t *testing.T) {
	files := make(map[string]string)
	for _, text := range documented(t) {
		line, _, _ := strings.Cut(text, "\n")
		name := strings.Fields(strings.TrimPrefix(line, "runbook:"))[0]
		if files[name+".yaml"] != "" {
			t.Errorf("two runbooks are called %s", name)
		}
		files[name+".yaml"] = text
	}
	loader := &load.Loader{Registry: registry(t)}
	faults, n := loader.Lint(write(t, files))
	if len(faults) > 0 || n != len(files) {
		t.Errorf("got %d files and faults:\n%s", n, messages(faults))
	}
}
