package load

import (
	"slices"
	"strconv"
	"strings"

	"gumshoe/engine/expression"
	"gumshoe/engine/source"
)

// keysGiven refuses what reads an entry of a map in an observation that the step
// does not ask for: errors.matches["refsued"] where its patterns have refused. A
// step whose inputs are not literal is not judged.
func (b *builder) keysGiven(text source.Text, reads []expression.Read) bool {
	for _, r := range reads {
		draft := b.steps[r.Root]
		field, key, ok := mapRead(r.Path)
		if !ok || draft == nil || draft.step.Check == nil {
			continue
		}
		f, ok := draft.step.Check.Out.Field(field)
		if !ok || f.Keys == "" {
			continue
		}
		given, known := draft.keys(f.Keys)
		if known && !slices.Contains(given, key) {
			b.faults.Addf(text.Position, "%s.%s has an entry for each of the %s of step %s, and %q is none of them%s",
				r.Root, field, f.Keys, r.Root, clip(key), source.DidYouMean(key, given))
			return false
		}
	}
	return true
}

// mapRead takes the path of an entry of a map apart: matches["refused"].
func mapRead(path string) (field, key string, ok bool) {
	path = strings.TrimPrefix(path, "[].") // of a step with each:
	field, rest, ok := strings.Cut(path, "[")
	if !ok || !strings.HasPrefix(rest, `"`) {
		return "", "", false
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", "", false
	}
	key, err = strconv.Unquote(quoted)
	return field, key, err == nil
}

// keys gives the keys that a step writes for an input of its check; known is false
// when they cannot be told before a run.
func (d *stepDraft) keys(input string) (keys []string, known bool) {
	with := d.object.Field("with")
	node := with.Field(input)
	switch {
	case node.IsMapping():
		for _, field := range node.Fields() {
			keys = append(keys, field.Key.Value)
		}
		return keys, true
	case node.IsList():
		for _, item := range node.Items() {
			if isTemplate(item.Text().Value) {
				return nil, false
			}
			keys = append(keys, item.Text().Value)
		}
		return keys, true
	case node.IsZero():
		return nil, with.IsZero() || with.IsMapping()
	}
	return nil, false
}
