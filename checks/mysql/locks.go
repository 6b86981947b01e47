package mysql

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
)

// maxBlockers is how many blockers are shown.
const maxBlockers = 10

// rowLocks tells which transactions wait for rows, and for whom.
func (l *look) rowLocks(ctx context.Context, transactions []transaction, threads map[int64]*thread) {
	byNumber := make(map[string]transaction, len(transactions))
	for _, t := range transactions {
		byNumber[t.trx] = t
		if t.waits {
			l.Locks.RowWaiting++
			l.Locks.LongestRowWaitSeconds = max(l.Locks.LongestRowWaitSeconds, t.waited)
		}
	}
	if l.Locks.RowWaiting == 0 {
		return
	}
	waits, tables, ok := l.rowWaits(ctx)
	if !ok {
		return
	}
	blockers := map[int64]*Blocker{}
	for number, count := range roots(waits) {
		t := byNumber[number]
		if t.id == 0 {
			continue // it has ended meanwhile
		}
		b := blockerOf(t.id, threads, transactions)
		b.Blocks, b.Object = count, tables[number]
		blockers[t.id] = &b
	}
	l.Locks.RowBlockers = append(l.Locks.RowBlockers, ranked(blockers)...)
	if len(blockers) == 0 {
		l.unread("the waits ended before it could be seen who is in their way", "", "locks.row_blockers")
	}
}

// rowWaits gives of each transaction that waits those that it waits for, and of
// each of these the table.
func (l *look) rowWaits(ctx context.Context) (waits map[string][]string, tables map[string]string, ok bool) {
	statement, grant := `SELECT w.REQUESTING_ENGINE_TRANSACTION_ID AS waiter, w.BLOCKING_ENGINE_TRANSACTION_ID AS holder,
		CONCAT(d.OBJECT_SCHEMA, '.', d.OBJECT_NAME) AS object FROM performance_schema.data_lock_waits w
		LEFT JOIN performance_schema.data_locks d ON d.ENGINE_LOCK_ID = w.REQUESTING_ENGINE_LOCK_ID LIMIT 5000`, grantSchema
	if l.Flavour == mariadb || strings.HasPrefix(l.Version, "5.") {
		statement, grant = `SELECT requesting_trx_id AS waiter, blocking_trx_id AS holder, NULL AS object
			FROM information_schema.INNODB_LOCK_WAITS LIMIT 5000`, grantProcess
	}
	answer, ok := l.ask(ctx, statement, grant, "locks.row_blockers")
	if !ok {
		return nil, nil, false
	}
	waits, tables = map[string][]string{}, map[string]string{}
	for _, r := range answer {
		waits[r["waiter"]] = append(waits[r["waiter"]], r["holder"])
		if r["object"] != "" {
			tables[r["holder"]] = r.text("object")
		}
	}
	if grant == grantProcess {
		locks, _ := l.ask(ctx, "SELECT lock_trx_id AS holder, lock_table AS object FROM information_schema.INNODB_LOCKS LIMIT 5000", grantProcess)
		for _, r := range locks {
			tables[r["holder"]] = strings.ReplaceAll(r.text("object"), "`", "")
		}
	}
	return waits, tables, true
}

// roots gives who is waited for and waits for nobody, with how many wait for it, at
// once or behind others.
func roots(waits map[string][]string) map[string]int64 {
	counts := map[string]int64{}
	for waiter := range waits {
		seen := map[string]bool{waiter: true}
		next := []string{waiter}
		for len(next) > 0 {
			at := next[0]
			next = next[1:]
			if _, waitsToo := waits[at]; !waitsToo {
				counts[at]++
			}
			for _, holder := range waits[at] {
				if !seen[holder] {
					seen[holder] = true
					next = append(next, holder)
				}
			}
		}
	}
	return counts
}

func blockerOf(id int64, threads map[int64]*thread, transactions []transaction) Blocker {
	b := Blocker{ID: id}
	for _, t := range transactions {
		if t.id == id {
			b.TransactionSeconds, b.Query = t.seconds, t.query
		}
	}
	if t := threads[id]; t != nil {
		b.User, b.Host, b.Idle = t.user, t.host, t.sleeps
		if t.query != "" {
			b.Query = t.query
		}
	}
	return b
}

