// Package webapi asks a server's HTTP API, for the checks whose target has one: by
// GET only, on connections that the list of allowed targets is asked about, with
// what lets us in, following no redirects, and reading no more than it was told to.
// What the server does is an outcome of package reach; an error is one of our own
// host.
package webapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// maxHeader bounds the headers of an answer, in bytes.
const maxHeader = 64 << 10

// Access is what lets us in, and how the server is verified.
type Access struct {
	// User and Password are for HTTP's basic authentication; "" means nobody. A
	// URL's own take their place.
	User     string
	Password engine.Secret
	// Token is sent as "Authorization: Bearer", in place of a user.
	Token engine.Secret
	// Headers are sent with every request.
	Headers map[string]string
	// TLS is for https; its ServerName is the URL's host when it is "".
	TLS reach.TLSFiles
}

// API is an HTTP API below a URL.
type API struct {
	base   *url.URL
	host   string
	port   int
	access Access
}

// New reads the URL of an API and checks the rest. It touches nothing.
func New(base string, access Access) (API, error) {
	u, err := url.Parse(base)
	if err != nil {
		return API{}, errors.New("the URL cannot be read") // its own words may show a password
	}
	host, port, err := reach.Endpoint(u)
	if err != nil {
		return API{}, err
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return API{}, errors.New("give the URL without what stands after ? or #")
	}
	if u.User != nil {
		password, _ := u.User.Password()
		access.User, access.Password, u.User = u.User.Username(), engine.NewSecret(password), nil
	}
	if err := access.Check(); err != nil {
		return API{}, err
	}
	if access.TLS.ServerName == "" {
		access.TLS.ServerName = host
	}
	return API{base: u, host: host, port: port, access: access}, nil
}

// Check tells what cannot be sent.
func (a Access) Check() error {
	token := regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	for name, value := range a.Headers {
		switch {
		case !token.MatchString(name) || strings.ContainsAny(value, "\r\n\x00"):
			return fmt.Errorf("headers: %q is not a header with a value of one line", name)
		case strings.EqualFold(name, "host"):
			return errors.New("headers: the host is not given here")
		}
	}
	switch {
	case strings.ContainsAny(a.Token.Reveal(), "\r\n\x00"):
		return errors.New("token: it has more than one line")
	case a.Token.IsSet() && a.User != "":
		return errors.New("give either user and password, or token")
	case a.Password.IsSet() && a.User == "":
		return errors.New("password: it needs user")
	}
	return nil
}

// Address is the host and port of the API.
func (a API) Address() string { return reach.JoinPort(a.host, a.port) }

// URL is that of a path below the API, with parameters, as it is sent. It holds
// no password.
func (a API) URL(path string, parameters url.Values) string {
	u := *a.base
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/")+path, ""
	u.RawQuery = parameters.Encode()
	return u.String()
}

// Shown is the URL of the API for a person.
func (a API) Shown() string { return reach.ShownURL(a.base) }

// Plan lists what asking touches.
func (a API) Plan(how string) []engine.Touch {
	touches := reach.Plan(a.Address(), how)
	if a.base.Scheme == "https" {
		touches = append(touches, a.access.TLS.Plan()...)
	}
	return touches
}

// Reproduce gives the command that asks the same; curl asks for the password.
func (a API) Reproduce(call *engine.Call, path string, parameters url.Values) {
	argv := []string{"curl", "-sS"}
	if len(parameters) > 0 {
		argv = append(argv, "-G")
	}
	argv = append(argv, a.access.Curl()...)
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		for _, value := range parameters[name] {
			argv = append(argv, "--data-urlencode", name+"="+value)
		}
	}
	call.Reproduce(append(argv, a.URL(path, nil))...)
}

// Set gives a request what lets us in.
func (a Access) Set(request *http.Request) {
	for name, value := range a.Headers {
		request.Header.Set(name, value)
	}
	switch {
	case a.Token.IsSet():
		request.Header.Set("Authorization", "Bearer "+a.Token.Reveal())
	case a.User != "":
		request.SetBasicAuth(a.User, a.Password.Reveal())
	}
}

