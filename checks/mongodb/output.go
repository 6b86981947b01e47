package mongodb

import "gumshoe/checks/reach"

// The outcomes that only a MongoDB server has.
const (
	NotReady reach.Outcome = "not_ready"
	Rejected reach.Outcome = "rejected"
)

// Server is what probe.mongodb observes. What the server does not count (an older
// version, a router), or the user may not see, is unread.
type Server struct {
	// Outcome is what came of it: ok (it answers a ping); auth_failed (wrong user or
	// password); no_permission (it answers, and the user may see nothing: the role
	// clusterMonitor is missing, or it has to log in); not_ready (it starts, stops or
	// recovers: see error); rejected (another error: see error); refused (nothing
	// listens there, or a firewall says so); timed_out (no connection, or no answer on
	// it: see connected); reset; closed (it closed the connection, as MongoDB does
	// with one more than maxIncomingConnections, and when it wants TLS); unreachable;
	// name_not_found; name_failed; tls_failed (see error); protocol_error (it is not
	// MongoDB).
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,auth_failed,no_permission,not_ready,rejected,refused,timed_out,reset,closed,unreachable,name_not_found,name_failed,tls_failed,protocol_error"`
	// Error is what the server says, or what is wrong with what it says; "" when it
	// said nothing of the kind.
	Error string `json:"error" expr:"error"`
	// ErrorCode is the number of the server's error, such as 18; 0 without one.
	ErrorCode int64 `json:"error_code" expr:"error_code"`
	// Address is the host and port as asked for.
	Address string `json:"address" expr:"address"`
	// RemoteAddress is the address and port that answered; unread unless connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// Connected says that there was a TCP connection, whatever came after it.
	Connected bool `json:"connected" expr:"connected"`
	// Greeted says that the server answered hello, which needs no user.
	Greeted bool `json:"greeted" expr:"greeted"`
	// ResolveSeconds is the time to look up the name; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is the time to connect, with the addresses that did not answer;
	// the kernel answers, also for a server that hangs. Unread unless connected.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// HandshakeSeconds is the time of the TLS handshake; 0 without TLS.
	HandshakeSeconds float64 `json:"handshake_seconds" expr:"handshake_seconds"`
	// LoginSeconds is the time from there until the user was logged in: hello, and
	// SCRAM, which is slow on purpose.
	LoginSeconds float64 `json:"login_seconds" expr:"login_seconds"`
	// PingSeconds is the time of a ping, which needs no lock.
	PingSeconds float64 `json:"ping_seconds" expr:"ping_seconds"`
	// WindowSeconds is the time between the two readings of the counters; what is per
	// second, or says "in the window", is over it.
	WindowSeconds float64 `json:"window_seconds" expr:"window_seconds"`

	// Version is its version, such as 7.0.12.
	Version string `json:"version" expr:"version"`
	// UptimeSeconds is how long it has been running.
	UptimeSeconds float64 `json:"uptime_seconds" expr:"uptime_seconds"`
	// Role is its part: primary, secondary, arbiter or other (it starts, recovers, rolls
	// back) in a replica set, standalone, or mongos.
	Role string `json:"role" expr:"role" enum:"primary,secondary,arbiter,other,standalone,mongos"`
	// ReplicaSet is the name of its replica set; "" without one.
	ReplicaSet string `json:"replica_set" expr:"replica_set"`
	// HasPrimary says that it knows a primary: without one nobody can write. Unread
	// without a replica set.
	HasPrimary bool `json:"has_primary" expr:"has_primary"`
	// Primary is the host and port of the primary; "" when it knows none.
	Primary string `json:"primary" expr:"primary"`
	// LagSeconds is how far the secondary that is furthest behind is, of those that
	// are healthy. Unread without a replica set.
	LagSeconds float64 `json:"lag_seconds" expr:"lag_seconds"`
	// UnhealthyMembers is how many members of the set do not answer this one, or are
	// neither primary, secondary nor arbiter. Unread without a replica set.
	UnhealthyMembers int64 `json:"unhealthy_members" expr:"unhealthy_members"`
	// Members are those of the replica set, at most 50.
	Members []Member `json:"members" expr:"members"`

	// Connections are those of clients.
	Connections Connections `json:"connections" expr:"connections"`
	// Queue is who waits for a global lock, and for whom there is none.
	Queue Queue `json:"queue" expr:"queue"`
	// Operations are those that run.
	Operations Operations `json:"operations" expr:"operations"`
	// Throughput is what it serves.
	Throughput Throughput `json:"throughput" expr:"throughput"`
	// Cache is that of its storage engine, WiredTiger.
	Cache Cache `json:"cache" expr:"cache"`
	// OplogWindowHours is how long ago the oldest change in the oplog was made: a
	// secondary that is away for longer has to copy everything anew. Unread without a
	// replica set.
	OplogWindowHours float64 `json:"oplog_window_hours" expr:"oplog_window_hours"`
}

// Member is one of a replica set, as the server sees it.
type Member struct {
	// Name is its host and port.
	Name string `json:"name" expr:"name"`
	// State is what it says it is, such as PRIMARY, SECONDARY, RECOVERING.
	State string `json:"state" expr:"state"`
	// Healthy says that it answers.
	Healthy bool `json:"healthy" expr:"healthy"`
	// Self says that it is the server that was asked.
	Self bool `json:"self" expr:"self"`
	// LagSeconds is how far it is behind the newest change of any; 0 for an arbiter and
	// for one that does not answer.
	LagSeconds float64 `json:"lag_seconds" expr:"lag_seconds"`
}

