package probe

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// HTTPInput are the inputs of probe.http.
type HTTPInput struct {
	// URL is what to ask for, with http or https. A user and password in it are sent
	// and never shown.
	URL string `json:"url" required:"true" format:"url"`
	// Method is how to ask: GET, or HEAD, which has no body.
	Method string `json:"method" default:"GET" enum:"GET,HEAD"`
	// Requests is how often to ask. More than 20 are a load on the target. When the
	// first four get no answer in time, no more are made.
	Requests int `json:"requests" default:"1" min:"1" max:"200"`
	// Concurrency is how many requests are under way at once.
	Concurrency int `json:"concurrency" default:"1" min:"1" max:"10"`
	// Timeout is how long one request may take, with its redirects.
	Timeout time.Duration `json:"timeout" default:"10s" min:"10ms" max:"60s"`
	// FollowRedirects asks on where an answer redirects to, at most 10 times.
	FollowRedirects bool `json:"follow_redirects" default:"true"`

	// ExpectStatus is which statuses are good: codes, classes and ranges, such as
	// "200,204", "2xx,3xx" or "200-299,404".
	ExpectStatus string `json:"expect_status" default:"2xx,3xx"`
	// ExpectHeaders are headers that a good answer has, each with a regular expression
	// (RE2) that matches in its value; "" means any value.
	ExpectHeaders map[string]string `json:"expect_headers"`
	// BodyContains is a text that the first 1 MiB of the body has to contain.
	BodyContains string `json:"body_contains"`
	// BodyLacks is a text that the first 1 MiB of the body must not contain, such as
	// that of a maintenance page.
	BodyLacks string `json:"body_lacks"`
	// BodyMatches is a regular expression (RE2) that has to match in the first 1 MiB
	// of the body.
	BodyMatches string `json:"body_matches"`

	// Headers are sent beside our own, and not to another host that an answer
	// redirects to.
	Headers map[string]string `json:"headers"`
	// User is who to log in as by HTTP's basic authentication; "" means nobody. What
	// lets us in is not sent to another host that an answer redirects to.
	User string `json:"user"`
	// Password is the password of user.
	Password engine.Secret `json:"password"`
	// Token is sent as "Authorization: Bearer", in place of user.
	Token engine.Secret `json:"token"`

	// Host is the name to ask for (the Host header and SNI) in place of that in url.
	Host string `json:"host" format:"host"`
	// ResolveTo is the host or address to connect to in place of that in url; the
	// port stays.
	ResolveTo string `json:"resolve_to" format:"host"`
	// Insecure asks on although the certificate is not valid.
	Insecure bool `json:"insecure" default:"false"`
	// CAFile is a PEM file with authorities to trust beside those of this host.
	CAFile string `json:"ca_file" format:"path"`
	// ClientCertificate is a PEM file with the certificate to show when the server of
	// url asks for one, and those between it and its authority.
	ClientCertificate string `json:"client_certificate" format:"path"`
	// ClientKey is the PEM file with the key of client_certificate, without a
	// passphrase; "" means that it is in client_certificate.
	ClientKey string `json:"client_key" format:"path"`
}

// HTTP is the check probe.http.
//
// Each request has a new connection, as a new client's has, without proxy,
// cookies and compression; HTTP/2 is spoken where the server offers it. Of a body
// at most 1 MiB is read. An answer can redirect only to where policy lets us
// connect.
//
// Example:
//
//	page: { check: probe.http, with: { url: "https://www.example.com/health", requests: 20 } }
//
// By hand:
//
//	curl -sSL -o /dev/null -w '%{http_code} dns %{time_namelookup} connect %{time_connect} tls %{time_appconnect} first byte %{time_starttransfer} total %{time_total}\n' https://www.example.com/health
func (p Probes) HTTP() engine.Check[HTTPInput, HTTP] {
	return engine.Check[HTTPInput, HTTP]{
		Name: "probe.http",
		Doc:  "Whether a URL is answered as expected, how fast in each phase, and if not, how it fails.",
		Cost: 500 * time.Millisecond,
		Risk: engine.Load,
		RiskOf: func(in HTTPInput) engine.Risk {
			if in.Requests > 20 {
				return engine.Load
			}
			return engine.Read
		},
		Target:    targetHTTP,
		Plan:      planHTTP,
		Run:       p.lookHTTP,
		Summarize: summarizeHTTP,
	}
}

