package rabbitmq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// maxBody bounds one answer of the management API.
const maxBody = 4 << 20

// management is one look at the management API. Its answers are filled in when
// the look over AMQP has ended.
type management struct {
	allow    *reach.AllowList
	in       Input
	base     string // without a slash at the end
	client   *http.Client
	incr     int // seconds between two of the broker's own samples
	age      int // seconds to average over
	outcome  reach.Outcome
	text     string
	seconds  float64
	overview overview
	nodes    []node
	queues   page[queue]
	clients  page[client]
	lacking  map[string]lack // what could not be read, by the field
}

// lack is why a part could not be read.
type lack struct{ reason, fix string }

func (p Probes) newManagement(in Input) (*management, error) {
	const sampled = 5
	m := &management{allow: p.allow, in: in, incr: sampled, lacking: map[string]lack{}}
	m.age = max(2, int(in.Window.Seconds())/sampled) * sampled
	if in.Management == "" {
		return m, nil
	}
	address, err := managementAddress(in.Management)
	if err != nil {
		return nil, err
	}
	host, port, err := engine.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if err := p.allow.PermitName(host, port); err != nil {
		return nil, err
	}
	u, err := url.Parse(in.Management)
	if err != nil {
		return nil, errors.New("management: the URL cannot be read")
	}
	m.base = u.Scheme + "://" + address + strings.TrimRight(u.EscapedPath(), "/")
	transport := &http.Transport{MaxResponseHeaderBytes: 64 << 10, DisableCompression: true, MaxConnsPerHost: 1}
	if u.Scheme == "https" {
		if transport.TLSClientConfig, err = (reach.TLSFiles{ServerName: host, CA: in.CAFile}).Config(); err != nil {
			return nil, err
		}
	}
	m.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return m, nil
}

// ask asks for everything. Its error is one of our own host.
func (m *management) ask(ctx context.Context, end time.Time) error {
	if m.client == nil {
		return nil
	}
	dialer := &reach.Dialer{Allow: m.allow, Deadline: end}
	transport, _ := m.client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}
	defer transport.CloseIdleConnections()
	inner, stop := context.WithDeadline(ctx, end)
	defer stop()
	started := time.Now()
	defer func() { m.seconds = time.Since(started).Seconds() }()

	rates := fmt.Sprintf("msg_rates_age=%d&msg_rates_incr=%d&lengths_age=%d&lengths_incr=%d", m.age, m.incr, m.age, m.incr)
	pages := "?page=1&page_size=100"
	for _, part := range []struct {
		path   string
		fields []string
		into   any
	}{
		{"/api/overview?" + rates, []string{"cluster_name", "totals"}, &m.overview},
		{
			"/api/nodes?columns=name,running,mem_used,mem_limit,mem_alarm,disk_free,disk_free_limit,disk_free_alarm,fd_used,fd_total,partitions,uptime",
			[]string{"nodes", "nodes_down", "partitioned", "memory_alarm", "disk_alarm"}, &m.nodes,
		},
		{
			"/api/queues/" + url.PathEscape(m.in.Vhost) + pages + "&sort=messages&sort_reverse=true&" + rates + queueColumns,
			[]string{"queues", "totals.backlogged"}, &m.queues,
		},
		{"/api/connections" + pages + "&sort=state&columns=name,state,client_properties.connection_name", []string{"connections"}, &m.clients},
	} {
		outcome, text, err := m.get(inner, part.path, part.into)
		if err != nil {
			return err
		}
		if m.outcome == "" {
			m.outcome, m.text = outcome, text
		}
		if m.outcome != reach.OK {
			return nil
		}
		if outcome != reach.OK {
			why := lack{reason: "the management API does not give it: " + outcome.Words() + " " + text}
			user, _ := m.in.credentials()
			if outcome == reach.NoPermission {
				why.fix = "rabbitmqctl set_user_tags " + reach.Printable(user) + " monitoring"
			}
			if outcome == reach.AuthFailed { // the user is right, as the overview was given
				why.fix = fmt.Sprintf("rabbitmqctl set_permissions -p %s %s '^$' '^$' '^$'", reach.Printable(m.in.Vhost), reach.Printable(user))
			}
			for _, field := range part.fields {
				m.lacking[field] = why
			}
		}
	}
	return nil
}

// get asks for one path. Its error is one of our own host.
func (m *management) get(ctx context.Context, path string, into any) (reach.Outcome, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base+path, http.NoBody)
	if err != nil {
		return "", "", errors.New("management: the URL cannot be asked for")
	}
	user, password := m.in.credentials()
	request.SetBasicAuth(user, password.Reveal())
	request.Header.Set("User-Agent", "gumshoe")
	response, err := m.client.Do(request)
	if err != nil {
		return m.failed(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return m.failed(err)
	}
	if len(body) > maxBody {
		return reach.ProtocolError, "its answer is longer than 4 MiB", nil
	}
	var said struct {
		Reason string `json:"reason"`
	}
	switch response.StatusCode {
	case http.StatusOK:
		if json.Unmarshal(body, into) != nil {
			return reach.ProtocolError, "its answer is not that of the management API", nil
		}
		return reach.OK, "", nil
	case http.StatusUnauthorized, http.StatusForbidden:
		_ = json.Unmarshal(body, &said) // another server says it in other words
		text := reach.Printable(said.Reason)
		if strings.HasPrefix(said.Reason, "Not ") { // "Not management user", "Not monitor user"
			return reach.NoPermission, text, nil
		}
		return reach.AuthFailed, text, nil
	}
	return HTTPError, fmt.Sprintf("status %d", response.StatusCode), nil
}

// failed tells the outcome from an error of the HTTP client, whose text would
// show the whole URL.
func (m *management) failed(err error) (reach.Outcome, string, error) {
	if wrapped, is := errors.AsType[*url.Error](err); is {
		err = wrapped.Err
	}
	if text, is := reach.TLSFailure(err); is {
		return reach.TLSFailed, text, nil
	}
	switch {
	case reach.IsClosed(err) || strings.Contains(err.Error(), "server closed idle connection"):
		return reach.Closed, "", nil
	case !reach.OfNetwork(err) && !errors.Is(err, context.Canceled):
		return reach.ProtocolError, reach.Printable(err.Error()), nil
	case errors.Is(err, context.Canceled):
		return reach.TimedOut, "", nil // the look has ended, and says so
	}
	outcome, blind := reach.OutcomeOf(err)
	return outcome, "", blind
}
