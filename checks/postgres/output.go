package postgres

import "gumshoe/checks/reach"

// The outcomes that only a PostgreSQL server or a PgBouncer has.
const (
	StartingUp      reach.Outcome = "starting_up"
	ShuttingDown    reach.Outcome = "shutting_down"
	UnknownDatabase reach.Outcome = "unknown_database"
	HostNotAllowed  reach.Outcome = "host_not_allowed"
	TLSRequired     reach.Outcome = "tls_required"
	NotOffered      reach.Outcome = "tls_not_offered"
	Rejected        reach.Outcome = "rejected"
)

// Server is what probe.postgres observes. What the server does not count (an older
// version, a setting), or the user may not see, is unread.
type Server struct {
	// Outcome is what came of it: ok; too_many_connections (max_connections, or a
	// limit of the user or database is reached: see error); starting_up (or it
	// recovers and does not take clients yet); shutting_down; auth_failed (wrong user
	// or password); host_not_allowed (pg_hba.conf has no entry for us);
	// unknown_database; no_permission (the user may not connect to it); tls_required;
	// tls_not_offered (it has none, and the input tls asks for it); tls_failed (see
	// error); rejected (another error: see error); refused (nothing listens there, or
	// a firewall says so); timed_out (no connection, or no answer on it: see
	// connected); reset; closed; unreachable; name_not_found; name_failed;
	// protocol_error (it is not PostgreSQL).
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,too_many_connections,starting_up,shutting_down,auth_failed,host_not_allowed,unknown_database,no_permission,tls_required,tls_not_offered,tls_failed,rejected,refused,timed_out,reset,closed,unreachable,name_not_found,name_failed,protocol_error"`
	// Error is what the server says, or what is wrong with what it says; "" when it
	// said nothing of the kind.
	Error string `json:"error" expr:"error"`
	// ErrorCode is the SQLSTATE of the server's error, such as 53300; "" without one.
	ErrorCode string `json:"error_code" expr:"error_code"`
	// Address is the host and port as asked for.
	Address string `json:"address" expr:"address"`
	// RemoteAddress is the address and port that answered; unread unless connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// Connected says that there was a TCP connection, whatever came after it.
	Connected bool `json:"connected" expr:"connected"`
	// Answered says that the server said anything in its protocol: one that hangs does
	// not, though the kernel connects.
	Answered bool `json:"answered" expr:"answered"`
	// LoggedIn says that the server let us in.
	LoggedIn bool `json:"logged_in" expr:"logged_in"`
	// Encrypted says that the connection has TLS; unread unless logged_in.
	Encrypted bool `json:"encrypted" expr:"encrypted"`
	// ResolveSeconds is the time to look up the name; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is the time to connect, with the addresses that did not answer;
	// the kernel answers, also for a server that hangs. Unread unless connected.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// LoginSeconds is the time from there until the server let us in or sent us away.
	LoginSeconds float64 `json:"login_seconds" expr:"login_seconds"`
	// QuerySeconds is the time of SELECT 1, which needs no table.
	QuerySeconds float64 `json:"query_seconds" expr:"query_seconds"`
	// WindowSeconds is the time between the two readings of the counters; what is per
	// second, or says "in the window", is over it.
	WindowSeconds float64 `json:"window_seconds" expr:"window_seconds"`

	// Version is its version, such as 15.6.
	Version string `json:"version" expr:"version"`
	// UptimeSeconds is how long it has been running.
	UptimeSeconds float64 `json:"uptime_seconds" expr:"uptime_seconds"`
	// InRecovery says that it replays WAL and refuses writes, as a standby does.
	InRecovery bool `json:"in_recovery" expr:"in_recovery"`

	// Connections are those of clients.
	Connections Connections `json:"connections" expr:"connections"`
	// Activity is what its sessions do.
	Activity Activity `json:"activity" expr:"activity"`
	// Transactions are those that are open.
	Transactions Transactions `json:"transactions" expr:"transactions"`
	// Locks are who waits for whom.
	Locks Locks `json:"locks" expr:"locks"`
	// Throughput is what all databases did in the window.
	Throughput Throughput `json:"throughput" expr:"throughput"`
	// Checkpoints are those since the statistics were reset.
	Checkpoints Checkpoints `json:"checkpoints" expr:"checkpoints"`
	// WAL is the write-ahead log.
	WAL WAL `json:"wal" expr:"wal"`
	// Replication is how standbys follow, and how this server follows if it is one.
	Replication Replication `json:"replication" expr:"replication"`
	// Vacuum is how far the cleaning of dead rows and old transactions is.
	Vacuum Vacuum `json:"vacuum" expr:"vacuum"`
	// Statements are what the time went to in the window, by pg_stat_statements.
	Statements Statements `json:"statements" expr:"statements"`
	// DatabaseBytes is the size of the database that was logged in to; only with the
	// input sizes.
	DatabaseBytes int64 `json:"database_bytes" expr:"database_bytes"`
}

