package reference

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gumshoe/engine"
)

const generated = "<!-- Made by go generate ./checks from the Go source: edit the doc comments there. -->\n\n"

// page is the reference of one check, in Markdown.
func page(d *engine.Definition, body string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s# %s\n\n%s\n\n", generated, d.Name, d.Doc)
	fmt.Fprintf(&b, "Takes about %s. Risk: %s.", duration(d.Cost), d.Risk)
	if d.Resource != "" {
		fmt.Fprintf(&b, " One at a time, with whatever else uses %q.", d.Resource)
	}
	fmt.Fprintf(&b, "\n\n%s\n## Inputs\n\n", body)
	if len(d.In.Fields) == 0 {
		b.WriteString("None.\n")
	} else {
		b.WriteString("| input | type | default | allowed | what it is |\n|---|---|---|---|---|\n")
		for _, f := range d.In.Fields {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.Name, typeOf(f), defaultOf(f), bounds(f), cell(about(f)))
		}
	}
	b.WriteString("\n## Output\n\n| field | type | what it is |\n|---|---|---|\n")
	outputs(&b, "", d.Out)
	return []byte(b.String())
}

func outputs(b *strings.Builder, prefix string, s *engine.Struct) {
	for _, f := range s.Fields {
		doc := about(f)
		if len(f.Enum) > 0 {
			doc += " One of `" + strings.Join(f.Enum, "`, `") + "`."
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, f.Name, typeOf(f), cell(doc))
		if f.Of == nil {
			continue
		}
		below := prefix + f.Name + "."
		switch f.Kind {
		case engine.KindList:
			below = prefix + f.Name + "[]."
		case engine.KindMap:
			below = prefix + f.Name + "[NAME]."
		}
		outputs(b, below, f.Of)
	}
}

// about is a field's doc without its own name at the beginning, as the name
// stands beside it.
func about(f *engine.Field) string {
	for _, lead := range []string{" is ", " are "} {
		rest, ok := strings.CutPrefix(f.Doc(), f.Name+lead)
		word, after, _ := strings.Cut(rest, " ")
		switch {
		case !ok || rest == "":
		case strings.Contains(word, "_"): // another field
			return "`" + word + "` " + after
		default:
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return strings.Replace(f.Doc(), f.Name+" ", "`"+f.Name+"` ", 1)
}

func typeOf(f *engine.Field) string {
	switch f.Kind {
	case engine.KindList, engine.KindMap:
		of := "object"
		if f.Of == nil {
			of = map[string]string{"string": "string", "float64": "number", "bool": "bool"}[f.Type.Elem().Kind().String()]
			if of == "" {
				of = "integer"
			}
		}
		return fmt.Sprintf("%s of %ss", f.Kind, of)
	case engine.KindString:
		if f.Format != "" {
			return f.Format
		}
	}
	return string(f.Kind)
}

func defaultOf(f *engine.Field) string {
	switch {
	case f.Required:
		return "needed"
	case f.Default != "":
		return "`" + f.Default + "`"
	}
	return "–"
}

func bounds(f *engine.Field) string {
	if len(f.Enum) > 0 {
		return "`" + strings.Join(f.Enum, "`, `") + "`"
	}
	show := func(bound float64) string {
		if f.Kind == engine.KindDuration {
			return time.Duration(bound * float64(time.Second)).String()
		}
		return strconv.FormatFloat(bound, 'g', -1, 64)
	}
	switch low, high := !math.IsNaN(f.Min), !math.IsNaN(f.Max); {
	case low && high:
		return show(f.Min) + " to " + show(f.Max)
	case low:
		return "from " + show(f.Min)
	case high:
		return "up to " + show(f.Max)
	}
	return "–"
}

// duration writes an estimate for a person: "50 ms", "1.01 s".
func duration(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}

// cell escapes what would end a cell of a Markdown table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// indexPage lists the checks.
func indexPage(checks []*engine.Definition) []byte {
	var b strings.Builder
	b.WriteString(generated + "# Checks\n\nWhat a step of a runbook can look at. `gumshoe checks NAME` prints the same.\n\n")
	b.WriteString("| check | what it observes | risk | takes about |\n|---|---|---|---|\n")
	for _, d := range checks {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %s |\n", d.Name, d.Name, cell(d.Doc), d.Risk, duration(d.Cost))
	}
	return []byte(b.String())
}
