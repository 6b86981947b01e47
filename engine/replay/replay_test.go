package replay_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/engine"
	"gumshoe/engine/load"
	"gumshoe/engine/replay"
	"gumshoe/engine/source"
)

type part struct {
	Name string  `json:"name" expr:"name"`
	Used float64 `json:"used_percent" expr:"used_percent"`
}

type output struct {
	Value float64        `json:"value" expr:"value"`
	Count int64          `json:"count" expr:"count"`
	Mode  string         `json:"mode" expr:"mode" enum:"fast,slow"`
	Yes   bool           `json:"yes" expr:"yes"`
	Parts []part         `json:"parts" expr:"parts"`
	Tags  map[string]int `json:"tags" expr:"tags"`
	Seen  time.Time      `json:"seen" expr:"seen"`
}

type input struct {
	Value float64 `json:"value"`
	Fail  bool    `json:"fail"`
	Hide  bool    `json:"hide"`
}

func look(_ context.Context, call *engine.Call, in input) (output, error) {
	if in.Fail {
		return output{}, errors.New("it does not answer: at all")
	}
	if in.Hide {
		call.Unread("parts[1].used_percent", "not readable", "grant it")
	}
	if in.Value == 3 {
		call.NotAsked("tags", "nobody asked for them", "ask for them")
	}
	return output{
		Value: in.Value, Count: 7, Mode: "slow", Yes: true,
		Parts: []part{{"one", 12.5}, {"two: three", 99}}, Tags: map[string]int{"b": 2, "a": 1},
		Seen: time.Date(2026, 3, 1, 2, 3, 4, 5, time.UTC),
	}, nil
}

