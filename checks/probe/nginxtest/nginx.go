// Package nginxtest starts a real nginx for tests, with pages that are answered
// well and badly, and with certificates that are valid and not.
package nginxtest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"gumshoe/checks/checktest"
)

// The sites, each on a port of its own. What is wrong with a certificate is its
// name.
const (
	Plain            = "plain" // without TLS
	Valid            = "valid" // with HTTP/2
	Soon             = "soon"  // valid for 5 days more
	Expired          = "expired"
	NotYetValid      = "not_yet_valid"
	WrongHost        = "wrong_host"
	SelfSigned       = "self_signed"
	IncompleteChain  = "incomplete_chain"
	UnknownAuthority = "unknown_authority"
	StaleChain       = "stale_chain" // its intermediate expires in 3 days, itself in 80
	ClientNeeded     = "client_needed"
	OldTLS           = "old_tls" // 1.1 at most
)

// Options say how nginx is started.
type Options struct {
	// Host is the address that it listens on; "" means 127.0.0.1.
	Host string
	// Exec is put before its command, as in ip netns exec NAME.
	Exec []string
	// Connections are the connections that its worker may have; 0 means 512.
	Connections int
	// Backend is the host:port of the application behind it; "" means one that is
	// started with it.
	Backend string
}

// Server is a running nginx.
type Server struct {
	*checktest.Server

	// Root is a file with the authority that clients have to trust.
	Root string
	// Client is a file with the certificate that ClientNeeded takes, and its key;
	// Stranger is one of another authority.
	Client, Stranger string
	// Authority signs certificates that clients trust, Between is the one between it
	// and the servers'.
	Authority, Between *Certificate

	dir, host string
	ports     map[string]int
}

//go:embed nginx.conf.tmpl
var configuration string

// Start starts nginx and waits until it serves.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	if options.Host == "" {
		options.Host = "127.0.0.1"
	}
	if options.Connections == 0 {
		options.Connections = 512
	}
	if options.Backend == "" {
		options.Backend = StartBackend(t, "127.0.0.1:0").Address
	}
	s := &Server{dir: t.TempDir(), host: options.Host, ports: map[string]int{}}
	certificates := s.certificates(t)
	type site struct {
		Name string
		Port int
	}
	var sites []site
	names := []string{
		Plain, Valid, Soon, Expired, NotYetValid, WrongHost, SelfSigned, IncompleteChain, UnknownAuthority, StaleChain, ClientNeeded, OldTLS,
	}
	ports := freePorts(t, len(names)+1)
	for i, name := range names {
		s.ports[name] = ports[i]
		sites = append(sites, site{name, s.ports[name]})
		if c := certificates[name]; c != nil {
			c.Write(t, s.CertificateFile(name))
		}
	}
	large, err := os.Create(filepath.Join(s.dir, "large"))
	if err != nil {
		t.Fatal(err)
	}
	if err := large.Truncate(10 << 30); err != nil { // it takes no room
		t.Fatal(err)
	}
	large.Close()
	s.write(t, "password", "user:{PLAIN}open\n")
	s.write(t, "authority.pem", string(s.Authority.PEM()))
	var conf bytes.Buffer
	if err := template.Must(template.New("nginx.conf").Parse(configuration)).Execute(&conf, map[string]any{
		"Root": os.Geteuid() == 0, "Dir": s.dir, "Host": options.Host, "Sites": sites, "Secure": s.ports[Valid],
		"Connections": options.Connections, "Backend": options.Backend,
		"Closed": ports[len(names)],
	}); err != nil {
		t.Fatal(err)
	}
	s.write(t, "nginx.conf", conf.String())
	s.Server = checktest.Start(t, checktest.Program{
		Argv: slices.Concat(options.Exec, []string{"nginx", "-p", s.dir, "-c", filepath.Join(s.dir, "nginx.conf"), "-e", "stderr"}),
		Dir:  s.dir, Ready: s.ready(len(options.Exec) > 0),
	})
	return s
}

// freePorts are TCP ports of this host on which nothing listens, each another, and
// none that the kernel gives to a connection meanwhile.
func freePorts(t testing.TB, count int) []int {
	t.Helper()
	const first, last = 10240, 32767 // below net.ipv4.ip_local_port_range
	var ports []int
	var held []net.Listener // until all are found
	for len(ports) < count {
		port := first + rand.IntN(last-first+1)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // it does not wait
		if err != nil {
			continue
		}
		held, ports = append(held, l), append(ports, port)
	}
	for _, l := range held {
		l.Close()
	}
	return ports
}

