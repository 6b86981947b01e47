package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gumshoe/checks/reach"
)

// parsePorts reads numbers and ranges, sorted and each once.
func parsePorts(texts []string) ([]int, error) {
	var ports []int
	for _, text := range texts {
		low, high, isRange := strings.Cut(strings.TrimSpace(text), "-")
		first, err := portNumber(low)
		last := first
		if isRange && err == nil {
			last, err = portNumber(high)
		}
		if err != nil || last < first {
			return nil, fmt.Errorf("%q is no port or range of ports from 1 to 65535, such as 443 or 8000-8003", reach.Clip(text, 40))
		}
		if last-first >= maxPorts {
			return nil, fmt.Errorf("%s are more than %d ports: name those that matter", text, maxPorts)
		}
		for port := first; port <= last; port++ {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	ports = slices.Compact(ports)
	if len(ports) > maxPorts {
		return nil, fmt.Errorf("these are %d ports, and at most %d are looked at: name those that matter", len(ports), maxPorts)
	}
	return ports, nil
}

func portNumber(text string) (int, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err == nil && port == 0 {
		err = errors.New("no port")
	}
	return int(port), err
}

// wanted reads the ports, and holds the expectations against them.
func (in PortsInput) wanted() (ports, open, closed []int, _ error) {
	var errs [3]error
	ports, errs[0] = parsePorts(in.Ports)
	open, errs[1] = parsePorts(in.ExpectOpen)
	closed, errs[2] = parsePorts(in.ExpectClosed)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, nil, nil, err
	}
	if len(ports) == 0 {
		return nil, nil, nil, errors.New("ports names no port")
	}
	for _, port := range slices.Concat(open, closed) {
		switch {
		case !slices.Contains(ports, port):
			return nil, nil, nil, fmt.Errorf("port %d is expected to be something, and is not among ports", port)
		case slices.Contains(open, port) && slices.Contains(closed, port):
			return nil, nil, nil, fmt.Errorf("port %d is expected to be open and closed", port)
		}
	}
	return ports, open, closed, nil
}

// knock connects to each port, some at once. What our own host does not let us do
// is an error.
func (p Probes) knock(ctx context.Context, o *Ports, in PortsInput, addr netip.Addr, ports []int, deadline time.Time) error {
	inner, stop := context.WithDeadline(ctx, deadline)
	defer stop()
	next := make(chan int, len(ports))
	for _, port := range ports {
		next <- port
	}
	close(next)
	var mu sync.Mutex
	var group sync.WaitGroup
	var failed error
	for range max(1, in.Concurrency) {
		group.Go(func() {
			for port := range next {
				left := time.Until(deadline)
				if left < in.Timeout && left < portsTimeout/10 || inner.Err() != nil {
					return // a port that had no time of its own would pass for filtered
				}
				found, err := p.knockOne(inner, in.Host, netip.AddrPortFrom(addr, uint16(port)), in.Timeout)
				mu.Lock()
				if err != nil {
					failed = err
					stop()
				} else {
					o.Ports = append(o.Ports, found)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	slices.SortFunc(o.Ports, func(a, b Port) int { return a.Port - b.Port })
	return failed
}

func (p Probes) knockOne(ctx context.Context, host string, to netip.AddrPort, timeout time.Duration) (Port, error) {
	share, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	dialer := net.Dialer{Control: p.allow.Control(host), KeepAlive: -1}
	started := time.Now()
	conn, err := dialer.DialContext(share, "tcp", to.String())
	found := Port{Port: int(to.Port()), State: "filtered", ElapsedSeconds: time.Since(started).Seconds()}
	if conn != nil {
		conn.Close()
	}
	if found.Outcome, err = reach.OutcomeOf(err); err != nil {
		return found, err
	}
	switch found.Outcome {
	case reach.Connected:
		found.State = "open"
	case reach.RefusedByIt, reach.Reset:
		found.State = "closed"
	default:
	}
	return found, nil
}

// judge counts, and holds what was found against what was expected.
func (o *Ports) judge(open, closed []int) {
	unreachable := 0
	for _, port := range o.Ports {
		switch port.State {
		case "open":
			o.OpenCount++
			o.Open = append(o.Open, port.Port)
		case "closed":
			o.ClosedCount++
		default:
			o.FilteredCount++
		}
		if port.Outcome == reach.Unreachable {
			unreachable++
		}
		switch {
		case port.State == "open" && slices.Contains(closed, port.Port):
			o.UnexpectedOpen = append(o.UnexpectedOpen, port.Port)
		case port.State != "open" && slices.Contains(open, port.Port):
			o.UnexpectedClosed = append(o.UnexpectedClosed, port.Port)
		}
	}
	o.Outcome = reach.OK
	switch {
	case unreachable > 0 && unreachable == len(o.Ports):
		o.Outcome = reach.Unreachable
	case len(o.Ports) > 0 && o.FilteredCount == len(o.Ports) && len(closed) < len(o.Ports):
		o.Outcome = reach.TimedOut // nothing but silence, which was not all that was expected
	case len(o.UnexpectedOpen)+len(o.UnexpectedClosed) > 0:
		o.Outcome = Unexpected
	}
}
