package source

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, text string) Node {
	t.Helper()
	var faults Faults
	node, ok := Parse("", []byte(text), &faults)
	if !ok || len(faults) > 0 {
		t.Fatalf("%q: %v", text, faults)
	}
	return node
}

func TestPositions(t *testing.T) {
	for _, test := range []struct {
		text, value, node, start string
		exact                    bool
	}{
		{"a: b c", "b c", "1:4", "1:4", true},
		{"é: ü", "ü", "1:4", "1:4", true},
		{"a: {b: 1.50}", "1.50", "1:8", "1:8", true},
		{"a: 'b'", "b", "1:4", "1:5", true},
		{`a: "b c" # d`, "b c", "1:4", "1:5", true},
		{"a: ''", "", "1:4", "1:5", true},
		{"a:", "", "1:3", "1:3", true},
		{"a: 'it''s'", "it's", "1:4", "1:5", false},
		{`a: "\t"`, "\t", "1:4", "1:5", false},
		{"a: \"b\n  c\"", "b c", "1:4", "1:5", false},
		{"a: b\n  c", "b c", "1:4", "1:4", false},
		{"a: |\n  b\n  c\n", "b\nc\n", "1:4", "2:3", false},
		{"a: >- # d\n\n    b\n    c\n", "\nb c", "1:4", "3:5", false},
		{"a: |2\n    b\n", "  b\n", "1:4", "2:3", false},
		{"a: |\n\nb: 1", "", "1:4", "1:4", false},
		{"a: &x b", "b", "1:4", "1:4", false},
		{"b: &x c\na: *x", "c", "1:4", "1:4", false},
	} {
		var n Node // the last scalar, or what a says
		walk(parse(t, test.text), func(below Node) { n = below })
		if a := parse(t, test.text).Field("a"); !a.IsZero() && !a.IsMapping() {
			n = a
		}
		got := n.Text()
		if got.Value != test.value && !(test.value == "" && strings.TrimSpace(got.Value) == "") ||
			n.Position().String()[1:] != test.node || got.Position.String()[1:] != test.start || got.Exact != test.exact {
			t.Errorf("%q: got %q at %s, text at %s, exact %v", test.text, got.Value, n.Position(), got.Position, got.Exact)
		}
	}
}

