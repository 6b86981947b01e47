package command

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gumshoe/engine"
)

// maxOutput bounds in bytes what is kept of each of a program's outputs.
const maxOutput = 64 << 10

// maxFields bounds how many fields are read.
const maxFields = 1000

// head keeps the beginning of what is written to it and takes the rest too, so
// that the program does not stall.
type head struct {
	kept     bytes.Buffer
	dropped  int64
	newlines int
	last     byte
}

func (h *head) Write(p []byte) (int, error) {
	if len(p) > 0 {
		h.newlines += bytes.Count(p, []byte{'\n'})
		h.last = p[len(p)-1]
	}
	keep := min(len(p), maxOutput-h.kept.Len())
	h.kept.Write(p[:keep])
	h.dropped += int64(len(p) - keep)
	return len(p), nil
}

// text is what was kept, as valid UTF-8.
func (h *head) text() string { return strings.ToValidUTF8(h.kept.String(), "\uFFFD") }

// lines counts the lines of everything written; the last needs no line break.
func (h *head) lines() int {
	if h.last != 0 && h.last != '\n' {
		return h.newlines + 1
	}
	return h.newlines
}

// parse reads fields from the standard output.
func (o *Output) parse(call *engine.Call, format string) {
	if format == "text" || format == "" {
		return
	}
	if o.StdoutTruncated {
		unread(call, "the output is longer than 64 KiB", "let the program print less", "fields", "numbers")
	}
	if format == "keyvalue" {
		o.parsePairs(call)
		return
	}
	decoder := json.NewDecoder(strings.NewReader(o.Stdout))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		unread(call, "the output is not JSON: "+err.Error(), "", "fields", "numbers")
		return
	}
	if _, err := decoder.Token(); err != io.EOF {
		unread(call, "the output is more than one JSON value", "", "fields", "numbers")
	}
	o.flatten(call, "", value)
}

// flatten adds the scalars of a JSON value under their paths.
func (o *Output) flatten(call *engine.Call, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			o.flatten(call, under(path, key), inner)
		}
	case []any:
		for i, inner := range v {
			o.flatten(call, under(path, strconv.Itoa(i)), inner)
		}
	case string:
		o.add(call, path, v)
	case json.Number:
		o.add(call, path, v.String())
	case bool:
		o.add(call, path, strconv.FormatBool(v))
	case nil:
		o.add(call, path, "null")
	}
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// parsePairs reads lines of key=value or key: value, with the value in quotes or
// not; of a key that comes twice the last counts. Other lines are passed over.
func (o *Output) parsePairs(call *engine.Call) {
	for line := range strings.Lines(o.Stdout) {
		i := strings.IndexAny(line, "=:")
		if i < 1 {
			continue
		}
		key, value := strings.TrimSpace(line[:i]), strings.TrimSpace(line[i+1:])
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		if key != "" && !strings.HasPrefix(key, "#") {
			o.add(call, key, value)
		}
	}
}

func (o *Output) add(call *engine.Call, key, value string) {
	if _, again := o.Fields[key]; !again && len(o.Fields) >= maxFields {
		unread(call, "more than 1000 fields", "let the program print less", "fields", "numbers")
		return
	}
	o.Fields[key] = value
	delete(o.Numbers, key)
	if n, err := strconv.ParseFloat(value, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
		o.Numbers[key] = n
	}
}

// printable keeps what a program printed from moving the cursor of a terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, line)
}

// clip cuts a line to what fits a summary.
func clip(line string) string {
	const most = 80
	if len(line) <= most {
		return line
	}
	cut := most
	for !utf8.RuneStart(line[cut]) {
		cut--
	}
	return line[:cut] + "…"
}
