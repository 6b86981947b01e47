package probe

import (
	"crypto/tls"
	"net"
	"strings"

	"gumshoe/engine"
)

// config is that of a client which takes any version and cipher, to tell which
// the server has. The oldest are agreed on only when there is no other.
func (o *TLS) config(in TLSInput) (*tls.Config, error) {
	config := &tls.Config{ServerName: o.ServerName, NextProtos: in.ALPN, MinVersion: tls.VersionTLS10} //nolint:gosec // see above
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		config.CipherSuites = append(config.CipherSuites, suite.ID)
	}
	shown, err := clientCertificate(in.ClientCertificate, in.ClientKey)
	if err != nil {
		return nil, err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		o.ClientCertificateRequested = true
		return shown, nil
	}
	return config, nil
}

// clientCertificate reads the certificate to show to servers that ask for one, an
// empty one when there is no path. The key is with it unless it has a file of its own.
func clientCertificate(path, key string) (*tls.Certificate, error) {
	if path == "" && key == "" {
		return &tls.Certificate{}, nil
	}
	if key == "" {
		key = path
	}
	pair, err := tls.LoadX509KeyPair(path, key)
	if err != nil {
		return nil, engine.Blind("cannot use the client's certificate", "give its files in PEM form, readable for gumshoe, the key without a passphrase", err)
	}
	return &pair, nil
}

// planFiles lists files that are read, without those that were not given.
func planFiles(paths ...string) []engine.Touch {
	var touches []engine.Touch
	for _, path := range paths {
		if path != "" {
			touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: path, How: "read"})
		}
	}
	return touches
}

// reproduceTLS gives the command that shows the same.
func reproduceTLS(call *engine.Call, in TLSInput, name string) {
	argv := []string{"openssl", "s_client", "-connect", in.Address, "-showcerts"}
	if net.ParseIP(name) == nil {
		argv = append(argv, "-servername", name, "-verify_hostname", name)
	} else {
		argv = append(argv, "-verify_ip", name)
	}
	if in.StartTLS != "none" && in.StartTLS != "" {
		argv = append(argv, "-starttls", in.StartTLS)
	}
	if len(in.ALPN) > 0 {
		argv = append(argv, "-alpn", strings.Join(in.ALPN, ","))
	}
	for _, option := range [][2]string{{"-CAfile", in.CAFile}, {"-cert", in.ClientCertificate}, {"-key", in.ClientKey}} {
		if option[1] != "" {
			argv = append(argv, option[0], option[1])
		}
	}
	call.Reproduce(argv...)
}
