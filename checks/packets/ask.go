package packets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// Bounds of what is asked for while packets are captured.
const (
	askEvery = time.Second
	askFor   = 3500 * time.Millisecond // one attempt: a SYN is sent again after 1 s and 3 s (RFC 6298)
	mostBody = 64 << 20                // of a page, in bytes

	resolvConf = "/etc/resolv.conf"
)

// question is what a capture asks for, so that there is something to capture.
type question struct {
	scheme string
	host   string
	port   int
	name   dnsmessage.Name // of dns
	url    string          // of http and https
}

// parseQuestion reads the input ask.
func parseQuestion(text string) (*question, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("it is not a URL, such as tcp://db.example.com:5432, dns://10.0.0.2/www.example.com or https://www.example.com/")
	}
	q := &question{scheme: u.Scheme, url: text}
	if u.User != nil {
		return nil, errors.New("a user or password has no place in it")
	}
	switch u.Scheme {
	case "http", "https":
		q.host, q.port, err = reach.Endpoint(u)
	case "tcp":
		if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return nil, errors.New("tcp:// takes a host and a port, and nothing else")
		}
		q.host, q.port, err = engine.SplitHostPort(u.Host)
	case "dns":
		q.host, q.port = u.Hostname(), 53
		if port := u.Port(); port != "" {
			if q.port, err = strconv.Atoi(port); err != nil || q.port < 1 || q.port > 65535 {
				return nil, fmt.Errorf("the port %q is not a number from 1 to 65535", reach.Printable(port))
			}
		}
		name := strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), ".")
		if err = engine.CheckHost(q.host); err == nil {
			err = engine.CheckHost(name)
		}
		if err == nil && strings.Contains(name, "..") {
			err = fmt.Errorf("%q is not a name", reach.Printable(name))
		}
		if err == nil {
			q.name, err = dnsmessage.NewName(name + ".")
		}
	default:
		return nil, fmt.Errorf("the scheme %q is none of tcp, dns, http and https", reach.Printable(u.Scheme))
	}
	if err != nil {
		return nil, err
	}
	return q, nil
}

func verifyAsk(text string) error {
	if text == "" {
		return nil
	}
	_, err := parseQuestion(text)
	return err
}

// targetAsk is whom a capture asks, or nobody.
func targetAsk(in CaptureInput) string {
	if q, err := parseQuestion(in.Ask); err == nil {
		return reach.JoinPort(q.host, q.port)
	}
	return ""
}

func planAsk(in CaptureInput) []engine.Touch {
	q, err := parseQuestion(in.Ask)
	if err != nil {
		return nil
	}
	touches, network, how := reach.PlanName(q.host), "tcp", "connect, again and again"
	switch q.scheme {
	case "dns":
		touches = append(touches, engine.Touch{Kind: engine.TouchFile, What: resolvConf, How: "read"})
		network, how = "udp", "ask for "+strings.TrimSuffix(q.name.String(), ".")+", again and again"
	case "http", "https":
		how = "get the page, again and again"
	}
	return append(touches, engine.Touch{Kind: engine.TouchNetwork, What: reach.JoinPort(q.host, q.port) + " " + network, How: how})
}

// asker asks while packets are captured.
type asker struct {
	allow           *reach.AllowList
	q               *question // nil for nothing
	own             bool      // it may be asked as this host's configuration names it
	asked, answered int64
	err             error // why nothing more could be asked for
}

// asker gives one that may ask. The error is an engine.RefusedError when policy forbids it.
func (p Packets) asker(text string) (*asker, error) {
	if text == "" {
		return &asker{}, nil
	}
	q, err := parseQuestion(text)
	if err != nil {
		return nil, err
	}
	a := &asker{allow: p.allow, q: q}
	if a.own = q.scheme == "dns" && q.port == 53 && p.allow == nil && ownNameServer(q.host, resolvConf); a.own {
		return a, nil
	}
	return a, p.allow.PermitName(q.host, q.port)
}

// start asks once a second until ctx ends; wait ends it, and waits for that.
func (a *asker) start(ctx context.Context) (wait func()) {
	if a.q == nil {
		return func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		next := time.NewTicker(askEvery)
		defer next.Stop()
		for ctx.Err() == nil && a.err == nil {
			a.asked++
			a.err = a.once(ctx)
			select {
			case <-ctx.Done():
			case <-next.C:
			}
		}
	})
	return func() {
		stop()
		group.Wait()
	}
}

// once asks once. What the target does shows in the packets; the error is that of
// a host that may not be asked, or that cannot be.
func (a *asker) once(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, askFor)
	defer stop()
	var err error
	switch a.q.scheme {
	case "dns":
		err = a.lookUp(ctx)
	case "http", "https":
		err = a.get(ctx)
	default:
		var conn net.Conn
		if conn, err = a.dialer().DialContext(ctx, "tcp", reach.JoinPort(a.q.host, a.q.port)); err == nil {
			err = conn.Close()
		}
	}
	if refused, ok := errors.AsType[*engine.RefusedError](err); ok {
		return refused
	}
	if err == nil || errors.Is(err, syscall.ECONNREFUSED) {
		a.answered++
	}
	return nil
}

func (a *asker) dialer() *net.Dialer {
	dialer := &net.Dialer{KeepAlive: -1}
	if !a.own {
		dialer.Control = a.allow.Control(a.q.host)
	}
	return dialer
}

// ownNameServer tells whether this host's own configuration names a server, which may
// then be asked at port 53, as probe.dns does, also when its address is one that is
// guarded otherwise.
func ownNameServer(host, path string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "nameserver" && fields[1] == host {
			return true
		}
	}
	return false
}

func (a *asker) lookUp(ctx context.Context) error {
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(a.asked), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: a.q.name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	packed, err := query.Pack()
	if err != nil {
		return err
	}
	conn, err := a.dialer().DialContext(ctx, "udp", reach.JoinPort(a.q.host, a.q.port))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := conn.Write(packed); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1<<12))
	return err
}

func (a *asker) get(ctx context.Context) error {
	transport := &http.Transport{DialContext: a.dialer().DialContext, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.q.url, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "gumshoe")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, mostBody))
	return err
}
