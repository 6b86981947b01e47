package mysql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	client "github.com/go-sql-driver/mysql"
)

// maxChannels is how many channels are shown.
const maxChannels = 20

// replication reads what is copied from other servers.
func (l *look) replication(ctx context.Context) {
	fields := []string{
		"replication.is_replica", "replication.io_running", "replication.sql_running", "replication.behind_seconds",
		"replication.last_error", "replication.channels",
	}
	statement, grant := "SHOW ALL SLAVES STATUS", grantMonitor
	if strings.HasPrefix(l.Version, "10.3.") || strings.HasPrefix(l.Version, "10.4.") {
		grant = grantReplication
	}
	if l.Flavour != mariadb {
		statement, grant = "SHOW REPLICA STATUS", grantReplication
	}
	if l.gone != "" {
		l.unread(l.gone, "", fields...)
		return
	}
	answer, err := l.rows(ctx, statement)
	var unknown *client.MySQLError
	if errors.As(err, &unknown) && unknown.Number == codeSyntax { // before MySQL 8.0.22
		answer, err = l.rows(ctx, "SHOW SLAVE STATUS")
	}
	if err != nil {
		reason, fix := l.why(err, grant)
		l.unread(reason, fix, fields...)
		return
	}
	o := &l.Replication
	if len(answer) == 0 {
		for _, field := range fields[1:5] {
			l.call.NotAsked(field, "the server copies nothing", "")
		}
		return
	}
	o.IsReplica, o.IORunning, o.SQLRunning = true, true, true
	for i, r := range answer {
		c := channelOf(r)
		o.IORunning = o.IORunning && c.IOState == "yes"
		o.SQLRunning = o.SQLRunning && c.SQLRunning
		for _, text := range []string{c.LastSQLError, c.LastIOError} {
			if o.LastError == "" {
				o.LastError = text
			}
		}
		_, known := r["seconds_behind_master"]
		if !known {
			l.unread("the server does not know: a thread of the replication does not run", "", "replication.behind_seconds")
		}
		o.BehindSeconds = max(o.BehindSeconds, c.BehindSeconds)
		if i >= maxChannels {
			continue
		}
		o.Channels = append(o.Channels, c)
		if !known {
			l.unread("a thread of the replication does not run", "", fmt.Sprintf("replication.channels[%d].behind_seconds", i))
		}
	}
}

// channelOf reads one channel, whichever words the version has for it.
func channelOf(r row) Channel {
	for name, value := range r {
		old := strings.NewReplacer("replica", "slave", "source", "master").Replace(name)
		if _, has := r[old]; !has {
			r[old] = value
		}
	}
	c := Channel{
		Name: r.text("connection_name"), Source: row{"s": net.JoinHostPort(r["master_host"], r["master_port"])}.text("s"),
		SQLRunning: r["slave_sql_running"] == "Yes", BehindSeconds: r.seconds("seconds_behind_master"),
		LastIOError: r.text("last_io_error"), LastSQLError: r.text("last_sql_error"),
	}
	if c.Name == "" {
		c.Name = r.text("channel_name")
	}
	switch strings.ToLower(r["slave_io_running"]) {
	case "yes":
		c.IOState = "yes"
	case "connecting":
		c.IOState = "connecting"
	case "preparing":
		c.IOState = "preparing"
	default:
		c.IOState = "no"
	}
	return c
}
