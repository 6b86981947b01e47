package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/engine"
	"gumshoe/engine/load"
)

type fakeIn struct {
	Value float64       `json:"value"`
	Text  string        `json:"text"`
	Takes time.Duration `json:"takes"`
	// Does is how the check behaves.
	Does string `json:"does" default:"look" enum:"look,fail,fail_once,blind,refuse,panic,ignore,partial,not_asked,nan"`
}

type fakeOut struct {
	Value float64 `json:"value" expr:"value"`
	Text  string  `json:"text" expr:"text"`
}

// fakes are checks that behave as their input says, and count their runs.
type fakes struct{ runs, running, most atomic.Int64 }

func (f *fakes) look(ctx context.Context, call *engine.Call, in fakeIn) (fakeOut, error) {
	run := f.runs.Add(1)
	f.most.Store(max(f.most.Load(), f.running.Add(1)))
	defer f.running.Add(-1)
	call.Reproduce("look", in.Text)
	if in.Does == "ignore" {
		time.Sleep(time.Hour) // whatever ctx says
	}
	select {
	case <-time.After(in.Takes):
	case <-ctx.Done():
		return fakeOut{}, ctx.Err()
	}
	out := fakeOut{Value: in.Value, Text: in.Text}
	switch in.Does {
	case "fail":
		return out, errors.New("the look failed")
	case "fail_once":
		if run == 1 {
			return out, errors.New("the look failed")
		}
	case "blind":
		return out, engine.Blind("not permitted", "grant it", nil)
	case "refuse":
		return out, engine.Refused("not allowed here", "allow it")
	case "panic":
		panic("a bug")
	case "partial":
		call.Unread("value", "not readable", "grant it")
	case "not_asked":
		call.NotAsked("value", "nobody asked for it", "ask for it")
	case "nan":
		out.Value = (in.Value - in.Value) / (in.Value - in.Value)
	}
	return out, nil
}

func (f *fakes) registry(t testing.TB) *engine.Registry {
	t.Helper()
	type input = struct {
		Value float64       `json:"value"`
		Text  string        `json:"text"`
		Takes time.Duration `json:"takes"`
		Does  string        `json:"does" default:"look" enum:"look,fail,fail_once,blind,refuse,panic,ignore,partial,not_asked,nan"`
	}
	of := func(name string, risk engine.Risk) engine.Check[input, fakeOut] {
		return engine.Check[input, fakeOut]{
			Name: name, Doc: "A fake.", Cost: time.Second, Risk: risk,
			Plan: func(in input) []engine.Touch {
				return []engine.Touch{{Kind: engine.TouchFile, What: "/fake/" + in.Text, How: "read"}}
			},
			Run: func(ctx context.Context, call *engine.Call, in input) (fakeOut, error) {
				return f.look(ctx, call, fakeIn{Value: in.Value, Text: in.Text, Takes: in.Takes, Does: in.Does})
			},
			Summarize: func(o fakeOut) string { return fmt.Sprintf("value %g", o.Value) },
			Allow:     func(input) string { return "approve it" },
		}
	}
	often := of("fake.often", engine.Load)
	often.RiskOf = func(in input) engine.Risk {
		if in.Value > 20 {
			return engine.Load
		}
		return engine.Read
	}
	r, err := engine.NewRegistry(nil, of("fake.read", engine.Read), of("fake.change", engine.Change), often)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// book loads a runbook named test from its text.
func (f *fakes) book(t testing.TB, text string) *engine.Runbook {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(path, []byte("runbook: test\ntitle: A test\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	loader := load.Loader{Registry: f.registry(t)}
	book, faults := loader.Load(path)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return book
}

// run runs a runbook on this host.
func run(ctx context.Context, t *testing.T, book *engine.Runbook, options engine.Options) *engine.Report {
	t.Helper()
	if options.Inputs == nil {
		inputs, faults := book.Inputs.Resolve(nil)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		options.Inputs = inputs
	}
	runner := &engine.Runner{
		Observe: engine.Local("here"), Target: "here", Version: "test",
		NewID: func() string { return "run-1" },
	}
	report := runner.Run(ctx, book, options)
	if _, err := json.Marshal(report); err != nil {
		t.Errorf("the report is not JSON: %v", err)
	}
	return report
}

func step(t *testing.T, r *engine.Report, id string) engine.StepReport {
	t.Helper()
	for _, s := range r.Steps {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("no step %s", id)
	return engine.StepReport{}
}

func verdict(t *testing.T, r *engine.Report, id string) engine.Verdict {
	t.Helper()
	for _, h := range r.Hypotheses {
		if h.ID == id {
			return h.Verdict
		}
	}
	t.Fatalf("no hypothesis %s", id)
	return ""
}

const twoCauses = `
steps:
  a: { check: fake.read, with: { value: %g } }
  b: { check: fake.read, with: { value: %g } }
hypotheses:
  low: { title: It is low, proof: { if: a.value < 1, must: true } }
  high: { title: It is high, proof: { if: b.value > 9, must: true } }
`

func TestRunConfirms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakes{}
		r := run(t.Context(), t, f.book(t, fmt.Sprintf(twoCauses, 0.5, 5.0)), engine.Options{})
		if r.Status != engine.StatusConfirmed || verdict(t, r, "low") != engine.VerdictConfirmed {
			t.Errorf("got %s, low %s", r.Status, verdict(t, r, "low"))
		}
		if verdict(t, r, "high") != engine.VerdictRuledOut {
			t.Errorf("high is %s", verdict(t, r, "high"))
		}
		evidence := r.Hypotheses[0].Evidence[0]
		if evidence.Points != 20 || evidence.Shown != "0.5" || evidence.Step != "a" {
			t.Errorf("evidence %+v", evidence)
		}
		if len(r.Decisions) == 0 || !strings.HasPrefix(r.Decisions[0].Text, "next: ") {
			t.Errorf("decisions %+v", r.Decisions)
		}
		if diff := cmp.Diff([][]string{{"look", ""}}, step(t, r, "a").Reproduce); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRunHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t.Context(), t, (&fakes{}).book(t, fmt.Sprintf(twoCauses, 5.0, 5.0)), engine.Options{})
		if r.Status != engine.StatusHealthy {
			t.Errorf("got %s: %s", r.Status, r.Headline)
		}
	})
}

