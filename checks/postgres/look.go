package postgres

import (
	"context"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// look is one look at a server.
type look struct {
	visit
	*Server

	call   *engine.Call
	in     Input
	window time.Duration // shorter than asked for when the step has little time

	version int64  // such as 150006
	sees    bool   // the statistics of all sessions
	gone    string // why the server answers nothing any more
	blind   error  // the same, when it is our own host's doing
}

func (p Probes) lookServer(ctx context.Context, call *engine.Call, in Input) (Server, error) {
	o := emptyServer(in.Address)
	reproduce(call, in.Address, in.User, in.Database, "TABLE pg_stat_activity", "SELECT pid, locktype, mode, relation::regclass, pg_blocking_pids(pid) FROM pg_locks WHERE NOT granted")
	if err := ctx.Err(); err != nil {
		return o, err
	}
	deadline, end, window := reach.Divide(ctx, in.Timeout, in.Window)
	l := look{Server: &o, call: call, in: in, window: window}
	l.visit = visit{allow: p.allow, end: deadline, target: target{
		address: in.Address, user: in.User, database: in.Database, password: in.Password, tls: in.TLS, ca: in.CAFile, serverName: in.ServerName,
	}}
	if err := l.connect(ctx); err != nil {
		return o, err
	}
	l.tell()
	if l.conn == nil {
		reach.Without(call, l.own(), "the server did not let us in: "+l.visit.outcome.Words(), ofSession()...)
		return o, nil
	}
	defer l.leave(ctx)
	_ = l.wire.SetDeadline(end) // it fails only on a closed connection, whose next read tells
	l.watch(ctx)
	o.Outcome, o.Error, o.ErrorCode = l.visit.outcome, l.said, l.code
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	return o, l.blind
}

func emptyServer(address string) Server {
	return Server{
		Address:     address,
		Connections: Connections{ByUser: []Group{}, ByApplication: []Group{}, ByClient: []Group{}},
		Activity:    Activity{Waits: []Wait{}, Shapes: []Shape{}},
		Locks:       Locks{Blockers: []Blocker{}, Blocked: []Blocked{}},
		Replication: Replication{Standbys: []Standby{}, Slots: []Slot{}},
		Vacuum:      Vacuum{Tables: []Table{}}, Statements: Statements{Top: []Statement{}},
	}
}

// tell fills what is known of the connection.
func (l *look) tell() {
	o := l.Server
	o.Outcome, o.Error, o.ErrorCode = l.visit.outcome, l.said, l.code
	o.ResolveSeconds = l.trip.ResolveSeconds
	if l.wire == nil {
		reach.Without(l.call, l.own(), "there was no connection: "+l.trip.Outcome.Words(), "remote_address", "connect_seconds", "login_seconds")
		return
	}
	o.Connected, o.RemoteAddress, o.ConnectSeconds = true, l.trip.RemoteAddress, l.trip.ConnectSeconds
	o.LoginSeconds, o.Answered = l.loginSeconds, l.wire.spoke()
	o.LoggedIn, o.Encrypted = l.conn != nil, l.encrypted
}

// ofSession are the fields that a session tells.
func ofSession() []string {
	return []string{
		"encrypted", "query_seconds", "window_seconds", "version", "uptime_seconds", "in_recovery", "connections", "activity",
		"transactions", "locks", "throughput", "checkpoints", "wal", "replication", "vacuum", "statements", "database_bytes",
	}
}

// watch reads everything. Who waits for whom is looked at first, since looking
// itself takes a while.
func (l *look) watch(ctx context.Context) {
	started := time.Now()
	if _, err := l.rows(ctx, "SELECT "+marker+" 1"); err != nil {
		l.why(err)
		l.unread(l.gone, "", ofSession()...)
		return
	}
	l.QuerySeconds = time.Since(started).Seconds()
	l.identity(ctx)
	counters, counted := l.counters(ctx)
	schema := l.statementsSchema(ctx)
	before, told := l.executed(ctx, schema)
	first := time.Now()

	l.sessions(ctx)
	l.replication(ctx)
	l.vacuum(ctx)
	l.sizes(ctx)

	if l.gone == "" {
		timer := time.NewTimer(time.Until(first.Add(l.window)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	if counted {
		if again, ok := l.counters(ctx); ok {
			l.WindowSeconds = time.Since(first).Seconds()
			l.rates(counters, again, l.WindowSeconds)
		} else {
			l.unread(l.or("it could not be read again"), "", "window_seconds")
		}
	} else {
		l.unread("the counters could not be read", "", "window_seconds")
	}
	if told {
		l.consumers(ctx, schema, before, first)
	}
}

// or gives why the server is gone, or another reason.
func (l *look) or(reason string) string {
	if l.gone != "" {
		return l.gone
	}
	return reason
}

// identity reads which server it is, and what it may have.
func (l *look) identity(ctx context.Context) {
	r, ok := l.one(ctx, `SELECT `+marker+` current_setting('server_version') AS version, current_setting('server_version_num') AS number,
		pg_is_in_recovery() AS recovery, extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) AS uptime,
		current_setting('max_connections') AS most, current_setting('superuser_reserved_connections')::int
			+ coalesce(current_setting('reserved_connections', true), '0')::int AS reserved,
		pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees`,
		"version", "uptime_seconds", "in_recovery", "connections.limit", "connections.reserved", "connections.used_percent")
	if !ok {
		return
	}
	l.Version, l.version, l.sees = r.text("version"), r.int("number"), r.bool("sees")
	l.UptimeSeconds, l.InRecovery = r.number("uptime"), r.bool("recovery")
	l.Connections.Limit, l.Connections.Reserved = r.int("most"), r.int("reserved")
}

// sizes reads what reads files.
func (l *look) sizes(ctx context.Context) {
	if r, ok := l.one(ctx, "SELECT "+marker+" coalesce(sum(size), 0)::bigint AS size FROM pg_ls_waldir()", "wal.bytes"); ok {
		l.WAL.Bytes = r.int("size")
	}
	if !l.in.Sizes {
		l.call.NotAsked("database_bytes", "the input sizes does not ask for it", "set sizes")
	} else if r, ok := l.one(ctx, "SELECT "+marker+" pg_database_size(current_database()) AS size", "database_bytes"); ok {
		l.DatabaseBytes = r.int("size")
	}
}
