package main

// Real pages of a real nginx, answered slowly, badly and not at all.

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"gumshoe/checks/checktest"
	"gumshoe/checks/probe/nginxtest"
	"gumshoe/engine"
)

func webTasks() map[string]func(string) {
	return map[string]func(string){"unaccepting": unaccepting, "name-server": nameServer, "working-backend": workingBackend, "long-way": longWay}
}

// unaccepting listens with room for one connection, never accepts, and fills its
// own queue.
func unaccepting(port string) {
	n, _ := strconv.Atoi(port)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(fd, 1)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	var held []net.Conn
	for range 4 {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, 200*time.Millisecond)
		if err == nil {
			held = append(held, conn)
		}
	}
	fmt.Println("ready")
	for {
		runtime.KeepAlive(held)
		syscall.Pause()
	}
}

// wantWebHealthy looks again when the machine has just been busy.
func wantWebHealthy(t *testing.T, args ...string) {
	t.Helper()
	for try := 1; ; try++ {
		r, exit := diagnose(t, args...)
		if r.Status == engine.StatusHealthy && exit == exitHealthy {
			return
		}
		if try == 3 {
			t.Errorf("%v: got %s with exit status %d, want healthy\n%s", args, r.Status, exit, verdicts(r))
			return
		}
	}
}

func TestRealWebSlow(t *testing.T) {
	needReal(t)
	s := nginxtest.Start(t, nginxtest.Options{})
	plain := func(page string) []string { return []string{"url=" + s.URL(nginxtest.Plain, page)} }
	for _, page := range []string{"/", "/upstream", "/redirect/3", "/gzip"} {
		wantWebHealthy(t, "web-slow", "url="+s.URL(nginxtest.Plain, page))
	}
	wantWebHealthy(t, "web-slow", "url="+s.URL(nginxtest.Valid, "/"), "ca_file="+s.Root)
	wantWebHealthy(t, "web-slow", "url="+strings.Replace(s.URL(nginxtest.Plain, "/"), "127.0.0.1", "localhost", 1))
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"slow backend", plain("/upstream?first_byte=1500ms"), "backend_slow"},
		{"slow backend, light page", append(plain("/upstream?first_byte=1200ms"), "light_url="+s.URL(nginxtest.Plain, "/")), "backend_slow"},
		{"slow body", plain("/upstream?body=1500ms"), "transfer_slow"},
		{"body without end", append(plain("/upstream?drip"), "timeout=2s"), "transfer_slow"},
		{"hanging backend", append(plain("/upstream?hang"), "timeout=2s"), "no_answer"},
		{"hanging backend, light page", append(plain("/upstream?hang"), "timeout=2s", "light_url="+s.URL(nginxtest.Plain, "/")), "no_answer"},
		{"upstream down", plain("/upstream-down"), "upstream_down"},
		{"upstream times out", plain("/upstream-hung"), "upstream_hangs"},
		{"maintenance", plain("/maintenance"), "unavailable"},
		{"limit of connections", plain("/limit-connections?first_byte=300ms"), "unavailable"},
		{"limit of requests", plain("/limit-requests"), "rate_limited"},
		{"application error", plain("/upstream?status=500"), "application_error"},
		{"no such page", plain("/nowhere"), "wrong_answer"},
		{"login needed", plain("/private"), "wrong_answer"},
		{"wrong page", append(plain("/"), "expect_body=Welcome"), "wrong_answer"},
		{"redirect loop", plain("/loop"), "redirect_loop"},
		{"large answer", append(plain("/large"), "slow_after=1s"), "answer_large"},
		{"expired certificate", []string{"url=" + s.URL(nginxtest.Expired, "/"), "ca_file=" + s.Root}, "tls_failed"},
		{"unknown authority", []string{"url=" + s.URL(nginxtest.Valid, "/")}, "tls_failed"},
		{"old TLS", []string{"url=" + s.URL(nginxtest.OldTLS, "/"), "ca_file=" + s.Root}, "tls_failed"},
		{"client certificate missing", []string{"url=" + s.URL(nginxtest.ClientNeeded, "/"), "ca_file=" + s.Root}, "wrong_answer"},
		{"http at the https port", []string{"url=" + strings.Replace(s.URL(nginxtest.Valid, "/"), "https", "http", 1)}, "wrong_answer"},
		{"https at the http port", []string{"url=" + strings.Replace(s.URL(nginxtest.Plain, "/"), "http", "https", 1)}, "not_web"},
		{"no such name", []string{"url=http://gumshoe.invalid/"}, "name_unresolved"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, exit := diagnose(t, append([]string{"web-slow"}, row.args...)...)
			wantConfirmed(t, r, exit, row.want)
		})
	}
	t.Run("half-open TLS", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		r, exit := diagnose(t, "web-slow", "url=https://"+l.Addr().String()+"/", "timeout=2s")
		wantConfirmed(t, r, exit, "tls_slow")
	})
	t.Run("stopped process", func(t *testing.T) {
		s.Pause()
		defer s.Resume()
		r, exit := diagnose(t, "web-slow", "url="+s.URL(nginxtest.Plain, "/"), "timeout=2s")
		wantConfirmed(t, r, exit, "no_answer")
		r, exit = diagnose(t, "web-slow", "url="+s.URL(nginxtest.Valid, "/"), "timeout=2s", "ca_file="+s.Root)
		wantConfirmed(t, r, exit, "tls_slow")
	})
	t.Run("stopped server", func(t *testing.T) {
		s.Stop()
		r, exit := diagnose(t, "web-slow", "url="+s.URL(nginxtest.Plain, "/"))
		wantConfirmed(t, r, exit, "port_refused")
		wantSubject(t, r, "port_refused", s.Address(nginxtest.Plain))
	})
}

