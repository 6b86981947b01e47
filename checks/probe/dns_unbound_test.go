package probe

import (
	"fmt"
	"maps"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gumshoe/checks/checktest"
	"gumshoe/checks/probe/unboundtest"
	"gumshoe/checks/reach"
)

// corp is a zone with a name that has more records than fit into a datagram.
func corp() []string {
	records := []string{
		"corp.example. 300 SOA ns.corp.example. root.corp.example. 7 3600 600 86400 60", "corp.example. 300 NS ns.corp.example.",
		"db.corp.example. 300 A 192.0.2.9", "db.corp.example. 300 A 192.0.2.10", "only6.corp.example. 300 AAAA 2001:db8::6",
	}
	for i := range 200 {
		records = append(records, fmt.Sprintf("many.corp.example. 300 A 198.51.100.%d", i))
	}
	return records
}

// TestDNSUnbound: what each state of a real name server looks like.
func TestDNSUnbound(t *testing.T) {
	server := unboundtest.Start(t, unboundtest.Config{Zone: "corp.example", Records: corp()})
	for _, tt := range []struct {
		name, kind string
		more       map[string]any
		want       reach.Outcome
		answers    int
		truncated  bool
	}{
		{"db.corp.example", "A", nil, Answered, 2, false},
		{"db.corp.example", "A", map[string]any{"tcp": true}, Answered, 2, false},
		{"gone.corp.example", "A", nil, reach.NameNotFound, 0, false},
		{"only6.corp.example", "A", nil, NoData, 0, false},
		{"only6.corp.example", "AAAA", nil, Answered, 1, false},
		{"many.corp.example", "A", nil, Answered, maxRecords, true},
		{"www.other.example", "A", nil, RefusedQuery, 0, false},
		{"127.0.0.1", "PTR", nil, Answered, 1, false},
	} {
		t.Run(tt.name+" "+tt.kind, func(t *testing.T) {
			inputs := map[string]any{"type": tt.kind}
			maps.Copy(inputs, tt.more)
			got, _ := askDNS(t, tt.name, inputs, server.Address)
			if got.Outcome != tt.want || len(got.Answers) != tt.answers || got.Servers[0].Truncated != tt.truncated {
				t.Errorf("got %+v", got)
			}
		})
	}
	if got, _ := askDNS(t, "gone.corp.example", nil, server.Address); got.Servers[0].Zone != "corp.example" || got.Servers[0].ZoneSerial != 7 || !got.Servers[0].Authoritative {
		t.Errorf("got %+v, want the zone and its serial", got.Servers[0])
	}

	server.Pause()
	got, _ := askDNS(t, "db.corp.example", map[string]any{"timeout": "300ms"}, server.Address)
	if got.Outcome != reach.TimedOut || got.Failed != 1 {
		t.Errorf("paused: got %+v", got)
	}
	server.Resume()
	server.Stop()
	if got, _ = askDNS(t, "db.corp.example", nil, server.Address); got.Outcome != reach.RefusedByIt {
		t.Errorf("stopped: got %+v", got)
	}
}

