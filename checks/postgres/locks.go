package postgres

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
)

// maxWaiting bounds the waiting sessions that are looked at: to ask the server for
// whom each waits, it stops the lock manager for a moment.
const maxWaiting = 100

// waiter is a session that waits for a lock.
type waiter struct {
	Blocked

	by []int64
}

// locks reads who waits for whom.
func (l *look) locks(ctx context.Context, people map[int64]person) {
	since := "a.query_start"
	if l.version >= 140000 {
		since = "coalesce(l.waitstart, clock_timestamp())"
	}
	answer, ok := l.ask(ctx, `SELECT `+marker+` l.pid, l.locktype AS type, l.mode, extract(epoch FROM clock_timestamp() - `+since+`) AS seconds,
		pg_blocking_pids(l.pid) AS by, count(*) OVER () AS waiting, n.nspname AS schema, c.relname AS relation
		FROM (SELECT *, row_number() OVER (PARTITION BY pid) AS nth FROM pg_locks WHERE NOT granted) l JOIN pg_stat_activity a USING (pid)
		LEFT JOIN pg_class c ON c.oid = l.relation AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE l.nth = 1 AND l.pid <> pg_backend_pid() ORDER BY a.query_start LIMIT 100`, "locks")
	if !ok {
		return
	}
	waiters := map[int64]waiter{}
	for _, r := range answer {
		w := waiter{by: pids(r["by"])}
		if len(w.by) == 0 {
			continue // it got its lock meanwhile
		}
		p := people[r.int("pid")]
		w.Blocked = Blocked{
			PID: r.int("pid"), User: p.User, Application: p.Application, WaitSeconds: r.number("seconds"), LockType: r.text("type"),
			Mode: r.text("mode"), BlockedBy: w.by[0], Query: p.Query,
		}
		if r.has("relation") {
			w.Object = r.text("schema") + "." + r.text("relation")
		}
		waiters[w.PID] = w
	}
	l.describe(waiters, people)
	if len(answer) == maxWaiting {
		l.Locks.Waiting = answer[0].int("waiting")
	}
}

// describe fills in who waits, and who is at the end of each chain.
func (l *look) describe(waiters map[int64]waiter, people map[int64]person) {
	o := &l.Locks
	blocks := map[int64]int64{}
	for pid, w := range waiters {
		o.Waiting++
		o.LongestWaitSeconds = max(o.LongestWaitSeconds, w.WaitSeconds)
		o.Blocked = append(o.Blocked, w.Blocked)
		for _, root := range roots(pid, waiters) {
			blocks[root]++
		}
	}
	slices.SortFunc(o.Blocked, func(a, b Blocked) int {
		return cmp.Or(cmp.Compare(b.WaitSeconds, a.WaitSeconds), cmp.Compare(a.PID, b.PID))
	})
	o.Blocked = o.Blocked[:min(len(o.Blocked), 10)]
	for pid, n := range blocks {
		p := people[pid]
		b := Blocker{
			PID: pid, User: p.User, Application: p.Application, Client: p.Client, Database: p.Database, Kind: p.kind,
			State: p.State, Blocks: n, TransactionSeconds: p.transaction, Query: p.Query,
		}
		if pid == 0 {
			b.Kind, b.TransactionSeconds = "prepared transaction", l.Transactions.PreparedSeconds
		}
		o.Blockers = append(o.Blockers, b)
	}
	slices.SortFunc(o.Blockers, func(a, b Blocker) int {
		return cmp.Or(cmp.Compare(b.Blocks, a.Blocks), cmp.Compare(a.PID, b.PID))
	})
	o.Blockers = o.Blockers[:min(len(o.Blockers), 10)]
}

// roots are those that a session waits for, through others, and that wait for
// nobody themselves. Two that wait for each other have none: the server ends that.
func roots(pid int64, waiters map[int64]waiter) []int64 {
	seen := map[int64]bool{pid: true}
	var ends []int64
	for todo := waiters[pid].by; len(todo) > 0; {
		next := todo[0]
		todo = slices.Clone(todo[1:])
		if seen[next] {
			continue
		}
		seen[next] = true
		if w, waits := waiters[next]; waits {
			todo = append(todo, w.by...)
		} else {
			ends = append(ends, next)
		}
	}
	return ends
}

// pids reads an array such as {12,13}.
func pids(text string) []int64 {
	var list []int64
	for part := range strings.SplitSeq(strings.Trim(text, "{}"), ",") {
		if n, err := strconv.ParseInt(part, 10, 64); err == nil && n >= 0 {
			list = append(list, n)
		}
	}
	return list
}
