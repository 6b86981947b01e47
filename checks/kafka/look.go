package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

func (p Probes) look(ctx context.Context, call *engine.Call, in Input) (Cluster, error) {
	o := Cluster{
		Seeds: []Seed{}, Brokers: []Broker{}, BrokersMissing: []string{}, Troubled: []Partition{},
		Topic: Topic{Name: in.Topic}, Group: Group{Name: in.Group, Partitions: []Lag{}},
	}
	if err := in.check(); err != nil {
		return o, err
	}
	o.Address = in.Brokers[0]
	reproduce(call, in)
	if err := ctx.Err(); err != nil {
		return o, err
	}
	for _, b := range in.Brokers {
		host, port, err := engine.SplitHostPort(b)
		if err != nil {
			return o, err
		}
		if err := p.allow.PermitName(host, port); err != nil {
			return o, err
		}
	}
	l := &look{Cluster: &o, call: call, in: in, allow: p.allow, window: in.Window, failures: map[string]error{}}
	if in.Topic == "" && in.Group == "" {
		l.window = 0
	}
	whole := in.Timeout + l.window
	given := reach.InnerTimeout(ctx, whole)
	l.window = time.Duration(float64(l.window) * float64(given) / float64(whole))
	l.end = time.Now().Add(given)
	if in.TLS == "on" {
		if _, err := in.files("").Config(); err != nil { // before anything is touched
			return o, err
		}
	}
	client, err := kgo.NewClient(l.options()...)
	if err != nil {
		return o, err
	}
	defer client.Close()
	err = l.talk(ctx, client)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	return o, err
}

// look is one look at a cluster.
type look struct {
	*Cluster

	call   *engine.Call
	in     Input
	allow  *reach.AllowList
	end    time.Time // of everything
	window time.Duration

	mu       sync.Mutex
	failures map[string]error // of connecting, by the address
}

func (l *look) options() []kgo.Opt {
	options := []kgo.Opt{
		kgo.SeedBrokers(l.in.Brokers...), kgo.ClientID("gumshoe"), kgo.SoftwareNameAndVersion("gumshoe", "1"),
		kgo.Dialer(l.dial), kgo.RequestRetries(1), kgo.DisableClientMetrics(), kgo.BrokerMaxReadBytes(16 << 20), kgo.FetchMaxBytes(1 << 20),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	}
	switch user, password := l.in.User, l.in.Password.Reveal(); l.in.SASL {
	case "plain":
		options = append(options, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
	case "scram_sha_256":
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism()))
	case "scram_sha_512":
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()))
	}
	return options
}

// dial connects for the library, with TLS when it is on.
func (l *look) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := l.connect(ctx, network, address)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures[address] = err
	return conn, err
}

func (l *look) connect(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &reach.Dialer{Allow: l.allow, Deadline: l.end}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil || l.in.TLS != "on" {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		conn.Close()
		return nil, err
	}
	config, err := l.in.files(host).Config()
	if err != nil {
		conn.Close()
		return nil, err
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		outcome, text, blind := reach.HandshakeFailure(err)
		if blind != nil {
			return nil, blind
		}
		return nil, &reach.FailureError{Outcome: outcome, Err: errors.New(text)}
	}
	return secured, nil
}

// talk asks for everything. Its error is one of our own host.
func (l *look) talk(ctx context.Context, client *kgo.Client) error {
	inner, stop := context.WithDeadline(ctx, l.end)
	defer stop()
	metadata, err := l.metadata(inner, client)
	if errors.Is(err, errNoAnswer) {
		l.nothing("no broker gave the metadata: " + l.Outcome.Words())
		return nil
	}
	if err != nil {
		return err
	}
	// The library asks any of its seeds where the others are, and would take the
	// silence of a dead one for theirs.
	if err := client.UpdateSeedBrokers(l.Address); err != nil {
		return err
	}
	l.cluster(metadata)
	l.brokers(inner, client, metadata)
	l.offsets(inner, client)
	return nil
}

