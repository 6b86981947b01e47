package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// PoolerInput are the inputs of probe.pgbouncer.
type PoolerInput struct {
	// Address is the host and port to connect to; an IPv6 address in brackets.
	Address string `json:"address" required:"true" format:"hostport"`
	// User is who to log in as: one of stats_users or admin_users.
	User string `json:"user" default:"pgbouncer"`
	// Password is the user's; none means an empty one.
	Password engine.Secret `json:"password"`
	// TLS says whether the connection is encrypted: off; prefer (when it can); require;
	// verify_full (and its certificate is valid and for server_name).
	TLS string `json:"tls" default:"prefer" enum:"off,prefer,require,verify_full"`
	// CAFile is a PEM file with authorities to trust beside those of this host, for
	// verify_full.
	CAFile string `json:"ca_file" format:"path"`
	// ServerName is the name that the certificate has to have; "" means the host of
	// address.
	ServerName string `json:"server_name" format:"host"`
	// Timeout is how long everything may take.
	Timeout time.Duration `json:"timeout" default:"5s" min:"10ms" max:"30s"`
}

// NotPgBouncer is a server that answers, and has no console.
const NotPgBouncer reach.Outcome = "not_pgbouncer"

// Pooler is the check probe.pgbouncer.
//
// It logs in to the console, which is the database pgbouncer, on one connection, and
// reads SHOW VERSION, POOLS, DATABASES, CONFIG, LISTS and STATS. Nothing reaches the
// server behind it. The user has to be in stats_users.
//
// Example:
//
//	bouncer: { check: probe.pgbouncer, with: { address: "db.example.com:6432", user: gumshoe, password: "${inputs.password}" } }
//
// By hand:
//
//	psql -h db.example.com -p 6432 -U gumshoe -d pgbouncer -c 'SHOW POOLS' -c 'SHOW DATABASES'
func (p Probes) Pooler() engine.Check[PoolerInput, Pooler] {
	return engine.Check[PoolerInput, Pooler]{
		Name:   "probe.pgbouncer",
		Doc:    "Whether a PgBouncer lets clients in, and whether they wait for a connection to PostgreSQL.",
		Cost:   50 * time.Millisecond,
		Risk:   engine.Read,
		Target: func(in PoolerInput) string { return in.Address },
		Plan: func(in PoolerInput) []engine.Touch {
			touches := plan(in.Address, "connect, log in to the console, show the pools")
			if in.TLS == tlsVerify {
				touches = append(touches, files(in.Address, in.ServerName, in.CAFile).Plan()...)
			}
			return touches
		},
		Run:       p.lookPooler,
		Summarize: summarizePooler,
	}
}

func summarizePooler(o Pooler) string {
	address := reach.Clip(o.Address, 60)
	if o.Outcome != reach.OK {
		return unwell(address, o.Outcome, o.Error)
	}
	text := fmt.Sprintf("%s %d servers in use, %.0f %% of the fullest pool", address, o.ServersActive, o.PoolUsedPercent)
	if o.ClientsWaiting > 0 {
		text += fmt.Sprintf(", %d clients wait, the first for %s", o.ClientsWaiting, reach.Milliseconds(o.MaxWaitSeconds))
	}
	return text
}

// shows is one look at a PgBouncer.
type shows struct {
	visit
	*Pooler

	call  *engine.Call
	gone  string
	blind error
}

func (p Probes) lookPooler(ctx context.Context, call *engine.Call, in PoolerInput) (Pooler, error) {
	o := Pooler{Address: in.Address, Pools: []Pool{}, Paused: []string{}, Disabled: []string{}}
	reproduce(call, in.Address, in.User, "pgbouncer", "SHOW POOLS", "SHOW DATABASES")
	if err := ctx.Err(); err != nil {
		return o, err
	}
	s := shows{Pooler: &o, call: call, visit: visit{
		allow: p.allow, end: time.Now().Add(reach.InnerTimeout(ctx, in.Timeout)), target: target{
			address: in.Address, user: in.User, database: "pgbouncer", password: in.Password, tls: in.TLS, ca: in.CAFile, serverName: in.ServerName,
		},
	}}
	if err := s.connect(ctx); err != nil {
		return o, err
	}
	s.tell()
	if s.conn == nil {
		// What is no PgBouncer has nothing of the kind.
		reach.Without(call, s.own() || o.Outcome == NotPgBouncer, "it did not let us in: "+o.Outcome.Words(), ofConsole()...)
		return o, nil
	}
	defer s.leave(ctx)
	s.read(ctx)
	o.Error = s.said
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	return o, s.blind
}

func (s *shows) tell() {
	o := s.Pooler
	o.Outcome, o.Error, o.ResolveSeconds = s.visit.outcome, s.said, s.trip.ResolveSeconds
	if o.Outcome == UnknownDatabase { // the server behind it, or any other one
		o.Outcome = NotPgBouncer
	}
	if s.wire == nil {
		reach.Without(s.call, s.own(), "there was no connection: "+s.trip.Outcome.Words(), "remote_address", "connect_seconds", "login_seconds")
		return
	}
	o.Connected, o.Answered = true, s.wire.spoke()
	o.RemoteAddress, o.ConnectSeconds, o.LoginSeconds = s.trip.RemoteAddress, s.trip.ConnectSeconds, s.loginSeconds
}

