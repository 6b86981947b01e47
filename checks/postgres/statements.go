package postgres

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// key is what pg_stat_statements counts by.
type key struct{ id, user, database string }

// spent is what statements of one shape took so far, or in the window.
type spent struct {
	key

	calls, seconds, rows, read, temp float64
}

// fixStatements is how to have pg_stat_statements.
const fixStatements = "set shared_preload_libraries = 'pg_stat_statements', restart, and CREATE EXTENSION pg_stat_statements in the database that is logged in to"

// statementsSchema finds where pg_stat_statements is; "" when there is none.
func (l *look) statementsSchema(ctx context.Context) string {
	answer, ok := l.ask(ctx, "SELECT "+marker+" quote_ident(n.nspname) AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'pg_stat_statements'",
		"statements")
	switch {
	case !ok:
		return ""
	case len(answer) == 0:
		l.unread("the extension pg_stat_statements is not in this database", fixStatements, "statements")
		return ""
	case !l.sees:
		l.unread("the user may not see the statements of others", l.grant(), "statements")
		return ""
	}
	return answer[0]["schema"]
}

// executed reads what each shape took so far, without the texts, which are in a file.
func (l *look) executed(ctx context.Context, schema string) (map[key]spent, bool) {
	if schema == "" {
		return nil, false
	}
	times := "total_exec_time"
	if l.version < 130000 {
		times = "total_time"
	}
	answer, ok := l.ask(ctx, "SELECT "+marker+" queryid AS id, userid AS user, dbid AS database, sum(calls) AS calls, sum("+times+") AS time, sum(rows) AS rows, "+
		"sum(shared_blks_read) AS read, sum(temp_blks_written) AS temp FROM "+schema+".pg_stat_statements(false) GROUP BY 1, 2, 3 LIMIT 20000", "statements")
	if !ok {
		return nil, false
	}
	all := make(map[key]spent, len(answer))
	for _, r := range answer {
		k := key{r["id"], r["user"], r["database"]}
		all[k] = spent{
			key: k, calls: r.number("calls"), seconds: r.number("time") / 1000, rows: r.number("rows"),
			read: r.number("read"), temp: r.number("temp") * 8192,
		}
	}
	return all, true
}

// maxTop is how many shapes are told, and maxTexts of how many the text is asked for,
// since some are the check's own.
const (
	maxTop   = 5
	maxTexts = 20
)

// consumers tells what the time went to since the first reading.
func (l *look) consumers(ctx context.Context, schema string, before map[key]spent, first time.Time) {
	after, ok := l.executed(ctx, schema)
	if !ok {
		return
	}
	seconds := time.Since(first).Seconds()
	var deltas []spent
	for k, now := range after {
		was := before[k]
		d := spent{key: k, calls: now.calls - was.calls, seconds: now.seconds - was.seconds, rows: now.rows - was.rows, read: now.read - was.read, temp: now.temp - was.temp}
		if d.calls < 0 { // it was reset
			d = now
		}
		if d.calls > 0 {
			deltas = append(deltas, d)
		}
	}
	slices.SortFunc(deltas, func(a, b spent) int {
		return cmp.Or(cmp.Compare(b.seconds, a.seconds), cmp.Compare(a.id, b.id), cmp.Compare(a.user, b.user))
	})
	texts, ok := l.texts(ctx, schema, deltas[:min(len(deltas), maxTexts)])
	if !ok {
		return
	}
	deltas = slices.DeleteFunc(deltas, func(d spent) bool { return strings.Contains(texts[d.key]["query"], marker) || !shown(texts, d) })
	l.top(deltas, texts, seconds)
}

// shown tells whether a shape is not one of the small statements that make the
// check's transactions.
func shown(texts map[key]row, d spent) bool {
	r, has := texts[d.key]
	if !has {
		return true
	}
	return !strings.HasPrefix(r["query"], "SET LOCAL")
}

// texts reads the texts and names of some shapes.
func (l *look) texts(ctx context.Context, schema string, of []spent) (map[key]row, bool) {
	texts := make(map[key]row, len(of))
	var ids []string
	for _, d := range of {
		if _, err := strconv.ParseInt(d.id, 10, 64); err == nil {
			ids = append(ids, d.id)
		}
	}
	if len(ids) == 0 {
		return texts, true
	}
	answer, ok := l.ask(ctx, "SELECT "+marker+" s.queryid AS id, s.userid AS user, s.dbid AS database, left(s.query, 2000) AS query, "+
		"pg_get_userbyid(s.userid) AS username, d.datname FROM "+schema+".pg_stat_statements(true) s LEFT JOIN pg_database d ON d.oid = s.dbid "+
		"WHERE s.queryid IN ("+strings.Join(ids, ",")+") LIMIT 1000", "statements.top")
	if !ok {
		return nil, false
	}
	for _, r := range answer {
		texts[key{r["id"], r["user"], r["database"]}] = r
	}
	return texts, true
}

func (l *look) top(deltas []spent, texts map[key]row, seconds float64) {
	o := &l.Statements
	var total, calls float64
	for _, d := range deltas {
		total += max(0, d.seconds)
		calls += d.calls
	}
	if seconds <= 0 {
		l.unread("no time passed between the two readings", "", "statements")
		return
	}
	o.BusySessions, o.CallsPerSecond = total/seconds, calls/seconds
	for _, d := range deltas[:min(len(deltas), maxTop)] {
		r := texts[d.key]
		o.Top = append(o.Top, Statement{
			ID: d.id, Query: mask(r["query"]), User: r.text("username"), Database: r.text("datname"), Calls: int64(d.calls),
			CallsPerSecond: d.calls / seconds, MeanSeconds: max(0, d.seconds) / d.calls, BusySessions: max(0, d.seconds) / seconds,
			SharePercent: share(max(0, d.seconds), total), RowsPerCall: max(0, d.rows) / d.calls,
			BlocksReadPerCall: max(0, d.read) / d.calls, TempBytesPerCall: max(0, d.temp) / d.calls,
		})
	}
	if len(o.Top) > 0 {
		o.TopSharePercent = o.Top[0].SharePercent
	}
}
