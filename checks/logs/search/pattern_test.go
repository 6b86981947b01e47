package search

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// patterns are awkward ones, and those that people write.
var patterns = []string{
	``, `a`, `error`, `ERROR`, `error|timeout`, `error|err`, `error|timeout|refused`, `level=(error|fatal)`, `(error|)x`, `a||b`, `(|a)*`,
	`\b50[0-9]\b`, `" 50[0-9] `, `[0-9]+ms$`, `[0-9]+ms`, `^[0-9]+ms`, `order [0-9]+.*warehouse`, `.*error.*`, `^.*error.*$`, `^.+error`,
	`^`, `$`, `^$`, `$^`, `^^error`, `ms$$`, `^a|b$`, `(^a|b)$`, `(?m)^a$`, `a$b`, `a^b`, `\Aerror`, `error\z`, `^error|timeout$`, `(^| )error( |$)`,
	`\berror\b`, `\Berror`, `error\B`, `\b`, `\B`, `\b\b`, `\b\B`, `a\bb`, `a\Bb`, `a\b b`, `\bé`, `é\b`, `é\B`, `\B@`, `\b-\b`, `_\b`, `\b(a|-)`, `(\b|x)a`,
	`(?i)error`, `(?i)k`, `(?i)kiosk`, `(?i)s`, `(?i)session`, `(?i)é`, `(?i)ǆ`, `(?i)ss|ß`, `(?i)[k-s]`, `a(?i)b(?-i)c`, `a(?i:k)c`, `(?i:a)b`, `[Ee]rror`, `[kK]elvin`,
	`(?s).`, `(?s)a.b`, `a.b`, `.`, `..`, `...`, `a..b`, `.*`, `.+`, `^.$`, `^..$`, `^...$`, `(?s)^.*$`, `[^a]`, `[^a]b`, `x[^a]`, `[^\n]`, `[\n]`, `\n`, `a\nb`, `a[\n ]b`, `[a\n]b`, `[\na]`,
	`\pL`, `\pL+ms`, `\PL`, `\p{Greek}`, `[[:alpha:]]+`, `[é-ü]`, `[^é]`, `é`, `日本`, `日|本`, `[日本]語`, `�`, `a�`, `[�]`, `[\x80-\xff]`, `\x{10FFFF}`, `[\x{D000}-\x{E000}]x`,
	`\x00`, `a\x00b`, `\r`, `a\r`, `\r$`, `\ra`, `a\rb`, `\r+`, `[\r]`, `a\s`, `a\s*$`, `\s$`, `[^x]$`,
	`a+`, `a*`, `a?`, `a+b`, `ba+`, `ba+c`, `b(ac)+d`, `(a+)+`, `(ab)*c`, `(a|b)+c`, `(a|b)*a(a|b){3}`, `a{3}`, `a{2,3}b`, `(ab){2,}`, `x{0}a`, `(a{2}|b){2}c`, `(a+b*){2}c`, `a{0,2}$`,
	`[0-9]{3}ms`, `[a-f0-9]{4}`, `[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+`, `(a(b(c)))`, `(?P<name>er)ror`, `a.*b.*c`, `a.*?b`, `(?U)a.*b`, `error.*error`, `foo(bar)?`, `foo(bar)?baz`, `(foo)?(bar)?baz`,
	`one|two|three|four|five|six|seven|eight|nine|ten`, `(?i)one|two|three|four|five|six`, `error|e[a-z]`, `aa|ab|ba|bb|cc`, `[a-c][a-c][a-c]`, `\Qa.b`, `\Qa.b\E+`, `aaaaaaab`, `abab`, `[xyz]`, `x|yz`,
	`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab`, `[^\x00-\x{10FFFF}]`, `a[^\x00-\x{10FFFF}]|b`, `^(a|b)?$`, `^(\x{17f}|k)$`, `a$|^b`, `(a|b$)c?`, `\w+@\w+`,
	`(?i)straße`, `(?i)ſ`, `(?i)\x{212A}`, `@foo`, `foo@`, `-v`, `a b`,
}

