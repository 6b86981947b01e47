package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/checks/webapi"
	"gumshoe/engine"
)

// maxHealthAnswer bounds what is read of an answer, which has two bytes or none
// after the five that begin it.
const maxHealthAnswer = 4 << 10

// encrypt does the TLS handshake, if one is asked for; not done and without an
// error, the outcome says why.
func (o *GRPC) encrypt(ctx context.Context, call *engine.Call, conn net.Conn, in GRPCInput, host string) (_ net.Conn, done bool, _ error) {
	if in.TLS != "on" {
		call.NotAsked("handshake_seconds", "the connection is without TLS", "")
		return conn, true, nil
	}
	roots, err := reach.Authorities(in.CAFile)
	if err != nil {
		return nil, false, err
	}
	name := in.ServerName
	if name == "" {
		name = host
	}
	config := &tls.Config{ServerName: name, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	s, outcome, text, err := secure(ctx, conn, config, roots)
	switch {
	case err != nil:
		return nil, false, err
	case outcome == HandshakeFailed:
		outcome = reach.TLSFailed
	}
	if outcome != reach.Connected {
		o.Outcome, o.Error = outcome, text
		call.Unread("handshake_seconds", "there was no TLS connection: "+outcome.Words(), "")
		return nil, false, nil
	}
	o.HandshakeSeconds = s.seconds
	if wrong := s.judged.err; wrong != nil {
		if s.judged.blind {
			return nil, false, engine.Blind(noAuthority, noAuthorityFix, wrong)
		}
		o.Outcome = reach.TLSFailed
		o.Error = s.judged.outcome.Words() + ": " + reach.Printable(wrong.Error())
		return nil, false, nil
	}
	if s.state.NegotiatedProtocol != "h2" {
		o.Outcome, o.Error = reach.ProtocolError, "it does not agree on HTTP/2 in the TLS handshake (ALPN h2), as gRPC needs it"
		return nil, false, nil
	}
	return s.Conn, true, nil
}

// ask makes the call on a connection.
func (o *GRPC) ask(ctx context.Context, conn net.Conn, in GRPCInput, deadline time.Time) error {
	inner, stop := context.WithDeadline(ctx, deadline)
	defer stop()
	var used atomic.Bool
	heard := &heardConn{Conn: conn}
	dial := func(context.Context, string, string) (net.Conn, error) {
		if used.Swap(true) {
			return nil, io.ErrUnexpectedEOF // it would be asked again, on a connection of its own
		}
		if in.TLS == "on" {
			return conn, nil // it is seen to be TLS, and has agreed on HTTP/2
		}
		return heard, nil
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(in.TLS == "on")
	protocols.SetUnencryptedHTTP2(in.TLS != "on")
	transport := &http.Transport{
		DialContext: dial, DialTLSContext: dial, Protocols: protocols,
		DisableCompression: true, MaxResponseHeaderBytes: maxHeaderBytes,
	}
	defer transport.CloseIdleConnections()
	request, err := healthRequest(inner, in, deadline)
	if err != nil {
		return err
	}
	started := time.Now()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return o.fail(ctx, heard, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxHealthAnswer+1))
	if err != nil {
		return o.fail(ctx, heard, err)
	}
	o.LatencySeconds = time.Since(started).Seconds()
	o.HTTPStatus, o.Server = response.StatusCode, reach.Printable(response.Header.Get("Server"))
	o.judge(response, body)
	return nil
}

func healthRequest(ctx context.Context, in GRPCInput, deadline time.Time) (*http.Request, error) {
	to := url.URL{Scheme: "http", Host: in.Address, Path: "/grpc.health.v1.Health/Check"}
	if in.TLS == "on" {
		to.Scheme = "https"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(healthQuestion(in.Service)))
	if err != nil {
		return nil, errors.New("the call cannot be made of these inputs: see authority and address")
	}
	if in.ServerName != "" {
		request.Host = in.ServerName
	}
	if in.Authority != "" {
		request.Host = in.Authority
	}
	webapi.Access{Headers: in.Metadata, Token: in.Token}.Set(request)
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	request.Header.Set("User-Agent", "gumshoe")
	request.Header.Set("Grpc-Timeout", strconv.FormatInt(max(1, time.Until(deadline).Milliseconds()), 10)+"m")
	return request, nil
}

// judge reads a whole answer.
func (o *GRPC) judge(response *http.Response, body []byte) {
	status := response.Trailer.Get("Grpc-Status")
	text := response.Trailer.Get("Grpc-Message")
	if status == "" { // an answer without a message has it in its headers
		status, text = response.Header.Get("Grpc-Status"), response.Header.Get("Grpc-Message")
	}
	code, err := strconv.ParseUint(status, 10, 8)
	switch {
	case status == "" && response.StatusCode != http.StatusOK:
		o.judgeHTTP(response)
		return
	case err != nil:
		o.Outcome = reach.ProtocolError
		o.Error = "its answer has no gRPC status: what answers is no gRPC server (content type " + quoteStart([]byte(response.Header.Get("Content-Type"))) + ")"
		return
	}
	o.GRPCStatus, o.Error = codeName(int(code)), reach.Printable(percentDecoded(text))
	o.Outcome = outcomeOfCode(int(code))
	o.Alive = o.Outcome != Unavailable && o.Outcome != DeadlineExceeded
	switch o.Outcome {
	case ServiceUnknown:
		o.Status = string(ServiceUnknown)
	case reach.OK:
		if o.Status, err = healthAnswer(body); err != nil {
			o.Outcome, o.Error = reach.ProtocolError, err.Error()
			return
		}
		switch o.Status {
		case "serving":
		case string(ServiceUnknown):
			o.Outcome = ServiceUnknown
		default:
			o.Outcome = NotServing
		}
	default:
	}
}

// judgeHTTP is for an answer without a gRPC status, which a proxy gives. The
// statuses mean what the gRPC library takes them for, but for 404: a web server
// that has no such page is no gRPC server without a health service.
func (o *GRPC) judgeHTTP(response *http.Response) {
	o.Error = fmt.Sprintf("a proxy or web server answers with HTTP status %d", response.StatusCode)
	switch response.StatusCode {
	case http.StatusUnauthorized:
		o.Outcome = reach.AuthFailed
	case http.StatusForbidden:
		o.Outcome = reach.NoPermission
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		o.Outcome = Unavailable
	default:
		o.Outcome = reach.ProtocolError
	}
}

// fail tells from the error of a call what the server did.
func (o *GRPC) fail(ctx context.Context, heard *heardConn, err error) error {
	text := err.Error()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case heard.strange() != "":
		o.Outcome, o.Error = reach.ProtocolError, heard.strange()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(text, "GOAWAY"),
		strings.Contains(text, "client connection lost"), strings.Contains(text, "client conn could not be established"), strings.Contains(text, "use of closed network connection"):
		o.Outcome, o.Error = reach.Closed, "it closed the connection before the answer was whole"
	case reach.OfNetwork(err):
		outcome, err := reach.OutcomeOf(err)
		o.Outcome = outcome
		return err
	case strings.Contains(text, "REFUSED_STREAM"), strings.Contains(text, "ENHANCE_YOUR_CALM"):
		o.Outcome, o.Error = Unavailable, reach.Printable(text)
	case strings.Contains(text, "received from peer"):
		o.Outcome, o.Error = reach.Reset, reach.Printable(text)
	default:
		o.Outcome, o.Error = reach.ProtocolError, reach.Printable(text)
	}
	return nil
}