func summarizeHTTP(o HTTP) string {
	if o.Requests > 1 {
		return summarizeRequests(o)
	}
	url := reach.Clip(o.URL, 60)
	switch o.Outcome {
	case reach.OK, BadStatus:
		return fmt.Sprintf("%s %d in %s", url, o.Status, reach.Milliseconds(o.TotalSeconds))
	default:
		text := url + " " + o.Outcome.Words()
		if o.Error != "" {
			text += ": " + reach.Clip(o.Error, 60)
		}
		return text
	}
}

func summarizeRequests(o HTTP) string {
	parts := []string{fmt.Sprintf("%d requests", o.Requests)}
	for _, s := range o.Statuses[:min(3, len(o.Statuses))] {
		parts = append(parts, fmt.Sprintf("%d × %d", s.Count, s.Status))
	}
	for _, c := range o.Outcomes[:min(3, len(o.Outcomes))] {
		if c.Outcome != reach.OK && c.Outcome != BadStatus {
			parts = append(parts, fmt.Sprintf("%d × %s", c.Count, c.Outcome.Words()))
		}
	}
	switch {
	case o.P95Seconds > 0:
		parts = append(parts, "p95 "+reach.Milliseconds(o.P95Seconds))
	case o.MaxSeconds > 0:
		parts = append(parts, "at most "+reach.Milliseconds(o.MaxSeconds))
	}
	return strings.Join(parts, ", ")
}

// targetOf gives the host and port that a look with these inputs connects to
// first; the host is "" when the URL cannot be used.
func targetOf(in HTTPInput) (host string, port int, u *url.URL) {
	u, err := url.Parse(in.URL)
	if err != nil || u.Host == "" {
		return "", 0, u
	}
	if host, port, err = reach.Endpoint(u); err != nil {
		return "", 0, u
	}
	if in.ResolveTo != "" {
		host = in.ResolveTo
	}
	return host, port, u
}

func targetHTTP(in HTTPInput) string {
	host, port, _ := targetOf(in)
	if host == "" {
		return ""
	}
	return reach.JoinPort(host, port)
}

func planHTTP(in HTTPInput) []engine.Touch {
	host, port, u := targetOf(in)
	if host == "" {
		return nil
	}
	touches := append(reach.PlanName(host), engine.Touch{
		Kind: engine.TouchNetwork, What: reach.JoinPort(host, port) + " tcp", How: "connect, " + in.Method + " " + reach.ShownURL(u),
	})
	if in.FollowRedirects {
		touches = append(touches, engine.Touch{
			Kind: engine.TouchNetwork, What: "where an answer redirects to, as far as policy allows it, tcp",
			How: "look up, connect, " + in.Method,
		})
	}
	touches = append(touches, planFiles(in.ClientCertificate, in.ClientKey)...)
	return append(touches, reach.PlanAuthorities(in.CAFile)...)
}

func (p Probes) lookHTTP(ctx context.Context, call *engine.Call, in HTTPInput) (HTTP, error) {
	o := HTTP{Outcomes: []OutcomeCount{}, Statuses: []StatusCount{}, Samples: []Sample{}, Redirects: []Redirect{}}
	w, err := p.newWeb(in)
	if err != nil {
		return o, err
	}
	o.URL, o.Address = reach.ShownURL(w.url), targetHTTP(in)
	reproduceHTTP(call, w)
	if err := ctx.Err(); err != nil {
		return o, err
	}
	done, err := w.all(ctx)
	if err != nil {
		return o, err
	}
	o.summarise(call, done, in)
	return o, nil
}
