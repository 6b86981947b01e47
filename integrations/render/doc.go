// Package render turns what the engine found into what people and programs
// read: text for a terminal, Markdown, HTML, JUnit XML and JSON.
//
// It writes only what it is given: it runs nothing, reads no files and decides
// no verdicts. Everything it writes may come from a hostile host, so control
// characters are made visible and each format's own syntax is escaped.
package render

import (
	"fmt"
	"io"
	"strings"

	"gumshoe/engine"
	"gumshoe/engine/source"
)

// Format names a form in which a report can be written.
type Format string

// The formats.
const (
	FormatText     Format = "text"
	FormatJSON     Format = "json"
	FormatMarkdown Format = "markdown"
	FormatHTML     Format = "html"
	FormatJUnit    Format = "junit"
)

// ReportFormats lists the formats in which Report can write.
func ReportFormats() []Format {
	return []Format{FormatText, FormatJSON, FormatMarkdown, FormatHTML, FormatJUnit}
}

// ParseFormat checks the name of a format against those that a command knows,
// and names the nearest when it is none of them.
func ParseFormat(name string, known ...Format) (Format, error) {
	names := make([]string, len(known))
	for i, f := range known {
		if string(f) == name {
			return f, nil
		}
		names[i] = string(f)
	}
	return "", fmt.Errorf("there is no format %q%s (there are: %s)",
		name, source.DidYouMean(name, names), strings.Join(names, ", "))
}

// Options say how a text is to look. The zero value is plain text of 80 columns.
type Options struct {
	// Color allows ANSI colours.
	Color bool
	// Width is the number of columns; 0 means 80.
	Width int
	// Exit is the status that the program is about to exit with; the text
	// mentions it when Footer is set.
	Exit int
	// Footer adds a last line with the run's id and Exit. Kept says that the run
	// can be read again with "gumshoe report".
	Footer, Kept bool
}

// Report writes a report in a format.
func Report(w io.Writer, format Format, r *engine.Report, o Options) error {
	switch format {
	case FormatText:
		return Text(w, r, o)
	case FormatJSON:
		return JSON(w, r)
	case FormatMarkdown:
		return Markdown(w, r)
	case FormatHTML:
		return HTML(w, r)
	case FormatJUnit:
		return JUnit(w, r)
	case FormatDOT, FormatSVG: // of a topology alone
	}
	return fmt.Errorf("there is no format %q", format)
}
