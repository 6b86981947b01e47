package postgres

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/postgres/postgrestest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// as are the inputs for a user.
func as(s *postgrestest.Server, user string, more ...string) map[string]any {
	in := map[string]any{
		"address": s.Address, "user": user, "password": engine.NewSecret(postgrestest.Password), "database": postgrestest.Database,
		"window": "200ms", "timeout": "10s",
	}
	for i := 0; i+1 < len(more); i += 2 {
		in[more[i]] = more[i+1]
	}
	return in
}

func observe(t *testing.T, in map[string]any) (Server, engine.Observation) {
	t.Helper()
	return checktest.Observe[Server](t, New(nil).Server(), in)
}

func TestConforms(t *testing.T) {
	s := postgrestest.Start(t)
	checktest.Run(t, New(nil).Server(), as(s, postgrestest.Watcher))
}

// TestServer shares one server, and leaves it as it was after each part.
func TestServer(t *testing.T) {
	s := postgrestest.Start(t, "max_connections=20", "max_prepared_transactions=2")
	s.Do(t, postgrestest.Database, "CREATE TABLE orders (id INT PRIMARY KEY, state TEXT, note TEXT); "+
		"INSERT INTO orders SELECT n, 'new', repeat('x', 50) FROM generate_series(1, 2000) n; GRANT ALL ON orders TO app")
	for _, part := range []struct {
		name string
		test func(*testing.T, *postgrestest.Server)
	}{
		{"healthy", testHealthy},
		{"a stranger", testStranger},
		{"not let in", testNotLetIn},
		{"locks", testLocks},
		{"prepared", testPrepared},
		{"idle in transaction", testIdle},
		{"one query", testOneQuery},
		{"temporary files", testSpills},
		{"slot", testSlot},
		{"dead rows", testDeadRows},
		{"all connections", testConnections},
		{"killed meanwhile", testKilled},
		{"paused", testPaused},
		{"stopped", testStopped},
	} {
		// The sessions of the part before end a moment after their clients.
		s.WaitFor(t, clients, "1")
		t.Run(part.name, func(t *testing.T) { part.test(t, s) })
	}
}

// What the server's own client shows is what the check tells.
func testHealthy(t *testing.T, s *postgrestest.Server) {
	c := s.Session(t)
	in := as(s, postgrestest.Watcher)
	in["sizes"] = true
	got, o := observe(t, in)
	for _, u := range o.Unread {
		if !u.NotAsked && u.Path != "throughput.cache_hit_percent" && u.Path != "checkpoints.mean_interval_seconds" {
			t.Errorf("%s is unread: %s", u.Path, u.Reason)
		}
	}
	if got.Outcome != reach.OK || !got.LoggedIn || !got.Answered || got.Encrypted || got.InRecovery || got.QuerySeconds <= 0 {
		t.Errorf("got %+v", got)
	}
	for _, tt := range []struct{ name, got, show string }{
		{"version", got.Version, "SHOW server_version"},
		{"limit", strconv.FormatInt(got.Connections.Limit, 10), "SHOW max_connections"},
		{"reserved", strconv.FormatInt(got.Connections.Reserved, 10), "SHOW superuser_reserved_connections"},
		{"size", strconv.FormatInt(got.DatabaseBytes, 10), "SELECT pg_database_size('shop')"},
		{"buffers", strconv.FormatInt(got.Throughput.SharedBuffersBytes, 10), "SELECT pg_size_bytes(current_setting('shared_buffers'))"},
		{"max_wal_size", strconv.FormatInt(got.Checkpoints.MaxWALBytes, 10), "SELECT pg_size_bytes(current_setting('max_wal_size'))"},
		{"wal", strconv.FormatInt(got.WAL.Bytes, 10), "SELECT sum(size) FROM pg_ls_waldir()"},
	} {
		if want := s.Do(t, postgrestest.Database, tt.show); tt.got != want {
			t.Errorf("%s is %s, want %s", tt.name, tt.got, want)
		}
	}
	want := []Group{{Name: "web", Connections: 1, Idle: 1}}
	if got.Connections.Used != 1 || got.Connections.Idle != 1 || len(got.Connections.ByApplication) != 1 || got.Connections.ByApplication[0] != want[0] {
		t.Errorf("got %+v, want the session %d alone", got.Connections, c.PID)
	}
	if got.Locks.Waiting+got.Transactions.Open+got.Activity.Active+got.Replication.InactiveSlots != 0 || len(got.Statements.Top) != 0 {
		t.Errorf("something is the matter: %+v", got)
	}
	if strings.Contains(strings.Join(o.Reproduce[0], " "), postgrestest.Password) {
		t.Errorf("the password is in %v", o.Reproduce)
	}
}

