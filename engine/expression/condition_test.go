package expression_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
	"gumshoe/engine/source"
)

func TestEval(t *testing.T) {
	const yes, no, unknown = kleene.True, kleene.False, kleene.Unknown
	for _, row := range []struct {
		text   string
		unread string // space-separated
		want   kleene.Truth
		shown  string // or the reason
	}{
		// Reading and arithmetic.
		{"db.connections / db.max_connections > 0.9", "", yes, "98 / 100 = 0.98"},
		{"cpu.used_percent > 90", "", no, "23"},
		{`errors.matches["refused"] > 0`, "", yes, "112"},
		{"90 < cpu.used_percent", "", no, "23"},
		{"db.connect_seconds < 0.01", "", yes, "0.0004"},
		{"wire.tcp.retransmitted_percent > 1", "", yes, "1.5"},
		{"db.connections > cpu.cores", "", yes, "98 against 4"},
		{"cpu.virtual", "", yes, "true"},
		{"not cpu.virtual", "", no, "true"},
		{`db.outcome == "refused"`, "", yes, `"refused"`},
		{`db.outcome in ["refused", "timed_out"]`, "", yes, `"refused"`},
		{`cpu.model matches "^a.m$"`, "", yes, `"arm"`},
		{`cpu.model startsWith "a" and cpu.model endsWith "m" and cpu.model contains "r"`, "", yes, `"arm"`},
		{"cpu.cores + 1 == 5 and cpu.cores % 3 == 1 and cpu.cores ** 2 == 16 and -cpu.cores < 0", "", yes,
			"4 + 1 = 5 and 4 % 3 = 1 and 4 ** 2 = 16 and -4"},
		{"disk.mounts[1].processes[0].memory_bytes > 2 * GiB", "", yes, "3221225472"},
		{"disk.mounts[-1].read_only", "", yes, "true"},
		{`cpu.boot < date("2026-02-01")`, "", yes, "2026-01-02T03:04:05Z"},
		{`date("2026-01-02T04:04:05Z") - cpu.boot >= duration("1h")`, "", yes, "2026-01-02T04:04:05Z - 2026-01-02T03:04:05Z = 1h0m0s"},
		{"seconds(inputs.since) == 900", "", yes, "900"},
		{"1 < cpu.cores < 5", "", yes, "4"},
		{"cpu.used_percent > 90 ? cpu.virtual : db.connections > 5", "", yes, "98"},
		{"5 in 1..10", "", yes, "5"},
		// Lists.
		{"any(disk.mounts, .used_percent > 90)", "", yes, "/var: 97, /home: 91.5"},
		{"all(disk.mounts, .used_percent > 30)", "", yes, "all 3"},
		{"all(disk.mounts, .used_percent > 50)", "", no, "/: 40"},
		{"none(disk.mounts, .used_percent > 99)", "", yes, "none of 3"},
		{"none(disk.mounts, .read_only)", "", no, "/home: true"},
		{"one(disk.mounts, .read_only)", "", yes, "/home: true"},
		{"one(disk.mounts, .used_percent > 50)", "", no, "/var: 97, /home: 91.5"},
		{`any(disk.mounts, any(.processes, .state == "zombie"))`, "", yes, `/var: postgres: "zombie"`},
		{"count(disk.mounts, .used_percent > 90) == 2", "", yes, "2"},
		{"len(filter(disk.mounts, .used_percent > 90)) == 2", "", yes, "2"},
		{"sum(disk.mounts, .used_percent) > 228", "", yes, "228.5"},
		{"max(map(disk.mounts, .used_percent)) > 96", "", yes, "97"},
		{"share(disk.mounts, .used_percent > 90) > 0.6", "", yes, "0.6667"},
		{"disk.mounts | share(.used_percent > 90) > 0.6", "", yes, "0.6667"},
		{"(disk.mounts | filter(.read_only) | count(#.used_percent > 1)) == 1", "", yes, "1"},
		{`find(disk.mounts, .read_only).path == "/home"`, "", yes, `"/home"`},
		{`sortBy(disk.mounts, .used_percent, "desc")[0].path == "/var"`, "", yes, `"/var"`},
		{"findIndex(disk.mounts, .read_only) == 2 and last(disk.mounts).read_only", "", yes, "2"},
		{`"refused" in errors.matches and not ("other" in errors.matches)`, "", yes, `"refused" and "other"`},
		{`"ok" in errors.outcomes`, "", yes, `"ok"`},
		{`join(sort(keys(errors.clients)), ",") == "a"`, "", yes, `"a"`},
		{"any(values(errors.clients), .used_percent > 0)", "", yes, "/a: 1"},
		{"any(nodes, .connections > 5)", "", yes, "refused: 9"},
		{"len(uniq(errors.outcomes)) == 1", "", yes, "1"},
		{"any(disk.mounts, #index == 1 and .used_percent > 90)", "", yes, "/var: 1 and 97"},
		{"any(cpu.per_core_percent, # > 80)", "", yes, "90"},
		{"any(errors.outcomes, # == 'ok')", "", yes, `ok: "ok", ok: "ok"`},
		{"len(errors.matches) == 1 and len(cpu.model) == 3", "", yes, "1 and 3"},
		{"errors.clients['a'].used_percent == 1", "", yes, "1"},
		{`inputs.since * 2 == duration("30m") and inputs.since / 3 < duration("6m") and inputs.since / duration("1m") == 15`, "", yes,
			"15m0s * 2 = 30m0s and 15m0s / 3 = 5m0s and 15m0s / 1m0s = 15"},
		{`inputs.since + duration("1m") - duration("16m") == duration("0s") and -inputs.since < duration("0s") and 2 * inputs.since > inputs.since`,
			"", yes, "(15m0s + 1m0s) - 16m0s = 0s and -15m0s and 2 * 15m0s = 30m0s against 15m0s"},
		{`cpu.boot + inputs.since > cpu.boot and cpu.boot - inputs.since < inputs.since + cpu.boot`, "", yes,
			"2026-01-02T03:04:05Z + 15m0s = 2026-01-02T03:19:05Z against 2026-01-02T03:04:05Z and 2026-01-02T03:04:05Z - 15m0s = 202…"},
		{`len(filter(1..10, # in [2, 3])) == 2 and 5 not in -2..-1`, "", yes, "2 and 5"},
		{"disk.mounts[1].processes[0].memory_bytes * 1.5e9 > 1", "", yes, "3221225472 * 1500000000 = 4.83e+18"},
		{"cpu.used_percent * 1e-9 > 0 and cpu.used_percent / 0.007 > 0", "", yes, "23 * 1e-09 = 2.3e-08 and 23 / 0.007 = 3286"},
		// Unknown.
		{"gone.cores > 1", "", unknown, "gone was not run"},
		{"db.idle_in_transaction > 5", "db:idle_in_transaction", unknown, "db.idle_in_transaction: permission denied"},
		{"db.connections > 5", "db:idle_in_transaction", yes, "98"},
		{"wire.tcp.retransmitted_percent > 1", "wire:tcp", unknown, "wire.tcp: permission denied"},
		{"cpu.cores > 1", "cpu:", unknown, "cpu: permission denied"},
		{`errors.matches["other"] > 0`, "", unknown, `errors.matches: no key "other"`},
		{`errors.matches["refused"] > 0`, `errors:matches["refused"]`, unknown, `errors.matches["refused"]: permission denied`},
		{`errors.matches["refused"] > 0`, "errors:matches", yes, "112"},
		{`errors.matches["other"] > 0`, "errors:matches", unknown, "errors.matches: permission denied"},
		{`"other" in errors.matches`, "errors:matches", unknown, "errors.matches: permission denied"},
		{"disk.mounts[9].used_percent > 1", "", unknown, "disk.mounts[9]: there are 3 elements"},
		{"disk.mounts[0].used_percent > 1", "disk:mounts", unknown, "disk.mounts: permission denied"},
		{"cpu.cores / (cpu.cores - 4) > 1", "", unknown, "cpu.cores / (cpu.cores - 4): division by zero, so not a finite number"},
		{"cpu.cores % (cpu.cores - 4) > 1", "", unknown, "cpu.cores % (cpu.cores - 4): division by zero, so not a finite number"},
		{"(cpu.cores * 1e300) ** 9 > 1", "", unknown, "(cpu.cores * 1e+300) ** 9: not a finite number"},
		{"max(filter(cpu.per_core_percent, # > 100)) > 1", "", unknown,
			"max(filter(cpu.per_core_percent, # > 100)): an empty list has none"},
		{"find(disk.mounts, .used_percent > 99).read_only", "", unknown,
			"find(disk.mounts, .used_percent > 99): no element matches"},
		{"share(filter(disk.mounts, .used_percent > 99), .read_only) > 0", "", unknown,
			"share(filter(disk.mounts, .used_percent > 99), .read_only): a share of an empty list"},
		{`float(cpu.model) > 1`, "", unknown, `float(cpu.model): "arm" is not a number`},
		// Kleene.
		{"gone.cores > 1 or cpu.cores > 1", "", yes, "4"},
		{"gone.cores > 1 and cpu.cores > 9", "", no, "4"},
		{"cpu.cores > 9 or gone.cores > 1", "", unknown, "gone was not run"},
		{"not (gone.cores > 1)", "", unknown, "gone was not run"},
		{"gone.virtual ? cpu.cores > 1 : db.connections > 1", "", yes, "true"},
		{"gone.virtual ? cpu.cores > 1 : db.connections < 1", "", unknown, "gone was not run"},
		// Incomplete lists.
		{"any(disk.mounts, .used_percent > 90)", "disk:mounts", yes, "/var: 97, /home: 91.5"},
		{"any(disk.mounts, .used_percent > 99)", "disk:mounts", unknown, "disk.mounts: permission denied"},
		{"all(disk.mounts, .used_percent > 50)", "disk:mounts", no, "/: 40"},
		{"all(disk.mounts, .used_percent > 30)", "disk:mounts", unknown, "disk.mounts: permission denied"},
		{"none(disk.mounts, .used_percent > 90)", "disk:mounts", no, "/var: 97, /home: 91.5"},
		{"none(disk.mounts, .used_percent > 99)", "disk:mounts", unknown, "disk.mounts: permission denied"},
		{"one(disk.mounts, .used_percent > 50)", "disk:mounts", no, "/var: 97, /home: 91.5"},
		{"one(disk.mounts, .read_only)", "disk:mounts", unknown, "disk.mounts: permission denied"},
		{"len(disk.mounts) > 1", "disk:mounts", unknown, "disk.mounts: permission denied"},
		{"count(disk.mounts, .read_only) > 0", "disk:mounts", unknown, "disk.mounts: permission denied"},
		{"share(disk.mounts, .read_only) > 0", "disk:mounts", unknown, "disk.mounts: permission denied"},
		{"find(disk.mounts, .read_only).used_percent > 0", "disk:mounts", unknown, "disk.mounts: permission denied"},
		{"len(disk.mounts[0:1]) > 0", "disk:mounts", unknown, "disk.mounts: permission denied"},
		{`"ok" in errors.outcomes`, "errors:outcomes", yes, `"ok"`},
		{`"slow" in errors.outcomes`, "errors:outcomes", unknown, "errors.outcomes: permission denied"},
		// Fields of elements.
		{"any(disk.mounts, .used_percent > 90)", "disk:mounts[2].used_percent", yes, "/var: 97"},
		{"any(disk.mounts, .used_percent > 90)", "disk:mounts[].used_percent", unknown, "disk.mounts[].used_percent: permission denied"},
		{"any(disk.mounts, .used_percent > 99)", "disk:mounts[2].used_percent", unknown, "disk.mounts[2].used_percent: permission denied"},
		{"all(disk.mounts, .used_percent > 50)", "disk:mounts[2].used_percent", no, "/: 40"},
		{"any(disk.mounts, .used_percent > 99)", "disk:mounts[2].inodes_used_percent", no, "none of 3"},
		{"any(disk.mounts, .used_percent > 90 or .inodes_used_percent > 50)", "disk:mounts[].inodes_used_percent", yes,
			"/var: 97, /home: 91.5"},
		{`any(disk.mounts, any(.processes, .state == "zombie"))`, "disk:mounts[0].processes", yes, `/var: postgres: "zombie"`},
		{`any(disk.mounts, any(.processes, .name == "nginx"))`, "disk:mounts[0].processes", unknown,
			"disk.mounts[0].processes: permission denied"},
		{"count(disk.mounts, .used_percent > 90) > 0", "disk:mounts[2].used_percent", unknown,
			"disk.mounts[2].used_percent: permission denied"},
		{"count(disk.mounts, .inodes_used_percent > 50) > 0", "disk:mounts[2].used_percent", yes, "1"},
		{"len(disk.mounts) == 3", "disk:mounts[2].used_percent", yes, "3"},
		{"any(filter(disk.mounts, .used_percent > 90), .read_only)", "disk:mounts[1].read_only", yes, "/home: true"},
		{"count(nodes, #index >= 0) == 2", "nodes:[1]", yes, "2"},
		{"len(filter(nodes, #index >= 0)) == 2", "nodes:[1]", unknown, "nodes[1]: permission denied"},
		{"any(disk.mounts, .used_percent > 90)", "disk:mounts[].inodes_used_percent disk:mounts[1].used_percent", yes, "/home: 91.5"},
		{"all(disk.mounts, .inodes_used_percent > 1)", "disk:mounts[].inodes_used_percent disk:mounts[1].used_percent", unknown,
			"disk.mounts[].inodes_used_percent: permission denied"},
		{"len(errors.matches) == 1", "errors:matches", unknown, "errors.matches: permission denied"},
		{"any(values(errors.clients), .used_percent > 0)", "errors:clients.a.used_percent", unknown, "errors.clients.a.used_percent: permission denied"},
		{"all(nodes, .connections > 0)", "nodes:[1]", unknown, "nodes[1]: permission denied"},
		{"any(nodes, .connections == 1)", "nodes:[1].connections", yes, "connected: 1"},
	} {
		t.Run(row.text+"|"+row.unread, func(t *testing.T) {
			got := compile(t, row.text).Eval(environment(strings.Fields(row.unread)...))
			if got.Truth != row.want {
				t.Fatalf("got %v (%s%s), want %v", got.Truth, got.Shown, got.Reason, row.want)
			}
			if got.Truth == unknown && (got.Reason != row.shown || got.Shown != "") {
				t.Errorf("reason %q, want %q; shown %q", got.Reason, row.shown, got.Shown)
			}
			if got.Truth != unknown && (got.Shown != row.shown || got.Reason != "" || got.Fix != "") {
				t.Errorf("shown %q, want %q; reason %q", got.Shown, row.shown, got.Reason)
			}
			if row.unread != "" && got.Truth == unknown && got.Fix != "run as root" {
				t.Errorf("fix %q", got.Fix)
			}
		})
	}
}

