package postgres

import (
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"gumshoe/checks/reach"
)

// failed sets the outcome from an error of the client library. Its error is a fault
// of our own host.
func (v *visit) failed(err error) error {
	if answer, is := errors.AsType[*pgconn.PgError](err); is {
		v.outcome, v.code, v.said = rejection(answer), reach.Printable(answer.Code), reach.Printable(answer.Message)
		return nil
	}
	if shake, is := errors.AsType[*handshakeError](err); is {
		var blind error
		v.outcome, v.said, blind = reach.HandshakeFailure(shake.err)
		return blind
	}
	if text, is := reach.TLSFailure(err); is {
		v.outcome, v.said = reach.TLSFailed, text
		return nil
	}
	var ended error
	if v.wire != nil {
		ended = v.wire.ended()
	}
	refusal, refused := errors.AsType[*refusalError](err)
	switch {
	case refused:
		v.outcome, v.said = Rejected, refusal.text
	case errors.Is(err, errNoTLS):
		v.outcome, v.said = NotOffered, errNoTLS.Error()
	case errors.Is(err, errStrange), errors.Is(ended, errStrange):
		v.outcome, v.said = reach.ProtocolError, errStrange.Error()
	case v.wire == nil:
		return v.network(err)
	case reach.IsClosed(ended):
		v.outcome = reach.Closed
	case ended != nil:
		return v.network(ended)
	case reach.OfNetwork(err) && !errors.Is(err, net.ErrClosed):
		return v.network(err)
	default: // also where the library has hung up on what it did not understand
		v.outcome, v.said = reach.ProtocolError, errStrange.Error()
	}
	return nil
}

// own tells whether that we were not let in is the server's own failure, whoever
// asks.
func (v *visit) own() bool {
	return v.outcome.OfTarget() || v.outcome == StartingUp || v.outcome == ShuttingDown
}

func (v *visit) network(err error) (blind error) {
	v.outcome, blind = reach.OutcomeOf(err)
	return blind
}

// Codes of errors, from appendix A of the manual.
const (
	codeNoRight     = "42501"
	codeCancelled   = "57014" // by statement_timeout
	codeLockTimeout = "55P03"
	codeProtocol    = "08P01"
	codeBadHBA      = "28000"
)

// rejection tells the outcome from the server's error.
func rejection(answer *pgconn.PgError) reach.Outcome {
	said := strings.ToLower(answer.Message)
	switch answer.Code {
	case "53300":
		return reach.TooManyConnections
	case "57P03":
		if strings.Contains(said, "shutting down") {
			return ShuttingDown
		}
		return StartingUp
	case "57P01", "57P02":
		return ShuttingDown
	case "28P01":
		return reach.AuthFailed
	case codeBadHBA:
		return refusedByHBA(said)
	case "3D000":
		return UnknownDatabase
	case codeNoRight:
		return reach.NoPermission
	case codeProtocol: // what PgBouncer says of everything
		return ofPgBouncer(said)
	}
	return Rejected
}

// refusedByHBA tells what pg_hba.conf refuses from the words. That there is no entry
// without encryption cannot be told from that there is none at all.
func refusedByHBA(said string) reach.Outcome {
	switch {
	case strings.Contains(said, "pg_hba.conf"):
		return HostNotAllowed
	case strings.Contains(said, "ssl required"), strings.Contains(said, "encryption required"):
		return TLSRequired
	}
	return reach.AuthFailed
}

// ofPgBouncer tells the outcome from the words of PgBouncer, which has few codes.
func ofPgBouncer(said string) reach.Outcome {
	switch {
	case strings.Contains(said, "no more connections allowed"), strings.Contains(said, "too many"):
		return reach.TooManyConnections
	case strings.Contains(said, "password authentication failed"), strings.Contains(said, "no such user"),
		strings.Contains(said, "auth failed"), strings.Contains(said, "login failed"),
		strings.Contains(said, "sasl authentication failed"):
		return reach.AuthFailed
	case said == "not allowed": // to see the console
		return reach.NoPermission
	case strings.Contains(said, "ssl required"), strings.Contains(said, "tls required"):
		return TLSRequired
	case strings.Contains(said, "no such database"):
		return UnknownDatabase
	case strings.Contains(said, "shutting down"):
		return ShuttingDown
	}
	return Rejected
}
