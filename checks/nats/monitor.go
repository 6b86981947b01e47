package nats

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// jsz asks for all streams and consumers of which the server has a copy.
const jsz = "jsz?accounts=true&streams=true&consumers=true&config=true"

// monitorAt is where the monitoring port is.
type monitorAt struct {
	base    string // without a slash at the end
	address string
	host    string
	port    int
	tls     bool
	config  *tls.Config
}

func parseMonitor(text string) (monitorAt, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return monitorAt{}, errors.New("monitor is not a URL such as http://nats.example.com:8222")
	}
	m := monitorAt{base: u.Scheme + "://" + u.Host + strings.TrimRight(u.Path, "/"), tls: u.Scheme == "https"}
	if m.host, m.port, err = reach.Endpoint(u); err != nil {
		return m, err
	}
	m.address = reach.JoinPort(m.host, m.port)
	return m, nil
}

// varz is what /varz says.
type varz struct {
	Start            time.Time `json:"start"`
	Now              time.Time `json:"now"`
	Memory           int64     `json:"mem"`
	CPU              float64   `json:"cpu"`
	Cores            int       `json:"cores"`
	Connections      int64     `json:"connections"`
	MaxConnections   int64     `json:"max_connections"`
	TotalConnections int64     `json:"total_connections"`
	InMessages       int64     `json:"in_msgs"`
	OutMessages      int64     `json:"out_msgs"`
	InBytes          int64     `json:"in_bytes"`
	OutBytes         int64     `json:"out_bytes"`
	SlowConsumers    int64     `json:"slow_consumers"`
	Subscriptions    int64     `json:"subscriptions"`
}

// jszInfo is what /jsz says.
type jszInfo struct {
	account

	Disabled bool `json:"disabled"`
	Config   struct {
		MaxMemory  int64 `json:"max_memory"`
		MaxStorage int64 `json:"max_storage"`
	} `json:"config"`
	Meta struct {
		Name     string `json:"name"`
		Leader   string `json:"leader"`
		Replicas []struct {
			Offline bool `json:"offline"`
		} `json:"replicas"`
	} `json:"meta_cluster"`
	Accounts []struct {
		Name    string       `json:"name"`
		Streams []streamInfo `json:"stream_detail"`
	} `json:"account_details"`
}

// monitor asks the monitoring port. Its error is one of our own host.
func (l *look) monitor(ctx context.Context) error {
	inner, stop := context.WithDeadline(ctx, l.end)
	defer stop()
	dialer := &reach.Dialer{Allow: l.allow, Deadline: l.end}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: l.at.config, MaxConnsPerHost: 1,
		MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
	}
	defer transport.CloseIdleConnections()
	h := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	err := l.readMonitor(inner, h, &l.seen.before)
	if err == nil {
		pause := time.NewTimer(l.window)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil // look tells
		}
		err = l.readMonitor(inner, h, &l.seen.after)
	}
	if err == nil {
		err = l.askMore(inner, h)
	}
	if err != nil {
		return l.monitorFailed(err)
	}
	l.Monitor.Outcome = reach.OK
	return nil
}

func (l *look) readMonitor(ctx context.Context, h *http.Client, r *reading) error {
	if err := l.get(ctx, h, "varz", &r.varz); err != nil {
		return err
	}
	r.at = time.Now()
	if r.varz.Start.IsZero() {
		return &protocolError{"its /varz is not that of NATS"}
	}
	if err := l.get(ctx, h, jsz, &r.jsz); err != nil {
		return err
	}
	r.account = r.jsz.account
	r.account.Limits.Memory, r.account.Limits.Storage = r.jsz.Config.MaxMemory, r.jsz.Config.MaxStorage
	for _, a := range r.jsz.Accounts {
		for _, s := range a.Streams {
			s.account = a.Name
			r.streams = append(r.streams, s)
		}
	}
	return nil
}

// askMore asks for what takes one reading.
func (l *look) askMore(ctx context.Context, h *http.Client) error {
	var health struct {
		Status string `json:"status"`
		Error  string `json:"error"`
	}
	if err := l.get(ctx, h, "healthz", &health); err != nil {
		return err
	}
	l.Monitor.Healthy = health.Status == "ok"
	if !l.Monitor.Healthy {
		l.Monitor.UnhealthyReason = reach.Printable(strings.TrimSuffix(health.Status+": "+health.Error, ": "))
	}
	if err := l.askRoutes(ctx, h); err != nil {
		return err
	}
	return l.askPending(ctx, h)
}

