package postgres

// Transactions are those of clients that are open.
type Transactions struct {
	// Open is how many there are.
	Open int64 `json:"open" expr:"open"`
	// IdleSeconds is for how long the one that has done nothing for the longest has
	// done so; 0 when none is idle.
	IdleSeconds float64 `json:"idle_seconds" expr:"idle_seconds"`
	// LongestIdle is that one.
	LongestIdle Session `json:"longest_idle" expr:"longest_idle"`
	// Longest is the one that has been open for the longest.
	Longest Session `json:"longest" expr:"longest"`
	// Prepared is how many were prepared for a two-phase commit and wait for it.
	Prepared int64 `json:"prepared" expr:"prepared"`
	// PreparedSeconds is the age of the oldest of these; 0 without any.
	PreparedSeconds float64 `json:"prepared_seconds" expr:"prepared_seconds"`
	// OldestXminAge is how many transactions ago the oldest snapshot that is held was
	// taken: no row that died since can be removed.
	OldestXminAge int64 `json:"oldest_xmin_age" expr:"oldest_xmin_age"`
}

// Locks are who waits for whom, at one moment.
type Locks struct {
	// Waiting is how many sessions wait for a lock; the first 100 are looked at.
	Waiting int64 `json:"waiting" expr:"waiting"`
	// LongestWaitSeconds is how long the longest has been waiting.
	LongestWaitSeconds float64 `json:"longest_wait_seconds" expr:"longest_wait_seconds"`
	// Blockers are the sessions that others wait for and that wait for no lock
	// themselves, at most 10, those that block the most first.
	Blockers []Blocker `json:"blockers" expr:"blockers"`
	// Blocked are the sessions that wait, at most 10, the longest first.
	Blocked []Blocked `json:"blocked" expr:"blocked"`
}

// Blocker is what others wait for.
type Blocker struct {
	// PID is the process id of its backend; 0 for a prepared transaction.
	PID int64 `json:"pid" expr:"pid"`
	// User is the name of its user; "" for what the server does by itself.
	User string `json:"user" expr:"user"`
	// Application is its application_name.
	Application string `json:"application" expr:"application"`
	// Client is its address; "local" for a Unix socket.
	Client string `json:"client" expr:"client"`
	// Database is the one it is connected to.
	Database string `json:"database" expr:"database"`
	// Kind is what it is: client backend, autovacuum worker, prepared transaction, or
	// the like.
	Kind string `json:"kind" expr:"kind"`
	// State is active, idle in transaction, or the like.
	State string `json:"state" expr:"state"`
	// Blocks is how many sessions wait for it, also through others.
	Blocks int64 `json:"blocks" expr:"blocks"`
	// TransactionSeconds is how long its transaction has been open.
	TransactionSeconds float64 `json:"transaction_seconds" expr:"transaction_seconds"`
	// Query is the statement it executes, or the last one that it did; literals as ?.
	// It need not be the one that took the lock.
	Query string `json:"query" expr:"query"`
}

// Blocked is a session that waits for a lock.
type Blocked struct {
	// PID is the process id of its backend.
	PID int64 `json:"pid" expr:"pid"`
	// User is the name of its user.
	User string `json:"user" expr:"user"`
	// Application is its application_name.
	Application string `json:"application" expr:"application"`
	// WaitSeconds is how long it has been waiting; before PostgreSQL 14, how long its
	// statement has been executing.
	WaitSeconds float64 `json:"wait_seconds" expr:"wait_seconds"`
	// LockType is what kind of thing it wants to lock: relation, transactionid (a row
	// that another transaction changed), tuple, advisory, or the like.
	LockType string `json:"lock_type" expr:"lock_type"`
	// Mode is how, such as AccessExclusiveLock.
	Mode string `json:"mode" expr:"mode"`
	// Object is the table, when it is one of the database that was logged in to; else "".
	Object string `json:"object" expr:"object"`
	// BlockedBy is the process id of the first session that it waits for; 0 for a
	// prepared transaction.
	BlockedBy int64 `json:"blocked_by" expr:"blocked_by"`
	// Query is the statement that waits; literals as ?.
	Query string `json:"query" expr:"query"`
}