func TestKinds(t *testing.T) {
	for text, want := range map[string]string{
		"{}": "a mapping", "[]": "a list", "a": "a string", "'1'": "a string", "1": "a number",
		"0x1f": "a number", "-.5e3": "a number", "True": "true or false", "~": "nothing", "on": "a string",
	} {
		if got := parse(t, text).Kind(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	var absent Node
	if !absent.IsZero() || absent.IsNull() || absent.IsScalar() || absent.Kind() != "nothing" || absent.Value() != nil ||
		absent.Position() != (Position{}) || absent.Text() != (Text{}) || absent.Fields() != nil || absent.Items() != nil {
		t.Error("the zero Node has something")
	}
}

func TestExpect(t *testing.T) {
	asString := func(n Node, f *Faults) (any, bool) { v, ok := n.String("it", f); return v.Value, ok }
	asBool := func(n Node, f *Faults) (any, bool) { return any2(n.Bool("it", f)) }
	asInt := func(n Node, f *Faults) (any, bool) { return any2(n.Int("it", f)) }
	asFloat := func(n Node, f *Faults) (any, bool) { return any2(n.Float("it", f)) }
	asDuration := func(n Node, f *Faults) (any, bool) { return any2(n.Duration("it", f)) }
	asStrings := func(n Node, f *Faults) (any, bool) { v, ok := n.Strings("it", f); return len(v), ok }
	asMapping := func(n Node, f *Faults) (any, bool) { v, ok := n.Mapping("it", f); return len(v), ok }
	asList := func(n Node, f *Faults) (any, bool) { v, ok := n.List("it", f); return len(v), ok }
	for _, test := range []struct {
		text string
		as   func(Node, *Faults) (any, bool)
		want any // an error is the message
	}{
		{"b", asString, "b"},
		{"on", asString, "on"},
		{"1.50", asString, fmt.Errorf(`it must be a string, not a number; put it in quotes: "1.50"`)},
		{"true", asString, fmt.Errorf(`it must be a string, not true or false; put it in quotes: "true"`)},
		{"", asString, fmt.Errorf("it must be a string, but it is empty")},
		{"[b]", asString, fmt.Errorf("it must be a string, not a list")},
		{"{b: 1}", asString, fmt.Errorf("it must be a string, not a mapping; put it in quotes if it is text")},
		{"true", asBool, true},
		{"yes", asBool, fmt.Errorf("it must be true or false, not a string; write true")},
		{"off", asBool, fmt.Errorf("it must be true or false, not a string; write false")},
		{"'true'", asBool, fmt.Errorf("it must be true or false, not a string; remove the quotes")},
		{"0", asBool, fmt.Errorf("it must be true or false, not a number")},
		{"-7", asInt, int64(-7)},
		{"0x10", asInt, int64(16)},
		{"1.5", asInt, fmt.Errorf("it must be a whole number, not 1.5")},
		{"9223372036854775808", asInt, fmt.Errorf("it is too large: 9223372036854775808")},
		{"'5'", asInt, fmt.Errorf("it must be a whole number, not a string; remove the quotes")},
		{"five", asInt, fmt.Errorf("it must be a whole number, not a string")},
		{"5", asFloat, 5.0},
		{"0.5", asFloat, 0.5},
		{`"0.5"`, asFloat, fmt.Errorf("it must be a number, not a string; remove the quotes")},
		{"15m", asDuration, 15 * time.Minute},
		{"15", asDuration, fmt.Errorf("it must be a duration with its unit; write 15s or 15m")},
		{"'15'", asDuration, fmt.Errorf(`it: "15" has no unit; write 15s or 15m`)},
		{"soon", asDuration, fmt.Errorf(`it: "soon" is not a duration; write it as 1.5s, 15m, 1h30m or 2d`)},
		{"[1s]", asDuration, fmt.Errorf("it must be a duration, as 15m, not a list")},
		{"b", asStrings, 1},
		{"[b, c]", asStrings, 2},
		{"[b, 2]", asStrings, fmt.Errorf(`each of it must be a string, not a number; put it in quotes: "2"`)},
		{"{}", asStrings, fmt.Errorf("it must be a string or a list of strings, not a mapping")},
		{"5", asStrings, fmt.Errorf(`it must be a string or a list of strings, not a number; put it in quotes: "5"`)},
		{"{b: 1}", asMapping, 1},
		{"b", asMapping, fmt.Errorf("it must be a mapping (key: value), not a string")},
		{"b:c", asMapping, fmt.Errorf("it must be a mapping (key: value), not a string; put a space after the colon: b: c")},
		{"", asMapping, fmt.Errorf("it must be a mapping (key: value), but it is empty")},
		{"[b]", asList, 1},
		{"b", asList, fmt.Errorf("it must be a list, not a string; put it in brackets: [b]")},
		{"b, c", asList, fmt.Errorf(`it must be a list, not a string; put "- " before it`)},
	} {
		var faults Faults
		got, ok := test.as(parse(t, "a: "+test.text).Field("a"), &faults)
		if want, bad := test.want.(error); bad {
			if len(faults) != 1 || ok || faults[0].Message != want.Error() {
				t.Errorf("%s: got %v, %v, want %s", test.text, faults, ok, want)
			}
		} else if !ok || len(faults) > 0 || got != test.want {
			t.Errorf("%s: got %v, %v, %v, want %v", test.text, got, ok, faults, test.want)
		}
		if _, ok := test.as(Node{}, &faults); ok {
			t.Errorf("an absent node is something")
		}
		if len(faults) > 1 {
			t.Errorf("an absent node has a fault: %v", faults[1])
		}
	}
	var faults Faults
	if node, _ := Parse("", []byte("a: .nan"), &faults); node.Field("a").Kind() != "something unreadable" {
		t.Error("NaN is something")
	} else if _, ok := node.Field("a").Float("a", &faults); ok || len(faults) != 1 {
		t.Errorf("NaN: got %v, %v", ok, faults)
	}
}

func any2[T any](v T, ok bool) (any, bool) { return v, ok }

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "1.5s": 1500 * time.Millisecond, "15m": 15 * time.Minute, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour,
		"1w": 168 * time.Hour, "250ms": 250 * time.Millisecond, "1.1s": 1100 * time.Millisecond, "3us": 3000, "3µs": 3000, "7ns": 7,
		"106751d": 106751 * 24 * time.Hour,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":        `"" is not a duration; write it as 1.5s, 15m, 1h30m or 2d`,
		"-5m":     `"-5m" is not a duration; write it as 1.5s, 15m, 1h30m or 2d`,
		"5 m":     `"5 m" is not a duration; write it as 1.5s, 15m, 1h30m or 2d`,
		"5m3":     `"5m3" is not a duration; write it as 1.5s, 15m, 1h30m or 2d`,
		"5":       `"5" has no unit; write 5s or 5m`,
		"106752d": `"106752d" is too long; the longest is 292 years`,
	} {
		if got, err := ParseDuration(text); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
}

func TestObject(t *testing.T) {
	var faults Faults
	node := parse(t, "runbook: web\ntittle: x\nfoo: 1\nwith: {url:b}\n\"si\\u0074e\": 1")
	if _, ok := node.Field("runbook").Object("runbook", &faults); ok {
		t.Error("a string is an object")
	}
	o, ok := node.Object("runbook", &faults)
	if !ok {
		t.Fatal(faults)
	}
	if got := o.Field("runbook"); got.Text().Value != "web" {
		t.Errorf("got %v", got.Value())
	}
	if _, ok := o.Required("title"); ok {
		t.Error("the absent title is there")
	}
	if _, ok := o.Required("runbook"); !ok {
		t.Error("the runbook is not there")
	}
	if got := o.Key("foo"); got.Position.String() != ":3:1" || got.Value != "foo" {
		t.Errorf("got %v", got)
	}
	with, _ := o.Field("with").Object("with", &faults)
	with.Field("url")
	with.Done()
	o.Done()
	want := []string{
		`:1:1: runbook needs "title"`,
		`:1:10: runbook must be a mapping (key: value), not a string`,
		`:2:1: unknown key "tittle"; did you mean "title"? (allowed: runbook, title, with)`,
		`:3:1: unknown key "foo" (allowed: runbook, title, with)`,
		`:4:8: unknown key "url:b"; put a space after the colon: url: b (allowed: url)`,
		`:5:2: unknown key "site"; did you mean "title"? (allowed: runbook, title, with)`,
	}
	if got := strings.Split((&Invalid{faults.Sorted()}).Error(), "\n"); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct{ word, candidates, want string }{
		{"tittle", "title about", "title"},
		{"tilte", "title file", "title"},
		{"Title", "title file", "title"},
		{"used_precent", "used_percent free_percent", "used_percent"},
		{"cpu_used", "used_percent", ""},
		{"cup", "cpu load", "cpu"},
		{"step", "stop steps", "steps"},
		{"a", "b c", ""},
		{"a", "ab", ""},
		{"x", "X", "X"},
		{"db", "dB bd", "dB"},
		{"cpu", "host.cpu host.load", "host.cpu"},
		{"tcp", "probe.tcp packets.tcp", ""},
		{"hostcpu", "host.cpu host.load", "host.cpu"},
		{"", "a", ""},
		{"größe", "grösse größen", "größen"},
		{"a", "", ""},
	} {
		if got := Nearest(test.word, strings.Fields(test.candidates)); got != test.want {
			t.Errorf("%s among %s: got %q, want %q", test.word, test.candidates, got, test.want)
		}
	}
	if got, want := DidYouMean("tittle", []string{"title"}), `; did you mean "title"?`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestFaults(t *testing.T) {
	var faults Faults
	if faults.Err() != nil {
		t.Error("nothing is an error")
	}
	faults.Warnf(Position{"b", 1, 1}, "w")
	if faults.Err() != nil || len(faults.Warnings()) != 1 {
		t.Error("a warning is an error")
	}
	faults.Addf(Position{"b", 2, 1}, "x %d", 1)
	faults.Addf(Position{"b", 2, 1}, "x %d", 1)
	faults.Addf(Position{"a", 9, 9}, "y")
	faults.Addf(Position{"b", 1, 10}, "z")
	faults.Addf(Position{}, "nowhere")
	if got, want := faults.Err().Error(), "nowhere\na:9:9: y\nb:1:10: z\nb:2:1: x 1"; got != want {
		t.Errorf("got %s", got)
	}
	if got, want := faults.Warnings()[0].Error(), "b:1:1: warning: w"; got != want {
		t.Errorf("got %s", got)
	}
	text := Text{Value: "abc", Position: Position{"b", 3, 5}, Exact: true}
	if got := text.At(1, 2); got.Column != 7 || text.At(2, 2).Column != 5 {
		t.Errorf("got %v", got)
	}
}
