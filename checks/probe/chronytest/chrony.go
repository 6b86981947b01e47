// Package chronytest starts a real chronyd, a time server, for tests.
package chronytest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
)

// Serves are lines of a server that anybody may follow, as one on stratum 8.
func Serves() []string { return []string{"local stratum 8", "allow"} }

// Server is a time server on 127.0.0.1 until its test ends.
type Server struct {
	*checktest.Server

	// Port is its UDP port.
	Port int
}

// Start starts a server with lines of configuration, and waits until it listens. It
// does not touch the clock. It has to be started by root.
func Start(t testing.TB, lines ...string) *Server {
	t.Helper()
	checktest.Need(t, "root", os.Geteuid() == 0)
	s := &Server{Port: checktest.FreePort(t)}
	dir := t.TempDir()
	file := filepath.Join(dir, "chrony.conf")
	configuration := fmt.Sprintf("%s\nbindaddress 127.0.0.1\nport %d\ncmdport 0\nbindcmdaddress /\npidfile %s/pid\nuser root\n", strings.Join(lines, "\n"), s.Port, dir)
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Server = checktest.Start(t, checktest.Program{Argv: []string{"chronyd", "-x", "-d", "-f", file}, Ready: checktest.ListensUDP(s.Port)})
	return s
}
