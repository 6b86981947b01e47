package redis

import (
	"net"
	"strconv"
	"strings"

	"gumshoe/checks/reach"
)

// info is what INFO says: of each field its text.
type info map[string]string

// parseInfo reads lines of name:value; the headings of the sections are left out.
func parseInfo(text string) info {
	i := info{}
	for line := range strings.Lines(text) {
		name, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if found && !strings.HasPrefix(name, "#") {
			i[name] = value
		}
	}
	return i
}

// int gives a field that is a whole number.
func (i info) int(name string) (int64, bool) {
	n, err := strconv.ParseInt(i[name], 10, 64)
	return n, err == nil
}

// float gives a field that is a finite number.
func (i info) float(name string) (float64, bool) {
	x, err := strconv.ParseFloat(i[name], 64)
	return x, err == nil && x-x == 0
}

// reader fills fields from a reading; those that it does not have are unread.
type reader struct {
	info
	l *look
}

// lacks says that a server has no such thing: an older version, or a fork.
func (l *look) lacks(path, name string) {
	l.call.NotAsked(path, "this server does not tell "+name, "")
}

func (r reader) count(path, name string) int64 {
	n, ok := r.int(name)
	if !ok {
		r.l.lacks(path, name)
	}
	return n
}

// seconds gives a time in seconds; -1 is the server's word for none, and so is 0.
func (r reader) seconds(path, name string, unit float64) float64 {
	x, ok := r.float(name)
	if !ok {
		r.l.lacks(path, name)
	}
	return max(0, x*unit)
}

// is tells whether a field has a value.
func (r reader) is(path, name, value string) bool {
	text, ok := r.info[name]
	if !ok {
		r.l.lacks(path, name)
	}
	return text == value
}

// fill fills what one reading tells.
func (l *look) fill(i info) {
	r := reader{i, l}
	l.identify(r)
	l.Memory.UsedBytes = r.count("memory.used_bytes", "used_memory")
	l.Memory.PeakBytes = r.count("memory.peak_bytes", "used_memory_peak")
	l.Memory.LimitBytes = r.count("memory.limit_bytes", "maxmemory")
	l.Memory.RSSBytes = r.count("memory.rss_bytes", "used_memory_rss")
	l.Memory.HostTotalBytes = r.count("memory.host_total_bytes", "total_system_memory")
	l.Memory.EvictedKeysTotal = r.count("memory.evicted_keys_total", "evicted_keys")
	l.Memory.Policy = reach.Printable(i["maxmemory_policy"])
	if l.Memory.Policy == "" {
		l.lacks("memory.policy", "maxmemory_policy")
	}
	if l.Memory.LimitBytes > 0 {
		uncounted, _ := i.int("mem_not_counted_for_evict")
		l.Memory.UsedPercent = 100 * float64(max(0, l.Memory.UsedBytes-uncounted)) / float64(l.Memory.LimitBytes)
	}
	if l.Memory.UsedBytes > 0 {
		l.Memory.Fragmentation = float64(l.Memory.RSSBytes) / float64(l.Memory.UsedBytes)
	} else {
		l.lacks("memory.fragmentation", "used_memory")
	}
	if n, ok := i.errors("OOM"); ok {
		l.Memory.OOMRejectionsTotal = n
	} else {
		l.lacks("memory.oom_rejections_total", "how often it answers with which error (before 6.2)")
	}

	l.Clients.Connected = r.count("clients.connected", "connected_clients")
	l.Clients.Blocked = r.count("clients.blocked", "blocked_clients")
	l.Clients.RejectedTotal = r.count("clients.rejected_total", "rejected_connections")
	l.Clients.MaxOutputBufferBytes = r.count("clients.max_output_buffer_bytes", "client_recent_max_output_buffer")
	l.Clients.MaxInputBufferBytes = r.count("clients.max_input_buffer_bytes", "client_recent_max_input_buffer")
	if limit, ok := i.int("maxclients"); ok { // else it is asked for by CONFIG GET
		l.limitClients(limit)
	}
	l.persistence(r)
	l.replication(r)
	l.keyspace(i)
	l.Cluster.Enabled = i["cluster_enabled"] == "1"
}

func (l *look) limitClients(limit int64) {
	l.Clients.Limit = limit
	if limit > 0 {
		l.Clients.UsedPercent = 100 * float64(l.Clients.Connected) / float64(limit)
	}
}

// identify tells which server it is.
func (l *look) identify(r reader) {
	l.Product, l.Version = "redis", r.info["redis_version"]
	switch {
	case r.info["valkey_version"] != "":
		l.Product, l.Version = "valkey", r.info["valkey_version"]
	case r.info["server_name"] == "valkey":
		l.Product = "valkey"
	case r.info["mvcc_depth"] != "", strings.Contains(r.info["executable"], "keydb"):
		l.Product = "keydb"
	}
	if l.Version = reach.Printable(l.Version); l.Version == "" {
		l.lacks("version", "redis_version")
	}
	l.Mode = r.info["redis_mode"]
	if l.Mode == "" {
		l.Mode = r.info["server_mode"] // Valkey, when it does not speak of redis
	}
	if l.Mode != "standalone" && l.Mode != "cluster" && l.Mode != "sentinel" {
		l.Mode = ""
		l.lacks("mode", "redis_mode")
	}
	switch role := r.info["role"]; {
	case l.Mode == "sentinel":
		l.Role = "sentinel"
	case role == "master", role == "active-replica":
		l.Role = "master"
	case role == "slave", role == "replica":
		l.Role = "replica"
	default:
		l.lacks("role", "role")
	}
	l.UptimeSeconds = r.seconds("uptime_seconds", "uptime_in_seconds", 1)
}