func ranked(blockers map[int64]*Blocker) []Blocker {
	list := make([]Blocker, 0, len(blockers))
	for b := range maps.Values(blockers) {
		list = append(list, *b)
	}
	slices.SortFunc(list, func(a, b Blocker) int { return cmp.Or(cmp.Compare(b.Blocks, a.Blocks), cmp.Compare(a.ID, b.ID)) })
	return list[:min(len(list), maxBlockers)]
}

// waitsForMetadata tells whether a thread's state is a wait for a table as a whole.
func waitsForMetadata(state string) bool {
	return strings.HasSuffix(state, "metadata lock") || slices.Contains([]string{
		"Waiting for global read lock", "Waiting for backup lock", "Waiting for commit lock", "Waiting for table flush",
	}, state)
}

// metadataLocks tells which threads wait for a table as a whole, and for whom.
func (l *look) metadataLocks(ctx context.Context, transactions []transaction, order []*thread, threads map[int64]*thread) {
	waiting := map[int64]bool{}
	o := &l.Locks
	for _, t := range order {
		if waitsForMetadata(t.state) && !t.ofTheHouse {
			waiting[t.id] = true
			o.LongestMetadataWaitSeconds = max(o.LongestMetadataWaitSeconds, t.seconds)
		}
	}
	o.MetadataWaiting = int64(len(waiting))
	if len(waiting) == 0 {
		return
	}
	if l.gone == "" && l.toldMetadata(ctx, transactions, threads) {
		return
	}
	candidates := map[int64]*Blocker{}
	candidate := func(id int64) {
		if id != 0 && !waiting[id] {
			b := blockerOf(id, threads, transactions)
			b.Blocks, b.Inferred = o.MetadataWaiting, true
			candidates[id] = &b
		}
	}
	for _, t := range transactions {
		if t.seconds+1 >= o.LongestMetadataWaitSeconds { // it is told in whole seconds
			candidate(t.id)
		}
	}
	for _, t := range order {
		if !t.sleeps && !t.ofTheHouse && t.query != "" && t.seconds >= o.LongestMetadataWaitSeconds {
			candidate(t.id)
		}
	}
	if len(candidates) == 1 {
		o.MetadataBlockers = append(o.MetadataBlockers, ranked(candidates)...)
		return
	}
	l.unread("the server does not tell who holds the metadata lock, and it could be several",
		"UPDATE performance_schema.setup_instruments SET ENABLED = 'YES' WHERE NAME = 'wait/lock/metadata/sql/mdl', and GRANT SELECT ON performance_schema.* TO "+l.account,
		"locks.metadata_blockers")
}

// toldMetadata fills the blockers from the performance schema, if it tells.
func (l *look) toldMetadata(ctx context.Context, transactions []transaction, threads map[int64]*thread) bool {
	answer, err := l.rows(ctx, `SELECT t.PROCESSLIST_ID AS id, m.OBJECT_TYPE AS type, IFNULL(m.OBJECT_SCHEMA, '') AS name, IFNULL(m.OBJECT_NAME, '') AS object,
		m.LOCK_STATUS AS status FROM performance_schema.metadata_locks m JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID
		WHERE t.PROCESSLIST_ID IS NOT NULL AND EXISTS (SELECT 1 FROM performance_schema.metadata_locks p WHERE p.LOCK_STATUS = 'PENDING'
		AND p.OBJECT_TYPE = m.OBJECT_TYPE AND p.OBJECT_SCHEMA <=> m.OBJECT_SCHEMA AND p.OBJECT_NAME <=> m.OBJECT_NAME) LIMIT 5000`)
	if err != nil {
		l.why(err, "")
		return false
	}
	type lock struct{ kind, schema, name string }
	pending, waits := map[lock]int64{}, map[int64]bool{}
	for _, r := range answer {
		if r["status"] == "PENDING" {
			pending[lock{r["type"], r["name"], r["object"]}]++
			waits[r.int("id")] = true
		}
	}
	blockers := map[int64]*Blocker{}
	for _, r := range answer {
		id, of := r.int("id"), lock{r["type"], r["name"], r["object"]}
		if r["status"] != "GRANTED" || waits[id] || blockers[id] != nil {
			continue
		}
		b := blockerOf(id, threads, transactions)
		b.Blocks = pending[of]
		if b.Object = strings.Trim(r.text("name")+"."+r.text("object"), "."); b.Object == "" {
			b.Object = strings.ToLower(r.text("type"))
		}
		blockers[id] = &b
	}
	l.Locks.MetadataBlockers = append(l.Locks.MetadataBlockers, ranked(blockers)...)
	return len(blockers) > 0
}
