package probe

import (
	"context"
	"fmt"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// SMTPInput are the inputs of probe.smtp.
type SMTPInput struct {
	// Address is the host and port to connect to; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// TLS says how the connection is encrypted: off; starttls (after EHLO, as on ports
	// 25 and 587); on (from its beginning, as on port 465).
	TLS string `json:"tls" default:"off" enum:"off,starttls,on"`
	// CAFile is a PEM file with authorities to trust beside those of this host.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the certificate has to have; "" means the host of
	// address.
	ServerName string `json:"server_name" format:"host"`
	// User is who to log in as, with AUTH PLAIN or LOGIN; "" means not to log in.
	User string `json:"user"`
	// Password is the user's. It is only sent over TLS, or to this host itself.
	Password engine.Secret `json:"password"`
	// MailFrom is the sender to ask with, as in "monitor@example.com"; "" means the
	// empty sender "<>" that bounces have. It is only used with rcpt_to.
	MailFrom string `json:"mail_from"`
	// RcptTo asks whether the server accepts mail for this address. The mail is taken
	// back before its text: none is sent. "" means not to ask.
	RcptTo string `json:"rcpt_to"`
	// Helo is the name that we greet with.
	Helo string `json:"helo" default:"gumshoe" format:"host"`
	// Timeout is how long all may take together. Some servers let strangers wait for
	// seconds before they greet.
	Timeout time.Duration `json:"timeout" default:"10s" min:"10ms" max:"60s"`
}

// The outcomes that only a mail server has.
const (
	Busy               reach.Outcome = "busy"
	TemporarilyRefused reach.Outcome = "temporarily_refused"
	RefusedByServer    reach.Outcome = "refused_by_server"
)

// SMTP is what probe.smtp observes.
type SMTP struct {
	// Outcome is what came of it: ok (all that was asked for was agreed to); busy (421,
	// it takes no more now); temporarily_refused (another 4xx: later it may); then
	// refused_by_server (5xx, also as a greeting: it wants nothing to do with us; for
	// why see reason); auth_failed (it does not accept user and password); not_offered
	// (it does not offer what stage says: STARTTLS, or an AUTH that we know);
	// tls_failed (no handshake, or the certificate is not valid: see error, and
	// probe.tls); protocol_error (what answers does not speak SMTP); closed (it closed
	// the connection); refused, timed_out, reset, unreachable, name_not_found,
	// name_failed (as in probe.tcp; timed_out and reset also later: see stage).
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,busy,temporarily_refused,refused_by_server,auth_failed,not_offered,tls_failed,protocol_error,closed,refused,timed_out,reset,unreachable,name_not_found,name_failed"`
	// Stage is how far it came: what was being done when it ended, or done.
	Stage string `json:"stage" expr:"stage" enum:"connect,tls,greeting,ehlo,starttls,auth,mail,rcpt,done"`
	// Error is what the server says when it refuses, or what is behind the outcome, as
	// far as it was told, else "".
	Error string `json:"error" expr:"error"`
	// Code is the reply code of the server's last reply, such as 250; unread without a
	// reply.
	Code int `json:"code" expr:"code"`
	// EnhancedCode is the code after it that says more (RFC 3463), such as 5.7.1; ""
	// when the reply has none. Unread without a reply.
	EnhancedCode string `json:"enhanced_code" expr:"enhanced_code"`
	// Reason is why the server refuses, judged by its codes and words: relay_denied (it
	// does not pass on mail for that address), greylisted (it wants to be asked again
	// later), mailbox_full, unknown_user, blocklisted (it does not want mail from our
	// address), auth_required, server_full (it has no room), rate_limited, other; none
	// when it does not.
	Reason string `json:"reason" expr:"reason" enum:"none,relay_denied,greylisted,mailbox_full,unknown_user,blocklisted,auth_required,server_full,rate_limited,other"`
	// Accepted says that the server accepts mail for rcpt_to; unread unless it was asked
	// and told.
	Accepted bool `json:"accepted" expr:"accepted"`

	// Address is the host and port as asked for.
	Address string `json:"address" expr:"address"`
	// RemoteAddress is the address and port that answered; unread unless connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// Greeting is the first line that the server says, after its code; unread without
	// one.
	Greeting string `json:"greeting" expr:"greeting"`
	// Extensions are what the server offers in reply to EHLO, in capitals as "SIZE
	// 10240000", over TLS when that was asked for; at most 50. Unread unless it told, as
	// are the next four.
	Extensions []string `json:"extensions" expr:"extensions"`
	// StartTLSOffered says that STARTTLS is offered before TLS; unread with tls on.
	StartTLSOffered bool `json:"starttls_offered" expr:"starttls_offered"`
	// AuthMechanisms are the ways to log in that are offered, such as PLAIN. Many
	// servers offer them only over TLS.
	AuthMechanisms []string `json:"auth_mechanisms" expr:"auth_mechanisms"`
	// MaxSizeBytes is how large a mail may be; 0 when the server sets no bound.
	MaxSizeBytes int64 `json:"max_size_bytes" expr:"max_size_bytes"`
	// TLSVersion is the version of TLS that was agreed on, such as "TLS 1.3"; unread
	// without TLS.
	TLSVersion string `json:"tls_version" expr:"tls_version"`

	// ResolveSeconds is the time to look up the name; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is the time to connect, with the addresses that did not answer;
	// unread unless connected.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// GreetingSeconds is the time from the connection to the greeting: a long one is a
	// busy server, its look-up of our name, or a trap for hasty senders. Unread without
	// a greeting.
	GreetingSeconds float64 `json:"greeting_seconds" expr:"greeting_seconds"`
	// HandshakeSeconds is the time of the TLS handshake; unread unless it came to an end.
	HandshakeSeconds float64 `json:"handshake_seconds" expr:"handshake_seconds"`
	// LoginSeconds is the time of AUTH; unread unless it was answered.
	LoginSeconds float64 `json:"login_seconds" expr:"login_seconds"`
	// RcptSeconds is the time of the answer to RCPT TO; unread without one.
	RcptSeconds float64 `json:"rcpt_seconds" expr:"rcpt_seconds"`
}

// SMTP is the check probe.smtp.
//
// It greets a mail server and asks what it offers, on request also with TLS, with a
// log-in, and whether it accepts mail for an address. It ends before the text of a
// mail (no DATA), with RSET and QUIT: nothing is sent to anybody. At most 100 lines of
// a reply are read.
//
// Example:
//
//	mx: { check: probe.smtp, with: { address: "mx1.example.com:25", tls: starttls, rcpt_to: postmaster@example.com } }
//
// By hand:
//
//	swaks --server mx1.example.com:25 --tls --to postmaster@example.com --quit-after RCPT
func (p Probes) SMTP() engine.Check[SMTPInput, SMTP] {
	return engine.Check[SMTPInput, SMTP]{
		Name:      "probe.smtp",
		Doc:       "Whether a mail server takes mail: greeting, extensions, TLS, log-in, and whether it accepts an address. It sends no mail.",
		Cost:      500 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in SMTPInput) string { return in.Address },
		Plan:      planSMTP,
		Run:       p.lookSMTP,
		Summarize: summarizeSMTP,
	}
}