func book(t *testing.T, text string) *engine.Runbook {
	t.Helper()
	registry, err := engine.NewRegistry(nil, engine.Check[input, output]{
		Name: "fake.look", Doc: "A fake.", Cost: time.Second,
		Plan: func(input) []engine.Touch { return nil }, Run: look,
		Summarize: func(output) string { return "seen" },
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loader := load.Loader{Registry: registry}
	b, faults := loader.Load(path)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return b
}

const testBook = `runbook: test
title: A test
inputs:
  limit: { type: number, default: 50 }
steps:
  plain: { check: fake.look, with: { value: 3 } }
  hidden: { check: fake.look, with: { hide: true } }
  failing: { check: fake.look, with: { fail: true } }
  many: { check: fake.look, each: ["1", "2"], with: { value: "${float(item)}" } }
hypotheses:
  found:
    title: A part is full
    proof: { if: "any(plain.parts, .used_percent > inputs.limit)", must: true }
    names: map(filter(plain.parts, .used_percent > inputs.limit), .name)
  hidden: { title: Hidden, proof: { if: "all(hidden.parts, .used_percent > 50)", must: true } }
  failing: { title: Failing, proof: { if: failing.yes, must: true } }
  second: { title: The second, proof: { if: "any(many, .value > 2.5)", must: true } }
  early: { title: Too early, proof: { if: plain.seen.Year() < 2000, must: true } }
`

// What was recorded replays to the same conclusion, with the same observations.
func TestRecordReplays(t *testing.T) {
	b := book(t, strings.ReplaceAll(testBook, "plain.seen.Year() < 2000", "plain.count < 7"))
	given := map[string]string{"limit": "60"}
	inputs, faults := b.Inputs.Resolve(given)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	runner := &engine.Runner{Observe: engine.Local("here"), Target: "here", NewID: func() string { return "R1" }}
	first := runner.Run(t.Context(), b, engine.Options{Inputs: inputs, All: true})
	text, err := replay.Record("kept", first, given)
	if err != nil {
		t.Fatal(err)
	}
	var wrong source.Faults
	c, ok := replay.Load(fstest.MapFS{"kept.yaml": {Data: text}}, "kept.yaml", "kept.yaml", b, &wrong)
	if !ok {
		t.Fatalf("%v\n%s", wrong.Err(), text)
	}
	result := replay.Run(t.Context(), b, c)
	if len(result.Failures) > 0 {
		t.Errorf("%v\n%s", result.Failures, text)
	}
	for i, s := range result.Report.Steps {
		was := first.Steps[i]
		if s.Status == engine.NotNeeded {
			continue
		}
		if diff := cmp.Diff(was.Output, s.Output); diff != "" {
			t.Errorf("step %s: %s\n%s", s.ID, diff, text)
		}
		if diff := cmp.Diff(was.Unread, s.Unread); diff != "" || was.Status != s.Status || was.Reason != s.Reason {
			t.Errorf("step %s: %s, was %s %s %s", s.ID, s.Status, was.Status, diff, text)
		}
	}
}

// A field that a case leaves out is unread, never zero.
func TestLeftOutIsUnread(t *testing.T) {
	b := book(t, `runbook: test
title: A test
steps:
  plain: { check: fake.look }
hypotheses:
  low: { title: Low, proof: { if: plain.value < 1, must: true } }
`)
	c := loadCase(t, b, `case: kept
runbook: test
expect: { status: inconclusive }
steps:
  plain: { output: { count: 3 } }
`)
	result := replay.Run(t.Context(), b, c)
	if len(result.Failures) > 0 {
		t.Error(result.Failures)
	}
	if e := result.Report.Hypotheses[0].Evidence[0]; e.Result.String() != "unknown" || !strings.Contains(e.Reason, "not recorded in this case") {
		t.Errorf("%+v", e)
	}
}

func loadCase(t *testing.T, b *engine.Runbook, text string) *replay.Case {
	t.Helper()
	var faults source.Faults
	c, ok := replay.Load(fstest.MapFS{"kept.yaml": {Data: []byte(text)}}, "kept.yaml", "kept.yaml", b, &faults)
	if !ok {
		t.Fatal(faults.Err())
	}
	return c
}

// A case that is like another says only in what it differs.
func TestLike(t *testing.T) {
	b := book(t, `runbook: test
title: A test
steps:
  plain: { check: fake.look }
  other: { check: fake.look }
hypotheses:
  low:  { title: Low, proof: { if: plain.value < 1, must: true } }
  high: { title: High, proof: { if: other.value > 9, must: true } }
`)
	files := fstest.MapFS{
		"healthy.yaml": {Data: []byte(`case: healthy
runbook: test
about: Nothing is wrong.
target: web-1
expect: { status: healthy }
steps:
  plain: { seconds: 3, output: { value: 5, count: 1 } }
  other: { failed: "it is gone", fix: "bring it back" }
`)},
		"middle.yaml": {Data: []byte(`case: middle
runbook: test
like: healthy
expect: { status: inconclusive }
steps:
  other: { output: { value: 5 } }
`)},
		"kept.yaml": {Data: []byte(`case: kept
runbook: test
like: middle
expect: { status: confirmed, confirmed: [low], ruled_out: [high] }
steps:
  plain: { output: { value: 0.5 } }
`)},
		"failed.yaml": {Data: []byte(`case: failed
runbook: test
like: middle
expect: { status: inconclusive }
steps:
  plain: { failed: "no permission" }
`)},
	}
	load := func(name string) *replay.Case {
		var faults source.Faults
		c, ok := replay.Load(files, name+".yaml", name+".yaml", b, &faults)
		if !ok {
			t.Fatal(faults.Err())
		}
		return c
	}
	kept := load("kept")
	if result := replay.Run(t.Context(), b, kept); len(result.Failures) > 0 {
		t.Error(result.Failures)
	}
	plain := kept.Steps["plain"][""]
	if got := plain.Output.(output); got.Value != 0.5 || got.Count != 1 || plain.Elapsed != 3*time.Second {
		t.Errorf("got %+v after %s; want its own value, and the count and seconds of the first", got, plain.Elapsed)
	}
	if kept.Target != "web-1" || kept.About != "" {
		t.Errorf("got target %q, about %q; want the target alone to be taken", kept.Target, kept.About)
	}
	failed := load("failed")
	if o := failed.Steps["plain"][""]; o.Status != engine.Failed || o.Output != nil || o.Reason != "no permission" {
		t.Errorf("got %+v, want a failure without the output of the other case", o)
	}
}

func TestLikeFaults(t *testing.T) {
	b := book(t, strings.ReplaceAll(testBook, "plain.seen.Year() < 2000", "plain.count < 7"))
	const head = "case: kept\nrunbook: test\nexpect: { status: healthy }\n"
	for _, row := range []struct{ name, text, want string }{
		{"no such case", head + "like: heathy\n", `kept.yaml:4:7: there is no case "heathy"; did you mean "healthy"?`},
		{"a path", head + "like: ../healthy\n", `kept.yaml:4:7: like: want the name of a case of the same runbook, not a path`},
		{"itself", head + "like: kept\n", `kept.yaml:4:7: cases are like each other in a circle: kept, kept`},
		{"a circle", head + "like: other\n", `other.yaml:4:7: cases are like each other in a circle: kept, other, kept`},
		{"a fault of the other", head + "like: healthy\n", `healthy.yaml:4:10: runbook test has no step "plian"; did you mean "plain"?`},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := fstest.MapFS{
				"kept.yaml":    {Data: []byte(row.text)},
				"other.yaml":   {Data: []byte("case: other\nrunbook: test\nexpect: { status: healthy }\nlike: kept\nsteps: {}\n")},
				"healthy.yaml": {Data: []byte("case: healthy\nrunbook: test\nexpect: { status: healthy }\nsteps: { plian: { output: {} } }\n")},
			}
			var faults source.Faults
			if _, ok := replay.Load(files, "kept.yaml", "kept.yaml", b, &faults); ok {
				t.Error("it was accepted")
			}
			if err := faults.Err(); err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	b := book(t, `runbook: test
title: A test
steps:
  plain: { check: fake.look }
hypotheses:
  low: { title: Low, proof: { if: plain.value < 1, must: true }, names: "[plain.mode]" }
  high: { title: High, proof: { if: plain.value > 9, must: true } }
`)
	c := loadCase(t, b, `case: kept
runbook: test
expect: { status: healthy, confirmed: [high], ruled_out: [low], subjects: { low: [fast] } }
steps:
  plain: { output: { value: 0.5, mode: slow } }
`)
	want := []string{
		"want status healthy, got confirmed: Low: slow",
		"want low ruled_out, got confirmed at p 0.97 with 20 points",
		"want low to name fast, got slow",
		"want high confirmed, got ruled_out at p 0.01 with 0 points",
	}
	if diff := cmp.Diff(want, replay.Run(t.Context(), b, c).Failures); diff != "" {
		t.Error(diff)
	}
}

func TestBadCases(t *testing.T) {
	b := book(t, strings.ReplaceAll(testBook, "plain.seen.Year() < 2000", "plain.count < 7"))
	const head = "case: kept\nrunbook: test\nexpect: { status: healthy }\n"
	for _, row := range []struct{ name, text, want string }{
		{"an empty file", "", "kept.yaml:1:1: the file is empty"},
		{"nothing expected", "case: kept\nrunbook: test\nsteps: {}\n", `kept.yaml:1:1: a case needs "expect"`},
		{"another's", "case: kept\nrunbook: tset\nexpect: { status: healthy }\nsteps: {}\n", `kept.yaml:2:10: this is a case of runbook "tset", not of "test"`},
		{"another name", "case: lost\nrunbook: test\nexpect: { status: healthy }\nsteps: {}\n", `kept.yaml:1:7: case "lost" is in a file named "kept.yaml": they have to be equal`},
		{"a status", "case: kept\nrunbook: test\nexpect: { status: helthy }\nsteps: {}\n", `kept.yaml:3:19: "helthy" is not one of confirmed, likely, healthy, not_reproduced, inconclusive; did you mean "healthy"?`},
		{"a hypothesis", "case: kept\nrunbook: test\nexpect: { status: confirmed, confirmed: [fuond] }\nsteps: {}\n", `kept.yaml:3:42: runbook test has no hypothesis "fuond"; did you mean "found"?`},
		{"a step", head + "steps: { plian: { output: {} } }\n", `kept.yaml:4:10: runbook test has no step "plian"; did you mean "plain"?`},
		{"a field", head + "steps: { plain: { output: { valeu: 1 } } }\n", `kept.yaml:4:29: unknown field "valeu"; did you mean "value"? (fields: count, mode, parts, seen, tags, value, yes)`},
		{"a type", head + "steps: { plain: { output: { value: high } } }\n", `kept.yaml:4:36: value must be a number, not a string`},
		{"an enum", head + "steps: { plain: { output: { mode: slwo } } }\n", `kept.yaml:4:35: mode: "slwo" is not one of fast, slow; did you mean "slow"?`},
		{"a time", head + "steps: { plain: { output: { seen: today } } }\n", `kept.yaml:4:35: seen: want a time such as 2006-01-02T15:04:05Z`},
		{"neither output nor failure", head + "steps: { plain: { seconds: 1 } }\n", `kept.yaml:4:17: step plain needs output: or failed:`},
		{"both", head + "steps: { plain: { failed: no, output: {} } }\n", `kept.yaml:4:39: a step that failed has no output: leave out one of the two`},
		{"no item", head + "steps: { many: [{ output: {} }] }\n", `kept.yaml:4:17: an observation of step many needs its item`},
	} {
		t.Run(row.name, func(t *testing.T) {
			var faults source.Faults
			if _, ok := replay.Load(fstest.MapFS{"kept.yaml": {Data: []byte(row.text)}}, "kept.yaml", "kept.yaml", b, &faults); ok {
				t.Error("it was accepted")
			}
			if err := faults.Err(); err == nil || err.Error() != row.want {
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
		})
	}
}
