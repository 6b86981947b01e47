package redis

import (
	"cmp"
	"slices"
	"strconv"

	"gumshoe/checks/reach"
)

// maxSlow is how many entries of the slow log are read: all that a server keeps
// by default.
const maxSlow = 128

// newestSlow is the number of the newest entry of the slow log; -1 when there is
// none or it cannot be told.
func newestSlow(r reply) int64 {
	if len(r.list) != 1 || len(r.list[0].list) == 0 {
		return -1
	}
	return r.list[0].list[0].integer
}

// last are the commands of the second reading, as far as the server has them.
func last(i info) [][]string {
	commands := [][]string{
		{"INFO", "all"},
		{"SLOWLOG", "GET", strconv.Itoa(maxSlow)},
		{"LATENCY", "LATEST"},
		{"CONFIG", "GET", "slowlog-log-slower-than"},
		{"CONFIG", "GET", "latency-monitor-threshold"},
		{"CONFIG", "GET", "save"},
		{"CONFIG", "GET", "maxclients"}, // INFO has it since 7.0
	}
	if _, told := i["server_time_usec"]; !told {
		commands = append(commands, []string{"TIME"})
	}
	if i["cluster_enabled"] == "1" {
		commands = append(commands, []string{"CLUSTER", "INFO"})
	}
	return commands
}

// lists fills from the second reading all but what takes both.
func (l *look) lists(wanted [][]string, replies []reply, newest int64, i info) {
	settings := info{}
	byName := map[string]reply{}
	for n, argv := range wanted {
		byName[argv[0]] = replies[n]
		if argv[0] == "CONFIG" && len(replies[n].list) == 2 {
			settings[argv[2]] = replies[n].list[1].text
		}
	}
	if t := byName["TIME"].list; len(t) == 2 {
		l.clock, _ = strconv.ParseFloat(t[0].text, 64)
	}
	l.fill(i)
	l.settings(i, settings)
	l.slowLog(i, settings, byName["SLOWLOG"], newest)
	l.latency(i, settings, byName["LATENCY"])
	if r, asked := byName["CLUSTER"]; asked {
		l.cluster(r)
	}
}

const noConfig = "the user may not use CONFIG GET"

func (l *look) settings(i, settings info) {
	grant := "ACL SETUSER " + l.user() + " +config|get"
	if save, ok := settings["save"]; ok {
		l.Persistence.SavePoints = reach.Printable(save)
	} else {
		l.call.Unread("persistence.save_points", noConfig, grant)
	}
	limit, inInfo := i.int("maxclients")
	if n, ok := settings.int("maxclients"); ok {
		limit, inInfo = n, true
	}
	if inInfo {
		l.limitClients(limit)
	} else {
		l.call.Unread("clients.limit", noConfig, grant)
		l.call.Unread("clients.used_percent", noConfig, grant)
	}
}

func (l *look) slowLog(i, settings info, r reply, newest int64) {
	threshold, told := settings.int("slowlog-log-slower-than")
	switch {
	case !told:
		l.call.Unread("slow_log.threshold_seconds", noConfig, "ACL SETUSER "+l.user()+" +config|get")
	case threshold < 0:
		l.call.Unread("slow_log", "the slow log is off", "CONFIG SET slowlog-log-slower-than 10000")
		return
	}
	l.SlowLog.ThresholdSeconds = float64(threshold) / 1e6
	now, known := l.now(i)
	if r.kind != arrayReply || !known {
		reason := reach.Printable("the user may not read it: " + r.text)
		if r.kind == arrayReply {
			reason = "the server's time is not known"
		}
		l.call.Unread("slow_log", reason, "ACL SETUSER "+l.user()+" +slowlog|get +time")
		return
	}
	byKind := map[[2]string]*SlowCommand{}
	for _, e := range r.list {
		if len(e.list) < 4 || len(e.list[3].list) == 0 {
			continue
		}
		// its number, when, how many µs, the command; since Redis 4 who, and their name
		if e.list[0].integer > newest {
			l.SlowLog.New++
		}
		if now-float64(e.list[1].integer) > l.in.Since.Seconds() {
			continue
		}
		took := float64(max(0, e.list[2].integer)) / 1e6
		l.SlowLog.Count++
		l.SlowLog.SlowestSeconds = max(l.SlowLog.SlowestSeconds, took)
		l.SlowLog.TotalSeconds += took
		command, key := shape(e.list[3].list)
		kind := byKind[[2]string{command, key}]
		if kind == nil { // the newest of its kind comes first
			kind = &SlowCommand{Command: command, Key: key, Client: client(e.list[4:])}
			byKind[[2]string{command, key}] = kind
		}
		kind.Count++
		kind.TotalSeconds += took
		kind.SlowestSeconds = max(kind.SlowestSeconds, took)
	}
	for _, kind := range byKind {
		l.SlowLog.Commands = append(l.SlowLog.Commands, *kind)
	}
	slices.SortFunc(l.SlowLog.Commands, func(a, b SlowCommand) int {
		return cmp.Or(cmp.Compare(b.TotalSeconds, a.TotalSeconds), cmp.Compare(a.Command, b.Command), cmp.Compare(a.Key, b.Key))
	})
	l.SlowLog.Commands = l.SlowLog.Commands[:min(len(l.SlowLog.Commands), 10)]
}

