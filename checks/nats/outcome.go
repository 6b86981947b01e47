package nats

import (
	"errors"
	"strings"

	"gumshoe/checks/reach"
)

// failed sets the outcome from an error of the connection, or of what was said on
// it. Its own error is a fault of our own host.
func (l *look) failed(err error) error {
	var strange *protocolError
	var said *serverError
	var blind error
	switch {
	case errors.As(err, &said):
		l.Outcome, l.Error = rejection(said.said), reach.Printable(said.said)
	case errors.As(err, &strange):
		l.Outcome, l.Error = reach.ProtocolError, reach.Printable(strange.what)
	default:
		l.Outcome, l.Error, blind = reach.SessionFailure(err)
	}
	return blind
}

// rejection tells the outcome from the server's error.
func rejection(said string) reach.Outcome {
	said = strings.ToLower(said)
	for _, known := range []struct {
		part    string
		outcome reach.Outcome
	}{
		{"maximum connections exceeded", reach.TooManyConnections},
		{"maximum account active connections", reach.TooManyConnections},
		{"authorization", reach.AuthFailed}, // violation, timeout
		{"authentication", reach.AuthFailed},
		{"secure connection", TLSRequired},
	} {
		if strings.Contains(said, known.part) {
			return known.outcome
		}
	}
	return Rejected
}
