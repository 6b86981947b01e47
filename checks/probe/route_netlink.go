package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// The kernel's words for an address that no packet is sent to.
var (
	errNoRoute    = errors.New("no route")
	errProhibited = errors.New("prohibited")
	errDiscarded  = errors.New("discarded")
)

// What package syscall lacks of <linux/rtnetlink.h>, <linux/neighbour.h> and
// <linux/if_link.h>.
const (
	neighborHeader  = 12 // struct ndmsg
	neighborAddress = 1  // NDA_DST
	neighborMAC     = 2  // NDA_LLADDR
	metricMTU       = 2  // RTAX_MTU
	linkState       = 16 // IFLA_OPERSTATE
	linkCarrier     = 33 // IFLA_CARRIER
	stateUnknown    = 0  // IF_OPER_UNKNOWN: the driver does not tell
	stateUp         = 6  // IF_OPER_UP
)

// netlink asks the kernel about routes.
type netlink struct{ fd int }

func openNetlink(ctx context.Context) (*netlink, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, engine.Blind("may not ask the kernel for routes", "allow sockets of the family AF_NETLINK", err)
	}
	n := &netlink{fd}
	// The kernel answers before send returns: this is for one that does not.
	wait := syscall.NsecToTimeval(int64(max(reach.InnerTimeout(ctx, time.Second), time.Millisecond)))
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait)); err != nil {
		n.close()
		return nil, engine.Blind("may not ask the kernel for routes", "", err)
	}
	return n, nil
}

func (n *netlink) close() { _ = syscall.Close(n.fd) }

// ask sends one question and gives the message that answers it. An answer of
// several messages is not waited for: none of the questions here has one.
func (n *netlink) ask(kind uint16, body []byte) ([]byte, error) {
	message := make([]byte, syscall.NLMSG_HDRLEN, syscall.NLMSG_HDRLEN+len(body))
	binary.NativeEndian.PutUint32(message, uint32(syscall.NLMSG_HDRLEN+len(body)))
	binary.NativeEndian.PutUint16(message[4:], kind)
	binary.NativeEndian.PutUint16(message[6:], syscall.NLM_F_REQUEST)
	message = append(message, body...)
	if err := syscall.Sendto(n.fd, message, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return nil, err
	}
	answer := make([]byte, 64<<10)
	length, _, err := syscall.Recvfrom(n.fd, answer, 0)
	if err != nil {
		return nil, err
	}
	return netlinkBody(answer[:length])
}

// netlinkBody takes the first message out of what the kernel sent, or its error.
func netlinkBody(answer []byte) ([]byte, error) {
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil || len(messages) == 0 {
		return nil, fmt.Errorf("an answer of %d bytes that cannot be read", len(answer))
	}
	data := messages[0].Data
	if messages[0].Header.Type != syscall.NLMSG_ERROR {
		return data, nil
	}
	if len(data) < 4 {
		return nil, fmt.Errorf("an error of %d bytes", len(data))
	}
	return nil, syscall.Errno(-int32(binary.NativeEndian.Uint32(data)))
}

// attribute is one field of a message.
func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, -len(b)&3)...)
}

// attributes reads the fields of a message, of which the last of a kind counts.
func attributes(b []byte) map[uint16][]byte {
	all := map[uint16][]byte{}
	for len(b) >= 4 {
		length := int(binary.NativeEndian.Uint16(b))
		if length < 4 || length > len(b) {
			break
		}
		const flags = 0xC000 // nested, network byte order
		all[binary.NativeEndian.Uint16(b[2:])&^flags] = b[4:length]
		b = b[min(len(b), (length+3)&^3):]
	}
	return all
}

func family(addr netip.Addr) byte {
	if addr.Is4() {
		return syscall.AF_INET
	}
	return syscall.AF_INET6
}

// kernelRoute is the kernel's answer.
type kernelRoute struct {
	local           bool
	index           int
	gateway, source netip.Addr
	mtu             uint32 // 0 when nothing less than the interface's is known
}

// route asks for the route to an address.
func (n *netlink) route(addr netip.Addr) (kernelRoute, error) {
	header := make([]byte, syscall.SizeofRtMsg)
	header[0], header[1] = family(addr), byte(addr.BitLen())
	body := slices.Concat(header, attribute(syscall.RTA_DST, addr.AsSlice()))
	if zone, err := zoneOf(addr); err != nil {
		return kernelRoute{}, err
	} else if zone != 0 {
		body = append(body, attribute(syscall.RTA_OIF, binary.NativeEndian.AppendUint32(nil, zone))...)
	}
	answer, err := n.ask(syscall.RTM_GETROUTE, body)
	switch {
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return kernelRoute{}, errNoRoute
	case errors.Is(err, syscall.EACCES):
		return kernelRoute{}, errProhibited
	case errors.Is(err, syscall.EINVAL):
		return kernelRoute{}, errDiscarded
	case err != nil:
		return kernelRoute{}, err
	}
	return readRoute(answer)
}

