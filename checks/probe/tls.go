package probe

import (
	"context"
	"fmt"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// TLSInput are the inputs of probe.tls.
type TLSInput struct {
	// Address is the host and port to connect to; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// ServerName is the name that is asked for (SNI) and that the certificate has to
	// have; "" means the host of address.
	ServerName string `json:"server_name" format:"host"`
	// StartTLS is the protocol in which to ask for TLS first; none means that the
	// connection begins with TLS.
	StartTLS string `json:"starttls" default:"none" enum:"none,smtp,imap,pop3,postgres"`
	// ALPN are the application protocols to offer, such as h2; none by default.
	ALPN []string `json:"alpn"`
	// CAFile is a PEM file with authorities to trust beside those of this host.
	CAFile string `json:"ca_file" format:"path"`
	// ClientCertificate is a PEM file with the certificate to show when the server
	// asks for one, and those between it and its authority.
	ClientCertificate string `json:"client_certificate" format:"path"`
	// ClientKey is the PEM file with the key of client_certificate, without a
	// passphrase; "" means that it is in client_certificate.
	ClientKey string `json:"client_key" format:"path"`
	// CertificateFile is a PEM file on this host with the certificate that the server
	// is meant to show, such as the one that a renewal writes; "" means none.
	CertificateFile string `json:"certificate_file" format:"path"`
	// Timeout is how long looking up the name, connecting and the handshake may take
	// together.
	Timeout time.Duration `json:"timeout" default:"5s" min:"10ms" max:"30s"`
}

// NotOffered is the outcome of a server that does not offer TLS in its protocol.
const NotOffered reach.Outcome = "not_offered"

// TLS is what probe.tls observes.
type TLS struct {
	// Outcome is what came of it. With a certificate: valid; expired and
	// not_yet_valid (it, or one of those above it); wrong_host (it is for other
	// names: see dns_names); self_signed; incomplete_chain (who signed it is neither
	// sent nor known here: an intermediate is missing, or it is a private authority);
	// unknown_authority (who signed is sent, and is not trusted here); invalid
	// (for another reason: see verify_error). When several hold, it is the first of
	// these. Without: handshake_failed (see error); protocol_error (it does not speak
	// TLS, or not the protocol in starttls); not_offered (it speaks it, without TLS);
	// refused; timed_out; reset; closed (it closed the connection before TLS began);
	// unreachable; name_not_found; name_failed.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"valid,expired,not_yet_valid,wrong_host,self_signed,incomplete_chain,unknown_authority,invalid,handshake_failed,protocol_error,not_offered,refused,timed_out,reset,closed,unreachable,name_not_found,name_failed"`
	// Error says why there is no TLS connection, as far as it was told, else "".
	Error string `json:"error" expr:"error"`
	// Address is the host and port as asked for.
	Address string `json:"address" expr:"address"`
	// ServerName is the name that was asked for, and looked for in the certificate.
	ServerName string `json:"server_name" expr:"server_name"`
	// RemoteAddress is the address and port that answered; unread unless connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`

	// Verified says that the certificate is valid for server_name and leads to an
	// authority that this host or ca_file trusts. Nobody is asked whether it was
	// revoked. Unread without a certificate, as is all that follows up to
	// client_certificate_requested.
	Verified bool `json:"verified" expr:"verified"`
	// VerifyError is what is wrong with the certificate, "" when it is valid.
	VerifyError string `json:"verify_error" expr:"verify_error"`
	// DaysLeft is the number of days until the server's own certificate expires;
	// below 0 when it has.
	DaysLeft float64 `json:"days_left" expr:"days_left"`
	// ChainDaysLeft is the number of days until the first certificate of the chain
	// expires, the authority's own not counted. It can be below days_left.
	ChainDaysLeft float64 `json:"chain_days_left" expr:"chain_days_left"`
	// LifetimeDays is for how many days it holds in all, from not_before to not_after.
	LifetimeDays float64 `json:"lifetime_days" expr:"lifetime_days"`
	// NotBefore is when the certificate begins to hold.
	NotBefore time.Time `json:"not_before" expr:"not_before"`
	// NotAfter is when it expires.
	NotAfter time.Time `json:"not_after" expr:"not_after"`
	// Subject is whom it is for, as in "CN=www.example.com,O=Example".
	Subject string `json:"subject" expr:"subject"`
	// Issuer is who signed it.
	Issuer string `json:"issuer" expr:"issuer"`
	// DNSNames are the names and IP addresses that it is for, the first 100.
	DNSNames []string `json:"dns_names" expr:"dns_names"`
	// Serial is its serial number, in hexadecimal as openssl writes it.
	Serial string `json:"serial" expr:"serial"`
	// FingerprintSHA256 is its SHA-256 in lower-case hexadecimal.
	FingerprintSHA256 string `json:"fingerprint_sha256" expr:"fingerprint_sha256"`
	// SignatureAlgorithm is how it is signed, such as SHA256-RSA.
	SignatureAlgorithm string `json:"signature_algorithm" expr:"signature_algorithm"`
	// KeyType is the kind of its key: RSA, ECDSA or Ed25519.
	KeyType string `json:"key_type" expr:"key_type"`
	// KeyBits is the size of its key.
	KeyBits int `json:"key_bits" expr:"key_bits"`
	// Chain are the certificates as the server sends them, its own first, the first
	// 10. The authority's own need not be among them.
	Chain []ChainCertificate `json:"chain" expr:"chain"`
	// ChainComplete says that the certificates sent lead to an authority that is
	// known here, or to one that is sent itself.
	ChainComplete bool `json:"chain_complete" expr:"chain_complete"`

	// FileShown says that the server shows the certificate of certificate_file. If it
	// does not, it may not have been told to read it again. Unread without one.
	FileShown bool `json:"file_shown" expr:"file_shown"`
	// FileDaysLeft is the number of days until the certificate of certificate_file
	// expires; unread without one.
	FileDaysLeft float64 `json:"file_days_left" expr:"file_days_left"`

	// Version is the version that was agreed on, such as "TLS 1.3". 1.0 to 1.3 are
	// offered, with old ciphers too: that one is agreed on does not make it sound.
	Version string `json:"version" expr:"version"`
	// Cipher is the cipher suite, by its name in the standard.
	Cipher string `json:"cipher" expr:"cipher"`
	// ALPN is the application protocol that was agreed on, "" when none was.
	ALPN string `json:"alpn" expr:"alpn"`
	// OCSPStapled says that the server sends word from its authority that the
	// certificate is not revoked. The word is not verified.
	OCSPStapled bool `json:"ocsp_stapled" expr:"ocsp_stapled"`
	// ClientCertificateRequested says that the server asked for a certificate. When
	// the handshake failed, it is whether it had done so until then.
	ClientCertificateRequested bool `json:"client_certificate_requested" expr:"client_certificate_requested"`
	// ResolveSeconds is the time to look up the name; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is the time to connect, with the addresses that did not answer;
	// unread unless connected.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// HandshakeSeconds is the time of the TLS handshake, after what starttls says;
	// unread unless it came to an end.
	HandshakeSeconds float64 `json:"handshake_seconds" expr:"handshake_seconds"`
}

// ChainCertificate is a certificate that the server sends.
type ChainCertificate struct {
	// Subject is whom it is for.
	Subject string `json:"subject" expr:"subject"`
	// Issuer is who signed it.
	Issuer string `json:"issuer" expr:"issuer"`
	// NotAfter is when it expires.
	NotAfter time.Time `json:"not_after" expr:"not_after"`
	// DaysLeft is the number of days until then, below 0 afterwards.
	DaysLeft float64 `json:"days_left" expr:"days_left"`
	// IsCA says that it may sign others.
	IsCA bool `json:"is_ca" expr:"is_ca"`
}

// TLS is the check probe.tls.
//
// It does one TLS handshake, verifies the certificate, and sends nothing more. A
// certificate that is not valid is observed as one that is. When the server asks
// for a client's certificate, it is waited for half a second whether it closes
// the connection: with TLS 1.3 it refuses a client after the handshake.
//
// Example:
//
//	certificate: { check: probe.tls, with: { address: "www.example.com:443" } }
//
// By hand:
//
//	openssl s_client -connect www.example.com:443 -servername www.example.com -showcerts </dev/null
func (p Probes) TLS() engine.Check[TLSInput, TLS] {
	return engine.Check[TLSInput, TLS]{
		Name:      "probe.tls",
		Doc:       "Whether a server's certificate is valid, for how long and who signed it, and what TLS it speaks.",
		Cost:      100 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in TLSInput) string { return in.Address },
		Plan:      planTLS,
		Run:       p.lookTLS,
		Summarize: summarizeTLS,
	}
}

