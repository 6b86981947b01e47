package rabbitmq

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/rabbitmq/rabbitmqtest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// broker is the one of all tests, with the inputs that look at it.
type broker struct {
	*rabbitmqtest.Server
}

func (b broker) inputs(changed map[string]any) map[string]any {
	inputs := map[string]any{
		"address": b.Address, "management": b.Management, "user": rabbitmqtest.User, "password": rabbitmqtest.Password,
		"window": "10s",
	}
	maps.Copy(inputs, changed)
	return inputs
}

func (b broker) look(t *testing.T, changed map[string]any) (Server, engine.Observation) {
	t.Helper()
	return checktest.Observe[Server](t, New(nil).Server(), b.inputs(changed))
}

// until looks again and again until the broker shows what a test waits for.
func (b broker) until(t *testing.T, what string, shown func(Server) bool) Server {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		o, _ := b.look(t, nil)
		if shown(o) {
			return o
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s; %+v", what, o)
		}
		time.Sleep(100 * time.Millisecond) // between two looks at what is waited for
	}
}

func find(o Server, name string) Queue {
	for _, q := range o.Queues {
		if q.Name == name {
			return q
		}
	}
	return Queue{}
}

// TestBroker has one real broker for everything, since it starts slowly. The last
// part ends it.
func TestBroker(t *testing.T) {
	b := broker{rabbitmqtest.Start(t)}
	t.Run("conforms", func(t *testing.T) { checktest.Run(t, New(nil).Server(), b.inputs(nil)) })
	for _, part := range []struct {
		name string
		run  func(*testing.T, broker)
	}{
		{"healthy", healthy},
		{"credentials", credentials},
		{"rights", rights},
		{"limits", limits},
		{"backlog", backlog},
		{"stuck", stuck},
		{"rates", rates},
		{"alarms", alarms},
		{"paused", paused},
		{"stopped", stopped},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, b) })
	}
}

func healthy(t *testing.T, b broker) {
	o, seen := b.look(t, nil)
	if o.Outcome != reach.OK || o.ManagementOutcome != reach.OK {
		t.Fatalf("got %+v (%+v)", o, seen.Unread)
	}
	version := strings.TrimSpace(b.Control(t, "version"))
	var overview struct {
		Cluster string `json:"cluster_name"`
		Node    string `json:"node"`
	}
	if err := b.Get("/api/overview", &overview); err != nil {
		t.Fatal(err)
	}
	if o.Product != "RabbitMQ" || o.Version != version || o.ClusterName != overview.Cluster || version == "" {
		t.Errorf("got %s %s of %s, want RabbitMQ %s of %s", o.Product, o.Version, o.ClusterName, version, overview.Cluster)
	}
	if o.MemoryAlarm || o.DiskAlarm || o.Partitioned || len(o.NodesDown) > 0 || len(o.Nodes) != 1 {
		t.Fatalf("an alarm of a healthy broker: %+v", o)
	}
	n := o.Nodes[0]
	if n.Name != overview.Node || !n.Running || n.MemoryUsedBytes == 0 || n.MemoryLimitBytes != 1e9 ||
		n.DiskLimitBytes != 1e6 || n.DiskFreeBytes == 0 || n.FileDescriptorsLimit == 0 || n.UptimeSeconds == 0 {
		t.Errorf("got %+v", n)
	}
	if o.HandshakeSeconds <= 0 || o.LoginSeconds <= 0 || o.ChannelSeconds <= 0 {
		t.Errorf("times are missing: %+v", o)
	}
	if strings.Contains(fmt.Sprint(seen), rabbitmqtest.Password+":") || !strings.Contains(seen.Summary, "logged in") {
		t.Errorf("got %q", seen.Summary)
	}
	alone, seen := b.look(t, map[string]any{"management": ""})
	if alone.Outcome != reach.OK || !checktest.HasUnread(seen, "queues") || !seen.Unread[0].NotAsked {
		t.Errorf("without the management API: got %+v, %+v", alone, seen.Unread)
	}
}

