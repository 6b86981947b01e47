package redis

import (
	"errors"
	"strings"

	"gumshoe/checks/reach"
)

// rejected sets the outcome from an answer that is an error.
func (l *look) rejected(r reply) { l.Outcome, l.Error = rejection(r), reach.Printable(r.text) }

// failed sets the outcome from an error of the connection, or of what was said on
// it. Its own error is a fault of our own host.
func (l *look) failed(err error) error {
	if strange, is := errors.AsType[*protocolError](err); is {
		l.Outcome, l.Error = reach.ProtocolError, reach.Printable(strange.what)
		return nil
	}
	var blind error
	l.Outcome, l.Error, blind = reach.SessionFailure(err)
	return blind
}

// rejection tells the outcome from the server's error.
func rejection(r reply) reach.Outcome {
	switch r.code() {
	case "NOAUTH", "WRONGPASS":
		return reach.AuthFailed
	case "NOPERM":
		return reach.NoPermission
	case "LOADING":
		return Loading
	case "BUSY":
		return Busy
	case "MASTERDOWN":
		return MasterDown
	case "MISCONF":
		return Misconf
	case "DENIED":
		return ProtectedMode
	}
	text := strings.ToLower(r.text)
	for _, known := range []struct {
		part    string
		outcome reach.Outcome
	}{
		{"max number of clients", reach.TooManyConnections},
		{"invalid password", reach.AuthFailed}, // before Redis 6
		{"no password is set", reach.AuthFailed},
		{"without any password configured", reach.AuthFailed},
		{"operation not permitted", reach.AuthFailed}, // before Redis 2.8
	} {
		if strings.Contains(text, known.part) {
			return known.outcome
		}
	}
	return Rejected
}
