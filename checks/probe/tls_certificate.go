package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Bounds of the lists of probe.tls.
const (
	maxCertificates = 10
	maxDNSNames     = 100
)

// What to say on a host that trusts nobody.
const (
	noAuthority    = "this host knows no certificate authority"
	noAuthorityFix = "install ca-certificates, or give ca_file"
)

// shake does the handshake and fills in what it shows.
func (o *TLS) shake(ctx context.Context, call *engine.Call, conn net.Conn, config *tls.Config, roots *x509.CertPool, deadline time.Time) error {
	s, outcome, text, err := secure(ctx, conn, config, roots)
	if err != nil {
		return err
	}
	if len(s.sent) > 0 {
		o.fillCertificate(call, s.sent, s.judged, time.Now())
	}
	if outcome != reach.Connected {
		o.Outcome, o.Error = outcome, text
		return nil
	}
	o.HandshakeSeconds = s.seconds
	o.Version, o.Cipher = tls.VersionName(s.state.Version), tls.CipherSuiteName(s.state.CipherSuite)
	o.ALPN, o.OCSPStapled = reach.Printable(s.state.NegotiatedProtocol), len(s.state.OCSPResponse) > 0
	if s.judged.blind {
		o.Outcome = ""
		call.Unread("outcome", noAuthority, noAuthorityFix)
	}
	if o.ClientCertificateRequested {
		return o.awaitRefusal(ctx, s.Conn, deadline)
	}
	return nil
}

// awaitRefusal waits shortly for a server that asked for a certificate to say
// that it does not like ours, or that there is none.
func (o *TLS) awaitRefusal(ctx context.Context, conn *tls.Conn, deadline time.Time) error {
	const shortly = 500 * time.Millisecond
	if soon := time.Now().Add(shortly); soon.Before(deadline) {
		deadline = soon
	}
	_ = conn.SetReadDeadline(deadline)
	_, err := conn.Read(make([]byte, 1))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || reach.IsTimeout(err) || errors.Is(err, io.EOF) {
		return nil
	}
	o.Outcome, o.Error = HandshakeFailed, "it refused the client after the handshake: "+reach.Printable(err.Error())
	return nil
}

// fillCertificate fills in what the certificates say and what verifying them
// came to.
func (o *TLS) fillCertificate(call *engine.Call, sent []*x509.Certificate, j judged, now time.Time) {
	leaf := sent[0]
	o.Outcome, o.Verified, o.ChainComplete = j.outcome, j.err == nil, j.complete
	if j.err != nil {
		o.VerifyError = reach.Printable(j.err.Error())
	}
	if j.blind {
		for _, field := range []string{"verified", "verify_error", "chain_complete"} {
			call.Unread(field, noAuthority, noAuthorityFix)
		}
	}
	o.DaysLeft, o.ChainDaysLeft = daysLeft(leaf, now), chainDaysLeft(sent, j.chains, now)
	o.LifetimeDays = float64(leaf.NotAfter.Unix()-leaf.NotBefore.Unix()) / (24 * 60 * 60)
	o.NotBefore, o.NotAfter = leaf.NotBefore.UTC(), leaf.NotAfter.UTC()
	o.Subject, o.Issuer = reach.Printable(leaf.Subject.String()), reach.Printable(leaf.Issuer.String())
	for _, name := range leaf.DNSNames {
		o.DNSNames = append(o.DNSNames, reach.Printable(name))
	}
	for _, ip := range leaf.IPAddresses {
		o.DNSNames = append(o.DNSNames, ip.String())
	}
	o.DNSNames = o.DNSNames[:min(len(o.DNSNames), maxDNSNames)]
	o.Serial, o.FingerprintSHA256 = serial(leaf), fingerprint(leaf)
	o.SignatureAlgorithm = leaf.SignatureAlgorithm.String()
	o.KeyType, o.KeyBits = keyOf(leaf)
	for _, c := range sent[:min(len(sent), maxCertificates)] {
		o.Chain = append(o.Chain, ChainCertificate{
			Subject: reach.Printable(c.Subject.String()), Issuer: reach.Printable(c.Issuer.String()),
			NotAfter: c.NotAfter.UTC(), DaysLeft: daysLeft(c, now), IsCA: c.IsCA,
		})
	}
}
