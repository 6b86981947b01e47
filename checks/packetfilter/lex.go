package packetfilter

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tokenKind says what a token is.
type tokenKind int

const (
	tokenEnd     tokenKind = iota
	tokenKeyword           // a word of the grammar, or an operator
	tokenNumber            // 80, 0x50, tcp-syn
	tokenDotted            // 10.0, 10.0.0, 10.0.0.1
	tokenIPv6              // fe80::1
	tokenMAC               // 00:11:22:33:44:55
	tokenName              // anything else that looks like a name, such as http
)

// token is one word of a filter.
type token struct {
	kind   tokenKind
	text   string // as written; of an operator, in its one canonical form
	number uint32
	mac    [6]byte
	offset int // in bytes
	length int
}

func (t token) is(texts ...string) bool {
	return t.kind == tokenKeyword && slices.Contains(texts, t.text)
}

// lex splits a filter into its tokens; the last is a tokenEnd.
func lex(text string) ([]token, error) {
	var tokens []token
	for at := 0; ; {
		for at < len(text) && strings.IndexByte(" \r\n\t", text[at]) >= 0 {
			at++
		}
		if at == len(text) {
			return append(tokens, token{kind: tokenEnd, offset: at}), nil
		}
		t, err := next(text, at)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		at += t.length
	}
}

