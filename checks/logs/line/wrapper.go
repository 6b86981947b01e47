package line

import (
	"bytes"
	"sync"
)

// wrapper is a format that has lines of another one in its own.
type wrapper struct {
	outer   string
	guessed bool // the inner format was not given, and is told for each line
	inner   grammar
	// open gives the inner line; nil when there is none.
	open  func(line []byte, scratch *[]byte) []byte
	lines sync.Pool // of memory for inner lines
}

// newDocker is the format of Docker's json-file: {"log":"text\n","stream":"stdout",
// "time":"2024-01-02T15:04:05.123456789Z"}.
func newDocker(inner grammar) *wrapper { return newWrapper("docker", inner, openDocker) }

// newCRI is the format of Kubernetes' container runtimes:
// 2024-01-02T15:04:05.123456789Z stdout F text.
func newCRI(inner grammar) *wrapper { return newWrapper("cri", inner, openCRI) }

func newWrapper(outer string, inner grammar, open func([]byte, *[]byte) []byte) *wrapper {
	_, guessed := inner.(*guesser)
	w := &wrapper{outer: outer, inner: inner, guessed: guessed, open: open}
	w.lines.New = func() any { return new([]byte) } // sync.Pool's type
	return w
}

// around gives the same wrapper of another inner format.
func (g *wrapper) around(inner grammar) *wrapper { return newWrapper(g.outer, inner, g.open) }

func (g *wrapper) name() string {
	if g.guessed {
		return g.outer
	}
	return g.inner.name() + " in " + g.outer
}

func (g *wrapper) fits(line []byte) bool {
	scratch := g.lines.Get().(*[]byte)
	*scratch = (*scratch)[:0]
	fits := g.open(line, scratch) != nil
	g.lines.Put(scratch)
	return fits
}

func (g *wrapper) level(line []byte) Level {
	scratch := g.lines.Get().(*[]byte)
	*scratch = (*scratch)[:0]
	l := g.inner.level(g.within(line, scratch))
	g.lines.Put(scratch)
	return l
}

func (g *wrapper) message(line []byte, scratch *[]byte) []byte {
	return g.inner.message(g.within(line, scratch), scratch)
}

func (g *wrapper) continues(line []byte) bool {
	scratch := g.lines.Get().(*[]byte)
	*scratch = (*scratch)[:0]
	inner := g.open(line, scratch)
	continues := inner == nil || g.inner.continues(inner)
	g.lines.Put(scratch)
	return continues
}

func (g *wrapper) learn(sample [][]byte) grammar {
	var inner [][]byte
	for _, line := range sample {
		var scratch []byte
		if text := g.open(line, &scratch); text != nil {
			inner = append(inner, text)
		}
	}
	if g.guessed {
		return g.around(Detect(inner).get())
	}
	return g.around(g.inner.learn(inner))
}

func (g *wrapper) reader(names []string) (reader, error) {
	inner, err := g.inner.reader(names)
	if err != nil {
		return nil, err
	}
	return &wrapperReader{g, inner}, nil
}

type wrapperReader struct {
	wrapper *wrapper
	inner   reader
}

func (r *wrapperReader) clone() reader { return &wrapperReader{r.wrapper, r.inner.clone()} }

func (r *wrapperReader) read(line []byte, values [][]byte, scratch *[]byte) {
	r.inner.read(r.wrapper.within(line, scratch), values, scratch)
}

// within gives the inner line; of a line that has none, the line itself.
func (g *wrapper) within(line []byte, scratch *[]byte) []byte {
	if inner := g.open(line, scratch); inner != nil {
		return inner
	}
	return line
}

// openDocker asks for log as the first member, as Docker writes it.
func openDocker(line []byte, scratch *[]byte) []byte {
	const start = `{"log":"`
	if !bytes.HasPrefix(line, []byte(start)) {
		return nil
	}
	text, next := stringAt(line, len(start)-1)
	if next < 0 || !bytes.Contains(line[next:], []byte(`"time":"`)) && !bytes.Contains(line[next:], []byte(`"stream":"`)) {
		return nil
	}
	text = bytes.TrimSuffix(text, []byte(`\n`))
	return bytes.TrimSuffix(plainText(text, scratch), []byte("\r"))
}

func openCRI(line []byte, _ *[]byte) []byte {
	n := dateAt(line)
	if n == 0 || line[n] != 'T' {
		return nil
	}
	clock := clockAt(line[n+1:], 1)
	if clock == 0 {
		return nil
	}
	at := n + 1 + clock
	rest := line[at:]
	if !bytes.HasPrefix(rest, []byte(" stdout ")) && !bytes.HasPrefix(rest, []byte(" stderr ")) {
		return nil
	}
	rest = rest[len(" stdout "):]
	if len(rest) < 1 || rest[0] != 'F' && rest[0] != 'P' || len(rest) > 1 && rest[1] != ' ' && rest[1] != ':' {
		return nil
	}
	if n := bytes.IndexByte(rest, ' '); n >= 0 {
		return rest[n+1:]
	}
	return rest[len(rest):]
}
