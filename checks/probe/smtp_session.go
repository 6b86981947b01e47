package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

const maxExtensions = 50

// mailSession is one conversation with a mail server.
type mailSession struct {
	o     *SMTP
	in    SMTPInput
	conn  net.Conn
	name  string
	roots *x509.CertPool
	all   string // what the lines of the last reply say, between newlines
	told  bool   // what it offers
}

// errEnded tells that the conversation has come to its end; the outcome says how.
var errEnded = errors.New("the conversation has ended")

// talk leads the conversation as far as it goes. Its error is the end of ctx, or
// what our own host does not let us do.
func (s *mailSession) talk(ctx context.Context) error {
	for _, part := range []struct {
		stage string
		wants bool
		say   func(context.Context) error
	}{
		{"tls", s.in.TLS == "on", s.encrypt},
		{"greeting", true, s.greeting},
		{"ehlo", true, s.ehlo},
		{"starttls", s.in.TLS == "starttls", s.startTLS},
		{"auth", s.in.User != "", s.auth},
		{"mail", s.in.RcptTo != "", s.mail},
		{"rcpt", s.in.RcptTo != "", s.rcpt},
	} {
		if !part.wants {
			continue
		}
		s.o.Stage = part.stage
		err := part.say(ctx)
		switch {
		case err == nil:
		case errors.Is(err, errEnded):
			s.quit()
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case reach.IsClosed(err):
			s.o.Outcome, s.o.Error = reach.Closed, "it closed the connection"
			return nil
		default:
			s.o.Outcome, err = reach.OutcomeOf(err)
			return err
		}
	}
	s.o.Outcome, s.o.Stage = reach.OK, "done"
	s.quit()
	return nil
}

// quit takes back what was begun and says good-bye. What the server says to that
// changes nothing, so it is not waited for long.
func (s *mailSession) quit() {
	if s.conn == nil || s.o.Outcome == reach.ProtocolError || s.o.Outcome == reach.TLSFailed || s.o.Outcome == Busy {
		return
	}
	_ = s.conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
	commands := []string{"QUIT\r\n"}
	if s.o.RcptSeconds > 0 {
		commands = []string{"RSET\r\n", "QUIT\r\n"}
	}
	for _, command := range commands {
		if _, err := io.WriteString(s.conn, command); err != nil {
			return
		}
		if _, _, err := smtpReply(s.conn); err != nil {
			return
		}
	}
}

// ask sends a command, "" for none, and reads the reply. A code that is not one
// of those wanted ends the conversation.
func (s *mailSession) ask(command string, want ...int) (code int, _ error) {
	if command != "" {
		if _, err := io.WriteString(s.conn, command+"\r\n"); err != nil {
			return 0, err
		}
	}
	last, all, err := smtpReply(s.conn)
	if err != nil {
		return 0, err
	}
	code, ok := replyCode(last)
	if !ok {
		s.o.Outcome, s.o.Error = reach.ProtocolError, "it does not reply as SMTP does: "+quoteStart([]byte(last))
		return 0, errEnded
	}
	s.all = all
	s.o.Code, s.o.EnhancedCode = code, enhancedCode(last)
	if slices.Contains(want, code) {
		return code, nil
	}
	text := strings.TrimSpace(strings.Join(strings.Fields(all), " "))
	s.o.Error = reach.Printable(text)
	s.o.Reason = refusalReason(code, s.o.EnhancedCode, text)
	switch {
	case code == 421:
		s.o.Outcome = Busy
	case code >= 400 && code < 500:
		s.o.Outcome = TemporarilyRefused
	case code >= 500:
		s.o.Outcome = RefusedByServer
	default:
		s.o.Outcome, s.o.Reason = reach.ProtocolError, "none"
	}
	return code, errEnded
}

func (s *mailSession) greeting(context.Context) error {
	started := time.Now()
	_, err := s.ask("", 220)
	if s.all != "" {
		s.o.GreetingSeconds = time.Since(started).Seconds()
		first, _, _ := strings.Cut(strings.TrimPrefix(s.all, "\n"), "\n")
		s.o.Greeting = reach.Printable(first)
	}
	return err
}

