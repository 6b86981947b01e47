package source

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMarshal(t *testing.T) {
	value := Map{
		{Key: "runbook", Value: "web-slow"},
		{Key: "title", Value: "A web application: slow", Comment: "One line.\nIn the imperative."},
		{Key: "on", Value: "yes"},
		{Key: "patience", Value: 15 * time.Minute},
		{Key: "deadline", Value: 90 * time.Second},
		{Key: "steps", Value: Map{
			{Key: "cpu", Value: Map{{Key: "check", Value: "host.cpu"}}, Flow: true},
			{Key: "page", Value: map[string]any{"with": map[string]any{"url": "${inputs.url}", "requests": 20}, "check": "probe.http"}},
		}},
		{Key: "medium", Value: []any{"db.idle > 5", Map{{Key: "if", Value: "a"}, {Key: "because", Value: "b"}}}},
		{Key: "next", Value: "First.\n\n  Second.\n"},
		{Key: "none", Value: nil},
		{Key: "numbers", Value: []any{1, 1.0, 1.5, uint8(7), 1e300, -0.5}, Flow: true},
		{Key: "strings", Value: []string{"1", "true", "", "null", "~", "0x1F", "1e5", ".5", "2026-01-01", "a: b", "- a", "#c", "@a", "é", "a\tb", "\x07", "\u2028", " a"}},
		{Key: "5", Value: []any{}},
		{Key: "empty", Value: Map{}},
	}
	want := `runbook: web-slow
# One line.
# In the imperative.
title: "A web application: slow"
on: yes
patience: 15m
deadline: 1m30s
steps:
  cpu: {check: host.cpu}
  page:
    check: probe.http
    with:
      requests: 20
      url: ${inputs.url}
medium:
  - db.idle > 5
  - if: a
    because: b
next: |
  First.

    Second.
none: null
numbers: [1, 1.0, 1.5, 7, 1e+300, -0.5]
`
	got, err := Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(got), want) {
		t.Errorf("got:\n%s\nwant it to start with:\n%s", got, want)
	}
	var faults Faults
	node, ok := Parse("out.yaml", got, &faults)
	if !ok || len(faults) > 0 {
		t.Fatalf("%v\n%s", faults, got)
	}
	wantValue := map[string]any{
		"runbook": "web-slow", "title": "A web application: slow", "on": "yes",
		"patience": "15m", "deadline": "1m30s",
		"steps": map[string]any{
			"cpu":  map[string]any{"check": "host.cpu"},
			"page": map[string]any{"check": "probe.http", "with": map[string]any{"url": "${inputs.url}", "requests": int64(20)}},
		},
		"medium": []any{"db.idle > 5", map[string]any{"if": "a", "because": "b"}},
		"next":   "First.\n\n  Second.\n", "none": nil,
		"numbers": []any{int64(1), 1.0, 1.5, int64(7), 1e300, -0.5},
		"strings": []any{"1", "true", "", "null", "~", "0x1F", "1e5", ".5", "2026-01-01", "a: b", "- a", "#c", "@a", "é", "a\tb", "\x07", "\u2028", " a"},
		"5":       []any{}, "empty": map[string]any{},
	}
	if got := node.Value(); !reflect.DeepEqual(got, wantValue) {
		t.Errorf("read back:\n%#v\nwant:\n%#v", got, wantValue)
	}
}

func TestMarshalRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"struct", Map{{Key: "a", Value: []any{1, struct{}{}}}}, "a[1]: write YAML: a struct {} is not a value of YAML"},
		{"function", func() {}, "write YAML: a func() is not a value of YAML"},
		{"map with numbers as keys", map[int]any{1: 2}, "write YAML: a map[int]interface {} is not a value of YAML"},
		{"not a number", map[string]any{"a": math.NaN()}, "a: write YAML: NaN is not a finite number"},
		{"infinite", []float64{math.Inf(-1)}, "[0]: write YAML: -Inf is not a finite number"},
		{"not UTF-8", Map{{Key: "a", Value: "\xff"}}, "a: write YAML: the text is not UTF-8"},
		{"key twice", Map{{Key: "a", Value: 1}, {Key: "a", Value: 2}}, "a: write YAML: a key twice"},
		{"negative duration", -time.Second, "write YAML: the duration -1s is negative"},
		{"comment", Map{{Key: "a", Comment: "x\ry"}}, "a: write YAML: a comment with an unprintable character"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Marshal(test.value); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// FuzzMarshal writes strings in every place where one can stand.
func FuzzMarshal(f *testing.F) {
	for _, s := range []string{"", "a", "a\nb", "a\n", "a\n\n", "\na", " a\nb", "a\n b\n", "a \nb", "a\r\nb", "a\t\nb",
		"#", "a #b", "a: b", "? a", "- a", "---", "--- a\n", "...\n", "a\n---\nb", "%a\nb", "<<", "=", "1_000", "yes", "0o7", "0b1", "1:30",
		"\u2028", "\u0085", "\u00a0", "\ufeffa", "é\né", "a\n#b\n", "*a", "&a", "!a", "|", ">", "'", `"`, `\`, "{", "[", "a,b", "😀\n😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		value := Map{
			{Key: "block", Value: Map{{Key: "k" + s, Value: s}, {Key: "list", Value: []string{s, s}}}},
			{Key: "flow", Value: Map{{Key: "k" + s, Value: []string{s}}}, Flow: true},
			{Key: s + "x", Value: s, Flow: true},
		}
		out, err := Marshal(value)
		if err != nil || len(out) > MaxBytes {
			return
		}
		var faults Faults
		node, ok := Parse("f", out, &faults)
		if !ok || len(faults) > 0 {
			t.Fatalf("%v\n%s", faults, out)
		}
		if s+"x" == "block" || s+"x" == "flow" {
			return
		}
		want := map[string]any{
			"block": map[string]any{"k" + s: s, "list": []any{s, s}},
			"flow":  map[string]any{"k" + s: []any{s}},
			s + "x": s,
		}
		if got := node.Value(); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v\nwant %#v\n%s", got, want, out)
		}
	})
}
