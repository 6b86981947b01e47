package nats

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/nats/natstest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func TestMain(m *testing.M) {
	if os.Getenv("GUMSHOE_TEST_TASK") == natstest.Task {
		natstest.Serve(os.Args[len(os.Args)-1])
		return
	}
	os.Exit(m.Run())
}

// observe looks at an address, quickly unless told otherwise.
func observe(t testing.TB, address string, more map[string]any) (Server, engine.Observation) {
	t.Helper()
	inputs := map[string]any{"address": address, "window": "200ms", "timeout": "10s"}
	maps.Copy(inputs, more)
	return checktest.Observe[Server](t, New(nil).Server(), inputs)
}

func wantOutcome(t *testing.T, o Server, want reach.Outcome, said string) {
	t.Helper()
	if o.Outcome != want || !strings.Contains(o.Error, said) {
		t.Errorf("got %q, %q, want %q with %q", o.Outcome, o.Error, want, said)
	}
}

func wantUnread(t *testing.T, o engine.Observation, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if !checktest.HasUnread(o, path) {
			t.Errorf("%s is not unread", path)
		}
	}
}

func TestServerConforms(t *testing.T) {
	s := natstest.Start(t)
	t.Run("alone", func(t *testing.T) {
		checktest.Run(t, New(nil).Server(), map[string]any{"address": s.Address, "window": "200ms"})
	})
	t.Run("monitored", func(t *testing.T) {
		checktest.Run(t, New(nil).Server(), map[string]any{"address": s.Address, "window": "200ms", "monitor": s.Monitor})
	})
}

// TestServer: what the API of JetStream and the monitoring port tell is the same.
func TestServer(t *testing.T) {
	s := natstest.Start(t, "max_connections: 50")
	c := s.Client(t)
	c.Stream(t, "ORDERS", []string{"orders.>"}, map[string]any{"max_bytes": 1_000_000, "max_msgs": 100, "discard": "new"})
	c.Stream(t, "EMPTY", []string{"empty"}, nil)
	c.Consumer(t, "ORDERS", "mailer", map[string]any{"max_ack_pending": 4})
	c.Consumer(t, "ORDERS", "paused", map[string]any{"pause_until": time.Now().Add(time.Hour)})
	c.Publish(t, "orders.new", 60, 1000)
	c.Take(t, "ORDERS", "mailer")
	c.Take(t, "ORDERS", "mailer")
	alone, seen := observe(t, s.Address, map[string]any{"window": "1s"})
	wantOutcome(t, alone, reach.OK, "")
	wantUnread(t, seen, "clients", "traffic", "process", "routes", "monitor.outcome")
	both, seen := observe(t, s.Address, map[string]any{"monitor": s.Monitor, "window": "1s"})
	wantOutcome(t, both, reach.OK, "")
	if len(seen.Unread) > 0 {
		t.Errorf("unread: %+v", seen.Unread)
	}
	for source, o := range map[string]Server{"api": alone, "monitor": both} {
		if o.JetStream.Source != source || !o.JetStream.Enabled || o.JetStream.StreamCount != 2 || o.JetStream.ConsumerCount != 2 || o.JetStream.StorageBytes < 60_000 {
			t.Errorf("%s: got %+v", source, o.JetStream)
		}
		if o.Ping.Samples < 2 || o.Ping.MinSeconds <= 0 || o.Ping.MaxSeconds < o.Ping.MeanSeconds || o.WindowSeconds < 0.1 || o.MaxPayloadBytes != 1<<20 {
			t.Errorf("%s: got %+v", source, o)
		}
		if len(o.Streams) != 2 || len(o.Consumers) != 2 {
			t.Fatalf("%s: got %+v and %+v", source, o.Streams, o.Consumers)
		}
		if s := o.Streams[0]; s.Name != "ORDERS" || s.Messages != 60 || s.UsedPercent != 60 || !s.RefusesWhenFull || s.ConsumerCount != 2 ||
			s.Replicas != 1 || s.LeaderMissing || s.OldestSeconds <= 0 || s.MaxBytes != 1_000_000 || s.MaxMessages != 100 {
			t.Errorf("%s: got %+v", source, s)
		}
		if s := o.Streams[1]; s.UsedPercent != 0 || s.OldestSeconds != 0 || s.RefusesWhenFull {
			t.Errorf("%s: the empty one is %+v", source, s)
		}
		i := slices.IndexFunc(o.Consumers, func(c Consumer) bool { return c.Name == "mailer" })
		if c := o.Consumers[i]; c.Stream != "ORDERS" || c.Pending != 58 || c.AckPending != 2 || c.MaxAckPending != 4 || c.AckPendingPercent != 50 || c.Push || c.Waiting != 0 || c.Paused {
			t.Errorf("%s: got %+v", source, c)
		}
		if c := o.Consumers[1-i]; !c.Paused || c.Pending != 60 {
			t.Errorf("%s: got %+v", source, c)
		}
	}
	if both.Clients.Limit != 50 || both.Clients.Connected < 1 || both.Clients.UsedPercent < 2 || both.Process.MemoryBytes < 1<<20 || both.Process.Cores < 1 || !both.Monitor.Healthy {
		t.Errorf("the monitoring port says %+v, %+v, %+v", both.Clients, both.Process, both.Monitor)
	}
	if text, _ := json.Marshal(both); !strings.Contains(string(text), both.Version) || both.Version == "" {
		t.Errorf("no version: %s", text)
	}
}

