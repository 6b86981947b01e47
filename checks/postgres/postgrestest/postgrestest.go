// Package postgrestest starts a real PostgreSQL server, and a PgBouncer before it,
// for tests.
package postgrestest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

// Who can log in, from 127.0.0.1 over TCP. They have the same password.
const (
	// Watcher has pg_monitor, as the documentation of the check asks for.
	Watcher = "gumshoe"
	// Stranger has no rights at all.
	Stranger = "stranger"
	// App may do everything in the database of the test; it is no superuser.
	App = "app"
	// Password is that of all of them.
	Password = "look-but-do-not-tell"
	// Database is one that exists, with pg_stat_statements.
	Database = "shop"
)

// account is who runs the servers, since PostgreSQL does not run as root.
const account = "postgres"

// Server is a PostgreSQL server of its own port and folder, until its test ends.
type Server struct {
	*checktest.Server

	// Address is its host and port, Port the port alone.
	Address string
	Port    int
	// Dir is its folder; its data are below, in data.
	Dir string
}

// bin is where Debian keeps the programs of PostgreSQL.
func bin(t testing.TB, program string) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program) // the pattern is good
	checktest.Need(t, "the program "+program+" of PostgreSQL", len(found) > 0)
	slices.Sort(found)
	return found[len(found)-1]
}

// folder makes one that the account of the servers may write.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if os.Geteuid() == 0 {
		id := checktest.Credential(t, account)
		if err := os.Chown(dir, int(id.Uid), int(id.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run runs a program of PostgreSQL as the account of the servers.
func run(t testing.TB, dir string, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:noctx // for tests
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PGPASSWORD="+Password)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: checktest.Credential(t, account)}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", argv, err, out)
	}
}

// Start starts a server that keeps to 127.0.0.1, with pg_stat_statements and small
// caches, and these settings beside, such as "max_connections=10". Of several for
// one the last holds.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	dir := folder(t)
	run(t, dir, bin(t, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "--no-sync", "--wal-segsize=1", "--no-locale", "-E", "UTF8")
	hba := "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost nowhere all 127.0.0.1/32 reject\n" +
		"host all,replication gumshoe,stranger,app,replica 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(dir, "data", "pg_hba.conf"), []byte(hba), 0o644); err != nil { //nolint:gosec // the server reads it
		t.Fatal(err)
	}
	s := serve(t, dir, settings)
	s.Do(t, "postgres", fmt.Sprintf("CREATE DATABASE %s; CREATE DATABASE private; REVOKE CONNECT ON DATABASE private FROM PUBLIC", Database))
	var b strings.Builder
	for _, user := range []string{Watcher, Stranger, App} {
		fmt.Fprintf(&b, "CREATE ROLE %s LOGIN PASSWORD '%s'; ", user, Password)
	}
	fmt.Fprintf(&b, "CREATE ROLE replica LOGIN REPLICATION PASSWORD '%s'; GRANT pg_monitor TO %s; GRANT CREATE ON SCHEMA public TO %s; ", Password, Watcher, App)
	b.WriteString("CREATE EXTENSION pg_stat_statements")
	s.Do(t, Database, b.String())
	return s
}

