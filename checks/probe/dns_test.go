package probe

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"gumshoe/checks/checktest"
	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// nameServer serves a zone of records over UDP and TCP on one port of localhost
// and gives its address. The handler, if any, comes first, and tells whether it
// dealt with the question.
func nameServer(t testing.TB, zone string, handle func(w dns.ResponseWriter, q *dns.Msg) bool) string {
	t.Helper()
	var records []dns.RR
	parser := dns.NewZoneParser(strings.NewReader(zone), "example.com.", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		records = append(records, rr)
	}
	if parser.Err() != nil {
		t.Fatal(parser.Err())
	}
	answer := func(w dns.ResponseWriter, q *dns.Msg) {
		if handle != nil && handle(w, q) {
			return
		}
		_ = w.WriteMsg(fromZone(records, q))
	}
	for range 10 { // until a port is free for both
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err != nil {
			udp.Close()
			continue
		}
		for _, s := range []*dns.Server{{PacketConn: udp}, {Listener: tcp}} {
			s.Handler = dns.HandlerFunc(answer)
			started := make(chan struct{})
			s.NotifyStartedFunc = func() { close(started) }
			ended := make(chan error, 1)
			go func() { ended <- s.ActivateAndServe() }()
			<-started
			t.Cleanup(func() {
				if err := s.Shutdown(); err != nil {
					t.Error(err)
				}
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		}
		return udp.LocalAddr().String()
	}
	t.Fatal("no free port")
	return ""
}

func fromZone(records []dns.RR, q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	exists := false
	owner := q.Question[0].Name
	for range records {
		for _, rr := range records {
			if !strings.EqualFold(rr.Header().Name, owner) {
				continue
			}
			exists = true
			if kind := rr.Header().Rrtype; kind == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			} else if alias, ok := rr.(*dns.CNAME); ok {
				m.Answer = append(m.Answer, rr)
				owner = alias.Target
			}
		}
		if len(m.Answer) > 0 && m.Answer[len(m.Answer)-1].Header().Rrtype == q.Question[0].Qtype {
			return m
		}
	}
	if !exists {
		m.Rcode = dns.RcodeNameError
	}
	soa, _ := dns.NewRR("example.com. 600 IN SOA ns. root. 1 2 3 4 60")
	m.Ns = append(m.Ns, soa)
	return m
}

const dnsZone = `
$TTL 300
db    IN A 192.0.2.9
db    IN A 192.0.2.10
db    20 IN AAAA 2001:db8::1
www   60 IN CNAME Web.example.com.
web   IN CNAME db.example.com.
@     IN MX 10 Mail.example.com.
@     IN MX 5 mx.example.com.
@     IN NS ns1.example.com.
@     IN TXT "v=spf1 " "-all \"\009x"
@     IN SOA ns1.example.com. root.example.com. 2026112301 7200 3600 1209600 60
@     IN CAA 0 issue "ca.example.net"
_sip._tcp IN SRV 0 5 5060 sip.example.com.
9.2.0.192.in-addr.arpa. IN PTR db.example.com.
`

func rcode(code int) func(w dns.ResponseWriter, q *dns.Msg) bool {
	return func(w dns.ResponseWriter, q *dns.Msg) bool {
		return w.WriteMsg(new(dns.Msg).SetRcode(q, code)) == nil
	}
}

func silence(dns.ResponseWriter, *dns.Msg) bool { return true }

func isUDP(w dns.ResponseWriter) bool { return w.RemoteAddr().Network() == "udp" }

// askDNS asks servers for the addresses of a name.
func askDNS(t *testing.T, name string, more map[string]any, servers ...string) (DNS, engine.Observation) {
	t.Helper()
	inputs := map[string]any{"name": name, "servers": servers, "timeout": "2s"}
	maps.Copy(inputs, more)
	return checktest.Observe[DNS](t, New(nil).DNS(), inputs)
}

func TestDNSConforms(t *testing.T) {
	checktest.Run(t, New(nil).DNS(), map[string]any{"name": "db.example.com", "servers": []string{nameServer(t, dnsZone, nil)}, "queries": 2})
}

func TestDNSConformsOnSilence(t *testing.T) {
	checktest.Run(t, New(nil).DNS(), map[string]any{"name": "db.example.com", "servers": []string{nameServer(t, "", silence)}, "timeout": "200ms"})
}

func TestDNSRecords(t *testing.T) {
	server := nameServer(t, dnsZone, nil)
	for _, tt := range []struct {
		kind, name string
		want       []string
		chain      []string
		ttl        float64
	}{
		{"A", "db.example.com", []string{"192.0.2.10", "192.0.2.9"}, nil, 300},
		{"A", "DB.example.COM.", []string{"192.0.2.10", "192.0.2.9"}, nil, 300},
		{"A", "www.example.com", []string{"192.0.2.10", "192.0.2.9"}, []string{"web.example.com", "db.example.com"}, 60},
		{"AAAA", "db.example.com", []string{"2001:db8::1"}, nil, 20},
		{"CNAME", "www.example.com", []string{"web.example.com"}, nil, 60},
		{"MX", "example.com", []string{"10 mail.example.com", "5 mx.example.com"}, nil, 300},
		{"NS", "example.com", []string{"ns1.example.com"}, nil, 300},
		{"TXT", "example.com", []string{"v=spf1 -all \"\uFFFDx"}, nil, 300},
		{"SOA", "example.com", []string{"ns1.example.com root.example.com 2026112301 7200 3600 1209600 60"}, nil, 300},
		{"CAA", "example.com", []string{`0 issue "ca.example.net"`}, nil, 300},
		{"SRV", "_sip._tcp.example.com", []string{"0 5 5060 sip.example.com"}, nil, 300},
		{"PTR", "192.0.2.9", []string{"db.example.com"}, nil, 300},
	} {
		for _, tcp := range []bool{false, true} {
			got, o := askDNS(t, tt.name, map[string]any{"type": tt.kind, "tcp": tcp}, server)
			s := got.Servers[0]
			if got.Outcome != Answered || !slices.Equal(got.Answers, tt.want) || !slices.Equal(s.Answers, tt.want) || !slices.Equal(got.CNAMEChain, tt.chain) ||
				s.TTLSeconds != tt.ttl || s.RCode != "NOERROR" || s.Server != server || got.Answered != 1 || got.Failed != 0 || s.Truncated ||
				checktest.HasUnread(o, "servers[0].truncated") != tcp || got.SlowestSeconds <= 0 || !s.RecursionAvailable {
				t.Errorf("%s %s, tcp %v: got %+v, unread %v", tt.kind, tt.name, tcp, got, o.Unread)
			}
		}
	}
}

func TestDNSFailures(t *testing.T) {
	t.Parallel()
	raw := func(change func(text []byte) []byte) func(dns.ResponseWriter, *dns.Msg) bool {
		return func(w dns.ResponseWriter, q *dns.Msg) bool {
			text, _ := fromZone(nil, q).Pack()
			_, err := w.Write(change(text))
			return err == nil
		}
	}
	referral := func(w dns.ResponseWriter, q *dns.Msg) bool {
		m := new(dns.Msg).SetReply(q)
		ns, _ := dns.NewRR("com. 60 IN NS a.gtld-servers.net.")
		m.Ns = append(m.Ns, ns)
		return w.WriteMsg(m) == nil
	}
	for _, tt := range []struct {
		name   string
		server string
		want   reach.Outcome
		rcode  string
		error  string // in it
	}{
		{"no such name", nameServer(t, "", nil), reach.NameNotFound, "NXDOMAIN", ""},
		{"no data", nameServer(t, "db IN TXT x", nil), NoData, "NOERROR", ""},
		{"an alias of nothing", nameServer(t, "db IN CNAME gone\ngone IN TXT x", nil), NoData, "NOERROR", ""},
		{"an alias of itself", nameServer(t, "db IN CNAME db", nil), NoData, "NOERROR", ""},
		{"server failure", nameServer(t, "", rcode(dns.RcodeServerFailure)), ServerFailure, "SERVFAIL", ""},
		{"refused query", nameServer(t, "", rcode(dns.RcodeRefused)), RefusedQuery, "REFUSED", ""},
		{"not implemented", nameServer(t, "", rcode(dns.RcodeNotImplemented)), NotImplemented, "NOTIMP", ""},
		{"format error", nameServer(t, "", rcode(dns.RcodeFormatError)), FormatError, "FORMERR", ""},
		{"not the zone's", nameServer(t, "", rcode(dns.RcodeNotAuth)), OtherError, "NOTAUTH", ""},
		{"an unknown code", nameServer(t, "", rcode(14)), OtherError, "RCODE14", ""},
		{"a referral", nameServer(t, "", referral), Referral, "NOERROR", ""},
		{"silence", nameServer(t, "", silence), reach.TimedOut, "", ""},
		{"nothing listens", closed(t), reach.RefusedByIt, "", ""},
		{"another number", nameServer(t, "", raw(func(b []byte) []byte { b[0]++; return b })), Invalid, "", "number"},
		{"another question", nameServer(t, "", raw(func(b []byte) []byte { b[13]++; return b })), Invalid, "", "another question"},
		{"an echo", nameServer(t, "", raw(func(b []byte) []byte { b[2] &^= 0x80; return b })), Invalid, "", "a question"},
		{"too short", nameServer(t, "", raw(func(b []byte) []byte { return b[:7] })), Invalid, "", "7 bytes"},
		{"half of it", nameServer(t, "", raw(func(b []byte) []byte { return b[:len(b)-3] })), Invalid, "", "cannot be read"},
		{"a loop", nameServer(t, "", raw(func(b []byte) []byte { b[5] = 2; return append(b[:30], 0xC0, 30, 0, 1, 0, 1) })), Invalid, "", ""},
		{"garbage", nameServer(t, "", raw(func(b []byte) []byte { return append(b[:12], strings.Repeat("\x1b[2J", 15000)...) })), Invalid, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, o := askDNS(t, "db.example.com", map[string]any{"timeout": "2s", "expect": []string{"192.0.2.9"}}, tt.server)
			s := got.Servers[0]
			if got.Outcome != tt.want || s.Outcome != tt.want || s.RCode != tt.rcode || !strings.Contains(s.Error, tt.error) || strings.Contains(s.Error, "\x1b") || got.Answered != 0 {
				t.Errorf("got %s %+v, want %s, %s, %q", got.Outcome, s, tt.want, tt.rcode, tt.error)
			}
			if failed := got.Failed == 1; failed == definite(tt.want) || got.Expected || checktest.HasUnread(o, "expected") != failed {
				t.Errorf("failed %d, expected %v, unread %v", got.Failed, got.Expected, o.Unread)
			}
			if checktest.HasUnread(o, "servers[0].latency_seconds") != (tt.rcode == "") || checktest.HasUnread(o, "slowest_seconds") != (tt.rcode == "") {
				t.Errorf("unread %v", o.Unread)
			}
		})
	}
}

