package main

import (
	"fmt"
	"testing"

	"gumshoe/checks/postgres/postgrestest"
)

// slowDatabase runs the runbook as the user with pg_monitor. The host is left out:
// other tests make it busy.
func slowDatabase(t *testing.T, s *postgrestest.Server, more ...string) []string {
	t.Helper()
	t.Setenv("GUMSHOE_TEST_PASSWORD", postgrestest.Password)
	return append([]string{
		"database-slow", "address=" + s.Address, "user=" + postgrestest.Watcher, "password=env:GUMSHOE_TEST_PASSWORD",
		"database=" + postgrestest.Database, "host=false",
	}, more...)
}

// TestRealDatabaseSlow makes the faults of a real PostgreSQL one after another.
func TestRealDatabaseSlow(t *testing.T) {
	needReal(t)
	s := postgrestest.Start(t, "max_connections=20")
	s.Do(t, postgrestest.Database, "CREATE TABLE orders (id INT PRIMARY KEY, note TEXT); INSERT INTO orders SELECT n, repeat('x', 50) FROM generate_series(1, 2000) n; "+
		"VACUUM ANALYZE orders; GRANT ALL ON orders TO app")

	t.Run("healthy", func(t *testing.T) {
		if r, exit := diagnose(t, slowDatabase(t, s)...); exit != 0 {
			t.Errorf("exit status %d\n%s", exit, verdicts(r))
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		args := slowDatabase(t, s)
		t.Setenv("GUMSHOE_TEST_PASSWORD", "wrong-but-secret")
		r, exit := diagnose(t, args...)
		wantConfirmed(t, r, exit, "rejected")
		wantSubject(t, r, "rejected", postgrestest.Watcher)
	})
	t.Run("blocker", func(t *testing.T) {
		holder, waiter := s.Session(t), s.Session(t)
		holder.Do(t, "BEGIN; UPDATE orders SET note = 'held' WHERE id = 7")
		holder.Send(t, "SELECT pg_sleep(600)")
		waiter.Send(t, "UPDATE orders SET note = 'wants' WHERE id = 7")
		s.WaitFor(t, "SELECT count(*) FROM pg_locks WHERE NOT granted AND clock_timestamp() - waitstart > interval '1.2 s'", "1")
		r, exit := diagnose(t, slowDatabase(t, s)...)
		wantConfirmed(t, r, exit, "lock_holder")
		wantSubject(t, r, "lock_holder", fmt.Sprintf("pid %d (app, web)", holder.PID))
	})
	s.Do(t, postgrestest.Database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
	t.Run("idle in transaction", func(t *testing.T) {
		c := s.Session(t)
		c.Do(t, "BEGIN; SELECT count(*) FROM orders")
		s.WaitFor(t, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND clock_timestamp() - state_change > interval '1.2 s'", "1")
		r, exit := diagnose(t, slowDatabase(t, s, "idle_after=1s")...)
		wantConfirmed(t, r, exit, "idle_in_transaction")
		wantSubject(t, r, "idle_in_transaction", fmt.Sprintf("pid %d (app, web)", c.PID))
	})
	t.Run("one query", func(t *testing.T) {
		for range 4 {
			s.Repeat(t, "SELECT count(*) FROM orders a JOIN orders b ON a.note = b.note WHERE a.id < 100")
		}
		s.WaitFor(t, "SELECT count(*) > 0 FROM pg_stat_statements WHERE query LIKE 'SELECT count(*) FROM orders a%' AND calls > 5", "t")
		r, exit := diagnose(t, slowDatabase(t, s)...)
		wantConfirmed(t, r, exit, "one_query")
		wantSubject(t, r, "one_query", "SELECT count(*) FROM orders a JOIN orders b ON a.note = b.note WHERE a.id < $1")
	})
	t.Run("pool exhausted", func(t *testing.T) {
		b := s.Bouncer(t, "default_pool_size = 1")
		holder := postgrestest.Connect(t, b.Address, postgrestest.App, postgrestest.Database)
		holder.Do(t, "SELECT 1")
		if r, exit := diagnose(t, slowDatabase(t, s, "pgbouncer="+b.Address)...); exit != 0 {
			t.Errorf("healthy: exit status %d\n%s", exit, verdicts(r))
		}
		postgrestest.Wait(t, b.Address) // the look at PostgreSQL takes longer than a second
		postgrestest.WaitLonger(t, b.Address)
		r, exit := diagnose(t, slowDatabase(t, s, "pgbouncer="+b.Address)...)
		wantConfirmed(t, r, exit, "pool_exhausted")
		wantSubject(t, r, "pool_exhausted", "shop as app")
	})
	t.Run("limit reached", func(t *testing.T) {
		s.WaitFor(t, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'", "1")
		for range 17 {
			s.Session(t)
		}
		r, exit := diagnose(t, slowDatabase(t, s)...)
		wantConfirmed(t, r, exit, "limit_reached")
	})
	t.Run("hung", func(t *testing.T) {
		s.Pause()
		defer s.Resume()
		r, exit := diagnose(t, slowDatabase(t, s)...)
		wantConfirmed(t, r, exit, "hung")
	})
	t.Run("stopped", func(t *testing.T) {
		s.Kill()
		r, exit := diagnose(t, slowDatabase(t, s)...)
		wantConfirmed(t, r, exit, "unreachable")
	})
}
