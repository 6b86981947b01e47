package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// site is a server of pages that tests want.
func site(t testing.TB) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "test/1\x1b[2J"[:6])
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "all is well "+r.Host)
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "%s %s %s %s|%s|%s|%s", r.Method, r.Host, user, password, r.UserAgent(), r.Header.Get("Accept-Encoding"), r.Header.Get("X-Test"))
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Authorization")) })
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.PathValue("code"))
		w.WriteHeader(code)
	})
	mux.HandleFunc("/size/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		bytes, _ := strconv.Atoi(r.PathValue("bytes"))
		_, _ = io.WriteString(w, strings.Repeat("x", bytes))
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 64<<10)
		for {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "only this")
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 400 {
			w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("x", 1000))
		}
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("url"))
		w.WriteHeader(http.StatusMovedPermanently)
	})
	return mux
}

func start(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(site(t))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

// secureSite serves the same by TLS, with HTTP/2 when h2.
func secureSite(t testing.TB, pair tls.Certificate, h2 bool) string {
	t.Helper()
	s := httptest.NewUnstartedServer(site(t))
	s.EnableHTTP2, s.TLS = h2, &tls.Config{Certificates: []tls.Certificate{pair}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not like its certificate
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

func TestHTTPConforms(t *testing.T) {
	checktest.Run(t, New(nil).HTTP(), map[string]any{"url": start(t) + "/ok", "requests": 3, "concurrency": 2, "headers": map[string]any{"X-A": "b"}})
}

func TestHTTPConformsTLS(t *testing.T) {
	root := issue(t, nil, authority("root"))
	checktest.Run(t, New(nil).HTTP(), map[string]any{"url": secureSite(t, issue(t, root, nil).pair(), true) + "/ok", "ca_file": file(t, nil, root)})
}

func TestHTTPOK(t *testing.T) {
	at := start(t)
	got, o := checktest.Observe[HTTP](t, New(allow(t, "127.0.0.1")).HTTP(), map[string]any{"url": at + "/ok", "body_contains": "well", "body_matches": "^all"})
	if got.Outcome != reach.OK || got.Status != 200 || got.HTTPVersion != "1.1" || got.Server != "test/1" || got.ContentType != "text/plain" ||
		!got.BodyMatched || got.BodyBytes < 12 || got.Truncated || "http://"+got.RemoteAddress != at || got.Requests != 1 || got.ErrorPercent != 0 {
		t.Errorf("got %+v", got)
	}
	sum := got.DNSSeconds + got.ConnectSeconds + got.TLSSeconds + got.FirstByteSeconds + got.TransferSeconds
	if got.ConnectSeconds <= 0 || got.FirstByteSeconds <= 0 || sum > got.TotalSeconds || got.TLSSeconds != 0 || got.P50Seconds != got.TotalSeconds || got.MaxSeconds != got.TotalSeconds {
		t.Errorf("phases of %+v", got)
	}
	for field, want := range map[string]bool{"p50_seconds": false, "p95_seconds": true, "p99_seconds": true, "certificate_days_left": true, "body_matched": false, "status": false} {
		if checktest.HasUnread(o, field) != want {
			t.Errorf("%s: unread %v", field, !want)
		}
	}
}

func TestHTTPOutcomes(t *testing.T) {
	at := start(t)
	say := func(text string) string {
		return "http://" + checktest.Peer(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, text)
			_, _ = io.Copy(io.Discard, conn)
		})
	}
	for _, tt := range []struct {
		name, url string
		in        map[string]any
		want      reach.Outcome
		error     string
		unread    string // fields, and the next must be read
		read      string
	}{
		{"500", at + "/status/500", nil, BadStatus, "", "", "status total_seconds body_bytes"},
		{"404 that is wanted", at + "/status/404", map[string]any{"expect_status": "404"}, reach.OK, "", "", "status"},
		{"200 that is not wanted", at + "/ok", map[string]any{"expect_status": "500-599,3xx"}, BadStatus, "", "", "status"},
		{"the wrong body", at + "/ok", map[string]any{"body_contains": "broken"}, BadBody, "", "", "body_matched"},
		{"a body that does not match", at + "/ok", map[string]any{"body_matches": "^well"}, BadBody, "", "", "body_matched"},
		{"HEAD", at + "/ok", map[string]any{"method": "HEAD"}, reach.OK, "", "", "status body_bytes"},
		{"nothing listens", "http://" + closed(t), nil, reach.RefusedByIt, "", "status connect_seconds remote_address first_byte_seconds body_bytes p50_seconds", "total_seconds"},
		{"the queue is full", "http://" + silent(t), nil, reach.TimedOut, "", "status connect_seconds", "p50_seconds"},
		{"accepts and is silent", "http://" + listen(t).Addr().String(), nil, reach.TimedOut, "", "status first_byte_seconds", "connect_seconds remote_address"},
		{"hangs", at + "/hang", nil, reach.TimedOut, "", "status first_byte_seconds", "connect_seconds max_seconds"},
		{"hangs in the body", at + "/drip", nil, reach.TimedOut, "", "truncated transfer_seconds", "status first_byte_seconds body_bytes"},
		{"a body cut short", at + "/short", nil, reach.Closed, "", "transfer_seconds", "status body_bytes"},
		{"closes at once", "http://" + checktest.Peer(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)); c.Close() }), nil, reach.Closed, "", "status", "connect_seconds"},
		{"resets", "http://" + checktest.Peer(t, reset), nil, reach.Reset, "", "status", "connect_seconds"},
		{"ssh", say("SSH-2.0-OpenSSH_9.2\r\n"), nil, reach.ProtocolError, "SSH", "status", "connect_seconds"},
		{"escapes", say("\x1b[2J\r\n"), nil, reach.ProtocolError, "", "status", ""},
		{"huge headers", at + "/headers", nil, TooLarge, "", "status", ""},
		{"http at an https port", strings.Replace(at, "http:", "https:", 1), nil, reach.ProtocolError, "HTTP/", "tls_seconds status certificate_days_left", "connect_seconds"},
		{"TLS that says nothing", "https://" + listen(t).Addr().String(), nil, reach.TimedOut, "handshake", "tls_seconds", "connect_seconds"},
		{"TLS that stops", "https://" + checktest.Peer(t, func(c net.Conn) { _, _ = c.Write([]byte{22, 3, 3, 0, 100, 2}); _, _ = io.Copy(io.Discard, c) }), nil, reach.TimedOut, "handshake", "tls_seconds", ""},
		{"no such name", "http://gumshoe.invalid/", nil, reach.NameNotFound, "", "status connect_seconds", ""},
		{"a loop", at + "/loop", nil, TooManyRedirects, "", "body_bytes", "status"},
		{"a redirect not followed", at + "/loop", map[string]any{"follow_redirects": false}, reach.OK, "", "", "status"},
		{"a redirect to no page", at + "/to?url=ftp://127.0.0.1/", nil, reach.ProtocolError, "redirects", "", "status"},
		{"a redirect to the metadata service", at + "/to?url=http://169.254.169.254/latest", nil, RedirectRefused, "169.254.169.254", "body_bytes", "status remote_address"},
		{"a redirect to nothing", at + "/to?url=http://" + closed(t) + "/", nil, reach.RefusedByIt, "", "connect_seconds", "status"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := map[string]any{"url": tt.url, "timeout": "10s"}
			if tt.want == reach.TimedOut {
				in["timeout"] = "1s"
			}
			maps.Copy(in, tt.in)
			got, o := checktest.Observe[HTTP](t, New(nil).HTTP(), in)
			if got.Outcome == reach.NameFailed && tt.want == reach.NameNotFound {
				got.Outcome = reach.NameNotFound // without any network
			}
			if got.Outcome != tt.want || !strings.Contains(got.Error, tt.error) || strings.Contains(got.Error+o.Summary, "\x1b") {
				t.Errorf("got %s (%s), want %s (%s)", got.Outcome, got.Error, tt.want, tt.error)
			}
			if (got.ErrorPercent == 0) != (tt.want == reach.OK) {
				t.Errorf("error_percent %v", got.ErrorPercent)
			}
			for field := range strings.FieldsSeq(tt.unread) {
				if !checktest.HasUnread(o, field) {
					t.Errorf("%s is not unread", field)
				}
			}
			for field := range strings.FieldsSeq(tt.read) {
				if checktest.HasUnread(o, field) {
					t.Errorf("%s is unread", field)
				}
			}
		})
	}
}

