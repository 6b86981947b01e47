package rabbitmq

import "gumshoe/checks/reach"

// The outcomes that only RabbitMQ has.
const (
	VhostNotFound reach.Outcome = "vhost_not_found"
	VhostDenied   reach.Outcome = "vhost_denied"
	VhostDown     reach.Outcome = "vhost_down"
	Rejected      reach.Outcome = "rejected"
	HTTPError     reach.Outcome = "http_error"
)

// Server is what probe.rabbitmq observes.
type Server struct {
	// Outcome is how the look over AMQP ended: ok (logged in, with a channel);
	// refused; timed_out (silence, at any point); reset; unreachable;
	// name_not_found; name_failed; closed (it closed the connection without a word);
	// tls_failed; protocol_error (no AMQP 0-9-1); auth_failed (user or password);
	// vhost_not_found; vhost_denied (the user may not use it); vhost_down;
	// too_many_connections (the limit of the user, the virtual host or the node);
	// rejected (any other refusal: see error).
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,refused,timed_out,reset,unreachable,name_not_found,name_failed,closed,tls_failed,protocol_error,auth_failed,vhost_not_found,vhost_denied,vhost_down,too_many_connections,rejected"`
	// Error is what the broker said, or what was wrong with it; "" when nothing.
	Error string `json:"error" expr:"error"`
	// Address is the host and port as asked for.
	Address string `json:"address" expr:"address"`
	// RemoteAddress is the address and port that answered; unread unless connected.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// ResolveSeconds is the time to look up the name; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// ConnectSeconds is the time of the TCP handshake; unread unless connected.
	ConnectSeconds float64 `json:"connect_seconds" expr:"connect_seconds"`
	// HandshakeSeconds is the time from the connection to the broker's first frame,
	// with TLS when that is on; unread when none came.
	HandshakeSeconds float64 `json:"handshake_seconds" expr:"handshake_seconds"`
	// LoginSeconds is the time to log in and open the virtual host; unread unless ok.
	LoginSeconds float64 `json:"login_seconds" expr:"login_seconds"`
	// ChannelSeconds is the time to open a channel: one round trip through the
	// broker; unread unless ok.
	ChannelSeconds float64 `json:"channel_seconds" expr:"channel_seconds"`
	// Product is what the broker calls itself, such as RabbitMQ; unread without its
	// first frame.
	Product string `json:"product" expr:"product"`
	// Version is its version, such as 3.10.8; unread as product is.
	Version string `json:"version" expr:"version"`

	// ManagementOutcome is how asking the management API ended: ok; refused,
	// timed_out and so on as outcome; auth_failed (user or password); no_permission
	// (the user lacks a tag); http_error (another status). When it is not ok, all
	// fields below are unread; nobody asked for them without the input management.
	ManagementOutcome reach.Outcome `json:"management_outcome" expr:"management_outcome" enum:"ok,refused,timed_out,reset,unreachable,name_not_found,name_failed,closed,tls_failed,protocol_error,auth_failed,no_permission,http_error"`
	// ManagementError is what it said, or what was wrong with it; "" when nothing.
	ManagementError string `json:"management_error" expr:"management_error"`
	// ManagementSeconds is how long its four answers took.
	ManagementSeconds float64 `json:"management_seconds" expr:"management_seconds"`
	// WindowSeconds is over which time the rates are averaged.
	WindowSeconds float64 `json:"window_seconds" expr:"window_seconds"`
	// ClusterName is the name of the cluster.
	ClusterName string `json:"cluster_name" expr:"cluster_name"`
	// MemoryAlarm tells whether a node is above its memory watermark: every
	// publisher of the cluster is blocked.
	MemoryAlarm bool `json:"memory_alarm" expr:"memory_alarm"`
	// DiskAlarm tells whether a node has less free disk than its limit: every
	// publisher of the cluster is blocked.
	DiskAlarm bool `json:"disk_alarm" expr:"disk_alarm"`
	// NodesDown are the names of the nodes of the cluster that do not run.
	NodesDown []string `json:"nodes_down" expr:"nodes_down"`
	// Partitioned tells whether a node sees a network partition.
	Partitioned bool `json:"partitioned" expr:"partitioned"`
	// Nodes are those of the cluster, at most 100.
	Nodes []Node `json:"nodes" expr:"nodes"`
	// Totals are of all queues that the user may see.
	Totals Totals `json:"totals" expr:"totals"`
	// Queues are those of the virtual host with the most messages, ready and unacked
	// together, at most 100.
	Queues []Queue `json:"queues" expr:"queues"`
	// Connections tell of the broker's clients by what the broker does to them.
	Connections Connections `json:"connections" expr:"connections"`
}