func TestRealCertificates(t *testing.T) {
	needReal(t)
	s := nginxtest.Start(t, nginxtest.Options{})
	at := func(site string, more ...string) []string {
		return append([]string{"certificate-expiry", "address=" + s.Address(site), "server_name=localhost", "ca_file=" + s.Root}, more...)
	}
	wantWebHealthy(t, at(nginxtest.Valid)...)
	wantWebHealthy(t, at(nginxtest.Valid, "certificate_file="+s.CertificateFile(nginxtest.Valid))...)
	wantWebHealthy(t, at(nginxtest.ClientNeeded, "client_certificate="+s.Client)...)
	for _, row := range []struct {
		name string
		args []string
		want []string
	}{
		{"expired", at(nginxtest.Expired), []string{"expired"}},
		{"expired, renewed, not reloaded", at(nginxtest.Expired, "certificate_file="+s.CertificateFile(nginxtest.Valid)), []string{"expired", "not_reloaded"}},
		{"expires soon", at(nginxtest.Soon), []string{"expires_soon"}},
		{"soon, but not that soon", at(nginxtest.Valid, "warn_days=100"), nil},
		{"intermediate expires first", at(nginxtest.StaleChain), []string{"intermediate"}},
		{"not yet valid", at(nginxtest.NotYetValid), []string{"not_yet_valid"}},
		{"wrong host", at(nginxtest.WrongHost), []string{"wrong_host"}},
		{"incomplete chain", at(nginxtest.IncompleteChain), []string{"incomplete_chain"}},
		{"unknown authority", at(nginxtest.UnknownAuthority), []string{"unknown_authority"}},
		{"self-signed", at(nginxtest.SelfSigned), []string{"self_signed"}},
		{"http", at(nginxtest.Plain), []string{"no_tls"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.want == nil {
				wantWebHealthy(t, row.args...)
				return
			}
			r, exit := diagnose(t, row.args...)
			wantConfirmed(t, r, exit, row.want...)
		})
	}
	t.Run("reloaded", func(t *testing.T) {
		// A renewal writes the file; the server shows the new one only once it is told.
		renewed := nginxtest.Issue(t, s.Between, nil).With(s.Between)
		renewed.Write(t, s.CertificateFile(nginxtest.Soon))
		args := at(nginxtest.Soon, "certificate_file="+s.CertificateFile(nginxtest.Soon))
		r, exit := diagnose(t, args...)
		wantConfirmed(t, r, exit, "expires_soon", "not_reloaded")
		s.Reload(t, nginxtest.Soon, renewed)
		wantWebHealthy(t, args...)
	})
	t.Run("client refused", func(t *testing.T) {
		r, exit := diagnose(t, "certificate-expiry", "address="+choosy(t), "server_name=localhost", "ca_file="+s.Root)
		wantConfirmed(t, r, exit, "client_refused")
	})
	t.Run("unreachable", func(t *testing.T) {
		s.Stop()
		r, exit := diagnose(t, at(nginxtest.Valid)...)
		wantConfirmed(t, r, exit, "unreachable")
		wantSubject(t, r, "unreachable", s.Address(nginxtest.Valid))
	})
}

