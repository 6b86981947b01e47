package mysql

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/checks/mysql/mysqltest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// as are the inputs for a user.
func as(s *mysqltest.Server, user string, more ...string) map[string]any {
	in := map[string]any{"address": s.Address, "user": user, "password": engine.NewSecret(mysqltest.Password), "window": "200ms", "timeout": "10s"}
	for i := 0; i+1 < len(more); i += 2 {
		in[more[i]] = more[i+1]
	}
	return in
}

func observe(t *testing.T, in map[string]any) (Server, engine.Observation) {
	t.Helper()
	return checktest.Observe[Server](t, New(nil).Server(), in)
}

// TestServer shares one server, and leaves it as it was after each part.
func TestServer(t *testing.T) {
	s := mysqltest.Start(t, "--long-query-time=0.05")
	s.Do(t, "USE shop; CREATE TABLE orders (id INT PRIMARY KEY, state VARCHAR(20), note TEXT); INSERT INTO orders SELECT seq, 'new', REPEAT('x', 50) FROM seq_1_to_2000; CREATE TABLE other (id INT)")
	for _, part := range []struct {
		name string
		test func(*testing.T, *mysqltest.Server)
	}{
		{"healthy", testHealthy},
		{"a stranger", testStranger},
		{"not let in", testNotLetIn},
		{"row lock", testRowLock},
		{"metadata lock", testMetadataLock},
		{"idle transaction", testIdle},
		{"one query", testOneQuery},
		{"full of disk tables", testDiskTables},
		{"no performance schema", testDigestsOff},
		{"all connections", testConnections},
		{"killed meanwhile", testKilledMeanwhile},
		{"paused meanwhile", testPausedMeanwhile},
		{"paused", testPaused},
		{"stopped", testStopped},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, s) })
	}
}

func TestConforms(t *testing.T) {
	s := mysqltest.Start(t)
	checktest.Run(t, New(nil).Server(), as(s, mysqltest.Watcher))
}

// What the server's own client shows is what the check tells.
func testHealthy(t *testing.T, s *mysqltest.Server) {
	in := as(s, mysqltest.Watcher, "database", "")
	in["sizes"] = true
	got, o := observe(t, in)
	for _, u := range o.Unread {
		if !u.NotAsked {
			t.Errorf("%s is unread: %s", u.Path, u.Reason)
		}
	}
	if got.Outcome != reach.OK || !got.LoggedIn || !got.Greeted || !got.Local || got.Encrypted || got.Flavour != "mariadb" || got.ReadOnly {
		t.Errorf("got %+v", got)
	}
	if want := s.Do(t, "SELECT VERSION()"); got.Version != want {
		t.Errorf("version %s, want %s", got.Version, want)
	}
	for _, tt := range []struct {
		name string
		got  int64
		show string
	}{
		{"limit", got.Connections.Limit, "@@max_connections"},
		{"buffer pool", got.InnoDB.BufferPoolBytes, "@@innodb_buffer_pool_size"},
	} {
		if want := s.Do(t, "SELECT "+tt.show); strconv.FormatInt(tt.got, 10) != want {
			t.Errorf("%s is %d, want %s", tt.name, tt.got, want)
		}
	}
	if got.Throughput.SlowQuerySeconds != 0.05 || got.Connections.Used < 1 || got.InnoDB.BufferPoolFreePercent <= 0 {
		t.Errorf("got %+v", got)
	}
	if got.Locks.RowWaiting+got.Locks.MetadataWaiting+got.Transactions.Open != 0 || got.Activity.LongestSeconds != 0 || got.Replication.IsReplica {
		t.Errorf("something is the matter: %+v", got)
	}
	if len(got.Databases) == 0 || got.Databases[0].Bytes <= 0 {
		t.Errorf("sizes %+v", got.Databases)
	}
	if strings.Contains(strings.Join(o.Reproduce[0], " "), mysqltest.Password) {
		t.Errorf("the password is in %v", o.Reproduce)
	}
}

// Who has no rights still sees what everybody may, and is told what to grant.
func testStranger(t *testing.T, s *mysqltest.Server) {
	got, o := observe(t, as(s, mysqltest.Stranger))
	if got.Outcome != reach.OK || got.Connections.Limit != 151 || got.Throughput.QueriesPerSecond <= 0 {
		t.Errorf("got %+v", got)
	}
	for path, fix := range map[string]string{
		"transactions": "GRANT PROCESS ON *.* TO 'stranger'@'127.0.0.1'", "locks": "GRANT PROCESS", "connections.by_user": "GRANT PROCESS",
		"statements": "GRANT SELECT ON performance_schema.*", "replication.is_replica": "GRANT SLAVE MONITOR",
	} {
		wantUnread(t, o, path, fix)
	}
}

