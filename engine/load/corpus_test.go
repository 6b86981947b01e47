package load_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gumshoe/engine/load"
	"gumshoe/engine/source"
)

var update = flag.Bool("update", false, "rewrite the expected messages")

// corpus holds runbooks that are bad, each with the exact messages it gets.
// The folder use/ in it holds files for them to use.
const corpus = "../../testdata/bad"

// TestCorpus loads every bad runbook; -update rewrites the messages, which are
// then to be read aloud.
func TestCorpus(t *testing.T) {
	t.Chdir(corpus)
	loader := &load.Loader{Registry: registry(t), Dirs: []string{"use"}}
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 70 {
		t.Fatalf("got %d files, want at least 70", len(files))
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			book, faults := loader.Load(file)
			odd := strings.HasPrefix(file, "odd-") // only warnings
			if (book == nil) == odd {
				t.Errorf("got a runbook: %t, want %t", book != nil, odd)
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
			if got != string(want) || got == "" {
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

// TestHostileFiles loads what cannot be kept as files of the corpus.
func TestHostileFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const head = "runbook: x\ntitle: t\nsteps: { cpu: { check: host.cpu } }\nhypotheses: { a: { title: a, strong: cpu.cores > 1 } }\n"
	folder := filepath.Join(dir, "folder.yaml")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, want string }{
		{"10 MB", write("big.yaml", head+"about: "+strings.Repeat("x", 10<<20)), "big.yaml"},
		{"folder", folder, "folder.yaml"},
		{"missing", filepath.Join(dir, "missing.yaml"), "missing.yaml"},
		{"deep flow", write("deep.yaml", "a: "+strings.Repeat("[", 50_000)), "deep.yaml"},
		{"deep block", write("deeper.yaml", deepBlock(5_000)), "deeper.yaml"},
		{"long list", write("long.yaml", head+"symptom:\n"+strings.Repeat("  - cpu.cores > 1\n", 100_000)), "long.yaml"},
		{"many steps", write("steps.yaml", "runbook: steps\ntitle: t\nsteps:\n"+strings.Repeat("  a: {check: x}\n", 40_000)), "steps.yaml"},
		{"many names", write("names.yaml", manyNames(400)), "names.yaml"},
		{"too many names", write("names2.yaml", strings.ReplaceAll(manyNames(4000), "book: names", "book: names2")), "names2.yaml"},
		{"many causes", write("causes.yaml", "runbook: causes\ntitle: t\nsteps: { cpu: { check: host.cpu } }\nhypotheses: { a: { title: a, strong: cpu.cores > 1, caused_by: ["+strings.Repeat("bcdef,", 50_000)+"] } }"), "causes.yaml"},
		{"many uses", write("uses.yaml", "runbook: uses\nuse: ["+strings.Repeat("nowhere,", 50_000)+"]\n"), "uses.yaml"},
		{"repeated expressions", write("repeat.yaml", repeated(200, "'"+strings.Repeat("cpu.cores + ", 330)+"1 > 0'")), "repeat.yaml"},
		{"repeated faults", write("repeat.yaml", repeated(200, "'"+strings.Repeat("cpu.corse + ", 330)+"1 > 0'")), "repeat.yaml"},
		{"long expressions", write("longs.yaml", strings.ReplaceAll(longExpressions(200), "book: repeat", "book: longs")), "longs.yaml"},
		{"long texts", write("texts.yaml", "runbook: texts\ntitle: t\nsteps: { cpu: { check: host.cpu } }\nhypotheses:\n"+
			strings.Repeat("  h: { title: '"+strings.Repeat("${cpu.corse}", 1300)+"', strong: cpu.cores > 1 }\n", 50)), "texts.yaml"},
		{"running away", write("away.yaml", strings.ReplaceAll(strings.ReplaceAll(longExpressions(150), strings.Repeat("cpu.cores + ", 330),
			"all(1..1000, all(1..1000, all(1..1000, # > 0))) and all(1..1000, # > 0) and "), "book: repeat", "book: away")), "away.yaml"},
		{"many keys", write("keys.yaml", manyKeys(40_000)), "keys.yaml"},
		{"long expression", write("x.yaml", head+"symptom: "+strings.Repeat("(", 20_000)+"cpu.cores"), "x.yaml"},
		{"long pattern", write("pattern.yaml", "runbook: pattern\ninputs: { a: { type: string, pattern: '"+strings.Repeat("((a{1,1000}){1,1000})", 3)+"' } }"), "pattern.yaml"},
	}
	loader := &load.Loader{Registry: registry(t)}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			book, faults := loader.Load(test.path)
			if book != nil || faults.Err() == nil {
				t.Fatal("nothing is wrong with it")
			}
			if got := faults[0].File; filepath.Base(got) != test.want {
				t.Errorf("the fault is of %q, want %q", got, test.want)
			}
			if len(faults) > 1000 {
				t.Logf("%d faults", len(faults))
			}
			t.Log(faults[0].Error())
		})
	}
}

// manyNames has as many steps with unknown checks as expressions that read
// names which are not there.
func manyNames(n int) string {
	var b strings.Builder
	b.WriteString("runbook: names\ntitle: t\nsteps:\n")
	for i := range n {
		fmt.Fprintf(&b, "  step_number_%d: { check: host.cpu }\n", i)
	}
	b.WriteString("hypotheses:\n")
	for i := range n {
		fmt.Fprintf(&b, "  h%d: { title: t, strong: step_numbr_%d.cores > 1 }\n", i, i)
	}
	return b.String()
}

// repeated repeats one expression as often as aliases can.
func repeated(n int, expression string) string {
	var b strings.Builder
	b.WriteString("runbook: repeat\ntitle: t\nsteps: { cpu: { check: host.cpu } }\nhypotheses:\n")
	for i := range n {
		list := "*e"
		if i == 0 {
			list = "&e [" + expression + "]"
		}
		fmt.Fprintf(&b, "  h%d: { title: t, strong: %s, weak: *e, medium: *e, proof: *e, against: *e, excludes: *e }\n", i, list)
	}
	return b.String()
}

// longExpressions is as much of different expressions as a file can hold.
func longExpressions(n int) string {
	var b strings.Builder
	b.WriteString("runbook: repeat\ntitle: t\nsteps: { cpu: { check: host.cpu } }\nhypotheses:\n")
	for i := range n {
		fmt.Fprintf(&b, "  h%d: { title: t, against: '%s%d > 0' }\n", i, strings.Repeat("cpu.cores + ", 330), i)
	}
	return b.String()
}

func manyKeys(n int) string {
	var b strings.Builder
	b.WriteString("runbook: keys\n")
	for i := range n {
		fmt.Fprintf(&b, "tilt%d: x\n", i)
	}
	return b.String()
}

func deepBlock(levels int) string {
	var b strings.Builder
	for i := range levels {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// FuzzLoad loads anything as a runbook: it ends, and gives either a runbook or
// what is wrong.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob(corpus + "/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/web-slow.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	loader := &load.Loader{Registry: registry(f)}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "fuzzed.yaml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		book, faults := loader.Load(path)
		if (book == nil) != (faults.Err() != nil) {
			t.Errorf("a runbook: %t, with faults %v", book != nil, faults)
		}
		for _, fault := range faults {
			if fault.File == "" || fault.Message == "" || strings.Contains(fault.Message, "%!") {
				t.Errorf("a fault without place or sense: %#v", fault)
			}
		}
	})
}
