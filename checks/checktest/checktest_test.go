package checktest

import (
	"context"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gumshoe/engine"
)

type input struct {
	// Size is unused.
	Size int `json:"size"`
}

type output struct {
	// Value is a number.
	Value float64 `json:"value" expr:"value"`
	// Word is one of two words.
	Word string `json:"word" expr:"word" enum:"good,better"`
	// List is a list.
	List []string `json:"list" expr:"list"`
}

// check makes a check that does it right.
//
// Example:
//
//	x: { check: test.check }
//
// By hand:
//
//	true
func check() engine.Check[input, output] {
	return engine.Check[input, output]{
		Name: "test.check", Doc: "Nothing.", Cost: time.Second, Risk: engine.Read,
		Plan:      func(input) []engine.Touch { return nil },
		Summarize: func(output) string { return "nothing" },
		Run: func(ctx context.Context, call *engine.Call, _ input) (output, error) {
			call.Reproduce("true")
			return output{Word: "good", List: []string{}}, ctx.Err()
		},
	}
}

func TestRunAcceptsAGoodCheck(t *testing.T) { Run(t, check(), nil) }

type bare struct {
	Undocumented float64 `json:"undocumented_pct" expr:"undocumented_pct"`
}

// broken are checks with one fault each, and what the suite says about it.
func broken() map[string]struct {
	check engine.Instrument
	want  string
} {
	with := func(run func(ctx context.Context, call *engine.Call, o output) (output, error)) engine.Instrument {
		c := check()
		c.Run = func(ctx context.Context, call *engine.Call, _ input) (output, error) {
			call.Reproduce("true")
			return run(ctx, call, output{Word: "good", List: []string{}})
		}
		return c
	}
	summary, planned, silent := check(), check(), check()
	summary.Summarize = func(output) string { return "two\nlines" }
	planned.Plan = func(input) []engine.Touch { return []engine.Touch{{Kind: engine.TouchFile, What: "etc", How: "read"}} }
	silent.Run = func(context.Context, *engine.Call, input) (output, error) {
		return output{Word: "good", List: []string{}}, nil
	}
	shared := 0
	return map[string]struct {
		check engine.Instrument
		want  string
	}{
		"undocumented": {engine.Check[input, bare]{
			Name: "test.bare", Doc: "Nothing.", Cost: 1, Plan: check().Plan, Summarize: func(bare) string { return "x" },
			Run: func(context.Context, *engine.Call, input) (bare, error) { return bare{}, nil },
		}, "undocumented_pct has no doc comment"},
		"summary":   {summary, "is not one line"},
		"plan":      {planned, "a file by its absolute path"},
		"reproduce": {silent, "no command to reproduce it"},
		"infinite": {with(func(_ context.Context, _ *engine.Call, o output) (output, error) {
			o.Value = math.Inf(1)
			return o, nil
		}), "value is not finite"},
		"enum": {with(func(_ context.Context, _ *engine.Call, o output) (output, error) {
			o.Word = "best"
			return o, nil
		}), `word is "best", not one of`},
		"null": {with(func(_ context.Context, _ *engine.Call, o output) (output, error) {
			o.List = nil
			return o, nil
		}), "list is null in JSON"},
		"unread": {with(func(_ context.Context, call *engine.Call, o output) (output, error) {
			call.Unread("list[7]", "because", "")
			return o, nil
		}), "list has no element 7"},
		"blind": {with(func(context.Context, *engine.Call, output) (output, error) {
			return output{}, engine.Blind("it is dark", "light", nil)
		}), "no observation: it is dark (fix: light)"},
		"panic": {with(func(ctx context.Context, _ *engine.Call, o output) (output, error) {
			if ctx.Err() != nil {
				panic("late")
			}
			return o, nil
		}), "internal error in check test.check: late"},
		"deaf": {with(func(ctx context.Context, _ *engine.Call, o output) (output, error) {
			if ctx.Err() != nil {
				select {}
			}
			return o, nil
		}), "did not stop when told to"},
		"racy": {with(func(_ context.Context, _ *engine.Call, o output) (output, error) {
			shared++
			return o, nil
		}), "race detected during execution"},
	}
}

const subject = "GUMSHOE_TEST_BROKEN_CHECK"

// TestRunRefusesBrokenChecks runs this binary on each broken check.
func TestRunRefusesBrokenChecks(t *testing.T) {
	if name := os.Getenv(subject); name != "" {
		Run(t, broken()[name].check, nil)
		return
	}
	for name, tt := range broken() {
		t.Run(name, func(t *testing.T) {
			if name == "racy" && !racing {
				t.Skip("only with -race")
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRunRefusesBrokenChecks$")
			cmd.Env = append(os.Environ(), subject+"="+name)
			text, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(text), tt.want) {
				t.Errorf("got %v, want a failure with %q:\n%s", err, tt.want, text)
			}
		})
	}
}