// next reads the longest token at an offset, as tcpdump's own scanner does:
// 6000-6008 is one name, and 001122334455 a hardware address.
func next(text string, at int) (token, error) {
	rest := text[at:]
	if t, ok := operatorAt(rest); ok {
		t.offset = at
		return t, nil
	}
	if rest[0] == '\\' {
		end := strings.IndexAny(rest, " !()\n\t")
		if end < 0 {
			end = len(rest)
		}
		if end == 1 {
			return token{}, faultAt(text, at, `\`, `a name follows \, as in \tcp`)
		}
		return token{kind: tokenName, text: rest[1:end], offset: at, length: end}, nil
	}
	t := token{offset: at}
	if n := nameLength(rest); n > 0 {
		t.kind, t.length = tokenName, n
	}
	if mac, n := macAt(rest); n > 0 && n >= t.length {
		t.kind, t.length, t.mac = tokenMAC, n, mac
	}
	if n := ipv6Length(rest); n > t.length {
		t.kind, t.length = tokenIPv6, n
	}
	if t.length == 0 {
		if rest[0] == ':' {
			return token{kind: tokenKeyword, text: ":", offset: at, length: 1}, nil
		}
		r, _ := utf8.DecodeRuneInString(rest)
		return token{}, faultAt(text, at, string(r), "no part of a filter begins with it")
	}
	t.text = rest[:t.length]
	if t.kind != tokenName {
		return t, nil
	}
	return classify(text, t)
}

// classify says what a word is that is neither an address of hardware nor of
// IPv6: a number, a dotted number, a word of the grammar, or a name.
func classify(text string, t token) (token, error) {
	if keyword(t.text) {
		t.kind = tokenKeyword
		switch t.text {
		case "not":
			t.text = "!"
		case "length":
			t.text = "len"
		case "link", "ppp", "slip":
			t.text = "ether"
		}
		return t, nil
	}
	if value, ok := constant(t.text); ok {
		t.kind, t.number = tokenNumber, value
		return t, nil
	}
	if digits(t.text) || hexadecimal(t.text) {
		value, err := strconv.ParseUint(t.text, 0, 64)
		switch {
		case err != nil && strings.ContainsAny(t.text, "89") && t.text[0] == '0':
			return t, faultAt(text, t.offset, t.text, "a number that begins with 0 is octal, and has no 8 or 9")
		case err != nil || value > math.MaxUint32:
			return t, faultAt(text, t.offset, t.text, "a number has at most 32 bits")
		}
		t.kind, t.number = tokenNumber, uint32(value)
		return t, nil
	}
	parts := strings.Split(t.text, ".")
	if len(parts) < 2 || len(parts) > 4 {
		return t, nil
	}
	for _, part := range parts {
		if !digits(part) {
			return t, nil
		}
	}
	t.kind = tokenDotted
	return t, nil
}

func operatorAt(rest string) (token, bool) {
	for _, o := range [...]struct{ written, text string }{
		{"&&", "and"}, {"||", "or"}, {">=", ">="}, {"<=", "<="}, {"!=", "!="}, {"==", "="}, {"<<", "<<"}, {">>", ">>"},
	} {
		if strings.HasPrefix(rest, o.written) {
			return token{kind: tokenKeyword, text: o.text, length: 2}, true
		}
	}
	if strings.IndexByte("+-*/%[]!<>()&|^=", rest[0]) >= 0 {
		return token{kind: tokenKeyword, text: rest[:1], length: 1}, true
	}
	return token{}, false
}

// nameLength is how long a name is at the beginning of the text: it begins with
// a letter or digit and does not end with a dash or an underscore.
func nameLength(rest string) int {
	n := 0
	for n < len(rest) && (alphanumeric(rest[n]) || n > 0 && strings.IndexByte("-_.", rest[n]) >= 0) {
		n++
	}
	for n > 0 && (rest[n-1] == '-' || rest[n-1] == '_') {
		n--
	}
	return n
}

// ipv6Length is how long an IPv6 address is at the beginning of the text; 0 when
// there is none.
func ipv6Length(rest string) int {
	n, colons := 0, 0
	for n < len(rest) && n < 64 && (rest[n] == ':' || rest[n] == '.' || isHex(rest[n])) {
		if rest[n] == ':' {
			colons++
		}
		n++
	}
	if colons < 2 {
		return 0
	}
	for ; n >= 2; n-- {
		if a, err := netip.ParseAddr(rest[:n]); err == nil && a.Is6() {
			return n
		}
	}
	return 0
}

// macAt reads a hardware address in any of the forms tcpdump reads: six groups
// of one or two digits with one separator, three of four with dots, or twelve
// digits.
func macAt(rest string) (mac [6]byte, length int) {
	for _, separator := range []byte(":-.") {
		if m, n := groups(rest, separator, 6, 1, 2); n > length {
			mac, length = m, n
		}
	}
	if m, n := groups(rest, '.', 3, 4, 4); n > length {
		mac, length = m, n
	}
	if m, n := groups(rest, 0, 1, 12, 12); n > length {
		mac, length = m, n
	}
	return mac, length
}

func groups(rest string, separator byte, count, least, most int) (mac [6]byte, length int) {
	at, all := 0, ""
	for i := range count {
		if i > 0 {
			if at == len(rest) || rest[at] != separator {
				return mac, 0
			}
			at++
		}
		start := at
		for at < len(rest) && at-start < most && isHex(rest[at]) {
			at++
		}
		if at-start < least {
			return mac, 0
		}
		if at-start == 1 {
			all += "0"
		}
		all += rest[start:at]
	}
	for i := range mac {
		value, _ := strconv.ParseUint(all[2*i:2*i+2], 16, 8) // it is hexadecimal
		mac[i] = byte(value)
	}
	return mac, at
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func digits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func hexadecimal(text string) bool {
	return len(text) > 2 && text[0] == '0' && text[1]|0x20 == 'x' && strings.Trim(text[2:], "0123456789abcdefABCDEF") == ""
}

// Error is a filter that is refused: where, what stands there, and why.
type Error struct {
	Column int    // 1-based, in characters
	Found  string // what stands there; "" is the end of the filter
	Reason string
}

func (e *Error) Error() string {
	found := "the end of the filter"
	if e.Found != "" {
		found = strconv.Quote(e.Found)
	}
	return fmt.Sprintf("column %d: %s: %s", e.Column, found, e.Reason)
}

func faultAt(text string, offset int, found, reason string) *Error {
	return &Error{Column: utf8.RuneCountInString(text[:offset]) + 1, Found: found, Reason: reason}
}
