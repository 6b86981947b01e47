package kernellog

import "strings"

// network reads what the network stack and its drivers say.
func network(text string) *Event {
	if name, ok := linkDown(text); ok {
		return &Event{Kind: LinkDown, Device: name}
	}
	switch {
	case prefixed(text, "nf_conntrack: ", "ip_conntrack: ") && mentions(text, "table full"):
		return is(ConntrackFull)
	case prefixed(text, "TCP: "):
		// "TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.";
		// the middle is "TCP: " alone to 4.9, and the port has its address since 6.2.
		if _, rest, ok := strings.Cut(text, "ossible SYN flooding on port "); ok {
			port := word(rest, " ")
			if _, after, ok := cutLast(strings.TrimSuffix(port, "."), ":"); ok {
				port = after
			}
			n, _, _ := number(port)
			return &Event{Kind: SynFlood, Port: n}
		}
		if prefixed(text, "TCP: out of memory -- consider tuning tcp_mem", "TCP: too many orphaned sockets") {
			return is(TCPMemory)
		}
	case prefixed(text, "neighbour: ", "IPv4: ", "ipv4: ", "Neighbour ", "ipv6: ", "IPv6: "):
		if mentions(text, "neighbor table overflow", "eighbour table overflow") {
			return is(NeighbourOverflow)
		}
	}
	// "NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out", since 6.6
	// "e1000e 0000:00:19.0 eth0: NETDEV WATCHDOG: CPU: 2: transmit queue 0 timed out 5472 ms"
	if before, rest, ok := strings.Cut(text, "NETDEV WATCHDOG: "); ok && mentions(rest, "transmit queue ") && mentions(rest, " timed out") {
		if before == "" {
			return &Event{Kind: TransmitTimeout, Device: word(rest, " ")}
		}
		return &Event{Kind: TransmitTimeout, Device: lastWord(strings.TrimSuffix(before, ": "))}
	}
	return nil
}

// linkDown reads what drivers say when an interface loses its link:
//
//	e1000e 0000:00:19.0 eno1: NIC Link is Down
//	igb 0000:01:00.0 eth0: igb: eth0 NIC Link is Down
//	tg3 0000:02:00.0 eth0: Link is down
//	mlx5_core 0000:3b:00.0 ens1f0: Link down
//	bond0: (slave eth1): link status definitely down, disabling slave
//	bond0: link status definitely down for interface eth1, disabling it
//
// "link is not ready" is not among them: it is what an interface says that is
// brought up before its link, and so does each container's.
func linkDown(text string) (name string, ok bool) {
	line := strings.TrimRight(text, ".\n")
	for _, end := range [...]string{" NIC Link is Down", " Link is Down", " Link is down", " Link down", " Link Down", " carrier lost"} {
		if before, found := strings.CutSuffix(line, end); found {
			return strings.Trim(lastWord(strings.TrimRight(before, ": ")), "()"), true
		}
	}
	if !prefixed(text, "bond") {
		return "", false
	}
	before, after, found := strings.Cut(text, "link status definitely down")
	if !found {
		return "", false
	}
	if rest, ok := strings.CutPrefix(after, " for interface "); ok {
		return word(rest, ", "), true
	}
	if _, rest, ok := strings.Cut(before, "(slave "); ok {
		return word(rest, ")"), true
	}
	return word(text, ":"), true
}

func lastWord(text string) string {
	return text[strings.LastIndexByte(text, ' ')+1:]
}