// TestHTTPBody: of a body 1 MiB is read, however long it is.
func TestHTTPBody(t *testing.T) {
	at := start(t)
	for _, tt := range []struct {
		path      string
		bytes     int64
		truncated bool
	}{{"/size/0", 0, false}, {"/size/1048576", 1 << 20, false}, {"/size/1048577", 1 << 20, true}, {"/size/10000000", 1 << 20, true}, {"/endless", 1 << 20, true}} {
		got, _ := checktest.Observe[HTTP](t, New(nil).HTTP(), map[string]any{"url": at + tt.path})
		if got.BodyBytes != tt.bytes || got.Truncated != tt.truncated || got.Outcome != reach.OK {
			t.Errorf("%s: got %s, %d bytes, truncated %v", tt.path, got.Outcome, got.BodyBytes, got.Truncated)
		}
	}
}

func TestHTTPCertificates(t *testing.T) {
	root := issue(t, nil, authority("root"))
	roots := file(t, nil, root)
	good := issue(t, root, nil).pair()
	for _, tt := range []struct {
		name    string
		pair    tls.Certificate
		in      map[string]any
		want    reach.Outcome
		error   string
		version string
	}{
		{"valid, HTTP/2", good, map[string]any{"ca_file": roots}, reach.OK, "", "2"},
		{"valid, HTTP/1.1", good, map[string]any{"ca_file": roots}, reach.OK, "", "1.1"},
		{"unknown", good, nil, reach.TLSFailed, "incomplete chain", ""},
		{"self-signed", issue(t, nil, nil).pair(), nil, reach.TLSFailed, "self signed", ""},
		{"self-signed, insecure", issue(t, nil, nil).pair(), map[string]any{"insecure": true}, reach.OK, "", "2"},
		{"another name", good, map[string]any{"ca_file": roots, "host": "www.example.com"}, reach.TLSFailed, "wrong host", ""},
		{"expired", issue(t, root, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-day) }).pair(), map[string]any{"ca_file": roots}, reach.TLSFailed, "expired", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := map[string]any{"url": secureSite(t, tt.pair, tt.version != "1.1") + "/ok"}
			maps.Copy(in, tt.in)
			got, o := checktest.Observe[HTTP](t, New(nil).HTTP(), in)
			if got.Outcome != tt.want || !strings.Contains(got.Error, tt.error) || got.HTTPVersion != tt.version || got.TLSSeconds <= 0 {
				t.Errorf("got %s (%s) over %q; want %s (%s) over %q", got.Outcome, got.Error, got.HTTPVersion, tt.want, tt.error, tt.version)
			}
			if checktest.HasUnread(o, "certificate_days_left") || got.CertificateDaysLeft < -1.1 || got.CertificateDaysLeft > 30 || (tt.error == "expired") != (got.CertificateDaysLeft < 0) {
				t.Errorf("certificate_days_left %v, unread %v", got.CertificateDaysLeft, o.Unread)
			}
		})
	}
}

