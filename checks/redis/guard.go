package redis

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"gumshoe/checks/reach"
)

// Bounds of one reply. The largest asked for is INFO, some 100 KiB.
const (
	maxLine     = 64 << 10
	maxBulk     = 4 << 20
	maxElements = 20_000
	maxDepth    = 8
)

// guard is a connection whose other side can say nothing that is too much for the
// client library, which allocates whatever length is announced: it reads along. It
// remembers what the library forgets: how the connection ended, and the words with
// which a server turns a client away before it was asked.
type guard struct {
	net.Conn

	fault *protocolError // in what was read
	ended error          // of the connection
	away  string         // "" when we were not turned away

	line    []byte // the beginning of one that is not complete
	skip    int    // bytes of a text that are still to come
	open    []int  // elements that are still to come, of lists within each other
	replied bool   // a whole reply was read
	inReply bool

	bytes, elements int // that the reply may still hold
}

// Read reads what the library gets to see.
func (g *guard) Read(p []byte) (int, error) {
	switch {
	case g.fault != nil:
		return 0, g.fault
	case g.away != "":
		return 0, io.EOF // there is nothing to wait for
	}
	n, err := g.Conn.Read(p)
	if g.fault = g.follow(p[:n]); g.fault != nil {
		return 0, g.fault
	}
	if err != nil && g.ended == nil {
		g.ended = err
	}
	return n, err
}

// Write writes, and remembers why it could not. Replies are read all the same: a
// server that turns a client away says why before it closes.
func (g *guard) Write(p []byte) (int, error) {
	n, err := g.Conn.Write(p)
	if err != nil {
		g.ended = err
		return len(p), nil //nolint:nilerr // it is told when the reply is read
	}
	return n, nil
}

// follow reads replies along (https://redis.io/docs/latest/develop/reference/protocol-spec/).
func (g *guard) follow(p []byte) *protocolError {
	for len(p) > 0 {
		if g.skip > 0 {
			n := min(g.skip, len(p))
			p, g.skip = p[n:], g.skip-n
			if g.skip == 0 {
				g.done()
			}
			continue
		}
		if len(g.line) == 0 && !strings.ContainsRune("+-:$*", rune(p[0])) {
			return strangeStart(string(p[:min(40, len(p))]))
		}
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			end = len(p) - 1
		}
		if len(g.line)+end+1 > maxLine {
			return &protocolError{fmt.Sprintf("it sends a line of more than %d KiB", maxLine>>10)}
		}
		g.line = append(g.line, p[:end+1]...)
		whole := p[end] == '\n'
		p = p[end+1:]
		if !whole {
			return nil
		}
		line := strings.TrimSuffix(string(g.line[:len(g.line)-1]), "\r")
		g.line = g.line[:0]
		if fault := g.header(line); fault != nil {
			return fault
		}
	}
	return nil
}

// header takes the line with which a value begins.
func (g *guard) header(line string) *protocolError {
	if !g.inReply {
		g.inReply, g.bytes, g.elements = true, maxBulk, maxElements
	}
	g.elements--
	if g.elements < 0 {
		return tooManyParts()
	}
	if line[0] == '+' || line[0] == '-' || line[0] == ':' {
		if r := (reply{kind: errorReply, text: line[1:]}); line[0] == '-' && !g.replied && len(g.open) == 0 {
			if outcome := rejection(r); outcome == reach.TooManyConnections || outcome == ProtectedMode {
				g.away = r.text
			}
		}
		g.done()
		return nil
	}
	n, err := strconv.Atoi(line[1:])
	switch {
	case err != nil && strings.Trim(line[1:], "0123456789") != "" || n < -1:
		return strangeStart(line)
	case line[0] == '$' && (err != nil || n > g.bytes):
		return &protocolError{fmt.Sprintf("its reply has more than %d MiB", maxBulk>>20)}
	case line[0] == '*' && (err != nil || n > g.elements || len(g.open) >= maxDepth):
		return tooManyParts()
	case n <= 0 && line[0] == '*', n < 0:
		g.done()
	case line[0] == '$':
		g.bytes, g.skip = g.bytes-n, n+len("\r\n")
	default:
		g.open = append(g.open, n)
	}
	return nil
}

// done ends a value, and the lists of which it was the last.
func (g *guard) done() {
	for len(g.open) > 0 {
		last := len(g.open) - 1
		g.open[last]--
		if g.open[last] > 0 {
			return
		}
		g.open = g.open[:last]
	}
	g.replied, g.inReply = true, false
}

func tooManyParts() *protocolError {
	return &protocolError{fmt.Sprintf("its reply has more than %d parts, or too many within each other", maxElements)}
}

// strangeStart is about a reply that does not begin as one of Redis does.
func strangeStart(said string) *protocolError {
	if strings.HasPrefix(said, "\x15\x03") {
		return &protocolError{"it speaks TLS: set tls to on"}
	}
	said, _, _ = strings.Cut(strings.TrimRight(said, "\r\n\x00"), "\n")
	return &protocolError{fmt.Sprintf("it does not speak the protocol of Redis: it begins with %q", reach.Printable(reach.Clip(said, 40)))}
}
