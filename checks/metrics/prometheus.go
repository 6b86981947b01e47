// Package metrics asks what others have measured: it queries Prometheus, and what
// speaks its API (Thanos, Mimir, Cortex, VictoriaMetrics).
package metrics

import (
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/checks/webapi"
	"gumshoe/engine"
)

// Queries makes the checks that query for metrics.
type Queries struct{ allow *reach.AllowList }

// New gives the checks that connect to what the list allows; nil allows every
// target that is not guarded.
func New(allow *reach.AllowList) Queries { return Queries{allow} }

// PrometheusInput are the inputs of metrics.prometheus.
type PrometheusInput struct {
	// URL is where the server is, such as http://prometheus.example.com:9090, with
	// the path before /api/v1 where there is one. A user and password in it are sent
	// and never shown.
	URL string `json:"url" required:"true" format:"url"`
	// Query is the PromQL. Values that come from an input or an alert go into match,
	// never into the text.
	Query string `json:"query" required:"true" program:"match"`
	// Match are labels and the values that they have to have; the query says where,
	// as in rate(http_requests_total{job="api",$match}[5m]). The values are quoted.
	Match map[string]string `json:"match"`
	// By is the labels by whose values the output's by is read, such as [pod].
	// The query leaves a series for each of them: sum by (pod) (…).
	By []string `json:"by"`
	// Since is how long the window is when it is not known when the trouble began.
	// Where it is, the window is from five minutes before.
	Since time.Duration `json:"since" default:"15m" min:"1m" max:"720h"`
	// Resolution is the time between two values in the window; 0 is a 240th of it,
	// and at least 15s.
	Resolution time.Duration `json:"resolution" default:"0s" min:"0s" max:"24h"`
	// Instant is whether to ask for the value now alone, or with a query such as up[5m] for the
	// samples as they were scraped.
	Instant bool `json:"instant" default:"false"`
	// Timeout is how long the server may take.
	Timeout time.Duration `json:"timeout" default:"10s" min:"10ms" max:"2m"`

	// User is who to log in as by HTTP's basic authentication; "" means nobody.
	User string `json:"user"`
	// Password is the user's.
	Password engine.Secret `json:"password"`
	// Token is sent as "Authorization: Bearer", in place of user.
	Token engine.Secret `json:"token"`
	// Headers are sent beside our own, such as X-Scope-OrgID.
	Headers map[string]string `json:"headers"`
	// CAFile is a PEM file with authorities to trust beside those of this host.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the server's certificate has to have; "" means the
	// host in url.
	ServerName string `json:"server_name" format:"host"`
	// CertFile is a PEM file with the certificate to show; "" means none.
	CertFile string `json:"cert_file" format:"path"`
	// KeyFile is the PEM file with its key, without a passphrase; "" means that it is
	// in cert_file.
	KeyFile string `json:"key_file" format:"path"`
}

// Prometheus is the check metrics.prometheus.
//
// It asks once for the window and the equal window before it, and compares the
// two. The window is from five minutes before the onset to now, or the last
// since. Prometheus itself repeats the last sample of a series for up to five
// minutes, unless it knows that its target is gone. When a query gives nothing,
// it is asked which of the query's metrics exist at all.
//
// Example:
//
//	errors:
//	  check: metrics.prometheus
//	  with:
//	    url: "http://prometheus.example.com:9090"
//	    query: sum by (pod) (rate(http_requests_total{code=~"5..",$match}[5m]))
//	    match: { job: checkout }
//	    by: [pod]
//
// By hand:
//
//	promtool query range --start "$(date -d -30min +%s)" http://prometheus.example.com:9090 'sum by (pod) (rate(http_requests_total{code=~"5..",job="checkout"}[5m]))'
func (q Queries) Prometheus() engine.Check[PrometheusInput, Prometheus] {
	return engine.Check[PrometheusInput, Prometheus]{
		Name:      "metrics.prometheus",
		Doc:       "What a PromQL query gives: each series with its last value, statistics, trend and steps, against the window before.",
		Cost:      300 * time.Millisecond,
		Risk:      engine.Load,
		RiskOf:    riskPrometheus,
		Target:    targetPrometheus,
		Plan:      planPrometheus,
		Run:       q.lookPrometheus,
		Summarize: summarizePrometheus,
	}
}

// riskPrometheus: a long window makes the server read much.
func riskPrometheus(in PrometheusInput) engine.Risk {
	if !in.Instant && in.Since > 24*time.Hour {
		return engine.Load
	}
	return engine.Read
}

