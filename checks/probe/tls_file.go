package probe

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"time"

	"gumshoe/engine"
)

// readFile reads the first certificate of certificate_file and says when it
// expires; nil when there is none to read.
func (o *TLS) readFile(call *engine.Call, path string) *x509.Certificate {
	if path == "" {
		call.NotAsked("file_days_left", "no certificate_file was given", "give certificate_file")
		call.NotAsked("file_shown", "no certificate_file was given", "give certificate_file")
		return nil
	}
	c, reason, fix := certificateIn(path)
	if c == nil {
		call.Unread("file_days_left", reason, fix)
		call.Unread("file_shown", reason, fix)
		return nil
	}
	o.FileDaysLeft = daysLeft(c, time.Now())
	return c
}

// compareFile tells whether the server shows the certificate of the file.
func (o *TLS) compareFile(call *engine.Call, file *x509.Certificate) {
	switch {
	case file == nil:
	case len(o.Chain) == 0:
		call.Unread("file_shown", "the server showed no certificate", "")
	default:
		o.FileShown = fingerprint(file) == o.FingerprintSHA256
	}
}

// certificateIn reads the first certificate of a PEM file, or says why not.
func certificateIn(path string) (c *x509.Certificate, reason, fix string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, "cannot read the file: " + err.Error(), "make " + path + " readable for gumshoe"
	}
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, path + " holds no certificate", "give the file with the server's certificate in PEM form"
		}
		if text = rest; block.Type != "CERTIFICATE" {
			continue
		}
		if c, err = x509.ParseCertificate(block.Bytes); err != nil {
			return nil, "the certificate in " + path + " cannot be read: " + err.Error(), ""
		}
		return c, "", ""
	}
}
