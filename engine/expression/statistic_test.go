package expression_test

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

// numbers writes 1..n, each once, as a list.
func numbers(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = strconv.Itoa(i + 1)
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestStatistics(t *testing.T) {
	for _, row := range []struct {
		text   string
		want   kleene.Truth
		reason string
	}{
		// 1..20: rank 0.95·19 = 18.05, between the values 19 and 20.
		{"abs(percentile(1..20, 95) - 19.05) < 1e-9", kleene.True, ""},
		{"percentile(1..19, 95) > 0", kleene.Unknown, "percentile(1 .. 19, 95): of 19 values; 20 are needed"},
		{"abs(percentile(1..100, 99) - 99.01) < 1e-9", kleene.True, ""},
		{"percentile(1..99, 99) > 0", kleene.Unknown, "percentile(1 .. 99, 99): of 99 values; 100 are needed"},
		{"percentile(1..99, 99.9) > 0", kleene.Unknown, "percentile(1 .. 99, 99.9): of 99 values; 1000 are needed"},
		{"percentile([3, 1, 2], 50) == 2 and percentile([4, 1, 2, 3], 50) == 2.5", kleene.True, ""},
		{"percentile([3], 100) == 3 and percentile([3, 2], 0) == 2", kleene.True, ""},
		{"percentile([3], 50) == 3", kleene.Unknown, "percentile([3], 50): of 1 values; 2 are needed"},
		{"percentile(filter([3], # > 3), 100) == 3", kleene.Unknown, "percentile(filter([3], # > 3), 100): of 0 values; 1 are needed"},
		{"percentile(filter([3], # > 3), 50) == 3", kleene.Unknown, "percentile(filter([3], # > 3), 50): of 0 values; 2 are needed"},
		// 10, 11, 12, 90: median 11.5, MAD 1, z = 78.5 / 1.4826.
		{"outlier(cpu.per_core_percent)", kleene.True, ""},
		{"outlier([10, 11, 12, 13])", kleene.False, ""},
		{"outlier([5, 5, 5])", kleene.False, ""},
		{"outlier([5, 5, 5, 6])", kleene.Unknown, "outlier([5, 5, 5, 6]): more than half of the values are the same, so that there is no scale to judge the others by"},
		{"outlier([5, 600])", kleene.Unknown, "outlier([5, 600]): of 2 values; 3 are needed"},
		// Half of the values within 1.4826·MAD·3.5 = 5.19 of the median 3.
		{"outlier([1, 2, 3, 4, 8])", kleene.False, ""},
		{"outlier([1, 2, 3, 4, 9])", kleene.True, ""},
		{"median([1, 2, 3, 10]) == 2.5 and mean([1, 2, 3, 10]) == 4 and min(3, [1, 2]) == 1 and max(3, [1, 2.5]) == 3", kleene.True, ""},
		{"sort([3, 1.5, 2])[0] == 1.5 and reverse([3, 1])[0] == 1 and sum([1, 2]) == 3 and count([true, false]) == 1", kleene.True, ""},
		{"abs(-1.5) == 1.5 and ceil(1.2) == 2 and floor(1.8) == 1 and round(1.5) == 2 and int('12') == 12 and int(1.9) == 1 and abs(-2) == 2", kleene.True, ""},
		{`trim(" a ") + upper("b") + lower("C") == "aBc" and replace("aXb", "X", "-") == "a-b" and split("a,b", ",")[1] == "b"`, kleene.True, ""},
		{`trimPrefix("ab", "a") == "b" and trimSuffix("ab", "b") == "a" and indexOf("ab", "b") == 1 and lastIndexOf("aba", "a") == 2`, kleene.True, ""},
		{`hasPrefix("ab", "a") and hasSuffix("ab", "b") and "äb"[1:] == "b" and string(1.5) == "1.5" and len("äb") == 2`, kleene.True, ""},
		{"KiB == 1024 and MiB == 1024 * KiB and GiB == 1024 * MiB", kleene.True, ""},
		{"len(" + numbers(5) + ") == 5", kleene.True, ""},
	} {
		got := compile(t, row.text).Eval(environment())
		if got.Truth != row.want || got.Reason != row.reason {
			t.Errorf("%s: %v %q, want %v %q", row.text, got.Truth, got.Reason, row.want, row.reason)
		}
	}
}

func TestUnusual(t *testing.T) {
	steady := []float64{20, 21, 22, 23, 24, 25, 26, 27} // median 23.5, MAD 2
	for _, row := range []struct {
		text    string
		history []float64
		want    kleene.Truth
		reason  string
	}{
		{"abs(unusual(db.connections) - 74.5 / (1.4826 * 2)) < 1e-9", steady, kleene.True, ""},
		{"unusual(cpu.used_percent) > 3.5", steady, kleene.False, ""},
		{"unusual(cpu.used_percent) < 0", steady, kleene.True, ""},
		{"unusual(wire.tcp.retransmitted_percent) > 3.5", steady, kleene.False, ""},
		{"unusual(cpu.cores) > 3.5", steady[:7], kleene.Unknown, "there are 7 earlier values of cpu.cores; 8 are needed"},
		{"unusual(cpu.cores) > 3.5", append([]float64{math.NaN()}, steady[:7]...), kleene.Unknown,
			"there are 7 earlier values of cpu.cores; 8 are needed"},
		{"unusual(cpu.cores) > 3.5", make([]float64, 9), kleene.Unknown,
			"the earlier values of cpu.cores do not vary, so that there is no scale to judge this one by"},
		{"unusual(gone.cores) > 3.5", steady, kleene.Unknown, "gone was not run"},
	} {
		env := environment()
		var asked []string
		env.SetHistory(func(path string) []float64 { asked = append(asked, path); return row.history })
		got := compile(t, row.text).Eval(env)
		if got.Truth != row.want || got.Reason != row.reason {
			t.Errorf("%s: %v %q, want %v %q", row.text, got.Truth, got.Reason, row.want, row.reason)
		}
		if len(asked) > 0 && !strings.Contains(row.text, "("+asked[0]+")") {
			t.Errorf("%s: asked for the history of %v", row.text, asked)
		}
	}
	if got := compile(t, "unusual(cpu.cores) > 3").Eval(environment()); got.Reason != "there is no history of cpu.cores to compare with" {
		t.Errorf("%+v", got)
	}
}

func TestEmbeddedAndNamedTypes(t *testing.T) {
	type state string
	type inner struct {
		State state `expr:"state" enum:"up,down"`
		Count uint8 `expr:"count"`
	}
	type outer struct {
		inner
		Inner inner `expr:"inner"`
		Bare  float32
		Hide  int `expr:"-"`
	}
	type Embedded struct {
		inner2 int
		State  state `expr:"state" enum:"up,down"`
	}
	type holder struct {
		Embedded
		Count uint8 `expr:"count"`
	}
	s, env := expression.NewScope(), expression.NewEnvironment()
	s.Declare("o", reflect.TypeFor[outer]())
	s.Declare("h", reflect.TypeFor[*holder]())
	env.Bind("o", outer{Inner: inner{"up", 3}, Bare: 0.5})
	env.Bind("h", &holder{Embedded{0, "down"}, 200})
	for _, text := range []string{
		`o.inner.state == "up" and o.inner.count + 300 == 303 and o.Bare == 0.5`, `h.state == "down" and h.count > 199`,
	} {
		c, faults := expression.CompileCondition(at(text), s)
		if faults != nil {
			t.Fatal(faults)
		}
		if got := c.Eval(env); got.Truth != kleene.True {
			t.Errorf("%s: %+v", text, got)
		}
	}
	refused(t, s, "o.Hide > 1", `no field "Hide"`)
	refused(t, s, "h.inner2 > 1", `no field "inner2"`)
	refused(t, s, `h.state == "dwn"`, `did you mean "down"?`)
}