// TestDNSNegativeTTL: how long clients remember that there is nothing.
func TestDNSNegativeTTL(t *testing.T) {
	if got, o := askDNS(t, "gone.example.com", nil, nameServer(t, "", nil)); got.Servers[0].TTLSeconds != 60 || checktest.HasUnread(o, "servers[0].ttl_seconds") {
		t.Errorf("got %+v, want the minimum of the SOA record", got.Servers[0])
	}
}

// TestDNSTruncated: what does not fit is asked for again over TCP, and when that
// does not work, it shows.
func TestDNSTruncated(t *testing.T) {
	truncate := func(overTCP func(w dns.ResponseWriter, q *dns.Msg) bool) func(w dns.ResponseWriter, q *dns.Msg) bool {
		return func(w dns.ResponseWriter, q *dns.Msg) bool {
			if !isUDP(w) {
				return overTCP != nil && overTCP(w, q)
			}
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			text, _ := m.Pack()
			text[7] = 3 // of which none is there
			_, err := w.Write(text)
			return err == nil
		}
	}
	got, o := askDNS(t, "db.example.com", nil, nameServer(t, dnsZone, truncate(nil)))
	if s := got.Servers[0]; got.Outcome != Answered || !s.Truncated || len(s.Answers) != 2 || !allUnread(o, "expected", "missing", "servers[0].zone", "servers[0].zone_serial") {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
	got, _ = askDNS(t, "db.example.com", map[string]any{"timeout": "1s"}, nameServer(t, dnsZone, truncate(silence)))
	if s := got.Servers[0]; s.Outcome != reach.TimedOut || !s.Truncated || !strings.Contains(s.Error, "TCP") {
		t.Errorf("got %+v, want timed_out over TCP", s)
	}
	got, _ = askDNS(t, "db.example.com", nil, nameServer(t, dnsZone, truncate(func(w dns.ResponseWriter, _ *dns.Msg) bool { return w.Close() == nil })))
	if s := got.Servers[0]; s.Outcome != reach.Reset || !s.Truncated || !strings.Contains(s.Error, "closes") {
		t.Errorf("got %+v, want reset over TCP", s)
	}
}

// TestDNSWithoutEDNS: a server that does not know EDNS is asked again without.
func TestDNSWithoutEDNS(t *testing.T) {
	got, _ := askDNS(t, "db.example.com", nil, nameServer(t, dnsZone, func(w dns.ResponseWriter, q *dns.Msg) bool {
		return q.IsEdns0() != nil && rcode(dns.RcodeFormatError)(w, q)
	}))
	if got.Outcome != Answered || got.Servers[0].Asked != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestDNSExtendedError(t *testing.T) {
	got, _ := askDNS(t, "db.example.com", nil, nameServer(t, "", func(w dns.ResponseWriter, q *dns.Msg) bool {
		m := new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeDNSBogus, ExtraText: "no \x1b key"})
		return w.WriteMsg(m) == nil
	}))
	if want := "DNSSEC Bogus: no \uFFFD key"; got.Servers[0].ExtendedError != want {
		t.Errorf("got %q, want %q", got.Servers[0].ExtendedError, want)
	}
}

