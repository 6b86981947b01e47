package mysql

import "gumshoe/checks/reach"

// The outcomes that only a MySQL server has.
const (
	HostBlocked     reach.Outcome = "host_blocked"
	HostNotAllowed  reach.Outcome = "host_not_allowed"
	UserLimit       reach.Outcome = "user_limit"
	UnknownDatabase reach.Outcome = "unknown_database"
	PasswordExpired reach.Outcome = "password_expired"
	AccountLocked   reach.Outcome = "account_locked"
	ShuttingDown    reach.Outcome = "shutting_down"
	TLSRequired     reach.Outcome = "tls_required"
	NotOffered      reach.Outcome = "tls_not_offered"
	Rejected        reach.Outcome = "rejected"
)

// Server is what probe.mysql observes. What the server does not count (an older
// version, another flavour), or the user may not see, is unread.
type Server struct {
	// Outcome is what came of it: ok; too_many_connections (max_connections is
	// reached); user_limit (a limit of this user alone is reached); auth_failed (wrong
	// user or password); account_locked; password_expired; no_permission (the user
	// may not use the database); unknown_database; host_blocked (too many connections
	// from here failed: FLUSH HOSTS); host_not_allowed (no user may connect from
	// here); tls_required (it refuses connections without; MariaDB calls that auth_failed);
	// tls_not_offered (it has
	// none, and the input tls asks for it); tls_failed (see error); shutting_down;
	// rejected (another error: see error); refused (nothing listens there, or a
	// firewall says so); timed_out (no connection, or no answer on it: see
	// connected); reset; closed; unreachable; name_not_found; name_failed;
	// protocol_error (it is not MySQL).
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,too_many_connections,user_limit,auth_failed,account_locked,password_expired,no_permission,unknown_database,host_blocked,host_not_allowed,tls_required,tls_not_offered,tls_failed,shutting_down,rejected,refused,timed_out,reset,closed,unreachable,name_not_found,name_failed,protocol_error"`
	// Error is what the server says, or what is wrong with what it says; "" when it
	// said nothing of the kind.
	Error string `json:"error" expr:"error"`
	// ErrorCode is the number of the server's error, such as 1045; 0 without one.
	ErrorCode int `json:"error_code" expr:"error_code"`
	// Address is the host and port as asked for.
	Address string `json:"address" expr:"address"`
	// RemoteAddress is the address and port that answered; unread unless connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// Connected says that there was a TCP connection, whatever came after it.
	Connected bool `json:"connected" expr:"connected"`
	// Local says that the server is on the host that looks: both ends of the connection
	// have the same address. Unread unless connected.
	Local bool `json:"local" expr:"local"`
	// Greeted says that the server spoke first, as a MySQL server does: one that
	// hangs does not, though the kernel connects.
	Greeted bool `json:"greeted" expr:"greeted"`
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
	// QuerySeconds is the time of the first statement, which needs no table.
	QuerySeconds float64 `json:"query_seconds" expr:"query_seconds"`
	// WindowSeconds is the time between the two readings of the counters; what is per
	// second, or says "in the window", is over it.
	WindowSeconds float64 `json:"window_seconds" expr:"window_seconds"`

	// Flavour is which server it is; Percona Server counts as mysql.
	Flavour string `json:"flavour" expr:"flavour" enum:"mysql,mariadb"`
	// Version is its version, such as 8.0.36 or 10.11.6-MariaDB.
	Version string `json:"version" expr:"version"`
	// UptimeSeconds is how long it has been running.
	UptimeSeconds float64 `json:"uptime_seconds" expr:"uptime_seconds"`
	// ReadOnly says that it refuses writes of ordinary users (read_only), as a replica
	// should.
	ReadOnly bool `json:"read_only" expr:"read_only"`

	// Connections are those of clients.
	Connections Connections `json:"connections" expr:"connections"`
	// Activity is what its threads do.
	Activity Activity `json:"activity" expr:"activity"`
	// Transactions are those that are open.
	Transactions Transactions `json:"transactions" expr:"transactions"`
	// Locks is who waits for whom.
	Locks Locks `json:"locks" expr:"locks"`
	// Throughput is what it serves.
	Throughput Throughput `json:"throughput" expr:"throughput"`
	// InnoDB is its storage engine.
	InnoDB InnoDB `json:"innodb" expr:"innodb"`
	// Replication is what it copies from another server.
	Replication Replication `json:"replication" expr:"replication"`
	// Statements is which shapes of queries took its time.
	Statements Statements `json:"statements" expr:"statements"`
	// Databases are the sizes of the databases, the largest 20.
	Databases []Database `json:"databases" expr:"databases"`
}

// Connections are those of clients.
type Connections struct {
	// Used is how many there are (Threads_connected), this probe's included.
	Used int64 `json:"used" expr:"used"`
	// Limit is how many there may be (max_connections).
	Limit int64 `json:"limit" expr:"limit"`
	// UsedPercent is used in percent of limit.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// MaxUsed is the most there were at once since the start (Max_used_connections).
	MaxUsed int64 `json:"max_used" expr:"max_used"`
	// RefusedTotal is how many were refused since the start because the limit was
	// reached (Connection_errors_max_connections).
	RefusedTotal int64 `json:"refused_total" expr:"refused_total"`
	// Refused is how many of these in the window.
	Refused int64 `json:"refused" expr:"refused"`
	// NewPerSecond is how many connections were tried, per second.
	NewPerSecond float64 `json:"new_per_second" expr:"new_per_second"`
	// AbortedClientsPerSecond is how many ended without a farewell, per second.
	AbortedClientsPerSecond float64 `json:"aborted_clients_per_second" expr:"aborted_clients_per_second"`
	// AbortedConnectsPerSecond is how many attempts failed, per second: wrong
	// passwords, and clients that gave up.
	AbortedConnectsPerSecond float64 `json:"aborted_connects_per_second" expr:"aborted_connects_per_second"`
	// Sleeping is how many of all wait for their client.
	Sleeping int64 `json:"sleeping" expr:"sleeping"`
	// ByUser counts them by user and host, the 10 with the most.
	ByUser []UserConnections `json:"by_user" expr:"by_user"`
	// TopUser is the user of the first of by_user, as user@host; "" without any.
	TopUser string `json:"top_user" expr:"top_user"`
}

