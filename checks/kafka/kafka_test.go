package kafka

import (
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"gumshoe/checks/checktest"
	"gumshoe/checks/kafka/kafkatest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func observe(t *testing.T, brokers []string, changed map[string]any) (Cluster, engine.Observation) {
	t.Helper()
	given := []any{}
	for _, b := range brokers {
		given = append(given, b)
	}
	inputs := map[string]any{"brokers": given, "window": "200ms"}
	maps.Copy(inputs, changed)
	return checktest.Observe[Cluster](t, New(nil).Cluster(), inputs)
}

func TestConforms(t *testing.T) {
	c := kafkatest.Start(t)
	c.Produce(t, 4)
	c.Commit(t, "billing", 1)
	checktest.Run(t, New(nil).Cluster(), map[string]any{
		"brokers": []any{c.Addresses[0]}, "topic": kafkatest.Topic, "group": "billing", "window": "100ms",
	})
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.Produce(t, 40)
	c.Member(t, "billing", kafkatest.Quick)
	c.Flow(t)
	c.AwaitCommits(t, "billing")
	o, seen := observe(t, c.Addresses, map[string]any{"topic": kafkatest.Topic, "group": "billing", "window": "3s"})
	if o.Outcome != reach.OK || len(o.Brokers) != 3 || o.BrokersUnreachable != 0 || !o.HasController || o.ClusterID == "" {
		t.Fatalf("got %+v", o)
	}
	if o.Topics < 1 || o.Partitions < 4 || o.UnderReplicated != 0 || o.Leaderless != 0 || len(o.BrokersMissing) != 0 {
		t.Errorf("got %+v", o)
	}
	if o.Topic.Outcome != reach.OK || o.Topic.Partitions != 4 || o.Topic.MessagesPerSecond <= 0 {
		t.Errorf("got %+v", o.Topic)
	}
	g := o.Group
	if g.Outcome != reach.OK || g.State != "Stable" || g.Members != 1 || g.Assigned != 4 || g.CommittedPerSecond <= 0 || g.ProducedPerSecond <= 0 {
		t.Errorf("got %+v", g)
	}
	if o.MetadataSeconds <= 0 || o.Brokers[0].AnswerSeconds <= 0 || o.Brokers[2].AnswerSeconds <= 0 {
		t.Errorf("times are missing: %+v", o)
	}
	if len(seen.Unread) > 0 {
		t.Errorf("unread: %+v", seen.Unread)
	}
}

func TestNothingAsked(t *testing.T) {
	t.Parallel()
	o, seen := observe(t, kafkatest.Start(t).Addresses[:1], nil)
	if o.Outcome != reach.OK || !checktest.HasUnread(seen, "group.lag") || !checktest.HasUnread(seen, "topic.partitions") {
		t.Errorf("got %+v, %+v", o, seen.Unread)
	}
	for _, u := range seen.Unread {
		if !u.NotAsked {
			t.Errorf("%s counts as a failure", u.Path)
		}
	}
}

