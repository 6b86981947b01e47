// Package reach connects to targets for the checks that look at a service from
// outside, and tells what came of it. What the target does, and what the network
// or the name service on the way does, is an Outcome; an error is only what our
// own host or policy does not let us try.
//
// Every connection goes through an AllowList, which is asked again about the
// very address that is being connected to. A client library is given a
// Dialer.DialContext, so that it goes the same way.
package reach

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"gumshoe/engine"
)

// Outcome is how an attempt to reach a target, or to talk to it, ended.
type Outcome string

// The ways in which an attempt to connect can end.
const (
	Connected    Outcome = "connected"
	RefusedByIt  Outcome = "refused"
	TimedOut     Outcome = "timed_out"
	Reset        Outcome = "reset"
	Unreachable  Outcome = "unreachable"
	NameNotFound Outcome = "name_not_found"
	NameFailed   Outcome = "name_failed"
)

// The ways in which talking to a target that was connected to can end, for the
// probes that speak its protocol. Each adds what only its protocol knows.
const (
	OK                 Outcome = "ok"
	Closed             Outcome = "closed"
	TLSFailed          Outcome = "tls_failed"
	ProtocolError      Outcome = "protocol_error"
	AuthFailed         Outcome = "auth_failed"
	NoPermission       Outcome = "no_permission"
	TooManyConnections Outcome = "too_many_connections"
)

// Words writes the outcome for a person: "timed out".
func (o Outcome) Words() string { return strings.ReplaceAll(string(o), "_", " ") }

// Rank tells how much the outcome of one attempt to connect says of the target:
// an answer from it more than silence, silence more than a missing route, as of
// IPv6. Of several attempts the one of the highest rank counts. It is 0 for what
// is no outcome of an attempt.
func (o Outcome) Rank() int {
	return slices.Index([]Outcome{Unreachable, TimedOut, Reset, RefusedByIt, Connected}, o) + 1
}

// OfTarget tells whether an outcome is a failure of the target that nobody could have
// asked more of, whoever it was and however they asked. What is left unseen by one
// was not asked for: engine.Call.NotAsked. By the others it is unread, since more
// might be seen with other rights, or inputs: a server sends away whom it does not
// know, and closes, resets or answers strangely when it is spoken to without the TLS
// or the login that it wants; and a name service that gives no answer says nothing
// of the target.
func (o Outcome) OfTarget() bool {
	return slices.Contains([]Outcome{RefusedByIt, TimedOut, Unreachable, NameNotFound, TooManyConnections}, o)
}

// Without marks fields that have no value since the target was not, or not fully,
// seen: as not asked for when that is the target's own failure, else as unread.
func Without(call *engine.Call, own bool, reason string, fields ...string) {
	for _, field := range fields {
		if own {
			call.NotAsked(field, reason, "")
		} else {
			call.Unread(field, reason, "")
		}
	}
}

// FailureError is the error of an attempt to connect that ended with an outcome
// other than Connected: what the target or the network did.
type FailureError struct {
	// Outcome is what came of it.
	Outcome Outcome
	// Err is the cause; nil when there is nothing more to say.
	Err error
}

func (e *FailureError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return string(e.Outcome)
}

func (e *FailureError) Unwrap() error { return e.Err }

// OutcomeOf tells what the target or the network did from the error of a
// connection or of a read or write on it, however a client library wrapped it.
// A fault of our own host is an error: an engine.BlindError, or an
// engine.RefusedError of the AllowList.
func OutcomeOf(err error) (Outcome, error) {
	var timeout net.Error
	var failure *FailureError
	var refused *engine.RefusedError
	var name *net.DNSError
	switch {
	case err == nil:
		return Connected, nil
	case errors.As(err, &refused):
		return "", refused
	case errors.As(err, &failure):
		return failure.Outcome, nil
	case errors.As(err, &name) && name.IsNotFound:
		return NameNotFound, nil
	case errors.As(err, &name):
		return NameFailed, nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return RefusedByIt, nil
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNABORTED), errors.Is(err, syscall.EPIPE):
		return Reset, nil
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH),
		errors.Is(err, syscall.EHOSTDOWN), errors.Is(err, syscall.ENETDOWN):
		return Unreachable, nil
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, context.DeadlineExceeded):
		return TimedOut, nil
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "", engine.Blind("this host forbids the connection", "allow it in the host's own firewall, or leave the sandbox", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "", engine.Blind("this host has no free local port or address for the connection",
			"see net.ipv4.ip_local_port_range and the sockets in TIME_WAIT", err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "", engine.Blind("no file descriptors left", "raise gumshoe's limit of open files", err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return TimedOut, nil
	}
	return "", engine.Blind("cannot connect from this host", "", err)
}

// OfNetwork tells whether an error comes from the connection itself, and not
// from what was said on it.
func OfNetwork(err error) bool {
	var blocked net.Error
	var call *net.OpError
	var failure *FailureError
	var refused *engine.RefusedError
	return errors.As(err, &call) || errors.As(err, &blocked) || errors.As(err, &refused) || errors.As(err, &failure) ||
		errors.Is(err, context.DeadlineExceeded)
}

// SessionFailure is what an error of a connection that was up says of the server,
// with some words, when nothing of its own protocol explains it. The error is one
// of our own host.
func SessionFailure(err error) (outcome Outcome, text string, _ error) {
	if text, is := TLSFailure(err); is {
		return TLSFailed, text, nil
	}
	if IsClosed(err) {
		return Closed, "", nil
	}
	outcome, err = OutcomeOf(err)
	return outcome, "", err
}

// IsTimeout tells whether an error is that of a deadline.
func IsTimeout(err error) bool {
	var blocked net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &blocked) && blocked.Timeout()
}

// IsClosed tells whether an error is that the other side closed the connection.
func IsClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
