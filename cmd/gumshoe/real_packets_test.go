package main

// Real faults that only the packets show, each in namespaces of their own.

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"gumshoe/engine"
)

func packetTasks() map[string]func(string) {
	return map[string]func(string){
		"send-anew": func(address string) { anew(address, make([]byte, 8<<10)) },
		"ask-anew":  func(address string) { anew(address, []byte("ask")) },
		"give-much": giveMuch,
		"give":      give,
		"take":      take,
		"pages":     pages,
	}
}

// anew says something over a new connection each half second, and keeps the last 20 open.
func anew(address string, text []byte) {
	fmt.Println("ready")
	var open []net.Conn
	for range time.Tick(500 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			continue
		}
		_, _ = conn.Write(text)
		open = append(open, conn)
		if len(open) > 20 {
			_ = open[0].Close()
			open = open[1:]
		}
	}
}

// giveMuch answers each question with 8 KiB.
func giveMuch(address string) {
	l, err := net.Listen("tcp", address)
	serveEach(l, err, func(conn net.Conn) {
		question := make([]byte, 100)
		for {
			if _, err := conn.Read(question); err != nil {
				return
			}
			if _, err := conn.Write(make([]byte, 8<<10)); err != nil {
				return
			}
		}
	})
}

// give sends 4 KiB each millisecond to whoever connects.
func give(address string) {
	l, err := net.Listen("tcp", address)
	serveEach(l, err, func(conn net.Conn) {
		for range time.Tick(time.Millisecond) {
			if _, err := conn.Write(make([]byte, 4<<10)); err != nil {
				return
			}
		}
	})
}

// pages has a page of 300 KiB, and one that is made in a second and a half.
func pages(address string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/quick", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 300<<10)) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		for range 15 {
			_, _ = w.Write(make([]byte, 1<<10))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	})
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ready")
	fmt.Println((&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(l))
}

// take takes all that comes over four connections.
func take(address string) {
	for range 4 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			fmt.Println(err)
			return
		}
		go func() { _, _ = io.Copy(io.Discard, conn) }()
	}
	fmt.Println("ready")
	select {}
}

const farServer = "10.8.0.2:5432"

func TestRealPacketLoss(t *testing.T) {
	needReal(t)
	lossy := func(server, client, hook, rule string, at func(near, router string) string) func(t *testing.T) (string, []string) {
		return func(t *testing.T) (string, []string) {
			near, router, far := behindRouter(t)
			helperIn(t, far, server, farServer)
			helperIn(t, near, client, farServer)
			wall(t, at(near, router), hook, rule+" drop")
			return near, []string{"target=" + farServer, "window=5s"}
		}
	}
	onTheWay := func(_, router string) string { return router }
	here := func(near, _ string) string { return near }
	wantNamed(t, "packet-loss", []brokenLink{
		{"lost on the way there", lossy("sink", "send", "forward", "ip daddr 10.8.0.2 numgen random mod 100 < 4", onTheWay), "lost_to_server", ""},
		{"lost on the way back", lossy("give", "take", "forward", "ip saddr 10.8.0.2 numgen random mod 100 < 4", onTheWay), "lost_from_server", ""},
		{"dropped by our own firewall", lossy("give", "take", "input", "ip saddr 10.8.0.2 numgen random mod 100 < 4", here), "dropped_here", ""},
		{"dropped by our own firewall on the way out", lossy("sink", "send", "output", "ip daddr 10.8.0.2 numgen random mod 100 < 25", here), "dropped_here", ""},
	})
}

// A page whose packets are lost is told from one that its server makes slowly.
func TestRealWebLossyWay(t *testing.T) {
	needReal(t)
	near, router, far := behindRouter(t)
	helperIn(t, far, "pages", "10.8.0.2:80")
	r, exit := diagnoseIn(t, near, "web-slow", "url=http://10.8.0.2/slow", "timeout=8s", "requests=5")
	wantConfirmed(t, r, exit, "transfer_slow")
	wall(t, router, "forward", "ip saddr 10.8.0.2 tcp sport 80 ip length > 500 numgen random mod 100 < 40 drop")
	r, exit = diagnoseIn(t, near, "web-slow", "url=http://10.8.0.2/quick", "timeout=8s", "requests=5", "slow_after=200ms")
	for _, h := range r.Hypotheses {
		if h.ID == "lossy_way" && h.Verdict != engine.VerdictConfirmed {
			t.Errorf("%s with exit status %d\n%s", h.Verdict, exit, verdicts(r))
		}
	}
}

func TestRealConnectionResets(t *testing.T) {
	needReal(t)
	wantNamed(t, "connection-resets", []brokenLink{
		{"nothing listens", func(t *testing.T) (string, []string) {
			near, _, _ := behindRouter(t)
			return near, []string{"target=" + farServer, "window=2s"}
		}, "refused", ""},
		{"the server aborts", func(t *testing.T) (string, []string) {
			near, _, far := behindRouter(t)
			helperIn(t, far, "rude", farServer)
			helperIn(t, near, "send-anew", farServer)
			return near, []string{"target=" + farServer}
		}, "server_aborts", farServer},
		{"the port is filtered", func(t *testing.T) (string, []string) {
			near, router, far := behindRouter(t)
			helperIn(t, far, "sink", farServer)
			wall(t, router, "forward", "tcp dport 5432 drop")
			helperIn(t, near, "send-anew", farServer)
			return near, []string{"target=" + farServer}
		}, "unanswered", ""},
	})
}

func TestRealMTUBlackHole(t *testing.T) {
	needReal(t)
	wantNamed(t, "mtu-black-hole", []brokenLink{
		{"a small link whose router is silent", func(t *testing.T) (string, []string) {
			near, router, far := behindRouter(t)
			inShell(t, "ip", "-n", router, "link", "set", "eth1", "mtu", "1200")
			wall(t, router, "output", "icmp type destination-unreachable drop")
			helperIn(t, far, "sink", farServer)
			helperIn(t, near, "send-anew", farServer)
			return near, []string{"target=" + farServer, "window=8s"}
		}, "black_hole_silent", farServer},
		{"a small link on the way back", func(t *testing.T) (string, []string) {
			near, router, far := behindRouter(t)
			inShell(t, "ip", "-n", router, "link", "set", "eth0", "mtu", "1200")
			wall(t, router, "output", "icmp type destination-unreachable drop")
			helperIn(t, far, "give-much", farServer)
			helperIn(t, near, "ask-anew", farServer)
			return near, []string{"target=" + farServer, "window=8s"}
		}, "black_hole_silent", farServer},
	})
}