// Curl gives the options with which curl is let in. It asks for the password, and
// what else is secret is not shown.
func (a Access) Curl() (argv []string) {
	for _, option := range [][2]string{{"--cacert", a.TLS.CA}, {"--cert", a.TLS.Certificate}, {"--key", a.TLS.Key}, {"--user", a.User}} {
		if option[1] != "" {
			argv = append(argv, option[0], reach.Printable(option[1]))
		}
	}
	if a.Token.IsSet() {
		argv = append(argv, "-H", "Authorization: Bearer REDACTED")
	}
	for _, name := range slices.Sorted(maps.Keys(a.Headers)) {
		value := a.Headers[name]
		if reach.LooksSecret(name) {
			value = "REDACTED"
		}
		argv = append(argv, "-H", name+": "+reach.Printable(value))
	}
	return argv
}

// Session asks an API on one connection, until its deadline. It is not safe for
// concurrent use.
type Session struct {
	api       API
	deadline  time.Time
	dialer    *reach.Dialer
	transport *http.Transport
	client    *http.Client
}

// Open reads the files that TLS needs. Close ends what it gives.
func (a API) Open(allow *reach.AllowList, deadline time.Time) (*Session, error) {
	if err := allow.PermitName(a.host, a.port); err != nil {
		return nil, err
	}
	dialer := &reach.Dialer{Allow: allow, Deadline: deadline}
	transport := &http.Transport{
		DialContext: dialer.DialContext, MaxConnsPerHost: 1, MaxResponseHeaderBytes: maxHeader, DisableCompression: true,
	}
	if a.base.Scheme == "https" {
		config, err := a.access.TLS.Config()
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = config
	}
	return &Session{
		api: a, deadline: deadline, dialer: dialer, transport: transport,
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close ends the connection.
func (s *Session) Close() { s.transport.CloseIdleConnections() }

// Trip tells how connecting went.
func (s *Session) Trip() reach.Trip { return s.dialer.Last() }

// Answer is what came of a request.
type Answer struct {
	// Outcome is reach.OK when an answer came, whole, whatever its status.
	Outcome reach.Outcome
	// Error says more; it may be "".
	Error string
	// Status, Header and Body are the answer's; the status is 0 without one.
	Status int
	Header http.Header
	Body   []byte
}

// Get asks for a path below the API and reads at most so many bytes of the
// answer; a longer one is a protocol error.
func (s *Session) Get(ctx context.Context, path string, parameters url.Values, most int64) (Answer, error) {
	inner, stop := context.WithDeadline(ctx, s.deadline)
	defer stop()
	request, err := http.NewRequestWithContext(inner, http.MethodGet, s.api.URL(path, parameters), http.NoBody)
	if err != nil {
		return Answer{}, errors.New("the URL cannot be asked for")
	}
	s.api.access.Set(request)
	request.Header.Set("User-Agent", "gumshoe")
	response, err := s.client.Do(request)
	if err != nil {
		return failed(ctx, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err != nil {
		return failed(ctx, err)
	}
	if int64(len(body)) > most {
		return Answer{Outcome: reach.ProtocolError, Error: fmt.Sprintf("its answer has more than %d MiB", most>>20)}, nil
	}
	return Answer{Outcome: reach.OK, Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

// failed tells what the server or the network did from an error of net/http. The
// error that it gives is one of our own host, or the end of ctx.
func failed(ctx context.Context, err error) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, ctx.Err()
	}
	if wrapped, is := errors.AsType[*url.Error](err); is {
		err = wrapped.Err // its own words have the whole URL
	}
	text, isTLS := reach.TLSFailure(err)
	switch {
	case isTLS:
		return Answer{Outcome: reach.TLSFailed, Error: text}, nil
	case errors.Is(err, http.ErrSchemeMismatch):
		return Answer{Outcome: reach.TLSFailed, Error: "it does not speak TLS"}, nil
	case reach.IsClosed(err) || strings.Contains(err.Error(), "server closed idle connection"):
		return Answer{Outcome: reach.Closed, Error: "it closed the connection before it had answered"}, nil
	case reach.OfNetwork(err):
		outcome, err := reach.OutcomeOf(err)
		return Answer{Outcome: outcome}, err
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "transport connection broken"),
		strings.Contains(err.Error(), "readLoopPeekFailLocked"): // it speaks before it is asked
		return Answer{Outcome: reach.ProtocolError, Error: "it does not speak HTTP"}, nil
	}
	return Answer{Outcome: reach.ProtocolError, Error: reach.Printable(err.Error())}, nil
}
