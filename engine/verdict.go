package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gumshoe/engine/belief"
	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

// report puts together what the run found.
func (run *run) report(ctx context.Context) *Report {
	r := &Report{
		Schema: ReportSchema, Run: run.id, Runbook: run.book.Name, Title: run.book.Title,
		File: run.book.File, Version: run.runner.Version, Target: run.runner.Target,
		Started: run.started.UTC(), Onset: run.incident.Onset, Inputs: run.options.Inputs.Shown,
		Symptom: run.symptom, Hypotheses: []HypothesisReport{}, Steps: []StepReport{},
		Decisions: run.decisions, Missing: []MissingReport{}, Unexplained: []EvidenceReport{},
		Changes: []ChangeReport{}, Stopped: run.stopped, Uncalibrated: true,
		Owner: run.book.Owner, Escalation: run.book.Escalation,
	}
	if r.Symptom == nil {
		r.Symptom = []SymptomReport{}
	}
	if r.Decisions == nil {
		r.Decisions = []DecisionReport{}
	}
	if run.book.Heading != nil && run.env != nil {
		r.Title = run.masker.Text(run.book.Heading.Sentence(run.env))
	}
	if run.err != nil {
		r.Status, r.Error, r.Headline = StatusError, run.err.Error(), run.err.Error()
		r.ElapsedSeconds = run.elapsed()
		return r
	}
	assessment := run.belief.Assess()
	for h := range run.book.Hypotheses {
		r.Hypotheses = append(r.Hypotheses, run.hypothesisReport(h, &assessment))
	}
	for i := range run.steps {
		if run.steps[i].status == "" {
			run.steps[i].report = run.blankReport(i)
		}
		r.Steps = append(r.Steps, run.steps[i].report)
	}
	r.UnlistedProbability = run.belief.Unlisted()
	r.HealthyProbability = run.belief.NothingWrong()
	r.Status = statusOf(assessment.Status)
	for _, u := range assessment.Unexplained {
		c := run.evidence.findings[u].citations[0]
		e := run.evidenceReport(c.hypothesis, c.item)
		e.Hypothesis = run.book.Hypotheses[c.hypothesis].ID
		r.Unexplained = append(r.Unexplained, e)
	}
	run.addMissing(r)
	if ctx.Err() != nil {
		r.Status = StatusInterrupted
	}
	r.Headline = run.headline(r, &assessment)
	r.ElapsedSeconds = run.elapsed()
	return r
}

func statusOf(s belief.Status) Status {
	switch s {
	case belief.StatusConfirmed:
		return StatusConfirmed
	case belief.StatusLikely:
		return StatusLikely
	case belief.StatusHealthy:
		return StatusHealthy
	case belief.StatusNotReproduced:
		return StatusNotReproduced
	case belief.StatusInconclusive:
	}
	return StatusInconclusive
}

func verdictOf(v belief.Verdict) Verdict {
	switch v {
	case belief.VerdictConfirmed:
		return VerdictConfirmed
	case belief.VerdictContributing:
		return VerdictContributing
	case belief.VerdictLikely:
		return VerdictLikely
	case belief.VerdictRuledOut:
		return VerdictRuledOut
	case belief.VerdictOpen:
	}
	return VerdictOpen
}

func (run *run) hypothesisReport(h int, assessment *belief.Assessment) HypothesisReport {
	hypothesis, judgement := run.book.Hypotheses[h], assessment.Hypotheses[h]
	r := HypothesisReport{
		ID: hypothesis.ID, Title: run.text(hypothesis.Title), Verdict: verdictOf(judgement.Verdict),
		Probability: judgement.Probability, Points: judgement.Points, Excluded: judgement.Excluded,
		Subjects: []string{}, Chain: []string{}, Evidence: []EvidenceReport{}, Next: run.text(hypothesis.Next),
		Why: judgement.Why,
	}
	if hypothesis.Names != nil {
		names, _ := hypothesis.Names.Eval(run.env)
		for _, n := range names {
			r.Subjects = append(r.Subjects, run.masker.Text(n))
		}
	}
	for _, member := range judgement.Story {
		r.Chain = append(r.Chain, run.book.Hypotheses[member].ID)
	}
	for item := range hypothesis.Evidence {
		r.Evidence = append(r.Evidence, run.evidenceReport(h, item))
	}
	return r
}

// text evaluates a text for people, "" when there is none.
func (run *run) text(t *expression.Template) string {
	if t == nil {
		return ""
	}
	return run.masker.Text(t.Sentence(run.env))
}

func (run *run) evidenceReport(h, item int) EvidenceReport {
	evidence := run.book.Hypotheses[h].Evidence[item]
	f := run.evidence.byItem[h][item]
	result := run.results[f]
	if !run.seen[f] {
		result = evidence.Condition.Eval(run.env)
		result.Truth = kleene.Unknown
	}
	r := EvidenceReport{
		Word: evidence.Word.String(), Must: evidence.Must, Expression: evidence.Condition.Text().Value,
		Result: result.Truth, Values: result.Values, Shown: run.masker.Text(result.Shown),
		Points: run.belief.Contribution(f, h), Because: run.text(evidence.Because),
		Undamped: belief.Citation{Word: evidence.Word, Must: evidence.Must, ElseNone: evidence.ElseNone}.Points(result.Truth),
		Reason:   run.masker.Text(result.Reason), Fix: run.masker.Text(result.Fix),
	}
	if r.Values == nil {
		r.Values = []expression.Value{}
	}
	if reads := run.evidence.findings[f].reads; len(reads) > 0 {
		r.Step = run.book.Steps[reads[len(reads)-1]].Name
	}
	return r
}

