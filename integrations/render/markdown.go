package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"gumshoe/engine"
)

// Markdown writes a report as GitHub-flavoured Markdown, for an issue or an
// incident's page.
func Markdown(w io.Writer, r *engine.Report) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "## %s: %s\n\n", verdictWord(r.Status), escapeMarkdown(headline(r)))
	fmt.Fprintf(&b, "**%s** · %s · on %s · %s · %s\n", escapeMarkdown(r.Runbook), escapeMarkdown(r.Title),
		escapeMarkdown(r.Target), Time(r.Started), took(r))
	if began := onset(r); began != "" {
		fmt.Fprintf(&b, "\nOnset %s\n", began)
	}
	for _, s := range r.Symptom {
		fmt.Fprintf(&b, "\nSymptom %s: %s\n", codeSpan(s.Expression),
			escapeMarkdown(joinNonEmpty(": ", s.Result.String(), strings.TrimPrefix(shown(s.Shown, s.Reason, s.Result, s.Values), "unknown: "))))
	}
	for _, h := range told(r) {
		markdownHypothesis(&b, h, "### ")
	}
	if open := with(r, engine.VerdictOpen); len(open) > 0 && len(told(r)) == 0 && r.Status != engine.StatusHealthy {
		b.WriteString("\n### Still possible\n")
		const top = 3
		for i, h := range open {
			if i == top {
				fmt.Fprintf(&b, "\n… and %s\n", plural(len(open)-top, "other"))
				break
			}
			markdownHypothesis(&b, h, "#### ")
		}
	}
	markdownLists(&b, r)
	markdownSteps(&b, r)
	fmt.Fprintf(&b, "\nRun `%s` · gumshoe %s\n", Clean(r.Run), escapeMarkdown(r.Version))
	_, err := w.Write(b.Bytes())
	return err
}

func markdownHypothesis(b *bytes.Buffer, h engine.HypothesisReport, heading string) {
	fmt.Fprintf(b, "\n%s%s (%s)\n", heading, escapeMarkdown(title(h)), strings.ReplaceAll(string(h.Verdict), "_", " "))
	if len(h.Chain) > 1 {
		names := make([]string, len(h.Chain))
		for i, id := range h.Chain {
			names[i] = escapeMarkdown(name(id))
		}
		fmt.Fprintf(b, "\nThe story, deepest cause first: %s\n", strings.Join(names, " → "))
	}
	if len(h.Evidence) > 0 {
		b.WriteString("\n| Points | Evidence | Seen |\n| ---: | --- | --- |\n")
	}
	for _, e := range h.Evidence {
		fmt.Fprintf(b, "| %s | %s | %s |\n", points(e.Points), tableCell(codeSpan(e.Expression)), tableCell(escapeMarkdown(finding(e))))
	}
	if h.Next != "" {
		fmt.Fprintf(b, "\n**Next:** %s\n", escapeMarkdown(Clean(h.Next)))
	}
}

func markdownLists(b *bytes.Buffer, r *engine.Report) {
	if len(r.Unexplained) > 0 {
		b.WriteString("\n### Odd: true, and nothing above explains it\n\n")
		for _, e := range r.Unexplained {
			fmt.Fprintf(b, "- %s: %s\n", codeSpan(e.Expression), escapeMarkdown(shown(e.Shown, e.Reason, e.Result, e.Values)))
		}
	}
	if ruled := with(r, engine.VerdictRuledOut); len(ruled) > 0 {
		b.WriteString("\n### Ruled out\n\n")
		for _, h := range ruled {
			fmt.Fprintf(b, "- %s\n", escapeMarkdown(joinNonEmpty(": ", title(h), whyNot(h, 0))))
		}
	}
	if len(r.Missing) > 0 {
		b.WriteString("\n### Not looked at\n\n")
		for _, m := range r.Missing {
			fmt.Fprintf(b, "- **%s**: %s\n", escapeMarkdown(m.Step), escapeMarkdown(joinNonEmpty("; ", Clean(m.Reason), Clean(m.Could), fix(m.Fix))))
		}
	}
	if len(r.Changes) > 0 {
		b.WriteString("\n### Changed before the onset\n\n")
		for _, c := range r.Changes {
			fmt.Fprintf(b, "- %s %s\n", Time(c.At), escapeMarkdown(joinNonEmpty(" ", Clean(c.Kind), Clean(c.What), Clean(c.By))))
		}
	}
	if who := joinNonEmpty(", then ", r.Owner, r.Escalation); who != "" {
		fmt.Fprintf(b, "\n**Ask:** %s\n", escapeMarkdown(who))
	}
}

func fix(text string) string {
	if text == "" {
		return ""
	}
	return "to allow it: " + Clean(text)
}

func markdownSteps(b *bytes.Buffer, r *engine.Report) {
	if len(r.Steps) == 0 {
		return
	}
	b.WriteString("\n<details><summary>Steps</summary>\n\n| | Step | Check | Took | Result |\n| --- | --- | --- | ---: | --- |\n")
	for _, s := range r.Steps {
		sign, _ := mark(s.Status)
		took := ""
		if ran(s) {
			took = elapsed(s.ElapsedSeconds)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", sign, tableCell(escapeMarkdown(s.ID)), tableCell(escapeMarkdown(s.Check)), took, tableCell(escapeMarkdown(stepNote(s))))
	}
	markdownAttachments(b, r)
	b.WriteString("\n</details>\n")
}

// escapeMarkdown makes a text stand for itself: no emphasis, links, HTML or
// mentions.
func escapeMarkdown(text string) string {
	pairs := []string{"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;", "\\", "\\\\"}
	for _, c := range "`*_{}[]()#+!|~" {
		pairs = append(pairs, string(c), `\`+string(c))
	}
	return strings.NewReplacer(append(pairs, "://", "&#58;//", "www.", "www&#46;")...).Replace(Clean(text))
}

// codeSpan puts a text in backticks, more than it holds itself.
func codeSpan(text string) string {
	text = Clean(text)
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// tableCell keeps a code span's bars from ending its cell; the bars of other
// texts are escaped already.
func tableCell(text string) string {
	if !strings.HasPrefix(text, "`") {
		return text
	}
	return strings.ReplaceAll(text, "|", `\|`)
}
