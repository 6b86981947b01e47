package main

// Real faults of a real RabbitMQ broker, of Kafka as kfake speaks it (no broker of
// Apache Kafka can be had here), and of a real NATS server. Not made are a
// surge, which needs ten quiet minutes before, and a group that rebalances for
// long: they are shown in recorded cases.

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gumshoe/checks/checktest"
	"gumshoe/checks/kafka/kafkatest"
	"gumshoe/checks/nats/natstest"
	"gumshoe/checks/rabbitmq/rabbitmqtest"
	"gumshoe/engine"
)

func queueTasks() map[string]func(string) {
	return map[string]func(string){natstest.Task: natstest.Serve}
}

// lookQueue runs the runbook until what is wanted is told or the time is up:
// brokers take some seconds to know how they are themselves.
func lookQueue(t *testing.T, told func(*engine.Report) bool, args ...string) (*engine.Report, int) {
	t.Helper()
	t.Setenv("GUMSHOE_TEST_QUEUE_PASSWORD", rabbitmqtest.Password)
	// An input is given once: the last one counts here.
	given := []string{"queue-backlog"}
	for i, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if !slices.ContainsFunc(args[i+1:], func(later string) bool { return strings.HasPrefix(later, name+"=") }) {
			given = append(given, arg)
		}
	}
	for end := time.Now().Add(time.Minute); ; {
		r, exit := diagnose(t, given...)
		if told(r) || time.Now().After(end) {
			return r, exit
		}
	}
}

// wantQueue wants that the runbook names these causes, and one subject of the
// first.
func wantQueue(t *testing.T, args []string, subject string, want ...string) {
	t.Helper()
	r, exit := lookQueue(t, func(r *engine.Report) bool {
		for _, cause := range want {
			if !confirmedOf(r, cause) {
				return false
			}
		}
		return true
	}, args...)
	if subject != "" {
		wantSubject(t, r, want[0], subject)
	}
	wantConfirmed(t, r, exit, want...)
}

// wantQueueHealthy wants that it finds nothing.
func wantQueueHealthy(t *testing.T, args ...string) {
	t.Helper()
	r, exit := lookQueue(t, func(r *engine.Report) bool { return r.Status == engine.StatusHealthy }, args...)
	if r.Status != engine.StatusHealthy || exit != 0 {
		t.Errorf("got %s with exit status %d, want healthy with 0\n%s", r.Status, exit, verdicts(r))
	}
}

