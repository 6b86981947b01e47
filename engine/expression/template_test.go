package expression_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gumshoe/engine/expression"
)

func TestTemplate(t *testing.T) {
	for _, row := range []struct {
		text    string
		want    any
		unknown string
	}{
		{"plain", "plain", ""},
		{"", "", ""},
		{"${inputs.url}", "http://x/", ""},
		{"${inputs.limit}", 7, ""},
		{"${inputs.since}", 15 * time.Minute, ""},
		{"${inputs.dsn}", secret{"s3cret"}, ""},
		{"${inputs.address}", hostPort{"db", 5432}, ""},
		{"${inputs.tags}", []string{"a", "b"}, ""},
		{"${map(disk.mounts, .path)}", []string{"/", "/var", "/home"}, ""},
		{"${filter(disk.mounts, .read_only)[0].used_percent}", 91.5, ""},
		{"${cpu.cores / 8}", 0.5, ""},
		{"${cpu.cores * 2}", 8, ""},
		{"${cpu.cores > 2 ? 1 : 0.5}", 1.0, ""},
		{"${cpu.boot}", boot, ""},
		{"${disk.mounts[0].processes[0].memory_bytes}", uint64(1 << 20), ""},
		{"on ${inputs.address}: ${cpu.used_percent} %", "on db:5432: 23 %", ""},
		{"${inputs.since} ${cpu.virtual} ${cpu.boot}", "15m0s true 2026-01-02T03:04:05Z", ""},
		{"mounts: ${map(disk.mounts, .path)}", "mounts: /, /var, /home", ""},
		{"$${inputs.url} costs $5 and $$", "${inputs.url} costs $5 and $$", ""},
		{"$$${inputs.limit}", "$${inputs.limit}", ""},
		{`${errors.matches["refused"]}`, 112, ""},
		{`${any(disk.mounts, {.path == "}"})} ${'{'}`, "false {", ""},
		{"${gone.cores}", nil, "gone was not run"},
		{"at ${gone.cores} cores", nil, "gone was not run"},
		{`${errors.matches["x"]}`, nil, `errors.matches: no key "x"`},
		{"ä${cpu.cores}ö", "ä4ö", ""},
	} {
		tmpl, faults := expression.CompileTemplate(at(row.text), scope())
		if faults != nil {
			t.Errorf("%s: %v", row.text, faults)
			continue
		}
		got, unknown := tmpl.Eval(environment())
		if unknown != row.unknown || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %#v, %q, want %#v, %q", row.text, got, unknown, row.want, row.unknown)
		}
		if got != nil && reflect.TypeOf(got) != tmpl.Type() {
			t.Errorf("%s: type %v of a %T", row.text, tmpl.Type(), got)
		}
		_, literal := tmpl.Literal()
		if has := expression.HasTemplate(row.text); has == literal {
			t.Errorf("%s: HasTemplate %v, literal %v", row.text, has, literal)
		}
	}
}

func TestTemplateUnreadParts(t *testing.T) {
	for text, unread := range map[string]string{
		"${map(disk.mounts, .path)}": "disk:mounts[1].path", "${inputs.tags}": "inputs:tags", "a ${inputs.tags}": "inputs:tags",
		"${inputs.dsn}": "inputs:dsn", "${inputs.address}": "inputs:address.port", "${filter(disk.mounts, .read_only)}": "disk:mounts[2].processes[0].name",
	} {
		tmpl, faults := expression.CompileTemplate(at(text), scope())
		if faults != nil {
			t.Fatal(faults)
		}
		if got, unknown := tmpl.Eval(environment(unread)); got != nil || !strings.Contains(unknown, "permission denied") {
			t.Errorf("%s with %s unread: %v, %q", text, unread, got, unknown)
		}
	}
}

