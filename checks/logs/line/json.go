package line

import (
	"bytes"
	"encoding/json"
	"sync"
)

// jsonLines are objects of JSON, one in a line, with or without a prefix.
type jsonLines struct {
	levels, messages []alias // the most frequent first
	prefixed         bool    // lines of the sample had something before the object
	levelReaders     sync.Pool
	messageReaders   sync.Pool
}

func newJSON(levels, messages []alias) *jsonLines {
	g := &jsonLines{levels: levels, messages: messages}
	if levels == nil {
		g.levels, g.messages = levelKeys(), messageKeys()
	}
	one := func(name string) func() any { // sync.Pool's type
		return func() any { return g.newReader([]string{name}) }
	}
	g.levelReaders.New, g.messageReaders.New = one("level"), one("message")
	return g
}

func (g *jsonLines) newReader(names []string) *jsonReader {
	return &jsonReader{selection: newSelection(names, g.levels, g.messages)}
}

func (g *jsonLines) name() string { return "json" }

// fits asks for a whole object. One that is not the whole line must hold the level or
// the message: otherwise it is but a part of the message.
func (g *jsonLines) fits(line []byte) bool {
	start := objectStart(line)
	if start < 0 || !json.Valid(bytes.TrimRight(line[start:], " \r\n\t\x00")) {
		return false
	}
	if len(bytes.TrimSpace(line[:start])) == 0 {
		return true
	}
	r := g.newReader([]string{"level", "message"})
	r.scan(line)
	return r.found != 0
}

func (g *jsonLines) level(line []byte) Level {
	r := g.levelReaders.Get().(*jsonReader)
	r.scan(line)
	r.scratch = r.scratch[:0]
	l := r.selection.level(&r.scratch)
	g.levelReaders.Put(r)
	return l
}

func (g *jsonLines) message(line []byte, scratch *[]byte) []byte {
	r := g.messageReaders.Get().(*jsonReader)
	var values [1][]byte
	r.scan(line)
	r.fill(line, values[:], scratch)
	g.messageReaders.Put(r)
	return values[0]
}

func (g *jsonLines) reader(names []string) (reader, error) { return g.newReader(names), nil }

func (g *jsonLines) continues(line []byte) bool {
	if g.prefixed {
		return follows(line) || objectStart(line) < 0
	}
	for _, c := range line {
		if !isSpace(c) {
			return c != '{'
		}
	}
	return true
}

func (g *jsonLines) learn(sample [][]byte) grammar {
	learnt := newJSON(learnKeys(sample, func(s *selection) reader { return &jsonReader{selection: s} }))
	prefixed := 0
	for _, line := range sample {
		if objectStart(line) > 0 {
			prefixed++
		}
	}
	learnt.prefixed = prefixed > len(sample)/2
	return learnt
}

// objectStart is where the object of a line begins; -1 when there is none.
func objectStart(line []byte) int {
	for i, c := range line {
		if c == '{' {
			return i
		}
		if !isSpace(c) {
			break
		}
	}
	// An object without members says nothing.
	return bytes.Index(line, []byte(`{"`))
}