// A step that gives nothing makes its evidence unknown, and unknown is never
// healthy.
func TestRunUnknownIsNeverHealthy(t *testing.T) {
	for _, row := range []struct {
		does     string
		status   engine.StepStatus
		reason   string
		fix      string
		attempts int
	}{
		{"fail", engine.Failed, "the look failed", "", 2},
		{"blind", engine.Failed, "not permitted", "grant it", 1},
		{"refuse", engine.Skipped, "not allowed here", "allow it", 1},
		{"panic", engine.Failed, "internal error in check fake.read: a bug", "", 2},
		{"ignore", engine.Failed, "gave no answer in 10s and did not stop when told to", "this is a bug of the check fake.read: report it", 1},
		{"partial", engine.Partial, "", "", 1},
		{"nan", engine.Partial, "", "", 1},
		{"not_asked", engine.Observed, "", "", 1},
	} {
		t.Run(row.does, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				book := (&fakes{}).book(t, fmt.Sprintf(`
steps:
  a: { check: fake.read, with: { does: %s, value: 5 } }
hypotheses:
  low: { title: It is low, proof: { if: a.value < 1, must: true } }
`, row.does))
				r := run(t.Context(), t, book, engine.Options{})
				if r.Status != engine.StatusInconclusive {
					t.Errorf("got %s: %s", r.Status, r.Headline)
				}
				time.Sleep(2 * time.Hour) // until the check that ignores its context has ended
				a := step(t, r, "a")
				if a.Status != row.status || a.Reason != row.reason || a.Fix != row.fix || a.Attempts != row.attempts {
					t.Errorf("got %s %q %q after %d attempts", a.Status, a.Reason, a.Fix, a.Attempts)
				}
				if e := r.Hypotheses[0].Evidence[0]; e.Result.String() != "unknown" || e.Reason == "" || e.Points != 0 {
					t.Errorf("evidence %+v", e)
				}
				if len(r.Missing) != 1 || r.Missing[0].Step != "a" || r.Missing[0].Could == "" {
					t.Errorf("missing %+v", r.Missing)
				}
			})
		})
	}
}

