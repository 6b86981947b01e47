package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"gumshoe/checks/reach"
	"gumshoe/engine"
	"gumshoe/engine/statistic"
)

// askedServer is a server while it is asked.
type askedServer struct {
	DNSServer
	latencies []float64 // of the responses
	records   []string  // of all answers, whole
	ttls      []uint32  // of what the answers are made of
	zoned     bool      // an answer told its zone
	blind     *engine.BlindError
}

func newAskedServer(server string) askedServer {
	return askedServer{DNSServer: DNSServer{
		Server: server, Answers: []string{}, CNAMEChain: []string{},
		Authoritative: true, RecursionAvailable: true, Authenticated: true,
	}}
}

// badness orders what can come of a question, from an answer to silence.
func badness(o reach.Outcome) int {
	return slices.Index([]reach.Outcome{
		Answered, NoData, reach.NameNotFound, Referral, FormatError, NotImplemented, RefusedQuery,
		ServerFailure, OtherError, Invalid, reach.Reset, reach.RefusedByIt, reach.Unreachable, reach.TimedOut, ServerNotFound,
	}, o)
}

// definite tells whether an outcome is an answer, be it that there is nothing.
func definite(o reach.Outcome) bool { return o == Answered || o == NoData || o == reach.NameNotFound }

// add takes in what came of one more question.
func (s *askedServer) add(q dnsQuery, r dnsReply) {
	s.Asked++
	s.Truncated = s.Truncated || r.truncated
	m := r.message
	if s.Outcome == "" || badness(r.outcome) > badness(s.Outcome) {
		s.Outcome, s.Error, s.RCode, s.ExtendedError = r.outcome, r.error, "", ""
		if m != nil {
			s.RCode, s.ExtendedError = rcodeText(m.Rcode), extendedError(m)
		}
	}
	if m == nil {
		return
	}
	s.Responses++
	s.latencies = append(s.latencies, r.seconds)
	s.Authoritative = s.Authoritative && m.Authoritative
	s.RecursionAvailable = s.RecursionAvailable && m.RecursionAvailable
	s.Authenticated = s.Authenticated && m.AuthenticatedData
	records, chain, ttls := recordsOf(m, dns.Question{Name: q.name, Qtype: q.kind, Qclass: dns.ClassINET})
	if len(chain) > 0 {
		s.CNAMEChain = chain
	}
	for _, rr := range slices.Concat(m.Answer, m.Ns) {
		if soa, ok := rr.(*dns.SOA); ok {
			s.zoned, s.Zone, s.ZoneSerial = true, recordName(soa.Hdr.Name), int64(soa.Serial)
		}
	}
	switch r.outcome {
	case Answered:
		s.Answered++
		s.records = append(s.records, records...)
		s.ttls = append(s.ttls, ttls...)
	case NoData, reach.NameNotFound:
		s.ttls = append(s.ttls, negativeTTL(m)...)
	default: // an error tells nothing of how long it lasts
	}
}

func rcodeText(code int) string {
	if text, known := dns.RcodeToString[code]; known {
		return text
	}
	return fmt.Sprintf("RCODE%d", code)
}

func extendedError(m *dns.Msg) string {
	opt := m.IsEdns0()
	if opt == nil {
		return ""
	}
	var all []string
	for _, option := range opt.Option {
		if e, ok := option.(*dns.EDNS0_EDE); ok {
			text := cmp.Or(dns.ExtendedErrorCodeToString[e.InfoCode], fmt.Sprintf("code %d", e.InfoCode))
			if e.ExtraText != "" {
				text += ": " + e.ExtraText
			}
			all = append(all, text)
		}
	}
	return shown(strings.Join(all, "; "), 200)
}

