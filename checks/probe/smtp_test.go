package probe

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// mailbox is a real server's answers: which addresses it takes mail for.
type mailbox struct{}

func (mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return mailSessionOf{}, nil }

type mailSessionOf struct{}

func (mailSessionOf) AuthMechanisms() []string { return []string{sasl.Plain} }

func (mailSessionOf) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "monitor" || password != "correct horse" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (mailSessionOf) Mail(string, *smtp.MailOptions) error { return nil }

func (mailSessionOf) Rcpt(to string, _ *smtp.RcptOptions) error {
	said := func(code int, enhanced smtp.EnhancedCode, text string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
	}
	switch user, _, _ := strings.Cut(to, "@"); user {
	case "relay":
		return said(554, smtp.EnhancedCode{5, 7, 1}, "<"+to+">: Relay access denied")
	case "grey":
		return said(450, smtp.EnhancedCode{4, 2, 0}, "Recipient address rejected: Greylisted, see http://postgrey.example/")
	case "full":
		return said(552, smtp.EnhancedCode{5, 2, 2}, "Mailbox full")
	case "nobody":
		return said(550, smtp.EnhancedCode{5, 1, 1}, "User unknown in local recipient table")
	case "listed":
		return said(554, smtp.EnhancedCode{5, 7, 1}, "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org")
	case "busy":
		return said(421, smtp.EnhancedCode{4, 3, 2}, "Too busy, closing")
	}
	return nil
}

func (mailSessionOf) Data(r io.Reader) error {
	_, _ = io.Copy(io.Discard, r)
	return errors.New("a probe sends no mail")
}
func (mailSessionOf) Reset()        {}
func (mailSessionOf) Logout() error { return nil }

