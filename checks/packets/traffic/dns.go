package traffic

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// Ports on which names are asked for: DNS, multicast DNS (RFC 6762) and LLMNR (RFC
// 4795).
const (
	portDNS   = 53
	portMDNS  = 5353
	portLLMNR = 5355
)

// Bounds of what is kept of name lookups.
const (
	maxPending = 1 << 12
	maxName    = 255 // RFC 1035, section 2.3.4

	answerWithin = int64(30 * time.Second) // nobody waits for an answer so long
)

// message is what the header of a DNS message and its first question say.
type message struct {
	id       uint16
	response bool
	code     uint8
	name     string // "" when there is no question
	kind     uint16 // of the question
	cut      bool   // not all of it was captured
}

// parseMessage reads a DNS message (RFC 1035, section 4.1). One that was cut keeps
// what was there, as long as that begins with the flags.
func parseMessage(data []byte) (m message, ok bool) {
	const header = 12
	if len(data) < 4 {
		return m, false
	}
	flags := binary.BigEndian.Uint16(data[2:])
	m = message{id: binary.BigEndian.Uint16(data), response: flags&0x8000 != 0, code: uint8(flags & 15)}
	if len(data) < header || binary.BigEndian.Uint16(data[4:]) == 0 {
		return m, true
	}
	name, rest, ok := parseName(data[header:])
	if ok {
		m.name = name
	}
	if len(rest) >= 2 {
		m.kind = binary.BigEndian.Uint16(rest)
	}
	return m, true
}

// parseName reads the name of a question, which is not compressed.
func parseName(data []byte) (name string, rest []byte, ok bool) {
	var text strings.Builder
	for len(data) > 0 && data[0] != 0 {
		size := int(data[0])
		if size > 63 || 1+size > len(data) || text.Len()+size >= maxName {
			return "", nil, false
		}
		if text.Len() > 0 {
			text.WriteByte('.')
		}
		for _, c := range data[1 : 1+size] {
			if c <= ' ' || c > '~' || c == '.' || c == '\\' {
				c = '?'
			} else if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			text.WriteByte(c)
		}
		data = data[1+size:]
	}
	if len(data) == 0 {
		return "", nil, false
	}
	return text.String(), data[1:], true
}

// question names a query that waits for its answer.
type question struct {
	between key
	id      uint16
}

func questionOf(from, to endpoint, id uint16) question {
	k, _ := keyOf(from, to)
	return question{k, id}
}

// lookups are the name lookups that were seen.
type lookups struct {
	queries, responses, failures int // frames; a failure has another code than 0
	matched                      int // responses to a query that was seen
	pending                      map[question]asked
	forgotten                    int   // queries beyond maxPending
	ended                        int64 // when it was looked what has had no answer for long
	serversDropped, namesDropped int64
	all                          answers
	servers                      map[endpoint]*answers
	names                        map[asking]*answers
}

type asked struct {
	time      int64
	number    int64 // of the frame
	what      asking
	of        endpoint
	multicast bool // who answers is not known, and often nobody does
}

// takeMessage notes a message.
func (a *Analysis) takeMessage(from, to endpoint, m message, multicast bool) {
	l, now := &a.lookups, a.frame.time
	q := questionOf(from, to, m.id)
	first := !a.frame.lookup // a frame counts by the first message in it
	if a.frame.lookup = true; first {
		a.countMessage(m)
		a.frame.answer = m.response
	}
	if !m.response {
		a.ask(q, asked{now, a.frame.number, asking{m.name, m.kind}, to, multicast})
		return
	}
	query, known := l.pending[q]
	if !known {
		query = asked{now, a.frame.number, asking{m.name, m.kind}, from, multicast}
		l.all.failed(m.code)
	} else {
		if a.frame.answer && !m.cut { // else Wireshark gives up before it tells
			l.matched++
			a.frame.answer = false
		}
		delete(l.pending, q)
		for _, o := range [...]*answers{&l.all, l.server(query), l.name(query)} {
			o.answered(m.code, now-query.time)
		}
	}
	if m.code != 0 {
		a.note(subject{kind: KindLookupFailed, about: query.what.String()}, codeName(m.code)+" from "+from.String())
	}
}

// countMessage counts the frame of a message.
func (a *Analysis) countMessage(m message) {
	l := &a.lookups
	switch {
	case !m.response:
		l.queries++
		return
	case m.code != 0:
		l.failures++
	}
	l.responses++
}

