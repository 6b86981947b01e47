package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// DNSInput are the inputs of probe.dns.
type DNSInput struct {
	// Name is what to ask for: a host name or, for type PTR, an address. It is taken
	// as it stands: neither the search list of /etc/resolv.conf nor /etc/hosts is
	// used, though both are told.
	Name string `json:"name" required:"true"`
	// Type is the type of the records.
	Type string `json:"type" default:"A" enum:"A,AAAA,CNAME,MX,NS,TXT,SRV,SOA,PTR,CAA"`
	// Servers are the name servers to ask, each a host or host:port, at most 16;
	// none means those of /etc/resolv.conf, each of which is asked on its own. Of a
	// server with several addresses the first is asked.
	Servers []string `json:"servers"`
	// TCP asks over TCP; without it only what does not fit into UDP is.
	TCP bool `json:"tcp" default:"false"`
	// CheckingDisabled asks for the records whatever DNSSEC says about them (the CD
	// flag): a resolver that fails without it and answers with it does not trust
	// their signatures.
	CheckingDisabled bool `json:"checking_disabled" default:"false"`
	// Queries is how often each server is asked, one after the other.
	Queries int `json:"queries" default:"1" min:"1" max:"20"`
	// Timeout is how long one answer may take, with looking up the server's own
	// name, or with asking again over TCP.
	Timeout time.Duration `json:"timeout" default:"2s" min:"10ms" max:"30s"`
	// Expect are records that the answers have to contain, written as in answers,
	// in upper or lower case. Of a TXT record a part will do.
	Expect []string `json:"expect"`
}

// The outcomes that only probe.dns has, beside answered and invalid.
const (
	Partial        reach.Outcome = "partial"
	NoData         reach.Outcome = "no_data"
	Referral       reach.Outcome = "referral"
	FormatError    reach.Outcome = "format_error"
	NotImplemented reach.Outcome = "not_implemented"
	RefusedQuery   reach.Outcome = "refused_query"
	ServerFailure  reach.Outcome = "server_failure"
	OtherError     reach.Outcome = "other_error"
	ServerNotFound reach.Outcome = "server_not_found"
	NoServers      reach.Outcome = "no_servers"
)

// DNS is what probe.dns observes: what each name server says about a name.
type DNS struct {
	// Outcome is what came of it: answered (each server, each time); partial (some
	// answers came, not all); else that of the server that tells most, in this order:
	// no_data (the name exists, without records of this type), name_not_found,
	// referral, format_error, not_implemented, refused_query, server_failure,
	// other_error, invalid, reset, refused, unreachable, timed_out,
	// server_not_found; or no_servers (there is none to ask in /etc/resolv.conf: most
	// programs then ask 127.0.0.1). See servers for what they mean. A server that this
	// host did not let us ask does not count; unread when there is no other.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"answered,partial,no_data,name_not_found,referral,format_error,not_implemented,refused_query,server_failure,other_error,invalid,reset,refused,unreachable,timed_out,server_not_found,no_servers"`
	// Name is the name that was asked for, without the dot at its end; of an address
	// the name that stands for it.
	Name string `json:"name" expr:"name"`
	// Servers are the servers that were asked, as in the input or in
	// /etc/resolv.conf, at most the first 16.
	Servers []DNSServer `json:"servers" expr:"servers"`
	// Answered is how many servers answered with records each time.
	Answered int `json:"answered" expr:"answered"`
	// Failed is how many servers were of no use at least once: silent, refusing,
	// failing. One that says that there is no such name or record does not fail.
	Failed int `json:"failed" expr:"failed"`
	// Answers are the records of all servers, sorted, at most the first 50.
	Answers []string `json:"answers" expr:"answers"`
	// CNAMEChain are the names that the name stands for, one after the other, at
	// most 16, from the first server that tells any; empty when it is no alias.
	CNAMEChain []string `json:"cname_chain" expr:"cname_chain"`
	// Disagree tells whether two servers give different records, or one gives
	// records and another none. Servers that hand out a few of many addresses in
	// turn disagree without a fault. Unread when several were asked, and fewer than
	// two gave an answer.
	Disagree bool `json:"disagree" expr:"disagree"`
	// Expected tells whether each server that gave an answer, be it that there is no
	// such name, has all expected records. Unread when nothing was expected, or none
	// gave one.
	Expected bool `json:"expected" expr:"expected"`
	// Missing are the expected records that some server that gave an answer does not
	// have; unread as expected is.
	Missing []string `json:"missing" expr:"missing"`
	// FastestSeconds is the shortest time that an answer of any kind took, of all
	// servers. Unread when none came, as is slowest_seconds.
	FastestSeconds float64 `json:"fastest_seconds" expr:"fastest_seconds"`
	// SlowestSeconds is the longest.
	SlowestSeconds float64 `json:"slowest_seconds" expr:"slowest_seconds"`
	// HostsAddresses are the addresses that /etc/hosts gives the name, of the version
	// that type asks for, at most 50: programs here take these, and ask no server.
	// Unread for types other than A and AAAA.
	HostsAddresses []string `json:"hosts_addresses" expr:"hosts_addresses"`
	// ResolvConf is what /etc/resolv.conf says, whether or not it was used.
	ResolvConf ResolvConf `json:"resolv_conf" expr:"resolv_conf"`
}

