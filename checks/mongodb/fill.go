package mongodb

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// identify tells what hello says of the server's part.
func (l *look) identify() {
	h := l.hello
	l.ReplicaSet, l.Primary = textAt(h, "setName"), textAt(h, "primary")
	is := func(names ...string) bool {
		for _, name := range names {
			if number(h, name) == 1 {
				return true
			}
		}
		return false
	}
	switch {
	case textAt(h, "msg") == "isdbgrid":
		l.Role = "mongos"
	case l.ReplicaSet != "" && is("isWritablePrimary", "ismaster"):
		l.Role = "primary"
	case is("secondary"):
		l.Role = "secondary"
	case is("arbiterOnly"):
		l.Role = "arbiter"
	case l.ReplicaSet != "" || is("isreplicaset"):
		l.Role = "other"
	default:
		l.Role = "standalone"
	}
	if l.ReplicaSet == "" {
		for _, field := range []string{"has_primary", "primary"} {
			l.call.NotAsked(field, "it is in no replica set", "")
		}
	}
	l.HasPrimary = l.Primary != "" || l.Role == "primary"
}

// change is how the counters changed between two readings.
type change struct {
	l             *look
	before, after bson.Raw
	seconds       float64
}

// now gives a value of the second reading, of the first place that has it.
func (c change) now(field string, places ...[]string) float64 {
	for _, place := range places {
		if x, ok := numberOK(c.after, place...); ok {
			return max(0, x)
		}
	}
	c.l.call.NotAsked(field, fmt.Sprintf("this server does not tell %s", places[0]), "")
	return 0
}

// grown tells how much a counter grew.
func (c change) grown(field string, place ...string) float64 {
	from, had := numberOK(c.before, place...)
	to, has := numberOK(c.after, place...)
	switch {
	case !had || !has:
		c.l.call.NotAsked(field, fmt.Sprintf("this server does not tell %s", place), "")
		return 0
	case to < from:
		c.l.call.Unread(field, "the counter was reset between the two readings", "")
		return 0
	}
	return to - from
}

func (c change) rate(field string, place ...string) float64 {
	return c.grown(field, place...) / c.seconds
}

// fill fills what two readings tell.
func (l *look) fill(before, after bson.Raw) {
	if after == nil {
		return // what is missing is marked
	}
	if l.WindowSeconds <= 0 {
		l.unread("no time passed between the two readings", "connections", "queue", "throughput", "cache")
		return
	}
	c := change{l, before, after, l.WindowSeconds}
	at := func(place ...string) []string { return place }
	l.UptimeSeconds = c.now("uptime_seconds", at("uptime"))
	o := &l.Connections
	o.Used = int64(c.now("connections.used", at("connections", "current")))
	o.Available = int64(c.now("connections.available", at("connections", "available")))
	o.Active = int64(c.now("connections.active", at("connections", "active")))
	o.NewPerSecond = c.rate("connections.new_per_second", "connections", "totalCreated")
	if all := o.Used + o.Available; all > 0 {
		o.UsedPercent = 100 * float64(o.Used) / float64(all)
	} else {
		l.call.NotAsked("connections.used_percent", "this server does not tell its connections", "")
	}
	q := &l.Queue
	q.Readers = int64(c.now("queue.readers", at("globalLock", "currentQueue", "readers")))
	q.Writers = int64(c.now("queue.writers", at("globalLock", "currentQueue", "writers")))
	q.Total = int64(c.now("queue.total", at("globalLock", "currentQueue", "total")))
	q.ReadTicketsAvailable = int64(c.now("queue.read_tickets_available",
		at("wiredTiger", "concurrentTransactions", "read", "available"), at("queues", "execution", "read", "available")))
	q.WriteTicketsAvailable = int64(c.now("queue.write_tickets_available",
		at("wiredTiger", "concurrentTransactions", "write", "available"), at("queues", "execution", "write", "available")))
	c.throughput()
	c.cache()
}

func (c change) throughput() {
	o := &c.l.Throughput
	o.QueriesPerSecond = c.rate("throughput.queries_per_second", "opcounters", "query")
	o.InsertsPerSecond = c.rate("throughput.inserts_per_second", "opcounters", "insert")
	o.UpdatesPerSecond = c.rate("throughput.updates_per_second", "opcounters", "update")
	o.DeletesPerSecond = c.rate("throughput.deletes_per_second", "opcounters", "delete")
	o.GetmoresPerSecond = c.rate("throughput.getmores_per_second", "opcounters", "getmore")
	o.CommandsPerSecond = c.rate("throughput.commands_per_second", "opcounters", "command")
	o.OpsPerSecond = o.QueriesPerSecond + o.InsertsPerSecond + o.UpdatesPerSecond + o.DeletesPerSecond + o.GetmoresPerSecond + o.CommandsPerSecond
	if _, told := numberOK(c.after, "opcounters", "query"); !told {
		c.l.call.NotAsked("throughput.ops_per_second", "this server does not tell opcounters", "")
	}
	o.ReadMeanSeconds = c.mean("throughput.read_mean_seconds", "reads")
	o.WriteMeanSeconds = c.mean("throughput.write_mean_seconds", "writes")
	o.PageFaultsPerSecond = c.rate("throughput.page_faults_per_second", "extra_info", "page_faults")
	o.DocumentsScannedPerSecond = c.rate("throughput.documents_scanned_per_second", "metrics", "queryExecutor", "scannedObjects")
	o.DocumentsReturnedPerSecond = c.rate("throughput.documents_returned_per_second", "metrics", "document", "returned")
	o.CollectionScansPerSecond = c.rate("throughput.collection_scans_per_second", "metrics", "queryExecutor", "collectionScans", "total")
	for _, kind := range []string{"regular", "warning", "msg", "user"} {
		o.Asserts += int64(c.grown("throughput.asserts", "asserts", kind))
	}
}

// mean gives the mean time of what was done in the window; the server counts in
// microseconds.
func (c change) mean(field, kind string) float64 {
	n := c.grown(field, "opLatencies", kind, "ops")
	if n == 0 {
		c.l.call.NotAsked(field, "there was none in the window", "")
		return 0
	}
	return c.grown(field, "opLatencies", kind, "latency") / n / 1e6
}

func (c change) cache() {
	o := &c.l.Cache
	place := func(name string) []string { return []string{"wiredTiger", "cache", name} }
	limit := c.now("cache.limit_bytes", place("maximum bytes configured"))
	used := c.now("cache.used_percent", place("bytes currently in the cache"))
	dirty := c.now("cache.dirty_percent", place("tracked dirty bytes in the cache"))
	o.LimitBytes = int64(limit)
	if limit > 0 {
		o.UsedPercent, o.DirtyPercent = 100*used/limit, 100*dirty/limit
	}
	o.ReadBytesPerSecond = c.rate("cache.read_bytes_per_second", place("bytes read into cache")...)
	o.EvictedByOperationsPerSecond = c.rate("cache.evicted_by_operations_per_second", place("pages evicted by application threads")...)
}