// ask notes a query.
func (a *Analysis) ask(q question, query asked) {
	l := &a.lookups
	old, again := l.pending[q]
	if again && old.what == query.what {
		l.all.again++
		return // what counts is when it was first asked
	}
	if again { // the number is used for another
		a.endLookup(old)
	}
	if len(l.pending) >= maxPending && !again && query.time-l.ended >= answerWithin { // not for each query
		l.ended = query.time
		a.endLookups(query.time - answerWithin)
	}
	if len(l.pending) >= maxPending && !again {
		l.forgotten++
		return
	}
	if l.pending == nil {
		l.pending = map[question]asked{}
	}
	l.pending[q] = query
	l.server(query).queries++
	l.name(query).queries++
	if !query.multicast {
		l.all.queries++
	}
}

// server gives what came of the queries to a server. Of multicast there is none.
func (l *lookups) server(query asked) *answers {
	if query.multicast {
		return &answers{}
	}
	return by(&l.servers, query.of, maxResolvers, &l.serversDropped)
}

// name gives what came of the queries for a name.
func (l *lookups) name(query asked) *answers {
	return by(&l.names, query.what, maxNames, &l.namesDropped)
}

// endLookups ends the wait for the answers to queries that were asked before a
// time.
func (a *Analysis) endLookups(before int64) {
	l := &a.lookups
	old := make([]question, 0, len(l.pending))
	for q, query := range l.pending {
		if query.time < before {
			old = append(old, q)
		}
	}
	slices.SortFunc(old, func(x, y question) int {
		return cmp.Or(cmp.Compare(l.pending[x].number, l.pending[y].number), cmp.Compare(x.id, y.id))
	})
	for _, q := range old {
		a.endLookup(l.pending[q])
		delete(l.pending, q)
	}
}

// endLookup notes a query that has had no answer.
func (a *Analysis) endLookup(query asked) {
	l := &a.lookups
	of, what := l.server(query), l.name(query)
	switch {
	case query.multicast:
	case a.last-query.time < pendingWithin:
		l.all.late++
		of.late++
		what.late++
	default:
		l.all.unanswered++
		of.unanswered++
		what.unanswered++
		a.noteAt(subject{kind: KindLookupUnanswered, about: query.what.String()}, "no answer from "+query.of.String(), query.number, query.time)
	}
}

// lookup takes a datagram that may be of a name lookup.
func (a *Analysis) lookup(n network, from, to uint16, data []byte, length int) {
	kind := uint16(0)
	for _, port := range [...]uint16{portDNS, portMDNS, portLLMNR} {
		if from == port || to == port {
			kind = port
			break
		}
	}
	if a.frame.lookup || kind == 0 && !looksLikeLookup(from, to, data, length) {
		return
	}
	m, ok := parseMessage(data)
	if !ok {
		return
	}
	m.cut = len(data) < length
	if n.quoted { // it is counted, and is neither a question nor an answer
		a.frame.lookup = true
		a.countMessage(m)
		return
	}
	a.takeMessage(endpoint{n.from, from}, endpoint{n.to, to}, m, kind == portMDNS || kind == portLLMNR)
}

// looksLikeLookup tells whether a datagram between ports that are nobody's is taken for
// a name lookup (dissect_dns_heur of Wireshark 4.0).
func looksLikeLookup(from, to uint16, data []byte, length int) bool {
	const header, mostAnswers, most = 12, 100, 10
	if len(data) < header || length <= header {
		return false
	}
	for _, port := range [...]uint16{from, to} {
		switch port {
		case 67, 68, 69, 123, 137, 138, 161, 162, 500, 514, 520, 1812, 1813, 1900, 3478, 4500: // of protocols with short numbers, too
			return false
		}
	}
	number := func(at int) uint16 { return binary.BigEndian.Uint16(data[at:]) }
	flags, questions, answers, authorities, more := number(2), number(4), number(6), number(8), number(10)
	const opcode = 0x7800
	switch {
	case flags&opcode != 0 || more > most:
		return false
	case flags&0x8000 == 0:
		return questions == 1 && answers == 0 && authorities == 0
	}
	rpc := questions == 0 && authorities == 0 && (answers == 0 && more == 2 || answers == 1 && more <= 1) // a call, or a reply (RFC 5531)
	return !rpc && questions <= 1 && answers <= mostAnswers && authorities <= most
}