func TestUnreachable(t *testing.T) {
	s := natstest.Start(t)
	s.Kill()
	o, seen := observe(t, s.Address, map[string]any{"monitor": s.Monitor})
	wantOutcome(t, o, reach.RefusedByIt, "")
	if o.Connected || o.Monitor.Outcome != reach.RefusedByIt {
		t.Errorf("got %+v", o)
	}
	wantUnread(t, seen, "connect_seconds", "remote_address", "ping", "version", "streams", "clients", "jetstream.enabled", "window_seconds")
}

func TestHung(t *testing.T) {
	s := natstest.Start(t)
	s.Pause()
	o, seen := observe(t, s.Address, map[string]any{"monitor": s.Monitor, "timeout": "1s"})
	wantOutcome(t, o, reach.TimedOut, "")
	if !o.Connected || o.Monitor.Outcome != reach.TimedOut || checktest.HasUnread(seen, "connect_seconds") {
		t.Errorf("got %+v", o)
	}
	wantUnread(t, seen, "ping", "version", "streams", "login_seconds")
	s.Resume()
	if o, _ := observe(t, s.Address, nil); o.Outcome != reach.OK {
		t.Errorf("resumed: got %q", o.Outcome)
	}
}

func TestLogin(t *testing.T) {
	byUser := natstest.Start(t, `accounts: { APP: { jetstream: enabled, users: [ { user: app, password: right },
		{ user: poor, password: poorly, permissions: { publish: "orders.>", subscribe: "orders.>" } } ] }, PLAIN: { users: [ { user: plain, password: plainly } ] } }`)
	byToken := natstest.Start(t, `authorization: { token: "a-token" }`, "jetstream: disabled")
	for _, tt := range []struct {
		name    string
		at      *natstest.Server
		inputs  map[string]any
		want    reach.Outcome
		said    string
		unread  string // a field that is, beside those of the monitoring port
		because string // part of why
	}{
		{"right", byUser, map[string]any{"username": "app", "password": "right"}, reach.OK, "", "", ""},
		{"none", byUser, nil, reach.AuthFailed, "Authorization Violation", "streams", "auth failed"},
		{"wrong", byUser, map[string]any{"username": "app", "password": "wrong"}, reach.AuthFailed, "Authorization Violation", "ping", "auth failed"},
		{"may not ask", byUser, map[string]any{"username": "poor", "password": "poorly"}, reach.OK, "", "streams", "Permissions Violation"},
		{"no JetStream in the account", byUser, map[string]any{"username": "plain", "password": "plainly"}, reach.OK, "", "streams", "JetStream"},
		{"token", byToken, map[string]any{"token": "a-token"}, reach.OK, "", "", ""},
		{"wrong token", byToken, map[string]any{"token": "another"}, reach.AuthFailed, "Authorization Violation", "ping", "auth failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, seen := observe(t, tt.at.Address, tt.inputs)
			wantOutcome(t, o, tt.want, tt.said)
			if tt.unread != "" {
				wantUnread(t, seen, tt.unread)
				because := func(u engine.Unread) bool { return u.Path == tt.unread && strings.Contains(u.Reason, tt.because) }
				if !slices.ContainsFunc(seen.Unread, because) {
					t.Errorf("%s is not unread because of %q: %+v", tt.unread, tt.because, seen.Unread)
				}
			} else if checktest.HasUnread(seen, "streams") {
				t.Errorf("unread: %+v", seen.Unread)
			}
			text, err := json.Marshal(seen)
			for _, secret := range []string{"right", "wrong", "poorly", "plainly", "a-token", "another"} {
				if strings.Contains(string(text), fmt.Sprintf("%q", secret)) || err != nil {
					t.Errorf("%s is in the observation: %s", secret, text)
				}
			}
			if o.Version == "" || tt.at == byToken && o.JetStream.Enabled {
				t.Errorf("got %+v", o)
			}
		})
	}
}