func credentials(t *testing.T, b broker) {
	b.NewUser(t, "app", "monitoring")
	b.Put(t, "/api/vhosts/other", nil)
	t.Cleanup(func() { b.Delete(t, "/api/vhosts/other") })
	for _, test := range []struct {
		name    string
		changed map[string]any
		want    reach.Outcome
		says    string
	}{
		{"right", map[string]any{"user": "app", "password": "app"}, reach.OK, ""},
		{"wrong password", map[string]any{"user": "app", "password": "very secret"}, reach.AuthFailed, "ACCESS_REFUSED"},
		{"no such user", map[string]any{"user": "nobody", "password": "very secret"}, reach.AuthFailed, "ACCESS_REFUSED"},
		{"no such virtual host", map[string]any{"user": "app", "password": "app", "vhost": "nope"}, VhostNotFound, "not found"},
		{"not its virtual host", map[string]any{"user": "app", "password": "app", "vhost": "other"}, VhostDenied, "refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, seen := b.look(t, test.changed)
			if o.Outcome != test.want || !strings.Contains(o.Error, test.says) || o.Version == "" {
				t.Errorf("got %q %q, want %q", o.Outcome, o.Error, test.want)
			}
			if strings.Contains(fmt.Sprintf("%+v", seen), "very secret") {
				t.Error("it tells the password")
			}
			if test.want == VhostDenied && !strings.Contains(fmt.Sprint(seen.Unread), "rabbitmqctl set_permissions -p other app") {
				t.Errorf("it does not tell how to allow it: %+v", seen.Unread)
			}
			if test.want == reach.AuthFailed && o.ManagementOutcome != reach.AuthFailed {
				t.Errorf("the management API: %q %q", o.ManagementOutcome, o.ManagementError)
			}
		})
	}
}

func rights(t *testing.T, b broker) {
	b.NewUser(t, "plain", "")
	b.NewUser(t, "manager", "management")
	o, seen := b.look(t, map[string]any{"user": "plain", "password": "plain"})
	if o.Outcome != reach.OK || o.ManagementOutcome != reach.NoPermission || !checktest.HasUnread(seen, "queues") {
		t.Errorf("without a tag: got %+v", o)
	}
	o, seen = b.look(t, map[string]any{"user": "manager", "password": "manager"})
	if o.ManagementOutcome != reach.OK || !checktest.HasUnread(seen, "memory_alarm") || checktest.HasUnread(seen, "queues") {
		t.Errorf("with the tag management: got %+v, %+v", o, seen.Unread)
	}
	for _, u := range seen.Unread {
		if u.Path == "nodes" && u.Fix != "rabbitmqctl set_user_tags manager monitoring" {
			t.Errorf("got fix %q", u.Fix)
		}
	}
}

func limits(t *testing.T, b broker) {
	b.NewUser(t, "limited", "monitoring")
	b.Put(t, "/api/user-limits/limited/max-connections", map[string]any{"value": 0})
	if o, _ := b.look(t, map[string]any{"user": "limited", "password": "limited"}); o.Outcome != reach.TooManyConnections {
		t.Errorf("the user's limit: got %q %q", o.Outcome, o.Error)
	}
	b.Put(t, "/api/vhosts/full", nil)
	t.Cleanup(func() { b.Delete(t, "/api/vhosts/full") })
	b.Put(t, "/api/permissions/full/guest", map[string]any{"configure": ".*", "write": ".*", "read": ".*"})
	b.Put(t, "/api/vhost-limits/full/max-connections", map[string]any{"value": 0})
	if o, _ := b.look(t, map[string]any{"vhost": "full"}); o.Outcome != reach.TooManyConnections {
		t.Errorf("the virtual host's limit: got %q %q", o.Outcome, o.Error)
	}
}

func backlog(t *testing.T, b broker) {
	channel := b.Channel(t, "publisher")
	b.Declare(t, channel, "orders", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "graveyard", "x-max-length": 1000})
	b.Declare(t, channel, "graveyard", nil)
	if err := rabbitmqtest.Publish(channel, "orders", 50); err != nil {
		t.Fatal(err)
	}
	o := b.until(t, "the backlog is shown", func(o Server) bool { return find(o, "orders").Ready == 50 && o.Totals.Ready == 50 })
	q := find(o, "orders")
	if q.Consumers != 0 || q.Unacked != 0 || q.MaxLength != 1000 || !q.DeadLetters || q.DeadLetterQueue || q.Vhost != "/" || o.Totals.Backlogged != 1 {
		t.Errorf("got %+v, %+v", q, o.Totals)
	}
	if !find(o, "graveyard").DeadLetterQueue {
		t.Error("the dead letter queue is not known as one")
	}
	if o.Queues[0].Name != "orders" {
		t.Error("the longest queue is not the first")
	}
}