// Node is one of a cluster. Those that do not run have numbers that are unread.
type Node struct {
	// Name is as in rabbit@host.
	Name string `json:"name" expr:"name"`
	// Running tells whether it is up and in the cluster.
	Running bool `json:"running" expr:"running"`
	// MemoryUsedBytes is the memory that it uses.
	MemoryUsedBytes int64 `json:"memory_used_bytes" expr:"memory_used_bytes"`
	// MemoryLimitBytes is its high watermark, above which the alarm is raised.
	MemoryLimitBytes int64 `json:"memory_limit_bytes" expr:"memory_limit_bytes"`
	// MemoryUsedPercent is what it uses in percent of the watermark.
	MemoryUsedPercent float64 `json:"memory_used_percent" expr:"memory_used_percent"`
	// MemoryAlarm tells whether it blocks publishers for its memory.
	MemoryAlarm bool `json:"memory_alarm" expr:"memory_alarm"`
	// DiskFreeBytes is what is free where its data is.
	DiskFreeBytes int64 `json:"disk_free_bytes" expr:"disk_free_bytes"`
	// DiskLimitBytes is how much has to be free, else the alarm is raised.
	DiskLimitBytes int64 `json:"disk_limit_bytes" expr:"disk_limit_bytes"`
	// DiskAlarm tells whether it blocks publishers for its disk.
	DiskAlarm bool `json:"disk_alarm" expr:"disk_alarm"`
	// FileDescriptorsUsed is how many files and sockets it holds open. RabbitMQ 4
	// counts none: unread, as are the next two.
	FileDescriptorsUsed int64 `json:"file_descriptors_used" expr:"file_descriptors_used"`
	// FileDescriptorsLimit is how many it may.
	FileDescriptorsLimit int64 `json:"file_descriptors_limit" expr:"file_descriptors_limit"`
	// FileDescriptorsUsedPercent is the one in percent of the other.
	FileDescriptorsUsedPercent float64 `json:"file_descriptors_used_percent" expr:"file_descriptors_used_percent"`
	// Partitions are the nodes that it cannot see since a network partition.
	Partitions []string `json:"partitions" expr:"partitions"`
	// UptimeSeconds is for how long it has run.
	UptimeSeconds float64 `json:"uptime_seconds" expr:"uptime_seconds"`
}

// Totals are sums over queues, and how many things there are.
type Totals struct {
	// Queues is how many there are.
	Queues int64 `json:"queues" expr:"queues"`
	// Consumers is how many there are of all queues.
	Consumers int64 `json:"consumers" expr:"consumers"`
	// Connections is how many clients are connected.
	Connections int64 `json:"connections" expr:"connections"`
	// Channels is how many channels they have open.
	Channels int64 `json:"channels" expr:"channels"`
	// Ready is how many messages wait to be delivered.
	Ready int64 `json:"ready" expr:"ready"`
	// Unacked is how many are delivered and not acknowledged.
	Unacked int64 `json:"unacked" expr:"unacked"`
	// PublishPerSecond is how many messages a second came in, over the window.
	PublishPerSecond float64 `json:"publish_per_second" expr:"publish_per_second"`
	// DeliverPerSecond is how many a second went to consumers or were fetched.
	DeliverPerSecond float64 `json:"deliver_per_second" expr:"deliver_per_second"`
	// AckPerSecond is how many a second were acknowledged.
	AckPerSecond float64 `json:"ack_per_second" expr:"ack_per_second"`
	// UnroutablePerSecond is how many were returned or dropped because no queue is
	// bound for them.
	UnroutablePerSecond float64 `json:"unroutable_per_second" expr:"unroutable_per_second"`
	// Backlogged is how many of the listed queues hold ready messages and have no
	// consumer.
	Backlogged int64 `json:"backlogged" expr:"backlogged"`
}

