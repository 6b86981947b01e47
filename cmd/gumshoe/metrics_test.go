package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/metrics/prometheustest"
)

// TestMetricsRunbook: a runbook over a real Prometheus names the pod whose errors
// stepped up, by the labels of an alert, and what is not there is unknown.
func TestMetricsRunbook(t *testing.T) {
	now := time.Now().Truncate(15 * time.Second)
	var history strings.Builder
	history.WriteString("# TYPE errors_per_second gauge\n")
	for pod, after := range map[string]float64{"checkout-1": 0.2, "checkout-2": 7, "checkout-3": 0.3} {
		// It goes on beyond now: the server takes a while to start, and the program to be built.
		for age := time.Hour; age >= -10*time.Minute; age -= 15 * time.Second {
			value := 0.2 + float64((time.Hour-age)/(15*time.Second)%5)/100
			if age <= 10*time.Minute {
				value += after
			}
			fmt.Fprintf(&history, "errors_per_second{job=\"checkout\",pod=%q} %g %d\n", pod, value, now.Add(-age).Unix())
		}
	}
	server := prometheustest.Start(t, prometheustest.Options{History: history.String()})
	book := filepath.Join(t.TempDir(), "errors.yaml")
	if err := os.WriteFile(book, []byte(`
runbook: errors
title: Which pod fails
inputs:
  prometheus: url
  job: string
steps:
  errors:
    check: metrics.prometheus
    with: { url: "${inputs.prometheus}", query: "errors_per_second{$match}", match: { job: "${inputs.job}" }, by: [pod] }
hypotheses:
  one_pod:
    title: One pod fails, and the others do not
    proof: { if: "count(errors.series, .stepped and .last > 1) == 1", must: true }
    names: map(filter(errors.series, .stepped and .last > 1), .name)
  second_pod:
    title: The second pod fails
    proof: { if: 'errors.by["checkout-2"].change_percent > 100', must: true }
  ninth_pod:
    title: The ninth pod fails
    proof: { if: 'errors.by["checkout-9"].last > 1', must: true }
`), 0o600); err != nil {
		t.Fatal(err)
	}
	report, exit := diagnose(t, book, "prometheus="+server.URL, "job=checkout")
	wantConfirmed(t, report, exit, "one_pod", "second_pod")
	wantSubject(t, report, "one_pod", "checkout-2")
	for _, h := range report.Hypotheses {
		if h.ID == "ninth_pod" && h.Excluded {
			t.Errorf("what nobody measures is excluded: %+v", h)
		}
	}
	report, exit = diagnose(t, book, "prometheus="+server.URL, `job=checkout"} or vector(9) #`)
	if exit != 3 && exit != 0 || len(report.Steps) == 0 || !strings.Contains(report.Steps[0].Summary, "empty") {
		t.Errorf("a hostile label: exit status %d\n%s", exit, verdicts(report))
	}
	server.Kill()
	if report, exit = diagnose(t, book, "prometheus="+server.URL, "job=checkout"); exit != 3 {
		t.Errorf("without Prometheus: exit status %d\n%s", exit, verdicts(report))
	}
}
