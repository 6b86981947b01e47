package line

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzJSON compares with encoding/json: of whatever it takes for an object, each
// member's first value is the same.
func FuzzJSON(f *testing.F) {
	for _, test := range formatTests {
		for _, text := range test.lines {
			f.Add(text, text)
		}
	}
	f.Add(`{"a":{"b":["x",{"c":"}"}]},"a":1,"\u0061":2,"":3}`, `{"b":1}`)
	f.Add(`{"a\\":"\\","a":"\"","\ud800":"\ud83d\ude00"}`, `{"a":"\\\\\"\\"}`)
	f.Fuzz(func(t *testing.T, text, before string) {
		checkJSON(t, text, before)
	})
}

func checkJSON(t *testing.T, text, before string) {
	if !json.Valid([]byte(text)) || !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") || !utf8.ValidString(text) {
		// What encoding/json makes of other bytes is its own; there must only be no panic.
		fields, err := parsed(t, "json").Fields("a", "a.b[0].c", "level", "message")
		if err != nil {
			t.Fatal(err)
		}
		readAll(fields, []byte(text))
		return
	}
	names, values := membersOf(t, text)
	for len(names) > 0 {
		some := names[:min(len(names), 3)]
		names = names[len(some):]
		fields, err := parsed(t, "json").Fields(some...)
		if err != nil {
			t.Fatal(err)
		}
		got := make([][]byte, len(some))
		for _, line := range []string{before, text, before, text, text} { // with and without a layout that is known
			fields.Read([]byte(line), got)
			if line != text {
				continue
			}
			for i, name := range some {
				if got[i] == nil || string(got[i]) != values[name] {
					t.Fatalf("%s\nafter %s\nmember %q: got %q (nil: %v), want %q", text, before, name, got[i], got[i] == nil, values[name])
				}
			}
		}
	}
}

// membersOf gives the names of an object's members and their first values, as far as
// they are fields of their own.
func membersOf(t *testing.T, text string) (names []string, values map[string]string) {
	decoder := json.NewDecoder(strings.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	values = map[string]string{}
	all := map[string]bool{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		name := key.(string)
		if all[name] || name == "" || name == "level" || name == "message" {
			continue
		}
		all[name] = true
		value := string(raw)
		if raw[0] == '"' {
			if err := json.Unmarshal(raw, &value); err != nil {
				t.Fatal(err)
			}
		}
		names, values[name] = append(names, name), value
	}
	// A name with a dot may also be found within an object that comes before.
	kept := names[:0]
	for _, name := range names {
		within := false
		for other := range all {
			within = within || other != name && begins(name, []byte(other))
		}
		if !within && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "[") {
			kept = append(kept, name)
		}
	}
	return kept, values
}

// FuzzNested compares a path through objects and arrays with what encoding/json makes
// of them.
func FuzzNested(f *testing.F) {
	f.Add(`{"a":{"b":[1,{"c":"x"}]}}`, "a", "b", 1, "c")
	f.Add(`{"a":{"b":[1,{"c":{"d":[]}}],"b":2},"a":{}}`, "a", "b", 1, "c")
	f.Fuzz(func(t *testing.T, text, a, b string, i int, c string) {
		path := a + "." + b + "[" + "0123456789"[uint(i)%10:][:1] + "]." + c
		if strings.ContainsAny(a+b+c, ".[") || a == "" || b == "" || c == "" || !utf8.ValidString(text) {
			return
		}
		var whole struct{}
		if json.Unmarshal([]byte(text), &whole) != nil || strings.HasPrefix(strings.TrimSpace(text), "n") {
			return
		}
		fields, err := parsed(t, "json").Fields(path)
		if err != nil {
			t.Fatal(err)
		}
		var got [1][]byte
		fields.Read([]byte(text), got[:])
		want, found := reach(json.RawMessage(text), []string{a, b, "", c}, int(uint(i)%10))
		if found != (got[0] != nil) || string(got[0]) != want {
			t.Fatalf("%s\n%s: got %q, %v, want %q, %v", text, path, got[0], got[0] != nil, want, found)
		}
	})
}

