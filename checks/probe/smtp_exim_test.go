package probe

import (
	"bufio"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/probe/eximtest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// askMail looks at a real server with more inputs, given as pairs.
func askMail(t *testing.T, s *eximtest.Server, more ...any) (SMTP, engine.Observation) {
	t.Helper()
	inputs := map[string]any{"address": s.Address, "ca_file": s.Certificate}
	for i := 0; i+1 < len(more); i += 2 {
		inputs[more[i].(string)] = more[i+1]
	}
	return checktest.Observe[SMTP](t, New(nil).SMTP(), inputs)
}

// TestSMTPExim asks a real mail server, which lets in and refuses.
func TestSMTPExim(t *testing.T) {
	s := eximtest.Start(t, eximtest.Config{})
	right, wrong := engine.NewSecret(eximtest.Password), engine.NewSecret("battery staple")
	for _, tt := range []struct {
		name    string
		inputs  []any
		outcome reach.Outcome
		stage   string
		code    int
		reason  string
	}{
		{"it greets", nil, reach.OK, "done", 250, "none"},
		{"it takes mail", []any{"rcpt_to", "postmaster@example.com"}, reach.OK, "done", 250, "none"},
		{"STARTTLS", []any{"tls", "starttls", "rcpt_to", "postmaster@example.com"}, reach.OK, "done", 250, "none"},
		{"it lets in", []any{"tls", "starttls", "user", eximtest.User, "password", right}, reach.OK, "done", 235, "none"},
		{"a wrong password", []any{"tls", "starttls", "user", eximtest.User, "password", wrong}, reach.AuthFailed, "auth", 535, "none"},
		{"no log-in without TLS", []any{"user", eximtest.User, "password", right}, NotOffered, "auth", 250, "none"},
		{"not for another name", []any{"tls", "starttls", "server_name", "mx.example"}, reach.TLSFailed, "starttls", 220, "none"},
		{"TLS too early", []any{"tls", "on"}, reach.ProtocolError, "tls", 0, "none"},
		{"it does not pass on", []any{"rcpt_to", "somebody@example.org"}, RefusedByServer, "rcpt", 550, "relay_denied"},
		{"it wants us to come again", []any{"rcpt_to", "grey@example.com"}, TemporarilyRefused, "rcpt", 451, "greylisted"},
		{"a full mailbox", []any{"rcpt_to", "full@example.com"}, RefusedByServer, "rcpt", 552, "mailbox_full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, o := askMail(t, s, tt.inputs...)
			if got.Outcome != tt.outcome || got.Stage != tt.stage || got.Code != tt.code || got.Reason != tt.reason {
				t.Errorf("got %+v; want %s at %s, %d, %s", got, tt.outcome, tt.stage, tt.code, tt.reason)
			}
			encrypted := slices.Contains(tt.inputs, any("starttls")) && tt.stage != "starttls"
			if encrypted != (got.TLSVersion == "TLS 1.3" && slices.Contains(got.AuthMechanisms, "PLAIN")) {
				t.Errorf("got %+v; want what is offered over TLS", got)
			}
			if tt.outcome == reach.OK && (!strings.Contains(got.Greeting, "Exim") || got.MaxSizeBytes == 0 || !slices.Contains(got.Extensions, "8BITMIME") || o.Status != engine.Observed) {
				t.Errorf("got %+v, unread %v", got, o.Unread)
			}
		})
	}
	s.Pause()
	if got, o := askMail(t, s, "timeout", "1s"); got.Outcome != reach.TimedOut || got.Stage != "greeting" || checktest.HasUnread(o, "connect_seconds") {
		t.Errorf("stopped by a signal: got %+v; want timed_out", got)
	}
	s.Kill()
	if got, _ := askMail(t, s); got.Outcome != reach.RefusedByIt {
		t.Errorf("ended: got %+v; want refused", got)
	}
}

// TestSMTPEximSettings: servers that are set so, or are short of something.
func TestSMTPEximSettings(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings []string
		inputs   []any
		outcome  reach.Outcome
		stage    string
		code     int
		reason   string
	}{
		{"no TLS", []string{"tls_advertise_hosts ="}, []any{"tls", "starttls"}, NotOffered, "starttls", 250, "none"},
		{"a certificate that is gone", []string{"tls_certificate = /nowhere"}, []any{"tls", "starttls"}, TemporarilyRefused, "starttls", 454, "other"},
		{"a disk that is full", []string{"check_spool_space = 1000000G"}, []any{"rcpt_to", "postmaster@example.com"}, TemporarilyRefused, "mail", 452, "server_full"},
		{"it does not want us", []string{"host_reject_connection = *"}, nil, RefusedByServer, "greeting", 554, "other"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := askMail(t, eximtest.Start(t, eximtest.Config{Settings: tt.settings}), tt.inputs...)
			if got.Outcome != tt.outcome || got.Stage != tt.stage || got.Code != tt.code || got.Reason != tt.reason {
				t.Errorf("got %+v; want %s at %s, %d, %s", got, tt.outcome, tt.stage, tt.code, tt.reason)
			}
		})
	}
	t.Run("TLS from the beginning", func(t *testing.T) {
		s := eximtest.Start(t, eximtest.Config{TLS: true})
		if got, o := askMail(t, s, "tls", "on"); got.Outcome != reach.OK || got.TLSVersion != "TLS 1.3" || got.HandshakeSeconds <= 0 || o.Status != engine.Observed {
			t.Errorf("got %+v, unread %v", got, o.Unread)
		}
		if got, _ := askMail(t, s, "timeout", "1s"); got.Outcome != reach.TimedOut || got.Stage != "greeting" {
			t.Errorf("without TLS: got %+v; want timed_out", got)
		}
	})
	t.Run("as many connections as it takes", func(t *testing.T) {
		s := eximtest.Start(t, eximtest.Config{Settings: []string{"smtp_accept_max = 1"}})
		conn, err := net.DialTimeout("tcp", s.Address, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "220") {
			t.Fatalf("%q, %v", line, err)
		}
		if got, _ := askMail(t, s); got.Outcome != Busy || got.Stage != "greeting" || got.Code != 421 || got.Reason != "rate_limited" || got.Error == "" {
			t.Errorf("got %+v; want busy", got)
		}
	})
}
