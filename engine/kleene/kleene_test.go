package kleene_test

import (
	"testing"

	"gumshoe/engine/kleene"
)

const (
	u = kleene.Unknown
	f = kleene.False
	t = kleene.True
)

func TestConnectives(tt *testing.T) {
	tables := []struct{ a, b, and, or kleene.Truth }{
		{t, t, t, t}, {t, f, f, t}, {t, u, u, t},
		{f, t, f, t}, {f, f, f, f}, {f, u, f, u},
		{u, t, u, t}, {u, f, f, u}, {u, u, u, u},
	}
	for _, row := range tables {
		if got := kleene.And(row.a, row.b); got != row.and {
			tt.Errorf("And(%v, %v) = %v, want %v", row.a, row.b, got, row.and)
		}
		if got := kleene.Or(row.a, row.b); got != row.or {
			tt.Errorf("Or(%v, %v) = %v, want %v", row.a, row.b, got, row.or)
		}
		// De Morgan holds in Kleene's logic and ties Not to both tables.
		if got, want := kleene.And(row.a, row.b).Not(), kleene.Or(row.a.Not(), row.b.Not()); got != want {
			tt.Errorf("not (%v and %v) = %v, want %v", row.a, row.b, got, want)
		}
	}
	if kleene.And() != t || kleene.Or() != f {
		tt.Error("the empty conjunction is true and the empty disjunction is false")
	}
}

func TestText(tt *testing.T) {
	for _, want := range []kleene.Truth{t, f, u} {
		text, err := want.MarshalText()
		if err != nil {
			tt.Fatal(err)
		}
		var got kleene.Truth
		if err := got.UnmarshalText(text); err != nil || got != want {
			tt.Errorf("%q reads back as %v, %v", text, got, err)
		}
	}
	var got kleene.Truth
	if err := got.UnmarshalText([]byte("yes")); err == nil {
		tt.Error(`"yes" was read as a truth value`)
	}
}