func TestValues(t *testing.T) {
	for _, row := range []struct {
		text string
		want []expression.Value
	}{
		{"db.connections / db.max_connections > 0.9 and db.connections > 1",
			[]expression.Value{{"db.connections", 98}, {"db.max_connections", 100}}},
		{"any(disk.mounts, .used_percent > 90)",
			[]expression.Value{{"disk.mounts[1].used_percent", 97.0}, {"disk.mounts[2].used_percent", 91.5}}},
		{"all(disk.mounts, .used_percent > 50)", []expression.Value{{"disk.mounts[0].used_percent", 40.0}}},
		{`errors.matches["refused"] > 0`, []expression.Value{{`errors.matches["refused"]`, 112}}},
		{"count(disk.mounts, .read_only) > 0", []expression.Value{{"disk.mounts[2].read_only", true}}},
		{"len(errors.outcomes) > 0", []expression.Value{{"errors.outcomes", []any{"ok", "ok"}}}},
		{"len(disk.mounts) > 0", []expression.Value{{"disk.mounts", "3 elements"}}},
		{"gone.cores > 1 or db.connections > 100", []expression.Value{{"db.connections", 98}}},
	} {
		if diff := cmp.Diff(compile(t, row.text).Eval(environment()).Values, row.want); diff != "" {
			t.Errorf("%s:\n%s", row.text, diff)
		}
	}
}