func wantUnread(t *testing.T, o engine.Observation, path, fix string) {
	t.Helper()
	for _, u := range o.Unread {
		if u.Path == path && strings.Contains(u.Fix, fix) {
			return
		}
	}
	t.Errorf("%s is not unread with the fix %q: %+v", path, fix, o.Unread)
}

func testNotLetIn(t *testing.T, s *mysqltest.Server) {
	for _, tt := range []struct {
		name string
		in   map[string]any
		want reach.Outcome
		code int
	}{
		{"another user", as(s, "nobody"), reach.AuthFailed, 1045},
		{"no database", as(s, mysqltest.App, "database", "nothing"), reach.NoPermission, 1044},
		{"another's database", as(s, mysqltest.Stranger, "database", "mysql"), reach.NoPermission, 1044},
		{"no TLS to be had", as(s, mysqltest.Watcher, "tls", "require"), NotOffered, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, o := observe(t, tt.in)
			if got.Outcome != tt.want || got.ErrorCode != tt.code || got.LoggedIn || !got.Greeted || !checktest.HasUnread(o, "connections") {
				t.Errorf("got %+v, want %s, %d", got, tt.want, tt.code)
			}
		})
	}
	s.Do(t, "GRANT SELECT ON *.* TO stranger@'127.0.0.1'")
	if got, _ := observe(t, as(s, mysqltest.Stranger, "database", "nothing")); got.Outcome != UnknownDatabase {
		t.Errorf("got %+v, want no such database", got)
	}
	s.Do(t, "REVOKE SELECT ON *.* FROM stranger@'127.0.0.1'")
	in := as(s, mysqltest.Watcher)
	in["password"] = engine.NewSecret("wrong-but-secret")
	got, o := observe(t, in)
	if got.Outcome != reach.AuthFailed || !strings.Contains(got.Error, "(with a password)") || strings.Contains(got.Error+o.Summary, "wrong-but-secret") {
		t.Errorf("got %+v", got)
	}
	s.Do(t, "ALTER USER stranger@'127.0.0.1' ACCOUNT LOCK")
	if got, _ := observe(t, as(s, mysqltest.Stranger)); got.Outcome != AccountLocked {
		t.Errorf("got %+v, want a locked account", got)
	}
	s.Do(t, "ALTER USER stranger@'127.0.0.1' ACCOUNT UNLOCK")
}

func testRowLock(t *testing.T, s *mysqltest.Server) {
	holder, first, second := s.Session(t), s.Session(t), s.Session(t)
	holder.Do(t, "BEGIN; UPDATE orders SET state = 'held' WHERE id = 7")
	first.Send(t, "UPDATE orders SET state = 'first', note = 'it is a secret' WHERE id = 7")
	s.WaitFor(t, "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'", is("1"))
	second.Send(t, "UPDATE orders SET state = 'second' WHERE id = 7")
	s.WaitFor(t, "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'", is("2"))
	got, _ := observe(t, as(s, mysqltest.Watcher))
	if len(got.Locks.RowBlockers) != 1 || got.Locks.RowWaiting != 2 {
		t.Fatalf("got %+v", got.Locks)
	}
	b := got.Locks.RowBlockers[0]
	if b.ID != holder.ID || b.User != mysqltest.App || b.Host != "127.0.0.1" || b.Blocks != 2 || !b.Idle || b.Object != "shop.orders" || b.Inferred {
		t.Errorf("got %+v, want connection %d", b, holder.ID)
	}
	if got.Locks.MetadataWaiting != 0 || got.Activity.TopShapeThreads != 1 || got.Transactions.Open != 3 || got.Transactions.Idle != 1 {
		t.Errorf("got %+v %+v", got.Activity, got.Transactions)
	}
	if q := got.Activity.Longest.Query; q != "UPDATE orders SET state = ?, note = ? WHERE id = ?" {
		t.Errorf("the longest is %q", q)
	}
	holder.Do(t, "ROLLBACK")
	first.Do(t, "DO 1")
	second.Do(t, "DO 1")
}

func is(want string) func(string) bool { return func(shown string) bool { return shown == want } }

