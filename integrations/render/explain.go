package render

import (
	"fmt"
	"io"
	"math"

	"gumshoe/engine"
	"gumshoe/engine/kleene"
)

// Explain writes why a run went as it did and how its verdict was reckoned: the
// log of its choices, and for each hypothesis the arithmetic.
func Explain(w io.Writer, r *engine.Report, o Options) error {
	p := newPage(o)
	p.reportHead(r)
	p.hang("", 0, fmt.Sprintf("%s: %s", verdictWord(r.Status), headline(r)))
	p.blank()
	p.explainChoices(r)
	p.blank()
	p.line(p.in(bold, "How sure"))
	calibration := "calibrated by feedback"
	if r.Uncalibrated {
		calibration = "uncalibrated: fewer than 20 verdicts of this runbook carry feedback"
	}
	p.hang("  ", 2, "Points are decibans: +10 makes a cause ten times as likely as before. Probabilities are "+calibration+".")
	for _, h := range r.Hypotheses {
		p.explainHypothesis(h)
	}
	p.line()
	p.line(fmt.Sprintf("  %s  a cause that the runbook does not list", padLeft(probability(r.UnlistedProbability), 7)))
	if r.HealthyProbability > 0 {
		p.line(fmt.Sprintf("  %s  nothing is wrong", padLeft(probability(r.HealthyProbability), 7)))
	}
	return p.flush(w)
}

func (p *page) explainChoices(r *engine.Report) {
	p.line(p.in(bold, "What was chosen, and why"))
	for _, d := range r.Decisions {
		p.hang(fmt.Sprintf("  %s  ", padLeft(fmt.Sprintf("%.2f s", d.AtSeconds), 8)), 12, Clean(d.Text))
	}
	if len(r.Decisions) == 0 {
		p.line("  nothing was run")
	}
	if r.Stopped != "" {
		p.hang(fmt.Sprintf("  %s  ", padLeft(fmt.Sprintf("%.2f s", r.ElapsedSeconds), 8)), 12, "stopped: "+Clean(r.Stopped))
	}
}

func (p *page) explainHypothesis(h engine.HypothesisReport) {
	p.line()
	verdict := name(string(h.Verdict))
	if h.Excluded {
		verdict = "excluded"
	}
	head := fmt.Sprintf("  %s  %s", padLeft(probability(h.Probability), 7), Clean(h.ID))
	p.hangIn(head+"  ", width(head)+2, fmt.Sprintf("%s (%s)", title(h), verdict), bold)
	if h.Why != "" {
		p.hang("           ", 11, Clean(h.Why))
	}
	column := 0
	for _, e := range h.Evidence {
		column = max(column, min(width(weighed(e)), 44))
	}
	sum := 0.0
	for _, e := range h.Evidence {
		number := points(e.Points)
		if e.Result == kleene.Unknown {
			number = "?"
		}
		sum += e.Points
		p.beside("  "+padLeft(number, 7)+"  ", 11, weighed(e), "", finding(e), plain, column)
	}
	if len(h.Evidence) > 1 {
		note := "in all"
		if math.Abs(sum-h.Points) > 0.005 {
			note = fmt.Sprintf("in all; %s own points for it", points(h.Points))
		}
		p.line("  ", p.in(dim, padLeft("= "+points(sum), 7)+"  "+note))
	}
}

// weighed is an expression with the word that its author gave it.
func weighed(e engine.EvidenceReport) string {
	word := Clean(e.Word)
	if e.Must {
		word += ", must"
	}
	return fmt.Sprintf("%s: %s", word, Clean(e.Expression))
}

// probability writes p without pretending to know it exactly.
func probability(p float64) string {
	switch {
	case p >= 0.9995:
		return "> 99.9 %"
	case p > 0 && p < 0.0005:
		return "< 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", 100*p)
}
