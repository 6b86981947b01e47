package traffic

// Types of ICMP (RFC 792, RFC 4443).
const (
	icmpReply        = 0
	icmpUnreachable  = 3
	icmpQuench       = 4
	icmpRedirect     = 5
	icmpRequest      = 8
	icmpTimeExceeded = 11
	icmpParameter    = 12
	icmpFragNeeded   = 4 // a code of icmpUnreachable (RFC 1191)

	icmp6Unreachable  = 1
	icmp6TooBig       = 2
	icmp6TimeExceeded = 3
	icmp6Parameter    = 4
	icmp6Request      = 128
	icmp6Reply        = 129
)

// quotedAt is where the packet begins that an error is about, in both versions.
const quotedAt = 8

// icmpMessage is what a message of ICMP is, in either version.
type icmpMessage uint8

const (
	otherMessage icmpMessage = iota
	echoRequest
	echoReply
	unreachableMessage
	errorMessage // that is told
	quietError   // that is not
)

func messageOf(kind byte, v6 bool) icmpMessage {
	if v6 {
		switch kind {
		case icmp6Request:
			return echoRequest
		case icmp6Reply:
			return echoReply
		case icmp6Unreachable:
			return unreachableMessage
		case icmp6TooBig, icmp6TimeExceeded:
			return errorMessage
		case icmp6Parameter:
			return quietError
		}
		return otherMessage
	}
	switch kind {
	case icmpRequest:
		return echoRequest
	case icmpReply:
		return echoReply
	case icmpUnreachable:
		return unreachableMessage
	case icmpRedirect, icmpTimeExceeded:
		return errorMessage
	case icmpQuench, icmpParameter:
		return quietError
	}
	return otherMessage
}

// icmp takes a message. A frame counts by the first in it.
func (a *Analysis) icmp(n network, data []byte, length int, v6 bool) {
	if len(data) < 6 && (len(data) < 2 || !v6) { // Wireshark reads the sixth byte first
		return
	}
	first := !a.frame.icmp
	a.frame.icmp = true
	if first {
		a.icmps.messages++
	}
	message := messageOf(data[0], v6)
	switch message {
	case otherMessage:
		return
	case echoRequest:
		a.icmps.requests++
		return
	case echoReply:
		a.icmps.replies++
		return
	case unreachableMessage, errorMessage, quietError:
	}
	if first && message == unreachableMessage {
		a.icmps.unreachable++
	}
	if first && message != quietError {
		a.noteError(n, data, v6)
	}
	if len(data) > quotedAt {
		a.ip(data[quotedAt:], length-quotedAt, n.depth+1, true)
	}
}
