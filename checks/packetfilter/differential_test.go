package packetfilter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/bpf"
)

// author writes random filters by the grammar, with addresses and ports that the
// packets of the tests have.
type author struct {
	*rand.Rand
	ethernet bool
}

func (a author) of(texts ...string) string { return texts[a.IntN(len(texts))] }

func (a author) chance(percent int) bool { return a.IntN(100) < percent }

func (a author) expression(depth int) string {
	var out strings.Builder
	out.WriteString(a.operand(depth))
	for range a.IntN(3) {
		out.WriteString(a.of(" and ", " or ", " && ", " || "))
		out.WriteString(a.operand(depth))
	}
	return out.String()
}

func (a author) operand(depth int) string {
	not := ""
	if a.chance(20) {
		not = a.of("not ", "! ", "!")
	}
	if depth > 0 && a.chance(30) {
		return not + "(" + a.expression(depth-1) + ")"
	}
	return not + a.primitive()
}

func (a author) primitive() string {
	switch a.IntN(14) {
	case 0:
		return a.of("ip", "ip6", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "pim", "ah", "esp", "vrrp", "arp", "rarp", "stp", "carp", "igrp")
	case 1, 2:
		return a.list(a.of("", "ip ", "arp ", "rarp ", "")+a.way()+a.of("host ", "host ", "net "), func() string { return a.ipv4() })
	case 3:
		return a.of("", "ip6 ") + a.way() + a.of("host "+a.ipv6(), "net "+a.of("fe80::/10", "2001:db8::/32", "::/0", "ff00::/8", "2001:db8::/33", "fe80::1"))
	case 4:
		return a.of("", "ip ", "arp ") + a.way() + "net " + a.of("10.0.0.0/8", "192.168.0.0/16", "192.168.1.16/28", "0.0.0.0/0", "8.8.8.8/32", "10", "192.168", "172.16.0",
			"10.0.0.0 mask 255.0.0.0", "192.168.0.20 mask 255.255.0.255", "224.0/4")
	case 5, 6:
		return a.list(a.of("", "tcp ", "udp ", "sctp ", "")+a.way()+"port ", func() string { return a.of("53", "80", "443", "40000", "5353", "0", "0x50", "domain") })
	case 7:
		return a.of("", "tcp ", "udp ") + a.way() + "portrange " + a.of("20-100", "100-20", "53-53", "1-65535", "40000-60000", "80", "0-0")
	case 8:
		return a.of("ip proto ", "ip6 proto ", "proto ") + a.of("6", "17", "1", "58", "44", `\tcp`, `\udp`, "0")
	case 9:
		return "ether proto " + a.of("0x800", "0x86dd", `\ip`, `\arp`, `\ip6`, "0x8100", "0x88cc", "16", `\stp`)
	case 10:
		return a.of("less ", "greater ") + a.of("60", "74", "100", "0", "1500")
	case 11:
		if a.ethernet && a.chance(70) {
			return a.of("ether broadcast", "multicast", "ether src 00:11:22:33:44:55", "ether host 66:77:88:99:aa:bb", "ether dst ff:ff:ff:ff:ff:ff",
				"vlan", "vlan 5", "vlan 7", "mpls", "mpls 16", "mpls 17", "pppoes", "pppoes 7", "pppoed", "vlan and vlan")
		}
		return a.of("ip multicast", "ip6 multicast")
	}
	return a.relation()
}

// list is qualifiers with one value, or several that inherit them.
func (a author) list(qualifiers string, value func() string) string {
	out := qualifiers + value()
	if a.chance(75) {
		return out
	}
	if a.chance(50) {
		return qualifiers + "(" + value() + a.of(" or ", " and ") + a.of("", "not ") + value() + ")"
	}
	return out + a.of(" or ", " and ", " or not ") + value()
}

func (a author) way() string {
	return a.of("", "", "src ", "dst ", "src or dst ", "src and dst ", "dst or src ", "dst and src ")
}

func (a author) ipv4() string {
	return a.of(hostA, hostB, hostC, "8.8.8.8", "172.16.0.9", "255.255.255.255", "10.1", "0.0.0.0")
}

func (a author) ipv6() string { return a.of(hostD, hostE, "ff02::1", "::", "ff02::fb", "::1/128") }

func (a author) relation() string {
	return a.arithmetic(2) + " " + a.of("=", "==", "!=", "<", ">", "<=", ">=") + " " + a.of(a.arithmetic(1), a.constant(), a.constant())
}

func (a author) constant() string {
	return a.of("0", "1", "2", "5", "6", "64", "80", "0x0a000001", "0x4500", "255", "0xffffffff", "tcp-syn", "icmp-echo", "icmp6-echo", "12", "20", "017")
}

