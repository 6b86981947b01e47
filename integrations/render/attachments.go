package render

import (
	"bytes"
	"fmt"

	"gumshoe/engine"
)

// attachments writes which files were kept beside the run, their paths whole, so
// that they can be copied.
func (p *page) attachments(r *engine.Report) {
	label := "  kept        "
	for _, s := range r.Steps {
		for _, a := range s.Attachments {
			p.line(p.in(dim, label), Clean(a.Title)+", "+Bytes(float64(a.Bytes)))
			p.line("              ", Clean(a.Path))
			label = "              "
		}
	}
}

// markdownAttachments is the same in Markdown.
func markdownAttachments(b *bytes.Buffer, r *engine.Report) {
	for _, s := range r.Steps {
		for _, a := range s.Attachments {
			fmt.Fprintf(b, "\nKept: %s, %s: %s\n", escapeMarkdown(a.Title), Bytes(float64(a.Bytes)), codeSpan(a.Path))
		}
	}
}
