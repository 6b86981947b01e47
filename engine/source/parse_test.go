package source

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// TestParseRefuses has every sentence that bad YAML can cause, but for those
// that hang on the library's rarest complaints.
func TestParseRefuses(t *testing.T) {
	const (
		afterQuote = `text after a closing quote; write \" for a quote inside "…" and '' inside '…', or close the quote before`
		template   = `a key must be a string, not a mapping; put a value that starts with "{{" in quotes`
		tab        = "a tab indents this line; use spaces"
		second     = `a second document starts here; a file holds one: remove the "---" or split the file`
		deeper     = "this key is indented deeper than line 1, which has a value already; align it with its neighbours"
		listItem   = `a list item ("- ") cannot stand here; start it on a line of its own, or put the value in quotes if it is text`
	)
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "1:1: the file is empty"},
		{"only comments", "# c\n", "1:1: the file is empty"},
		{"only a marker", "---\n", "1:1: the file is empty"},
		{"zero byte", "a: \x00", "1:4: not text: it has a zero byte; YAML is text in UTF-8"},
		{"UTF-16", "\xff\xfea\x00", "1:1: not text in UTF-8: it has the byte 0xff; save it as UTF-8"},
		{"control character", "é: \r\nb: \x07", `2:4: the character U+0007 is not allowed; write it as \u0007 in double quotes`},
		{"line separator", "a: x\u2028y", `1:5: the character U+2028 is not allowed; write it as \u2028 in double quotes`},
		{"too large", strings.Repeat("a", MaxBytes+1), " more than 1 MiB; split it"},

		{"second document", "a: 1\n---\nb: 2\n", "2:1: " + second},
		{"second document, empty", "a: 1\n---\n", "2:1: " + second},
		{"second document, bad", "a: 1\n---\nb: @\n", "3:4: a value cannot start with '@'; put the value in quotes"},
		{"directive", "%FOO\na: 1\n", `1:1: a line that starts with "%" is a directive; remove it`},
		{"version", "%YAML 3.0\n---\na: 1\n", `1:1: a line that starts with "%" is a directive; remove it`},
		{"directive within", "a: 1\n%FOO\n", `2:1: a line that starts with "%" is a directive; remove it`},

		{"tab", "a:\n\tb: 1\n", "2:1: " + tab},
		{"tab before a key", "a: 1\n\tb: 2\n", "2:1: " + tab},
		{"tab after a space", "a:\n  b: 1\n \tc: 2\n", "3:2: " + tab},
		{"dedented to nowhere", "a:\n  b: 1\n c: 2\n", "3:2: indented by 1, as nothing above is; align it with its neighbours"},
		{"below a value", "a: 1\n  b: 2\n", "2:3: " + deeper},
		{"key among items", "- a\nb: 1\n", `2:1: a key where a list item ("- …") is expected; align it with its neighbours`},
		{"item among keys", "a: 1\n- b\n", "2:1: a list item where a key is expected; indent it below the key that it belongs to"},
		{"item on the line of its key", "a: - b\n", "1:4: " + listItem},

		{"double quote", "a: \"foo\nb: 1\n", `1:4: the quote " is never closed`},
		{"single quote", "- 'foo\n", "1:3: the quote ' is never closed"},
		{"quote in quotes", "a: 'it's'\n", "1:8: " + afterQuote},
		{"quote closed by the next", "a: \"foo\nb: \"bar\"\n", "2:5: " + afterQuote},
		{"quote in quotes in a list", "a: [\"x\" y]\n", "1:9: " + afterQuote},
		{"regular expression", `a: "\d+"`, `1:5: \d has no meaning in double quotes; use single quotes, or write \\`},
		{"short escape", `a: "\xZZ"`, `1:7: an escape without its hexadecimal digits; use single quotes, or write \\`},

		{"colon in a value", "é: é: x\n", `1:5: ": " inside a value; put the value in quotes`},
		{"colon in a value in braces", "a: {b: c: d}\n", `1:9: ": " inside a value; put the value in quotes`},
		{"no space after a colon", "a: 1\nb:2\nc: 3\n", "2:1: put a space after the colon: b: 2"},
		{"no space after the first colon", "a:b\nc: 1\n", "1:1: put a space after the colon: a: b"},
		{"no colon", "a: 1\nfoo\nb: 2\n", `2:1: want "key: value", but this line has no ": "`},
		{"no space after a dash", "- a\n-b\n", `2:1: want "key: value", or a space after the "-" of a list item`},

		{"at sign", "a: @foo\n", "1:4: a value cannot start with '@'; put the value in quotes"},
		{"backtick", "a: `foo`\n", "1:4: a value cannot start with '`'; put the value in quotes"},
		{"percent", "a: %foo\n", "1:4: a value cannot start with '%'; put the value in quotes"},
		{"star", "a: * * *\n", "1:4: a value cannot start with '*'; put the value in quotes"},
		{"star and name", "a: *.log\n", "1:4: nothing before is named &.log; a value that starts with * repeats what has that name: put it in quotes if it is text"},
		{"ampersand", "a: &\n", "1:4: a value cannot start with '&'; put the value in quotes"},
		{"closing brace", "a: }\n", "1:4: a value cannot start with '}'; put the value in quotes"},
		{"bar", "a: | b\n", "1:4: the text of '|' starts on the next line; put a value on this line in quotes"},
		{"bar in braces", "a: {b: |}\n", "1:8: a value cannot start with '|'; put the value in quotes"},
		{"braces of a template", "a: {{ x }}\n", "1:5: " + template},
		{"dollar in braces", "a: { u: ${x.y} }\n", `1:9: inside { } and [ ] put a value with "${…}" in quotes`},
		{"hash without a space", "b: [a]#c\n", `1:7: put a space before "#", or the value in quotes`},

		{"open brace", "a: {b: 1\nc: 2\n", "1:4: '{' is never closed"},
		{"open bracket", "a: [b, c\nd: 1\n", "1:4: '[' is never closed"},
		{"file ends in brackets", "a: [b,\n", "1:6: the file ends inside { } or [ ]; close it"},
		{"missing comma", "a: [\n  {b: 1}\n  {c: 1}\n]\n", "3:3: '[' of line 1 is not closed, or a comma is missing before this line"},
		{"missing comma on a line", "a: [{b: 1} {c: 1}]\n", "1:12: inside '[' a comma is missing here, or the quotes around a value"},
		{"closed twice", "a: [1]]\n", "1:7: ']' without its opener; remove it, or put the value in quotes"},
		{"text after brackets", "a: [1] x\n", "1:8: text after ']'; put the whole value in quotes"},
		{"text after the root", "[] x\n", "1:4: nothing can follow here; the value of the file ended before"},

		{"duplicate keys", "a: 1\nb: {c: 1, c: 2}\na: 3\na: 4\n", "2:11: duplicate key \"c\"; the first is at line 2, column 5\n" +
			"3:1: duplicate key \"a\"; the first is at line 1, column 1\n4:1: duplicate key \"a\"; the first is at line 1, column 1"},
		{"keys that are not strings", "1: a\ntrue: b\n: c\n? [d]\n: e\n", "1:1: a key must be a string, not a number; put it in quotes: \"1\"\n" +
			"2:1: a key must be a string, not true or false; put it in quotes: \"true\"\n" +
			"3:1: a key must be a string, but it is empty; put a name before the colon, or quotes around the value\n" +
			"4:3: a key must be a string, not a list; if the value is text, put it in quotes"},
		{"merge key", "a: &a {b: 1}\nc:\n  <<: *a\n", `3:3: merge keys ("<<") are not supported; write the keys out`},
		{"tags", "a: !!python/object:os.system b\nb: [!foo c]\nc: !!int 5\n",
			"1:4: the tag !!python/object:os.system is not supported; remove it, or put the value in quotes if it is text\n" +
				"2:5: the tag !foo is not supported; remove it, or put the value in quotes if it is text\n" +
				"3:4: the tag !!int is not supported; remove it, or put the value in quotes if it is text"},
		{"broken tag", "a: !<> b\n", `1:4: a value that starts with "!" has a tag; put the value in quotes`},
		{"numbers without end", "a: .nan\nb: -.INF\nc: 12e4567\n", "1:4: .nan is not a finite number; put it in quotes if it is text\n" +
			"2:4: -.INF is not a finite number; put it in quotes if it is text\n" +
			"3:4: 12e4567 is not a finite number; put it in quotes if it is text"},

		{"alias in itself", "a: &x [b, *x]\n", "1:11: the alias *x stands inside the value that it repeats"},
		{"alias bomb", bomb(), "7:15: more than 100000 values, with all that is repeated by aliases"},
		{"many values", "[" + strings.Repeat("a,", MaxNodes+1) + "]", "1:200000: more than 100000 values, with all that is repeated by aliases"},
		{"deep", strings.Repeat("[", MaxDepth+1), "1:101: values in values, more than 100 deep"},
		{"deep block", strings.Repeat("- ", MaxDepth+1), "1:201: values in values, more than 100 deep"},
		{"deep in both", strings.Repeat("- ", 60) + strings.Repeat("[", 60) + strings.Repeat("]", 60), "1:161: values in values, more than 100 deep"},
		{"deep by aliases", "a: &a " + strings.Repeat("[", 60) + strings.Repeat("]", 60) + "\nb: " +
			strings.Repeat("[", 60) + "*a" + strings.Repeat("]", 60), "2:64: values in values, more than 100 deep"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var faults Faults
			Parse("", []byte(test.text), &faults)
			lines := []string{}
			for _, fault := range faults.Sorted() {
				lines = append(lines, fault.Position.String()+": "+fault.Message)
			}
			got := strings.ReplaceAll("\n"+strings.Join(lines, "\n"), "\n:", "\n")[1:]
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// bomb is the "billion laughs": 9^10 strings in 10 lines.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 lol\n")
	for i := 1; i <= 10; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	return b.String()
}

