package expression_test

import (
	"testing"
	"unicode/utf8"

	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

func seeds(f *testing.F) {
	for _, s := range []string{
		"db.connections / db.max_connections > 0.9", `errors.matches["refused"] > 0`, "any(disk.mounts, .used_percent > 90)",
		"let x = 1; x", "$env", "a?.b ?? c", "share(disk.mounts, .read_only) > 0", "1..1000", "cpu.boot > date('2026-01-01')",
		"sortBy(disk.mounts, .path, 'desc')[-1:]", "${inputs.url} $${x} ${'}'}", "${", "#", ".", "any(", "if true { 1 } else { 2 }",
		"unusual(cpu.cores) > 3", "percentile(cpu.per_core_percent, 95)", "not not !true", "`a`", "b'x'", "1e999", "::len([1])",
		"cpu.cores in [1, 2] ? 'a' : \"\\u00e4\"", "-9223372036854775808 - 1", "0x7fffffffffffffff * 2 > 0", "map(errors.outcomes, {#; 1})",
		"duration('1h') * 1e300", "first(nodes).outcome", "values(errors.clients)[0].processes[0].state", "/* */ 1 // x", "5..1",
	} {
		f.Add(s)
	}
}

func FuzzCompile(f *testing.F) {
	seeds(f)
	s := scope()
	envs := []*expression.Environment{environment(), environment("disk:mounts", "db:", "errors:matches", "nodes:[0].outcome"), expression.NewEnvironment()}
	f.Fuzz(func(t *testing.T, text string) {
		if n, faults := expression.CompileNames(at(text), s); faults == nil {
			for _, env := range envs {
				n.Eval(env)
			}
		}
		c, faults := expression.CompileCondition(at(text), s)
		if (c == nil) != (len(faults) > 0) {
			t.Fatalf("%v with %v", c, faults)
		}
		if c == nil {
			return
		}
		again, faults := expression.CompileCondition(at(c.Key()), s)
		if len(c.Key()) <= 4096 && (faults != nil || again.Key() != c.Key()) {
			t.Fatalf("key %q of %q: %v", c.Key(), text, faults)
		}
		for i, env := range envs {
			r := c.Eval(env)
			if (r.Truth == kleene.Unknown) != (r.Reason != "") || utf8.RuneCountInString(r.Shown) > 120 {
				t.Fatalf("%q: %+v", text, r)
			}
			if len(r.Reason) > 9 && r.Reason[:9] == "internal:" {
				t.Fatalf("%q in environment %d: %s", text, i, r.Reason)
			}
			if again != nil && again.Eval(env).Truth != r.Truth {
				t.Fatalf("%q is %v, and its key %q is not", text, r.Truth, c.Key())
			}
		}
	})
}

func FuzzTemplate(f *testing.F) {
	seeds(f)
	s := scope()
	envs := []*expression.Environment{environment(), environment("inputs:tags"), expression.NewEnvironment()}
	f.Fuzz(func(t *testing.T, text string) {
		for _, text := range []string{text, "${" + text + "}", "a " + text + " ${" + text + "}"} {
			tmpl, faults := expression.CompileTemplate(at(text), s)
			if (tmpl == nil) != (len(faults) > 0) {
				t.Fatalf("%v with %v", tmpl, faults)
			}
			if tmpl == nil {
				continue
			}
			if _, literal := tmpl.Literal(); literal == expression.HasTemplate(text) {
				t.Fatalf("%q: literal %v", text, literal)
			}
			for _, env := range envs {
				v, unknown := tmpl.Eval(env)
				if (v == nil) != (unknown != "") || len(unknown) > 9 && unknown[:9] == "internal:" {
					t.Fatalf("%q: %v, %q", text, v, unknown)
				}
			}
		}
	})
}
