package expression_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"gumshoe/engine/expression"
	"gumshoe/engine/kleene"
)

type bits struct {
	A bool   `expr:"a"`
	B bool   `expr:"b"`
	C bool   `expr:"c"`
	D bool   `expr:"d"`
	L []bool `expr:"l"`
}

// table is the strong Kleene table of an expression, worked out beside it.
type table func(values map[string]kleene.Truth) kleene.Truth

// random makes an expression over x.a … x.d and the list x.l, and its table.
func random(r *rand.Rand, depth int) (string, table) {
	if depth == 0 || r.IntN(6) == 0 {
		name := string("abcd"[r.IntN(4)])
		if r.IntN(8) == 0 {
			b := r.IntN(2) == 0
			return fmt.Sprint(b), func(map[string]kleene.Truth) kleene.Truth { return kleene.Of(b) }
		}
		return "x." + name, func(v map[string]kleene.Truth) kleene.Truth { return v[name] }
	}
	left, l := random(r, depth-1)
	right, rt := random(r, depth-1)
	switch r.IntN(7) {
	case 0:
		return "(" + left + " and " + right + ")", func(v map[string]kleene.Truth) kleene.Truth { return kleene.And(l(v), rt(v)) }
	case 1:
		return "(" + left + " || " + right + ")", func(v map[string]kleene.Truth) kleene.Truth { return kleene.Or(l(v), rt(v)) }
	case 2:
		return "not (" + left + ")", func(v map[string]kleene.Truth) kleene.Truth { return l(v).Not() }
	case 3:
		third, c := random(r, depth-1)
		return "(" + third + " ? " + left + " : " + right + ")", func(v map[string]kleene.Truth) kleene.Truth {
			a, b := l(v), rt(v)
			return kleene.Or(kleene.And(c(v), a), kleene.And(c(v).Not(), b), kleene.And(a, b))
		}
	case 4:
		return "any(x.l, # and " + left + ")", func(v map[string]kleene.Truth) kleene.Truth {
			return kleene.Or(kleene.And(v["0"], l(v)), kleene.And(v["1"], l(v)), kleene.And(v["more"], kleene.Unknown))
		}
	case 5:
		return "all(x.l, # or " + left + ")", func(v map[string]kleene.Truth) kleene.Truth {
			return kleene.And(kleene.Or(v["0"], l(v)), kleene.Or(v["1"], l(v)), kleene.Or(v["more"].Not(), kleene.Unknown))
		}
	default:
		return "none(x.l, # and " + left + ")", func(v map[string]kleene.Truth) kleene.Truth {
			return kleene.Or(kleene.And(v["0"], l(v)), kleene.And(v["1"], l(v)), kleene.And(v["more"], kleene.Unknown)).Not()
		}
	}
}

// TestKleene compares random expressions with their strong Kleene tables, and
// checks that what is decided stays so whatever the unread values are.
func TestKleene(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := expression.NewScope()
	s.Declare("x", reflect.TypeFor[bits]())
	paths := map[string]string{"a": "a", "b": "b", "c": "c", "d": "d", "0": "l[0]", "1": "l[1]"}
	for range 3000 {
		text, want := random(r, 1+r.IntN(4))
		c, faults := expression.CompileCondition(at(text), s)
		if faults != nil {
			if len(text) > 3000 {
				continue
			}
			t.Fatalf("%s: %v", text, faults)
		}
		for range 8 {
			var unread []expression.Unread
			known := map[string]kleene.Truth{"more": kleene.False}
			full := map[string]bool{}
			for _, name := range []string{"a", "b", "c", "d", "0", "1"} {
				full[name] = r.IntN(2) == 0
				known[name] = kleene.Of(full[name])
				if r.IntN(3) == 0 {
					known[name] = kleene.Unknown
					unread = append(unread, expression.Unread{Path: paths[name], Reason: "hidden"})
				}
			}
			if r.IntN(3) == 0 {
				known["more"] = kleene.True
				unread = append(unread, expression.Unread{Path: "l", Reason: "hidden"})
			}
			value := bits{full["a"], full["b"], full["c"], full["d"], []bool{full["0"], full["1"]}}
			env := expression.NewEnvironment()
			env.BindObserved("x", value, unread)
			got := c.Eval(env)
			if got.Truth != want(known) {
				t.Fatalf("%s with %v: got %v, want %v", text, known, got.Truth, want(known))
			}
			if (got.Truth == kleene.Unknown) != (got.Reason != "") {
				t.Fatalf("%s is %v with the reason %q", text, got.Truth, got.Reason)
			}
			if got.Truth != kleene.Unknown {
				env.Bind("x", value)
				if decided := c.Eval(env); decided.Truth != got.Truth {
					t.Fatalf("%s with %v: %v, but %v once all is read", text, known, got.Truth, decided.Truth)
				}
			}
		}
	}
}
