package load

import (
	"encoding/json"
	"maps"
	"math"
	"strings"

	"gumshoe/engine"
)

// Schema is the JSON Schema (draft 2020-12) of a runbook file, for editors:
// keys with their descriptions, the checks with what each takes, the words that
// are allowed. It cannot tell everything that the loader can: expressions are
// just strings to it.
func Schema(registry *engine.Registry) []byte {
	defs := object{
		"symbol":     object{"type": "string", "pattern": symbol.String(), "maxLength": maxSymbol},
		"expression": object{"type": "string", "minLength": 1, "description": "an expression over what the steps observe, without ${…}"},
		"template":   object{"type": "string", "minLength": 1, "description": "a text in which ${…} is filled in"},
		"duration": object{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w))+$`,
			"description": "numbers with units: 15m, 1.5s, 2d"},
		"names":      oneOrList(object{"type": "string"}),
		"secret_ref": secretRefSchema(),
		"input":      inputSchema(),
		"trigger":    triggerSchema(),
		"evidence":   evidenceSchema(),
		"hypothesis": hypothesisSchema(),
		"step":       stepSchema(registry),
		"remedy": withChecks(registry, object{
			"check":  object{"description": "the check, of risk change, that makes the change"},
			"with":   object{"type": "object"},
			"verify": described(ref("expression"), "what holds once it has helped"),
		}),
	}
	schema := object{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "A Gumshoe runbook",
		"type":                 "object",
		"required":             []string{"runbook"},
		"additionalProperties": false,
		"$defs":                defs,
		"properties": object{
			"runbook":    object{"type": "string", "pattern": kebab.String(), "description": "the runbook's name, equal to the file's"},
			"title":      text("the trouble it looks into, in a few words"),
			"about":      text("what it can tell apart, and what it needs"),
			"patience":   described(ref("duration"), "how much checking one wrong or empty verdict is worth; 15m unless given"),
			"budget":     described(ref("duration"), "the most that a run may take; 5m unless given"),
			"owner":      text("who looks after the system"),
			"escalation": text("whom to wake when a run cannot tell"),
			"inputs":     mapOf(ref("input"), "what an operator or an alert gives to a run"),
			"triggers":   described(oneOrList(ref("trigger")), "what starts a run by itself"),
			"symptom":    described(oneOrList(ref("expression")), "what is wrong; observed first"),
			"steps":      mapOf(ref("step"), "the instruments; the engine chooses which to use, and when"),
			"hypotheses": mapOf(ref("hypothesis"), "what may be the cause"),
			"use":        described(ref("names"), "runbooks whose inputs, steps and hypotheses are brought in"),
		},
	}
	return marshal(schema)
}

// object is a part of a schema. Its keys are written sorted.
type object = map[string]any

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

func text(description string) object {
	return object{"type": "string", "minLength": 1, "description": description}
}

// described adds a description to a schema.
func described(schema object, description string) object {
	with := maps.Clone(schema)
	with["description"] = description
	return with
}

func oneOrList(item object) object {
	return object{"anyOf": []any{item, object{"type": "array", "items": item, "minItems": 1}}}
}

func mapOf(value object, description string) object {
	return object{"type": "object", "propertyNames": ref("symbol"), "additionalProperties": value, "description": description}
}

func closed(properties object, required ...string) object {
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func enum(values ...string) object { return object{"enum": values} }

func secretRefSchema() object {
	return closed(object{"secret": object{"type": "string", "pattern": "^(none$|(env|file):.)",
		"description": "where the secret is kept: env:NAME or file:PATH; none when it need not be given"}}, "secret")
}

func inputSchema() object {
	types := enum(engine.InputTypes()...)
	number := object{"type": []string{"number", "string"}}
	return object{"anyOf": []any{
		described(types, "the type; an operator has to give a value"),
		closed(object{
			"type":    types,
			"default": object{"description": "the value when none is given; of a secret, {secret: env:NAME}"},
			"about":   text("what it is, for whoever has to give it"),
			"pattern": text("a regular expression that the whole value has to match"),
			"min":     described(number, "the least value"),
			"max":     described(number, "the greatest value"),
			"values":  described(ref("names"), "what an enum can be"),
		}, "type"),
	}}
}

func triggerSchema() object {
	return described(closed(object{
		"alert":  described(ref("expression"), "a condition over the alert: alert.labels, alert.annotations, alert.name, …"),
		"inputs": object{"type": "object", "additionalProperties": scalar(), "description": "what the alert gives to the inputs"},
		"on":     described(ref("template"), "where host steps run: a host, host:port or a target's name"),
		"schedule": closed(object{
			"cron": text("minute hour day month weekday"),
			"zone": text("the time zone, such as Europe/Berlin; UTC unless given"),
		}, "cron"),
	}), "an alert or a schedule that starts a run")
}

func evidenceSchema() object {
	item := closed(object{
		"if":      ref("expression"),
		"because": described(ref("template"), "what its being true means"),
		"must":    object{"type": "boolean", "description": "the cause can hardly exist without it"},
		"else":    described(enum("none"), "none: its being false says nothing"),
	}, "if")
	return oneOrList(object{"anyOf": []any{ref("expression"), item}})
}

func hypothesisSchema() object {
	return closed(object{
		"title":     described(ref("template"), "the cause, as a sentence"),
		"about":     text("what it means"),
		"prior":     described(enum("rare", "usual", "common"), "how often it is the cause"),
		"weak":      described(ref("evidence"), "true in one unrelated incident of 3"),
		"medium":    described(ref("evidence"), "true in one unrelated incident of 10"),
		"strong":    described(ref("evidence"), "true in one unrelated incident of 30"),
		"proof":     described(ref("evidence"), "true in one unrelated incident of 100"),
		"against":   described(ref("evidence"), "ten times rarer when this is the cause"),
		"excludes":  described(ref("evidence"), "a hundred times rarer when this is the cause"),
		"caused_by": described(ref("names"), "the hypotheses that act through this one"),
		"names":     described(ref("expression"), "strings that say which: the mount, the service"),
		"next":      described(ref("template"), "what to do about it"),
		"remedy":    ref("remedy"),
	}, "title")
}

func stepSchema(registry *engine.Registry) object {
	return withChecks(registry, object{
		"check":   object{"description": "what to look with"},
		"with":    object{"type": "object", "description": "what the check takes"},
		"when":    described(ref("expression"), "the step applies only when this is true"),
		"cost":    described(ref("duration"), "how long it is expected to take"),
		"timeout": described(ref("duration"), "when it is ended"),
		"risk":    described(enum("read", "load", "change"), "raises the check's own risk"),
		"on":      described(ref("template"), "where it runs: a host, host:port or a target's name"),
		"each": object{"description": "repeats the step over these values", "anyOf": []any{
			ref("template"), object{"type": "array", "items": scalar(), "minItems": 1, "maxItems": engine.MaxEach}}},
		"same": described(ref("symbol"), "steps of one group bring one piece of news"),
	})
}

// withChecks is the schema of a step or a remedy: what with: takes follows from
// the check.
func withChecks(registry *engine.Registry, properties object) object {
	names := registry.Names()
	properties["check"] = described(enum(names...), properties["check"].(object)["description"].(string))
	var cases []any
	for _, name := range names {
		check, _ := registry.Lookup(name)
		with := object{"description": strings.TrimSpace(check.Doc), "type": "object", "additionalProperties": false}
		fields, required := object{}, []string{}
		for _, f := range check.In.Fields {
			fields[f.Name] = fieldSchema(f)
			if f.Required {
				required = append(required, f.Name)
			}
		}
		with["properties"] = fields
		then := object{"properties": object{"with": with}}
		if len(required) > 0 {
			with["required"] = required
			then["required"] = []string{"with"}
		}
		cases = append(cases, object{
			"if":   object{"properties": object{"check": object{"const": name}}, "required": []string{"check"}},
			"then": then,
		})
	}
	schema := closed(properties, "check")
	if len(cases) > 0 {
		schema["allOf"] = cases
	}
	return schema
}

// filled matches a text with ${…} in it, which stands for a value of any type.
func filled() object { return object{"type": "string", "pattern": `\$\{`} }

func scalar() object { return object{"type": []string{"string", "number", "boolean"}} }

// fieldSchema is the schema of one input of a check.
func fieldSchema(f *engine.Field) object {
	var value object
	switch f.Kind {
	case engine.KindBool:
		value = object{"enum": []any{true, false, "true", "false"}}
	case engine.KindInteger:
		value = bounded(f, object{"type": "integer"})
	case engine.KindNumber:
		value = bounded(f, object{"type": "number"})
	case engine.KindDuration:
		value = ref("duration")
	case engine.KindList:
		value = object{"type": "array", "items": scalar()}
	case engine.KindMap:
		value = object{"type": "object", "additionalProperties": scalar()}
	case engine.KindString:
		value = object{"type": "string"}
		if len(f.Enum) > 0 {
			value = enum(f.Enum...)
		}
	case engine.KindSecret, engine.KindTime, engine.KindObject:
		value = object{"type": "string"}
	}
	schema := object{"anyOf": []any{value, filled()}}
	if doc := strings.TrimSpace(f.Doc()); doc != "" {
		schema["description"] = doc
	}
	if f.Default != "" {
		schema["default"] = f.Default
	}
	return schema
}

func bounded(f *engine.Field, schema object) object {
	if !math.IsNaN(f.Min) {
		schema["minimum"] = f.Min
	}
	if !math.IsNaN(f.Max) {
		schema["maximum"] = f.Max
	}
	return schema
}

// marshal writes a schema; all it is made of can be written.
func marshal(schema object) []byte {
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(data, '\n')
}
