package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/load"
)

// TestRequestHasTheRiskOfItsInputs: one question is no load, though many would
// be; a runbook can still say that it is.
func TestRequestHasTheRiskOfItsInputs(t *testing.T) {
	type input = struct {
		Requests int `json:"requests" default:"1"`
	}
	ask := engine.Check[input, fakeOut]{
		Name: "fake.ask", Doc: "A fake.", Cost: time.Second, Risk: engine.Load,
		RiskOf: func(in input) engine.Risk {
			if in.Requests > 20 {
				return engine.Load
			}
			return engine.Read
		},
		Plan:      func(input) []engine.Touch { return nil },
		Run:       func(context.Context, *engine.Call, input) (fakeOut, error) { return fakeOut{Value: 1}, nil },
		Summarize: func(fakeOut) string { return "asked" },
	}
	registry, err := engine.NewRegistry(nil, ask)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "test.yaml")
	text := `
runbook: test
title: A test
steps:
  few: { check: fake.ask }
  many: { check: fake.ask, with: { requests: 21 } }
hypotheses:
  low: { title: It is low, weak: [few.value < 1, many.value < 1] }
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loader := load.Loader{Registry: registry}
	book, faults := loader.Load(path)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	inputs, _ := book.Inputs.Resolve(nil)
	risks := make(chan [2]any, 2)
	runner := &engine.Runner{Target: "here", Version: "test", NewID: func() string { return "run-1" }}
	runner.Observe = func(ctx context.Context, r engine.Request) engine.Observation {
		risks <- [2]any{r.Step, r.Risk}
		return engine.Local("here")(ctx, r)
	}
	runner.Run(t.Context(), book, engine.Options{Inputs: inputs, All: true})
	close(risks)
	want := map[any]any{"few": engine.Read, "many": engine.Load}
	for got := range risks {
		if got[1] != want[got[0]] {
			t.Errorf("%v: risk %v, want %v", got[0], got[1], want[got[0]])
		}
		delete(want, got[0])
	}
	if len(want) > 0 {
		t.Errorf("never asked: %v", want)
	}
}
