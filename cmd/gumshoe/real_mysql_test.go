package main

// A real MariaDB server with a real fault, named by mysql-slow.

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gumshoe/checks/mysql/mysqltest"
	"gumshoe/engine"
)

// mysqlSlow runs the runbook against a server.
func mysqlSlow(t *testing.T, s *mysqltest.Server, inputs ...string) (*engine.Report, int) {
	t.Helper()
	t.Setenv("GUMSHOE_TEST_MYSQL_PASSWORD", mysqltest.Password)
	argv := []string{"mysql-slow", "address=" + s.Address, "user=" + mysqltest.Watcher}
	for _, preset := range []string{"password=env:GUMSHOE_TEST_MYSQL_PASSWORD", "window=1s"} {
		name, _, _ := strings.Cut(preset, "=")
		if !slices.ContainsFunc(inputs, func(input string) bool { return strings.HasPrefix(input, name+"=") }) {
			argv = append(argv, preset)
		}
	}
	return diagnose(t, append(argv, inputs...)...)
}

// wantMySQL checks that exactly these causes are named. That other work uses up
// the processors or a disk of this machine meanwhile, or fills it, is true.
func wantMySQL(t *testing.T, r *engine.Report, exit int, want ...string) {
	t.Helper()
	var got []string
	for _, h := range r.Hypotheses {
		machine := slices.Contains([]string{"cpu_saturated", "disk_saturated", "disk_full"}, h.ID)
		if (h.Verdict == engine.VerdictConfirmed || h.Verdict == engine.VerdictContributing) && !machine {
			got = append(got, h.ID)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || exit != 1 {
		t.Errorf("confirmed %v with exit status %d, want %v with 1\n%s", got, exit, want, verdicts(r))
	}
	t.Log(r.Headline)
}

func TestRealMySQL(t *testing.T) {
	needReal(t)
	s := mysqltest.Start(t)
	s.Do(t, "USE shop; CREATE TABLE orders (id INT PRIMARY KEY, state VARCHAR(20), note TEXT); INSERT INTO orders SELECT seq, 'new', REPEAT('x', 50) FROM seq_1_to_5000")
	for _, part := range []struct {
		name string
		test func(*testing.T, *mysqltest.Server)
	}{
		{"healthy", realMySQLHealthy},
		{"row lock", realMySQLRowLock},
		{"metadata lock", realMySQLMetadataLock},
		{"idle", realMySQLIdle},
		{"one query", realMySQLOneQuery},
		{"disk tables", realMySQLDiskTables},
		{"password", realMySQLPassword},
		{"connections", realMySQLConnections},
		{"paused", realMySQLPaused},
		{"stopped", realMySQLStopped},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, s) })
	}
}

func realMySQLHealthy(t *testing.T, s *mysqltest.Server) {
	s.Session(t).Do(t, "SELECT COUNT(*) FROM orders")
	r, exit := mysqlSlow(t, s)
	busy := observed(r, "cpu", "used_percent") > 50
	if (r.Status != engine.StatusHealthy || exit != 0) && !busy {
		t.Errorf("got %s with exit status %d, want healthy with 0\n%s", r.Status, exit, verdicts(r))
	}
	for _, h := range r.Hypotheses {
		if h.Verdict == engine.VerdictConfirmed && !busy {
			t.Errorf("%s is confirmed", h.ID)
		}
	}
}

func connection(c *mysqltest.Session) string {
	return fmt.Sprintf("connection %d of app@127.0.0.1", c.ID)
}

func realMySQLRowLock(t *testing.T, s *mysqltest.Server) {
	holder, waiter := s.Session(t), s.Session(t)
	holder.Do(t, "BEGIN; UPDATE orders SET state = 'held' WHERE id = 7")
	waiter.Send(t, "UPDATE orders SET state = 'wanted' WHERE id = 7")
	s.WaitFor(t, "SELECT IFNULL(MAX(TIMESTAMPDIFF(SECOND, trx_wait_started, NOW())), 0) FROM information_schema.innodb_trx", above("1"))
	r, exit := mysqlSlow(t, s, "lock_wait=1s")
	wantMySQL(t, r, exit, "row_lock_blocker")
	wantSubject(t, r, "row_lock_blocker", connection(holder))
}

// above tells whether a number of one digit or more is above another.
func above(than string) func(string) bool {
	return func(shown string) bool { return len(shown) > len(than) || len(shown) == len(than) && shown > than }
}

func realMySQLMetadataLock(t *testing.T, s *mysqltest.Server) {
	holder, change, reader := s.Session(t), s.Session(t), s.Session(t)
	holder.Do(t, "BEGIN; SELECT COUNT(*) FROM orders")
	change.Send(t, "ALTER TABLE orders ADD COLUMN more INT")
	const waiting = "SELECT IFNULL(MIN(FLOOR(TIME_MS / 1000)), 0) FROM information_schema.processlist WHERE state LIKE '%metadata lock'"
	s.WaitFor(t, waiting, above("1"))
	reader.Send(t, "SELECT MAX(id) FROM orders")
	r, exit := mysqlSlow(t, s, "lock_wait=1s")
	wantMySQL(t, r, exit, "metadata_lock_blocker")
	wantSubject(t, r, "metadata_lock_blocker", connection(holder))
	holder.Close()
	change.Do(t, "DO 1")
	reader.Do(t, "DO 1")
}

