package source

import "io/fs"

// Limits of one file. They are far above what people write, and keep a hostile
// file from costing more than a moment.
const (
	MaxBytes = 1 << 20 // of the file
	MaxNodes = 100_000 // keys and values, with every alias counted as what it repeats
	MaxDepth = 100     // of values in values
)

// ReadFile reads a YAML file of the operating system; the path stands in its
// positions as it is given. It is false when there is no tree to read (the file
// cannot be read, is empty or is not YAML). What is wrong with a tree that can
// be read nonetheless (duplicate keys, tags, merge keys, keys that are not
// strings) is also added to faults, so that the rest can be checked too: the
// file is good when faults has nothing new.
func ReadFile(path string, faults *Faults) (Node, bool) { panic("not yet") }

// ReadFS is ReadFile for a file of fsys; display stands in its positions.
func ReadFS(fsys fs.FS, name, display string, faults *Faults) (Node, bool) { panic("not yet") }

// Parse is ReadFile for text that is at hand; file stands in its positions.
func Parse(file string, data []byte, faults *Faults) (Node, bool) { panic("not yet") }
