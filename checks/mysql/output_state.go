package mysql

// Locks is who waits for whom.
type Locks struct {
	// RowWaiting is how many transactions wait for a lock of a row.
	RowWaiting int64 `json:"row_waiting" expr:"row_waiting"`
	// LongestRowWaitSeconds is for how long the first of them has.
	LongestRowWaitSeconds float64 `json:"longest_row_wait_seconds" expr:"longest_row_wait_seconds"`
	// MetadataWaiting is how many threads wait for a metadata lock: for a table as a
	// whole, which an ALTER and an open transaction dispute.
	MetadataWaiting int64 `json:"metadata_waiting" expr:"metadata_waiting"`
	// LongestMetadataWaitSeconds is for how long the first of them has.
	LongestMetadataWaitSeconds float64 `json:"longest_metadata_wait_seconds" expr:"longest_metadata_wait_seconds"`
	// RowBlockers are those that others wait for at a row and that wait for nobody
	// themselves: the roots, the 10 that block the most.
	RowBlockers []Blocker `json:"row_blockers" expr:"row_blockers"`
	// MetadataBlockers are the same for metadata locks. Without the instrument
	// wait/lock/metadata/sql/mdl the server does not tell them; they are then inferred
	// when one open transaction alone is older than the longest wait.
	MetadataBlockers []Blocker `json:"metadata_blockers" expr:"metadata_blockers"`
}

// Blocker is a connection that others wait for.
type Blocker struct {
	// ID is the connection, for KILL.
	ID int64 `json:"id" expr:"id"`
	// User is whose it is.
	User string `json:"user" expr:"user"`
	// Host is where from, without the port.
	Host string `json:"host" expr:"host"`
	// Blocks is how many wait for it, at once or behind others that do.
	Blocks int64 `json:"blocks" expr:"blocks"`
	// TransactionSeconds is the age of its transaction; 0 when it has none.
	TransactionSeconds float64 `json:"transaction_seconds" expr:"transaction_seconds"`
	// Idle says that it waits for its client, and does nothing.
	Idle bool `json:"idle" expr:"idle"`
	// Object is the table that is waited for, as database.table; "" when it is not
	// known.
	Object string `json:"object" expr:"object"`
	// Query is what it executes, with ? for literals; "" while it waits.
	Query string `json:"query" expr:"query"`
	// Inferred says that the server does not tell who it is: see metadata_blockers.
	Inferred bool `json:"inferred" expr:"inferred"`
}

// Throughput is what the server serves, over the window. This probe's own
// statements are in it.
type Throughput struct {
	// QueriesPerSecond is how many statements clients sent (Questions).
	QueriesPerSecond float64 `json:"queries_per_second" expr:"queries_per_second"`
	// SlowQueries is how many took longer than slow_query_seconds.
	SlowQueries int64 `json:"slow_queries" expr:"slow_queries"`
	// SlowQuerySeconds is from when on one counts as slow (long_query_time).
	SlowQuerySeconds float64 `json:"slow_query_seconds" expr:"slow_query_seconds"`
	// FullScansPerSecond is how many read a whole table (Select_scan).
	FullScansPerSecond float64 `json:"full_scans_per_second" expr:"full_scans_per_second"`
	// FullJoinsPerSecond is how many joined without an index (Select_full_join).
	FullJoinsPerSecond float64 `json:"full_joins_per_second" expr:"full_joins_per_second"`
	// RowsReadPerSecond is how many rows were read of tables and indexes.
	RowsReadPerSecond float64 `json:"rows_read_per_second" expr:"rows_read_per_second"`
	// ScannedRowsPercent is the share of these that were read one after the other
	// through a table (Handler_read_rnd_next); unread when none was read.
	ScannedRowsPercent float64 `json:"scanned_rows_percent" expr:"scanned_rows_percent"`
	// TmpTablesPerSecond is how many temporary tables statements needed.
	TmpTablesPerSecond float64 `json:"tmp_tables_per_second" expr:"tmp_tables_per_second"`
	// TmpDiskTablesPerSecond is how many of these were written to disk.
	TmpDiskTablesPerSecond float64 `json:"tmp_disk_tables_per_second" expr:"tmp_disk_tables_per_second"`
	// TmpDiskPercent is their share; unread when there were none.
	TmpDiskPercent float64 `json:"tmp_disk_percent" expr:"tmp_disk_percent"`
	// SortMergePassesPerSecond is how often a sort did not fit into sort_buffer_size.
	SortMergePassesPerSecond float64 `json:"sort_merge_passes_per_second" expr:"sort_merge_passes_per_second"`
	// TableOpenMissesPerSecond is how often a table had to be opened.
	TableOpenMissesPerSecond float64 `json:"table_open_misses_per_second" expr:"table_open_misses_per_second"`
	// RowsChangedPerSecond is how many rows were inserted, updated or deleted.
	RowsChangedPerSecond float64 `json:"rows_changed_per_second" expr:"rows_changed_per_second"`
	// CommitsPerSecond is how many commits there were (Handler_commit).
	CommitsPerSecond float64 `json:"commits_per_second" expr:"commits_per_second"`
	// SentBytesPerSecond is what was sent to clients.
	SentBytesPerSecond float64 `json:"sent_bytes_per_second" expr:"sent_bytes_per_second"`
}

