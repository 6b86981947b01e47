package mysql

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"gumshoe/checks/reach"
)

// totals are those of one digest since the table was last emptied. The server
// keeps at most performance_schema_digests_size of them, 10,000 by default.
type totals struct{ calls, picoseconds, examined, noIndex, tmpDisk, errors uint64 }

func totalsOf(r row) totals {
	n := func(name string) uint64 {
		x, err := strconv.ParseUint(r[name], 10, 64)
		if err != nil {
			return 0
		}
		return x
	}
	return totals{n("calls"), n("time"), n("examined"), n("no_index"), n("tmp_disk"), n("errors")}
}

// digestsBefore is the first reading of the digests.
type digestsBefore struct {
	totals map[string]totals // by database and digest
	now    string            // the server's clock
	at     time.Time
}

// marker is a column of those of our own statements that are executed between the
// two readings, by which they are known.
const marker = "gumshoe_reads"

// ownStatus is the one of them that cannot have it, and how often it is executed.
const (
	ownStatus      = "SHOW GLOBAL STATUS"
	ownStatusCalls = 2
)

const digestColumns = `IFNULL(SCHEMA_NAME,'') AS name, IFNULL(DIGEST,'') AS digest, COUNT_STAR AS calls, SUM_TIMER_WAIT AS time,
	SUM_ROWS_EXAMINED AS examined, SUM_NO_INDEX_USED AS no_index, SUM_CREATED_TMP_DISK_TABLES AS tmp_disk, SUM_ERRORS AS errors, 1 AS ` + marker

// digestTotals reads the digests before the window; nil when they cannot be read.
func (l *look) digestTotals(ctx context.Context, settings row) *digestsBefore {
	if settings != nil && !strings.EqualFold(settings["performance_schema"], "ON") {
		l.unread("the performance schema is off", "start the server with performance_schema=ON", "statements")
		return nil
	}
	on, ok := l.ask(ctx, "SELECT ENABLED AS enabled, NOW() AS moment FROM performance_schema.setup_consumers WHERE NAME = 'statements_digest'",
		grantSchema, "statements")
	switch {
	case !ok:
		return nil
	case len(on) == 0 || !strings.EqualFold(on[0]["enabled"], "YES"):
		l.unread("the performance schema does not collect the digests of statements",
			"UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = 'statements_digest'", "statements")
		return nil
	}
	answer, ok := l.ask(ctx, "SELECT "+digestColumns+" FROM performance_schema.events_statements_summary_by_digest LIMIT 20000", grantSchema, "statements")
	if !ok {
		return nil
	}
	before := &digestsBefore{make(map[string]totals, len(answer)), on[0]["moment"], time.Now()}
	for _, r := range answer {
		before.totals[r["name"]+"\x00"+r["digest"]] = totalsOf(r)
	}
	return before
}

// statements fills what the digests gained in the window.
func (l *look) statements(ctx context.Context, before *digestsBefore) {
	if before == nil {
		return // it is marked
	}
	answer, ok := l.ask(ctx, "SELECT "+digestColumns+", LEFT(DIGEST_TEXT, 2000) AS text FROM performance_schema.events_statements_summary_by_digest"+
		" WHERE LAST_SEEN >= '"+clock(before.now)+"' ORDER BY SUM_TIMER_WAIT DESC LIMIT 5000", grantSchema, "statements")
	if !ok {
		return
	}
	window := time.Since(before.at).Seconds()
	var all float64
	for _, r := range answer {
		now, was := totalsOf(r), before.totals[r["name"]+"\x00"+r["digest"]]
		if now.calls < was.calls || now.picoseconds < was.picoseconds { // the table was emptied meanwhile
			was = totals{}
		}
		text := digestText(r["text"])
		n, seconds := grown(now.calls, was.calls), float64(now.picoseconds-was.picoseconds)/1e12
		if text == ownStatus && n > 0 {
			theirs := max(0, n-ownStatusCalls)
			n, seconds = theirs, seconds*float64(theirs)/float64(n)
		}
		if n == 0 || strings.Contains(r["text"], marker) {
			continue
		}
		calls := float64(n)
		all += seconds
		l.Statements.Digests = append(l.Statements.Digests, Digest{
			Query: text, Database: r.text("name"), Calls: n,
			CallsPerSecond: calls / window, MeanSeconds: seconds / calls, BusyThreads: seconds / window,
			RowsExaminedPerCall: float64(grown(now.examined, was.examined)) / calls,
			NoIndexPercent:      min(100, 100*float64(grown(now.noIndex, was.noIndex))/calls),
			TmpDiskTables:       grown(now.tmpDisk, was.tmpDisk), Errors: grown(now.errors, was.errors),
		})
	}
	o := &l.Statements
	slices.SortFunc(o.Digests, func(a, b Digest) int {
		return cmp.Or(cmp.Compare(b.BusyThreads, a.BusyThreads), cmp.Compare(a.Query, b.Query))
	})
	o.Digests = o.Digests[:min(len(o.Digests), 10)]
	o.BusyThreads = all / window
	for i := range o.Digests {
		if all > 0 {
			o.Digests[i].SharePercent = min(100, 100*o.Digests[i].BusyThreads/o.BusyThreads)
		}
	}
	if len(o.Digests) > 0 {
		o.TopQuery, o.TopSharePercent, o.TopBusyThreads = o.Digests[0].Query, o.Digests[0].SharePercent, o.Digests[0].BusyThreads
	}
}

func grown(now, was uint64) int64 {
	if now < was {
		return 0
	}
	return int64(now - was)
}

// digestText is what a digest looks like; the server's text has ? for literals.
func digestText(text string) string {
	if text == "" {
		return "(statements for which the table of digests has no room)"
	}
	return reach.Printable(strings.Join(strings.Fields(text), " "))
}

// clock keeps of the server's time what a time has.
func clock(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789-: .", r) {
			return r
		}
		return -1
	}, text)
}