// targetPrometheus: what is looked at is what the query is about, so that several
// queries to one server do not wait for each other.
func targetPrometheus(in PrometheusInput) string {
	api, err := in.api()
	if err != nil {
		return ""
	}
	query, err := expand(in.Query, in.Match)
	if err != nil {
		query = in.Query
	}
	return api.Address() + " " + query
}

func planPrometheus(in PrometheusInput) []engine.Touch {
	api, err := in.api()
	if err != nil {
		return nil
	}
	return api.Plan("HTTP GET of " + in.path() + ", and where that gives nothing, of /api/v1/label/__name__/values")
}

func (in PrometheusInput) api() (webapi.API, error) {
	return webapi.New(in.URL, webapi.Access{
		User: in.User, Password: in.Password, Token: in.Token, Headers: in.Headers,
		TLS: reach.TLSFiles{ServerName: in.ServerName, CA: in.CAFile, Certificate: in.CertFile, Key: in.KeyFile},
	})
}

func (in PrometheusInput) path() string {
	if in.Instant {
		return "/api/v1/query"
	}
	return "/api/v1/query_range"
}

// beforeOnset is how long before the onset the window begins.
const beforeOnset = 5 * time.Minute

// span is the window, and the equal one before it.
type span struct {
	before, from, to time.Time
	resolution       time.Duration
	instant          bool
	onset            time.Time // zero when it is not known
}

// mostValues is how many values of one series a window may have.
const mostValues = 2000

// span gives the times to ask for. The last value is that of now.
func (in PrometheusInput) span(incident engine.Incident, now time.Time) (span, error) {
	window := in.Since
	s := span{to: now.Round(time.Millisecond).UTC(), instant: in.Instant}
	if incident.AgeSeconds > 0 {
		s.onset = incident.Onset
		window = now.Sub(incident.Onset) + beforeOnset
	}
	s.resolution = in.Resolution
	if s.resolution == 0 {
		s.resolution = max(15*time.Second, (window / 240).Round(time.Second))
	}
	values := int((window + s.resolution - 1) / s.resolution)
	if values > mostValues {
		return s, fmt.Errorf("resolution: a window of %s has %d values at this one, and at most %d are asked for", window.Round(time.Second), values, mostValues)
	}
	whole := time.Duration(values) * s.resolution
	s.from = s.to.Add(-whole)
	s.before = s.from.Add(-whole)
	return s, nil
}

// parameters are those of the request.
func (s span) parameters(query string, timeout time.Duration) url.Values {
	values := url.Values{"query": {query}, "timeout": {strconv.FormatInt(timeout.Milliseconds(), 10) + "ms"}}
	if s.instant {
		values.Set("time", unix(s.to))
		return values
	}
	values.Set("start", unix(s.before))
	values.Set("end", unix(s.to))
	values.Set("step", strconv.FormatFloat(s.resolution.Seconds(), 'f', -1, 64))
	return values
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

func summarizePrometheus(o Prometheus) string {
	switch o.Outcome {
	case reach.OK:
	case NoMetric:
		return "no metric is called " + reach.Clip(strings.Join(o.MissingMetrics, ", "), 60)
	case Empty, Stale:
		return o.Outcome.Words() + ": the query gives nothing now"
	default:
		text := reach.Clip(o.Address, 40) + " " + o.Outcome.Words()
		if o.Error != "" {
			text += ": " + reach.Clip(o.Error, 80)
		}
		return text
	}
	if o.SeriesCount == 1 && len(o.Series) == 1 {
		return o.Series[0].summary()
	}
	names := make([]string, 0, 3)
	for _, s := range o.Series[:min(3, len(o.Series))] {
		names = append(names, reach.Clip(s.Name, 30)+" "+short(s.Last))
	}
	return fmt.Sprintf("%d series: %s", o.SeriesCount, strings.Join(names, ", "))
}

func (s Series) summary() string {
	text := short(s.Last)
	if s.Before.Samples > 0 {
		text += fmt.Sprintf(", on average %s and %s before", short(s.Window.Mean), short(s.Before.Mean))
	}
	return text
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }

// reproduce gives the command that asks the same.
func reproduce(call *engine.Call, api webapi.API, in PrometheusInput, parameters url.Values) {
	typed := maps.Clone(parameters)
	delete(typed, "timeout")
	api.Reproduce(call, in.path(), typed)
}