// reach walks a path, of which "" is the index, through the first members that have it.
func reach(raw json.RawMessage, path []string, index int) (value string, found bool) {
	if len(path) == 0 {
		value = string(raw)
		if raw[0] == '"' && json.Unmarshal(raw, &value) != nil {
			return "", false
		}
		return value, true
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	start, err := decoder.Token()
	if err != nil || path[0] == "" && start != json.Delim('[') || path[0] != "" && start != json.Delim('{') {
		return "", false
	}
	for n := 0; decoder.More(); n++ {
		is := n == index
		if path[0] != "" {
			key, err := decoder.Token()
			if err != nil {
				return "", false
			}
			// A key that has all the rest of the path in it counts too.
			is = key == path[0]
			if joined, ok := key.(string); ok && strings.ContainsAny(joined, ".[") {
				return "", false
			}
		}
		var inner json.RawMessage
		if decoder.Decode(&inner) != nil {
			return "", false
		}
		if is {
			if value, found := reach(bytes.TrimSpace(inner), path[1:], index); found {
				return value, true
			}
		}
	}
	return "", false
}

// FuzzFormats reads any bytes in every format: nothing panics, what is read twice is
// the same, and the level is that of the field.
func FuzzFormats(f *testing.F) {
	for _, test := range formatTests {
		for _, text := range test.lines {
			f.Add([]byte(text), []byte(test.lines[0]))
		}
	}
	f.Fuzz(func(t *testing.T, text, other []byte) {
		formats := []Format{Detect([][]byte{text, other, text}), parsed(t, `(?P<level>[A-Z]+) (?P<message>.*)`)}
		for _, g := range grammars() {
			formats = append(formats, Format{g}, Format{g}.Learn([][]byte{other, text}))
		}
		before := bytes.Clone(text)
		for _, f := range formats {
			names := []string{"level", "message"}
			if s, ok := f.grammar.(splitter); ok {
				names = append(names, s.fields()[:min(len(s.fields()), maxNames-2)]...)
			}
			fields, err := f.Fields(names...)
			if err != nil {
				t.Fatalf("%s: %v", f.Name(), err)
			}
			f.Continues(text)
			first := readAll(fields, text)
			readAll(fields, other)
			if again := readAll(fields, text); first != again {
				t.Fatalf("%s: %q: first %q, then %q", f.Name(), text, first, again)
			}
			values := make([][]byte, len(names))
			fields.Read(text, values)
			if l := f.Level(text); l != Unknown && l.String() != string(values[0]) {
				t.Fatalf("%s: %q: level %v, as a field %q", f.Name(), text, l, values[0])
			}
			if m := f.Message(text); string(m) != string(values[1]) {
				t.Fatalf("%s: %q: message %q, as a field %q", f.Name(), text, m, values[1])
			}
		}
		if !bytes.Equal(text, before) {
			t.Fatalf("%q was changed to %q", before, text)
		}
	})
}

// FuzzLogfmt writes pairs and reads them.
func FuzzLogfmt(f *testing.F) {
	f.Add("a", "x", "b", `say "hi"\n`)
	f.Add("a.b", "", "c", "=\x00\xff é")
	f.Fuzz(func(t *testing.T, one, first, two, second string) {
		if !isName([]byte(one)) || !isName([]byte(two)) || one == two {
			return
		}
		for _, reserved := range []string{"level", "message"} {
			if one == reserved || two == reserved {
				return
			}
		}
		fields, err := parsed(t, "logfmt").Fields(two, one)
		if err != nil {
			t.Fatal(err)
		}
		text := "z " + one + "=" + quoted(first) + "  " + two + "=" + quoted(second) + " " + one + "=later"
		var got [2][]byte
		fields.Read([]byte(text), got[:])
		if got[0] == nil || got[1] == nil || string(got[0]) != second || string(got[1]) != first {
			t.Fatalf("%q: got %q and %q", text, got[1], got[0])
		}
	})
}

// quoted writes a value the plain way.
func quoted(value string) string {
	var text strings.Builder
	text.WriteByte('"')
	for i := range len(value) {
		if c := value[i]; c == '"' || c == '\\' {
			text.WriteByte('\\')
			text.WriteByte(c)
		} else if c == '\n' {
			text.WriteString(`\n`)
		} else {
			text.WriteByte(c)
		}
	}
	return text.String() + `"`
}