// A key as nk makes it, its public part, and what it signs "nonce" with.
const (
	userSeed   = "SUAAPXRJCUT454ULPKB4LGAVVWW2HF3QCYNUHR6PZTKBNAC6DBTXZMK4CU"
	userPublic = "UAXO5U5BCFZAE2SOJOP533ZBYMOQP6JBXGER2WDAELEMNUJRTWW77GHX"
	signature  = "2RWEjygRMUN5hCiWrzur4cFGD66RgVPE_L9d2dk28K0mMknz_GQCt40pXukNDdZJq0zcqbo622iVkowKXIE_Dg"
)

// TestCredentials: a user's key signs what the server asks.
func TestCredentials(t *testing.T) {
	s := natstest.Start(t, fmt.Sprintf("authorization: { users: [ { nkey: %s } ] }", userPublic))
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "user.creds")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	o, seen := observe(t, s.Address, map[string]any{"creds_file": write(userSeed + "\n")})
	wantOutcome(t, o, reach.OK, "")
	if text, _ := json.Marshal(seen); strings.Contains(string(text), userSeed) {
		t.Error("the seed is in the observation")
	}
	other := "SUA" + strings.Repeat("A", len(userSeed)-3)
	o, _ = observe(t, s.Address, map[string]any{"creds_file": write(other)})
	wantOutcome(t, o, reach.AuthFailed, "Authorization")

	path := write("-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n" + userSeed + "\n------END USER NKEY SEED------\n")
	c, err := readCredentials(path)
	if err != nil || c.jwt != "a.b.c" {
		t.Fatalf("got %q, %v", c.jwt, err)
	}
	if hello := (Input{}).hello(greeting{Nonce: "nonce"}, c, false); !strings.Contains(hello, signature) || !strings.Contains(hello, "a.b.c") || strings.Contains(hello, userPublic) {
		t.Errorf("%s is not what the client of NATS says", hello)
	}
	for _, bad := range []string{"/nowhere.creds", "/dev/null", "/etc/hostname"} {
		if o := checktest.Look(t, New(nil).Server(), map[string]any{"address": s.Address, "creds_file": bad}); o.Output != nil || o.Fix == "" {
			t.Errorf("%s: got %+v, want that we could not look, and a fix", bad, o)
		}
	}
}

func TestTooManyConnections(t *testing.T) {
	s := natstest.Start(t, "max_connections: 2")
	s.Client(t)
	s.Client(t)
	o, seen := observe(t, s.Address, map[string]any{"monitor": s.Monitor})
	wantOutcome(t, o, reach.TooManyConnections, "maximum connections exceeded")
	wantUnread(t, seen, "ping")
	if o.Clients.UsedPercent != 100 || o.Clients.Limit != 2 || checktest.HasUnread(seen, "clients") {
		t.Errorf("the monitoring port says %+v", o.Clients)
	}
}

