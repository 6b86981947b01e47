package probe

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

const day = 24 * time.Hour

// issued is a certificate with its key, as an authority or a server has it.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate that by signs; nil means that it signs itself.
func issue(t testing.TB, by *issued, change func(*x509.Certificate)) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	number, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-10 * day), NotAfter: time.Now().Add(30 * day),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{cert, key}
}

func authority(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name}
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		c.DNSNames, c.IPAddresses, c.ExtKeyUsage = nil, nil, nil
		c.NotBefore, c.NotAfter = time.Now().Add(-1000*day), time.Now().Add(1000*day)
	}
}

// pair gives a certificate with those above it for a server or a client.
func (i *issued) pair(above ...*issued) tls.Certificate {
	pair := tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.key}
	for _, a := range above {
		pair.Certificate = append(pair.Certificate, a.cert.Raw)
	}
	return pair
}

// file writes certificates, and a key if there is one, as PEM.
func file(t testing.TB, key *ecdsa.PrivateKey, certificates ...*issued) string {
	t.Helper()
	var text []byte
	for _, c := range certificates {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})...)
	}
	if key != nil {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	}
	path := filepath.Join(t.TempDir(), "certificates.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tlsServer does handshakes and then waits for the client to go.
func tlsServer(t testing.TB, config *tls.Config) string {
	t.Helper()
	return checktest.Peer(t, func(conn net.Conn) {
		defer conn.Close()
		_, _ = io.Copy(io.Discard, tls.Server(conn, config))
	})
}

func TestTLSConforms(t *testing.T) {
	root := issue(t, nil, authority("root"))
	address := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{issue(t, root, nil).pair()}})
	checktest.Run(t, New(nil).TLS(), map[string]any{"address": address, "ca_file": file(t, nil, root)})
}

func TestTLSCertificates(t *testing.T) {
	root := issue(t, nil, authority("root"))
	other := issue(t, nil, authority("other"))
	between := issue(t, root, authority("between"))
	stale := issue(t, root, func(c *x509.Certificate) { authority("stale")(c); c.NotAfter = time.Now().Add(-2 * day) })
	soon := issue(t, root, func(c *x509.Certificate) { authority("soon")(c); c.NotAfter = time.Now().Add(5 * day) })
	roots := file(t, nil, root)
	until := func(from, to time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
	}
	for _, tt := range []struct {
		name        string
		pair        tls.Certificate
		serverName  string
		want        reach.Outcome
		days, chain float64
		complete    bool
	}{
		{"valid", issue(t, root, nil).pair(), "", Valid, 30, 30, true},
		{"valid, by name", issue(t, root, nil).pair(), "localhost", Valid, 30, 30, true},
		{"valid, the root sent too", issue(t, between, nil).pair(between, root), "", Valid, 30, 30, true},
		{"valid, an intermediate expires first", issue(t, soon, nil).pair(soon), "", Valid, 30, 5, true},
		{"expires tomorrow", issue(t, root, until(-day, day)).pair(), "", Valid, 1, 1, true},
		{"expired yesterday", issue(t, root, until(-10*day, -day)).pair(), "", Expired, -1, -1, true},
		{"an intermediate expired", issue(t, stale, nil).pair(stale), "", Expired, 30, -2, true},
		{"from tomorrow on", issue(t, root, until(day, 3*day)).pair(), "", NotYetValid, 3, 3, true},
		{"for ever", issue(t, root, func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, 182500) }).pair(), "", Valid, 182500, 182500, true},
		{"another name", issue(t, root, nil).pair(), "www.example.com", WrongHost, 30, 30, true},
		{"self-signed", issue(t, nil, nil).pair(), "", SelfSigned, 30, 30, true},
		{"self-signed and expired", issue(t, nil, until(-10*day, -day)).pair(), "", Expired, -1, -1, true},
		{"the intermediate is missing", issue(t, between, nil).pair(), "", IncompleteChain, 30, 30, false},
		{"the wrong intermediate is sent", issue(t, between, nil).pair(stale), "", IncompleteChain, 30, -2, false},
		{"another authority, sent", issue(t, other, nil).pair(other), "", UnknownAuthority, 30, 30, true},
		{"another authority's intermediate", func() tls.Certificate {
			i := issue(t, other, authority("i"))
			return issue(t, i, nil).pair(i)
		}(), "", UnknownAuthority, 30, 30, false},
		{"only for clients", issue(t, root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }).pair(), "", Invalid, 30, 30, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{tt.pair}})
			in := map[string]any{"address": address, "ca_file": roots}
			if tt.serverName != "" {
				in["server_name"] = tt.serverName
			}
			got, o := checktest.Observe[TLS](t, New(allow(t, "127.0.0.1")).TLS(), in)
			if got.Outcome != tt.want || got.Verified != (tt.want == Valid) || (got.VerifyError == "") != got.Verified || got.ChainComplete != tt.complete {
				t.Errorf("got %s, verified %v (%s), complete %v; want %s, %v", got.Outcome, got.Verified, got.VerifyError, got.ChainComplete, tt.want, tt.complete)
			}
			if math.Abs(got.DaysLeft-tt.days) > 0.1 || math.Abs(got.ChainDaysLeft-tt.chain) > 0.1 {
				t.Errorf("got %v days left, %v in the chain; want %v, %v", got.DaysLeft, got.ChainDaysLeft, tt.days, tt.chain)
			}
			if got.Version != "TLS 1.3" || got.KeyType != "ECDSA" || got.KeyBits != 256 || got.Subject != "CN=localhost" || got.RemoteAddress != address ||
				got.HandshakeSeconds <= 0 || got.ConnectSeconds <= 0 || len(got.Chain) != len(tt.pair.Certificate) || len(got.DNSNames) != 2 || o.Status != engine.Observed {
				t.Errorf("got %+v, unread %v", got, o.Unread)
			}
		})
	}
}