func TestParseReads(t *testing.T) {
	text := "\ufeffon: yes\r\ndates: [2026-01-01, 1:30]\r\nints: [1, -0x1, 0x1F, 0o17, 007, +5, 1_000]\r\n" +
		"floats: [1.5, .5, 1., 1e3, 99999999999999999999]\r\nnulls: [~, null, ]\r\nbools: [true, False]\r\n" +
		"tag: !!str 5\r\nanchor: &x {a: 1}\r\nalias: *x\r\nempty:\r\n\"<<\": q\r\n"
	want := map[string]any{
		"on": "yes", "dates": []any{"2026-01-01", "1:30"},
		"ints":   []any{int64(1), "-0x1", int64(31), int64(15), int64(7), int64(5), "1_000"},
		"floats": []any{1.5, .5, 1., 1e3, 1e20}, "nulls": []any{nil, nil}, "bools": []any{true, false},
		"tag": "5", "anchor": map[string]any{"a": int64(1)}, "alias": map[string]any{"a": int64(1)},
		"empty": nil, "<<": "q",
	}
	var faults Faults
	node, ok := Parse("f", []byte(text), &faults)
	if !ok || len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := node.Value(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	good, pipe := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "pipe.yaml")
	if err := os.WriteFile(good, []byte("a: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		good:                              "",
		dir:                               dir + ": a directory; name a file in it",
		filepath.Join(dir, "absent.yaml"): filepath.Join(dir, "absent.yaml") + ": no such file",
		filepath.Join(good, "below.yaml"): filepath.Join(good, "below.yaml") + ": not a directory",
		pipe:                              pipe + ": not a regular file",
	} {
		var faults Faults
		node, ok := ReadFile(path, &faults)
		if ok != (want == "") || node.IsZero() != (want != "") {
			t.Errorf("%s: got %v, %v", path, node.Value(), ok)
		}
		if got := (&Invalid{faults}).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for err, want := range map[error]string{
		fmt.Errorf("open: %w", fs.ErrPermission):                    "permission denied",
		&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}:      "input/output error",
		&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}: "permission denied",
	} {
		if got := cause(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestReadFS(t *testing.T) {
	fsys := fstest.MapFS{"a.yaml": {Data: []byte("a: @\n")}, "dir/b.yaml": {Data: []byte("b: 1\n")}}
	for name, want := range map[string]string{
		"a.yaml":     "stock/x:1:4: a value cannot start with '@'; put the value in quotes",
		"dir/b.yaml": "",
		"dir":        "stock/x: a directory; name a file in it",
		"absent":     "stock/x: no such file",
		"../a.yaml":  "stock/x: invalid argument",
	} {
		var faults Faults
		if _, ok := ReadFS(fsys, name, "stock/x", &faults); ok != (want == "") {
			t.Errorf("%s: got %v", name, ok)
		}
		if got := (&Invalid{faults}).Error(); got != want && name != "../a.yaml" || len(faults) == 0 && want != "" {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// FuzzParse holds that no text takes long or panics, that what cannot be used
// has a fault, and that every place is in the file.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/parse/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, seed := range []string{bomb(), "a: 1\n  b: 2", "? ? ? a", "a: &a *a", "\t", "a: {b: ${c}}", "%", "a: !", "'", "- -\n-", "a: |1-\n  b"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		var faults Faults
		node, ok := Parse("f", data, &faults)
		if took := time.Since(start); took > 10*time.Second {
			t.Fatalf("took %v", took)
		}
		if !ok && len(faults) == 0 {
			t.Fatal("refused without a fault")
		}
		lines := splitLines(string(data))
		inFile := func(p Position) {
			if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len(lines[p.Line-1])+1 {
				t.Fatalf("%v is not in the file", p)
			}
		}
		for _, fault := range faults {
			if fault.Line != 0 {
				inFile(fault.Position)
			}
			if strings.Contains(fault.Message, "cannot be read as YAML") {
				t.Fatal(fault)
			}
		}
		if ok {
			walk(node, func(n Node) { inFile(n.Position()); inFile(n.Text().Position); exact(t, n.Text(), lines) })
			node.Value()
		}
	})
}

func walk(n Node, visit func(Node)) {
	visit(n)
	for _, item := range n.Items() {
		walk(item, visit)
	}
	for _, field := range n.Fields() {
		walk(field.Value, visit)
	}
}

// exact holds that an Exact text stands where it says.
func exact(t *testing.T, text Text, lines []string) {
	if !text.Exact {
		return
	}
	if rest := string([]rune(lines[text.Line-1])[text.Column-1:]); !strings.HasPrefix(rest, text.Value) {
		t.Fatalf("%v: %q is not at %q", text.Position, text.Value, rest)
	}
}
