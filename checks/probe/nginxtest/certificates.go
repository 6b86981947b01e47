package nginxtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Day is how certificates are counted.
const Day = 24 * time.Hour

// Certificate is a certificate with its key, and those that are sent with it.
type Certificate struct {
	*x509.Certificate

	key *ecdsa.PrivateKey
	// Above are the certificates that a server sends after this one.
	Above []*Certificate
}

// Authority makes a certificate that signs others; by nil signs itself.
func Authority(t testing.TB, by *Certificate, name string, left time.Duration) *Certificate {
	t.Helper()
	return create(t, by, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-1000 * Day), NotAfter: time.Now().Add(left),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	})
}

// Issue makes a certificate for localhost, 127.0.0.1 and 10.9.0.2 that holds for
// 80 days more, unless change says otherwise; by nil signs itself.
func Issue(t testing.TB, by *Certificate, change func(*x509.Certificate)) *Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-10 * Day), NotAfter: time.Now().Add(80 * Day),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 9, 0, 2)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	return create(t, by, template)
}

func create(t testing.TB, by *Certificate, template *x509.Certificate) *Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Certificate{Certificate: made, key: key}
}

// With gives the certificate as it is sent with others after it.
func (c *Certificate) With(above ...*Certificate) *Certificate {
	return &Certificate{Certificate: c.Certificate, key: c.key, Above: above}
}

// Write writes the certificate with those above it, and then its key, as PEM.
func (c *Certificate) Write(t testing.TB, path string) {
	t.Helper()
	text := c.PEM()
	for _, above := range c.Above {
		text = append(text, above.PEM()...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// PEM is the certificate alone.
func (c *Certificate) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// File writes the certificate alone to a file of its own, as a client is given
// an authority, and gives its path.
func (c *Certificate) File(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(path, c.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