func stuck(t *testing.T, b broker) {
	channel := b.Channel(t, "stuck consumer")
	b.Declare(t, channel, "jobs", nil)
	if err := channel.Qos(20, 0, false); err != nil {
		t.Fatal(err)
	}
	if _, err := channel.Consume("jobs", "", false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := rabbitmqtest.Publish(b.Channel(t, "publisher"), "jobs", 30); err != nil {
		t.Fatal(err)
	}
	o := b.until(t, "20 are unacked", func(o Server) bool { return find(o, "jobs").Unacked == 20 && o.Totals.Unacked == 20 })
	if q := find(o, "jobs"); q.Ready != 10 || q.Consumers != 1 || q.AckPerSecond != 0 {
		t.Errorf("got %+v", q)
	}
}

func rates(t *testing.T, b broker) {
	channel := b.Channel(t, "worker")
	b.Declare(t, channel, "flowing", nil)
	deliveries, err := channel.Consume("flowing", "", false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for d := range deliveries {
			_ = d.Ack(false) // the broker may be gone
		}
	}()
	t.Cleanup(func() { _ = channel.Close(); <-done })
	if err := rabbitmqtest.Publish(b.Channel(t, "publisher"), "flowing", 200); err != nil {
		t.Fatal(err)
	}
	o := b.until(t, "rates are shown", func(o Server) bool {
		q := find(o, "flowing")
		return q.PublishPerSecond > 0 && q.DeliverPerSecond > 0 && q.AckPerSecond > 0 && o.Totals.AckPerSecond > 0
	})
	if q := find(o, "flowing"); q.Consumers != 1 || q.PublishPerSecond > 40 || q.ConsumerCapacityPercent <= 0 {
		t.Errorf("got %+v, want at most 200 in 5 seconds", q)
	}
}

func alarms(t *testing.T, b broker) {
	channel := b.Channel(t, "blocked publisher")
	b.Declare(t, channel, "blocked", nil)
	b.Control(t, "set_vm_memory_high_watermark", "absolute", "1MB")
	b.until(t, "the memory alarm", func(o Server) bool { return o.MemoryAlarm })
	if err := rabbitmqtest.Publish(channel, "blocked", 1); err != nil {
		t.Fatal(err)
	}
	o := b.until(t, "a blocked connection", func(o Server) bool { return o.Connections.Blocked > 0 })
	if !o.Nodes[0].MemoryAlarm || o.Nodes[0].MemoryUsedPercent <= 100 || o.DiskAlarm ||
		fmt.Sprint(o.Connections.BlockedNames) != "[blocked publisher]" {
		t.Errorf("got %+v, %+v", o.Nodes, o.Connections)
	}
	b.Control(t, "set_vm_memory_high_watermark", "absolute", "1GB")
	b.until(t, "no memory alarm", func(o Server) bool { return !o.MemoryAlarm })
	b.Control(t, "set_disk_free_limit", "1000000000000000")
	if o := b.until(t, "the disk alarm", func(o Server) bool { return o.DiskAlarm }); o.MemoryAlarm || !o.Nodes[0].DiskAlarm {
		t.Errorf("got %+v", o.Nodes)
	}
	b.Control(t, "set_disk_free_limit", "1MB")
	b.until(t, "no disk alarm", func(o Server) bool { return !o.DiskAlarm })
}

func paused(t *testing.T, b broker) {
	b.Pause()
	defer b.Resume()
	o, seen := b.look(t, map[string]any{"timeout": "1s"})
	if o.Outcome != reach.TimedOut || o.ManagementOutcome != reach.TimedOut || o.RemoteAddress == "" || !checktest.HasUnread(seen, "version") {
		t.Errorf("got %+v", o)
	}
}

func stopped(t *testing.T, b broker) {
	b.Kill()
	o, seen := b.look(t, nil)
	if o.Outcome != reach.RefusedByIt || o.ManagementOutcome != reach.RefusedByIt || !checktest.HasUnread(seen, "connect_seconds") {
		t.Errorf("got %+v", o)
	}
}

// TestPeers: whatever listens there, it is told within the timeout.
func TestPeers(t *testing.T) {
	t.Parallel()
	frame := func(channel byte, body string) string {
		return "\x01\x00" + string(rune(channel)) + "\x00\x00\x00" + string(rune(len(body))) + body + "\xce"
	}
	for _, test := range []struct {
		name string
		says string
		shut bool
		want reach.Outcome
		text string
	}{
		{"silent", "", false, reach.TimedOut, ""},
		{"closes at once", "", true, reach.Closed, ""},
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", true, reach.ProtocolError, "HTTP"},
		{"another version", "AMQP\x00\x01\x00\x00", true, reach.ProtocolError, "AMQP 1-0-0"},
		{"half a frame", "\x01\x00\x00\x00\x00", false, reach.TimedOut, ""},
		{"half a frame, and closes", "\x01\x00\x00\x00\x00", true, reach.Closed, ""},
		{"a huge frame", "\x01\x00\x00\xff\xff\xff\xff", false, reach.ProtocolError, ""},
		{"an unknown method", frame(0, "\x00\x63\x00\x63"), false, reach.ProtocolError, ""},
		{"the wrong method", frame(0, "\x00\x0a\x00\x29\x00") + frame(0, "\x00\x0a\x00\x29\x00"), false, reach.ProtocolError, ""},
		{"heartbeats for ever", strings.Repeat("\x08\x00\x00\x00\x00\x00\x00\xce", 1000), false, reach.TimedOut, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := peer(t, test.says, test.shut)
			timeout := "10s"
			if test.want == reach.TimedOut {
				timeout = "1s"
			}
			o, _ := checktest.Observe[Server](t, New(nil).Server(), map[string]any{"address": address, "timeout": timeout})
			if o.Outcome != test.want || !strings.Contains(o.Error, test.text) {
				t.Errorf("got %q %q, want %q", o.Outcome, o.Error, test.want)
			}
			o, _ = checktest.Observe[Server](t, New(nil).Server(), map[string]any{
				"address": address, "tls": "on", "management": "http://" + address, "timeout": "300ms",
			})
			if o.Outcome == reach.OK || o.Outcome == "" || o.ManagementOutcome == reach.OK || o.ManagementOutcome == "" {
				t.Errorf("with TLS and HTTP: got %q, %q", o.Outcome, o.ManagementOutcome)
			}
		})
	}
}