// Connections are those of clients.
type Connections struct {
	// Used is how many there are, this probe's included.
	Used int64 `json:"used" expr:"used"`
	// Available is how many more there may be.
	Available int64 `json:"available" expr:"available"`
	// UsedPercent is used in percent of both together.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// Active is how many execute something.
	Active int64 `json:"active" expr:"active"`
	// NewPerSecond is how many were made, per second.
	NewPerSecond float64 `json:"new_per_second" expr:"new_per_second"`
}

// Queue is who waits.
type Queue struct {
	// Readers is how many operations wait to read (globalLock.currentQueue).
	Readers int64 `json:"readers" expr:"readers"`
	// Writers is how many wait to write.
	Writers int64 `json:"writers" expr:"writers"`
	// Total is both.
	Total int64 `json:"total" expr:"total"`
	// ReadTicketsAvailable is how many more may read at once; 0 makes others wait.
	ReadTicketsAvailable int64 `json:"read_tickets_available" expr:"read_tickets_available"`
	// WriteTicketsAvailable is how many more may write at once.
	WriteTicketsAvailable int64 `json:"write_tickets_available" expr:"write_tickets_available"`
}

// Operations are those that run now, without this probe's and the server's own.
type Operations struct {
	// Active is how many there are, of the 100 longest.
	Active int64 `json:"active" expr:"active"`
	// WaitingForLock is how many of them wait for a lock.
	WaitingForLock int64 `json:"waiting_for_lock" expr:"waiting_for_lock"`
	// LongestSeconds is for how long the longest has been running; 0 without any.
	LongestSeconds float64 `json:"longest_seconds" expr:"longest_seconds"`
	// Longest are those that have been running longest, the first 5.
	Longest []Operation `json:"longest" expr:"longest"`
}

// Operation is one that runs. What it looks for is not shown.
type Operation struct {
	// ID is its number, for db.killOp().
	ID string `json:"id" expr:"id"`
	// Kind is what it does, such as query, update, command.
	Kind string `json:"kind" expr:"kind"`
	// Namespace is the database and collection.
	Namespace string `json:"namespace" expr:"namespace"`
	// Seconds is for how long.
	Seconds float64 `json:"seconds" expr:"seconds"`
	// Application is what the client calls itself.
	Application string `json:"application" expr:"application"`
	// Client is its address and port.
	Client string `json:"client" expr:"client"`
	// Plan is how it finds what it looks for: COLLSCAN reads everything.
	Plan string `json:"plan" expr:"plan"`
	// WaitingForLock says that it waits for a lock.
	WaitingForLock bool `json:"waiting_for_lock" expr:"waiting_for_lock"`
}

// Throughput is what the server serves, over the window. This probe's own commands
// are in it.
type Throughput struct {
	// OpsPerSecond is all of the following together.
	OpsPerSecond float64 `json:"ops_per_second" expr:"ops_per_second"`
	// QueriesPerSecond is how many queries there were.
	QueriesPerSecond float64 `json:"queries_per_second" expr:"queries_per_second"`
	// InsertsPerSecond is how many documents were inserted.
	InsertsPerSecond float64 `json:"inserts_per_second" expr:"inserts_per_second"`
	// UpdatesPerSecond is how many updates there were.
	UpdatesPerSecond float64 `json:"updates_per_second" expr:"updates_per_second"`
	// DeletesPerSecond is how many deletes there were.
	DeletesPerSecond float64 `json:"deletes_per_second" expr:"deletes_per_second"`
	// GetmoresPerSecond is how often a client asked for more of an answer.
	GetmoresPerSecond float64 `json:"getmores_per_second" expr:"getmores_per_second"`
	// CommandsPerSecond is how many other commands there were.
	CommandsPerSecond float64 `json:"commands_per_second" expr:"commands_per_second"`
	// ReadMeanSeconds is how long a read took on average; unread without any.
	ReadMeanSeconds float64 `json:"read_mean_seconds" expr:"read_mean_seconds"`
	// WriteMeanSeconds is how long a write took on average; unread without any.
	WriteMeanSeconds float64 `json:"write_mean_seconds" expr:"write_mean_seconds"`
	// PageFaultsPerSecond is how often a page had to be read from disk.
	PageFaultsPerSecond float64 `json:"page_faults_per_second" expr:"page_faults_per_second"`
	// Asserts is how many errors of clients and of its own it counted in the window.
	Asserts int64 `json:"asserts" expr:"asserts"`
	// DocumentsScannedPerSecond is how many documents were looked at.
	DocumentsScannedPerSecond float64 `json:"documents_scanned_per_second" expr:"documents_scanned_per_second"`
	// DocumentsReturnedPerSecond is how many of these were what was looked for.
	DocumentsReturnedPerSecond float64 `json:"documents_returned_per_second" expr:"documents_returned_per_second"`
	// CollectionScansPerSecond is how many queries read a whole collection.
	CollectionScansPerSecond float64 `json:"collection_scans_per_second" expr:"collection_scans_per_second"`
}

// Cache is that of WiredTiger.
type Cache struct {
	// LimitBytes is how large it may be.
	LimitBytes int64 `json:"limit_bytes" expr:"limit_bytes"`
	// UsedPercent is how much of that it has; from 80 on it is emptied in the
	// background, from 95 on by the operations themselves.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// DirtyPercent is how much of it has not been written; from 20 on the operations
	// themselves write.
	DirtyPercent float64 `json:"dirty_percent" expr:"dirty_percent"`
	// ReadBytesPerSecond is what was read into it.
	ReadBytesPerSecond float64 `json:"read_bytes_per_second" expr:"read_bytes_per_second"`
	// EvictedByOperationsPerSecond is how many pages operations had to evict
	// themselves, which makes them slow.
	EvictedByOperationsPerSecond float64 `json:"evicted_by_operations_per_second" expr:"evicted_by_operations_per_second"`
}
