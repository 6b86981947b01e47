package metrics

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// word is a piece of PromQL: a name, or a single other character. Strings,
// comments and numbers are left out.
type word struct {
	text       string
	start, end int
}

// words cuts PromQL into what is needed to find names in it. It takes everything:
// whether it is right is for the server to say.
func words(query string) []word {
	var found []word
	for i := 0; i < len(query); {
		c := query[i]
		start := i
		switch {
		case c == '#':
			if i = strings.IndexByte(query[start:], '\n'); i < 0 {
				return found
			}
			i += start
		case c == '"' || c == '\'' || c == '`':
			i = endOfString(query, i)
		case '0' <= c && c <= '9':
			for i < len(query) && (inName(query[i]) || query[i] == '.') {
				i++
			}
		case inName(c):
			for i < len(query) && inName(query[i]) {
				i++
			}
			found = append(found, word{query[start:i], start, i})
		default:
			_, size := utf8.DecodeRuneInString(query[i:])
			i += size
			if c > ' ' {
				found = append(found, word{query[start:i], start, i})
			}
		}
	}
	return found
}

func inName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == ':'
}

func endOfString(query string, at int) int {
	quote := query[at]
	for at++; at < len(query); at++ {
		switch {
		case query[at] == quote:
			return at + 1
		case query[at] == '\\' && quote != '`':
			at++
		}
	}
	return len(query)
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// expand puts the labels to match where the query says $match. The values are
// quoted as PromQL has it, so that they are nothing but values.
func expand(query string, match map[string]string) (string, error) {
	matchers := make([]string, 0, len(match))
	for _, label := range slices.Sorted(maps.Keys(match)) {
		value := match[label]
		switch {
		case !labelName.MatchString(label):
			return "", fmt.Errorf("match: %q is not the name of a label", label)
		case value == "":
			return "", fmt.Errorf("match: %s is empty, and would match the series that do not have it", label)
		case !utf8.ValidString(value):
			return "", fmt.Errorf("match: %s is not UTF-8", label)
		}
		matchers = append(matchers, label+"="+strconv.Quote(value))
	}
	var out strings.Builder
	at, used := 0, false
	found := words(query)
	for i, w := range found {
		if w.text != "$" {
			continue
		}
		name := ""
		if i+1 < len(found) && found[i+1].start == w.end && inName(found[i+1].text[0]) {
			name = found[i+1].text
		}
		switch {
		case name == "match" && len(match) == 0:
			return "", fmt.Errorf("the query has $match, and no match is given")
		case name == "match":
		case strings.HasPrefix(name, "__"):
			return "", fmt.Errorf("column %d: $%s is a variable of Grafana's; write a duration, such as 5m", column(query, w.start), name)
		default:
			return "", fmt.Errorf("column %d: $%s is not known: only $match stands for something, the labels of the input match", column(query, w.start), name)
		}
		out.WriteString(query[at:w.start])
		out.WriteString(strings.Join(matchers, ","))
		at, used = found[i+1].end, true
	}
	if !used && len(match) > 0 {
		return "", fmt.Errorf("match is given, and the query does not say where: write $match between braces, as in up{$match}")
	}
	out.WriteString(query[at:])
	return out.String(), nil
}

func column(query string, at int) int { return utf8.RuneCountInString(query[:at]) + 1 }

// maxNames is of how many metrics in a query it is asked whether they exist.
const maxNames = 20

// metricNames gives the names in a query that can be those of metrics, in order.
func metricNames(query string) []string {
	var names []string
	found := words(query)
	closes := map[string]string{"(": ")", "{": "}", "[": "]"}
	for i := 0; i < len(found); i++ {
		w := found[i]
		next := ""
		if i+1 < len(found) {
			next = strings.ToLower(found[i+1].text)
		}
		switch lower := strings.ToLower(w.text); {
		case w.text == "{", w.text == "[":
			i = skip(found, i, w.text, closes[w.text])
		case slices.Contains([]string{"by", "without", "on", "ignoring", "group_left", "group_right"}, lower):
			if next == "(" {
				i = skip(found, i+1, "(", ")")
			}
		case !inName(w.text[0]), next == "(", next == "by", next == "without",
			slices.Contains([]string{"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"}, lower):
		case lower == "offset" || i > 0 && found[i-1].text == "@":
		case !slices.Contains(names, w.text) && len(names) < maxNames:
			names = append(names, w.text)
		}
	}
	return names
}

// skip gives the index of what closes the bracket at an index.
func skip(found []word, at int, opens, closes string) int {
	depth := 0
	for ; at < len(found); at++ {
		switch found[at].text {
		case opens:
			depth++
		case closes:
			depth--
			if depth == 0 {
				return at
			}
		}
	}
	return at
}
