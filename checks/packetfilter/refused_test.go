package packetfilter

import (
	"errors"
	"strings"
	"testing"
)

// TestRefused holds each filter that is refused against its message. None is
// guessed at: what the grammar does not cover names its place.
func TestRefused(t *testing.T) {
	for _, test := range []struct{ filter, want string }{
		{"host www.example.com", `column 6: "www.example.com": a filter looks no names up: give the address`},
		{"net corp", `column 5: "corp": a filter looks no names up: give the address`},
		{"10.0.0.1", `column 1: "10.0.0.1": what it is has to be said, as in host, net or port`},
		{"80", `column 1: "80": what it is has to be said, as in host, net or port`},
		{"(port 80) or 443", `column 14: "443": what it is has to be said, as in host, net or port`},
		{"tcp and 80", `column 9: "80": what it is has to be said, as in host, net or port`},
		{"gateway 10.0.0.1", `column 1: "gateway": a gateway would have to be looked up; write ether host MAC and not host ADDRESS`},
		{"inbound", `column 1: "inbound": a capture file does not keep the direction`},
		{"ip and outbound", `column 8: "outbound": a capture file does not keep the direction`},
		{"ifname eth0", `column 1: "ifname": only captures of a firewall's log or of every interface have it`},
		{"ip protochain 6", `column 4: "protochain": a chain of headers needs a loop, which the kernel's filter has not`},
		{"geneve 5", `column 1: "geneve": what is inside a tunnel is not looked at; test its udp port`},
		{"vxlan", `column 1: "vxlan": what is inside a tunnel is not looked at; test its udp port`},
		{"wlan host 00:11:22:33:44:55", `column 1: "wlan": captures of wireless, FDDI and token ring networks are not supported`},
		{"subtype beacon", `column 1: "subtype": captures of wireless, FDDI and token ring networks are not supported`},
		{"decnet host 5", `column 1: "decnet": this protocol is not supported; compare bytes instead, as in ether[14:2] = 0xfefe`},
		{"llc", `column 1: "llc": this protocol is not supported; compare bytes instead, as in ether[14:2] = 0xfefe`},
		{"isis", `column 1: "isis": this protocol is not supported; compare bytes instead, as in ether[14:2] = 0xfefe`},
		{"ether proto \\ipx", `column 13: "\\ipx": this protocol is not supported; compare bytes instead, as in ether[14:2] = 0xfefe`},
		{"ether proto 0x809b", `column 13: "0x809b": this protocol is not supported; compare bytes instead, as in ether[12:2] = 0x809b`},
		{"byte 5 = 3", `column 1: "byte": write ether[N] = VALUE`},
		{"vpi 5", `column 1: "vpi": captures of ATM and of SS7 are not supported`},
		{"ip broadcast", `column 4: "broadcast": it depends on the network's mask, which a capture does not hold; give the address, as in dst host 10.0.0.255`},
		{"tcp multicast", `column 5: "multicast": tcp has none`},
		{"tcp port 80 443", `column 13: "443": join it to what is before it with and, or with or`},
		{"tcp 80", `column 5: "80": after tcp stands and, or, or a qualifier such as host or port`},
		{"port", `column 5: the end of the filter: the number or name of a port stands here`},
		{"port 65536", `column 6: "65536": a port is at most 65535`},
		{"port 80-90", `column 6: "80-90": it is no known service: give the port's number, and a range of ports with portrange`},
		{"port gumshoe", `column 6: "gumshoe": it is no known service: give the port's number`},
		{"portrange 5-x", `column 11: "5-x": a range of ports is written 8000-8100`},
		{"icmp port 5", `column 11: "5": only tcp, udp and sctp have ports, not icmp`},
		{"udp port http", `column 10: "http": udp does not have this service`},
		{"tcp host 10.0.0.1", `column 10: "10.0.0.1": tcp has no IPv4 addresses: they belong to ip, arp and rarp`},
		{"ip6 host 10.0.0.1", `column 10: "10.0.0.1": ip6 has no IPv4 addresses: they belong to ip, arp and rarp`},
		{"ip host ::1", `column 9: "::1": ip has no IPv6 addresses`},
		{"host 10.0.0.256", `column 6: "10.0.0.256": each number of an IPv4 address is at most 255`},
		{"host 10.0.0.0/8", `column 14: "/": only net has a mask`},
		{"net 10/8", `column 7: "/": a network with a mask has two to four numbers, as in 10.0/8`},
		{"net 10.0.0.1/8", `column 5: "10.0.0.1": the address has bits outside of its mask`},
		{"net 10.0.0.0/33", `column 14: "33": the length of a network is 0 to 32`},
		{"net 10.0.0.0 mask 8", `column 19: "8": a mask is written 255.255.0.0`},
		{"ip6 net fe80::1/10", `column 9: "fe80::1": the address has bits outside of its mask`},
		{"ip6 host fe80::/10", `column 16: "/": only net has a mask`},
		{"host 00:11:22:33:44:55", `column 6: "00:11:22:33:44:55": a hardware address follows ether host, ether src or ether dst`},
		{"ether host 10.0.0.1", `column 12: "10.0.0.1": ether is followed by a hardware address, as in 00:11:22:33:44:55`},
		{"ip proto tcp", `column 10: "tcp": here it is written \tcp`},
		{"ip proto \\nosuch", `column 10: "\\nosuch": it is no known protocol: give its number`},
		{"ip proto 256", `column 10: "256": the number of a protocol of IP is at most 255`},
		{"arp proto 5", `column 11: "5": arp carries no protocol by number`},
		{"src proto 5", `column 5: "proto": an address stands here`},
		{"vlan 4096", `column 6: "4096": the number of vlan is at most 4095`},
		{"mpls 1048576", `column 6: "1048576": the number of mpls is at most 1048575`},
		{"pppoes 65536", `column 8: "65536": the number of pppoes is at most 65535`},
		{"less", `column 5: the end of the filter: less is followed by a length in bytes`},
		{"tcp[13] & 2", `column 12: the end of the filter: a comparison stands here, such as = or >`},
		{"tcp[13:3] = 1", `column 8: "3": the size is 1, 2 or 4 bytes`},
		{"tcp[13 = 1", `column 8: "=": ] stands here`},
		{"tcp[-1] = 1", `column 5: "-": an offset is 0 to 262144`},
		{"ip[0xfffffff0] = 1", `column 4: "0xfffffff0": an offset is 0 to 262144`},
		{"ah[0] = 1", `column 1: "ah": its bytes cannot be named`},
		{"ip[0] / 0 = 1", `column 9: "0": division by zero`},
		{"ip[0] >> 32 = 1", `column 10: "32": a shift is by at most 31 bits`},
		{"ip[0] =", `column 8: the end of the filter: a number, len, or bytes of the packet such as tcp[13] stand here`},
		{"less 099", `column 6: "099": a number that begins with 0 is octal, and has no 8 or 9`},
		{"less 4294967296", `column 6: "4294967296": a number has at most 32 bits`},
		{"(tcp", `column 1: "(": it has no )`},
		{"tcp)", `column 4: ")": there is no ( for it`},
		{"(tcp or)", `column 8: ")": a condition stands here, such as host, port or tcp`},
		{"tcp or", `column 7: the end of the filter: a condition stands here, such as host, port or tcp`},
		{"and tcp", `column 1: "and": a condition stands here, such as host, port or tcp`},
		{"not", `column 4: the end of the filter: a condition stands here, such as host, port or tcp`},
		{"TCP port 80", `column 1: "TCP": what it is has to be said, as in host, net or port`},
		{"tcp port 80; ip", `column 12: ";": no part of a filter begins with it`},
		{"port „80“", `column 6: "„": no part of a filter begins with it`},
		{"ip proto \\", `column 10: "\\": a name follows \, as in \tcp`},
		{"host (10.0.0.1 or tcp)", `column 19: "tcp": an address stands here`},
		{"ether", `column 1: "ether": host, proto, broadcast, multicast or [ follows it`},
		{"$5", `column 1: "$": no part of a filter begins with it`},
		{strings.Repeat("not ", 101) + "ip", `column 401: "not": a filter is nested at most 100 deep`},
		{strings.Repeat("(", 101) + "ip" + strings.Repeat(")", 101), `column 101: "(": a filter is nested at most 100 deep`},
		{strings.Repeat("tcp or ", 10000) + "ip", `column 65537: "…": a filter has at most 65536 bytes`},
	} {
		_, err := Parse(test.filter)
		if err == nil {
			t.Errorf("%s: it is not refused", test.filter)
			continue
		}
		if got := err.Error(); got != test.want {
			t.Errorf("%.60s:\ngot  %s\nwant %s", test.filter, got, test.want)
		}
		var fault *Error
		if !errors.As(err, &fault) || fault.Column < 1 {
			t.Errorf("%.60s: %v: it has no column", test.filter, err)
		}
	}
}

