package metrics

import (
	"time"

	"gumshoe/checks/reach"
)

// The ways in which a query can end beside those of package reach.
const (
	Empty         reach.Outcome = "empty"
	Stale         reach.Outcome = "stale"
	NoMetric      reach.Outcome = "no_metric"
	BadQuery      reach.Outcome = "bad_query"
	QueryFailed   reach.Outcome = "query_failed"
	QueryTimedOut reach.Outcome = "query_timed_out"
	TooExpensive  reach.Outcome = "too_expensive"
	NotReady      reach.Outcome = "not_ready"
	NotFound      reach.Outcome = "not_found"
	Redirected    reach.Outcome = "redirected"
)

// Prometheus is what metrics.prometheus observes.
type Prometheus struct {
	// Outcome tells what came of it: ok when the query gives a value now; empty when it gives none in
	// either window, stale when it gave values and gives none now, no_metric when it
	// gives none and the server has never heard of a metric in it; else how asking
	// failed: bad_query (error says where), query_failed, query_timed_out,
	// too_expensive, not_ready (it starts, or its gateway does not reach it),
	// not_found (there is no such API below the URL), redirected (as to a login
	// page), or why there was no answer.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,empty,stale,no_metric,bad_query,query_failed,query_timed_out,too_expensive,not_ready,not_found,redirected,auth_failed,no_permission,refused,timed_out,reset,unreachable,name_not_found,name_failed,closed,tls_failed,protocol_error"`
	// Error is what the server said, or what is wrong with its answer; "" when there
	// is no more to say.
	Error string `json:"error" expr:"error"`
	// Address is the host and port that was asked.
	Address string `json:"address" expr:"address"`
	// RemoteAddress is the address and port that answered.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// ResolveSeconds is how long looking up the name took; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is how long connecting took.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// QuerySeconds is how long the whole exchange took.
	QuerySeconds float64 `json:"query_seconds" expr:"query_seconds"`
	// Query is what was asked, with the labels to match in it.
	Query string `json:"query" expr:"query"`
	// From and To are the window. The one before it is as long, and ends at from.
	From time.Time `json:"from" expr:"from"`
	// To is the end of the window: now.
	To time.Time `json:"to" expr:"to"`
	// ResolutionSeconds is the time between two values of a series.
	ResolutionSeconds float64 `json:"resolution_seconds" expr:"resolution_seconds"`

	// Value is the last value of the only series; unread when there are more.
	Value float64 `json:"value" expr:"value"`
	// Single is the only series; unread when there are more.
	Single Series `json:"single" expr:"single"`
	// SeriesCount is the number of series that have a value in the window. The
	// window before can have had more.
	SeriesCount int `json:"series_count" expr:"series_count"`
	// GoneCount is how many of them have no value now.
	GoneCount int `json:"gone_count" expr:"gone_count"`
	// Series are those with a value in the window, the one with the largest last
	// value first and those that are gone at the end: at most 50. Unread when there
	// were more, or when the server warns that its answer is incomplete; then it has
	// those that it has.
	Series []Series `json:"series" expr:"series"`
	// By are the series by their values of the labels of the input by; of several
	// labels joined by "/". Unread when two series have the same, and when series
	// is.
	By map[string]Series `json:"by" expr:"by"`
	// Steps are the lasting changes of level of the series, the largest first, over
	// both windows.
	Steps []Step `json:"steps" expr:"steps"`
	// Ended are the names of the series that have values in the window before and
	// none in the window. At most 50.
	Ended []string `json:"ended" expr:"ended"`
	// MissingMetrics are the metrics in the query of which the server has no series
	// in either window. Unread when the query gives something: then nobody asked.
	MissingMetrics []string `json:"missing_metrics" expr:"missing_metrics"`
	// Warnings are those of the server. At most 10.
	Warnings []string `json:"warnings" expr:"warnings"`
}

// Series is one series that a query gives.
type Series struct {
	// Name is how the labels of the input by have it, of several joined by "/";
	// without the input the metric with its labels, as Prometheus writes it.
	Name string `json:"name" expr:"name"`
	// Labels are its labels; the metric's name is __name__. At most 64.
	Labels map[string]string `json:"labels" expr:"labels"`
	// State is current when it has a value now, and gone when its last is older.
	State string `json:"state" expr:"state" enum:"current,gone"`
	// New tells whether it had no value in the window before.
	New bool `json:"new" expr:"new"`
	// Last is its value now; unread when it is gone, and when that is no finite
	// number, as of a rate of errors among no requests.
	Last float64 `json:"last" expr:"last"`
	// LastAgeSeconds is the age of its last value.
	LastAgeSeconds float64 `json:"last_age_seconds" expr:"last_age_seconds"`
	// Window is what its values in the window say.
	Window Stats `json:"window" expr:"window"`
	// Before is what those in the window before say; unread when there are none.
	Before Stats `json:"before" expr:"before"`
	// ChangePercent is by how much the mean in the window differs from that in the
	// window before, in percent of that; unread when that is 0.
	ChangePercent float64 `json:"change_percent" expr:"change_percent"`
	// Deviation is by how many standard deviations of the window before (as its
	// median absolute deviation tells them) the median in the window is above the
	// median there; unread when the values there do not vary, or are fewer than 8.
	Deviation float64 `json:"deviation" expr:"deviation"`
	// Stepped tells whether it is in steps; unread for fewer than 8 values.
	Stepped bool `json:"stepped" expr:"stepped"`
}

// Stats are statistics of the finite values of a series in a window. All but the
// first two are unread when there is none.
type Stats struct {
	// Samples is the number of values.
	Samples int `json:"samples" expr:"samples"`
	// NotFinite is the number of further values that are no finite number.
	NotFinite int `json:"not_finite" expr:"not_finite"`
	// First is the oldest.
	First float64 `json:"first" expr:"first"`
	// Min is the smallest.
	Min float64 `json:"min" expr:"min"`
	// Max is the largest.
	Max float64 `json:"max" expr:"max"`
	// Mean is their mean.
	Mean float64 `json:"mean" expr:"mean"`
	// P50 is their median.
	P50 float64 `json:"p50" expr:"p50"`
	// P95 is the 95th percentile; unread for fewer than 20.
	P95 float64 `json:"p95" expr:"p95"`
	// SlopePerSecond is how much they grow a second, by the line of least squares,
	// as deriv() has it; unread for fewer than two.
	SlopePerSecond float64 `json:"slope_per_second" expr:"slope_per_second"`
}

// Step is a lasting change of level of a series.
type Step struct {
	// Name is that of the series.
	Name string `json:"name" expr:"name"`
	// At is when the first value of the new level was taken.
	At time.Time `json:"at" expr:"at"`
	// BeforeOnsetSeconds is the time from then to the onset, negative when it was
	// after; unread when the onset is not known.
	BeforeOnsetSeconds float64 `json:"before_onset_seconds" expr:"before_onset_seconds"`
	// From is the median before.
	From float64 `json:"from" expr:"from"`
	// To is the median since.
	To float64 `json:"to" expr:"to"`
	// Score is how far the levels are apart, in standard deviations of what they
	// leave over; at least 3, and at most 1000.
	Score float64 `json:"score" expr:"score"`
}
