package main

// Real faults on the way to a service, each in namespaces of their own: every
// link is broken once, and the runbooks name that link and no other. Cloud
// routers and a table of connections that is full, which drops its half-open ones
// before it refuses, are shown in recorded cases.

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/probe/unboundtest"
	"gumshoe/engine"
)

func reachTasks() map[string]func(string) {
	return map[string]func(string){
		"web": web, "web-tls": webTLS, "greeter": greeter, "mute": mute, "hang-up": hangUp, "echo": echoDatagrams,
		"web-large": webSays("200 OK", 1<<20), "web-login": webSays("401 Unauthorized", 0), "web-502": webSays("502 Bad Gateway", 0), "rude": rude, "delay": delay,
	}
}

// brokenLink is a real fault, and the cause and the object that a runbook has to
// name.
type brokenLink struct {
	name    string
	fault   func(t *testing.T) (namespace string, args []string)
	want    string
	subject string // "" for any
}

// wantNamed makes each fault, and wants that the runbook names exactly it.
func wantNamed(t *testing.T, runbook string, links []brokenLink) {
	t.Helper()
	for _, row := range links {
		t.Run(row.name, func(t *testing.T) {
			at, args := row.fault(t)
			r, exit := diagnoseIn(t, at, append([]string{runbook}, args...)...)
			wantConfirmed(t, r, exit, row.want)
			if row.subject != "" {
				wantSubject(t, r, row.want, row.subject)
			}
		})
	}
}

// serveEach answers connections to an address, one after the other.
func serveEach(l net.Listener, err error, answer func(conn net.Conn)) {
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			answer(conn)
			_ = conn.Close()
		}()
	}
}

// answerHTTP gives every request the same answer.
func answerHTTP(conn net.Conn) {
	text := make([]byte, 4096)
	if _, err := conn.Read(text); err == nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
	}
}

func web(address string) {
	l, err := net.Listen("tcp", address)
	serveEach(l, err, answerHTTP)
}

// webSays answers with a status and so many bytes.
func webSays(status string, length int) func(address string) {
	return func(address string) {
		l, err := net.Listen("tcp", address)
		serveEach(l, err, func(conn net.Conn) {
			if _, err := conn.Read(make([]byte, 4096)); err == nil {
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\nX-Filler: %s\r\n\r\n", status, length, strings.Repeat("x", min(length, 3000)))
				_, _ = conn.Write(make([]byte, length))
			}
		})
	}
}

// rude ends a connection on the first byte.
func rude(address string) {
	l, err := net.Listen("tcp", address)
	serveEach(l, err, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
}

// webTLS has a certificate that nobody signed, for the name db.example.com.
func webTLS(address string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	from := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "db.example.com"}, DNSNames: []string{"db.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	signed, err := x509.CreateCertificate(rand.Reader, from, from, key.Public(), key)
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{signed}, PrivateKey: key}}})
	serveEach(l, err, answerHTTP)
}

// greeter speaks first, as SSH does.
func greeter(address string) {
	l, err := net.Listen("tcp", address)
	serveEach(l, err, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "SSH-2.0-test\r\n")
		_, _ = io.Copy(io.Discard, conn)
	})
}

// mute takes connections and says nothing.
func mute(address string) {
	l, err := net.Listen("tcp", address)
	serveEach(l, err, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
}

// hangUp takes connections and ends them at once.
func hangUp(address string) {
	l, err := net.Listen("tcp", address)
	serveEach(l, err, func(net.Conn) {})
}

// echoDatagrams sends back what it is sent.
func echoDatagrams(address string) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	text := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(text)
		if err != nil {
			return
		}
		_, _ = conn.WriteTo(text[:n], from)
	}
}

// delay asks the name server at 10.9.0.3 what it is asked, and passes the answer
// on after 400 ms.
func delay(address string) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	text := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(text)
		if err != nil {
			return
		}
		question := bytes.Clone(text[:n])
		go func() {
			other, err := net.DialTimeout("udp", "10.9.0.3:53", time.Second)
			if err != nil {
				return
			}
			defer other.Close()
			_, _ = other.Write(question)
			answer := make([]byte, 4096)
			if n, err := other.Read(answer); err == nil {
				time.Sleep(400 * time.Millisecond)
				_, _ = conn.WriteTo(answer[:n], from)
			}
		}()
	}
}