// Connections are those of clients, without that of the check.
type Connections struct {
	// Used is how many there are.
	Used int64 `json:"used" expr:"used"`
	// Limit is max_connections.
	Limit int64 `json:"limit" expr:"limit"`
	// Reserved is how many of limit are kept for superusers and for roles with
	// pg_use_reserved_connections.
	Reserved int64 `json:"reserved" expr:"reserved"`
	// UsedPercent is used in percent of what ordinary users may have: limit without
	// reserved.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// Active is how many execute a statement.
	Active int64 `json:"active" expr:"active"`
	// Idle is how many do nothing, outside of a transaction.
	Idle int64 `json:"idle" expr:"idle"`
	// IdleInTransaction is how many do nothing inside of a transaction, also a failed one.
	IdleInTransaction int64 `json:"idle_in_transaction" expr:"idle_in_transaction"`
	// ByUser are the ten users with the most, the largest first.
	ByUser []Group `json:"by_user" expr:"by_user"`
	// ByApplication are the ten application names with the most, the largest first.
	ByApplication []Group `json:"by_application" expr:"by_application"`
	// ByClient are the ten client addresses with the most, the largest first.
	ByClient []Group `json:"by_client" expr:"by_client"`
}

// Group is connections that have something in common.
type Group struct {
	// Name is the user, application or client address; "local" for a client on a Unix
	// socket, "none" for an application without a name.
	Name string `json:"name" expr:"name"`
	// Connections is how many there are, and Idle how many of them do nothing.
	Connections int64 `json:"connections" expr:"connections"`
	// Idle is how many of them do nothing, in a transaction or not.
	Idle int64 `json:"idle" expr:"idle"`
}

// Activity is what the sessions of clients do, at one moment.
type Activity struct {
	// Active is how many execute a statement, without the check's own.
	Active int64 `json:"active" expr:"active"`
	// OnCPU is how many of these wait for nothing the server knows of: they compute, or
	// would if a processor were free.
	OnCPU int64 `json:"on_cpu" expr:"on_cpu"`
	// WaitingLock is how many of these wait for a lock of another session.
	WaitingLock int64 `json:"waiting_lock" expr:"waiting_lock"`
	// WaitingIO is how many of these wait for a file to be read or written.
	WaitingIO int64 `json:"waiting_io" expr:"waiting_io"`
	// Waits are the ten most frequent waits of active sessions.
	Waits []Wait `json:"waits" expr:"waits"`
	// Shapes are the five most frequent queries of active sessions, literals left out.
	Shapes []Shape `json:"shapes" expr:"shapes"`
	// LongestQuery is the statement that has been executing for the longest; its pid is
	// 0 when there is none.
	LongestQuery Session `json:"longest_query" expr:"longest_query"`
}

// Wait is something that active sessions wait for.
type Wait struct {
	// Type is the kind, such as Lock, IO, LWLock or Client; CPU for none.
	Type string `json:"type" expr:"type"`
	// Event is its name, such as DataFileRead; "" for CPU.
	Event string `json:"event" expr:"event"`
	// Sessions is how many wait for it.
	Sessions int64 `json:"sessions" expr:"sessions"`
}

// Shape is a query without its literals.
type Shape struct {
	// Query is the text, literals as ?.
	Query string `json:"query" expr:"query"`
	// Sessions is how many execute it.
	Sessions int64 `json:"sessions" expr:"sessions"`
}

// Session is one session of a client.
type Session struct {
	// PID is the process id of its backend, as pg_terminate_backend wants it; 0 when
	// there is no such session.
	PID int64 `json:"pid" expr:"pid"`
	// User is the name of its user.
	User string `json:"user" expr:"user"`
	// Application is its application_name, as the client gave it.
	Application string `json:"application" expr:"application"`
	// Client is its address; "local" for a Unix socket.
	Client string `json:"client" expr:"client"`
	// Database is the one it is connected to.
	Database string `json:"database" expr:"database"`
	// State is active, idle, idle in transaction, or the like.
	State string `json:"state" expr:"state"`
	// Wait is what it waits for, such as Lock:transactionid; "" for nothing.
	Wait string `json:"wait" expr:"wait"`
	// Seconds is how long what it is listed for has lasted: the query, the transaction
	// or the idling.
	Seconds float64 `json:"seconds" expr:"seconds"`
	// Query is the statement it executes, or the last one that it did; literals as ?.
	Query string `json:"query" expr:"query"`
}
