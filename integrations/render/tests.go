package render

import (
	"fmt"
	"io"
	"strings"

	"gumshoe/engine"
)

// TestedRunbook is a runbook with what came of its recorded cases.
type TestedRunbook struct {
	Runbook string       `json:"runbook"`
	Cases   []TestedCase `json:"cases"`
	// Hypotheses is how many the runbook has; 0 when its coverage was not worked
	// out. Unconfirmed have no case that confirms them, Unrefuted none that rules
	// them out.
	Hypotheses  int      `json:"hypotheses,omitempty"`
	Unconfirmed []string `json:"unconfirmed,omitempty"`
	Unrefuted   []string `json:"unrefuted,omitempty"`
}

// TestedCase is one recorded case and what came of it.
type TestedCase struct {
	Name     string        `json:"case"`
	File     string        `json:"file"`
	Status   engine.Status `json:"status"`
	Headline string        `json:"headline"`
	// Failures say what was concluded otherwise than expected.
	Failures []string `json:"failures"`
	// Report is what the run concluded; it is printed before the results, as text
	// and when it is set.
	Report *engine.Report `json:"-"`
}

// Failed tells whether a case did.
func (t TestedRunbook) Failed() bool {
	for _, c := range t.Cases {
		if len(c.Failures) > 0 {
			return true
		}
	}
	return false
}

// Tests writes what came of recorded cases, as text, JSON or JUnit.
func Tests(w io.Writer, format Format, tested []TestedRunbook, o Options) error {
	switch format {
	case FormatJSON:
		return testsJSON(w, tested)
	case FormatJUnit:
		return testsJUnit(w, tested)
	case FormatText, FormatMarkdown, FormatHTML, FormatDOT, FormatSVG:
	}
	for _, t := range tested {
		for _, c := range t.Cases {
			if c.Report == nil {
				continue
			}
			if err := Text(w, c.Report, o); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
	}
	p := newPage(o)
	cases, failed := 0, 0
	for _, t := range tested {
		p.line(p.in(bold, Clean(t.Runbook)))
		names := 0
		for _, c := range t.Cases {
			names = max(names, min(width(Clean(c.Name)), 32))
		}
		for _, c := range t.Cases {
			cases++
			label := "  " + p.in(green, "✓") + " "
			if len(c.Failures) > 0 {
				failed++
				label = "  " + p.in(red, "✗") + " "
			}
			said := joinNonEmpty(": ", strings.ReplaceAll(string(c.Status), "_", " "), Clean(c.Headline))
			p.line(label, pad(Clean(c.Name), names), "  ", fit(said, max(20, p.Width-names-6)))
			for _, f := range c.Failures {
				p.hang("      ", 6, Clean(f))
			}
			if len(c.Failures) > 0 {
				p.hang("      ", 6, Clean(c.File))
			}
		}
		p.coverage(t)
	}
	p.blank()
	p.line(plural(cases, "case"), ", ", fmt.Sprint(failed), " failed")
	return p.flush(w)
}

func (p *page) coverage(t TestedRunbook) {
	if t.Hypotheses == 0 {
		return
	}
	if len(t.Unconfirmed)+len(t.Unrefuted) == 0 {
		p.line("  every one of ", plural(t.Hypotheses, "hypothesis"), " is confirmed by a case and ruled out by another")
		return
	}
	for _, gap := range []struct {
		what string
		ids  []string
	}{{"confirmed", t.Unconfirmed}, {"ruled out", t.Unrefuted}} {
		text := fmt.Sprintf("%d of %s %s by a case", t.Hypotheses-len(gap.ids), plural(t.Hypotheses, "hypothesis"), gap.what)
		if len(gap.ids) > 0 {
			text += ", not: " + Clean(strings.Join(gap.ids, ", "))
		}
		p.hang("  ", 2, text)
	}
}

func testsJSON(w io.Writer, tested []TestedRunbook) error {
	cases, failed := 0, 0
	for _, t := range tested {
		for _, c := range t.Cases {
			cases++
			if len(c.Failures) > 0 {
				failed++
			}
		}
	}
	if tested == nil {
		tested = []TestedRunbook{}
	}
	return writeJSON(w, struct {
		Cases    int             `json:"cases"`
		Failed   int             `json:"failed"`
		Runbooks []TestedRunbook `json:"runbooks"`
	}{cases, failed, tested})
}

func testsJUnit(w io.Writer, tested []TestedRunbook) error {
	var suites []junitSuite
	for _, t := range tested {
		s := junitSuite{Name: "gumshoe." + Clean(t.Runbook), Time: "0"}
		for _, c := range t.Cases {
			test := junitCase{Name: Clean(c.Name), Class: s.Name + ".cases", Time: "0"}
			if len(c.Failures) > 0 {
				lines := make([]string, len(c.Failures))
				for i, f := range c.Failures {
					lines[i] = Clean(f)
				}
				test.Failure = &junitFault{Message: lines[0], Type: "verdict", Text: strings.Join(lines, "\n")}
			}
			s.Cases = append(s.Cases, test)
		}
		suites = append(suites, s)
	}
	return writeJUnit(w, "gumshoe test", suites...)
}