func realMySQLIdle(t *testing.T, s *mysqltest.Server) {
	holder := s.Session(t)
	holder.Do(t, "BEGIN; UPDATE orders SET state = 'mine' WHERE id = 3")
	s.WaitFor(t, fmt.Sprint("SELECT TIMESTAMPDIFF(SECOND, trx_started, NOW()) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = ", holder.ID), above("1"))
	r, exit := mysqlSlow(t, s, "idle_after=1s")
	wantMySQL(t, r, exit, "idle_in_transaction")
	wantSubject(t, r, "idle_in_transaction", connection(holder))
}

func realMySQLOneQuery(t *testing.T, s *mysqltest.Server) {
	for range 3 { // each keeps a thread busy, and reads few rows
		s.Repeat(t, "SELECT BENCHMARK(300000, SHA2('a', 256)), id FROM shop.orders WHERE id = 5")
	}
	s.WaitFor(t, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT BENCHMARK%'", above("1"))
	r, exit := mysqlSlow(t, s, "window=3s")
	wantMySQL(t, r, exit, "one_query")
	wantSubject(t, r, "one_query", "SELECT `BENCHMARK` ( ? , `SHA2` (...) ) , ID FROM `shop` . `orders` WHERE ID = ?")
}

func realMySQLDiskTables(t *testing.T, s *mysqltest.Server) {
	s.Do(t, "SET GLOBAL tmp_memory_table_size = 0")
	s.Repeat(t, "SELECT note, id, COUNT(*) FROM shop.orders GROUP BY note, id ORDER BY NULL LIMIT 1")
	s.WaitFor(t, "SHOW GLOBAL STATUS LIKE 'Created_tmp_disk_tables'", func(shown string) bool {
		_, n, _ := strings.Cut(shown, "\t")
		return above("20")(n)
	})
	r, exit := mysqlSlow(t, s, "window=3s")
	s.Do(t, "SET GLOBAL tmp_memory_table_size = DEFAULT")
	wantMySQL(t, r, exit, "full_scans")
}

func realMySQLPassword(t *testing.T, s *mysqltest.Server) {
	t.Setenv("GUMSHOE_TEST_MYSQL_WRONG", "not-this-one")
	r, exit := mysqlSlow(t, s, "password=env:GUMSHOE_TEST_MYSQL_WRONG")
	wantMySQL(t, r, exit, "credentials")
}

func realMySQLConnections(t *testing.T, s *mysqltest.Server) {
	s.Do(t, "SET GLOBAL max_connections = 10")
	for range 9 {
		s.Session(t)
	}
	r, exit := mysqlSlow(t, s)
	wantMySQL(t, r, exit, "connection_limit")
	wantSubject(t, r, "connection_limit", "app@127.0.0.1")
	s.Session(t)
	r, exit = mysqlSlow(t, s)
	wantMySQL(t, r, exit, "connection_limit")
	s.Do(t, "SET GLOBAL max_connections = 151")
}

func realMySQLPaused(t *testing.T, s *mysqltest.Server) {
	s.Pause()
	defer s.Resume()
	r, exit := mysqlSlow(t, s)
	wantMySQL(t, r, exit, "hung")
}

func realMySQLStopped(t *testing.T, s *mysqltest.Server) {
	s.Stop()
	r, exit := mysqlSlow(t, s)
	wantMySQL(t, r, exit, "unreachable")
	wantSubject(t, r, "unreachable", s.Address)
}

// A replica that cannot go on is told from one that is only behind.
func TestRealMySQLReplica(t *testing.T) {
	needReal(t)
	source := mysqltest.Start(t, "--server-id=1", "--log-bin=bin")
	replica := mysqltest.Start(t, "--server-id=2")
	source.Do(t, "CREATE USER copy@'127.0.0.1' IDENTIFIED BY 'x'; GRANT REPLICATION SLAVE ON *.* TO copy@'127.0.0.1'")
	position := strings.Fields(source.Do(t, "SHOW MASTER STATUS"))
	replica.Do(t, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='copy', MASTER_PASSWORD='x', MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s; START SLAVE",
		source.Port, position[0], position[1]))
	source.Do(t, "CREATE TABLE shop.twice (id INT PRIMARY KEY)")
	replica.WaitFor(t, "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'twice'", above("0"))
	if r, exit := mysqlSlow(t, replica); (r.Status != engine.StatusHealthy || exit != 0) && observed(r, "cpu", "used_percent") < 50 {
		t.Errorf("got %s with exit status %d, want healthy with 0\n%s", r.Status, exit, verdicts(r))
	}
	replica.Do(t, "INSERT INTO shop.twice VALUES (1)")
	source.Do(t, "INSERT INTO shop.twice VALUES (1)")
	replica.WaitFor(t, "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Slave_SQL'", func(shown string) bool { return shown == "0" })
	r, exit := mysqlSlow(t, replica)
	wantMySQL(t, r, exit, "replica_broken")
	wantSubject(t, r, "replica_broken", source.Address)
}
