package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// receive takes in what has come, or waits for something to come.
func (s *pingSocket) receive(run *pingRun, until time.Time, timeout time.Duration) error {
	if err := s.SetReadDeadline(until); err != nil {
		return err
	}
	conn, err := s.SyscallConn()
	if err != nil {
		return err
	}
	data, control := make([]byte, 16<<10), make([]byte, 1024)
	err = conn.Read(func(fd uintptr) bool {
		some := false
		for _, flags := range []int{syscall.MSG_ERRQUEUE, 0} {
			n, c, _, from, err := syscall.Recvmsg(int(fd), data, control, flags|syscall.MSG_DONTWAIT)
			if err != nil {
				// What is not "nothing there" is the error of a packet, which the queue
				// tells more about; reading it here clears it.
				some = some || !errors.Is(err, syscall.EAGAIN)
				continue
			}
			some = true
			if flags == 0 {
				run.reply(s, data[:n], control[:c], from, timeout)
			} else {
				run.failure(s, data[:n], control[:c])
			}
		}
		return some
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// reply takes in a message that may be a reply to one of our packets.
func (r *pingRun) reply(s *pingSocket, data, control []byte, from syscall.Sockaddr, timeout time.Duration) {
	if s.raw && !s.to.Is6() && len(data) > 0 { // it comes with its IP header
		data = data[min(len(data), int(data[0]&0xF)*4):]
	}
	kind := byte(echoReply4)
	if s.to.Is6() {
		kind = echoReply6
	}
	if len(data) < icmpHeader+len(s.mark) || data[0] != kind || !bytes.Equal(data[icmpHeader:icmpHeader+len(s.mark)], s.mark[:]) ||
		addressOf(from).WithZone("") != s.to.WithZone("") {
		return
	}
	i := int(binary.BigEndian.Uint16(data[6:])) - 1
	if i < 0 || i >= len(r.packets) {
		return
	}
	packet := &r.packets[i]
	if packet.replied {
		r.duplicates++
		return
	}
	rtt := time.Since(packet.sent)
	at, ttl := received(control)
	// The kernel's time is that of the clock on the wall, which may be set meanwhile.
	if by := at.Sub(packet.sent.Round(0)); by > 0 && by < rtt {
		rtt = by
	}
	if rtt <= timeout {
		packet.replied, packet.rtt, r.ttl = true, rtt, ttl
	}
}

// received reads when a message came in, and how many hops it had left.
func received(control []byte) (at time.Time, ttl int) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return at, 0
	}
	for _, m := range messages {
		h := m.Header
		switch {
		case h.Level == syscall.SOL_SOCKET && h.Type == syscall.SCM_TIMESTAMPNS && len(m.Data) >= 16:
			at = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		case h.Level == syscall.IPPROTO_IP && h.Type == syscall.IP_TTL && len(m.Data) >= 4,
			h.Level == syscall.IPPROTO_IPV6 && h.Type == syscall.IPV6_HOPLIMIT && len(m.Data) >= 4:
			ttl = int(binary.NativeEndian.Uint32(m.Data) & 0xFF)
		}
	}
	return at, ttl
}

// failure takes in an entry of the error queue: our request, and who says what
// about it. A raw socket gets those of others too.
func (r *pingRun) failure(s *pingSocket, request, control []byte) {
	kind := byte(echo4)
	if s.to.Is6() {
		kind = echo6
	}
	if len(request) < icmpHeader || request[0] != kind || s.raw && !bytes.Equal(request[4:6], s.mark[:2]) ||
		len(request) >= icmpHeader+len(s.mark) && !bytes.Equal(request[icmpHeader:icmpHeader+len(s.mark)], s.mark[:]) {
		return
	}
	i := int(binary.BigEndian.Uint16(request[6:])) - 1
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil || i < 0 || i >= len(r.packets) || r.packets[i].failed {
		return
	}
	for _, m := range messages {
		h := m.Header
		if h.Level == syscall.IPPROTO_IP && h.Type == syscall.IP_RECVERR || h.Level == syscall.IPPROTO_IPV6 && h.Type == syscall.IPV6_RECVERR {
			reason, from, ok := extendedFailure(m.Data)
			if !ok {
				return
			}
			r.packets[i].failed = true
			r.errors, r.reason, r.from = r.errors+1, reason, from
			return
		}
	}
}

// extendedFailure reads a struct sock_extended_err and the address of who sent
// the error, which follows it.
func extendedFailure(data []byte) (reason, from string, ok bool) {
	const length = 16
	const local, icmp4, icmp6 = 1, 2, 3
	if len(data) < length {
		return "", "", false
	}
	origin, kind, code := data[4], data[5], data[6]
	switch origin {
	case local:
		return "other", "", true
	case icmp4:
		reason = unreachable4(kind, code)
	case icmp6:
		reason = unreachable6(kind, code)
	default:
		return "", "", false
	}
	rest := data[length:]
	if len(rest) < 2 {
		return reason, "", true
	}
	switch family := binary.NativeEndian.Uint16(rest); {
	case family == syscall.AF_INET && len(rest) >= 8:
		from = netip.AddrFrom4([4]byte(rest[4:8])).String()
	case family == syscall.AF_INET6 && len(rest) >= 24:
		from = netip.AddrFrom16([16]byte(rest[8:24])).String()
	}
	return reason, from, true
}

// unreachable4 names the errors of ICMP (RFC 792, RFC 1812).
func unreachable4(kind, code byte) string {
	const unreachable, exceeded = 3, 11
	if kind == exceeded {
		return "ttl_exceeded"
	}
	if kind != unreachable {
		return "other"
	}
	switch code {
	case 0, 6:
		return "no_route"
	case 1, 7:
		return "host"
	case 2:
		return "protocol"
	case 3:
		return "port"
	case 4:
		return "too_big"
	case 9, 10, 13:
		return "prohibited"
	}
	return "other"
}

// unreachable6 names the errors of ICMPv6 (RFC 4443).
func unreachable6(kind, code byte) string {
	const unreachable, tooBig, exceeded = 1, 2, 3
	switch kind {
	case tooBig:
		return "too_big"
	case exceeded:
		return "ttl_exceeded"
	case unreachable:
	default:
		return "other"
	}
	switch code {
	case 0:
		return "no_route"
	case 1, 5, 6:
		return "prohibited"
	case 3:
		return "host"
	case 4:
		return "port"
	}
	return "other"
}

func addressOf(from syscall.Sockaddr) netip.Addr {
	switch a := from.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrFrom4(a.Addr)
	case *syscall.SockaddrInet6:
		return netip.AddrFrom16(a.Addr)
	}
	return netip.Addr{}
}