// The observer is told what a look with these inputs can do, not what the check
// could do with others; a runbook can raise it.
func TestRunRisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := (&fakes{}).book(t, `
steps:
  few: { check: fake.often, with: { value: 20 } }
  many: { check: fake.often, with: { value: 21 } }
  raised: { check: fake.read, with: { value: 1 }, risk: load }
hypotheses:
  low: { title: It is low, proof: { if: few.value < 1 and many.value < 1 and raised.value < 1, must: true } }
`)
		inputs, _ := book.Inputs.Resolve(nil)
		var mu sync.Mutex
		got := map[string]engine.Risk{}
		runner := &engine.Runner{Target: "here", NewID: func() string { return "run-1" }, Observe: func(ctx context.Context, request engine.Request) engine.Observation {
			mu.Lock()
			got[request.Step] = request.Risk
			mu.Unlock()
			return engine.Local("here")(ctx, request)
		}}
		runner.Run(t.Context(), book, engine.Options{Inputs: inputs, All: true})
		if diff := cmp.Diff(map[string]engine.Risk{"few": engine.Read, "many": engine.Load, "raised": engine.Load}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRunTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t.Context(), t, (&fakes{}).book(t, `
steps:
  a: { check: fake.read, with: { does: fail_once, value: 0.5 } }
hypotheses:
  low: { title: It is low, proof: { if: a.value < 1, must: true } }
`), engine.Options{})
		if a := step(t, r, "a"); r.Status != engine.StatusConfirmed || a.Attempts != 2 || a.Status != engine.Observed {
			t.Errorf("got %s, step %+v", r.Status, a)
		}
	})
}

func TestRunBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		r := run(t.Context(), t, (&fakes{}).book(t, `
steps:
  a: { check: fake.read, with: { takes: 1h }, timeout: 1h }
  b: { check: fake.read, with: { does: ignore }, timeout: 1h }
hypotheses:
  low: { title: It is low, proof: { if: a.value < 1, must: true } }
  high: { title: It is high, proof: { if: b.value > 9, must: true } }
`), engine.Options{Budget: 10 * time.Second})
		elapsed := time.Since(started)
		time.Sleep(2 * time.Hour) // until the check that ignores its context has ended
		if elapsed > 11*time.Second {
			t.Errorf("took %s of a budget of 10s", elapsed)
		}
		if r.Status != engine.StatusInconclusive || r.Stopped != "the run's time was used up" {
			t.Errorf("got %s, stopped: %s", r.Status, r.Stopped)
		}
		if a := step(t, r, "a"); a.Status != engine.Failed || a.Reason != "the run's time was used up" {
			t.Errorf("step %+v", a)
		}
	})
}

// An interrupt reports what is known by then.
func TestRunInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(errors.New("interrupted")) })
		r := run(ctx, t, (&fakes{}).book(t, `
steps:
  a: { check: fake.read, with: { value: 5 } }
  b: { check: fake.read, with: { takes: 1h }, timeout: 1h }
hypotheses:
  low: { title: It is low, proof: { if: a.value < 1, must: true } }
  high: { title: It is high, proof: { if: b.value > 9, must: true } }
`), engine.Options{})
		if r.Status != engine.StatusInterrupted || r.ElapsedSeconds != 3 {
			t.Errorf("got %s after %g s", r.Status, r.ElapsedSeconds)
		}
		if verdict(t, r, "low") != engine.VerdictRuledOut {
			t.Errorf("what was known is lost: low is %s", verdict(t, r, "low"))
		}
		if b := step(t, r, "b"); b.Status != engine.Failed || b.Reason != "interrupted" {
			t.Errorf("step %+v", b)
		}
	})
}

func TestRunParallel(t *testing.T) {
	text := "steps:\n"
	hypotheses := "hypotheses:\n"
	for i := range 8 {
		text += fmt.Sprintf("  s%d: { check: fake.read, with: { value: 5, takes: 1s } }\n", i)
		hypotheses += fmt.Sprintf("  h%d: { title: H, proof: { if: s%d.value < 1, must: true } }\n", i, i)
	}
	for _, row := range []struct {
		parallel int
		seconds  float64
	}{{1, 8}, {4, 2}} {
		t.Run(fmt.Sprint(row.parallel), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakes{}
				r := run(t.Context(), t, f.book(t, text+hypotheses), engine.Options{Parallel: row.parallel, All: true})
				if got := f.most.Load(); got != int64(row.parallel) {
					t.Errorf("%d steps ran at a time, want %d", got, row.parallel)
				}
				if r.ElapsedSeconds != row.seconds || r.Status != engine.StatusHealthy {
					t.Errorf("took %g s, want %g: %s", r.ElapsedSeconds, row.seconds, r.Status)
				}
			})
		})
	}
}

