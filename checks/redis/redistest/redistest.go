// Package redistest starts a real Redis server for tests.
package redistest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

// Server is a Redis server of its own port and folder, until its test ends.
type Server struct {
	*checktest.Server

	// Address is its host and port, Port the port alone. With TLS they are those
	// of TLS.
	Address string
	Port    int
	// Dir is its folder, for what it saves.
	Dir string

	password string
}

// Start starts a server that saves nothing, keeps to 127.0.0.1, and takes these
// lines of redis.conf beside, in which $port is its port. Of several for one
// setting the last holds.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := &Server{Port: checktest.FreePort(t), Dir: t.TempDir()}
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	lines := append([]string{
		"bind 127.0.0.1", fmt.Sprintf("port %d", s.Port), "dir " + s.Dir, `save ""`, "daemonize no", "appendonly no",
		"enable-debug-command local", // DEBUG SLEEP stands for a slow command
	}, settings...)
	for _, line := range settings {
		switch name, value, _ := strings.Cut(line, " "); name {
		case "requirepass":
			s.password = value
		case "cluster-enabled": // else it takes the port plus 10000, which may be a client's
			lines = append(lines, fmt.Sprintf("cluster-port %d", checktest.FreePort(t)))
		}
	}
	path := filepath.Join(s.Dir, "redis.conf")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "$port", strconv.Itoa(s.Port))), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Server = checktest.Start(t, checktest.Program{Argv: []string{"redis-server", path}, Dir: s.Dir, Ready: checktest.Listens(s.Port)})
	return s
}

// Client is a connection to a server on which a test does what it wants.
type Client struct {
	conn net.Conn
	in   *bufio.Reader
}

// Client connects, with the password if there is one. It is closed when the test ends.
func (s *Server) Client(t testing.TB) *Client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.Address, 10*time.Second) //nolint:noctx // it has a timeout
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &Client{conn, bufio.NewReader(conn)}
	if s.password != "" {
		c.Do(t, "AUTH", s.password)
	}
	return c
}

// Send sends commands and reads no answer.
func (c *Client) Send(argv ...string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(argv))
	for _, arg := range argv {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	_, err := c.conn.Write([]byte(b.String()))
	return err
}

// Do sends a command and gives the first line of the answer, or its text when it
// is one. An error fails the test; lists are not for it.
func (c *Client) Do(t testing.TB, argv ...string) string {
	t.Helper()
	answer, err := c.Try(argv...)
	if err != nil || strings.HasPrefix(answer, "-") {
		t.Fatalf("%s: %v %s", argv[0], err, answer)
	}
	return answer
}

// Try is Do for whoever is not the test, or expects to fail.
func (c *Client) Try(argv ...string) (string, error) {
	if err := c.Send(argv...); err != nil {
		return "", err
	}
	line, err := c.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	length, isText := strings.CutPrefix(line, "$")
	if !isText || length == "-1" {
		return line, nil
	}
	n, err := strconv.Atoi(length)
	if err != nil {
		return "", err
	}
	text := make([]byte, 0, n+2)
	for len(text) < n+2 {
		part := make([]byte, n+2-len(text))
		got, err := c.in.Read(part)
		if err != nil {
			return "", err
		}
		text = append(text, part[:got]...)
	}
	return string(text[:n]), nil
}

// Info gives a field of INFO.
func (c *Client) Info(t testing.TB, field string) string {
	t.Helper()
	for line := range strings.Lines(c.Do(t, "INFO", "all")) {
		if value, found := strings.CutPrefix(line, field+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Repeat does a command again and again on a connection of its own until the
// test ends.
func (s *Server) Repeat(t testing.TB, argv ...string) {
	t.Helper()
	c := s.Client(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := c.Try(argv...); err != nil {
				return // the connection is closed
			}
		}
	}()
	t.Cleanup(func() {
		c.conn.Close()
		<-done
	})
}

// WaitFor asks until a field of INFO is as wanted.
func (c *Client) WaitFor(t testing.TB, field string, wanted func(value string) bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		value := c.Info(t, field)
		if wanted(value) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still %q", field, value)
		}
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // between two looks at what is waited for
	}
}
