package webapi

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func open(t *testing.T, base string, access Access) *Session {
	t.Helper()
	return openFor(t, base, access, 30*time.Second)
}

// openFor opens a session that ends in time.
func openFor(t *testing.T, base string, access Access, timeout time.Duration) *Session {
	t.Helper()
	api, err := New(base, access)
	if err != nil {
		t.Fatal(err)
	}
	s, err := api.Open(nil, time.Now().Add(timeout))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestNew(t *testing.T) {
	for base, want := range map[string]string{
		"ftp://a/":                         "neither http nor https",
		"http://a:99999/":                  "port",
		"http://a b/":                      "cannot be read",
		"http://user:secret@a b/":          "cannot be read",
		"http://a/?x=1":                    "after ?",
		"http://[fe80::1%25eth0]:9090/api": "",
		"https://a/prometheus/":            "",
	} {
		_, err := New(base, Access{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: got %v, want %q", base, err, want)
		}
	}
	for _, access := range []Access{
		{Headers: map[string]string{"X-A": "b\r\nc: d"}},
		{Headers: map[string]string{"Host": "b"}},
		{Headers: map[string]string{"a b": "c"}},
		{Token: engine.NewSecret("a\nb")},
		{Token: engine.NewSecret("a"), User: "b"},
		{Password: engine.NewSecret("a")},
	} {
		if _, err := New("http://a/", access); err == nil {
			t.Errorf("%+v passes", access)
		}
	}
}

func TestURL(t *testing.T) {
	api, err := New("https://user:secret@a/base path/", Access{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := api.URL("/x", url.Values{"q": {"a b&c"}}), "https://a/base%20path/x?q=a+b%26c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if api.Address() != "a:443" || strings.Contains(api.Shown()+fmt.Sprint(api.Plan("GET")), "secret") {
		t.Errorf("got %s, %s, %v", api.Address(), api.Shown(), api.Plan("GET"))
	}
}

func TestGet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/base/away":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		case "/base/missing":
			http.NotFound(w, r)
		default:
			user, password, _ := r.BasicAuth()
			fmt.Fprint(w, r.Method, " ", r.URL.RequestURI(), " ", r.Header.Get("User-Agent"), " ", r.Header.Get("X-Tenant"), " ", user, ":", password, " ", r.Header.Get("Authorization"))
		}
	}))
	defer server.Close()
	own := strings.Replace(server.URL, "://", "://u:p@", 1) + "/base/"
	s := open(t, own, Access{Headers: map[string]string{"X-Tenant": "t"}})
	a, err := s.Get(t.Context(), "/echo", url.Values{"a": {"b c"}}, 1000)
	if err != nil || a.Outcome != reach.OK || !strings.HasPrefix(string(a.Body), "GET /base/echo?a=b+c gumshoe t u:p Basic") {
		t.Errorf("got %s %q, %v", a.Outcome, a.Body, err)
	}
	for path, status := range map[string]int{"/away": 302, "/missing": 404} {
		if a, err := s.Get(t.Context(), path, nil, 1000); err != nil || a.Outcome != reach.OK || a.Status != status {
			t.Errorf("%s: got %+v, %v", path, a, err)
		}
	}
	if a, err := s.Get(t.Context(), "/echo", nil, 10); err != nil || a.Outcome != reach.ProtocolError {
		t.Errorf("a long answer: got %+v, %v", a, err)
	}
	a, err = open(t, server.URL, Access{Token: engine.NewSecret("tok")}).Get(t.Context(), "/echo", nil, 1000)
	if err != nil || !strings.HasSuffix(string(a.Body), "Bearer tok") {
		t.Errorf("got %q, %v", a.Body, err)
	}
	if trip := s.Trip(); trip.Outcome != reach.Connected || trip.RemoteAddress == "" {
		t.Errorf("got %+v", trip)
	}
}

func TestGetFails(t *testing.T) {
	request := func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }
	for name, tt := range map[string]struct {
		peer func(net.Conn)
		want reach.Outcome
	}{
		"closes": {func(c net.Conn) { request(c); c.Close() }, reach.Closed},
		"closes midway": {func(c net.Conn) {
			request(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
			c.Close()
		}, reach.Closed},
		"another protocol": {func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\n") }, reach.ProtocolError},
		"hangs":            {func(net.Conn) {}, reach.TimedOut},
		"hangs midway": {func(c net.Conn) {
			request(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
		}, reach.TimedOut},
		"headers forever": {func(c net.Conn) {
			request(c)
			_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for err == nil {
				_, err = io.WriteString(c, "A: "+strings.Repeat("b", 1000)+"\r\n")
			}
		}, reach.ProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 30 * time.Second
			if tt.want == reach.TimedOut {
				timeout = 2 * time.Second
			}
			s := openFor(t, "http://"+checktest.Peer(t, tt.peer), Access{}, timeout)
			if a, err := s.Get(t.Context(), "/", nil, 1000); err != nil || a.Outcome != tt.want {
				t.Errorf("got %+v, %v", a, err)
			}
		})
	}
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	defer tls.Close()
	if a, err := open(t, tls.URL, Access{}).Get(t.Context(), "/", nil, 1000); err != nil || a.Outcome != reach.TLSFailed {
		t.Errorf("an unknown authority: got %+v, %v", a, err)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	if a, err := open(t, strings.Replace(plain.URL, "http:", "https:", 1), Access{}).Get(t.Context(), "/", nil, 1000); err != nil || a.Outcome != reach.TLSFailed {
		t.Errorf("no TLS: got %+v, %v", a, err)
	}
}