func (a author) arithmetic(depth int) string {
	if depth == 0 || a.chance(40) {
		// Numbers alone, and a 0, are left out: of 0 * tcp[0] tcpdump's optimizer
		// makes programs that use X without setting it.
		number := a.of("1", "2", "5", "6", "64", "80", "255", "0x4500", "tcp-syn", "017")
		switch a.IntN(8) {
		case 0:
			return "(" + number + a.of(" + ", " - ", " | ", " ^ ") + a.bytes(depth) + ")"
		case 1, 2:
			return "(" + a.bytes(depth) + a.of(" + ", " - ", " * ", " / ", " & ", " | ", " ^ ", " % ") + number + ")"
		}
		return a.bytes(depth)
	}
	switch a.IntN(8) {
	case 0:
		return "(" + a.arithmetic(depth-1) + " " + a.of("+", "-", "*", "/", "&", "|", "^", "%") + " " + a.arithmetic(depth-1) + ")"
	case 1:
		return a.arithmetic(depth-1) + a.of(" << ", " >> ") + a.of("1", "2", "8", "31", "ip[0]")
	case 2:
		return "- " + a.bytes(0)
	case 3:
		return "len"
	}
	return a.arithmetic(depth-1) + " " + a.of("+", "-", "*", "/", "&", "|", "^", "%", "&", "&") + " " + a.arithmetic(depth-1)
}

func (a author) bytes(depth int) string {
	protocol := a.of("ip", "ip", "ip6", "tcp", "tcp", "udp", "icmp", "icmp6", "ether", "arp", "igmp", "sctp")
	index := a.of("0", "1", "2", "4", "6", "8", "9", "12", "13", "16", "tcpflags", "icmptype")
	if depth > 0 && a.chance(15) {
		index = a.arithmetic(depth - 1)
	}
	return protocol + "[" + index + a.of("", ":1", ":2", ":4") + "]"
}

// TestDifferential compiles random filters by tcpdump and by us, and compares
// them packet by packet, over whole packets, cut ones and garbled ones. We differ
// for one filter in thousands: where tcpdump's optimizer changed what the filter
// says, and tcpdump says what we say without it (it compares bytes 12 and 13 with
// 60, not the length, in (tcp port 5 and sctp) or (greater 1500 or less 60) and
// less 60); and for packets that are cut off, in filters whose arithmetic has
// always the same value.
func TestDifferential(t *testing.T) {
	needTcpdump(t)
	count := 60
	if os.Getenv("GUMSHOE_TEST_LONG") != "" {
		count = 20_000
	}
	seed := uint64(20230112) // when libpcap 1.10.3 came out
	if os.Getenv("GUMSHOE_TEST_LONG") != "" {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	frames := map[LinkType][]frame{}
	for _, link := range []LinkType{Ethernet, LinuxSLL, LinuxSLL2, Raw, Null, PPP} {
		frames[link] = append(wholeFrames(link), brokenFrames(link)...)
	}
	compared, refused, impossible, unlike := 0, map[string]int{}, 0, 0
	for range count {
		link := Ethernet
		if random.IntN(4) == 0 {
			link = []LinkType{LinuxSLL, LinuxSLL2, Raw, Null, PPP}[random.IntN(5)]
		}
		filter := author{Rand: random, ethernet: link == Ethernet}.expression(2)
		f, err := Parse(filter)
		if err == nil {
			_, err = f.Compile(link)
		}
		optimized, theirs := tcpdump("-y", link.String(), "-ddd", "--", filter)
		switch {
		case err != nil && theirs != nil:
			refused["by both"]++
			continue
		case err != nil:
			refused[reason(err)]++
			continue
		case theirs != nil && !errors.Is(theirs, errRejectsAll):
			refused["by tcpdump: "+strings.SplitN(theirs.Error(), ":", 3)[1]]++
			continue
		case theirs != nil:
			impossible++
		default:
			compared++
		}
		if theirs != nil {
			optimized = "1\n6 0 0 0"
		}
		c := contend(t, fmt.Sprintf("%s %s", link, filter), filter, link, parsed(t, optimized))
		plain := sync.OnceValue(func() *Matcher {
			text, err := tcpdump("-y", link.String(), "-O", "-ddd", "--", filter)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			m, err := NewMatcher(parsed(t, text))
			if err != nil {
				t.Fatal(err)
			}
			return m
		})
		for _, f := range frames[link] {
			got, want := c.matcher.Match(f.data, f.wire), c.theirMatcher.Match(f.data, f.wire)
			if got != want {
				long := append(slices.Clone(f.data), make([]byte, 400)...)
				ofLong := c.matcher.Match(long, f.wire) == c.theirMatcher.Match(long, f.wire)
				if ofLong || plain().Match(f.data, f.wire) == got {
					unlike++
					t.Logf("%s: %x: tcpdump says %v, and without its optimizer %v; of a longer packet we agree: %v",
						c.name, f.data, want, plain().Match(f.data, f.wire), ofLong)
					break
				}
			}
			if !c.agree(t, f) {
				return
			}
		}
	}
	t.Logf("%d compared, %d that no packet can match, refused: %v", compared, impossible, refused)
	if compared < count/2 {
		t.Errorf("only %d of %d filters were compared", compared, count)
	}
	if unlike > 1+count/500 {
		t.Errorf("%d filters have another verdict for some packet", unlike)
	}
}

func parsed(t testing.TB, text string) []bpf.RawInstruction {
	t.Helper()
	if text == "" {
		return nil
	}
	program, err := ParseProgram(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return program
}

// reason is what an error says beside its place.
func reason(err error) string {
	if fault, ok := errors.AsType[*Error](err); ok {
		return fault.Reason
	}
	return err.Error()
}
