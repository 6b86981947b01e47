package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	client "github.com/go-sql-driver/mysql"

	"gumshoe/checks/reach"
)

// row is one of an answer, by the names of the columns in lower case. What is
// NULL is not in it.
type row map[string]string

func (r row) int(name string) int64 {
	n, err := strconv.ParseInt(r[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// seconds gives a time that is not below 0, which the server's arithmetic can be.
func (r row) seconds(name string) float64 {
	x, err := strconv.ParseFloat(r[name], 64)
	const century = 100 * 365 * 86400 // more is an overflow of the server's
	if err != nil || !(x >= 0 && x < century) {
		return 0
	}
	return x
}

// text gives a short text of the server, printable.
func (r row) text(name string) string { return reach.Printable(r[name]) }

// maxRows bounds an answer, whatever the server sends; each statement has a lower
// limit of its own.
const maxRows = 20_000

// rows executes a statement and reads its answer.
func (l *look) rows(ctx context.Context, statement string) (answer []row, err error) {
	err = guard(func() error {
		answer, err = l.read(ctx, statement)
		return err
	})
	return answer, err
}

func (l *look) read(ctx context.Context, statement string) ([]row, error) {
	queryer, ok := l.conn.(driver.QueryerContext)
	if !ok {
		return nil, errors.New("the client library cannot ask")
	}
	rows, err := queryer.QueryContext(ctx, statement, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := rows.Columns()
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	values := make([]driver.Value, len(names))
	answer := []row{}
	for {
		switch err := rows.Next(values); {
		case errors.Is(err, io.EOF):
			return answer, nil
		case err != nil:
			return nil, err
		case len(answer) == maxRows:
			return nil, fmt.Errorf("%w: more rows than were asked for", errStrange)
		}
		r := make(row, len(names))
		for i, value := range values {
			switch value := value.(type) {
			case nil:
			case []byte:
				r[names[i]] = string(value)
			default:
				r[names[i]] = fmt.Sprint(value)
			}
		}
		answer = append(answer, r)
	}
}

// ask executes a statement whose answer fills some fields. When there is none they
// are unread: by the grant that is missing, or by why the server is gone.
func (l *look) ask(ctx context.Context, statement, grant string, fields ...string) (answer []row, ok bool) {
	if l.gone != "" {
		l.unread(l.gone, "", fields...)
		return nil, false
	}
	answer, err := l.rows(ctx, statement)
	if err == nil {
		return answer, true
	}
	reason, fix := l.why(err, grant)
	l.unread(reason, fix, fields...)
	return nil, false
}

// why tells why there is no answer, and what would help.
func (l *look) why(err error, grant string) (reason, fix string) {
	var answer *client.MySQLError
	if !errors.As(err, &answer) {
		l.blind = errors.Join(l.blind, l.failed(err))
		l.gone = "the server stopped answering: " + l.Outcome.Words()
		return l.gone, ""
	}
	switch answer.Number {
	case codeNoPrivilege, codeTableDenied, codeColumnDenied, codeDBDenied:
		if grant != "" {
			fix = grant + " TO " + l.account
		}
		return "the user may not see it: " + reach.Printable(answer.Message), fix
	case codeTooLong, codeTooLongMaria, codeInterrupted:
		return "the server took too long to tell", "raise timeout"
	case codeServerGoing:
		l.Outcome, l.ErrorCode, l.Error = ShuttingDown, int(answer.Number), reach.Printable(answer.Message)
		l.gone = "the server shuts down"
		return l.gone, ""
	}
	return "the server does not tell it: " + reach.Printable(answer.Message), ""
}

// The rights that are needed beside logging in.
const (
	grantProcess     = "GRANT PROCESS ON *.*"
	grantReplication = "GRANT REPLICATION CLIENT ON *.*"
	grantMonitor     = "GRANT SLAVE MONITOR ON *.*" // MariaDB 10.5
	grantSchema      = "GRANT SELECT ON performance_schema.*"
)

// tame makes the session one that waits for nobody and changes nothing. A setting
// that the server does not have is none.
func (l *look) tame(ctx context.Context) {
	limit := max(1, int(l.in.Timeout.Seconds()))
	settings := []string{
		"SET SESSION TRANSACTION READ ONLY", "SET SESSION lock_wait_timeout = 1", "SET SESSION innodb_lock_wait_timeout = 1",
		"SET SESSION time_zone = 'SYSTEM'", // in which InnoDB tells its times
	}
	if l.Flavour == mariadb {
		settings = append(settings, fmt.Sprintf("SET SESSION max_statement_time = %d", limit))
	} else {
		settings = append(settings, fmt.Sprintf("SET SESSION max_execution_time = %d", 1000*limit))
	}
	for _, setting := range settings {
		if l.gone != "" {
			return
		}
		if _, err := l.rows(ctx, setting); err != nil {
			l.why(err, "")
		}
	}
}

// unread marks fields.
func (l *look) unread(reason, fix string, fields ...string) {
	for _, field := range fields {
		l.call.Unread(field, reason, fix)
	}
}

// ofSession are the fields that a session tells.
func ofSession() []string {
	return []string{
		"encrypted", "query_seconds", "window_seconds", "flavour", "version", "uptime_seconds", "read_only",
		"connections", "activity", "transactions", "locks", "throughput", "innodb", "replication", "statements", "databases",
	}
}