func TestReads(t *testing.T) {
	for text, want := range map[string][]expression.Read{
		"db.connections > 1 and any(disk.mounts, .used_percent > 90 and any(.processes, .memory_bytes > 1))": {
			{"db", "connections"}, {"disk", "mounts[].used_percent"}, {"disk", "mounts[].processes[].memory_bytes"},
		},
		`errors.matches["refused"] > errors.matches[cpu.model]`: {
			{"cpu", "model"}, {"errors", `matches["refused"]`}, {"errors", "matches[]"},
		},
		"len(disk.mounts) > disk.mounts[0].used_percent": {{"disk", "mounts"}, {"disk", "mounts[].used_percent"}},
		"find(disk.mounts, .read_only).used_percent > 1": {{"disk", "mounts[].read_only"}, {"disk", "mounts[].used_percent"}},
		"count(disk.mounts, true) > 1":                   {{"disk", "mounts"}},
		"len(disk.mounts[1:]) > 1":                       {{"disk", "mounts"}},
		"any(nodes, .connections > 1)":                   {{"nodes", "[].connections"}},
		"unusual(wire.tcp.retransmitted_percent) > 3":    {{"wire", "tcp.retransmitted_percent"}},
		"true": {},
	} {
		c := compile(t, text)
		if diff := cmp.Diff(append([]expression.Read{}, c.Reads()...), want); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
	}
	if got := compile(t, "db.connections > 1 or cpu.cores > 1 or db.connections > 2").Roots(); !reflect.DeepEqual(got, []string{"cpu", "db"}) {
		t.Errorf("roots %v", got)
	}
}

