package changes

import (
	"cmp"
	"strings"
)

// compareVersions compares two versions of a package or a kernel: numbers as
// numbers, what stands between them as text, and a tilde before everything, also
// before the end, as Debian and RPM have it. An epoch counts first.
func compareVersions(a, b string) int {
	aEpoch, aRest := epoch(a)
	bEpoch, bRest := epoch(b)
	if c := compareDigits(aEpoch, bEpoch); c != 0 {
		return c
	}
	a, b = aRest, bRest
	for a != "" || b != "" {
		an, bn := leading(a, false), leading(b, false)
		if c := compareText(a[:an], b[:bn]); c != 0 {
			return c
		}
		a, b = a[an:], b[bn:]
		an, bn = leading(a, true), leading(b, true)
		if c := compareDigits(a[:an], b[:bn]); c != 0 {
			return c
		}
		a, b = a[an:], b[bn:]
	}
	return 0
}

func epoch(version string) (digits, rest string) {
	before, after, ok := strings.Cut(version, ":")
	if !ok || leading(before, true) != len(before) {
		return "", version
	}
	return before, after
}

// leading is the length of the digits that a text begins with, or of all else.
func leading(text string, digits bool) int {
	n := 0
	for n < len(text) && (text[n] >= '0' && text[n] <= '9') == digits {
		n++
	}
	return n
}

func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// compareText compares the texts between numbers: a tilde, the end, letters, and
// then all else, as Debian's policy has it (section 5.6.12).
func compareText(a, b string) int {
	for i := range max(len(a), len(b)) {
		if c := cmp.Compare(weight(a, i), weight(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

func weight(text string, i int) int {
	switch {
	case i >= len(text):
		return 0
	case text[i] == '~':
		return -1
	case text[i]|0x20 >= 'a' && text[i]|0x20 <= 'z':
		return int(text[i])
	}
	return int(text[i]) + 256
}
