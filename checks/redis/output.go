package redis

import "gumshoe/checks/reach"

// The outcomes that only a Redis server has, by the first word of its error.
const (
	Loading        reach.Outcome = "loading"
	Busy           reach.Outcome = "busy"
	MasterDown     reach.Outcome = "master_down"
	Misconf        reach.Outcome = "misconf"
	ProtectedMode  reach.Outcome = "protected_mode"
	NoSuchDatabase reach.Outcome = "no_such_database"
	Rejected       reach.Outcome = "rejected"
)

// Server is what probe.redis observes. What depends on a field of INFO that the
// server does not have (an older version, a fork) is unread.
type Server struct {
	// Outcome is what came of it: ok (it answers PING); loading (it reads its data
	// from disk: see persistence.loading_percent); busy (a script or function runs
	// for longer than busy-reply-threshold, 5 s by default, and everybody waits);
	// master_down (a replica without its master that may not serve old data);
	// misconf (it refuses writes because it cannot save to disk); auth_failed (wrong
	// user or password, or none given and one is needed); no_permission (the user may
	// not use INFO: see error); too_many_connections (maxclients is reached);
	// protected_mode (it has no password and serves only its own host);
	// no_such_database (it has fewer databases than the input db); rejected (another
	// error: see error); refused (nothing listens there, or a firewall says so);
	// timed_out (no connection, or no answer on it: see connect_seconds); reset;
	// closed (it closed the connection); unreachable; name_not_found; name_failed;
	// tls_failed (see error); protocol_error (it is not Redis, or wants TLS).
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,loading,busy,master_down,misconf,auth_failed,no_permission,too_many_connections,protected_mode,no_such_database,rejected,refused,timed_out,reset,closed,unreachable,name_not_found,name_failed,tls_failed,protocol_error"`
	// Error is what the server says, or what is wrong with what it says; "" when it
	// said nothing of the kind.
	Error string `json:"error" expr:"error"`
	// Address is the host and port as asked for.
	Address string `json:"address" expr:"address"`
	// RemoteAddress is the address and port that answered; unread unless connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// Connected says that there was a TCP connection, whatever came after it.
	Connected bool `json:"connected" expr:"connected"`
	// ResolveSeconds is the time to look up the name; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is the time to connect, with the addresses that did not answer;
	// the kernel answers, also for a server that hangs. Unread unless connected.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// HandshakeSeconds is the time of the TLS handshake; 0 without TLS.
	HandshakeSeconds float64 `json:"handshake_seconds" expr:"handshake_seconds"`
	// LoginSeconds is the time from there until the server answered for the first
	// time, to AUTH when there is a password.
	LoginSeconds float64 `json:"login_seconds" expr:"login_seconds"`
	// WindowSeconds is the time between the two readings of the counters; what is per
	// second, or says "in the window", is over it.
	WindowSeconds float64 `json:"window_seconds" expr:"window_seconds"`

	// Product is which server it is.
	Product string `json:"product" expr:"product" enum:"redis,valkey,keydb"`
	// Version is its version, such as 7.2.4.
	Version string `json:"version" expr:"version"`
	// Mode is how it runs.
	Mode string `json:"mode" expr:"mode" enum:"standalone,cluster,sentinel"`
	// Role is its part in replication.
	Role string `json:"role" expr:"role" enum:"master,replica,sentinel"`
	// UptimeSeconds is how long it has been running.
	UptimeSeconds float64 `json:"uptime_seconds" expr:"uptime_seconds"`

	// Ping is how fast it answers.
	Ping Ping `json:"ping" expr:"ping"`
	// Memory is what its data takes, of what it may.
	Memory Memory `json:"memory" expr:"memory"`
	// Clients are those connected.
	Clients Clients `json:"clients" expr:"clients"`
	// Throughput is what it serves.
	Throughput Throughput `json:"throughput" expr:"throughput"`
	// CPU is what processor time it uses.
	CPU CPU `json:"cpu" expr:"cpu"`
	// Commands are the kinds of commands that took most of the time in the window, the
	// first 10; those that ended in it. A command of the server is shown as
	// "config get", its arguments never.
	Commands []Command `json:"commands" expr:"commands"`
	// BusiestCommand is the first of commands; "" when none ended in the window.
	BusiestCommand string `json:"busiest_command" expr:"busiest_command"`
	// SlowLog is what the server's slow log has.
	SlowLog SlowLog `json:"slow_log" expr:"slow_log"`
	// LatencyMonitored says that the latency monitor is on (latency-monitor-threshold);
	// by default it is not.
	LatencyMonitored bool `json:"latency_monitored" expr:"latency_monitored"`
	// LatencyEvents are the stalls that the latency monitor has seen (LATENCY LATEST)
	// and that ended no longer ago than the input since, such as fork, command,
	// aof-fsync-always, expire-cycle. At most 30. Unread while the monitor is off.
	LatencyEvents []LatencyEvent `json:"latency_events" expr:"latency_events"`
	// Persistence is how it saves to disk.
	Persistence Persistence `json:"persistence" expr:"persistence"`
	// Replication is how it is copied, or copies.
	Replication Replication `json:"replication" expr:"replication"`
	// Cluster is what it knows of its cluster.
	Cluster Cluster `json:"cluster" expr:"cluster"`
	// Keyspace are its databases that hold keys, the first 16.
	Keyspace []Database `json:"keyspace" expr:"keyspace"`
	// Keys is how many keys it holds in all databases.
	Keys int64 `json:"keys" expr:"keys"`
}

