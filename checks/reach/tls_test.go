package reach

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/engine"
)

// certificate makes one that signs itself, for localhost, in a file with its key.
func certificate(t *testing.T) string {
	t.Helper()
	shown, secret := checktest.SelfSigned(t, time.Hour, "localhost")
	path := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(path, append(shown, secret...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTLSFiles(t *testing.T) {
	file := certificate(t)
	files := TLSFiles{ServerName: "localhost", CA: file, Certificate: file}
	config, err := files.Config()
	if err != nil {
		t.Fatal(err)
	}
	if config.InsecureSkipVerify || len(config.Certificates) != 1 {
		t.Errorf("it does not verify, or shows no certificate")
	}
	if !slices.ContainsFunc(files.Plan(), func(touch engine.Touch) bool { return touch.What == file }) {
		t.Error("the plan lacks the file")
	}
	var blind *engine.BlindError
	for _, bad := range []TLSFiles{{CA: "/nowhere"}, {CA: "/dev/null"}, {Certificate: "/nowhere"}} {
		if _, err := bad.Config(); !errors.As(err, &blind) || blind.Fix == "" {
			t.Errorf("%+v: got %v, want that we could not look, with a fix", bad, err)
		}
	}
}

func TestHandshakeFailure(t *testing.T) {
	file := certificate(t)
	pair, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		files TLSFiles
		serve func(net.Conn)
		want  Outcome // "" when the handshake succeeds
	}{
		{"trusted", TLSFiles{ServerName: "localhost", CA: file}, nil, ""},
		{"not trusted", TLSFiles{ServerName: "localhost"}, nil, TLSFailed},
		{"for another name", TLSFiles{ServerName: "db", CA: file}, nil, TLSFailed},
		{"no TLS", TLSFiles{ServerName: "localhost"}, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 2000))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}, TLSFailed},
		{"closed at once", TLSFiles{ServerName: "localhost"}, func(c net.Conn) { _, _ = c.Read(make([]byte, 2000)); c.Close() }, Closed},
		{"silent", TLSFiles{ServerName: "localhost"}, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, TimedOut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			defer there.Close()
			go func() {
				if tt.serve != nil {
					tt.serve(there)
					return
				}
				_, _ = io.Copy(io.Discard, tls.Server(there, &tls.Config{Certificates: []tls.Certificate{pair}}))
			}()
			config, err := tt.files.Config()
			if err != nil {
				t.Fatal(err)
			}
			wait := 20 * time.Second
			if tt.want == TimedOut {
				wait = 100 * time.Millisecond
			}
			_ = here.SetDeadline(time.Now().Add(wait))
			err = tls.Client(here, config).HandshakeContext(t.Context())
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			got, text, blind := HandshakeFailure(err)
			if got != tt.want || text == "" || blind != nil {
				t.Errorf("%v: got %q, %q, %v; want %q with some words", err, got, text, blind, tt.want)
			}
		})
	}
}