func TestHTTPRedirects(t *testing.T) {
	at := start(t)
	other := strings.Replace(start(t), "127.0.0.1", "localhost", 1)
	got, o := checktest.Observe[HTTP](t, New(nil).HTTP(), map[string]any{
		"url":     strings.Replace(at, "://", "://user:hidden@", 1) + "/to?token=hidden&a=b&url=" + url.QueryEscape(other+"/echo?session=hidden#hidden"),
		"headers": map[string]any{"X-Test": "mine", "Authorization": "hidden"}, "body_matches": `^GET localhost:\d+  \|gumshoe\|identity\|$`,
	})
	if got.Outcome != reach.OK || len(got.Redirects) != 1 || got.Redirects[0].Status != 301 || got.FinalURL != other+"/echo?session=REDACTED" {
		t.Errorf("got %+v", got)
	}
	if text := fmt.Sprintf("%+v %+v", got, o); strings.Contains(text, "hidden") {
		t.Errorf("a secret shows: %s", text)
	}
}

func TestHTTPSends(t *testing.T) {
	at := start(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(at, "http://"))
	for _, tt := range []struct {
		in    map[string]any
		match string
	}{
		{map[string]any{"url": "http://user:pw@127.0.0.1:" + port + "/echo", "headers": map[string]any{"x-test": "mine"}}, `^GET 127.0.0.1:\d+ user pw\|gumshoe\|identity\|mine$`},
		{map[string]any{"url": at + "/echo", "host": "www.example.com", "headers": map[string]any{"User-Agent": "me"}}, `^GET www.example.com  \|me\|`},
		{map[string]any{"url": "http://www.example.com:" + port + "/echo", "resolve_to": "127.0.0.1"}, `^GET www.example.com:\d+ `},
	} {
		tt.in["body_matches"] = tt.match
		if got, _ := checktest.Observe[HTTP](t, New(nil).HTTP(), tt.in); got.Outcome != reach.OK {
			t.Errorf("%v: got %+v", tt.in, got)
		}
	}
}

