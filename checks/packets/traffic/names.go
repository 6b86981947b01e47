package traffic

import (
	"cmp"
	"slices"
	"strconv"
)

// Bounds of how many names, and how many who are asked for them, are remembered.
const (
	maxNames     = 512
	maxResolvers = 256
)

// pendingWithin is how long before the end of the packets something may have been
// asked so that nobody expects an answer yet, in nanoseconds.
const pendingWithin = int64(1e9)

// asking names what is asked for.
type asking struct {
	name string
	kind uint16
}

// answers are what came of queries.
type answers struct {
	queries, again, unanswered, late, failures int64
	noName, serverFailed, refused              int64
	code                                       uint8 // of the last answer
	latency                                    durations
}

// answered takes a response that came after so long.
func (o *answers) answered(code uint8, after int64) {
	o.latency.add(after)
	o.failed(code)
}

func (o *answers) failed(code uint8) {
	o.code = code
	switch code {
	case 0:
		return
	case codeServerFailed:
		o.serverFailed++
	case codeNoName:
		o.noName++
	case codeRefused:
		o.refused++
	}
	o.failures++
}

// Codes of responses (RFC 1035, section 4.1.1).
const (
	codeFormat = iota + 1
	codeServerFailed
	codeNoName
	codeNotImplemented
	codeRefused
)

// codeName is how dig writes a code.
func codeName(code uint8) string {
	switch code {
	case 0:
		return "NOERROR"
	case codeFormat:
		return "FORMERR"
	case codeServerFailed:
		return "SERVFAIL"
	case codeNoName:
		return "NXDOMAIN"
	case codeNotImplemented:
		return "NOTIMP"
	case codeRefused:
		return "REFUSED"
	}
	return "RCODE" + strconv.Itoa(int(code))
}

func kindName(kind uint16) string {
	switch kind {
	case 1:
		return "A"
	case 2:
		return "NS"
	case 5:
		return "CNAME"
	case 6:
		return "SOA"
	case 12:
		return "PTR"
	case 15:
		return "MX"
	case 16:
		return "TXT"
	case 28:
		return "AAAA"
	case 33:
		return "SRV"
	case 65:
		return "HTTPS"
	case 255:
		return "ANY"
	}
	return "TYPE" + strconv.Itoa(int(kind))
}

func (k asking) String() string { return cmp.Or(k.name, ".") + " (" + kindName(k.kind) + ")" }

// by gives what came of the queries for a key. When there are too many keys already,
// that is counted, and nobody reads what it gives.
func by[K comparable](all *map[K]*answers, k K, most int, dropped *int64) *answers { //nolint:gocritic // it makes the map
	if *all == nil {
		*all = map[K]*answers{}
	}
	o := (*all)[k]
	switch {
	case o != nil:
	case len(*all) < most:
		o = &answers{}
		(*all)[k] = o
	default:
		*dropped++
		return &answers{}
	}
	return o
}

// DNS is what is said of name lookups: DNS over UDP and TCP, multicast DNS and
// LLMNR.
type DNS struct {
	// Queries are packets that ask, each time that they are sent.
	Queries int64 `json:"queries" expr:"queries"`
	// Responses are packets that answer.
	Responses int64 `json:"responses" expr:"responses"`
	// Repeated are queries that were sent again while they had no answer: from the same
	// port, with the same number.
	Repeated int64 `json:"repeated" expr:"repeated"`
	// Unanswered are queries without an answer, each time that they are sent, those of
	// multicast included, to which often nobody has one.
	Unanswered int64 `json:"unanswered" expr:"unanswered"`
	// UnansweredPercent is the share of the queries to DNS servers that were not
	// answered within 30 seconds or to the end, without those of the last second and of
	// multicast, and each counted once, however often it was sent.
	UnansweredPercent float64 `json:"unanswered_percent" expr:"unanswered_percent"`
	// Errors are responses with another code than NOERROR.
	Errors int64 `json:"errors" expr:"errors"`
	// NotFound are responses that say that there is no such name (NXDOMAIN).
	NotFound int64 `json:"not_found" expr:"not_found"`
	// ServerFailures are responses that say that the server failed (SERVFAIL).
	ServerFailures int64 `json:"server_failures" expr:"server_failures"`
	// Refused are responses that say that the server does not answer us (REFUSED).
	Refused int64 `json:"refused" expr:"refused"`
	// Latency is the time from a query, as it was first sent, to its response.
	Latency Latency `json:"latency" expr:"latency"`
	// Servers are those that were asked, of which most went wrong first; at most 20.
	Servers []DNSServer `json:"servers" expr:"servers"`
	// Names are what was asked for, of which most went wrong first; at most 20.
	Names []DNSName `json:"names" expr:"names"`
}

