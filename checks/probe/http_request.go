package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Bounds of what is read of an answer, and of where it may lead.
const (
	maxBody        = 1 << 20
	maxHeaderBytes = 256 << 10
	maxRedirects   = 10
)

// How far the last connection of a request came.
const (
	begun = iota
	connected
	encrypted
	answered
	whole
)

// exchange is one request with its redirects.
type exchange struct {
	outcome reach.Outcome
	text    string
	stage   int
	stopped bool // at an answer that redirects, which was not followed
	status  int  // 0 without an answer
	// The time spent in each phase, whether it came to an end or not.
	dns, connect, handshake, wait, transfer              float64
	total                                                float64
	tried                                                []netip.Addr // of the URL's host
	redirects                                            []Redirect
	final                                                *url.URL
	remote, version, contentType, serverName, retryAfter string
	date                                                 time.Duration // of the server, ahead of our clock
	dated                                                bool
	contentBytes                                         int64 // -1 when the answer does not say
	bodyBytes                                            int64
	truncated, matched                                   bool
	certificate                                          judged // of the last connection
	cut                                                  bool   // ended by the step's time, not by its own
}

// phase tells in which phase a request ended.
func (e *exchange) phase() Phase {
	switch {
	case e.stage == whole || e.stopped:
		return PhaseDone
	case e.outcome == reach.NameNotFound || e.outcome == reach.NameFailed:
		return PhaseDNS
	case e.outcome == reach.TLSFailed:
		return PhaseTLS
	}
	return [...]Phase{begun: PhaseConnect, connected: PhaseTLS, encrypted: PhaseFirstByte, answered: PhaseTransfer}[e.stage]
}

// once asks once and follows the redirects. The error is what our own host or
// policy does not let us do, or the end of ctx.
func (w *web) once(ctx context.Context) (exchange, error) {
	started := time.Now()
	budget := min(w.in.Timeout, time.Until(w.end))
	deadline := started.Add(budget)
	e := exchange{final: w.url, contentBytes: -1, cut: budget < w.in.Timeout}
	for {
		before := e.stage
		location, err := w.hop(ctx, deadline, &e)
		e.total = time.Since(started).Seconds()
		var refused *engine.RefusedError
		switch {
		case errors.As(err, &refused) && len(e.redirects) > 0:
			e.outcome, e.text, e.stage = RedirectRefused, reach.Printable(refused.Reason+"; "+refused.Fix), before
			e.stopped = true
			return e, nil
		case err != nil:
			return e, err
		case location == "":
			return e, nil
		case len(e.redirects) == maxRedirects:
			e.outcome, e.stopped = TooManyRedirects, true
			return e, nil
		}
		if !e.follow(location) {
			return e, nil
		}
	}
}

// follow goes on to where an answer redirects to, if that is a page.
func (e *exchange) follow(location string) bool {
	next, err := e.final.Parse(location)
	if err == nil {
		_, _, err = reach.Endpoint(next)
	}
	if err != nil {
		e.outcome, e.text, e.stopped = reach.ProtocolError, "it redirects to what is no URL of a page", true
		return false
	}
	e.redirects = append(e.redirects, Redirect{URL: reach.ShownURL(e.final), Status: e.status})
	next.User, e.final = nil, next
	return true
}

// hop asks one server. It gives where the answer redirects to, "" for nowhere.
func (w *web) hop(ctx context.Context, deadline time.Time, e *exchange) (location string, _ error) {
	host, port, err := reach.Endpoint(e.final)
	if err != nil {
		return "", err
	}
	own := strings.EqualFold(host, w.url.Hostname())
	target := host
	if own && w.in.ResolveTo != "" {
		target = w.in.ResolveTo
	}
	e.stage, e.certificate = begun, judged{}
	r, outcome, err := w.probes.allow.Reach(ctx, target, port, deadline)
	e.dns += r.ResolveSeconds
	e.connect += r.ConnectSeconds
	if len(e.redirects) == 0 {
		e.tried = r.Tried
	}
	if err != nil || outcome != reach.Connected {
		e.outcome = outcome
		return "", err
	}
	e.stage, e.remote = connected, r.RemoteAddr().String()
	defer reach.Bind(ctx, r, deadline)()
	var conn net.Conn = r
	if e.final.Scheme == "https" {
		var done bool
		if conn, done, err = w.encrypt(ctx, r, host, own, e); !done {
			return "", err
		}
	}
	e.stage = encrypted // or nothing to do
	return w.ask(ctx, conn, deadline, own, e)
}

// encrypt does the TLS handshake; not done and without an error, the
// outcome says why.
func (w *web) encrypt(ctx context.Context, conn net.Conn, host string, own bool, e *exchange) (_ net.Conn, done bool, _ error) {
	config := &tls.Config{ServerName: host, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
	if own && w.in.Host != "" {
		config.ServerName = w.in.Host
	}
	if own {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return w.shown, nil }
	}
	roots, err := w.roots()
	if err != nil {
		return nil, false, err
	}
	s, outcome, text, err := secure(ctx, conn, config, roots)
	e.handshake += s.seconds
	e.certificate = s.judged
	switch {
	case err != nil:
		return nil, false, err
	case outcome == HandshakeFailed:
		e.outcome, e.text = reach.TLSFailed, text
		return nil, false, nil
	case outcome != reach.Connected:
		e.outcome, e.text = outcome, text
		return nil, false, nil
	}
	if s.judged.err != nil && !w.in.Insecure {
		if s.judged.blind {
			return nil, false, engine.Blind(noAuthority, noAuthorityFix, s.judged.err)
		}
		e.stage = encrypted
		e.outcome, e.text = reach.TLSFailed, s.judged.outcome.Words()+": "+reach.Printable(s.judged.err.Error())
		return nil, false, nil
	}
	return s.Conn, true, nil
}