// TestTLSNoAuthorities: on a host without any, nobody can tell who signed.
func TestTLSNoAuthorities(t *testing.T) {
	leaf := issue(t, issue(t, nil, authority("root")), nil)
	if j := judge([]*x509.Certificate{leaf.cert}, "localhost", x509.NewCertPool(), time.Now()); !j.blind {
		t.Errorf("got %+v, want blind", j)
	}
	if j := judge([]*x509.Certificate{leaf.cert}, "www.example.com", x509.NewCertPool(), time.Now()); j.blind || j.outcome != WrongHost {
		t.Errorf("got %+v, want the wrong host", j)
	}
}

func TestTLSFailures(t *testing.T) {
	pair := issue(t, nil, nil).pair()
	say := func(text string) string {
		return checktest.Peer(t, func(conn net.Conn) { _, _ = io.WriteString(conn, text); _, _ = io.Copy(io.Discard, conn) })
	}
	half := checktest.Peer(t, func(conn net.Conn) { // the record of a server hello, and no more
		_, _ = conn.Write([]byte{22, 3, 3, 0, 100, 2, 0, 0, 96})
		_, _ = io.Copy(io.Discard, conn)
	})
	for _, tt := range []struct {
		name, address string
		want          reach.Outcome
		error         string
		connected     bool
	}{
		{"nothing listens", closed(t), reach.RefusedByIt, "", false},
		{"the queue is full", silent(t), reach.TimedOut, "", false},
		{"accepts and is silent", listen(t).Addr().String(), reach.TimedOut, "handshake", true},
		{"stops half way", half, reach.TimedOut, "handshake", true},
		{"ssh", say("SSH-2.0-OpenSSH_9.2\r\n"), reach.ProtocolError, "SSH-2", true},
		{"http", say("HTTP/1.1 400 Bad Request\r\n\r\n"), reach.ProtocolError, "HTTP/", true},
		{"SSL 3 alert", say("\x15\x03\x00\x00\x02\x02\x28"), HandshakeFailed, "handshake failure", true},
		{"a record of SSL 2", say("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"), reach.ProtocolError, "", true},
		{"closes", checktest.Peer(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)); c.Close() }), HandshakeFailed, "closed", true},
		{"resets", checktest.Peer(t, reset), reach.Reset, "", true},
		{"no common protocol", tlsServer(t, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"other"}}), HandshakeFailed, "protocol", true},
		{"no such name", "gumshoe.invalid:443", reach.NameNotFound, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			got, o := checktest.Observe[TLS](t, New(nil).TLS(), map[string]any{"address": tt.address, "timeout": timeout, "alpn": []any{"h2"}})
			if got.Outcome == reach.NameFailed && tt.want == reach.NameNotFound {
				got.Outcome = reach.NameNotFound // without any network
			}
			if got.Outcome != tt.want || !strings.Contains(got.Error, tt.error) {
				t.Errorf("got %s (%s), want %s (%s)", got.Outcome, got.Error, tt.want, tt.error)
			}
			for _, field := range []string{"verified", "days_left", "chain", "version", "handshake_seconds", "client_certificate_requested"} {
				if asked := field == "client_certificate_requested" && tt.want == HandshakeFailed; checktest.HasUnread(o, field) == asked {
					t.Errorf("%s is not unread", field)
				}
			}
			for _, field := range []string{"connect_seconds", "remote_address"} {
				if checktest.HasUnread(o, field) == tt.connected {
					t.Errorf("%s: unread %v", field, !tt.connected)
				}
			}
		})
	}
}

