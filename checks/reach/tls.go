package reach

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"

	"gumshoe/engine"
)

// TLSFiles says how a client of a protocol with TLS verifies its server, and who
// it says that it is.
type TLSFiles struct {
	// ServerName is what the certificate has to be for.
	ServerName string
	// CA is a PEM file with authorities to trust beside those of this host; "" means
	// those of this host alone.
	CA string
	// Certificate and Key are PEM files of the client; "" means that it has none.
	Certificate, Key string
}

// Config reads the files. A file that cannot be used is an engine.BlindError.
func (f TLSFiles) Config() (*tls.Config, error) {
	pool, err := Authorities(f.CA)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: f.ServerName, RootCAs: pool, MinVersion: tls.VersionTLS12}
	if f.Certificate != "" {
		key := f.Key
		if key == "" {
			key = f.Certificate
		}
		pair, err := tls.LoadX509KeyPair(f.Certificate, key)
		if err != nil {
			return nil, engine.Blind("cannot use the client's certificate", "give its files in PEM form, readable for gumshoe, the key without a passphrase", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Plan lists the files that Config reads.
func (f TLSFiles) Plan() []engine.Touch { return PlanAuthorities(f.CA, f.Certificate, f.Key) }

// Authorities are those that this host trusts, and those of a PEM file beside
// them; "" means no file. One that cannot be used is an engine.BlindError.
func Authorities(file string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // verified then says that there are none
	}
	if file == "" {
		return pool, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, engine.Blind("cannot read the authorities to trust", "make "+file+" readable for gumshoe", err)
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, engine.Blind(file+" holds no certificate", "give a file with certificates in PEM form", nil)
	}
	return pool, nil
}

// PlanAuthorities lists where Go looks for the authorities that this host trusts,
// and the files that are read beside.
func PlanAuthorities(beside ...string) []engine.Touch {
	files := []string{
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
	}
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		files = []string{file}
	}
	folders := []string{"/etc/ssl/certs", "/etc/pki/tls/certs"}
	if list := os.Getenv("SSL_CERT_DIR"); list != "" {
		folders = strings.Split(list, ":")
	}
	var touches []engine.Touch
	for _, file := range append(files, beside...) {
		if strings.HasPrefix(file, "/") {
			touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: file, How: "read"})
		}
	}
	for _, folder := range folders {
		if strings.HasPrefix(folder, "/") {
			touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: folder, How: "read what is below"})
		}
	}
	return touches
}

// TLSFailure tells whether an error is one of TLS, and not of the connection
// below it, and says it in a few printable words. It is also for the first read
// after a handshake: with TLS 1.3 a server refuses a client's certificate then.
func TLSFailure(err error) (text string, is bool) {
	var garbage tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	var call *net.OpError
	switch {
	case errors.As(err, &garbage):
		return "it does not speak TLS", true
	case errors.As(err, &verify):
		return Printable(verify.Error()), true
	case errors.As(err, &alert), errors.As(err, &call) && call.Op == "remote error":
		return Printable(err.Error()), true
	}
	return "", false
}

// HandshakeFailure is what an error of a TLS handshake says of the server, with
// some words. The error is one of our own host.
func HandshakeFailure(err error) (outcome Outcome, text string, _ error) {
	if text, is := TLSFailure(err); is {
		return TLSFailed, text, nil
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Closed, "it closed the connection during the TLS handshake", nil
	case OfNetwork(err):
		outcome, err := OutcomeOf(err)
		return outcome, "during the TLS handshake", err
	}
	return TLSFailed, Printable(err.Error()), nil
}