func TestDNSServersDiffer(t *testing.T) {
	t.Parallel()
	one, reversed := nameServer(t, "db 30 IN A 192.0.2.1\ndb 30 IN A 192.0.2.2", nil), nameServer(t, "db IN A 192.0.2.2\ndb IN A 192.0.2.1", nil)
	other, none, mute := nameServer(t, "db IN A 192.0.2.3", nil), nameServer(t, "", nil), nameServer(t, "", silence)
	for _, tt := range []struct {
		name             string
		servers          []string
		want             reach.Outcome
		answered, failed int
		disagree, unread bool
		missing          int
	}{
		{"the same in another order", []string{one, reversed}, Answered, 2, 0, false, false, 0},
		{"other records", []string{one, other}, Answered, 2, 0, true, false, 1},
		{"one knows no such name", []string{one, none}, Partial, 1, 0, true, false, 1},
		{"one is silent", []string{mute, one}, Partial, 1, 1, false, true, 0},
		{"two and one is silent", []string{mute, one, reversed}, Partial, 2, 1, false, false, 0},
		{"no such name, and silence", []string{mute, none}, reach.NameNotFound, 0, 1, false, true, 1},
		{"one", []string{other}, Answered, 1, 0, false, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, o := askDNS(t, "db.example.com", map[string]any{"timeout": "2s", "expect": []string{"192.0.2.1"}}, tt.servers...)
			if got.Outcome != tt.want || got.Answered != tt.answered || got.Failed != tt.failed || got.Disagree != tt.disagree ||
				checktest.HasUnread(o, "disagree") != tt.unread || len(got.Missing) != tt.missing || got.Expected != (tt.missing == 0) {
				t.Errorf("got %+v, unread %v", got, o.Unread)
			}
		})
	}
}

