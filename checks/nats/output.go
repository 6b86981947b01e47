package nats

import "gumshoe/checks/reach"

// The outcomes that only a NATS server has.
const (
	TLSRequired reach.Outcome = "tls_required"
	Rejected    reach.Outcome = "rejected"
)

// Server is what probe.nats observes. What the server is asked for on its
// monitoring port is unread without the input monitor, unless it says otherwise.
type Server struct {
	// Outcome is what came of it: ok (it answers PING); auth_failed (wrong user,
	// password, token or credentials, or none given and some are needed);
	// too_many_connections (max_connections, or the account's, is reached);
	// tls_required (set tls to on); rejected (another error: see error); refused
	// (nothing listens there, or a firewall says so); timed_out (no connection, or no
	// answer on it: see connected); reset; closed (it closed the connection);
	// unreachable; name_not_found; name_failed; tls_failed (see error);
	// protocol_error (it is not NATS).
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,auth_failed,too_many_connections,tls_required,rejected,refused,timed_out,reset,closed,unreachable,name_not_found,name_failed,tls_failed,protocol_error"`
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
	// LoginSeconds is the time from connected until the server had let us in.
	LoginSeconds float64 `json:"login_seconds" expr:"login_seconds"`
	// WindowSeconds is the time between the two readings of what is per second.
	WindowSeconds float64 `json:"window_seconds" expr:"window_seconds"`

	// Name is the server's name.
	Name string `json:"name" expr:"name"`
	// Version is its version, such as 2.10.22.
	Version string `json:"version" expr:"version"`
	// ClusterName is the name of its cluster; "" when it is in none.
	ClusterName string `json:"cluster_name" expr:"cluster_name"`
	// MaxPayloadBytes is the largest message that it takes.
	MaxPayloadBytes int64 `json:"max_payload_bytes" expr:"max_payload_bytes"`
	// LameDuck says that it is shutting down and sends its clients to others.
	LameDuck bool `json:"lame_duck" expr:"lame_duck"`

	// Ping is how fast it answers.
	Ping Ping `json:"ping" expr:"ping"`
	// Monitor is what came of asking its monitoring port.
	Monitor Monitor `json:"monitor" expr:"monitor"`
	// Process is what the server's process uses. From monitor.
	Process Process `json:"process" expr:"process"`
	// Clients are those connected. From monitor.
	Clients Clients `json:"clients" expr:"clients"`
	// Traffic is what it carries. From monitor.
	Traffic Traffic `json:"traffic" expr:"traffic"`
	// Routes are the other servers of its cluster that it is connected to, one each,
	// the first 30. From monitor.
	Routes []Route `json:"routes" expr:"routes"`
	// JetStream is what it stores.
	JetStream JetStream `json:"jetstream" expr:"jetstream"`
	// Streams are the streams of JetStream, the fullest first, at most 50: with monitor
	// those of all accounts of which this server has a copy, else those of the
	// account that is logged in to. Empty when there is no JetStream.
	Streams []Stream `json:"streams" expr:"streams"`
	// Consumers are the consumers of streams, those with the most messages waiting
	// first, at most 100; without monitor those of the first 20 streams.
	Consumers []Consumer `json:"consumers" expr:"consumers"`
}

// Ping is how fast the server answers one client that asks again and again, 20
// times a second, over the window.
type Ping struct {
	// Samples is how many answers there were.
	Samples int `json:"samples" expr:"samples"`
	// MinSeconds is the fastest answer: the way there and back.
	MinSeconds float64 `json:"min_seconds" expr:"min_seconds"`
	// MeanSeconds is their mean.
	MeanSeconds float64 `json:"mean_seconds" expr:"mean_seconds"`
	// MaxSeconds is the slowest.
	MaxSeconds float64 `json:"max_seconds" expr:"max_seconds"`
}

// Monitor is what came of asking the monitoring port.
type Monitor struct {
	// Outcome is what came of it: ok; rejected (another status than 200);
	// protocol_error (no HTTP, or no JSON of NATS); or how there was no connection.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,rejected,refused,timed_out,reset,closed,unreachable,name_not_found,name_failed,tls_failed,protocol_error"`
	// Error says more, where there is more.
	Error string `json:"error" expr:"error"`
	// Healthy is what /healthz says: with JetStream, also that its streams and
	// consumers are up to date.
	Healthy bool `json:"healthy" expr:"healthy"`
	// UnhealthyReason is why it is not; "" when it is.
	UnhealthyReason string `json:"unhealthy_reason" expr:"unhealthy_reason"`
}

// Process is what the server's process uses.
type Process struct {
	// UptimeSeconds is how long it has been running.
	UptimeSeconds float64 `json:"uptime_seconds" expr:"uptime_seconds"`
	// MemoryBytes is its resident memory.
	MemoryBytes int64 `json:"memory_bytes" expr:"memory_bytes"`
	// CPUPercent is its processor time, in percent of one processor, over the last
	// second or so.
	CPUPercent float64 `json:"cpu_percent" expr:"cpu_percent"`
	// Cores is how many processors it may use.
	Cores int `json:"cores" expr:"cores"`
}

