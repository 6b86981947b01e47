package nats

import (
	"cmp"
	"slices"

	"gumshoe/checks/reach"
)

// Bounds of the lists.
const (
	maxStreams   = 50
	maxConsumers = 100
)

// conclude fills the observation from the readings, and says what they lack.
func (l *look) conclude() {
	asked := l.in.Monitor != ""
	if asked && l.Monitor.Outcome != reach.OK {
		reason := "the monitoring port told nothing: " + l.Monitor.Outcome.Words()
		fields := slices.Concat([]string{"monitor.healthy", "monitor.unhealthy_reason", "window_seconds"}, monitored(), stored())
		// When the port for clients is well there is a server, and we do not see how it is.
		reach.Without(l.call, l.own() && l.Monitor.Outcome.OfTarget(), reason, fields...)
		return
	}
	if asked {
		l.fillMonitor(l.seen.before.varz, l.seen.after.varz, l.seen.after.at.Sub(l.seen.before.at).Seconds())
		l.fillJetStream(l.seen, "monitor")
		return
	}
	const none = "the monitoring port was not asked"
	const fix = "give monitor, such as http://HOST:8222"
	for _, field := range append(monitored(), "monitor.outcome", "monitor.error", "monitor.healthy", "monitor.unhealthy_reason", "jetstream.meta_leader", "jetstream.meta_leader_missing", "jetstream.offline_peers") {
		l.call.NotAsked(field, none, fix)
	}
	switch {
	case l.Outcome != reach.OK:
		reach.Without(l.call, l.own(), "there is no session: "+l.Outcome.Words(), append(stored(), "window_seconds")...)
	case !l.s.info.JetStream: // the greeting says so
		l.call.NotAsked("window_seconds", none, fix)
	case l.noAPI != "":
		l.JetStream.Enabled = true
		l.unread("JetStream was not seen: "+l.noAPI, stored()[1:]...)
		l.call.NotAsked("window_seconds", none, fix)
	default:
		l.fillJetStream(l.api, "api")
	}
}

// monitored are the fields that only the monitoring port tells.
func monitored() []string { return []string{"process", "clients", "traffic", "routes"} }

// stored are the fields about JetStream.
func stored() []string {
	return []string{
		"jetstream.enabled", "jetstream.stream_count", "jetstream.consumer_count", "jetstream.memory_bytes", "jetstream.memory_limit_bytes",
		"jetstream.memory_used_percent", "jetstream.storage_bytes", "jetstream.storage_limit_bytes", "jetstream.storage_used_percent",
		"jetstream.api_errors_per_second", "jetstream.meta_leader", "jetstream.meta_leader_missing", "jetstream.offline_peers",
		"streams", "consumers",
	}
}

// unread marks fields that could not be seen.
func (l *look) unread(reason string, fields ...string) {
	for _, field := range fields {
		l.call.Unread(field, reason, "")
	}
}

// notIn marks what only a session shows.
func (l *look) notIn() {
	reason := "there is no session: " + l.Outcome.Words()
	reach.Without(l.call, l.own(), reason, "login_seconds", "ping")
	if l.s == nil || l.s.info.Version == "" {
		reach.Without(l.call, l.own(), reason, "name", "version", "cluster_name", "max_payload_bytes", "lame_duck")
	}
}

// own tells whether that we were not let in is the server's own failure, whoever
// asks. One that lets us in and then stops leaves the look incomplete.
func (l *look) own() bool { return l.Outcome.OfTarget() && l.LoginSeconds == 0 }

// fillMonitor fills what /varz tells. Its counters may have been reset by a
// restart between the two readings.
func (l *look) fillMonitor(before, after varz, seconds float64) {
	l.WindowSeconds = max(0, seconds)
	l.Process = Process{
		UptimeSeconds: max(0, after.Now.Sub(after.Start).Seconds()), MemoryBytes: max(0, after.Memory),
		CPUPercent: max(0, after.CPU), Cores: after.Cores,
	}
	c := &l.Clients
	c.Connected, c.Limit, c.Subscriptions = after.Connections, after.MaxConnections, after.Subscriptions
	c.UsedPercent = percent(c.Connected, c.Limit)
	c.SlowConsumersTotal = after.SlowConsumers
	if seconds <= 0 || !before.Start.Equal(after.Start) {
		l.unread("the server was restarted between the two readings", "traffic", "clients.connections_per_second", "clients.slow_consumers")
		return
	}
	rate := func(before, after int64) float64 { return max(0, float64(after-before)/seconds) }
	c.ConnectionsPerSecond = rate(before.TotalConnections, after.TotalConnections)
	c.SlowConsumers = max(0, after.SlowConsumers-before.SlowConsumers)
	l.Traffic = Traffic{
		InMessagesPerSecond: rate(before.InMessages, after.InMessages), OutMessagesPerSecond: rate(before.OutMessages, after.OutMessages),
		InBytesPerSecond: rate(before.InBytes, after.InBytes), OutBytesPerSecond: rate(before.OutBytes, after.OutBytes),
	}
}

