package probe

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/checks/probe/nginxtest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// TestHTTPNginx asks a real server for pages that it answers well and badly.
func TestHTTPNginx(t *testing.T) {
	t.Parallel()
	s := nginxtest.Start(t, nginxtest.Options{})
	for _, tt := range []struct {
		page   string
		in     map[string]any
		want   reach.Outcome
		status int
		phase  Phase
		more   func(HTTP) bool
	}{
		{"/", map[string]any{"expect_headers": map[string]any{"server": "^nginx$", "content-length": ""}}, reach.OK, 200, PhaseDone, func(o HTTP) bool {
			return o.Server == "nginx" && o.HTTPVersion == "1.1" && o.ContentBytes == o.BodyBytes && o.ContentBytes == 12 && o.Local && o.RetryAfter == ""
		}},
		{"/", map[string]any{"expect_headers": map[string]any{"server": "apache"}}, BadHeader, 200, PhaseDone, func(o HTTP) bool { return strings.Contains(o.Error, "server") }},
		{"/", map[string]any{"expect_headers": map[string]any{"x-cache": ""}}, BadHeader, 200, PhaseDone, func(o HTTP) bool { return strings.Contains(o.Error, "x-cache") }},
		{"/", map[string]any{"body_lacks": "well"}, BadBody, 200, PhaseDone, func(o HTTP) bool { return !o.BodyMatched }},
		{"/", map[string]any{"body_lacks": "maintenance", "body_contains": "well"}, reach.OK, 200, PhaseDone, func(o HTTP) bool { return o.BodyMatched }},
		{"/nowhere", nil, BadStatus, 404, PhaseDone, nil},
		{"/private", nil, BadStatus, 401, PhaseDone, nil},
		{"/private", map[string]any{"user": "user", "password": "open"}, reach.OK, 200, PhaseDone, nil},
		{"/private", map[string]any{"user": "user", "password": "wrong"}, BadStatus, 401, PhaseDone, nil},
		{"/redirect/3", nil, reach.OK, 200, PhaseDone, func(o HTTP) bool { return len(o.Redirects) == 3 && o.Redirects[1].Status == 302 }},
		{"/redirect/3", map[string]any{"follow_redirects": false}, reach.OK, 301, PhaseDone, func(o HTTP) bool { return len(o.Redirects) == 0 }},
		{"/loop", nil, TooManyRedirects, 302, PhaseDone, func(o HTTP) bool { return len(o.Redirects) == 10 && o.Redirects[0].URL == o.FinalURL }},
		{"/to-https", map[string]any{"ca_file": s.Root}, reach.OK, 200, PhaseDone, func(o HTTP) bool {
			return o.HTTPVersion == "2" && o.TLSSeconds > 0 && o.CertificateOutcome == Valid && o.CertificateDaysLeft > 79
		}},
		{"/to-https", nil, reach.TLSFailed, 301, PhaseTLS, func(o HTTP) bool { return o.CertificateOutcome == UnknownAuthority }},
		{"/gzip", map[string]any{"headers": map[string]any{"Accept-Encoding": "gzip"}}, reach.OK, 200, PhaseDone, func(o HTTP) bool { return o.BodyBytes < 80 && o.BodyBytes > 40 && o.ContentBytes == 0 }},
		{"/gzip", map[string]any{"body_contains": "over and over"}, reach.OK, 200, PhaseDone, nil},
		{"/large", nil, reach.OK, 200, PhaseDone, func(o HTTP) bool { return o.Truncated && o.BodyBytes == maxBody && o.ContentBytes == 10<<30 }},
		{"/large", map[string]any{"method": "HEAD"}, reach.OK, 200, PhaseDone, func(o HTTP) bool { return o.BodyBytes == 0 && o.ContentBytes == 10<<30 }},
		{"/maintenance", nil, BadStatus, 503, PhaseDone, func(o HTTP) bool { return o.RetryAfter == "120" }},
		{"/upstream", nil, reach.OK, 200, PhaseDone, nil},
		{"/upstream-down", nil, BadStatus, 502, PhaseDone, nil},
		{"/upstream-hung", nil, BadStatus, 504, PhaseDone, func(o HTTP) bool { return o.FirstByteSeconds >= 1 && o.TransferSeconds < 1 }},
		{"/upstream?status=500", nil, BadStatus, 500, PhaseDone, nil},
		{"/upstream?first_byte=200ms", nil, reach.OK, 200, PhaseDone, func(o HTTP) bool { return o.FirstByteSeconds >= 0.2 }},
		{"/upstream?body=200ms", nil, reach.OK, 200, PhaseDone, func(o HTTP) bool { return o.TransferSeconds > 0.1 }},
		{"/upstream?hang", map[string]any{"timeout": "1s"}, reach.TimedOut, 0, PhaseFirstByte, func(o HTTP) bool { return o.Samples[0].FirstByteSeconds > 0.1 }},
		{"/upstream?drip", map[string]any{"timeout": "1s"}, reach.TimedOut, 200, PhaseTransfer, func(o HTTP) bool { return o.Samples[0].TransferSeconds > 0.1 && o.BodyBytes == 5 }},
		{"/upstream?hang", map[string]any{"timeout": "1s", "requests": 20}, reach.TimedOut, 0, PhaseFirstByte, func(o HTTP) bool { return o.Requests == enoughSilence && o.ErrorPercent == 100 }},
	} {
		t.Run(strings.TrimPrefix(tt.page, "/"), func(t *testing.T) {
			t.Parallel()
			in := map[string]any{"url": s.URL(nginxtest.Plain, tt.page)}
			maps.Copy(in, tt.in)
			got, o := checktest.Observe[HTTP](t, New(nil).HTTP(), in)
			if got.Outcome != tt.want || got.Status != tt.status || got.Phase != tt.phase || tt.more != nil && !tt.more(got) {
				t.Errorf("got %s (%s) %d in %s; want %s, %d in %s\n%+v", got.Outcome, got.Error, got.Status, got.Phase, tt.want, tt.status, tt.phase, got)
			}
			if complete := o.Status == engine.Observed; complete != (tt.want == reach.OK || tt.want == BadStatus || tt.want == BadBody || tt.want == BadHeader) {
				t.Errorf("got %s; unread %v", o.Status, o.Unread)
			}
		})
	}
}

