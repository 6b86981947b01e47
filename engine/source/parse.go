package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

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
// file is good when it is true and faults has nothing new.
func ReadFile(path string, faults *Faults) (Node, bool) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		// Reading a pipe or a device could wait for ever.
		faults.Addf(Position{File: path}, "not a regular file")
		return Node{}, false
	}
	file, err := os.Open(path)
	return read(file, err, path, faults)
}

// ReadFS is ReadFile for a file of fsys; display stands in its positions.
func ReadFS(fsys fs.FS, name, display string, faults *Faults) (Node, bool) {
	file, err := fsys.Open(name)
	return read(file, err, display, faults)
}

func read(file fs.File, err error, display string, faults *Faults) (Node, bool) {
	at := Position{File: display}
	if err != nil {
		faults.Addf(at, "%s", cause(err))
		return Node{}, false
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		faults.Addf(at, "a directory; name a file in it")
		return Node{}, false
	}
	data, err := io.ReadAll(io.LimitReader(file, MaxBytes+1))
	if err != nil {
		faults.Addf(at, "cannot be read: %s", cause(err))
		return Node{}, false
	}
	return Parse(display, data, faults)
}

// cause is the error without the path, which the position has.
func cause(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		return inner.Err.Error()
	}
	return err.Error()
}

// Parse is ReadFile for text that is at hand; file stands in its positions.
func Parse(file string, data []byte, faults *Faults) (Node, bool) {
	if len(data) > MaxBytes {
		faults.Addf(Position{File: file}, "more than %d MiB; split it", MaxBytes>>20)
		return Node{}, false
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	t := &tree{file: file, faults: faults}
	if !t.isText(data) {
		return Node{}, false
	}
	t.lines = splitLines(string(data))
	document, ok := t.document(data)
	if !ok {
		return Node{}, false
	}
	t.built, t.open = map[*yaml.Node]*value{}, map[*yaml.Node]bool{}
	root := t.build(document, 1)
	return Node{root}, !t.tooMuch
}

// isText reports whether the data is text that YAML can hold. The characters
// that YAML 1.1 breaks lines at and YAML 1.2 does not are refused, so that a
// line is what an editor shows as one.
func (t *tree) isText(data []byte) bool {
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		at := Position{t.file, line, column}
		switch {
		case r == 0:
			t.faults.Addf(at, "not text: it has a zero byte; YAML is text in UTF-8")
			return false
		case r == utf8.RuneError && size == 1:
			t.faults.Addf(at, "not text in UTF-8: it has the byte 0x%02x; save it as UTF-8", data[i])
			return false
		case !allowed(r):
			t.faults.Addf(at, `the character %U is not allowed; write it as \u%04x in double quotes`, r, r)
			return false
		case r == '\n', r == '\r' && !bytes.HasPrefix(data[i:], []byte("\r\n")):
			line, column = line+1, 0
		}
		column++
		i += size
	}
	return true
}

func allowed(r rune) bool {
	switch r {
	case '\t', '\n', '\r':
		return true
	case '\u2028', '\u2029', '\uFEFF', '\uFFFE', '\uFFFF':
		return false
	}
	return r >= 0x20 && r < 0x7f || r >= 0xa0
}

// document gives the value of the only document of the file.
func (t *tree) document(data []byte) (root *yaml.Node, ok bool) {
	defer func() {
		// The library panics at what it holds to be impossible; a file that
		// finds such a place is still only a bad file.
		if r := recover(); r != nil {
			t.faults.Addf(Position{File: t.file}, "cannot be read as YAML: %v", r)
			root, ok = nil, false
		}
	}()
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithUniqueKeys(false),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(MaxDepth), loaderlimits.AliasNone())))
	if err != nil {
		panic(fmt.Sprintf("options of the YAML library: %v", err)) // a bug of ours
	}
	var first, second yaml.Node
	err = loader.Load(&first)
	if err == nil {
		root = first.Content[0]
		if err = loader.Load(&second); err == nil {
			t.faults.Addf(Position{t.file, second.Line, second.Column},
				"a second document starts here; a file holds one: remove the \"---\" or split the file")
			return nil, false
		}
	}
	if !errors.Is(err, io.EOF) {
		t.syntaxFault(err)
		return nil, false
	}
	if root == nil || root.Kind == yaml.ScalarNode && root.Tag == "!!null" && root.Value == "" {
		t.faults.Addf(Position{t.file, 1, 1}, "the file is empty")
		return nil, false
	}
	return root, true
}

// splitLines splits at all that YAML 1.2 breaks lines at.
func splitLines(s string) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s), "\n")
}

// line gives a line of the file, from 1, and "" beyond its end.
func (t *tree) line(n int) string {
	if n < 1 || n > len(t.lines) {
		return ""
	}
	return t.lines[n-1]
}

// rest gives a line from a column, both from 1, and "" beyond its end.
func (t *tree) rest(line, column int) string {
	text := t.line(line)
	if len(text) > 256 {
		return t.restOfLong(line, column)
	}
	for ; column > 1 && text != ""; column-- {
		_, size := utf8.DecodeRuneInString(text)
		text = text[size:]
	}
	return text
}

// restOfLong is rest by an index of the line, as a file of one long line would
// take its length squared.
func (t *tree) restOfLong(line, column int) string {
	text, starts := t.line(line), t.starts[line]
	if starts == nil {
		for i := range text {
			starts = append(starts, i)
		}
		if t.starts == nil {
			t.starts = map[int][]int{}
		}
		t.starts[line] = starts
	}
	if column > len(starts) {
		return ""
	}
	return text[starts[max(column, 1)-1]:]
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