// Who has no rights still sees what everybody may, and is told what to grant.
func testStranger(t *testing.T, s *postgrestest.Server) {
	s.Session(t)
	got, o := observe(t, as(s, postgrestest.Stranger))
	if got.Outcome != reach.OK || got.Connections.Limit != 20 || got.Connections.Used != 1 || got.Vacuum.OldestXIDAge <= 0 {
		t.Errorf("got %+v", got)
	}
	for path, fix := range map[string]string{
		"activity": `GRANT pg_monitor TO "stranger"`, "locks": "GRANT pg_monitor", "transactions": "GRANT pg_monitor", "wal.bytes": "GRANT pg_monitor",
		"statements": "GRANT pg_monitor", "connections.by_user": "GRANT pg_monitor",
	} {
		wantUnread(t, o, path, fix)
	}
	_, o = observe(t, as(s, postgrestest.Watcher, "database", "postgres"))
	wantUnread(t, o, "statements", "CREATE EXTENSION pg_stat_statements")
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

func testNotLetIn(t *testing.T, s *postgrestest.Server) {
	wrong := as(s, postgrestest.App)
	wrong["password"] = engine.NewSecret("wrong-but-secret")
	for _, tt := range []struct {
		name string
		in   map[string]any
		want reach.Outcome
		code string
	}{
		{"wrong password", wrong, reach.AuthFailed, "28P01"},
		{"another user", as(s, "nobody"), HostNotAllowed, "28000"},
		{"an unknown database", as(s, postgrestest.App, "database", "nothing"), UnknownDatabase, "3D000"},
		{"another's database", as(s, postgrestest.App, "database", "private"), reach.NoPermission, "42501"},
		{"rejected by pg_hba.conf", as(s, postgrestest.App, "database", "nowhere"), HostNotAllowed, "28000"},
		{"no TLS to be had", as(s, postgrestest.Watcher, "tls", "require"), NotOffered, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, o := observe(t, tt.in)
			if got.Outcome != tt.want || got.ErrorCode != tt.code || got.LoggedIn || !got.Answered || got.Error == "" ||
				!checktest.HasUnread(o, "connections") || strings.Contains(got.Error+o.Summary, "wrong-but-secret") {
				t.Errorf("got %+v, want %s, %s", got, tt.want, tt.code)
			}
		})
	}
}

const (
	waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
	clients = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'" // with who asks
)

