// Package nats looks at a NATS server: as a client does, and where there is a
// monitoring port, there. It asks how the server is, and reads no messages.
package nats

import (
	"fmt"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Probes makes the check of NATS servers.
type Probes struct{ allow *reach.AllowList }

// New gives the check that connects to what the list allows; nil allows every
// target that is not guarded.
func New(allow *reach.AllowList) Probes { return Probes{allow} }

// Input are the inputs of probe.nats.
type Input struct {
	// Address is the host and port for clients; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// Username is the user to log in as; "" means none.
	Username string `json:"username"`
	// Password is the user's.
	Password engine.Secret `json:"password"`
	// Token is what to log in with instead of a user.
	Token engine.Secret `json:"token"`
	// CredsFile is a file to log in with instead of a user: with the JWT and the seed
	// of one, as nsc makes it, or with the seed alone (an NKey).
	CredsFile string `json:"creds_file" format:"path"`
	// TLS says whether the connection is encrypted: on after the server's greeting, or
	// from the first byte (handshake_first). The server's certificate is verified.
	TLS string `json:"tls" default:"off" enum:"off,on,first"`
	// CAFile is a PEM file with authorities to trust beside those of this host; for
	// monitor too.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the certificate has to have; "" means the host of
	// address.
	ServerName string `json:"server_name" format:"host"`
	// CertFile is a PEM file with the certificate to show; "" means none.
	CertFile string `json:"cert_file" format:"path"`
	// KeyFile is the PEM file with its key, without a passphrase; "" means that it is
	// in cert_file.
	KeyFile string `json:"key_file" format:"path"`
	// Monitor is the URL of the server's monitoring port, such as
	// http://nats.example.com:8222; "" means that it is not asked.
	Monitor string `json:"monitor"`
	// Timeout is how long everything may take beside the window.
	Timeout time.Duration `json:"timeout" default:"5s" min:"10ms" max:"30s"`
	// Window is the time between the two readings of what is per second.
	Window time.Duration `json:"window" default:"2s" min:"100ms" max:"60s"`
}

// Server is the check probe.nats.
//
// It logs in on one connection, which calls itself gumshoe, and pings 20 times a
// second over the window. With the input monitor it asks the server's monitoring
// port before and after it: /varz, /jsz, and once /healthz, /routez and the ten
// clients with most bytes waiting (/connz). Without, it asks the API of JetStream on
// the same connection ($JS.API.INFO, STREAM.LIST, CONSUMER.LIST), as far as the
// user may. It subscribes to the answers, and to nothing else.
//
// Example:
//
//	nats: { check: probe.nats, with: { address: "nats.example.com:4222", monitor: "http://nats.example.com:8222" } }
//
// By hand:
//
//	nats --server nats.example.com:4222 rtt
//	nats --server nats.example.com:4222 stream report
//	curl -s http://nats.example.com:8222/varz
func (p Probes) Server() engine.Check[Input, Server] {
	return engine.Check[Input, Server]{
		Name:      "probe.nats",
		Doc:       "Whether a NATS server answers, how fast, what it is short of, and which streams and consumers are behind.",
		Cost:      2100 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in Input) string { return in.Address },
		Plan:      plan,
		Run:       p.look,
		Summarize: summarize,
	}
}

func plan(in Input) []engine.Touch {
	touches := reach.Plan(in.Address, "connect, log in, PING, ask the API of JetStream")
	if m, err := parseMonitor(in.Monitor); err == nil && in.Monitor != "" {
		touches = append(touches, reach.Plan(m.address, "HTTP GET of /varz, /jsz, /healthz, /routez, /connz")...)
		if m.tls && in.TLS == "off" {
			touches = append(touches, in.files(m.host).Plan()...)
		}
	}
	if in.TLS != "off" {
		touches = append(touches, in.files("").Plan()...)
	}
	if strings.HasPrefix(in.CredsFile, "/") {
		touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: in.CredsFile, How: "read"})
	}
	return touches
}

// files are those that TLS needs; the host is whom it is for.
func (in Input) files(host string) reach.TLSFiles {
	name := host
	if name == "" {
		name, _, _ = engine.SplitHostPort(in.Address)
	}
	if in.ServerName != "" {
		name = in.ServerName
	}
	return reach.TLSFiles{ServerName: name, CA: in.CAFile, Certificate: in.CertFile, Key: in.KeyFile}
}

// reproduce gives the commands that show the same.
func reproduce(call *engine.Call, in Input) {
	argv := []string{"nats", "--server", in.Address}
	for _, option := range [][2]string{
		{"--user", in.Username}, {"--password", in.Password.String()}, {"--user", in.Token.String()}, {"--creds", in.CredsFile},
		{"--tlsca", in.CAFile}, {"--tlscert", in.CertFile}, {"--tlskey", in.KeyFile},
	} {
		if option[1] != "" {
			argv = append(argv, option[0], option[1])
		}
	}
	call.Reproduce(append(argv, "rtt")...)
	if in.Monitor == "" {
		call.Reproduce(append(argv, "stream", "report")...)
		return
	}
	call.Reproduce("curl", "-s", strings.TrimRight(in.Monitor, "/")+"/varz")
	call.Reproduce("curl", "-s", strings.TrimRight(in.Monitor, "/")+"/"+jsz)
}

func summarize(o Server) string {
	address := reach.Clip(o.Address, 60)
	if o.Outcome != reach.OK {
		text := address + " " + o.Outcome.Words()
		if o.Error != "" {
			text += ": " + reach.Clip(o.Error, 80)
		}
		return text
	}
	text := fmt.Sprintf("%s answers in %s", address, reach.Milliseconds(o.Ping.MeanSeconds))
	if len(o.Consumers) > 0 && o.Consumers[0].Pending > 0 {
		text += fmt.Sprintf(", %d messages wait for %s", o.Consumers[0].Pending, reach.Clip(o.Consumers[0].Name, 40))
	}
	return text
}