// Clients are those connected.
type Clients struct {
	// Connected is how many there are, this probe among them.
	Connected int64 `json:"connected" expr:"connected"`
	// Limit is max_connections.
	Limit int64 `json:"limit" expr:"limit"`
	// UsedPercent is connected in percent of limit.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// ConnectionsPerSecond is how many new connections there were in the window; one of
	// them may be this probe's.
	ConnectionsPerSecond float64 `json:"connections_per_second" expr:"connections_per_second"`
	// Subscriptions is how many subscriptions there are.
	Subscriptions int64 `json:"subscriptions" expr:"subscriptions"`
	// SlowConsumers is how many clients were disconnected in the window because they
	// did not read what they had subscribed to fast enough.
	SlowConsumers int64 `json:"slow_consumers" expr:"slow_consumers"`
	// SlowConsumersTotal is how many since the start.
	SlowConsumersTotal int64 `json:"slow_consumers_total" expr:"slow_consumers_total"`
	// Pending are the clients for which most bytes wait to be read, at most 10 of
	// those for which any do.
	Pending []PendingClient `json:"pending" expr:"pending"`
}

// PendingClient is a client that has not read what is there for it.
type PendingClient struct {
	// Name is what it calls itself; may be "".
	Name string `json:"name" expr:"name"`
	// Address is its address and port.
	Address string `json:"address" expr:"address"`
	// PendingBytes is what waits for it.
	PendingBytes int64 `json:"pending_bytes" expr:"pending_bytes"`
	// IdleSeconds is how long nothing went to it or came from it.
	IdleSeconds float64 `json:"idle_seconds" expr:"idle_seconds"`
}

// Traffic is what the server carries, in the window: to and from clients and
// other servers.
type Traffic struct {
	// InMessagesPerSecond is how many messages it received.
	InMessagesPerSecond float64 `json:"in_messages_per_second" expr:"in_messages_per_second"`
	// OutMessagesPerSecond is how many it sent.
	OutMessagesPerSecond float64 `json:"out_messages_per_second" expr:"out_messages_per_second"`
	// InBytesPerSecond is what these had received.
	InBytesPerSecond float64 `json:"in_bytes_per_second" expr:"in_bytes_per_second"`
	// OutBytesPerSecond is what was sent.
	OutBytesPerSecond float64 `json:"out_bytes_per_second" expr:"out_bytes_per_second"`
}

// Route is another server of the cluster.
type Route struct {
	// Name is its name.
	Name string `json:"name" expr:"name"`
	// Address is its address and port.
	Address string `json:"address" expr:"address"`
	// RTTSeconds is how long it takes to answer, as the server last measured; 0 when
	// it has not yet.
	RTTSeconds float64 `json:"rtt_seconds" expr:"rtt_seconds"`
	// PendingBytes is what waits to be sent to it.
	PendingBytes int64 `json:"pending_bytes" expr:"pending_bytes"`
}

// JetStream is what the server stores: with monitor all of it, else what belongs
// to the account that is logged in to.
type JetStream struct {
	// Enabled says that the server has JetStream.
	Enabled bool `json:"enabled" expr:"enabled"`
	// Source says who told: monitor, the API of JetStream, or nobody.
	Source string `json:"source" expr:"source" enum:"monitor,api,none"`
	// StreamCount is how many streams there are.
	StreamCount int64 `json:"stream_count" expr:"stream_count"`
	// ConsumerCount is how many consumers there are.
	ConsumerCount int64 `json:"consumer_count" expr:"consumer_count"`
	// MemoryBytes is what streams in memory take.
	MemoryBytes int64 `json:"memory_bytes" expr:"memory_bytes"`
	// MemoryLimitBytes is what they may; 0 means that there is no limit.
	MemoryLimitBytes int64 `json:"memory_limit_bytes" expr:"memory_limit_bytes"`
	// MemoryUsedPercent is that in percent; 0 when there is no limit.
	MemoryUsedPercent float64 `json:"memory_used_percent" expr:"memory_used_percent"`
	// StorageBytes is what streams on disk take.
	StorageBytes int64 `json:"storage_bytes" expr:"storage_bytes"`
	// StorageLimitBytes is what they may; 0 means that there is no limit.
	StorageLimitBytes int64 `json:"storage_limit_bytes" expr:"storage_limit_bytes"`
	// StorageUsedPercent is that in percent; 0 when there is no limit.
	StorageUsedPercent float64 `json:"storage_used_percent" expr:"storage_used_percent"`
	// APIErrorsPerSecond is how many requests to its API failed, in the window.
	APIErrorsPerSecond float64 `json:"api_errors_per_second" expr:"api_errors_per_second"`
	// MetaLeader is the server that decides where streams are; "" when there is none.
	MetaLeader string `json:"meta_leader" expr:"meta_leader"`
	// MetaLeaderMissing says that the cluster of JetStream has no leader, and so
	// nothing can be created; false when it is not clustered. From monitor.
	MetaLeaderMissing bool `json:"meta_leader_missing" expr:"meta_leader_missing"`
	// OfflinePeers is how many servers of the cluster of JetStream are away. From
	// monitor.
	OfflinePeers int `json:"offline_peers" expr:"offline_peers"`
}

