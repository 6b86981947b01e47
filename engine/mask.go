package engine

import (
	"cmp"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Masker blots out secrets in everything that leaves a run: the values it was
// told, and what looks like a credential. The zero value knows only the looks.
// It is safe for concurrent use once it is built.
type Masker struct {
	values []string
}

// minSecret is the length in bytes from which a secret's value is looked for
// in text. Blotting out every "1" would destroy the text and reveal the secret.
const minSecret = 4

// NewMasker makes a masker of these secrets. Values under four bytes are only
// kept from printing by their type: text is not searched for them.
func NewMasker(secrets ...Secret) *Masker {
	m := &Masker{}
	for _, s := range secrets {
		if len(s.value) >= minSecret {
			m.values = append(m.values, s.value)
		}
	}
	// The longest first, so that a secret that holds another goes as a whole.
	slices.SortFunc(m.values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	m.values = slices.Compact(m.values)
	return m
}

// looks are the forms in which credentials appear in logs, command lines and
// configuration. Each keeps what stands before the credential as $1.
//
//nolint:gochecknoglobals // compiled once, and never changed
var looks = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\b((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret|authorization|credential)s?["']?\s*[=:]\s*["']?(?:bearer\s+|basic\s+)?)[^\s"'&;,]{3,}`),
	regexp.MustCompile(`(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{12,}`),
	regexp.MustCompile(`([a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@`),
	regexp.MustCompile(`()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`),
	regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`),
	regexp.MustCompile(`()\b(?:xox[abprs]|gh[pousr]|glpat)[-_][A-Za-z0-9-_]{10,}`),
	regexp.MustCompile(`()-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`),
}

// hints are strings of which a text must hold one before a look can match; the
// regular expressions are slow and most text has none.
//
//nolint:gochecknoglobals // never changed
var hints = []string{"=", "PRIVATE KEY", ":", "earer", "asic", "EARER", "ASIC", "AKIA", "ASIA", "eyJ", "xox", "gh", "glpat"}

// Text gives the text with every secret replaced by REDACTED.
func (m *Masker) Text(text string) string {
	if m != nil {
		for _, v := range m.values {
			text = strings.ReplaceAll(text, v, redacted)
		}
	}
	if !slices.ContainsFunc(hints, func(h string) bool { return strings.Contains(text, h) }) {
		return text
	}
	for _, look := range looks {
		replacement := "${1}" + redacted
		if look == looks[2] {
			replacement += "@"
		}
		text = look.ReplaceAllString(text, replacement)
	}
	return text
}

// Value gives a copy of a check's output, or of any plain data, in which every
// string is masked.
func (m *Masker) Value(value any) any {
	if value == nil {
		return nil
	}
	v := reflect.ValueOf(value)
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	m.mask(out)
	return out.Interface()
}

// mask masks an addressable value in place, copying what it shares with others.
func (m *Masker) mask(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(m.Text(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				m.mask(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(list, v)
		for i := range list.Len() {
			m.mask(list.Index(i))
		}
		v.Set(list)
	case reflect.Map:
		if v.IsNil() {
			return
		}
		masked := reflect.MakeMapWithSize(v.Type(), v.Len())
		for _, key := range v.MapKeys() {
			k := reflect.New(key.Type()).Elem()
			k.Set(key)
			m.mask(k)
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(key))
			m.mask(e)
			masked.SetMapIndex(k, e)
		}
		v.Set(masked)
	case reflect.Interface:
		if !v.IsNil() {
			v.Set(reflect.ValueOf(m.Value(v.Interface())))
		}
	}
}