// texts have lines of every kind.
var texts = func() []string {
	words := []string{
		"", "a", "b", "k", "K", "s", "S", "\u212a", "\u017f", "é", "É", "ß", "日本語", "日", "ǅ", "\ufffd", "\xff", "\xe2\x84", "\xc5", "\xe9", "\xf0\x9f\x92", "\xed\xa0\x80", "\x00", "\t", " ", "_", "-", "@",
		"error", "Error", "ERROR", "err", "timeout", "refused", "level=error", "level=fatal", "500", "1500", "50", "501 ms", "12ms", "12ms ", " 12ms", "\" 502 ", "order 12", "warehouse", "order 1 warehouse",
		"ab", "ba", "aab", "abb", "abc", "ac", "bacacd", "aaa", "aaaa", "cafe", "dead", "1.2.3.4", "one", "seven", "ten", "kiosk", "Kio\u017fk", "\u212aio\u017f\u212a", "session", "\u017fe\u017fsion", "a.b", "a\rb", "a\r", "\ra", "a\x00b", "foo", "foobarbaz", "bar", "foo@foo", "@foo",
		strings.Repeat("a", 200), strings.Repeat("ab", 100), strings.Repeat("a", 71) + "b", strings.Repeat("x", 40), "straße STRASSE",
	}
	all := []string{"\n", "\r\n", "\n\n", "\r\r\n", "a\r\r\n", "\r", "a\r", "a\nb\r\nc", "\na", "a\n\nb"}
	all = append(all, strings.Join(words, "\n"), strings.Join(words, "\r\n"), strings.Join(words, " ")+"\n")
	for i, word := range words {
		for _, next := range []string{words[(i*7+3)%len(words)], words[(i*13+5)%len(words)], word} {
			all = append(all, word+next, next+" "+word+"\n", word+"\n"+next+"\r\n"+word+next+word, "xx"+word+next+"xx")
		}
	}
	return all
}()

func TestPatternsAgreeWithRegexp(t *testing.T) {
	block := []byte(strings.Join(texts, "\n"))
	for _, text := range patterns {
		for _, o := range ways() {
			t.Run(fmt.Sprintf("%q %+v", text, o), func(t *testing.T) {
				want, err := newReference(text, o)
				if err != nil {
					t.Fatal(err)
				}
				p, err := Compile(text, o)
				if err != nil {
					t.Fatal(err)
				}
				for _, one := range texts {
					if diff := cmp.Diff(each(t, p, []byte(one)), want.matching([]byte(one))); diff != "" {
						t.Fatalf("%v: in %q (-got +want):\n%s", p.Cost(), one, diff)
					}
				}
				if diff := cmp.Diff(each(t, p, block), want.matching(block)); diff != "" {
					t.Fatalf("%v: (-got +want):\n%s", p.Cost(), diff)
				}
			})
		}
	}
}

// TestPatternsAgreeWithGrep leaves out what the syntaxes do not share, and what is
// said otherwise in the package's documentation.
func TestPatternsAgreeWithGrep(t *testing.T) {
	if _, err := exec.LookPath("grep"); err != nil {
		t.Skip("grep is not installed")
	}
	block := []byte(strings.ReplaceAll(strings.Join(texts, "\n"), "\r", "") + "\n")
	foreign := regexp.MustCompile(`[^\x00-\x7f]|\\[^.b]|\(\?|\*\?|\+\?|\|\||\(\||\|\)|\.|\^[^a\[]|\$[^)|]|\[\^|\{|^\\b`)
	for _, text := range patterns {
		for _, o := range ways() {
			if !o.Fixed && foreign.MatchString(text) {
				continue
			}
			t.Run(fmt.Sprintf("%q %+v", text, o), func(t *testing.T) {
				p, err := Compile(text, o)
				if err != nil {
					t.Fatal(err)
				}
				arguments := "-ca"
				if o.IgnoreCase {
					arguments += "i"
				}
				if o.Word {
					arguments += "w"
				}
				kind := "-E"
				if o.Fixed {
					kind = "-F"
				}
				command := exec.Command("grep", arguments, kind, "-e", text)
				command.Env = []string{"LC_ALL=C"}
				command.Stdin = bytes.NewReader(ascii(block))
				out, _ := command.Output() // 1 says that nothing matches
				if got, want := fmt.Sprintln(p.Count(ascii(block))), string(out); got != want {
					t.Errorf("got %s, grep counts %s", got, want)
				}
			})
		}
	}
}

// ascii makes other bytes into dots: locales differ in what they are.
func ascii(block []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r >= 128 {
			return '.'
		}
		return r
	}, block)
}

