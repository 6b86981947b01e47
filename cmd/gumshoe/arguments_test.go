package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

func TestMoment(t *testing.T) {
	now := time.Date(2026, 3, 5, 14, 30, 0, 0, time.FixedZone("CET", 3600))
	for _, test := range []struct{ text, want string }{
		{"", "0001-01-01T00:00:00Z"},
		{"-10m", "2026-03-05T14:20:00+01:00"},
		{"-1h30m", "2026-03-05T13:00:00+01:00"},
		{"02:03", "2026-03-05T02:03:00+01:00"},
		{"14:30", "2026-03-05T14:30:00+01:00"},
		{"23:59", "2026-03-04T23:59:00+01:00"},
		{"2026-03-05T02:03:04Z", "2026-03-05T02:03:04Z"},
		{"10m", "2026-03-05T14:20:00+01:00"}, {"2026-03-05", "2026-03-05T00:00:00+01:00"},
		{"25:00", ""}, {"noon", ""}, {"15", ""}, {"2026-03-05T23:00:00Z", ""},
	} {
		got, err := moment(test.text, now)
		if err == nil && got.Format(time.RFC3339) != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%q: got %s, %v; want %q", test.text, got.Format(time.RFC3339), err, test.want)
		}
	}
}

func TestNameValues(t *testing.T) {
	got, err := nameValues([]string{"a=1", "b=x=y", "c="})
	if diff := cmp.Diff(got, map[string]string{"a": "1", "b": "x=y", "c": ""}); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, bad := range []string{"a", "=1", ""} {
		if _, err := nameValues([]string{bad}); err == nil {
			t.Errorf("%q is taken for name=value", bad)
		}
	}
}

func TestExitOf(t *testing.T) {
	for status, want := range map[engine.Status]int{
		engine.StatusHealthy: 0, engine.StatusConfirmed: 1, engine.StatusLikely: 3, engine.StatusNotReproduced: 3,
		engine.StatusInconclusive: 3, engine.StatusInterrupted: 5, engine.StatusError: 7,
	} {
		if got := exitOf(&engine.Report{Status: status}); got != want {
			t.Errorf("%s: got %d, want %d", status, got, want)
		}
	}
}

func TestExplainError(t *testing.T) {
	place := source.Position{File: "a.yaml", Line: 1, Column: 2}
	for _, test := range []struct {
		name   string
		err    error
		status int
		want   string
	}{
		{"usage", errors.New("no"), 2, "gumshoe: no"},
		{"lines, hostile", errors.New("one\x1b[2J\ntwo"), 2, "gumshoe: one\\x1b[2J\ngumshoe: two"},
		{"status", failWith(exitRefused, errors.New("no")), 4, "gumshoe: no"},
		{"wrapped", fmt.Errorf("x: %w", failWith(exitInternal, errors.New("no"))), 7, "gumshoe: x: no"},
		{"silent", failWith(exitFound, nil), 1, ""},
		{"faults", faultsError(source.Faults{{Position: place, Message: "bad"}}, "unusable"), 2, "a.yaml:1:2: bad\ngumshoe: unusable"},
		{"a fault without a place", faultsError(source.Faults{{Message: "bad"}}, "unusable"), 2, "gumshoe: bad"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, lines := explainError(test.err)
			if got := strings.Join(lines, "\n"); got != test.want || status != test.status {
				t.Errorf("got %d %q, want %d %q", status, got, test.status, test.want)
			}
		})
	}
	if err := faultsError(source.Faults{{Severity: source.Warning, Message: "odd"}}, "unusable"); err != nil {
		t.Errorf("a warning is an error: %v", err)
	}
}

func TestPlainSummary(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"Requests to {{ $labels.instance }} take long", "Requests take long"},
		{"Disk full on {{ $labels.instance }}.", "Disk full"},
		{"Instance {{ $labels.instance }} down", "Instance down"},
		{"Host is down (instance {{ $labels.instance }})", "Host is down"},
		{"p95 is {{ $value }}s", ""},
		{"{{ $labels.x }}", ""},
		{"  Two\n lines ", "Two lines"},
	} {
		if got := plainSummary(test.text); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

func TestWords(t *testing.T) {
	for name, want := range map[string]string{
		"HighRequestLatency": "High request latency", "KubeAPIDown": "Kube API down", "disk_full": "disk full", "CPUHigh": "CPU high",
	} {
		if got := words(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
