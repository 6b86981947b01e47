package search

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzPattern gives any pattern and any text: the lines that match are those that
// match by package regexp, one at a time.
func FuzzPattern(f *testing.F) {
	for i, text := range patterns {
		f.Add(text, texts[i%len(texts)], byte(i))
		f.Add(text, texts[(i*31+7)%len(texts)], byte(0))
	}
	f.Fuzz(func(t *testing.T, text, block string, bits byte) {
		if len(text) > 200 || len(block) > 4000 {
			return // they take long and find nothing else
		}
		o := Options{Fixed: bits&1 != 0, IgnoreCase: bits&2 != 0, Word: bits&4 != 0}
		p, err := Compile(text, o)
		if err != nil {
			refusal(t, text, o, err)
			return
		}
		want, err := newReference(text, o)
		if err != nil {
			if o.Word && strings.Contains(text, `\Q`) {
				return // the reference does not know whether it is open
			}
			t.Fatalf("%q is accepted: %v", text, err)
		}
		if diff := cmp.Diff(each(t, p, []byte(block)), want.matching([]byte(block))); diff != "" {
			t.Fatalf("%q %+v: %v: in %q (-got +want):\n%s", text, o, p.Cost(), block, diff)
		}
	})
}

// refusal checks that an error has its place, and that there is reason for it.
func refusal(t *testing.T, text string, o Options, err error) {
	var fault *Error
	if !errors.As(err, &fault) || fault.Column < 1 || fault.Reason == "" {
		t.Fatalf("%q: %v: it has no place", text, err)
	}
	o.Word = false // what it puts around the pattern may close what is open
	_, plain := newReference(text, o)
	if plain == nil && !strings.Contains(text, "\n") && strings.ToValidUTF8(text, "") == text {
		t.Fatalf("%q %+v is refused: %v", text, o, err)
	}
}