func reset(conn net.Conn) {
	_, _ = conn.Read(make([]byte, 1))
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// TestTLSVersions: an old server is seen, not refused.
func TestTLSVersions(t *testing.T) {
	for version, name := range map[uint16]string{tls.VersionTLS10: "TLS 1.0", tls.VersionTLS11: "TLS 1.1", tls.VersionTLS12: "TLS 1.2"} {
		address := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{issue(t, nil, nil).pair()}, MinVersion: tls.VersionTLS10, MaxVersion: version})
		got, _ := checktest.Observe[TLS](t, New(nil).TLS(), map[string]any{"address": address})
		if got.Version != name || got.Outcome != SelfSigned {
			t.Errorf("got %s %s, want %s", got.Version, got.Outcome, name)
		}
	}
}

func TestTLSAgreed(t *testing.T) {
	pair := issue(t, nil, nil).pair()
	pair.OCSPStaple = []byte("good")
	address := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}})
	got, _ := checktest.Observe[TLS](t, New(nil).TLS(), map[string]any{"address": address, "alpn": []any{"http/1.1", "h2"}})
	if got.ALPN != "h2" || !got.OCSPStapled || got.ClientCertificateRequested || got.Outcome != SelfSigned {
		t.Errorf("got %+v; want h2, stapled", got)
	}
}

func TestTLSClientCertificate(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, authority("root"))
	client := issue(t, root, nil)
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	roots := file(t, nil, root)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, tt := range []struct {
			name  string
			auth  tls.ClientAuthType
			path  string
			want  reach.Outcome
			error string
		}{
			{"none shown, none needed", tls.VerifyClientCertIfGiven, "", Valid, ""},
			{"none shown, one needed", tls.RequireAndVerifyClientCert, "", HandshakeFailed, "remote error: tls: "},
			{"one of another authority", tls.RequireAndVerifyClientCert, func() string { i := issue(t, nil, nil); return file(t, i.key, i) }(), HandshakeFailed, "remote error: tls: "},
			{"the right one", tls.RequireAndVerifyClientCert, file(t, client.key, client), Valid, ""},
		} {
			t.Run(tls.VersionName(version)+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				address := tlsServer(t, &tls.Config{
					Certificates: []tls.Certificate{issue(t, root, nil).pair()},
					ClientAuth:   tt.auth, ClientCAs: pool, MaxVersion: version,
				})
				got, o := checktest.Observe[TLS](t, New(nil).TLS(), map[string]any{"address": address, "ca_file": roots, "client_certificate": tt.path})
				if got.Outcome != tt.want || !strings.Contains(got.Error, tt.error) || !got.ClientCertificateRequested || checktest.HasUnread(o, "client_certificate_requested") || !got.Verified || checktest.HasUnread(o, "days_left") {
					t.Errorf("got %s (%s), requested %v, unread %v; want %s", got.Outcome, got.Error, got.ClientCertificateRequested, o.Unread, tt.want)
				}
			})
		}
	}
}

