package redis

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"gumshoe/checks/reach"
)

// change is how counters changed between two readings.
type change struct {
	l             *look
	before, after info
	seconds       float64
}

// reset is why a change is not known.
const reset = "the counter was reset between the two readings"

// count gives the change of a counter; one that went back was reset.
func (c change) count(path, name string) int64 {
	before, had := c.before.int(name)
	after, has := c.after.int(name)
	switch {
	case !had || !has:
		c.l.lacks(path, name)
		return 0
	case after < before:
		c.l.call.Unread(path, reset, "")
		return 0
	}
	return after - before
}

func (c change) rate(path, name string) float64 { return float64(c.count(path, name)) / c.seconds }

// percent gives the change of a time in percent of the window.
func (c change) percent(path string, names ...string) float64 {
	var sum float64
	for _, name := range names {
		before, had := c.before.float(name)
		after, has := c.after.float(name)
		switch {
		case !had || !has:
			c.l.lacks(path, name)
			return 0
		case after < before:
			c.l.call.Unread(path, reset, "")
			return 0
		}
		sum += after - before
	}
	return 100 * sum / c.seconds
}

// deltas fills what two readings tell. Between them this probe sent so many
// pings, and INFO once.
func (l *look) deltas(before, after info, pings int64) {
	if l.WindowSeconds <= 0 {
		l.noDeltas("no time passed between the two readings")
		return
	}
	c := change{l, before, after, l.WindowSeconds}
	l.Memory.EvictedKeysPerSecond = c.rate("memory.evicted_keys_per_second", "evicted_keys")
	l.Memory.ExpiredKeysPerSecond = c.rate("memory.expired_keys_per_second", "expired_keys")
	refused, had := before.errors("OOM")
	more, has := after.errors("OOM")
	switch {
	case !had || !has:
		l.lacks("memory.oom_rejections", "how often it answers with which error (before 6.2)")
	case more < refused:
		l.call.Unread("memory.oom_rejections", reset, "")
	default:
		l.Memory.OOMRejections = more - refused
	}
	l.Clients.Rejected = c.count("clients.rejected", "rejected_connections")
	l.Clients.ConnectionsPerSecond = c.rate("clients.connections_per_second", "total_connections_received")
	l.Persistence.Forks = c.count("persistence.forks", "total_forks")
	if _, ok := before["aof_delayed_fsync"]; ok && l.Persistence.AOFEnabled {
		l.Persistence.AOFDelayedFsyncs = c.count("persistence.aof_delayed_fsyncs", "aof_delayed_fsync")
	}
	l.Replication.FullSyncs = c.count("replication.full_syncs", "sync_full")

	ours := pings + 1 // the first INFO is counted after it was answered
	l.Throughput.OpsPerSecond = float64(max(0, c.count("throughput.ops_per_second", "total_commands_processed")-ours)) / c.seconds
	l.Throughput.InBytesPerSecond = c.rate("throughput.in_bytes_per_second", "total_net_input_bytes")
	l.Throughput.OutBytesPerSecond = c.rate("throughput.out_bytes_per_second", "total_net_output_bytes")
	l.Throughput.ErrorRepliesPerSecond = c.rate("throughput.error_replies_per_second", "total_error_replies")
	hits := c.count("throughput.hit_percent", "keyspace_hits")
	misses := c.count("throughput.hit_percent", "keyspace_misses")
	l.Throughput.LookupsPerSecond, l.Throughput.HitPercent = float64(hits+misses)/c.seconds, 100
	if hits+misses > 0 {
		l.Throughput.HitPercent = 100 * float64(hits) / float64(hits+misses)
	}

	l.CPU.MainThreadPercent = c.percent("cpu.main_thread_percent", "used_cpu_sys_main_thread", "used_cpu_user_main_thread")
	l.CPU.ProcessPercent = c.percent("cpu.process_percent", "used_cpu_sys", "used_cpu_user")
	l.CPU.ChildrenPercent = c.percent("cpu.children_percent", "used_cpu_sys_children", "used_cpu_user_children")
	l.commands(c, pings)
}

// commands tells which kinds of commands took the time.
func (l *look) commands(c change, pings int64) {
	const most = 10
	told := false
	for name, text := range c.after {
		command, ok := strings.CutPrefix(name, "cmdstat_")
		if !ok {
			continue
		}
		told = true
		// calls=1,usec=2,usec_per_call=2.00,rejected_calls=0,failed_calls=0
		before, after := pairs(c.before[name]), pairs(text)
		n, calls := delta(before, after, "calls")
		usec, times := delta(before, after, "usec")
		if !calls || !times {
			for _, field := range []string{"commands", "busiest_command", "cpu.commands_percent"} {
				l.call.Unread(field, reset, "")
			}
			return
		}
		mean := float64(usec) / 1e6 / float64(max(1, n))
		switch command { // what this probe did itself
		case "ping":
			n -= pings
		case "info":
			n--
		}
		if n <= 0 {
			continue
		}
		busy := mean * float64(n) / c.seconds * 100
		l.CPU.CommandsPercent += busy
		l.Commands = append(l.Commands, Command{
			Command:        reach.Printable(strings.ReplaceAll(command, "|", " ")),
			CallsPerSecond: float64(n) / c.seconds, MeanSeconds: mean, BusyPercent: min(100, busy),
		})
	}
	if !told {
		for _, field := range []string{"commands", "busiest_command", "cpu.commands_percent"} {
			l.lacks(field, "how long its commands take")
		}
		return
	}
	l.CPU.CommandsPercent = min(100, l.CPU.CommandsPercent)
	slices.SortFunc(l.Commands, func(a, b Command) int {
		return cmp.Or(cmp.Compare(b.BusyPercent, a.BusyPercent), cmp.Compare(a.Command, b.Command))
	})
	l.Commands = l.Commands[:min(len(l.Commands), most)]
	if len(l.Commands) > 0 {
		l.BusiestCommand = l.Commands[0].Command
	}
}

// delta gives the change of one of the pairs; it is not known after a reset.
func delta(before, after info, name string) (int64, bool) {
	from := int64(0)
	if text, ok := before[name]; ok {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, false
		}
		from = n
	}
	to, ok := after.int(name)
	return to - from, ok && to >= from
}
