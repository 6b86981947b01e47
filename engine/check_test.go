package engine_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/engine"
)

type goodIn struct {
	Address string            `json:"address" required:"true" format:"hostport"`
	Wait    time.Duration     `json:"wait" default:"2s" min:"100ms" max:"30s"`
	Mode    string            `json:"mode" default:"fast" enum:"fast,slow"`
	Tries   int               `json:"tries" default:"1" min:"1" max:"10"`
	Share   float64           `json:"share"`
	Deep    bool              `json:"deep"`
	Argv    []string          `json:"argv"`
	Labels  map[string]string `json:"labels"`
	Key     engine.Secret     `json:"key"`
}

type goodOut struct {
	Used float64 `json:"used_percent" expr:"used_percent"`
}

// check makes a check of these types that is right in all else.
func check[In, Out any](name string) engine.Check[In, Out] {
	return engine.Check[In, Out]{
		Name: name, Doc: "A test.", Cost: time.Second,
		Plan:      func(In) []engine.Touch { return nil },
		Run:       func(context.Context, *engine.Call, In) (out Out, err error) { return out, nil },
		Summarize: func(Out) string { return "" },
	}
}

func TestDefinitionRefuses(t *testing.T) {
	for _, row := range []struct {
		name  string
		check engine.Instrument
		want  string
	}{
		{"a bad name", check[goodIn, goodOut]("Host CPU"), "a name is family.noun"},
		{"no cost", engine.Check[goodIn, goodOut]{Name: "a.b", Doc: "x"}, "are all needed"},
		{"a pointer", check[goodIn, struct {
			P *int `json:"p" expr:"p"`
		}]("a.b"), "p: a field of type *int is not allowed"},
		{"an interface", check[goodIn, struct {
			P any `json:"p" expr:"p"`
		}]("a.b"), "p: a field of type interface {} is not allowed"},
		{"tags that differ", check[goodIn, struct {
			P int `json:"p" expr:"q"`
		}]("a.b"), `p: the json tag "p" and the expr tag "q" differ`},
		{"a name in camel case", check[goodIn, struct {
			P int `json:"usedPercent" expr:"usedPercent"`
		}]("a.b"), `the json tag "usedPercent" is not a snake_case name`},
		{"a duration observed", check[goodIn, struct {
			P time.Duration `json:"p" expr:"p"`
		}]("a.b"), "p: an observation does not hold a duration"},
		{"the engine's own name", check[goodIn, struct {
			P int `json:"unread" expr:"unread"`
		}]("a.b"), "unread: this name is the engine's"},
		{"a default that does not fit", check[struct {
			P int `json:"p" default:"many"`
		}, goodOut]("a.b"), `p: default: want a whole number, not "many"`},
		{"a list of numbers as input", check[struct {
			P []int `json:"p"`
		}, goodOut]("a.b"), "p: a list in a check's input holds strings"},
		{"keys of no input", check[goodIn, struct {
			M map[string]int `json:"m" expr:"m" keys:"nope"`
		}]("a.b"), "m is no map, or nope no map or list to have the keys of"},
		{"keys that are not of a map", check[goodIn, struct {
			M int `json:"m" expr:"m" keys:"labels"`
		}]("a.b"), "m is no map, or labels no map or list"},
		{"an object as input", check[struct {
			P struct{} `json:"p"`
		}, goodOut]("a.b"), "p: a check's input is not a object"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := row.check.Definition()
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// TestVerify: what a check says of the text of an input is said when it is read.
func TestVerify(t *testing.T) {
	type in struct {
		Query string            `json:"query"`
		List  []string          `json:"list"`
		Map   map[string]string `json:"map"`
		Count int               `json:"count"`
	}
	c := check[in, goodOut]("a.b")
	refuse := func(text string) error {
		if text == "bad" {
			return errors.New("column 1: bad")
		}
		return nil
	}
	c.Verify = map[string]func(string) error{"query": refuse, "list": refuse, "map": refuse}
	d, err := c.Definition()
	if err != nil {
		t.Fatal(err)
	}
	if _, faults := d.In.Decode(map[string]any{"query": "bad"}); len(faults) != 1 || !strings.Contains(faults[0].Error(), "column 1: bad") {
		t.Errorf("got %v, want that it is bad", faults)
	}
	for _, given := range []map[string]any{{"list": []any{"good", "bad"}}, {"map": map[string]any{"a": "good", "b": "bad"}}} {
		if _, faults := d.In.Decode(given); len(faults) != 1 || !strings.Contains(faults[0].Error(), "column 1: bad") {
			t.Errorf("%v: got %v, want that it is bad", given, faults)
		}
	}
	for _, given := range []map[string]any{nil, {"query": "good"}, {"query": ""}, {"list": []any{"good"}, "map": map[string]any{"bad": "good"}}} {
		if _, faults := d.In.Decode(given); len(faults) > 0 {
			t.Errorf("%v: got %v", given, faults)
		}
	}
	for _, name := range []string{"nope", "count"} {
		c.Verify = map[string]func(string) error{name: func(string) error { return nil }}
		if _, err := c.Definition(); err == nil || !strings.Contains(err.Error(), "there is no text "+name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestDecodeMoment: a moment can be given as text, and as what an input of a runbook
// or the time of an incident is.
func TestDecodeMoment(t *testing.T) {
	type in struct {
		Since string `json:"since" format:"moment"`
	}
	described, err := engine.DescribeInput(reflect.TypeFor[in]())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		given any
		want  string
	}{
		{"15m", "15m"},
		{"2026-01-31T15:04:05Z", "2026-01-31T15:04:05Z"},
		{90 * time.Second, "1m30s"},
		{time.Date(2026, 1, 31, 15, 4, 5, 6, time.UTC), "2026-01-31T15:04:05.000000006Z"},
	} {
		got, faults := described.Decode(map[string]any{"since": row.given})
		if diff := cmp.Diff(any(in{row.want}), got); diff != "" || len(faults) > 0 {
			t.Errorf("%v: faults %v (-want +got):\n%s", row.given, faults, diff)
		}
	}
	for _, given := range []any{"yesterday", 15, true} {
		if _, faults := described.Decode(map[string]any{"since": given}); len(faults) != 1 {
			t.Errorf("%v: got %v, want one fault", given, faults)
		}
	}
}

func TestRegistryRefusesTwice(t *testing.T) {
	_, err := engine.NewRegistry(nil, check[goodIn, goodOut]("a.b"), check[goodIn, goodOut]("a.b"))
	if err == nil || err.Error() != "check a.b: registered twice" {
		t.Errorf("got %v", err)
	}
	r, err := engine.NewRegistry(nil, check[goodIn, goodOut]("b.c"), check[goodIn, goodOut]("a.b"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.b", "b.c"}, r.Names()); diff != "" {
		t.Error(diff)
	}
}

func TestDecode(t *testing.T) {
	in, err := engine.DescribeInput(reflect.TypeFor[goodIn]())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		given map[string]any
		want  goodIn
		wrong []string
	}{
		{
			name:  "defaults",
			given: map[string]any{"address": "db:5432"},
			want:  goodIn{Address: "db:5432", Wait: 2 * time.Second, Mode: "fast", Tries: 1},
		},
		{
			name: "text, as from a command line",
			given: map[string]any{
				"address": "[::1]:5432", "wait": "1s", "tries": "3", "share": "0.5", "deep": "true",
				"argv": `["df","-P"]`, "labels": `{"a":"b"}`, "mode": "slow",
			},
			want: goodIn{
				Address: "[::1]:5432", Wait: time.Second, Tries: 3, Share: 0.5, Deep: true,
				Argv: []string{"df", "-P"}, Labels: map[string]string{"a": "b"}, Mode: "slow",
			},
		},
		{
			name: "typed, as from an expression",
			given: map[string]any{
				"address": engine.HostPort{Host: "db", Port: 1}, "wait": time.Second, "tries": int64(2), "share": 1, "deep": true,
				"argv": []any{"a", 1}, "labels": map[string]any{"n": 1.5},
			},
			want: goodIn{
				Address: "db:1", Wait: time.Second, Tries: 2, Share: 1, Deep: true, Mode: "fast",
				Argv: []string{"a", "1"}, Labels: map[string]string{"n": "1.5"},
			},
		},
		{
			name: "everything wrong at once",
			given: map[string]any{
				"address": "db", "wait": "50ms", "tries": 11, "share": "half", "deep": "maybe", "mode": "medium",
				"argv": map[string]any{}, "labels": []any{}, "key": 3,
			},
			wrong: []string{
				`address: "db" is not host:port (an IPv6 address goes in brackets: [::1]:5432)`,
				"wait: 50ms is below the least, 100ms",
				`mode: "medium" is not one of fast, slow`,
				"tries: 11 is above the most, 10",
				`share: want a number, not "half"`,
				`deep: want true or false, not "maybe"`,
				"argv: want a list, not a mapping",
				"labels: want a mapping, not a list",
				"key: want a secret, not 3",
			},
		},
		{name: "nothing", given: nil, wrong: []string{"address: is needed"}},
		{name: "not whole", given: map[string]any{"address": "a:1", "tries": 1.5}, wrong: []string{"tries: want a whole number, not 1.5"}},
		{name: "a port too high", given: map[string]any{"address": "a:70000"}, wrong: []string{`address: "a:70000": the port is a number from 1 to 65535`}},
		{name: "a hostile host", given: map[string]any{"address": "$(reboot):1"}, wrong: []string{`address: "$(reboot)" is not a host name or an IP address`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, faults := in.Decode(row.given)
			var wrong []string
			for _, f := range faults {
				wrong = append(wrong, f.Error())
			}
			if diff := cmp.Diff(row.wrong, wrong); diff != "" {
				t.Fatal(diff)
			}
			if diff := cmp.Diff(row.want, got, cmp.Comparer(func(a, b engine.Secret) bool { return a == b })); len(wrong) == 0 && diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFieldDocs: the docs are asked for when somebody wants one, at whatever depth,
// and by several at once.
func TestFieldDocs(t *testing.T) {
	type part struct {
		Size float64 `json:"size" expr:"size"`
	}
	type whole struct {
		Parts []part  `json:"parts" expr:"parts"`
		Bare  float64 `json:"bare" expr:"bare"`
	}
	var asked atomic.Int64
	docs := sync.OnceValue(func() engine.FieldDocs {
		asked.Add(1)
		return engine.FieldDocs{
			"gumshoe/engine_test.goodIn": {"address": "address is where."},
			"gumshoe/engine_test.whole":  {"parts": "parts are all."},
			"gumshoe/engine_test.part":   {"size": "size is how large."},
		}
	})
	r, err := engine.NewRegistry(docs, check[goodIn, whole]("a.b"))
	if err != nil {
		t.Fatal(err)
	}
	d, _ := r.Lookup("a.b")
	if n := asked.Load(); n != 0 {
		t.Errorf("the docs were read %d times before anybody asked", n)
	}
	parts := d.Out.Fields[0]
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			got := []string{d.In.Fields[0].Doc(), parts.Doc(), parts.Of.Fields[0].Doc(), d.Out.Fields[1].Doc()}
			if diff := cmp.Diff([]string{"address is where.", "parts are all.", "size is how large.", ""}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	wait.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the docs were read %d times, want once", n)
	}
	if r, err = engine.NewRegistry(nil, check[goodIn, whole]("a.b")); err != nil {
		t.Fatal(err)
	}
	if d, _ = r.Lookup("a.b"); d.In.Fields[0].Doc() != "" {
		t.Errorf("without docs there is the doc %q", d.In.Fields[0].Doc())
	}
}