// choosy is a server that ends the handshake with a client that shows no
// certificate.
func choosy(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.pem")
	nginxtest.Issue(t, nil, nil).Write(t, path)
	pair, err := tls.LoadX509KeyPair(path, path)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 1))
			}()
		}
	}()
	return l.Addr().String()
}

// Faults on the way to a server, which is in a namespace of its own.
func TestRealWebWay(t *testing.T) {
	needReal(t)
	for _, row := range []struct {
		name    string
		rules   string                            // of the server's firewall; %PORT% is nginx's
		files   map[string]string                 // of the client's /etc
		url     string                            // "" means the server by its address
		before  func(t *testing.T, server string) // done in the server's namespace
		want    string
		subject string
	}{
		{"healthy", "", nil, "", nil, "", ""},
		{"filtered port", "tcp dport %PORT% drop", nil, "", nil, "no_way", ""},
		{"rejected port", "tcp dport %PORT% reject with tcp reset", nil, "", nil, "port_refused", ""},
		{"unreachable, says a router", "tcp dport %PORT% reject with icmp type host-unreachable", nil, "", nil, "no_way", ""},
		{"every fourth connect is lost", "tcp dport %PORT% tcp flags & (syn | ack) == syn numgen inc mod 4 == 2 drop", nil, "", nil, "packets_lost", ""},
		{"a dead address", "ip daddr 10.9.0.3 drop", map[string]string{"hosts": "10.9.0.3 web.test\n10.9.0.2 web.test\n"}, "web.test", func(t *testing.T, server string) {
			inShell(t, "ip", "-n", server, "addr", "add", "10.9.0.3/24", "dev", "eth0")
		}, "address_dead", ""},
		{"the first name server is dead", "ip daddr 10.9.0.3 udp dport 53 drop", map[string]string{"resolv.conf": "nameserver 10.9.0.3\nnameserver 10.9.0.2\n"}, "web.test", func(t *testing.T, server string) {
			inShell(t, "ip", "-n", server, "addr", "add", "10.9.0.3/24", "dev", "eth0")
			helperIn(t, server, "name-server", "10.9.0.2:53")
		}, "name_slow", ""},
		{"no name server answers", "udp dport 53 drop", map[string]string{"resolv.conf": "nameserver 10.9.0.2\noptions timeout:1 attempts:1\n"}, "web.test", nil, "name_unresolved", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			here, there := namespace(t, "client"), namespace(t, "server")
			etc := filepath.Join("/etc/netns", here) // ip netns exec puts what is there in place of /etc
			for name, text := range row.files {
				t.Cleanup(func() { _ = os.RemoveAll(etc) })
				if err := errors.Join(os.MkdirAll(etc, 0o755), os.WriteFile(filepath.Join(etc, name), []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			cable(t, here, there)
			if row.before != nil {
				row.before(t, there)
			}
			s := nginxtest.Start(t, nginxtest.Options{Host: "10.9.0.2", Exec: []string{"ip", "netns", "exec", there}})
			_, port, _ := net.SplitHostPort(s.Address(nginxtest.Plain))
			if row.url == "web.test" {
				// nginx listens on one address: the other is of the same host, and does not answer.
				row.url = "http://web.test:" + port + "/"
			} else {
				row.url = s.URL(nginxtest.Plain, "/")
			}
			if row.rules != "" {
				wall(t, there, "input", strings.ReplaceAll(row.rules, "%PORT%", port))
			}
			r, exit := diagnoseIn(t, here, "web-slow", "url="+row.url, "timeout=8s")
			if row.want == "" {
				if r.Status != engine.StatusHealthy || exit != exitHealthy {
					t.Errorf("got %s with exit status %d, want healthy\n%s", r.Status, exit, verdicts(r))
				}
				return
			}
			wantConfirmed(t, r, exit, row.want)
		})
	}
}

// nameServer answers every question for an address with 10.9.0.2, and says of
// every other kind that there is none.
func nameServer(address string) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	question := make([]byte, 512)
	for {
		n, from, err := conn.ReadFrom(question)
		if err != nil {
			return
		}
		end := bytes.IndexByte(question[12:n], 0) + 12 + 5 // the name, its type and class
		if n < 17 || end > n {
			continue
		}
		answer := append([]byte{}, question[:end]...)
		copy(answer[2:], []byte{0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		if question[end-3] == 1 { // A
			answer[7] = 1
			answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 9, 0, 2)
		}
		_, _ = conn.WriteTo(answer, from)
	}
}

// Faults of the server's own host, as they look on it.
func TestRealWebHere(t *testing.T) {
	needReal(t)
	t.Run("accept queue full", func(t *testing.T) {
		port := strconv.Itoa(checktest.FreePort(t))
		helper(t, "unaccepting", port)
		r, exit := diagnose(t, "web-slow", "url=http://127.0.0.1:"+port+"/", "timeout=2s")
		wantConfirmed(t, r, exit, "accept_queue_full", "no_way")
		wantSubject(t, r, "accept_queue_full", "127.0.0.1:"+port)
	})
	t.Run("no connections left", func(t *testing.T) {
		s := nginxtest.Start(t, nginxtest.Options{Connections: 20})
		s.Hold(t)
		r, exit := diagnose(t, "web-slow", "url="+s.URL(nginxtest.Plain, "/"))
		wantConfirmed(t, r, exit, "breaks_off")
	})
	t.Run("no processor time", func(t *testing.T) {
		address := freeAddress(t)
		helper(t, "working-backend", address)
		for range 4 * runtime.NumCPU() {
			helper(t, "burn")
		}
		r, exit := diagnose(t, "web-slow", "url=http://"+address+"/", "timeout=30s", "requests=4", "slow_after=500ms")
		wantConfirmed(t, r, exit, "backend_slow", "host_busy")
	})
}

// workingBackend answers each request after 200 ms of processor time.
func workingBackend(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for began := threadTime(); threadTime()-began < 200*time.Millisecond; {
		}
		_, _ = io.WriteString(w, "done")
	}))
}

