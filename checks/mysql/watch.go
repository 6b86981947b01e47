package mysql

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The flavours.
const (
	mariadb = "mariadb"
	oracle  = "mysql"
)

// watch reads everything, the counters twice with the window between.
func (l *look) watch(ctx context.Context) {
	started := time.Now()
	first, ok := l.ask(ctx, "SELECT VERSION() AS version, @@version_comment AS comment, CURRENT_USER() AS account", "",
		"query_seconds", "version", "flavour")
	if !ok || len(first) == 0 {
		l.unread("the server let us in and tells nothing: "+l.Outcome.Words(), "", ofSession()...)
		return
	}
	l.QuerySeconds = time.Since(started).Seconds()
	l.Version, l.Flavour = first[0].text("version"), oracle
	if strings.Contains(strings.ToLower(first[0]["version"]+first[0]["comment"]), mariadb) {
		l.Flavour = mariadb
	}
	l.account = grantee(first[0].text("account"))
	l.tame(ctx)

	settings := l.settings(ctx)
	digests := l.digestTotals(ctx, settings)
	before := l.reading(ctx)
	wait := time.NewTimer(l.window)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return
	case <-wait.C:
	}
	after := l.reading(ctx)
	l.statements(ctx, digests)
	l.WindowSeconds = after.at.Sub(before.at).Seconds()
	l.deltas(settings, before, after)
	l.threads(ctx)
	l.replication(ctx)
	l.sizes(ctx)
}

// grantee writes the account as a GRANT wants it.
func grantee(account string) string {
	user, host, _ := strings.Cut(account, "@")
	return fmt.Sprintf("'%s'@'%s'", user, host)
}

// reading is the global status at one moment.
type reading struct {
	at     time.Time
	values row // none when it could not be read
}

// settings are the global variables that the fields need.
func (l *look) settings(ctx context.Context) row {
	answer, ok := l.ask(ctx, `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('max_connections','read_only','long_query_time',
		'innodb_buffer_pool_size','performance_schema','innodb_redo_log_capacity','innodb_log_file_size','innodb_log_files_in_group')`,
		"", "connections.limit", "connections.used_percent", "read_only", "throughput.slow_query_seconds", "innodb.buffer_pool_bytes")
	if !ok {
		return nil
	}
	settings := pairs(answer)
	l.Connections.Limit = settings.int("max_connections")
	l.ReadOnly = strings.EqualFold(settings["read_only"], "ON")
	l.Throughput.SlowQuerySeconds = settings.seconds("long_query_time")
	l.InnoDB.BufferPoolBytes = settings.int("innodb_buffer_pool_size")
	return settings
}

// pairs makes one row of an answer with a name and a value in each.
func pairs(answer []row) row {
	values := make(row, len(answer))
	for _, r := range answer {
		values[strings.ToLower(r["variable_name"])] = r["value"]
	}
	return values
}

// reading reads the global status, and what MySQL tells in the metrics of InnoDB.
func (l *look) reading(ctx context.Context) reading {
	fields := []string{
		"window_seconds", "uptime_seconds", "connections.used", "connections.used_percent", "connections.max_used", "connections.refused_total",
		"connections.refused", "connections.new_per_second", "connections.aborted_clients_per_second",
		"connections.aborted_connects_per_second", "activity.threads_running", "throughput", "innodb",
	}
	answer, ok := l.ask(ctx, "SHOW GLOBAL STATUS", "", fields...)
	r := reading{at: time.Now()}
	if !ok {
		return r
	}
	r.values = pairs(answer)
	if l.Flavour == mariadb {
		return r
	}
	metrics, _ := l.ask(ctx, `SELECT NAME AS name, COUNT AS count, STATUS AS status, 1 AS `+marker+` FROM information_schema.INNODB_METRICS
		WHERE NAME IN ('trx_rseg_history_len','lock_deadlocks','log_lsn_checkpoint_age')`, grantProcess)
	for _, metric := range metrics {
		name := map[string]string{
			"trx_rseg_history_len": "innodb_history_list_length", "lock_deadlocks": "innodb_deadlocks",
			"log_lsn_checkpoint_age": "innodb_checkpoint_age",
		}[metric["name"]]
		if _, told := r.values[name]; name != "" && !told && metric["status"] == "enabled" {
			r.values[name] = metric["count"]
		}
	}
	return r
}

// sizes reads how much the files of each database take.
func (l *look) sizes(ctx context.Context) {
	if !l.in.Sizes {
		l.call.NotAsked("databases", "nobody asked for the sizes", "set sizes: true")
		return
	}
	table := "INNODB_TABLESPACES"
	if l.Flavour == mariadb || strings.HasPrefix(l.Version, "5.") {
		table = "INNODB_SYS_TABLESPACES"
	}
	answer, _ := l.ask(ctx, `SELECT SUBSTRING_INDEX(NAME, '/', 1) AS name, SUM(FILE_SIZE) AS bytes FROM information_schema.`+table+`
		WHERE NAME LIKE '%/%' GROUP BY 1 ORDER BY 2 DESC LIMIT 20`, grantProcess, "databases")
	for _, r := range answer {
		l.Databases = append(l.Databases, Database{Name: r.text("name"), Bytes: r.int("bytes")})
	}
}
