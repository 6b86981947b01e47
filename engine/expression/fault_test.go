package expression_test

import (
	"reflect"
	"strings"
	"testing"

	"gumshoe/engine/expression"
	"gumshoe/engine/source"
)

var dbType = reflect.TypeFor[db]()

const fields = "(fields: outcome, connections, max_connections, idle_in_transaction, connect_seconds)"

// TestFaults has each message that an author of a condition can cause. Columns
// count from 11, where the text starts.
func TestFaults(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		// Names and fields.
		{"dbb.connections > 1", `11: unknown step or input "dbb"; did you mean "db"?`},
		{"zzzzzz > 1", `11: unknown step or input "zzzzzz"; known here: cpu, db, disk, errors, gone, inputs, nodes, wire`},
		{"url == 1", `11: unknown step or input "url"; did you mean "inputs.url"?`},
		{"any(disk.mounts, used_percent > 9)", `28: unknown step or input "used_percent"; did you mean ".used_percent", the element's field?`},
		{"db.connectons > 1", `14: db has no field "connectons"; did you mean "connections"? ` + fields},
		{"db.zzz > 1", `14: db has no field "zzz" ` + fields},
		{"wire.tcp.retrans > 1", `20: wire.tcp has no field "retrans" (fields: retransmitted_percent)`},
		{"inputs.mod == 'fast'", `18: inputs has no field "mod"; did you mean "mode"? (fields: url, mode, since, limit, dsn, address, tags)`},
		{"any(disk.mounts, .used > 1)", `29: # has no field "used" (fields: path, used_percent, inodes_used_percent, read_only, processes)`},
		{"disk.mounts.used_percent > 1", "23: disk.mounts is a list; ask about its elements, as in any(disk.mounts, .used_percent …)"},
		{"cpu.cores.count > 1", `21: cpu.cores is a number, which has no field "count"`},
		{"cpu.cores[0] > 1", "11: cpu.cores is a number, which has no elements"},
		{"cpu.model[0] > 1", "11: cpu.model is a string, which has no elements"},
		{"errors.matches[1] > 1", "26: errors.matches is a mapping; its keys are strings, not a number"},
		{"disk.mounts[0.5].read_only", "23: disk.mounts is a list; the number of an element is a whole number, not a number"},
		{"inputs.dsn.value == ''", `22: inputs.dsn is a secret, which has no field "value"`},
		{".used_percent > 1", `11: unexpected token "."`},
		// Types.
		{"db.connections", "11: a condition is true or false, and this is a number; compare it, as in db.connections > 0"},
		{"cpu.model", `11: a condition is true or false, and this is a string; compare it, as in cpu.model == "…"`},
		{"disk.mounts", "11: a condition is true or false, and this is a list; ask about its elements, as in any(disk.mounts, …) or len(disk.mounts) > 0"},
		{"db", "11: a condition is true or false, and this is an object with fields; ask about one of its fields: outcome, connections, max_connections, idle_in_transaction, connect_seconds"},
		{"inputs.dsn", "11: a condition is true or false, and this is a secret"},
		{"db.connections > '90'", `26: db.connections is a number and "90" is a string: ">" does not work on these; quotes make a string, and float(…) makes a number of one`},
		{"db.outcome == 1", `22: db.outcome is a string and 1 is a number: "==" does not work on these; quotes make a string, and float(…) makes a number of one`},
		{"cpu.virtual > 1", `23: cpu.virtual is true or false and 1 is a number: ">" does not work on these`},
		{"cpu.cores > inputs.since", `21: cpu.cores is a number and inputs.since is a duration: ">" does not work on these; seconds(…) makes a number of a duration`},
		{"inputs.dsn == 'x'", `22: inputs.dsn is a secret and "x" is a string: "==" does not work on these; a secret cannot be looked into`},
		{"disk.mounts > 1", `23: disk.mounts is a list and 1 is a number: ">" does not work on these; ask about its elements, as in any(disk.mounts, …) or len(disk.mounts)`},
		{"'a' in cpu.model", `15: "a" is a string and cpu.model is a string: "in" does not work on these; write contains to look for a part of a string`},
		{"cpu.used_percent % 2 == 1", `28: cpu.used_percent is a number and 2 is a number: "%" does not work on these; % is for whole numbers`},
		{"cpu.cores and cpu.virtual", `11: an operand of "and" must be true or false, and cpu.cores is a number`},
		{"not cpu.cores", `15: the operand of "not" must be true or false, and cpu.cores is a number`},
		{"-cpu.model == 'a'", `11: "-" is for numbers; cpu.model is a string`},
		{"cpu.cores ? true : false", "11: what stands before ? must be true or false, and cpu.cores is a number"},
		{"(cpu.virtual ? 1 : 'a') == 1", "30: the choices must be of one type; 1 is a number and \"a\" is a string"},
		{"1 in [1, 'a']", "20: the elements of a list must be of one type; 1 is a number and \"a\" is a string"},
		{"1 in []", "16: an empty list is of no use here"},
		{"any(cpu, .cores > 1)", "15: any goes through a list, and cpu is an object with fields"},
		{"any(disk.mounts, .used_percent)", "28: the predicate of any must be true or false, and .used_percent is a number"},
		{"sum(disk.mounts, .path) > 1", "28: the predicate of sum must be a number, and .path is a string"},
		{"sum(disk.mounts) > 1", "15: sum takes a list and a predicate, as in sum(disk.mounts, …)"},
		{"share(disk.mounts) > 1", "11: share takes a list and a predicate, as in share(disk.mounts, .used_percent > 90)"},
		{"max(disk.mounts) > 1", "15: max takes numbers, or a list of numbers, as map(list, .field) gives; disk.mounts is a list of objects"},
		{"len(cpu.cores) > 1", "15: len takes a list, a mapping or a string, and cpu.cores is a number"},
		{"upper(cpu.cores) == ''", "17: upper takes a string, and cpu.cores is a number"},
		{"upper() == ''", "11: upper takes a string"},
		{"cpu.model matches '['", "29: error parsing regexp: missing closing ]: `[`"},
		{"cpu.model matches db.outcome", "29: the pattern of matches must be written out in quotes"},
		{"seconds(cpu.cores) > 1", "19: seconds takes a duration, and cpu.cores is a number"},
		// Enums.
		{`db.outcome == "refuse"`, `25: db.outcome is never "refuse"; did you mean "refused"? (values: connected, refused, timed_out)`},
		{`"ok" != db.outcome`, `11: db.outcome is never "ok" (values: connected, refused, timed_out)`},
		{`db.outcome in ["refused", "timedout"]`, `37: db.outcome is never "timedout"; did you mean "timed_out"? (values: connected, refused, timed_out)`},
		{`any(disk.mounts, any(.processes, .state == "zombi"))`, `54: .state is never "zombi"; did you mean "zombie"? (values: running, sleeping, zombie)`},
		{`any(errors.outcomes, # == "slo")`, `37: # is never "slo"; did you mean "slow"? (values: ok, slow)`},
		{`"slo" in errors.outcomes`, `11: errors.outcomes is never "slo"; did you mean "slow"? (values: ok, slow)`},
		{`inputs.mode == "fastt"`, `26: inputs.mode is never "fastt"; did you mean "fast"? (values: fast, thorough)`},
		// Helpers.
		{"percentile(cpu.per_core_percent, 101) > 1", "44: the rank of a percentile is a number from 0 to 100 that is written out, as in percentile(list, 95)"},
		{"percentile(disk.mounts, 95) > 1", "22: percentile takes a list of numbers, as map(list, .field) gives; disk.mounts is a list of objects"},
		{"percentile(cpu.per_core_percent) > 1", "11: percentile takes a list of numbers and a number from 0 to 100"},
		{"outlier(errors.outcomes)", "19: outlier takes a list of numbers, as map(list, .field) gives; errors.outcomes is a list of strings"},
		{"unusual(cpu.cores + 1) > 3", "29: unusual takes one field of a step that is a number, as in unusual(cpu.used_percent)"},
		{"unusual(cpu) > 3", "19: unusual takes one field of a step that is a number, as in unusual(cpu.used_percent)"},
		{"unusual(cpu.model) > 3", "19: unusual takes one field of a step that is a number, as in unusual(cpu.used_percent)"},
		{"unusual(disk.mounts[0].used_percent) > 3", "19: unusual takes one field of a step that is a number, as in unusual(cpu.used_percent)"},
		{`unusual(errors.matches["refused"]) > 3`, "19: unusual takes one field of a step that is a number, as in unusual(cpu.used_percent)"},
		{`seconds(duration("15 minutes")) > 1`, `19: duration takes one literal, "15m"; an expression reads no clock`},
		// What is refused.
		{"let x = 1; x > 0", "15: let is not available; write the value where it is used"},
		{"true; false", `11: ";": an expression is one value; write each condition as an item of its own`},
		{"$env.cpu.cores > 1", "11: $env is not available; write the name of a step or input"},
		{"cpu?.cores > 1", "16: ?. is not available: what could not be read makes a condition unknown by itself; write ."},
		{"(cpu.virtual ?? true)", "24: ?? is not available: a default for what could not be read would hide that it is unknown"},
		{"cpu.cores == nil", "24: nil is not available: what could not be read makes a condition unknown by itself"},
		{`get(errors.matches, "a") > 1`, `11: get is not available; write x["key"], which is unknown when there is no such key`},
		{"reduce(disk.mounts, #acc + .used_percent) > 1", "11: reduce is not available; use sum, count, min, max, any or all"},
		{"len(1..1001) > 1", "16: the range 1 .. 1001 is longer than 1000 numbers"},
		{"len(1..cpu.cores) > 1", "16: the bounds of a range must be whole numbers that are written out, as in 1..10"},
		{"now() > cpu.boot", "11: now is not available: an expression reads no clock, so that a recorded run gives the same verdict; compare with incident.onset"},
		{"date() > cpu.boot", `11: date takes one literal, "2026-01-31T15:04:05Z" or "2026-01-31"; an expression reads no clock`},
		{"date(cpu.model) > cpu.boot", `11: date takes one literal, "2026-01-31T15:04:05Z" or "2026-01-31"; an expression reads no clock`},
		{`fromJSON(cpu.model) == 1`, "11: fromJSON is not available; let the check read the JSON, and refer to its fields"},
		{"cpu.boot.Unix() > 1", "20: cpu.boot.Unix: methods are not available; refer to fields"},
		{"len({'a': 1}) > 1", "15: a mapping cannot be written in an expression"},
		{"any(disk.mounts, #idx > 1)", "28: unknown #idx; there is # (the element) and #index (its number)"},
		// Syntax and budgets.
		{"", "11: there is no expression here"},
		{"cpu.cores = 1", `21: unexpected "="; to compare write ==`},
		{"cpu.cores >", "21: the expression ends too early"},
		{"cpu.cores > 1)", `24: unexpected token ")"`},
		{"cpu.cores > 1 " + strings.Repeat(" ", 4096), "11: the expression is longer than 4096 bytes; split it into several"},
		{strings.Repeat("1 < (", 100) + "1" + strings.Repeat(") < 2", 100), "11: the expression has too many parts; split it into several"},
		{strings.Repeat("1 + ", 600) + "1 > 0", "2013: the expression has more than 1000 parts; split it into several"},
	} {
		t.Run(clip(row.text), func(t *testing.T) {
			_, faults := expression.CompileCondition(at(row.text), scope())
			if len(faults) != 1 {
				t.Fatalf("%d faults: %v", len(faults), faults)
			}
			if got := strings.TrimPrefix(faults[0].Error(), "web.yaml:7:"); got != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
		})
	}
}