// threadTime is the processor time that this thread has had.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var usage syscall.Rusage
	_ = syscall.Getrusage(thread, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// longWay joins this namespace and another, given as NAME DELAY, by a way on which
// each packet takes that long: 10.8.0.1 is here, 10.8.0.2 there.
func longWay(argument string) {
	there, text, _ := strings.Cut(argument, " ")
	delay, err := time.ParseDuration(text)
	near, err2 := tunnel()
	runtime.LockOSThread() // it stays in the other namespace, and ends with this program
	other, err3 := os.Open("/var/run/netns/" + there)
	if err := errors.Join(err, err2, err3); err != nil {
		fmt.Println(err)
		return
	}
	const setns = 308 // of this processor
	if _, _, failed := syscall.RawSyscall(setns, other.Fd(), syscall.CLONE_NEWNET, 0); failed != 0 {
		fmt.Println(failed)
		return
	}
	far, err := tunnel()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	go carry(far, near, delay)
	carry(near, far, delay)
}

// tunnel makes the device way0 of this namespace and gives its other end.
func tunnel() (int, error) {
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	var request [40]byte // struct ifreq
	copy(request[:], "way0")
	binary.NativeEndian.PutUint16(request[16:], syscall.IFF_TUN|syscall.IFF_NO_PI)
	if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TUNSETIFF, uintptr(unsafe.Pointer(&request))); failed != 0 {
		return 0, failed
	}
	return fd, nil
}

