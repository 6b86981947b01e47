package redis

// What cannot be seen, by what was not to be had.

// sections are the fields that INFO fills.
func sections() []string {
	return []string{
		"product", "version", "mode", "role", "uptime_seconds", "memory", "clients", "throughput", "cpu", "commands",
		"busiest_command", "persistence", "replication", "cluster", "keyspace", "keys",
	}
}

// changing are the fields that take two readings of INFO.
func changing() []string {
	return []string{
		"memory.evicted_keys_per_second", "memory.expired_keys_per_second", "memory.oom_rejections",
		"clients.rejected", "clients.connections_per_second", "throughput", "cpu", "commands", "busiest_command",
		"persistence.aof_delayed_fsyncs", "persistence.forks", "replication.full_syncs",
	}
}

// unread marks fields that the outcome leaves unseen.
func (l *look) unread(fields ...string) {
	for _, field := range fields {
		l.call.Unread(field, "there was no answer: "+l.Outcome.Words(), "")
	}
}

// nothing marks all that a conversation would have told.
func (l *look) nothing(reason string) {
	for _, field := range append([]string{"ping", "window_seconds"}, sections()...) {
		l.call.Unread(field, reason, "")
	}
	l.noLists(reason)
	if l.LoginSeconds == 0 {
		l.call.Unread("login_seconds", reason, "")
	}
}

// noInfo is for a user who may not read INFO.
func (l *look) noInfo() {
	for _, field := range sections() {
		l.call.Unread(field, "the user may not use INFO: "+l.Error, "ACL SETUSER "+l.user()+" +info")
	}
	l.call.Unread("window_seconds", "without INFO there are no readings", "")
	l.noLists("without INFO it is not asked for")
}

// noDeltas marks what takes two readings.
func (l *look) noDeltas(reason string) {
	for _, field := range changing() {
		l.call.Unread(field, reason, "")
	}
}

// noLists marks what is asked for after the second reading.
func (l *look) noLists(reason string) {
	for _, field := range []string{"slow_log", "latency_monitored", "latency_events"} {
		l.call.Unread(field, reason, "")
	}
}

// user is who we are, for a grant.
func (l *look) user() string {
	if l.in.Username == "" {
		return "default"
	}
	return l.in.Username
}
