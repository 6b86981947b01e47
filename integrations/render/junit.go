package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"gumshoe/engine"
)

// JUnit's XML, as CI systems read it.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr,omitempty"`
	Hostname  string      `xml:"hostname,attr,omitempty"`
	Cases     []junitCase `xml:"testcase"`
	Out       string      `xml:"system-out,omitempty"`
}

type junitCase struct {
	Name    string      `xml:"name,attr"`
	Class   string      `xml:"classname,attr"`
	Time    string      `xml:"time,attr"`
	Failure *junitFault `xml:"failure"`
	Error   *junitFault `xml:"error"`
	Skipped *junitFault `xml:"skipped"`
}

type junitFault struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes a report as JUnit XML: a test for the verdict, one for each
// hypothesis (failed when it was found, skipped when it is open) and one for each
// step (an error when we could not look). Only healthy passes whole.
func JUnit(w io.Writer, r *engine.Report) error {
	class := "gumshoe." + Clean(r.Runbook)
	verdict := junitCase{Name: "verdict", Class: class, Time: junitTime(r.ElapsedSeconds)}
	fault := &junitFault{Message: headline(r), Type: Clean(string(r.Status))}
	switch r.Status {
	case engine.StatusHealthy:
	case engine.StatusConfirmed:
		verdict.Failure = fault
	case engine.StatusLikely, engine.StatusNotReproduced, engine.StatusInconclusive, engine.StatusInterrupted, engine.StatusError:
		verdict.Error = fault
	}
	cases := []junitCase{verdict}
	for _, h := range r.Hypotheses {
		cases = append(cases, junitHypothesis(class, h))
	}
	for _, s := range r.Steps {
		c := junitCase{Name: Clean(s.ID), Class: class + ".steps", Time: junitTime(s.ElapsedSeconds)}
		fault := &junitFault{Message: stepNote(s), Type: string(s.Status), Text: Clean(s.Fix)}
		switch s.Status {
		case engine.Failed:
			c.Error = fault
		case engine.Skipped, engine.NotApplicable, engine.NotNeeded:
			c.Skipped = fault
		case engine.Observed, engine.Partial:
		}
		cases = append(cases, c)
	}
	suite := junitSuite{
		Name: class, Time: junitTime(r.ElapsedSeconds), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"),
		Hostname: Clean(r.Target), Cases: cases, Out: "run " + Clean(r.Run),
	}
	return writeJUnit(w, "gumshoe", suite)
}

func junitHypothesis(class string, h engine.HypothesisReport) junitCase {
	c := junitCase{Name: Clean(h.ID), Class: class + ".hypotheses", Time: "0"}
	var lines []string
	for _, e := range h.Evidence {
		lines = append(lines, fmt.Sprintf("%s  %s  %s", points(e.Points), Clean(e.Expression), finding(e)))
	}
	fault := &junitFault{Message: title(h), Type: string(h.Verdict), Text: strings.Join(lines, "\n")}
	switch h.Verdict {
	case engine.VerdictConfirmed, engine.VerdictContributing, engine.VerdictLikely:
		c.Failure = fault
	case engine.VerdictOpen:
		c.Skipped = fault
	case engine.VerdictRuledOut:
	}
	return c
}

// writeJUnit counts what the suites hold and writes them.
func writeJUnit(w io.Writer, name string, suites ...junitSuite) error {
	all := junitSuites{Name: name}
	for _, s := range suites {
		s.Tests = len(s.Cases)
		for _, c := range s.Cases {
			switch {
			case c.Failure != nil:
				s.Failures++
			case c.Error != nil:
				s.Errors++
			case c.Skipped != nil:
				s.Skipped++
			}
		}
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Time = s.Time
		all.Suites = append(all.Suites, s)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, data)
	return err
}

func junitTime(seconds float64) string { return fmt.Sprintf("%.3f", seconds) }
