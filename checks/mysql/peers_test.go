package mysql

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"gumshoe/checks/checktest"
	"gumshoe/checks/mysql/mysqltest"
	"gumshoe/checks/reach"
)

// peer serves one connection after the other until the test ends.
func peer(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	return checktest.Peer(t, func(conn net.Conn) {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		serve(conn)
	})
}

func saying(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

// Whatever else listens there is told as what it is, within the timeout.
func TestPeers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		serve   func(net.Conn)
		want    reach.Outcome
		greeted bool
	}{
		{"speaks HTTP", saying("HTTP/1.1 400 Bad Request\r\n\r\n"), reach.ProtocolError, false},
		{"speaks SSH", saying("SSH-2.0-OpenSSH_9.2\r\n"), reach.ProtocolError, false},
		{"says nothing", saying(""), reach.TimedOut, false},
		{"says half a length", saying("\x4a"), reach.TimedOut, false},
		{"says half a greeting", saying("\x4a\x00\x00\x00\x0a5.7"), reach.TimedOut, true},
		{"a greeting that is too short", saying("\x04\x00\x00\x00\x0a5.7"), reach.ProtocolError, true},
		{"an empty greeting", saying("\x00\x00\x00\x00\x0a"), reach.ProtocolError, true},
		{"closes at once", func(net.Conn) {}, reach.Closed, false},
		{"resets", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, reach.Reset, false},
		{"knows us as blocked", saying("\x26\x00\x00\x00\xff\x69\x04Host 'x' is blocked; many errors ab"), HostBlocked, true},
		{"goes on for ever", func(c net.Conn) {
			_, _ = io.WriteString(c, "\xff\xff\x00\x00\x0a")
			for {
				if _, err := c.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, reach.ProtocolError, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			got, _ := observe(t, map[string]any{"address": peer(t, tt.serve), "timeout": timeout, "window": "100ms"})
			if got.Outcome != tt.want || !got.Connected && tt.want != reach.Reset || got.LoggedIn || got.Greeted != tt.greeted {
				t.Errorf("got %+v, want %s, greeted %t", got, tt.want, tt.greeted)
			}
		})
	}
}