func readRoute(answer []byte) (kernelRoute, error) {
	var r kernelRoute
	if len(answer) < syscall.SizeofRtMsg {
		return r, fmt.Errorf("a route of %d bytes", len(answer))
	}
	switch answer[7] { // rtm_type
	case syscall.RTN_LOCAL:
		r.local = true
	case syscall.RTN_UNREACHABLE:
		return r, errNoRoute
	case syscall.RTN_PROHIBIT:
		return r, errProhibited
	case syscall.RTN_BLACKHOLE:
		return r, errDiscarded
	}
	fields := attributes(answer[syscall.SizeofRtMsg:])
	if b := fields[syscall.RTA_OIF]; len(b) >= 4 {
		r.index = int(binary.NativeEndian.Uint32(b))
	}
	r.gateway, _ = netip.AddrFromSlice(fields[syscall.RTA_GATEWAY])
	const via = 18 // RTA_VIA: a gateway of the other version of IP, behind its family
	if b := fields[via]; len(b) > 2 {
		r.gateway, _ = netip.AddrFromSlice(b[2:])
	}
	r.source, _ = netip.AddrFromSlice(fields[syscall.RTA_PREFSRC])
	if b := attributes(fields[syscall.RTA_METRICS])[metricMTU]; len(b) >= 4 {
		r.mtu = binary.NativeEndian.Uint32(b)
	}
	return r, nil
}

// kernelLink is a network interface.
type kernelLink struct {
	name        string
	enabled, up bool
	noNeighbors bool // packets go to nobody in particular, as in a tunnel
	mtu         uint32
}

func (n *netlink) link(index int) (kernelLink, error) {
	header := make([]byte, syscall.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(header[4:], uint32(index))
	answer, err := n.ask(syscall.RTM_GETLINK, header)
	if err != nil {
		return kernelLink{}, err
	}
	return readLink(answer)
}

func readLink(answer []byte) (kernelLink, error) {
	var l kernelLink
	if len(answer) < syscall.SizeofIfInfomsg {
		return l, fmt.Errorf("an interface of %d bytes", len(answer))
	}
	flags := binary.NativeEndian.Uint32(answer[8:])
	fields := attributes(answer[syscall.SizeofIfInfomsg:])
	if b := fields[syscall.IFLA_IFNAME]; len(b) > 1 {
		l.name = reach.Printable(string(b[:len(b)-1]))
	}
	if b := fields[syscall.IFLA_MTU]; len(b) >= 4 {
		l.mtu = binary.NativeEndian.Uint32(b)
	}
	l.enabled = flags&syscall.IFF_UP != 0
	l.noNeighbors = flags&syscall.IFF_NOARP != 0
	carrier, state := true, byte(stateUnknown)
	if b := fields[linkCarrier]; len(b) > 0 {
		carrier = b[0] != 0
	}
	if b := fields[linkState]; len(b) > 0 {
		state = b[0]
	}
	l.up = l.enabled && carrier && (state == stateUp || state == stateUnknown)
	return l, nil
}

// neighbor asks what is known of an address on the network of an interface.
func (n *netlink) neighbor(index int, addr netip.Addr) (state, mac string, err error) {
	header := make([]byte, neighborHeader)
	header[0] = family(addr)
	binary.NativeEndian.PutUint32(header[4:], uint32(index))
	answer, err := n.ask(syscall.RTM_GETNEIGH, slices.Concat(header, attribute(neighborAddress, addr.AsSlice())))
	if errors.Is(err, syscall.ENOENT) {
		return "none", "", nil
	}
	if err != nil {
		return "", "", err
	}
	return readNeighbor(answer)
}

func readNeighbor(answer []byte) (state, mac string, err error) {
	if len(answer) < neighborHeader {
		return "", "", fmt.Errorf("a neighbour of %d bytes", len(answer))
	}
	if b := attributes(answer[neighborHeader:])[neighborMAC]; len(b) > 0 && len(b) <= 20 {
		mac = net.HardwareAddr(b).String()
	}
	return neighborStates(binary.NativeEndian.Uint16(answer[8:])), mac, nil
}

// neighborStates names the state of <linux/neighbour.h>.
func neighborStates(bits uint16) string {
	for i, name := range []string{"incomplete", "reachable", "stale", "delay", "probe", "failed", "none", "permanent"} {
		if bits == 1<<i {
			return name
		}
	}
	return "none"
}