// TestHTTPSecrets: what lets us in goes to the host of the URL, and only as well
// protected as there.
func TestHTTPSecrets(t *testing.T) {
	root := issue(t, nil, authority("root"))
	secure, plain := secureSite(t, issue(t, root, nil).pair(), false), start(t)
	login := map[string]any{"user": "user", "password": "hidden"}
	for _, tt := range []struct {
		name, url, match string
		in               map[string]any
	}{
		{"password", plain + "/echo", `^GET \S+ user hidden\|gumshoe\|identity\|mine$`, login},
		{"after a redirect", plain + "/to?url=" + plain + "/echo", `^GET \S+ user hidden\|gumshoe\|identity\|mine$`, login},
		{"to be encrypted", plain + "/to?url=" + secure + "/echo", `^GET \S+ user hidden\|gumshoe\|identity\|mine$`, login},
		{"no longer encrypted", secure + "/to?url=" + plain + "/echo", `^GET \S+  \|gumshoe\|identity\|$`, login},
		{"another host", plain + "/to?url=" + strings.Replace(plain, "127.0.0.1", "localhost", 1) + "/echo", `^GET \S+  \|gumshoe\|identity\|$`, login},
		{"token", plain + "/token", `^Bearer hidden$`, map[string]any{"token": "hidden"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := map[string]any{"url": tt.url, "body_matches": tt.match, "headers": map[string]any{"X-Test": "mine"}, "ca_file": file(t, nil, root)}
			maps.Copy(in, tt.in)
			got, o := checktest.Observe[HTTP](t, New(nil).HTTP(), in)
			if text := fmt.Sprintf("%+v %+v", got, o); got.Outcome != reach.OK || strings.Contains(text, "hidden") {
				t.Errorf("got %s: %s", got.Outcome, text)
			}
		})
	}
}

// TestHTTPClock: a server says what time it has, or not.
func TestHTTPClock(t *testing.T) {
	for date, want := range map[string]float64{
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): -3600, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): 3600, "": 0, "yesterday": 0,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = []string{date}
		}))
		got, o := checktest.Observe[HTTP](t, New(nil).HTTP(), map[string]any{"url": s.URL})
		if said := want != 0; math.Abs(got.ClockOffsetSeconds-want) > 60 || checktest.HasUnread(o, "clock_offset_seconds") == said || o.Status != engine.Observed {
			t.Errorf("%q: got %v, %s, unread %v", date, got.ClockOffsetSeconds, o.Status, o.Unread)
		}
		s.Close()
	}
}

