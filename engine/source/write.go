package source

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

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
// value is made of Map, map[string]any and other maps with string keys (written
// in the order of their keys), slices, Text, strings, bools, integers, finite
// floats, time.Duration and nil. Anything else, a key twice in a Map and text
// that is not UTF-8 is an error that names its place in the value.
func Marshal(value any) ([]byte, error) {
	root, err := encode(value, "")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	dumper, err := yaml.NewDumper(&out, yaml.WithIndent(2), yaml.WithCompactSeqIndent(false),
		yaml.WithLineWidth(-1), yaml.WithQuotePreference(yaml.QuoteDouble))
	if err != nil {
		panic(fmt.Sprintf("options of the YAML library: %v", err)) // a bug of ours
	}
	if err := dumper.Dump(root); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	if err := dumper.Close(); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), nil
}

// encode makes the library's node of a value; path is its place, as
// "steps.cpu[2]".
func encode(value any, path string) (*yaml.Node, error) {
	switch v := value.(type) {
	case nil:
		return plain("!!null", "null"), nil
	case Map:
		return encodeMap(v, path)
	case Text:
		return encodeString(v.Value, path)
	case time.Duration:
		return encodeDuration(v, path)
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.String:
		return encodeString(v.String(), path)
	case reflect.Bool:
		return plain("!!bool", strconv.FormatBool(v.Bool())), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return plain("!!int", strconv.FormatInt(v.Int(), 10)), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return plain("!!int", strconv.FormatUint(v.Uint(), 10)), nil
	case reflect.Float32, reflect.Float64:
		return encodeFloat(v, path)
	case reflect.Slice, reflect.Array:
		return encodeList(v, path)
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return encodeMap(sorted(v), path)
		}
	}
	return nil, fmt.Errorf("%swrite YAML: a %T is not a value of YAML", at(path), value)
}

func at(path string) string {
	if path == "" {
		return ""
	}
	return strings.TrimPrefix(path, ".") + ": "
}

// sorted gives a map in the order of its keys.
func sorted(v reflect.Value) Map {
	m := make(Map, 0, v.Len())
	for key, value := range v.Seq2() {
		m = append(m, Entry{Key: key.String(), Value: value.Interface()})
	}
	slices.SortFunc(m, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	return m
}

func encodeMap(m Map, path string) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if len(m) == 0 {
		node.Style = yaml.FlowStyle
	}
	written := make(map[string]bool, len(m))
	for _, entry := range m {
		below := path + "." + entry.Key
		if written[entry.Key] {
			return nil, fmt.Errorf("%swrite YAML: a key twice", at(below))
		}
		written[entry.Key] = true
		key, err := encodeString(entry.Key, below)
		if err != nil {
			return nil, err
		}
		if key.Style == yaml.LiteralStyle {
			key.Style = yaml.DoubleQuotedStyle
		}
		if key.HeadComment, err = comment(entry.Comment, below); err != nil {
			return nil, err
		}
		value, err := encode(entry.Value, below)
		if err != nil {
			return nil, err
		}
		if entry.Flow {
			flow(value)
		}
		node.Content = append(node.Content, key, value)
	}
	return node, nil
}

func comment(text, path string) (string, error) {
	if text == "" {
		return "", nil
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !printable(line) {
			return "", fmt.Errorf("%swrite YAML: a comment with an unprintable character", at(path))
		}
		lines[i] = strings.TrimRight("# "+line, " ")
	}
	return strings.Join(lines, "\n"), nil
}

// flow makes a node, and what is in it, stand on one line.
func flow(n *yaml.Node) {
	switch {
	case n.Kind != yaml.ScalarNode:
		n.Style = yaml.FlowStyle
	case n.Style == yaml.LiteralStyle:
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		child.HeadComment = ""
		flow(child)
	}
}

func encodeList(v reflect.Value, path string) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if v.Len() == 0 {
		node.Style = yaml.FlowStyle
	}
	for i := range v.Len() {
		item, err := encode(v.Index(i).Interface(), fmt.Sprintf("%s[%d]", path, i))
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, item)
	}
	return node, nil
}

func encodeFloat(v reflect.Value, path string) (*yaml.Node, error) {
	f := v.Float()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%swrite YAML: %v is not a finite number", at(path), f)
	}
	text := strconv.FormatFloat(f, 'g', -1, v.Type().Bits())
	if !strings.ContainsAny(text, ".e") {
		text += ".0" // it stays a float
	}
	return plain("!!float", text), nil
}

// encodeDuration writes 15m, not 15m0s.
func encodeDuration(d time.Duration, path string) (*yaml.Node, error) {
	if d < 0 {
		return nil, fmt.Errorf("%swrite YAML: the duration %v is negative", at(path), d)
	}
	return encodeString(FormatDuration(d), path)
}

// encodeString writes text plain where it reads back as the same string, as a
// block when it has several simple lines, and else in double quotes, where
// every character can be written.
func encodeString(s, path string) (*yaml.Node, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%swrite YAML: the text is not UTF-8", at(path))
	}
	node := plain("!!str", s)
	kind, _, _ := resolve(s)
	switch {
	case kind != text, strings.TrimSpace(s) != s && !isBlock(s), s == "<<":
		node.Style = yaml.DoubleQuotedStyle
	case isBlock(s):
		node.Style = yaml.LiteralStyle
	case !printable(s):
		node.Style = yaml.DoubleQuotedStyle
	}
	return node, nil
}

// isBlock reports whether text is best written as a literal block: lines of
// printable text, without spaces at their ends that nobody would see.
func isBlock(s string) bool {
	lines := strings.Split(s, "\n")
	if len(lines) < 2 || lines[0] == "" || unicode.IsSpace(rune(lines[0][0])) {
		return false
	}
	if n := len(lines); n > 2 && lines[n-1] == "" && lines[n-2] == "" {
		return false // more than one line break at the end
	}
	for _, line := range lines {
		if !printable(line) || strings.TrimSpace(line) == "" && line != "" ||
			strings.TrimRightFunc(line, unicode.IsSpace) != line {
			return false
		}
	}
	return true
}

// printable reports whether a line shows all that is in it: no tabs, controls
// or spaces other than the common one.
func printable(line string) bool {
	return !strings.ContainsFunc(line, func(r rune) bool {
		return r != ' ' && (!unicode.IsGraphic(r) || unicode.IsSpace(r))
	})
}

func plain(tag, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}