// askRoutes asks for the other servers; to each there are several connections.
func (l *look) askRoutes(ctx context.Context, h *http.Client) error {
	var routez struct {
		Routes []struct {
			ID      string `json:"remote_id"`
			Name    string `json:"remote_name"`
			IP      string `json:"ip"`
			Port    int    `json:"port"`
			RTT     string `json:"rtt"`
			Pending int64  `json:"pending_size"`
		} `json:"routes"`
	}
	if err := l.get(ctx, h, "routez", &routez); err != nil {
		return err
	}
	const most = 30
	at := map[string]int{}
	for _, r := range routez.Routes {
		rtt, err := time.ParseDuration(r.RTT)
		if err != nil {
			rtt = 0
		}
		i, known := at[r.ID]
		if !known {
			if len(l.Routes) == most {
				continue
			}
			i = len(l.Routes)
			at[r.ID] = i
			l.Routes = append(l.Routes, Route{Name: reach.Printable(r.Name), Address: reach.Printable(reach.JoinPort(r.IP, r.Port))})
		}
		l.Routes[i].RTTSeconds = max(l.Routes[i].RTTSeconds, rtt.Seconds())
		l.Routes[i].PendingBytes += max(0, r.Pending)
	}
	return nil
}

// askPending asks for the clients that are furthest behind.
func (l *look) askPending(ctx context.Context, h *http.Client) error {
	var connz struct {
		Now         time.Time `json:"now"`
		Connections []struct {
			Name    string    `json:"name"`
			IP      string    `json:"ip"`
			Port    int       `json:"port"`
			Pending int64     `json:"pending_bytes"`
			Last    time.Time `json:"last_activity"`
		} `json:"connections"`
	}
	const most = 10
	if err := l.get(ctx, h, fmt.Sprintf("connz?sort=pending&limit=%d", most), &connz); err != nil {
		return err
	}
	for _, c := range connz.Connections {
		if c.Pending <= 0 || len(l.Clients.Pending) == most {
			continue
		}
		l.Clients.Pending = append(l.Clients.Pending, PendingClient{
			Name: reach.Printable(c.Name), Address: reach.Printable(reach.JoinPort(c.IP, c.Port)),
			PendingBytes: c.Pending, IdleSeconds: max(0, connz.Now.Sub(c.Last).Seconds()),
		})
	}
	return nil
}

// statusError is an answer with another status than 200.
type statusError struct{ status string }

func (e *statusError) Error() string { return "it answers " + e.status }

// get asks for a page and reads its JSON.
func (l *look) get(ctx context.Context, h *http.Client, page string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.at.base+"/"+page, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "gumshoe")
	response, err := h.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxMessage+1))
	switch {
	case err != nil:
		return err
	case len(body) > maxMessage:
		return &protocolError{fmt.Sprintf("its /%s has more than %d MiB", page, maxMessage>>20)}
	case response.StatusCode != http.StatusOK && page != "healthz": // which has a status of its own, and says why
		return &statusError{response.Status}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return &protocolError{fmt.Sprintf("its /%s is not that of NATS", page)}
	}
	return nil
}

// monitorFailed sets the outcome of the monitoring port. Its error is a fault of
// our own host.
func (l *look) monitorFailed(err error) error {
	var strange *protocolError
	var status *statusError
	var refused *engine.RefusedError
	text, isTLS := reach.TLSFailure(err)
	switch {
	case errors.As(err, &refused):
		return refused
	case isTLS:
		l.Monitor.Outcome, l.Monitor.Error = reach.TLSFailed, text
	case errors.As(err, &status):
		l.Monitor.Outcome, l.Monitor.Error = Rejected, reach.Printable(status.Error())
	case errors.As(err, &strange):
		l.Monitor.Outcome, l.Monitor.Error = reach.ProtocolError, reach.Printable(strange.what)
	case reach.IsTimeout(err):
		l.Monitor.Outcome = reach.TimedOut
	case reach.IsClosed(err):
		l.Monitor.Outcome = reach.Closed
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "HTTP/1.x transport connection broken"),
		strings.Contains(err.Error(), "readLoopPeekFailLocked"): // it speaks before it is asked
		l.Monitor.Outcome, l.Monitor.Error = reach.ProtocolError, "it does not speak HTTP"
	default:
		outcome, blind := reach.OutcomeOf(err)
		l.Monitor.Outcome = outcome
		return blind
	}
	return nil
}