func summarizeSMTP(o SMTP) string {
	text := reach.Clip(o.Address, 60) + " " + o.Outcome.Words()
	if o.Outcome == reach.OK {
		return fmt.Sprintf("%s, greeted in %s", text, reach.Milliseconds(o.GreetingSeconds))
	}
	if o.Stage != "" && o.Stage != "connect" {
		text += " at " + o.Stage
	}
	if o.Code >= 400 {
		text += fmt.Sprintf(" (%d)", o.Code)
	}
	if o.Error != "" {
		text += ": " + reach.Clip(o.Error, 80)
	}
	return text
}

func planSMTP(in SMTPInput) []engine.Touch {
	how := "connect, EHLO"
	switch in.TLS {
	case "starttls":
		how += ", STARTTLS"
	case "on":
		how = "connect, TLS handshake, EHLO"
	}
	if in.User != "" {
		how += ", AUTH"
	}
	if in.RcptTo != "" {
		how += ", MAIL FROM, RCPT TO, RSET; no mail is sent"
	}
	touches := reach.Plan(in.Address, how)
	if in.TLS != "off" && in.TLS != "" && touches != nil {
		touches = append(touches, reach.PlanAuthorities(in.CAFile)...)
	}
	return touches
}

func (p Probes) lookSMTP(ctx context.Context, call *engine.Call, in SMTPInput) (SMTP, error) {
	o := SMTP{Address: in.Address, Stage: "connect", Reason: "none", Extensions: []string{}, AuthMechanisms: []string{}}
	host, port, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return o, err
	}
	if err := in.sound(host); err != nil {
		return o, err
	}
	reproduceSMTP(call, in)
	if err := ctx.Err(); err != nil {
		return o, err
	}
	if err := p.allow.PermitName(host, port); err != nil {
		return o, err
	}
	s := mailSession{o: &o, in: in, name: in.ServerName}
	if s.name == "" {
		s.name = host
	}
	if in.TLS != "off" && in.TLS != "" {
		if s.roots, err = reach.Authorities(in.CAFile); err != nil {
			return o, err
		}
	}
	deadline := time.Now().Add(reach.InnerTimeout(ctx, in.Timeout))
	r, outcome, err := p.allow.Reach(ctx, host, port, deadline)
	o.ResolveSeconds = r.ResolveSeconds
	if err != nil {
		return o, err
	}
	if outcome != reach.Connected {
		o.Outcome = outcome
		o.unread(call, in, false, false)
		return o, nil
	}
	o.RemoteAddress, o.ConnectSeconds = r.RemoteAddr().String(), r.ConnectSeconds
	defer reach.Bind(ctx, r, deadline)()
	s.conn = r
	if err := s.talk(ctx); err != nil {
		return o, err
	}
	o.unread(call, in, true, s.told)
	return o, nil
}