// Stream is one stream.
type Stream struct {
	// Account is whose it is; "" without monitor.
	Account string `json:"account" expr:"account"`
	// Name is its name.
	Name string `json:"name" expr:"name"`
	// Messages is how many it holds.
	Messages int64 `json:"messages" expr:"messages"`
	// Bytes is how much.
	Bytes int64 `json:"bytes" expr:"bytes"`
	// MaxMessages is how many it may hold; 0 means that there is no limit.
	MaxMessages int64 `json:"max_messages" expr:"max_messages"`
	// MaxBytes is how much; 0 means that there is no limit.
	MaxBytes int64 `json:"max_bytes" expr:"max_bytes"`
	// UsedPercent is the larger of messages and bytes in percent of their limit; 0
	// when there is none.
	UsedPercent float64 `json:"used_percent" expr:"used_percent"`
	// RefusesWhenFull says that it refuses new messages when it is full; otherwise the
	// oldest go away, as most are meant to.
	RefusesWhenFull bool `json:"refuses_when_full" expr:"refuses_when_full"`
	// OldestSeconds is the age of its oldest message; 0 when it is empty.
	OldestSeconds float64 `json:"oldest_seconds" expr:"oldest_seconds"`
	// InMessagesPerSecond is how many it got, in the window.
	InMessagesPerSecond float64 `json:"in_messages_per_second" expr:"in_messages_per_second"`
	// ConsumerCount is how many consumers it has.
	ConsumerCount int64 `json:"consumer_count" expr:"consumer_count"`
	// Replicas is how many copies there are to be.
	Replicas int `json:"replicas" expr:"replicas"`
	// LeaderMissing says that it has no leader, and takes nothing; false when it is
	// not replicated.
	LeaderMissing bool `json:"leader_missing" expr:"leader_missing"`
	// ReplicasBehind is how many copies are offline or not current.
	ReplicasBehind int `json:"replicas_behind" expr:"replicas_behind"`
}

// Consumer is a consumer of a stream: a reader with a place in it.
type Consumer struct {
	// Account is whose it is; "" without monitor.
	Account string `json:"account" expr:"account"`
	// Stream is the stream that it reads.
	Stream string `json:"stream" expr:"stream"`
	// Name is its name.
	Name string `json:"name" expr:"name"`
	// Pending is how many messages wait to be delivered for the first time.
	Pending int64 `json:"pending" expr:"pending"`
	// AckPending is how many were delivered and not acknowledged.
	AckPending int64 `json:"ack_pending" expr:"ack_pending"`
	// MaxAckPending is how many may be, before no more are delivered; 0 means any.
	MaxAckPending int64 `json:"max_ack_pending" expr:"max_ack_pending"`
	// AckPendingPercent is that in percent; 0 when there is no limit.
	AckPendingPercent float64 `json:"ack_pending_percent" expr:"ack_pending_percent"`
	// Redelivered is how many of those not acknowledged were delivered more than once.
	Redelivered int64 `json:"redelivered" expr:"redelivered"`
	// Waiting is how many requests of pull clients wait for messages: 0 while messages
	// are pending means that nobody asks for them.
	Waiting int64 `json:"waiting" expr:"waiting"`
	// Push says that messages are sent to it unasked; else clients ask for them.
	Push bool `json:"push" expr:"push"`
	// PushBound says that somebody takes what is pushed; false for a pull consumer.
	PushBound bool `json:"push_bound" expr:"push_bound"`
	// Paused says that it was paused.
	Paused bool `json:"paused" expr:"paused"`
	// DeliveredPerSecond is how many messages were delivered, again or not, in the
	// window.
	DeliveredPerSecond float64 `json:"delivered_per_second" expr:"delivered_per_second"`
	// AckedPerSecond is how fast the point moved up to which all is acknowledged.
	AckedPerSecond float64 `json:"acked_per_second" expr:"acked_per_second"`
	// GrowthPerSecond is how fast pending and ack_pending together grew; below 0 when
	// they shrank.
	GrowthPerSecond float64 `json:"growth_per_second" expr:"growth_per_second"`
	// LeaderMissing says that it has no leader, and delivers nothing; false when it is
	// not replicated.
	LeaderMissing bool `json:"leader_missing" expr:"leader_missing"`
}
