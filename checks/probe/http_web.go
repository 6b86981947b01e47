package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/checks/webapi"
	"gumshoe/engine"
)

// web asks for a URL.
type web struct {
	probes  Probes
	in      HTTPInput
	url     *url.URL
	expect  statusSet
	headers map[string]*regexp.Regexp // that an answer has to have
	match   *regexp.Regexp            // nil for none
	roots   func() (*x509.CertPool, error)
	shown   *tls.Certificate // to a server that asks for one
	end     time.Time        // of all requests
}

// newWeb checks the inputs together, before anything is touched.
func (p Probes) newWeb(in HTTPInput) (*web, error) {
	w := &web{probes: p, in: in, headers: map[string]*regexp.Regexp{}}
	var err error
	if w.url, err = url.Parse(in.URL); err != nil {
		return nil, errors.New("the URL cannot be read") // the error would show its password
	}
	host, port, err := reach.Endpoint(w.url)
	if err != nil {
		return nil, err
	}
	if err := w.expectations(); err != nil {
		return nil, err
	}
	if err := w.sendable(); err != nil {
		return nil, err
	}
	if in.ResolveTo != "" {
		host = in.ResolveTo
	}
	if err := p.allow.PermitName(host, port); err != nil {
		return nil, err
	}
	if w.shown, err = clientCertificate(in.ClientCertificate, in.ClientKey); err != nil {
		return nil, err
	}
	w.roots = sync.OnceValues(func() (*x509.CertPool, error) { return reach.Authorities(in.CAFile) })
	if w.url.Scheme == "https" || in.CAFile != "" { // else an answer may redirect there
		_, err = w.roots()
	}
	return w, err
}

// expectations reads what a good answer is.
func (w *web) expectations() error {
	var err error
	if w.expect, err = parseStatuses(w.in.ExpectStatus); err != nil {
		return err
	}
	if w.in.BodyMatches != "" {
		if w.match, err = regexp.Compile(w.in.BodyMatches); err != nil {
			return fmt.Errorf("body_matches: %w", err)
		}
	}
	if w.in.Method == http.MethodHead && w.asksOfBody() {
		return errors.New("an answer to HEAD has no body to look into; use GET")
	}
	for name, pattern := range w.in.ExpectHeaders {
		if w.headers[name], err = regexp.Compile(pattern); err != nil {
			return fmt.Errorf("expect_headers: %s: %w", reach.Printable(name), err)
		}
	}
	return nil
}

// asksOfBody tells whether something has to be, or must not be, in the body.
func (w *web) asksOfBody() bool {
	return w.match != nil || w.in.BodyContains != "" || w.in.BodyLacks != ""
}

// sendable tells what of the inputs cannot be sent.
func (w *web) sendable() error {
	for name := range w.in.Headers {
		if strings.EqualFold(name, "host") {
			return errors.New("headers: give the host in the input host")
		}
	}
	return w.in.access().Check()
}

// access is what lets us in.
func (in HTTPInput) access() webapi.Access {
	return webapi.Access{
		User: in.User, Password: in.Password, Token: in.Token, Headers: in.Headers,
		TLS: reach.TLSFiles{CA: in.CAFile, Certificate: in.ClientCertificate, Key: in.ClientKey},
	}
}

// reproduceHTTP gives the command that shows the same for one request.
func reproduceHTTP(call *engine.Call, w *web) {
	argv := []string{"curl", "-sS", "-o", "/dev/null", "--max-time", strconv.FormatFloat(w.in.Timeout.Seconds(), 'f', -1, 64), "-w",
		`%{http_code} dns %{time_namelookup} connect %{time_connect} tls %{time_appconnect} first byte %{time_starttransfer} total %{time_total}\n`}
	for _, flag := range []struct {
		option string
		wanted bool
	}{{"-L", w.in.FollowRedirects}, {"-k", w.in.Insecure}, {"-I", w.in.Method == http.MethodHead}} {
		if flag.wanted {
			argv = append(argv, flag.option)
		}
	}
	if w.in.Host != "" {
		argv = append(argv, "-H", "Host: "+w.in.Host)
	}
	if w.in.ResolveTo != "" {
		argv = append(argv, "--connect-to", "::"+w.in.ResolveTo+":")
	}
	argv = append(argv, w.in.access().Curl()...)
	call.Reproduce(append(argv, reach.ShownURL(w.url))...)
}