// peer accepts, reads what comes, and says something.
func peer(t *testing.T, says string, shut bool) string {
	t.Helper()
	return checktest.Peer(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 8)) // whatever it is
		_, _ = conn.Write([]byte(says))
		if shut {
			conn.Close()
		}
	})
}

func TestNotAllowed(t *testing.T) {
	allow := reach.NewAllowList(checktest.Destinations(t, "127.0.0.1:5672"))
	for _, inputs := range []map[string]any{
		{"address": "127.0.0.2:5672"},
		{"address": "127.0.0.1:5672", "management": "http://127.0.0.2:15672"},
	} {
		if o := checktest.Look(t, New(allow).Server(), inputs); o.Output != nil || o.Fix == "" {
			t.Errorf("%v: got %+v, want a refusal", inputs, o)
		}
	}
}

// FuzzAnswers: whatever the management API answers, it is no panic, and what is
// kept is bounded.
func FuzzAnswers(f *testing.F) {
	f.Add(`{"items":[{"name":"q","messages":1,"arguments":{"x-max-length":1},"consumer_capacity":""}]}`, `[{"name":"n","running":true,"disk_free":"disk_free_monitoring_disabled"}]`)
	f.Add(`{"items":[null]}`, `[null]`)
	f.Fuzz(func(t *testing.T, queues, nodes string) {
		m, err := New(nil).newManagement(Input{Management: "http://h", Window: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal([]byte(queues), &m.queues) != nil || json.Unmarshal([]byte(nodes), &m.nodes) != nil {
			t.Skip()
		}
		m.outcome = reach.OK
		var o Server
		m.fill(&o, &engine.Call{})
		if len(o.Queues) > maxListed || len(o.Nodes) > maxListed {
			t.Error("too many: " + strconv.Itoa(len(o.Queues)))
		}
	})
}