func TestDNSQueries(t *testing.T) {
	var asked atomic.Int32
	server := nameServer(t, dnsZone, func(w dns.ResponseWriter, q *dns.Msg) bool {
		return asked.Add(1) == 2 && rcode(dns.RcodeServerFailure)(w, q)
	})
	got, _ := askDNS(t, "db.example.com", map[string]any{"queries": 5}, server)
	s := got.Servers[0]
	if asked.Load() != 5 || s.Asked != 5 || s.Responses != 5 || s.Answered != 4 || s.Outcome != ServerFailure || s.RCode != "SERVFAIL" ||
		got.Outcome != Partial || len(got.Answers) != 2 || s.LatencyMaxSeconds < s.LatencySeconds {
		t.Errorf("asked %d, got %+v", asked.Load(), got)
	}
}

// TestDNSBounded: an answer that fills 64 KiB is cut, and no other name's records
// are taken.
func TestDNSBounded(t *testing.T) {
	many := func(w dns.ResponseWriter, q *dns.Msg) bool {
		m := new(dns.Msg).SetReply(q)
		for i := range 2000 {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(10, 0, byte(i>>8), byte(i))})
		}
		m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: "evil.example.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(1, 1, 1, 1)})
		return w.WriteMsg(m) == nil
	}
	got, _ := askDNS(t, "db.example.com", map[string]any{"tcp": true, "expect": []string{"10.0.7.207"}}, nameServer(t, "", many))
	if got.Outcome != Answered || len(got.Answers) != maxRecords || !got.Expected || slices.Contains(got.Answers, "1.1.1.1") || got.Servers[0].TTLSeconds != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestDNSRefusedByPolicy(t *testing.T) {
	var asked atomic.Bool
	server := nameServer(t, dnsZone, func(dns.ResponseWriter, *dns.Msg) bool { asked.Store(true); return false })
	for _, servers := range [][]string{{server, "192.0.2.1"}, {"169.254.169.254"}, {"localhost:" + strings.Split(server, ":")[1]}} {
		o := checktest.Look(t, New(allow(t, "127.0.0.2", "192.0.2.1:54")).DNS(), map[string]any{"name": "db.example.com", "servers": servers})
		if o.Status != engine.Skipped || !o.Refused || !strings.Contains(o.Fix, "allow:") || asked.Load() {
			t.Errorf("%v: got %s %q, fix %q, asked %v; want a refusal", servers, o.Status, o.Reason, o.Fix, asked.Load())
		}
	}
}

