package mongodb

import (
	"errors"
	"strings"

	"gumshoe/checks/reach"
)

// Numbers of errors, from MongoDB's error_codes.yml.
const (
	codeUnauthorized   = 13
	codeAuthFailed     = 18
	codeNoSuchCommand  = 59
	codeNoReplication  = 76
	codeNotInitialized = 94
	codeNeedsAuth      = 8000 // of Atlas
	codeTimeLimit      = 50
)

// failed sets the outcome from an error. Its error is a fault of our own host.
func (l *look) failed(err error) error {
	if answer, is := errors.AsType[*commandError](err); is {
		l.Outcome, l.ErrorCode, l.Error = rejection(answer), answer.code, reach.Printable(answer.text)
		return nil
	}
	if errors.Is(err, errStrange) {
		l.Outcome, l.Error = reach.ProtocolError, reach.Printable(err.Error())
		return nil
	}
	outcome, text, blind := reach.SessionFailure(err)
	l.Outcome = outcome
	if text != "" { // what was said before stays
		l.Error = text
	}
	return blind
}

// rejection tells the outcome from the server's error.
func rejection(answer *commandError) reach.Outcome {
	switch answer.code {
	case codeAuthFailed, codeNeedsAuth, 11, 334: // no such user; a mechanism that is not there
		return reach.AuthFailed
	case codeUnauthorized:
		return reach.NoPermission
	case 91, 11600, 11602, 13436, 189, 10107, 10058, 13435:
		// in shutdown, interrupted by it or by a change of state, recovering, stepped down
		return NotReady
	}
	return Rejected
}

// why tells why there is no answer, and what would help.
func (l *look) why(err error, grant string) (reason, fix string) {
	var answer *commandError
	if !errors.As(err, &answer) {
		l.blind = errors.Join(l.blind, l.failed(err))
		l.gone = "the server stopped answering: " + l.Outcome.Words()
		return l.gone, ""
	}
	switch answer.code {
	case codeUnauthorized, codeNeedsAuth:
		l.denied = true
		user := l.in.User
		if user == "" {
			return "the user may not see it: " + reach.Printable(answer.text), "log in as a user with the role clusterMonitor"
		}
		return "the user may not see it: " + reach.Printable(answer.text), strings.ReplaceAll(grant, "USER", user)
	case codeTimeLimit:
		return "the server took longer than 2 seconds to tell", ""
	}
	return "the server does not tell it: " + reach.Printable(answer.text), ""
}