// finish fills in what depends on all answers of a server.
func (s *askedServer) finish(call *engine.Call, i int, tcp bool) {
	path := fmt.Sprintf("servers[%d].", i)
	silence := "there was no response: " + s.Outcome.Words()
	if s.blind != nil {
		silence, s.LocalFault = s.blind.Reason, localFault(s.blind)
		s.Outcome, s.Error, s.RCode, s.ExtendedError = "", "", "", "" // what came of earlier questions is not what comes of it now
		call.Unread(path+"outcome", s.blind.Reason, s.blind.Fix)
		call.Unread(path+"rcode", s.blind.Reason, "")
	}
	if !s.zoned {
		call.NotAsked(path+"zone", "no answer tells it", "ask with type: SOA")
		call.NotAsked(path+"zone_serial", "no answer tells it", "ask with type: SOA")
	}
	slices.Sort(s.records)
	s.records = slices.Compact(s.records)
	s.Answers = shownRecords(s.records)
	if len(s.ttls) > 0 {
		s.TTLSeconds = float64(slices.Min(s.ttls))
	} else {
		call.Unread(path+"ttl_seconds", "no record tells it", "")
	}
	if len(s.latencies) == 0 {
		s.Authoritative, s.RecursionAvailable, s.Authenticated = false, false, false
		for _, field := range []string{"latency_seconds", "latency_max_seconds", "authoritative", "recursion_available", "authenticated"} {
			call.Unread(path+field, silence, "")
		}
	} else {
		slices.Sort(s.latencies)
		s.LatencySeconds, s.LatencyMaxSeconds = statistic.Quantile(s.latencies, 0.5), s.latencies[len(s.latencies)-1]
	}
	switch {
	case tcp:
		call.Unread(path+"truncated", "it was asked over TCP only", "set tcp: false")
	case len(s.latencies) == 0 && !s.Truncated:
		call.Unread(path+"truncated", silence, "")
	}
}

func shownRecords(records []string) []string {
	texts := make([]string, min(len(records), maxRecords))
	for i := range texts {
		texts[i] = shown(records[i], maxDNSBytes)
	}
	return texts
}

// conclude fills in what depends on all servers.
func (o *DNS) conclude(call *engine.Call, in DNSInput, asked []askedServer) {
	var all, answers []string // all records; what each definite server says
	var latencies []float64
	partly, blind := false, 0
	for i := range asked {
		s := &asked[i]
		s.finish(call, i, in.TCP)
		o.Servers = append(o.Servers, s.DNSServer)
		all, latencies = append(all, s.records...), append(latencies, s.latencies...)
		if s.blind != nil {
			blind++
			continue
		}
		if o.Outcome == "" || badness(s.Outcome) < badness(o.Outcome) {
			o.Outcome = s.Outcome
		}
		if len(o.CNAMEChain) == 0 {
			o.CNAMEChain = s.CNAMEChain
		}
		partly = partly || s.Answered > 0
		if s.Outcome == Answered {
			o.Answered++
		}
		if !definite(s.Outcome) {
			o.Failed++
		}
		switch {
		case s.Answered > 0:
			answers = append(answers, strings.Join(s.records, "\n"))
		case definite(s.Outcome):
			answers = append(answers, string(s.Outcome))
		default:
			continue
		}
		for _, want := range in.Expect {
			if !hasRecord(in.Type, want, s.records) && !slices.Contains(o.Missing, want) {
				o.Missing = append(o.Missing, want)
			}
		}
	}
	switch {
	case len(asked) == 0:
		o.Outcome = NoServers
	case blind == len(asked):
		call.Unread("outcome", asked[0].blind.Reason, asked[0].blind.Fix)
	}
	if partly && o.Answered+blind < len(asked) {
		o.Outcome = Partial
	}
	slices.Sort(all)
	o.Answers = shownRecords(slices.Compact(all))
	o.compare(call, in, answers)
	if len(latencies) == 0 {
		call.Unread("fastest_seconds", "no server answered", "")
		call.Unread("slowest_seconds", "no server answered", "")
		return
	}
	o.FastestSeconds, o.SlowestSeconds = slices.Min(latencies), slices.Max(latencies)
}

// compare tells whether the servers say the same, and what was expected.
func (o *DNS) compare(call *engine.Call, in DNSInput, answers []string) {
	slices.Sort(answers)
	o.Disagree = len(slices.Compact(slices.Clone(answers))) > 1
	if len(o.Servers) != 1 && len(answers) < 2 {
		call.Unread("disagree", fmt.Sprintf("%d of %d servers gave an answer", len(answers), len(o.Servers)), "")
	}
	reason := ""
	switch {
	case len(in.Expect) == 0:
		reason = "nothing was expected"
	case len(answers) == 0:
		reason = "no server gave an answer"
	}
	if reason != "" {
		call.Unread("expected", reason, "")
		call.Unread("missing", reason, "")
		return
	}
	o.Expected = len(o.Missing) == 0
}