func TestRunWhen(t *testing.T) {
	for _, row := range []struct {
		name   string
		value  string
		status engine.StepStatus
		run    engine.Status
	}{
		{"true", "value: 5", engine.Observed, engine.StatusHealthy},
		{"false", "value: 0.5", engine.NotApplicable, engine.StatusConfirmed},
		{"unknown", "does: blind", engine.Skipped, engine.StatusInconclusive},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t.Context(), t, (&fakes{}).book(t, fmt.Sprintf(`
steps:
  a: { check: fake.read, with: { %s } }
  b: { check: fake.read, when: a.value > 1, with: { value: "${a.value * 2}", text: "twice ${a.value}" } }
hypotheses:
  low: { title: It is low, proof: { if: a.value < 1, must: true } }
  high: { title: It is high, proof: { if: b.value > 11, must: true } }
`, row.value)), engine.Options{All: true})
				b := step(t, r, "b")
				if b.Status != row.status || r.Status != row.run {
					t.Errorf("b is %s (%s), the run %s: %s", b.Status, b.Reason, r.Status, r.Headline)
				}
				if row.name == "true" {
					if diff := cmp.Diff([][]string{{"look", "twice 5"}}, b.Reproduce); diff != "" {
						t.Error(diff)
					}
				}
			})
		})
	}
}

// A step that does not apply does not keep a run from being healthy.
func TestRunNotApplicableIsNotUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t.Context(), t, (&fakes{}).book(t, `
symptom: a.value > 9
steps:
  a: { check: fake.read, with: { value: 5 } }
  b: { check: fake.read, when: a.value > 9 }
hypotheses:
  high: { title: It is high, proof: { if: b.value > 11, must: true } }
`), engine.Options{})
		if r.Status != engine.StatusHealthy || r.Symptom[0].Result.String() != "false" {
			t.Errorf("got %s: %s %+v", r.Status, r.Headline, r.Symptom)
		}
	})
}

func TestRunEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t.Context(), t, (&fakes{}).book(t, `
steps:
  a: { check: fake.read, each: [x, y, z], with: { text: "${item}", value: 5 } }
hypotheses:
  found:
    title: One is y
    proof: { if: 'any(a, .text == "y")', must: true }
    names: map(filter(a, .text == "y"), .item)
`), engine.Options{})
		if r.Status != engine.StatusConfirmed {
			t.Errorf("got %s: %s", r.Status, r.Headline)
		}
		if diff := cmp.Diff([]string{"y"}, r.Hypotheses[0].Subjects); diff != "" {
			t.Error(diff)
		}
	})
}

// A step that the verdict did not need is run when only it says which.
func TestRunNames(t *testing.T) {
	t.Run("running", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := run(t.Context(), t, (&fakes{}).book(t, `
steps:
  a: { check: fake.read, with: { value: 0.5 } }
  b: { check: fake.read, with: { text: the one, takes: 1s } }
  c: { check: fake.read, with: { takes: 9s } }
hypotheses:
  low: { title: It is low, proof: { if: a.value < 1, must: true }, names: "[b.text]" }
  other: { title: Other, proof: { if: b.value > 1, must: true } }
  third: { title: Third, proof: { if: c.value > 1, must: true } }
`), engine.Options{})
			if diff := cmp.Diff([]string{"the one"}, r.Hypotheses[0].Subjects); diff != "" {
				t.Error(diff)
			}
		})
	})
	synctest.Test(t, func(t *testing.T) {
		r := run(t.Context(), t, (&fakes{}).book(t, `
steps:
  a: { check: fake.read, with: { value: 0.5 } }
  b: { check: fake.read, with: { text: the one } }
hypotheses:
  low:
    title: It is low
    proof: { if: a.value < 1, must: true }
    names: "[b.text]"
`), engine.Options{})
		if diff := cmp.Diff([]string{"the one"}, r.Hypotheses[0].Subjects); diff != "" || r.Status != engine.StatusConfirmed {
			t.Error(r.Status, diff)
		}
		if last := r.Decisions[len(r.Decisions)-1].Text; last != "next: b (1.0 s): it says which low" {
			t.Errorf("last decision: %s", last)
		}
	})
}

func TestRunChangeNeedsApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakes{}
		r := run(t.Context(), t, f.book(t, `
steps:
  a: { check: fake.change }
hypotheses:
  low: { title: It is low, proof: { if: a.value < 1, must: true } }
`), engine.Options{All: true})
		if a := step(t, r, "a"); f.runs.Load() != 0 || r.Status != engine.StatusInconclusive || a.Fix != "approve it" {
			t.Errorf("ran %d times; %s; step %+v", f.runs.Load(), r.Status, a)
		}
	})
}

func TestRunMasksSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Setenv("GUMSHOE_TEST_TOKEN", "tok-12345678")
		book := (&fakes{}).book(t, `
inputs:
  token: { type: secret, default: { secret: "env:GUMSHOE_TEST_TOKEN" } }
steps:
  a: { check: fake.read, with: { text: "is tok-12345678 there", value: 0.5 } }
hypotheses:
  low: { title: It is low, strong: { if: a.value < 1, must: true }, weak: 'a.text contains "tok"' }
`)
		r := run(t.Context(), t, book, engine.Options{})
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "tok-12345678") {
			t.Errorf("the secret is in the report: %s", text)
		}
		if got := r.Inputs["token"]; got != "env:GUMSHOE_TEST_TOKEN (secret)" {
			t.Errorf("input shown as %q", got)
		}
	})
}

func TestRunTellsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kinds []engine.EventKind
		run(t.Context(), t, (&fakes{}).book(t, fmt.Sprintf(twoCauses, 5.0, 5.0)), engine.Options{
			Parallel: 1, Progress: func(e engine.Event) { kinds = append(kinds, e.Kind) },
		})
		want := []engine.EventKind{
			engine.EventRunStarted, engine.EventStepStarted, engine.EventStepEnded,
			engine.EventStepStarted, engine.EventStepEnded, engine.EventRunEnded,
		}
		if !slices.Equal(kinds, want) {
			t.Errorf("got %v", kinds)
		}
	})
}

func TestPlanTouchesNothing(t *testing.T) {
	f := &fakes{}
	book := f.book(t, `
inputs:
  path: { type: path, default: /x }
steps:
  a: { check: fake.read, with: { text: "${inputs.path}" } }
  b: { check: fake.read, when: a.value > 1, with: { text: "${a.text}" } }
  c: { check: fake.change, with: { text: c } }
hypotheses:
  low: { title: It is low, proof: { if: a.value < 1, must: true }, weak: [b.value > 1, c.value > 1] }
`)
	inputs, faults := book.Inputs.Resolve(map[string]string{"path": "/y"})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	plan, err := book.Plan(inputs, engine.Incident{}, "here")
	if err != nil {
		t.Fatal(err)
	}
	if f.runs.Load() != 0 {
		t.Error("planning ran a check")
	}
	a, b, c := plan.Steps[0], plan.Steps[1], plan.Steps[2]
	if diff := cmp.Diff([]engine.Touch{{Kind: engine.TouchFile, What: "/fake//y", How: "read"}}, a.Touches); diff != "" {
		t.Error(diff)
	}
	if b.When != "a.value > 1" || b.Open != "text is not known: a was not run" || !slices.Equal(b.Needs, []string{"a"}) {
		t.Errorf("b %+v", b)
	}
	if c.Refused != "approve it" || c.Risk != "change" {
		t.Errorf("c %+v", c)
	}
	if !slices.Contains(plan.First, "a") {
		t.Errorf("first %v", plan.First)
	}
}

// The runbook's own title may say what it was asked about; what is not known
// when it is printed is an ellipsis.
func TestRunTitle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.yaml")
		text := `runbook: test
title: "${inputs.host} is slow, at ${a.value}, ${b.value}"
inputs:
  host: { type: host, default: web-1 }
steps:
  a: { check: fake.read, with: { value: 0.5 } }
hypotheses:
  low: { title: It is low, proof: { if: a.value < 1, must: true } }
`
		f := &fakes{}
		for _, row := range []struct{ old, replacement, want string }{
			{", ${b.value}", "", "web-1 is slow, at 0.5"},
			{"value: 0.5", "does: blind", "web-1 is slow, at …"},
		} {
			text = strings.Replace(text, row.old, row.replacement, 1)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			loader := load.Loader{Registry: f.registry(t)}
			book, faults := loader.Load(path)
			if err := faults.Err(); err != nil {
				t.Fatal(err)
			}
			if got := run(t.Context(), t, book, engine.Options{}).Title; got != row.want {
				t.Errorf("title %q, want %q", got, row.want)
			}
		}
	})
}