// TestHTTPClientCertificate: with TLS 1.3 a server refuses a client after the
// handshake, as its answer to the request.
func TestHTTPClientCertificate(t *testing.T) {
	root := issue(t, nil, authority("root"))
	client := issue(t, root, nil)
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := httptest.NewUnstartedServer(site(t))
		s.TLS = &tls.Config{Certificates: []tls.Certificate{issue(t, root, nil).pair()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MaxVersion: version}
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that it does not like
		s.StartTLS()
		in := map[string]any{"url": s.URL + "/ok", "ca_file": file(t, nil, root)}
		got, _ := checktest.Observe[HTTP](t, New(nil).HTTP(), in)
		if got.Outcome != reach.TLSFailed || got.Phase != PhaseTLS || !strings.Contains(got.Error, "tls: ") {
			t.Errorf("%s, without: got %s (%s) in %s", tls.VersionName(version), got.Outcome, got.Error, got.Phase)
		}
		in["client_certificate"] = file(t, client.key, client)
		if got, _ := checktest.Observe[HTTP](t, New(nil).HTTP(), in); got.Outcome != reach.OK {
			t.Errorf("%s, with: got %s (%s)", tls.VersionName(version), got.Outcome, got.Error)
		}
		s.Close()
	}
}

func TestHTTPTarget(t *testing.T) {
	check := New(nil).HTTP()
	for _, tt := range []struct {
		in   HTTPInput
		want string
	}{
		{HTTPInput{URL: "https://user:pw@db1/x?y"}, "db1:443"},
		{HTTPInput{URL: "http://[::1]:8080/"}, "[::1]:8080"},
		{HTTPInput{URL: "http://db1/", ResolveTo: "10.0.0.1"}, "10.0.0.1:80"},
		{HTTPInput{URL: "ftp://db1/"}, ""},
		{HTTPInput{}, ""},
	} {
		if got := check.Target(tt.in); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.in.URL, got, tt.want)
		}
	}
}

func TestHTTPRefusedByPolicy(t *testing.T) {
	at := start(t)
	for _, in := range []map[string]any{
		{"url": "http://169.254.169.254/"}, {"url": at},
		{"url": "http://192.0.2.1/", "resolve_to": "127.0.0.1"},
	} {
		o := checktest.Look(t, New(allow(t, "192.0.2.1")).HTTP(), in)
		if o.Status != engine.Skipped || !o.Refused || o.Fix == "" {
			t.Errorf("%v: got %s (%s), want skipped by policy", in, o.Status, o.Reason)
		}
	}
}

// TestHTTPRedirectToName: a name that is not listed is not even looked up.
func TestHTTPRedirectToName(t *testing.T) {
	at := strings.Replace(start(t), "127.0.0.1", "localhost", 1)
	got, _ := checktest.Observe[HTTP](t, New(allow(t, "localhost")).HTTP(), map[string]any{"url": at + "/to?url=http://gumshoe.invalid/"})
	if got.Outcome != RedirectRefused || got.DNSSeconds > got.TotalSeconds || !strings.Contains(got.Error, "gumshoe.invalid") {
		t.Errorf("got %+v, want redirect_refused", got)
	}
}

func TestHTTPBadInputs(t *testing.T) {
	for _, in := range []map[string]any{
		{"url": "ftp://a/"}, {"url": "http://a:99999/"}, {"expect_status": "2x"}, {"expect_status": "300-200"}, {"body_matches": "("},
		{"method": "HEAD", "body_contains": "x"}, {"headers": map[string]any{"a b": "c"}}, {"headers": map[string]any{"a": "b\nc: d"}},
		{"headers": map[string]any{"Host": "b"}}, {"ca_file": "/nowhere"}, {"client_certificate": "/nowhere"}, {"expect_headers": map[string]any{"a": "("}},
		{"method": "HEAD", "body_lacks": "x"}, {"password": "x"}, {"token": "x", "user": "y"}, {"token": "a\nb"},
	} {
		if in["url"] == nil {
			in["url"] = "http://127.0.0.1:1/"
		}
		if o := checktest.Look(t, New(nil).HTTP(), in); o.Status != engine.Failed || o.Reason == "" {
			t.Errorf("%v: got %s %q, want it refused", in, o.Status, o.Reason)
		}
	}
}