// mailServer starts a real server of the go-smtp library, with what change sets.
func mailServer(t testing.TB, change func(*smtp.Server)) string {
	t.Helper()
	l := listen(t)
	server := smtp.NewServer(mailbox{})
	server.Domain, server.MaxMessageBytes, server.AllowInsecureAuth = "mail.example", 10_240_000, true
	server.ErrorLog = log.New(io.Discard, "", 0)
	if change != nil {
		change(server)
	}
	go server.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

func TestSMTPConforms(t *testing.T) {
	checktest.Run(t, New(nil).SMTP(), map[string]any{"address": mailServer(t, nil), "rcpt_to": "postmaster@example.com"})
}

func TestSMTPOffers(t *testing.T) {
	got, o := checktest.Observe[SMTP](t, New(nil).SMTP(), map[string]any{"address": mailServer(t, nil)})
	if got.Outcome != reach.OK || got.Stage != "done" || got.MaxSizeBytes != 10_240_000 || got.StartTLSOffered ||
		!slices.Equal(got.AuthMechanisms, []string{"PLAIN"}) || !slices.Contains(got.Extensions, "PIPELINING") {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(got.Greeting, "mail.example") || got.Code != 250 || got.GreetingSeconds <= 0 || o.Status != engine.Observed {
		t.Errorf("got %+v (%s), unread %v", got, o.Status, o.Unread)
	}
}

// TestSMTPRecipients: what a real server says of an address, and why.
func TestSMTPRecipients(t *testing.T) {
	address := mailServer(t, nil)
	for _, tt := range []struct {
		to             string
		outcome        reach.Outcome
		reason, enhced string
		accepted       bool
	}{
		{"postmaster@example.com", reach.OK, "none", "2.0.0", true},
		{"relay@example.org", RefusedByServer, "relay_denied", "5.7.1", false},
		{"grey@example.com", TemporarilyRefused, "greylisted", "4.2.0", false},
		{"full@example.com", RefusedByServer, "mailbox_full", "5.2.2", false},
		{"nobody@example.com", RefusedByServer, "unknown_user", "5.1.1", false},
		{"listed@example.com", RefusedByServer, "blocklisted", "5.7.1", false},
		{"busy@example.com", Busy, "rate_limited", "4.3.2", false},
	} {
		t.Run(tt.to, func(t *testing.T) {
			got, o := checktest.Observe[SMTP](t, New(nil).SMTP(), map[string]any{"address": address, "rcpt_to": tt.to, "mail_from": "monitor@example.com"})
			if got.Outcome != tt.outcome || got.EnhancedCode != tt.enhced || got.Accepted != tt.accepted || tt.reason != "rate_limited" && got.Reason != tt.reason {
				t.Errorf("got %+v; want %s, %s", got, tt.outcome, tt.reason)
			}
			if checktest.HasUnread(o, "accepted") || checktest.HasUnread(o, "rcpt_seconds") {
				t.Errorf("unread %v: it was told", o.Unread)
			}
		})
	}
}

func TestSMTPLogin(t *testing.T) {
	address := mailServer(t, nil)
	look := func(password string, more ...string) (SMTP, engine.Observation) {
		inputs := map[string]any{"address": address, "user": "monitor", "password": engine.NewSecret(password)}
		for i := 0; i+1 < len(more); i += 2 {
			inputs[more[i]] = more[i+1]
		}
		return checktest.Observe[SMTP](t, New(nil).SMTP(), inputs)
	}
	if got, _ := look("correct horse"); got.Outcome != reach.OK || got.LoginSeconds <= 0 || got.Code != 235 {
		t.Errorf("got %+v; want ok", got)
	}
	got, o := look("battery staple")
	if got.Outcome != reach.AuthFailed || got.Stage != "auth" || got.EnhancedCode != "5.7.8" {
		t.Errorf("got %+v; want auth_failed", got)
	}
	if strings.Contains(fmt.Sprint(o), "battery staple") {
		t.Error("the password is told")
	}
	plain := mailServer(t, func(s *smtp.Server) { s.AllowInsecureAuth = false })
	if got, _ := look("correct horse", "address", plain); got.Outcome != NotOffered || got.Stage != "auth" {
		t.Errorf("got %+v; want not_offered", got)
	}
	// A password is not sent in the clear to another host, even one that is allowed.
	refused := checktest.Look(t, New(nil).SMTP(), map[string]any{"address": "192.0.2.1:25", "user": "monitor", "password": engine.NewSecret("x")})
	if !refused.Refused || refused.Fix == "" {
		t.Errorf("got %+v; want refused", refused)
	}
	// AUTH LOGIN, which the library's server lacks.
	if got, _ := look("correct horse", "address", dialogue(t, "220 mx", "250-mx", "250 AUTH=LOGIN", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 good")); got.Outcome != reach.OK || got.LoginSeconds <= 0 {
		t.Errorf("got %+v; want ok", got)
	}
}

func TestSMTPOverTLS(t *testing.T) {
	ca := issue(t, nil, authority("Test CA"))
	pair := issue(t, ca, nil).pair()
	expired := issue(t, ca, authority("old")).pair()
	roots := file(t, nil, ca)
	with := func(pair tls.Certificate) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	starttls := mailServer(t, func(s *smtp.Server) { s.TLSConfig, s.AllowInsecureAuth = with(pair), false })
	wrong := mailServer(t, func(s *smtp.Server) { s.TLSConfig = with(expired) })
	implicit := mailServer(t, nil)
	l := tls.NewListener(listen(t), with(pair))
	server := smtp.NewServer(mailbox{})
	go server.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { server.Close() })
	for _, tt := range []struct {
		name, address, tls string
		outcome            reach.Outcome
		stage              string
	}{
		{"starttls", starttls, "starttls", reach.OK, "done"},
		{"from the beginning", l.Addr().String(), "on", reach.OK, "done"},
		{"not offered", implicit, "starttls", NotOffered, "starttls"},
		{"wrong name", wrong, "starttls", reach.TLSFailed, "starttls"},
		{"server without TLS", implicit, "on", reach.ProtocolError, "tls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, o := checktest.Observe[SMTP](t, New(nil).SMTP(), map[string]any{"address": tt.address, "tls": tt.tls, "ca_file": roots})
			if got.Outcome != tt.outcome || got.Stage != tt.stage {
				t.Errorf("got %+v; want %s at %s", got, tt.outcome, tt.stage)
			}
			if tt.outcome == reach.OK && (got.TLSVersion != "TLS 1.3" || got.HandshakeSeconds <= 0 || o.Status != engine.Observed) {
				t.Errorf("got %+v, unread %v", got, o.Unread)
			}
		})
	}
	got, _ := checktest.Observe[SMTP](t, New(nil).SMTP(), map[string]any{
		"address": starttls, "tls": "starttls", "ca_file": roots, "user": "monitor", "password": engine.NewSecret("correct horse"),
	})
	if got.Outcome != reach.OK || !slices.Contains(got.AuthMechanisms, "PLAIN") || !got.StartTLSOffered {
		t.Errorf("got %+v; want the mechanisms that are offered over TLS", got)
	}
}

// dialogue is a server that says these lines, one for each line it hears, the
// first at once; lines with a - after the code go with the next.
func dialogue(t testing.TB, lines ...string) string {
	t.Helper()
	return checktest.Peer(t, func(conn net.Conn) {
		defer conn.Close()
		heard := bufio.NewReader(conn)
		for _, line := range lines {
			if _, err := io.WriteString(conn, line+"\r\n"); err != nil {
				return
			}
			if len(line) > 3 && line[3] == '-' {
				continue
			}
			if _, err := heard.ReadString('\n'); err != nil {
				return
			}
		}
	})
}

// TestSMTPStrange: greetings that refuse, and peers that are no mail server.
func TestSMTPStrange(t *testing.T) {
	endless := func(line string) string {
		return checktest.Peer(t, func(conn net.Conn) {
			for {
				if _, err := io.WriteString(conn, line); err != nil {
					return
				}
			}
		})
	}
	for _, tt := range []struct {
		name, address, stage string
		want                 reach.Outcome
		reason               string
	}{
		{"busy", dialogue(t, "421 4.3.2 too many connections"), "greeting", Busy, "rate_limited"},
		{"blocklisted", dialogue(t, "554-mx.example", "554 5.7.1 your address is on the Spamhaus blocklist"), "greeting", RefusedByServer, "blocklisted"},
		{"no service", dialogue(t, "554 no SMTP service here"), "greeting", RefusedByServer, "other"},
		{"later", dialogue(t, "220 mx", "451 4.3.0 later"), "ehlo", TemporarilyRefused, "other"},
		{"old server", dialogue(t, "220 mx", "500 what", "250 hello"), "done", reach.OK, "none"},
		{"no extensions", dialogue(t, "220 mx", "250 mx"), "done", reach.OK, "none"},
		{"web server", checktest.Peer(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") }), "greeting", reach.ProtocolError, "none"},
		{"a dash where several lines have one", checktest.Peer(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "SSH-2.0-x\r\n") }), "greeting", reach.ProtocolError, "none"},
		{"endless line", endless("220"), "greeting", reach.ProtocolError, "none"},
		{"endless reply", endless("220-more\r\n"), "greeting", reach.ProtocolError, "none"},
		{"closes at once", checktest.Peer(t, func(conn net.Conn) { conn.Close() }), "greeting", reach.Closed, "none"},
		{"closes after EHLO", dialogue(t, "220 mx"), "ehlo", reach.Closed, "none"},
		{"silent", checktest.Peer(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }), "greeting", reach.TimedOut, "none"},
		{"never ends its greeting", checktest.Peer(t, func(conn net.Conn) {
			_, _ = io.WriteString(conn, "220-welcome\r\n220")
			_, _ = io.Copy(io.Discard, conn)
		}), "greeting", reach.TimedOut, "none"},
		{"nothing there", closed(t), "connect", reach.RefusedByIt, "none"},
		{"full queue", silent(t), "connect", reach.TimedOut, "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			got, o := checktest.Observe[SMTP](t, New(nil).SMTP(), map[string]any{"address": tt.address, "timeout": timeout})
			if got.Outcome != tt.want && (tt.want != reach.Closed || got.Outcome != reach.Reset) || got.Stage != tt.stage || got.Reason != tt.reason {
				t.Errorf("got %s at %s, %s (%s); want %s at %s, %s", got.Outcome, got.Stage, got.Reason, got.Error, tt.want, tt.stage, tt.reason)
			}
			if told := tt.name == "no extensions"; checktest.HasUnread(o, "extensions") == told {
				t.Errorf("unread %v", o.Unread)
			}
		})
	}
}

