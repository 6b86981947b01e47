// Package unboundtest starts a real unbound, a name server, for tests.
package unboundtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
)

// Config says what a name server is to serve, and how.
type Config struct {
	// Address is where it listens; "" means 127.0.0.1.
	Address string
	// Port is where it listens; 0 means a free one.
	Port int
	// Zone is a zone that it serves itself, such as corp.example; "" means none.
	Zone string
	// Records are the records of Zone, such as "db.corp.example. A 192.0.2.9".
	Records []string
	// Forward is the server, as ADDRESS or ADDRESS@PORT, that everything else is
	// asked of; "" means that everything else is refused.
	Forward string
	// Options are further lines of the part server: of its configuration.
	Options []string
	// Prefix is what runs it, such as ip netns exec NAME.
	Prefix []string
}

// Server is an unbound that serves until its test ends.
type Server struct {
	*checktest.Server

	// Address is its address and port.
	Address string
}

// Start starts a name server and waits until it serves.
func Start(t testing.TB, c Config) *Server {
	t.Helper()
	if c.Address == "" {
		c.Address = "127.0.0.1"
	}
	if c.Port == 0 {
		c.Port = checktest.FreePort(t)
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	file := filepath.Join(dir, "unbound.conf")
	if err := os.WriteFile(file, []byte(c.text(dir, log)), 0o600); err != nil {
		t.Fatal(err)
	}
	serves := func() error {
		text, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(text), "start of service") {
			err = errors.New(string(text))
		}
		return err
	}
	argv := append(append([]string{}, c.Prefix...), "unbound", "-d", "-c", file)
	return &Server{checktest.Start(t, checktest.Program{Argv: argv, Dir: dir, Ready: serves}), net.JoinHostPort(c.Address, strconv.Itoa(c.Port))}
}

// text is its configuration.
func (c Config) text(dir, log string) string {
	lines := []string{
		"server:", "directory: " + strconv.Quote(dir), `chroot: ""`, `pidfile: ""`, `username: ""`, "use-syslog: no", "logfile: " + strconv.Quote(log),
		"do-daemonize: no", "num-threads: 1", "verbosity: 1", fmt.Sprintf("interface: %s@%d", c.Address, c.Port),
		"access-control: 0.0.0.0/0 allow", "access-control: ::/0 allow", "do-not-query-localhost: no", "so-rcvbuf: 0", "msg-cache-size: 1m", "rrset-cache-size: 1m",
	}
	if c.Zone != "" {
		lines = append(lines, "local-zone: "+strconv.Quote(c.Zone)+" static")
	}
	for _, record := range c.Records {
		lines = append(lines, "local-data: '"+record+"'")
	}
	if c.Forward == "" {
		lines = append(lines, `local-zone: "." refuse`)
	}
	lines = append(lines, c.Options...)
	if c.Forward != "" {
		lines = append(lines, "forward-zone:", `name: "."`, "forward-addr: "+c.Forward)
	}
	return strings.Join(append(lines, "remote-control:", "control-enable: no", ""), "\n")
}