// ehlo asks what is offered. A server that does not know EHLO is greeted as before
// 1995, and tells nothing more.
func (s *mailSession) ehlo(context.Context) error {
	code, err := s.ask("EHLO "+s.in.Helo, 250)
	if errors.Is(err, errEnded) && code >= 500 && code <= 502 {
		s.o.Outcome, s.o.Error, s.o.Reason = "", "", "none"
		_, err = s.ask("HELO "+s.in.Helo, 250)
		return err
	}
	if err != nil {
		return err
	}
	lines := strings.Split(strings.Trim(s.all, "\n"), "\n")
	s.told = true
	s.o.Extensions, s.o.AuthMechanisms, s.o.MaxSizeBytes = []string{}, []string{}, 0
	for _, line := range lines[1:] { // the first is its name
		line = strings.ToUpper(reach.Printable(strings.TrimSpace(line)))
		if line == "" || len(s.o.Extensions) == maxExtensions {
			continue
		}
		s.o.Extensions = append(s.o.Extensions, line)
		words := strings.Fields(strings.Replace(line, "AUTH=", "AUTH ", 1))
		switch {
		case words[0] == "STARTTLS":
			s.o.StartTLSOffered = true
		case words[0] == "AUTH":
			s.o.AuthMechanisms = words[1:]
		case words[0] == "SIZE" && len(words) > 1:
			if size, err := strconv.ParseInt(words[1], 10, 64); err == nil && size >= 0 {
				s.o.MaxSizeBytes = size
			}
		}
	}
	return nil
}

func (s *mailSession) startTLS(ctx context.Context) error {
	if !s.o.StartTLSOffered {
		s.o.Outcome, s.o.Error = NotOffered, "STARTTLS is not among its extensions"
		return errEnded
	}
	if _, err := s.ask("STARTTLS", 220); err != nil {
		return err
	}
	if err := s.encrypt(ctx); err != nil {
		return err
	}
	return s.ehlo(ctx) // what it offers over TLS is another list
}

// encrypt does the TLS handshake and verifies the certificate.
func (s *mailSession) encrypt(ctx context.Context) error {
	config := &tls.Config{ServerName: s.name, MinVersion: tls.VersionTLS12}
	secured, outcome, text, err := secure(ctx, s.conn, config, s.roots)
	if err != nil {
		return err
	}
	if outcome == HandshakeFailed {
		outcome = reach.TLSFailed
	}
	if outcome != reach.Connected {
		s.o.Outcome, s.o.Error = outcome, text
		s.conn = nil // there is nothing to say good-bye on
		return errEnded
	}
	s.conn = secured.Conn
	s.o.HandshakeSeconds, s.o.TLSVersion = secured.seconds, tls.VersionName(secured.state.Version)
	if wrong := secured.judged.err; wrong != nil {
		if secured.judged.blind {
			return engine.Blind(noAuthority, noAuthorityFix, wrong)
		}
		s.o.Outcome = reach.TLSFailed
		s.o.Error = secured.judged.outcome.Words() + ": " + reach.Printable(wrong.Error())
		return errEnded
	}
	return nil
}

func (s *mailSession) auth(context.Context) error {
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	secret := s.in.Password.Reveal()
	started := time.Now()
	var code int
	var err error
	switch {
	case slices.Contains(s.o.AuthMechanisms, "PLAIN"):
		code, err = s.ask("AUTH PLAIN "+encode("\x00"+s.in.User+"\x00"+secret), 235)
	case slices.Contains(s.o.AuthMechanisms, "LOGIN"):
		if code, err = s.ask("AUTH LOGIN", 334); err == nil {
			if code, err = s.ask(encode(s.in.User), 334); err == nil {
				code, err = s.ask(encode(secret), 235)
			}
		}
	default:
		s.o.Outcome, s.o.Error = NotOffered, "it offers neither AUTH PLAIN nor AUTH LOGIN here"
		return errEnded
	}
	if code > 0 {
		s.o.LoginSeconds = time.Since(started).Seconds()
	}
	// RFC 4954: 535 the credentials, 534 and 538 the way they were given.
	if code == 535 || code == 534 || code == 538 {
		s.o.Outcome, s.o.Reason = reach.AuthFailed, "none"
	}
	return err
}

