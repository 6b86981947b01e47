// Package postgres looks at a PostgreSQL server, and at a PgBouncer before one, as
// a client does: on one connection it asks how the server is, who waits for whom
// and what it is busy with, and never for what is in its tables.
package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Probes makes the checks of PostgreSQL servers and of PgBouncer.
type Probes struct{ allow *reach.AllowList }

// New gives the checks that connect to what the list allows; nil allows every
// target that is not guarded.
func New(allow *reach.AllowList) Probes { return Probes{allow} }

// Input are the inputs of probe.postgres.
type Input struct {
	// Address is the host and port to connect to; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// User is who to log in as.
	User string `json:"user" default:"postgres"`
	// Password is the user's; none means an empty one.
	Password engine.Secret `json:"password"`
	// Database is the one to log in to. Tables are looked at in it alone.
	Database string `json:"database" default:"postgres"`
	// TLS says whether the connection is encrypted: off; prefer (when the server can,
	// as its own clients do); require; verify_full (and its certificate is valid and
	// for server_name). Only verify_full tells a server from one that stands in for it.
	TLS string `json:"tls" default:"prefer" enum:"off,prefer,require,verify_full"`
	// CAFile is a PEM file with authorities to trust beside those of this host, for
	// verify_full.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the certificate has to have; "" means the host of
	// address.
	ServerName string `json:"server_name" format:"host"`
	// Sizes asks for the size of the database, which reads the size of every file of
	// it: a load where there are very many tables.
	Sizes bool `json:"sizes" default:"false"`
	// Timeout is how long everything may take beside the window: looking up the name,
	// connecting, logging in and all answers.
	Timeout time.Duration `json:"timeout" default:"5s" min:"10ms" max:"30s"`
	// Window is the time between the two readings of the counters.
	Window time.Duration `json:"window" default:"2s" min:"100ms" max:"60s"`
}

// Server is the check probe.postgres.
//
// It logs in on one connection, whose application_name is gumshoe. Every statement
// is a read-only transaction of its own with a limit of time for itself and for
// locks, so that nothing of it is left in a pooled session and no old row is kept.
// It reads pg_stat_activity, pg_locks, pg_stat_database, the checkpoints, the
// replication and its slots, the age of the transactions and pg_stat_statements;
// the counters twice, with the window between. PostgreSQL 11 and later.
//
// The user needs no right to any table of yours:
//
//	GRANT pg_monitor TO gumshoe
//	CREATE EXTENSION pg_stat_statements (with shared_preload_libraries = 'pg_stat_statements')
//
// What one of these would show is unread without it. Literals in queries are shown
// as ?, and queries are cut at 200 bytes. Its own connection is not counted.
//
// Example:
//
//	pg: { check: probe.postgres, with: { address: "db.example.com:5432", user: gumshoe, password: "${inputs.password}" } }
//
// By hand:
//
//	psql -h db.example.com -p 5432 -U gumshoe -d postgres -c 'TABLE pg_stat_activity' -c 'SELECT pid, pg_blocking_pids(pid) FROM pg_locks WHERE NOT granted'
func (p Probes) Server() engine.Check[Input, Server] {
	return engine.Check[Input, Server]{
		Name:      "probe.postgres",
		Doc:       "Whether a PostgreSQL server lets clients in, who waits for whom, and what it is short of or busy with.",
		Cost:      2200 * time.Millisecond,
		Risk:      engine.Read,
		Target:    func(in Input) string { return in.Address },
		Plan:      planServer,
		Run:       p.lookServer,
		Summarize: summarizeServer,
	}
}

func planServer(in Input) []engine.Touch {
	touches := plan(in.Address, "connect, log in, read the statistics of the server in read-only transactions")
	if in.TLS == tlsVerify {
		touches = append(touches, files(in.Address, in.ServerName, in.CAFile).Plan()...)
	}
	return touches
}

// plan is what connecting touches. The client library looks whether files of its
// defaults are there, and reads none of them.
func plan(address, how string) []engine.Touch {
	touches := reach.Plan(address, how)
	paths := []string{"/var/run/postgresql", "/private/tmp", "/tmp"}
	if home, err := os.UserHomeDir(); err == nil && filepath.IsAbs(home) {
		for _, name := range []string{"postgresql.crt", "postgresql.key", "root.crt"} {
			paths = append(paths, filepath.Join(home, ".postgresql", name))
		}
	}
	for _, path := range paths {
		touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: path, How: "stat"})
	}
	return touches
}

// The ways to encrypt.
const (
	tlsOff    = "off"
	tlsPrefer = "prefer"
	tlsVerify = "verify_full"
)

// files are those that TLS needs.
func files(address, name, ca string) reach.TLSFiles {
	if name == "" {
		name, _, _ = engine.SplitHostPort(address)
	}
	return reach.TLSFiles{ServerName: name, CA: ca}
}

// reproduce gives the command that shows the same. The password is asked for.
func reproduce(call *engine.Call, address, user, database string, statements ...string) {
	host, port, err := engine.SplitHostPort(address)
	if err != nil {
		return
	}
	argv := []string{"psql", "-h", host, "-p", strconv.Itoa(port), "-U", user, "-d", database}
	for _, statement := range statements {
		argv = append(argv, "-c", statement)
	}
	call.Reproduce(argv...)
}

func summarizeServer(o Server) string {
	address := reach.Clip(o.Address, 60)
	if o.Outcome != reach.OK {
		return unwell(address, o.Outcome, o.Error)
	}
	text := fmt.Sprintf("%s %.0f transactions/s, %d of %d connections, %d active", address,
		o.Throughput.CommitsPerSecond+o.Throughput.RollbacksPerSecond, o.Connections.Used, o.Connections.Limit, o.Activity.Active)
	if n := o.Locks.Waiting; n > 0 {
		text += fmt.Sprintf(", %d wait for locks", n)
	}
	return text
}

func unwell(address string, outcome reach.Outcome, said string) string {
	text := address + " " + outcome.Words()
	if said != "" {
		text += ": " + reach.Clip(said, 80)
	}
	return text
}
