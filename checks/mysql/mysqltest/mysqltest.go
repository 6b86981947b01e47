// Package mysqltest starts a real MariaDB server for tests.
package mysqltest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

// Who can log in, from 127.0.0.1 over TCP. They have the same password.
const (
	// Watcher has the rights that the documentation of the check asks for.
	Watcher = "gumshoe"
	// Stranger has no rights at all.
	Stranger = "stranger"
	// App may do everything in the database of the test.
	App = "app"
	// Limited may have one connection.
	Limited = "limited"
	// Password is that of all of them.
	Password = "look-but-do-not-tell"
	// Database is one that exists.
	Database = "shop"
)

// Server is a MariaDB server of its own port and folder, until its test ends.
type Server struct {
	*checktest.Server

	// Address is its host and port, Port the port alone.
	Address string
	Port    int
	// Dir is its folder; its data are below, in data.
	Dir string

	socket string
}

// Start starts a server that keeps to 127.0.0.1, with the performance schema on,
// small caches, and these options beside. Of several for one the last holds.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	_, err := exec.LookPath("mariadb-install-db")
	checktest.Need(t, "the program mariadb-install-db", err == nil)
	dir, err := os.MkdirTemp("", "mysql") //nolint:usetesting // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the server's user enters it
		t.Fatal(err)
	}
	s := &Server{Port: checktest.FreePort(t), Dir: dir, socket: filepath.Join(dir, "s")}
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	data := filepath.Join(dir, "data")
	install := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--tmpdir="+dir) //nolint:noctx // for tests
	user := ""
	if os.Geteuid() == 0 {
		user = "mysql"
		id := checktest.Credential(t, user)
		if err := os.Chown(dir, int(id.Uid), int(id.Gid)); err != nil {
			t.Fatal(err)
		}
		install.SysProcAttr = &syscall.SysProcAttr{Credential: id}
	}
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first := filepath.Join(dir, "first.sql")
	if err := os.WriteFile(first, []byte(accounts()), 0o644); err != nil { //nolint:gosec // the server's user reads it
		t.Fatal(err)
	}
	argv := append([]string{
		"mariadbd", "--no-defaults", "--datadir=" + data, "--socket=" + s.socket, fmt.Sprintf("--port=%d", s.Port),
		"--bind-address=127.0.0.1", "--pid-file=" + filepath.Join(dir, "pid"), "--performance-schema=ON", "--skip-name-resolve",
		"--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--tmpdir=" + dir, "--init-file=" + first,
		"--performance-schema-instrument=wait/lock/metadata/sql/mdl=ON",
	}, options...)
	s.Server = checktest.Start(t, checktest.Program{Argv: argv, Dir: dir, User: user, Ready: s.ready})
	return s
}

func accounts() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE DATABASE IF NOT EXISTS %s;\n", Database)
	for _, user := range []string{Watcher, Stranger, App, Limited} {
		fmt.Fprintf(&b, "CREATE USER IF NOT EXISTS %s@'127.0.0.1' IDENTIFIED BY '%s';\n", user, Password)
	}
	fmt.Fprintf(&b, "GRANT PROCESS, REPLICATION CLIENT ON *.* TO %s@'127.0.0.1';\n", Watcher)
	fmt.Fprintf(&b, "GRANT SLAVE MONITOR ON *.* TO %s@'127.0.0.1';\n", Watcher)
	fmt.Fprintf(&b, "GRANT SELECT ON performance_schema.* TO %s@'127.0.0.1';\n", Watcher)
	fmt.Fprintf(&b, "GRANT ALL ON %s.* TO %s@'127.0.0.1';\n", Database, App)
	fmt.Fprintf(&b, "ALTER USER %s@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1;\n", Limited)
	return b.String()
}

func (s *Server) client(arguments ...string) *exec.Cmd {
	return exec.Command("mariadb", append([]string{"--no-defaults", "-uroot", "-S", s.socket, "-N", "-B", "--unbuffered"}, arguments...)...) //nolint:noctx // for tests
}

// ready tells whether the server answers and the accounts are there: a port that
// accepts alone would be counted as a client that gave up.
func (s *Server) ready() error {
	out, err := s.client("-e", "SELECT COUNT(*) FROM mysql.global_priv WHERE User = '"+Limited+"'").CombinedOutput()
	if err == nil && strings.TrimSpace(string(out)) != "1" {
		err = fmt.Errorf("the accounts are missing: %s", out)
	}
	return err
}

// Do executes statements as root, and gives what they show.
func (s *Server) Do(t testing.TB, statements string) string {
	t.Helper()
	out, err := s.client("-e", statements).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", statements, err, out)
	}
	return strings.TrimSpace(string(out))
}

// WaitFor asks until what a statement shows is as wanted.
func (s *Server) WaitFor(t testing.TB, statement string, wanted func(shown string) bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		shown := s.Do(t, statement)
		if wanted(shown) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s shows still %q", statement, shown)
		}
		time.Sleep(120 * time.Millisecond) //nolint:forbidigo // InnoDB shows its transactions anew when nobody has asked for 100 ms
	}
}

// Session is a connection over TCP on which a test does what it wants.
type Session struct {
	*checktest.Client

	// ID is its connection, as KILL wants it.
	ID int64
}

// Session connects as the user App to the test's database. It is closed when the
// test ends.
func (s *Server) Session(t testing.TB) *Session {
	t.Helper()
	return s.SessionOf(t, App, "-D"+Database)
}

// SessionOf is a Session of any user, with more arguments of the client.
func (s *Server) SessionOf(t testing.TB, user string, arguments ...string) *Session {
	t.Helper()
	c := &Session{Client: checktest.StartClient(t, exec.Command("mariadb", append([]string{ //nolint:noctx // Close ends it
		"--no-defaults", "-N", "-B", "--unbuffered", "-f", "-h127.0.0.1", fmt.Sprintf("-P%d", s.Port), "-u" + user, "-p" + Password,
	}, arguments...)...))}
	id, err := strconv.ParseInt(c.Do(t, "SELECT CONNECTION_ID()"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	c.ID = id
	return c
}

// Do executes a statement, and gives the last line that it shows.
func (c *Session) Do(t testing.TB, statement string) string {
	t.Helper()
	lines := c.Ask(t, statement, "SELECT '%s';")
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

// WaitConnections waits until the server has so many connections, this among them: it
// counts those that have ended a moment longer.
func (c *Session) WaitConnections(t testing.TB, connections int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(60 * time.Second); ; <-tick.C {
		shown := c.Do(t, "SHOW GLOBAL STATUS LIKE 'Threads_connected'")
		if shown == fmt.Sprintf("Threads_connected\t%d", connections) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server has still %q", shown)
		}
	}
}

// Repeat executes a statement again and again until the test ends.
func (s *Server) Repeat(t testing.TB, statement string) {
	t.Helper()
	s.Session(t).Client.Repeat(t, statement)
}
