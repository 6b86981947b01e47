package redis

import (
	"context"
	"errors"
	"net"
	"strings"

	official "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"gumshoe/checks/reach"
)

// kind tells what sort of value a reply is.
type kind int

const (
	textReply kind = iota
	errorReply
	integerReply
	arrayReply
)

// reply is the answer to a command. A null is an empty text.
type reply struct {
	kind    kind
	text    string // of a text or an error
	integer int64
	list    []reply
}

// code is the first word of an error: NOAUTH, LOADING, ERR; "" when it is none.
func (r reply) code() string {
	if r.kind != errorReply {
		return ""
	}
	code, _, _ := strings.Cut(r.text, " ")
	return code
}

// protocolError is about a peer that does not speak the protocol.
type protocolError struct{ what string }

func (e *protocolError) Error() string { return e.what }

// session is a connection on which commands are sent and answered.
type session struct {
	guard  *guard
	client *official.Client
	conn   *official.Conn
}

// newSession speaks with a server, by the official client, on a connection and on
// no other: nothing is tried again, nothing runs beside, and deadlines are the
// connection's own.
func newSession(conn net.Conn) *session {
	s := &session{guard: &guard{Conn: conn}}
	used := false
	s.client = official.NewClient(&official.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			if used {
				return nil, errors.New("there is one connection for one look")
			}
			used = true
			return s.guard, nil
		},
		Protocol: 2, PoolSize: 1, PipelinePoolSize: -1, MaxRetries: -1, DialerRetries: 1, ReadTimeout: -2, WriteTimeout: -2,
		DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	s.conn = s.client.Conn()
	return s
}

// close gives up what the client holds.
func (s *session) close() {
	_ = s.conn.Close() // they close the connection, which has nothing more to say
	_ = s.client.Close()
}

// do sends commands all at once, which the server carries out without a pause, and
// reads as many replies. Those that were read come with the error.
func (s *session) do(ctx context.Context, commands ...[]string) ([]reply, error) {
	pipeline := s.conn.Pipeline()
	sent := make([]*official.Cmd, len(commands))
	for i, argv := range commands {
		words := make([]any, len(argv))
		for j, word := range argv {
			words[j] = word
		}
		sent[i] = pipeline.Do(ctx, words...)
	}
	_, err := pipeline.Exec(ctx)
	if s.guard.away != "" { // before it was asked anything, and then it closes
		return []reply{{kind: errorReply, text: s.guard.away}}, nil
	}
	var replies []reply
	for _, command := range sent {
		r, answered := replyOf(command)
		if !answered {
			return replies, s.failure(err)
		}
		replies = append(replies, r)
	}
	return replies, nil
}

// failure tells why there is no reply: what the guard saw says more than what the
// client makes of it.
func (s *session) failure(err error) error {
	switch {
	case s.guard.fault != nil:
		return s.guard.fault
	case s.guard.ended != nil:
		return s.guard.ended
	case err == nil:
		err = errors.New("it does not answer as Redis does")
	}
	return &protocolError{reach.Printable(err.Error())}
}

// replyOf gives the answer to a command, if there was one.
func replyOf(command *official.Cmd) (r reply, answered bool) {
	value, err := command.Result()
	var said official.Error
	switch {
	case errors.Is(err, official.Nil):
		return reply{}, true
	case errors.As(err, &said):
		return reply{kind: errorReply, text: said.Error()}, true
	case err != nil:
		return reply{}, false
	}
	return valueOf(value), true
}

func valueOf(value any) reply {
	switch v := value.(type) {
	case string:
		return reply{text: v}
	case int64:
		return reply{kind: integerReply, integer: v}
	case []any:
		list := make([]reply, len(v))
		for i, element := range v {
			list[i] = valueOf(element)
		}
		return reply{kind: arrayReply, list: list}
	case error:
		return reply{kind: errorReply, text: v.Error()}
	}
	return reply{} // a null
}