// TestLag: nobody consumes, and someone does who is stuck.
func TestLag(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.Produce(t, 400)
	c.Commit(t, "nobody", 10)
	o, _ := observe(t, c.Addresses, map[string]any{"group": "nobody"})
	g := o.Group
	if g.Outcome != reach.OK || g.State != "Empty" || g.Members != 0 || g.Lag != 360 || g.CommittedPerSecond != 0 || len(g.Partitions) != 4 {
		t.Errorf("nobody: got %+v", g)
	}
	c.Commit(t, "stuck", 10)
	c.Member(t, "stuck", kafkatest.Stuck)
	c.Flow(t)
	o, _ = observe(t, c.Addresses, map[string]any{"group": "stuck", "window": "1s"})
	g = o.Group
	if g.State != "Stable" || g.Members != 1 || g.Lag < 360 || g.CommittedPerSecond != 0 || g.LagGrowthPerSecond <= 0 || g.Partitions[0].Member != "worker" {
		t.Errorf("stuck: got %+v", g)
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	o, seen := observe(t, c.Addresses, map[string]any{"topic": "nope", "group": "nope"})
	if o.Outcome != reach.OK || o.Topic.Outcome != NotFound || o.Group.Outcome != NotFound || !checktest.HasUnread(seen, "group.lag") {
		t.Errorf("got %+v, %+v", o.Topic, o.Group)
	}
	if again, _ := observe(t, c.Addresses, nil); again.Topics != o.Topics {
		t.Error("asking for a topic has created it")
	}
	c.Deny()
	o, seen = observe(t, c.Addresses, map[string]any{"group": "secret"})
	if o.Group.Outcome != reach.NoPermission || !strings.Contains(fmt.Sprint(seen.Unread), "kafka-acls.sh") {
		t.Errorf("got %+v, %+v", o.Group, seen.Unread)
	}
}

// TestUnderReplicated: the cluster tells of replicas that lag, and of a broker
// that is gone.
func TestUnderReplicated(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.Metadata(t, func(m *kmsg.MetadataResponse) {
		first, second := &m.Topics[0].Partitions[0], &m.Topics[0].Partitions[1]
		first.Replicas, first.ISR = []int32{0, 1, 7}, []int32{0, 1}
		second.Replicas, second.ISR, second.Leader = []int32{7}, nil, -1
		m.ControllerID = -1
	})
	o, _ := observe(t, c.Addresses, nil)
	if o.UnderReplicated != 2 || o.Leaderless != 1 || fmt.Sprint(o.BrokersMissing) != "[7]" || o.HasController {
		t.Errorf("got %+v", o)
	}
	if len(o.Troubled) != 2 || o.Troubled[0].Leader != -1 || o.Troubled[1].InSync != 2 || o.Troubled[1].Replicas != 3 {
		t.Errorf("got %+v", o.Troubled)
	}
}

// TestAdvertised: one of three brokers is advertised where nobody can reach it.
func TestAdvertised(t *testing.T) {
	t.Parallel()
	silent := peer(t, "", false)
	for _, test := range []struct {
		name, address string
		want          reach.Outcome
		unconnected   int64
	}{
		{"a name that does not exist", "kafka.invalid:9092", reach.NameNotFound, 1},
		{"nothing listens", "127.0.0.1:" + strconv.Itoa(checktest.FreePort(t)), reach.RefusedByIt, 1},
		{"silent", silent, reach.TimedOut, 0},
		{"no Kafka", peer(t, "HTTP/1.1 400 Bad Request\r\n\r\n", true), reach.ProtocolError, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := kafkatest.Start(t)
			host, port, _ := net.SplitHostPort(test.address)
			n, _ := strconv.Atoi(port)
			c.Metadata(t, func(m *kmsg.MetadataResponse) {
				for i := range m.Brokers {
					if m.Brokers[i].NodeID == 2 {
						m.Brokers[i].Host, m.Brokers[i].Port = host, int32(n)
					}
				}
			})
			o, _ := observe(t, c.Addresses[:1], map[string]any{"timeout": "3s"})
			if o.Outcome != reach.OK || o.BrokersUnreachable != 1 || o.AdvertisedUnreachable != test.unconnected {
				t.Errorf("got %+v", o)
			}
			for _, b := range o.Brokers {
				if b.ID == 2 && (b.Reachable || b.Outcome == reach.OK || b.Outcome != test.want && test.want != reach.NameNotFound) {
					t.Errorf("got %+v, want %s", b, test.want)
				}
			}
		})
	}
}

