// Package mongodb looks at a MongoDB server as a client does: on one connection it
// asks how the server and its replica set are, and never for what is in it.
//
// The protocol (OP_MSG, and SCRAM to log in) is spoken here, with the driver's own
// package for BSON: the driver itself keeps a second connection to watch the
// server, tries again what failed, and does not tell how a connection ended. No
// MongoDB server can be had for the tests: they run against a server of our own
// that speaks the same protocol and gives the answers of MongoDB's manual.
package mongodb

import (
	"fmt"
	"net"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Probes makes the check of MongoDB servers.
type Probes struct{ allow *reach.AllowList }

// New gives the check that connects to what the list allows; nil allows every
// target that is not guarded.
func New(allow *reach.AllowList) Probes { return Probes{allow} }

// Input are the inputs of probe.mongodb.
type Input struct {
	// Address is the host and port of one server to connect to, and no other of its
	// replica set is; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// User is who to log in as; "" does not log in.
	User string `json:"user"`
	// Password is the user's. SCRAM never sends it.
	Password engine.Secret `json:"password"`
	// AuthSource is the database in which the user was made.
	AuthSource string `json:"auth_source" default:"admin"`
	// TLS says whether the connection is encrypted. The server's certificate is verified.
	TLS string `json:"tls" default:"off" enum:"off,on"`
	// CAFile is a PEM file with authorities to trust beside those of this host.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the certificate has to have; "" means the host of
	// address.
	ServerName string `json:"server_name" format:"host"`
	// CertFile is a PEM file with the certificate to show and its key, without a
	// passphrase.
	CertFile string `json:"cert_file" format:"path"`
	// Timeout is how long everything may take beside the window.
	Timeout time.Duration `json:"timeout" default:"5s" min:"10ms" max:"30s"`
	// Window is the time between the two readings of the counters.
	Window time.Duration `json:"window" default:"2s" min:"100ms" max:"60s"`
}

// Server is the check probe.mongodb.
//
// It calls itself gumshoe, logs in by SCRAM-SHA-256 or SCRAM-SHA-1, and asks for
// hello, ping, serverStatus (twice, with the window between), replSetGetStatus, the
// operations that run, and the first and last time in the oplog. Each has a limit of
// time (maxTimeMS). MongoDB 4.0 and later, and what speaks its protocol.
//
// The user needs the role clusterMonitor, and read on the database local for the
// oplog; what it may not see is unread.
//
// Example:
//
//	mongodb: { check: probe.mongodb, with: { address: "db.example.com:27017", user: gumshoe, password: "${inputs.password}" } }
//
// By hand:
//
//	mongosh "mongodb://gumshoe@db.example.com:27017/?directConnection=true" --eval 'db.serverStatus()'
func (p Probes) Server() engine.Check[Input, Server] {
	return engine.Check[Input, Server]{
		Name:      "probe.mongodb",
		Doc:       "Whether a MongoDB server answers, its part in its replica set, and what it is short of or busy with.",
		Cost:      2200 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in Input) string { return in.Address },
		Plan:      plan,
		Run:       p.look,
		Summarize: summarize,
	}
}

func plan(in Input) []engine.Touch {
	touches := reach.Plan(in.Address, "connect, log in, hello, ping, serverStatus, replSetGetStatus, $currentOp, the ends of the oplog")
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
	return reach.TLSFiles{ServerName: name, CA: in.CAFile, Certificate: in.CertFile}
}

// reproduce gives the command that shows the same. The password is asked for.
func reproduce(call *engine.Call, in Input) {
	host, port, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return
	}
	argv := []string{"mongosh", "mongodb://" + net.JoinHostPort(host, fmt.Sprint(port)) + "/?directConnection=true"}
	if in.User != "" {
		argv = append(argv, "--username", in.User, "--authenticationDatabase", in.AuthSource)
	}
	if in.TLS == "on" {
		argv = append(argv, "--tls")
		if in.CAFile != "" {
			argv = append(argv, "--tlsCAFile", in.CAFile)
		}
	}
	call.Reproduce(append(argv, "--eval", "db.serverStatus()")...)
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
	text := fmt.Sprintf("%s %s, %.0f operations/s, %d connections", address, o.Role, o.Throughput.OpsPerSecond, o.Connections.Used)
	if o.ReplicaSet != "" && !o.HasPrimary {
		text += ", its replica set has no primary"
	}
	return text
}