func testLocks(t *testing.T, s *postgrestest.Server) {
	holder, change, reader := s.Session(t), s.Session(t), s.Session(t)
	holder.Do(t, "BEGIN; UPDATE orders SET state = 'held' WHERE id = 7")
	change.Send(t, "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
	s.WaitFor(t, waiting, "1")
	reader.Send(t, "SELECT count(*) FROM orders WHERE note = 'it is a secret'")
	s.WaitFor(t, waiting, "2")
	got, _ := observe(t, as(s, postgrestest.Watcher))
	if len(got.Locks.Blockers) != 1 || got.Locks.Waiting != 2 || len(got.Locks.Blocked) != 2 {
		t.Fatalf("got %+v", got.Locks)
	}
	b := got.Locks.Blockers[0]
	if b.PID != holder.PID || b.User != postgrestest.App || b.Client != "127.0.0.1" || b.Application != "web" || b.Blocks != 2 ||
		b.State != "idle in transaction" || b.Query != "UPDATE orders SET state = ? WHERE id = ?" || b.Kind != "client backend" {
		t.Errorf("got %+v, want session %d", b, holder.PID)
	}
	first, second := got.Locks.Blocked[0], got.Locks.Blocked[1]
	if first.PID != change.PID || first.Object != "public.orders" || first.Mode != "AccessExclusiveLock" || first.LockType != "relation" || first.BlockedBy != holder.PID {
		t.Errorf("got %+v", first)
	}
	if second.PID != reader.PID || second.BlockedBy != change.PID || second.Query != "SELECT count(*) FROM orders WHERE note = ?" {
		t.Errorf("got %+v", second)
	}
	if got.Activity.WaitingLock != 2 || got.Activity.Waits[0].Type != "Lock" || got.Transactions.Open != 3 {
		t.Errorf("got %+v %+v", got.Activity, got.Transactions)
	}
}

func testPrepared(t *testing.T, s *postgrestest.Server) {
	s.WaitFor(t, waiting, "0")
	s.Do(t, postgrestest.Database, "BEGIN; UPDATE orders SET state = 'x' WHERE id = 8; PREPARE TRANSACTION 'forgotten'")
	c := s.Session(t)
	c.Send(t, "UPDATE orders SET state = 'y' WHERE id = 8")
	s.WaitFor(t, waiting, "1")
	got, _ := observe(t, as(s, postgrestest.Watcher))
	if got.Transactions.Prepared != 1 || len(got.Locks.Blockers) != 1 || got.Locks.Blockers[0].PID != 0 || got.Locks.Blockers[0].Kind != "prepared transaction" {
		t.Errorf("got %+v %+v", got.Locks, got.Transactions)
	}
	s.Do(t, postgrestest.Database, "ROLLBACK PREPARED 'forgotten'")
	c.Do(t, "SELECT 1")
}

func testIdle(t *testing.T, s *postgrestest.Server) {
	c := s.Session(t)
	c.Do(t, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders")
	s.Do(t, postgrestest.Database, "UPDATE orders SET note = 'z' WHERE id = 1; UPDATE orders SET note = 'y' WHERE id = 1")
	got, _ := observe(t, as(s, postgrestest.Watcher))
	longest := got.Transactions.LongestIdle
	if got.Connections.IdleInTransaction != 1 || longest.PID != c.PID || longest.Seconds <= 0 || got.Transactions.IdleSeconds != longest.Seconds ||
		got.Transactions.OldestXminAge < 2 || longest.State != "idle in transaction" {
		t.Errorf("got %+v, want session %d", got.Transactions, c.PID)
	}
	c.Do(t, "ROLLBACK")
}

func testOneQuery(t *testing.T, s *postgrestest.Server) {
	s.Repeat(t, "SELECT count(*) FROM orders a JOIN orders b ON a.note = b.note WHERE a.id < 30 AND b.state <> 'secret'")
	s.WaitFor(t, "SELECT count(*) > 0 FROM pg_stat_statements WHERE query LIKE 'SELECT count(*) FROM orders a%' AND calls > 5", "t")
	in := as(s, postgrestest.Watcher)
	in["window"] = "1s"
	got, _ := observe(t, in)
	if len(got.Statements.Top) == 0 {
		t.Fatalf("got %+v", got.Statements)
	}
	top := got.Statements.Top[0]
	if !strings.HasPrefix(top.Query, "SELECT count(*) FROM orders a JOIN orders b") || strings.Contains(top.Query, "secret") || top.User != postgrestest.App ||
		top.Database != postgrestest.Database || top.SharePercent < 90 || top.Calls < 2 || top.MeanSeconds <= 0 || got.Statements.BusySessions <= 0 || top.RowsPerCall != 1 {
		t.Errorf("got %+v", got.Statements)
	}
	if got.Throughput.BlocksPerSecond <= 0 || got.Throughput.CacheHitPercent < 50 {
		t.Errorf("got %+v", got.Throughput)
	}
}

func testSpills(t *testing.T, s *postgrestest.Server) {
	s.Repeat(t, "SET work_mem = '64kB'; SELECT count(*) FROM (SELECT n FROM generate_series(1, 60000) n ORDER BY n DESC OFFSET 1) x")
	in := as(s, postgrestest.Watcher)
	in["window"] = "2s"
	got, _ := observe(t, in)
	if got.Throughput.TempFiles <= 0 || got.Throughput.TempBytesPerSecond <= 0 || got.Statements.Top[0].TempBytesPerCall <= 0 {
		t.Errorf("got %+v", got.Throughput)
	}
}

func testSlot(t *testing.T, s *postgrestest.Server) {
	s.Do(t, "postgres", "SELECT pg_create_physical_replication_slot('left_behind', true)")
	s.Do(t, postgrestest.Database, "INSERT INTO orders SELECT n, 'new', repeat('x', 50) FROM generate_series(5001, 9000) n; CHECKPOINT")
	got, _ := observe(t, as(s, postgrestest.Watcher))
	r := got.Replication
	if r.InactiveSlots != 1 || len(r.Slots) != 1 || r.Slots[0].Name != "left_behind" || r.Slots[0].Active || r.MaxRetainedBytes < 100_000 {
		t.Errorf("got %+v", r)
	}
	if got.Checkpoints.Requested < 1 {
		t.Errorf("got %+v", got.Checkpoints)
	}
	s.Do(t, "postgres", "SELECT pg_drop_replication_slot('left_behind')")
}

func testDeadRows(t *testing.T, s *postgrestest.Server) {
	s.Do(t, postgrestest.Database, "UPDATE orders SET state = 'old'")
	s.WaitFor(t, "SELECT n_dead_tup > 1000 FROM pg_stat_user_tables WHERE relname = 'orders'", "t")
	got, _ := observe(t, as(s, postgrestest.Watcher))
	if len(got.Vacuum.Tables) != 1 || got.Vacuum.Tables[0].Name != "public.orders" || !got.Vacuum.Tables[0].Due || got.Vacuum.Tables[0].Vacuumed || got.Vacuum.Enabled {
		t.Errorf("got %+v", got.Vacuum)
	}
	s.Do(t, postgrestest.Database, "VACUUM orders")
	s.WaitFor(t, "SELECT n_dead_tup = 0 FROM pg_stat_user_tables WHERE relname = 'orders'", "t")
}

func testConnections(t *testing.T, s *postgrestest.Server) {
	for range 16 {
		s.Session(t)
	}
	got, _ := observe(t, as(s, postgrestest.Watcher))
	if got.Connections.Used != 16 || got.Connections.UsedPercent < 90 {
		t.Errorf("got %+v", got.Connections)
	}
	s.WaitFor(t, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gumshoe'", "0")
	s.Session(t)
	got, o := observe(t, as(s, postgrestest.Watcher))
	if got.Outcome != reach.TooManyConnections || got.ErrorCode != "53300" || !strings.Contains(got.Error, "remaining connection slots") || !checktest.HasUnread(o, "locks") {
		t.Errorf("got %+v", got)
	}
	in := as(s, "postgres") // a superuser has reserved ones
	if got, _ := observe(t, in); got.Outcome != reach.OK || got.Connections.Used != 17 || got.Connections.UsedPercent != 100 {
		t.Errorf("got %+v", got.Connections)
	}
}

// Whoever ends the session while it looks is told, and nothing is made up.
func testKilled(t *testing.T, s *postgrestest.Server) {
	in := as(s, postgrestest.Watcher)
	go func() {
		for t.Context().Err() == nil {
			if s.Do(t, "postgres", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'gumshoe' AND state = 'idle'") == "1" {
				return
			}
		}
	}()
	in["window"] = "3s"
	got, o := observe(t, in)
	if got.Outcome != ShuttingDown || got.ErrorCode != "57P01" || !checktest.HasUnread(o, "throughput") && !checktest.HasUnread(o, "window_seconds") {
		t.Errorf("got %s %s %+v", got.Outcome, got.Error, o.Unread)
	}
}

func testPaused(t *testing.T, s *postgrestest.Server) {
	s.Pause()
	defer s.Resume()
	got, o := observe(t, as(s, postgrestest.Watcher, "timeout", "1s"))
	if got.Outcome != reach.TimedOut || !got.Connected || got.Answered || !checktest.HasUnread(o, "connections") {
		t.Errorf("got %+v", got)
	}
}

func testStopped(t *testing.T, s *postgrestest.Server) {
	s.Kill()
	got, o := observe(t, as(s, postgrestest.Watcher))
	if got.Outcome != reach.RefusedByIt || got.Connected || !checktest.HasUnread(o, "connect_seconds") {
		t.Errorf("got %+v", got)
	}
}

func TestStandby(t *testing.T) {
	s := postgrestest.Start(t)
	follower := s.Standby(t)
	s.WaitFor(t, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1")
	follower.WaitFor(t, "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()", "t")
	in := as(s, postgrestest.Watcher, "address", follower.Address)
	got, o := observe(t, in)
	if !got.InRecovery || !got.Replication.Receiving || got.Replication.Paused || got.Replication.LagBytes != 0 || checktest.HasUnread(o, "replication.paused") {
		t.Errorf("got %+v %+v", got.Replication, o.Unread)
	}
	s.Do(t, postgrestest.Database, "CREATE TABLE near (t TEXT)")
	follower.WaitFor(t, "SELECT pg_last_xact_replay_timestamp() IS NOT NULL", "t")
	follower.Do(t, "postgres", "SELECT pg_wal_replay_pause()")
	s.Do(t, postgrestest.Database, "CREATE TABLE far (t TEXT); INSERT INTO far SELECT repeat('x', 1000) FROM generate_series(1, 3000)")
	follower.WaitFor(t, "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) > 1000000", "t")
	if got, _ := observe(t, in); !got.Replication.Paused || got.Replication.LagBytes < 1_000_000 || got.Replication.LagSeconds <= 0 {
		t.Errorf("got %+v", got.Replication)
	}
	got, _ = observe(t, as(s, postgrestest.Watcher))
	if r := got.Replication; len(r.Standbys) != 1 || r.MaxLagBytes < 1_000_000 || r.Standbys[0].State != "streaming" || r.InactiveSlots != 0 || len(r.Slots) != 1 {
		t.Errorf("got %+v", r)
	}
	follower.Kill()
	s.WaitFor(t, "SELECT active FROM pg_replication_slots", "f")
	s.WaitFor(t, "SELECT count(*) FROM pg_stat_replication", "0")
	s.Do(t, postgrestest.Database, "INSERT INTO far SELECT repeat('x', 1000) FROM generate_series(1, 3000)")
	got, _ = observe(t, as(s, postgrestest.Watcher))
	if r := got.Replication; len(r.Standbys) != 0 || r.InactiveSlots != 1 || r.MaxRetainedBytes < 1_000_000 || r.Slots[0].Name != "follower" {
		t.Errorf("got %+v", r)
	}
}

// A server whose certificate nobody vouches for is told from one that is known.
func TestTLS(t *testing.T) {
	s := postgrestest.Start(t)
	certificate := certify(t, filepath.Join(s.Dir, "data"))
	s.Do(t, "postgres", "ALTER SYSTEM SET ssl = on")
	s.Do(t, "postgres", "SELECT pg_reload_conf()")
	s.WaitFor(t, "SHOW ssl", "on")
	for _, tt := range []struct {
		mode, ca, name string
		want           reach.Outcome
		encrypted      bool
	}{
		{"prefer", "", "", reach.OK, true},
		{"off", "", "", reach.OK, false},
		{"require", "", "", reach.OK, true},
		{"verify_full", "", "localhost", reach.TLSFailed, false},
		{"verify_full", certificate, "localhost", reach.OK, true},
		{"verify_full", certificate, "elsewhere", reach.TLSFailed, false},
	} {
		in := as(s, postgrestest.Watcher, "tls", tt.mode)
		if tt.ca != "" {
			in["ca_file"] = tt.ca
		}
		if tt.name != "" {
			in["server_name"] = tt.name
		}
		got, _ := observe(t, in)
		if got.Outcome != tt.want || got.Encrypted != tt.encrypted || tt.want == reach.TLSFailed && got.Error == "" {
			t.Errorf("%+v: got %+v", tt, got)
		}
	}
	s.Do(t, "postgres", "SELECT 1")
}

// certify makes a certificate for localhost in the folder of a server.
func certify(t *testing.T, dir string) string {
	t.Helper()
	shown, secret := checktest.SelfSigned(t, time.Hour, "localhost")
	for name, text := range map[string][]byte{"server.crt": shown, "server.key": secret} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			id := checktest.Credential(t, "postgres")
			if err := os.Chown(file, int(id.Uid), int(id.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return filepath.Join(dir, "server.crt")
}

// Whatever a peer says, the look ends and says what it is.
func TestPeers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		tls   string
		want  reach.Outcome
	}{
		{"silent", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "prefer", reach.TimedOut},
		{"closes at once", func(c net.Conn) { _, _ = c.Read(make([]byte, 8)) }, "prefer", reach.Closed},
		{"closes after a word", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 8))
			_, _ = io.WriteString(c, "N")
			_, _ = c.Read(make([]byte, 500))
		}, "prefer", reach.Closed},
		{"a web server", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 8))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}, "prefer", reach.ProtocolError},
		{"a web server, without TLS", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}, "off", reach.ProtocolError},
		{"half a handshake", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 8))
			_, _ = io.WriteString(c, "S")
			_, _ = io.Copy(io.Discard, c)
		}, "prefer", reach.TimedOut},
		{"another whose first letter is S", func(c net.Conn) {
			_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n")
			_, _ = io.Copy(io.Discard, c)
		}, "prefer", reach.ProtocolError},
		{"cannot fork", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 8))
			_, _ = io.WriteString(c, "Ecould not fork new process for connection: Cannot allocate memory\n\x00")
		}, "prefer", Rejected},
		{"endless notices", func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "N\x00\x00\x10\x00"+strings.Repeat("x", 4092)); err != nil {
					return
				}
			}
		}, "off", reach.ProtocolError},
		{"a huge message", func(c net.Conn) { _, _ = io.WriteString(c, "R\x7f\xff\xff\xff"); _, _ = io.Copy(io.Discard, c) }, "off", reach.ProtocolError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			timeout := "20s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			in := map[string]any{"address": peer(t, tt.serve), "timeout": timeout, "window": "100ms", "tls": tt.tls}
			got, o := observe(t, in)
			if got.Outcome != tt.want || !got.Connected || got.LoggedIn || !checktest.HasUnread(o, "connections") {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

// peer is a server that does as told.
func peer(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	return checktest.Peer(t, func(conn net.Conn) {
		defer conn.Close()
		serve(conn)
	})
}

func TestNotAllowed(t *testing.T) {
	list := reach.NewAllowList(checktest.Destinations(t, "db:5432"))
	o := checktest.Look(t, New(list).Server(), map[string]any{"address": "127.0.0.1:1"})
	if o.Output != nil || !strings.Contains(o.Reason, "list of allowed targets") {
		t.Errorf("got %+v", o)
	}
}