func TestTLSFilesMissing(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, in := range []map[string]any{
		{"ca_file": "/nowhere/roots.pem"}, {"ca_file": empty}, {"client_certificate": "/nowhere/client.pem"}, {"client_certificate": empty},
	} {
		in["address"] = closed(t)
		if o := checktest.Look(t, New(nil).TLS(), in); o.Output != nil || o.Fix == "" {
			t.Errorf("%v: got %+v, want no output, and how to fix it", in, o)
		}
	}
}

// talk is a server that says lines, waits for one line before each but the
// first, and then does a handshake.
func talk(t testing.TB, config *tls.Config, lines ...string) string {
	return checktest.Peer(t, func(conn net.Conn) {
		defer conn.Close()
		said := bufio.NewReaderSize(conn, 16)
		for i, line := range lines {
			if i > 0 {
				if _, err := said.ReadString('\n'); err != nil {
					return
				}
			}
			_, _ = io.WriteString(conn, line)
		}
		_, _ = io.Copy(io.Discard, tls.Server(conn, config))
	})
}

func TestTLSStartTLS(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{issue(t, nil, nil).pair()}}
	postgres := func(answer string) string {
		return checktest.Peer(t, func(conn net.Conn) {
			defer conn.Close()
			if _, err := io.ReadFull(conn, make([]byte, 8)); err == nil {
				_, _ = io.WriteString(conn, answer)
				_, _ = io.Copy(io.Discard, tls.Server(conn, config))
			}
		})
	}
	for _, tt := range []struct {
		name, protocol, address string
		want                    reach.Outcome
		error                   string
	}{
		{"smtp", "smtp", talk(t, config, "220-mail\r\n220 ESMTP\r\n", "250-mail\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "220 go\r\n"), SelfSigned, ""},
		{"smtp without", "smtp", talk(t, config, "220 mail\r\n", "250-mail\r\n250 NOSTARTTLS\r\n"), NotOffered, "STARTTLS"},
		{"smtp that cannot now", "smtp", talk(t, config, "220 mail\r\n", "250-mail\r\n250 starttls\r\n", "454 not now\r\n"), NotOffered, "454"},
		{"smtp that is full", "smtp", talk(t, config, "554 go away\x1b[2J\r\n"), reach.ProtocolError, "554"},
		{"smtp, old", "smtp", talk(t, config, "220 mail\r\n", "502 what\r\n"), reach.ProtocolError, "502"},
		{"imap", "imap", talk(t, config, "* OK [CAPABILITY STARTTLS] imap\r\n", "* WAIT\r\na1 OK go\r\n"), SelfSigned, ""},
		{"imap without", "imap", talk(t, config, "* OK imap\r\n", "a1 BAD what\r\n"), NotOffered, "BAD"},
		{"imap without end", "imap", talk(t, config, "* OK imap\r\n", strings.Repeat("* x\r\n", 500)), reach.ProtocolError, ""},
		{"pop3", "pop3", talk(t, config, "+OK pop\r\n", "+OK go\r\n"), SelfSigned, ""},
		{"pop3 without", "pop3", talk(t, config, "+OK pop\r\n", "-ERR no\r\n"), NotOffered, "ERR"},
		{"ssh", "imap", talk(t, config, "SSH-2.0-x\r\n"), reach.ProtocolError, "SSH"},
		{"a line without end", "pop3", talk(t, config, strings.Repeat("x", 5000)), reach.ProtocolError, "xxx"},
		{"silence", "smtp", listen(t).Addr().String(), reach.TimedOut, "before TLS"},
		{"closes", "smtp", checktest.Peer(t, func(c net.Conn) { c.Close() }), reach.Closed, ""},
		{"postgres", "postgres", postgres("S"), SelfSigned, ""},
		{"postgres without", "postgres", postgres("N"), NotOffered, "switched off"},
		{"postgres that errs", "postgres", postgres("E"), reach.ProtocolError, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			timeout := "30s" // memory tests on the same machine can stop it for longer than one would think
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			got, _ := checktest.Observe[TLS](t, New(nil).TLS(), map[string]any{"address": tt.address, "starttls": tt.protocol, "timeout": timeout})
			if got.Outcome != tt.want || !strings.Contains(got.Error, tt.error) || strings.Contains(got.Error, "\x1b") {
				t.Errorf("got %s (%s), want %s (%s)", got.Outcome, got.Error, tt.want, tt.error)
			}
		})
	}
}

