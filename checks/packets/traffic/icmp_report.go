package traffic

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// maxErrors bounds how many errors of ICMP are told apart.
const maxErrors = 512

// icmpError names an error that ICMP tells of.
type icmpError struct {
	kind   Kind
	reason string
	from   netip.Addr // who tells it
	about  netip.Addr // to whom the packet went that it is about
	mtu    uint16     // of the next link; 0 is not told
}

// icmpCounts are what was said by ICMP, of both versions.
type icmpCounts struct {
	messages, unreachable, tooBig, timeExceeded, redirects, requests, replies int64
	smallest                                                                  uint16 // MTU that was told of
	errors                                                                    map[icmpError]int64
	dropped                                                                   int64 // errors beyond maxErrors
}

// noteError notes an error. The message begins with ICMP's header.
func (a *Analysis) noteError(n network, message []byte, v6 bool) {
	e := icmpError{from: n.from, about: quotedTo(message[min(quotedAt, len(message)):])}
	var text string
	e.kind, e.reason, text = errorOf(message[0], message[1], v6)
	switch e.kind {
	case KindTooBig:
		a.icmps.tooBig++
		if len(message) >= quotedAt {
			e.mtu = binary.BigEndian.Uint16(message[6:])
		}
		if e.mtu > 0 && (a.icmps.smallest == 0 || e.mtu < a.icmps.smallest) {
			a.icmps.smallest = e.mtu
		}
	case KindTimeExceeded:
		a.icmps.timeExceeded++
	case KindRedirect:
		a.icmps.redirects++
	case "":
		return
	default:
	}
	a.icmps.dropped += count(&a.icmps.errors, e, maxErrors)
	about := e.about
	if !about.IsValid() { // what it quotes was cut off
		about = n.to
	}
	a.note(subject{kind: e.kind, about: about.String() + " " + e.reason}, e.from.String()+" says: "+text)
}

// errorOf names a type and code of ICMP (RFC 792, RFC 4443).
func errorOf(kind, code byte, v6 bool) (k Kind, reason, text string) {
	if v6 {
		switch kind {
		case icmp6TooBig:
			return KindTooBig, "too_big", "the packet is too big for the next link"
		case icmp6TimeExceeded:
			return KindTimeExceeded, "ttl_exceeded", "the packet took too many hops"
		case icmp6Unreachable:
			reasons := [...]string{"no_route", "prohibited", "scope", "host", "port", "source_policy", "reject_route"}
			if int(code) < len(reasons) {
				return KindUnreachable, reasons[code], "unreachable, " + reasons[code]
			}
			return KindUnreachable, "other", "unreachable"
		}
		return "", "", ""
	}
	switch {
	case kind == icmpUnreachable && code == icmpFragNeeded:
		return KindTooBig, "too_big", "the packet is too big for the next link, and must not be fragmented"
	case kind == icmpTimeExceeded:
		return KindTimeExceeded, "ttl_exceeded", "the packet took too many hops"
	case kind == icmpRedirect:
		return KindRedirect, "redirect", "there is a shorter way"
	case kind == icmpUnreachable:
		reason = "other"
		switch code {
		case 0, 6, 11:
			reason = "no_route"
		case 1, 7, 12:
			reason = "host"
		case 2:
			reason = "protocol"
		case 3:
			reason = "port"
		case 9, 10, 13:
			reason = "prohibited"
		}
		return KindUnreachable, reason, "unreachable, " + reason
	}
	return "", "", ""
}

// quotedTo is where the packet went that is quoted.
func quotedTo(packet []byte) netip.Addr {
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(packet[16:]))
	case len(packet) >= 40 && packet[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(packet[24:]))
	}
	return netip.Addr{}
}

// ICMP is what was said by ICMP, of both versions.
type ICMP struct {
	// Messages are all packets of it.
	Messages int64 `json:"messages" expr:"messages"`
	// Unreachable are messages that a packet could not be delivered, of both versions;
	// for IPv4 those that it is too big are among them.
	Unreachable int64 `json:"unreachable" expr:"unreachable"`
	// FragmentationNeeded are messages that a packet is too big for the next link.
	FragmentationNeeded int64 `json:"fragmentation_needed" expr:"fragmentation_needed"`
	// SmallestMTUBytes is the smallest link that these tell of; 0 when none does.
	SmallestMTUBytes int64 `json:"smallest_mtu_bytes" expr:"smallest_mtu_bytes"`
	// TimeExceeded are messages that a packet took too many hops: as in a circle of
	// routers, and for traceroute.
	TimeExceeded int64 `json:"time_exceeded" expr:"time_exceeded"`
	// Redirects are messages that there is a shorter way.
	Redirects int64 `json:"redirects" expr:"redirects"`
	// EchoRequests are pings.
	EchoRequests int64 `json:"echo_requests" expr:"echo_requests"`
	// EchoReplies are the replies to pings.
	EchoReplies int64 `json:"echo_replies" expr:"echo_replies"`
	// Errors are what was told, the most frequent first; at most 20.
	Errors []ICMPError `json:"errors" expr:"errors"`
}

// ICMPError is an error that ICMP tells of.
type ICMPError struct {
	// Reason is no_route, host (nobody answers for the address), protocol, port,
	// prohibited (by a firewall or a router), too_big, ttl_exceeded, redirect or other,
	// and for IPv6 scope, source_policy or reject_route too.
	Reason string `json:"reason" expr:"reason" enum:"no_route,host,protocol,port,prohibited,too_big,ttl_exceeded,redirect,scope,source_policy,reject_route,other"`
	// From is the address of who tells it.
	From string `json:"from" expr:"from"`
	// Target is the address to which the packet went that could not be delivered.
	Target string `json:"target" expr:"target"`
	// MTUBytes is how large a packet the next link carries; 0 when it is not told.
	MTUBytes int64 `json:"mtu_bytes" expr:"mtu_bytes"`
	// Count is how often it was told.
	Count int64 `json:"count" expr:"count"`
}

func (c *icmpCounts) report() ICMP {
	o := ICMP{
		Messages: c.messages, Unreachable: c.unreachable, FragmentationNeeded: c.tooBig, SmallestMTUBytes: int64(c.smallest),
		TimeExceeded: c.timeExceeded, Redirects: c.redirects, EchoRequests: c.requests, EchoReplies: c.replies, Errors: []ICMPError{},
	}
	for e, n := range c.errors {
		target := ""
		if e.about.IsValid() {
			target = e.about.String()
		}
		o.Errors = append(o.Errors, ICMPError{e.reason, e.from.String(), target, int64(e.mtu), n})
	}
	slices.SortFunc(o.Errors, func(a, b ICMPError) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.From, b.From), cmp.Compare(a.Target, b.Target), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.MTUBytes, b.MTUBytes))
	})
	o.Errors = o.Errors[:min(len(o.Errors), shown)]
	return o
}
