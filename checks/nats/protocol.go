package nats

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gumshoe/checks/reach"
)

// The protocol of NATS is spoken here, and not by its client library: a peer that
// announces a message of 9 exabytes ends any program that uses it.

// Bounds of what a server may send: a line, of which the greeting with the
// addresses of a large cluster is the longest, and a message.
const (
	maxLine    = 1 << 20
	maxMessage = 16 << 20
)

// greeting is what a server says of itself in INFO.
type greeting struct {
	Name        string `json:"server_name"`
	Version     string `json:"version"`
	Cluster     string `json:"cluster"`
	MaxPayload  int64  `json:"max_payload"`
	Headers     bool   `json:"headers"`
	JetStream   bool   `json:"jetstream"`
	Nonce       string `json:"nonce"`
	LameDuck    bool   `json:"ldm"`
	TLSRequired bool   `json:"tls_required"`
	TLSOffered  bool   `json:"tls_available"`
}

// message is what came for a subscription.
type message struct {
	subject string
	status  string // 503 when nobody answers; "" for most
	data    []byte
}

// protocolError is about a peer that does not speak the protocol.
type protocolError struct{ what string }

func (e *protocolError) Error() string { return e.what }

// serverError is an error that the server sent.
type serverError struct{ said string }

func (e *serverError) Error() string { return e.said }

// session is a connection to a server.
type session struct {
	out  io.Writer
	in   *bufio.Reader
	info greeting
	// last is the last error that the server sent without ending the connection: that
	// something is not permitted.
	last string
}

func newSession(conn io.ReadWriter) *session {
	return &session{out: conn, in: bufio.NewReaderSize(conn, 32<<10)}
}

func (s *session) send(text string) error {
	_, err := io.WriteString(s.out, text)
	return err
}

// greet reads the server's greeting.
func (s *session) greet() error {
	op, rest, err := s.line()
	switch {
	case err != nil:
		return err
	case op == "-ERR":
		return &serverError{unquote(rest)}
	case op != "INFO":
		return strangeStart(op + " " + rest)
	}
	return s.inform(rest)
}

func (s *session) inform(text string) error {
	var info greeting
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		return &protocolError{"its greeting is not JSON: " + err.Error()}
	}
	nonce := s.info.Nonce
	s.info = info
	if s.info.Nonce == "" {
		s.info.Nonce = nonce
	}
	return nil
}

// pong reads up to the answer to PING. What comes before it is dealt with.
func (s *session) pong() error {
	for {
		m, op, err := s.next()
		if err != nil || op == "PONG" {
			return err
		}
		_ = m // an answer that nobody waits for any more
	}
}

// next reads one thing that the server sends. An error that does not end the
// connection is kept in last.
func (s *session) next() (*message, string, error) {
	op, rest, err := s.line()
	if err != nil {
		return nil, "", err
	}
	switch op {
	case "PONG", "+OK":
		return nil, op, nil
	case "PING":
		return nil, op, s.send("PONG\r\n")
	case "INFO":
		return nil, op, s.inform(rest)
	case "-ERR":
		said := unquote(rest)
		if strings.HasPrefix(strings.ToLower(said), "permissions violation") {
			s.last = said
			return nil, op, nil
		}
		return nil, op, &serverError{said}
	case "MSG", "HMSG":
		m, err := s.message(op == "HMSG", strings.Fields(rest))
		return m, op, err
	}
	return nil, "", strangeStart(op + " " + rest)
}

// message reads what follows the line: subject, subscription, where to answer,
// with headers how long these are, and how long all is.
func (s *session) message(headers bool, words []string) (*message, error) {
	few := 3
	if headers {
		few = 4
	}
	if len(words) != few && len(words) != few+1 {
		return nil, &protocolError{"it sends a message without its length"}
	}
	size, err := strconv.Atoi(words[len(words)-1])
	head := 0
	if err == nil && headers {
		head, err = strconv.Atoi(words[len(words)-2])
	}
	if err != nil || size < 0 || head < 0 || head > size {
		return nil, &protocolError{"it sends a message without its length"}
	}
	if size > maxMessage {
		return nil, &protocolError{fmt.Sprintf("it sends a message of more than %d MiB", maxMessage>>20)}
	}
	data := make([]byte, size+2)
	if _, err := io.ReadFull(s.in, data); err != nil {
		return nil, err
	}
	if string(data[size:]) != "\r\n" {
		return nil, &protocolError{"its message is longer than it says"}
	}
	m := &message{subject: words[0], data: data[head:size]}
	if first, _, _ := strings.Cut(string(data[:head]), "\r\n"); headers {
		m.status = strings.TrimSpace(strings.TrimPrefix(first, "NATS/1.0"))
	}
	return m, nil
}

// line reads a line and gives its first word and the rest.
func (s *session) line() (op, rest string, _ error) {
	var line []byte
	for {
		part, err := s.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			text := strings.TrimRight(string(line), "\r\n")
			op, rest, _ = strings.Cut(text, " ")
			return strings.ToUpper(op), strings.TrimSpace(rest), nil
		case len(line) > maxLine:
			return "", "", &protocolError{fmt.Sprintf("it sends a line of more than %d MiB", maxLine>>20)}
		case !errors.Is(err, bufio.ErrBufferFull):
			if len(line) > 0 && reach.IsClosed(err) {
				return "", "", strangeStart(string(line))
			}
			return "", "", err
		}
	}
}

// unquote gives the text of an error.
func unquote(text string) string { return strings.Trim(text, "' ") }

// strangeStart is about something that no NATS server says.
func strangeStart(said string) error {
	if strings.HasPrefix(said, "\x15\x03") {
		return &protocolError{"it speaks TLS from the first byte: set tls to first"}
	}
	return &protocolError{fmt.Sprintf("it does not speak the protocol of NATS: it says %q", reach.Printable(reach.Clip(strings.TrimSpace(said), 40)))}
}