// Ping is how fast the server answers one client that asks again and again, 20
// times a second, over the window.
type Ping struct {
	// Samples is how many answers there were.
	Samples int `json:"samples" expr:"samples"`
	// MinSeconds is the fastest answer: the way there and back, and an idle server.
	MinSeconds float64 `json:"min_seconds" expr:"min_seconds"`
	// MeanSeconds is their mean.
	MeanSeconds float64 `json:"mean_seconds" expr:"mean_seconds"`
	// MaxSeconds is the slowest: it waited for whatever the server did meanwhile.
	MaxSeconds float64 `json:"max_seconds" expr:"max_seconds"`
	// SlowPercent is the share of answers that took longer than 10 ms.
	SlowPercent float64 `json:"slow_percent" expr:"slow_percent"`
}

// Memory is what the server's data takes, of what it may.
type Memory struct {
	// UsedBytes is what its allocator has handed out (used_memory).
	UsedBytes int64 `json:"used_bytes" expr:"used_bytes"`
	// PeakBytes is the most that it ever was.
	PeakBytes int64 `json:"peak_bytes" expr:"peak_bytes"`
	// LimitBytes is maxmemory; 0 means that there is none.
	LimitBytes int64 `json:"limit_bytes" expr:"limit_bytes"`
	// UsedPercent is used_bytes, without the buffers of replicas and the append-only
	// file, in percent of limit_bytes; 0 when there is no limit.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// RSSBytes is what the kernel says that the process holds of RAM.
	RSSBytes int64 `json:"rss_bytes" expr:"rss_bytes"`
	// Fragmentation is rss_bytes by used_bytes (mem_fragmentation_ratio): well above 1
	// is memory that is lost between the rest, below 1 was swapped out. Says little
	// below some 100 MB.
	Fragmentation float64 `json:"fragmentation" expr:"fragmentation"`
	// HostTotalBytes is the RAM of its host.
	HostTotalBytes int64 `json:"host_total_bytes" expr:"host_total_bytes"`
	// Policy is maxmemory-policy, such as noeviction or allkeys-lru.
	Policy string `json:"policy" expr:"policy"`
	// EvictedKeysPerSecond is how many keys were removed for lack of memory.
	EvictedKeysPerSecond float64 `json:"evicted_keys_per_second" expr:"evicted_keys_per_second"`
	// ExpiredKeysPerSecond is how many keys were removed because their time was over.
	ExpiredKeysPerSecond float64 `json:"expired_keys_per_second" expr:"expired_keys_per_second"`
	// EvictedKeysTotal is how many were removed for lack of memory since the start.
	EvictedKeysTotal int64 `json:"evicted_keys_total" expr:"evicted_keys_total"`
	// OOMRejections is how many commands were refused for lack of memory, in the window.
	OOMRejections int64 `json:"oom_rejections" expr:"oom_rejections"`
	// OOMRejectionsTotal is how many since the start. Unread before Redis 6.2.
	OOMRejectionsTotal int64 `json:"oom_rejections_total" expr:"oom_rejections_total"`
}

// Clients are those connected.
type Clients struct {
	// Connected is how many there are, this probe among them, replicas not.
	Connected int64 `json:"connected" expr:"connected"`
	// Limit is maxclients.
	Limit int64 `json:"limit" expr:"limit"`
	// UsedPercent is connected in percent of limit.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// Blocked is how many wait in a blocking command, such as BLPOP; workers of a
	// queue do so all the time.
	Blocked int64 `json:"blocked" expr:"blocked"`
	// Rejected is how many were turned away because of limit, in the window.
	Rejected int64 `json:"rejected" expr:"rejected"`
	// RejectedTotal is how many since the start.
	RejectedTotal int64 `json:"rejected_total" expr:"rejected_total"`
	// ConnectionsPerSecond is how many new connections there were in the window.
	ConnectionsPerSecond float64 `json:"connections_per_second" expr:"connections_per_second"`
	// MaxOutputBufferBytes is about the largest output buffer of a client lately: one
	// that does not read what it asked for, or asked for very much.
	MaxOutputBufferBytes int64 `json:"max_output_buffer_bytes" expr:"max_output_buffer_bytes"`
	// MaxInputBufferBytes is about the largest input buffer of a client lately.
	MaxInputBufferBytes int64 `json:"max_input_buffer_bytes" expr:"max_input_buffer_bytes"`
}