// TestSMTPServes is no test: it is a server of its own, to be stopped by a signal.
func TestSMTPServes(t *testing.T) {
	port := os.Getenv("GUMSHOE_TEST_SMTP_PORT")
	if port == "" {
		t.Skip("it is a server for TestSMTPDies")
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	if err := smtp.NewServer(mailbox{}).Serve(l); err != nil {
		t.Fatal(err)
	}
}

func TestSMTPDies(t *testing.T) {
	port := checktest.FreePort(t)
	server := checktest.Start(t, checktest.Program{
		Argv:  []string{os.Args[0], "-test.run=^TestSMTPServes$", "-test.timeout=5m"},
		Env:   []string{"GUMSHOE_TEST_SMTP_PORT=" + strconv.Itoa(port)},
		Ready: checktest.Listens(port),
	})
	inputs := map[string]any{"address": net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "timeout": "1s"}
	server.Pause()
	got, o := checktest.Observe[SMTP](t, New(nil).SMTP(), inputs)
	if got.Outcome != reach.TimedOut || got.Stage != "greeting" || !checktest.HasUnread(o, "greeting") || checktest.HasUnread(o, "connect_seconds") {
		t.Errorf("stopped by a signal: got %+v, unread %v; want timed_out", got, o.Unread)
	}
	server.Kill()
	inputs["timeout"] = "10s"
	if got, _ := checktest.Observe[SMTP](t, New(nil).SMTP(), inputs); got.Outcome != reach.RefusedByIt {
		t.Errorf("ended: got %+v; want refused", got)
	}
}

func TestSMTPBadInputs(t *testing.T) {
	o := checktest.Look(t, New(nil).SMTP(), map[string]any{"address": closed(t), "rcpt_to": "a@b>\r\nDATA"})
	if o.Output != nil || !strings.Contains(o.Reason, "rcpt_to") {
		t.Errorf("got %+v; want no look", o)
	}
}

func FuzzSMTPReply(f *testing.F) {
	f.Add("250 2.1.5 ok")
	f.Add("550 5.1.1 User unknown")
	f.Add("554-x")
	f.Fuzz(func(t *testing.T, line string) {
		code, ok := replyCode(line)
		if ok && (code < 200 || code > 599) {
			t.Errorf("code %d", code)
		}
		if refusalReason(code, enhancedCode(line), line) == "" {
			t.Error("no reason")
		}
	})
}