// TestHTTPNginxLimits: what a server answers to one client too many, of whom it
// has taken others.
func TestHTTPNginxLimits(t *testing.T) {
	s := nginxtest.Start(t, nginxtest.Options{})
	got, o := checktest.Observe[HTTP](t, New(nil).HTTP(), map[string]any{"url": s.URL(nginxtest.Plain, "/limit-requests"), "requests": 4})
	if got.Outcome != BadStatus || got.Status != http.StatusTooManyRequests || got.ErrorPercent != 75 || len(got.Samples) != 4 || got.Samples[0].Status != 200 || got.Samples[1].Status != 429 {
		t.Errorf("requests: got %+v", got)
	}
	if o.Status != engine.Observed || !checktest.HasUnread(o, "p95_seconds") || got.MeanSeconds <= 0 || got.MeanSeconds > got.MaxSeconds {
		t.Errorf("got %s, unread %v", o.Status, o.Unread)
	}
	got, _ = checktest.Observe[HTTP](t, New(nil).HTTP(), map[string]any{"url": s.URL(nginxtest.Plain, "/limit-connections?first_byte=2s"), "requests": 2, "concurrency": 2})
	if got.Outcome != BadStatus || got.Status != http.StatusServiceUnavailable || got.ErrorPercent != 50 {
		t.Errorf("connections: got %+v", got)
	}
}