// InnoDB is the storage engine.
type InnoDB struct {
	// BufferPoolBytes is the size of its cache.
	BufferPoolBytes int64 `json:"buffer_pool_bytes" expr:"buffer_pool_bytes"`
	// BufferPoolHitPercent is the share of pages that were in it when they were
	// needed, in the window; unread when none was needed.
	BufferPoolHitPercent float64 `json:"buffer_pool_hit_percent" expr:"buffer_pool_hit_percent"`
	// BufferPoolReadsPerSecond is how many pages had to be read from disk.
	BufferPoolReadsPerSecond float64 `json:"buffer_pool_reads_per_second" expr:"buffer_pool_reads_per_second"`
	// BufferPoolFreePercent is the share of its pages that hold nothing yet.
	BufferPoolFreePercent float64 `json:"buffer_pool_free_percent" expr:"buffer_pool_free_percent"`
	// BufferPoolDirtyPercent is the share that has not been written yet.
	BufferPoolDirtyPercent float64 `json:"buffer_pool_dirty_percent" expr:"buffer_pool_dirty_percent"`
	// BufferPoolWaits is how often in the window somebody waited for a free page.
	BufferPoolWaits int64 `json:"buffer_pool_waits" expr:"buffer_pool_waits"`
	// RowLockWaitsPerSecond is how often somebody waited for a row.
	RowLockWaitsPerSecond float64 `json:"row_lock_waits_per_second" expr:"row_lock_waits_per_second"`
	// RowLockWaiters is how many threads waited for a row at a time, on average: the
	// time of the waits that ended in the window, by the window.
	RowLockWaiters float64 `json:"row_lock_waiters" expr:"row_lock_waiters"`
	// Deadlocks is how many there were in the window.
	Deadlocks int64 `json:"deadlocks" expr:"deadlocks"`
	// HistoryListLength is how many changes cannot be purged yet, because an old
	// transaction may still look at what was before.
	HistoryListLength int64 `json:"history_list_length" expr:"history_list_length"`
	// LogWaits is how often in the window the log's buffer was too small.
	LogWaits int64 `json:"log_waits" expr:"log_waits"`
	// LogBytesPerSecond is what was written to the redo log.
	LogBytesPerSecond float64 `json:"log_bytes_per_second" expr:"log_bytes_per_second"`
	// FsyncsPerSecond is how often its files were flushed to disk.
	FsyncsPerSecond float64 `json:"fsyncs_per_second" expr:"fsyncs_per_second"`
	// PendingReads is how many reads of files wait now.
	PendingReads int64 `json:"pending_reads" expr:"pending_reads"`
	// PendingWrites is how many writes wait now.
	PendingWrites int64 `json:"pending_writes" expr:"pending_writes"`
	// PendingFsyncs is how many flushes wait now, of data and log.
	PendingFsyncs int64 `json:"pending_fsyncs" expr:"pending_fsyncs"`
	// CheckpointAgeBytes is how much of the redo log is still needed.
	CheckpointAgeBytes int64 `json:"checkpoint_age_bytes" expr:"checkpoint_age_bytes"`
	// CheckpointAgePercent is the share of what may be needed: at 100 all writes wait
	// until pages are flushed.
	CheckpointAgePercent float64 `json:"checkpoint_age_percent" expr:"checkpoint_age_percent"`
}

