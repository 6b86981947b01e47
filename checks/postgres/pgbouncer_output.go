package postgres

import "gumshoe/checks/reach"

// Pooler is what probe.pgbouncer observes.
type Pooler struct {
	// Outcome is what came of it: ok; too_many_connections (max_client_conn is
	// reached); auth_failed (wrong user or password); no_permission (the user
	// is neither in admin_users nor in stats_users); tls_required; tls_not_offered (it has none, and
	// the input tls asks for it); tls_failed (see error); shutting_down; rejected
	// (another error: see error); not_pgbouncer (another server answers);
	// refused (nothing listens there, or a firewall says so); timed_out (no
	// connection, or no answer on it: see connected); reset; closed; unreachable;
	// name_not_found; name_failed; protocol_error (it is no PgBouncer).
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,too_many_connections,auth_failed,tls_required,tls_not_offered,tls_failed,shutting_down,rejected,not_pgbouncer,starting_up,host_not_allowed,unknown_database,no_permission,refused,timed_out,reset,closed,unreachable,name_not_found,name_failed,protocol_error"`
	// Error is what it says, or what is wrong with what it says; "" when it said
	// nothing of the kind.
	Error string `json:"error" expr:"error"`
	// Address is the host and port as asked for.
	Address string `json:"address" expr:"address"`
	// RemoteAddress is the address and port that answered; unread unless connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// Connected says that there was a TCP connection, whatever came after it.
	Connected bool `json:"connected" expr:"connected"`
	// Answered says that it said anything in its protocol: one that hangs does not.
	Answered bool `json:"answered" expr:"answered"`
	// ResolveSeconds is the time to look up the name; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is the time to connect, with the addresses that did not answer.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// LoginSeconds is the time from there until it let us in or sent us away.
	LoginSeconds float64 `json:"login_seconds" expr:"login_seconds"`
	// Version is its version, such as 1.18.0.
	Version string `json:"version" expr:"version"`
	// ClientsActive is how many clients have a server, or are idle and could have one.
	ClientsActive int64 `json:"clients_active" expr:"clients_active"`
	// ClientsWaiting is how many clients wait for a server.
	ClientsWaiting int64 `json:"clients_waiting" expr:"clients_waiting"`
	// MaxWaitSeconds is how long the first of these has been waiting; 0 when none does.
	MaxWaitSeconds float64 `json:"max_wait_seconds" expr:"max_wait_seconds"`
	// MeanWaitSeconds is how long clients waited for a server in the mean, per
	// transaction or session of the last stats_period (60 s), in the worst database.
	MeanWaitSeconds float64 `json:"mean_wait_seconds" expr:"mean_wait_seconds"`
	// ServersActive is how many connections to PostgreSQL are in use by a client.
	ServersActive int64 `json:"servers_active" expr:"servers_active"`
	// ServersIdle is how many could be used at once.
	ServersIdle int64 `json:"servers_idle" expr:"servers_idle"`
	// ServersUsed is how many were used lately and have to be checked before the next use.
	ServersUsed int64 `json:"servers_used" expr:"servers_used"`
	// ServersLogin is how many are logging in.
	ServersLogin int64 `json:"servers_login" expr:"servers_login"`
	// ClientsUsed is how many connections of clients it has, and ClientsLimit how many
	// it may (max_client_conn).
	ClientsUsed int64 `json:"clients_used" expr:"clients_used"`
	// ClientsLimit is max_client_conn.
	ClientsLimit int64 `json:"clients_limit" expr:"clients_limit"`
	// ClientsUsedPercent is clients_used in percent of clients_limit.
	ClientsUsedPercent float64 `json:"clients_used_percent" expr:"clients_used_percent"`
	// PoolUsedPercent is the largest used_percent of a pool.
	PoolUsedPercent float64 `json:"pool_used_percent" expr:"pool_used_percent"`
	// QueriesPerSecond is the mean rate of queries in the last stats_period (60 s).
	QueriesPerSecond float64 `json:"queries_per_second" expr:"queries_per_second"`
	// Pools are those of a database and a user, at most 50, those with the most waiting
	// clients first.
	Pools []Pool `json:"pools" expr:"pools"`
	// Paused are the databases that were paused by hand.
	Paused []string `json:"paused" expr:"paused"`
	// Disabled are the databases that were disabled by hand.
	Disabled []string `json:"disabled" expr:"disabled"`
}

// Pool is one pool: of a database and a user.
type Pool struct {
	// Database is its name for clients.
	Database string `json:"database" expr:"database"`
	// User is who clients log in as.
	User string `json:"user" expr:"user"`
	// Mode is session, transaction or statement.
	Mode string `json:"mode" expr:"mode"`
	// Size is how many connections to PostgreSQL it may have; 0 when it is not known.
	Size int64 `json:"size" expr:"size"`
	// UsedPercent is the connections that are in use or logging in, in percent of size.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// ClientsActive is how many clients have a server, or are idle and could have one.
	ClientsActive int64 `json:"clients_active" expr:"clients_active"`
	// ClientsWaiting is how many clients wait for a server.
	ClientsWaiting int64 `json:"clients_waiting" expr:"clients_waiting"`
	// MaxWaitSeconds is how long the first of these has been waiting.
	MaxWaitSeconds float64 `json:"max_wait_seconds" expr:"max_wait_seconds"`
	// ServersActive is how many connections to PostgreSQL are in use by a client.
	ServersActive int64 `json:"servers_active" expr:"servers_active"`
	// ServersIdle is how many could be used at once.
	ServersIdle int64 `json:"servers_idle" expr:"servers_idle"`
	// ServersLogin is how many are logging in: those to a server that does not answer
	// stay there.
	ServersLogin int64 `json:"servers_login" expr:"servers_login"`
}
