package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"gumshoe/checks/reach"
)

// The outcomes that the probes that speak TLS have.
const (
	HandshakeFailed reach.Outcome = "handshake_failed"
)

// secured is a connection on which the TLS handshake is done, and what was found
// out about who is at its end.
type secured struct {
	*tls.Conn

	state   tls.ConnectionState
	seconds float64
	sent    []*x509.Certificate // also when the handshake failed later
	judged  judged              // about sent
}

// secure does a TLS handshake whoever the server is: a certificate that is not
// valid is evidence too, and who verified it afterwards decides what to do with
// the connection. Without a handshake the outcome and text say why.
func secure(ctx context.Context, conn net.Conn, config *tls.Config, roots *x509.CertPool) (secured, reach.Outcome, string, error) {
	name := config.ServerName
	config.InsecureSkipVerify = true // it is verified below
	var s secured
	config.VerifyConnection = func(state tls.ConnectionState) error {
		s.sent = state.PeerCertificates
		return nil
	}
	s.Conn = tls.Client(conn, config)
	started := time.Now()
	err := s.HandshakeContext(ctx)
	s.seconds = time.Since(started).Seconds()
	if len(s.sent) > 0 {
		s.judged = judge(s.sent, name, roots, time.Now())
	}
	if err != nil {
		outcome, text, err := handshakeOutcome(ctx, err)
		return s, outcome, text, err
	}
	s.state = s.ConnectionState()
	return s, reach.Connected, "", nil
}

// handshakeOutcome tells what an error of a handshake says of the server.
func handshakeOutcome(ctx context.Context, err error) (outcome reach.Outcome, text string, _ error) {
	var garbage tls.RecordHeaderError
	var alert tls.AlertError
	var call *net.OpError
	switch {
	case ctx.Err() != nil:
		return "", "", ctx.Err()
	case errors.As(err, &garbage):
		return reach.ProtocolError, "it does not speak TLS: it begins with " + quoteStart(garbage.RecordHeader[:]), nil
	case errors.As(err, &call) && call.Op == "remote error", errors.As(err, &alert):
		return HandshakeFailed, reach.Printable(err.Error()), nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return HandshakeFailed, "it closed the connection during the TLS handshake", nil
	case reach.OfNetwork(err):
		outcome, err := reach.OutcomeOf(err)
		return outcome, "during the TLS handshake", err
	}
	return HandshakeFailed, reach.Printable(err.Error()), nil
}

// quoteStart shows the first bytes of what something said.
func quoteStart(said []byte) string {
	return `"` + reach.Printable(strings.TrimRight(string(said), "\x00\r\n")) + `"`
}
