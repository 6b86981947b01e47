package mysql

import "strconv"

// change is how the global status changed between two readings.
type change struct {
	l             *look
	before, after row
	seconds       float64
}

// now gives a value of the second reading.
func (c change) now(path, name string) int64 {
	n, err := strconv.ParseInt(c.after[name], 10, 64)
	if err != nil {
		c.l.lacks(path, name)
		return 0
	}
	return n
}

// lacks says that a server does not count something: an older version, or the
// other flavour.
func (l *look) lacks(path, name string) {
	l.call.NotAsked(path, "this server does not tell "+name, "")
}

// sum gives how much counters grew together.
func (c change) sum(path string, names ...string) int64 {
	var sum int64
	for _, name := range names {
		from, err := strconv.ParseInt(c.before[name], 10, 64)
		to, err2 := strconv.ParseInt(c.after[name], 10, 64)
		switch {
		case err != nil || err2 != nil:
			c.l.lacks(path, name)
			return 0
		case to < from:
			c.l.call.Unread(path, "the counter was reset between the two readings", "")
			return 0
		}
		sum += to - from
	}
	return sum
}

func (c change) rate(path string, names ...string) float64 {
	return float64(c.sum(path, names...)) / c.seconds
}

// share gives a part of a whole in percent; it is not known of nothing.
func (c change) share(path string, part, whole int64) float64 {
	if whole <= 0 {
		c.l.call.NotAsked(path, "there was nothing of the kind in the window", "")
		return 0
	}
	return min(100, 100*float64(part)/float64(whole))
}

// deltas fills what the two readings tell.
func (l *look) deltas(settings row, before, after reading) {
	if before.values == nil || after.values == nil {
		return // what is missing is marked
	}
	if l.WindowSeconds <= 0 {
		l.unread("no time passed between the two readings", "", "connections", "activity.threads_running", "throughput", "innodb")
		return
	}
	c := change{l, before.values, after.values, l.WindowSeconds}
	l.UptimeSeconds = float64(c.now("uptime_seconds", "uptime"))
	l.Activity.ThreadsRunning = max(0, min(c.before.int("threads_running"), c.now("activity.threads_running", "threads_running"))-1)
	c.connections()
	c.throughput()
	c.innodb(settings)
}

func (c change) connections() {
	o := &c.l.Connections
	o.Used = c.now("connections.used", "threads_connected")
	if o.Limit > 0 {
		o.UsedPercent = 100 * float64(o.Used) / float64(o.Limit)
	}
	o.MaxUsed = c.now("connections.max_used", "max_used_connections")
	o.RefusedTotal = c.now("connections.refused_total", "connection_errors_max_connections")
	o.Refused = c.sum("connections.refused", "connection_errors_max_connections")
	o.NewPerSecond = c.rate("connections.new_per_second", "connections")
	o.AbortedClientsPerSecond = c.rate("connections.aborted_clients_per_second", "aborted_clients")
	o.AbortedConnectsPerSecond = c.rate("connections.aborted_connects_per_second", "aborted_connects")
}

func (c change) throughput() {
	o := &c.l.Throughput
	o.QueriesPerSecond = c.rate("throughput.queries_per_second", "questions")
	o.SlowQueries = c.sum("throughput.slow_queries", "slow_queries")
	o.FullScansPerSecond = c.rate("throughput.full_scans_per_second", "select_scan")
	o.FullJoinsPerSecond = c.rate("throughput.full_joins_per_second", "select_full_join")
	read := c.sum("throughput.rows_read_per_second", "handler_read_first", "handler_read_key", "handler_read_last", "handler_read_next",
		"handler_read_prev", "handler_read_rnd", "handler_read_rnd_next")
	o.RowsReadPerSecond = float64(read) / c.seconds
	o.ScannedRowsPercent = c.share("throughput.scanned_rows_percent", c.sum("throughput.scanned_rows_percent", "handler_read_rnd_next"), read)
	tables := c.sum("throughput.tmp_tables_per_second", "created_tmp_tables")
	onDisk := c.sum("throughput.tmp_disk_tables_per_second", "created_tmp_disk_tables")
	o.TmpTablesPerSecond, o.TmpDiskTablesPerSecond = float64(tables)/c.seconds, float64(onDisk)/c.seconds
	o.TmpDiskPercent = c.share("throughput.tmp_disk_percent", onDisk, tables)
	o.SortMergePassesPerSecond = c.rate("throughput.sort_merge_passes_per_second", "sort_merge_passes")
	o.TableOpenMissesPerSecond = c.rate("throughput.table_open_misses_per_second", "table_open_cache_misses")
	o.RowsChangedPerSecond = c.rate("throughput.rows_changed_per_second", "handler_write", "handler_update", "handler_delete")
	o.CommitsPerSecond = c.rate("throughput.commits_per_second", "handler_commit")
	o.SentBytesPerSecond = c.rate("throughput.sent_bytes_per_second", "bytes_sent")
}