// Throughput is what all databases together did in the window. The server counts a
// session's work up to a second late.
type Throughput struct {
	// CommitsPerSecond is the rate of transactions that were committed.
	CommitsPerSecond float64 `json:"commits_per_second" expr:"commits_per_second"`
	// RollbacksPerSecond is the rate of those that were rolled back, also by an error.
	RollbacksPerSecond float64 `json:"rollbacks_per_second" expr:"rollbacks_per_second"`
	// RollbackPercent is rollbacks in percent of both, in the window.
	RollbackPercent float64 `json:"rollback_percent" expr:"rollback_percent"`
	// RowsReadPerSecond is the rate of rows that scans returned.
	RowsReadPerSecond float64 `json:"rows_read_per_second" expr:"rows_read_per_second"`
	// RowsWrittenPerSecond is the rate of rows inserted, updated and deleted.
	RowsWrittenPerSecond float64 `json:"rows_written_per_second" expr:"rows_written_per_second"`
	// BlocksPerSecond is the rate of 8 KiB blocks that were asked for.
	BlocksPerSecond float64 `json:"blocks_per_second" expr:"blocks_per_second"`
	// BlocksReadPerSecond is the rate of those that were not in shared buffers; the
	// kernel may have had them.
	BlocksReadPerSecond float64 `json:"blocks_read_per_second" expr:"blocks_read_per_second"`
	// CacheHitPercent is blocks found in shared buffers in percent of all that were
	// asked for in the window; unread when none was.
	CacheHitPercent float64 `json:"cache_hit_percent" expr:"cache_hit_percent"`
	// CacheHitPercentTotal is the same since the statistics were reset.
	CacheHitPercentTotal float64 `json:"cache_hit_percent_total" expr:"cache_hit_percent_total"`
	// SharedBuffersBytes is the size of the server's cache.
	SharedBuffersBytes int64 `json:"shared_buffers_bytes" expr:"shared_buffers_bytes"`
	// TempBytesPerSecond is the rate of writing temporary files: sorts and joins larger
	// than work_mem. A file is counted when it is removed.
	TempBytesPerSecond float64 `json:"temp_bytes_per_second" expr:"temp_bytes_per_second"`
	// TempFiles is how many temporary files were counted in the window.
	TempFiles int64 `json:"temp_files" expr:"temp_files"`
	// Deadlocks is how many there were in the window.
	Deadlocks int64 `json:"deadlocks" expr:"deadlocks"`
	// DeadlocksTotal is how many there were since the statistics were reset.
	DeadlocksTotal int64 `json:"deadlocks_total" expr:"deadlocks_total"`
	// Conflicts is how many statements a standby cancelled in the window, to replay.
	Conflicts int64 `json:"conflicts" expr:"conflicts"`
}

// Checkpoints are those since the statistics were reset.
type Checkpoints struct {
	// Timed is how many came because checkpoint_timeout had passed.
	Timed int64 `json:"timed" expr:"timed"`
	// Requested is how many came for another reason: max_wal_size was reached, or by hand.
	Requested int64 `json:"requested" expr:"requested"`
	// RequestedPercent is requested in percent of both; 0 without any.
	RequestedPercent float64 `json:"requested_percent" expr:"requested_percent"`
	// RequestedInWindow is how many were requested in the window.
	RequestedInWindow int64 `json:"requested_in_window" expr:"requested_in_window"`
	// MeanIntervalSeconds is the mean time between two since the statistics were reset;
	// unread when there were none.
	MeanIntervalSeconds float64 `json:"mean_interval_seconds" expr:"mean_interval_seconds"`
	// TimeoutSeconds is checkpoint_timeout.
	TimeoutSeconds float64 `json:"timeout_seconds" expr:"timeout_seconds"`
	// MaxWALBytes is max_wal_size.
	MaxWALBytes int64 `json:"max_wal_bytes" expr:"max_wal_bytes"`
}