func summarizeTLS(o TLS) string {
	address := reach.Clip(o.Address, 60)
	switch {
	case o.Outcome == Valid:
		return fmt.Sprintf("%s valid for %.0f days, %s", address, o.DaysLeft, o.Version)
	case o.Outcome == Expired && o.DaysLeft < 0:
		return fmt.Sprintf("%s expired %.0f days ago", address, -o.DaysLeft)
	case o.Outcome == "":
		return address + " could not be verified"
	}
	text := address + " " + o.Outcome.Words()
	if o.Error != "" {
		text += ": " + reach.Clip(o.Error, 80)
	}
	return text
}

func planTLS(in TLSInput) []engine.Touch {
	touches := reach.Plan(in.Address, "connect, TLS handshake")
	if touches == nil { // no address that anything could connect to
		return nil
	}
	touches = append(touches, planFiles(in.ClientCertificate, in.ClientKey, in.CertificateFile)...)
	return append(touches, reach.PlanAuthorities(in.CAFile)...)
}

func (p Probes) lookTLS(ctx context.Context, call *engine.Call, in TLSInput) (TLS, error) {
	o := TLS{Address: in.Address, ServerName: in.ServerName, DNSNames: []string{}, Chain: []ChainCertificate{}}
	host, port, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return o, err
	}
	if o.ServerName == "" {
		o.ServerName = host
	}
	reproduceTLS(call, in, o.ServerName)
	if err := ctx.Err(); err != nil {
		return o, err
	}
	if err := p.allow.PermitName(host, port); err != nil {
		return o, err
	}
	roots, err := reach.Authorities(in.CAFile)
	if err != nil {
		return o, err
	}
	config, err := o.config(in)
	if err != nil {
		return o, err
	}
	file := o.readFile(call, in.CertificateFile)
	deadline := time.Now().Add(reach.InnerTimeout(ctx, in.Timeout))
	r, outcome, err := p.allow.Reach(ctx, host, port, deadline)
	o.ResolveSeconds = r.ResolveSeconds
	if err != nil {
		return o, err
	}
	if outcome != reach.Connected {
		o.Outcome = outcome
		o.compareFile(call, file)
		o.unread(call, "connect_seconds", "remote_address")
		return o, nil
	}
	o.RemoteAddress, o.ConnectSeconds = r.RemoteAddr().String(), r.ConnectSeconds
	defer reach.Bind(ctx, r, deadline)()
	if o.Outcome, o.Error, err = askForTLS(ctx, r, in.StartTLS); err != nil {
		return o, err
	}
	if o.Outcome == "" {
		if err := o.shake(ctx, call, r, config, roots, deadline); err != nil {
			return o, err
		}
	}
	o.compareFile(call, file)
	o.unread(call)
	return o, nil
}

// unread says what the outcome leaves unseen, beside the fields given.
func (o *TLS) unread(call *engine.Call, fields ...string) {
	reason := "there was no TLS connection: " + o.Outcome.Words()
	if o.Version == "" {
		fields = append(fields, "version", "cipher", "alpn", "ocsp_stapled", "handshake_seconds")
		if o.Outcome != HandshakeFailed && !o.ClientCertificateRequested {
			fields = append(fields, "client_certificate_requested")
		}
	}
	if len(o.Chain) == 0 {
		fields = append(fields, "verified", "verify_error", "days_left", "chain_days_left", "not_before", "not_after",
			"subject", "issuer", "dns_names", "serial", "fingerprint_sha256", "signature_algorithm",
			"key_type", "key_bits", "chain", "chain_complete", "lifetime_days")
	}
	for _, field := range fields {
		call.Unread(field, reason, "")
	}
}
