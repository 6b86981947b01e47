package probe

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/probe/nginxtest"
)

// curled is what curl -w says of a request.
type curled struct {
	lookup, connect, appconnect, pretransfer, starttransfer, total, redirect float64
	redirects, status, verify                                                int
	bytes                                                                    int64
	version, remote                                                          string
}

// curl asks for a URL as probe.http does.
func curl(t *testing.T, arguments ...string) curled {
	t.Helper()
	program, err := exec.LookPath("curl")
	checktest.Need(t, "the program curl", err == nil)
	argv := append([]string{
		"-sS", "--noproxy", "*", "-o", "/dev/null", "-w",
		"%{time_namelookup} %{time_connect} %{time_appconnect} %{time_pretransfer} %{time_starttransfer} %{time_total} %{time_redirect} " +
			"%{num_redirects} %{http_code} %{ssl_verify_result} %{size_download} %{http_version} %{remote_ip}:%{remote_port}",
	}, arguments...)
	text, err := exec.CommandContext(t.Context(), program, argv...).Output()
	if err != nil && len(text) == 0 {
		t.Fatal(err)
	}
	var c curled
	if _, err := fmt.Sscan(string(text), &c.lookup, &c.connect, &c.appconnect, &c.pretransfer, &c.starttransfer, &c.total, &c.redirect,
		&c.redirects, &c.status, &c.verify, &c.bytes, &c.version, &c.remote); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return c
}

// phases are the times of a request as both tell them.
type phases struct{ dns, connect, tls, firstByte, transfer, total float64 }

func (c curled) phases() phases {
	p := phases{c.lookup, c.connect - c.lookup, 0, c.starttransfer - c.pretransfer, c.total - c.starttransfer, c.total}
	if c.appconnect > 0 {
		p.tls = c.appconnect - c.connect
	}
	return p
}

func (o HTTP) phases() phases {
	return phases{o.DNSSeconds, o.ConnectSeconds, o.TLSSeconds, o.FirstByteSeconds, o.TransferSeconds, o.TotalSeconds}
}

// lateServer passes connections on to a server, and holds back the first bytes
// that it says by a delay.
func lateServer(t *testing.T, to string, delay time.Duration) string {
	t.Helper()
	return checktest.Peer(t, func(client net.Conn) {
		defer client.Close()
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer server.Close()
		go func() { _, _ = io.Copy(server, client) }()
		first := make([]byte, 16<<10)
		n, err := server.Read(first)
		if err != nil {
			return
		}
		<-time.After(delay)
		if _, err := client.Write(first[:n]); err == nil {
			_, _ = io.Copy(client, server)
		}
	})
}

// TestHTTPAsCurl: of a server that is late by a known time in a known phase,
// probe.http and curl say the same, phase by phase.
func TestHTTPAsCurl(t *testing.T) {
	t.Parallel()
	const delay = time.Second // nothing else takes that long
	s := nginxtest.Start(t, nginxtest.Options{})
	late := lateServer(t, s.Address(nginxtest.Valid), delay)
	for _, tt := range []struct {
		name, url            string
		tls, first, transfer bool // which is late
	}{
		{"nothing", s.URL(nginxtest.Plain, "/upstream"), false, false, false},
		{"handshake", "https://" + late + "/upstream", true, false, false},
		{"first byte", s.URL(nginxtest.Plain, "/upstream?first_byte=1s"), false, true, false},
		{"first byte by TLS", s.URL(nginxtest.Valid, "/upstream?first_byte=1s"), false, true, false},
		{"body", s.URL(nginxtest.Plain, "/upstream?body=1s&bytes=50000"), false, false, true},
		{"body by TLS", s.URL(nginxtest.Valid, "/upstream?body=1s&bytes=50000"), false, false, true},
		{"all", "https://" + late + "/upstream?first_byte=1s&body=1s", true, true, true},
		{"a name", strings.Replace(s.URL(nginxtest.Valid, "/upstream?first_byte=1s&body=1s&status=418"), "127.0.0.1", "localhost", 1), false, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			check := func(who string, p phases) bool {
				good := p.dns >= 0 && p.connect >= 0 && p.dns+p.connect+p.tls+p.firstByte+p.transfer <= p.total+0.01
				for _, phase := range []struct {
					name    string
					late    bool
					seconds float64
				}{
					{"dns", false, p.dns},
					{"connect", false, p.connect},
					{"tls", tt.tls, p.tls},
					{"first byte", tt.first, p.firstByte},
					{"transfer", tt.transfer, p.transfer},
				} {
					if phase.late != (phase.seconds >= 0.8*delay.Seconds()) || phase.seconds > delay.Seconds()+10 {
						t.Logf("%s: %s took %.3f s; late %v", who, phase.name, phase.seconds, phase.late)
						good = false
					}
				}
				return good
			}
			// On a busy machine anything can be late: both have three tries.
			for try := 1; ; try++ {
				got, _ := checktest.Observe[HTTP](t, New(nil).HTTP(), map[string]any{"url": tt.url, "ca_file": s.Root})
				want := curl(t, "-L", "--cacert", s.Root, tt.url)
				if got.Status != want.status || got.BodyBytes != want.bytes || got.HTTPVersion != want.version || got.RemoteAddress != want.remote || want.verify != 0 {
					t.Fatalf("got %d, %d bytes, HTTP %s of %s; curl %+v", got.Status, got.BodyBytes, got.HTTPVersion, got.RemoteAddress, want)
				}
				if check("probe.http", got.phases()) && check("curl", want.phases()) {
					return
				}
				if try == 3 {
					t.Fatalf("got %+v, curl %+v", got.phases(), want.phases())
				}
			}
		})
	}
}