// TestHTTPNginxDown: what stops, hangs, or has no connection left.
func TestHTTPNginxDown(t *testing.T) {
	s := nginxtest.Start(t, nginxtest.Options{Connections: 20})
	url := s.URL(nginxtest.Plain, "/")
	look := func(want reach.Outcome, phase Phase) {
		t.Helper()
		timeout := "10s"
		if want == reach.TimedOut {
			timeout = "1s"
		}
		got, _ := checktest.Observe[HTTP](t, New(nil).HTTP(), map[string]any{"url": url, "timeout": timeout})
		if got.Outcome != want || got.Phase != phase {
			t.Errorf("got %s (%s) in %s, want %s in %s", got.Outcome, got.Error, got.Phase, want, phase)
		}
	}
	s.Pause()
	look(reach.TimedOut, PhaseFirstByte)
	s.Resume()
	release := s.Hold(t)
	got, _ := checktest.Observe[HTTP](t, New(nil).HTTP(), map[string]any{"url": url, "timeout": "10s"})
	if got.Outcome != reach.Closed && got.Outcome != reach.Reset || got.Phase != PhaseFirstByte {
		t.Errorf("without connections: got %s (%s) in %s", got.Outcome, got.Error, got.Phase)
	}
	release()
	s.Stop()
	look(reach.RefusedByIt, PhaseConnect)
	s.Restart(t)
	got, _ = checktest.Observe[HTTP](t, New(nil).HTTP(), map[string]any{"url": url})
	if got.Outcome != reach.OK {
		t.Errorf("after all that: got %s (%s)", got.Outcome, got.Error)
	}
}

// TestHTTPNginxCertificates: the page is the same, only who vouches for it is not.
func TestHTTPNginxCertificates(t *testing.T) {
	s := nginxtest.Start(t, nginxtest.Options{})
	for _, tt := range []struct {
		site  string
		in    map[string]any
		want  reach.Outcome
		bad   reach.Outcome // of the certificate; "" when none was seen
		error string
	}{
		{nginxtest.Valid, nil, reach.OK, Valid, ""},
		{nginxtest.Expired, nil, reach.TLSFailed, Expired, "expired"},
		{nginxtest.NotYetValid, nil, reach.TLSFailed, NotYetValid, "not yet valid"},
		{nginxtest.WrongHost, nil, reach.TLSFailed, WrongHost, "wrong host"},
		{nginxtest.SelfSigned, nil, reach.TLSFailed, SelfSigned, "self signed"},
		{nginxtest.IncompleteChain, nil, reach.TLSFailed, IncompleteChain, "incomplete chain"},
		{nginxtest.UnknownAuthority, nil, reach.TLSFailed, UnknownAuthority, "unknown authority"},
		{nginxtest.UnknownAuthority, map[string]any{"insecure": true}, reach.OK, UnknownAuthority, ""},
		{nginxtest.ClientNeeded, nil, BadStatus, Valid, ""},
		{nginxtest.ClientNeeded, map[string]any{"client_certificate": s.Stranger}, BadStatus, Valid, ""},
		{nginxtest.ClientNeeded, map[string]any{"client_certificate": s.Client}, reach.OK, Valid, ""},
		{nginxtest.OldTLS, nil, reach.TLSFailed, "", "protocol version"},
	} {
		t.Run(tt.site, func(t *testing.T) {
			in := map[string]any{"url": s.URL(tt.site, "/"), "ca_file": s.Root}
			maps.Copy(in, tt.in)
			got, o := checktest.Observe[HTTP](t, New(nil).HTTP(), in)
			if got.Outcome != tt.want || got.CertificateOutcome != tt.bad || !strings.Contains(got.Error, tt.error) {
				t.Errorf("got %s (%s), certificate %q; want %s (%s), %q", got.Outcome, got.Error, got.CertificateOutcome, tt.want, tt.error, tt.bad)
			}
			if checktest.HasUnread(o, "certificate_outcome") != (tt.bad == "") || got.Outcome == reach.TLSFailed && got.Phase != PhaseTLS {
				t.Errorf("unread %v, phase %s", o.Unread, got.Phase)
			}
		})
	}
}
