package postgres

import "context"

// replication reads who follows this server, what is kept for whom, and how it
// follows another.
func (l *look) replication(ctx context.Context) {
	l.standbys(ctx)
	l.slots(ctx)
	own := []string{"replication.lag_seconds", "replication.lag_bytes", "replication.receiving", "replication.paused"}
	if l.gone == "" && !l.InRecovery {
		for _, field := range own {
			l.call.NotAsked(field, "the server is no standby", "")
		}
		return
	}
	r, ok := l.one(ctx, `SELECT `+marker+` (SELECT count(*) FROM pg_stat_wal_receiver) > 0 AS receiving, pg_is_wal_replay_paused() AS paused,
		pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) AS bytes,
		extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS seconds`, own...)
	if !ok {
		return
	}
	o := &l.Replication
	o.Receiving, o.Paused = r.bool("receiving"), r.bool("paused")
	if r.has("bytes") {
		o.LagBytes = int64(r.number("bytes"))
	} else {
		l.unread("it has received nothing by streaming", "", "replication.lag_bytes")
	}
	switch {
	case o.Receiving && r.has("bytes") && o.LagBytes == 0:
	case r.has("seconds"):
		o.LagSeconds = r.number("seconds")
	default:
		l.unread("it has replayed no transaction since it started", "", "replication.lag_seconds")
	}
}

// here is the place in the WAL that this server has come to.
const here = "CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END"

func (l *look) standbys(ctx context.Context) {
	fields := []string{"replication.standbys", "replication.max_lag_seconds", "replication.max_lag_bytes"}
	answer, ok := l.ask(ctx, `SELECT `+marker+` application_name AS name, coalesce(host(client_addr), 'local') AS client, state, sync_state AS sync,
		coalesce(extract(epoch FROM replay_lag), 0) AS seconds, coalesce(pg_wal_lsn_diff(`+here+`, replay_lsn), 0) AS bytes
		FROM pg_stat_replication ORDER BY bytes DESC LIMIT 20`, fields...)
	if !ok {
		return
	}
	if len(answer) > 0 && !l.sees {
		l.unread("the user may not see the standbys", l.grant(), fields...)
		return
	}
	o := &l.Replication
	for _, r := range answer {
		s := Standby{
			Name: r.text("name"), Client: r.text("client"), State: r.text("state"), Sync: r.text("sync"),
			LagSeconds: r.number("seconds"), LagBytes: int64(r.number("bytes")),
		}
		o.MaxLagSeconds, o.MaxLagBytes = max(o.MaxLagSeconds, s.LagSeconds), max(o.MaxLagBytes, s.LagBytes)
		o.Standbys = append(o.Standbys, s)
	}
}

func (l *look) slots(ctx context.Context) {
	answer, ok := l.ask(ctx, `SELECT `+marker+` slot_name AS name, slot_type AS kind, active, coalesce(pg_wal_lsn_diff(`+here+`, restart_lsn), 0) AS bytes,
		greatest(age(xmin), age(catalog_xmin)) AS xmin, count(*) FILTER (WHERE NOT active) OVER () AS inactive
		FROM pg_replication_slots ORDER BY bytes DESC LIMIT 20`, "replication.slots", "replication.inactive_slots", "replication.max_retained_bytes")
	if !ok {
		return
	}
	o := &l.Replication
	for _, r := range answer {
		s := Slot{Name: r.text("name"), Kind: r.text("kind"), Active: r.bool("active"), RetainedBytes: int64(r.number("bytes"))}
		o.InactiveSlots = r.int("inactive")
		if !s.Active {
			o.MaxRetainedBytes = max(o.MaxRetainedBytes, s.RetainedBytes)
		}
		if l.sees { // else nothing is told of the age
			l.Transactions.OldestXminAge = max(l.Transactions.OldestXminAge, r.int("xmin"))
		}
		o.Slots = append(o.Slots, s)
	}
}
