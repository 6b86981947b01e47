package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/miekg/dns"
)

// recordsOf gives the data of the records that answer the question, with the
// names that the name stands for, and the lowest time that any of them may be
// kept. Records that the question does not lead to are left out: a server may
// put anything there.
func recordsOf(m *dns.Msg, asked dns.Question) (records, chain []string, ttls []uint32) {
	owner := asked.Name
	seen := map[string]bool{}
	for {
		seen[strings.ToLower(owner)] = true
		next := ""
		for _, rr := range m.Answer {
			h := rr.Header()
			if h.Class != asked.Qclass || !strings.EqualFold(h.Name, owner) {
				continue
			}
			if h.Rrtype == asked.Qtype {
				if text, ok := recordText(rr); ok {
					records, ttls = append(records, text), append(ttls, h.Ttl)
				}
			} else if alias, ok := rr.(*dns.CNAME); ok {
				next, ttls = alias.Target, append(ttls, h.Ttl)
			}
		}
		if next == "" || len(records) > 0 || len(chain) == maxAliases || seen[strings.ToLower(next)] {
			slices.Sort(records)
			return slices.Compact(records), chain, ttls
		}
		chain = append(chain, recordName(next))
		owner = next
	}
}

// negativeTTL is for how long it may be kept that there is nothing (RFC 2308, 5).
func negativeTTL(m *dns.Msg) []uint32 {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return []uint32{min(soa.Hdr.Ttl, soa.Minttl)}
		}
	}
	return nil
}

// recordText writes the data of a record; false for one without.
func recordText(rr dns.RR) (string, bool) {
	switch r := rr.(type) {
	case *dns.A:
		addr, ok := netip.AddrFromSlice(r.A)
		return addr.Unmap().String(), ok
	case *dns.AAAA:
		addr, ok := netip.AddrFromSlice(r.AAAA)
		return addr.String(), ok
	case *dns.CNAME:
		return recordName(r.Target), true
	case *dns.NS:
		return recordName(r.Ns), true
	case *dns.PTR:
		return recordName(r.Ptr), true
	case *dns.MX:
		return fmt.Sprintf("%d %s", r.Preference, recordName(r.Mx)), true
	case *dns.SRV:
		return fmt.Sprintf("%d %d %d %s", r.Priority, r.Weight, r.Port, recordName(r.Target)), true
	case *dns.SOA:
		return fmt.Sprintf("%s %s %d %d %d %d %d", recordName(r.Ns), recordName(r.Mbox), r.Serial, r.Refresh, r.Retry, r.Expire, r.Minttl), true
	case *dns.TXT:
		return unescape(strings.Join(r.Txt, "")), true
	case *dns.CAA:
		return fmt.Sprintf("%d %s %q", r.Flag, strings.ToLower(r.Tag), unescape(r.Value)), true
	}
	return "", false
}

// recordName writes a name in lower case, without the dot at its end.
func recordName(name string) string {
	if name == "." {
		return name
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// unescape undoes what the library does to bytes of a text: \" and \007.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\' || i+1 == len(text):
			b.WriteByte(text[i])
		case i+3 < len(text) && isDigit(text[i+1]) && isDigit(text[i+2]) && isDigit(text[i+3]):
			b.WriteByte((text[i+1]-'0')*100 + (text[i+2]-'0')*10 + text[i+3] - '0')
			i += 3
		default:
			i++
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// shown makes a text from outside fit for a terminal and cuts it between
// characters.
func shown(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// hasRecord tells whether an expected record is among those of a server.
func hasRecord(kind, want string, records []string) bool {
	want = strings.ToLower(want)
	if addr, err := netip.ParseAddr(want); err == nil {
		want = addr.String()
	}
	return slices.ContainsFunc(records, func(have string) bool {
		if have = strings.ToLower(have); kind == "TXT" {
			return strings.Contains(have, want)
		}
		return have == want || have == strings.TrimSuffix(want, ".")
	})
}