func (l *look) persistence(r reader) {
	p := &l.Persistence
	p.Loading = r.is("persistence.loading", "loading", "1")
	p.LoadingPercent = 100
	if p.Loading {
		p.LoadingPercent = min(100, r.seconds("persistence.loading_percent", "loading_loaded_perc", 1))
		p.LoadingLeftSeconds = r.seconds("persistence.loading_left_seconds", "loading_eta_seconds", 1)
	}
	p.WritesBlocked = l.Outcome == Misconf
	p.SaveFailed = r.is("persistence.save_failed", "rdb_last_bgsave_status", "err")
	p.SaveRunning = r.is("persistence.save_running", "rdb_bgsave_in_progress", "1")
	p.SaveRunningSeconds = r.seconds("persistence.save_running_seconds", "rdb_current_bgsave_time_sec", 1)
	p.ChangesSinceSave = r.count("persistence.changes_since_save", "rdb_changes_since_last_save")
	saved, ok := r.int("rdb_last_save_time")
	if now, known := l.now(r.info); ok && known {
		p.SinceSaveSeconds = max(0, now-float64(saved))
	} else {
		l.lacks("persistence.since_save_seconds", "rdb_last_save_time and its own time")
	}
	p.AOFEnabled = r.is("persistence.aof_enabled", "aof_enabled", "1")
	p.AOFWriteFailed = r.is("persistence.aof_write_failed", "aof_last_write_status", "err")
	p.AOFRewriteFailed = r.is("persistence.aof_rewrite_failed", "aof_last_bgrewrite_status", "err")
	p.AOFRewriteRunning = r.is("persistence.aof_rewrite_running", "aof_rewrite_in_progress", "1")
	if p.AOFEnabled {
		p.AOFDelayedFsyncsTotal = r.count("persistence.aof_delayed_fsyncs_total", "aof_delayed_fsync")
	}
	p.ForkSeconds = r.seconds("persistence.fork_seconds", "latest_fork_usec", 1e-6)
}

func (l *look) replication(r reader) {
	p := &l.Replication
	p.ConnectedReplicas = r.count("replication.connected_replicas", "connected_slaves")
	p.FullSyncsTotal = r.count("replication.full_syncs_total", "sync_full")
	p.FailedPartialSyncsTotal = r.count("replication.failed_partial_syncs_total", "sync_partial_err")
	offset := "master_repl_offset"
	if l.Role == "replica" {
		offset = "slave_repl_offset"
		p.MasterAddress = reach.Printable(net.JoinHostPort(r.info["master_host"], r.info["master_port"]))
		p.LinkDown = r.is("replication.link_down", "master_link_status", "down")
		p.SyncRunning = r.is("replication.sync_running", "master_sync_in_progress", "1")
		if p.LinkDown { // else it is not told
			p.LinkDownSeconds = r.seconds("replication.link_down_seconds", "master_link_down_since_seconds", 1)
		}
		p.LastIOSeconds = r.seconds("replication.last_io_seconds", "master_last_io_seconds_ago", 1)
	}
	p.OffsetBytes = r.count("replication.offset_bytes", offset)
	const most = 20
	for n := range int64(most) {
		text, ok := r.info["slave"+strconv.FormatInt(n, 10)]
		if !ok {
			break
		}
		// ip=127.0.0.1,port=6380,state=online,offset=14,lag=1
		parts := pairs(text)
		lag, _ := parts.float("lag")
		acknowledged, _ := parts.int("offset")
		p.Replicas = append(p.Replicas, Replica{
			Address: reach.Printable(net.JoinHostPort(parts["ip"], parts["port"])), State: reach.Printable(parts["state"]),
			LagSeconds: max(0, lag), LagBytes: max(0, p.OffsetBytes-acknowledged),
		})
	}
	// It is told only when min-replicas-to-write is set, and how many that wants is not.
	good, told := r.int("min_slaves_good_slaves")
	p.TooFewReplicas = told && good == 0
}

func (l *look) keyspace(i info) {
	const most, databases = 16, 10_000
	for n := 0; n < databases && len(l.Keyspace) < most; n++ {
		text, ok := i["db"+strconv.Itoa(n)]
		if !ok {
			continue
		}
		parts := pairs(text) // keys=2,expires=0,avg_ttl=0
		keys, _ := parts.int("keys")
		expires, _ := parts.int("expires")
		l.Keys += keys
		l.Keyspace = append(l.Keyspace, Database{DB: n, Keys: keys, Expires: expires})
	}
}

// pairs reads name=value,name=value.
func pairs(text string) info {
	i := info{}
	for part := range strings.SplitSeq(text, ",") {
		if name, value, found := strings.Cut(part, "="); found {
			i[name] = value
		}
	}
	return i
}

// errors counts the answers with an error of a kind. It is not known of servers
// before 6.2, and of one that has seen so many kinds that it stopped counting.
func (i info) errors(code string) (int64, bool) {
	_, counted := i["total_error_replies"]
	_, overflow := i["errorstat_ERRORSTATS_DISABLED"]
	_, other := i["errorstat_ERRORSTATS_OVERFLOW"]
	text, found := i["errorstat_"+code]
	if !found {
		return 0, counted && !overflow && !other
	}
	return pairs(text).int("count")
}

// now is the server's own time, in seconds.
func (l *look) now(i info) (float64, bool) {
	if t, ok := i.float("server_time_usec"); ok {
		return t / 1e6, true
	}
	return l.clock, l.clock > 0
}
