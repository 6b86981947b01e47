package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gumshoe/engine"
)

// BenchmarkRun40 is our own share of a run: forty steps that take no time.
func BenchmarkRun40(b *testing.B) {
	var text strings.Builder
	text.WriteString("steps:\n")
	for i := range 40 {
		fmt.Fprintf(&text, "  s%d: { check: fake.read, with: { value: 5 }, cost: 1s }\n", i)
	}
	text.WriteString("hypotheses:\n")
	for i := range 30 {
		fmt.Fprintf(&text, "  h%d: { title: H, strong: { if: s%d.value < 1, must: true }, medium: [s%d.value < 2, s%d.value > 7] }\n",
			i, i, (i+10)%40, (i+20)%40)
	}
	book := (&fakes{}).book(b, text.String())
	inputs, _ := book.Inputs.Resolve(nil)
	runner := &engine.Runner{Observe: engine.Local("here"), Target: "here", Version: "bench", NewID: func() string { return "run" }}
	b.ReportAllocs()
	for b.Loop() {
		r := runner.Run(context.Background(), book, engine.Options{Inputs: inputs, All: true})
		if r.Status != engine.StatusHealthy {
			b.Fatalf("%s: %s", r.Status, r.Headline)
		}
	}
}
