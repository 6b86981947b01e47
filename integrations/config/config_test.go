package config_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"gumshoe/engine"
	"gumshoe/engine/source"
	"gumshoe/integrations/config"
)

var update = flag.Bool("update", false, "rewrite the expected messages")

const whole = `commands:
  - { argv: [df, -P], risk: read }
  - argv: [systemctl, restart, app]
secrets:
  db: { secret: env:APP_DB }
  token: { secret: "file:/run/secrets/token" }
allow:
  targets: [10.0.0.0/8, "*.internal:5432", db1, "[::1]:53", 127.0.0.1]
runbooks: [books, /srv/books]
state: var
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gumshoe.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	path := write(t, whole)
	dir := filepath.Dir(path)
	if err := os.Mkdir(filepath.Join(dir, "books"), 0o700); err != nil {
		t.Fatal(err)
	}
	c, faults := config.Load(path)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	if want := 1; len(faults) != want { // /srv/books is not there
		t.Errorf("got %d warnings, want %d: %v", len(faults), want, faults)
	}
	if got := c.Commands[0]; !slices.Equal(got.Argv, []string{"df", "-P"}) || got.Risk != engine.Read {
		t.Errorf("first command: got %+v", got)
	}
	if got := c.Commands[1].Risk; got != engine.Change {
		t.Errorf("a command without a risk: got %s, want change", got)
	}
	if got := c.Secrets[1]; got.Name != "token" || got.Ref != "file:/run/secrets/token" {
		t.Errorf("second secret: got %+v", got)
	}
	if got, want := c.Runbooks, []string{filepath.Join(dir, "books"), "/srv/books"}; !slices.Equal(got, want) {
		t.Errorf("runbooks: got %q, want %q", got, want)
	}
	if got, want := c.State, filepath.Join(dir, "var"); got != want {
		t.Errorf("state: got %q, want %q", got, want)
	}
	if !c.Allow.Set || len(c.Allow.Targets) != 5 {
		t.Errorf("targets: got %+v", c.Allow)
	}
}

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	if path, found := config.Find(""); found && path == "gumshoe.yaml" {
		t.Errorf("found %s in an empty folder", path)
	}
	if path, found := config.Find("no/such.yaml"); !found || path != "no/such.yaml" {
		t.Errorf("explicit: got %q, %t", path, found)
	}
	if _, faults := config.Load("no/such.yaml"); faults.Err() == nil {
		t.Error("a missing explicit file is no fault")
	}
	if err := os.WriteFile("gumshoe.yaml", []byte("state: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if path, found := config.Find(""); !found || path != "gumshoe.yaml" {
		t.Errorf("here: got %q, %t", path, found)
	}
}

// TestBad loads each file of testdata and compares all messages; -update
// rewrites the expected ones.
func TestBad(t *testing.T) {
	t.Chdir("testdata")
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			c, faults := config.Load(file)
			if c != nil || faults.Err() == nil {
				t.Error("nothing is wrong with it")
			}
			got := messages(faults)
			golden := strings.TrimSuffix(file, ".yaml") + ".out"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

func messages(faults source.Faults) string {
	var b strings.Builder
	for _, f := range faults {
		b.WriteString(f.Error() + "\n")
	}
	return b.String()
}

func TestSchema(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("config.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text string
		want       bool
	}{
		{"whole", whole, true},
		{"unknown key", "comands: []\n", false},
		{"risk", "commands: [{argv: [df], risk: none}]\n", false},
		{"no argv", "commands: [{risk: read}]\n", false},
		{"plain secret", "secrets: {db: hunter2}\n", false},
		{"targets", "allow: {targets: 5}\n", false},
		{"backups", declared, true},
		{"backup without a place", "backups: {x: {every: 1d}}\n", false},
		{"backup with two places in one", "backups: {x: {every: 1d, copies: [{path: /x, url: \"http://x\"}]}}\n", false},
	}
	for _, test := range tests {
		var faults source.Faults
		node, _ := source.Parse("gumshoe.yaml", []byte(test.text), &faults)
		data, err := json.Marshal(node.Value())
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); (err == nil) != test.want {
			t.Errorf("%s: got %v, want valid: %t", test.name, err, test.want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(whole)
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, faults := config.Load(write(t, text))
		if (c == nil) != (faults.Err() != nil) {
			t.Errorf("config %v with faults %v", c, faults)
		}
	})
}
