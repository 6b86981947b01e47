package kafka

import "gumshoe/checks/reach"

// The outcomes that only Kafka has.
const (
	NotFound reach.Outcome = "not_found"
	Rejected reach.Outcome = "rejected"
)

// Cluster is what probe.kafka observes.
type Cluster struct {
	// Outcome is how asking for the metadata ended: ok; refused; timed_out (silence,
	// at any point); reset; unreachable; name_not_found; name_failed; closed (it closed
	// the connection, as a broker does that wants SASL or TLS); tls_failed;
	// protocol_error (no Kafka); auth_failed (user, password or mechanism); rejected
	// (any other refusal: see error). With several brokers it is ok when one is, else
	// that of the one that tells most.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,refused,timed_out,reset,unreachable,name_not_found,name_failed,closed,tls_failed,protocol_error,auth_failed,rejected"`
	// Error is what the broker said, or what was wrong with it; "" when nothing.
	Error string `json:"error" expr:"error"`
	// Address is the host and port of the broker that outcome is about. Unless that
	// is ok, everything below is unread, but for seeds.
	Address string `json:"address" expr:"address"`
	// Seeds are the brokers that were asked for the metadata, in order, up to the
	// first that answered.
	Seeds []Seed `json:"seeds" expr:"seeds"`
	// MetadataSeconds is how long connecting, logging in and the answer took.
	MetadataSeconds float64 `json:"metadata_seconds" expr:"metadata_seconds"`
	// ClusterID is what the cluster calls itself.
	ClusterID string `json:"cluster_id" expr:"cluster_id"`
	// HasController tells whether the cluster has an active controller, without which
	// no leader is elected.
	HasController bool `json:"has_controller" expr:"has_controller"`
	// ControllerID is the id of the active controller; -1 when there is none.
	ControllerID int32 `json:"controller_id" expr:"controller_id"`
	// Brokers are those that the cluster advertises, by id, at most 32.
	Brokers []Broker `json:"brokers" expr:"brokers"`
	// BrokersUnreachable is how many of them do not answer.
	BrokersUnreachable int64 `json:"brokers_unreachable" expr:"brokers_unreachable"`
	// AdvertisedUnreachable is how many of those cannot even be connected to at the
	// address that the cluster advertises for them and nobody gave: a wrong
	// advertised.listeners, or a firewall, as long as the broker is up.
	AdvertisedUnreachable int64 `json:"advertised_unreachable" expr:"advertised_unreachable"`
	// BrokersMissing are the ids of brokers that hold replicas and are not part of
	// the cluster now: they are down.
	BrokersMissing []string `json:"brokers_missing" expr:"brokers_missing"`
	// Topics is how many topics there are, with Kafka's own.
	Topics int64 `json:"topics" expr:"topics"`
	// Partitions is how many partitions they have.
	Partitions int64 `json:"partitions" expr:"partitions"`
	// UnderReplicated is how many partitions have fewer replicas in sync than replicas.
	UnderReplicated int64 `json:"under_replicated" expr:"under_replicated"`
	// Leaderless is how many partitions have no leader: nobody can write or read them.
	Leaderless int64 `json:"leaderless" expr:"leaderless"`
	// Troubled are partitions that are under-replicated or have no leader, those
	// without a leader first, at most 20.
	Troubled []Partition `json:"troubled" expr:"troubled"`
	// WindowSeconds is the time between the two readings of the offsets; unread
	// without a topic and a group.
	WindowSeconds float64 `json:"window_seconds" expr:"window_seconds"`
	// Topic is the topic of the inputs.
	Topic Topic `json:"topic" expr:"topic"`
	// Group is the consumer group of the inputs.
	Group Group `json:"group" expr:"group"`
}

// Seed is a broker that was asked for the metadata.
type Seed struct {
	// Address is its host and port.
	Address string `json:"address" expr:"address"`
	// Outcome is as that of the cluster.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,refused,timed_out,reset,unreachable,name_not_found,name_failed,closed,tls_failed,protocol_error,auth_failed,rejected"`
	// Error is what it said, or what was wrong with it; "" when nothing.
	Error string `json:"error" expr:"error"`
}