// TestBacklog: somebody publishes, and a consumer does not keep up.
func TestBacklog(t *testing.T) {
	s := natstest.Start(t)
	c := s.Client(t)
	c.Stream(t, "JOBS", []string{"jobs.>"}, map[string]any{"max_msgs": 10_000, "discard": "new"})
	c.Consumer(t, "JOBS", "workers", map[string]any{"ack_wait": 50 * time.Millisecond})
	c.Publish(t, "jobs.a", 100, 10)
	stop, done := make(chan struct{}), make(chan struct{})
	publisher := s.Client(t)
	go func() {
		defer close(done)
		for range 900 { // until the stream is nearly full
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				publisher.Publish(t, "jobs.a", 10, 10)
				c.Take(t, "JOBS", "workers")
			}
		}
	}()
	o, _ := observe(t, s.Address, map[string]any{"monitor": s.Monitor, "window": "1s"})
	close(stop)
	<-done
	if len(o.Consumers) != 1 || len(o.Streams) != 1 {
		t.Fatalf("got %+v", o)
	}
	got := o.Consumers[0]
	if got.Pending < 100 || got.GrowthPerSecond <= 0 || got.DeliveredPerSecond <= 0 || got.AckedPerSecond != 0 || got.AckPending == 0 || got.Redelivered == 0 {
		t.Errorf("got %+v", got)
	}
	if o.Streams[0].InMessagesPerSecond <= 0 || o.Traffic.InMessagesPerSecond <= 0 || o.Traffic.InBytesPerSecond <= 0 {
		t.Errorf("got %+v, %+v", o.Streams[0], o.Traffic)
	}
	c.Publish(t, "jobs.a", 10_100, 10)
	for deadline := time.Now().Add(30 * time.Second); ; { // the server has them, and has yet to store some
		o, _ := observe(t, s.Address, nil)
		if o.Streams[0].UsedPercent == 100 && o.Streams[0].RefusesWhenFull {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the full stream is %+v", o.Streams[0])
		}
	}
}