// resolvConf makes the files of /etc that ip netns puts into a namespace.
func resolvConf(t *testing.T, namespace, conf, hosts string) {
	t.Helper()
	dir := "/etc/netns/" + namespace
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		_ = os.Remove("/etc/netns") // which others may still use
	})
	for name, text := range map[string]string{"resolv.conf": conf, "hosts": hosts} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// wall puts rules into the firewall of a namespace.
func wall(t *testing.T, namespace, hook, rule string) {
	t.Helper()
	_, err := exec.LookPath("nft")
	checktest.Need(t, "the program nft", err == nil)
	inShell(t, "ip", "netns", "exec", namespace, "nft", "add table inet wall; add chain inet wall "+hook+" { type filter hook "+hook+" priority 0; }; "+
		"add rule inet wall "+hook+" "+rule)
}

// pauseIn stops the helper that listens on a port of a namespace.
func pauseIn(t *testing.T, namespace, port string) {
	t.Helper()
	out, err := exec.Command("ip", "netns", "exec", namespace, "ss", "-Hltnp", "sport", "=", ":"+port).Output()
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, text, found := strings.Cut(string(out), "pid="); !found {
		t.Fatalf("nobody listens on %s: %s", port, out)
	} else if _, err := fmt.Sscanf(text, "%d", &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the helper is stopped", time.Minute, func() bool { return stateOf(pid) == 'T' })
}

// behindRouter joins three namespaces in a row and gives the first and the last:
// 10.9.0.1 has 10.9.0.2 for its gateway, behind which is 10.8.0.2.
func behindRouter(t *testing.T) (near, router, far string) {
	t.Helper()
	near, router, far = namespace(t, "near"), namespace(t, "router"), namespace(t, "far")
	cable(t, near, router)
	inShell(t, "ip", "-n", router, "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", far)
	inShell(t, "ip", "-n", router, "addr", "add", "10.8.0.1/24", "dev", "eth1")
	inShell(t, "ip", "-n", router, "link", "set", "eth1", "up")
	inShell(t, "ip", "-n", far, "addr", "add", "10.8.0.2/24", "dev", "eth0")
	inShell(t, "ip", "-n", far, "link", "set", "eth0", "up")
	inShell(t, "ip", "-n", far, "route", "add", "default", "via", "10.8.0.1")
	inShell(t, "ip", "-n", near, "route", "add", "default", "via", "10.9.0.2")
	inShell(t, "ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	return near, router, far
}

// redisIn starts a Redis with a password at 10.8.0.2 in a namespace.
func redisIn(t *testing.T, namespace string) *checktest.Server {
	t.Helper()
	inside := func(argv ...string) []string { return append([]string{"ip", "netns", "exec", namespace}, argv...) }
	return checktest.Start(t, checktest.Program{
		Argv: inside("redis-server", "--bind", "10.8.0.2", "--port", "6379", "--requirepass", "right", "--save", ""),
		Ready: func() error {
			argv := inside("redis-cli", "-h", "10.8.0.2", "ping")
			out, err := exec.Command(argv[0], argv[1:]...).Output()
			if err == nil && !strings.Contains(string(out), "NOAUTH") {
				err = fmt.Errorf("it says %s", out)
			}
			return err
		},
	})
}

func TestRealDependencyUnreachable(t *testing.T) {
	needReal(t)
	wantNamed(t, "dependency-unreachable", []brokenLink{
		{"no link", func(t *testing.T) (string, []string) {
			near, _, _ := behindRouter(t)
			inShell(t, "ip", "-n", near, "link", "set", "eth0", "down")
			return near, []string{"address=10.8.0.2:80"}
		}, "link_down", "eth0"},
		{"the other end has no link", func(t *testing.T) (string, []string) {
			near, router, _ := behindRouter(t)
			inShell(t, "ip", "-n", router, "link", "set", "eth0", "down")
			return near, []string{"address=10.8.0.2:80"}
		}, "link_down", "eth0"},
		{"no route", func(t *testing.T) (string, []string) {
			near, _, _ := behindRouter(t)
			inShell(t, "ip", "-n", near, "route", "del", "default")
			return near, []string{"address=10.8.0.2:80"}
		}, "no_route", ""},
		{"a blackhole", func(t *testing.T) (string, []string) {
			near, _, _ := behindRouter(t)
			inShell(t, "ip", "-n", near, "route", "add", "prohibit", "10.8.0.0/24")
			return near, []string{"address=10.8.0.2:80"}
		}, "no_route", ""},
		{"the router has no route", func(t *testing.T) (string, []string) {
			near, router, _ := behindRouter(t)
			inShell(t, "ip", "-n", router, "link", "set", "eth1", "down")
			return near, []string{"address=10.8.0.2:80"}
		}, "no_route", "10.9.0.2"},
		{"routers send it in a circle", func(t *testing.T) (string, []string) {
			near, router, far := behindRouter(t)
			inShell(t, "ip", "-n", router, "route", "add", "10.7.0.0/24", "via", "10.8.0.2")
			inShell(t, "ip", "netns", "exec", far, "sysctl", "-qw", "net.ipv4.ip_forward=1")
			return near, []string{"address=10.7.0.2:80"}
		}, "no_route", ""},
		{"the gateway is gone", func(t *testing.T) (string, []string) {
			near, router, _ := behindRouter(t)
			inShell(t, "ip", "-n", router, "addr", "flush", "dev", "eth0")
			return near, []string{"address=10.8.0.2:80"}
		}, "gateway_down", "10.9.0.2"},
		{"the host beside us is gone", func(t *testing.T) (string, []string) {
			near, _, _ := behindRouter(t)
			return near, []string{"address=10.9.0.77:80"}
		}, "host_down", "10.9.0.77"},
		{"the host behind the router is gone", func(t *testing.T) (string, []string) {
			near, _, _ := behindRouter(t)
			return near, []string{"address=10.8.0.77:80"}
		}, "host_down", "10.8.0.77"},
		{"nothing reaches the host", func(t *testing.T) (string, []string) {
			near, router, far := behindRouter(t)
			helperIn(t, far, "web", "10.8.0.2:80")
			wall(t, router, "forward", "drop")
			return near, []string{"address=10.8.0.2:80"}
		}, "host_down", "10.8.0.2"},
		{"the host drops", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web", "10.8.0.2:80")
			wall(t, far, "input", "tcp dport 80 drop")
			return near, []string{"address=10.8.0.2:80"}
		}, "filtered", "80"},
		{"a router drops all but another port", func(t *testing.T) (string, []string) {
			near, router, _ := behindRouter(t)
			wall(t, router, "forward", "tcp dport 80 drop")
			wall(t, router, "forward", "meta l4proto icmp drop")
			return near, []string{"address=10.8.0.2:80"}
		}, "filtered", "80"},
		{"the host rejects", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web", "10.8.0.2:80")
			wall(t, far, "input", "tcp dport 80 reject")
			return near, []string{"address=10.8.0.2:80"}
		}, "rejected", "10.8.0.2"},
		{"a router prohibits", func(t *testing.T) (string, []string) {
			near, router, far := behindRouter(t)
			helperIn(t, far, "web", "10.8.0.2:80")
			wall(t, router, "forward", "tcp dport 80 reject with icmpx type admin-prohibited")
			return near, []string{"address=10.8.0.2:80"}
		}, "rejected", "10.9.0.2"},
		{"our firewall drops", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web", "10.8.0.2:80")
			wall(t, near, "output", "tcp dport 80 drop")
			return near, []string{"address=10.8.0.2:80"}
		}, "local_firewall", ""},
		{"our firewall drops the answer", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web", "10.8.0.2:80")
			wall(t, near, "input", "tcp sport 80 drop")
			return near, []string{"address=10.8.0.2:80"}
		}, "answer_dropped", ""},
		{"our firewall drops everything", func(t *testing.T) (string, []string) {
			near, _, _ := behindRouter(t)
			wall(t, near, "output", "drop")
			return near, []string{"address=10.8.0.2:80"}
		}, "local_firewall", ""},
		{"our firewall rejects", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web", "10.8.0.2:80")
			wall(t, near, "output", "tcp dport 80 reject with icmpx type admin-prohibited")
			return near, []string{"address=10.8.0.2:80"}
		}, "local_firewall", ""},
		{"no local port", func(t *testing.T) (string, []string) {
			at := namespace(t, "busy")
			inShell(t, "ip", "netns", "exec", at, "sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40063")
			helperIn(t, at, "occupy", "9000")
			return at, []string{"address=127.0.0.1:9000"}
		}, "no_local_ports", "127.0.0.1:9000"},
		{"nothing listens", func(t *testing.T) (string, []string) {
			near, _, _ := behindRouter(t)
			return near, []string{"address=10.8.0.2:80"}
		}, "port_closed", ""},
		{"a queue that is full here", func(t *testing.T) (string, []string) {
			at := namespace(t, "full")
			helperIn(t, at, "overflow", "8080")
			return at, []string{"address=127.0.0.1:8080"}
		}, "queue_full", "127.0.0.1:8080"},
		{"nobody behind it", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "hang-up", "10.8.0.2:80")
			return near, []string{"address=10.8.0.2:80", "protocol=http"}
		}, "closed_at_once", ""},
		{"stopped, http", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web", "10.8.0.2:80")
			pauseIn(t, far, "80")
			return near, []string{"address=10.8.0.2:80", "protocol=http"}
		}, "hangs", ""},
		{"stopped, TLS", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web-tls", "10.8.0.2:443")
			pauseIn(t, far, "443")
			return near, []string{"address=10.8.0.2:443", "tls=true"}
		}, "hangs", ""},
		{"stopped, a banner", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "mute", "10.8.0.2:22")
			return near, []string{"address=10.8.0.2:22", "protocol=banner"}
		}, "hangs", ""},
		{"a certificate that nobody signed", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web-tls", "10.8.0.2:443")
			return near, []string{"address=10.8.0.2:443", "tls=true", "server_name=db.example.com"}
		}, "certificate_bad", "self_signed"},
		{"large packets get lost", func(t *testing.T) (string, []string) {
			near, router, far := behindRouter(t)
			wall(t, router, "forward", "meta length > 1300 drop")
			helperIn(t, far, "web-large", "10.8.0.2:80")
			return near, []string{"address=10.8.0.2:80", "protocol=http"}
		}, "mtu_black_hole", ""},
		{"it asks who we are", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web-login", "10.8.0.2:80")
			return near, []string{"address=10.8.0.2:80", "protocol=http"}
		}, "login_refused", ""},
		{"what is behind a proxy is down", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web-502", "10.8.0.2:80")
			return near, []string{"address=10.8.0.2:80", "protocol=http"}
		}, "service_fails", ""},
		{"it hangs up when spoken to", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "rude", "10.8.0.2:80")
			return near, []string{"address=10.8.0.2:80", "protocol=http"}
		}, "ended_while_talking", ""},
		{"Redis is stopped", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			redisIn(t, far).Pause()
			return near, []string{"address=10.8.0.2:6379", "protocol=redis"}
		}, "hangs", ""},
		{"a wrong password", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			redisIn(t, far)
			t.Setenv("GUMSHOE_TEST_PASSWORD", "wrong")
			return near, []string{"address=10.8.0.2:6379", "protocol=redis", "user=default", "password=env:GUMSHOE_TEST_PASSWORD"}
		}, "login_refused", ""},
		{"no TLS there", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "greeter", "10.8.0.2:443")
			return near, []string{"address=10.8.0.2:443", "tls=true"}
		}, "wrong_protocol", ""},
		{"another service", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "greeter", "10.8.0.2:80")
			return near, []string{"address=10.8.0.2:80", "protocol=http"}
		}, "wrong_protocol", ""},
		{"one of two addresses is dead", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "web", "10.8.0.2:80")
			inShell(t, "ip", "-n", far, "addr", "add", "10.8.0.3/24", "dev", "eth0")
			wall(t, far, "input", "ip daddr 10.8.0.3 drop")
			resolvConf(t, near, "", "10.8.0.2 db.test\n10.8.0.3 db.test\n")
			return near, []string{"address=db.test:80"}
		}, "address_dead", "10.8.0.3:80"},
		{"no such name", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			unboundIn(t, far, "10.8.0.2", corpZone(1, "10.8.0.2"))
			resolvConf(t, near, "nameserver 10.8.0.2\n", "")
			return near, []string{"address=gone.corp.example:80"}
		}, "name_missing", "gone.corp.example"},
		{"the first name server is dead", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			unboundIn(t, far, "10.8.0.2", corpZone(1, "10.8.0.2"))
			helperIn(t, far, "web", "10.8.0.2:80")
			resolvConf(t, near, "nameserver 10.8.0.77\nnameserver 10.8.0.2\noptions timeout:2\n", "")
			return near, []string{"address=db.corp.example:80", "protocol=http"}
		}, "name_slow", "10.8.0.77:53"},
		{"the name service is silent", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			wall(t, far, "input", "udp dport 53 drop")
			resolvConf(t, near, "nameserver 10.8.0.2\n", "")
			return near, []string{"address=db.test:80"}
		}, "name_service_down", "10.8.0.2:53"},
	})
}

