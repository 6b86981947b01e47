package probe

import "gumshoe/checks/reach"

// HTTP is what probe.http observes.
type HTTP struct {
	// Outcome is what came of it: ok; bad_status (not in expect_status); bad_header
	// (it lacks one of expect_headers); bad_body (it lacks what was looked for, or has
	// what it must not); refused, timed_out, reset, unreachable, name_not_found,
	// name_failed (as in probe.tcp; timed_out and reset also later: see phase);
	// tls_failed (no handshake, or the certificate is not valid: see error, and
	// certificate_outcome); closed (it closed the connection before the answer was
	// whole); protocol_error (what answers does not speak HTTP, or TLS); too_large
	// (headers beyond 256 KiB); too_many_redirects (more than 10); redirect_refused (it
	// redirects to where policy does not let us connect: see error). With several
	// requests it is ok when all are; else the outcome that most of the others have.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,bad_status,bad_header,bad_body,refused,timed_out,reset,unreachable,name_not_found,name_failed,tls_failed,closed,protocol_error,too_large,too_many_redirects,redirect_refused"`
	// Error says what is behind an outcome, as far as it was told, else "".
	Error string `json:"error" expr:"error"`
	// URL is the URL as asked for, without user, fragment and what looks secret.
	URL string `json:"url" expr:"url"`
	// Address is the host and port that the URL, or resolve_to, says to connect to.
	Address string `json:"address" expr:"address"`
	// Local says that the address is one of this host's own (of its network
	// namespace), so that the host's checks look at the server too; unread when the
	// name has no address.
	Local bool `json:"local" expr:"local"`

	// Requests is how many requests came to an end. It is less than asked for when
	// the step's time is over before, and when the first four get no answer in time.
	Requests int `json:"requests" expr:"requests"`
	// ErrorPercent is how many of requests are not ok, in percent.
	ErrorPercent float64 `json:"error_percent" expr:"error_percent"`
	// Outcomes are the outcomes of the requests, the most frequent first.
	Outcomes []OutcomeCount `json:"outcomes" expr:"outcomes"`
	// Statuses are the last statuses of the requests that have one, the most
	// frequent first.
	Statuses []StatusCount `json:"statuses" expr:"statuses"`
	// P50Seconds is the median time of a whole request, as are the following over the
	// requests that were answered and those that timed out, which count with the time
	// after which they were given up: it is at least this. Between two requests it is
	// interpolated. Unread without any.
	P50Seconds float64 `json:"p50_seconds" expr:"p50_seconds"`
	// P95Seconds is the time that 95 percent stay below; unread for fewer than 20.
	P95Seconds float64 `json:"p95_seconds" expr:"p95_seconds"`
	// P99Seconds is the time that 99 percent stay below; unread for fewer than 100.
	P99Seconds float64 `json:"p99_seconds" expr:"p99_seconds"`
	// MeanSeconds is the mean time.
	MeanSeconds float64 `json:"mean_seconds" expr:"mean_seconds"`
	// MaxSeconds is the longest time.
	MaxSeconds float64 `json:"max_seconds" expr:"max_seconds"`

	// Status is the status of the last answer, after redirects; unread without an
	// answer. It and all that follows are of one request: of those with this outcome
	// the one that took the median time.
	Status int `json:"status" expr:"status"`
	// Phase is how far it came: in which phase it failed or timed out, or done.
	Phase Phase `json:"phase" expr:"phase" enum:"dns,connect,tls,first_byte,transfer,done"`
	// DNSSeconds is the time to look up the name; 0 for an address. Each request has
	// a connection of its own, and each redirect another: the phases are sums.
	DNSSeconds float64 `json:"dns_seconds" expr:"dns_seconds"`
	// ConnectSeconds is the time to connect, with the addresses that did not answer;
	// unread unless connected.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// TLSSeconds is the time of the TLS handshake; 0 for http, unread unless it came
	// to an end.
	TLSSeconds float64 `json:"tls_seconds" expr:"tls_seconds"`
	// FirstByteSeconds is the time from sending the request to the first byte of the
	// answer: the server's own time and one round trip. Unread without an answer.
	FirstByteSeconds float64 `json:"first_byte_seconds" expr:"first_byte_seconds"`
	// TransferSeconds is the time from the first byte to the last that was read; unread
	// unless the body was read.
	TransferSeconds float64 `json:"transfer_seconds" expr:"transfer_seconds"`
	// TotalSeconds is the time of the whole request, until it was answered or failed.
	TotalSeconds float64 `json:"total_seconds" expr:"total_seconds"`
	// Redirects are the answers that redirect, in order, at most 10.
	Redirects []Redirect `json:"redirects" expr:"redirects"`
	// FinalURL is the URL that was asked for last, shown as url is.
	FinalURL string `json:"final_url" expr:"final_url"`
	// RemoteAddress is the address and port of the last connection; unread unless
	// connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// HTTPVersion is that of the answer: 1.0, 1.1 or 2; unread without an answer.
	HTTPVersion string `json:"http_version" expr:"http_version"`
	// ContentType is the answer's Content-Type, "" when it has none; unread without
	// an answer.
	ContentType string `json:"content_type" expr:"content_type"`
	// Server is the answer's Server, "" when it has none; unread without an answer.
	Server string `json:"server" expr:"server"`
	// RetryAfter is the answer's Retry-After, a number of seconds or a date, with which
	// a server that limits or is in maintenance says when to come again; "" when it
	// has none; unread without an answer.
	RetryAfter string `json:"retry_after" expr:"retry_after"`
	// ClockOffsetSeconds is how far the server's clock is ahead of ours by the answer's
	// Date, negative when it is behind. A Date has whole seconds, and a page from a
	// cache may be old: below a minute it means nothing. Unread when there is none.
	ClockOffsetSeconds float64 `json:"clock_offset_seconds" expr:"clock_offset_seconds"`
	// ContentBytes is how long the body is by the answer's Content-Length; unread when
	// it does not say.
	ContentBytes int64 `json:"content_bytes" expr:"content_bytes"`
	// BodyBytes is how much of the body was read, at most 1 MiB, also when the rest did
	// not come; unread without an answer.
	BodyBytes int64 `json:"body_bytes" expr:"body_bytes"`
	// Truncated says that the body is longer than the 1 MiB that was read; unread
	// unless the body was read.
	Truncated bool `json:"truncated" expr:"truncated"`
	// BodyMatched says that the first 1 MiB of the body is as body_contains,
	// body_lacks and body_matches say; unread when nothing was asked of it, or the body
	// was not read.
	BodyMatched bool `json:"body_matched" expr:"body_matched"`
	// CertificateOutcome is what verifying the server's certificate came to, as in
	// probe.tls; unread without a certificate.
	CertificateOutcome reach.Outcome `json:"certificate_outcome" expr:"certificate_outcome" enum:"valid,expired,not_yet_valid,wrong_host,self_signed,incomplete_chain,unknown_authority,invalid"`
	// CertificateDaysLeft is the number of days until the server's certificate
	// expires, below 0 when it has; unread without one.
	CertificateDaysLeft float64 `json:"certificate_days_left" expr:"certificate_days_left"`

	// Samples are the requests, in the order in which they were begun.
	Samples []Sample `json:"samples" expr:"samples"`
}