// TestSlowConsumer: a client that does not read is thrown out, and counted.
func TestSlowConsumer(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t, `write_deadline: "200ms"`, "max_pending: 2M")
	sleeper := s.Client(t)
	sleeper.Send(t, "SUB news.> 1\r\n")
	sleeper.Flush(t)
	c := s.Client(t)
	deadline := time.Now().Add(30 * time.Second)
	for {
		c.Publish(t, "news.x", 100, 100_000)
		if o, _ := observe(t, s.Address, map[string]any{"monitor": s.Monitor}); o.Clients.SlowConsumersTotal > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody is slow")
		}
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	ports := []int{checktest.FreePort(t), checktest.FreePort(t)}
	var servers []*natstest.Server
	for i := range ports {
		servers = append(servers, natstest.Start(t, fmt.Sprintf("server_name: n%d", i),
			fmt.Sprintf("cluster: { name: C, listen: \"127.0.0.1:%d\", routes: [ \"nats://127.0.0.1:%d\" ] }", ports[i], ports[1-i])))
	}
	deadline := time.Now().Add(60 * time.Second)
	for {
		o, _ := observe(t, servers[0].Address, map[string]any{"monitor": servers[0].Monitor})
		if len(o.Routes) == 1 && o.Routes[0].Name == "n1" && o.ClusterName == "C" && o.JetStream.MetaLeader != "" && !o.JetStream.MetaLeaderMissing {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v, %+v", o.Routes, o.JetStream)
		}
	}
	// One of two is no majority.
	servers[1].Kill()
	for {
		o, seen := observe(t, servers[0].Address, map[string]any{"monitor": servers[0].Monitor})
		if o.JetStream.MetaLeaderMissing && len(o.Routes) == 0 && !o.Monitor.Healthy && o.Monitor.UnhealthyReason != "" {
			if checktest.HasUnread(seen, "streams") {
				t.Error("the streams are unread")
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v, %+v, %+v", o.Routes, o.JetStream, o.Monitor)
		}
	}
	// Nobody answers the API then.
	o, seen := observe(t, servers[0].Address, nil)
	wantOutcome(t, o, reach.OK, "")
	wantUnread(t, seen, "streams", "consumers")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key := checktest.SelfSignedFiles(t, t.TempDir(), "127.0.0.1")
	settings := fmt.Sprintf("tls: { cert_file: %q, key_file: %q }", cert, key)
	s := natstest.Start(t, settings)
	first := natstest.Start(t, strings.Replace(settings, "}", ", handshake_first: true }", 1))
	plain := natstest.Start(t)
	for _, tt := range []struct {
		name   string
		at     *natstest.Server
		inputs map[string]any
		want   reach.Outcome
	}{
		{"trusted", s, map[string]any{"tls": "on", "ca_file": cert}, reach.OK},
		{"first", first, map[string]any{"tls": "first", "ca_file": cert}, reach.OK},
		{"not trusted", s, map[string]any{"tls": "on"}, reach.TLSFailed},
		{"for another name", s, map[string]any{"tls": "on", "ca_file": cert, "server_name": "db"}, reach.TLSFailed},
		{"required", s, nil, TLSRequired},
		{"not offered", plain, map[string]any{"tls": "on"}, reach.TLSFailed},
		{"not from the first byte", plain, map[string]any{"tls": "first"}, reach.TLSFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, seen := observe(t, tt.at.Address, tt.inputs)
			wantOutcome(t, o, tt.want, "")
			if tt.want == reach.OK && o.HandshakeSeconds <= 0 {
				t.Errorf("got %+v", o)
			} else if tt.want != reach.OK {
				wantUnread(t, seen, "ping")
			}
		})
	}
}

func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

