package postgres

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
)

// maxSessions bounds how many sessions are looked at: those that do something first.
const maxSessions = 5000

// person is a session of pg_stat_activity, with the times of its parts.
type person struct {
	Session

	kind                     string
	waitType                 string
	transaction, query, idle float64
	inTransaction            bool
}

// sessions reads what the sessions do, and who of them waits for whom.
func (l *look) sessions(ctx context.Context) {
	if l.gone == "" && !l.sees {
		l.unseen(ctx)
		return
	}
	answer, ok := l.ask(ctx, `SELECT `+marker+` pid, usename, application_name AS application, coalesce(host(client_addr), 'local') AS client,
		datname, state, backend_type AS kind, wait_event_type AS wait_type, wait_event AS wait, left(query, 2000) AS query,
		extract(epoch FROM clock_timestamp() - xact_start) AS transaction, extract(epoch FROM clock_timestamp() - query_start) AS asked,
		extract(epoch FROM clock_timestamp() - state_change) AS changed, age(backend_xmin) AS xmin
		FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND (datid IS NOT NULL OR backend_type = 'client backend')
		ORDER BY state = 'idle', xact_start LIMIT 5000`,
		"connections.used", "connections.used_percent", "connections.active", "connections.idle", "connections.idle_in_transaction",
		"connections.by_user", "connections.by_application", "connections.by_client", "activity", "transactions", "locks")
	if !ok {
		return
	}
	people := make(map[int64]person, len(answer))
	clients := make([]person, 0, len(answer))
	for _, r := range answer {
		p := personOf(r)
		people[p.PID] = p
		l.Transactions.OldestXminAge = max(l.Transactions.OldestXminAge, r.int("xmin"))
		if p.kind == "client backend" {
			clients = append(clients, p)
		}
	}
	if len(answer) == maxSessions {
		l.unread("there are more than 5000 sessions; those in a transaction are looked at first", "", "connections.by_user", "connections.by_application", "connections.by_client")
	}
	l.count(clients)
	l.busy(clients)
	l.open(clients)
	l.prepared(ctx)
	l.locks(ctx, people)
}

// unseen is for a user who may see only its own sessions: how many there are is
// told to everybody.
func (l *look) unseen(ctx context.Context) {
	l.unread("the user may not see the sessions of others", l.grant(), "connections.active", "connections.idle", "connections.idle_in_transaction",
		"connections.by_user", "connections.by_application", "connections.by_client", "activity", "transactions", "locks")
	r, ok := l.one(ctx, "SELECT "+marker+" coalesce(sum(numbackends), 1) - 1 AS used FROM pg_stat_database", "connections.used", "connections.used_percent")
	if ok {
		l.used(r.int("used"))
	}
}

func (l *look) used(n int64) {
	l.Connections.Used = n
	if most := l.Connections.Limit - l.Connections.Reserved; most > 0 {
		l.Connections.UsedPercent = 100 * float64(n) / float64(most)
	}
}

func personOf(r row) person {
	p := person{
		Session: Session{
			PID: r.int("pid"), User: r.text("usename"), Application: r.text("application"), Client: r.text("client"),
			Database: r.text("datname"), State: r.text("state"), Query: mask(r["query"]),
		},
		kind: r.text("kind"), waitType: r.text("wait_type"),
		transaction: r.number("transaction"), query: r.number("asked"), idle: r.number("changed"), inTransaction: r.has("transaction"),
	}
	if p.waitType != "" {
		p.Wait = p.waitType + ":" + r.text("wait")
	}
	return p
}

func (p person) idles() bool { return strings.HasPrefix(p.State, "idle") }

func (p person) idlesInside() bool { return strings.HasPrefix(p.State, "idle in transaction") }

// active tells whether it executes a statement; a standby's stream is none.
func (p person) active() bool { return p.State == "active" || strings.HasPrefix(p.State, "fastpath") }

// lasting gives the session with how long something of it has lasted.
func (p person) lasting(seconds float64) Session {
	p.Seconds = seconds
	return p.Session
}

