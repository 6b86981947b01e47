// Package eximtest starts a real Exim, a mail server, for tests.
package eximtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
)

// Who can log in, over TLS.
const (
	User     = "monitor"
	Password = "correct horse"
)

// account is who runs the server when the test is root.
const account = "nobody"

// Config says what a mail server is to be like.
type Config struct {
	// Host is where it listens; "" means 127.0.0.1.
	Host string
	// Port is where it listens; 0 means a free one.
	Port int
	// TLS makes it speak TLS from the beginning; without it STARTTLS is offered.
	TLS bool
	// Settings are lines of the main part of its configuration.
	Settings []string
	// Prefix is what runs it, such as ip netns exec NAME. It is root then.
	Prefix []string
}

// Server is a mail server until its test ends. It takes mail for example.com alone,
// tells grey@example.com to come again, and has no room for full@example.com.
type Server struct {
	*checktest.Server

	// Address is its host and port.
	Address string
	// Certificate is a file with its certificate, which signs itself, for its host and
	// mail.example.
	Certificate string
}

const rules = `
begin acl
rcpt:
  defer   local_parts = grey
          message     = Greylisted, please try again later
  deny    local_parts = full
          message     = 552 5.2.2 Mailbox full
  accept  domains     = example.com
  deny    message     = relay not permitted
begin routers
all:
  driver    = accept
  transport = none
begin transports
none:
  driver = appendfile
  file   = /dev/null
begin authenticators
plain:
  driver                     = plaintext
  public_name                = PLAIN
  server_prompts             = :
  server_condition           = ${if and{{eq{$auth2}{%s}}{eq{$auth3}{%s}}}}
  server_advertise_condition = ${if def:tls_in_cipher}
`

// Start starts a mail server and waits until it listens.
func Start(t testing.TB, c Config) *Server {
	t.Helper()
	if c.Host == "" {
		c.Host = "127.0.0.1"
	}
	if c.Port == 0 {
		c.Port = checktest.FreePort(t)
	}
	installed, err := exec.LookPath("exim4")
	checktest.Need(t, "the program exim4", err == nil)
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		id := checktest.Credential(t, account)
		uid, gid = int(id.Uid), int(id.Gid)
	}
	dir := folder(t, uid, gid)
	s := &Server{Address: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), Certificate: filepath.Join(dir, "certificate.pem")}
	lines := []string{
		"primary_hostname = mail.example", "spool_directory = " + dir, "log_file_path = " + dir + "/%slog", "pid_file_path = " + dir + "/pid",
		"exim_path = " + dir + "/exim4", fmt.Sprintf("exim_user = %d", uid), fmt.Sprintf("exim_group = %d", gid), "keep_environment =", "acl_smtp_rcpt = rcpt", "daemon_smtp_ports = " + strconv.Itoa(c.Port),
		"local_interfaces = <; " + c.Host, "tls_advertise_hosts = *", "tls_certificate = " + s.Certificate, "tls_privatekey = " + dir + "/key.pem",
	}
	if c.TLS {
		lines = append(lines, "tls_on_connect_ports = "+strconv.Itoa(c.Port))
	}
	for _, setting := range c.Settings { // instead of one of these
		name, _, _ := strings.Cut(setting, " ")
		lines = without(lines, name+" ")
		lines = append(lines, setting)
	}
	certificate, key := checktest.SelfSigned(t, 100*24*time.Hour, "mail.example", c.Host)
	program, err := os.ReadFile(installed)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"exim4": program, // without the bit that makes it root: then it would not end with the test that is killed
		"conf":  []byte(strings.Join(lines, "\n") + fmt.Sprintf(rules, User, Password)), "certificate.pem": certificate, "key.pem": key,
	} {
		checktest.WriteProgram(t, filepath.Join(dir, name), content) // its user reads the others, too
	}
	p := checktest.Program{Argv: []string{filepath.Join(dir, "exim4"), "-C", filepath.Join(dir, "conf"), "-bdf"}, Dir: dir, User: account}
	if len(c.Prefix) > 0 {
		p.Argv, p.User = append(append([]string{}, c.Prefix...), p.Argv...), ""
	}
	pid := filepath.Join(dir, "pid")
	p.Ready = func() error {
		_, err := os.Stat(pid) // written once it listens
		return err
	}
	s.Server = checktest.Start(t, p)
	return s
}

func without(lines []string, start string) []string {
	var kept []string
	for _, line := range lines {
		if !strings.HasPrefix(line, start) {
			kept = append(kept, line)
		}
	}
	return kept
}

// folder makes one that the user of the server may write.
func folder(t testing.TB, uid, gid int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "exim") //nolint:usetesting // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return dir
}