func TestKey(t *testing.T) {
	for _, same := range [][]string{
		{"cpu.used_percent>90", " cpu.used_percent  >  90 ", "(cpu.used_percent) > (90)", `cpu["used_percent"] > 90`, "cpu.used_percent > 9_0 // hot"},
		{`db.outcome == "refused"`, "db.outcome == 'refused'", "db.outcome == `refused`"},
		{"cpu.virtual and cpu.cores > 1", "cpu.virtual && cpu.cores > 1"},
		{"not cpu.virtual", "!cpu.virtual"},
		{"cpu.used_percent > 0.90", "cpu.used_percent > 0.9"},
		{"any(disk.mounts, .read_only)", "any(disk.mounts, #.read_only)", "any(disk.mounts, {.read_only})", "disk.mounts | any(.read_only)"},
	} {
		for _, text := range same[1:] {
			if got, want := compile(t, text).Key(), compile(t, same[0]).Key(); got != want {
				t.Errorf("%s: key %q, want %q", text, got, want)
			}
		}
	}
	different := []string{
		"cpu.cores - (cpu.cores - 1) > 0", "(cpu.cores - cpu.cores) - 1 > 0",
		"(cpu.virtual ? disk.mounts[0] : disk.mounts[1]).read_only", "cpu.virtual ? disk.mounts[0].read_only : disk.mounts[1].read_only",
		"-cpu.cores ** 2 > 0", "(-cpu.cores) ** 2 > 0", "cpu.cores / 2 > 1", "cpu.cores / 2.0 > 1",
		"count(disk.mounts, .read_only) > 0", "share(disk.mounts, .read_only) > 0",
		"cpu.virtual or cpu.virtual and gone.virtual", "(cpu.virtual or cpu.virtual) and gone.virtual",
		"not cpu.virtual == gone.virtual", "not (cpu.virtual == gone.virtual)",
	}
	keys := map[string]string{}
	for _, text := range different {
		key := compile(t, text).Key()
		if other, ok := keys[key]; ok {
			t.Errorf("%q and %q have the key %q", text, other, key)
		}
		keys[key] = text
		again, faults := expression.CompileCondition(source.Text{Value: key}, scope())
		if faults != nil || again.Key() != key {
			t.Errorf("%q: the key %q does not read back as itself: %v", text, key, faults)
		}
	}
}