func forever(text string) func(net.Conn) {
	return func(c net.Conn) {
		for {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

// TestStrangers: whatever a peer sends, the look ends in time and says what it was.
func TestStrangers(t *testing.T) {
	t.Parallel()
	const info = `INFO {"version":"2.10.0","headers":true,"jetstream":true,"max_payload":1048576}` + "\r\n"
	answering := func(answer string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = io.WriteString(c, info)
			buffer := make([]byte, 4096)
			for {
				n, err := c.Read(buffer)
				if err != nil {
					return
				}
				if strings.Contains(string(buffer[:n]), "PING") {
					_, _ = io.WriteString(c, "PONG\r\n")
				}
				if strings.Contains(string(buffer[:n]), "$JS.API.INFO") {
					_, _ = io.WriteString(c, answer)
				}
			}
		}
	}
	for _, tt := range []struct {
		name   string
		handle func(net.Conn)
		want   reach.Outcome
		said   string
	}{
		{"accepts and says nothing", says(""), reach.TimedOut, ""},
		{"closes at once", func(c net.Conn) { c.Close() }, reach.Closed, ""},
		{"HTTP", says("HTTP/1.1 400 Bad Request\r\n\r\n"), reach.ProtocolError, "HTTP/1.1 400"},
		{"SSH", says("SSH-2.0-OpenSSH_9.2\r\n"), reach.ProtocolError, "SSH-2.0"},
		{"half a line, and closes", func(c net.Conn) { _, _ = io.WriteString(c, "garbage"); c.Close() }, reach.ProtocolError, "garbage"},
		{"an endless line", forever(strings.Repeat("INFO ", 1000)), reach.ProtocolError, "more than 1 MiB"},
		{"a greeting that is no JSON", says("INFO hello\r\n"), reach.ProtocolError, "not JSON"},
		{"greets and says nothing", says(info), reach.TimedOut, ""},
		{"endless lines", forever(info), reach.TimedOut, ""},
		{"an error at once", says("-ERR 'maximum account active connections exceeded'\r\n"), reach.TooManyConnections, "account"},
		{"another error", says(info + "-ERR 'Stale Connection'\r\n"), Rejected, "Stale"},
		{"a message of 9 exabytes", answering("MSG x 1 9000000000000000000\r\nabc"), reach.ProtocolError, "MiB"},
		{"a message without a length", answering("MSG x\r\n"), reach.ProtocolError, "length"},
		{"headers longer than the message", answering("HMSG x 1 50 10\r\n"), reach.ProtocolError, "length"},
		{"no answers of JetStream", answering(""), reach.OK, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			timeout := "10s"
			if tt.want == reach.TimedOut || tt.want == reach.OK {
				timeout = "2s"
			}
			o, _ := observe(t, checktest.Peer(t, tt.handle), map[string]any{"timeout": timeout})
			if tt.name == "endless lines" && o.Outcome == reach.ProtocolError {
				return // as far as it came
			}
			wantOutcome(t, o, tt.want, tt.said)
		})
	}
}

// TestStrangeMonitors: the monitoring port may be anything too.
func TestStrangeMonitors(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	page := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			buffer := make([]byte, 4096)
			if _, err := c.Read(buffer); err == nil {
				_, _ = io.WriteString(c, text)
			}
			c.Close()
		}
	}
	for _, tt := range []struct {
		name   string
		handle func(net.Conn)
		want   reach.Outcome
	}{
		{"says nothing", says(""), reach.TimedOut},
		{"closes", page(""), reach.Closed},
		{"no HTTP", page("SSH-2.0-OpenSSH\r\n"), reach.ProtocolError},
		{"another page", page("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>"), reach.ProtocolError},
		{"other JSON", page("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}"), reach.ProtocolError},
		{"not found", page("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), Rejected},
		{"elsewhere", page("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"), Rejected},
		{"endless", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096)) // an answer before the question is none
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			forever(strings.Repeat("x", 1<<20))(c)
		}, reach.ProtocolError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "1s"
			}
			o, seen := observe(t, s.Address, map[string]any{"timeout": timeout, "monitor": "http://" + checktest.Peer(t, tt.handle)})
			if o.Monitor.Outcome != tt.want {
				t.Errorf("got %q, %q, want %q", o.Monitor.Outcome, o.Monitor.Error, tt.want)
			}
			wantOutcome(t, o, reach.OK, "") // of the server itself
			wantUnread(t, seen, "clients", "streams", "monitor.healthy")
		})
	}
	for _, bad := range []string{"nats.example.com:8222", "ftp://x", "http://user:pass@x:8222"} {
		if o := checktest.Look(t, New(nil).Server(), map[string]any{"address": s.Address, "monitor": bad}); o.Output != nil {
			t.Errorf("%s is taken for a URL", bad)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	for name, allowed := range map[string]string{"the server": "127.0.0.2", "the monitoring port": s.Address} {
		check := New(reach.NewAllowList(checktest.Destinations(t, allowed))).Server()
		if o := checktest.Look(t, check, map[string]any{"address": s.Address, "monitor": s.Monitor}); !o.Refused || o.Output != nil {
			t.Errorf("%s: got %+v, want a refusal", name, o)
		}
	}
}

// FuzzSession: whatever comes, reading it ends, and takes no more memory than it may.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		"INFO {\"version\":\"2\"}\r\nPONG\r\n", "INFO {}\r\nMSG a 1 3\r\nabc\r\n", "INFO {}\r\nHMSG a 1 b 12 15\r\nNATS/1.0 503\r\nabc\r\n",
		"INFO {}\r\n-ERR 'Permissions Violation for Publish'\r\n", "INFO {}\r\nMSG a 1 99999999999999999999\r\n", "\x15\x03\x01", "PING\r\n\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said string) {
		s := newSession(struct {
			io.Reader
			io.Writer
		}{strings.NewReader(said), io.Discard})
		if s.greet() != nil {
			return
		}
		for {
			if m, _, err := s.next(); err != nil {
				return
			} else if m != nil && len(m.data) > len(said) {
				t.Errorf("%d bytes came of %d", len(m.data), len(said))
			}
		}
	})
}