// addMissing lists the steps that brought nothing, or not all, and what they
// could have brought.
func (run *run) addMissing(r *Report) {
	for i, s := range r.Steps {
		m := MissingReport{Step: s.ID, Reason: s.Reason, Fix: s.Fix}
		switch s.Status {
		case NotApplicable:
			continue
		case Observed: // a finding may read what nobody asked for
			if len(s.Unread) == 0 || !run.undecided(i) {
				continue
			}
			m.Reason, m.Fix = unreadReason(s.Unread)
		case Partial:
			m.Reason, m.Fix = unreadReason(s.Unread)
		case NotNeeded:
			m.Reason = "not run"
		case Failed, Skipped:
		}
		if s.Status != Partial || run.undecided(i) {
			m.Could = run.could(i, s)
		}
		if s.Status == NotNeeded && m.Could == "" {
			continue // it could have changed nothing: that is why it was not run
		}
		r.Missing = append(r.Missing, m)
	}
}

// undecided tells whether a finding that reads the step is unknown.
func (run *run) undecided(step int) bool {
	for f, finding := range run.evidence.findings {
		if run.results[f].Truth == kleene.Unknown && slices.Contains(finding.reads, step) {
			return true
		}
	}
	return false
}

func unreadReason(unread []Unread) (reason, fix string) {
	reason, fix = unread[0].Path+": "+unread[0].Reason, unread[0].Fix
	if n := len(unread) - 1; n > 0 {
		reason += fmt.Sprintf(" (and %d more)", n)
	}
	return reason, fix
}

// could says what a step that brought nothing could have brought: the
// hypotheses that it would settle, either way or one way.
func (run *run) could(step int, s StepReport) string {
	const sure, out = 0.90, 0.05
	var either, confirm, exclude []string
	for _, o := range run.belief.CouldBring(step) {
		id := run.book.Hypotheses[o.Hypothesis].ID
		switch {
		case o.Best >= sure && o.Worst <= out:
			either = append(either, id)
		case o.Best >= sure && o.Now < sure:
			confirm = append(confirm, id)
		case o.Worst <= out && o.Now > out:
			exclude = append(exclude, id)
		}
	}
	var parts []string
	for _, p := range []struct {
		ids  []string
		form string
	}{
		{either, "settle %s either way"}, {confirm, "confirm %s"}, {exclude, "rule out %s"},
	} {
		if len(p.ids) > 0 {
			parts = append(parts, fmt.Sprintf(p.form, listed(p.ids)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("%s, %.3g s, would %s", s.ID, s.CostSeconds, strings.Join(parts, ", "))
}

// listed joins names for a sentence; of many it counts the rest.
func listed(names []string) string {
	const most = 3
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// headline is the verdict in one sentence.
func (run *run) headline(r *Report, assessment *belief.Assessment) string {
	switch r.Status {
	case StatusConfirmed, StatusLikely:
		return run.causes(r, assessment)
	case StatusHealthy:
		if len(r.Symptom) > 0 {
			return fmt.Sprintf("The symptom is not there, and all %d causes are excluded", len(r.Hypotheses))
		}
		return fmt.Sprintf("All %d causes are excluded", len(r.Hypotheses))
	case StatusNotReproduced:
		return "Still firing; I cannot reproduce it from " + r.Target
	case StatusInterrupted:
		return "Interrupted: " + run.leading(r)
	case StatusInconclusive, StatusError:
	}
	return run.leading(r)
}

// causes names the confirmed stories, each from its deepest cause, with what
// contributes; or what is likely.
func (run *run) causes(r *Report, assessment *belief.Assessment) string {
	stories := slices.Clone(assessment.Stories)
	for h, judgement := range assessment.Hypotheses {
		told := slices.ContainsFunc(stories, func(story []int) bool { return slices.Contains(story, h) })
		if judgement.Verdict == belief.VerdictContributing && !told {
			stories = append(stories, []int{h})
		}
	}
	if len(stories) == 0 {
		for h, judgement := range assessment.Hypotheses {
			if judgement.Verdict == belief.VerdictLikely {
				stories = append(stories, []int{h})
			}
		}
	}
	var told []string
	for _, story := range stories {
		var titles []string
		for _, h := range story {
			title := r.Hypotheses[h].Title
			if subjects := r.Hypotheses[h].Subjects; len(subjects) > 0 {
				title += ": " + listed(subjects)
			}
			titles = append(titles, title)
		}
		told = append(told, strings.Join(titles, " → "))
	}
	return strings.Join(told, " · and: ")
}

// leading says what an undecided run leans to, and what is odd.
func (run *run) leading(r *Report) string {
	var unseen int
	for _, s := range r.Steps {
		if s.Status == Failed || s.Status == Skipped {
			unseen++
		}
	}
	parts := []string{"No cause could be confirmed"}
	best := slices.MaxFunc(append(r.Hypotheses, HypothesisReport{}), func(a, b HypothesisReport) int {
		switch {
		case a.Probability < b.Probability:
			return -1
		case a.Probability > b.Probability:
			return 1
		}
		return 0
	})
	switch {
	case best.Probability >= 0.3 && best.Points > 0:
		parts = append(parts, "it points to "+best.ID)
	case len(r.Unexplained) > 0:
		parts[0] = "Nothing likely; odd: " + r.Unexplained[0].Expression
	}
	if unseen > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d steps could not look", unseen, len(r.Steps)))
	}
	return strings.Join(parts, "; ")
}