// fillJetStream fills what two readings of JetStream tell.
func (l *look) fillJetStream(r readings, source string) {
	j := &l.JetStream
	j.Source = source
	j.Enabled = source == "api" || !r.after.jsz.Disabled
	if !j.Enabled {
		return
	}
	seconds := r.after.at.Sub(r.before.at).Seconds()
	l.WindowSeconds = max(0, seconds)
	a := r.after.account
	j.StreamCount, j.ConsumerCount = a.Streams, a.Consumers
	j.MemoryBytes, j.StorageBytes = max(0, a.Memory), max(0, a.Storage)
	j.MemoryLimitBytes, j.StorageLimitBytes = max(0, a.Limits.Memory), max(0, a.Limits.Storage)
	j.MemoryUsedPercent, j.StorageUsedPercent = percent(j.MemoryBytes, j.MemoryLimitBytes), percent(j.StorageBytes, j.StorageLimitBytes)
	if seconds <= 0 {
		seconds = l.window.Seconds()
	}
	j.APIErrorsPerSecond = max(0, float64(a.API.Errors-r.before.account.API.Errors)/seconds)
	if meta := r.after.jsz.Meta; source == "monitor" {
		j.MetaLeader = reach.Printable(meta.Leader)
		j.MetaLeaderMissing = meta.Name != "" && meta.Leader == ""
		for _, peer := range meta.Replicas {
			if peer.Offline {
				j.OfflinePeers++
			}
		}
	}
	l.list(r, seconds)
}

// list fills the streams and consumers, those that matter most first. A server
// that does not lead a stream knows less of its consumers: those without a leader
// here are left out where another leads.
func (l *look) list(r readings, seconds float64) {
	type key struct{ account, stream, consumer string }
	last := map[key]int64{}
	consumers := map[key]consumerInfo{}
	for _, s := range r.before.streams {
		last[key{s.account, s.Name, ""}] = s.State.LastSeq
		for _, c := range s.Consumers {
			consumers[key{s.account, s.Name, c.Name}] = c
		}
	}
	for _, s := range r.after.streams {
		out := stream(s)
		if from, known := last[key{s.account, s.Name, ""}]; known {
			out.InMessagesPerSecond = max(0, float64(s.State.LastSeq-from)/seconds)
		}
		if !s.State.FirstTime.IsZero() && s.State.Messages > 0 {
			out.OldestSeconds = max(0, r.after.now().Sub(s.State.FirstTime).Seconds())
		}
		l.Streams = append(l.Streams, out)
		for _, c := range s.Consumers {
			out := consumer(s, c)
			if from, known := consumers[key{s.account, s.Name, c.Name}]; known {
				out.DeliveredPerSecond = max(0, float64(c.Delivered.Consumer-from.Delivered.Consumer)/seconds)
				out.AckedPerSecond = max(0, float64(c.AckFloor.Consumer-from.AckFloor.Consumer)/seconds)
				out.GrowthPerSecond = float64(c.Pending+c.AckPending-from.Pending-from.AckPending) / seconds
			}
			l.Consumers = append(l.Consumers, out)
		}
	}
	slices.SortStableFunc(l.Streams, func(a, b Stream) int {
		return cmp.Or(cmp.Compare(b.UsedPercent, a.UsedPercent), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	slices.SortStableFunc(l.Consumers, func(a, b Consumer) int {
		return cmp.Or(cmp.Compare(b.Pending, a.Pending), cmp.Compare(b.AckPending, a.AckPending), cmp.Compare(a.Name, b.Name))
	})
	l.Streams = l.Streams[:min(len(l.Streams), maxStreams)]
	l.Consumers = l.Consumers[:min(len(l.Consumers), maxConsumers)]
}

func stream(s streamInfo) Stream {
	out := Stream{
		Account: reach.Printable(s.account), Name: reach.Printable(s.Name), Messages: s.State.Messages, Bytes: max(0, s.State.Bytes),
		MaxMessages: max(0, s.Config.MaxMessages), MaxBytes: max(0, s.Config.MaxBytes), RefusesWhenFull: s.Config.Discard == "new",
		ConsumerCount: s.State.Consumers, Replicas: max(1, s.Config.Replicas), LeaderMissing: leaderless(s.Cluster),
	}
	out.UsedPercent = max(percent(out.Messages, out.MaxMessages), percent(out.Bytes, out.MaxBytes))
	for _, replica := range s.Cluster.Replicas {
		if replica.Offline || !replica.Current {
			out.ReplicasBehind++
		}
	}
	return out
}

func consumer(s streamInfo, c consumerInfo) Consumer {
	out := Consumer{
		Account: reach.Printable(s.account), Stream: reach.Printable(s.Name), Name: reach.Printable(c.Name),
		Pending: c.Pending, AckPending: c.AckPending, MaxAckPending: max(0, c.Config.MaxAckPending), Redelivered: c.Redelivered,
		Waiting: c.Waiting, Push: c.Config.DeliverSubject != "", PushBound: c.PushBound, Paused: c.Paused, LeaderMissing: leaderless(c.Cluster),
	}
	out.AckPendingPercent = percent(out.AckPending, out.MaxAckPending)
	return out
}

// leaderless tells whether something that has several copies has no leader.
func leaderless(c clusterInfo) bool { return c.Name != "" && c.Leader == "" }

// percent is part of whole in percent; 0 when the whole is no limit.
func percent(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}
