package probe

import (
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/probe/nginxtest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// TestTLSNginxAsOpenSSL: of every site of a real server, probe.tls says what
// openssl s_client says.
func TestTLSNginxAsOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	checktest.Need(t, "the program openssl", err == nil)
	s := nginxtest.Start(t, nginxtest.Options{})
	for _, tt := range []struct {
		site  string
		in    map[string]any
		want  reach.Outcome
		code  int // of openssl's verification
		days  float64
		chain float64
	}{
		{nginxtest.Valid, map[string]any{"alpn": []any{"h2", "http/1.1"}}, Valid, 0, 80, 80},
		{nginxtest.Valid, map[string]any{"alpn": []any{"http/1.1"}}, Valid, 0, 80, 80},
		{nginxtest.Valid, map[string]any{"ca_file": ""}, UnknownAuthority, 20, 80, 80}, // its intermediate is sent
		{nginxtest.Soon, nil, Valid, 0, 5, 5},
		{nginxtest.StaleChain, nil, Valid, 0, 80, 3},
		{nginxtest.Expired, nil, Expired, 10, -3, -3},
		{nginxtest.NotYetValid, nil, NotYetValid, 9, 80, 80},
		{nginxtest.WrongHost, nil, WrongHost, 62, 80, 80},
		{nginxtest.SelfSigned, nil, SelfSigned, 18, 80, 80},
		{nginxtest.IncompleteChain, nil, IncompleteChain, 21, 80, 80},
		{nginxtest.UnknownAuthority, nil, UnknownAuthority, 19, 80, 80},
		{nginxtest.ClientNeeded, map[string]any{"client_certificate": s.Client}, Valid, 0, 80, 80},
	} {
		t.Run(tt.site, func(t *testing.T) {
			in := map[string]any{"address": s.Address(tt.site), "server_name": "localhost", "ca_file": s.Root}
			maps.Copy(in, tt.in)
			got, o := checktest.Observe[TLS](t, New(nil).TLS(), in)
			if got.Outcome != tt.want || math.Abs(got.DaysLeft-tt.days) > 0.1 || math.Abs(got.ChainDaysLeft-tt.chain) > 0.1 || o.Status != engine.Observed {
				t.Errorf("got %s (%s), %v and %v days, %s", got.Outcome, got.VerifyError, got.DaysLeft, got.ChainDaysLeft, o.Status)
			}
			// Our own command for it, with our cipher and openssl's other way of writing names.
			argv := append(slices.Clone(o.Reproduce[0][1:]), "-ciphersuites", got.Cipher, "-nameopt", "RFC2253", "-status")
			said, _ := exec.CommandContext(t.Context(), openssl, argv...).CombinedOutput() // it ends badly when it does not verify
			text := string(said)
			for _, want := range []string{
				"New, " + strings.Replace(got.Version, " ", "v", 1) + ", Cipher is " + got.Cipher,
				fmt.Sprintf("Verify return code: %d (", tt.code),
			} {
				if !strings.Contains(text, want) {
					t.Errorf("openssl does not say %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, "OCSP response: no response sent") == got.OCSPStapled {
				t.Errorf("stapled %v:\n%s", got.OCSPStapled, text)
			}
			if alpn := regexp.MustCompile(`ALPN protocol: (\S+)`).FindStringSubmatch(text); (alpn != nil) != (got.ALPN != "") || alpn != nil && alpn[1] != got.ALPN {
				t.Errorf("alpn %q, openssl %v", got.ALPN, alpn)
			}
			sameChain(t, got.Chain, text)
		})
	}
}

// sameChain compares the certificates that we were sent with those that openssl
// lists.
func sameChain(t *testing.T, chain []ChainCertificate, text string) {
	t.Helper()
	listed := regexp.MustCompile(`(?m)^ \d+ s:(.*)\n   i:(.*)\n(?:   a:.*\n)?   v:NotBefore: .*; NotAfter: (.*)$`).FindAllStringSubmatch(text, -1)
	if len(listed) != len(chain) {
		t.Fatalf("%d certificates, openssl lists %d:\n%s", len(chain), len(listed), text)
	}
	for i, c := range chain {
		after, err := time.Parse("Jan _2 15:04:05 2006 MST", listed[i][3])
		if err != nil || c.Subject != listed[i][1] || c.Issuer != listed[i][2] || !c.NotAfter.Equal(after) || math.Abs(c.DaysLeft-time.Until(after).Hours()/24) > 0.01 {
			t.Errorf("got %+v, openssl %q (%v)", c, listed[i][1:], err)
		}
	}
}

// TestTLSNginx: what does not come to a certificate that is valid.
func TestTLSNginx(t *testing.T) {
	s := nginxtest.Start(t, nginxtest.Options{})
	for _, tt := range []struct {
		name, site string
		in         map[string]any
		want       reach.Outcome
		error      string
		more       func(TLS) bool
	}{
		// nginx does not refuse a client in the handshake: it answers the request with 400.
		{"no client certificate", nginxtest.ClientNeeded, nil, Valid, "", func(o TLS) bool { return o.ClientCertificateRequested }},
		{"a stranger's", nginxtest.ClientNeeded, map[string]any{"client_certificate": s.Stranger}, Valid, "", nil},
		{"old", nginxtest.OldTLS, nil, Valid, "", func(o TLS) bool { return o.Version == "TLS 1.1" }},
		{"http at its port", nginxtest.Plain, nil, reach.ProtocolError, "HTTP/", nil},
		{"the file is shown", nginxtest.Valid, map[string]any{"certificate_file": s.CertificateFile(nginxtest.Valid)}, Valid, "", func(o TLS) bool {
			return o.FileShown && o.FileDaysLeft == o.DaysLeft && o.LifetimeDays == 90
		}},
		{"another file", nginxtest.Valid, map[string]any{"certificate_file": s.CertificateFile(nginxtest.Soon)}, Valid, "", func(o TLS) bool {
			return !o.FileShown && o.FileDaysLeft < 6
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := map[string]any{"address": s.Address(tt.site), "ca_file": s.Root}
			maps.Copy(in, tt.in)
			got, o := checktest.Observe[TLS](t, New(nil).TLS(), in)
			if got.Outcome != tt.want || !strings.Contains(got.Error, tt.error) || tt.more != nil && !tt.more(got) {
				t.Errorf("got %s (%s), want %s (%s)\n%+v\n%v", got.Outcome, got.Error, tt.want, tt.error, got, o.Unread)
			}
		})
	}
	in := map[string]any{"address": s.Address(nginxtest.Valid), "ca_file": s.Root}
	look := func(want reach.Outcome, error string) {
		t.Helper()
		in["timeout"] = "10s"
		if want == reach.TimedOut {
			in["timeout"] = "1s"
		}
		got, _ := checktest.Observe[TLS](t, New(nil).TLS(), in)
		if got.Outcome != want || !strings.Contains(got.Error, error) {
			t.Errorf("got %s (%s), want %s (%s)", got.Outcome, got.Error, want, error)
		}
	}
	s.Pause()
	look(reach.TimedOut, "handshake")
	s.Resume()
	s.Stop()
	look(reach.RefusedByIt, "")
}

// TestTLSFile: what a file that is meant to be shown can be, beside good.
func TestTLSFile(t *testing.T) {
	leaf := issue(t, nil, nil)
	for path, reason := range map[string]string{
		"/nowhere/certificate.pem": "cannot read", "/proc/self/status": "holds no certificate", file(t, leaf.key): "holds no certificate",
	} {
		o := checktest.Look(t, New(nil).TLS(), map[string]any{"address": closed(t), "certificate_file": path})
		if o.Output == nil || len(o.Unread) == 0 || !strings.Contains(o.Unread[0].Reason, reason) {
			t.Errorf("%s: got %s, unread %v", path, o.Status, o.Unread)
		}
	}
	got, o := checktest.Observe[TLS](t, New(nil).TLS(), map[string]any{"address": closed(t), "certificate_file": file(t, leaf.key, leaf)})
	if math.Abs(got.FileDaysLeft-30) > 0.1 || checktest.HasUnread(o, "file_days_left") || !checktest.HasUnread(o, "file_shown") {
		t.Errorf("without a server: got %+v, unread %v", got, o.Unread)
	}
}

// TestTLSStartTLSAsOpenSSL: openssl agrees on TLS with the same servers, in the
// words of the same protocols.
func TestTLSStartTLSAsOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	checktest.Need(t, "the program openssl", err == nil)
	config := &tls.Config{Certificates: []tls.Certificate{issue(t, nil, nil).pair()}}
	for protocol, lines := range map[string][]string{
		"smtp":     {"220 mail ESMTP\r\n", "250-mail\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "220 go\r\n"},
		"pop3":     {"+OK pop\r\n", "+OK go\r\n"},
		"postgres": nil,
	} {
		t.Run(protocol, func(t *testing.T) {
			address := talk(t, config, lines...)
			if protocol == "postgres" {
				address = checktest.Peer(t, func(conn net.Conn) {
					defer conn.Close()
					if _, err := io.ReadFull(conn, make([]byte, 8)); err == nil {
						_, _ = io.WriteString(conn, "S")
						_, _ = io.Copy(io.Discard, tls.Server(conn, config))
					}
				})
			}
			got, o := checktest.Observe[TLS](t, New(nil).TLS(), map[string]any{"address": address, "starttls": protocol, "server_name": "localhost"})
			argv := append(slices.Clone(o.Reproduce[0][1:]), "-ciphersuites", got.Cipher, "-nameopt", "RFC2253")
			said, _ := exec.CommandContext(t.Context(), openssl, argv...).CombinedOutput() // it ends badly when it does not verify
			if want := "New, " + strings.Replace(got.Version, " ", "v", 1) + ", Cipher is " + got.Cipher; got.Outcome != SelfSigned ||
				!strings.Contains(string(said), want) || !strings.Contains(string(said), "Verify return code: 18 (") {
				t.Errorf("got %+v; openssl does not say %q:\n%s", got, want, said)
			}
			sameChain(t, got.Chain, string(said))
		})
	}
}