// Queue is one of the broker.
type Queue struct {
	// Name is its name.
	Name string `json:"name" expr:"name"`
	// Vhost is the virtual host that it is in.
	Vhost string `json:"vhost" expr:"vhost"`
	// State is running, idle, flow, down, crashed, stopped, minority and the like, as
	// the broker says.
	State string `json:"state" expr:"state"`
	// Ready is how many messages wait to be delivered; unread of a queue that is
	// down, as are the next two.
	Ready int64 `json:"ready" expr:"ready"`
	// Unacked is how many are delivered and not acknowledged.
	Unacked int64 `json:"unacked" expr:"unacked"`
	// Messages is ready and unacked together.
	Messages int64 `json:"messages" expr:"messages"`
	// GrowthPerSecond is by how many messages it grew or shrank (below 0), over the
	// window; one that is younger counts as empty before.
	GrowthPerSecond float64 `json:"growth_per_second" expr:"growth_per_second"`
	// PublishPerSecond is how many messages a second came in, over the window.
	PublishPerSecond float64 `json:"publish_per_second" expr:"publish_per_second"`
	// DeliverPerSecond is how many a second went to consumers or were fetched.
	DeliverPerSecond float64 `json:"deliver_per_second" expr:"deliver_per_second"`
	// AckPerSecond is how many a second were acknowledged.
	AckPerSecond float64 `json:"ack_per_second" expr:"ack_per_second"`
	// RedeliverPerSecond is how many a second were delivered again, after a consumer
	// gave them back or went away.
	RedeliverPerSecond float64 `json:"redeliver_per_second" expr:"redeliver_per_second"`
	// Consumers is how many there are.
	Consumers int64 `json:"consumers" expr:"consumers"`
	// ConsumerCapacityPercent is for how much of the time the queue could deliver at
	// once: below 100 its consumers are too few, too slow or prefetch too little.
	// Unread without a consumer.
	ConsumerCapacityPercent float64 `json:"consumer_capacity_percent" expr:"consumer_capacity_percent"`
	// MemoryBytes is what it uses of its node's memory.
	MemoryBytes int64 `json:"memory_bytes" expr:"memory_bytes"`
	// OldestMessageAgeSeconds is since when its first message waits, by the time that
	// the publisher wrote on it; unread when there is none, as with most publishers.
	OldestMessageAgeSeconds float64 `json:"oldest_message_age_seconds" expr:"oldest_message_age_seconds"`
	// MaxLength is how many messages it may hold; 0 when there is no limit.
	MaxLength int64 `json:"max_length" expr:"max_length"`
	// DeadLetters tells whether what it drops or what is rejected goes to another
	// queue.
	DeadLetters bool `json:"dead_letters" expr:"dead_letters"`
	// DeadLetterQueue tells whether it is where dead letters of others go: another
	// listed queue sends them to it by name, or its own name says so (dlq, dead
	// letter, dead, parking lot).
	DeadLetterQueue bool `json:"dead_letter_queue" expr:"dead_letter_queue"`
}

// Connections are the clients by what the broker does to them, of the first 100.
type Connections struct {
	// Blocked is how many may not publish, for an alarm.
	Blocked int64 `json:"blocked" expr:"blocked"`
	// Blocking is how many will be blocked as soon as they publish.
	Blocking int64 `json:"blocking" expr:"blocking"`
	// Flow is how many publish faster than the broker takes it, and are slowed down.
	Flow int64 `json:"flow" expr:"flow"`
	// BlockedNames are the names of those that are blocked, at most 10.
	BlockedNames []string `json:"blocked_names" expr:"blocked_names"`
}