func TestHTTPSeveral(t *testing.T) {
	var count atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if count.Add(1)%4 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	got, o := checktest.Observe[HTTP](t, New(nil).HTTP(), map[string]any{"url": s.URL, "requests": 100, "concurrency": 10})
	if got.Outcome != BadStatus || got.Status != 503 || got.Requests != 100 || got.ErrorPercent != 25 || len(got.Statuses) != 2 || got.Statuses[0] != (StatusCount{200, 75}) ||
		got.Outcomes[1] != (OutcomeCount{BadStatus, 25}) {
		t.Errorf("got %+v", got)
	}
	if got.P50Seconds <= 0 || got.P50Seconds > got.P95Seconds || got.P95Seconds > got.P99Seconds || got.P99Seconds > got.MaxSeconds || checktest.HasUnread(o, "p99_seconds") {
		t.Errorf("got p50 %v, p95 %v, p99 %v, max %v", got.P50Seconds, got.P95Seconds, got.P99Seconds, got.MaxSeconds)
	}
	if !strings.HasPrefix(o.Summary, "100 requests, 75 × 200, 25 × 503, p95 ") {
		t.Errorf("summary %q", o.Summary)
	}
}

// TestHTTPStepTime: requests for which the step has no time are not counted as
// the target's silence.
func TestHTTPStepTime(t *testing.T) {
	t.Parallel()
	var count atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if count.Add(1) > 2 {
			<-r.Context().Done()
		}
	}))
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	got, err := New(nil).lookHTTP(ctx, &engine.Call{}, HTTPInput{URL: s.URL, Method: "GET", Requests: 10, Concurrency: 1, Timeout: time.Minute, ExpectStatus: "2xx"})
	if err != nil || got.Outcome != reach.OK || got.Requests != 2 || count.Load() != 3 {
		t.Errorf("got %+v of %d, %v; want the two of three that were answered", got, count.Load(), err)
	}
}

func TestHTTPRisk(t *testing.T) {
	check := New(nil).HTTP()
	for requests, want := range map[int]engine.Risk{1: engine.Read, 20: engine.Read, 21: engine.Load, 200: engine.Load} {
		if got := check.RiskOf(HTTPInput{Requests: requests}); got != want {
			t.Errorf("%d requests: got %v, want %v", requests, got, want)
		}
	}
}

func FuzzShownURL(f *testing.F) {
	f.Add("http://user:pw@h/p?token=a&b=c;key=d#frag")
	f.Add("https://[::1]:8443/%zz?%zz=1")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		shown := reach.ShownURL(u)
		if len(shown) > 210 || strings.ContainsAny(shown, "\n\r\x1b") || u.User != nil && u.Host != "" && strings.Contains(shown, "://"+u.User.String()+"@") && u.User.String() != "" {
			t.Errorf("%q shows as %q", text, shown)
		}
	})
}

func FuzzParseStatuses(f *testing.F) {
	f.Add("2xx,3xx", 204)
	f.Add("200-299, 404", 404)
	f.Fuzz(func(t *testing.T, text string, status int) {
		if set, err := parseStatuses(text); err == nil && set.has(status) && (status < 100 || status > 599) {
			t.Errorf("%q has %d", text, status)
		}
	})
}

func BenchmarkHTTP(b *testing.B) {
	at := start(b)
	p := New(nil)
	for b.Loop() {
		o, err := p.lookHTTP(b.Context(), &engine.Call{}, HTTPInput{URL: at + "/ok", Method: "GET", Requests: 1, Concurrency: 1, Timeout: 3e9, ExpectStatus: "2xx"})
		if err != nil || o.Outcome != reach.OK {
			b.Fatal(o.Outcome, err)
		}
	}
}
