package source

// Map is a mapping whose keys keep their order when it is written.
type Map []Entry

// Entry is one key of a Map. Comment stands on the lines above it, without the
// "#". Flow writes the value on one line, as {…} or […].
type Entry struct {
	Key     string
	Value   any
	Comment string
	Flow    bool
}

// Marshal writes a value as a YAML file that Parse reads back as the same. The
// value is made of Map, map[string]any (written in the order of its keys),
// slices, Text, strings, bools, integers, finite floats, time.Duration and nil.
// Anything else, and a string that is not UTF-8, is an error that names its
// place.
func Marshal(value any) ([]byte, error) { panic("not yet") }
