package probe

import (
	"net"
	"strings"
	"sync"
)

// heardConn is a connection that remembers how its peer began, and leaves it to
// the reads to tell that it has gone: what it said before that would be lost when
// a write found it out first.
type heardConn struct {
	net.Conn

	mu    sync.Mutex
	start []byte
}

// heardBytes are enough to tell a protocol by: the header of a frame of HTTP/2, or
// the first words of another.
const heardBytes = 40

func (c *heardConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.start = append(c.start, p[:min(n, heardBytes-len(c.start))]...)
	c.mu.Unlock()
	return n, err
}

func (c *heardConn) Write(p []byte) (int, error) {
	if n, err := c.Conn.Write(p); err == nil {
		return n, nil
	}
	return len(p), nil
}

// strange says in what other way than HTTP/2 the peer began; "" when it began
// with the settings, as a server of HTTP/2 does (RFC 9113, 3.4), or said nothing.
func (c *heardConn) strange() string {
	const frameHeader, settingsFrame = 9, 4
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.start) == 0, len(c.start) >= frameHeader && c.start[3] == settingsFrame:
		return ""
	case strings.HasPrefix(string(c.start), "HTTP/1"):
		return "it speaks HTTP/1, and gRPC needs HTTP/2"
	}
	return "it does not speak HTTP/2: it begins with " + quoteStart(c.start)
}
