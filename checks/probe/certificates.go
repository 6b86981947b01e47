package probe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"gumshoe/checks/reach"
)

// The outcomes of a certificate.
const (
	Valid            reach.Outcome = "valid"
	Expired          reach.Outcome = "expired"
	NotYetValid      reach.Outcome = "not_yet_valid"
	WrongHost        reach.Outcome = "wrong_host"
	SelfSigned       reach.Outcome = "self_signed"
	IncompleteChain  reach.Outcome = "incomplete_chain"
	UnknownAuthority reach.Outcome = "unknown_authority"
)

// judged is what verifying the certificates that a server sent came to.
type judged struct {
	leaf    *x509.Certificate // the server's own; nil when none was sent
	outcome reach.Outcome
	err     error                 // nil when valid
	chains  [][]*x509.Certificate // that lead to an authority, when valid
	// complete tells whether the certificates sent lead to an authority that is
	// known, or to one that is sent itself.
	complete bool
	// blind tells that this host knows no authority at all, so that nothing can be
	// said about who signed.
	blind bool
}

// judge verifies what a server sent, its own certificate first.
func judge(sent []*x509.Certificate, name string, roots *x509.CertPool, now time.Time) judged {
	leaf, between := sent[0], x509.NewCertPool()
	for _, c := range sent[1:] {
		between.AddCert(c)
	}
	options := x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between, CurrentTime: now}
	j := judged{leaf: leaf}
	j.chains, j.err = leaf.Verify(options)
	j.outcome = certificateOutcome(sent, j.err, now)
	top := topOf(sent)
	j.complete = j.err == nil || selfSigned(top)
	if !j.complete {
		// Who signed is one question, when it holds and for which name are others.
		options.DNSName, options.CurrentTime = "", whileValid(sent)
		_, err := leaf.Verify(options)
		j.complete = err == nil
	}
	var unknown x509.UnknownAuthorityError
	j.blind = errors.As(j.err, &unknown) && j.outcome != SelfSigned && roots.Equal(x509.NewCertPool())
	return j
}

// certificateOutcome tells by the kind of an error of Verify what is wrong. Go
// looks at the dates first, then at the name, then at who signed.
func certificateOutcome(sent []*x509.Certificate, err error, now time.Time) reach.Outcome {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return Valid
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if invalid.Cert != nil && now.Before(invalid.Cert.NotBefore) {
			return NotYetValid
		}
		return Expired
	case errors.As(err, &host):
		return WrongHost
	case errors.As(err, &unknown):
		switch top := topOf(sent); {
		case selfSigned(sent[0]):
			return SelfSigned
		case top == sent[0]:
			return IncompleteChain
		}
		return UnknownAuthority
	}
	return Invalid
}

// topOf follows from the server's certificate to who signed it, as far as what
// was sent goes.
func topOf(sent []*x509.Certificate) *x509.Certificate {
	top := sent[0]
	for range sent {
		next := top
		for _, c := range sent {
			if c != top && bytes.Equal(c.RawSubject, top.RawIssuer) && top.CheckSignatureFrom(c) == nil {
				next = c
			}
		}
		if next == top {
			break
		}
		top = next
	}
	return top
}

// selfSigned checks the signature: a certificate may name itself as its issuer
// and be signed by another.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// whileValid is the last moment at which all of the certificates hold, if there
// is one.
func whileValid(certificates []*x509.Certificate) time.Time {
	last := certificates[0].NotAfter
	for _, c := range certificates {
		if c.NotAfter.Before(last) {
			last = c.NotAfter
		}
	}
	return last.Add(-time.Second)
}

// daysLeft is below 0 for a certificate that has expired. It counts in seconds,
// since a time.Duration holds no more than 292 years.
func daysLeft(c *x509.Certificate, now time.Time) float64 {
	return float64(c.NotAfter.Unix()-now.Unix()) / (24 * 60 * 60)
}

// chainDaysLeft is the time until the first certificate expires of the chain
// that holds longest; without one, of those that were sent. An authority's own
// certificate does not count: clients do not look at its date.
func chainDaysLeft(sent []*x509.Certificate, chains [][]*x509.Certificate, now time.Time) float64 {
	best, found := 0.0, false
	for _, chain := range chains {
		if days := shortest(chain[:max(1, len(chain)-1)], now); !found || days > best {
			best, found = days, true
		}
	}
	if found {
		return best
	}
	var counted []*x509.Certificate
	for i, c := range sent {
		if i == 0 || !selfSigned(c) {
			counted = append(counted, c)
		}
	}
	return shortest(counted, now)
}

func shortest(chain []*x509.Certificate, now time.Time) float64 {
	days := daysLeft(chain[0], now)
	for _, c := range chain[1:] {
		days = min(days, daysLeft(c, now))
	}
	return days
}

// keyOf names the kind of a public key and gives its size.
func keyOf(c *x509.Certificate) (kind string, bits int) {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA", key.N.BitLen()
	case *ecdsa.PublicKey:
		return "ECDSA", key.Params().BitSize
	case ed25519.PublicKey:
		return "Ed25519", len(key) * 8
	}
	return c.PublicKeyAlgorithm.String(), 0
}

// fingerprint is the SHA-256 of a certificate in hexadecimal.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// serial writes a serial number as openssl does.
func serial(c *x509.Certificate) string {
	if c.SerialNumber == nil {
		return ""
	}
	text := fmt.Sprintf("%X", c.SerialNumber)
	if len(text)%2 == 1 {
		text = "0" + text
	}
	return reach.Clip(text, 64)
}
