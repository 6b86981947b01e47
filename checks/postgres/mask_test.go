package postgres

import (
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT  *\n FROM t WHERE a = 'it''s' AND b=12.5 -- why\n AND c = $1;": "SELECT * FROM t WHERE a = ? AND b=? AND c = $1",
		"SELECT 1 /* a /* nested */ comment */ + 2":                            "SELECT ? + ?",
		`SELECT "Odd 7" FROM x WHERE y IN (1, 2, 3)`:                           `SELECT "Odd 7" FROM x WHERE y IN (?)`,
		"SELECT $body$ secret 'x' $body$ || $$more$$":                          "SELECT ? || ?",
		`SELECT E'a\'secret' , 'b'`:                                            "SELECT ? …",
		"SELECT x'ff', b'01'":                                                  "SELECT ?",
		"INSERT INTO t1 VALUES ('cut off here":                                 "INSERT INTO t1 VALUES (?",
		"SELECT 'a' $x":                                                        "SELECT ? $x",
	} {
		if got := mask(query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add("SELECT 'a', E'\\'', $a$b$a$ -- c\n /* d /* e */ */ \"f\" ")
	f.Fuzz(func(t *testing.T, query string) {
		if got := mask(query); len(got) > 210 {
			t.Errorf("%d bytes", len(got))
		}
		if got := mask("SELECT 'topsecret' " + query); strings.Contains(got, "topsecret") {
			t.Errorf("%q is shown as %q", query, got)
		}
	})
}

func TestRoots(t *testing.T) {
	waiters := map[int64]waiter{2: {by: []int64{1}}, 3: {by: []int64{2, 9}}, 4: {by: []int64{5}}, 5: {by: []int64{4}}}
	if got := roots(3, waiters); len(got) != 2 || got[0]+got[1] != 10 {
		t.Errorf("got %v, want 1 and 9", got)
	}
	if got := roots(4, waiters); got != nil {
		t.Errorf("got %v of two that wait for each other", got)
	}
	if got := pids("{12,0,x}"); len(got) != 2 || got[0] != 12 {
		t.Errorf("got %v", got)
	}
}