func (s *mailSession) mail(context.Context) error {
	_, err := s.ask("MAIL FROM:<"+s.in.MailFrom+">", 250)
	return err
}

func (s *mailSession) rcpt(context.Context) error {
	started := time.Now()
	code, err := s.ask("RCPT TO:<"+s.in.RcptTo+">", 250, 251, 252)
	if code > 0 {
		s.o.RcptSeconds = time.Since(started).Seconds()
	}
	s.o.Accepted = err == nil
	return err
}

// sound refuses inputs that would say more than one command, and a password that
// would be sent for everybody to read.
func (in SMTPInput) sound(host string) error {
	for what, text := range map[string]string{"mail_from": in.MailFrom, "rcpt_to": in.RcptTo, "helo": in.Helo} {
		if len(text) > 320 || strings.ContainsAny(text, "<> \r\n\t\x00") {
			return errors.New(what + " is no address")
		}
	}
	ip := net.ParseIP(host)
	if in.User != "" && in.TLS == "off" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return engine.Refused("sending a password without TLS", "set tls: starttls, or tls: on for port 465")
	}
	return nil
}

// replyCode reads the code that the last line of a reply begins with.
func replyCode(line string) (int, bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' {
		return 0, false
	}
	code, err := strconv.Atoi(line[:3])
	return code, err == nil && code >= 200 && code < 600
}

// enhancedCode reads what RFC 2034 puts after the code, "" when there is none.
func enhancedCode(line string) string {
	return regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}`).FindString(line[min(4, len(line)):])
}

// refusalReason judges a refusal by the codes of RFC 3463 and, since many servers
// give only general ones, by the words of Postfix, Exim, sendmail, OpenSMTPD,
// Exchange and the large providers.
func refusalReason(code int, enhanced, text string) string {
	text = strings.ToLower(text)
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
	}
	_, detail, _ := strings.Cut(enhanced, ".")
	switch {
	case says("greylist", "graylist", "grey-list", "gray-list", "greylisted"):
		return "greylisted"
	case says("relay"): // "relay access denied", "relaying denied", "unable to relay"
		return "relay_denied"
	case says("blocked using", "blacklist", "blocklist", "block list", "black list", "spamhaus", "dnsbl", " rbl", "reputation"):
		return "blocklisted"
	case code == 530, says("authentication required", "authenticate first", "not authenticated"):
		return "auth_required"
	case detail == "2.2", says("mailbox full", "mailbox is full", "over quota", "quota exceeded", "exceeded storage"):
		return "mailbox_full"
	case detail == "3.1", says("insufficient system storage", "insufficient disk", "space shortage", "out of disk"):
		return "server_full"
	case detail == "1.1", detail == "1.2", detail == "1.10", detail == "2.1",
		says("user unknown", "unknown user", "no such user", "no such recipient", "recipient rejected", "does not exist", "no mailbox", "mailbox unavailable", "invalid recipient"):
		return "unknown_user"
	case says("rate limit", "too many", "too much", "throttl"), detail == "7.28":
		return "rate_limited"
	}
	return "other"
}

// reproduceSMTP gives the command that shows the same.
func reproduceSMTP(call *engine.Call, in SMTPInput) {
	argv := []string{"swaks", "--server", in.Address, "--ehlo", in.Helo}
	switch in.TLS {
	case "starttls":
		argv = append(argv, "--tls")
	case "on":
		argv = append(argv, "--tls-on-connect")
	}
	if in.User != "" {
		argv = append(argv, "--auth-user", in.User)
	}
	last := "EHLO"
	if in.RcptTo != "" {
		last = "RCPT"
		argv = append(argv, "--from", "<"+in.MailFrom+">", "--to", in.RcptTo)
	}
	call.Reproduce(append(argv, "--quit-after", last)...)
}
