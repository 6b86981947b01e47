package rabbitmq

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Bounds of what is kept.
const (
	maxListed = 100 // nodes and queues
	maxNames  = 10
)

// managed are the fields that come from the management API.
func managed() []string {
	return []string{
		"cluster_name", "memory_alarm", "disk_alarm", "nodes_down", "partitioned", "nodes", "totals", "queues",
		"connections", "window_seconds",
	}
}

// fill puts what the management API answered into an observation.
func (m *management) fill(o *Server, call *engine.Call) {
	if m.client == nil {
		for _, field := range append(managed(), "management_outcome", "management_error", "management_seconds") {
			call.NotAsked(field, "the management API was not asked", "set management: http://HOST:15672")
		}
		return
	}
	o.ManagementOutcome, o.ManagementError, o.ManagementSeconds = m.outcome, m.text, m.seconds
	if m.outcome != reach.OK {
		fix := ""
		if m.outcome == reach.NoPermission {
			user, _ := m.in.credentials()
			fix = "rabbitmqctl set_user_tags " + reach.Printable(user) + " monitoring"
		}
		reason := "the management API does not tell: " + m.outcome.Words() + " " + m.text
		if own(o.Outcome) && m.outcome.OfTarget() { // else there is a broker, and we do not see how it is
			reach.Without(call, true, reason, managed()...)
			return
		}
		for _, field := range managed() {
			call.Unread(field, reason, fix)
		}
		return
	}
	for _, field := range slices.Sorted(maps.Keys(m.lacking)) {
		call.Unread(field, m.lacking[field].reason, m.lacking[field].fix)
	}
	o.WindowSeconds = float64(m.age)
	m.fillOverview(o, call)
	m.fillNodes(o, call)
	m.fillQueues(o, call)
	for _, c := range m.clients.Items {
		switch c.State {
		case "blocked":
			o.Connections.Blocked++
			if len(o.Connections.BlockedNames) < maxNames {
				o.Connections.BlockedNames = append(o.Connections.BlockedNames, reach.Printable(cmp.Or(c.Said.Name, c.Name)))
			}
		case "blocking":
			o.Connections.Blocking++
		case "flow":
			o.Connections.Flow++
		}
	}
}

func (m *management) fillOverview(o *Server, call *engine.Call) {
	v := m.overview
	o.ClusterName = reach.Printable(v.ClusterName)
	const reason = "the management API does not tell"
	for _, n := range []struct {
		from *int64
		to   *int64
		name string
	}{
		{v.Objects.Queues, &o.Totals.Queues, "queues"},
		{v.Objects.Consumers, &o.Totals.Consumers, "consumers"},
		{v.Objects.Connections, &o.Totals.Connections, "connections"},
		{v.Objects.Channels, &o.Totals.Channels, "channels"},
		{v.Queues.Ready, &o.Totals.Ready, "ready"},
		{v.Queues.Unacked, &o.Totals.Unacked, "unacked"},
	} {
		if !take(n.to, n.from) && (v.Objects.Queues == nil || *v.Objects.Queues > 0 || n.name == "consumers") {
			call.Unread("totals."+n.name, reason, "")
		}
	}
	if v.DisableStats {
		for _, name := range []string{"publish", "deliver", "ack", "unroutable"} {
			call.Unread("totals."+name+"_per_second", "the broker keeps no statistics",
				"management_agent.disable_metrics_collector = false")
		}
	}
	o.Totals.PublishPerSecond = finite(v.Messages.Publish.Average)
	o.Totals.DeliverPerSecond = finite(v.Messages.Deliver.Average)
	o.Totals.AckPerSecond = finite(v.Messages.Ack.Average)
	o.Totals.UnroutablePerSecond = finite(v.Messages.Returned.Average + v.Messages.Dropped.Average)
}