// What can be used is called healthy.
func TestRealDependencyHealthy(t *testing.T) {
	needReal(t)
	near, _, far := behindRouter(t)
	helperIn(t, far, "web", "10.8.0.2:80")
	helperIn(t, far, "greeter", "10.8.0.2:22")
	resolvConf(t, near, "", "10.8.0.2 web.test\n")
	for _, args := range [][]string{
		{"address=10.8.0.2:80"}, {"address=web.test:80", "protocol=http"}, {"address=10.8.0.2:22", "protocol=banner"},
	} {
		r, exit := diagnoseIn(t, near, append([]string{"dependency-unreachable"}, args...)...)
		if r.Status != engine.StatusHealthy || exit != exitHealthy {
			t.Errorf("%v: got %s with exit status %d, want healthy\n%s", args, r.Status, exit, verdicts(r))
		}
	}
}

// unboundIn starts a name server at port 53 of an address in a namespace.
func unboundIn(t *testing.T, namespace, address string, c unboundtest.Config) *unboundtest.Server {
	t.Helper()
	c.Address, c.Port, c.Prefix = address, 53, []string{"ip", "netns", "exec", namespace}
	return unboundtest.Start(t, c)
}

// corpZone is a zone of that version, in which db has that address.
func corpZone(serial int, address string, more ...string) unboundtest.Config {
	return unboundtest.Config{Zone: "corp.example", Records: append([]string{
		fmt.Sprintf("corp.example. 300 SOA ns.corp.example. root.corp.example. %d 3600 600 86400 60", serial), "db.corp.example. 300 A " + address,
	}, more...)}
}

