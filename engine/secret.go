package engine

import (
	"fmt"
	"os"
	"strings"
)

// Secret is a value that never prints: every way of formatting or encoding it
// gives "REDACTED". The zero value is a secret that is not set.
type Secret struct{ value string }

const redacted = "REDACTED"

// NewSecret keeps a value secret.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal gives the value, for the one place that hands it to a target.
func (s Secret) Reveal() string { return s.value }

// IsSet tells whether there is a value.
func (s Secret) IsSet() bool { return s.value != "" }

// String is "REDACTED", or "" when the secret is not set.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return redacted
}

// GoString is what String is.
func (s Secret) GoString() string { return s.String() }

// Format prints what String gives under every verb.
func (s Secret) Format(state fmt.State, _ rune) { fmt.Fprint(state, s.String()) }

// MarshalText encodes what String gives.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// SecretRef says where a secret's value is to be read: "env:NAME" or
// "file:PATH"; or NoSecret. It may be printed.
type SecretRef string

// NoSecret is the reference of a secret that need not be given: it is not set.
const NoSecret SecretRef = "none"

// ParseSecretRef checks the form of a reference.
func ParseSecretRef(text string) (SecretRef, error) {
	if text == string(NoSecret) {
		return NoSecret, nil
	}
	kind, name, _ := strings.Cut(text, ":")
	if (kind != "env" && kind != "file") || name == "" {
		return "", fmt.Errorf("a secret is named by where it is kept: env:NAME or file:PATH")
	}
	return SecretRef(text), nil
}

// Resolve reads the secret. One line break at the end of a file is not part of
// it. An unset variable or an empty file is an error. NoSecret is not set.
func (r SecretRef) Resolve() (Secret, error) {
	if r == NoSecret {
		return Secret{}, nil
	}
	kind, name, _ := strings.Cut(string(r), ":")
	if kind == "env" {
		value, ok := os.LookupEnv(name)
		if !ok || value == "" {
			return Secret{}, fmt.Errorf("secret %s: the environment variable %s is not set", r, name)
		}
		return Secret{value}, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return Secret{}, fmt.Errorf("secret %s: %w", r, err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if value == "" {
		return Secret{}, fmt.Errorf("secret %s: the file is empty", r)
	}
	return Secret{value}, nil
}