// TestRefusedForLink holds filters that cannot be asked of a link type.
func TestRefusedForLink(t *testing.T) {
	for _, test := range []struct {
		link         LinkType
		filter, want string
		live         bool
	}{
		{Ethernet, "ip[0] / (0 & ip[1]) = 0", `column 9: "(": division by zero`, false},
		{LinuxSLL, "ip and vlan", `column 8: "vlan": packets of LINUX_SLL have no VLAN tag to be compared`, false},
		{LinuxSLL2, "ether host 00:11:22:33:44:55", `column 12: "00:11:22:33:44:55": packets of LINUX_SLL2 have no hardware addresses to be compared`, false},
		{Raw, "ether multicast", `column 1: "ether": packets of RAW have no hardware addresses to be compared`, false},
		{Raw, "broadcast", `column 1: "broadcast": packets of RAW have no hardware addresses to be compared`, false},
		{Raw, "mpls 5", `column 1: "mpls": packets of RAW have no label of MPLS to be compared`, false},
		{Ethernet, "pppoes and vlan", `column 12: "vlan": packets of PPP have no VLAN tag to be compared`, false},
		{Ethernet, "mpls and vlan", `column 10: "vlan": vlan cannot stand behind mpls`, false},
		{Ethernet, "mpls and arp", `column 10: "arp": below mpls only IPv4 and IPv6 are told apart`, false},
		{Ethernet, "mpls and arp[0] = 1", `column 10: "arp": below mpls only IPv4 and IPv6 are told apart`, false},
		{Ethernet, "ip[0] << ip[1] = 1", `column 10: "ip": a shift by a number that is not constant differs from kernel to kernel`, true},
		{LinuxSLL, "ip", `no live filter can be compiled for LINUX_SLL: only for EN10MB and RAW`, true},
		{105, "ip", `no filter can be compiled for link type 105: only for NULL, EN10MB, PPP, RAW, LOOP, LINUX_SLL, LINUX_SLL2, IPV4 and IPV6`, false},
	} {
		f, err := Parse(test.filter)
		if err != nil {
			t.Errorf("%s: %v", test.filter, err)
			continue
		}
		if _, err := f.Program(test.link, test.live); err == nil || err.Error() != test.want {
			t.Errorf("%s: %s:\ngot  %v\nwant %s", test.link, test.filter, err, test.want)
		}
	}
}