func clip(s string) string { return s[:min(len(s), 60)] }

func TestEveryFaultIsFound(t *testing.T) {
	_, faults := expression.CompileCondition(at(`cpuu.cores > 1 and db.conns > now() or db.outcome == "no" or cpu.cores`), scope())
	var got []string
	for _, f := range faults {
		got = append(got, f.Position.String())
	}
	if want := "web.yaml:7:11 web.yaml:7:33 web.yaml:7:41 web.yaml:7:64 web.yaml:7:72"; strings.Join(got, " ") != want {
		t.Errorf("faults at %v, want at %s\n%v", got, want, faults)
	}
}

func TestUnknownFunctionNamesTheNearest(t *testing.T) {
	_, faults := expression.CompileCondition(at("percentil(cpu.per_core_percent, 95) > 1"), scope())
	if len(faults) != 1 || !strings.HasPrefix(faults[0].Message, `unknown function "percentil"; did you mean "percentile"? (functions: abs, all,`) {
		t.Error(faults)
	}
	for _, name := range expression.Functions() {
		if _, faults := expression.CompileCondition(at(name+"() == 1"), scope()); strings.Contains(faults.Err().Error(), "unknown function") {
			t.Errorf("%s is listed but unknown", name)
		}
	}
}

func TestPlaceWhenNotExact(t *testing.T) {
	text := at("true and\n  dbb.connections > 1")
	text.Exact = false
	_, faults := expression.CompileCondition(text, scope())
	if len(faults) != 1 || (faults[0].Position != source.Position{File: "web.yaml", Line: 7, Column: 11}) {
		t.Error(faults)
	}
}

func TestStepNamedLikeAFunction(t *testing.T) {
	s := scope()
	for _, name := range []string{"count", "any", "share", "len", "outlier", "KiB"} {
		s.Declare(name, dbType)
	}
	for _, text := range []string{
		"count.connections > 1 and count(disk.mounts, .read_only) > 0 and any(nodes, any.connections > .connections)",
		"share.connections > 1 and share(nodes, .connections > share.connections) > 0", "len.connections > len(nodes)",
		"KiB.connections > 1",
	} {
		if _, faults := expression.CompileCondition(at(text), s); faults != nil {
			t.Errorf("%s: %v", text, faults)
		}
	}
	if c := s.Clone(); len(c.Names()) != len(s.Names()) || c.Names()[0] != "KiB" {
		t.Errorf("clone has %v", c.Names())
	}
}