func TestCost(t *testing.T) {
	for _, c := range []struct {
		pattern string
		options Options
		want    string
	}{
		{"error", Options{}, "fixed string"},
		{".*error.*", Options{}, "fixed string"},
		{"a.b", Options{Fixed: true}, "fixed string"},
		{"error", Options{IgnoreCase: true}, "fixed string"},
		{"error", Options{Word: true}, "fixed string"},
		{"error|timeout|refused", Options{}, "3 literals"},
		{"level=(error|fatal)", Options{}, "2 literals"},
		{`\b50[0-9]\b`, Options{}, "10 literals"},
		{"[0-9]+ms$", Options{}, "10 literals"},
		{"order [0-9]+.*warehouse", Options{}, "literal, then automaton"},
		{"(error|fail).*x", Options{}, "2 literals, then automaton"},
		{"[0-9]+", Options{}, "automaton alone"},
		{"[a-m][a-z]{14}[0-9]", Options{}, "regexp alone: slow"},
		{"[a-m][a-z]{14}error", Options{}, "literal, then regexp"},
		{"[a-m][a-z]{14}(error|fatal)", Options{}, "2 literals, then regexp"},
		{`a\bb`, Options{}, "matches nothing"},
		{"", Options{}, "automaton alone"},
	} {
		p, err := Compile(c.pattern, c.options)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Cost().String(); got != c.want {
			t.Errorf("%q: got %q, want %q", c.pattern, got, c.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct{ pattern, want string }{
		{"(a", `column 1: "(a": missing closing ): close it, or write \( and \) for parentheses of the text`},
		{`x\([(](b)(a`, `column 10: "(a": missing closing ): close it, or write \( and \) for parentheses of the text`},
		{"é)", `column 2: ")": unexpected ): close it, or write \( and \) for parentheses of the text`},
		{"[", `column 1: "[": missing closing ]: close it, or write \[ for a bracket of the text`},
		{"[0-9", `column 1: "[0-9": missing closing ]: close it, or write \[ for a bracket of the text`},
		{`a\*b|*c`, `column 6: "*": missing argument to repetition operator: write \* for that character of the text`},
		{"é[9-0]", `column 3: "9-0": invalid character class range: write the lower character first, as in [0-9], or a - at the end`},
		{`a\`, `column 2: "\\": trailing backslash at end of expression: write \\ for a backslash of the text`},
		{`(a)\1`, `column 4: "\\1": invalid escape sequence: RE2 has no such escape, and no \1 or \<; \b is a word's start and end`},
		{"a(?=b)", `column 2: "(?=": invalid or unsupported Perl syntax: RE2 has no lookaround; match with one pattern and leave out with another`},
		{"a\nb", `column 2: "\n": a match never spans lines: search for one line, or for either as a|b`},
		{"日\xff", `column 2: "\xff": not UTF-8: write . for that character`},
		{"a{1001}", `column 2: "{1001}": invalid repeat count: the most is 1000, in all that is nested`},
	} {
		for _, o := range []Options{{}, {IgnoreCase: true}, {Word: true}} {
			_, err := Compile(c.pattern, o)
			if err == nil {
				t.Errorf("%q: accepted", c.pattern)
				continue
			}
			if got := err.Error(); got != c.want {
				t.Errorf("%q:\ngot  %s\nwant %s", c.pattern, got, c.want)
			}
		}
	}
}

// TestCompileIsBounded gives patterns that grow when they are made into literals or
// into an automaton.
func TestCompileIsBounded(t *testing.T) {
	for _, text := range []string{
		`(a|b)*a(a|b){60}c`, `[ab]{1000}`, `(?i)` + strings.Repeat("s", 500), strings.Repeat("(a|b)", 300), strings.Repeat("(", 400) + "a" + strings.Repeat("+)", 400),
		strings.Repeat(`\pL`, 50), `(\pL|\pN)+x(\pL|\pN){9}y`, strings.Repeat("a", 5000), `((a{10}){10}){10}`, strings.Repeat("ab|", 5000) + "c",
	} {
		p, err := Compile(text, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if p.automaton != nil && len(p.automaton.next) > maxEntries+256 {
			t.Errorf("%.30q: %d entries", text, len(p.automaton.next))
		}
		want, err := newReference(text, Options{})
		if err != nil {
			t.Fatal(err)
		}
		block := []byte(strings.Repeat("ab", 600) + "c\n" + strings.Repeat("a", 6000) + "\n" + strings.Repeat("s", 600) + "é\n")
		if diff := cmp.Diff(each(t, p, block), want.matching(block)); diff != "" {
			t.Errorf("%.30q: %v", text, p.Cost())
		}
	}
}

func TestEachStops(t *testing.T) {
	p, err := Compile("a", Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	p.Each([]byte("a\na\na\n"), func([]byte) bool { n++; return n < 2 })
	if n != 2 {
		t.Errorf("got %d lines, want 2", n)
	}
}

func TestNext(t *testing.T) {
	p, err := Compile("b$", Options{})
	if err != nil {
		t.Fatal(err)
	}
	block := []byte("ab\r\nac\nxb\nb")
	type line struct {
		start, end int
		found      bool
	}
	var got []line
	for _, at := range []int{0, 4, 7, 10, 11} {
		var l line
		l.start, l.end, l.found = p.Next(block, at)
		got = append(got, l)
	}
	want := []line{{0, 2, true}, {7, 9, true}, {7, 9, true}, {10, 11, true}, {}}
	if diff := cmp.Diff(got, want, cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// TestLongLines has lines that are longer than any buffer, with candidates all over.
func TestLongLines(t *testing.T) {
	size := 50 << 20
	if testing.Short() {
		size = 1 << 20
	}
	block := append(bytes.Repeat([]byte("error "), size/6), "end\nerror\n"...)
	for _, c := range []struct {
		pattern string
		want    int
	}{
		{"error", 2}, {"error$", 1}, {"error [a-z]*$", 1}, {`error\B`, 0}, {"errors|errory|errorz|end", 1}, {"rror x", 0}, {"(?i)ERROR END", 1},
	} {
		p, err := Compile(c.pattern, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Count(block); got != c.want {
			t.Errorf("%q: got %d, want %d", c.pattern, got, c.want)
		}
	}
}
