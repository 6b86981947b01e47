package probe

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"gumshoe/checks/reach"
	"gumshoe/engine"
)

// pingSocket sends echo requests to one address and takes in what comes back.
type pingSocket struct {
	*os.File

	to  netip.Addr
	raw bool
	// mark begins the data of our requests, so that a raw socket, which gets the
	// replies to everybody, knows ours.
	mark [8]byte
}

// Kinds of ICMP messages.
const (
	echo4, echoReply4 = 8, 0
	echo6, echoReply6 = 128, 129
	icmpHeader        = 8
)

// openPing opens a socket for anybody, or else one for the privileged.
func openPing(to netip.Addr, whole bool) (*pingSocket, error) {
	family, protocol := syscall.AF_INET, syscall.IPPROTO_ICMP
	if to.Is6() {
		family, protocol = syscall.AF_INET6, syscall.IPPROTO_ICMPV6
	}
	s := &pingSocket{to: to}
	_, _ = rand.Read(s.mark[:]) // it never fails
	flags := syscall.SOCK_CLOEXEC | syscall.SOCK_NONBLOCK
	fd, err := syscall.Socket(family, syscall.SOCK_DGRAM|flags, protocol)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EPROTONOSUPPORT) {
		s.raw = true
		fd, err = syscall.Socket(family, syscall.SOCK_RAW|flags, protocol)
	}
	switch {
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return nil, engine.Blind("may not send ping", `allow it to this user's group: sysctl -w net.ipv4.ping_group_range="0 2147483647", or to gumshoe: setcap cap_net_raw+ep on its file`, err)
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return nil, engine.Blind("this host does not speak this version of IP", "set ip: 4 or ip: 6", err)
	case err != nil:
		_, blind := reach.OutcomeOf(err)
		return nil, blind
	}
	s.File = os.NewFile(uintptr(fd), "ping")
	if err := s.options(fd, whole); err != nil {
		s.Close()
		return nil, engine.Blind("cannot set up a socket for ping", "", err)
	}
	return s, nil
}

// options asks for errors, the hops left and the time with what is received, and
// that packets stay whole.
func (s *pingSocket) options(fd int, whole bool) error {
	if whole {
		level, option, probe := syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, syscall.IP_PMTUDISC_PROBE
		if s.to.Is6() {
			level, option, probe = syscall.IPPROTO_IPV6, syscall.IPV6_MTU_DISCOVER, syscall.IPV6_PMTUDISC_PROBE
		}
		if err := syscall.SetsockoptInt(fd, level, option, probe); err != nil {
			return err
		}
	}
	time := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
	if s.to.Is6() {
		return errors.Join(time,
			syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_RECVERR, 1),
			syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_RECVHOPLIMIT, 1))
	}
	return errors.Join(time,
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, syscall.IP_RECVERR, 1),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, syscall.IP_RECVTTL, 1))
}

// send sends one request.
func (s *pingSocket) send(sequence, size int) error {
	packet := make([]byte, icmpHeader+size)
	packet[0] = echo4
	if s.to.Is6() {
		packet[0] = echo6
	}
	copy(packet[4:6], s.mark[:2]) // the kernel puts its own number over it when the socket is not raw
	binary.BigEndian.PutUint16(packet[6:], uint16(sequence))
	copy(packet[icmpHeader:], s.mark[:])
	if !s.to.Is6() { // for IPv6 the kernel does it
		binary.BigEndian.PutUint16(packet[2:], checksum(packet))
	}
	to, err := s.destination()
	if err != nil {
		return err
	}
	conn, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = conn.Write(func(fd uintptr) bool {
		sent = syscall.Sendto(int(fd), packet, 0, to)
		return !errors.Is(sent, syscall.EAGAIN)
	})
	return errors.Join(err, sent)
}

func (s *pingSocket) destination() (syscall.Sockaddr, error) {
	if !s.to.Is6() {
		return &syscall.SockaddrInet4{Addr: s.to.As4()}, nil
	}
	zone, err := zoneOf(s.to)
	return &syscall.SockaddrInet6{Addr: s.to.As16(), ZoneId: zone}, err
}

