package mysql

import (
	"cmp"
	"context"
	"maps"
	"net"
	"slices"
	"strings"
)

// thread is a connection in the process list.
type thread struct {
	id                 int64
	user, host         string
	database, state    string
	seconds            float64
	query              string
	sleeps, ofTheHouse bool
}

// maxThreads bounds how much of the process list is read: those that execute
// first, and of these the longest.
const maxThreads = 5000

// threads reads who is connected and what they do, the open transactions, and who
// waits for whom.
func (l *look) threads(ctx context.Context) {
	transactions, ok := l.transactions(ctx)
	if !ok { // without PROCESS the list has but ourselves
		reason, fix := "the user may not see the threads of others", grantProcess+" TO "+l.account
		if l.gone != "" {
			reason, fix = l.gone, ""
		}
		l.unread(reason, fix, "connections.sleeping", "connections.by_user", "connections.top_user", "activity.longest",
			"activity.longest_seconds", "activity.shapes", "activity.top_shape_threads", "activity.disk_space_waits",
			"activity.flush_waits", "transactions", "locks", "replication.replicas")
		return
	}
	seconds := "TIME"
	if l.Flavour == mariadb {
		seconds = "TIME_MS / 1000"
	}
	answer, ok := l.ask(ctx, "SELECT ID AS id, USER AS user, HOST AS host, DB AS db, COMMAND AS command, "+seconds+` AS seconds,
		STATE AS state, LEFT(INFO, 2000) AS info FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()
		ORDER BY COMMAND = 'Sleep', TIME DESC LIMIT 5000`, grantProcess, "connections.sleeping", "connections.by_user",
		"connections.top_user", "activity", "transactions", "locks", "replication.replicas")
	if !ok {
		return
	}
	threads := make(map[int64]*thread, len(answer))
	var order []*thread
	for _, r := range answer {
		t := threadOf(r)
		threads[t.id] = t
		order = append(order, t)
		if strings.HasPrefix(r["command"], "Binlog Dump") {
			l.Replication.Replicas++
		}
	}
	l.users(order)
	l.activity(order)
	if len(answer) == maxThreads {
		l.unread("there are more threads than the 5000 that were read", "", "connections.sleeping", "connections.by_user")
	}
	l.fillTransactions(transactions, threads)
	l.rowLocks(ctx, transactions, threads)
	l.metadataLocks(ctx, transactions, order, threads)
}

func threadOf(r row) *thread {
	host := r["host"]
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	command, user := r["command"], r["user"]
	return &thread{
		id: r.int("id"), user: r.text("user"), host: row{"h": host}.text("h"), database: r.text("db"), state: r.text("state"),
		seconds: r.seconds("seconds"), query: mask(r["info"]), sleeps: command == "Sleep",
		ofTheHouse: user == "system user" || user == "event_scheduler" || command == "Daemon" || strings.HasPrefix(command, "Binlog Dump") ||
			strings.HasPrefix(command, "Slave_") || command == "Connect",
	}
}

// users counts the connections by who they are.
func (l *look) users(threads []*thread) {
	type who struct{ user, host string }
	counts := map[who]UserConnections{}
	for _, t := range threads {
		if t.ofTheHouse {
			continue
		}
		c := counts[who{t.user, t.host}]
		c.User, c.Host = t.user, t.host
		c.Connections++
		if t.sleeps {
			c.Sleeping++
			l.Connections.Sleeping++
		}
		counts[who{t.user, t.host}] = c
	}
	list := slices.SortedFunc(maps.Values(counts), func(a, b UserConnections) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.User, b.User), cmp.Compare(a.Host, b.Host))
	})
	l.Connections.ByUser = append(l.Connections.ByUser, list[:min(len(list), 10)]...)
	if len(list) > 0 {
		l.Connections.TopUser = list[0].User + "@" + list[0].Host
	}
}

// activity tells what those do that execute something.
func (l *look) activity(threads []*thread) {
	shapes := map[string]Shape{}
	o := &l.Activity
	for _, t := range threads {
		state := strings.ToLower(t.state)
		if strings.Contains(state, "disk space") || strings.Contains(state, "free some space") {
			o.DiskSpaceWaits++
		}
		if t.sleeps || t.ofTheHouse || t.query == "" {
			continue
		}
		if strings.Contains(state, "commit") || state == "query end" {
			o.FlushWaits++
		}
		if t.seconds > o.LongestSeconds || o.Longest.ID == 0 {
			o.LongestSeconds = t.seconds
			o.Longest = Query{t.id, t.user, t.host, t.database, t.seconds, t.state, t.query}
		}
		s := shapes[t.query]
		s.Query, s.Threads, s.LongestSeconds = t.query, s.Threads+1, max(s.LongestSeconds, t.seconds)
		shapes[t.query] = s
	}
	list := slices.SortedFunc(maps.Values(shapes), func(a, b Shape) int {
		return cmp.Or(cmp.Compare(b.Threads, a.Threads), cmp.Compare(b.LongestSeconds, a.LongestSeconds), cmp.Compare(a.Query, b.Query))
	})
	o.Shapes = append(o.Shapes, list[:min(len(list), 10)]...)
	if len(list) > 0 {
		o.TopShapeThreads = list[0].Threads
	}
}

// transaction is one of InnoDB that is open.
type transaction struct {
	trx             string // InnoDB's own number
	id              int64  // of its connection
	seconds         float64
	waits           bool
	waited          float64
	query           string
	locked, changed int64
}

// transactions reads those that are open. That the user may not is how to know
// that the process list is not whole either.
func (l *look) transactions(ctx context.Context) ([]transaction, bool) {
	answer, ok := l.ask(ctx, `SELECT trx_id, trx_state, trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, trx_started, NOW()) AS seconds,
		TIMESTAMPDIFF(SECOND, trx_wait_started, NOW()) AS waited, LEFT(trx_query, 2000) AS query, trx_rows_locked AS locked,
		trx_rows_modified AS changed FROM information_schema.INNODB_TRX ORDER BY trx_started LIMIT 1000`, grantProcess, "transactions", "locks")
	list := make([]transaction, 0, len(answer))
	for _, r := range answer {
		list = append(list, transaction{
			r["trx_id"], r.int("id"), r.seconds("seconds"), r["trx_state"] == "LOCK WAIT", r.seconds("waited"), mask(r["query"]),
			r.int("locked"), r.int("changed"),
		})
	}
	return list, ok
}

func (l *look) fillTransactions(transactions []transaction, threads map[int64]*thread) {
	o := &l.Transactions
	for _, t := range transactions {
		told := Transaction{ID: t.id, Seconds: t.seconds, RowsModified: t.changed, Query: t.query}
		o.Open++
		o.RowsLocked += t.locked
		owner := threads[t.id]
		if owner != nil {
			told.User, told.Host = owner.user, owner.host
		}
		if o.Longest.Seconds == 0 || t.seconds > o.LongestSeconds {
			o.LongestSeconds, o.Longest = t.seconds, told
		}
		if owner == nil || !owner.sleeps {
			continue
		}
		o.Idle++
		told.IdleSeconds = owner.seconds
		if o.LongestIdle.ID == 0 || t.seconds > o.LongestIdleSeconds {
			o.LongestIdleSeconds, o.LongestIdle = t.seconds, told
		}
	}
}