func TestDNSBadInputs(t *testing.T) {
	for name, inputs := range map[string]map[string]any{
		"an address":       {"name": "192.0.2.1"},
		"a space":          {"name": "a b"},
		"beyond ASCII":     {"name": "bücher.example"},
		"a long label":     {"name": strings.Repeat("a", 64)},
		"empty":            {"name": ""},
		"empty label":      {"name": "a..b"},
		"server with port": {"name": "a", "servers": []string{"ns:x"}},
		"a server's URL":   {"name": "a", "servers": []string{"https://ns"}},
		"many servers":     {"name": "a", "servers": strings.Split(strings.Repeat("127.0.0.1 ", 17), " ")[:17]},
	} {
		d, err := New(nil).DNS().Definition()
		if err != nil {
			t.Fatal(err)
		}
		if _, faults := d.In.Decode(inputs); len(faults) > 0 {
			continue
		}
		if o := checktest.Look(t, New(nil).DNS(), inputs); o.Output != nil || o.Reason == "" {
			t.Errorf("%s: got %+v, want an error", name, o.Output)
		}
	}
}

// TestDNSOneRefused: nobody is asked when one of the servers may not be.
func TestDNSOneRefused(t *testing.T) {
	var asked atomic.Bool
	server := nameServer(t, dnsZone, func(dns.ResponseWriter, *dns.Msg) bool { asked.Store(true); return false })
	o := checktest.Look(t, New(allow(t, "127.0.0.1")).DNS(), map[string]any{"name": "db.example.com", "servers": []string{server, "192.0.2.1"}})
	if !o.Refused || asked.Load() {
		t.Errorf("got %s %q, asked %v; want a refusal first", o.Status, o.Reason, asked.Load())
	}
}

// TestDNSNameRefusedByPolicy: a name that no entry could allow is not looked up.
func TestDNSNameRefusedByPolicy(t *testing.T) {
	checkRefusal(t, func() error {
		_, err := New(allow(t, "db.example.com")).lookDNS(t.Context(), &engine.Call{}, DNSInput{Name: "a", Type: "A", Servers: []string{"ns.example.com"}}, nameFiles{resolvConfPath, hostsPath})
		return err
	}(), "ns.example.com:53")
}

// TestDNSServerName: the server itself may be a name.
func TestDNSServerName(t *testing.T) {
	_, port, _ := net.SplitHostPort(nameServer(t, dnsZone, nil))
	if got, _ := askDNS(t, "db.example.com", nil, "localhost:"+port); got.Outcome != Answered || got.Servers[0].Server != "127.0.0.1:"+port {
		t.Errorf("got %+v", got)
	}
	got, o := askDNS(t, "db.example.com", map[string]any{"timeout": "300ms", "queries": 3}, "ns.invalid")
	if s := got.Servers[0]; s.Outcome != ServerNotFound || s.Asked != 1 || s.Error == "" || s.Server != "ns.invalid:53" || !checktest.HasUnread(o, "slowest_seconds") {
		t.Errorf("got %+v, unread %v", got, o.Unread)
	}
}

