// Package mysql looks at a MySQL or MariaDB server as a client does: on one
// read-only connection it asks how the server is, who waits for whom and what it
// is busy with, and never for what is in its tables.
package mysql

import (
	"fmt"
	"strconv"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Probes makes the check of MySQL servers.
type Probes struct{ allow *reach.AllowList }

// New gives the check that connects to what the list allows; nil allows every
// target that is not guarded.
func New(allow *reach.AllowList) Probes { return Probes{allow} }

// Input are the inputs of probe.mysql.
type Input struct {
	// Address is the host and port to connect to; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// User is who to log in as.
	User string `json:"user" default:"gumshoe"`
	// Password is the user's; none means an empty one.
	Password engine.Secret `json:"password"`
	// Database is the one that clients use, to see whether it can be used; none by
	// default.
	Database string `json:"database"`
	// TLS says whether the connection is encrypted: off; prefer (when the server can,
	// as its own client does); require; verify (and its certificate is valid and for
	// server_name). Only verify tells a server from one that stands in for it.
	TLS string `json:"tls" default:"prefer" enum:"off,prefer,require,verify"`
	// CAFile is a PEM file with authorities to trust beside those of this host, for
	// verify.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the certificate has to have; "" means the host of
	// address.
	ServerName string `json:"server_name" format:"host"`
	// Sizes asks for the sizes of the databases, which reads the size of every file
	// of InnoDB: a load where there are very many tables.
	Sizes bool `json:"sizes" default:"false"`
	// Timeout is how long everything may take beside the window: looking up the name,
	// connecting, logging in and all answers.
	Timeout time.Duration `json:"timeout" default:"5s" min:"10ms" max:"30s"`
	// Window is the time between the two readings of the counters.
	Window time.Duration `json:"window" default:"2s" min:"100ms" max:"60s"`
}

// Server is the check probe.mysql.
//
// It logs in on one connection, whose program_name is gumshoe, makes the session
// read-only with a limit of time for statements and locks, and reads the global
// status, the open transactions, the process list, who waits for which lock, the
// replication and the statement digests of the performance schema; the counters
// twice, with the window between. MySQL 5.7 and later, MariaDB 10.3 and later.
//
// The user needs no right to any table of yours:
//
//	GRANT PROCESS, REPLICATION CLIENT ON *.* TO gumshoe@'%'
//	GRANT SLAVE MONITOR ON *.* TO gumshoe@'%' (MariaDB 10.5 and later)
//	GRANT SELECT ON performance_schema.* TO gumshoe@'%'
//
// What one of these would show is unread without it. Literals in queries are shown
// as ?, and queries are cut at 200 bytes.
//
// Example:
//
//	mysql: { check: probe.mysql, with: { address: "db.example.com:3306", user: gumshoe, password: "${inputs.password}" } }
//
// By hand:
//
//	mysql -h db.example.com -P 3306 -u gumshoe -p -e 'SHOW GLOBAL STATUS; SHOW FULL PROCESSLIST; SELECT * FROM information_schema.innodb_trx'
func (p Probes) Server() engine.Check[Input, Server] {
	return engine.Check[Input, Server]{
		Name:      "probe.mysql",
		Doc:       "Whether a MySQL or MariaDB server lets clients in, who waits for whom, and what it is short of or busy with.",
		Cost:      2200 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in Input) string { return in.Address },
		Plan:      plan,
		Run:       p.look,
		Summarize: summarize,
	}
}

func plan(in Input) []engine.Touch {
	touches := reach.Plan(in.Address, "connect, log in, read the status of the server in a read-only session")
	if in.TLS == tlsVerify {
		touches = append(touches, in.files().Plan()...)
	}
	return touches
}

// The ways to encrypt.
const (
	tlsOff    = "off"
	tlsPrefer = "prefer"
	tlsVerify = "verify"
)

// files are those that TLS needs.
func (in Input) files() reach.TLSFiles {
	name := in.ServerName
	if name == "" {
		name, _, _ = engine.SplitHostPort(in.Address)
	}
	return reach.TLSFiles{ServerName: name, CA: in.CAFile}
}

// reproduce gives the command that shows the same. The password is asked for.
func reproduce(call *engine.Call, in Input) {
	host, port, err := engine.SplitHostPort(in.Address)
	if err != nil {
		return
	}
	argv := []string{"mysql", "-h", host, "-P", strconv.Itoa(port), "-u", in.User, "-p"}
	if in.Database != "" {
		argv = append(argv, "-D", in.Database)
	}
	call.Reproduce(append(argv, "-e", "SHOW GLOBAL STATUS; SHOW FULL PROCESSLIST; SELECT * FROM information_schema.innodb_trx")...)
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
	text := fmt.Sprintf("%s %.0f queries/s, %d of %d connections, %d threads run", address,
		o.Throughput.QueriesPerSecond, o.Connections.Used, o.Connections.Limit, o.Activity.ThreadsRunning)
	if n := o.Locks.RowWaiting + o.Locks.MetadataWaiting; n > 0 {
		text += fmt.Sprintf(", %d wait for locks", n)
	}
	return text
}
