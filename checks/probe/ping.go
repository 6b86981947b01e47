package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// PingInput are the inputs of probe.ping.
type PingInput struct {
	// Host is the host to send to, a name or an address.
	Host string `json:"host" format:"host" required:"true"`
	// Count is how many packets are sent.
	Count int `json:"count" default:"5" min:"1" max:"50"`
	// Interval is the time from one packet to the next.
	Interval time.Duration `json:"interval" default:"200ms" min:"200ms" max:"10s"`
	// Size is how many bytes of data a packet has, beside 8 of ICMP and 20 of IPv4
	// or 40 of IPv6.
	Size int `json:"size" default:"56" min:"16" max:"9000"`
	// DoNotFragment keeps this host and routers from dividing the packets: one that is
	// too long for a link on the way does not come through, whatever this host knows of
	// that link already. Replies may be divided.
	DoNotFragment bool `json:"do_not_fragment"`
	// Timeout is how long the reply to one packet, or looking up the name, may take.
	Timeout time.Duration `json:"timeout" default:"1s" min:"10ms" max:"30s"`
	// IP is the version of the address: any takes the first address of a name.
	IP string `json:"ip" default:"any" enum:"any,4,6"`
}

// usualSize is that of ping's packets, when none is given.
const usualSize = 56

// NoAnswer is the outcome of packets that nobody says anything about.
const NoAnswer reach.Outcome = "no_answer"

// Ping is what probe.ping observes.
type Ping struct {
	// Outcome is what came of it: answered (at least one reply came);
	// unreachable (none came, and our host or one on the way says why: see
	// unreachable_reason); no_answer (silence: the host is gone, or something drops
	// ping, which many firewalls do); name_not_found (the name does not exist, or has
	// no address of the IP version asked for); name_failed (the name service gives no
	// answer). Unread when this host itself stops the packets: see local_fault.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"answered,unreachable,no_answer,name_not_found,name_failed"`
	// Host is the host as asked for.
	Host string `json:"host" expr:"host"`
	// Address is the address that was sent to; unread without one.
	Address string `json:"address" expr:"address"`
	// Sent is how many packets were sent, with those of dropped_here: fewer than the input's count when
	// there was no time for more, or no route.
	Sent int `json:"sent" expr:"sent"`
	// DroppedHere is how many of them this host itself dropped: by a rule of its
	// firewall, or as a queue had no room.
	DroppedHere int `json:"dropped_here" expr:"dropped_here"`
	// Received is how many of them were replied to in time.
	Received int `json:"received" expr:"received"`
	// LostPercent is the share of sent that was not replied to in time. Unread when
	// none was sent.
	LostPercent float64 `json:"lost_percent" expr:"lost_percent"`
	// RTTMinSeconds is the shortest time from a packet to its reply. Unread without
	// a reply, as are rtt_median_seconds, rtt_max_seconds and ttl.
	RTTMinSeconds float64 `json:"rtt_min_seconds" expr:"rtt_min_seconds"`
	// RTTMedianSeconds is the median.
	RTTMedianSeconds float64 `json:"rtt_median_seconds" expr:"rtt_median_seconds"`
	// RTTMaxSeconds is the longest.
	RTTMaxSeconds float64 `json:"rtt_max_seconds" expr:"rtt_max_seconds"`
	// JitterSeconds is by how much the time of a reply differs from that of the
	// reply before, on average. Unread with fewer than two replies.
	JitterSeconds float64 `json:"jitter_seconds" expr:"jitter_seconds"`
	// Duplicates is how many replies came once more.
	Duplicates int `json:"duplicates" expr:"duplicates"`
	// TTL is what was left of the hops that a reply may take, in the last reply: a
	// change tells of another way.
	TTL int `json:"ttl" expr:"ttl"`
	// Unreachable is for how many packets our host or one on the way says that they
	// cannot be delivered.
	Unreachable int `json:"unreachable" expr:"unreachable"`
	// UnreachableFrom is the address of who says so last: a router, the host
	// itself, or one of our own when nobody on our network answers for the address.
	// "" when nobody does, or when our host has no route and sends nothing.
	UnreachableFrom string `json:"unreachable_from" expr:"unreachable_from"`
	// UnreachableReason is what was said last: no_route (our host or a router has
	// none), host (nobody answers for the address), protocol, port, too_big (for a
	// link on the way), prohibited (by a firewall or a router), ttl_exceeded (routers
	// send it in a circle), other; else "".
	UnreachableReason string `json:"unreachable_reason" expr:"unreachable_reason" enum:",no_route,host,protocol,port,too_big,prohibited,ttl_exceeded,other"`
	// LocalFault is forbidden when this host's own firewall or a sandbox stops the
	// packets, else "".
	LocalFault string `json:"local_fault" expr:"local_fault" enum:",forbidden"`
}

// Ping is the check probe.ping.
//
// It sends ICMP echo requests, over a socket that needs no privilege where
// net.ipv4.ping_group_range allows it, else over a raw one. Times are those at
// which the kernel takes a reply in, so that a busy host of our own counts little.
//
// Example:
//
//	ping: { check: probe.ping, with: { host: db.example.com, count: 10 } }
//
// By hand:
//
//	ping -c 5 -i 0.2 db.example.com
func (p Probes) Ping() engine.Check[PingInput, Ping] {
	return engine.Check[PingInput, Ping]{
		Name:      "probe.ping",
		Doc:       "Whether a host replies to ping, how fast, and how many packets are lost.",
		Cost:      time.Second,
		Risk:      engine.Read,
		Target:    func(in PingInput) string { return in.Host },
		Plan:      planPing,
		Run:       p.lookPing,
		Summarize: summarizePing,
	}
}

