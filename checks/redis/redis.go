// Package redis looks at a Redis server, or at one that speaks its protocol
// (Valkey, KeyDB), as a client does: it asks on one connection how the server is,
// and never for what is in it.
package redis

import (
	"fmt"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Probes makes the check of Redis servers.
type Probes struct{ allow *reach.AllowList }

// New gives the check that connects to what the list allows; nil allows every
// target that is not guarded.
func New(allow *reach.AllowList) Probes {
	logging.Disable() // the client library's own, to the standard error
	return Probes{allow}
}

// Input are the inputs of probe.redis.
type Input struct {
	// Address is the host and port to connect to; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// Username is the user to log in as (Redis 6 and later); "" means the default user.
	Username string `json:"username"`
	// Password is the user's; none means that none is sent.
	Password engine.Secret `json:"password"`
	// DB is the number of the database that clients use: whether it exists is looked at.
	DB int `json:"db" default:"0" min:"0" max:"100000"`
	// TLS says whether the connection is encrypted. The server's certificate is verified.
	TLS string `json:"tls" default:"off" enum:"off,on"`
	// CAFile is a PEM file with authorities to trust beside those of this host.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the certificate has to have; "" means the host of
	// address.
	ServerName string `json:"server_name" format:"host"`
	// CertFile is a PEM file with the certificate to show, which a Redis server with
	// TLS asks for unless tls-auth-clients is off.
	CertFile string `json:"cert_file" format:"path"`
	// KeyFile is the PEM file with its key, without a passphrase; "" means that it is
	// in cert_file.
	KeyFile string `json:"key_file" format:"path"`
	// Since is how far back the slow log and the latency monitor count.
	Since time.Duration `json:"since" default:"5m" min:"1s" max:"168h"`
	// Timeout is how long everything may take beside the window: looking up the name,
	// connecting, and all answers.
	Timeout time.Duration `json:"timeout" default:"3s" min:"10ms" max:"30s"`
	// Window is the time between the two readings of the counters.
	Window time.Duration `json:"window" default:"2s" min:"100ms" max:"60s"`
}

// Server is the check probe.redis.
//
// It logs in on one connection, which calls itself gumshoe, reads INFO, pings 20
// times a second over the window, and reads INFO again; then the newest 128
// entries of the slow log, LATENCY LATEST, three settings, and in a cluster
// CLUSTER INFO. None of these takes longer with more keys or more clients. A
// sentinel is asked the same, as far as it can answer.
//
// The user needs no more than: ACL SETUSER gumshoe on >PASSWORD -@all +ping +info
// +select +client|setname +slowlog|get +latency|latest +config|get +cluster|info.
//
// Example:
//
//	redis: { check: probe.redis, with: { address: "cache.example.com:6379", password: "${inputs.password}" } }
//
// By hand:
//
//	redis-cli -h cache.example.com -p 6379 --askpass info all
//	redis-cli -h cache.example.com -p 6379 --askpass slowlog get 10
func (p Probes) Server() engine.Check[Input, Server] {
	return engine.Check[Input, Server]{
		Name:      "probe.redis",
		Doc:       "Whether a Redis, Valkey or KeyDB server answers, how fast, and what it is short of or busy with.",
		Cost:      2100 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in Input) string { return in.Address },
		Plan:      plan,
		Run:       p.look,
		Summarize: summarize,
	}
}

func plan(in Input) []engine.Touch {
	how := "connect, log in, PING, INFO, SLOWLOG GET, LATENCY LATEST, CONFIG GET, CLUSTER INFO"
	touches := reach.Plan(in.Address, how)
	if in.TLS == "on" {
		touches = append(touches, in.files().Plan()...)
	}
	return touches
}

// files are those that TLS needs.
func (in Input) files() reach.TLSFiles {
	name := in.ServerName
	if name == "" {
		name, _, _ = engine.SplitHostPort(in.Address)
	}
	return reach.TLSFiles{ServerName: name, CA: in.CAFile, Certificate: in.CertFile, Key: in.KeyFile}
}

// reproduce gives the command that shows the same. The password is asked for.
func reproduce(call *engine.Call, in Input) {
	host, port, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return
	}
	argv := []string{"redis-cli", "-h", host, "-p", fmt.Sprint(port)}
	if in.Username != "" {
		argv = append(argv, "--user", in.Username)
	}
	if in.Password.IsSet() {
		argv = append(argv, "--askpass")
	}
	if in.TLS == "on" {
		argv = append(argv, "--tls")
		for _, option := range [][2]string{{"--sni", in.ServerName}, {"--cacert", in.CAFile}, {"--cert", in.CertFile}, {"--key", in.KeyFile}} {
			if option[1] != "" {
				argv = append(argv, option[0], option[1])
			}
		}
	}
	call.Reproduce(append(argv, "info", "all")...)
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
	text := fmt.Sprintf("%s ping %s, at most %s, %.0f ops/s", address,
		reach.Milliseconds(o.Ping.MeanSeconds), reach.Milliseconds(o.Ping.MaxSeconds), o.Throughput.OpsPerSecond)
	if o.Memory.LimitBytes > 0 {
		text += fmt.Sprintf(", %.0f %% of memory", o.Memory.UsedPercent)
	}
	return text
}
