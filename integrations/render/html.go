package render

import (
	_ "embed"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"gumshoe/engine"
	"gumshoe/engine/kleene"
)

//go:embed report.html
var reportHTML string

// HTML writes a report as one page that needs nothing else: no scripts, no
// pictures, no fonts from anywhere. It is light or dark as the reader's system is.
func HTML(w io.Writer, r *engine.Report) error {
	page, err := template.New("report").Funcs(template.FuncMap{
		"clean": Clean, "points": points, "elapsed": elapsed, "cost": cost, "time": Time, "name": name,
		"command": command, "finding": finding, "title": title, "why": func(h engine.HypothesisReport) string { return whyNot(h, 0) }, "note": stepNote,
		"lines":       func(text string) string { return strings.Join(cleanLines(text), "\n") },
		"verdict":     verdictWord,
		"code":        codeSegments,
		"words":       func(s engine.Verdict) string { return strings.ReplaceAll(Clean(string(s)), "_", " ") },
		"probability": probability,
		"sign":        func(s engine.StepStatus) string { m, _ := mark(s); return m },
		"ran":         ran,
		"truth":       func(t kleene.Truth) string { return t.String() },
		"seen": func(s engine.SymptomReport) string {
			return strings.TrimPrefix(shown(s.Shown, s.Reason, s.Result, s.Values), "unknown: ")
		},
		"odd": func(e engine.EvidenceReport) string {
			return shown(e.Shown, e.Reason, e.Result, e.Values)
		},
		"width": func(p float64) float64 { return math.Round(min(math.Abs(p), 20) * 5) },
		"sum": func(h engine.HypothesisReport) float64 {
			total := 0.0
			for _, e := range h.Evidence {
				total += e.Points
			}
			return total
		},
	}).Parse(reportHTML)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := page.Execute(&b, newHTMLReport(r)); err != nil {
		return err
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// htmlReport is a report in the order in which the page tells it.
type htmlReport struct {
	*engine.Report
	Headline, Took, Began string
	Tone                  string
	Found, Open           []engine.HypothesisReport
	Ruled                 []engine.HypothesisReport
	Who                   string
	MoreOpen              int
	HasInputs             bool
}

func newHTMLReport(r *engine.Report) htmlReport {
	const most = 3
	h := htmlReport{
		Report: r, Headline: headline(r), Took: took(r), Began: onset(r), Found: told(r), Ruled: with(r, engine.VerdictRuledOut),
		Who: joinNonEmpty(", then ", r.Owner, r.Escalation), Tone: "maybe", HasInputs: len(r.Inputs) > 0,
	}
	switch r.Status {
	case engine.StatusConfirmed, engine.StatusError:
		h.Tone = "bad"
	case engine.StatusHealthy:
		h.Tone = "good"
	case engine.StatusLikely, engine.StatusNotReproduced, engine.StatusInconclusive, engine.StatusInterrupted:
	}
	h.Open = with(r, engine.VerdictOpen)
	slices.SortStableFunc(h.Open, func(a, b engine.HypothesisReport) int {
		switch {
		case a.Probability > b.Probability:
			return -1
		case a.Probability < b.Probability:
			return 1
		}
		return 0
	})
	if r.Status == engine.StatusHealthy || len(h.Found) > 0 && r.Status == engine.StatusConfirmed {
		h.Open = nil
	}
	if len(h.Open) > most {
		h.MoreOpen = len(h.Open) - most
		h.Open = h.Open[:most]
	}
	return h
}

// segment is a piece of a text that is code, or is not.
type segment struct {
	Code bool
	Text string
}

// codeSegments splits a text at its backticks, as authors write commands in what
// is to be done next.
func codeSegments(text string) []segment {
	parts := strings.Split(Clean(text), "`")
	if len(parts)%2 == 0 { // the last one is not closed: it stands for itself
		last := len(parts) - 1
		parts = append(parts[:last-1], parts[last-1]+"`"+parts[last])
	}
	var segments []segment
	for i, part := range parts {
		if part != "" {
			segments = append(segments, segment{i%2 == 1, part})
		}
	}
	return segments
}