// metadata asks one broker after the other, each with an equal share of half of
// the time, until one answers.
func (l *look) metadata(ctx context.Context, client *kgo.Client) (*kmsg.MetadataResponse, error) {
	seeds := client.SeedBrokers()
	until := time.Now().Add((time.Until(l.end) - l.window) * 3 / 4)
	for i, seed := range seeds {
		address := l.in.Brokers[min(i, len(l.in.Brokers)-1)]
		asking, stop := context.WithTimeout(ctx, time.Until(until)/time.Duration(len(seeds)-i))
		started := time.Now()
		request := kmsg.NewPtrMetadataRequest() // of all topics
		request.AllowAutoTopicCreation = false
		response, err := seed.Request(asking, request)
		stop()
		metadata, is := response.(*kmsg.MetadataResponse)
		if err == nil && is {
			l.Seeds = append(l.Seeds, Seed{Address: address, Outcome: reach.OK})
			l.Outcome, l.Error, l.Address, l.MetadataSeconds = reach.OK, "", address, time.Since(started).Seconds()
			return metadata, nil
		}
		outcome, text, blind := l.failed(address, err)
		if blind != nil {
			return nil, blind
		}
		l.Seeds = append(l.Seeds, Seed{Address: address, Outcome: outcome, Error: text})
		if l.Outcome == "" || telling(outcome) > telling(l.Outcome) {
			l.Outcome, l.Error, l.Address = outcome, text, address
		}
	}
	return nil, errNoAnswer
}

// errNoAnswer is that of no broker that gave the metadata. The outcome says why.
var errNoAnswer = errors.New("no broker gave the metadata")

// telling ranks outcomes: what a broker said above what the network did.
func telling(outcome reach.Outcome) int {
	if rank := outcome.Rank(); rank > 0 || outcome == reach.NameNotFound || outcome == reach.NameFailed {
		return rank
	}
	return 100
}

// failed tells the outcome from an error of the library. The library wraps some
// errors of connecting and drops others: what the dialer remembers comes first.
func (l *look) failed(address string, err error) (outcome reach.Outcome, text string, _ error) {
	l.mu.Lock()
	dialed := l.failures[address]
	l.mu.Unlock()
	if dialed != nil && !errors.Is(dialed, context.Canceled) {
		outcome, blind := reach.OutcomeOf(dialed)
		if failure, is := errors.AsType[*reach.FailureError](dialed); is && failure.Err != nil {
			text = failure.Err.Error()
		}
		return outcome, text, blind
	}
	var said *kerr.Error
	switch {
	case errors.As(err, &said) && (said == kerr.SaslAuthenticationFailed || said == kerr.UnsupportedSaslMechanism || said == kerr.IllegalSaslState):
		return reach.AuthFailed, reach.Printable(said.Message + ": " + said.Description), nil
	case errors.As(err, &said):
		return Rejected, reach.Printable(said.Message + ": " + said.Description), nil
	case isFirstReadEOF(err):
		return reach.Closed, reach.Printable(err.Error()), nil
	case strings.Contains(err.Error(), "SASL") || strings.Contains(err.Error(), "scram"):
		return reach.AuthFailed, reach.Printable(err.Error()), nil
	case reach.IsTimeout(err), errors.Is(err, context.Canceled):
		return reach.TimedOut, "", nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), strings.Contains(err.Error(), "EOF"):
		return reach.Closed, "it may want SASL or TLS", nil
	case reach.OfNetwork(err):
		outcome, blind := reach.OutcomeOf(err)
		return outcome, "", blind
	}
	return reach.ProtocolError, reach.Printable(err.Error()), nil
}

// isFirstReadEOF tells whether the broker closed the connection instead of its
// first answer. The library guesses why.
func isFirstReadEOF(err error) bool {
	_, is := errors.AsType[*kgo.ErrFirstReadEOF](err)
	return is
}

// nothing marks all that comes after the metadata. It is the cluster's own failure
// when it is that of each of the brokers that were asked.
func (l *look) nothing(reason string) {
	own := !slices.ContainsFunc(l.Seeds, func(s Seed) bool { return !s.Outcome.OfTarget() })
	fields := []string{
		"metadata_seconds", "cluster_id", "has_controller", "controller_id", "brokers", "brokers_unreachable",
		"advertised_unreachable", "brokers_missing", "topics", "partitions", "under_replicated", "leaderless", "troubled", "window_seconds",
	}
	if l.in.Topic != "" {
		fields = append(fields, "topic.outcome")
	}
	if l.in.Group != "" {
		fields = append(fields, "group.outcome", "group.error")
	}
	reach.Without(l.call, own, reason, fields...)
	l.noTopic(own, reason)
	l.noGroup(own, reason)
}