func TestResolvConf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	none := []string{}
	for _, tt := range []struct {
		name, text string
		want       ResolvConf
	}{
		{
			"all of it", "# by hand\nnameserver 127.0.0.53\nnameserver fe80::1%lo\nsearch a.example b.example\noptions ndots:5 timeout:1 attempts:3 edns0\n",
			ResolvConf{
				Exists: true, Servers: []string{"127.0.0.53", "fe80::1%lo"}, InvalidServers: none, Search: []string{"a.example", "b.example"},
				NDots: 5, TimeoutSeconds: 1, Attempts: 3, Options: []string{"ndots:5", "timeout:1", "attempts:3", "edns0"},
			},
		},
		{"little", "nameserver ::1\n", ResolvConf{Exists: true, Servers: []string{"::1"}, InvalidServers: none, Search: none, NDots: 1, TimeoutSeconds: 5, Attempts: 2, Options: none}},
		{"many", strings.Repeat("nameserver 127.0.0.1\n", 30), ResolvConf{Exists: true, Servers: slices.Repeat([]string{"127.0.0.1"}, 16), InvalidServers: none, Search: none, NDots: 1, TimeoutSeconds: 5, Attempts: 2, Options: none}},
		{"empty", "", ResolvConf{Exists: true, Servers: none, InvalidServers: none, Search: none, NDots: 1, TimeoutSeconds: 5, Attempts: 2, Options: none}},
		{"a name", "nameserver ns.example\n", ResolvConf{
			Exists: true, Servers: none, InvalidServers: []string{"ns.example"}, Search: none, NDots: 1, TimeoutSeconds: 5, Attempts: 2, Options: none,
		}},
		{"no file", "", ResolvConf{Servers: none, InvalidServers: none, Search: none, NDots: 1, TimeoutSeconds: 5, Attempts: 2, Options: none}},
	} {
		if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if tt.name == "no file" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		got, err := readResolvConf(path)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: want -, got +\n%s", tt.name, diff)
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestDNSByResolvConf: without the input servers, those of the file are asked,
// and without the file there is nothing to ask.
func TestDNSByResolvConf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	check := New(nil).DNS()
	check.Run = func(ctx context.Context, call *engine.Call, in DNSInput) (DNS, error) {
		return New(nil).lookDNS(ctx, call, in, nameFiles{path, hostsPath})
	}
	got, o := checktest.Observe[DNS](t, check, map[string]any{"name": "db.example.com"})
	if got.Outcome != NoServers || got.ResolvConf.Exists || len(got.Servers) != 0 || !checktest.HasUnread(o, "disagree") || !checktest.HasUnread(o, "slowest_seconds") {
		t.Errorf("got %+v, unread %v; want no servers", got, o.Unread)
	}
	got, _ = checktest.Observe[DNS](t, check, map[string]any{"name": "db.example.com", "servers": []string{nameServer(t, dnsZone, nil)}})
	if got.Outcome != Answered || got.ResolvConf.Exists {
		t.Errorf("got %+v", got)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if o := checktest.Look(t, check, map[string]any{"name": "db.example.com"}); o.Output != nil || !strings.Contains(o.Reason, "resolv.conf") || !strings.Contains(o.Fix, "servers") {
		t.Errorf("a file that cannot be read: got %s %q, fix %q", o.Status, o.Reason, o.Fix)
	}
	if _, o := checktest.Observe[DNS](t, check, map[string]any{"name": "db.example.com", "servers": []string{nameServer(t, dnsZone, nil)}}); !checktest.HasUnread(o, "resolv_conf") {
		t.Errorf("unread %v", o.Unread)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("nameserver 127.0.0.1\nnameserver 127.0.0.2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, _ = checktest.Observe[DNS](t, check, map[string]any{"name": "db.example.com", "timeout": "200ms"})
	if len(got.Servers) != 2 || got.Servers[0].Server != "127.0.0.1:53" || got.Servers[1].Server != "127.0.0.2:53" {
		t.Errorf("got %+v", got)
	}
}

// allUnread tells whether exactly these fields are unread.
func allUnread(o engine.Observation, paths ...string) bool {
	return len(o.Unread) == len(paths) && !slices.ContainsFunc(paths, func(p string) bool { return !checktest.HasUnread(o, p) })
}

func TestHostsAddresses(t *testing.T) {
	const hosts = "# 192.0.2.1 db.example.com\n192.0.2.2 x DB.example.com. # ours\n2001:db8::2 db.example.com\n192.0.2.2 db.example.com\n" +
		"::ffff:192.0.2.3\tdb.example.com\nnonsense db.example.com\n192.0.2.4\n192.0.2.5 www.db.example.com\n"
	if got, want := hostsAddresses(hosts, "db.example.com", true), []string{"192.0.2.2", "192.0.2.3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := hostsAddresses(hosts, "db.example.com", false), []string{"2001:db8::2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := hostsAddresses(strings.Repeat("192.0.2.1 a\n", 9)+manyHosts(), "a", true); len(got) != maxRecords {
		t.Errorf("got %d addresses", len(got))
	}
}

func manyHosts() string {
	var b strings.Builder
	for i := range 200 {
		b.WriteString("10.0.0." + strconv.Itoa(i) + " a\n")
	}
	return b.String()
}

// TestDNSCheckingDisabled: a server that does not trust the signatures answers
// who does not ask it to check them.
func TestDNSCheckingDisabled(t *testing.T) {
	server := nameServer(t, dnsZone, func(w dns.ResponseWriter, q *dns.Msg) bool {
		return !q.CheckingDisabled && rcode(dns.RcodeServerFailure)(w, q)
	})
	for disabled, want := range map[bool]reach.Outcome{false: ServerFailure, true: Answered} {
		got, o := askDNS(t, "db.example.com", map[string]any{"checking_disabled": disabled}, server)
		if got.Outcome != want || slices.Contains(o.Reproduce[0], "+cd") != disabled {
			t.Errorf("disabled %v: got %+v, by hand %v", disabled, got, o.Reproduce)
		}
	}
}

// TestDNSZone: of which zone, and which version of it, an answer is.
func TestDNSZone(t *testing.T) {
	server := nameServer(t, dnsZone, nil)
	for _, tt := range []struct {
		name, kind string
		serial     int64
	}{{"example.com", "SOA", 2026112301}, {"db.example.com", "SOA", 1}, {"gone.example.com", "A", 1}, {"db.example.com", "A", 0}} {
		got, o := askDNS(t, tt.name, map[string]any{"type": tt.kind}, server)
		if s := got.Servers[0]; s.ZoneSerial != tt.serial || s.Zone == "example.com" != (tt.serial > 0) || checktest.HasUnread(o, "servers[0].zone") != (tt.serial == 0) {
			t.Errorf("%s %s: got %+v", tt.name, tt.kind, s)
		}
	}
}

// TestDNSOwnServers: of what is guarded, only a server of this host's own
// configuration is asked, at its port, and not where targets are listed.
func TestDNSOwnServers(t *testing.T) {
	configured := []string{"169.254.169.253", "fe80::1%eth0", "10.0.0.2"}
	for _, tt := range []struct {
		name, server string
		list         *reach.AllowList
		refused      bool
	}{
		{"a cloud's", "169.254.169.253", nil, false},
		{"a cloud's, with its port", "169.254.169.253:53", nil, false},
		{"a router's", "fe80::1%eth0", nil, false},
		{"at another port", "169.254.169.253:80", nil, true},
		{"that is not configured", "169.254.169.254", nil, true},
		{"on another network", "fe80::1%eth1", nil, true},
		{"with a list", "169.254.169.253", allow(t, "db.example.com"), true},
		{"that is listed", "169.254.169.253", allow(t, "169.254.169.253:53"), false},
		{"with a list, not guarded", "10.0.0.2", allow(t, "db.example.com"), true},
	} {
		targets, err := New(tt.list).dnsTargets([]string{tt.server}, configured)
		if (err != nil) != tt.refused {
			t.Errorf("%s: got %v, %v; want refused %v", tt.name, targets, err, tt.refused)
		}
	}
	// The very address is asked about again when it is connected to.
	q := dnsQuery{host: "169.254.169.253", own: true, to: netip.MustParseAddrPort("169.254.169.253:53")}
	if err := q.control()("udp", "169.254.169.253:53", nil); err != nil {
		t.Error(err)
	}
	checkRefusal(t, q.control()("udp", "169.254.169.254:53", nil), "169.254.169.254")
	checkRefusal(t, q.control()("udp", "169.254.169.253:80", nil), "169.254.169.253")
}

// TestRealDNSOwnServer: the guarded server that the host itself is told to ask is
// asked, and what this host forbids for one server leaves the others readable.
func TestRealDNSOwnServer(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "resolv.conf")
	inNamespace(t, func(run func(argv ...string)) {
		run("ip", "link", "set", "lo", "up")
		for _, address := range []string{"169.254.169.253", "127.0.0.2"} {
			run("ip", "address", "add", address+"/32", "dev", "lo")
			conn, err := net.ListenPacket("udp", address+":53")
			if err != nil {
				t.Error(err)
				return
			}
			s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
				rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A 192.0.2.9")
				m := new(dns.Msg).SetReply(q)
				m.Answer = []dns.RR{rr}
				_ = w.WriteMsg(m)
			})}
			go func() { _ = s.ActivateAndServe() }()
			defer func() { _ = s.Shutdown() }()
		}
		if err := os.WriteFile(conf, []byte("nameserver 169.254.169.253\nnameserver 127.0.0.2\n"), 0o644); err != nil {
			t.Error(err)
			return
		}
		here := func() (DNS, error) {
			// The questions are asked by goroutines of other threads, which are not here.
			p, in := New(nil), DNSInput{Name: "db.example.com", Type: "A", Queries: 1, Timeout: time.Second}
			o := DNS{Missing: []string{}}
			configured, err := readResolvConf(conf)
			if err != nil {
				return o, err
			}
			targets, err := p.dnsTargets(configured.Servers, configured.Servers)
			if err != nil {
				return o, err
			}
			asked := make([]askedServer, len(targets))
			for i, target := range targets {
				asked[i], err = p.askServer(t.Context(), dnsQuery{host: target.host, own: target.own, name: "db.example.com.", kind: dns.TypeA}, target, in, time.Now().Add(5*time.Second))
				if !errors.As(err, &asked[i].blind) && err != nil {
					return o, err
				}
			}
			o.conclude(&engine.Call{}, in, asked)
			return o, nil
		}
		got, err := here()
		if err != nil || got.Outcome != Answered || got.Answered != 2 || got.Servers[0].Address != "169.254.169.253" || got.Servers[0].Local || !got.Servers[1].Local {
			t.Errorf("got %+v, %v; want answered", got, err)
		}
		run("nft", "add table inet wall; add chain inet wall x { type filter hook output priority 0; }; add rule inet wall x ip daddr 127.0.0.2 udp dport 53 drop")
		got, err = here()
		if err != nil || got.Outcome != Answered || got.Answered != 1 || got.Failed != 0 || got.Servers[1].Outcome != "" || got.Servers[1].LocalFault != "forbidden" {
			t.Errorf("one forbidden: got %+v, %v", got, err)
		}
		run("nft", "add rule inet wall x udp dport 53 drop")
		got, err = here()
		if err != nil || got.Outcome != "" || got.Answered != 0 || got.Servers[0].LocalFault != "forbidden" {
			t.Errorf("all forbidden: got %+v, %v", got, err)
		}
	})
}