func TestTLSRefusedByPolicy(t *testing.T) {
	for _, address := range []string{"169.254.169.254:443", listen(t).Addr().String()} {
		o := checktest.Look(t, New(allow(t, "192.0.2.1")).TLS(), map[string]any{"address": address})
		if o.Status != engine.Skipped || !o.Refused || o.Fix == "" {
			t.Errorf("got %s (%s), fix %q; want skipped by policy", o.Status, o.Reason, o.Fix)
		}
	}
}

// TestTLSAsOpenSSL compares with openssl s_client on the same server.
func TestTLSAsOpenSSL(t *testing.T) {
	program, err := exec.LookPath("openssl")
	checktest.Need(t, "the program openssl", err == nil)
	leaf := issue(t, nil, nil)
	address := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{leaf.pair()}})
	got, _ := checktest.Observe[TLS](t, New(nil).TLS(), map[string]any{"address": address})
	said, _ := exec.CommandContext(t.Context(), program, "s_client", "-connect", address).CombinedOutput() // it ends badly when it does not verify
	parse := exec.CommandContext(t.Context(), program, "x509", "-noout", "-serial", "-fingerprint", "-sha256", "-enddate", "-startdate", "-dateopt", "iso_8601")
	parse.Stdin = strings.NewReader(string(said))
	shown, err := parse.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, shown, said)
	}
	for _, want := range []string{"New, " + strings.Replace(got.Version, " ", "v", 1) + ", Cipher is " + got.Cipher, "DONE"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("openssl does not say %q:\n%s", want, said)
		}
	}
	text := strings.ReplaceAll(strings.ToLower(string(shown)), ":", "")
	for _, want := range []string{
		"serial=" + got.Serial, "fingerprint=" + got.FingerprintSHA256,
		"notafter=" + got.NotAfter.Format("2006-01-02 150405Z"), "notbefore=" + got.NotBefore.Format("2006-01-02 150405Z"),
	} {
		if !strings.Contains(text, strings.ToLower(want)) {
			t.Errorf("openssl does not say %q:\n%s", want, shown)
		}
	}
}

func FuzzStartTLS(f *testing.F) {
	f.Add("smtp", []byte("220 x\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n"))
	f.Add("imap", []byte("* OK\r\na1 OK\r\n"))
	f.Add("pop3", []byte("+OK\r\n-ERR\r\n"))
	f.Add("postgres", []byte("N"))
	f.Fuzz(func(t *testing.T, protocol string, said []byte) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		go func() { _, _ = theirs.Write(said); theirs.Close() }()
		outcome, text, err := askForTLS(t.Context(), ours, protocol)
		ours.Close()
		if strings.ContainsAny(text, "\x1b\n\r") || len(text) > 400 || err != nil && outcome != "" {
			t.Errorf("got %q, %q, %v", outcome, text, err)
		}
	})
}

func BenchmarkTLS(b *testing.B) {
	root := issue(b, nil, authority("root"))
	address, roots := tlsServer(b, &tls.Config{Certificates: []tls.Certificate{issue(b, root, nil).pair()}}), file(b, nil, root)
	p := New(nil)
	for b.Loop() {
		if o, err := p.lookTLS(b.Context(), &engine.Call{}, TLSInput{Address: address, CAFile: roots, Timeout: 3e9}); err != nil || o.Outcome != Valid {
			b.Fatal(o.Outcome, err)
		}
	}
}