// DNSServer is what one name server says.
type DNSServer struct {
	// Server is the server's address and port, or its name and port when it has no
	// address.
	Server string `json:"server" expr:"server"`
	// Address is its address without the port; "" when its name has none.
	Address string `json:"address" expr:"address"`
	// Local tells that it is at a loopback address: a resolver on this host itself.
	Local bool `json:"local" expr:"local"`
	// Outcome is what came of asking: answered (with records); no_data (the name
	// exists, without records of this type); name_not_found; referral (it only knows
	// whom to ask: it does not resolve for us); format_error, not_implemented,
	// refused_query, server_failure, other_error (what it says: see rcode); invalid (something
	// answers that is no answer to our question: see error); reset (it closes the
	// connection); refused (nothing serves names there); unreachable; timed_out;
	// server_not_found (the server's own name has no address). Of several queries it
	// is the worst, which is the last in this list. Unread when this host itself
	// stopped the question: see local_fault.
	Outcome reach.Outcome `json:"outcome" expr:"outcome" enum:"answered,no_data,name_not_found,referral,format_error,not_implemented,refused_query,server_failure,other_error,invalid,reset,refused,unreachable,timed_out,server_not_found"`
	// LocalFault is what of this host itself stopped a question: forbidden (its
	// firewall or a sandbox), no_local_port, no_file_descriptors, other; else "".
	LocalFault string `json:"local_fault" expr:"local_fault" enum:",forbidden,no_local_port,no_file_descriptors,other"`
	// Asked is how often it was asked, not counting what is asked again over TCP or
	// without extensions. It is less than the input's queries when there was no
	// time for more.
	Asked int `json:"asked" expr:"asked"`
	// Responses is how often it answered anything, also an error.
	Responses int `json:"responses" expr:"responses"`
	// Answered is how often it answered with records.
	Answered int `json:"answered" expr:"answered"`
	// RCode is the response code of what outcome is about, such as NOERROR, NXDOMAIN
	// or SERVFAIL; "" when no response came.
	RCode string `json:"rcode" expr:"rcode"`
	// Error says more about what went wrong, else "".
	Error string `json:"error" expr:"error"`
	// ExtendedError is the reason that the server gives (RFC 8914), such as "DNSSEC
	// Bogus" or "Stale Answer", else "".
	ExtendedError string `json:"extended_error" expr:"extended_error"`
	// Answers are the data of the records, sorted, at most the first 50, written as
	// dig +short does but for names, which are in lower case and without the dot at
	// their end, and texts, which are without quotes and cut at 1,000 bytes.
	Answers []string `json:"answers" expr:"answers"`
	// CNAMEChain are the names that the name stands for, one after the other, at
	// most 16.
	CNAMEChain []string `json:"cname_chain" expr:"cname_chain"`
	// TTLSeconds is for how long the answer may be kept: the lowest of its records,
	// or what the zone allows for the answer that there is none. Unread without a
	// record that tells.
	TTLSeconds float64 `json:"ttl_seconds" expr:"ttl_seconds"`
	// Zone is the zone that the answer comes from, by its SOA record: in answers that
	// there is nothing, and to type SOA. Unread without one, as is zone_serial.
	Zone string `json:"zone" expr:"zone"`
	// ZoneSerial is the version of that zone: servers with different ones have
	// different copies.
	ZoneSerial int64 `json:"zone_serial" expr:"zone_serial"`
	// LatencySeconds is the time from a question to its answer, the median of
	// several. Unread when no response came, as are the fields below.
	LatencySeconds float64 `json:"latency_seconds" expr:"latency_seconds"`
	// LatencyMaxSeconds is the longest.
	LatencyMaxSeconds float64 `json:"latency_max_seconds" expr:"latency_max_seconds"`
	// Authoritative tells whether the server is one of the zone's own, by each
	// response.
	Authoritative bool `json:"authoritative" expr:"authoritative"`
	// RecursionAvailable tells whether it resolves names of other zones for us, by
	// each response.
	RecursionAvailable bool `json:"recursion_available" expr:"recursion_available"`
	// Authenticated tells whether it says that it checked the signatures of DNSSEC
	// (the AD flag), in each response.
	Authenticated bool `json:"authenticated" expr:"authenticated"`
	// Truncated tells whether an answer did not fit into UDP; it was asked for again
	// over TCP, and outcome tells what came of that. Unread also when the input tcp
	// is true.
	Truncated bool `json:"truncated" expr:"truncated"`
}

