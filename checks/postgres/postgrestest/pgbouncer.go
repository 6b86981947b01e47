package postgrestest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

// Bouncer is a PgBouncer before a server.
type Bouncer struct {
	*checktest.Server

	// Address is its host and port.
	Address string
}

// Bouncer starts a PgBouncer before this server, with these lines in its
// configuration beside. Watcher may see the console, App may use the database;
// Stranger may do the same as App.
func (s *Server) Bouncer(t testing.TB, lines ...string) *Bouncer {
	t.Helper()
	dir := folder(t)
	b := &Bouncer{}
	port := checktest.FreePort(t)
	b.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	var users strings.Builder
	for _, user := range []string{Watcher, Stranger, App} {
		fmt.Fprintf(&users, "%q %q\n", user, Password)
	}
	config := fmt.Sprintf("[databases]\n%s = host=127.0.0.1 port=%d dbname=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"+
		"unix_socket_dir =\nauth_type = md5\nauth_file = %s/users\nstats_users = %s\nadmin_users = postgres\npool_mode = session\n", Database, s.Port, Database, port, dir, Watcher)
	config += strings.Join(lines, "\n") + "\n"
	for name, text := range map[string]string{"users": users.String(), "ini": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // its user reads it
			t.Fatal(err)
		}
	}
	b.Server = checktest.Start(t, checktest.Program{
		Argv: []string{"pgbouncer", filepath.Join(dir, "ini")}, Dir: dir, User: account, Ready: checktest.Listens(port),
	})
	return b
}

// WaitLonger waits until a client of a PgBouncer has waited for a server for longer
// than a second.
func WaitLonger(t testing.TB, address string) {
	t.Helper()
	c := begin(t, address, Watcher, "pgbouncer")
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		for line := range strings.SplitSeq(c.All(t, "SHOW POOLS"), "\n") {
			// database|user|cl_active|cl_waiting|…|maxwait|maxwait_us|pool_mode
			fields := strings.Split(line, "|")
			if n := len(fields); n > 3 && fields[3] != "0" && fields[n-3] >= "1" {
				return
			}
		}
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // between two looks at what is waited for
	}
	t.Fatal("no client waits for a server")
}