// manyRecords are more addresses of big.corp.example than fit into a datagram.
func manyRecords() []string {
	var records []string
	for i := range 200 {
		records = append(records, fmt.Sprintf("big.corp.example. 300 A 198.51.100.%d", i))
	}
	return records
}

// resolving joins two namespaces: the first asks name servers, which are to be in
// the second, at 10.9.0.2 and 10.9.0.3.
func resolving(t *testing.T, conf string) (near, far string) {
	t.Helper()
	near, far = namespace(t, "near"), namespace(t, "far")
	cable(t, near, far)
	inShell(t, "ip", "-n", far, "addr", "add", "10.9.0.3/24", "dev", "eth0")
	resolvConf(t, near, conf, "")
	return near, far
}

func TestRealDNSBroken(t *testing.T) {
	needReal(t)
	const one, both = "nameserver 10.9.0.2\n", "nameserver 10.9.0.2\nnameserver 10.9.0.3\n"
	db := []string{"name=db.corp.example"}
	wantNamed(t, "dns-broken", []brokenLink{
		{"resolv.conf is empty", func(t *testing.T) (string, []string) {
			near, _ := resolving(t, "# nothing\n")
			return near, db
		}, "no_servers", ""},
		{"resolv.conf has a name", func(t *testing.T) (string, []string) {
			near, _ := resolving(t, "nameserver ns.example\n")
			return near, db
		}, "no_servers", "ns.example"},
		{"the stub is stopped", func(t *testing.T) (string, []string) {
			near, _ := resolving(t, "nameserver 127.0.0.53\n")
			return near, db
		}, "stub_dead", "127.0.0.53:53"},
		{"the stub hangs", func(t *testing.T) (string, []string) {
			near, _ := resolving(t, "nameserver 127.0.0.53\n")
			unboundIn(t, near, "127.0.0.53", corpZone(1, "192.0.2.9")).Pause()
			return near, db
		}, "stub_dead", "127.0.0.53:53"},
		{"our firewall", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9"))
			wall(t, near, "output", "udp dport 53 drop")
			return near, db
		}, "local_firewall", "10.9.0.2:53"},
		{"our firewall drops the answer", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9"))
			wall(t, near, "input", "udp sport 53 drop")
			return near, db
		}, "answer_dropped", ""},
		{"/etc/hosts says otherwise", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			resolvConf(t, near, one, "192.0.2.1 db.corp.example\n")
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9"))
			return near, db
		}, "hosts_override", "192.0.2.1"},
		{"the only server is down", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			inShell(t, "ip", "-n", far, "link", "set", "eth0", "down")
			return near, db
		}, "all_silent", "10.9.0.2:53"},
		{"the only server is paused", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9")).Pause()
			return near, db
		}, "all_silent", "10.9.0.2:53"},
		{"port 53 is filtered", func(t *testing.T) (string, []string) {
			near, far := resolving(t, both)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9"))
			unboundIn(t, far, "10.9.0.3", corpZone(1, "192.0.2.9"))
			wall(t, far, "input", "meta l4proto { tcp, udp } th dport 53 drop")
			return near, db
		}, "all_silent", "10.9.0.3:53"},
		{"UDP is filtered", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9"))
			wall(t, far, "input", "udp dport 53 drop")
			return near, db
		}, "udp_filtered", "10.9.0.2:53"},
		{"the first of two is paused", func(t *testing.T) (string, []string) {
			near, far := resolving(t, both)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9")).Pause()
			unboundIn(t, far, "10.9.0.3", corpZone(1, "192.0.2.9"))
			return near, db
		}, "server_dead", "10.9.0.2:53"},
		{"the first of two is stopped", func(t *testing.T) (string, []string) {
			near, far := resolving(t, both)
			unboundIn(t, far, "10.9.0.3", corpZone(1, "192.0.2.9"))
			return near, db
		}, "server_dead", "10.9.0.2:53"},
		{"an access list", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			c := corpZone(1, "192.0.2.9")
			c.Options = []string{"access-control: 10.9.0.0/24 refuse"}
			unboundIn(t, far, "10.9.0.2", c)
			return near, db
		}, "query_refused", "10.9.0.2:53"},
		{"signatures do not hold", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.3", corpZone(1, "192.0.2.9"))
			unboundIn(t, far, "10.9.0.2", unboundtest.Config{
				Forward: "10.9.0.3", Options: []string{"trust-anchor: 'corp.example. DS 12345 13 2 " + strings.Repeat("00", 32) + "'"},
			})
			return near, db
		}, "dnssec_invalid", "10.9.0.2:53"},
		{"the upstream is down", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.2", unboundtest.Config{Forward: "10.9.0.3"})
			return near, db
		}, "upstream_broken", "10.9.0.2:53"},
		{"the upstream refuses", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.3", unboundtest.Config{})
			unboundIn(t, far, "10.9.0.2", unboundtest.Config{Forward: "10.9.0.3"})
			return near, db
		}, "upstream_broken", "10.9.0.2:53"},
		{"the zone's servers fail", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.3", corpZone(1, "192.0.2.9"))
			unboundIn(t, far, "10.9.0.2", unboundtest.Config{Forward: "10.9.0.3"})
			return near, []string{"name=db.other.example", "other=db.corp.example"}
		}, "zone_broken", "db.other.example"},
		{"a lame server", func(t *testing.T) (string, []string) {
			near, far := resolving(t, "")
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9"))
			unboundIn(t, far, "10.9.0.3", unboundtest.Config{})
			return near, []string{"name=db.corp.example", "servers=10.9.0.2,10.9.0.3", "authoritative=true"}
		}, "lame", "10.9.0.3:53"},
		{"TCP is filtered", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9", manyRecords()...))
			wall(t, far, "input", "tcp dport 53 drop")
			return near, []string{"name=big.corp.example"}
		}, "tcp_blocked", "10.9.0.2:53"},
		{"something else answers", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			helperIn(t, far, "echo", "10.9.0.2:53")
			return near, db
		}, "strange_answer", "10.9.0.2:53"},
		{"the far side of the earth", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.3", corpZone(1, "192.0.2.9"))
			helperIn(t, far, "delay", "10.9.0.2:53")
			return near, db
		}, "slow", "10.9.0.2:53"},
		{"the inside and the outside", func(t *testing.T) (string, []string) {
			near, far := resolving(t, both)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "10.4.0.9"))
			unboundIn(t, far, "10.9.0.3", corpZone(1, "192.0.2.9"))
			return near, db
		}, "servers_disagree", ""},
		{"one of two has a dead upstream", func(t *testing.T) (string, []string) {
			near, far := resolving(t, both)
			unboundIn(t, far, "10.9.0.2", unboundtest.Config{Forward: "10.9.0.77"})
			unboundIn(t, far, "10.9.0.3", corpZone(1, "192.0.2.9"))
			return near, db
		}, "upstream_broken", "10.9.0.2:53"},
		{"no such name", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9"))
			return near, []string{"name=gone.corp.example"}
		}, "name_missing", "gone.corp.example"},
		{"IPv6 only", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.9", "six.corp.example. 300 AAAA 2001:db8::6"))
			return near, []string{"name=six.corp.example"}
		}, "no_record", ""},
		{"two versions of a zone", func(t *testing.T) (string, []string) {
			near, far := resolving(t, both)
			unboundIn(t, far, "10.9.0.2", corpZone(2, "192.0.2.9"))
			unboundIn(t, far, "10.9.0.3", corpZone(1, "192.0.2.1"))
			return near, db
		}, "servers_disagree", ""},
		{"one does not have the name", func(t *testing.T) (string, []string) {
			near, far := resolving(t, both)
			unboundIn(t, far, "10.9.0.2", corpZone(2, "192.0.2.9", "new.corp.example. 300 A 192.0.2.7"))
			unboundIn(t, far, "10.9.0.3", corpZone(1, "192.0.2.9"))
			return near, []string{"name=new.corp.example"}
		}, "servers_disagree", "10.9.0.3:53"},
		{"an old address", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one)
			unboundIn(t, far, "10.9.0.2", corpZone(1, "192.0.2.1"))
			return near, []string{"name=db.corp.example", "expect=192.0.2.9"}
		}, "wrong_answer", ""},
		{"a wildcard in a search domain", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one+"search corp.example\noptions ndots:5\n")
			c := corpZone(1, "192.0.2.9", "db.corp.example.corp.example. 300 A 192.0.2.66")
			unboundIn(t, far, "10.9.0.2", c)
			return near, db
		}, "search_takes_over", "db.corp.example.corp.example"},
		{"a dead search domain", func(t *testing.T) (string, []string) {
			near, far := resolving(t, one+"search dead.example\noptions ndots:5\n")
			c := corpZone(1, "192.0.2.9")
			c.Forward = "10.9.0.77"
			unboundIn(t, far, "10.9.0.2", c)
			return near, db
		}, "search_slow", "db.corp.example.dead.example"},
	})
}