// unread says what was not asked for, and what the outcome leaves unseen.
func (o *SMTP) unread(call *engine.Call, in SMTPInput, connected, told bool) {
	reason := "it ended at " + o.Stage + ": " + o.Outcome.Words()
	for _, field := range []struct {
		path        string
		seen, asked bool
		ask         string
	}{
		{"remote_address", connected, true, ""},
		{"connect_seconds", connected, true, ""},
		{"greeting", o.GreetingSeconds > 0, true, ""},
		{"greeting_seconds", o.GreetingSeconds > 0, true, ""},
		{"code", o.Code > 0, true, ""},
		{"enhanced_code", o.Code > 0, true, ""},
		{"extensions", told, true, ""},
		{"starttls_offered", told || o.StartTLSOffered, in.TLS != "on", "the connection begins with TLS"},
		{"auth_mechanisms", told, true, ""},
		{"max_size_bytes", told, true, ""},
		{"tls_version", o.TLSVersion != "", in.TLS != "off", "tls is off"},
		{"handshake_seconds", o.HandshakeSeconds > 0, in.TLS != "off", "tls is off"},
		{"login_seconds", o.LoginSeconds > 0, in.User != "", "there is no user to log in as"},
		{"rcpt_seconds", o.RcptSeconds > 0, in.RcptTo != "", "rcpt_to asks about no address"},
		{"accepted", o.RcptSeconds > 0, in.RcptTo != "", "rcpt_to asks about no address"},
	} {
		switch {
		case !field.asked:
			call.NotAsked(field.path, field.ask, "")
		case !field.seen:
			call.Unread(field.path, reason, "")
		}
	}
}
