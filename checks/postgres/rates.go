package postgres

import "context"

// counters reads what the server counts.
func (l *look) counters(ctx context.Context) (row, bool) {
	checkpoints := "(SELECT checkpoints_timed FROM pg_stat_bgwriter) AS timed, (SELECT checkpoints_req FROM pg_stat_bgwriter) AS requested, " +
		"(SELECT extract(epoch FROM clock_timestamp() - stats_reset) FROM pg_stat_bgwriter) AS counted_seconds"
	if l.version >= 170000 {
		checkpoints = "(SELECT num_timed FROM pg_stat_checkpointer) AS timed, (SELECT num_requested FROM pg_stat_checkpointer) AS requested, " +
			"(SELECT extract(epoch FROM clock_timestamp() - stats_reset) FROM pg_stat_checkpointer) AS counted_seconds"
	}
	return l.one(ctx, `SELECT `+marker+` sum(xact_commit) AS commits, sum(xact_rollback) AS rollbacks, sum(blks_read) AS read, sum(blks_hit) AS hit,
		sum(tup_returned) AS returned, sum(tup_inserted + tup_updated + tup_deleted) AS written, sum(temp_files) AS temp_files,
		sum(temp_bytes) AS temp_bytes, sum(deadlocks) AS deadlocks, sum(conflicts) AS conflicts,
		CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END AS wal,
		(SELECT setting::bigint * 8192 FROM pg_settings WHERE name = 'shared_buffers') AS buffers,
		(SELECT setting FROM pg_settings WHERE name = 'checkpoint_timeout') AS checkpoint_timeout,
		(SELECT setting::bigint * 1048576 FROM pg_settings WHERE name = 'max_wal_size') AS max_wal, `+checkpoints+` FROM pg_stat_database`,
		"throughput", "checkpoints", "wal.bytes_per_second")
}

// rates makes what happened between two readings of the counters.
func (l *look) rates(before, after row, seconds float64) {
	if seconds <= 0 {
		l.unread("no time passed between the two readings", "", "throughput", "checkpoints", "wal.bytes_per_second")
		return
	}
	delta := func(name string) float64 { return max(0, after.number(name)-before.number(name)) } // they can be reset
	t := &l.Throughput
	commits, rollbacks := delta("commits"), delta("rollbacks")
	t.CommitsPerSecond, t.RollbacksPerSecond = commits/seconds, rollbacks/seconds
	t.RollbackPercent = share(rollbacks, commits+rollbacks)
	t.RowsReadPerSecond, t.RowsWrittenPerSecond = delta("returned")/seconds, delta("written")/seconds
	read, hit := delta("read"), delta("hit")
	t.BlocksPerSecond, t.BlocksReadPerSecond = (read+hit)/seconds, read/seconds
	if read+hit > 0 {
		t.CacheHitPercent = share(hit, read+hit)
	} else {
		l.unread("no block was asked for in the window", "", "throughput.cache_hit_percent")
	}
	t.CacheHitPercentTotal = share(after.number("hit"), after.number("hit")+after.number("read"))
	t.SharedBuffersBytes = after.int("buffers")
	t.TempBytesPerSecond, t.TempFiles = delta("temp_bytes")/seconds, int64(delta("temp_files"))
	t.Deadlocks, t.DeadlocksTotal = int64(delta("deadlocks")), after.int("deadlocks")
	t.Conflicts = int64(delta("conflicts"))
	l.WAL.BytesPerSecond = delta("wal") / seconds

	c := &l.Checkpoints
	c.Timed, c.Requested = after.int("timed"), after.int("requested")
	c.RequestedPercent = share(float64(c.Requested), float64(c.Timed+c.Requested))
	c.RequestedInWindow = int64(delta("requested"))
	c.TimeoutSeconds, c.MaxWALBytes = after.number("checkpoint_timeout"), after.int("max_wal")
	if n := c.Timed + c.Requested; n > 0 && after.has("counted_seconds") {
		c.MeanIntervalSeconds = after.number("counted_seconds") / float64(n)
	} else {
		l.unread("there was no checkpoint since the statistics were reset", "", "checkpoints.mean_interval_seconds")
	}
}

// share is a part in percent of a whole; 0 of nothing.
func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * part / whole
}
