package render

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"gumshoe/engine"
	"gumshoe/engine/kleene"
)

// RunSchema gives the JSON Schema (draft 2020-12) of what JSON writes of a
// report. docs/run.schema.json is a copy of it.
func RunSchema() ([]byte, error) {
	return document(reflect.TypeFor[engine.Report](), engine.ReportSchema, "A run of a Gumshoe runbook")
}

// DoctorSchema gives the JSON Schema (draft 2020-12) of what DoctorJSON writes.
// docs/doctor.schema.json is a copy of it.
func DoctorSchema() ([]byte, error) {
	return document(reflect.TypeFor[Doctor](), DoctorForm, "What gumshoe doctor found")
}

// document gives the schema of a type whose field schema names the form.
func document(t reflect.Type, form, title string) ([]byte, error) {
	schema := schemaOf(t)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = title
	properties := schema["properties"].(map[string]any)
	properties["schema"] = map[string]any{"const": form}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(schema)
	return out.Bytes(), err
}

// wordsOf gives the values of a type that is one of a few words, or nil.
func wordsOf(t reflect.Type) []any {
	switch t {
	case reflect.TypeFor[engine.Status]():
		return []any{
			engine.StatusConfirmed, engine.StatusLikely, engine.StatusHealthy, engine.StatusNotReproduced,
			engine.StatusInconclusive, engine.StatusInterrupted, engine.StatusError,
		}
	case reflect.TypeFor[engine.Verdict]():
		return []any{
			engine.VerdictConfirmed, engine.VerdictContributing, engine.VerdictLikely, engine.VerdictOpen, engine.VerdictRuledOut,
		}
	case reflect.TypeFor[engine.StepStatus]():
		return []any{
			engine.Observed, engine.Partial, engine.Failed, engine.Skipped, engine.NotApplicable, engine.NotNeeded,
		}
	case reflect.TypeFor[kleene.Truth]():
		return []any{"true", "false", "unknown"}
	case reflect.TypeFor[DoctorStatus]():
		return []any{DoctorReady, DoctorBroken}
	case reflect.TypeFor[Sight]():
		return []any{SeesAll, SeesPart, SeesNothing, NeedsInput, NotRun}
	}
	return nil
}

// schemaOf describes a type as encoding/json writes it. A field that omitempty
// or omitzero may leave out is not required.
func schemaOf(t reflect.Type) map[string]any {
	if values := wordsOf(t); values != nil {
		return map[string]any{"enum": values}
	}
	if t == reflect.TypeFor[time.Time]() {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		properties, required := map[string]any{}, []any{}
		for field := range t.Fields() {
			if !field.IsExported() {
				continue
			}
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			properties[name] = schemaOf(field.Type)
			if options == "" {
				required = append(required, name)
			}
		}
		return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
	return map[string]any{} // an output: what it holds is the check's to say
}