// WAL is the write-ahead log.
type WAL struct {
	// BytesPerSecond is how fast it was written in the window; on a standby, replayed.
	BytesPerSecond float64 `json:"bytes_per_second" expr:"bytes_per_second"`
	// Bytes is the size of pg_wal.
	Bytes int64 `json:"bytes" expr:"bytes"`
}

// Replication is how standbys follow this server, and how it follows another.
type Replication struct {
	// LagSeconds is the age of the last transaction that this standby replayed; 0 when
	// it has replayed all that it received and still receives. Not asked on a primary.
	LagSeconds float64 `json:"lag_seconds" expr:"lag_seconds"`
	// LagBytes is what this standby has received and not replayed. Not asked on a primary.
	LagBytes int64 `json:"lag_bytes" expr:"lag_bytes"`
	// Receiving says that this standby is connected to its primary. Not asked on a primary.
	Receiving bool `json:"receiving" expr:"receiving"`
	// Paused says that replay was paused by hand. Not asked on a primary.
	Paused bool `json:"paused" expr:"paused"`
	// Standbys are those that are connected to this server, at most 20.
	Standbys []Standby `json:"standbys" expr:"standbys"`
	// MaxLagSeconds is the largest lag of a standby, and MaxLagBytes the same in bytes.
	MaxLagSeconds float64 `json:"max_lag_seconds" expr:"max_lag_seconds"`
	// MaxLagBytes is the largest lag of a standby in bytes.
	MaxLagBytes int64 `json:"max_lag_bytes" expr:"max_lag_bytes"`
	// Slots are the replication slots, at most 20, those that retain the most first.
	Slots []Slot `json:"slots" expr:"slots"`
	// InactiveSlots is how many of them nobody reads.
	InactiveSlots int64 `json:"inactive_slots" expr:"inactive_slots"`
	// MaxRetainedBytes is the most WAL that a slot nobody reads keeps.
	MaxRetainedBytes int64 `json:"max_retained_bytes" expr:"max_retained_bytes"`
}

// Standby is a server that follows this one, or another reader of its WAL.
type Standby struct {
	// Name is its application_name.
	Name string `json:"name" expr:"name"`
	// Client is its address; "local" for a Unix socket.
	Client string `json:"client" expr:"client"`
	// State is streaming, catchup, backup, or the like.
	State string `json:"state" expr:"state"`
	// Sync is async, sync, potential or quorum.
	Sync string `json:"sync" expr:"sync"`
	// LagSeconds is the time that its last confirmed replay took; 0 when it is idle.
	LagSeconds float64 `json:"lag_seconds" expr:"lag_seconds"`
	// LagBytes is what it has not replayed yet.
	LagBytes int64 `json:"lag_bytes" expr:"lag_bytes"`
}

// Slot is a replication slot: WAL is kept until whoever owns it has read it.
type Slot struct {
	// Name is the slot's.
	Name string `json:"name" expr:"name"`
	// Kind is physical or logical.
	Kind string `json:"kind" expr:"kind"`
	// Active says that somebody reads it now.
	Active bool `json:"active" expr:"active"`
	// RetainedBytes is the WAL from where it stands to now.
	RetainedBytes int64 `json:"retained_bytes" expr:"retained_bytes"`
}