func serve(t testing.TB, dir string, settings []string) *Server {
	t.Helper()
	s := &Server{Port: checktest.FreePort(t), Dir: dir}
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	argv := []string{bin(t, "postgres"), "-D", filepath.Join(dir, "data")}
	for _, setting := range append([]string{
		"port=" + strconv.Itoa(s.Port), "listen_addresses=127.0.0.1", "unix_socket_directories=" + dir, "fsync=off", "full_page_writes=off",
		"shared_preload_libraries=pg_stat_statements", "shared_buffers=16MB", "autovacuum=off", "jit=off", "lc_messages=C",
	}, settings...) {
		argv = append(argv, "-c", setting)
	}
	ready := func() error {
		out, err := exec.Command("psql", "-X", "-h", dir, "-p", strconv.Itoa(s.Port), "-U", "postgres", "-d", "postgres", "-c", "SELECT 1").CombinedOutput() //nolint:noctx // for tests
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	s.Server = checktest.Start(t, checktest.Program{Argv: argv, Dir: dir, User: account, Ready: ready})
	return s
}

// Standby starts a server that follows this one through a slot called follower.
func (s *Server) Standby(t testing.TB, settings ...string) *Server {
	t.Helper()
	dir := folder(t)
	run(t, dir, bin(t, "pg_basebackup"), "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-U", "replica", "-D", filepath.Join(dir, "data"),
		"-R", "-C", "-S", "follower", "-X", "stream", "-c", "fast", "--no-sync")
	return serve(t, dir, settings)
}

// Do executes statements as the superuser over the socket, and gives what they show,
// once its session has ended: it would be counted as one more client.
func (s *Server) Do(t testing.TB, database, statements string) string {
	t.Helper()
	out, err := exec.Command("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", s.Dir, "-p", strconv.Itoa(s.Port), "-U", "postgres", //nolint:noctx // for tests
		"-d", database, "-c", "SET client_min_messages = warning", "-c", "SELECT pg_backend_pid()", "-f", write(t, statements)).CombinedOutput()
	pid, shown, _ := strings.Cut(string(out), "\n")
	if err != nil {
		t.Fatalf("%s: %v: %s", statements, err, out)
	}
	ended(t, pid)
	return strings.TrimSpace(shown)
}

// ended waits until the process of a session has ended, which is a moment after its
// client has.
func ended(t testing.TB, pid string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(60 * time.Second); ; <-tick.C {
		if _, err := os.Stat(filepath.Join("/proc", pid)); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the session %s does not end", pid)
		}
	}
}

// write keeps statements in a file, so that each is a transaction of its own.
func write(t testing.TB, statements string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "do.sql")
	if err := os.WriteFile(file, []byte(statements+"\n;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// WaitFor asks until what a statement shows is as wanted.
func (s *Server) WaitFor(t testing.TB, statement, wanted string) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		shown := s.Do(t, Database, statement)
		if shown == wanted {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s shows still %q, want %q", statement, shown, wanted)
		}
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // between two looks at what is waited for
	}
}

// Session is a connection over TCP on which a test does what it wants.
type Session struct {
	*checktest.Client

	// PID is that of its backend.
	PID int64
}

// Session connects as the user App to the test's database. It is closed when the
// test ends.
func (s *Server) Session(t testing.TB) *Session {
	t.Helper()
	return Connect(t, s.Address, App, Database)
}

// Connect connects to a server, or to what stands before one.
func Connect(t testing.TB, address, user, database string) *Session {
	t.Helper()
	c := begin(t, address, user, database)
	var err error
	if c.PID, err = strconv.ParseInt(c.Do(t, "SELECT pg_backend_pid()"), 10, 64); err != nil {
		t.Fatal(err)
	}
	return c
}

// Wait connects as the user App to the test's database and waits for nothing: it may
// have to wait itself.
func Wait(t testing.TB, address string) *Session {
	t.Helper()
	c := begin(t, address, App, Database)
	c.Send(t, "SELECT 1")
	return c
}

func begin(t testing.TB, address, user, database string) *Session {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("psql", "-X", "-q", "-A", "-t", "-h", host, "-p", port, "-U", user, "-d", database) //nolint:noctx // Close ends it
	cmd.Env = append(os.Environ(), "PGPASSWORD="+Password, "PGAPPNAME=web")
	return &Session{Client: checktest.StartClient(t, cmd)}
}

// Do executes a statement, and gives the last line that it shows.
func (c *Session) Do(t testing.TB, statement string) string {
	t.Helper()
	all := c.All(t, statement)
	return all[strings.LastIndex(all, "\n")+1:]
}

// All executes a statement, and gives all lines that it shows but the empty ones.
func (c *Session) All(t testing.TB, statement string) string {
	t.Helper()
	lines := c.Ask(t, statement, `\echo '%s'`)
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return line == "" }), "\n")
}

// Repeat executes a statement again and again until the test ends.
func (s *Server) Repeat(t testing.TB, statement string) {
	t.Helper()
	s.Session(t).Client.Repeat(t, statement)
}
