package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gumshoe/engine"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, format, stdout string
		fields               map[string]string
		numbers              map[string]float64
	}{
		{
			name: "json", format: "json",
			stdout:  `{"a": {"b": 1.5, "c": ["x", 2, true, null]}, "n": "7", "big": 1e999, "empty": {}}`,
			fields:  map[string]string{"a.b": "1.5", "a.c.0": "x", "a.c.1": "2", "a.c.2": "true", "a.c.3": "null", "n": "7", "big": "1e999"},
			numbers: map[string]float64{"a.b": 1.5, "a.c.1": 2, "n": 7},
		},
		{name: "a json scalar", format: "json", stdout: "42\n", fields: map[string]string{"": "42"}, numbers: map[string]float64{"": 42}},
		{
			name: "pairs", format: "keyvalue",
			stdout:  "# comment=1\nNAME=\"Debian GNU\"\nload: 0.5\nurl=http://x/?a=b\nload: 0.7\nnothing here\n=x\nnan=NaN\nempty=\n",
			fields:  map[string]string{"NAME": "Debian GNU", "load": "0.7", "url": "http://x/?a=b", "nan": "NaN", "empty": ""},
			numbers: map[string]float64{"load": 0.7},
		},
		{name: "text", format: "text", stdout: "a=1", fields: map[string]string{}, numbers: map[string]float64{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Output{Stdout: tt.stdout, Fields: map[string]string{}, Numbers: map[string]float64{}}
			o.parse(&engine.Call{}, tt.format)
			if diff := cmp.Diff(o.Fields, tt.fields) + cmp.Diff(o.Numbers, tt.numbers); diff != "" {
				t.Errorf("got -, want +:\n%s", diff)
			}
		})
	}
}

func TestHead(t *testing.T) {
	for _, tt := range []struct {
		name    string
		written []string
		lines   int
		dropped int64
	}{
		{"nothing", nil, 0, 0},
		{"a line", []string{"a\n"}, 1, 0},
		{"no line break at the end", []string{"a\nb"}, 2, 0},
		{"in pieces", []string{"a", "b", "\n"}, 1, 0},
		{"exactly full", []string{strings.Repeat("x", maxOutput)}, 1, 0},
		{"more", []string{strings.Repeat("x", maxOutput-1), "yz\n"}, 1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var h head
			for _, text := range tt.written {
				if n, err := h.Write([]byte(text)); n != len(text) || err != nil {
					t.Errorf("wrote %d, %v", n, err)
				}
			}
			if h.lines() != tt.lines || h.dropped != tt.dropped {
				t.Errorf("got %d lines, %d dropped; want %d, %d", h.lines(), h.dropped, tt.lines, tt.dropped)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("json", `{"a":[1,{"b":null}]}`)
	f.Add("keyvalue", "a=1\nb: \"x\"\n")
	f.Fuzz(func(t *testing.T, format, stdout string) {
		o := Output{Stdout: stdout, Fields: map[string]string{}, Numbers: map[string]float64{}}
		o.parse(&engine.Call{}, format)
		if len(o.Fields) > maxFields {
			t.Errorf("%d fields", len(o.Fields))
		}
	})
}