func summarizePing(o Ping) string {
	host := reach.Clip(o.Host, 60)
	switch o.Outcome {
	case "":
		return host + ": this host forbids ping"
	case Answered:
		return fmt.Sprintf("%s answers in %s; %.0f %% of %d lost", host, reach.Milliseconds(o.RTTMedianSeconds), o.LostPercent, o.Sent)
	case reach.Unreachable:
		text := fmt.Sprintf("%s unreachable (%s)", host, strings.ReplaceAll(o.UnreachableReason, "_", " "))
		if o.UnreachableFrom != "" {
			text += ", says " + o.UnreachableFrom
		}
		return text
	case NoAnswer:
		return fmt.Sprintf("%s answers none of %d packets", host, o.Sent)
	default:
		return host + ": " + o.Outcome.Words()
	}
}

func planPing(in PingInput) []engine.Touch {
	return append(reach.PlanName(in.Host), engine.Touch{Kind: engine.TouchNetwork, What: in.Host + " icmp", How: "ping"})
}

func (p Probes) lookPing(ctx context.Context, call *engine.Call, in PingInput) (Ping, error) {
	o := Ping{Host: in.Host}
	argv := []string{"ping", "-c", strconv.Itoa(in.Count), "-i", strconv.FormatFloat(in.Interval.Seconds(), 'g', -1, 64)}
	if in.IP != "any" {
		argv = append(argv, "-"+in.IP)
	}
	if in.Size != usualSize {
		argv = append(argv, "-s", strconv.Itoa(in.Size))
	}
	if in.DoNotFragment {
		argv = append(argv, "-M", "do")
	}
	call.Reproduce(append(argv, in.Host)...)
	if err := p.allow.PermitName(in.Host, 0); err != nil {
		return o, withoutPort(err)
	}
	addrs, outcome, err := p.allow.Addresses(ctx, in.Host, 0, reach.InnerTimeout(ctx, in.Timeout))
	if err != nil {
		return o, withoutPort(err)
	}
	addrs = slices.DeleteFunc(addrs, func(a netip.Addr) bool {
		return in.IP == "4" && !a.Unmap().Is4() || in.IP == "6" && a.Unmap().Is4()
	})
	if len(addrs) == 0 {
		if outcome == "" {
			outcome = reach.NameNotFound
		}
		o.Outcome = outcome
		call.Unread("address", "there is none: "+outcome.Words(), "")
		o.unread(call)
		return o, nil
	}
	addr := addrs[0].Unmap()
	o.Address = addr.String()
	socket, err := openPing(addr, in.DoNotFragment)
	if err != nil {
		return o, err
	}
	defer socket.Close()
	run, err := socket.run(ctx, in)
	if blind, ok := errors.AsType[*engine.BlindError](run.forbidden); ok && run.allForbidden() {
		run.packets = nil
		o.fill(run)
		o.Outcome, o.LocalFault = "", "forbidden"
		call.Unread("outcome", blind.Reason, blind.Fix)
		o.unread(call)
		return o, nil
	}
	if err != nil {
		return o, err
	}
	o.fill(run)
	o.unread(call)
	return o, nil
}

// withoutPort takes the port, which ping has none of, out of a refusal.
func withoutPort(err error) error {
	var refused *engine.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	return engine.Refused("ping to "+strings.Replace(refused.Reason, ":0", "", 1), strings.Replace(refused.Fix, `:0"`, `"`, 1))
}

func (o *Ping) fill(run *pingRun) {
	o.Sent, o.Duplicates, o.TTL = len(run.packets), run.duplicates, run.ttl
	o.DroppedHere = run.dropped
	o.Unreachable, o.UnreachableFrom, o.UnreachableReason = run.errors, run.from, run.reason
	var rtts []float64
	differences := 0.0
	for _, packet := range run.packets {
		if !packet.replied {
			continue
		}
		rtt := packet.rtt.Seconds()
		if len(rtts) > 0 {
			differences += math.Abs(rtt - rtts[len(rtts)-1])
		}
		rtts = append(rtts, rtt)
	}
	o.Received = len(rtts)
	if o.Sent > 0 {
		o.LostPercent = 100 * float64(o.Sent-o.Received) / float64(o.Sent)
	}
	switch {
	case o.Received > 0:
		o.Outcome = Answered
	case o.Unreachable > 0:
		o.Outcome = reach.Unreachable
	default:
		o.Outcome = NoAnswer
	}
	if o.Received > 1 {
		o.JitterSeconds = differences / float64(o.Received-1)
	}
	if o.Received > 0 {
		slices.Sort(rtts)
		o.RTTMinSeconds, o.RTTMaxSeconds = rtts[0], rtts[len(rtts)-1]
		o.RTTMedianSeconds = (rtts[(len(rtts)-1)/2] + rtts[len(rtts)/2]) / 2
	}
}

// unread marks what depends on packets or replies that there are none of.
func (o *Ping) unread(call *engine.Call) {
	if o.Sent == 0 {
		call.Unread("lost_percent", "no packet was sent", "")
	}
	if o.Received == 0 {
		for _, field := range []string{"rtt_min_seconds", "rtt_median_seconds", "rtt_max_seconds", "ttl"} {
			call.Unread(field, "there was no reply: "+o.Outcome.Words(), "")
		}
	}
	if o.Received < 2 {
		call.Unread("jitter_seconds", fmt.Sprintf("it takes two replies, and there were %d", o.Received), "")
	}
	if o.Received > 0 && o.TTL == 0 {
		call.Unread("ttl", "the kernel does not tell it", "")
	}
}
