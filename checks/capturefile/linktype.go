package capturefile

import "strconv"

// LinkType is how the data of packets begins, as registered by tcpdump.org
// (LINKTYPE_…). These are the ones with a name here.
type LinkType uint16

// The link types that networks are captured with.
const (
	Null      LinkType = 0   // the loopback interface of BSD: 4 bytes of address family in the writer's byte order
	Ethernet  LinkType = 1   //
	TokenRing LinkType = 6   //
	PPP       LinkType = 9   //
	RawBSD    LinkType = 12  // IP without anything before it, as BSD writes it
	RawOpen   LinkType = 14  // the same as OpenBSD writes it
	PPPSerial LinkType = 50  // PPP in HDLC-like framing
	PPPoE     LinkType = 51  // without Ethernet before it
	Raw       LinkType = 101 // IP without anything before it
	CiscoHDLC LinkType = 104 //
	WiFi      LinkType = 105 // IEEE 802.11
	Loop      LinkType = 108 // the loopback interface of OpenBSD: as Null, big endian
	LinuxSLL  LinkType = 113 // the interface "any" of Linux
	PFLog     LinkType = 117 // log of OpenBSD's firewall
	Radiotap  LinkType = 127 // IEEE 802.11 with how it was received
	PPI       LinkType = 192 //
	IPv4      LinkType = 228 // only IPv4
	IPv6      LinkType = 229 // only IPv6
	NFLog     LinkType = 239 // log of Linux's firewall
	LinuxSLL2 LinkType = 276 // the interface "any" of Linux, with which it was
)

// longest is how long a captured packet can be, as libpcap has it.
func (l LinkType) longest() uint32 {
	switch l {
	case 189, 220, 231, 249: // USB on Linux, with and without padding, D-Bus, USB on Windows
		return 128 << 20
	case 279: // EBHSCR
		return 8 << 20
	default:
		return MaxData
	}
}

// String is a name that is widely understood, or the number.
func (l LinkType) String() string {
	switch l {
	case Null, Loop:
		return "BSD loopback"
	case Ethernet:
		return "Ethernet"
	case TokenRing:
		return "Token Ring"
	case PPP, PPPSerial:
		return "PPP"
	case PPPoE:
		return "PPPoE"
	case RawBSD, RawOpen, Raw:
		return "raw IP"
	case CiscoHDLC:
		return "Cisco HDLC"
	case WiFi:
		return "802.11"
	case LinuxSLL:
		return "Linux cooked"
	case PFLog:
		return "PF log"
	case Radiotap:
		return "802.11 with radiotap"
	case PPI:
		return "PPI"
	case IPv4:
		return "raw IPv4"
	case IPv6:
		return "raw IPv6"
	case NFLog:
		return "Netfilter log"
	case LinuxSLL2:
		return "Linux cooked v2"
	default:
		return "link type " + strconv.Itoa(int(l))
	}
}