func (c change) innodb(settings row) {
	o := &c.l.InnoDB
	requests := c.sum("innodb.buffer_pool_hit_percent", "innodb_buffer_pool_read_requests")
	reads := c.sum("innodb.buffer_pool_reads_per_second", "innodb_buffer_pool_reads")
	o.BufferPoolReadsPerSecond = float64(reads) / c.seconds
	o.BufferPoolHitPercent = c.share("innodb.buffer_pool_hit_percent", max(0, requests-reads), requests)
	pages := c.now("innodb.buffer_pool_free_percent", "innodb_buffer_pool_pages_total")
	o.BufferPoolFreePercent = c.share("innodb.buffer_pool_free_percent", c.now("innodb.buffer_pool_free_percent", "innodb_buffer_pool_pages_free"), pages)
	o.BufferPoolDirtyPercent = c.share("innodb.buffer_pool_dirty_percent", c.now("innodb.buffer_pool_dirty_percent", "innodb_buffer_pool_pages_dirty"), pages)
	o.BufferPoolWaits = c.sum("innodb.buffer_pool_waits", "innodb_buffer_pool_wait_free")
	o.RowLockWaitsPerSecond = c.rate("innodb.row_lock_waits_per_second", "innodb_row_lock_waits")
	o.RowLockWaiters = c.rate("innodb.row_lock_waiters", "innodb_row_lock_time") / 1000 // it is in ms
	o.Deadlocks = c.sum("innodb.deadlocks", "innodb_deadlocks")
	o.HistoryListLength = c.now("innodb.history_list_length", "innodb_history_list_length")
	o.LogWaits = c.sum("innodb.log_waits", "innodb_log_waits")
	o.LogBytesPerSecond = c.rate("innodb.log_bytes_per_second", "innodb_os_log_written")
	o.FsyncsPerSecond = c.rate("innodb.fsyncs_per_second", "innodb_data_fsyncs")
	o.PendingReads = c.now("innodb.pending_reads", "innodb_data_pending_reads")
	o.PendingWrites = c.now("innodb.pending_writes", "innodb_data_pending_writes")
	o.PendingFsyncs = c.now("innodb.pending_fsyncs", "innodb_data_pending_fsyncs") + max(0, c.after.int("innodb_os_log_pending_fsyncs"))
	o.CheckpointAgeBytes = c.now("innodb.checkpoint_age_bytes", "innodb_checkpoint_age")
	limit := c.after.int("innodb_checkpoint_max_age") // of MariaDB and Percona Server
	if limit == 0 {
		limit = settings.int("innodb_redo_log_capacity") // of MySQL 8.0.30
	}
	if limit == 0 {
		limit = settings.int("innodb_log_file_size") * max(1, settings.int("innodb_log_files_in_group"))
	}
	if _, told := c.after["innodb_checkpoint_age"]; told && limit > 0 {
		o.CheckpointAgePercent = min(100, 100*float64(o.CheckpointAgeBytes)/float64(limit))
	} else {
		c.l.lacks("innodb.checkpoint_age_percent", "the age of the checkpoint")
	}
}