func zoneOf(addr netip.Addr) (uint32, error) {
	if addr.Zone() == "" {
		return 0, nil
	}
	if device, err := net.InterfaceByName(addr.Zone()); err == nil {
		return uint32(device.Index), nil
	}
	return 0, engine.Blind("this host has no network interface "+reach.Printable(addr.Zone()), "see ip link", nil)
}

// checksum is that of RFC 1071.
func checksum(packet []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(packet); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	if len(packet)%2 == 1 {
		sum += uint32(packet[len(packet)-1]) << 8
	}
	for sum > 0xFFFF {
		sum = sum>>16 + sum&0xFFFF
	}
	return ^uint16(sum)
}

// pingRun is what came of a series of packets.
type pingRun struct {
	packets      []pingPacket
	duplicates   int
	ttl          int
	errors       int
	from, reason string
	dropped      int   // by this host
	forbidden    error // why, when a rule did it
}

// allForbidden tells that no packet was let out.
func (r *pingRun) allForbidden() bool { return r.forbidden != nil && r.dropped == len(r.packets) }

type pingPacket struct {
	sent    time.Time
	rtt     time.Duration
	replied bool
	// failed tells that somebody said that it cannot be delivered.
	failed bool
}

// run sends the packets and takes in replies until each had its time.
func (s *pingSocket) run(ctx context.Context, in PingInput) (*pingRun, error) {
	timeout := reach.InnerTimeout(ctx, in.Timeout)
	end := time.Now().Add(reach.InnerTimeout(ctx, in.Interval*time.Duration(in.Count-1)+timeout))
	defer context.AfterFunc(ctx, func() { s.Close() })()
	run := &pingRun{}
	next, tried := time.Now(), 0
	for {
		now := time.Now()
		sending := tried < in.Count && (tried == 0 || next.Add(timeout).Before(end.Add(time.Millisecond)))
		switch {
		case ctx.Err() != nil:
			return run, ctx.Err()
		case sending && !now.Before(next):
			if err := s.next(run, in.Size); err != nil {
				if ctx.Err() != nil {
					return run, ctx.Err()
				}
				return run, err
			}
			tried, next = tried+1, next.Add(in.Interval)
			continue
		case !sending && (run.settled() || !now.Before(run.deadline(timeout))):
			return run, nil
		}
		wait := next
		if !sending {
			wait = run.deadline(timeout)
		}
		if err := s.receive(run, wait, timeout); err != nil && ctx.Err() == nil {
			return run, err
		}
	}
}

// settled tells that nothing more is to be waited for. Duplicates come with the
// reply or not at all.
func (r *pingRun) settled() bool {
	for _, p := range r.packets {
		if !p.replied && !p.failed {
			return false
		}
	}
	return true
}

// deadline is when the last packet has had its time.
func (r *pingRun) deadline(timeout time.Duration) time.Time {
	if len(r.packets) == 0 {
		return time.Time{}
	}
	return r.packets[len(r.packets)-1].sent.Add(timeout)
}

// next sends the next packet. That there is no way to send it is observed.
func (s *pingSocket) next(run *pingRun, size int) error {
	run.packets = append(run.packets, pingPacket{sent: time.Now()})
	err := s.send(len(run.packets), size)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EPROTO) { // of an earlier packet, which the error queue tells more about
		err = s.send(len(run.packets), size)
	}
	forbidden := errors.Is(err, syscall.EPERM)
	switch {
	case err == nil:
		return nil
	case forbidden, errors.Is(err, syscall.ENOBUFS): // a rule of this host, or a queue that had no room for it
		if _, blind := reach.OutcomeOf(err); forbidden {
			run.forbidden = blind
		}
		run.dropped++
		run.packets[len(run.packets)-1].failed = true
		return nil
	}
	run.packets = run.packets[:len(run.packets)-1]
	if errors.Is(err, syscall.EMSGSIZE) {
		return engine.Blind("a packet of this size does not fit into our network", "set a lower size, or see ip link for the MTU", err)
	}
	outcome, blind := reach.OutcomeOf(err)
	if blind != nil {
		return blind
	}
	if outcome == reach.Unreachable {
		run.errors, run.reason, run.from = run.errors+1, "no_route", ""
	}
	return nil
}