// Broker is one that the cluster advertises.
type Broker struct {
	// ID is its node id.
	ID int32 `json:"id" expr:"id"`
	// Address is the host and port that the cluster advertises.
	Address string `json:"address" expr:"address"`
	// Rack is where it says that it stands; "" for nowhere.
	Rack string `json:"rack" expr:"rack"`
	// Reachable tells whether it answered.
	Reachable bool `json:"reachable" expr:"reachable"`
	// Outcome is how asking it for its versions ended; unread when we may not ask it.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,refused,timed_out,reset,unreachable,name_not_found,name_failed,closed,tls_failed,protocol_error,auth_failed,rejected"`
	// AnswerSeconds is how long connecting, logging in and the answer took, without
	// connecting when there was a connection; unread unless reachable.
	AnswerSeconds float64 `json:"answer_seconds" expr:"answer_seconds"`
	// Leads is how many partitions it leads.
	Leads int64 `json:"leads" expr:"leads"`
}

// Partition is one that lacks replicas or a leader.
type Partition struct {
	// Topic is the topic it is of.
	Topic string `json:"topic" expr:"topic"`
	// Partition is its number.
	Partition int32 `json:"partition" expr:"partition"`
	// Leader is the id of the broker that leads it; -1 when there is none.
	Leader int32 `json:"leader" expr:"leader"`
	// Replicas is how many replicas it has.
	Replicas int64 `json:"replicas" expr:"replicas"`
	// InSync is how many of them are in sync.
	InSync int64 `json:"in_sync" expr:"in_sync"`
}

// Topic is one topic.
type Topic struct {
	// Name is its name.
	Name string `json:"name" expr:"name"`
	// Outcome is whether it can be looked at: ok, not_found, no_permission, timed_out
	// (the leader of a partition does not answer), rejected. Unless ok, what follows
	// is unread.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,not_found,no_permission,timed_out,rejected"`
	// Partitions is how many partitions it has.
	Partitions int64 `json:"partitions" expr:"partitions"`
	// MessagesPerSecond is how many were written to it a second, over the window, as
	// far as its partitions could be read.
	MessagesPerSecond float64 `json:"messages_per_second" expr:"messages_per_second"`
}

// Group is one consumer group.
type Group struct {
	// Name is its name.
	Name string `json:"name" expr:"name"`
	// Outcome is whether it can be looked at: ok, not_found (nobody has ever committed
	// under this name, or all has expired), no_permission, timed_out, rejected. Unless
	// ok, what follows is unread.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,not_found,no_permission,timed_out,rejected"`
	// Error is what the cluster said; "" when nothing.
	Error string `json:"error" expr:"error"`
	// State is Stable, Empty (no members), PreparingRebalance, CompletingRebalance,
	// or as the cluster says.
	State string `json:"state" expr:"state"`
	// StateBefore is the state at the beginning of the window.
	StateBefore string `json:"state_before" expr:"state_before"`
	// Members is how many consumers are in it.
	Members int64 `json:"members" expr:"members"`
	// Coordinator is the host and port of the broker that manages it.
	Coordinator string `json:"coordinator" expr:"coordinator"`
	// Lag is how many messages it has not consumed yet: the ends of the partitions
	// less what is committed, together.
	Lag int64 `json:"lag" expr:"lag"`
	// LagGrowthPerSecond is by how many the lag grew or shrank (below 0), over the window.
	LagGrowthPerSecond float64 `json:"lag_growth_per_second" expr:"lag_growth_per_second"`
	// CommittedPerSecond is by how many messages a second it moved on, over the window.
	// Consumers commit every 5 seconds unless told otherwise: a shorter window can
	// miss it.
	CommittedPerSecond float64 `json:"committed_per_second" expr:"committed_per_second"`
	// ProducedPerSecond is how many were written a second to the partitions it reads.
	ProducedPerSecond float64 `json:"produced_per_second" expr:"produced_per_second"`
	// Partitions are those with the most lag, at most 20.
	Partitions []Lag `json:"partitions" expr:"partitions"`
	// Assigned is how many partitions have a member that consumes them, of all that
	// the group knows.
	Assigned int64 `json:"assigned" expr:"assigned"`
	// Unknown is how many partitions have a lag that could not be read: it is more
	// than lag then. Why is in the error.
	Unknown int64 `json:"unknown" expr:"unknown"`
}

// Lag is that of one partition.
type Lag struct {
	// Topic is the topic.
	Topic string `json:"topic" expr:"topic"`
	// Partition is its number.
	Partition int32 `json:"partition" expr:"partition"`
	// Lag is how many messages are not consumed.
	Lag int64 `json:"lag" expr:"lag"`
	// Member is the client id of who consumes it; "" when nobody does.
	Member string `json:"member" expr:"member"`
	// MemberHost is the address of that member; "" when nobody does.
	MemberHost string `json:"member_host" expr:"member_host"`
	// CommittedPerSecond is by how many messages a second it moved on.
	CommittedPerSecond float64 `json:"committed_per_second" expr:"committed_per_second"`
}