// healthQuestion is a HealthCheckRequest as gRPC frames it: a byte that says that
// it is not compressed, its length, and its field 1, a string.
func healthQuestion(service string) []byte {
	var message []byte
	if service != "" {
		message = binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(service)))
		message = append(message, service...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// healthAnswer reads a HealthCheckResponse: its field 1 is a number, 0 when it is
// left out. Fields that may be added to it later are passed over.
func healthAnswer(frame []byte) (string, error) {
	if len(frame) < 5 || len(frame) > maxHealthAnswer {
		return "", errors.New("its answer is no message of the health service")
	}
	message := frame[5:]
	if frame[0] != 0 || uint64(binary.BigEndian.Uint32(frame[1:])) != uint64(len(message)) {
		return "", errors.New("its answer is compressed or not whole, which nobody asked for")
	}
	var status uint64
	for len(message) > 0 {
		field, value, rest, ok := protoField(message)
		if !ok {
			return "", errors.New("its answer is no message of the health service")
		}
		if field == 1<<3 {
			status = value
		}
		message = rest
	}
	names := []string{"unknown", "serving", "not_serving", string(ServiceUnknown)}
	if status >= uint64(len(names)) {
		return "", fmt.Errorf("its answer is the health %d, which the protocol does not have", status)
	}
	return names[status], nil
}

// protoField takes one field from a protobuf message: its number and type, and
// its value when that is a number.
func protoField(message []byte) (field, value uint64, rest []byte, ok bool) {
	field, n := binary.Uvarint(message)
	if n <= 0 {
		return 0, 0, nil, false
	}
	rest = message[n:]
	var skip uint64
	switch field & 7 {
	case 0:
		if value, n = binary.Uvarint(rest); n <= 0 {
			return 0, 0, nil, false
		}
		return field, value, rest[n:], true
	case 1:
		skip = 8
	case 2:
		if skip, n = binary.Uvarint(rest); n <= 0 {
			return 0, 0, nil, false
		}
		rest = rest[n:]
	case 5:
		skip = 4
	default:
		return 0, 0, nil, false
	}
	if skip > uint64(len(rest)) {
		return 0, 0, nil, false
	}
	return field, 0, rest[skip:], true
}

// codeName is the name of a gRPC status.
func codeName(code int) string {
	names := []string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
		"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
		"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	}
	if code >= len(names) {
		return strconv.Itoa(code)
	}
	return names[code]
}

func outcomeOfCode(code int) reach.Outcome {
	switch codeName(code) {
	case "OK":
		return reach.OK
	case "DEADLINE_EXCEEDED":
		return DeadlineExceeded
	case "NOT_FOUND":
		return ServiceUnknown
	case "PERMISSION_DENIED":
		return reach.NoPermission
	case "UNIMPLEMENTED":
		return Unimplemented
	case "UNAVAILABLE":
		return Unavailable
	case "UNAUTHENTICATED":
		return reach.AuthFailed
	}
	return RPCFailed
}

// percentDecoded reads a grpc-message, as it stands where it is badly encoded.
func percentDecoded(text string) string {
	if decoded, err := url.PathUnescape(text); err == nil {
		return decoded
	}
	return text
}