func testMetadataLock(t *testing.T, s *mysqltest.Server) {
	holder, change, reader := s.Session(t), s.Session(t), s.Session(t)
	holder.Do(t, "BEGIN; SELECT COUNT(*) FROM orders")
	change.Send(t, "ALTER TABLE orders ADD COLUMN more INT")
	const waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE '%metadata lock'"
	s.WaitFor(t, waiting, is("1"))
	reader.Send(t, "SELECT MAX(id) FROM orders")
	s.WaitFor(t, waiting, is("2"))
	for _, inferred := range []bool{false, true} {
		got, _ := observe(t, as(s, mysqltest.Watcher))
		if len(got.Locks.MetadataBlockers) != 1 || got.Locks.MetadataWaiting != 2 || got.Locks.RowWaiting != 0 {
			t.Fatalf("got %+v", got.Locks)
		}
		object := "shop.orders"
		if inferred {
			object = ""
		}
		if b := got.Locks.MetadataBlockers[0]; b.ID != holder.ID || b.Blocks != 2 || !b.Idle || b.Inferred != inferred || b.Object != object {
			t.Errorf("got %+v, want connection %d, inferred %t", b, holder.ID, inferred)
		}
		if !inferred {
			s.Do(t, "REVOKE SELECT ON performance_schema.* FROM gumshoe@'127.0.0.1'")
		}
	}
	another := s.Session(t) // is open too, so that nobody can tell which of them it is
	another.Do(t, "BEGIN; SELECT COUNT(*) FROM other")
	got, o := observe(t, as(s, mysqltest.Watcher))
	if len(got.Locks.MetadataBlockers) != 0 {
		t.Errorf("got %+v, and it could be another", got.Locks)
	}
	wantUnread(t, o, "locks.metadata_blockers", "wait/lock/metadata/sql/mdl")
	s.Do(t, "GRANT SELECT ON performance_schema.* TO gumshoe@'127.0.0.1'")
	holder.Do(t, "ROLLBACK")
	change.Do(t, "DO 1")
	reader.Do(t, "DO 1")
}

func testIdle(t *testing.T, s *mysqltest.Server) {
	c := s.Session(t)
	c.Do(t, "BEGIN; UPDATE orders SET state = 'mine' WHERE id < 4")
	s.WaitFor(t, fmt.Sprint("SELECT TIMESTAMPDIFF(SECOND, trx_started, NOW()) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = ", c.ID), func(shown string) bool { return shown != "0" && shown != "" })
	got, _ := observe(t, as(s, mysqltest.Watcher))
	longest := got.Transactions.LongestIdle
	if got.Transactions.Idle != 1 || longest.ID != c.ID || longest.Seconds < 1 || longest.RowsModified != 3 || longest.User != mysqltest.App || longest.Query != "" {
		t.Errorf("got %+v, want connection %d", got.Transactions, c.ID)
	}
	c.Do(t, "ROLLBACK")
}

func testOneQuery(t *testing.T, s *mysqltest.Server) {
	s.Repeat(t, "SELECT COUNT(*) FROM shop.orders a JOIN shop.orders b ON a.note = b.note WHERE a.id < 60 AND b.state <> 'secret'")
	s.WaitFor(t, "SHOW GLOBAL STATUS LIKE 'Slow_queries'", func(shown string) bool { return shown != "Slow_queries\t0" })
	got, _ := observe(t, as(s, mysqltest.Watcher, "window", "1s"))
	o := got.Statements
	if !strings.HasPrefix(o.TopQuery, "SELECT COUNT ( * ) FROM `shop` . `orders` `a` JOIN") || strings.Contains(o.TopQuery, "secret") {
		t.Fatalf("the first is %q", o.TopQuery)
	}
	if o.TopSharePercent < 90 || o.TopBusyThreads < 0.3 || o.Digests[0].Calls < 1 || o.Digests[0].RowsExaminedPerCall < 10 || got.Throughput.FullJoinsPerSecond <= 0 {
		t.Errorf("got %+v", o)
	}
	if sum := o.Digests[0].MeanSeconds * o.Digests[0].CallsPerSecond; math.Abs(sum-o.TopBusyThreads) > 0.01 {
		t.Errorf("mean and calls give %.2f threads, told are %.2f", sum, o.TopBusyThreads)
	}
}