// DNSServer is a server that was asked for names.
type DNSServer struct {
	// Address is its address and port.
	Address string `json:"address" expr:"address"`
	// Queries are what it was asked.
	Queries int64 `json:"queries" expr:"queries"`
	// Unanswered are queries without an answer, but for those of the last second.
	Unanswered int64 `json:"unanswered" expr:"unanswered"`
	// Errors are its responses with another code than NOERROR.
	Errors int64 `json:"errors" expr:"errors"`
	// ServerFailures are its responses that say SERVFAIL.
	ServerFailures int64 `json:"server_failures" expr:"server_failures"`
	// Refused are its responses that say REFUSED.
	Refused int64 `json:"refused" expr:"refused"`
	// Latency is the time to its responses.
	Latency Latency `json:"latency" expr:"latency"`
}

// DNSName is a name that was asked for.
type DNSName struct {
	// Name is without the dot at its end, in lower case.
	Name string `json:"name" expr:"name"`
	// Type is that of the records, such as A.
	Type string `json:"type" expr:"type"`
	// Queries are those for it.
	Queries int64 `json:"queries" expr:"queries"`
	// Unanswered are queries without an answer, but for those of the last second.
	Unanswered int64 `json:"unanswered" expr:"unanswered"`
	// Errors are responses with another code than NOERROR.
	Errors int64 `json:"errors" expr:"errors"`
	// LastCode is that of the last response, such as NXDOMAIN; "" without one.
	LastCode string `json:"last_code" expr:"last_code"`
	// Latency is the time to the responses.
	Latency Latency `json:"latency" expr:"latency"`
}

func (l *lookups) report() DNS {
	o := DNS{
		Queries: int64(l.queries), Responses: int64(l.responses), Repeated: l.all.again, Unanswered: int64(l.queries - l.matched),
		Errors: int64(l.failures), NotFound: l.all.noName, ServerFailures: l.all.serverFailed, Refused: l.all.refused,
		UnansweredPercent: percent(l.all.unanswered, l.all.queries-l.all.late),
		Latency:           l.all.latency.latency(), Servers: []DNSServer{}, Names: []DNSName{},
	}
	for _, at := range worst(l.servers, endpoint.compare) {
		s := l.servers[at]
		o.Servers = append(o.Servers, DNSServer{at.String(), s.queries, s.unanswered, s.failures, s.serverFailed, s.refused, s.latency.latency()})
	}
	inOrder := func(a, b asking) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.kind, b.kind)) }
	for _, k := range worst(l.names, inOrder) {
		n := l.names[k]
		name := DNSName{Name: k.name, Type: kindName(k.kind), Queries: n.queries, Unanswered: n.unanswered, Errors: n.failures, Latency: n.latency.latency()}
		if n.latency.count > 0 {
			name.LastCode = codeName(n.code)
		}
		o.Names = append(o.Names, name)
	}
	return o
}

// worst are the keys of what went wrong most often, then of what was asked most.
func worst[K comparable](all map[K]*answers, inOrder func(K, K) int) []K {
	keys := make([]K, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y K) int {
		a, b := all[x], all[y]
		return cmp.Or(cmp.Compare(b.failures+b.unanswered, a.failures+a.unanswered), cmp.Compare(b.queries, a.queries), inOrder(x, y))
	})
	return keys[:min(len(keys), shown)]
}
