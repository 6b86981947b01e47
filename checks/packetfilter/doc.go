// Package packetfilter compiles filters of packets in tcpdump's syntax. It gives
// programs for the kernel's socket filter and matchers for packets of capture
// files; a matcher runs the same program, so that both mean the same.
//
// A filter means exactly what libpcap 1.10.3 makes of it. What the grammar below
// does not cover is refused with its place, and never guessed. A filter looks
// nothing up: no names of hosts or networks, no file of the machine.
//
// # Grammar
//
// Terminals are in quotes. Between words there may be any white space.
//
//	filter     = [ expression ] .                        nothing matches every packet
//	expression = operand { ( "and" | "&&" | "or" | "||" ) ( operand | values ) } .
//	operand    = { "not" | "!" } ( "(" expression ")" | primitive | relation ) .
//	primitive  = protocol
//	           | [ protocol ] [ way ] ( "host" | "net" | "port" | "portrange" ) values
//	           | [ protocol ] way values                 host is meant
//	           | [ "ip" | "ip6" | ether ] "proto" values
//	           | [ ether ] ( "broadcast" | "multicast" )
//	           | ( "ip" | "ip6" ) "multicast"
//	           | ( "less" | "greater" ) number
//	           | ( "vlan" | "mpls" | "pppoes" ) [ number ] | "pppoed" .
//	values     = { "not" | "!" } ( value | "(" values { ( "and" | "or" ) values } ")" ) .
//	way        = "src" | "dst" | "src" ( "or" | "and" ) "dst" | "dst" ( "or" | "and" ) "src" .
//	protocol   = ether | "ip" | "ip6" | "arp" | "rarp" | "tcp" | "udp" | "sctp" | "icmp" | "icmp6" | "igmp"
//	           | "igrp" | "pim" | "vrrp" | "carp" | "ah" | "esp" | "stp" .
//	ether      = "ether" | "link" | "ppp" | "slip" .     they are one, and no condition alone
//	relation   = sum ( "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" ) sum .
//	sum        = number | "len" | "length" | "(" sum ")" | "-" sum | sum operator sum
//	           | protocol "[" sum [ ":" ( "1" | "2" | "4" ) ] "]" .
//	operator   = "*" | "/" | "+" | "-" | "<<" | ">>" | "&" | "|" | "%" | "^" .
//
// And and or bind alike, from the left; not binds closest. Values without
// qualifiers inherit those before them: port 80 or 443. After a protocol that
// stands alone, a relation or a word such as vlan there are none to inherit;
// after parentheses they are those before the parentheses.
//
// A value is, after host or a way: an address of IPv4 with one to four numbers or
// of IPv6; after ether also a hardware address in any of tcpdump's forms. After
// net: one to four numbers, of which those left out are not compared; a dotted
// network with /LENGTH or "mask" MASK; IPv6 with /LENGTH. After port: a number or
// the name of a service; after portrange also two with a dash. After proto: a
// number or a name with \ before it where it is a word of the grammar. Names of
// services and protocols are those of Debian 12, whatever this machine has.
//
// Numbers are decimal, hexadecimal after 0x and octal after 0, or one of
// tcpdump's names: tcpflags, icmptype, icmpcode, icmp6type, icmp6code, and those
// that begin with tcp-, icmp- and icmp6-. The operators bind in the order *,/ then
// +,- then <<,>> then & then |; % and ^ bind closer than what is to their left and
// take all that is to their right. Numbers have 32 bits and no sign.
//
// # What may surprise
//
//   - A packet that is cut off before something that is asked for does not match,
//     even below a not.
//   - vlan, mpls and pppoes shift where everything to their right is looked for,
//     also when they are joined by or, or negated.
//   - Ports are looked for in first fragments only; with IPv6, behind no extension
//     header. Protocols of IPv6 are those of its header, or of a fragment's header
//     that comes first.
//   - tcp[…] and its like are bytes behind an IPv4 header only; icmp6[…] behind an
//     IPv6 header without extensions.
//   - host 10.1 is 10.1.0.0/16, and host 10 is 0.0.0.10; net 10 is 10.0.0.0/8.
//   - Tests are made in the order that libpcap's optimizer gives them, so that a
//     packet which lacks what one of them asks for has the same verdict. Where
//     that optimizer changes what a filter says of whole packets (some filters with
//     several networks of IPv6), the filter has the last word here. Of filters with
//     more than 5,000 tests the order is that of the text.
//   - In arithmetic, only the protocol of what stands first is asked for, as in
//     libpcap: ether[0] + ip[0] = 5 reads that byte of any packet.
//   - A negative offset, or one that no packet has, is refused: tcpdump takes it
//     or not, as its optimizer sees fit.
//
// # Live
//
// In a live capture the kernel has taken off the outermost VLAN tag. A live
// program asks the kernel for it, so that vlan means the tag wherever it is; as
// with tcpdump, a filter without vlan does not see whether there was one.
package packetfilter
