package packetfilter

import (
	_ "embed"
	"strconv"
	"strings"
)

// services are the names of ports, and protocols those of IP protocols, as
// Debian 12 has them in /etc/services and /etc/protocols. They are fixed, so that
// a filter means the same on every machine.
var (
	//go:embed services.txt
	services string
	//go:embed protocols.txt
	protocols string
)

// service finds a port by name. The protocol is 0 when TCP and UDP have it alike.
func service(name string) (port, protocol uint32, ok bool) {
	tcp, isTCP := entry(services, name, "/tcp")
	udp, isUDP := entry(services, name, "/udp")
	switch {
	case isTCP && isUDP && tcp == udp:
		return tcp, 0, true
	case isTCP:
		return tcp, protocolTCP, true
	case isUDP:
		return udp, protocolUDP, true
	}
	return 0, 0, false
}

// protocolNumber finds an IP protocol by name.
func protocolNumber(name string) (uint32, bool) {
	return entry(protocols, name, "")
}

// entry finds "NAME NUMBER+suffix" among lines.
func entry(lines, name, suffix string) (uint32, bool) {
	for line := range strings.Lines(lines) {
		found, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		number, has := strings.CutSuffix(rest, suffix)
		if found != name || !has {
			continue
		}
		value, err := strconv.ParseUint(number, 10, 32)
		return uint32(value), err == nil
	}
	return 0, false
}

// etherType finds what `ether proto \NAME` means.
func etherType(name string) (uint32, bool) {
	switch name {
	case "ip":
		return etherIPv4, true
	case "ip6":
		return etherIPv6, true
	case "arp":
		return etherARP, true
	case "rarp":
		return etherRARP, true
	case "stp":
		return llcSTP, true
	case "loopback":
		return 0x9000, true
	}
	return 0, false
}

// unsupported says why a word of tcpdump's grammar is refused; "" when it is not.
func unsupported(word string) string {
	switch word {
	case "gateway":
		return "a gateway would have to be looked up; write ether host MAC and not host ADDRESS"
	case "inbound", "outbound":
		return "a capture file does not keep the direction"
	case "ifindex", "ifname", "on", "rset", "ruleset", "rnr", "rulenum", "srnr", "subrulenum", "reason", "action":
		return "only captures of a firewall's log or of every interface have it"
	case "protochain":
		return "a chain of headers needs a loop, which the kernel's filter has not"
	case "geneve", "vxlan":
		return "what is inside a tunnel is not looked at; test its udp port"
	case "wlan", "fddi", "tr", "radio", "type", "subtype", "dir", "direction", "addr1", "addr2", "addr3", "addr4",
		"address1", "address2", "address3", "address4", "ra", "ta":
		return "captures of wireless, FDDI and token ring networks are not supported"
	case "decnet", "atalk", "aarp", "lat", "sca", "moprc", "mopdl", "ipx", "netbeui", "iso", "esis", "es-is", "isis", "is-is",
		"clnp", "l1", "l2", "iih", "lsp", "snp", "csnp", "psnp", "llc":
		return "this protocol is not supported; compare bytes instead, as in ether[14:2] = 0xfefe"
	case "byte":
		return "write ether[N] = VALUE"
	case "lane", "metac", "bcc", "oam", "oamf4", "oamf4ec", "oamf4sc", "sc", "ilmic", "vpi", "vci", "connectmsg", "metaconnect",
		"fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu", "sio", "opc", "dpc", "sls", "hsio", "hopc", "hdpc", "hsls":
		return "captures of ATM and of SS7 are not supported"
	}
	return ""
}

// keyword says whether a word is part of tcpdump's grammar.
func keyword(word string) bool {
	switch word {
	case "src", "dst", "host", "net", "mask", "port", "portrange", "proto", "and", "or", "not", "less", "greater", "len", "length",
		"broadcast", "multicast", "vlan", "mpls", "pppoed", "pppoes", "link", "ppp", "slip":
		return true
	}
	return protocolWord(word) || unsupported(word) != ""
}

// protocolWord says whether a word names a protocol that can stand alone or
// before a qualifier.
func protocolWord(word string) bool {
	switch word {
	case "ether", "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp", "carp", "ah", "esp", "stp":
		return true
	}
	return false
}

// constant finds the value of a named offset or value.
func constant(name string) (uint32, bool) {
	switch name {
	case "tcpflags":
		return 13, true
	case "icmptype", "icmp6type":
		return 0, true
	case "icmpcode", "icmp6code":
		return 1, true
	}
	return entry(constants, name, "")
}

// constants are the values that have a name.
const constants = `tcp-fin 1
tcp-syn 2
tcp-rst 4
tcp-push 8
tcp-ack 16
tcp-urg 32
tcp-ece 64
tcp-cwr 128
icmp-echoreply 0
icmp-unreach 3
icmp-sourcequench 4
icmp-redirect 5
icmp-echo 8
icmp-routeradvert 9
icmp-routersolicit 10
icmp-timxceed 11
icmp-paramprob 12
icmp-tstamp 13
icmp-tstampreply 14
icmp-ireq 15
icmp-ireqreply 16
icmp-maskreq 17
icmp-maskreply 18
icmp6-destinationunreach 1
icmp6-packettoobig 2
icmp6-timeexceeded 3
icmp6-parameterproblem 4
icmp6-echo 128
icmp6-echoreply 129
icmp6-multicastlistenerquery 130
icmp6-multicastlistenerreportv1 131
icmp6-multicastlistenerdone 132
icmp6-routersolicit 133
icmp6-routeradvert 134
icmp6-neighborsolicit 135
icmp6-neighboradvert 136
icmp6-redirect 137
icmp6-routerrenum 138
icmp6-nodeinformationquery 139
icmp6-nodeinformationresponse 140
icmp6-ineighbordiscoverysolicit 141
icmp6-ineighbordiscoveryadvert 142
icmp6-multicastlistenerreportv2 143
icmp6-homeagentdiscoveryrequest 144
icmp6-homeagentdiscoveryreply 145
icmp6-mobileprefixsolicit 146
icmp6-mobileprefixadvert 147
icmp6-certpathsolicit 148
icmp6-certpathadvert 149
icmp6-multicastrouteradvert 151
icmp6-multicastroutersolicit 152
icmp6-multicastrouterterm 153
`
