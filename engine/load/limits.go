package load

import "gumshoe/engine/source"

// Limits of one runbook with all that it uses. They are far above what people
// write, and keep a hostile file from costing more than a moment.
const (
	maxFiles      = 50
	maxInputs     = 200
	maxValues     = 200 // of one enum
	maxSteps      = 500
	maxHypotheses = 200
	maxTemplate   = 16 << 10 // bytes
	maxItems      = 100      // in one list: evidence under a word, causes, symptoms, triggers
)

// within tells whether a list or mapping is within its limit.
func (b *builder) within(node source.Node, count int, what string, most int) bool {
	if count > most {
		b.faults.Addf(node.Position(), "%d %s are too many; a runbook has at most %d", count, what, most)
	}
	return count <= most
}