// carry passes packets on in their order, each after a delay.
func carry(from, to int, delay time.Duration) {
	type packet struct {
		due  time.Time
		text []byte
	}
	under := make(chan packet, 10_000)
	go func() {
		for p := range under {
			time.Sleep(time.Until(p.due))
			_, _ = syscall.Write(to, p.text)
		}
	}()
	for {
		text := make([]byte, 1<<16)
		n, err := syscall.Read(from, text)
		if err != nil {
			return
		}
		under <- packet{time.Now().Add(delay), text[:n]}
	}
}

// A server that is far away is told from one that is slow.
func TestRealWebFarAway(t *testing.T) {
	needReal(t)
	checktest.Need(t, "the device /dev/net/tun on amd64", runtime.GOARCH == "amd64" && exists("/dev/net/tun"))
	here, there := namespace(t, "client"), namespace(t, "server")
	helperIn(t, here, "long-way", there+" 150ms")
	for i, name := range []string{here, there} {
		inShell(t, "ip", "-n", name, "addr", "add", fmt.Sprintf("10.8.0.%d/24", i+1), "dev", "way0")
		inShell(t, "ip", "-n", name, "link", "set", "way0", "up")
	}
	s := nginxtest.Start(t, nginxtest.Options{Host: "10.8.0.2", Exec: []string{"ip", "netns", "exec", there}})
	r, exit := diagnoseIn(t, here, "web-slow", "url="+s.URL(nginxtest.Plain, "/"), "slow_after=500ms")
	wantConfirmed(t, r, exit, "far_away")
	r, exit = diagnoseIn(t, here, "web-slow", "url="+s.URL(nginxtest.Plain, "/"))
	if r.Status != engine.StatusHealthy || exit != exitHealthy { // two round trips of 0.3 s are no second
		t.Errorf("got %s with exit status %d, want healthy\n%s", r.Status, exit, verdicts(r))
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestRealCertificateClock: a server with another idea of the time, on a host
// where nobody keeps the clock right, is the only witness.
func TestRealCertificateClock(t *testing.T) {
	needReal(t)
	path := filepath.Join(t.TempDir(), "server.pem")
	root := nginxtest.Authority(t, nil, "root", 1000*nginxtest.Day)
	nginxtest.Issue(t, root, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-nginxtest.Day) }).Write(t, path)
	pair, err := tls.LoadX509KeyPair(path, path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-2*nginxtest.Day).UTC().Format(http.TimeFormat))
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not like its certificate
	s.StartTLS()
	defer s.Close()
	r, exit := diagnose(t, "certificate-expiry", "address="+s.Listener.Addr().String(), "server_name=localhost", "ca_file="+root.File(t))
	for _, step := range r.Steps {
		if output, ok := step.Output.(map[string]any); ok && step.ID == "clock" && output["daemon"] != "none" {
			wantConfirmed(t, r, exit, "expired") // this host knows better
			return
		}
	}
	wantConfirmed(t, r, exit, "expired", "clock_wrong")
}
