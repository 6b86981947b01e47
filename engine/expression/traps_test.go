package expression_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

// Each test is a trap of expr-lang v1.17.8 that we ran into; none of them may
// be fallen into, whatever the implementation takes from expr.

func refused(t *testing.T, s *expression.Scope, text, want string) {
	t.Helper()
	_, faults := expression.CompileCondition(at(text), s)
	if len(faults) == 0 || !strings.Contains(faults.Err().Error(), want) {
		t.Errorf("%s: %v, want %q", text, faults, want)
	}
}

func unknown(t *testing.T, text string, env *expression.Environment, s *expression.Scope, reason string) {
	t.Helper()
	c, faults := expression.CompileCondition(at(text), s)
	if faults != nil {
		t.Fatalf("%s: %v", text, faults)
	}
	if got := c.Eval(env); got.Truth != kleene.Unknown || !strings.Contains(got.Reason, reason) {
		t.Errorf("%s: %v, reason %q; want unknown, %q", text, got.Truth, got.Reason, reason)
	}
}

func TestTrapStructValuesAndMisspelledSteps(t *testing.T) {
	s := expression.NewScope()
	s.Declare("cpu", reflect.TypeFor[cpu]())
	refused(t, s, "cpu.used_percnt > 1", `did you mean "used_percent"?`)
	refused(t, s, "cpuu.used_percent > 1", `did you mean "cpu"?`)
	refused(t, s, "cpu.used_percent > 'a'", "a string")
	env := expression.NewEnvironment()
	env.Bind("cpu", cpu{UsedPercent: 2})
	if c, faults := expression.CompileCondition(at("cpu.used_percent > 1"), s); faults != nil || c.Eval(env).Truth != kleene.True {
		t.Error("a valid member access fails", faults)
	}
}

func TestTrapAnyIsNotABool(t *testing.T) {
	type loose struct {
		Value any `expr:"value"`
	}
	s := scope()
	s.Declare("loose", reflect.TypeFor[loose]())
	s.Declare("any_map", reflect.TypeFor[map[string]any]())
	refused(t, s, "loose.value", "loose.value cannot be read in an expression")
	refused(t, s, "not loose.value", "cannot be read")
	refused(t, s, `any_map["x"]`, "cannot be read")
	refused(t, s, `cpu.virtual ? 1 : true`, "of one type")
	refused(t, s, `fromJSON("true")`, "not available")
	refused(t, s, `first([])`, "empty list")
}

func TestTrapBuiltinsThatCannotBeDisabled(t *testing.T) {
	refused(t, scope(), "len(groupBy(disk.mounts, .path)) > 1", `unknown function "groupBy"`)
	refused(t, scope(), "reduce(1..1000, #acc + #) > 1", "reduce is not available")
	refused(t, scope(), "repeat('a', 1000000) == ''", `unknown function "repeat"`)
	refused(t, scope(), "len(map(1..100000000, #)) > 1", "longer than 1000 numbers")
}

func TestTrapMethodsAndFunctions(t *testing.T) {
	type odd struct {
		Call func() bool `expr:"call"`
	}
	s := scope()
	s.Declare("odd", reflect.TypeFor[odd]())
	refused(t, s, "odd.call()", "methods are not available")
	refused(t, s, "odd.call", "cannot be read")
	refused(t, s, `inputs.dsn.Reveal() == "s3cret"`, "methods are not available")
	refused(t, s, `inputs.dsn.Reveal`, "which has no field")
	refused(t, s, `inputs.address.String() == ""`, "methods are not available")
	refused(t, s, `inputs.address.String == ""`, "has no field")
	refused(t, s, `cpu.boot.Unix`, "which has no field")
}

func TestTrapPositions(t *testing.T) {
	text := at("cpu.cores > 1 and \"ä\" == cpu.modl")
	_, faults := expression.CompileCondition(text, scope())
	if len(faults) != 1 || faults[0].Line != 7 || faults[0].Column != 11+29 {
		t.Errorf("%v, want column %d", faults, 11+29)
	}
	_, faults = expression.CompileCondition(at("cpu.cores"), scope()) // has no position in expr
	if len(faults) != 1 || faults[0].Column != 11 {
		t.Error(faults)
	}
}