// A recording may hold a value of another Go type than the check's.
func TestEvalOfAnotherType(t *testing.T) {
	type newer struct {
		Model string  `expr:"model"`
		Cores int64   `expr:"cores"`
		Used  float64 `expr:"used_percent"`
	}
	env := expression.NewEnvironment()
	env.Bind("cpu", &newer{"x", 4, 95})
	if got := compile(t, "cpu.used_percent > 90").Eval(env); got.Truth != kleene.True {
		t.Errorf("%+v", got)
	}
	for _, text := range []string{"cpu.cores > 1", "cpu.virtual", "any(cpu.per_core_percent, # > 1)"} {
		if got := compile(t, text).Eval(env); got.Truth != kleene.Unknown || !strings.Contains(got.Reason, "internal") {
			t.Errorf("%s: %+v", text, got)
		}
	}
	env.Bind("cpu", 5)
	env.Bind("errors", "text")
	env.Bind("nodes", map[string]int{})
	for _, text := range []string{"cpu.virtual", `errors.matches["a"] > 1`, "any(nodes, .connections > 1)", "len(nodes) == 0", "disk.mounts[0].read_only"} {
		if got := compile(t, text).Eval(env); got.Truth == kleene.True && text != "len(nodes) == 0" {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestConditionKeepsItsText(t *testing.T) {
	text := at(" cpu.virtual ")
	c, _ := expression.CompileCondition(text, scope())
	if diff := cmp.Diff(c.Text(), text); diff != "" {
		t.Error(diff)
	}
}