// TestDNSAgreesWithDig: the same records as dig gives.
func TestDNSAgreesWithDig(t *testing.T) {
	dig, err := exec.LookPath("dig")
	checktest.Need(t, "dig", err == nil)
	server := nameServer(t, dnsZone, nil)
	host, port, _ := net.SplitHostPort(server)
	for _, kind := range []string{"MX", "NS", "SOA", "CAA", "A", "AAAA"} {
		name := "example.com"
		if strings.HasPrefix(kind, "A") {
			name = "db.example.com"
		}
		got, o := askDNS(t, name, map[string]any{"type": kind}, server)
		text, err := exec.Command(dig, "@"+host, "-p", port, "+short", "+noidnin", name, kind).Output()
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(strings.ToLower(string(text))) {
			var fields []string
			for field := range strings.FieldsSeq(line) {
				fields = append(fields, strings.TrimSuffix(field, "."))
			}
			want = append(want, strings.Join(fields, " "))
		}
		slices.Sort(want)
		if !slices.Equal(got.Answers, want) || len(o.Reproduce) != 1 {
			t.Errorf("%s: got %q, dig says %q", kind, got.Answers, want)
		}
	}
}

func FuzzNameFiles(f *testing.F) {
	f.Add("nameserver 10.0.0.2\nsearch a b\noptions ndots:5\n192.0.2.1 a b\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := ResolvConf{}
		_ = c.parse("resolv.conf", []byte(text))
		if len(c.Servers) > maxServers || len(c.Search) > maxServers || len(c.Options) > maxServers || len(c.InvalidServers) > maxServers {
			t.Errorf("got %+v", c)
		}
		for _, address := range hostsAddresses(text, "a", true) {
			if !netip.MustParseAddr(address).Is4() {
				t.Errorf("got %s", address)
			}
		}
	})
}