// In a sentence what is known is told, whatever else is not.
func TestTemplateSentence(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "of ${cpu.used_percent} and ${inputs.tags}, $${x}": "of 23 and …, ${x}", "${inputs.tags}": "…", "${cpu.used_percent}": "23",
	} {
		tmpl, faults := expression.CompileTemplate(at(text), scope())
		if faults != nil {
			t.Fatal(faults)
		}
		if got := tmpl.Sentence(environment("inputs:tags")); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestTemplateFaults(t *testing.T) {
	for text, want := range map[string]string{
		"ä ${inputs.ur} and ${cpuu.cores}": "web.yaml:7:22: inputs has no field \"ur\"; did you mean \"url\"? (fields: url, mode, since, limit, dsn, address, tags)\n" +
			`web.yaml:7:32: unknown step or input "cpuu"; did you mean "cpu"?`,
		"a ${inputs.url":                    `web.yaml:7:13: "${" is not closed by "}"; for the two characters themselves write $${`,
		strings.Repeat("${cpu.cores}", 201): "web.yaml:7:11: a text with ${…} has at most 65536 bytes and 200 of them",
		"${}":                               "web.yaml:7:13: there is no expression here",
		"x ${inputs.dsn}":                   `web.yaml:7:11: inputs.dsn is a secret, which cannot be a part of a text; hand it over whole, as "${inputs.dsn}"`,
		"x ${cpu}":                          "web.yaml:7:11: cpu is an object; name one of its fields (used_percent, cores, per_core_percent, model, virtual, boot)",
		"x ${disk.mounts}":                  "web.yaml:7:11: disk.mounts is a list of values that are not plain; map(…, .name) takes one field of each",
		"x ${errors.matches}":               "web.yaml:7:11: errors.matches is a mapping; name one of its keys",
	} {
		_, faults := expression.CompileTemplate(at(text), scope())
		if faults.Err() == nil || faults.Err().Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", text, faults.Err(), want)
		}
	}
}

func TestTemplateReads(t *testing.T) {
	tmpl, _ := expression.CompileTemplate(at("${inputs.url} ${cpu.cores} ${inputs.url}"), scope())
	if diff := cmp.Diff(tmpl.Reads(), []expression.Read{{"inputs", "url"}, {"cpu", "cores"}}); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(tmpl.Roots(), []string{"cpu", "inputs"}); diff != "" {
		t.Error(diff)
	}
}

func TestNames(t *testing.T) {
	for _, row := range []struct {
		text, unread string
		want         []string
		unknown      string
	}{
		{"map(filter(disk.mounts, .used_percent > 90), .path)", "", []string{"/var", "/home"}, ""},
		{"cpu.model", "", []string{"arm"}, ""},
		{"inputs.tags", "", []string{"a", "b"}, ""},
		{"errors.outcomes", "", []string{"ok"}, ""},
		{"filter(disk.mounts, .used_percent > 99) | map(.path)", "", nil, ""},
		// Of an incomplete list those that are seen.
		{"map(filter(disk.mounts, .used_percent > 90), .path)", "disk:mounts", []string{"/var", "/home"}, ""},
		{"map(filter(disk.mounts, .path in map(disk.mounts, .path)), .path)", "disk:mounts", nil, "disk.mounts: permission denied"},
		{"inputs.tags", "inputs:tags[1]", nil, "inputs.tags[1]: permission denied"},
		{"map(1..300, string(#))", "", nil, ""},
	} {
		n, faults := expression.CompileNames(at(row.text), scope())
		if faults != nil {
			t.Errorf("%s: %v", row.text, faults)
			continue
		}
		got, unknown := n.Eval(environment(strings.Fields(row.unread)...))
		if len(got) == 100 {
			got = nil
		}
		if diff := cmp.Diff(got, row.want); diff != "" || unknown != row.unknown {
			t.Errorf("%s: %q %s", row.text, unknown, diff)
		}
	}
	for text, want := range map[string]string{
		"disk.mounts": "web.yaml:7:11: names are a string or a list of strings, and this is a list of objects; map(…, .name) takes one field of each",
		"cpu.cores":   "web.yaml:7:11: names are a string or a list of strings, and this is a number",
	} {
		if _, faults := expression.CompileNames(at(text), scope()); faults.Err() == nil || faults.Err().Error() != want {
			t.Errorf("%s: %v", text, faults)
		}
	}
}
