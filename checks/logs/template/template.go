package template

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// A Template is what is the same in several messages.
type Template struct {
	// Text is the message with <*> for each value that was seen to vary.
	Text string
	// ID is the same for the same text, in every run.
	ID string
	Stats
}

// Templates gives those of the messages so far, the most frequent first.
func (m *Miner) Templates() []Template {
	m.merge()
	templates := make([]Template, 0, len(m.forms))
	for _, f := range m.forms {
		t := Template{Text: f.text(), Stats: f.stats}
		t.ID = identify(t.Text)
		templates = append(templates, t)
	}
	slices.SortStableFunc(templates, func(a, b Template) int {
		return cmp.Or(cmp.Compare(b.Lines.Total(), a.Lines.Total()), cmp.Compare(a.Text, b.Text))
	})
	return templates
}

// Find gives the text of the template that a message is of; "" when no such
// message was added.
func (m *Miner) Find(message []byte) string {
	words, hash := m.scanner.scan(message)
	if f := m.byHash[hash]; f != nil {
		return f.text()
	}
	if f := m.find(words); f != nil {
		return f.text()
	}
	return ""
}

func (f *form) text() string {
	shown := make([]string, len(f.words))
	for i, w := range f.words {
		shown[i] = w
		if f.varies&(1<<i) == 0 {
			shown[i] = f.raw[i]
		}
	}
	return strings.Join(shown, " ")
}

// identify gives eight hexadecimal digits.
func identify(text string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // a hash takes everything
	return fmt.Sprintf("%08x", h.Sum32())
}
