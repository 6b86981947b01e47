package redis

// Persistence is how the server saves to disk.
type Persistence struct {
	// Loading says that it reads its data from disk and answers nothing else.
	Loading bool `json:"loading" expr:"loading"`
	// LoadingPercent is how much of it has been read; 100 when it is not loading.
	LoadingPercent float64 `json:"loading_percent" expr:"loading_percent"`
	// LoadingLeftSeconds is the server's guess of how long it will take; 0 when it is
	// not loading.
	LoadingLeftSeconds float64 `json:"loading_left_seconds" expr:"loading_left_seconds"`
	// WritesBlocked says that it refuses writes because it could not save
	// (stop-writes-on-bgsave-error, or the append-only file).
	WritesBlocked bool `json:"writes_blocked" expr:"writes_blocked"`
	// SaveFailed says that the last attempt to write a snapshot (RDB) failed.
	SaveFailed bool `json:"save_failed" expr:"save_failed"`
	// SaveRunning says that a child is writing a snapshot now.
	SaveRunning bool `json:"save_running" expr:"save_running"`
	// SaveRunningSeconds is for how long it has; 0 when none is.
	SaveRunningSeconds float64 `json:"save_running_seconds" expr:"save_running_seconds"`
	// SinceSaveSeconds is the time since the last snapshot that succeeded, or since
	// the server started.
	SinceSaveSeconds float64 `json:"since_save_seconds" expr:"since_save_seconds"`
	// ChangesSinceSave is how many changes no snapshot has.
	ChangesSinceSave int64 `json:"changes_since_save" expr:"changes_since_save"`
	// SavePoints says when snapshots are written, as in "3600 1 300 100"; "" means
	// that none are, by themselves.
	SavePoints string `json:"save_points" expr:"save_points"`
	// AOFEnabled says that there is an append-only file.
	AOFEnabled bool `json:"aof_enabled" expr:"aof_enabled"`
	// AOFWriteFailed says that the last write to it failed.
	AOFWriteFailed bool `json:"aof_write_failed" expr:"aof_write_failed"`
	// AOFRewriteFailed says that the last attempt to make it shorter failed.
	AOFRewriteFailed bool `json:"aof_rewrite_failed" expr:"aof_rewrite_failed"`
	// AOFRewriteRunning says that a child makes it shorter now.
	AOFRewriteRunning bool `json:"aof_rewrite_running" expr:"aof_rewrite_running"`
	// AOFDelayedFsyncs is how often, in the window, a write waited for a disk that
	// was still writing the one before; 0 without an append-only file.
	AOFDelayedFsyncs int64 `json:"aof_delayed_fsyncs" expr:"aof_delayed_fsyncs"`
	// AOFDelayedFsyncsTotal is how often since the start.
	AOFDelayedFsyncsTotal int64 `json:"aof_delayed_fsyncs_total" expr:"aof_delayed_fsyncs_total"`
	// ForkSeconds is how long the last fork took, during which the server answers
	// nobody; 0 before the first one.
	ForkSeconds float64 `json:"fork_seconds" expr:"fork_seconds"`
	// Forks is how many there were in the window. Unread before Redis 6.2.
	Forks int64 `json:"forks" expr:"forks"`
}

// Replication is how the server is copied, or copies.
type Replication struct {
	// ConnectedReplicas is how many replicas a master has.
	ConnectedReplicas int64 `json:"connected_replicas" expr:"connected_replicas"`
	// Replicas are these, the first 20.
	Replicas []Replica `json:"replicas" expr:"replicas"`
	// TooFewReplicas says that it refuses writes because fewer replicas keep up than
	// min-replicas-to-write.
	TooFewReplicas bool `json:"too_few_replicas" expr:"too_few_replicas"`
	// FullSyncs is how many replicas began to copy everything, in the window.
	FullSyncs int64 `json:"full_syncs" expr:"full_syncs"`
	// FullSyncsTotal is how many since the start.
	FullSyncsTotal int64 `json:"full_syncs_total" expr:"full_syncs_total"`
	// FailedPartialSyncsTotal is how many replicas wanted only what they had missed,
	// and could not have it, since the start.
	FailedPartialSyncsTotal int64 `json:"failed_partial_syncs_total" expr:"failed_partial_syncs_total"`
	// MasterAddress is the host and port of a replica's master; "" on a master.
	MasterAddress string `json:"master_address" expr:"master_address"`
	// LinkDown says that a replica is not connected to its master; false on a master.
	LinkDown bool `json:"link_down" expr:"link_down"`
	// LinkDownSeconds is for how long; 0 while it is connected.
	LinkDownSeconds float64 `json:"link_down_seconds" expr:"link_down_seconds"`
	// LastIOSeconds is how long a replica has heard nothing of its master, which
	// speaks every 10 s (repl-ping-replica-period); 0 on a master.
	LastIOSeconds float64 `json:"last_io_seconds" expr:"last_io_seconds"`
	// SyncRunning says that a replica copies everything from its master now.
	SyncRunning bool `json:"sync_running" expr:"sync_running"`
	// OffsetBytes is how much of the stream of changes it has written, or applied.
	OffsetBytes int64 `json:"offset_bytes" expr:"offset_bytes"`
}

// Replica is one replica, as its master sees it.
type Replica struct {
	// Address is its host and port.
	Address string `json:"address" expr:"address"`
	// State is online, or where it is on the way there: wait_bgsave, send_bulk.
	State string `json:"state" expr:"state"`
	// LagSeconds is how long it has acknowledged nothing; it does so every second.
	LagSeconds float64 `json:"lag_seconds" expr:"lag_seconds"`
	// LagBytes is how much of the stream of changes it has not acknowledged.
	LagBytes int64 `json:"lag_bytes" expr:"lag_bytes"`
}

// Cluster is what a node knows of its cluster.
type Cluster struct {
	// Enabled says that it is a node of a cluster.
	Enabled bool `json:"enabled" expr:"enabled"`
	// Failed says that the cluster does not serve, as this node sees it; false when
	// it is none.
	Failed bool `json:"failed" expr:"failed"`
	// SlotsAssigned is how many of the 16384 slots have a node.
	SlotsAssigned int64 `json:"slots_assigned" expr:"slots_assigned"`
	// SlotsOK is how many of these have a node that answers.
	SlotsOK int64 `json:"slots_ok" expr:"slots_ok"`
	// SlotsFailed is how many have a node that does not: sure, or suspected.
	SlotsFailed int64 `json:"slots_failed" expr:"slots_failed"`
	// Nodes is how many nodes it knows.
	Nodes int64 `json:"nodes" expr:"nodes"`
}

// Database is a database that holds keys.
type Database struct {
	// DB is its number.
	DB int `json:"db" expr:"db"`
	// Keys is how many keys it holds.
	Keys int64 `json:"keys" expr:"keys"`
	// Expires is how many of them go away by themselves.
	Expires int64 `json:"expires" expr:"expires"`
}
