package render

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"gumshoe/engine/expression"
)

// withUnits puts units behind the numbers of a condition's text: 97 becomes 97 %
// in "/var: 97" when what was read there is a used_percent. A number that was
// read of fields with different units, or of none, stays as it is but for its
// length. The result of a multiplication has the unit of what is multiplied.
func withUnits(text string, values []expression.Value) string {
	var b strings.Builder
	quoted := false
	product := "" // the path of the quantity in the multiplication that i is in
	for i := 0; i < len(text); {
		if text[i] == '"' {
			quoted = !quoted
		}
		number := ""
		if !quoted && (i == 0 || !strings.ContainsRune(`_.-"[/`, rune(text[i-1])) && !isWordByte(text[i-1])) {
			number = numberAt.FindString(text[i:])
		}
		if end := i + len(number); number == "" || end < len(text) && (isWordByte(text[end]) || text[end] == '%' || text[end] == '.' || text[end] == ':') {
			b.WriteByte(text[i])
			i++
			continue
		}
		shown, path := quantity(number, values)
		factor := strings.HasSuffix(text[:i], " * ") || strings.HasPrefix(text[i+len(number):], " * ")
		n, err := strconv.ParseFloat(number, 64)
		switch {
		case factor && path != "" && product == "":
			product = path
		case factor && path != "":
			product = "" // of two quantities the unit is neither
		case factor:
		case product != "" && path == "" && err == nil && strings.HasSuffix(text[:i], " = "):
			shown = Quantity(product, n)
			product = ""
		default:
			product = ""
		}
		b.WriteString(shown)
		i += len(number)
	}
	return b.String()
}

var numberAt = regexp.MustCompile(`^[-−]?\d+(\.\d+)?(e[+-]?\d+)?`)

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// quantity writes a number with the unit of the values that it stands for, and
// gives the path of one of them, or "" when it has no unit. Shown numbers are
// rounded, so near is equal.
func quantity(number string, values []expression.Value) (shown, path string) {
	n, err := strconv.ParseFloat(strings.Replace(number, "−", "-", 1), 64)
	if err != nil {
		return number, ""
	}
	found := ""
	for _, v := range values {
		read, ok := asNumber(v.Value)
		if !ok || !hasKnownUnit(v.Path) || math.Abs(read-n) > 2e-3*math.Abs(read)+1e-9 {
			continue
		}
		text := Quantity(v.Path, read)
		if found != "" && found != text {
			return plainNumber(number, n), ""
		}
		found, path = text, v.Path
	}
	if found != "" {
		return found, path
	}
	return plainNumber(number, n), ""
}

// plainNumber keeps a short number as it was written.
func plainNumber(number string, n float64) string {
	if len(number) <= 8 && !strings.Contains(number, "e") || n == math.Trunc(n) {
		return minus(number)
	}
	return Number(n)
}

func asNumber(value any) (float64, bool) {
	switch n := value.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