func TestTrapEnv(t *testing.T) {
	for _, text := range []string{"$env.cpu.virtual", `$env["cpu"].virtual`, "len($env) > 1", "any(disk.mounts, $env.cpu.virtual)"} {
		refused(t, scope(), text, "$env is not available")
	}
}

func TestTrapPointers(t *testing.T) {
	type pointing struct {
		CPU *cpu `expr:"cpu"`
	}
	s := expression.NewScope()
	s.Declare("p", reflect.TypeFor[pointing]())
	refused(t, s, "p.cpu.virtual", "cannot be read")
	s.Declare("cpu", reflect.TypeFor[*cpu]()) // a root may be a pointer, even nil
	env := expression.NewEnvironment()
	env.Bind("cpu", (*cpu)(nil))
	unknown(t, "cpu.virtual", env, s, "nothing to read")
	env.Bind("cpu", nil)
	unknown(t, "cpu.virtual", env, s, "nothing to read")
}

func TestTrapMissingMapKey(t *testing.T) {
	unknown(t, `errors.matches["other"] == 0`, environment(), scope(), `no key "other"`)
	unknown(t, `errors.clients["b"].read_only`, environment(), scope(), `no key "b"`)
}

func TestTrapDivisionAndNaN(t *testing.T) {
	for _, text := range []string{"cpu.used_percent > 1", "not (cpu.used_percent > 1)", "cpu.used_percent == cpu.used_percent", "any(cpu.per_core_percent, # > 1)"} {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			env := environment()
			env.Bind("cpu", cpu{UsedPercent: bad, PerCore: []float64{bad}})
			unknown(t, text, env, scope(), "not a finite number")
		}
	}
	for _, text := range []string{"1/0 > 1", "0/0 == 0", "not (1/0 > 1)", "1/(db.connections-98) > 0", "5 % (cpu.cores - 4) == 0", "abs(1/0) > 1", "max([1, 1/0]) > 1"} {
		unknown(t, text, environment(), scope(), "not a finite number")
	}
	unknown(t, "sum([1e308, 1e308]) > 1", environment(), scope(), "not a finite number")
	unknown(t, "mean([1e308, 1e308]) > 1", environment(), scope(), "not a finite number")
	if got := compile(t, "cpu.cores * 4611686018427387904 > 0").Eval(environment()); got.Truth != kleene.True {
		t.Error("an integer overflowed")
	}
}

func TestTrapRunaway(t *testing.T) {
	s := scope()
	s.Declare("big", reflect.TypeFor[[]int]())
	s.Declare("blob", reflect.TypeFor[string]())
	env := environment()
	env.Bind("big", make([]int, 5000))
	env.Bind("blob", strings.Repeat("ab", 1<<18))
	for _, text := range []string{
		"any(big, any(big, any(big, # > 1)))", "sum(big, sum(big, #)) > 1", "count(big, 5 in big) > 0",
		"all(1..1000, all(1..1000, all(1..1000, # > 0)))", "len(map(big, map(big, #))) > 0", "any(big, blob matches '(a|b)*c')",
		"max(map(big, percentile(big, 50))) > 0", "any(big, len(sort(split(blob, ''))) == 1)", "any(map(big, blob + blob), # contains 'c')",
		"any(big, none(big, 1/0 > 1))", "any(big, blob[1:2] == 'c')", "any(big, any(big, blob != blob))",
	} {
		unknown(t, text, env, s, "stopped after 500000 steps: "+strings.ReplaceAll(text[:5], "'", `"`))
	}
	unknown(t, `replace(blob, "", blob) == ""`, env, s, "the text is too long")
	unknown(t, `join(map(1..100, blob), "") == ""`, env, s, "the text is too long")
	unknown(t, `blob + blob + blob == ""`, env, s, "the text is too long")
}

func TestTrapDeepNesting(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000), strings.Repeat("not ", 900) + "true",
		strings.Repeat("1 < (", 300) + "1" + strings.Repeat(") < 2", 300), strings.Repeat("!", 4000) + "true", strings.Repeat("[", 4000), strings.Repeat("any(", 1000), strings.Repeat("if true {", 400),
		"cpu" + strings.Repeat(".cores", 600) + " > 1",
	} {
		c, _ := expression.CompileCondition(at(text), scope())
		if c != nil {
			c.Eval(environment())
		}
	}
}