// TestDNSUnboundFailures: access lists, upstreams and signatures.
func TestDNSUnboundFailures(t *testing.T) {
	t.Parallel()
	zone := unboundtest.Start(t, unboundtest.Config{Zone: "corp.example", Records: corp()})
	host, port, _ := net.SplitHostPort(zone.Address)
	dead := strings.Replace(closed(t), ":", "@", 1)
	const anchor = "corp.example. DS 12345 13 2 0000000000000000000000000000000000000000000000000000000000000000"
	for _, tt := range []struct {
		name            string
		config          unboundtest.Config
		ask             string
		want, unchecked reach.Outcome
		error           string
	}{
		{"an access list refuses", unboundtest.Config{Zone: "corp.example", Records: corp(), Options: []string{"access-control: 127.0.0.0/8 refuse"}}, "db.corp.example", RefusedQuery, RefusedQuery, ""},
		{"an access list drops", unboundtest.Config{Zone: "corp.example", Records: corp(), Options: []string{"access-control: 127.0.0.0/8 deny"}}, "db.corp.example", reach.TimedOut, reach.TimedOut, ""},
		{"a dead upstream", unboundtest.Config{Forward: dead}, "db.corp.example", reach.TimedOut, reach.TimedOut, ""},
		{"a dead upstream, and what it knows by itself", unboundtest.Config{Forward: dead}, "localhost", Answered, Answered, ""},
		{"an upstream that refuses", unboundtest.Config{Forward: host + "@" + port}, "www.other.example", ServerFailure, ServerFailure, ""},
		{"an upstream that answers", unboundtest.Config{Forward: host + "@" + port}, "db.corp.example", Answered, Answered, ""},
		{"a bogus anchor", unboundtest.Config{Forward: host + "@" + port, Options: []string{"trust-anchor: '" + anchor + "'"}}, "db.corp.example", ServerFailure, Answered, ""},
		{"UDP alone, and too long", unboundtest.Config{Zone: "corp.example", Records: corp(), Options: []string{"do-tcp: no"}}, "many.corp.example", reach.RefusedByIt, reach.RefusedByIt, "does not fit into UDP"},
		{"TCP alone", unboundtest.Config{Zone: "corp.example", Records: corp(), Options: []string{"do-udp: no"}}, "db.corp.example", reach.RefusedByIt, reach.RefusedByIt, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := unboundtest.Start(t, tt.config)
			timeout := "10s"
			if tt.want == reach.TimedOut {
				timeout = "300ms"
			}
			for unchecked, want := range map[bool]reach.Outcome{false: tt.want, true: tt.unchecked} {
				got, _ := askDNS(t, tt.ask, map[string]any{"checking_disabled": unchecked, "timeout": timeout}, server.Address)
				if got.Outcome != want || !strings.Contains(got.Servers[0].Error, tt.error) {
					t.Errorf("checking disabled %v: got %+v, want %s", unchecked, got, want)
				}
			}
		})
	}
}

// TestDNSUnboundDisagree: two servers have different versions of a zone.
func TestDNSUnboundDisagree(t *testing.T) {
	t.Parallel()
	one := unboundtest.Start(t, unboundtest.Config{Zone: "corp.example", Records: corp()})
	two := unboundtest.Start(t, unboundtest.Config{Zone: "corp.example", Records: []string{
		"corp.example. 300 SOA ns.corp.example. root.corp.example. 6 3600 600 86400 60", "db.corp.example. 300 A 192.0.2.1",
	}})
	if got, _ := askDNS(t, "db.corp.example", nil, one.Address, two.Address); got.Outcome != Answered || !got.Disagree || len(got.Answers) != 3 {
		t.Errorf("got %+v, want that they disagree", got)
	}
	got, _ := askDNS(t, "db.corp.example", map[string]any{"type": "SOA"}, one.Address, two.Address)
	if got.Outcome != NoData || got.Servers[0].ZoneSerial != 7 || got.Servers[1].ZoneSerial != 6 {
		t.Errorf("got %+v, want different serials", got)
	}
}

// TestDNSAgreesWithDigOnUnbound: the same code, flags and records as dig tells.
func TestDNSAgreesWithDigOnUnbound(t *testing.T) {
	t.Parallel()
	dig, err := exec.LookPath("dig")
	checktest.Need(t, "dig", err == nil)
	server := unboundtest.Start(t, unboundtest.Config{Zone: "corp.example", Records: corp()})
	for _, question := range [][2]string{
		{"db.corp.example", "A"}, {"gone.corp.example", "A"}, {"only6.corp.example", "A"}, {"corp.example", "SOA"}, {"corp.example", "NS"}, {"www.other.example", "A"},
	} {
		got, o := askDNS(t, question[0], map[string]any{"type": question[1]}, server.Address)
		text, err := exec.Command(dig, o.Reproduce[0][1:]...).Output()
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), "status: ")
		code, _, _ := strings.Cut(after, ",")
		_, after, _ = strings.Cut(after, "flags:")
		flags, _, _ := strings.Cut(after, ";")
		var records []string
		if _, section, found := strings.Cut(string(text), ";; ANSWER SECTION:\n"); found {
			section, _, _ = strings.Cut(section, "\n\n")
			for line := range strings.Lines(section) {
				fields := strings.Fields(line)
				for i := range fields {
					fields[i] = strings.TrimSuffix(fields[i], ".")
				}
				records = append(records, strings.Join(fields[4:], " "))
			}
		}
		slices.Sort(records)
		s := got.Servers[0]
		if s.RCode != code || s.Authoritative != strings.Contains(flags, " aa") || s.RecursionAvailable != strings.Contains(flags, " ra") || !slices.Equal(s.Answers, records) {
			t.Errorf("%v: got %+v, dig says\n%s", question, s, text)
		}
	}
}