// Throughput is what the server serves, in the window.
type Throughput struct {
	// OpsPerSecond is how many commands it processed, without those of this probe.
	OpsPerSecond float64 `json:"ops_per_second" expr:"ops_per_second"`
	// InBytesPerSecond is what it received.
	InBytesPerSecond float64 `json:"in_bytes_per_second" expr:"in_bytes_per_second"`
	// OutBytesPerSecond is what it sent.
	OutBytesPerSecond float64 `json:"out_bytes_per_second" expr:"out_bytes_per_second"`
	// LookupsPerSecond is how many keys were looked up.
	LookupsPerSecond float64 `json:"lookups_per_second" expr:"lookups_per_second"`
	// HitPercent is the share of these that found their key; 100 without lookups.
	HitPercent float64 `json:"hit_percent" expr:"hit_percent"`
	// ErrorRepliesPerSecond is how many commands were answered with an error. Unread
	// before Redis 6.2.
	ErrorRepliesPerSecond float64 `json:"error_replies_per_second" expr:"error_replies_per_second"`
}

// CPU is what processor time the server uses, in the window, in percent of one
// processor.
type CPU struct {
	// MainThreadPercent is that of the one thread that runs all commands: near 100
	// it can do no more. Unread before Redis 6.2.
	MainThreadPercent float64 `json:"main_thread_percent" expr:"main_thread_percent"`
	// CommandsPercent is the share of the window in which commands ran, as far as
	// they ended in it: the rest of the main thread's time is reading and writing.
	CommandsPercent float64 `json:"commands_percent" expr:"commands_percent"`
	// ProcessPercent is that of all its threads.
	ProcessPercent float64 `json:"process_percent" expr:"process_percent"`
	// ChildrenPercent is that of its children that ended in the window, which save.
	ChildrenPercent float64 `json:"children_percent" expr:"children_percent"`
}

// Command is a kind of command that ended in the window.
type Command struct {
	// Command is its name in lower case, such as hgetall or "config get".
	Command string `json:"command" expr:"command"`
	// CallsPerSecond is how often it was called.
	CallsPerSecond float64 `json:"calls_per_second" expr:"calls_per_second"`
	// MeanSeconds is how long a call ran, waiting not counted.
	MeanSeconds float64 `json:"mean_seconds" expr:"mean_seconds"`
	// BusyPercent is the share of the window in which it ran, and nothing else could.
	BusyPercent float64 `json:"busy_percent" expr:"busy_percent"`
}

// SlowLog is what the slow log has: commands that ran for longer than its
// threshold, waiting not counted. At most the newest 128 entries are looked at.
type SlowLog struct {
	// ThresholdSeconds is from when on a command is logged (slowlog-log-slower-than).
	ThresholdSeconds float64 `json:"threshold_seconds" expr:"threshold_seconds"`
	// New is how many entries came in the window.
	New int `json:"new" expr:"new"`
	// Count is how many are no older than the input since.
	Count int `json:"count" expr:"count"`
	// SlowestSeconds is the longest of these; 0 without any.
	SlowestSeconds float64 `json:"slowest_seconds" expr:"slowest_seconds"`
	// TotalSeconds is how long they ran together.
	TotalSeconds float64 `json:"total_seconds" expr:"total_seconds"`
	// Commands are what they were, those that took longest together first, at most 10.
	Commands []SlowCommand `json:"commands" expr:"commands"`
}

// SlowCommand is a kind of command in the slow log.
type SlowCommand struct {
	// Command is its name in lower case.
	Command string `json:"command" expr:"command"`
	// Key is its first key, as a pattern: user:*; "" when it has none. Only words of
	// letters are shown; all else is masked, and no values are shown.
	Key string `json:"key" expr:"key"`
	// Count is how many such entries there are.
	Count int `json:"count" expr:"count"`
	// SlowestSeconds is the longest of them.
	SlowestSeconds float64 `json:"slowest_seconds" expr:"slowest_seconds"`
	// TotalSeconds is how long they ran together.
	TotalSeconds float64 `json:"total_seconds" expr:"total_seconds"`
	// Client is the address of the last one's client, with its name where it has one.
	Client string `json:"client" expr:"client"`
}

// LatencyEvent is a kind of stall that the latency monitor saw.
type LatencyEvent struct {
	// Event is what stalled, in the server's words.
	Event string `json:"event" expr:"event"`
	// AgeSeconds is how long ago the last one was.
	AgeSeconds float64 `json:"age_seconds" expr:"age_seconds"`
	// LatestSeconds is how long the last one took.
	LatestSeconds float64 `json:"latest_seconds" expr:"latest_seconds"`
	// MaxSeconds is the longest ever.
	MaxSeconds float64 `json:"max_seconds" expr:"max_seconds"`
}