// A name that is resolved as it should be is called healthy, also with a search
// list.
func TestRealDNSHealthy(t *testing.T) {
	needReal(t)
	near, far := resolving(t, "nameserver 10.9.0.2\nnameserver 10.9.0.3\nsearch corp.example\noptions ndots:5\n")
	for _, address := range []string{"10.9.0.2", "10.9.0.3"} {
		c := corpZone(1, "192.0.2.9")
		c.Options = []string{`local-zone: "db." static`} // which is no name by itself
		unboundIn(t, far, address, c)
	}
	for _, args := range [][]string{
		{"name=db.corp.example"}, {"name=db"}, {"name=db.corp.example.", "expect=192.0.2.9"}, {"name=db.corp.example", "servers=10.9.0.3", "authoritative=true"},
	} {
		r, exit := diagnoseIn(t, near, append([]string{"dns-broken"}, args...)...)
		if r.Status != engine.StatusHealthy || exit != exitHealthy {
			t.Errorf("%v: got %s with exit status %d, want healthy\n%s", args, r.Status, exit, verdicts(r))
		}
	}
}

// The name server of a cloud, at a link-local address, is asked by everything on
// its hosts, and so here.
func TestRealDNSOfACloud(t *testing.T) {
	needReal(t)
	near, far := resolving(t, "nameserver 169.254.169.253\n")
	inShell(t, "ip", "-n", far, "addr", "add", "169.254.169.253/32", "dev", "eth0")
	inShell(t, "ip", "-n", near, "route", "add", "169.254.169.253/32", "dev", "eth0")
	server := unboundIn(t, far, "169.254.169.253", corpZone(1, "192.0.2.9"))
	r, exit := diagnoseIn(t, near, "dns-broken", "name=db.corp.example")
	if r.Status != engine.StatusHealthy || exit != exitHealthy {
		t.Errorf("got %s with exit status %d, want healthy\n%s", r.Status, exit, verdicts(r))
	}
	server.Pause()
	r, exit = diagnoseIn(t, near, "dns-broken", "name=db.corp.example")
	wantConfirmed(t, r, exit, "all_silent")
}
