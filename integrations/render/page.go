package render

import (
	"bytes"
	"io"
	"strings"
)

// page is a text under construction. Its methods take clean texts.
type page struct {
	Options
	buf bytes.Buffer
	// blind are the steps of which a line above says that they could not look.
	blind map[string]bool
}

func newPage(o Options) *page {
	if o.Width <= 0 {
		o.Width = 80
	}
	o.Width = max(o.Width, 40)
	return &page{Options: o, blind: make(map[string]bool)}
}

// flush writes the page at once, so that a reader never sees half of it.
func (p *page) flush(w io.Writer) error {
	_, err := w.Write(p.buf.Bytes())
	return err
}

// line writes a line without trailing blanks.
func (p *page) line(parts ...string) {
	p.buf.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	p.buf.WriteByte('\n')
}

// blank writes an empty line, unless the page begins or the last one is empty.
func (p *page) blank() {
	if b := p.buf.Bytes(); len(b) > 0 && !bytes.HasSuffix(b, []byte("\n\n")) {
		p.buf.WriteByte('\n')
	}
}

// hang writes a text after a label, wrapped so that it stays to the right of
// the label. The label may hold colour; labelWidth is what it takes.
func (p *page) hang(label string, labelWidth int, text string) {
	p.hangIn(label, labelWidth, text, plain)
}

func (p *page) hangIn(label string, labelWidth int, text string, s style) {
	for i, line := range wrap(text, p.Width-labelWidth) {
		if i > 0 {
			label = strings.Repeat(" ", labelWidth)
		}
		p.line(label, p.in(s, line))
	}
}

// items writes texts one after another with " · " between them, breaking lines
// only between items where it can.
func (p *page) items(label string, labelWidth int, items []string) {
	room := p.Width - labelWidth
	line := ""
	emit := func() {
		p.hang(label, labelWidth, line)
		label = strings.Repeat(" ", labelWidth)
	}
	for i, item := range items {
		if i < len(items)-1 {
			item += " ·"
		}
		switch {
		case line == "":
			line = item
		case width(line)+1+width(item) <= room:
			line += " " + item
		default:
			emit()
			line = item
		}
	}
	if line != "" {
		emit()
	}
}

// style is a set of ANSI attributes of the 16 colours that every theme adapts.
type style string

const (
	plain   style = ""
	bold    style = "1"
	dim     style = "2"
	red     style = "31"
	green   style = "32"
	magenta style = "35"
	cyan    style = "36"
	badly   style = "1;31"
	well    style = "1;32"
	maybe   style = "1;35"
)

// in gives a text in a style, when colours are allowed.
func (o Options) in(s style, text string) string {
	if !o.Color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
