// Package natstest starts a real NATS server for tests: in a process of its own,
// so that it can be stopped, paused and killed.
//
// The process is the test's own program, which has to know that: its TestMain, or
// its list of tasks, calls Serve when GUMSHOE_TEST_TASK is Task.
package natstest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"gumshoe/checks/checktest"
)

// Task is what GUMSHOE_TEST_TASK says to a process that is to be a server.
const Task = "nats-server"

// Serve runs a server with a configuration file until the process ends.
func Serve(config string) {
	options, err := server.ProcessConfigFile(config)
	if err == nil {
		options.NoSigs = false
		var s *server.Server
		if s, err = server.NewServer(options); err == nil {
			s.ConfigureLogger()
			s.Start()
			s.WaitForShutdown()
			return
		}
	}
	panic(err) // the test shows it
}

// Server is a NATS server of its own ports and folder, until its test ends.
type Server struct {
	*checktest.Server

	// Address is the host and port for clients, Monitor the URL of the monitoring port.
	Address, Monitor string
	Port             int
	// Dir is its folder, for JetStream.
	Dir string
}

// Start starts a server on 127.0.0.1 with a monitoring port, JetStream in its own
// folder, and these lines of configuration beside. A line that begins with
// jetstream takes its place.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := &Server{Port: checktest.FreePort(t), Dir: t.TempDir()}
	monitor := checktest.FreePort(t)
	s.Address, s.Monitor = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), fmt.Sprintf("http://127.0.0.1:%d", monitor)
	lines := []string{fmt.Sprintf("server_name: test-%d", s.Port), fmt.Sprintf("listen: %q", s.Address), fmt.Sprintf("http: \"127.0.0.1:%d\"", monitor)}
	jetstream := fmt.Sprintf("jetstream: { store_dir: %q, max_mem: 64M, max_file: 256M }", s.Dir)
	for _, line := range settings {
		if strings.HasPrefix(line, "jetstream") {
			jetstream = line
			continue
		}
		if strings.HasPrefix(line, "server_name") {
			lines[0] = line
			continue
		}
		lines = append(lines, line)
	}
	path := filepath.Join(s.Dir, "nats.conf")
	if err := os.WriteFile(path, []byte(strings.Join(append(lines, jetstream), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Server = checktest.Start(t, checktest.Program{
		Argv: []string{os.Args[0], path}, Env: []string{"GUMSHOE_TEST_TASK=" + Task}, Dir: s.Dir,
		Ready: func() error {
			if err := checktest.Listens(s.Port)(); err != nil {
				return err
			}
			return alone(s.Monitor)
		},
	})
	return s
}

// alone tells whether a server has no clients: that which asked whether it listens
// counts until the server has seen it go.
func alone(monitor string) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(monitor + "/varz") //nolint:noctx // it has a timeout
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var said struct {
		Connections int `json:"connections"`
	}
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
		return err
	}
	if said.Connections > 0 {
		return fmt.Errorf("it has %d clients", said.Connections)
	}
	return nil
}

// Client is a connection on which a test does what it wants.
type Client struct {
	conn net.Conn
	in   *bufio.Reader
	n    int
}

// Client connects and logs in with what options add to CONNECT, such as
// `"user":"a","pass":"b"`. It is closed when the test ends.
func (s *Server) Client(t testing.TB, options ...string) *Client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.Address, 10*time.Second) //nolint:noctx // it has a timeout
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &Client{conn: conn, in: bufio.NewReader(conn)}
	said := strings.Join(append([]string{`"verbose":false,"headers":true,"no_responders":true`}, options...), ",")
	c.Send(t, "CONNECT {"+said+"}\r\nPING\r\n")
	c.await(t, "PONG")
	return c
}

// Send sends lines of the protocol as they are.
func (c *Client) Send(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		t.Fatal(err)
	}
}

// Flush waits until the server has seen all that was sent.
func (c *Client) Flush(t testing.TB) {
	t.Helper()
	c.Send(t, "PING\r\n")
	c.await(t, "PONG")
}

// await reads up to a line that begins so, and gives it.
func (c *Client) await(t testing.TB, start string) string {
	t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			t.Fatalf("waiting for %s: %v", start, err)
		}
		switch {
		case strings.HasPrefix(line, start):
			return strings.TrimSpace(line)
		case strings.HasPrefix(line, "-ERR"):
			t.Fatal(line)
		case strings.HasPrefix(line, "PING"):
			c.Send(t, "PONG\r\n")
		}
	}
}

// Publish sends so many messages of a size, without waiting for an answer.
func (c *Client) Publish(t testing.TB, subject string, count, size int) {
	t.Helper()
	one := fmt.Sprintf("PUB %s %d\r\n%s\r\n", subject, size, strings.Repeat("x", size))
	c.Send(t, strings.Repeat(one, count))
	c.Flush(t)
}

// Request asks and gives the answer; one of JetStream that is an error fails the test.
func (c *Client) Request(t testing.TB, subject string, body any) string {
	t.Helper()
	text := ""
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(encoded)
	}
	c.n++
	inbox := fmt.Sprintf("_INBOX.test%p.%d", c, c.n)
	c.Send(t, fmt.Sprintf("SUB %s %d\r\nUNSUB %d 1\r\nPUB %s %s %d\r\n%s\r\n", inbox, c.n, c.n, subject, inbox, len(text), text))
	words := strings.Fields(c.await(t, "MSG ")) // of this subscription: there is no other
	if len(words) < 4 || words[2] != strconv.Itoa(c.n) {
		t.Fatalf("%s: %v is for another subscription", subject, words)
	}
	size, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, size+2)
	if _, err := io.ReadFull(c.in, answer); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(answer), `"error":{`) {
		t.Fatalf("%s: %s", subject, answer)
	}
	return string(answer[:size])
}

// Stream creates a stream of these subjects; more is added to its configuration.
func (c *Client) Stream(t testing.TB, name string, subjects []string, more map[string]any) {
	t.Helper()
	config := map[string]any{"name": name, "subjects": subjects, "storage": "file", "retention": "limits", "num_replicas": 1}
	maps.Copy(config, more)
	c.Request(t, "$JS.API.STREAM.CREATE."+name, config)
}

// Consumer creates a durable pull consumer; more is added to its configuration.
func (c *Client) Consumer(t testing.TB, stream, name string, more map[string]any) {
	t.Helper()
	config := map[string]any{"durable_name": name, "ack_policy": "explicit", "deliver_policy": "all"}
	maps.Copy(config, more)
	c.Request(t, "$JS.API.CONSUMER.DURABLE.CREATE."+stream+"."+name, map[string]any{"stream_name": stream, "config": config})
}

// Take has a pull consumer deliver one message, which is not acknowledged.
func (c *Client) Take(t testing.TB, stream, consumer string) {
	t.Helper()
	c.Request(t, "$JS.API.CONSUMER.MSG.NEXT."+stream+"."+consumer, map[string]any{"batch": 1})
}