// certificate makes one that signs itself, and gives the files of it and its key.
func certificate(t *testing.T, name string) (cert, key string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "mysqltls") //nolint:usetesting // another user reads it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	_ = os.Chmod(dir, 0o755)
	cert, key = checktest.SelfSignedFiles(t, dir, name)
	for _, path := range []string{cert, key} {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t, "db.example.com")
	s := mysqltest.Start(t, "--ssl-cert="+cert, "--ssl-key="+key, "--require-secure-transport=ON")
	for _, tt := range []struct {
		name string
		in   map[string]any
		want reach.Outcome
	}{
		{"prefer", as(s, mysqltest.Watcher), reach.OK},
		{"require", as(s, mysqltest.Watcher, "tls", "require"), reach.OK},
		{"verify", as(s, mysqltest.Watcher, "tls", "verify", "ca_file", cert, "server_name", "db.example.com"), reach.OK},
		{"another name", as(s, mysqltest.Watcher, "tls", "verify", "ca_file", cert), reach.TLSFailed},
		{"not trusted", as(s, mysqltest.Watcher, "tls", "verify", "server_name", "db.example.com"), reach.TLSFailed},
		{"off", as(s, mysqltest.Watcher, "tls", "off"), reach.AuthFailed}, // MySQL says 3159, that it has to be encrypted
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := observe(t, tt.in)
			if got.Outcome != tt.want || got.Encrypted != (tt.want == reach.OK) || (got.Error != "") == (tt.want == reach.OK) {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

// A user can have a limit of its own.
func TestUserLimit(t *testing.T) {
	s := mysqltest.Start(t)
	holder := s.SessionOf(t, mysqltest.Limited)
	if got, _ := observe(t, as(s, mysqltest.Limited)); got.Outcome != UserLimit {
		t.Errorf("got %+v, want the limit of the user", got)
	}
	holder.Close()
}

// A replica is told from its source, and one that cannot go on says why.
func TestReplica(t *testing.T) {
	source := mysqltest.Start(t, "--server-id=1", "--log-bin=bin")
	replica := mysqltest.Start(t, "--server-id=2", "--read-only")
	source.Do(t, "CREATE USER copy@'127.0.0.1' IDENTIFIED BY 'x'; GRANT REPLICATION SLAVE ON *.* TO copy@'127.0.0.1'")
	position := strings.Fields(source.Do(t, "SHOW MASTER STATUS"))
	replica.Do(t, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='copy', MASTER_PASSWORD='x', MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s; START SLAVE",
		source.Port, position[0], position[1]))
	replica.WaitFor(t, "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE '%has read all relay log%'", is("1"))
	got, o := observe(t, as(replica, mysqltest.Watcher))
	r := got.Replication
	if !r.IsReplica || !r.IORunning || !r.SQLRunning || r.BehindSeconds > 1 || r.LastError != "" || !got.ReadOnly || checktest.HasUnread(o, "replication.behind_seconds") {
		t.Errorf("got %+v", r)
	}
	if len(r.Channels) != 1 || r.Channels[0].Source != source.Address || r.Channels[0].IOState != "yes" {
		t.Errorf("got %+v", r.Channels)
	}
	if got, _ := observe(t, as(source, mysqltest.Watcher)); got.Replication.Replicas != 1 || got.Replication.IsReplica {
		t.Errorf("the source: got %+v", got.Replication)
	}
	source.Do(t, "CREATE TABLE shop.twice (id INT PRIMARY KEY)")
	replica.WaitFor(t, "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'twice'", is("1"))
	replica.Do(t, "INSERT INTO shop.twice VALUES (1)")
	source.Do(t, "INSERT INTO shop.twice VALUES (1)")
	replica.WaitFor(t, "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Slave_SQL'", is("0"))
	got, o = observe(t, as(replica, mysqltest.Watcher))
	r = got.Replication
	if r.SQLRunning || !r.IORunning || !strings.Contains(r.LastError, "twice") || !checktest.HasUnread(o, "replication.behind_seconds") {
		t.Errorf("got %+v", r)
	}
}

func TestMask(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT * FROM t WHERE a = 'x''y' AND b=1.5e3":      "SELECT * FROM t WHERE a = ? AND b=?",
		"select /* secret */ 1 -- secret\n, \"x\" # secret": "select ?",
		"SELECT `it's` FROM t2 WHERE k IN (1, 2,3)":         "SELECT `it's` FROM t2 WHERE k IN (?)",
		"INSERT INTO t VALUES ('cut off":                    "INSERT INTO t VALUES (?",
		`SELECT 'a\' , 'secret`:                             "SELECT ? …",
		"SELECT x'ff', _utf8'secret', 0xff":                 "SELECT ?",
		"":                                                  "",
	} {
		if got := mask(query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

// FuzzMask: nothing of a literal is shown, whatever stands around it.
func FuzzMask(f *testing.F) {
	f.Add("SELECT a FROM t WHERE a = ", " AND b = 1")
	f.Add("/* ", "'\\")
	f.Fuzz(func(t *testing.T, before, after string) {
		got := mask(before + "'" + after)
		if len(got) > 210 || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is not short and printable", got)
		}
		if strings.ContainsAny(before, "'\"`#/-\\") || strings.ContainsAny(after, `'\`) {
			return
		}
		const secret = "sEcReT"
		if got := mask(before + "'" + secret + after + "'"); strings.Contains(got, secret) && !strings.Contains(before, secret) {
			t.Errorf("%q shows it", got)
		}
	})
}

// The list of allowed targets is asked first.
func TestNotAllowed(t *testing.T) {
	list := reach.NewAllowList(checktest.Destinations(t, "db.example.com:3306"))
	if o := checktest.Look(t, New(list).Server(), map[string]any{"address": "127.0.0.1:3306"}); o.Output != nil || o.Fix == "" {
		t.Errorf("got %+v, want a refusal", o)
	}
}