// client tells who sent a command of the slow log.
func client(rest []reply) string {
	switch {
	case len(rest) == 0:
		return ""
	case len(rest) > 1 && rest[1].text != "":
		return reach.Printable(rest[0].text + " (" + rest[1].text + ")")
	}
	return reach.Printable(rest[0].text)
}

func (l *look) latency(i, settings info, r reply) {
	now, known := l.now(i)
	threshold, told := settings.int("latency-monitor-threshold")
	switch {
	case r.kind != arrayReply:
		l.latencyUnknown(told, threshold)
		l.call.Unread("latency_events", reach.Printable("the user may not read them: "+r.text), "ACL SETUSER "+l.user()+" +latency|latest")
		return
	case !known:
		l.lacks("latency_events", "its time")
		return
	case !told && len(r.list) == 0:
		l.call.Unread("latency_monitored", noConfig, "ACL SETUSER "+l.user()+" +config|get")
		l.call.Unread("latency_events", "whether the latency monitor is on may not be read", "ACL SETUSER "+l.user()+" +config|get")
		return
	case threshold <= 0 && len(r.list) == 0:
		l.call.NotAsked("latency_events", "the latency monitor is off", "CONFIG SET latency-monitor-threshold 100")
		return
	}
	l.LatencyMonitored = true
	const most = 30
	for _, e := range r.list {
		if len(e.list) < 4 || len(l.LatencyEvents) == most {
			continue
		}
		// its name, when, how many ms the last took, and the longest ever
		event := LatencyEvent{
			Event: reach.Printable(e.list[0].text), AgeSeconds: max(0, now-float64(e.list[1].integer)),
			LatestSeconds: float64(max(0, e.list[2].integer)) / 1e3, MaxSeconds: float64(max(0, e.list[3].integer)) / 1e3,
		}
		if event.AgeSeconds <= l.in.Since.Seconds() {
			l.LatencyEvents = append(l.LatencyEvents, event)
		}
	}
}

// latencyUnknown says whether the latency monitor is on when its list may not be
// read.
func (l *look) latencyUnknown(told bool, threshold int64) {
	l.LatencyMonitored = threshold > 0
	if !told {
		l.call.Unread("latency_monitored", noConfig, "ACL SETUSER "+l.user()+" +config|get")
	}
}

// cluster fills what a node knows of its cluster.
func (l *look) cluster(r reply) {
	if r.kind == errorReply {
		for _, field := range []string{"failed", "slots_assigned", "slots_ok", "slots_failed", "nodes"} {
			l.call.Unread("cluster."+field, reach.Printable("the user may not read it: "+r.text), "ACL SETUSER "+l.user()+" +cluster|info")
		}
		return
	}
	c := reader{parseInfo(r.text), l}
	l.Cluster.Failed = !c.is("cluster.failed", "cluster_state", "ok")
	l.Cluster.SlotsAssigned = c.count("cluster.slots_assigned", "cluster_slots_assigned")
	l.Cluster.SlotsOK = c.count("cluster.slots_ok", "cluster_slots_ok")
	l.Cluster.SlotsFailed = c.count("cluster.slots_failed", "cluster_slots_fail") + c.count("cluster.slots_failed", "cluster_slots_pfail")
	l.Cluster.Nodes = c.count("cluster.nodes", "cluster_known_nodes")
}
