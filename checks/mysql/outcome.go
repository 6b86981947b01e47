package mysql

import (
	"errors"
	"strings"

	client "github.com/go-sql-driver/mysql"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// failed sets the outcome from an error of the client library. Its error is a
// fault of our own host.
func (l *look) failed(err error) error {
	if answer, is := errors.AsType[*client.MySQLError](err); is {
		l.Outcome, l.ErrorCode, l.Error = rejection(answer), int(answer.Number), says(answer)
		return nil
	}
	if text, is := reach.TLSFailure(err); is {
		l.Outcome, l.Error = reach.TLSFailed, text
		return nil
	}
	var ended error
	if l.wire != nil {
		ended = l.wire.end()
	}
	switch {
	case errors.Is(err, client.ErrNoTLS):
		l.Outcome, l.Error = NotOffered, "it does not offer TLS"
	case errors.Is(err, client.ErrUnknownPlugin), errors.Is(err, client.ErrCleartextPassword), errors.Is(err, client.ErrOldPassword),
		errors.Is(err, client.ErrNativePassword):
		return engine.Blind("gumshoe does not know the way in which this user logs in", "give it a user with a password (caching_sha2_password, mysql_native_password or ed25519)", err)
	case errors.Is(err, errStrange):
		l.Outcome, l.Error = reach.ProtocolError, reach.Printable(err.Error())
	case errors.Is(ended, errStrange):
		l.Outcome, l.Error = reach.ProtocolError, reach.Printable(ended.Error())
	case l.wire == nil:
		return l.network(err)
	case reach.IsClosed(ended):
		l.Outcome = reach.Closed
	case ended != nil:
		return l.network(ended)
	case errors.Is(err, client.ErrInvalidConn), errors.Is(err, client.ErrMalformPkt), errors.Is(err, client.ErrPktSync),
		errors.Is(err, client.ErrPktSyncMul), errors.Is(err, client.ErrPktTooLarge), errors.Is(err, client.ErrOldProtocol):
		l.Outcome, l.Error = reach.ProtocolError, errStrange.Error()
	case reach.OfNetwork(err):
		return l.network(err)
	default:
		l.Outcome, l.Error = reach.ProtocolError, reach.Printable(err.Error())
	}
	return nil
}

// says gives the server's words, printable. That there was a password is said so
// that it is not taken for one.
func says(answer *client.MySQLError) string {
	return reach.Printable(strings.NewReplacer("(using password: YES)", "(with a password)", "(using password: NO)", "(without a password)").Replace(answer.Message))
}

func (l *look) network(err error) (blind error) {
	l.Outcome, blind = reach.OutcomeOf(err)
	return blind
}

// Numbers of errors, from the manuals of MySQL and MariaDB.
const (
	codeNoPrivilege  = 1227
	codeTableDenied  = 1142
	codeColumnDenied = 1143
	codeSyntax       = 1064
	codeTooLong      = 3024 // max_execution_time of MySQL
	codeTooLongMaria = 1969 // max_statement_time of MariaDB
	codeInterrupted  = 1317
	codeDBDenied     = 1044
	codeServerGoing  = 1053
)

// rejection tells the outcome from the server's error.
func rejection(answer *client.MySQLError) reach.Outcome {
	switch answer.Number {
	case 1040:
		return reach.TooManyConnections
	case 1203, 1226: // of max_user_connections, and of the limits of an account
		return UserLimit
	case 1045, 1698, 1251, 1275, 1524, 2054, 3955:
		return reach.AuthFailed
	case 3118, 4151:
		return AccountLocked
	case 1820, 1862:
		return PasswordExpired
	case codeDBDenied, codeTableDenied:
		return reach.NoPermission
	case 1049:
		return UnknownDatabase
	case 1129:
		return HostBlocked
	case 1130:
		return HostNotAllowed
	case codeServerGoing, 1077, 1927: // in shutdown; connection was killed
		return ShuttingDown
	case 3159, 4231:
		return TLSRequired
	}
	if strings.Contains(answer.Message, "require_secure_transport") {
		return TLSRequired
	}
	return Rejected
}
