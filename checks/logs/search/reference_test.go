package search

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// reference is the plain way: each line to package regexp.
type reference struct{ regexp *regexp.Regexp }

func newReference(text string, o Options) (reference, error) {
	if o.Fixed {
		text = regexp.QuoteMeta(text)
	}
	if o.IgnoreCase {
		text = `(?i)` + text
	}
	if o.Word {
		end := ""
		if i := strings.LastIndex(text, `\Q`); i >= 0 && !strings.Contains(text[i:], `\E`) && !o.Fixed {
			end = `\E`
		}
		text = `(?:^|[^0-9A-Za-z_])(?:` + text + end + `)(?:[^0-9A-Za-z_]|$)`
	}
	re, err := regexp.Compile(text)
	return reference{re}, err
}

func (r reference) matching(block []byte) (lines []string) {
	for line := range bytes.Lines(block) {
		line = bytes.TrimRight(bytes.TrimSuffix(line, []byte("\n")), "\r")
		if r.regexp.Match(line) {
			lines = append(lines, string(line))
		}
	}
	return lines
}

// each gathers what Each yields, and checks that Count and Match say the same.
func each(t *testing.T, p *Pattern, block []byte) (lines []string) {
	t.Helper()
	p.Each(block, func(line []byte) bool {
		lines = append(lines, string(line))
		if !p.Match(line) {
			t.Errorf("%q: Each yields %q, and Match says no", p, line)
		}
		return true
	})
	if got := p.Count(block); got != len(lines) {
		t.Errorf("%q: Count is %d, and Each yields %d lines of %q", p, got, len(lines), block)
	}
	matched := 0
	for line := range bytes.Lines(block) {
		if p.Match(line) {
			matched++
		}
	}
	if matched != len(lines) {
		t.Errorf("%q: Match says yes to %d lines, and Each yields %d of %q", p, matched, len(lines), block)
	}
	return lines
}

// ways are all the options.
func ways() (all []Options) {
	for bits := range 8 {
		all = append(all, Options{Fixed: bits&1 != 0, IgnoreCase: bits&2 != 0, Word: bits&4 != 0})
	}
	return all
}