func (m *management) fillNodes(o *Server, call *engine.Call) {
	for i, n := range m.nodes {
		if !n.Running && len(o.NodesDown) < maxListed {
			o.NodesDown = append(o.NodesDown, reach.Printable(n.Name))
		}
		o.MemoryAlarm = o.MemoryAlarm || n.MemoryAlarm != nil && *n.MemoryAlarm
		o.DiskAlarm = o.DiskAlarm || n.DiskAlarm != nil && *n.DiskAlarm
		o.Partitioned = o.Partitioned || len(n.Partitions) > 0
		if i >= maxListed {
			continue
		}
		kept := Node{Name: reach.Printable(n.Name), Running: n.Running, Partitions: []string{}}
		for _, name := range n.Partitions[:min(len(n.Partitions), maxNames)] {
			kept.Partitions = append(kept.Partitions, reach.Printable(name))
		}
		lost := func(known bool, fields ...string) {
			if known {
				return
			}
			for _, field := range fields {
				call.Unread(fmt.Sprintf("nodes[%d].%s", i, field), "the node does not tell", "")
			}
		}
		lost(take(&kept.MemoryUsedBytes, n.MemoryUsed), "memory_used_bytes", "memory_used_percent")
		lost(take(&kept.MemoryLimitBytes, n.MemoryLimit), "memory_limit_bytes", "memory_used_percent")
		lost(n.MemoryAlarm != nil, "memory_alarm")
		lost(n.DiskFree.known, "disk_free_bytes")
		lost(n.DiskLimit.known, "disk_limit_bytes")
		lost(n.DiskAlarm != nil, "disk_alarm")
		files := n.FileDescriptors != nil && n.FileLimit != nil && *n.FileLimit > 0
		lost(files, "file_descriptors_used", "file_descriptors_limit", "file_descriptors_used_percent")
		lost(n.Uptime != nil, "uptime_seconds")
		kept.DiskFreeBytes, kept.DiskLimitBytes = n.DiskFree.value, n.DiskLimit.value
		kept.MemoryAlarm = n.MemoryAlarm != nil && *n.MemoryAlarm
		kept.DiskAlarm = n.DiskAlarm != nil && *n.DiskAlarm
		if kept.MemoryLimitBytes > 0 {
			kept.MemoryUsedPercent = 100 * float64(kept.MemoryUsedBytes) / float64(kept.MemoryLimitBytes)
		}
		if files {
			kept.FileDescriptorsUsed, kept.FileDescriptorsLimit = *n.FileDescriptors, *n.FileLimit
			kept.FileDescriptorsUsedPercent = 100 * float64(*n.FileDescriptors) / float64(*n.FileLimit)
		}
		if n.Uptime != nil {
			kept.UptimeSeconds = float64(*n.Uptime) / 1000
		}
		o.Nodes = append(o.Nodes, kept)
	}
}

// named is how a queue for dead letters is usually called.
const named = `(?i)(^|[^a-z])(dlq|dlx|dead([^a-z]?letters?)?|parking[^a-z]?lot)([^a-z]|$)`

func (m *management) fillQueues(o *Server, call *engine.Call) {
	letters := regexp.MustCompile(named)
	targets := map[string]bool{} // of dead letters, by name
	for _, q := range m.queues.Items {
		for _, s := range []settings{q.Policy, q.Set} {
			if s.deadLetters && s.exchange == "" && s.key != "" {
				targets[s.key] = true
			}
		}
	}
	for i, q := range m.queues.Items[:min(len(m.queues.Items), maxListed)] {
		kept := Queue{
			Name: reach.Printable(q.Name), Vhost: reach.Printable(q.Vhost), State: reach.Printable(q.State),
			GrowthPerSecond: finite(q.Growth.Average), PublishPerSecond: finite(q.Stats.Publish.Average),
			DeliverPerSecond: finite(q.Stats.Deliver.Average), AckPerSecond: finite(q.Stats.Ack.Average),
			RedeliverPerSecond: finite(q.Stats.Redeliver.Average),
			MaxLength:          cmp.Or(q.Set.maxLength, q.Policy.maxLength),
			DeadLetters:        q.Set.deadLetters || q.Policy.deadLetters,
			DeadLetterQueue:    targets[q.Name] || letters.MatchString(q.Name),
		}
		unread := func(reason string, fields ...string) {
			for _, field := range fields {
				call.Unread(fmt.Sprintf("queues[%d].%s", i, field), reason, "")
			}
		}
		told := take(&kept.Ready, q.Ready)
		told = take(&kept.Unacked, q.Unacked) && told
		told = take(&kept.Messages, q.Messages) && told
		if !told {
			unread("the queue does not tell", "ready", "unacked", "messages", "growth_per_second")
		}
		if m.overview.DisableStats || q.Consumer == nil {
			unread("there are no statistics of the queue", "publish_per_second", "deliver_per_second", "ack_per_second",
				"redeliver_per_second", "growth_per_second")
		}
		if !take(&kept.Consumers, q.Consumer) {
			unread("the queue does not tell", "consumers")
		}
		if !take(&kept.MemoryBytes, q.Memory) {
			unread("the queue does not tell", "memory_bytes")
		}
		capacity := q.Capacity
		if !capacity.known {
			capacity = q.Busy
		}
		if kept.Consumers > 0 && capacity.known {
			kept.ConsumerCapacityPercent = 100 * finite(capacity.value)
		} else {
			call.NotAsked(fmt.Sprintf("queues[%d].consumer_capacity_percent", i), "the queue has no consumer, or does not tell", "")
		}
		if q.Head.known {
			kept.OldestMessageAgeSeconds = max(0, time.Since(time.Unix(q.Head.value, 0)).Seconds())
		} else {
			call.NotAsked(fmt.Sprintf("queues[%d].oldest_message_age_seconds", i), "its messages say no time", "")
		}
		if told && kept.Consumers == 0 && kept.Ready > 0 {
			o.Totals.Backlogged++
		}
		o.Queues = append(o.Queues, kept)
	}
}

// take copies a number that is there, and tells whether it is.
func take(to, from *int64) bool {
	if from == nil {
		return false
	}
	*to = max(0, *from)
	return true
}

func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}