func FuzzDNSReply(f *testing.F) {
	question := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	question.Id = 7
	var records []dns.RR
	parser := dns.NewZoneParser(strings.NewReader(dnsZone), "example.com.", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		records = append(records, rr)
	}
	for _, m := range []*dns.Msg{fromZone(records, question), fromZone(nil, question)} {
		text, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		reply, err := readReply(question, text)
		if err != nil {
			return
		}
		if badness(reply.outcome) < 0 {
			t.Errorf("outcome %q", reply.outcome)
		}
		s := newAskedServer("x")
		s.add(dnsQuery{name: "www.example.com.", kind: dns.TypeA}, reply)
		s.finish(&engine.Call{}, 0, false)
		if len(s.Answers) > maxRecords || len(s.CNAMEChain) > maxAliases {
			t.Errorf("%d answers, chain of %d", len(s.Answers), len(s.CNAMEChain))
		}
	})
}

func BenchmarkDNS(b *testing.B) {
	server := nameServer(b, dnsZone, nil)
	in := DNSInput{Name: "db.example.com", Type: "A", Servers: []string{server}, Queries: 1, Timeout: 2 * time.Second}
	for b.Loop() {
		if _, err := New(nil).lookDNS(b.Context(), &engine.Call{}, in, nameFiles{resolvConfPath, hostsPath}); err != nil {
			b.Fatal(err)
		}
	}
}