// Bounds of what probe.dns asks and keeps.
const (
	maxServers  = 16
	maxRecords  = 50
	maxAliases  = 16
	maxDNSBytes = 1000
)

// DNS is the check probe.dns.
//
// It asks each name server by itself, as a stub resolver does (recursion
// desired, EDNS with 1,232 bytes, as most clients), so that one that is slow,
// silent or wrong shows, which a lookup by the system's resolver hides. A
// local resolver such as 127.0.0.53 is a server as any other.
//
// A name server in this host's own /etc/resolv.conf may be asked at port 53 also
// when its address is one that is guarded otherwise, as those of clouds and of
// routers that announce themselves over IPv6 are: every program here asks it, and
// nothing but a name goes there. Where targets are listed in gumshoe.yaml, it has
// to be among them, as every other.
//
// Example:
//
//	dns: { check: probe.dns, with: { name: db.example.com, queries: 3 } }
//
// By hand:
//
//	dig @10.0.0.2 db.example.com A
//	dig -x 10.0.0.7
//	cat /etc/resolv.conf
func (p Probes) DNS() engine.Check[DNSInput, DNS] {
	return engine.Check[DNSInput, DNS]{
		Name: "probe.dns",
		Doc:  "What each name server says about a name, how fast, and whether they agree.",
		Cost: 100 * time.Millisecond,
		Risk: engine.Read,
		// Of a name only: a resolver answers thousands of questions a second.
		Target: func(in DNSInput) string { return in.Name + " " + in.Type + " " + strings.Join(in.Servers, " ") },
		Plan:   planDNS,
		Run: func(ctx context.Context, call *engine.Call, in DNSInput) (DNS, error) {
			return p.lookDNS(ctx, call, in, nameFiles{resolvConfPath, hostsPath})
		},
		Summarize: summarizeDNS,
	}
}

func summarizeDNS(o DNS) string {
	name := reach.Clip(o.Name, 60)
	text := fmt.Sprintf("%s: %s", name, o.Outcome.Words())
	switch {
	case o.Outcome == "":
		text = name + ": this host does not let us ask"
	case len(o.Answers) > 0:
		text = fmt.Sprintf("%s: %s", name, shown(o.Answers[0], 40))
		if more := len(o.Answers) - 1; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		text += " in " + reach.Milliseconds(o.SlowestSeconds)
	}
	if o.Failed > 0 && len(o.Servers) > 1 {
		text += fmt.Sprintf("; %d of %d servers fail", o.Failed, len(o.Servers))
	}
	if o.Disagree {
		text += "; the servers disagree"
	}
	return text
}

func (p Probes) lookDNS(ctx context.Context, call *engine.Call, in DNSInput, files nameFiles) (DNS, error) {
	o := DNS{Servers: []DNSServer{}, Answers: []string{}, CNAMEChain: []string{}, Missing: []string{}, HostsAddresses: []string{}}
	name, err := questionName(in)
	if err != nil {
		return o, err
	}
	o.Name = recordName(name)
	o.readHosts(call, in, files.hosts)
	configured, err := readResolvConf(files.resolvConf)
	if o.ResolvConf = configured; err != nil {
		if len(in.Servers) == 0 {
			return o, err
		}
		call.Unread("resolv_conf", err.Error(), "")
	}
	servers := in.Servers
	if len(servers) == 0 {
		servers = configured.Servers
	}
	targets, err := p.dnsTargets(servers, configured.Servers)
	if err != nil {
		return o, err
	}
	end := time.Now().Add(reach.InnerTimeout(ctx, in.Timeout*time.Duration(in.Queries)))
	asked := make([]askedServer, len(targets))
	faults := make([]error, len(targets))
	var group sync.WaitGroup
	for i, target := range targets {
		group.Go(func() {
			q := dnsQuery{allow: p.allow, host: target.host, own: target.own, name: name, kind: dns.StringToType[in.Type], tcp: in.TCP, unchecked: in.CheckingDisabled}
			asked[i], faults[i] = p.askServer(ctx, q, target, in, end)
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	for i, err := range faults {
		if !errors.As(err, &asked[i].blind) && err != nil {
			return o, err
		}
		reproduceDNS(call, in, asked[i].Server)
	}
	o.conclude(call, in, asked)
	return o, nil
}
