// Package kleene is the three-valued logic that every verdict rests on: a
// condition over something nobody could observe is Unknown, never False.
//
// The connectives are Kleene's strong ones (S. C. Kleene, Introduction to
// Metamathematics, 1952, §64): a result is known as soon as the known operands
// decide it, whatever the unknown ones may turn out to be.
package kleene

import "fmt"

// Truth is what is known of a condition. The zero value is Unknown.
type Truth uint8

// The three truth values.
const (
	Unknown Truth = iota
	False
	True
)

// Of turns a known boolean into a Truth.
func Of(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Not is the negation; the negation of Unknown is Unknown.
func (t Truth) Not() Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	default:
		return Unknown
	}
}

// And is False as soon as one operand is, and otherwise Unknown as soon as one
// operand is. The conjunction of nothing is True.
func And(operands ...Truth) Truth {
	result := True
	for _, t := range operands {
		switch t {
		case False:
			return False
		case Unknown:
			result = Unknown
		case True:
		}
	}
	return result
}

// Or is True as soon as one operand is, and otherwise Unknown as soon as one
// operand is. The disjunction of nothing is False.
func Or(operands ...Truth) Truth {
	result := False
	for _, t := range operands {
		switch t {
		case True:
			return True
		case Unknown:
			result = Unknown
		case False:
		}
	}
	return result
}

// String is "true", "false" or "unknown".
func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	case Unknown:
		return "unknown"
	default:
		return fmt.Sprintf("kleene.Truth(%d)", uint8(t))
	}
}

// MarshalText writes the words that String gives.
func (t Truth) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the words that String gives; any other is an error.
func (t *Truth) UnmarshalText(text []byte) error {
	switch string(text) {
	case "true":
		*t = True
	case "false":
		*t = False
	case "unknown":
		*t = Unknown
	default:
		return fmt.Errorf("truth value %q: want true, false or unknown", text)
	}
	return nil
}