func (l *look) count(clients []person) {
	c := &l.Connections
	users, applications, addresses := map[string]Group{}, map[string]Group{}, map[string]Group{}
	for _, p := range clients {
		switch {
		case p.active():
			c.Active++
		case p.idlesInside():
			c.IdleInTransaction++
		case p.idles():
			c.Idle++
		}
		add(users, p.User, p.idles())
		add(applications, p.Application, p.idles())
		add(addresses, p.Client, p.idles())
	}
	l.used(int64(len(clients)))
	c.ByUser, c.ByApplication, c.ByClient = largest(users), largest(applications), largest(addresses)
}

func add(groups map[string]Group, name string, idle bool) {
	if name == "" {
		name = "none"
	}
	g := groups[name]
	g.Name = name
	g.Connections++
	if idle {
		g.Idle++
	}
	groups[name] = g
}

func largest(groups map[string]Group) []Group {
	list := slices.SortedFunc(maps.Values(groups), func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Name, b.Name))
	})
	return append([]Group{}, list[:min(len(list), 10)]...)
}

// busy tells what the active sessions do.
func (l *look) busy(clients []person) {
	a := &l.Activity
	waits, shapes := map[Wait]int64{}, map[string]int64{}
	for _, p := range clients {
		if !p.active() {
			continue
		}
		a.Active++
		w := Wait{Type: "CPU"}
		switch p.waitType {
		case "":
			a.OnCPU++
		case "Lock":
			a.WaitingLock++
		case "IO":
			a.WaitingIO++
		}
		if p.waitType != "" {
			w = Wait{Type: p.waitType, Event: strings.TrimPrefix(p.Wait, p.waitType+":")}
		}
		waits[w]++
		shapes[p.Query]++
		if p.query > a.LongestQuery.Seconds || a.LongestQuery.PID == 0 {
			a.LongestQuery = p.lasting(p.query)
		}
	}
	for w, n := range waits {
		w.Sessions = n
		a.Waits = append(a.Waits, w)
	}
	slices.SortFunc(a.Waits, func(x, y Wait) int {
		return cmp.Or(cmp.Compare(y.Sessions, x.Sessions), cmp.Compare(x.Type, y.Type), cmp.Compare(x.Event, y.Event))
	})
	a.Waits = a.Waits[:min(len(a.Waits), 10)]
	for query, n := range shapes {
		a.Shapes = append(a.Shapes, Shape{Query: query, Sessions: n})
	}
	slices.SortFunc(a.Shapes, func(x, y Shape) int {
		return cmp.Or(cmp.Compare(y.Sessions, x.Sessions), cmp.Compare(x.Query, y.Query))
	})
	a.Shapes = a.Shapes[:min(len(a.Shapes), 5)]
}

// open tells which transactions are open.
func (l *look) open(clients []person) {
	t := &l.Transactions
	for _, p := range clients {
		if !p.inTransaction {
			continue
		}
		t.Open++
		if p.transaction > t.Longest.Seconds || t.Longest.PID == 0 {
			t.Longest = p.lasting(p.transaction)
		}
		if p.idlesInside() && (p.idle > t.LongestIdle.Seconds || t.LongestIdle.PID == 0) {
			t.LongestIdle, t.IdleSeconds = p.lasting(p.idle), p.idle
		}
	}
}

func (l *look) prepared(ctx context.Context) {
	r, ok := l.one(ctx, "SELECT "+marker+" count(*) AS n, max(extract(epoch FROM clock_timestamp() - prepared)) AS oldest, max(age(transaction)) AS xmin FROM pg_prepared_xacts",
		"transactions.prepared", "transactions.prepared_seconds")
	if ok {
		l.Transactions.Prepared, l.Transactions.PreparedSeconds = r.int("n"), r.number("oldest")
		l.Transactions.OldestXminAge = max(l.Transactions.OldestXminAge, r.int("xmin"))
	}
}
