package line

import (
	"bytes"
	"sync"
)

// logfmt is lines of key=value, with quotes where a value has spaces, as logrus,
// log/slog and many others write them.
type logfmt struct {
	levels, messages []alias
	levelReaders     sync.Pool
	messageReaders   sync.Pool
}

func newLogfmt(levels, messages []alias) *logfmt {
	g := &logfmt{levels: levels, messages: messages}
	if levels == nil {
		g.levels, g.messages = levelKeys(), messageKeys()
	}
	one := func(name string) func() any { // sync.Pool's type
		return func() any { return &logfmtReader{newSelection([]string{name}, g.levels, g.messages)} }
	}
	g.levelReaders.New, g.messageReaders.New = one("level"), one("message")
	return g
}

func (g *logfmt) name() string { return "logfmt" }

// fits asks for two pairs at the start, and that no more than a quarter of the words
// is none.
func (g *logfmt) fits(line []byte) bool {
	pairs, words := 0, 0
	for at := 0; ; words++ {
		p := pairAt(line, at)
		if p.next < 0 {
			return pairs >= 2 && pairs*4 >= words*3
		}
		if p.value != nil && len(p.key) > 0 && isName(p.key) {
			pairs++
		} else if words < 2 {
			return false
		}
		at = p.next
	}
}

func (g *logfmt) level(line []byte) Level {
	r := g.levelReaders.Get().(*logfmtReader)
	r.scan(line, 0)
	var scratch []byte
	l := r.selection.level(&scratch)
	g.levelReaders.Put(r)
	return l
}

func (g *logfmt) message(line []byte, scratch *[]byte) []byte {
	r := g.messageReaders.Get().(*logfmtReader)
	var values [1][]byte
	r.scan(line, 0)
	r.fill(line, values[:], scratch)
	g.messageReaders.Put(r)
	return values[0]
}

func (g *logfmt) reader(names []string) (reader, error) {
	return &logfmtReader{newSelection(names, g.levels, g.messages)}, nil
}

func (g *logfmt) continues(line []byte) bool { return follows(line) }

func (g *logfmt) learn(sample [][]byte) grammar {
	return newLogfmt(learnKeys(sample, func(s *selection) reader { return &logfmtReader{s} }))
}

// logfmtReader reads pairs.
type logfmtReader struct {
	*selection
}

func (r *logfmtReader) clone() reader { return &logfmtReader{r.selection.clone()} }

func (r *logfmtReader) read(line []byte, values [][]byte, scratch *[]byte) {
	r.scan(line, 0)
	r.fill(line, values, scratch)
}

// scan reads the pairs from a place on until all that are needed are found.
func (r *logfmtReader) scan(line []byte, at int) {
	r.found, r.escaped = 0, 0
	for r.need&^r.found != 0 {
		p := pairAt(line, at)
		if p.next < 0 {
			return
		}
		at = p.next
		if p.value == nil || r.lengths>>(len(p.key)&63)&1 == 0 {
			continue
		}
		for i := range r.wants {
			if r.wants[i].key == string(p.key) {
				r.set(i, p.value, p.quoted && bytes.IndexByte(p.value, '\\') >= 0)
			}
		}
	}
}

// pair is one word of logfmt.
type pair struct {
	key    []byte
	value  []byte // nil when there is no =
	quoted bool
	next   int // where the line goes on; -1 when there was no word
}

// pairAt reads the next word of a line from a place on. A comma may end a value, as
// where the pairs are a list.
func pairAt(line []byte, at int) pair {
	for at < len(line) && isSpace(line[at]) {
		at++
	}
	if at >= len(line) {
		return pair{next: -1}
	}
	start := at
	for ; at < len(line) && line[at] != '=' && line[at] > ' '; at++ {
		if line[at] == '"' { // a quoted word, which is no key
			if end := stringEnd(line, at); end > 0 {
				at = end - 1
			}
		}
	}
	p := pair{key: line[start:at], next: at}
	if at == len(line) || line[at] != '=' {
		p.next = max(at, start+1) // a control character is a word of its own
		return p
	}
	at++
	if at < len(line) && line[at] == '"' {
		if end := stringEnd(line, at); end > 0 {
			p.value, p.quoted, p.next = line[at+1:end-1], true, end
			return p
		}
	}
	end := len(line)
	if n := bytes.IndexByte(line[at:], ' '); n >= 0 {
		end = at + n
	}
	p.next = end
	for end > at && isSpace(line[end-1]) {
		end--
	}
	p.value = line[at:end:end]
	return p
}

// isName says whether a text can be the name of a field.
func isName(text []byte) bool {
	for i, c := range text {
		switch {
		case isLetter(c), c == '_', c == '@', c >= 0x80:
		case i > 0 && (isDigit(c) || c == '.' || c == '-' || c == '/' || c == '[' || c == ']' || c == '$'):
		default:
			return false
		}
	}
	return len(text) > 0
}
