package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// ask sends the request on a connection and reads the answer.
func (w *web) ask(ctx context.Context, conn net.Conn, deadline time.Time, own bool, e *exchange) (location string, _ error) {
	inner, stop := context.WithDeadline(ctx, deadline)
	defer stop()
	var used atomic.Bool
	dial := func(context.Context, string, string) (net.Conn, error) {
		if used.Swap(true) {
			return nil, errors.New("it ended the connection without an answer")
		}
		return conn, nil
	}
	transport := &http.Transport{
		DialContext: dial, DialTLSContext: dial, ForceAttemptHTTP2: true,
		DisableCompression: true, MaxResponseHeaderBytes: maxHeaderBytes,
	}
	defer transport.CloseIdleConnections()
	var first atomic.Int64
	started := time.Now()
	request, err := w.request(httptrace.WithClientTrace(inner, &httptrace.ClientTrace{
		GotFirstResponseByte: func() { first.CompareAndSwap(0, int64(time.Since(started))) },
	}), own, e)
	if err != nil {
		return "", err
	}
	response, err := transport.RoundTrip(request)
	wait := time.Duration(first.Load())
	if wait == 0 || err != nil {
		wait = time.Since(started)
	}
	e.wait += wait.Seconds()
	if err != nil {
		return "", e.fail(ctx, err)
	}
	defer response.Body.Close()
	e.stage = answered
	e.head(response)
	if location = response.Header.Get("Location"); location != "" && redirects(e.status) && w.in.FollowRedirects {
		e.transfer += (time.Since(started) - wait).Seconds()
		return location, nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	e.transfer += (time.Since(started) - wait).Seconds()
	e.bodyBytes = int64(min(len(body), maxBody))
	if err != nil {
		return "", e.fail(ctx, err)
	}
	w.judge(response.Header, body, e)
	return "", nil
}

// head takes from an answer what stands before its body.
func (e *exchange) head(response *http.Response) {
	e.status, e.contentBytes = response.StatusCode, response.ContentLength
	e.version = strings.TrimSuffix(strings.TrimPrefix(response.Proto, "HTTP/"), ".0")
	if response.Proto == "HTTP/1.0" {
		e.version = "1.0"
	}
	e.contentType, e.serverName = reach.Printable(response.Header.Get("Content-Type")), reach.Printable(response.Header.Get("Server"))
	date, err := http.ParseTime(response.Header.Get("Date"))
	e.date, e.dated = time.Until(date), err == nil
	e.retryAfter = reach.Printable(response.Header.Get("Retry-After"))
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// request makes the request for where a hop leads. What is meant for the host of
// the URL goes to no other, and not in clear text when it was to be encrypted.
func (w *web) request(ctx context.Context, own bool, e *exchange) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, w.in.Method, e.final.String(), http.NoBody)
	if err != nil {
		return nil, errors.New("the request cannot be made of this URL")
	}
	request.Header.Set("User-Agent", "gumshoe")
	request.Header.Set("Accept", "*/*")
	request.Header.Set("Accept-Encoding", "identity")
	if !own {
		return request, nil
	}
	if w.in.Host != "" {
		request.Host = w.in.Host
	}
	if w.url.Scheme == "https" && e.final.Scheme != "https" {
		return request, nil
	}
	access := w.in.access()
	if user := w.url.User; user != nil && len(e.redirects) == 0 && !access.Token.IsSet() && access.User == "" {
		password, _ := user.Password()
		access.User, access.Password = user.Username(), engine.NewSecret(password)
	}
	access.Set(request)
	return request, nil
}

// judge holds a whole answer against what is expected.
func (w *web) judge(header http.Header, body []byte, e *exchange) {
	e.stage, e.truncated = whole, len(body) > maxBody
	body = body[:min(len(body), maxBody)]
	e.matched = bytes.Contains(body, []byte(w.in.BodyContains)) &&
		(w.in.BodyLacks == "" || !bytes.Contains(body, []byte(w.in.BodyLacks))) &&
		(w.match == nil || w.match.Match(body))
	missing := w.missing(header)
	switch {
	case !w.expect.has(e.status):
		e.outcome = BadStatus
	case missing != "":
		e.outcome, e.text = BadHeader, missing
	case !e.matched:
		e.outcome = BadBody
	default:
		e.outcome = reach.OK
	}
}

// missing says which expected header an answer lacks, "" when it has them all.
func (w *web) missing(header http.Header) string {
	for _, name := range slices.Sorted(maps.Keys(w.headers)) {
		values := header.Values(name)
		switch {
		case len(values) == 0:
			return "it has no header " + reach.Printable(name)
		case !slices.ContainsFunc(values, w.headers[name].MatchString):
			return "its header " + reach.Printable(name) + " does not match"
		}
	}
	return ""
}

// fail tells from the error of a request what the server did.
func (e *exchange) fail(ctx context.Context, err error) error {
	text := err.Error()
	var alert tls.AlertError
	var call *net.OpError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(text, "response headers exceeded"), strings.Contains(text, "header list larger"):
		e.outcome = TooLarge
	case errors.As(err, &call) && call.Op == "remote error", errors.As(err, &alert):
		e.outcome, e.text = reach.TLSFailed, "it refused the client after the handshake: "+reach.Printable(text)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		strings.Contains(text, "server closed idle connection"), strings.Contains(text, "without an answer"):
		e.outcome, e.text = reach.Closed, "it closed the connection before the answer was whole"
	case reach.OfNetwork(err):
		outcome, err := reach.OutcomeOf(err)
		e.outcome = outcome
		return err
	default:
		e.outcome, e.text = reach.ProtocolError, reach.Printable(text)
	}
	return nil
}
