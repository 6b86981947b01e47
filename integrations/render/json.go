package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"gumshoe/engine"
)

// JSON writes a report as one indented object, in the form that
// engine.ReportSchema names.
func JSON(w io.Writer, r *engine.Report) error { return writeJSON(w, r) }

// WriteJSON writes any result in the way that JSON writes a report.
func WriteJSON(w io.Writer, value any) error { return writeJSON(w, value) }

// writeJSON writes a value as indented JSON that is safe to print: what a
// terminal would obey is written as \u escapes.
func writeJSON(w io.Writer, value any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		return err
	}
	_, err := w.Write(harmless(buf.Bytes()))
	return err
}

// harmless escapes the control characters that encoding/json leaves as they are.
// They can only stand inside of strings.
func harmless(data []byte) []byte {
	if isClean(string(bytes.ReplaceAll(data, []byte("\n"), nil))) {
		return data
	}
	out := make([]byte, 0, len(data)+64)
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n' || !isControl(r):
			out = append(out, data[:size]...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		data = data[size:]
	}
	return out
}