// UserConnections are the connections of one user from one host.
type UserConnections struct {
	// User is the name of the user.
	User string `json:"user" expr:"user"`
	// Host is where from, without the port.
	Host string `json:"host" expr:"host"`
	// Connections is how many.
	Connections int64 `json:"connections" expr:"connections"`
	// Sleeping is how many of them wait for their client.
	Sleeping int64 `json:"sleeping" expr:"sleeping"`
}

// Activity is what the server's threads do.
type Activity struct {
	// ThreadsRunning is how many execute something, this probe's not counted; the
	// lower of the two readings, so that it lasted.
	ThreadsRunning int64 `json:"threads_running" expr:"threads_running"`
	// Longest is the statement that has been running longest.
	Longest Query `json:"longest" expr:"longest"`
	// LongestSeconds is for how long; 0 when nothing runs.
	LongestSeconds float64 `json:"longest_seconds" expr:"longest_seconds"`
	// Shapes are the statements that run now, counted by what they look like without
	// their literals, the 10 with the most threads.
	Shapes []Shape `json:"shapes" expr:"shapes"`
	// TopShapeThreads is how many threads run the first of shapes.
	TopShapeThreads int64 `json:"top_shape_threads" expr:"top_shape_threads"`
	// DiskSpaceWaits is how many threads wait until somebody frees disk space.
	DiskSpaceWaits int64 `json:"disk_space_waits" expr:"disk_space_waits"`
	// FlushWaits is how many threads are in a commit, or wait for the log.
	FlushWaits int64 `json:"flush_waits" expr:"flush_waits"`
}

// Query is a statement that runs.
type Query struct {
	// ID is its connection, for KILL; 0 when there is none.
	ID int64 `json:"id" expr:"id"`
	// User is whose it is.
	User string `json:"user" expr:"user"`
	// Host is where from, without the port.
	Host string `json:"host" expr:"host"`
	// Database is the one it uses.
	Database string `json:"database" expr:"database"`
	// Seconds is for how long it has been running.
	Seconds float64 `json:"seconds" expr:"seconds"`
	// State is what the server says that it does, such as Sending data.
	State string `json:"state" expr:"state"`
	// Query is its text, with ? for literals.
	Query string `json:"query" expr:"query"`
}

// Shape is a statement as it looks without its literals.
type Shape struct {
	// Query is its text, with ? for literals.
	Query string `json:"query" expr:"query"`
	// Threads is how many execute it.
	Threads int64 `json:"threads" expr:"threads"`
	// LongestSeconds is for how long the first of them has.
	LongestSeconds float64 `json:"longest_seconds" expr:"longest_seconds"`
}

// Transactions are those of InnoDB that are open.
type Transactions struct {
	// Open is how many there are, of those read: at most 1000, the oldest.
	Open int64 `json:"open" expr:"open"`
	// Idle is how many of them wait for their client.
	Idle int64 `json:"idle" expr:"idle"`
	// LongestSeconds is the age of the oldest; 0 when there is none.
	LongestSeconds float64 `json:"longest_seconds" expr:"longest_seconds"`
	// Longest is the oldest.
	Longest Transaction `json:"longest" expr:"longest"`
	// LongestIdleSeconds is the age of the oldest that waits for its client.
	LongestIdleSeconds float64 `json:"longest_idle_seconds" expr:"longest_idle_seconds"`
	// LongestIdle is that one.
	LongestIdle Transaction `json:"longest_idle" expr:"longest_idle"`
	// RowsLocked is how many rows all of them hold locked, about.
	RowsLocked int64 `json:"rows_locked" expr:"rows_locked"`
}

// Transaction is one that is open.
type Transaction struct {
	// ID is its connection, for KILL; 0 when there is none, or it is prepared (XA).
	ID int64 `json:"id" expr:"id"`
	// User is whose it is.
	User string `json:"user" expr:"user"`
	// Host is where from, without the port.
	Host string `json:"host" expr:"host"`
	// Seconds is its age.
	Seconds float64 `json:"seconds" expr:"seconds"`
	// IdleSeconds is for how long it has waited for its client; 0 while it executes.
	IdleSeconds float64 `json:"idle_seconds" expr:"idle_seconds"`
	// RowsModified is how many rows it changed.
	RowsModified int64 `json:"rows_modified" expr:"rows_modified"`
	// Query is what it executes, with ? for literals; "" while it waits.
	Query string `json:"query" expr:"query"`
}

// Database is the size of one.
type Database struct {
	// Name is its name.
	Name string `json:"name" expr:"name"`
	// Bytes is what its files of InnoDB take.
	Bytes int64 `json:"size_bytes" expr:"size_bytes"`
}
