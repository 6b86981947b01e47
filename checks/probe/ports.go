package probe

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// PortsInput are the inputs of probe.ports.
type PortsInput struct {
	// Host is the name or address whose ports to connect to.
	Host string `json:"host" required:"true" format:"host"`
	// Ports are the ports to connect to, each a number or a range as "8000-8003", at
	// most 64 ports.
	Ports []string `json:"ports" required:"true"`
	// ExpectOpen are ports of these that should be open, written as ports is.
	ExpectOpen []string `json:"expect_open"`
	// ExpectClosed are ports of these that should not be open. One in neither list is
	// only told.
	ExpectClosed []string `json:"expect_closed"`
	// Concurrency is how many connections are tried at once.
	Concurrency int `json:"concurrency" default:"4" min:"1" max:"8"`
	// Timeout is how long connecting to one port may take; all together at most 25
	// seconds.
	Timeout time.Duration `json:"timeout" default:"2s" min:"10ms" max:"10s"`
}

// Ports is what probe.ports observes.
type Ports struct {
	// Outcome is what came of it: ok (all is as expected, also when nothing is);
	// unexpected (a port is open or not against what was expected); timed_out (no port
	// of the host answers, neither way: it is off, or a filter is before it);
	// unreachable (no route, or a router says so); name_not_found (the name does not
	// exist); name_failed (the name service gives no answer).
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"ok,unexpected,timed_out,unreachable,name_not_found,name_failed"`
	// Host is the name or address as asked for.
	Host string `json:"host" expr:"host"`
	// RemoteAddress is the address that was connected to, the first of the name's;
	// unread without one.
	RemoteAddress string `json:"remote_address" expr:"remote_address"`
	// ResolveSeconds is the time to look up the name; 0 for an address.
	ResolveSeconds float64 `json:"resolve_seconds" expr:"resolve_seconds"`
	// Ports are the ports as they were found, by their numbers; those for which no time
	// was left are not among them, and the list is unread then.
	Ports []Port `json:"ports" expr:"ports"`
	// Open are the numbers of the open ports.
	Open []int `json:"open" expr:"open"`
	// OpenCount is how many ports accept connections.
	OpenCount int `json:"open_count" expr:"open_count"`
	// ClosedCount is how many say that nothing listens.
	ClosedCount int `json:"closed_count" expr:"closed_count"`
	// FilteredCount is how many say nothing, or are forbidden on the way.
	FilteredCount int `json:"filtered_count" expr:"filtered_count"`
	// UnexpectedOpen are the ports of expect_closed that are open.
	UnexpectedOpen []int `json:"unexpected_open" expr:"unexpected_open"`
	// UnexpectedClosed are the ports of expect_open that are not open.
	UnexpectedClosed []int `json:"unexpected_closed" expr:"unexpected_closed"`
}

// Port is one port.
type Port struct {
	// Port is its number.
	Port int `json:"port" expr:"port"`
	// State is open; closed (it refuses, or ends the connection at once); or filtered
	// (no answer, or a router or firewall forbids it).
	State string `json:"state" expr:"state" enum:"open,closed,filtered"`
	// Outcome is that of the attempt, as in probe.tcp.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"connected,refused,timed_out,reset,unreachable"`
	// ElapsedSeconds is how long it took to connect or to fail.
	ElapsedSeconds float64 `json:"elapsed_seconds" expr:"elapsed_seconds"`
}

// Unexpected is the outcome of ports that are not as they should be.
const Unexpected reach.Outcome = "unexpected"

const (
	maxPorts     = 64
	portsTimeout = 25 * time.Second
)

// Ports is the check probe.ports.
//
// It connects to a few ports that are named, some at a time, each once and without
// sending anything, and tells which accept. It is no scanner: at most 64 ports of
// one host, and each has to be allowed by policy, or none is touched.
//
// Example:
//
//	db: { check: probe.ports, with: { host: db1, ports: ["22", "5432-5433"], expect_open: ["5432"], expect_closed: ["5433"] } }
//
// By hand:
//
//	nc -vz -w 2 db1 5432
func (p Probes) Ports() engine.Check[PortsInput, Ports] {
	return engine.Check[PortsInput, Ports]{
		Name:      "probe.ports",
		Doc:       "Which of a few TCP ports of a host are open, closed or filtered, and which of them should not be.",
		Cost:      time.Second,
		Risk:      engine.Read,
		Target:    func(in PortsInput) string { return in.Host },
		Plan:      planPorts,
		Run:       p.lookPorts,
		Summarize: summarizePorts,
	}
}