// ready: nginx writes its process id once it listens on all of its ports. In
// another network namespace nothing more can be asked.
func (s *Server) ready(elsewhere bool) func() error {
	return func() error {
		if _, err := os.Stat(filepath.Join(s.dir, "nginx.pid")); elsewhere || err != nil {
			return err
		}
		conn, err := net.DialTimeout("tcp", s.Address(Plain), time.Second) //nolint:noctx // it has a timeout
		if err == nil {
			conn.Close()
		}
		return err
	}
}

// certificates makes one for each site that has TLS.
func (s *Server) certificates(t testing.TB) map[string]*Certificate {
	t.Helper()
	left := func(days int) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.NotAfter = time.Now().Add(time.Duration(days) * Day)
			c.NotBefore = c.NotAfter.Add(-90 * Day)
		}
	}
	root := Authority(t, nil, "gumshoe test root", 1000*Day)
	between := Authority(t, root, "gumshoe test intermediate", 500*Day)
	stale := Authority(t, root, "gumshoe test old intermediate", 3*Day)
	other := Authority(t, nil, "another root", 1000*Day)
	s.Authority, s.Between, s.Root = root, between, root.File(t)
	s.Client, s.Stranger = filepath.Join(s.dir, "client.pem"), filepath.Join(s.dir, "stranger.pem")
	Issue(t, between, nil).With(between).Write(t, s.Client)
	Issue(t, other, nil).Write(t, s.Stranger)
	return map[string]*Certificate{
		Valid:   Issue(t, between, nil).With(between),
		Soon:    Issue(t, between, left(5)).With(between),
		Expired: Issue(t, between, left(-3)).With(between),
		NotYetValid: Issue(t, between, func(c *x509.Certificate) {
			c.NotBefore = time.Now().Add(2 * Day)
		}).With(between),
		WrongHost: Issue(t, between, func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses = []string{"www.example.com"}, nil
		}).With(between),
		SelfSigned:       Issue(t, nil, nil),
		IncompleteChain:  Issue(t, between, nil),
		UnknownAuthority: Issue(t, other, nil).With(other),
		StaleChain:       Issue(t, stale, nil).With(stale),
		ClientNeeded:     Issue(t, between, nil).With(between),
		OldTLS:           Issue(t, between, nil).With(between),
	}
}

func (s *Server) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// CertificateFile is where nginx reads the certificate of a site from, when it
// starts and when it is told to reload.
func (s *Server) CertificateFile(site string) string { return filepath.Join(s.dir, site+".pem") }

// Address is the host and port of a site.
func (s *Server) Address(site string) string {
	return net.JoinHostPort(s.host, strconv.Itoa(s.ports[site]))
}

// URL is that of a page of a site.
func (s *Server) URL(site, page string) string {
	scheme := "https"
	if site == Plain {
		scheme = "http"
	}
	return scheme + "://" + s.Address(site) + page
}

// Workers are the process ids of its workers.
func (s *Server) Workers(t testing.TB) []int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", s.PID()))
	checktest.Need(t, "a kernel that lists the children of a process", err == nil)
	var workers []int
	for field := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			workers = append(workers, pid)
		}
	}
	return workers
}

// Hold opens connections to the plain site and begins a request on each, which
// keeps them from being used for others, until nginx has none left. What it gives
// back ends them.
func (s *Server) Hold(t testing.TB) (release func()) {
	t.Helper()
	var held []net.Conn
	release = func() {
		for _, conn := range held {
			conn.Close()
		}
	}
	t.Cleanup(release)
	const most = 500
	for range most {
		conn, err := net.DialTimeout("tcp", s.Address(Plain), time.Second) //nolint:noctx // it has a timeout
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
		_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n")) // one too many is closed at once
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return release
		}
	}
	t.Fatalf("nginx takes %d connections", most)
	return nil
}

// Reload has nginx read its files again, and waits until a site shows a
// certificate and the processes that show another have ended: until then they accept
// connections as well.
func (s *Server) Reload(t testing.TB, site string, shown *Certificate) {
	t.Helper()
	old := s.workers(t)
	if err := syscall.Kill(s.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		conn, err := tls.Dial("tcp", s.Address(site), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec,noctx // it only looks
		if err == nil {
			got := conn.ConnectionState().PeerCertificates[0]
			conn.Close()
			now := s.workers(t)
			if got.Equal(shown.Certificate) && !slices.ContainsFunc(old, func(pid string) bool { return slices.Contains(now, pid) }) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not show its new certificate: %v", site, err)
		}
	}
}

// workers are the processes of nginx that answer.
func (s *Server) workers(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}