// Vacuum is how far the cleaning of dead rows and old transactions is.
type Vacuum struct {
	// Enabled says that autovacuum is on.
	Enabled bool `json:"enabled" expr:"enabled"`
	// Workers is how many autovacuum workers run, and MaxWorkers how many may.
	Workers int64 `json:"workers" expr:"workers"`
	// MaxWorkers is autovacuum_max_workers.
	MaxWorkers int64 `json:"max_workers" expr:"max_workers"`
	// OldestXIDAge is the age in transactions of the oldest row that is not frozen.
	OldestXIDAge int64 `json:"oldest_xid_age" expr:"oldest_xid_age"`
	// OldestDatabase is where that is.
	OldestDatabase string `json:"oldest_database" expr:"oldest_database"`
	// FreezePercent is oldest_xid_age in percent of autovacuum_freeze_max_age, at which
	// a vacuum against wraparound starts.
	FreezePercent float64 `json:"freeze_percent" expr:"freeze_percent"`
	// WraparoundPercent is oldest_xid_age in percent of the 2^31 transactions before
	// which the server stops accepting writes.
	WraparoundPercent float64 `json:"wraparound_percent" expr:"wraparound_percent"`
	// Tables are the five with the most dead rows, in the database that was logged in to.
	Tables []Table `json:"tables" expr:"tables"`
}

// Table is a table with dead rows.
type Table struct {
	// Name is schema.table.
	Name string `json:"name" expr:"name"`
	// DeadRows is how many rows wait to be removed, as the server estimates.
	DeadRows int64 `json:"dead_rows" expr:"dead_rows"`
	// LiveRows is how many do not.
	LiveRows int64 `json:"live_rows" expr:"live_rows"`
	// DeadPercent is dead in percent of both.
	DeadPercent float64 `json:"dead_percent" expr:"dead_percent"`
	// Due says that dead_rows is over the threshold of autovacuum in the server's
	// configuration; settings of the table itself are not looked at.
	Due bool `json:"due" expr:"due"`
	// Vacuumed says that it was vacuumed since the statistics were reset.
	Vacuumed bool `json:"vacuumed" expr:"vacuumed"`
	// VacuumedSeconds is how long ago; 0 when it was not.
	VacuumedSeconds float64 `json:"vacuumed_seconds" expr:"vacuumed_seconds"`
}

// Statements are what ended in the window, by pg_stat_statements. A statement that
// still executes is not in it: see activity.longest_query.
type Statements struct {
	// BusySessions is the time spent in all statements per second: 1.5 is one and a
	// half sessions that are always busy.
	BusySessions float64 `json:"busy_sessions" expr:"busy_sessions"`
	// CallsPerSecond is the rate of statements.
	CallsPerSecond float64 `json:"calls_per_second" expr:"calls_per_second"`
	// TopSharePercent is the share of the first of top in all the time spent; 0 when
	// nothing was executed.
	TopSharePercent float64 `json:"top_share_percent" expr:"top_share_percent"`
	// Top are the five that took the most time together, the check's own left out.
	Top []Statement `json:"top" expr:"top"`
}

// Statement is all statements of one shape, in the window.
type Statement struct {
	// ID is its queryid.
	ID string `json:"id" expr:"id"`
	// Query is its text, literals as $1 or ?.
	Query string `json:"query" expr:"query"`
	// User is who executed it.
	User string `json:"user" expr:"user"`
	// Database is where.
	Database string `json:"database" expr:"database"`
	// Calls is how often it ended.
	Calls int64 `json:"calls" expr:"calls"`
	// CallsPerSecond is its rate.
	CallsPerSecond float64 `json:"calls_per_second" expr:"calls_per_second"`
	// MeanSeconds is the mean time that it took.
	MeanSeconds float64 `json:"mean_seconds" expr:"mean_seconds"`
	// BusySessions is the time spent in it per second.
	BusySessions float64 `json:"busy_sessions" expr:"busy_sessions"`
	// SharePercent is its share in the time spent in all statements.
	SharePercent float64 `json:"share_percent" expr:"share_percent"`
	// RowsPerCall is how many rows it gave or changed in the mean.
	RowsPerCall float64 `json:"rows_per_call" expr:"rows_per_call"`
	// BlocksReadPerCall is how many blocks it had to read from outside of shared buffers.
	BlocksReadPerCall float64 `json:"blocks_read_per_call" expr:"blocks_read_per_call"`
	// TempBytesPerCall is how much it wrote to temporary files in the mean.
	TempBytesPerCall float64 `json:"temp_bytes_per_call" expr:"temp_bytes_per_call"`
}