// ofConsole are the fields that the console shows.
func ofConsole() []string {
	return []string{
		"version", "clients_active", "clients_waiting", "max_wait_seconds", "mean_wait_seconds", "servers_active", "servers_idle", "servers_used",
		"servers_login", "clients_used", "clients_limit", "clients_used_percent", "pool_used_percent", "queries_per_second", "pools", "paused", "disabled",
	}
}

func (s *shows) unread(reason, fix string, fields ...string) {
	for _, field := range fields {
		s.call.Unread(field, reason, fix)
	}
}

// show asks the console for a table that fills some fields.
func (s *shows) show(ctx context.Context, what string, fields ...string) ([]row, bool) {
	reason, fix := s.gone, ""
	if s.gone == "" {
		answer, err := s.rows(ctx, "SHOW "+what)
		if err == nil {
			return answer, true
		}
		if refusal, is := errors.AsType[*pgconn.PgError](err); is {
			reason, fix = "it does not show it: "+reach.Printable(refusal.Message), "add the user to stats_users in pgbouncer.ini"
		} else {
			s.blind = errors.Join(s.blind, s.failed(err))
			s.Outcome = s.visit.outcome
			s.gone = "it stopped answering: " + s.Outcome.Words()
			reason = s.gone
		}
	}
	s.unread(reason, fix, fields...)
	return nil, false
}

func (s *shows) read(ctx context.Context) {
	answer, ok := s.show(ctx, "VERSION")
	if ok && len(answer) == 1 {
		_, s.Version, _ = strings.Cut(answer[0].text("version"), " ")
	}
	switch {
	case s.Version != "":
	case s.gone != "":
		s.unread(s.gone, "", "version")
	default: // a database that happens to be called pgbouncer
		s.Outcome = NotPgBouncer
		reach.Without(s.call, true, "another server answers", ofConsole()...)
		return
	}
	sizes := s.databases(ctx)
	s.pools(ctx, sizes)
	s.limits(ctx)
	if answer, ok := s.show(ctx, "STATS", "queries_per_second", "mean_wait_seconds"); ok {
		for _, r := range answer {
			if r["database"] == "pgbouncer" {
				continue
			}
			s.QueriesPerSecond += r.number("avg_query_count")
			s.MeanWaitSeconds = max(s.MeanWaitSeconds, r.number("avg_wait_time")/1e6)
		}
	}
}

// databases reads which are paused or disabled, and how large their pools may be.
func (s *shows) databases(ctx context.Context) map[string]int64 {
	sizes := map[string]int64{}
	answer, ok := s.show(ctx, "DATABASES", "paused", "disabled")
	if !ok {
		return sizes
	}
	for _, r := range answer {
		sizes[r["name"]] = r.int("pool_size")
		if r.int("paused") != 0 && len(s.Paused) < 50 {
			s.Paused = append(s.Paused, r.text("name"))
		}
		if r.int("disabled") != 0 && len(s.Disabled) < 50 {
			s.Disabled = append(s.Disabled, r.text("name"))
		}
	}
	return sizes
}

func (s *shows) pools(ctx context.Context, sizes map[string]int64) {
	answer, ok := s.show(ctx, "POOLS", "pools", "clients_active", "clients_waiting", "max_wait_seconds", "servers_active", "servers_idle", "servers_used", "servers_login", "pool_used_percent")
	if !ok {
		return
	}
	for _, r := range answer {
		if r["database"] == "pgbouncer" {
			continue // the console itself
		}
		p := Pool{
			Database: r.text("database"), User: r.text("user"), Mode: r.text("pool_mode"), Size: sizes[r["database"]],
			ClientsActive: r.int("cl_active"), ClientsWaiting: r.int("cl_waiting"),
			MaxWaitSeconds: r.number("maxwait") + r.number("maxwait_us")/1e6,
			ServersActive:  r.int("sv_active"), ServersIdle: r.int("sv_idle"), ServersLogin: r.int("sv_login"),
		}
		p.UsedPercent = share(float64(p.ServersActive+p.ServersLogin), float64(p.Size))
		s.ClientsActive += p.ClientsActive
		s.ClientsWaiting += p.ClientsWaiting
		s.MaxWaitSeconds = max(s.MaxWaitSeconds, p.MaxWaitSeconds)
		s.ServersActive += p.ServersActive
		s.ServersIdle += p.ServersIdle
		s.ServersUsed += r.int("sv_used")
		s.ServersLogin += p.ServersLogin
		s.PoolUsedPercent = max(s.PoolUsedPercent, p.UsedPercent)
		s.Pools = append(s.Pools, p)
	}
	slices.SortStableFunc(s.Pools, func(a, b Pool) int {
		return cmp.Or(cmp.Compare(b.ClientsWaiting, a.ClientsWaiting), cmp.Compare(b.UsedPercent, a.UsedPercent))
	})
	s.Pools = s.Pools[:min(len(s.Pools), 50)]
}

// limits reads how many clients there are, of how many that there may be.
func (s *shows) limits(ctx context.Context) {
	if answer, ok := s.show(ctx, "LISTS", "clients_used", "clients_used_percent"); ok {
		for _, r := range answer {
			if r["list"] == "used_clients" {
				s.ClientsUsed = max(0, r.int("items")-1) // without ourselves
			}
		}
	}
	answer, ok := s.show(ctx, "CONFIG", "clients_limit", "clients_used_percent")
	if !ok {
		return
	}
	for _, r := range answer {
		if r["key"] == "max_client_conn" {
			s.ClientsLimit = r.int("value")
		}
	}
	s.ClientsUsedPercent = share(float64(s.ClientsUsed), float64(s.ClientsLimit))
}