// TestGivenIsDown: a broker that does not answer at the address that was given for
// it is down, and not wrongly advertised.
func TestGivenIsDown(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	port := checktest.FreePort(t)
	c.Advertise(t, c.Addresses[0], port)
	o, _ := observe(t, []string{c.Addresses[0], net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, nil)
	if o.Outcome != reach.OK || o.BrokersUnreachable != 1 || o.AdvertisedUnreachable != 0 {
		t.Errorf("got %+v", o)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	c := kafkatest.Secured(t)
	for _, test := range []struct {
		name    string
		changed map[string]any
		want    reach.Outcome
	}{
		{"right", map[string]any{"sasl": "plain", "user": "admin", "password": "right"}, reach.OK},
		{"wrong password", map[string]any{"sasl": "plain", "user": "admin", "password": "very secret"}, reach.AuthFailed},
		{"another mechanism", map[string]any{"sasl": "scram_sha_256", "user": "admin", "password": "very secret"}, reach.AuthFailed},
		{"none", nil, reach.Closed}, // as Apache Kafka does, too
		{"TLS to a broker without", map[string]any{"tls": "on", "timeout": "500ms"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o, seen := observe(t, c.Addresses, test.changed)
			if test.want != "" && o.Outcome != test.want || test.want == "" && o.Outcome == reach.OK {
				t.Errorf("got %q %q, want %q", o.Outcome, o.Error, test.want)
			}
			if strings.Contains(fmt.Sprintf("%+v", seen), "very secret") {
				t.Error("it tells the password")
			}
		})
	}
}

// TestPeers: whatever listens there, it is told within the timeout.
func TestPeers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		says string
		shut bool
		want reach.Outcome
	}{
		{"silent", "", false, reach.TimedOut},
		{"closes at once", "", true, reach.Closed},
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", true, reach.ProtocolError},
		{"a huge answer", "\x7f\xff\xff\xff\x00\x00\x00\x00", false, reach.ProtocolError},
		{"a negative length", "\xff\xff\xff\xff", false, reach.ProtocolError},
		{"half an answer", "\x00\x00\x00\x20\x00", false, reach.TimedOut},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			timeout := "10s"
			if test.want == reach.TimedOut {
				timeout = "1s"
			}
			o, _ := observe(t, []string{peer(t, test.says, test.shut)}, map[string]any{"timeout": timeout})
			if o.Outcome != test.want {
				t.Errorf("got %q %q, want %q", o.Outcome, o.Error, test.want)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o, _ := observe(t, []string{"127.0.0.1:" + strconv.Itoa(checktest.FreePort(t))}, map[string]any{"group": "billing"})
		if o.Outcome != reach.RefusedByIt || len(o.Seeds) != 1 {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("one of two is down", func(t *testing.T) {
		t.Parallel()
		c := kafkatest.Start(t, kfake.NumBrokers(1))
		o, _ := observe(t, []string{"127.0.0.1:" + strconv.Itoa(checktest.FreePort(t)), c.Addresses[0]}, nil)
		if o.Outcome != reach.OK || o.Address != c.Addresses[0] || len(o.Seeds) != 2 || o.Seeds[0].Outcome != reach.RefusedByIt {
			t.Errorf("got %+v", o)
		}
	})
}

// peer accepts, reads what comes, and says something.
func peer(t *testing.T, says string, shut bool) string {
	t.Helper()
	return checktest.Peer(t, func(conn net.Conn) {
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = conn.Read(make([]byte, 4096)) // whatever it is
		_, _ = conn.Write([]byte(says))
		if shut {
			conn.Close()
		}
	})
}

// TestNotAllowed: neither what was asked for nor what the cluster advertises is
// connected to when the list does not have it.
func TestNotAllowed(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	allow := reach.NewAllowList(checktest.Destinations(t, c.Addresses[0]))
	if o := checktest.Look(t, New(allow).Cluster(), map[string]any{"brokers": []any{"127.0.0.2:9092"}}); o.Output != nil || o.Fix == "" {
		t.Errorf("got %+v, want a refusal", o)
	}
	o, seen := checktest.Observe[Cluster](t, New(allow).Cluster(), map[string]any{"brokers": []any{c.Addresses[0]}})
	if o.Outcome != reach.OK || o.BrokersUnreachable != 0 || !checktest.HasUnread(seen, "brokers_unreachable") {
		t.Errorf("got %+v, %+v", o, seen.Unread)
	}
}