func summarizePorts(o Ports) string {
	host := reach.Clip(o.Host, 60)
	switch o.Outcome {
	case reach.NameNotFound, reach.NameFailed, reach.Unreachable, reach.TimedOut:
		return host + " " + o.Outcome.Words()
	default:
	}
	text := fmt.Sprintf("%s: %d open, %d closed, %d filtered", host, o.OpenCount, o.ClosedCount, o.FilteredCount)
	if n := len(o.UnexpectedOpen); n > 0 {
		text += fmt.Sprintf("; %d should not be open: %s", n, someNumbers(o.UnexpectedOpen))
	}
	if n := len(o.UnexpectedClosed); n > 0 {
		text += fmt.Sprintf("; %d should be open: %s", n, someNumbers(o.UnexpectedClosed))
	}
	return text
}

// someNumbers writes the first few of a list.
func someNumbers(numbers []int) string {
	const most = 5
	var b strings.Builder
	for i, number := range numbers[:min(len(numbers), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(number))
	}
	if len(numbers) > most {
		b.WriteString(", …")
	}
	return b.String()
}

func planPorts(in PortsInput) []engine.Touch {
	ports, err := parsePorts(in.Ports)
	if err != nil || in.Host == "" {
		return nil
	}
	touches := reach.PlanName(in.Host)
	for _, port := range ports {
		touches = append(touches, engine.Touch{Kind: engine.TouchNetwork, What: reach.JoinPort(in.Host, port) + " tcp", How: "connect"})
	}
	return touches
}

func (p Probes) lookPorts(ctx context.Context, call *engine.Call, in PortsInput) (Ports, error) {
	o := Ports{Host: in.Host, Ports: []Port{}, Open: []int{}, UnexpectedOpen: []int{}, UnexpectedClosed: []int{}}
	ports, open, closed, err := in.wanted()
	if err != nil {
		return o, err
	}
	call.Reproduce("nc", "-vz", "-w", strconv.Itoa(max(1, int(in.Timeout.Seconds()))), in.Host, strconv.Itoa(ports[0]))
	if err := ctx.Err(); err != nil {
		return o, err
	}
	for _, port := range ports { // before the first packet, so that nothing is half done
		if err := p.allow.PermitName(in.Host, port); err != nil {
			return o, err
		}
	}
	deadline := time.Now().Add(reach.InnerTimeout(ctx, portsTimeout))
	started := time.Now()
	addrs, outcome, err := p.allow.Addresses(ctx, in.Host, ports[0], time.Until(deadline))
	if err != nil {
		return o, err
	}
	if net.ParseIP(in.Host) == nil {
		o.ResolveSeconds = time.Since(started).Seconds()
	}
	if len(addrs) == 0 {
		o.Outcome = outcome
		o.unread(call, "there is no address: "+outcome.Words(), "remote_address")
		return o, nil
	}
	addr := addrs[0].Unmap()
	for _, port := range ports {
		if err := p.allow.Permit(in.Host, port, addr); err != nil {
			return o, err
		}
	}
	o.RemoteAddress = addr.String()
	if err := p.knock(ctx, &o, in, addr, ports, deadline); err != nil {
		return o, err
	}
	if len(o.Ports) < len(ports) {
		o.unread(call, fmt.Sprintf("there was time for %d of %d ports", len(o.Ports), len(ports)))
	}
	o.judge(open, closed)
	return o, nil
}

func (o *Ports) unread(call *engine.Call, reason string, fields ...string) {
	for _, field := range append(fields, "ports", "open", "open_count", "closed_count", "filtered_count", "unexpected_open", "unexpected_closed") {
		call.Unread(field, reason, "")
	}
}
