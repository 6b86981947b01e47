package config

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of gumshoe.yaml, for editors.
func Schema() []byte { return slices.Clone(schema) }