// TestHTTPAsCurlElse: redirects, errors, and certificates that do not verify.
func TestHTTPAsCurlElse(t *testing.T) {
	s := nginxtest.Start(t, nginxtest.Options{})
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, said, _ := http.NewResponseController(w).Hijack()
		_, _ = said.WriteString("HTTP/1.0 200 OK\r\n\r\nold")
		_ = said.Flush()
		conn.Close()
	}))
	defer old.Close()
	for _, tt := range []struct {
		url  string
		in   map[string]any
		argv []string
	}{
		{s.URL(nginxtest.Plain, "/redirect/3"), nil, []string{"-L"}},
		{s.URL(nginxtest.Plain, "/to-https"), map[string]any{"ca_file": s.Root}, []string{"-L", "--cacert", s.Root}},
		{s.URL(nginxtest.Plain, "/loop"), nil, []string{"-L", "--max-redirs", "10"}},
		{s.URL(nginxtest.Plain, "/loop"), map[string]any{"follow_redirects": false}, nil},
		{s.URL(nginxtest.Plain, "/upstream-down"), nil, nil},
		{s.URL(nginxtest.Plain, "/maintenance"), nil, nil},
		{s.URL(nginxtest.Plain, "/private"), map[string]any{"user": "user", "password": "open"}, []string{"--user", "user:open"}},
		{s.URL(nginxtest.Valid, "/"), map[string]any{"ca_file": s.Root}, []string{"--cacert", s.Root}},
		{s.URL(nginxtest.Expired, "/"), map[string]any{"ca_file": s.Root, "insecure": true}, []string{"--cacert", s.Root, "-k"}},
		{s.URL(nginxtest.ClientNeeded, "/"), map[string]any{"ca_file": s.Root, "client_certificate": s.Client}, []string{"--cacert", s.Root, "--cert", s.Client}},
		{old.URL, nil, nil},
	} {
		t.Run(tt.url[strings.LastIndex(tt.url, "/"):], func(t *testing.T) {
			in := map[string]any{"url": tt.url}
			maps.Copy(in, tt.in)
			got, _ := checktest.Observe[HTTP](t, New(nil).HTTP(), in)
			want := curl(t, append(tt.argv, tt.url)...)
			redirects := want.redirects
			if got.Outcome == TooManyRedirects {
				redirects = 10
			}
			if got.Status != want.status || len(got.Redirects) != redirects || strings.TrimSuffix(got.HTTPVersion, ".0") != want.version || got.RemoteAddress != want.remote ||
				got.Outcome != TooManyRedirects && got.BodyBytes != want.bytes {
				t.Errorf("got %d after %d redirects, %d bytes, HTTP %s of %s; curl %+v", got.Status, len(got.Redirects), got.BodyBytes, got.HTTPVersion, got.RemoteAddress, want)
			}
			if (got.CertificateOutcome == Expired) != (want.verify != 0) {
				t.Errorf("certificate %s, curl %d", got.CertificateOutcome, want.verify)
			}
		})
	}
}