// Replication is what the server copies from another. Its fields beside is_replica
// and replicas are unread on a server that copies nothing.
type Replication struct {
	// IsReplica says that it is set up to copy.
	IsReplica bool `json:"is_replica" expr:"is_replica"`
	// Replicas is how many servers copy from this one now.
	Replicas int64 `json:"replicas" expr:"replicas"`
	// IORunning says that it receives, in all channels.
	IORunning bool `json:"io_running" expr:"io_running"`
	// SQLRunning says that it executes what it received, in all channels.
	SQLRunning bool `json:"sql_running" expr:"sql_running"`
	// BehindSeconds is how far it is behind, the most of all channels; unread while
	// one of them does not run.
	BehindSeconds float64 `json:"behind_seconds" expr:"behind_seconds"`
	// LastError is the first error of a channel; "" without one.
	LastError string `json:"last_error" expr:"last_error"`
	// Channels are what it copies, at most 20.
	Channels []Channel `json:"channels" expr:"channels"`
}

// Channel is one server that is copied from.
type Channel struct {
	// Name is its name; "" is the only or default one.
	Name string `json:"name" expr:"name"`
	// Source is the host and port copied from.
	Source string `json:"source" expr:"source"`
	// IOState is whether it receives.
	IOState string `json:"io_state" expr:"io_state" enum:"yes,no,connecting,preparing"`
	// SQLRunning says that it executes what it received.
	SQLRunning bool `json:"sql_running" expr:"sql_running"`
	// BehindSeconds is how far it is behind; unread while it does not run.
	BehindSeconds float64 `json:"behind_seconds" expr:"behind_seconds"`
	// LastIOError is why it does not receive; "" without an error.
	LastIOError string `json:"last_io_error" expr:"last_io_error"`
	// LastSQLError is why it does not execute; "" without an error.
	LastSQLError string `json:"last_sql_error" expr:"last_sql_error"`
}

// Statements is which shapes of queries took the server's time in the window:
// those that ended in it. The performance schema has to be on.
type Statements struct {
	// BusyThreads is how many threads executed statements at a time, on average: the
	// time of those that ended in the window, by the window.
	BusyThreads float64 `json:"busy_threads" expr:"busy_threads"`
	// TopSharePercent is the share of the first of digests in it; 0 when none ended.
	TopSharePercent float64 `json:"top_share_percent" expr:"top_share_percent"`
	// TopBusyThreads is how many of busy_threads executed it.
	TopBusyThreads float64 `json:"top_busy_threads" expr:"top_busy_threads"`
	// TopQuery is its text; "" when none ended.
	TopQuery string `json:"top_query" expr:"top_query"`
	// Digests are the shapes that took most time, the first 10.
	Digests []Digest `json:"digests" expr:"digests"`
}

// Digest is one shape of query.
type Digest struct {
	// Query is its text as the server normalizes it, cut at 200 bytes.
	Query string `json:"query" expr:"query"`
	// Database is the one it was executed in; "" for none.
	Database string `json:"database" expr:"database"`
	// Calls is how many ended in the window.
	Calls int64 `json:"calls" expr:"calls"`
	// CallsPerSecond is the same per second.
	CallsPerSecond float64 `json:"calls_per_second" expr:"calls_per_second"`
	// MeanSeconds is how long one took on average.
	MeanSeconds float64 `json:"mean_seconds" expr:"mean_seconds"`
	// BusyThreads is how many threads executed it at a time, on average.
	BusyThreads float64 `json:"busy_threads" expr:"busy_threads"`
	// SharePercent is the share of the time of all statements.
	SharePercent float64 `json:"share_percent" expr:"share_percent"`
	// RowsExaminedPerCall is how many rows one looked at on average.
	RowsExaminedPerCall float64 `json:"rows_examined_per_call" expr:"rows_examined_per_call"`
	// NoIndexPercent is the share of calls that used no index.
	NoIndexPercent float64 `json:"no_index_percent" expr:"no_index_percent"`
	// TmpDiskTables is how many temporary tables on disk they needed.
	TmpDiskTables int64 `json:"tmp_disk_tables" expr:"tmp_disk_tables"`
	// Errors is how many failed.
	Errors int64 `json:"errors" expr:"errors"`
}