func TestRealQueueRabbitMQ(t *testing.T) {
	needReal(t)
	b := rabbitmqtest.Start(t)
	args := func(more ...string) []string {
		return append([]string{"kind=rabbitmq", "address=" + b.Address, "management=" + b.Management, "window=10s", "backlog=100", "password=env:GUMSHOE_TEST_QUEUE_PASSWORD"}, more...)
	}
	t.Run("healthy", func(t *testing.T) {
		channel := b.Channel(t, "publisher")
		b.Declare(t, channel, "orders", nil)
		work(t, b, "orders", 0)
		publish(t, b, "orders", 20, 10*time.Millisecond)
		wantQueueHealthy(t, args()...)
	})
	t.Run("nobody consumes", func(t *testing.T) {
		channel := b.Channel(t, "publisher")
		b.Declare(t, channel, "orders", nil)
		must(t, rabbitmqtest.Publish(channel, "orders", 500))
		wantQueue(t, args(), "orders", "no_consumer")
	})
	t.Run("full, and nobody consumes", func(t *testing.T) {
		channel := b.Channel(t, "publisher")
		b.Declare(t, channel, "orders", map[string]any{"x-max-length": 300})
		must(t, rabbitmqtest.Publish(channel, "orders", 500))
		wantQueue(t, args(), "orders", "queue_full", "no_consumer")
	})
	t.Run("consumers are stuck", func(t *testing.T) {
		channel := b.Channel(t, "stuck consumer")
		b.Declare(t, channel, "orders", nil)
		must(t, channel.Qos(50, 0, false))
		if _, err := channel.Consume("orders", "", false, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		must(t, rabbitmqtest.Publish(b.Channel(t, "publisher"), "orders", 500))
		wantQueue(t, args(), "orders", "consumers_stuck")
	})
	t.Run("consumers are slow", func(t *testing.T) {
		channel := b.Channel(t, "publisher")
		b.Declare(t, channel, "orders", nil)
		work(t, b, "orders", 20*time.Millisecond)
		publish(t, b, "orders", 20, 50*time.Millisecond)
		wantQueue(t, args(), "orders", "consumers_slow")
	})
	t.Run("consumers catch up", func(t *testing.T) {
		channel := b.Channel(t, "publisher")
		b.Declare(t, channel, "orders", nil)
		must(t, rabbitmqtest.Publish(channel, "orders", 8000))
		work(t, b, "orders", 10*time.Millisecond)
		wantQueue(t, args(), "orders", "catching_up")
	})
	t.Run("dead letters", func(t *testing.T) {
		channel := b.Channel(t, "consumer that rejects")
		b.Declare(t, channel, "orders", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "graveyard"})
		b.Declare(t, channel, "graveyard", nil)
		deliveries, err := channel.Consume("orders", "", false, false, false, false, nil)
		must(t, err)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for d := range deliveries {
				_ = d.Reject(false) // the broker may be gone
			}
		}()
		t.Cleanup(func() { _ = channel.Close(); <-done })
		publish(t, b, "orders", 5, 50*time.Millisecond)
		wantQueue(t, args("backlog=100000"), "graveyard", "rejected")
	})
	t.Run("memory alarm", func(t *testing.T) {
		b.Control(t, "set_vm_memory_high_watermark", "absolute", "1MB")
		wantQueue(t, args(), "", "memory_alarm")
		b.Control(t, "set_vm_memory_high_watermark", "absolute", "1GB")
		wantQueueHealthy(t, args()...)
	})
	t.Run("disk alarm", func(t *testing.T) {
		b.Control(t, "set_disk_free_limit", "1000000000000000")
		wantQueue(t, args(), "", "disk_alarm")
		b.Control(t, "set_disk_free_limit", "1MB")
		wantQueueHealthy(t, args()...)
	})
	t.Run("wrong password", func(t *testing.T) { wantQueue(t, args("user=nobody"), "", "login_refused") })
	t.Run("no such virtual host", func(t *testing.T) { wantQueue(t, args("vhost=nope"), "", "login_refused") })
	t.Run("connection limit", func(t *testing.T) {
		b.Put(t, "/api/user-limits/guest/max-connections", map[string]any{"value": 0})
		wantQueue(t, args(), "", "connection_limit")
		b.Delete(t, "/api/user-limits/guest/max-connections")
	})
	t.Run("another service", func(t *testing.T) {
		// It answers at once: one that waits for the rest of a request, as the broker's own
		// management does for five seconds, is not told from one that hangs.
		wantQueue(t, args("address="+checktest.Peer(t, answerHTTP)), "", "other_protocol")
	})
	t.Run("no such name", func(t *testing.T) { wantQueue(t, args("address=rabbit.invalid:5672"), "", "unreachable") })
	t.Run("stopped by a signal", func(t *testing.T) {
		b.Pause()
		wantQueue(t, args(), "", "hung")
		b.Resume()
	})
	t.Run("ended", func(t *testing.T) {
		b.Kill()
		wantQueue(t, args(), "", "broker_down")
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// publish sends so many messages to a queue, again and again with a pause in
// between, until the test ends.
func publish(t *testing.T, b *rabbitmqtest.Server, queue string, count int, pause time.Duration) {
	t.Helper()
	channel := b.Channel(t, "publisher")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if rabbitmqtest.Publish(channel, queue, count) != nil {
					return
				}
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
}

// work consumes a queue until the test ends, and takes so long for each message.
func work(t *testing.T, b *rabbitmqtest.Server, queue string, each time.Duration) {
	t.Helper()
	channel := b.Channel(t, "worker")
	must(t, channel.Qos(10, 0, false))
	deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
	must(t, err)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for d := range deliveries {
			if each > 0 {
				select {
				case <-time.After(each): // the work
				case <-stop:
					return
				}
			}
			_ = d.Ack(false) // the broker may be gone
		}
	}()
	t.Cleanup(func() { close(stop); _ = channel.Close(); <-done })
}

func TestRealQueueKafka(t *testing.T) {
	needReal(t)
	args := func(c *kafkatest.Cluster, more ...string) []string {
		return append([]string{"kind=kafka", "address=" + c.Addresses[0], "group=billing", "backlog=100"}, more...)
	}
	t.Run("healthy", func(t *testing.T) {
		c := kafkatest.Start(t)
		c.Produce(t, 40)
		c.Member(t, "billing", kafkatest.Quick)
		wantQueueHealthy(t, args(c)...)
	})
	t.Run("nobody consumes", func(t *testing.T) {
		c := kafkatest.Start(t)
		c.Produce(t, 1000)
		c.Commit(t, "billing", 1)
		wantQueue(t, args(c), "billing", "no_consumer")
	})
	t.Run("consumers are stuck", func(t *testing.T) {
		c := kafkatest.Start(t)
		c.Produce(t, 1000)
		c.Commit(t, "billing", 1)
		c.Member(t, "billing", kafkatest.Stuck)
		wantQueue(t, args(c), "", "consumers_stuck")
	})
	t.Run("consumers are slow", func(t *testing.T) {
		c := kafkatest.Start(t)
		c.Produce(t, 1000)
		c.Commit(t, "billing", 1)
		c.Member(t, "billing", kafkatest.Slow)
		c.Flow(t)
		wantQueue(t, args(c), "billing", "consumers_slow")
	})
	t.Run("consumers catch up", func(t *testing.T) {
		c := kafkatest.Start(t)
		c.Produce(t, 40000)
		c.Commit(t, "billing", 1)
		c.Member(t, "billing", kafkatest.Slow)
		wantQueue(t, args(c), "billing", "catching_up")
	})
	t.Run("a broker is gone", func(t *testing.T) {
		c := kafkatest.Start(t)
		c.Cut(t, 7, 0)
		wantQueue(t, args(c, "group="), "7", "node_gone")
	})
	t.Run("a replica is behind", func(t *testing.T) {
		c := kafkatest.Start(t)
		c.Behind(t)
		wantQueue(t, args(c, "group="), kafkatest.Topic+"/0", "replicas_behind")
	})
	t.Run("advertised wrongly", func(t *testing.T) {
		c := kafkatest.Start(t)
		port := checktest.FreePort(t)
		c.Advertise(t, c.Addresses[0], port)
		wantQueue(t, args(c, "group="), net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "advertised_unreachable")
	})
	t.Run("wrong password", func(t *testing.T) {
		wantQueue(t, args(kafkatest.Secured(t), "sasl=plain", "user=admin", "password=env:GUMSHOE_TEST_QUEUE_PASSWORD"), "", "login_refused")
	})
	t.Run("no password", func(t *testing.T) { wantQueue(t, args(kafkatest.Secured(t)), "", "other_protocol") })
	t.Run("ended", func(t *testing.T) {
		c := kafkatest.Start(t)
		c.Close()
		wantQueue(t, args(c), "", "broker_down")
	})
}

func TestRealQueueNATS(t *testing.T) {
	needReal(t)
	s := natstest.Start(t)
	c := s.Client(t)
	args := []string{"kind=nats", "address=" + s.Address, "monitor=" + s.Monitor, "backlog=100"}
	c.Stream(t, "ORDERS", []string{"orders"}, nil)
	c.Consumer(t, "ORDERS", "billing", nil)
	t.Run("healthy", func(t *testing.T) {
		c.Publish(t, "orders", 50, 10)
		wantQueueHealthy(t, args...)
	})
	t.Run("nobody pulls", func(t *testing.T) {
		c.Publish(t, "orders", 500, 10)
		wantQueue(t, args, "ORDERS/billing", "no_consumer")
	})
	t.Run("the consumer is stuck", func(t *testing.T) {
		c.Take(t, "ORDERS", "billing")
		wantQueue(t, args, "ORDERS/billing", "consumers_stuck")
	})
	t.Run("full", func(t *testing.T) {
		c.Request(t, "$JS.API.STREAM.DELETE.ORDERS", nil)
		c.Stream(t, "FULL", []string{"full"}, map[string]any{"max_msgs": 50, "discard": "new"})
		c.Publish(t, "full", 60, 10)
		wantQueue(t, args, "FULL", "queue_full")
	})
	t.Run("stopped by a signal", func(t *testing.T) {
		s.Pause()
		wantQueue(t, args, "", "hung")
		s.Resume()
	})
	t.Run("ended", func(t *testing.T) {
		s.Kill()
		wantQueue(t, args, "", "broker_down")
	})
}
