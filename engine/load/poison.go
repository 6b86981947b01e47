package load

import (
	"regexp"
	"slices"
	"strings"
)

// poison are names that something wrong has been said about already, so that
// what reads them cannot be checked and is passed over.
type poison struct {
	steps  map[string]bool
	inputs map[string]bool
	// open means that a used file could not be read: any name that is not known
	// may stand in it. known tells which are.
	open  bool
	known func(name string) bool
}

func newPoison(known func(string) bool) poison {
	return poison{steps: make(map[string]bool), inputs: make(map[string]bool), known: known}
}

var (
	identifier = regexp.MustCompile(`\.?\s*[A-Za-z_][A-Za-z0-9_]*`)
	readsInput = regexp.MustCompile(`\binputs\s*(?:\.\s*([A-Za-z_][A-Za-z0-9_]*)|\[\s*["']([^"']*)["']\s*\])`)
)

// spoils tells whether an expression reads anything poisoned. It goes by the
// words of the text, as an expression that reads such a thing does not compile.
func (p *poison) spoils(text string) bool {
	if len(p.steps) > 0 || p.open {
		for _, word := range identifier.FindAllString(text, -1) {
			word = strings.TrimSpace(word)
			if p.steps[word] || p.open && !strings.HasPrefix(word, ".") && !p.known(word) {
				return true
			}
		}
	}
	if len(p.inputs) > 0 || p.open {
		for _, name := range inputsRead(text) {
			if p.inputs[name] || p.open && !p.known(name) {
				return true
			}
		}
	}
	return false
}

// inputsRead gives the names that stand after `inputs.` in an expression.
func inputsRead(text string) []string {
	var names []string
	for _, m := range readsInput.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1]+m[2])
	}
	return names
}

// isKnown tells whether a name means something in this runbook's expressions.
func (b *builder) isKnown(name string) bool {
	return b.steps[name] != nil || b.inputs[name] != nil || isReserved(name) ||
		slices.Contains([]string{"KiB", "MiB", "GiB"}, name)
}