func testDiskTables(t *testing.T, s *mysqltest.Server) {
	s.Do(t, "SET GLOBAL tmp_memory_table_size = 0")
	s.Repeat(t, "SELECT note, COUNT(*) FROM shop.orders GROUP BY note ORDER BY NULL")
	got, _ := observe(t, as(s, mysqltest.Watcher, "window", "1s"))
	if got.Throughput.TmpDiskTablesPerSecond <= 0 || got.Throughput.TmpDiskPercent < 20 || got.Throughput.ScannedRowsPercent < 50 {
		t.Errorf("got %+v", got.Throughput)
	}
	s.Do(t, "SET GLOBAL tmp_memory_table_size = DEFAULT")
}

func testDigestsOff(t *testing.T, s *mysqltest.Server) {
	s.Do(t, "UPDATE performance_schema.setup_consumers SET ENABLED = 'NO' WHERE NAME = 'statements_digest'")
	_, o := observe(t, as(s, mysqltest.Watcher))
	wantUnread(t, o, "statements", "UPDATE performance_schema.setup_consumers")
	s.Do(t, "UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = 'statements_digest'")
}

func testConnections(t *testing.T, s *mysqltest.Server) {
	s.Do(t, "SET GLOBAL max_connections = 10")
	first := s.Session(t)
	for range 8 {
		s.Session(t)
	}
	first.WaitConnections(t, 9)
	got, _ := observe(t, as(s, mysqltest.Watcher))
	if got.Outcome != reach.OK || got.Connections.UsedPercent != 100 || got.Connections.TopUser != "app@127.0.0.1" || got.Connections.Sleeping != 9 {
		t.Errorf("one left: got %+v", got)
	}
	first.WaitConnections(t, 9)
	s.Session(t)
	got, o := observe(t, as(s, mysqltest.Watcher))
	if got.Outcome != reach.TooManyConnections || got.ErrorCode != 1040 || !got.Greeted || !checktest.HasUnread(o, "locks") {
		t.Errorf("none left: got %+v", got)
	}
	s.Do(t, "SET GLOBAL max_connections = 151")
}

// meanwhile does something to the server while the check waits in its window.
func meanwhile(t *testing.T, s *mysqltest.Server, in map[string]any, do func(id string)) (Server, engine.Observation) {
	t.Helper()
	var got Server
	var o engine.Observation
	done := make(chan struct{})
	go func() {
		defer close(done)
		got, o = observe(t, in)
	}()
	// By then it sleeps between the two readings.
	id := ""
	s.WaitFor(t, "SELECT IFNULL(MAX(ID), 0) FROM information_schema.processlist WHERE USER = 'gumshoe' AND COMMAND = 'Sleep' AND TIME_MS > 100", func(shown string) bool {
		id = shown
		return shown != "0"
	})
	do(id)
	<-done
	return got, o
}

func testKilledMeanwhile(t *testing.T, s *mysqltest.Server) {
	got, o := meanwhile(t, s, as(s, mysqltest.Watcher, "window", "2s"), func(id string) { s.Do(t, "KILL "+id) })
	if got.Outcome != reach.Closed && got.Outcome != ShuttingDown || !got.LoggedIn || got.Connections.Limit != 151 || !checktest.HasUnread(o, "throughput") || !checktest.HasUnread(o, "locks") {
		t.Errorf("got %+v, unread %+v", got, o.Unread)
	}
}

func testPausedMeanwhile(t *testing.T, s *mysqltest.Server) {
	got, o := meanwhile(t, s, as(s, mysqltest.Watcher, "window", "2s", "timeout", "3s"), func(string) { s.Pause() })
	s.Resume()
	if got.Outcome != reach.TimedOut || !got.LoggedIn || got.Version == "" || !checktest.HasUnread(o, "innodb") || !checktest.HasUnread(o, "statements") || !checktest.HasUnread(o, "replication.is_replica") {
		t.Errorf("got %+v, unread %+v", got, o.Unread)
	}
}

func testPaused(t *testing.T, s *mysqltest.Server) {
	s.Pause()
	defer s.Resume()
	got, o := observe(t, as(s, mysqltest.Watcher, "timeout", "1s"))
	if got.Outcome != reach.TimedOut || !got.Connected || got.Greeted || !checktest.HasUnread(o, "query_seconds") {
		t.Errorf("got %+v", got)
	}
}

func testStopped(t *testing.T, s *mysqltest.Server) {
	s.Stop()
	got, o := observe(t, as(s, mysqltest.Watcher))
	if got.Outcome != reach.RefusedByIt || got.Connected || !checktest.HasUnread(o, "connect_seconds") {
		t.Errorf("got %+v", got)
	}
}
