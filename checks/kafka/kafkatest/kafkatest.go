// Package kafkatest starts a Kafka cluster for tests: kfake, which speaks the real
// protocol in the test's own process. No broker of Apache Kafka is needed.
package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Cluster is a cluster of three brokers, until its test ends.
type Cluster struct {
	*kfake.Cluster

	// Addresses are the host and port of its brokers.
	Addresses []string
}

// Topic is the topic of every cluster. It has four partitions.
const Topic = "orders"

// Start starts a cluster.
func Start(t testing.TB, options ...kfake.Opt) *Cluster {
	t.Helper()
	fake, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3), kfake.SeedTopics(4, Topic)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return &Cluster{fake, fake.ListenAddrs()}
}

// Secured starts a cluster of one broker that wants SASL, with the mechanism
// PLAIN, from a user admin whose password is right.
func Secured(t testing.TB) *Cluster {
	t.Helper()
	c := Start(t, kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", "right"))
	// kfake closes the connection without a word. Apache Kafka says why (KIP-152).
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked, is := request.(*kmsg.SASLAuthenticateRequest)
		if is && bytes.HasSuffix(asked.SASLAuthBytes, []byte("\x00admin\x00right")) {
			return nil, nil, false //nolint:nilnil // kfake answers itself
		}
		answer := kmsg.NewPtrSASLAuthenticateResponse()
		answer.SetVersion(request.GetVersion())
		answer.ErrorCode = kerr.SaslAuthenticationFailed.Code
		answer.ErrorMessage = new("Authentication failed: Invalid username or password")
		return answer, nil, true
	})
	return c
}

// Client is a client of the cluster, until the test ends.
func (c *Cluster) Client(t testing.TB, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.Addresses...)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// Produce writes messages to the topic.
func (c *Cluster) Produce(t testing.TB, count int) {
	t.Helper()
	client := c.Client(t, kgo.DefaultProduceTopic(Topic), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	records := make([]*kgo.Record, count)
	for i := range records {
		records[i] = kgo.StringRecord("a message")
	}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// Flow writes to the topic again and again until the test ends.
func (c *Cluster) Flow(t testing.TB) {
	t.Helper()
	client := c.Client(t, kgo.DefaultProduceTopic(Topic), kgo.ProducerLinger(0))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context())) // it ends in the cleanup, before the client does
	done := make(chan struct{})
	go func() {
		defer close(done)
		for client.ProduceSync(ctx, kgo.StringRecord("a message")).FirstErr() == nil {
			continue
		}
	}()
	t.Cleanup(func() { stop(); <-done })
}

// Commit says that a group without members has consumed the first messages of
// each partition.
func (c *Cluster) Commit(t testing.TB, group string, upTo int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	for partition := range int32(4) {
		offsets.AddOffset(Topic, partition, upTo, -1)
	}
	if err := kadm.NewClient(c.Client(t)).CommitAllOffsets(t.Context(), group, offsets); err != nil {
		t.Fatal(err)
	}
}

// Pace is how a member consumes.
type Pace int

// The paces: as fast as it can; 500 messages a second; and one that gets messages
// and never finishes.
const (
	Quick Pace = iota
	Slow
	Stuck
)

// Member joins a group and consumes, until the test ends.
func (c *Cluster) Member(t testing.TB, group string, pace Pace) {
	t.Helper()
	options := []kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(Topic), kgo.ClientID("worker"), kgo.AutoCommitInterval(100 * time.Millisecond)}
	if pace == Stuck {
		options = append(options, kgo.DisableAutoCommit())
	}
	client := c.Client(t, options...)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context())) // it ends in the cleanup, before the client does
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil && !client.PollRecords(ctx, 50).IsClientClosed() {
			switch pace {
			case Stuck:
				<-ctx.Done()
			case Slow:
				<-tick.C
			case Quick:
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	c.until(t, group, "Stable")
}

// until waits until a group is in a state.
func (c *Cluster) until(t testing.TB, group, state string) {
	t.Helper()
	admin := kadm.NewClient(c.Client(t))
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for ctx.Err() == nil {
		described, err := admin.DescribeGroups(ctx, group)
		if err == nil && described[group].State == state && len(described[group].Members) > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // between two looks at what is waited for
	}
	t.Fatalf("group %s is not %s", group, state)
}

// AwaitCommits waits until a group has committed an offset of every partition.
func (c *Cluster) AwaitCommits(t testing.TB, group string) {
	t.Helper()
	admin := kadm.NewClient(c.Client(t))
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for ctx.Err() == nil {
		committed, err := admin.FetchOffsets(ctx, group)
		if err == nil && len(committed[Topic]) == 4 {
			return
		}
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // between two looks at what is waited for
	}
	t.Fatalf("group %s does not commit", group)
}

// Metadata changes what every broker says of the cluster from now on.
func (c *Cluster) Metadata(t testing.TB, change func(*kmsg.MetadataResponse)) {
	t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	said, err := request.RequestWith(t.Context(), c.Client(t))
	if err != nil {
		t.Fatal(err)
	}
	change(said)
	c.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		answer := *said
		answer.SetVersion(request.GetVersion())
		return &answer, nil, true
	})
}

// Cut makes the cluster tell that a partition has lost its leader, a broker of
// this id which is not there any more.
func (c *Cluster) Cut(t testing.TB, broker int32, partition int) {
	t.Helper()
	c.Metadata(t, func(m *kmsg.MetadataResponse) {
		p := &m.Topics[0].Partitions[partition]
		p.Replicas, p.ISR, p.Leader = []int32{broker}, nil, -1
	})
}

// Behind makes the cluster tell that partition 0 of the topic has two replicas, of
// which one is in sync.
func (c *Cluster) Behind(t testing.TB) {
	t.Helper()
	c.Metadata(t, func(m *kmsg.MetadataResponse) {
		for i := range m.Topics[0].Partitions {
			p := &m.Topics[0].Partitions[i]
			if p.Partition == 0 {
				p.Replicas, p.ISR = []int32{p.Leader, (p.Leader + 1) % 3}, []int32{p.Leader}
			}
		}
	})
}

// Advertise makes the cluster advertise another port for one of its brokers, other
// than the one of this address.
func (c *Cluster) Advertise(t testing.TB, other string, port int) {
	t.Helper()
	c.Metadata(t, func(m *kmsg.MetadataResponse) {
		for i := range m.Brokers {
			b := &m.Brokers[i]
			if net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))) != other {
				b.Port = int32(port)
				return
			}
		}
	})
}

// Deny makes the cluster refuse to describe groups.
func (c *Cluster) Deny() {
	c.ControlKey(int16(kmsg.DescribeGroups), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked, is := request.(*kmsg.DescribeGroupsRequest)
		if !is {
			return nil, errors.New("another request"), true
		}
		answer, is := asked.ResponseKind().(*kmsg.DescribeGroupsResponse)
		if !is {
			return nil, errors.New("another response"), true
		}
		for _, name := range asked.Groups {
			group := kmsg.NewDescribeGroupsResponseGroup()
			group.Group, group.ErrorCode = name, kerr.GroupAuthorizationFailed.Code
			answer.Groups = append(answer.Groups, group)
		}
		return answer, nil, true
	})
}
