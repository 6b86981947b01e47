package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"gumshoe/checks/reach"
)

// row is one of an answer, by the names of the columns. What is NULL is not in it.
type row map[string]string

func (r row) int(name string) int64 {
	n, err := strconv.ParseInt(r[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// number gives a finite number that is not below 0, which a clock that was set back
// makes of a time.
func (r row) number(name string) float64 {
	x, err := strconv.ParseFloat(r[name], 64)
	if err != nil || math.IsInf(x, 0) || !(x >= 0) {
		return 0
	}
	return x
}

func (r row) bool(name string) bool { return r[name] == "t" }

func (r row) has(name string) bool { _, has := r[name]; return has }

// text gives a short text of the server, printable.
func (r row) text(name string) string { return reach.Printable(r[name]) }

// maxRows bounds an answer, whatever the server sends; each statement has a lower
// limit of its own.
const maxRows = 50_000

// rows executes statements in one message and reads the answer of those that give
// one.
func (v *visit) rows(ctx context.Context, statements string) (answer []row, err error) {
	results := v.conn.Exec(ctx, statements)
	defer func() { err = errors.Join(err, results.Close()) }()
	answer = []row{}
	for results.NextResult() {
		reader := results.ResultReader()
		fields := reader.FieldDescriptions()
		names := make([]string, len(fields))
		for i, field := range fields {
			names[i] = field.Name
		}
		for reader.NextRow() {
			if len(answer) == maxRows {
				v.wire.Close() // the rest would have to be read
				return nil, fmt.Errorf("%w: more rows than were asked for", errStrange)
			}
			r := make(row, len(names))
			for i, value := range reader.Values() {
				if value != nil && i < len(names) {
					r[names[i]] = string(value)
				}
			}
			answer = append(answer, r)
		}
		if _, err := reader.Close(); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// tamed puts a statement in a transaction that waits for nobody, changes nothing and
// leaves nothing in the session: a pooler may give it to another client. Statements
// that are sent together are one transaction, which ends with them.
func (l *look) tamed(statement string) string {
	return fmt.Sprintf("SET LOCAL transaction_read_only = on; SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = 1000; "+
		"SET LOCAL idle_in_transaction_session_timeout = 5000; SET LOCAL search_path = pg_catalog; %s", l.in.Timeout.Milliseconds(), statement)
}

// ask executes a statement whose answer fills some fields. When there is none they
// are unread: by the right that is missing, or by why the server is gone.
func (l *look) ask(ctx context.Context, statement string, fields ...string) (answer []row, ok bool) {
	if l.gone != "" {
		l.unread(l.gone, "", fields...)
		return nil, false
	}
	answer, err := l.rows(ctx, l.tamed(statement))
	if err == nil {
		return answer, true
	}
	reason, fix := l.why(err)
	l.unread(reason, fix, fields...)
	return nil, false
}

// one is ask for one row.
func (l *look) one(ctx context.Context, statement string, fields ...string) (row, bool) {
	answer, ok := l.ask(ctx, statement, fields...)
	if ok && len(answer) == 0 {
		l.unread("the server gives no row for it", "", fields...)
		return nil, false
	}
	if !ok {
		return nil, false
	}
	return answer[0], true
}

// why tells why there is no answer, and what would help.
func (l *look) why(err error) (reason, fix string) {
	answer, is := errors.AsType[*pgconn.PgError](err)
	if !is {
		l.blind = errors.Join(l.blind, l.failed(err))
		l.gone = "the server stopped answering: " + l.outcome.Words()
		return l.gone, ""
	}
	said := reach.Printable(answer.Message)
	switch {
	case answer.Code == codeNoRight:
		return "the user may not see it: " + said, l.grant()
	case answer.Code == codeCancelled, answer.Code == codeLockTimeout:
		return "the server took too long to tell", "raise timeout"
	case answer.Severity == "FATAL" || l.conn.IsClosed():
		_ = l.failed(err) // it is the server's
		l.gone = "the server ended the session: " + said
		return l.gone, ""
	}
	return "the server does not tell it: " + said, ""
}

// grant is what the user lacks.
func (l *look) grant() string {
	return fmt.Sprintf("GRANT pg_monitor TO %q", reach.Printable(l.in.User))
}

// unread marks fields.
func (l *look) unread(reason, fix string, fields ...string) {
	for _, field := range fields {
		l.call.Unread(field, reason, fix)
	}
}

// marker keeps the check's own statements apart in pg_stat_statements.
const marker = "/* gumshoe */"
