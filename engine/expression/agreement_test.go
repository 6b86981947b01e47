package expression_test

import (
	"testing"

	"github.com/expr-lang/expr"

	"gumshoe/engine/kleene"
)

// Where everything was observed, the evaluator agrees with expr's own virtual
// machine: the grammar is expr's, and so is what it means.
func TestAgreesWithExpr(t *testing.T) {
	env := observed()
	for _, text := range []string{
		"db.connections / db.max_connections > 0.9", "db.connections / db.max_connections > 0.98",
		"7 / 2 == 3.5", "-7 % 3 == -1", "2 ** 3 ** 2 == 512", "-2 ** 2 == 4", "-2 ** 2 == -4", "1 + 2 * 3 - 4 / 2 == 5",
		"cpu.cores == 4.0", "cpu.used_percent == 23", "cpu.cores % 3 == 1", "0.1 + 0.2 == 0.3",
		"not cpu.virtual or cpu.cores > 3", "not (cpu.virtual or cpu.cores > 3)", "!cpu.virtual && true || cpu.cores < 9",
		"cpu.virtual ? cpu.cores > 9 : true", "cpu.cores > 9 ? false : cpu.cores == 4 ? true : false",
		`db.outcome in ["refused", "timed_out"]`, `db.outcome not in ["refused", "timed_out"]`, "5 in 1..10", "11 in 1..10",
		`cpu.model matches "^a.m$"`, `not (cpu.model matches "x")`, `cpu.model startsWith "a"`, `cpu.model endsWith "r"`, `cpu.model contains "rm"`,
		`"arm" < "b"`, `cpu.model == 'arm'`, `cpu.model[0:2] == "ar"`, `cpu.model + "64" == "arm64"`,
		"disk.mounts[1].used_percent == 97", "disk.mounts[-1].read_only", "len(disk.mounts[1:]) == 2", "len(disk.mounts[0:2]) == 2",
		"any(disk.mounts, .used_percent > 90)", "any(disk.mounts, .used_percent > 99)", "all(disk.mounts, .used_percent > 30)",
		"all(disk.mounts, .used_percent > 50)", "none(disk.mounts, .used_percent > 99)", "one(disk.mounts, .read_only)",
		"one(disk.mounts, .used_percent > 50)", "count(disk.mounts, .used_percent > 90) == 2",
		`any(disk.mounts, any(.processes, .state == "zombie"))`, `all(disk.mounts, all(.processes, .memory_bytes > 0))`,
		"sum(cpu.per_core_percent) == 123", "mean(cpu.per_core_percent) == 30.75", "median(cpu.per_core_percent) == 11.5",
		"max(cpu.per_core_percent) == 90", "min(1, 2, 3) == 1", "abs(-3) == 3", "round(2.5) == 3", "round(-2.5) == -3", "floor(2.7) == 2", "ceil(2.1) == 3",
		`int("12") == 12`, `float("1.5") == 1.5`, "string(4) == '4'", "int(2.9) == 2",
		`upper(cpu.model) == "ARM"`, `lower("ARM") == cpu.model`, `trim("  a ") == "a"`, `split("a,b,c", ",")[1] == "b"`,
		`join(["a", "b"], "-") == "a-b"`, `replace("aba", "a", "c") == "cbc"`, `indexOf("abc", "c") == 2`, `lastIndexOf("abca", "a") == 3`,
		`hasPrefix("abc", "ab")`, `hasSuffix("abc", "ab")`, `trimPrefix("abc", "a") == "bc"`, `trimSuffix("abc", "c") == "ab"`,
		"len(filter(disk.mounts, .read_only)) == 1", "map(disk.mounts, .path)[2] == '/home'", "find(disk.mounts, .read_only).path == '/home'",
		"findIndex(disk.mounts, .read_only) == 2", "findLast(disk.mounts, .used_percent > 50).path == '/home'", "findLastIndex(disk.mounts, .used_percent > 50) == 2",
		"first(cpu.per_core_percent) == 10", "last(cpu.per_core_percent) == 90", "len(uniq(errors.outcomes)) == 1",
		"reverse(cpu.per_core_percent)[0] == 90", "sort([3, 1, 2])[0] == 1", `sortBy(disk.mounts, .used_percent, "desc")[0].path == "/var"`,
		`"refused" in errors.matches`, `"other" in errors.matches`, `errors.matches["refused"] == 112`, `len(keys(errors.matches)) == 1`, `values(errors.matches)[0] == 112`,
		"1 | max(2) == 2", "disk.mounts | filter(.read_only) | len() == 1", "nodes[1].outcome == 'refused'",
	} {
		t.Run(text, func(t *testing.T) {
			program, err := expr.Compile(text, expr.Env(env), expr.AsBool())
			if err != nil {
				t.Fatalf("expr does not take it: %v", err)
			}
			out, err := expr.Run(program, env)
			if err != nil {
				t.Fatalf("expr cannot evaluate it: %v", err)
			}
			want := kleene.Of(out.(bool))
			if got := compile(t, text).Eval(environment()); got.Truth != want {
				t.Errorf("got %s (%s), expr says %s", got.Truth, got.Reason, want)
			}
		})
	}
}