// Phase is a part of a request, in the order in which they come.
type Phase string

// The phases of a request.
const (
	PhaseDNS       Phase = "dns"
	PhaseConnect   Phase = "connect"
	PhaseTLS       Phase = "tls"
	PhaseFirstByte Phase = "first_byte"
	PhaseTransfer  Phase = "transfer"
	PhaseDone      Phase = "done"
)

// OutcomeCount is how often an outcome came.
type OutcomeCount struct {
	// Outcome is as in outcome.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,bad_status,bad_header,bad_body,refused,timed_out,reset,unreachable,name_not_found,name_failed,tls_failed,closed,protocol_error,too_large,too_many_redirects,redirect_refused"`
	// Count is how many requests have it.
	Count int `json:"count" expr:"count"`
}

// StatusCount is how often a status came.
type StatusCount struct {
	// Status is the code, such as 503.
	Status int `json:"status" expr:"status"`
	// Count is how many requests have it.
	Count int `json:"count" expr:"count"`
}

// Sample is one request. Its times are what it spent in each phase, whether that
// came to an end or not: 0 for one that it did not come to. What connect_seconds
// or first_byte_seconds of all samples have in common is the server's, what one
// has alone is a lost packet's or a queue's.
type Sample struct {
	// Outcome is as in outcome.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,bad_status,bad_header,bad_body,refused,timed_out,reset,unreachable,name_not_found,name_failed,tls_failed,closed,protocol_error,too_large,too_many_redirects,redirect_refused"`
	// Status is that of the last answer; 0 without an answer.
	Status int `json:"status" expr:"status"`
	// Phase is as in phase.
	Phase Phase `json:"phase" expr:"phase" enum:"dns,connect,tls,first_byte,transfer,done"`
	// DNSSeconds is the time spent on looking up names.
	DNSSeconds float64 `json:"dns_seconds" expr:"dns_seconds"`
	// ConnectSeconds is the time spent on connecting. A lost packet makes it one
	// second, two make it three: after so long the kernel sends it again.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// TLSSeconds is the time spent on TLS handshakes.
	TLSSeconds float64 `json:"tls_seconds" expr:"tls_seconds"`
	// FirstByteSeconds is the time spent on waiting for first bytes.
	FirstByteSeconds float64 `json:"first_byte_seconds" expr:"first_byte_seconds"`
	// TransferSeconds is the time spent on reading answers.
	TransferSeconds float64 `json:"transfer_seconds" expr:"transfer_seconds"`
	// TotalSeconds is the time of the whole request.
	TotalSeconds float64 `json:"total_seconds" expr:"total_seconds"`
	// RemoteAddress is the address and port of the last connection; "" without one.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
}

// Redirect is an answer that says to ask elsewhere.
type Redirect struct {
	// URL is what was asked for, shown as url is.
	URL string `json:"url" expr:"url"`
	// Status is that of the answer, such as 301.
	Status int `json:"status" expr:"status"`
}

// The outcomes that only probe.http has.
const (
	BadStatus        reach.Outcome = "bad_status"
	BadHeader        reach.Outcome = "bad_header"
	BadBody          reach.Outcome = "bad_body"
	TooLarge         reach.Outcome = "too_large"
	TooManyRedirects reach.Outcome = "too_many_redirects"
	RedirectRefused  reach.Outcome = "redirect_refused"
)
